// Arrays over all samples, [B,M,D,Q,K]: put together from levels and taken apart, products with weights, sums.
// SPDX-License-Identifier: Apache-2.0
//
// Of the variant `grid-sample` (grid_sample.h). A row is the Q * K samples of a batch, head and channel, Pitch(Q * K)
// floats from the next; of a level Pitch(Q * P); of sums Pitch(Q). Weights are [B,M,Q,K] without gaps. On detr-enc such
// an array has 364 MB: HBM bounds all but Stack and Unstack, whose Gather takes queue V 26 cycles for 64 floats.
#pragma once

#include "stream.h"

namespace xmsda_ascend {

// Byte offsets for Gather over tiles of queries: those of eight queries one by one, the others by addition.
class OffsetTable {
 public:
  // offset(i) of lane i < lanes, where eight queries have `lanes` lanes; step(i) from eight queries to the next eight.
  template <class Offset, class Step>
  __aicore__ inline void Init(int32_t lanes, int32_t total, TPipe* pipe, Offset offset, Step step) {
    pipe->InitBuffer(buffer_, static_cast<uint32_t>((total + lanes) * 4));
    const LocalTensor<int32_t> all = buffer_.Get<int32_t>(), steps = all[total];
    for (int32_t i = 0; i < lanes; ++i) {
      all.SetValue(static_cast<uint32_t>(i), offset(i));
      steps.SetValue(static_cast<uint32_t>(i), step(i));
    }
    Order<HardEvent::S_V>();
    for (int32_t at = lanes; at < total; at += lanes) {
      Add(all[at], all[at - lanes], steps, lanes);
      PipeBarrier<PIPE_V>();
    }
  }
  __aicore__ inline LocalTensor<uint32_t> Get() { return buffer_.Get<uint32_t>(); }

 private:
  StreamBuffer buffer_;
};

// Queries of a tile: a multiple of 64.
__aicore__ inline int32_t StackTile(const Tiling& tiling) {
  const int32_t queries = kPart / 2 / tiling.samples / 64 * 64;
  return queries > 512 ? 512 : queries;
}

// The array of a level among those of all levels, one behind the other.
__aicore__ inline int64_t LevelArray(const Tiling& tiling, int32_t level) {
  int64_t at = 0;
  for (int32_t l = 0; l < level; ++l) at += Pitch(int64_t(tiling.queries) * tiling.level[l].points);
  return at * tiling.batch * tiling.heads * tiling.channels;
}

// Samples of all levels, [B,M,D,Q,P] each, to [B,M,D,Q,K].
class Stack {
 public:
  __aicore__ inline void Run(GM_ADDR levels, GM_ADDR stacked, const Tiling& t, TPipe* pipe) {
    const int32_t tile = StackTile(t), samples = t.samples, lanes = tile * samples;
    GlobalTensor<float> source, target;
    source.SetGlobalBuffer((__gm__ float*)levels);
    target.SetGlobalBuffer((__gm__ float*)stacked);
    pipe->InitBuffer(in_, 2, static_cast<uint32_t>(lanes * 4));
    pipe->InitBuffer(out_, 2, static_cast<uint32_t>(lanes * 4));
    FillQueue(in_, lanes);
    table_.Init(
        8 * samples, lanes, pipe,
        [&](int32_t i) {
          const LevelTiling& level = t.level[t.level_of[i % samples]];
          return (tile * level.first_sample + i / samples * level.points + i % samples - level.first_sample) * 4;
        },
        [&](int32_t i) { return 8 * t.level[t.level_of[i % samples]].points * 4; });
    FullMask();
    const int32_t tiles = CeilDiv(t.queries, tile);
    const int64_t pitch = Pitch(int64_t(t.queries) * samples);
    const Range range = ShareOf(int64_t(t.batch) * t.heads * t.channels * tiles);
    for (int64_t i = range.begin; i < range.end; ++i) {
      const int64_t row = i / tiles, query = i % tiles * tile;
      const int32_t count = Least(tile, t.queries - query);
      LocalTensor<float> in = in_.AllocTensor<float>();
      for (int32_t l = 0; l < t.num_levels; ++l) {
        const int32_t points = t.level[l].points;
        if (points == 0) continue;
        CopyIn(in[tile * t.level[l].first_sample],
               source[LevelArray(t, l) + row * Pitch(int64_t(t.queries) * points) + query * points], count * points);
      }
      in_.EnQue(in);
      in = in_.DeQue<float>();
      LocalTensor<float> out = out_.AllocTensor<float>();
      Gather(out, in, table_.Get(), 0U, uint64_t{kWhole}, static_cast<uint32_t>(lanes / kWhole), 8);
      in_.FreeTensor(in);
      out_.EnQue(out);
      out = out_.DeQue<float>();
      CopyOut(target[row * pitch + query * samples], out, count * samples);
      out_.FreeTensor(out);
    }
  }

 private:
  StreamIn in_;
  StreamOut out_;
  OffsetTable table_;
};

// [B,M,D,Q,K] to samples of all levels, [B,M,D,Q,P] each.
class Unstack {
 public:
  __aicore__ inline void Run(GM_ADDR stacked, GM_ADDR levels, const Tiling& t, TPipe* pipe) {
    const int32_t tile = StackTile(t), samples = t.samples, lanes = tile * samples;
    GlobalTensor<float> source, target;
    source.SetGlobalBuffer((__gm__ float*)stacked);
    target.SetGlobalBuffer((__gm__ float*)levels);
    pipe->InitBuffer(in_, 2, static_cast<uint32_t>(lanes * 4));
    pipe->InitBuffer(out_, 2, static_cast<uint32_t>(lanes * 4));
    FillQueue(in_, lanes);
    for (int32_t l = 0; l < t.num_levels; ++l) {
      const int32_t points = t.level[l].points, first = t.level[l].first_sample;
      if (points == 0) continue;
      tables_[l].Init(
          8 * points, tile * points, pipe, [&](int32_t i) { return (i / points * samples + first + i % points) * 4; },
          [&](int32_t) { return 8 * samples * 4; });
    }
    FullMask();
    const int32_t tiles = CeilDiv(t.queries, tile);
    const int64_t pitch = Pitch(int64_t(t.queries) * samples);
    const Range range = ShareOf(int64_t(t.batch) * t.heads * t.channels * tiles);
    for (int64_t i = range.begin; i < range.end; ++i) {
      const int64_t row = i / tiles, query = i % tiles * tile;
      const int32_t count = Least(tile, t.queries - query);
      LocalTensor<float> in = in_.AllocTensor<float>();
      CopyIn(in, source[row * pitch + query * samples], count * samples);
      in_.EnQue(in);
      in = in_.DeQue<float>();
      LocalTensor<float> out = out_.AllocTensor<float>();
      for (int32_t l = 0; l < t.num_levels; ++l) {
        const int32_t points = t.level[l].points;
        if (points == 0) continue;
        Gather(out[tile * t.level[l].first_sample], in, tables_[l].Get(), 0U, uint64_t{kWhole},
               static_cast<uint32_t>(tile * points / kWhole), 8);
      }
      in_.FreeTensor(in);
      out_.EnQue(out);
      out = out_.DeQue<float>();
      for (int32_t l = 0; l < t.num_levels; ++l) {
        const int32_t points = t.level[l].points;
        if (points == 0) continue;
        CopyOut(target[LevelArray(t, l) + row * Pitch(int64_t(t.queries) * points) + query * points],
                out[tile * t.level[l].first_sample], count * points);
      }
      out_.FreeTensor(out);
    }
  }

 private:
  StreamIn in_;
  StreamOut out_;
  OffsetTable tables_[kMaxLevels];
};

// [B,M,D,Q,K] = a * b. a is such an array, or one of [B,M,D,Q], each for K samples (kExpand); b is such an array, or
// weights of [B,M,Q,K], the same for all channels (kWeights).
template <bool kExpand, bool kWeights>
class Products {
 public:
  __aicore__ inline void Run(GM_ADDR a, GM_ADDR b, GM_ADDR product, const Tiling& t, TPipe* pipe) {
    t_ = &t;
    tile_ = StackTile(t);
    lanes_ = tile_ * t.samples;
    a_.SetGlobalBuffer((__gm__ float*)a);
    b_.SetGlobalBuffer((__gm__ float*)b);
    product_.SetGlobalBuffer((__gm__ float*)product);
    const int32_t a_lanes = kExpand ? tile_ : lanes_;
    pipe->InitBuffer(a_queue_, 2, static_cast<uint32_t>(a_lanes * 4));
    pipe->InitBuffer(b_queue_, 2, static_cast<uint32_t>(lanes_ * 4));
    pipe->InitBuffer(out_, 2, static_cast<uint32_t>(lanes_ * 4));
    FillQueue(a_queue_, a_lanes);
    FillQueue(b_queue_, lanes_);
    if (kExpand && t.samples % 8 != 0) {
      table_.Init(
          8 * t.samples, lanes_, pipe, [&t](int32_t i) { return i / t.samples * 4; }, [](int32_t) { return 32; });
    }
    FullMask();
    const int32_t tiles = CeilDiv(t.queries, tile_);
    const int64_t per_head = kWeights ? 1 : t.channels;
    const Range range = ShareOf(int64_t(t.batch) * t.heads * per_head * tiles);
    for (int64_t i = range.begin; i < range.end; ++i) Part(i / tiles, i % tiles * tile_);
  }

 private:
  // Of a row, or of all channels of a head.
  __aicore__ inline void Part(int64_t row, int64_t query) {
    const int32_t samples = t_->samples, count = Least(tile_, t_->queries - query) * samples;
    const int64_t all = int64_t(t_->queries) * samples, pitch = Pitch(all);
    LocalTensor<float> b = b_queue_.AllocTensor<float>();
    CopyIn(b, b_[row * (kWeights ? all : pitch) + query * samples], count);
    b_queue_.EnQue(b);
    b = b_queue_.DeQue<float>();
    for (int32_t d = 0; d < (kWeights ? t_->channels : 1); ++d) {
      const int64_t at = kWeights ? row * t_->channels + d : row;
      LocalTensor<float> a = a_queue_.AllocTensor<float>();
      if (kExpand) {
        CopyIn(a, a_[at * Pitch(t_->queries) + query], count / samples);
      } else {
        CopyIn(a, a_[at * pitch + query * samples], count);
      }
      a_queue_.EnQue(a);
      a = a_queue_.DeQue<float>();
      LocalTensor<float> out = out_.AllocTensor<float>();
      PipeBarrier<PIPE_V>();
      if (kExpand) {
        Expand(out, a);
        PipeBarrier<PIPE_V>();
        MulWhole(out, out, b, lanes_);
      } else {
        MulWhole(out, a, b, lanes_);
      }
      a_queue_.FreeTensor(a);
      out_.EnQue(out);
      out = out_.DeQue<float>();
      CopyOut(product_[at * pitch + query * samples], out, count);
      out_.FreeTensor(out);
    }
    b_queue_.FreeTensor(b);
  }
  __aicore__ inline void Expand(const LocalTensor<float>& to, const LocalTensor<float>& from) {
    const int32_t samples = t_->samples;
    if (samples % 8 != 0) {
      Gather(to, from, table_.Get(), 0U, uint64_t{kWhole}, static_cast<uint32_t>(lanes_ / kWhole), 8);
      return;
    }
    for (int32_t j = 0; j < samples; j += 8) {
      Brcb(to[j], from, static_cast<uint32_t>(tile_ / 8),
           BrcbRepeatParams(static_cast<uint16_t>(samples / 8), static_cast<uint16_t>(samples)));
    }
  }

  const Tiling* t_;
  int32_t tile_, lanes_;
  GlobalTensor<float> a_, b_, product_;
  StreamIn a_queue_, b_queue_;
  StreamOut out_;
  OffsetTable table_;
};

// [B,M,D,Q,K] to [B,M,D,Q]. Where K is no multiple of 8 the samples of a query are a burst of their own.
class SumSamples {
 public:
  __aicore__ inline void Run(GM_ADDR from, GM_ADDR to, const Tiling& t, TPipe* pipe) {
    const int32_t tile = StackTile(t), samples = t.samples, blocks = CeilDiv(samples, 8);
    GlobalTensor<float> source, target;
    source.SetGlobalBuffer((__gm__ float*)from);
    target.SetGlobalBuffer((__gm__ float*)to);
    pipe->InitBuffer(in_, 2, static_cast<uint32_t>(tile * blocks * kBlock));
    pipe->InitBuffer(out_, 2, static_cast<uint32_t>(tile * 4));
    FillQueue(in_, tile * blocks * 8);
    FullMask();
    const int32_t tiles = CeilDiv(t.queries, tile);
    const int64_t pitch = Pitch(int64_t(t.queries) * samples);
    const Range range = ShareOf(int64_t(t.batch) * t.heads * t.channels * tiles);
    for (int64_t i = range.begin; i < range.end; ++i) {
      const int64_t row = i / tiles, query = i % tiles * tile;
      const int32_t count = Least(tile, t.queries - query);
      LocalTensor<float> in = in_.AllocTensor<float>();
      const int64_t at = row * pitch + query * samples;
      if (samples % 8 == 0) {
        CopyIn(in, source[at], count * samples);
      } else {
        DataCopyPad(in, source[at],
                    DataCopyExtParams(static_cast<uint16_t>(count), static_cast<uint32_t>(samples * 4), 0, 0, 0),
                    DataCopyPadExtParams<float>(true, 0, static_cast<uint8_t>(blocks * 8 - samples), 0));
      }
      in_.EnQue(in);
      in = in_.DeQue<float>();
      LocalTensor<float> out = out_.AllocTensor<float>();
      const auto step = static_cast<uint8_t>(blocks), repeat = static_cast<uint8_t>(8 * blocks);
      PipeBarrier<PIPE_V>();
      for (int32_t j = 1; j < blocks; ++j) {
        Add<float, false>(in, in, in[j * 8], MASK_PLACEHOLDER, tile / 8,
                          BinaryRepeatParams(step, step, step, repeat, repeat, repeat));
        PipeBarrier<PIPE_V>();
      }
      BlockReduceSum<float, false>(out, in, tile / 8, kWhole, 1, step, repeat);
      in_.FreeTensor(in);
      out_.EnQue(out);
      out = out_.DeQue<float>();
      CopyOut(target[row * Pitch(t.queries) + query], out, count);
      out_.FreeTensor(out);
    }
  }

 private:
  StreamIn in_;
  StreamOut out_;
};

// [B,M,D,Q,K] to [B,M,Q,K].
class SumChannels {
 public:
  __aicore__ inline void Run(GM_ADDR from, GM_ADDR to, const Tiling& t, TPipe* pipe) {
    GlobalTensor<float> source, target;
    source.SetGlobalBuffer((__gm__ float*)from);
    target.SetGlobalBuffer((__gm__ float*)to);
    pipe->InitBuffer(in_, 2, kPart * 4);
    pipe->InitBuffer(out_, 2, kPart * 4);
    FillQueue(in_, kPart);
    FullMask();
    const int64_t all = int64_t(t.queries) * t.samples, pitch = Pitch(all), tiles = (all + kPart - 1) / kPart;
    const Range range = ShareOf(int64_t(t.batch) * t.heads * tiles);
    for (int64_t i = range.begin; i < range.end; ++i) {
      const int64_t head = i / tiles, at = i % tiles * kPart;
      const int32_t count = Least(kPart, all - at);
      LocalTensor<float> out = out_.AllocTensor<float>();
      for (int32_t d = 0; d < t.channels; ++d) {
        LocalTensor<float> in = in_.AllocTensor<float>();
        CopyIn(in, source[(head * t.channels + d) * pitch + at], count);
        in_.EnQue(in);
        in = in_.DeQue<float>();
        PipeBarrier<PIPE_V>();
        if (d == 0) {
          AddsWhole(out, in, 0.0f, kPart);
        } else {
          AddWhole(out, out, in, kPart);
        }
        in_.FreeTensor(in);
      }
      out_.EnQue(out);
      out = out_.DeQue<float>();
      CopyOut(target[head * all + at], out, count);
      out_.FreeTensor(out);
    }
  }

 private:
  StreamIn in_;
  StreamOut out_;
};

}  // namespace xmsda_ascend
