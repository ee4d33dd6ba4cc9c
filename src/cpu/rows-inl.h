// How elements in storage become vectors of Real and back, by dtype.
// SPDX-License-Identifier: Apache-2.0

#if defined(XMSDA_CPU_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef XMSDA_CPU_ROWS_INL_H_
#undef XMSDA_CPU_ROWS_INL_H_
#else
#define XMSDA_CPU_ROWS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/dtype.h"
#include "cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace xmsda::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_AVX3
constexpr Target kTarget = Target::kAvx512;
#elif HWY_TARGET == HWY_AVX2
constexpr Target kTarget = Target::kAvx2;
#elif HWY_TARGET == HWY_NEON
constexpr Target kTarget = Target::kNeon;
#elif HWY_TARGET == HWY_SVE
constexpr Target kTarget = Target::kSve;
#else
constexpr Target kTarget = Target::kPortable;
#endif

// Each type loads or stores vector `j` (of Real) of the row at `p`.

template <class RealT>
struct PlainRow {  // f32, f64
  using Real = RealT;
  static constexpr int kVectorsPerUnit = 1;
  template <class D>
  static HWY_INLINE hn::Vec<D> Load(D d, const uint8_t* p, size_t j) {
    return hn::LoadU(d, reinterpret_cast<const Real*>(p) + j * hn::Lanes(d));
  }
  template <class D>
  static HWY_INLINE void Store(D d, hn::Vec<D> v, uint8_t* p, size_t j) {
    hn::StoreU(v, d, reinterpret_cast<Real*>(p) + j * hn::Lanes(d));
  }
};

// bf16 bits of float lanes, in the upper half of each lane: round to nearest even, NaN stays NaN.
template <class D, class VU = hn::Vec<hn::RebindToUnsigned<D>>>
HWY_INLINE VU RoundToBF16(D /*d*/, hn::Vec<D> v) {
  const hn::RebindToUnsigned<D> du;
  const VU bits = hn::BitCast(du, v);
  const VU odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1u));
  const VU rounded = hn::Add(hn::Add(bits, hn::Set(du, 0x7FFFu)), odd);
  const VU quiet = hn::Or(bits, hn::Set(du, 0x400000u));
  const auto is_nan = hn::RebindMask(du, hn::IsNaN(v));
  return hn::And(hn::IfThenElse(is_nan, quiet, rounded), hn::Set(du, 0xFFFF0000u));
}

struct BF16Row {
  using Real = float;
  static constexpr int kVectorsPerUnit = 1;
  template <class D>
  static HWY_INLINE hn::Vec<D> Load(D d, const uint8_t* p, size_t j) {
    const hn::Rebind<uint16_t, D> d16;
    const hn::RebindToUnsigned<D> du;
    const auto v = hn::LoadU(d16, reinterpret_cast<const uint16_t*>(p) + j * hn::Lanes(d));
    return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(du, v)));
  }
  template <class D>
  static HWY_INLINE void Store(D d, hn::Vec<D> v, uint8_t* p, size_t j) {
    const hn::RebindToSigned<D> di;
    const hn::Rebind<uint16_t, D> d16;
    const auto bits = hn::BitCast(di, hn::ShiftRight<16>(RoundToBF16(d, v)));
    hn::StoreU(hn::DemoteTo(d16, bits), d16, reinterpret_cast<uint16_t*>(p) + j * hn::Lanes(d));
  }
};

// bf16 in pairs: one full-width load gives two vectors, the even channels and the odd ones; the store puts them
// together again. Half the loads of BF16Row and no shuffle. Channels must fill 2N.
struct BF16PairRow {
  using Real = float;
  static constexpr int kVectorsPerUnit = 2;
  template <class D>
  static HWY_INLINE hn::Vec<D> Load(D d, const uint8_t* p, size_t j) {
    const hn::RebindToUnsigned<D> du;
    const auto v = hn::LoadU(du, reinterpret_cast<const uint32_t*>(p) + j / 2 * hn::Lanes(d));
    return hn::BitCast(d, j % 2 == 0 ? hn::ShiftLeft<16>(v) : hn::And(v, hn::Set(du, 0xFFFF0000u)));
  }
  template <class D>
  static HWY_INLINE void StorePair(D d, hn::Vec<D> even, hn::Vec<D> odd, uint8_t* p, size_t j) {
    const hn::RebindToUnsigned<D> du;
    const auto bits = hn::Or(hn::ShiftRight<16>(RoundToBF16(d, even)), RoundToBF16(d, odd));
    hn::StoreU(bits, du, reinterpret_cast<uint32_t*>(p) + j / 2 * hn::Lanes(d));
  }
};

struct F16Row {
  using Real = float;
  static constexpr int kVectorsPerUnit = 1;
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
  // Highway's portable conversions truncate.
  template <class D>
  static HWY_INLINE hn::Vec<D> Load(D d, const uint8_t* p, size_t j) {
    float lanes[HWY_MAX_BYTES / sizeof(float)];
    for (size_t i = 0; i < hn::Lanes(d); ++i) {
      lanes[i] = static_cast<float>(ToDouble(reinterpret_cast<const F16*>(p)[j * hn::Lanes(d) + i]));
    }
    return hn::LoadU(d, lanes);
  }
  template <class D>
  static HWY_INLINE void Store(D d, hn::Vec<D> v, uint8_t* p, size_t j) {
    float lanes[HWY_MAX_BYTES / sizeof(float)];
    hn::StoreU(v, d, lanes);
    for (size_t i = 0; i < hn::Lanes(d); ++i) {
      FromDouble(static_cast<double>(lanes[i]), reinterpret_cast<F16*>(p) + j * hn::Lanes(d) + i);
    }
  }
#else
  template <class D>
  static HWY_INLINE hn::Vec<D> Load(D d, const uint8_t* p, size_t j) {
    const hn::Rebind<hwy::float16_t, D> d16;
    return hn::PromoteTo(d, hn::LoadU(d16, reinterpret_cast<const hwy::float16_t*>(p) + j * hn::Lanes(d)));
  }
  template <class D>
  static HWY_INLINE void Store(D d, hn::Vec<D> v, uint8_t* p, size_t j) {
    const hn::Rebind<hwy::float16_t, D> d16;
    hn::StoreU(hn::DemoteTo(d16, v), d16, reinterpret_cast<hwy::float16_t*>(p) + j * hn::Lanes(d));
  }
#endif
};

// Copies `count` elements of type Element (float, double, BF16, F16), converting them.
template <class Row, class Element, class Real = typename Row::Real>
HWY_INLINE void LoadConverted(const Element* HWY_RESTRICT from, size_t count, Real* HWY_RESTRICT to) {
  const hn::ScalableTag<Real> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(Row::Load(d, reinterpret_cast<const uint8_t*>(from), i / lanes), d, to + i);
  }
  for (; i < count; ++i) to[i] = static_cast<Real>(ToDouble(from[i]));
}

// The other way, rounding to nearest even.
template <class Row, class Element, class Real = typename Row::Real>
HWY_INLINE void StoreConverted(const Real* HWY_RESTRICT from, size_t count, Element* HWY_RESTRICT to) {
  const hn::ScalableTag<Real> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    Row::Store(d, hn::LoadU(d, from + i), reinterpret_cast<uint8_t*>(to), i / lanes);
  }
  for (; i < count; ++i) FromDouble(static_cast<double>(from[i]), to + i);
}

}  // namespace HWY_NAMESPACE
}  // namespace xmsda::cpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
