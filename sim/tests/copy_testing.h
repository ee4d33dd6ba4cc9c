// What the tests of copies share: kernels run on a whole simulated launch, random data, and device buffers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "ascsim/runtime.h"
#include "core/machine.h"
#include "engine/launch.h"
#include "engine/memory.h"

namespace copy_testing {

// ASCSIM_TEST_SEED=... repeats a run.
inline uint64_t Seed() {
  static const uint64_t seed = [] {
    const char* text = std::getenv("ASCSIM_TEST_SEED");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : 20260101ULL;
  }();
  return seed;
}

class Random {
 public:
  explicit Random(uint64_t stream) : engine_(Seed() * 1000003 + stream) {}
  // Both ends included.
  uint64_t In(uint64_t low, uint64_t high) { return std::uniform_int_distribution<uint64_t>(low, high)(engine_); }
  bool Chance(int one_in) { return In(1, static_cast<uint64_t>(one_in)) == 1; }
  std::vector<uint8_t> Bytes(size_t count) {
    std::vector<uint8_t> bytes(count);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(engine_());
    return bytes;
  }

 private:
  std::mt19937_64 engine_;
};

inline const ascsim::Machine& TestMachine() {
  static const ascsim::Machine machine = ascsim::LoadMachine("910b2");
  return machine;
}

// A device buffer and the bytes that a model expects in it.
struct Buffer {
  Buffer(ascsim::GlobalMemory& memory, const std::vector<uint8_t>& initial)
      : expected(initial), data(static_cast<uint8_t*>(memory.Allocate(initial.size()))) {
    std::memcpy(data, initial.data(), initial.size());
  }
  std::string Difference() const {
    for (size_t i = 0; i < expected.size(); ++i) {
      if (data[i] == expected[i]) continue;
      return "GM byte " + std::to_string(i) + ": expected " + std::to_string(expected[i]) + ", got " +
             std::to_string(data[i]);
    }
    return "";
  }
  std::vector<uint8_t> expected;
  uint8_t* data;
};

// UB (or L1) of the running core, whole.
inline std::vector<uint8_t> Local(ascsim::Space space = ascsim::Space::kUB) {
  std::vector<uint8_t> bytes(space == ascsim::Space::kUB ? ascsim::UbBytes() : ascsim::L1Bytes());
  ascsim::Peek(space, 0, bytes.size(), bytes.data());
  return bytes;
}

inline std::string Difference(const std::vector<uint8_t>& expected, const std::vector<uint8_t>& got) {
  const auto [e, g] = std::mismatch(expected.begin(), expected.end(), got.begin(), got.end());
  if (e == expected.end() && g == got.end()) return "";
  return "local byte " + std::to_string(e - expected.begin()) + ": expected " + std::to_string(*e) + ", got " +
         std::to_string(*g);
}

struct Options {
  bool checks = false;
  ascsim::KernelType type = ascsim::KernelType::kAivOnly;
  uint32_t blocks = 1;
};

// `body` runs twice up to its first instruction (the engine asks for the kernel's type): whatever it draws at random it
// must draw from a generator of its own.
inline ascsim::LaunchStats RunKernel(ascsim::GlobalMemory& memory, const std::function<void()>& body,
                                     Options options = {}) {
  ascsim::LaunchOptions launch_options;
  launch_options.checks = ascsim::OptionsFor(ascsim::CheckMode::kStrict);
  launch_options.checks.enabled = options.checks;
  launch_options.progress = false;
  ascsim::Launch launch(TestMachine(), memory, launch_options, "test", options.blocks, [&] {
    ascsim::SetKernelType(options.type, ascsim::Loc::Here());
    body();
  });
  launch.Run();
  return launch.TakeStats();
}

inline bool Reported(const ascsim::LaunchStats& stats, ascsim::Rule rule) {
  return std::any_of(stats.breaches.begin(), stats.breaches.end(),
                     [rule](const ascsim::Breach& breach) { return breach.rule == rule; });
}

inline std::string Breaches(const ascsim::LaunchStats& stats) {
  std::string text = stats.error;
  for (const ascsim::Breach& breach : stats.breaches) text += "\n" + ascsim::Format(breach);
  return text;
}

}  // namespace copy_testing
