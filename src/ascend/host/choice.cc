// A choice for a pass: a variant and the parameters of its tiling, as one short string.
// SPDX-License-Identifier: Apache-2.0
#include "ascend/host/choice.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <limits>

namespace xmsda::ascend {
namespace {

// A parameter of Wish, and the values that make sense whatever the problem.
struct Key {
  const char* name;
  int32_t Wish::*value;
  int32_t least, most, step;  // in words: `least` to `most` in steps of `step`
  bool powers;                // of two only
};

constexpr int32_t kAny = 1 << 28;
constexpr Key kTile = {"tile", &Wish::tile, 16, 64, 16, false};
constexpr Key kTiles = {"tiles", &Wish::tiles, 1, kAny, 1, false};
constexpr Key kLevels = {"levels", &Wish::levels, 0, 8, 1, false};
constexpr Key kBlock = {"block", &Wish::block, 32, 2016, 32, false};
constexpr Key kCopies = {"copies", &Wish::copies, 1, 4, 1, true};
constexpr Key kOrder = {"order", &Wish::order, 0, 1, 1, false};
constexpr Key kPairs = {"pairs", &Wish::pairs, 0, 1, 1, false};
constexpr Key kCores = {"cores", &Wish::cores, 1, 65535, 1, false};
constexpr const Key* kKeys[] = {&kTile, &kTiles, &kLevels, &kBlock, &kCopies, &kOrder, &kPairs, &kCores};

struct Parameters {
  const Variant* variant;
  std::vector<const Key*> forward, backward;
};

const std::vector<Parameters>& AllParameters() {
  const std::vector<const Key*> rows = {&kTile, &kTiles, &kCopies, &kCores}, raw = {&kTile, &kTiles, &kCores};
  const std::vector<const Key*> resident = {&kTile, &kTiles, &kLevels, &kCopies, &kOrder, &kCores};
  const std::vector<const Key*> planes = {&kBlock, &kTile, &kTiles, &kCopies, &kOrder, &kCores};
  static const std::vector<Parameters> all = {
      {&kResident, resident, rows},
      {&kDma1, rows, rows},
      {&kDma2, {&kTile, &kTiles, &kLevels, &kOrder, &kCores}, raw},
      {&kHybrid, resident, rows},
      {&kXmsda, {&kBlock, &kPairs, &kCores}, planes},
      {&kXmsdaAligned, {&kBlock, &kCores}, planes},
      {&kLibrary, {&kCores}, {&kCores}},
      {&kLibraryDb, {&kCores}, {&kCores}},
  };
  return all;
}

const std::vector<const Key*>& KeysOf(const Variant& variant, bool backward) {
  static const std::vector<const Key*> none;
  for (const Parameters& one : AllParameters()) {
    if (one.variant == &variant) return backward ? one.backward : one.forward;
  }
  return none;
}

Status Expected(const std::string& what, const std::string& got) {
  return Status::InvalidArgument("choice: expected " + what + ", got \"" + got + "\"");
}

Status ParseParameter(std::string_view text, bool backward, Choice* choice) {
  const size_t equals = text.find('=');
  const std::string name(text.substr(0, equals));
  const std::vector<const Key*>& keys = KeysOf(*choice->variant, backward);
  const auto key = std::find_if(keys.begin(), keys.end(), [&](const Key* one) { return name == one->name; });
  if (key == keys.end()) {
    std::string names;
    for (const Key* one : keys) names += (names.empty() ? "" : ", ") + std::string(one->name);
    return Expected(std::string("parameters of ") + choice->variant->name + (backward ? " backward" : " forward") +
                        " to be some of " + names,
                    name);
  }
  const std::string number(equals == std::string_view::npos ? "" : text.substr(equals + 1));
  int32_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  const Key& k = **key;
  const bool is_number = error == std::errc() && end == number.data() + number.size();
  const bool fits = value >= k.least && value <= k.most && (value - k.least) % k.step == 0;
  if (is_number && fits && (!k.powers || (value & (value - 1)) == 0)) {
    choice->wish.*k.value = value;
    return {};
  }
  std::string range = std::to_string(k.least) + " to " + std::to_string(k.most);
  if (k.powers) range += " and a power of two";
  if (k.step > 1) range += " in steps of " + std::to_string(k.step);
  return Expected(name + " to be " + range, std::string(text));
}

// Numbers of tiles of a head that keep cores busy evenly: the most for each number of rounds.
std::vector<int32_t> TileCounts(const Problem& p, int32_t tile, int32_t cores) {
  const int64_t heads = p.batch * p.num_heads, least = (p.num_queries + tile - 1) / tile;
  std::vector<int32_t> counts = {static_cast<int32_t>(least)};
  const int64_t rounds = (heads * least + cores - 1) / cores;
  for (int64_t r = rounds; r < rounds + 8; ++r) {
    const int64_t tiles = std::min(r * cores / heads, p.num_queries);
    if (tiles > counts.back()) counts.push_back(static_cast<int32_t>(tiles));
  }
  return counts;
}

bool Has(const Variant& variant, bool backward, const Key& key) {
  const std::vector<const Key*>& keys = KeysOf(variant, backward);
  return std::find(keys.begin(), keys.end(), &key) != keys.end();
}

class Enumerator {
 public:
  Enumerator(const Problem& problem, const Chip& chip, bool backward)
      : problem_(problem), chip_(chip), backward_(backward) {}

  void Add(const Variant& variant) {
    const bool by_planes = Has(variant, backward_, kBlock), by_rows = Has(variant, backward_, kTile) && !by_planes;
    for (const int32_t quarters : {4, 3, 2}) {
      Wish wish;
      const int32_t cores = std::max(chip_.vector_cores * quarters / 4, 1);
      if (quarters < 4) wish.cores = cores;
      if (by_rows) {
        AddRows(variant, wish, cores);
      } else if (by_planes) {
        AddPlanes(variant, wish);
      } else {
        Keep({&variant, wish});
      }
    }
  }
  std::vector<Choice> found;

 private:
  void AddRows(const Variant& variant, Wish wish, int32_t cores) {
    const auto levels = static_cast<int32_t>(problem_.levels.size());
    const bool has_levels = Has(variant, backward_, kLevels), has_order = Has(variant, backward_, kOrder);
    for (wish.levels = has_levels ? 0 : -1; wish.levels <= (has_levels ? levels : -1); ++wish.levels) {
      for (wish.tile = 16; wish.tile <= 64; wish.tile += 16) {
        wish.tiles = 0;
        wish.order = -1;
        if (!Supports({&variant, wish}, problem_, chip_, backward_).ok()) continue;
        for (const int32_t tiles : TileCounts(problem_, wish.tile, cores)) {
          wish.tiles = tiles;
          for (wish.order = has_order ? 0 : -1; wish.order <= (has_order ? 1 : -1); ++wish.order) {
            Keep({&variant, wish});
          }
        }
      }
    }
  }
  void AddPlanes(const Variant& variant, Wish wish) {
    for (wish.block = 32; wish.block <= 2016 && wish.block < problem_.num_queries + 32; wish.block += 32) {
      if (!Keep({&variant, wish})) break;
      if (!backward_) continue;
      for (wish.tile = 16; wish.tile <= 64; wish.tile += 16) Keep({&variant, wish});
      wish.tile = 0;
    }
  }
  bool Keep(const Choice& choice) {
    if (!Supports(choice, problem_, chip_, backward_).ok()) return false;
    found.push_back(choice);
    return true;
  }

  const Problem& problem_;
  const Chip& chip_;
  const bool backward_;
};

}  // namespace

std::string ToString(const Choice& choice) {
  std::string text = choice.variant == nullptr ? "" : choice.variant->name;
  char before = ':';
  for (const Key* key : kKeys) {
    const int32_t value = choice.wish.*key->value;
    if (value == Wish{}.*key->value) continue;
    text += before + std::string(key->name) + "=" + std::to_string(value);
    before = ',';
  }
  return text;
}

Status ParseChoice(std::string_view text, bool backward, Choice* choice) {
  const size_t colon = std::min(text.find(':'), text.size());
  Choice parsed;
  parsed.variant = FindVariant(text.substr(0, colon));
  if (parsed.variant == nullptr || KeysOf(*parsed.variant, backward).empty()) {
    std::string names;
    for (const Parameters& one : AllParameters()) names += (names.empty() ? "" : ", ") + std::string(one.variant->name);
    return Expected("one of " + names, std::string(text.substr(0, colon)));
  }
  for (std::string_view rest = text.substr(std::min(colon + 1, text.size())); colon < text.size();) {
    const size_t comma = std::min(rest.find(','), rest.size());
    if (Status status = ParseParameter(rest.substr(0, comma), backward, &parsed); !status.ok()) return status;
    if (comma == rest.size()) break;
    rest = rest.substr(comma + 1);
  }
  *choice = parsed;
  return {};
}

Chip ChipOf(const Choice& choice, const Chip& chip, bool backward) {
  Chip out = {.vector_cores = chip.vector_cores, .ub_bytes = chip.ub_bytes};
  (backward ? out.backward : out.forward) = choice.wish;
  if (choice.wish.cores > 0) out.vector_cores = choice.wish.cores;
  return out;
}

Status Supports(const Choice& choice, const Problem& problem, const Chip& chip, bool backward) {
  if (choice.wish.cores > chip.vector_cores) {
    return Status::Unsupported("cores: expected at most the " + std::to_string(chip.vector_cores) +
                               " of the chip, got " + std::to_string(choice.wish.cores));
  }
  if (Status status = Validate(problem); !status.ok()) return status;
  if (!HasWork(problem)) return CheckTypes(problem);
  return choice.variant->supports(problem, ChipOf(choice, chip, backward));
}

Choice DefaultChoice(const Problem& problem, const Chip& chip, bool backward) {
  return {ChooseVariant(problem, {.vector_cores = chip.vector_cores, .ub_bytes = chip.ub_bytes}, backward), {}};
}

std::vector<Choice> Choices(const Problem& problem, const Chip& chip, bool backward) {
  Enumerator all(problem, chip, backward);
  if (!Validate(problem).ok() || !HasWork(problem)) return {};
  for (const Parameters& one : AllParameters()) {
    // Their other pass is another variant's, or the same by another name.
    if (backward && (one.variant == &kResident || one.variant == &kHybrid)) continue;
    // Nor may tuning cost accuracy: "auto" does not round weights of corners.
    if (!backward && one.variant->f16_weights) continue;
    all.Add(*one.variant);
  }
  return std::move(all.found);
}

Cost Draft(const Choice& choice, const Problem& problem, const Chip& chip, const Timing& timing, bool backward) {
  return DraftPass(problem, ChipOf(choice, chip, backward), *choice.variant, timing, backward);
}

}  // namespace xmsda::ascend
