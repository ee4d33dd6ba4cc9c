// Shared by the kernels by planes: planes ahead of the work, places and weights of a block of queries.
// SPDX-License-Identifier: Apache-2.0
//
// Planes come to UB level by level; a block's places and weights stay in UB while all planes of the head pass by.
#pragma once

#include "words.h"

namespace xmsda_ascend {

// Planes in one buffer of UB. Its two parts, the largest level and the others, are loaded by turns: one comes while
// queue V works on the other, so that a second buffer, which would halve the queries of a block, is not needed. MTE2: a
// plane of 51.5 KB in about 800 cycles, where queue V works 4800 on it (320 queries of detr-enc).
class PlaneStream {
 public:
  __aicore__ inline void Init(GM_ADDR planes, const Tiling& tiling, TPipe* pipe) {
    t_ = &tiling;
    planes_.SetGlobalBuffer((__gm__ float*)planes);
    plane_ = Take<float>(pipe, &buffer_, RoundUp(tiling.plane_zone + tiling.plane_bytes, kGroups) / 4);
    Duplicate(plane_, 0.0f, tiling.plane_zone / 4);
  }
  // `plane` is the first one of a core, in planes of GM.
  __aicore__ inline void Begin(int64_t plane) {
    for (int32_t part = 0; part < 2; ++part) {
      SetFlag<HardEvent::V_MTE2>(Event(part));
      Load(part, plane);
    }
  }
  __aicore__ inline void End() {
    for (int32_t part = 0; part < 2; ++part) WaitFlag<HardEvent::V_MTE2>(Event(part));
  }

  // Queue V: part 0 or 1 of the next plane is there, and is not needed any more; -1: no plane follows.
  __aicore__ inline void Await(int32_t part) { WaitFlag<HardEvent::MTE2_V>(Event(part)); }
  __aicore__ inline void Release(int32_t part, int64_t next) {
    SetFlag<HardEvent::V_MTE2>(Event(part));
    if (next >= 0) Load(part, next);
  }

  __aicore__ inline const LocalTensor<float>& plane() const { return plane_; }

 private:
  __aicore__ static inline event_t Event(int32_t part) { return static_cast<event_t>(part); }

  __aicore__ inline void Load(int32_t part, int64_t plane) {
    const int32_t begin = part == 0 ? 0 : t_->plane_split, end = part == 0 ? t_->plane_split : t_->plane_bytes;
    WaitFlag<HardEvent::V_MTE2>(Event(part));
    if (end > begin) {
      DataCopy(plane_[(t_->plane_zone + begin) / 4], planes_[(plane * t_->plane_bytes + begin) / 4],
               static_cast<uint32_t>((end - begin) / 4));
    }
    SetFlag<HardEvent::MTE2_V>(Event(part));
  }

  const Tiling* t_;
  GlobalTensor<float> planes_;
  TBuf<QuePosition::VECCALC> buffer_;
  LocalTensor<float> plane_;
};

// A piece of the work: a block of queries of one head.
__aicore__ inline Place BlockOf(const Tiling& tiling, int64_t unit) {
  const int64_t block = unit % tiling.blocks;
  const auto begin = static_cast<int32_t>(block * tiling.queries / tiling.blocks);
  const auto end = static_cast<int32_t>((block + 1) * tiling.queries / tiling.blocks);
  return InARow(unit / tiling.blocks, begin, end - begin);
}

// Where the samples of a block of queries lie, and their weights: [K][queries of the block].
template <class T, bool kPairs, bool kBackward>
class PlaneSamples {
 public:
  using W = Words<T, kPairs>;
  using Geo = Geometry<T>;

  // What it needs during Compute only: scratch of the geometry, then the places and
  // weights of a tile.
  __aicore__ static inline int32_t ScratchBytes(const Tiling& tiling) {
    return Geo::ScratchBytes(tiling) + RoundUp(Geo::Lanes(tiling), 128) * (4 + 4 * kSize);
  }

  // Of a sample. One a corner takes twice as many gathers as pairs: what those are compared with.
  __aicore__ static inline int32_t Gathers(const Tiling& tiling) {
    return kPairs && tiling.corner_gathers != 0 ? 4 : W::kGathers;
  }
  // Bytes of gather `i` beyond the place of a sample.
  __aicore__ static inline uint32_t Offset(const Tiling& tiling, const LevelTiling& level, int32_t i) {
    return W::Offset(level, kPairs && tiling.corner_gathers != 0 ? i >> 1 : i);
  }

  // Weights, from where the pipe is on.
  __aicore__ inline void InitTables(const Tiling& tiling, TPipe* pipe) {
    const int32_t table = tiling.samples * tiling.block_queries;
    for (int32_t i = 0; i < Gathers(tiling); ++i) {
      table_[i] = Take<float>(pipe, &table_buffer_[i], RoundUp(table * 4, kGroups) / 4);
      Duplicate(table_[i], 0.0f, table);  // queries that a block does not have
    }
  }
  // The others; returns `scratch_bytes` of UB, at least ScratchBytes, that the caller may use between calls.
  __aicore__ inline LocalTensor<uint8_t> Init(GM_ADDR locations, GM_ADDR weights, const Tiling& tiling,
                                              int32_t scratch_bytes, TPipe* pipe) {
    t_ = &tiling;
    locations_.SetGlobalBuffer((__gm__ float*)locations);
    weights_.SetGlobalBuffer((__gm__ float*)weights);
    lanes_ = RoundUp(Geo::Lanes(tiling), 128);
    const int32_t table = tiling.samples * tiling.block_queries;
    offsets_ = Take<int32_t>(pipe, &offsets_buffer_, table);
    if (kPairs && tiling.corner_gathers != 0) {
      nothing_ = Take<half>(pipe, &nothing_buffer_, lanes_);
      Duplicate(nothing_, half(0), lanes_);
    }
    Duplicate(offsets_, 0, table);
    const LocalTensor<uint8_t> geometry = Take<uint8_t>(pipe, &geometry_buffer_, Geo::Bytes(tiling));
    const LocalTensor<uint8_t> scratch = Take<uint8_t>(pipe, &scratch_buffer_, scratch_bytes);
    Duplicate(scratch.template ReinterpretCast<float>(), 0.0f, scratch_bytes / 4);
    PipeBarrier<PIPE_V>();
    auto at = static_cast<uint32_t>(Geo::ScratchBytes(tiling));
    samples_.place = scratch[at].template ReinterpretCast<int32_t>();
    at += static_cast<uint32_t>(lanes_ * 4);
    for (int32_t c = 0; c < 4; ++c) {
      samples_.weight[c] = scratch[at].template ReinterpretCast<T>();
      at += static_cast<uint32_t>(lanes_ * kSize);
    }
    words_ = scratch.template ReinterpretCast<float>();  // what the geometry has left, when weights are interleaved
    geometry_.Init(tiling, geometry, scratch);
    return scratch;
  }

  __aicore__ inline void Begin() { SetFlag<HardEvent::V_MTE2>(kRaw); }
  __aicore__ inline void End() { WaitFlag<HardEvent::V_MTE2>(kRaw); }

  __aicore__ inline int32_t Tiles(const Place& block) const { return CeilDiv(block.count, t_->tile_queries); }

  // Queue MTE2: locations and weights of tile `tile` of a block.
  __aicore__ inline void Load(const Place& block, int32_t tile) {
    const int32_t queries = t_->tile_queries, first = tile * queries;
    const int32_t count = block.count - first < queries ? block.count - first : queries;
    WaitFlag<HardEvent::V_MTE2>(kRaw);
    geometry_.Load(locations_, weights_, block.head / t_->heads, block.query + first, block.head % t_->heads, count);
    SetFlag<HardEvent::MTE2_V>(kRaw);
  }

  // Queue V: the geometry of a tile that has been loaded; `load_next` is called as soon as the next one may be. With
  // `keep` its fractions stay there, and the tables as they are.
  template <class LoadNext>
  __aicore__ inline void Compute(int32_t tile, const Fractions* keep, LoadNext load_next) {
    WaitFlag<HardEvent::MTE2_V>(kRaw);
    if (keep != nullptr) geometry_.Keep(*keep);
    geometry_.Transpose();
    SetFlag<HardEvent::V_MTE2>(kRaw);
    load_next();
    geometry_.Compute(samples_);
    if (kBackward && keep != nullptr) return;
    PipeBarrier<PIPE_V>();
    ToTable(offsets_.template ReinterpretCast<float>(), samples_.place.template ReinterpretCast<float>(), tile);
    if (!kBackward) Weights(samples_, tile);
  }

  __aicore__ inline LocalTensor<uint32_t> Offsets(const LevelTiling& level) const {
    return offsets_[level.first_sample * t_->block_queries].template ReinterpretCast<uint32_t>();
  }
  __aicore__ inline LocalTensor<T> WeightsOf(const LevelTiling& level, int32_t gather) const {
    return table_[gather][level.first_sample * t_->block_queries].template ReinterpretCast<T>();
  }
  __aicore__ inline const Geo& geometry() const { return geometry_; }

 private:
  static constexpr int32_t kSize = sizeof(T);
  static constexpr event_t kRaw = EVENT_ID2;

  __aicore__ inline void ToTable(const LocalTensor<float>& table, const LocalTensor<float>& from, int32_t tile) {
    const int32_t queries = t_->tile_queries;
    const auto tile_blocks = static_cast<uint16_t>(queries / 8), blocks = static_cast<uint16_t>(t_->block_queries / 8);
    Copy(table[tile * queries], from, static_cast<uint64_t>(queries), t_->samples,
         CopyRepeatParams(1, 1, blocks, tile_blocks));
  }
  __aicore__ inline void Weights(const Samples<half>& samples, int32_t tile) {
    for (int32_t c = 0; c < 4 && Gathers(*t_) > W::kGathers; ++c) {
      // A word's other pixel gets weight 0.
      Interleave(words_, words_[lanes_], (c & 1) == 0 ? samples.weight[c] : nothing_,
                 (c & 1) != 0 ? samples.weight[c] : nothing_, lanes_);
      ToTable(table_[c], words_, tile);
    }
    for (int32_t i = 0; i < W::kGathers && Gathers(*t_) == W::kGathers; ++i) {
      Interleave(words_, words_[lanes_], samples.weight[kPairs ? 2 * i : i], samples.weight[kPairs ? 2 * i + 1 : i],
                 lanes_);
      ToTable(table_[i], words_, tile);
    }
  }
  __aicore__ inline void Weights(const Samples<float>& samples, int32_t tile) {
    for (int32_t i = 0; i < W::kGathers; ++i) ToTable(table_[i], samples.weight[i], tile);
  }

  const Tiling* t_;
  int32_t lanes_;
  GlobalTensor<float> locations_, weights_;
  TBuf<QuePosition::VECCALC> offsets_buffer_, table_buffer_[4], geometry_buffer_, scratch_buffer_, nothing_buffer_;
  LocalTensor<int32_t> offsets_;
  LocalTensor<float> table_[4], words_;
  LocalTensor<half> nothing_;
  Samples<T> samples_;
  Geo geometry_;
};

}  // namespace xmsda_ascend
