// The variants of the Ascend kernels on the simulator: table, limits, failures, chips, and each on a few problems.
// SPDX-License-Identifier: Apache-2.0
//
// In the other tests they take turns, see check_all.h.
#include "ascend/host/variants.h"

#include <cstdlib>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "ascend/host/launch.h"
#include "ascend/simulator.h"
#include "check_all.h"
#include "core/dtype.h"

namespace xmsda::testing {
namespace {

using ascend::Variant;

// Each variant in strict mode, float32, half and bfloat16, exact and within the bound, odd sizes and tails.
TEST(Ascend, EveryVariantOnSomeProblems) {
  constexpr const char* kProblems[] = {"b2_q13_m3_d19_p2_l8x4,4x8,1x2", "b1_q70_m2_d32_p4_l16x16,8x8",
                                       "b1_q5_m1_d64_p3,0,1_l8x8,2x2,4x1_s90", "b1_q130_m2_d8_p1_l8x16"};
  uint64_t seed = 1;
  for (const char* text : kProblems) {
    for (const char* type : {"_f32", "_f16_locf32", "_bf16_locf32"}) {
      for (const Pattern pattern : {Pattern::kExact, Pattern::kUniform, Pattern::kNasty}) {
        const Case test_case{Parse(std::string(text) + type), pattern, kLayouts[seed % 5], seed};
        ++seed;
        const CaseData data = MakeCase(test_case);
        const Expected expected = ComputeExpected(data, SerialExecutor());
        for (const Backend& backend : Backends()) {
          if (!backend.is_simulated || !backend.supports(test_case.problem).ok()) continue;
          EXPECT_EQ(CheckBackend(backend, data, expected), "") << backend.name;
        }
      }
    }
  }
}

// An encoder, whose queries are pixels: the backward pass adds to windows of the gradient in UB, also where samples lie
// elsewhere, all at one place, or nowhere.
TEST(Ascend, WindowsOfTheGradient) {
  const Problem problem = Parse("b1_q1301_m8_d32_p4_f16_locf32_l32x31,16x16,8x6,1x5");
  xmsda_ascend::Tiling tiling = {};
  ASSERT_TRUE(ascend::TileRowsBackward(problem, {}, {}, &tiling).ok());
  EXPECT_GT(tiling.window_pixels, 0);
  for (const Pattern pattern : {Pattern::kLocal, Pattern::kHot, Pattern::kNasty}) {
    const CaseData data = MakeCase({problem, pattern, kLayouts[0], 5});
    const Expected expected = ComputeExpected(data, SerialExecutor());
    for (const Backend& backend : Backends()) {
      if (backend.name != "ascend-sim:dma1") continue;
      EXPECT_EQ(CheckBackend(backend, data, expected), "") << backend.name;
    }
  }
}

TEST(Ascend, EveryVariantIsABackend) {
  std::set<std::string> names;
  for (const Variant* variant : ascend::Variants()) {
    EXPECT_TRUE(names.insert(variant->name).second) << variant->name << " is there twice";
    EXPECT_EQ(ascend::FindVariant(variant->name), variant);
    const std::string name = variant->name;
    const Backend* backend = FindBackend(name == "auto" ? "ascend-sim" : "ascend-sim:" + name);
    ASSERT_NE(backend, nullptr) << name;
    EXPECT_TRUE(backend->is_simulated);
    EXPECT_EQ(static_cast<bool>(backend->backward), variant->backward != nullptr);
    EXPECT_EQ(ascend::UnknownVariant("x", false).message().find(name) != std::string::npos, true);
  }
  EXPECT_STREQ(ascend::Variants().front()->name, "auto");
  EXPECT_EQ(ascend::FindVariant("x"), nullptr);
}

struct Limit {
  const char* problem;
  const char* message;
};

// Limits of all variants: what `supports` says is what the calls do, and nothing is written.
TEST(Ascend, LimitsAreRefusedByName) {
  const Limit limits[] = {
      {"b1_q3_m1_d4_p1_f64_l2x2", "value: expected f16, bf16 or f32 on Ascend, got f64"},
      {"b1_q3_m1_d4_p1_f16_l2x2", "locations: expected f32 on Ascend, got f16"},
      {"b0_q3_m1_d4_p1_f16_l2x2", "locations: expected f32 on Ascend, got f16"},
      {"b1_q3_m1_d4_p1_l2x2_discrete", "sampling: expected bilinear on Ascend, got discrete"},
      {"b1_q3_m1_d4_p65_l2x2", "levels: expected at most 64 points in all on Ascend, got 65"},
      {"b1_q3_m1_d4_p1_l1x1,1x1,1x1,1x1,1x1,1x1,1x1,1x1,1x1", "levels: expected at most 8 on Ascend, got 9"},
  };
  for (const Limit& limit : limits) {
    const CaseData data = MakeCase({Parse(limit.problem)});
    for (const Backend& backend : Backends()) {
      if (!backend.is_simulated) continue;
      SCOPED_TRACE(backend.name + ", " + limit.problem);
      const Status status = backend.supports(data.test_case.problem);
      EXPECT_EQ(status.code(), StatusCode::kUnsupported);
      EXPECT_EQ(status.message().find(limit.message), 0u) << status.message();
      Results results;
      EXPECT_EQ(RunBackend(backend, data, {}, &results).message(), status.message());
      for (size_t i = 0; i < results.output.size(); ++i) ASSERT_EQ(results.output.data()[i], 0xFF);
    }
  }
}

// Limits of the kernels by rows, some of which no memory could hold as arrays.
TEST(Ascend, LimitsOfTheVariantsByRows) {
  const Limit limits[] = {
      {"b1_q3_m1_d4_p1_l2x2,2x2@0", "levels: expected no pixel in two levels on Ascend, got a level that starts at 0"},
      {"b1_q3_m1_d2000_p1_l2x2", "channels: expected tiles of 16 queries to fit into "},
      {"b1_q3_m200_d64_p1_l2x2", "num_heads: expected at most 36864 bytes for all heads of a pixel in float32"},
      {"b1_q3_m1_d16_p1_l2x32770", "levels: expected rows of at most 32768 pixels on Ascend, got 32770"},
      {"b1_q3_m1_d64_p1_l20000x8000,20000x8000", "levels: expected less than 2^31 blocks of 32 bytes a head"},
      {"b1_q300000000_m1_d4_p1_l2x2", "num_queries: expected less than 2^28 on Ascend, got 300000000"},
  };
  for (const Limit& limit : limits) {
    for (const Variant* variant : {&ascend::kResident, &ascend::kDma1}) {
      SCOPED_TRACE(std::string(variant->name) + ", " + limit.problem);
      const Status status = ascend::Supports(*variant, Parse(limit.problem), {});
      EXPECT_EQ(status.code(), StatusCode::kUnsupported);
      EXPECT_EQ(status.message().find(limit.message), 0u) << status.message();
      EXPECT_NE(status.message().find(" takes it"), std::string::npos) << "no hint at a variant that would do";
    }
  }
}

TEST(Ascend, LimitsOfTheVariantsByPlanes) {
  const struct {
    const Variant* variant;
    Limit limit;
  } limits[] = {
      {&ascend::kXmsda, {"b1_q3_m1_d4_p1_l2x2", "value: expected f16 for planes of pairs of pixels"}},
      {&ascend::kXmsda,
       {"b1_q3_m1_d4_p1_f16_locf32_l300x300", "levels: expected a plane of one channel and 32 queries"}},
      {&ascend::kXmsda, {"b1_q3_m1_d4_p1_f16_locf32_l2x2,2x2@0", "levels: expected no pixel in two levels"}},
      {&ascend::kXmsdaAligned,
       {"b1_q3_m1_d5_p1_f16_locf32_l2x2", "channels: expected an even number for planes of words"}},
      {&ascend::kXmsdaAligned, {"b1_q3_m30_d32_p1_l2x2", "heads * channels: expected 16 pixels of all heads"}},
  };
  for (const auto& [variant, limit] : limits) {
    SCOPED_TRACE(std::string(variant->name) + ", " + limit.problem);
    const Status status = ascend::Supports(*variant, Parse(limit.problem), {});
    EXPECT_EQ(status.code(), StatusCode::kUnsupported);
    EXPECT_EQ(status.message().find(limit.message), 0u) << status.message();
  }
}

// Vector instructions take bf16 in Cast only: what computes with value as it comes names a variant that widens it.
TEST(Ascend, BfloatIsForTheVariantsThatWidenIt) {
  const Problem problem = Parse("b1_q3_m1_d16_p1_bf16_locf32_l2x2");
  for (const Variant* variant : {&ascend::kHybrid, &ascend::kXmsda, &ascend::kXmsdaAligned}) {
    const Status status = ascend::Supports(*variant, problem, {});
    EXPECT_EQ(status.code(), StatusCode::kUnsupported) << variant->name;
    EXPECT_EQ(status.message().find("value: expected f16"), 0u) << status.message();
    EXPECT_NE(status.message().find("got bf16; the variant resident takes it"), std::string::npos) << status.message();
  }
  for (const char* name : {"auto", "resident", "dma1", "dma2", "library", "library-db"}) {
    EXPECT_EQ(ascend::Supports(*ascend::FindVariant(name), problem, {}).message(), "") << name;
  }
}

// The rule that `xmsda` breaks by design is off for it alone: the device of a call is that of its variant.
TEST(Ascend, GathersAtMultiplesOfTwoBytesAreForOneVariant) {
  for (const Variant* variant : ascend::Variants()) {
    EXPECT_EQ(variant->half_aligned_gathers, variant == &ascend::kXmsda) << variant->name;
  }
}

TEST(Ascend, BadOptionsOfTheSimulatorAreNamed) {
  const auto message = [](const ascend::SimulatorOptions& options) {
    const Status status = ascend::ConfigureSimulator(options);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    return status.message();
  };
  EXPECT_EQ(message({.chip = "910x"}).find("chip: expected 910b1, 910b2"), 0u) << message({.chip = "910x"});
  EXPECT_NE(message({.chip = "910x"}).find("got \"910x\""), std::string::npos);
  EXPECT_EQ(message({.set = "a=3"}).find("set: expected constant=number"), 0u) << message({.set = "a=3"});
  EXPECT_EQ(message({.check = "lax"}), "check: expected strict, auto-sync, permissive or off, got \"lax\"");
  EXPECT_EQ(message({.trace = "/nonexistent/x"}).find("trace: expected a file"), 0u);
}

TEST(Ascend, EveryChip) {
  struct Facts {
    const char* chip;
    int32_t cores;
  };
  for (const Facts& facts : {Facts{"910b1", 48}, Facts{"910b2", 48}, Facts{"910b3", 40}, Facts{"910b4", 40}}) {
    ASSERT_TRUE(ascend::ConfigureSimulator({.chip = facts.chip}).ok());
    EXPECT_EQ(ascend::ChipOfDevice().vector_cores, facts.cores) << facts.chip;
    EXPECT_EQ(ascend::ChipOfDevice().ub_bytes, 184 * 1024);
    const CaseData data = MakeCase({Parse("b2_q130_m3_d32_p4_l16x16,8x8"), Pattern::kExact});
    EXPECT_EQ(CheckBackend(*FindBackend("ascend-sim"), data, ComputeExpected(data, SerialExecutor())), "");
  }
  ASSERT_TRUE(ascend::ConfigureSimulator({}).ok());
}

// A kernel that breaks a rule: the first report is the Status, the output stays as it was, and later calls are fine.
TEST(Ascend, BrokenRulesAreTheStatusOfTheCall) {
  CaseData data = MakeCase({Parse("b1_q5_m1_d16_p1_f16_locf32_l2x2"), Pattern::kHot});
  const Expected expected = ComputeExpected(data, SerialExecutor());
  const Buffer weights = std::move(data.weights);
  data.weights = Buffer(weights.size(), 4);
  for (size_t i = 0; i < 5; ++i) StoreElement(DType::kF32, data.weights.data(), static_cast<int64_t>(i), 1e6);
  data.inputs.weights = data.weights.data();
  setenv("ASCSIM_RULES", "cast-overflow=error", 1);
  ASSERT_TRUE(ascend::ConfigureSimulator({.chip = "910b1"}).ok());
  Results results;
  const Status status = RunBackend(*FindBackend("ascend-sim"), data, {}, &results);
  unsetenv("ASCSIM_RULES");
  EXPECT_EQ(status.code(), StatusCode::kDevice);
  EXPECT_EQ(status.message().find("device: "), 0u) << status.message();
  EXPECT_NE(status.message().find("cast-overflow in xmsda_"), std::string::npos) << status.message();
  for (size_t i = 0; i < results.output.size(); ++i) ASSERT_EQ(results.output.data()[i], 0xFF);
  ASSERT_TRUE(ascend::ConfigureSimulator({}).ok());
  data.inputs.weights = weights.data();
  EXPECT_EQ(CheckBackend(*FindBackend("ascend-sim"), data, expected), "");
}

TEST(Ascend, ManyCallersAtOnce) {
  const CaseData data = MakeCase({Parse("b1_q70_m2_d16_p3_l8x8,4x4"), Pattern::kUniform});
  std::vector<Results> results(4);
  std::vector<std::thread> threads;
  std::vector<std::string> messages(results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    threads.emplace_back(
        [&, i] { messages[i] = RunBackend(*FindBackend("ascend-sim"), data, {}, &results[i]).message(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(messages[i], "");
    EXPECT_EQ(CompareBits(data, results[0], results[i]), "");
  }
}

}  // namespace
}  // namespace xmsda::testing
