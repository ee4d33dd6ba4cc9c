// The named problems: the shapes of the models that use the operator.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "testing/inputs.h"

namespace xmsda::testing {

struct Workload {
  const char* name;
  const char* problem;
  Pattern pattern;  // how its model samples
  const char* description;
};

const std::vector<Workload>& Workloads();

// A workload's name, or the text of a problem.
Status ParseProblemOrName(std::string_view text, Problem* problem);

}  // namespace xmsda::testing
