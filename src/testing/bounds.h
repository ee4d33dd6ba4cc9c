// The derived error bound: how far a kernel that computes in float (double for f64) may be from the exact result.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "testing/expected.h"

namespace xmsda::testing {

// Dense arrays in double: value[B,S,M,D], locations[B,Q,M,K,2], weights[B,Q,M,K], grad_output[B,Q,M,D].
struct DoubleInputs {
  std::vector<double> value, locations, weights, grad_output;
};

// Fills the bounds of `expected`, whose arrays of values have their final sizes. See bounds.cc for the derivation.
void ComputeBounds(const Problem& problem, const DoubleInputs& inputs, const Executor& executor, Expected* expected);

}  // namespace xmsda::testing
