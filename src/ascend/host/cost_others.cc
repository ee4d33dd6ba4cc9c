// Analytic models of the kernels by planes and of those in the vendor's style.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "ascend/host/cost.h"
#include "ascend/host/tiling_planes.h"

namespace xmsda::ascend {
namespace {

using xmsda_ascend::Tiling;

constexpr double kGroup = 24;  // V: until the results of a short instruction may be used
constexpr double kLaunch = 5545;
constexpr double kPlaneBytes = 60;      // a cycle and core, from L2
constexpr double kBytesToGm = 900;      // a cycle, all cores
constexpr double kBytesOfPlanes = 400;  // a cycle, all cores: rearranged
constexpr double kBurstWrite = 10.7;

double Value(const Problem& p) { return static_cast<double>(p.batch * p.value_size * p.num_heads * p.channels); }
double Size(const Problem& p) { return static_cast<double>(DTypeSize(p.value_dtype)); }
double Rounds(double units, const Chip& chip) {
  return static_cast<double>((static_cast<int64_t>(units) + chip.vector_cores - 1) / chip.vector_cores);
}

// V cycles of the geometry of a tile of `queries`.
double Geometry(const Tiling& t, double queries) {
  return 40 * t.samples * queries / 64 + 7 * 1.67 * t.samples + 19 * kGroup;
}

// V cycles of the gathers of a block of queries and what is done with them, all planes of a head; `group`: of two
// dependent instructions, beside their repeats.
double Gathers(const Tiling& t, double word_lanes, double gathers, const Timing& timing, double group) {
  double plane = 3 * group + 3.0 * t.slots * t.block_queries * word_lanes / 64;
  for (int32_t l = 0; l < t.num_levels; ++l) {
    if (t.level[l].plane_row == 0) continue;
    const double repeats = t.level[l].points * t.block_queries / 64.0;
    plane += gathers * (repeats * (timing.gather + timing.mul_add * word_lanes) + group);
  }
  return plane * t.head_planes;
}

double MakePlanes(const Problem& p) { return kLaunch + Value(p) * Size(p) / kBytesOfPlanes; }

// Zeros, atomic additions of four corners a sample, and the gradient in the type of value.
double Scatter(const Problem& p, const Chip& chip, const Tiling& t, const Timing& timing) {
  const double tiles = Rounds(static_cast<double>(t.batch) * t.heads * t.tiles, chip);
  const double count = static_cast<double>((t.queries + t.tiles - 1) / t.tiles);
  const double bytes = 4.0 * t.channels * 4;
  const double copy =
      std::max(t.copies * std::max(timing.dma_issue, kBurstWrite * 4 / t.copies / 2), bytes / timing.atomic);
  Cost cost;
  cost.mte3 = 1.1 * t.samples * count * copy;
  cost.s = t.samples * count * (timing.scalar_access / 2 + timing.scalar_issue * t.copies + 2);
  cost.v = Geometry(t, t.tile_queries) + t.samples * (t.channels / 8.0 * (t.tile_queries / 2.0 + 9) + 2 * kGroup);
  for (double* queue : {&cost.mte3, &cost.s, &cost.v}) *queue *= tiles;
  return kLaunch * 3 + Together(cost) + Geometry(t, t.tile_queries) + Value(p) * 4 / kBytesToGm +
         Value(p) * (4 + Size(p)) / 1.5 / kBytesToGm;
}

}  // namespace

Cost PlanesCost(const Problem& p, const Chip& chip, bool pairs, const Timing& timing, bool backward) {
  Tiling t = {}, scatter = {};
  const PlanesChoice choice = {.pairs = pairs};
  if (!(backward ? TilePlanesBackward(p, chip, choice, &t) : TilePlanesForward(p, chip, choice, &t)).ok() ||
      (backward && !TileScatter(p, chip, &scatter).ok())) {
    return NoCost();
  }
  const double lanes = 4 / Size(p), gathers = !pairs || t.corner_gathers != 0 ? 4 : 2;
  const double tiles = static_cast<double>((t.block_queries + t.tile_queries - 1) / t.tile_queries);
  const double geometry = tiles * (Geometry(t, t.tile_queries) + (backward ? 40 : 10) * kGroup);
  const double units = Rounds(static_cast<double>(t.batch) * t.heads * t.blocks, chip);
  Cost cost;
  cost.v = units * (Gathers(t, lanes, gathers, timing, 36) + (backward ? 2 : 1) * geometry);
  cost.mte2 = units * t.head_planes * t.plane_bytes / kPlaneBytes;
  cost.s = units * t.head_planes * t.num_levels * gathers * 6 * timing.scalar_issue;
  cost.total = Together(cost) + t.plane_bytes / kPlaneBytes + 2000 + kLaunch + MakePlanes(p);
  if (backward) cost.total += Scatter(p, chip, scatter, timing);
  return cost;
}

Cost HybridCost(const Problem& p, const Chip& chip, const Timing& timing) {
  Tiling t = {};
  if (!TileHybrid(p, chip, -1, &t).ok()) return NoCost();
  Tiling rows = t;
  rows.samples = t.num_fetched;
  Cost cost = RowsForwardCost(p, chip, rows, timing);
  const double tiles = Rounds(static_cast<double>(t.batch) * t.heads * t.tiles, chip);
  const double lanes = 4 / Size(p);
  t.block_queries = t.tile_queries;
  if (t.plane_bytes == 0) return cost;
  const double gathered = tiles * (Gathers(t, lanes, 4, timing, 20) +
                                   Geometry(t, t.tile_queries) * (t.samples - t.num_fetched) / t.samples);
  const double before = Together(cost);
  cost.v += gathered;
  cost.mte2 += (1 + (tiles - 1) / t.tiles) * t.head_planes * t.plane_bytes / kPlaneBytes;
  cost.total += Together(cost) - before;
  cost.total += MakePlanes(p);
  return cost;
}

Cost LibraryCost(const Problem& p, const Chip& chip, int32_t buffers, const Timing& timing, bool backward) {
  Tiling t = {};
  if (!TileLibrary(p, chip, buffers, backward, &t).ok()) return NoCost();
  const double queries = Rounds(static_cast<double>(p.batch * p.num_queries), chip);
  const double heads = t.heads, samples = t.samples, padded = (t.samples + 7) / 8 * 8;
  const double elements = 4 * padded * t.channels;
  Cost cost;  // of a query
  cost.mte2 = heads * samples * 2 * std::max(timing.dma_issue, 23.0);
  cost.s = heads * samples * (2 * timing.scalar_access + 2 * timing.scalar_issue + (backward ? 8 : 0));
  cost.v = heads * (elements / 64 * (backward ? 9 : 5.5) + (backward ? 16 : 10) * kGroup) + 30 * kGroup;
  if (backward) {
    cost.mte3 = heads * samples *
                std::max(2 * std::max(timing.dma_issue, 2 * kBurstWrite), 4 * t.channels * 4 / timing.atomic * 1.1);
  }
  for (double* queue : {&cost.s, &cost.v, &cost.mte2, &cost.mte3}) *queue *= queries;
  const double alone = buffers == 1 ? cost.mte2 + cost.v + 0.2 * cost.mte3 : Together(cost);
  cost.total = kLaunch + alone + 3000;
  if (backward) cost.total += kLaunch + Value(p) * 4 / kBytesToGm;
  if (backward && Size(p) == 2) cost.total += kLaunch + Value(p) * 6 / 1.5 / kBytesToGm;
  return cost;
}

}  // namespace xmsda::ascend
