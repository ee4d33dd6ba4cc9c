// Backward pass, SIMD: samples sorted by cell, then one sweep over the cells.
// SPDX-License-Identifier: Apache-2.0
//
// Scattering each sample's gradient to its four pixels needs atomics or an order, and moves 8 rows a sample. Instead,
// for a chunk of queries of one head:
//   1. Prepare: each sample's cell (its upper-left pixel) and four corner weights; a histogram of cells; the rows of
//      grad_output side by side.
//   2. Sort: counting sort of sample numbers by cell, stable.
//   3. Sweep: cell by cell, the four rows of value and of its gradient stay in registers while the cell's samples pass:
//      one row of grad_output a sample, 4 D multiplies for the dots with value, 4 D FMAs for its gradient.
//   4. Finish: from the four dots of each sample, the gradients of its location and weight, in query order.
// The sum of a pixel's gradient runs in an order that the chunks and the sort fix, so it has the same bits however the
// tasks are spread over threads.
//
// Cost of the sweep at D = 32, AVX-512: 16 multiplies or FMAs a sample on two ports, 8 cycles, beside 6 loads and 9
// shuffles and adds that fold four dot products into one vector.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cpu/kernels.h"
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/backward_kernels.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cpu/cell-inl.h"
#include "cpu/rows-inl.h"
#include "cpu/sampling-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xmsda::cpu {
namespace HWY_NAMESPACE {

HWY_INLINE int64_t QueryAt(const BackwardTask& t, int64_t i) {
  return t.query_order == nullptr ? t.query_begin + i : t.query_order[t.query_begin + i];
}

template <class D, class V = hn::Vec<D>, class VI = hn::Vec<hn::RebindToSigned<D>>>
HWY_INLINE hn::Mask<D> FindCells(D d, const SampleSource& s, size_t i, V u, V v, VI& x, VI& y, V& fx, V& fy) {
  const auto& levels = LevelsOf<hn::TFromD<D>>(s);
  if (HWY_UNLIKELY(s.sampling == Sampling::kDiscrete)) {
    return DiscreteCells(d, u, v, hn::LoadU(d, levels.width + i), hn::LoadU(d, levels.height + i), x, y, fx, fy);
  }
  return BilinearCells(d, levels, i, s.border, u, v, x, y, fx, fy);
}

// Queries ahead whose inputs are prefetched: their rows lie M*D elements apart, in tile order.
constexpr int64_t kPrefetchDistance = 12;

// Cells whose rows are on their way while one is swept.
constexpr size_t kCellsAhead = 4;

// ---- 1. Prepare

// A row of grad_output as Reals, padded with zeros.
template <class Real>
HWY_INLINE void ReadGradOutput(const BackwardTask& t, int64_t query, Real* HWY_RESTRICT to) {
  const uint8_t* from = t.grad_output + query * t.grad_output_query_stride;
  const auto channels = static_cast<size_t>(t.channels);
  if constexpr (sizeof(Real) == 8) {
    LoadConverted<PlainRow<double>>(reinterpret_cast<const double*>(from), channels, to);
  } else if (t.value_dtype == DType::kF32) {
    LoadConverted<PlainRow<float>>(reinterpret_cast<const float*>(from), channels, to);
  } else if (t.value_dtype == DType::kBF16) {
    LoadConverted<BF16Row>(reinterpret_cast<const BF16*>(from), channels, to);
  } else {
    LoadConverted<F16Row>(reinterpret_cast<const F16*>(from), channels, to);
  }
  for (int64_t c = t.channels; c < t.padded_channels; ++c) to[c] = 0;
}

// Samples lie `SampleStride` apart per query in a chunk's arrays: whole vectors of their own, or dense where several
// queries share vectors (RunsPay).
template <class D>
size_t SampleStride(D d, const SampleSource& s) {
  const auto& levels = LevelsOf<hn::TFromD<D>>(s);
  return static_cast<size_t>(RunsPay(levels.count, hn::Lanes(d)) ? levels.count : levels.padded);
}

// The first cell of each sample's level, moved so that cell (-1, -1) of the level is the first one; repeated like the
// level constants.
template <class Real>
void FillCellOrigins(const BackwardTask& t, size_t entries, IndexOf<Real>* HWY_RESTRICT origin) {
  size_t i = 0;
  while (i < entries) {
    for (int64_t g = 0; g < t.num_grids; ++g) {
      const CellGrid& grid = t.grids[g];
      for (int64_t p = 0; p < grid.points && i < entries; ++p) {
        origin[i++] = static_cast<IndexOf<Real>>(grid.first_cell + grid.CellsPerRow() + 1);
      }
    }
  }
}

template <class DI>
HWY_INLINE void StoreKeys(DI di, hn::Vec<DI> keys, uint32_t* HWY_RESTRICT to) {
  if constexpr (sizeof(hn::TFromD<DI>) == 4) {
    hn::StoreU(hn::BitCast(hn::RebindToUnsigned<DI>(), keys), hn::RebindToUnsigned<DI>(), to);
  } else {
    HWY_ALIGN int64_t lanes[HWY_MAX_BYTES / sizeof(int64_t)];
    hn::StoreU(keys, di, lanes);
    for (size_t i = 0; i < hn::Lanes(di); ++i) to[i] = static_cast<uint32_t>(lanes[i]);
  }
}

// Greatest and least key of each sample of a run, and the first cell of its level.
template <class Real>
struct KeyRange {
  IndexOf<Real>* least;
  IndexOf<Real>* greatest;
  IndexOf<Real>* origin;
  size_t entries;

  explicit KeyRange(const BackwardTask& t)
      : entries(static_cast<size_t>(kRunItems * LevelsOf<Real>(t.samples).padded)) {
    least = static_cast<IndexOf<Real>*>(t.scratch.key_range);
    greatest = least + entries;
    origin = greatest + entries;
  }
};

// Keys, corner weights and the range of keys, of the `count` samples of a query or a run.
template <class D, class Real = hn::TFromD<D>>
HWY_INLINE void PrepareSamples(D d, const BackwardTask& t, const QuerySamples<Real>& samples, size_t count,
                               const KeyRange<Real>& range, uint32_t* HWY_RESTRICT keys, Real* HWY_RESTRICT factors) {
  using V = hn::Vec<D>;
  using Index = IndexOf<Real>;
  const hn::RebindToSigned<D> di;
  const auto& levels = LevelsOf<Real>(t.samples);
  const V one = hn::Set(d, Real(1));
  const auto i_one = hn::Set(di, Index(1));
  const auto outside = hn::Set(di, static_cast<Index>(t.num_cells));
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    V u, v, fx, fy;
    hn::Vec<decltype(di)> x, y;
    LoadPairs(d, samples.locations + 2 * i, u, v);
    const V weight = hn::LoadU(d, samples.weights + i);
    const auto inside = FindCells(d, t.samples, i, u, v, x, y, fx, fy);
    const auto i_inside = hn::RebindMask(di, inside);
    const auto row_cells = hn::Add(hn::LoadU(di, levels.pixels_per_row + i), i_one);
    const auto cell = hn::Add(hn::LoadU(di, range.origin + i), hn::Add(x, hn::Mul(y, row_cells)));
    const auto key = hn::IfThenElse(i_inside, cell, outside);
    StoreKeys(di, key, keys + i);
    hn::StoreU(hn::Min(hn::LoadU(di, range.least + i), key), di, range.least + i);
    const auto high = hn::Max(hn::LoadU(di, range.greatest + i), hn::IfThenElseZero(i_inside, cell));
    hn::StoreU(high, di, range.greatest + i);

    const V w1 = hn::Mul(fy, weight);
    const V w0 = hn::Mul(hn::Sub(one, fy), weight);
    const V gx = hn::Sub(one, fx);
    hn::StoreInterleaved4(hn::Mul(w0, gx), hn::Mul(w0, fx), hn::Mul(w1, gx), hn::Mul(w1, fx), d, factors + 4 * i);
  }
}

// Calls work(samples, first, items, count) for all queries of the chunk: `items` queries from the chunk's `first` on,
// with `count` samples in all.
template <class D, class Work, class Real = hn::TFromD<D>>
HWY_INLINE void ForSamples(D d, const BackwardTask& t, const Work& work) {
  const size_t lanes = hn::Lanes(d);
  const int64_t count = LevelsOf<Real>(t.samples).count;
  const int64_t n = t.query_end - t.query_begin;
  const int64_t items = RunsPay(count, lanes) ? kRunItems : 1;
  auto* copy = static_cast<Real*>(t.scratch.samples);
  for (int64_t first = 0; first < n; first += items) {
    SampleRun run;
    for (int64_t i = first; i < HWY_MIN(first + items, n); ++i) {
      run.Add(QueryAt(t, i), t.head);
      if (i + kPrefetchDistance < n) PrefetchSamples(t.samples, QueryAt(t, i + kPrefetchDistance), t.head, count);
    }
    const auto samples = items == 1 ? ReadSamples<Real>(t.samples, run.query[0], t.head, count, lanes, copy)
                                    : ReadRun<Real>(t.samples, run, count, lanes, copy);
    work(samples, run, static_cast<size_t>(first), static_cast<size_t>(run.size * count));
  }
}

template <class Real>
void Prepare(const BackwardTask& t) {
  const hn::ScalableTag<Real> d;
  const size_t stride = SampleStride(d, t.samples);
  const auto row = static_cast<size_t>(t.padded_channels);
  const size_t row_bytes = static_cast<size_t>(t.channels) * DTypeSize(t.value_dtype);
  auto* grad_output = static_cast<Real*>(t.scratch.grad_output);
  auto* factors = static_cast<Real*>(t.scratch.factors);
  uint32_t* cells = t.scratch.cells;
  std::memset(cells, 0, static_cast<size_t>(t.num_cells + 1) * sizeof(uint32_t));
  const KeyRange<Real> range(t);
  FillCellOrigins<Real>(t, range.entries, range.origin);
  for (size_t i = 0; i < range.entries; ++i) {
    range.least[i] = static_cast<IndexOf<Real>>(t.num_cells);
    range.greatest[i] = 0;
  }
  ForSamples(d, t, [&](const QuerySamples<Real>& samples, const SampleRun& run, size_t first, size_t count) HWY_ATTR {
    uint32_t* keys = t.scratch.keys + first * stride;
    PrepareSamples(d, t, samples, count, range, keys, factors + first * stride * 4);
    for (size_t k = 0; k < count; ++k) ++cells[keys[k]];
    for (int64_t i = 0; i < run.size; ++i) {
      const int64_t later = t.query_begin + static_cast<int64_t>(first) + i + kPrefetchDistance;
      if (later < t.query_end) {
        PrefetchBytes(t.grad_output + QueryAt(t, later - t.query_begin) * t.grad_output_query_stride, row_bytes);
      }
      ReadGradOutput(t, run.query[i], grad_output + (first + static_cast<size_t>(i)) * row);
    }
  });
}

// ---- 2. Sort

// The cells of one grid that have samples: all in [first, last]. Empty when first > last.
struct CellRange {
  int64_t first;
  int64_t last;
};

template <class Real>
CellRange TouchedCells(const BackwardTask& t, const CellGrid& grid) {
  const KeyRange<Real> keys(t);
  const auto count = static_cast<size_t>(LevelsOf<Real>(t.samples).count);
  const auto first_sample = static_cast<size_t>(grid.first_sample - t.grids[0].first_sample);
  CellRange range{t.num_cells, -1};
  for (size_t item = 0; item < static_cast<size_t>(kRunItems); ++item) {
    for (size_t k = item * count + first_sample; k < item * count + first_sample + static_cast<size_t>(grid.points);
         ++k) {
      range.first = HWY_MIN(range.first, int64_t{keys.least[k]});
      range.last = HWY_MAX(range.last, int64_t{keys.greatest[k]});
    }
  }
  return range;
}

// Afterwards cells[c] is the end of cell c's samples in `order`.
template <class Real>
void SortByCell(const BackwardTask& t) {
  const size_t stride = SampleStride(hn::ScalableTag<Real>(), t.samples);
  const auto count = static_cast<size_t>(LevelsOf<Real>(t.samples).count);
  uint32_t* HWY_RESTRICT cells = t.scratch.cells;
  uint32_t* HWY_RESTRICT order = t.scratch.order;
  uint32_t begin = 0;
  for (int64_t g = 0; g < t.num_grids; ++g) {
    const CellRange range = TouchedCells<Real>(t, t.grids[g]);
    for (int64_t c = range.first; c <= range.last; ++c) {
      const uint32_t samples = cells[c];
      cells[c] = begin;
      begin += samples;
    }
  }
  cells[t.num_cells] = begin;
  const auto n = static_cast<size_t>(t.query_end - t.query_begin);
  for (size_t i = 0; i < n; ++i) {
    const uint32_t* keys = t.scratch.keys + i * stride;
    for (size_t k = 0; k < count; ++k) order[cells[keys[k]]++] = static_cast<uint32_t>(i << 16 | k);
  }
}

// ---- 3. Sweep

template <class Real>
HWY_INLINE CellRows<Real> RowsOfCell(const BackwardTask& t, const CellGrid& grid, int64_t x, int64_t y) {
  CellRows<Real> rows;
  // A discrete sample is its cell's first pixel alone: 0 * NaN must not reach the others.
  const bool first_only = t.samples.sampling == Sampling::kDiscrete;
  for (int64_t corner = 0; corner < 4; ++corner) {
    const int64_t px = x + (corner & 1);
    const int64_t py = y + (corner >> 1);
    const bool inside = px >= 0 && px < grid.width && py >= 0 && py < grid.height && (corner == 0 || !first_only);
    const int64_t pixel = grid.start + py * grid.width + px;
    rows.value[corner] = static_cast<const Real*>(t.scratch.zero_row);
    rows.grad[corner] = static_cast<Real*>(t.scratch.sink_row);
    if (inside) {
      rows.value[corner] = reinterpret_cast<const Real*>(t.value + pixel * t.value_pixel_stride);
      rows.grad[corner] = reinterpret_cast<Real*>(t.grad_value + pixel * t.grad_value_pixel_stride);
    }
  }
  return rows;
}

// A cell whose rows have been asked for.
template <class Real>
struct PendingCell {
  CellRows<Real> rows;
  uint32_t begin;
  uint32_t end;
};

template <class Real>
HWY_INLINE void PrefetchCell(const CellRows<Real>& rows, size_t row_bytes) {
  for (size_t corner = 0; corner < 4; ++corner) {
    PrefetchBytes(rows.value[corner], row_bytes);
    PrefetchBytes(rows.grad[corner], row_bytes);
  }
}

template <class Real>
void Sweep(const BackwardTask& t) {
  const hn::ScalableTag<Real> d;
  const size_t stride = SampleStride(d, t.samples);
  const uint32_t* cells = t.scratch.cells;
  const size_t row_bytes = static_cast<size_t>(t.padded_channels) * sizeof(Real);
  PendingCell<Real> pending[kCellsAhead];
  size_t found = 0;
  uint32_t begin = 0;
  const auto sweep = [&](size_t i) HWY_ATTR {
    const PendingCell<Real>& cell = pending[i % kCellsAhead];
    SweepCell(d, t, cell.rows, stride, cell.begin, cell.end);
  };
  for (int64_t g = 0; g < t.num_grids; ++g) {
    const CellGrid& grid = t.grids[g];
    const CellRange range = TouchedCells<Real>(t, grid);
    if (range.first > range.last) continue;
    int64_t y = (range.first - grid.first_cell) / grid.CellsPerRow() - 1;
    int64_t x = (range.first - grid.first_cell) % grid.CellsPerRow() - 1;
    for (int64_t c = range.first; c <= range.last; ++c) {
      const uint32_t end = cells[c];
      if (begin != end) {
        if (found >= kCellsAhead) sweep(found);
        PendingCell<Real>& cell = pending[found % kCellsAhead];
        cell = {RowsOfCell<Real>(t, grid, x, y), begin, end};
        PrefetchCell(cell.rows, row_bytes);
        ++found;
        begin = end;
      }
      if (++x == grid.width) {
        x = -1;
        ++y;
      }
    }
  }
  for (size_t i = found < kCellsAhead ? 0 : found - kCellsAhead; i < found; ++i) sweep(i);
}

// ---- 4. Finish

// Whole vectors to aligned places go past the caches: gradients of samples are written once and are larger than them.
template <class Real>
HWY_INLINE void StreamOrCopy(const Real* HWY_RESTRICT from, size_t count, uint8_t* to) {
  const hn::ScalableTag<Real> d;
  const size_t lanes = hn::Lanes(d);
  if (count % lanes != 0 || reinterpret_cast<uintptr_t>(to) % (lanes * sizeof(Real)) != 0) {
    std::memcpy(to, from, count * sizeof(Real));
    return;
  }
  auto* target = reinterpret_cast<Real*>(to);
  for (size_t i = 0; i < count; i += lanes) hn::Stream(hn::LoadU(d, from + i), d, target + i);
}

template <class Real>
HWY_INLINE void StoreGradients(DType dtype, const Real* HWY_RESTRICT from, size_t count, uint8_t* to) {
  if constexpr (sizeof(Real) == 8) {
    StreamOrCopy(from, count, to);
  } else if (dtype == DType::kF32) {
    StreamOrCopy(from, count, to);
  } else if (dtype == DType::kBF16) {
    StoreConverted<BF16Row>(from, count, reinterpret_cast<BF16*>(to));
  } else {
    StoreConverted<F16Row>(from, count, reinterpret_cast<F16*>(to));
  }
}

// Gradients of N samples from their dots d00, d01, d10, d11 with grad_output:
//   weight: the bilinear mean of the dots;  u: weight * W * d(mean)/dx;  v: weight * H * d(mean)/dy.
template <class D, class Real = hn::TFromD<D>>
HWY_INLINE void FinishSamples(D d, const BackwardTask& t, const QuerySamples<Real>& samples, size_t i,
                              const Real* HWY_RESTRICT dots, Real* HWY_RESTRICT grad_locations,
                              Real* HWY_RESTRICT grad_weights) {
  using V = hn::Vec<D>;
  const hn::RebindToSigned<D> di;
  const auto& levels = LevelsOf<Real>(t.samples);
  V u, v, fx, fy, d00, d01, d10, d11;
  hn::Vec<decltype(di)> x, y;
  LoadPairs(d, samples.locations + 2 * i, u, v);
  const V weight = hn::LoadU(d, samples.weights + i);
  V scale_x = hn::LoadU(d, levels.scale_x + i);
  V scale_y = hn::LoadU(d, levels.scale_y + i);
  const auto inside = FindCells(d, t.samples, i, u, v, x, y, fx, fy);
  hn::LoadInterleaved4(d, dots + 4 * i, d00, d01, d10, d11);
  if (HWY_UNLIKELY(t.samples.sampling == Sampling::kDiscrete)) {
    hn::StoreU(hn::IfThenElseZero(inside, d00), d, grad_weights + i);
    StorePairs(d, hn::Zero(d), hn::Zero(d), grad_locations + 2 * i);
    return;
  }
  if (HWY_UNLIKELY(t.samples.border)) {
    // No gradient to a coordinate that was clamped, nor at the outermost centres themselves.
    const auto between = [&](auto cell, V f, const Real* side) HWY_ATTR {
      const V at = hn::Add(hn::ConvertTo(d, cell), f);
      const V last = hn::Sub(hn::LoadU(d, side + i), hn::Set(d, Real(1)));
      return hn::And(hn::Gt(at, hn::Zero(d)), hn::Lt(at, last));
    };
    scale_x = hn::IfThenElseZero(between(x, fx, levels.width), scale_x);
    scale_y = hn::IfThenElseZero(between(y, fy, levels.height), scale_y);
  }
  const V top = hn::Sub(d01, d00);
  const V bottom = hn::Sub(d11, d10);
  const V mean_top = hn::MulAdd(fx, top, d00);
  const V mean_bottom = hn::MulAdd(fx, bottom, d10);
  const V dx = hn::MulAdd(fy, hn::Sub(bottom, top), top);
  const V dy = hn::Sub(mean_bottom, mean_top);
  hn::StoreU(hn::IfThenElseZero(inside, hn::MulAdd(fy, dy, mean_top)), d, grad_weights + i);
  StorePairs(d, hn::IfThenElseZero(inside, hn::Mul(dx, hn::Mul(weight, scale_x))),
             hn::IfThenElseZero(inside, hn::Mul(dy, hn::Mul(weight, scale_y))), grad_locations + 2 * i);
}

// Of a fused problem, the gradients of run item `i`: from those of its locations and weights to those of its offsets,
// logits and references.
template <class D, class Real = hn::TFromD<D>>
HWY_INLINE void FinishFused(D d, const BackwardTask& t, const QuerySamples<Real>& samples, const SampleRun& run,
                            int64_t i, size_t count, Real* HWY_RESTRICT grad_locations,
                            Real* HWY_RESTRICT grad_weights) {
  const SampleSource& s = t.samples;
  const int64_t query = run.query[i];
  const size_t at = static_cast<size_t>(i) * count;
  SoftmaxGradient(d, count, samples.weights + at, grad_weights);
  if (t.grad_references != nullptr) {
    const auto elements = static_cast<size_t>(t.grad_reference_query_stride) / sizeof(Real);
    ReferenceGradient(s, query, run.head[i], count, grad_locations, elements,
                      reinterpret_cast<Real*>(t.grad_references + query * t.grad_reference_query_stride));
  }
  OffsetGradient(s, query, count, grad_locations);
}

template <class Real>
void Finish(const BackwardTask& t) {
  const hn::ScalableTag<Real> d;
  const size_t stride = SampleStride(d, t.samples);
  const auto per_query = static_cast<size_t>(LevelsOf<Real>(t.samples).count);
  const auto* factors = static_cast<const Real*>(t.scratch.factors);
  auto* grad_locations = static_cast<Real*>(t.scratch.sample_gradients);
  ForSamples(d, t, [&](const QuerySamples<Real>& samples, const SampleRun& run, size_t first, size_t count) HWY_ATTR {
    Real* grad_weights = grad_locations + 2 * (count + hn::Lanes(d));
    const Real* dots = factors + first * stride * 4;
    for (size_t k = 0; k < count; k += hn::Lanes(d)) {
      FinishSamples(d, t, samples, k, dots, grad_locations, grad_weights);
    }
    for (int64_t i = 0; i < run.size; ++i) {
      const int64_t query = run.query[i];
      const size_t at = static_cast<size_t>(i) * per_query;
      if (t.samples.components != 0) {
        FinishFused(d, t, samples, run, i, per_query, grad_locations + 2 * at, grad_weights + at);
      }
      StoreGradients(t.samples.dtype, grad_locations + 2 * at, 2 * per_query,
                     t.grad_locations + query * t.grad_location_query_stride);
      StoreGradients(t.samples.dtype, grad_weights + at, per_query,
                     t.grad_weights + query * t.grad_weight_query_stride);
    }
  });
  hwy::FlushStream();
}

// ---- A task

template <class Real>
void BackwardChunk(const BackwardTask& t) {
  if (t.ran_target != nullptr) *t.ran_target = kTarget;
  Prepare<Real>(t);
  SortByCell<Real>(t);
  Sweep<Real>(t);
  Finish<Real>(t);
}

template <class Real>
void AddRows(const Real* HWY_RESTRICT from, int64_t count, Real* HWY_RESTRICT to) {
  const hn::ScalableTag<Real> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(hn::Add(hn::LoadU(d, to + i), hn::LoadU(d, from + i)), d, to + i);
  for (; i < count; ++i) to[i] += from[i];
}

bool FillBackward(Kernels* kernels) {
  kernels->backward32 = &BackwardChunk<float>;
  kernels->backward64 = &BackwardChunk<double>;
  kernels->add32 = &AddRows<float>;
  kernels->add64 = &AddRows<double>;
  return true;
}

}  // namespace HWY_NAMESPACE
}  // namespace xmsda::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpu/for_target.h"

namespace xmsda::cpu {

bool FillBackward(Target target, Kernels* kernels) { XMSDA_RETURN_FOR_TARGET(target, false, FillBackward, kernels) }

}  // namespace xmsda::cpu
#endif  // HWY_ONCE
