// Decisions and memory that a call makes before it starts: how value is read, level constants, workspace layout.
// SPDX-License-Identifier: Apache-2.0
#include "cpu/plan.h"

#include <algorithm>
#include <string>

namespace xmsda::cpu {
namespace {

// Only for all of a problem's levels: with references of their own, a level's number counts.
template <class Real, class Index>
void TakeOffsetRules(const Problem& problem, Arena& arena, LevelConstants<Real, Index>* constants) {
  Real* step = arena.Take<Real>(2 * constants->count);
  int32_t* reference = arena.Take<int32_t>(constants->count);
  constants->step = step;
  constants->reference = reference;
  if (arena.counting()) return;
  const References& r = problem.references;
  int64_t first = 0;
  for (const Level& level : problem.levels) {
    for (int64_t p = 0; p < level.points; ++p) {
      *reference++ = static_cast<int32_t>((first + p % r.anchors) * r.components);
      const bool boxes = r.components == 4;
      *step++ = static_cast<Real>(problem.OffsetScale() / static_cast<double>(boxes ? level.points : level.width));
      *step++ = static_cast<Real>(problem.OffsetScale() / static_cast<double>(boxes ? level.points : level.height));
    }
    if (r.per_level) first += r.anchors;
  }
}

template <class Real, class Index>
LevelConstants<Real, Index> TakeLevels(const Problem& problem, std::span<const Level> levels, int64_t lanes,
                                       Arena& arena) {
  int64_t count = 0;
  for (const Level& level : levels) count += level.points;
  // A vector may be read from any sample on.
  const int64_t entries = kRunItems * count + lanes;
  Real* width = arena.Take<Real>(entries);
  Real* height = arena.Take<Real>(entries);
  // align_corners apart, these are the sides themselves.
  Real* scale_x = problem.align_corners ? arena.Take<Real>(entries) : width;
  Real* scale_y = problem.align_corners ? arena.Take<Real>(entries) : height;
  Index* columns = arena.Take<Index>(entries);
  Index* start = arena.Take<Index>(entries);
  int64_t k = 0;
  while (!arena.counting() && count > 0 && k < entries) {
    for (const Level& level : levels) {
      for (int64_t p = 0; p < level.points && k < entries; ++p, ++k) {
        width[k] = static_cast<Real>(level.width);
        height[k] = static_cast<Real>(level.height);
        if (problem.align_corners) {
          scale_x[k] = static_cast<Real>(level.width - 1);
          scale_y[k] = static_cast<Real>(level.height - 1);
        }
        columns[k] = static_cast<Index>(level.width);
        start[k] = static_cast<Index>(level.start);
      }
    }
  }
  LevelConstants<Real, Index> constants;
  constants.count = count;
  constants.padded = RoundUp(count, lanes);
  constants.shift = problem.align_corners ? Real{0} : Real{0.5};
  constants.scale_x = scale_x;
  constants.scale_y = scale_y;
  constants.width = width;
  constants.height = height;
  constants.pixels_per_row = columns;
  constants.start = start;
  if (problem.IsFused()) TakeOffsetRules(problem, arena, &constants);
  return constants;
}

}  // namespace

LevelTables TakeLevelTables(const Problem& problem, std::span<const Level> levels, const Kernels& kernels,
                            Arena& arena) {
  LevelTables tables;
  const auto lanes = static_cast<int64_t>(kernels.vector_bytes / sizeof(float));
  if (problem.value_dtype == DType::kF64) {
    tables.levels64 = TakeLevels<double, int64_t>(problem, levels, lanes, arena);
    tables.padded = tables.levels64.padded;
  } else {
    tables.levels32 = TakeLevels<float, int32_t>(problem, levels, lanes, arena);
    tables.padded = tables.levels32.padded;
  }
  return tables;
}

namespace {

// Tiles along each axis, for the largest level's height and width.
struct TileGrid {
  int64_t rows = 1;
  int64_t columns = 1;
};

TileGrid TilesOf(const Problem& problem) {
  TileGrid grid;
  for (const Level& level : problem.levels) {
    grid.rows = std::max(grid.rows, (level.height + kTile - 1) / kTile);
    grid.columns = std::max(grid.columns, (level.width + kTile - 1) / kTile);
  }
  return grid;
}

bool QueriesArePixels(const Problem& problem) {
  int64_t next = 0;
  for (const Level& level : problem.levels) {
    if (level.start != next) return false;
    next += level.height * level.width;
  }
  return next == problem.num_queries && next == problem.value_size;
}

}  // namespace

bool TilesPay(const Problem& problem) {
  if (problem.num_queries == 0 || !QueriesArePixels(problem)) return false;
  const TileGrid grid = TilesOf(problem);
  // Each tile looks at every level.
  return grid.rows <= problem.num_queries / grid.columns / static_cast<int64_t>(problem.levels.size());
}

void TileOrder(const Problem& problem, int32_t* order) {
  const auto [rows, columns] = TilesOf(problem);
  // Pixel i of n belongs to tile floor((i + 0.5) / n * tiles); the first of tile t is the smallest i with
  // (2 i + 1) * tiles >= 2 n t.
  const auto first = [](int64_t t, int64_t n, int64_t tiles) {
    const int64_t numerator = 2 * n * t - tiles;
    return numerator <= 0 ? 0 : std::min(n, (numerator + 2 * tiles - 1) / (2 * tiles));
  };
  for (int64_t ty = 0; ty < rows; ++ty) {
    for (int64_t tx = 0; tx < columns; ++tx) {
      for (const Level& level : problem.levels) {
        const int64_t x_end = first(tx + 1, level.width, columns);
        const int64_t y_end = first(ty + 1, level.height, rows);
        for (int64_t y = first(ty, level.height, rows); y < y_end; ++y) {
          for (int64_t x = first(tx, level.width, columns); x < x_end; ++x) {
            *order++ = static_cast<int32_t>(level.start + y * level.width + x);
          }
        }
      }
    }
  }
}

Status CheckLimits(const Problem& problem) {
  if (problem.SamplesPerQuery() > kMaxSamples) {
    return Status::Unsupported("levels: expected at most " + std::to_string(kMaxSamples) +
                               " points in all on the CPU, got " + std::to_string(problem.SamplesPerQuery()));
  }
  if (problem.ReferencesPerQuery() > kMaxReferences) {
    return Status::Unsupported("references: expected at most " + std::to_string(kMaxReferences) +
                               " a query on the CPU, got " + std::to_string(problem.ReferencesPerQuery()));
  }
  if (NumCells(problem) > kMaxCells) {
    return Status::Unsupported(
        "levels: expected fewer than 2^31 cells (height + 1) * (width + 1) in all on the CPU, got " +
        std::to_string(NumCells(problem)));
  }
  return {};
}

int64_t NumCells(const Problem& problem) {
  int64_t cells = 0;
  for (const Level& level : problem.levels) cells += (level.height + 1) * (level.width + 1);
  return cells;
}

Status TargetNotRunnable(Target target) {
  std::string runnable;
  for (Target t : RunnableTargets()) runnable += std::string(runnable.empty() ? "" : ", ") + TargetName(t);
  return Status::Unsupported("target: expected one that this build contains and this machine runs (" + runnable +
                             "), got " + TargetName(target));
}

SampleSource MakeSampleSource(const Problem& problem, const Inputs& inputs, const LevelTables& tables, int64_t b) {
  const auto element = static_cast<int64_t>(DTypeSize(problem.location_dtype));
  SampleSource s;
  s.locations = static_cast<const uint8_t*>(inputs.locations) + b * inputs.location_strides.batch * element;
  s.weights = static_cast<const uint8_t*>(inputs.weights) + b * inputs.weight_strides.batch * element;
  s.location_query_stride = inputs.location_strides.query;
  s.location_head_stride = inputs.location_strides.head;
  s.weight_query_stride = inputs.weight_strides.query;
  s.weight_head_stride = inputs.weight_strides.head;
  s.dtype = problem.location_dtype;
  s.sampling = problem.sampling;
  s.border = problem.padding == Padding::kBorder;
  if (problem.IsFused()) {
    const auto real = static_cast<int64_t>(DTypeSize(problem.reference_dtype()));
    s.references = static_cast<const uint8_t*>(inputs.references) + b * inputs.reference_strides.batch * real;
    s.reference_query_stride = inputs.reference_strides.query;
    s.components = problem.references.components;
  }
  s.levels32 = &tables.levels32;
  s.levels64 = &tables.levels64;
  return s;
}

}  // namespace xmsda::cpu
