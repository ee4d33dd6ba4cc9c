// What the variants in the vendor's style share: geometry of one query, rows of one query and head.
// SPDX-License-Identifier: Apache-2.0
//
// The peers that the project's own designs are measured against. They read value [B,S,M,D] as it is, so that the two
// pixels of a row are M * D apart and a sample takes two copies of two bursts (MTE2: 42 cycles and more), find
// addresses and borders on the scalar unit (two GetValue and two copies, 30), and compute in float32 whatever the type
// of value. A lane of the geometry is a sample of one query: with 8 heads and 16 samples two repeats an instruction, of
// which the interval between dependent instructions is most. Written from the public description of such kernels and
// the budgets of docs/ascend.md; no vendor source was read.
#pragma once

#include "common.h"

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

  __aicore__ static inline int32_t Padded(const Tiling& tiling) { return RoundUp(tiling.samples, 8); }
  __aicore__ static inline int32_t Lanes(const Tiling& tiling) { return RoundUp(tiling.heads * Padded(tiling), 64); }

  __aicore__ inline void Init(const Tiling& tiling, TPipe* pipe) {
    padded_ = Padded(tiling);
    lanes_ = Lanes(tiling);
    pipe->InitBuffer(buffer_, static_cast<uint32_t>(lanes_ * 4 * 16));
    const LocalTensor<float> all = buffer_.Get<float>();
    LocalTensor<float>* const floats[] = {&x,     &y,      &attention, &weight[0], &weight[1], &weight[2], &weight[3],
                                          &width, &height, &u_,        &v_,        &right_,    &bottom_};
    for (int32_t i = 0; i < 13; ++i) *floats[i] = all[i * lanes_];
    column = all[13 * lanes_].ReinterpretCast<int32_t>();
    row = all[14 * lanes_].ReinterpretCast<int32_t>();
    pair_ = all[15 * lanes_].ReinterpretCast<uint32_t>();
    ArithProgression(pair_.ReinterpretCast<int32_t>(), 0, 8, lanes_);
    pipe->InitBuffer(mask_buffer_, static_cast<uint32_t>(RoundUp(lanes_ / 8, kBlock)));
    mask_ = mask_buffer_.Get<uint8_t>();
    Duplicate(all, 0.0f, lanes_ * 15);
    Order<HardEvent::V_S>();
    FillSides(tiling);
  }

  // Queue V. `in`: locations [head][sample][2], then attention weights [head][sample]. A location that is not finite or
  // far outside ends beside the level, where no corner is inside.
  __aicore__ inline void Compute(const LocalTensor<float>& in) {
    const int32_t n = lanes_;
    // Not GatherMask, whose count the scalar unit waits for.
    Gather(x, in, pair_, 0U, static_cast<uint32_t>(n));
    Gather(y, in, pair_, 4U, static_cast<uint32_t>(n));
    Adds(attention, in[2 * n], 0.0f, n);
    PipeBarrier<PIPE_V>();
    Mul(x, x, width, n);
    Mul(y, y, height, n);
    PipeBarrier<PIPE_V>();
    Adds(x, x, -0.5f, n);
    Adds(y, y, -0.5f, n);
    PipeBarrier<PIPE_V>();
    Clamp(x, width);
    Clamp(y, height);
    PipeBarrier<PIPE_V>();
    Cast(column, x, RoundMode::CAST_FLOOR, static_cast<uint32_t>(n));
    Cast(row, y, RoundMode::CAST_FLOOR, static_cast<uint32_t>(n));
    PipeBarrier<PIPE_V>();
    Cast(u_, column, RoundMode::CAST_NONE, static_cast<uint32_t>(n));
    Cast(v_, row, RoundMode::CAST_NONE, static_cast<uint32_t>(n));
    PipeBarrier<PIPE_V>();
    Sub(x, x, u_, n);
    Sub(y, y, v_, n);
    PipeBarrier<PIPE_V>();
    Mul(bottom_, attention, y, n);
    PipeBarrier<PIPE_V>();
    Sub(v_, attention, bottom_, n);
    Mul(weight[3], bottom_, x, n);
    PipeBarrier<PIPE_V>();
    Mul(weight[1], v_, x, n);
    Sub(weight[2], bottom_, weight[3], n);
    PipeBarrier<PIPE_V>();
    Sub(weight[0], v_, weight[1], n);
  }

 private:
  // To [-2, side + 1]; NaN to -2.
  __aicore__ inline void Clamp(const LocalTensor<float>& x, const LocalTensor<float>& side) {
    const auto n = static_cast<uint32_t>(lanes_);
    CompareScalar(mask_, x, -2.0f, CMPMODE::GT, n);
    PipeBarrier<PIPE_V>();
    Select(x, mask_, x, -2.0f, SELMODE::VSEL_TENSOR_SCALAR_MODE, n);
    Adds(u_, side, 1.0f, lanes_);
    PipeBarrier<PIPE_V>();
    Min(x, x, u_, lanes_);
    PipeBarrier<PIPE_V>();
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
  LocalTensor<float> u_, v_, right_, bottom_;
  LocalTensor<uint8_t> mask_;
  LocalTensor<uint32_t> pair_;  // byte offset of x in pairs of x and y
};

// Brings samples of a query to UB, and rows of pixels of a query and head, [corner][sample][channel], zeros outside.
template <class T, int32_t kBuffers>
class LibraryInput {
 public:
  static constexpr int32_t kSize = sizeof(T);
  static constexpr int32_t kLanes = kBlock / kSize;

  __aicore__ inline void Init(GM_ADDR value, GM_ADDR locations, GM_ADDR weights, const Tiling& tiling, TPipe* pipe) {
    t_ = &tiling;
    channels_ = RoundUp(tiling.channels, kLanes);
    padded_ = QuerySamples::Padded(tiling);
    value_.SetGlobalBuffer((__gm__ T*)value);
    locations_.SetGlobalBuffer((__gm__ float*)locations);
    weights_.SetGlobalBuffer((__gm__ float*)weights);
    const int32_t lanes = QuerySamples::Lanes(tiling);
    pipe->InitBuffer(samples_queue_, kBuffers, static_cast<uint32_t>(3 * lanes * 4));
    pipe->InitBuffer(rows_queue_, kBuffers, static_cast<uint32_t>(4 * padded_ * channels_ * kSize));
    for (auto& samples : all_samples_) samples.Init(tiling, pipe);
    pipe->InitBuffer(wide_buffer_, static_cast<uint32_t>(4 * padded_ * channels_ * 4));
    wide_ = wide_buffer_.Get<float>();
    pipe->InitBuffer(spread_buffer_, static_cast<uint32_t>(4 * padded_ * kBlock));
    spread_ = spread_buffer_.Get<float>();
  }

  // Queues MTE2 and V: the geometry of query number `query` of all batches; Take before its rows are fetched.
  __aicore__ inline void Prepare(int64_t query) {
    const int32_t samples = t_->samples, lanes = QuerySamples::Lanes(*t_);
    const int64_t first = query * t_->heads * samples;
    LocalTensor<float> in = samples_queue_.template AllocTensor<float>();
    Duplicate(in, 0.0f, 3 * lanes);
    Order<HardEvent::V_MTE2>();
    const auto heads = static_cast<uint16_t>(t_->heads);
    const auto gap = [this](int32_t floats, int32_t pitch) {
      return static_cast<uint32_t>(pitch / 8 - CeilDiv(floats, 8));
    };
    DataCopyPad(in, locations_[first * 2],
                DataCopyExtParams(heads, static_cast<uint32_t>(samples * 8), 0, gap(2 * samples, 2 * padded_), 0),
                DataCopyPadExtParams<float>(true, 0, static_cast<uint8_t>(RoundUp(2 * samples, 8) - 2 * samples), 0));
    DataCopyPad(in[2 * lanes], weights_[first],
                DataCopyExtParams(heads, static_cast<uint32_t>(samples * 4), 0, gap(samples, padded_), 0),
                DataCopyPadExtParams<float>(true, 0, static_cast<uint8_t>(RoundUp(samples, 8) - samples), 0));
    samples_queue_.EnQue(in);
    in = samples_queue_.template DeQue<float>();
    PipeBarrier<PIPE_V>();
    Order<HardEvent::S_V>();  // the columns and rows of an earlier query have been read
    all_samples_[query % kBuffers].Compute(in);
    samples_queue_.FreeTensor(in);
    SetFlag<HardEvent::V_S>(EVENT_ID0);
  }
  __aicore__ inline void Take(int64_t query) {
    samples_ = &all_samples_[query % kBuffers];
    WaitFlag<HardEvent::V_S>(EVENT_ID0);
  }

  // Queue MTE2: rows of a head of that query.
  __aicore__ inline void Fetch(int64_t batch, int32_t head) {
    LocalTensor<T> rows = rows_queue_.template AllocTensor<T>();
    Duplicate(rows, T(0), 4 * padded_ * channels_);
    Order<HardEvent::V_MTE2>();
    const DataCopyParams pair(2, static_cast<uint16_t>(channels_ / kLanes),
                              static_cast<uint16_t>((t_->heads - 1) * channels_ / kLanes),
                              static_cast<uint16_t>((padded_ - 1) * channels_ / kLanes));
    const DataCopyParams one(1, pair.blockLen, 0, 0);
    for (int32_t k = 0; k < t_->samples; ++k) {
      const LevelTiling& level = t_->level[t_->level_of[k]];
      const int32_t x = samples_->column.GetValue(static_cast<uint32_t>(head * padded_ + k));
      const int32_t y = samples_->row.GetValue(static_cast<uint32_t>(head * padded_ + k));
      for (int32_t dy = 0; dy < 2; ++dy) {
        if (y + dy < 0 || y + dy >= level.height || x < -1 || x >= level.width) continue;
        const LocalTensor<T> to = rows[(dy * 2 * padded_ + k) * channels_];
        const int64_t from = Offset(batch, head, level, x, y + dy);
        if (x >= 0 && x + 1 < level.width) {
          DataCopy(to, value_[from], pair);
        } else if (x >= 0) {
          DataCopy(to, value_[from], one);
        } else {
          DataCopy(to[padded_ * channels_], value_[from + int64_t(t_->heads) * t_->channels], one);
        }
      }
    }
    rows_queue_.EnQue(rows);
  }

  // Queue V: those rows in float32; the same memory for every head.
  __aicore__ inline LocalTensor<float> Rows() {
    LocalTensor<T> rows = rows_queue_.template DeQue<T>();
    PipeBarrier<PIPE_V>();
    Widen(wide_, rows, 4 * padded_ * channels_);
    rows_queue_.FreeTensor(rows);
    return wide_;
  }

  // Queue V: [corner][sample] = the corner's weight in eight lanes.
  __aicore__ inline LocalTensor<float> Spread(int32_t head) {
    for (int32_t c = 0; c < 4; ++c) {
      Brcb(spread_[c * padded_ * 8], samples_->weight[c][head * padded_], static_cast<uint32_t>(padded_ / 8),
           BrcbRepeatParams(1, 8));
    }
    return spread_;
  }

  __aicore__ inline int64_t Offset(int64_t batch, int32_t head, const LevelTiling& level, int64_t x, int64_t y) const {
    const int64_t pixel = batch * t_->value_size + level.value_start + y * level.width + x;
    return (pixel * t_->heads + head) * t_->channels;
  }
  __aicore__ static inline void Widen(const LocalTensor<float>& to, const LocalTensor<half>& from, int32_t count) {
    Cast(to, from, RoundMode::CAST_NONE, static_cast<uint32_t>(count));
  }
  __aicore__ static inline void Widen(const LocalTensor<float>& to, const LocalTensor<float>& from, int32_t count) {
    Adds(to, from, 0.0f, count);
  }

 private:
  const Tiling* t_;
  int32_t channels_, padded_;
  GlobalTensor<T> value_;
  GlobalTensor<float> locations_, weights_;
  InQueue<kBuffers> samples_queue_, rows_queue_;
  Buffer wide_buffer_, spread_buffer_;
  LocalTensor<float> wide_, spread_;
  QuerySamples all_samples_[kBuffers];
  const QuerySamples* samples_ = nullptr;
};

// Sums of `rows` rows of `width` floats, in the first row. Setting the vector mask costs the scalar unit 16 cycles:
// once, while whole repeats are added.
__aicore__ inline void SumRows(const LocalTensor<float>& tensor, int32_t rows, int32_t width) {
  SetMaskNorm();
  SetVectorMask<float>(0, ~uint64_t{0});
  while (rows > 1) {
    PipeBarrier<PIPE_V>();
    const int32_t half_of = rows / 2, count = half_of * width;
    const LocalTensor<float> rest = tensor[(rows - half_of) * width];
    if (count % 64 == 0 && count / 64 <= 255) {
      Add<float, false>(tensor, tensor, rest, MASK_PLACEHOLDER, count / 64, BinaryRepeatParams(1, 1, 1, 8, 8, 8));
    } else {
      Add(tensor, tensor, rest, count);
    }
    rows -= half_of;
  }
}

template <class T, int32_t kBuffers>
class LibraryForward {
 public:
  __aicore__ inline void Init(GM_ADDR value, GM_ADDR locations, GM_ADDR weights, GM_ADDR output, const Tiling& tiling,
                              TPipe* pipe) {
    t_ = &tiling;
    channels_ = RoundUp(tiling.channels, LibraryInput<T, kBuffers>::kLanes);
    padded_ = QuerySamples::Padded(tiling);
    output_.SetGlobalBuffer((__gm__ T*)output);
    input_.Init(value, locations, weights, tiling, pipe);
    pipe->InitBuffer(sums_buffer_, static_cast<uint32_t>(tiling.heads * channels_ * 4));
    sums_ = sums_buffer_.Get<float>();
    pipe->InitBuffer(out_queue_, kBuffers, static_cast<uint32_t>(tiling.heads * channels_ * int32_t(sizeof(T))));
    PipeBarrier<PIPE_ALL>();
  }

  __aicore__ inline void Run() {
    const Range range = ShareOf(int64_t(t_->batch) * t_->queries);
    if (kBuffers > 1 && range.begin < range.end) input_.Prepare(range.begin);
    for (int64_t i = range.begin; i < range.end; ++i) Query(i, i + 1 < range.end);
  }

 private:
  __aicore__ inline void Query(int64_t query, bool more) {
    const int64_t batch = query / t_->queries;
    if (kBuffers == 1) input_.Prepare(query);
    input_.Take(query);
    // With two buffers the rows of the next head arrive while this one is worked on, and the samples of the next query.
    if (kBuffers > 1) input_.Fetch(batch, 0);
    for (int32_t m = 0; m < t_->heads; ++m) {
      if (kBuffers > 1 && more && m == t_->heads / 2) input_.Prepare(query + 1);
      const int32_t next = kBuffers > 1 ? m + 1 : m;
      if (next < t_->heads) input_.Fetch(batch, next);
      Head(m);
    }
    PipeBarrier<PIPE_V>();
    LocalTensor<T> out = out_queue_.template AllocTensor<T>();
    Narrow(out, sums_, t_->heads * channels_);
    out_queue_.EnQue(out);
    out = out_queue_.template DeQue<T>();
    const int64_t row = query * t_->heads * t_->channels;
    DataCopy(output_[row], out, static_cast<uint32_t>(t_->heads * t_->channels));
    out_queue_.FreeTensor(out);
  }

  // Weighted sum of the rows of a head.
  __aicore__ inline void Head(int32_t head) {
    const LocalTensor<float> rows = input_.Rows();
    const LocalTensor<float> spread = input_.Spread(head);
    PipeBarrier<PIPE_V>();
    const auto step = static_cast<uint8_t>(channels_ / 8);
    for (int32_t h = 0; h < channels_ / 8; ++h) {
      Mul(rows[h * 8], rows[h * 8], spread, uint64_t{64}, padded_ / 2,
          BinaryRepeatParams(step, step, 1, static_cast<uint8_t>(8 * step), static_cast<uint8_t>(8 * step), 8));
    }
    SumRows(rows, 4 * padded_, channels_);
    PipeBarrier<PIPE_V>();
    Adds(sums_[head * channels_], rows, 0.0f, channels_);
  }
  __aicore__ static inline void Narrow(const LocalTensor<half>& to, const LocalTensor<float>& from, int32_t count) {
    Cast(to, from, RoundMode::CAST_NONE, static_cast<uint32_t>(count));
  }
  __aicore__ static inline void Narrow(const LocalTensor<float>& to, const LocalTensor<float>& from, int32_t count) {
    Adds(to, from, 0.0f, count);
  }

  const Tiling* t_;
  int32_t channels_, padded_;
  GlobalTensor<T> output_;
  LibraryInput<T, kBuffers> input_;
  Buffer sums_buffer_;
  LocalTensor<float> sums_;
  OutQueue<kBuffers> out_queue_;
};

}  // namespace xmsda_ascend
