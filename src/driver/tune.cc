// `xmsda tune`: drafts all choices for a pass by the analytic model, simulates the best of them, keeps the fastest.
// SPDX-License-Identifier: Apache-2.0
//
// Draft and verify are the idea of "Pruner: A Draft-then-Verify Exploration Mechanism to Accelerate Tensor Program
// Tuning". A third of the trials are drawn at random, so that the draft's ranking can be judged on good and bad ones.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <random>

#include "ascend/host/launch.h"
#include "ascend/host/tuning.h"
#include "driver/options.h"
#include "driver/simulated.h"

namespace xmsda::driver {
namespace {

using ascend::Choice;
using nlohmann::ordered_json;

struct Trial {
  Choice choice;
  ascend::Cost draft;
  const char* origin = "draft";  // "default", "draft" or "random"
  size_t rank = 0;               // of all candidates by the draft, from 1 on
  double microseconds = 0;       // simulated
  double drafted = 0;            // microseconds by the draft
};

// The constants of --set that the draft knows; cores, UB and the clock come from the device.
ascend::Timing TimingOf(const std::string& set) {
  ascend::Timing timing;
  for (size_t at = 0; at < set.size();) {
    const size_t comma = std::min(set.find(',', at), set.size()), equals = set.find('=', at);
    double value = 0;
    if (equals < comma && std::from_chars(set.data() + equals + 1, set.data() + comma, value).ec == std::errc()) {
      ascend::SetTiming(std::string_view(set).substr(at, equals - at), value, &timing);
    }
    at = comma + 1;
  }
  return timing;
}

std::vector<size_t> Ranks(const std::vector<double>& values) {
  std::vector<size_t> order(values.size()), ranks(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  for (size_t i = 0; i < order.size(); ++i) ranks[order[i]] = i;
  return ranks;
}

// Spearman's rank correlation; 1 with fewer than two.
double RankCorrelation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = static_cast<double>(a.size());
  if (n < 2) return 1;
  const std::vector<size_t> ra = Ranks(a), rb = Ranks(b);
  double sum = 0;
  for (size_t i = 0; i < ra.size(); ++i) {
    const double d = static_cast<double>(ra[i]) - static_cast<double>(rb[i]);
    sum += d * d;
  }
  return 1 - 6 * sum / (n * (n * n - 1));
}

class Tuner {
 public:
  Tuner(const Options& options, const Problem& problem)
      : options_(options), problem_(problem), backward_(options.tune_backward), chip_(ascend::ChipOfDevice()) {}

  // All candidates, the best drafts first.
  Status Draft() {
    const ascend::Timing timing = TimingOf(options_.set);
    Choice own = ascend::DefaultChoice(problem_, chip_, backward_);
    if (own.variant == nullptr || !ascend::HasWork(problem_)) {
      return Status::Unsupported("problem: expected one with samples that a variant takes, got " + ToString(problem_));
    }
    for (const Choice& choice : ascend::Choices(problem_, chip_, backward_)) {
      candidates_.push_back({choice, ascend::Draft(choice, problem_, chip_, timing, backward_)});
    }
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [](const Trial& a, const Trial& b) { return a.draft.total < b.draft.total; });
    for (size_t i = 0; i < candidates_.size(); ++i) candidates_[i].rank = i + 1;
    default_ = {own, ascend::Draft(own, problem_, chip_, timing, backward_), "default"};
    // Where the host's own choice would stand.
    default_.rank =
        1 + static_cast<size_t>(std::count_if(candidates_.begin(), candidates_.end(), [&](const Trial& one) {
          return one.draft.total < default_.draft.total;
        }));
    return {};
  }

  // Default, the best drafts, some of the others.
  void Select() {
    trials_ = {default_};
    const auto wanted = static_cast<size_t>(options_.trials);
    const size_t best = std::min(candidates_.size(), wanted - wanted / 3 - (wanted > 0 ? 1 : 0));
    for (size_t i = 0; i < best; ++i) trials_.push_back(candidates_[i]);
    std::vector<Trial> rest(candidates_.begin() + static_cast<std::ptrdiff_t>(best), candidates_.end());
    std::mt19937_64 random(options_.seed);
    for (size_t i = 0; i < wanted / 3 && !rest.empty(); ++i) {
      const size_t at = random() % rest.size();
      trials_.push_back(rest[at]);
      trials_.back().origin = "random";
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }

  Status Simulate(const Trial& trial, SimulatedPasses* passes, double* microseconds, double* cycles) const {
    const Choice none;
    const Backend backend = ascend::SimulatorBackend(backward_ ? none : trial.choice, backward_ ? trial.choice : none);
    ordered_json row;
    if (Status status = passes->Run(backend, backward_, nullptr, &row); !status.ok()) return status;
    *microseconds = row["microseconds"];
    *cycles = row["cycles"];
    return {};
  }

  // Checks for broken rules take half of the time and change none, so that only the winner has them.
  Status Verify(const testing::CaseData& data, const ascend::SimulatorOptions& device, const Files& files) {
    ascend::SimulatorOptions quick = device;
    quick.check = "off";
    if (Status status = ascend::ConfigureSimulator(quick); !status.ok()) return status;
    SimulatedPasses passes(data, files);
    for (Trial& trial : trials_) {
      double cycles = 0;
      if (Status status = Simulate(trial, &passes, &trial.microseconds, &cycles); !status.ok()) return status;
      trial.drafted = trial.draft.total / cycles * trial.microseconds;
      if (isatty(STDERR_FILENO) != 0) {
        std::fprintf(stderr, "%-60s %10.2f us, drafted %10.2f\n", ascend::ToString(trial.choice).c_str(),
                     trial.microseconds, trial.drafted);
      }
    }
    ascend::SimulatorOptions strict = device;
    strict.check = "strict";
    if (Status status = ascend::ConfigureSimulator(strict); !status.ok()) return status;
    SimulatedPasses checked(data, files);
    double microseconds = 0, cycles = 0;
    return Simulate(Best(), &checked, &microseconds, &cycles);
  }

  const Trial& Best() const {
    return *std::min_element(trials_.begin(), trials_.end(),
                             [](const Trial& a, const Trial& b) { return a.microseconds < b.microseconds; });
  }

  ordered_json Report() const {
    ordered_json all = {{"mode", "tune"},
                        {"simulated", options_.trials > 0},
                        {"problem", ToString(problem_)},
                        {"pass", backward_ ? "backward" : "forward"},
                        {"chip", options_.chip},
                        {"set", options_.set},
                        {"candidates", candidates_.size()}};
    const Trial& drafted = candidates_.empty() ? default_ : candidates_.front();
    all["draft"] = {{"choice", ascend::ToString(drafted.choice)}, {"cycles", drafted.draft.total}};
    if (options_.trials == 0) return all;
    std::vector<double> draft, simulated, random_draft, random_simulated;
    double sum = 0, worst = 0;
    all["trials"] = ordered_json::array();
    for (const Trial& one : trials_) {
      all["trials"].push_back(Row(one));
      draft.push_back(one.drafted);
      simulated.push_back(one.microseconds);
      const double error = one.drafted / one.microseconds - 1;
      sum += std::abs(error);
      if (std::abs(error) > std::abs(worst)) worst = error;
    }
    all["default"] = Row(trials_.front());
    all["best"] = Row(Best());
    all["worst"] = Row(*std::max_element(trials_.begin(), trials_.end(), [](const Trial& a, const Trial& b) {
      return a.microseconds < b.microseconds;
    }));
    all["speedup"] = trials_.front().microseconds / Best().microseconds;
    all["spearman"] = RankCorrelation(draft, simulated);
    all["mean_deviation"] = sum / static_cast<double>(trials_.size());
    all["worst_deviation"] = worst;
    return all;
  }

  Status Save() const {
    ascend::Tuning tuning;
    if (std::filesystem::exists(options_.out)) {
      if (Status status = tuning.Load(options_.out); !status.ok()) return status;
    }
    const std::string chip = options_.set.empty() ? options_.chip : options_.chip + " " + options_.set;
    tuning.Put({chip, chip_.vector_cores, chip_.ub_bytes, ToString(problem_), backward_, Best().choice,
                Best().microseconds, trials_.front().microseconds});
    return tuning.Save(options_.out);
  }

 private:
  static ordered_json Row(const Trial& one) {
    return {{"choice", ascend::ToString(one.choice)},
            {"origin", one.origin},
            {"rank", one.rank},
            {"microseconds", one.microseconds},
            {"draft_microseconds", one.drafted},
            {"draft", {{"S", one.draft.s}, {"V", one.draft.v}, {"MTE2", one.draft.mte2}, {"MTE3", one.draft.mte3}}}};
  }

  const Options& options_;
  const Problem& problem_;
  const bool backward_;
  const ascend::Chip chip_;
  Trial default_;
  std::vector<Trial> candidates_, trials_;
};

void Print(const ordered_json& all) {
  const auto text = [](const ordered_json& value) { return value.get<std::string>(); };
  const auto number = [](const ordered_json& value) { return value.get<double>(); };
  std::printf("%s, %s, on %s (simulated): %zu choices drafted\n", text(all["problem"]).c_str(),
              text(all["pass"]).c_str(), text(all["chip"]).c_str(), all["candidates"].get<size_t>());
  if (!all.contains("trials")) {
    std::printf("best draft: %s, %.0f cycles\n", text(all["draft"]["choice"]).c_str(), number(all["draft"]["cycles"]));
    return;
  }
  for (const char* name : {"default", "best", "worst"}) {
    const ordered_json& one = all[name];
    std::printf("  %-8s %10.2f us (draft %10.2f, rank %zu)  %s\n", name, number(one["microseconds"]),
                number(one["draft_microseconds"]), one["rank"].get<size_t>(), text(one["choice"]).c_str());
  }
  std::printf(
      "best over default %.3fx; %zu simulated: Spearman %.2f, draft off by %.1f %% on average, %+.1f %% at worst\n",
      number(all["speedup"]), all["trials"].size(), number(all["spearman"]), 100 * number(all["mean_deviation"]),
      100 * number(all["worst_deviation"]));
}

Status PlanOf(Options options, Plan* plan) {
  options.backends = {"reference"};  // takes everything
  if (Status status = MakePlan(options, {"detr-enc"}, false, plan); !status.ok()) return status;
  if (plan->cases.size() != 1) {
    return Status::InvalidArgument("problems: expected one for tune, got " + std::to_string(plan->cases.size()));
  }
  if (options.trials < 0 || options.trials > 10000) {
    return Status::InvalidArgument("trials: expected 0 to 10000, got " + std::to_string(options.trials));
  }
  if (options.trials == 0 && !options.out.empty()) {
    return Status::InvalidArgument("out: expected trials to keep the best of, got --trials 0");
  }
  return {};
}

Status Run(const Options& options, ordered_json* report) {
  const Files files(options);
  const ascend::SimulatorOptions device = {
      .chip = options.chip, .set = options.set, .stats = files.stats(), .log = files.tables()};
  if (Status status = ascend::ConfigureSimulator(device); !status.ok()) return status;
  Plan plan;
  if (Status status = PlanOf(options, &plan); !status.ok()) return status;
  testing::Case test_case = plan.cases.front().test_case;
  test_case.misaligned = false;                                        // as allocators give it
  if (!options.out.empty() && std::filesystem::exists(options.out)) {  // before minutes are spent
    ascend::Tuning known;
    if (Status status = known.Load(options.out); !status.ok()) return status;
  }
  Tuner tuner(options, test_case.problem);
  if (Status status = tuner.Draft(); !status.ok()) return status;
  if (options.trials > 0) {
    tuner.Select();
    if (Status status = tuner.Verify(testing::MakeCase(test_case), device, files); !status.ok()) return status;
    if (!options.out.empty()) {
      if (Status status = tuner.Save(); !status.ok()) return status;
    }
  }
  *report = tuner.Report();
  return {};
}

}  // namespace

int Tune(const Options& options) {
  ordered_json report;
  if (Status status = Run(options, &report); !status.ok()) {
    (void)Refuse(status.message());
    return status.code() == StatusCode::kDevice ? kCheckFailed : kBadInput;
  }
  if (options.json) {
    std::printf("%s\n", report.dump(2).c_str());
  } else {
    Print(report);
  }
  return kSuccess;
}

}  // namespace xmsda::driver
