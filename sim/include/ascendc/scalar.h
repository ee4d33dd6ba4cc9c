// Bit counting and conversion of scalars.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "ascendc/types.h"

// `x` with bit `index` cleared or set, index 0 to 63; kernels use these without a namespace.
inline uint64_t sbitset0(uint64_t x, int64_t index) { return x & ~(uint64_t{1} << (index & 63)); }
inline uint64_t sbitset1(uint64_t x, int64_t index) { return x | (uint64_t{1} << (index & 63)); }

namespace AscendC {

using ::sbitset0;
using ::sbitset1;

// How many bits of the value are countValue.
template <int countValue>
int64_t ScalarGetCountOfValue(uint64_t valueIn) {
  static_assert(countValue == 0 || countValue == 1, "ScalarGetCountOfValue: counts zeros or ones");
  return __builtin_popcountll(countValue == 1 ? valueIn : ~valueIn);
}

// Place of the lowest bit that is countValue; -1 without one.
template <int countValue>
int64_t ScalarGetSFFValue(uint64_t valueIn) {
  static_assert(countValue == 0 || countValue == 1, "ScalarGetSFFValue: finds a zero or a one");
  const uint64_t bits = countValue == 1 ? valueIn : ~valueIn;
  return bits == 0 ? -1 : __builtin_ctzll(bits);
}

// Zeros above the highest one; 64 for 0.
inline int64_t ScalarCountLeadingZero(uint64_t valueIn) { return valueIn == 0 ? 64 : __builtin_clzll(valueIn); }

// Bits below the sign bit that are equal to it, without a break; -1 for 0 and -1.
inline int64_t CountBitsCntSameAsSignBit(int64_t valueIn) {
  if (valueIn == 0 || valueIn == -1) return -1;
  return __builtin_clzll(static_cast<uint64_t>(valueIn < 0 ? ~valueIn : valueIn)) - 1;
}

// To nearest even.
inline bfloat16_t ToBfloat16(const float& fVal) { return bfloat16_t(fVal); }
inline float ToFloat(const bfloat16_t& bVal) { return static_cast<float>(bVal); }

// float to int32_t with CAST_ROUND (halves away from zero), CAST_CEIL, CAST_FLOOR, CAST_RINT (halves to even), kept
// within the range, 0 for NaN; float to half with CAST_ODD.
template <typename T, typename U, RoundMode roundMode>
U ScalarCast(T valueIn) {
  static_assert(std::is_same_v<T, float>, "ScalarCast: documented from float alone");
  if constexpr (std::is_same_v<U, int32_t>) {
    static_assert(roundMode == RoundMode::CAST_ROUND || roundMode == RoundMode::CAST_CEIL ||
                      roundMode == RoundMode::CAST_FLOOR || roundMode == RoundMode::CAST_RINT,
                  "ScalarCast: float to int32_t takes CAST_ROUND, CAST_CEIL, CAST_FLOOR and CAST_RINT");
    const float rounded = roundMode == RoundMode::CAST_ROUND   ? std::round(valueIn)
                          : roundMode == RoundMode::CAST_CEIL  ? std::ceil(valueIn)
                          : roundMode == RoundMode::CAST_FLOOR ? std::floor(valueIn)
                                                               : std::nearbyint(valueIn);
    if (rounded != rounded) return 0;
    if (rounded >= 2147483648.0f) return std::numeric_limits<int32_t>::max();
    if (rounded < -2147483648.0f) return std::numeric_limits<int32_t>::min();
    return static_cast<int32_t>(rounded);
  } else {
    static_assert(std::is_same_v<U, half> && roundMode == RoundMode::CAST_ODD,
                  "ScalarCast: float to half takes CAST_ODD; no other types than int32_t and half");
    const half nearest(valueIn);
    uint16_t bits;
    std::memcpy(&bits, &nearest, sizeof(bits));
    const float back = static_cast<float>(nearest);
    if (back == valueIn || valueIn != valueIn || (bits & 1) != 0) return nearest;
    // Inexact and even: of the two neighbours, the odd one. Infinity steps back to the largest number.
    const bool too_large = std::fabs(back) > std::fabs(valueIn);
    bits = static_cast<uint16_t>(too_large ? bits - 1 : bits + 1);
    half result;
    std::memcpy(&result, &bits, sizeof(bits));
    return result;
  }
}

}  // namespace AscendC
