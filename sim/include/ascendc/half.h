// half and bfloat16_t as kernels see them: two bytes, arithmetic through float, rounded to nearest even each time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

namespace ascsim_detail {

// Format parameters: mantissa bits stored, exponent bias, all-ones exponent.
template <int kMantissaBits, int kBias>
struct SoftFloat {
  static constexpr int kExponentBits = 15 - kMantissaBits;
  static constexpr uint32_t kMaxExponent = (1u << kExponentBits) - 1;
  static constexpr uint32_t kInfinity = kMaxExponent << kMantissaBits;
  static constexpr uint32_t kQuietBit = 1u << (kMantissaBits - 1);

  // Round to nearest even straight from double, so that neither float nor a 32-bit integer is rounded twice. NaN keeps
  // its sign and upper payload bits and becomes quiet.
  static constexpr uint16_t FromDouble(double value) {
    const uint64_t bits = __builtin_bit_cast(uint64_t, value);
    const uint32_t sign = static_cast<uint32_t>(bits >> 63) << 15;
    const int exponent = static_cast<int>((bits >> 52) & 0x7ff);
    uint64_t mantissa = bits & ((uint64_t{1} << 52) - 1);
    if (exponent == 0x7ff) {
      if (mantissa == 0) return static_cast<uint16_t>(sign | kInfinity);
      const uint32_t payload = static_cast<uint32_t>(mantissa >> (52 - kMantissaBits));
      return static_cast<uint16_t>(sign | kInfinity | kQuietBit | payload);
    }
    // Subnormal doubles are far below half of the least subnormal of either format.
    if (exponent == 0) return static_cast<uint16_t>(sign);
    mantissa |= uint64_t{1} << 52;
    const int biased = exponent - 1023 + kBias;
    int shift = 52 - kMantissaBits;
    uint64_t base = 0;
    if (biased <= 0) {
      shift += 1 - biased;
      if (shift > 53) return static_cast<uint16_t>(sign);
    } else {
      // The implicit bit of the mantissa adds one to the exponent field.
      base = static_cast<uint64_t>(biased - 1) << kMantissaBits;
    }
    const uint64_t kept = mantissa >> shift;
    const uint64_t rest = mantissa & ((uint64_t{1} << shift) - 1);
    const uint64_t tie = uint64_t{1} << (shift - 1);
    uint64_t result = base + kept;
    if (rest > tie || (rest == tie && (result & 1) != 0)) ++result;
    if (result > kInfinity) result = kInfinity;
    return static_cast<uint16_t>(sign | static_cast<uint32_t>(result));
  }

  static constexpr float ToFloat(uint16_t bits) {
    const uint32_t sign = static_cast<uint32_t>(bits >> 15) << 31;
    uint32_t exponent = (static_cast<uint32_t>(bits) >> kMantissaBits) & kMaxExponent;
    uint32_t mantissa = bits & ((1u << kMantissaBits) - 1);
    if (exponent == kMaxExponent) {
      return __builtin_bit_cast(float, sign | 0x7f800000u | (mantissa << (23 - kMantissaBits)));
    }
    if constexpr (kBias == 127) {
      return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16);
    } else {
      if (exponent == 0) {
        if (mantissa == 0) return __builtin_bit_cast(float, sign);
        exponent = 1;
        while ((mantissa >> kMantissaBits) == 0) {
          mantissa <<= 1;
          --exponent;  // may wrap; the sum below wraps back
        }
        mantissa &= (1u << kMantissaBits) - 1;
      }
      const uint32_t biased = exponent + 127 - kBias;
      return __builtin_bit_cast(float, sign | (biased << 23) | (mantissa << (23 - kMantissaBits)));
    }
  }
};

using SoftHalf = SoftFloat<10, 15>;
using SoftBFloat16 = SoftFloat<7, 127>;

// Result type of an operator between a 16-bit float and an arithmetic type: the wider floating type wins, integers
// become the 16-bit type, as with the compiler's own half.
template <class Half, class T>
using HalfResult = std::conditional_t<std::is_floating_point_v<T>, T, Half>;

template <class T>
using IfArithmetic = std::enable_if_t<std::is_arithmetic_v<T>, int>;

}  // namespace ascsim_detail

#define ASCSIM_DEFINE_HALF_(Name, Soft)                                                                               \
  struct Name {                                                                                                       \
    uint16_t bits_;                                                                                                   \
    Name() = default;                                                                                                 \
    template <class T, ascsim_detail::IfArithmetic<T> = 0>                                                            \
    constexpr Name(T value) : bits_(Soft::FromDouble(static_cast<double>(value))) {} /* NOLINT: as a built-in type */ \
    static constexpr Name FromBits(uint16_t bits) {                                                                   \
      Name result{};                                                                                                  \
      result.bits_ = bits;                                                                                            \
      return result;                                                                                                  \
    }                                                                                                                 \
    constexpr uint16_t Bits() const { return bits_; }                                                                 \
    constexpr operator float() const { return Soft::ToFloat(bits_); } /* NOLINT: as a built-in type */                \
    constexpr Name operator-() const { return FromBits(static_cast<uint16_t>(bits_ ^ 0x8000u)); }                     \
    constexpr Name operator+() const { return *this; }                                                                \
    constexpr Name& operator++() { return *this = Name(static_cast<float>(*this) + 1.0f); }                           \
    constexpr Name& operator--() { return *this = Name(static_cast<float>(*this) - 1.0f); }                           \
    constexpr Name operator++(int) {                                                                                  \
      const Name before = *this;                                                                                      \
      ++*this;                                                                                                        \
      return before;                                                                                                  \
    }                                                                                                                 \
    constexpr Name operator--(int) {                                                                                  \
      const Name before = *this;                                                                                      \
      --*this;                                                                                                        \
      return before;                                                                                                  \
    }                                                                                                                 \
  };                                                                                                                  \
  static_assert(sizeof(Name) == 2 && std::is_trivial_v<Name>, "must fit unions and memcpy");                          \
  ASCSIM_DEFINE_HALF_ARITHMETIC_(Name, +)                                                                             \
  ASCSIM_DEFINE_HALF_ARITHMETIC_(Name, -)                                                                             \
  ASCSIM_DEFINE_HALF_ARITHMETIC_(Name, *)                                                                             \
  ASCSIM_DEFINE_HALF_ARITHMETIC_(Name, /)                                                                             \
  ASCSIM_DEFINE_HALF_COMPARISON_(Name, ==)                                                                            \
  ASCSIM_DEFINE_HALF_COMPARISON_(Name, !=)                                                                            \
  ASCSIM_DEFINE_HALF_COMPARISON_(Name, <)                                                                             \
  ASCSIM_DEFINE_HALF_COMPARISON_(Name, <=)                                                                            \
  ASCSIM_DEFINE_HALF_COMPARISON_(Name, >)                                                                             \
  ASCSIM_DEFINE_HALF_COMPARISON_(Name, >=)

// float arithmetic and one rounding gives the correctly rounded + - * / of either format: 24 >= 2 * 11 + 2 bits.
#define ASCSIM_DEFINE_HALF_ARITHMETIC_(Name, op)                                                              \
  constexpr Name operator op(Name a, Name b) { return Name(static_cast<float>(a) op static_cast<float>(b)); } \
  template <class T, ascsim_detail::IfArithmetic<T> = 0>                                                      \
  constexpr ascsim_detail::HalfResult<Name, T> operator op(Name a, T b) {                                     \
    using R = ascsim_detail::HalfResult<Name, T>;                                                             \
    if constexpr (std::is_same_v<R, Name>) {                                                                  \
      return a op Name(b);                                                                                    \
    } else {                                                                                                  \
      return static_cast<R>(static_cast<float>(a)) op b;                                                      \
    }                                                                                                         \
  }                                                                                                           \
  template <class T, ascsim_detail::IfArithmetic<T> = 0>                                                      \
  constexpr ascsim_detail::HalfResult<Name, T> operator op(T a, Name b) {                                     \
    using R = ascsim_detail::HalfResult<Name, T>;                                                             \
    if constexpr (std::is_same_v<R, Name>) {                                                                  \
      return Name(a) op b;                                                                                    \
    } else {                                                                                                  \
      return a op static_cast<R>(static_cast<float>(b));                                                      \
    }                                                                                                         \
  }                                                                                                           \
  constexpr Name& operator op##=(Name& a, Name b) { return a = a op b; }                                      \
  template <class T, ascsim_detail::IfArithmetic<T> = 0>                                                      \
  constexpr Name& operator op##=(Name& a, T b) {                                                              \
    return a = static_cast<Name>(a op b);                                                                     \
  }

#define ASCSIM_DEFINE_HALF_COMPARISON_(Name, op)                                                        \
  constexpr bool operator op(Name a, Name b) { return static_cast<float>(a) op static_cast<float>(b); } \
  template <class T, ascsim_detail::IfArithmetic<T> = 0>                                                \
  constexpr bool operator op(Name a, T b) {                                                             \
    return static_cast<double>(static_cast<float>(a)) op static_cast<double>(b);                        \
  }                                                                                                     \
  template <class T, ascsim_detail::IfArithmetic<T> = 0>                                                \
  constexpr bool operator op(T a, Name b) {                                                             \
    return static_cast<double>(a) op static_cast<double>(static_cast<float>(b));                        \
  }

#define ASCSIM_DEFINE_HALF_LIMITS_(Name, mantissa_bits, max_exp, max_bits, infinity_bits, nan_bits, epsilon_bits, \
                                   min_bits, decimal)                                                             \
  template <>                                                                                                     \
  class std::numeric_limits<Name> {                                                                               \
   public:                                                                                                        \
    static constexpr bool is_specialized = true, is_signed = true, is_integer = false, is_exact = false;          \
    static constexpr bool has_infinity = true, has_quiet_NaN = true, is_iec559 = true, is_bounded = true;         \
    static constexpr int digits = (mantissa_bits) + 1, digits10 = (decimal), radix = 2;                           \
    static constexpr int max_exponent = (max_exp), min_exponent = 3 - (max_exp);                                  \
    static constexpr Name max() noexcept { return Name::FromBits(max_bits); }                                     \
    static constexpr Name lowest() noexcept { return Name::FromBits((max_bits) | 0x8000u); }                      \
    static constexpr Name min() noexcept { return Name::FromBits(min_bits); }                                     \
    static constexpr Name infinity() noexcept { return Name::FromBits(infinity_bits); }                           \
    static constexpr Name quiet_NaN() noexcept { return Name::FromBits(nan_bits); }                               \
    static constexpr Name epsilon() noexcept { return Name::FromBits(epsilon_bits); }                             \
    static constexpr Name denorm_min() noexcept { return Name::FromBits(1); }                                     \
  };

ASCSIM_DEFINE_HALF_(half, ascsim_detail::SoftHalf)
ASCSIM_DEFINE_HALF_(bfloat16_t, ascsim_detail::SoftBFloat16)
ASCSIM_DEFINE_HALF_LIMITS_(half, 10, 16, 0x7bff, 0x7c00, 0x7e00, 0x1400, 0x0400, 3)
ASCSIM_DEFINE_HALF_LIMITS_(bfloat16_t, 7, 128, 0x7f7f, 0x7f80, 0x7fc0, 0x3c00, 0x0080, 2)

#undef ASCSIM_DEFINE_HALF_
#undef ASCSIM_DEFINE_HALF_ARITHMETIC_
#undef ASCSIM_DEFINE_HALF_COMPARISON_
#undef ASCSIM_DEFINE_HALF_LIMITS_
