// Double-precision reference, plain loops; nobody optimises it.
// SPDX-License-Identifier: Apache-2.0
#include "reference/reference.h"

#include <algorithm>
#include <new>
#include <vector>

#include "core/dtype.h"
#include "core/validate.h"
#include "reference/fused.h"
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
  std::vector<OffsetRule> rules = {};              // of fused problems
  std::vector<double>* grad_references = nullptr;  // [B,M,Q,G,C], each head's share; null when not wanted
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
  if (call.problem.IsFused()) {
    FusedSamples samples;
    ReadFusedSamples(call.problem, call.inputs, call.rules, b, q, m, &samples);
    for (const Level& level : call.problem.levels) {
      for (int64_t point = 0; point < level.points; ++point, ++k) {
        const auto i = static_cast<size_t>(k);
        visit(k, samples.weights[i],
              CornersOf(call.problem, level, samples.locations[2 * i], samples.locations[2 * i + 1]));
      }
    }
    return;
  }
  for (const Level& level : call.problem.levels) {
    for (int64_t point = 0; point < level.points; ++point, ++k) {
      const double u = Load<L>(call.inputs.locations, locations + 2 * k);
      const double v = Load<L>(call.inputs.locations, locations + 2 * k + 1);
      const double weight = Load<L>(call.inputs.weights, weights + k);
      visit(k, weight, CornersOf(call.problem, level, u, v));
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

// Of one query and head: from the gradients of its weights and locations to those of logits, offsets and references.
void BackwardFused(const Call& call, int64_t b, int64_t m, int64_t q, std::vector<double>* grad_weights,
                   std::vector<double>* grad_locations) {
  FusedSamples samples;
  ReadFusedSamples(call.problem, call.inputs, call.rules, b, q, m, &samples);
  double mean = 0;
  for (size_t k = 0; k < samples.weights.size(); ++k) mean += samples.weights[k] * (*grad_weights)[k];
  const int64_t components = call.problem.references.components;
  const int64_t row = ((b * call.problem.num_heads + m) * call.problem.num_queries + q) *
                      call.problem.ReferencesPerQuery() * components;
  for (size_t k = 0; k < samples.weights.size(); ++k) {
    (*grad_weights)[k] = samples.weights[k] * ((*grad_weights)[k] - mean);
    for (size_t axis = 0; axis < 2; ++axis) {
      double& grad = (*grad_locations)[2 * k + axis];
      if (call.grad_references != nullptr) {
        double* to = call.grad_references->data() + row + call.rules[k].reference * components;
        to[axis] += grad;
        // A discrete sample has no gradient: 0 times an offset that is not finite would be NaN.
        if (components == 4 && call.problem.sampling != Sampling::kDiscrete)
          to[2 + axis] += grad * samples.offsets[2 * k + axis] * call.rules[k].scale[axis];
      }
      // A discrete sample passes nothing on, whatever its box.
      grad = call.problem.sampling == Sampling::kDiscrete ? 0 : grad * samples.steps[2 * k + axis];
    }
  }
}

// scratch: value_size * channels doubles.
template <typename V, typename L>
void BackwardHead(const Call& call, int64_t b, int64_t m, std::vector<double>& scratch) {
  const Problem& problem = call.problem;
  const Gradients& gradients = *call.gradients;
  const int64_t samples = problem.SamplesPerQuery();
  std::fill(scratch.begin(), scratch.end(), 0.0);
  std::vector<double> grad_weights(static_cast<size_t>(samples));
  std::vector<double> grad_locations(static_cast<size_t>(2 * samples));
  for (int64_t q = 0; q < problem.num_queries; ++q) {
    const int64_t row = (b * problem.num_queries + q) * problem.num_heads + m;
    ForEachSample<L>(call, b, m, q, [&](int64_t k, double weight, const Corners& corners) {
      double grad_weight = 0;
      double grad_location[2] = {0, 0};
      BackwardSample<V>(call, b, m, row * problem.channels, weight, corners, scratch.data(), &grad_weight,
                        grad_location);
      // Without channels there is nothing to sum; with a discrete sample du is 0, but 0 * NaN would not be.
      const bool smooth = problem.sampling == Sampling::kBilinear;
      grad_weights[static_cast<size_t>(k)] = grad_weight;
      grad_locations[static_cast<size_t>(2 * k)] = smooth ? grad_location[0] : 0;
      grad_locations[static_cast<size_t>(2 * k + 1)] = smooth ? grad_location[1] : 0;
    });
    if (problem.IsFused()) BackwardFused(call, b, m, q, &grad_weights, &grad_locations);
    for (int64_t k = 0; k < samples; ++k) {
      Store<L>(grad_weights[static_cast<size_t>(k)], gradients.weights, row * samples + k);
    }
    for (int64_t i = 0; i < 2 * samples; ++i) {
      Store<L>(grad_locations[static_cast<size_t>(i)], gradients.locations, 2 * row * samples + i);
    }
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
  const Call call{problem, inputs, output, nullptr, nullptr, OffsetRules(problem)};
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
  Call call{problem, inputs, nullptr, grad_output, &gradients, OffsetRules(problem)};
  const int64_t references = problem.num_queries * problem.ReferencesPerQuery() * problem.references.components;
  std::vector<double> grad_references;
  if (gradients.references != nullptr) {
    try {
      grad_references.resize(static_cast<size_t>(problem.batch * problem.num_heads * references));
    } catch (const std::exception&) {
      return Status::Unsupported("reference: expected memory for the gradient of the references, got none");
    }
    call.grad_references = &grad_references;
  }
  const HeadFunction head = DispatchDType(problem.value_dtype, [&](auto value) {
    return DispatchDType(problem.location_dtype, [&](auto location) -> HeadFunction {
      return &BackwardHead<decltype(value), decltype(location)>;
    });
  });
  status = Run(call, head, problem.value_size * problem.channels, executor);
  if (!status.ok() || gradients.references == nullptr) return status;
  for (int64_t b = 0; b < problem.batch; ++b) {
    for (int64_t i = 0; i < references; ++i) {
      double sum = 0;
      for (int64_t m = 0; m < problem.num_heads; ++m) {
        sum += grad_references[static_cast<size_t>((b * problem.num_heads + m) * references + i)];
      }
      StoreElement(problem.reference_dtype(), gradients.references, b * references + i, sum);
    }
  }
  return status;
}

}  // namespace xmsda
