// Device memory (GM): host memory with an allocation table.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>

namespace ascsim {

struct Allocation {
  uint64_t address = 0;
  uint64_t size = 0;
  uint64_t number = 0;  // 1 for the first of the process, for names in reports: "GM #3"
  bool freed = false;
};

// Freed allocations stay in the table (their memory does not) until as many bytes have been freed after them as fit
// into `quarantine_bytes`: so a use after free is told from a wild pointer.
class GlobalMemory {
 public:
  explicit GlobalMemory(uint64_t capacity, uint64_t quarantine_bytes = uint64_t{64} << 20);
  ~GlobalMemory();
  GlobalMemory(const GlobalMemory&) = delete;
  GlobalMemory& operator=(const GlobalMemory&) = delete;

  // 512-byte aligned, filled with a pattern that is no plausible data, for which large allocations take memory of the
  // host only where they are touched; null when the chip's memory is exhausted.
  void* Allocate(uint64_t size);
  // False when `pointer` is not the start of a live allocation.
  bool Free(void* pointer);
  // The allocation (live or freed) that contains `address`, else null.
  const Allocation* Find(uint64_t address) const;
  // The allocation (live or freed) whose pages end before `address`, by a guard page at most, else null.
  const Allocation* Before(uint64_t address) const;
  // Live allocation that is nearest to an address outside all of them, else null.
  const Allocation* Nearest(uint64_t address) const;
  // Live allocations, by address.
  const std::map<uint64_t, Allocation>& allocations() const { return allocations_; }
  uint64_t used() const { return used_; }

 private:
  uint64_t capacity_, quarantine_bytes_;
  uint64_t used_ = 0, quarantined_ = 0, next_number_ = 1;
  std::map<uint64_t, Allocation> allocations_;
  std::deque<uint64_t> quarantine_;  // addresses of freed allocations, the oldest first
  mutable const Allocation* last_ = nullptr;
};

}  // namespace ascsim
