// Which elements a vector instruction works on: the mask register, and how count, mask and register forms use it.
// SPDX-License-Identifier: Apache-2.0
//
// SetVectorMask.md, SetMaskCount.md, SetMaskNorm.md, ResetMask.md. The register holds a mode and a value. A function
// with repeats and isSetMask = true writes the value (in counter mode a mask of the first n is the number n) and leaves
// it there; one with a count works in counter mode and leaves a full mask in normal mode behind. The scalar unit pays
// for a write whose value differs from the register's: once for a call.
#pragma once

#include <cstdint>
#include <cstdio>

#include "ascendc/tensor.h"
#include "ascendc/types.h"
#include "ascsim/options.h"
#include "ascsim/runtime.h"

namespace ascsim_detail {

// Elements of a repeat of an instruction whose widest operand has elements of T.
template <class T>
inline constexpr uint32_t kRepeatElements = ascsim::kRepeatBytes / sizeof(T);

template <class A, class B>
using Wider = std::conditional_t<(sizeof(A) > sizeof(B)), A, B>;

template <class T, class... U>
inline constexpr bool kIsAnyOf = (std::is_same_v<T, U> || ...);

inline void WriteMaskRegister(const ascsim::Mask& mask, ascsim::Loc loc) {
  ascsim::Mask& current = ascsim::VectorMask();
  const bool same = current.low == mask.low && current.high == mask.high;
  current = mask;
  if (same) return;
  ascsim::Instruction write;
  write.op = ascsim::Op::kSetMask;
  write.pipe = ascsim::Pipe::kS;
  write.loc = loc;
  write.option[0] = static_cast<uint64_t>(ascsim::RegisterMove::kMask);
  ascsim::Issue(write);
}

// The first `count` of `elements`, in normal mode.
inline ascsim::Mask PrefixMask(uint64_t count) {
  ascsim::Mask mask;
  mask.low = count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
  mask.high = count >= 128 ? ~uint64_t{0} : count > 64 ? (uint64_t{1} << (count - 64)) - 1 : 0;
  return mask;
}

inline void CheckMaskWidth(uint64_t count, uint32_t elements, ascsim::Loc loc) {
  if (count >= 1 && count <= elements) return;
  char text[96];
  std::snprintf(text, sizeof(text), "mask: expected 1 to %u elements of a repeat, got %llu", elements,
                static_cast<unsigned long long>(count));
  ascsim::ReportBreach("mask-width", loc, text);
}

inline uint32_t RepeatsFor(uint64_t elements, uint32_t per_repeat) {
  return static_cast<uint32_t>((elements + per_repeat - 1) / per_repeat);
}

// Mask and repeats of an instruction. The count of repeats has no effect in counter mode.
inline void UseMask(ascsim::Instruction* i, const ascsim::Mask& mask, uint32_t repeats, uint32_t elements) {
  i->mask = mask;
  i->repeats = mask.counter ? RepeatsFor(mask.low, elements) : repeats;
}

// Function with a mask of the first `mask` elements, or MASK_PLACEHOLDER when `set` is false.
inline void UseFirst(ascsim::Instruction* i, bool set, uint64_t mask, uint32_t repeats, uint32_t elements) {
  if (set) {
    const bool counter = ascsim::VectorMask().counter;
    if (!counter) CheckMaskWidth(mask, elements, i->loc);
    ascsim::Mask value = PrefixMask(mask);
    if (counter) value = ascsim::Mask{mask, 0, true};
    WriteMaskRegister(value, i->loc);
  }
  UseMask(i, ascsim::VectorMask(), repeats, elements);
}

// Function with a mask bit by bit. Arrays for elements of 32 and 64 bits may have one word only.
inline void UseBits(ascsim::Instruction* i, bool set, const uint64_t mask[], uint32_t repeats, uint32_t elements) {
  if (set) {
    const uint64_t high = elements > 64 ? mask[1] : 0;
    WriteMaskRegister(ascsim::Mask{mask[0], high, ascsim::VectorMask().counter}, i->loc);
  }
  UseMask(i, ascsim::VectorMask(), repeats, elements);
}

inline uint64_t CheckCount(int64_t count, ascsim::Loc loc) {
  if (count >= 0 && count <= 0x7fffffff) return static_cast<uint64_t>(count);
  char text[80];
  std::snprintf(text, sizeof(text), "count: expected 0 to 2147483647, got %lld", static_cast<long long>(count));
  ascsim::ReportBreach("parameter-range", loc, text);
  return 0;
}

// Function over the first `count` elements. With `set` false the register's counter mode and value decide, and the
// count is ignored (Adds.md).
inline void IssueCount(ascsim::Instruction* i, bool set, int64_t count, uint32_t elements) {
  if (set) {
    WriteMaskRegister(ascsim::Mask{CheckCount(count, i->loc), 0, true}, i->loc);
  } else if (!ascsim::VectorMask().counter) {
    ascsim::ReportBreach("mask-width", i->loc,
                         "isSetMask = false with a count: expected counter mode (SetMaskCount), got normal mode");
  }
  UseMask(i, ascsim::VectorMask(), 1, elements);
  ascsim::Issue(*i);
  if (set) ascsim::VectorMask() = ascsim::Mask{};
}

}  // namespace ascsim_detail

namespace AscendC {

// How the value is read: which elements of each repeat (normal), or how many in all (counter).
inline void SetMaskNorm() { ascsim::VectorMask().counter = false; }
inline void SetMaskCount() { ascsim::VectorMask().counter = true; }

// The value, for functions with isSetMask = false.
template <typename T, MaskMode mode = MaskMode::NORMAL>
void SetVectorMask(const uint64_t maskHigh, const uint64_t maskLow, ascsim::Loc loc = ascsim::Loc::Here()) {
  const bool counter = ascsim::VectorMask().counter;
  ascsim_detail::WriteMaskRegister(ascsim::Mask{maskLow, mode == MaskMode::COUNTER ? 0 : maskHigh, counter}, loc);
}

template <typename T, MaskMode mode = MaskMode::NORMAL>
void SetVectorMask(int32_t len, ascsim::Loc loc = ascsim::Loc::Here()) {
  const bool counter = ascsim::VectorMask().counter;
  const uint64_t count = ascsim_detail::CheckCount(len, loc);
  ascsim::Mask mask{count, 0, counter};
  if constexpr (mode == MaskMode::NORMAL) {
    ascsim_detail::CheckMaskWidth(count, ascsim_detail::kRepeatElements<T>, loc);
    mask = ascsim_detail::PrefixMask(count);
    mask.counter = counter;
  }
  ascsim_detail::WriteMaskRegister(mask, loc);
}

// All elements; the mode stays.
inline void ResetMask(ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim::Mask mask;
  mask.counter = ascsim::VectorMask().counter;
  ascsim_detail::WriteMaskRegister(mask, loc);
}

}  // namespace AscendC
