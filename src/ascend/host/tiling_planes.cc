// Tilings of the kernels by planes (kernels/planes.h): variants `xmsda`, `xmsda-aligned` and `hybrid`.
// SPDX-License-Identifier: Apache-2.0
#include "ascend/host/tiling_planes.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>

namespace xmsda::ascend {
namespace {

using xmsda_ascend::kPairPlanes;
using xmsda_ascend::kWordPlanes;
using xmsda_ascend::LevelTiling;
using xmsda_ascend::Tiling;

constexpr int64_t kBlock = 32;
constexpr int64_t kGroups = 512;  // as kernels/planes_gather.h
constexpr int32_t kTileQueries = 32;
constexpr int64_t kMaxChannels = 4095;  // bursts of a copy of planes.h, one a channel

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t RoundUp(int64_t a, int64_t b) { return CeilDiv(a, b) * b; }

int64_t Padded(const Tiling& t) { return RoundUp(RoundUp(t.samples, 8) * t.tile_queries, 64); }

// UB of class Geometry, kept and scratch.
int64_t GeometryBytes(const Tiling& t) {
  return t.tile_queries * 4 * (RoundUp(2 * t.samples, 8) + RoundUp(t.samples, 8)) + 6 * t.samples * kBlock;
}
int64_t ScratchBytes(const Tiling& t) {
  const int64_t lanes = RoundUp(int64_t{t.samples} * t.tile_queries, 64);
  return (4 * lanes + 3 * Padded(t)) * 4 + 4 * RoundUp(lanes / 8, kBlock);
}

// UB of class PlaneSamples that others may use in between.
int64_t SamplesBytes(const Problem& problem, const Tiling& t) {
  const int64_t lanes = RoundUp(RoundUp(int64_t{t.samples} * t.tile_queries, 64), 128);
  return ScratchBytes(t) + lanes * (4 + 4 * static_cast<int64_t>(DTypeSize(problem.value_dtype)));
}

int64_t PlaneBytes(const Tiling& t) { return RoundUp(int64_t{t.plane_zone} + t.plane_bytes, kGroups); }
int64_t GatheredBytes(const Tiling& t) {
  return 2 * RoundUp(int64_t{t.slots} * t.block_queries * 4, kGroups) + kGroups / 2;
}

int64_t LanesOfWord(const Problem& problem) { return 4 / static_cast<int64_t>(DTypeSize(problem.value_dtype)); }

// What kernels/planes_forward.h takes of UB.
int64_t ForwardBytes(const Problem& problem, const Tiling& t) {
  const bool pairs = t.planes == kPairPlanes && t.corner_gathers == 0;
  const int64_t q = t.block_queries, lanes = t.slots * q, gathers = pairs ? 2 : 4;
  const int64_t shared = std::max(lanes * 4 * LanesOfWord(problem), SamplesBytes(problem, t));
  const int64_t samples = t.samples * q * 4 + gathers * RoundUp(t.samples * q * 4, kGroups);
  const int64_t nothing = t.corner_gathers == 0 ? 0 : RoundUp(int64_t{t.samples} * t.tile_queries, 128) * 2;
  return PlaneBytes(t) + GatheredBytes(t) + shared + 2 * q * kBlock + (t.planes == kPairPlanes ? q * 4 : 0) + samples +
         nothing + GeometryBytes(t);
}

// What kernels/planes_backward.h takes of UB.
int64_t BackwardBytes(const Problem& problem, const Tiling& t) {
  const bool pairs = t.planes == kPairPlanes;
  const int64_t q = t.block_queries, lanes = RoundUp(int64_t{t.samples} * t.tile_queries, 64);
  const int64_t last = (8 * lanes + 2 * Padded(t) + RoundUp(t.samples, 16) * t.tile_queries) * 4;
  const int64_t shared = std::max(SamplesBytes(problem, t), last);
  const int64_t products = (pairs ? 2 : 4) * t.samples * q * LanesOfWord(problem) * 4;
  const int64_t gradient = (2 * kBlock + 4 * t.slots) * q + 256 + (pairs ? 2 * RoundUp(q, 128) * 4 + 256 : 0);
  const int64_t fractions = 3 * Padded(t) * 4 + RoundUp(lanes / 8, kBlock);
  const int64_t out = t.tile_queries * 4 * (RoundUp(2 * t.samples, 16) + RoundUp(t.samples, 16));
  return PlaneBytes(t) + GatheredBytes(t) + shared + products + gradient + fractions + out + t.samples * q * 4 +
         GeometryBytes(t);
}

// What kernels/scatter.h takes of UB.
int64_t ScatterBytes(const Problem& problem, const Tiling& t) {
  const auto size = static_cast<int64_t>(DTypeSize(problem.value_dtype));
  const int64_t q = t.tile_queries, channels = RoundUp(t.channels, kBlock / size);
  const int64_t lanes = RoundUp(int64_t{t.samples} * q, 64);
  return 3 * q * 16 * channels + 2 * q * channels * size + 2 * lanes * 20 + q * 128 +
         std::max(ScratchBytes(t), q * channels * 4) + GeometryBytes(t);
}

// What kernels/words.h takes of UB.
int64_t WordsBytes(const Problem& problem, const Tiling& t) {
  const int64_t q = t.tile_queries, slots = t.slots * q;
  int64_t lanes = 0;
  for (int32_t l = 0; l < t.num_levels; ++l) {
    if (t.level[l].plane_row > 0) lanes += RoundUp(t.level[l].points * q, 128);
  }
  return t.head_planes * (int64_t{t.plane_zone} + t.plane_bytes) + 2 * slots * 4 +
         (LanesOfWord(problem) == 2 ? 5 * lanes * 4 : 0) + 8 * 4 * (RoundUp(q, 32) + q) +
         (slots * LanesOfWord(problem) + 64) * 4;
}

Status CheckPlanes(const Problem& problem, const PlanesChoice& choice) {
  const bool half = problem.value_dtype == DType::kF16;
  if (choice.pairs && !half) {
    return Status::Unsupported(std::string("value: expected f16 for planes of pairs of pixels on Ascend, got ") +
                               DTypeName(problem.value_dtype) +
                               (problem.value_dtype == DType::kF32 ? "; xmsda-aligned takes f32" : ""));
  }
  if (Status status = CheckNoBfloat(problem); !status.ok()) return status;
  if (!choice.pairs && half && problem.channels % 2 != 0) {
    return Status::Unsupported("channels: expected an even number for planes of words of f16 on Ascend, got " +
                               std::to_string(problem.channels) + "; dma1 takes any");
  }
  return {};
}

// What kernels/planes.h takes.
Status CheckMakePlanes(const Problem& problem, const Tiling& t) {
  const bool pairs = t.planes == kPairPlanes;
  const int64_t channels = int64_t{t.heads} * t.head_planes, column = pairs ? 16 : 8;
  const int64_t step = RoundUp(channels, column) * 64 * (pairs ? 1 : 2);  // of planes.h
  if (channels > kMaxChannels || RoundUp(channels, column) * kBlock / column + step > 88 * 1024) {
    return Status::Unsupported(
        "heads * channels: expected 16 pixels of all heads to fit into UB twice on Ascend, got " +
        std::to_string(problem.num_heads * problem.channels) + " channels; dma1 takes any");
  }
  return {};
}

int64_t LevelBytes(const LevelTiling& level) { return int64_t{level.height + 2} * level.plane_row; }

// The `count` smallest levels get a place in planes, the largest of them first: the others are loaded while it is
// worked on, and the reverse.
void PlacePlanes(const Problem& problem, int32_t count, Tiling* t) {
  const bool pairs = t->planes == kPairPlanes;
  for (int32_t l = 0; l < t->num_levels; ++l) {
    LevelTiling& level = t->level[l];
    const int64_t width = level.width;
    const int64_t row = pairs ? CeilDiv(width + 1, 15) * kBlock : RoundUp((width + 2) * 4, kBlock);
    level.plane_row = static_cast<int32_t>(std::min<int64_t>(row, 1 << 29));
    t->plane_level[l] = l;
  }
  std::stable_sort(t->plane_level, t->plane_level + t->num_levels,
                   [t](int32_t a, int32_t b) { return LevelBytes(t->level[a]) > LevelBytes(t->level[b]); });
  for (int32_t i = 0; i < t->num_levels - count; ++i) t->level[t->plane_level[i]].plane_row = 0;
  std::rotate(t->plane_level, t->plane_level + t->num_levels - count, t->plane_level + t->num_levels);
  t->plane_zone = t->slots = 0;
  for (int32_t i = 0; i < count; ++i) {
    const LevelTiling& level = t->level[t->plane_level[i]];
    t->plane_zone = std::max(t->plane_zone, level.plane_row + static_cast<int32_t>(kBlock));
    t->slots = std::max(t->slots, level.points);
  }
  // Beyond what UB holds by far, nothing has to be right.
  const auto bounded = [](int64_t bytes) { return static_cast<int32_t>(std::min<int64_t>(bytes, 1 << 30)); };
  int64_t at = 0;
  for (int32_t i = 0; i < count; ++i) {
    LevelTiling& level = t->level[t->plane_level[i]];
    level.plane_start = bounded(t->plane_zone + at);
    at += LevelBytes(level);
    if (i == 0) t->plane_split = bounded(at);
  }
  t->plane_bytes = bounded(at);
  t->head_planes = static_cast<int32_t>(pairs ? problem.channels : problem.channels / LanesOfWord(problem));
}

// Shares of the cores are equal when units are a multiple of them: more blocks than necessary may end sooner. A block
// costs as much as `cost_of_block` queries beside its own.
void CutQueries(const Chip& chip, int32_t most_queries, int32_t cost_of_block, Tiling* t) {
  const int64_t heads = int64_t{t->batch} * t->heads, least = CeilDiv(std::max(t->queries, 1), most_queries);
  double best = std::numeric_limits<double>::max();
  for (int64_t blocks = least; blocks <= std::max<int64_t>(2 * least, least + 8); ++blocks) {
    const int64_t queries = RoundUp(CeilDiv(std::max(t->queries, 1), blocks), kTileQueries);
    const double time =
        static_cast<double>(CeilDiv(heads * blocks, chip.vector_cores)) * static_cast<double>(queries + cost_of_block);
    if (time >= best) continue;
    best = time;
    t->blocks = static_cast<int32_t>(blocks);
    t->block_queries = static_cast<int32_t>(queries);
  }
}

template <class BytesOf>
Status Fit(const Problem& problem, const Chip& chip, const Wish& wish, const PlanesChoice& choice,
           int32_t cost_of_block, BytesOf bytes_of, Tiling* tiling) {
  Tiling t = {};
  if (Status status = TileProblem(problem, &t); !status.ok()) return status;
  if (Status status = CheckPlanes(problem, choice); !status.ok()) return status;
  t.planes = choice.pairs ? kPairPlanes : kWordPlanes;
  t.tile_queries = kTileQueries;
  PlacePlanes(problem, t.num_levels, &t);
  if (Status status = CheckMakePlanes(problem, t); !status.ok()) return status;
  t.group_planes = t.head_planes;
  t.corner_gathers = wish.pairs == 0 ? 1 : 0;
  const int32_t wanted = wish.block > 0 ? wish.block : choice.block_queries;
  const int32_t most = wanted > 0 ? static_cast<int32_t>(RoundUp(wanted, kTileQueries))
                                  : std::min(2016, static_cast<int32_t>(RoundUp(t.queries, kTileQueries)));
  for (t.block_queries = most; t.block_queries >= kTileQueries; t.block_queries -= kTileQueries) {
    if (bytes_of(problem, t) > chip.ub_bytes) {
      if (wish.block == 0) continue;
      return Status::Unsupported("block: expected queries that fit into " + std::to_string(chip.ub_bytes) +
                                 " bytes of UB, got " + std::to_string(wish.block) + " queries that take " +
                                 std::to_string(bytes_of(problem, t)) + " bytes");
    }
    if (wanted > 0) {
      t.blocks = static_cast<int32_t>(CeilDiv(std::max(t.queries, 1), t.block_queries));
    } else {
      CutQueries(chip, t.block_queries, cost_of_block, &t);
    }
    *tiling = t;
    return {};
  }
  return Status::Unsupported("levels: expected a plane of one channel and 32 queries to fit into " +
                             std::to_string(chip.ub_bytes) + " bytes of UB on Ascend, got planes of " +
                             std::to_string(t.plane_bytes) + " bytes; dma1 takes any");
}

}  // namespace

int64_t PlanesBytes(const Problem& problem, const Tiling& t) {
  return problem.batch * problem.num_heads * t.head_planes * t.plane_bytes;
}

Status TilePlanesForward(const Problem& problem, const Chip& chip, const PlanesChoice& choice, Tiling* tiling) {
  return Fit(problem, chip, chip.forward, choice, 10, ForwardBytes, tiling);
}

Status TilePlanesBackward(const Problem& problem, const Chip& chip, const PlanesChoice& choice, Tiling* tiling) {
  return Fit(problem, chip, chip.backward, choice, 40, BackwardBytes, tiling);
}

Status TileHybrid(const Problem& problem, const Chip& chip, int32_t gathered_levels, Tiling* tiling) {
  Tiling t = {};
  if (Status status = TileProblem(problem, &t); !status.ok()) return status;
  t.planes = kWordPlanes;
  const bool can = CheckPlanes(problem, {.pairs = false}).ok();
  const Wish& wish = chip.forward;
  if (wish.levels >= 0) gathered_levels = wish.levels;
  const int32_t most = gathered_levels < 0 ? t.num_levels - 1 : std::min(gathered_levels, t.num_levels);
  if (wish.levels > (can ? t.num_levels : 0)) {
    return Status::Unsupported("levels: expected at most " + std::to_string(can ? t.num_levels : 0) +
                               " in planes, got " + std::to_string(wish.levels));
  }
  for (int32_t count = can ? most : 0; count >= std::max(wish.levels, 0); --count) {
    PlacePlanes(problem, count, &t);
    int32_t gathered = 0;
    for (int32_t l = 0; l < t.num_levels; ++l) {
      t.level[l].resident_start = t.level[l].plane_row > 0 ? 0 : -1;
      if (t.level[l].plane_row > 0) gathered += t.level[l].points;
    }
    if (gathered_levels < 0 && gathered * 5 > t.samples * 2) continue;
    if (count > 0 && !CheckMakePlanes(problem, t).ok()) continue;
    OrderSamples(&t);
    if (wish.order == 0) std::iota(t.order, t.order + t.samples, uint8_t{0});
    for (t.tile_queries = wish.tile > 0 ? wish.tile : 64; t.tile_queries >= (wish.tile > 0 ? wish.tile
                                                                             : count > 0   ? 32
                                                                                           : 16);
         t.tile_queries -= 16) {
      const int64_t bytes = RowsForwardBytes(problem, t, true) + (count > 0 ? WordsBytes(problem, t) : 0);
      if (bytes > chip.ub_bytes) continue;
      if (Status status = PlaceTiles(chip, wish, &t); !status.ok()) return status;
      *tiling = t;
      return {};
    }
  }
  if (wish.tile > 0 || wish.levels > 0) {
    return Status::Unsupported("tile: expected tiles and gathered levels that fit into " +
                               std::to_string(chip.ub_bytes) + " bytes of UB, got " + std::to_string(wish.tile) +
                               " queries and " + std::to_string(wish.levels) + " levels");
  }
  return Status::Unsupported("channels: expected tiles of 16 queries to fit into " + std::to_string(chip.ub_bytes) +
                             " bytes of UB on Ascend, got " + std::to_string(problem.channels) + " channels of " +
                             std::to_string(problem.SamplesPerQuery()) + " samples");
}

Status TileScatter(const Problem& problem, const Chip& chip, Tiling* tiling) {
  Tiling t = {};
  if (Status status = TileProblem(problem, &t); !status.ok()) return status;
  const Wish& wish = chip.backward;
  t.level_order = wish.order == 0 ? 0 : 1;
  for (t.tile_queries = wish.tile > 0 ? wish.tile : 64; t.tile_queries >= (wish.tile > 0 ? wish.tile : 16);
       t.tile_queries -= 16) {
    if (ScatterBytes(problem, t) > chip.ub_bytes) continue;
    if (Status status = PlaceTiles(chip, wish, &t); !status.ok()) return status;
    if (wish.tiles == 0) t.tiles = static_cast<int32_t>(CeilDiv(t.queries, t.tile_queries));
    *tiling = t;
    return {};
  }
  return Status::Unsupported("channels: expected the gradient of 16 queries to fit into " +
                             std::to_string(chip.ub_bytes) + " bytes of UB on Ascend, got " +
                             std::to_string(problem.channels) + " channels");
}

}  // namespace xmsda::ascend
