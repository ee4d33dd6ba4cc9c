// Cast: conversion of element types under all round modes.
// SPDX-License-Identifier: Apache-2.0
//
// Pairs, round modes and saturation after Cast.md (Atlas A2). What the page leaves open, and what is done here:
//  - A finite number beyond half or bfloat16 becomes the largest one with its sign; infinity stays infinity and NaN
//  stays
//    NaN, since the target has both.
//  - To integers, NaN becomes 0 and infinity saturates. A negative number to uint8 is 0 and counts as overflow.
//  - CAST_NONE where something has to be rounded is CAST_RINT.
//  - s32 to half: src * scale, rounded to nearest even once; scale is 1 before the first SetDeqScale.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>

#include "ascsim/options.h"
#include "ascsim/runtime.h"
#include "exec/elements.h"
#include "exec/tables.h"
#include "exec/walk.h"

namespace ascsim {
namespace {

// Elements that could not be converted, for the cast-overflow rule.
struct Losses {
  uint64_t count = 0;
  double first = 0;
  void Add(double value) {
    if (count++ == 0) first = value;
  }
};

// value >> shift, rounded; `negative` is the sign of the number that value is the magnitude of.
template <Rounding kMode>
uint64_t ShiftRounded(uint64_t value, int shift, bool negative) {
  if (shift <= 0) return value << -shift;
  const uint64_t kept = shift > 63 ? 0 : value >> shift;
  const uint64_t rest = shift > 63 ? value : value & ((uint64_t{1} << shift) - 1);
  if (rest == 0) return kept;
  // Beyond 63 bits the rest is less than half.
  const uint64_t half = shift > 63 ? ~uint64_t{0} : uint64_t{1} << (shift - 1);
  bool up = false;
  switch (kMode) {
    case Rounding::kNone:
    case Rounding::kRint:
      up = rest > half || (rest == half && (kept & 1) != 0);
      break;
    case Rounding::kFloor:
      up = negative;
      break;
    case Rounding::kCeil:
      up = !negative;
      break;
    case Rounding::kRound:
      up = rest >= half;
      break;
    case Rounding::kTrunc:
      break;
    case Rounding::kOdd:
      up = (kept & 1) == 0;
      break;
  }
  return kept + (up ? 1 : 0);
}

// A finite number as an integer, |x| < 2^62.
template <Rounding kMode>
int64_t ToInteger(double x) {
  const auto whole = static_cast<int64_t>(x);
  const double rest = x - static_cast<double>(whole);
  if (rest == 0) return whole;
  const int64_t away = x < 0 ? -1 : 1;
  const double size = std::fabs(rest);
  bool up = false;
  switch (kMode) {
    case Rounding::kNone:
    case Rounding::kRint:
      up = size > 0.5 || (size == 0.5 && (whole & 1) != 0);
      break;
    case Rounding::kFloor:
      up = x < 0;
      break;
    case Rounding::kCeil:
      up = x > 0;
      break;
    case Rounding::kRound:
      up = size >= 0.5;
      break;
    case Rounding::kTrunc:
      break;
    case Rounding::kOdd:
      up = (whole & 1) == 0;
      break;
  }
  return up ? whole + away : whole;
}

template <Rounding kMode, class I>
I FloatToInteger(double x, Losses* losses) {
  constexpr I kMin = std::numeric_limits<I>::min(), kMax = std::numeric_limits<I>::max();
  // Exact limits of int64, and beyond those of the narrower types.
  constexpr double kLimit = sizeof(I) == 8 ? 0x1p63 : 0x1p40;
  if (!(x < kLimit && x >= -kLimit)) {
    if (losses != nullptr) losses->Add(x);
    return x != x ? I{0} : x > 0 ? kMax : kMin;
  }
  const int64_t whole = ToInteger<kMode>(x);
  const bool lost =
      whole < static_cast<int64_t>(kMin) || whole > static_cast<int64_t>(kMax) || (std::is_unsigned_v<I> && x < 0);
  if (lost && losses != nullptr) losses->Add(x);
  return static_cast<I>(std::clamp(whole, static_cast<int64_t>(kMin), static_cast<int64_t>(kMax)));
}

// A float as half (5 exponent bits, 10 mantissa bits) or bfloat16 (8 and 7).
template <Rounding kMode, int kMantissa>
uint16_t FloatTo16(float x, Losses* losses) {
  constexpr int kExponents = 15 - kMantissa;
  constexpr int kBias = (1 << (kExponents - 1)) - 1;
  constexpr uint64_t kInfinity = ((uint64_t{1} << kExponents) - 1) << kMantissa;
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if constexpr (kMode == Rounding::kRint) {
    const uint16_t result = kMantissa == 10 ? FloatToHalf(x) : FloatToBF16(x);
    const bool saturates = (result & 0x7fffu) == kInfinity && magnitude < 0x7f800000u;
    if (losses != nullptr && (saturates || magnitude > 0x7f800000u)) losses->Add(static_cast<double>(x));
    return static_cast<uint16_t>(result - (saturates ? 1 : 0));
  }
  if (magnitude >= 0x7f800000u) {
    if (magnitude == 0x7f800000u) return static_cast<uint16_t>(sign | kInfinity);
    if (losses != nullptr) losses->Add(static_cast<double>(x));
    return kMantissa == 10 ? FloatToHalf(x) : FloatToBF16(x);
  }
  const auto field = static_cast<int>(magnitude >> 23);
  const uint64_t mantissa = (magnitude & 0x7fffffu) | (field == 0 ? 0u : 0x800000u);
  const int exponent = (field == 0 ? 1 : field) - 127;
  const int below = exponent < 1 - kBias ? 1 - kBias - exponent : 0;
  const uint64_t kept = ShiftRounded<kMode>(mantissa, 23 - kMantissa + below, sign != 0);
  // `kept` has the implicit bit, and a carry out of it belongs to the exponent.
  const uint64_t base = below > 0 ? 0 : static_cast<uint64_t>(exponent + kBias - 1) << kMantissa;
  uint64_t result = base + kept;
  if (result >= kInfinity) {
    if (losses != nullptr) losses->Add(static_cast<double>(x));
    result = kInfinity - 1;
  }
  return static_cast<uint16_t>(sign | result);
}

template <Rounding kMode>
float IntegerToFloat(int64_t value) {
  if constexpr (kMode == Rounding::kRint || kMode == Rounding::kNone) return static_cast<float>(value);
  const bool negative = value < 0;
  const uint64_t magnitude = negative ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  if (magnitude < (uint64_t{1} << 24)) return static_cast<float>(value);
  const int shift = 63 - std::countl_zero(magnitude) - 23;
  const uint64_t kept = ShiftRounded<kMode>(magnitude, shift, negative);
  const float result = std::ldexp(static_cast<float>(kept), shift);
  return negative ? -result : result;
}

template <Rounding kMode>
float RoundFloat(float x) {
  if (!(std::fabs(x) < 0x1p23f)) return x;
  // The sign of a zero is kept, as IEEE does.
  return std::copysign(static_cast<float>(ToInteger<kMode>(static_cast<double>(x))), x);
}

// One element, from the type of S to that of D. `losses` is null when nobody asks for them.
template <class D, class S, Rounding kMode>
typename D::Storage Convert(typename S::Storage value, Losses* losses) {
  using T = typename D::Storage;
  constexpr bool kFromInt = kIsInt<S>, kToInt = kIsInt<D>;
  if constexpr (kFromInt && kToInt) {
    constexpr auto kMin = static_cast<int64_t>(std::numeric_limits<T>::min());
    constexpr auto kMax = static_cast<int64_t>(std::numeric_limits<T>::max());
    const auto wide = static_cast<int64_t>(value);
    if ((wide < kMin || wide > kMax) && losses != nullptr) losses->Add(static_cast<double>(wide));
    return static_cast<T>(std::clamp(wide, kMin, kMax));
  } else if constexpr (kToInt) {
    return FloatToInteger<kMode, T>(static_cast<double>(S::Load(value)), losses);
  } else {
    float x = 0;
    if constexpr (kFromInt) {
      x = IntegerToFloat<kMode>(static_cast<int64_t>(value));
    } else {
      x = S::Load(value);
    }
    if constexpr (std::is_same_v<D, F16>) {
      return FloatTo16<kMode, 10>(x, losses);
    } else if constexpr (std::is_same_v<D, BF16>) {
      return FloatTo16<kMode, 7>(x, losses);
    } else if constexpr (std::is_same_v<D, S>) {
      return RoundFloat<kMode>(x);
    } else {
      return x;
    }
  }
}

void Report(Execution& e, const Losses& losses) {
  if (losses.count == 0) return;
  char text[120];
  std::snprintf(text, sizeof(text), "%llu element(s) are NaN or beyond the target type; the first is %g",
                static_cast<unsigned long long>(losses.count), losses.first);
  e.Report(Rule::kCastOverflow, text, e.instruction().src0.space, e.instruction().src0.address,
           SizeOf(e.instruction().src0.type));
}

template <class D, class S, Rounding kMode>
void CastMode(Execution& e) {
  using T = typename D::Storage;
  using U = typename S::Storage;
  const Source<U> source{e.instruction().src0};
  if (!e.Wants(Rule::kCastOverflow)) {
    MapRepeats<T>(
        e,
        [](T* out, uint32_t n, const U* in) {
          for (uint32_t k = 0; k < n; ++k) out[k] = Convert<D, S, kMode>(in[k], nullptr);
        },
        source);
    return;
  }
  Losses losses;
  MapRepeats<T>(
      e,
      [&losses](T* out, uint32_t n, const U* in) {
        for (uint32_t k = 0; k < n; ++k) out[k] = Convert<D, S, kMode>(in[k], &losses);
      },
      source);
  Report(e, losses);
}

template <class D, class S>
void Cast(Execution& e) {
  switch (static_cast<Rounding>(e.instruction().option[0])) {
    case Rounding::kFloor:
      return CastMode<D, S, Rounding::kFloor>(e);
    case Rounding::kCeil:
      return CastMode<D, S, Rounding::kCeil>(e);
    case Rounding::kRound:
      return CastMode<D, S, Rounding::kRound>(e);
    case Rounding::kTrunc:
      return CastMode<D, S, Rounding::kTrunc>(e);
    case Rounding::kOdd:
      return CastMode<D, S, Rounding::kOdd>(e);
    case Rounding::kNone:
    case Rounding::kRint:
      break;
  }
  CastMode<D, S, Rounding::kRint>(e);
}

// The round mode has no effect.
template <class D, class S>
void CastExact(Execution& e) {
  CastMode<D, S, Rounding::kRint>(e);
}

void CastDequantised(Execution& e) {
  const uint64_t bits = e.special_register(static_cast<int>(SpecialRegister::kDeqScale));
  const double scale = (bits & kDeqScaleSet) == 0 ? 1.0 : static_cast<double>(HalfToFloat(static_cast<uint16_t>(bits)));
  const bool wants = e.Wants(Rule::kCastOverflow);
  Losses losses;
  MapRepeats<uint16_t>(
      e,
      [&](uint16_t* out, uint32_t n, const int32_t* in) {
        for (uint32_t k = 0; k < n; ++k) {
          const float value = RoundToOdd(static_cast<double>(in[k]) * scale);
          out[k] = FloatTo16<Rounding::kRint, 10>(value, wants ? &losses : nullptr);
        }
      },
      Source<int32_t>{e.instruction().src0});
  Report(e, losses);
}

using S64 = Int<int64_t>;
using S32 = Int<int32_t>;
using S16 = Int<int16_t>;
using S8 = Int<int8_t>;
using U8 = Int<uint8_t>;

ExecFunction FromFloat(DType dst) {
  switch (dst) {
    case DType::kF32:
      return Cast<F32, F32>;
    case DType::kF16:
      return Cast<F16, F32>;
    case DType::kBF16:
      return Cast<BF16, F32>;
    case DType::kS64:
      return Cast<S64, F32>;
    case DType::kS32:
      return Cast<S32, F32>;
    case DType::kS16:
      return Cast<S16, F32>;
    default:
      return nullptr;
  }
}

ExecFunction FromHalf(DType dst) {
  switch (dst) {
    case DType::kF32:
      return CastExact<F32, F16>;
    case DType::kS32:
      return Cast<S32, F16>;
    case DType::kS16:
      return Cast<S16, F16>;
    case DType::kS8:
      return Cast<S8, F16>;
    case DType::kU8:
      return Cast<U8, F16>;
    default:
      return nullptr;
  }
}

ExecFunction FromS32(DType dst) {
  switch (dst) {
    case DType::kF32:
      return Cast<F32, S32>;
    case DType::kF16:
      return CastDequantised;
    case DType::kS64:
      return CastExact<S64, S32>;
    case DType::kS16:
      return CastExact<S16, S32>;
    default:
      return nullptr;
  }
}

}  // namespace

ExecFunction FindCast(Op op, DType dst, DType src) {
  if (op != Op::kCast) return nullptr;
  switch (src) {
    case DType::kF32:
      return FromFloat(dst);
    case DType::kF16:
      return FromHalf(dst);
    case DType::kBF16:
      return dst == DType::kF32 ? CastExact<F32, BF16> : dst == DType::kS32 ? Cast<S32, BF16> : nullptr;
    case DType::kS32:
      return FromS32(dst);
    case DType::kS64:
      return dst == DType::kF32 ? Cast<F32, S64> : dst == DType::kS32 ? CastExact<S32, S64> : nullptr;
    case DType::kS16:
      return dst == DType::kF16 ? Cast<F16, S16> : dst == DType::kF32 ? CastExact<F32, S16> : nullptr;
    case DType::kU8:
      return dst == DType::kF16 ? CastExact<F16, U8> : nullptr;
    case DType::kS8:
      return dst == DType::kF16 ? CastExact<F16, S8> : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace ascsim
