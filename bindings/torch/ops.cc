// The torch operators of namespace xmsda, against torch's stable ABI only: one library serves every later torch.
// SPDX-License-Identifier: Apache-2.0
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "arguments.h"
#include "executor.h"
#include "memory.h"
#include "xmsda/msda.h"

namespace xmsda::torch_binding {
namespace {

// What use_target() asked for and what the last call of this thread ran.
thread_local Target forced_target = Target::kAuto;
thread_local Target last_target = Target::kAuto;

void Check(const Status& status) {
  if (status.ok()) return;
  if (status.code() == StatusCode::kInvalidArgument) throw std::invalid_argument(status.message());
  throw std::runtime_error(status.message());
}

Target TargetOf(const std::string& name) {
  Target target = Target::kAuto;
  Check(ParseTarget(name, &target));
  return target;
}

// Multiplications of the forward pass, four corners a sample. A double, because the product may pass 2^63.
double ForwardOperations(const Problem& problem) {
  return 4.0 * static_cast<double>(problem.batch) * static_cast<double>(problem.num_queries) *
         static_cast<double>(problem.num_heads) * static_cast<double>(problem.SamplesPerQuery()) *
         static_cast<double>(problem.channels);
}

// The backward pass has as many for the gradients of locations and weights, and writes the whole gradient of value.
double BackwardOperations(const Problem& problem) {
  return 2.0 * ForwardOperations(problem) +
         static_cast<double>(problem.batch) * static_cast<double>(problem.value_size) *
             static_cast<double>(problem.num_heads) * static_cast<double>(problem.channels);
}

Tensor RunForward(const TensorArguments& arguments, Target target) {
  const Call call = ReadArguments(arguments);
  const Problem& problem = call.problem;
  const Executor executor = TorchExecutor(ForwardOperations(problem));
  const Scratch scratch(ForwardWorkspaceSize(problem, call.inputs.value_strides, executor.num_workers, target));
  Tensor output =
      EmptyDense({problem.batch, problem.num_queries, problem.num_heads * problem.channels}, arguments.value);
  Check(Forward(problem, call.inputs, output.mutable_data_ptr(), scratch.Get(), executor,
                {.target = target, .ran_target = &last_target}));
  return output;
}

std::tuple<Tensor, Tensor, Tensor> RunBackward(const TensorArguments& arguments, const Tensor& grad_output_argument,
                                               Target target) {
  const Call call = ReadArguments(arguments);
  const Problem& problem = call.problem;
  const Tensor grad_output = ReadGradOutput(grad_output_argument, problem);
  const Executor executor = TorchExecutor(BackwardOperations(problem));
  Tensor grad_value = EmptyPreserve(arguments.value);
  Tensor grad_locations = EmptyDenseLike(arguments.sampling_locations);
  Tensor grad_weights = EmptyDenseLike(arguments.attention_weights);
  const Gradients gradients{.value = grad_value.mutable_data_ptr(),
                            .locations = grad_locations.mutable_data_ptr(),
                            .weights = grad_weights.mutable_data_ptr(),
                            .value_strides = {.batch = grad_value.stride(0),
                                              .pixel = grad_value.stride(1),
                                              .head = grad_value.stride(2),
                                              .channel = grad_value.stride(3)}};
  const Scratch scratch(
      BackwardWorkspaceSize(problem, call.inputs.value_strides, gradients.value_strides, executor.num_workers, target));
  Check(Backward(problem, call.inputs, grad_output.const_data_ptr(), gradients, scratch.Get(), executor,
                 {.target = target, .ran_target = &last_target}));
  return {grad_value, grad_locations, grad_weights};
}

// "auto" gives way to the target that use_target() forces in this thread.
Target Resolve(const std::string& target) {
  const Target parsed = TargetOf(target);
  return parsed == Target::kAuto ? forced_target : parsed;
}

Tensor ForwardOp(const Tensor& value, const Tensor& spatial_shapes, const std::optional<Tensor>& level_start_index,
                 const Tensor& sampling_locations, const Tensor& attention_weights, const Points& points, bool discrete,
                 const std::string& target) {
  return RunForward({value, spatial_shapes, level_start_index, sampling_locations, attention_weights, points, discrete},
                    Resolve(target));
}

std::tuple<Tensor, Tensor, Tensor> BackwardOp(const Tensor& value, const Tensor& spatial_shapes,
                                              const std::optional<Tensor>& level_start_index,
                                              const Tensor& sampling_locations, const Tensor& attention_weights,
                                              const Points& points, bool discrete, const std::string& target,
                                              const Tensor& grad_output) {
  return RunBackward(
      {value, spatial_shapes, level_start_index, sampling_locations, attention_weights, points, discrete}, grad_output,
      Resolve(target));
}

Tensor RawForwardOp(const Tensor& value, const Tensor& spatial_shapes, const std::optional<Tensor>& level_start_index,
                    const Tensor& sampling_locations, const Tensor& attention_weights,
                    const std::optional<Points>& points, bool discrete) {
  return RunForward({value, spatial_shapes, level_start_index, sampling_locations, attention_weights,
                     points ? *points : Points(), discrete},
                    forced_target);
}

std::tuple<Tensor, Tensor, Tensor> RawBackwardOp(const Tensor& value, const Tensor& spatial_shapes,
                                                 const std::optional<Tensor>& level_start_index,
                                                 const Tensor& sampling_locations, const Tensor& attention_weights,
                                                 const std::optional<Points>& points, bool discrete,
                                                 const Tensor& grad_output) {
  return RunBackward({value, spatial_shapes, level_start_index, sampling_locations, attention_weights,
                      points ? *points : Points(), discrete},
                     grad_output, forced_target);
}

std::string TargetsOp() {
  std::string names;
  for (const Target target : RunnableTargets()) {
    if (!names.empty()) names += ',';
    names += TargetName(target);
  }
  return names;
}

std::string LastTargetOp() { return TargetName(last_target); }

std::string ForceTargetOp(const std::string& target) {
  const Target before = forced_target;
  const Target wanted = TargetOf(target);
  bool runnable = wanted == Target::kAuto;
  for (const Target candidate : RunnableTargets()) runnable = runnable || candidate == wanted;
  if (!runnable) FailArgument("target", "one of auto," + TargetsOp(), target);
  forced_target = wanted;
  return TargetName(before);
}

}  // namespace

STABLE_TORCH_LIBRARY(xmsda, m) {
  m.def(
      "ms_deform_attn_forward(Tensor value, Tensor spatial_shapes, Tensor? level_start_index, "
      "Tensor sampling_locations, Tensor attention_weights, int[] points, bool discrete, str target) -> Tensor");
  m.def(
      "ms_deform_attn_backward(Tensor value, Tensor spatial_shapes, Tensor? level_start_index, "
      "Tensor sampling_locations, Tensor attention_weights, int[] points, bool discrete, str target, "
      "Tensor grad_output) -> (Tensor, Tensor, Tensor)");
  // For the eager path of the Python package (see ops.py): without autograd, and with nothing that has to be converted
  // when it is not given; a string costs 0.1 us a call.
  m.def(
      "_forward(Tensor value, Tensor spatial_shapes, Tensor? level_start_index, Tensor sampling_locations, "
      "Tensor attention_weights, int[]? points, bool discrete) -> Tensor");
  m.def(
      "_backward(Tensor value, Tensor spatial_shapes, Tensor? level_start_index, Tensor sampling_locations, "
      "Tensor attention_weights, int[]? points, bool discrete, Tensor grad_output) -> (Tensor, Tensor, Tensor)");
  m.def("_targets() -> str");
  m.def("_last_target() -> str");
  m.def("_force_target(str target) -> str");
}

STABLE_TORCH_LIBRARY_IMPL(xmsda, CPU, m) {
  m.impl("ms_deform_attn_forward", TORCH_BOX(&ForwardOp));
  m.impl("ms_deform_attn_backward", TORCH_BOX(&BackwardOp));
  m.impl("_forward", TORCH_BOX(&RawForwardOp));
  m.impl("_backward", TORCH_BOX(&RawBackwardOp));
}

STABLE_TORCH_LIBRARY_IMPL(xmsda, CompositeExplicitAutograd, m) {
  m.impl("_targets", TORCH_BOX(&TargetsOp));
  m.impl("_last_target", TORCH_BOX(&LastTargetOp));
  m.impl("_force_target", TORCH_BOX(&ForceTargetOp));
}

}  // namespace xmsda::torch_binding
