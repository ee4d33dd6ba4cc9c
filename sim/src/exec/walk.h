// Repeats, masks and strides of vector instructions: reads a repeat's elements, computes, writes those of the mask.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <utility>

#include "ascsim/instruction.h"
#include "engine/execution.h"

namespace ascsim {

// Elements of a repeat whose widest operand has elements of `widest` bytes: 8 blocks of it. Narrower operands of the
// same instruction (Cast, Axpy of half into float) then cover fewer blocks.
constexpr uint32_t ElementsPerRepeat(size_t widest) { return kRepeatBytes / static_cast<uint32_t>(widest); }
constexpr uint32_t kMaxElements = ElementsPerRepeat(1);

// The elements of a repeat that take part, as runs of consecutive ones.
class Runs {
 public:
  struct Run {
    uint32_t first, count;
  };

  static Runs Prefix(uint32_t count) {
    Runs runs;
    if (count > 0) runs.Add(0, count);
    return runs;
  }

  // Bits [0, elements) of the mask; the register has no more than 128.
  static Runs Of(const Mask& mask, uint32_t elements) {
    Runs runs;
    runs.AddWord(mask.low, 0, std::min(elements, 64u));
    if (elements > 64) runs.AddWord(mask.high, 64, std::min(elements, 128u) - 64);
    return runs;
  }

  const Run* begin() const { return runs_.data(); }
  const Run* end() const { return runs_.data() + size_; }
  uint32_t size() const { return size_; }
  bool IsPrefix(uint32_t count) const { return size_ == 1 && runs_[0].first == 0 && runs_[0].count == count; }

 private:
  Runs() = default;

  void Add(uint32_t first, uint32_t count) {
    if (size_ > 0 && runs_[size_ - 1].first + runs_[size_ - 1].count == first) {
      runs_[size_ - 1].count += count;
    } else {
      runs_[size_++] = {first, count};
    }
  }

  void AddWord(uint64_t bits, uint32_t base, uint32_t limit) {
    if (limit < 64) bits &= (uint64_t{1} << limit) - 1;
    uint32_t at = 0;
    while (bits != 0) {
      const auto zeros = static_cast<uint32_t>(std::countr_zero(bits));
      bits >>= zeros;
      at += zeros;
      const auto ones = static_cast<uint32_t>(std::countr_one(bits));
      Add(base + at, ones);
      if (ones == 64) break;
      bits >>= ones;
      at += ones;
    }
  }

  std::array<Run, 64> runs_;  // every second one of 128 elements
  uint32_t size_ = 0;
};

// Which elements of which repeats take part. Counter mode: the first mask.low elements in all, whatever
// instruction.repeats says; only the last repeat may be incomplete.
class Repeats {
 public:
  Repeats(const Instruction& instruction, uint32_t elements)
      : elements_(elements),
        full_(instruction.mask.counter ? Runs::Prefix(elements) : Runs::Of(instruction.mask, elements)),
        tail_(instruction.mask.counter ? static_cast<uint32_t>(instruction.mask.low % elements) : 0),
        count_(instruction.mask.counter
                   ? static_cast<uint32_t>((instruction.mask.low + elements - 1) / uint64_t{elements})
                   : instruction.repeats) {}

  uint32_t count() const { return count_; }
  uint32_t elements() const { return elements_; }
  // Of all repeats but an incomplete last one.
  const Runs& full() const { return full_; }
  // Elements of the incomplete last repeat; 0 when it is complete.
  uint32_t tail() const { return tail_; }
  bool IsTail(uint32_t repeat) const { return tail_ != 0 && repeat + 1 == count_; }
  Runs RunsOf(uint32_t repeat) const { return IsTail(repeat) ? Runs::Prefix(tail_) : full_; }
  // All elements from the first on, without holes: how many; otherwise 0.
  uint64_t Linear() const {
    if (!full_.IsPrefix(elements_)) return 0;
    return uint64_t{count_} * elements_ - (tail_ == 0 ? 0 : elements_ - tail_);
  }

 private:
  uint32_t elements_;
  Runs full_;
  uint32_t tail_, count_;
};

// Where the elements that take part lie in one operand, from the start of the repeat.
class Layout {
 public:
  struct Segment {
    uint32_t offset;  // bytes
    uint32_t first, count;
  };

  Layout(const Runs& runs, const Operand& operand, uint32_t element_bytes) : element_bytes_(element_bytes) {
    const uint32_t per_block = kBlockBytes / element_bytes;
    for (const Runs::Run& run : runs) {
      uint32_t first = run.first;
      uint32_t left = run.count;
      while (left > 0) {
        const uint32_t block = first / per_block;
        const uint32_t within = first % per_block;
        const uint32_t count = operand.block_stride == 1 ? left : std::min(left, per_block - within);
        Add({block * operand.block_stride * kBlockBytes + within * element_bytes, first, count});
        first += count;
        left -= count;
      }
    }
  }

  const Segment* begin() const { return segments_.data(); }
  const Segment* end() const { return segments_.data() + size_; }

  // Elements of the repeat that begins at `address`, each to its place in `to`; what takes no part stays as it was.
  template <class T>
  void Read(Execution& execution, const Operand& operand, uint64_t address, T* to) const {
    for (const Segment& s : *this) {
      const uint64_t bytes = uint64_t{s.count} * sizeof(T);
      std::memcpy(to + s.first, execution.Read(operand, address + s.offset, bytes), bytes);
    }
  }

  template <class T>
  void Write(Execution& execution, const Operand& operand, uint64_t address, const T* from) const {
    for (const Segment& s : *this) {
      const uint64_t bytes = uint64_t{s.count} * sizeof(T);
      std::memcpy(execution.Write(operand, address + s.offset, bytes), from + s.first, bytes);
    }
  }

 private:
  void Add(Segment segment) {
    if (size_ > 0) {
      Segment& last = segments_[size_ - 1];
      if (last.first + last.count == segment.first && last.offset + last.count * element_bytes_ == segment.offset) {
        last.count += segment.count;
        return;
      }
    }
    segments_[size_++] = segment;
  }

  // A run for every second element of 128, or a segment a block: never more than 64 + 8.
  std::array<Segment, 72> segments_;
  uint32_t size_ = 0;
  uint32_t element_bytes_;
};

inline uint64_t RepeatAddress(const Operand& operand, uint32_t repeat) {
  return operand.address + uint64_t{repeat} * operand.repeat_stride * kBlockBytes;
}

// Reports the overlap rule where `src` lies over dst in a way that the documentation forbids: within a repeat they must
// be the same elements, and no repeat may read what an earlier one wrote. Add, Sub, Mul, Max and Min of fp16, fp32 and
// s32 may accumulate through src1 (repeat stride 0).
void CheckOverlap(Execution& execution, const Operand& src, uint32_t dst_bytes, uint32_t src_bytes,
                  const Repeats& repeats);

// A source of MapRepeats, with the type its elements are stored as. instruction.dst may be one.
template <class T>
struct Source {
  const Operand& operand;
};

namespace detail {

template <class T>
bool Follows(const Operand& operand, uint32_t elements) {
  return operand.block_stride == 1 && operand.repeat_stride * kBlockBytes == elements * sizeof(T);
}

// Whether writing all of dst after reading all of src gives what going repeat by repeat gives.
template <class D, class S>
bool Independent(const Operand& dst, const Operand& src, uint64_t count) {
  if (dst.space != src.space) return true;
  if (dst.address == src.address && sizeof(D) == sizeof(S)) return true;
  return dst.address + count * sizeof(D) <= src.address || src.address + count * sizeof(S) <= dst.address;
}

// Elements that MapLinear computes at a time: a few kilobytes of stack, and long enough loops for vector code.
constexpr uint32_t kChunk = 512;

template <class D, class F, size_t... I, class... S>
void MapLinear(Execution& execution, uint64_t count, F& f, std::index_sequence<I...>, Source<S>... source) {
  const Operand& dst = execution.instruction().dst;
  constexpr bool kWidens = ((sizeof(D) > sizeof(S)) || ...);
  // An out-of-bounds access invalidates the pointer of an earlier one only when it is larger.
  uint8_t* to = nullptr;
  if (kWidens) to = execution.Write(dst, dst.address, count * sizeof(D));
  [[maybe_unused]] const std::array<const uint8_t*, sizeof...(S)> from = {
      execution.Read(source.operand, source.operand.address, count * sizeof(S))...};
  if (!kWidens) to = execution.Write(dst, dst.address, count * sizeof(D));
  alignas(64) D out[kChunk];
  std::tuple<std::array<S, kChunk>...> in;
  for (uint64_t at = 0; at < count; at += kChunk) {
    const auto n = static_cast<uint32_t>(std::min<uint64_t>(kChunk, count - at));
    (std::memcpy(std::get<I>(in).data(), from[I] + at * sizeof(S), n * sizeof(S)), ...);
    f(static_cast<D*>(out), n, static_cast<const S*>(std::get<I>(in).data())...);
    std::memcpy(to + at * sizeof(D), out, n * sizeof(D));
  }
}

template <class D, class F, size_t... I, class... S>
void MapByRepeat(Execution& execution, const Repeats& repeats, F& f, std::index_sequence<I...>, Source<S>... source) {
  const Operand& dst = execution.instruction().dst;
  alignas(64) D out[kMaxElements] = {};
  std::tuple<std::array<S, kMaxElements>...> in{};
  const auto run = [&](uint32_t begin, uint32_t end, uint32_t n, const Runs& runs) {
    const Layout out_layout(runs, dst, sizeof(D));
    [[maybe_unused]] const std::array<Layout, sizeof...(S)> in_layouts = {Layout(runs, source.operand, sizeof(S))...};
    for (uint32_t r = begin; r < end; ++r) {
      (in_layouts[I].Read(execution, source.operand, RepeatAddress(source.operand, r), std::get<I>(in).data()), ...);
      f(static_cast<D*>(out), n, static_cast<const S*>(std::get<I>(in).data())...);
      out_layout.Write(execution, dst, RepeatAddress(dst, r), static_cast<const D*>(out));
    }
  };
  const uint32_t complete = repeats.count() - (repeats.tail() != 0 ? 1 : 0);
  if (repeats.full().size() > 0) run(0, complete, repeats.elements(), repeats.full());
  if (repeats.tail() != 0) run(complete, repeats.count(), repeats.tail(), Runs::Prefix(repeats.tail()));
}

}  // namespace detail

// Runs an element-wise instruction: f(out, n, in...) computes out[i] from in[i]... for i < n; elements outside the mask
// are zeros in `in` and their results dropped. Each repeat reads all its elements before it writes any.
// Operands without holes that do not disturb each other are done in one go: an Add of 64 repeats takes about 1 us.
template <class D, class F, class... S>
void MapRepeats(Execution& execution, F&& f, Source<S>... source) {
  const Instruction& instruction = execution.instruction();
  const uint32_t elements = ElementsPerRepeat(std::max({sizeof(D), sizeof(S)...}));
  const Repeats repeats(instruction, elements);
  if (execution.Wants(Rule::kOverlap)) {
    (CheckOverlap(execution, source.operand, sizeof(D), sizeof(S), repeats), ...);
  }
  const uint64_t linear = repeats.Linear();
  constexpr auto kIndices = std::index_sequence_for<S...>{};
  const bool single = repeats.count() == 1;
  const bool follows =
      single ? instruction.dst.block_stride == 1 && ((source.operand.block_stride == 1) && ...)
             : detail::Follows<D>(instruction.dst, elements) && (detail::Follows<S>(source.operand, elements) && ...);
  if (linear > 0 && follows &&
      (single || (detail::Independent<D, S>(instruction.dst, source.operand, linear) && ...))) {
    detail::MapLinear<D>(execution, linear, f, kIndices, source...);
  } else {
    detail::MapByRepeat<D>(execution, repeats, f, kIndices, source...);
  }
}

}  // namespace ascsim
