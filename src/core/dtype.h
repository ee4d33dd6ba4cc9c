// Scalar conversions between double and the storage types; for the reference, the tests and kernels' tails.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "xmsda/problem.h"

namespace xmsda {

// A 16-bit float as its bits: exponent of kExponentBits, then kMantissaBits.
template <int kExponentBits, int kMantissaBits>
struct SmallFloat {
  static_assert(1 + kExponentBits + kMantissaBits == 16);
  uint16_t bits = 0;
};

using BF16 = SmallFloat<8, 7>;
using F16 = SmallFloat<5, 10>;
static_assert(sizeof(BF16) == 2 && sizeof(F16) == 2);

namespace internal {

// value * 2^-shift, to nearest, ties to even; shift in [1, 63].
constexpr uint64_t ShiftRightToEven(uint64_t value, int shift) {
  const uint64_t half_minus_one = (uint64_t{1} << (shift - 1)) - 1;
  return (value + half_minus_one + ((value >> shift) & 1)) >> shift;
}

}  // namespace internal

// Rounds once, to nearest even: going through float would round twice. NaN stays NaN (quiet), overflow gives infinity.
template <int kExponentBits, int kMantissaBits>
constexpr SmallFloat<kExponentBits, kMantissaBits> EncodeSmallFloat(double value) {
  constexpr int kDoubleMantissaBits = 52;
  constexpr int kShift = kDoubleMantissaBits - kMantissaBits;
  constexpr int kBias = (1 << (kExponentBits - 1)) - 1;
  constexpr uint64_t kInfinity = ((uint64_t{1} << kExponentBits) - 1) << kMantissaBits;
  const uint64_t bits = std::bit_cast<uint64_t>(value);
  const uint64_t sign = (bits >> 63) << 15;
  const uint64_t fraction = bits & ((uint64_t{1} << kDoubleMantissaBits) - 1);
  const int double_exponent = static_cast<int>((bits >> kDoubleMantissaBits) & 0x7FF);
  const int exponent = double_exponent - 1023 + kBias;

  uint64_t magnitude = 0;
  if (double_exponent == 0x7FF && fraction != 0) {
    magnitude = kInfinity | (uint64_t{1} << (kMantissaBits - 1)) | (fraction >> kShift);
  } else if (exponent >= (1 << kExponentBits) - 1) {
    magnitude = kInfinity;
  } else if (exponent >= 1) {
    // A carry out of the mantissa moves on to the next exponent, at the top to infinity.
    const uint64_t unrounded = (static_cast<uint64_t>(exponent) << kDoubleMantissaBits) | fraction;
    magnitude = internal::ShiftRightToEven(unrounded, kShift);
  } else if (kShift + 1 - exponent <= 63) {
    const uint64_t unrounded = (uint64_t{1} << kDoubleMantissaBits) | fraction;
    magnitude = internal::ShiftRightToEven(unrounded, kShift + 1 - exponent);
  }
  return {static_cast<uint16_t>(sign | magnitude)};
}

template <int kExponentBits, int kMantissaBits>
constexpr double DecodeSmallFloat(SmallFloat<kExponentBits, kMantissaBits> value) {
  constexpr int kBias = (1 << (kExponentBits - 1)) - 1;
  constexpr uint32_t kMaxExponent = (1u << kExponentBits) - 1;
  const uint64_t sign = static_cast<uint64_t>(value.bits >> 15) << 63;
  const uint32_t exponent = (static_cast<uint32_t>(value.bits) >> kMantissaBits) & kMaxExponent;
  const uint64_t fraction = value.bits & ((uint64_t{1} << kMantissaBits) - 1);
  if (exponent == 0) {
    // 2^(1 - kBias - kMantissaBits), the unit of the subnormals; the product is exact.
    const double unit = std::bit_cast<double>(static_cast<uint64_t>(1023 + 1 - kBias - kMantissaBits) << 52);
    const double magnitude = static_cast<double>(fraction) * unit;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint64_t double_exponent =
      exponent == kMaxExponent ? 0x7FFu : static_cast<uint64_t>(static_cast<int>(exponent) - kBias + 1023);
  return std::bit_cast<double>(sign | (double_exponent << 52) | (fraction << (52 - kMantissaBits)));
}

inline double ToDouble(float value) { return static_cast<double>(value); }
inline double ToDouble(double value) { return value; }
constexpr double ToDouble(BF16 value) { return DecodeSmallFloat(value); }
constexpr double ToDouble(F16 value) { return DecodeSmallFloat(value); }

inline void FromDouble(double value, float* out) { *out = static_cast<float>(value); }
inline void FromDouble(double value, double* out) { *out = value; }
constexpr void FromDouble(double value, BF16* out) { *out = EncodeSmallFloat<8, 7>(value); }
constexpr void FromDouble(double value, F16* out) { *out = EncodeSmallFloat<5, 10>(value); }

// Calls function with a value-initialised element of the C++ type that stores `dtype`.
template <typename Function>
decltype(auto) DispatchDType(DType dtype, const Function& function) {
  switch (dtype) {
    case DType::kF64:
      return function(double{});
    case DType::kBF16:
      return function(BF16{});
    case DType::kF16:
      return function(F16{});
    case DType::kF32:
      break;
  }
  return function(float{});
}

// Element `index` of an array of `dtype`; the array may have any alignment.
inline double LoadElement(DType dtype, const void* array, int64_t index) {
  return DispatchDType(dtype, [&](auto element) {
    std::memcpy(&element, static_cast<const char*>(array) + index * static_cast<int64_t>(sizeof(element)),
                sizeof(element));
    return ToDouble(element);
  });
}

// Rounds once, to nearest even.
inline void StoreElement(DType dtype, void* array, int64_t index, double value) {
  DispatchDType(dtype, [&](auto element) {
    FromDouble(value, &element);
    std::memcpy(static_cast<char*>(array) + index * static_cast<int64_t>(sizeof(element)), &element, sizeof(element));
  });
}

}  // namespace xmsda
