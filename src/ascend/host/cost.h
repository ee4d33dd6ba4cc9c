// An analytic model of the kernels by rows: cycles of their queues, from which `auto` chooses.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ascend/host/tiling.h"

namespace xmsda::ascend {

// Cycles of each queue of the busiest core, and of the whole pass with its other kernels and launches.
struct Cost {
  double s = 0, v = 0, mte2 = 0, mte3 = 0;
  double total = 0;
};

// Of the pass that a tiling of TileRowsForward or TileRowsBackward is for, on a 910B2 with the constants of
// sim/machines/910b.toml: issue of a copy 20.4 cycles, of an instruction 4, of a vector mask 16, GetValue 11, MulAddDst
// 2 a repeat, Gatherb 8, a group of dependent vector instructions 24, atomics 16 bytes a cycle, 5545 cycles a launch.
Cost RowsForwardCost(const Problem& problem, const Chip& chip, const xmsda_ascend::Tiling& tiling);
Cost RowsBackwardCost(const Problem& problem, const Chip& chip, const xmsda_ascend::Tiling& tiling);

// The total of a pass with the tiling that `choice` leads to; infinite when there is none.
double EstimateRows(const Problem& problem, const Chip& chip, const RowsChoice& choice, bool backward);

}  // namespace xmsda::ascend
