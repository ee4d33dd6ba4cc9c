// Runs a backend on a case and judges the results.
// SPDX-License-Identifier: Apache-2.0
#include "testing/tester.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include "core/dtype.h"

namespace xmsda::testing {
namespace {

// Unit roundoff and least subnormal of a storage type: the last rounding of a result.
struct Rounding {
  double unit, tiny, largest;
};

Rounding RoundingOf(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return {0x1p-53, 0x1p-1074, std::numeric_limits<double>::max()};
    case DType::kBF16:
      return {0x1p-8, 0x1p-133, 0x1.FEp127};
    case DType::kF16:
      return {0x1p-11, 0x1p-24, 65504.0};
    case DType::kF32:
      break;
  }
  return {0x1p-24, 0x1p-149, std::numeric_limits<float>::max()};
}

double RoundTo(DType dtype, double value) {
  double element = 0;
  StoreElement(dtype, &element, 0, value);
  return LoadElement(dtype, &element, 0);
}

struct Axis {
  const char* name;
  int64_t size;
  int64_t stride;
};

// One result array, its axes from the outermost inwards.
struct ArrayView {
  const char* name;
  const Buffer* buffer;
  DType dtype;
  std::vector<Axis> axes;
  const ExpectedArray* expected;
  bool is_gradient;
  Arithmetic arithmetic = {};  // of the backend

  int64_t NumElements() const {
    int64_t elements = 1;
    for (const Axis& axis : axes) elements *= axis.size;
    return elements;
  }

  // Offset in elements of the i-th element in the order of the axes.
  int64_t Offset(int64_t i) const {
    int64_t offset = 0;
    for (size_t a = axes.size(); a-- > 0;) {
      offset += (i % axes[a].size) * axes[a].stride;
      i /= axes[a].size;
    }
    return offset;
  }

  std::string IndexText(int64_t i) const {
    std::string text;
    for (size_t a = axes.size(); a-- > 0;) {
      text = std::string(axes[a].name) + "=" + std::to_string(i % axes[a].size) + (text.empty() ? "" : ", ") + text;
      i /= axes[a].size;
    }
    return "[" + text + "]";
  }
};

void MakeDense(std::vector<Axis>* axes) {
  int64_t stride = 1;
  for (size_t a = axes->size(); a-- > 0;) {
    (*axes)[a].stride = stride;
    stride *= (*axes)[a].size;
  }
}

std::array<ArrayView, 5> ViewsOf(const CaseData& data, const Expected& expected, const Results& results) {
  const Problem& p = data.test_case.problem;
  const ValueStrides& s = data.grad_value_strides;
  const int64_t samples = p.SamplesPerQuery();
  std::array<ArrayView, 5> views{
      {{"output",
        &results.output,
        p.value_dtype,
        {{"b", p.batch, 0}, {"q", p.num_queries, 0}, {"m", p.num_heads, 0}, {"d", p.channels, 0}},
        &expected.output,
        false},
       {"grad_value",
        &results.grad_value,
        p.value_dtype,
        {{"b", p.batch, s.batch},
         {"s", p.value_size, s.pixel},
         {"m", p.num_heads, s.head},
         {"d", p.channels, s.channel}},
        &expected.grad_value,
        true},
       {"grad_locations",
        &results.grad_locations,
        p.location_dtype,
        {{"b", p.batch, 0}, {"q", p.num_queries, 0}, {"m", p.num_heads, 0}, {"k", samples, 0}, {"uv", 2, 0}},
        &expected.grad_locations,
        true},
       {"grad_weights",
        &results.grad_weights,
        p.location_dtype,
        {{"b", p.batch, 0}, {"q", p.num_queries, 0}, {"m", p.num_heads, 0}, {"k", samples, 0}},
        &expected.grad_weights,
        true},
       {"grad_references",
        &results.grad_references,
        p.reference_dtype(),
        {{"b", p.batch, 0},
         {"q", p.num_queries, 0},
         {"r", p.ReferencesPerQuery(), 0},
         {"c", p.references.components, 0}},
        &expected.grad_references,
        true}}};
  for (const size_t dense : {0u, 2u, 3u, 4u}) MakeDense(&views[dense].axes);
  return views;
}

// Whether the backend may have turned the infinity `rounded` of a finite result into `got`.
bool Saturated(const ArrayView& view, double got, double rounded) {
  return view.arithmetic.f16_saturates && view.dtype == DType::kF16 &&
         got == std::copysign(RoundingOf(DType::kF16).largest, rounded);
}

// |got - expected| over what is allowed: at most 1 when all is well, infinity when no bound applies.
double ErrorOverBound(const ArrayView& view, int64_t i, double got, double* bound) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const size_t index = static_cast<size_t>(i);
  const double expected = view.expected->value[index];
  const double rounded = RoundTo(view.dtype, expected);
  *bound = 0;
  if (!std::isfinite(rounded)) {
    if (std::isfinite(expected) && Saturated(view, got, rounded)) return 0;
    if (view.is_gradient) return std::isfinite(got) ? kInf : 0;
    if (std::isnan(rounded) ? std::isnan(got) : got == rounded) return 0;
    return std::isinf(expected) && view.arithmetic.infinite_weights_are_nan && std::isnan(got) ? 0 : kInf;
  }
  if (view.expected->bound.empty()) return got == rounded ? 0 : kInf;  // +0 and -0 are the same sum
  const Rounding rounding = RoundingOf(view.dtype);
  double before = view.expected->bound[index];
  if (view.arithmetic.f16_weights && !view.expected->f16_weights_bound.empty())
    before += view.expected->f16_weights_bound[index];
  *bound = before + rounding.unit * (std::abs(expected) + before) + rounding.tiny;
  if (std::isinf(got)) {  // fine when rounding up from within the bound overflows
    return std::abs(expected) + *bound > rounding.largest && std::signbit(got) == std::signbit(expected) ? 0 : kInf;
  }
  const double error = std::abs(got - expected);
  return error <= *bound ? error / *bound : error > *bound ? error / *bound : kInf;  // the last one for NaN
}

Difference JudgeArray(const ArrayView& view) {
  Difference worst;
  worst.array = view.name;
  worst.error_over_bound = -1;
  const int64_t elements = view.NumElements();
  double errors = 0, squares = 0, finite = 0;
  for (int64_t i = 0; i < elements; ++i) {
    const double got = LoadElement(view.dtype, view.buffer->data(), view.Offset(i));
    const double expected = view.expected->value[static_cast<size_t>(i)];
    if (std::isfinite(got) && std::isfinite(expected)) {
      errors += (got - expected) * (got - expected);
      squares += expected * expected;
      ++finite;
    }
    double bound = 0;
    const double ratio = ErrorOverBound(view, i, got, &bound);
    if (ratio <= worst.error_over_bound) continue;
    worst.error_over_bound = ratio;
    worst.index = view.IndexText(i);
    worst.got = got;
    worst.expected = expected;
    worst.bound = bound;
  }
  worst.rms_error = finite > 0 ? std::sqrt(errors / finite) : 0;
  worst.rms_expected = finite > 0 ? std::sqrt(squares / finite) : 0;
  worst.error_over_bound = std::max(worst.error_over_bound, 0.0);
  worst.ok = worst.error_over_bound <= 1;
  return worst;
}

// Bytes of the gradient of value that belong to no element must keep their poison.
bool GapsIntact(const CaseData& data, const Buffer& grad_value, uint8_t poison) {
  const Problem& problem = data.test_case.problem;
  const ValueStrides& s = data.grad_value_strides;
  const int64_t elements = problem.batch * problem.value_size * problem.num_heads * problem.channels;
  const size_t size = DTypeSize(problem.value_dtype);
  if (static_cast<size_t>(elements) * size == grad_value.size()) return true;
  std::vector<bool> is_element(grad_value.size() / size, false);
  for (int64_t b = 0; b < problem.batch; ++b) {
    for (int64_t pixel = 0; pixel < problem.value_size; ++pixel) {
      for (int64_t m = 0; m < problem.num_heads; ++m) {
        for (int64_t d = 0; d < problem.channels; ++d) {
          is_element[static_cast<size_t>(b * s.batch + pixel * s.pixel + m * s.head + d * s.channel)] = true;
        }
      }
    }
  }
  for (size_t i = 0; i < grad_value.size(); ++i) {
    if (!is_element[i / size] && grad_value.data()[i] != poison) return false;
  }
  return true;
}

std::string Number(double value) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.9g", value);
  return text;
}

// Changes with every single byte: each step is a bijection of what came before.
uint64_t Checksum(const Buffer& buffer) {
  uint64_t sum = buffer.size();
  for (size_t i = 0; i < buffer.size(); i += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, buffer.data() + i, std::min(sizeof(word), buffer.size() - i));
    sum = (sum ^ word) * 0x9E3779B97F4A7C15u;
    sum ^= sum >> 32;
  }
  return sum;
}

struct NamedInput {
  const char* name;
  const Buffer* buffer;
};

// What a backend reads and must leave as it is, gaps of padded layouts included.
std::array<NamedInput, 5> InputsOf(const CaseData& data) {
  return {{{"inputs.value", &data.value},
           {"inputs.locations", &data.locations},
           {"inputs.weights", &data.weights},
           {"inputs.references", &data.references},
           {"grad_output", &data.grad_output}}};
}

std::array<uint64_t, 5> ChecksumsOf(const CaseData& data) {
  std::array<uint64_t, 5> sums{};
  const auto inputs = InputsOf(data);
  for (size_t i = 0; i < inputs.size(); ++i) sums[i] = Checksum(*inputs[i].buffer);
  return sums;
}

Status Damaged(const char* what) {
  return Status::InvalidArgument(std::string(what) + ": expected bytes outside the array to stay, got others");
}

Status RunBackward(const Backend& backend, const CaseData& data, const RunOptions& options, Results* results,
                   Buffer* workspace) {
  const Problem& problem = data.test_case.problem;
  const size_t size = backend.backward_workspace
                          ? backend.backward_workspace(problem, data.inputs.value_strides, data.grad_value_strides,
                                                       options.executor.num_workers)
                          : 0;
  *workspace = Buffer(size, 0, options.poison);
  CallOptions call;
  call.ran_target = &results->backward_target;
  const Gradients gradients{results->grad_value.data(), results->grad_locations.data(), results->grad_weights.data(),
                            data.grad_value_strides, results->grad_references.data()};
  return backend.backward(problem, data.inputs, data.grad_output.data(), gradients, {workspace->data(), size},
                          options.executor, call);
}

}  // namespace

Status RunBackend(const Backend& backend, const CaseData& data, const RunOptions& options, Results* results) {
  const Problem& problem = data.test_case.problem;
  const int workers = options.executor.num_workers;
  const std::array<uint64_t, 5> checksums = ChecksumsOf(data);
  const auto make = [&](DType dtype, int64_t elements) {
    const size_t size = DTypeSize(dtype);
    return Buffer(static_cast<size_t>(elements) * size, data.test_case.misaligned ? size : 0, options.poison);
  };
  const int64_t queries = problem.batch * problem.num_queries * problem.num_heads;
  results->output = make(problem.value_dtype, queries * problem.channels);
  if (backend.backward) {
    results->grad_value = make(problem.value_dtype, ValueExtent(problem, data.grad_value_strides));
    results->grad_locations = make(problem.location_dtype, 2 * queries * problem.SamplesPerQuery());
    results->grad_weights = make(problem.location_dtype, queries * problem.SamplesPerQuery());
    if (problem.IsFused()) {
      results->grad_references =
          make(problem.reference_dtype(),
               problem.batch * problem.num_queries * problem.ReferencesPerQuery() * problem.references.components);
    }
  }

  const size_t size =
      backend.forward_workspace ? backend.forward_workspace(problem, data.inputs.value_strides, workers) : 0;
  const Buffer forward_workspace(size, 0, options.poison);
  static_assert(kWorkspaceAlignment == 64, "what Buffer gives without a misalignment");
  CallOptions call;
  call.ran_target = &results->forward_target;
  Status status = backend.forward(problem, data.inputs, results->output.data(), {forward_workspace.data(), size},
                                  options.executor, call);
  if (!status.ok()) return status;

  Buffer backward_workspace;
  if (backend.backward) {
    status = RunBackward(backend, data, options, results, &backward_workspace);
    if (!status.ok()) return status;
  }
  if (!forward_workspace.GuardsIntact()) return Damaged("forward workspace");
  if (!backward_workspace.GuardsIntact()) return Damaged("backward workspace");
  if (!results->output.GuardsIntact()) return Damaged("output");
  if (!results->grad_value.GuardsIntact()) return Damaged("gradients.value");
  if (backend.backward && !GapsIntact(data, results->grad_value, options.poison))
    return Damaged("gradients.value, gaps of its layout");
  if (!results->grad_locations.GuardsIntact()) return Damaged("gradients.locations");
  if (!results->grad_weights.GuardsIntact()) return Damaged("gradients.weights");
  if (!results->grad_references.GuardsIntact()) return Damaged("gradients.references");
  const auto inputs = InputsOf(data);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].buffer->GuardsIntact()) return Damaged(inputs[i].name);
    if (Checksum(*inputs[i].buffer) != checksums[i]) {
      return Status::InvalidArgument(std::string(inputs[i].name) + ": expected to stay as it was, got a change");
    }
  }
  return {};
}

std::vector<Difference> Judge(const Backend& backend, const CaseData& data, const Expected& expected,
                              const Results& results) {
  std::vector<Difference> differences;
  for (ArrayView view : ViewsOf(data, expected, results)) {
    view.arithmetic = backend.arithmetic;
    if (view.name == std::string_view("grad_references") && !data.test_case.problem.IsFused()) continue;
    if (!view.is_gradient || backend.backward) differences.push_back(JudgeArray(view));
  }
  return differences;
}

std::string ReplayCommand(std::string_view mode, const Backend& backend, const Case& test_case, int threads) {
  return "xmsda " + std::string(mode) + " " + CaseOptions(test_case) + " --backend " + backend.name +
         (threads > 1 ? " --threads " + std::to_string(threads) : "");
}

std::string Describe(const Backend& backend, const Case& test_case, const Difference& difference, int threads) {
  return difference.array + difference.index + ": got " + Number(difference.got) + ", expected " +
         Number(difference.expected) + ", off by " + Number(std::abs(difference.got - difference.expected)) +
         ", allowed " + Number(difference.bound) + "\n  problem: " + ToString(test_case.problem) +
         "\n  replay:  " + ReplayCommand("check", backend, test_case, threads) + "\n";
}

std::string CheckTargets(const Backend& backend, const Problem& problem, const Results& results) {
  constexpr std::string_view kPrefix = "cpu:";
  const bool has_work = problem.batch > 0 && problem.num_queries > 0 && problem.num_heads > 0 && problem.channels > 0 &&
                        problem.SamplesPerQuery() > 0;
  if (!has_work || !backend.name.starts_with(kPrefix)) return "";
  const std::string forced = backend.name.substr(kPrefix.size());
  for (const Target ran : {results.forward_target, results.backward_target}) {
    if (forced != TargetName(ran)) return "target: expected " + forced + " to run, got " + TargetName(ran) + "\n";
  }
  return "";
}

std::string CheckBackend(const Backend& backend, const CaseData& data, const Expected& expected,
                         const RunOptions& options) {
  const int threads = options.executor.num_workers;
  Results results;
  if (Status status = RunBackend(backend, data, options, &results); !status.ok()) {
    return status.message() + "\n  replay:  " + ReplayCommand("check", backend, data.test_case, threads) + "\n";
  }
  std::string report = CheckTargets(backend, data.test_case.problem, results);
  for (const Difference& difference : Judge(backend, data, expected, results)) {
    if (!difference.ok) report += Describe(backend, data.test_case, difference, threads);
  }
  return report;
}

std::string CompareBits(const CaseData& data, const Results& a, const Results& b) {
  const Expected none;
  const std::array<ArrayView, 5> views_a = ViewsOf(data, none, a);
  const std::array<ArrayView, 5> views_b = ViewsOf(data, none, b);
  for (size_t v = 0; v < views_a.size(); ++v) {
    const ArrayView& view = views_a[v];
    if (view.buffer->data() == nullptr || views_b[v].buffer->data() == nullptr) continue;
    const size_t size = DTypeSize(view.dtype);
    const int64_t elements = view.NumElements();
    for (int64_t i = 0; i < elements; ++i) {
      const size_t offset = static_cast<size_t>(view.Offset(i)) * size;
      if (std::memcmp(view.buffer->data() + offset, views_b[v].buffer->data() + offset, size) == 0) continue;
      return std::string(view.name) + view.IndexText(i) + ": " +
             Number(LoadElement(view.dtype, view.buffer->data(), view.Offset(i))) + " and " +
             Number(LoadElement(view.dtype, views_b[v].buffer->data(), view.Offset(i)));
    }
  }
  return "";
}

}  // namespace xmsda::testing
