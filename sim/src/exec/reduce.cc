// Reductions within a repeat, a block or a pair.
// SPDX-License-Identifier: Apache-2.0
//
// Order of additions (WholeReduceSum.md, BlockReduceSum.md, PairReduceSum.md): a binary tree over neighbours, each sum
// rounded to the element type; a sum of finite fp16 numbers that overflows is kept as +-65504. An element that the mask
// leaves out does not take part: its neighbour goes up the tree as it is.
//
// Maximum and minimum (WholeReduceMax.md, ReduceMax.md): the first of equals wins; +0 equals -0. The pages do not say
// what a NaN does; here the first NaN is the result.
#include <array>
#include <cmath>
#include <string>

#include "ascsim/runtime.h"
#include "core/half.h"
#include "exec/lanes.h"
#include "exec/tables.h"

namespace ascsim {
namespace {

constexpr uint32_t kMaxLanes = 128;

struct Float32 {
  using Bits = uint32_t;
  static constexpr uint32_t kSize = 4;
  static float Load(Bits bits) {
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  static Bits Store(float value) {
    Bits bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return bits;
  }
  static float Add(float a, float b) { return a + b; }
};

struct Float16 {
  using Bits = uint16_t;
  static constexpr uint32_t kSize = 2;
  static constexpr float kLargest = 65504;
  static float Load(Bits bits) { return HalfToFloat(bits); }
  static Bits Store(float value) { return FloatToHalf(value); }
  // 24 bits hold twice 11 and two more: rounding to float first does not change what fp16 gets.
  static float Add(float a, float b) {
    const float sum = HalfToFloat(FloatToHalf(a + b));
    return std::isinf(sum) && std::isfinite(a) && std::isfinite(b) ? std::copysign(kLargest, sum) : sum;
  }
};

template <class F>
void LoadValues(const uint8_t* bytes, uint32_t count, float* values) {
  for (uint32_t i = 0; i < count; ++i) {
    typename F::Bits bits;
    std::memcpy(&bits, bytes + i * F::kSize, F::kSize);
    values[i] = F::Load(bits);
  }
}

// Sum of values[0, count), count a power of two; values is overwritten. `active`, or null: all.
template <class F>
float TreeSum(float* values, uint32_t count) {
  for (; count > 1; count /= 2) {
    for (uint32_t i = 0; i < count / 2; ++i) values[i] = F::Add(values[2 * i], values[2 * i + 1]);
  }
  return values[0];
}

template <class F>
float MaskedTreeSum(float* values, bool* active, uint32_t count) {
  for (; count > 1; count /= 2) {
    for (uint32_t i = 0; i < count / 2; ++i) {
      const bool left = active[2 * i], right = active[2 * i + 1];
      values[i] = left && right ? F::Add(values[2 * i], values[2 * i + 1]) : left ? values[2 * i] : values[2 * i + 1];
      active[i] = left || right;
    }
  }
  return values[0];
}

// Sum of the active ones of `count` values from bit `first` of the lanes on; some are active.
template <class F>
float ActiveSum(float* values, const Lanes& lanes, uint32_t first, uint32_t count) {
  bool active[kMaxLanes];
  bool all = true;
  for (uint32_t i = 0; i < count; ++i) all &= active[i] = lanes.Has(first + i);
  return all ? TreeSum<F>(values, count) : MaskedTreeSum<F>(values, active, count);
}

template <bool kMax>
bool Beats(float challenger, float best) {
  if (std::isnan(best)) return false;
  if (std::isnan(challenger)) return true;
  return kMax ? challenger > best : challenger < best;
}

// Position of the extreme one among the active of values[first, first + count), which are not empty.
template <bool kMax>
uint32_t ActiveExtreme(const float* values, const Lanes& lanes, uint32_t first, uint32_t count) {
  uint32_t best = kMaxLanes;
  for (uint32_t i = first; i < first + count; ++i) {
    if (lanes.Has(i) && (best == kMaxLanes || Beats<kMax>(values[i], values[best]))) best = i;
  }
  return best;
}

template <class F>
struct Walk {
  static constexpr uint32_t kLanes = kRepeatBytes / F::kSize;
  Execution& execution;
  const Instruction& i = execution.instruction();
  const uint64_t repeats = NumRepeats(i, kLanes);
  std::array<uint8_t, kRepeatBytes> bytes{};

  Lanes Load(uint64_t repeat, float* values) {
    const Lanes lanes = ActiveLanes(i, repeat, kLanes);
    ReadLanes<F::kSize>(execution, i.src0, i.src0.address + repeat * i.src0.repeat_stride * kBlockBytes, lanes,
                        bytes.data());
    LoadValues<F>(bytes.data(), kLanes, values);
    return lanes;
  }
  typename F::Bits RawAt(uint32_t lane) const {
    typename F::Bits bits;
    std::memcpy(&bits, bytes.data() + lane * F::kSize, F::kSize);
    return bits;
  }
  template <class T>
  void Put(uint64_t address, T bits) {
    std::memcpy(execution.Write(i.dst, address, sizeof(T)), &bits, sizeof(T));
  }
  // A result of repeat r must not lie in what a later repeat reads (the general rule on overlapping operands):
  // `unit` bytes of results a repeat.
  void CheckOverlap(uint64_t unit) {
    if (repeats < 2 || i.dst.space != i.src0.space) return;
    const uint64_t step = i.dst.repeat_stride * unit;
    const uint64_t src_step = uint64_t{i.src0.repeat_stride} * kBlockBytes;
    const uint64_t span = (uint64_t{7} * i.src0.block_stride + 1) * kBlockBytes;
    for (uint64_t r = 0; r + 1 < repeats; ++r) {
      const Range result{i.dst.address + r * step, i.dst.address + r * step + unit};
      const Range later{i.src0.address + (r + 1) * src_step, i.src0.address + (repeats - 1) * src_step + span};
      // A source that does not move on, or whose blocks lie apart, is read again where it was written: told apart
      // only by looking at each block.
      if (!result.Meets(later) || !MeetsBlock(result, r + 1, src_step)) continue;
      execution.Report(Rule::kOverlap,
                       "the result of repeat " + std::to_string(r) + " overwrites what a later repeat reads",
                       i.dst.space, result.begin, unit);
      return;
    }
  }
  bool MeetsBlock(const Range& result, uint64_t from_repeat, uint64_t src_step) const {
    for (uint64_t r = from_repeat; r < repeats; ++r) {
      for (uint64_t b = 0; b < kBlocksPerRepeat; ++b) {
        const uint64_t at = i.src0.address + r * src_step + b * i.src0.block_stride * kBlockBytes;
        if (result.Meets({at, at + kBlockBytes})) return true;
      }
    }
    return false;
  }
};

// dst.repeat_stride counts elements. option[0] 1: the results of the repeats are added one after the other, and only
// the sum of all is written (ReduceSum of the first n elements).
template <class F>
void WholeReduceSum(Execution& execution) {
  Walk<F> walk{execution};
  const bool accumulate = walk.i.option[0] == 1;
  if (!accumulate) walk.CheckOverlap(F::kSize);
  float values[kMaxLanes];
  float total = 0;
  bool any = false;
  for (uint64_t r = 0; r < walk.repeats; ++r) {
    const Lanes lanes = walk.Load(r, values);
    if (!lanes.any()) continue;
    const float sum = ActiveSum<F>(values, lanes, 0, walk.kLanes);
    total = any && accumulate ? F::Add(total, sum) : sum;
    any = true;
    if (!accumulate) walk.Put(walk.i.dst.address + r * walk.i.dst.repeat_stride * F::kSize, F::Store(sum));
  }
  if (!any) return;
  if (accumulate) walk.Put(walk.i.dst.address, F::Store(total));
  execution.special_register(static_cast<int>(SpecialRegister::kSum)) = F::Store(total);
}

// option[0]: 0 value and index, 1 index and value, 2 value, 3 index (always 32 bits). dst.repeat_stride counts results.
template <class F, bool kMax>
void WholeReduceExtreme(Execution& execution) {
  Walk<F> walk{execution};
  const uint64_t order = walk.i.option[0];
  const uint64_t unit = order < 2 ? 2 * F::kSize : order == 2 ? F::kSize : sizeof(uint32_t);
  if (walk.i.dst.address % unit != 0) {
    execution.Report(Rule::kMisaligned,
                     "dst: expected an address that is a multiple of " + std::to_string(unit) + " bytes, got " +
                         std::to_string(walk.i.dst.address),
                     walk.i.dst.space, walk.i.dst.address, unit);
  }
  walk.CheckOverlap(unit);
  float values[kMaxLanes];
  for (uint64_t r = 0; r < walk.repeats; ++r) {
    const Lanes lanes = walk.Load(r, values);
    if (!lanes.any()) continue;
    const uint32_t at = ActiveExtreme<kMax>(values, lanes, 0, walk.kLanes);
    const typename F::Bits value = walk.RawAt(at);
    const auto index = static_cast<typename F::Bits>(at);
    const uint64_t to = walk.i.dst.address + r * walk.i.dst.repeat_stride * unit;
    if (order < 2) {
      const std::array<typename F::Bits, 2> pair =
          order == 0 ? std::array<typename F::Bits, 2>{value, index} : std::array<typename F::Bits, 2>{index, value};
      walk.Put(to, pair);
    } else if (order == 2) {
      walk.Put(to, value);
    } else {
      walk.Put(to, at);
    }
    execution.special_register(static_cast<int>(SpecialRegister::kExtreme)) = value;
    execution.special_register(static_cast<int>(SpecialRegister::kExtremeIndex)) = at;
  }
}

// Eight results a repeat, the one of block b at element b; dst.repeat_stride counts eight elements. A block without an
// active element leaves its result as it is.
template <class F, Op kOp>
void BlockReduce(Execution& execution) {
  constexpr uint32_t kPerBlock = kBlockBytes / F::kSize;
  constexpr uint32_t kUnit = kBlocksPerRepeat * F::kSize;
  Walk<F> walk{execution};
  if (walk.i.dst.address % kUnit != 0) {
    execution.Report(Rule::kMisaligned,
                     "dst: expected an address that is a multiple of " + std::to_string(kUnit) + " bytes, got " +
                         std::to_string(walk.i.dst.address),
                     walk.i.dst.space, walk.i.dst.address, kUnit);
  }
  walk.CheckOverlap(kUnit);
  float values[kMaxLanes];
  for (uint64_t r = 0; r < walk.repeats; ++r) {
    const Lanes lanes = walk.Load(r, values);
    std::array<typename F::Bits, kBlocksPerRepeat> results{};
    Lanes written;
    for (uint32_t b = 0; b < kBlocksPerRepeat; ++b) {
      if (lanes.Part(b * kPerBlock, kPerBlock) == 0) continue;
      written.low |= uint64_t{1} << b;
      if constexpr (kOp == Op::kBlockReduceSum) {
        results[b] = F::Store(ActiveSum<F>(values + b * kPerBlock, lanes, b * kPerBlock, kPerBlock));
      } else {
        results[b] = walk.RawAt(ActiveExtreme<kOp == Op::kBlockReduceMax>(values, lanes, b * kPerBlock, kPerBlock));
      }
    }
    const uint64_t to = walk.i.dst.address + r * walk.i.dst.repeat_stride * kUnit;
    if (written.low == 0xff) {
      walk.Put(to, results);
    } else {
      for (uint32_t b = 0; b < kBlocksPerRepeat; ++b) {
        if (written.Has(b)) walk.Put(to + b * F::kSize, results[b]);
      }
    }
  }
}

// Elements 2 i and 2 i + 1 give result i; dst.repeat_stride counts 128 bytes. A pair without an active element leaves
// its result as it is.
template <class F>
void PairReduceSum(Execution& execution) {
  Walk<F> walk{execution};
  constexpr uint32_t kUnit = kRepeatBytes / 2;
  walk.CheckOverlap(kUnit);
  float values[kMaxLanes];
  for (uint64_t r = 0; r < walk.repeats; ++r) {
    const Lanes lanes = walk.Load(r, values);
    std::array<typename F::Bits, Walk<F>::kLanes / 2> results{};
    bool all = true;
    for (uint32_t p = 0; p < results.size(); ++p) {
      const uint32_t active = lanes.Part(2 * p, 2);
      all &= active != 0;
      results[p] = active == 3   ? F::Store(F::Add(values[2 * p], values[2 * p + 1]))
                   : active == 1 ? walk.RawAt(2 * p)
                                 : walk.RawAt(2 * p + 1);
    }
    const uint64_t to = walk.i.dst.address + r * walk.i.dst.repeat_stride * kUnit;
    if (all) {
      walk.Put(to, results);
      continue;
    }
    for (uint32_t p = 0; p < results.size(); ++p) {
      if (lanes.Part(2 * p, 2) != 0) walk.Put(to + p * F::kSize, results[p]);
    }
  }
}

template <class F>
ExecFunction Find(Op op) {
  switch (op) {
    case Op::kWholeReduceSum:
      return WholeReduceSum<F>;
    case Op::kWholeReduceMax:
      return WholeReduceExtreme<F, true>;
    case Op::kWholeReduceMin:
      return WholeReduceExtreme<F, false>;
    case Op::kBlockReduceSum:
      return BlockReduce<F, Op::kBlockReduceSum>;
    case Op::kBlockReduceMax:
      return BlockReduce<F, Op::kBlockReduceMax>;
    case Op::kBlockReduceMin:
      return BlockReduce<F, Op::kBlockReduceMin>;
    case Op::kPairReduceSum:
      return PairReduceSum<F>;
    default:
      return nullptr;
  }
}

}  // namespace

ExecFunction FindReduce(Op op, DType dst, DType src) {
  if (dst != src) return nullptr;
  return src == DType::kF32 ? Find<Float32>(op) : src == DType::kF16 ? Find<Float16>(op) : nullptr;
}

}  // namespace ascsim
