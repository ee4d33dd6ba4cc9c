// Drives Timing as the engine does, without kernels: cores with a scalar unit that issues to in-order queues.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "core/machine.h"
#include "timing/timing.h"

namespace ascsim {

class QueueDriver {
 public:
  QueueDriver(const Machine& machine, int cores)
      : machine_(machine), timing_(machine, cores), cores_(static_cast<size_t>(cores)) {}

  // A step of a core's program; false: it has ended.
  using Program = std::function<bool(QueueDriver&, int core, uint64_t step)>;

  // Cores take steps in the order of their scalar clocks. Returns the cycles until all is complete.
  double Run(const Program& program) {
    std::vector<uint64_t> steps(cores_.size(), 0);
    std::vector<bool> ended(cores_.size(), false);
    while (true) {
      size_t next = cores_.size();
      for (size_t c = 0; c < cores_.size(); ++c) {
        if (!ended[c] && (next == cores_.size() || cores_[c].clock < cores_[next].clock)) next = c;
      }
      if (next == cores_.size()) break;
      ended[next] = !program(*this, static_cast<int>(next), steps[next]++);
    }
    Time end = 0;
    for (const Core& core : cores_) {
      end = std::max(end, core.clock);
      for (const Queue& queue : core.queues) end = std::max({end, queue.times.free, queue.times.done});
    }
    return InCycles(end);
  }

  Slot Issue(int core, const Instruction& instruction) {
    Core& c = cores_[static_cast<size_t>(core)];
    Queue& queue = c.queues[static_cast<size_t>(instruction.pipe)];
    c.clock += Cycles(machine_.scalar_issue);
    if (queue.starts.size() >= static_cast<size_t>(machine_.queue_depth)) {
      c.clock = std::max(c.clock, queue.starts.front());
      queue.starts.pop_front();
    }
    QueueTimes times = queue.times;
    times.free = std::max(times.free, c.clock);
    times.drained |= times.free >= times.done;
    const Slot slot = timing_.Place(core, instruction, times, times.free);
    queue.times = {slot.free, std::max(queue.times.done, slot.done), false};
    queue.starts.push_back(slot.start);
    return slot;
  }

  void Barrier(int core, Pipe pipe) {
    Core& c = cores_[static_cast<size_t>(core)];
    c.clock += Cycles(machine_.scalar_issue);
    QueueTimes& times = c.queues[static_cast<size_t>(pipe)].times;
    times.free = std::max({times.free, times.done, c.clock});
    times.drained = true;
  }

  // SetFlag in one queue, WaitFlag in the other.
  void Flag(int core, Pipe from, Pipe to) {
    Core& c = cores_[static_cast<size_t>(core)];
    c.clock += Cycles(2 * machine_.scalar_issue);
    const QueueTimes& set = c.queues[static_cast<size_t>(from)].times;
    const Time time = std::max({set.free, set.done, c.clock}) + Cycles(machine_.flag);
    if (to == Pipe::kS) {
      c.clock = std::max(c.clock, time);
    } else {
      QueueTimes& wait = c.queues[static_cast<size_t>(to)].times;
      wait.free = std::max(wait.free, time);
    }
  }

  // The same in two halves, for flags that are waited for later.
  Time SetFlag(int core, Pipe from) {
    Core& c = cores_[static_cast<size_t>(core)];
    c.clock += Cycles(machine_.scalar_issue);
    const QueueTimes& set = c.queues[static_cast<size_t>(from)].times;
    return std::max({set.free, set.done, c.clock}) + Cycles(machine_.flag);
  }
  void WaitFlag(int core, Pipe to, Time time) {
    Core& c = cores_[static_cast<size_t>(core)];
    c.clock += Cycles(machine_.scalar_issue);
    QueueTimes& wait = c.queues[static_cast<size_t>(to)].times;
    wait.free = std::max(wait.free, time);
  }

  void Scalar(int core, Op op, Space space, uint64_t address) {
    Time& clock = cores_[static_cast<size_t>(core)].clock;
    clock = timing_.ScalarAccess(core, op, space, address, 2, clock);
  }

  Time clock(int core) const { return cores_[static_cast<size_t>(core)].clock; }
  Timing& timing() { return timing_; }

 private:
  struct Queue {
    QueueTimes times;
    std::deque<Time> starts;
  };
  struct Core {
    Time clock = 0;
    std::array<Queue, kNumPipes> queues;
  };
  const Machine& machine_;
  Timing timing_;
  std::vector<Core> cores_;
};

inline Operand UbOperand(uint64_t address, DType type, uint16_t block_stride = 1, uint16_t repeat_stride = 8) {
  Operand operand;
  operand.address = address;
  operand.type = type;
  operand.used = true;
  operand.block_stride = block_stride;
  operand.repeat_stride = repeat_stride;
  return operand;
}

inline Instruction VectorInstruction(Op op, DType type, uint32_t repeats, uint64_t dst, uint64_t src0, uint64_t src1) {
  Instruction i;
  i.op = op;
  i.pipe = Pipe::kV;
  i.dst = UbOperand(dst, type);
  i.src0 = UbOperand(src0, type);
  i.src1 = UbOperand(src1, type);
  i.repeats = repeats;
  return i;
}

inline Instruction CopyIn(uint64_t gm, uint32_t count, uint32_t bytes, int64_t gap = 0) {
  Instruction i;
  i.op = Op::kCopyGmToUb;
  i.pipe = Pipe::kMTE2;
  i.src0 = UbOperand(gm, DType::kF16);
  i.src0.space = Space::kGM;
  i.dst = UbOperand(0, DType::kF16);
  i.bursts.count = count;
  i.bursts.bytes = bytes;
  i.bursts.source_gap = gap;
  return i;
}

inline Instruction CopyOut(uint64_t gm, uint32_t count, uint32_t bytes, int64_t gap = 0) {
  Instruction i;
  i.op = Op::kCopyUbToGm;
  i.pipe = Pipe::kMTE3;
  i.dst = UbOperand(gm, DType::kF16);
  i.dst.space = Space::kGM;
  i.src0 = UbOperand(0, DType::kF16);
  i.bursts.count = count;
  i.bursts.bytes = bytes;
  i.bursts.target_gap = gap;
  return i;
}

}  // namespace ascsim
