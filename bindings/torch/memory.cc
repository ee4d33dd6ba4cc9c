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

// Memory that is about to be written whole. First touching 22 MB (an encoder's output) costs 11 ms in pages of 4 kB and
// 1.1 ms in pages of 2 MB, beside 12 ms for computing it; so huge pages are asked for. Two workers that touch the same
// page at the same time both clear one; so each first touches pages of its own. Memory that the allocator had in use
// before is there already: these calls then cost a few us and change nothing. They are hints: a kernel that refuses
// them does no harm.
void PrepareMemory([[maybe_unused]] void* data, [[maybe_unused]] size_t size,
                   [[maybe_unused]] const Executor& executor) {
#ifdef __linux__
  constexpr size_t kHugePage = size_t{2} << 20;
  constexpr size_t kWorthwhile = size_t{4} << 20;
  if (size < kWorthwhile) return;
  // Whole pages inside the memory only: what surrounds it is someone else's.
  const size_t skipped = (kHugePage - reinterpret_cast<uintptr_t>(data) % kHugePage) % kHugePage;
  struct Pages {
    char* begin;
    size_t count;
    int workers;
  } pages{static_cast<char*>(data) + skipped, (size - skipped) / kHugePage, executor.num_workers};
  madvise(pages.begin, pages.count * kHugePage, MADV_HUGEPAGE);
  if (executor.num_workers == 1) return;
  executor.run(
      executor.context, executor.num_workers,
      [](void* arg, int worker) {
        const auto& p = *static_cast<const Pages*>(arg);
        const size_t first = p.count * static_cast<size_t>(worker) / static_cast<size_t>(p.workers);
        const size_t end = p.count * static_cast<size_t>(worker + 1) / static_cast<size_t>(p.workers);
        if (first == end) return;
        constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, Linux 5.14; older headers lack the name
        madvise(p.begin + first * kHugePage, (end - first) * kHugePage, kPopulateWrite);
      },
      &pages);
#endif
}

Tensor Prepared(Tensor tensor, const Executor& executor) {
  PrepareMemory(tensor.mutable_data_ptr(), static_cast<size_t>(tensor.numel()) * tensor.element_size(), executor);
  return tensor;
}

Tensor EmptyOfShape(const int64_t* shape, int64_t num_axes, const Tensor& like, const Executor& executor) {
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
  return Prepared(Tensor(handle), executor);
}

}  // namespace

Tensor EmptyDense(std::initializer_list<int64_t> shape, const Tensor& like, const Executor& executor) {
  return EmptyOfShape(shape.begin(), static_cast<int64_t>(shape.size()), like, executor);
}

Tensor EmptyDenseLike(const Tensor& like, const Executor& executor) {
  return EmptyOfShape(like.sizes().data(), like.dim(), like, executor);
}

Tensor EmptyPreserve(const Tensor& like, const Executor& executor) {
  return like.is_contiguous() ? EmptyDenseLike(like, executor) : Prepared(torch::stable::empty_like(like), executor);
}

Scratch::Scratch(size_t size, const Executor& executor) : data_(inline_), size_(size) {
  if (size <= kInlineSize) return;
  // aligned_alloc wants a multiple of the alignment.
  const size_t whole = (size + kWorkspaceAlignment - 1) / kWorkspaceAlignment * kWorkspaceAlignment;
  heap_.reset(std::aligned_alloc(kWorkspaceAlignment, whole));
  if (heap_ == nullptr) throw std::bad_alloc();
  data_ = heap_.get();
  PrepareMemory(data_, size, executor);
}

}  // namespace xmsda::torch_binding
