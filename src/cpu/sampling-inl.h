// Where samples fall: coordinates, cells and bilinear factors of a vector of samples, shared by both passes.
// SPDX-License-Identifier: Apache-2.0

// Highway's per-target include guard: this file is compiled once for every target.
#if defined(XMSDA_CPU_SAMPLING_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef XMSDA_CPU_SAMPLING_INL_H_
#undef XMSDA_CPU_SAMPLING_INL_H_
#else
#define XMSDA_CPU_SAMPLING_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <cstring>
#include <limits>
#include <type_traits>

#include "cpu/fused-inl.h"
#include "cpu/kernels.h"
#include "cpu/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xmsda::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class Real>
using IndexOf = std::conditional_t<sizeof(Real) == 8, int64_t, int32_t>;

// (u, v) pairs of N samples, split.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void LoadPairs(D d, const hn::TFromD<D>* HWY_RESTRICT p, V& u, V& v) {
#if HWY_TARGET == HWY_SCALAR
  u = hn::LoadU(d, p);
  v = hn::LoadU(d, p + 1);
#else
  const V lo = hn::LoadU(d, p);
  const V hi = hn::LoadU(d, p + hn::Lanes(d));
  u = hn::ConcatEven(d, hi, lo);
  v = hn::ConcatOdd(d, hi, lo);
#endif
}

template <class D>
HWY_INLINE void StorePairs(D d, hn::Vec<D> u, hn::Vec<D> v, hn::TFromD<D>* HWY_RESTRICT p) {
#if HWY_TARGET == HWY_SCALAR
  hn::StoreU(u, d, p);
  hn::StoreU(v, d, p + 1);
#else
  hn::StoreInterleaved2(u, v, d, p);
#endif
}

template <class Real>
constexpr DType RealDType() {
  return sizeof(Real) == 8 ? DType::kF64 : DType::kF32;
}

// Samples as Real arrays that may be read to the end of the vector that holds the last one.
template <class Real>
struct QuerySamples {
  const Real* locations;
  const Real* weights;
};

// Copies the samples of (query, head), as Reals; of a fused problem, the locations and weights that they stand for.
template <class Real>
HWY_INLINE void CopySamples(const SampleSource& s, int64_t query, int64_t head, size_t n, Real* HWY_RESTRICT locations,
                            Real* HWY_RESTRICT weights) {
  const int64_t loc = query * s.location_query_stride + head * s.location_head_stride;
  const int64_t wgt = query * s.weight_query_stride + head * s.weight_head_stride;
  if (s.dtype == RealDType<Real>()) {
    LoadConverted<PlainRow<Real>>(static_cast<const Real*>(s.locations) + loc, 2 * n, locations);
    LoadConverted<PlainRow<Real>>(static_cast<const Real*>(s.weights) + wgt, n, weights);
  } else if constexpr (sizeof(Real) == sizeof(float)) {
    if (s.dtype == DType::kBF16) {
      LoadConverted<BF16Row>(static_cast<const BF16*>(s.locations) + loc, 2 * n, locations);
      LoadConverted<BF16Row>(static_cast<const BF16*>(s.weights) + wgt, n, weights);
    } else {
      LoadConverted<F16Row>(static_cast<const F16*>(s.locations) + loc, 2 * n, locations);
      LoadConverted<F16Row>(static_cast<const F16*>(s.weights) + wgt, n, weights);
    }
  }
  if (s.components != 0) Fuse(s, query, n, locations, weights);
}

// Fills up the last vector of copied samples: NaN locations are inside no level.
template <class Real>
HWY_INLINE void PadSamples(size_t n, size_t padded, Real* HWY_RESTRICT locations, Real* HWY_RESTRICT weights) {
  for (size_t i = 2 * n; i < 2 * padded; ++i) locations[i] = std::numeric_limits<Real>::quiet_NaN();
  for (size_t i = n; i < padded; ++i) weights[i] = 0;
}

// The samples of (query, head): in place when their type is Real and `count` fills whole vectors, else through `copy`
// (3 * padded Reals).
template <class Real>
HWY_INLINE QuerySamples<Real> ReadSamples(const SampleSource& s, int64_t query, int64_t head, int64_t count,
                                          size_t lanes, Real* HWY_RESTRICT copy) {
  const auto n = static_cast<size_t>(count);
  const size_t padded = (n + lanes - 1) / lanes * lanes;
  if (s.dtype == RealDType<Real>() && padded == n && s.components == 0) {
    const int64_t loc = query * s.location_query_stride + head * s.location_head_stride;
    const int64_t wgt = query * s.weight_query_stride + head * s.weight_head_stride;
    return {static_cast<const Real*>(s.locations) + loc, static_cast<const Real*>(s.weights) + wgt};
  }
  CopySamples(s, query, head, n, copy, copy + 2 * padded);
  PadSamples(n, padded, copy, copy + 2 * padded);
  return {copy, copy + 2 * padded};
}

// True when more than a tenth of the lanes would be empty if each query and head had vectors of its own.
HWY_INLINE bool RunsPay(int64_t count, size_t lanes) {
  const auto n = static_cast<size_t>(count);
  const size_t padded = (n + lanes - 1) / lanes * lanes;
  return 10 * (padded - n) > padded;
}

// Pairs of query and head whose samples are worked on as one array, `count` samples each.
struct SampleRun {
  int64_t query[kRunItems] = {};
  int64_t head[kRunItems] = {};
  int64_t size = 0;

  HWY_INLINE void Add(int64_t q, int64_t h) {
    query[size] = q;
    head[size] = h;
    ++size;
  }
};

// True when the run's samples lie one behind the other where the caller has them: heads of one query, dense. Those of
// a fused problem are made one (query, head) after the other.
HWY_INLINE bool RunIsDense(const SampleSource& s, const SampleRun& run, int64_t count) {
  return s.components == 0 && s.location_head_stride == 2 * count && s.weight_head_stride == count &&
         (run.size == 1 || run.query[0] == run.query[run.size - 1]);
}

// The samples of a run: in place when they are dense, of type Real and fill whole vectors, else in `copy`
// (3 * kRunItems * padded Reals).
template <class Real>
HWY_INLINE QuerySamples<Real> ReadRun(const SampleSource& s, const SampleRun& run, int64_t count, size_t lanes,
                                      Real* HWY_RESTRICT copy) {
  const auto n = static_cast<size_t>(count);
  const size_t total = n * static_cast<size_t>(run.size);
  const size_t padded = (total + lanes - 1) / lanes * lanes;
  Real* weights = copy + 2 * padded;
  if (RunIsDense(s, run, count)) {
    // All samples of the run as those of one head.
    return ReadSamples<Real>(s, run.query[0], run.head[0], static_cast<int64_t>(total), lanes, copy);
  }
  for (int64_t i = 0; i < run.size; ++i) {
    const size_t at = n * static_cast<size_t>(i);
    CopySamples(s, run.query[i], run.head[i], n, copy + 2 * at, weights + at);
  }
  PadSamples(total, padded, copy, weights);
  return {copy, weights};
}

// Asks for every line (64 bytes) of [p, p + bytes).
HWY_INLINE void PrefetchBytes(const void* p, size_t bytes) {
  const auto* from = static_cast<const uint8_t*>(p);
  for (size_t i = 0; i < bytes; i += 64) hwy::Prefetch(from + i);
}

// Samples of one head are a query stride apart (4 KiB and more between tiles), which hardware does not foresee.
HWY_INLINE void PrefetchSamples(const SampleSource& s, int64_t query, int64_t head, int64_t count) {
  const auto element = static_cast<int64_t>(DTypeSize(s.dtype));
  const int64_t loc = query * s.location_query_stride + head * s.location_head_stride;
  const int64_t wgt = query * s.weight_query_stride + head * s.weight_head_stride;
  PrefetchBytes(static_cast<const uint8_t*>(s.locations) + loc * element, static_cast<size_t>(2 * count * element));
  PrefetchBytes(static_cast<const uint8_t*>(s.weights) + wgt * element, static_cast<size_t>(count * element));
  if (s.components != 0) {
    const auto real = static_cast<int64_t>(s.levels64->count != 0 ? sizeof(double) : sizeof(float));
    hwy::Prefetch(static_cast<const uint8_t*>(s.references) + query * s.reference_query_stride * real);
  }
}

// The cell [x, x+1) x [y, y+1) that each sample falls into and its offset (fx, fy) in it; returns which samples are
// inside (-1, W) x (-1, H); with `border` they all are, clamped, but for those that are not finite. The others get cell
// (0, 0) and offset (0, 0), so that every conversion to integer is in range. `i`: which of the level constants.
template <class D, class LC, class V = hn::Vec<D>, class VI = hn::Vec<hn::RebindToSigned<D>>>
HWY_INLINE hn::Mask<D> BilinearCells(D d, const LC& levels, size_t i, bool border, V u, V v, VI& cell_x, VI& cell_y,
                                     V& fx, V& fy) {
  using Real = hn::TFromD<D>;
  const hn::RebindToSigned<D> di;
  const V shift = hn::Set(d, levels.shift);
  const V minus_one = hn::Set(d, Real(-1));
  const V width = hn::LoadU(d, levels.width + i);
  const V height = hn::LoadU(d, levels.height + i);
  V x = hn::MulSub(u, hn::LoadU(d, levels.scale_x + i), shift);
  V y = hn::MulSub(v, hn::LoadU(d, levels.scale_y + i), shift);
  const auto finite = hn::And(hn::IsFinite(u), hn::IsFinite(v));
  if (HWY_UNLIKELY(border)) {
    // A product that overflows is brought back. What is not finite may become anything here.
    x = hn::IfThenElseZero(finite, hn::Min(hn::Max(x, hn::Zero(d)), hn::Add(width, minus_one)));
    y = hn::IfThenElseZero(finite, hn::Min(hn::Max(y, hn::Zero(d)), hn::Add(height, minus_one)));
  }
  // Comparisons with NaN are false.
  const auto in_x = hn::And(hn::Gt(x, minus_one), hn::Lt(x, width));
  const auto in_y = hn::And(hn::Gt(y, minus_one), hn::Lt(y, height));
  const auto inside = HWY_UNLIKELY(border) ? finite : hn::And(in_x, in_y);
  x = hn::IfThenElseZero(inside, x);
  y = hn::IfThenElseZero(inside, y);
  const V x0 = hn::Floor(x);
  const V y0 = hn::Floor(y);
  fx = hn::Sub(x, x0);
  fy = hn::Sub(y, y0);
  cell_x = hn::ConvertTo(di, x0);
  cell_y = hn::ConvertTo(di, y0);
  return inside;
}

// RT-DETRv2's nearest pixel, written as a cell with offset (0, 0): trunc(u*W + 0.5) clamped to [0, W - 1],
// trunc(v*H + 0.5) to [0, H - 1].
template <class D, class V = hn::Vec<D>, class VI = hn::Vec<hn::RebindToSigned<D>>>
HWY_INLINE hn::Mask<D> DiscreteCells(D d, V u, V v, V width, V height, VI& cell_x, VI& cell_y, V& fx, V& fy) {
  using Real = hn::TFromD<D>;
  const hn::RebindToSigned<D> di;
  const V half = hn::Set(d, Real(0.5));
  const V zero = hn::Zero(d);
  const V one = hn::Set(d, Real(1));
  const auto finite = hn::And(hn::IsFinite(u), hn::IsFinite(v));
  // The product may overflow to infinity; the clamp brings it back.
  const V x =
      hn::Trunc(hn::Min(hn::Max(hn::MulAdd(hn::IfThenElseZero(finite, u), width, half), zero), hn::Sub(width, one)));
  const V y =
      hn::Trunc(hn::Min(hn::Max(hn::MulAdd(hn::IfThenElseZero(finite, v), height, half), zero), hn::Sub(height, one)));
  cell_x = hn::ConvertTo(di, x);
  cell_y = hn::ConvertTo(di, y);
  fx = zero;
  fy = zero;
  return finite;
}

}  // namespace HWY_NAMESPACE
}  // namespace xmsda::cpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
