// The derived error bound: how far a kernel that computes in float (double for f64) may be from the exact result.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testing/expected.h"

namespace xmsda::testing {

// Dense arrays in double: value[B,S,M,D], locations[B,Q,M,K,2], weights[B,Q,M,K], grad_output[B,Q,M,D].
struct DoubleInputs {
  std::vector<double> value, locations, weights, grad_output;
};

// Of a fused problem: how far the locations and weights that a kernel computes may be off, and what its gradients need.
struct FusedErrors {
  std::vector<double> location, weight;  // as locations and weights
  std::vector<double> offset, step;      // as locations
};

// Replaces the offsets and logits in `dense`, to which `inputs` points, by locations and weights.
FusedErrors ReplaceFused(const Problem& problem, const Inputs& inputs, DoubleInputs* dense);

// Fills the bounds of `expected`, whose arrays of values have their final sizes. See bounds.cc for the derivation.
void ComputeBounds(const Problem& problem, const DoubleInputs& inputs, const FusedErrors& fused,
                   const Executor& executor, Expected* expected);

}  // namespace xmsda::testing
