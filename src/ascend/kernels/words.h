// Gathers of 32-bit words from planes, and small levels kept in UB as planes of words.
// SPDX-License-Identifier: Apache-2.0
//
// The latter is for the variant `hybrid`.
#pragma once

#include "rows_fetch.h"
#include "whole.h"

namespace xmsda_ascend {

// Bank groups of UB repeat every 512 bytes, and two sources of an instruction that meet in one cost it a cycle a
// repeat.
constexpr int32_t kGroups = 512;

// What is gathered, and how its weights lie.
//   kPairs: words are the pixels (x0, x1) of one half channel, gathered once for row y0 and once for y1; a weight table
//   has words (w00, w01), the other (w10, w11).
//   else: words are channels of one pixel, gathered once a corner; a weight table for each corner, words (w, w) for
//   half.
template <class T, bool kPairs>
struct Words {
  static_assert(!kPairs || sizeof(T) == 2, "pairs are of half");
  static constexpr int32_t kGathers = kPairs ? 2 : 4;  // a sample
  static constexpr int32_t kLanes = 4 / sizeof(T);     // of a word
  // Bytes of gather `i` beyond the place of a sample.
  __aicore__ static inline uint32_t Offset(const LevelTiling& level, int32_t i) {
    return static_cast<uint32_t>(kPairs ? i * level.plane_row : (i >> 1) * level.plane_row + (i & 1) * 4);
  }
};

// Words (a[i], b[i]) of two rows of half, `lanes` being a multiple of 128: a transpose of 16 x 16 half puts pairs next
// to each other, one of 16 x 8 words puts them back in order (V: 4 cycles for 128 words).
__aicore__ inline void Interleave(const LocalTensor<float>& to, const LocalTensor<float>& scratch,
                                  const LocalTensor<half>& a, const LocalTensor<half>& b, int32_t lanes) {
  const int32_t repeats = lanes / 128, stride = repeats == 1 ? 0 : 16;
  LocalTensor<half> from_half[16], to_half[16];
  for (int32_t i = 0; i < 16; ++i) {
    from_half[i] = ((i & 1) != 0 ? b : a)[(i >> 1) * 16];
    to_half[i] = scratch.ReinterpretCast<half>()[i * 16];
  }
  PipeBarrier<PIPE_V>();
  TransDataTo5HD(to_half, from_half,
                 TransDataTo5HDParams(false, false, static_cast<uint8_t>(repeats), static_cast<uint16_t>(stride),
                                      static_cast<uint16_t>(stride / 2)));
  LocalTensor<float> from[16], back[16];
  for (int32_t i = 0; i < 16; ++i) {
    from[i] = scratch[i * 8];
    back[i] = to[(i >> 1) * 16 + (i & 1) * 8];
  }
  PipeBarrier<PIPE_V>();
  TransDataTo5HD(back, from,
                 TransDataTo5HDParams(false, false, static_cast<uint8_t>(repeats), static_cast<uint16_t>(stride),
                                      static_cast<uint16_t>(stride)));
  PipeBarrier<PIPE_V>();
}

// All planes of words of a head that small levels have, in UB while the head lasts: the variant `hybrid`, in which
// queue V gathers the samples of small levels while queue MTE2 brings rows of the others.
//
// Budget, cycles a sample of detr-enc, half: one by gathers V 32, MTE2 nothing; one by rows V 7, MTE2 21 and S 12. With
// one level of four by gathers V and MTE2 meet at 16 to 17; simulated 19.9, both busy for 85 %, against 22.9 of `dma1`.
// `resident`, whose Gatherb fetches 32 bytes a cycle where Gather fetches 10, had 13 with half weights, too; with the
// float32 weights that it has, 19.4. In the backward pass queue MTE3 takes longest, 36 of
// rows_backward.h, whichever way pixels come, so that `hybrid` has that of `dma1`.
template <class T>
class WordLevels {
 public:
  __aicore__ inline void Init(GM_ADDR planes, const Tiling& tiling, TPipe* pipe) {
    t_ = &tiling;
    queries_ = tiling.tile_queries;
    row_ = RoundUp(queries_, 32);
    pitch_ = (tiling.plane_zone + tiling.plane_bytes) / 4;
    planes_.SetGlobalBuffer((__gm__ float*)planes);
    levels_ = 0;
    int32_t lanes = 0;
    for (int32_t l = 0; l < tiling.num_levels; ++l) {
      if (tiling.level[l].plane_row == 0 || tiling.level[l].points == 0) continue;
      level_[levels_] = l;
      table_at_[levels_++] = lanes;
      lanes += RoundUp(tiling.level[l].points * queries_, 128);
    }
    if (levels_ == 0) return;
    // First what only queue V writes: where weights are interleaved, up to 96 more than there are are read.
    const int32_t slots = tiling.slots * queries_;
    sums_ = Take<float>(pipe, &sums_buffer_, slots * kLanes + 64);
    Duplicate(sums_, 0.0f, slots * kLanes + 64);
    for (int32_t i = 0; i < 2; ++i) gathered_[i] = Take<float>(pipe, &gathered_buffer_[i], slots);
    if (sizeof(T) == 2) {
      for (int32_t c = 0; c < 4; ++c) table_[c] = Take<float>(pipe, &table_buffer_[c], lanes);
      scratch_ = Take<float>(pipe, &scratch_buffer_, lanes);
    }
    chunk_ = Take<float>(pipe, &chunk_buffer_, 8 * row_);
    rows_ = Take<float>(pipe, &rows_buffer_, 8 * queries_);
    Duplicate(chunk_, 0.0f, 8 * row_);
    resident_ = Take<float>(pipe, &resident_buffer_, tiling.head_planes * pitch_);
    Duplicate(resident_, 0.0f, tiling.head_planes * pitch_);
  }

  // Queue V: a tile of queries, whose places and weights there are; queue MTE2: the planes of another head.
  __aicore__ inline void Begin(const Samples<T>& samples, int64_t head) {
    plane_ = 0;
    if (levels_ == 0) return;
    samples_ = &samples;
    PipeBarrier<PIPE_V>();
    if (head != head_) Load(head);
    Weights(samples);
  }

  // Queue V: as many planes as are due when `done` of `all` samples have been; adds channels to `sums`, those of
  // RowsForward before corners are added up. Leaves a full mask.
  template <class Fetch>
  __aicore__ inline void Run(int32_t done, int32_t all, const LocalTensor<float>& sums, Fetch* fetch) {
    const int32_t due = levels_ == 0 ? 0 : done == all ? t_->head_planes : done * t_->head_planes / all;
    for (; plane_ < due; ++plane_) {
      Plane(fetch);
      Keep(plane_ % kChunk);
      if (plane_ % kChunk == kChunk - 1 || plane_ + 1 == t_->head_planes) Flush(sums, plane_ / kChunk * 8);
      FullMask();
    }
  }

 private:
  using W = Words<T, false>;
  static constexpr int32_t kLanes = W::kLanes;
  static constexpr int32_t kChunk = 8 / W::kLanes;  // planes of eight channels
  static constexpr event_t kResident = EVENT_ID3;

  __aicore__ inline void Load(int64_t head) {
    head_ = head;
    SetFlag<HardEvent::V_MTE2>(kResident);
    WaitFlag<HardEvent::V_MTE2>(kResident);
    DataCopy(resident_[t_->plane_zone / 4], planes_[head * t_->head_planes * (t_->plane_bytes / 4)],
             DataCopyParams(static_cast<uint16_t>(t_->head_planes), static_cast<uint16_t>(t_->plane_bytes / kBlock), 0,
                            static_cast<uint16_t>(t_->plane_zone / kBlock)));
    SetFlag<HardEvent::MTE2_V>(kResident);
    WaitFlag<HardEvent::MTE2_V>(kResident);
  }

  __aicore__ inline void Weights(const Samples<half>& samples) {
    for (int32_t i = 0; i < levels_; ++i) {
      const LevelTiling& level = t_->level[level_[i]];
      const int32_t lanes = RoundUp(level.points * queries_, 128);
      for (int32_t c = 0; c < 4; ++c) {
        const LocalTensor<half> weight = samples.weight[c][level.first_sample * queries_];
        Interleave(table_[c][table_at_[i]], scratch_, weight, weight, lanes);
      }
    }
  }
  __aicore__ inline void Weights(const Samples<float>&) {}
  __aicore__ inline LocalTensor<half> WeightsOf(const Samples<half>&, int32_t i, int32_t c) const {
    return table_[c][table_at_[i]].ReinterpretCast<half>();
  }
  __aicore__ inline LocalTensor<float> WeightsOf(const Samples<float>& samples, int32_t i, int32_t c) const {
    return samples.weight[c][t_->level[level_[i]].first_sample * queries_];
  }

  template <class Fetch>
  __aicore__ inline void Plane(Fetch* fetch) {
    PipeBarrier<PIPE_V>();
    Duplicate(sums_, 0.0f, t_->slots * queries_ * kLanes);
    for (int32_t i = 0; i < levels_; ++i) {
      const LevelTiling& level = t_->level[level_[i]];
      const int32_t lanes = level.points * queries_;
      const LocalTensor<int32_t> offsets = samples_->place[level.first_sample * queries_];
      for (int32_t g = 0; g < 4; ++g) {
        turn_ ^= 1;
        Gather(gathered_[turn_], resident_[plane_ * pitch_], offsets.template ReinterpretCast<uint32_t>(),
               W::Offset(level, g), static_cast<uint32_t>(lanes));
        PipeBarrier<PIPE_V>();
        MulAddDst(sums_, gathered_[turn_].template ReinterpretCast<T>(), WeightsOf(*samples_, i, g), lanes * kLanes);
        fetch->Feed();
      }
    }
  }

  // Channels of a plane, to rows of the chunk.
  __aicore__ inline void Keep(int32_t plane) {
    const int32_t n = queries_ * kLanes;
    for (int32_t slots = t_->slots; slots > 1;) {
      const int32_t half_of = slots / 2;
      slots -= half_of;
      PipeBarrier<PIPE_V>();
      Add(sums_, sums_, sums_[slots * n], half_of * n);
    }
    PipeBarrier<PIPE_V>();
    if (kLanes == 2) {
      // A pair of which one element is masked out gives the other: channels apart.
      const uint64_t even[2] = {0x5555555555555555, 0}, odd[2] = {0xaaaaaaaaaaaaaaaa, 0};
      PairReduceSum(chunk_[2 * plane * row_], sums_, CeilDiv(n, 64), even, 1, 1, 8);
      PairReduceSum(chunk_[(2 * plane + 1) * row_], sums_, CeilDiv(n, 64), odd, 1, 1, 8);
    } else {
      Adds(chunk_[plane * row_], sums_, 0.0f, queries_);
    }
  }

  // chunk[channel][query] to rows[query][channel], which are added to `sums` from channel `first` on.
  __aicore__ inline void Flush(const LocalTensor<float>& sums, int32_t first) {
    constexpr int32_t kPixel = kBlock / static_cast<int32_t>(sizeof(T));  // channels of a block of value
    LocalTensor<float> from[16], to[16];
    for (int32_t i = 0; i < 16; ++i) {
      from[i] = chunk_[(i & 7) * row_ + (i >> 3) * 8];
      to[i] = rows_[(i >> 1) * 8 + (i & 1) * 64];
    }
    PipeBarrier<PIPE_V>();
    TransDataTo5HD(to, from, Geometry<T>::Repeats(queries_ / 16, 16, 2));
    PipeBarrier<PIPE_V>();
    constexpr uint8_t kQuery = 4 * kPixel / 8;  // blocks of the sums of a query
    const LocalTensor<float> target = sums[first / kPixel * queries_ * 4 * kPixel + first % kPixel];
    Add(target, target, rows_, uint64_t{64}, queries_ / 8,
        BinaryRepeatParams(kQuery, kQuery, 1, 8 * kQuery, 8 * kQuery, 8));
  }

  const Tiling* t_;
  int32_t queries_, row_, pitch_, levels_ = 0, plane_ = 0, turn_ = 0;
  int32_t level_[kMaxLevels], table_at_[kMaxLevels];
  int64_t head_ = -1;
  GlobalTensor<float> planes_;
  TBuf<QuePosition::VECCALC> resident_buffer_, gathered_buffer_[2], table_buffer_[4], scratch_buffer_, chunk_buffer_,
      rows_buffer_, sums_buffer_;
  LocalTensor<float> resident_, gathered_[2], table_[4], scratch_, chunk_, rows_, sums_;
  const Samples<T>* samples_ = nullptr;
};

}  // namespace xmsda_ascend
