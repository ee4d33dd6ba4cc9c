// Copies without the vector unit: TQueBind from GM through UB to GM. Tiles overlap by half, and the later one stays.
// SPDX-License-Identifier: Apache-2.0
#include "kernel_operator.h"

using namespace AscendC;

namespace {
constexpr uint32_t kTile = 512;
}

// Every block has `tiles` tiles of x; y has tiles + 1 halves a block.
extern "C" __global__ __aicore__ void bind_copy(GM_ADDR x, GM_ADDR y, uint32_t tiles) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  TPipe pipe;
  TQueBind<TPosition::VECIN, TPosition::VECOUT, 2> queue;
  pipe.InitBuffer(queue, 2, kTile * sizeof(float));
  const uint64_t block = static_cast<uint64_t>(GetBlockIdx());
  GlobalTensor<float> x_gm, y_gm;
  x_gm.SetGlobalBuffer((__gm__ float*)x + block * tiles * kTile, tiles * kTile);
  y_gm.SetGlobalBuffer((__gm__ float*)y + block * (tiles + 1) * (kTile / 2), (tiles + 1) * (kTile / 2));
  for (uint32_t tile = 0; tile < tiles; ++tile) {
    LocalTensor<float> in = queue.AllocTensor<float>();
    DataCopy(in, x_gm[tile * kTile], kTile);
    queue.EnQue(in);
    LocalTensor<float> out = queue.DeQue<float>();
    PipeBarrier<PIPE_MTE3>();
    DataCopy(y_gm[tile * (kTile / 2)], out, kTile);
    queue.FreeTensor(out);
  }
}
