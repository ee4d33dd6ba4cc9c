// Value [B,S,M,D] to the image [B,M,pixels,D'] that the kernels by rows read.
// SPDX-License-Identifier: Apache-2.0
//
// Heads apart, zeros around each level, pixels filled up to whole 32-byte blocks. Runs of pixels come and go by long
// copies; queue V brings the heads apart in between, at a block a lane (256 B a cycle). Copies of single pixels would
// bound it instead: a burst of 64 B takes MTE3 11 cycles, and detr-enc 32 us where this takes 14.
// A value projection that writes this image itself saves the whole pass.
#pragma once

#include "common.h"

namespace xmsda_ascend {

// A run of pixels of one row of a level.
struct Run {
  int64_t batch;
  int32_t level, row, column, count;
};

// The run that begins with pixel `pixel` of all levels of all batches, of at most `most` pixels, that ends before
// `end`.
__aicore__ inline Run RunAt(const Tiling& tiling, int64_t pixel, int64_t end, int32_t most) {
  int64_t all = 0;
  for (int32_t l = 0; l < tiling.num_levels; ++l) all += int64_t(tiling.level[l].height) * tiling.level[l].width;
  Run run = {pixel / all, 0, 0, 0, 0};
  int64_t in_batch = pixel % all;
  while (in_batch >= int64_t(tiling.level[run.level].height) * tiling.level[run.level].width) {
    in_batch -= int64_t(tiling.level[run.level].height) * tiling.level[run.level].width;
    ++run.level;
  }
  const int32_t width = tiling.level[run.level].width;
  run.row = static_cast<int32_t>(in_batch / width);
  run.column = static_cast<int32_t>(in_batch % width);
  const int64_t left = end - pixel;
  run.count = width - run.column < most ? width - run.column : most;
  if (run.count > left) run.count = static_cast<int32_t>(left);
  return run;
}

__aicore__ inline int64_t PixelsOf(const Tiling& tiling) {
  int64_t all = 0;
  for (int32_t l = 0; l < tiling.num_levels; ++l) all += int64_t(tiling.level[l].height) * tiling.level[l].width;
  return all * tiling.batch;
}

// Queue V: blocks of `count` pixels from one distance between pixels to another, both in blocks.
template <class T>
__aicore__ inline void MovePixels(const LocalTensor<T>& to, const LocalTensor<T>& from, int32_t count, int32_t blocks,
                                  int32_t to_pitch, int32_t from_pitch) {
  constexpr int32_t kLanes = kBlock / static_cast<int32_t>(sizeof(T));
  const auto all = uint64_t{8 * kLanes};
  const int32_t repeats = count / 8, rest = count % 8;
  for (int32_t h = 0; h < blocks; ++h) {
    if (repeats > 0) {
      Copy(to[h * kLanes], from[h * kLanes], all, static_cast<uint8_t>(repeats),
           CopyRepeatParams(static_cast<uint16_t>(to_pitch), static_cast<uint16_t>(from_pitch),
                            static_cast<uint16_t>(8 * to_pitch), static_cast<uint16_t>(8 * from_pitch)));
    }
    if (rest > 0) {
      Copy(to[(8 * repeats * to_pitch + h) * kLanes], from[(8 * repeats * from_pitch + h) * kLanes],
           static_cast<uint64_t>(rest * kLanes), 1,
           CopyRepeatParams(static_cast<uint16_t>(to_pitch), static_cast<uint16_t>(from_pitch), 8, 8));
    }
  }
}

template <class T>
class MakeImage {
 public:
  __aicore__ inline void Init(GM_ADDR value, GM_ADDR image, const Tiling& tiling, TPipe* pipe) {
    t_ = &tiling;
    blocks_ = CeilDiv(tiling.channels, kLanes);
    columns_ = kPartBytes / (tiling.heads * blocks_ * kBlock);
    if (columns_ > 2040) columns_ = 2040;  // 255 repeats of 8 pixels
    value_.SetGlobalBuffer((__gm__ T*)value);
    image_.SetGlobalBuffer((__gm__ T*)image);
    for (int32_t i = 0; i < 2; ++i) {
      in_[i] = Buffer(pipe, &in_buffer_[i], columns_ * tiling.heads * blocks_);
      out_[i] = Buffer(pipe, &out_buffer_[i], (columns_ + 1) * tiling.heads * blocks_);
      Duplicate(out_[i], T(0), (columns_ + 1) * tiling.heads * blocks_ * kLanes);
    }
    zeros_ = Buffer(pipe, &zero_buffer_, kZeros);
    Duplicate(zeros_, T(0), kZeros * kLanes);
    PipeBarrier<PIPE_V>();
    Order<HardEvent::V_MTE3>();
  }

  __aicore__ inline void Run() {
    const Range range = ShareOf(PixelsOf(*t_));
    for (int32_t i = 0; i < 2; ++i) {
      SetFlag<HardEvent::V_MTE2>(static_cast<event_t>(i));
      SetFlag<HardEvent::MTE3_V>(static_cast<event_t>(i));
    }
    for (int64_t pixel = range.begin; pixel < range.end;) {
      const xmsda_ascend::Run run = RunAt(*t_, pixel, range.end, columns_);
      if (run.column == 0) Border(run);
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
  static constexpr int32_t kPartBytes = 40 * 1024;  // of a run, all heads; in and out, twice each
  static constexpr int32_t kZeros = 256;            // blocks

  __aicore__ static inline LocalTensor<T> Buffer(TPipe* pipe, TBuf<QuePosition::VECCALC>* buffer, int32_t blocks) {
    pipe->InitBuffer(*buffer, static_cast<uint32_t>(blocks * kBlock));
    return buffer->Get<T>();
  }
  __aicore__ inline int64_t ImageOf(int64_t batch, int32_t head) const {
    return (batch * t_->heads + head) * t_->image_pixels;
  }

  __aicore__ inline void Zeros(int64_t batch, int64_t first, int32_t pixels) {
    const int32_t blocks = pixels * blocks_;
    for (int32_t m = 0; m < t_->heads; ++m) {
      for (int32_t at = 0; at < blocks; at += kZeros) {
        const int32_t count = blocks - at < kZeros ? blocks - at : kZeros;
        DataCopy(image_[((ImageOf(batch, m) + first) * blocks_ + at) * kLanes], zeros_,
                 static_cast<uint32_t>(count * kLanes));
      }
    }
  }
  // The zone with the first row of all, rows of zeros with the first and last row of a level.
  __aicore__ inline void Border(const xmsda_ascend::Run& run) {
    const LevelTiling& level = t_->level[run.level];
    const int32_t stride = level.width + 1;
    if (run.row == 0 && run.level == 0) Zeros(run.batch, 0, t_->image_zone);
    if (run.row == 0) Zeros(run.batch, level.image_start, stride);
    if (run.row == level.height - 1) {
      Zeros(run.batch, level.image_start + int64_t(level.height + 1) * stride, stride + 1);
    }
  }

  __aicore__ inline void Move(const xmsda_ascend::Run& run) {
    const auto event = static_cast<event_t>(turn_);
    const LocalTensor<T> in = in_[turn_], out = out_[turn_];
    turn_ ^= 1;
    const int32_t heads = t_->heads;
    const LevelTiling& level = t_->level[run.level];
    const int64_t from = run.batch * t_->value_size + level.value_start + int64_t(run.row) * level.width + run.column;
    const int64_t to = level.image_start + int64_t(run.row + 1) * (level.width + 1) + 1 + run.column;
    WaitFlag<HardEvent::V_MTE2>(event);
    const bool whole = blocks_ * kLanes == t_->channels;
    DataCopyPad(
        in, value_[from * heads * t_->channels],
        DataCopyExtParams(static_cast<uint16_t>(whole ? 1 : run.count * heads),
                          static_cast<uint32_t>(t_->channels * kSize * (whole ? run.count * heads : 1)), 0, 0, 0),
        DataCopyPadExtParams<T>(true, 0, static_cast<uint8_t>(blocks_ * kLanes - t_->channels), T(0)));
    SetFlag<HardEvent::MTE2_V>(event);
    WaitFlag<HardEvent::MTE2_V>(event);
    WaitFlag<HardEvent::MTE3_V>(event);
    const int32_t pitch = (columns_ + 1) * blocks_;
    for (int32_t m = 0; m < heads; ++m) {
      MovePixels(out[(m * pitch + blocks_) * kLanes], in[m * blocks_ * kLanes], run.count, blocks_, blocks_,
                 heads * blocks_);
    }
    SetFlag<HardEvent::V_MTE2>(event);
    SetFlag<HardEvent::V_MTE3>(event);
    WaitFlag<HardEvent::V_MTE3>(event);
    // The first pixel of each head's part of `out` stays 0: the column in front of a row.
    const int32_t before = run.column == 0 ? 1 : 0;
    for (int32_t m = 0; m < heads; ++m) {
      DataCopy(image_[(ImageOf(run.batch, m) + to - before) * blocks_ * kLanes],
               out[(m * pitch + (1 - before) * blocks_) * kLanes],
               static_cast<uint32_t>((run.count + before) * blocks_ * kLanes));
    }
    SetFlag<HardEvent::MTE3_V>(event);
  }

  const Tiling* t_;
  int32_t blocks_, columns_, turn_ = 0;
  GlobalTensor<T> value_, image_;
  TBuf<QuePosition::VECCALC> in_buffer_[2], out_buffer_[2], zero_buffer_;
  LocalTensor<T> in_[2], out_[2], zeros_;
};

}  // namespace xmsda_ascend
