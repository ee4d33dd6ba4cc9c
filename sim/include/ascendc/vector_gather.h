// Gather by offsets, Gatherb by blocks, GatherMask by a pattern.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ascendc/scalar.h"
#include "ascendc/vector_moves.h"

namespace ascsim_detail::moves {

template <class T>
void IssueGather(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src,
                 const AscendC::LocalTensor<uint32_t>& offsets, uint32_t base, const ascsim::Mask& mask,
                 uint32_t repeats, ParamArg<uint16_t> dst_rep, Loc loc) {
  static_assert(kIsOneOf<T, int16_t, uint16_t, int32_t, uint32_t, float, half, bfloat16_t>,
                "ascsim: Gather on A2 takes int16_t, uint16_t, int32_t, uint32_t, float, half and bfloat16_t");
  Instruction i = Make(Op::kGather, dst, src, loc);
  i.src1 = OperandOf(offsets);
  i.repeats = repeats;
  CheckField("dstRepStride", dst_rep, loc);
  i.dst.repeat_stride = dst_rep;
  i.option[0] = base;
  IssueMasked(&i, mask);
}

template <class T>
void IssueGatherMask(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src, uint64_t pattern,
                     const ascsim::Operand& pattern_tensor, bool counter, uint32_t mask,
                     const AscendC::GatherMaskParams& params, uint64_t& kept, Loc loc) {
  static_assert(kIsOneOf<T, int16_t, uint16_t, int32_t, uint32_t, float, half, bfloat16_t>,
                "ascsim: GatherMask on A2 takes int16_t, uint16_t, int32_t, uint32_t, float, half and bfloat16_t");
  Instruction i = Make(Op::kGatherMask, dst, src, loc);
  CheckFields(params, loc);
  i.src0.block_stride = params.src0BlockStride;
  i.src0.repeat_stride = params.src0RepeatStride;
  i.src1 = pattern_tensor;
  i.src1.repeat_stride = params.src1RepeatStride;
  if (counter && mask == 0) Breach("mask-width", loc, "mask: expected 1 to 4294967295 elements, got 0");
  const uint64_t elements = counter ? mask : kLanes<T>;
  i.option[0] = pattern;
  i.option[1] = elements;
  i.option[2] = params.repeatTimes;
  // In repeats of 256 bytes; a call may have more than 255.
  i.mask = Counter(elements * params.repeatTimes);
  i.repeats = static_cast<uint32_t>(DivUp(elements, kLanes<T>) * params.repeatTimes);
  ascsim::Issue(i);
  ResetMask();
  kept = ascsim::ReadSpecialRegister(ascsim::SpecialRegister::kRemaining, loc);
}

}  // namespace ascsim_detail::moves

namespace AscendC {

// dst[k] = the element at byte srcBaseAddr + srcOffset[k] of src. Base and offsets are multiples of the element size.
template <typename T>
void Gather(const LocalTensor<T>& dst, const LocalTensor<T>& src, const LocalTensor<uint32_t>& srcOffset,
            const uint32_t srcBaseAddr, const uint32_t count, ascsim::Loc loc = ascsim::Loc::Of("Gather")) {
  namespace m = ascsim_detail::moves;
  if (count == 0) return;
  m::IssueGather(dst, src, srcOffset, srcBaseAddr, m::Counter(count),
                 static_cast<uint32_t>(m::DivUp(count, m::kLanes<T>)), 8, loc);
  m::ResetMask();
}
// Offsets follow each other without gaps, 256 bytes of results a repeat, those outside the mask included.
template <typename T>
void Gather(const LocalTensor<T>& dst, const LocalTensor<T>& src, const LocalTensor<uint32_t>& srcOffset,
            const uint32_t srcBaseAddr, const uint64_t mask[], const uint32_t repeatTime,
            const params_detail::A16 dstRepStride, ascsim::Loc loc = ascsim::Loc::Of("Gather")) {
  namespace m = ascsim_detail::moves;
  m::IssueGather(dst, src, srcOffset, srcBaseAddr, m::UseBits<T, true>(mask), m::Repeats(repeatTime, loc), dstRepStride,
                 loc);
}
template <typename T>
void Gather(const LocalTensor<T>& dst, const LocalTensor<T>& src, const LocalTensor<uint32_t>& srcOffset,
            const uint32_t srcBaseAddr, const uint64_t mask, const uint32_t repeatTime,
            const params_detail::A16 dstRepStride, ascsim::Loc loc = ascsim::Loc::Of("Gather")) {
  namespace m = ascsim_detail::moves;
  m::IssueGather(dst, src, srcOffset, srcBaseAddr, m::UseFirst<T, true>(static_cast<int64_t>(mask), loc),
                 m::Repeats(repeatTime, loc), dstRepStride, loc);
}

// Block b of repeat r: the 32 bytes at byte offset[8 r + b] of src0, a multiple of 32.
template <typename T>
void Gatherb(const LocalTensor<T>& dst, const LocalTensor<T>& src0, const LocalTensor<uint32_t>& offset,
             const uint32_t repeatTime, const GatherRepeatParams& repeatParams,
             ascsim::Loc loc = ascsim::Loc::Of("Gatherb")) {
  namespace m = ascsim_detail::moves;
  static_assert(m::kIsOneOf<T, uint16_t, uint32_t>, "ascsim: Gatherb on A2 takes uint16_t and uint32_t");
  ascsim::Instruction i = m::Make(ascsim::Op::kGatherb, dst, src0, loc);
  i.src1 = ascsim_detail::OperandOf(offset);
  i.src1.repeat_stride = 1;
  i.repeats = m::Repeats(repeatTime, loc);
  ascsim_detail::CheckFields(repeatParams, loc);
  i.dst.block_stride = repeatParams.dstBlkStride;
  i.dst.repeat_stride = repeatParams.dstRepStride;
  ascsim::Issue(i);
}

enum class GatherMaskMode : uint8_t { VERSION_V1 = 0, VERSION_V2 = 1 };
constexpr GatherMaskMode defaultGatherMaskMode = GatherMaskMode::VERSION_V1;

// dst gets the selected elements of all repeats one after the other. reduceMode false: repeats of 256 bytes, `mask` has
// no meaning; true: repeats of `mask` elements. rsvdCnt: how many were selected; known once queue V is through, which
// the call waits for, without ordering accesses to memory. Leaves a full mask in normal mode behind.
template <typename T, typename U, GatherMaskMode mode = defaultGatherMaskMode>
void GatherMask(const LocalTensor<T>& dst, const LocalTensor<T>& src0, const LocalTensor<U>& src1Pattern,
                const bool reduceMode, const uint32_t mask, const GatherMaskParams& gatherMaskParams, uint64_t& rsvdCnt,
                ascsim::Loc loc = ascsim::Loc::Of("GatherMask")) {
  static_assert(std::is_same_v<U, std::conditional_t<sizeof(T) == 2, uint16_t, uint32_t>>,
                "ascsim: GatherMask takes patterns of uint16_t for 16-bit elements, of uint32_t for 32-bit ones");
  ascsim_detail::moves::IssueGatherMask(dst, src0, 0, ascsim_detail::OperandOf(src1Pattern), reduceMode, mask,
                                        gatherMaskParams, rsvdCnt, loc);
}
// Built-in patterns: 1 even, 2 odd elements, 3 to 6 the first to fourth of each four, 7 all.
template <typename T, GatherMaskMode mode = defaultGatherMaskMode>
void GatherMask(const LocalTensor<T>& dst, const LocalTensor<T>& src0, const uint8_t src1Pattern, const bool reduceMode,
                const uint32_t mask, const GatherMaskParams& gatherMaskParams, uint64_t& rsvdCnt,
                ascsim::Loc loc = ascsim::Loc::Of("GatherMask")) {
  namespace m = ascsim_detail::moves;
  if (src1Pattern < 1 || src1Pattern > 7) {
    m::Breach("parameter-range", loc, "src1Pattern: expected 1 to 7, got %u", static_cast<uint32_t>(src1Pattern));
    return;
  }
  m::IssueGatherMask(dst, src0, src1Pattern, ascsim::Operand(), reduceMode, mask, gatherMaskParams, rsvdCnt, loc);
}

// Elements that the last GatherMask selected.
inline int64_t GetGatherMaskRemainCount(ascsim::Loc loc = ascsim::Loc::Of("GetGatherMaskRemainCount")) {
  return static_cast<int64_t>(ascsim::ReadSpecialRegister(ascsim::SpecialRegister::kRemaining, loc));
}

}  // namespace AscendC
