// Seeded inputs for one problem: sampling patterns, memory layouts, exact-size arrays.
// SPDX-License-Identifier: Apache-2.0
#include "testing/inputs.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "core/dtype.h"
#include "reference/fused.h"
#include "testing/rng.h"

namespace xmsda::testing {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// Ids of the random streams.
enum StreamId : uint64_t { kValueStream, kLocationStream, kWeightStream, kGradStream, kChoiceStream, kReferenceStream };

struct Position {
  double u, v;
};

// Queries are spread evenly over the pixels of the levels in their order; with as many queries as pixels (encoders)
// each query stands on its own pixel.
Position QueryPosition(const Problem& problem, int64_t query) {
  int64_t pixels = 0;
  for (const Level& level : problem.levels) pixels += level.height * level.width;
  const double fraction = (static_cast<double>(query) + 0.5) / static_cast<double>(problem.num_queries);
  int64_t pixel = std::min(static_cast<int64_t>(fraction * static_cast<double>(pixels)), pixels - 1);
  for (const Level& level : problem.levels) {
    if (pixel < level.height * level.width) {
      return {(static_cast<double>(pixel % level.width) + 0.5) / static_cast<double>(level.width),
              (static_cast<double>(pixel / level.width) + 0.5) / static_cast<double>(level.height)};
    }
    pixel -= level.height * level.width;
  }
  return {0.5, 0.5};
}

// One coordinate on an axis of `size` pixels that has a special role.
double NastyCoordinate(const Stream& stream, const Stream& choice, int64_t index, int64_t size) {
  const double n = static_cast<double>(size);
  const double centre = (static_cast<double>(stream.Integer(index, -2, size + 1)) + 0.5) / n;
  constexpr double kOdd[] = {kNaN, kInf, -kInf, 1e30, -1e30, 0.0, -0.0, 1.0, 1e-40, -1e-40, 65504.0, 3e9, -3e9};
  switch (choice.Bits(index) % 8) {
    case 0:
      return kOdd[stream.Bits(index) % std::size(kOdd)];
    case 1:
      return centre;
    case 2:  // x = -1 or x = n, the first places outside
      return stream.Bits(index) % 2 == 0 ? -0.5 / n : (n + 0.5) / n;
    case 3:  // one float off a pixel centre
      return static_cast<double>(std::nextafter(static_cast<float>(centre), stream.Bits(index) % 2 == 0 ? -9.f : 9.f));
    default:
      return stream.Uniform(index, -2, 3);
  }
}

// Pixels that the unit square spans, 1 where it is a point.
int64_t ExactSpan(const Problem& problem, int64_t side) {
  return problem.align_corners ? std::max<int64_t>(side - 1, 1) : side;
}

class LocationMaker {
 public:
  explicit LocationMaker(const Case& test_case)
      : problem_(test_case.problem),
        pattern_(test_case.pattern),
        stream_(test_case.seed, kLocationStream),
        choice_(test_case.seed, kChoiceStream) {}

  // `sample` counts [B,Q,M,K].
  Position Make(int64_t query, const Level& level, int64_t sample) const {
    const double width = static_cast<double>(level.width);
    const double height = static_cast<double>(level.height);
    const int64_t iu = 2 * sample;
    const int64_t iv = 2 * sample + 1;
    switch (pattern_) {
      case Pattern::kLocal: {
        const Position own = QueryPosition(problem_, query);
        return {own.u + 2 * stream_.Normal(iu) / width, own.v + 2 * stream_.Normal(iv) / height};
      }
      case Pattern::kHot:
        return {0.37 + stream_.Uniform(iu) / width, 0.61 + stream_.Uniform(iv) / height};
      case Pattern::kOutside: {
        if (choice_.Bits(sample) % 2 == 0) break;
        const double beyond = stream_.Uniform(iu, 1, 2);
        const double along = stream_.Uniform(iv, -1, 2);
        const double outside = (choice_.Bits(sample) & 2) != 0 ? beyond : 1 - beyond;
        return (choice_.Bits(sample) & 4) != 0 ? Position{outside, along} : Position{along, outside};
      }
      case Pattern::kExact: {
        // x in [-1.5, side + 0.5], so a few samples are outside.
        const auto exact = [&](int64_t i, int64_t side) {
          const int64_t span = ExactSpan(problem_, side);
          return static_cast<double>(stream_.Integer(i, -8, 8 * span + 8)) / static_cast<double>(8 * span);
        };
        return {exact(iu, level.width), exact(iv, level.height)};
      }
      case Pattern::kNasty:
        return {NastyCoordinate(stream_, choice_, iu, level.width),
                NastyCoordinate(stream_, choice_, iv, level.height)};
      case Pattern::kUniform:
        break;
    }
    return {stream_.Uniform(iu), stream_.Uniform(iv)};
  }

 private:
  const Problem& problem_;
  Pattern pattern_;
  Stream stream_;
  Stream choice_;
};

SampleStrides PaddedSampleStrides(const SampleStrides& dense, int64_t heads, int64_t queries, int64_t pad) {
  SampleStrides strides;
  strides.head = dense.head + pad;
  strides.query = heads * strides.head + 3 * pad;
  strides.batch = queries * strides.query + pad;
  return strides;
}

int64_t SampleExtent(const Problem& problem, const SampleStrides& strides, int64_t row) {
  if (problem.batch == 0 || problem.num_queries == 0 || problem.num_heads == 0 || row == 0) return 0;
  return (problem.batch - 1) * strides.batch + (problem.num_queries - 1) * strides.query +
         (problem.num_heads - 1) * strides.head + row;
}

Buffer MakeBuffer(const Case& test_case, DType dtype, int64_t elements) {
  const size_t size = DTypeSize(dtype);
  return Buffer(static_cast<size_t>(elements) * size, test_case.misaligned ? size : 0);
}

// Pixels that belong to no level stay NaN, as do the gaps of padded layouts: they must never show.
void FillValue(const Case& test_case, CaseData* data) {
  const Problem& problem = test_case.problem;
  const Stream stream(test_case.seed, kValueStream);
  const ValueStrides& strides = data->inputs.value_strides;
  std::vector<bool> used(static_cast<size_t>(problem.value_size), false);
  for (const Level& level : problem.levels) {
    std::fill_n(used.begin() + level.start, level.height * level.width, true);
  }
  int64_t i = 0;
  for (int64_t b = 0; b < problem.batch; ++b) {
    for (int64_t s = 0; s < problem.value_size; ++s) {
      for (int64_t m = 0; m < problem.num_heads; ++m) {
        for (int64_t d = 0; d < problem.channels; ++d, ++i) {
          const int64_t index = b * strides.batch + s * strides.pixel + m * strides.head + d * strides.channel;
          const double value =
              test_case.pattern == Pattern::kExact ? static_cast<double>(stream.Integer(i, -8, 8)) : stream.Normal(i);
          StoreElement(problem.value_dtype, data->value.data(), index, used[static_cast<size_t>(s)] ? value : kNaN);
        }
      }
    }
  }
}

// One of a query's references: a point, or a box of which the exact ones have sides that are powers of two.
void FillReferences(const Case& test_case, CaseData* data) {
  const Problem& problem = test_case.problem;
  const Stream stream(test_case.seed, kReferenceStream);
  const int64_t components = problem.references.components;
  const int64_t row = problem.ReferencesPerQuery() * components;
  const ReferenceStrides& strides = data->inputs.reference_strides;
  int64_t i = 0;
  for (int64_t b = 0; b < problem.batch; ++b) {
    for (int64_t q = 0; q < problem.num_queries; ++q) {
      for (int64_t e = 0; e < row; ++e, ++i) {
        double value = stream.Uniform(i, -0.1, 1.1);
        if (e % components >= 2) value = stream.Uniform(i, 0.05, 0.6);
        if (test_case.pattern == Pattern::kExact) {
          value = e % components >= 2 ? std::ldexp(1.0, -static_cast<int>(stream.Integer(i, 0, 2)))
                                      : static_cast<double>(stream.Integer(i, 0, 4)) / 4;
        }
        if (test_case.pattern == Pattern::kNasty && stream.Bits(i) % 16 == 0) {
          constexpr double kOdd[] = {kNaN, kInf, 0.0, 1e30};
          value = kOdd[stream.Bits(i) / 16 % std::size(kOdd)];
        }
        StoreElement(problem.reference_dtype(), data->references.data(), b * strides.batch + q * strides.query + e,
                     value);
      }
    }
  }
}

// The offset that leads about from the sample's reference to a location.
Position OffsetTo(const CaseData& data, const OffsetRule& rule, int64_t b, int64_t q, const Position& to) {
  const Problem& problem = data.test_case.problem;
  const ReferenceStrides& strides = data.inputs.reference_strides;
  const int64_t components = problem.references.components;
  const int64_t first = b * strides.batch + q * strides.query + rule.reference * components;
  const auto offset = [&](int64_t axis, double target) {
    const double centre = LoadElement(problem.reference_dtype(), data.references.data(), first + axis);
    double step = rule.scale[axis];
    if (components == 4) step *= LoadElement(problem.reference_dtype(), data.references.data(), first + 2 + axis);
    return step == 0 ? target : (target - centre) / step;
  };
  return {offset(0, to.u), offset(1, to.v)};
}

// `i` counts [B,Q,M,K]. The first one of a query and head is never -infinity: all of them would make every weight NaN,
// and whether a sample on the border of its level then shows depends on rounding.
double Logit(Pattern pattern, const Stream& stream, int64_t i, int64_t samples) {
  if (pattern == Pattern::kExact) return 0;
  if (pattern != Pattern::kNasty || stream.Bits(i) % 8 != 0) return 1.5 * stream.Normal(i);
  constexpr double kOdd[] = {-kInf, 80, -80, 1000, 0.0, -110, -20};
  const double logit = kOdd[stream.Bits(i) / 8 % std::size(kOdd)];
  return i % samples == 0 && std::isinf(logit) ? 0 : logit;
}

void FillSamples(const Case& test_case, CaseData* data) {
  const Problem& problem = test_case.problem;
  const LocationMaker locations(test_case);
  const Stream weights(test_case.seed, kWeightStream);
  const double scale = 2.0 / static_cast<double>(std::max<int64_t>(problem.SamplesPerQuery(), 1));
  const std::vector<OffsetRule> rules = OffsetRules(problem);
  int64_t sample = 0;
  for (int64_t b = 0; b < problem.batch; ++b) {
    for (int64_t q = 0; q < problem.num_queries; ++q) {
      for (int64_t m = 0; m < problem.num_heads; ++m) {
        size_t rule = 0;
        const SampleStrides& ls = data->inputs.location_strides;
        const SampleStrides& ws = data->inputs.weight_strides;
        int64_t location_index = b * ls.batch + q * ls.query + m * ls.head;
        int64_t weight_index = b * ws.batch + q * ws.query + m * ws.head;
        for (const Level& level : problem.levels) {
          for (int64_t point = 0; point < level.points; ++point, ++sample) {
            Position position = locations.Make(q, level, sample);
            if (problem.IsFused()) position = OffsetTo(*data, rules[rule++], b, q, position);
            // Mostly positive, as after a softmax, but signs must work too.
            const double weight =
                problem.IsFused() ? Logit(test_case.pattern, weights, sample, problem.SamplesPerQuery())
                : test_case.pattern == Pattern::kExact ? static_cast<double>(weights.Integer(sample, -8, 8)) / 8
                                                       : weights.Uniform(sample, -0.25, 1) * scale;
            StoreElement(problem.location_dtype, data->locations.data(), location_index++, position.u);
            StoreElement(problem.location_dtype, data->locations.data(), location_index++, position.v);
            StoreElement(problem.location_dtype, data->weights.data(), weight_index++, weight);
          }
        }
      }
    }
  }
}

template <typename Enum, size_t kCount>
Status ParseName(const char* argument, std::string_view name, const Enum (&all)[kCount], const char* (*name_of)(Enum),
                 Enum* out) {
  std::string expected;
  for (const Enum candidate : all) {
    if (name == name_of(candidate)) {
      *out = candidate;
      return {};
    }
    expected += std::string(expected.empty() ? "" : ", ") + name_of(candidate);
  }
  return Status::InvalidArgument(std::string(argument) + ": expected one of " + expected + ", got \"" +
                                 std::string(name) + "\"");
}

}  // namespace

const char* PatternName(Pattern pattern) {
  constexpr const char* kNames[] = {"local", "uniform", "hot", "outside", "exact", "nasty"};
  return kNames[static_cast<size_t>(pattern)];
}

const char* LayoutName(Layout layout) {
  constexpr const char* kNames[] = {"bsmd", "bmsd", "bmds", "padded", "spread"};
  return kNames[static_cast<size_t>(layout)];
}

Status ParsePattern(std::string_view name, Pattern* pattern) {
  return ParseName("sampling", name, kPatterns, &PatternName, pattern);
}

Status ParseLayout(std::string_view name, Layout* layout) {
  return ParseName("layout", name, kLayouts, &LayoutName, layout);
}

Status ValidateCase(const Case& test_case) {
  if (Status status = Validate(test_case.problem); !status.ok()) return status;
  if (test_case.pattern != Pattern::kExact) return {};
  const Problem& problem = test_case.problem;
  const auto is_power = [](int64_t n) { return n >= 0 && std::has_single_bit(static_cast<uint64_t>(n)); };
  for (const Level& level : problem.levels) {
    if (!is_power(ExactSpan(problem, level.height)) || !is_power(ExactSpan(problem, level.width))) {
      return Status::InvalidArgument(std::string("sampling: expected levels whose sides") +
                                     (problem.align_corners ? " less one" : "") + " are powers of two for exact, got " +
                                     std::to_string(level.height) + "x" + std::to_string(level.width));
    }
    if (problem.references.components == 4 && level.points != 0 && !is_power(level.points)) {
      return Status::InvalidArgument("sampling: expected points of boxes to be powers of two for exact, got " +
                                     std::to_string(level.points));
    }
    // Steps of 1 / side are exact only then.
    if (problem.references.components == 2 && (!is_power(level.height) || !is_power(level.width))) {
      return Status::InvalidArgument("sampling: expected sides that are powers of two for exact offsets, got " +
                                     std::to_string(level.height) + "x" + std::to_string(level.width));
    }
  }
  if (!problem.IsFused()) return {};
  int exponent = 0;
  if (problem.SamplesPerQuery() != 0 && !is_power(problem.SamplesPerQuery())) {
    return Status::InvalidArgument("sampling: expected a power of two of samples for exact softmax, got " +
                                   std::to_string(problem.SamplesPerQuery()));
  }
  if (std::frexp(problem.OffsetScale(), &exponent) != 0.5) {
    return Status::InvalidArgument("sampling: expected an offset scale that is a power of two for exact, got " +
                                   std::to_string(problem.OffsetScale()));
  }
  return {};
}

std::string CaseOptions(const Case& test_case) {
  std::string options = ToString(test_case.problem) + " --sampling " + PatternName(test_case.pattern);
  if (test_case.layout != Layout::kBSMD) options += std::string(" --layout ") + LayoutName(test_case.layout);
  return options + " --seed " + std::to_string(test_case.seed);
}

int64_t ValueExtent(const Problem& problem, const ValueStrides& strides) {
  if (problem.batch == 0 || problem.value_size == 0 || problem.num_heads == 0 || problem.channels == 0) return 0;
  return (problem.batch - 1) * strides.batch + (problem.value_size - 1) * strides.pixel +
         (problem.num_heads - 1) * strides.head + (problem.channels - 1) * strides.channel + 1;
}

ValueStrides StridesOf(const Problem& problem, Layout layout) {
  const int64_t pixels = problem.value_size;
  const int64_t heads = problem.num_heads;
  const int64_t channels = problem.channels;
  switch (layout) {
    case Layout::kBSMD:
      break;
    case Layout::kBMSD:
      return {.batch = heads * pixels * channels, .pixel = channels, .head = pixels * channels, .channel = 1};
    case Layout::kBMDS:
      return {.batch = heads * pixels * channels, .pixel = 1, .head = pixels * channels, .channel = pixels};
    case Layout::kPadded:
    case Layout::kSpread: {
      ValueStrides strides;
      strides.channel = layout == Layout::kSpread ? 2 : 1;
      strides.head = strides.channel * channels + 3;
      strides.pixel = heads * strides.head + 5;
      strides.batch = pixels * strides.pixel + 7;
      return strides;
    }
  }
  return DenseStrides(problem);
}

CaseData MakeCase(const Case& test_case) {
  const Problem& problem = test_case.problem;
  const int64_t samples = problem.SamplesPerQuery();
  CaseData data;
  data.test_case = test_case;
  data.inputs.value_strides = StridesOf(problem, test_case.layout);
  data.grad_value_strides = data.inputs.value_strides;
  data.inputs.location_strides = DenseLocationStrides(problem);
  data.inputs.weight_strides = DenseWeightStrides(problem);
  if (test_case.layout == Layout::kPadded || test_case.layout == Layout::kSpread) {
    data.inputs.location_strides =
        PaddedSampleStrides(data.inputs.location_strides, problem.num_heads, problem.num_queries, 1);
    data.inputs.weight_strides =
        PaddedSampleStrides(data.inputs.weight_strides, problem.num_heads, problem.num_queries, 2);
  }
  data.value = MakeBuffer(test_case, problem.value_dtype, ValueExtent(problem, data.inputs.value_strides));
  data.locations =
      MakeBuffer(test_case, problem.location_dtype, SampleExtent(problem, data.inputs.location_strides, 2 * samples));
  data.weights =
      MakeBuffer(test_case, problem.location_dtype, SampleExtent(problem, data.inputs.weight_strides, samples));
  data.inputs.reference_strides = DenseReferenceStrides(problem);
  if (test_case.layout == Layout::kPadded || test_case.layout == Layout::kSpread) {
    data.inputs.reference_strides.query += 3;
    data.inputs.reference_strides.batch = data.inputs.reference_strides.query * problem.num_queries + 5;
  }
  const ReferenceStrides& rs = data.inputs.reference_strides;
  const int64_t references = problem.ReferencesPerQuery() * problem.references.components;
  const bool any = problem.batch > 0 && problem.num_queries > 0 && references > 0;
  data.references =
      MakeBuffer(test_case, problem.reference_dtype(),
                 any ? (problem.batch - 1) * rs.batch + (problem.num_queries - 1) * rs.query + references : 0);
  const int64_t outputs = problem.batch * problem.num_queries * problem.num_heads * problem.channels;
  data.grad_output = MakeBuffer(test_case, problem.value_dtype, outputs);
  data.inputs.value = data.value.data();
  data.inputs.locations = data.locations.data();
  data.inputs.weights = data.weights.data();
  data.inputs.references = data.references.data();

  FillValue(test_case, &data);
  if (problem.IsFused()) FillReferences(test_case, &data);
  FillSamples(test_case, &data);
  const Stream grads(test_case.seed, kGradStream);
  for (int64_t i = 0; i < outputs; ++i) {
    StoreElement(problem.value_dtype, data.grad_output.data(), i,
                 test_case.pattern == Pattern::kExact ? static_cast<double>(grads.Integer(i, -4, 4)) : grads.Normal(i));
  }
  return data;
}

}  // namespace xmsda::testing
