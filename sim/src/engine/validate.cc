// Rules of operands and fields that hold for every instruction of a kind.
// SPDX-License-Identifier: Apache-2.0
#include "engine/validate.h"

#include <algorithm>
#include <array>
#include <string>

#include "ascsim/options.h"

namespace ascsim {
namespace {

constexpr uint32_t kMaxRepeats = 255;  // an 8-bit field
constexpr uint32_t kMaxBursts = 4095;
constexpr uint32_t kMaxBurstBytes = (1u << 21) - 1;  // 21 bits of DataCopyPad's blockLen

// Beyond these an instruction is not executed at all: what it asks for is no slip, but a number gone wrong (a negative
// count or index, say), and arithmetic on it would overflow or take for ever. No memory of a core has a megabyte.
constexpr uint64_t kMaxLocalAddress = uint64_t{1} << 30;
constexpr uint64_t kNoAddress = uint64_t{1} << 40;  // of a LocalTensor that nobody allocated, see tensor.h
constexpr uint64_t kMaxGlobalAddress = uint64_t{1} << 56;
constexpr uint64_t kMaxElements = uint64_t{1} << 18;  // of an instruction in counter mode
// Elements looked at by GatherMask, with strides of 0; a repeat of none counts as one.
constexpr uint64_t kMaxGathered = uint64_t{1} << 22;
constexpr uint32_t kMaxExecutedRepeats = 1024;
constexpr uint32_t kMaxExecutedBursts = 65535;
constexpr uint64_t kMaxGap = uint64_t{1} << 33;

struct Check {
  const Core& core;
  const Instruction& instruction;
  Checker& checker;

  void Report(Rule rule, const std::string& what, const std::string& remedy, const Operand* operand = nullptr) const {
    Breach breach;
    breach.rule = rule;
    breach.first = {instruction.op, instruction.pipe, instruction.loc, core.index};
    if (operand != nullptr) {
      breach.space = operand->space;
      breach.address = operand->address;
    }
    breach.what = what;
    breach.remedy = remedy;
    checker.Report(breach);
  }

  void Aligned(const Operand& operand, const char* name, uint64_t unit) const {
    if (!operand.used || operand.space == Space::kGM || operand.address % unit == 0) return;
    Report(Rule::kMisaligned,
           std::string(name) + ": expected an address that is a multiple of " + std::to_string(unit) + " bytes, got " +
               std::to_string(operand.address),
           "start at a multiple of " + std::to_string(unit) + " bytes: pad, or move the tensor's offset", &operand);
  }
};

// Whether `value` can be worked with; the report is of an instruction that is not executed.
bool Fits(const Check& check, const char* name, uint64_t value, uint64_t most, Rule rule = Rule::kParameterRange) {
  if (value <= most) return true;
  check.Report(rule,
               std::string(name) + ": " + std::to_string(value) + " is beyond everything that there is" +
                   ": not executed (a negative number as an unsigned one?)",
               "use at most " + std::to_string(most));
  return false;
}

bool AddressFits(const Check& check, const Operand& operand, const char* name) {
  // A part of a tensor without memory lies a little behind.
  if (operand.space != Space::kGM && operand.address >= kNoAddress && operand.address - kNoAddress <= UINT32_MAX) {
    check.Report(Rule::kOutOfBounds, std::string(name) + ": the tensor has no memory: it was never allocated",
                 "take it from TBuf::Get, AllocTensor or DeQue");
    return false;
  }
  const uint64_t most = operand.space == Space::kGM ? kMaxGlobalAddress : kMaxLocalAddress;
  return Fits(check, name, operand.address, most, Rule::kOutOfBounds);
}

// a * b, or more than any limit.
uint64_t Product(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? ~uint64_t{0} : product;
}

bool VectorFits(const Check& check, const Instruction& i) {
  if (!AddressFits(check, i.dst, "dst") || !AddressFits(check, i.src0, "src0") || !AddressFits(check, i.src1, "src1") ||
      !AddressFits(check, i.src2, "src2")) {
    return false;
  }
  if (i.mask.counter ? !Fits(check, "elements", i.mask.low, kMaxElements)
                     : !Fits(check, "repeatTime", i.repeats, kMaxExecutedRepeats)) {
    return false;
  }
  switch (i.op) {
    case Op::kGather:
      return Fits(check, "srcBaseAddr", i.option[0], kMaxLocalAddress, Rule::kOutOfBounds);
    case Op::kGatherMask:
      return Fits(check, "src1Pattern", i.option[0], 7) &&
             Fits(check, "elements", Product(std::max<uint64_t>(i.option[1], 1), i.option[2]), kMaxGathered);
    case Op::kBrcb:
      return Fits(check, "elements", i.option[0], kMaxElements);
    case Op::kTranspose:
      return Fits(check, "elements", Product(Product(i.option[0], i.option[1]), i.option[2]), kMaxElements) &&
             (!i.src1.used || Fits(check, "bytes of sharedTmpBuffer", i.scalar, kMaxElements));
    default:
      return true;
  }
}

bool CopyFits(const Check& check, const Instruction& i) {
  const Bursts& b = i.bursts;
  const auto size = [](int64_t gap) {
    return gap < 0 ? uint64_t{0} - static_cast<uint64_t>(gap) : static_cast<uint64_t>(gap);
  };
  return AddressFits(check, i.dst, "dst") && AddressFits(check, i.src0, "src") &&
         Fits(check, "blockCount", b.count, kMaxExecutedBursts) && Fits(check, "blockLen", b.bytes, kMaxBurstBytes) &&
         Fits(check, "srcStride", size(b.source_gap), kMaxGap) &&
         Fits(check, "dstStride", size(b.target_gap), kMaxGap) &&
         Fits(check, "leftPadding", b.left_padding, kMaxBurstBytes) &&
         Fits(check, "rightPadding", b.right_padding, kMaxBurstBytes);
}

// Page of Select: modes 1 and 2 need 8 KB of UB on Atlas A2. Other pages that ask for room do so for other chips.
void CheckReservedUb(const Check& check, const Instruction& i) {
  constexpr uint64_t kReserved = 8192;
  if (i.op != Op::kSelect || i.option[0] == static_cast<uint64_t>(Selection::kSameBits)) return;
  const uint64_t end = check.core.ub_taken, limit = check.core.ub.size() - kReserved;
  if (end <= limit) return;
  check.Report(Rule::kReservedUb,
               "Select of mode 1 or 2: expected the buffers of the TPipe to end " + std::to_string(kReserved) +
                   " bytes before UB does, at " + std::to_string(limit) + ", got " + std::to_string(end),
               "make buffers smaller, or use mode 0 (VSEL_CMPMASK_SPR)");
}

bool IsVector(Op op) { return op >= Op::kAdd && op <= Op::kCreateVecIndex; }
bool IsCopy(Op op) { return op >= Op::kCopyGmToUb && op <= Op::kCopyL1ToUb; }

// A reduction writes one element a repeat and starts anywhere; offsets and masks of gathers are vectors like others.
uint64_t TargetUnit(const Instruction& i) {
  switch (i.op) {
    case Op::kWholeReduceSum:
    case Op::kWholeReduceMax:
    case Op::kWholeReduceMin:
      return SizeOf(i.dst.type);
    case Op::kBlockReduceSum:
    case Op::kBlockReduceMax:
    case Op::kBlockReduceMin:
    case Op::kPairReduceSum:
      return 16;
    default:
      return kBlockBytes;
  }
}

bool FlagExists(const Check& check, uint64_t id, uint64_t count, const char* kind) {
  if (id < count) return true;
  check.Report(Rule::kFlagId,
               std::string(kind) + " id: expected 0 to " + std::to_string(count - 1) + ", got " + std::to_string(id),
               "use an id of that range");
  return false;
}

}  // namespace

const char* PipeName(Pipe pipe) {
  static constexpr std::array<const char*, kNumPipes + 1> kNames = {"S",    "V",    "M",   "MTE1",
                                                                    "MTE2", "MTE3", "FIX", "ALL"};
  return kNames[static_cast<size_t>(pipe)];
}

std::string WaitText(const Instruction& i) {
  switch (i.op) {
    case Op::kWaitFlag:
      return std::string("for flag ") + PipeName(static_cast<Pipe>(i.option[0])) + "_" + PipeName(i.pipe) + " " +
             std::to_string(i.option[1]);
    case Op::kCrossWaitFlag:
      return "for cross-core flag " + std::to_string(i.option[1]);
    case Op::kScalar:
      return std::string("for a result of queue ") + PipeName(i.pipe);
    case Op::kSyncAll:
      return "in SyncAll for the other cores";
    case Op::kBarrier:
      return "in PipeBarrier<PIPE_ALL> for queues that wait themselves";
    default:
      return std::string("for room in queue ") + PipeName(i.pipe);
  }
}

bool ValidateInstruction(const Core& core, const Instruction& i, Checker& checker) {
  const Check check{core, i, checker};
  switch (i.op) {
    case Op::kSetFlag:
    case Op::kWaitFlag:
      return FlagExists(check, i.option[1], kNumFlags, "flag");
    case Op::kCrossSetFlag:
    case Op::kCrossWaitFlag:
      return FlagExists(check, i.option[1], kNumCrossFlags, "cross-core flag");
    default:
      break;
  }
  if (IsVector(i.op)) {
    if (!i.mask.counter && i.repeats > kMaxRepeats) {
      check.Report(Rule::kParameterRange,
                   "repeatTime: expected at most " + std::to_string(kMaxRepeats) + ", got " + std::to_string(i.repeats),
                   "cut the work into several calls");
    }
    if (!i.mask.counter && i.mask.low == 0 && i.mask.high == 0) {
      check.Report(Rule::kMaskWidth, "mask: expected at least one element, got none", "set the mask before the call");
    }
    CheckReservedUb(check, i);
    check.Aligned(i.dst, "dst", TargetUnit(i));
    check.Aligned(i.src0, "src0", kBlockBytes);
    check.Aligned(i.src1, "src1", kBlockBytes);
    check.Aligned(i.src2, "src2", kBlockBytes);
    return VectorFits(check, i);
  } else if (IsCopy(i.op)) {
    if (i.bursts.count > kMaxBursts) {
      check.Report(
          Rule::kParameterRange,
          "blockCount: expected at most " + std::to_string(kMaxBursts) + ", got " + std::to_string(i.bursts.count),
          "cut the copy into several");
    }
    check.Aligned(i.dst, "dst", kBlockBytes);
    check.Aligned(i.src0, "src", kBlockBytes);
    return CopyFits(check, i);
  }
  if (i.op == Op::kSetMask) return AddressFits(check, i.dst, "dst") && AddressFits(check, i.src0, "src");
  return true;
}

}  // namespace ascsim
