// Every backend against the reference: bit for bit on exact inputs, within the derived bound on others.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "check_all.h"
#include "core/dtype.h"
#include "testing/rng.h"

namespace xmsda::testing {
namespace {

void CheckPatterns(std::string_view problem, std::initializer_list<Pattern> patterns, Layout layout = Layout::kBSMD) {
  uint64_t seed = 1;
  for (const Pattern pattern : patterns) CheckAll({Parse(problem), pattern, layout, seed++});
}

TEST(Conformance, TypesLayoutsPatterns) {
  uint64_t seed = 1;
  for (const char* type : kTypes) {
    for (const char* sampling : {"", "_discrete"}) {
      const Problem problem = Parse(std::string("b2_q13_m3_d19_p2_l8x4,4x8,1x2_") + type + sampling);
      for (const Layout layout : kLayouts) {
        for (const Pattern pattern : kPatterns) CheckAll({problem, pattern, layout, seed++});
      }
    }
  }
}

// Each rule of a fused problem, of few samples (several queries or heads a vector) and many, with every type.
TEST(Conformance, Fused) {
  uint64_t seed = 1;
  for (const char* type : kTypes) {
    for (const char* references :
         {"fused2", "fused2l", "fused4", "fused4l_o0.25", "fused2z2", "fused2lz3", "fused4_discrete"}) {
      for (const char* sizes :
           {"b2_q13_m3_d19_p2_l8x4,4x8", "b1_q9_m2_d32_p4_l8x4,4x8,2x2,4x1", "b2_q5_m9_d8_p1_l4x4"}) {
        const Problem problem = Parse(std::string(sizes) + "_" + type + "_" + references);
        const Layout layout = kLayouts[seed % std::size(kLayouts)];
        for (const Pattern pattern : kPatterns) CheckAll({problem, pattern, layout, seed++});
      }
    }
  }
}

// K of one to three vectors and a tail; points that differ by level.
TEST(Conformance, FusedSamples) {
  for (int points = 1; points <= 35; ++points) {
    const std::string p = "_p" + std::to_string(points);
    const Pattern pattern = points % 3 == 0 ? Pattern::kNasty : Pattern::kUniform;
    CheckPatterns("b1_q6_m2_d16" + p + "_l7x8_fused2", {pattern});
    CheckPatterns("b1_q6_m2_d16" + p + "_l7x8_f64_fused4l", {pattern});
    CheckPatterns("b1_q5_m3_d5" + p + ",0,2_l8x8,4x4,2x2_bf16_fused4l", {pattern});
  }
  CheckPatterns("b1_q6_m2_d8_p4,2,2_l8x8,4x4,2x2_fused2l", {Pattern::kExact, Pattern::kLocal});
  CheckPatterns("b1_q6200_m1_d8_p4_l8x8,4x4_fused4l", {Pattern::kExact, Pattern::kLocal});
  for (const char* sizes : {"b0_q3_m2_d4_p2_l4x4", "b2_q3_m0_d4_p2_l4x4", "b2_q3_m2_d0_p2_l4x4", "b2_q3_m2_d4_p0_l4x4",
                            "b2_q0_m2_d4_p2_l4x4", "b2_q3_m2_d4_l"}) {
    CheckPatterns(std::string(sizes) + "_fused2l", {Pattern::kExact, Pattern::kUniform});
  }
}

TEST(Conformance, BorderAndAlignedCorners) {
  uint64_t seed = 1;
  for (const char* type : kTypes) {
    for (const char* rule : {"border", "align", "border_align", "border_fused2l", "border_align_fused4"}) {
      for (const char* sizes : {"b2_q13_m3_d19_p4_l8x4,4x8_", "b1_q20_m1_d16_p3_l9x5,1x3,1x1_"}) {
        const Problem problem = Parse(std::string(sizes) + type + "_" + rule);
        const Layout layout = kLayouts[seed % std::size(kLayouts)];
        for (const Pattern pattern : kPatterns) {
          Case test_case{problem, pattern, layout, seed++};
          if (ValidateCase(test_case).ok()) CheckAll(test_case);
        }
      }
      // Sides less one are powers of two: exact with aligned corners.
      if (std::string_view(rule).ends_with("align")) {
        CheckPatterns(std::string("b2_q13_m3_d19_p4_l9x5,2x3_") + type + "_" + rule, {Pattern::kExact});
      }
    }
  }
}

// Around every vector length, its halves and multiples.
TEST(Conformance, Channels) {
  for (int channels = 1; channels <= 130; ++channels) {
    const std::string sizes = "b1_q5_m2_d" + std::to_string(channels) + "_p2_l4x4,2x8_";
    CheckPatterns(sizes + "f32", {Pattern::kExact, Pattern::kUniform});
    CheckPatterns(sizes + kTypes[1 + channels % 5], {Pattern::kExact, Pattern::kNasty},
                  channels % 3 == 0 ? Layout::kBMSD : Layout::kBSMD);
  }
}

TEST(Conformance, ManyChannels) {
  for (const char* type : kTypes) {
    for (const int channels : {147, 256, 1025}) {
      CheckPatterns("b1_q3_m2_d" + std::to_string(channels) + "_p2_l4x4,2x8_" + type,
                    {Pattern::kExact, Pattern::kUniform});
    }
  }
}

TEST(Conformance, PointsAndLevels) {
  for (int points = 1; points <= 21; ++points) {
    const std::string p = "_p" + std::to_string(points);
    CheckPatterns("b1_q6_m2_d16" + p + "_l8x8", {Pattern::kExact, Pattern::kUniform});
    CheckPatterns("b1_q9_m1_d5" + p + "_l8x8,4x4,2x2", {Pattern::kExact, Pattern::kNasty});
  }
  std::string levels = "1x1";
  for (int count = 1; count <= 8; ++count) {
    CheckPatterns("b1_q7_m2_d12_p3_l" + levels, {Pattern::kExact, Pattern::kLocal});
    levels.append(",").append(std::to_string(1 << (count % 4))).append("x").append(std::to_string(1 << (count % 3)));
  }
}

// Few heads and levels, many queries: the backward pass cuts the queries into groups and, where these do not fill the
// workers (seed 1: two, seed 2: three), gives every level its own task; pixels of no level get a gradient of zero.
TEST(Conformance, GroupsOfQueries) {
  CheckPatterns("b1_q6200_m1_d32_p4_f32_l8x8,4x4,2x2_s100", {Pattern::kExact, Pattern::kUniform});
  for (const char* type : {"f32", "f64", "bf16"}) {
    CheckPatterns(std::string("b1_q6200_m1_d7_p2_l8x8@3,4x4@90,2x2@150_s200_") + type,
                  {Pattern::kExact, Pattern::kUniform});
    CheckPatterns(std::string("b1_q6200_m2_d8_p1_l8x8,8x8@0_") + type, {Pattern::kExact, Pattern::kUniform});
  }
}

TEST(Conformance, PointsDifferByLevel) {
  for (const char* type : kTypes) {
    CheckPatterns(std::string("b2_q11_m2_d32_p3,6,3_l8x8,4x4,2x2_") + type, {Pattern::kExact, Pattern::kUniform});
    CheckPatterns(std::string("b1_q4_m3_d7_p0,5,1,0_l8x8,4x4,2x2,1x1_") + type, {Pattern::kExact, Pattern::kNasty});
  }
}

TEST(Conformance, ZeroSizes) {
  for (const char* type : kTypes) {
    for (const char* sizes : {"b0_q3_m2_d4_p2_l4x4", "b2_q0_m2_d4_p2_l4x4", "b2_q3_m0_d4_p2_l4x4",
                              "b2_q3_m2_d0_p2_l4x4", "b2_q3_m2_d4_p0_l4x4", "b2_q3_m2_d4_l", "b2_q3_m2_d4_l_s5",
                              "b0_q0_m0_d0_l", "b2_q3_m2_d4_p0,0_l4x4,2x2_s40"}) {
      SCOPED_TRACE(sizes);
      CheckPatterns(std::string(sizes) + "_" + type, {Pattern::kExact, Pattern::kUniform});
    }
  }
}

TEST(Conformance, ThinLevels) {
  for (const char* levels : {"1x1", "1x64", "64x1", "1x1,1x16,16x1,2x1", "2x2", "1x2,1x2"}) {
    for (const char* sampling : {"", "_discrete"}) {
      CheckPatterns(std::string("b1_q40_m2_d20_p4_l") + levels + sampling,
                    {Pattern::kExact, Pattern::kNasty, Pattern::kUniform, Pattern::kOutside});
    }
  }
}

// So wide that float coordinates are no longer sure of the pixel: the bound must cover it and indices must stay inside.
TEST(Conformance, WideLevels) {
  for (const char* levels : {"1x300000", "200000x1_discrete"}) {
    CheckPatterns(std::string("b1_q40_m1_d2_p2_l") + levels, {Pattern::kUniform, Pattern::kNasty});
  }
}

TEST(Conformance, PermutedOverlappingAndUnusedPixels) {
  for (const char* levels :
       {"8x8@16,4x4@0_s80", "2x2@80,8x8@16,4x4@0_s84", "8x8@0,8x8@0", "8x8@3,4x4@20,4x4@28_s100", "4x4@1_s18"}) {
    for (const char* sizes : {"b2_q9_m2_d16_p2_l", "b1_q1500_m1_d8_p1_l"}) {
      CheckPatterns(std::string(sizes) + levels, {Pattern::kExact, Pattern::kNasty, Pattern::kUniform});
    }
  }
}

// Queries enough for whatever a kernel does differently when there are many, and around likely block sizes.
TEST(Conformance, ManyQueries) {
  for (const char* queries : {"1", "7", "8", "9", "63", "65", "299", "513", "901"}) {
    CheckPatterns(std::string("b1_m2_d8_p2_l16x16,8x8_q") + queries, {Pattern::kExact, Pattern::kLocal});
  }
  CheckPatterns("b1_q12001_m1_d4_p2_l32x32,16x16", {Pattern::kExact, Pattern::kLocal, Pattern::kHot});
  CheckPatterns("b1_q3000_m2_d32_p4_bf16_locf32_l32x32,16x16", {Pattern::kExact, Pattern::kOutside});
  CheckPatterns("b3_q1100_m1_d33_p2_f64_l16x16", {Pattern::kExact, Pattern::kNasty}, Layout::kBMDS);
}

double LoadValue(const CaseData& data, int64_t index) {
  return LoadElement(data.test_case.problem.value_dtype, data.value.data(), index);
}

int64_t NumElements(const Buffer& buffer, DType dtype) {
  return static_cast<int64_t>(buffer.size() / DTypeSize(dtype));
}

// About one element in `one_in` of an array becomes NaN, +infinity or -infinity.
void Poison(const Buffer& buffer, DType dtype, uint64_t seed, int64_t one_in) {
  constexpr double kPoison[] = {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                                -std::numeric_limits<double>::infinity()};
  const Stream stream(seed, 77);
  for (int64_t i = 0; i < NumElements(buffer, dtype); ++i) {
    if (stream.Integer(i, 1, one_in) == 1) StoreElement(dtype, buffer.data(), i, kPoison[stream.Bits(i) / 7 % 3]);
  }
}

// NaN and infinity must reach exactly what they reach in the reference: sampled pixels propagate even at weight 0,
// others never leak.
TEST(Conformance, NotFiniteInputs) {
  for (const char* type : kTypes) {
    for (const char* sizes :
         {"b2_q17_m2_d9_p2_l8x8,4x4_", "b1_q1300_m2_d16_p1_l16x16_", "b1_q17_m2_d9_p2_l8x8,4x4_discrete_",
          "b1_q17_m2_d9_p2_l8x8,4x4_border_", "b1_q17_m2_d9_p2_l8x8,4x4_fused2_", "b1_q17_m2_d9_p4_l8x8,4x4_fused4l_",
          "b1_q17_m2_d9_p4_l8x8,4x4_discrete_fused4_"}) {
      const Problem problem = Parse(std::string(sizes) + type);
      for (uint64_t seed = 1; seed <= 3; ++seed) {
        // One logit of -infinity, and a softmax of equal logits is not exact any more.
        const Pattern pattern = problem.IsFused() ? Pattern::kUniform : Pattern::kExact;
        const Case test_case{problem, pattern, seed == 2 ? Layout::kBMDS : Layout::kBSMD, seed};
        SCOPED_TRACE(ToString(problem));
        CheckAll(test_case, [&](CaseData* d) { Poison(d->value, problem.value_dtype, seed, 200); });
        CheckAll(test_case, [&](CaseData* d) { Poison(d->weights, problem.location_dtype, seed, 30); });
        CheckAll(test_case, [&](CaseData* d) { Poison(d->locations, problem.location_dtype, seed, 30); });
        CheckAll(test_case, [&](CaseData* d) { Poison(d->grad_output, problem.value_dtype, seed, 200); });
        CheckAll(test_case, [&](CaseData* d) { Poison(d->references, problem.reference_dtype(), seed, 10); });
      }
    }
  }
}

// Every pixel that no sample touches is NaN, and nothing of it may show.
TEST(Conformance, UnsampledPixelsDoNotLeak) {
  const Problem problem = Parse("b1_q6_m1_d16_p2_l16x16");
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    CheckAll({problem, Pattern::kExact, Layout::kBSMD, seed}, [&](CaseData* data) {
      std::vector<bool> sampled(static_cast<size_t>(problem.value_size), false);
      const float* locations = reinterpret_cast<const float*>(data->locations.data());
      for (int64_t sample = 0; sample < 12; ++sample) {
        const double x = static_cast<double>(locations[2 * sample]) * 16 - 0.5;
        const double y = static_cast<double>(locations[2 * sample + 1]) * 16 - 0.5;
        if (!(x > -1 && x < 16 && y > -1 && y < 16)) continue;
        for (int64_t i = 0; i < 4; ++i) {
          const int64_t column = static_cast<int64_t>(std::floor(x)) + i % 2;
          const int64_t row = static_cast<int64_t>(std::floor(y)) + i / 2;
          if (column < 0 || column > 15 || row < 0 || row > 15) continue;
          sampled[static_cast<size_t>(row * 16 + column)] = true;
        }
      }
      float* value = reinterpret_cast<float*>(data->value.data());
      for (int64_t i = 0; i < problem.value_size * 16; ++i) {
        if (!sampled[static_cast<size_t>(i / 16)]) value[i] = std::numeric_limits<float>::quiet_NaN();
      }
      const Expected expected = ComputeExpected(*data, SerialExecutor());
      for (const double output : expected.output.value) ASSERT_TRUE(std::isfinite(output));
    });
  }
}

TEST(Conformance, Subnormals) {
  for (const char* type : kTypes) {
    const Problem problem = Parse(std::string("b1_q9_m2_d21_p2_l8x8,3x5_") + type);
    const double scale = problem.value_dtype == DType::kF64   ? 0x1p-1060
                         : problem.value_dtype == DType::kF16 ? 0x1p-18
                                                              : 0x1p-132;
    const auto shrink = [&](const Buffer& buffer, DType dtype) {
      for (int64_t i = 0; i < NumElements(buffer, dtype); ++i) {
        StoreElement(dtype, buffer.data(), i, LoadElement(dtype, buffer.data(), i) * scale);
      }
    };
    CheckAll({problem}, [&](CaseData* data) {
      shrink(data->value, problem.value_dtype);
      ASSERT_NE(LoadValue(*data, 0), 0);
    });
    CheckAll({problem}, [&](CaseData* data) { shrink(data->grad_output, problem.value_dtype); });
    if (problem.location_dtype == problem.value_dtype) {
      CheckAll({problem}, [&](CaseData* data) { shrink(data->weights, problem.location_dtype); });
    }
  }
}

// Sums beyond the largest half-precision number must become infinity, not wrap.
TEST(Conformance, HalfPrecisionOverflow) {
  for (const char* type : {"f16", "f16_locf32", "bf16"}) {
    const Problem problem = Parse(std::string("b1_q30_m2_d17_p4_l4x4_") + type);
    CheckAll({problem}, [&](CaseData* data) {
      const double scale = problem.value_dtype == DType::kF16 ? 40000 : 0x1.8p126;
      for (int64_t i = 0; i < NumElements(data->value, problem.value_dtype); ++i) {
        StoreElement(problem.value_dtype, data->value.data(), i, scale);
      }
      for (int64_t i = 0; i < NumElements(data->weights, problem.location_dtype); ++i) {
        StoreElement(problem.location_dtype, data->weights.data(), i, i % 3 == 0 ? 0.75 : 0.25);
      }
      // Gradients of that size would overflow float in some orders of summation and not in others.
      for (int64_t i = 0; i < NumElements(data->grad_output, problem.value_dtype); ++i) {
        StoreElement(problem.value_dtype, data->grad_output.data(), i, 0x1p-10);
      }
    });
  }
}

}  // namespace
}  // namespace xmsda::testing
