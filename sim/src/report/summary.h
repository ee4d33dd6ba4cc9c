// Figures of a launch over all its cores, for the table, the statistics and the page alike.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/stats.h"

namespace ascsim {

// Shares of the kernel's time without the launch; a core that ends early is idle from then on.
struct QueueSummary {
  Pipe pipe = Pipe::kS;
  uint64_t instructions = 0;
  double busy_min = 0, busy_mean = 0, busy_max = 0;
  double stalled_mean = 0, idle_mean = 0;
  std::vector<std::pair<Stall, double>> causes;  // greatest first, zeros left out
};

struct PathSummary {
  Path path = Path::kGmToUb;
  uint64_t instructions = 0, bursts = 0, bytes = 0;
  double gigabytes_per_second = 0;            // bytes over the kernel's time
  double gigabytes_per_second_busy_core = 0;  // bytes over the time that a core's queue was busy with them
};

struct Summary {
  double microseconds = 0;
  std::vector<QueueSummary> queues;  // of the cores that used them
  std::vector<PathSummary> paths;
  QueueSummary bound, next;  // most busy queues
  double imbalance = 1;      // slowest core over the mean
  std::string check_mode;
  bool checked = true;
};

Summary Summarise(const LaunchStats& stats);

const char* KernelTypeName(KernelType type);
const char* CheckModeName(CheckMode mode);

}  // namespace ascsim
