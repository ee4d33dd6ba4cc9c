// `xmsda bench`: times of backends on the same inputs, interleaved, with the outputs of the timed runs checked.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>

#include "driver/options.h"
#include "driver/tbb_executor.h"
#include "testing/tester.h"

namespace xmsda::driver {
namespace {

using nlohmann::ordered_json;

// Buffers and times of one backend.
struct Contestant {
  const Backend* backend = nullptr;
  testing::Results results;
  testing::Buffer forward_workspace, backward_workspace;
  std::vector<double> forward_ms, backward_ms;
};

Contestant MakeContestant(const Backend& backend, const testing::CaseData& data, int workers) {
  const Problem& problem = data.test_case.problem;
  Contestant contestant;
  contestant.backend = &backend;
  contestant.results.output = testing::Buffer(data.grad_output.size());
  contestant.results.grad_value = testing::Buffer(data.value.size());
  const size_t samples =
      static_cast<size_t>(problem.batch * problem.num_queries * problem.num_heads * problem.SamplesPerQuery()) *
      DTypeSize(problem.location_dtype);
  contestant.results.grad_locations = testing::Buffer(2 * samples);
  contestant.results.grad_weights = testing::Buffer(samples);
  if (problem.IsFused()) {
    const int64_t references = problem.batch * problem.num_queries * problem.ReferencesPerQuery();
    contestant.results.grad_references = testing::Buffer(
        static_cast<size_t>(references * problem.references.components) * DTypeSize(problem.reference_dtype()));
  }
  if (backend.forward_workspace) {
    contestant.forward_workspace =
        testing::Buffer(backend.forward_workspace(problem, data.inputs.value_strides, workers));
    contestant.backward_workspace = testing::Buffer(
        backend.backward_workspace(problem, data.inputs.value_strides, data.grad_value_strides, workers));
  }
  return contestant;
}

Status Timed(std::vector<double>* milliseconds, const std::function<Status()>& call) {
  const auto start = std::chrono::steady_clock::now();
  Status status = call();
  const auto stop = std::chrono::steady_clock::now();
  milliseconds->push_back(std::chrono::duration<double, std::milli>(stop - start).count());
  return status;
}

Status RunOnce(const Plan& plan, const testing::CaseData& data, const Executor& executor, Contestant* c) {
  const Problem& problem = data.test_case.problem;
  if (plan.forward) {
    Status status = Timed(&c->forward_ms, [&] {
      return c->backend->forward(problem, data.inputs, c->results.output.data(),
                                 {c->forward_workspace.data(), c->forward_workspace.size()}, executor, {});
    });
    if (!status.ok()) return status;
  }
  if (!plan.backward || !c->backend->backward) return {};
  const Gradients gradients{c->results.grad_value.data(), c->results.grad_locations.data(),
                            c->results.grad_weights.data(), data.grad_value_strides, c->results.grad_references.data()};
  return Timed(&c->backward_ms, [&] {
    return c->backend->backward(problem, data.inputs, data.grad_output.data(), gradients,
                                {c->backward_workspace.data(), c->backward_workspace.size()}, executor, {});
  });
}

// Sorts.
double Quantile(std::vector<double>* values, double q) {
  std::sort(values->begin(), values->end());
  const double at = q * static_cast<double>(values->size() - 1);
  const size_t below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, values->size() - 1);
  const double fraction = at - static_cast<double>(below);
  return (*values)[below] * (1 - fraction) + (*values)[above] * fraction;
}

// Bytes that must move even with an endless cache: every result written once, every input read once, of value no more
// than four pixels a sample.
double CompulsoryBytes(const Problem& p, bool backward) {
  const double value = static_cast<double>(p.batch * p.value_size * p.num_heads * p.channels) *
                       static_cast<double>(DTypeSize(p.value_dtype));
  const double output = static_cast<double>(p.batch * p.num_queries * p.num_heads * p.channels) *
                        static_cast<double>(DTypeSize(p.value_dtype));
  const double num_samples = static_cast<double>(p.batch * p.num_queries * p.num_heads * p.SamplesPerQuery());
  const double samples = num_samples * 3 * static_cast<double>(DTypeSize(p.location_dtype));
  const double touched = std::min(
      value, num_samples * 4 * static_cast<double>(p.channels) * static_cast<double>(DTypeSize(p.value_dtype)));
  return backward ? touched + value + output + 2 * samples : touched + output + samples;
}

ordered_json Summary(const Problem& problem, std::vector<double> milliseconds, bool backward) {
  const double median = Quantile(&milliseconds, 0.5);
  const double samples =
      static_cast<double>(problem.batch * problem.num_queries * problem.num_heads * problem.SamplesPerQuery());
  return {{"pass", backward ? "backward" : "forward"},
          {"median_ms", median},
          {"p10_ms", Quantile(&milliseconds, 0.1)},
          {"p90_ms", Quantile(&milliseconds, 0.9)},
          {"min_ms", milliseconds.front()},
          {"max_ms", milliseconds.back()},
          {"ns_per_sample", samples > 0 ? median * 1e6 / samples : 0},
          {"compulsory_gb_per_s", CompulsoryBytes(problem, backward) / (median * 1e6)},
          {"times_ms", milliseconds}};
}

void PrintRow(const NamedCase& named, const Contestant& c, const ordered_json& row) {
  for (const ordered_json& pass : row["passes"]) {
    std::printf("%-14s %-12s %-8s %9.3f ms  [%.3f, %.3f]  %7.2f ns/sample  %6.2f GB/s compulsory%s\n",
                named.name.c_str(), c.backend->name.c_str(), pass["pass"].get<std::string>().c_str(),
                pass["median_ms"].get<double>(), pass["p10_ms"].get<double>(), pass["p90_ms"].get<double>(),
                pass["ns_per_sample"].get<double>(), pass["compulsory_gb_per_s"].get<double>(),
                row["ok"].get<bool>() ? "" : "  WRONG RESULT");
  }
  std::fputs(row["report"].get<std::string>().c_str(), stdout);
  std::fflush(stdout);
}

// The arrays that the timed passes wrote, judged.
std::string CheckResults(const Plan& plan, const NamedCase& named, const testing::CaseData& data,
                         const testing::Expected& expected, const Contestant& c) {
  std::string report;
  for (const testing::Difference& difference : testing::Judge(*c.backend, data, expected, c.results)) {
    const bool was_run = difference.array == "output" ? plan.forward : plan.backward;
    if (was_run && !difference.ok) report += testing::Describe(*c.backend, named.test_case, difference);
  }
  return report;
}

Status BenchCase(const Plan& plan, NamedCase named, const Executor& executor, ordered_json* rows, bool* ok) {
  named.test_case.misaligned = false;  // as allocators give it
  const testing::CaseData data = testing::MakeCase(named.test_case);
  std::vector<Contestant> contestants;
  for (const Backend* backend : plan.backends) {
    contestants.push_back(MakeContestant(*backend, data, executor.num_workers));
  }
  // Run 0 touches memory and is not counted. Backends take turns, so that a drift of the machine hits all alike.
  for (int repeat = 0; repeat <= plan.repeats; ++repeat) {
    for (Contestant& c : contestants) {
      if (Status status = RunOnce(plan, data, executor, &c); !status.ok()) return status;
      if (repeat > 0) continue;
      c.forward_ms.clear();
      c.backward_ms.clear();
    }
  }
  const testing::Expected expected = testing::ComputeExpected(data, executor);
  for (const Contestant& c : contestants) {
    ordered_json row = {{"name", named.name},
                        {"problem", ToString(named.test_case.problem)},
                        {"sampling", testing::PatternName(named.test_case.pattern)},
                        {"layout", testing::LayoutName(named.test_case.layout)},
                        {"backend", c.backend->name},
                        {"threads", executor.num_workers},
                        {"forward_workspace_bytes", c.forward_workspace.size()},
                        {"backward_workspace_bytes", c.backward_workspace.size()}};
    if (plan.forward) row["passes"].push_back(Summary(named.test_case.problem, c.forward_ms, false));
    if (plan.backward && c.backend->backward)
      row["passes"].push_back(Summary(named.test_case.problem, c.backward_ms, true));
    const std::string report = CheckResults(plan, named, data, expected, c);
    row["ok"] = report.empty();
    row["report"] = report;
    *ok &= report.empty();
    if (!plan.json) PrintRow(named, c, row);
    rows->push_back(std::move(row));
  }
  return {};
}

}  // namespace

int Bench(const Plan& plan) {
  TbbExecutor threads(plan.threads);
  bool ok = true;
  ordered_json rows = ordered_json::array();
  for (const NamedCase& named : plan.cases) {
    const Status status = BenchCase(plan, named, threads.executor(), &rows, &ok);
    if (status.ok()) continue;
    std::fprintf(stderr, "xmsda: %s\n", status.message().c_str());
    return kBadInput;
  }
  if (plan.json) {
    std::printf("%s\n", ordered_json({{"mode", "bench"}, {"ok", ok}, {"rows", rows}}).dump(2).c_str());
  }
  return ok ? kSuccess : kCheckFailed;
}

}  // namespace xmsda::driver
