// Multi-scale deformable attention on the CPU, forward and backward: the public entry points.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "xmsda/executor.h"
#include "xmsda/problem.h"
#include "xmsda/status.h"
#include "xmsda/targets.h"

namespace xmsda {

// Strides of value[B,S,M,D] in elements. Any layout is taken; rows with channel == 1 need the least copying.
struct ValueStrides {
  int64_t batch = 0;
  int64_t pixel = 0;
  int64_t head = 0;
  int64_t channel = 1;
};

// The strides of a dense [B,S,M,D] value.
ValueStrides DenseStrides(const Problem& problem);

// Strides of locations[B,Q,M,K,2] (in elements) and of weights[B,Q,M,K]; the axes behind the head are dense.
struct SampleStrides {
  int64_t batch = 0;
  int64_t query = 0;
  int64_t head = 0;
};

SampleStrides DenseLocationStrides(const Problem& problem);
SampleStrides DenseWeightStrides(const Problem& problem);

// What both passes read. Pointers need no more than the alignment of their element type.
struct Inputs {
  const void* value = nullptr;      // [B,S,M,D], value_dtype
  const void* locations = nullptr;  // [B,Q,M,K,2], location_dtype; (u, v), the level spans [0, 1]
  const void* weights = nullptr;    // [B,Q,M,K], location_dtype
  ValueStrides value_strides;
  SampleStrides location_strides;
  SampleStrides weight_strides;
};

struct Gradients {
  void* value = nullptr;      // [B,S,M,D], value_dtype, every element is written
  void* locations = nullptr;  // [B,Q,M,K,2], location_dtype, dense
  void* weights = nullptr;    // [B,Q,M,K], location_dtype, dense
  ValueStrides value_strides;
};

// Scratch memory of at least the size that the *WorkspaceSize function gives, aligned to 64 bytes. Contents do not
// matter and are not kept.
struct Workspace {
  void* data = nullptr;
  size_t size = 0;
};

struct CallOptions {
  Target target = Target::kAuto;
  // When not null, receives the target whose code ran; that code itself writes it.
  Target* ran_target = nullptr;
};

// Bytes of workspace that Forward needs for this problem, value layout, number of workers and target.
size_t ForwardWorkspaceSize(const Problem& problem, const ValueStrides& value_strides, int num_workers,
                            Target target = Target::kAuto);

// output[B,Q,M*D] (dense, value_dtype) =
//   sum over levels and points of weight * bilinear(value of that level, location * (W, H) - 0.5).
// Neighbours outside the level, and locations that are not finite, contribute nothing.
Status Forward(const Problem& problem, const Inputs& inputs, void* output, const Workspace& workspace,
               const Executor& executor, const CallOptions& options = {});

size_t BackwardWorkspaceSize(const Problem& problem, const ValueStrides& value_strides,
                             const ValueStrides& grad_value_strides, int num_workers, Target target = Target::kAuto);

// The gradients of the sum of grad_output[B,Q,M*D] (dense, value_dtype) * output. The same bits for every number of
// workers and in every run. At a location on a pixel centre the gradient is that of the cell [floor, floor + 1).
Status Backward(const Problem& problem, const Inputs& inputs, const void* grad_output, const Gradients& gradients,
                const Workspace& workspace, const Executor& executor, const CallOptions& options = {});

}  // namespace xmsda
