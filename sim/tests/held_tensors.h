// What a mutant without EnQue and DeQue, or without FreeTensor and AllocTensor, does with its tensors; see mutate.py.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel_operator.h"
#include "mutants.h"

template <typename T>
void ascsim_hold(const void* queue, const AscendC::LocalTensor<T>& tensor) {
  ascsim_held_tensors()[queue].push_back({tensor.GetPosition(), tensor.Address(), tensor.GetLength(), tensor.End()});
}

inline bool ascsim_holds(const void* queue) { return !ascsim_held_tensors()[queue].empty(); }

template <typename T>
AscendC::LocalTensor<T> ascsim_take(const void* queue) {
  std::deque<HeldTensor>& held = ascsim_held_tensors()[queue];
  const HeldTensor h = held.front();
  held.pop_front();
  return {static_cast<AscendC::TPosition>(h.position), h.address, h.bytes, h.end};
}
