// The backward pass's work on one cell: dots with value and sums of its gradient over the cell's samples.
// SPDX-License-Identifier: Apache-2.0

#if defined(XMSDA_CPU_CELL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef XMSDA_CPU_CELL_INL_H_
#undef XMSDA_CPU_CELL_INL_H_
#else
#define XMSDA_CPU_CELL_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/sampling-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xmsda::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The rows of a cell's four pixels, upper left, upper right, lower left, lower right. Pixels outside the level read
// zeros and write to a row that nobody reads.
template <class Real>
struct CellRows {
  const Real* value[4];
  Real* grad[4];
};

// Each of the four sums of lanes is needed for every sample, so the vectors are folded, by interleaving, into one with
// blocks of four partial sums; FoldDots adds up the blocks. Where a block does not hold four Reals, the sums themselves
// are stored. A sample has DotStride Reals.
template <class D>
HWY_INLINE size_t DotStride(D d) {
#if HWY_TARGET != HWY_SCALAR
  if constexpr (sizeof(hn::TFromD<D>) == 4) return hn::Lanes(d);
#endif
  (void)d;
  return 4;
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE void StorePartialDots(D d, V t0, V t1, V t2, V t3, bool first, hn::TFromD<D>* HWY_RESTRICT to) {
#if HWY_TARGET != HWY_SCALAR
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const hn::RepartitionToWide<D> dw;
    const V s01 = hn::Add(hn::InterleaveLower(d, t0, t1), hn::InterleaveUpper(d, t0, t1));
    const V s23 = hn::Add(hn::InterleaveLower(d, t2, t3), hn::InterleaveUpper(d, t2, t3));
    const auto a = hn::BitCast(dw, s01);
    const auto b = hn::BitCast(dw, s23);
    V sum = hn::Add(hn::BitCast(d, hn::InterleaveLower(dw, a, b)), hn::BitCast(d, hn::InterleaveUpper(dw, a, b)));
    if (!first) sum = hn::Add(sum, hn::LoadU(d, to));
    hn::StoreU(sum, d, to);
    return;
  }
#endif
  const hn::TFromD<D> sums[4] = {hn::GetLane(hn::SumOfLanes(d, t0)), hn::GetLane(hn::SumOfLanes(d, t1)),
                                 hn::GetLane(hn::SumOfLanes(d, t2)), hn::GetLane(hn::SumOfLanes(d, t3))};
  for (size_t c = 0; c < 4; ++c) to[c] = first ? sums[c] : to[c] + sums[c];
}

// The four dots of one sample from its partial sums.
template <class D>
HWY_INLINE void FoldDots(D d, const hn::TFromD<D>* HWY_RESTRICT from, hn::TFromD<D>* HWY_RESTRICT to) {
#if HWY_TARGET != HWY_SCALAR
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    const hn::CappedTag<float, 4> d4;
    auto sum = hn::LoadU(d4, from);
    for (size_t i = 4; i < hn::Lanes(d); i += 4) sum = hn::Add(sum, hn::LoadU(d4, from + i));
    hn::StoreU(sum, d4, to);
    return;
  }
#endif
  (void)d;
  for (size_t c = 0; c < 4; ++c) to[c] = from[c];
}

// Samples of one cell against `kVectors` vectors of channels from `channel` on.
template <int kVectors, class D, class Real = hn::TFromD<D>>
HWY_INLINE void SweepTile(D d, const BackwardTask& t, const CellRows<Real>& rows, size_t channel, size_t stride,
                          const uint32_t* HWY_RESTRICT samples, size_t count) {
  using V = hn::Vec<D>;
  const size_t lanes = hn::Lanes(d);
  const auto row = static_cast<size_t>(t.padded_channels);
  const Real* HWY_RESTRICT grad_output = static_cast<const Real*>(t.scratch.grad_output) + channel;
  const Real* HWY_RESTRICT factors = static_cast<const Real*>(t.scratch.factors);
  Real* HWY_RESTRICT dots = static_cast<Real*>(t.scratch.partial_dots);
  const size_t second = channel + (kVectors > 1 ? lanes : 0);
  const V v00 = hn::LoadU(d, rows.value[0] + channel), v01 = hn::LoadU(d, rows.value[0] + second);
  const V v10 = hn::LoadU(d, rows.value[1] + channel), v11 = hn::LoadU(d, rows.value[1] + second);
  const V v20 = hn::LoadU(d, rows.value[2] + channel), v21 = hn::LoadU(d, rows.value[2] + second);
  const V v30 = hn::LoadU(d, rows.value[3] + channel), v31 = hn::LoadU(d, rows.value[3] + second);
  V a00 = hn::Zero(d), a01 = a00, a10 = a00, a11 = a00, a20 = a00, a21 = a00, a30 = a00, a31 = a00;
  const size_t dot_stride = DotStride(d);
  for (size_t i = 0; i < count; ++i) {
    // Later samples' rows, also of later cells: in cell order they are scattered over the chunk (2 MB). What stands
    // past the end of `order` may be anything; it is only prefetched.
    const size_t later = samples[i + kSamplesAhead] >> 16;
    PrefetchBytes(grad_output + later * row, kVectors * lanes * sizeof(Real));
    if (channel == 0) hwy::Prefetch(factors + (later * stride + (samples[i + kSamplesAhead] & 0xFFFF)) * 4);
    const size_t query = samples[i] >> 16;
    const Real* g = grad_output + query * row;
    const Real* w = factors + (query * stride + (samples[i] & 0xFFFF)) * 4;
    const V w0 = hn::Set(d, w[0]), w1 = hn::Set(d, w[1]), w2 = hn::Set(d, w[2]), w3 = hn::Set(d, w[3]);
    const V g0 = hn::LoadU(d, g);
    V t0 = hn::Mul(g0, v00), t1 = hn::Mul(g0, v10), t2 = hn::Mul(g0, v20), t3 = hn::Mul(g0, v30);
    a00 = hn::MulAdd(w0, g0, a00);
    a10 = hn::MulAdd(w1, g0, a10);
    a20 = hn::MulAdd(w2, g0, a20);
    a30 = hn::MulAdd(w3, g0, a30);
    if constexpr (kVectors > 1) {
      const V g1 = hn::LoadU(d, g + lanes);
      t0 = hn::MulAdd(g1, v01, t0);
      t1 = hn::MulAdd(g1, v11, t1);
      t2 = hn::MulAdd(g1, v21, t2);
      t3 = hn::MulAdd(g1, v31, t3);
      a01 = hn::MulAdd(w0, g1, a01);
      a11 = hn::MulAdd(w1, g1, a11);
      a21 = hn::MulAdd(w2, g1, a21);
      a31 = hn::MulAdd(w3, g1, a31);
    }
    StorePartialDots(d, t0, t1, t2, t3, channel == 0, dots + i * dot_stride);
  }
  const auto add = [&](Real* to, V sum) HWY_ATTR { hn::StoreU(hn::Add(hn::LoadU(d, to), sum), d, to); };
  add(rows.grad[0] + channel, a00);
  add(rows.grad[1] + channel, a10);
  add(rows.grad[2] + channel, a20);
  add(rows.grad[3] + channel, a30);
  if constexpr (kVectors > 1) {
    add(rows.grad[0] + second, a01);
    add(rows.grad[1] + second, a11);
    add(rows.grad[2] + second, a21);
    add(rows.grad[3] + second, a31);
  }
}

// All channels of the samples [begin, end) of `order`, which are of one cell.
template <class D, class Real = hn::TFromD<D>>
HWY_INLINE void SweepCell(D d, const BackwardTask& t, const CellRows<Real>& rows, size_t stride, uint32_t begin,
                          uint32_t end) {
  const size_t lanes = hn::Lanes(d);
  const auto channels = static_cast<size_t>(t.padded_channels);
  const size_t dot_stride = DotStride(d);
  auto* factors = static_cast<Real*>(t.scratch.factors);
  const auto* dots = static_cast<const Real*>(t.scratch.partial_dots);
  for (; begin < end; begin += kDotBatch) {
    const uint32_t* samples = t.scratch.order + begin;
    const size_t count = HWY_MIN(static_cast<size_t>(end - begin), static_cast<size_t>(kDotBatch));
    size_t c = 0;
    for (; c + 2 * lanes <= channels; c += 2 * lanes) SweepTile<2>(d, t, rows, c, stride, samples, count);
    if (c < channels) SweepTile<1>(d, t, rows, c, stride, samples, count);
    // The corner weights of these samples have done their work: the dots take their place.
    for (size_t i = 0; i < count; ++i) {
      const size_t at = (samples[i] >> 16) * stride + (samples[i] & 0xFFFF);
      FoldDots(d, dots + i * dot_stride, factors + at * 4);
    }
    if (end - begin <= kDotBatch) break;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace xmsda::cpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
