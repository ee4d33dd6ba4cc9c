// `xmsda simulate`: one problem on a simulated Ascend chip; the simulator's tables and a summary of the kernels.
// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "ascend/host/launch.h"
#include "ascend/host/variants.h"
#include "ascend/simulator.h"
#include "driver/options.h"
#include "testing/tester.h"

namespace xmsda::driver {
namespace {

using nlohmann::ordered_json;

// Files that are read back: the caller's, or ones that go with this.
class Files {
 public:
  explicit Files(const Options& options) : stats_(options.stats) {
    const std::string name = "xmsda-simulate-" + std::to_string(getpid());
    const std::filesystem::path folder = std::filesystem::temp_directory_path();
    tables_ = folder / (name + ".log");
    own_stats_ = folder / (name + ".json");
    if (stats_.empty()) stats_ = own_stats_;
  }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  ~Files() {
    std::error_code ignored;
    std::filesystem::remove(tables_, ignored);
    std::filesystem::remove(own_stats_, ignored);
  }
  const std::string& stats() const { return stats_; }
  const std::string& tables() const { return tables_; }

 private:
  std::string stats_, own_stats_, tables_;
};

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Status RunPass(const Plan& plan, const testing::CaseData& data, bool backward, testing::Results* results) {
  const Backend& backend = *plan.backends.front();
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

// Of the name, one of Comparisons() too; null when there is none.
const ascend::Variant* Find(const std::string& name) {
  for (const ascend::Variant* variant : ascend::Comparisons()) {
    if (name == variant->name) return variant;
  }
  return ascend::FindVariant(name);
}

// Null for "auto" when there is nothing to launch.
const ascend::Variant* Chosen(const Options& options, const Problem& problem, const ascend::Chip& chip, bool backward) {
  return options.variant == "auto" ? ascend::ChooseVariant(problem, chip, backward) : Find(options.variant);
}

// The one case, for the backend of the variant.
Status PlanFor(Options options, const Backend& backend, Plan* plan) {
  options.backends = {"reference"};  // takes everything
  if (Status status = MakePlan(options, {"detr-enc"}, false, plan); !status.ok()) return status;
  if (plan->cases.size() != 1) {
    return Status::InvalidArgument("problems: expected one for simulate, got " + std::to_string(plan->cases.size()));
  }
  plan->backends = {&backend};
  return backend.supports(plan->cases.front().test_case.problem);
}

// Tells what was chosen and runs nothing.
void Choose(const Options& options, const Problem& problem, bool backward, ordered_json* passes) {
  const ascend::Variant* chosen = Chosen(options, problem, ascend::ChipOfDevice(), backward);
  passes->push_back({{"pass", backward ? "backward" : "forward"}});
  if (chosen != nullptr) passes->back()["variant"] = chosen->name;
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

void Print(const ordered_json& all) {
  std::printf("%s on %s (simulated), variant %s, sampling %s\n", all["problem"].get<std::string>().c_str(),
              all["chip"].get<std::string>().c_str(), all["variant"].get<std::string>().c_str(),
              all["sampling"].get<std::string>().c_str());
  for (const ordered_json& pass : all["passes"]) {
    for (const ordered_json& kernel : pass["kernels"]) {
      std::printf("  %-28s %10.2f us  %s busy %.1f %%, %s %.1f %%\n", kernel["kernel"].get<std::string>().c_str(),
                  kernel["microseconds"].get<double>(), kernel["bound"].get<std::string>().c_str(),
                  100 * kernel["busy"].get<double>(), kernel["next"].get<std::string>().c_str(),
                  100 * kernel["next_busy"].get<double>());
    }
    std::printf("%-30s %10.2f us  %.1f cycles a sample and core (%s)\n", pass["pass"].get<std::string>().c_str(),
                pass["microseconds"].get<double>(), pass["cycles_per_sample_and_core"].get<double>(),
                pass.value("variant", "nothing to do").c_str());
  }
}

Status SimulateCase(const Options& options, const Plan& plan, const Files& files, ordered_json* all) {
  testing::Case test_case = plan.cases.front().test_case;
  test_case.misaligned = false;  // as allocators give it
  const Problem& problem = test_case.problem;
  const ascend::Chip chip = ascend::ChipOfDevice();
  *all = {{"mode", "simulate"},
          {"simulated", true},
          {"name", plan.cases.front().name},
          {"problem", ToString(problem)},
          {"sampling", testing::PatternName(test_case.pattern)},
          {"seed", test_case.seed},
          {"variant", options.variant},
          {"chip", options.chip},
          {"set", options.set},
          {"passes", ordered_json::array()}};
  const double samples =
      static_cast<double>(problem.batch * problem.num_queries * problem.num_heads * problem.SamplesPerQuery());
  testing::CaseData data;
  if (!options.choose) data = testing::MakeCase(test_case);
  testing::Results results;
  size_t seen = 0;
  for (const bool backward : {false, true}) {
    if (!(backward ? plan.backward && plan.backends.front()->backward : plan.forward)) continue;
    if (options.choose) {
      Choose(options, problem, backward, &(*all)["passes"]);
      continue;
    }
    if (Status status = RunPass(plan, data, backward, &results); !status.ok()) return status;
    if (Status status = ascend::FlushSimulator(); !status.ok()) return status;
    const ordered_json stats = ordered_json::parse(Read(files.stats()), nullptr, false);
    const ordered_json launches = stats.is_object() ? stats["launches"] : ordered_json::array();
    ordered_json row = PassRow(launches, seen, backward, samples, chip.vector_cores);
    const ascend::Variant* chosen = Chosen(options, problem, chip, backward);
    if (chosen != nullptr) row["variant"] = chosen->name;
    (*all)["passes"].push_back(std::move(row));
    seen = launches.size();
  }
  return {};
}

}  // namespace

int Simulate(const Options& options) {
  const ascend::Variant* const variant = Find(options.variant);
  if (variant == nullptr) return Refuse(ascend::UnknownVariant(options.variant, true).message());
  const Files files(options);
  ascend::SimulatorOptions simulator;
  simulator.chip = options.chip;
  simulator.set = options.set;
  simulator.trace = options.trace;
  simulator.stats = files.stats();
  simulator.log = files.tables();
  simulator.progress = isatty(STDERR_FILENO) != 0;
  Status status = ascend::ConfigureSimulator(simulator);
  if (!status.ok()) return Refuse(status.message());
  const Backend backend = ascend::SimulatorBackend(*variant);
  Plan plan;
  status = PlanFor(options, backend, &plan);
  if (!status.ok()) return Refuse(status.message());
  ordered_json all;
  status = SimulateCase(options, plan, files, &all);
  if (!options.json) std::fputs(Read(files.tables()).c_str(), stdout);
  if (!status.ok()) {
    // A kernel that broke a rule; the tables tell all of them.
    (void)Refuse(status.message());
    return status.code() == StatusCode::kDevice ? kCheckFailed : kBadInput;
  }
  if (options.json) {
    std::printf("%s\n", all.dump(2).c_str());
  } else if (options.choose) {
    for (const ordered_json& pass : all["passes"]) {
      std::printf("%-8s %s\n", pass["pass"].get<std::string>().c_str(), pass.value("variant", "nothing to do").c_str());
    }
  } else {
    Print(all);
  }
  return kSuccess;
}

}  // namespace xmsda::driver
