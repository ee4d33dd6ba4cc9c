// Samples of fused problems: locations from references and offsets, weights from logits, and their gradients back.
// SPDX-License-Identifier: Apache-2.0
//
// Both passes read the samples of a (query, head) into an array of L1 anyway; what is here turns that array's offsets
// and logits into locations and weights in place, so nothing of size Q*M*K exists beside the caller's arrays.

#if defined(XMSDA_CPU_FUSED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef XMSDA_CPU_FUSED_INL_H_
#undef XMSDA_CPU_FUSED_INL_H_
#else
#define XMSDA_CPU_FUSED_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <cstddef>
#include <cstring>
#include <limits>

#include "core/dtype.h"
#include "cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace xmsda::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class Real>
HWY_INLINE const auto& LevelsOf(const SampleSource& s) {
  if constexpr (sizeof(Real) == 8) {
    return *s.levels64;
  } else {
    return *s.levels32;
  }
}

// e^x of x <= 0. Highway's Exp gives 0 for NaN and below -104 (float) and -1000 (double), but converts any x to an
// integer first, which plain C++, its target without vectors, leaves undefined for what does not fit.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ExpOrNaN(D d, V x) {
  const auto nan = hn::IsNaN(x);
  const V least = hn::Set(d, sizeof(hn::TFromD<D>) == 4 ? -105 : -1001);
  return hn::IfThenElse(nan, x, hn::Exp(d, hn::Max(hn::IfThenZeroElse(nan, x), least)));
}

// w[0, n) becomes its softmax. A NaN or +infinity makes all of it NaN, as in torch.
template <class D, class Real = hn::TFromD<D>>
HWY_INLINE void Softmax(D d, size_t n, Real* HWY_RESTRICT w) {
  using V = hn::Vec<D>;
  const size_t lanes = hn::Lanes(d);
  const V lowest = hn::Set(d, -std::numeric_limits<Real>::infinity());
  const size_t whole = n / lanes * lanes;
  const auto first = hn::FirstN(d, n - whole);
  V largest = lowest;
  for (size_t i = 0; i < whole; i += lanes) largest = hn::Max(largest, hn::LoadU(d, w + i));
  V tail = lowest;
  if (whole < n) {
    tail = hn::IfThenElse(first, hn::MaskedLoad(first, d, w + whole), lowest);
    largest = hn::Max(largest, tail);
  }
  largest = hn::MaxOfLanes(d, largest);
  V sum = hn::Zero(d);
  for (size_t i = 0; i < whole; i += lanes) {
    const V e = ExpOrNaN(d, hn::Sub(hn::LoadU(d, w + i), largest));
    hn::StoreU(e, d, w + i);
    sum = hn::Add(sum, e);
  }
  if (whole < n) {
    tail = ExpOrNaN(d, hn::Sub(tail, largest));
    sum = hn::Add(sum, tail);
  }
  const V scale = hn::Div(hn::Set(d, Real(1)), hn::SumOfLanes(d, sum));
  for (size_t i = 0; i < whole; i += lanes) hn::StoreU(hn::Mul(hn::LoadU(d, w + i), scale), d, w + i);
  if (whole < n) hn::BlendedStore(hn::Mul(tail, scale), first, d, w + whole);
}

// The references of a query.
template <class Real>
HWY_INLINE const Real* ReferencesOf(const SampleSource& s, int64_t query) {
  return static_cast<const Real*>(s.references) + query * s.reference_query_stride;
}

// (x, y) pairs of the references of the samples [k, k + N/2), from `component` on.
template <class Real>
HWY_INLINE void CollectPairs(const Real* HWY_RESTRICT references, const int32_t* HWY_RESTRICT at, size_t count,
                             Real* HWY_RESTRICT pairs) {
  for (size_t i = 0; i < count; ++i) std::memcpy(pairs + 2 * i, references + at[i], 2 * sizeof(Real));
}

// locations[0, 2 n) are offsets and become locations.
template <class D, class Real = hn::TFromD<D>>
HWY_INLINE void AddReferences(D d, const SampleSource& s, int64_t query, size_t n, Real* HWY_RESTRICT locations) {
  const auto& levels = LevelsOf<Real>(s);
  const Real* references = ReferencesOf<Real>(s, query);
  constexpr size_t kMaxLanes = HWY_MAX_BYTES / sizeof(Real);
  HWY_ALIGN Real centres[kMaxLanes + 1], extents[kMaxLanes + 1];
  const size_t lanes = hn::Lanes(d);
  const size_t pairs = HWY_MAX(lanes / 2, 1);
  const bool boxes = s.components == 4;
  for (size_t k = 0; k < n; k += pairs) {
    const size_t count = HWY_MIN(pairs, n - k);
    CollectPairs(references, levels.reference + k, count, centres);
    if (boxes) CollectPairs(references + 2, levels.reference + k, count, extents);
    Real* to = locations + 2 * k;
    const Real* step = levels.step + 2 * k;
    if (2 * count == lanes) {
      auto by = hn::LoadU(d, step);
      if (boxes) by = hn::Mul(by, hn::Load(d, extents));
      hn::StoreU(hn::MulAdd(hn::LoadU(d, to), by, hn::Load(d, centres)), d, to);
      continue;
    }
    for (size_t j = 0; j < 2 * count; ++j) to[j] = centres[j] + to[j] * (boxes ? step[j] * extents[j] : step[j]);
  }
}

// Offsets and logits of (query, head) to locations and weights.
template <class Real>
HWY_INLINE void Fuse(const SampleSource& s, int64_t query, size_t n, Real* HWY_RESTRICT locations,
                     Real* HWY_RESTRICT weights) {
  const hn::ScalableTag<Real> d;
  AddReferences(d, s, query, n, locations);
  Softmax(d, n, weights);
}

// gradients[0, n) of the weights become those of the logits: w * (g - sum(w * g)).
template <class D, class Real = hn::TFromD<D>>
HWY_INLINE void SoftmaxGradient(D d, size_t n, const Real* HWY_RESTRICT w, Real* HWY_RESTRICT gradients) {
  const size_t lanes = hn::Lanes(d);
  const size_t whole = n / lanes * lanes;
  auto sum = hn::Zero(d);
  for (size_t i = 0; i < whole; i += lanes) sum = hn::MulAdd(hn::LoadU(d, w + i), hn::LoadU(d, gradients + i), sum);
  const auto first = hn::FirstN(d, n - whole);
  auto tail_w = sum;
  auto tail = sum;
  if (whole < n) {
    tail_w = hn::MaskedLoad(first, d, w + whole);
    tail = hn::MaskedLoad(first, d, gradients + whole);
    sum = hn::MulAdd(tail_w, tail, sum);
  }
  const auto mean = hn::SumOfLanes(d, sum);
  for (size_t i = 0; i < whole; i += lanes) {
    hn::StoreU(hn::Mul(hn::LoadU(d, w + i), hn::Sub(hn::LoadU(d, gradients + i), mean)), d, gradients + i);
  }
  if (whole < n) hn::BlendedStore(hn::Mul(tail_w, hn::Sub(tail, mean)), first, d, gradients + whole);
}

// A coordinate of an offset as the caller has it.
template <class Real>
HWY_INLINE Real OffsetAt(const SampleSource& s, int64_t index) {
  if constexpr (sizeof(Real) == sizeof(float)) {
    if (s.dtype == DType::kBF16) return static_cast<Real>(ToDouble(static_cast<const BF16*>(s.locations)[index]));
    if (s.dtype == DType::kF16) return static_cast<Real>(ToDouble(static_cast<const F16*>(s.locations)[index]));
  }
  return static_cast<const Real*>(s.locations)[index];
}

// This head's share of the gradient of the query's references, `elements` Reals, from the gradients of n locations.
template <class Real>
HWY_INLINE void ReferenceGradient(const SampleSource& s, int64_t query, int64_t head, size_t n,
                                  const Real* HWY_RESTRICT gradients, size_t elements, Real* HWY_RESTRICT to) {
  const int64_t offset = query * s.location_query_stride + head * s.location_head_stride;
  const auto& levels = LevelsOf<Real>(s);
  for (size_t i = 0; i < elements; ++i) to[i] = 0;
  for (size_t k = 0; k < n; ++k) {
    Real* reference = to + levels.reference[k];
    reference[0] += gradients[2 * k];
    reference[1] += gradients[2 * k + 1];
    // A discrete sample has no gradient: 0 times an offset that is not finite would be NaN.
    if (s.components != 4 || s.sampling == Sampling::kDiscrete) continue;
    const int64_t at = offset + 2 * static_cast<int64_t>(k);
    reference[2] += gradients[2 * k] * (OffsetAt<Real>(s, at) * levels.step[2 * k]);
    reference[3] += gradients[2 * k + 1] * (OffsetAt<Real>(s, at + 1) * levels.step[2 * k + 1]);
  }
}

// gradients[0, 2 n) of the locations become those of the offsets.
template <class Real>
HWY_INLINE void OffsetGradient(const SampleSource& s, int64_t query, size_t n, Real* HWY_RESTRICT gradients) {
  const auto& levels = LevelsOf<Real>(s);
  if (s.sampling == Sampling::kDiscrete) return;  // zeros, whatever the box
  if (s.components == 2) {
    for (size_t j = 0; j < 2 * n; ++j) gradients[j] *= levels.step[j];
    return;
  }
  const Real* references = ReferencesOf<Real>(s, query);
  for (size_t k = 0; k < n; ++k) {
    const Real* reference = references + levels.reference[k];
    gradients[2 * k] *= levels.step[2 * k] * reference[2];
    gradients[2 * k + 1] *= levels.step[2 * k + 1] * reference[3];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace xmsda::cpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
