// What the variants in the vendor's style share: geometry of one query, rows of one query and head.
// SPDX-License-Identifier: Apache-2.0
//
// The peers that the project's own designs are measured against. They read value [B,S,M,D] as it is, so that the two
// pixels of a row are M * D apart and a sample takes two copies of two bursts (MTE2: 42 cycles and more), find
// addresses and borders on the scalar unit (two GetValue and two copies, 30), and compute in float32 whatever the type
// of value. A lane of the geometry is a sample of one query: with 8 heads and 16 samples two repeats an instruction, of
// which the interval between dependent instructions is most. Written from the public description of such kernels and
// the budgets of docs/ascend.md; no vendor source was read.
//
// Limits: pixels of whole blocks (D * size a multiple of 32), D at most 248 (strides of a repeat are 8 bits).
#pragma once

#include "whole.h"

namespace xmsda_ascend {

// Buffers of a queue: 1 in `library`, 2 in `library-db`.
template <int32_t kBuffers>
using InQueue = TQue<QuePosition::VECIN, kBuffers>;
template <int32_t kBuffers>
using OutQueue = TQue<QuePosition::VECOUT, kBuffers>;
using Buffer = TBuf<QuePosition::VECCALC>;

// Samples of one query, [head][sample] with the samples of a head filled up to a multiple of 8.
class QuerySamples {
 public:
  LocalTensor<float> x, y, attention;  // fractions; attention weights
  LocalTensor<int32_t> column, row;    // pixel (y0, x0); may be -1
  LocalTensor<float> weight[4];        // of the corners (y0, x0), (y0, x1), (y1, x0), (y1, x1)
  LocalTensor<float> width, height;    // of the level
  LocalTensor<float> margin;           // above 0 where the sample is inside its level

  __aicore__ static inline int32_t Padded(const Tiling& tiling) { return RoundUp(tiling.samples, 8); }
  __aicore__ static inline int32_t Lanes(const Tiling& tiling) {
    return RoundUp(tiling.heads * Padded(tiling), kWhole);
  }

  __aicore__ inline void Init(const Tiling& tiling, TPipe* pipe) {
    padded_ = Padded(tiling);
    lanes_ = Lanes(tiling);
    pipe->InitBuffer(buffer_, static_cast<uint32_t>(lanes_ * 4 * 16));
    const LocalTensor<float> all = buffer_.Get<float>();
    LocalTensor<float>* const floats[] = {&x,         &y,     &attention, &weight[0], &weight[1], &weight[2],
                                          &weight[3], &width, &height,    &u_,        &v_,        &bottom_};
    for (int32_t i = 0; i < 12; ++i) *floats[i] = all[i * lanes_];
    column = all[12 * lanes_].ReinterpretCast<int32_t>();
    row = all[13 * lanes_].ReinterpretCast<int32_t>();
    margin = all[14 * lanes_];
    pair_ = all[15 * lanes_].ReinterpretCast<uint32_t>();
    ArithProgression(pair_.ReinterpretCast<int32_t>(), 0, 8, lanes_);
    pipe->InitBuffer(mask_buffer_, static_cast<uint32_t>(RoundUp(lanes_ / 8, kBlock)));
    mask_ = mask_buffer_.Get<uint8_t>();
    Duplicate(all, 0.0f, lanes_ * 15);
    Order<HardEvent::V_S>();
    FillSides(tiling);
  }

  // Queue V, full mask. `in`: locations [head][sample][2], then attention weights [head][sample]. A location that is
  // not finite or far outside ends beside the level, where no corner is inside. `between` is called where an
  // instruction waits for the one before.
  template <class Between>
  __aicore__ inline void Compute(const LocalTensor<float>& in, Between between) {
    const int32_t n = lanes_;
    const auto repeats = static_cast<uint32_t>(n / kWhole);
    const auto barrier = [&between] {
      between();
      PipeBarrier<PIPE_V>();
    };
    // Not GatherMask, whose count the scalar unit waits for.
    Gather(x, in, pair_, 0U, uint64_t{kWhole}, repeats, 8);
    Gather(y, in, pair_, 4U, uint64_t{kWhole}, repeats, 8);
    AddsWhole(attention, in[2 * n], 0.0f, n);
    barrier();
    MulWhole(x, x, width, n);
    MulWhole(y, y, height, n);
    barrier();
    AddsWhole(x, x, -0.5f, n);
    AddsWhole(y, y, -0.5f, n);
    barrier();
    Clamp(x, width, barrier);
    Clamp(y, height, barrier);
    AddsWhole(u_, x, 1.0f, n);
    AddsWhole(v_, y, 1.0f, n);
    SubWhole(margin, width, x, n);
    SubWhole(bottom_, height, y, n);
    barrier();
    MinWhole(u_, u_, v_, n);
    MinWhole(margin, margin, bottom_, n);
    barrier();
    MinWhole(margin, margin, u_, n);
    between();
    KeepWhere(attention, attention, margin, CMPMODE::GT, 0.0f, 0.0f, mask_, n);  // outside it may be infinite
    CastWhole(column, x, RoundMode::CAST_FLOOR, n);
    CastWhole(row, y, RoundMode::CAST_FLOOR, n);
    barrier();
    CastWhole(u_, column, RoundMode::CAST_NONE, n);
    CastWhole(v_, row, RoundMode::CAST_NONE, n);
    barrier();
    SubWhole(x, x, u_, n);
    SubWhole(y, y, v_, n);
    barrier();
    MulWhole(bottom_, attention, y, n);
    barrier();
    SubWhole(v_, attention, bottom_, n);
    MulWhole(weight[3], bottom_, x, n);
    barrier();
    MulWhole(weight[1], v_, x, n);
    SubWhole(weight[2], bottom_, weight[3], n);
    barrier();
    SubWhole(weight[0], v_, weight[1], n);
  }

 private:
  // To at most side + 1, and -2 where it is not above -1, NaN included: at -1 itself column 0 has weight 0, but a
  // slope.
  template <class Barrier>
  __aicore__ inline void Clamp(const LocalTensor<float>& x, const LocalTensor<float>& side, Barrier barrier) {
    const int32_t repeats = lanes_ / kWhole;
    CompareScalar<float, uint8_t, false>(mask_, x, -1.0f, CMPMODE::GT, MASK_PLACEHOLDER, repeats, Dense1());
    barrier();
    Select<float, uint8_t, false>(x, mask_, x, -2.0f, SELMODE::VSEL_TENSOR_SCALAR_MODE, MASK_PLACEHOLDER, repeats,
                                  Dense2());
    AddsWhole(u_, side, 1.0f, lanes_);
    barrier();
    MinWhole(x, x, u_, lanes_);
    barrier();
  }
  __aicore__ inline void FillSides(const Tiling& tiling) {
    for (int32_t k = 0; k < tiling.samples; ++k) {
      const LevelTiling& level = tiling.level[tiling.level_of[k]];
      for (int32_t m = 0; m < tiling.heads; ++m) {
        width.SetValue(static_cast<uint32_t>(m * padded_ + k), static_cast<float>(level.width));
        height.SetValue(static_cast<uint32_t>(m * padded_ + k), static_cast<float>(level.height));
      }
    }
  }

  int32_t padded_, lanes_;
  Buffer buffer_, mask_buffer_;
  LocalTensor<float> u_, v_, bottom_;
  LocalTensor<uint8_t> mask_;
  LocalTensor<uint32_t> pair_;  // byte offset of x in pairs of x and y
};

// The corners of a sample that are inside its level: where they lie in value, or in its gradient.
struct Patch {
  int64_t offset;   // elements, of (y0, first column)
  int32_t row;      // elements from a row to the next
  uint8_t rows;     // bit dy: row y0 + dy is inside
  uint8_t first;    // 1: column x0 is outside, x0 + 1 is the first
  uint8_t columns;  // 0 to 2
};

// Brings samples of a query to UB, and rows of pixels of a query and head, [corner][sample][channel], zeros outside.
//
// The scalar unit issues everything in order and stops where a queue is full, 16 instructions: in `library-db` the
// copies of the next head are issued a sample at a time between instructions for queue V (Feed), as in rows_fetch.h.
template <class T, int32_t kBuffers>
class LibraryInput {
 public:
  static constexpr int32_t kSize = sizeof(T);
  static constexpr int32_t kLanes = kBlock / kSize;

  // `grad_output` [B,Q,M,D] is null in the forward pass.
  __aicore__ inline void Init(GM_ADDR value, GM_ADDR locations, GM_ADDR weights, GM_ADDR grad_output,
                              const Tiling& tiling, TPipe* pipe) {
    t_ = &tiling;
    padded_ = QuerySamples::Padded(tiling);
    lanes_ = QuerySamples::Lanes(tiling);
    with_gradient_ = grad_output != nullptr;
    value_.SetGlobalBuffer((__gm__ T*)value);
    locations_.SetGlobalBuffer((__gm__ float*)locations);
    weights_.SetGlobalBuffer((__gm__ float*)weights);
    grad_output_.SetGlobalBuffer((__gm__ T*)grad_output);
    const int32_t gradient = with_gradient_ ? RoundUp(tiling.heads * tiling.channels, kWhole) : 0;
    const int32_t rows = 4 * padded_ * tiling.channels;
    pipe->InitBuffer(samples_queue_, kBuffers, static_cast<uint32_t>(3 * lanes_ * 4 + gradient * kSize));
    pipe->InitBuffer(rows_queue_, kBuffers, static_cast<uint32_t>(rows * kSize));
    for (auto& samples : all_samples_) samples.Init(tiling, pipe);
    pipe->InitBuffer(wide_buffer_, static_cast<uint32_t>(rows * 4));
    wide_ = wide_buffer_.Get<float>();
    pipe->InitBuffer(spread_buffer_, static_cast<uint32_t>(4 * padded_ * kBlock));
    spread_ = spread_buffer_.Get<float>();
    if (with_gradient_) {
      pipe->InitBuffer(gradient_buffer_, static_cast<uint32_t>(kBuffers * gradient * 4));
      for (int32_t i = 0; i < kBuffers; ++i) gradient_[i] = gradient_buffer_.Get<float>()[i * gradient];
    }
    FillBuffers(samples_queue_, 3 * lanes_ + gradient * kSize / 4);
    FillBuffers(rows_queue_, rows * kSize / 4);
    const DataCopyParams pair(2, static_cast<uint16_t>(tiling.channels / kLanes),
                              static_cast<uint16_t>((tiling.heads - 1) * tiling.channels / kLanes),
                              static_cast<uint16_t>((padded_ - 1) * tiling.channels / kLanes));
    params_[1] = pair;
    params_[0] = DataCopyParams(1, pair.blockLen, 0, 0);
  }

  // Of the queries [begin, end) of all batches, in order.
  __aicore__ inline void Begin(int64_t begin, int64_t end) {
    query_ = prepared_ = begin;
    end_ = end;
    if (kBuffers == 1) return;
    Load(begin);
    Compute();
  }
  // Before work on a head of a query. With two buffers the samples of the next query arrive while this one is worked
  // on.
  __aicore__ inline void BeginHead(int64_t query, int32_t head) {
    if (kBuffers == 1) {
      if (head == 0) {
        Load(query);
        Compute();
      }
      return;
    }
    if (query + 1 >= end_) return;
    if (head == 0) Load(query + 1);
    if (head == t_->heads / 2) Compute();
  }

  // Issues the copies of up to `samples` further samples, of at most kBuffers heads beyond those worked on.
  __aicore__ inline void Feed(int32_t samples = 1) {
    if (kBuffers > 1) Fetch(samples);
  }

  // Queue V: the rows of the next head in float32; the same memory for every head.
  __aicore__ inline LocalTensor<float> Next() {
    while (fetched_ <= used_) Fetch(t_->samples);
    LocalTensor<T> rows = rows_queue_.template DeQue<T>();
    PipeBarrier<PIPE_V>();
    const int32_t elements = 4 * padded_ * t_->channels;
    Widen(wide_, rows, elements);
    Feed();
    PipeBarrier<PIPE_V>();
    FillWhole(rows.template ReinterpretCast<float>(), 0.0f, elements * kSize / 4);
    if (kBuffers > 1) {
      rows_queue_.FreeTensor(rows);
    } else {
      rows_ = rows;
    }
    Feed();
    return wide_;
  }
  // After the work on a head.
  __aicore__ inline void Release() {
    if (kBuffers == 1) rows_queue_.FreeTensor(rows_);
    ++used_;
  }

  // Queue V: [corner][sample] = the corner's weight in eight lanes.
  __aicore__ inline LocalTensor<float> Spread(int64_t query, int32_t head) {
    for (int32_t c = 0; c < 4; ++c) {
      Brcb(spread_[c * padded_ * 8], Samples(query).weight[c][head * padded_], static_cast<uint32_t>(padded_ / 8),
           BrcbRepeatParams(1, 8));
      Feed();
    }
    return spread_;
  }

  __aicore__ inline const QuerySamples& Samples(int64_t query) const { return all_samples_[query % kBuffers]; }
  // The gradient of the output of a query, [head][channel].
  __aicore__ inline LocalTensor<float> Gradient(int64_t query) const { return gradient_[query % kBuffers]; }
  // Of the head that is worked on, and of the one before it.
  __aicore__ inline const Patch* Patches() const { return patches_[used_ % kPatches]; }

 private:
  static constexpr int32_t kPatches = 4;  // heads: the one whose gradient is stored, the one worked on, those fetched

  template <class Queue>
  __aicore__ inline void FillBuffers(Queue& queue, int32_t floats) {
    LocalTensor<float> buffers[kBuffers];
    for (auto& buffer : buffers) {
      buffer = queue.template AllocTensor<float>();
      Duplicate(buffer, 0.0f, floats);
    }
    for (auto& buffer : buffers) queue.FreeTensor(buffer);
  }

  // Queue MTE2. The lanes between the heads of the buffer stay 0.
  __aicore__ inline void Load(int64_t query) {
    const int32_t samples = t_->samples, lanes = lanes_;
    const int64_t first = query * t_->heads * samples;
    const LocalTensor<float> in = samples_queue_.template AllocTensor<float>();
    const auto heads = static_cast<uint16_t>(t_->heads);
    const auto gap = [](int32_t floats, int32_t pitch) {
      return static_cast<uint32_t>(pitch / 8 - CeilDiv(floats, 8));
    };
    DataCopyPad(in, locations_[first * 2],
                DataCopyExtParams(heads, static_cast<uint32_t>(samples * 8), 0, gap(2 * samples, 2 * padded_), 0),
                DataCopyPadExtParams<float>(true, 0, static_cast<uint8_t>(RoundUp(2 * samples, 8) - 2 * samples), 0));
    DataCopyPad(in[2 * lanes], weights_[first],
                DataCopyExtParams(heads, static_cast<uint32_t>(samples * 4), 0, gap(samples, padded_), 0),
                DataCopyPadExtParams<float>(true, 0, static_cast<uint8_t>(RoundUp(samples, 8) - samples), 0));
    if (with_gradient_) {
      const int32_t row = t_->heads * t_->channels;
      DataCopy(in[3 * lanes].template ReinterpretCast<T>(), grad_output_[query * row], static_cast<uint32_t>(row));
    }
    samples_queue_.EnQue(in);
  }
  // Queue V: the geometry of the query that has been loaded.
  __aicore__ inline void Compute() {
    LocalTensor<float> in = samples_queue_.template DeQue<float>();
    PipeBarrier<PIPE_V>();
    Order<HardEvent::S_V>();  // the columns and rows of an earlier query have been read
    all_samples_[prepared_ % kBuffers].Compute(in, [this] { Feed(); });
    if (with_gradient_) {
      Widen(gradient_[prepared_ % kBuffers], in[3 * lanes_].template ReinterpretCast<T>(),
            RoundUp(t_->heads * t_->channels, kWhole));
    }
    samples_queue_.FreeTensor(in);
    SetFlag<HardEvent::V_S>(EVENT_ID0);
    ++prepared_;
  }

  // Queue MTE2.
  __aicore__ inline void Fetch(int32_t samples) {
    for (; samples > 0 && fetched_ < used_ + kBuffers && query_ < prepared_; --samples) {
      if (sample_ == 0) {
        if (head_ == 0) WaitFlag<HardEvent::V_S>(EVENT_ID0);
        filling_ = rows_queue_.template AllocTensor<T>();
      }
      Patch& patch = patches_[fetched_ % kPatches][sample_];
      patch = PatchOf(sample_);
      for (int32_t dy = 0; dy < 2; ++dy) {
        if (patch.columns == 0 || (patch.rows >> dy & 1) == 0) continue;
        DataCopy(filling_[((dy * 2 + patch.first) * padded_ + sample_) * t_->channels],
                 value_[patch.offset + dy * patch.row], params_[patch.columns - 1]);
      }
      if (++sample_ < t_->samples) continue;
      rows_queue_.EnQue(filling_);
      ++fetched_;
      sample_ = 0;
      if (++head_ < t_->heads) continue;
      head_ = 0;
      ++query_;
    }
  }
  __aicore__ inline Patch PatchOf(int32_t k) const {
    const LevelTiling& level = t_->level[t_->level_of[k]];
    const auto lane = static_cast<uint32_t>(head_ * padded_ + k);
    const int32_t x = Samples(query_).column.GetValue(lane), y = Samples(query_).row.GetValue(lane);
    const int32_t pixel = t_->heads * t_->channels;
    Patch patch;
    patch.first = x < 0 ? 1 : 0;
    const int32_t from = x + patch.first, to = x + 1 < level.width ? x + 1 : level.width - 1;
    patch.columns = static_cast<uint8_t>(x < -1 || from > to ? 0 : to - from + 1);
    patch.rows =
        static_cast<uint8_t>((y >= 0 && y < level.height ? 1 : 0) | (y + 1 >= 0 && y + 1 < level.height ? 2 : 0));
    patch.row = level.width * pixel;
    const int64_t batch = query_ / t_->queries;
    const int64_t at = batch * t_->value_size + level.value_start + int64_t(y) * level.width + from;
    patch.offset = at * pixel + head_ * t_->channels;
    return patch;
  }

  const Tiling* t_;
  int32_t padded_, lanes_;
  bool with_gradient_;
  GlobalTensor<T> value_, grad_output_;
  GlobalTensor<float> locations_, weights_;
  InQueue<kBuffers> samples_queue_, rows_queue_;
  Buffer wide_buffer_, spread_buffer_, gradient_buffer_;
  LocalTensor<float> wide_, spread_, gradient_[kBuffers];
  LocalTensor<T> rows_, filling_;
  DataCopyParams params_[2];  // of one pixel, of two
  QuerySamples all_samples_[kBuffers];
  Patch patches_[kPatches][kMaxSamples];
  int64_t prepared_ = 0, end_ = 0;  // queries
  int64_t query_ = 0;               // the next sample to fetch:
  int32_t head_ = 0, sample_ = 0;   //
  int64_t fetched_ = 0, used_ = 0;  // heads
};

}  // namespace xmsda_ascend
