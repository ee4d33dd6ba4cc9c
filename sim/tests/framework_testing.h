// What the tests of the kernel framework share: kernels on a whole simulated launch, and the flags they set.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "core/machine.h"
#include "engine/launch.h"
#include "kernel_operator.h"

namespace framework_testing {

using ascsim::LaunchStats;
using ascsim::Pipe;
using ascsim::Rule;

inline uint64_t Seed() {
  static const uint64_t seed = [] {
    const char* text = std::getenv("ASCSIM_TEST_SEED");
    const uint64_t value = text != nullptr ? std::strtoull(text, nullptr, 10) : 20260102ULL;
    std::printf("seed %llu (ASCSIM_TEST_SEED repeats it)\n", static_cast<unsigned long long>(value));
    return value;
  }();
  return seed;
}

struct FlagEvent {
  Pipe from, to;
  uint32_t id;
  uint32_t set_line, wait_line;
};

class Flags : public ascsim::Recorder {
 public:
  void OnInstruction(int, const ascsim::Instruction& i, const ascsim::Slot&) override { ops.push_back(i.op); }
  void OnStall(int, Pipe, ascsim::Stall, ascsim::Time, ascsim::Time) override {}
  void OnFlag(int, Pipe from, Pipe to, uint32_t id, ascsim::Time, ascsim::Time, ascsim::Loc set,
              ascsim::Loc wait) override {
    events.push_back({from, to, id, set.line, wait.line});
  }
  void OnCrossFlag(int from_core, Pipe, int to_core, Pipe, uint32_t id, ascsim::Time, ascsim::Time) override {
    cross.push_back({from_core, to_core, static_cast<int>(id)});
  }
  void OnBreach(const ascsim::Breach&, ascsim::Time at) override { breaches.push_back(at); }

  std::vector<FlagEvent> events;
  std::vector<std::array<int, 3>> cross;
  std::vector<ascsim::Op> ops;
  std::vector<ascsim::Time> breaches;  // when
};

class Framework : public testing::Test {
 protected:
  LaunchStats Run(const std::function<void()>& body, uint32_t blocks = 1) {
    ascsim::LaunchOptions options;
    options.checks = ascsim::OptionsFor(ascsim::CheckMode::kStrict);
    options.progress = false;
    options.recorder = &flags;
    options.mutate = mutate;
    static const ascsim::Machine machine = ascsim::LoadMachine("910b2");
    ascsim::Launch launch(machine, memory, options, "framework", blocks, body);
    launch.Run();
    return launch.TakeStats();
  }
  template <class T>
  T* Device(const std::vector<T>& values) {
    T* data = static_cast<T*>(memory.Allocate(values.size() * sizeof(T)));
    std::copy(values.begin(), values.end(), data);
    return data;
  }

  ascsim::GlobalMemory memory{uint64_t{1} << 30};
  Flags flags;
  std::function<void(ascsim::Instruction*)> mutate;
};

inline std::string Text(const LaunchStats& stats) {
  std::string text = stats.error;
  for (const ascsim::Breach& breach : stats.breaches) text += "\n" + ascsim::Format(breach);
  return text;
}
inline int Count(const LaunchStats& stats, Rule rule, const std::string& part = "") {
  int count = 0;
  for (const ascsim::Breach& b : stats.breaches) count += b.rule == rule && b.what.find(part) != std::string::npos;
  return count;
}
#define EXPECT_CLEAN(stats) EXPECT_EQ(Text(stats), "")
#define EXPECT_ERROR(stats, part) EXPECT_NE((stats).error.find(part), std::string::npos) << Text(stats)
#define EXPECT_BREACH(stats, rule, part) EXPECT_EQ(Count(stats, rule, part), 1) << Text(stats)

struct Expected {
  Pipe from, to;
  uint32_t id;
};
inline void ExpectFlags(const std::vector<FlagEvent>& got, const std::vector<Expected>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].from, expected[i].from) << i;
    EXPECT_EQ(got[i].to, expected[i].to) << i;
    EXPECT_EQ(got[i].id, expected[i].id) << i;
  }
}

}  // namespace framework_testing
