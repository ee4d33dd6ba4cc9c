// The derived error bound of every output element.
// SPDX-License-Identifier: Apache-2.0
//
// Model of a kernel: arithmetic with unit roundoff u (2^-24, or 2^-53 for f64), any order of sums, fused or not,
// gradual underflow; inputs are read exactly. The reference computes in double: 2^-53 is added to u for its own error.
//
// coordinate: x = u*W - 0.5 is off by at most e = u*(|u*W| + |x|): one rounding of the product, one of the difference.
//
// hat: pixel i counts with hat(x - i) = max(0, 1 - |x - i|). It is 1-Lipschitz, so e in x gives e; computing the
// fraction and one minus it rounds twice more: e + 2u.
//
// slope: d hat / dx jumps where x is an integer. Within e of one, either side's slope may be used.
//
// window: all pixels whose hat or slope is not zero somewhere in [x - e, x + e] take part.
//
// sums: a sum of n products is off by at most gamma(n) * sum |products|, gamma(n) = n*u / (1 - n*u).
//
// f16 weights: a backend that says so (Arithmetic::f16_weights) rounds the weight of each corner, attention weight
// times two hats, to f16: off by at most 2^-11 of itself, or by half of f16's least subnormal, 2^-25. That error meets
// the pixel and the roundings of the sum as the weight itself does. Apart from `bound`, which others must keep without
// it.
//
// fused: step and product of an offset and the sum with its reference are three roundings of the product and one of the
// sum; they add to e as W times that. A weight is exp(t) / sum, t = logit - largest: off by u|t| for t, 4u for exp
// (Highway's is within one unit in the last place), the mean of these and gamma(K) for the sum, 2u for the quotient
// and the product; below the least normal number by no more than that. What follows from the weights' error w' is
// w' times the other factor. The gradient of a logit is w (g - sum w g), that of a reference a sum over heads and
// points.
//
// border, align_corners: a clamped coordinate is 1-Lipschitz too; its slope jumps to 0 at the outermost centres.
//
// underflow: each product loses at most half the least subnormal, `tiny`, whatever its size.
#include "testing/bounds.h"

#include <algorithm>
#include <cmath>

#include "reference/fused.h"
#include "reference/sample.h"

namespace xmsda::testing {
namespace {

struct Arithmetic {
  double unit;    // u above
  double tiny;    // least subnormal
  double normal;  // least normal number

  double Gamma(double n) const { return n * unit / (1 - n * unit); }
};

Arithmetic ArithmeticOf(DType dtype) {
  if (dtype == DType::kF64) return {0x1p-52, 0x1p-1074, 0x1p-1022};
  return {0x1p-24 + 0x1p-53, 0x1p-149, 0x1p-126};
}

// One pixel of the window on one axis.
struct AxisPixel {
  int64_t index;
  double hat, hat_error;
  double slope, slope_error;  // by x, in pixels
};

// At an integer x the slope is that of the cell [x, x + 1).
double Slope(double x, double i) {
  if (x >= i - 1 && x < i) return 1;
  return x >= i && x < i + 1 ? -1 : 0;
}

// e above. Each term on its own: the sum of two locations near the end of double's range would be infinite.
double CoordinateError(const Arithmetic& arithmetic, double scaled, double x) {
  return arithmetic.unit * std::abs(scaled) + arithmetic.unit * std::abs(x);
}

// `error` is that of u itself.
void BilinearAxis(const Problem& problem, const Arithmetic& arithmetic, double u, double error, int64_t size,
                  std::vector<AxisPixel>* window) {
  window->clear();
  const AxisRule rule(problem.align_corners, size);
  const double x = u * rule.scale - rule.shift;
  double e = CoordinateError(arithmetic, u * rule.scale, x) + error * rule.scale * (1 + 2 * arithmetic.unit);
  const bool border = problem.padding == Padding::kBorder;
  const auto clamp = [&](double t) { return border ? std::clamp(t, 0.0, rule.last) : t; };
  if (border && !std::isfinite(x)) e = 0;  // a finite location that overflowed, far outside for sure
  if (std::isnan(x) || (!border && !(x + e > -1 && x - e < rule.last + 1))) return;
  // Of a fused location e may be as large as its reference.
  const auto first = static_cast<int64_t>(std::clamp(std::floor(x - e), 0.0, rule.last));
  const auto last = static_cast<int64_t>(std::clamp(std::floor(clamp(x + e)) + 1, 0.0, rule.last));
  const auto slope_at = [&](double t, double centre) {
    return border && !(t > 0 && t < rule.last) ? 0 : Slope(t, centre);
  };
  // Far outside a border nothing is left of an e as large as a double can be; a hat is never off by more than 1.
  const double off = border ? std::max(clamp(x + e) - clamp(x), clamp(x) - clamp(x - e)) : std::min(e, 1.0);
  for (int64_t i = first; i <= last; ++i) {
    const double centre = static_cast<double>(i);
    const double slope = slope_at(x, centre);
    const double slope_error =
        e > 0.25 ? 2 : std::max(std::abs(slope_at(x - e, centre) - slope), std::abs(slope_at(x + e, centre) - slope));
    window->push_back(
        {i, std::max(0.0, 1 - std::abs(clamp(x) - centre)), off + 2 * arithmetic.unit, slope, slope_error});
  }
}

// Pixels that u*n + 0.5 may be truncated to, with the same model of the coordinate's error.
void DiscreteAxis(const Arithmetic& arithmetic, double u, double error, int64_t size, std::vector<AxisPixel>* window) {
  window->clear();
  if (!std::isfinite(u)) return;
  const double limit = static_cast<double>(size - 1);
  const double x = u * static_cast<double>(size) + 0.5;
  // A finite location may still overflow here; it is then far outside, and certain.
  const double n = static_cast<double>(size);
  const double e = std::isfinite(x) ? CoordinateError(arithmetic, u * n, x) + error * n * (1 + 2 * arithmetic.unit) : 0;
  const auto pixel = [&](double t) { return static_cast<int64_t>(std::clamp(std::trunc(t), 0.0, limit)); };
  const int64_t first = pixel(x - e);
  const int64_t last = pixel(x + e);
  for (int64_t i = first; i <= last; ++i) {
    window->push_back({i, i == pixel(x) ? 1.0 : 0.0, first == last ? 0.0 : 1.0, 0, 0});
  }
}

// A pixel of the window of a sample; errors are absolute.
struct WindowPixel {
  int64_t pixel;
  double coefficient, coefficient_error;
  double du, du_error;  // d coefficient / du
  double dv, dv_error;
};

class Windows {
 public:
  Windows(const Problem& problem, const Arithmetic& arithmetic) : problem_(problem), arithmetic_(arithmetic) {}

  // `errors`: of u and v, or null.
  const std::vector<WindowPixel>& Of(const Level& level, double u, double v, const double* errors) {
    const double eu = errors == nullptr ? 0 : errors[0];
    const double ev = errors == nullptr ? 0 : errors[1];
    if (problem_.sampling == Sampling::kDiscrete) {
      DiscreteAxis(arithmetic_, u, eu, level.width, &columns_);
      DiscreteAxis(arithmetic_, v, ev, level.height, &rows_);
      if (!std::isfinite(u)) rows_.clear();
    } else {
      BilinearAxis(problem_, arithmetic_, u, eu, level.width, &columns_);
      BilinearAxis(problem_, arithmetic_, v, ev, level.height, &rows_);
    }
    window_.clear();
    if (problem_.padding == Padding::kBorder && !(std::isfinite(u) && std::isfinite(v))) return window_;
    const double width = AxisRule(problem_.align_corners, level.width).scale;
    const double height = AxisRule(problem_.align_corners, level.height).scale;
    for (const AxisPixel& r : rows_) {
      for (const AxisPixel& c : columns_) {
        // Products of two factors that are both off: |ab - a'b'| <= |a| eb + |b| ea + ea eb.
        window_.push_back(
            {.pixel = level.start + r.index * level.width + c.index,
             .coefficient = c.hat * r.hat,
             .coefficient_error = c.hat * r.hat_error + r.hat * c.hat_error + c.hat_error * r.hat_error,
             .du = width * c.slope * r.hat,
             .du_error = width * (std::abs(c.slope) * r.hat_error + c.slope_error * (r.hat + r.hat_error)),
             .dv = height * r.slope * c.hat,
             .dv_error = height * (std::abs(r.slope) * c.hat_error + r.slope_error * (c.hat + c.hat_error))});
      }
    }
    return window_;
  }

 private:
  const Problem& problem_;
  Arithmetic arithmetic_;
  std::vector<AxisPixel> columns_, rows_;
  std::vector<WindowPixel> window_;
};

// Of a fused problem, for the gradients of locations, from which those of the references are summed.
struct LocationBounds {
  std::vector<double> bound, magnitude;
};

// Bounds of everything that belongs to one batch entry and head.
class HeadBounds {
 public:
  HeadBounds(const Problem& problem, const DoubleInputs& inputs, const FusedErrors& fused, LocationBounds* locations,
             int64_t b, int64_t m, Expected* expected)
      : problem_(problem),
        inputs_(inputs),
        fused_(fused),
        locations_(locations),
        b_(b),
        m_(m),
        expected_(expected),
        arithmetic_(ArithmeticOf(problem.value_dtype)),
        windows_(problem, arithmetic_),
        samples_(problem.SamplesPerQuery()),
        dots_(static_cast<size_t>(samples_), 0.0),
        products_(static_cast<size_t>(problem.value_size * problem.channels), 0.0),
        counts_(static_cast<size_t>(problem.value_size), 0) {}

  void Compute() {
    for (int64_t q = 0; q < problem_.num_queries; ++q) {
      const int64_t row = (b_ * problem_.num_queries + q) * problem_.num_heads + m_;
      int64_t sample = row * samples_;
      for (const Level& level : problem_.levels) {
        for (int64_t point = 0; point < level.points; ++point, ++sample) {
          const size_t location = static_cast<size_t>(2 * sample);
          const double* errors = problem_.IsFused() ? fused_.location.data() + location : nullptr;
          AddSample(windows_.Of(level, inputs_.locations[location], inputs_.locations[location + 1], errors), level,
                    row, static_cast<size_t>(sample));
        }
      }
      if (problem_.IsFused()) FinishFused(static_cast<size_t>(row * samples_));
    }
    FinishGradValue();
  }

 private:
  size_t ValueRow(int64_t pixel) const {
    return static_cast<size_t>(((b_ * problem_.value_size + pixel) * problem_.num_heads + m_) * problem_.channels);
  }

  void AddSample(const std::vector<WindowPixel>& window, const Level& level, int64_t row, size_t sample) {
    const double weight = std::abs(inputs_.weights[sample]);
    const double weight_error = problem_.IsFused() ? fused_.weight[sample] : 0;
    const size_t channels = static_cast<size_t>(problem_.channels);
    const double* grad = inputs_.grad_output.data() + static_cast<size_t>(row) * channels;
    double* output_bound = expected_->output.bound.data() + static_cast<size_t>(row) * channels;
    std::vector<double>& f16_weights = expected_->output.f16_weights_bound;
    double* f16_bound = f16_weights.empty() ? nullptr : f16_weights.data() + static_cast<size_t>(row) * channels;
    // Forward: 4K products are summed, and each coefficient is a product of weight and two hats: 3 roundings more.
    const double forward_gamma = arithmetic_.Gamma(static_cast<double>(4 * samples_ + 3));
    // Dots over D channels, then at most 4 products of up to four factors (weight, side, hat, dot) are summed.
    const double dot_gamma = arithmetic_.Gamma(static_cast<double>(problem_.channels + 12));
    const double side = static_cast<double>(std::max(level.width, level.height));
    double weight_bound = 0;
    double u_bound = 0;
    double v_bound = 0;
    double u_magnitude = 0;
    double v_magnitude = 0;
    double weight_magnitude = 0;
    for (const WindowPixel& p : window) {
      const double coefficient = p.coefficient + p.coefficient_error;
      const double* value = inputs_.value.data() + ValueRow(p.pixel);
      double* value_bound = expected_->grad_value.bound.data() + ValueRow(p.pixel);
      double* products = products_.data() + static_cast<size_t>(p.pixel) * channels;
      counts_[static_cast<size_t>(p.pixel)] += 1;
      // The computed weight is off by 3 roundings before this one.
      const double rounding = 0x1p-11 * weight * coefficient * (1 + arithmetic_.Gamma(3)) + 0x1p-25;
      double dot = 0;
      for (size_t d = 0; d < channels; ++d) {
        const double magnitude = std::abs(value[d]);
        output_bound[d] += weight * (p.coefficient_error + forward_gamma * coefficient) * magnitude;
        output_bound[d] += weight_error * coefficient * (1 + forward_gamma) * magnitude;
        // The coefficient (two products) times the value, and the product itself.
        output_bound[d] += arithmetic_.tiny * (magnitude + 1);
        if (f16_bound != nullptr) f16_bound[d] += rounding * (1 + forward_gamma) * magnitude;
        dot += std::abs(grad[d]) * magnitude;
        value_bound[d] += weight * p.coefficient_error * std::abs(grad[d]) + arithmetic_.tiny * (std::abs(grad[d]) + 1);
        value_bound[d] += weight_error * coefficient * std::abs(grad[d]);
        products[d] += (weight + weight_error) * coefficient * std::abs(grad[d]);
      }
      // A dot loses up to D halves of `tiny`, is scaled by at most weight * side, and at most 4 more products follow.
      const double dot_tiny = arithmetic_.tiny * (static_cast<double>(channels) * (1 + weight) * side + dot + 4);
      weight_bound += (p.coefficient_error + dot_gamma * coefficient) * dot + dot_tiny;
      const double du = std::abs(p.du) + p.du_error;
      const double dv = std::abs(p.dv) + p.dv_error;
      u_bound += (weight * (p.du_error + dot_gamma * du) + weight_error * (1 + dot_gamma) * du) * dot + dot_tiny;
      v_bound += (weight * (p.dv_error + dot_gamma * dv) + weight_error * (1 + dot_gamma) * dv) * dot + dot_tiny;
      u_magnitude += weight * std::abs(p.du) * dot;
      v_magnitude += weight * std::abs(p.dv) * dot;
      weight_magnitude += p.coefficient * dot;
    }
    dots_[sample % dots_.size()] = weight_magnitude;
    expected_->grad_weights.bound[sample] = weight_bound;
    if (problem_.sampling == Sampling::kDiscrete) return;  // locations get exact zeros
    expected_->grad_locations.bound[2 * sample] = u_bound;
    expected_->grad_locations.bound[2 * sample + 1] = v_bound;
    if (!problem_.IsFused()) return;
    locations_->bound[2 * sample] = u_bound;
    locations_->bound[2 * sample + 1] = v_bound;
    locations_->magnitude[2 * sample] = u_magnitude;
    locations_->magnitude[2 * sample + 1] = v_magnitude;
  }

  // From the bounds of weights and locations to those of logits and offsets, of one query's samples from `first` on.
  void FinishFused(size_t first) {
    double mean = 0;        // of magnitudes of the weights' gradients
    double mean_error = 0;  // of the computed sum of w * g
    for (size_t k = 0; k < dots_.size(); ++k) {
      const size_t sample = first + k;
      const double bound = expected_->grad_weights.bound[sample];
      mean += inputs_.weights[sample] * dots_[k];
      mean_error += inputs_.weights[sample] * bound + fused_.weight[sample] * (dots_[k] + bound);
    }
    mean_error += arithmetic_.Gamma(static_cast<double>(samples_ + 2)) * (mean + mean_error) +
                  static_cast<double>(samples_) * arithmetic_.tiny;
    for (size_t k = 0; k < dots_.size(); ++k) {
      const size_t sample = first + k;
      double& bound = expected_->grad_weights.bound[sample];
      const double difference_error = bound + mean_error;
      const double difference = dots_[k] + mean;
      const double weight = inputs_.weights[sample] + fused_.weight[sample];
      bound = weight * difference_error + fused_.weight[sample] * difference +
              arithmetic_.Gamma(2) * weight * (difference + difference_error) + arithmetic_.tiny;
      if (problem_.sampling == Sampling::kDiscrete) continue;
      for (size_t i = 2 * sample; i < 2 * sample + 2; ++i) {
        double& offset_bound = expected_->grad_locations.bound[i];
        const double magnitude = (locations_->magnitude[i] + offset_bound) * std::abs(fused_.step[i]);
        offset_bound = offset_bound * std::abs(fused_.step[i]) + arithmetic_.Gamma(3) * magnitude +
                       arithmetic_.tiny * (2 + std::abs(fused_.step[i]) + locations_->magnitude[i]);
      }
    }
  }

  // As many products as samples reach the pixel; a kernel may add partial sums, at most one per sample.
  void FinishGradValue() {
    for (int64_t pixel = 0; pixel < problem_.value_size; ++pixel) {
      const double count = static_cast<double>(counts_[static_cast<size_t>(pixel)]);
      for (int64_t d = 0; d < problem_.channels; ++d) {
        expected_->grad_value.bound[ValueRow(pixel) + static_cast<size_t>(d)] +=
            arithmetic_.Gamma(2 * count + 3) * products_[static_cast<size_t>(pixel * problem_.channels + d)];
      }
    }
  }

  const Problem& problem_;
  const DoubleInputs& inputs_;
  const FusedErrors& fused_;
  LocationBounds* locations_;
  int64_t b_, m_;
  Expected* expected_;
  Arithmetic arithmetic_;
  Windows windows_;
  int64_t samples_;
  std::vector<double> dots_;      // of one query: magnitudes of the gradients of its weights
  std::vector<double> products_;  // sum of |weight * coefficient * grad_output| per pixel and channel
  std::vector<int64_t> counts_;
};

struct Work {
  const Problem& problem;
  const DoubleInputs& inputs;
  const FusedErrors& fused;
  LocationBounds* locations;
  Expected* expected;
  int64_t num_tasks;
};

// Sums over heads and points: as many products, each of up to 4 factors for the sides of a box.
void BoundReferences(const Problem& problem, const FusedErrors& fused, const LocationBounds& locations,
                     Expected* expected) {
  const Arithmetic arithmetic = ArithmeticOf(problem.value_dtype);
  const std::vector<OffsetRule> rules = OffsetRules(problem);
  const int64_t components = problem.references.components;
  const auto samples = static_cast<int64_t>(rules.size());
  const double gamma = arithmetic.Gamma(static_cast<double>(problem.num_heads * samples + 4));
  for (int64_t row = 0; row < problem.batch * problem.num_queries * problem.num_heads; ++row) {
    double* query =
        expected->grad_references.bound.data() + row / problem.num_heads * problem.ReferencesPerQuery() * components;
    for (int64_t k = 0; k < samples; ++k) {
      const OffsetRule& rule = rules[static_cast<size_t>(k)];
      double* to = query + rule.reference * components;
      for (int64_t axis = 0; axis < 2; ++axis) {
        const auto i = static_cast<size_t>(2 * (row * samples + k) + axis);
        const double magnitude = locations.magnitude[i] + locations.bound[i];
        to[axis] += locations.bound[i] + gamma * magnitude;
        if (components != 4 || magnitude == 0) continue;
        const double factor = std::abs(fused.offset[i] * rule.scale[axis]);
        to[2 + axis] += factor * (locations.bound[i] + gamma * magnitude) + arithmetic.tiny * (factor + magnitude + 1);
      }
    }
  }
}

}  // namespace

FusedErrors ReplaceFused(const Problem& problem, const Inputs& inputs, DoubleInputs* dense) {
  const Arithmetic arithmetic = ArithmeticOf(problem.value_dtype);
  Problem exact = problem;
  exact.value_dtype = exact.location_dtype = DType::kF64;
  const std::vector<OffsetRule> rules = OffsetRules(problem);
  const double u = arithmetic.unit;
  FusedErrors errors;
  DoubleInputs replaced;
  FusedSamples samples;
  for (int64_t row = 0; row < problem.batch * problem.num_queries * problem.num_heads; ++row) {
    const int64_t query = row / problem.num_heads;
    ReadFusedSamples(exact, inputs, rules, query / problem.num_queries, query % problem.num_queries,
                     row % problem.num_heads, &samples);
    double sum_error = arithmetic.Gamma(static_cast<double>(rules.size()));
    std::vector<double> relative;
    for (size_t k = 0; k < rules.size(); ++k) {
      const double weight = samples.weights[k];
      const double logit = dense->weights[static_cast<size_t>(row) * rules.size() + k];
      relative.push_back(weight == 0 ? 0 : u * std::abs(logit - samples.largest_logit) + 4 * u);
      sum_error += weight * relative[k];
    }
    for (size_t k = 0; k < rules.size(); ++k) {
      // 1.01: products of errors, all far below 1 percent.
      errors.weight.push_back(1.01 * samples.weights[k] * (relative[k] + sum_error + 2 * u) + 2 * arithmetic.normal);
      replaced.weights.push_back(samples.weights[k]);
      for (size_t i = 2 * k; i < 2 * k + 2; ++i) {
        const double product = std::abs(samples.offsets[i] * samples.steps[i]);
        errors.location.push_back(arithmetic.Gamma(3) * product +
                                  u * (std::abs(samples.locations[i]) + arithmetic.Gamma(3) * product) +
                                  arithmetic.tiny * (2 + std::abs(samples.offsets[i])));
        errors.offset.push_back(samples.offsets[i]);
        errors.step.push_back(samples.steps[i]);
        replaced.locations.push_back(samples.locations[i]);
      }
    }
  }
  dense->locations = std::move(replaced.locations);
  dense->weights = std::move(replaced.weights);
  return errors;
}

void ComputeBounds(const Problem& problem, const DoubleInputs& inputs, const FusedErrors& fused,
                   const Executor& executor, Expected* expected) {
  for (ExpectedArray* array : {&expected->output, &expected->grad_value, &expected->grad_locations,
                               &expected->grad_weights, &expected->grad_references}) {
    array->bound.assign(array->value.size(), 0.0);
  }
  if (problem.value_dtype == DType::kF16) {
    expected->output.f16_weights_bound.assign(expected->output.value.size(), 0.0);
  }
  const int64_t pairs = problem.batch * problem.num_heads;
  if (pairs == 0) return;
  LocationBounds locations;
  locations.bound.assign(fused.location.size(), 0.0);
  locations.magnitude.assign(fused.location.size(), 0.0);
  Work work{problem, inputs, fused, &locations, expected, std::min<int64_t>(pairs, executor.num_workers)};
  const auto task = [](void* arg, int i) {
    const Work& shared = *static_cast<const Work*>(arg);
    const int64_t heads = shared.problem.num_heads;
    for (int64_t pair = i; pair < shared.problem.batch * heads; pair += shared.num_tasks) {
      HeadBounds(shared.problem, shared.inputs, shared.fused, shared.locations, pair / heads, pair % heads,
                 shared.expected)
          .Compute();
    }
  };
  executor.run(executor.context, static_cast<int>(work.num_tasks), task, &work);
  if (problem.IsFused()) BoundReferences(problem, fused, locations, expected);
}

}  // namespace xmsda::testing
