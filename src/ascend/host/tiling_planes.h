// Tilings of the kernels by planes (kernels/planes.h): variants `xmsda` and `xmsda-aligned`.
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

// Bytes of all planes in GM.
int64_t PlanesBytes(const Problem& problem, const xmsda_ascend::Tiling& tiling);

}  // namespace xmsda::ascend
