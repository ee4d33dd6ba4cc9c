// Backward by planes, gradients of locations and weights: variants `xmsda` and `xmsda-aligned`.
// SPDX-License-Identifier: Apache-2.0
//
// The gradient of value is another kernel's (scatter.h).
//
// The gathers are those of planes_forward.h. What is gathered is multiplied by the gradient of the output in the same
// channel and added up over the channels, which all pass by while a block of queries stays: the sums of all corners are
// kept in UB, so that nothing is added up in GM and no float32 sum is written and read again for each pair of channels.
//
// Instructions it leans on, for 64 queries, a sample and a half channel: two Gather of 32 bits (V: 26 each), two
// MulAddDst of half into float (V: 4 each). Once a sample: geometry twice, before and after the planes (2 each), the
// last steps (1). All 32 channels, a sample of detr-enc: 41 cycles simulated.
//
// UB a query: offsets (4 B a sample), float32 sums (16 B a sample for pairs, 32 for words of half, 16 of float), the
// gradient of the output of 32 bytes of channels, twice, and that of a plane for each point of a level (4 B).
#pragma once

#include "planes_gather.h"
#include "sample_gradients.h"

namespace xmsda_ascend {

template <class T, bool kPairs>
class PlanesBackward {
 public:
  __aicore__ inline void Init(GM_ADDR planes, GM_ADDR locations, GM_ADDR weights, GM_ADDR grad_output,
                              GM_ADDR grad_locations, GM_ADDR grad_weights, const Tiling& tiling, TPipe* pipe) {
    t_ = &tiling;
    queries_ = tiling.block_queries;
    grad_output_.SetGlobalBuffer((__gm__ T*)grad_output);
    stream_.Init(planes, tiling, pipe);
    const int32_t lanes = tiling.slots * queries_;
    for (int32_t i = 0; i < 2; ++i) {
      gathered_[i] = Take<float>(pipe, &gathered_buffer_[i], (RoundUp(lanes * 4, kGroups) + i * kGroups / 2) / 4);
    }
    spread_ = Take<float>(pipe, &spread_buffer_, lanes);
    rows_ = Take<T>(pipe, &rows_buffer_, queries_ * kBlock / kSize);
    Duplicate(rows_, T(0), queries_ * kBlock / kSize);
    chunk_ = Take<float>(pipe, &chunk_buffer_, queries_ * 8 + 64);
    Duplicate(chunk_, 0.0f, queries_ * 8 + 64);
    if (kPairs) {
      pairs_ = Take<float>(pipe, &pairs_buffer_, 2 * RoundUp(queries_, 128));
      sign_ = Take<float>(pipe, &sign_buffer_, 64);
      Duplicate(sign_, 1.0f, 64);
      PipeBarrier<PIPE_V>();
      const uint64_t even[2] = {0x5555555555555555, 0};
      Duplicate(sign_, -1.0f, even, 1, 1, 8);
    }
    const LocalTensor<uint8_t> kept = Take<uint8_t>(pipe, &fractions_buffer_, Samples::Geo::FractionsBytes(tiling));
    fractions_ = Samples::Geo::FractionsAt(tiling, kept);
    for (const auto& tensor : {fractions_.x, fractions_.y, fractions_.attention}) {
      Duplicate(tensor, 0.0f, Samples::Geo::Padded(tiling));
    }
    // The scratch of the first and the last steps take turns.
    const int32_t first = Samples::ScratchBytes(tiling), last = SampleGradients::ScratchBytes(tiling, kRoom);
    const LocalTensor<uint8_t> scratch = samples_.Init(locations, weights, tiling, first > last ? first : last, pipe);
    gradients_.Init(grad_locations, grad_weights, tiling, scratch.ReinterpretCast<float>(), kRoom, pipe);
    // Far from gathered words and so in another bank, as the sums of the forward pass.
    products_ = Take<float>(pipe, &products_buffer_, W::kGathers * tiling.samples * queries_ * W::kLanes);
    PipeBarrier<PIPE_ALL>();
  }

  __aicore__ inline void Run() {
    const Range range = ShareOf(int64_t(t_->batch) * t_->heads * t_->blocks);
    if (range.begin == range.end) return;
    end_ = range.end;
    const Place block = BlockOf(*t_, range.begin);
    samples_.Begin();
    gradients_.Begin();
    SetFlag<HardEvent::V_MTE2>(kRows);
    samples_.Load(block, 0);
    LoadRows(block, 0);
    stream_.Begin(block.head * t_->head_planes);
    for (int64_t unit = range.begin; unit < range.end; ++unit) RunUnit(unit);
    WaitFlag<HardEvent::V_MTE2>(kRows);
    samples_.End();
    gradients_.End();
    stream_.End();
  }

 private:
  using W = Words<T, kPairs>;
  using Samples = PlaneSamples<T, kPairs, true>;
  static constexpr int32_t kSize = sizeof(T);
  static constexpr int32_t kChunk = kPairs ? 16 : 8;  // planes whose channels fill a block
  static constexpr event_t kRows = EVENT_ID3;

  __aicore__ inline void RunUnit(int64_t unit) {
    const Place block = BlockOf(*t_, unit);
    const bool more = unit + 1 < end_;
    const Place next = more ? BlockOf(*t_, unit + 1) : block;
    const int32_t tiles = samples_.Tiles(block);
    for (int32_t tile = 0; tile < tiles; ++tile) {
      samples_.Compute(tile, nullptr, [&] { samples_.Load(block, tile + 1 < tiles ? tile + 1 : 0); });
    }
    PipeBarrier<PIPE_V>();
    Duplicate(products_, 0.0f, W::kGathers * t_->samples * queries_ * W::kLanes);
    const int32_t planes = t_->head_planes;
    for (int32_t p = 0; p < planes; ++p) {
      if (p % kChunk == 0) Gradient(block, p, more, next);
      const int64_t after = p + 1 < planes ? block.head * planes + p + 1 : more ? next.head * planes : -1;
      Plane(p % kChunk, after);
    }
    for (int32_t tile = 0; tile < tiles; ++tile) {
      samples_.Compute(tile, &fractions_, [&] {
        if (tile + 1 < tiles) {
          samples_.Load(block, tile + 1);
        } else if (more) {
          samples_.Load(next, 0);
        }
      });
      Corners(tile);
      const int32_t first = tile * t_->tile_queries, left = block.count - first;
      const int32_t count = left < t_->tile_queries ? left : t_->tile_queries;
      gradients_.Finish(InARow(block.head, block.query + first, count), fractions_, samples_.geometry());
    }
  }

  // Queue MTE2: the gradient of the output in the channels of a chunk of planes, 32 bytes a query.
  __aicore__ inline void LoadRows(const Place& block, int32_t plane) {
    constexpr int32_t kChannels = kPairs ? 1 : W::kLanes;  // of a plane
    const int32_t left = t_->head_planes - plane, planes = left < kChunk ? left : kChunk;
    const int32_t channels = planes * kChannels;
    const int64_t batch = block.head / t_->heads, head = block.head % t_->heads;
    const int64_t row = (batch * t_->queries + block.query) * t_->heads + head;
    WaitFlag<HardEvent::V_MTE2>(kRows);
    DataCopyPad(rows_, grad_output_[row * t_->channels + plane * kChannels],
                DataCopyExtParams(static_cast<uint16_t>(block.count), static_cast<uint32_t>(channels * kSize),
                                  static_cast<uint32_t>((t_->heads * t_->channels - channels) * kSize), 0, 0),
                DataCopyPadExtParams<T>(true, 0, static_cast<uint8_t>(kBlock / kSize - channels), T(0)));
    SetFlag<HardEvent::MTE2_V>(kRows);
  }

  // Queue V: chunk[plane][query] from what LoadRows brought; loads the next one.
  __aicore__ inline void Gradient(const Place& block, int32_t plane, bool more, const Place& next) {
    PipeBarrier<PIPE_V>();
    WaitFlag<HardEvent::MTE2_V>(kRows);
    if (kPairs) {
      const LocalTensor<half> rows = rows_.template ReinterpretCast<half>();
      LocalTensor<half> from[16], to[16];
      for (int32_t i = 0; i < 16; ++i) {
        from[i] = rows[i * 16];
        to[i] = chunk_.ReinterpretCast<half>()[i * queries_];
      }
      TransDataTo5HD(to, from, Samples::Geo::Repeats(queries_ / 16, 1, 16));
    } else {
      const LocalTensor<float> rows = rows_.template ReinterpretCast<float>();
      LocalTensor<float> from[16], to[16];
      for (int32_t i = 0; i < 16; ++i) {
        from[i] = rows[i * 8];
        to[i] = chunk_[(i >> 1) * queries_ + (i & 1) * 8];
      }
      TransDataTo5HD(to, from, Samples::Geo::Repeats(queries_ / 16, 2, 16));
    }
    SetFlag<HardEvent::V_MTE2>(kRows);
    if (plane + kChunk < t_->head_planes) {
      LoadRows(block, plane + kChunk);
    } else if (more) {
      LoadRows(next, 0);
    }
  }

  // Queue V: spread[point of a level][query] = words of the gradient in the channels of a plane.
  __aicore__ inline void Spread(int32_t row) {
    LocalTensor<float> gradient = chunk_[row * queries_];
    if (kPairs) {
      const LocalTensor<half> channel = chunk_.ReinterpretCast<half>()[row * queries_];
      const int32_t lanes = RoundUp(queries_, 128);
      Interleave(pairs_, pairs_[lanes], channel, channel, lanes);
      gradient = pairs_;
    } else {
      PipeBarrier<PIPE_V>();
    }
    for (int32_t p = 0; p < t_->slots; ++p) {
      Adds(spread_[p * queries_].template ReinterpretCast<int32_t>(), gradient.template ReinterpretCast<int32_t>(), 0,
           queries_);  // bits are moved only
    }
    PipeBarrier<PIPE_V>();
  }

  // Queue V: products[gather][k][query][lane of a word] += gathered words * gradient.
  __aicore__ inline void Plane(int32_t row, int64_t next) {
    Spread(row);
    for (int32_t i = 0; i < t_->num_levels; ++i) {
      const LevelTiling& level = t_->level[t_->plane_level[i]];
      if (i < 2) stream_.Await(i);
      for (int32_t g = 0; g < W::kGathers && level.points > 0; ++g) {
        turn_ ^= 1;
        Gather(gathered_[turn_], stream_.plane(), samples_.Offsets(level), W::Offset(level, g),
               static_cast<uint32_t>(level.points * queries_));
        PipeBarrier<PIPE_V>();
        MulAddDst(Products(g, level.first_sample), gathered_[turn_].template ReinterpretCast<T>(),
                  spread_.template ReinterpretCast<T>(), level.points * queries_ * W::kLanes);
      }
      if (i == 0) stream_.Release(0, next);
    }
    if (t_->num_levels == 1) stream_.Await(1);
    stream_.Release(1, next);
  }
  __aicore__ inline LocalTensor<float> Products(int32_t gather, int32_t k) const {
    return products_[(gather * t_->samples + k) * queries_ * W::kLanes];
  }

  // Queue V: the products of the four corners of a tile's samples.
  __aicore__ inline void Corners(int32_t tile) {
    const int32_t at = tile * t_->tile_queries * W::kLanes, pitch = queries_ * W::kLanes / 8, samples = t_->samples;
    PipeBarrier<PIPE_V>();
    if (kPairs) {
      for (int32_t row = 0; row < 2; ++row) {
        const LocalTensor<float> pairs = Products(row, 0)[at];
        const LocalTensor<float>&left = gradients_.sum(2 * row), right = gradients_.sum(2 * row + 1);
        const LocalTensor<float>& signs = gradients_.room(2);  // and 3
        Mul(signs, pairs, sign_, uint64_t{64}, samples, BinaryRepeatParams(1, 1, 1, 8, static_cast<uint8_t>(pitch), 0));
        PipeBarrier<PIPE_V>();
        PairReduceSum(right, signs, samples, 64, 1, 1, 8);  // right - left
        PipeBarrier<PIPE_V>();
        PairReduceSum(left, pairs, samples, 64, 1, 1, pitch);  // left + right
        PipeBarrier<PIPE_V>();
        const LocalTensor<float>&difference = gradients_.room(1), sum = gradients_.room(0);
        const int32_t n = samples * t_->tile_queries;
        Sub(difference, left, right, n);
        Add(sum, left, right, n);
        PipeBarrier<PIPE_V>();
        Muls(left, difference, 0.5f, n);
        Muls(right, sum, 0.5f, n);
        PipeBarrier<PIPE_V>();
      }
    } else if (W::kLanes == 2) {
      for (int32_t c = 0; c < 4; ++c) PairReduceSum(gradients_.sum(c), Products(c, 0)[at], samples, 64, 1, 1, pitch);
    } else {
      for (int32_t c = 0; c < 4; ++c) {
        Adds(gradients_.sum(c), Products(c, 0)[at], 0.0f, static_cast<uint64_t>(t_->tile_queries), samples,
             UnaryRepeatParams(1, 1, static_cast<uint8_t>(t_->tile_queries / 8), static_cast<uint8_t>(pitch)));
      }
    }
  }

  static constexpr int32_t kRoom = 4;

  const Tiling* t_;
  int32_t queries_, turn_ = 0;
  int64_t end_ = 0;
  GlobalTensor<T> grad_output_;
  PlaneStream stream_;
  Samples samples_;
  SampleGradients gradients_;
  Fractions fractions_;
  TBuf<QuePosition::VECCALC> gathered_buffer_[2], products_buffer_, rows_buffer_, chunk_buffer_, spread_buffer_,
      pairs_buffer_, sign_buffer_, fractions_buffer_;
  LocalTensor<float> gathered_[2], products_, chunk_, spread_, pairs_, sign_;
  LocalTensor<T> rows_;
};

}  // namespace xmsda_ascend
