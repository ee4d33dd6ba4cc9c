// The checks that every backend makes before it writes anything.
// SPDX-License-Identifier: Apache-2.0
#include "core/validate.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

namespace xmsda {
namespace {

Status CheckPointer(const char* name, const void* pointer, DType dtype, bool has_elements) {
  if (!has_elements) return {};
  if (pointer == nullptr) return Status::InvalidArgument(std::string(name) + ": expected a pointer, got null");
  const size_t misalignment = reinterpret_cast<uintptr_t>(pointer) % DTypeSize(dtype);
  if (misalignment == 0) return {};
  return Status::InvalidArgument(std::string(name) + ": expected alignment to " + std::to_string(DTypeSize(dtype)) +
                                 " bytes (" + DTypeName(dtype) + "), got an address " + std::to_string(misalignment) +
                                 " past that");
}

Status CheckWorkspace(const Workspace& workspace, size_t needed) {
  if (needed == 0) return {};
  if (workspace.size < needed) {
    return Status::InvalidArgument("workspace.size: expected at least " + std::to_string(needed) + " bytes, got " +
                                   std::to_string(workspace.size));
  }
  if (workspace.data == nullptr) return Status::InvalidArgument("workspace.data: expected a pointer, got null");
  const size_t misalignment = reinterpret_cast<uintptr_t>(workspace.data) % kWorkspaceAlignment;
  if (misalignment == 0) return {};
  return Status::InvalidArgument("workspace.data: expected alignment to " + std::to_string(kWorkspaceAlignment) +
                                 " bytes, got an address " + std::to_string(misalignment) + " past that");
}

Status CheckExecutor(const Executor& executor) {
  if (executor.num_workers < 1 || executor.num_workers > kMaxWorkers) {
    return Status::InvalidArgument("executor.num_workers: expected 1 to " + std::to_string(kMaxWorkers) + ", got " +
                                   std::to_string(executor.num_workers));
  }
  if (executor.run == nullptr) return Status::InvalidArgument("executor.run: expected a function, got null");
  return {};
}

bool HasSamples(const Problem& problem) {
  return problem.batch > 0 && problem.num_queries > 0 && problem.num_heads > 0 && problem.SamplesPerQuery() > 0;
}

bool HasOutput(const Problem& problem) {
  return problem.batch > 0 && problem.num_queries > 0 && problem.num_heads > 0 && problem.channels > 0;
}

bool HasValue(const Problem& problem) {
  return problem.batch > 0 && problem.value_size > 0 && problem.num_heads > 0 && problem.channels > 0;
}

Status CheckInputs(const Problem& problem, const Inputs& inputs) {
  if (Status status = Validate(problem); !status.ok()) return status;
  if (Status status = CheckPointer("value", inputs.value, problem.value_dtype, HasValue(problem)); !status.ok()) {
    return status;
  }
  const bool has_samples = HasSamples(problem);
  Status status = CheckPointer("locations", inputs.locations, problem.location_dtype, has_samples);
  if (!status.ok()) return status;
  status = CheckPointer("weights", inputs.weights, problem.location_dtype, has_samples);
  if (!status.ok() || !problem.IsFused()) return status;
  return CheckPointer("references", inputs.references, problem.reference_dtype(), has_samples);
}

// Elements are apart when every stride passes over all that the smaller strides reach. That holds for any permuted or
// padded dense layout and fails for broadcast ones.
Status CheckNoOverlap(const Problem& problem, const ValueStrides& strides) {
  struct Axis {
    const char* name;
    int64_t size;
    int64_t stride;
  };
  std::array<Axis, 4> axes{{{"batch", problem.batch, strides.batch},
                            {"pixel", problem.value_size, strides.pixel},
                            {"head", problem.num_heads, strides.head},
                            {"channel", problem.channels, strides.channel}}};
  const auto magnitude = [](int64_t stride) {
    return stride < 0 ? uint64_t{0} - static_cast<uint64_t>(stride) : static_cast<uint64_t>(stride);
  };
  std::sort(axes.begin(), axes.end(),
            [&](const Axis& a, const Axis& b) { return magnitude(a.stride) < magnitude(b.stride); });
  uint64_t reach = 1;  // elements from the first to the last one of the axes so far, inclusive
  for (const Axis& axis : axes) {
    if (axis.size <= 1) continue;
    const uint64_t steps = static_cast<uint64_t>(axis.size) - 1;
    uint64_t span = 0;
    if (magnitude(axis.stride) < reach || __builtin_mul_overflow(steps, magnitude(axis.stride), &span) ||
        __builtin_add_overflow(reach, span, &reach)) {
      return Status::InvalidArgument(std::string("gradients.value_strides.") + axis.name +
                                     ": expected strides that keep all elements apart, at least " +
                                     std::to_string(reach) + " here, got " + std::to_string(axis.stride));
    }
  }
  return {};
}

}  // namespace

Status ValidateForwardCall(const Problem& problem, const Inputs& inputs, const void* output, const Workspace& workspace,
                           size_t needed_workspace, const Executor& executor) {
  if (Status status = CheckInputs(problem, inputs); !status.ok()) return status;
  if (Status status = CheckPointer("output", output, problem.value_dtype, HasOutput(problem)); !status.ok()) {
    return status;
  }
  if (Status status = CheckExecutor(executor); !status.ok()) return status;
  return CheckWorkspace(workspace, needed_workspace);
}

Status ValidateBackwardCall(const Problem& problem, const Inputs& inputs, const void* grad_output,
                            const Gradients& gradients, const Workspace& workspace, size_t needed_workspace,
                            const Executor& executor) {
  if (Status status = CheckInputs(problem, inputs); !status.ok()) return status;
  Status status = CheckPointer("grad_output", grad_output, problem.value_dtype, HasOutput(problem));
  if (!status.ok()) return status;
  status = CheckPointer("gradients.value", gradients.value, problem.value_dtype, HasValue(problem));
  if (!status.ok()) return status;
  const bool has_samples = HasSamples(problem);
  status = CheckPointer("gradients.locations", gradients.locations, problem.location_dtype, has_samples);
  if (!status.ok()) return status;
  status = CheckPointer("gradients.weights", gradients.weights, problem.location_dtype, has_samples);
  if (!status.ok()) return status;
  if (gradients.references != nullptr && !problem.IsFused()) {
    return Status::InvalidArgument(
        "gradients.references: expected null for a problem without references, got a pointer");
  }
  if (gradients.references != nullptr) {
    status = CheckPointer("gradients.references", gradients.references, problem.reference_dtype(), true);
    if (!status.ok()) return status;
  }
  if (HasValue(problem)) {
    if (status = CheckNoOverlap(problem, gradients.value_strides); !status.ok()) return status;
  }
  if (status = CheckExecutor(executor); !status.ok()) return status;
  return CheckWorkspace(workspace, needed_workspace);
}

}  // namespace xmsda
