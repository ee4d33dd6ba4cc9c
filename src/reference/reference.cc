// Double-precision reference, plain loops; nobody optimises it.
// SPDX-License-Identifier: Apache-2.0
#include "reference/reference.h"

#include <algorithm>
#include <new>
#include <vector>

#include "core/dtype.h"
#include "core/validate.h"
#include "reference/sample.h"

namespace xmsda {
namespace {

template <typename T>
double Load(const void* array, int64_t index) {
  return ToDouble(static_cast<const T*>(array)[index]);
}

template <typename T>
void Store(double value, void* array, int64_t index) {
  FromDouble(value, static_cast<T*>(array) + index);
}

// Everything for one batch entry and head.
struct Call {
  const Problem& problem;
  const Inputs& inputs;
  void* output;             // forward only
  const void* grad_output;  // backward only
  const Gradients* gradients;
};

int64_t ValueIndex(const ValueStrides& strides, int64_t b, int64_t m, int64_t pixel, int64_t channel) {
  return b * strides.batch + pixel * strides.pixel + m * strides.head + channel * strides.channel;
}

int64_t SampleIndex(const SampleStrides& strides, int64_t b, int64_t m, int64_t q) {
  return b * strides.batch + q * strides.query + m * strides.head;
}

// visit(level, k, weight, corners) for every sample of query q, k from 0 to K.
template <typename L, typename Visit>
void ForEachSample(const Call& call, int64_t b, int64_t m, int64_t q, const Visit& visit) {
  const int64_t locations = SampleIndex(call.inputs.location_strides, b, m, q);
  const int64_t weights = SampleIndex(call.inputs.weight_strides, b, m, q);
  int64_t k = 0;
  for (const Level& level : call.problem.levels) {
    for (int64_t point = 0; point < level.points; ++point, ++k) {
      const double u = Load<L>(call.inputs.locations, locations + 2 * k);
      const double v = Load<L>(call.inputs.locations, locations + 2 * k + 1);
      const double weight = Load<L>(call.inputs.weights, weights + k);
      visit(k, weight, CornersOf(call.problem.sampling, level, u, v));
    }
  }
}

// scratch: channels doubles.
template <typename V, typename L>
void ForwardHead(const Call& call, int64_t b, int64_t m, std::vector<double>& scratch) {
  const Problem& problem = call.problem;
  for (int64_t q = 0; q < problem.num_queries; ++q) {
    std::fill(scratch.begin(), scratch.end(), 0.0);
    ForEachSample<L>(call, b, m, q, [&](int64_t, double weight, const Corners& corners) {
      for (int i = 0; i < corners.count; ++i) {
        const double coefficient = weight * corners.corner[i].coefficient;
        int64_t index = ValueIndex(call.inputs.value_strides, b, m, corners.corner[i].pixel, 0);
        for (double& sum : scratch) {
          sum += coefficient * Load<V>(call.inputs.value, index);
          index += call.inputs.value_strides.channel;
        }
      }
    });
    int64_t index = ((b * problem.num_queries + q) * problem.num_heads + m) * problem.channels;
    for (const double sum : scratch) Store<V>(sum, call.output, index++);
  }
}

// One sample's gradients of weight, u and v; its share of the gradient of value is added to grad_value[S,D].
template <typename V>
void BackwardSample(const Call& call, int64_t b, int64_t m, int64_t output_index, double weight, const Corners& corners,
                    double* grad_value, double* grad_weight, double* grad_location) {
  const int64_t channels = call.problem.channels;
  for (int i = 0; i < corners.count; ++i) {
    const Corner& corner = corners.corner[i];
    double dot = 0;
    int64_t index = ValueIndex(call.inputs.value_strides, b, m, corner.pixel, 0);
    for (int64_t channel = 0; channel < channels; ++channel) {
      const double grad = Load<V>(call.grad_output, output_index + channel);
      dot += grad * Load<V>(call.inputs.value, index);
      index += call.inputs.value_strides.channel;
      grad_value[corner.pixel * channels + channel] += weight * corner.coefficient * grad;
    }
    *grad_weight += corner.coefficient * dot;
    grad_location[0] += weight * corner.du * dot;
    grad_location[1] += weight * corner.dv * dot;
  }
}

// scratch: value_size * channels doubles.
template <typename V, typename L>
void BackwardHead(const Call& call, int64_t b, int64_t m, std::vector<double>& scratch) {
  const Problem& problem = call.problem;
  const Gradients& gradients = *call.gradients;
  const int64_t samples = problem.SamplesPerQuery();
  std::fill(scratch.begin(), scratch.end(), 0.0);
  for (int64_t q = 0; q < problem.num_queries; ++q) {
    const int64_t row = (b * problem.num_queries + q) * problem.num_heads + m;
    ForEachSample<L>(call, b, m, q, [&](int64_t k, double weight, const Corners& corners) {
      double grad_weight = 0;
      double grad_location[2] = {0, 0};
      BackwardSample<V>(call, b, m, row * problem.channels, weight, corners, scratch.data(), &grad_weight,
                        grad_location);
      // Without channels there is nothing to sum; with a discrete sample du is 0, but 0 * NaN would not be.
      const bool smooth = problem.sampling == Sampling::kBilinear;
      Store<L>(grad_weight, gradients.weights, row * samples + k);
      Store<L>(smooth ? grad_location[0] : 0, gradients.locations, 2 * (row * samples + k));
      Store<L>(smooth ? grad_location[1] : 0, gradients.locations, 2 * (row * samples + k) + 1);
    });
  }
  for (int64_t pixel = 0; pixel < problem.value_size; ++pixel) {
    for (int64_t channel = 0; channel < problem.channels; ++channel) {
      Store<V>(scratch[static_cast<size_t>(pixel * problem.channels + channel)], gradients.value,
               ValueIndex(gradients.value_strides, b, m, pixel, channel));
    }
  }
}

using HeadFunction = void (*)(const Call& call, int64_t b, int64_t m, std::vector<double>& scratch);

struct Work {
  const Call& call;
  HeadFunction head;
  int64_t num_tasks;
  std::vector<std::vector<double>> scratch;  // one per task
};

// Spreads batch entries and heads over the workers; what one of them computes does not depend on how many there are.
Status Run(const Call& call, HeadFunction head, int64_t scratch_size, const Executor& executor) {
  const int64_t pairs = call.problem.batch * call.problem.num_heads;
  if (pairs == 0) return {};
  Work work{call, head, std::min<int64_t>(pairs, executor.num_workers), {}};
  try {
    work.scratch.resize(static_cast<size_t>(work.num_tasks));
    for (std::vector<double>& scratch : work.scratch) scratch.resize(static_cast<size_t>(scratch_size));
  } catch (const std::exception&) {  // bad_alloc or length_error
    return Status::Unsupported("reference: expected memory for " + std::to_string(work.num_tasks) + " x " +
                               std::to_string(scratch_size) + " doubles, got none");
  }
  const auto task = [](void* arg, int i) {
    Work& shared = *static_cast<Work*>(arg);
    const Problem& problem = shared.call.problem;
    for (int64_t pair = i; pair < problem.batch * problem.num_heads; pair += shared.num_tasks) {
      shared.head(shared.call, pair / problem.num_heads, pair % problem.num_heads,
                  shared.scratch[static_cast<size_t>(i)]);
    }
  };
  executor.run(executor.context, static_cast<int>(work.num_tasks), task, &work);
  return {};
}

}  // namespace

Status ReferenceForward(const Problem& problem, const Inputs& inputs, void* output, const Executor& executor) {
  if (Status status = ValidateForwardCall(problem, inputs, output, {}, 0, executor); !status.ok()) return status;
  const Call call{problem, inputs, output, nullptr, nullptr};
  const HeadFunction head = DispatchDType(problem.value_dtype, [&](auto value) {
    return DispatchDType(problem.location_dtype, [&](auto location) -> HeadFunction {
      return &ForwardHead<decltype(value), decltype(location)>;
    });
  });
  return Run(call, head, problem.channels, executor);
}

Status ReferenceBackward(const Problem& problem, const Inputs& inputs, const void* grad_output,
                         const Gradients& gradients, const Executor& executor) {
  Status status = ValidateBackwardCall(problem, inputs, grad_output, gradients, {}, 0, executor);
  if (!status.ok()) return status;
  const Call call{problem, inputs, nullptr, grad_output, &gradients};
  const HeadFunction head = DispatchDType(problem.value_dtype, [&](auto value) {
    return DispatchDType(problem.location_dtype, [&](auto location) -> HeadFunction {
      return &BackwardHead<decltype(value), decltype(location)>;
    });
  });
  return Run(call, head, problem.value_size * problem.channels, executor);
}

}  // namespace xmsda
