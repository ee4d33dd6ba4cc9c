// What reductions, gathers and permutations share: masks, fields of limited width, order within composite functions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <type_traits>

#include "ascendc/params.h"
#include "ascendc/tensor.h"
#include "ascendc/types.h"
#include "ascendc/vector_mask.h"
#include "ascsim/runtime.h"

namespace ascsim_detail::moves {

using ascsim::Instruction;
using ascsim::Loc;
using ascsim::Op;

template <class T, class... U>
inline constexpr bool kIsOneOf = (std::is_same_v<T, U> || ...);

template <class T>
inline constexpr uint32_t kLanes = ascsim::kRepeatBytes / sizeof(T);
template <class T>
inline constexpr uint32_t kPerBlock = ascsim::kBlockBytes / sizeof(T);

constexpr uint64_t DivUp(uint64_t a, uint64_t b) { return (a + b - 1) / b; }

template <class... Value>
void Breach(const char* rule, Loc loc, const char* format, Value... value) {
  if constexpr (sizeof...(value) == 0) {
    ascsim::ReportBreach(rule, loc, format);
  } else {
    char text[200];
    std::snprintf(text, sizeof(text), format, value...);
    ascsim::ReportBreach(rule, loc, text);
  }
}

// `value` as a field of an instruction takes it: a wider one is reported and loses its upper bits, as on silicon.
inline uint32_t Field(const char* name, int64_t value, uint32_t largest, Loc loc, const char* remedy = nullptr) {
  if (value < 0 || value > int64_t{largest}) {
    char text[120];
    std::snprintf(text, sizeof(text), "%s: expected 0 to %u, got %lld", name, largest, static_cast<long long>(value));
    ascsim::ReportBreach("parameter-range", loc, text, remedy);
  }
  return static_cast<uint32_t>(value) & largest;
}
inline uint32_t Repeats(int64_t value, Loc loc) {
  return Field("repeatTime", value, 255, loc, value > 255 ? "cut the work into several calls" : nullptr);
}
inline uint16_t Stride(const char* name, int64_t value, Loc loc) {
  return static_cast<uint16_t>(Field(name, value, 65535, loc));
}

inline ascsim::Mask Counter(uint64_t elements) {
  ascsim::Mask mask;
  mask.low = elements;
  mask.high = 0;
  mask.counter = true;
  return mask;
}

// The first `count` elements of each repeat; of all repeats when the unit is in counter mode (SetMaskCount).
template <class T>
ascsim::Mask First(int64_t count, Loc loc) {
  const uint64_t n = count < 0 ? 0 : static_cast<uint64_t>(count);
  if (ascsim::VectorMask().counter) return Counter(n);
  CheckMaskWidth(n, kLanes<T>, loc);
  return PrefixMask(n);
}

// Arrays for 32-bit elements may have one word only.
template <class T>
ascsim::Mask Bits(const uint64_t mask[]) {
  ascsim::Mask result;
  result.low = mask[0];
  result.high = sizeof(T) <= 2 ? mask[1] : 0;
  result.counter = ascsim::VectorMask().counter;
  return result;
}

// The mask of an instruction: what the call says, or what SetVectorMask put into the register.
template <class T, bool isSetMask>
ascsim::Mask UseFirst(int64_t count, Loc loc) {
  if constexpr (isSetMask) return First<T>(count, loc);
  return ascsim::VectorMask();
}
template <class T, bool isSetMask>
ascsim::Mask UseBits(const uint64_t mask[]) {
  if constexpr (isSetMask) return Bits<T>(mask);
  return ascsim::VectorMask();
}

// Puts the mask into the register, where it stays, and issues.
inline void IssueMasked(Instruction* i, const ascsim::Mask& mask) {
  WriteMaskRegister(mask, i->loc);
  i->mask = mask;
  ascsim::Issue(*i);
}

// Functions over the first n elements work in counter mode and leave a full mask in normal mode behind.
inline void ResetMask() { ascsim::VectorMask() = ascsim::Mask(); }

inline void BarrierV(Loc loc) {
  Instruction barrier;
  barrier.op = Op::kBarrier;
  barrier.pipe = ascsim::Pipe::kV;
  barrier.loc = loc;
  ascsim::Issue(barrier);
}

// The last id of a pair of queues is one of the framework's: kernels do not set it.
constexpr uint64_t kFrameworkFlag = 7;
inline void Order(ascsim::Pipe from, ascsim::Pipe to, Loc loc) {
  Instruction flag;
  flag.loc = loc;
  flag.op = Op::kSetFlag;
  flag.pipe = from;
  flag.option[0] = static_cast<uint64_t>(to);
  flag.option[1] = kFrameworkFlag;
  ascsim::Issue(flag);
  flag.op = Op::kWaitFlag;
  flag.pipe = to;
  flag.option[0] = static_cast<uint64_t>(from);
  ascsim::Issue(flag);
}

template <class T>
Instruction Make(Op op, const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src, Loc loc) {
  Instruction i;
  i.op = op;
  i.loc = loc;
  i.dst = OperandOf(dst);
  i.src0 = OperandOf(src);
  return i;
}

}  // namespace ascsim_detail::moves
