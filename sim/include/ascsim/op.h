// The instructions that the simulator knows, one name each, as in the machine tables, the trace and the reports.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ascsim {

// An API function issues one of these, or several (ReduceSum, Sum, BroadCast, ...).
enum class Op : uint8_t {
  kNone,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMax,
  kMin,
  kAnd,
  kOr,
  kAdds,
  kMuls,
  kMaxs,
  kMins,
  kShiftLeft,
  kShiftRight,
  kLeakyRelu,
  kAbs,
  kExp,
  kLn,
  kSqrt,
  kRsqrt,
  kReciprocal,
  kRelu,
  kNot,
  kMulAddDst,
  kFusedMulAdd,
  kFusedMulAddRelu,
  kAxpy,
  kCast,
  kDuplicate,
  kCopy,
  kCompare,
  kCompareScalar,
  kSelect,
  kWholeReduceSum,
  kWholeReduceMax,
  kWholeReduceMin,
  kBlockReduceSum,
  kBlockReduceMax,
  kBlockReduceMin,
  kPairReduceSum,
  kGather,
  kGatherb,
  kGatherMask,
  kBrcb,
  kTranspose,
  kTransDataTo5HD,
  kCreateVecIndex,
  kSetMask,
  kCopyGmToUb,
  kCopyUbToGm,
  kCopyUbToUb,
  kCopyGmToL1,
  kCopyL1ToGm,
  kCopyUbToL1,
  kCopyL1ToUb,
  kFill,
  kGetValue,
  kSetValue,
  kCleanCache,
  kScalar,
  kSetFlag,
  kWaitFlag,
  kBarrier,
  kCrossSetFlag,
  kCrossWaitFlag,
  kSyncAll,
  kCount
};
constexpr int kNumOps = static_cast<int>(Op::kCount);

// "Add", "CopyGmToUb", ...
const char* OpName(Op op);

}  // namespace ascsim
