// What a user sees of a launch: the table, statistics as JSON, a trace for Perfetto.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "engine/stats.h"

namespace ascsim {

// The table of a launch: time, what every queue did, bytes and bandwidth by path, what bounds it, load imbalance,
// broken rules.
void PrintReport(const LaunchStats& stats, std::FILE* file);

// Everything of the launches of a process, one JSON document: {"ascsim": version, "launches": [...]}. The schema is
// documented in docs/stats.md; fields are only ever added. False when the file cannot be written.
bool WriteStats(const std::vector<LaunchStats>& launches, const std::string& path);

// Collects the events of launches in the Trace Event Format that Perfetto opens: a process per core, a thread per
// queue, flags as arrows, breaches as markers. One for a process; BeginLaunch before each launch.
class TraceRecorder : public Recorder {
 public:
  // At most `max_events` are kept; what is left out is counted and said.
  explicit TraceRecorder(uint64_t max_events = 5'000'000);
  ~TraceRecorder() override;

  void BeginLaunch(const std::string& kernel, double mhz);
  // Names of the cores are known when the launch ends.
  void EndLaunch(const LaunchStats& stats);
  // False when the file cannot be written.
  bool Write(const std::string& path) const;

  void OnInstruction(int core, const Instruction& instruction, const Slot& slot) override;
  void OnStall(int core, Pipe pipe, Stall stall, Time begin, Time end) override;
  void OnFlag(int core, Pipe from, Pipe to, uint32_t id, Time set, Time wait, Loc set_loc, Loc wait_loc) override;
  void OnCrossFlag(int from_core, Pipe from, int to_core, Pipe to, uint32_t id, Time set, Time wait) override;
  void OnBreach(const Breach& breach, Time at) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ascsim
