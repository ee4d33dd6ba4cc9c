// One core of a launch: its memories, queues, flags and program.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "ascsim/instruction.h"
#include "ascsim/runtime.h"
#include "check/checker.h"
#include "core/time.h"
#include "engine/fiber.h"
#include "engine/stats.h"
#include "timing/timing.h"

namespace ascsim {

// Documented, and of the instruction set rather than of a chip: no constants of a table.
constexpr uint32_t kNumFlags = 8;        // per ordered pair of pipes
constexpr uint32_t kNumCrossFlags = 11;  // ids 0 to 10
constexpr uint32_t kMaxCrossCount = 15;
constexpr int kNumSpecialRegisters = 7;

struct Flag {
  bool set = false;
  Time time = 0;
  Loc loc;
};

struct CrossSignal {
  Time time = 0;
  int from_core = 0;  // the last that was needed
  Pipe from = Pipe::kS;
  Loc loc;  // of its CrossCoreSetFlag
  std::vector<Checker::Token> tokens;
};

// An instruction and when the scalar unit issued it.
struct Issued {
  Instruction instruction;
  Time time = 0;
};

struct Queue {
  std::deque<Issued> pending;  // behind a flag that is not set yet
  QueueTimes times;
  std::deque<Time> starts;  // of the last instructions, flags and barriers included, for the queue's depth
  uint64_t sequence = 0;
  bool draining = false;
  QueueStats stats;
};

// A SyncAll that a core has arrived at.
enum class Sync : uint8_t { kNone, kAiv, kAll };

// What a core's program waits for.
enum class Wait : uint8_t { kNothing, kFlag, kQueueRoom, kResult, kDrain, kCrossFlag, kSyncAll };

struct Core {
  int index = 0;  // in the launch
  int group = 0;  // AIC and its AIVs
  BlockInfo block;
  std::string name;
  std::vector<uint8_t> ub, l1;
  std::array<Queue, kNumPipes> queues;
  Flag flags[kNumPipes][kNumPipes][kNumFlags];
  std::array<std::deque<CrossSignal>, kNumCrossFlags> cross;
  Mask mask;
  AtomicMode atomic;
  std::array<uint64_t, kNumSpecialRegisters> special{};
  void* framework = nullptr;
  uint64_t ub_taken = 0;  // where the buffers of its TPipe end

  std::unique_ptr<Fiber> fiber;
  Time clock = 0;  // of the scalar unit
  Wait wait = Wait::kNothing;
  Instruction waiting_for;  // the instruction behind `wait`
  Loc last;                 // of the last instruction of the program
  Time sync_arrival = 0;
  Sync sync = Sync::kNone;
  bool ended = false;  // its program
  bool dead = false;   // being unwound: destructors of the kernel's objects have no effect any more
  CoreStats stats;

  Queue& queue(Pipe pipe) { return queues[static_cast<size_t>(pipe)]; }
  Flag& flag(Pipe from, Pipe to, uint32_t id) { return flags[static_cast<size_t>(from)][static_cast<size_t>(to)][id]; }
  std::vector<uint8_t>& memory(Space space) { return space == Space::kL1 ? l1 : ub; }
};

}  // namespace ascsim
