// Multi-scale deformable attention on the CPU, forward and backward: the public entry points.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "xmsda/executor.h"
#include "xmsda/problem.h"
#include "xmsda/status.h"
#include "xmsda/targets.h"

#pragma GCC visibility push(default)
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

// Strides of references[B,Q,G,C] in elements; the axes behind the query are dense.
struct ReferenceStrides {
  int64_t batch = 0;
  int64_t query = 0;
};

ReferenceStrides DenseReferenceStrides(const Problem& problem);

// What both passes read and never write. Pointers need no more than the alignment of their element type; that of an
// array without elements may be null.
struct Inputs {
  const void* value = nullptr;      // [B,S,M,D], value_dtype
  const void* locations = nullptr;  // [B,Q,M,K,2], location_dtype; (u, v), the level spans [0, 1]
  const void* weights = nullptr;    // [B,Q,M,K], location_dtype
  ValueStrides value_strides;
  SampleStrides location_strides;
  SampleStrides weight_strides;
  // Of fused problems, in which `locations` are offsets and `weights` are logits: [B,Q,G,C], reference_dtype().
  const void* references = nullptr;
  ReferenceStrides reference_strides = {};
};

// Every element is written, whatever it held before. No two elements of `value` may share memory.
struct Gradients {
  void* value = nullptr;      // [B,S,M,D], value_dtype
  void* locations = nullptr;  // [B,Q,M,K,2], location_dtype, dense
  void* weights = nullptr;    // [B,Q,M,K], location_dtype, dense
  ValueStrides value_strides;
  // [B,Q,G,C] of fused problems, reference_dtype(), dense; null when it is not wanted.
  void* references = nullptr;
};

// Bytes to which Workspace::data must be aligned.
inline constexpr size_t kWorkspaceAlignment = 64;

// Scratch memory of at least the size that the *WorkspaceSize function gives for the call's problem, strides, target
// and executor.num_workers. Contents do not matter and are not kept. `data` may be null when that size is 0.
struct Workspace {
  void* data = nullptr;
  size_t size = 0;
};

struct CallOptions {
  Target target = Target::kAuto;
  // When not null, receives the target whose code ran; that code itself writes it. Left alone when there is nothing to
  // compute.
  Target* ran_target = nullptr;
};

// What holds for all four functions below:
//   They may be called from any number of threads at once. Arrays that are written (output, gradients, workspace) must
//   not overlap each other or any input: results are then undefined, and nothing checks it.
//   Forward and Backward return kInvalidArgument for what Validate refuses, a pointer that is null or not aligned to
//   its element type, strides of gradients.value under which elements share memory, an executor without `run` or with
//   num_workers outside 1 to kMaxWorkers, and a workspace that is too small, null or not aligned; kUnsupported for
//   problems beyond kMaxSamples or kMaxCells and for a target that this build or machine lacks. Otherwise kOk. A call
//   that does not return kOk has written nothing.
//   They throw nothing but std::bad_alloc, and that only before anything is written: a plan takes less than a kilobyte
//   of heap and some hundred bytes for each level and worker, a message its length.

// Bytes of workspace that Forward needs for this problem, value layout, number of workers and target. 0 when none is
// needed, and also when Forward would refuse the problem, the number of workers or the target: the call itself says
// why.
size_t ForwardWorkspaceSize(const Problem& problem, const ValueStrides& value_strides, int num_workers,
                            Target target = Target::kAuto);

// output[B,Q,M*D] (dense, value_dtype) =
//   sum over levels and points of weight * bilinear(value of that level, location * (W, H) - 0.5).
// Neighbours outside the level, and locations that are not finite, contribute nothing.
Status Forward(const Problem& problem, const Inputs& inputs, void* output, const Workspace& workspace,
               const Executor& executor, const CallOptions& options = {});

// The same for Backward, which also asks how the gradient of value lies in memory.
size_t BackwardWorkspaceSize(const Problem& problem, const ValueStrides& value_strides,
                             const ValueStrides& grad_value_strides, int num_workers, Target target = Target::kAuto);

// The gradients of the sum of grad_output[B,Q,M*D] (dense, value_dtype) * output. The same bits for every number of
// workers and in every run. At a location on a pixel centre the gradient is that of the cell [floor, floor + 1).
Status Backward(const Problem& problem, const Inputs& inputs, const void* grad_output, const Gradients& gradients,
                const Workspace& workspace, const Executor& executor, const CallOptions& options = {});

}  // namespace xmsda
#pragma GCC visibility pop
