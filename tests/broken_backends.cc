// A table of backends of which one is wrong, in the place of src/backends.cc: what the driver says to that.
// SPDX-License-Identifier: Apache-2.0
#include "backends.h"
#include "reference/reference.h"

namespace xmsda {
namespace {

// The reference, but its first output is off by the number of workers, and so is the gradient of each weight.
Backend BrokenBackend() {
  Backend backend;
  backend.name = "cpu";  // what the driver takes when no backend is named
  backend.description = "wrong on purpose; all arrays are f64";
  backend.supports = [](const Problem& problem) { return Validate(problem); };
  backend.forward = [](const Problem& problem, const Inputs& inputs, void* output, const Workspace&,
                       const Executor& executor, const CallOptions&) {
    Status status = ReferenceForward(problem, inputs, output, executor);
    if (status.ok()) *static_cast<double*>(output) += executor.num_workers;
    return status;
  };
  backend.backward = [](const Problem& problem, const Inputs& inputs, const void* grad_output,
                        const Gradients& gradients, const Workspace&, const Executor& executor, const CallOptions&) {
    Status status = ReferenceBackward(problem, inputs, grad_output, gradients, executor);
    auto* weights = static_cast<double*>(gradients.weights);
    const int64_t count = problem.batch * problem.num_queries * problem.num_heads * problem.SamplesPerQuery();
    for (int64_t i = 0; status.ok() && i < count; ++i) weights[i] += executor.num_workers;
    return status;
  };
  return backend;
}

}  // namespace

const std::vector<Backend>& Backends() {
  static const std::vector<Backend> backends = {BrokenBackend()};
  return backends;
}

const Backend* FindBackend(std::string_view name) {
  return name == Backends().front().name ? &Backends().front() : nullptr;
}

}  // namespace xmsda
