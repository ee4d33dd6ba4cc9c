// Several callers at once, from the first call of the process on, in which the targets of the machine are found out.
// SPDX-License-Identifier: Apache-2.0
//
// A program with one test: nothing before it may have called the library.
#include <atomic>
#include <thread>
#include <vector>

#include "check_all.h"
#include "thread_pool.h"

namespace xmsda::testing {
namespace {

TEST(FirstCall, ManyCallersAtOnce) {
  const Case test_case{Parse("b1_q200_m2_d16_p3_l8x8,4x4"), Pattern::kUniform, Layout::kBSMD};
  const CaseData data = MakeCase(test_case);
  std::vector<Results> results(6);
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  std::atomic<int> waiting{static_cast<int>(results.size())};
  for (Results& result : results) {
    threads.emplace_back([&] {
      --waiting;
      while (waiting > 0) std::this_thread::yield();
      for (int i = 0; i < 20; ++i) {
        if (!RunBackend(*FindBackend("cpu"), data, {ThreadExecutor(2)}, &result).ok()) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  for (const Results& result : results) EXPECT_EQ(CompareBits(data, results[0], result), "");
}

}  // namespace
}  // namespace xmsda::testing
