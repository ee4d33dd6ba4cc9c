// The steps that launches of several variants share: the image of value, zeros, the gradient of value.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "ascend/host/variants.h"

namespace xmsda::ascend {

// Arrays start at multiples of this in the workspace: what allocations on the device have.
inline int64_t Aligned(int64_t bytes) { return (bytes + 511) / 512 * 512; }

// acl takes pointers of inputs that are not const.
inline void* Device(const void* pointer) { return const_cast<void*>(pointer); }

// Of all levels and batches.
int64_t Pixels(const xmsda_ascend::Tiling& tiling);

// Value to the image that kernels by rows read (kernels/image.h).
Status MakeImage(const Launch& launch, const xmsda_ascend::Tiling& tiling, void* image);

Status FillZeros(const Launch& launch, void* to, int64_t bytes);

// From the gradient image, float32 as kernels/gradient.h has it, to the gradient of value.
Status SaveGradient(const Launch& launch, const xmsda_ascend::Tiling& tiling, void* grad_image, void* grad_value);

// The gradient image has a copy of every level: kUnsupported where pixels of two levels would need a sum.
Status CheckOverlap(const Problem& problem);

}  // namespace xmsda::ascend
