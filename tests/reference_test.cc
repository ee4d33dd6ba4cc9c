// The reference itself: by hand on tiny cases, an independent formula, and finite differences.
// SPDX-License-Identifier: Apache-2.0
#include "reference/reference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "check_all.h"
#include "testing/rng.h"

namespace xmsda::testing {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// f64 arrays of a problem, dense.
struct Doubles {
  explicit Doubles(const Problem& p) : problem(p) {
    const size_t queries = static_cast<size_t>(p.batch * p.num_queries * p.num_heads);
    const size_t samples = queries * static_cast<size_t>(p.SamplesPerQuery());
    value.resize(static_cast<size_t>(p.batch * p.value_size * p.num_heads * p.channels));
    locations.resize(2 * samples);
    weights.resize(samples);
    grad_output.resize(queries * static_cast<size_t>(p.channels));
    output.resize(grad_output.size());
    grad_value.resize(value.size());
    grad_locations.resize(locations.size());
    grad_weights.resize(weights.size());
  }

  Inputs AsInputs() const {
    return {value.data(),
            locations.data(),
            weights.data(),
            DenseStrides(problem),
            DenseLocationStrides(problem),
            DenseWeightStrides(problem)};
  }
  void Forward() {
    const Status status = ReferenceForward(problem, AsInputs(), output.data(), SerialExecutor());
    ASSERT_TRUE(status.ok()) << status.message();
  }
  void Backward() {
    const Gradients gradients{grad_value.data(), grad_locations.data(), grad_weights.data(), DenseStrides(problem)};
    const Status status = ReferenceBackward(problem, AsInputs(), grad_output.data(), gradients, SerialExecutor());
    ASSERT_TRUE(status.ok()) << status.message();
  }
  // The scalar whose gradients Backward gives.
  double Loss() {
    Forward();
    double loss = 0;
    for (size_t i = 0; i < output.size(); ++i) loss += output[i] * grad_output[i];
    return loss;
  }

  Problem problem;
  std::vector<double> value, locations, weights, grad_output;
  std::vector<double> output, grad_value, grad_locations, grad_weights;
};

void FillRandom(Doubles* d, uint64_t seed) {
  const Stream stream(seed, 0);
  int64_t i = 0;
  for (double& v : d->value) v = stream.Normal(i++);
  for (double& v : d->weights) v = stream.Uniform(i++, -0.5, 1);
  for (double& v : d->locations) v = stream.Uniform(i++, -0.3, 1.3);
  for (double& v : d->grad_output) v = stream.Normal(i++);
}

// A level of 2x3 whose pixels are 1..6, sampled at one place with weight 2.
double SampleOne(double u, double v, const char* options = "") {
  Doubles d(Parse(std::string("f64_l2x3") + options));
  d.value = {1, 2, 3, 4, 5, 6};
  d.locations = {u, v};
  d.weights = {2};
  d.Forward();
  return d.output[0];
}

TEST(Reference, ByHand) {
  EXPECT_DOUBLE_EQ(SampleOne(0.5 / 3, 0.25), 2 * 1);       // centre of pixel (0, 0)
  EXPECT_DOUBLE_EQ(SampleOne(2.5 / 3, 0.75), 2 * 6);       // centre of the last pixel
  EXPECT_DOUBLE_EQ(SampleOne(0.5, 0.5), 2 * 3.5);          // the middle: (2 + 5) / 2
  EXPECT_DOUBLE_EQ(SampleOne(1.0 / 3, 0.25), 2 * 1.5);     // between the first two
  EXPECT_DOUBLE_EQ(SampleOne(0, 0.25), 2 * 0.5);           // half of pixel 1, half outside
  EXPECT_DOUBLE_EQ(SampleOne(0, 0), 2 * 0.25);             // a quarter of the corner
  EXPECT_DOUBLE_EQ(SampleOne(1, 1), 2 * 1.5);              // a quarter of 6
  EXPECT_DOUBLE_EQ(SampleOne(-0.5 / 3, 0.25), 0);          // x = -1: outside
  EXPECT_DOUBLE_EQ(SampleOne(3.5 / 3, 0.25), 0);           // x = 3: outside
  EXPECT_NEAR(SampleOne(-0.4 / 3, 0.25), 2 * 0.1, 1e-15);  // x = -0.9
  for (const double odd : {kNaN, kInf, -kInf, 1e30, -1e30, 1e308}) {
    EXPECT_EQ(SampleOne(odd, 0.25), 0);
    EXPECT_EQ(SampleOne(0.5, odd), 0);
  }
}

// The nearest pixel, each axis clamped to the level.
TEST(Reference, DiscreteByHand) {
  EXPECT_EQ(SampleOne(0, 0, "_discrete"), 2 * 1);
  EXPECT_EQ(SampleOne(0.5 / 3, 0, "_discrete"), 2 * 2);  // trunc(0.5 + 0.5) = 1
  EXPECT_EQ(SampleOne(0.49 / 3, 0, "_discrete"), 2 * 1);
  EXPECT_EQ(SampleOne(1, 0, "_discrete"), 2 * 3);  // column 3 becomes 2
  EXPECT_EQ(SampleOne(1, 1, "_discrete"), 2 * 6);
  EXPECT_EQ(SampleOne(-7, 9, "_discrete"), 2 * 4);
  EXPECT_EQ(SampleOne(1e30, -1e30, "_discrete"), 2 * 3);
  EXPECT_EQ(SampleOne(-1e308, 1e308, "_discrete"), 2 * 4);  // finite, although the pixel coordinate is not
  for (const double odd : {kNaN, kInf, -kInf}) {
    EXPECT_EQ(SampleOne(odd, 0, "_discrete"), 0);
    EXPECT_EQ(SampleOne(0, odd, "_discrete"), 0);
  }
}

// The definition as a sum over all pixels with hat functions: no floor, no neighbours, no borders to get wrong.
TEST(Reference, EqualsTheSumOverAllPixels) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Doubles d(Parse("b2_q5_m3_d2_p2,3,1_f64_l3x5,1x4,2x2"));
    FillRandom(&d, seed);
    d.Forward();
    const Problem& p = d.problem;
    size_t at = 0;
    for (int64_t bqm = 0; bqm < p.batch * p.num_queries * p.num_heads; ++bqm) {
      const int64_t b = bqm / (p.num_queries * p.num_heads);
      const int64_t m = bqm % p.num_heads;
      for (int64_t channel = 0; channel < p.channels; ++channel, ++at) {
        double sum = 0;
        int64_t k = bqm * p.SamplesPerQuery();
        for (const Level& level : p.levels) {
          for (int64_t point = 0; point < level.points; ++point, ++k) {
            const size_t sample = static_cast<size_t>(k);
            const double x = d.locations[2 * sample] * static_cast<double>(level.width) - 0.5;
            const double y = d.locations[2 * sample + 1] * static_cast<double>(level.height) - 0.5;
            for (int64_t pixel = 0; pixel < level.height * level.width; ++pixel) {
              const double hat_x = std::max(0.0, 1 - std::abs(x - static_cast<double>(pixel % level.width)));
              const double hat_y = std::max(0.0, 1 - std::abs(y - static_cast<double>(pixel / level.width)));
              const int64_t index = ((b * p.value_size + level.start + pixel) * p.num_heads + m) * p.channels + channel;
              sum += d.weights[sample] * hat_x * hat_y * d.value[static_cast<size_t>(index)];
            }
          }
        }
        EXPECT_NEAR(d.output[at], sum, 1e-13);
      }
    }
  }
}

// Distance in pixels of the nearest integer coordinate, where the derivative jumps.
double DistanceToKink(double location, int64_t side) {
  const double x = location * static_cast<double>(side) - 0.5;
  return std::abs(x - std::round(x));
}

void ExpectFiniteDifferences(Doubles* d, std::vector<double>* parameters, const std::vector<double>& gradient,
                             double step) {
  for (size_t i = 0; i < parameters->size(); ++i) {
    const double saved = (*parameters)[i];
    (*parameters)[i] = saved + step;
    const double above = d->Loss();
    (*parameters)[i] = saved - step;
    const double below = d->Loss();
    (*parameters)[i] = saved;
    EXPECT_NEAR(gradient[i], (above - below) / (2 * step), 1e-7 * (1 + std::abs(gradient[i]))) << i;
  }
}

// Within a cell the output is linear in each single argument, so central differences have no truncation error.
TEST(Reference, GradientsEqualFiniteDifferences) {
  for (const char* text :
       {"b2_q3_m2_d3_p2_f64_l3x4,2x5", "q4_d2_p1,3_f64_l4x3@2,2x2@0_s15", "q5_m2_d1_p2_f64_l1x1,1x3"}) {
    Doubles d(Parse(text));
    FillRandom(&d, 11);
    size_t k = 0;
    for (int64_t row = 0; row < d.problem.batch * d.problem.num_queries * d.problem.num_heads; ++row) {
      for (const Level& level : d.problem.levels) {
        for (int64_t point = 0; point < level.points; ++point, ++k) {
          while (DistanceToKink(d.locations[2 * k], level.width) < 0.01) d.locations[2 * k] += 0.003;
          while (DistanceToKink(d.locations[2 * k + 1], level.height) < 0.01) d.locations[2 * k + 1] += 0.003;
        }
      }
    }
    d.Backward();
    ExpectFiniteDifferences(&d, &d.value, d.grad_value, 0.5);
    ExpectFiniteDifferences(&d, &d.weights, d.grad_weights, 0.5);
    ExpectFiniteDifferences(&d, &d.locations, d.grad_locations, 1e-4);
  }
}

TEST(Reference, DiscreteGradients) {
  Doubles d(Parse("b2_q6_m2_d3_p2_f64_l3x4,5x5_discrete"));
  FillRandom(&d, 3);
  d.Backward();
  ExpectFiniteDifferences(&d, &d.value, d.grad_value, 0.5);
  ExpectFiniteDifferences(&d, &d.weights, d.grad_weights, 0.5);
  for (const double g : d.grad_locations) EXPECT_EQ(g, 0);
}

// On a pixel centre: the slope to the right and down, as in the original operator.
TEST(Reference, GradientOnAPixelCentreIsThatOfTheNextCell) {
  Doubles d(Parse("f64_l2x4"));
  d.value = {1, 10, 100, 1000, 3, 30, 300, 3000};
  d.weights = {1};
  d.grad_output = {1};
  d.locations = {1.5 / 4, 0.25};  // pixel (0, 1)
  d.Backward();
  EXPECT_DOUBLE_EQ(d.grad_locations[0], 4 * (100 - 10));
  EXPECT_DOUBLE_EQ(d.grad_locations[1], 2 * (30 - 10));
  d.locations = {3.5 / 4, 0.75};  // the last pixel: beyond it are zeros
  d.Backward();
  EXPECT_DOUBLE_EQ(d.grad_locations[0], 4 * (0 - 3000));
  EXPECT_DOUBLE_EQ(d.grad_locations[1], 2 * (0 - 3000));
}

TEST(Reference, LocationsThatAreNotFiniteGetZeroGradient) {
  for (const double odd : {kNaN, kInf, -kInf, 1e30}) {
    Doubles d(Parse("d2_f64_l2x2"));
    d.value = {1, 2, 3, 4, 5, 6, 7, 8};
    d.weights = {1};
    d.grad_output = {1, 1};
    d.locations = {odd, 0.5};
    d.Backward();
    EXPECT_EQ(d.grad_locations, (std::vector<double>{0, 0}));
    EXPECT_EQ(d.grad_weights, (std::vector<double>{0}));
    EXPECT_EQ(d.grad_value, std::vector<double>(8, 0.0));
  }
}

// As torch's grid_sample: a neighbour inside the level counts even with coefficient 0, one that is not sampled does
// not.
TEST(Reference, NaNPropagatesFromSampledPixelsOnly) {
  Doubles d(Parse("f64_l1x4"));
  d.weights = {1};
  d.locations = {0.5 / 4, 0.5};  // centre of pixel 0: its neighbour at coefficient 0 is pixel 1
  d.value = {1, 2, kNaN, kNaN};
  d.Forward();
  EXPECT_EQ(d.output[0], 1);
  d.value = {1, kNaN, 2, 3};
  d.Forward();
  EXPECT_TRUE(std::isnan(d.output[0]));
  d.locations = {2.5 / 4, 0.5};  // pixels 2 and 3
  d.Forward();
  EXPECT_EQ(d.output[0], 2);
  d.value = {kNaN, kNaN, kNaN, kInf};
  d.locations = {4.0 / 4, 0.5};  // half of pixel 3, half outside
  d.Forward();
  EXPECT_EQ(d.output[0], kInf);
}

TEST(Reference, LevelsMayOverlapOrBePermuted) {
  // The same pixels through two levels: twice the output, and the gradients add up.
  Doubles once(Parse("f64_p1_l2x2"));
  Doubles twice(Parse("f64_p1_l2x2,2x2@0"));
  once.value = twice.value = {1, 2, 3, 5};
  once.locations = {0.4, 0.6};
  twice.locations = {0.4, 0.6, 0.4, 0.6};
  once.weights = {0.5};
  twice.weights = {0.5, 0.5};
  once.grad_output = twice.grad_output = {3};
  once.Forward();
  twice.Forward();
  EXPECT_DOUBLE_EQ(twice.output[0], 2 * once.output[0]);
  once.Backward();
  twice.Backward();
  for (size_t i = 0; i < 4; ++i) EXPECT_DOUBLE_EQ(twice.grad_value[i], 2 * once.grad_value[i]);

  // Levels in the other order in memory.
  Doubles straight(Parse("f64_p1_l1x2,2x2"));
  Doubles permuted(Parse("f64_p1_l1x2@4,2x2@0_s6"));
  straight.value = {10, 20, 1, 2, 3, 4};
  permuted.value = {1, 2, 3, 4, 10, 20};
  straight.locations = permuted.locations = {0.3, 0.5, 0.6, 0.7};
  straight.weights = permuted.weights = {0.25, 0.75};
  straight.Forward();
  permuted.Forward();
  EXPECT_EQ(straight.output, permuted.output);
}

// The reference's own rounding, dtypes and strides, judged like any backend by its run in double.
TEST(Reference, IsABackendLikeTheOthers) {
  ASSERT_EQ(Backends().front().name, "reference");
  for (const char* type : kTypes) {
    for (const Layout layout : kLayouts) {
      const Case test_case{Parse(std::string("b2_q7_m3_d5_p2_l4x6,2x3_") + type), Pattern::kUniform, layout, 3};
      const CaseData data = MakeCase(test_case);
      EXPECT_EQ(CheckBackend(Backends().front(), data, ComputeExpected(data, SerialExecutor())), "");
    }
  }
}

}  // namespace
}  // namespace xmsda::testing
