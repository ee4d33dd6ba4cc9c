// Which lines of GM are in the L2 cache, and until when a line is held by somebody's access.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/time.h"

namespace ascsim {

// Least recently used out first, by pages (a few lines that lie together), of which only the lines that have been
// touched count. Independent of where the host put the memory, beyond the place in a page: same program, same hits.
class L2Cache {
 public:
  static constexpr int kMaxLines = 64;  // a page: bits of a word

  // Sizes are powers of two, with at most kMaxLines lines a page.
  L2Cache(uint64_t capacity_bytes, uint64_t line_bytes, uint64_t page_bytes);

  struct Outcome {
    uint32_t lines = 0;
    uint32_t missing = 0;  // not in the cache before
    uint32_t clean = 0;    // not written before: what is written now goes to HBM some time
  };

  // A launch begins: clocks start anew, so nobody holds a line any more.
  void BeginLaunch();
  // Memory that was freed, or written from outside the cores: its lines are not in the cache any more.
  void Drop(uint64_t address, uint64_t size);

  // Touches [address, address + size); the lines are in the cache afterwards, written ones as dirty.
  Outcome Touch(uint64_t address, uint64_t size, bool write);

  // The same for one line, by an access of `core` at `time` that holds the line for `hold`. *start is when it gets the
  // line: later than `time` when others came before. A line held far into the future was touched out of order, by a
  // core that is ahead: then nobody waits.
  Outcome Hold(uint64_t address, bool write, int core, Time time, Time hold, Time horizon, Time* start);

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};
  struct Page {
    uint64_t number = 0;
    uint64_t valid = 0, dirty = 0;  // bit sets of lines
    uint32_t newer = kNone, older = kNone;
    uint32_t holds = kNone;  // index into holds_, once a line has been held
  };
  struct Holds {
    std::array<Time, 8> until{};
    std::array<int16_t, 8> core{};
  };

  uint32_t Find(uint64_t number);  // made when there is none
  uint32_t Lookup(uint64_t number) const;
  void Promote(uint32_t page);
  void Evict(uint32_t keep);
  void Remove(uint32_t page);
  void DropLines(uint32_t page, uint64_t begin, uint64_t end);
  void Erase(uint64_t number);
  void Grow();
  size_t SlotOf(uint64_t number) const { return static_cast<size_t>((number * 0x9E3779B97F4A7C15u) >> shift_); }
  Outcome TouchLines(uint32_t page, uint64_t lines, bool write);

  uint64_t capacity_lines_, page_mask_;
  uint32_t page_shift_, line_shift_;
  uint64_t resident_ = 0;
  std::vector<Page> pages_;
  std::vector<uint32_t> free_pages_, free_holds_;
  std::vector<Holds> holds_;
  std::vector<uint32_t> slots_;
  int shift_ = 0;
  uint32_t newest_ = kNone, oldest_ = kNone;
};

}  // namespace ascsim
