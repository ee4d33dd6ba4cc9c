// y[i] = table[index[i]]: the table stays in UB, indices become byte offsets on the vector unit.
// SPDX-License-Identifier: Apache-2.0
#include "kernel_operator.h"

using namespace AscendC;

namespace {
constexpr uint32_t kTile = 2048;  // indices at a time
}

extern "C" __global__ __aicore__ void gather_rows(GM_ADDR table, GM_ADDR index, GM_ADDR y, uint32_t table_size,
                                                  uint32_t count) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  TPipe pipe;
  TQue<QuePosition::VECIN, 1> table_queue;
  TQue<QuePosition::VECIN, 2> index_queue;
  TQue<QuePosition::VECOUT, 2> out_queue;
  TBuf<QuePosition::VECCALC> offset_buffer;
  pipe.InitBuffer(table_queue, 1, table_size * sizeof(float));
  pipe.InitBuffer(index_queue, 2, kTile * sizeof(int32_t));
  pipe.InitBuffer(out_queue, 2, kTile * sizeof(float));
  pipe.InitBuffer(offset_buffer, kTile * sizeof(int32_t));
  GlobalTensor<float> table_gm, y_gm;
  GlobalTensor<int32_t> index_gm;
  table_gm.SetGlobalBuffer((__gm__ float*)table, table_size);
  index_gm.SetGlobalBuffer((__gm__ int32_t*)index, count);
  y_gm.SetGlobalBuffer((__gm__ float*)y, count);

  LocalTensor<float> copy = table_queue.AllocTensor<float>();
  DataCopy(copy, table_gm, table_size);
  table_queue.EnQue(copy);
  LocalTensor<float> values = table_queue.DeQue<float>();
  const uint32_t tiles = count / kTile;
  for (uint32_t tile = GetBlockIdx(); tile < tiles; tile += GetBlockNum()) {
    LocalTensor<int32_t> indices = index_queue.AllocTensor<int32_t>();
    DataCopy(indices, index_gm[tile * kTile], kTile);
    index_queue.EnQue(indices);
    indices = index_queue.DeQue<int32_t>();
    LocalTensor<int32_t> offsets = offset_buffer.Get<int32_t>();
    PipeBarrier<PIPE_V>();
    Muls(offsets, indices, static_cast<int32_t>(sizeof(float)), static_cast<int32_t>(kTile));
    index_queue.FreeTensor(indices);
    LocalTensor<float> out = out_queue.AllocTensor<float>();
    PipeBarrier<PIPE_V>();
    Gather(out, values, offsets.ReinterpretCast<uint32_t>(), 0U, kTile);
    out_queue.EnQue(out);
    out = out_queue.DeQue<float>();
    DataCopy(y_gm[tile * kTile], out, kTile);
    out_queue.FreeTensor(out);
  }
  table_queue.FreeTensor(values);
}
