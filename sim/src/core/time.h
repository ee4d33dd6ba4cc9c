// Simulated time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

namespace ascsim {

// 1/1024 of a cycle of the chip's clock: an integer, so that sums are exact and busy + stalls + idle = total can be
// asserted; 2^63 of them are 57 days at 1.8 GHz.
using Time = int64_t;
constexpr Time kTicksPerCycle = 1024;

inline Time Cycles(double cycles) {
  return static_cast<Time>(std::llround(cycles * static_cast<double>(kTicksPerCycle)));
}
constexpr double InCycles(Time time) { return static_cast<double>(time) / static_cast<double>(kTicksPerCycle); }

}  // namespace ascsim
