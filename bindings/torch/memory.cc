// Memory for the results of a call and its scratch.
// SPDX-License-Identifier: Apache-2.0
#include "memory.h"

#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/ops.h>

#include <array>
#include <new>

namespace xmsda::torch_binding {
namespace {

using torch::stable::Tensor;

constexpr int64_t kMaxAxes = 8;

Tensor EmptyOfShape(const int64_t* shape, int64_t num_axes, const Tensor& like) {
  std::array<int64_t, kMaxAxes> strides;
  int64_t stride = 1;
  for (int64_t axis = num_axes - 1; axis >= 0; --axis) {
    strides[static_cast<size_t>(axis)] = stride;
    stride *= shape[axis] > 1 ? shape[axis] : 1;
  }
  int32_t dtype = 0;
  TORCH_ERROR_CODE_CHECK(aoti_torch_get_dtype(like.get(), &dtype));
  AtenTensorHandle handle = nullptr;
  TORCH_ERROR_CODE_CHECK(aoti_torch_empty_strided(num_axes, shape, strides.data(), dtype,
                                                  aoti_torch_device_type_cpu(), /*device_index=*/0, &handle));
  return Tensor(handle);
}

}  // namespace

Tensor EmptyDense(std::initializer_list<int64_t> shape, const Tensor& like) {
  return EmptyOfShape(shape.begin(), static_cast<int64_t>(shape.size()), like);
}

Tensor EmptyDenseLike(const Tensor& like) { return EmptyOfShape(like.sizes().data(), like.dim(), like); }

Tensor EmptyPreserve(const Tensor& like) {
  return like.is_contiguous() ? EmptyDenseLike(like) : torch::stable::empty_like(like);
}

Scratch::Scratch(size_t size) : data_(inline_), size_(size) {
  if (size <= kInlineSize) return;
  constexpr size_t kAlignment = 64;
  heap_.reset(std::aligned_alloc(kAlignment, (size + kAlignment - 1) / kAlignment * kAlignment));
  if (heap_ == nullptr) throw std::bad_alloc();
  data_ = heap_.get();
}

}  // namespace xmsda::torch_binding
