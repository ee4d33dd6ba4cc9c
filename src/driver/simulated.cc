// Passes on the simulated chip, and what of the simulator's statistics is told about them.
// SPDX-License-Identifier: Apache-2.0
#include "driver/simulated.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "ascend/host/launch.h"

namespace xmsda::driver {
namespace {

using nlohmann::ordered_json;

Status RunPass(const Backend& backend, const testing::CaseData& data, bool backward, testing::Results* results) {
  const Problem& problem = data.test_case.problem;
  if (!backward) {
    results->output = testing::Buffer(data.grad_output.size());
    return backend.forward(problem, data.inputs, results->output.data(), {}, SerialExecutor(), {});
  }
  results->grad_value = testing::Buffer(data.value.size());
  results->grad_locations = testing::Buffer(data.locations.size());
  results->grad_weights = testing::Buffer(data.weights.size());
  const Gradients gradients{results->grad_value.data(), results->grad_locations.data(), results->grad_weights.data(),
                            data.grad_value_strides};
  return backend.backward(problem, data.inputs, data.grad_output.data(), gradients, {}, SerialExecutor(), {});
}

// What counts of a kernel, from the simulator's statistics (sim/docs/stats.md).
ordered_json KernelRow(const ordered_json& launch) {
  const ordered_json& summary = launch["summary"];
  const auto busy = [&](const std::string& queue) {
    return queue.empty() ? 0.0 : summary["queues"][queue]["busy_mean"].get<double>();
  };
  const std::string bound = summary["bound"], next = summary["next"];
  ordered_json bytes = ordered_json::object();
  for (const auto& [path, traffic] : summary["paths"].items()) bytes[path] = traffic["bytes"];
  return {{"kernel", launch["kernel"]},
          {"microseconds", summary["microseconds"]},
          {"cycles", launch["total_cycles"]},
          {"blocks", launch["block_dim"]},
          {"bound", bound},
          {"busy", busy(bound)},
          {"next", next},
          {"next_busy", busy(next)},
          {"imbalance", summary["imbalance"]},
          {"bytes", std::move(bytes)}};
}

// Of the launches from `first` on; adds them up.
ordered_json PassRow(const ordered_json& launches, size_t first, bool backward, double samples, int32_t cores) {
  ordered_json row = {{"pass", backward ? "backward" : "forward"}, {"microseconds", 0}, {"cycles", 0}};
  double microseconds = 0, cycles = 0, longest = -1;
  ordered_json kernels = ordered_json::array();
  for (size_t i = first; i < launches.size(); ++i) {
    ordered_json kernel = KernelRow(launches[i]);
    const double time = kernel["microseconds"];
    microseconds += time;
    cycles += kernel["cycles"].get<double>();
    if (time > longest) row["bound"] = kernel["bound"];
    longest = std::max(longest, time);
    kernels.push_back(std::move(kernel));
  }
  row["microseconds"] = microseconds;
  row["cycles"] = cycles;
  // Of one core: all of them work at the same time.
  row["cycles_per_sample_and_core"] = samples > 0 ? cycles * cores / samples : 0;
  row["kernels"] = std::move(kernels);
  return row;
}

}  // namespace

Files::Files(const Options& options) : stats_(options.stats) {
  const std::string name = "xmsda-simulate-" + std::to_string(getpid());
  const std::filesystem::path folder = std::filesystem::temp_directory_path();
  tables_ = folder / (name + ".log");
  own_stats_ = folder / (name + ".json");
  if (stats_.empty()) stats_ = own_stats_;
}

Files::~Files() {
  std::error_code ignored;
  std::filesystem::remove(tables_, ignored);
  std::filesystem::remove(own_stats_, ignored);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Status SimulatedPasses::Run(const Backend& backend, bool backward, testing::Results* results, ordered_json* row) {
  testing::Results own;
  if (Status status = RunPass(backend, data_, backward, results == nullptr ? &own : results); !status.ok()) {
    return status;
  }
  if (Status status = ascend::FlushSimulator(); !status.ok()) return status;
  if (devices_ != ascend::SimulatedDevices()) seen_ = 0;
  devices_ = ascend::SimulatedDevices();
  const ordered_json stats = ordered_json::parse(ReadFile(files_.stats()), nullptr, false);
  const ordered_json launches = stats.is_object() ? stats["launches"] : ordered_json::array();
  const Problem& p = data_.test_case.problem;
  const auto samples = static_cast<double>(p.batch * p.num_queries * p.num_heads * p.SamplesPerQuery());
  *row = PassRow(launches, seen_, backward, samples, ascend::ChipOfDevice().vector_cores);
  seen_ = launches.size();
  return {};
}

}  // namespace xmsda::driver
