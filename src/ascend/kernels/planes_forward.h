// Forward by planes, one channel (or word of channels) at a time: variants `xmsda` and `xmsda-aligned`.
// SPDX-License-Identifier: Apache-2.0
//
// A lane is a query. Places and weights of all samples of a block of queries stay in UB while the planes of the head
// pass by; all points of a level are one instruction. `xmsda` (planes of pairs) gathers the pixels (x0, x1) of a row as
// one word, at an address that is a multiple of 2 only: it works on silicon and is not documented (rule
// misaligned-gather32 of the simulator must be off). `xmsda-aligned` (planes of words) gathers the four corners of two
// half channels, or of a float one: the same number of gathers for half, documented use only, 1.8 times the bytes in
// UB.
//
// Instructions it leans on, for 64 queries, a sample and a half channel: two Gather of 32 bits (V: 26 each), two
// MulAddDst of half into float (V: 4 each). All 32 channels, a sample of detr-enc: Gather 26.3, MulAddDst 5, geometry
// 2, the rest 2, 35.8 cycles simulated with queue V busy for 98 %. Products of half are exact and sums float32; half
// sums flushed once a level would save 1.2 of the 5, at the cost of twice the error and of overflow. MTE2: planes and
// nothing else, 366 B a sample for blocks of 288 queries, 5.5 cycles beside queue V.
//
// UB a query: offsets and weights (12 B a sample for pairs, 20 for words), float32 sums of each point of a level (8 B),
// two buffers of gathered words (4 B a point), 64 B of output; besides a plane and the geometry of 32 queries.
#pragma once

#include "planes_gather.h"

namespace xmsda_ascend {

template <class T, bool kPairs>
class PlanesForward {
 public:
  __aicore__ inline void Init(GM_ADDR planes, GM_ADDR locations, GM_ADDR weights, GM_ADDR output, const Tiling& tiling,
                              TPipe* pipe) {
    t_ = &tiling;
    queries_ = tiling.block_queries;
    output_.SetGlobalBuffer((__gm__ T*)output);
    stream_.Init(planes, tiling, pipe);
    const int32_t lanes = tiling.slots * queries_;
    for (int32_t i = 0; i < 2; ++i) {
      gathered_[i] = Take<float>(pipe, &gathered_buffer_[i], (RoundUp(lanes * 4, kGroups) + i * kGroups / 2) / 4);
    }
    samples_.InitTables(tiling, pipe);
    chunk_ = Take<T>(pipe, &chunk_buffer_, queries_ * kBlock / kSize);
    out_ = Take<T>(pipe, &out_buffer_, queries_ * kBlock / kSize);
    Duplicate(chunk_, T(0), queries_ * kBlock / kSize);
    if (kPairs) whole_ = Take<float>(pipe, &whole_buffer_, queries_);
    // Sums and the scratch of the geometry take turns. Far from gathered words and weights and so in another bank: a
    // write that meets a read of MulAddDst on its bank costs a cycle a repeat, half of what it takes.
    const int32_t sums = lanes * 4 * W::kLanes, scratch = Samples::ScratchBytes(tiling);
    const int32_t most = sums > scratch ? sums : scratch;
    const LocalTensor<uint8_t> shared = samples_.Init(locations, weights, tiling, most, pipe);
    sums_ = shared.ReinterpretCast<float>();
    PipeBarrier<PIPE_ALL>();
  }

  __aicore__ inline void Run() {
    groups_ = CeilDiv(t_->head_planes, t_->group_planes);
    const Range range = ShareOf(int64_t(t_->batch) * t_->heads * t_->blocks * groups_);
    if (range.begin == range.end) return;
    end_ = range.end;
    samples_.Begin();
    SetFlag<HardEvent::MTE3_V>(kOut);
    samples_.Load(UnitOf(range.begin).block, 0);
    stream_.Begin(UnitOf(range.begin).plane);
    for (int64_t unit = range.begin; unit < range.end; ++unit) RunUnit(unit);
    samples_.End();
    stream_.End();
    WaitFlag<HardEvent::MTE3_V>(kOut);
  }

 private:
  using W = Words<T, kPairs>;
  using Samples = PlaneSamples<T, kPairs, false>;
  static constexpr int32_t kSize = sizeof(T);
  static constexpr int32_t kChunk = kPairs ? 16 : 8;  // planes whose channels fill a block
  static constexpr event_t kOut = EVENT_ID0;

  struct Unit {
    Place block;
    int64_t plane;          // the first, in GM
    int32_t first, planes;  // of the head
  };
  // Planes of a group follow each other within a block of queries, blocks within a head.
  __aicore__ inline Unit UnitOf(int64_t i) const {
    Unit unit;
    unit.block = BlockOf(*t_, i / groups_);
    unit.first = static_cast<int32_t>(i % groups_) * t_->group_planes;
    const int32_t left = t_->head_planes - unit.first;
    unit.planes = left < t_->group_planes ? left : t_->group_planes;
    unit.plane = unit.block.head * t_->head_planes + unit.first;
    return unit;
  }

  __aicore__ inline void RunUnit(int64_t i) {
    const Unit unit = UnitOf(i);
    const int32_t tiles = samples_.Tiles(unit.block);
    for (int32_t tile = 0; tile < tiles; ++tile) {
      samples_.Compute(tile, nullptr, [&] {
        if (tile + 1 < tiles) {
          samples_.Load(unit.block, tile + 1);
        } else if (i + 1 < end_) {
          samples_.Load(UnitOf(i + 1).block, 0);
        }
      });
    }
    const int64_t after = i + 1 < end_ ? UnitOf(i + 1).plane : -1;
    for (int32_t p = 0; p < unit.planes; ++p) {
      Plane(p + 1 < unit.planes ? unit.plane + p + 1 : after);
      Keep(p % kChunk);
      if (p % kChunk == kChunk - 1 || p + 1 == unit.planes) Flush(unit, p / kChunk * kChunk, p % kChunk + 1);
    }
  }

  // Queue V: sums[point of a level][query][lane of a word] over levels and rows.
  __aicore__ inline void Plane(int64_t next) {
    PipeBarrier<PIPE_V>();
    Duplicate(sums_, 0.0f, t_->slots * queries_ * W::kLanes);
    for (int32_t i = 0; i < t_->num_levels; ++i) {
      const LevelTiling& level = t_->level[t_->plane_level[i]];
      if (i < 2) stream_.Await(i);
      const int32_t lanes = level.points * queries_;
      for (int32_t g = 0; g < Samples::Gathers(*t_) && lanes > 0; ++g) {
        turn_ ^= 1;
        Gather(gathered_[turn_], stream_.plane(), samples_.Offsets(level), Samples::Offset(*t_, level, g),
               static_cast<uint32_t>(lanes));
        PipeBarrier<PIPE_V>();
        MulAddDst(sums_, gathered_[turn_].template ReinterpretCast<T>(), samples_.WeightsOf(level, g),
                  lanes * W::kLanes);
      }
      if (i == 0) stream_.Release(0, next);
    }
    if (t_->num_levels == 1) stream_.Await(1);
    stream_.Release(1, next);
  }

  // Queue V: the channels of a plane, into row `row` of the chunk.
  __aicore__ inline void Keep(int32_t row) {
    const int32_t n = queries_ * W::kLanes;
    for (int32_t slots = t_->slots; slots > 1;) {
      const int32_t half_of = slots / 2;
      slots -= half_of;
      PipeBarrier<PIPE_V>();
      Add(sums_, sums_, sums_[slots * n], half_of * n);
    }
    PipeBarrier<PIPE_V>();
    if (kPairs) {
      PairReduceSum(whole_, sums_, n / 64, 64, 1, 1, 8);
      PipeBarrier<PIPE_V>();
      Narrow(chunk_[row * queries_], whole_, queries_);
    } else {
      Narrow(chunk_[row * n], sums_, n);
    }
  }
  __aicore__ static inline void Narrow(const LocalTensor<half>& to, const LocalTensor<float>& from, int32_t count) {
    Cast(to, from, RoundMode::CAST_NONE, static_cast<uint32_t>(count));
  }
  __aicore__ static inline void Narrow(const LocalTensor<float>& to, const LocalTensor<float>& from, int32_t count) {
    Adds(to, from, 0.0f, count);
  }

  // Queue V: [plane][query] to [query][plane]; queue MTE3: 32 bytes a query to the output.
  __aicore__ inline void Flush(const Unit& unit, int32_t first, int32_t planes) {
    PipeBarrier<PIPE_V>();
    WaitFlag<HardEvent::MTE3_V>(kOut);
    if (kPairs) {
      Transpose16(out_.template ReinterpretCast<half>(), chunk_.template ReinterpretCast<half>());
    } else {
      Transpose8(out_.template ReinterpretCast<float>(), chunk_.template ReinterpretCast<float>());
    }
    SetFlag<HardEvent::V_MTE3>(kOut);
    WaitFlag<HardEvent::V_MTE3>(kOut);
    constexpr int32_t kChannels = kPairs ? 1 : W::kLanes;  // of a plane
    const int64_t batch = unit.block.head / t_->heads, head = unit.block.head % t_->heads;
    const int64_t row = (batch * t_->queries + unit.block.query) * t_->heads + head;
    const auto bytes = static_cast<uint32_t>(planes * kChannels * kSize);
    DataCopyPad(output_[row * t_->channels + (unit.first + first) * kChannels], out_,
                DataCopyExtParams(static_cast<uint16_t>(unit.block.count), bytes, 0,
                                  static_cast<uint32_t>(t_->heads * t_->channels * kSize) - bytes, 0));
    SetFlag<HardEvent::MTE3_V>(kOut);
  }
  __aicore__ inline void Transpose16(const LocalTensor<half>& to_rows, const LocalTensor<half>& rows) const {
    LocalTensor<half> from[16], to[16];
    for (int32_t i = 0; i < 16; ++i) {
      from[i] = rows[i * queries_];
      to[i] = to_rows[i * 16];
    }
    TransDataTo5HD(to, from, Geometry<T>::Repeats(queries_ / 16, 16, 1));
  }
  __aicore__ inline void Transpose8(const LocalTensor<float>& to_rows, const LocalTensor<float>& rows) const {
    LocalTensor<float> from[16], to[16];
    for (int32_t i = 0; i < 16; ++i) {
      from[i] = rows[(i & 7) * queries_ + (i >> 3) * 8];
      to[i] = to_rows[(i >> 1) * 8 + (i & 1) * 64];
    }
    TransDataTo5HD(to, from, Geometry<T>::Repeats(queries_ / 16, 16, 2));
  }

  const Tiling* t_;
  int32_t queries_, groups_ = 1, turn_ = 0;
  int64_t end_ = 0;
  GlobalTensor<T> output_;
  PlaneStream stream_;
  Samples samples_;
  TBuf<QuePosition::VECCALC> gathered_buffer_[2], chunk_buffer_, out_buffer_, whole_buffer_;
  LocalTensor<float> gathered_[2], sums_, whole_;
  LocalTensor<T> chunk_, out_;
};

}  // namespace xmsda_ascend
