// `xmsda simulate`: one problem on a simulated Ascend chip; the simulator's tables and a summary of the kernels.
// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "ascend/host/ablations.h"
#include "ascend/host/variants.h"
#include "ascend/simulator.h"
#include "driver/options.h"
#include "driver/simulated.h"

namespace xmsda::driver {
namespace {

using nlohmann::ordered_json;

// Of the name, one of Comparisons() too; null when there is none.
const ascend::Variant* Find(const std::string& name) {
  for (const ascend::Variant* variant : ascend::Comparisons()) {
    if (name == variant->name) return variant;
  }
  return ascend::FindVariant(name);
}

// What the command line asks of a pass: a variant, or a choice, or one of them without an optimisation.
Status Asked(const Options& options, const Problem& problem, bool backward, ascend::Choice* choice) {
  if (!options.choice.empty()) {
    if (options.variant != "auto") {
      return Status::InvalidArgument("choice: expected no --variant beside it, got \"" + options.variant + "\"");
    }
    if (Status status = ascend::ParseChoice(options.choice, backward, choice); !status.ok()) return status;
  } else {
    *choice = {Find(options.variant), {}};
  }
  if (options.ablate.empty()) return {};
  if (!(choice->wish == ascend::Wish{})) {
    return Status::InvalidArgument("ablate: expected no tiling in --choice beside it, got \"" + options.choice + "\"");
  }
  if (choice->variant == ascend::Variants().front()) {
    if (Status status = ascend::SimulatorChoice(problem, backward, choice); !status.ok()) return status;
    if (choice->variant == nullptr) return Status::Unsupported("ablate: expected a problem that a variant takes");
  }
  return ascend::Ablate(options.ablate, *choice->variant, backward, choice);
}

// With "auto" resolved; a null variant when there is nothing to launch.
Status Told(const ascend::Choice& asked, const Problem& problem, bool backward, ordered_json* pass) {
  ascend::Choice choice = asked;
  if (choice.variant == ascend::Variants().front()) {
    if (Status status = ascend::SimulatorChoice(problem, backward, &choice); !status.ok()) return status;
  }
  if (choice.variant == nullptr) return {};
  (*pass)["variant"] = choice.variant->name;
  if (!(choice.wish == ascend::Wish{})) (*pass)["choice"] = ascend::ToString(choice);
  return {};
}

// The one case, and the backend of what is asked of its passes.
Status PlanFor(Options options, Plan* plan, Backend* backend, ascend::Choice* asked) {
  options.backends = {"reference"};  // takes everything
  if (Status status = MakePlan(options, {"detr-enc"}, false, plan); !status.ok()) return status;
  if (plan->cases.size() != 1) {
    return Status::InvalidArgument("problems: expected one for simulate, got " + std::to_string(plan->cases.size()));
  }
  const Problem& problem = plan->cases.front().test_case.problem;
  for (const bool backward : {false, true}) {
    ascend::Choice& choice = asked[backward ? 1 : 0];
    if (!(backward ? plan->backward : plan->forward)) continue;
    if (Status status = Asked(options, problem, backward, &choice); !status.ok()) return status;
    if (backward && choice.variant->backward == nullptr) choice = {};
  }
  *backend = ascend::SimulatorBackend(asked[0], asked[1]);
  plan->backends = {backend};
  return backend->supports(problem);
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

Status SimulateCase(const Options& options, const Plan& plan, const ascend::Choice* asked, const Files& files,
                    ordered_json* all) {
  testing::Case test_case = plan.cases.front().test_case;
  test_case.misaligned = false;  // as allocators give it
  const Problem& problem = test_case.problem;
  *all = {{"mode", "simulate"},
          {"simulated", true},
          {"name", plan.cases.front().name},
          {"problem", ToString(problem)},
          {"sampling", testing::PatternName(test_case.pattern)},
          {"seed", test_case.seed},
          {"variant", options.choice.empty() ? options.variant : options.choice},
          {"chip", options.chip},
          {"set", options.set},
          {"passes", ordered_json::array()}};
  testing::CaseData data;
  if (!options.choose) data = testing::MakeCase(test_case);
  SimulatedPasses passes(data, files);
  for (const bool backward : {false, true}) {
    const ascend::Choice& choice = asked[backward ? 1 : 0];
    if (choice.variant == nullptr) continue;
    ordered_json row = {{"pass", backward ? "backward" : "forward"}};
    if (!options.choose) {
      Status status = passes.Run(*plan.backends.front(), backward, nullptr, &row);
      if (!status.ok()) return status;
    }
    if (Status status = Told(choice, problem, backward, &row); !status.ok()) return status;
    (*all)["passes"].push_back(std::move(row));
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
  simulator.tuning = options.tuning;
  simulator.stats = files.stats();
  simulator.log = files.tables();
  simulator.progress = isatty(STDERR_FILENO) != 0;
  Status status = ascend::ConfigureSimulator(simulator);
  if (!status.ok()) return Refuse(status.message());
  Backend backend;
  Plan plan;
  ascend::Choice asked[2];
  status = PlanFor(options, &plan, &backend, asked);
  if (!status.ok()) return Refuse(status.message());
  ordered_json all;
  status = SimulateCase(options, plan, asked, files, &all);
  if (!options.json) std::fputs(ReadFile(files.tables()).c_str(), stdout);
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
