// The one table of backends: tests, benchmarks and the driver iterate over it.
// SPDX-License-Identifier: Apache-2.0
#include "backends.h"

#include <utility>

#include "cpu/plan.h"
#include "reference/reference.h"
#ifdef XMSDA_ASCEND
#include "ascend/simulator.h"
#endif

namespace xmsda {
namespace {

Backend ReferenceBackend() {
  Backend backend;
  backend.name = "reference";
  backend.description = "double precision, plain loops; every other backend is judged by it";
  backend.supports = [](const Problem& problem) { return Validate(problem); };
  backend.forward = [](const Problem& problem, const Inputs& inputs, void* output, const Workspace&,
                       const Executor& executor,
                       const CallOptions&) { return ReferenceForward(problem, inputs, output, executor); };
  backend.backward = [](const Problem& problem, const Inputs& inputs, const void* grad_output,
                        const Gradients& gradients, const Workspace&, const Executor& executor, const CallOptions&) {
    return ReferenceBackward(problem, inputs, grad_output, gradients, executor);
  };
  return backend;
}

// The target of the entry goes before that of the call's options.
Backend CpuBackend(std::string name, std::string description, Target target) {
  Backend backend;
  backend.name = std::move(name);
  backend.description = std::move(description);
  backend.supports = [](const Problem& problem) {
    const Status status = Validate(problem);
    return status.ok() ? cpu::CheckLimits(problem) : status;
  };
  backend.forward_workspace = [target](const Problem& problem, const ValueStrides& value, int num_workers) {
    return ForwardWorkspaceSize(problem, value, num_workers, target);
  };
  backend.backward_workspace = [target](const Problem& problem, const ValueStrides& value,
                                        const ValueStrides& grad_value, int num_workers) {
    return BackwardWorkspaceSize(problem, value, grad_value, num_workers, target);
  };
  backend.forward = [target](const Problem& problem, const Inputs& inputs, void* output, const Workspace& workspace,
                             const Executor& executor, const CallOptions& options) {
    return Forward(problem, inputs, output, workspace, executor, {target, options.ran_target});
  };
  backend.backward = [target](const Problem& problem, const Inputs& inputs, const void* grad_output,
                              const Gradients& gradients, const Workspace& workspace, const Executor& executor,
                              const CallOptions& options) {
    return Backward(problem, inputs, grad_output, gradients, workspace, executor, {target, options.ran_target});
  };
  return backend;
}

std::vector<Backend> MakeBackends() {
  std::vector<Backend> backends;
  backends.push_back(ReferenceBackend());
  const std::string best = TargetName(RunnableTargets().front());
  backends.push_back(CpuBackend("cpu", "SIMD kernels, the best target of this machine (" + best + ")", Target::kAuto));
  for (const Target target : RunnableTargets()) {
    const std::string name = TargetName(target);
    backends.push_back(CpuBackend("cpu:" + name, "SIMD kernels, target " + name, target));
  }
#ifdef XMSDA_ASCEND
  for (Backend& backend : ascend::SimulatorBackends()) backends.push_back(std::move(backend));
#endif
  return backends;
}

}  // namespace

const std::vector<Backend>& Backends() {
  static const std::vector<Backend> backends = MakeBackends();
  return backends;
}

const Backend* FindBackend(std::string_view name) {
  for (const Backend& backend : Backends()) {
    if (backend.name == name) return &backend;
  }
  return nullptr;
}

}  // namespace xmsda
