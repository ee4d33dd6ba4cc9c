// Microbenchmarks: kernels like those that the published figures of docs/validation.md were measured with.
// SPDX-License-Identifier: Apache-2.0
#include "kernel_operator.h"

using namespace AscendC;

namespace {

constexpr uint32_t kUbBytes = 176 * 1024;
constexpr uint32_t kRepeat = 64;  // fp32 elements

// The whole of UB as one tensor.
template <class T>
struct WholeUb {
  TPipe pipe;
  TBuf<TPosition::VECCALC> buffer;
  LocalTensor<T> tensor;

  __aicore__ inline WholeUb() {
    pipe.InitBuffer(buffer, kUbBytes);
    tensor = buffer.Get<T>();
  }
};

// The block's own `elements` of an array in GM.
template <class T>
__aicore__ inline GlobalTensor<T> ShareOf(GM_ADDR data, uint64_t elements) {
  GlobalTensor<T> share;
  share.SetGlobalBuffer(reinterpret_cast<__gm__ T*>(data) + GetBlockIdx() * elements, elements);
  return share;
}

// Ticks of 20 ns go to `ticks`, of block 0.
__aicore__ inline void Report(GM_ADDR ticks, int64_t begin, int64_t end) {
  if (GetBlockIdx() != 0) return;
  GlobalTensor<int64_t> out;
  out.SetGlobalBuffer(reinterpret_cast<__gm__ int64_t*>(ticks), 8);
  out.SetValue(0, end - begin);
  DataCacheCleanAndInvalid<int64_t, CacheLine::SINGLE_CACHE_LINE, DcciDst::CACHELINE_OUT>(out);
}

}  // namespace

// `count` Adds of `repeats` repeats at byte offsets of UB, one behind the other; `barrier_all`: the scalar unit waits
// for each.
extern "C" __global__ __aicore__ void validate_adds(GM_ADDR ticks, uint32_t dst, uint32_t src0, uint32_t src1,
                                                    uint32_t src0_block_stride, uint32_t repeats, uint32_t count,
                                                    uint32_t barrier_all) {
  WholeUb<float> whole;
  LocalTensor<float> ub = whole.tensor;
  BinaryRepeatParams params(1, static_cast<uint8_t>(src0_block_stride), 1, 8, 8, 8);
  Duplicate(ub, 1.0f, kUbBytes / sizeof(float));
  PipeBarrier<PIPE_ALL>();
  const int64_t begin = GetSystemCycle();
  for (uint32_t i = 0; i < count; ++i) {
    Add(ub[dst / 4], ub[src0 / 4], ub[src1 / 4], static_cast<uint64_t>(kRepeat), static_cast<uint8_t>(repeats), params);
    if (barrier_all != 0) {
      PipeBarrier<PIPE_ALL>();
    } else {
      PipeBarrier<PIPE_V>();
    }
  }
  PipeBarrier<PIPE_ALL>();
  Report(ticks, begin, GetSystemCycle());
}

// `count` gathers of 64 repeats of fp32.
extern "C" __global__ __aicore__ void validate_ub_gather(GM_ADDR ticks, uint32_t count) {
  WholeUb<float> whole;
  LocalTensor<float> ub = whole.tensor;
  constexpr uint32_t kElements = 64 * kRepeat;
  LocalTensor<float> table = ub, dst = ub[2 * kElements];
  LocalTensor<int32_t> index = ub[kElements].ReinterpretCast<int32_t>();
  Duplicate(table, 1.0f, kElements);
  CreateVecIndex(index, static_cast<int32_t>(0), kElements);
  PipeBarrier<PIPE_V>();
  Muls(index, index, static_cast<int32_t>(sizeof(float)), static_cast<int32_t>(kElements));
  PipeBarrier<PIPE_ALL>();
  const int64_t begin = GetSystemCycle();
  for (uint32_t i = 0; i < count; ++i) {
    Gather(dst, table, index.ReinterpretCast<uint32_t>(), 0u, static_cast<uint64_t>(kRepeat), 64u,
           static_cast<uint16_t>(8));
  }
  PipeBarrier<PIPE_ALL>();
  Report(ticks, begin, GetSystemCycle());
}

// Copies of 32 B from scattered places of `lines` (a power of two) lines of 512 B, no line twice.
extern "C" __global__ __aicore__ void validate_gm_gather(GM_ADDR table, uint64_t lines, uint32_t count) {
  WholeUb<half> whole;
  LocalTensor<half> ub = whole.tensor;
  GlobalTensor<half> gm;
  gm.SetGlobalBuffer(reinterpret_cast<__gm__ half*>(table), lines * 256);
  for (uint32_t i = 0; i < count; ++i) {
    // An odd factor: a permutation of the lines.
    const uint64_t line = (static_cast<uint64_t>(GetBlockIdx()) * count + i) * 0x9E3779B1u % lines;
    DataCopy(ub[i % 4096 * 16], gm[line * 256 + i % 16 * 16], 16);
  }
}

// Each block reads `rows` rows of `row_bytes` in tiles of `tile_rows` x `tile_bytes`, a tile an instruction.
extern "C" __global__ __aicore__ void validate_matrix(GM_ADDR matrix, uint32_t rows, uint32_t row_bytes,
                                                      uint32_t tile_rows, uint32_t tile_bytes) {
  WholeUb<half> whole;
  LocalTensor<half> ub = whole.tensor;
  GlobalTensor<half> gm = ShareOf<half>(matrix, static_cast<uint64_t>(rows) * row_bytes / sizeof(half));
  const uint32_t places = kUbBytes / (tile_rows * tile_bytes);
  const DataCopyExtParams params(static_cast<uint16_t>(tile_rows), tile_bytes, row_bytes - tile_bytes, 0);
  const DataCopyPadExtParams<half> pad;
  uint32_t place = 0;
  for (uint32_t row = 0; row < rows; row += tile_rows) {
    for (uint32_t column = 0; column < row_bytes; column += tile_bytes) {
      DataCopyPad(ub[place * tile_rows * tile_bytes / 2], gm[(uint64_t{row} * row_bytes + column) / 2], params, pad);
      place = place + 1 == places ? 0 : place + 1;
    }
  }
}

// The same with tiles of 64 x 128 B, each row a copy of its own.
extern "C" __global__ __aicore__ void validate_matrix_loop(GM_ADDR matrix, uint32_t rows, uint32_t row_bytes) {
  WholeUb<half> whole;
  LocalTensor<half> ub = whole.tensor;
  GlobalTensor<half> gm = ShareOf<half>(matrix, static_cast<uint64_t>(rows) * row_bytes / sizeof(half));
  const DataCopyExtParams params(1, 128, 0, 0);
  const DataCopyPadExtParams<half> pad;
  for (uint32_t row = 0; row < rows; row += 64) {
    for (uint32_t column = 0; column < row_bytes; column += 128) {
      for (uint32_t r = 0; r < 64; ++r) {
        DataCopyPad(ub[r * 64], gm[((uint64_t{row} + r) * row_bytes + column) / 2], params, pad);
      }
    }
  }
}

// Rows of `row_bytes`, one a copy, each where the one before ends.
extern "C" __global__ __aicore__ void validate_rows(GM_ADDR matrix, uint32_t rows, uint32_t row_bytes) {
  WholeUb<half> whole;
  LocalTensor<half> ub = whole.tensor;
  GlobalTensor<half> gm = ShareOf<half>(matrix, static_cast<uint64_t>(rows) * row_bytes / sizeof(half));
  const DataCopyExtParams params(1, row_bytes, 0, 0);
  const DataCopyPadExtParams<half> pad;
  for (uint32_t row = 0; row < rows; ++row) {
    DataCopyPad(ub[row % 4 * 16384], gm[uint64_t{row} * row_bytes / 2], params, pad);
  }
}

// Each block reads its share of `bytes` in copies of 8 KB, in `parts` parts, each of them four times over.
extern "C" __global__ __aicore__ void validate_reuse(GM_ADDR data, uint64_t bytes, uint32_t parts) {
  WholeUb<half> whole;
  LocalTensor<half> ub = whole.tensor;
  const uint64_t share = bytes / GetBlockNum() / sizeof(half);
  GlobalTensor<half> gm = ShareOf<half>(data, share);
  constexpr uint32_t kTile = 4096;
  const auto tiles = static_cast<uint32_t>(share / kTile / parts);
  for (uint32_t part = 0; part < parts; ++part) {
    for (uint32_t pass = 0; pass < 4; ++pass) {
      for (uint32_t tile = 0; tile < tiles; ++tile) {
        DataCopy(ub[tile % 16 * kTile], gm[(uint64_t{part} * tiles + tile) * kTile], kTile);
      }
    }
  }
}

// Adds on rows of 512 B: 16 blocks share a row, 32 B each. All on the same rows at a time, or each from a place of its
// own on.
extern "C" __global__ __aicore__ void validate_same_line(GM_ADDR x, GM_ADDR y, uint32_t rows, uint32_t staggered) {
  TPipe pipe;
  TQue<TPosition::VECIN, 2> in;
  TQue<TPosition::VECOUT, 2> out;
  constexpr uint32_t kRows = 64, kColumns = 8, kPitch = 128;
  pipe.InitBuffer(in, 2, kRows * 32);
  pipe.InitBuffer(out, 2, kRows * 32);
  const uint32_t group = GetBlockIdx() / 16, column = GetBlockIdx() % 16;
  const uint64_t first = uint64_t{group} * rows * kPitch + column * kColumns;
  GlobalTensor<float> from, to;
  from.SetGlobalBuffer(reinterpret_cast<__gm__ float*>(x) + first, uint64_t{rows} * kPitch - column * kColumns);
  to.SetGlobalBuffer(reinterpret_cast<__gm__ float*>(y) + first, uint64_t{rows} * kPitch - column * kColumns);
  const uint32_t start = staggered != 0 ? column * (rows / 16) : 0;
  for (uint32_t r = 0; r < rows; r += kRows) {
    const uint64_t at = uint64_t{(start + r) % rows} * kPitch;
    LocalTensor<float> a = in.AllocTensor<float>();
    DataCopy(a, from[at], DataCopyParams(kRows, 1, 15, 0));
    in.EnQue(a);
    a = in.DeQue<float>();
    LocalTensor<float> b = out.AllocTensor<float>();
    Adds(b, a, 1.0f, static_cast<int32_t>(kRows * kColumns));
    out.EnQue(b);
    in.FreeTensor(a);
    b = out.DeQue<float>();
    DataCopy(to[at], b, DataCopyParams(kRows, 1, 0, 15));
    out.FreeTensor(b);
  }
}

// Copies of 8 KB through one buffer.
extern "C" __global__ __aicore__ void validate_one_by_one(GM_ADDR data, uint32_t copies) {
  TPipe pipe;
  TQue<TPosition::VECIN, 1> in;
  pipe.InitBuffer(in, 1, 8192);
  GlobalTensor<half> gm;
  gm.SetGlobalBuffer(reinterpret_cast<__gm__ half*>(data), uint64_t{copies} * 4096);
  for (uint32_t i = 0; i < copies; ++i) {
    LocalTensor<half> tile = in.AllocTensor<half>();
    DataCopy(tile, gm[uint64_t{i} * 4096], 4096);
    in.EnQue(tile);
    tile = in.DeQue<half>();
    in.FreeTensor(tile);
  }
}

// z = x + y element by element on tiles of 4096, `tiles` of them.
extern "C" __global__ __aicore__ void validate_scalar(uint32_t tiles) {
  WholeUb<half> whole;
  LocalTensor<half> x = whole.tensor, y = x[4096], z = x[8192];
  Duplicate(x, half(1.0f), 12288);
  PipeBarrier<PIPE_ALL>();
  for (uint32_t tile = 0; tile < tiles; ++tile) {
    for (uint32_t e = 0; e < 4096; ++e) z.SetValue(e, half(float(x.GetValue(e)) + float(y.GetValue(e))));
  }
}

// Each block reads or writes `copies` pieces of 32 KB.
extern "C" __global__ __aicore__ void validate_stream(GM_ADDR data, uint32_t copies, uint32_t write) {
  WholeUb<half> whole;
  LocalTensor<half> ub = whole.tensor;
  constexpr uint32_t kTile = 16384;
  GlobalTensor<half> gm = ShareOf<half>(data, uint64_t{copies} * kTile);
  for (uint32_t i = 0; i < copies; ++i) {
    if (write != 0) {
      DataCopy(gm[uint64_t{i} * kTile], ub[i % 4 * kTile], kTile);
    } else {
      DataCopy(ub[i % 4 * kTile], gm[uint64_t{i} * kTile], kTile);
    }
  }
}
