// Decisions and memory that a call makes before it starts: how value is read, level constants, workspace layout.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/validate.h"
#include "cpu/kernels.h"
#include "xmsda/msda.h"

namespace xmsda::cpu {

constexpr int64_t RoundUp(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// Cuts a workspace into aligned pieces. With a null base it only counts, so that one function both tells the size and
// hands out the pieces.
class Arena {
 public:
  explicit Arena(void* base) : base_(static_cast<uint8_t*>(base)) {}

  template <class T>
  T* Take(int64_t count) {
    const size_t at = used_;
    used_ += RoundUpBytes(static_cast<size_t>(count) * sizeof(T));
    return base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + at);
  }
  size_t used() const { return used_; }
  bool counting() const { return base_ == nullptr; }

 private:
  static size_t RoundUpBytes(size_t bytes) {
    return (bytes + kWorkspaceAlignment - 1) / kWorkspaceAlignment * kWorkspaceAlignment;
  }

  uint8_t* base_;
  size_t used_ = 0;
};

// The arrays behind LevelConstants32 or LevelConstants64, whichever value_dtype needs.
struct LevelTables {
  LevelConstants32 levels32;
  LevelConstants64 levels64;
  int64_t padded = 0;
};

// Takes the arrays for some of the problem's levels from the arena and, unless that only counts, fills them.
LevelTables TakeLevelTables(const Problem& problem, std::span<const Level> levels, const Kernels& kernels,
                            Arena& arena);

// True when the queries are the pixels of value, one each and in the same order, as in an encoder. Then a query most
// likely samples near its own pixel, and it pays to visit queries tile by tile instead of row by row.
bool QueriesArePixels(const Problem& problem);

// The queries of QueriesArePixels in tiles of about tile x tile pixels of the largest level: all levels' queries of
// the first tile, then those of the second, ... `order` has num_queries entries.
void TileOrder(const Problem& problem, int64_t tile, int32_t* order);

// Tiles of 12 x 12 queries: see docs/kernels.md for the figures of other sizes.
constexpr int64_t kTile = 12;

// Samples per query and head that the CPU backend takes.
constexpr int64_t kMaxSamples = 65535;

// Cells of all levels; see CellGrid.
int64_t NumCells(const Problem& problem);

// What the CPU backend takes of the problems that are valid.
Status CheckLimits(const Problem& problem);
Status TargetNotRunnable(Target target);

// The samples of batch item `b` as the kernels read them.
SampleSource MakeSampleSource(const Problem& problem, const Inputs& inputs, const LevelTables& tables, int64_t b);

}  // namespace xmsda::cpu
