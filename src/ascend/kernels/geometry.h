// From sampling locations and attention weights of a tile of queries to places in memory and corner weights.
// SPDX-License-Identifier: Apache-2.0
//
// Everything is laid out [sample k][query q], so that a vector lane is a query and all samples of a tile are one
// instruction. Instructions it leans on, for K * T samples of a tile (cycles of queue V, per 64 samples):
// TransDataTo5HD to bring queries into lanes (2), four CompareScalar and four Select (2 each), about thirty
// instructions of 1 cycle in 17 groups that wait for the one before (about 20 a group and tile).
#pragma once

#include "common.h"

namespace xmsda_ascend {

// Places and the four corner weights of a tile.
template <class W>
struct Samples {
  // [K][T]: where the corner (y0, x0) lies, in blocks of 32 B of the image, or in bytes of the resident image or of a
  // plane; 0, which is the zone of zeros, where the sample is outside its level.
  LocalTensor<int32_t> place;
  LocalTensor<W> weight[4];  // [K][T] each: (y0, x0), (y0, x1), (y1, x0), (y1, x1), attention weight included
};

// What the backward pass needs of a tile beside Samples.
struct Fractions {
  LocalTensor<float> x, y;       // [K][T]: of the corner (y0, x0), in pixels
  LocalTensor<float> attention;  // the weights as given, 0 outside
  LocalTensor<uint8_t> inside;   // a bit a sample
};

// T is the type of value, W that of the weights.
template <class T, class W = T>
class Geometry {
 public:
  // UB bytes that it keeps, and those that it uses during Transpose and Compute only.
  __aicore__ static inline int32_t Bytes(const Tiling& tiling) {
    return Raw(tiling) + 6 * tiling.samples * kBlock + (tiling.raw != 0 ? Lanes(tiling) * 4 : 0);
  }
  __aicore__ static inline int32_t ScratchBytes(const Tiling& tiling) {
    const int32_t lanes = Lanes(tiling);
    return (4 * lanes + 3 * Padded(tiling)) * 4 + Masks(tiling) * RoundUp(lanes / 8, kBlock) +
           (tiling.raw != 0 ? lanes * 4 : 0);
  }
  __aicore__ static inline int32_t SamplesBytes(const Tiling& tiling) {
    return Lanes(tiling) * (4 + 4 * static_cast<int32_t>(sizeof(W)));
  }
  __aicore__ static inline int32_t FractionsBytes(const Tiling& tiling) {
    return 3 * Padded(tiling) * 4 + RoundUp(Lanes(tiling) / 8, kBlock);
  }
  // Results of the next Transpose and Compute; without it they are scratch.
  __aicore__ inline void Keep(const Fractions& fractions) {
    x_ = fractions.x;
    y_ = fractions.y;
    a_ = fractions.attention;
    mask_[0] = fractions.inside;
  }
  __aicore__ static inline Fractions FractionsAt(const Tiling& tiling, const LocalTensor<uint8_t>& ub) {
    const auto bytes = static_cast<uint32_t>(Padded(tiling) * 4);
    return {ub.ReinterpretCast<float>(), ub[bytes].template ReinterpretCast<float>(),
            ub[2 * bytes].template ReinterpretCast<float>(), ub[3 * bytes]};
  }
  // K * T, filled up to whole repeats.
  __aicore__ static inline int32_t Lanes(const Tiling& tiling) {
    return RoundUp(tiling.samples * tiling.tile_queries, 64);
  }

  __aicore__ inline void Init(const Tiling& tiling, const LocalTensor<uint8_t>& ub,
                              const LocalTensor<uint8_t>& scratch) {
    tiling_ = &tiling;
    lanes_ = Lanes(tiling);
    row_ = RoundUp(2 * tiling.samples, 8);
    weight_row_ = RoundUp(tiling.samples, 8);
    const auto blocks = static_cast<uint8_t>(tiling.tile_queries / 8);
    by_sample_ = BinaryRepeatParams(1, 1, 0, blocks, blocks, 1);
    int32_t at = 0;
    raw_locations_ = Part<float>(ub, &at, tiling.tile_queries * row_ * 4);
    raw_weights_ = Part<float>(ub, &at, tiling.tile_queries * weight_row_ * 4);
    width_ = Part<float>(ub, &at, tiling.samples * kBlock);
    height_ = Part<float>(ub, &at, tiling.samples * kBlock);
    stride_ = Part<int32_t>(ub, &at, tiling.samples * kBlock);
    unit_ = Part<int32_t>(ub, &at, tiling.samples * kBlock);
    base_ = Part<int32_t>(ub, &at, tiling.samples * kBlock);
    border_ = Part<int32_t>(ub, &at, tiling.samples * kBlock);
    if (tiling.raw != 0) nowhere_ = Part<int32_t>(ub, &at, lanes_ * 4);
    at = 0;
    for (auto* tensor : {&x_, &y_, &a_}) *tensor = Part<float>(scratch, &at, Padded(tiling) * 4);
    for (auto* tensor : {&s_, &t_, &u_, &v_}) *tensor = Part<float>(scratch, &at, lanes_ * 4);
    for (int32_t i = 0; i < Masks(tiling); ++i) mask_[i] = Part<uint8_t>(scratch, &at, RoundUp(lanes_ / 8, kBlock));
    if (tiling.raw != 0) beside_ = Part<int32_t>(scratch, &at, lanes_ * 4);
    FillConstants();
  }

  // Queue MTE2: locations [B,Q,M,K,2] and weights [B,Q,M,K] of `count` queries from `query` on, to lanes from `lane`
  // on.
  __aicore__ inline void Load(const GlobalTensor<float>& locations, const GlobalTensor<float>& weights, int64_t batch,
                              int64_t query, int64_t head, int32_t count, int32_t lane = 0) {
    const int64_t first = (batch * tiling_->queries + query) * tiling_->heads + head;
    const int32_t samples = tiling_->samples;
    const auto rows = static_cast<uint16_t>(count);
    const auto others = static_cast<uint32_t>((tiling_->heads - 1) * samples * 4);
    DataCopyPad(raw_locations_[lane * row_], locations[first * samples * 2],
                DataCopyExtParams(rows, static_cast<uint32_t>(samples * 8), 2 * others, 0, 0),
                DataCopyPadExtParams<float>(true, 0, static_cast<uint8_t>(row_ - 2 * samples), 0));
    DataCopyPad(raw_weights_[lane * weight_row_], weights[first * samples],
                DataCopyExtParams(rows, static_cast<uint32_t>(samples * 4), others, 0, 0),
                DataCopyPadExtParams<float>(true, 0, static_cast<uint8_t>(weight_row_ - samples), 0));
  }

  // Queue V: reads what Load brought; what is loaded next may come once this is through. 16 queries by 8 lanes at a
  // time: lanes of a location row are x and y in turn.
  __aicore__ inline void Transpose() {
    const int32_t queries = tiling_->tile_queries;
    LocalTensor<float> from[16], to[16];
    PipeBarrier<PIPE_V>();
    for (int32_t q = 0; q < queries; q += 16) {
      for (int32_t i = 0; i < 16; ++i) {
        from[i] = raw_locations_[(q + i) * row_];
        to[i] = ((i >> 1 & 1) != 0 ? y_ : x_)[(i >> 2) * queries + q + (i & 1) * 8];
      }
      TransDataTo5HD(to, from, Repeats(row_ / 8, queries / 2, 1));
      for (int32_t i = 0; i < 16; ++i) {
        from[i] = raw_weights_[(q + i) * weight_row_];
        to[i] = a_[(i >> 1) * queries + q + (i & 1) * 8];
      }
      TransDataTo5HD(to, from, Repeats(weight_row_ / 8, queries, 1));
    }
  }

  // Of TransDataTo5HD, strides in blocks. A single repeat would start a stride behind its addresses.
  __aicore__ static inline TransDataTo5HDParams Repeats(int32_t repeats, int32_t to, int32_t from) {
    const bool one = repeats == 1;
    return {false, false, static_cast<uint8_t>(repeats), static_cast<uint16_t>(one ? 0 : to),
            static_cast<uint16_t>(one ? 0 : from)};
  }

  // dst[k][q] *= width (height) of the level of sample k.
  __aicore__ inline void TimesWidth(const LocalTensor<float>& dst) const { TimesSide(dst, width_); }
  __aicore__ inline void TimesHeight(const LocalTensor<float>& dst) const { TimesSide(dst, height_); }

  // What Compute does in passing: nothing.
  struct NoWindows {
    static constexpr bool kAny = false;
    __aicore__ inline void Locate(const Samples<W>&, const LocalTensor<float>&, const LocalTensor<float>&,
                                  const LocalTensor<float>&, const LocalTensor<float>&, const LocalTensor<uint8_t>&,
                                  const BinaryRepeatParams&) {}
  };

  // Queue V, after Transpose. `windows` gets the places, the corners (x0, y0) as floats in tensors that it may write
  // to, two that are free, the bits of samples inside.
  template <class Windows = NoWindows>
  __aicore__ inline void Compute(const Samples<W>& out, Windows windows = {}) {
    const auto n = static_cast<uint32_t>(lanes_);
    const int32_t count = lanes_;
    const auto queries = static_cast<uint64_t>(tiling_->tile_queries);
    const int64_t samples = tiling_->samples;
    PipeBarrier<PIPE_V>();
    Mul(x_, x_, width_, queries, samples, by_sample_);
    Mul(y_, y_, height_, queries, samples, by_sample_);
    PipeBarrier<PIPE_V>();
    Adds(x_, x_, -0.5f, count);
    Adds(y_, y_, -0.5f, count);
    PipeBarrier<PIPE_V>();
    // Inside: x > -1, x < width and the same for y; false for NaN.
    CompareScalar(mask_[0], x_, -1.0f, CMPMODE::GT, n);
    CompareScalar(mask_[1], y_, -1.0f, CMPMODE::GT, n);
    Sub(s_, x_, width_, queries, samples, by_sample_);
    Sub(t_, y_, height_, queries, samples, by_sample_);
    PipeBarrier<PIPE_V>();
    CompareScalar(mask_[2], s_, 0.0f, CMPMODE::LT, n);
    CompareScalar(mask_[3], t_, 0.0f, CMPMODE::LT, n);
    if (tiling_->raw != 0) {
      CompareScalar(mask_[4], s_, -1.0f, CMPMODE::LT, n);
      CompareScalar(mask_[5], t_, -1.0f, CMPMODE::LT, n);
      CompareScalar(mask_[6], x_, 0.0f, CMPMODE::GE, n);
      CompareScalar(mask_[7], y_, 0.0f, CMPMODE::GE, n);
    }
    PipeBarrier<PIPE_V>();
    AndMask(0, 1);
    AndMask(2, 3);
    PipeBarrier<PIPE_V>();
    AndMask(0, 2);
    PipeBarrier<PIPE_V>();
    for (const auto& tensor : {x_, y_, a_}) {
      Select(tensor, mask_[0], tensor, 0.0f, SELMODE::VSEL_TENSOR_SCALAR_MODE, n);
    }
    PipeBarrier<PIPE_V>();
    const LocalTensor<int32_t> column = s_.template ReinterpretCast<int32_t>();
    const LocalTensor<int32_t> row = t_.template ReinterpretCast<int32_t>();
    Cast(column, x_, RoundMode::CAST_FLOOR, n);
    Cast(row, y_, RoundMode::CAST_FLOOR, n);
    PipeBarrier<PIPE_V>();
    Cast(u_, column, RoundMode::CAST_NONE, n);
    Cast(v_, row, RoundMode::CAST_NONE, n);
    if (tiling_->raw != 0) Border(column, row);
    Mul(out.place, row, stride_, queries, samples, by_sample_);
    PipeBarrier<PIPE_V>();
    if (tiling_->planes == kPairPlanes) SkipCopies(column);
    Mul(column, column, unit_, queries, samples, by_sample_);
    Sub(x_, x_, u_, count);  // from here on the fractions
    Sub(y_, y_, v_, count);
    Add(out.place, out.place, base_, queries, samples, by_sample_);
    PipeBarrier<PIPE_V>();
    Add(out.place, out.place, column, static_cast<int32_t>(queries) * tiling_->samples);
    if (Windows::kAny) {
      PipeBarrier<PIPE_V>();
      SelectPlaces(out.place);
      windows.Locate(out, u_, v_, s_, t_, mask_[0], by_sample_);
      PipeBarrier<PIPE_V>();
    }
    Mul(v_, a_, y_, count);  // weight of row y1
    PipeBarrier<PIPE_V>();
    if (!Windows::kAny) SelectPlaces(out.place);
    Sub(u_, a_, v_, count);  // of row y0
    Mul(t_, v_, x_, count);  // (y1, x1)
    PipeBarrier<PIPE_V>();
    Mul(s_, u_, x_, count);  // (y0, x1)
    PipeBarrier<PIPE_V>();
    Sub(v_, v_, t_, count);
    Sub(u_, u_, s_, count);
    PipeBarrier<PIPE_V>();
    Store(out.weight[0], u_, n);
    Store(out.weight[1], s_, n);
    Store(out.weight[2], v_, n);
    Store(out.weight[3], t_, n);
  }

  // Lanes that Transpose writes, eight samples at a time.
  __aicore__ static inline int32_t Padded(const Tiling& tiling) {
    return RoundUp(RoundUp(tiling.samples, 8) * tiling.tile_queries, 64);
  }

 private:
  __aicore__ inline void TimesSide(const LocalTensor<float>& dst, const LocalTensor<float>& side) const {
    Mul(dst, dst, side, static_cast<uint64_t>(tiling_->tile_queries), tiling_->samples, by_sample_);
  }
  template <class U>
  __aicore__ static inline LocalTensor<U> Part(const LocalTensor<uint8_t>& ub, int32_t* at, int32_t bytes) {
    const LocalTensor<U> part = ub[static_cast<uint32_t>(*at)].template ReinterpretCast<U>();
    *at += bytes;
    return part;
  }
  __aicore__ static inline int32_t Masks(const Tiling& tiling) { return tiling.raw != 0 ? 8 : 4; }
  __aicore__ static inline int32_t Raw(const Tiling& tiling) {
    return tiling.tile_queries * 4 * (RoundUp(2 * tiling.samples, 8) + RoundUp(tiling.samples, 8));
  }

  // One block of eight equal lanes for each sample of the K axis.
  __aicore__ inline void FillConstants() {
    const int32_t queries = tiling_->tile_queries;
    for (int32_t l = 0; l < tiling_->num_levels; ++l) {
      const LevelTiling& level = tiling_->level[l];
      const int32_t lanes = level.points * 8, at = level.first_sample * 8;
      if (lanes == 0) continue;
      const bool resident = level.resident_start >= 0;
      if (level.plane_row > 0) {
        const int32_t pixel = tiling_->planes == kPairPlanes ? 2 : 4;
        FillLevel(at, lanes, level, level.plane_row, pixel, level.plane_start + level.plane_row + pixel);
        continue;
      }
      const int32_t blocks = CeilDiv(tiling_->channels * static_cast<int32_t>(sizeof(T)), kBlock);
      const int32_t unit = blocks * (resident ? kBlock : tiling_->raw != 0 ? tiling_->heads : 1);
      const int32_t border = tiling_->raw != 0 && !resident ? 0 : 1;
      const int32_t stride = (level.width + border) * unit;
      const int32_t start = resident ? level.resident_start : border != 0 ? level.image_start : level.value_start;
      FillLevel(at, lanes, level, stride, unit, start * unit + border * (stride + unit));
      Duplicate(border_[at], -(level.width + 1), lanes);
      if (tiling_->raw != 0) {
        Duplicate(nowhere_[level.first_sample * queries], resident ? 0 : kNowhere, level.points * queries);
      }
    }
    // What has never been loaded, beyond the queries of a tile or the samples of K * T, is read as 0.
    Duplicate(raw_locations_, 0.0f, queries * row_);
    Duplicate(raw_weights_, 0.0f, queries * weight_row_);
    for (const auto& tensor : {s_, t_}) Duplicate(tensor, 0.0f, lanes_);
    for (const auto& tensor : {x_, y_, a_}) Duplicate(tensor, 0.0f, Padded(*tiling_));
    PipeBarrier<PIPE_V>();
  }

  __aicore__ inline void FillLevel(int32_t at, int32_t lanes, const LevelTiling& level, int32_t stride, int32_t unit,
                                   int32_t base) {
    Duplicate(width_[at], static_cast<float>(level.width), lanes);
    Duplicate(height_[at], static_cast<float>(level.height), lanes);
    Duplicate(stride_[at], stride, lanes);
    Duplicate(unit_[at], unit, lanes);
    Duplicate(base_[at], base, lanes);
  }

  // In a plane of pairs every sixteenth element is the copy of the next: column += floor((column + 1) / 15), u_ has it
  // as a float. The half keeps quotients off whole numbers.
  __aicore__ inline void SkipCopies(const LocalTensor<int32_t>& column) {
    const LocalTensor<int32_t> blocks = t_.template ReinterpretCast<int32_t>();
    Adds(t_, u_, 1.5f, lanes_);
    PipeBarrier<PIPE_V>();
    Muls(t_, t_, 1.0f / 15, lanes_);
    PipeBarrier<PIPE_V>();
    Cast(blocks, t_, RoundMode::CAST_FLOOR, static_cast<uint32_t>(lanes_));
    PipeBarrier<PIPE_V>();
    Add(column, column, blocks, lanes_);
    PipeBarrier<PIPE_V>();
  }

  // Places of samples that are not wholly inside their level, where pixels are read from value as it is: beside_.
  __aicore__ inline void Border(const LocalTensor<int32_t>& column, const LocalTensor<int32_t>& row) {
    const auto queries = static_cast<uint64_t>(tiling_->tile_queries);
    const int32_t count = tiling_->samples * tiling_->tile_queries;
    AndMask(4, 5);
    AndMask(6, 7);
    Mul(beside_, row, border_, queries, tiling_->samples, by_sample_);
    PipeBarrier<PIPE_V>();
    AndMask(4, 6);
    Sub(beside_, beside_, column, count);
    PipeBarrier<PIPE_V>();
    Add(beside_, beside_, border_, queries, tiling_->samples, by_sample_);
    PipeBarrier<PIPE_V>();
    Adds(beside_, beside_, -2, count);
  }
  __aicore__ inline void SelectPlaces(const LocalTensor<int32_t>& places) {
    const LocalTensor<float> place = places.ReinterpretCast<float>();  // bits are moved only
    const auto n = static_cast<uint32_t>(tiling_->samples * tiling_->tile_queries);
    if (tiling_->raw == 0) {
      Select(place, mask_[0], place, 0.0f, SELMODE::VSEL_TENSOR_SCALAR_MODE, n);
      return;
    }
    for (int32_t l = 0; l < tiling_->num_levels; ++l) {
      const LevelTiling& level = tiling_->level[l];
      const int32_t at = level.first_sample * tiling_->tile_queries, count = level.points * tiling_->tile_queries;
      if (level.resident_start >= 0 && count > 0) Adds(beside_[at], places[at], 0, count);
    }
    PipeBarrier<PIPE_V>();
    Select(place, mask_[4], place, beside_.template ReinterpretCast<float>(), SELMODE::VSEL_TENSOR_TENSOR_MODE, n);
    PipeBarrier<PIPE_V>();
    Select(place, mask_[0], place, nowhere_.template ReinterpretCast<float>(), SELMODE::VSEL_TENSOR_TENSOR_MODE, n);
  }
  __aicore__ inline void AndMask(int32_t into, int32_t with) {
    const LocalTensor<uint16_t> mask = mask_[into].template ReinterpretCast<uint16_t>();
    And(mask, mask, mask_[with].template ReinterpretCast<uint16_t>(), lanes_ / 16);
  }
  __aicore__ static inline void Store(const LocalTensor<half>& to, const LocalTensor<float>& from, uint32_t count) {
    Cast(to, from, RoundMode::CAST_NONE, count);
  }
  __aicore__ static inline void Store(const LocalTensor<float>& to, const LocalTensor<float>& from, uint32_t count) {
    Adds(to, from, 0.0f, static_cast<int32_t>(count));
  }

  const Tiling* tiling_;
  int32_t lanes_, row_, weight_row_;
  LocalTensor<float> raw_locations_, raw_weights_, x_, y_, a_, s_, t_, u_, v_, width_, height_;
  LocalTensor<int32_t> stride_, unit_, base_, border_, beside_, nowhere_;
  LocalTensor<uint8_t> mask_[8];
  BinaryRepeatParams by_sample_;  // a repeat is the queries of one sample; of the third operand it reads one block only
};

}  // namespace xmsda_ascend
