// Judges every backend of this machine on one case (of the simulated ones, one); used by the test programs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>

#include "backends.h"
#include "testing/expected.h"
#include "testing/inputs.h"
#include "testing/rng.h"
#include "testing/tester.h"

namespace xmsda::testing {

inline Problem Parse(std::string_view text) {
  Problem problem;
  const Status status = ParseProblem(text, &problem);
  EXPECT_TRUE(status.ok()) << status.message();
  return problem;
}

// Whether a test does this for `backend` now. Simulators are slow and many: a call says yes for one of them on average
// (under AddressSanitizer in one of five cases), by a hash of the number of the call, and always with
// XMSDA_TEST_ALL_SIMULATED=1.
inline bool HasTurn(const Backend& backend) {
  static const bool all = std::getenv("XMSDA_TEST_ALL_SIMULATED") != nullptr;
  static const auto simulated = static_cast<uint64_t>(
      std::count_if(Backends().begin(), Backends().end(), [](const Backend& b) { return b.is_simulated; }));
  if (!backend.is_simulated || all) return true;
  static int64_t call = 0;
#ifdef XMSDA_ASAN
  // There it takes ten times as long, and the release build has the same cases.
  constexpr uint64_t kFewer = 5;
#else
  constexpr uint64_t kFewer = 1;
#endif
  return Stream(5, 1).Bits(call++) % (kFewer * simulated) == 0;
}

using Mutation = std::function<void(CaseData*)>;

// The number of workers follows from the seed, so that a replay has the same.
inline void CheckAll(const Case& test_case, const Mutation& mutate = {}) {
  const Status status = ValidateCase(test_case);
  ASSERT_TRUE(status.ok()) << status.message();
  CaseData data = MakeCase(test_case);
  if (mutate) mutate(&data);
  const Expected expected = ComputeExpected(data, SerialExecutor());
  RunOptions options;
  options.executor = SerialExecutor(1 + static_cast<int>(test_case.seed % 5));
  for (const Backend& backend : Backends()) {
    if (!backend.supports(test_case.problem).ok() || !HasTurn(backend)) continue;
    EXPECT_EQ(CheckBackend(backend, data, expected, options), "") << backend.name << (mutate ? ", inputs changed" : "");
  }
}

// Passes on to another executor and records how many tasks at once it was asked for. Must outlive its executor.
class RecordingExecutor {
 public:
  explicit RecordingExecutor(const Executor& inner) : inner_(inner) {}
  RecordingExecutor(const RecordingExecutor&) = delete;
  RecordingExecutor& operator=(const RecordingExecutor&) = delete;

  Executor executor() {
    Executor executor = inner_;
    executor.context = this;
    executor.run = [](void* context, int n, void (*task)(void* arg, int i), void* arg) {
      auto* self = static_cast<RecordingExecutor*>(context);
      self->largest_ = std::max(self->largest_, n);
      self->inner_.run(self->inner_.context, n, task, arg);
    };
    return executor;
  }
  int largest() const { return largest_; }

 private:
  Executor inner_;
  int largest_ = 0;
};

// True when the backend must spread the problem over workers (a simulator has none): by batch entry and head, the CPU
// also by queries.
inline bool HasSeveralTasks(const Backend& backend, const Problem& p) {
  const int64_t pairs = p.batch * p.num_heads;
  if (backend.is_simulated) return false;
  if (pairs * p.num_queries * p.channels * p.SamplesPerQuery() == 0) return false;
  return pairs > 1 || (backend.name != "reference" && p.num_queries >= 64);
}

inline constexpr const char* kTypes[] = {"f32", "f64", "bf16", "f16", "bf16_locf32", "f16_locf32"};

}  // namespace xmsda::testing
