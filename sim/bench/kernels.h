// Kernels that measure the simulator: one kind of instruction each.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace bench {

constexpr uint32_t kCores = 48;
constexpr uint32_t kOffsets = 1024;      // of a gather, 16 repeats
constexpr uint32_t kPlaneBytes = 65536;  // in UB, what is gathered from
constexpr uint64_t kImageBytes = uint64_t{64} << 20;

// GM of the kernels.
struct Memory {
  uint8_t* offsets = nullptr;  // kOffsets multiples of 4 below kPlaneBytes, then as many multiples of 32
  uint8_t* image = nullptr;    // kImageBytes
};

struct Case {
  const char* name;
  uint64_t units;   // instructions, or repeats of a gather: of a full run, over all cores
  uint64_t a_call;  // units an instruction
  uint64_t bytes;   // that a unit reads and writes
  bool has_bars;
  void (*kernel)(const Memory& memory, uint32_t instructions);  // a core's share
};

const std::vector<Case>& Cases();

}  // namespace bench
