// Forward in the vendor's style: variants `library` and `library-db`.
// SPDX-License-Identifier: Apache-2.0
//
// Work on a query and head: its rows in float32, times the corners' weights, summed by halves. A sample of 32 channels
// costs queue V about 30 cycles, most of it the ten instructions of a head that wait for the one before.
//
// UB for 8 heads of 16 samples and 32 half channels, two buffers: rows 2 of 4 KB and 8 KB in float32, samples 2 of 8
// KB.
#pragma once

#include "library.h"

namespace xmsda_ascend {

template <class T, int32_t kBuffers>
class LibraryForward {
 public:
  __aicore__ inline void Init(GM_ADDR value, GM_ADDR locations, GM_ADDR weights, GM_ADDR output, const Tiling& tiling,
                              TPipe* pipe) {
    t_ = &tiling;
    channels_ = tiling.channels;
    padded_ = QuerySamples::Padded(tiling);
    output_.SetGlobalBuffer((__gm__ T*)output);
    input_.Init(value, locations, weights, nullptr, tiling, pipe);
    sum_lanes_ = RoundUp(tiling.heads * channels_, kWhole);
    pipe->InitBuffer(sums_buffer_, static_cast<uint32_t>((sum_lanes_ + kWhole) * 4));
    sums_ = sums_buffer_.Get<float>();
    Duplicate(sums_, 0.0f, sum_lanes_ + kWhole);
    pipe->InitBuffer(out_queue_, kBuffers, static_cast<uint32_t>(sum_lanes_ * int32_t(sizeof(T))));
    PipeBarrier<PIPE_ALL>();
    FullMask();
  }

  __aicore__ inline void Run() {
    const Range range = ShareOf(int64_t(t_->batch) * t_->queries);
    if (range.begin == range.end) return;
    input_.Begin(range.begin, range.end);
    for (int64_t query = range.begin; query < range.end; ++query) {
      for (int32_t m = 0; m < t_->heads; ++m) {
        input_.BeginHead(query, m);
        Head(query, m);
        input_.Release();
      }
      Store(query);
    }
  }

 private:
  // Weighted sum of the rows of a head.
  __aicore__ inline void Head(int64_t query, int32_t head) {
    const LocalTensor<float> rows = input_.Next();
    const LocalTensor<float> spread = input_.Spread(query, head);
    PipeBarrier<PIPE_V>();
    const auto step = static_cast<uint8_t>(channels_ / 8);
    for (int32_t h = 0; h < channels_ / 8; ++h) {
      Mul<float, false>(
          rows[h * 8], rows[h * 8], spread, MASK_PLACEHOLDER, padded_ / 2,
          BinaryRepeatParams(step, step, 1, static_cast<uint8_t>(8 * step), static_cast<uint8_t>(8 * step), 8));
      input_.Feed();
    }
    SumRows(rows, 4 * padded_, sums_[head * channels_]);
  }

  // `to` = the sum of `rows` rows; what lies behind it up to a whole repeat is overwritten.
  __aicore__ inline void SumRows(const LocalTensor<float>& tensor, int32_t rows, const LocalTensor<float>& to) {
    for (; rows > 2; rows -= rows / 2) {
      PipeBarrier<PIPE_V>();
      const int32_t count = rows / 2 * channels_;
      const LocalTensor<float> rest = tensor[(rows - rows / 2) * channels_];
      if (count % kWhole == 0) {
        AddWhole(tensor, tensor, rest, count);
      } else {
        Add(tensor, tensor, rest, count);
        FullMask();
      }
      input_.Feed();
    }
    PipeBarrier<PIPE_V>();
    AddWhole(to, tensor, tensor[channels_], RoundUp(channels_, kWhole));
  }

  __aicore__ inline void Store(int64_t query) {
    PipeBarrier<PIPE_V>();
    LocalTensor<T> out = out_queue_.template AllocTensor<T>();
    Narrow(out, sums_, sum_lanes_);
    out_queue_.EnQue(out);
    out = out_queue_.template DeQue<T>();
    const int32_t row = t_->heads * channels_;
    DataCopy(output_[query * row], out, static_cast<uint32_t>(row));
    out_queue_.FreeTensor(out);
  }

  const Tiling* t_;
  int32_t channels_, padded_, sum_lanes_;
  GlobalTensor<T> output_;
  LibraryInput<T, kBuffers> input_;
  Buffer sums_buffer_;
  LocalTensor<float> sums_;
  OutQueue<kBuffers> out_queue_;
};

}  // namespace xmsda_ascend
