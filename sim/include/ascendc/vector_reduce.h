// Reductions: WholeReduce, BlockReduce, PairReduce, RepeatReduce, Reduce and Sum.
// SPDX-License-Identifier: Apache-2.0
//
// Sums add neighbours in a binary tree within a repeat, a block or a pair, and round each addition; an fp16 sum that
// overflows is kept as +-65504. Across repeats ReduceSum over the first n elements adds one after the other, the other
// forms again as a tree (ReduceSum.md for A2). Of equal extremes the first one wins.
#pragma once

#include "ascendc/vector_moves.h"

namespace ascsim_detail::moves {

template <class T>
constexpr void CheckReduceType() {
  static_assert(kIsOneOf<T, half, float>, "ascsim: reductions on A2 take half and float");
}

// Strides: dst in units of one repeat's result, src in blocks.
template <class T>
void IssueReduce(Op op, const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src,
                 const ascsim::Mask& mask, int64_t repeats, int64_t dst_rep, int64_t src_blk, int64_t src_rep,
                 uint64_t option, Loc loc) {
  CheckReduceType<T>();
  Instruction i = Make(op, dst, src, loc);
  i.repeats = Repeats(repeats, loc);
  i.dst.repeat_stride = Stride("dstRepStride", dst_rep, loc);
  i.src0.block_stride = Stride("srcBlkStride", src_blk, loc);
  i.src0.repeat_stride = Stride("srcRepStride", src_rep, loc);
  i.option[0] = option;
  IssueMasked(&i, mask);
}

// As the exec function of WholeReduceMax and WholeReduceMin takes it.
constexpr uint64_t OrderOption(AscendC::ReduceOrder order) {
  switch (order) {
    case AscendC::ReduceOrder::ORDER_VALUE_INDEX:
      return 0;
    case AscendC::ReduceOrder::ORDER_INDEX_VALUE:
      return 1;
    case AscendC::ReduceOrder::ORDER_ONLY_VALUE:
      return 2;
    case AscendC::ReduceOrder::ORDER_ONLY_INDEX:
      return 3;
  }
  return 0;
}

// A call in counter mode takes one instruction, whatever the number of repeats.
template <class T>
void IssueCounted(Op op, const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src, uint64_t count,
                  uint64_t option, Loc loc) {
  CheckReduceType<T>();
  Instruction i = Make(op, dst, src, loc);
  i.repeats = static_cast<uint32_t>(DivUp(count, kLanes<T>));
  i.dst.repeat_stride = 1;
  i.option[0] = option;
  IssueMasked(&i, Counter(count));
}

template <class T>
void CheckWork(const AscendC::LocalTensor<T>& work, uint64_t needed, Loc loc) {
  if (work.GetSize() >= needed) return;
  Breach("out-of-bounds", loc, "sharedTmpBuffer: expected at least %llu elements, got %u",
         static_cast<unsigned long long>(needed), work.GetSize());
}

// First round of a Reduce with a mask: a result of `unit` elements a repeat, in instructions of up to 255 repeats.
template <class T>
void FirstRound(Op op, const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src, const ascsim::Mask& mask,
                uint64_t repeats, int64_t src_rep, uint32_t unit, uint64_t option, Loc loc) {
  for (uint64_t done = 0; done < repeats; done += AscendC::MAX_REPEAT_TIMES) {
    const uint64_t part = repeats - done < AscendC::MAX_REPEAT_TIMES ? repeats - done : AscendC::MAX_REPEAT_TIMES;
    const uint64_t skip = done * static_cast<uint64_t>(src_rep) * kPerBlock<T>;
    IssueReduce(op, dst[static_cast<uint32_t>(done * unit)], src[static_cast<uint32_t>(skip)], mask,
                static_cast<int64_t>(part), 1, 1, src_rep, option, loc);
  }
}

// Sums of repeats, in sharedTmpBuffer from its start on: added up in trees, each round in the place of the last.
template <class T>
void SumOfSums(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& work, uint64_t count, Loc loc) {
  while (count > 0) {
    BarrierV(loc);
    const uint64_t results = DivUp(count, kLanes<T>);
    IssueCounted(Op::kWholeReduceSum, results == 1 ? dst : work, work, count, 0, loc);
    if (results == 1) break;
    count = results;
  }
}

template <class T>
void ReduceSumRepeats(const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src,
                      const AscendC::LocalTensor<T>& work, const ascsim::Mask& mask, int32_t repeats, int32_t src_rep,
                      Loc loc) {
  if (repeats < 1) return;
  const uint64_t n = mask.counter ? DivUp(mask.low, kLanes<T>) : static_cast<uint64_t>(repeats);
  if (mask.counter) {
    IssueCounted(Op::kWholeReduceSum, n == 1 ? dst : work, src, mask.low, 0, loc);
    if (n > 1) SumOfSums(dst, work, n, loc);
  } else if (n == 1) {
    FirstRound(Op::kWholeReduceSum, dst, src, mask, 1, src_rep, 1, 0, loc);
  } else {
    CheckWork(work, DivUp(n, kPerBlock<T>) * kPerBlock<T>, loc);
    FirstRound(Op::kWholeReduceSum, work, src, mask, n, src_rep, 1, 0, loc);
    SumOfSums(dst, work, n, loc);
  }
  ResetMask();
}

// Pairs of value and index of `pairs` repeats, reduced to one pair a repeat. The index of a value among the pairs is
// its place in its repeat: even.
template <class T>
void ReducePairs(Op op, const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& pairs, uint64_t count,
                 bool in_place, bool only_value, Loc loc) {
  constexpr uint64_t kValues = 0x5555555555555555;
  const uint64_t elements = 2 * count, full = elements / kLanes<T>, tail = elements % kLanes<T>;
  const uint64_t option = only_value ? 2 : 0;
  ascsim::Mask mask;
  mask.low = kValues;
  mask.high = sizeof(T) == 2 ? kValues : 0;
  if (full > 0) FirstRound(op, dst, pairs, mask, full, 8, 2, option, loc);
  if (tail == 0) return;
  // The result of the tail lies among what the full repeats read.
  if (in_place && full > 0) BarrierV(loc);
  mask.low = kValues & (tail >= 64 ? ~uint64_t{0} : (uint64_t{1} << tail) - 1);
  mask.high = tail > 64 ? kValues & ((uint64_t{1} << (tail - 64)) - 1) : 0;
  IssueReduce(op, dst[static_cast<uint32_t>(2 * full)], pairs[static_cast<uint32_t>(full * kLanes<T>)], mask, 1, 1, 1,
              8, option, loc);
}

template <class T>
using IndexOf = std::conditional_t<sizeof(T) == 2, uint16_t, uint32_t>;

// Which repeat of the source holds the extreme one, and where in it: indices of all rounds, read by the scalar unit.
// Round k has its pairs at element starts[k] of sharedTmpBuffer; the last one has a single pair.
template <class T>
uint64_t TraceIndex(const AscendC::LocalTensor<T>& work, const uint64_t* starts, int rounds, uint64_t src_rep,
                    Loc loc) {
  const AscendC::LocalTensor<IndexOf<T>> indices = work.template ReinterpretCast<IndexOf<T>>();
  uint64_t pair = 0;
  for (int k = rounds - 1; k > 0; --k) {
    const uint64_t place = indices.GetValue(static_cast<uint32_t>(starts[k] + 2 * pair + 1), loc);
    pair = (pair * kLanes<T> + place) / 2;
  }
  return pair * src_rep * kPerBlock<T> + indices.GetValue(static_cast<uint32_t>(2 * pair + 1), loc);
}

// After the first round has left `repeats` pairs at the start of sharedTmpBuffer.
template <class T>
void ReduceExtremeRounds(Op op, const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& work,
                         uint64_t repeats, uint64_t src_rep, bool with_index, Loc loc) {
  constexpr int kMaxRounds = 8;  // 32^8 elements
  uint64_t starts[kMaxRounds] = {};
  int rounds = 1;
  while (repeats > 1) {
    const uint64_t results = DivUp(2 * repeats, kLanes<T>);
    BarrierV(loc);
    if (with_index) {
      starts[rounds] = starts[rounds - 1] + DivUp(2 * repeats, kPerBlock<T>) * kPerBlock<T>;
      CheckWork(work, starts[rounds] + 2 * results, loc);
      ReducePairs(op, work[static_cast<uint32_t>(starts[rounds])], work[static_cast<uint32_t>(starts[rounds - 1])],
                  repeats, false, false, loc);
      ++rounds;
    } else {
      ReducePairs(op, results == 1 ? dst : work, work, repeats, true, results == 1, loc);
    }
    repeats = results;
  }
  if (!with_index) return;
  // The extreme one's place in the source follows from the indices of all rounds: scalar work, as are its results.
  Order(ascsim::Pipe::kV, ascsim::Pipe::kS, loc);
  const uint64_t index = TraceIndex(work, starts, rounds, src_rep, loc);
  if (sizeof(T) == 2 && index > 65535) {
    Breach("parameter-range", loc, "index: half holds 0 to 65535, got %llu", static_cast<unsigned long long>(index));
  }
  const T value = work.GetValue(static_cast<uint32_t>(starts[rounds - 1]), loc);
  dst.SetValue(0, value, loc);
  dst.template ReinterpretCast<IndexOf<T>>().SetValue(1, static_cast<IndexOf<T>>(index), loc);
  Order(ascsim::Pipe::kS, ascsim::Pipe::kV, loc);
}

// Of the source in repeats of `src_rep` blocks. `mask` in counter mode: its first elements, without gaps.
template <class T>
void ReduceExtreme(Op op, const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src,
                   const AscendC::LocalTensor<T>& work, const ascsim::Mask& mask, int64_t repeats, int32_t src_rep,
                   bool with_index, Loc loc) {
  if (repeats < 1) return;
  const uint64_t n = mask.counter ? DivUp(mask.low, kLanes<T>) : static_cast<uint64_t>(repeats);
  const AscendC::LocalTensor<T>& first = n == 1 ? dst : work;
  const uint64_t option = n == 1 && !with_index ? 2 : 0;
  if (n > 1) CheckWork(work, DivUp(2 * n, kPerBlock<T>) * kPerBlock<T>, loc);
  if (mask.counter) {
    IssueCounted(op, first, src, mask.low, option, loc);
  } else {
    FirstRound(op, first, src, mask, n, src_rep, 2, option, loc);
  }
  if (n > 1) ReduceExtremeRounds(op, dst, work, n, static_cast<uint64_t>(src_rep), with_index, loc);
  ResetMask();
}
template <class T>
void ReduceExtremeFirst(Op op, const AscendC::LocalTensor<T>& dst, const AscendC::LocalTensor<T>& src,
                        const AscendC::LocalTensor<T>& work, int32_t count, bool with_index, Loc loc) {
  const uint64_t n = count < 0 ? 0 : static_cast<uint64_t>(count);
  ReduceExtreme(op, dst, src, work, Counter(n), static_cast<int64_t>(DivUp(n, kLanes<T>)), 8, with_index, loc);
}

}  // namespace ascsim_detail::moves

namespace AscendC {

template <typename T, bool isSetMask = true>
void WholeReduceSum(const LocalTensor<T>& dst, const LocalTensor<T>& src, const uint64_t mask[],
                    const int32_t repeatTime, const int32_t dstRepStride, const int32_t srcBlkStride,
                    const int32_t srcRepStride, ascsim::Loc loc = ascsim::Loc::Of("WholeReduceSum")) {
  namespace m = ascsim_detail::moves;
  m::IssueReduce(ascsim::Op::kWholeReduceSum, dst, src, m::UseBits<T, isSetMask>(mask), repeatTime, dstRepStride,
                 srcBlkStride, srcRepStride, 0, loc);
}
template <typename T, bool isSetMask = true>
void WholeReduceSum(const LocalTensor<T>& dst, const LocalTensor<T>& src, const int32_t mask, const int32_t repeatTime,
                    const int32_t dstRepStride, const int32_t srcBlkStride, const int32_t srcRepStride,
                    ascsim::Loc loc = ascsim::Loc::Of("WholeReduceSum")) {
  namespace m = ascsim_detail::moves;
  m::IssueReduce(ascsim::Op::kWholeReduceSum, dst, src, m::UseFirst<T, isSetMask>(mask, loc), repeatTime, dstRepStride,
                 srcBlkStride, srcRepStride, 0, loc);
}

// WholeReduceSum with its parameters in another order; dstBlkStride has no meaning.
template <typename T, bool isSetMask = true>
void RepeatReduceSum(const LocalTensor<T>& dst, const LocalTensor<T>& src, const int32_t repeatTime, const int32_t mask,
                     const int32_t /*dstBlkStride*/, const int32_t srcBlkStride, const int32_t dstRepStride,
                     const int32_t srcRepStride, ascsim::Loc loc = ascsim::Loc::Of("RepeatReduceSum")) {
  WholeReduceSum<T, isSetMask>(dst, src, mask, repeatTime, dstRepStride, srcBlkStride, srcRepStride, loc);
}

template <typename T, bool isSetMask = true>
void WholeReduceMax(const LocalTensor<T>& dst, const LocalTensor<T>& src, const uint64_t mask[],
                    const int32_t repeatTime, const int32_t dstRepStride, const int32_t srcBlkStride,
                    const int32_t srcRepStride, ReduceOrder order = ReduceOrder::ORDER_VALUE_INDEX,
                    ascsim::Loc loc = ascsim::Loc::Of("WholeReduceMax")) {
  namespace m = ascsim_detail::moves;
  m::IssueReduce(ascsim::Op::kWholeReduceMax, dst, src, m::UseBits<T, isSetMask>(mask), repeatTime, dstRepStride,
                 srcBlkStride, srcRepStride, m::OrderOption(order), loc);
}
template <typename T, bool isSetMask = true>
void WholeReduceMax(const LocalTensor<T>& dst, const LocalTensor<T>& src, const int32_t mask, const int32_t repeatTime,
                    const int32_t dstRepStride, const int32_t srcBlkStride, const int32_t srcRepStride,
                    ReduceOrder order = ReduceOrder::ORDER_VALUE_INDEX,
                    ascsim::Loc loc = ascsim::Loc::Of("WholeReduceMax")) {
  namespace m = ascsim_detail::moves;
  m::IssueReduce(ascsim::Op::kWholeReduceMax, dst, src, m::UseFirst<T, isSetMask>(mask, loc), repeatTime, dstRepStride,
                 srcBlkStride, srcRepStride, m::OrderOption(order), loc);
}

template <typename T, bool isSetMask = true>
void WholeReduceMin(const LocalTensor<T>& dst, const LocalTensor<T>& src, const uint64_t mask[],
                    const int32_t repeatTime, const int32_t dstRepStride, const int32_t srcBlkStride,
                    const int32_t srcRepStride, ReduceOrder order = ReduceOrder::ORDER_VALUE_INDEX,
                    ascsim::Loc loc = ascsim::Loc::Of("WholeReduceMin")) {
  namespace m = ascsim_detail::moves;
  m::IssueReduce(ascsim::Op::kWholeReduceMin, dst, src, m::UseBits<T, isSetMask>(mask), repeatTime, dstRepStride,
                 srcBlkStride, srcRepStride, m::OrderOption(order), loc);
}
template <typename T, bool isSetMask = true>
void WholeReduceMin(const LocalTensor<T>& dst, const LocalTensor<T>& src, const int32_t mask, const int32_t repeatTime,
                    const int32_t dstRepStride, const int32_t srcBlkStride, const int32_t srcRepStride,
                    ReduceOrder order = ReduceOrder::ORDER_VALUE_INDEX,
                    ascsim::Loc loc = ascsim::Loc::Of("WholeReduceMin")) {
  namespace m = ascsim_detail::moves;
  m::IssueReduce(ascsim::Op::kWholeReduceMin, dst, src, m::UseFirst<T, isSetMask>(mask, loc), repeatTime, dstRepStride,
                 srcBlkStride, srcRepStride, m::OrderOption(order), loc);
}

template <typename T, bool isSetMask = true>
void BlockReduceSum(const LocalTensor<T>& dst, const LocalTensor<T>& src, const int32_t repeatTime,
                    const uint64_t mask[], const int32_t dstRepStride, const int32_t srcBlkStride,
                    const int32_t srcRepStride, ascsim::Loc loc = ascsim::Loc::Of("BlockReduceSum")) {
  namespace m = ascsim_detail::moves;
  m::IssueReduce(ascsim::Op::kBlockReduceSum, dst, src, m::UseBits<T, isSetMask>(mask), repeatTime, dstRepStride,
                 srcBlkStride, srcRepStride, 0, loc);
}
template <typename T, bool isSetMask = true>
void BlockReduceSum(const LocalTensor<T>& dst, const LocalTensor<T>& src, const int32_t repeatTime, const int32_t mask,
                    const int32_t dstRepStride, const int32_t srcBlkStride, const int32_t srcRepStride,
                    ascsim::Loc loc = ascsim::Loc::Of("BlockReduceSum")) {
  namespace m = ascsim_detail::moves;
  m::IssueReduce(ascsim::Op::kBlockReduceSum, dst, src, m::UseFirst<T, isSetMask>(mask, loc), repeatTime, dstRepStride,
                 srcBlkStride, srcRepStride, 0, loc);
}

template <typename T, bool isSetMask = true>
void BlockReduceMax(const LocalTensor<T>& dst, const LocalTensor<T>& src, const int32_t repeatTime,
                    const uint64_t mask[], const int32_t dstRepStride, const int32_t srcBlkStride,
                    const int32_t srcRepStride, ascsim::Loc loc = ascsim::Loc::Of("BlockReduceMax")) {
  namespace m = ascsim_detail::moves;
  m::IssueReduce(ascsim::Op::kBlockReduceMax, dst, src, m::UseBits<T, isSetMask>(mask), repeatTime, dstRepStride,
                 srcBlkStride, srcRepStride, 0, loc);
}
template <typename T, bool isSetMask = true>
void BlockReduceMax(const LocalTensor<T>& dst, const LocalTensor<T>& src, const int32_t repeatTime, const int32_t mask,
                    const int32_t dstRepStride, const int32_t srcBlkStride, const int32_t srcRepStride,
                    ascsim::Loc loc = ascsim::Loc::Of("BlockReduceMax")) {
  namespace m = ascsim_detail::moves;
  m::IssueReduce(ascsim::Op::kBlockReduceMax, dst, src, m::UseFirst<T, isSetMask>(mask, loc), repeatTime, dstRepStride,
                 srcBlkStride, srcRepStride, 0, loc);
}

template <typename T, bool isSetMask = true>
void BlockReduceMin(const LocalTensor<T>& dst, const LocalTensor<T>& src, const int32_t repeatTime,
                    const uint64_t mask[], const int32_t dstRepStride, const int32_t srcBlkStride,
                    const int32_t srcRepStride, ascsim::Loc loc = ascsim::Loc::Of("BlockReduceMin")) {
  namespace m = ascsim_detail::moves;
  m::IssueReduce(ascsim::Op::kBlockReduceMin, dst, src, m::UseBits<T, isSetMask>(mask), repeatTime, dstRepStride,
                 srcBlkStride, srcRepStride, 0, loc);
}
template <typename T, bool isSetMask = true>
void BlockReduceMin(const LocalTensor<T>& dst, const LocalTensor<T>& src, const int32_t repeatTime, const int32_t mask,
                    const int32_t dstRepStride, const int32_t srcBlkStride, const int32_t srcRepStride,
                    ascsim::Loc loc = ascsim::Loc::Of("BlockReduceMin")) {
  namespace m = ascsim_detail::moves;
  m::IssueReduce(ascsim::Op::kBlockReduceMin, dst, src, m::UseFirst<T, isSetMask>(mask, loc), repeatTime, dstRepStride,
                 srcBlkStride, srcRepStride, 0, loc);
}

template <typename T, bool isSetMask = true>
void PairReduceSum(const LocalTensor<T>& dst, const LocalTensor<T>& src, const int32_t repeatTime,
                   const uint64_t mask[], const int32_t dstRepStride, const int32_t srcBlkStride,
                   const int32_t srcRepStride, ascsim::Loc loc = ascsim::Loc::Of("PairReduceSum")) {
  namespace m = ascsim_detail::moves;
  m::IssueReduce(ascsim::Op::kPairReduceSum, dst, src, m::UseBits<T, isSetMask>(mask), repeatTime, dstRepStride,
                 srcBlkStride, srcRepStride, 0, loc);
}
template <typename T, bool isSetMask = true>
void PairReduceSum(const LocalTensor<T>& dst, const LocalTensor<T>& src, const int32_t repeatTime, const int32_t mask,
                   const int32_t dstRepStride, const int32_t srcBlkStride, const int32_t srcRepStride,
                   ascsim::Loc loc = ascsim::Loc::Of("PairReduceSum")) {
  namespace m = ascsim_detail::moves;
  m::IssueReduce(ascsim::Op::kPairReduceSum, dst, src, m::UseFirst<T, isSetMask>(mask, loc), repeatTime, dstRepStride,
                 srcBlkStride, srcRepStride, 0, loc);
}

// One instruction, which adds the sums of its repeats up in a register (GetAccVal); sharedTmpBuffer is not touched.
template <typename T, bool isSetMask = true>
void ReduceSum(const LocalTensor<T>& dst, const LocalTensor<T>& src, const LocalTensor<T>& /*sharedTmpBuffer*/,
               const int32_t count, ascsim::Loc loc = ascsim::Loc::Of("ReduceSum")) {
  namespace m = ascsim_detail::moves;
  if (count < 1) return;
  m::IssueCounted(ascsim::Op::kWholeReduceSum, dst, src, static_cast<uint64_t>(count), 1, loc);
  m::ResetMask();
}
template <typename T>
void ReduceSum(const LocalTensor<T>& dst, const LocalTensor<T>& src, const LocalTensor<T>& sharedTmpBuffer,
               const uint64_t mask[], const int32_t repeatTime, const int32_t srcRepStride,
               ascsim::Loc loc = ascsim::Loc::Of("ReduceSum")) {
  namespace m = ascsim_detail::moves;
  m::ReduceSumRepeats(dst, src, sharedTmpBuffer, m::Bits<T>(mask), repeatTime, srcRepStride, loc);
}
template <typename T>
void ReduceSum(const LocalTensor<T>& dst, const LocalTensor<T>& src, const LocalTensor<T>& sharedTmpBuffer,
               const int32_t mask, const int32_t repeatTime, const int32_t srcRepStride,
               ascsim::Loc loc = ascsim::Loc::Of("ReduceSum")) {
  namespace m = ascsim_detail::moves;
  m::ReduceSumRepeats(dst, src, sharedTmpBuffer, m::First<T>(mask, loc), repeatTime, srcRepStride, loc);
}

// dst gets the value, and with calIndex the index in src, as an integer of the element's size.
template <typename T>
void ReduceMax(const LocalTensor<T>& dst, const LocalTensor<T>& src, const LocalTensor<T>& sharedTmpBuffer,
               const int32_t count, bool calIndex = false, ascsim::Loc loc = ascsim::Loc::Of("ReduceMax")) {
  ascsim_detail::moves::ReduceExtremeFirst(ascsim::Op::kWholeReduceMax, dst, src, sharedTmpBuffer, count, calIndex,
                                           loc);
}
template <typename T>
void ReduceMax(const LocalTensor<T>& dst, const LocalTensor<T>& src, const LocalTensor<T>& sharedTmpBuffer,
               const uint64_t mask[], const int32_t repeatTime, const int32_t srcRepStride, bool calIndex = false,
               ascsim::Loc loc = ascsim::Loc::Of("ReduceMax")) {
  namespace m = ascsim_detail::moves;
  m::ReduceExtreme(ascsim::Op::kWholeReduceMax, dst, src, sharedTmpBuffer, m::Bits<T>(mask), repeatTime, srcRepStride,
                   calIndex, loc);
}
template <typename T>
void ReduceMax(const LocalTensor<T>& dst, const LocalTensor<T>& src, const LocalTensor<T>& sharedTmpBuffer,
               const int32_t mask, const int32_t repeatTime, const int32_t srcRepStride, bool calIndex = false,
               ascsim::Loc loc = ascsim::Loc::Of("ReduceMax")) {
  namespace m = ascsim_detail::moves;
  m::ReduceExtreme(ascsim::Op::kWholeReduceMax, dst, src, sharedTmpBuffer, m::First<T>(mask, loc), repeatTime,
                   srcRepStride, calIndex, loc);
}

template <typename T>
void ReduceMin(const LocalTensor<T>& dst, const LocalTensor<T>& src, const LocalTensor<T>& sharedTmpBuffer,
               const int32_t count, bool calIndex = false, ascsim::Loc loc = ascsim::Loc::Of("ReduceMin")) {
  ascsim_detail::moves::ReduceExtremeFirst(ascsim::Op::kWholeReduceMin, dst, src, sharedTmpBuffer, count, calIndex,
                                           loc);
}
template <typename T>
void ReduceMin(const LocalTensor<T>& dst, const LocalTensor<T>& src, const LocalTensor<T>& sharedTmpBuffer,
               const uint64_t mask[], const int32_t repeatTime, const int32_t srcRepStride, bool calIndex = false,
               ascsim::Loc loc = ascsim::Loc::Of("ReduceMin")) {
  namespace m = ascsim_detail::moves;
  m::ReduceExtreme(ascsim::Op::kWholeReduceMin, dst, src, sharedTmpBuffer, m::Bits<T>(mask), repeatTime, srcRepStride,
                   calIndex, loc);
}
template <typename T>
void ReduceMin(const LocalTensor<T>& dst, const LocalTensor<T>& src, const LocalTensor<T>& sharedTmpBuffer,
               const int32_t mask, const int32_t repeatTime, const int32_t srcRepStride, bool calIndex = false,
               ascsim::Loc loc = ascsim::Loc::Of("ReduceMin")) {
  namespace m = ascsim_detail::moves;
  m::ReduceExtreme(ascsim::Op::kWholeReduceMin, dst, src, sharedTmpBuffer, m::First<T>(mask, loc), repeatTime,
                   srcRepStride, calIndex, loc);
}

// Result of the last ReduceSum over the first n elements. Waits for queue V, but orders no accesses to memory.
template <typename T>
T GetAccVal(ascsim::Loc loc = ascsim::Loc::Of("GetAccVal")) {
  ascsim_detail::moves::CheckReduceType<T>();
  return ascsim_detail::FromBits<T>(ascsim::ReadSpecialRegister(ascsim::SpecialRegister::kSum, loc));
}

// Of the last repeat of WholeReduceMax or WholeReduceMin: on A2, ReduceMax and ReduceMin leave indices of their own
// last round here. The index has the bits of an integer of the element's size.
template <typename T>
void GetReduceMaxMinCount(T& maxMinValue, T& maxMinIndex, ascsim::Loc loc = ascsim::Loc::Of("GetReduceMaxMinCount")) {
  ascsim_detail::moves::CheckReduceType<T>();
  maxMinValue = ascsim_detail::FromBits<T>(ascsim::ReadSpecialRegister(ascsim::SpecialRegister::kExtreme, loc));
  maxMinIndex = ascsim_detail::FromBits<T>(ascsim::ReadSpecialRegister(ascsim::SpecialRegister::kExtremeIndex, loc));
}
template <typename T>
void GetReduceMaxMinCount(T& maxMinValue, ascsim::Loc loc = ascsim::Loc::Of("GetReduceMaxMinCount")) {
  ascsim_detail::moves::CheckReduceType<T>();
  maxMinValue = ascsim_detail::FromBits<T>(ascsim::ReadSpecialRegister(ascsim::SpecialRegister::kExtreme, loc));
}

}  // namespace AscendC
