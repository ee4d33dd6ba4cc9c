// z = x + y: every block takes an equal share of the elements and moves it through UB in tiles, two of them at a time,
// so that the copies of one tile run while the other one is added.
// SPDX-License-Identifier: Apache-2.0
#include "kernel_operator.h"

namespace {

constexpr uint32_t kTile = 4096;  // elements; three queues of two tiles take 96 KB of UB
constexpr int32_t kBuffers = 2;

class VectorAdd {
 public:
  __aicore__ inline void Init(GM_ADDR x, GM_ADDR y, GM_ADDR z, uint32_t count) {
    share_ = count / AscendC::GetBlockNum();
    const uint32_t first = share_ * AscendC::GetBlockIdx();
    x_.SetGlobalBuffer(reinterpret_cast<__gm__ float*>(x) + first, share_);
    y_.SetGlobalBuffer(reinterpret_cast<__gm__ float*>(y) + first, share_);
    z_.SetGlobalBuffer(reinterpret_cast<__gm__ float*>(z) + first, share_);
    pipe_.InitBuffer(in_x_, kBuffers, kTile * sizeof(float));
    pipe_.InitBuffer(in_y_, kBuffers, kTile * sizeof(float));
    pipe_.InitBuffer(out_z_, kBuffers, kTile * sizeof(float));
  }

  __aicore__ inline void Process() {
    for (uint32_t first = 0; first < share_; first += kTile) {
      CopyIn(first);
      Compute();
      CopyOut(first);
    }
  }

 private:
  __aicore__ inline void CopyIn(uint32_t first) {
    AscendC::LocalTensor<float> x = in_x_.AllocTensor<float>();
    AscendC::LocalTensor<float> y = in_y_.AllocTensor<float>();
    AscendC::DataCopy(x, x_[first], kTile);
    AscendC::DataCopy(y, y_[first], kTile);
    in_x_.EnQue(x);
    in_y_.EnQue(y);
  }

  __aicore__ inline void Compute() {
    AscendC::LocalTensor<float> x = in_x_.DeQue<float>();
    AscendC::LocalTensor<float> y = in_y_.DeQue<float>();
    AscendC::LocalTensor<float> z = out_z_.AllocTensor<float>();
    AscendC::Add(z, x, y, kTile);
    out_z_.EnQue(z);
    in_x_.FreeTensor(x);
    in_y_.FreeTensor(y);
  }

  __aicore__ inline void CopyOut(uint32_t first) {
    AscendC::LocalTensor<float> z = out_z_.DeQue<float>();
    AscendC::DataCopy(z_[first], z, kTile);
    out_z_.FreeTensor(z);
  }

  AscendC::TPipe pipe_;
  AscendC::TQue<AscendC::TPosition::VECIN, kBuffers> in_x_, in_y_;
  AscendC::TQue<AscendC::TPosition::VECOUT, kBuffers> out_z_;
  AscendC::GlobalTensor<float> x_, y_, z_;
  uint32_t share_ = 0;
};

}  // namespace

// `count` is a multiple of the block dimension times kTile.
extern "C" __global__ __aicore__ void vector_add(GM_ADDR x, GM_ADDR y, GM_ADDR z, uint32_t count) {
  VectorAdd add;
  add.Init(x, y, z, count);
  add.Process();
}
