// Backward by rows of pixels, all channels of a head at a time.
// SPDX-License-Identifier: Apache-2.0
//
// A sample's rows are fetched as in the forward pass; their products with the gradient of the output give the gradients
// of location and weight; four weighted copies of that gradient go to the gradient image in GM, two neighbours to a
// burst, two bursts to a copy, by atomic addition in float32.
//
// Instructions it leans on, a sample of 32 half channels: the copies in (MTE2: 21 cycles) and out (MTE3: 512 B at the
// rate of atomics, 32 and more, which bounds it); on V Duplicate, two MulAddDst of half into float and BlockReduceSum
// for the products (6), Brcb and four Mul for the copies (2.5); S two GetValue of two places and two copies (19).
//
// UB: two buffers each for rows (256 B a query) and for copies of the gradient (512 B), the gradient in float32 four
// times (512 B), reduced products (32 B a sample), geometry and places of two tiles; of bfloat16 rows 256 B in float32.
#pragma once

#include "rows_fetch.h"
#include "sample_gradients.h"
#include "whole.h"

namespace xmsda_ascend {

template <class T>
constexpr bool kIsBfloat = false;
template <>
constexpr bool kIsBfloat<bfloat16_t> = true;

template <class T>
class RowsBackward {
 public:
  __aicore__ inline void Init(GM_ADDR image, GM_ADDR zeros, GM_ADDR locations, GM_ADDR weights, GM_ADDR grad_output,
                              GM_ADDR grad_image, GM_ADDR grad_locations, GM_ADDR grad_weights, const Tiling& tiling,
                              TPipe* pipe) {
    t_ = &tiling;
    queries_ = tiling.tile_queries;
    blocks_ = CeilDiv(tiling.channels, kLanes);
    channels_ = blocks_ * kLanes;
    float_blocks_ = channels_ / 8;
    locations_.SetGlobalBuffer((__gm__ float*)locations);
    weights_.SetGlobalBuffer((__gm__ float*)weights);
    grad_output_.SetGlobalBuffer((__gm__ T*)grad_output);
    grad_image_.SetGlobalBuffer((__gm__ float*)grad_image);
    fetch_.Init(image, zeros, tiling, pipe);
    InitBuffers(grad_locations, grad_weights, pipe);
    PipeBarrier<PIPE_ALL>();
  }

  __aicore__ inline void Run() {
    const Range range = ShareOf(int64_t(t_->batch) * t_->heads * t_->tiles);
    if (range.begin == range.end) return;
    end_ = range.end;
    fetch_.Begin(range.begin, range.end);
    SetFlag<HardEvent::V_MTE2>(kRaw);
    for (int32_t i = 0; i < 2; ++i) SetFlag<HardEvent::MTE3_V>(CopiesEvent(i));
    gradients_.Begin();
    for (int32_t i = 0; i < 2; ++i) SetFlag<HardEvent::V_MTE2>(GradientEvent(i));
    SetAtomicAdd<float>();
    Load(range.begin);
    Prepare(range.begin);
    for (int64_t unit = range.begin; unit < range.end; ++unit) RunTile(unit);
    Scatter();
    SetAtomicNone();
    fetch_.End();
    WaitFlag<HardEvent::V_MTE2>(kRaw);
    for (int32_t i = 0; i < 2; ++i) WaitFlag<HardEvent::V_MTE2>(GradientEvent(i));
    for (int32_t i = 0; i < 2; ++i) WaitFlag<HardEvent::MTE3_V>(CopiesEvent(i));
    gradients_.End();
  }

 private:
  static constexpr int32_t kSize = sizeof(T);
  static constexpr int32_t kLanes = kBlock / kSize;
  static constexpr bool kBfloat = kIsBfloat<T>;
  static constexpr event_t kRaw = EVENT_ID2;
  __aicore__ static inline event_t GradientEvent(int64_t unit) { return static_cast<event_t>(3 + (unit & 1)); }
  __aicore__ static inline event_t CopiesEvent(int64_t i) { return static_cast<event_t>(i & 1); }

  __aicore__ inline void InitBuffers(GM_ADDR grad_locations, GM_ADDR grad_weights, TPipe* pipe) {
    const int32_t samples = t_->samples, lanes = Geometry<T, float>::Lanes(*t_);
    padded_ = Geometry<T, float>::Padded(*t_);
    for (int32_t i = 0; i < 2; ++i) {
      copies_[i] = Take<float>(pipe, &copies_buffer_[i], queries_ * 4 * channels_);
      gradient_[i] = Take<T>(pipe, &gradient_buffer_[i], queries_ * channels_);
      Duplicate(gradient_[i], T(0), queries_ * channels_);
      const LocalTensor<uint8_t> ub = Take<uint8_t>(pipe, &samples_buffer_[i], Geometry<T, float>::SamplesBytes(*t_));
      samples_[i].place = ub.ReinterpretCast<int32_t>();
      for (int32_t c = 0; c < 4; ++c) {
        samples_[i].weight[c] = ub[static_cast<uint32_t>(lanes * 4 * (1 + c))].template ReinterpretCast<float>();
      }
      const LocalTensor<uint8_t> kept =
          Take<uint8_t>(pipe, &fractions_buffer_[i], Geometry<T, float>::FractionsBytes(*t_));
      fractions_[i] = Geometry<T, float>::FractionsAt(*t_, kept);
      for (const auto& tensor : {fractions_[i].x, fractions_[i].y, fractions_[i].attention}) {
        Duplicate(tensor, 0.0f, padded_);
      }
    }
    spread_ = Take<float>(pipe, &spread_buffer_, queries_ * 4 * 8);
    replicas_ = Take<float>(pipe, &replicas_buffer_, queries_ * 4 * channels_);
    if (kBfloat) widened_ = Take<float>(pipe, &widened_buffer_, queries_ * 64);
    products_ = Take<float>(pipe, &products_buffer_, queries_ * 64);
    reduced_ = Take<float>(pipe, &reduced_buffer_, samples * queries_ * 8);
    // The geometry's scratch, the last steps of a tile and the gradient in float32 take turns.
    const int32_t geometry = Geometry<T, float>::ScratchBytes(*t_), last = SampleGradients::ScratchBytes(*t_);
    const int32_t wide = queries_ * channels_ * 4;
    const int32_t most = geometry > last ? geometry : last;
    const LocalTensor<uint8_t> shared = Take<uint8_t>(pipe, &shared_buffer_, most > wide ? most : wide);
    wide_ = shared.ReinterpretCast<float>();
    Duplicate(wide_, 0.0f, most / 4);  // the last transpose reads lanes of samples that are not there
    PipeBarrier<PIPE_V>();
    geometry_.Init(*t_, Take<uint8_t>(pipe, &geometry_buffer_, Geometry<T, float>::Bytes(*t_)), shared);
    gradients_.Init(grad_locations, grad_weights, *t_, wide_, pipe);
  }
  // Queue MTE2: locations and weights of a tile, and the gradient of its output.
  __aicore__ inline void Load(int64_t unit) {
    const Place place = PlaceOf(*t_, unit);
    const int64_t batch = place.head / t_->heads, head = place.head % t_->heads;
    WaitFlag<HardEvent::V_MTE2>(kRaw);
    geometry_.Load(locations_, weights_, batch, place.query, head, place.count);
    SetFlag<HardEvent::MTE2_V>(kRaw);
  }
  // As long as the tile is worked on: the buffer of the tile after it must be another one.
  __aicore__ inline void LoadGradient(int64_t unit) {
    const Place place = PlaceOf(*t_, unit);
    const int64_t batch = place.head / t_->heads, head = place.head % t_->heads;
    const int64_t row = (batch * t_->queries + place.query) * t_->heads + head;
    WaitFlag<HardEvent::V_MTE2>(GradientEvent(unit));
    DataCopyPad(gradient_[unit & 1], grad_output_[row * t_->channels],
                DataCopyExtParams(static_cast<uint16_t>(place.count), static_cast<uint32_t>(t_->channels * kSize),
                                  static_cast<uint32_t>((t_->heads - 1) * t_->channels * kSize), 0, 0),
                DataCopyPadExtParams<T>(true, 0, static_cast<uint8_t>(channels_ - t_->channels), T(0)));
    SetFlag<HardEvent::MTE2_V>(GradientEvent(unit));
  }

  // Queue V: the geometry of a tile, which has been loaded; loads the next one.
  __aicore__ inline void Prepare(int64_t unit) {
    WaitFlag<HardEvent::MTE2_V>(kRaw);
    geometry_.Keep(fractions_[unit & 1]);
    geometry_.Transpose();
    SetFlag<HardEvent::V_MTE2>(kRaw);
    if (unit + 1 < end_) Load(unit + 1);
    LoadGradient(unit);
    Order<HardEvent::S_V>();  // the places of the tile before the last have been read
    geometry_.Compute(samples_[unit & 1]);
    fetch_.Prepared(samples_[unit & 1].place);
  }

  __aicore__ inline void RunTile(int64_t unit) {
    const Place place = PlaceOf(*t_, unit);
    fetch_.Feed();  // takes the flag of this tile's places before the next tile sets it again
    WaitFlag<HardEvent::MTE2_V>(GradientEvent(unit));
    Replicate(gradient_[unit & 1]);
    for (int32_t k = 0; k < t_->samples; ++k) {
      Sample(unit, k);
      Scatter();
      pending_.level = &t_->level[t_->level_of[k]];
      pending_.places = samples_[unit & 1].place[k * queries_];
      pending_.place = place;
      pending_.turn = turn_ ^ 1;
      // Not before the last sample of the tile before this one is scattered: the next tile's places take those of that.
      if (k == 0 && unit + 1 < end_) Prepare(unit + 1);
    }
    SetFlag<HardEvent::V_MTE2>(GradientEvent(unit));
    Finish(unit, place);
  }

  // replicas[block of 8 channels][query][corner] = the gradient of the output, in float32.
  __aicore__ inline void Replicate(const LocalTensor<T>& gradient) {
    PipeBarrier<PIPE_V>();
    Widen(wide_, gradient, queries_ * channels_);
    PipeBarrier<PIPE_V>();
    const auto step = static_cast<uint16_t>(float_blocks_);
    for (int32_t h = 0; h < float_blocks_; ++h) {
      for (int32_t c = 0; c < 4; ++c) {
        Copy(replicas_[(h * queries_ * 4 + c) * 8], wide_[h * 8], uint64_t{64}, static_cast<uint8_t>(queries_ / 8),
             CopyRepeatParams(4, step, 32, static_cast<uint16_t>(8 * step)));
      }
    }
  }
  template <class U>
  __aicore__ static inline void Widen(const LocalTensor<float>& to, const LocalTensor<U>& from, int32_t count) {
    Cast(to, from, RoundMode::CAST_NONE, static_cast<uint32_t>(count));
  }
  __aicore__ static inline void Widen(const LocalTensor<float>& to, const LocalTensor<float>& from, int32_t count) {
    Adds(to, from, 0.0f, count);
  }

  // Queue V: products of a sample with the gradient, and the copies of the gradient that it gives away.
  __aicore__ inline void Sample(int64_t unit, int32_t k) {
    const Samples<float>& samples = samples_[unit & 1];
    FullMask();
    PipeBarrier<PIPE_V>();
    Duplicate<float, false>(products_, 0.0f, MASK_PLACEHOLDER, static_cast<uint8_t>(queries_), 1, 8);
    for (int32_t c = 0; c < 4; ++c) {
      Brcb(spread_[c * 8], samples.weight[c][k * queries_], static_cast<uint32_t>(queries_ / 8),
           BrcbRepeatParams(4, 32));
    }
    fetch_.Feed();
    WaitFlag<HardEvent::MTE3_V>(CopiesEvent(turn_));
    const LocalTensor<T> rows = fetch_.Next();
    for (int32_t h = 0; h < blocks_; ++h) {
      PipeBarrier<PIPE_V>();
      Products(rows, gradient_[unit & 1], h);
      for (int32_t i = h * float_blocks_ / blocks_; i < (h + 1) * float_blocks_ / blocks_; ++i) {
        const auto step = static_cast<uint8_t>(float_blocks_);
        Mul<float, false>(copies_[turn_][i * 8], replicas_[i * queries_ * 32], spread_, MASK_PLACEHOLDER, queries_ / 2,
                          BinaryRepeatParams(step, 1, 1, static_cast<uint8_t>(8 * step), 8, 8));
      }
    }
    fetch_.Release();
    SetFlag<HardEvent::V_MTE3>(CopiesEvent(turn_));
    turn_ ^= 1;
    PipeBarrier<PIPE_V>();
    BlockReduceSum<float, false>(reduced_[k * queries_ * 8], products_, queries_, MASK_PLACEHOLDER, 1, 1, 8);
  }

  // products[query][corner][16 lanes] += rows[query][corner][block h] * gradient[query][block h].
  __aicore__ inline void Products(const LocalTensor<half>& rows, const LocalTensor<half>& gradient, int32_t h) {
    const auto step = static_cast<uint8_t>(blocks_);
    MulAddDst<float, half, false>(products_, rows[h * 16], gradient[h * 16], MASK_PLACEHOLDER, queries_,
                                  BinaryRepeatParams(1, step, 0, 8, static_cast<uint8_t>(4 * step), step));
  }
  // Vector instructions take no bfloat16: rows in float32 times the replicas, the two blocks of 8 lanes by turns.
  __aicore__ inline void Products(const LocalTensor<bfloat16_t>& rows, const LocalTensor<bfloat16_t>&, int32_t h) {
    Cast<float, bfloat16_t, false>(
        widened_, rows[h * 16], RoundMode::CAST_NONE, MASK_PLACEHOLDER, static_cast<uint8_t>(queries_),
        UnaryRepeatParams(1, static_cast<uint16_t>(blocks_), 8, static_cast<uint8_t>(4 * blocks_)));
    PipeBarrier<PIPE_V>();
    for (int32_t i = 0; i < 2; ++i) {
      MulAddDst<float, float, false>(products_[i * 8], widened_[i * 8], replicas_[(2 * h + i) * queries_ * 32],
                                     MASK_PLACEHOLDER, queries_ / 2, BinaryRepeatParams(2, 2, 1, 16, 16, 8));
    }
  }
  // In float32 the blocks of 8 lanes take turns.
  __aicore__ inline void Products(const LocalTensor<float>& rows, const LocalTensor<float>&, int32_t h) {
    const auto step = static_cast<uint8_t>(blocks_);
    MulAddDst<float, float, false>(products_[(h & 1) * 8], rows[h * 8], replicas_[h * queries_ * 32], MASK_PLACEHOLDER,
                                   queries_ / 2, BinaryRepeatParams(2, step, 1, 16, static_cast<uint8_t>(8 * step), 8));
  }

  // Queue MTE3: adds the copies of the sample before to the gradient image. Behind the work for queue V of the sample
  // after it, which goes on while the scalar unit waits for room here; feeds queue MTE2 in between.
  __aicore__ inline void Scatter() {
    if (pending_.level == nullptr) return;
    const auto blocks = static_cast<uint16_t>(float_blocks_);
    const int64_t head = pending_.place.head;
    if (t_->raw != 0) {
      pending_.params = DataCopyParams(2, blocks, 0, static_cast<uint16_t>((t_->heads - 1) * float_blocks_));
      pending_.image = grad_image_[HeadOf(*t_, head) * channels_];
    } else {
      pending_.params = DataCopyParams(2, static_cast<uint16_t>(2 * blocks), 0,
                                       static_cast<uint16_t>((pending_.level->width - 1) * float_blocks_));
      pending_.image = grad_image_[head * t_->image_pixels * channels_];
    }
    const LocalTensor<uint64_t> places = pending_.places.template ReinterpretCast<uint64_t>();
    const LocalTensor<float> copies = copies_[pending_.turn];
    WaitFlag<HardEvent::V_MTE3>(CopiesEvent(pending_.turn));
    for (int32_t q = 0; q < pending_.place.count; q += 2) {
      const uint64_t two = places.GetValue(static_cast<uint32_t>(q / 2));
      AddCorners(copies[q * 4 * channels_], static_cast<int32_t>(two & 0xffffffff));
      if (q + 1 < pending_.place.count) {
        AddCorners(copies[(q + 1) * 4 * channels_], static_cast<int32_t>(two >> 32));
      }
      fetch_.Feed(2, 1);
    }
    SetFlag<HardEvent::MTE3_V>(CopiesEvent(pending_.turn));
    pending_.level = nullptr;
  }

  // The four corners of a sample; nothing where it is outside, where the gradient is 0.
  __aicore__ inline void AddCorners(const LocalTensor<float>& copies, int32_t place) {
    if (t_->raw == 0) {
      if (place == 0) return;
      const GlobalTensor<float> pixel = pending_.image[int64_t(place) * kLanes];
      if (t_->copies == 1) {
        DataCopy(pixel, copies, pending_.params);
      } else {
        AddApart(copies, pixel, *pending_.level, t_->copies, channels_);
      }
    } else if (place >= 0) {
      const GlobalTensor<float> pixel = pending_.image[int64_t(place) * kLanes];
      DataCopy(pixel, copies, pending_.params);
      DataCopy(pixel[int64_t(pending_.level->width) * t_->heads * channels_], copies[2 * channels_], pending_.params);
    } else {
      const DataCopyParams one(1, static_cast<uint16_t>(float_blocks_), 0, 0);
      for (int32_t c = 0; c < 4; ++c) {
        const int32_t pixel = PixelOf(*pending_.level, place, c);
        if (pixel < 0) continue;
        const int64_t to = (pending_.level->value_start + int64_t(pixel)) * t_->heads * channels_;
        DataCopy(pending_.image[to], copies[c * channels_], one);
      }
    }
  }

  // Queue V: products by sample and query to [corner and half of the channels][k][q], then the gradients from them.
  __aicore__ inline void Finish(int64_t unit, const Place& place) {
    PipeBarrier<PIPE_V>();
    LocalTensor<float> from[16], to[16];
    for (int32_t q = 0; q < queries_; q += 16) {
      for (int32_t i = 0; i < 16; ++i) {
        from[i] = reduced_[(q + i) * 8];
        to[i] = gradients_.sum(i >> 1)[q + (i & 1) * 8];
      }
      TransDataTo5HD(to, from, Geometry<T, float>::Repeats(t_->samples, queries_ / 8, queries_));
    }
    PipeBarrier<PIPE_V>();
    for (int32_t c = 0; c < 4; ++c) {
      Add(gradients_.sum(2 * c), gradients_.sum(2 * c), gradients_.sum(2 * c + 1), Geometry<T, float>::Lanes(*t_));
    }
    SetAtomicNone();
    gradients_.Finish(place, fractions_[unit & 1], geometry_);
    SetAtomicAdd<float>();
  }

  struct Pending {
    const LevelTiling* level = nullptr;
    LocalTensor<int32_t> places;
    Place place;
    int32_t turn;
    GlobalTensor<float> image;  // of the head
    DataCopyParams params;
  };

  const Tiling* t_;
  int32_t queries_, blocks_, channels_, float_blocks_, padded_;
  GlobalTensor<float> locations_, weights_, grad_image_;
  GlobalTensor<T> grad_output_;
  TBuf<QuePosition::VECCALC> copies_buffer_[2], gradient_buffer_[2], samples_buffer_[2], fractions_buffer_[2],
      spread_buffer_, replicas_buffer_, widened_buffer_, products_buffer_, reduced_buffer_, shared_buffer_,
      geometry_buffer_;
  LocalTensor<float> copies_[2], spread_, replicas_, widened_, products_, reduced_, wide_;
  LocalTensor<T> gradient_[2];
  RowsFetch<T> fetch_;
  Geometry<T, float> geometry_;
  Samples<float> samples_[2];
  Fractions fractions_[2];
  SampleGradients gradients_;
  Pending pending_;
  int64_t end_ = 0;
  int32_t turn_ = 0;
};

}  // namespace xmsda_ascend
