// What is counted of a launch.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ascsim/runtime.h"
#include "check/checker.h"
#include "core/time.h"
#include "timing/timing.h"

namespace ascsim {

// Why a queue stood still while it had, or was about to get, an instruction.
enum class Stall : uint8_t {
  kFlagS,
  kFlagV,
  kFlagM,
  kFlagMTE1,
  kFlagMTE2,
  kFlagMTE3,
  kFlagFIX,    // waited for a flag that this pipe sets
  kBarrier,    // PipeBarrier, or the order that the compiler inserts
  kQueueFull,  // scalar unit only: the queue of the next instruction is full
  kCrossCore,  // CrossCoreWaitFlag
  kSyncAll,
  kCount
};
constexpr int kNumStalls = static_cast<int>(Stall::kCount);
const char* StallName(Stall stall);

// Each is added to where it arises; that busy + stalled + idle = the core's total is checked at the end of each launch.
struct QueueStats {
  Time busy = 0;
  std::array<Time, kNumStalls> stalled{};
  Time idle = 0;  // nothing had been issued; of the scalar unit: between blocks, and when its program has ended
  uint64_t instructions = 0;
};

struct CoreStats {
  std::string name;  // "AIV 3"
  BlockInfo block;
  Time total = 0;  // from the launch to its own end; shorter than the kernel's where load is uneven
  std::array<QueueStats, kNumPipes> queues;
  std::vector<Traffic> traffic;                 // by Path
  std::map<Op, std::pair<uint64_t, Time>> ops;  // instructions, busy time
};

struct LaunchStats {
  std::string kernel;
  std::string machine;
  double mhz = 0;
  uint32_t block_dim = 0;
  KernelType type = KernelType::kAivOnly;
  CheckMode mode = CheckMode::kStrict;
  bool checks_enabled = true;
  Time total = 0;  // with launch overhead
  Time launch_overhead = 0;
  std::vector<CoreStats> cores;
  std::vector<Breach> breaches;
  uint64_t suppressed = 0;
  bool failed = false;  // some breach is an error, listed or not
  std::string error;    // why the launch ended early; empty when it did not
  double wall_seconds = 0;
};

// Told of everything as it happens, for the trace.
class Recorder {
 public:
  virtual ~Recorder() = default;
  virtual void OnInstruction(int core, const Instruction& instruction, const Slot& slot) = 0;
  virtual void OnStall(int core, Pipe pipe, Stall stall, Time begin, Time end) = 0;
  // A flag, set by `from` at `set`, let `to` go on at `wait`.
  virtual void OnFlag(int core, Pipe from, Pipe to, uint32_t id, Time set, Time wait, Loc set_loc, Loc wait_loc) = 0;
  virtual void OnCrossFlag(int from_core, Pipe from, int to_core, Pipe to, uint32_t id, Time set, Time wait) = 0;
  virtual void OnBreach(const Breach& breach, Time at) = 0;
};

}  // namespace ascsim
