// Backward by rows of pixels, all channels of a head at a time.
// SPDX-License-Identifier: Apache-2.0
//
// A sample's rows are fetched as in the forward pass; their products with the gradient of the output give the gradients
// of location and weight; four weighted copies of that gradient go to the gradient image in GM, two neighbours to a
// burst, two bursts to a copy, by atomic addition in float32. In an encoder those of small levels are added to windows
// of the image in UB instead (gradient_window.h), which halves what MTE3 carries.
//
// Instructions it leans on, a sample of 32 half channels: the copies in (MTE2: 21 cycles) and out (MTE3: 512 B at the
// rate of atomics, 32 and more, which bounds it where there are no windows); on V Duplicate, two MulAddDst of half into
// float and BlockReduceSum for the products (6), Brcb and eight Mul for the copies (2.5), 13 for a sample that goes to
// a window; S two GetValue of two places and two copies (19).
//
// UB: two buffers each for rows (256 B a query) and for copies of the gradient (512 B, halves of which go away apart),
// the gradient in float32 four times (512 B), sums of products (16 B a sample), geometry of a tile, targets of two; of
// bfloat16 rows 256 B in float32.
#pragma once

#include "gradient_window.h"
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
    begin_ = range.begin;
    end_ = range.end;
    fetch_.Begin(range.begin, range.end);
    SetFlag<HardEvent::V_MTE2>(kRaw);
    for (int32_t i = 0; i < 4; ++i) SetFlag<HardEvent::MTE3_V>(CopiesEvent(i));
    gradients_.Begin();
    for (int32_t i = 0; i < 2; ++i) SetFlag<HardEvent::V_MTE2>(GradientEvent(i));
    SetAtomicAdd<float>();
    Load(range.begin);
    Prepare(range.begin);
    for (int64_t unit = range.begin; unit < range.end; ++unit) RunTile(unit);
    FullMask();
    Scatter(1, 0);
    if (window_.any()) window_.Flush(pending_.place.head);
    SetAtomicNone();
    fetch_.End();
    WaitFlag<HardEvent::V_MTE2>(kRaw);
    for (int32_t i = 0; i < 2; ++i) WaitFlag<HardEvent::V_MTE2>(GradientEvent(i));
    for (int32_t i = 0; i < 4; ++i) WaitFlag<HardEvent::MTE3_V>(CopiesEvent(i));
    gradients_.End();
  }

 private:
  static constexpr int32_t kSize = sizeof(T);
  static constexpr int32_t kLanes = kBlock / kSize;
  static constexpr bool kBfloat = kIsBfloat<T>;
  static constexpr int32_t kTogether = 4;
  static constexpr event_t kRaw = EVENT_ID2;
  __aicore__ static inline event_t GradientEvent(int64_t unit) { return static_cast<event_t>(3 + (unit & 1)); }
  __aicore__ static inline event_t CopiesEvent(int32_t i) { return static_cast<event_t>(i < 2 ? i : i + 2); }

  __aicore__ inline void InitBuffers(GM_ADDR grad_locations, GM_ADDR grad_weights, TPipe* pipe) {
    const int32_t samples = t_->samples, lanes = Geometry<T, float>::Lanes(*t_);
    padded_ = Geometry<T, float>::Padded(*t_);
    for (int32_t i = 0; i < 4; ++i) copies_[i] = Take<float>(pipe, &copies_buffer_[i], queries_ * 2 * channels_);
    const LocalTensor<uint8_t> ub = Take<uint8_t>(pipe, &samples_buffer_, Geometry<T, float>::SamplesBytes(*t_));
    samples_.place = ub.ReinterpretCast<int32_t>();
    for (int32_t c = 0; c < 4; ++c) {
      samples_.weight[c] = ub[static_cast<uint32_t>(lanes * 4 * (1 + c))].template ReinterpretCast<float>();
    }
    const LocalTensor<uint8_t> kept = Take<uint8_t>(pipe, &fractions_buffer_, Geometry<T, float>::FractionsBytes(*t_));
    fractions_ = Geometry<T, float>::FractionsAt(*t_, kept);
    for (const auto& tensor : {fractions_.x, fractions_.y, fractions_.attention}) Duplicate(tensor, 0.0f, padded_);
    for (int32_t i = 0; i < 2; ++i) {
      targets_[i] = Take<int32_t>(pipe, &targets_buffer_[i], lanes);
      gradient_[i] = Take<T>(pipe, &gradient_buffer_[i], queries_ * channels_);
      Duplicate(gradient_[i], T(0), queries_ * channels_);
    }
    window_.Init(*t_, grad_image_, channels_, pipe);
    spread_ = Take<float>(pipe, &spread_buffer_, queries_ * 4 * 8);
    replicas_ = Take<float>(pipe, &replicas_buffer_, queries_ * 4 * channels_);
    if (kBfloat) widened_ = Take<float>(pipe, &widened_buffer_, queries_ * 64);
    products_ = Take<float>(pipe, &products_buffer_, queries_ * 64);
    reduced_ = Take<float>(pipe, &reduced_buffer_, kTogether * queries_ * 16);
    halves_ = reduced_[kTogether * queries_ * 8];
    kept_ = Take<float>(pipe, &kept_buffer_, samples * queries_ * 4);
    // The geometry's scratch, the last steps of a tile and the gradient in float32 take turns.
    const int32_t geometry = Geometry<T, float>::ScratchBytes(*t_), last = SampleGradients::ScratchBytes(*t_, 0);
    const int32_t wide = queries_ * channels_ * 4;
    const int32_t most = geometry > last ? geometry : last;
    const LocalTensor<uint8_t> shared = Take<uint8_t>(pipe, &shared_buffer_, most > wide ? most : wide);
    wide_ = shared.ReinterpretCast<float>();
    Duplicate(wide_, 0.0f, most / 4);  // the last transpose reads lanes of samples that are not there
    PipeBarrier<PIPE_V>();
    geometry_.Init(*t_, Take<uint8_t>(pipe, &geometry_buffer_, Geometry<T, float>::Bytes(*t_)), shared);
    gradients_.Init(grad_locations, grad_weights, *t_, wide_, 0, pipe);
  }
  // Queue MTE2: locations and weights of a tile, and the gradient of its output.
  __aicore__ inline void Load(int64_t unit) {
    const Place place = PlaceOf(*t_, unit);
    const int64_t batch = place.head / t_->heads, head = place.head % t_->heads;
    WaitFlag<HardEvent::V_MTE2>(kRaw);
    for (int32_t r = 0; r < place.rows; ++r) {
      geometry_.Load(locations_, weights_, batch, place.query + int64_t(r) * place.pitch, head, place.columns,
                     r * place.columns);
    }
    SetFlag<HardEvent::MTE2_V>(kRaw);
  }
  // As long as the tile is worked on: the buffer of the tile after it must be another one.
  __aicore__ inline void LoadGradient(int64_t unit) {
    const Place place = PlaceOf(*t_, unit);
    const int64_t batch = place.head / t_->heads, head = place.head % t_->heads;
    WaitFlag<HardEvent::V_MTE2>(GradientEvent(unit));
    for (int32_t r = 0; r < place.rows; ++r) {
      const int64_t row = (batch * t_->queries + place.query + int64_t(r) * place.pitch) * t_->heads + head;
      DataCopyPad(gradient_[unit & 1][r * place.columns * channels_], grad_output_[row * t_->channels],
                  DataCopyExtParams(static_cast<uint16_t>(place.columns), static_cast<uint32_t>(t_->channels * kSize),
                                    static_cast<uint32_t>((t_->heads - 1) * t_->channels * kSize), 0, 0),
                  DataCopyPadExtParams<T>(true, 0, static_cast<uint8_t>(channels_ - t_->channels), T(0)));
    }
    SetFlag<HardEvent::MTE2_V>(GradientEvent(unit));
  }

  // Queue V: the geometry of a tile, which has been loaded; loads the next one.
  __aicore__ inline void Prepare(int64_t unit) {
    WaitFlag<HardEvent::MTE2_V>(kRaw);
    geometry_.Keep(fractions_);
    geometry_.Transpose();
    SetFlag<HardEvent::V_MTE2>(kRaw);
    if (unit + 1 < end_) Load(unit + 1);
    LoadGradient(unit);
    Order<HardEvent::S_V>();  // the places of the tile before the last have been read
    geometry_.Compute(samples_, Windows{this, unit});
    fetch_.Prepared(samples_.place);
  }

  __aicore__ inline void RunTile(int64_t unit) {
    const Place place = PlaceOf(*t_, unit);
    fetch_.Feed();  // takes the flag of this tile's places before the next tile sets it again
    WaitFlag<HardEvent::MTE2_V>(GradientEvent(unit));
    Replicate(gradient_[unit & 1]);
    for (int32_t i = 0; i < t_->samples; ++i) {
      Work(unit, i, place);
    }
    SetFlag<HardEvent::V_MTE2>(GradientEvent(unit));
    Finish(place);
    if (unit + 1 < end_) Prepare(unit + 1);
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

  // A sample of a tile. Each queue gets its work in small portions in turn: where one is full the scalar unit stops,
  // and with it what it has for the others. While queue V makes the products and the first half of the copies, the
  // second half of the sample before goes away, while it makes the others, the first half.
  __aicore__ inline void Work(int64_t unit, int32_t i, const Place& place) {
    const int32_t k = t_->order[i];
    unit_ = unit;
    i_ = i;
    k_ = k;
    piece_ = 0;
    Piece();
    Scatter(1, Pieces() - 2 * float_blocks_);
    for (int32_t j = 0; j < float_blocks_; ++j) Piece();
    if (i == 0 && window_.any() && BeginsBlock(unit)) {
      if (unit != begin_) window_.Flush(pending_.place.head);
      window_.Next();
    }
    pending_.level = &t_->level[t_->level_of[k]];
    pending_.targets = targets_[unit & 1][k * queries_];
    pending_.place = place;
    pending_.turn = 2 * (i & 1);
    Scatter(0, piece_);
    for (int32_t i = 0; i < float_blocks_; ++i) Piece();
  }
  // Pieces of the work for queue V on a sample: the weights, the products with each block of channels, the first half
  // of the copies, the second, and the sums in three steps that wait for one another.
  __aicore__ inline int32_t Pieces() const { return 1 + blocks_ + 2 * float_blocks_ + 3; }
  __aicore__ inline void Piece() {
    int32_t i = piece_++;
    if (i == 0) return Spread();
    if (--i < blocks_) return Products(i);
    i -= blocks_;
    if (i < 3) return Sum(i);
    i -= 3;
    Copies(i / float_blocks_, i % float_blocks_);
  }
  __aicore__ inline void Barrier() {
    PipeBarrier<PIPE_V>();
    window_.Waited();
  }
  __aicore__ inline void Spread() {
    const Samples<float>& samples = samples_;
    if (i_ == 0) FullMask();  // the geometry has left others
    Barrier();
    Duplicate<float, false>(products_, 0.0f, MASK_PLACEHOLDER, static_cast<uint8_t>(queries_), 1, 8);
    for (int32_t c = 0; c < 4; ++c) {
      Brcb(spread_[c * 8], samples.weight[c][k_ * queries_], static_cast<uint32_t>(queries_ / 8),
           BrcbRepeatParams(4, 32));
    }
  }
  __aicore__ inline void Products(int32_t h) {
    if (h == 0) {
      fetch_.Feed();
      rows_ = fetch_.Next();
    }
    Barrier();
    Products(rows_, gradient_[unit_ & 1], h);
    if (h == blocks_ - 1) fetch_.Release();
  }
  // copies[query][corner][channel] of half of the queries, a block of channels of all corners.
  __aicore__ inline void Copies(int32_t part, int32_t block) {
    const auto step = static_cast<uint8_t>(float_blocks_);
    const int32_t first = part * queries_ * 16;
    part += 2 * (i_ & 1);
    if (block == 0) WaitFlag<HardEvent::MTE3_V>(CopiesEvent(part));
    Mul<float, false>(copies_[part][block * 8], replicas_[block * queries_ * 32 + first], spread_[first],
                      MASK_PLACEHOLDER, queries_ / 4,
                      BinaryRepeatParams(step, 1, 1, static_cast<uint8_t>(8 * step), 8, 8));
    window_.Unordered();
    if (block == float_blocks_ - 1) SetFlag<HardEvent::V_MTE3>(CopiesEvent(part));
  }
  // kept[k][corner][query] = products, summed over channels. The last two steps, which wait for the one before, are
  // those of four samples at a time.
  __aicore__ inline void Sum(int32_t step) {
    const int32_t of = i_ % kTogether;
    const bool last = of == kTogether - 1 || i_ == t_->samples - 1;
    if (step == 0) {
      Barrier();
      BlockReduceSum<float, false>(reduced_[of * queries_ * 8], products_, queries_, MASK_PLACEHOLDER, 1, 1, 8);
      return;
    }
    if (!last) return;
    Barrier();
    for (int32_t i = 0; i <= of; ++i) {
      const LocalTensor<float> halves = halves_[i * queries_ * 8];
      if (step == 1) {
        TransposeSums(halves, reduced_[i * queries_ * 8]);
      } else {
        AddWhole(kept_[t_->order[i_ - of + i] * 4 * queries_], halves, halves[4 * queries_], 4 * queries_);
      }
    }
  }
  // From [query][corner][half of the channels] to [half][corner][query].
  __aicore__ inline void TransposeSums(const LocalTensor<float>& halves, const LocalTensor<float>& reduced) {
    LocalTensor<float> from[16], to[16];
    for (int32_t q = 0; q < queries_; q += 16) {
      for (int32_t i = 0; i < 16; ++i) {
        from[i] = reduced[(q + i) * 8];
        to[i] = halves[((i >> 1 & 1) * 4 + (i >> 2)) * queries_ + q + (i & 1) * 8];
      }
      TransDataTo5HD(to, from, Geometry<T, float>::Repeats(1, 0, 0));
    }
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

  // Queues MTE3 and V: adds half of the pending copies to the gradient image or its windows; in between queue V gets
  // its pieces up to `pieces`, queue MTE2 what it has room for.
  __aicore__ inline void Scatter(int32_t part, int32_t pieces) {
    if (pending_.level != nullptr) {
      SetPending();
      const LocalTensor<uint64_t> targets = pending_.targets.template ReinterpretCast<uint64_t>();
      const int32_t begin = part * (queries_ / 2), room = begin + queries_ / 2, before = piece_;
      const int32_t end = pending_.place.count < room ? pending_.place.count : room;
      part += pending_.turn;
      const LocalTensor<float> copies = copies_[part];
      WaitFlag<HardEvent::V_MTE3>(CopiesEvent(part));
      for (int32_t q = begin; q < end; q += 2) {
        const uint64_t two = targets.GetValue(static_cast<uint32_t>(q / 2));
        AddCorners(copies[(q - begin) * 4 * channels_], static_cast<int32_t>(two & 0xffffffff));
        if (q + 1 < end) AddCorners(copies[(q + 1 - begin) * 4 * channels_], static_cast<int32_t>(two >> 32));
        // Rows of the sample that queue V works on are those that it has not released.
        fetch_.Feed(2, piece_ <= blocks_ ? 2 : 1);
        while (piece_ < pieces && (piece_ - before) * (end - begin) < (q - begin) * (pieces - before)) Piece();
      }
      SetFlag<HardEvent::MTE3_V>(CopiesEvent(part));
    }
    while (piece_ < pieces) Piece();
  }
  __aicore__ inline void SetPending() {
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
  }

  // The four corners of a sample; nothing where it is outside, where the gradient is 0.
  __aicore__ inline void AddCorners(const LocalTensor<float>& copies, int32_t place) {
    if (t_->raw == 0) {
      if (place < 0) return window_.AddCorners(*pending_.level, place, copies);
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

  // Queue V: the gradients from the products of all samples.
  __aicore__ inline void Finish(const Place& place) {
    PipeBarrier<PIPE_V>();
    const auto blocks = static_cast<uint8_t>(queries_ / 8);
    for (int32_t c = 0; c < 4; ++c) {
      Adds(gradients_.sum(c), kept_[c * queries_], 0.0f, static_cast<uint64_t>(queries_), t_->samples,
           UnaryRepeatParams(1, 1, blocks, static_cast<uint8_t>(4 * blocks)));
    }
    SetAtomicNone();
    gradients_.Finish(place, fractions_, geometry_);
    SetAtomicAdd<float>();
  }

  // A tile is the first of a block of tiles that share windows.
  __aicore__ inline bool BeginsBlock(int64_t unit) const { return unit == begin_ || PlaceOf(*t_, unit).first_of_block; }
  // What geometry does in passing.
  struct Windows {
    static constexpr bool kAny = true;
    RowsBackward* kernel;
    int64_t unit;
    __aicore__ inline void Locate(const Samples<float>& out, const LocalTensor<float>& x, const LocalTensor<float>& y,
                                  const LocalTensor<float>& s, const LocalTensor<float>& u,
                                  const LocalTensor<uint8_t>& inside, const BinaryRepeatParams& by_sample) {
      GradientWindow& window = kernel->window_;
      if (!window.any()) {
        PipeBarrier<PIPE_V>();
        Adds(kernel->targets_[unit & 1], out.place, 0, kernel->t_->samples * kernel->queries_);
        return;
      }
      if (kernel->BeginsBlock(unit)) window.Begin(PlaceOf(*kernel->t_, unit), out.place, x, y);
      window.Targets(kernel->targets_[unit & 1], out.place, x, y, s, u, inside, by_sample);
    }
  };
  struct Pending {
    int32_t turn = 0;  // of the copies
    const LevelTiling* level = nullptr;
    LocalTensor<int32_t> targets;
    Place place;
    GlobalTensor<float> image;  // of the head
    DataCopyParams params;
  };

  const Tiling* t_;
  int32_t queries_, blocks_, channels_, float_blocks_, padded_;
  GlobalTensor<float> locations_, weights_, grad_image_;
  GlobalTensor<T> grad_output_;
  TBuf<QuePosition::VECCALC> copies_buffer_[4], gradient_buffer_[2], samples_buffer_, fractions_buffer_, spread_buffer_,
      replicas_buffer_, widened_buffer_, products_buffer_, reduced_buffer_, shared_buffer_, geometry_buffer_;
  LocalTensor<float> copies_[4], spread_, replicas_, widened_, products_, reduced_, wide_;
  LocalTensor<T> gradient_[2];
  RowsFetch<T> fetch_;
  Geometry<T, float> geometry_;
  Samples<float> samples_;
  Fractions fractions_;
  SampleGradients gradients_;
  GradientWindow window_;
  TBuf<QuePosition::VECCALC> targets_buffer_[2], kept_buffer_;
  LocalTensor<float> halves_, kept_;
  LocalTensor<int32_t> targets_[2];
  LocalTensor<T> rows_;
  Pending pending_;
  int64_t begin_ = 0, end_ = 0;
  int64_t unit_ = 0;
  int32_t i_ = 0, k_ = 0, piece_ = 0;
};

}  // namespace xmsda_ascend
