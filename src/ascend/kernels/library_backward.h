// Backward in the vendor's style: variants `library` and `library-db`.
// SPDX-License-Identifier: Apache-2.0
//
// Work on a query and head: its rows again, in float32; their products with the gradient of the output, from which come
// the gradients of locations and weights, of all heads of a query at a time; four weighted copies of that gradient,
// added to the gradient of value, [B,S,M,D] in float32, by two atomic copies a sample, each two rows of D.
//
// Cycles of a sample of 32 channels: MTE2 41 as in the forward pass; MTE3 two copies of two bursts of 128 B, 41 and
// more where lines are shared; S two GetValue and four copies, 38; V Mul and three MulAddDst for the products and four
// BlockReduceSum (13), Brcb and four Mul for the copies (8), the rest as in the forward pass.
//
// UB for 8 heads of 16 samples and 32 half channels, two buffers: rows 2 of 4 KB, float32 rows 8 KB, copies of the
// gradient 2 of 8 KB, samples 2 of 8 KB.
#pragma once

#include "library.h"

namespace xmsda_ascend {

template <class T, int32_t kBuffers>
class LibraryBackward {
 public:
  // `grad_value` is float32 and holds zeros.
  __aicore__ inline void Init(GM_ADDR value, GM_ADDR locations, GM_ADDR weights, GM_ADDR grad_output,
                              GM_ADDR grad_value, GM_ADDR grad_locations, GM_ADDR grad_weights, const Tiling& tiling,
                              TPipe* pipe) {
    t_ = &tiling;
    channels_ = tiling.channels;
    padded_ = QuerySamples::Padded(tiling);
    lanes_ = QuerySamples::Lanes(tiling);
    grad_value_.SetGlobalBuffer((__gm__ float*)grad_value);
    grad_locations_.SetGlobalBuffer((__gm__ float*)grad_locations);
    grad_weights_.SetGlobalBuffer((__gm__ float*)grad_weights);
    input_.Init(value, locations, weights, grad_output, tiling, pipe);
    pipe->InitBuffer(copies_queue_, kBuffers, static_cast<uint32_t>(4 * padded_ * channels_ * 4));
    pipe->InitBuffer(out_queue_, kBuffers, static_cast<uint32_t>(3 * lanes_ * 4));
    pipe->InitBuffer(buffer_, static_cast<uint32_t>((4 * padded_ * 8 + 12 * lanes_) * 4));
    const LocalTensor<float> all = buffer_.Get<float>();
    products_ = all;
    const LocalTensor<float> rest = all[4 * padded_ * 8];
    for (int32_t i = 0; i < 10; ++i) parts_[i] = rest[i * lanes_];
    interleave_ = rest[10 * lanes_].ReinterpretCast<uint32_t>();
    Duplicate(all, 0.0f, 4 * padded_ * 8 + 10 * lanes_);
    pipe->InitBuffer(mask_buffer_, static_cast<uint32_t>(RoundUp(lanes_ / 8, kBlock)));
    mask_ = mask_buffer_.Get<uint8_t>();
    PipeBarrier<PIPE_ALL>();
    FullMask();
    FillInterleave();
    const auto bytes = static_cast<uint16_t>(channels_ / 8);
    params_[0] = DataCopyParams(1, bytes, 0, 0);
    params_[1] = DataCopyParams(2, bytes, static_cast<uint16_t>((padded_ - 1) * channels_ / 8),
                                static_cast<uint16_t>((tiling.heads - 1) * channels_ / 8));
  }

  __aicore__ inline void Run() {
    const Range range = ShareOf(int64_t(t_->batch) * t_->queries);
    if (range.begin == range.end) return;
    SetAtomicAdd<float>();
    input_.Begin(range.begin, range.end);
    for (int64_t query = range.begin; query < range.end; ++query) {
      for (int32_t m = 0; m < t_->heads; ++m) {
        input_.BeginHead(query, m);
        Head(query, m);
      }
      Finish(query);
    }
    if (kBuffers > 1) Scatter(t_->samples);
    SetAtomicNone();
  }

 private:
  // Work that goes on beside that for queue V.
  __aicore__ inline void Feed() {
    input_.Feed();
    if (kBuffers > 1) Scatter(1);
  }
  __aicore__ inline void Barrier() {
    Feed();
    PipeBarrier<PIPE_V>();
  }

  __aicore__ inline void Head(int64_t query, int32_t head) {
    const LocalTensor<float> rows = input_.Next();
    const LocalTensor<float> spread = input_.Spread(query, head);
    const LocalTensor<float> gradient = input_.Gradient(query)[head * channels_];
    const auto step = static_cast<uint8_t>(channels_ / 8), repeat = static_cast<uint8_t>(channels_);
    LocalTensor<float> copies = copies_queue_.template AllocTensor<float>();
    for (int32_t h = 0; h < channels_ / 8; ++h) {
      Barrier();
      const LocalTensor<float> block = gradient[h * 8];
      // products[corner][sample][lane] += rows[corner][sample][block h] * gradient[block h]
      const BinaryRepeatParams by_block(1, step, 0, 8, repeat, 0);
      if (h == 0) {
        Mul<float, false>(products_, rows, block, MASK_PLACEHOLDER, padded_ / 2, by_block);
      } else {
        MulAddDst<float, float, false>(products_, rows[h * 8], block, MASK_PLACEHOLDER, padded_ / 2, by_block);
      }
      Feed();
      Mul<float, false>(copies[h * 8], spread, block, MASK_PLACEHOLDER, padded_ / 2,
                        BinaryRepeatParams(step, 1, 0, repeat, 8, 0));
    }
    copies_queue_.EnQue(copies);
    Barrier();
    for (int32_t c = 0; c < 4; ++c) {
      BlockReduceSum<float, false>(parts_[2 * c][head * padded_], products_[c * padded_ * 8], padded_ / 8, kWhole, 1, 1,
                                   kRepeatBlocks);
      Feed();
    }
    if (kBuffers > 1) Scatter(t_->samples);  // what is left of the head before
    scattered_ = 0;
    patches_ = input_.Patches();
    input_.Release();
    if (kBuffers == 1) Scatter(t_->samples);
  }

  // Queue MTE3: adds the copies of up to `samples` samples to the gradient of value; in `library-db` those of the head
  // before the one that is worked on.
  __aicore__ inline void Scatter(int32_t samples) {
    if (patches_ == nullptr) return;
    if (scattered_ == 0) scatter_ = copies_queue_.template DeQue<float>();
    const int32_t end = scattered_ + samples < t_->samples ? scattered_ + samples : t_->samples;
    for (; scattered_ < end; ++scattered_) {
      const Patch& patch = patches_[scattered_];
      for (int32_t dy = 0; dy < 2; ++dy) {
        if (patch.columns == 0 || (patch.rows >> dy & 1) == 0) continue;
        DataCopy(grad_value_[patch.offset + dy * patch.row],
                 scatter_[((dy * 2 + patch.first) * padded_ + scattered_) * channels_], params_[patch.columns - 1]);
      }
    }
    if (scattered_ < t_->samples) return;
    copies_queue_.FreeTensor(scatter_);
    patches_ = nullptr;
  }

  // Queue V: gradients of locations and weights of a query, from products with the corners.
  __aicore__ inline void Finish(int64_t query) {
    const int32_t n = lanes_;
    const QuerySamples& at = input_.Samples(query);
    const LocalTensor<float>&d00 = parts_[0], d01 = parts_[2], d10 = parts_[4], d11 = parts_[6];
    const LocalTensor<float>&upper = parts_[1], lower = parts_[3], twist = parts_[5], part = parts_[7];
    const LocalTensor<float>&grad_x = parts_[8], grad_y = parts_[9];  // one behind the other
    LocalTensor<float> out = out_queue_.template AllocTensor<float>();
    Barrier();
    SubWhole(upper, d01, d00, n);
    SubWhole(lower, d11, d10, n);
    Barrier();
    SubWhole(twist, lower, upper, n);
    MulWhole(part, at.x, upper, n);
    MulWhole(grad_y, at.x, lower, n);
    MulWhole(d01, at.attention, at.width, n);
    MulWhole(d11, at.attention, at.height, n);
    Barrier();
    AddWhole(d00, d00, part, n);    // value in row y0
    AddWhole(d10, d10, grad_y, n);  // and in row y1, times the gradient
    MulWhole(twist, at.y, twist, n);
    Barrier();
    SubWhole(grad_y, d10, d00, n);
    AddWhole(grad_x, upper, twist, n);
    Barrier();
    MulWhole(d10, at.y, grad_y, n);
    MulWhole(grad_x, grad_x, d01, n);
    Barrier();
    AddWhole(out[2 * n], d10, d00, n);
    MulWhole(grad_y, grad_y, d11, n);
    // Outside all corners are 0, but the gradient of the output may be infinite.
    for (const auto& tensor : {grad_x, grad_y, out[2 * n]}) {
      KeepWhere(tensor, tensor, at.margin, CMPMODE::GT, 0.0f, 0.0f, mask_, n);
    }
    Barrier();
    Gather(out, grad_x, interleave_, 0U, uint64_t{kWhole}, static_cast<uint32_t>(2 * n / kWhole), 8);
    out_queue_.EnQue(out);
    Store(query);
  }

  __aicore__ inline void Store(int64_t query) {
    const int32_t samples = t_->samples;
    const int64_t first = query * t_->heads * samples;
    const auto heads = static_cast<uint16_t>(t_->heads);
    const auto gap = [](int32_t floats, int32_t pitch) {
      return static_cast<uint32_t>(pitch / 8 - CeilDiv(floats, 8));
    };
    LocalTensor<float> out = out_queue_.template DeQue<float>();
    SetAtomicNone();
    DataCopyPad(grad_locations_[first * 2], out,
                DataCopyExtParams(heads, static_cast<uint32_t>(samples * 8), gap(2 * samples, 2 * padded_), 0, 0));
    DataCopyPad(grad_weights_[first], out[2 * lanes_],
                DataCopyExtParams(heads, static_cast<uint32_t>(samples * 4), gap(samples, padded_), 0, 0));
    SetAtomicAdd<float>();
    out_queue_.FreeTensor(out);
  }

  // Byte offsets that bring x and y, which lie one behind the other, to pairs.
  __aicore__ inline void FillInterleave() {
    const int32_t n = 2 * lanes_;
    const LocalTensor<int32_t> lane = interleave_.ReinterpretCast<int32_t>();
    const LocalTensor<int32_t> pair = parts_[0].ReinterpretCast<int32_t>();  // and parts_[1]
    ArithProgression(lane, 0, 1, n);
    PipeBarrier<PIPE_V>();
    ShiftRight<int32_t, false>(pair, lane, 1, MASK_PLACEHOLDER, n / kWhole, Dense1());
    PipeBarrier<PIPE_V>();
    // lane = 2 pair + odd: offset = 4 (pair + odd * lanes)
    MulsWhole(lane, lane, 4 * lanes_, n);
    MulsWhole(pair, pair, 4 - 8 * lanes_, n);
    PipeBarrier<PIPE_V>();
    AddWhole(lane, lane, pair, n);
    PipeBarrier<PIPE_V>();
    FillWhole(parts_[0], 0.0f, n);
    PipeBarrier<PIPE_V>();
  }

  const Tiling* t_;
  int32_t channels_, padded_, lanes_;
  GlobalTensor<float> grad_value_, grad_locations_, grad_weights_;
  LibraryInput<T, kBuffers> input_;
  OutQueue<kBuffers> copies_queue_, out_queue_;
  Buffer buffer_, mask_buffer_;
  LocalTensor<uint8_t> mask_;
  LocalTensor<float> products_, parts_[10], scatter_;
  LocalTensor<uint32_t> interleave_;
  DataCopyParams params_[2];  // of one pixel, of two
  const Patch* patches_ = nullptr;
  int32_t scattered_ = 0;
};

// The gradient of value from float32 to T.
template <class T>
class NarrowGradient {
 public:
  __aicore__ inline void Run(GM_ADDR from, GM_ADDR to, int64_t elements, TPipe* pipe) {
    GlobalTensor<float> wide;
    GlobalTensor<T> narrow;
    wide.SetGlobalBuffer((__gm__ float*)from);
    narrow.SetGlobalBuffer((__gm__ T*)to);
    pipe->InitBuffer(in_queue_, 2, kPart * 4);
    pipe->InitBuffer(out_queue_, 2, kPart * static_cast<uint32_t>(sizeof(T)));
    FullMask();
    const Range range = ShareOf((elements + kPart - 1) / kPart);
    for (int64_t i = range.begin; i < range.end; ++i) {
      const int64_t left = elements - i * kPart;
      const auto count = static_cast<uint32_t>(left < kPart ? left : kPart);
      LocalTensor<float> in = in_queue_.template AllocTensor<float>();
      DataCopy(in, wide[i * kPart], count);
      in_queue_.EnQue(in);
      in = in_queue_.template DeQue<float>();
      LocalTensor<T> out = out_queue_.template AllocTensor<T>();
      if (count == kPart) {
        Narrow(out, in, kPart);
      } else {
        Cast(out, in, kNearest<T>, count);
        FullMask();
      }
      in_queue_.FreeTensor(in);
      out_queue_.EnQue(out);
      out = out_queue_.template DeQue<T>();
      DataCopy(narrow[i * kPart], out, count);
      out_queue_.FreeTensor(out);
    }
  }

 private:
  static constexpr int32_t kPart = 8192;  // elements
  InQueue<2> in_queue_;
  OutQueue<2> out_queue_;
};

}  // namespace xmsda_ascend
