// `xmsda check` and `xmsda bitwise`: correctness of whole runs.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <nlohmann/json.hpp>

#include "driver/options.h"
#include "driver/tbb_executor.h"
#include "testing/tester.h"

namespace xmsda::driver {
namespace {

using nlohmann::ordered_json;

ordered_json Row(const NamedCase& named, const Backend& backend) {
  return {{"name", named.name},
          {"problem", ToString(named.test_case.problem)},
          {"sampling", testing::PatternName(named.test_case.pattern)},
          {"layout", testing::LayoutName(named.test_case.layout)},
          {"seed", named.test_case.seed},
          {"backend", backend.name}};
}

ordered_json ToJson(const testing::Difference& d) {
  return {{"array", d.array},
          {"ok", d.ok},
          {"error_over_bound", d.error_over_bound},
          {"worst_index", d.index},
          {"got", d.got},
          {"expected", d.expected},
          {"bound", d.bound},
          {"rms_error", d.rms_error},
          {"rms_expected", d.rms_expected}};
}

void PrintReport(const std::string& report) { std::fputs(report.c_str(), stdout); }

// One backend on one case; fills `row` and prints unless json.
bool CheckOne(const NamedCase& named, const testing::CaseData& data, const testing::Expected& expected,
              const Backend& backend, Executor executor, bool json, ordered_json* row) {
  testing::Results results;
  const Status status = testing::RunBackend(backend, data, {executor}, &results);
  const std::string replay = testing::ReplayCommand("check", backend, named.test_case, executor.num_workers);
  std::string report = status.message();
  if (!report.empty()) report += "\n  replay:  " + replay + "\n";
  std::string ratios;
  if (status.ok()) {
    report = testing::CheckTargets(backend, named.test_case.problem, results);
    for (const testing::Difference& difference : testing::Judge(backend, data, expected, results)) {
      (*row)["arrays"].push_back(ToJson(difference));
      if (!difference.ok) {
        report += testing::Describe(backend, named.test_case, difference, executor.num_workers);
      }
      char ratio[64];
      std::snprintf(ratio, sizeof(ratio), "  %s %.3f", difference.array.c_str(), difference.error_over_bound);
      ratios += ratio;
    }
  }
  (*row)["ok"] = report.empty();
  (*row)["report"] = report;
  (*row)["replay"] = replay;
  if (json) return report.empty();
  std::printf("%-4s %-14s %-12s error/bound:%s\n", report.empty() ? "ok" : "FAIL", named.name.c_str(),
              backend.name.c_str(), ratios.c_str());
  PrintReport(report);
  std::fflush(stdout);
  return report.empty();
}

bool BitwiseOne(const NamedCase& named, const testing::CaseData& data, const Backend& backend, bool json,
                ordered_json* row) {
  std::string report;
  testing::Results first;
  Status status = testing::RunBackend(backend, data, {}, &first);
  // 1 again: two runs of the same kind must agree as well.
  for (const int workers : {1, 2, 3, 4, 7, 8}) {
    if (!status.ok()) break;
    TbbExecutor threads(workers);
    testing::Results again;
    status = testing::RunBackend(backend, data, {threads.executor(), 0x5A}, &again);
    if (!status.ok()) break;
    const std::string difference = testing::CompareBits(data, first, again);
    if (!difference.empty()) report += std::to_string(workers) + " workers: " + difference + "\n";
  }
  if (!status.ok()) report += status.message() + "\n";
  const std::string replay = testing::ReplayCommand("bitwise", backend, named.test_case);
  if (!report.empty()) report += "  problem: " + ToString(named.test_case.problem) + "\n  replay:  " + replay + "\n";
  (*row)["ok"] = report.empty();
  (*row)["report"] = report;
  (*row)["replay"] = replay;
  if (json) return report.empty();
  std::printf("%-4s %-14s %-12s 1, 2, 3, 4, 7 and 8 workers\n", report.empty() ? "ok" : "FAIL", named.name.c_str(),
              backend.name.c_str());
  PrintReport(report);
  std::fflush(stdout);
  return report.empty();
}

int Finish(const char* mode, bool json, bool ok, ordered_json rows) {
  if (json) {
    const ordered_json all = {{"mode", mode}, {"ok", ok}, {"rows", std::move(rows)}};
    std::printf("%s\n", all.dump(2).c_str());
  }
  return ok ? kSuccess : kCheckFailed;
}

}  // namespace

int Check(const Plan& plan) {
  TbbExecutor threads(plan.threads);
  bool ok = true;
  ordered_json rows = ordered_json::array();
  for (const NamedCase& named : plan.cases) {
    const testing::CaseData data = testing::MakeCase(named.test_case);
    const testing::Expected expected = testing::ComputeExpected(data, threads.executor());
    for (const Backend* backend : plan.backends) {
      ordered_json row = Row(named, *backend);
      ok &= CheckOne(named, data, expected, *backend, threads.executor(), plan.json, &row);
      rows.push_back(std::move(row));
    }
  }
  return Finish("check", plan.json, ok, std::move(rows));
}

int Bitwise(const Plan& plan) {
  bool ok = true;
  ordered_json rows = ordered_json::array();
  for (const NamedCase& named : plan.cases) {
    const testing::CaseData data = testing::MakeCase(named.test_case);
    for (const Backend* backend : plan.backends) {
      ordered_json row = Row(named, *backend);
      ok &= BitwiseOne(named, data, *backend, plan.json, &row);
      rows.push_back(std::move(row));
    }
  }
  return Finish("bitwise", plan.json, ok, std::move(rows));
}

}  // namespace xmsda::driver
