// Parsing, printing and validation of problems; the scalar conversions of storage types.
// SPDX-License-Identifier: Apache-2.0
#include "xmsda/problem.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "core/dtype.h"
#include "testing/rng.h"
#include "testing/workloads.h"

namespace xmsda {
namespace {

TEST(ProblemText, RoundTrip) {
  for (const char* text : {
           "b1_q22223_m8_d32_p4_f32_l100x167,50x84,25x42,13x21",
           "b2_q3_m4_d5_p3,6,3_bf16_l4x4,2x2,1x1_locf32",
           "b0_q0_m0_d0_f64_l",
           "b1_q1_m1_d1_f32_l_s9",
           "b1_q1_m1_d1_p0_f16_l3x2_discrete",
           "b1_q1_m1_d1_p2_f16_l8x8@16,4x4@0_s80_locf32_discrete",
           "b1_q1_m1_d1_p1_f32_l2x2@7",
           "b1_q1_m1_d1_p1_f32_l2x2_border",
           "b1_q1_m1_d1_p1_f32_l2x2_border_align_fused2",
           "b1_q1_m1_d1_p2_f16_l2x2_locf32_discrete_fused4l_o0.25",
           "b1_q1_m1_d1_p4_f64_l2x2_fused2lz4",
       }) {
    Problem problem;
    const Status status = ParseProblem(text, &problem);
    ASSERT_TRUE(status.ok()) << text << ": " << status.message();
    EXPECT_EQ(ToString(problem), text);
  }
}

TEST(ProblemText, FieldsHaveDefaultsAndAnyOrder) {
  Problem problem;
  ASSERT_TRUE(ParseProblem("l4x6_q7", &problem).ok());
  EXPECT_EQ(ToString(problem), "b1_q7_m1_d1_p1_f32_l4x6");
  EXPECT_EQ(problem.value_size, 24);
  ASSERT_TRUE(ParseProblem("bf16_l4x6_p1_d3_locf32_m2_q7_b5", &problem).ok());
  EXPECT_EQ(ToString(problem), "b5_q7_m2_d3_p1_bf16_l4x6_locf32");
  ASSERT_TRUE(ParseProblem("l1x1_locf32", &problem).ok());
  EXPECT_EQ(ToString(problem), "b1_q1_m1_d1_p1_f32_l1x1");
}

TEST(ProblemText, ReadsEveryField) {
  Problem p;
  ASSERT_TRUE(ParseProblem("b2_q3_m4_d5_p6,7_f16_l8x9@10,11x12@100_s300_locf32_discrete", &p).ok());
  EXPECT_EQ(p.batch, 2);
  EXPECT_EQ(p.num_queries, 3);
  EXPECT_EQ(p.num_heads, 4);
  EXPECT_EQ(p.channels, 5);
  EXPECT_EQ(p.value_size, 300);
  EXPECT_EQ(p.value_dtype, DType::kF16);
  EXPECT_EQ(p.location_dtype, DType::kF32);
  EXPECT_EQ(p.sampling, Sampling::kDiscrete);
  ASSERT_EQ(p.levels.size(), 2u);
  EXPECT_EQ(p.levels[1].height, 11);
  EXPECT_EQ(p.levels[1].width, 12);
  EXPECT_EQ(p.levels[1].start, 100);
  EXPECT_EQ(p.levels[1].points, 7);
  EXPECT_EQ(p.SamplesPerQuery(), 13);
}

TEST(ProblemText, JunkIsRefusedInOneLine) {
  const std::string long_text(10000, 'q');
  for (const std::string& text : std::vector<std::string>{"",
                                                          "_",
                                                          "hello",
                                                          "l",
                                                          "b1",
                                                          "b1_q1",
                                                          "lx",
                                                          "l4",
                                                          "l4x",
                                                          "lx4",
                                                          "l4x4,",
                                                          "l,4x4",
                                                          "l4x4@",
                                                          "l4x4@-1",
                                                          "l-4x4",
                                                          "b_l4x4",
                                                          "b+1_l4x4",
                                                          "b-1_l4x4",
                                                          "b1.5_l4x4",
                                                          "b 1_l4x4",
                                                          "b1 _l4x4",
                                                          "b0x1_l4x4",
                                                          "b1_b1_l4x4",
                                                          "l4x4_l4x4",
                                                          "f32_f32_l4x4",
                                                          "f32_f16_l4x4",
                                                          "locf32_locf32_l4x4",
                                                          "discrete_discrete_l4x4",
                                                          "p_l4x4",
                                                          "p1,_l4x4",
                                                          "p1,2_l4x4",
                                                          "p1,2,3_l4x4,2x2",
                                                          "p1_p1_l4x4",
                                                          "f8_l4x4",
                                                          "l4x4__q1",
                                                          "l4x4_",
                                                          "_l4x4",
                                                          "l4x4x4",
                                                          "l0x4",
                                                          "l4x0",
                                                          "b99999999999999999999_l4x4",
                                                          "b9223372036854775807_l4x4_q2",
                                                          "l9223372036854775807x2",
                                                          "l4294967296x4294967296",
                                                          "l4x4@9223372036854775807",
                                                          "l65536x65536",
                                                          "l4x4_s15",
                                                          "l4x4_s4294967296",
                                                          "p9223372036854775807_l1x1,1x1",
                                                          "q1152921504606846976_m2_l1x1",
                                                          "f64_locf32_l4x4",
                                                          "L4x4",
                                                          "b1\n_l4x4",
                                                          std::string("b1\0_l4x4", 8),
                                                          long_text}) {
    if (text == "l") continue;  // no levels: valid
    Problem problem;
    problem.batch = 42;
    const Status status = ParseProblem(text, &problem);
    EXPECT_FALSE(status.ok()) << text;
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(": expected "), std::string::npos) << status.message();
    EXPECT_NE(status.message().find(", got "), std::string::npos) << status.message();
    EXPECT_EQ(status.message().find('\n'), std::string::npos) << status.message();
    EXPECT_LT(status.message().size(), 300u);
    EXPECT_EQ(problem.batch, 42) << "changed by a failed parse of " << text;
  }
}

struct BrokenField {
  const char* name;
  std::function<void(Problem*)> breaks;
  const char* message;
};

TEST(ProblemValidate, NamesTheField) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  const BrokenField broken[] = {
      {"batch", [](Problem* p) { p->batch = -1; }, "batch: expected at least 0, got -1"},
      {"num_queries", [](Problem* p) { p->num_queries = -2; }, "num_queries: expected at least 0, got -2"},
      {"num_heads", [](Problem* p) { p->num_heads = -3; }, "num_heads: expected at least 0, got -3"},
      {"channels", [](Problem* p) { p->channels = -4; }, "channels: expected at least 0, got -4"},
      {"value_size", [](Problem* p) { p->value_size = -5; }, "value_size: expected at least 0, got -5"},
      {"value_size", [](Problem* p) { p->value_size = int64_t{1} << 31; },
       "value_size: expected less than 2^31, got 2147483648"},
      {"height", [](Problem* p) { p->levels[1].height = 0; }, "levels[1].height: expected at least 1, got 0"},
      {"width", [](Problem* p) { p->levels[0].width = -1; }, "levels[0].width: expected at least 1, got -1"},
      {"start", [](Problem* p) { p->levels[1].start = -1; }, "levels[1].start: expected at least 0, got -1"},
      {"points", [](Problem* p) { p->levels[1].points = -1; }, "levels[1].points: expected at least 0, got -1"},
      {"past S", [](Problem* p) { p->levels[1].start = 17; },
       "levels[1]: expected start + height*width at most value_size 20, got 17 + 2*2"},
      {"height above the limit", [](Problem* p) { p->levels[1].height = (1 << 24) + 1; },
       "levels[1].height: expected at most 2^24, got 16777217"},
      {"width above the limit", [](Problem* p) { p->levels[0].width = kMax; },
       "levels[0].width: expected at most 2^24, got 9223372036854775807"},
      {"overflowing level", [](Problem* p) { p->levels[1].start = kMax; },
       "levels[1]: expected start + height*width at most value_size 20, got 9223372036854775807 + 2*2"},
      {"overflowing points", [](Problem* p) { p->levels[0].points = kMax; },
       "levels[1].points: expected a sum over the levels below 2^63, got 2"},
      {"overflowing arrays", [](Problem* p) { p->num_queries = kMax; },
       "problem: expected arrays of fewer than 2^47 elements, a size of 0 counted as 1, got batch 1, num_queries "
       "9223372036854775807, num_heads 3, channels 4, samples per query 4"},
      {"value type", [](Problem* p) { p->value_dtype = static_cast<DType>(9); },
       "value_dtype: expected f32, f64, bf16 or f16, got 9"},
      {"location type", [](Problem* p) { p->location_dtype = DType::kBF16; },
       "location_dtype: expected f32 for a f32 value, got bf16"},
      {"location type of halves",
       [](Problem* p) {
         p->value_dtype = DType::kF16;
         p->location_dtype = DType::kBF16;
       },
       "location_dtype: expected f16 or f32 for a f16 value, got bf16"},
      {"sampling", [](Problem* p) { p->sampling = static_cast<Sampling>(7); },
       "sampling: expected bilinear or discrete, got 7"},
  };
  for (const BrokenField& field : broken) {
    Problem problem;
    ASSERT_TRUE(ParseProblem("b1_q2_m3_d4_p2_l4x4,2x2", &problem).ok());
    field.breaks(&problem);
    EXPECT_EQ(Validate(problem).message(), field.message) << field.name;
  }
}

TEST(ProblemValidate, ZeroSizesAreValid) {
  EXPECT_TRUE(Validate(Problem{}).ok());
  Problem problem;
  problem.batch = problem.num_queries = problem.num_heads = problem.channels = 0;
  EXPECT_TRUE(Validate(problem).ok());
}

// A size of zero does not leave the others without a limit: strides are products of the others.
TEST(ProblemValidate, ZeroSizesDoNotHideOverflow) {
  for (const char* text :
       {"b0_m4294967296_d4294967296_l1x1", "q0_m4294967296_d4294967296_l1x1", "b0_q9223372036854775807_m2_l1x1",
        "m0_d4294967296_q4294967296_l1x1", "b0_q4294967296_m4294967296_l1x1_p2", "b0_m2097152_d67108864_l1x1"}) {
    Problem problem;
    const Status status = ParseProblem(text, &problem);
    EXPECT_TRUE(status.message().starts_with("problem: expected arrays of fewer than 2^47 elements"))
        << text << ": " << status.message();
  }
  Problem largest;
  const Status status = ParseProblem("b0_q0_m1048576_d67108864_l1x1", &largest);  // 2^46 elements
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(DenseStrides(largest).batch, int64_t{1} << 46);
}

TEST(Workloads, AllParse) {
  for (const testing::Workload& workload : testing::Workloads()) {
    Problem by_name;
    const Status status = testing::ParseProblemOrName(workload.name, &by_name);
    ASSERT_TRUE(status.ok()) << workload.name << ": " << status.message();
    EXPECT_EQ(ToString(by_name), workload.problem);
  }
}

// The textbook definition: the nearest representable number, by search over all of them.
template <typename T>
double NearestByHand(double value) {
  double best = 0;
  uint16_t best_bits = 0;
  for (uint32_t bits = 0; bits < 0x8000; ++bits) {
    const double candidate = ToDouble(T{static_cast<uint16_t>(bits)});
    if (!std::isfinite(candidate)) continue;
    const double error = std::abs(candidate - value);
    const double best_error = std::abs(best - value);
    if (error < best_error || (error == best_error && best_bits % 2 == 1)) {
      best = candidate;
      best_bits = static_cast<uint16_t>(bits);
    }
  }
  return best;
}

template <typename T>
class SmallFloatTest : public ::testing::Test {};
using SmallFloats = ::testing::Types<BF16, F16>;
TYPED_TEST_SUITE(SmallFloatTest, SmallFloats);

TYPED_TEST(SmallFloatTest, EveryValueRoundTrips) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const TypeParam value{static_cast<uint16_t>(bits)};
    const double wide = ToDouble(value);
    TypeParam back;
    FromDouble(wide, &back);
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(ToDouble(back)));
    } else {
      EXPECT_EQ(back.bits, value.bits);
    }
  }
}

TYPED_TEST(SmallFloatTest, RoundsToNearestEven) {
  const testing::Stream stream(5, 0);
  for (int64_t i = 0; i < 300; ++i) {
    // From below the least subnormal to the largest f16.
    double value = std::ldexp(1 + stream.Uniform(2 * i), static_cast<int>(stream.Integer(2 * i + 1, -26, 14)));
    if (i % 3 == 0) {  // a tie, as between two neighbours of the type
      const uint16_t bits = static_cast<uint16_t>(stream.Integer(i, 0, 0x7000));
      value = (ToDouble(TypeParam{bits}) + ToDouble(TypeParam{static_cast<uint16_t>(bits + 1)})) / 2;
    }
    TypeParam rounded;
    FromDouble(value, &rounded);
    EXPECT_EQ(ToDouble(rounded), NearestByHand<TypeParam>(value)) << value;
    FromDouble(-value, &rounded);
    EXPECT_EQ(ToDouble(rounded), -NearestByHand<TypeParam>(value)) << value;
  }
}

TEST(SmallFloat, SpecialValues) {
  F16 half;
  FromDouble(65519.99, &half);
  EXPECT_EQ(half.bits, 0x7BFF);  // the largest, 65504
  FromDouble(65520, &half);
  EXPECT_EQ(half.bits, 0x7C00);  // a tie, to even: infinity
  FromDouble(1e300, &half);
  EXPECT_EQ(half.bits, 0x7C00);
  FromDouble(-std::numeric_limits<double>::infinity(), &half);
  EXPECT_EQ(half.bits, 0xFC00);
  FromDouble(std::numeric_limits<double>::quiet_NaN(), &half);
  EXPECT_TRUE(std::isnan(ToDouble(half)));
  FromDouble(0x1p-25, &half);
  EXPECT_EQ(half.bits, 0);  // a tie, to even
  FromDouble(0x1.001p-25, &half);
  EXPECT_EQ(half.bits, 1);
  FromDouble(-0.0, &half);
  EXPECT_EQ(half.bits, 0x8000);
  BF16 brain;
  FromDouble(1.0 + 0x1p-8 + 0x1p-40, &brain);  // through float it would be a tie and round down
  EXPECT_EQ(brain.bits, 0x3F81);
  FromDouble(5e-324, &brain);
  EXPECT_EQ(brain.bits, 0);
  EXPECT_EQ(ToDouble(BF16{0x3F80}), 1);
  EXPECT_EQ(ToDouble(BF16{1}), 0x1p-133);
}

}  // namespace
}  // namespace xmsda
