// Small helpers of all kernels. Device code: C++17 without the standard library.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel_operator.h"
#include "tiling.h"

namespace xmsda_ascend {

using namespace AscendC;

constexpr int32_t kBlock = 32;  // bytes: unit of UB addresses, of vector blocks and of copies

__aicore__ inline int32_t CeilDiv(int32_t a, int32_t b) { return (a + b - 1) / b; }
__aicore__ inline int32_t RoundUp(int32_t a, int32_t b) { return CeilDiv(a, b) * b; }

// How a Cast from float32 to a type rounds to nearest: half has it without a mode, bfloat16_t has modes only.
template <class T>
constexpr RoundMode kNearest = RoundMode::CAST_NONE;
template <>
constexpr RoundMode kNearest<bfloat16_t> = RoundMode::CAST_RINT;

// What an entry point does: the arguments to Init, or to Run where there is no Init, of a kernel with a pipe of its
// own.
template <class Kernel, class... Arguments>
__aicore__ inline void InitAndRun(const Arguments&... arguments) {
  TPipe pipe;
  Kernel kernel;
  kernel.Init(arguments..., &pipe);
  kernel.Run();
}
template <class Kernel, class... Arguments>
__aicore__ inline void RunOnce(const Arguments&... arguments) {
  TPipe pipe;
  Kernel kernel;
  kernel.Run(arguments..., &pipe);
}

// Hands what queue A has done to queue B: one flag, set and waited for at once.
template <HardEvent event>
__aicore__ inline void Order() {
  constexpr event_t id = static_cast<event_t>(5);
  SetFlag<event>(id);
  WaitFlag<event>(id);
}

// The part [begin, end) of `work` that this core does, of a linear range shared out evenly.
struct Range {
  int64_t begin;
  int64_t end;
};

__aicore__ inline Range ShareOf(int64_t work) {
  const int64_t cores = GetBlockNum(), core = GetBlockIdx();
  return {work * core / cores, work * (core + 1) / cores};
}

}  // namespace xmsda_ascend
