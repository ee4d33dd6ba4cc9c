// The variants by planes, `xmsda` and `xmsda-aligned`: kernels/planes.cpp.
// SPDX-License-Identifier: Apache-2.0
#include "aclrtlaunch_xmsda_pair_planes.h"
#include "aclrtlaunch_xmsda_pairs_backward_f16.h"
#include "aclrtlaunch_xmsda_pairs_forward_f16.h"
#include "aclrtlaunch_xmsda_scatter_f16.h"
#include "aclrtlaunch_xmsda_scatter_f32.h"
#include "aclrtlaunch_xmsda_word_planes.h"
#include "aclrtlaunch_xmsda_words_backward_f16.h"
#include "aclrtlaunch_xmsda_words_backward_f32.h"
#include "aclrtlaunch_xmsda_words_forward_f16.h"
#include "aclrtlaunch_xmsda_words_forward_f32.h"
#include "ascend/host/launch.h"
#include "ascend/host/steps.h"
#include "ascend/host/tiling_planes.h"
#include "ascend/host/variants.h"

namespace xmsda::ascend {
namespace {

using xmsda_ascend::Tiling;

constexpr PlanesChoice kPairs = {.pairs = true};
constexpr PlanesChoice kWords = {.pairs = false};

Status MakePlanes(const PlanesChoice& choice, const Launch& launch, const Tiling& t, void* planes) {
  const uint32_t blocks = Blocks(launch.chip, Pixels(t));
  void* const value = Device(launch.inputs.value);
  const uint32_t error = choice.pairs ? ACLRT_LAUNCH_KERNEL(xmsda_pair_planes)(blocks, launch.stream, value, planes, t)
                                      : ACLRT_LAUNCH_KERNEL(xmsda_word_planes)(blocks, launch.stream, value, planes, t);
  return Acl("xmsda_planes", static_cast<int>(error));
}

uint32_t PlanesBlocks(const Launch& launch, const Tiling& t) {
  return Blocks(launch.chip, int64_t{t.batch} * t.heads * t.blocks);
}

Status PlanesForward(const PlanesChoice& choice, const Launch& launch, void* output) {
  Tiling t = {};
  if (Status status = TilePlanesForward(launch.problem, launch.chip, choice, &t); !status.ok()) return status;
  void* const planes = launch.workspace;
  if (Status status = MakePlanes(choice, launch, t, planes); !status.ok()) return status;
  const uint32_t blocks = PlanesBlocks(launch, t);
  void* const locations = Device(launch.inputs.locations);
  void* const weights = Device(launch.inputs.weights);
  uint32_t error = 0;
  if (choice.pairs) {
    error = ACLRT_LAUNCH_KERNEL(xmsda_pairs_forward_f16)(blocks, launch.stream, planes, locations, weights, output, t);
  } else if (launch.problem.value_dtype == DType::kF16) {
    error = ACLRT_LAUNCH_KERNEL(xmsda_words_forward_f16)(blocks, launch.stream, planes, locations, weights, output, t);
  } else {
    error = ACLRT_LAUNCH_KERNEL(xmsda_words_forward_f32)(blocks, launch.stream, planes, locations, weights, output, t);
  }
  return Acl("xmsda_planes_forward", static_cast<int>(error));
}

// Gradients of locations and weights.
Status Gather(const PlanesChoice& choice, const Launch& launch, void* grad, const DeviceGradients& gradients) {
  Tiling t = {};
  if (Status status = TilePlanesBackward(launch.problem, launch.chip, choice, &t); !status.ok()) return status;
  void* const planes = launch.workspace;
  if (Status status = MakePlanes(choice, launch, t, planes); !status.ok()) return status;
  const uint32_t blocks = PlanesBlocks(launch, t);
  void* const locations = Device(launch.inputs.locations);
  void* const weights = Device(launch.inputs.weights);
  uint32_t error = 0;
  if (choice.pairs) {
    error = ACLRT_LAUNCH_KERNEL(xmsda_pairs_backward_f16)(blocks, launch.stream, planes, locations, weights, grad,
                                                          gradients.locations, gradients.weights, t);
  } else if (launch.problem.value_dtype == DType::kF16) {
    error = ACLRT_LAUNCH_KERNEL(xmsda_words_backward_f16)(blocks, launch.stream, planes, locations, weights, grad,
                                                          gradients.locations, gradients.weights, t);
  } else {
    error = ACLRT_LAUNCH_KERNEL(xmsda_words_backward_f32)(blocks, launch.stream, planes, locations, weights, grad,
                                                          gradients.locations, gradients.weights, t);
  }
  return Acl("xmsda_planes_backward", static_cast<int>(error));
}

// Gradient of value.
Status Scatter(const Launch& launch, void* grad, void* grad_image, void* grad_value) {
  Tiling t = {};
  if (Status status = TileScatter(launch.problem, launch.chip, &t); !status.ok()) return status;
  Status status = FillZeros(launch, grad_image, GradientImageBytes(launch.problem, t));
  if (!status.ok()) return status;
  const uint32_t blocks = Blocks(launch.chip, int64_t{t.batch} * t.heads * t.tiles);
  void* const locations = Device(launch.inputs.locations);
  void* const weights = Device(launch.inputs.weights);
  const uint32_t error =
      launch.problem.value_dtype == DType::kF16
          ? ACLRT_LAUNCH_KERNEL(xmsda_scatter_f16)(blocks, launch.stream, locations, weights, grad, grad_image, t)
          : ACLRT_LAUNCH_KERNEL(xmsda_scatter_f32)(blocks, launch.stream, locations, weights, grad, grad_image, t);
  status = Acl("xmsda_scatter", static_cast<int>(error));
  return status.ok() ? SaveGradient(launch, t, grad_image, grad_value) : status;
}

int64_t PlanesWorkspace(const PlanesChoice& choice, const Problem& problem, const Chip& chip) {
  Tiling t = {};
  return TilePlanesForward(problem, chip, choice, &t).ok() ? PlanesBytes(problem, t) : 0;
}

Status PlanesBackward(const PlanesChoice& choice, const Launch& launch, const void* grad_output,
                      const DeviceGradients& gradients) {
  void* const grad = Device(grad_output);
  if (Status status = Gather(choice, launch, grad, gradients); !status.ok()) return status;
  const int64_t planes = PlanesWorkspace(choice, launch.problem, launch.chip);
  return Scatter(launch, grad, static_cast<uint8_t*>(launch.workspace) + Aligned(planes), gradients.value);
}

int64_t PlanesBackwardWorkspace(const PlanesChoice& choice, const Problem& problem, const Chip& chip) {
  Tiling t = {};
  if (!TileScatter(problem, chip, &t).ok()) return 0;
  return Aligned(PlanesWorkspace(choice, problem, chip)) + GradientImageBytes(problem, t);
}

Status PlanesSupports(const PlanesChoice& choice, const Problem& problem, const Chip& chip) {
  Tiling t = {};
  if (Status status = TilePlanesForward(problem, chip, choice, &t); !status.ok()) return status;
  if (Status status = TilePlanesBackward(problem, chip, choice, &t); !status.ok()) return status;
  if (Status status = TileScatter(problem, chip, &t); !status.ok()) return status;
  return CheckOverlap(problem);
}

}  // namespace

constinit const Variant kXmsda = {
    "xmsda",
    "by planes of pixels of a channel in UB, two pixels to a 32-bit gather at any multiple of 2 bytes, as the paper "
    "has "
    "it: works on silicon, not documented",
    "f16 value, f32 locations, bilinear, at most 8 levels that share no pixel and that UB holds in one channel, K at "
    "most 64",
    true,
    [](const Problem& p, const Chip& c) { return PlanesSupports(kPairs, p, c); },
    [](const Problem& p, const Chip& c) { return PlanesWorkspace(kPairs, p, c); },
    [](const Launch& l, void* output) { return PlanesForward(kPairs, l, output); },
    [](const Problem& p, const Chip& c) { return PlanesBackwardWorkspace(kPairs, p, c); },
    [](const Launch& l, const void* grad, const DeviceGradients& g) { return PlanesBackward(kPairs, l, grad, g); },
    nullptr,
    true};

constinit const Variant kXmsdaAligned = {
    "xmsda-aligned",
    "by planes of words of two half channels, or a float one, in UB, with documented gathers only",
    "f16 value of an even number of channels or f32 value, f32 locations, bilinear, at most 8 levels that share no "
    "pixel and that UB holds in one word, K at most 64",
    true,
    [](const Problem& p, const Chip& c) { return PlanesSupports(kWords, p, c); },
    [](const Problem& p, const Chip& c) { return PlanesWorkspace(kWords, p, c); },
    [](const Launch& l, void* output) { return PlanesForward(kWords, l, output); },
    [](const Problem& p, const Chip& c) { return PlanesBackwardWorkspace(kWords, p, c); },
    [](const Launch& l, const void* grad, const DeviceGradients& g) { return PlanesBackward(kWords, l, grad, g); },
    nullptr};

}  // namespace xmsda::ascend
