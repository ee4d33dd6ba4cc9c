// Cast: conversion of element types.
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

// Round modes that a pair of types has on Atlas A2 (Cast.md, table 4), bit by RoundMode; 0: no such pair.
constexpr uint32_t kCastNone = 1, kCastDirected = 0x3e, kCastOdd = 0x40, kCastAny = 0x7f;

template <class T, class U>
constexpr uint32_t CastModes() {
  using D = T;
  using S = U;
  if constexpr (std::is_same_v<S, half>) {
    if (kIsAnyOf<D, int32_t, int16_t>) return kCastDirected;
    if (kIsAnyOf<D, int8_t, uint8_t>) return kCastDirected | kCastNone;
    return std::is_same_v<D, float> ? kCastNone : 0;
  } else if constexpr (std::is_same_v<S, float>) {
    if (std::is_same_v<D, half>) return kCastDirected | kCastOdd | kCastNone;
    return kIsAnyOf<D, float, int64_t, int32_t, int16_t, bfloat16_t> ? kCastDirected : 0;
  } else if constexpr (std::is_same_v<S, bfloat16_t>) {
    if (std::is_same_v<D, int32_t>) return kCastDirected;
    return std::is_same_v<D, float> ? kCastNone : 0;
  } else if constexpr (kIsAnyOf<S, uint8_t, int8_t>) {
    return std::is_same_v<D, half> ? kCastNone : 0;
  } else if constexpr (std::is_same_v<S, int16_t>) {
    if (std::is_same_v<D, half>) return kCastDirected | kCastNone;
    return std::is_same_v<D, float> ? kCastNone : 0;
  } else if constexpr (std::is_same_v<S, int32_t>) {
    if (std::is_same_v<D, float>) return kCastDirected | kCastNone;
    if (std::is_same_v<D, half>) return kCastAny;  // without effect
    return kIsAnyOf<D, int16_t, int64_t> ? kCastNone : 0;
  } else if constexpr (std::is_same_v<S, int64_t>) {
    if (std::is_same_v<D, float>) return kCastDirected;
    return std::is_same_v<D, int32_t> ? kCastNone : 0;
  } else {
    return 0;
  }
}

template <class T, class U>
ascsim::Instruction MakeCast(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<U>& src,
                             AscendC::RoundMode mode, ascsim::Loc loc) {
  constexpr uint32_t kModes = CastModes<T, U>();
  static_assert(kModes != 0, "ascsim: Cast has no such pair of element types on Atlas A2, or it is not simulated");
  const auto number = static_cast<uint32_t>(mode);
  if (number > 6 || (kModes >> number & 1) == 0) {
    static constexpr const char* kNames[] = {"NONE", "RINT", "FLOOR", "CEIL", "ROUND", "TRUNC", "ODD"};
    char text[120];
    std::snprintf(text, sizeof(text), "roundMode: CAST_%s is not one of those that this pair of types has on Atlas A2",
                  number > 6 ? "?" : kNames[number]);
    ascsim::ReportBreach("parameter-range", loc, text, "use a round mode that Cast has for these types");
  }
  ascsim::Instruction i = MakeVector(ascsim::Op::kCast, dst, src, loc);
  i.option[0] = number;
  return i;
}

}  // namespace ascsim_detail

namespace AscendC {

template <typename T, typename U>
void Cast(const LocalTensor<T>& dst, const LocalTensor<U>& src, const RoundMode& roundMode, const uint32_t count,
          ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueCountOf<ascsim_detail::Wider<T, U>>(ascsim_detail::MakeCast(dst, src, roundMode, loc), true,
                                                          count);
}
template <typename T, typename U, bool isSetMask = true>
void Cast(const LocalTensor<T>& dst, const LocalTensor<U>& src, const RoundMode& roundMode, const uint64_t mask[],
          const int64_t repeatTime, const UnaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueRepeats<ascsim_detail::Wider<T, U>>(ascsim_detail::MakeCast(dst, src, roundMode, loc), isSetMask,
                                                          mask, repeatTime, repeatParams);
}
template <typename T, typename U, bool isSetMask = true>
void Cast(const LocalTensor<T>& dst, const LocalTensor<U>& src, const RoundMode& roundMode, const uint64_t mask,
          const int64_t repeatTime, const UnaryRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim_detail::IssueRepeats<ascsim_detail::Wider<T, U>>(ascsim_detail::MakeCast(dst, src, roundMode, loc), isSetMask,
                                                          mask, repeatTime, repeatParams);
}

// What Cast of int32_t to half multiplies with.
inline void SetDeqScale(half scale, ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim::Instruction i;
  i.op = ascsim::Op::kSetMask;
  i.pipe = ascsim::Pipe::kV;
  i.loc = loc;
  i.option[0] = static_cast<uint64_t>(ascsim::RegisterMove::kDeqScale);
  i.scalar = ascsim_detail::BitsOf(scale);
  ascsim::Issue(i);
}

}  // namespace AscendC
