// A call of the ONNX operator xmsda::MSDeformAttn, checked and run; knows neither ONNX Runtime nor OpenVINO.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "xmsda/msda.h"

namespace xmsda::onnx_binding {

// The node's name in a model; docs/onnx.md describes version 1.
inline constexpr char kDomain[] = "xmsda";
inline constexpr char kOpType[] = "MSDeformAttn";

// The operator's inputs in their order.
enum InputIndex : uint8_t { kValue, kSpatialShapes, kLevelStartIndex, kLocations, kWeights, kNumInputs };

// "value", "spatial_shapes" and so on: what messages call the argument.
const char* InputName(size_t index);

// A dense tensor of a runtime.
struct Array {
  const void* data = nullptr;
  std::vector<int64_t> shape;
};

struct Arguments {
  Array inputs[kNumInputs];  // spatial_shapes and level_start_index: int64
  DType value_dtype = DType::kF32;
  DType location_dtype = DType::kF32;  // of locations and weights
  std::vector<int64_t> points;         // the attribute: points of each level
  bool discrete = false;
};

struct Call {
  Problem problem;
  Inputs inputs;
  std::vector<int64_t> output_shape;
};

// Checks everything. The message names the input or attribute, what was expected and what came.
Status ReadCall(const Arguments& arguments, Call* call);

// How many of the host's threads a call keeps busy, at most `threads`.
int WantedWorkers(const Problem& problem, int threads);

// Runs a call that ReadCall made, with scratch memory from the heap.
Status RunCall(const Call& call, void* output, const Executor& executor);

}  // namespace xmsda::onnx_binding
