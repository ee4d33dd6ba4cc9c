// Judges every backend of this machine on one case; used by the test programs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>

#include "backends.h"
#include "testing/expected.h"
#include "testing/inputs.h"
#include "testing/tester.h"

namespace xmsda::testing {

inline Problem Parse(std::string_view text) {
  Problem problem;
  const Status status = ParseProblem(text, &problem);
  EXPECT_TRUE(status.ok()) << status.message();
  return problem;
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
    if (!backend.supports(test_case.problem).ok()) continue;
    EXPECT_EQ(CheckBackend(backend, data, expected, options), "") << backend.name << (mutate ? ", inputs changed" : "");
  }
}

inline constexpr const char* kTypes[] = {"f32", "f64", "bf16", "f16", "bf16_locf32", "f16_locf32"};

}  // namespace xmsda::testing
