// Order between cores: cross-core flags with their counters, SyncAll, and what is left of them at the end.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/launch.h"
#include "engine/validate.h"

namespace ascsim {
namespace {

// "AIV 3, AIV 5 and 44 more"
std::string Names(const std::vector<const Core*>& cores) {
  constexpr size_t kNamed = 3;
  const size_t named = cores.size() <= kNamed + 1 ? cores.size() : kNamed;
  std::string text;
  for (size_t i = 0; i < named; ++i) {
    if (i > 0) text += i + 1 == cores.size() ? " and " : ", ";
    text += cores[i]->name + " (block " + std::to_string(cores[i]->block.block_idx) + ")";
  }
  if (named < cores.size()) text += " and " + std::to_string(cores.size() - named) + " more";
  return text;
}

std::string FlagText(uint64_t mode, uint64_t id) {
  return "cross-core flag " + std::to_string(id) + " (mode " + std::to_string(mode) + ")";
}

}  // namespace

// A barrier of all blocks needs all of them to run at once.
void Launch::RequireAllAtOnce(const Instruction& instruction, const std::string& what) {
  if (static_cast<int>(block_dim_) <= Groups()) return;
  Fail(instruction.loc, what + ": expected a block dimension of at most " + std::to_string(Groups()) +
                            " cores, so that all blocks run at once, got " + std::to_string(block_dim_));
}

// The pages of SyncAll and CrossCoreSetFlag: kernels of one kind of core have to be of the types 1:0.
void Launch::RequireSyncType(const Core& core, const Instruction& instruction, const char* what) {
  if (type_ != KernelType::kAivOnly && type_ != KernelType::kAicOnly) return;
  const std::string kind = type_ == KernelType::kAivOnly ? "AIV" : "AIC";
  Breach breach;
  breach.rule = Rule::kKernelType;
  breach.first = {instruction.op, instruction.pipe, instruction.loc, core.index};
  breach.what = std::string(what) + ": expected a kernel of type KERNEL_TYPE_MIX_" + kind + "_1_0, got " +
                (type_set_ ? "KERNEL_TYPE_" + kind + "_ONLY" : "one that sets no type");
  breach.remedy = "KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_" + kind + "_1_0)";
  checker_->Report(breach);
}

bool Launch::SyncWants(Sync sync, const Core& core) const { return sync == Sync::kAll || core.block.is_aiv; }

void Launch::SyncAllCores(Core& core, const Instruction& instruction) {
  const Sync sync = instruction.option[0] != 0 ? Sync::kAiv : Sync::kAll;
  RequireAllAtOnce(instruction, "SyncAll");
  if (instruction.option[1] == 0) RequireSyncType(core, instruction, "SyncAll");
  if (!SyncWants(sync, core)) {
    Breach breach;
    breach.rule = Rule::kParameterRange;
    breach.first = {instruction.op, instruction.pipe, instruction.loc, core.index};
    breach.what = "isAIVOnly: expected false on an AIC, got true, a barrier of the AIVs alone";
    breach.remedy = "SyncAll<false>() on all cores, or leave it to the AIVs (if ASCEND_IS_AIV)";
    checker_->Report(breach);
    return;
  }
  BarrierAll(core, instruction);
  core.sync = sync;
  core.sync_arrival = core.clock;
  const bool all_there = std::all_of(
      cores_.begin(), cores_.end(), [&](const auto& other) { return other->sync == sync || !SyncWants(sync, *other); });
  if (all_there) {
    ReleaseSync(sync);
  } else {
    WaitFor(Wait::kSyncAll, instruction);
  }
}

void Launch::ReleaseSync(Sync sync) {
  Time last = 0;
  std::vector<int> members;
  for (const auto& core : cores_) {
    if (core->sync != sync) continue;
    last = std::max(last, core->sync_arrival);
    members.push_back(core->index);
  }
  last += Cycles(machine_.sync_all);
  for (const int index : members) {
    Core& core = *cores_[static_cast<size_t>(index)];
    Hold(core, Pipe::kS, Stall::kSyncAll, last);
    core.sync = Sync::kNone;
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

// Modes that the kernel has no partners for have no effect.
bool Launch::CheckCrossSet(Core& core, const Instruction& set) {
  const uint64_t mode = set.option[0];
  if (mode == 0) {
    RequireAllAtOnce(set, "CrossCoreSetFlag<0>");
    RequireSyncType(core, set, "CrossCoreSetFlag<0>");
    return true;
  }
  const bool mix = type_ == KernelType::kMixAic1Aiv1 || type_ == KernelType::kMixAic1Aiv2;
  if (mix && (mode == 2 || core.block.is_aiv)) return true;
  Breach breach;
  breach.rule = Rule::kParameterRange;
  breach.first = {set.op, set.pipe, set.loc, core.index};
  breach.what = mode == 1 ? "modeId: expected mode 1 on the AIVs of a mixed kernel, got it on " + core.name
                          : "modeId: expected mode 2 in a mixed kernel, got it in one of a single kind of core";
  breach.remedy = mode == 1 ? "mode 1 orders the two AIVs of one AIC; mode 0 orders all cores of a kind"
                            : "mode 2 orders an AIC with its AIVs: KERNEL_TYPE_MIX_AIC_1_2, or mode 0";
  checker_->Report(breach);
  return false;
}

void Launch::CrossOverflow(const Core& core, const Instruction& set, const char* before) {
  Breach breach;
  breach.rule = Rule::kCrossFlagOverflow;
  breach.first = {set.op, set.pipe, set.loc, core.index};
  breach.what = FlagText(set.option[0], set.option[1]) + " is set a 16th time before " + before;
  breach.remedy = "wait for the flag in between; its counter holds 15";
  checker_->Report(breach);
}

void Launch::ExecuteCrossSet(Core& core, const Issued& issued) {
  const Instruction& set = issued.instruction;
  const uint64_t mode = set.option[0], id = set.option[1];
  auto& set_by = cross_set_[{mode, id}];
  set_by.resize(cores_.size());
  auto& mine = set_by[static_cast<size_t>(core.index)];
  if (mine.size() >= kMaxCrossCount) return CrossOverflow(core, set, "its partners set it");
  CrossSignal signal;
  signal.time = CompleteTime(core, issued) + Cycles(machine_.cross_flag);
  signal.from_core = core.index;
  signal.from = set.pipe;
  signal.loc = set.loc;
  signal.tokens.push_back(checker_->Signal(core.index, set.pipe, set.sequence));
  mine.push_back(std::move(signal));

  // The flag reaches the other side when all members of this one have set it.
  const std::vector<Core*> members = CrossMembers(core, mode, /*targets=*/false);
  if (!NotSet(members, mode, id).empty()) return;
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
  // A core that waits for it goes on at this time, and may go first.
  horizon_ = std::min(horizon_, all.time);
  for (Core* target : CrossMembers(core, mode, /*targets=*/true)) {
    auto& arrived = target->cross[id];
    if (arrived.size() >= kMaxCrossCount) {
      CrossOverflow(core, set, "it is waited for");
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

// Those of `members` of whom no set of the flag is left.
std::vector<const Core*> Launch::NotSet(const std::vector<Core*>& members, uint64_t mode, uint64_t id) {
  std::vector<const Core*> missing;
  const auto set_by = cross_set_.find({mode, id});
  for (const Core* member : members) {
    if (set_by == cross_set_.end() || set_by->second[static_cast<size_t>(member->index)].empty()) {
      missing.push_back(member);
    }
  }
  return missing;
}

// What an instruction waits for, and whose part it is.
std::string Launch::WaitingFor(const Core& core, const Instruction& instruction) {
  std::vector<const Core*> missing;
  if (instruction.op == Op::kSyncAll) {
    for (const auto& other : cores_) {
      if (SyncWants(core.sync, *other) && other->sync != core.sync) missing.push_back(other.get());
    }
    return "in SyncAll for " + Names(missing);
  }
  if (instruction.op != Op::kCrossWaitFlag) return WaitText(instruction);
  const uint64_t id = instruction.option[1];
  // The wait does not tell the mode: CrossCoreWaitFlag(id) waits for flags of all modes.
  for (const auto& [key, set_by] : cross_set_) {
    if (key.second != id) continue;
    const std::vector<Core*> members = CrossMembers(core, key.first, /*targets=*/true);
    missing = NotSet(members, key.first, id);
    if (!missing.empty() && missing.size() < members.size()) {
      return "for " + FlagText(key.first, id) + ", which " + Names(missing) + " did not set";
    }
  }
  return WaitText(instruction) + ", which nobody has set for it";
}

// Counters that are not zero when the kernel ends meet the next kernel.
void Launch::ReportCrossFlags() {
  const auto report = [this](const CrossSignal& signal, const std::string& what) {
    Breach breach;
    breach.rule = Rule::kFlagLeftSet;
    breach.first = {Op::kCrossSetFlag, signal.from, signal.loc, signal.from_core};
    breach.what = what;
    breach.remedy = "wait for it as often as it is set, and set it on all partners";
    checker_->Report(breach);
  };
  for (const auto& core : cores_) {
    for (size_t id = 0; id < core->cross.size(); ++id) {
      if (core->cross[id].empty()) continue;
      report(core->cross[id].front(), "cross-core flag " + std::to_string(id) + " of " + Names({core.get()}) +
                                          " is set " + std::to_string(core->cross[id].size()) +
                                          " times more than it is waited for when the kernel ends");
    }
  }
  for (const auto& [key, set_by] : cross_set_) {
    for (size_t c = 0; c < set_by.size(); ++c) {
      if (set_by[c].empty()) continue;
      const std::vector<Core*> members = CrossMembers(*cores_[c], key.first, /*targets=*/false);
      report(set_by[c].front(), FlagText(key.first, key.second) + " is set by " + Names({cores_[c].get()}) +
                                    ", but not by " + Names(NotSet(members, key.first, key.second)) +
                                    ", when the kernel ends");
    }
  }
}

}  // namespace ascsim
