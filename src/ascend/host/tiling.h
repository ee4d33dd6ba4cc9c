// Tilings: how a problem is laid out and cut for the kernels of a chip.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "../kernels/tiling.h"
#include "xmsda/problem.h"

namespace xmsda::ascend {

// What tilings depend on. `ub_bytes` is what kernels may use of UB.
struct Chip {
  int32_t vector_cores = 48;
  int64_t ub_bytes = 184 * 1024;
};

// The sizes of a problem and where its levels lie, the same for all kernels; kUnsupported beyond what any of them
// takes.
Status TileProblem(const Problem& problem, xmsda_ascend::Tiling* tiling);

// Resident samples spread evenly among the others, which then arrive while those are worked on.
void OrderSamples(xmsda_ascend::Tiling* tiling);
// What kernels/rows_forward.h takes of UB.
int64_t RowsForwardBytes(const Problem& problem, const xmsda_ascend::Tiling& tiling);
// Tiles of a head: at least as many as queries need, more when the cores are then busy more evenly. A core with `n`
// tiles of `q` queries takes time for n * (q + T / 4): queue V works on T queries in any case.
int32_t Tiles(const xmsda_ascend::Tiling& tiling, const Chip& chip);

struct RowsChoice {
  bool raw = false;              // value is read as it is, without an image
  int32_t tile_queries = 0;      // 0: the largest that fits
  int32_t resident_levels = -1;  // the smallest so many levels are kept in UB; -1: as many as fit
};

// Types and sampling that no kernel takes: kUnsupported.
Status CheckTypes(const Problem& problem);

// For the kernels by rows (kernels/rows_forward.h, rows_backward.h). kUnsupported with the limit at fault when there is
// no such tiling.
Status TileRowsForward(const Problem& problem, const Chip& chip, const RowsChoice& choice,
                       xmsda_ascend::Tiling* tiling);
Status TileRowsBackward(const Problem& problem, const Chip& chip, const RowsChoice& choice,
                        xmsda_ascend::Tiling* tiling);

// Sizes and levels of the problem, nothing else. For the kernels of library.cpp and of
// grid_sample.cpp. kUnsupported with the limit at fault.
Status TileLibrary(const Problem& problem, const Chip& chip, int32_t buffers, bool backward,
                   xmsda_ascend::Tiling* tiling);
Status TileGridSample(const Problem& problem, xmsda_ascend::Tiling* tiling);

// kUnsupported where a pixel belongs to two levels.
Status CheckOverlap(const Problem& problem);
// Of levels that do not overlap.
bool EveryPixelHasALevel(const Problem& problem);

// Bytes of the image that the kernels by rows read, and of that of the gradient.
int64_t ImageBytes(const Problem& problem, const xmsda_ascend::Tiling& tiling);
int64_t GradientImageBytes(const Problem& problem, const xmsda_ascend::Tiling& tiling);

}  // namespace xmsda::ascend
