// Shadow of UB: elements that a gather reads here and there.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "check/local_shadow.h"

namespace ascsim {

// Nothing to report of a read by V.
bool LocalShadow::IsQuiet(const Current& now, const Group& group, Stamp* good) const {
  if (group.split || group.freed || (!group.written && wants_written_)) return false;
  if (group.write != *good && !now.Ordered(group.write)) return false;
  *good = group.write;
  return true;
}

void LocalShadow::CloseWindow(uint64_t group) {
  if (group < window_begin_ || group >= window_end_) return;
  for (uint64_t g = window_begin_; g < window_end_; ++g) groups_[g].latest_lane = window_sequence_;
  window_begin_ = window_end_ = 0;
}

// Before the first elements of an instruction. Looks at no more groups than that it is cheaper than to look at those of
// the elements, and at none behind these first ones.
void LocalShadow::ExtendWindow(const Current& now, const Elements& elements) {
  constexpr uint64_t kGroupBytes = kGroupBlocks * kBlockBytes;
  const uint64_t first = elements.base / kGroupBytes;
  const bool meets_own =
      window_begin_ * kGroupBytes < elements.own_end && window_end_ * kGroupBytes > elements.own_begin;
  if (first < window_begin_ || first >= window_end_ || meets_own) {
    CloseWindow(window_begin_);
    window_begin_ = window_end_ = first;
  }
  window_sequence_ = now.sequence;
  const uint32_t last = *std::max_element(elements.offsets, elements.offsets + elements.count);
  const uint64_t limit = std::min<uint64_t>((elements.base + last) / kGroupBytes + 1,
                                            window_end_ + std::max<uint64_t>(elements.all / 2, 1));
  Stamp good = 0;  // neighbours are mostly written by one instruction
  for (; window_end_ < limit; ++window_end_) {
    const uint64_t at = window_end_ * kGroupBytes;
    if (at < elements.own_end && at + kGroupBytes > elements.own_begin) break;
    if (!IsQuiet(now, groups_[window_end_], &good)) break;
  }
}

// A read that takes the place of an unordered one matters to what this instruction writes, so not outside of its own.
template <uint32_t kSize>
uint64_t LocalShadow::ReadElementsOf(const Current& now, const Elements& elements) {
  constexpr uint32_t kBits = (1u << (kSize / 2)) - 1;
  const uint64_t base = elements.base, begin = window_begin_ * kGroupBlocks;
  const uint64_t length = window_end_ * kGroupBlocks - begin;
  const uint32_t count = elements.count, sequence = now.sequence;
  const auto leave = [&](uint64_t index, uint64_t lane) {
    live_[index] = static_cast<uint16_t>(live_[index] | kBits << lane);
    uint32_t* kept = &lanes_[index][lane];
    for (uint32_t n = 0; n < kSize / 2; ++n) kept[n] = sequence;
  };
  // 48 cores have lanes of 6 MB, so that each element may be a cache miss.
  bool quiet = true;
  for (uint32_t k = 0; k < count; ++k) {
    const uint64_t index = (base + elements.offsets[k]) / kBlockBytes;
    __builtin_prefetch(&lanes_[index], 1);
    quiet &= index - begin < length;
  }
  if (quiet) {
    for (uint32_t k = 0; k < count; ++k) {
      const uint64_t address = base + elements.offsets[k];
      leave(address / kBlockBytes, address % kBlockBytes / 2);
    }
    return 0;
  }
  Stamp good = 0;
  uint64_t left = 0;
  for (uint32_t k = 0; k < count; ++k) {
    const uint64_t address = base + elements.offsets[k];
    const uint64_t index = address / kBlockBytes;
    if (index - begin >= length) {
      Group& group = groups_[index / kGroupBlocks];
      const uint64_t at = index * kBlockBytes;
      if (!IsQuiet(now, group, &good) || (at < elements.own_end && at + kBlockBytes > elements.own_begin)) {
        left |= uint64_t{1} << k;
        continue;
      }
      group.latest_lane = sequence;
    }
    leave(index, address % kBlockBytes / 2);
  }
  return left;
}

uint64_t LocalShadow::ReadElements(const Current& now, const Elements& elements) {
  if (now.pipe != Pipe::kV) return ~uint64_t{0};
  StartLanes(now);
  if (window_sequence_ != now.sequence) ExtendWindow(now, elements);
  switch (elements.size) {
    case 2:
      return ReadElementsOf<2>(now, elements);
    case 4:
      return ReadElementsOf<4>(now, elements);
    case kBlockBytes:
      return ReadElementsOf<kBlockBytes>(now, elements);
    default:
      return ~uint64_t{0};
  }
}

}  // namespace ascsim
