// Tilings of the kernels by planes (kernels/planes.h): variants `xmsda`, `xmsda-aligned` and `hybrid`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "ascend/host/tiling.h"

namespace xmsda::ascend {

struct PlanesChoice {
  bool pairs = true;          // planes of pairs of pixels, f16 only; else of words of channels
  int32_t block_queries = 0;  // 0: the most that fit, such that cores have equal shares
};

// kUnsupported with the limit at fault when there is no such tiling.
Status TilePlanesForward(const Problem& problem, const Chip& chip, const PlanesChoice& choice,
                         xmsda_ascend::Tiling* tiling);
Status TilePlanesBackward(const Problem& problem, const Chip& chip, const PlanesChoice& choice,
                          xmsda_ascend::Tiling* tiling);
// For kernels/scatter.h, whose gradient image is that of the kernels by rows (GradientImageBytes).
Status TileScatter(const Problem& problem, const Chip& chip, xmsda_ascend::Tiling* tiling);
// For kernels/rows_forward.h with kernels/words.h, variant `hybrid`: the smallest `gathered_levels` are gathered from
// planes of words, -1: about a third of the samples, as far as they fit. 0 where none does.
Status TileHybrid(const Problem& problem, const Chip& chip, int32_t gathered_levels, xmsda_ascend::Tiling* tiling);

// Bytes of all planes in GM.
int64_t PlanesBytes(const Problem& problem, const xmsda_ascend::Tiling& tiling);

}  // namespace xmsda::ascend
