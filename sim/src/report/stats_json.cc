// Statistics of launches as JSON; docs/stats.md describes every field.
// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/validate.h"
#include "report/report.h"
#include "report/summary.h"

namespace ascsim {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSpaceNames[kNumSpaces] = {"GM", "UB", "L1"};

Json PartyJson(const Party& party) {
  return {{"call", CallName(party)},       {"instruction", OpName(party.op)},
          {"queue", PipeName(party.pipe)}, {"file", party.loc.file == nullptr ? "" : party.loc.file},
          {"line", party.loc.line},        {"core", party.core},
          {"block", party.block}};
}

Json BreachJson(const Breach& breach) {
  Json json = {{"rule", std::string(RuleName(breach.rule))},
               {"severity", breach.severity == Severity::kError ? "error" : "warning"},
               {"what", breach.what},
               {"remedy", breach.remedy},
               {"space", kSpaceNames[static_cast<size_t>(breach.space)]},
               {"address", breach.address},
               {"bytes", breach.size},
               {"allocation", breach.allocation},
               {"count", breach.count},
               {"first", PartyJson(breach.first)}};
  if (breach.second.core >= 0) json["second"] = PartyJson(breach.second);
  return json;
}

Json QueueJson(const QueueStats& queue) {
  Json stalls = Json::object();
  for (size_t i = 0; i < kNumStalls; ++i) {
    if (queue.stalled[i] > 0) stalls[StallName(static_cast<Stall>(i))] = InCycles(queue.stalled[i]);
  }
  return {{"instructions", queue.instructions},
          {"busy_cycles", InCycles(queue.busy)},
          {"stalled_cycles", stalls},
          {"idle_cycles", InCycles(queue.idle)}};
}

Json CoreJson(const CoreStats& core) {
  Json queues = Json::object(), paths = Json::object(), ops = Json::object();
  for (size_t p = 0; p < kNumPipes; ++p) {
    if (core.queues[p].instructions > 0) queues[PipeName(static_cast<Pipe>(p))] = QueueJson(core.queues[p]);
  }
  for (size_t p = 0; p < core.traffic.size(); ++p) {
    const Traffic& traffic = core.traffic[p];
    if (traffic.instructions == 0) continue;
    paths[PathName(static_cast<Path>(p))] = {{"instructions", traffic.instructions},
                                             {"bursts", traffic.bursts},
                                             {"bytes", traffic.bytes},
                                             {"busy_cycles", InCycles(traffic.busy)}};
  }
  for (const auto& [op, counted] : core.ops) {
    ops[OpName(op)] = {{"instructions", counted.first}, {"busy_cycles", InCycles(counted.second)}};
  }
  return {{"name", core.name},
          {"block", core.block.block_idx},
          {"total_cycles", InCycles(core.total)},
          {"queues", queues},
          {"paths", paths},
          {"instructions", ops}};
}

Json SummaryJson(const Summary& summary) {
  Json queues = Json::object(), paths = Json::object();
  for (const QueueSummary& queue : summary.queues) {
    if (queue.instructions == 0) continue;
    Json causes = Json::object();
    for (const auto& [stall, share] : queue.causes) causes[StallName(stall)] = share;
    queues[PipeName(queue.pipe)] = {{"instructions", queue.instructions},
                                    {"busy_min", queue.busy_min},
                                    {"busy_mean", queue.busy_mean},
                                    {"busy_max", queue.busy_max},
                                    {"stalled_mean", queue.stalled_mean},
                                    {"idle_mean", queue.idle_mean},
                                    {"stalled_by", causes}};
  }
  for (const PathSummary& path : summary.paths) {
    if (path.instructions == 0) continue;
    paths[PathName(path.path)] = {{"instructions", path.instructions},
                                  {"bursts", path.bursts},
                                  {"bytes", path.bytes},
                                  {"gigabytes_per_second", path.gigabytes_per_second},
                                  {"gigabytes_per_second_busy_core", path.gigabytes_per_second_busy_core}};
  }
  return {{"microseconds", summary.microseconds},
          {"bound", summary.bound.instructions > 0 ? PipeName(summary.bound.pipe) : ""},
          {"next", summary.next.instructions > 0 ? PipeName(summary.next.pipe) : ""},
          {"imbalance", summary.imbalance},
          {"queues", queues},
          {"paths", paths}};
}

Json LaunchJson(const LaunchStats& stats) {
  Json cores = Json::array(), breaches = Json::array();
  for (const CoreStats& core : stats.cores) cores.push_back(CoreJson(core));
  for (const Breach& breach : stats.breaches) breaches.push_back(BreachJson(breach));
  return {{"kernel", stats.kernel},
          {"machine", stats.machine},
          {"simulated", true},
          {"mhz", stats.mhz},
          {"block_dim", stats.block_dim},
          {"type", KernelTypeName(stats.type)},
          {"checks", stats.checks_enabled ? CheckModeName(stats.mode) : "off"},
          {"error", stats.error},
          {"total_cycles", InCycles(stats.total)},
          {"launch_cycles", InCycles(stats.launch_overhead)},
          {"wall_seconds", stats.wall_seconds},
          {"summary", SummaryJson(Summarise(stats))},
          {"cores", cores},
          {"breaches", breaches},
          {"suppressed_breaches", stats.suppressed}};
}

}  // namespace

bool WriteStats(const std::vector<LaunchStats>& launches, const std::string& path) {
  Json list = Json::array();
  for (const LaunchStats& stats : launches) list.push_back(LaunchJson(stats));
  std::ofstream file(path);
  file << Json{{"ascsim", 1}, {"launches", list}}.dump(1) << '\n';
  return static_cast<bool>(file.flush());
}

}  // namespace ascsim
