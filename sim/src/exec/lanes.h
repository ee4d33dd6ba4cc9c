// Active elements of a repeat, and reading or writing them block by block: for instructions that are not elementwise.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "engine/execution.h"

namespace ascsim {

// Bits of the active elements of one repeat, at most 128.
struct Lanes {
  uint64_t low = 0, high = 0;

  // The first `count` and no others.
  bool IsFirst(uint32_t count) const;
  bool any() const { return (low | high) != 0; }
  bool Has(uint32_t i) const { return ((i < 64 ? low >> i : high >> (i - 64)) & 1) != 0; }
  // `count` bits from bit `first` on, first a multiple of count, count at most 32.
  uint32_t Part(uint32_t first, uint32_t count) const {
    const uint64_t word = first < 64 ? low >> first : high >> (first - 64);
    return static_cast<uint32_t>(word & ((uint64_t{1} << count) - 1));
  }
};

inline uint64_t FirstBits(uint64_t count) { return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1; }

// The first `count` of at most 128 elements.
inline Lanes FirstLanes(uint64_t count) { return {FirstBits(count), count > 64 ? FirstBits(count - 64) : 0}; }

inline bool Lanes::IsFirst(uint32_t count) const {
  const Lanes first = FirstLanes(count);
  return low == first.low && high == first.high;
}

inline uint32_t LanesPerRepeat(DType type) { return std::min<uint32_t>(kRepeatBytes / SizeOf(type), 128); }

// Counter mode: as many repeats as its elements take.
inline uint64_t NumRepeats(const Instruction& i, uint32_t lanes) {
  return i.mask.counter ? (i.mask.low + lanes - 1) / lanes : i.repeats;
}

inline Lanes ActiveLanes(const Instruction& i, uint64_t repeat, uint32_t lanes) {
  if (i.mask.counter) {
    const uint64_t done = repeat * lanes;
    return FirstLanes(i.mask.low > done ? std::min<uint64_t>(i.mask.low - done, lanes) : 0);
  }
  const Lanes all = FirstLanes(lanes);
  return {i.mask.low & all.low, i.mask.high & all.high};
}

// Reads the active elements of a repeat at `address` into their places in `to` (256 bytes). Of a block, what lies
// between its first and last active element counts as read: the unit reads whole blocks, but padding behind the data
// need not be initialised.
template <uint32_t kSize>
void ReadLanes(Execution& execution, const Operand& operand, uint64_t address, const Lanes& lanes, uint8_t* to) {
  constexpr uint32_t kPerBlock = kBlockBytes / kSize;
  if (kSize > 1 && lanes.IsFirst(kRepeatBytes / kSize) && operand.block_stride == 1 &&
      execution.Holds(operand, address, kRepeatBytes)) {
    std::memcpy(to, execution.Read(operand, address, kRepeatBytes), kRepeatBytes);
    return;
  }
  for (uint32_t b = 0; b < kBlocksPerRepeat; ++b) {
    const uint32_t part = lanes.Part(b * kPerBlock, kPerBlock);
    if (part == 0) continue;
    const auto first = static_cast<uint32_t>(__builtin_ctz(part));
    const auto last = static_cast<uint32_t>(31 - __builtin_clz(part));
    const uint64_t from = address + uint64_t{b} * operand.block_stride * kBlockBytes + first * kSize;
    const uint32_t bytes = (last - first + 1) * kSize;
    std::memcpy(to + b * kBlockBytes + first * kSize, execution.Read(operand, from, bytes), bytes);
  }
}

// Writes the active elements of a repeat, and no other byte.
template <uint32_t kSize>
void WriteLanes(Execution& execution, const Operand& operand, uint64_t address, const Lanes& lanes,
                const uint8_t* from) {
  constexpr uint32_t kPerBlock = kBlockBytes / kSize;
  if (kSize > 1 && lanes.IsFirst(kRepeatBytes / kSize) && operand.block_stride == 1 &&
      execution.Holds(operand, address, kRepeatBytes)) {
    std::memcpy(execution.Write(operand, address, kRepeatBytes), from, kRepeatBytes);
    return;
  }
  for (uint32_t b = 0; b < kBlocksPerRepeat; ++b) {
    uint32_t part = lanes.Part(b * kPerBlock, kPerBlock);
    const uint64_t block = address + uint64_t{b} * operand.block_stride * kBlockBytes;
    while (part != 0) {  // runs of active elements
      const auto first = static_cast<uint32_t>(__builtin_ctz(part));
      const uint32_t rest = ~(part >> first);
      const auto run = rest == 0 ? 32 - first : static_cast<uint32_t>(__builtin_ctz(rest));
      std::memcpy(execution.Write(operand, block + first * kSize, run * kSize), from + b * kBlockBytes + first * kSize,
                  run * kSize);
      part = first + run >= 32 ? 0 : part & (~uint32_t{0} << (first + run));
    }
  }
}

// [begin, end) of bytes.
struct Range {
  uint64_t begin = 0, end = 0;
  bool Meets(const Range& other) const { return begin < other.end && other.begin < end; }
};

}  // namespace ascsim
