// The one-line text of a problem: printing and parsing.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "xmsda/problem.h"

namespace xmsda {
namespace {

constexpr std::pair<std::string_view, DType> kTypes[] = {
    {"f32", DType::kF32}, {"f64", DType::kF64}, {"bf16", DType::kBF16}, {"f16", DType::kF16}};

Status BadField(std::string_view field, const char* expected) {
  constexpr size_t kMaxShown = 60;
  std::string shown(field.substr(0, kMaxShown));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';  // one line on a terminal, whatever came
  }
  return Status::InvalidArgument(std::string("problem: expected ") + expected + ", got \"" + shown +
                                 (field.size() > kMaxShown ? "...\"" : "\""));
}

// Decimal digits only: no sign, no blanks, no overflow.
std::optional<int64_t> ParseNumber(std::string_view text) {
  int64_t number = 0;
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Removes and returns what stands before the next `separator`; the last part leaves a view without data behind.
std::string_view TakePart(std::string_view* text, char separator) {
  const size_t end = text->find(separator);
  const std::string_view part = text->substr(0, end);
  *text = end == std::string_view::npos ? std::string_view() : text->substr(end + 1);
  return part;
}

std::optional<std::vector<int64_t>> ParseNumbers(std::string_view text) {
  std::vector<int64_t> numbers;
  do {
    const std::optional<int64_t> number = ParseNumber(TakePart(&text, ','));
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  } while (text.data() != nullptr);
  return numbers;
}

// "HxW" or "HxW@START".
std::optional<Level> ParseLevel(std::string_view text, int64_t default_start) {
  const std::string_view size = TakePart(&text, '@');
  const bool has_start = text.data() != nullptr;
  const size_t x = size.find('x');
  if (x == std::string_view::npos) return std::nullopt;
  const std::optional<int64_t> height = ParseNumber(size.substr(0, x));
  const std::optional<int64_t> width = ParseNumber(size.substr(x + 1));
  const std::optional<int64_t> start = has_start ? ParseNumber(text) : default_start;
  if (!height || !width || !start) return std::nullopt;
  return Level{.height = *height, .width = *width, .start = *start, .points = 0};
}

// Where the level ends; the largest int64, which no problem accepts, when that overflows.
int64_t LevelEnd(const Level& level) {
  int64_t end = 0;
  if (__builtin_mul_overflow(level.height, level.width, &end) || __builtin_add_overflow(end, level.start, &end)) {
    return INT64_MAX;
  }
  return end;
}

Status ParseLevels(std::string_view text, std::vector<Level>* levels) {
  int64_t next_start = 0;
  if (text.empty()) return {};
  do {
    const std::string_view part = TakePart(&text, ',');
    const std::optional<Level> level = ParseLevel(part, next_start);
    if (!level) return BadField(part, "a level like 100x167 or 100x167@0");
    levels->push_back(*level);
    next_start = LevelEnd(*level);
  } while (text.data() != nullptr);
  return {};
}

// The fields as they were found; each may come once.
struct Fields {
  std::optional<int64_t> batch, num_queries, num_heads, channels, value_size;
  std::optional<std::vector<int64_t>> points;
  std::optional<std::vector<Level>> levels;
  std::optional<DType> value_dtype;
  bool locf32 = false;
  bool discrete = false;
  bool border = false;
  bool align = false;
  std::optional<References> references;
  std::optional<double> offset_scale;
};

Status ParseSize(std::string_view field, std::optional<int64_t>* size) {
  if (size->has_value()) return BadField(field, "each field once");
  *size = ParseNumber(field.substr(1));
  if (!size->has_value()) return BadField(field, "a letter and a number below 2^63");
  return {};
}

Status ParseFlag(std::string_view field, bool* flag) {
  if (*flag) return BadField(field, "each field once");
  *flag = true;
  return {};
}

// "fused", the components, "l" for references per level, "z" and the number of anchors.
Status ParseReferences(std::string_view field, std::optional<References>* references) {
  if (references->has_value()) return BadField(field, "each field once");
  std::string_view rest = field.substr(std::string_view("fused").size());
  References parsed;
  if (!rest.empty() && (rest.front() == '2' || rest.front() == '4')) {
    parsed.components = rest.front() - '0';
    rest.remove_prefix(1);
    parsed.per_level = rest.starts_with('l');
    if (parsed.per_level) rest.remove_prefix(1);
    const std::optional<int64_t> anchors = rest.starts_with('z') ? ParseNumber(rest.substr(1)) : std::nullopt;
    if (anchors || rest.empty()) {
      parsed.anchors = anchors.value_or(1);
      *references = parsed;
      return {};
    }
  }
  return BadField(field, "references like fused2, fused4l or fused2lz4");
}

Status ParseScale(std::string_view field, std::optional<double>* scale) {
  if (scale->has_value()) return BadField(field, "each field once");
  double number = 0;
  const char* last = field.data() + field.size();
  const auto [end, error] = std::from_chars(field.data() + 1, last, number);
  if (error != std::errc() || end != last || !std::isfinite(number))
    return BadField(field, "an offset scale like o0.5");
  *scale = number;
  return {};
}

Status ParseField(std::string_view field, Fields* fields) {
  for (const auto& [name, dtype] : kTypes) {
    if (field != name) continue;
    if (fields->value_dtype.has_value()) return BadField(field, "one value type");
    fields->value_dtype = dtype;
    return {};
  }
  if (field == "locf32") return ParseFlag(field, &fields->locf32);
  if (field == "discrete") return ParseFlag(field, &fields->discrete);
  if (field == "border") return ParseFlag(field, &fields->border);
  if (field == "align") return ParseFlag(field, &fields->align);
  if (field.starts_with("fused")) return ParseReferences(field, &fields->references);
  if (field.starts_with('o')) return ParseScale(field, &fields->offset_scale);
  switch (field.empty() ? '\0' : field.front()) {
    case 'b':
      return ParseSize(field, &fields->batch);
    case 'q':
      return ParseSize(field, &fields->num_queries);
    case 'm':
      return ParseSize(field, &fields->num_heads);
    case 'd':
      return ParseSize(field, &fields->channels);
    case 's':
      return ParseSize(field, &fields->value_size);
    case 'p':
      if (fields->points.has_value()) return BadField(field, "each field once");
      fields->points = ParseNumbers(field.substr(1));
      return fields->points ? Status() : BadField(field, "points like p4 or p3,6,3");
    case 'l':
      if (fields->levels.has_value()) return BadField(field, "each field once");
      return ParseLevels(field.substr(1), &fields->levels.emplace());
    default:
      return BadField(field,
                      "one of b, q, m, d, p, l, s, f32, f64, bf16, f16, locf32, discrete, border, align, fused, o");
  }
}

Status AssignPoints(const std::vector<int64_t>& points, std::vector<Level>* levels) {
  if (points.size() != 1 && points.size() != levels->size()) {
    return Status::InvalidArgument("problem: expected points for 1 or " + std::to_string(levels->size()) +
                                   " levels, got " + std::to_string(points.size()));
  }
  for (size_t i = 0; i < levels->size(); ++i) (*levels)[i].points = points[points.size() == 1 ? 0 : i];
  return {};
}

std::string PointsToString(const std::vector<Level>& levels) {
  const auto same = [&](const Level& level) { return level.points == levels.front().points; };
  std::string text = std::to_string(levels.front().points);
  if (std::all_of(levels.begin(), levels.end(), same)) return text;
  for (size_t i = 1; i < levels.size(); ++i) text.append(",").append(std::to_string(levels[i].points));
  return text;
}

}  // namespace

std::string ToString(const Problem& problem) {
  std::string text;
  const auto append = [&text](const char* field, int64_t number) { text.append(field).append(std::to_string(number)); };
  append("b", problem.batch);
  append("_q", problem.num_queries);
  append("_m", problem.num_heads);
  append("_d", problem.channels);
  if (!problem.levels.empty()) text.append("_p").append(PointsToString(problem.levels));
  text.append("_").append(DTypeName(problem.value_dtype)).append("_l");
  int64_t next_start = 0;
  for (size_t i = 0; i < problem.levels.size(); ++i) {
    const Level& level = problem.levels[i];
    append(i > 0 ? "," : "", level.height);
    append("x", level.width);
    if (level.start != next_start) append("@", level.start);
    next_start = LevelEnd(level);
  }
  if (problem.value_size != next_start) append("_s", problem.value_size);
  if (problem.location_dtype == DType::kF32 && problem.value_dtype != DType::kF32) text += "_locf32";
  if (problem.sampling == Sampling::kDiscrete) text += "_discrete";
  if (problem.padding == Padding::kBorder) text += "_border";
  if (problem.align_corners) text += "_align";
  const References& r = problem.references;
  if (problem.IsFused()) {
    append("_fused", r.components);
    if (r.per_level) text += "l";
    if (r.anchors != 1) append("z", r.anchors);
  }
  if (r.offset_scale != 0) {
    char number[32];
    const auto [end, error] = std::to_chars(number, number + sizeof(number), r.offset_scale);
    text.append("_o").append(number, error == std::errc() ? end : number);
  }
  return text;
}

Status ParseProblem(std::string_view text, Problem* problem) {
  Fields fields;
  // substr(0) of a view without data would end the loop before the first, empty, field was refused.
  std::string_view rest = text.data() == nullptr ? std::string_view("") : text;
  do {
    if (Status status = ParseField(TakePart(&rest, '_'), &fields); !status.ok()) return status;
  } while (rest.data() != nullptr);
  if (!fields.levels.has_value()) return BadField(text, "levels, like l100x167,50x84 (or l for none)");

  Problem parsed;
  parsed.batch = fields.batch.value_or(1);
  parsed.num_queries = fields.num_queries.value_or(1);
  parsed.num_heads = fields.num_heads.value_or(1);
  parsed.channels = fields.channels.value_or(1);
  parsed.levels = std::move(*fields.levels);
  const std::vector<int64_t> points = fields.points.value_or(std::vector<int64_t>{1});
  if (Status status = AssignPoints(points, &parsed.levels); !status.ok()) return status;
  const int64_t levels_end = parsed.levels.empty() ? 0 : LevelEnd(parsed.levels.back());
  parsed.value_size = fields.value_size.value_or(levels_end);
  parsed.value_dtype = fields.value_dtype.value_or(DType::kF32);
  parsed.location_dtype = fields.locf32 ? DType::kF32 : parsed.value_dtype;
  parsed.sampling = fields.discrete ? Sampling::kDiscrete : Sampling::kBilinear;
  parsed.padding = fields.border ? Padding::kBorder : Padding::kZeros;
  parsed.align_corners = fields.align;
  parsed.references = fields.references.value_or(References{});
  parsed.references.offset_scale = fields.offset_scale.value_or(0);
  if (Status status = Validate(parsed); !status.ok()) return status;
  *problem = std::move(parsed);
  return {};
}

}  // namespace xmsda
