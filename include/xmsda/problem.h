// The sizes, types and options of one multi-scale deformable attention call.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "xmsda/status.h"

#pragma GCC visibility push(default)
namespace xmsda {

enum class DType : uint8_t { kF32, kF64, kBF16, kF16 };

// "f32", "f64", "bf16" or "f16".
const char* DTypeName(DType dtype);
// Bytes per element.
size_t DTypeSize(DType dtype);

enum class Sampling : uint8_t {
  kBilinear,  // bilinear over the four neighbours, zeros outside the level (align_corners=False)
  // RT-DETRv2's nearest pixel: trunc(u*W + 0.5) clamped to [0, W-1], trunc(v*H + 0.5) clamped to [0, H-1], as
  // transformers has it (the first release of the model clamps both to H-1, and fails where W < H). No gradient to the
  // locations; one that is not finite contributes nothing.
  kDiscrete,
};

// What a bilinear sample finds outside its level.
enum class Padding : uint8_t {
  kZeros,
  kBorder,  // coordinates are clamped to the pixel centres; a clamped one has no gradient
};

// Fused problems: instead of locations and weights, the call is given offsets and logits of their shapes, and reference
// points. With the reference r of a sample, s the offset scale and P the points of its level,
//   2 components: location = r + offset * s / (W, H)             (points; offsets count pixels)
//   4 components: location = r.xy + offset * s / P * r.wh        (boxes: x, y, w, h)
// The weights are the softmax of the logits over the K samples of a query and head.
struct References {
  int64_t components = 0;  // 2 or 4; 0: the problem is not fused
  bool per_level = false;  // each level has references of its own
  // Z, references of a query (and level); point p takes number p % Z, as in BEVFormer's spatial cross-attention.
  int64_t anchors = 1;
  double offset_scale = 0;  // s; 0 stands for Deformable-DETR's: 1 with 2 components, 1/2 with 4
};

struct Level {
  int64_t height = 0;
  int64_t width = 0;
  int64_t start = 0;   // first pixel of the level on the S axis; levels may be permuted or overlap
  int64_t points = 0;  // samples per query and head on this level
};

// value[B,S,M,D], locations[B,Q,M,K,2], weights[B,Q,M,K] -> output[B,Q,M*D], where K is the sum of the levels'
// points: level 0's points come first. With the same number of points P on every level, [..,K,2] is [..,L,P,2].
struct Problem {
  int64_t batch = 1;        // B
  int64_t num_queries = 1;  // Q
  int64_t num_heads = 1;    // M
  int64_t channels = 1;     // D, per head
  int64_t value_size = 0;   // S, pixels of value; at least what the levels use
  std::vector<Level> levels;
  DType value_dtype = DType::kF32;     // of value, output, and their gradients
  DType location_dtype = DType::kF32;  // of locations and weights: kF32 or value_dtype
  Sampling sampling = Sampling::kBilinear;
  Padding padding = Padding::kZeros;  // of bilinear sampling
  bool align_corners = false;         // bilinear: u = 0 and 1 are the centres of the outermost pixels
  References references = {};

  bool IsFused() const { return references.components != 0; }
  // G, references of one query: array [B,Q,G,components], level 0's first.
  int64_t ReferencesPerQuery() const;
  // The offset scale with 0 resolved.
  double OffsetScale() const;
  // float64 for f64 values, else float32, whatever the type of offsets and logits.
  DType reference_dtype() const { return value_dtype == DType::kF64 ? DType::kF64 : DType::kF32; }

  // K, the samples of one query and head.
  int64_t SamplesPerQuery() const;
};

// Limits of every backend, which Validate keeps.
inline constexpr int64_t kMaxValueSize = (int64_t{1} << 31) - 1;  // S: pixel numbers are 32-bit, byte offsets 64-bit
// Sampling coordinates are float32 for most types; beyond 2^24 they do not count pixels any more.
inline constexpr int64_t kMaxSide = int64_t{1} << 24;
// Each of [B,S,M,D], [B,Q,M,D] and [B,Q,M,K,2] has fewer elements, a size of 0 counted as 1. No address space of today
// holds more.
inline constexpr int64_t kMaxElements = int64_t{1} << 47;

// Limits of the CPU backend: Forward and Backward return kUnsupported beyond them.
inline constexpr int64_t kMaxSamples = 65535;                 // K
inline constexpr int64_t kMaxReferences = int64_t{1} << 28;   // G, of a fused query
inline constexpr int64_t kMaxCells = (int64_t{1} << 31) - 1;  // the sum of (height + 1) * (width + 1) over the levels

// Checks every size, level and type combination. The message names the field at fault.
//   sizes >= 0 (zero-size problems are valid and give empty or zero results); value_size <= kMaxValueSize; each level
//   has height, width in [1, kMaxSide], start >= 0, start + height*width <= value_size, points >= 0; arrays of fewer
//   than kMaxElements; location_dtype is value_dtype, or kF32 when value_dtype is kBF16 or kF16; discrete sampling has
//   neither border nor align_corners; references have 0, 2 or 4 components, 1 to kMaxSamples anchors and a finite
//   offset scale >= 0.
Status Validate(const Problem& problem);

// The repro line of a problem, for example
//   b1_q22223_m8_d32_p4_f32_l100x167,50x84,25x42,13x21
// b, q, m, d: sizes. p: points, one number for all levels or one per level ("p3,6,3"). Value type f32, f64, bf16 or
// f16. l: levels as HEIGHTxWIDTH, "@START" when a level does not start where the one before it ends.
// Optional: s<N> value_size when it is not where the last level ends; "locf32" when the locations are f32 and the
// value is not ("locf32" is omitted for f32); "discrete", "border", "align" (align_corners); "fused2" or "fused4", with
// "l" behind it for references per level and "z<N>" for N anchors ("fused2lz4"); o<S> an offset scale.
std::string ToString(const Problem& problem);

// The inverse of ToString. Fields may come in any order; b, q, m, d, p and the type default to 1, 1, 1, 1, 1 and f32.
// Locations are f32 when "locf32" is given, else of the value's type. The result has passed Validate.
Status ParseProblem(std::string_view text, Problem* problem);

}  // namespace xmsda
#pragma GCC visibility pop
