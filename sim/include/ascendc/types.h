// Enumerations, constants and element types of the kernel language.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "ascendc/half.h"
#include "ascsim/types.h"

// Names that kernels use without a namespace.
enum pipe_t : uint8_t {
  PIPE_S = 0,
  PIPE_V,
  PIPE_M,
  PIPE_MTE1,
  PIPE_MTE2,
  PIPE_MTE3,
  PIPE_ALL,
  PIPE_MTE4,
  PIPE_MTE5,
  PIPE_V2,
  PIPE_FIX,
};

enum event_t : int8_t {
  EVENT_ID0 = 0,
  EVENT_ID1,
  EVENT_ID2,
  EVENT_ID3,
  EVENT_ID4,
  EVENT_ID5,
  EVENT_ID6,
  EVENT_ID7,
};

namespace AscendC {

using TEventID = int8_t;
using TTagType = int32_t;
using TBufHandle = uint8_t*;

enum class TPosition : uint8_t {
  GM,
  A1,
  A2,
  B1,
  B2,
  C1,
  C2,
  CO1,
  CO2,
  VECIN,
  VECOUT,
  VECCALC,
  LCM = VECCALC,
  SPM,
  SHM = SPM,
  TSCM,
  C2PIPE2GM,
  C2PIPE2LOCAL,
  MAX,
};
using QuePosition = TPosition;

enum class HardEvent : uint8_t {
  MTE2_MTE1,
  MTE1_MTE2,
  MTE1_M,
  M_MTE1,
  MTE2_V,
  V_MTE2,
  MTE3_V,
  V_MTE3,
  M_V,
  V_M,
  V_V,
  MTE3_MTE1,
  MTE1_MTE3,
  MTE1_V,
  MTE2_M,
  M_MTE2,
  V_MTE1,
  M_FIX,
  FIX_M,
  MTE3_MTE2,
  MTE2_MTE3,
  S_V,
  V_S,
  S_MTE2,
  MTE2_S,
  S_MTE3,
  MTE3_S,
  MTE2_FIX,
  FIX_MTE2,
  FIX_S,
  M_S,
  FIX_MTE3,
  MTE1_FIX,
  FIX_MTE1,
  FIX_FIX,
  MAX,
};

enum class RoundMode : uint8_t { CAST_NONE = 0, CAST_RINT, CAST_FLOOR, CAST_CEIL, CAST_ROUND, CAST_TRUNC, CAST_ODD };

enum class CMPMODE : uint8_t { LT = 0, GT, EQ, LE, GE, NE };

enum class SELMODE : uint8_t { VSEL_CMPMASK_SPR = 0, VSEL_TENSOR_SCALAR_MODE, VSEL_TENSOR_TENSOR_MODE };

enum class ReduceMode : uint8_t { REDUCE_MAX = 0, REDUCE_MIN, REDUCE_SUM };
enum class ReduceOrder : uint8_t { ORDER_VALUE_INDEX = 0, ORDER_INDEX_VALUE, ORDER_ONLY_VALUE, ORDER_ONLY_INDEX };

enum class MaskMode : uint8_t { NORMAL = 0, COUNTER };

enum class CacheLine : uint64_t { SINGLE_CACHE_LINE = 0, ENTIRE_DATA_CACHE };
enum class DcciDst : uint64_t { CACHELINE_ALL = 0, CACHELINE_UB, CACHELINE_OUT, CACHELINE_ATOMIC };

enum class CacheMode : uint8_t {
  CACHE_MODE_DISABLE = 0,
  CACHE_MODE_NORMAL,
  CACHE_MODE_LAST,
  CACHE_MODE_PERSISTENT,
};
enum class CacheRwMode : uint8_t { READ = 1, WRITE = 2, RW = 3 };

enum class DataFormat : uint8_t { ND = 0, NZ, NCHW, NC1HWC0, NHWC, NCDHW, NDC1HWC0, FRACTAL_Z_3D };

enum class TransposeType : uint8_t {
  TRANSPOSE_TYPE_NONE = 0,
  TRANSPOSE_NZ2ND_0213,
  TRANSPOSE_NZ2NZ_0213,
  TRANSPOSE_NZ2NZ_012_WITH_N,
  TRANSPOSE_NZ2ND_012_WITH_N,
  TRANSPOSE_NZ2ND_012_WITHOUT_N,
  TRANSPOSE_NZ2NZ_012_WITHOUT_N,
  TRANSPOSE_ND2ND_ONLY,
  TRANSPOSE_ND_UB_GM,
  TRANSPOSE_GRAD_ND_UB_GM,
  TRANSPOSE_ND2ND_B16,
  TRANSPOSE_NCHW2NHWC,
  TRANSPOSE_NHWC2NCHW,
};

// Strides count blocks of 32 bytes; a repeat is 8 of them.
constexpr int32_t DEFAULT_BLK_NUM = 8;
constexpr int32_t DEFAULT_BLK_STRIDE = 1;
constexpr uint8_t DEFAULT_REPEAT_STRIDE = 8;
constexpr int32_t DEFAULT_BLOCK_SIZE = 256;
constexpr uint32_t DEFAULT_C0_SIZE = 32;
constexpr uint32_t ONE_BLK_SIZE = 32;
constexpr uint32_t ONE_REPEAT_BYTE_SIZE = 256;
constexpr uint32_t MAX_REPEAT_TIMES = 255;
constexpr uint64_t FULL_MASK = ~uint64_t{0};

// In the place of a mask when isSetMask is false: the mask register holds what SetVectorMask put there.
constexpr uint64_t MASK_PLACEHOLDER = 0;
inline uint64_t MASK_PLACEHOLDER_LIST[2] = {0, 0};

// Element types that exist on A2 and are not simulated: naming them is fine, operating on them is not.
struct int4b_t {
  int8_t storage;
};

// TensorTrait is not simulated: a tensor's T is its element type.
template <class T>
using PrimT = T;

}  // namespace AscendC

namespace ascsim_detail {

template <class...>
struct AlwaysFalse : std::false_type {};

// The simulator's name of an element type; `valid` is false for what no vector or DMA instruction takes.
template <class T, class = void>
struct DTypeTrait {
  static constexpr bool valid = false;
  static constexpr ascsim::DType value = ascsim::DType::kU8;
};
template <>
struct DTypeTrait<float> {
  static constexpr bool valid = true;
  static constexpr ascsim::DType value = ascsim::DType::kF32;
};
template <>
struct DTypeTrait<half> {
  static constexpr bool valid = true;
  static constexpr ascsim::DType value = ascsim::DType::kF16;
};
template <>
struct DTypeTrait<bfloat16_t> {
  static constexpr bool valid = true;
  static constexpr ascsim::DType value = ascsim::DType::kBF16;
};

constexpr ascsim::DType UnsignedOfSize(size_t bytes) {
  return bytes == 1   ? ascsim::DType::kU8
         : bytes == 2 ? ascsim::DType::kU16
         : bytes == 4 ? ascsim::DType::kU32
                      : ascsim::DType::kU64;
}
constexpr ascsim::DType SignedOfSize(size_t bytes) {
  return bytes == 1   ? ascsim::DType::kS8
         : bytes == 2 ? ascsim::DType::kS16
         : bytes == 4 ? ascsim::DType::kS32
                      : ascsim::DType::kS64;
}
// long and long long, char and int8_t are different types of one size.
template <class T>
struct DTypeTrait<T, std::enable_if_t<std::is_integral_v<T>>> {
  static constexpr bool valid = sizeof(T) <= 8;
  static constexpr ascsim::DType value = std::is_signed_v<T> ? SignedOfSize(sizeof(T)) : UnsignedOfSize(sizeof(T));
};

// DTypeOf<half> == ascsim::DType::kF16; an error at compile time for what is not simulated (double, int4b_t, structs).
template <class T>
constexpr ascsim::DType DTypeOfImpl() {
  static_assert(DTypeTrait<std::remove_cv_t<T>>::valid, "ascsim: no instruction on this element type is simulated");
  return DTypeTrait<std::remove_cv_t<T>>::value;
}
template <class T>
inline constexpr ascsim::DType DTypeOf = DTypeOfImpl<T>();
template <class T>
inline constexpr bool kHasDType = DTypeTrait<std::remove_cv_t<T>>::valid;

// What a scalar access of T is: its own type, or plain bits for double and small structs.
template <class T>
constexpr ascsim::DType ScalarTypeOf() {
  using U = std::remove_cv_t<T>;
  if constexpr (DTypeTrait<U>::valid) {
    return DTypeTrait<U>::value;
  } else {
    static_assert(
        std::is_trivially_copyable_v<U> && (sizeof(U) == 1 || sizeof(U) == 2 || sizeof(U) == 4 || sizeof(U) == 8),
        "ascsim: scalar access to elements that are not 1, 2, 4 or 8 bytes is not simulated");
    return UnsignedOfSize(sizeof(U));
  }
}

// Bits of a value, low-aligned, as Instruction::scalar and ScalarWrite take them.
template <class T>
uint64_t BitsOf(const T& value) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  return bits;
}
template <class T>
T FromBits(uint64_t bits) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

constexpr ascsim::Pipe PipeOf(pipe_t pipe) {
  switch (pipe) {
    case PIPE_V:
    case PIPE_V2:
      return ascsim::Pipe::kV;
    case PIPE_M:
      return ascsim::Pipe::kM;
    case PIPE_MTE1:
      return ascsim::Pipe::kMTE1;
    case PIPE_MTE2:
    case PIPE_MTE4:
      return ascsim::Pipe::kMTE2;
    case PIPE_MTE3:
    case PIPE_MTE5:
      return ascsim::Pipe::kMTE3;
    case PIPE_FIX:
      return ascsim::Pipe::kFIX;
    case PIPE_ALL:
      return ascsim::Pipe::kAll;
    case PIPE_S:
      break;
  }
  return ascsim::Pipe::kS;
}

// Both ends of a HardEvent: A_B is set by A and waited for by B.
struct EventPipes {
  ascsim::Pipe source = ascsim::Pipe::kAll;
  ascsim::Pipe destination = ascsim::Pipe::kAll;
};
constexpr EventPipes PipesOf(AscendC::HardEvent event) {
  using H = AscendC::HardEvent;
  using P = ascsim::Pipe;
  struct Entry {
    H event;
    EventPipes pipes;
  };
  constexpr Entry kEntries[] = {
      {H::MTE2_MTE1, {P::kMTE2, P::kMTE1}},
      {H::MTE1_MTE2, {P::kMTE1, P::kMTE2}},
      {H::MTE1_M, {P::kMTE1, P::kM}},
      {H::M_MTE1, {P::kM, P::kMTE1}},
      {H::MTE2_V, {P::kMTE2, P::kV}},
      {H::V_MTE2, {P::kV, P::kMTE2}},
      {H::MTE3_V, {P::kMTE3, P::kV}},
      {H::V_MTE3, {P::kV, P::kMTE3}},
      {H::M_V, {P::kM, P::kV}},
      {H::V_M, {P::kV, P::kM}},
      {H::V_V, {P::kV, P::kV}},
      {H::MTE3_MTE1, {P::kMTE3, P::kMTE1}},
      {H::MTE1_MTE3, {P::kMTE1, P::kMTE3}},
      {H::MTE1_V, {P::kMTE1, P::kV}},
      {H::MTE2_M, {P::kMTE2, P::kM}},
      {H::M_MTE2, {P::kM, P::kMTE2}},
      {H::V_MTE1, {P::kV, P::kMTE1}},
      {H::M_FIX, {P::kM, P::kFIX}},
      {H::FIX_M, {P::kFIX, P::kM}},
      {H::MTE3_MTE2, {P::kMTE3, P::kMTE2}},
      {H::MTE2_MTE3, {P::kMTE2, P::kMTE3}},
      {H::S_V, {P::kS, P::kV}},
      {H::V_S, {P::kV, P::kS}},
      {H::S_MTE2, {P::kS, P::kMTE2}},
      {H::MTE2_S, {P::kMTE2, P::kS}},
      {H::S_MTE3, {P::kS, P::kMTE3}},
      {H::MTE3_S, {P::kMTE3, P::kS}},
      {H::MTE2_FIX, {P::kMTE2, P::kFIX}},
      {H::FIX_MTE2, {P::kFIX, P::kMTE2}},
      {H::FIX_S, {P::kFIX, P::kS}},
      {H::M_S, {P::kM, P::kS}},
      {H::FIX_MTE3, {P::kFIX, P::kMTE3}},
      {H::MTE1_FIX, {P::kMTE1, P::kFIX}},
      {H::FIX_MTE1, {P::kFIX, P::kMTE1}},
      {H::FIX_FIX, {P::kFIX, P::kFIX}},
  };
  for (const Entry& entry : kEntries) {
    if (entry.event == event) return entry.pipes;
  }
  return {};
}

// UB or L1 behind a logical position; kGM for GM and for positions whose memories are not simulated.
constexpr bool IsUbPosition(AscendC::TPosition p) {
  return p == AscendC::TPosition::VECIN || p == AscendC::TPosition::VECOUT || p == AscendC::TPosition::VECCALC;
}
constexpr bool IsL1Position(AscendC::TPosition p) {
  return p == AscendC::TPosition::A1 || p == AscendC::TPosition::B1 || p == AscendC::TPosition::C1 ||
         p == AscendC::TPosition::TSCM || p == AscendC::TPosition::SPM;
}
constexpr ascsim::Space SpaceOf(AscendC::TPosition p) {
  return IsUbPosition(p) ? ascsim::Space::kUB : IsL1Position(p) ? ascsim::Space::kL1 : ascsim::Space::kGM;
}

}  // namespace ascsim_detail
