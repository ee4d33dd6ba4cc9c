// Runs a kernel body on one simulated vector core, for tests of single instructions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ascsim/runtime.h"
#include "check/checker.h"
#include "core/machine.h"
#include "engine/launch.h"
#include "engine/memory.h"

namespace ascsim::test {

struct Result {
  std::vector<Breach> breaches;
  std::string error;

  int Count(Rule rule) const {
    int count = 0;
    for (const Breach& breach : breaches) count += breach.rule == rule ? 1 : 0;
    return count;
  }
};

// `rules`: severities as ParseSeverities takes them. Tests put operands into UB through SpaceBase, which nothing sees,
// so reads of bytes never written and order within the queue are not looked for.
inline Result RunOnCore(const std::function<void()>& body, const std::string& rules = "") {
  static const Machine machine = LoadMachine("910b2");
  GlobalMemory memory(uint64_t{1} << 30);
  LaunchOptions options;
  options.progress = false;
  options.checks = OptionsFor(CheckMode::kStrict);
  Result result;
  const std::string wanted = "uninitialised-read=off,race-within-queue=off" + (rules.empty() ? "" : "," + rules);
  result.error = ParseSeverities(wanted, &options.checks);
  if (!result.error.empty()) return result;
  Launch launch(machine, memory, options, "test", 1, body);
  launch.Run();
  LaunchStats stats = launch.TakeStats();
  result.breaches = std::move(stats.breaches);
  result.error = stats.error;
  return result;
}

}  // namespace ascsim::test
