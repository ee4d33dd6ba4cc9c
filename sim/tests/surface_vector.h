// The vector part of the surface test, see surface_kernel.cpp.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel_operator.h"

namespace surface {

using namespace AscendC;

constexpr int32_t kCount = 256;

// Parts of one buffer of UB, 2 KB apart, as tensors of any type.
class Scratch {
 public:
  __aicore__ inline explicit Scratch(TPipe* pipe) { pipe->InitBuffer(buffer_, 48 * 2048); }
  template <typename T>
  __aicore__ inline LocalTensor<T> At(uint32_t part) {
    return buffer_.GetWithOffset<T>(2048 / sizeof(T), part * 2048);
  }

 private:
  TBuf<TPosition::VECCALC> buffer_;
};

// A frame of its own for each: in one, with what AddressSanitizer puts between variables, they fill the kernel's stack.
#define SURFACE_PART __aicore__ inline __attribute__((noinline))

// Count form; masks bit by bit and by count; the register's mask with MASK_PLACEHOLDER.
#define SURFACE_BINARY(Name, T)                                                \
  do {                                                                         \
    LocalTensor<T> d = ub.At<T>(0), a = ub.At<T>(1), b = ub.At<T>(2);          \
    uint64_t bits[2] = {FULL_MASK, sizeof(T) == 2 ? FULL_MASK : 0};            \
    const uint64_t first = 256 / sizeof(T);                                    \
    Name(d, a, b, kCount);                                                     \
    Name(d, a, b, bits, 2, {1, 1, 1, 8, 8, 8});                                \
    Name(d, a, b, first, 2, BinaryRepeatParams(1, 1, 1, 8, 8, 8));             \
    SetMaskNorm();                                                             \
    SetVectorMask<T, MaskMode::NORMAL>(bits[1], bits[0]);                      \
    Name<T, false>(d, a, b, MASK_PLACEHOLDER, 2, {1, 1, 1, 8, 8, 8});          \
    Name<T, false>(d, a, b, MASK_PLACEHOLDER_LIST, 2, {1, 1, 1, 8, 8, 8});     \
    SetMaskCount();                                                            \
    SetVectorMask<T, MaskMode::COUNTER>(kCount);                               \
    AscendC::Name<T, false>(d, a, b, MASK_PLACEHOLDER, 1, {1, 1, 1, 8, 8, 8}); \
    SetMaskNorm();                                                             \
    ResetMask();                                                               \
  } while (0)

#define SURFACE_UNARY(Name, T)                                      \
  do {                                                              \
    LocalTensor<T> d = ub.At<T>(0), a = ub.At<T>(1);                \
    uint64_t bits[2] = {FULL_MASK, sizeof(T) == 2 ? FULL_MASK : 0}; \
    const uint64_t first = 256 / sizeof(T);                         \
    Name(d, a, kCount);                                             \
    Name(d, a, bits, 2, {1, 1, 8, 8});                              \
    Name(d, a, first, 2, UnaryRepeatParams(1, 1, 8, 8));            \
    SetVectorMask<T>(bits[1], bits[0]);                             \
    Name<T, false>(d, a, MASK_PLACEHOLDER, 2, {1, 1, 8, 8});        \
    Name<T, false>(d, a, MASK_PLACEHOLDER_LIST, 2, {1, 1, 8, 8});   \
    ResetMask();                                                    \
  } while (0)

#define SURFACE_SCALAR(Name, T)                                      \
  do {                                                               \
    LocalTensor<T> d = ub.At<T>(0), a = ub.At<T>(1);                 \
    uint64_t bits[2] = {FULL_MASK, sizeof(T) == 2 ? FULL_MASK : 0};  \
    const uint64_t first = 256 / sizeof(T);                          \
    const T s = T(1);                                                \
    Name(d, a, s, kCount);                                           \
    Name(d, a, static_cast<T>(2), bits, 2, {1, 1, 8, 8});            \
    Name(d, a, s, first, 2, {1, 1, 8, 8});                           \
    SetVectorMask<T>(bits[1], bits[0]);                              \
    Name<T, false>(d, a, s, MASK_PLACEHOLDER, 2, {1, 1, 8, 8});      \
    Name<T, false>(d, a, s, MASK_PLACEHOLDER_LIST, 2, {1, 1, 8, 8}); \
    SetMaskCount();                                                  \
    SetVectorMask<T, MaskMode::COUNTER>(kCount);                     \
    Name<T, false>(d, a, s, kCount);                                 \
    SetMaskNorm();                                                   \
    ResetMask();                                                     \
  } while (0)

#define SURFACE_FOUR(Form, Name) \
  Form(Name, half);              \
  Form(Name, float);             \
  Form(Name, int16_t);           \
  Form(Name, int32_t)
#define SURFACE_REAL(Form, Name) \
  Form(Name, half);              \
  Form(Name, float)

SURFACE_PART void Arithmetic(Scratch& ub) {
  SURFACE_FOUR(SURFACE_BINARY, Add);
  SURFACE_FOUR(SURFACE_BINARY, Sub);
  SURFACE_FOUR(SURFACE_BINARY, Mul);
  SURFACE_FOUR(SURFACE_BINARY, Max);
  SURFACE_FOUR(SURFACE_BINARY, Min);
  SURFACE_REAL(SURFACE_BINARY, Div);
  SURFACE_REAL(SURFACE_BINARY, FusedMulAdd);
  SURFACE_REAL(SURFACE_BINARY, FusedMulAddRelu);
  SURFACE_BINARY(And, int16_t);
  SURFACE_BINARY(And, uint16_t);
  SURFACE_BINARY(Or, int16_t);
  SURFACE_BINARY(Or, uint16_t);
  SURFACE_REAL(SURFACE_UNARY, Abs);
  SURFACE_REAL(SURFACE_UNARY, Exp);
  SURFACE_REAL(SURFACE_UNARY, Ln);
  SURFACE_REAL(SURFACE_UNARY, Sqrt);
  SURFACE_REAL(SURFACE_UNARY, Rsqrt);
  SURFACE_REAL(SURFACE_UNARY, Reciprocal);
  SURFACE_REAL(SURFACE_UNARY, Relu);
  SURFACE_UNARY(Relu, int32_t);
  SURFACE_UNARY(Not, int16_t);
  SURFACE_UNARY(Not, uint16_t);
  SURFACE_FOUR(SURFACE_SCALAR, Adds);
  SURFACE_FOUR(SURFACE_SCALAR, Muls);
  SURFACE_FOUR(SURFACE_SCALAR, Maxs);
  SURFACE_FOUR(SURFACE_SCALAR, Mins);
  SURFACE_REAL(SURFACE_SCALAR, LeakyRelu);
  SURFACE_SCALAR(ShiftLeft, int16_t);
  SURFACE_SCALAR(ShiftLeft, uint16_t);
  SURFACE_SCALAR(ShiftLeft, int32_t);
  SURFACE_SCALAR(ShiftLeft, uint32_t);
  SURFACE_SCALAR(ShiftRight, int16_t);
  SURFACE_SCALAR(ShiftRight, uint16_t);
  SURFACE_SCALAR(ShiftRight, int32_t);
  SURFACE_SCALAR(ShiftRight, uint32_t);
  // A scalar of another type, as kernels write it with the element type spelt out.
  Muls<float>(ub.At<float>(0), ub.At<float>(1), 2, kCount);
  Adds<half>(ub.At<half>(0), ub.At<half>(1), 2.0f, kCount);
  ShiftRight(ub.At<int16_t>(0), ub.At<int16_t>(1), static_cast<int16_t>(1), uint64_t{128}, 1, {1, 1, 8, 8}, true);
}

template <typename T, typename U>
SURFACE_PART void MulAdds(Scratch& ub) {
  LocalTensor<T> d = ub.At<T>(0);
  LocalTensor<U> a = ub.At<U>(1), b = ub.At<U>(2);
  uint64_t bits[2] = {FULL_MASK, sizeof(T) == 2 ? FULL_MASK : 0};
  const uint64_t first = 256 / sizeof(T);
  const BinaryRepeatParams binary(1, 1, 1, 8, sizeof(U) * 8 / sizeof(T), sizeof(U) * 8 / sizeof(T));
  const UnaryRepeatParams unary(1, 1, 8, sizeof(U) * 8 / sizeof(T));
  MulAddDst(d, a, b, kCount);
  MulAddDst(d, a, b, bits, 2, binary);
  MulAddDst(d, a, b, first, 2, binary);
  SetVectorMask<T>(bits[1], bits[0]);
  MulAddDst<T, U, false>(d, a, b, MASK_PLACEHOLDER, 2, binary);
  Axpy(d, a, U(2), kCount);
  Axpy(d, a, U(2), bits, 2, unary);
  Axpy<T, U>(d, a, U(2), first, 2, unary);
  SetVectorMask<T>(bits[1], bits[0]);
  Axpy<T, U, false>(d, a, U(2), MASK_PLACEHOLDER, 2, unary);
  ResetMask();
}

template <typename T>
SURFACE_PART void Moves(Scratch& ub) {
  LocalTensor<T> d = ub.At<T>(0), a = ub.At<T>(1);
  uint64_t bits[2] = {FULL_MASK, sizeof(T) == 2 ? FULL_MASK : 0};
  const uint64_t first = 256 / sizeof(T);
  Duplicate(d, T(1), kCount);
  Duplicate<T>(d, T(0), bits, 2, 1, 8);
  Duplicate(d, T(0), first, 2, 1, 8);
  SetVectorMask<T>(bits[1], bits[0]);
  Duplicate<T, false>(d, T(0), MASK_PLACEHOLDER, 2, 1, 8);
  Copy(d, a, bits, 2, {1, 1, 8, 8});
  Copy(d, a, first, 2, CopyRepeatParams(1, 1, 8, 8));
  SetVectorMask<T>(bits[1], bits[0]);
  Copy<T, false>(d, a, MASK_PLACEHOLDER, 2, {1, 1, 8, 8});
  ResetMask();
  Brcb(d, a, 2, {1, 8});
  Brcb(d, a, 2, BrcbRepeatParams(1, 8));
}

template <typename T, typename U>
__aicore__ inline void Casts(Scratch& ub, RoundMode mode) {
  LocalTensor<T> d = ub.At<T>(0);
  LocalTensor<U> a = ub.At<U>(4);
  constexpr uint32_t kWidest = sizeof(T) > sizeof(U) ? sizeof(T) : sizeof(U);
  uint64_t bits[2] = {FULL_MASK, kWidest <= 2 ? FULL_MASK : 0};
  const UnaryRepeatParams params(1, 1, sizeof(T) * 8 / kWidest, sizeof(U) * 8 / kWidest);
  Cast(d, a, mode, kCount);
  Cast(d, a, mode, bits, 2, params);
  Cast<T, U>(d, a, mode, 256 / kWidest, 2, params);
  SetVectorMask<half>(bits[1], bits[0]);
  Cast<T, U, false>(d, a, mode, MASK_PLACEHOLDER, 2, params);
  ResetMask();
}

SURFACE_PART void AllCasts(Scratch& ub) {
  for (RoundMode mode : {RoundMode::CAST_RINT, RoundMode::CAST_FLOOR, RoundMode::CAST_CEIL, RoundMode::CAST_ROUND,
                         RoundMode::CAST_TRUNC}) {
    Casts<int32_t, float>(ub, mode);
    Casts<int16_t, float>(ub, mode);
    Casts<bfloat16_t, float>(ub, mode);
    Casts<float, float>(ub, mode);
    Casts<int32_t, half>(ub, mode);
    Casts<int16_t, half>(ub, mode);
    Casts<int8_t, half>(ub, mode);
    Casts<uint8_t, half>(ub, mode);
    Casts<int32_t, bfloat16_t>(ub, mode);
    Casts<half, int16_t>(ub, mode);
    Casts<float, int32_t>(ub, mode);
    Casts<half, float>(ub, mode);
  }
  Casts<half, float>(ub, RoundMode::CAST_ODD);
  Casts<half, float>(ub, RoundMode::CAST_NONE);
  Casts<float, half>(ub, RoundMode::CAST_NONE);
  Casts<float, bfloat16_t>(ub, RoundMode::CAST_NONE);
  Casts<half, uint8_t>(ub, RoundMode::CAST_NONE);
  Casts<half, int8_t>(ub, RoundMode::CAST_NONE);
  Casts<half, int16_t>(ub, RoundMode::CAST_NONE);
  Casts<float, int16_t>(ub, RoundMode::CAST_NONE);
  Casts<float, int32_t>(ub, RoundMode::CAST_NONE);
  Casts<int16_t, int32_t>(ub, RoundMode::CAST_NONE);
  SetDeqScale(half(1));
  Casts<half, int32_t>(ub, RoundMode::CAST_NONE);
}

template <typename T>
SURFACE_PART void Comparisons(Scratch& ub) {
  LocalTensor<T> d = ub.At<T>(0), a = ub.At<T>(1), b = ub.At<T>(2);
  LocalTensor<uint8_t> m = ub.At<uint8_t>(3);
  uint64_t bits[2] = {FULL_MASK, sizeof(T) == 2 ? FULL_MASK : 0};
  const uint64_t first = 256 / sizeof(T);
  const BinaryRepeatParams params(1, 1, 1, 8, 8, 8);
  for (CMPMODE mode : {CMPMODE::LT, CMPMODE::GT, CMPMODE::EQ, CMPMODE::LE, CMPMODE::GE, CMPMODE::NE}) {
    Compare(m, a, b, mode, kCount);
    Compare(m, a, b, mode, bits, 2, params);
    Compare(m, a, b, mode, first, 2, params);
    CompareScalar(m, a, T(1), mode, kCount);
    CompareScalar(m, a, T(1), mode, bits, 2, {1, 1, 8, 8});
    CompareScalar<T, uint8_t>(m, a, T(1), mode, first, 2, {1, 1, 8, 8});
    Compare(a, b, mode, bits, params);
    Compare(a, b, mode, first, params);
  }
  LocalTensor<uint16_t> m16 = m.template ReinterpretCast<uint16_t>();
  Select(d, m, a, b, SELMODE::VSEL_TENSOR_TENSOR_MODE, kCount);
  Select(d, m, a, T(0), SELMODE::VSEL_TENSOR_SCALAR_MODE, kCount);
  Select(d, m, a, b, SELMODE::VSEL_CMPMASK_SPR, bits, 1, params);
  Select(d, m16, a, b, SELMODE::VSEL_CMPMASK_SPR, first, 1, params);
  Select(d, m, a, b, SELMODE::VSEL_TENSOR_TENSOR_MODE, first, 2, params);
  Select(d, m, a, T(0), SELMODE::VSEL_TENSOR_SCALAR_MODE, bits, 2, params);
  Select<T, uint8_t>(d, m, a, T(0), SELMODE::VSEL_TENSOR_SCALAR_MODE, first, 2, params);
  SetCmpMask(m);
  GetCmpMask(m);
  SetVectorMask<T>(bits[1], bits[0]);
  SetCmpMask(a);
  Select(d, m, a, 2, params);
  SetCmpMask(m);
  Select<T, SELMODE::VSEL_CMPMASK_SPR>(d, a, b, 1, params);
  ResetMask();
}

template <typename T>
SURFACE_PART void Gathers(Scratch& ub) {
  LocalTensor<T> d = ub.At<T>(0), a = ub.At<T>(4);
  using Pattern = std::conditional_t<sizeof(T) == 2, uint16_t, uint32_t>;
  LocalTensor<uint32_t> offsets = ub.At<uint32_t>(8);
  LocalTensor<Pattern> pattern = ub.At<Pattern>(9);
  uint64_t bits[2] = {FULL_MASK, sizeof(T) == 2 ? FULL_MASK : 0};
  const uint64_t first = 256 / sizeof(T);
  Duplicate(offsets, uint32_t{0}, kCount);
  Gather(d, a, offsets, uint32_t{0}, uint32_t{kCount});
  Gather(d, a, offsets, 0, bits, 2, 8);
  Gather(d, a, offsets, 0, first, 2, 8);
  LocalTensor<Pattern> blocks = ub.At<Pattern>(10);
  Gatherb(blocks, pattern, offsets, 1, {1, 8});
  Gatherb<Pattern>(blocks, pattern, offsets, 1, GatherRepeatParams(1, 8));
  uint64_t kept = 0;
  Duplicate(pattern, Pattern(0), kCount);
  GatherMask(d, a, uint8_t{1}, false, 0, {1, 1, 8, 8}, kept);
  GatherMask(d, a, 7, true, static_cast<uint32_t>(first), GatherMaskParams(1, 1, 8, 8), kept);
  GatherMask(d, a, pattern, false, 0, {1, 1, 8, 1}, kept);
  GatherMask(d, a, pattern, true, 16, {1, 1, 8, 1}, kept);
  const int64_t remaining = GetGatherMaskRemainCount();
  (void)remaining;
}

template <typename T>
SURFACE_PART void Reductions(Scratch& ub) {
  LocalTensor<T> d = ub.At<T>(0), a = ub.At<T>(1), work = ub.At<T>(2);
  uint64_t bits[2] = {FULL_MASK, sizeof(T) == 2 ? FULL_MASK : 0};
  const int32_t first = 256 / sizeof(T);
  WholeReduceSum(d, a, bits, 2, 1, 1, 8);
  WholeReduceSum<T>(d, a, first, 2, 1, 1, 8);
  WholeReduceMax(d, a, bits, 2, 1, 1, 8);
  WholeReduceMax(d, a, first, 2, 1, 1, 8, ReduceOrder::ORDER_ONLY_VALUE);
  WholeReduceMin(d, a, bits, 2, 1, 1, 8, ReduceOrder::ORDER_INDEX_VALUE);
  WholeReduceMin<T>(d, a, first, 2, 1, 1, 8);
  BlockReduceSum(d, a, 2, bits, 1, 1, 8);
  BlockReduceSum<T>(d, a, 2, first, 1, 1, 8);
  BlockReduceMax(d, a, 2, bits, 1, 1, 8);
  BlockReduceMax<T>(d, a, 2, first, 1, 1, 8);
  BlockReduceMin(d, a, 2, bits, 1, 1, 8);
  BlockReduceMin<T>(d, a, 2, first, 1, 1, 8);
  PairReduceSum(d, a, 2, bits, 1, 1, 8);
  PairReduceSum<T>(d, a, 2, first, 1, 1, 8);
  RepeatReduceSum(d, a, 2, first, 0, 1, 1, 8);
  SetVectorMask<T>(bits[1], bits[0]);
  WholeReduceSum<T, false>(d, a, MASK_PLACEHOLDER, 2, 1, 1, 8);
  WholeReduceMax<T, false>(d, a, MASK_PLACEHOLDER, 2, 1, 1, 8);
  WholeReduceMin<T, false>(d, a, MASK_PLACEHOLDER, 2, 1, 1, 8);
  BlockReduceSum<T, false>(d, a, 2, MASK_PLACEHOLDER, 1, 1, 8);
  PairReduceSum<T, false>(d, a, 2, MASK_PLACEHOLDER, 1, 1, 8);
  RepeatReduceSum<T, false>(d, a, 2, MASK_PLACEHOLDER, 0, 1, 1, 8);
  ResetMask();
  ReduceSum(d, a, work, kCount);
  ReduceSum<T>(d, a, work, bits, 2, 8);
  ReduceSum<T>(d, a, work, first, 2, 8);
  ReduceMax(d, a, work, kCount, true);
  ReduceMax<T>(d, a, work, bits, 2, 8, false);
  ReduceMax<T>(d, a, work, first, 2, 8, true);
  ReduceMin(d, a, work, kCount);
  ReduceMin<T>(d, a, work, bits, 2, 8, true);
  ReduceMin<T>(d, a, work, first, 2, 8);
  T value = T(0), index = T(0);
  GetReduceMaxMinCount(value, index);
  GetReduceMaxMinCount<T>(value);
  const T sum = GetAccVal<T>();
  (void)sum;
  SumParams params{2, 2 * kCount / 8, 48};
  Sum(d, a, params);
  Sum(d, a, ub.At<uint8_t>(3), params);
  uint32_t from[2] = {16, 1}, to[2] = {16, 16};
  BroadCast<T, 2, 1>(d, a, to, from);
  BroadCast<T, 2, 1, false>(d, a, to, from, ub.At<uint8_t>(3));
}

SURFACE_PART void Permutations(Scratch& ub) {
  LocalTensor<half> d = ub.At<half>(0), a = ub.At<half>(1);
  Transpose(d, a);
  LocalTensor<half> to[16], from[16];
  uint64_t to_list[16], from_list[16];
  for (int32_t i = 0; i < 16; ++i) {
    to[i] = d[16 * i];
    from[i] = a[16 * i];
    to_list[i] = (uint64_t)(d[16 * i].GetPhyAddr());
    from_list[i] = (uint64_t)(a[16 * i].GetPhyAddr());
  }
  TransDataTo5HDParams params;
  params.dstHighHalf = false;
  params.srcHighHalf = false;
  params.repeatTimes = 1;
  params.dstRepStride = 0;
  params.srcRepStride = 0;
  TransDataTo5HD<half>(to, from, params);
  TransDataTo5HD<half>(to_list, from_list, params);
  CreateVecIndex(ub.At<int32_t>(0), int32_t{0}, kCount);
  CreateVecIndex<int16_t>(ub.At<int16_t>(0), static_cast<int16_t>(0), kCount);
  LocalTensor<int32_t> i32 = ub.At<int32_t>(0);
  uint64_t bits[2] = {FULL_MASK, 0};
  CreateVecIndex(i32, int32_t{0}, bits, 2, 1, 8);
  CreateVecIndex<int32_t>(i32, int32_t{0}, uint64_t{64}, 2, 1, 8);
  ArithProgression<int32_t>(i32, 0, 4, kCount);
  ArithProgression(ub.At<float>(0), 0.0f, 1.0f, kCount);
  Arange<float>(ub.At<float>(0), 0.0f, 1.0f, kCount);
}

}  // namespace surface
