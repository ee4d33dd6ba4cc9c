// Analytic models of the kernels: cycles of their queues, from which `auto` chooses and the tuner drafts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "ascend/host/variants.h"

namespace xmsda::ascend {

// Constants of the chip that decide, by their names in sim/machines; those of a 910B2.
struct Timing {
  double dma_issue = 20.4;    // dma.issue
  double gather = 26;         // vector.Gather.b4.per_repeat
  double gatherb = 8;         // vector.Gatherb.any.per_repeat
  double mul_add = 2;         // vector.MulAddDst.any.per_repeat
  double scalar_issue = 4;    // scalar.issue
  double scalar_access = 11;  // scalar.access
  double atomic = 16;         // l2.atomic, bytes a cycle
};
// False for a name that the models do not have.
bool SetTiming(std::string_view name, double value, Timing* timing);

// Cycles of each queue of the busiest core, and of the whole pass with its other kernels and launches.
struct Cost {
  double s = 0, v = 0, mte2 = 0, mte3 = 0;
  double total = 0;
};

// Of the pass that a tiling of TileRowsForward or TileRowsBackward is for, on a 910B2 with the constants of
// sim/machines/910b.toml: those of `timing`, and of a vector mask 16, a group of dependent vector instructions 24, 5545
// cycles a launch.
Cost RowsForwardCost(const Problem& problem, const Chip& chip, const xmsda_ascend::Tiling& tiling,
                     const Timing& timing = {});
Cost RowsBackwardCost(const Problem& problem, const Chip& chip, const xmsda_ascend::Tiling& tiling,
                      const Timing& timing = {});

// A pass by any variant of Variants() but "auto", with the tiling that it has on this chip; infinite when there is
// none. How near it comes to the simulator: docs/ascend.md.
Cost DraftPass(const Problem& problem, const Chip& chip, const Variant& variant, const Timing& timing, bool backward);

// What parts of several kernels cost; cycles.
Cost PlanesCost(const Problem& problem, const Chip& chip, bool pairs, const Timing& timing, bool backward);
Cost HybridCost(const Problem& problem, const Chip& chip, const Timing& timing);
Cost LibraryCost(const Problem& problem, const Chip& chip, int32_t buffers, const Timing& timing, bool backward);
Cost NoCost();  // infinite
// Queues overlap, but not wholly: the others cost the busiest one a twentieth of their time.
double Together(const Cost& cost);

// For Variant::estimate: the total of a pass, with the tiling that `choice` leads to; infinite when there is none.
double EstimateRows(const Problem& problem, const Chip& chip, const RowsChoice& choice, bool backward);
double EstimateLibraryDb(const Problem& problem, const Chip& chip, bool backward);

}  // namespace xmsda::ascend
