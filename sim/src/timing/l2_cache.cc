// L2 cache: an open-addressing table of pages in a list by age.
// SPDX-License-Identifier: Apache-2.0
#include "timing/l2_cache.h"

#include <algorithm>
#include <bit>

namespace ascsim {
namespace {

// Of the table's size, which grows: no number of the model.
constexpr int kFirstSlotBits = 12;

uint64_t LineSet(uint64_t first, uint64_t last) {
  const uint64_t upto = last >= 63 ? ~uint64_t{0} : (uint64_t{1} << (last + 1)) - 1;
  return upto & ~((uint64_t{1} << first) - 1);
}

}  // namespace

L2Cache::L2Cache(uint64_t capacity_bytes, uint64_t line_bytes, uint64_t page_bytes)
    : capacity_lines_(std::max<uint64_t>(capacity_bytes / line_bytes, kMaxLines)),
      page_mask_(page_bytes - 1),
      page_shift_(static_cast<uint32_t>(std::countr_zero(page_bytes))),
      line_shift_(static_cast<uint32_t>(std::countr_zero(line_bytes))),
      slots_(size_t{1} << kFirstSlotBits, kNone),
      shift_(64 - kFirstSlotBits) {}

uint32_t L2Cache::Lookup(uint64_t number) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = SlotOf(number);
  while (slots_[slot] != kNone && pages_[slots_[slot]].number != number) slot = (slot + 1) & mask;
  return slots_[slot];
}

uint32_t L2Cache::Find(uint64_t number) {
  const size_t mask = slots_.size() - 1;
  size_t slot = SlotOf(number);
  while (slots_[slot] != kNone) {
    if (pages_[slots_[slot]].number == number) return slots_[slot];
    slot = (slot + 1) & mask;
  }
  if ((pages_.size() - free_pages_.size() + 1) * 2 > slots_.size()) {
    Grow();
    slot = SlotOf(number);
    while (slots_[slot] != kNone) slot = (slot + 1) & (slots_.size() - 1);
  }
  uint32_t page;
  if (free_pages_.empty()) {
    page = static_cast<uint32_t>(pages_.size());
    pages_.emplace_back();
  } else {
    page = free_pages_.back();
    free_pages_.pop_back();
    pages_[page] = {};
  }
  pages_[page].number = number;
  slots_[slot] = page;
  return page;
}

void L2Cache::Grow() {
  std::vector<uint32_t> old(slots_.size() * 2, kNone);
  old.swap(slots_);
  --shift_;
  for (const uint32_t page : old) {
    if (page == kNone) continue;
    size_t slot = SlotOf(pages_[page].number);
    while (slots_[slot] != kNone) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = page;
  }
}

// Takes a page out of the table and moves those behind it up, so that searches need no tombstones.
void L2Cache::Erase(uint64_t number) {
  const size_t mask = slots_.size() - 1;
  size_t slot = SlotOf(number);
  while (pages_[slots_[slot]].number != number) slot = (slot + 1) & mask;
  size_t hole = slot;
  for (size_t next = (hole + 1) & mask; slots_[next] != kNone; next = (next + 1) & mask) {
    const size_t home = SlotOf(pages_[slots_[next]].number);
    if (((next - home) & mask) < ((next - hole) & mask)) continue;
    slots_[hole] = slots_[next];
    hole = next;
  }
  slots_[hole] = kNone;
}

void L2Cache::Promote(uint32_t page) {
  if (newest_ == page) return;
  Page& p = pages_[page];
  if (p.newer != kNone) {
    pages_[p.newer].older = p.older;
    if (p.older != kNone) pages_[p.older].newer = p.newer;
    if (oldest_ == page) oldest_ = p.newer;
  }
  p.newer = kNone;
  p.older = newest_;
  if (newest_ != kNone) pages_[newest_].newer = page;
  newest_ = page;
  if (oldest_ == kNone) oldest_ = page;
}

void L2Cache::Evict(uint32_t keep) {
  while (resident_ > capacity_lines_ && oldest_ != keep) Remove(oldest_);
}

void L2Cache::Remove(uint32_t page) {
  const Page& p = pages_[page];
  Erase(p.number);
  (p.newer == kNone ? newest_ : pages_[p.newer].older) = p.older;
  (p.older == kNone ? oldest_ : pages_[p.older].newer) = p.newer;
  resident_ -= static_cast<uint64_t>(std::popcount(p.valid));
  if (p.holds != kNone) free_holds_.push_back(p.holds);
  free_pages_.push_back(page);
}

void L2Cache::BeginLaunch() {
  if (holds_.empty()) return;
  for (uint32_t page = newest_; page != kNone; page = pages_[page].older) pages_[page].holds = kNone;
  holds_.clear();
  free_holds_.clear();
}

// Lines of the page that [begin, end) touches, wherever those lie.
void L2Cache::DropLines(uint32_t page, uint64_t begin, uint64_t end) {
  Page& p = pages_[page];
  const uint64_t first = p.number << page_shift_, last = first + page_mask_ + 1;
  if (begin >= last || end <= first) return;
  const uint64_t from = begin > first ? begin - first : 0, to = std::min(end, last) - first - 1;
  const uint64_t lines = LineSet(from >> line_shift_, to >> line_shift_);
  if ((p.valid & ~lines) == 0) return Remove(page);
  resident_ -= static_cast<uint64_t>(std::popcount(p.valid & lines));
  p.valid &= ~lines;
  p.dirty &= ~lines;
}

void L2Cache::Drop(uint64_t address, uint64_t size) {
  if (size == 0) return;
  const uint64_t end = address + size, first = address >> page_shift_, last = (end - 1) >> page_shift_;
  if (last - first >= pages_.size() - free_pages_.size()) {
    for (uint32_t page = newest_; page != kNone;) {
      const uint32_t older = pages_[page].older;
      DropLines(page, address, end);
      page = older;
    }
    return;
  }
  for (uint64_t number = first; number <= last; ++number) {
    if (const uint32_t page = Lookup(number); page != kNone) DropLines(page, address, end);
  }
}

L2Cache::Outcome L2Cache::TouchLines(uint32_t page, uint64_t lines, bool write) {
  Promote(page);
  Page& p = pages_[page];
  Outcome outcome;
  outcome.lines = static_cast<uint32_t>(std::popcount(lines));
  outcome.missing = static_cast<uint32_t>(std::popcount(lines & ~p.valid));
  outcome.clean = static_cast<uint32_t>(std::popcount(lines & ~p.dirty));
  p.valid |= lines;
  if (write) p.dirty |= lines;
  resident_ += outcome.missing;
  if (resident_ > capacity_lines_) Evict(page);
  return outcome;
}

L2Cache::Outcome L2Cache::Touch(uint64_t address, uint64_t size, bool write) {
  Outcome sum;
  if (size == 0) return sum;
  const uint64_t end = address + size;
  for (uint64_t at = address; at < end;) {
    const uint64_t page_end = (at | page_mask_) + 1;
    const uint64_t last = std::min(end, page_end) - 1;
    const Outcome outcome = TouchLines(
        Find(at >> page_shift_), LineSet((at & page_mask_) >> line_shift_, (last & page_mask_) >> line_shift_), write);
    sum.lines += outcome.lines;
    sum.missing += outcome.missing;
    sum.clean += outcome.clean;
    at = page_end;
  }
  return sum;
}

L2Cache::Outcome L2Cache::Hold(uint64_t address, bool write, int core, Time time, Time hold, Time horizon,
                               Time* start) {
  const uint64_t line = (address & page_mask_) >> line_shift_;
  const uint32_t page = Find(address >> page_shift_);
  const Outcome outcome = TouchLines(page, uint64_t{1} << line, write);
  *start = time;
  Page& p = pages_[page];
  if (p.holds == kNone) {
    if (free_holds_.empty()) {
      p.holds = static_cast<uint32_t>(holds_.size());
      holds_.emplace_back();
    } else {
      p.holds = free_holds_.back();
      free_holds_.pop_back();
    }
    holds_[p.holds] = {};
    holds_[p.holds].core.fill(-1);
  }
  // Smaller lines than an eighth of a page share a place.
  Holds& holds = holds_[p.holds];
  const size_t place = line & (holds.until.size() - 1);
  Time& until = holds.until[place];
  if (until > time && until <= time + horizon && holds.core[place] != core) *start = until;
  if (until <= time + horizon) until = std::max(until, *start) + hold;
  holds.core[place] = static_cast<int16_t>(core);
  return outcome;
}

}  // namespace ascsim
