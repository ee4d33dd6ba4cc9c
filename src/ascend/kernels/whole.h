// Vector instructions over whole repeats of 64 float32 or int32 lanes, under the mask that FullMask has set.
// SPDX-License-Identifier: Apache-2.0
//
// Functions that take a count write the mask register before the instruction, 16 cycles of the scalar unit: four times
// what the instruction itself costs it. These never touch it. `n` counts lanes, a multiple of 64.
#pragma once

#include "common.h"

namespace xmsda_ascend {

constexpr int32_t kWhole = 64;           // lanes of a repeat
constexpr int32_t kMostRepeats = 255;    // of an instruction
constexpr uint8_t kRepeatBlocks = 8;     // blocks of a repeat
constexpr uint64_t kAll = ~uint64_t{0};  // lanes

__aicore__ inline void FullMask() {
  SetMaskNorm();
  SetVectorMask<float>(0, kAll);
}

// Calls part(first lane, repeats) for instructions of at most 255 repeats.
template <class Part>
__aicore__ inline void InParts(int32_t n, Part part) {
  for (int32_t at = 0; at < n; at += kMostRepeats * kWhole) {
    const int32_t left = (n - at) / kWhole;
    part(static_cast<uint32_t>(at), left < kMostRepeats ? left : kMostRepeats);
  }
}

__aicore__ inline BinaryRepeatParams Dense2() { return BinaryRepeatParams(1, 1, 1, 8, 8, 8); }
__aicore__ inline UnaryRepeatParams Dense1() { return UnaryRepeatParams(1, 1, 8, 8); }

template <class T>
__aicore__ inline void AddWhole(const LocalTensor<T>& to, const LocalTensor<T>& a, const LocalTensor<T>& b, int32_t n) {
  InParts(n, [&](uint32_t i, int32_t r) { Add<T, false>(to[i], a[i], b[i], MASK_PLACEHOLDER, r, Dense2()); });
}
template <class T>
__aicore__ inline void SubWhole(const LocalTensor<T>& to, const LocalTensor<T>& a, const LocalTensor<T>& b, int32_t n) {
  InParts(n, [&](uint32_t i, int32_t r) { Sub<T, false>(to[i], a[i], b[i], MASK_PLACEHOLDER, r, Dense2()); });
}
template <class T>
__aicore__ inline void MulWhole(const LocalTensor<T>& to, const LocalTensor<T>& a, const LocalTensor<T>& b, int32_t n) {
  InParts(n, [&](uint32_t i, int32_t r) { Mul<T, false>(to[i], a[i], b[i], MASK_PLACEHOLDER, r, Dense2()); });
}
template <class T>
__aicore__ inline void MinWhole(const LocalTensor<T>& to, const LocalTensor<T>& a, const LocalTensor<T>& b, int32_t n) {
  InParts(n, [&](uint32_t i, int32_t r) { Min<T, false>(to[i], a[i], b[i], MASK_PLACEHOLDER, r, Dense2()); });
}
template <class T>
__aicore__ inline void AddsWhole(const LocalTensor<T>& to, const LocalTensor<T>& a, T scalar, int32_t n) {
  InParts(n, [&](uint32_t i, int32_t r) { Adds<T, false>(to[i], a[i], scalar, MASK_PLACEHOLDER, r, Dense1()); });
}
template <class T>
__aicore__ inline void MulsWhole(const LocalTensor<T>& to, const LocalTensor<T>& a, T scalar, int32_t n) {
  InParts(n, [&](uint32_t i, int32_t r) { Muls<T, false>(to[i], a[i], scalar, MASK_PLACEHOLDER, r, Dense1()); });
}
template <class T>
__aicore__ inline void MaxsWhole(const LocalTensor<T>& to, const LocalTensor<T>& a, T scalar, int32_t n) {
  InParts(n, [&](uint32_t i, int32_t r) { Maxs<T, false>(to[i], a[i], scalar, MASK_PLACEHOLDER, r, Dense1()); });
}
template <class T>
__aicore__ inline void MinsWhole(const LocalTensor<T>& to, const LocalTensor<T>& a, T scalar, int32_t n) {
  InParts(n, [&](uint32_t i, int32_t r) { Mins<T, false>(to[i], a[i], scalar, MASK_PLACEHOLDER, r, Dense1()); });
}
// to = a where `tested` compares so with `bound`, else `other`; NaN does not. `bits`: a bit a lane.
__aicore__ inline void KeepWhere(const LocalTensor<float>& to, const LocalTensor<float>& a,
                                 const LocalTensor<float>& tested, CMPMODE mode, float bound, float other,
                                 const LocalTensor<uint8_t>& bits, int32_t n) {
  PipeBarrier<PIPE_V>();
  CompareScalar<float, uint8_t, false>(bits, tested, bound, mode, MASK_PLACEHOLDER, n / kWhole, Dense1());
  PipeBarrier<PIPE_V>();
  Select<float, uint8_t, false>(to, bits, a, other, SELMODE::VSEL_TENSOR_SCALAR_MODE, MASK_PLACEHOLDER, n / kWhole,
                                Dense2());
}
template <class T>
__aicore__ inline void FillWhole(const LocalTensor<T>& to, T scalar, int32_t n) {
  InParts(n, [&](uint32_t i, int32_t r) { Duplicate<T, false>(to[i], scalar, MASK_PLACEHOLDER, r, 1, kRepeatBlocks); });
}

// Casts between float32 and int32.
template <class T, class U>
__aicore__ inline void CastWhole(const LocalTensor<T>& to, const LocalTensor<U>& from, RoundMode mode, int32_t n) {
  InParts(n, [&](uint32_t i, int32_t r) { Cast<T, U, false>(to[i], from[i], mode, MASK_PLACEHOLDER, r, Dense1()); });
}

// To and from float32, of n elements.
template <class T>
__aicore__ inline void Widen(const LocalTensor<float>& to, const LocalTensor<T>& from, int32_t n) {
  InParts(n, [&](uint32_t i, int32_t r) {
    Cast<float, T, false>(to[i], from[i], RoundMode::CAST_NONE, MASK_PLACEHOLDER, r, UnaryRepeatParams(1, 1, 8, 4));
  });
}
__aicore__ inline void Widen(const LocalTensor<float>& to, const LocalTensor<float>& from, int32_t n) {
  AddsWhole(to, from, 0.0f, n);
}
template <class T>
__aicore__ inline void Narrow(const LocalTensor<T>& to, const LocalTensor<float>& from, int32_t n) {
  InParts(n, [&](uint32_t i, int32_t r) {
    Cast<T, float, false>(to[i], from[i], kNearest<T>, MASK_PLACEHOLDER, r, UnaryRepeatParams(1, 1, 4, 8));
  });
}
__aicore__ inline void Narrow(const LocalTensor<float>& to, const LocalTensor<float>& from, int32_t n) {
  AddsWhole(to, from, 0.0f, n);
}

}  // namespace xmsda_ascend
