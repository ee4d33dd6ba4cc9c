// Tilings: how a problem is laid out and cut for the kernels of a chip.
// SPDX-License-Identifier: Apache-2.0
#include "ascend/host/tiling.h"

#include "ascend/host/cost.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace xmsda::ascend {
namespace {

using xmsda_ascend::kMaxLevels;
using xmsda_ascend::kMaxSamples;
using xmsda_ascend::LevelTiling;
using xmsda_ascend::Tiling;

constexpr int64_t kBlock = 32;
constexpr int64_t kRowBytes = 36 * 1024;  // kPartBytes of kernels/gradient.h; that of kernels/image.h is larger

int64_t RoundUp(int64_t a, int64_t b) { return (a + b - 1) / b * b; }

int64_t PixelBytes(const Problem& problem) {
  return RoundUp(problem.channels * static_cast<int64_t>(DTypeSize(problem.value_dtype)), kBlock);
}

int64_t LevelPixels(const LevelTiling& level) { return int64_t{level.height + 2} * (level.width + 1) + 1; }

Status Limit(const std::string& what) { return Status::Unsupported(what); }

Status CheckLimits(const Problem& problem) {
  const auto number = [](int64_t n) { return std::to_string(n); };
  if (Status status = CheckTypes(problem); !status.ok()) return status;
  if (problem.levels.size() > kMaxLevels) {
    return Limit("levels: expected at most " + number(kMaxLevels) + " on Ascend, got " +
                 number(static_cast<int64_t>(problem.levels.size())));
  }
  if (problem.SamplesPerQuery() > kMaxSamples) {
    return Limit("levels: expected at most " + number(kMaxSamples) + " points in all on Ascend, got " +
                 number(problem.SamplesPerQuery()));
  }
  return {};
}

// What the kernels by rows count in 32 bits, or in the fields of copies.
Status CheckRows(const Problem& problem) {
  const auto number = [](int64_t n) { return std::to_string(n); };
  const struct {
    const char* name;
    int64_t size;
  } sizes[] = {{"batch", problem.batch},
               {"num_queries", problem.num_queries},
               {"num_heads", problem.num_heads},
               {"channels", problem.channels}};
  for (const auto& [name, size] : sizes) {
    if (size < (int64_t{1} << 28)) continue;
    return Limit(std::string(name) + ": expected less than 2^28 on Ascend, got " + number(size));
  }
  // kernels/gradient.h takes rows of one pixel at least in float32, kernels/image.h in the value's type.
  const int64_t row =
      problem.num_heads * PixelBytes(problem) / static_cast<int64_t>(DTypeSize(problem.value_dtype)) * 4;
  if (row > kRowBytes) {
    return Limit("num_heads: expected at most " + number(kRowBytes) + " bytes for all heads of a pixel in float32 on " +
                 "Ascend, got " + number(problem.num_heads) + " heads of " + number(problem.channels) + " channels, " +
                 number(row) + " bytes");
  }
  const int64_t blocks = PixelBytes(problem) / kBlock;
  int64_t pixels = 0;
  for (const Level& level : problem.levels) {
    pixels += (level.height + 2) * (level.width + 1) + 1 + level.width + 3;
    if ((level.width - 1) * blocks <= 65535) continue;
    return Limit("levels: expected rows of at most " + number(65535 / blocks + 1) + " pixels on Ascend, got " +
                 number(level.width));
  }
  if (pixels * blocks >= int64_t{1} << 31) {
    return Limit("levels: expected less than 2^31 blocks of 32 bytes a head on Ascend, got " + number(pixels * blocks));
  }
  return {};
}

void PlaceLevels(const Problem& problem, Tiling* t) {
  int32_t longest = 0, sample = 0;
  for (const Level& level : problem.levels) longest = std::max(longest, static_cast<int32_t>(level.width) + 1);
  t->num_levels = static_cast<int32_t>(problem.levels.size());
  t->image_zone = longest + 2;
  int64_t at = t->image_zone;
  for (int32_t l = 0; l < t->num_levels; ++l) {
    const Level& level = problem.levels[static_cast<size_t>(l)];
    LevelTiling& out = t->level[l];
    out.height = static_cast<int32_t>(level.height);
    out.width = static_cast<int32_t>(level.width);
    out.value_start = static_cast<int32_t>(level.start);
    out.image_start = static_cast<int32_t>(at);
    out.first_sample = sample;
    out.points = static_cast<int32_t>(level.points);
    out.resident_start = -1;
    at += LevelPixels(out);
    for (int32_t p = 0; p < out.points; ++p) t->level_of[sample++] = static_cast<uint8_t>(l);
  }
  t->image_pixels = static_cast<int32_t>(at);
}

Tiling Describe(const Problem& problem) {
  Tiling t = {};
  t.batch = static_cast<int32_t>(problem.batch);
  t.queries = static_cast<int32_t>(problem.num_queries);
  t.heads = static_cast<int32_t>(problem.num_heads);
  t.channels = static_cast<int32_t>(problem.channels);
  t.value_size = static_cast<int32_t>(problem.value_size);
  t.samples = static_cast<int32_t>(problem.SamplesPerQuery());
  PlaceLevels(problem, &t);
  return t;
}

// The smallest `count` levels become resident.
void KeepLevels(int32_t count, Tiling* t) {
  std::vector<int32_t> levels(static_cast<size_t>(t->num_levels));
  std::iota(levels.begin(), levels.end(), 0);
  std::stable_sort(levels.begin(), levels.end(),
                   [t](int32_t a, int32_t b) { return LevelPixels(t->level[a]) < LevelPixels(t->level[b]); });
  for (LevelTiling& level : t->level) level.resident_start = -1;
  t->resident_zone = 0;
  for (int32_t i = 0; i < count; ++i) {
    t->resident_zone = std::max(t->resident_zone, t->level[levels[static_cast<size_t>(i)]].width + 3);
  }
  int64_t at = t->resident_zone;
  for (int32_t i = 0; i < count; ++i) {
    LevelTiling& level = t->level[levels[static_cast<size_t>(i)]];
    level.resident_start = static_cast<int32_t>(at);
    at += LevelPixels(level);
  }
  t->resident_pixels = count > 0 ? static_cast<int32_t>(at) : 0;
}

// In an encoder: query i is pixel i.
bool QueriesArePixels(const Problem& problem) {
  int64_t pixels = 0;
  for (const Level& level : problem.levels) {
    if (level.start != pixels || level.height == 0 || level.width == 0) return false;
    pixels += level.height * level.width;
  }
  return pixels == problem.num_queries;
}

constexpr int32_t kTileColumns = 16, kBlockRows = 16, kMargin = 3;

// Tiles of t->tile_queries pixels, 16 columns wide where a level is that wide.
void CutGrids(const Problem& problem, Tiling* t) {
  t->num_grids = t->num_levels;
  t->tiles = 0;
  const int32_t rows = t->tile_queries / kTileColumns;
  t->block_groups = kBlockRows / rows;
  for (int32_t l = 0; l < t->num_levels; ++l) {
    const Level& level = problem.levels[static_cast<size_t>(l)];
    xmsda_ascend::GridTiling& grid = t->grid[l];
    grid.first_query = static_cast<int32_t>(level.start);
    grid.height = static_cast<int32_t>(level.height);
    grid.width = static_cast<int32_t>(level.width);
    grid.strips = (grid.width + kTileColumns - 1) / kTileColumns;
    grid.groups = (grid.height + rows - 1) / rows;
    grid.first_tile = t->tiles;
    t->tiles += grid.strips * grid.groups;
  }
}

// Windows of the smallest `count` levels: what a block of the largest level covers there, and kMargin
// pixels around.
void PlaceWindows(int32_t count, Tiling* t) {
  std::vector<int32_t> levels(static_cast<size_t>(t->num_levels));
  std::iota(levels.begin(), levels.end(), 0);
  std::stable_sort(levels.begin(), levels.end(),
                   [t](int32_t a, int32_t b) { return LevelPixels(t->level[a]) < LevelPixels(t->level[b]); });
  const LevelTiling& largest = t->level[levels.back()];
  t->window_pixels = 0;
  for (LevelTiling& level : t->level) level.window_width = level.window_height = level.window_start = 0;
  for (int32_t i = 0; i < count; ++i) {
    LevelTiling& level = t->level[levels[static_cast<size_t>(i)]];
    const auto side = [](int32_t block, int32_t size, int32_t of, int32_t most) {
      return std::min((block * size + of / 2) / of + 2 * kMargin + 2, most);
    };
    level.window_width = std::min(side(kTileColumns, level.width, largest.width, level.width + 1), 63);
    level.window_height =
        std::min(side(kBlockRows, level.height, largest.height, level.height + 2), xmsda_ascend::kMaxWindowRows);
    level.window_start = t->window_pixels;
    t->window_pixels += static_cast<int32_t>(RoundUp(int64_t{level.window_width} * level.window_height, 2));
  }
  OrderSamples(t);
}

// What kernels/rows_backward.h takes of UB.
int64_t RowsBackwardBytes(const Problem& problem, const Tiling& t) {
  const auto size = static_cast<int64_t>(DTypeSize(problem.value_dtype));
  const int64_t pixel = PixelBytes(problem), channels = pixel / size;
  const int64_t q = t.tile_queries, k = t.samples, lanes = RoundUp(k * q, 64);
  const int64_t padded = RoundUp(RoundUp(k, 8) * q, 64), location_row = RoundUp(2 * k, 16), weight_row = RoundUp(k, 16);
  const int64_t geometry = q * 4 * (RoundUp(2 * k, 8) + RoundUp(k, 8)) + 6 * k * kBlock + (t.raw != 0 ? lanes * 4 : 0);
  const int64_t scratch =
      (4 * lanes + 3 * padded) * 4 + (t.raw != 0 ? 8 : 4) * RoundUp(lanes / 8, kBlock) + (t.raw != 0 ? lanes * 4 : 0);
  const int64_t last = (4 * lanes + 2 * padded + weight_row * q) * 4;
  const int64_t twice = q * 4 * pixel + q * 4 * channels * 4 + q * pixel + lanes * 4;
  const int64_t once = lanes * 20 + 3 * padded * 4 + RoundUp(lanes / 8, kBlock);
  const int64_t windows =
      t.window_pixels == 0 ? 0 : t.window_pixels * channels * 4 + 4 * k * kBlock + 4 * RoundUp(lanes / 8, kBlock);
  // Rows of two blocks a pixel in float32 (kernels/rows_backward.h): vector instructions take no bf16.
  const int64_t widened = problem.value_dtype == DType::kBF16 ? q * 256 : 0;
  return widened + windows + 2 * twice + once + q * 4 * kBlock + q * 4 * channels * 4 + q * 256 + q * 256 + k * q * 16 +
         q * location_row * 4 + q * weight_row * 4 + geometry + std::max({scratch, last, q * channels * 4});
}

// The cheapest tiling by `cost_of` of those whose kernels take no more UB than there is by `bytes_of`: numbers of
// resident levels from 0 to `most_resident`, tiles of 64 queries and less, as far as there is no wish.
template <class BytesOf, class CostOf>
Status Fit(const Problem& problem, const Chip& chip, const Wish& wish, const RowsChoice& choice, int32_t most_resident,
           BytesOf bytes_of, CostOf cost_of, Tiling* tiling) {
  Tiling t = {};
  if (Status status = TileProblem(problem, &t); !status.ok()) return status;
  t.raw = choice.raw ? 1 : 0;
  if (choice.raw && problem.channels * static_cast<int64_t>(DTypeSize(problem.value_dtype)) % kBlock != 0) {
    return Limit("channels: expected whole blocks of 32 bytes where value is read as it is on Ascend, got " +
                 std::to_string(problem.channels) + "; dma1 takes any");
  }
  double least_cost = 0;
  bool found = false;
  const bool any_number = choice.resident_levels < 0;
  const int32_t most = std::min(most_resident, t.num_levels);
  if (wish.levels > most) {
    return Limit("levels: expected at most " + std::to_string(most) + " in UB, got " + std::to_string(wish.levels));
  }
  const int32_t first = wish.levels >= 0 ? wish.levels : any_number ? 0 : most;
  for (int32_t resident = first; resident <= (wish.levels >= 0 ? wish.levels : most); ++resident) {
    KeepLevels(resident, &t);
    OrderSamples(&t);
    if (wish.order == 0) std::iota(t.order, t.order + t.samples, uint8_t{0});
    const int32_t tile = wish.tile > 0 ? wish.tile : choice.tile_queries;
    for (t.tile_queries = tile > 0 ? tile : 64; t.tile_queries >= (tile > 0 ? tile : 16); t.tile_queries -= 16) {
      if (bytes_of(problem, t) > chip.ub_bytes) continue;
      if (Status status = PlaceTiles(chip, wish, &t); !status.ok()) return status;
      const double cost = cost_of(problem, chip, t, {}).total;
      if (found && cost >= least_cost) continue;
      found = true;
      least_cost = cost;
      *tiling = t;
    }
  }
  if (found) return {};
  if (wish.tile > 0 || wish.levels > 0) {
    return Limit("tile: expected tiles and resident levels that fit into " + std::to_string(chip.ub_bytes) +
                 " bytes of UB, got " + std::to_string(bytes_of(problem, t)) + " bytes or more");
  }
  return Limit("channels: expected tiles of 16 queries to fit into " + std::to_string(chip.ub_bytes) +
               " bytes of UB on Ascend, got " + std::to_string(problem.channels) + " channels of " +
               std::to_string(problem.SamplesPerQuery()) + " samples");
}

// What kernels/library.h and library_forward.h or library_backward.h take of UB.
int64_t LibraryBytes(const Problem& problem, int64_t buffers, bool backward) {
  const auto size = static_cast<int64_t>(DTypeSize(problem.value_dtype));
  const int64_t padded = RoundUp(problem.SamplesPerQuery(), 8), lanes = RoundUp(problem.num_heads * padded, 64);
  const int64_t row = RoundUp(problem.num_heads * problem.channels, 64), rows = 4 * padded * problem.channels;
  const int64_t samples = lanes * 64 + RoundUp(lanes / 8, kBlock) + lanes * 12;
  const int64_t shared = buffers * (samples + rows * size) + rows * 4 + 4 * padded * kBlock;
  if (!backward) return shared + (row + 64) * 4 + buffers * row * size;
  return shared + buffers * (row * size + row * 4 + rows * 4 + lanes * 12) + (32 * padded + 12 * lanes) * 4 +
         RoundUp(lanes / 8, kBlock);
}

// What the kernels in the style of others cannot take.
Status CheckPeers(const Problem& problem, int64_t most_channels) {
  if (Status status = Validate(problem); !status.ok()) return status;
  if (Status status = CheckLimits(problem); !status.ok()) return status;
  const auto number = [](int64_t n) { return std::to_string(n); };
  if (PixelBytes(problem) != problem.channels * static_cast<int64_t>(DTypeSize(problem.value_dtype)) ||
      problem.channels > most_channels) {
    return Limit("channels: expected whole blocks of 32 bytes, at most " + number(most_channels) + ", got " +
                 number(problem.channels));
  }
  for (const Level& level : problem.levels) {
    if (level.height * level.width * problem.num_heads * problem.channels < int64_t{1} << 31) continue;
    return Limit("levels: expected less than 2^31 elements in a level, got " + number(level.height) + " by " +
                 number(level.width) + " pixels");
  }
  return {};
}

}  // namespace

Status TileProblem(const Problem& problem, Tiling* tiling) {
  if (Status status = Validate(problem); !status.ok()) return status;
  if (Status status = CheckLimits(problem); !status.ok()) return status;
  if (Status status = CheckRows(problem); !status.ok()) return status;
  *tiling = Describe(problem);
  return {};
}

void OrderSamples(Tiling* t) {
  std::vector<uint8_t> by_dma, in_ub;
  t->num_fetched = 0;
  for (int32_t k = 0; k < t->samples; ++k) {
    const LevelTiling& level = t->level[t->level_of[k]];
    if (level.resident_start < 0) ++t->num_fetched;
    (level.resident_start < 0 && level.window_width == 0 ? by_dma : in_ub).push_back(static_cast<uint8_t>(k));
  }
  size_t d = 0, u = 0;
  for (int32_t i = 0; i < t->samples; ++i) {
    const bool take_in_ub = d == by_dma.size() || (u < in_ub.size() && u * by_dma.size() < d * in_ub.size());
    t->order[i] = take_in_ub ? in_ub[u++] : by_dma[d++];
  }
}

int64_t RowsForwardBytes(const Problem& problem, const Tiling& t, bool hybrid) {
  const auto size = static_cast<int64_t>(DTypeSize(problem.value_dtype));
  const int64_t pixel = PixelBytes(problem), q = t.tile_queries, k = t.samples, lanes = RoundUp(k * q, 64);
  const int64_t rows = q * 4 * pixel;
  const int64_t padded = RoundUp(RoundUp(k, 8) * q, 64);
  const int64_t geometry = q * 4 * (RoundUp(2 * k, 8) + RoundUp(k, 8)) + 6 * k * kBlock + (t.raw != 0 ? lanes * 4 : 0);
  const int64_t scratch =
      (4 * lanes + 3 * padded) * 4 + (t.raw != 0 ? 8 : 4) * RoundUp(lanes / 8, kBlock) + (t.raw != 0 ? lanes * 4 : 0);
  const bool widen = size == 2 && !hybrid;
  const int64_t samples = 2 * lanes * (4 + 4 * (widen ? 4 : size));
  // The rows of a sample in float32 and its weights, or its weights twice.
  const int64_t spread = widen ? (q * (pixel / kBlock + 1) + 1) * 8 * kBlock : 2 * q * (size == 2 ? 8 : 4) * kBlock;
  const int64_t resident =
      t.resident_pixels == 0 ? 0 : t.resident_pixels * pixel + rows + q * kBlock + t.num_levels * 4 * pixel / 8;
  return 2 * rows + std::max(rows * 4 / size, scratch) + spread + q * pixel + geometry + samples + resident + 256;
}

int32_t Tiles(const Tiling& t, const Chip& chip) {
  const int64_t heads = int64_t{t.batch} * t.heads;
  const int64_t least = RoundUp(t.queries, t.tile_queries) / t.tile_queries;
  int64_t best = least, best_cost = INT64_MAX;
  for (int64_t tiles = least; tiles <= 4 * least && tiles <= t.queries; ++tiles) {
    const int64_t rounds = RoundUp(heads * tiles, chip.vector_cores) / chip.vector_cores;
    const int64_t cost = rounds * (4 * (RoundUp(t.queries, tiles) / tiles) + t.tile_queries);
    if (cost < best_cost) best = tiles, best_cost = cost;
  }
  return static_cast<int32_t>(best);
}

Status PlaceTiles(const Chip& chip, const Wish& wish, Tiling* t) {
  t->copies = wish.copies > 0 ? wish.copies : 1;
  t->tiles = Tiles(*t, chip);
  if (wish.tiles == 0) return {};
  const int64_t least = RoundUp(t->queries, t->tile_queries) / t->tile_queries;
  if (wish.tiles < least || wish.tiles > std::max(t->queries, 1)) {
    return Limit("tiles: expected " + std::to_string(least) + " to " + std::to_string(t->queries) + " of a head for " +
                 std::to_string(t->queries) + " queries in tiles of " + std::to_string(t->tile_queries) + ", got " +
                 std::to_string(wish.tiles));
  }
  t->tiles = wish.tiles;
  return {};
}

Status CheckTypes(const Problem& problem) {
  if (problem.value_dtype == DType::kF64) {
    return Limit(std::string("value: expected f16, bf16 or f32 on Ascend, got ") + DTypeName(problem.value_dtype));
  }
  if (problem.location_dtype != DType::kF32) {
    return Limit(std::string("locations: expected f32 on Ascend, got ") + DTypeName(problem.location_dtype));
  }
  if (problem.sampling != Sampling::kBilinear) return Limit("sampling: expected bilinear on Ascend, got discrete");
  if (problem.padding != Padding::kZeros) return Limit("padding: expected zeros on Ascend, got border");
  if (problem.align_corners) return Limit("align_corners: expected false on Ascend, got true");
  if (problem.IsFused()) {
    return Limit("references: expected none on Ascend (locations and weights instead of offsets and logits), got " +
                 std::to_string(problem.references.components) + " components");
  }
  return {};
}

Status CheckNoBfloat(const Problem& problem) {
  if (problem.value_dtype != DType::kBF16) return {};
  return Limit("value: expected f16 or f32 for this variant on Ascend, got bf16");
}

int64_t GradientImageBytes(const Problem& problem, const Tiling& t) {
  return ImageBytes(problem, t) / static_cast<int64_t>(DTypeSize(problem.value_dtype)) * 4;
}

int64_t ImageBytes(const Problem& problem, const Tiling& t) {
  return problem.batch * problem.num_heads * t.image_pixels * PixelBytes(problem);
}

Status TileRowsForward(const Problem& problem, const Chip& chip, const RowsChoice& choice, Tiling* tiling) {
  // Gatherb takes eight blocks at a time, the corners of a pixel have four times as many as the pixel.
  const bool can_gather = PixelBytes(problem) / kBlock % 2 == 0;
  const int32_t wanted = choice.resident_levels < 0 ? kMaxLevels : choice.resident_levels;
  return Fit(
      problem, chip, chip.forward, choice, can_gather ? wanted : 0,
      [](const Problem& p, const Tiling& t) { return RowsForwardBytes(p, t, false); }, RowsForwardCost, tiling);
}

Status TileRowsBackward(const Problem& problem, const Chip& chip, const RowsChoice& choice, Tiling* tiling) {
  if (Status status = Fit(problem, chip, chip.backward, choice, 0, RowsBackwardBytes, RowsBackwardCost, tiling);
      !status.ok()) {
    return status;
  }
  // Windows go with tiles that are rectangles of a level, whose number is not free.
  if (choice.raw || PixelBytes(problem) / static_cast<int64_t>(DTypeSize(problem.value_dtype)) != 32 ||
      !QueriesArePixels(problem) || chip.backward.tiles > 0) {
    return {};
  }
  double least = RowsBackwardCost(problem, chip, *tiling).total;
  Tiling t = *tiling;
  for (t.tile_queries = 64; t.tile_queries >= 16; t.tile_queries -= 16) {
    if (choice.tile_queries > 0 && choice.tile_queries != t.tile_queries) continue;
    if (chip.backward.tile > 0 && chip.backward.tile != t.tile_queries) continue;
    CutGrids(problem, &t);
    for (int32_t windows = 1; windows <= t.num_levels; ++windows) {
      PlaceWindows(windows, &t);
      if (RowsBackwardBytes(problem, t) > chip.ub_bytes) break;
      const double cost = RowsBackwardCost(problem, chip, t).total;
      if (cost >= least) continue;
      least = cost;
      *tiling = t;
    }
  }
  return {};
}

Status TileLibrary(const Problem& problem, const Chip& chip, int32_t buffers, bool backward, Tiling* tiling) {
  constexpr int64_t kMostChannels = 248;  // strides of a repeat are 8 bits
  if (Status status = CheckPeers(problem, kMostChannels); !status.ok()) return status;
  const int64_t bytes = LibraryBytes(problem, buffers, backward);
  if (bytes > chip.ub_bytes) {
    return Limit("channels: expected samples of a query and head, and all heads' places, to fit into " +
                 std::to_string(chip.ub_bytes) + " bytes of UB, got " + std::to_string(bytes) + " bytes");
  }
  *tiling = Describe(problem);
  return {};
}

Status TileGridSample(const Problem& problem, Tiling* tiling) {
  constexpr int64_t kMostChannels = 136, kMostOfAllHeads = 512;  // kernels/grid_sample.h, stream.h: buffers in UB
  if (Status status = CheckPeers(problem, kMostChannels); !status.ok()) return status;
  if (problem.num_heads * problem.channels > kMostOfAllHeads) {
    return Limit("channels: expected at most " + std::to_string(kMostOfAllHeads) + " of all heads, got " +
                 std::to_string(problem.num_heads) + " heads of " + std::to_string(problem.channels));
  }
  if (Status status = CheckNoBfloat(problem); !status.ok()) return status;
  if (Status status = CheckOverlap(problem); !status.ok()) return status;
  *tiling = Describe(problem);
  return {};
}

Status CheckOverlap(const Problem& problem) {
  std::vector<const Level*> levels;
  for (const Level& level : problem.levels) levels.push_back(&level);
  std::sort(levels.begin(), levels.end(), [](const Level* a, const Level* b) { return a->start < b->start; });
  for (size_t i = 1; i < levels.size(); ++i) {
    const int64_t end = levels[i - 1]->start + levels[i - 1]->height * levels[i - 1]->width;
    if (levels[i]->start >= end) continue;
    return Limit("levels: expected no pixel in two levels on Ascend, got a level that starts at " +
                 std::to_string(levels[i]->start) + " and one that ends at " + std::to_string(end));
  }
  return {};
}

bool EveryPixelHasALevel(const Problem& problem) {
  int64_t pixels = 0;
  for (const Level& level : problem.levels) pixels += level.height * level.width;
  return pixels == problem.value_size;
}

}  // namespace xmsda::ascend
