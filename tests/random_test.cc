// Random problems for a few seconds, every backend judged; a failure prints the command that replays it.
// SPDX-License-Identifier: Apache-2.0
//
// XMSDA_TEST_SEED fixes the first seed (each problem has its own, counted up from it), XMSDA_TEST_SECONDS the time.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "check_all.h"
#include "testing/rng.h"

namespace xmsda::testing {
namespace {

double SecondsFromEnvironment() {
  const char* text = std::getenv("XMSDA_TEST_SECONDS");
  return text == nullptr ? 5 : std::strtod(text, nullptr);
}

uint64_t SeedFromEnvironment() {
  const char* text = std::getenv("XMSDA_TEST_SEED");
  return text == nullptr ? std::random_device()() : std::strtoull(text, nullptr, 10);
}

class Dice {
 public:
  explicit Dice(uint64_t seed) : stream_(seed, 1234) {}
  int64_t Between(int64_t low, int64_t high) { return stream_.Integer(index_++, low, high); }
  bool OneIn(int64_t n) { return Between(1, n) == 1; }

 private:
  Stream stream_;
  int64_t index_ = 0;
};

// Mostly small sizes, now and then one that is large or zero.
Case RandomCase(uint64_t seed) {
  Dice dice(seed);
  Case test_case;
  Problem& p = test_case.problem;
  p.batch = dice.OneIn(30) ? 0 : dice.Between(1, 3);
  p.num_heads = dice.OneIn(30) ? 0 : dice.Between(1, 5);
  p.channels = dice.OneIn(30) ? 0 : dice.OneIn(4) ? dice.Between(1, 140) : dice.Between(1, 40);
  p.num_queries = dice.OneIn(30) ? 0 : dice.OneIn(6) ? dice.Between(1, 1500) : dice.Between(1, 40);
  const bool exact = dice.OneIn(3);
  const int64_t num_levels = dice.OneIn(30) ? 0 : dice.Between(1, 5);
  const bool same_points = dice.OneIn(2);
  const int64_t points = dice.Between(1, 6);
  int64_t end = 0;
  for (int64_t i = 0; i < num_levels; ++i) {
    const auto side = [&] { return exact ? int64_t{1} << dice.Between(0, 5) : dice.Between(1, 24); };
    Level level{.height = side(), .width = side(), .start = end, .points = same_points ? points : dice.Between(0, 6)};
    if (dice.OneIn(8)) level.start += dice.Between(1, 9);
    if (dice.OneIn(8)) level.start = dice.Between(0, end);
    end = std::max(end, level.start + level.height * level.width);
    p.levels.push_back(level);
  }
  // Corner products of one pass, some milliseconds under AddressSanitizer.
  constexpr int64_t kMaxProducts = 1000000;
  const int64_t per_query = 4 * p.batch * p.num_heads * p.channels * std::max<int64_t>(p.SamplesPerQuery(), 1);
  if (per_query > 0) p.num_queries = std::min(p.num_queries, std::max<int64_t>(kMaxProducts / per_query, 1));
  p.value_size = end + (dice.OneIn(8) ? dice.Between(1, 30) : 0);
  constexpr DType kDTypes[] = {DType::kF32, DType::kF32, DType::kF64, DType::kBF16, DType::kF16};
  p.value_dtype = kDTypes[dice.Between(0, 4)];
  const bool half = p.value_dtype == DType::kBF16 || p.value_dtype == DType::kF16;
  p.location_dtype = half && dice.OneIn(2) ? DType::kF32 : p.value_dtype;
  p.sampling = dice.OneIn(5) ? Sampling::kDiscrete : Sampling::kBilinear;
  if (p.sampling == Sampling::kBilinear) {
    p.padding = dice.OneIn(5) ? Padding::kBorder : Padding::kZeros;
    p.align_corners = dice.OneIn(5);
  }
  if (dice.OneIn(3)) {
    p.references.components = dice.OneIn(2) ? 2 : 4;
    p.references.per_level = dice.OneIn(2);
    p.references.anchors = dice.OneIn(4) ? dice.Between(1, 4) : 1;
    if (dice.OneIn(4)) p.references.offset_scale = dice.OneIn(2) ? 0.25 : 0.3;
  }
  constexpr Pattern kRandomPatterns[] = {Pattern::kLocal, Pattern::kUniform, Pattern::kHot, Pattern::kOutside,
                                         Pattern::kNasty};
  test_case.pattern = exact ? Pattern::kExact : kRandomPatterns[dice.Between(0, 4)];
  test_case.layout = dice.OneIn(2) ? Layout::kBSMD : kLayouts[dice.Between(0, 4)];
  test_case.seed = seed;
  if (!ValidateCase(test_case).ok()) test_case.pattern = Pattern::kUniform;  // not all sizes can be exact
  return test_case;
}

TEST(Random, EveryBackendWithinBounds) {
  const uint64_t first_seed = SeedFromEnvironment();
  const double seconds = SecondsFromEnvironment();
  std::printf("XMSDA_TEST_SEED=%llu XMSDA_TEST_SECONDS=%g\n", static_cast<unsigned long long>(first_seed), seconds);
  const auto start = std::chrono::steady_clock::now();
  uint64_t count = 0;
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < seconds) {
    const uint64_t seed = first_seed + count++;
    const Case test_case = RandomCase(seed);
    SCOPED_TRACE("XMSDA_TEST_SEED=" + std::to_string(seed) + " " + CaseOptions(test_case));
    CheckAll(test_case);
    if (HasFailure()) break;
    // What was computed by several workers must also have the bits of one.
    const CaseData data = MakeCase(test_case);
    for (const Backend& backend : Backends()) {
      if (!backend.supports(test_case.problem).ok() || !HasTurn(backend)) continue;
      Results one;
      Results many;
      ASSERT_TRUE(RunBackend(backend, data, {}, &one).ok());
      RecordingExecutor recorder(SerialExecutor(2 + static_cast<int>(seed % 7)));
      ASSERT_TRUE(RunBackend(backend, data, {recorder.executor()}, &many).ok());
      ASSERT_EQ(CompareBits(data, one, many), "") << backend.name;
      if (HasSeveralTasks(backend, test_case.problem)) {
        ASSERT_GT(recorder.largest(), 1) << backend.name;
      }
    }
  }
  std::printf("%llu random problems\n", static_cast<unsigned long long>(count));
  EXPECT_GT(count, 0u);
}

}  // namespace
}  // namespace xmsda::testing
