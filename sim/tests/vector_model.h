// Scalar models of element formats and of repeats, masks and strides, written without the simulator's own code.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <vector>

namespace ascsim::test {

using Real = long double;

// A binary floating point format with all numbers as multiples of a power of two.
struct FloatFormat {
  int mantissa_bits, max_exponent;  // value < 2^(max_exponent + 1)
  int bytes;

  int min_exponent() const { return 1 - max_exponent; }
  Real largest() const { return std::ldexp(2 - std::ldexp(Real{1}, -mantissa_bits), max_exponent); }

  Real Decode(uint32_t bits) const {
    const uint32_t exponents = 8 * static_cast<uint32_t>(bytes) - 1 - static_cast<uint32_t>(mantissa_bits);
    const uint32_t mask = (1u << exponents) - 1;
    const uint32_t exponent = bits >> mantissa_bits & mask;
    const uint32_t mantissa = bits & ((1u << mantissa_bits) - 1);
    const Real sign = (bits >> (8 * bytes - 1) & 1) != 0 ? -1 : 1;
    if (exponent == mask) {
      return mantissa != 0 ? std::numeric_limits<Real>::quiet_NaN() : sign * std::numeric_limits<Real>::infinity();
    }
    const Real fraction = std::ldexp(static_cast<Real>(mantissa), -mantissa_bits);
    if (exponent == 0) return sign * std::ldexp(fraction, min_exponent());
    return sign * std::ldexp(1 + fraction, static_cast<int>(exponent) - max_exponent);
  }

  // The distance between neighbours around x.
  Real Quantum(Real x) const {
    int exponent = 0;
    std::frexp(x, &exponent);
    return std::ldexp(Real{1}, std::max(exponent - 1, min_exponent()) - mantissa_bits);
  }

  // Of a number of the format (or infinity, NaN).
  uint32_t Encode(Real x) const {
    const uint32_t sign = std::signbit(x) ? 1u << (8 * bytes - 1) : 0;
    const uint32_t exponents = 8 * static_cast<uint32_t>(bytes) - 1 - static_cast<uint32_t>(mantissa_bits);
    const uint32_t infinity = ((1u << exponents) - 1) << mantissa_bits;
    if (std::isnan(x)) return infinity | 1u << (mantissa_bits - 1);
    const Real size = std::fabs(x);
    if (size > largest()) return sign | infinity;
    if (size == 0) return sign;
    int exponent = 0;
    std::frexp(size, &exponent);
    --exponent;
    if (exponent < min_exponent()) {
      return sign | static_cast<uint32_t>(std::ldexp(size, mantissa_bits - min_exponent()));
    }
    const auto mantissa = static_cast<uint32_t>(std::ldexp(size, mantissa_bits - exponent));
    return sign | (mantissa + (static_cast<uint32_t>(exponent + max_exponent - 1) << mantissa_bits));
  }

  // Nearest, ties to even; beyond the largest: infinity.
  Real Nearest(Real x) const {
    if (std::isnan(x) || std::isinf(x) || x == 0) return x;
    const Real q = Quantum(x);
    const Real rounded = std::rint(x / q) * q;
    if (std::fabs(rounded) > largest()) return std::copysign(std::numeric_limits<Real>::infinity(), x);
    return rounded == 0 ? std::copysign(Real{0}, x) : rounded;
  }
};

constexpr FloatFormat kHalf{10, 15, 2};
constexpr FloatFormat kBFloat16{7, 127, 2};
constexpr FloatFormat kFloat{23, 127, 4};

// How one operand of a repeat lies in UB.
struct View {
  uint64_t address = 0;
  uint32_t size = 4;  // of an element, bytes
  uint32_t block_stride = 1, repeat_stride = 8;

  uint64_t At(uint32_t repeat, uint32_t element) const {
    const uint32_t per_block = 32 / size;
    return address + uint64_t{repeat} * repeat_stride * 32 + uint64_t{element / per_block} * block_stride * 32 +
           element % per_block * size;
  }
};

inline uint64_t Load(const std::vector<uint8_t>& ub, uint64_t address, uint32_t size) {
  uint64_t bits = 0;
  std::memcpy(&bits, ub.data() + address, size);
  return bits;
}

inline void Store(std::vector<uint8_t>* ub, uint64_t address, uint32_t size, uint64_t bits) {
  std::memcpy(ub->data() + address, &bits, size);
}

// Elements that take part: which of them in which repeat.
struct Plan {
  uint32_t elements = 64;  // of a repeat
  uint32_t repeats = 1;
  std::function<bool(uint32_t repeat, uint32_t element)> active;
};

// Applies f to the sources' bits, element by element; a repeat reads everything before it writes anything. Returns the
// addresses written.
inline std::vector<uint64_t> Apply(std::vector<uint8_t>* ub, const Plan& plan, const View& dst,
                                   const std::vector<View>& sources,
                                   const std::function<uint64_t(const std::vector<uint64_t>&)>& f) {
  std::vector<uint64_t> written;
  for (uint32_t r = 0; r < plan.repeats; ++r) {
    std::vector<std::pair<uint64_t, uint64_t>> results;
    for (uint32_t k = 0; k < plan.elements; ++k) {
      if (!plan.active(r, k)) continue;
      std::vector<uint64_t> operands;
      for (const View& view : sources) operands.push_back(Load(*ub, view.At(r, k), view.size));
      results.emplace_back(dst.At(r, k), f(operands));
    }
    for (const auto& [address, bits] : results) {
      Store(ub, address, dst.size, bits);
      written.push_back(address);
    }
  }
  return written;
}

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  uint64_t Bits() { return engine_(); }
  // In [low, high].
  uint32_t In(uint32_t low, uint32_t high) { return low + static_cast<uint32_t>(engine_() % (high - low + 1)); }
  bool OneIn(uint32_t n) { return In(1, n) == 1; }

  // Bits of a number of the format: mostly of middling size, often special.
  uint32_t Number(const FloatFormat& format) {
    const uint32_t random = static_cast<uint32_t>(engine_()) & (format.bytes == 2 ? 0xffffu : 0xffffffffu);
    switch (In(0, 7)) {
      case 0:
        return random;
      case 1: {
        const Real specials[] = {0,
                                 -Real{0},
                                 1,
                                 -1,
                                 std::numeric_limits<Real>::infinity(),
                                 -std::numeric_limits<Real>::infinity(),
                                 format.largest(),
                                 -format.largest(),
                                 std::ldexp(Real{1}, format.min_exponent() - format.mantissa_bits),
                                 std::ldexp(Real{1}, format.min_exponent()),
                                 std::numeric_limits<Real>::quiet_NaN()};
        return format.Encode(specials[In(0, 10)]);
      }
      case 2:
        return format.Encode(static_cast<Real>(In(0, 64)) - 32);
      case 3:
        return format.Encode((static_cast<Real>(In(0, 64)) - 32) / 2);
      default: {
        const Real value =
            std::ldexp(static_cast<Real>(In(0, 1u << 24)) - (1u << 23), static_cast<int>(In(0, 12)) - 26);
        return format.Encode(format.Nearest(value));
      }
    }
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace ascsim::test
