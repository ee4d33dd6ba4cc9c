// Forward pass, SIMD: weighted sums of pixel rows.
// SPDX-License-Identifier: Apache-2.0
//
// Two stages for each block of kQueryBlock queries and one head. Stage 1 turns the samples, a vector at a time, into a
// list of corners (pixel, weight * bilinear factor); corners outside their level are left out, so that stage 2 has no
// masks (short lists excepted, see WriteRun) and never reads a pixel that is not sampled. Stage 2 walks the list: one
// broadcast and D/N loads and FMAs a corner, eight accumulators (FMA latency 4 times 2 ports). Fused into one loop it
// is 1.5 times slower (prototype).
//
// Prefetching the rows of one block while the corners of the next are listed was slower (decoder: 0.40 ms instead of
// 0.31): a block's rows are 64 KiB, and out-of-order execution already overlaps the misses.
//
// Cost per sample at D = 32, AVX-512: stage 2 issues 4 broadcasts and 8 loads on two load ports, 6 cycles; stage 1
// about 1.5 cycles.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "cpu/kernels.h"
#include "cpu/simd.h"
#include "xmsda/msda.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/forward_kernels.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cpu/rows-inl.h"
#include "cpu/sampling-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xmsda::cpu {
namespace HWY_NAMESPACE {

// ---- Stage 1

// The corners of one query and head.
template <class Real>
struct Corners {
  IndexOf<Real>* pixel;  // 4 * padded samples, and one vector of slack for compressed stores
  Real* weight;
  size_t count;
};

// Appends the valid ones of N corners; may write up to N entries past the new count.
template <class D, class VI>
HWY_INLINE void AppendValid(D d, VI pixel, hn::Vec<D> weight, hn::Mask<D> valid, Corners<hn::TFromD<D>>& corners) {
  const hn::RebindToSigned<D> di;
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_SVE
  // In a register: the compressing store is microcoded on AMD.
  hn::StoreU(hn::Compress(pixel, hn::RebindMask(di, valid)), di, corners.pixel + corners.count);
  hn::StoreU(hn::Compress(weight, valid), d, corners.weight + corners.count);
  corners.count += hn::CountTrue(d, valid);
#else
  // Elsewhere Highway compresses by tables, which g++ 12 copies to the stack (8 KiB a call, half of the pass's time).
  constexpr size_t kMaxLanes = HWY_MAX_BYTES / sizeof(hn::TFromD<D>);
  HWY_ALIGN hn::TFromD<decltype(di)> pixels[kMaxLanes], keep[kMaxLanes];
  HWY_ALIGN hn::TFromD<D> weights[kMaxLanes];
  hn::Store(pixel, di, pixels);
  hn::Store(weight, d, weights);
  hn::Store(hn::VecFromMask(di, hn::RebindMask(di, valid)), di, keep);
  for (size_t i = 0; i < hn::Lanes(d); ++i) {
    corners.pixel[corners.count] = pixels[i];
    corners.weight[corners.count] = weights[i];
    corners.count += static_cast<size_t>(-keep[i]);
  }
#endif
}

template <class D, class VI>
HWY_INLINE void AppendCorners(D d, VI pixel, hn::Vec<D> weight, hn::Mask<D> valid, bool all,
                              Corners<hn::TFromD<D>>& corners) {
  if (HWY_UNLIKELY(!all)) return AppendValid(d, pixel, weight, valid, corners);
  const hn::RebindToSigned<D> di;
  hn::StoreU(pixel, di, corners.pixel + corners.count);
  hn::StoreU(weight, d, corners.weight + corners.count);
  corners.count += hn::Lanes(d);
}

// Calls emit(corner, pixel, weight, valid, all_valid) for the corners 0 to 3 of the N samples from `i` on.
template <class D, class LC, class Emit, class Real = hn::TFromD<D>>
HWY_INLINE void ForCorners(D d, const LC& levels, const SampleSource& source, const QuerySamples<Real>& samples,
                           size_t i, const Emit& emit) {
  using V = hn::Vec<D>;
  using Index = IndexOf<Real>;
  const hn::RebindToSigned<D> di;
  const auto i_minus_one = hn::Set(di, Index(-1));
  const auto i_one = hn::Set(di, Index(1));
  V u, v, fx, fy;
  hn::Vec<decltype(di)> x, y;
  LoadPairs(d, samples.locations + 2 * i, u, v);
  const V width = hn::LoadU(d, levels.width + i);
  const V height = hn::LoadU(d, levels.height + i);
  const auto columns = hn::LoadU(di, levels.pixels_per_row + i);
  const V weight = hn::LoadU(d, samples.weights + i);
  const auto start = hn::LoadU(di, levels.start + i);
  if (HWY_UNLIKELY(source.sampling == Sampling::kDiscrete)) {
    const auto inside = DiscreteCells(d, u, v, width, height, x, y, fx, fy);
    const auto none = hn::MaskFromVec(hn::Zero(d));
    const auto pixel = hn::Add(start, hn::Add(x, hn::Mul(y, columns)));
    emit(size_t{0}, pixel, weight, inside, false);
    for (size_t corner = 1; corner < 4; ++corner) emit(corner, pixel, weight, none, false);
    return;
  }
  const auto inside = BilinearCells(d, levels, i, source.border, u, v, x, y, fx, fy);
  const auto i_inside = hn::RebindMask(di, inside);
  const auto left = hn::And(i_inside, hn::Gt(x, i_minus_one));
  const auto right = hn::And(i_inside, hn::Lt(hn::Add(x, i_one), columns));
  const auto top = hn::Gt(y, i_minus_one);
  const auto bottom = hn::Lt(hn::Add(y, i_one), hn::ConvertTo(di, height));
  const auto p00 = hn::Add(start, hn::Add(x, hn::Mul(y, columns)));
  const auto p10 = hn::Add(p00, columns);
  const V w1 = hn::Mul(fy, weight);
  const V one = hn::Set(d, Real(1));
  const V w0 = hn::Mul(hn::Sub(one, fy), weight);
  const V gx = hn::Sub(one, fx);
  const bool all = hn::AllTrue(di, hn::And(hn::And(left, right), hn::And(top, bottom)));
  emit(size_t{0}, p00, hn::Mul(w0, gx), hn::RebindMask(d, hn::And(left, top)), all);
  emit(size_t{1}, hn::Add(p00, i_one), hn::Mul(w0, fx), hn::RebindMask(d, hn::And(right, top)), all);
  emit(size_t{2}, p10, hn::Mul(w1, gx), hn::RebindMask(d, hn::And(left, bottom)), all);
  emit(size_t{3}, hn::Add(p10, i_one), hn::Mul(w1, fx), hn::RebindMask(d, hn::And(right, bottom)), all);
}

// The corners of one query and head, in any order.
template <class D, class LC, class Real = hn::TFromD<D>>
HWY_INLINE void ListCorners(D d, const LC& levels, const SampleSource& source, const QuerySamples<Real>& samples,
                            Corners<Real>& corners) {
  corners.count = 0;
  for (size_t i = 0; i < static_cast<size_t>(levels.count); i += hn::Lanes(d)) {
    ForCorners(d, levels, source, samples, i, [&](size_t, auto pixel, auto weight, auto valid, bool all) HWY_ATTR {
      AppendCorners(d, pixel, weight, valid, all, corners);
    });
  }
}

// The corners of a run of samples, four by four: 4 * i + c is corner c of sample i; outside its level it has pixel -1
// and weight 0.
template <class D, class LC, class Real = hn::TFromD<D>>
HWY_INLINE void ListRun(D d, const LC& levels, const SampleSource& source, const QuerySamples<Real>& samples,
                        size_t count, IndexOf<Real>* HWY_RESTRICT pixels, Real* HWY_RESTRICT weights) {
  const hn::RebindToSigned<D> di;
  constexpr size_t kMaxLanes = HWY_MAX_BYTES / sizeof(Real);
  HWY_ALIGN IndexOf<Real> pixel_of[4][kMaxLanes];
  HWY_ALIGN Real weight_of[4][kMaxLanes];
  const auto outside = hn::Set(di, IndexOf<Real>(-1));
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    ForCorners(d, levels, source, samples, i, [&](size_t c, auto pixel, auto weight, auto valid, bool) HWY_ATTR {
      hn::Store(hn::IfThenElse(hn::RebindMask(di, valid), pixel, outside), di, pixel_of[c]);
      hn::Store(hn::IfThenElseZero(valid, weight), d, weight_of[c]);
    });
    hn::StoreInterleaved4(hn::Load(di, pixel_of[0]), hn::Load(di, pixel_of[1]), hn::Load(di, pixel_of[2]),
                          hn::Load(di, pixel_of[3]), di, pixels + 4 * i);
    hn::StoreInterleaved4(hn::Load(d, weight_of[0]), hn::Load(d, weight_of[1]), hn::Load(d, weight_of[2]),
                          hn::Load(d, weight_of[3]), d, weights + 4 * i);
  }
}

// Whether none of the corners has pixel -1.
template <class D, class Real = hn::TFromD<D>>
HWY_INLINE bool AllInside(D /*d*/, const Corners<Real>& corners) {
  const hn::RebindToSigned<D> di;
  const size_t lanes = hn::Lanes(di);
  auto any_sign = hn::Zero(di);
  size_t i = 0;
  for (; i + lanes <= corners.count; i += lanes) any_sign = hn::Or(any_sign, hn::LoadU(di, corners.pixel + i));
  if (i < corners.count) {
    any_sign = hn::Or(any_sign, hn::MaskedLoad(hn::FirstN(di, corners.count - i), di, corners.pixel + i));
  }
  return hn::AllFalse(di, hn::Lt(any_sign, hn::Zero(di)));
}

// Of the corners that ListRun leaves for one item, those inside: in place when all are, else copied to `to`.
template <class D, class Real = hn::TFromD<D>>
HWY_INLINE Corners<Real> KeepInside(D d, const Corners<Real>& corners, const Corners<Real>& to) {
  const hn::RebindToSigned<D> di;
  if (AllInside(d, corners)) return corners;
  const auto outside = hn::Set(di, IndexOf<Real>(-1));
  const size_t lanes = hn::Lanes(d);
  Corners<Real> kept = to;
  kept.count = 0;
  for (size_t i = 0; i < corners.count; i += lanes) {
    const auto pixel = hn::LoadU(di, corners.pixel + i);
    const auto first = hn::FirstN(d, HWY_MIN(lanes, corners.count - i));
    const auto valid = hn::And(hn::RebindMask(d, hn::Gt(pixel, outside)), first);
    AppendValid(d, pixel, hn::LoadU(d, corners.weight + i), valid, kept);
  }
  return kept;
}

// ---- Stage 2

// The row of a corner outside its level, where the list keeps those.
HWY_ALIGN constexpr uint8_t kZeroRow[4 * HWY_MAX_BYTES] = {};

// Whether a list has only corners inside their levels or, with pixel -1, others too.
enum class Listed { kInside, kAll };

// out = sum over corners of weight * row, for kVectors vectors of channels from `base` on. Accumulator k belongs to
// corner k / kVectors of the 8 / kVectors that an iteration takes, and to vector k % kVectors.
template <class Row, Listed kListed, int kVectors, class Real = typename Row::Real>
HWY_INLINE void AccumulateRows(const uint8_t* HWY_RESTRICT base, int64_t stride, const Corners<Real>& corners,
                               uint8_t* HWY_RESTRICT out) {
  using D = hn::ScalableTag<Real>;
  const D d;
  constexpr size_t kStep = size_t{8 / kVectors};
  const IndexOf<Real>* HWY_RESTRICT pixel = corners.pixel;
  const Real* HWY_RESTRICT weight = corners.weight;
  auto a0 = hn::Zero(d), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
  // By masks, because g++ makes branches of a conditional, and which corners are outside nobody can predict.
  const auto address = reinterpret_cast<uintptr_t>(base);
  const uintptr_t to_zeros = reinterpret_cast<uintptr_t>(kZeroRow) - address;
  const auto row = [&](size_t i) HWY_ATTR {
    uintptr_t offset = static_cast<uintptr_t>(static_cast<int64_t>(pixel[i]) * stride);
    if constexpr (kListed == Listed::kAll) {
      const auto outside = static_cast<uintptr_t>(static_cast<int64_t>(pixel[i]) >> 63);  // all bits or none
      offset = (offset & ~outside) | (to_zeros & outside);
    }
    return reinterpret_cast<const uint8_t*>(address + offset);
  };
  const auto add = [&](size_t i, size_t k, auto acc) HWY_ATTR {
    const size_t corner = i + k / size_t{kVectors};
    return hn::MulAdd(hn::Set(d, weight[corner]), Row::Load(d, row(corner), k % size_t{kVectors}), acc);
  };
  size_t i = 0;
  for (; i + kStep <= corners.count; i += kStep) {
    a0 = add(i, 0, a0);
    a1 = add(i, 1, a1);
    a2 = add(i, 2, a2);
    a3 = add(i, 3, a3);
    a4 = add(i, 4, a4);
    a5 = add(i, 5, a5);
    a6 = add(i, 6, a6);
    a7 = add(i, 7, a7);
  }
  for (; i < corners.count; ++i) {
    a0 = add(i, 0, a0);
    if constexpr (kVectors > 1) a1 = add(i, 1, a1);
    if constexpr (kVectors > 2) {
      a2 = add(i, 2, a2);
      a3 = add(i, 3, a3);
    }
  }
  a0 = hn::Add(a0, a4);
  a1 = hn::Add(a1, a5);
  a2 = hn::Add(a2, a6);
  a3 = hn::Add(a3, a7);
  if constexpr (kVectors <= 2) {
    a0 = hn::Add(a0, a2);
    a1 = hn::Add(a1, a3);
  }
  if constexpr (kVectors == 1) a0 = hn::Add(a0, a1);
  if constexpr (Row::kVectorsPerUnit == 2) {
    Row::StorePair(d, a0, a1, out, 0);
    if constexpr (kVectors > 2) Row::StorePair(d, a2, a3, out, 2);
  } else {
    Row::Store(d, a0, out, 0);
    if constexpr (kVectors > 1) Row::Store(d, a1, out, 1);
    if constexpr (kVectors > 2) {
      Row::Store(d, a2, out, 2);
      Row::Store(d, a3, out, 3);
    }
  }
}

// One tile of channels; a tile that reaches past the row's end goes through a buffer.
template <class Row, int kVectors>
HWY_INLINE void AccumulateTile(const uint8_t* base, int64_t stride, const Corners<typename Row::Real>& corners,
                               size_t tile_bytes, size_t bytes_left, uint8_t* out) {
  if (HWY_LIKELY(tile_bytes <= bytes_left))
    return AccumulateRows<Row, Listed::kInside, kVectors>(base, stride, corners, out);
  HWY_ALIGN uint8_t buffer[size_t{kVectors} * HWY_MAX_BYTES];
  AccumulateRows<Row, Listed::kInside, kVectors>(base, stride, corners, buffer);
  std::memcpy(out, buffer, bytes_left);
}

// All channels of one query and head; `vector_bytes` are the bytes of storage that fill a vector of Real.
template <class Row>
HWY_INLINE void AccumulateChannels(const uint8_t* base, int64_t stride, const Corners<typename Row::Real>& corners,
                                   size_t vectors, size_t vector_bytes, size_t row_bytes, uint8_t* out) {
  size_t j = 0;
  const auto tile = [&](auto width) HWY_ATTR {
    constexpr int kVectors = decltype(width)::value;
    const size_t at = j * vector_bytes;
    AccumulateTile<Row, kVectors>(base + at, stride, corners, kVectors * vector_bytes, row_bytes - at, out + at);
    j += kVectors;
  };
  while (j + 4 <= vectors) tile(std::integral_constant<int, 4>());
  if (j + 2 <= vectors) tile(std::integral_constant<int, 2>());
  if constexpr (Row::kVectorsPerUnit == 1) {
    if (j < vectors) tile(std::integral_constant<int, 1>());
  }
}

// ---- A task

// Bytes of a list of the corners of `samples` samples, pixels or weights, with a vector of slack.
template <class Real>
size_t ListBytes(size_t samples) {
  return hwy::RoundUpTo(4 * samples * sizeof(Real) + HWY_MAX_BYTES, kWorkspaceAlignment);
}

// Pixels and weights of a block of queries, those of one run and of one query, and copied samples of a run.
size_t ForwardScratchSize(int64_t padded_samples) {
  const auto padded = static_cast<size_t>(padded_samples);
  const size_t run = padded * kRunItems;
  return 2 * ListBytes<double>(padded) * kQueryBlock + 2 * ListBytes<double>(run) +
         hwy::RoundUpTo(3 * run * sizeof(double), kWorkspaceAlignment);
}

HWY_INLINE int64_t QueryAt(const ForwardTask& t, int64_t i) { return t.query_order == nullptr ? i : t.query_order[i]; }

// What every block of a task needs.
template <class Row>
struct RowSums {
  using Real = typename Row::Real;
  const ForwardTask& task;
  size_t vectors;
  size_t vector_bytes;  // of storage
  size_t row_bytes;

  RowSums(const ForwardTask& t, size_t lanes, size_t element_size)
      : task(t),
        vectors(hwy::RoundUpTo(static_cast<size_t>(t.channels), lanes * Row::kVectorsPerUnit) / lanes),
        vector_bytes(lanes * element_size),
        row_bytes(static_cast<size_t>(t.channels) * element_size) {}

  HWY_INLINE void Write(int64_t query, int64_t head, const Corners<Real>& corners) const {
    const uint8_t* base = task.value.data + head * task.value.head_stride;
    uint8_t* out = task.output + query * task.output_query_stride + head * task.output_head_stride;
    AccumulateChannels<Row>(base, task.value.pixel_stride, corners, vectors, vector_bytes, row_bytes, out);
  }

  // A run's rows; `corners` are those of its first item, those of the others follow. With few corners a row the row of
  // zeros costs less than leaving corners out, and what is around the sum counts: RF-DETR's decoder (8 corners, one
  // vector) 53 instead of 69 us. With 48 corners (RT-DETR) it is the other way round: 0.39 instead of 0.17 ms.
  template <class D>
  HWY_INLINE void WriteRun(D d, const SampleRun& run, Corners<Real> corners, bool discrete,
                           const Corners<Real>& kept) const {
    constexpr size_t kFewCorners = 16;
    const bool few = corners.count <= kFewCorners && !discrete;
    const bool full = row_bytes == vectors * vector_bytes;
    for (int64_t i = 0; i < run.size; ++i) {
      if (!few || !full || vectors > 2) {
        Write(run.query[i], run.head[i], KeepInside(d, corners, kept));
      } else if (AllInside(d, corners)) {
        WriteVectors<Listed::kInside>(run.query[i], run.head[i], corners);
      } else {
        WriteVectors<Listed::kAll>(run.query[i], run.head[i], corners);
      }
      corners.pixel += corners.count;
      corners.weight += corners.count;
    }
  }

 private:
  // Write for one or two whole vectors.
  template <Listed kListed>
  HWY_INLINE void WriteVectors(int64_t query, int64_t head, const Corners<Real>& corners) const {
    const uint8_t* base = task.value.data + head * task.value.head_stride;
    uint8_t* out = task.output + query * task.output_query_stride + head * task.output_head_stride;
    if (vectors == 2) return AccumulateRows<Row, kListed, 2>(base, task.value.pixel_stride, corners, out);
    if constexpr (Row::kVectorsPerUnit == 1) {
      AccumulateRows<Row, kListed, 1>(base, task.value.pixel_stride, corners, out);
    }
  }
};

template <class Row, class LC, class Real = typename Row::Real>
void ForwardBlocks(const ForwardTask& t, const LC& levels, size_t element_size) {
  const hn::ScalableTag<Real> d;
  const size_t lanes = hn::Lanes(d);
  const RowSums<Row> sums(t, lanes, element_size);
  const size_t list = ListBytes<Real>(static_cast<size_t>(levels.padded));
  auto* scratch = static_cast<uint8_t*>(t.scratch);
  Corners<Real> corners[kQueryBlock];
  for (auto& c : corners) {
    c = {reinterpret_cast<IndexOf<Real>*>(scratch), reinterpret_cast<Real*>(scratch + list), 0};
    scratch += 2 * list;
  }
  Real* copy = reinterpret_cast<Real*>(scratch);
  for (int64_t block = t.query_begin; block < t.query_end; block += kQueryBlock) {
    const int64_t n = HWY_MIN(kQueryBlock, t.query_end - block);
    for (int64_t head = t.head_begin; head < t.head_end; ++head) {
      for (int64_t k = 0; k < n; ++k) {
        if (block + kQueryBlock + k < t.query_end) {
          PrefetchSamples(t.samples, QueryAt(t, block + kQueryBlock + k), head, levels.count);
        }
        const auto samples = ReadSamples<Real>(t.samples, QueryAt(t, block + k), head, levels.count, lanes, copy);
        ListCorners(d, levels, t.samples, samples, corners[k]);
      }
      for (int64_t k = 0; k < n; ++k) sums.Write(QueryAt(t, block + k), head, corners[k]);
    }
  }
}

// Where the samples of a query and head do not fill vectors, those of up to kRunItems heads of a query, or queries of
// a head, are taken together: at 2 samples (RF-DETR) or 4 (BEVFormer) a vector of 16 would be mostly empty.
template <class Row, class LC, class Real = typename Row::Real>
void ForwardRuns(const ForwardTask& t, const LC& levels, size_t element_size) {
  const hn::ScalableTag<Real> d;
  const size_t lanes = hn::Lanes(d);
  const RowSums<Row> sums(t, lanes, element_size);
  const bool discrete = t.samples.sampling == Sampling::kDiscrete;
  const auto count = static_cast<size_t>(levels.count);
  const size_t list = ListBytes<Real>(static_cast<size_t>(levels.padded) * kRunItems);
  auto* scratch = static_cast<uint8_t*>(t.scratch);
  auto* pixels = reinterpret_cast<IndexOf<Real>*>(scratch);
  auto* weights = reinterpret_cast<Real*>(scratch + list);
  scratch += 2 * list;
  const size_t item_list = ListBytes<Real>(static_cast<size_t>(levels.padded));
  const Corners<Real> kept{reinterpret_cast<IndexOf<Real>*>(scratch), reinterpret_cast<Real*>(scratch + item_list), 0};
  Real* copy = reinterpret_cast<Real*>(scratch + 2 * item_list);

  const int64_t heads = t.head_end - t.head_begin;
  const int64_t heads_per_run = HWY_MIN(heads, kRunItems);
  const int64_t queries_per_run = heads == 1 ? kRunItems : 1;
  for (int64_t q = t.query_begin; q < t.query_end; q += queries_per_run) {
    for (int64_t head = t.head_begin; head < t.head_end; head += heads_per_run) {
      SampleRun run;
      for (int64_t i = 0; i < HWY_MIN(queries_per_run, t.query_end - q); ++i) {
        for (int64_t h = head; h < HWY_MIN(head + heads_per_run, t.head_end); ++h) run.Add(QueryAt(t, q + i), h);
      }
      const auto samples = ReadRun<Real>(t.samples, run, levels.count, lanes, copy);
      ListRun(d, levels, t.samples, samples, static_cast<size_t>(run.size) * count, pixels, weights);
      sums.WriteRun(d, run, {pixels, weights, 4 * count}, discrete, kept);
    }
  }
}

template <class Row, class LC>
void ForwardRows(const ForwardTask& t, const LC& levels, size_t element_size) {
  if (t.ran_target != nullptr) *t.ran_target = kTarget;
  const size_t lanes = hn::Lanes(hn::ScalableTag<typename Row::Real>());
  if (RunsPay(levels.count, lanes)) {
    ForwardRuns<Row>(t, levels, element_size);
  } else {
    ForwardBlocks<Row>(t, levels, element_size);
  }
}

void ForwardF32(const ForwardTask& t) { ForwardRows<PlainRow<float>>(t, *t.samples.levels32, sizeof(float)); }

void ForwardF64(const ForwardTask& t) { ForwardRows<PlainRow<double>>(t, *t.samples.levels64, sizeof(double)); }

void ForwardBF16(const ForwardTask& t) {
  const size_t lanes = hn::Lanes(hn::ScalableTag<float>());
  if (static_cast<size_t>(t.channels) % (2 * lanes) == 0) {
    ForwardRows<BF16PairRow>(t, *t.samples.levels32, sizeof(uint16_t));
  } else {
    ForwardRows<BF16Row>(t, *t.samples.levels32, sizeof(uint16_t));
  }
}

void ForwardF16(const ForwardTask& t) { ForwardRows<F16Row>(t, *t.samples.levels32, sizeof(uint16_t)); }

bool FillForward(Kernels* kernels) {
  kernels->forward_scratch_size = &ForwardScratchSize;
  kernels->forward[static_cast<size_t>(DType::kF32)] = &ForwardF32;
  kernels->forward[static_cast<size_t>(DType::kF64)] = &ForwardF64;
  kernels->forward[static_cast<size_t>(DType::kBF16)] = &ForwardBF16;
  kernels->forward[static_cast<size_t>(DType::kF16)] = &ForwardF16;
  return true;
}

}  // namespace HWY_NAMESPACE
}  // namespace xmsda::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpu/for_target.h"

namespace xmsda::cpu {

bool FillForward(Target target, Kernels* kernels) { XMSDA_RETURN_FOR_TARGET(target, false, FillForward, kernels) }

}  // namespace xmsda::cpu
#endif  // HWY_ONCE
