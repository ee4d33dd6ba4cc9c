// Gradients of locations and weights of a tile of queries from products with its samples' corners.
// SPDX-License-Identifier: Apache-2.0
//
// About twenty instructions of 1 cycle for 64 samples, in 8 groups that wait for the one before, and two transposes.
#pragma once

#include "rows_fetch.h"
#include "words.h"

namespace xmsda_ascend {

class SampleGradients {
 public:
  // UB that holds the products and is scratch otherwise; with room for `room` arrays more (room()).
  __aicore__ static inline int32_t ScratchBytes(const Tiling& tiling, int32_t room) {
    return ((4 + room) * Lanes(tiling) + 2 * Padded(tiling) + RoundUp(tiling.samples, 16) * tiling.tile_queries) * 4;
  }

  // `scratch` has been written all over: the transposes read lanes of samples that there are not.
  __aicore__ inline void Init(GM_ADDR grad_locations, GM_ADDR grad_weights, const Tiling& tiling,
                              const LocalTensor<float>& scratch, int32_t room, TPipe* pipe) {
    t_ = &tiling;
    grad_locations_.SetGlobalBuffer((__gm__ float*)grad_locations);
    grad_weights_.SetGlobalBuffer((__gm__ float*)grad_weights);
    location_row_ = RoundUp(2 * tiling.samples, 16);
    weight_row_ = RoundUp(tiling.samples, 16);
    location_out_ = Take<float>(pipe, &location_buffer_, tiling.tile_queries * location_row_);
    weight_out_ = Take<float>(pipe, &weight_buffer_, tiling.tile_queries * weight_row_);
    for (int32_t i = 0; i < 4 + room; ++i) sum_[i] = scratch[i * Lanes(tiling)];
    grad_x_ = scratch[(4 + room) * Lanes(tiling)];
    grad_y_ = grad_x_[Padded(tiling)];
    grad_weight_ = grad_y_[Padded(tiling)];
  }
  __aicore__ inline void Begin() { SetFlag<HardEvent::MTE3_V>(kOut); }
  __aicore__ inline void End() { WaitFlag<HardEvent::MTE3_V>(kOut); }

  // [K][T] each: they get the products of the corners (y0, x0), (y0, x1), (y1, x0) and (y1, x1) with the gradient of
  // the output, summed over channels.
  __aicore__ inline const LocalTensor<float>& sum(int32_t corner) const { return sum_[corner]; }
  // As large, free until Finish.
  __aicore__ inline const LocalTensor<float>& room(int32_t i) const { return sum_[4 + i]; }

  // Queue V: from the products to gradients; queue MTE3: stores them.
  template <class Geometry>
  __aicore__ inline void Finish(const Place& place, const Fractions& at, const Geometry& geometry) {
    const int32_t n = Lanes(*t_);
    const LocalTensor<float>&d00 = sum_[0], d10 = sum_[2], upper = sum_[1], lower = sum_[3];
    const LocalTensor<float>&twist = grad_x_, part = grad_weight_;
    FullMask();
    PipeBarrier<PIPE_V>();
    SubWhole(upper, upper, d00, n);
    SubWhole(lower, lower, d10, n);
    PipeBarrier<PIPE_V>();
    SubWhole(twist, lower, upper, n);
    MulWhole(part, at.x, upper, n);
    MulWhole(grad_y_, at.x, lower, n);
    PipeBarrier<PIPE_V>();
    AddWhole(d00, d00, part, n);     // value in row y0
    AddWhole(d10, d10, grad_y_, n);  // and in row y1, times the gradient
    MulWhole(twist, at.y, twist, n);
    PipeBarrier<PIPE_V>();
    SubWhole(grad_y_, d10, d00, n);
    AddWhole(grad_x_, upper, twist, n);
    PipeBarrier<PIPE_V>();
    MulWhole(grad_weight_, at.y, grad_y_, n);
    MulWhole(grad_x_, grad_x_, at.attention, n);
    PipeBarrier<PIPE_V>();
    AddWhole(grad_weight_, grad_weight_, d00, n);
    MulWhole(grad_y_, grad_y_, at.attention, n);
    geometry.TimesWidth(grad_x_);
    PipeBarrier<PIPE_V>();
    geometry.TimesHeight(grad_y_);
    PipeBarrier<PIPE_V>();
    for (const auto& tensor : {grad_x_, grad_y_, grad_weight_}) {
      Select(tensor, at.inside, tensor, 0.0f, SELMODE::VSEL_TENSOR_SCALAR_MODE, static_cast<uint32_t>(n));
    }
    PipeBarrier<PIPE_V>();
    WaitFlag<HardEvent::MTE3_V>(kOut);
    ToQueries();
    SetFlag<HardEvent::V_MTE3>(kOut);
    Save(place);
  }

 private:
  static constexpr event_t kOut = EVENT_ID2;
  __aicore__ static inline int32_t Lanes(const Tiling& tiling) { return Geometry<float>::Lanes(tiling); }
  __aicore__ static inline int32_t Padded(const Tiling& tiling) { return Geometry<float>::Padded(tiling); }

  // From [k][q] to rows of queries: 16 lanes of 8 queries at a time.
  __aicore__ inline void ToQueries() {
    const int32_t queries = t_->tile_queries;
    LocalTensor<float> from[16], to[16];
    for (int32_t lane = 0; lane < location_row_; lane += 16) {
      for (int32_t i = 0; i < 16; ++i) {
        from[i] = ((i & 1) != 0 ? grad_y_ : grad_x_)[(lane + i) / 2 * queries];
        to[i] = location_out_[(i >> 1) * location_row_ + lane + (i & 1) * 8];
      }
      TransDataTo5HD(to, from, Geometry<float>::Repeats(queries / 8, location_row_, 1));
    }
    for (int32_t lane = 0; lane < weight_row_; lane += 16) {
      for (int32_t i = 0; i < 16; ++i) {
        from[i] = grad_weight_[(lane + i) * queries];
        to[i] = weight_out_[(i >> 1) * weight_row_ + lane + (i & 1) * 8];
      }
      TransDataTo5HD(to, from, Geometry<float>::Repeats(queries / 8, weight_row_, 1));
    }
  }

  __aicore__ inline void Save(const Place& place) {
    const int32_t samples = t_->samples;
    const int64_t batch = place.head / t_->heads, head = place.head % t_->heads;
    const auto count = static_cast<uint16_t>(place.columns);
    const auto others = static_cast<uint32_t>((t_->heads - 1) * samples * 4);
    WaitFlag<HardEvent::V_MTE3>(kOut);
    for (int32_t r = 0; r < place.rows; ++r) {
      const int64_t row = (batch * t_->queries + place.query + int64_t(r) * place.pitch) * t_->heads + head;
      const int32_t lane = r * place.columns;
      DataCopyPad(
          grad_locations_[row * samples * 2], location_out_[lane * location_row_],
          DataCopyExtParams(count, static_cast<uint32_t>(samples * 8),
                            static_cast<uint32_t>((location_row_ - RoundUp(2 * samples, 8)) / 8), 2 * others, 0));
      DataCopyPad(grad_weights_[row * samples], weight_out_[lane * weight_row_],
                  DataCopyExtParams(count, static_cast<uint32_t>(samples * 4),
                                    static_cast<uint32_t>((weight_row_ - RoundUp(samples, 8)) / 8), others, 0));
    }
    SetFlag<HardEvent::MTE3_V>(kOut);
  }

  const Tiling* t_;
  int32_t location_row_, weight_row_;
  GlobalTensor<float> grad_locations_, grad_weights_;
  TBuf<QuePosition::VECCALC> location_buffer_, weight_buffer_;
  LocalTensor<float> sum_[8], grad_x_, grad_y_, grad_weight_, location_out_, weight_out_;
};

}  // namespace xmsda_ascend
