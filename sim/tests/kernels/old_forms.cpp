// Flags and barriers as older kernels write them, and two copies to one tile.
// SPDX-License-Identifier: Apache-2.0
#include "kernel_operator.h"

using namespace AscendC;

namespace {
constexpr uint32_t kTile = 256;
}

// y = x of a tile, behind the first half of it from z.
extern "C" __global__ __aicore__ void old_forms(GM_ADDR x, GM_ADDR z, GM_ADDR y, uint32_t tiles) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  TPipe pipe;
  TBuf<TPosition::VECCALC> in_buffer, out_buffer;
  pipe.InitBuffer(in_buffer, kTile * sizeof(half));
  pipe.InitBuffer(out_buffer, kTile * sizeof(half));
  LocalTensor<half> in = in_buffer.Get<half>(), out = out_buffer.Get<half>();
  GlobalTensor<half> x_gm, z_gm, y_gm;
  x_gm.SetGlobalBuffer((__gm__ half*)x, tiles * kTile);
  z_gm.SetGlobalBuffer((__gm__ half*)z, tiles * kTile);
  y_gm.SetGlobalBuffer((__gm__ half*)y, tiles * kTile);
  TQueSync<PIPE_V, PIPE_MTE2> taken;
  for (uint32_t tile = GetBlockIdx(); tile < tiles; tile += GetBlockNum()) {
    DataCopy(in, x_gm[tile * kTile], kTile);
    pipe_barrier(PIPE_MTE2);
    DataCopy(in, z_gm[tile * kTile], kTile / 2);
    set_flag(PIPE_MTE2, PIPE_V, EVENT_ID0);
    wait_flag(PIPE_MTE2, PIPE_V, EVENT_ID0);
    DataCopy(out, in, kTile);
    pipe_barrier(PIPE_V);
    Add(out, out, in, static_cast<int32_t>(kTile));
    taken.SetFlag(EVENT_ID0);
    taken.WaitFlag(EVENT_ID0);
    set_flag(PIPE_V, PIPE_MTE3, EVENT_ID0);
    wait_flag(PIPE_V, PIPE_MTE3, EVENT_ID0);
    DataCopy(y_gm[tile * kTile], out, kTile);
    set_flag(PIPE_MTE3, PIPE_V, EVENT_ID0);
    wait_flag(PIPE_MTE3, PIPE_V, EVENT_ID0);
  }
}
