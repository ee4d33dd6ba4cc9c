// Kernels of the variants by rows.
// SPDX-License-Identifier: Apache-2.0
#include "gradient.h"
#include "image.h"
#include "rows_backward.h"
#include "rows_forward.h"

using xmsda_ascend::Tiling;

extern "C" __global__ __aicore__ void xmsda_image_f16(GM_ADDR value, GM_ADDR image, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::MakeImage<half>>(value, image, tiling);
}

extern "C" __global__ __aicore__ void xmsda_image_f32(GM_ADDR value, GM_ADDR image, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::MakeImage<float>>(value, image, tiling);
}

extern "C" __global__ __aicore__ void xmsda_rows_forward_f16(GM_ADDR image, GM_ADDR zeros, GM_ADDR locations,
                                                             GM_ADDR weights, GM_ADDR output, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::RowsForward<half>>(image, zeros, locations, weights, output, tiling);
}

extern "C" __global__ __aicore__ void xmsda_rows_forward_bf16(GM_ADDR image, GM_ADDR zeros, GM_ADDR locations,
                                                              GM_ADDR weights, GM_ADDR output, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::RowsForward<bfloat16_t>>(image, zeros, locations, weights, output, tiling);
}

extern "C" __global__ __aicore__ void xmsda_rows_forward_f32(GM_ADDR image, GM_ADDR zeros, GM_ADDR locations,
                                                             GM_ADDR weights, GM_ADDR output, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::RowsForward<float>>(image, zeros, locations, weights, output, tiling);
}

extern "C" __global__ __aicore__ void xmsda_fill_zeros(GM_ADDR to, int64_t bytes) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::FillZeros>(to, bytes);
}

extern "C" __global__ __aicore__ void xmsda_rows_backward_f16(GM_ADDR image, GM_ADDR zeros, GM_ADDR locations,
                                                              GM_ADDR weights, GM_ADDR grad_output, GM_ADDR grad_image,
                                                              GM_ADDR grad_locations, GM_ADDR grad_weights,
                                                              Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::RowsBackward<half>>(image, zeros, locations, weights, grad_output, grad_image,
                                                             grad_locations, grad_weights, tiling);
}

extern "C" __global__ __aicore__ void xmsda_rows_backward_bf16(GM_ADDR image, GM_ADDR zeros, GM_ADDR locations,
                                                               GM_ADDR weights, GM_ADDR grad_output, GM_ADDR grad_image,
                                                               GM_ADDR grad_locations, GM_ADDR grad_weights,
                                                               Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::RowsBackward<bfloat16_t>>(image, zeros, locations, weights, grad_output,
                                                                   grad_image, grad_locations, grad_weights, tiling);
}

extern "C" __global__ __aicore__ void xmsda_rows_backward_f32(GM_ADDR image, GM_ADDR zeros, GM_ADDR locations,
                                                              GM_ADDR weights, GM_ADDR grad_output, GM_ADDR grad_image,
                                                              GM_ADDR grad_locations, GM_ADDR grad_weights,
                                                              Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::RowsBackward<float>>(image, zeros, locations, weights, grad_output, grad_image,
                                                              grad_locations, grad_weights, tiling);
}

extern "C" __global__ __aicore__ void xmsda_grad_value_f16(GM_ADDR image, GM_ADDR grad_value, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::GradientOfImage<half>>(image, grad_value, tiling);
}

extern "C" __global__ __aicore__ void xmsda_grad_value_bf16(GM_ADDR image, GM_ADDR grad_value, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::GradientOfImage<bfloat16_t>>(image, grad_value, tiling);
}

extern "C" __global__ __aicore__ void xmsda_grad_value_f32(GM_ADDR image, GM_ADDR grad_value, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::GradientOfImage<float>>(image, grad_value, tiling);
}

extern "C" __global__ __aicore__ void xmsda_hybrid_forward_f16(GM_ADDR image, GM_ADDR planes, GM_ADDR locations,
                                                               GM_ADDR weights, GM_ADDR output, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::RowsForward<half, true> kernel;
  kernel.Init(image, image, locations, weights, output, tiling, &pipe, planes);
  kernel.Run();
}

extern "C" __global__ __aicore__ void xmsda_hybrid_forward_f32(GM_ADDR image, GM_ADDR planes, GM_ADDR locations,
                                                               GM_ADDR weights, GM_ADDR output, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  AscendC::TPipe pipe;
  xmsda_ascend::RowsForward<float, true> kernel;
  kernel.Init(image, image, locations, weights, output, tiling, &pipe, planes);
  kernel.Run();
}
