// The steps that launches of several variants share: the image of value, zeros, the gradient of value.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "ascend/host/launch.h"
#include "ascend/host/variants.h"

namespace xmsda::ascend {

// Of all levels and batches.
int64_t Pixels(const xmsda_ascend::Tiling& tiling);

// Value to the image that kernels by rows read (kernels/image.h).
Status MakeImage(const Launch& launch, const xmsda_ascend::Tiling& tiling, void* image);

inline Status FillZeros(const Launch& launch, void* to, int64_t bytes) {
  return FillZeros(launch.chip, launch.stream, to, bytes);
}

// From the gradient image, float32 as kernels/gradient.h has it, to the gradient of value.
Status SaveGradient(const Launch& launch, const xmsda_ascend::Tiling& tiling, void* grad_image, void* grad_value);

}  // namespace xmsda::ascend
