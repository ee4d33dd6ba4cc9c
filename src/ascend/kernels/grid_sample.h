// The formulation that MSDA was first written in: PyTorch's grid_sample by levels, each step a kernel of its own.
// SPDX-License-Identifier: Apache-2.0
//
// Variant `grid-sample`, in order; steps in brackets are launched once a level. Types promote to float32 with the
// locations, as in PyTorch. In front, microseconds on detr-enc (simulated, 48 cores, f16, all levels together) and what
// bounds a step: H, HBM; B, short bursts; V, Gather. Forward 4786:
//
//     41 B  [ToPlanes]     value_l = value[:, level].flatten(2).transpose(1, 2): [B,S,M,D] to [B*M,D,H,W]
//     51 H  [FromPlanes]   the same as [B*M,H*W,D], for grid_sample to read all channels of a pixel
//     31 H   Affine        grids = 2 * locations - 1
//    101 B  [SwapHeads]    grid_l = grids[:, :, :, level].transpose(1, 2): [B,Q,M,K,2] to [B*M,Q,P,2]
//   3049    [GridSample]   grid_sample(value_l, grid_l): [B*M,D,Q,P]
//    582 V   Stack         stack(sampled, -2).flatten(-2): [B*M,D,Q,K]
//     23 B   SwapHeads     weights.transpose(1, 2): [B,Q,M,K] to [B*M,1,Q,K]
//    575 H   Products      stacked * weights
//    304 H   SumSamples    .sum(-1): [B*M,D,Q]
//     29 H   FromPlanes    .view(B, M * D, Q).transpose(1, 2): [B,Q,M*D] of T
//
// Backward 14549, from the forward pass's [B*M,H*W,D], grid_l, stacked, and weights by heads:
//
//     28 H   ToPlanes      the gradient of the output to [B*M,D,Q]
//    574 H   Products      that, for K samples each, times stacked
//    396 H   SumChannels   the gradient of weights, [B*M,Q,K]
//     23 B   SwapHeads     and back to [B,Q,M,K]
//    312 H   Products      the gradient of the output, for K samples each, times weights: that of stacked
//    552 V   Unstack       by levels, [B*M,D,Q,P]
//    524 H  [FromPlanes]   the same as [B*M,Q*P,D]
//     28 H  [FillZeros]    (gradient.h)
//  11854    [GridSampleBackward]  gradients of value_l, [B*M,H*W,D] by atomic addition, and of grid_l
//     53 H  [ToPlanes]     that of value_l to [B*M,D,H*W]
//     46 B  [FromPlanes]   and to its part of [B,S,M,D]
//    126 B  [SwapHeads]    that of grid_l to [B,Q,M,K,2]
//     31 H   Affine        times 2: that of locations
//
// grid_sample itself, of more than 16 channels, keeps no part of the image in UB. Forward, 93 cycles a sample: the rows
// of a corner of a tile of samples arrive, one copy a sample, while those of the corner before are transposed and added
// up, weighted. MTE2 bounds it, 82 for four copies; S needs 60. Backward, 360: one sample at a time, four copies in,
// products and weighted gradients, four atomic copies out. With one buffer the way there and back bounds it, with two
// (GridSampleBackward<2>, 204 cycles) the scalar unit, 180.
//
// 2 * location - 1 in float32 is off by up to 2^-25, so that a place is off by up to width * 2^-26 pixels, also near 0
// where location * width is more exact: no other variant needs that term in a bound of its error.
//
// Limits, beside K at most 64: D * size a multiple of 32, D at most 136, M * D at most 512, H * W * D below 2^31.
#pragma once

#include "stack.h"

namespace xmsda_ascend {

// From places in [-1, 1] to offsets of the corners and their weights, for a tile of points in lanes.
class GridPlaces {
 public:
  LocalTensor<int32_t> offset[4];               // of (y0, x0), (y0, x1), (y1, x0), (y1, x1); -1 outside
  LocalTensor<float> weight[4];                 // 0 for a corner outside
  LocalTensor<float> x_weight[2], y_weight[2];  // of columns x0 and x1, rows y0 and y1; 0 outside
  LocalTensor<float> x_inside[2], y_inside[2];  // 1 inside, 0 outside

  __aicore__ inline void Init(const GridShape& shape, int32_t lanes, TPipe* pipe) {
    shape_ = shape;
    lanes_ = lanes;
    pipe->InitBuffer(buffer_, static_cast<uint32_t>(lanes * 4 * 28));
    const LocalTensor<float> all = buffer_.Get<float>();
    for (int32_t i = 0; i < 4; ++i) {
      weight[i] = all[i * lanes];
      offset[i] = all[(4 + i) * lanes].ReinterpretCast<int32_t>();
      corner_[i] = all[(24 + i) * lanes].ReinterpretCast<int32_t>();
    }
    for (int32_t i = 0; i < 2; ++i) {
      x_weight[i] = all[(8 + i) * lanes];
      y_weight[i] = all[(10 + i) * lanes];
      x_inside[i] = all[(12 + i) * lanes];
      y_inside[i] = all[(14 + i) * lanes];
      column_[i] = all[(16 + i) * lanes].ReinterpretCast<int32_t>();
      row_[i] = all[(18 + i) * lanes].ReinterpretCast<int32_t>();
    }
    x_ = all[20 * lanes];
    y_ = all[21 * lanes];
    whole_ = all[22 * lanes];
    pair_ = all[23 * lanes].ReinterpretCast<uint32_t>();
    ArithProgression(pair_.ReinterpretCast<int32_t>(), 0, 8, lanes);
    pipe->InitBuffer(bits_buffer_, static_cast<uint32_t>(RoundUp(lanes / 8, kBlock)));
    bits_ = bits_buffer_.Get<uint8_t>();
    PipeBarrier<PIPE_V>();
  }

  // Queue V, full mask. `grid`: pairs of x and y.
  __aicore__ inline void Compute(const LocalTensor<float>& grid) {
    const int32_t n = lanes_;
    const auto repeats = static_cast<uint32_t>(n / kWhole);
    PipeBarrier<PIPE_V>();
    Gather(x_, grid, pair_, 0U, uint64_t{kWhole}, repeats, 8);
    Gather(y_, grid, pair_, 4U, uint64_t{kWhole}, repeats, 8);
    PipeBarrier<PIPE_V>();
    Axis(x_, shape_.width, x_weight, x_inside, column_);
    Axis(y_, shape_.height, y_weight, y_inside, row_);
    for (int32_t i = 0; i < 2; ++i) {
      MulsWhole(column_[i], column_[i], shape_.channels, n);
      MulsWhole(row_[i], row_[i], shape_.width * shape_.channels, n);
    }
    PipeBarrier<PIPE_V>();
    for (int32_t c = 0; c < 4; ++c) {
      AddWhole(offset[c], row_[c >> 1], column_[c & 1], n);
      MulWhole(weight[c], y_inside[c >> 1], x_inside[c & 1], n);
    }
    PipeBarrier<PIPE_V>();
    // An outside corner is not read at all: what is there may not be finite. offset * inside + (inside - 1)
    for (int32_t c = 0; c < 4; ++c) CastWhole(corner_[c], weight[c], RoundMode::CAST_RINT, n);
    PipeBarrier<PIPE_V>();
    for (int32_t c = 0; c < 4; ++c) {
      MulWhole(offset[c], offset[c], corner_[c], n);
      MulWhole(weight[c], y_weight[c >> 1], x_weight[c & 1], n);
    }
    PipeBarrier<PIPE_V>();
    for (int32_t c = 0; c < 4; ++c) AddsWhole(corner_[c], corner_[c], -1, n);
    PipeBarrier<PIPE_V>();
    for (int32_t c = 0; c < 4; ++c) AddWhole(offset[c], offset[c], corner_[c], n);
  }

 private:
  // Of one axis: what is not finite or outside ends at -2 or side + 1, where neither end is inside.
  __aicore__ inline void Axis(const LocalTensor<float>& x, int32_t side, LocalTensor<float>* part,
                              LocalTensor<float>* inside, LocalTensor<int32_t>* index) {
    const int32_t n = lanes_;
    const auto last = static_cast<float>(side - 1);
    // ((x + 1) * side - 1) / 2, without the rounding of x + 1, which for x above 0 is that of all other steps together.
    MulsWhole(x, x, static_cast<float>(side) * 0.5f, n);
    PipeBarrier<PIPE_V>();
    AddsWhole(x, x, static_cast<float>(side) * 0.5f - 0.5f, n);
    KeepWhere(x, x, x, CMPMODE::GT, -1.0f, -2.0f, bits_, n);
    PipeBarrier<PIPE_V>();
    MinsWhole(x, x, static_cast<float>(side + 1), n);
    PipeBarrier<PIPE_V>();
    CastWhole(index[0], x, RoundMode::CAST_FLOOR, n);
    PipeBarrier<PIPE_V>();
    CastWhole(whole_, index[0], RoundMode::CAST_NONE, n);
    AddsWhole(index[1], index[0], 1, n);
    PipeBarrier<PIPE_V>();
    SubWhole(part[1], x, whole_, n);
    FillWhole(part[0], 1.0f, n);
    PipeBarrier<PIPE_V>();
    SubWhole(part[0], part[0], part[1], n);
    for (int32_t i = 0; i < 2; ++i) {
      FillWhole(inside[i], 1.0f, n);
      KeepWhere(inside[i], inside[i], whole_, CMPMODE::GT, -0.5f - static_cast<float>(i), 0.0f, bits_, n);
      KeepWhere(inside[i], inside[i], whole_, CMPMODE::LT, last + 0.5f - static_cast<float>(i), 0.0f, bits_, n);
      MaxsWhole(index[i], index[i], 0, n);
      PipeBarrier<PIPE_V>();
      MulWhole(part[i], part[i], inside[i], n);
      MinsWhole(index[i], index[i], side - 1, n);
    }
    PipeBarrier<PIPE_V>();
  }

  GridShape shape_;
  int32_t lanes_;
  StreamBuffer buffer_, bits_buffer_;
  LocalTensor<float> x_, y_, whole_;
  LocalTensor<int32_t> column_[2], row_[2], corner_[4];
  LocalTensor<uint32_t> pair_;
  LocalTensor<uint8_t> bits_;
};

// Points of a tile.
__aicore__ inline int32_t GridTile(const GridShape& shape) { return RoundUp(shape.channels, 16) <= 48 ? 128 : 64; }

// value [images, height * width, channels], grid [images, points, 2] to [images, channels, Pitch(points)].
class GridSample {
 public:
  __aicore__ inline void Run(GM_ADDR value, GM_ADDR grid, GM_ADDR sampled, const GridShape& shape, TPipe* pipe) {
    shape_ = shape;
    tile_ = GridTile(shape);
    value_.SetGlobalBuffer((__gm__ float*)value);
    grid_.SetGlobalBuffer((__gm__ float*)grid);
    sampled_.SetGlobalBuffer((__gm__ float*)sampled);
    const auto bytes = static_cast<uint32_t>(tile_ * shape.channels * 4);
    pipe->InitBuffer(grid_queue_, 2, static_cast<uint32_t>(tile_ * 8));
    pipe->InitBuffer(rows_queue_, 2, bytes);
    pipe->InitBuffer(out_queue_, 2, bytes);
    pipe->InitBuffer(columns_buffer_, bytes);
    columns_ = columns_buffer_.Get<float>();
    FillQueue(grid_queue_, tile_ * 2);
    FillQueue(rows_queue_, tile_ * shape.channels);
    for (auto& places : places_) places.Init(shape, tile_, pipe);
    FullMask();
    const int64_t tiles = (shape.points + tile_ - 1) / tile_;
    const Range range = ShareOf(shape.images * tiles);
    if (range.begin == range.end) return;
    Load(range.begin / tiles, range.begin % tiles * tile_);
    Prepare(range.begin);
    Fetch(range.begin, range.begin / tiles, range.begin % tiles * tile_, 0);
    for (int64_t i = range.begin; i < range.end; ++i) {
      const int64_t next = i + 1, image = i / tiles, at = i % tiles * tile_;
      LocalTensor<float> out = out_queue_.AllocTensor<float>();
      for (int32_t c = 0; c < 4; ++c) {
        // Copies of the next corner are under way while this one is added.
        if (c < 3) Fetch(i, image, at, c + 1);
        if (c == 3 && next < range.end) Fetch(next, next / tiles, next % tiles * tile_, 0);
        Accumulate(out, i, c);
        if (c == 0 && next < range.end) Load(next / tiles, next % tiles * tile_);
        if (c == 2 && next < range.end) Prepare(next);
      }
      Store(out, image, at);
    }
  }

 private:
  __aicore__ inline void Load(int64_t image, int64_t at) {
    const LocalTensor<float> grid = grid_queue_.AllocTensor<float>();
    CopyIn(grid, grid_[(image * shape_.points + at) * 2], Least(tile_, shape_.points - at) * 2);
    grid_queue_.EnQue(grid);
  }
  __aicore__ inline void Prepare(int64_t tile) {
    LocalTensor<float> grid = grid_queue_.DeQue<float>();
    Order<HardEvent::S_V>();  // offsets of an earlier tile have been read
    places_[tile & 1].Compute(grid);
    grid_queue_.FreeTensor(grid);
    Order<HardEvent::V_S>();
  }
  __aicore__ inline void Fetch(int64_t tile, int64_t image, int64_t at, int32_t corner) {
    const int32_t count = Least(tile_, shape_.points - at), channels = shape_.channels;
    const GlobalTensor<float> pixels = value_[image * shape_.height * shape_.width * channels];
    const LocalTensor<float> rows = rows_queue_.AllocTensor<float>();
    for (int32_t i = 0; i < count; ++i) {
      const int32_t offset = places_[tile & 1].offset[corner].GetValue(static_cast<uint32_t>(i));
      if (offset >= 0) DataCopy(rows[i * channels], pixels[offset], static_cast<uint32_t>(channels));
    }
    rows_queue_.EnQue(rows);
  }
  // out[channel][point] += row[point][channel] * weight[point].
  __aicore__ inline void Accumulate(const LocalTensor<float>& out, int64_t tile, int32_t corner) {
    const int32_t channels = shape_.channels;
    LocalTensor<float> rows = rows_queue_.DeQue<float>();
    PipeBarrier<PIPE_V>();
    TransposeRows(columns_, rows, tile_, channels, channels, tile_);
    PipeBarrier<PIPE_V>();
    FillWhole(rows, 0.0f, tile_ * channels);  // for corners outside
    rows_queue_.FreeTensor(rows);
    const LocalTensor<float> weight = places_[tile & 1].weight[corner];
    const auto row = static_cast<uint8_t>(tile_ / 8);
    for (int32_t part = 0; part < tile_; part += kWhole) {
      if (corner == 0) {
        Mul<float, false>(out[part], columns_[part], weight[part], MASK_PLACEHOLDER, static_cast<uint8_t>(channels),
                          BinaryRepeatParams(1, 1, 1, row, row, 0));
      } else {
        MulAddDst<float, float, false>(out[part], columns_[part], weight[part], MASK_PLACEHOLDER, channels,
                                       BinaryRepeatParams(1, 1, 1, row, row, 0));
      }
    }
  }
  __aicore__ inline void Store(LocalTensor<float>& out, int64_t image, int64_t at) {
    const int32_t count = Least(tile_, shape_.points - at);
    const int64_t pitch = Pitch(shape_.points);
    out_queue_.EnQue(out);
    out = out_queue_.DeQue<float>();
    DataCopyPad(sampled_[image * shape_.channels * pitch + at], out,
                DataCopyExtParams(static_cast<uint16_t>(shape_.channels), static_cast<uint32_t>(count * 4),
                                  static_cast<uint32_t>(tile_ / 8 - CeilDiv(count, 8)),
                                  static_cast<uint32_t>((pitch - count) * 4), 0));
    out_queue_.FreeTensor(out);
  }

  GridShape shape_;
  int32_t tile_;
  GlobalTensor<float> value_, grid_, sampled_;
  StreamIn grid_queue_, rows_queue_;
  StreamOut out_queue_;
  StreamBuffer columns_buffer_;
  LocalTensor<float> columns_;
  GridPlaces places_[2];
};

// grad_sampled [images, points, channels] to grad_value [images, height * width, channels], which holds zeros, and
// grad_grid [images, points, 2].
template <int32_t kBuffers>
class GridSampleBackward {
 public:
  __aicore__ inline void Run(GM_ADDR value, GM_ADDR grid, GM_ADDR grad_sampled, GM_ADDR grad_value, GM_ADDR grad_grid,
                             const GridShape& shape, TPipe* pipe) {
    shape_ = shape;
    tile_ = GridTile(shape);
    parts_ = CeilDiv(shape.channels, kWhole);
    value_.SetGlobalBuffer((__gm__ float*)value);
    grid_.SetGlobalBuffer((__gm__ float*)grid);
    grad_sampled_.SetGlobalBuffer((__gm__ float*)grad_sampled);
    grad_value_.SetGlobalBuffer((__gm__ float*)grad_value);
    grad_grid_.SetGlobalBuffer((__gm__ float*)grad_grid);
    const int32_t rows = 4 * shape.channels;
    pipe->InitBuffer(grid_queue_, 2, static_cast<uint32_t>(tile_ * 8));
    pipe->InitBuffer(gradient_queue_, 2, static_cast<uint32_t>(tile_ * shape.channels * 4));
    pipe->InitBuffer(rows_queue_, kBuffers, static_cast<uint32_t>(rows * 4));
    pipe->InitBuffer(copies_queue_, kBuffers, static_cast<uint32_t>(rows * 4));
    pipe->InitBuffer(out_queue_, 2, static_cast<uint32_t>(tile_ * 8));
    pipe->InitBuffer(products_buffer_, static_cast<uint32_t>((rows + kWhole) * 4));  // a repeat may end beyond the rows
    products_ = products_buffer_.Get<float>();
    pipe->InitBuffer(dots_buffer_, static_cast<uint32_t>((4 * parts_ + 7) * tile_ * 4));
    dots_ = dots_buffer_.Get<float>();
    Duplicate(dots_, 0.0f, (4 * parts_ + 7) * tile_);
    by_corner_ = dots_[4 * parts_ * tile_];
    out_pair_ = dots_[(4 * parts_ + 4) * tile_].ReinterpretCast<uint32_t>();
    offsets_ = dots_[(4 * parts_ + 6) * tile_].ReinterpretCast<uint32_t>();
    PipeBarrier<PIPE_V>();
    ArithProgression(offsets_.ReinterpretCast<int32_t>(), 0, 16, tile_);
    FillQueue(grid_queue_, tile_ * 2);
    pipe->InitBuffer(bits_buffer_, kBlock);
    FillQueue<kBuffers>(rows_queue_, rows);
    places_.Init(shape, tile_, pipe);
    for (int32_t i = 0; i < 2 * tile_; ++i) {
      out_pair_.SetValue(static_cast<uint32_t>(i), static_cast<uint32_t>(((i & 1) * tile_ + i / 2) * 4));
    }
    Order<HardEvent::S_V>();
    FullMask();
    const int64_t tiles = (shape.points + tile_ - 1) / tile_;
    const Range range = ShareOf(shape.images * tiles);
    for (int64_t i = range.begin; i < range.end; ++i) Tile(i / tiles, i % tiles * tile_);
  }

 private:
  __aicore__ inline void Tile(int64_t image, int64_t at) {
    const int32_t count = Least(tile_, shape_.points - at), channels = shape_.channels;
    const int64_t first = image * shape_.points + at;
    LocalTensor<float> grid = grid_queue_.AllocTensor<float>();
    CopyIn(grid, grid_[first * 2], count * 2);
    grid_queue_.EnQue(grid);
    LocalTensor<float> gradient = gradient_queue_.AllocTensor<float>();
    DataCopy(gradient, grad_sampled_[first * channels], static_cast<uint32_t>(count * channels));
    gradient_queue_.EnQue(gradient);
    grid = grid_queue_.DeQue<float>();
    Order<HardEvent::S_V>();
    places_.Compute(grid);
    grid_queue_.FreeTensor(grid);
    Order<HardEvent::V_S>();
    gradient = gradient_queue_.DeQue<float>();
    SetAtomicAdd<float>();
    const int64_t pixels = image * shape_.height * shape_.width * channels;
    for (int32_t i = 0; i < count; ++i) Point(gradient[i * channels], pixels, i);
    SetAtomicNone();
    gradient_queue_.FreeTensor(gradient);
    Finish(first, count);
  }

  // One point: rows in, their products with the gradient, the gradient times weights out.
  __aicore__ inline void Point(const LocalTensor<float>& gradient, int64_t pixels, int32_t i) {
    const int32_t channels = shape_.channels;
    const auto lane = static_cast<uint32_t>(i);
    int64_t place[4];
    float weight[4];
    LocalTensor<float> rows = rows_queue_.template AllocTensor<float>();
    for (int32_t c = 0; c < 4; ++c) {
      place[c] = places_.offset[c].GetValue(lane);
      weight[c] = places_.weight[c].GetValue(lane);
      if (place[c] >= 0) DataCopy(rows[c * channels], value_[pixels + place[c]], static_cast<uint32_t>(channels));
    }
    rows_queue_.EnQue(rows);
    LocalTensor<float> copies = copies_queue_.template AllocTensor<float>();
    for (int32_t part = 0; part < parts_; ++part) {
      const int32_t at = SetPart(part);
      for (int32_t c = 0; c < 4; ++c) {
        Muls<float, false>(copies[c * channels + at], gradient[at], weight[c], MASK_PLACEHOLDER, 1, Dense1());
      }
    }
    copies_queue_.EnQue(copies);
    copies = copies_queue_.template DeQue<float>();
    for (int32_t c = 0; c < 4; ++c) {
      if (place[c] >= 0)
        DataCopy(grad_value_[pixels + place[c]], copies[c * channels], static_cast<uint32_t>(channels));
    }
    copies_queue_.FreeTensor(copies);
    rows = rows_queue_.template DeQue<float>();
    PipeBarrier<PIPE_V>();
    const auto step = static_cast<uint8_t>(channels / 8);
    for (int32_t part = 0; part < parts_; ++part) {
      const int32_t at = SetPart(part);
      Mul<float, false>(products_[at], rows[at], gradient[at], MASK_PLACEHOLDER, 4,
                        BinaryRepeatParams(1, 1, 1, step, step, 0));
      PipeBarrier<PIPE_V>();
      Duplicate<float, false>(rows[at], 0.0f, MASK_PLACEHOLDER, 4, 1, step);  // for corners outside
      WholeReduceSum<float, false>(dots_[(part * tile_ + i) * 4], products_[at], MASK_PLACEHOLDER, 4, 1, 1, step);
    }
    rows_queue_.FreeTensor(rows);
  }
  // The mask of a part of the channels: written once a tile where there is one part, up to 64 channels.
  __aicore__ inline int32_t SetPart(int32_t part) {
    const int32_t left = shape_.channels - part * kWhole;
    SetVectorMask<float>(0, left < kWhole ? (uint64_t{1} << left) - 1 : kAll);
    return part * kWhole;
  }

  // Gradients of the grid of a tile, from the products of its corners with the gradient.
  __aicore__ inline void Finish(int64_t first, int32_t count) {
    const int32_t n = tile_;
    FullMask();
    for (int32_t part = 1; part < parts_; ++part) {
      PipeBarrier<PIPE_V>();
      AddWhole(dots_, dots_, dots_[part * tile_ * 4], tile_ * 4);
    }
    PipeBarrier<PIPE_V>();
    for (uint32_t c = 0; c < 4; ++c) {
      Gather(by_corner_[c * static_cast<uint32_t>(tile_)], dots_, offsets_, 4 * c, uint64_t{kWhole},
             static_cast<uint32_t>(n / kWhole), 8);
    }
    // Slopes, in dots_, which has been read: corner (y, x) counts for x with the weight of its row, and the reverse.
    const LocalTensor<float> grad_x = dots_, grad_y = dots_[n], part = dots_[2 * n];
    for (int32_t c = 0; c < 4; ++c) {
      const LocalTensor<float> dot = by_corner_[c * n];
      const int32_t y = c >> 1, x = c & 1;
      PipeBarrier<PIPE_V>();
      MulWhole(part, places_.x_inside[x], places_.y_inside[y], n);
      KeepWhere(dot, dot, part, CMPMODE::GT, 0.5f, 0.0f, bits_buffer_.Get<uint8_t>(), n);  // 0 * infinity outside
      Slope(grad_x, part, dot, places_.x_inside[x], places_.y_weight[y], x == 0, c == 0);
      Slope(grad_y, part, dot, places_.y_inside[y], places_.x_weight[x], y == 0, c == 0);
    }
    PipeBarrier<PIPE_V>();
    MulsWhole(grad_x, grad_x, static_cast<float>(shape_.width) * 0.5f, n);
    MulsWhole(grad_y, grad_y, static_cast<float>(shape_.height) * 0.5f, n);
    LocalTensor<float> out = out_queue_.AllocTensor<float>();
    PipeBarrier<PIPE_V>();
    Gather(out, dots_, out_pair_, 0U, uint64_t{kWhole}, static_cast<uint32_t>(2 * n / kWhole), 8);
    out_queue_.EnQue(out);
    out = out_queue_.DeQue<float>();
    CopyOut(grad_grid_[first * 2], out, count * 2);
    out_queue_.FreeTensor(out);
  }
  __aicore__ inline void Slope(const LocalTensor<float>& sum, const LocalTensor<float>& part,
                               const LocalTensor<float>& dot, const LocalTensor<float>& inside,
                               const LocalTensor<float>& weight, bool minus, bool first) {
    const int32_t n = tile_;
    PipeBarrier<PIPE_V>();
    MulWhole(part, dot, inside, n);
    if (first) FillWhole(sum, 0.0f, n);
    PipeBarrier<PIPE_V>();
    MulWhole(part, part, weight, n);
    PipeBarrier<PIPE_V>();
    if (minus) {
      SubWhole(sum, sum, part, n);
    } else {
      AddWhole(sum, sum, part, n);
    }
  }

  GridShape shape_;
  int32_t tile_, parts_;
  GlobalTensor<float> value_, grid_, grad_sampled_, grad_value_, grad_grid_;
  StreamIn grid_queue_, gradient_queue_;
  TQue<QuePosition::VECIN, kBuffers> rows_queue_;
  TQue<QuePosition::VECOUT, kBuffers> copies_queue_;
  StreamOut out_queue_;
  StreamBuffer products_buffer_, dots_buffer_, bits_buffer_;
  LocalTensor<float> products_, dots_, by_corner_;
  LocalTensor<uint32_t> out_pair_, offsets_;
  GridPlaces places_;
};

}  // namespace xmsda_ascend
