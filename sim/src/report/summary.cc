// Minima, means and maxima over cores.
// SPDX-License-Identifier: Apache-2.0
#include "report/summary.h"

#include <algorithm>
#include <limits>

namespace ascsim {
namespace {

double Share(Time part, Time whole) { return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole); }

QueueSummary SummariseQueue(const LaunchStats& stats, Pipe pipe, Time kernel_time) {
  QueueSummary summary;
  summary.pipe = pipe;
  summary.busy_min = std::numeric_limits<double>::max();
  std::array<double, kNumStalls> stalled{};
  int users = 0;
  for (const CoreStats& core : stats.cores) {
    const QueueStats& queue = core.queues[static_cast<size_t>(pipe)];
    if (queue.instructions == 0) continue;
    ++users;
    summary.instructions += queue.instructions;
    const double busy = Share(queue.busy, kernel_time);
    summary.busy_min = std::min(summary.busy_min, busy);
    summary.busy_max = std::max(summary.busy_max, busy);
    summary.busy_mean += busy;
    for (size_t i = 0; i < kNumStalls; ++i) stalled[i] += Share(queue.stalled[i], kernel_time);
  }
  if (users == 0) {
    summary.busy_min = 0;
    return summary;
  }
  summary.busy_mean /= users;
  for (size_t i = 0; i < kNumStalls; ++i) {
    const double share = stalled[i] / users;
    summary.stalled_mean += share;
    if (share > 0) summary.causes.emplace_back(static_cast<Stall>(i), share);
  }
  std::sort(summary.causes.begin(), summary.causes.end(),
            [](const auto& a, const auto& b) { return a.second > b.second; });
  summary.idle_mean = std::max(0.0, 1 - summary.busy_mean - summary.stalled_mean);
  return summary;
}

PathSummary SummarisePath(const LaunchStats& stats, Path path, Time kernel_time) {
  PathSummary summary;
  summary.path = path;
  Time busy = 0;
  for (const CoreStats& core : stats.cores) {
    if (core.traffic.size() <= static_cast<size_t>(path)) continue;
    const Traffic& traffic = core.traffic[static_cast<size_t>(path)];
    summary.instructions += traffic.instructions;
    summary.bursts += traffic.bursts;
    summary.bytes += traffic.bytes;
    busy += traffic.busy;
  }
  // bytes a cycle * MHz = MB/s
  const double scale = static_cast<double>(summary.bytes) * stats.mhz * 1e-3;
  if (kernel_time > 0) summary.gigabytes_per_second = scale / InCycles(kernel_time);
  if (busy > 0) summary.gigabytes_per_second_busy_core = scale / InCycles(busy);
  return summary;
}

}  // namespace

Summary Summarise(const LaunchStats& stats) {
  Summary summary;
  summary.microseconds = InCycles(stats.total) / stats.mhz;
  summary.checked = stats.checks_enabled;
  summary.check_mode = stats.checks_enabled ? CheckModeName(stats.mode) : "off";
  const Time kernel_time = stats.total - stats.launch_overhead;
  for (int p = 0; p < kNumPipes; ++p) {
    summary.queues.push_back(SummariseQueue(stats, static_cast<Pipe>(p), kernel_time));
    const QueueSummary& queue = summary.queues.back();
    if (queue.busy_mean > summary.bound.busy_mean) {
      summary.next = summary.bound;
      summary.bound = queue;
    } else if (queue.busy_mean > summary.next.busy_mean) {
      summary.next = queue;
    }
  }
  for (int p = 0; p < kNumPaths; ++p) summary.paths.push_back(SummarisePath(stats, static_cast<Path>(p), kernel_time));
  double sum = 0, longest = 0;
  for (const CoreStats& core : stats.cores) {
    sum += InCycles(core.total);
    longest = std::max(longest, InCycles(core.total));
  }
  if (sum > 0) summary.imbalance = longest * static_cast<double>(stats.cores.size()) / sum;
  return summary;
}

const char* KernelTypeName(KernelType type) {
  switch (type) {
    case KernelType::kAivOnly:
      return "AIV only";
    case KernelType::kAicOnly:
      return "AIC only";
    case KernelType::kMixAic1Aiv1:
      return "AIC with one AIV";
    case KernelType::kMixAic1Aiv2:
      return "AIC with two AIVs";
    case KernelType::kMixAiv1Aic0:
      return "MIX AIV 1:0";
    case KernelType::kMixAic1Aiv0:
      return "MIX AIC 1:0";
  }
  return "?";
}

const char* CheckModeName(CheckMode mode) {
  switch (mode) {
    case CheckMode::kStrict:
      return "strict";
    case CheckMode::kAutoSync:
      return "auto-sync";
    case CheckMode::kPermissive:
      return "permissive";
  }
  return "?";
}

}  // namespace ascsim
