// A call of the ONNX operator xmsda::MSDeformAttn, checked and run; knows neither ONNX Runtime nor OpenVINO.
// SPDX-License-Identifier: Apache-2.0
#include "call.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>

namespace xmsda::onnx_binding {
namespace {

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (const int64_t size : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(size);
  }
  text += ']';
  return text;
}

Status Wrong(const std::string& name, const std::string& expected, const std::string& got) {
  return Status::InvalidArgument("xmsda::MSDeformAttn: " + name + ": expected " + expected + ", got " + got);
}

std::string Indexed(InputIndex input, size_t level) {
  return std::string(InputName(input)) + "[" + std::to_string(level) + "]";
}

Status CheckShape(const Arguments& arguments, InputIndex input, const std::vector<int64_t>& shape,
                  const char* meaning) {
  const std::vector<int64_t>& came = arguments.inputs[input].shape;
  if (came == shape) return {};
  return Wrong(InputName(input), meaning + (" = " + ShapeText(shape)), ShapeText(came));
}

Status ReadLevels(const Arguments& arguments, Problem* problem) {
  const Array& shapes = arguments.inputs[kSpatialShapes];
  if (shapes.shape.size() != 2 || shapes.shape[1] != 2) {
    return Wrong(InputName(kSpatialShapes), "[L, 2]", ShapeText(shapes.shape));
  }
  const int64_t num_levels = shapes.shape[0];
  if (Status status = CheckShape(arguments, kLevelStartIndex, {num_levels}, "[L]"); !status.ok()) return status;
  if (static_cast<int64_t>(arguments.points.size()) != num_levels) {
    return Wrong("points", "one number per level of spatial_shapes, " + std::to_string(num_levels),
                 std::to_string(arguments.points.size()));
  }
  const auto* sides = static_cast<const int64_t*>(shapes.data);
  const auto* starts = static_cast<const int64_t*>(arguments.inputs[kLevelStartIndex].data);
  const int64_t size = problem->value_size;
  int64_t samples = 0;
  problem->levels.resize(arguments.points.size());
  for (size_t l = 0; l < problem->levels.size(); ++l) {
    Level& level = problem->levels[l];
    level = {.height = sides[2 * l], .width = sides[2 * l + 1], .start = starts[l], .points = arguments.points[l]};
    const std::string sides_text = std::to_string(level.height) + " x " + std::to_string(level.width);
    if (std::min(level.height, level.width) < 1 || std::max(level.height, level.width) > kMaxSide) {
      return Wrong(Indexed(kSpatialShapes, l), "height and width from 1 to 2^24", sides_text);
    }
    // Written without a product that could overflow: height * width <= room exactly when height <= room / width.
    if (level.start < 0 || level.start > size || level.height > (size - level.start) / level.width) {
      return Wrong(Indexed(kLevelStartIndex, l), "a level inside the " + std::to_string(size) + " pixels of value",
                   sides_text + " pixels from " + std::to_string(level.start));
    }
    // Compared before it is added: the sum could pass 2^63.
    if (level.points < 0 || level.points > kMaxSamples - samples) {
      return Wrong("points", "numbers of at least 0 and at most " + std::to_string(kMaxSamples) + " together",
                   std::to_string(level.points) + " in level " + std::to_string(l));
    }
    samples += level.points;
  }
  return {};
}

Status CheckSamples(const Arguments& arguments, const Problem& problem) {
  std::vector<int64_t> shape = {problem.batch, problem.num_queries, problem.num_heads, problem.SamplesPerQuery(), 2};
  const char* meaning[] = {"[B, Q, M, K, 2]", "[B, Q, M, K]"};
  if (arguments.inputs[kLocations].shape.size() == 6) {
    const int64_t points = problem.levels.empty() ? arguments.inputs[kLocations].shape[4] : problem.levels[0].points;
    for (const Level& level : problem.levels) {
      if (level.points == points) continue;
      return Wrong(InputName(kLocations), "[B, Q, M, K, 2], because the levels' points differ",
                   ShapeText(arguments.inputs[kLocations].shape));
    }
    shape = {
        problem.batch, problem.num_queries, problem.num_heads, static_cast<int64_t>(problem.levels.size()), points, 2};
    meaning[0] = "[B, Q, M, L, P, 2]";
    meaning[1] = "[B, Q, M, L, P]";
  }
  if (Status status = CheckShape(arguments, kLocations, shape, meaning[0]); !status.ok()) return status;
  shape.pop_back();
  return CheckShape(arguments, kWeights, shape, meaning[1]);
}

struct Free {
  void operator()(void* data) const { std::free(data); }
};

}  // namespace

const char* InputName(size_t index) {
  constexpr const char* kNames[kNumInputs] = {"value", "spatial_shapes", "level_start_index", "sampling_locations",
                                              "attention_weights"};
  return kNames[index];
}

Status ReadCall(const Arguments& arguments, Call* call) {
  Problem& problem = call->problem;
  const std::vector<int64_t>& value = arguments.inputs[kValue].shape;
  if (value.size() != 4) return Wrong(InputName(kValue), "[B, S, M, D]", ShapeText(value));
  const std::vector<int64_t>& locations = arguments.inputs[kLocations].shape;
  if (locations.size() != 5 && locations.size() != 6) {
    return Wrong(InputName(kLocations), "[B, Q, M, L, P, 2] or [B, Q, M, K, 2]", ShapeText(locations));
  }
  problem = {};
  problem.batch = value[0];
  problem.num_queries = locations[1];
  problem.num_heads = value[2];
  problem.channels = value[3];
  problem.value_size = value[1];
  problem.value_dtype = arguments.value_dtype;
  problem.location_dtype = arguments.location_dtype;
  problem.sampling = arguments.discrete ? Sampling::kDiscrete : Sampling::kBilinear;
  if (Status status = ReadLevels(arguments, &problem); !status.ok()) return status;
  if (Status status = CheckSamples(arguments, problem); !status.ok()) return status;
  if (Status status = Validate(problem); !status.ok()) return status;
  call->inputs = {.value = arguments.inputs[kValue].data,
                  .locations = arguments.inputs[kLocations].data,
                  .weights = arguments.inputs[kWeights].data,
                  .value_strides = DenseStrides(problem),
                  .location_strides = DenseLocationStrides(problem),
                  .weight_strides = DenseWeightStrides(problem)};
  call->output_shape = {problem.batch, problem.num_queries, problem.num_heads * problem.channels};
  return {};
}

int WantedWorkers(const Problem& problem, int threads) {
  // Waking a worker costs some 10 us, as much as a few times 10^5 multiply-adds of the four corners. A double, because
  // the product may pass 2^63.
  constexpr double kOperationsPerWorker = 1 << 18;
  double operations = 4;
  for (const int64_t size :
       {problem.batch, problem.num_queries, problem.num_heads, problem.channels, problem.SamplesPerQuery()}) {
    operations *= static_cast<double>(size);
  }
  const double limit = std::clamp(threads, 1, kMaxWorkers);
  return static_cast<int>(std::clamp(operations / kOperationsPerWorker, 1.0, limit));
}

Status RunCall(const Call& call, void* output, const Executor& executor) {
  const size_t size = ForwardWorkspaceSize(call.problem, call.inputs.value_strides, executor.num_workers);
  std::unique_ptr<void, Free> scratch;
  if (size > 0) {
    // aligned_alloc wants a multiple of the alignment.
    const size_t whole = (size + kWorkspaceAlignment - 1) / kWorkspaceAlignment * kWorkspaceAlignment;
    scratch.reset(std::aligned_alloc(kWorkspaceAlignment, whole));
    if (scratch == nullptr) throw std::bad_alloc();
  }
  return Forward(call.problem, call.inputs, output, {.data = scratch.get(), .size = size}, executor);
}

}  // namespace xmsda::onnx_binding
