// The table of a launch, for a terminal.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "engine/validate.h"
#include "report/report.h"
#include "report/summary.h"

namespace ascsim {
namespace {

constexpr size_t kShownStalls = 3;
constexpr double kShownShare = 0.0005;  // less would be printed as 0.0 %

std::string Percent(double part) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%.1f", 100 * part);
  return text.data();
}

void PrintQueues(const Summary& summary, std::FILE* file) {
  std::fprintf(file, "  %-5s %12s  %-20s %7s %7s  %s\n", "queue", "instructions", "busy % min/mean/max", "stall %",
               "idle %", "stalled by (% of the kernel, mean over cores)");
  for (const QueueSummary& queue : summary.queues) {
    if (queue.instructions == 0) continue;
    std::string causes;
    for (size_t i = 0; i < std::min(kShownStalls, queue.causes.size()); ++i) {
      if (queue.causes[i].second < kShownShare) break;  // the largest come first
      causes += std::string(causes.empty() ? "  " : ", ") + StallName(queue.causes[i].first) + " " +
                Percent(queue.causes[i].second);
    }
    const std::string busy =
        Percent(queue.busy_min) + " / " + Percent(queue.busy_mean) + " / " + Percent(queue.busy_max);
    std::fprintf(file, "  %-5s %12llu  %-20s %7s %7s%s\n", PipeName(queue.pipe),
                 static_cast<unsigned long long>(queue.instructions), busy.c_str(), Percent(queue.stalled_mean).c_str(),
                 Percent(queue.idle_mean).c_str(), causes.c_str());
  }
}

void PrintPaths(const Summary& summary, std::FILE* file) {
  bool header = false;
  for (const PathSummary& path : summary.paths) {
    if (path.instructions == 0) continue;
    if (!header) {
      std::fprintf(file, "  %-12s %12s %14s %14s %12s %14s\n", "path", "instructions", "bytes", "bytes a burst", "GB/s",
                   "GB/s a core");
    }
    header = true;
    std::fprintf(file, "  %-12s %12llu %14llu %14.0f %12.1f %14.1f\n", PathName(path.path),
                 static_cast<unsigned long long>(path.instructions), static_cast<unsigned long long>(path.bytes),
                 path.bursts == 0 ? 0.0 : static_cast<double>(path.bytes) / static_cast<double>(path.bursts),
                 path.gigabytes_per_second, path.gigabytes_per_second_busy_core);
  }
}

}  // namespace

void PrintReport(const LaunchStats& stats, std::FILE* file) {
  const Summary summary = Summarise(stats);
  std::fprintf(file, "\nascsim: %s on %s (simulated), block dimension %u, %s, %zu %s, checks: %s\n",
               stats.kernel.c_str(), stats.machine.c_str(), stats.block_dim, KernelTypeName(stats.type),
               stats.cores.size(), stats.cores.size() == 1 ? "core" : "cores", summary.check_mode.c_str());
  if (!stats.error.empty()) std::fprintf(file, "  ended early: %s\n", stats.error.c_str());
  if (!stats.cores.empty()) {
    std::fprintf(file, "  time %.2f us = %.0f cycles at %.0f MHz (launch %.2f us of it)\n", summary.microseconds,
                 InCycles(stats.total), stats.mhz, InCycles(stats.launch_overhead) / stats.mhz);
    if (summary.bound.instructions > 0) {
      std::fprintf(file, "  bound by %s, busy %s %% of the time", PipeName(summary.bound.pipe),
                   Percent(summary.bound.busy_mean).c_str());
      if (summary.next.instructions > 0) {
        std::fprintf(file, "; next %s, %s %%", PipeName(summary.next.pipe), Percent(summary.next.busy_mean).c_str());
      }
      std::fprintf(file, "; load imbalance %.2f (slowest core over mean)\n", summary.imbalance);
    }
    PrintQueues(summary, file);
    PrintPaths(summary, file);
  }
  for (const Breach& breach : stats.breaches) std::fprintf(file, "  %s\n", Format(breach).c_str());
  if (stats.suppressed > 0) {
    std::fprintf(file, "  and %llu more broken rules\n", static_cast<unsigned long long>(stats.suppressed));
  }
  if (stats.breaches.empty() && stats.error.empty()) {
    std::fprintf(file, "  broken rules: %s\n", summary.checked ? "none" : "not looked for");
  }
  std::fflush(file);
}

}  // namespace ascsim
