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
// workspace functions are empty need none; one whose `backward` is empty has a forward pass only.
struct Backend {
  std::string name;  // "reference", "cpu" (best target), "cpu:avx2", "ascend-sim:resident", ...
  std::string description;
  // Runs on a simulator: far slower than what it computes, a call at a time, without the executor's workers.
  bool is_simulated = false;
  // Of f16 value: the forward pass rounds each corner's weight (attention weight times bilinear weight) to f16 before it
  // meets value, which is the backend's stated arithmetic; everything else is float32.
  bool f16_weights = false;
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
