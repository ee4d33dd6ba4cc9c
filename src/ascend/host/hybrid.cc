// The variant `hybrid`: rows by queue MTE2 for large levels, gathers by queue V for small ones (kernels/words.h).
// SPDX-License-Identifier: Apache-2.0
#include "aclrtlaunch_xmsda_hybrid_forward_f16.h"
#include "aclrtlaunch_xmsda_hybrid_forward_f32.h"
#include "aclrtlaunch_xmsda_word_planes.h"
#include "ascend/host/launch.h"
#include "ascend/host/steps.h"
#include "ascend/host/tiling_planes.h"
#include "ascend/host/variants.h"

namespace xmsda::ascend {
namespace {

using xmsda_ascend::Tiling;

Status Forward(const Launch& launch, void* output) {
  Tiling t = {};
  if (Status status = TileHybrid(launch.problem, launch.chip, -1, &t); !status.ok()) return status;
  void* const image = launch.workspace;
  void* const planes = static_cast<uint8_t*>(image) + Aligned(ImageBytes(launch.problem, t));
  void* const value = Device(launch.inputs.value);
  if (Status status = MakeImage(launch, t, image); !status.ok()) return status;
  if (t.plane_bytes > 0) {
    const uint32_t error =
        ACLRT_LAUNCH_KERNEL(xmsda_word_planes)(Blocks(launch.chip, Pixels(t)), launch.stream, value, planes, t);
    if (Status status = Acl("xmsda_word_planes", static_cast<int>(error)); !status.ok()) return status;
  }
  const uint32_t blocks = Blocks(launch.chip, int64_t{t.batch} * t.heads * t.tiles);
  void* const locations = Device(launch.inputs.locations);
  void* const weights = Device(launch.inputs.weights);
  const uint32_t error = launch.problem.value_dtype == DType::kF16
                             ? ACLRT_LAUNCH_KERNEL(xmsda_hybrid_forward_f16)(blocks, launch.stream, image, planes,
                                                                             locations, weights, output, t)
                             : ACLRT_LAUNCH_KERNEL(xmsda_hybrid_forward_f32)(blocks, launch.stream, image, planes,
                                                                             locations, weights, output, t);
  return Acl("xmsda_hybrid_forward", static_cast<int>(error));
}

Status Supports(const Problem& problem, const Chip& chip) {
  Tiling t = {};
  if (Status status = CheckTypes(problem); !status.ok()) return status;
  if (Status status = CheckNoBfloat(problem); !status.ok()) return status;
  if (Status status = TileHybrid(problem, chip, -1, &t); !status.ok()) return status;
  Chip other = chip;
  other.forward = {};  // was for this variant
  return kDma1.supports(problem, other);
}

int64_t ForwardWorkspace(const Problem& problem, const Chip& chip) {
  Tiling t = {};
  if (!TileHybrid(problem, chip, -1, &t).ok()) return 0;
  return Aligned(ImageBytes(problem, t)) + PlanesBytes(problem, t);
}

}  // namespace

// Backward as `dma1`: queue MTE3 takes longest there, whoever brings the pixels.
constinit const Variant kHybrid = {
    "hybrid",
    "by rows for large levels and by planes of words for small ones, such that queues MTE2 and V share the samples",
    "f16 or f32 value, f32 locations, bilinear, at most 8 levels that share no pixel, K at most 64",
    true,
    Supports,
    ForwardWorkspace,
    Forward,
    [](const Problem& p, const Chip& c) { return kDma1.backward_workspace(p, c); },
    [](const Launch& l, const void* grad, const DeviceGradients& g) { return kDma1.backward(l, grad, g); },
    nullptr};

}  // namespace xmsda::ascend
