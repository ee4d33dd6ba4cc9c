// One instruction taking effect on one core: every byte it touches goes through here, in bounds and checked.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "ascsim/instruction.h"
#include "check/checker.h"
#include "core/rules.h"

namespace ascsim {

struct Core;

// An exec function reads all operands of a repeat before it writes any result of it: that is what silicon does when
// source and destination overlap.
class Execution {
 public:
  Execution(Core& core, const Instruction& instruction);
  ~Execution() { Flush(); }
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  const Instruction& instruction() const { return instruction_; }

  // Thrown out of an instruction of which nearly nothing lies in memory: what is left of it is not executed.
  struct Stop {};

  // The bytes [address, address + size) of an operand's memory, size <= 2^31. Out of bounds is reported, and reads give
  // zeros (writes go nowhere) then; the pointer is valid until the next out-of-bounds access. Throws Stop when there
  // are too many of those.
  const uint8_t* Read(const Operand& operand, uint64_t address, uint64_t size) {
    return Access(operand, address, size, AccessKind::kRead);
  }
  uint8_t* Write(const Operand& operand, uint64_t address, uint64_t size) {
    return Access(operand, address, size, AccessKind::kWrite);
  }
  // Atomic read-modify-write in GM, of the instruction's kind.
  uint8_t* Update(const Operand& operand, uint64_t address, uint64_t size) {
    return Access(operand, address, size,
                  instruction_.atomic == Atomic::kAdd   ? AccessKind::kAtomicAdd
                  : instruction_.atomic == Atomic::kMax ? AccessKind::kAtomicMax
                                                        : AccessKind::kAtomicMin);
  }

  // Reads of UB that the caller makes itself, all inside the memory: see LocalShadow::ReadElements. Those that it gives
  // are still to be told by Read.
  uint64_t ReadElements(const Operand& operand, const Elements& elements);
  // GM addresses that are going to be accessed soon, `bytes` at each.
  void Expect(const uint64_t* addresses, uint32_t count, uint64_t bytes);

  // A breach that only the execution can see (gather offsets, casts). `address` 0: no place.
  // `remedy`: instead of the rule's.
  void Report(Rule rule, const std::string& what, Space space = Space::kUB, uint64_t address = 0, uint64_t size = 0,
              const char* remedy = "");
  bool Wants(Rule rule) const;
  bool checked() const { return checked_; }

  // Whether bytes of UB or L1 are in the memory and in the operand's tensor: then it does not matter to reports whether
  // they are read, or written, at once or in parts.
  bool Holds(const Operand& operand, uint64_t address, uint64_t size) const;
  // Data cache of the scalar unit, see Checker.
  void CleanCache(uint64_t address, bool whole);
  void PreloadCache(uint64_t address);

  // Of UB or L1. Read(operand, 0, 0) gives its first byte, for what is told of its accesses later (Gather).
  uint64_t MemoryBytes(Space space) const;

  // Results of vector instructions for the scalar unit: see SpecialRegister in runtime.h.
  uint64_t& special_register(int i);

 private:
  struct Run {  // accesses that follow each other are checked as one
    uint64_t begin = 0, end = 0;
    Space space = Space::kUB;
    AccessKind kind = AccessKind::kRead;
  };

  uint8_t* Access(const Operand& operand, uint64_t address, uint64_t size, AccessKind kind);
  uint8_t* OutOfBounds(const Operand& operand, uint64_t address, uint64_t size, AccessKind kind);
  void Flush();

  Core& core_;
  const Instruction& instruction_;
  bool checked_;
  bool observed_;              // see LaunchOptions::observe
  uint32_t outside_ = 0;       // accesses out of bounds so far
  std::array<Run, 4> runs_{};  // by operand: dst, src0, src1, src2
};

using ExecFunction = void (*)(Execution&);

// What runs `op` on operands of these types; null when the simulator has no such instruction.
ExecFunction FindExec(Op op, DType dst, DType src);

}  // namespace ascsim
