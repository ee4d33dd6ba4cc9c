// Brings the rows of pixels of samples from the image in GM to UB, ahead of the work on them.
// SPDX-License-Identifier: Apache-2.0
//
// A sample is one DataCopy of two bursts, two pixels each: MTE2 21 cycles, S 4 and half a GetValue of two places (6).
// The scalar unit issues everything in order and stops where a queue is full (16 instructions wait in front of one), so
// that copies must be issued in small portions between the work for queue V: Feed. On detr-enc that alone took `dma1`
// from 27.4 to 22.3 cycles a sample.
#pragma once

#include "geometry.h"

namespace xmsda_ascend {

// A piece of the work: a tile of queries of one head. Queries are `rows` runs of `columns` each, `pitch` apart.
struct Place {
  int64_t head;  // batch * heads + head
  int32_t query, count;
  int32_t rows, columns, pitch;
  // Of grids: the tile is the first of its block, the rows of the grid from its first one to the last one of the block.
  bool first_of_block;
  int32_t block_rows, grid_height;
};

__aicore__ inline Place InARow(int64_t head, int32_t query, int32_t count) {
  return {head, query, count, 1, count, 0, false, 0, 0};
}

__aicore__ inline Place PlaceInGrid(const GridTiling& grid, int64_t head, int32_t tile, int32_t block_groups) {
  const int32_t strip = tile / grid.groups, group = tile % grid.groups;
  const auto cut = [](int32_t i, int32_t size, int32_t parts) {
    return static_cast<int32_t>(int64_t(i) * size / parts);
  };
  const int32_t x = cut(strip, grid.width, grid.strips), y = cut(group, grid.height, grid.groups);
  const int32_t columns = cut(strip + 1, grid.width, grid.strips) - x;
  const int32_t rows = cut(group + 1, grid.height, grid.groups) - y;
  int32_t last = (group / block_groups + 1) * block_groups;
  if (last > grid.groups) last = grid.groups;
  return {head,
          grid.first_query + y * grid.width + x,
          rows * columns,
          rows,
          columns,
          grid.width,
          group % block_groups == 0,
          cut(last, grid.height, grid.groups) - y,
          grid.height};
}

__aicore__ inline Place PlaceOf(const Tiling& tiling, int64_t unit) {
  const int64_t tile = unit % tiling.tiles;
  if (tiling.num_grids > 0) {
    int32_t g = 0;
    while (g + 1 < tiling.num_grids && tiling.grid[g + 1].first_tile <= tile) ++g;
    const GridTiling& grid = tiling.grid[g];
    return PlaceInGrid(grid, unit / tiling.tiles, static_cast<int32_t>(tile) - grid.first_tile, tiling.block_groups);
  }
  const auto begin = static_cast<int32_t>(tile * tiling.queries / tiling.tiles);
  const auto end = static_cast<int32_t>((tile + 1) * tiling.queries / tiling.tiles);
  return InARow(unit / tiling.tiles, begin, end - begin);
}

__aicore__ inline bool IsResident(const Tiling& tiling, int32_t sample) {
  return tiling.level[tiling.level_of[sample]].resident_start >= 0;
}

// Where value [B,S,M,D] has the first pixel of a head, in pixels of one head.
__aicore__ inline int64_t HeadOf(const Tiling& tiling, int64_t head) {
  return head / tiling.heads * tiling.value_size * tiling.heads + head % tiling.heads;
}

// The pixel of a level that a corner of a sample beside the border is, or -1 when it is outside.
__aicore__ inline int32_t PixelOf(const LevelTiling& level, int32_t place, int32_t corner) {
  if (place == kNowhere) return -1;
  const int32_t i = -1 - place, y = i / (level.width + 1) - 1 + (corner >> 1),
                x = i % (level.width + 1) - 1 + (corner & 1);
  return y >= 0 && y < level.height && x >= 0 && x < level.width ? y * level.width + x : -1;
}

// Pixels of the image from that of (y0, x0) to a corner.
__aicore__ inline int32_t CornerOf(const LevelTiling& level, int32_t corner) {
  return (corner >> 1) * (level.width + 1) + (corner & 1);
}

template <class T>
__aicore__ inline LocalTensor<T> Take(TPipe* pipe, TBuf<QuePosition::VECCALC>* buffer, int32_t elements) {
  pipe->InitBuffer(*buffer, static_cast<uint32_t>(RoundUp(elements * static_cast<int32_t>(sizeof(T)), kBlock)));
  return buffer->Get<T>();
}

// Queue MTE3: the four corners of a sample to an image, row by row or pixel by pixel.
__aicore__ inline void AddApart(const LocalTensor<float>& corners, const GlobalTensor<float>& pixel,
                                const LevelTiling& level, int32_t copies, int32_t channels) {
  const int32_t pixels = 4 / copies;
  const DataCopyParams one(1, static_cast<uint16_t>(pixels * channels / 8), 0, 0);
  for (int32_t c = 0; c < 4; c += pixels) {
    DataCopy(pixel[CornerOf(level, c) * channels], corners[c * channels], one);
  }
}

template <class T>
class RowsFetch {
 public:
  static constexpr int32_t kPortion = 8;  // copies between two pieces of work for queue V

  // Rows are [query][corner][channel]. `image` is value itself when tiling.raw, and then `zeros` is a pixel of zeros.
  __aicore__ inline void Init(GM_ADDR image, GM_ADDR zeros, const Tiling& tiling, TPipe* pipe) {
    t_ = &tiling;
    zeros_.SetGlobalBuffer((__gm__ T*)zeros);
    blocks_ = CeilDiv(tiling.channels, kLanes);
    row_ = 4 * blocks_ * kLanes;
    image_.SetGlobalBuffer((__gm__ T*)image);
    for (int32_t i = 0; i < 2; ++i) {
      rows_[i] = Take<T>(pipe, &buffer_[i], tiling.tile_queries * row_);
      Duplicate(rows_[i], T(0), tiling.tile_queries * row_);  // queries beyond the last one of a tile
    }
  }

  // Of the tiles [begin, end), in order.
  __aicore__ inline void Begin(int64_t begin, int64_t end) {
    unit_ = t_->num_fetched > 0 ? begin : end;
    end_ = end;
    prepared_ = begin;
    for (int32_t i = 0; i < 2; ++i) SetFlag<HardEvent::V_MTE2>(Event(i));
  }
  __aicore__ inline void End() {
    for (int32_t i = 0; i < 2; ++i) WaitFlag<HardEvent::V_MTE2>(Event(i));
  }

  // Queue V will have computed the places of the next tile.
  __aicore__ inline void Prepared(const LocalTensor<int32_t>& places) {
    if (t_->num_fetched > 0) SetFlag<HardEvent::V_S>(kPlaces);
    places_[prepared_ & 1] = places;
    ++prepared_;
  }

  // Issues up to `copies` further copies, of at most `ahead` samples beyond those whose work has been issued. With 2
  // the last of them waits for that work to be done, and the scalar unit with it once the queue is full.
  __aicore__ inline void Feed(int32_t copies = kPortion, int32_t ahead = 2) {
    while (copies > 0 && unit_ < end_ && fetched_ < used_ + ahead) {
      if (query_ == 0 && !BeginSample()) return;
      const int32_t end = query_ + copies < place_.count ? query_ + copies : place_.count;
      copies -= end - query_;
      for (; query_ < end; query_ += 2) {
        const uint64_t two = two_places_.GetValue(static_cast<uint32_t>(query_ / 2));
        Copy(query_, two & 0xffffffff);
        if (query_ + 1 < place_.count) Copy(query_ + 1, two >> 32);
      }
      if (query_ >= place_.count) EndSample();
    }
  }

  // Queue V: the rows of the next sample that is not resident, and the end of the work on them.
  __aicore__ inline LocalTensor<T> Next() {
    while (fetched_ <= used_) Feed(t_->tile_queries);
    WaitFlag<HardEvent::MTE2_V>(Event(used_));
    return rows_[used_ & 1];
  }
  __aicore__ inline void Release() {
    SetFlag<HardEvent::V_MTE2>(Event(used_));
    ++used_;
  }

 private:
  static constexpr int32_t kLanes = kBlock / static_cast<int32_t>(sizeof(T));
  static constexpr event_t kPlaces = EVENT_ID0;
  __aicore__ static inline event_t Event(int64_t i) { return static_cast<event_t>(i & 1); }

  __aicore__ inline void Copy(int32_t query, uint64_t place) {
    const LocalTensor<T> rows = rows_[fetched_ & 1][query * row_];
    if (t_->raw == 0 && t_->copies > 1) {
      CopyApart(rows, place);
    } else if (t_->raw == 0) {
      DataCopy(rows, head_image_[place * kLanes], params_);
    } else if (static_cast<int32_t>(place) >= 0) {
      const GlobalTensor<T> pixel = head_image_[place * kLanes];
      DataCopy(rows, pixel, params_);
      DataCopy(rows[row_ / 2], pixel[int64_t(level_->width) * t_->heads * (row_ / 4)], params_);
    } else {
      CopyCorners(rows, static_cast<int32_t>(place));
    }
  }
  // Row by row or pixel by pixel: what one copy for all corners is compared with.
  __aicore__ inline void CopyApart(const LocalTensor<T>& rows, uint64_t place) {
    const int32_t pixels = 4 / t_->copies, pixel = row_ / 4;
    const DataCopyParams one(1, static_cast<uint16_t>(pixels * blocks_), 0, 0);
    for (int32_t c = 0; c < 4; c += pixels) {
      DataCopy(rows[c * pixel], head_image_[int64_t(place) * kLanes + CornerOf(*level_, c) * pixel], one);
    }
  }
  // Beside the border, pixel by pixel.
  __aicore__ inline void CopyCorners(const LocalTensor<T>& rows, int32_t place) {
    const DataCopyParams one(1, static_cast<uint16_t>(blocks_), 0, 0);
    for (int32_t c = 0; c < 4; ++c) {
      const int32_t pixel = PixelOf(*level_, place, c);
      const int64_t from = (level_->value_start + int64_t(pixel)) * t_->heads * (row_ / 4);
      DataCopy(rows[c * (row_ / 4)], pixel < 0 ? zeros_ : head_image_[from], one);
    }
  }

  // False when the tile of the next sample has not been prepared.
  __aicore__ inline bool BeginSample() {
    if (unit_ >= prepared_) return false;
    if (at_ == 0) WaitFlag<HardEvent::V_S>(kPlaces);
    while (IsResident(*t_, t_->order[at_])) ++at_;
    const int32_t sample = t_->order[at_++];
    level_ = &t_->level[t_->level_of[sample]];
    place_ = PlaceOf(*t_, unit_);
    const auto blocks = static_cast<uint16_t>(blocks_);
    if (t_->raw != 0) {
      params_ = DataCopyParams(2, blocks, static_cast<uint16_t>((t_->heads - 1) * blocks_), 0);
      head_image_ = image_[HeadOf(*t_, place_.head) * (row_ / 4)];
    } else {
      params_ =
          DataCopyParams(2, static_cast<uint16_t>(2 * blocks), static_cast<uint16_t>((level_->width - 1) * blocks_), 0);
      head_image_ = image_[place_.head * t_->image_pixels * (row_ / 4)];
    }
    two_places_ = places_[unit_ & 1][sample * t_->tile_queries].template ReinterpretCast<uint64_t>();
    WaitFlag<HardEvent::V_MTE2>(Event(fetched_));
    return true;
  }
  __aicore__ inline void EndSample() {
    SetFlag<HardEvent::MTE2_V>(Event(fetched_));
    ++fetched_;
    query_ = 0;
    if (++samples_ == t_->num_fetched) {
      at_ = samples_ = 0;
      ++unit_;
    }
  }

  const Tiling* t_;
  int32_t blocks_, row_;
  TBuf<QuePosition::VECCALC> buffer_[2];
  GlobalTensor<T> image_, zeros_, head_image_;
  LocalTensor<T> rows_[2];
  LocalTensor<int32_t> places_[2];
  LocalTensor<uint64_t> two_places_;
  DataCopyParams params_;
  Place place_;
  const LevelTiling* level_ = nullptr;
  int64_t unit_ = 0, end_ = 0, prepared_ = 0;
  int64_t fetched_ = 0, used_ = 0;  // samples
  int32_t at_ = 0, samples_ = 0, query_ = 0;
};

}  // namespace xmsda_ascend
