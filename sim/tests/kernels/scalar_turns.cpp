// The scalar unit between the queues, in UB and in GM: flags from and to S of MTE2, V and MTE3.
// SPDX-License-Identifier: Apache-2.0
#include "kernel_operator.h"

using namespace AscendC;

namespace {
constexpr uint32_t kTile = 32;
}

// y[i] = 2 (x[i] + x[first of the tile]) as floats; count[block] is the number of tiles plus the first y of the block.
extern "C" __global__ __aicore__ void scalar_turns(GM_ADDR x, GM_ADDR y, GM_ADDR count, uint32_t tiles) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  TPipe pipe;
  TBuf<TPosition::VECCALC> in_buffer, out_buffer;
  pipe.InitBuffer(in_buffer, kTile * sizeof(float));
  pipe.InitBuffer(out_buffer, kTile * sizeof(float));
  LocalTensor<float> in = in_buffer.Get<float>(), out = out_buffer.Get<float>();
  const uint64_t block = static_cast<uint64_t>(GetBlockIdx()), elements = uint64_t{tiles} * kTile;
  GlobalTensor<float> x_gm, y_gm, count_gm;
  x_gm.SetGlobalBuffer((__gm__ float*)x + block * elements, elements);
  y_gm.SetGlobalBuffer((__gm__ float*)y + block * elements, elements);
  count_gm.SetGlobalBuffer((__gm__ float*)count + block * 16, 16);
  for (uint32_t tile = 0; tile < tiles; ++tile) {
    DataCopy(in, x_gm[tile * kTile], kTile);
    SetFlag<HardEvent::MTE2_S>(EVENT_ID0);
    WaitFlag<HardEvent::MTE2_S>(EVENT_ID0);
    const float first = in.GetValue(0);
    for (uint32_t i = 0; i < kTile; ++i) out.SetValue(i, in.GetValue(i) + first);
    SetFlag<HardEvent::S_V>(EVENT_ID0);
    WaitFlag<HardEvent::S_V>(EVENT_ID0);
    Muls(out, out, 2.0f, static_cast<int32_t>(kTile));
    SetFlag<HardEvent::V_MTE3>(EVENT_ID0);
    WaitFlag<HardEvent::V_MTE3>(EVENT_ID0);
    DataCopy(y_gm[tile * kTile], out, kTile);
    SetFlag<HardEvent::MTE3_S>(EVENT_ID0);
    WaitFlag<HardEvent::MTE3_S>(EVENT_ID0);
  }
  // Scalar accesses to GM, then back through UB.
  count_gm.SetValue(0, y_gm.GetValue(0) + static_cast<float>(tiles));
  for (uint64_t i = 1; i < 8; ++i) count_gm.SetValue(i, 0.0f);
  DataCacheCleanAndInvalid<float, CacheLine::ENTIRE_DATA_CACHE>(count_gm);
  SetFlag<HardEvent::S_MTE2>(EVENT_ID0);
  WaitFlag<HardEvent::S_MTE2>(EVENT_ID0);
  DataCopy(in, count_gm, 8);
  SetFlag<HardEvent::MTE2_MTE3>(EVENT_ID0);
  WaitFlag<HardEvent::MTE2_MTE3>(EVENT_ID0);
  DataCopy(count_gm[8], in, 8);
}
