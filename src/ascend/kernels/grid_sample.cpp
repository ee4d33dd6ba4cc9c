// Kernels of the variant `grid-sample`.
// SPDX-License-Identifier: Apache-2.0
#include "grid_sample.h"

using xmsda_ascend::GridShape;
using xmsda_ascend::HeadsShape;
using xmsda_ascend::PlanesShape;
using xmsda_ascend::Tiling;

extern "C" __global__ __aicore__ void xmsda_to_planes_f16(GM_ADDR pixels, GM_ADDR planes, PlanesShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::ToPlanes<half> kernel;
  kernel.Run(pixels, planes, shape, &pipe);
}

extern "C" __global__ __aicore__ void xmsda_from_planes_f16(GM_ADDR planes, GM_ADDR pixels, PlanesShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::FromPlanes<half> kernel;
  kernel.Run(planes, pixels, shape, &pipe);
}

extern "C" __global__ __aicore__ void xmsda_to_planes_f32(GM_ADDR pixels, GM_ADDR planes, PlanesShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::ToPlanes<float> kernel;
  kernel.Run(pixels, planes, shape, &pipe);
}

extern "C" __global__ __aicore__ void xmsda_from_planes_f32(GM_ADDR planes, GM_ADDR pixels, PlanesShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::FromPlanes<float> kernel;
  kernel.Run(planes, pixels, shape, &pipe);
}

extern "C" __global__ __aicore__ void xmsda_affine(GM_ADDR from, GM_ADDR to, int64_t count, float scale, float shift) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::Affine kernel;
  kernel.Run(from, to, count, scale, shift, &pipe);
}

extern "C" __global__ __aicore__ void xmsda_to_heads(GM_ADDR from, GM_ADDR to, HeadsShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::SwapHeads<false> kernel;
  kernel.Run(from, to, shape, &pipe);
}

extern "C" __global__ __aicore__ void xmsda_from_heads(GM_ADDR from, GM_ADDR to, HeadsShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::SwapHeads<true> kernel;
  kernel.Run(from, to, shape, &pipe);
}

extern "C" __global__ __aicore__ void xmsda_stack(GM_ADDR levels, GM_ADDR stacked, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::Stack kernel;
  kernel.Run(levels, stacked, tiling, &pipe);
}

extern "C" __global__ __aicore__ void xmsda_unstack(GM_ADDR stacked, GM_ADDR levels, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::Unstack kernel;
  kernel.Run(stacked, levels, tiling, &pipe);
}

extern "C" __global__ __aicore__ void xmsda_times_weights(GM_ADDR a, GM_ADDR b, GM_ADDR product, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::Products<false, true> kernel;
  kernel.Run(a, b, product, tiling, &pipe);
}

extern "C" __global__ __aicore__ void xmsda_expand_times_weights(GM_ADDR a, GM_ADDR b, GM_ADDR product, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::Products<true, true> kernel;
  kernel.Run(a, b, product, tiling, &pipe);
}

extern "C" __global__ __aicore__ void xmsda_expand_times_samples(GM_ADDR a, GM_ADDR b, GM_ADDR product, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::Products<true, false> kernel;
  kernel.Run(a, b, product, tiling, &pipe);
}

extern "C" __global__ __aicore__ void xmsda_sum_samples(GM_ADDR from, GM_ADDR to, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::SumSamples kernel;
  kernel.Run(from, to, tiling, &pipe);
}

extern "C" __global__ __aicore__ void xmsda_sum_channels(GM_ADDR from, GM_ADDR to, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::SumChannels kernel;
  kernel.Run(from, to, tiling, &pipe);
}

extern "C" __global__ __aicore__ void xmsda_grid_sample(GM_ADDR value, GM_ADDR grid, GM_ADDR sampled, GridShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::GridSample kernel;
  kernel.Run(value, grid, sampled, shape, &pipe);
}

extern "C" __global__ __aicore__ void xmsda_grid_sample_backward(GM_ADDR value, GM_ADDR grid, GM_ADDR grad_sampled,
                                                                 GM_ADDR grad_value, GM_ADDR grad_grid,
                                                                 GridShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::GridSampleBackward<1> kernel;
  kernel.Run(value, grid, grad_sampled, grad_value, grad_grid, shape, &pipe);
}

// Two points under way at a time.
extern "C" __global__ __aicore__ void xmsda_grid_sample_db_backward(GM_ADDR value, GM_ADDR grid, GM_ADDR grad_sampled,
                                                                    GM_ADDR grad_value, GM_ADDR grad_grid,
                                                                    GridShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::GridSampleBackward<2> kernel;
  kernel.Run(value, grid, grad_sampled, grad_value, grad_grid, shape, &pipe);
}
