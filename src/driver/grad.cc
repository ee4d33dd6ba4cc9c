// `xmsda grad`: a backend's gradients against finite differences of its own forward pass, in f64.
// SPDX-License-Identifier: Apache-2.0
//
// The output is linear in every value and weight, and within a cell linear in every coordinate: a central difference
// has no truncation error, only the rounding of the outputs that changed.
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "driver/options.h"
#include "driver/tbb_executor.h"
#include "testing/rng.h"
#include "testing/tester.h"

namespace xmsda::driver {
namespace {

using nlohmann::ordered_json;

// Elements of each array that are tried.
constexpr int64_t kTries = 24;

struct Parameter {
  const char* array;
  double* values;
  int64_t index;
  double gradient;
  double step;
};

struct Outcome {
  int64_t tried = 0;
  int64_t skipped = 0;  // too close to a kink
  double worst = 0;     // error / bound
  std::string report;
};

class FiniteDifferences {
 public:
  FiniteDifferences(const Backend& backend, const testing::CaseData& data, const Executor& executor)
      : backend_(backend),
        data_(data),
        executor_(executor),
        workspace_(
            backend.forward_workspace
                ? backend.forward_workspace(data.test_case.problem, data.inputs.value_strides, executor.num_workers)
                : 0),
        above_(data.grad_output.size()),
        below_(data.grad_output.size()) {}

  Status Try(const Parameter& parameter, Outcome* outcome) {
    double& value = parameter.values[parameter.index];
    const double saved = value;
    value = saved + parameter.step;
    const double upper = value;
    Status status = Forward(above_);
    value = saved - parameter.step;
    const double lower = value;
    if (status.ok()) status = Forward(below_);
    value = saved;
    if (!status.ok()) return status;

    const double* above = reinterpret_cast<const double*>(above_.data());
    const double* below = reinterpret_cast<const double*>(below_.data());
    const double* grad = reinterpret_cast<const double*>(data_.grad_output.data());
    double difference = 0;
    double magnitude = 0;
    for (size_t i = 0; i < above_.size() / sizeof(double); ++i) {
      if (above[i] == below[i]) continue;
      difference += (above[i] - below[i]) * grad[i];
      magnitude += (std::abs(above[i]) + std::abs(below[i]) + 1) * std::abs(grad[i]);
    }
    const double expected = difference / (upper - lower);
    // Each output is off by about gamma(4K + 3) of its size and the coordinates' errors (2^-52 * side); 64 covers them.
    const double terms = 4.0 * static_cast<double>(data_.test_case.problem.SamplesPerQuery()) + 64;
    const double bound = terms * 0x1p-52 * (magnitude / parameter.step + std::abs(parameter.gradient) + 1);
    const double ratio = std::abs(parameter.gradient - expected) / bound;
    ++outcome->tried;
    if (ratio <= outcome->worst) return {};
    outcome->worst = ratio;
    if (ratio <= 1) return {};
    char text[256];
    std::snprintf(text, sizeof(text), "%s[%lld]: gradient %.12g, finite difference %.12g, allowed %.3g\n",
                  parameter.array, static_cast<long long>(parameter.index), parameter.gradient, expected, bound);
    outcome->report = text;
    return {};
  }

 private:
  Status Forward(const testing::Buffer& output) {
    return backend_.forward(data_.test_case.problem, data_.inputs, output.data(),
                            {workspace_.data(), workspace_.size()}, executor_, {});
  }

  const Backend& backend_;
  const testing::CaseData& data_;
  Executor executor_;
  testing::Buffer workspace_, above_, below_;
};

double* Doubles(const testing::Buffer& buffer) { return reinterpret_cast<double*>(buffer.data()); }

// Side of the level of sample k of a query, on the axis of u (0) or v (1).
int64_t SideOf(const Problem& problem, int64_t k, int64_t axis) {
  for (const Level& level : problem.levels) {
    if (k < level.points) return axis == 0 ? level.width : level.height;
    k -= level.points;
  }
  return 1;
}

Status TryAll(FiniteDifferences* differences, const testing::CaseData& data, const testing::Results& results,
              Outcome* outcome) {
  const Problem& problem = data.test_case.problem;
  const testing::Stream stream(data.test_case.seed, 555);
  const auto count = [](const testing::Buffer& buffer) { return static_cast<int64_t>(buffer.size() / sizeof(double)); };
  const int64_t samples = problem.SamplesPerQuery();
  for (int64_t i = 0; i < kTries; ++i) {
    if (count(data.value) > 0) {
      const int64_t index = stream.Integer(3 * i, 0, count(data.value) - 1);
      const Status status =
          differences->Try({"value", Doubles(data.value), index, Doubles(results.grad_value)[index], 0.5}, outcome);
      if (!status.ok()) return status;
    }
    if (count(data.weights) == 0) continue;
    const int64_t weight = stream.Integer(3 * i + 1, 0, count(data.weights) - 1);
    Status status = differences->Try(
        {"weights", Doubles(data.weights), weight, Doubles(results.grad_weights)[weight], 0.5}, outcome);
    if (!status.ok()) return status;

    const int64_t location = stream.Integer(3 * i + 2, 0, count(data.locations) - 1);
    const double side = static_cast<double>(SideOf(problem, location / 2 % samples, location % 2));
    const double step = 1e-3 / side;
    const double kink = problem.sampling == Sampling::kDiscrete ? 0.5 : 0;
    const double x = Doubles(data.locations)[location] * side - 0.5 + kink * 2;
    if (!(std::abs(x - std::round(x)) > 2e-3)) {
      ++outcome->skipped;
      continue;
    }
    status = differences->Try(
        {"locations", Doubles(data.locations), location, Doubles(results.grad_locations)[location], step}, outcome);
    if (!status.ok()) return status;
  }
  return {};
}

// Why finite differences of a case would say nothing.
Status CheckCase(const testing::Case& test_case) {
  if (test_case.layout == testing::Layout::kPadded || test_case.layout == testing::Layout::kSpread) {
    // Gaps in an array would be tried as if they were elements.
    return Status::InvalidArgument(std::string("layout: expected bsmd, bmsd or bmds for grad, got \"") +
                                   testing::LayoutName(test_case.layout) + "\"");
  }
  const Problem& p = test_case.problem;
  if (p.IsFused() || p.padding != Padding::kZeros || p.align_corners) {
    // A softmax has a truncation error, and a clamp has kinks elsewhere: the Python tests compare these with autograd.
    return Status::InvalidArgument("problem: expected one without fused, border or align for grad, got " + ToString(p));
  }
  const int64_t per_pixel = p.num_heads * p.channels;
  const int64_t per_query = p.num_heads * p.SamplesPerQuery();
  if (p.batch == 0 || (p.value_size * per_pixel == 0 && p.num_queries * per_query == 0)) {
    return Status::InvalidArgument("problem: expected a value or weights to differentiate by for grad, got " +
                                   ToString(p));
  }
  return {};
}

}  // namespace

int Grad(const Plan& plan) {
  for (const NamedCase& named : plan.cases) {
    if (const Status status = CheckCase(named.test_case); !status.ok()) {
      std::fprintf(stderr, "xmsda: %s\n", status.message().c_str());
      return kBadInput;
    }
  }
  TbbExecutor threads(plan.threads);
  bool ok = true;
  ordered_json rows = ordered_json::array();
  for (NamedCase named : plan.cases) {
    testing::Case& test_case = named.test_case;
    test_case.problem.value_dtype = test_case.problem.location_dtype = DType::kF64;
    for (const Backend* backend : plan.backends) {
      const testing::CaseData data = testing::MakeCase(test_case);
      testing::Results results;
      Outcome outcome;
      Status status = testing::RunBackend(*backend, data, {threads.executor()}, &results);
      FiniteDifferences differences(*backend, data, threads.executor());
      if (status.ok()) status = TryAll(&differences, data, results, &outcome);
      if (!status.ok()) outcome.report = status.message() + "\n";
      const std::string replay = testing::ReplayCommand("grad", *backend, test_case);
      if (!outcome.report.empty()) outcome.report += "  replay:  " + replay + "\n";
      ok &= outcome.report.empty();
      rows.push_back({{"name", named.name},
                      {"problem", ToString(test_case.problem)},
                      {"backend", backend->name},
                      {"ok", outcome.report.empty()},
                      {"tried", outcome.tried},
                      {"skipped_at_kinks", outcome.skipped},
                      {"error_over_bound", outcome.worst},
                      {"report", outcome.report},
                      {"replay", replay}});
      if (plan.json) continue;
      std::printf("%-4s %-28s %-12s %lld derivatives, %lld skipped at kinks, error/bound %.3f\n%s",
                  outcome.report.empty() ? "ok" : "FAIL", named.name.c_str(), backend->name.c_str(),
                  static_cast<long long>(outcome.tried), static_cast<long long>(outcome.skipped), outcome.worst,
                  outcome.report.c_str());
    }
  }
  if (plan.json) {
    std::printf("%s\n", ordered_json({{"mode", "grad"}, {"ok", ok}, {"rows", rows}}).dump(2).c_str());
  }
  return ok ? kSuccess : kCheckFailed;
}

}  // namespace xmsda::driver
