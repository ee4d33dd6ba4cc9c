// The gradient of value as float32 rows of pixels, by atomic addition: variants `xmsda` and `xmsda-aligned`.
// SPDX-License-Identifier: Apache-2.0
//
// As in rows_backward.h, without fetching: four weighted copies of the gradient of the output go to the gradient image,
// two neighbours to a burst, two bursts to a copy (a channel-last row is what neighbours can be merged in).
//
// Instructions it leans on, a sample of 32 channels: one copy out (MTE3: 512 B at the rate of atomics, 32 cycles and
// more, which bounds it); V: Brcb of four weights and four Mul for the copies (2.5), geometry (2); S: half a GetValue
// of two places and a copy (10).
//
// Order: cores add to a head's gradient in different ranges of queries, and core j starts at level j mod L, so that
// cores do not meet on the few lines of the smallest level at a time (Tiling::level_order; 0: all at level 0).
//
// UB a query: two buffers for the copies and one for the gradient four times (16 B a channel each), weights and places
// of two tiles.
#pragma once

#include "rows_fetch.h"

namespace xmsda_ascend {

template <class T>
class ScatterGradient {
 public:
  __aicore__ inline void Init(GM_ADDR locations, GM_ADDR weights, GM_ADDR grad_output, GM_ADDR grad_image,
                              const Tiling& tiling, TPipe* pipe) {
    t_ = &tiling;
    queries_ = tiling.tile_queries;
    channels_ = RoundUp(tiling.channels, kLanes);
    locations_.SetGlobalBuffer((__gm__ float*)locations);
    weights_.SetGlobalBuffer((__gm__ float*)weights);
    grad_output_.SetGlobalBuffer((__gm__ T*)grad_output);
    grad_image_.SetGlobalBuffer((__gm__ float*)grad_image);
    first_ = 0;
    if (tiling.level_order != 0) {
      first_ = tiling.level[static_cast<int32_t>(GetBlockIdx()) % tiling.num_levels].first_sample % tiling.samples;
    }
    InitBuffers(pipe);
    PipeBarrier<PIPE_ALL>();
  }

  __aicore__ inline void Run() {
    const Range range = ShareOf(int64_t(t_->batch) * t_->heads * t_->tiles);
    if (range.begin == range.end) return;
    end_ = range.end;
    SetFlag<HardEvent::V_MTE2>(kRaw);
    for (int32_t i = 0; i < 2; ++i) SetFlag<HardEvent::MTE3_V>(CopiesEvent(i));
    SetAtomicAdd<float>();
    Load(range.begin);
    Prepare(range.begin);
    for (int64_t unit = range.begin; unit < range.end; ++unit) RunTile(unit);
    Scatter();
    SetAtomicNone();
    WaitFlag<HardEvent::V_MTE2>(kRaw);
    for (int32_t i = 0; i < 2; ++i) WaitFlag<HardEvent::MTE3_V>(CopiesEvent(i));
  }

 private:
  static constexpr int32_t kSize = sizeof(T);
  static constexpr int32_t kLanes = kBlock / kSize;
  static constexpr event_t kRaw = EVENT_ID2, kPlaces = EVENT_ID0;
  using Geo = Geometry<T, float>;
  __aicore__ static inline event_t CopiesEvent(int64_t i) { return static_cast<event_t>(i & 1); }

  __aicore__ inline void InitBuffers(TPipe* pipe) {
    const int32_t lanes = Geo::Lanes(*t_);
    for (int32_t i = 0; i < 2; ++i) {
      copies_[i] = Take<float>(pipe, &copies_buffer_[i], queries_ * 4 * channels_);
      gradient_[i] = Take<T>(pipe, &gradient_buffer_[i], queries_ * channels_);
      Duplicate(gradient_[i], T(0), queries_ * channels_);
      const LocalTensor<uint8_t> ub = Take<uint8_t>(pipe, &samples_buffer_[i], Geo::SamplesBytes(*t_));
      samples_[i].place = ub.ReinterpretCast<int32_t>();
      for (int32_t c = 0; c < 4; ++c) {
        samples_[i].weight[c] = ub[static_cast<uint32_t>(lanes * 4 * (1 + c))].template ReinterpretCast<float>();
      }
    }
    spread_ = Take<float>(pipe, &spread_buffer_, queries_ * 4 * 8);
    replicas_ = Take<float>(pipe, &replicas_buffer_, queries_ * 4 * channels_);
    const int32_t scratch = Geo::ScratchBytes(*t_), wide = queries_ * channels_ * 4;
    const LocalTensor<uint8_t> shared = Take<uint8_t>(pipe, &shared_buffer_, scratch > wide ? scratch : wide);
    wide_ = shared.ReinterpretCast<float>();
    geometry_.Init(*t_, Take<uint8_t>(pipe, &geometry_buffer_, Geo::Bytes(*t_)), shared);
  }

  // Queue MTE2: locations, weights and gradient of the output of a tile. The gradient's buffer was that of the tile
  // before the last, which queue V has read before it sets kRaw.
  __aicore__ inline void Load(int64_t unit) {
    const Place place = PlaceOf(*t_, unit);
    const int64_t batch = place.head / t_->heads, head = place.head % t_->heads;
    WaitFlag<HardEvent::V_MTE2>(kRaw);
    geometry_.Load(locations_, weights_, batch, place.query, head, place.count);
    const int64_t row = (batch * t_->queries + place.query) * t_->heads + head;
    DataCopyPad(gradient_[unit & 1], grad_output_[row * t_->channels],
                DataCopyExtParams(static_cast<uint16_t>(place.count), static_cast<uint32_t>(t_->channels * kSize),
                                  static_cast<uint32_t>((t_->heads - 1) * t_->channels * kSize), 0, 0),
                DataCopyPadExtParams<T>(true, 0, static_cast<uint8_t>(channels_ - t_->channels), T(0)));
    SetFlag<HardEvent::MTE2_V>(kRaw);
  }

  // Queue V: the geometry of a tile, which has been loaded; loads the next one.
  __aicore__ inline void Prepare(int64_t unit) {
    WaitFlag<HardEvent::MTE2_V>(kRaw);
    geometry_.Transpose();
    SetFlag<HardEvent::V_MTE2>(kRaw);
    if (unit + 1 < end_) Load(unit + 1);
    Order<HardEvent::S_V>();  // the places of the tile before the last have been read
    geometry_.Compute(samples_[unit & 1]);
    SetFlag<HardEvent::V_S>(kPlaces);
  }

  __aicore__ inline void RunTile(int64_t unit) {
    const Place place = PlaceOf(*t_, unit);
    WaitFlag<HardEvent::V_S>(kPlaces);
    Replicate(gradient_[unit & 1]);
    for (int32_t i = 0; i < t_->samples; ++i) {
      const int32_t k = (i + first_) % t_->samples;
      Copies(samples_[unit & 1], k);
      Scatter();
      pending_.level = &t_->level[t_->level_of[k]];
      pending_.places = samples_[unit & 1].place[k * queries_];
      pending_.place = place;
      pending_.turn = turn_ ^ 1;
      // Behind the last sample of the tile before this one, whose places the next tile's take.
      if (i == 0 && unit + 1 < end_) Prepare(unit + 1);
    }
  }

  // Queue V: replicas[block of 8 channels][query][corner] = the gradient of the output, in float32.
  __aicore__ inline void Replicate(const LocalTensor<T>& gradient) {
    PipeBarrier<PIPE_V>();
    Widen(wide_, gradient, queries_ * channels_);
    PipeBarrier<PIPE_V>();
    const int32_t blocks = channels_ / 8;
    for (int32_t h = 0; h < blocks; ++h) {
      for (int32_t c = 0; c < 4; ++c) {
        Copy(replicas_[(h * queries_ * 4 + c) * 8], wide_[h * 8], uint64_t{64}, static_cast<uint8_t>(queries_ / 8),
             CopyRepeatParams(4, static_cast<uint16_t>(blocks), 32, static_cast<uint16_t>(8 * blocks)));
      }
    }
  }
  __aicore__ static inline void Widen(const LocalTensor<float>& to, const LocalTensor<half>& from, int32_t count) {
    Cast(to, from, RoundMode::CAST_NONE, static_cast<uint32_t>(count));
  }
  __aicore__ static inline void Widen(const LocalTensor<float>& to, const LocalTensor<float>& from, int32_t count) {
    Adds(to, from, 0.0f, count);
  }

  // Queue V: copies[query][corner][channel] = gradient * weight of sample k.
  __aicore__ inline void Copies(const Samples<float>& samples, int32_t k) {
    PipeBarrier<PIPE_V>();
    for (int32_t c = 0; c < 4; ++c) {
      Brcb(spread_[c * 8], samples.weight[c][k * queries_], static_cast<uint32_t>(queries_ / 8),
           BrcbRepeatParams(4, 32));
    }
    PipeBarrier<PIPE_V>();
    WaitFlag<HardEvent::MTE3_V>(CopiesEvent(turn_));
    const int32_t blocks = channels_ / 8;
    const BinaryRepeatParams params(static_cast<uint8_t>(blocks), 1, 1, static_cast<uint8_t>(8 * blocks), 8, 8);
    for (int32_t h = 0; h < blocks; ++h) {
      Mul(copies_[turn_][h * 8], replicas_[h * queries_ * 32], spread_, uint64_t{64}, queries_ / 2, params);
    }
    SetFlag<HardEvent::V_MTE3>(CopiesEvent(turn_));
    turn_ ^= 1;
  }

  // Queue MTE3: adds the copies of the sample before, while queue V works on those of the next.
  __aicore__ inline void Scatter() {
    if (pending_.level == nullptr) return;
    const auto blocks = static_cast<uint16_t>(channels_ / 8);
    const int32_t width = pending_.level->width;
    params_ = DataCopyParams(2, static_cast<uint16_t>(2 * blocks), 0, static_cast<uint16_t>((width - 1) * blocks));
    image_ = grad_image_[pending_.place.head * t_->image_pixels * channels_];
    const LocalTensor<uint64_t> places = pending_.places.template ReinterpretCast<uint64_t>();
    const LocalTensor<float> copies = copies_[pending_.turn];
    WaitFlag<HardEvent::V_MTE3>(CopiesEvent(pending_.turn));
    for (int32_t q = 0; q < pending_.place.count; q += 2) {
      const uint64_t two = places.GetValue(static_cast<uint32_t>(q / 2));
      AddCorners(copies[q * 4 * channels_], static_cast<int32_t>(two & 0xffffffff));
      if (q + 1 < pending_.place.count) {
        AddCorners(copies[(q + 1) * 4 * channels_], static_cast<int32_t>(two >> 32));
      }
    }
    SetFlag<HardEvent::MTE3_V>(CopiesEvent(pending_.turn));
    pending_.level = nullptr;
  }

  // The four corners of a sample; nothing where it is outside, where the gradient is 0.
  __aicore__ inline void AddCorners(const LocalTensor<float>& copies, int32_t place) {
    if (place == 0) return;
    const GlobalTensor<float> pixel = image_[int64_t(place) * kLanes];
    if (t_->copies == 1) {
      DataCopy(pixel, copies, params_);
    } else {
      AddApart(copies, pixel, *pending_.level, t_->copies, channels_);
    }
  }

  struct Pending {
    const LevelTiling* level = nullptr;
    LocalTensor<int32_t> places;
    Place place;
    int32_t turn;
  };

  const Tiling* t_;
  int32_t queries_, channels_, first_, turn_ = 0;
  int64_t end_ = 0;
  GlobalTensor<float> locations_, weights_, grad_image_, image_;
  GlobalTensor<T> grad_output_;
  TBuf<QuePosition::VECCALC> copies_buffer_[2], gradient_buffer_[2], samples_buffer_[2], spread_buffer_,
      replicas_buffer_, shared_buffer_, geometry_buffer_;
  LocalTensor<float> copies_[2], spread_, replicas_, wide_;
  LocalTensor<T> gradient_[2];
  DataCopyParams params_;
  Geo geometry_;
  Samples<float> samples_[2];
  Pending pending_;
};

}  // namespace xmsda_ascend
