// y = 3 x with two buffers each way and flags by hand: set once before the loop, waited for once more after it.
// SPDX-License-Identifier: Apache-2.0
#include "kernel_operator.h"

using namespace AscendC;

namespace {
constexpr uint32_t kTile = 256;
}

extern "C" __global__ __aicore__ void ping_pong(GM_ADDR x, GM_ADDR y, uint32_t count) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  TPipe pipe;
  TBuf<TPosition::VECCALC> in_buffer, out_buffer;
  pipe.InitBuffer(in_buffer, 2 * kTile * sizeof(float));
  pipe.InitBuffer(out_buffer, 2 * kTile * sizeof(float));
  GlobalTensor<float> x_gm, y_gm;
  x_gm.SetGlobalBuffer((__gm__ float*)x, count);
  y_gm.SetGlobalBuffer((__gm__ float*)y, count);
  TEventID in_free[2], in_full[2], out_free[2], out_full[2];
  for (uint32_t s = 0; s < 2; ++s) {
    in_free[s] = pipe.AllocEventID<HardEvent::V_MTE2>();
    in_full[s] = pipe.AllocEventID<HardEvent::MTE2_V>();
    out_free[s] = pipe.AllocEventID<HardEvent::MTE3_V>();
    out_full[s] = pipe.AllocEventID<HardEvent::V_MTE3>();
  }
  SetFlag<HardEvent::V_MTE2>(in_free[0]);
  SetFlag<HardEvent::V_MTE2>(in_free[1]);
  SetFlag<HardEvent::MTE3_V>(out_free[0]);
  SetFlag<HardEvent::MTE3_V>(out_free[1]);
  uint32_t turn = 0;
  for (uint32_t tile = GetBlockIdx(); tile < count / kTile; tile += GetBlockNum(), ++turn) {
    const uint32_t s = turn % 2;
    LocalTensor<float> in = in_buffer.GetWithOffset<float>(kTile, s * kTile * sizeof(float));
    LocalTensor<float> out = out_buffer.GetWithOffset<float>(kTile, s * kTile * sizeof(float));
    WaitFlag<HardEvent::V_MTE2>(in_free[s]);
    DataCopy(in, x_gm[tile * kTile], kTile);
    SetFlag<HardEvent::MTE2_V>(in_full[s]);
    WaitFlag<HardEvent::MTE2_V>(in_full[s]);
    WaitFlag<HardEvent::MTE3_V>(out_free[s]);
    Muls(out, in, 3.0f, static_cast<int32_t>(kTile));
    SetFlag<HardEvent::V_MTE2>(in_free[s]);
    SetFlag<HardEvent::V_MTE3>(out_full[s]);
    WaitFlag<HardEvent::V_MTE3>(out_full[s]);
    DataCopy(y_gm[tile * kTile], out, kTile);
    SetFlag<HardEvent::MTE3_V>(out_free[s]);
  }
  WaitFlag<HardEvent::V_MTE2>(in_free[0]);
  WaitFlag<HardEvent::V_MTE2>(in_free[1]);
  WaitFlag<HardEvent::MTE3_V>(out_free[0]);
  WaitFlag<HardEvent::MTE3_V>(out_free[1]);
  for (uint32_t s = 0; s < 2; ++s) {
    pipe.ReleaseEventID<HardEvent::V_MTE2>(in_free[s]);
    pipe.ReleaseEventID<HardEvent::MTE2_V>(in_full[s]);
    pipe.ReleaseEventID<HardEvent::MTE3_V>(out_free[s]);
    pipe.ReleaseEventID<HardEvent::V_MTE3>(out_full[s]);
  }
}
