// What the API headers call: everything a kernel does goes through these, on behalf of the core whose fiber runs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "ascsim/instruction.h"
#include "ascsim/types.h"

namespace ascsim {

// kMixAiv1Aic0 and kMixAic1Aiv0 have one kind of core as well, and its hardware synchronisation.
enum class KernelType : uint8_t { kAivOnly, kAicOnly, kMixAic1Aiv1, kMixAic1Aiv2, kMixAiv1Aic0, kMixAic1Aiv0 };
constexpr bool HasAic(KernelType type) { return type != KernelType::kAivOnly && type != KernelType::kMixAiv1Aic0; }
constexpr bool HasAiv(KernelType type) { return type != KernelType::kAicOnly && type != KernelType::kMixAic1Aiv0; }

// Must come before the kernel's first instruction (KERNEL_TASK_TYPE_DEFAULT does). Without it: kAivOnly.
void SetKernelType(KernelType type, Loc loc);

// Hands an instruction to its queue. It takes effect when the queue reaches it, at once unless the queue waits for a
// flag. Parameters are checked first; what breaks a rule is reported and, where that is possible, still executed.
void Issue(const Instruction& instruction);

// Bits of an element, low-aligned. Scalar accesses, in program order, queue S.
uint64_t ScalarRead(Space space, uint64_t address, DType type, Loc loc);
void ScalarWrite(Space space, uint64_t address, DType type, uint64_t bits, Loc loc);

// What vector instructions leave in registers of the core: elements that GatherMask kept; sum, extreme value (bits of
// the element) and its index of the last reduction. Reading one waits until queue V is through with what was issued to
// it, as the scalar unit does, but orders no accesses to memory.
enum class SpecialRegister : uint8_t {
  kRemaining,
  kSum,
  kExtreme,
  kExtremeIndex,
  kCmpMaskLow,  // of Compare without a destination, SetCmpMask, GetCmpMask, Select without a mask
  kCmpMaskHigh,
  kDeqScale,  // SetDeqScale: bits of a half
};
uint64_t ReadSpecialRegister(SpecialRegister which, Loc loc);

// Time that the scalar unit spends on something the simulator does not see instruction by instruction.
void ScalarWork(double cycles);

// Vector mask register, as SetVectorMask and the instructions leave it; atomic mode of copies to GM.
Mask& VectorMask();
struct AtomicMode {
  Atomic kind = Atomic::kNone;
  DType type = DType::kF32;
};
AtomicMode& CurrentAtomicMode();
// Where the buffers of the kernel's TPipe in UB end.
uint64_t& UbTaken();

struct BlockInfo {
  uint32_t block_idx = 0;      // as GetBlockIdx tells
  uint32_t block_num = 1;      // as GetBlockNum tells
  uint32_t sub_block_idx = 0;  // 0 or 1 of the two AIV of an AIC
  uint32_t sub_block_num = 1;
  bool is_aiv = true;
};
const BlockInfo& CurrentBlock();

uint64_t UbBytes();
uint64_t L1Bytes();
// Cycles since the launch on this core's scalar unit.
int64_t CurrentCycle();
double ClockMhz();
// Whether a kernel is running at all: assertions in host code come through the same macros.
bool InKernel();

// Host pointers behind UB and L1 of this core, for GetPhyAddr.
uint8_t* SpaceBase(Space space);

// Contents for debug output (DumpTensor, printf): no access of the simulated machine.
void Peek(Space space, uint64_t address, uint64_t size, void* to);
// Whether all of these bytes lie in UB, L1 or one live GM allocation.
bool Exists(Space space, uint64_t address, uint64_t size);

// Marks bytes of UB or L1 as given back to a queue (use is a breach of use-after-free) or handed out again (contents
// count as never written only at the start of a kernel).
void MarkFreed(Space space, uint64_t address, uint64_t size, bool freed, Loc loc);

// A breach found by an API header itself (queue protocol, parameters). `rule` by its name in rules.h.
// `remedy` null: the rule's own.
void ReportBreach(const char* rule, Loc loc, const char* message, const char* remedy = nullptr);

// Something that makes going on pointless (more UB than there is, an assertion of the kernel): ends the launch with an
// error.
[[noreturn]] void FailKernel(Loc loc, const char* message);

// Debug output of a kernel, a line at a time, with the core's name before it.
void Print(const char* text);

// State of the kernel's framework (TPipe) that belongs to the running core: made on first use, destroyed with it.
void*& CurrentPipe();

}  // namespace ascsim
