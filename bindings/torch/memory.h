// Memory for the results of a call and its scratch.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstddef>
#include <cstdlib>
#include <initializer_list>
#include <memory>

#include "xmsda/msda.h"

namespace xmsda::torch_binding {

// A fresh, uninitialised, dense tensor on the CPU of like's dtype. The executor's workers touch large ones first.
torch::stable::Tensor EmptyDense(std::initializer_list<int64_t> shape, const torch::stable::Tensor& like,
                                 const Executor& executor);
// The same with like's shape too.
torch::stable::Tensor EmptyDenseLike(const torch::stable::Tensor& like, const Executor& executor);
// With like's shape and order of axes: a permuted view gets a gradient of the same layout.
torch::stable::Tensor EmptyPreserve(const torch::stable::Tensor& like, const Executor& executor);

// Scratch for one call, aligned as the core wants it.
class Scratch {
 public:
  Scratch(size_t size, const Executor& executor);
  Workspace Get() const { return {.data = data_, .size = size_}; }

 private:
  // Small calls stay off the heap.
  static constexpr size_t kInlineSize = 4096;
  struct Free {
    void operator()(void* data) const { std::free(data); }
  };

  alignas(kWorkspaceAlignment) unsigned char inline_[kInlineSize];
  std::unique_ptr<void, Free> heap_;
  void* data_;
  size_t size_;
};

}  // namespace xmsda::torch_binding
