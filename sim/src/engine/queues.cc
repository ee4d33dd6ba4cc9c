// Instructions on their way through the queues of a core: flags, barriers, execution, time.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "engine/execution.h"
#include "engine/launch.h"
#include "engine/validate.h"

namespace ascsim {
namespace {

Stall FlagStall(Pipe from) { return static_cast<Stall>(from); }

bool MayTouch(const Operand& operand, const Operand& other) {
  if (!operand.used || !other.used || operand.space != other.space) return false;
  constexpr uint64_t kWidest = 8;  // bytes of a scalar access
  return other.address + kWidest > operand.address && (operand.end == 0 || other.address < operand.end);
}

// Whether a scalar access meets what an instruction before it writes, or writes what that touches.
bool MayDepend(const Instruction& access, const Instruction& before) {
  if (access.op != Op::kSetValue) return MayTouch(before.dst, access.src0);
  return MayTouch(before.dst, access.dst) || MayTouch(before.src0, access.dst) || MayTouch(before.src1, access.dst) ||
         MayTouch(before.src2, access.dst);
}

// Errors name the core whose instruction it is, not the one whose flag lets it go on. Undone when an error is thrown,
// too: then the objects of the kernel that runs are destroyed.
class ActFor {
 public:
  ActFor(Core** running, Core* core) : running_(running), outer_(std::exchange(*running, core)) {}
  ~ActFor() { *running_ = outer_; }
  ActFor(const ActFor&) = delete;
  ActFor& operator=(const ActFor&) = delete;

 private:
  Core** running_;
  Core* outer_;
};

}  // namespace

void Launch::Issue(const Instruction& given) {
  Core& core = *running_;
  if (core.dead) return;
  EndProbe();
  Watch(given.loc);
  std::optional<Instruction> changed;
  if (options_.mutate) {
    changed = given;
    options_.mutate(&*changed);
  }
  const Instruction& instruction = changed ? *changed : given;
  if (!ValidateInstruction(core, instruction, *checker_)) return;
  if (instruction.op == Op::kCrossSetFlag && !CheckCrossSet(core, instruction)) return;
  const Time cost = Cycles(instruction.pipe == Pipe::kS ? machine_.flag : machine_.scalar_issue);
  core.clock += cost;
  core.queue(Pipe::kS).stats.busy += cost;
  ++core.queue(Pipe::kS).stats.instructions;

  if (instruction.op == Op::kBarrier && instruction.pipe == Pipe::kAll) {
    BarrierAll(core, instruction);
  } else if (instruction.op == Op::kSyncAll) {
    SyncAllCores(core, instruction);
  } else if (instruction.pipe != Pipe::kS) {
    IssueToQueue(core, instruction);
  } else {
    Issued issued{instruction, core.clock};
    issued.instruction.sequence = ++core.queue(Pipe::kS).sequence;
    if (!Execute(core, issued)) {
      WaitFor(instruction.op == Op::kWaitFlag ? Wait::kFlag : Wait::kCrossFlag, instruction);
      issued.time = core.clock;
      Execute(core, issued);
    }
  }
  YieldIfBehind();
}

void Launch::IssueToQueue(Core& core, const Instruction& instruction) {
  Queue& queue = core.queue(instruction.pipe);
  const auto depth = static_cast<size_t>(machine_.queue_depth);
  if (queue.pending.size() >= depth) WaitFor(Wait::kQueueRoom, instruction);
  // The queue has room once the instruction `depth` before this one has started.
  if (const size_t known = queue.starts.size() + queue.pending.size(); known >= depth) {
    Hold(core, Pipe::kS, Stall::kQueueFull, queue.starts[known - depth]);
  }
  checker_->Issue(core.index, instruction.pipe);
  Issued issued{instruction, core.clock};
  issued.instruction.sequence = ++queue.sequence;
  if (!queue.pending.empty() || !Execute(core, issued)) queue.pending.push_back(issued);
}

void Launch::Drain(Core& core, Pipe pipe) {
  Queue& queue = core.queue(pipe);
  // A flag that this queue sets may let another one go on, and that one this one: the outer loop carries on.
  if (queue.draining) return;
  queue.draining = true;
  const ActFor acting(&running_, &core);
  while (!queue.pending.empty()) {
    const Issued issued = queue.pending.front();
    if (!Execute(core, issued)) break;
    queue.pending.pop_front();
  }
  queue.draining = false;
}

// False when the instruction has to wait for a flag that is not set.
bool Launch::Execute(Core& core, const Issued& issued) {
  switch (issued.instruction.op) {
    case Op::kWaitFlag:
      if (!ExecuteWaitFlag(core, issued)) return false;
      break;
    case Op::kCrossWaitFlag:
      if (!ExecuteCrossWait(core, issued)) return false;
      break;
    case Op::kSetFlag:
      ExecuteSetFlag(core, issued);
      break;
    case Op::kBarrier:
      ExecuteBarrier(core, issued);
      break;
    case Op::kCrossSetFlag:
      ExecuteCrossSet(core, issued);
      break;
    default:
      ExecuteWork(core, issued);
      return true;
  }
  if (const Pipe pipe = issued.instruction.pipe; pipe != Pipe::kS) {
    Started(core.queue(pipe), std::max(core.queue(pipe).times.free, issued.time));
  }
  return true;
}

void Launch::Started(Queue& queue, Time at) const {
  queue.starts.push_back(at);
  if (queue.starts.size() > static_cast<size_t>(machine_.queue_depth)) queue.starts.pop_front();
}

void Launch::Hold(Core& core, Pipe pipe, Stall stall, Time until) {
  Time& now = pipe == Pipe::kS ? core.clock : core.queue(pipe).times.free;
  if (until <= now) return;
  core.queue(pipe).stats.stalled[static_cast<size_t>(stall)] += until - now;
  if (options_.recorder != nullptr) options_.recorder->OnStall(core.index, pipe, stall, now, until);
  now = until;
}

void Launch::Rest(Core& core, Pipe pipe, Time until) {
  Time& now = pipe == Pipe::kS ? core.clock : core.queue(pipe).times.free;
  if (until <= now) return;
  core.queue(pipe).stats.idle += until - now;
  now = until;
}

// The queue stands idle until the scalar unit has issued something.
void Launch::Arrive(Core& core, const Issued& issued) {
  if (issued.instruction.pipe != Pipe::kS) Rest(core, issued.instruction.pipe, issued.time);
}

// Work of the scalar unit itself: setting a mask, cleaning the cache.
void Launch::ExecuteScalarWork(Core& core, const Instruction& instruction) {
  checker_->Begin(core.index, instruction);
  if (const ExecFunction exec = FindExec(instruction.op, instruction.dst.type, instruction.src0.type);
      exec != nullptr) {
    Execution execution(core, instruction);
    exec(execution);
  }
  ScalarStep(instruction, instruction.src0.address, 0);
}

void Launch::ExecuteWork(Core& core, const Issued& issued) {
  const Instruction& instruction = issued.instruction;
  if (instruction.pipe == Pipe::kS) return ExecuteScalarWork(core, instruction);
  Queue& queue = core.queue(instruction.pipe);
  checker_->Begin(core.index, instruction);
  {
    Execution execution(core, instruction);
    const ExecFunction exec = FindExec(instruction.op, instruction.dst.type, instruction.src0.type);
    if (exec == nullptr) {
      Fail(instruction.loc, std::string(OpName(instruction.op)) + ": not simulated for these element types");
    }
    try {
      exec(execution);
    } catch (const Execution::Stop&) {
      Arrive(core, issued);  // takes no time either
      return Started(queue, queue.times.free);
    }
  }
  Arrive(core, issued);
  if ((checker_->Inserted() >> static_cast<unsigned>(instruction.pipe) & 1) != 0) WaitForOwn(core, instruction.pipe);
  QueueTimes times = queue.times;
  times.drained |= times.free >= times.done;
  const Slot slot = timing_->Place(core.index, instruction, times, times.free);
  queue.times = {slot.free, std::max(queue.times.done, slot.done), false};
  const Time busy = slot.free - slot.start;
  queue.stats.busy += busy;
  ++queue.stats.instructions;
  Started(queue, slot.start);
  auto& [count, time] = core.stats.ops[instruction.op];
  ++count;
  time += busy;
  if (options_.recorder != nullptr) options_.recorder->OnInstruction(core.index, instruction, slot);
}

bool Launch::ExecuteWaitFlag(Core& core, const Issued& issued) {
  const Instruction& wait = issued.instruction;
  const auto from = static_cast<Pipe>(wait.option[0]);
  const auto id = static_cast<uint32_t>(wait.option[1]);
  Flag& flag = core.flag(from, wait.pipe, id);
  if (!flag.set) return false;
  flag.set = false;
  Arrive(core, issued);
  Hold(core, wait.pipe, FlagStall(from), flag.time);
  checker_->WaitFlag(core.index, wait);
  const Time now = wait.pipe == Pipe::kS ? core.clock : core.queue(wait.pipe).times.free;
  if (options_.recorder != nullptr) {
    options_.recorder->OnFlag(core.index, from, wait.pipe, id, flag.time, now, flag.loc, wait.loc);
  }
  return true;
}

// When everything before on the pipe is complete.
Time Launch::CompleteTime(Core& core, const Issued& issued) const {
  if (issued.instruction.pipe == Pipe::kS) return core.clock;
  const QueueTimes& times = core.queue(issued.instruction.pipe).times;
  return std::max({issued.time, times.free, times.done});
}

void Launch::ExecuteSetFlag(Core& core, const Issued& issued) {
  const Instruction& set = issued.instruction;
  const auto to = static_cast<Pipe>(set.option[0]);
  checker_->SetFlag(core.index, set);
  Flag& flag = core.flag(set.pipe, to, static_cast<uint32_t>(set.option[1]));
  flag = {true, CompleteTime(core, issued) + Cycles(machine_.flag), set.loc};
  if (to != Pipe::kS) Drain(core, to);
}

void Launch::ExecuteBarrier(Core& core, const Issued& issued) {
  checker_->Barrier(core.index, issued.instruction);
  if (issued.instruction.pipe == Pipe::kS) return;
  Arrive(core, issued);
  WaitForOwn(core, issued.instruction.pipe);
}

void Launch::WaitForOwn(Core& core, Pipe pipe) {
  QueueTimes& times = core.queue(pipe).times;
  Hold(core, pipe, Stall::kBarrier, times.done);
  times.drained = true;
}

void Launch::BarrierAll(Core& core, const Instruction& instruction) {
  WaitFor(Wait::kDrain, instruction);
  Time done = core.clock;
  for (const Queue& queue : core.queues) done = std::max({done, queue.times.done, queue.times.free});
  Hold(core, Pipe::kS, Stall::kBarrier, done);
  checker_->Barrier(core.index, instruction);
}

void Launch::BeginScalar(Instruction* instruction) {
  Core& core = *running_;
  EndProbe();
  Watch(instruction->loc);
  if (checker_->auto_sync()) WaitForKept(core, *instruction);
  instruction->sequence = ++core.queue(Pipe::kS).sequence;
  checker_->Begin(core.index, *instruction);
}

// What the compiler inserts before a scalar access waits for instructions that are kept behind a flag, too.
void Launch::WaitForKept(Core& core, const Instruction& access) {
  for (const Pipe pipe : {Pipe::kV, Pipe::kMTE2, Pipe::kMTE3}) {
    const auto& pending = core.queue(pipe).pending;
    const bool depends = std::any_of(pending.begin(), pending.end(),
                                     [&](const Issued& kept) { return MayDepend(access, kept.instruction); });
    if (!depends) continue;
    Instruction wait = access;
    wait.op = Op::kScalar;
    wait.pipe = pipe;
    WaitFor(Wait::kResult, wait);
  }
}

void Launch::ScalarStep(const Instruction& instruction, uint64_t address, uint64_t size) {
  Core& core = *running_;
  const Operand& operand = instruction.op == Op::kSetValue ? instruction.dst : instruction.src0;
  for (const Pipe pipe : {Pipe::kV, Pipe::kMTE2, Pipe::kMTE3}) {
    if ((checker_->Inserted() >> static_cast<unsigned>(pipe) & 1) == 0) continue;
    const QueueTimes& times = core.queue(pipe).times;
    Hold(core, Pipe::kS, FlagStall(pipe), std::max(times.done, times.free));
  }
  const Time end = timing_->ScalarAccess(core.index, instruction.op, operand.space, address, size, core.clock);
  Queue& queue = core.queue(Pipe::kS);
  if (options_.recorder != nullptr) options_.recorder->OnInstruction(core.index, instruction, {core.clock, end, end});
  queue.stats.busy += end - core.clock;
  ++queue.stats.instructions;
  core.clock = end;
  YieldIfBehind();
}

uint64_t Launch::ReadSpecialRegister(size_t which, Loc loc) {
  Core& core = *running_;
  if (core.dead) return 0;
  EndProbe();
  Watch(loc);
  Instruction i;
  i.op = Op::kScalar;
  i.pipe = Pipe::kV;  // the queue that is waited for
  i.loc = loc;
  WaitFor(Wait::kResult, i);
  const QueueTimes& times = core.queue(Pipe::kV).times;
  Hold(core, Pipe::kS, Stall::kFlagV, std::max(times.done, times.free));
  YieldIfBehind();
  return core.special[which];
}

void Launch::ScalarWork(double cycles) {
  if (running_->dead || probing_) return;
  WatchTime();
  const Time time = Cycles(cycles);
  running_->clock += time;
  running_->queue(Pipe::kS).stats.busy += time;
  YieldIfBehind();
}

}  // namespace ascsim
