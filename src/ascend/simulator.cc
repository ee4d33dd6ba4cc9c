// The variants of the Ascend kernels as backends on the simulator.
// SPDX-License-Identifier: Apache-2.0
#include "ascend/simulator.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <utility>

#include "acl/acl.h"
#include "ascend/host/launch.h"
#include "ascend/host/tuning.h"
#include "ascend/host/variants.h"
#include "ascsim/ascsim.h"
#include "core/validate.h"

namespace xmsda::ascend {
namespace {

// One simulated device a process.
std::mutex mutex;
std::optional<SimulatorOptions> configured;
bool half_aligned_gathers = false;  // of the configured device
Tuning tuning;                      // the same
int64_t devices = 0;

bool IsSet(const char* variable) {
  const char* text = std::getenv(variable);
  return text != nullptr && *text != '\0';
}

// "what "got": expected ..." as "argument: expected ..., got "got""; empty when it is something else.
std::string ExpectedGot(const std::string& message, const std::string& what, const std::string& argument) {
  const size_t end = message.find("\": expected ");
  if (!message.starts_with(what + " \"") || end == std::string::npos) return "";
  const std::string got = message.substr(what.size() + 1, end - what.size());
  return argument + message.substr(end + 1) + ", got " + got;
}

// The simulator names the environment's variables, which the caller may never have heard of.
std::string Reworded(std::string message) {
  constexpr const char* kTable = "ASCSIM_CHIP, ASCSIM_SET: ";
  if (message.starts_with(kTable)) {
    const std::string rest = message.substr(std::strlen(kTable));
    for (const auto& [what, argument] : {std::pair("unknown chip", "chip"), std::pair("override", "set")}) {
      if (std::string text = ExpectedGot(rest, what, argument); !text.empty()) return text;
    }
  }
  constexpr std::pair<const char*, const char*> kNames[] = {
      {kTable, "chip, set: "}, {"ASCSIM_CHECK", "check"}, {"ASCSIM_TRACE", "trace"}, {"ASCSIM_STATS", "stats"}};
  for (const auto& [from, to] : kNames) {
    if (message.starts_with(from)) return to + message.substr(std::strlen(from));
  }
  return message;
}

Status ConfigureLocked(const SimulatorOptions& options, bool half_aligned) {
  if (configured == options && half_aligned_gathers == half_aligned) return {};
  Tuning loaded;
  if (!options.tuning.empty()) {
    if (Status status = loaded.Load(options.tuning); !status.ok()) return status;
  }
  try {
    ascsim::Options device = ascsim::OptionsFromEnvironment();
    const auto replace = [](const std::string& with, std::string* what) {
      if (!with.empty()) *what = with;
    };
    replace(options.chip, &device.chip);
    replace(options.set, &device.set);
    replace(options.check, &device.check);
    replace(options.trace, &device.trace);
    replace(options.stats, &device.stats);
    replace(options.log, &device.log);
    if (half_aligned) device.rules += std::string(device.rules.empty() ? "" : ",") + "misaligned-gather32=off";
    device.progress = options.progress;
    if (device.log.empty() && !IsSet("ASCSIM_REPORT")) device.report = ascsim::ReportLevel::kOff;
    device.exit_status = 0;  // failures are the statuses of calls
    ascsim::Configure(device);
    ++devices;
  } catch (const ascsim::Error& error) {
    return Status::InvalidArgument(Reworded(error.what()));
  }
  configured = options;
  tuning = std::move(loaded);
  half_aligned_gathers = half_aligned;
  return {};
}

// The device of this thread.
Status Begin(bool half_aligned) {
  const SimulatorOptions options = configured.value_or(SimulatorOptions{});
  if (Status status = ConfigureLocked(options, half_aligned); !status.ok()) return status;
  static const int initialised = aclInit(nullptr);
  if (Status status = Acl("aclInit", initialised); !status.ok()) return status;
  static thread_local const int set = aclrtSetDevice(0);
  return Acl("aclrtSetDevice", set);
}

class DeviceArray {
 public:
  DeviceArray() = default;
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() {
    if (data_ != nullptr) (void)aclrtFree(data_);
  }

  // Null when it has no bytes.
  Status Allocate(int64_t bytes) {
    size_ = static_cast<size_t>(bytes);
    if (bytes == 0) return {};
    return Acl("aclrtMalloc", aclrtMalloc(&data_, size_, ACL_MEM_MALLOC_HUGE_FIRST));
  }
  Status Fill(const void* host, int64_t bytes) {
    Status status = Allocate(bytes);
    if (!status.ok() || bytes == 0) return status;
    return Acl("aclrtMemcpy", aclrtMemcpy(data_, size_, host, size_, ACL_MEMCPY_HOST_TO_DEVICE));
  }
  Status Read(void* host) const {
    if (size_ == 0) return {};
    return Acl("aclrtMemcpy", aclrtMemcpy(host, size_, data_, size_, ACL_MEMCPY_DEVICE_TO_HOST));
  }
  void* data() const { return data_; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

// Calls copy(offset in elements under the strides, offset in the dense array) for every row of channels.
template <class Copy>
void ForValueRows(const Problem& p, const ValueStrides& strides, const Copy& copy) {
  int64_t dense = 0;
  for (int64_t b = 0; b < p.batch; ++b) {
    for (int64_t s = 0; s < p.value_size; ++s) {
      for (int64_t m = 0; m < p.num_heads; ++m, dense += p.channels) {
        copy(b * strides.batch + s * strides.pixel + m * strides.head, dense);
      }
    }
  }
}

std::vector<uint8_t> DenseValue(const Problem& p, const void* value, const ValueStrides& strides) {
  const auto size = static_cast<int64_t>(DTypeSize(p.value_dtype));
  std::vector<uint8_t> dense(static_cast<size_t>(p.batch * p.value_size * p.num_heads * p.channels * size));
  const auto* from = static_cast<const uint8_t*>(value);
  ForValueRows(p, strides, [&](int64_t strided, int64_t at) {
    for (int64_t d = 0; d < p.channels; ++d) {
      std::memcpy(dense.data() + (at + d) * size, from + (strided + d * strides.channel) * size,
                  static_cast<size_t>(size));
    }
  });
  return dense;
}

void SpreadValue(const Problem& p, const std::vector<uint8_t>& dense, void* value, const ValueStrides& strides) {
  const auto size = static_cast<int64_t>(DTypeSize(p.value_dtype));
  auto* to = static_cast<uint8_t*>(value);
  ForValueRows(p, strides, [&](int64_t strided, int64_t at) {
    for (int64_t d = 0; d < p.channels; ++d) {
      std::memcpy(to + (strided + d * strides.channel) * size, dense.data() + (at + d) * size,
                  static_cast<size_t>(size));
    }
  });
}

// [B,Q,M,row] of float32 with a dense row.
std::vector<uint8_t> DenseSamples(const Problem& p, const void* array, const SampleStrides& strides, int64_t row) {
  const auto bytes = static_cast<size_t>(row) * sizeof(float);
  std::vector<uint8_t> dense(static_cast<size_t>(p.batch * p.num_queries * p.num_heads) * bytes);
  uint8_t* to = dense.data();
  for (int64_t b = 0; b < p.batch && bytes > 0; ++b) {
    for (int64_t q = 0; q < p.num_queries; ++q) {
      for (int64_t m = 0; m < p.num_heads; ++m, to += bytes) {
        const int64_t at = b * strides.batch + q * strides.query + m * strides.head;
        std::memcpy(to, static_cast<const uint8_t*>(array) + at * static_cast<int64_t>(sizeof(float)), bytes);
      }
    }
  }
  return dense;
}

// The inputs of a call on the device.
struct DeviceCall {
  Chip chip;
  DeviceArray value, locations, weights, workspace;

  Status Fill(const Problem& p, const Inputs& inputs, int64_t workspace_bytes) {
    const int64_t samples = p.SamplesPerQuery();
    const auto fill = [](DeviceArray* array, const std::vector<uint8_t>& dense) {
      return array->Fill(dense.data(), static_cast<int64_t>(dense.size()));
    };
    Status status = fill(&value, DenseValue(p, inputs.value, inputs.value_strides));
    if (!status.ok()) return status;
    status = fill(&locations, DenseSamples(p, inputs.locations, inputs.location_strides, 2 * samples));
    if (!status.ok()) return status;
    status = fill(&weights, DenseSamples(p, inputs.weights, inputs.weight_strides, samples));
    return status.ok() ? workspace.Allocate(workspace_bytes) : status;
  }
  Launch Of(const Problem& problem) const {
    return {problem, chip, {value.data(), locations.data(), weights.data()}, workspace.data(), nullptr};
  }
};

Status Wait() { return Acl("aclrtSynchronizeStream", aclrtSynchronizeStream(nullptr)); }

int64_t OutputBytes(const Problem& p) {
  return p.batch * p.num_queries * p.num_heads * p.channels * static_cast<int64_t>(DTypeSize(p.value_dtype));
}

// Of the device, as tunings name it.
std::string ChipName() {
  const SimulatorOptions options = configured.value_or(SimulatorOptions{});
  const std::string name = options.chip.empty() ? ascsim::OptionsFromEnvironment().chip : options.chip;
  return options.set.empty() ? name : name + " " + options.set;
}

// What "auto" becomes; other choices stay.
Status Resolve(const Problem& problem, bool backward, Choice* choice) {
  if (choice->variant != Variants().front() || tuning.entries().empty()) return {};
  const TunedChoice* tuned = nullptr;
  Status status = tuning.Find(ChipName(), ChipOfDevice(), problem, backward, &tuned);
  if (tuned != nullptr) *choice = tuned->choice;
  return status;
}

// What a pass of the problem does and what of the chip it uses.
Status PlanPass(const Problem& problem, bool backward, Choice* choice, Chip* chip) {
  if (Status status = Begin(half_aligned_gathers); !status.ok()) return status;
  if (Status status = Resolve(problem, backward, choice); !status.ok()) return status;
  const Chip device = ChipOfDevice();
  *chip = ChipOf(*choice, device, backward);
  // A refusal of a wish must not say that other variants take the problem.
  if (choice->wish == Wish{}) return Supports(*choice->variant, problem, *chip);
  return Supports(*choice, problem, device, backward);
}

Status SimulateForward(Choice choice, const Problem& problem, const Inputs& inputs, void* output) {
  const std::lock_guard lock(mutex);
  DeviceCall call;
  if (Status status = PlanPass(problem, false, &choice, &call.chip); !status.ok()) return status;
  if (Status status = Begin(choice.variant->half_aligned_gathers); !status.ok()) return status;
  const Variant& variant = *choice.variant;
  Status status = call.Fill(problem, inputs, ForwardWorkspace(variant, problem, call.chip));
  if (!status.ok()) return status;
  DeviceArray result;
  if (status = result.Allocate(OutputBytes(problem)); !status.ok()) return status;
  status = Forward(variant, call.Of(problem), result.data());
  // Also after a launch that was refused: those before it may have left an error.
  if (Status waited = Wait(); status.ok()) status = std::move(waited);
  return status.ok() ? result.Read(output) : status;
}

Status SimulateBackward(Choice choice, const Problem& problem, const Inputs& inputs, const void* grad_output,
                        const Gradients& gradients) {
  const std::lock_guard lock(mutex);
  DeviceCall call;
  if (Status status = PlanPass(problem, true, &choice, &call.chip); !status.ok()) return status;
  if (Status status = Begin(choice.variant->half_aligned_gathers); !status.ok()) return status;
  const Variant& variant = *choice.variant;
  Status status = call.Fill(problem, inputs, BackwardWorkspace(variant, problem, call.chip));
  if (!status.ok()) return status;
  DeviceArray grad, value, locations, weights;
  if (status = grad.Fill(grad_output, OutputBytes(problem)); !status.ok()) return status;
  const int64_t samples =
      problem.batch * problem.num_queries * problem.num_heads * problem.SamplesPerQuery() * int64_t{sizeof(float)};
  std::vector<uint8_t> dense(
      static_cast<size_t>(problem.batch * problem.value_size * problem.num_heads * problem.channels) *
      DTypeSize(problem.value_dtype));
  if (status = value.Allocate(static_cast<int64_t>(dense.size())); !status.ok()) return status;
  if (status = locations.Allocate(2 * samples); !status.ok()) return status;
  if (status = weights.Allocate(samples); !status.ok()) return status;
  status = Backward(variant, call.Of(problem), grad.data(), {value.data(), locations.data(), weights.data()});
  if (Status waited = Wait(); status.ok()) status = std::move(waited);
  if (!status.ok()) return status;
  if (status = value.Read(dense.data()); !status.ok()) return status;
  if (status = locations.Read(gradients.locations); !status.ok()) return status;
  if (status = weights.Read(gradients.weights); !status.ok()) return status;
  SpreadValue(problem, dense, gradients.value, gradients.value_strides);
  return {};
}

}  // namespace

int64_t SimulatedDevices() {
  const std::lock_guard lock(mutex);
  return devices;
}

Status SimulatorChoice(const Problem& problem, bool backward, Choice* choice) {
  const std::lock_guard lock(mutex);
  if (Status status = Begin(half_aligned_gathers); !status.ok()) return status;
  *choice = {Variants().front(), {}};
  if (Status status = Resolve(problem, backward, choice); !status.ok()) return status;
  if (choice->variant == Variants().front()) *choice = DefaultChoice(problem, ChipOfDevice(), backward);
  return {};
}

Backend SimulatorBackend(const Variant& variant) {
  return SimulatorBackend({&variant, {}}, {variant.backward != nullptr ? &variant : nullptr, {}});
}

Backend SimulatorBackend(const Choice& forward, const Choice& backward) {
  const Variant& variant = *(forward.variant != nullptr ? forward : backward).variant;
  Backend backend;
  const bool is_auto = &variant == Variants().front();
  backend.name = is_auto ? "ascend-sim" : std::string("ascend-sim:") + variant.name;
  backend.description = std::string("Ascend kernels, simulated: ") + variant.description;
  backend.is_simulated = true;
  // Saturation is Cast's; corner weights come from differences of the attention weight and its parts.
  backend.arithmetic = {.f16_weights = variant.f16_weights, .f16_saturates = true, .infinite_weights_are_nan = true};
  backend.supports = [forward, backward](const Problem& problem) -> Status {
    const std::lock_guard lock(mutex);
    for (const bool is_backward : {false, true}) {
      Choice choice = is_backward ? backward : forward;
      Chip chip;
      if (choice.variant == nullptr) continue;
      if (Status status = PlanPass(problem, is_backward, &choice, &chip); !status.ok()) return status;
    }
    return {};
  };
  if (forward.variant == nullptr) {
    backend.forward = nullptr;
  } else {
    backend.forward = [forward](const Problem& problem, const Inputs& inputs, void* output, const Workspace& workspace,
                                const Executor& executor, const CallOptions&) {
      Status status = ValidateForwardCall(problem, inputs, output, workspace, 0, executor);
      return status.ok() ? SimulateForward(forward, problem, inputs, output) : status;
    };
  }
  if (backward.variant == nullptr) return backend;
  backend.backward = [backward](const Problem& problem, const Inputs& inputs, const void* grad_output,
                                const Gradients& gradients, const Workspace& workspace, const Executor& executor,
                                const CallOptions&) {
    Status status = ValidateBackwardCall(problem, inputs, grad_output, gradients, workspace, 0, executor);
    return status.ok() ? SimulateBackward(backward, problem, inputs, grad_output, gradients) : status;
  };
  return backend;
}

Status ConfigureSimulator(const SimulatorOptions& options) {
  const std::lock_guard lock(mutex);
  return ConfigureLocked(options, half_aligned_gathers);
}

Status FlushSimulator() {
  const std::lock_guard lock(mutex);
  try {
    ascsim::Flush();
  } catch (const ascsim::Error& error) {
    return Status::InvalidArgument(Reworded(error.what()));
  }
  return {};
}

std::vector<Backend> SimulatorBackends() {
  std::vector<Backend> backends;
  for (const Variant* variant : Variants()) backends.push_back(SimulatorBackend(*variant));
  return backends;
}

}  // namespace xmsda::ascend
