// Gather by byte offsets, gather of blocks, and compaction by a mask.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "ascsim/runtime.h"
#include "exec/lanes.h"
#include "exec/tables.h"

namespace ascsim {
namespace {

// What an element reads whose offset silicon does not serve as asked: no plausible data, and a NaN as bfloat16.
constexpr uint32_t kPoison = 0xDEADBEEF;

// The bytes that an instruction reads at scattered places and that are not just as quickly told one by one
// (Execution::ReadElements): told to the checker as few ranges, in order.
class Footprint {
 public:
  explicit Footprint(uint64_t memory_bytes) : blocks_((memory_bytes / kBlockBytes + 63) / 64) {
    if (all_touched.size() < blocks_) {
      all_bytes.resize(blocks_ * 64);
      all_touched.resize(blocks_);
    }
    bytes_ = all_bytes.data();
    touched_ = all_touched.data();
  }
  // An instruction that is stopped has told nothing.
  ~Footprint() {
    if (!used_) return;
    for (uint64_t word = 0; word < blocks_; ++word) {
      for (uint64_t rest = std::exchange(touched_[word], 0); rest != 0; rest &= rest - 1) {
        bytes_[word * 64 + static_cast<uint64_t>(__builtin_ctzll(rest))] = 0;
      }
    }
  }
  Footprint(const Footprint&) = delete;
  Footprint& operator=(const Footprint&) = delete;

  // [address, address + size) in one block and in the memory.
  void Add(uint64_t address, uint32_t size) {
    const uint64_t block = address / kBlockBytes;
    used_ = true;
    bytes_[block] |= static_cast<uint32_t>(FirstBits(size)) << (address % kBlockBytes);
    touched_[block / 64] |= uint64_t{1} << block % 64;
  }
  void Tell(Execution& execution, const Operand& operand) {
    if (!std::exchange(used_, false)) return;
    Range range;
    for (uint64_t word = 0; word < blocks_; ++word) {
      for (uint64_t rest = std::exchange(touched_[word], 0); rest != 0; rest &= rest - 1) {
        const uint64_t block = word * 64 + static_cast<uint64_t>(__builtin_ctzll(rest));
        Extend(execution, operand, block * kBlockBytes, std::exchange(bytes_[block], 0), &range);
      }
    }
    if (range.begin != range.end) execution.Read(operand, range.begin, range.end - range.begin);
  }

 private:
  // The runs of a block's bytes, the first of which may continue `range`.
  static void Extend(Execution& execution, const Operand& operand, uint64_t block, uint32_t bytes, Range* range) {
    while (bytes != 0) {
      const auto first = static_cast<uint32_t>(__builtin_ctz(bytes));
      const uint32_t gap = ~(bytes >> first);
      const uint32_t run = gap == 0 ? kBlockBytes : static_cast<uint32_t>(__builtin_ctz(gap));
      if (block + first != range->end) {
        if (range->begin != range->end) execution.Read(operand, range->begin, range->end - range->begin);
        range->begin = block + first;
      }
      range->end = block + first + run;
      bytes = first + run >= kBlockBytes ? 0 : bytes & (~uint32_t{0} << (first + run));
    }
  }

  // One OS thread runs all cores; both are zeros between instructions.
  static std::vector<uint32_t> all_bytes;    // a bit a byte, by block
  static std::vector<uint64_t> all_touched;  // a bit a block
  const uint64_t blocks_;                    // words of all_touched that the memory has
  uint32_t* bytes_;
  uint64_t* touched_;
  bool used_ = false;
};
std::vector<uint32_t> Footprint::all_bytes;
std::vector<uint64_t> Footprint::all_touched;

// The first element of an instruction that breaks a rule, and how many do.
struct Finding {
  uint64_t count = 0, repeat = 0, lane = 0, offset = 0, address = 0;
  void Add(uint64_t r, uint64_t l, uint64_t o, uint64_t a) {
    if (count++ == 0) repeat = r, lane = l, offset = o, address = a;
  }
  void Report(Execution& execution, Rule rule, const std::string& what, uint64_t size) const {
    if (count == 0) return;
    std::string text = "element " + std::to_string(lane) + " of repeat " + std::to_string(repeat) + ", offset " +
                       std::to_string(offset) + ": " + what;
    if (count > 1) text += " (" + std::to_string(count - 1) + " more)";
    execution.Report(rule, text, execution.instruction().src0.space, address, size);
  }
};

// Bytes that an instruction writes: repeats of `bytes` each, the last one of `last`.
struct Target {
  uint64_t begin = 0, step = 0, bytes = 0, end = 0;

  Target(const Operand& dst, uint64_t repeats, uint64_t bytes_of_a_repeat, uint64_t last)
      : begin(dst.address), step(uint64_t{dst.repeat_stride} * kBlockBytes), bytes(bytes_of_a_repeat) {
    end = repeats == 0 ? begin : begin + (repeats - 1) * step + last;
  }
  bool Has(uint64_t address, uint64_t size) const {
    if (address >= end || address + size <= begin) return false;
    // What lies between two repeats is not written.
    return address < begin || step <= bytes || (address - begin) % step < bytes ||
           (address - begin) % step + size > step;
  }
};

// All that lies between the first and the last byte that blocks of a repeat and repeats reach.
Range WrittenBy(const Instruction& i, uint64_t repeats) {
  if (i.dst.space != i.src0.space || repeats == 0) return {};
  const uint64_t reach = (uint64_t{7} * i.dst.block_stride + 1) * kBlockBytes;
  return {i.dst.address, i.dst.address + (repeats - 1) * i.dst.repeat_stride * kBlockBytes + reach};
}

// Offsets may lie where the results go only if each repeat's own results replace them (the general rule on overlaps).
void CheckOffsetsOverlap(Execution& execution, const Target& target, uint64_t offsets, uint64_t offset_bytes) {
  const Instruction& i = execution.instruction();
  if (i.dst.space != i.src1.space || !Range{target.begin, target.end}.Meets({offsets, offsets + offset_bytes})) return;
  const bool same = target.begin == offsets && target.step == kRepeatBytes && target.end == offsets + offset_bytes;
  if (same) return;
  execution.Report(Rule::kOverlap, "dst overlaps the offsets, and not repeat by repeat", i.dst.space, target.begin,
                   target.end - target.begin);
}

template <class T>
class Gatherer {
 public:
  explicit Gatherer(Execution& execution)
      : execution_(execution),
        i_(execution.instruction()),
        repeats_(NumRepeats(i_, kLanes)),
        memory_(execution.Read(i_.src0, 0, 0)),
        memory_bytes_(execution.MemoryBytes(i_.src0.space)),
        base_(i_.src0.address + i_.option[0]),
        target_(i_.dst, repeats_, kRepeatBytes, LastBytes()),
        own_(WrittenBy(i_, repeats_)),
        checked_(execution.checked()),
        footprint_(memory_bytes_) {}

  void Run() {
    if (repeats_ == 0) return;
    CheckOffsetsOverlap(execution_, target_, i_.src1.address, NumOffsets() * sizeof(uint32_t));
    alignas(8) T values[kLanes];
    for (uint64_t r = 0; r < repeats_; ++r) {
      const Lanes lanes = ActiveLanes(i_, r, kLanes);
      if (!lanes.any()) continue;
      Load(r, lanes, values);
      WriteLanes<sizeof(T)>(execution_, i_.dst, i_.dst.address + r * target_.step, lanes,
                            reinterpret_cast<const uint8_t*>(values));
    }
    if (checked_) footprint_.Tell(execution_, i_.src0);
    Report();
  }

 private:
  static constexpr uint32_t kLanes = kRepeatBytes / sizeof(T);

  // Counter mode: the last repeat may be short.
  uint64_t NumOffsets() const { return i_.mask.counter ? i_.mask.low : repeats_ * kLanes; }
  uint64_t LastBytes() const {
    return i_.mask.counter && repeats_ > 0 ? (i_.mask.low - (repeats_ - 1) * kLanes) * sizeof(T)
                                           : uint64_t{kRepeatBytes};
  }

  void Load(uint64_t repeat, const Lanes& lanes, T* values) {
    uint32_t offsets[kLanes];
    ReadOffsets(repeat, lanes, offsets);
    if (lanes.IsFirst(kLanes) && AllPlain(offsets)) return LoadPlain(offsets, values);
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      if (!lanes.Has(lane)) continue;
      const uint64_t address = base_ + offsets[lane];
      if (address % sizeof(T) == 0 && address + sizeof(T) <= memory_bytes_) {
        std::memcpy(&values[lane], memory_ + address, sizeof(T));
        if (checked_) Note(repeat, lane, offsets[lane], address);
      } else {
        values[lane] = Odd(repeat, lane, offsets[lane], address);
      }
    }
  }

  // Inside the memory, aligned, and apart from the results.
  bool AllPlain(const uint32_t* offsets) const {
    uint32_t odd = 0, least = ~uint32_t{0}, greatest = 0;
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      odd |= offsets[lane];
      least = std::min(least, offsets[lane]);
      greatest = std::max(greatest, offsets[lane]);
    }
    const Range all{base_ + least, base_ + greatest + sizeof(T)};
    return (base_ | odd) % sizeof(T) == 0 && all.end <= memory_bytes_ && !all.Meets({target_.begin, target_.end});
  }

  void LoadPlain(const uint32_t* offsets, T* values) {
    const uint8_t* from = memory_ + base_;
    for (uint32_t lane = 0; lane < kLanes; ++lane) std::memcpy(&values[lane], from + offsets[lane], sizeof(T));
    if (!checked_) return;
    constexpr uint32_t kPart = 64;
    for (uint32_t first = 0; first < kLanes; first += kPart) {
      uint64_t left = execution_.ReadElements(
          i_.src0, {base_, offsets + first, kPart, sizeof(T), repeats_ * kLanes, own_.begin, own_.end});
      for (; left != 0; left &= left - 1) {
        footprint_.Add(base_ + offsets[first + static_cast<uint32_t>(__builtin_ctzll(left))], sizeof(T));
      }
    }
  }

  void ReadOffsets(uint64_t repeat, const Lanes& lanes, uint32_t* offsets) {
    const uint64_t from = i_.src1.address + repeat * kLanes * sizeof(uint32_t);
    const uint64_t block = kBlockBytes / sizeof(uint32_t);
    if (lanes.IsFirst(kLanes) && execution_.Holds(i_.src1, from, sizeof(uint32_t) * kLanes)) {
      std::memcpy(offsets, execution_.Read(i_.src1, from, sizeof(uint32_t) * kLanes), sizeof(uint32_t) * kLanes);
      return;
    }
    for (uint32_t first = 0; first < kLanes; first += block) {
      const uint32_t part = lanes.Part(first, block);
      if (part == 0) continue;
      const auto skip = static_cast<uint32_t>(__builtin_ctz(part));
      const auto count = static_cast<uint32_t>(32 - __builtin_clz(part)) - skip;
      std::memcpy(offsets + first + skip,
                  execution_.Read(i_.src1, from + (first + skip) * sizeof(uint32_t), count * sizeof(uint32_t)),
                  count * sizeof(uint32_t));
    }
  }

  void Note(uint64_t repeat, uint32_t lane, uint32_t offset, uint64_t address) {
    footprint_.Add(address, sizeof(T));
    if (target_.Has(address, sizeof(T))) overlap_.Add(repeat, lane, offset, address);
  }

  // Outside the memory, or not a multiple of the element size.
  T Odd(uint64_t repeat, uint32_t lane, uint32_t offset, uint64_t address) {
    if (address + sizeof(T) > memory_bytes_) {
      outside_.Add(repeat, lane, offset, address);
      return static_cast<T>(kPoison);
    }
    if (address % 2 != 0) {
      misaligned_.Add(repeat, lane, offset, address);
      return static_cast<T>(kPoison);
    }
    if (address % kBlockBytes == kBlockBytes - 2) {
      // Both blocks are touched, whatever is delivered.
      across_.Add(repeat, lane, offset, address);
      if (checked_) {
        footprint_.Add(address, 2);
        footprint_.Add(address + 2, 2);
      }
      return static_cast<T>(kPoison);
    }
    half_aligned_.Add(repeat, lane, offset, address);
    if (checked_) Note(repeat, lane, offset, address);
    T value;
    std::memcpy(&value, memory_ + address, sizeof(T));
    return value;
  }

  void Report() const {
    const std::string unit = std::to_string(sizeof(T));
    outside_.Report(execution_, Rule::kOutOfBounds,
                    "reads beyond the " + std::to_string(memory_bytes_) + " bytes of UB", sizeof(T));
    misaligned_.Report(execution_, Rule::kMisaligned,
                       "expected base and offset that are multiples of the element size " + unit, sizeof(T));
    half_aligned_.Report(execution_, Rule::kMisalignedGather32,
                         "a multiple of 2 but not of 4: works on silicon, is not documented", sizeof(T));
    across_.Report(execution_, Rule::kGatherAcrossBlock,
                   "4 bytes across the end of a 32-byte block: silicon gives wrong data, here 0xDEADBEEF", sizeof(T));
    overlap_.Report(execution_, Rule::kOverlap, "reads where this instruction writes its results", sizeof(T));
  }

  Execution& execution_;
  const Instruction& i_;
  const uint64_t repeats_;
  const uint8_t* const memory_;
  const uint64_t memory_bytes_;
  const uint64_t base_;
  const Target target_;
  const Range own_;
  const bool checked_;
  Footprint footprint_;
  Finding outside_, misaligned_, half_aligned_, across_, overlap_;
};

// src0: the table, src1: offsets in bytes (uint32), one an element, without gaps; option[0]: bytes added to each.
template <class T>
void Gather(Execution& execution) {
  Gatherer<T>(execution).Run();
}

// src1: offsets in bytes (uint32), eight a repeat, one a block of dst.
void Gatherb(Execution& execution) {
  const Instruction& i = execution.instruction();
  const uint64_t memory_bytes = execution.MemoryBytes(i.src0.space);
  const uint64_t repeats = i.repeats;
  const uint64_t span = (uint64_t{7} * i.dst.block_stride + 1) * kBlockBytes;
  const Target target(i.dst, repeats, span, span);
  if (repeats == 0) return;
  CheckOffsetsOverlap(execution, target, i.src1.address, repeats * kBlockBytes);
  Finding outside, misaligned, overlap;
  Footprint footprint(memory_bytes);
  const uint8_t* const memory = execution.Read(i.src0, 0, 0);
  const Range own = WrittenBy(i, repeats);
  uint8_t blocks[kBlocksPerRepeat][kBlockBytes];
  for (uint64_t r = 0; r < repeats; ++r) {
    uint32_t offsets[kBlocksPerRepeat];
    std::memcpy(offsets, execution.Read(i.src1, i.src1.address + r * kBlockBytes, kBlockBytes), kBlockBytes);
    uint32_t good[kBlocksPerRepeat], count = 0;
    for (uint32_t b = 0; b < kBlocksPerRepeat; ++b) {
      const uint64_t address = i.src0.address + offsets[b];
      if (address + kBlockBytes > memory_bytes || address % kBlockBytes != 0) {
        (address + kBlockBytes > memory_bytes ? outside : misaligned).Add(r, b, offsets[b], address);
        for (uint32_t at = 0; at < kBlockBytes; at += sizeof(kPoison)) std::memcpy(blocks[b] + at, &kPoison, 4);
        continue;
      }
      if (target.Has(address, kBlockBytes)) overlap.Add(r, b, offsets[b], address);
      std::memcpy(blocks[b], memory + address, kBlockBytes);
      good[count++] = offsets[b];
    }
    uint64_t left = 0;
    if (count > 0) {
      left = execution.ReadElements(
          i.src0, {i.src0.address, good, count, kBlockBytes, repeats * kBlocksPerRepeat, own.begin, own.end});
    }
    for (uint32_t b = 0; b < count; ++b) {
      if ((left >> b & 1) != 0) footprint.Add(i.src0.address + good[b], kBlockBytes);
    }
    for (uint64_t b = 0; b < kBlocksPerRepeat; ++b) {
      const uint64_t to = i.dst.address + r * target.step + b * i.dst.block_stride * kBlockBytes;
      std::memcpy(execution.Write(i.dst, to, kBlockBytes), blocks[b], kBlockBytes);
    }
  }
  if (execution.checked()) footprint.Tell(execution, i.src0);
  outside.Report(execution, Rule::kOutOfBounds, "reads beyond the " + std::to_string(memory_bytes) + " bytes of UB",
                 kBlockBytes);
  misaligned.Report(execution, Rule::kMisaligned, "expected a block at a multiple of 32 bytes", kBlockBytes);
  overlap.Report(execution, Rule::kOverlap, "reads where this instruction writes its results", kBlockBytes);
}

// Bits of the built-in patterns 1 to 7 (GatherMask.md), a period of 32 elements.
constexpr uint32_t kPatterns[8] = {0,          0x55555555, 0xaaaaaaaa, 0x11111111,
                                   0x22222222, 0x44444444, 0x88888888, 0xffffffff};

// The elements that the pattern selects, of all repeats one after the other. option[0]: built-in pattern, or 0: bits of
// src1, read on through a repeat; option[1]: elements of a repeat; option[2]: repeats.
template <class T>
void GatherMask(Execution& execution) {
  constexpr uint32_t kPerBlock = kBlockBytes / sizeof(T);
  const Instruction& i = execution.instruction();
  const uint64_t count = i.option[1], repeats = i.option[2];
  const uint64_t src_step = uint64_t{i.src0.repeat_stride} * kBlockBytes;
  const uint64_t memory_bytes = execution.MemoryBytes(i.src0.space);
  uint64_t to = i.dst.address;
  bool overlap = false;
  std::vector<uint8_t> bits;
  std::vector<T> selected;
  for (uint64_t r = 0; r < repeats; ++r) {
    if (i.option[0] == 0) {
      const uint64_t bytes = std::min((count + 7) / 8, memory_bytes);
      bits.assign(std::max<uint64_t>(bytes, count / 8) + 8, 0);
      std::memcpy(bits.data(), execution.Read(i.src1, i.src1.address + r * i.src1.repeat_stride * kBlockBytes, bytes),
                  bytes);
    }
    selected.clear();
    for (uint64_t first = 0; first < count; first += kPerBlock) {
      uint32_t part = 0;
      if (i.option[0] == 0) {
        std::memcpy(&part, bits.data() + first / 8, kPerBlock / 8);
      } else {
        part = kPatterns[i.option[0]];
      }
      part &= static_cast<uint32_t>(FirstBits(std::min<uint64_t>(kPerBlock, count - first)));
      if (part == 0) continue;
      const auto skip = static_cast<uint32_t>(__builtin_ctz(part));
      const auto last = static_cast<uint32_t>(31 - __builtin_clz(part));
      const uint64_t block = i.src0.address + r * src_step + first / kPerBlock * i.src0.block_stride * kBlockBytes;
      if (block > memory_bytes) {  // a count far beyond the memory: said once
        execution.Read(i.src0, block, kBlockBytes);
        break;
      }
      T values[kPerBlock];
      std::memcpy(values + skip, execution.Read(i.src0, block + skip * sizeof(T), (last - skip + 1) * sizeof(T)),
                  (last - skip + 1) * sizeof(T));
      for (uint32_t e = skip; e <= last; ++e) {
        if ((part >> e & 1) != 0) selected.push_back(values[e]);
      }
    }
    const uint64_t bytes = selected.size() * sizeof(T);
    if (bytes == 0) continue;
    std::memcpy(execution.Write(i.dst, to, bytes), selected.data(), bytes);
    const uint64_t span = ((count - 1) / kPerBlock * i.src0.block_stride + 1) * kBlockBytes;
    const Range later{i.src0.address + (r + 1) * src_step, i.src0.address + (repeats - 1) * src_step + span};
    overlap |= r + 1 < repeats && i.dst.space == i.src0.space && Range{to, to + bytes}.Meets(later);
    to += bytes;
  }
  if (overlap) {
    execution.Report(Rule::kOverlap, "dst overlaps what a later repeat reads", i.dst.space, i.dst.address,
                     to - i.dst.address);
  }
  execution.special_register(static_cast<int>(SpecialRegister::kRemaining)) = (to - i.dst.address) / sizeof(T);
}

}  // namespace

ExecFunction FindGather(Op op, DType dst, DType src) {
  if (dst != src) return nullptr;
  const uint32_t size = SizeOf(src);
  if (size != 2 && size != 4) return nullptr;
  switch (op) {
    case Op::kGather:
      return size == 4 ? Gather<uint32_t> : Gather<uint16_t>;
    case Op::kGatherb:
      return Gatherb;
    case Op::kGatherMask:
      return size == 4 ? GatherMask<uint32_t> : GatherMask<uint16_t>;
    default:
      return nullptr;
  }
}

}  // namespace ascsim
