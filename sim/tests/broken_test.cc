// Each deliberately broken kernel gives its rule, at its lines, and no other rule's error first.
// SPDX-License-Identifier: Apache-2.0
#include "../examples/broken/broken.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>

#include "core/machine.h"
#include "engine/launch.h"
#include "engine/memory.h"

namespace ascsim {
namespace {

// Lines of broken.cpp that carry the mark "RULE ... WHICH".
std::set<uint32_t> MarkedLines(const std::string& rule, const std::string& which) {
  std::ifstream file(ASCSIM_BROKEN_SOURCE);
  std::set<uint32_t> lines;
  uint32_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    const size_t mark = line.find("// " + rule + " ");
    if (mark != std::string::npos && line.find(" " + which, mark) != std::string::npos) lines.insert(number);
  }
  return lines;
}

LaunchStats RunBroken(const BrokenKernel& kernel) {
  static const Machine machine = LoadMachine("910b2");
  GlobalMemory memory(uint64_t{1} << 30);
  auto* x = static_cast<float*>(memory.Allocate(65536));
  auto* y = static_cast<float*>(memory.Allocate(65536));
  for (int i = 0; i < 16384; ++i) x[i] = static_cast<float>(i % 10);
  LaunchOptions options;
  options.checks = OptionsFor(CheckMode::kStrict);
  // The gather that silicon bears is an error only where asked for, as is the check of casts.
  options.checks.severity[static_cast<size_t>(Rule::kCastOverflow)] = Severity::kError;
  options.max_instructions = 100'000;
  options.progress = false;
  Launch launch(machine, memory, options, kernel.rule, kernel.block_dim,
                [&] { kernel.run(reinterpret_cast<uint8_t*>(x), reinterpret_cast<uint8_t*>(y)); });
  launch.Run();
  return launch.TakeStats();
}

TEST(Broken, OneKernelPerRule) {
  std::set<std::string> rules;
  for (const BrokenKernel& kernel : BrokenKernels()) rules.insert(kernel.rule);
  for (int r = 0; r < kNumRules; ++r) EXPECT_EQ(rules.count(std::string(RuleName(static_cast<Rule>(r)))), 1u) << r;
}

TEST(Broken, EachIsReportedAtItsLines) {
  for (const BrokenKernel& kernel : BrokenKernels()) {
    SCOPED_TRACE(kernel.rule);
    const LaunchStats stats = RunBroken(kernel);
    const Breach* found = nullptr;
    std::string all;
    for (const Breach& breach : stats.breaches) {
      all += Format(breach) + "\n";
      if (RuleName(breach.rule) == kernel.rule) found = found == nullptr ? &breach : found;
    }
    ASSERT_NE(found, nullptr) << all << stats.error;
    const std::set<uint32_t> first = MarkedLines(kernel.rule, "first"), second = MarkedLines(kernel.rule, "second");
    std::set<uint32_t> marked = first;
    marked.insert(second.begin(), second.end());
    std::set<uint32_t> reported = {found->first.loc.line};
    if (found->second.core >= 0) reported.insert(found->second.loc.line);
    EXPECT_EQ(reported, marked) << all;
    EXPECT_EQ(stats.breaches.size(), 1u) << all;
    EXPECT_FALSE(found->what.empty());
    EXPECT_FALSE(found->remedy.empty()) << all;
  }
}

}  // namespace
}  // namespace ascsim
