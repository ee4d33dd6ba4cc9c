// The one table of backends: tests, benchmarks and the driver iterate over it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "xmsda/msda.h"

namespace xmsda {

// What a backend states of its arithmetic; all false is float32 (double for f64) and roundings to nearest. Judges take
// it into account (testing/tester.h).
struct Arithmetic {
  // Of f16 value: the forward pass rounds each corner's weight (attention weight times bilinear weight) to f16 before
  // it meets value; products are exact then.
  bool f16_weights = false;
  // Results beyond the range of f16 become its largest number instead of infinity.
  bool f16_saturates = false;
  // An infinite attention weight gives NaN where infinity is right.
  bool infinite_weights_are_nan = false;
};

// A backend computes a problem forward and backward; see msda.h for the meaning of the arguments. Backends whose
// workspace functions are empty need none; one whose `backward` is empty has a forward pass only.
struct Backend {
  std::string name;  // "reference", "cpu" (best target), "cpu:avx2", "ascend-sim:resident", ...
  std::string description;
  // Runs on a simulator: far slower than what it computes, a call at a time, without the executor's workers.
  bool is_simulated = false;
  Arithmetic arithmetic;
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
