// Element-wise arithmetic: one, two and three operands, with scalars, and the plain moves Duplicate and Copy.
// SPDX-License-Identifier: Apache-2.0
//
// Each function has three forms: the first `count` elements; and repeats with strides under a mask bit by bit or of the
// first elements. One page of the documentation a function (Add.md, ...) says which element types it takes on Atlas A2;
// others do not compile.
#pragma once

#include <cstdint>
#include <cstdio>

#include "ascendc/params.h"
#include "ascendc/tensor.h"
#include "ascendc/types.h"
#include "ascendc/vector_mask.h"
#include "ascsim/runtime.h"

namespace ascsim_detail {

// A repeat count as its 8-bit field takes it.
inline uint32_t RepeatField(int64_t repeats, ascsim::Loc loc) {
  if (repeats < 0 || repeats > 255) {
    char text[80];
    std::snprintf(text, sizeof(text), "repeatTime: expected 0 to 255, got %lld", static_cast<long long>(repeats));
    ascsim::ReportBreach("parameter-range", loc, text, repeats > 255 ? "cut the work into several calls" : nullptr);
  }
  return static_cast<uint32_t>(repeats & 0xff);
}

template <class T>
ascsim::Instruction MakeVector(ascsim::Op op, const AscendC::LocalTensor<T>& dst, ascsim::Loc loc) {
  ascsim::Instruction i;
  i.op = op;
  i.pipe = ascsim::Pipe::kV;
  i.loc = loc;
  i.dst = OperandOf(dst);
  return i;
}

template <class T, class U>
ascsim::Instruction MakeVector(ascsim::Op op, const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<U>& src,
                               ascsim::Loc loc) {
  ascsim::Instruction i = MakeVector(op, dst, loc);
  i.src0 = OperandOf(src);
  return i;
}

template <class T, class U>
ascsim::Instruction MakeVector(ascsim::Op op, const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<U>& src0,
                               const AscendC::LocalTensor<U>& src1, ascsim::Loc loc) {
  ascsim::Instruction i = MakeVector(op, dst, src0, loc);
  i.src1 = OperandOf(src1);
  return i;
}

inline void SetStrides(ascsim::Operand* operand, uint32_t block, uint32_t repeat) {
  operand->block_stride = static_cast<uint16_t>(block);
  operand->repeat_stride = static_cast<uint16_t>(repeat);
}

inline void SetStrides(ascsim::Instruction* i, const AscendC::BinaryRepeatParams& p) {
  CheckFields(p, i->loc);
  SetStrides(&i->dst, p.dstBlkStride, p.dstRepStride);
  SetStrides(&i->src0, p.src0BlkStride, p.src0RepStride);
  SetStrides(&i->src1, p.src1BlkStride, p.src1RepStride);
}

inline void SetStrides(ascsim::Instruction* i, const AscendC::UnaryRepeatParams& p) {
  CheckFields(p, i->loc);
  SetStrides(&i->dst, p.dstBlkStride, p.dstRepStride);
  SetStrides(&i->src0, p.srcBlkStride, p.srcRepStride);
}

// Strides of a count form: all elements of each operand follow each other, so a narrower one has fewer blocks a repeat.
template <class Widest>
void SetContiguous(ascsim::Instruction* i) {
  for (ascsim::Operand* operand : {&i->dst, &i->src0, &i->src1}) {
    SetStrides(operand, 1, kRepeatElements<Widest> * ascsim::SizeOf(operand->type) / ascsim::kBlockBytes);
  }
}

template <class Widest>
void IssueCountOf(ascsim::Instruction i, bool set, int64_t count) {
  SetContiguous<Widest>(&i);
  IssueCount(&i, set, count, kRepeatElements<Widest>);
}

template <class Widest, class Params>
void IssueRepeats(ascsim::Instruction i, bool set, const uint64_t mask[], int64_t repeats, const Params& params) {
  SetStrides(&i, params);
  UseBits(&i, set, mask, RepeatField(repeats, i.loc), kRepeatElements<Widest>);
  ascsim::Issue(i);
}

template <class Widest, class Params>
void IssueRepeats(ascsim::Instruction i, bool set, uint64_t mask, int64_t repeats, const Params& params) {
  SetStrides(&i, params);
  UseFirst(&i, set, mask, RepeatField(repeats, i.loc), kRepeatElements<Widest>);
  ascsim::Issue(i);
}

template <class T, class U, class S>
ascsim::Instruction MakeScalar(ascsim::Op op, const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<U>& src,
                               const S& scalar, ascsim::Loc loc) {
  ascsim::Instruction i = MakeVector(op, dst, src, loc);
  i.scalar = BitsOf(scalar);
  return i;
}

template <class T>
void CheckShift(const T& distance, ascsim::Loc loc) {
  if (static_cast<int64_t>(distance) >= 0 && static_cast<int64_t>(distance) <= static_cast<int64_t>(8 * sizeof(T))) {
    return;
  }
  char text[80];
  std::snprintf(text, sizeof(text), "scalarValue: expected a shift of 0 to %u, got %lld",
                static_cast<unsigned>(8 * sizeof(T)), static_cast<long long>(distance));
  ascsim::ReportBreach("parameter-range", loc, text);
}

// half into float, or both of one type.
template <class T, class U>
inline constexpr bool kIsMulAddPair = (std::is_same_v<T, U> && kIsAnyOf<T, half, float>) ||
                                      (std::is_same_v<T, float> && std::is_same_v<U, half>);

}  // namespace ascsim_detail

namespace AscendC {

#define ASCSIM_CHECK_TYPES_(Name, ...)                          \
  static_assert(ascsim_detail::kIsAnyOf<PrimT<T>, __VA_ARGS__>, \
                "ascsim: " #Name " does not take this element type on Atlas A2")

// dst = src0 op src1
#define ASCSIM_BINARY_(Name, ...)                                                                                      \
  template <typename T>                                                                                                \
  void Name(const LocalTensor<T>& dst, const LocalTensor<T>& src0, const LocalTensor<T>& src1, const int32_t& count,   \
            ascsim::Loc loc = ascsim::Loc::Here()) {                                                                   \
    ASCSIM_CHECK_TYPES_(Name, __VA_ARGS__);                                                                            \
    ascsim_detail::IssueCountOf<T>(ascsim_detail::MakeVector(ascsim::Op::k##Name, dst, src0, src1, loc), true, count); \
  }                                                                                                                    \
  template <typename T, bool isSetMask = true>                                                                         \
  void Name(const LocalTensor<T>& dst, const LocalTensor<T>& src0, const LocalTensor<T>& src1, const uint64_t mask[],  \
            const int64_t repeatTime, const BinaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) { \
    ASCSIM_CHECK_TYPES_(Name, __VA_ARGS__);                                                                            \
    ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeVector(ascsim::Op::k##Name, dst, src0, src1, loc), isSetMask,    \
                                   mask, repeatTime, repeatParams);                                                    \
  }                                                                                                                    \
  template <typename T, bool isSetMask = true>                                                                         \
  void Name(const LocalTensor<T>& dst, const LocalTensor<T>& src0, const LocalTensor<T>& src1, const uint64_t mask,    \
            const int64_t repeatTime, const BinaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) { \
    ASCSIM_CHECK_TYPES_(Name, __VA_ARGS__);                                                                            \
    ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeVector(ascsim::Op::k##Name, dst, src0, src1, loc), isSetMask,    \
                                   mask, repeatTime, repeatParams);                                                    \
  }

ASCSIM_BINARY_(Add, half, int16_t, int32_t, float)
ASCSIM_BINARY_(Sub, half, int16_t, int32_t, float)
ASCSIM_BINARY_(Mul, half, int16_t, int32_t, float)
ASCSIM_BINARY_(Div, half, float)
ASCSIM_BINARY_(Max, half, int16_t, int32_t, float)
ASCSIM_BINARY_(Min, half, int16_t, int32_t, float)
ASCSIM_BINARY_(And, int16_t, uint16_t)
ASCSIM_BINARY_(Or, int16_t, uint16_t)
// dst = src0 * dst + src1
ASCSIM_BINARY_(FusedMulAdd, half, float)
// dst = max(src0 * dst + src1, 0)
ASCSIM_BINARY_(FusedMulAddRelu, half, float)
#undef ASCSIM_BINARY_

// dst = op(src)
#define ASCSIM_UNARY_(Name, ...)                                                                                   \
  template <typename T>                                                                                            \
  void Name(const LocalTensor<T>& dst, const LocalTensor<T>& src, const int32_t& count,                            \
            ascsim::Loc loc = ascsim::Loc::Here()) {                                                               \
    ASCSIM_CHECK_TYPES_(Name, __VA_ARGS__);                                                                        \
    ascsim_detail::IssueCountOf<T>(ascsim_detail::MakeVector(ascsim::Op::k##Name, dst, src, loc), true, count);    \
  }                                                                                                                \
  template <typename T, bool isSetMask = true>                                                                     \
  void Name(const LocalTensor<T>& dst, const LocalTensor<T>& src, const uint64_t mask[], const int64_t repeatTime, \
            const UnaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) {                        \
    ASCSIM_CHECK_TYPES_(Name, __VA_ARGS__);                                                                        \
    ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeVector(ascsim::Op::k##Name, dst, src, loc), isSetMask, mask, \
                                   repeatTime, repeatParams);                                                      \
  }                                                                                                                \
  template <typename T, bool isSetMask = true>                                                                     \
  void Name(const LocalTensor<T>& dst, const LocalTensor<T>& src, const uint64_t mask, const int64_t repeatTime,   \
            const UnaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) {                        \
    ASCSIM_CHECK_TYPES_(Name, __VA_ARGS__);                                                                        \
    ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeVector(ascsim::Op::k##Name, dst, src, loc), isSetMask, mask, \
                                   repeatTime, repeatParams);                                                      \
  }

ASCSIM_UNARY_(Abs, half, float)
ASCSIM_UNARY_(Exp, half, float)
ASCSIM_UNARY_(Ln, half, float)
ASCSIM_UNARY_(Sqrt, half, float)
ASCSIM_UNARY_(Rsqrt, half, float)
ASCSIM_UNARY_(Reciprocal, half, float)
ASCSIM_UNARY_(Relu, half, int32_t, float)
ASCSIM_UNARY_(Not, int16_t, uint16_t)
#undef ASCSIM_UNARY_

// dst = src op scalar
#define ASCSIM_SCALAR_(Name, ...)                                                                                     \
  template <typename T, bool isSetMask = true>                                                                        \
  void Name(const LocalTensor<T>& dst, const LocalTensor<T>& src, const T& scalarValue, const int32_t& count,         \
            ascsim::Loc loc = ascsim::Loc::Here()) {                                                                  \
    ASCSIM_CHECK_TYPES_(Name, __VA_ARGS__);                                                                           \
    ascsim_detail::IssueCountOf<T>(ascsim_detail::MakeScalar(ascsim::Op::k##Name, dst, src, scalarValue, loc),        \
                                   isSetMask, count);                                                                 \
  }                                                                                                                   \
  template <typename T, bool isSetMask = true>                                                                        \
  void Name(const LocalTensor<T>& dst, const LocalTensor<T>& src, const T& scalarValue, const uint64_t mask[],        \
            const int64_t repeatTime, const UnaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) { \
    ASCSIM_CHECK_TYPES_(Name, __VA_ARGS__);                                                                           \
    ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeScalar(ascsim::Op::k##Name, dst, src, scalarValue, loc),        \
                                   isSetMask, mask, repeatTime, repeatParams);                                        \
  }                                                                                                                   \
  template <typename T, bool isSetMask = true>                                                                        \
  void Name(const LocalTensor<T>& dst, const LocalTensor<T>& src, const T& scalarValue, const uint64_t mask,          \
            const int64_t repeatTime, const UnaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) { \
    ASCSIM_CHECK_TYPES_(Name, __VA_ARGS__);                                                                           \
    ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeScalar(ascsim::Op::k##Name, dst, src, scalarValue, loc),        \
                                   isSetMask, mask, repeatTime, repeatParams);                                        \
  }

ASCSIM_SCALAR_(Adds, half, int16_t, int32_t, float)
ASCSIM_SCALAR_(Muls, half, int16_t, int32_t, float)
ASCSIM_SCALAR_(Maxs, half, int16_t, int32_t, float)
ASCSIM_SCALAR_(Mins, half, int16_t, int32_t, float)
// src >= 0 ? src : src * scalar
ASCSIM_SCALAR_(LeakyRelu, half, float)
#undef ASCSIM_SCALAR_

template <typename T, bool isSetMask = true>
void ShiftLeft(const LocalTensor<T>& dst, const LocalTensor<T>& src, const T& scalarValue, const int32_t& count,
               ascsim::Loc loc = ascsim::Loc::Here()) {
  ASCSIM_CHECK_TYPES_(ShiftLeft, int16_t, uint16_t, int32_t, uint32_t);
  ascsim_detail::CheckShift(scalarValue, loc);
  ascsim_detail::IssueCountOf<T>(ascsim_detail::MakeScalar(ascsim::Op::kShiftLeft, dst, src, scalarValue, loc),
                                 isSetMask, count);
}
template <typename T, bool isSetMask = true>
void ShiftLeft(const LocalTensor<T>& dst, const LocalTensor<T>& src, const T& scalarValue, const uint64_t mask[],
               const int64_t repeatTime, const UnaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) {
  ASCSIM_CHECK_TYPES_(ShiftLeft, int16_t, uint16_t, int32_t, uint32_t);
  ascsim_detail::CheckShift(scalarValue, loc);
  ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeScalar(ascsim::Op::kShiftLeft, dst, src, scalarValue, loc),
                                 isSetMask, mask, repeatTime, repeatParams);
}
template <typename T, bool isSetMask = true>
void ShiftLeft(const LocalTensor<T>& dst, const LocalTensor<T>& src, const T& scalarValue, const uint64_t mask,
               const int64_t repeatTime, const UnaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) {
  ASCSIM_CHECK_TYPES_(ShiftLeft, int16_t, uint16_t, int32_t, uint32_t);
  ascsim_detail::CheckShift(scalarValue, loc);
  ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeScalar(ascsim::Op::kShiftLeft, dst, src, scalarValue, loc),
                                 isSetMask, mask, repeatTime, repeatParams);
}

template <typename T, bool isSetMask = true>
void ShiftRight(const LocalTensor<T>& dst, const LocalTensor<T>& src, const T& scalarValue, const int32_t& count,
                ascsim::Loc loc = ascsim::Loc::Here()) {
  ASCSIM_CHECK_TYPES_(ShiftRight, int16_t, uint16_t, int32_t, uint32_t);
  ascsim_detail::CheckShift(scalarValue, loc);
  ascsim_detail::IssueCountOf<T>(ascsim_detail::MakeScalar(ascsim::Op::kShiftRight, dst, src, scalarValue, loc),
                                 isSetMask, count);
}
// roundEn: signed numbers get the last bit that is shifted out added.
template <typename T, bool isSetMask = true>
void ShiftRight(const LocalTensor<T>& dst, const LocalTensor<T>& src, const T& scalarValue, const uint64_t mask[],
                const int64_t repeatTime, const UnaryRepeatParams& repeatParams, bool roundEn = false,
                ascsim::Loc loc = ascsim::Loc::Here()) {
  ASCSIM_CHECK_TYPES_(ShiftRight, int16_t, uint16_t, int32_t, uint32_t);
  ascsim_detail::CheckShift(scalarValue, loc);
  ascsim::Instruction i = ascsim_detail::MakeScalar(ascsim::Op::kShiftRight, dst, src, scalarValue, loc);
  i.option[0] = roundEn ? 1 : 0;
  ascsim_detail::IssueRepeats<T>(i, isSetMask, mask, repeatTime, repeatParams);
}
template <typename T, bool isSetMask = true>
void ShiftRight(const LocalTensor<T>& dst, const LocalTensor<T>& src, const T& scalarValue, const uint64_t mask,
                const int64_t repeatTime, const UnaryRepeatParams& repeatParams, bool roundEn = false,
                ascsim::Loc loc = ascsim::Loc::Here()) {
  ASCSIM_CHECK_TYPES_(ShiftRight, int16_t, uint16_t, int32_t, uint32_t);
  ascsim_detail::CheckShift(scalarValue, loc);
  ascsim::Instruction i = ascsim_detail::MakeScalar(ascsim::Op::kShiftRight, dst, src, scalarValue, loc);
  i.option[0] = roundEn ? 1 : 0;
  ascsim_detail::IssueRepeats<T>(i, isSetMask, mask, repeatTime, repeatParams);
}

// dst = src0 * src1 + dst
template <typename T, typename U>
void MulAddDst(const LocalTensor<T>& dst, const LocalTensor<U>& src0, const LocalTensor<U>& src1, const int32_t& count,
               ascsim::Loc loc = ascsim::Loc::Here()) {
  static_assert(ascsim_detail::kIsMulAddPair<T, U>, "ascsim: MulAddDst does not take these element types on Atlas A2");
  ascsim_detail::IssueCountOf<T>(ascsim_detail::MakeVector(ascsim::Op::kMulAddDst, dst, src0, src1, loc), true, count);
}
template <typename T, typename U, bool isSetMask = true>
void MulAddDst(const LocalTensor<T>& dst, const LocalTensor<U>& src0, const LocalTensor<U>& src1, const uint64_t mask[],
               const int64_t repeatTime, const BinaryRepeatParams& repeatParams,
               ascsim::Loc loc = ascsim::Loc::Here()) {
  static_assert(ascsim_detail::kIsMulAddPair<T, U>, "ascsim: MulAddDst does not take these element types on Atlas A2");
  ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeVector(ascsim::Op::kMulAddDst, dst, src0, src1, loc), isSetMask,
                                 mask, repeatTime, repeatParams);
}
template <typename T, typename U, bool isSetMask = true>
void MulAddDst(const LocalTensor<T>& dst, const LocalTensor<U>& src0, const LocalTensor<U>& src1, const uint64_t mask,
               const int64_t repeatTime, const BinaryRepeatParams& repeatParams,
               ascsim::Loc loc = ascsim::Loc::Here()) {
  static_assert(ascsim_detail::kIsMulAddPair<T, U>, "ascsim: MulAddDst does not take these element types on Atlas A2");
  ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeVector(ascsim::Op::kMulAddDst, dst, src0, src1, loc), isSetMask,
                                 mask, repeatTime, repeatParams);
}

// dst = src * scalar + dst
template <typename T, typename U>
void Axpy(const LocalTensor<T>& dst, const LocalTensor<U>& src, const U& scalarValue, const int32_t& count,
          ascsim::Loc loc = ascsim::Loc::Here()) {
  static_assert(ascsim_detail::kIsMulAddPair<T, U>, "ascsim: Axpy does not take these element types on Atlas A2");
  ascsim_detail::IssueCountOf<T>(ascsim_detail::MakeScalar(ascsim::Op::kAxpy, dst, src, scalarValue, loc), true, count);
}
template <typename T, typename U, bool isSetMask = true>
void Axpy(const LocalTensor<T>& dst, const LocalTensor<U>& src, const U& scalarValue, const uint64_t mask[],
          const int64_t repeatTime, const UnaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) {
  static_assert(ascsim_detail::kIsMulAddPair<T, U>, "ascsim: Axpy does not take these element types on Atlas A2");
  ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeScalar(ascsim::Op::kAxpy, dst, src, scalarValue, loc), isSetMask,
                                 mask, repeatTime, repeatParams);
}
template <typename T, typename U, bool isSetMask = true>
void Axpy(const LocalTensor<T>& dst, const LocalTensor<U>& src, const U& scalarValue, const uint64_t mask,
          const int64_t repeatTime, const UnaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) {
  static_assert(ascsim_detail::kIsMulAddPair<T, U>, "ascsim: Axpy does not take these element types on Atlas A2");
  ascsim_detail::IssueRepeats<T>(ascsim_detail::MakeScalar(ascsim::Op::kAxpy, dst, src, scalarValue, loc), isSetMask,
                                 mask, repeatTime, repeatParams);
}

// dst = scalar, in every element
#define ASCSIM_CHECK_DUPLICATE_() \
  ASCSIM_CHECK_TYPES_(Duplicate, int16_t, uint16_t, half, bfloat16_t, int32_t, uint32_t, float)
template <typename T>
void Duplicate(const LocalTensor<T>& dst, const T& scalarValue, const int32_t& count,
               ascsim::Loc loc = ascsim::Loc::Here()) {
  ASCSIM_CHECK_DUPLICATE_();
  ascsim::Instruction i = ascsim_detail::MakeVector(ascsim::Op::kDuplicate, dst, loc);
  i.src0.type = i.dst.type;
  i.scalar = ascsim_detail::BitsOf(scalarValue);
  ascsim_detail::IssueCountOf<T>(i, true, count);
}
template <typename T, bool isSetMask = true>
void Duplicate(const LocalTensor<T>& dst, const T& scalarValue, const uint64_t mask[], const int64_t repeatTime,
               const params_detail::A16 dstBlockStride, const params_detail::A8 dstRepeatStride,
               ascsim::Loc loc = ascsim::Loc::Here()) {
  ASCSIM_CHECK_DUPLICATE_();
  ascsim::Instruction i = ascsim_detail::MakeVector(ascsim::Op::kDuplicate, dst, loc);
  i.src0.type = i.dst.type;
  i.scalar = ascsim_detail::BitsOf(scalarValue);
  ascsim_detail::IssueRepeats<T>(i, isSetMask, mask, repeatTime,
                                 UnaryRepeatParams(dstBlockStride, 1, dstRepeatStride, 8));
}
template <typename T, bool isSetMask = true>
void Duplicate(const LocalTensor<T>& dst, const T& scalarValue, const uint64_t mask, const int64_t repeatTime,
               const params_detail::A16 dstBlockStride, const params_detail::A8 dstRepeatStride,
               ascsim::Loc loc = ascsim::Loc::Here()) {
  ASCSIM_CHECK_DUPLICATE_();
  ascsim::Instruction i = ascsim_detail::MakeVector(ascsim::Op::kDuplicate, dst, loc);
  i.src0.type = i.dst.type;
  i.scalar = ascsim_detail::BitsOf(scalarValue);
  ascsim_detail::IssueRepeats<T>(i, isSetMask, mask, repeatTime,
                                 UnaryRepeatParams(dstBlockStride, 1, dstRepeatStride, 8));
}
#undef ASCSIM_CHECK_DUPLICATE_

}  // namespace AscendC

namespace ascsim_detail {

inline void SetCopyStrides(ascsim::Instruction* i, const AscendC::CopyRepeatParams& p) {
  CheckFields(p, i->loc);
  for (const uint16_t stride : {p.dstRepeatSize, p.srcRepeatSize}) {
    if (stride <= 4095) continue;
    char text[80];
    std::snprintf(text, sizeof(text), "Copy: expected strides between repeats of 0 to 4095, got %u", stride);
    ascsim::ReportBreach("parameter-range", i->loc, text);
  }
  SetStrides(&i->dst, p.dstStride, p.dstRepeatSize);
  SetStrides(&i->src0, p.srcStride, p.srcRepeatSize);
}

// In counter mode Copy, unlike the others, takes the number of elements as those of each repeat (Copy.md).
template <class T>
void IssueCopy(ascsim::Instruction* i, int64_t repeats) {
  if (i->mask.counter) {
    CheckMaskWidth(i->mask.low, kRepeatElements<T>, i->loc);
    i->mask = PrefixMask(i->mask.low);
    i->repeats = RepeatField(repeats, i->loc);
  }
  ascsim::Issue(*i);
}

}  // namespace ascsim_detail

namespace AscendC {

// UB to UB, under a mask
template <typename T, bool isSetMask = true>
void Copy(const LocalTensor<T>& dst, const LocalTensor<T>& src, const uint64_t mask[], const int64_t repeatTime,
          const CopyRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) {
  ASCSIM_CHECK_TYPES_(Copy, int16_t, uint16_t, half, bfloat16_t, int32_t, uint32_t, float);
  ascsim::Instruction i = ascsim_detail::MakeVector(ascsim::Op::kCopy, dst, src, loc);
  ascsim_detail::SetCopyStrides(&i, repeatParams);
  ascsim_detail::UseBits(&i, isSetMask, mask, ascsim_detail::RepeatField(repeatTime, loc),
                         ascsim_detail::kRepeatElements<T>);
  ascsim_detail::IssueCopy<T>(&i, repeatTime);
}
template <typename T, bool isSetMask = true>
void Copy(const LocalTensor<T>& dst, const LocalTensor<T>& src, const uint64_t mask, const int64_t repeatTime,
          const CopyRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) {
  ASCSIM_CHECK_TYPES_(Copy, int16_t, uint16_t, half, bfloat16_t, int32_t, uint32_t, float);
  ascsim::Instruction i = ascsim_detail::MakeVector(ascsim::Op::kCopy, dst, src, loc);
  ascsim_detail::SetCopyStrides(&i, repeatParams);
  ascsim_detail::UseFirst(&i, isSetMask, mask, ascsim_detail::RepeatField(repeatTime, loc),
                          ascsim_detail::kRepeatElements<T>);
  ascsim_detail::IssueCopy<T>(&i, repeatTime);
}

#undef ASCSIM_CHECK_TYPES_

// dst = src0 + src1 and the like: an operator has no place for the caller's line, without which no report is of use.
#define ASCSIM_NO_OPERATOR_(op, Name)                                                                       \
  template <typename T>                                                                                     \
  LocalTensor<T> operator op(const LocalTensor<T>&, const LocalTensor<T>&) {                                \
    static_assert(ascsim_detail::AlwaysFalse<T>::value,                                                     \
                  "ascsim: operator " #op " on LocalTensor is not simulated: call " #Name " with a count"); \
    return {};                                                                                              \
  }
ASCSIM_NO_OPERATOR_(+, Add)
ASCSIM_NO_OPERATOR_(-, Sub)
ASCSIM_NO_OPERATOR_(*, Mul)
ASCSIM_NO_OPERATOR_(/, Div)
ASCSIM_NO_OPERATOR_(&, And)
ASCSIM_NO_OPERATOR_(|, Or)
ASCSIM_NO_OPERATOR_(<, Compare)
ASCSIM_NO_OPERATOR_(>, Compare)
ASCSIM_NO_OPERATOR_(<=, Compare)
ASCSIM_NO_OPERATOR_(>=, Compare)
ASCSIM_NO_OPERATOR_(==, Compare)
ASCSIM_NO_OPERATOR_(!=, Compare)
#undef ASCSIM_NO_OPERATOR_

}  // namespace AscendC
