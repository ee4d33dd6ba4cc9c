// Vector instructions: repeats, and conflicts at the banks of the UB.
// SPDX-License-Identifier: Apache-2.0
#include "timing/vector_timing.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "ascsim/types.h"

namespace ascsim {
namespace {

uint64_t CeilDiv(uint64_t a, uint64_t b) { return (a + b - 1) / b; }

uint32_t LaneBytes(const Instruction& i) {
  uint32_t bytes = i.dst.used ? SizeOf(i.dst.type) : 1;
  if (i.src0.used) bytes = std::max(bytes, SizeOf(i.src0.type));
  return bytes;
}

// The bits of Compare, and the few results of reductions, are no full repeats.
bool WritesRepeats(Op op) { return op <= Op::kCopy || op == Op::kSelect; }

// Operands are walked by blocks and repeats; the others read where data or lists say.
bool IsRegular(Op op) { return op >= Op::kAdd && op <= Op::kPairReduceSum; }

// The blocks of a repeat of one operand, as a set of bank groups.
struct Walk {
  bool used = false;
  uint32_t groups = 0;      // bit set, for the first repeat
  uint32_t rows = 0;        // most blocks in one group
  bool same_block = false;  // block stride 0
  uint32_t repeat_stride = 0;
  uint64_t begin = 0, end = 0;
};

uint32_t ActiveBlocks(const Instruction& i, uint32_t bytes, uint32_t lane_bytes) {
  const uint32_t lanes = kRepeatBytes / lane_bytes;
  uint32_t last = lanes;
  if (!i.mask.counter) {
    const uint64_t high = lanes > 64 ? i.mask.high : 0;
    last = high != 0 ? 128 - static_cast<uint32_t>(std::countl_zero(high))
                     : 64 - static_cast<uint32_t>(std::countl_zero(i.mask.low));
    last = std::min(std::max(last, uint32_t{1}), lanes);
  }
  return static_cast<uint32_t>(CeilDiv(uint64_t{last} * bytes, kBlockBytes));
}

Walk WalkOf(const Machine& machine, const Instruction& i, const Operand& operand, uint64_t repeats,
            uint32_t lane_bytes) {
  Walk walk;
  if (!operand.used || operand.space != Space::kUB) return walk;
  const auto groups = static_cast<uint32_t>(machine.ub_groups);
  const uint32_t blocks = ActiveBlocks(i, SizeOf(operand.type), lane_bytes);
  const uint32_t stride = operand.block_stride;
  walk.used = true;
  walk.same_block = stride == 0 && blocks > 1;
  const auto first = static_cast<uint32_t>(operand.address / kBlockBytes);
  if (stride == 0) {
    walk.groups = uint32_t{1} << (first % groups);
    walk.rows = 1;
  } else {
    for (uint32_t b = 0; b < blocks; ++b) walk.groups |= uint32_t{1} << ((first + b * stride) % groups);
    walk.rows = static_cast<uint32_t>(CeilDiv(blocks, groups / std::gcd(stride, groups)));
  }
  walk.repeat_stride = operand.repeat_stride;
  walk.begin = operand.address;
  walk.end = operand.address + (repeats - 1) * walk.repeat_stride * kBlockBytes +
             uint64_t{(blocks - 1) * stride + 1} * kBlockBytes;
  return walk;
}

uint32_t Rotate(uint32_t set, uint32_t by, uint32_t groups) {
  by %= groups;
  if (by == 0) return set;
  const uint32_t all = groups == 32 ? ~uint32_t{0} : (uint32_t{1} << groups) - 1;
  return ((set << by) | (set >> (groups - by))) & all;
}

// In how many of `repeats` repeats the groups of the two meet; b is `ahead` of its own stride.
uint64_t Meetings(const Walk& a, const Walk& b, uint32_t ahead, uint64_t repeats, uint32_t groups) {
  const uint32_t drift = (b.repeat_stride + groups - a.repeat_stride % groups) % groups;
  const uint32_t b0 = Rotate(b.groups, ahead, groups);
  if (drift == 0) return (a.groups & b0) != 0 ? repeats : 0;
  const uint32_t period = groups / std::gcd(drift, groups);
  uint64_t of_period = 0, of_rest = 0;
  for (uint32_t r = 0; r < period; ++r) {
    const bool meets = (a.groups & Rotate(b0, r * drift, groups)) != 0;
    of_period += meets ? 1 : 0;
    if (r < repeats % period) of_rest += meets ? 1 : 0;
  }
  return repeats / period * of_period + of_rest;
}

// Repeats whose read of `source` meets the write of the repeat `behind` before it, on one bank.
uint64_t ReadWriteMeetings(const Machine& machine, const Walk& source, const Walk& target, uint64_t behind,
                           uint64_t repeats) {
  if (repeats <= behind) return 0;
  const uint64_t bank = machine.ub_bank_bytes;
  const auto groups = static_cast<uint32_t>(machine.ub_groups);
  const uint64_t s0 = source.begin / bank, s1 = (source.end - 1) / bank;
  const uint64_t t0 = target.begin / bank, t1 = (target.end - 1) / bank;
  if (s1 < t0 || t1 < s0) return 0;
  // The source is at repeat r, the target at r - behind: turned back by that many strides.
  const auto back = static_cast<uint32_t>(behind * target.repeat_stride % groups);
  Walk now = source;
  now.groups = Rotate(source.groups, static_cast<uint32_t>(behind * source.repeat_stride % groups), groups);
  Walk old = target;
  if (s0 == s1 && t0 == t1) return Meetings(now, old, 0, repeats - behind, groups);
  old.groups = Rotate(target.groups, groups - back, groups);
  uint64_t count = 0;
  for (uint64_t r = behind; r < repeats; ++r) {
    const uint64_t from = source.begin + r * source.repeat_stride * kBlockBytes;
    const uint64_t to = target.begin + (r - behind) * target.repeat_stride * kBlockBytes;
    if (from / bank != to / bank) continue;
    const uint32_t reads = Rotate(source.groups, static_cast<uint32_t>(r * source.repeat_stride % groups), groups);
    const uint32_t writes = Rotate(old.groups, static_cast<uint32_t>(r * target.repeat_stride % groups), groups);
    count += (reads & writes) != 0 ? 1 : 0;
  }
  return count;
}

}  // namespace

uint64_t VectorRepeats(const Instruction& i) {
  switch (i.op) {
    case Op::kGatherMask:  // option[1] elements a repeat, any number; option[2] repeats
      return CeilDiv(i.option[1] * SizeOf(i.src0.type), kRepeatBytes) * i.option[2];
    case Op::kBrcb:
      return i.option[0] != 0 ? CeilDiv(i.option[0], kBlocksPerRepeat) : i.repeats;
    case Op::kGatherb:
    case Op::kTransDataTo5HD:
    case Op::kTranspose:
      return i.repeats;
    default:
      return i.mask.counter ? CeilDiv(i.mask.low, kRepeatBytes / LaneBytes(i)) : i.repeats;
  }
}

const VectorCost& VectorCostOf(const Machine& machine, const Instruction& i) {
  if (i.op == Op::kCast) return machine.cast[static_cast<size_t>(i.dst.type)][static_cast<size_t>(i.src0.type)];
  // The results of comparisons are bits, and those of a gather as wide as what is gathered: what counts is the source,
  // where there is one.
  const uint32_t bytes = SizeOf(i.src0.used ? i.src0.type : i.dst.type);
  return machine.vector[static_cast<size_t>(i.op)][bytes >= 4 ? 2 : bytes == 2 ? 1 : 0];
}

double BankConflictCycles(const Machine& machine, const Instruction& i, uint64_t repeats, double per_repeat) {
  if (!IsRegular(i.op) || repeats == 0) return 0;
  const uint32_t lane_bytes = LaneBytes(i);
  const auto groups = static_cast<uint32_t>(machine.ub_groups);
  const Walk a = WalkOf(machine, i, i.src0, repeats, lane_bytes);
  // A narrower second operand is the mask of a selection.
  Walk b;
  if (i.src1.used && SizeOf(i.src1.type) == SizeOf(i.src0.type)) b = WalkOf(machine, i, i.src1, repeats, lane_bytes);

  double cycles = 0;
  const auto count = static_cast<double>(repeats);
  if (a.used || b.used) {
    cycles += machine.ub_same_group_read * count * (std::max({a.rows, b.rows, uint32_t{1}}) - 1);
    if (a.used && b.used) {
      const uint64_t meetings = Meetings(a, b, 0, repeats, groups);
      cycles += machine.ub_same_group_read * static_cast<double>(meetings) * std::min(a.rows, b.rows);
    }
    if (a.same_block || b.same_block) cycles += machine.ub_same_block_read * count;
  }
  if (!WritesRepeats(i.op)) return cycles;
  const Walk d = WalkOf(machine, i, i.dst, repeats, lane_bytes);
  if (!d.used) return cycles;
  cycles += machine.ub_same_group_write * count * (d.rows - 1);
  const double step = per_repeat + cycles / count;
  const auto behind = std::max<uint64_t>(1, static_cast<uint64_t>(machine.ub_write_behind / std::max(step, 1.0)));
  uint64_t waits = 0;
  if (a.used) waits = ReadWriteMeetings(machine, a, d, behind, repeats);
  if (b.used) waits = std::max(waits, ReadWriteMeetings(machine, b, d, behind, repeats));
  return cycles + machine.ub_read_write * static_cast<double>(waits);
}

}  // namespace ascsim
