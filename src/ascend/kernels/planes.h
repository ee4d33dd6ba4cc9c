// Value [B,S,M,D] to planes, [B, M * planes of a head, bytes of a plane], that kernels gather from in UB.
// SPDX-License-Identifier: Apache-2.0
//
// A plane is all pixels of one channel (pairs of pixels) or of one 32-bit word of channels (two half, one float), level
// after level, the largest first. Each row has a zero in front, pixel x is element x + 1, and zeros behind up to the
// end of its last block; a row of zeros lies above and below each level. So a sample that touches its level reads
// memory of the plane at all four corners, whatever its place.
//
// Planes of pairs (the paper's pixel-last value, "padding-based alignment"): a 32-bit Gather at an address that is a
// multiple of 2 brings pixels x0 and x1, but not where the word lies across two blocks of 32 bytes. So a block has 15
// pixels and a copy of the first of the next block: element i is at i + floor(i / 15), 6.7 % more bytes, 51.5 KB for a
// channel of detr-enc. Planes of words need no such care: 4-byte alignment is what Gather is documented with.
//
// Instructions: TransDataTo5HD takes the same 32-byte column of channels of 16 pixels (V: 2 cycles) and leaves 16
// pixels of each channel; the block's copy of the next pixel comes from naming that pixel as its sixteenth source. MTE3
// bounds it: a burst a row and plane, 11 cycles for 160 B.
#pragma once

#include "common.h"

namespace xmsda_ascend {

// Element: half for planes of pairs, float for planes of words, whatever value is.
template <class Element>
class MakePlanes {
 public:
  __aicore__ inline void Init(GM_ADDR value, GM_ADDR planes, const Tiling& tiling, TPipe* pipe) {
    t_ = &tiling;
    channels_ = tiling.heads * tiling.head_planes;
    pixel_ = RoundUp(channels_, kColumn);
    value_.SetGlobalBuffer((__gm__ Element*)value);
    planes_.SetGlobalBuffer((__gm__ Element*)planes);
    // Two buffers in and out, as many steps as fit: a step is 16 pixels in and kOut blocks of each channel out.
    const int32_t step = pixel_ * (16 * kSize + kOut * kBlock);
    steps_ = (kUbBytes / 2 - pixel_ * kSize) / step;
    for (int32_t i = 0; i < 2; ++i) {
      pipe->InitBuffer(in_buffer_[i], static_cast<uint32_t>((kStep * steps_ + 1) * pixel_ * kSize));
      in_[i] = in_buffer_[i].template Get<Element>();
      pipe->InitBuffer(out_buffer_[i], static_cast<uint32_t>(steps_ * kOut * kBlock * pixel_));
      out_[i] = out_buffer_[i].template Get<Element>();
    }
    pipe->InitBuffer(zero_buffer_, static_cast<uint32_t>(pixel_ * kSize));
    zero_ = zero_buffer_.template Get<Element>();
    Duplicate(zero_, Element(0), pixel_);
    PipeBarrier<PIPE_V>();
  }

  __aicore__ inline void Run() {
    for (int32_t i = 0; i < 2; ++i) {
      SetFlag<HardEvent::V_MTE2>(static_cast<event_t>(i));
      SetFlag<HardEvent::MTE3_V>(static_cast<event_t>(i));
    }
    int64_t part = 0;  // parts of rows go to the cores in turn, since rows of large levels come together
    for (int64_t batch = 0; batch < t_->batch; ++batch) {
      for (int32_t l = 0; l < t_->num_levels; ++l) {
        const int32_t all = CeilDiv(t_->level[l].plane_row, kOut * kBlock), parts = CeilDiv(all, steps_);
        for (int32_t row = 0; row < t_->level[l].height + 2; ++row) {
          for (int32_t i = 0; i < parts; ++i, ++part) {
            if (part % GetBlockNum() != GetBlockIdx()) continue;
            const int32_t begin = all * i / parts;
            Part(batch, t_->level[l], row, begin, all * (i + 1) / parts - begin);
          }
        }
      }
    }
    for (int32_t i = 0; i < 2; ++i) {
      WaitFlag<HardEvent::V_MTE2>(static_cast<event_t>(i));
      WaitFlag<HardEvent::MTE3_V>(static_cast<event_t>(i));
    }
  }

 private:
  static constexpr int32_t kSize = sizeof(Element);
  static constexpr int32_t kColumn = kBlock / kSize;      // channels of a block
  static constexpr int32_t kStep = kSize == 2 ? 15 : 16;  // pixels that a step goes on by
  static constexpr int32_t kOut = kSize == 2 ? 1 : 2;     // blocks of a channel that it leaves
  static constexpr int32_t kUbBytes = 176 * 1024;

  // Steps [begin, begin + steps) of row `row`, that of zeros above being row 0.
  __aicore__ inline void Part(int64_t batch, const LevelTiling& level, int32_t row, int32_t begin, int32_t steps) {
    const auto event = static_cast<event_t>(turn_);
    const LocalTensor<Element> in = in_[turn_], out = out_[turn_];
    turn_ ^= 1;
    const bool zeros = row == 0 || row == level.height + 1;
    const int32_t first = begin * kStep;  // element of the row that in[0] stands for
    WaitFlag<HardEvent::V_MTE2>(event);
    if (!zeros) {
      const int32_t from = first == 0 ? 1 : first;
      const int32_t last = first + steps * kStep, end = last < level.width ? last : level.width;
      if (from <= end) Load(in[(from - first) * pixel_], batch, level, row - 1, from - 1, end - from + 1);
    }
    SetFlag<HardEvent::MTE2_V>(event);
    WaitFlag<HardEvent::MTE2_V>(event);
    WaitFlag<HardEvent::MTE3_V>(event);
    if (zeros) {
      Duplicate(out, Element(0), pixel_ * steps * kOut * kColumn);
    } else {
      for (int32_t i = 0; i < steps; ++i) Step(in, out, first, i, steps, level.width);
    }
    SetFlag<HardEvent::V_MTE2>(event);
    SetFlag<HardEvent::V_MTE3>(event);
    WaitFlag<HardEvent::V_MTE3>(event);
    Save(out, batch, level, row, begin, steps);
    SetFlag<HardEvent::MTE3_V>(event);
  }

  __aicore__ inline void Load(const LocalTensor<Element>& to, int64_t batch, const LevelTiling& level, int32_t y,
                              int32_t x, int32_t count) {
    const int64_t pixel = batch * t_->value_size + level.value_start + int64_t(y) * level.width + x;
    const bool whole = pixel_ == channels_;
    DataCopyPad(to, value_[pixel * channels_],
                DataCopyExtParams(static_cast<uint16_t>(whole ? 1 : count),
                                  static_cast<uint32_t>(channels_ * kSize * (whole ? count : 1)), 0, 0, 0),
                DataCopyPadExtParams<Element>(true, 0, static_cast<uint8_t>(pixel_ - channels_), Element(0)));
  }

  // Sixteen pixels of all channels; elements of the row that no pixel is are zeros.
  __aicore__ inline void Step(const LocalTensor<Element>& in, const LocalTensor<Element>& out, int32_t first,
                              int32_t step, int32_t steps, int32_t width) {
    LocalTensor<Element> from[16], to[16];
    const int32_t channel = steps * kOut * kColumn;  // elements of a channel in `out`
    for (int32_t i = 0; i < 16; ++i) {
      const int32_t at = step * kStep + i, element = first + at;
      from[i] = element >= 1 && element <= width ? in[at * pixel_] : zero_;
      to[i] = out[(i / kOut) * channel + (step * kOut + i % kOut) * kColumn];
    }
    const int32_t repeats = pixel_ / kColumn;
    const bool one = repeats == 1;
    TransDataTo5HD(to, from,
                   TransDataTo5HDParams(false, false, static_cast<uint8_t>(repeats),
                                        static_cast<uint16_t>(one ? 0 : kColumn * steps * kOut),
                                        static_cast<uint16_t>(one ? 0 : 1)));
  }

  __aicore__ inline void Save(const LocalTensor<Element>& out, int64_t batch, const LevelTiling& level, int32_t row,
                              int32_t begin, int32_t steps) {
    const int32_t all = level.plane_row / kBlock, at = begin * kOut;
    const int32_t blocks = all - at < steps * kOut ? all - at : steps * kOut;
    const int64_t to = (batch * channels_ * t_->plane_bytes + level.plane_start - t_->plane_zone +
                        int64_t(row) * level.plane_row + at * kBlock);
    DataCopy(planes_[to / kSize], out,
             DataCopyParams(static_cast<uint16_t>(channels_), static_cast<uint16_t>(blocks),
                            static_cast<uint16_t>(steps * kOut - blocks),
                            static_cast<uint16_t>(t_->plane_bytes / kBlock - blocks)));
  }

  const Tiling* t_;
  int32_t channels_, pixel_, steps_, turn_ = 0;  // pixel: channels up to whole blocks
  GlobalTensor<Element> value_, planes_;
  TBuf<QuePosition::VECCALC> in_buffer_[2], out_buffer_[2], zero_buffer_;
  LocalTensor<Element> in_[2], out_[2], zero_;
};

}  // namespace xmsda_ascend
