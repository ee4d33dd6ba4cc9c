// What a backend must compute for a case: the reference's values before rounding, and how far a backend may be off.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "testing/inputs.h"
#include "xmsda/msda.h"

namespace xmsda::testing {

// `bound` does not include the last rounding to the array's dtype; empty for exact cases, which allow no error.
struct ExpectedArray {
  std::vector<double> value;
  std::vector<double> bound;
  // How much further a backend with Arithmetic::f16_weights may be off; empty where that has no meaning.
  std::vector<double> f16_weights_bound;
};

// Dense arrays, see msda.h for their axes; grad_value is [B,S,M,D].
struct Expected {
  ExpectedArray output;
  ExpectedArray grad_value, grad_locations, grad_weights;
  ExpectedArray grad_references;  // of fused problems
};

// The reference runs on the case's inputs converted to double.
Expected ComputeExpected(const CaseData& data, const Executor& executor);

}  // namespace xmsda::testing
