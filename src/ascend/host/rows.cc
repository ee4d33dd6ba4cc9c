// The variants by rows, `resident` and `dma1`: kernels/rows.cpp.
// SPDX-License-Identifier: Apache-2.0
#include "aclrtlaunch_xmsda_rows_backward_bf16.h"
#include "aclrtlaunch_xmsda_rows_backward_f16.h"
#include "aclrtlaunch_xmsda_rows_backward_f32.h"
#include "aclrtlaunch_xmsda_rows_forward_bf16.h"
#include "aclrtlaunch_xmsda_rows_forward_f16.h"
#include "aclrtlaunch_xmsda_rows_forward_f32.h"
#include "ascend/host/cost.h"
#include "ascend/host/launch.h"
#include "ascend/host/steps.h"
#include "ascend/host/variants.h"

namespace xmsda::ascend {
namespace {

using xmsda_ascend::Tiling;

constexpr RowsChoice kAsManyAsFit = {.raw = false, .tile_queries = 0, .resident_levels = -1};
constexpr RowsChoice kNoneResident = {.raw = false, .tile_queries = 0, .resident_levels = 0};

int64_t Tiles(const Tiling& t) { return int64_t{t.batch} * t.heads * t.tiles; }

// The zeros that kernels read beside value as it is are not needed with an image: they are given the image again.
Status RowsForward(const RowsChoice& choice, const Launch& launch, void* output) {
  Tiling t = {};
  if (Status status = TileRowsForward(launch.problem, launch.chip, choice, &t); !status.ok()) return status;
  if (Status status = MakeImage(launch, t, launch.workspace); !status.ok()) return status;
  const uint32_t blocks = Blocks(launch.chip, Tiles(t));
  void* const locations = Device(launch.inputs.locations);
  void* const weights = Device(launch.inputs.weights);
  const bool half = launch.problem.value_dtype == DType::kF16, bfloat = launch.problem.value_dtype == DType::kBF16;
  const uint32_t error =
      bfloat ? ACLRT_LAUNCH_KERNEL(xmsda_rows_forward_bf16)(blocks, launch.stream, launch.workspace, launch.workspace,
                                                            locations, weights, output, t)
      : half ? ACLRT_LAUNCH_KERNEL(xmsda_rows_forward_f16)(blocks, launch.stream, launch.workspace, launch.workspace,
                                                           locations, weights, output, t)
             : ACLRT_LAUNCH_KERNEL(xmsda_rows_forward_f32)(blocks, launch.stream, launch.workspace, launch.workspace,
                                                           locations, weights, output, t);
  return Acl("xmsda_rows_forward", static_cast<int>(error));
}

Status Backward(const Launch& launch, const void* grad_output, const DeviceGradients& gradients) {
  const Problem& problem = launch.problem;
  Tiling t = {};
  if (Status status = TileRowsBackward(problem, launch.chip, kNoneResident, &t); !status.ok()) return status;
  void* const image = launch.workspace;
  void* const grad_image = static_cast<uint8_t*>(launch.workspace) + Aligned(ImageBytes(problem, t));
  const bool half = problem.value_dtype == DType::kF16, bfloat = problem.value_dtype == DType::kBF16;
  if (Status status = MakeImage(launch, t, image); !status.ok()) return status;
  if (Status status = FillZeros(launch, grad_image, GradientImageBytes(problem, t)); !status.ok()) return status;
  const uint32_t blocks = Blocks(launch.chip, Tiles(t));
  void* const locations = Device(launch.inputs.locations);
  void* const weights = Device(launch.inputs.weights);
  void* const grad = Device(grad_output);
  const uint32_t error =
      bfloat
          ? ACLRT_LAUNCH_KERNEL(xmsda_rows_backward_bf16)(blocks, launch.stream, image, image, locations, weights, grad,
                                                          grad_image, gradients.locations, gradients.weights, t)
      : half
          ? ACLRT_LAUNCH_KERNEL(xmsda_rows_backward_f16)(blocks, launch.stream, image, image, locations, weights, grad,
                                                         grad_image, gradients.locations, gradients.weights, t)
          : ACLRT_LAUNCH_KERNEL(xmsda_rows_backward_f32)(blocks, launch.stream, image, image, locations, weights, grad,
                                                         grad_image, gradients.locations, gradients.weights, t);
  if (Status status = Acl("xmsda_rows_backward", static_cast<int>(error)); !status.ok()) return status;
  return SaveGradient(launch, t, grad_image, gradients.value);
}

Status RowsSupports(const RowsChoice& choice, const Problem& problem, const Chip& chip) {
  Tiling t = {};
  if (Status status = TileRowsForward(problem, chip, choice, &t); !status.ok()) return status;
  if (Status status = TileRowsBackward(problem, chip, kNoneResident, &t); !status.ok()) return status;
  return CheckOverlap(problem);  // the gradient image has a copy of every level: pixels of two would need a sum
}

int64_t RowsForwardWorkspace(const Problem& problem, const Chip&) {
  Tiling t = {};
  return TileProblem(problem, &t).ok() ? ImageBytes(problem, t) : 0;
}

int64_t RowsBackwardWorkspace(const Problem& problem, const Chip&) {
  Tiling t = {};
  if (!TileProblem(problem, &t).ok()) return 0;
  return Aligned(ImageBytes(problem, t)) + GradientImageBytes(problem, t);
}

constexpr const char* kLimits =
    "f16, bf16 or f32 value, f32 locations, bilinear, at most 8 levels that share no pixel, K at most 64";

}  // namespace

constinit const Variant kResident = {
    "resident",
    "by rows; the smallest levels stay in UB as far as they fit, all four corners of a sample "
    "come by one copy otherwise",
    kLimits,
    false,
    [](const Problem& p, const Chip& c) { return RowsSupports(kAsManyAsFit, p, c); },
    RowsForwardWorkspace,
    [](const Launch& l, void* output) { return RowsForward(kAsManyAsFit, l, output); },
    RowsBackwardWorkspace,
    Backward,
    [](const Problem& p, const Chip& c, bool backward) { return EstimateRows(p, c, kAsManyAsFit, backward); }};

constinit const Variant kDma1 = {
    "dma1",
    "by rows; all four corners of a sample come by one copy",
    kLimits,
    false,
    [](const Problem& p, const Chip& c) { return RowsSupports(kNoneResident, p, c); },
    RowsForwardWorkspace,
    [](const Launch& l, void* output) { return RowsForward(kNoneResident, l, output); },
    RowsBackwardWorkspace,
    Backward,
    [](const Problem& p, const Chip& c, bool backward) { return EstimateRows(p, c, kNoneResident, backward); }};

}  // namespace xmsda::ascend
