// The gradient image: filled with zeros before the backward pass, and after it brought to the gradient of value.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "image.h"

namespace xmsda_ascend {

// Fills an even number of bytes in GM with zeros.
class FillZeros {
 public:
  __aicore__ inline void Run(GM_ADDR to, int64_t bytes, TPipe* pipe) {
    const int64_t elements = bytes / 2;
    GlobalTensor<half> gm;
    gm.SetGlobalBuffer((__gm__ half*)to);
    pipe->InitBuffer(buffer_, kPart * 2);
    const LocalTensor<half> zeros = buffer_.Get<half>();
    Duplicate(zeros, half(0), kPart);
    Order<HardEvent::V_MTE3>();
    const Range range = ShareOf((elements + kPart - 1) / kPart);
    for (int64_t i = range.begin; i < range.end; ++i) {
      const int64_t left = elements - i * kPart;
      const auto count = static_cast<uint32_t>(left < kPart ? left : kPart);
      if (count % 16 == 0) {
        DataCopy(gm[i * kPart], zeros, count);
      } else {
        DataCopyPad(gm[i * kPart], zeros, DataCopyExtParams(1, count * 2, 0, 0, 0));
      }
    }
  }

 private:
  static constexpr int32_t kPart = 32768;  // elements: copies of 64 KB reach the full bandwidth
  TBuf<QuePosition::VECCALC> buffer_;
};

// From float32 [B,M,pixels,D'] to the gradient of value [B,S,M,D]. Pixels of S that no level has get 0 beforehand, by
// FillZeros. As MakeImage, the other way round.
template <class T>
class GradientOfImage {
 public:
  __aicore__ inline void Init(GM_ADDR image, GM_ADDR grad_value, const Tiling& tiling, TPipe* pipe) {
    t_ = &tiling;
    blocks_ = CeilDiv(tiling.channels, kLanes);
    pixel_ = blocks_ * kLanes;
    columns_ = kPartBytes / (tiling.heads * pixel_ * 4);
    if (columns_ > 2040) columns_ = 2040;
    image_.SetGlobalBuffer((__gm__ float*)image);
    grad_value_.SetGlobalBuffer((__gm__ T*)grad_value);
    const int32_t elements = columns_ * tiling.heads * pixel_;
    for (int32_t i = 0; i < 2; ++i) {
      wide_[i] = Buffer<float>(pipe, &wide_buffer_[i], elements);
      out_[i] = Buffer<T>(pipe, &out_buffer_[i], elements);
    }
    narrow_ = Buffer<T>(pipe, &narrow_buffer_, elements);
  }

  __aicore__ inline void Run() {
    const Range range = ShareOf(PixelsOf(*t_));
    for (int32_t i = 0; i < 2; ++i) {
      SetFlag<HardEvent::V_MTE2>(static_cast<event_t>(i));
      SetFlag<HardEvent::MTE3_V>(static_cast<event_t>(i));
    }
    for (int64_t pixel = range.begin; pixel < range.end;) {
      const xmsda_ascend::Run run = RunAt(*t_, pixel, range.end, columns_);
      Move(run);
      pixel += run.count;
    }
    for (int32_t i = 0; i < 2; ++i) {
      WaitFlag<HardEvent::V_MTE2>(static_cast<event_t>(i));
      WaitFlag<HardEvent::MTE3_V>(static_cast<event_t>(i));
    }
  }

 private:
  static constexpr int32_t kSize = sizeof(T);
  static constexpr int32_t kLanes = kBlock / kSize;
  static constexpr int32_t kPartBytes =
      36 * 1024;  // float32, of a run, all heads; five buffers in all where value is float32, too

  template <class U>
  __aicore__ static inline LocalTensor<U> Buffer(TPipe* pipe, TBuf<QuePosition::VECCALC>* buffer, int32_t elements) {
    pipe->InitBuffer(*buffer, static_cast<uint32_t>(elements * static_cast<int32_t>(sizeof(U))));
    return buffer->Get<U>();
  }

  __aicore__ inline void Move(const xmsda_ascend::Run& run) {
    const auto event = static_cast<event_t>(turn_);
    const LocalTensor<float> wide = wide_[turn_];
    const LocalTensor<T> out = out_[turn_];
    turn_ ^= 1;
    const int32_t heads = t_->heads;
    const LevelTiling& level = t_->level[run.level];
    const int64_t from = level.image_start + int64_t(run.row + 1) * (level.width + 1) + 1 + run.column;
    const int64_t to = run.batch * t_->value_size + level.value_start + int64_t(run.row) * level.width + run.column;
    const int32_t part = run.count * pixel_;
    WaitFlag<HardEvent::V_MTE2>(event);
    for (int32_t m = 0; m < heads; ++m) {
      DataCopy(wide[m * part], image_[((run.batch * heads + m) * t_->image_pixels + from) * pixel_],
               static_cast<uint32_t>(part));
    }
    SetFlag<HardEvent::MTE2_V>(event);
    WaitFlag<HardEvent::MTE2_V>(event);
    PipeBarrier<PIPE_V>();
    Narrow(narrow_, wide, heads * part);
    SetFlag<HardEvent::V_MTE2>(event);
    WaitFlag<HardEvent::MTE3_V>(event);
    PipeBarrier<PIPE_V>();
    for (int32_t m = 0; m < heads; ++m) {
      MovePixels(out[m * pixel_], narrow_[m * part], run.count, blocks_, heads * blocks_, blocks_);
    }
    SetFlag<HardEvent::V_MTE3>(event);
    WaitFlag<HardEvent::V_MTE3>(event);
    const bool whole = pixel_ == t_->channels;
    DataCopyPad(
        grad_value_[to * heads * t_->channels], out,
        DataCopyExtParams(static_cast<uint16_t>(whole ? 1 : run.count * heads),
                          static_cast<uint32_t>(t_->channels * kSize * (whole ? run.count * heads : 1)), 0, 0, 0));
    SetFlag<HardEvent::MTE3_V>(event);
  }
  template <class U>
  __aicore__ static inline void Narrow(const LocalTensor<U>& to, const LocalTensor<float>& from, int32_t count) {
    Cast(to, from, kNearest<U>, static_cast<uint32_t>(count));
  }
  __aicore__ static inline void Narrow(const LocalTensor<float>& to, const LocalTensor<float>& from, int32_t count) {
    Adds(to, from, 0.0f, count);
  }

  const Tiling* t_;
  int32_t blocks_, pixel_, columns_, turn_ = 0;
  GlobalTensor<float> image_;
  GlobalTensor<T> grad_value_;
  TBuf<QuePosition::VECCALC> wide_buffer_[2], out_buffer_[2], narrow_buffer_;
  LocalTensor<float> wide_[2];
  LocalTensor<T> out_[2], narrow_;
};

}  // namespace xmsda_ascend
