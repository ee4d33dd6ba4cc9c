// The gradient image: filled with zeros before the backward pass, and after it brought to the gradient of value.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common.h"

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
// FillZeros.
template <class T>
class GradientOfImage {
 public:
  __aicore__ inline void Init(GM_ADDR image, GM_ADDR grad_value, const Tiling& tiling, TPipe* pipe) {
    t_ = &tiling;
    pixel_ = RoundUp(tiling.channels, kLanes);
    columns_ = kPartBytes / (tiling.heads * pixel_ * 4);
    image_.SetGlobalBuffer((__gm__ float*)image);
    grad_value_.SetGlobalBuffer((__gm__ T*)grad_value);
    const int32_t elements = columns_ * tiling.heads * pixel_;
    for (int32_t i = 0; i < 2; ++i) {
      pipe->InitBuffer(wide_buffer_[i], static_cast<uint32_t>(elements * 4));
      wide_[i] = wide_buffer_[i].template Get<float>();
      pipe->InitBuffer(out_buffer_[i], static_cast<uint32_t>(elements * kSize));
      out_[i] = out_buffer_[i].template Get<T>();
    }
  }

  __aicore__ inline void Run() {
    int64_t rows = 0;
    for (int32_t l = 0; l < t_->num_levels; ++l) rows += t_->level[l].height;
    const Range range = ShareOf(t_->batch * rows);
    for (int32_t i = 0; i < 2; ++i) {
      SetFlag<HardEvent::V_MTE2>(static_cast<event_t>(i));
      SetFlag<HardEvent::MTE3_V>(static_cast<event_t>(i));
    }
    for (int64_t row = range.begin; row < range.end; ++row) Row(row / rows, static_cast<int32_t>(row % rows));
    for (int32_t i = 0; i < 2; ++i) {
      WaitFlag<HardEvent::V_MTE2>(static_cast<event_t>(i));
      WaitFlag<HardEvent::MTE3_V>(static_cast<event_t>(i));
    }
  }

 private:
  static constexpr int32_t kSize = sizeof(T);
  static constexpr int32_t kLanes = kBlock / kSize;
  static constexpr int32_t kPartBytes = 40 * 1024;  // float32, of a row of pixels, all heads

  __aicore__ inline void Row(int64_t batch, int32_t row) {
    int32_t l = 0;
    while (row >= t_->level[l].height) row -= t_->level[l++].height;
    const LevelTiling& level = t_->level[l];
    const int64_t from = level.image_start + int64_t(row + 1) * (level.width + 1) + 1;
    const int64_t to = batch * t_->value_size + level.value_start + int64_t(row) * level.width;
    for (int32_t x = 0; x < level.width; x += columns_) {
      const int32_t count = level.width - x < columns_ ? level.width - x : columns_;
      Part(batch, from + x, to + x, count);
    }
  }

  __aicore__ inline void Part(int64_t batch, int64_t from, int64_t to, int32_t count) {
    const auto event = static_cast<event_t>(turn_);
    const LocalTensor<float> wide = wide_[turn_];
    const LocalTensor<T> out = out_[turn_];
    turn_ ^= 1;
    const int32_t heads = t_->heads, blocks = pixel_ / 8;
    WaitFlag<HardEvent::V_MTE2>(event);
    for (int32_t m = 0; m < heads; ++m) {
      DataCopy(wide[m * pixel_], image_[((batch * heads + m) * t_->image_pixels + from) * pixel_],
               DataCopyParams(static_cast<uint16_t>(count), static_cast<uint16_t>(blocks), 0,
                              static_cast<uint16_t>((heads - 1) * blocks)));
    }
    SetFlag<HardEvent::MTE2_V>(event);
    WaitFlag<HardEvent::MTE2_V>(event);
    WaitFlag<HardEvent::MTE3_V>(event);
    Narrow(out, wide, count * heads * pixel_);
    SetFlag<HardEvent::V_MTE2>(event);
    SetFlag<HardEvent::V_MTE3>(event);
    WaitFlag<HardEvent::V_MTE3>(event);
    const bool whole = pixel_ == t_->channels;
    DataCopyPad(grad_value_[to * heads * t_->channels], out,
                DataCopyExtParams(static_cast<uint16_t>(whole ? 1 : count * heads),
                                  static_cast<uint32_t>(t_->channels * kSize * (whole ? count * heads : 1)), 0, 0, 0));
    SetFlag<HardEvent::MTE3_V>(event);
  }
  __aicore__ static inline void Narrow(const LocalTensor<half>& to, const LocalTensor<float>& from, int32_t count) {
    Cast(to, from, RoundMode::CAST_NONE, static_cast<uint32_t>(count));
  }
  __aicore__ static inline void Narrow(const LocalTensor<float>& to, const LocalTensor<float>& from, int32_t count) {
    Adds(to, from, 0.0f, count);
  }

  const Tiling* t_;
  int32_t pixel_, columns_, turn_ = 0;
  GlobalTensor<float> image_;
  GlobalTensor<T> grad_value_;
  TBuf<QuePosition::VECCALC> wide_buffer_[2], out_buffer_[2];
  LocalTensor<float> wide_[2];
  LocalTensor<T> out_[2];
};

}  // namespace xmsda_ascend
