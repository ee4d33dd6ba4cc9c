// Memory for the results of a call and its scratch.
// SPDX-License-Identifier: Apache-2.0
#include "memory.h"

#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/ops.h>

#include <array>
#include <cstdint>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace xmsda::torch_binding {
namespace {

using torch::stable::Tensor;

constexpr int64_t kMaxAxes = 8;

// Asks for huge pages behind memory that is about to be written whole. First touching 22 MB (an encoder's output) costs
// 11 ms in pages of 4 kB and 1.1 ms in pages of 2 MB, beside 16 ms for computing it. Memory that the allocator had in
// use before is not touched for the first time: the call then costs 1 us and changes nothing.
void PreferHugePages([[maybe_unused]] void* data, [[maybe_unused]] size_t size) {
#ifdef __linux__
  constexpr uintptr_t kHugePage = uintptr_t{2} << 20;
  constexpr size_t kWorthwhile = size_t{4} << 20;
  if (size < kWorthwhile) return;
  // Whole pages inside the memory only: what surrounds it is someone else's.
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + size) / kHugePage * kHugePage;
  // It is a hint: a kernel without huge pages refuses it, which does no harm.
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

Tensor WithHugePages(Tensor tensor) {
  PreferHugePages(tensor.mutable_data_ptr(), static_cast<size_t>(tensor.numel()) * tensor.element_size());
  return tensor;
}

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
  TORCH_ERROR_CODE_CHECK(aoti_torch_empty_strided(num_axes, shape, strides.data(), dtype, aoti_torch_device_type_cpu(),
                                                  /*device_index=*/0, &handle));
  return WithHugePages(Tensor(handle));
}

}  // namespace

Tensor EmptyDense(std::initializer_list<int64_t> shape, const Tensor& like) {
  return EmptyOfShape(shape.begin(), static_cast<int64_t>(shape.size()), like);
}

Tensor EmptyDenseLike(const Tensor& like) { return EmptyOfShape(like.sizes().data(), like.dim(), like); }

Tensor EmptyPreserve(const Tensor& like) {
  return like.is_contiguous() ? EmptyDenseLike(like) : WithHugePages(torch::stable::empty_like(like));
}

Scratch::Scratch(size_t size) : data_(inline_), size_(size) {
  if (size <= kInlineSize) return;
  constexpr size_t kAlignment = 64;
  heap_.reset(std::aligned_alloc(kAlignment, (size + kAlignment - 1) / kAlignment * kAlignment));
  if (heap_ == nullptr) throw std::bad_alloc();
  data_ = heap_.get();
  PreferHugePages(data_, size);
}

}  // namespace xmsda::torch_binding
