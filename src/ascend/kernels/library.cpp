// Kernels of the variants `library` and `library-db`.
// SPDX-License-Identifier: Apache-2.0
#include "library_backward.h"
#include "library_forward.h"

using xmsda_ascend::Tiling;

extern "C" __global__ __aicore__ void xmsda_library_forward_f16(GM_ADDR value, GM_ADDR locations, GM_ADDR weights,
                                                                GM_ADDR output, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::LibraryForward<half, 1>>(value, locations, weights, output, tiling);
}

extern "C" __global__ __aicore__ void xmsda_library_forward_bf16(GM_ADDR value, GM_ADDR locations, GM_ADDR weights,
                                                                 GM_ADDR output, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::LibraryForward<bfloat16_t, 1>>(value, locations, weights, output, tiling);
}

extern "C" __global__ __aicore__ void xmsda_library_forward_f32(GM_ADDR value, GM_ADDR locations, GM_ADDR weights,
                                                                GM_ADDR output, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::LibraryForward<float, 1>>(value, locations, weights, output, tiling);
}

extern "C" __global__ __aicore__ void xmsda_library_db_forward_f16(GM_ADDR value, GM_ADDR locations, GM_ADDR weights,
                                                                   GM_ADDR output, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::LibraryForward<half, 2>>(value, locations, weights, output, tiling);
}

extern "C" __global__ __aicore__ void xmsda_library_db_forward_bf16(GM_ADDR value, GM_ADDR locations, GM_ADDR weights,
                                                                    GM_ADDR output, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::LibraryForward<bfloat16_t, 2>>(value, locations, weights, output, tiling);
}

extern "C" __global__ __aicore__ void xmsda_library_db_forward_f32(GM_ADDR value, GM_ADDR locations, GM_ADDR weights,
                                                                   GM_ADDR output, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::LibraryForward<float, 2>>(value, locations, weights, output, tiling);
}

extern "C" __global__ __aicore__ void xmsda_library_backward_f16(GM_ADDR value, GM_ADDR locations, GM_ADDR weights,
                                                                 GM_ADDR grad_output, GM_ADDR grad_value,
                                                                 GM_ADDR grad_locations, GM_ADDR grad_weights,
                                                                 Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::LibraryBackward<half, 1>>(value, locations, weights, grad_output, grad_value,
                                                                   grad_locations, grad_weights, tiling);
}

extern "C" __global__ __aicore__ void xmsda_library_backward_bf16(GM_ADDR value, GM_ADDR locations, GM_ADDR weights,
                                                                  GM_ADDR grad_output, GM_ADDR grad_value,
                                                                  GM_ADDR grad_locations, GM_ADDR grad_weights,
                                                                  Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::LibraryBackward<bfloat16_t, 1>>(
      value, locations, weights, grad_output, grad_value, grad_locations, grad_weights, tiling);
}

extern "C" __global__ __aicore__ void xmsda_library_backward_f32(GM_ADDR value, GM_ADDR locations, GM_ADDR weights,
                                                                 GM_ADDR grad_output, GM_ADDR grad_value,
                                                                 GM_ADDR grad_locations, GM_ADDR grad_weights,
                                                                 Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::LibraryBackward<float, 1>>(value, locations, weights, grad_output, grad_value,
                                                                    grad_locations, grad_weights, tiling);
}

extern "C" __global__ __aicore__ void xmsda_library_db_backward_f16(GM_ADDR value, GM_ADDR locations, GM_ADDR weights,
                                                                    GM_ADDR grad_output, GM_ADDR grad_value,
                                                                    GM_ADDR grad_locations, GM_ADDR grad_weights,
                                                                    Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::LibraryBackward<half, 2>>(value, locations, weights, grad_output, grad_value,
                                                                   grad_locations, grad_weights, tiling);
}

extern "C" __global__ __aicore__ void xmsda_library_db_backward_bf16(GM_ADDR value, GM_ADDR locations, GM_ADDR weights,
                                                                     GM_ADDR grad_output, GM_ADDR grad_value,
                                                                     GM_ADDR grad_locations, GM_ADDR grad_weights,
                                                                     Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::LibraryBackward<bfloat16_t, 2>>(
      value, locations, weights, grad_output, grad_value, grad_locations, grad_weights, tiling);
}

extern "C" __global__ __aicore__ void xmsda_library_db_backward_f32(GM_ADDR value, GM_ADDR locations, GM_ADDR weights,
                                                                    GM_ADDR grad_output, GM_ADDR grad_value,
                                                                    GM_ADDR grad_locations, GM_ADDR grad_weights,
                                                                    Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::LibraryBackward<float, 2>>(value, locations, weights, grad_output, grad_value,
                                                                    grad_locations, grad_weights, tiling);
}

extern "C" __global__ __aicore__ void xmsda_narrow_f16(GM_ADDR from, GM_ADDR to, int64_t elements) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::NarrowGradient<half>>(from, to, elements);
}

extern "C" __global__ __aicore__ void xmsda_narrow_bf16(GM_ADDR from, GM_ADDR to, int64_t elements) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::RunOnce<xmsda_ascend::NarrowGradient<bfloat16_t>>(from, to, elements);
}
