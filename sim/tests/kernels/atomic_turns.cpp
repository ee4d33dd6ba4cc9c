// Atomic adds of all blocks to one line, then maxima, and what has to be over before and after: block 0 clears it, all
// read it. Sums and maxima must not mix.
// SPDX-License-Identifier: Apache-2.0
#include "kernel_operator.h"

using namespace AscendC;

namespace {
constexpr uint32_t kLine = 64;
}

// x has kLine floats a block, y as many; total has kLine, workspace 8 numbers a block, all 0.
extern "C" __global__ __aicore__ void atomic_turns(GM_ADDR x, GM_ADDR total, GM_ADDR y, GM_ADDR workspace) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIV_1_0);
  const uint64_t blocks = static_cast<uint64_t>(GetBlockNum()), first = static_cast<uint64_t>(GetBlockIdx()) * kLine;
  TPipe pipe;
  TBuf<TPosition::VECCALC> line_buffer, sync_buffer;
  pipe.InitBuffer(line_buffer, kLine * sizeof(float));
  pipe.InitBuffer(sync_buffer, static_cast<uint32_t>(blocks) * 32);
  LocalTensor<float> line = line_buffer.Get<float>();
  LocalTensor<int32_t> sync = sync_buffer.Get<int32_t>();
  GlobalTensor<float> x_gm, total_gm, y_gm;
  GlobalTensor<int32_t> workspace_gm;
  x_gm.SetGlobalBuffer((__gm__ float*)x, blocks * kLine);
  total_gm.SetGlobalBuffer((__gm__ float*)total, kLine);
  y_gm.SetGlobalBuffer((__gm__ float*)y, blocks * kLine);
  workspace_gm.SetGlobalBuffer((__gm__ int32_t*)workspace, blocks * 8);

  if (GetBlockIdx() == 0) {
    Duplicate(line, 0.0f, static_cast<int32_t>(kLine));
    SetFlag<HardEvent::V_MTE3>(EVENT_ID0);
    WaitFlag<HardEvent::V_MTE3>(EVENT_ID0);
    DataCopy(total_gm, line, kLine);
    PipeBarrier<PIPE_ALL>();
  }
  DataCopy(line, x_gm[first], kLine);
  SyncAll(workspace_gm, sync);  // waits for the queues of the core, too
  SetAtomicAdd<float>();
  DataCopy(total_gm, line, kLine);
  SyncAll();
  SetAtomicMax<float>();
  DataCopy(total_gm, line, kLine);
  SetAtomicNone();
  SyncAll();
  DataCopy(line, total_gm, kLine);
  PipeBarrier<PIPE_ALL>();
  DataCopy(y_gm[first], line, kLine);
}
