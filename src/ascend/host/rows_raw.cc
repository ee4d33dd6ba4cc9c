// The variant `dma2`: by rows of value as it is, for problems with few queries.
// SPDX-License-Identifier: Apache-2.0
#include "acl/acl.h"
#include "aclrtlaunch_xmsda_fill_zeros.h"
#include "aclrtlaunch_xmsda_narrow_bf16.h"
#include "aclrtlaunch_xmsda_narrow_f16.h"
#include "aclrtlaunch_xmsda_rows_backward_bf16.h"
#include "aclrtlaunch_xmsda_rows_backward_f16.h"
#include "aclrtlaunch_xmsda_rows_backward_f32.h"
#include "aclrtlaunch_xmsda_rows_forward_bf16.h"
#include "aclrtlaunch_xmsda_rows_forward_f16.h"
#include "aclrtlaunch_xmsda_rows_forward_f32.h"
#include "ascend/host/cost.h"
#include "ascend/host/launch.h"
#include "ascend/host/variants.h"

namespace xmsda::ascend {
namespace {

using xmsda_ascend::Tiling;

constexpr RowsChoice kRaw = {.raw = true, .tile_queries = 0, .resident_levels = -1};
// Zeros that kernels read beside a level: a pixel, of which UB holds a few hundred.
constexpr int64_t kZeroBytes = 4096;

int64_t ValueElements(const Problem& p) { return p.batch * p.value_size * p.num_heads * p.channels; }

uint32_t RowsBlocks(const Launch& launch, const Tiling& t) {
  return Blocks(launch.chip, int64_t{t.batch} * t.heads * t.tiles);
}

Status Zeros(const Launch& launch) {
  return Acl("aclrtMemsetAsync", aclrtMemsetAsync(launch.workspace, kZeroBytes, 0, kZeroBytes, launch.stream));
}

Status Forward(const Launch& launch, void* output) {
  Tiling t = {};
  if (Status status = TileRowsForward(launch.problem, launch.chip, kRaw, &t); !status.ok()) return status;
  if (Status status = Zeros(launch); !status.ok()) return status;
  const uint32_t blocks = RowsBlocks(launch, t);
  void* const value = Device(launch.inputs.value);
  void* const locations = Device(launch.inputs.locations);
  void* const weights = Device(launch.inputs.weights);
  const bool half = launch.problem.value_dtype == DType::kF16, bfloat = launch.problem.value_dtype == DType::kBF16;
  const uint32_t error = bfloat ? ACLRT_LAUNCH_KERNEL(xmsda_rows_forward_bf16)(
                                      blocks, launch.stream, value, launch.workspace, locations, weights, output, t)
                         : half ? ACLRT_LAUNCH_KERNEL(xmsda_rows_forward_f16)(
                                      blocks, launch.stream, value, launch.workspace, locations, weights, output, t)
                                : ACLRT_LAUNCH_KERNEL(xmsda_rows_forward_f32)(
                                      blocks, launch.stream, value, launch.workspace, locations, weights, output, t);
  return Acl("xmsda_rows_forward", static_cast<int>(error));
}

Status Backward(const Launch& launch, const void* grad_output, const DeviceGradients& gradients) {
  const Problem& problem = launch.problem;
  Tiling t = {};
  if (Status status = TileRowsBackward(problem, launch.chip, kRaw, &t); !status.ok()) return status;
  if (Status status = Zeros(launch); !status.ok()) return status;
  const bool half = problem.value_dtype == DType::kF16, bfloat = problem.value_dtype == DType::kBF16;
  const int64_t elements = ValueElements(problem);
  void* const sums = half || bfloat ? static_cast<uint8_t*>(launch.workspace) + kZeroBytes : gradients.value;
  uint32_t error = ACLRT_LAUNCH_KERNEL(xmsda_fill_zeros)(Blocks(launch.chip, elements / 16384 + 1), launch.stream, sums,
                                                         elements * 4);
  if (Status status = Acl("xmsda_fill_zeros", static_cast<int>(error)); !status.ok()) return status;
  const uint32_t blocks = RowsBlocks(launch, t);
  void* const value = Device(launch.inputs.value);
  void* const locations = Device(launch.inputs.locations);
  void* const weights = Device(launch.inputs.weights);
  void* const grad = Device(grad_output);
  error = bfloat ? ACLRT_LAUNCH_KERNEL(xmsda_rows_backward_bf16)(blocks, launch.stream, value, launch.workspace,
                                                                 locations, weights, grad, sums, gradients.locations,
                                                                 gradients.weights, t)
          : half ? ACLRT_LAUNCH_KERNEL(xmsda_rows_backward_f16)(blocks, launch.stream, value, launch.workspace,
                                                                locations, weights, grad, sums, gradients.locations,
                                                                gradients.weights, t)
                 : ACLRT_LAUNCH_KERNEL(xmsda_rows_backward_f32)(blocks, launch.stream, value, launch.workspace,
                                                                locations, weights, grad, sums, gradients.locations,
                                                                gradients.weights, t);
  if (Status status = Acl("xmsda_rows_backward", static_cast<int>(error)); !status.ok() || !(half || bfloat))
    return status;
  const uint32_t parts = Blocks(launch.chip, elements / 8192 + 1);
  error = bfloat ? ACLRT_LAUNCH_KERNEL(xmsda_narrow_bf16)(parts, launch.stream, sums, gradients.value, elements)
                 : ACLRT_LAUNCH_KERNEL(xmsda_narrow_f16)(parts, launch.stream, sums, gradients.value, elements);
  return Acl("xmsda_narrow_f16", static_cast<int>(error));
}

Status Supports(const Problem& problem, const Chip& chip) {
  Tiling t = {};
  Status status = TileRowsForward(problem, chip, kRaw, &t);
  return status.ok() ? TileRowsBackward(problem, chip, kRaw, &t) : status;
}

}  // namespace

constinit const Variant kDma2 = {
    "dma2",
    "by rows of value as it is, two copies a sample, for problems with few queries; the smallest levels stay in UB "
    "where that pays",
    "f16, bf16 or f32 value of whole blocks of 32 bytes a pixel and head, f32 locations, bilinear, at most 8 levels, K "
    "at "
    "most 64",
    false,
    Supports,
    [](const Problem&, const Chip&) { return kZeroBytes; },
    Forward,
    [](const Problem& p, const Chip&) {
      return kZeroBytes + (p.value_dtype != DType::kF32 ? 4 * ValueElements(p) : 0);
    },
    Backward,
    [](const Problem& p, const Chip& c, bool backward) { return EstimateRows(p, c, kRaw, backward); }};

}  // namespace xmsda::ascend
