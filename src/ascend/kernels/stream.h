// Simple kernels over arrays in GM, as a framework launches them between others: layouts, sums, products.
// SPDX-License-Identifier: Apache-2.0
//
// Of the variant `grid-sample` (grid_sample.h). Each is double-buffered and as good as its layout lets it be: what
// bounds it is the bandwidth of HBM, or bursts (MTE2 7 cycles each, MTE3 10.7) where rows are short. Rows of workspace
// arrays start at multiples of 64 bytes (Pitch), which a framework's would not.
#pragma once

#include "whole.h"

namespace xmsda_ascend {

using StreamIn = TQue<QuePosition::VECIN, 2>;
using StreamOut = TQue<QuePosition::VECOUT, 2>;
using StreamBuffer = TBuf<QuePosition::VECCALC>;

constexpr int32_t kPart = 8192;  // float32 of a buffer

__aicore__ inline int64_t Pitch(int64_t elements) { return (elements + 15) / 16 * 16; }
__aicore__ inline int32_t Least(int64_t a, int64_t b) { return static_cast<int32_t>(a < b ? a : b); }

// One run of `count` elements, of any number.
template <class T>
__aicore__ inline void CopyIn(const LocalTensor<T>& to, const GlobalTensor<T>& from, int32_t count) {
  constexpr int32_t kLanes = kBlock / static_cast<int32_t>(sizeof(T));
  DataCopyPad(to, from, DataCopyExtParams(1, static_cast<uint32_t>(count) * sizeof(T), 0, 0, 0),
              DataCopyPadExtParams<T>(true, 0, static_cast<uint8_t>(RoundUp(count, kLanes) - count), T(0)));
}
template <class T>
__aicore__ inline void CopyOut(const GlobalTensor<T>& to, const LocalTensor<T>& from, int32_t count) {
  DataCopyPad(to, from, DataCopyExtParams(1, static_cast<uint32_t>(count) * sizeof(T), 0, 0, 0));
}

// All buffers of a queue hold zeros: for lanes behind the end of an array, which whole repeats read.
template <int32_t kBuffers = 2, class Queue>
__aicore__ inline void FillQueue(Queue& queue, int32_t floats) {
  LocalTensor<float> buffers[kBuffers];
  for (auto& buffer : buffers) {
    buffer = queue.template AllocTensor<float>();
    Duplicate(buffer, 0.0f, floats);
  }
  for (auto& buffer : buffers) queue.FreeTensor(buffer);
  PipeBarrier<PIPE_V>();
}

// Rows of `columns` floats, 16 at a time, to columns. `row` and `column`: floats from one to the next.
__aicore__ inline void TransposeRows(const LocalTensor<float>& to, const LocalTensor<float>& from, int32_t rows,
                                     int32_t columns, int32_t row, int32_t column) {
  LocalTensor<float> source[16], target[16];
  const int32_t repeats = columns / 8;
  for (int32_t r = 0; r < rows; r += 16) {
    for (int32_t i = 0; i < 16; ++i) {
      source[i] = from[(r + i) * row];
      target[i] = to[(i >> 1) * column + r + (i & 1) * 8];
    }
    // A single repeat would start a stride behind its addresses.
    TransDataTo5HD(target, source,
                   TransDataTo5HDParams(false, false, static_cast<uint8_t>(repeats),
                                        static_cast<uint16_t>(repeats == 1 ? 0 : column), repeats == 1 ? 0 : 1));
  }
}

// Pixels of a tile: a multiple of 16.
__aicore__ inline int32_t PlanesTile(const PlanesShape& shape) {
  const int32_t pixels = kPart / RoundUp(shape.channels, 16) / 16 * 16;
  return pixels < 16 ? 16 : pixels > 1024 ? 1024 : pixels;
}

// [batch, size, channels] to planes: NHWC to NCHW, a slice of S and the conversion to float32.
template <class T>
class ToPlanes {
 public:
  __aicore__ inline void Run(GM_ADDR from, GM_ADDR to, const PlanesShape& shape, TPipe* pipe) {
    const int32_t tile = PlanesTile(shape), channels = shape.channels, elements = tile * channels;
    const int64_t pitch = Pitch(shape.length);
    GlobalTensor<T> pixels;
    GlobalTensor<float> planes;
    pixels.SetGlobalBuffer((__gm__ T*)from);
    planes.SetGlobalBuffer((__gm__ float*)to);
    pipe->InitBuffer(in_, 2, static_cast<uint32_t>(elements * int32_t(sizeof(T))));
    pipe->InitBuffer(out_, 2, static_cast<uint32_t>(elements * 4));
    pipe->InitBuffer(wide_, static_cast<uint32_t>(elements * 4));
    FillQueue(in_, elements * int32_t(sizeof(T)) / 4);
    FullMask();
    const int32_t tiles = CeilDiv(shape.length, tile);
    const Range range = ShareOf(int64_t(shape.batch) * tiles);
    for (int64_t i = range.begin; i < range.end; ++i) {
      const int64_t batch = i / tiles, at = i % tiles * tile;
      const int32_t count = Least(tile, shape.length - at);
      LocalTensor<T> in = in_.template AllocTensor<T>();
      CopyIn(in, pixels[(batch * shape.size + shape.start + at) * channels], count * channels);
      in_.EnQue(in);
      in = in_.template DeQue<T>();
      LocalTensor<float> out = out_.template AllocTensor<float>();
      PipeBarrier<PIPE_V>();
      const LocalTensor<float> wide = WidenTo(in, elements);
      TransposeRows(out, wide, tile, channels, channels, tile);
      in_.FreeTensor(in);
      out_.EnQue(out);
      out = out_.template DeQue<float>();
      DataCopyPad(planes[batch * channels * pitch + at], out,
                  DataCopyExtParams(static_cast<uint16_t>(channels), static_cast<uint32_t>(count * 4),
                                    static_cast<uint32_t>(tile / 8 - CeilDiv(count, 8)),
                                    static_cast<uint32_t>((pitch - count) * 4), 0));
      out_.FreeTensor(out);
    }
  }

 private:
  __aicore__ inline LocalTensor<float> WidenTo(const LocalTensor<half>& in, int32_t elements) {
    const LocalTensor<float> wide = wide_.template Get<float>();
    Widen(wide, in, elements);
    PipeBarrier<PIPE_V>();
    return wide;
  }
  __aicore__ inline LocalTensor<float> WidenTo(const LocalTensor<float>& in, int32_t) { return in; }

  StreamIn in_;
  StreamOut out_;
  StreamBuffer wide_;
};

// Planes to [batch, size, channels]: NCHW to NHWC, into a slice of S and with the conversion from float32.
template <class T>
class FromPlanes {
 public:
  __aicore__ inline void Run(GM_ADDR from, GM_ADDR to, const PlanesShape& shape, TPipe* pipe) {
    const int32_t tile = PlanesTile(shape), channels = shape.channels, row = RoundUp(channels, 16);
    const int64_t pitch = Pitch(shape.length);
    constexpr int32_t kSize = sizeof(T);
    GlobalTensor<T> pixels;
    GlobalTensor<float> planes;
    pixels.SetGlobalBuffer((__gm__ T*)to);
    planes.SetGlobalBuffer((__gm__ float*)from);
    pipe->InitBuffer(in_, 2, static_cast<uint32_t>(tile * row * 4));
    pipe->InitBuffer(out_, 2, static_cast<uint32_t>(tile * row * kSize));
    pipe->InitBuffer(wide_, static_cast<uint32_t>(tile * row * 4));
    FillQueue(in_, tile * row);
    FullMask();
    const int32_t tiles = CeilDiv(shape.length, tile);
    const Range range = ShareOf(int64_t(shape.batch) * tiles);
    for (int64_t i = range.begin; i < range.end; ++i) {
      const int64_t batch = i / tiles, at = i % tiles * tile;
      const int32_t count = Least(tile, shape.length - at);
      LocalTensor<float> in = in_.template AllocTensor<float>();
      DataCopyPad(in, planes[batch * channels * pitch + at],
                  DataCopyExtParams(static_cast<uint16_t>(channels), static_cast<uint32_t>(count * 4),
                                    static_cast<uint32_t>((pitch - count) * 4),
                                    static_cast<uint32_t>(tile / 8 - CeilDiv(count, 8)), 0),
                  DataCopyPadExtParams<float>(true, 0, static_cast<uint8_t>(RoundUp(count, 8) - count), 0));
      in_.EnQue(in);
      in = in_.template DeQue<float>();
      LocalTensor<T> out = out_.template AllocTensor<T>();
      PipeBarrier<PIPE_V>();
      TransposeTo(out, in, tile, row);
      in_.FreeTensor(in);
      out_.EnQue(out);
      out = out_.template DeQue<T>();
      const bool whole = row == channels;
      DataCopyPad(pixels[(batch * shape.size + shape.start + at) * channels], out,
                  DataCopyExtParams(static_cast<uint16_t>(whole ? 1 : count),
                                    static_cast<uint32_t>((whole ? count : 1) * channels * kSize),
                                    static_cast<uint32_t>(whole ? 0 : (row - channels) * kSize / kBlock), 0, 0));
      out_.FreeTensor(out);
    }
  }

 private:
  __aicore__ inline void TransposeTo(const LocalTensor<half>& out, const LocalTensor<float>& in, int32_t tile,
                                     int32_t row) {
    const LocalTensor<float> wide = wide_.template Get<float>();
    TransposeRows(wide, in, row, tile, tile, row);
    PipeBarrier<PIPE_V>();
    Narrow(out, wide, tile * row);
  }
  __aicore__ inline void TransposeTo(const LocalTensor<float>& out, const LocalTensor<float>& in, int32_t tile,
                                     int32_t row) {
    TransposeRows(out, in, row, tile, tile, row);
  }

  StreamIn in_;
  StreamOut out_;
  StreamBuffer wide_;
};

// to = from * scale + shift, of `count` floats.
class Affine {
 public:
  __aicore__ inline void Run(GM_ADDR from, GM_ADDR to, int64_t count, float scale, float shift, TPipe* pipe) {
    GlobalTensor<float> source, target;
    source.SetGlobalBuffer((__gm__ float*)from);
    target.SetGlobalBuffer((__gm__ float*)to);
    pipe->InitBuffer(in_, 2, kPart * 4);
    pipe->InitBuffer(out_, 2, kPart * 4);
    FillQueue(in_, kPart);
    FullMask();
    const Range range = ShareOf((count + kPart - 1) / kPart);
    for (int64_t i = range.begin; i < range.end; ++i) {
      const int32_t n = Least(kPart, count - i * kPart);
      LocalTensor<float> in = in_.AllocTensor<float>();
      CopyIn(in, source[i * kPart], n);
      in_.EnQue(in);
      in = in_.DeQue<float>();
      LocalTensor<float> out = out_.AllocTensor<float>();
      PipeBarrier<PIPE_V>();
      MulsWhole(out, in, scale, kPart);
      PipeBarrier<PIPE_V>();
      AddsWhole(out, out, shift, kPart);
      in_.FreeTensor(in);
      out_.EnQue(out);
      out = out_.DeQue<float>();
      CopyOut(target[i * kPart], out, n);
      out_.FreeTensor(out);
    }
  }

 private:
  StreamIn in_;
  StreamOut out_;
};

// To head-major, or back.
template <bool kBack>
class SwapHeads {
 public:
  __aicore__ inline void Run(GM_ADDR from, GM_ADDR to, const HeadsShape& shape, TPipe* pipe) {
    GlobalTensor<float> source, target;
    source.SetGlobalBuffer((__gm__ float*)from);
    target.SetGlobalBuffer((__gm__ float*)to);
    const int32_t heads = shape.heads, length = shape.length, blocks = CeilDiv(length, 8);
    const int32_t by_size = kPart / (heads * blocks * 8), by_count = 4095 / heads;
    const int32_t tile = by_size < 1 ? 1 : by_size < by_count ? by_size : by_count;
    pipe->InitBuffer(both_, 2, static_cast<uint32_t>(tile * heads * blocks * kBlock));
    const auto others = static_cast<uint32_t>((heads - 1) * blocks), bytes = static_cast<uint32_t>(length * 4);
    const auto rest = static_cast<uint32_t>((shape.row - length) * 4);
    const DataCopyPadExtParams<float> pad(true, 0, static_cast<uint8_t>(blocks * 8 - length), 0);
    const int32_t tiles = CeilDiv(shape.queries, tile);
    const Range range = ShareOf(int64_t(shape.batch) * tiles);
    for (int64_t i = range.begin; i < range.end; ++i) {
      const int64_t batch = i / tiles, query = i % tiles * tile;
      const auto count = static_cast<uint16_t>(Least(tile, shape.queries - query));
      const auto all = static_cast<uint16_t>(count * heads);
      const int64_t at = (batch * shape.queries + query) * heads * shape.row + shape.first;
      LocalTensor<float> both = both_.AllocTensor<float>();
      if (!kBack) DataCopyPad(both, source[at], DataCopyExtParams(all, bytes, rest, 0, 0), pad);
      for (int32_t m = 0; kBack && m < heads; ++m) {
        DataCopyPad(both[m * blocks * 8], source[((batch * heads + m) * shape.queries + query) * length],
                    DataCopyExtParams(count, bytes, 0, others, 0), pad);
      }
      both_.EnQue(both);
      both = both_.DeQue<float>();
      if (kBack) DataCopyPad(target[at], both, DataCopyExtParams(all, bytes, 0, rest, 0));
      for (int32_t m = 0; !kBack && m < heads; ++m) {
        DataCopyPad(target[((batch * heads + m) * shape.queries + query) * length], both[m * blocks * 8],
                    DataCopyExtParams(count, bytes, others, 0, 0));
      }
      both_.FreeTensor(both);
    }
  }

 private:
  TQueBind<QuePosition::VECIN, QuePosition::VECOUT, 2> both_;
};

}  // namespace xmsda_ascend
