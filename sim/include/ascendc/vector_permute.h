// Brcb, Transpose, TransDataTo5HD and index vectors.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ascendc/vector_composite.h"
#include "ascendc/vector_moves.h"
#include "ascsim/address_list.h"

namespace AscendC {

constexpr int32_t NCHW_CONV_ADDR_LIST_SIZE = 16;

struct TransposeParamsExt {
  TransposeParamsExt() {}
  TransposeParamsExt(const uint16_t nSizeIn, const uint16_t cSizeIn, const uint16_t hSizeIn, const uint16_t wSizeIn,
                     const TransposeType transposeTypeIn)
      : nSize(nSizeIn), cSize(cSizeIn), hSize(hSizeIn), wSize(wSizeIn), transposeType(transposeTypeIn) {}
  uint16_t nSize = 0;
  uint16_t cSize = 0;
  uint16_t hSize = 0;
  uint16_t wSize = 0;
  TransposeType transposeType = TransposeType::TRANSPOSE_ND2ND_B16;
};

}  // namespace AscendC

namespace ascsim_detail::moves {

// `matrices` of rows x columns to columns x rows. Scratch memory counts as written.
template <class T>
void IssueTranspose(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src, uint64_t matrices,
                    uint64_t rows, uint64_t columns, const ascsim::Operand& scratch, uint64_t scratch_bytes, Loc loc) {
  Instruction i = Make(Op::kTranspose, dst, src, loc);
  i.src1 = scratch;
  i.scalar = scratch_bytes;
  i.option[0] = matrices;
  i.option[1] = rows;
  i.option[2] = columns;
  const uint64_t elements = matrices * rows * columns;
  // Blocks go through the unit 16 at a time: 512 bytes a step.
  i.repeats = static_cast<uint32_t>(DivUp(elements * sizeof(T), 512));
  i.mask = Counter(elements);
  ascsim::Issue(i);
}

template <class T>
void TransposeMatrix16(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src, Loc loc) {
  static_assert(sizeof(T) == 2);
  IssueTranspose(dst, src, 1, 16, 16, ascsim::Operand(), 0, loc);
}

template <class T>
void TransposeImages(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src,
                     const AscendC::LocalTensor<uint8_t>& work, const AscendC::TransposeParamsExt& p, Loc loc) {
  const bool to_nhwc = p.transposeType == AscendC::TransposeType::TRANSPOSE_NCHW2NHWC;
  const uint64_t channels = p.cSize, area = uint64_t{p.hSize} * p.wSize;
  if (channels > 4095 || area > 4095) {
    Breach("parameter-range", loc, "cSize and hSize * wSize: expected at most 4095, got %llu and %llu",
           static_cast<unsigned long long>(channels), static_cast<unsigned long long>(area));
  }
  if (area * sizeof(T) % ascsim::kBlockBytes != 0) {
    Breach("misaligned", loc, "hSize * wSize: expected a multiple of 32 bytes, got %llu",
           static_cast<unsigned long long>(area * sizeof(T)));
  }
  const uint64_t tile = (sizeof(T) == 1 ? 32 : 16) * uint64_t{ascsim::kBlockBytes};
  const uint64_t needed = (to_nhwc ? channels + 2 : 2 * channels + 1) * tile;
  if (work.GetLength() < needed) {
    Breach("out-of-bounds", loc, "sharedTmpBuffer: expected at least %llu bytes, got %u",
           static_cast<unsigned long long>(needed), work.GetLength());
  }
  const ascsim::Operand scratch = OperandOf(work);
  const uint64_t scratch_bytes = needed < work.GetLength() ? needed : work.GetLength();
  if (to_nhwc) {
    IssueTranspose(dst, src, p.nSize, channels, area, scratch, scratch_bytes, loc);
  } else {
    IssueTranspose(dst, src, p.nSize, area, channels, scratch, scratch_bytes, loc);
  }
}

template <class T>
constexpr void Check5HDType() {
  static_assert(
      kIsOneOf<T, int8_t, uint8_t, int16_t, uint16_t, half, int32_t, uint32_t, float>,
      "ascsim: TransDataTo5HD on A2 takes int8_t, uint8_t, int16_t, uint16_t, half, int32_t, uint32_t, float");
}
template <class T>
Instruction Make5HD(const AscendC::TransDataTo5HDParams& params, Loc loc) {
  Check5HDType<T>();
  Instruction i;
  i.op = Op::kTransDataTo5HD;
  i.loc = loc;
  i.dst.used = i.src0.used = true;
  i.dst.type = i.src0.type = DTypeOf<T>;
  CheckFields(params, loc);
  i.dst.repeat_stride = params.dstRepStride;
  i.src0.repeat_stride = params.srcRepStride;
  i.repeats = params.repeatTimes;
  i.option[1] = (params.dstHighHalf ? 1u : 0u) | (params.srcHighHalf ? 2u : 0u);
  return i;
}
inline uint32_t ListAddress(uint64_t physical) {
  const uint64_t address = AddressOf(physical);
  return address > UINT32_MAX ? UINT32_MAX - 31 : static_cast<uint32_t>(address);
}

// One instruction: element e of repeat r becomes firstValue + r * (elements of a repeat) + e.
template <class T>
void IssueIndex(const AscendC::LocalTensor<T>& dst, const T& first, const ascsim::Mask& mask, uint32_t repeats,
                ParamArg<uint16_t> block_stride, uint16_t repeat_stride, Loc loc) {
  static_assert(kIsOneOf<T, int16_t, half, int32_t, float>,
                "ascsim: CreateVecIndex on A2 takes int16_t, half, int32_t and float");
  Instruction i;
  i.op = Op::kCreateVecIndex;
  i.loc = loc;
  i.dst = OperandOf(dst);
  CheckField("dstBlkStride", block_stride, loc);
  i.dst.block_stride = block_stride;
  i.dst.repeat_stride = repeat_stride;
  i.src0.type = DTypeOf<T>;
  i.repeats = repeats;
  i.scalar = BitsOf(first);
  IssueMasked(&i, mask);
}

// Element k of a progression, in the element type.
template <class T>
T Term(T first, T difference, uint64_t k) {
  if constexpr (std::is_integral_v<T>) {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(static_cast<U>(static_cast<U>(first) + static_cast<U>(difference) * static_cast<U>(k)));
  } else {
    return static_cast<T>(static_cast<float>(first) + static_cast<float>(difference) * static_cast<float>(k));
  }
}

// dst[from + k] = dst[k] + difference * from for k < count.
template <class T>
void ExtendProgression(const AscendC::LocalTensor<T>& dst, T difference, uint64_t from, uint64_t count, Loc loc) {
  Adds(dst[static_cast<uint32_t>(from)], dst, Term(T(0), difference, from), static_cast<int32_t>(count), loc);
}

}  // namespace ascsim_detail::moves

namespace AscendC {

// Element e of src fills block e of dst; eight of them a repeat. dst may not overlap src.
template <typename T>
void Brcb(const LocalTensor<T>& dst, const LocalTensor<T>& src0, const uint32_t repeatTime,
          const BrcbRepeatParams& repeatParams, ascsim::Loc loc = ascsim::Loc::Of("Brcb")) {
  namespace m = ascsim_detail::moves;
  ascsim_detail::CheckFields(repeatParams, loc);
  m::IssueBrcb(dst, src0, m::Repeats(repeatTime, loc), 0, repeatParams.dstBlkStride, repeatParams.dstRepStride, loc);
}

// A 16 x 16 matrix; dst may be src.
template <typename T>
void Transpose(const LocalTensor<T>& dst, const LocalTensor<T>& src, ascsim::Loc loc = ascsim::Loc::Of("Transpose")) {
  static_assert(ascsim_detail::moves::kIsOneOf<T, uint16_t, int16_t, half>,
                "ascsim: Transpose of 16 x 16 on A2 takes uint16_t, int16_t and half");
  ascsim_detail::moves::TransposeMatrix16(dst, src, loc);
}
// By type: a 16 x 16 matrix of uint16_t, or images between [N,C,H,W] and [N,H,W,C]. Timed as one instruction that moves
// 512 bytes a step, where silicon runs a sequence.
template <typename T>
void Transpose(const LocalTensor<T>& dst, const LocalTensor<T>& src, const LocalTensor<uint8_t>& sharedTmpBuffer,
               const TransposeParamsExt& transposeParams, ascsim::Loc loc = ascsim::Loc::Of("Transpose")) {
  namespace m = ascsim_detail::moves;
  static_assert(m::kIsOneOf<T, int8_t, uint8_t, int16_t, uint16_t, half, int32_t, uint32_t, float>,
                "ascsim: Transpose on A2 takes int8_t, uint8_t, int16_t, uint16_t, half, int32_t, uint32_t and float");
  switch (transposeParams.transposeType) {
    case TransposeType::TRANSPOSE_TYPE_NONE:
      return;
    case TransposeType::TRANSPOSE_ND2ND_B16:
      if constexpr (std::is_same_v<T, uint16_t>) return m::TransposeMatrix16(dst, src, loc);
      return ascsim::FailKernel(loc, "Transpose: TRANSPOSE_ND2ND_B16 takes uint16_t");
    case TransposeType::TRANSPOSE_NCHW2NHWC:
    case TransposeType::TRANSPOSE_NHWC2NCHW:
      return m::TransposeImages(dst, src, sharedTmpBuffer, transposeParams, loc);
    default:
      return ascsim::FailKernel(loc, "Transpose: this transposeType is not supported on A2");
  }
}

// 16 blocks of 32 bytes in, 16 out, element e of all sources after each other: a transpose of 16 x 16 (16-bit), 16 x 8
// (32-bit: dst 2 e gets sources 0 to 7, 2 e + 1 sources 8 to 15) or 16 x 16 in halves of blocks (8-bit). Repeats move
// all addresses on by the strides; a single repeat starts one stride behind them.
template <typename T>
void TransDataTo5HD(const LocalTensor<T> (&dstList)[NCHW_CONV_ADDR_LIST_SIZE],
                    const LocalTensor<T> (&srcList)[NCHW_CONV_ADDR_LIST_SIZE],
                    const TransDataTo5HDParams& nchwconvParams, ascsim::Loc loc = ascsim::Loc::Of("TransDataTo5HD")) {
  namespace m = ascsim_detail::moves;
  ascsim::AddressList list;
  for (int k = 0; k < NCHW_CONV_ADDR_LIST_SIZE; ++k) {
    list.dst[k] = m::ListAddress(dstList[k].Address());
    list.src[k] = m::ListAddress(srcList[k].Address());
  }
  ascsim::Instruction i = m::Make5HD<T>(nchwconvParams, loc);
  i.dst.address = list.dst[0];
  i.src0.address = list.src[0];
  i.option[0] = ascsim::KeepAddresses(list);
  ascsim::Issue(i);
}
// Addresses as GetPhyAddr gives them.
template <typename T>
void TransDataTo5HD(uint64_t dstList[NCHW_CONV_ADDR_LIST_SIZE], uint64_t srcList[NCHW_CONV_ADDR_LIST_SIZE],
                    const TransDataTo5HDParams& nchwconvParams, ascsim::Loc loc = ascsim::Loc::Of("TransDataTo5HD")) {
  namespace m = ascsim_detail::moves;
  ascsim::AddressList list;
  for (int k = 0; k < NCHW_CONV_ADDR_LIST_SIZE; ++k) {
    list.dst[k] = m::ListAddress(dstList[k]);
    list.src[k] = m::ListAddress(srcList[k]);
  }
  ascsim::Instruction i = m::Make5HD<T>(nchwconvParams, loc);
  i.dst.address = list.dst[0];
  i.src0.address = list.src[0];
  i.option[0] = ascsim::KeepAddresses(list);
  ascsim::Issue(i);
}
// The same addresses, 16 of dst and 16 of src, in UB.
template <typename T>
void TransDataTo5HD(const LocalTensor<uint64_t>& dst, const LocalTensor<uint64_t>& src,
                    const TransDataTo5HDParams& nchwconvParams, ascsim::Loc loc = ascsim::Loc::Of("TransDataTo5HD")) {
  ascsim::Instruction i = ascsim_detail::moves::Make5HD<T>(nchwconvParams, loc);
  i.src1 = ascsim_detail::OperandOf(dst);
  i.src2 = ascsim_detail::OperandOf(src);
  ascsim::Issue(i);
}

// firstValue, firstValue + 1, ...
template <typename T>
void CreateVecIndex(LocalTensor<T> dst, const T& firstValue, uint32_t count,
                    ascsim::Loc loc = ascsim::Loc::Of("CreateVecIndex")) {
  namespace m = ascsim_detail::moves;
  if (count == 0) return;
  m::IssueIndex(dst, firstValue, m::Counter(count), static_cast<uint32_t>(m::DivUp(count, m::kLanes<T>)), 1, 8, loc);
  m::ResetMask();
}
template <typename T>
void CreateVecIndex(LocalTensor<T>& dst, const T& firstValue, const uint64_t mask[], uint32_t repeatTime,
                    params_detail::A16 dstBlkStride, uint32_t dstRepStride,
                    ascsim::Loc loc = ascsim::Loc::Of("CreateVecIndex")) {
  namespace m = ascsim_detail::moves;
  m::IssueIndex(dst, firstValue, m::UseBits<T, true>(mask), m::Repeats(repeatTime, loc), dstBlkStride,
                static_cast<uint16_t>(m::Field("dstRepStride", dstRepStride, 255, loc)), loc);
}
template <typename T>
void CreateVecIndex(LocalTensor<T>& dst, const T& firstValue, uint64_t mask, uint32_t repeatTime,
                    params_detail::A16 dstBlkStride, uint32_t dstRepStride,
                    ascsim::Loc loc = ascsim::Loc::Of("CreateVecIndex")) {
  namespace m = ascsim_detail::moves;
  m::IssueIndex(dst, firstValue, m::UseFirst<T, true>(static_cast<int64_t>(mask), loc), m::Repeats(repeatTime, loc),
                dstBlkStride, static_cast<uint16_t>(m::Field("dstRepStride", dstRepStride, 255, loc)), loc);
}

// firstValue + k * diffValue for k < count: the first block by the scalar unit, then Adds of blocks up to a repeat,
// then of repeats (Arange.md). The scalar part is ordered with queue V within.
template <typename T>
void Arange(const LocalTensor<T>& dst, const T firstValue, const T diffValue, const int32_t count,
            ascsim::Loc loc = ascsim::Loc::Of("Arange")) {
  namespace m = ascsim_detail::moves;
  static_assert(m::kIsOneOf<T, int16_t, half, int32_t, float>,
                "ascsim: Arange on A2 takes int16_t, half, int32_t and float");
  if (count < 1) return;
  const auto n = static_cast<uint64_t>(count);
  const uint64_t block = m::kPerBlock<T>, repeat = m::kLanes<T>;
  m::Order(ascsim::Pipe::kV, ascsim::Pipe::kS, loc);
  for (uint64_t k = 0; k < n && k < block; ++k) {
    dst.SetValue(static_cast<uint32_t>(k), m::Term(firstValue, diffValue, k), loc);
  }
  m::Order(ascsim::Pipe::kS, ascsim::Pipe::kV, loc);
  for (uint64_t from = block; from < n && from < repeat; from += block) {
    m::ExtendProgression(dst, diffValue, from, n - from < block ? n - from : block, loc);
  }
  if (n > repeat) m::BarrierV(loc);
  for (uint64_t from = repeat; from < n; from += repeat) {
    m::ExtendProgression(dst, diffValue, from, n - from < repeat ? n - from : repeat, loc);
  }
}
// The former name of Arange.
template <typename T>
void ArithProgression(const LocalTensor<T>& dst, const T firstValue, const T diffValue, const int32_t count,
                      ascsim::Loc loc = ascsim::Loc::Of("ArithProgression")) {
  Arange(dst, firstValue, diffValue, count, loc);
}

}  // namespace AscendC
