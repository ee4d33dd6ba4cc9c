// The judge itself: backends that are wrong in one small way must be caught.
// SPDX-License-Identifier: Apache-2.0
#include "testing/tester.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <string>

#include "check_all.h"
#include "core/dtype.h"

namespace xmsda::testing {
namespace {

// What a sabotaged backend does after the reference has filled its arrays.
struct Sabotage {
  std::function<void(const Problem&, void* output)> forward;
  std::function<void(const Problem&, const Gradients&)> backward;
};

Backend Sabotaged(const Sabotage& sabotage) {
  Backend backend = Backends().front();
  const auto forward = backend.forward;
  const auto backward = backend.backward;
  backend.forward = [=](const Problem& problem, const Inputs& inputs, void* output, const Workspace& workspace,
                        const Executor& executor, const CallOptions& options) {
    const Status status = forward(problem, inputs, output, workspace, executor, options);
    if (sabotage.forward) sabotage.forward(problem, output);
    return status;
  };
  backend.backward = [=](const Problem& problem, const Inputs& inputs, const void* grad_output,
                         const Gradients& gradients, const Workspace& workspace, const Executor& executor,
                         const CallOptions& options) {
    const Status status = backward(problem, inputs, grad_output, gradients, workspace, executor, options);
    if (sabotage.backward) sabotage.backward(problem, gradients);
    return status;
  };
  return backend;
}

std::string Report(const Sabotage& sabotage, Pattern pattern, Layout layout = Layout::kBSMD,
                   const char* problem = "b1_q5_m2_d6_p2_l8x4,4x8") {
  const CaseData data = MakeCase({Parse(problem), pattern, layout, 3});
  return CheckBackend(Sabotaged(sabotage), data, ComputeExpected(data, SerialExecutor()));
}

float NextFloat(float value) { return std::nextafter(value, value + 1); }

TEST(Tester, AcceptsTheReference) {
  for (const Pattern pattern : kPatterns) EXPECT_EQ(Report({}, pattern), "");
}

TEST(Tester, OneBitIsCaughtInExactMode) {
  const Sabotage sabotage{[](const Problem&, void* output) {
                            float* element = static_cast<float*>(output) + 17;
                            *element = NextFloat(*element);
                          },
                          {}};
  const std::string report = Report(sabotage, Pattern::kExact);
  EXPECT_NE(report.find("output[b=0, q=1, m=0, d=5]: got "), std::string::npos) << report;
  EXPECT_NE(report.find("problem: b1_q5_m2_d6_p2_f32_l8x4,4x8\n"), std::string::npos) << report;
  EXPECT_NE(report.find("xmsda check b1_q5_m2_d6_p2_f32_l8x4,4x8 --sampling exact --seed 3 --backend reference"),
            std::string::npos)
      << report;
  EXPECT_EQ(Report(sabotage, Pattern::kUniform), "") << "one rounding is within the bound";
}

// Twice the float epsilon times the size of the terms: a wrong neighbour, weight or level is far beyond that.
TEST(Tester, SmallErrorsAreCaughtInRandomMode) {
  for (const double error : {1e-5, -1e-5}) {
    EXPECT_NE(
        Report({[=](const Problem&, void* output) { static_cast<float*>(output)[3] += static_cast<float>(error); }, {}},
               Pattern::kUniform),
        "");
    for (int array = 0; array < 3; ++array) {
      const Sabotage sabotage{{}, [=](const Problem&, const Gradients& gradients) {
                                void* arrays[] = {gradients.value, gradients.locations, gradients.weights};
                                float* element = static_cast<float*>(arrays[array]) + 2;
                                *element += static_cast<float>(error) * (array == 1 ? 100 : 3);
                              }};
      EXPECT_NE(Report(sabotage, Pattern::kUniform), "") << array;
    }
  }
}

// A location whose scaled coordinate is just finite is outside, and certain to be.
TEST(Tester, LocationsNearTheEndOfDouble) {
  for (const char* problem :
       {"b1_q3_m1_d2_p2_f64_l1x1,5x3", "b1_q3_m1_d2_p2_f64_l1x1,5x3_discrete", "b1_q3_m1_d2_p2_f64_l1x1,5x3_border"}) {
    CaseData data = MakeCase({Parse(problem), Pattern::kUniform});
    const size_t count = data.locations.size() / sizeof(double);
    for (size_t i = 0; i < count; ++i) {
      StoreElement(DType::kF64, data.locations.data(), static_cast<int64_t>(i), (i % 4 < 2 ? 1.2e308 : -1.2e308) / 5);
      if (i % 3 == 0) StoreElement(DType::kF64, data.locations.data(), static_cast<int64_t>(i), 1.2e308);
    }
    const Expected expected = ComputeExpected(data, SerialExecutor());
    for (const double bound : expected.output.bound) EXPECT_LT(bound, 1e-12) << problem;
    EXPECT_EQ(CheckBackend(Backends().front(), data, expected), "") << problem;
  }
}

// What a backend states of its arithmetic is allowed to it, in that amount, and to no other.
TEST(Tester, StatedArithmeticIsAllowed) {
  const CaseData data = MakeCase({Parse("b1_q5_m2_d6_p2_f16_locf32_l8x4"), Pattern::kUniform});
  Expected expected = ComputeExpected(data, SerialExecutor());
  const auto report = [&](const Arithmetic& arithmetic, double got) {
    Backend backend = Sabotaged({[=](const Problem&, void* output) { StoreElement(DType::kF16, output, 7, got); }, {}});
    backend.arithmetic = arithmetic;
    return CheckBackend(backend, data, expected);
  };
  const ExpectedArray& output = expected.output;
  ASSERT_EQ(output.f16_weights_bound.size(), output.value.size());
  ASSERT_GT(output.f16_weights_bound[7], 0);
  // Far from the rounding of the result itself, which is 2^-11 of it.
  expected.output.value[7] = 0;
  EXPECT_EQ(report({.f16_weights = true}, 0.9 * output.f16_weights_bound[7]), "");
  EXPECT_NE(report({.f16_weights = true}, 1.2 * output.f16_weights_bound[7]), "");
  EXPECT_NE(report({.f16_saturates = true, .infinite_weights_are_nan = true}, 0.9 * output.f16_weights_bound[7]), "");
  expected.output.value[7] = -70000;
  EXPECT_EQ(report({.f16_saturates = true}, -65504), "");
  EXPECT_NE(report({.f16_saturates = true}, 65504), "");
  EXPECT_NE(report({.f16_weights = true, .infinite_weights_are_nan = true}, -65504), "");
  expected.output.value[7] = HUGE_VAL;
  EXPECT_EQ(report({.infinite_weights_are_nan = true}, std::nan("")), "");
  EXPECT_NE(report({.f16_weights = true, .f16_saturates = true}, std::nan("")), "");
  EXPECT_NE(report({.f16_saturates = true}, 65504), "");
}

TEST(Tester, ForwardOnlyBackendsAreJudgedByTheirOutput) {
  Backend backend = Backends().front();
  backend.backward = {};
  const CaseData data = MakeCase({Parse("b1_q5_m2_d6_p2_l8x4"), Pattern::kUniform});
  const Expected expected = ComputeExpected(data, SerialExecutor());
  EXPECT_EQ(CheckBackend(backend, data, expected), "");
  Results results;
  ASSERT_TRUE(RunBackend(backend, data, {}, &results).ok());
  EXPECT_EQ(Judge(backend, data, expected, results).size(), 1u);
  EXPECT_EQ(CompareBits(data, results, results), "");
  Backend wrong = Sabotaged({[](const Problem&, void* output) { static_cast<float*>(output)[3] += 1; }, {}});
  wrong.backward = {};
  EXPECT_NE(CheckBackend(wrong, data, expected), "");
}

TEST(Tester, UnwrittenAndNotFiniteElementsAreCaught) {
  const Sabotage nan{
      [](const Problem& problem, void* output) { StoreElement(problem.value_dtype, output, 7, std::nan("")); }, {}};
  EXPECT_NE(Report(nan, Pattern::kUniform), "");
  EXPECT_NE(Report(nan, Pattern::kExact), "");
  const Sabotage infinite{{}, [](const Problem& problem, const Gradients& gradients) {
                            StoreElement(problem.location_dtype, gradients.weights, 0, HUGE_VAL);
                          }};
  EXPECT_NE(Report(infinite, Pattern::kNasty), "");
}

TEST(Tester, WritesToGapsAreCaught) {
  const Sabotage sabotage{{}, [](const Problem& problem, const Gradients& gradients) {
                            static_cast<float*>(gradients.value)[problem.channels] = 0;
                          }};
  EXPECT_NE(Report(sabotage, Pattern::kUniform, Layout::kPadded).find("gaps of its layout"), std::string::npos);
}

// One backend per input, which changes one bit of it, in its gaps too.
TEST(Tester, ChangedInputsAreCaught) {
  const CaseData data = MakeCase({Parse("b1_q5_m2_d6_p2_l8x4"), Pattern::kUniform, Layout::kPadded});
  const Expected expected = ComputeExpected(data, SerialExecutor());
  struct Victim {
    const char* name;
    const Buffer* buffer;
  };
  const Victim victims[] = {{"inputs.value", &data.value},
                            {"inputs.locations", &data.locations},
                            {"inputs.weights", &data.weights},
                            {"grad_output", &data.grad_output}};
  for (const Victim& victim : victims) {
    for (const size_t byte : {size_t{0}, victim.buffer->size() / 2, victim.buffer->size() - 1}) {
      uint8_t* target = victim.buffer->data() + byte;
      const Sabotage forward{[=](const Problem&, void*) { *target ^= 0x80; }, {}};
      const Sabotage backward{{}, [=](const Problem&, const Gradients&) { *target ^= 0x80; }};
      for (const Sabotage& sabotage : {forward, backward}) {
        const std::string report = CheckBackend(Sabotaged(sabotage), data, expected);
        EXPECT_EQ(report.find(std::string(victim.name) + ": expected to stay as it was"), 0u) << report;
        *target ^= 0x80;
      }
    }
  }
  EXPECT_EQ(CheckBackend(Sabotaged({}), data, expected), "") << "every change was taken back";
}

// Under AddressSanitizer the write itself is reported.
#ifndef XMSDA_ASAN
TEST(Tester, WritesOutsideArraysAreCaught) {
  const Sabotage before{[](const Problem&, void* output) { static_cast<float*>(output)[-1] = 0; }, {}};
  EXPECT_NE(Report(before, Pattern::kUniform).find("output: expected bytes outside"), std::string::npos);
  const Sabotage behind{{}, [](const Problem& problem, const Gradients& gradients) {
                          const int64_t end = problem.num_queries * problem.num_heads * problem.SamplesPerQuery();
                          static_cast<float*>(gradients.weights)[end] = 0;
                        }};
  EXPECT_NE(Report(behind, Pattern::kUniform).find("gradients.weights: expected bytes outside"), std::string::npos);
  const CaseData data = MakeCase({Parse("b1_q5_m2_d6_p2_l8x4"), Pattern::kUniform});
  uint8_t* last = data.value.data() + data.value.size();
  const Sabotage input{[=](const Problem&, void*) { *last = 0; }, {}};
  const std::string report = CheckBackend(Sabotaged(input), data, ComputeExpected(data, SerialExecutor()));
  EXPECT_EQ(report.find("inputs.value: expected bytes outside"), 0u) << report;
}
#endif

TEST(Tester, AnotherTargetIsCaught) {
  Backend backend = Backends().front();
  backend.name = "cpu:sve";
  const CaseData data = MakeCase({Parse("q2_l4x4"), Pattern::kUniform});
  EXPECT_EQ(CheckBackend(backend, data, ComputeExpected(data, SerialExecutor())),
            "target: expected sve to run, got auto\n");
}

TEST(Tester, DifferentBitsAreFound) {
  const CaseData data = MakeCase({Parse("b1_q5_m2_d6_p2_l8x4"), Pattern::kUniform});
  Results a;
  Results b;
  ASSERT_TRUE(RunBackend(Backends().front(), data, {}, &a).ok());
  ASSERT_TRUE(RunBackend(Backends().front(), data, {SerialExecutor(), 0}, &b).ok());
  EXPECT_EQ(CompareBits(data, a, b), "");
  b.grad_locations.data()[4 * 5] ^= 1;
  EXPECT_EQ(CompareBits(data, a, b).find("grad_locations[b=0, q=0, m=1, k=0, uv=1]"), 0u) << CompareBits(data, a, b);
}

}  // namespace
}  // namespace xmsda::testing
