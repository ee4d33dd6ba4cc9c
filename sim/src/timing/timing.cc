// Start, release of the queue and completion of each instruction.
// SPDX-License-Identifier: Apache-2.0
#include "timing/timing.h"

#include <algorithm>
#include <array>

#include "timing/memory_timing.h"
#include "timing/vector_timing.h"

namespace ascsim {
namespace {

bool IsCopy(Op op) { return op >= Op::kCopyGmToUb && op <= Op::kFill; }

uint64_t BytesOf(const Bursts& bursts) { return uint64_t{bursts.count} * bursts.bytes; }

}  // namespace

const char* PathName(Path path) {
  static constexpr std::array<const char*, kNumPaths> kNames = {"GM to UB", "UB to GM", "L2 to UB", "UB to L2",
                                                                "UB to UB", "GM to L1", "L1 to GM", "atomic"};
  return kNames[static_cast<size_t>(path)];
}

struct Timing::State {
  State(const Machine& m, int num_cores, L2Cache* l2)
      : machine(m), memory(m, num_cores, l2), traffic(static_cast<size_t>(num_cores)), vector_free(traffic.size(), -1) {
    for (auto& core : traffic) core.resize(kNumPaths);
  }

  void Count(int core, Path path, uint64_t bytes, uint64_t bursts, uint64_t instructions, Time busy) {
    Traffic& t = traffic[static_cast<size_t>(core)][static_cast<size_t>(path)];
    t.bytes += bytes;
    t.bursts += bursts;
    t.instructions += instructions;
    t.busy += busy;
  }

  Slot Vector(int core, const QueueTimes& queue, Time start, double work, const VectorCost& cost) {
    Time& last_free = vector_free[static_cast<size_t>(core)];
    // The head overlaps with what the queue still works on.
    const bool pays_head = queue.drained || start > last_free;
    const Time first = start + (pays_head ? Cycles(machine.vector_dispatch + cost.head) : 0);
    Slot slot;
    slot.start = start;
    slot.free = first + Cycles(work);
    slot.done = slot.free + Cycles(std::max(cost.latency - cost.head, 0.0));
    last_free = slot.free;
    return slot;
  }

  Slot PlaceVector(int core, const Instruction& i, const QueueTimes& queue, Time start) {
    const VectorCost& cost = VectorCostOf(machine, i);
    const uint64_t repeats = VectorRepeats(i);
    const double work =
        cost.per_repeat * static_cast<double>(repeats) + BankConflictCycles(machine, i, repeats, cost.per_repeat);
    return Vector(core, queue, start, work, cost);
  }

  Slot PlaceGmCopy(int core, const Instruction& i, Time start) {
    const bool write = i.op == Op::kCopyUbToGm || i.op == Op::kCopyL1ToGm;
    const bool l1 = i.op == Op::kCopyGmToL1 || i.op == Op::kCopyL1ToGm;
    const bool atomic = write && i.atomic != Atomic::kNone;
    const CopyTime time = memory.Copy(core, write, atomic, write ? i.dst.address : i.src0.address,
                                      write ? i.bursts.target_gap : i.bursts.source_gap, i.bursts, start);
    const uint64_t bursts = i.bursts.count;
    const Path outside = atomic ? Path::kAtomic
                         : l1   ? (write ? Path::kL1ToGm : Path::kGmToL1)
                                : (write ? Path::kUbToGm : Path::kGmToUb);
    const Path inside = atomic || l1 ? outside : write ? Path::kUbToL2 : Path::kL2ToUb;
    // Instructions and time count for the path of most of the bytes.
    const Path main = time.hbm_bytes >= time.l2_bytes ? outside : inside;
    Count(core, outside, time.hbm_bytes, 0, 0, 0);
    Count(core, inside, time.l2_bytes, 0, 0, 0);
    Count(core, main, 0, bursts, 1, time.occupied);
    return {start, start + time.occupied, start + time.occupied + time.latency};
  }

  Slot PlaceLocalCopy(int core, const Instruction& i, const QueueTimes& queue, Time start) {
    const bool fill = i.op == Op::kFill;
    const uint64_t bytes = BytesOf(i.bursts);
    const double work = std::max(static_cast<double>(bytes) / machine.ub_copy_bytes_per_cycle,
                                 machine.ub_copy_burst * static_cast<double>(i.bursts.count));
    Slot slot;
    if (i.pipe == Pipe::kV) {
      slot = Vector(core, queue, start, work, machine.vector[static_cast<size_t>(Op::kCopy)][2]);
    } else {
      slot.start = start;
      slot.free = start + Cycles(std::max(work, machine.dma_issue));
      slot.done = slot.free + Cycles(machine.dma_latency_l2);
    }
    if (!fill) Count(core, Path::kUbToUb, bytes, i.bursts.count, 1, slot.free - slot.start);
    return slot;
  }

  const Machine& machine;
  MemoryTiming memory;
  std::vector<std::vector<Traffic>> traffic;
  std::vector<Time> vector_free;
};

Timing::Timing(const Machine& machine, int num_cores, L2Cache* l2)
    : state_(std::make_unique<State>(machine, num_cores, l2)) {}

Timing::~Timing() = default;

Slot Timing::Place(int core, const Instruction& instruction, const QueueTimes& queue, Time earliest) {
  const Time start = std::max(queue.free, earliest);
  switch (instruction.op) {
    case Op::kCopyGmToUb:
    case Op::kCopyUbToGm:
    case Op::kCopyGmToL1:
    case Op::kCopyL1ToGm:
      return state_->PlaceGmCopy(core, instruction, start);
    case Op::kSetMask: {
      const Time end = start + Cycles(state_->machine.set_mask);
      return {start, end, end};
    }
    default:
      break;
  }
  if (IsCopy(instruction.op)) return state_->PlaceLocalCopy(core, instruction, queue, start);
  if (instruction.op >= Op::kAdd && instruction.op <= Op::kCreateVecIndex) {
    return state_->PlaceVector(core, instruction, queue, start);
  }
  const Time end = start + Cycles(state_->machine.scalar_issue);
  return {start, end, end};
}

Time Timing::ScalarAccess(int core, Op op, Space space, uint64_t address, uint64_t /*size*/, Time start) {
  const Machine& m = state_->machine;
  if (op == Op::kSetMask) return start + Cycles(m.set_mask);
  if (op == Op::kCleanCache) {
    state_->memory.ScalarClean(core);
    return start + Cycles(m.scalar_clean);
  }
  if (space != Space::kGM || state_->memory.ScalarHit(core, address)) return start + Cycles(m.scalar_access);
  return start + Cycles(m.scalar_access + m.scalar_access_gm);
}

const std::vector<Traffic>& Timing::traffic(int core) const { return state_->traffic[static_cast<size_t>(core)]; }

}  // namespace ascsim
