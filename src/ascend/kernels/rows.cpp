// Kernels of the variants by rows.
// SPDX-License-Identifier: Apache-2.0
#include "image.h"
#include "rows_forward.h"

using xmsda_ascend::Tiling;

extern "C" __global__ __aicore__ void xmsda_image_f16(GM_ADDR value, GM_ADDR image, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::MakeImage<half> kernel;
  kernel.Init(value, image, tiling, &pipe);
  kernel.Run();
}

extern "C" __global__ __aicore__ void xmsda_image_f32(GM_ADDR value, GM_ADDR image, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::MakeImage<float> kernel;
  kernel.Init(value, image, tiling, &pipe);
  kernel.Run();
}

extern "C" __global__ __aicore__ void xmsda_rows_forward_f16(GM_ADDR image, GM_ADDR locations, GM_ADDR weights,
                                                             GM_ADDR output, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::RowsForward<half> kernel;
  kernel.Init(image, locations, weights, output, tiling, &pipe);
  kernel.Run();
}

extern "C" __global__ __aicore__ void xmsda_rows_forward_f32(GM_ADDR image, GM_ADDR locations, GM_ADDR weights,
                                                             GM_ADDR output, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::RowsForward<float> kernel;
  kernel.Init(image, locations, weights, output, tiling, &pipe);
  kernel.Run();
}
