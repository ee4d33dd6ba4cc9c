// Kernels of the variants by planes.
// SPDX-License-Identifier: Apache-2.0
#include "planes.h"

#include "planes_backward.h"
#include "planes_forward.h"
#include "scatter.h"

using xmsda_ascend::Tiling;

// Of half value; planes of words are the same for pairs of half and for float.
extern "C" __global__ __aicore__ void xmsda_pair_planes(GM_ADDR value, GM_ADDR planes, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::MakePlanes<half>>(value, planes, tiling);
}

extern "C" __global__ __aicore__ void xmsda_word_planes(GM_ADDR value, GM_ADDR planes, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::MakePlanes<float>>(value, planes, tiling);
}

// The one with gathers at addresses that are multiples of 2 only.
extern "C" __global__ __aicore__ void xmsda_pairs_forward_f16(GM_ADDR planes, GM_ADDR locations, GM_ADDR weights,
                                                              GM_ADDR output, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::PlanesForward<half, true>>(planes, locations, weights, output, tiling);
}

extern "C" __global__ __aicore__ void xmsda_words_forward_f16(GM_ADDR planes, GM_ADDR locations, GM_ADDR weights,
                                                              GM_ADDR output, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::PlanesForward<half, false>>(planes, locations, weights, output, tiling);
}

extern "C" __global__ __aicore__ void xmsda_words_forward_f32(GM_ADDR planes, GM_ADDR locations, GM_ADDR weights,
                                                              GM_ADDR output, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::PlanesForward<float, false>>(planes, locations, weights, output, tiling);
}

extern "C" __global__ __aicore__ void xmsda_pairs_backward_f16(GM_ADDR planes, GM_ADDR locations, GM_ADDR weights,
                                                               GM_ADDR grad_output, GM_ADDR grad_locations,
                                                               GM_ADDR grad_weights, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::PlanesBackward<half, true>>(planes, locations, weights, grad_output,
                                                                     grad_locations, grad_weights, tiling);
}

extern "C" __global__ __aicore__ void xmsda_words_backward_f16(GM_ADDR planes, GM_ADDR locations, GM_ADDR weights,
                                                               GM_ADDR grad_output, GM_ADDR grad_locations,
                                                               GM_ADDR grad_weights, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::PlanesBackward<half, false>>(planes, locations, weights, grad_output,
                                                                      grad_locations, grad_weights, tiling);
}

extern "C" __global__ __aicore__ void xmsda_words_backward_f32(GM_ADDR planes, GM_ADDR locations, GM_ADDR weights,
                                                               GM_ADDR grad_output, GM_ADDR grad_locations,
                                                               GM_ADDR grad_weights, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::PlanesBackward<float, false>>(planes, locations, weights, grad_output,
                                                                       grad_locations, grad_weights, tiling);
}

extern "C" __global__ __aicore__ void xmsda_scatter_f16(GM_ADDR locations, GM_ADDR weights, GM_ADDR grad_output,
                                                        GM_ADDR grad_image, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::ScatterGradient<half>>(locations, weights, grad_output, grad_image, tiling);
}

extern "C" __global__ __aicore__ void xmsda_scatter_f32(GM_ADDR locations, GM_ADDR weights, GM_ADDR grad_output,
                                                        GM_ADDR grad_image, Tiling tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  xmsda_ascend::InitAndRun<xmsda_ascend::ScatterGradient<float>>(locations, weights, grad_output, grad_image, tiling);
}
