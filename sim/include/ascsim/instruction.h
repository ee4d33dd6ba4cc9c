// One instruction as the API headers issue it and the engine executes, checks and times it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "ascsim/op.h"
#include "ascsim/types.h"

namespace ascsim {

// A tensor operand. Strides count blocks of 32 bytes and have the width of the instruction's fields, checked before an
// instruction is issued (see Strides in vector.h): block_stride between the blocks of a repeat, repeat_stride between
// repeats.
struct Operand {
  uint64_t address = 0;  // first byte; see Space
  uint64_t end = 0;      // end of the LocalTensor or GlobalTensor that the kernel passed, for reports; 0: not known
  // Start of the GlobalTensor; 0: not known. A LocalTensor needs none: its offsets have 32 bits without a sign, and one
  // that should lie before the start lies far beyond the end.
  uint64_t begin = 0;
  Space space = Space::kUB;
  DType type = DType::kF32;
  bool used = false;
  uint16_t block_stride = 1;
  uint16_t repeat_stride = 8;
};

// Which elements take part. Normal mode: bit i of (high, low) is element i of every repeat. Counter mode: the first
// `low` elements in all, repeats following from it.
struct Mask {
  uint64_t low = ~uint64_t{0};
  uint64_t high = ~uint64_t{0};
  bool counter = false;
};

// A copy of `count` bursts of `bytes` each; a gap is what lies between the end of a burst and the start of the next.
struct Bursts {
  uint32_t count = 0;
  uint32_t bytes = 0;
  int64_t source_gap = 0;  // bytes
  int64_t target_gap = 0;  // bytes
  // DataCopyPad: elements put before and after each burst in UB, and their value (bits of the element type).
  uint32_t left_padding = 0;   // bytes
  uint32_t right_padding = 0;  // bytes, up to the next block
  uint64_t padding_value = 0;
  bool padded = false;  // bursts are not multiples of a block; UB side starts each at a block
};

enum class Atomic : uint8_t { kNone, kAdd, kMax, kMin };

// Plain data: a queue that waits for a flag keeps copies.
struct Instruction {
  Op op = Op::kNone;
  Pipe pipe = Pipe::kV;
  Loc loc;
  Operand dst, src0, src1, src2;
  uint32_t repeats = 1;
  Mask mask;
  uint64_t scalar = 0;            // bits of the scalar operand, of type src0.type unless the op says otherwise
  uint64_t option[3] = {};        // meaning by op: round mode, compare mode, pattern, select mode, ...
  Bursts bursts;                  // copies
  Atomic atomic = Atomic::kNone;  // copies to GM
  DType atomic_type = DType::kF32;

  // Filled by the engine.
  uint64_t sequence = 0;  // of its queue, from 1
};

}  // namespace ascsim
