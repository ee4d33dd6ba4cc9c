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

size_t StallIndex(Stall stall) { return static_cast<size_t>(stall); }

}  // namespace

void Launch::Issue(const Instruction& given) {
  Core& core = *running_;
  if (core.dead) return;
  EndProbe();
  Watch();
  std::optional<Instruction> changed;
  if (options_.mutate) {
    changed = given;
    options_.mutate(&*changed);
  }
  const Instruction& instruction = changed ? *changed : given;
  if (!ValidateInstruction(core, instruction, *checker_)) return;
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
  if (queue.starts.size() >= depth) {
    // The queue has room once the instruction `depth` before this one has started.
    Hold(core, Pipe::kS, Stall::kQueueFull, queue.starts.front());
    queue.starts.pop_front();
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
      return ExecuteWaitFlag(core, issued);
    case Op::kCrossWaitFlag:
      return ExecuteCrossWait(core, issued);
    case Op::kSetFlag:
      ExecuteSetFlag(core, issued);
      return true;
    case Op::kBarrier:
      ExecuteBarrier(core, issued);
      return true;
    case Op::kCrossSetFlag:
      ExecuteCrossSet(core, issued);
      return true;
    default:
      ExecuteWork(core, issued);
      return true;
  }
}

void Launch::Hold(Core& core, Pipe pipe, Stall stall, Time until) {
  Time& now = pipe == Pipe::kS ? core.clock : core.queue(pipe).times.free;
  if (until <= now) return;
  core.queue(pipe).stats.stalled[StallIndex(stall)] += until - now;
  if (options_.recorder != nullptr) options_.recorder->OnStall(core.index, pipe, stall, now, until);
  now = until;
}

// The queue stands idle until the scalar unit has issued something.
void Launch::Arrive(Core& core, const Issued& issued) {
  if (issued.instruction.pipe == Pipe::kS) return;
  Queue& queue = core.queue(issued.instruction.pipe);
  queue.times.free = std::max(queue.times.free, issued.time);
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
    exec(execution);
  }
  Arrive(core, issued);
  QueueTimes times = queue.times;
  times.drained |= times.free >= times.done;
  const Slot slot = timing_->Place(core.index, instruction, times, times.free);
  queue.times = {slot.free, std::max(queue.times.done, slot.done), false};
  const Time busy = slot.free - slot.start;
  queue.stats.busy += busy;
  ++queue.stats.instructions;
  queue.starts.push_back(slot.start);
  if (queue.starts.size() > static_cast<size_t>(machine_.queue_depth)) queue.starts.pop_front();
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
  Queue& queue = core.queue(issued.instruction.pipe);
  Arrive(core, issued);
  Hold(core, issued.instruction.pipe, Stall::kBarrier, queue.times.done);
  queue.times.drained = true;
}

void Launch::BarrierAll(Core& core, const Instruction& instruction) {
  WaitFor(Wait::kDrain, instruction);
  Time done = core.clock;
  for (const Queue& queue : core.queues) done = std::max({done, queue.times.done, queue.times.free});
  Hold(core, Pipe::kS, Stall::kBarrier, done);
  checker_->Barrier(core.index, instruction);
}

void Launch::SyncAllCores(Core& core, const Instruction& instruction) {
  const bool only_aiv = instruction.option[0] != 0;
  if (next_block_ < block_dim_ || static_cast<int>(block_dim_) > Groups()) {
    Fail(instruction.loc, "SyncAll: expected a block dimension of at most " + std::to_string(Groups()) +
                              " cores, so that all blocks run at once, got " + std::to_string(block_dim_));
  }
  BarrierAll(core, instruction);
  core.in_sync = true;
  core.sync_arrival = core.clock;
  const bool all_there = std::all_of(cores_.begin(), cores_.end(), [&](const auto& other) {
    return other->in_sync || (only_aiv && !other->block.is_aiv);
  });
  if (all_there) {
    ReleaseSync();
  } else {
    WaitFor(Wait::kSyncAll, instruction);
  }
}

void Launch::ReleaseSync() {
  Time last = 0;
  std::vector<int> members;
  for (const auto& core : cores_) {
    if (!core->in_sync) continue;
    last = std::max(last, core->sync_arrival);
    members.push_back(core->index);
  }
  last += Cycles(machine_.sync_all);
  for (const int index : members) {
    Core& core = *cores_[static_cast<size_t>(index)];
    Hold(core, Pipe::kS, Stall::kSyncAll, last);
    core.in_sync = false;
  }
  checker_->SyncAll(members);
  // The others have clocks of `last` now, too, and may go first.
  horizon_ = std::min(horizon_, last);
}

// Mode 0: all cores of a kind; mode 1: the AIVs of a group; mode 2: the AIC and the AIVs of a group, each side setting
// for the other.
std::vector<Core*> Launch::CrossMembers(const Core& core, uint64_t mode, bool targets) {
  std::vector<Core*> members;
  for (auto& other : cores_) {
    const bool same_kind = other->block.is_aiv == core.block.is_aiv;
    const bool same_group = other->group == core.group;
    const bool wanted = mode == 0   ? same_kind
                        : mode == 1 ? same_group && same_kind
                                    : same_group && same_kind != targets;
    if (wanted) members.push_back(other.get());
  }
  return members;
}

void Launch::ExecuteCrossSet(Core& core, const Issued& issued) {
  const Instruction& set = issued.instruction;
  const uint64_t mode = set.option[0], id = set.option[1];
  auto& set_by = cross_set_[{mode, id}];
  set_by.resize(cores_.size());
  CrossSignal signal;
  signal.time = CompleteTime(core, issued) + Cycles(machine_.cross_flag);
  signal.from_core = core.index;
  signal.from = set.pipe;
  signal.loc = set.loc;
  signal.tokens.push_back(checker_->Signal(core.index, set.pipe, set.sequence));
  set_by[static_cast<size_t>(core.index)].push_back(std::move(signal));

  // The flag reaches the other side when all members of this one have set it.
  const std::vector<Core*> members = CrossMembers(core, mode, /*targets=*/false);
  for (const Core* member : members) {
    if (set_by[static_cast<size_t>(member->index)].empty()) return;
  }
  CrossSignal all;
  for (const Core* member : members) {
    auto& from = set_by[static_cast<size_t>(member->index)];
    if (from.front().time >= all.time) {
      all.time = from.front().time;
      all.from_core = from.front().from_core;
      all.from = from.front().from;
      all.loc = from.front().loc;
    }
    for (auto& token : from.front().tokens) all.tokens.push_back(std::move(token));
    from.pop_front();
  }
  for (Core* target : CrossMembers(core, mode, /*targets=*/true)) {
    auto& arrived = target->cross[id];
    if (arrived.size() >= kMaxCrossCount) {
      Breach breach;
      breach.rule = Rule::kCrossFlagOverflow;
      breach.kernel = kernel_;
      breach.first = {set.op, set.pipe, set.loc, core.index};
      breach.what = "cross-core flag " + std::to_string(id) + " is set a 16th time before it is waited for";
      breach.remedy = "wait for the flag in between; its counter holds 15";
      checker_->Report(breach);
      continue;
    }
    arrived.push_back(all);
    for (size_t p = 0; p < kNumPipes; ++p) Drain(*target, static_cast<Pipe>(p));
  }
}

bool Launch::ExecuteCrossWait(Core& core, const Issued& issued) {
  const Instruction& wait = issued.instruction;
  auto& arrived = core.cross[wait.option[1]];
  if (arrived.empty()) return false;
  const CrossSignal signal = std::move(arrived.front());
  arrived.pop_front();
  Arrive(core, issued);
  Hold(core, wait.pipe, Stall::kCrossCore, signal.time);
  for (const auto& token : signal.tokens) checker_->Receive(core.index, wait.pipe, token, wait.sequence);
  if (options_.recorder != nullptr) {
    const Time now = wait.pipe == Pipe::kS ? core.clock : core.queue(wait.pipe).times.free;
    options_.recorder->OnCrossFlag(signal.from_core, signal.from, core.index, wait.pipe,
                                   static_cast<uint32_t>(wait.option[1]), signal.time, now);
  }
  return true;
}

void Launch::BeginScalar(Instruction* instruction) {
  Core& core = *running_;
  EndProbe();
  Watch();
  instruction->sequence = ++core.queue(Pipe::kS).sequence;
  checker_->Begin(core.index, *instruction);
}

void Launch::ScalarStep(const Instruction& instruction, uint64_t address, uint64_t size) {
  Core& core = *running_;
  const Operand& operand = instruction.op == Op::kSetValue ? instruction.dst : instruction.src0;
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
  Watch();
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
  const Time time = Cycles(cycles);
  running_->clock += time;
  running_->queue(Pipe::kS).stats.busy += time;
  YieldIfBehind();
}

}  // namespace ascsim
