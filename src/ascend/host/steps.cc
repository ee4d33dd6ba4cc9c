// The steps that launches of several variants share: the image of value, zeros, the gradient of value.
// SPDX-License-Identifier: Apache-2.0
#include "ascend/host/steps.h"

#include "aclrtlaunch_xmsda_grad_value_bf16.h"
#include "aclrtlaunch_xmsda_grad_value_f16.h"
#include "aclrtlaunch_xmsda_grad_value_f32.h"
#include "aclrtlaunch_xmsda_image_f16.h"
#include "aclrtlaunch_xmsda_image_f32.h"
#include "ascend/host/launch.h"

namespace xmsda::ascend {
using xmsda_ascend::Tiling;

int64_t Pixels(const Tiling& t) {
  int64_t pixels = 0;
  for (int32_t l = 0; l < t.num_levels; ++l) pixels += int64_t{t.level[l].height} * t.level[l].width;
  return t.batch * pixels;
}

Status MakeImage(const Launch& launch, const Tiling& t, void* image) {
  const uint32_t blocks = Blocks(launch.chip, Pixels(t));
  void* const value = Device(launch.inputs.value);
  const uint32_t error = launch.problem.value_dtype != DType::kF32  // bits are moved only
                             ? ACLRT_LAUNCH_KERNEL(xmsda_image_f16)(blocks, launch.stream, value, image, t)
                             : ACLRT_LAUNCH_KERNEL(xmsda_image_f32)(blocks, launch.stream, value, image, t);
  return Acl("xmsda_image", static_cast<int>(error));
}

Status SaveGradient(const Launch& launch, const Tiling& t, void* grad_image, void* grad_value) {
  const Problem& problem = launch.problem;
  const bool half = problem.value_dtype == DType::kF16, bfloat = problem.value_dtype == DType::kBF16;
  if (!EveryPixelHasALevel(problem)) {
    const int64_t bytes =
        problem.batch * problem.value_size * problem.num_heads * problem.channels * (half || bfloat ? 2 : 4);
    if (Status status = FillZeros(launch, grad_value, bytes); !status.ok()) return status;
  }
  const uint32_t blocks = Blocks(launch.chip, Pixels(t));
  const uint32_t error =
      bfloat ? ACLRT_LAUNCH_KERNEL(xmsda_grad_value_bf16)(blocks, launch.stream, grad_image, grad_value, t)
      : half ? ACLRT_LAUNCH_KERNEL(xmsda_grad_value_f16)(blocks, launch.stream, grad_image, grad_value, t)
             : ACLRT_LAUNCH_KERNEL(xmsda_grad_value_f32)(blocks, launch.stream, grad_image, grad_value, t);
  return Acl("xmsda_grad_value", static_cast<int>(error));
}

}  // namespace xmsda::ascend
