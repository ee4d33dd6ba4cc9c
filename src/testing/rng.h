// Random numbers as a function of (seed, stream, index): the same on every machine and in any order of evaluation.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace xmsda::testing {

// One stream of independent numbers; streams of different ids do not share any.
class Stream {
 public:
  Stream(uint64_t seed, uint64_t id) : key_(Mix(seed * 0x9E3779B97F4A7C15u + id)) {}

  uint64_t Bits(int64_t index) const { return Mix(key_ + static_cast<uint64_t>(index) * 0xD1B54A32D192ED03u); }

  // In [0, 1), a multiple of 2^-53.
  double Uniform(int64_t index) const { return static_cast<double>(Bits(index) >> 11) * 0x1p-53; }

  double Uniform(int64_t index, double low, double high) const { return low + (high - low) * Uniform(index); }

  // In [low, high].
  int64_t Integer(int64_t index, int64_t low, int64_t high) const {
    return low + static_cast<int64_t>(Bits(index) % static_cast<uint64_t>(high - low + 1));
  }

  // Mean 0, variance 1, within 3.5: the sum of four uniform numbers of 16 bits, cheap and close enough to normal.
  double Normal(int64_t index) const {
    const uint64_t bits = Bits(index);
    const uint64_t sum = (bits & 0xFFFF) + ((bits >> 16) & 0xFFFF) + ((bits >> 32) & 0xFFFF) + (bits >> 48);
    return (static_cast<double>(sum) - 2 * 65535.0) / (65535.0 * 0.57735026918962573);
  }

 private:
  // The finaliser of splitmix64.
  static constexpr uint64_t Mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
  }

  uint64_t key_;
};

}  // namespace xmsda::testing
