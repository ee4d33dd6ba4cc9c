// Analytic models of the kernels by rows, and the choice among all models.
// SPDX-License-Identifier: Apache-2.0
#include "ascend/host/cost.h"

#include <algorithm>
#include <limits>

namespace xmsda::ascend {
namespace {

using xmsda_ascend::LevelTiling;
using xmsda_ascend::Tiling;

constexpr double kBurst = 7;          // MTE2: a burst of a long copy
constexpr double kBurstRaw = 23;      // and where all cores bring the same lines of value from GM, 64 B at a time
constexpr double kBurstWrite = 10.7;  // MTE3
constexpr double kMask = 16;
constexpr double kGroup = 24;        // V: until the results of a short instruction may be used
constexpr double kAddToWindow = 13;  // V: two repeats, and a wait for the one before every second time
constexpr double kLaunch = 5545;
constexpr double kBytesFromGm = 400, kBytesToGm = 900;  // a cycle, all cores: 720 GB/s mixed, 1.6 TB/s of zeros

struct Sizes {
  double blocks;        // of 32 bytes a pixel, in the type of value
  double float_blocks;  // in float32
  double queries;       // of a tile that is worked on: T; `count` of them are real
  double count;
  double samples, fetched, resident;
  double tiles;  // of the busiest core
  double heads;  // whose resident levels it loads
  bool half_type;
};

Sizes SizesOf(const Problem& problem, const Chip& chip, const Tiling& t) {
  const auto size = static_cast<double>(DTypeSize(problem.value_dtype));
  const double lanes = 32 / size;
  Sizes s = {};
  s.blocks = static_cast<double>((problem.channels + static_cast<int64_t>(lanes) - 1) / static_cast<int64_t>(lanes));
  s.float_blocks = s.blocks * 4 / size;
  s.queries = t.tile_queries;
  s.count = std::min<double>(t.tile_queries, static_cast<double>((t.queries + t.tiles - 1) / t.tiles));
  s.samples = t.samples;
  s.fetched = t.num_fetched;
  s.resident = s.samples - s.fetched;
  const int64_t units = int64_t{t.batch} * t.heads * t.tiles;
  s.tiles = static_cast<double>((units + chip.vector_cores - 1) / chip.vector_cores);
  s.heads = 1 + (s.tiles - 1) / t.tiles;
  s.half_type = size == 2;
  return s;
}

// V cycles of the geometry of a tile (kernels/geometry.h), and its instructions.
struct Part {
  double cycles, instructions;
};

Part Geometry(const Sizes& s, bool raw) {
  const double repeats = s.samples * s.queries / 64;
  const double groups = raw ? 23 : 17, flat = raw ? 54 : 36, rows = raw ? 9 : 7;
  return {flat * repeats + rows * 1.67 * s.samples + groups * kGroup, raw ? 62.0 : 42.0};
}

double FetchCopies(const Tiling& t) { return t.raw != 0 ? 2 : t.copies; }

// MTE2: locations and weights of a tile, then the rows that are fetched.
double Fetch(const Sizes& s, const Tiling& t, const Timing& timing) {
  const double rows = std::max(timing.dma_issue, kBurst * 2);
  return 2 * std::max(timing.dma_issue, kBurst * s.count) +
         (t.raw != 0 ? 1.15 : 1.03) * s.fetched * s.count * FetchCopies(t) * rows;
}

// Resident samples among those that are fetched, not all at the end or at the beginning.
bool Spread(const Tiling& t) {
  int32_t changes = 0;
  for (int32_t i = 1; i < t.samples; ++i) {
    changes += (t.level[t.level_of[t.order[i]]].resident_start < 0) !=
               (t.level[t.level_of[t.order[i - 1]]].resident_start < 0);
  }
  return changes > 1 || t.num_fetched == 0 || t.num_fetched == t.samples;
}

double ResidentLoad(const Sizes& s, const Tiling& t) {
  double cycles = 0;
  for (int32_t l = 0; l < t.num_levels; ++l) {
    const LevelTiling& level = t.level[l];
    if (level.resident_start < 0) continue;
    cycles += t.raw != 0 ? kBurstRaw * level.height * level.width
                         : s.blocks * 32 * (level.height + 2) * (level.width + 1) / 60;
  }
  return cycles;
}

double WindowSamples(const Tiling& t) {
  double samples = 0;
  for (int32_t l = 0; l < t.num_levels; ++l) samples += t.level[l].window_width > 0 ? t.level[l].points : 0;
  return samples;
}

// Between two tiles of the backward pass, whose geometry waits for the last steps of the one before and its copies for
// the geometry: what the simulator has above the sum of the queues, 1.0 to 1.4 us on detr-enc and three decoders.
constexpr double kTileEnds = 2200;

double ImagePass(const Problem& problem, const Sizes& s) {
  const double pixels = static_cast<double>(problem.batch * problem.value_size * problem.num_heads);
  return kLaunch + pixels * s.blocks * 32 / kBytesFromGm;
}

}  // namespace

Cost RowsForwardCost(const Problem& problem, const Chip& chip, const Tiling& t, const Timing& timing) {
  const Sizes s = SizesOf(problem, chip, t);
  const Part geometry = Geometry(s, t.raw != 0);
  // Of 2-byte values a Cast to float32 comes first, and each weight fills two blocks.
  const double repeats = s.half_type ? s.queries : s.queries / 2;
  const double products =
      s.blocks * (timing.mul_add * repeats + 9) + (s.half_type ? s.blocks * (2 * repeats + 9) + kGroup : 0);
  const double spread = (s.half_type ? 8 : 4) * (s.queries / 8 + 1);
  const double gather = s.blocks / 2 * (timing.gatherb * s.queries + 18 + s.queries / 4 + 3 * kGroup);
  Cost cost;
  const double sample = products + spread + kGroup;
  cost.v = geometry.cycles + s.samples * sample + s.resident * gather + s.blocks * (4 * s.queries + 40);
  const double instructions = geometry.instructions + s.samples * (s.blocks + 4) + s.resident * 1.5 * s.blocks;
  const double masks = 40;
  cost.s = timing.scalar_issue * instructions + kMask * masks +
           s.fetched * s.count * (timing.scalar_access / 2 + timing.scalar_issue * FetchCopies(t));
  cost.mte2 = Fetch(s, t, timing);
  cost.mte3 = kBurstWrite * s.count;
  for (double* queue : {&cost.s, &cost.v, &cost.mte2, &cost.mte3}) *queue *= s.tiles;
  cost.mte2 += s.heads * ResidentLoad(s, t);
  // One after the other: no copies arrive during work on resident samples, of which there are buffers for two.
  const double apart = Spread(t) ? 0 : s.tiles * std::max(s.resident - 2, 0.0) * (sample + gather);
  // The first tile waits for its copies and its geometry, the last one for its output.
  const double ends = geometry.cycles + 2 * kBurst * s.count + 2500;
  Cost rest = cost;
  rest.v -= apart;
  cost.total = std::max(Together(rest) + apart, Together(cost)) + ends + kLaunch;
  if (t.raw == 0) cost.total += ImagePass(problem, s);
  return cost;
}

Cost RowsBackwardCost(const Problem& problem, const Chip& chip, const Tiling& t, const Timing& timing) {
  const Sizes s = SizesOf(problem, chip, t);
  const Part geometry = Geometry(s, t.raw != 0);
  const double lanes = s.samples * s.queries / 64;
  const double repeats = s.half_type ? s.queries : s.queries / 2;
  const double sample = s.queries + 4 * (s.queries / 8 + 1) + s.blocks * (2.7 * repeats + 9 + kGroup) +
                        s.float_blocks * (1.5 * s.queries / 2 + 9) + s.queries + 18 + 2 * kGroup;
  Cost cost;
  cost.v = geometry.cycles + s.samples * sample + 30 * lanes + 12 * kGroup + 10 * s.float_blocks * s.queries / 8;
  cost.s = timing.scalar_issue * (geometry.instructions + 12 * s.samples) + kMask * (60 + s.samples) +
           s.samples * s.count * (timing.scalar_access + 2 * timing.scalar_issue * FetchCopies(t) + 2);
  cost.mte2 = Fetch(s, t, timing);
  const double bytes = 4 * s.float_blocks * 32;
  // Lines that other cores add to at the same time: a tenth more, measured on detr-enc.
  cost.mte3 = 1.1 * s.samples * s.count *
                  std::max(FetchCopies(t) * std::max(timing.dma_issue, 2 * kBurstWrite), bytes / timing.atomic) +
              2 * kBurstWrite * s.count;
  if (t.window_pixels > 0) {
    // As where samples lie around their queries' own pixels: five of six are in the windows.
    const double hits = 5.0 / 6 * WindowSamples(t);
    cost.mte3 *= 1 - hits / s.samples;
    cost.mte3 += t.window_pixels * s.float_blocks * 32 / timing.atomic / t.block_groups;
    cost.v += hits * s.count * kAddToWindow + 24 * lanes + 7 * kGroup;
    cost.s += kMask * 12;
  }
  for (double* queue : {&cost.s, &cost.v, &cost.mte2, &cost.mte3}) *queue *= s.tiles;
  cost.total = Together(cost) + s.tiles * kTileEnds + 4000 + kLaunch;
  const double values = static_cast<double>(problem.batch * problem.value_size * problem.num_heads) * 32;
  cost.total += kLaunch + values * s.float_blocks / kBytesToGm;  // zeros
  if (t.raw == 0) cost.total += ImagePass(problem, s);
  if (t.raw == 0 || s.half_type) cost.total += kLaunch + values * (s.float_blocks + s.blocks) / 1.5 / kBytesToGm;
  return cost;
}

double Together(const Cost& cost) {
  const double most = std::max({cost.s, cost.v, cost.mte2, cost.mte3});
  return most + 0.05 * (cost.s + cost.v + cost.mte2 + cost.mte3 - most);
}

Cost NoCost() {
  const double none = std::numeric_limits<double>::infinity();
  return {none, none, none, none, none};
}

bool SetTiming(std::string_view name, double value, Timing* timing) {
  const struct {
    const char* name;
    double* value;
  } all[] = {{"dma.issue", &timing->dma_issue},
             {"vector.Gather.b4.per_repeat", &timing->gather},
             {"vector.Gatherb.any.per_repeat", &timing->gatherb},
             {"vector.MulAddDst.any.per_repeat", &timing->mul_add},
             {"scalar.issue", &timing->scalar_issue},
             {"scalar.access", &timing->scalar_access},
             {"l2.atomic", &timing->atomic}};
  for (const auto& one : all) {
    if (name != one.name) continue;
    *one.value = value;
    return true;
  }
  return false;
}

Cost DraftPass(const Problem& problem, const Chip& chip, const Variant& variant, const Timing& timing, bool backward) {
  if (&variant == &kXmsda || &variant == &kXmsdaAligned) {
    return PlanesCost(problem, chip, &variant == &kXmsda, timing, backward);
  }
  if (&variant == &kHybrid && !backward) return HybridCost(problem, chip, timing);
  if (&variant == &kLibrary || &variant == &kLibraryDb) {
    return LibraryCost(problem, chip, &variant == &kLibrary ? 1 : 2, timing, backward);
  }
  const RowsChoice choice = {.raw = &variant == &kDma2,
                             .resident_levels = &variant == &kDma1 || &variant == &kHybrid || backward ? 0 : -1};
  Tiling t = {};
  if (!(backward ? TileRowsBackward(problem, chip, choice, &t) : TileRowsForward(problem, chip, choice, &t)).ok()) {
    return NoCost();
  }
  return backward ? RowsBackwardCost(problem, chip, t, timing) : RowsForwardCost(problem, chip, t, timing);
}

double EstimateLibraryDb(const Problem& problem, const Chip& chip, bool backward) {
  return LibraryCost(problem, chip, 2, {}, backward).total;
}

double EstimateRows(const Problem& problem, const Chip& chip, const RowsChoice& choice, bool backward) {
  Tiling t = {};
  const Status status =
      backward ? TileRowsBackward(problem, chip, choice, &t) : TileRowsForward(problem, chip, choice, &t);
  if (!status.ok()) return std::numeric_limits<double>::infinity();
  return (backward ? RowsBackwardCost(problem, chip, t) : RowsForwardCost(problem, chip, t)).total;
}

}  // namespace xmsda::ascend
