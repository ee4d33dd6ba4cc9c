// Copies between GM, UB and L1: bursts with gaps, DataCopyPad's blocks, atomic updates of GM.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include "core/half.h"
#include "exec/tables.h"

namespace ascsim {
namespace {

// Runs of bursts without gaps are moved as one up to this many bytes: twice the largest memory of a core. Beyond it
// something is out of bounds, and the report had better name the burst.
constexpr uint64_t kMergedBytes = uint64_t{1} << 20;

// What DataCopyPad leaves undefined: a NaN as half, bfloat16 and float, and no plausible integer.
constexpr uint64_t kUndefinedPadding = 0x7ff77ff77ff77ff7;
// Instruction::option[0], see PadFill in ascendc/data_copy.h.
enum : uint64_t { kFillFirstElement = 0, kFillValue = 1, kFillUndefined = 2 };

constexpr uint64_t RoundUpToBlock(uint64_t bytes) { return (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes; }

// Bursts in bytes, from head to head.
struct Layout {
  uint64_t count, bytes;
  uint64_t source_pitch, target_pitch;
  uint64_t left, target_bytes;  // `bytes` of data lie behind `left` of padding in a target burst
};

Layout LayoutOf(const Instruction& i) {
  const Bursts& b = i.bursts;
  Layout layout;
  layout.count = b.count;
  layout.bytes = b.bytes;
  layout.left = b.left_padding;
  layout.target_bytes = b.bytes;
  uint64_t source_bytes = b.bytes;
  if (b.padded && i.dst.space != Space::kGM) {
    layout.target_bytes = RoundUpToBlock(uint64_t{b.left_padding} + b.bytes + b.right_padding);
  } else if (b.padded) {
    source_bytes = RoundUpToBlock(b.bytes);
  }
  layout.source_pitch = source_bytes + static_cast<uint64_t>(b.source_gap);
  layout.target_pitch = layout.target_bytes + static_cast<uint64_t>(b.target_gap);
  const bool dense = layout.target_bytes == b.bytes && layout.source_pitch == b.bytes && layout.target_pitch == b.bytes;
  if (dense && layout.count > 1 && layout.count * layout.bytes <= kMergedBytes) {
    layout.bytes *= layout.count;
    layout.target_bytes = layout.bytes;
    layout.count = 1;
  }
  return layout;
}

// Bytes [begin, end) of a block-aligned target; the pattern's phase follows the offset, so elements keep their place.
void FillPattern(uint8_t* target, uint64_t begin, uint64_t end, uint64_t pattern) {
  while (begin < end) {
    if (begin % 8 == 0 && end - begin >= 8) {
      std::memcpy(target + begin, &pattern, 8);
      begin += 8;
    } else {
      target[begin] = static_cast<uint8_t>(pattern >> (begin % 8 * 8));
      ++begin;
    }
  }
}

uint64_t Replicate(uint64_t bits, uint32_t size) {
  switch (size) {
    case 1:
      return (bits & 0xff) * 0x0101010101010101;
    case 2:
      return (bits & 0xffff) * 0x0001000100010001;
    case 4:
      return (bits & 0xffffffff) * 0x0000000100000001;
    default:
      return bits;
  }
}

uint64_t FirstElement(const uint8_t* data, uint64_t bytes, uint32_t size) {
  uint64_t bits = 0;
  std::memcpy(&bits, data, std::min<uint64_t>(bytes, size));
  return Replicate(bits, size);
}

// GM to UB when blocks are filled up.
void CopyPadded(Execution& e, const Layout& layout) {
  const Instruction& i = e.instruction();
  const uint32_t size = SizeOf(i.dst.type);
  uint64_t pattern = i.option[0] == kFillValue ? Replicate(i.bursts.padding_value, size) : kUndefinedPadding;
  uint64_t source = i.src0.address, target = i.dst.address;
  for (uint64_t k = 0; k < layout.count; ++k, source += layout.source_pitch, target += layout.target_pitch) {
    // The longer access first: an out-of-bounds one of the same size or less keeps the pointer valid.
    uint8_t* to = e.Write(i.dst, target, layout.target_bytes);
    const uint8_t* from = e.Read(i.src0, source, layout.bytes);
    std::memmove(to + layout.left, from, layout.bytes);
    if (i.option[0] == kFillFirstElement) pattern = FirstElement(to + layout.left, layout.bytes, size);
    FillPattern(to, 0, layout.left, pattern);
    FillPattern(to, layout.left + layout.bytes, layout.target_bytes, pattern);
  }
}

// Arithmetic of the atomic units. Integers wrap around; half and bfloat16 round once an addition.
template <typename T>
struct Plain {
  using Bits = T;
  using Value = T;
  static Value Load(Bits bits) { return bits; }
  static Bits Store(Value value) { return value; }
};
struct Half {
  using Bits = uint16_t;
  using Value = float;
  static Value Load(Bits bits) { return HalfToFloat(bits); }
  static Bits Store(Value value) { return FloatToHalf(value); }
};
struct BFloat16 {
  using Bits = uint16_t;
  using Value = float;
  static Value Load(Bits bits) { return BF16ToFloat(bits); }
  static Bits Store(Value value) { return FloatToBF16(value); }
};

template <Atomic kKind, typename Value>
Value Combine(Value old, Value update) {
  if constexpr (kKind == Atomic::kAdd) {
    if constexpr (std::is_integral_v<Value>) {
      using Wrapping = std::make_unsigned_t<Value>;
      return static_cast<Value>(static_cast<Wrapping>(old) + static_cast<Wrapping>(update));
    } else {
      return old + update;
    }
  } else if constexpr (kKind == Atomic::kMax) {
    return update > old ? update : old;
  } else {
    return update < old ? update : old;
  }
}

using AtomicFunction = void (*)(uint8_t* to, const uint8_t* from, uint64_t bytes);

// GM addresses need no alignment.
template <Atomic kKind, typename Format>
void UpdateElements(uint8_t* to, const uint8_t* from, uint64_t bytes) {
  using Bits = typename Format::Bits;
  for (uint64_t at = 0; at + sizeof(Bits) <= bytes; at += sizeof(Bits)) {
    Bits old, update;
    std::memcpy(&old, to + at, sizeof(Bits));
    std::memcpy(&update, from + at, sizeof(Bits));
    const Bits result = Format::Store(Combine<kKind, typename Format::Value>(Format::Load(old), Format::Load(update)));
    std::memcpy(to + at, &result, sizeof(Bits));
  }
}

template <Atomic kKind>
AtomicFunction AtomicOf(DType type) {
  switch (type) {
    case DType::kF32:
      return UpdateElements<kKind, Plain<float>>;
    case DType::kF16:
      return UpdateElements<kKind, Half>;
    case DType::kBF16:
      return UpdateElements<kKind, BFloat16>;
    case DType::kS32:
      return UpdateElements<kKind, Plain<int32_t>>;
    case DType::kS16:
      return UpdateElements<kKind, Plain<int16_t>>;
    case DType::kS8:
      return UpdateElements<kKind, Plain<int8_t>>;
    default:
      return nullptr;
  }
}

void CopyAtomic(Execution& e, const Layout& layout) {
  const Instruction& i = e.instruction();
  const AtomicFunction update = i.atomic == Atomic::kAdd   ? AtomicOf<Atomic::kAdd>(i.atomic_type)
                                : i.atomic == Atomic::kMax ? AtomicOf<Atomic::kMax>(i.atomic_type)
                                                           : AtomicOf<Atomic::kMin>(i.atomic_type);
  const uint32_t size = SizeOf(i.atomic_type);
  if (layout.bytes % size != 0) {
    e.Report(Rule::kMisaligned,
             "atomic copy: expected bursts of whole " + std::to_string(size) + "-byte elements, got " +
                 std::to_string(layout.bytes) + " bytes",
             Space::kGM, i.dst.address, layout.bytes);
  }
  uint64_t source = i.src0.address, target = i.dst.address;
  for (uint64_t k = 0; k < layout.count; ++k, source += layout.source_pitch, target += layout.target_pitch) {
    const uint8_t* from = e.Read(i.src0, source, layout.bytes);
    uint8_t* to = e.Update(i.dst, target, layout.bytes);
    if (update != nullptr) update(to, from, layout.bytes);
  }
}

// Short bursts from and to places all over GM wait for memory, so let them wait together.
void ExpectBursts(Execution& e, const Layout& layout) {
  constexpr uint64_t kMostBursts = 8, kMostBytes = 1024;
  const Instruction& i = e.instruction();
  const bool reads = i.src0.space == Space::kGM;
  if (layout.bytes > kMostBytes || reads == (i.dst.space == Space::kGM)) return;
  std::array<uint64_t, kMostBursts> addresses;
  const auto count = static_cast<uint32_t>(std::min(layout.count, kMostBursts));
  for (uint32_t k = 0; k < count; ++k) {
    addresses[k] = reads ? i.src0.address + k * layout.source_pitch : i.dst.address + k * layout.target_pitch;
  }
  e.Expect(addresses.data(), count, layout.bytes);
}

void Copy(Execution& e) {
  const Instruction& i = e.instruction();
  const Layout layout = LayoutOf(i);
  if (layout.count == 0 || layout.bytes == 0) return;
  ExpectBursts(e, layout);
  if (layout.target_bytes != layout.bytes) return CopyPadded(e, layout);
  if (i.atomic != Atomic::kNone && i.dst.space == Space::kGM) return CopyAtomic(e, layout);
  uint64_t source = i.src0.address, target = i.dst.address;
  for (uint64_t k = 0; k < layout.count; ++k, source += layout.source_pitch, target += layout.target_pitch) {
    const uint8_t* from = e.Read(i.src0, source, layout.bytes);
    // May overlap (UB to UB), and both may be the one place of out-of-bounds accesses.
    std::memmove(e.Write(i.dst, target, layout.bytes), from, layout.bytes);
  }
}

}  // namespace

// Copies look at types only to fill and to add up, so that all pairs have the same function.
ExecFunction FindCopy(Op op, DType, DType) {
  switch (op) {
    case Op::kCopyGmToUb:
    case Op::kCopyUbToGm:
    case Op::kCopyUbToUb:
    case Op::kCopyGmToL1:
    case Op::kCopyL1ToGm:
      return Copy;
    default:
      return nullptr;
  }
}

}  // namespace ascsim
