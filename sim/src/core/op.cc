// Names of instructions.
// SPDX-License-Identifier: Apache-2.0
#include "ascsim/op.h"

#include <array>
#include <cstddef>

namespace ascsim {
namespace {

// In the order of Op.
constexpr std::array<const char*, kNumOps> kNames = {
    "None",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Max",
    "Min",
    "And",
    "Or",
    "Adds",
    "Muls",
    "Maxs",
    "Mins",
    "ShiftLeft",
    "ShiftRight",
    "LeakyRelu",
    "Abs",
    "Exp",
    "Ln",
    "Sqrt",
    "Rsqrt",
    "Reciprocal",
    "Relu",
    "Not",
    "MulAddDst",
    "FusedMulAdd",
    "FusedMulAddRelu",
    "Axpy",
    "Cast",
    "Duplicate",
    "Copy",
    "Compare",
    "CompareScalar",
    "Select",
    "WholeReduceSum",
    "WholeReduceMax",
    "WholeReduceMin",
    "BlockReduceSum",
    "BlockReduceMax",
    "BlockReduceMin",
    "PairReduceSum",
    "Gather",
    "Gatherb",
    "GatherMask",
    "Brcb",
    "Transpose",
    "TransDataTo5HD",
    "CreateVecIndex",
    "SetMask",
    "CopyGmToUb",
    "CopyUbToGm",
    "CopyUbToUb",
    "CopyGmToL1",
    "CopyL1ToGm",
    "CopyUbToL1",
    "CopyL1ToUb",
    "Fill",
    "GetValue",
    "SetValue",
    "CleanCache",
    "Scalar",
    "SetFlag",
    "WaitFlag",
    "Barrier",
    "CrossSetFlag",
    "CrossWaitFlag",
    "SyncAll",
};

}  // namespace

const char* OpName(Op op) {
  const auto i = static_cast<size_t>(op);
  return i < kNames.size() ? kNames[i] : "?";
}

}  // namespace ascsim
