// How long copies between GM and a core's memories take: queue, bandwidth, L2, lines.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "ascsim/instruction.h"
#include "core/machine.h"
#include "core/time.h"
#include "timing/activity.h"
#include "timing/l2_cache.h"
#include "timing/line_sharing.h"

namespace ascsim {

struct CopyTime {
  Time occupied = 0;                     // of the queue
  Time latency = 0;                      // from then to completion
  uint64_t hbm_bytes = 0, l2_bytes = 0;  // of the bytes asked for
};

// An instruction occupies its queue for the longest of: its issue, its bursts, its bytes at the shares of HBM and L2
// bandwidth that the core has at the time, the lines that HBM has to fetch for it, the lines that others hold.
class MemoryTiming {
 public:
  // `l2`: what launches before have left there; null: empty.
  MemoryTiming(const Machine& machine, int num_cores, L2Cache* l2);

  // GM side of the copy: `address`, bursts `gap` apart.
  CopyTime Copy(int core, bool write, bool atomic, uint64_t address, int64_t gap, const Bursts& bursts, Time start);

  // A line of the scalar unit's data cache: true when it was there.
  bool ScalarHit(int core, uint64_t address);
  void ScalarClean(int core);

 private:
  struct Runs {  // the GM side: `count` runs of `bytes`, `pitch` apart
    uint64_t address = 0, count = 0, bytes = 0;
    int64_t pitch = 0;
  };
  struct Lines {
    uint64_t all = 0, missing = 0, clean = 0;
    Time wait = 0;
  };

  Lines TouchAll(const Runs& runs, bool write);
  Lines HoldAll(int core, const Runs& runs, bool write, bool atomic, Time start);
  double HbmRate(bool write, double streams) const;
  double Efficiency(const Runs& runs) const;
  Span SpanOf(const Runs& runs) const;

  const Machine& machine_;
  std::unique_ptr<L2Cache> own_l2_;
  L2Cache& l2_;
  Activity hbm_, l2_path_;
  std::array<LineSharing, 2> sharing_;  // reads, writes
  uint64_t line_;

  struct ScalarSet {
    std::vector<uint64_t> lines;  // most recently used first
  };
  std::vector<std::vector<ScalarSet>> scalar_sets_;
  int num_cores_;
};

}  // namespace ascsim
