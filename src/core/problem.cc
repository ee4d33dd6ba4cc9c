// Sizes of a problem and the rules they must keep.
// SPDX-License-Identifier: Apache-2.0
#include "xmsda/problem.h"

#include <algorithm>
#include <cmath>

#include "core/validate.h"
#include "xmsda/msda.h"

namespace xmsda {
namespace {

Status Expected(const std::string& name, const char* what, int64_t got) {
  return Status::InvalidArgument(name + ": expected " + what + ", got " + std::to_string(got));
}

Status ValidateLevel(const Problem& problem, size_t index) {
  const Level& level = problem.levels[index];
  const std::string name = "levels[" + std::to_string(index) + "]";
  if (level.height < 1) return Expected(name + ".height", "at least 1", level.height);
  if (level.width < 1) return Expected(name + ".width", "at least 1", level.width);
  if (level.height > kMaxSide) return Expected(name + ".height", "at most 2^24", level.height);
  if (level.width > kMaxSide) return Expected(name + ".width", "at most 2^24", level.width);
  if (level.start < 0) return Expected(name + ".start", "at least 0", level.start);
  if (level.points < 0) return Expected(name + ".points", "at least 0", level.points);
  int64_t end = 0;
  if (__builtin_mul_overflow(level.height, level.width, &end) || __builtin_add_overflow(end, level.start, &end) ||
      end > problem.value_size) {
    return Status::InvalidArgument(name + ": expected start + height*width at most value_size " +
                                   std::to_string(problem.value_size) + ", got " + std::to_string(level.start) + " + " +
                                   std::to_string(level.height) + "*" + std::to_string(level.width));
  }
  return {};
}

Status ValidateOptions(const Problem& problem) {
  if (problem.sampling != Sampling::kBilinear && problem.sampling != Sampling::kDiscrete) {
    return Expected("sampling", "bilinear or discrete", static_cast<int64_t>(problem.sampling));
  }
  if (problem.padding != Padding::kZeros && problem.padding != Padding::kBorder) {
    return Expected("padding", "zeros or border", static_cast<int64_t>(problem.padding));
  }
  if (problem.sampling == Sampling::kDiscrete && (problem.padding != Padding::kZeros || problem.align_corners)) {
    return Status::InvalidArgument(
        std::string(problem.align_corners ? "align_corners: expected false" : "padding: expected zeros") +
        " with discrete sampling, which clamps by a rule of its own, got " +
        (problem.align_corners ? "true" : "border"));
  }
  const References& r = problem.references;
  if (r.components != 0 && r.components != 2 && r.components != 4) {
    return Expected("references.components", "0, 2 or 4", r.components);
  }
  if (r.anchors < 1 || r.anchors > kMaxSamples) return Expected("references.anchors", "1 to 65535", r.anchors);
  if (!std::isfinite(r.offset_scale) || r.offset_scale < 0) {
    return Status::InvalidArgument("references.offset_scale: expected a finite number of at least 0, got " +
                                   std::to_string(r.offset_scale));
  }
  return {};
}

Status ValidateTypes(const Problem& problem) {
  const auto known = [](DType dtype) { return static_cast<unsigned>(dtype) <= static_cast<unsigned>(DType::kF16); };
  if (!known(problem.value_dtype)) {
    return Expected("value_dtype", "f32, f64, bf16 or f16", static_cast<int64_t>(problem.value_dtype));
  }
  if (!known(problem.location_dtype)) {
    return Expected("location_dtype", "f32, f64, bf16 or f16", static_cast<int64_t>(problem.location_dtype));
  }
  const bool half = problem.value_dtype == DType::kBF16 || problem.value_dtype == DType::kF16;
  if (problem.location_dtype != problem.value_dtype && !(half && problem.location_dtype == DType::kF32)) {
    return Status::InvalidArgument(std::string("location_dtype: expected ") + DTypeName(problem.value_dtype) +
                                   (half ? " or f32" : "") + " for a " + DTypeName(problem.value_dtype) +
                                   " value, got " + DTypeName(problem.location_dtype));
  }
  return {};
}

}  // namespace

const char* DTypeName(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "f32";
    case DType::kF64:
      return "f64";
    case DType::kBF16:
      return "bf16";
    case DType::kF16:
      return "f16";
  }
  return "unknown";
}

size_t DTypeSize(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return 8;
    case DType::kBF16:
    case DType::kF16:
      return 2;
    case DType::kF32:
      break;
  }
  return 4;
}

int64_t Problem::SamplesPerQuery() const {
  int64_t samples = 0;
  for (const Level& level : levels) samples += level.points;
  return samples;
}

int64_t Problem::ReferencesPerQuery() const {
  if (!IsFused()) return 0;
  return references.anchors * (references.per_level ? static_cast<int64_t>(levels.size()) : 1);
}

double Problem::OffsetScale() const {
  if (references.offset_scale != 0) return references.offset_scale;
  return references.components == 4 ? 0.5 : 1;
}

// Products of fewer elements leave room in an int64 for 8 bytes each, for rows padded to whole vectors and for a
// workspace of each worker. A zero counts as one: strides and workspaces are products of some of the sizes only.
bool ElementsFit(std::initializer_list<int64_t> sizes) {
  int64_t elements = 1;
  bool fits = true;
  for (const int64_t size : sizes) {
    fits = fits && !__builtin_mul_overflow(elements, std::max<int64_t>(size, 1), &elements);
  }
  return fits && elements < kMaxElements;
}

Status Validate(const Problem& problem) {
  if (problem.batch < 0) return Expected("batch", "at least 0", problem.batch);
  if (problem.num_queries < 0) return Expected("num_queries", "at least 0", problem.num_queries);
  if (problem.num_heads < 0) return Expected("num_heads", "at least 0", problem.num_heads);
  if (problem.channels < 0) return Expected("channels", "at least 0", problem.channels);
  if (problem.value_size < 0) return Expected("value_size", "at least 0", problem.value_size);
  if (problem.value_size > kMaxValueSize) {
    return Expected("value_size", "less than 2^31", problem.value_size);
  }
  if (Status status = ValidateTypes(problem); !status.ok()) return status;
  if (Status status = ValidateOptions(problem); !status.ok()) return status;
  int64_t samples = 0;
  for (size_t i = 0; i < problem.levels.size(); ++i) {
    if (Status status = ValidateLevel(problem, i); !status.ok()) return status;
    if (__builtin_add_overflow(samples, problem.levels[i].points, &samples)) {
      return Expected("levels[" + std::to_string(i) + "].points", "a sum over the levels below 2^63",
                      problem.levels[i].points);
    }
  }
  if (!ElementsFit({problem.batch, problem.value_size, problem.num_heads, problem.channels}) ||
      !ElementsFit({problem.batch, problem.num_queries, problem.num_heads, problem.channels}) ||
      !ElementsFit({problem.batch, problem.num_queries, problem.num_heads, samples, 2}) ||
      !ElementsFit({problem.batch, problem.num_queries, problem.num_heads, problem.ReferencesPerQuery(), 4})) {
    return Status::InvalidArgument(
        "problem: expected arrays of fewer than 2^47 elements, a size of 0 counted as 1, got batch " +
        std::to_string(problem.batch) + ", num_queries " + std::to_string(problem.num_queries) + ", num_heads " +
        std::to_string(problem.num_heads) + ", channels " + std::to_string(problem.channels) + ", samples per query " +
        std::to_string(samples));
  }
  return {};
}

ValueStrides DenseStrides(const Problem& problem) {
  ValueStrides strides;
  strides.channel = 1;
  strides.head = problem.channels;
  strides.pixel = problem.num_heads * problem.channels;
  strides.batch = problem.value_size * strides.pixel;
  return strides;
}

SampleStrides DenseWeightStrides(const Problem& problem) {
  SampleStrides strides;
  strides.head = problem.SamplesPerQuery();
  strides.query = problem.num_heads * strides.head;
  strides.batch = problem.num_queries * strides.query;
  return strides;
}

ReferenceStrides DenseReferenceStrides(const Problem& problem) {
  const int64_t query = problem.ReferencesPerQuery() * problem.references.components;
  return {.batch = problem.num_queries * query, .query = query};
}

SampleStrides DenseLocationStrides(const Problem& problem) {
  const SampleStrides weights = DenseWeightStrides(problem);
  return {2 * weights.batch, 2 * weights.query, 2 * weights.head};
}

}  // namespace xmsda
