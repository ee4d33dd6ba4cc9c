// The torch operators that run the Ascend kernels on the simulator: a library of its own, which most builds leave out.
// SPDX-License-Identifier: Apache-2.0
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "arguments.h"
#include "ascend/host/variants.h"
#include "ascend/simulator.h"
#include "backends.h"
#include "memory.h"
#include "xmsda/msda.h"

namespace xmsda::torch_binding {
namespace {

// The core's names for what the caller of the Python function calls otherwise.
constexpr std::pair<const char*, const char*> kNames[] = {{"locations", "sampling_locations"},
                                                          {"levels", "spatial_shapes"},
                                                          {"sampling", "method"},
                                                          {"num_queries", "sampling_locations"},
                                                          {"batch", "value"},
                                                          {"num_heads", "value"},
                                                          {"channels", "value"}};

std::string InPythonsNames(const std::string& message) {
  // Of the two, calls from Python give the chip only.
  constexpr std::string_view kTable = "chip, set: ";
  if (message.starts_with(kTable)) {
    return "chip: expected a chip or a sound table of one, got " + message.substr(kTable.size());
  }
  const size_t end = message.find_first_of(":[");
  for (const auto& [core, python] : kNames) {
    if (message.substr(0, end) == core) return python + message.substr(end);
  }
  return message;
}

// What the kernels cannot do is a wrong argument, a ValueError; what the simulator reports of them is a RuntimeError.
void Check(const Status& status) {
  if (status.ok()) return;
  if (status.code() == StatusCode::kDevice) throw std::runtime_error(status.message());
  throw std::invalid_argument(InPythonsNames(status.message()));
}

const Backend& BackendOf(const std::string& variant) {
  static const std::vector<Backend> backends = ascend::SimulatorBackends();
  const std::vector<const ascend::Variant*>& variants = ascend::Variants();
  for (size_t i = 0; i < variants.size(); ++i) {
    if (variants[i]->name == variant) return backends[i];
  }
  Check(ascend::UnknownVariant(variant, false));
  return backends.front();
}

// The simulated device is the process's: another thread's call must not exchange it between this one's steps.
std::mutex device;

// A call that the backend takes, on the chip that was asked for.
Call ReadCall(const TensorArguments& arguments, const std::string& chip, const Backend& backend) {
  Call call = ReadArguments(arguments);
  Check(Validate(call.problem));  // before memory of such sizes is asked for
  // The file of `xmsda tune` that "auto" heeds; read here, since the library reads no environment.
  const char* const tuning = std::getenv("XMSDA_TUNING");
  Check(ascend::ConfigureSimulator({.chip = chip, .tuning = tuning == nullptr ? "" : tuning}));
  Check(backend.supports(call.problem));
  return call;
}

Tensor ForwardOp(const Tensor& value, const Tensor& spatial_shapes, const std::optional<Tensor>& level_start_index,
                 const Tensor& sampling_locations, const Tensor& attention_weights, const Points& points, bool discrete,
                 const std::string& chip, const std::string& variant) {
  const Backend& backend = BackendOf(variant);
  const std::lock_guard lock(device);
  const Call call =
      ReadCall({value, spatial_shapes, level_start_index, sampling_locations, attention_weights, points, discrete},
               chip, backend);
  const Problem& problem = call.problem;
  const Executor executor = SerialExecutor();
  Tensor output =
      EmptyDense({problem.batch, problem.num_queries, problem.num_heads * problem.channels}, value, executor);
  Check(backend.forward(problem, call.inputs, output.mutable_data_ptr(), {}, executor, {}));
  return output;
}

std::tuple<Tensor, Tensor, Tensor> BackwardOp(const Tensor& value, const Tensor& spatial_shapes,
                                              const std::optional<Tensor>& level_start_index,
                                              const Tensor& sampling_locations, const Tensor& attention_weights,
                                              const Points& points, bool discrete, const std::string& chip,
                                              const std::string& variant, const Tensor& grad_output_argument) {
  const Backend& backend = BackendOf(variant);
  if (!backend.backward) FailArgument("variant", "one with a backward pass", variant);
  const std::lock_guard lock(device);
  const Call call =
      ReadCall({value, spatial_shapes, level_start_index, sampling_locations, attention_weights, points, discrete},
               chip, backend);
  const Tensor grad_output = ReadGradOutput(grad_output_argument, call.problem);
  const Executor executor = SerialExecutor();
  Tensor grad_value = EmptyPreserve(value, executor);
  Tensor grad_locations = EmptyDenseLike(sampling_locations, executor);
  Tensor grad_weights = EmptyDenseLike(attention_weights, executor);
  const Gradients gradients{.value = grad_value.mutable_data_ptr(),
                            .locations = grad_locations.mutable_data_ptr(),
                            .weights = grad_weights.mutable_data_ptr(),
                            .value_strides = {.batch = grad_value.stride(0),
                                              .pixel = grad_value.stride(1),
                                              .head = grad_value.stride(2),
                                              .channel = grad_value.stride(3)}};
  Check(backend.backward(call.problem, call.inputs, grad_output.const_data_ptr(), gradients, {}, executor, {}));
  return {grad_value, grad_locations, grad_weights};
}

std::string VariantsOp() {
  std::string names;
  for (const ascend::Variant* variant : ascend::Variants()) {
    if (!names.empty()) names += ',';
    names += variant->name;
  }
  return names;
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(xmsda, m) {
  m.def(
      "ascend_sim_forward(Tensor value, Tensor spatial_shapes, Tensor? level_start_index, Tensor sampling_locations, "
      "Tensor attention_weights, int[] points, bool discrete, str chip, str variant) -> Tensor");
  m.def(
      "ascend_sim_backward(Tensor value, Tensor spatial_shapes, Tensor? level_start_index, Tensor sampling_locations, "
      "Tensor attention_weights, int[] points, bool discrete, str chip, str variant, Tensor grad_output) -> "
      "(Tensor, Tensor, Tensor)");
  m.def("_ascend_sim_variants() -> str");
}

STABLE_TORCH_LIBRARY_IMPL(xmsda, CPU, m) {
  m.impl("ascend_sim_forward", TORCH_BOX(&ForwardOp));
  m.impl("ascend_sim_backward", TORCH_BOX(&BackwardOp));
}

STABLE_TORCH_LIBRARY_IMPL(xmsda, CompositeExplicitAutograd, m) {
  m.impl("_ascend_sim_variants", TORCH_BOX(&VariantsOp));
}

}  // namespace xmsda::torch_binding
