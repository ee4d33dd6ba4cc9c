// Kernels of the variant `grid-sample`.
// SPDX-License-Identifier: Apache-2.0
#include "grid_sample.h"

using xmsda_ascend::GridShape;
using xmsda_ascend::HeadsShape;
using xmsda_ascend::PlanesShape;
using xmsda_ascend::Tiling;

extern "C" __global__ __aicore__ void xmsda_to_planes_f16(GM_ADDR pixels, GM_ADDR planes, PlanesShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::ToPlanes<half>>(pixels, planes, shape);
}

extern "C" __global__ __aicore__ void xmsda_from_planes_f16(GM_ADDR planes, GM_ADDR pixels, PlanesShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::FromPlanes<half>>(planes, pixels, shape);
}

extern "C" __global__ __aicore__ void xmsda_to_planes_f32(GM_ADDR pixels, GM_ADDR planes, PlanesShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::ToPlanes<float>>(pixels, planes, shape);
}

extern "C" __global__ __aicore__ void xmsda_from_planes_f32(GM_ADDR planes, GM_ADDR pixels, PlanesShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::FromPlanes<float>>(planes, pixels, shape);
}

extern "C" __global__ __aicore__ void xmsda_affine(GM_ADDR from, GM_ADDR to, int64_t count, float scale, float shift) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::Affine>(from, to, count, scale, shift);
}

extern "C" __global__ __aicore__ void xmsda_to_heads(GM_ADDR from, GM_ADDR to, HeadsShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::SwapHeads<false>>(from, to, shape);
}

extern "C" __global__ __aicore__ void xmsda_from_heads(GM_ADDR from, GM_ADDR to, HeadsShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::SwapHeads<true>>(from, to, shape);
}

extern "C" __global__ __aicore__ void xmsda_stack(GM_ADDR levels, GM_ADDR stacked, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::Stack>(levels, stacked, tiling);
}

extern "C" __global__ __aicore__ void xmsda_unstack(GM_ADDR stacked, GM_ADDR levels, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::Unstack>(stacked, levels, tiling);
}

extern "C" __global__ __aicore__ void xmsda_times_weights(GM_ADDR a, GM_ADDR b, GM_ADDR product, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::Products<false, true>>(a, b, product, tiling);
}

extern "C" __global__ __aicore__ void xmsda_expand_times_weights(GM_ADDR a, GM_ADDR b, GM_ADDR product, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::Products<true, true>>(a, b, product, tiling);
}

extern "C" __global__ __aicore__ void xmsda_expand_times_samples(GM_ADDR a, GM_ADDR b, GM_ADDR product, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::Products<true, false>>(a, b, product, tiling);
}

extern "C" __global__ __aicore__ void xmsda_sum_samples(GM_ADDR from, GM_ADDR to, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::SumSamples>(from, to, tiling);
}

extern "C" __global__ __aicore__ void xmsda_sum_channels(GM_ADDR from, GM_ADDR to, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::SumChannels>(from, to, tiling);
}

extern "C" __global__ __aicore__ void xmsda_grid_sample(GM_ADDR value, GM_ADDR grid, GM_ADDR sampled, GridShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::GridSample>(value, grid, sampled, shape);
}

extern "C" __global__ __aicore__ void xmsda_grid_sample_backward(GM_ADDR value, GM_ADDR grid, GM_ADDR grad_sampled,
                                                                 GM_ADDR grad_value, GM_ADDR grad_grid,
                                                                 GridShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::GridSampleBackward<1>>(value, grid, grad_sampled, grad_value, grad_grid, shape);
}

// Two points under way at a time.
extern "C" __global__ __aicore__ void xmsda_grid_sample_db_backward(GM_ADDR value, GM_ADDR grid, GM_ADDR grad_sampled,
                                                                    GM_ADDR grad_value, GM_ADDR grad_grid,
                                                                    GridShape shape) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::GridSampleBackward<2>>(value, grid, grad_sampled, grad_value, grad_grid, shape);
}
