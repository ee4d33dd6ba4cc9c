// The same bits for every number of workers, every run, and whatever memory held before.
// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "check_all.h"

namespace xmsda::testing {
namespace {

constexpr const char* kProblems[] = {
    "b1_q40_m2_d32_p4_l16x16,8x8",       // fewer heads than workers
    "b3_q33_m3_d20_p2_l13x9,5x4",        // a prime number of everything
    "b1_q1300_m1_d8_p3_l16x16,8x8,1x1",  // one head, many queries
    "b2_q7001_m1_d4_p4_l20x20",          // several chunks of queries
    "b1_q700_m2_d16_p2_l9x9_discrete",
    "b1_q700_m2_d16_p3_l9x9,9x9@0",       // levels on the same pixels
    "b1_q2_m8_d33_p1_l40x40",             // fewer queries than workers
    "b1_q60_m2_d32_p2_l20x20",            // value read in place, few samples for its pixels
    "b1_q400_m5_d32_p2_l8x8",             // value packed, several heads at a time
    "b1_q5000_m2_d16_p1_bf16_l7x7_s60",   // the backward pass in groups of queries
    "b1_q5000_m1_d20_p2_l9x9,5x5@0_s81",  // groups, levels on the same pixels
    // Groups and one task per level; then with pixels of no level before, between and after the levels.
    "b1_q6200_m1_d32_p4_f32_l8x8,4x4,2x2_s100",
    "b1_q6200_m1_d8_p4_l8x8@3,4x4@90,2x2@150_s200",
};

// Every number of workers against one, each over differently poisoned memory.
void ExpectSameBits(const Backend& backend, const Case& test_case) {
  if (!backend.supports(test_case.problem).ok() || !HasTurn(backend)) return;
  SCOPED_TRACE(ReplayCommand("bitwise", backend, test_case));
  const CaseData data = MakeCase(test_case);
  Results first;
  const Status status = RunBackend(backend, data, {}, &first);
  ASSERT_TRUE(status.ok()) << status.message();
  for (const int workers : {1, 2, 3, 4, 7, 8}) {
    if (backend.is_simulated && workers > 1) break;  // which has no workers: two runs
    Results again;
    RecordingExecutor recorder(SerialExecutor(workers));
    const RunOptions options{recorder.executor(), static_cast<uint8_t>(0x30 + workers)};
    const Status again_status = RunBackend(backend, data, options, &again);
    ASSERT_TRUE(again_status.ok()) << again_status.message();
    EXPECT_EQ(CompareBits(data, first, again), "") << workers << " workers";
    if (workers > 1 && HasSeveralTasks(backend, test_case.problem)) {
      EXPECT_GT(recorder.largest(), 1);
    }
  }
}

TEST(Determinism, SameBitsForEveryNumberOfWorkers) {
  for (const Backend& backend : Backends()) {
    uint64_t seed = 1;
    for (const char* problem : kProblems) {
      for (const Pattern pattern : {Pattern::kLocal, Pattern::kHot}) {
        ExpectSameBits(backend, {Parse(problem), pattern, Layout::kBSMD, seed++});
      }
    }
  }
}

TEST(Determinism, SameBitsForEveryType) {
  for (const Backend& backend : Backends()) {
    for (const char* type : kTypes) {
      for (const Layout layout : {Layout::kBSMD, Layout::kBMSD, Layout::kBMDS}) {
        ExpectSameBits(backend,
                       {Parse(std::string("b1_q950_m2_d12_p2_l12x12,6x6_") + type), Pattern::kUniform, layout});
      }
    }
  }
}

}  // namespace
}  // namespace xmsda::testing
