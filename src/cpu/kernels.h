// What the SIMD sources offer to the rest of the CPU backend: plain structs and one table of functions per target.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "xmsda/problem.h"
#include "xmsda/targets.h"

namespace xmsda::cpu {

// Pairs of query and head whose samples are worked on together where those of one pair do not fill vectors.
constexpr int64_t kRunItems = 8;

// The level constants of each of the `count` samples of one query and head, in the order of the samples, kRunItems
// times over, and a vector of slack. `padded` is `count` rounded up to whole vectors. `Real` is float, or double for
// kF64; `Index` is the integer of the same size.
template <class Real, class Index>
struct LevelConstants {
  int64_t count = 0;
  int64_t padded = 0;
  Real shift = 0;  // pixel coordinate = location * scale - shift
  const Real* scale_x = nullptr;
  const Real* scale_y = nullptr;
  const Real* width = nullptr;
  const Real* height = nullptr;
  const Index* pixels_per_row = nullptr;  // width as an integer
  const Index* start = nullptr;           // first pixel of the level
  // Of fused problems, for `count` samples only: factors of (x, y) in the step of an offset, and where the reference
  // of the sample is among those of a query (elements).
  const Real* step = nullptr;
  const int32_t* reference = nullptr;
};

using LevelConstants32 = LevelConstants<float, int32_t>;
using LevelConstants64 = LevelConstants<double, int64_t>;

// Locations and weights as the kernels read them. Strides are in elements.
struct SampleSource {
  const void* locations = nullptr;  // of the batch item
  const void* weights = nullptr;
  int64_t location_query_stride = 0;
  int64_t location_head_stride = 0;
  int64_t weight_query_stride = 0;
  int64_t weight_head_stride = 0;
  DType dtype = DType::kF32;
  Sampling sampling = Sampling::kBilinear;
  bool border = false;
  // Of fused problems: `locations` are offsets, `weights` logits. Reals, of the batch item.
  const void* references = nullptr;
  int64_t reference_query_stride = 0;
  int64_t components = 0;
  const LevelConstants32* levels32 = nullptr;
  const LevelConstants64* levels64 = nullptr;  // for kF64
};

// Rows of `channels` elements, one per pixel. Strides are in bytes.
struct Rows {
  const uint8_t* data = nullptr;  // pixel 0 of head 0 of the batch item
  int64_t pixel_stride = 0;
  int64_t head_stride = 0;
};

struct ForwardTask {
  SampleSource samples;
  Rows value;  // every row readable up to the next multiple of RowQuantum
  int64_t channels = 0;
  int64_t head_begin = 0;
  int64_t head_end = 0;
  int64_t query_begin = 0;
  int64_t query_end = 0;
  const int32_t* query_order = nullptr;  // when not null, the queries are query_order[query_begin, query_end)
  uint8_t* output = nullptr;             // row of query 0, head 0
  int64_t output_query_stride = 0;       // bytes
  int64_t output_head_stride = 0;
  void* scratch = nullptr;       // forward_scratch_size bytes, 64-byte aligned
  Target* ran_target = nullptr;  // when not null, the kernel writes its target here
};

// Queries that are prepared together: their samples' corner lists then stay in L1 (9 KiB at K = 16, a fifth of it).
constexpr int64_t kQueryBlock = 8;

// One level as the backward pass sees it: a grid of (height + 1) x (width + 1) cells, one for each upper-left pixel
// (x, y) in [-1, W-1] x [-1, H-1] that a sample inside the level can have.
struct CellGrid {
  int64_t height = 0;
  int64_t width = 0;
  int64_t start = 0;         // first pixel
  int64_t first_sample = 0;  // of the level's samples in a query
  int64_t points = 0;
  int64_t first_cell = 0;  // in the table of all levels' cells

  int64_t CellsPerRow() const { return width + 1; }
  int64_t NumCells() const { return (height + 1) * (width + 1); }
};

// How far ahead of the sweep the rows of samples are prefetched. The sample numbers there are read also past the last
// one; they need not mean anything.
constexpr int64_t kSamplesAhead = 12;

// Scratch of one backward task. Chunk arrays are for `queries` queries of `padded` samples and a vector of slack.
struct BackwardScratch {
  uint32_t* keys = nullptr;          // [queries, padded] cell of each sample, the last one for samples outside
  uint32_t* order = nullptr;         // [queries * padded + kSamplesAhead] samples sorted by cell: query << 16 | sample
  uint32_t* cells = nullptr;         // [num_cells + 1] histogram, then the end of each cell in `order`
  void* factors = nullptr;           // [queries, padded, 4] Reals: weights of the corners, then dots with them
  void* grad_output = nullptr;       // [queries, padded_channels] Reals
  void* partial_dots = nullptr;      // [kDotBatch, max(4, lanes)] Reals
  void* zero_row = nullptr;          // [padded_channels] Reals, zero
  void* sink_row = nullptr;          // [padded_channels] Reals, never read
  void* samples = nullptr;           // [3, kRunItems * padded] Reals
  void* sample_gradients = nullptr;  // [3, kRunItems * padded + lanes] Reals
  void* key_range = nullptr;         // [3, kRunItems * padded] Indices: least and greatest key, first cell
};

// Samples of a cell whose partial dot products are kept before they are summed up: 4 KiB of L1 at 512 bits.
constexpr int64_t kDotBatch = 64;

// One chunk of queries of one head, for some levels. Strides are in bytes unless said.
struct BackwardTask {
  SampleSource samples;  // of the batch item, from the first of the levels' samples on
  const CellGrid* grids = nullptr;
  int64_t num_grids = 0;
  int64_t num_cells = 0;
  int64_t head = 0;
  int64_t query_begin = 0;
  int64_t query_end = 0;
  const int32_t* query_order = nullptr;  // as in ForwardTask
  int64_t channels = 0;
  int64_t padded_channels = 0;
  DType value_dtype = DType::kF32;
  const uint8_t* grad_output = nullptr;  // row of query 0 of this head, value_dtype
  int64_t grad_output_query_stride = 0;
  const uint8_t* value = nullptr;  // row of pixel 0 of this head: Reals, readable to padded_channels
  int64_t value_pixel_stride = 0;
  uint8_t* grad_value = nullptr;  // the same for its gradient, which is added to
  int64_t grad_value_pixel_stride = 0;
  uint8_t* grad_locations = nullptr;  // of query 0, this head and the first of the levels' samples
  uint8_t* grad_weights = nullptr;
  int64_t grad_location_query_stride = 0;
  int64_t grad_weight_query_stride = 0;
  // Of this head, Reals [queries, references, components]; null when not wanted. Strides in bytes, as above.
  uint8_t* grad_references = nullptr;
  int64_t grad_reference_query_stride = 0;
  BackwardScratch scratch;
  Target* ran_target = nullptr;
};

// Pixel rows between the caller's layout and packed rows, which are dense in their channels and padded with zeros to
// `padded_channels`. Strides are in elements of their side.
struct RepackTask {
  const uint8_t* source = nullptr;
  uint8_t* target = nullptr;
  int64_t rows = 0;
  int64_t channels = 0;
  int64_t row_stride = 0;      // caller's side
  int64_t channel_stride = 1;  // caller's side
  int64_t padded_channels = 0;
  int64_t packed_stride = 0;
};

// The functions of one target. `Index by DType` means an array indexed by static_cast<size_t>(dtype).
struct Kernels {
  Target target = Target::kPortable;  // written by the target's own code
  size_t vector_bytes = 0;

  // Rows of value must be readable to the next multiple of this many elements. By DType.
  size_t row_quantum[4] = {};
  // Caller's rows to packed rows: as they are (pack), or widened to float or double (pack_real) and back (unpack_real).
  void (*pack[4])(const RepackTask&) = {};
  void (*pack_real[4])(const RepackTask&) = {};
  void (*unpack_real[4])(const RepackTask&) = {};
  size_t (*forward_scratch_size)(int64_t padded_samples) = nullptr;
  void (*forward[4])(const ForwardTask&) = {};
  void (*backward32)(const BackwardTask&) = nullptr;  // Real = float: every value_dtype but kF64
  void (*backward64)(const BackwardTask&) = nullptr;
  // to[i] += from[i]
  void (*add32)(const float* from, int64_t count, float* to) = nullptr;
  void (*add64)(const double* from, int64_t count, double* to) = nullptr;
};

// Each SIMD source fills in its part; false when the target is not in this build.
bool FillForward(Target target, Kernels* kernels);
bool FillBackward(Target target, Kernels* kernels);
bool FillLayout(Target target, Kernels* kernels);

// Null when the target is not in this build; does not check whether the machine can run it.
const Kernels* KernelsFor(Target target);

// The kernels for a request: the best runnable target for kAuto, else that target or null.
const Kernels* ResolveKernels(Target target);

}  // namespace xmsda::cpu
