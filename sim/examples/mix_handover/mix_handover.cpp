// A mixed kernel: the AIC brings tiles through L1 into a workspace in GM, its two AIVs double them. They meet in GM and
// tell each other by cross-core flags.
// SPDX-License-Identifier: Apache-2.0
#include "kernel_operator.h"

using namespace AscendC;

namespace {

constexpr uint32_t kTile = 4096;           // floats that an AIC hands over at a time, half to each AIV
constexpr uint16_t kFull = 3, kEmpty = 4;  // flag ids

__aicore__ inline void RunCube(GlobalTensor<float> x, GlobalTensor<float> workspace, uint32_t tiles) {
  TPipe pipe;
  TBuf<TPosition::A1> l1_buffer;
  pipe.InitBuffer(l1_buffer, kTile * sizeof(float));
  LocalTensor<float> l1 = l1_buffer.Get<float>();
  uint32_t turn = 0;
  for (uint32_t tile = GetBlockIdx(); tile < tiles; tile += GetBlockNum(), ++turn) {
    DataCopy(l1, x[tile * kTile], kTile);
    SetFlag<HardEvent::MTE2_MTE3>(EVENT_ID0);
    WaitFlag<HardEvent::MTE2_MTE3>(EVENT_ID0);
    if (turn > 0) CrossCoreWaitFlag<2, PIPE_MTE3>(kEmpty);
    DataCopy(workspace, l1, kTile);
    CrossCoreSetFlag<2, PIPE_MTE3>(kFull);
    SetFlag<HardEvent::MTE3_MTE2>(EVENT_ID0);
    WaitFlag<HardEvent::MTE3_MTE2>(EVENT_ID0);
  }
  if (turn > 0) CrossCoreWaitFlag<2, PIPE_MTE3>(kEmpty);
}

__aicore__ inline void RunVector(GlobalTensor<float> workspace, GlobalTensor<float> y, uint32_t tiles) {
  constexpr uint32_t kHalf = kTile / 2;
  TPipe pipe;
  TBuf<TPosition::VECCALC> in_buffer, out_buffer;
  pipe.InitBuffer(in_buffer, kHalf * sizeof(float));
  pipe.InitBuffer(out_buffer, kHalf * sizeof(float));
  LocalTensor<float> in = in_buffer.Get<float>(), out = out_buffer.Get<float>();
  const uint32_t group = static_cast<uint32_t>(GetBlockIdx()) / 2, half = static_cast<uint32_t>(GetSubBlockIdx());
  const uint32_t groups = static_cast<uint32_t>(GetBlockNum());
  for (uint32_t tile = group; tile < tiles; tile += groups) {
    CrossCoreWaitFlag<2, PIPE_MTE2>(kFull);
    DataCopy(in, workspace[half * kHalf], kHalf);
    CrossCoreSetFlag<2, PIPE_MTE2>(kEmpty);
    SetFlag<HardEvent::MTE2_V>(EVENT_ID0);
    WaitFlag<HardEvent::MTE2_V>(EVENT_ID0);
    Add(out, in, in, static_cast<int32_t>(kHalf));
    SetFlag<HardEvent::V_MTE3>(EVENT_ID0);
    WaitFlag<HardEvent::V_MTE3>(EVENT_ID0);
    DataCopy(y[tile * kTile + half * kHalf], out, kHalf);
    SetFlag<HardEvent::MTE3_V>(EVENT_ID0);
    WaitFlag<HardEvent::MTE3_V>(EVENT_ID0);
    SetFlag<HardEvent::V_MTE2>(EVENT_ID0);
    WaitFlag<HardEvent::V_MTE2>(EVENT_ID0);
  }
}

}  // namespace

extern "C" __global__ __aicore__ void mix_handover(GM_ADDR x, GM_ADDR workspace, GM_ADDR y, uint32_t count) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_2);
  GlobalTensor<float> x_gm, workspace_gm, y_gm;
  x_gm.SetGlobalBuffer((__gm__ float*)x, count);
  y_gm.SetGlobalBuffer((__gm__ float*)y, count);
  uint32_t group = static_cast<uint32_t>(GetBlockIdx());
  if ASCEND_IS_AIV {
    group /= 2;
  }
  workspace_gm.SetGlobalBuffer((__gm__ float*)workspace + static_cast<uint64_t>(group) * kTile, kTile);
  if ASCEND_IS_AIC {
    RunCube(x_gm, workspace_gm, count / kTile);
  }
  if ASCEND_IS_AIV {
    RunVector(workspace_gm, y_gm, count / kTile);
  }
}
