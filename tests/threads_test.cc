// Real threads: the same bits as in one thread, no races (run it under ThreadSanitizer).
// SPDX-License-Identifier: Apache-2.0
#include "check_all.h"
#include "thread_pool.h"
// ThreadSanitizer does not see how the system's oneTBB, which is not built with it, synchronises its threads.
#if defined(XMSDA_HAVE_TBB) && !defined(__SANITIZE_THREAD__)
#define XMSDA_TEST_TBB 1
#include "driver/tbb_executor.h"
#endif

namespace xmsda::testing {
namespace {

constexpr const char* kProblems[] = {
    "b1_q40_m2_d32_p4_l16x16,8x8",
    "b1_q1300_m1_d8_p3_l16x16,8x8,1x1",
    "b2_q700_m3_d16_p2_bf16_locf32_l9x9,4x4",
    "b1_q9000_m1_d4_p4_l20x20",
    "b1_q500_m2_d16_p2_l9x9,9x9@0_discrete",
    "b1_q6200_m1_d8_p2_l8x8@3,4x4@90,2x2@150_s200",  // groups of queries, a task per level, pixels of no level
};

void ExpectSameBits(const Backend& backend, const Case& test_case, const Executor& executor) {
  if (backend.is_simulated) return;  // one call at a time, without threads
  SCOPED_TRACE(ReplayCommand("bitwise", backend, test_case));
  const CaseData data = MakeCase(test_case);
  Results serial;
  Results parallel;
  ASSERT_TRUE(RunBackend(backend, data, {}, &serial).ok());
  RecordingExecutor recorder(executor);
  ASSERT_TRUE(RunBackend(backend, data, {recorder.executor()}, &parallel).ok());
  EXPECT_EQ(CompareBits(data, serial, parallel), "");
  if (HasSeveralTasks(backend, test_case.problem)) {
    EXPECT_GT(recorder.largest(), 1);
  }
}

TEST(Threads, SameBitsAsSerial) {
  for (const Backend& backend : Backends()) {
    for (const char* problem : kProblems) {
      for (const Layout layout : {Layout::kBSMD, Layout::kBMDS}) {
        for (const int workers : {2, 4, 7}) {
          ExpectSameBits(backend, {Parse(problem), Pattern::kLocal, layout}, ThreadExecutor(workers));
        }
      }
    }
  }
}

#ifdef XMSDA_TEST_TBB
TEST(Threads, SameBitsWithTbb) {
  for (const Backend& backend : Backends()) {
    for (const char* problem : kProblems) {
      TbbExecutor tbb(3);
      ExpectSameBits(backend, {Parse(problem), Pattern::kHot, Layout::kBSMD}, tbb.executor());
    }
  }
}
#endif

}  // namespace
}  // namespace xmsda::testing
