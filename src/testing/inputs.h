// Seeded inputs for one problem: sampling patterns, memory layouts, exact-size arrays.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "testing/buffer.h"
#include "xmsda/msda.h"

namespace xmsda::testing {

enum class Pattern : uint8_t {
  kLocal,    // the query's own position + N(0, 1) * 2 pixels of the target level, as in encoders
  kUniform,  // anywhere in the level
  kHot,      // one place: contention
  kOutside,  // half of the points outside the level
  kExact,    // multiples of 1/8 pixel, small integers: all sums are exact in any order (sides must be powers of two)
  kNasty,    // [-2, 3], pixel centres, borders, NaN, infinities, 1e30, subnormals
};

// How value and its gradient lie in memory.
enum class Layout : uint8_t {
  kBSMD,    // dense
  kBMSD,    // head-major
  kBMDS,    // channel-major
  kPadded,  // [B,S,M,D] with a gap behind every axis; the gaps hold NaN. Also pads locations and weights.
  kSpread,  // as kPadded with every second channel missing
};

inline constexpr Pattern kPatterns[] = {Pattern::kLocal,   Pattern::kUniform, Pattern::kHot,
                                        Pattern::kOutside, Pattern::kExact,   Pattern::kNasty};
inline constexpr Layout kLayouts[] = {Layout::kBSMD, Layout::kBMSD, Layout::kBMDS, Layout::kPadded, Layout::kSpread};

const char* PatternName(Pattern pattern);
const char* LayoutName(Layout layout);
Status ParsePattern(std::string_view name, Pattern* pattern);
Status ParseLayout(std::string_view name, Layout* layout);

// What identifies a run: equal cases have equal bits.
struct Case {
  Problem problem;
  Pattern pattern = Pattern::kUniform;
  Layout layout = Layout::kBSMD;
  uint64_t seed = 1;
  bool misaligned = true;  // arrays start one element past a 64-byte boundary
};

// For kExact: Ok when every level side is a power of two, of aligned corners one less; of fused problems also K (equal
// logits then give exact weights), with 4 components each level's points, and the offset scale.
Status ValidateCase(const Case& test_case);

// The problem, pattern, layout and seed as options of the driver, for example "b1_..._l4x4 --sampling hot --seed 3".
std::string CaseOptions(const Case& test_case);

struct CaseData {
  Case test_case;
  Inputs inputs;                                  // points into the buffers
  Buffer value, locations, weights, grad_output;  // of fused problems: offsets and logits
  Buffer references;                              // of fused problems
  ValueStrides grad_value_strides;
};

CaseData MakeCase(const Case& test_case);

// Elements from the first to the last one, inclusive, of value under these strides.
int64_t ValueExtent(const Problem& problem, const ValueStrides& strides);
ValueStrides StridesOf(const Problem& problem, Layout layout);

}  // namespace xmsda::testing
