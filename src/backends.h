// The one table of backends: tests, benchmarks and the driver iterate over it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "xmsda/msda.h"

namespace xmsda {

// A backend computes a problem forward and backward; see msda.h for the meaning of the arguments. Backends whose
// workspace functions are empty need none.
struct Backend {
  std::string name;  // "reference", "cpu" (best target), "cpu:avx2", ...
  std::string description;
  // Ok, or why this backend cannot compute the problem on this machine.
  std::function<Status(const Problem&)> supports;
  std::function<size_t(const Problem&, const ValueStrides& value, int num_workers)> forward_workspace;
  std::function<size_t(const Problem&, const ValueStrides& value, const ValueStrides& grad_value, int num_workers)>
      backward_workspace;
  std::function<Status(const Problem&, const Inputs&, void* output, const Workspace&, const Executor&,
                       const CallOptions&)>
      forward;
  std::function<Status(const Problem&, const Inputs&, const void* grad_output, const Gradients&, const Workspace&,
                       const Executor&, const CallOptions&)>
      backward;
};

// All backends of this build; "reference" comes first.
const std::vector<Backend>& Backends();

// Null when there is none of that name.
const Backend* FindBackend(std::string_view name);

}  // namespace xmsda
