// Tilings: how a problem is laid out and cut for the kernels of a chip.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "../kernels/tiling.h"
#include "xmsda/problem.h"

namespace xmsda::ascend {

// What may be asked of the tiling of a pass; what is left as it is here the host chooses itself. Each variant has some
// of them (choice.h), and what it cannot do it refuses.
struct Wish {
  int32_t tile = 0;     // queries of a tile: 16, 32, 48 or 64
  int32_t tiles = 0;    // of one head and batch
  int32_t levels = -1;  // so many of the smallest levels are kept in UB
  int32_t block = 0;    // queries whose samples stay in UB while planes pass by, a multiple of 32
  int32_t copies = 0;   // for the four corners of a sample: 1, 2 (one a row) or 4
  int32_t order = -1;   // rows, forward: 1: resident samples among the others, 0: as they come.
                        // planes, backward: 1: cores start at different levels, 0: all at the first
  int32_t pairs = -1;   // planes of pairs, forward: 1: a gather for two pixels, 0: one for each
  int32_t cores = 0;    // of the chip that take part in the pass, at most all
  bool operator==(const Wish&) const = default;
};

// What tilings depend on. `ub_bytes` is what kernels may use of UB.
struct Chip {
  int32_t vector_cores = 48;
  int64_t ub_bytes = 184 * 1024;
  Wish forward = {}, backward = {};  // of the passes
};

// The sizes of a problem and where its levels lie, the same for all kernels; kUnsupported beyond what any of them
// takes.
Status TileProblem(const Problem& problem, xmsda_ascend::Tiling* tiling);

// Samples of levels that are resident, or have a window, spread evenly among the others, whose copies go on meanwhile.
void OrderSamples(xmsda_ascend::Tiling* tiling);
// What kernels/rows_forward.h takes of UB; words.h apart where it is `hybrid`.
int64_t RowsForwardBytes(const Problem& problem, const xmsda_ascend::Tiling& tiling, bool hybrid);
// Tiles of a head: at least as many as queries need, more when the cores are then busy more evenly. A core with `n`
// tiles of `q` queries takes time for n * (q + T / 4): queue V works on T queries in any case.
int32_t Tiles(const xmsda_ascend::Tiling& tiling, const Chip& chip);
// Tiles of a head and copies as wished, or as without a wish; kUnsupported where there are fewer queries, or more than
// a tile holds.
Status PlaceTiles(const Chip& chip, const Wish& wish, xmsda_ascend::Tiling* tiling);

struct RowsChoice {
  bool raw = false;              // value is read as it is, without an image
  int32_t tile_queries = 0;      // 0: the largest that fits
  int32_t resident_levels = -1;  // the smallest so many levels are kept in UB; -1: as many as fit
};

// Types and sampling that no kernel takes: kUnsupported.
Status CheckTypes(const Problem& problem);
// kUnsupported for bf16 value, which vector instructions take in Cast only: of variants that compute with value as it
// comes.
Status CheckNoBfloat(const Problem& problem);

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
