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
    const int64_t at = used_;
    used_ += RoundUp(count * static_cast<int64_t>(sizeof(T)), kWorkspaceAlignment);
    return base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + at);
  }
  size_t used() const { return static_cast<size_t>(used_); }
  bool counting() const { return base_ == nullptr; }

 private:
  uint8_t* base_;
  int64_t used_ = 0;
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

// Tiles of 12 x 12 queries: see docs/kernels.md for the figures of other sizes.
constexpr int64_t kTile = 12;

// True when the queries are the pixels of value, one each and in the same order, as in an encoder. Then a query most
// likely samples near its own pixel, and it pays to visit queries tile by tile instead of row by row. Not when there
// would be more tiles than queries, which levels of unlike shapes make: 10^6 x 1 and 1 x 10^6 pixels have 7 * 10^9.
bool TilesPay(const Problem& problem);

// The queries of a problem of which TilesPay in tiles of about kTile x kTile pixels of the largest level: all levels'
// queries of the first tile, then those of the second, ... `order` has num_queries entries.
void TileOrder(const Problem& problem, int32_t* order);

// Cells of all levels; see CellGrid.
int64_t NumCells(const Problem& problem);

// What the CPU backend takes of the problems that are valid.
Status CheckLimits(const Problem& problem);
Status TargetNotRunnable(Target target);

// The samples of batch item `b` as the kernels read them.
SampleSource MakeSampleSource(const Problem& problem, const Inputs& inputs, const LevelTables& tables, int64_t b);

}  // namespace xmsda::cpu
