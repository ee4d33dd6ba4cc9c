// Sum and Broadcast of the high-level library, as sequences of instructions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "ascendc/pipe.h"
#include "ascendc/vector_moves.h"
#include "ascendc/vector_reduce.h"

namespace ascsim_detail::moves {

// The end of UB, behind what the kernel's TPipe has given out: temporary memory of functions that are called without
// sharedTmpBuffer.
inline AscendC::LocalTensor<uint8_t> FrameworkBuffer(const char* name, uint64_t bytes, Loc loc) {
  const uint64_t size = ascsim::UbBytes();
  const auto* pipe = static_cast<const AscendC::TPipe*>(ascsim::CurrentPipe());
  const uint64_t used = pipe == nullptr ? 0 : pipe->ub_used();
  const uint64_t rounded = DivUp(bytes, ascsim::kBlockBytes) * ascsim::kBlockBytes;
  if (used + rounded > size) {
    char text[160];
    std::snprintf(text, sizeof(text), "%s: needs %llu bytes of UB beside the kernel's own, which leave %llu free", name,
                  static_cast<unsigned long long>(rounded), static_cast<unsigned long long>(size - used));
    ascsim::FailKernel(loc, text);
  }
  const uint64_t address = (size - rounded) / ascsim::kBlockBytes * ascsim::kBlockBytes;
  return {AscendC::TPosition::VECCALC, address, rounded, address + rounded};
}

[[noreturn]] inline void FailWork(const char* name, uint64_t needed, uint64_t got, Loc loc) {
  char text[160];
  std::snprintf(text, sizeof(text), "%s: sharedTmpBuffer: expected at least %llu bytes, got %llu", name,
                static_cast<unsigned long long>(needed), static_cast<unsigned long long>(got));
  ascsim::FailKernel(loc, text);
}

// --- Sum

// A row's sums of repeats, and their sums, each round in the place of the last: elements, from a block on.
template <class T>
uint64_t RowWork(uint64_t n) {
  return DivUp(DivUp(n, kLanes<T>), kPerBlock<T>) * kPerBlock<T>;
}

// Rows of at most a repeat: a result a row.
template <class T>
void SumShortRows(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src, uint64_t rows,
                  uint64_t row_elements, uint64_t n, Loc loc) {
  FirstRound(Op::kWholeReduceSum, dst, src, PrefixMask(n), rows, static_cast<int64_t>(row_elements / kPerBlock<T>), 1,
             0, loc);
}

// As many rows at a time as the work space takes.
template <class T>
void SumLongRows(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src,
                 const AscendC::LocalTensor<T>& work, const AscendC::SumParams& p, Loc loc) {
  const uint64_t stride = RowWork<T>(p.n), at_once = work.GetSize() / stride;
  if (at_once == 0) FailWork("Sum", stride * sizeof(T), work.GetLength(), loc);
  for (uint64_t done = 0; done < p.outter; done += at_once) {
    const uint64_t rows = std::min<uint64_t>(at_once, p.outter - done);
    if (done > 0) BarrierV(loc);
    uint64_t left = DivUp(p.n, kLanes<T>);
    for (uint64_t r = 0; r < rows; ++r) {
      IssueCounted(Op::kWholeReduceSum, work[static_cast<uint32_t>(r * stride)],
                   src[static_cast<uint32_t>((done + r) * p.inner)], p.n, 0, loc);
    }
    for (; left > kLanes<T>; left = DivUp(left, kLanes<T>)) {
      BarrierV(loc);
      for (uint64_t r = 0; r < rows; ++r) {
        const AscendC::LocalTensor<T> row = work[static_cast<uint32_t>(r * stride)];
        IssueCounted(Op::kWholeReduceSum, row, row, left, 0, loc);
      }
    }
    BarrierV(loc);
    SumShortRows(dst[static_cast<uint32_t>(done)], work, rows, stride, left, loc);
  }
}

template <class T>
void Sum(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src, const AscendC::LocalTensor<T>& work,
         const AscendC::SumParams& p, Loc loc) {
  if (p.inner * sizeof(T) % ascsim::kBlockBytes != 0 || p.n < 1 || p.n > p.inner) {
    Breach("parameter-range", loc,
           "SumParams: expected inner a multiple of 32 bytes and 1 <= n <= inner, got %u and %u", p.inner, p.n);
    if (p.n < 1) return;
  }
  ResetMask();
  if (p.n <= kLanes<T>) {
    SumShortRows(dst, src, p.outter, p.inner, p.n, loc);
  } else {
    SumLongRows(dst, src, work, p, loc);
  }
  ResetMask();
}

// --- Broadcast

// option: elements of src that are there, 0: eight a repeat.
template <class T>
void IssueBrcb(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src, uint64_t repeats,
               uint64_t elements, uint16_t block_stride, uint16_t repeat_stride, Loc loc) {
  static_assert(kIsOneOf<T, int16_t, uint16_t, int32_t, uint32_t, half, bfloat16_t, float>,
                "ascsim: Brcb on A2 takes int16_t, uint16_t, int32_t, uint32_t, half, bfloat16_t and float");
  Instruction i = Make(Op::kBrcb, dst, src, loc);
  i.repeats = static_cast<uint32_t>(repeats);
  i.dst.block_stride = block_stride;
  i.dst.repeat_stride = repeat_stride;
  i.option[0] = elements;
  ascsim::Issue(i);
}

// Blocks [0, blocks) of a repeat, `repeats` times; strides in blocks.
template <class T>
void IssueCopyBlocks(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src, uint64_t blocks,
                     uint64_t repeats, uint64_t dst_rep, uint16_t src_blk, uint64_t src_rep, Loc loc) {
  for (uint64_t done = 0; done < repeats; done += AscendC::MAX_REPEAT_TIMES) {
    Instruction i = Make(Op::kCopy, dst[static_cast<uint32_t>(done * dst_rep * kPerBlock<T>)],
                         src[static_cast<uint32_t>(done * src_rep * kPerBlock<T>)], loc);
    i.repeats = static_cast<uint32_t>(std::min<uint64_t>(repeats - done, AscendC::MAX_REPEAT_TIMES));
    i.dst.repeat_stride = Stride("dstRepStride", static_cast<int64_t>(dst_rep), loc);
    i.src0.block_stride = src_blk;
    i.src0.repeat_stride = Stride("srcRepStride", static_cast<int64_t>(src_rep), loc);
    IssueMasked(&i, PrefixMask(blocks * kPerBlock<T>));
  }
}

// Rows of `blocks` blocks without what lies behind their first k elements.
template <class T>
void IssueTrimRows(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src, uint64_t rows, uint64_t k,
                   uint64_t blocks, Loc loc) {
  constexpr uint64_t kAll = 7;
  Instruction i = Make(Op::kGatherMask, dst, src, loc);
  i.src0.repeat_stride = Stride("src0RepeatStride", static_cast<int64_t>(blocks), loc);
  i.option[0] = kAll;
  i.option[1] = k;
  i.option[2] = rows;
  i.mask = Counter(rows * k);
  i.repeats = static_cast<uint32_t>(rows * DivUp(k, kLanes<T>));
  ascsim::Issue(i);
}

// [m, 1] to [m, k]: Brcb, Copy, and where rows are no whole blocks GatherMask (Broadcast.md).
template <class T>
void BroadcastColumn(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src, uint64_t m, uint64_t k,
                     const AscendC::LocalTensor<T>& work, Loc loc) {
  const uint64_t blocks = DivUp(k, kPerBlock<T>);
  const bool whole = k % kPerBlock<T> == 0;
  const uint64_t row_work = (1 + (whole ? 0 : blocks)) * kPerBlock<T>;
  // Parts begin at whole blocks of src and dst.
  uint64_t at_once = work.GetSize() / row_work;
  if (at_once < m) at_once = at_once / kPerBlock<T> * kPerBlock<T>;
  if (at_once == 0) {
    FailWork("Broadcast", std::min<uint64_t>(m, kPerBlock<T>) * row_work * sizeof(T), work.GetLength(), loc);
  }
  for (uint64_t done = 0; done < m; done += at_once) {
    const uint64_t rows = std::min(at_once, m - done);
    const AscendC::LocalTensor<T> part = dst[static_cast<uint32_t>(done * k)];
    const AscendC::LocalTensor<T> out = whole ? part : work[static_cast<uint32_t>(rows * kPerBlock<T>)];
    if (done > 0) BarrierV(loc);
    constexpr uint64_t kRows = uint64_t{AscendC::MAX_REPEAT_TIMES} * 8;
    for (uint64_t r = 0; r < rows; r += kRows) {
      const uint64_t n = std::min(kRows, rows - r);
      IssueBrcb(work[static_cast<uint32_t>(r * kPerBlock<T>)], src[static_cast<uint32_t>(done + r)], DivUp(n, 8), n, 1,
                8, loc);
    }
    BarrierV(loc);
    for (uint64_t b = 0; b < blocks; b += 8) {
      IssueCopyBlocks(out[static_cast<uint32_t>(b * kPerBlock<T>)], work, std::min<uint64_t>(8, blocks - b), rows,
                      blocks, 0, 1, loc);
    }
    if (whole) continue;
    BarrierV(loc);
    IssueTrimRows(part, out, rows, k, blocks, loc);
  }
}

// [1, k] to [m, k]; k in whole blocks.
template <class T>
void BroadcastRow(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src, uint64_t m, uint64_t k,
                  Loc loc) {
  const uint64_t blocks = DivUp(k, kPerBlock<T>);
  for (uint64_t b = 0; b < blocks; b += 8) {
    IssueCopyBlocks(dst[static_cast<uint32_t>(b * kPerBlock<T>)], src[static_cast<uint32_t>(b * kPerBlock<T>)],
                    std::min<uint64_t>(8, blocks - b), m, blocks, 1, 0, loc);
  }
}

// 8-bit elements go through half, which holds them exactly.
template <class T>
void BroadcastBytes(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src, uint64_t m, uint64_t k,
                    const AscendC::LocalTensor<uint8_t>& work, Loc loc) {
  using AscendC::LocalTensor;
  constexpr uint64_t kBlock = kPerBlock<half>;
  // Of a row: itself, its k elements, its block, and its padded elements where k is no whole number of blocks.
  const uint64_t padded = k % kBlock == 0 ? 0 : DivUp(k, kBlock) * kBlock;
  const uint64_t row_bytes = (1 + k + kBlock + padded) * sizeof(half);
  uint64_t at_once = (work.GetLength() - std::min<uint64_t>(work.GetLength(), 4 * ascsim::kBlockBytes)) / row_bytes;
  if (at_once < m) at_once = at_once / kPerBlock<T> * kPerBlock<T>;
  if (at_once == 0) {
    FailWork("Broadcast", std::min<uint64_t>(m, kPerBlock<T>) * row_bytes + 4 * ascsim::kBlockBytes, work.GetLength(),
             loc);
  }
  const LocalTensor<half> halves = work.template ReinterpretCast<half>();
  for (uint64_t done = 0; done < m; done += at_once) {
    const uint64_t rows = std::min(at_once, m - done);
    const auto column = static_cast<uint32_t>(DivUp(rows, kBlock) * kBlock);
    const auto wide = static_cast<uint32_t>(column + DivUp(rows * k, kBlock) * kBlock);
    if (done > 0) BarrierV(loc);
    Cast(halves, src[static_cast<uint32_t>(done)], AscendC::RoundMode::CAST_NONE, static_cast<uint32_t>(rows), loc);
    BarrierV(loc);
    BroadcastColumn(halves[column], halves, rows, k, halves[wide], loc);
    BarrierV(loc);
    Cast(dst[static_cast<uint32_t>(done * k)], halves[column], AscendC::RoundMode::CAST_NONE,
         static_cast<uint32_t>(rows * k), loc);
  }
}

template <class T, int32_t kDim, int32_t kAxis>
void Broadcast(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src, const uint32_t* to,
               const uint32_t* from, const AscendC::LocalTensor<uint8_t>& work, Loc loc) {
  const uint64_t m = kDim == 1 ? 1 : to[0], k = to[kDim - 1];
  const bool column = from[kDim - 1] == 1 && k != 1, row = kDim == 2 && from[0] == 1 && m != 1;
  const bool fits = (from[kDim - 1] == k || (column && (kDim == 1 || kAxis == 1))) &&
                    (kDim == 1 || from[0] == m || (row && kAxis == 0));
  if (!fits) {
    Breach("parameter-range", loc, "Broadcast: shape [%u, %u] along axis %d to [%u, %u]", kDim == 1 ? 1 : from[0],
           from[kDim - 1], kAxis, kDim == 1 ? 1 : to[0], to[kDim - 1]);
    return;
  }
  ResetMask();
  if (column) {
    if constexpr (sizeof(T) == 1) {
      BroadcastBytes(dst, src, m, k, work, loc);
    } else {
      BroadcastColumn(dst, src, m, k, work.template ReinterpretCast<T>(), loc);
    }
  } else if (row && k * sizeof(T) % ascsim::kBlockBytes == 0) {
    // Bytes move as 16-bit elements.
    using Unit = std::conditional_t<sizeof(T) == 1, uint16_t, T>;
    BroadcastRow(dst.template ReinterpretCast<Unit>(), src.template ReinterpretCast<Unit>(), m,
                 k * sizeof(T) / sizeof(Unit), loc);
  } else if (row) {
    Breach("misaligned", loc, "Broadcast along axis 0: expected rows of a multiple of 32 bytes, got %llu",
           static_cast<unsigned long long>(k * sizeof(T)));
  } else if (sizeof(T) == 1 && m * k % 2 != 0) {
    // An odd number of bytes is no whole number of 16-bit elements: [n, 1] to itself.
    if constexpr (sizeof(T) == 1) BroadcastBytes(dst, src, m * k, 1, work, loc);
  } else {
    using Unit = std::conditional_t<sizeof(T) == 1, uint16_t, T>;
    Instruction i = Make(Op::kCopy, dst.template ReinterpretCast<Unit>(), src.template ReinterpretCast<Unit>(), loc);
    const ascsim::Mask mask = Counter(DivUp(m * k * sizeof(T), sizeof(Unit)));
    i.repeats = static_cast<uint32_t>(DivUp(mask.low, kLanes<Unit>));
    IssueMasked(&i, mask);
  }
  ResetMask();
}

// Enough for all rows at once, up to 16 KB; a sharedTmpBuffer may be smaller.
template <class T>
uint64_t BroadcastWork(uint64_t m, uint64_t k) {
  using Unit = std::conditional_t<sizeof(T) == 1, half, T>;
  const uint64_t padded = k % kPerBlock<Unit> == 0 ? 0 : DivUp(k, kPerBlock<Unit>) * kPerBlock<Unit>;
  const uint64_t row = (kPerBlock<Unit> + padded + (sizeof(T) == 1 ? 1 + k : 0)) * sizeof(Unit);
  const uint64_t rows = std::min(m, std::max<uint64_t>(DivUp(16384, row), kPerBlock<T>));
  uint64_t bytes = rows * row;
  // Bytes that keep their shape move as [m * k, 1], see Broadcast.
  if (sizeof(T) == 1) bytes = std::max(bytes, std::min<uint64_t>(m * k, kPerBlock<T>) * (2 + 2 * kPerBlock<Unit>)*2);
  return bytes + 4 * ascsim::kBlockBytes;
}

}  // namespace ascsim_detail::moves

namespace AscendC {

// dstTensor[r] = the sum of the first n elements of row r: trees within repeats, and again over their sums.
template <typename T, int32_t reduceDim = -1, bool isReuseSource = false, bool isBasicBlock = false>
void Sum(const LocalTensor<T>& dstTensor, const LocalTensor<T>& srcTensor, const LocalTensor<uint8_t>& sharedTmpBuffer,
         const SumParams& sumParams, ascsim::Loc loc = ascsim::Loc::Of("Sum")) {
  static_assert(reduceDim == -1, "Sum: reduceDim is not supported; -1 sums along the last dimension");
  ascsim_detail::moves::Sum(dstTensor, srcTensor, sharedTmpBuffer.template ReinterpretCast<T>(), sumParams, loc);
}
template <typename T, int32_t reduceDim = -1, bool isReuseSource = false, bool isBasicBlock = false>
void Sum(const LocalTensor<T>& dstTensor, const LocalTensor<T>& srcTensor, const SumParams& sumParams,
         ascsim::Loc loc = ascsim::Loc::Of("Sum")) {
  namespace m = ascsim_detail::moves;
  const uint64_t bytes = sumParams.n <= m::kLanes<T> ? 0 : m::RowWork<T>(sumParams.n) * sizeof(T);
  Sum<T, reduceDim, isReuseSource, isBasicBlock>(dstTensor, srcTensor, m::FrameworkBuffer("Sum", bytes, loc), sumParams,
                                                 loc);
}

// src of shape srcShape repeated along `axis` to dstShape.
template <typename T, int32_t dim, int32_t axis, bool isReuseSource = false>
void Broadcast(const LocalTensor<T>& dstLocal, const LocalTensor<T>& srcLocal, const uint32_t* dstShape,
               const uint32_t* srcShape, const LocalTensor<uint8_t>& sharedTmpBuffer,
               ascsim::Loc loc = ascsim::Loc::Of("Broadcast")) {
  static_assert(dim == 1 || dim == 2, "Broadcast: one or two dimensions");
  static_assert(axis == 0 || axis == 1, "Broadcast: axis 0 or 1");
  static_assert(ascsim_detail::moves::kIsOneOf<T, int8_t, uint8_t, half, float>,
                "ascsim: Broadcast on A2 takes int8_t, uint8_t, half and float");
  ascsim_detail::moves::Broadcast<T, dim, axis>(dstLocal, srcLocal, dstShape, srcShape, sharedTmpBuffer, loc);
}
template <typename T, int32_t dim, int32_t axis, bool isReuseSource = false>
void Broadcast(const LocalTensor<T>& dstLocal, const LocalTensor<T>& srcLocal, const uint32_t* dstShape,
               const uint32_t* srcShape, ascsim::Loc loc = ascsim::Loc::Of("Broadcast")) {
  namespace m = ascsim_detail::moves;
  const uint64_t bytes = m::BroadcastWork<T>(dim == 1 ? 1 : dstShape[0], dstShape[dim - 1]);
  Broadcast<T, dim, axis, isReuseSource>(dstLocal, srcLocal, dstShape, srcShape,
                                         m::FrameworkBuffer("Broadcast", bytes, loc), loc);
}
// The same under its former name.
template <typename T, int32_t dim, int32_t axis, bool isReuseSource = false>
void BroadCast(const LocalTensor<T>& dstLocal, const LocalTensor<T>& srcLocal, const uint32_t* dstShape,
               const uint32_t* srcShape, const LocalTensor<uint8_t>& sharedTmpBuffer,
               ascsim::Loc loc = ascsim::Loc::Of("BroadCast")) {
  Broadcast<T, dim, axis, isReuseSource>(dstLocal, srcLocal, dstShape, srcShape, sharedTmpBuffer, loc);
}
template <typename T, int32_t dim, int32_t axis, bool isReuseSource = false>
void BroadCast(const LocalTensor<T>& dstLocal, const LocalTensor<T>& srcLocal, const uint32_t* dstShape,
               const uint32_t* srcShape, ascsim::Loc loc = ascsim::Loc::Of("BroadCast")) {
  Broadcast<T, dim, axis, isReuseSource>(dstLocal, srcLocal, dstShape, srcShape, loc);
}

}  // namespace AscendC
