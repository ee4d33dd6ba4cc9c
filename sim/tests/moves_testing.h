// What the tests of reductions, gathers and permutations share: kernels over random UB contents, and plain models.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/machine.h"
#include "engine/launch.h"
#include "engine/memory.h"
#include "kernel_operator.h"

namespace moves_testing {

using Bytes = std::vector<uint8_t>;

// ASCSIM_TEST_SEED=... repeats a run.
inline uint64_t Seed() {
  static const uint64_t seed = [] {
    const char* text = std::getenv("ASCSIM_TEST_SEED");
    const uint64_t value = text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
    std::printf("seed: ASCSIM_TEST_SEED=%llu\n", static_cast<unsigned long long>(value));
    return value;
  }();
  return seed;
}

class Random {
 public:
  explicit Random(uint64_t stream) : engine_(Seed() * 1000003 + stream) {}
  // Both ends included.
  uint64_t In(uint64_t low, uint64_t high) { return std::uniform_int_distribution<uint64_t>(low, high)(engine_); }
  uint32_t In32(uint64_t low, uint64_t high) { return static_cast<uint32_t>(In(low, high)); }
  int32_t Int(uint64_t low, uint64_t high) { return static_cast<int32_t>(In(low, high)); }
  bool Chance(uint64_t one_in) { return In(1, one_in) == 1; }
  uint64_t Bits() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

template <class T>
T At(const Bytes& image, uint64_t address) {
  T value;
  std::memcpy(&value, image.data() + address, sizeof(T));
  return value;
}
template <class T>
void Put(Bytes& image, uint64_t address, T value) {
  std::memcpy(image.data() + address, &value, sizeof(T));
}

// Conversions of half that share nothing with the simulator's: by exponent and ldexp.
inline double FromHalf(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  double value = exponent == 31  ? (mantissa != 0 ? std::nan("") : INFINITY)
                 : exponent == 0 ? std::ldexp(mantissa, -24)
                                 : std::ldexp(1024 + mantissa, exponent - 25);
  return (bits & 0x8000) != 0 ? -value : value;
}
inline uint16_t ToHalf(double value) {
  const auto sign = static_cast<uint16_t>(std::signbit(value) ? 0x8000 : 0);
  value = std::fabs(value);
  if (std::isnan(value)) return static_cast<uint16_t>(sign | 0x7e00);
  int exponent = value == 0 ? -14 : std::max(std::ilogb(std::min(value, 1e9)), -14);
  double steps = std::nearbyint(std::ldexp(value, 10 - exponent));  // ties to even
  if (steps >= 2048) steps /= 2, ++exponent;
  if (std::isinf(value) || exponent > 15) return static_cast<uint16_t>(sign | 0x7c00);
  const auto mantissa = static_cast<uint32_t>(steps);
  return static_cast<uint16_t>(
      sign | (mantissa < 1024 ? mantissa : (mantissa - 1024) + (static_cast<uint32_t>(exponent + 15) << 10)));
}

// How the models see an element type.
template <class T>
struct Element;
template <>
struct Element<float> {
  using Bits = uint32_t;
  static double Value(Bits bits) {
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return static_cast<double>(value);
  }
  static Bits Of(double value) {
    const auto narrow = static_cast<float>(value);
    Bits bits;
    std::memcpy(&bits, &narrow, sizeof(bits));
    return bits;
  }
  // Rounded to float; double holds the sum of two floats well enough for that (53 >= 2 * 24 + 2).
  static double Add(double a, double b) { return static_cast<double>(static_cast<float>(a + b)); }
};
template <>
struct Element<half> {
  using Bits = uint16_t;
  static double Value(Bits bits) { return FromHalf(bits); }
  static Bits Of(double value) { return ToHalf(value); }
  static double Add(double a, double b) {
    const double sum = FromHalf(ToHalf(a + b));
    return std::isinf(sum) && std::isfinite(a) && std::isfinite(b) ? std::copysign(65504.0, sum) : sum;
  }
};

inline const ascsim::Machine& TestMachine() {
  static const ascsim::Machine machine = ascsim::LoadMachine("910b2");
  return machine;
}

// `body` runs a second time, after the engine has learnt the kernel's type from its start.
inline ascsim::LaunchStats RunKernel(const std::function<void()>& body, bool checks,
                                     ascsim::GlobalMemory* memory = nullptr) {
  ascsim::GlobalMemory own(uint64_t{1} << 30);
  ascsim::LaunchOptions options;
  options.checks = ascsim::OptionsFor(ascsim::CheckMode::kStrict);
  options.checks.enabled = checks;
  options.progress = false;
  ascsim::Launch launch(TestMachine(), memory != nullptr ? *memory : own, options, "test", 1, body);
  launch.Run();
  return launch.TakeStats();
}

inline bool Reported(const ascsim::LaunchStats& stats, ascsim::Rule rule) {
  return std::any_of(stats.breaches.begin(), stats.breaches.end(),
                     [rule](const ascsim::Breach& breach) { return breach.rule == rule; });
}
inline std::string Text(const ascsim::LaunchStats& stats) {
  std::string text = stats.error;
  for (const ascsim::Breach& breach : stats.breaches) text += "\n" + ascsim::Format(breach);
  return text;
}

// UB of the running core.
inline Bytes Image() {
  const uint8_t* base = ascsim::SpaceBase(ascsim::Space::kUB);
  return Bytes(base, base + ascsim::UbBytes());
}
inline void SetImage(const Bytes& image) {
  std::copy(image.begin(), image.end(), ascsim::SpaceBase(ascsim::Space::kUB));
}

template <class T>
AscendC::LocalTensor<T> Tensor(uint64_t address, uint64_t elements) {
  return {AscendC::TPosition::VECCALC, static_cast<uint32_t>(address), static_cast<uint32_t>(elements)};
}

// The first difference, none: "". NaNs of T are equal to each other; bytes of [skip_begin, skip_end) do not count.
template <class T>
std::string Difference(const Bytes& expected, const Bytes& got, uint64_t skip_begin = 0, uint64_t skip_end = 0) {
  for (uint64_t a = 0; a + sizeof(T) <= expected.size(); a += sizeof(T)) {
    if (std::memcmp(expected.data() + a, got.data() + a, sizeof(T)) == 0) continue;
    if (a >= skip_begin && a < skip_end) continue;
    if constexpr (std::is_same_v<T, float> || std::is_same_v<T, half>) {
      using E = Element<T>;
      const double x = E::Value(At<typename E::Bits>(expected, a)), y = E::Value(At<typename E::Bits>(got, a));
      if (std::isnan(x) && std::isnan(y)) continue;
    }
    uint64_t x = 0, y = 0;
    std::memcpy(&x, expected.data() + a, sizeof(T));
    std::memcpy(&y, got.data() + a, sizeof(T));
    char text[120];
    std::snprintf(text, sizeof(text), "UB byte %llu: expected 0x%llx, got 0x%llx", static_cast<unsigned long long>(a),
                  static_cast<unsigned long long>(x), static_cast<unsigned long long>(y));
    return text;
  }
  return "";
}

// One of many cases in one kernel: random UB, a call of the API, and what a model makes of the same UB.
template <class T>
class Cases {
 public:
  explicit Cases(uint64_t stream) : random(stream), image(ascsim::UbBytes()) {}

  // Case number n starts from UB as it is; every 32nd from random bits.
  void Start(int n) {
    if (n % 32 == 0) {
      FillBits();
    } else {
      image = Image();
    }
  }
  // Random bits; floats of moderate size where asked for.
  void FillBits() {
    for (uint64_t a = 0; a < image.size(); a += 8) Put(image, a, random.Bits());
    SetImage(image);
  }
  void FillNumbers(bool specials) {
    using E = Element<T>;
    for (uint64_t a = 0; a < image.size(); a += sizeof(T)) {
      const uint64_t bits = random.Bits();
      double value = (static_cast<double>(bits >> 40) - 8388608.0) / 8388608.0 * std::ldexp(1.0, int(bits & 15) - 4);
      if ((bits >> 4 & 7) == 0) value = std::nearbyint(value);  // equal ones
      if (specials && (bits >> 8 & 63) == 0) {
        constexpr double kSpecial[] = {0.0, -0.0, INFINITY, -INFINITY, 65504, -65504, 60000, -60000};
        value = kSpecial[bits >> 16 & 7];
        if ((bits >> 20 & 15) == 0) value = std::nan("");
      }
      Put(image, a, E::Of(value));
    }
    SetImage(image);
  }
  void Expect(const std::string& what, uint64_t skip_begin = 0, uint64_t skip_end = 0) {
    ++count;
    const std::string difference = Difference<T>(image, Image(), skip_begin, skip_end);
    if (!difference.empty() && ++failures <= 5) ADD_FAILURE() << "case " << count << ": " << what << ": " << difference;
  }

  Random random;
  Bytes image;
  uint64_t count = 0, failures = 0;
};

// Which elements of a repeat take part, however the call says so.
struct MaskChoice {
  uint64_t words[2] = {0, 0};
  int32_t first = 0;  // > 0: the first so many
  bool from_register = false;
  bool Has(uint64_t lane) const {
    return first > 0 ? lane < static_cast<uint64_t>(first) : (words[lane / 64] >> lane % 64 & 1) != 0;
  }
  std::string Text() const {
    char text[100];
    std::snprintf(text, sizeof(text), "mask %d or %llx:%llx%s", first, static_cast<unsigned long long>(words[1]),
                  static_cast<unsigned long long>(words[0]), from_register ? " (register)" : "");
    return text;
  }
};
template <class T>
MaskChoice RandomMask(Random& random) {
  constexpr uint64_t kLanes = 256 / sizeof(T);
  MaskChoice choice;
  choice.from_register = random.Chance(4);
  if (random.Chance(2)) {
    choice.first = random.Chance(3) ? static_cast<int32_t>(kLanes) : random.Int(1, kLanes);
    for (uint64_t lane = 0; lane < static_cast<uint64_t>(choice.first); ++lane) {
      choice.words[lane / 64] |= uint64_t{1} << lane % 64;
    }
    return choice;
  }
  const uint64_t sparse = random.In(0, 3);
  for (int w = 0; w < (kLanes > 64 ? 2 : 1); ++w) {
    choice.words[w] = random.Bits();
    for (uint64_t k = 0; k < sparse; ++k) choice.words[w] &= random.Bits();
  }
  if ((choice.words[0] | choice.words[1]) == 0) choice.words[0] = 1;
  return choice;
}

}  // namespace moves_testing
