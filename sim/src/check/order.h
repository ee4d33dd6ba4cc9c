// Happens-before between the instructions of all queues of all cores, as vector clocks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "ascsim/instruction.h"
#include "check/checker.h"
#include "check/stamp.h"

namespace ascsim {

// What a queue knows of its own core is seven numbers; of other cores it is an immutable vector that only cross-core
// flags and SyncAll change, shared by all who know the same: so flags inside a core copy one cache line.
struct Knowledge {
  Known own{};
  Checker::Token others;
};

struct FlagState {
  bool set = false;
  Knowledge knowledge;
  uint32_t site = 0;
};

class Order {
 public:
  explicit Order(int num_cores);

  void Issue(int core, Pipe pipe);
  // `sequence` of a queue takes effect; brings the queue what the scalar unit knew when it issued that.
  void Advance(int core, Pipe pipe, uint32_t sequence);
  // Fills all but site and stamp.
  void Describe(int core, Pipe pipe, uint32_t sequence, bool auto_sync, Current* current) const;

  // Whether it was set already.
  bool SetFlag(int core, Pipe from, Pipe to, uint32_t id, uint32_t site);
  void WaitFlag(int core, Pipe from, Pipe to, uint32_t id);
  void Barrier(int core, Pipe pipe);
  Checker::Token Signal(int core, Pipe pipe);
  void Receive(int core, Pipe pipe, const Checker::Token& token);
  void SyncAll(const std::vector<int>& cores);
  void EndBlock(int core);

  // The sequence after the last one that took effect.
  uint32_t Next(int core, Pipe pipe) const { return queue(core, pipe).last + 1; }
  const Knowledge& KnowledgeOf(int core, Pipe pipe) const { return queue(core, pipe).knowledge; }
  // By pipe, how many instructions of the core have been issued.
  Known IssuedBy(int core) const;
  static constexpr uint32_t kFlagIds = 8;
  FlagState& flag(int core, Pipe from, Pipe to, uint32_t id) {
    const auto pair = static_cast<size_t>(from) * kNumPipes + static_cast<size_t>(to);
    return cores_[static_cast<size_t>(core)].flags[pair * kFlagIds + id];
  }

 private:
  struct Snapshot {
    uint32_t sequence = 0;
    Knowledge knowledge;
  };
  struct Queue {
    Knowledge knowledge;
    uint32_t last = 0;     // that took effect
    uint32_t issued = 0;   // all queues but the scalar unit
    uint32_t version = 1;  // of the knowledge; told for the scalar unit
    uint32_t seen = 1;     // version of the scalar unit's knowledge that this queue got, or has in `pending`
    uint32_t block_begin = 0;
    std::deque<Snapshot> pending;
  };
  struct Core {
    std::array<Queue, kNumPipes> queues;
    std::vector<FlagState> flags;
  };

  Queue& queue(int core, Pipe pipe) { return cores_[static_cast<size_t>(core)].queues[static_cast<size_t>(pipe)]; }
  const Queue& queue(int core, Pipe pipe) const {
    return cores_[static_cast<size_t>(core)].queues[static_cast<size_t>(pipe)];
  }
  void Learn(Queue& queue, const Known& own, const Checker::Token& others);
  // Everything issued on the core is over for everything to come on it.
  void Drain(Core& core, const Checker::Token& others);

  std::vector<Core> cores_;
};

}  // namespace ascsim
