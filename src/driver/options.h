// What the command line asked for, and the modes of the driver.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backends.h"
#include "testing/inputs.h"

namespace xmsda::driver {

// Exit codes.
inline constexpr int kSuccess = 0;
inline constexpr int kCheckFailed = 1;
inline constexpr int kBadInput = 2;

// As given, not yet resolved.
struct Options {
  std::vector<std::string> problems;  // texts or names of workloads
  std::vector<std::string> backends;
  std::string sampling;  // empty: the workload's own, or uniform
  std::string layout = "bsmd";
  uint64_t seed = 1;
  int threads = 1;
  int repeats = 11;
  std::string pass = "both";
  bool json = false;
  // Of simulate.
  std::string variant = "auto";
  std::string chip = "910b2";
  std::string set;           // changes to the chip's table, "name=value,..."
  std::string trace, stats;  // files
  bool choose = false;       // tell the variants, run nothing
  std::string choice;        // "variant:name=value,..." in place of the variant
  std::string ablate;        // the optimisation that is left out
  std::string tuning;        // file of tuned choices
  // Of tune.
  bool tune_backward = false;
  int trials = 24;
  std::string out;
};

struct NamedCase {
  std::string name;  // of the workload, else the problem's text
  testing::Case test_case;
};

// What a mode works on.
struct Plan {
  std::vector<NamedCase> cases;
  std::vector<const Backend*> backends;
  int threads = 1;
  int repeats = 11;
  bool forward = true;
  bool backward = true;
  bool json = false;
};

// Resolves names. Problems default to `default_problems`, backends to all but the reference and simulated ones (or to
// "cpu" alone).
// Refuses a problem that one of the backends does not support.
Status MakePlan(const Options& options, const std::vector<std::string>& default_problems, bool all_backends,
                Plan* plan);

std::vector<std::string> WorkloadNames();

// One line on stderr, whatever the message holds. Returns kBadInput.
int Refuse(std::string message);

// The modes. Each returns an exit code.
int List(bool json);
int Check(const Plan& plan);
int Bitwise(const Plan& plan);
int Grad(const Plan& plan);
int Bench(const Plan& plan);
// In builds with XMSDA_ASCEND.
int Simulate(const Options& options);
int Tune(const Options& options);

}  // namespace xmsda::driver
