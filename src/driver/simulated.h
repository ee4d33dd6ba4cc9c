// Passes on the simulated chip, and what of the simulator's statistics is told about them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "ascend/simulator.h"
#include "driver/options.h"
#include "testing/tester.h"

namespace xmsda::driver {

// Files that are read back: the caller's, or ones that go with this.
class Files {
 public:
  explicit Files(const Options& options);
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  ~Files();
  const std::string& stats() const { return stats_; }
  const std::string& tables() const { return tables_; }

 private:
  std::string stats_, own_stats_, tables_;
};

// All of a file; empty when there is none.
std::string ReadFile(const std::string& path);

// Runs passes of one case and tells the launches of each apart.
class SimulatedPasses {
 public:
  SimulatedPasses(const testing::CaseData& data, const Files& files) : data_(data), files_(files) {}
  // {"pass", "microseconds", "cycles", "cycles_per_sample_and_core", "bound", "kernels"}; `results` may be null.
  Status Run(const Backend& backend, bool backward, testing::Results* results, nlohmann::ordered_json* row);

 private:
  const testing::CaseData& data_;
  const Files& files_;
  size_t seen_ = 0;  // launches of the device
  int64_t devices_ = -1;
};

}  // namespace xmsda::driver
