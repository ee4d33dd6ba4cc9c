// What a backend must compute for a case.
// SPDX-License-Identifier: Apache-2.0
#include "testing/expected.h"

#include <cstdio>
#include <cstdlib>

#include "core/dtype.h"
#include "reference/reference.h"
#include "testing/bounds.h"

namespace xmsda::testing {
namespace {

// Reads [outer axes..., row] with a dense row.
std::vector<double> ReadSamples(const Problem& problem, const void* array, const SampleStrides& strides, int64_t row) {
  std::vector<double> dense;
  dense.reserve(static_cast<size_t>(problem.batch * problem.num_queries * problem.num_heads * row));
  for (int64_t b = 0; b < problem.batch; ++b) {
    for (int64_t q = 0; q < problem.num_queries; ++q) {
      for (int64_t m = 0; m < problem.num_heads; ++m) {
        const int64_t start = b * strides.batch + q * strides.query + m * strides.head;
        for (int64_t i = 0; i < row; ++i) dense.push_back(LoadElement(problem.location_dtype, array, start + i));
      }
    }
  }
  return dense;
}

std::vector<double> ReadValue(const Problem& problem, const void* array, const ValueStrides& strides) {
  std::vector<double> dense;
  dense.reserve(static_cast<size_t>(problem.batch * problem.value_size * problem.num_heads * problem.channels));
  for (int64_t b = 0; b < problem.batch; ++b) {
    for (int64_t s = 0; s < problem.value_size; ++s) {
      for (int64_t m = 0; m < problem.num_heads; ++m) {
        const int64_t start = b * strides.batch + s * strides.pixel + m * strides.head;
        for (int64_t d = 0; d < problem.channels; ++d) {
          dense.push_back(LoadElement(problem.value_dtype, array, start + d * strides.channel));
        }
      }
    }
  }
  return dense;
}

DoubleInputs ReadInputs(const CaseData& data) {
  const Problem& problem = data.test_case.problem;
  const int64_t samples = problem.SamplesPerQuery();
  DoubleInputs inputs;
  inputs.value = ReadValue(problem, data.inputs.value, data.inputs.value_strides);
  inputs.locations = ReadSamples(problem, data.inputs.locations, data.inputs.location_strides, 2 * samples);
  inputs.weights = ReadSamples(problem, data.inputs.weights, data.inputs.weight_strides, samples);
  const int64_t outputs = problem.batch * problem.num_queries * problem.num_heads * problem.channels;
  inputs.grad_output.reserve(static_cast<size_t>(outputs));
  for (int64_t i = 0; i < outputs; ++i) {
    inputs.grad_output.push_back(LoadElement(problem.value_dtype, data.grad_output.data(), i));
  }
  return inputs;
}

std::vector<double> ReadReferences(const CaseData& data) {
  const Problem& problem = data.test_case.problem;
  const ReferenceStrides& strides = data.inputs.reference_strides;
  const int64_t row = problem.ReferencesPerQuery() * problem.references.components;
  std::vector<double> dense;
  for (int64_t b = 0; b < problem.batch; ++b) {
    for (int64_t q = 0; q < problem.num_queries; ++q) {
      for (int64_t e = 0; e < row; ++e) {
        const int64_t index = b * strides.batch + q * strides.query + e;
        dense.push_back(LoadElement(problem.reference_dtype(), data.inputs.references, index));
      }
    }
  }
  return dense;
}

// The inputs are ours and valid; a failure here is a bug of the tester and must not pass for agreement.
void Require(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "reference: %s\n", status.message().c_str());
  std::abort();
}

}  // namespace

Expected ComputeExpected(const CaseData& data, const Executor& executor) {
  DoubleInputs dense = ReadInputs(data);
  const std::vector<double> references = ReadReferences(data);
  Problem problem = data.test_case.problem;
  problem.value_dtype = DType::kF64;
  problem.location_dtype = DType::kF64;
  Inputs inputs;
  inputs.value = dense.value.data();
  inputs.locations = dense.locations.data();
  inputs.weights = dense.weights.data();
  inputs.value_strides = DenseStrides(problem);
  inputs.location_strides = DenseLocationStrides(problem);
  inputs.weight_strides = DenseWeightStrides(problem);

  inputs.references = references.data();
  inputs.reference_strides = DenseReferenceStrides(problem);

  Expected expected;
  expected.output.value.resize(dense.grad_output.size());
  expected.grad_value.value.resize(dense.value.size());
  expected.grad_locations.value.resize(dense.locations.size());
  expected.grad_weights.value.resize(dense.weights.size());
  Gradients gradients;
  gradients.value = expected.grad_value.value.data();
  gradients.locations = expected.grad_locations.value.data();
  gradients.weights = expected.grad_weights.value.data();
  gradients.value_strides = DenseStrides(problem);
  if (!references.empty()) {
    expected.grad_references.value.resize(references.size());
    gradients.references = expected.grad_references.value.data();
  }
  Require(ReferenceForward(problem, inputs, expected.output.value.data(), executor));
  Require(ReferenceBackward(problem, inputs, dense.grad_output.data(), gradients, executor));
  if (data.test_case.pattern != Pattern::kExact) {
    FusedErrors fused;
    if (problem.IsFused()) fused = ReplaceFused(data.test_case.problem, inputs, &dense);
    ComputeBounds(data.test_case.problem, dense, fused, executor, &expected);
  }
  return expected;
}

}  // namespace xmsda::testing
