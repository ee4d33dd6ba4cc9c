// Compare, CompareScalar, Select and the comparison register.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>

#include "ascendc/params.h"
#include "ascendc/tensor.h"
#include "ascendc/types.h"
#include "ascendc/vector_arith.h"
#include "ascendc/vector_mask.h"
#include "ascsim/options.h"
#include "ascsim/runtime.h"

namespace ascsim_detail {

constexpr ascsim::Comparison ComparisonOf(AscendC::CMPMODE mode) {
  switch (mode) {
    case AscendC::CMPMODE::LT:
      return ascsim::Comparison::kLess;
    case AscendC::CMPMODE::GT:
      return ascsim::Comparison::kGreater;
    case AscendC::CMPMODE::EQ:
      return ascsim::Comparison::kEqual;
    case AscendC::CMPMODE::LE:
      return ascsim::Comparison::kLessEqual;
    case AscendC::CMPMODE::GE:
      return ascsim::Comparison::kGreaterEqual;
    case AscendC::CMPMODE::NE:
      break;
  }
  return ascsim::Comparison::kNotEqual;
}

constexpr ascsim::Selection SelectionOf(AscendC::SELMODE mode) {
  return mode == AscendC::SELMODE::VSEL_CMPMASK_SPR          ? ascsim::Selection::kSameBits
         : mode == AscendC::SELMODE::VSEL_TENSOR_SCALAR_MODE ? ascsim::Selection::kTensorScalar
                                                             : ascsim::Selection::kTensorTensor;
}

template <class T>
void SetComparison(ascsim::Instruction* i, AscendC::CMPMODE mode) {
  if (std::is_same_v<T, int32_t> && mode != AscendC::CMPMODE::EQ) {
    ascsim::ReportBreach("parameter-range", i->loc, "cmpMode: int32_t is compared with CMPMODE::EQ only on Atlas A2");
  }
  i->option[0] = static_cast<uint64_t>(ComparisonOf(mode));
}

template <class T, class U>
constexpr void CheckCompareTypes() {
  static_assert(kIsAnyOf<T, half, float, int32_t>, "ascsim: Compare does not take this source type on Atlas A2");
  static_assert(kIsAnyOf<U, int8_t, uint8_t>, "ascsim: Compare does not take this destination type on Atlas A2");
}

template <class T, class U>
ascsim::Instruction MakeCompare(const AscendC::LocalTensor<U>& dst, const AscendC::LocalTensor<T>& src0,
                                const AscendC::LocalTensor<T>& src1, AscendC::CMPMODE mode, ascsim::Loc loc) {
  CheckCompareTypes<T, U>();
  ascsim::Instruction i = MakeVector(ascsim::Op::kCompare, dst, src0, loc);
  i.src1 = OperandOf(src1);
  SetComparison<T>(&i, mode);
  return i;
}

template <class T, class U>
ascsim::Instruction MakeCompareScalar(const AscendC::LocalTensor<U>& dst, const AscendC::LocalTensor<T>& src0, T scalar,
                                      AscendC::CMPMODE mode, ascsim::Loc loc) {
  CheckCompareTypes<T, U>();
  ascsim::Instruction i = MakeScalar(ascsim::Op::kCompareScalar, dst, src0, scalar, loc);
  SetComparison<T>(&i, mode);
  return i;
}

// count elements must fill whole repeats (Compare.md).
template <class T>
void IssueCompareCount(ascsim::Instruction i, uint32_t count) {
  if (count % kRepeatElements<T> != 0) {
    char text[96];
    std::snprintf(text, sizeof(text), "count: expected a multiple of %u elements (256 bytes), got %u",
                  kRepeatElements<T>, count);
    ascsim::ReportBreach("parameter-range", i.loc, text);
  }
  IssueCountOf<T>(i, true, count);
}

// The mask of the repeat forms has no effect, nor have the destination's strides.
template <class T, class Params>
void IssueCompareRepeats(ascsim::Instruction i, int64_t repeats, const Params& params) {
  SetStrides(&i, params);
  SetStrides(&i.dst, 1, 8);
  i.mask = ascsim::Mask{};
  i.repeats = RepeatField(repeats, i.loc);
  ascsim::Issue(i);
}

template <class T>
ascsim::Instruction MakeCompareToRegister(const AscendC::LocalTensor<T>& src0, const AscendC::LocalTensor<T>& src1,
                                          AscendC::CMPMODE mode, ascsim::Loc loc) {
  static_assert(kIsAnyOf<T, half, float>, "ascsim: Compare into the register takes half and float on Atlas A2");
  ascsim::Instruction i;
  i.op = ascsim::Op::kCompare;
  i.loc = loc;
  i.src0 = OperandOf(src0);
  i.src1 = OperandOf(src1);
  i.dst.type = ascsim::DType::kU8;
  i.option[1] = 1;
  SetComparison<T>(&i, mode);
  return i;
}

template <class T>
ascsim::Instruction MakeSelect(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src0,
                               AscendC::SELMODE mode, ascsim::Loc loc) {
  static_assert(kIsAnyOf<T, half, float>, "ascsim: Select takes half and float on Atlas A2");
  ascsim::Instruction i = MakeVector(ascsim::Op::kSelect, dst, src0, loc);
  i.option[0] = static_cast<uint64_t>(SelectionOf(mode));
  return i;
}

template <class T, class U>
ascsim::Instruction MakeSelect(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<U>& bits,
                               const AscendC::LocalTensor<T>& src0, AscendC::SELMODE mode, ascsim::Loc loc) {
  static_assert(kIsAnyOf<U, uint8_t, uint16_t, uint32_t, uint64_t>, "ascsim: Select: selMask of unsigned integers");
  ascsim::Instruction i = MakeSelect(dst, src0, mode, loc);
  i.src2 = OperandOf(bits);
  return i;
}

template <class T, class U>
ascsim::Instruction MakeSelectScalar(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<U>& bits,
                                     const AscendC::LocalTensor<T>& src0, const T& scalar, AscendC::SELMODE mode,
                                     ascsim::Loc loc) {
  if (mode != AscendC::SELMODE::VSEL_TENSOR_SCALAR_MODE) {
    ascsim::ReportBreach("parameter-range", loc, "selMode: a scalar src1 goes with VSEL_TENSOR_SCALAR_MODE only");
  }
  ascsim::Instruction i = MakeSelect(dst, bits, src0, AscendC::SELMODE::VSEL_TENSOR_SCALAR_MODE, loc);
  i.scalar = BitsOf(scalar);
  return i;
}

template <class T, class U>
ascsim::Instruction MakeSelectTensor(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<U>& bits,
                                     const AscendC::LocalTensor<T>& src0, const AscendC::LocalTensor<T>& src1,
                                     AscendC::SELMODE mode, ascsim::Loc loc) {
  if (mode == AscendC::SELMODE::VSEL_TENSOR_SCALAR_MODE) {
    ascsim::ReportBreach("parameter-range", loc, "selMode: VSEL_TENSOR_SCALAR_MODE needs a scalar src1");
    mode = AscendC::SELMODE::VSEL_TENSOR_TENSOR_MODE;
  }
  ascsim::Instruction i = MakeSelect(dst, bits, src0, mode, loc);
  i.src1 = OperandOf(src1);
  return i;
}

inline void IssueRegisterMove(ascsim::RegisterMove move, const ascsim::Operand& operand, ascsim::Loc loc) {
  if (operand.address % 16 != 0) {
    ascsim::ReportBreach("misaligned", loc, "comparison register: expected a tensor at a multiple of 16 bytes");
  }
  ascsim::Instruction i;
  i.op = ascsim::Op::kSetMask;
  i.pipe = ascsim::Pipe::kV;
  i.loc = loc;
  i.option[0] = static_cast<uint64_t>(move);
  (move == ascsim::RegisterMove::kSetCmp ? i.src0 : i.dst) = operand;
  ascsim::Issue(i);
}

}  // namespace ascsim_detail

namespace AscendC {

// A bit an element, one after the other: src0 op src1.
template <typename T, typename U>
void Compare(const LocalTensor<U>& dst, const LocalTensor<T>& src0, const LocalTensor<T>& src1, CMPMODE cmpMode,
             uint32_t count, ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueCompareCount<T>(ascsim_detail::MakeCompare(dst, src0, src1, cmpMode, loc), count);
}
template <typename T, typename U, bool isSetMask = true>
void Compare(const LocalTensor<U>& dst, const LocalTensor<T>& src0, const LocalTensor<T>& src1, CMPMODE cmpMode,
             const uint64_t[], int64_t repeatTime, const BinaryRepeatParams& repeatParams,
             ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueCompareRepeats<T>(ascsim_detail::MakeCompare(dst, src0, src1, cmpMode, loc), repeatTime,
                                        repeatParams);
}
template <typename T, typename U, bool isSetMask = true>
void Compare(const LocalTensor<U>& dst, const LocalTensor<T>& src0, const LocalTensor<T>& src1, CMPMODE cmpMode,
             const uint64_t, int64_t repeatTime, const BinaryRepeatParams& repeatParams,
             ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueCompareRepeats<T>(ascsim_detail::MakeCompare(dst, src0, src1, cmpMode, loc), repeatTime,
                                        repeatParams);
}

// One repeat, into the comparison register.
template <typename T, bool isSetMask = true>
void Compare(const LocalTensor<T>& src0, const LocalTensor<T>& src1, CMPMODE cmpMode, const uint64_t mask[],
             const BinaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeCompareToRegister(src0, src1, cmpMode, loc), isSetMask, mask, 1,
                                 repeatParams);
}
template <typename T, bool isSetMask = true>
void Compare(const LocalTensor<T>& src0, const LocalTensor<T>& src1, CMPMODE cmpMode, const uint64_t mask,
             const BinaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeCompareToRegister(src0, src1, cmpMode, loc), isSetMask, mask, 1,
                                 repeatParams);
}

template <typename T, typename U>
void CompareScalar(const LocalTensor<U>& dst, const LocalTensor<T>& src0, const T src1Scalar, CMPMODE cmpMode,
                   uint32_t count, ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueCompareCount<T>(ascsim_detail::MakeCompareScalar(dst, src0, src1Scalar, cmpMode, loc), count);
}
template <typename T, typename U, bool isSetMask = true>
void CompareScalar(const LocalTensor<U>& dst, const LocalTensor<T>& src0, const T src1Scalar, CMPMODE cmpMode,
                   const uint64_t[], int64_t repeatTime, const UnaryRepeatParams& repeatParams,
                   ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueCompareRepeats<T>(ascsim_detail::MakeCompareScalar(dst, src0, src1Scalar, cmpMode, loc),
                                        repeatTime, repeatParams);
}
template <typename T, typename U, bool isSetMask = true>
void CompareScalar(const LocalTensor<U>& dst, const LocalTensor<T>& src0, const T src1Scalar, CMPMODE cmpMode,
                   const uint64_t, int64_t repeatTime, const UnaryRepeatParams& repeatParams,
                   ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueCompareRepeats<T>(ascsim_detail::MakeCompareScalar(dst, src0, src1Scalar, cmpMode, loc),
                                        repeatTime, repeatParams);
}

// dst = bit ? src0 : src1
template <typename T, typename U>
void Select(const LocalTensor<T>& dst, const LocalTensor<U>& selMask, const LocalTensor<T>& src0, T src1,
            SELMODE selMode, uint32_t count, ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueCountOf<T>(ascsim_detail::MakeSelectScalar(dst, selMask, src0, src1, selMode, loc), true, count);
}
template <typename T, typename U>
void Select(const LocalTensor<T>& dst, const LocalTensor<U>& selMask, const LocalTensor<T>& src0,
            const LocalTensor<T>& src1, SELMODE selMode, uint32_t count, ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueCountOf<T>(ascsim_detail::MakeSelectTensor(dst, selMask, src0, src1, selMode, loc), true, count);
}
template <typename T, typename U, bool isSetMask = true>
void Select(const LocalTensor<T>& dst, const LocalTensor<U>& selMask, const LocalTensor<T>& src0, T src1,
            SELMODE selMode, const uint64_t mask[], int64_t repeatTime, const BinaryRepeatParams& repeatParams,
            ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeSelectScalar(dst, selMask, src0, src1, selMode, loc), isSetMask,
                                 mask, repeatTime, repeatParams);
}
template <typename T, typename U, bool isSetMask = true>
void Select(const LocalTensor<T>& dst, const LocalTensor<U>& selMask, const LocalTensor<T>& src0, T src1,
            SELMODE selMode, const uint64_t mask, int64_t repeatTime, const BinaryRepeatParams& repeatParams,
            ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeSelectScalar(dst, selMask, src0, src1, selMode, loc), isSetMask,
                                 mask, repeatTime, repeatParams);
}
template <typename T, typename U, bool isSetMask = true>
void Select(const LocalTensor<T>& dst, const LocalTensor<U>& selMask, const LocalTensor<T>& src0,
            const LocalTensor<T>& src1, SELMODE selMode, const uint64_t mask[], int64_t repeatTime,
            const BinaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeSelectTensor(dst, selMask, src0, src1, selMode, loc), isSetMask,
                                 mask, repeatTime, repeatParams);
}
template <typename T, typename U, bool isSetMask = true>
void Select(const LocalTensor<T>& dst, const LocalTensor<U>& selMask, const LocalTensor<T>& src0,
            const LocalTensor<T>& src1, SELMODE selMode, const uint64_t mask, int64_t repeatTime,
            const BinaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeSelectTensor(dst, selMask, src0, src1, selMode, loc), isSetMask,
                                 mask, repeatTime, repeatParams);
}

// Without a mask: SetVectorMask and SetCmpMask have prepared the registers. The latter holds src1 here (its first
// element) ...
template <typename T, typename U>
void Select(const LocalTensor<T>& dst, const LocalTensor<U>& selMask, const LocalTensor<T>& src0, int64_t repeatTime,
            const BinaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim::Instruction i = ascsim_detail::MakeSelect(dst, selMask, src0, SELMODE::VSEL_TENSOR_SCALAR_MODE, loc);
  i.option[1] = 1;
  ascsim_detail::IssueRepeats<T>(i, false, MASK_PLACEHOLDER, repeatTime, repeatParams);
}
// ... and the selecting bits (VSEL_CMPMASK_SPR) or their address (VSEL_TENSOR_TENSOR_MODE) here.
template <typename T, SELMODE selMode>
void Select(const LocalTensor<T>& dst, const LocalTensor<T>& src0, const LocalTensor<T>& src1, int64_t repeatTime,
            const BinaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) {
  static_assert(selMode != SELMODE::VSEL_TENSOR_SCALAR_MODE, "ascsim: Select: this mode takes selMask as an argument");
  ascsim::Instruction i = ascsim_detail::MakeSelect(dst, src0, selMode, loc);
  i.src1 = ascsim_detail::OperandOf(src1);
  i.option[1] = 1;
  ascsim_detail::IssueRepeats<T>(i, false, MASK_PLACEHOLDER, repeatTime, repeatParams);
}

// 16 bytes of the tensor to the comparison register.
template <typename T>
void SetCmpMask(const LocalTensor<T>& src, ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueRegisterMove(ascsim::RegisterMove::kSetCmp, ascsim_detail::OperandOf(src), loc);
}
// And back: the result of a Compare into the register. dst must have 128 bytes, of which 16 are written.
template <typename T>
void GetCmpMask(const LocalTensor<T>& dst, ascsim::Loc loc = ascsim::Loc::Here()) {
  if (dst.GetLength() < 128) {
    ascsim::ReportBreach("parameter-range", loc, "GetCmpMask: expected a destination of at least 128 bytes");
  }
  ascsim_detail::IssueRegisterMove(ascsim::RegisterMove::kGetCmp, ascsim_detail::OperandOf(dst), loc);
}

}  // namespace AscendC
