// Softmax of each row: reductions whose results the scalar unit needs, so flags between V and S.
// SPDX-License-Identifier: Apache-2.0
#include "kernel_operator.h"

using namespace AscendC;

namespace {

class RowSoftmax {
 public:
  __aicore__ inline void Init(GM_ADDR x, GM_ADDR y, uint32_t rows, uint32_t columns) {
    const uint32_t per_block = (rows + GetBlockNum() - 1) / GetBlockNum();
    const uint32_t first = per_block * GetBlockIdx();
    rows_ = first >= rows ? 0 : (rows - first < per_block ? rows - first : per_block);
    columns_ = columns;
    x_.SetGlobalBuffer((__gm__ float*)x + static_cast<uint64_t>(first) * columns,
                       static_cast<uint64_t>(rows_) * columns);
    y_.SetGlobalBuffer((__gm__ float*)y + static_cast<uint64_t>(first) * columns,
                       static_cast<uint64_t>(rows_) * columns);
    const uint32_t row_bytes = (columns * sizeof(float) + 31) / 32 * 32;
    pipe_.InitBuffer(in_queue_, 2, row_bytes);
    pipe_.InitBuffer(out_queue_, 2, row_bytes);
    pipe_.InitBuffer(work_, row_bytes);
    pipe_.InitBuffer(result_, 32);
  }

  __aicore__ inline void Process() {
    for (uint32_t row = 0; row < rows_; ++row) {
      CopyIn(row);
      Compute();
      CopyOut(row);
    }
  }

 private:
  __aicore__ inline void CopyIn(uint32_t row) {
    LocalTensor<float> in = in_queue_.AllocTensor<float>();
    DataCopyExtParams copy{1, columns_ * static_cast<uint32_t>(sizeof(float)), 0, 0, 0};
    DataCopyPadExtParams<float> pad{false, 0, 0, 0.0f};
    DataCopyPad(in, x_[row * columns_], copy, pad);
    in_queue_.EnQue(in);
  }

  // The first element of result_, once V has written it.
  __aicore__ inline float Result() {
    const event_t v_to_s = static_cast<event_t>(GetTPipePtr()->FetchEventID(HardEvent::V_S));
    SetFlag<HardEvent::V_S>(v_to_s);
    WaitFlag<HardEvent::V_S>(v_to_s);
    LocalTensor<float> result = result_.Get<float>();
    const float value = result.GetValue(0);
    const event_t s_to_v = static_cast<event_t>(GetTPipePtr()->FetchEventID(HardEvent::S_V));
    SetFlag<HardEvent::S_V>(s_to_v);
    WaitFlag<HardEvent::S_V>(s_to_v);
    return value;
  }

  __aicore__ inline void Compute() {
    LocalTensor<float> in = in_queue_.DeQue<float>();
    LocalTensor<float> out = out_queue_.AllocTensor<float>();
    LocalTensor<float> work = work_.Get<float>();
    LocalTensor<float> result = result_.Get<float>();
    const int32_t count = static_cast<int32_t>(columns_);
    ReduceMax<float>(result, in, work, count, false);
    const float greatest = Result();
    Adds(out, in, -greatest, count);
    PipeBarrier<PIPE_V>();
    Exp(out, out, count);
    PipeBarrier<PIPE_V>();
    ReduceSum<float>(result, out, work, count);
    const float sum = Result();
    Muls(out, out, 1.0f / sum, count);
    out_queue_.EnQue(out);
    in_queue_.FreeTensor(in);
  }

  __aicore__ inline void CopyOut(uint32_t row) {
    LocalTensor<float> out = out_queue_.DeQue<float>();
    DataCopyExtParams copy{1, columns_ * static_cast<uint32_t>(sizeof(float)), 0, 0, 0};
    DataCopyPad(y_[row * columns_], out, copy);
    out_queue_.FreeTensor(out);
  }

  TPipe pipe_;
  TQue<QuePosition::VECIN, 2> in_queue_;
  TQue<QuePosition::VECOUT, 2> out_queue_;
  TBuf<QuePosition::VECCALC> work_, result_;
  GlobalTensor<float> x_, y_;
  uint32_t rows_ = 0, columns_ = 0;
};

}  // namespace

extern "C" __global__ __aicore__ void row_softmax(GM_ADDR x, GM_ADDR y, uint32_t rows, uint32_t columns) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  RowSoftmax softmax;
  softmax.Init(x, y, rows, columns);
  softmax.Process();
}
