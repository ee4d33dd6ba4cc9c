// The extension for OpenVINO: xmsda::MSDeformAttn of ONNX models on the CPU with the plugin's own threads.
// SPDX-License-Identifier: Apache-2.0
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>
#include <tbb/task_arena.h>
#include <openvino/core/except.hpp>
#include <openvino/core/extension.hpp>
#include <openvino/core/op_extension.hpp>
#include <openvino/frontend/onnx/extension/op.hpp>
#include <openvino/op/op.hpp>

#include <memory>
#include <string>
#include <vector>

#include "call.h"

namespace xmsda::openvino_binding {
namespace {

using onnx_binding::Arguments;
using onnx_binding::Call;

bool ReadDType(const ov::element::Type& type, DType* dtype) {
  if (type == ov::element::f32) {
    *dtype = DType::kF32;
  } else if (type == ov::element::f64) {
    *dtype = DType::kF64;
  } else if (type == ov::element::bf16) {
    *dtype = DType::kBF16;
  } else if (type == ov::element::f16) {
    *dtype = DType::kF16;
  } else {
    return false;
  }
  return true;
}

// The CPU plugin turns every i64 of a graph into i32.
std::vector<int64_t> ReadInts(const ov::Tensor& tensor) {
  if (tensor.get_element_type() == ov::element::i32) {
    const auto* data = tensor.data<const int32_t>();
    return {data, data + tensor.get_size()};
  }
  const auto* data = tensor.data<const int64_t>();
  return {data, data + tensor.get_size()};
}

// OpenVINO's CPU plugin runs a request inside of a oneTBB arena of its own, and so do the tasks started from there.
void RunInArena(void* /*context*/, int n, void (*task)(void* arg, int i), void* arg) {
  if (n == 1) return task(arg, 0);
  tbb::parallel_for(
      0, n, [task, arg](int i) { task(arg, i); }, tbb::static_partitioner());
}

// An operator of OpenVINO's graph.
class MSDeformAttn : public ov::op::Op {
 public:
  OPENVINO_OP("MSDeformAttn", "xmsda")

  MSDeformAttn() = default;
  MSDeformAttn(const ov::OutputVector& inputs, std::vector<int64_t> points, int64_t discrete)
      : Op(inputs), points_(std::move(points)), discrete_(discrete) {
    constructor_validate_and_infer_types();
  }

  void validate_and_infer_types() override {
    NODE_VALIDATION_CHECK(this, get_input_size() == onnx_binding::kNumInputs, "xmsda::MSDeformAttn: expected ",
                          size_t{onnx_binding::kNumInputs}, " inputs, got ", get_input_size());
    CheckTypes();
    const ov::PartialShape& value = get_input_partial_shape(onnx_binding::kValue);
    const ov::PartialShape& locations = get_input_partial_shape(onnx_binding::kLocations);
    ov::PartialShape output = ov::PartialShape::dynamic(3);
    // Shapes of another rank are refused with a message when the sizes are known.
    if (value.rank().is_static() && value.size() == 4) {
      output[0] = value[0];
      output[2] = value[2] * value[3];
    }
    if (locations.rank().is_static() && locations.size() > 1) output[1] = locations[1];
    set_output_type(0, get_input_element_type(onnx_binding::kValue), output);
  }

  std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector& inputs) const override {
    return std::make_shared<MSDeformAttn>(inputs, points_, discrete_);
  }

  bool visit_attributes(ov::AttributeVisitor& visitor) override {
    visitor.on_attribute("points", points_);
    visitor.on_attribute("discrete", discrete_);
    return true;
  }

  bool has_evaluate() const override { return true; }

  bool evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const override {
    Arguments arguments;
    for (size_t i = 0; i < onnx_binding::kNumInputs; ++i) {
      const ov::Shape shape = inputs[i].get_shape();
      arguments.inputs[i] = {.data = inputs[i].data(), .shape = {shape.begin(), shape.end()}};
    }
    const std::vector<int64_t> shapes = ReadInts(inputs[onnx_binding::kSpatialShapes]);
    const std::vector<int64_t> starts = ReadInts(inputs[onnx_binding::kLevelStartIndex]);
    arguments.inputs[onnx_binding::kSpatialShapes].data = shapes.data();
    arguments.inputs[onnx_binding::kLevelStartIndex].data = starts.data();
    ReadDType(inputs[onnx_binding::kValue].get_element_type(), &arguments.value_dtype);
    ReadDType(inputs[onnx_binding::kLocations].get_element_type(), &arguments.location_dtype);
    arguments.points = points_;
    arguments.discrete = discrete_ != 0;
    Call call;
    Status status = onnx_binding::ReadCall(arguments, &call);
    OPENVINO_ASSERT(status.ok(), status.message());
    outputs[0].set_shape(ov::Shape(call.output_shape.begin(), call.output_shape.end()));
    const int threads = tbb::this_task_arena::max_concurrency();
    const Executor executor{
        .num_workers = onnx_binding::WantedWorkers(call.problem, threads), .context = nullptr, .run = RunInArena};
    status = onnx_binding::RunCall(call, outputs[0].data(), executor);
    OPENVINO_ASSERT(status.ok(), status.message());
    return true;
  }

 private:
  void CheckTypes() const {
    DType dtype;
    for (const size_t i : {onnx_binding::kValue, onnx_binding::kLocations, onnx_binding::kWeights}) {
      const ov::element::Type& type = get_input_element_type(i);
      NODE_VALIDATION_CHECK(this, type.is_dynamic() || ReadDType(type, &dtype),
                            "xmsda::MSDeformAttn: ", onnx_binding::InputName(i),
                            ": expected f32, f64, bf16 or f16, got ", type);
    }
    const ov::element::Type& locations = get_input_element_type(onnx_binding::kLocations);
    const ov::element::Type& weights = get_input_element_type(onnx_binding::kWeights);
    NODE_VALIDATION_CHECK(this, locations == weights,
                          "xmsda::MSDeformAttn: attention_weights: expected sampling_locations' ", locations, ", got ",
                          weights);
    for (const size_t i : {onnx_binding::kSpatialShapes, onnx_binding::kLevelStartIndex}) {
      const ov::element::Type& type = get_input_element_type(i);
      const bool known = type.is_dynamic() || type == ov::element::i64 || type == ov::element::i32;
      NODE_VALIDATION_CHECK(this, known, "xmsda::MSDeformAttn: ", onnx_binding::InputName(i),
                            ": expected i64 or i32, got ", type);
    }
  }

  std::vector<int64_t> points_;
  int64_t discrete_ = 0;
};

std::vector<ov::Extension::Ptr> Extensions() {
  using OnnxExtension = ov::frontend::onnx::OpExtension<MSDeformAttn>;
  return {
      // For OpenVINO's own files, that is models which were converted and saved.
      std::make_shared<ov::OpExtension<MSDeformAttn>>(),
      std::make_shared<OnnxExtension>(onnx_binding::kOpType, onnx_binding::kDomain),
  };
}

}  // namespace
}  // namespace xmsda::openvino_binding

OPENVINO_CREATE_EXTENSIONS(xmsda::openvino_binding::Extensions())
