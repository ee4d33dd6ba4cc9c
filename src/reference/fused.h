// Fused problems in double precision: locations and weights from references, offsets and logits, and back.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/dtype.h"
#include "xmsda/msda.h"

namespace xmsda {

// What turns a sample's offset into its location: location = centre + offset * step.
struct OffsetRule {
  int64_t reference = 0;  // which of the query's references
  double scale[2] = {};   // step, or the factor of the box's width and height in it
};

// Of the K samples of a query and head, in order.
inline std::vector<OffsetRule> OffsetRules(const Problem& problem) {
  std::vector<OffsetRule> rules;
  for (size_t l = 0; l < problem.levels.size(); ++l) {
    const Level& level = problem.levels[l];
    for (int64_t point = 0; point < level.points; ++point) {
      OffsetRule rule;
      rule.reference = point % problem.references.anchors;
      if (problem.references.per_level) rule.reference += static_cast<int64_t>(l) * problem.references.anchors;
      const bool boxes = problem.references.components == 4;
      const double scale = problem.OffsetScale();
      rule.scale[0] = scale / static_cast<double>(boxes ? level.points : level.width);
      rule.scale[1] = scale / static_cast<double>(boxes ? level.points : level.height);
      rules.push_back(rule);
    }
  }
  return rules;
}

// The samples of one query and head.
struct FusedSamples {
  std::vector<double> locations, weights;  // [K,2], [K]
  std::vector<double> offsets, steps;      // [K,2]
  double largest_logit = 0;
};

// Refills `samples` for (b, q, m).
inline void ReadFusedSamples(const Problem& problem, const Inputs& inputs, const std::vector<OffsetRule>& rules,
                             int64_t b, int64_t q, int64_t m, FusedSamples* samples) {
  const SampleStrides& ls = inputs.location_strides;
  const SampleStrides& ws = inputs.weight_strides;
  const int64_t offset = b * ls.batch + q * ls.query + m * ls.head;
  const int64_t logit = b * ws.batch + q * ws.query + m * ws.head;
  const int64_t reference = b * inputs.reference_strides.batch + q * inputs.reference_strides.query;
  const int64_t components = problem.references.components;
  *samples = {};
  samples->largest_logit = -std::numeric_limits<double>::infinity();
  for (size_t k = 0; k < rules.size(); ++k) {
    const auto at = static_cast<int64_t>(k);
    const int64_t first = reference + rules[k].reference * components;
    for (int64_t axis = 0; axis < 2; ++axis) {
      const double centre = LoadElement(problem.reference_dtype(), inputs.references, first + axis);
      double step = rules[k].scale[axis];
      if (components == 4) step *= LoadElement(problem.reference_dtype(), inputs.references, first + 2 + axis);
      const double by = LoadElement(problem.location_dtype, inputs.locations, offset + 2 * at + axis);
      samples->locations.push_back(centre + by * step);
      samples->offsets.push_back(by);
      samples->steps.push_back(step);
    }
    samples->weights.push_back(LoadElement(problem.location_dtype, inputs.weights, logit + at));
    samples->largest_logit = std::max(samples->largest_logit, samples->weights.back());
  }
  double sum = 0;
  for (double& weight : samples->weights) sum += weight = std::exp(weight - samples->largest_logit);
  for (double& weight : samples->weights) weight /= sum;
}

}  // namespace xmsda
