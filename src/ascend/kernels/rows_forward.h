// Forward by rows of pixels, all channels of a head at a time: variants `dma1`, `resident` and `hybrid`.
// SPDX-License-Identifier: Apache-2.0
//
// A sample's two rows of two pixels arrive by one copy from the image in GM, or by one Gatherb from the levels that are
// kept in UB: none in `dma1`, as many as fit in `resident`. In `hybrid` small levels are words.h's business.
//
// Instructions it leans on, a sample of 32 half channels: DataCopy of two bursts of 128 B (MTE2: 21 cycles, S: 4 and
// half a GetValue of two places, 6), or Gatherb of eight blocks (V: 8); Brcb of four weights, twice (V: 1); Cast of the
// rows to float32 (V: 4); MulAddDst over the four corners (V: 4). Weights, products and sums are float32. (With weights
// rounded to half MulAddDst takes half rows as they are, 4 cycles less, but the rms error of half outputs is 1.4 times
// that of their rounding. `hybrid`, whose gathers of words come with half weights in any case, does that still.)
//
// UB: two buffers for the rows of T fetched samples and one for gathered ones (256 B a sample each), the rows of a
// sample in float32 (512 B), its weights in all lanes (256 B), float32 sums (512 B a query), geometry and places of two
// tiles, the resident image.
#pragma once

#include "rows_fetch.h"
#include "whole.h"
#include "words.h"

namespace xmsda_ascend {

// Types of the corners' weights by that of value, where they are float32 and where not.
template <class T, bool kFloat>
struct WeightType {
  using Type = float;
};
template <class T>
struct WeightType<T, false> {
  using Type = T;
};

template <class T, bool kHybrid = false>
class RowsForward {
 public:
  __aicore__ inline void Init(GM_ADDR image, GM_ADDR zeros, GM_ADDR locations, GM_ADDR weights, GM_ADDR output,
                              const Tiling& tiling, TPipe* pipe, GM_ADDR planes = nullptr) {
    t_ = &tiling;
    queries_ = tiling.tile_queries;
    blocks_ = CeilDiv(tiling.channels, kLanes);
    row_ = 4 * blocks_ * kLanes;
    image_.SetGlobalBuffer((__gm__ T*)image);
    fetch_.Init(image, zeros, tiling, pipe);
    locations_.SetGlobalBuffer((__gm__ float*)locations);
    weights_.SetGlobalBuffer((__gm__ float*)weights);
    output_.SetGlobalBuffer((__gm__ T*)output);
    InitBuffers(pipe);
    if constexpr (kHybrid) words_.Init(planes, tiling, pipe);
    PipeBarrier<PIPE_ALL>();
  }

  __aicore__ inline void Run() {
    const Range range = ShareOf(int64_t(t_->batch) * t_->heads * t_->tiles);
    if (range.begin == range.end) return;
    end_ = range.end;
    fetch_.Begin(range.begin, range.end);
    SetFlag<HardEvent::V_MTE2>(kRaw);
    SetFlag<HardEvent::MTE3_V>(kOut);
    Load(range.begin);
    Prepare(range.begin);
    for (int64_t unit = range.begin; unit < range.end; ++unit) RunTile(unit);
    WaitFlag<HardEvent::V_MTE2>(kRaw);
    fetch_.End();
    WaitFlag<HardEvent::MTE3_V>(kOut);
  }

 private:
  static constexpr int32_t kSize = sizeof(T);
  static constexpr int32_t kLanes = kBlock / kSize;       // channels of a block
  static constexpr bool kWiden = kSize == 2 && !kHybrid;  // rows are taken to float32
  using W = typename WeightType<T, kWiden>::Type;
  using Geo = Geometry<T, W>;
  static constexpr int32_t kWeightLanes = kBlock / static_cast<int32_t>(sizeof(W));
  static constexpr event_t kOut = EVENT_ID0, kRaw = EVENT_ID2, kResident = EVENT_ID3;

  // Blocks from the weights of a query to those of the next. Of half weights 4 are used: with rows of 8 blocks (32
  // channels) the two sources of MulAddDst then never meet in a bank group, which costs it 1.5 of 3.5 cycles a repeat.
  // Of float32 weights by rows that have been widened 8 are used, two a corner.
  static constexpr int32_t kPitch = kSize == 2 ? 8 : 4;

  __aicore__ inline void InitBuffers(TPipe* pipe) {
    if (t_->resident_pixels > 0) gathered_ = Take<T>(pipe, &gathered_buffer_, queries_ * row_);
    if (!kWiden) InitSpread(pipe);
    if (!kWiden) {
      out_ = Take<T>(pipe, &out_buffer_, queries_ * row_ / 4);
      if (t_->resident_pixels > 0) InitResident(pipe);
    }
    // Sums and the scratch of the geometry take turns. In another bank than the sources of MulAddDst, where they are
    // half a UB apart: a write that meets a read of the same instruction on its bank costs a cycle a repeat.
    const int32_t scratch = Geo::ScratchBytes(*t_), sums = queries_ * row_ * 4;
    const LocalTensor<uint8_t> shared = Take<uint8_t>(pipe, &sums_buffer_, scratch > sums ? scratch : sums);
    sums_ = shared.ReinterpretCast<float>();
    if (kWiden) {
      out_ = Take<T>(pipe, &out_buffer_, queries_ * row_ / 4);
      if (t_->resident_pixels > 0) InitResident(pipe);
      InitSpread(pipe);
    }
    const LocalTensor<uint8_t> geometry = Take<uint8_t>(pipe, &geometry_buffer_, Geo::Bytes(*t_));
    geometry_.Init(*t_, geometry, shared);
    const int32_t lanes = Geo::Lanes(*t_);
    constexpr int32_t size = sizeof(W);
    for (int32_t i = 0; i < 2; ++i) {
      const int32_t bytes = Geo::SamplesBytes(*t_);
      const LocalTensor<uint8_t> ub = Take<uint8_t>(pipe, &samples_buffer_[i], bytes);
      if (kHybrid) Duplicate(ub.ReinterpretCast<float>(), 0.0f, bytes / 4);
      samples_[i].place = ub.ReinterpretCast<int32_t>();
      for (int32_t c = 0; c < 4; ++c) {
        samples_[i].weight[c] = ub[static_cast<uint32_t>(lanes * (4 + c * size))].template ReinterpretCast<W>();
      }
    }
  }

  __aicore__ inline void InitSpread(TPipe* pipe) {
    if (kWiden) {
      // Eight blocks apart modulo 16: the two sources of MulAddDst never meet in a bank group.
      const int32_t wide = queries_ * blocks_ * 64;
      wide_ = Take<float>(pipe, &spread_buffer_, wide + queries_ * 64 + 64);
      spread_[0] = wide_.template ReinterpretCast<W>()[wide + 64];
      spread_[1] = spread_[0];
    } else {
      const int32_t spread = queries_ * kPitch * kLanes;
      spread_[0] = Take<W>(pipe, &spread_buffer_, 2 * spread + 8 * kLanes)[8 * kLanes];
      spread_[1] = spread_[0][spread];
    }
  }

  __aicore__ inline void InitResident(TPipe* pipe) {
    resident_ = Take<T>(pipe, &resident_buffer_, t_->resident_pixels * row_ / 4);
    offsets_ = Take<int32_t>(pipe, &offsets_buffer_, queries_ * 8);
    // Blocks of the corners against that of (y0, x0), in bytes, corner by corner: by level.
    corner_ = Take<int32_t>(pipe, &corner_buffer_, t_->num_levels * 4 * blocks_);
    for (int32_t l = 0; l < t_->num_levels; ++l) {
      for (int32_t i = 0; i < 4 * blocks_; ++i) {
        const int32_t corner = i / blocks_, pixel = (corner >> 1) * (t_->level[l].width + 1) + (corner & 1);
        corner_.SetValue(static_cast<uint32_t>(l * 4 * blocks_ + i), (pixel * blocks_ + i % blocks_) * kBlock);
      }
    }
    Duplicate(resident_, T(0), (t_->raw != 0 ? t_->resident_pixels : t_->resident_zone) * row_ / 4);
  }

  // Queue MTE2: locations and weights of a tile.
  __aicore__ inline void Load(int64_t unit) {
    const Place place = PlaceOf(*t_, unit);
    WaitFlag<HardEvent::V_MTE2>(kRaw);
    geometry_.Load(locations_, weights_, place.head / t_->heads, place.query, place.head % t_->heads, place.count);
    SetFlag<HardEvent::MTE2_V>(kRaw);
  }

  // Queue V: the geometry of a tile, which has been loaded; loads the next one.
  __aicore__ inline void Prepare(int64_t unit) {
    WaitFlag<HardEvent::MTE2_V>(kRaw);
    geometry_.Transpose();
    SetFlag<HardEvent::V_MTE2>(kRaw);
    if (unit + 1 < end_) Load(unit + 1);
    Order<HardEvent::S_V>();  // the places of the tile before the last have been read
    geometry_.Compute(samples_[unit & 1]);
    fetch_.Prepared(samples_[unit & 1].place);
  }

  // Queue MTE2: the resident levels of a head.
  __aicore__ inline void LoadResident(int64_t head) {
    resident_head_ = head;
    SetFlag<HardEvent::V_MTE2>(kResident);
    WaitFlag<HardEvent::V_MTE2>(kResident);
    const int32_t pixel = row_ / 4;
    for (int32_t l = 0; l < t_->num_levels; ++l) {
      const LevelTiling& level = t_->level[l];
      if (level.resident_start < 0) continue;
      if (t_->raw != 0) {
        LoadLevel(head, level);
        continue;
      }
      const int32_t pixels = (level.height + 2) * (level.width + 1) + 1;
      DataCopy(resident_[level.resident_start * pixel], image_[(head * t_->image_pixels + level.image_start) * pixel],
               static_cast<uint32_t>(pixels * pixel));
    }
    SetFlag<HardEvent::MTE2_V>(kResident);
    WaitFlag<HardEvent::MTE2_V>(kResident);
  }

  // From value as it is, between the zeros that are there.
  __aicore__ inline void LoadLevel(int64_t head, const LevelTiling& level) {
    const int32_t pixel = row_ / 4;
    const DataCopyParams row(static_cast<uint16_t>(level.width), static_cast<uint16_t>(blocks_),
                             static_cast<uint16_t>((t_->heads - 1) * blocks_), 0);
    for (int32_t y = 0; y < level.height; ++y) {
      const int64_t from = HeadOf(*t_, head) + (level.value_start + int64_t(y) * level.width) * t_->heads;
      DataCopy(resident_[(level.resident_start + (y + 1) * (level.width + 1) + 1) * pixel], image_[from * pixel], row);
    }
  }

  __aicore__ inline void RunTile(int64_t unit) {
    const Place place = PlaceOf(*t_, unit);
    fetch_.Feed();  // takes the flag of this tile's samples before the next tile sets it again
    if (unit + 1 < end_) Prepare(unit + 1);
    if (t_->resident_pixels > 0 && place.head != resident_head_) LoadResident(place.head);
    PipeBarrier<PIPE_V>();
    Duplicate(sums_, 0.0f, queries_ * row_);
    const Samples<W>& samples = samples_[unit & 1];
    int32_t fetched = 0;
    if constexpr (kHybrid) words_.Begin(samples, place.head);
    FullMask();
    for (int32_t i = 0; i < t_->samples; ++i) {
      const int32_t sample = t_->order[i];
      if (kHybrid && IsResident(*t_, sample)) continue;
      if constexpr (kWiden) {
        WidenAndAccumulate(samples, sample);
      } else {
        Spread(samples, sample);
        if (IsResident(*t_, sample)) {
          GatherRows(samples, sample);
          Accumulate(gathered_);
        } else {
          const LocalTensor<T> rows = fetch_.Next();
          PipeBarrier<PIPE_V>();
          Accumulate(rows);
          fetch_.Release();
        }
      }
      fetch_.Feed();
      if constexpr (kHybrid) words_.Run(++fetched, t_->num_fetched, sums_, &fetch_);
    }
    if constexpr (kHybrid) words_.Run(t_->num_fetched, t_->num_fetched, sums_, &fetch_);
    Finish(place);
  }

  // spread[query][corner] = its weight, in all lanes of a block.
  __aicore__ inline void Spread(const Samples<W>& samples, int32_t sample) {
    turn_ ^= 1;
    for (int32_t c = 0; c < 4; ++c) {
      Brcb(spread_[turn_][c * kWeightLanes], samples.weight[c][sample * queries_], static_cast<uint32_t>(queries_ / 8),
           BrcbRepeatParams(kPitch, 8 * kPitch));
    }
    fetch_.Feed();
  }

  // The same as Spread and Accumulate, of 2-byte values: sums += rows * weights in float32. Both sources of MulAddDst
  // are [query][corner][two blocks], a repeat a query.
  __aicore__ inline void WidenAndAccumulate(const Samples<W>& samples, int32_t sample) {
    const bool resident = IsResident(*t_, sample);
    if (resident) {
      GatherRows(samples, sample);  // its barriers are behind the work on the sample before, too
    } else {
      PipeBarrier<PIPE_V>();
    }
    for (int32_t i = 0; i < 8; ++i) {
      Brcb(spread_[0][i * 8], samples.weight[i >> 1][sample * queries_], static_cast<uint32_t>(queries_ / 8),
           BrcbRepeatParams(8, 64));
    }
    fetch_.Feed();
    const LocalTensor<T> rows = resident ? gathered_ : fetch_.Next();
    const int32_t part = queries_ * 64;
    for (int32_t h = 0; h < blocks_; ++h) {
      Cast<float, T, false>(wide_[h * part], rows[h * kLanes], RoundMode::CAST_NONE, MASK_PLACEHOLDER, queries_,
                            UnaryRepeatParams(1, static_cast<uint16_t>(blocks_), 8, static_cast<uint8_t>(4 * blocks_)));
      fetch_.Feed();
    }
    if (!resident) fetch_.Release();
    PipeBarrier<PIPE_V>();
    for (int32_t h = 0; h < blocks_; ++h) {
      MulAddDst<float, float, false>(sums_[h * queries_ * 64], wide_[h * part],
                                     spread_[0].template ReinterpretCast<float>(), MASK_PLACEHOLDER, queries_,
                                     BinaryRepeatParams(1, 1, 1, 8, 8, 8));
      fetch_.Feed();
    }
  }

  // gathered[query][corner][block] from the resident image.
  __aicore__ inline void GatherRows(const Samples<W>& samples, int32_t sample) {
    using Word = uint32_t;
    const int32_t level = t_->level_of[sample];
    for (int32_t part = 0; part < blocks_ / 2; ++part) {
      Brcb(offsets_, samples.place[sample * queries_], static_cast<uint32_t>(queries_ / 8), BrcbRepeatParams(1, 8));
      PipeBarrier<PIPE_V>();
      Add<int32_t, false>(offsets_, offsets_, corner_[(level * blocks_ / 2 + part) * 8], MASK_PLACEHOLDER, queries_ / 8,
                          BinaryRepeatParams(1, 1, 0, 8, 8, 0));
      PipeBarrier<PIPE_V>();
      Gatherb(gathered_[part * 8 * kLanes].template ReinterpretCast<Word>(), resident_.template ReinterpretCast<Word>(),
              offsets_.template ReinterpretCast<uint32_t>(), static_cast<uint32_t>(queries_),
              GatherRepeatParams(1, static_cast<uint8_t>(4 * blocks_)));
      fetch_.Feed();
      PipeBarrier<PIPE_V>();
    }
  }

  // sums[block][query][corner][lane] += rows[query][corner][block][lane] * spread[query][corner].
  __aicore__ inline void Accumulate(const LocalTensor<T>& rows) {
    const auto step = static_cast<uint8_t>(blocks_);
    constexpr int32_t kQueries = kSize == 2 ? 1 : 2;  // of a repeat, which is 64 float32 sums
    const BinaryRepeatParams params(1, step, 1, 8, static_cast<uint8_t>(4 * kQueries * blocks_), kPitch * kQueries);
    for (int32_t h = 0; h < blocks_; ++h) {
      MulAddDst<float, T, false>(sums_[h * queries_ * 4 * kLanes], rows[h * kLanes],
                                 spread_[turn_].template ReinterpretCast<T>(), MASK_PLACEHOLDER, queries_ / kQueries,
                                 params);
      fetch_.Feed();
    }
  }

  // Sums of the corners, then the output of the tile's queries.
  __aicore__ inline void Finish(const Place& place) {
    constexpr uint8_t kStride = 4 * kLanes / 8;  // blocks of the sums of a query and block
    const BinaryRepeatParams half_of(1, 1, 1, kStride, kStride, kStride);
    for (int32_t width = 2; width > 0; width /= 2) {
      PipeBarrier<PIPE_V>();
      for (int32_t h = 0; h < blocks_; ++h) {
        const LocalTensor<float> sums = sums_[h * queries_ * 4 * kLanes];
        Add(sums, sums, sums[width * kLanes], static_cast<uint64_t>(width * kLanes), queries_, half_of);
      }
    }
    PipeBarrier<PIPE_V>();
    WaitFlag<HardEvent::MTE3_V>(kOut);
    for (int32_t h = 0; h < blocks_; ++h) {
      Store(out_[h * kLanes], sums_[h * queries_ * 4 * kLanes],
            UnaryRepeatParams(1, 1, static_cast<uint8_t>(blocks_), kStride));
    }
    SetFlag<HardEvent::V_MTE3>(kOut);
    WaitFlag<HardEvent::V_MTE3>(kOut);
    const int64_t head = place.head % t_->heads, batch = place.head / t_->heads;
    const int64_t row = (batch * t_->queries + place.query) * t_->heads + head;
    DataCopyPad(output_[row * t_->channels], out_,
                DataCopyExtParams(static_cast<uint16_t>(place.count), static_cast<uint32_t>(t_->channels * kSize), 0,
                                  static_cast<uint32_t>((t_->heads - 1) * t_->channels * kSize), 0));
    SetFlag<HardEvent::MTE3_V>(kOut);
  }
  template <class U>
  __aicore__ inline void Store(const LocalTensor<U>& to, const LocalTensor<float>& from,
                               const UnaryRepeatParams& params) const {
    Cast(to, from, kNearest<U>, uint64_t{kLanes}, static_cast<uint8_t>(queries_), params);
  }
  __aicore__ inline void Store(const LocalTensor<float>& to, const LocalTensor<float>& from,
                               const UnaryRepeatParams& params) const {
    Adds(to, from, 0.0f, uint64_t{kLanes}, queries_, params);
  }

  const Tiling* t_;
  int32_t queries_, blocks_, row_;  // row: elements of the four corners of a sample
  GlobalTensor<T> image_, output_;
  GlobalTensor<float> locations_, weights_;
  TBuf<QuePosition::VECCALC> sums_buffer_, spread_buffer_, out_buffer_, geometry_buffer_, samples_buffer_[2],
      resident_buffer_, gathered_buffer_, offsets_buffer_, corner_buffer_;
  LocalTensor<T> out_, resident_, gathered_;
  LocalTensor<W> spread_[2];
  LocalTensor<float> sums_, wide_;
  LocalTensor<int32_t> offsets_, corner_;
  RowsFetch<T> fetch_;
  WordLevels<T> words_;
  Geo geometry_;
  Samples<W> samples_[2];
  int64_t end_ = 0, resident_head_ = -1;
  int32_t turn_ = 0;
};

}  // namespace xmsda_ascend
