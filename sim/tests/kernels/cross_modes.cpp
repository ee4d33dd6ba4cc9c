// Cross-core flags of mode 0 (all AIVs) and mode 1 (the two AIVs of a core), a SyncAll of AIC and AIV, a queue in L1:
// each AIV takes over the tile of the next one, then the one of its neighbour on the core; the AIC copies both.
// SPDX-License-Identifier: Apache-2.0
#include "kernel_operator.h"

using namespace AscendC;

namespace {

constexpr uint32_t kTile = 256;               // floats of an AIV
constexpr uint16_t kAll = 5, kNeighbour = 6;  // flag ids

__aicore__ inline void RunCube(GlobalTensor<float> y, GlobalTensor<float> z) {
  TPipe pipe;
  TQueBind<TPosition::A1, TPosition::GM, 1> queue;
  pipe.InitBuffer(queue, 1, 2 * kTile * sizeof(float));
  const uint64_t first = static_cast<uint64_t>(GetBlockIdx()) * 2 * kTile;
  LocalTensor<float> tile = queue.AllocTensor<float>();
  SyncAll<false>();
  DataCopy(tile, y[first], 2 * kTile);
  queue.EnQue(tile);
  tile = queue.DeQue<float>();
  DataCopy(z[first], tile, 2 * kTile);
  queue.FreeTensor(tile);
}

__aicore__ inline void RunVector(GlobalTensor<float> x, GlobalTensor<float> work, GlobalTensor<float> y) {
  TPipe pipe;
  TBuf<TPosition::VECCALC> buffer;
  pipe.InitBuffer(buffer, kTile * sizeof(float));
  LocalTensor<float> tile = buffer.Get<float>();
  const uint64_t me = static_cast<uint64_t>(GetBlockIdx()), all = static_cast<uint64_t>(GetBlockNum()) * 2;
  DataCopy(tile, x[me * kTile], kTile);
  SetFlag<HardEvent::MTE2_MTE3>(EVENT_ID0);
  WaitFlag<HardEvent::MTE2_MTE3>(EVENT_ID0);
  DataCopy(work[me * kTile], tile, kTile);
  CrossCoreSetFlag<0, PIPE_MTE3>(kAll);
  CrossCoreWaitFlag<0, PIPE_MTE2>(kAll);
  DataCopy(tile, work[(me + 1) % all * kTile], kTile);
  SetFlag<HardEvent::MTE2_MTE3>(EVENT_ID1);
  WaitFlag<HardEvent::MTE2_MTE3>(EVENT_ID1);
  DataCopy(work[(all + me) * kTile], tile, kTile);
  CrossCoreSetFlag<1, PIPE_MTE3>(kNeighbour);
  CrossCoreWaitFlag<1>(kNeighbour);
  DataCopy(tile, work[(all + (me ^ 1)) * kTile], kTile);
  SetFlag<HardEvent::MTE2_MTE3>(EVENT_ID2);
  WaitFlag<HardEvent::MTE2_MTE3>(EVENT_ID2);
  DataCopy(y[me * kTile], tile, kTile);
  SyncAll<false>();
}

}  // namespace

// x, y and z have kTile floats for each AIV, work twice as many.
extern "C" __global__ __aicore__ void cross_modes(GM_ADDR x, GM_ADDR work, GM_ADDR y, GM_ADDR z, uint32_t count) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_2);
  GlobalTensor<float> x_gm, work_gm, y_gm, z_gm;
  x_gm.SetGlobalBuffer((__gm__ float*)x, count);
  work_gm.SetGlobalBuffer((__gm__ float*)work, 2 * count);
  y_gm.SetGlobalBuffer((__gm__ float*)y, count);
  z_gm.SetGlobalBuffer((__gm__ float*)z, count);
  if ASCEND_IS_AIC {
    RunCube(y_gm, z_gm);
  }
  if ASCEND_IS_AIV {
    RunVector(x_gm, work_gm, y_gm);
  }
}
