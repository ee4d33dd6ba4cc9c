// Checks the tensors of a call and describes them to the core.
// SPDX-License-Identifier: Apache-2.0
#include "arguments.h"

#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <initializer_list>
#include <stdexcept>
#include <string>

#include "core/validate.h"

namespace xmsda::torch_binding {
namespace {

using torch::headeronly::ScalarType;

std::string ShapeText(torch::headeronly::IntHeaderOnlyArrayRef shape) {
  std::string text = "[";
  for (const int64_t size : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(size);
  }
  text += ']';
  return text;
}

std::string ShapeText(const Tensor& tensor) { return ShapeText(tensor.sizes()); }

std::string DTypeText(const Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case ScalarType::Float:
      return "float32";
    case ScalarType::Double:
      return "float64";
    case ScalarType::BFloat16:
      return "bfloat16";
    case ScalarType::Half:
      return "float16";
    case ScalarType::Int:
      return "int32";
    case ScalarType::Long:
      return "int64";
    default:
      return torch::headeronly::toString(tensor.scalar_type());
  }
}

bool ReadDType(const Tensor& tensor, DType* dtype) {
  switch (tensor.scalar_type()) {
    case ScalarType::Float:
      *dtype = DType::kF32;
      return true;
    case ScalarType::Double:
      *dtype = DType::kF64;
      return true;
    case ScalarType::BFloat16:
      *dtype = DType::kBF16;
      return true;
    case ScalarType::Half:
      *dtype = DType::kF16;
      return true;
    default:
      return false;
  }
}

void CheckOnCpu(const char* name, const Tensor& tensor) {
  // Python's None arrives as an undefined tensor. Not std::invalid_argument: the Python package makes it a TypeError.
  if (!tensor.defined()) throw std::runtime_error(std::string(name) + ": expected a tensor, got None");
  if (!tensor.is_cpu()) FailArgument(name, "a tensor on the CPU", "one on another device");
}

void CheckShape(const char* name, const Tensor& tensor, const std::vector<int64_t>& shape, const char* meaning) {
  const torch::headeronly::IntHeaderOnlyArrayRef sizes = tensor.sizes();
  if (sizes.size() == shape.size() && std::equal(shape.begin(), shape.end(), sizes.begin())) return;
  FailArgument(name, meaning + (" = " + ShapeText(shape)), ShapeText(tensor));
}

// Element access for the few integers of the level metadata, of either width and any stride.
class IntReader {
 public:
  IntReader(const char* name, const Tensor& tensor)
      : data_(tensor.const_data_ptr()), is_64_bit_(tensor.scalar_type() == ScalarType::Long) {
    if (!is_64_bit_ && tensor.scalar_type() != ScalarType::Int) {
      FailArgument(name, "int64 or int32", DTypeText(tensor));
    }
  }
  int64_t operator[](int64_t offset) const {
    return is_64_bit_ ? static_cast<const int64_t*>(data_)[offset] : static_cast<const int32_t*>(data_)[offset];
  }

 private:
  const void* data_;
  bool is_64_bit_;
};

std::string LevelName(const char* name, int64_t level) { return std::string(name) + "[" + std::to_string(level) + "]"; }

void ReadLevels(const TensorArguments& arguments, Problem* problem) {
  const Tensor& shapes = arguments.spatial_shapes;
  CheckOnCpu("spatial_shapes", shapes);
  if (shapes.dim() != 2 || shapes.size(1) != 2) FailArgument("spatial_shapes", "[L, 2]", ShapeText(shapes));
  const int64_t num_levels = shapes.size(0);
  const IntReader sides("spatial_shapes", shapes);
  const int64_t level_stride = shapes.stride(0);
  const int64_t side_stride = shapes.stride(1);
  std::optional<IntReader> starts;
  int64_t start_stride = 0;
  if (arguments.level_start_index.has_value()) {
    CheckOnCpu("level_start_index", *arguments.level_start_index);
    CheckShape("level_start_index", *arguments.level_start_index, {num_levels}, "[L]");
    starts.emplace("level_start_index", *arguments.level_start_index);
    start_stride = arguments.level_start_index->stride(0);
  }
  problem->levels.resize(static_cast<size_t>(num_levels));
  int64_t next_start = 0;
  int64_t cells = 0;
  // The core checks the same, but names its own fields.
  for (int64_t l = 0; l < num_levels; ++l) {
    Level& level = problem->levels[static_cast<size_t>(l)];
    level.height = sides[l * level_stride];
    level.width = sides[l * level_stride + side_stride];
    level.start = starts ? (*starts)[l * start_stride] : next_start;
    const int64_t size = problem->value_size;
    if (level.height > kMaxSide || level.width > kMaxSide) {
      FailArgument(LevelName("spatial_shapes", l).c_str(), "height and width of at most 2^24",
                   std::to_string(level.height) + " x " + std::to_string(level.width));
    }
    if (level.height < 1 || level.width < 1) {
      FailArgument(LevelName("spatial_shapes", l).c_str(), "height and width of at least 1",
                   std::to_string(level.height) + " x " + std::to_string(level.width));
    }
    if (level.start < 0) {
      FailArgument(LevelName("level_start_index", l).c_str(), "at least 0", std::to_string(level.start));
    }
    // Written without a product that could overflow: height * width <= room exactly when height <= room / width.
    if (level.start > size || level.height > (size - level.start) / level.width) {
      FailArgument(LevelName(starts ? "level_start_index" : "spatial_shapes", l).c_str(),
                   "a level inside the " + std::to_string(size) + " pixels of value",
                   std::to_string(level.height) + " x " + std::to_string(level.width) + " pixels from " +
                       std::to_string(level.start));
    }
    next_start = level.start + level.height * level.width;
    cells += (level.height + 1) * (level.width + 1);
  }
  if (cells > kMaxCells) {
    FailArgument("spatial_shapes", "fewer than 2^31 cells (height + 1) * (width + 1) in all", std::to_string(cells));
  }
}

// Fills in the points of the levels and returns the shape that sampling_locations must have.
std::vector<int64_t> ReadPoints(const TensorArguments& arguments, Problem* problem) {
  const Tensor& locations = arguments.sampling_locations;
  const int64_t num_levels = static_cast<int64_t>(problem->levels.size());
  const std::vector<int64_t>& points = arguments.points;
  if (!points.empty() && static_cast<int64_t>(points.size()) != num_levels) {
    FailArgument("points_per_level", "one number per level, " + std::to_string(num_levels),
                 std::to_string(points.size()));
  }
  const bool has_level_axis = locations.dim() == 6;
  if (!has_level_axis && points.empty() && num_levels != 0) {
    FailArgument(arguments.locations_name(), "[B, Q, M, L, P, 2], or [B, Q, M, K, 2] with points_per_level",
                 ShapeText(locations));
  }
  int64_t num_samples = 0;
  for (size_t l = 0; l < problem->levels.size(); ++l) {
    const int64_t count = points.empty() ? locations.size(4) : points[l];
    if (count < 0) {
      FailArgument(LevelName("points_per_level", static_cast<int64_t>(l)).c_str(), "at least 0", std::to_string(count));
    }
    if (has_level_axis && count != locations.size(4)) {
      FailArgument(
          "points_per_level",
          "the P = " + std::to_string(locations.size(4)) + " of " + arguments.locations_name() + " [B, Q, M, L, P, 2]",
          std::to_string(count));
    }
    problem->levels[l].points = count;
    // Compared before it is added: the sum could pass 2^63.
    if (count > kMaxSamples - num_samples) {
      FailArgument(points.empty() ? arguments.locations_name() : "points_per_level",
                   "at most " + std::to_string(kMaxSamples) + " points over all levels",
                   std::to_string(count) + " in level " + std::to_string(l) + " after " + std::to_string(num_samples));
    }
    num_samples += count;
  }
  if (has_level_axis) {
    return {problem->batch, problem->num_queries, problem->num_heads, num_levels, locations.size(4), 2};
  }
  return {problem->batch, problem->num_queries, problem->num_heads, num_samples, 2};
}

// Whether the axes from `first_axis` on are dense, in which case the tensor can be read where it is.
bool IsDenseFrom(const Tensor& tensor, int64_t first_axis) {
  int64_t dense_stride = 1;
  for (int64_t axis = tensor.dim() - 1; axis >= first_axis; --axis) {
    if (tensor.size(axis) != 1 && tensor.stride(axis) != dense_stride) return false;
    dense_stride *= tensor.size(axis);
  }
  return true;
}

// The axes behind the head must be dense; any of the others may have any stride (0 when expanded).
Tensor WithDenseSamples(const Tensor& tensor) {
  constexpr int64_t kFirstSampleAxis = 3;
  if (tensor.numel() == 0 || IsDenseFrom(tensor, kFirstSampleAxis)) return tensor;
  return torch::stable::contiguous(tensor);
}

SampleStrides StridesOfSamples(const Tensor& tensor) {
  return {.batch = tensor.stride(0), .query = tensor.stride(1), .head = tensor.stride(2)};
}

void ReadValue(const Tensor& value, Call* call) {
  Problem& problem = call->problem;
  CheckOnCpu("value", value);
  if (value.dim() != 4) FailArgument("value", "[B, S, M, D]", ShapeText(value));
  if (!ReadDType(value, &problem.value_dtype)) {
    FailArgument("value", "float32, float64, bfloat16 or float16", DTypeText(value));
  }
  problem.batch = value.size(0);
  problem.value_size = value.size(1);
  if (problem.value_size > kMaxValueSize) {
    FailArgument("value", "[B, S, M, D] with S below 2^31", ShapeText(value));
  }
  problem.num_heads = value.size(2);
  problem.channels = value.size(3);
  call->inputs.value = value.const_data_ptr();
  call->inputs.value_strides = {
      .batch = value.stride(0), .pixel = value.stride(1), .head = value.stride(2), .channel = value.stride(3)};
}

void CheckSampleDTypes(const TensorArguments& arguments, Problem* problem) {
  const Tensor& locations = arguments.sampling_locations;
  const bool is_half = problem->value_dtype == DType::kBF16 || problem->value_dtype == DType::kF16;
  if (!ReadDType(locations, &problem->location_dtype) ||
      (problem->location_dtype != problem->value_dtype && !(is_half && problem->location_dtype == DType::kF32))) {
    FailArgument(arguments.locations_name(),
                 is_half ? "float32 or value's " + DTypeText(arguments.value) : "value's " + DTypeText(arguments.value),
                 DTypeText(locations));
  }
  if (arguments.attention_weights.scalar_type() != locations.scalar_type()) {
    FailArgument(arguments.weights_name(), std::string(arguments.locations_name()) + "' " + DTypeText(locations),
                 DTypeText(arguments.attention_weights));
  }
}

// Sizes whose products the core limits, under the names that they have in Python.
void CheckSizes(const TensorArguments& arguments, const Problem& p) {
  const auto check = [](const char* name, const char* what, const Tensor& tensor,
                        std::initializer_list<int64_t> sizes) {
    if (ElementsFit(sizes)) return;
    FailArgument(name, std::string(what) + " of fewer than 2^47 elements, a size of 0 counted as 1", ShapeText(tensor));
  };
  check("value", "[B, S, M, D]", arguments.value, {p.batch, p.value_size, p.num_heads, p.channels});
  check(arguments.locations_name(), "locations", arguments.sampling_locations,
        {p.batch, p.num_queries, p.num_heads, p.SamplesPerQuery(), 2});
  check(arguments.locations_name(), "an output [B, Q, M*D]", arguments.sampling_locations,
        {p.batch, p.num_queries, p.num_heads, p.channels});
}

// References are of the arithmetic's type.
void ReadReferences(const TensorArguments& arguments, Call* call) {
  const Tensor& points = **arguments.reference_points;
  Problem& problem = call->problem;
  CheckOnCpu("reference_points", points);
  const auto num_levels = static_cast<int64_t>(problem.levels.size());
  const bool per_level = points.dim() == 5;
  const int64_t components = points.dim() == 0 ? 0 : points.size(points.dim() - 1);
  const int64_t anchors = points.dim() < 4 ? 0 : points.size(points.dim() - 2);
  if (anchors < 1 || (components != 2 && components != 4)) {
    FailArgument("reference_points", "[B, Q, Z, 2 or 4] or [B, Q, L, Z, 2 or 4] with at least one reference",
                 ShapeText(points));
  }
  std::vector<int64_t> shape{problem.batch, problem.num_queries, anchors, components};
  if (per_level) shape.insert(shape.begin() + 2, num_levels);
  CheckShape("reference_points", points, shape, per_level ? "[B, Q, L, Z, 2 or 4]" : "[B, Q, Z, 2 or 4]");
  DType dtype;
  if (!ReadDType(points, &dtype) || dtype != problem.reference_dtype()) {
    FailArgument("reference_points",
                 std::string(problem.reference_dtype() == DType::kF64 ? "float64" : "float32") + " for a value of " +
                     DTypeText(arguments.value),
                 DTypeText(points));
  }
  problem.references = {
      .components = components, .per_level = per_level, .anchors = anchors, .offset_scale = arguments.offset_scale};
  const int64_t first_dense_axis = 2;
  call->references =
      points.numel() == 0 || IsDenseFrom(points, first_dense_axis) ? points : torch::stable::contiguous(points);
  call->inputs.references = call->references.const_data_ptr();
  call->inputs.reference_strides = {.batch = call->references.stride(0), .query = call->references.stride(1)};
}

}  // namespace

void FailArgument(const char* name, const std::string& expected, const std::string& got) {
  throw std::invalid_argument(std::string(name) + ": expected " + expected + ", got " + got);
}

Call ReadArguments(const TensorArguments& arguments) {
  Call call{.problem = {},
            .inputs = {},
            .locations = arguments.sampling_locations,
            .weights = arguments.attention_weights,
            .references = arguments.value};
  Problem& problem = call.problem;
  problem.sampling = arguments.discrete ? Sampling::kDiscrete : Sampling::kBilinear;
  problem.padding = arguments.border ? Padding::kBorder : Padding::kZeros;
  problem.align_corners = arguments.align_corners;
  ReadValue(arguments.value, &call);
  ReadLevels(arguments, &problem);

  const Tensor& locations = arguments.sampling_locations;
  CheckOnCpu(arguments.locations_name(), locations);
  CheckOnCpu(arguments.weights_name(), arguments.attention_weights);
  problem.num_queries = locations.dim() > 1 ? locations.size(1) : 0;
  std::vector<int64_t> shape = ReadPoints(arguments, &problem);
  const bool has_level_axis = shape.size() == 6;
  CheckShape(arguments.locations_name(), locations, shape, has_level_axis ? "[B, Q, M, L, P, 2]" : "[B, Q, M, K, 2]");
  shape.pop_back();
  CheckShape(arguments.weights_name(), arguments.attention_weights, shape,
             has_level_axis ? "[B, Q, M, L, P]" : "[B, Q, M, K]");
  CheckSampleDTypes(arguments, &problem);
  CheckSizes(arguments, problem);
  if (arguments.fused()) ReadReferences(arguments, &call);

  call.locations = WithDenseSamples(locations);
  call.weights = WithDenseSamples(arguments.attention_weights);
  call.inputs.locations = call.locations.const_data_ptr();
  call.inputs.weights = call.weights.const_data_ptr();
  call.inputs.location_strides = StridesOfSamples(call.locations);
  call.inputs.weight_strides = StridesOfSamples(call.weights);
  return call;
}

Tensor ReadGradOutput(const Tensor& grad_output, const Problem& problem) {
  CheckOnCpu("grad_output", grad_output);
  CheckShape("grad_output", grad_output, {problem.batch, problem.num_queries, problem.num_heads * problem.channels},
             "[B, Q, M*D]");
  DType dtype;
  if (!ReadDType(grad_output, &dtype) || dtype != problem.value_dtype) {
    FailArgument("grad_output", std::string("value's dtype ") + DTypeName(problem.value_dtype), DTypeText(grad_output));
  }
  return grad_output.is_contiguous() ? grad_output : torch::stable::contiguous(grad_output);
}

}  // namespace xmsda::torch_binding
