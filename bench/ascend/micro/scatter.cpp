// Microbenchmark: atomic additions to the gradient image of one head, as a backward pass by rows issues them.
// SPDX-License-Identifier: Apache-2.0
#include "kernel_operator.h"

using namespace AscendC;

namespace {

constexpr uint32_t kPixelBytes = 128;  // 32 channels of float32
constexpr uint32_t kCorners = 4;

}  // namespace

// `count` samples of a block, each of which adds four pixels of 128 B to an image of `height` x `width` pixels.
// order 0: all blocks walk the image together; 1: each starts at a part of the image of its own; 2: at random places.
// merged: both pixels of a row, and both rows, are one copy of two bursts of 256 B; else four copies of 128 B.
extern "C" __global__ __aicore__ void micro_scatter(GM_ADDR image, uint32_t height, uint32_t width, uint32_t count,
                                                    uint32_t order, uint32_t merged) {
  TPipe pipe;
  TBuf<TPosition::VECCALC> buffer;
  pipe.InitBuffer(buffer, kCorners * kPixelBytes);
  LocalTensor<float> corners = buffer.Get<float>();
  constexpr uint32_t kPixel = kPixelBytes / sizeof(float);
  Duplicate(corners, 1.0f, kCorners * kPixel);
  SetFlag<HardEvent::V_MTE3>(EVENT_ID0);
  WaitFlag<HardEvent::V_MTE3>(EVENT_ID0);
  GlobalTensor<float> gm;
  gm.SetGlobalBuffer(reinterpret_cast<__gm__ float*>(image), static_cast<uint64_t>(height) * width * kPixel);
  // The sample of the last place has its corners within the image.
  const uint32_t places = (height - 1) * width - 1;
  const uint32_t start = order == 1 ? places / GetBlockNum() * GetBlockIdx() : 0;
  const DataCopyParams both(2, 2 * kPixelBytes / 32, 0, static_cast<uint16_t>((width - 2) * kPixelBytes / 32));
  SetAtomicAdd<float>();
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t step = order == 2 ? (GetBlockIdx() * count + i) * 0x9E3779B1u >> 8 : start + i;
    const uint64_t pixel = step % places;
    if (merged != 0) {
      DataCopy(gm[pixel * kPixel], corners, both);
      continue;
    }
    for (uint32_t corner = 0; corner < kCorners; ++corner) {
      const uint64_t at = pixel + corner / 2 * width + corner % 2;
      DataCopy(gm[at * kPixel], corners[corner * kPixel], kPixel);
    }
  }
  SetAtomicNone();
}
