// Sum of a vector across blocks: partial sums through GM, a SyncAll, and block 0 adds them up.
// SPDX-License-Identifier: Apache-2.0
#include "kernel_operator.h"

using namespace AscendC;

namespace {
constexpr uint32_t kTile = 4096;
constexpr uint32_t kSlot = 8;  // floats: a partial sum has 32 bytes of its own
}  // namespace

extern "C" __global__ __aicore__ void block_reduce(GM_ADDR x, GM_ADDR partial, GM_ADDR y, uint32_t count) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIV_1_0);
  TPipe pipe;
  TBuf<QuePosition::VECCALC> in_buffer, sum_buffer, work_buffer, result_buffer;
  pipe.InitBuffer(in_buffer, kTile * sizeof(float));
  pipe.InitBuffer(sum_buffer, kTile * sizeof(float));
  pipe.InitBuffer(work_buffer, kTile * sizeof(float));
  pipe.InitBuffer(result_buffer, kSlot * sizeof(float));
  LocalTensor<float> in = in_buffer.Get<float>(), sum = sum_buffer.Get<float>(), work = work_buffer.Get<float>();
  LocalTensor<float> result = result_buffer.Get<float>();
  GlobalTensor<float> x_gm, partial_gm, y_gm;
  x_gm.SetGlobalBuffer((__gm__ float*)x, count);
  partial_gm.SetGlobalBuffer((__gm__ float*)partial, GetBlockNum() * kSlot);
  y_gm.SetGlobalBuffer((__gm__ float*)y, kSlot);

  Duplicate(sum, 0.0f, static_cast<int32_t>(kTile));
  Duplicate(result, 0.0f, static_cast<int32_t>(kSlot));
  for (uint32_t tile = GetBlockIdx(); tile < count / kTile; tile += GetBlockNum()) {
    DataCopy(in, x_gm[tile * kTile], kTile);
    SetFlag<HardEvent::MTE2_V>(EVENT_ID0);
    WaitFlag<HardEvent::MTE2_V>(EVENT_ID0);
    PipeBarrier<PIPE_V>();
    Add(sum, sum, in, static_cast<int32_t>(kTile));
    SetFlag<HardEvent::V_MTE2>(EVENT_ID0);
    WaitFlag<HardEvent::V_MTE2>(EVENT_ID0);
  }
  PipeBarrier<PIPE_V>();
  ReduceSum<float>(result, sum, work, static_cast<int32_t>(kTile));
  SetFlag<HardEvent::V_MTE3>(EVENT_ID0);
  WaitFlag<HardEvent::V_MTE3>(EVENT_ID0);
  DataCopy(partial_gm[GetBlockIdx() * kSlot], result, kSlot);

  SyncAll();
  if (GetBlockIdx() != 0) return;
  const uint32_t blocks = static_cast<uint32_t>(GetBlockNum());
  DataCopy(in, partial_gm, blocks * kSlot);
  SetFlag<HardEvent::MTE2_V>(EVENT_ID0);
  WaitFlag<HardEvent::MTE2_V>(EVENT_ID0);
  ReduceSum<float>(result, in, work, static_cast<int32_t>(blocks * kSlot));
  SetFlag<HardEvent::V_MTE3>(EVENT_ID0);
  WaitFlag<HardEvent::V_MTE3>(EVENT_ID0);
  DataCopy(y_gm, result, kSlot);
}
