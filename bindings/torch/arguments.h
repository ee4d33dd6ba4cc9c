// Checks the tensors of a call and describes them to the core.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "xmsda/msda.h"

namespace xmsda::torch_binding {

using torch::stable::Tensor;
using Points = std::vector<int64_t>;

// The tensors as they came from Python.
struct TensorArguments {
  const Tensor& value;                             // [B,S,M,D], any strides
  const Tensor& spatial_shapes;                    // [L,2] int32 or int64
  const std::optional<Tensor>& level_start_index;  // [L] int32 or int64; none: every level starts where the last ends
  const Tensor& sampling_locations;                // [B,Q,M,L,P,2], or [B,Q,M,K,2] with points
  const Tensor& attention_weights;                 // [B,Q,M,L,P], or [B,Q,M,K] with points
  Points points;                                   // points of each level; empty: P of the locations
  bool discrete;
  bool border = false;
  bool align_corners = false;
  // Of fused calls: [B,Q,Z,C] or [B,Q,L,Z,C]; sampling_locations are offsets and attention_weights are logits.
  const std::optional<Tensor>* reference_points = nullptr;
  double offset_scale = 0;  // 0: Deformable-DETR's

  bool fused() const { return reference_points != nullptr && reference_points->has_value(); }
  // What the caller calls them.
  const char* locations_name() const { return fused() ? "sampling_offsets" : "sampling_locations"; }
  const char* weights_name() const { return fused() ? "attention_logits" : "attention_weights"; }
};

// A problem with pointers into tensors that this struct keeps alive.
struct Call {
  Problem problem;
  Inputs inputs;
  Tensor locations;  // the argument, or a copy whose axes behind the heads are dense
  Tensor weights;
  Tensor references;  // of fused calls, the same for the axes behind the queries
};

// Throws std::invalid_argument, a ValueError in Python: "<argument>: expected <what>, got <what came>".
Call ReadArguments(const TensorArguments& arguments);

// grad_output as [B,Q,M*D], dense and of value's dtype. Throws as above.
Tensor ReadGradOutput(const Tensor& grad_output, const Problem& problem);

[[noreturn]] void FailArgument(const char* name, const std::string& expected, const std::string& got);

}  // namespace xmsda::torch_binding
