// IEEE half and bfloat16 in software: exact to float, rounded to nearest even from float or double.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

namespace ascsim {

// No branches, so that loops over them become vector code: GCC turns a conditional operator around a floating point
// operation into a branch. NaN keeps its sign and upper payload bits; narrowing makes it quiet. One rounding from float
// after + - * / or sqrt in float gives what the 16-bit format would give (24 bits are at least twice 11 plus 2).
inline uint32_t Choose(bool condition, uint32_t yes, uint32_t no) {
  const uint32_t mask = 0u - static_cast<uint32_t>(condition);
  return (yes & mask) | (no & ~mask);
}

inline float HalfToFloat(uint16_t half) {
  const uint32_t magnitude = static_cast<uint32_t>(half & 0x7fffu) << 13;
  const uint32_t exponent = magnitude & 0x0f800000u;
  const uint32_t normal = magnitude + (112u << 23) + Choose(exponent == 0x0f800000u, 112u << 23, 0);
  // A subnormal is its mantissa times 2^-24: put it below an implicit one and take that away.
  const float subnormal = std::bit_cast<float>(magnitude + (113u << 23)) - std::bit_cast<float>(113u << 23);
  const uint32_t bits = Choose(exponent == 0, std::bit_cast<uint32_t>(subnormal), normal);
  return std::bit_cast<float>(bits | static_cast<uint32_t>(half & 0x8000u) << 16);
}

inline uint16_t FloatToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & 0x7fffffffu;
  const uint32_t rounded = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  // Below 2^-14 an addition aligns the mantissa to 2^-24 and rounds it.
  const bool small = magnitude < (113u << 23);
  const float aligned = std::bit_cast<float>(Choose(small, magnitude, 0)) + 0.5f;
  const uint32_t subnormal = std::bit_cast<uint32_t>(aligned) - std::bit_cast<uint32_t>(0.5f);
  const uint32_t special = Choose(magnitude > 0x7f800000u, 0x7e00u | ((magnitude >> 13) & 0x3ffu), 0x7c00u);
  const uint32_t finite = Choose(small, subnormal, rounded);
  return static_cast<uint16_t>(Choose(magnitude >= (143u << 23), special, finite) | ((bits >> 16) & 0x8000u));
}

inline float BF16ToFloat(uint16_t bfloat) { return std::bit_cast<float>(static_cast<uint32_t>(bfloat) << 16); }

inline uint16_t FloatToBF16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return static_cast<uint16_t>(nan ? (bits >> 16) | 0x40u : rounded);
}

// To odd: what is cut off leaves its trace in the last bit, so that a second rounding to at least two bits less is not
// misled.
inline float RoundToOdd(double value) {
  const auto nearest = static_cast<float>(value);
  const auto back = static_cast<double>(nearest);
  const uint32_t bits = std::bit_cast<uint32_t>(nearest);
  if (back == value || value != value || (bits & 1) != 0) return nearest;
  // Away from zero, infinity included, means one step back.
  const bool too_large = value < 0 ? back < value : back > value;
  return std::bit_cast<float>(too_large ? bits - 1 : bits + 1);
}
inline uint16_t DoubleToHalf(double value) { return FloatToHalf(RoundToOdd(value)); }
inline uint16_t DoubleToBF16(double value) { return FloatToBF16(RoundToOdd(value)); }

}  // namespace ascsim
