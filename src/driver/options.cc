// From the command line's words to cases and backends.
// SPDX-License-Identifier: Apache-2.0
#include "driver/options.h"

#include <algorithm>
#include <cstdio>

#include "testing/workloads.h"

namespace xmsda::driver {
namespace {

Status ResolveCase(const std::string& text, const Options& options, NamedCase* named) {
  named->name = text;
  for (const testing::Workload& workload : testing::Workloads()) {
    if (text == workload.name) named->test_case.pattern = workload.pattern;
  }
  if (Status status = testing::ParseProblemOrName(text, &named->test_case.problem); !status.ok()) return status;
  if (!options.sampling.empty()) {
    Status status = testing::ParsePattern(options.sampling, &named->test_case.pattern);
    if (!status.ok()) return status;
  }
  if (Status status = testing::ParseLayout(options.layout, &named->test_case.layout); !status.ok()) return status;
  named->test_case.seed = options.seed;
  return testing::ValidateCase(named->test_case);
}

Status ResolveBackend(const std::string& name, std::vector<const Backend*>* backends) {
  const Backend* backend = FindBackend(name);
  if (backend != nullptr) {
    backends->push_back(backend);
    return {};
  }
  std::string expected;
  for (const Backend& known : Backends()) expected += (expected.empty() ? "" : ", ") + known.name;
  return Status::InvalidArgument("backend: expected one of " + expected + ", got \"" + name + "\"");
}

Status CheckRange(const char* name, int value, int low, int high) {
  if (value >= low && value <= high) return {};
  return Status::InvalidArgument(std::string(name) + ": expected " + std::to_string(low) + " to " +
                                 std::to_string(high) + ", got " + std::to_string(value));
}

}  // namespace

int Refuse(std::string message) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  std::fprintf(stderr, "xmsda: %s\n", message.c_str());
  return kBadInput;
}

std::vector<std::string> WorkloadNames() {
  std::vector<std::string> names;
  for (const testing::Workload& workload : testing::Workloads()) names.emplace_back(workload.name);
  return names;
}

Status MakePlan(const Options& options, const std::vector<std::string>& default_problems, bool all_backends,
                Plan* plan) {
  for (const std::string& text : options.problems.empty() ? default_problems : options.problems) {
    Status status = ResolveCase(text, options, &plan->cases.emplace_back());
    if (!status.ok()) return status;
  }
  for (const std::string& name : options.backends) {
    if (Status status = ResolveBackend(name, &plan->backends); !status.ok()) return status;
  }
  if (plan->backends.empty()) {
    for (const Backend& backend : Backends()) {
      const bool is_default = backend.name != "reference" && !backend.is_simulated;
      if (all_backends ? is_default : backend.name == "cpu") plan->backends.push_back(&backend);
    }
  }
  for (const NamedCase& named : plan->cases) {
    for (const Backend* backend : plan->backends) {
      if (Status status = backend->supports(named.test_case.problem); !status.ok()) return status;
    }
  }
  if (Status status = CheckRange("threads", options.threads, 1, kMaxWorkers); !status.ok()) return status;
  if (Status status = CheckRange("repeats", options.repeats, 1, 1000000); !status.ok()) return status;
  if (options.pass != "forward" && options.pass != "backward" && options.pass != "both") {
    return Status::InvalidArgument("pass: expected forward, backward or both, got \"" + options.pass + "\"");
  }
  for (const Backend* backend : plan->backends) {
    if (options.pass != "backward" || backend->backward) continue;
    return Status::Unsupported("backend: expected one with a backward pass, got \"" + backend->name + "\"");
  }
  plan->threads = options.threads;
  plan->repeats = options.repeats;
  plan->forward = options.pass != "backward";
  plan->backward = options.pass != "forward";
  plan->json = options.json;
  return {};
}

}  // namespace xmsda::driver
