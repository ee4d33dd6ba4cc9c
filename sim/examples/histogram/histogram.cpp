// Histogram of small integers: counted by the scalar unit in UB, added to the result in GM with atomics.
// SPDX-License-Identifier: Apache-2.0
#include "kernel_operator.h"

using namespace AscendC;

namespace {
constexpr uint32_t kBins = 64;
constexpr uint32_t kTile = 1024;
}  // namespace

extern "C" __global__ __aicore__ void histogram(GM_ADDR x, GM_ADDR bins, uint32_t count) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  TPipe pipe;
  TBuf<QuePosition::VECCALC> value_buffer, count_buffer;
  pipe.InitBuffer(value_buffer, kTile * sizeof(int32_t));
  pipe.InitBuffer(count_buffer, kBins * sizeof(int32_t));
  LocalTensor<int32_t> values = value_buffer.Get<int32_t>();
  LocalTensor<int32_t> counts = count_buffer.Get<int32_t>();
  GlobalTensor<int32_t> x_gm, bins_gm;
  x_gm.SetGlobalBuffer((__gm__ int32_t*)x, count);
  bins_gm.SetGlobalBuffer((__gm__ int32_t*)bins, kBins);

  Duplicate(counts, static_cast<int32_t>(0), static_cast<int32_t>(kBins));
  SetFlag<HardEvent::V_S>(EVENT_ID0);
  WaitFlag<HardEvent::V_S>(EVENT_ID0);
  for (uint32_t tile = GetBlockIdx(); tile < count / kTile; tile += GetBlockNum()) {
    DataCopy(values, x_gm[tile * kTile], kTile);
    SetFlag<HardEvent::MTE2_S>(EVENT_ID0);
    WaitFlag<HardEvent::MTE2_S>(EVENT_ID0);
    for (uint32_t i = 0; i < kTile; ++i) {
      const uint32_t bin = static_cast<uint32_t>(values.GetValue(i));
      counts.SetValue(bin, counts.GetValue(bin) + 1);
    }
    SetFlag<HardEvent::S_MTE2>(EVENT_ID0);
    WaitFlag<HardEvent::S_MTE2>(EVENT_ID0);
  }
  SetFlag<HardEvent::S_MTE3>(EVENT_ID0);
  WaitFlag<HardEvent::S_MTE3>(EVENT_ID0);
  SetAtomicAdd<int32_t>();
  DataCopy(bins_gm, counts, kBins);
  SetAtomicNone();
}
