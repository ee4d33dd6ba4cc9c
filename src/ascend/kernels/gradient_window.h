// Windows of the gradient image in UB, to which queue V adds what would be atomic additions in GM otherwise.
// SPDX-License-Identifier: Apache-2.0
//
// Tiles that follow one another in a strip of a grid of queries sample much the same pixels of the small levels. For
// such a block of tiles each of those levels has a window of window_height * window_width pixels, around the mean of a
// few samples of the first tile. A sample whose four corners are in it costs queue V two repeats of Add, instead of 512
// bytes of atomic additions on queue MTE3; the window goes to GM once a block, by one copy. Samples elsewhere go to GM
// as ever: windows change times only, whatever the locations.
//
// Additions to the same pixels must wait for one another (PIPE_V, some 20 cycles). The scalar unit keeps a bit for each
// pixel of a window that has been added to since the last wait; on detr-enc about three samples pass between two waits.
#pragma once

#include "rows_fetch.h"
#include "words.h"

namespace xmsda_ascend {

class GradientWindow {
 public:
  // UB bytes: windows, constants of samples, masks. As WindowBytes of host/tiling.cc.
  __aicore__ static inline int32_t Bytes(const Tiling& tiling) {
    if (tiling.window_pixels == 0) return 0;
    return tiling.window_pixels * RoundUp(tiling.channels, 8) * 4 + 4 * tiling.samples * kBlock +
           4 * RoundUp(Geometry<float>::Lanes(tiling) / 8, kBlock);
  }

  __aicore__ inline void Init(const Tiling& tiling, const GlobalTensor<float>& grad_image, int32_t channels,
                              TPipe* pipe) {
    t_ = &tiling;
    if (tiling.window_pixels == 0) return;
    grad_image_ = grad_image;
    channels_ = channels;
    blocks_ = channels / 8;
    const LocalTensor<uint8_t> ub = Take<uint8_t>(pipe, &buffer_, Bytes(tiling));
    windows_ = ub.ReinterpretCast<float>();
    int32_t at = tiling.window_pixels * channels * 4;
    for (auto* tensor : {&left_, &top_, &right_, &bottom_}) {
      *tensor = ub[static_cast<uint32_t>(at)].ReinterpretCast<float>();
      at += tiling.samples * kBlock;
    }
    for (auto& mask : mask_) {
      mask = ub[static_cast<uint32_t>(at)];
      at += RoundUp(Geometry<float>::Lanes(tiling) / 8, kBlock);
    }
    Duplicate(windows_, 0.0f, tiling.window_pixels * channels);
    for (int32_t l = 0; l < tiling.num_levels; ++l) {
      const LevelTiling& level = tiling.level[l];
      if (level.points == 0) continue;
      next_[l] = {-1, -1};
      Move(l, -1, -1);
    }
    PipeBarrier<PIPE_V>();
  }
  __aicore__ inline bool any() const { return t_->window_pixels > 0; }

  // Queue V: where the samples of a tile add to: 0: nowhere; above: the place in the image; below: -1 - 64 * row -
  // column in the window. x and y, which it writes to, are the corners (x0, y0), s and u scratch.
  __aicore__ inline void Targets(const LocalTensor<int32_t>& target, const LocalTensor<int32_t>& places,
                                 const LocalTensor<float>& x, const LocalTensor<float>& y, const LocalTensor<float>& s,
                                 const LocalTensor<float>& u, const LocalTensor<uint8_t>& inside,
                                 const BinaryRepeatParams& by_sample) {
    const int32_t count = Geometry<float>::Lanes(*t_), samples = t_->samples;
    const auto n = static_cast<uint32_t>(count);
    const auto queries = static_cast<uint64_t>(t_->tile_queries);
    Sub(s, x, left_, queries, samples, by_sample);
    Sub(u, y, top_, queries, samples, by_sample);
    PipeBarrier<PIPE_V>();
    Sub(x, x, right_, queries, samples, by_sample);
    Sub(y, y, bottom_, queries, samples, by_sample);
    PipeBarrier<PIPE_V>();
    CompareScalar(mask_[0], s, 0.0f, CMPMODE::GE, n);
    CompareScalar(mask_[1], u, 0.0f, CMPMODE::GE, n);
    CompareScalar(mask_[2], x, 0.0f, CMPMODE::LT, n);
    CompareScalar(mask_[3], y, 0.0f, CMPMODE::LT, n);
    PipeBarrier<PIPE_V>();
    Muls(u, u, -static_cast<float>(kPitch), count);
    Adds(s, s, 1.0f, count);
    And(0, mask_[1]);
    And(2, mask_[3]);
    PipeBarrier<PIPE_V>();
    Sub(s, u, s, count);
    And(0, mask_[2]);
    PipeBarrier<PIPE_V>();
    And(0, inside);
    PipeBarrier<PIPE_V>();
    Cast(u.ReinterpretCast<int32_t>(), s, RoundMode::CAST_ROUND, n);
    PipeBarrier<PIPE_V>();
    Select(target.ReinterpretCast<float>(), mask_[0], u, places.ReinterpretCast<float>(),
           SELMODE::VSEL_TENSOR_TENSOR_MODE, static_cast<uint32_t>(samples * t_->tile_queries));
  }

  // Where the windows of the block lie that begins with this tile, whose corners x and y queue V has computed.
  __aicore__ inline void Begin(const Place& place, const LocalTensor<int32_t>& places, const LocalTensor<float>& x,
                               const LocalTensor<float>& y) {
    Order<HardEvent::V_S>();
    for (int32_t l = 0; l < t_->num_levels; ++l) {
      const LevelTiling& level = t_->level[l];
      if (level.window_width == 0) continue;
      const int32_t first = level.first_sample * t_->tile_queries, lanes = level.points * t_->tile_queries;
      float left = 0, top = 0, number = 0;
      for (int32_t i = 0; i < kProbes; ++i) {
        const int32_t lane = i * lanes / kProbes;
        const auto at = static_cast<uint32_t>(first + lane);
        if (lane % t_->tile_queries >= place.count || places.GetValue(at) == 0) continue;
        left += x.GetValue(at);
        top += y.GetValue(at);
        number += 1;
      }
      if (number == 0) continue;
      // The block goes on below its first tile.
      const float down =
          static_cast<float>((place.block_rows - place.rows) * level.height) / static_cast<float>(place.grid_height);
      left = left / number - static_cast<float>(level.window_width - 2) / 2;
      top = (top / number) + (down - static_cast<float>(level.window_height - 2)) / 2;
      const int32_t column = Between(left, level.width - level.window_width);
      const int32_t row = Between(top, level.height + 1 - level.window_height);
      next_[l] = {column, row};
      Move(l, column, row);
    }
    Order<HardEvent::S_V>();
    PipeBarrier<PIPE_V>();
  }

  // Queue V: adds the copies of a sample, [corner][channel], at a place that Targets gave.
  __aicore__ inline void AddCorners(const LevelTiling& level, int32_t target, const LocalTensor<float>& copies) {
    const int32_t place = -1 - target, row = place / kPitch, column = place % kPitch;
    const auto pitch = static_cast<uint8_t>(level.window_width * blocks_);
    const uint64_t two = uint64_t{3} << column;
    if (unordered_ || ((touched_[row] | touched_[row + 1]) & two) != 0) {
      PipeBarrier<PIPE_V>();
      Waited();
    }
    touched_[row] |= two;
    touched_[row + 1] |= two;
    const LocalTensor<float> at = windows_[(level.window_start + row * level.window_width + column) * channels_];
    Add<float, false>(at, at, copies, MASK_PLACEHOLDER, 2, BinaryRepeatParams(1, 1, 1, pitch, pitch, 8));
  }
  // Queue V has been given copies that it must wait for before it adds them.
  __aicore__ inline void Unordered() { unordered_ = true; }
  // Queue V has waited for all that it was given.
  __aicore__ inline void Waited() {
    unordered_ = false;
    for (uint64_t& row : touched_) row = 0;
  }

  // The tiles after this use the windows where Begin has placed them last.
  __aicore__ inline void Next() {
    for (int32_t l = 0; l < t_->num_levels; ++l) now_[l] = next_[l];
  }
  // Queues MTE3, V: the windows to the gradient image of a head, and zeros in their place. Under the mask of FullMask.
  __aicore__ inline void Flush(int64_t head) {
    SetFlag<HardEvent::V_MTE3>(kWindow);
    WaitFlag<HardEvent::V_MTE3>(kWindow);
    for (int32_t l = 0; l < t_->num_levels; ++l) {
      const LevelTiling& level = t_->level[l];
      if (level.window_width == 0) continue;
      const int64_t pixel = level.image_start + int64_t(now_[l].row + 1) * (level.width + 1) + now_[l].column + 1;
      DataCopy(grad_image_[(head * t_->image_pixels + pixel) * channels_], windows_[level.window_start * channels_],
               DataCopyParams(static_cast<uint16_t>(level.window_height),
                              static_cast<uint16_t>(level.window_width * blocks_), 0,
                              static_cast<uint16_t>((level.width + 1 - level.window_width) * blocks_)));
    }
    SetFlag<HardEvent::MTE3_V>(kWindow);
    WaitFlag<HardEvent::MTE3_V>(kWindow);
    FillWhole(windows_, 0.0f, t_->window_pixels * channels_);
    PipeBarrier<PIPE_V>();
    Waited();
  }

 private:
  static constexpr event_t kWindow = EVENT_ID3;
  static constexpr int32_t kProbes = 16, kPitch = 64;
  struct Corner {
    int32_t column, row;
  };

  // The whole number next to `at` of those from -1 to `most`.
  __aicore__ static inline int32_t Between(float at, int32_t most) {
    const auto number = static_cast<int32_t>(at + 1.5f) - 1;
    return number > most ? most : number < -1 ? -1 : number;
  }
  // Queue V: the corners of samples that a window takes; none where the level has no window.
  __aicore__ inline void Move(int32_t l, int32_t column, int32_t row) {
    const LevelTiling& level = t_->level[l];
    const int32_t sample = level.first_sample * 8, lanes = level.points * 8;
    const bool none = level.window_width == 0;
    Duplicate(left_[sample], static_cast<float>(column), lanes);
    Duplicate(top_[sample], static_cast<float>(row), lanes);
    Duplicate(right_[sample], static_cast<float>(none ? -1 : column + level.window_width - 1), lanes);
    Duplicate(bottom_[sample], static_cast<float>(none ? -1 : row + level.window_height - 1), lanes);
  }
  __aicore__ inline void And(int32_t into, const LocalTensor<uint8_t>& with) {
    const LocalTensor<uint16_t> mask = mask_[into].ReinterpretCast<uint16_t>();
    AscendC::And(mask, mask, with.ReinterpretCast<uint16_t>(), Geometry<float>::Lanes(*t_) / 16);
  }

  const Tiling* t_;
  int32_t channels_, blocks_;
  GlobalTensor<float> grad_image_;
  TBuf<QuePosition::VECCALC> buffer_;
  LocalTensor<float> windows_, left_, top_, right_, bottom_;
  LocalTensor<uint8_t> mask_[4];
  Corner now_[kMaxLevels] = {}, next_[kMaxLevels] = {};
  uint64_t touched_[kMaxWindowRows] = {};
  bool unordered_ = false;
};

}  // namespace xmsda_ascend
