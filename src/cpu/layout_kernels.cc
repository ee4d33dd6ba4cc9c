// Moves pixel rows between the caller's layout and dense, padded rows, converting their type.
// SPDX-License-Identifier: Apache-2.0
//
// A pixel's row of one head is D contiguous elements in [B,S,M,D]; rows of the same head are M*D elements apart and, at
// the usual 1 KiB, fall into few cache sets. Packed rows of one head lie side by side. When the channels are strided
// ([B,M,D,S]) packing is a transpose.

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "cpu/kernels.h"
#include "cpu/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/layout_kernels.cc"
#include <hwy/foreach_target.h>

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "cpu/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xmsda::cpu {
namespace HWY_NAMESPACE {

// Rows that a transpose reads together: 16 rows of 32 floats are 2 KiB, half a page of L1.
constexpr int64_t kTransposeRows = 16;

constexpr int64_t kPackAhead = 16;

template <class T>
HWY_INLINE void CopyElements(const T* HWY_RESTRICT from, size_t count, T* HWY_RESTRICT to) {
  const hn::ScalableTag<T> d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(hn::LoadU(d, from + i), d, to + i);
  for (; i < count; ++i) to[i] = from[i];
}

// Same element type on both sides; `T` is any type of that size.
template <class T>
HWY_INLINE void PackDense(const RepackTask& t) {
  const auto* source = reinterpret_cast<const T*>(t.source);
  auto* target = reinterpret_cast<T*>(t.target);
  for (int64_t row = 0; row < t.rows; ++row) {
    T* to = target + row * t.packed_stride;
    // Hardware prefetchers give up on rows of two lines a KiB or more apart. The last rows ahead are those of the end.
    const T* ahead = source + HWY_MIN(row + kPackAhead, t.rows - 1) * t.row_stride;
    for (size_t i = 0; i < static_cast<size_t>(t.channels) * sizeof(T); i += 64) {
      hwy::Prefetch(reinterpret_cast<const uint8_t*>(ahead) + i);
    }
    CopyElements(source + row * t.row_stride, static_cast<size_t>(t.channels), to);
    for (int64_t c = t.channels; c < t.padded_channels; ++c) to[c] = 0;
  }
}

template <class T>
HWY_INLINE void PackTransposed(const RepackTask& t) {
  const auto* source = reinterpret_cast<const T*>(t.source);
  auto* target = reinterpret_cast<T*>(t.target);
  for (int64_t block = 0; block < t.rows; block += kTransposeRows) {
    const int64_t end = HWY_MIN(block + kTransposeRows, t.rows);
    for (int64_t c = 0; c < t.padded_channels; ++c) {
      for (int64_t row = block; row < end; ++row) {
        target[row * t.packed_stride + c] = c < t.channels ? source[row * t.row_stride + c * t.channel_stride] : T{0};
      }
    }
  }
}

template <class T>
void PackSame(const RepackTask& t) {
  if (t.channel_stride == 1) {
    PackDense<T>(t);
  } else {
    PackTransposed<T>(t);
  }
}

// From storage to Real.
template <class Row, class Element, class Real = typename Row::Real>
void PackReal(const RepackTask& t) {
  const auto* source = reinterpret_cast<const Element*>(t.source);
  auto* target = reinterpret_cast<Real*>(t.target);
  for (int64_t block = 0; block < t.rows; block += kTransposeRows) {
    const int64_t end = HWY_MIN(block + kTransposeRows, t.rows);
    if (t.channel_stride == 1) {
      for (int64_t row = block; row < end; ++row) {
        Real* to = target + row * t.packed_stride;
        LoadConverted<Row>(source + row * t.row_stride, static_cast<size_t>(t.channels), to);
      }
    } else {
      for (int64_t c = 0; c < t.channels; ++c) {
        for (int64_t row = block; row < end; ++row) {
          const Element element = source[row * t.row_stride + c * t.channel_stride];
          target[row * t.packed_stride + c] = static_cast<Real>(ToDouble(element));
        }
      }
    }
    for (int64_t row = block; row < end; ++row) {
      for (int64_t c = t.channels; c < t.padded_channels; ++c) target[row * t.packed_stride + c] = 0;
    }
  }
}

// From Real to storage, rounded to nearest even. `source` is the packed side.
template <class Row, class Element, class Real = typename Row::Real>
void UnpackReal(const RepackTask& t) {
  const auto* source = reinterpret_cast<const Real*>(t.source);
  auto* target = reinterpret_cast<Element*>(t.target);
  for (int64_t block = 0; block < t.rows; block += kTransposeRows) {
    const int64_t end = HWY_MIN(block + kTransposeRows, t.rows);
    if (t.channel_stride == 1) {
      for (int64_t row = block; row < end; ++row) {
        StoreConverted<Row>(source + row * t.packed_stride, static_cast<size_t>(t.channels),
                            target + row * t.row_stride);
      }
    } else {
      for (int64_t c = 0; c < t.channels; ++c) {
        for (int64_t row = block; row < end; ++row) {
          FromDouble(static_cast<double>(source[row * t.packed_stride + c]),
                     target + row * t.row_stride + c * t.channel_stride);
        }
      }
    }
  }
}

bool FillLayout(Kernels* kernels) {
  constexpr auto kF32 = static_cast<size_t>(DType::kF32);
  constexpr auto kF64 = static_cast<size_t>(DType::kF64);
  constexpr auto kBF16 = static_cast<size_t>(DType::kBF16);
  constexpr auto kF16 = static_cast<size_t>(DType::kF16);
  kernels->target = kTarget;
  kernels->vector_bytes = hn::Lanes(hn::ScalableTag<float>()) * sizeof(float);
  const size_t lanes = hn::Lanes(hn::ScalableTag<float>());
  kernels->row_quantum[kF32] = lanes;
  kernels->row_quantum[kF64] = hn::Lanes(hn::ScalableTag<double>());
  kernels->row_quantum[kBF16] = lanes;
  kernels->row_quantum[kF16] = lanes;
  kernels->pack[kF32] = &PackSame<uint32_t>;
  kernels->pack[kF64] = &PackSame<uint64_t>;
  kernels->pack[kBF16] = &PackSame<uint16_t>;
  kernels->pack[kF16] = &PackSame<uint16_t>;
  kernels->pack_real[kF32] = &PackSame<uint32_t>;
  kernels->pack_real[kF64] = &PackSame<uint64_t>;
  kernels->pack_real[kBF16] = &PackReal<BF16Row, BF16>;
  kernels->pack_real[kF16] = &PackReal<F16Row, F16>;
  kernels->unpack_real[kF32] = &UnpackReal<PlainRow<float>, float>;
  kernels->unpack_real[kF64] = &UnpackReal<PlainRow<double>, double>;
  kernels->unpack_real[kBF16] = &UnpackReal<BF16Row, BF16>;
  kernels->unpack_real[kF16] = &UnpackReal<F16Row, F16>;
  return true;
}

}  // namespace HWY_NAMESPACE
}  // namespace xmsda::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpu/for_target.h"

namespace xmsda::cpu {

bool FillLayout(Target target, Kernels* kernels) { XMSDA_RETURN_FOR_TARGET(target, false, FillLayout, kernels) }

}  // namespace xmsda::cpu
#endif  // HWY_ONCE
