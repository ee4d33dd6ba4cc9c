// Compare, Select and the comparison register.
// SPDX-License-Identifier: Apache-2.0
//
// Compare.md, CompareScalar.md, Select.md, SetCmpMask(ISASI).md, GetCmpMask(ISASI).md. What they leave open, and what
// is done here:
//  - Results of Compare lie one after the other, a bit an element, whatever the destination's strides are (the example
//    of CompareScalar.md: four repeats with repeat stride 8 fill 32 bytes). Bits of an incomplete last byte are 0.
//  - Comparisons with NaN are false, but for NE.
//  - Compare into the register: bits of elements outside the mask, and beyond the repeat, are 0.
#include <array>
#include <cstring>

#include "ascsim/options.h"
#include "ascsim/runtime.h"
#include "exec/elements.h"
#include "exec/tables.h"
#include "exec/walk.h"

namespace ascsim {
namespace {

using RepeatBits = std::array<uint8_t, kMaxElements / 8>;

template <class W>
bool Holds(Comparison comparison, W a, W b) {
  switch (comparison) {
    case Comparison::kLess:
      return a < b;
    case Comparison::kGreater:
      return a > b;
    case Comparison::kEqual:
      return a == b;
    case Comparison::kLessEqual:
      return a <= b;
    case Comparison::kGreaterEqual:
      return a >= b;
    case Comparison::kNotEqual:
      return a != b;
  }
  return false;
}

template <class E>
typename E::Work ScalarOf(const Instruction& i) {
  typename E::Storage value;
  std::memcpy(&value, &i.scalar, sizeof(value));
  return E::Load(value);
}

uint64_t& CmpRegister(Execution& e, bool high) {
  return e.special_register(static_cast<int>(high ? SpecialRegister::kCmpMaskHigh : SpecialRegister::kCmpMaskLow));
}

void ToRegister(Execution& e, const RepeatBits& bits) {
  std::memcpy(&CmpRegister(e, false), bits.data(), 8);
  std::memcpy(&CmpRegister(e, true), bits.data() + 8, 8);
}

// The page of Compare allows no overlap.
void CheckApart(Execution& e, const Operand& src, uint32_t element_bytes, const Repeats& repeats) {
  const Instruction& i = e.instruction();
  if (repeats.count() == 0 || src.space != i.dst.space) return;
  const Layout layout(repeats.full(), src, element_bytes);
  uint64_t end = 0;
  for (const Layout::Segment& s : layout) end = std::max<uint64_t>(end, s.offset + s.count * element_bytes);
  end += RepeatAddress(src, repeats.count() - 1);
  const uint64_t bits = uint64_t{repeats.count()} * repeats.elements() / 8;
  if (src.address < i.dst.address + bits && i.dst.address < end) {
    e.Report(Rule::kOverlap, "the destination of Compare lies in a source", i.dst.space, i.dst.address, bits);
  }
}

// kScalar: the second source is instruction.scalar.
template <class E, bool kScalar>
void Compare(Execution& e) {
  using S = typename E::Storage;
  const Instruction& i = e.instruction();
  constexpr uint32_t kElements = ElementsPerRepeat(sizeof(S));
  const Repeats repeats(i, kElements);
  const auto comparison = static_cast<Comparison>(i.option[0]);
  const typename E::Work scalar = kScalar ? ScalarOf<E>(i) : typename E::Work{};
  std::array<S, kElements> a{}, b{};
  if (i.option[1] == 0 && e.Wants(Rule::kOverlap)) {
    CheckApart(e, i.src0, sizeof(S), repeats);
    if (!kScalar) CheckApart(e, i.src1, sizeof(S), repeats);
  }
  for (uint32_t r = 0; r < repeats.count(); ++r) {
    const Runs runs = repeats.RunsOf(r);
    Layout(runs, i.src0, sizeof(S)).Read(e, i.src0, RepeatAddress(i.src0, r), a.data());
    if (!kScalar) Layout(runs, i.src1, sizeof(S)).Read(e, i.src1, RepeatAddress(i.src1, r), b.data());
    RepeatBits bits{};
    for (const Runs::Run& run : runs) {
      for (uint32_t k = run.first; k < run.first + run.count; ++k) {
        const bool holds = Holds(comparison, E::Load(a[k]), kScalar ? scalar : E::Load(b[k]));
        bits[k / 8] = static_cast<uint8_t>(bits[k / 8] | (holds ? 1u << (k % 8) : 0u));
      }
    }
    if (i.option[1] != 0) {
      ToRegister(e, bits);
    } else {
      const uint32_t bytes = repeats.IsTail(r) ? (repeats.tail() + 7) / 8 : kElements / 8;
      std::memcpy(e.Write(i.dst, i.dst.address + uint64_t{r} * (kElements / 8), bytes), bits.data(), bytes);
    }
  }
}

// UB offset of the selecting bits whose address is in the comparison register. Kernels write the low 32 bits of
// GetPhyAddr there, which is a pointer of this process.
uint64_t AddressInRegister(Execution& e) {
  const auto address = static_cast<uint32_t>(CmpRegister(e, false));
  const auto base = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(e.Read(e.instruction().src2, 0, 0)));
  constexpr uint32_t kBeyondUb = 1u << 20;
  const uint32_t offset = address - base;
  return offset < kBeyondUb ? offset : address;
}

// Where the selecting bits of an instruction come from.
class Selector {
 public:
  Selector(Execution& e, uint32_t elements)
      : e_(e),
        mode_(static_cast<Selection>(e.instruction().option[0])),
        from_register_(e.instruction().option[1] != 0 && mode_ == Selection::kSameBits),
        address_(e.instruction().src2.address),
        bytes_(mode_ == Selection::kSameBits ? 0 : elements / 8) {
    if (e.instruction().option[1] != 0 && mode_ == Selection::kTensorTensor) address_ = AddressInRegister(e);
  }

  // Bytes that hold a bit of an element that takes part.
  void Read(uint32_t repeat, const Runs& runs, RepeatBits* bits) {
    if (from_register_) {
      const std::array<uint64_t, 2> words = {CmpRegister(e_, false), CmpRegister(e_, true)};
      std::memcpy(bits->data(), words.data(), sizeof(words));
      return;
    }
    if (runs.size() == 0) return;
    const Runs::Run& last_run = *(runs.end() - 1);
    const uint32_t first = runs.begin()->first / 8;
    const uint32_t count = (last_run.first + last_run.count + 7) / 8 - first;
    const uint64_t from = address_ + uint64_t{repeat} * bytes_ + first;
    std::memcpy(bits->data() + first, e_.Read(e_.instruction().src2, from, count), count);
  }

 private:
  Execution& e_;
  Selection mode_;
  bool from_register_;
  uint64_t address_;
  uint32_t bytes_;  // from one repeat to the next
};

// S: elements as bits.
template <class S>
void Select(Execution& e) {
  const Instruction& i = e.instruction();
  constexpr uint32_t kElements = ElementsPerRepeat(sizeof(S));
  const Repeats repeats(i, kElements);
  const bool scalar = static_cast<Selection>(i.option[0]) == Selection::kTensorScalar;
  if (e.Wants(Rule::kOverlap)) {
    CheckOverlap(e, i.src0, sizeof(S), sizeof(S), repeats);
    if (!scalar) CheckOverlap(e, i.src1, sizeof(S), sizeof(S), repeats);
  }
  Selector selector(e, kElements);
  std::array<S, kElements> a{}, b{}, out{};
  if (scalar) b.fill(static_cast<S>(i.option[1] != 0 ? CmpRegister(e, false) : i.scalar));
  RepeatBits bits{};
  for (uint32_t r = 0; r < repeats.count(); ++r) {
    const Runs runs = repeats.RunsOf(r);
    selector.Read(r, runs, &bits);
    Layout(runs, i.src0, sizeof(S)).Read(e, i.src0, RepeatAddress(i.src0, r), a.data());
    if (!scalar) Layout(runs, i.src1, sizeof(S)).Read(e, i.src1, RepeatAddress(i.src1, r), b.data());
    for (uint32_t k = 0; k < kElements; ++k) out[k] = (bits[k / 8] >> (k % 8) & 1) != 0 ? a[k] : b[k];
    Layout(runs, i.dst, sizeof(S)).Write(e, i.dst, RepeatAddress(i.dst, r), out.data());
  }
}

void SetRegister(Execution& e) {
  const Instruction& i = e.instruction();
  switch (static_cast<RegisterMove>(i.option[0])) {
    case RegisterMove::kMask:
      break;
    case RegisterMove::kSetCmp: {
      const uint8_t* from = e.Read(i.src0, i.src0.address, 16);
      std::memcpy(&CmpRegister(e, false), from, 8);
      std::memcpy(&CmpRegister(e, true), from + 8, 8);
      break;
    }
    case RegisterMove::kGetCmp: {
      uint8_t* to = e.Write(i.dst, i.dst.address, 16);
      std::memcpy(to, &CmpRegister(e, false), 8);
      std::memcpy(to + 8, &CmpRegister(e, true), 8);
      break;
    }
    case RegisterMove::kDeqScale:
      e.special_register(static_cast<int>(SpecialRegister::kDeqScale)) = (i.scalar & 0xffff) | kDeqScaleSet;
      break;
  }
}

}  // namespace

ExecFunction FindCompare(Op op, DType dst, DType src) {
  (void)dst;  // bits, for all
  using S32 = Int<int32_t>;
  switch (op) {
    case Op::kCompare:
      return src == DType::kF32   ? Compare<F32, false>
             : src == DType::kF16 ? Compare<F16, false>
             : src == DType::kS32 ? Compare<S32, false>
                                  : nullptr;
    case Op::kCompareScalar:
      return src == DType::kF32   ? Compare<F32, true>
             : src == DType::kF16 ? Compare<F16, true>
             : src == DType::kS32 ? Compare<S32, true>
                                  : nullptr;
    case Op::kSelect:
      return src == DType::kF32 ? Select<uint32_t> : src == DType::kF16 ? Select<uint16_t> : nullptr;
    case Op::kSetMask:
      return SetRegister;
    default:
      return nullptr;
  }
}

}  // namespace ascsim
