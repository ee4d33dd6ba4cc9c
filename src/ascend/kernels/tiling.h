// What the host tells a kernel about a problem: plain structs that both sides compile.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace xmsda_ascend {

constexpr int32_t kMaxLevels = 8;
constexpr int32_t kMaxSamples = 64;  // K
constexpr int32_t kMaxWindowRows = 32;

// The image of one head and batch that kernels read pixels from: a zero zone of `image_zone` pixels, then each level
// with a row of zeros above and below and a column of zeros in front of each row, which also ends the row before.
// Pixel (y, x) of a level, y and x from -1 on, is pixel image_start + (y + 1) * (width + 1) + x + 1 of the image.
struct LevelTiling {
  int32_t height;
  int32_t width;
  int32_t value_start;     // first pixel on the S axis
  int32_t image_start;     // first pixel in the image, that of the row of zeros above
  int32_t first_sample;    // on the K axis
  int32_t points;          // samples of a query and head on this level
  int32_t resident_start;  // the same in the part of the image that is kept in UB; -1: this level is not
  int32_t plane_start;     // bytes, of the row of zeros above in UB (kernels/planes.h)
  int32_t plane_row;       // bytes from row to row there; 0: not in planes
  int32_t window_width;    // pixels of the gradient's window in UB (kernels/gradient_window.h); 0: this level has none
  int32_t window_height;
  int32_t window_start;  // pixels, in UB
};

// Queries that are the pixels of a level, in an encoder: cut into strips of columns, those into groups of rows. Groups
// of a strip follow one another, so that tiles that do so sample much the same pixels.
struct GridTiling {
  int32_t first_query;
  int32_t height;
  int32_t width;
  int32_t strips;
  int32_t groups;      // of rows, in a strip: the tiles
  int32_t first_tile;  // of a head
};

// What a sample has as its place when all of it is outside of its level.
constexpr int32_t kNowhere = INT32_MIN;

// What lies in the planes of a head that kernels gather from, one after the other in GM (kernels/planes.h).
enum Planes : int32_t {
  kNoPlanes = 0,
  kPairPlanes = 1,  // half, 15 pixels and a copy of the next to a block of 32 bytes: a pair (x0, x1) is one word
  kWordPlanes = 2,  // words of 32 bits: two half channels or a float one
};

struct Tiling {
  int32_t raw;  // 1: pixels are read from value [B,S,M,D] as it is, 0: from the image
  int32_t batch;
  int32_t queries;
  int32_t heads;
  int32_t channels;    // D
  int32_t value_size;  // S
  int32_t samples;     // K
  int32_t num_levels;
  int32_t image_pixels;     // of one head and batch
  int32_t image_zone;       // pixels of zeros in front: the longest row of the image and two
  int32_t tile_queries;     // T, queries of a tile, a multiple of 16
  int32_t tiles;            // of one head and batch; queries are spread evenly
  int32_t num_grids;        // 0: a tile is a range of queries
  int32_t block_groups;     // groups of rows that share windows of the gradient
  int32_t window_pixels;    // of all windows
  int32_t resident_pixels;  // of the resident image, zone included; 0: none
  int32_t resident_zone;
  int32_t num_fetched;  // samples of levels that are not resident
  int32_t copies;       // of the four corners of a sample, from an image or to it: 1, 2 (one a row) or 4
  // Kernels by planes.
  int32_t planes;                   // enum Planes
  int32_t head_planes;              // of a head
  int32_t plane_zone;               // bytes of zeros in front of a plane in UB: the longest row and a block
  int32_t plane_split;              // bytes of the largest level, which comes first; the others follow
  int32_t plane_bytes;              // of a plane in GM
  int32_t plane_level[kMaxLevels];  // levels as they follow in a plane
  int32_t block_queries;            // queries whose samples are kept in UB, a multiple of 32
  int32_t blocks;                   // of one head and batch; queries are spread evenly
  int32_t group_planes;             // planes of a unit of work, forward
  int32_t slots;                    // the most points of a level
  int32_t level_order;              // scatter of gradients: 1: core j starts at level j mod L, 0: all at level 0
  int32_t corner_gathers;           // pairs of pixels, forward: 1: a gather for each of them, 0: one for both
  LevelTiling level[kMaxLevels];
  GridTiling grid[kMaxLevels];
  uint8_t order[kMaxSamples];     // of the samples of a query: resident ones spread among the others
  uint8_t level_of[kMaxSamples];  // by sample
};

// A part of an axis of [batch, size, channels], and the same as planes [batch, channels, Pitch(length)] of float32.
struct PlanesShape {
  int32_t batch, size, channels;  // channels a multiple of 8, of 16 for half
  int32_t start, length;
};

// Part [first, first + length) of the rows of [B,Q,M,row], and the same as [B,M,Q,length]; floats.
struct HeadsShape {
  int32_t batch, queries, heads;
  int32_t row, first, length;
};

// grid_sample of `images` images of height * width pixels of `channels` at `points` points each; channels a multiple
// of 8, bilinear, zeros outside, corners not aligned.
struct GridShape {
  int32_t images, channels, height, width;
  int64_t points;
};

}  // namespace xmsda_ascend
