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
#include "reference/reference.h"
#include "xmsda/msda.h"

namespace xmsda::torch_binding {
namespace {

// Which code runs: the reference, or a target of the CPU backend.
struct Choice {
  Target target = Target::kAuto;
  bool reference = false;
};

constexpr char kReference[] = "reference";

// What use_target() asked for and what the last call of this thread ran.
thread_local Choice forced;
thread_local Choice last;

// Both codes alike: to a caller in Python, what this backend can not do is a wrong argument too.
void Check(const Status& status) {
  if (!status.ok()) throw std::invalid_argument(status.message());
}

Choice ChoiceOf(const std::string& name) {
  if (name == kReference) return {.reference = true};
  Choice choice;
  Check(ParseTarget(name, &choice.target));
  return choice;
}

std::string NameOf(const Choice& choice) { return choice.reference ? kReference : TargetName(choice.target); }

Tensor RunForward(const TensorArguments& arguments, const Choice& choice) {
  last = {};  // an empty call runs no target's code and writes nothing
  const Call call = ReadArguments(arguments);
  const Problem& problem = call.problem;
  Check(Validate(problem));  // before memory of such sizes is asked for
  const Executor executor = TorchExecutor(problem, Pass::kForward);
  Tensor output =
      EmptyDense({problem.batch, problem.num_queries, problem.num_heads * problem.channels}, arguments.value, executor);
  if (choice.reference) {
    Check(ReferenceForward(problem, call.inputs, output.mutable_data_ptr(), executor));
    last = choice;
    return output;
  }
  const Scratch scratch(ForwardWorkspaceSize(problem, call.inputs.value_strides, executor.num_workers, choice.target),
                        executor);
  Check(Forward(problem, call.inputs, output.mutable_data_ptr(), scratch.Get(), executor,
                {.target = choice.target, .ran_target = &last.target}));
  return output;
}

struct BackwardResults {
  Tensor value, locations, weights;
  Tensor references;  // the gradient, or without elements when it is not wanted
};

BackwardResults RunBackward(const TensorArguments& arguments, const Tensor& grad_output_argument, const Choice& choice,
                            bool reference_gradient = false) {
  last = {};
  const Call call = ReadArguments(arguments);
  const Problem& problem = call.problem;
  Check(Validate(problem));  // before memory of such sizes is asked for
  const Tensor grad_output = ReadGradOutput(grad_output_argument, problem);
  const Executor executor = TorchExecutor(problem, Pass::kBackward);
  Tensor grad_value = EmptyPreserve(arguments.value, executor);
  Tensor grad_locations = EmptyDenseLike(arguments.sampling_locations, executor);
  Tensor grad_weights = EmptyDenseLike(arguments.attention_weights, executor);
  Gradients gradients{.value = grad_value.mutable_data_ptr(),
                      .locations = grad_locations.mutable_data_ptr(),
                      .weights = grad_weights.mutable_data_ptr(),
                      .value_strides = {.batch = grad_value.stride(0),
                                        .pixel = grad_value.stride(1),
                                        .head = grad_value.stride(2),
                                        .channel = grad_value.stride(3)}};
  Tensor grad_references = grad_weights;
  if (problem.IsFused() && reference_gradient) {
    grad_references = EmptyDenseLike(call.references, executor);
    gradients.references = grad_references.mutable_data_ptr();
  }
  if (choice.reference) {
    Check(ReferenceBackward(problem, call.inputs, grad_output.const_data_ptr(), gradients, executor));
    last = choice;
    return {grad_value, grad_locations, grad_weights, grad_references};
  }
  const Scratch scratch(BackwardWorkspaceSize(problem, call.inputs.value_strides, gradients.value_strides,
                                              executor.num_workers, choice.target),
                        executor);
  Check(Backward(problem, call.inputs, grad_output.const_data_ptr(), gradients, scratch.Get(), executor,
                 {.target = choice.target, .ran_target = &last.target}));
  return {grad_value, grad_locations, grad_weights, grad_references};
}

std::tuple<Tensor, Tensor, Tensor> ThreeOf(const BackwardResults& results) {
  return {results.value, results.locations, results.weights};
}

// "auto" gives way to the target that use_target() forces in this thread.
Choice Resolve(const std::string& target) {
  const Choice choice = ChoiceOf(target);
  return choice.reference || choice.target != Target::kAuto ? choice : forced;
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
  return ThreeOf(
      RunBackward({value, spatial_shapes, level_start_index, sampling_locations, attention_weights, points, discrete},
                  grad_output, Resolve(target)));
}

// Options of the general operators, as bits.
constexpr int64_t kDiscreteBit = 1;
constexpr int64_t kBorderBit = 2;
constexpr int64_t kAlignCornersBit = 4;

TensorArguments GeneralArguments(const Tensor& value, const Tensor& spatial_shapes,
                                 const std::optional<Tensor>& level_start_index,
                                 const std::optional<Tensor>& reference_points, const Tensor& sampling,
                                 const Tensor& attention, const Points& points, int64_t mode, double offset_scale) {
  return {.value = value,
          .spatial_shapes = spatial_shapes,
          .level_start_index = level_start_index,
          .sampling_locations = sampling,
          .attention_weights = attention,
          .points = points,
          .discrete = (mode & kDiscreteBit) != 0,
          .border = (mode & kBorderBit) != 0,
          .align_corners = (mode & kAlignCornersBit) != 0,
          .reference_points = &reference_points,
          .offset_scale = offset_scale};
}

Tensor GeneralForwardOp(const Tensor& value, const Tensor& spatial_shapes,
                        const std::optional<Tensor>& level_start_index, const std::optional<Tensor>& reference_points,
                        const Tensor& sampling, const Tensor& attention, const Points& points, int64_t mode,
                        double offset_scale, const std::string& target) {
  return RunForward(GeneralArguments(value, spatial_shapes, level_start_index, reference_points, sampling, attention,
                                     points, mode, offset_scale),
                    Resolve(target));
}

std::tuple<Tensor, Tensor, Tensor, Tensor> GeneralBackwardOp(const Tensor& value, const Tensor& spatial_shapes,
                                                             const std::optional<Tensor>& level_start_index,
                                                             const std::optional<Tensor>& reference_points,
                                                             const Tensor& sampling, const Tensor& attention,
                                                             const Points& points, int64_t mode, double offset_scale,
                                                             const std::string& target, bool reference_gradient,
                                                             const Tensor& grad_output) {
  const TensorArguments arguments = GeneralArguments(value, spatial_shapes, level_start_index, reference_points,
                                                     sampling, attention, points, mode, offset_scale);
  BackwardResults results = RunBackward(arguments, grad_output, Resolve(target), reference_gradient);
  if (!arguments.fused() || !reference_gradient)
    results.references = EmptyDense({0}, value, TorchExecutor({}, Pass::kForward));
  return {results.value, results.references, results.locations, results.weights};
}

Tensor RawForwardOp(const Tensor& value, const Tensor& spatial_shapes, const std::optional<Tensor>& level_start_index,
                    const Tensor& sampling_locations, const Tensor& attention_weights,
                    const std::optional<Points>& points, bool discrete) {
  return RunForward({value, spatial_shapes, level_start_index, sampling_locations, attention_weights,
                     points ? *points : Points(), discrete},
                    forced);
}

std::tuple<Tensor, Tensor, Tensor> RawBackwardOp(const Tensor& value, const Tensor& spatial_shapes,
                                                 const std::optional<Tensor>& level_start_index,
                                                 const Tensor& sampling_locations, const Tensor& attention_weights,
                                                 const std::optional<Points>& points, bool discrete,
                                                 const Tensor& grad_output) {
  return ThreeOf(RunBackward({value, spatial_shapes, level_start_index, sampling_locations, attention_weights,
                              points ? *points : Points(), discrete},
                             grad_output, forced));
}

std::string TargetsOp() {
  std::string names;
  for (const Target target : RunnableTargets()) {
    if (!names.empty()) names += ',';
    names += TargetName(target);
  }
  return names;
}

std::string LastTargetOp() { return NameOf(last); }

std::string ForceTargetOp(const std::string& target) {
  const Choice before = forced;
  const Choice wanted = ChoiceOf(target);
  bool runnable = wanted.reference || wanted.target == Target::kAuto;
  for (const Target candidate : RunnableTargets()) runnable = runnable || candidate == wanted.target;
  if (!runnable) FailArgument("target", "one of auto,reference," + TargetsOp(), target);
  forced = wanted;
  return NameOf(before);
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
  // Everything: fused when there are reference points (sampling: offsets, attention: logits), padding and corners.
  m.def(
      "ms_deform_attn_general_forward(Tensor value, Tensor spatial_shapes, Tensor? level_start_index, "
      "Tensor? reference_points, Tensor sampling, Tensor attention, int[] points, int mode, float offset_scale, "
      "str target) -> Tensor");
  m.def(
      "ms_deform_attn_general_backward(Tensor value, Tensor spatial_shapes, Tensor? level_start_index, "
      "Tensor? reference_points, Tensor sampling, Tensor attention, int[] points, int mode, float offset_scale, "
      "str target, bool reference_gradient, Tensor grad_output) -> (Tensor, Tensor, Tensor, Tensor)");
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
  m.impl("ms_deform_attn_general_forward", TORCH_BOX(&GeneralForwardOp));
  m.impl("ms_deform_attn_general_backward", TORCH_BOX(&GeneralBackwardOp));
  m.impl("_forward", TORCH_BOX(&RawForwardOp));
  m.impl("_backward", TORCH_BOX(&RawBackwardOp));
}

STABLE_TORCH_LIBRARY_IMPL(xmsda, CompositeExplicitAutograd, m) {
  m.impl("_targets", TORCH_BOX(&TargetsOp));
  m.impl("_last_target", TORCH_BOX(&LastTargetOp));
  m.impl("_force_target", TORCH_BOX(&ForceTargetOp));
}

}  // namespace xmsda::torch_binding
