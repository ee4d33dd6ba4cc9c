// The variant `grid-sample`: the kernels of kernels/grid_sample.cpp, one after the other.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "aclrtlaunch_xmsda_affine.h"
#include "aclrtlaunch_xmsda_expand_times_samples.h"
#include "aclrtlaunch_xmsda_expand_times_weights.h"
#include "aclrtlaunch_xmsda_from_heads.h"
#include "aclrtlaunch_xmsda_from_planes_f16.h"
#include "aclrtlaunch_xmsda_from_planes_f32.h"
#include "aclrtlaunch_xmsda_grid_sample.h"
#include "aclrtlaunch_xmsda_grid_sample_backward.h"
#include "aclrtlaunch_xmsda_stack.h"
#include "aclrtlaunch_xmsda_sum_channels.h"
#include "aclrtlaunch_xmsda_sum_samples.h"
#include "aclrtlaunch_xmsda_times_weights.h"
#include "aclrtlaunch_xmsda_to_heads.h"
#include "aclrtlaunch_xmsda_to_planes_f16.h"
#include "aclrtlaunch_xmsda_to_planes_f32.h"
#include "aclrtlaunch_xmsda_unstack.h"
#include "ascend/host/launch.h"
#include "ascend/host/variants.h"

namespace xmsda::ascend {
namespace {

using xmsda_ascend::GridShape;
using xmsda_ascend::HeadsShape;
using xmsda_ascend::LevelTiling;
using xmsda_ascend::PlanesShape;
using xmsda_ascend::Tiling;

int64_t Pitch(int64_t elements) { return (elements + 15) / 16 * 16; }  // as kernels/stream.h

// Places of the arrays in the workspace; all are of float32.
struct Arrays {
  int64_t bytes = 0;
  int64_t grids, heads_weights, levels, stacked, sums, planes, gradient_pixels, gradient_planes, gradient_samples,
      gradient_grid, gradient_heads_weights;
  int64_t pixels[xmsda_ascend::kMaxLevels], grid[xmsda_ascend::kMaxLevels];  // of the backward pass; else [0] for all

  Arrays(const Tiling& t, bool backward) {
    const int64_t images = int64_t{t.batch} * t.heads, rows = images * t.channels, queries = t.queries;
    const int64_t samples = images * queries * t.samples;
    int64_t largest = 0, most_points = 0, all_levels = 0;
    for (int32_t l = 0; l < t.num_levels; ++l) {
      const LevelTiling& level = t.level[l];
      largest = std::max(largest, int64_t{level.height} * level.width);
      most_points = std::max(most_points, queries * level.points);
      all_levels += rows * Pitch(queries * level.points);
    }
    grids = Take(samples * 2);
    heads_weights = Take(samples);
    levels = Take(all_levels);  // products, too: as large at least
    stacked = Take(rows * Pitch(queries * t.samples));
    sums = Take(rows * Pitch(queries));
    planes = Take(rows * Pitch(largest));
    for (int32_t l = 0; l < t.num_levels; ++l) {
      const LevelTiling& level = t.level[l];
      const bool own = backward || l == 0;
      pixels[l] = own ? Take(rows * (backward ? int64_t{level.height} * level.width : largest)) : pixels[0];
      grid[l] = own ? Take(images * 2 * (backward ? queries * level.points : most_points)) : grid[0];
    }
    if (!backward) return;
    gradient_pixels = Take(rows * largest);
    gradient_planes = Take(rows * Pitch(largest));
    gradient_samples = Take(rows * most_points);
    gradient_grid = Take(images * most_points * 2);
    gradient_heads_weights = Take(samples);
  }

 private:
  int64_t Take(int64_t floats) {
    const int64_t at = bytes;
    bytes += Aligned(floats * 4);
    return at;
  }
};

// Launches the kernels; the first error stays.
class Steps {
 public:
  Steps(const Launch& launch, const Tiling& t, bool backward)
      : launch_(launch), t_(t), arrays_(t, backward), half_(launch.problem.value_dtype == DType::kF16) {}

  // Up to the samples of all levels put together, and weights by heads.
  void Sample() {
    const int32_t row = 2 * t_.samples;
    Do("xmsda_affine", ACLRT_LAUNCH_KERNEL(xmsda_affine)(blocks(), launch_.stream, Device(launch_.inputs.locations),
                                                         At(arrays_.grids), Images() * t_.queries * row, 2.0F, -1.0F));
    for (int32_t l = 0; l < t_.num_levels; ++l) {
      const LevelTiling& level = t_.level[l];
      if (level.points == 0) continue;
      const int32_t size = level.height * level.width;
      ToPlanes(Device(launch_.inputs.value), At(arrays_.planes),
               {t_.batch, t_.value_size, t_.heads * t_.channels, level.value_start, size});
      FromPlanes(false, At(arrays_.planes), At(arrays_.pixels[l]), {Images(), size, t_.channels, 0, size});
      Do("xmsda_to_heads", ACLRT_LAUNCH_KERNEL(xmsda_to_heads)(blocks(), launch_.stream, At(arrays_.grids),
                                                               At(arrays_.grid[l]), GridHeads(level)));
      Do("xmsda_grid_sample", ACLRT_LAUNCH_KERNEL(xmsda_grid_sample)(blocks(), launch_.stream, At(arrays_.pixels[l]),
                                                                     At(arrays_.grid[l]), Samples(l), Grid(level)));
    }
    Do("xmsda_stack",
       ACLRT_LAUNCH_KERNEL(xmsda_stack)(blocks(), launch_.stream, At(arrays_.levels), At(arrays_.stacked), t_));
    Do("xmsda_to_heads", ACLRT_LAUNCH_KERNEL(xmsda_to_heads)(blocks(), launch_.stream, Device(launch_.inputs.weights),
                                                             At(arrays_.heads_weights), WeightHeads()));
  }

  void Sum(void* output) {
    Do("xmsda_times_weights",
       ACLRT_LAUNCH_KERNEL(xmsda_times_weights)(blocks(), launch_.stream, At(arrays_.stacked),
                                                At(arrays_.heads_weights), At(arrays_.levels), t_));
    Do("xmsda_sum_samples",
       ACLRT_LAUNCH_KERNEL(xmsda_sum_samples)(blocks(), launch_.stream, At(arrays_.levels), At(arrays_.sums), t_));
    FromPlanes(half_, At(arrays_.sums), output, Queries());
  }

  void Backward(const void* grad_output, const DeviceGradients& gradients) {
    if (!EveryPixelHasALevel(launch_.problem) || HasLevelWithoutPoints()) {
      const int64_t elements = int64_t{t_.batch} * t_.value_size * t_.heads * t_.channels;
      Keep(FillZeros(launch_.chip, launch_.stream, gradients.value, elements * (half_ ? 2 : 4)));
    }
    ToPlanes(Device(grad_output), At(arrays_.sums), Queries());
    Do("xmsda_expand_times_samples",
       ACLRT_LAUNCH_KERNEL(xmsda_expand_times_samples)(blocks(), launch_.stream, At(arrays_.sums), At(arrays_.stacked),
                                                       At(arrays_.levels), t_));
    Do("xmsda_sum_channels", ACLRT_LAUNCH_KERNEL(xmsda_sum_channels)(blocks(), launch_.stream, At(arrays_.levels),
                                                                     At(arrays_.gradient_heads_weights), t_));
    Do("xmsda_from_heads",
       ACLRT_LAUNCH_KERNEL(xmsda_from_heads)(blocks(), launch_.stream, At(arrays_.gradient_heads_weights),
                                             gradients.weights, WeightHeads()));
    Do("xmsda_expand_times_weights",
       ACLRT_LAUNCH_KERNEL(xmsda_expand_times_weights)(blocks(), launch_.stream, At(arrays_.sums),
                                                       At(arrays_.heads_weights), At(arrays_.stacked), t_));
    Do("xmsda_unstack",
       ACLRT_LAUNCH_KERNEL(xmsda_unstack)(blocks(), launch_.stream, At(arrays_.stacked), At(arrays_.levels), t_));
    for (int32_t l = 0; l < t_.num_levels; ++l) {
      if (t_.level[l].points > 0) BackwardOfLevel(l, gradients.value);
    }
    Do("xmsda_affine",
       ACLRT_LAUNCH_KERNEL(xmsda_affine)(blocks(), launch_.stream, At(arrays_.grids), gradients.locations,
                                         Images() * t_.queries * (2 * t_.samples), 2.0F, 0.0F));
  }

  Status status() const { return status_; }

 private:
  uint32_t blocks() const { return static_cast<uint32_t>(launch_.chip.vector_cores); }
  void* At(int64_t offset) const { return static_cast<uint8_t*>(launch_.workspace) + offset; }
  int32_t Images() const { return t_.batch * t_.heads; }
  PlanesShape Queries() const { return {t_.batch, t_.queries, t_.heads * t_.channels, 0, t_.queries}; }
  HeadsShape WeightHeads() const { return {t_.batch, t_.queries, t_.heads, t_.samples, 0, t_.samples}; }
  HeadsShape GridHeads(const LevelTiling& level) const {
    return {t_.batch, t_.queries, t_.heads, 2 * t_.samples, 2 * level.first_sample, 2 * level.points};
  }
  GridShape Grid(const LevelTiling& level) const {
    return {Images(), t_.channels, level.height, level.width, int64_t{t_.queries} * level.points};
  }
  bool HasLevelWithoutPoints() const {
    for (int32_t l = 0; l < t_.num_levels; ++l) {
      if (t_.level[l].points == 0) return true;
    }
    return false;
  }
  // The samples of a level.
  void* Samples(int32_t level) const {
    int64_t at = 0;
    for (int32_t l = 0; l < level; ++l) at += Pitch(int64_t{t_.queries} * t_.level[l].points);
    return At(arrays_.levels + at * Images() * t_.channels * 4);
  }

  void Keep(const Status& status) {
    if (status_.ok()) status_ = status;
  }
  void Do(const char* name, uint32_t error) { Keep(Acl(name, static_cast<int>(error))); }
  void ToPlanes(void* from, void* to, const PlanesShape& shape) { ToPlanes(half_, from, to, shape); }
  void ToPlanes(bool half, void* from, void* to, const PlanesShape& shape) {
    Do("xmsda_to_planes", half ? ACLRT_LAUNCH_KERNEL(xmsda_to_planes_f16)(blocks(), launch_.stream, from, to, shape)
                               : ACLRT_LAUNCH_KERNEL(xmsda_to_planes_f32)(blocks(), launch_.stream, from, to, shape));
  }
  void FromPlanes(bool half, void* from, void* to, const PlanesShape& shape) {
    Do("xmsda_from_planes",
       half ? ACLRT_LAUNCH_KERNEL(xmsda_from_planes_f16)(blocks(), launch_.stream, from, to, shape)
            : ACLRT_LAUNCH_KERNEL(xmsda_from_planes_f32)(blocks(), launch_.stream, from, to, shape));
  }

  void BackwardOfLevel(int32_t l, void* grad_value) {
    const LevelTiling& level = t_.level[l];
    const int32_t size = level.height * level.width, points = t_.queries * level.points;
    FromPlanes(false, Samples(l), At(arrays_.gradient_samples), {Images(), points, t_.channels, 0, points});
    Keep(FillZeros(launch_.chip, launch_.stream, At(arrays_.gradient_pixels),
                   int64_t{Images()} * size * t_.channels * 4));
    Do("xmsda_grid_sample_backward",
       ACLRT_LAUNCH_KERNEL(xmsda_grid_sample_backward)(
           blocks(), launch_.stream, At(arrays_.pixels[l]), At(arrays_.grid[l]), At(arrays_.gradient_samples),
           At(arrays_.gradient_pixels), At(arrays_.gradient_grid), Grid(level)));
    ToPlanes(false, At(arrays_.gradient_pixels), At(arrays_.gradient_planes), {Images(), size, t_.channels, 0, size});
    FromPlanes(half_, At(arrays_.gradient_planes), grad_value,
               {t_.batch, t_.value_size, t_.heads * t_.channels, level.value_start, size});
    Do("xmsda_from_heads", ACLRT_LAUNCH_KERNEL(xmsda_from_heads)(blocks(), launch_.stream, At(arrays_.gradient_grid),
                                                                 At(arrays_.grids), GridHeads(level)));
  }

  const Launch& launch_;
  const Tiling& t_;
  Arrays arrays_;
  bool half_;
  Status status_;
};

Status Supported(const Problem& problem, const Chip&) {
  Tiling t = {};
  return TileGridSample(problem, &t);
}

int64_t Workspace(const Problem& problem, bool backward) {
  Tiling t = {};
  return TileGridSample(problem, &t).ok() ? Arrays(t, backward).bytes : 0;
}

Status GridForward(const Launch& launch, void* output) {
  Tiling t = {};
  if (Status status = TileGridSample(launch.problem, &t); !status.ok()) return status;
  Steps steps(launch, t, false);
  steps.Sample();
  steps.Sum(output);
  return steps.status();
}

// What a framework would have kept from the forward pass is computed again first.
Status GridBackward(const Launch& launch, const void* grad_output, const DeviceGradients& gradients) {
  Tiling t = {};
  if (Status status = TileGridSample(launch.problem, &t); !status.ok()) return status;
  Steps steps(launch, t, true);
  steps.Sample();
  steps.Backward(grad_output, gradients);
  return steps.status();
}

}  // namespace

constinit const Variant kGridSample = {
    "grid-sample",
    "PyTorch's formulation: grid_sample by levels, each step a kernel with its arrays in memory",
    "f16 or f32 value of whole blocks of 32 bytes, D at most 136, M * D at most 512, f32 locations, bilinear, at most "
    "8 levels that share no pixel, K at most 64",
    false,
    Supported,
    [](const Problem& p, const Chip&) { return Workspace(p, false); },
    GridForward,
    [](const Problem& p, const Chip&) { return Workspace(p, true); },
    GridBackward,
    nullptr};

}  // namespace xmsda::ascend
