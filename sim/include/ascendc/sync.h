// Order between queues and between cores: flags, barriers, cross-core flags, SyncAll.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>

#include "ascendc/tensor.h"
#include "ascendc/types.h"
#include "ascsim/runtime.h"

namespace ascsim_detail {

// Encoding, as the engine reads it: a set belongs to the source queue, with the destination in option[0]; a wait
// belongs to the destination queue, with the source in option[0]; the id is option[1].
inline void IssueSetFlag(ascsim::Pipe source, ascsim::Pipe destination, int32_t id, ascsim::Loc loc) {
  ascsim::Instruction i;
  i.op = ascsim::Op::kSetFlag;
  i.pipe = source;
  i.loc = loc;
  i.option[0] = static_cast<uint64_t>(destination);
  i.option[1] = static_cast<uint64_t>(static_cast<int64_t>(id));
  ascsim::Issue(i);
}
inline void IssueWaitFlag(ascsim::Pipe source, ascsim::Pipe destination, int32_t id, ascsim::Loc loc) {
  ascsim::Instruction i;
  i.op = ascsim::Op::kWaitFlag;
  i.pipe = destination;
  i.loc = loc;
  i.option[0] = static_cast<uint64_t>(source);
  i.option[1] = static_cast<uint64_t>(static_cast<int64_t>(id));
  ascsim::Issue(i);
}
inline void IssueBarrier(pipe_t pipe, ascsim::Loc loc) {
  if (pipe == PIPE_S) {
    ascsim::ReportBreach("parameter-range", loc,
                         "PipeBarrier<PIPE_S>: the scalar unit orders itself, this raises a hardware error; remove it");
    return;
  }
  ascsim::Instruction i;
  i.op = ascsim::Op::kBarrier;
  i.pipe = PipeOf(pipe);
  i.loc = loc;
  ascsim::Issue(i);
}
inline void IssueSyncAll(bool aiv_only, bool in_software, ascsim::Loc loc) {
  ascsim::Instruction i;
  i.op = ascsim::Op::kSyncAll;
  i.pipe = ascsim::Pipe::kS;
  i.loc = loc;
  i.option[0] = aiv_only ? 1 : 0;
  i.option[1] = in_software ? 1 : 0;
  ascsim::Issue(i);
}

}  // namespace ascsim_detail

namespace AscendC {

template <HardEvent event>
void SetFlag(int32_t eventID, ascsim::Loc loc = ascsim::Loc::Here()) {
  static_assert(event != HardEvent::MAX, "SetFlag: HardEvent::MAX is no event");
  constexpr ascsim_detail::EventPipes kPipes = ascsim_detail::PipesOf(event);
  ascsim_detail::IssueSetFlag(kPipes.source, kPipes.destination, eventID, loc);
}

template <HardEvent event>
void WaitFlag(int32_t eventID, ascsim::Loc loc = ascsim::Loc::Here()) {
  static_assert(event != HardEvent::MAX, "WaitFlag: HardEvent::MAX is no event");
  constexpr ascsim_detail::EventPipes kPipes = ascsim_detail::PipesOf(event);
  ascsim_detail::IssueWaitFlag(kPipes.source, kPipes.destination, eventID, loc);
}

template <pipe_t pipe>
void PipeBarrier(ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueBarrier(pipe, loc);
}

// Everything after it waits for all accesses to memory before it (DataSyncBarrier(ISASI).md): PipeBarrier<PIPE_ALL>.
enum class MemDsbT : uint8_t { ALL = 0, DDR, UB, SEQ };
template <MemDsbT arg0>
void DataSyncBarrier(ascsim::Loc loc = ascsim::Loc::Here()) {
  static_assert(arg0 == MemDsbT::ALL, "ascsim: DataSyncBarrier of DDR or UB alone is not simulated: use MemDsbT::ALL");
  ascsim_detail::IssueBarrier(PIPE_ALL, loc);
}

// The class form of the flags of one ordered pair of queues.
template <pipe_t src, pipe_t dst>
class TQueSync {
 public:
  void SetFlag(TEventID id, ascsim::Loc loc = ascsim::Loc::Here()) {
    ascsim_detail::IssueSetFlag(ascsim_detail::PipeOf(src), ascsim_detail::PipeOf(dst), id, loc);
  }
  void WaitFlag(TEventID id, ascsim::Loc loc = ascsim::Loc::Here()) {
    ascsim_detail::IssueWaitFlag(ascsim_detail::PipeOf(src), ascsim_detail::PipeOf(dst), id, loc);
  }
};

// modeId 0: all cores of a kind, 1: the two AIV of a core, 2: AIC with its AIV. flagId 0 to 10.
template <uint8_t modeId, pipe_t pipe>
void CrossCoreSetFlag(uint16_t flagId, ascsim::Loc loc = ascsim::Loc::Here()) {
  static_assert(modeId <= 2, "CrossCoreSetFlag: A2 has the modes 0, 1 and 2");
  static_assert(pipe != PIPE_ALL, "CrossCoreSetFlag: PIPE_ALL is no queue");
  ascsim::Instruction i;
  i.op = ascsim::Op::kCrossSetFlag;
  i.pipe = ascsim_detail::PipeOf(pipe);
  i.loc = loc;
  i.option[0] = modeId;
  i.option[1] = flagId;
  ascsim::Issue(i);
}

// Everything issued after it waits, whatever the queue, when `pipe` is left at PIPE_S.
template <uint8_t modeId = 0, pipe_t pipe = PIPE_S>
void CrossCoreWaitFlag(uint16_t flagId, ascsim::Loc loc = ascsim::Loc::Here()) {
  static_assert(modeId <= 2, "CrossCoreWaitFlag: A2 has the modes 0, 1 and 2");
  static_assert(pipe != PIPE_ALL, "CrossCoreWaitFlag: PIPE_ALL is no queue");
  ascsim::Instruction i;
  i.op = ascsim::Op::kCrossWaitFlag;
  i.pipe = ascsim_detail::PipeOf(pipe);
  i.loc = loc;
  i.option[0] = modeId;
  i.option[1] = flagId;
  ascsim::Issue(i);
}

// A barrier of all AIV, or of all AIC and AIV. A kernel of AIV alone has to be of type KERNEL_TYPE_MIX_AIV_1_0.
template <bool isAIVOnly = true>
void SyncAll(ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueSyncAll(isAIVOnly, /*in_software=*/false, loc);
}

// The same in software, for AIV: blocks * 32 bytes of workspace in GM, zeroed beforehand, and as much in UB. Simulated
// as the hardware barrier; the traffic of its polling is not.
template <bool isAIVOnly = true>
void SyncAll(const GlobalTensor<int32_t>& gmWorkspace, const LocalTensor<int32_t>& ubWorkspace, int32_t usedCores = 0,
             ascsim::Loc loc = ascsim::Loc::Here()) {
  static_assert(isAIVOnly, "SyncAll with a workspace: documented for isAIVOnly = true alone");
  const auto blocks = static_cast<int64_t>(ascsim::CurrentBlock().block_num);
  char text[160];
  if (usedCores != 0 && usedCores != blocks) {
    std::snprintf(text, sizeof(text), "SyncAll(usedCores = %d) of %lld blocks: a barrier of some is not simulated",
                  static_cast<int>(usedCores), static_cast<long long>(blocks));
    ascsim::FailKernel(loc, text);
  }
  const uint64_t need = static_cast<uint64_t>(blocks) * 32;
  const uint64_t gm = gmWorkspace.GetSize() * sizeof(int32_t), ub = ubWorkspace.GetLength();
  if ((gm != 0 && gm < need) || ub < need) {
    std::snprintf(text, sizeof(text), "SyncAll: needs %llu bytes of workspace in GM and UB, got %llu and %llu",
                  static_cast<unsigned long long>(need), static_cast<unsigned long long>(gm),
                  static_cast<unsigned long long>(ub));
    ascsim::ReportBreach("parameter-range", loc, text);
  }
  ascsim_detail::IssueSyncAll(/*aiv_only=*/true, /*in_software=*/true, loc);
}

}  // namespace AscendC

// The forms without a namespace that older kernels use.
inline void pipe_barrier(pipe_t pipe, ascsim::Loc loc = ascsim::Loc::Here()) { ascsim_detail::IssueBarrier(pipe, loc); }
inline void set_flag(pipe_t source, pipe_t destination, int32_t id, ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueSetFlag(ascsim_detail::PipeOf(source), ascsim_detail::PipeOf(destination), id, loc);
}
inline void wait_flag(pipe_t source, pipe_t destination, int32_t id, ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueWaitFlag(ascsim_detail::PipeOf(source), ascsim_detail::PipeOf(destination), id, loc);
}
