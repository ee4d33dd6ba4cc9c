// Device memory (GM): pages of the host of their own for each allocation, so that addresses tell whose they are.
// SPDX-License-Identifier: Apache-2.0
#include "engine/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <vector>

namespace ascsim {
namespace {

// A NaN as half, bfloat16, float and double (0x7ff77ff7...), and no plausible integer.
constexpr uint64_t kPoison = 0x7ff77ff77ff77ff7;

uint64_t PageBytes() {
  static const uint64_t bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

// Usable pages and a guard page behind them, which keeps neighbours apart: an overrun of less than a page meets no
// other allocation. 0 when the size is beyond the address space.
uint64_t MappedBytes(uint64_t size) {
  const uint64_t page = PageBytes();
  if (size > uint64_t{1} << 46) return 0;
  return (size + page - 1) / page * page + page;
}

void Unmap(const Allocation& allocation) {
  munmap(reinterpret_cast<void*>(allocation.address), MappedBytes(allocation.size));
}

// Pages of a file that holds nothing but the pattern: what is only read is shared, what is written becomes a page of
// its own. So large allocations take memory of the host as they are touched. -1: the host has no such files.
class PatternFile {
 public:
  // Of these many bytes, so that 64 GB take 2048 mappings of the 65530 that Linux gives.
  static constexpr uint64_t kBytes = uint64_t{32} << 20;

  static int Descriptor() {
    static const PatternFile file;
    return file.descriptor_;
  }

 private:
  PatternFile();
  ~PatternFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  int descriptor_ = -1;
};

void Poison(void* pages, uint64_t bytes) {
  // Doubling copies: memcpy is as fast as memory, and the pattern's phase stays.
  constexpr uint64_t kChunk = uint64_t{64} << 10;
  auto* to = static_cast<uint8_t*>(pages);
  uint64_t done = sizeof(kPoison) < bytes ? sizeof(kPoison) : bytes;
  std::memcpy(to, &kPoison, done);
  while (done < bytes) {
    uint64_t next = done < kChunk ? done : kChunk;
    if (next > bytes - done) next = bytes - done;
    std::memcpy(to + done, to, next);
    done += next;
  }
}

PatternFile::PatternFile() {
  const int file = memfd_create("ascsim-unwritten", MFD_CLOEXEC);
  if (file < 0) return;
  std::vector<uint8_t> chunk(size_t{1} << 20);
  Poison(chunk.data(), chunk.size());
  for (uint64_t done = 0; done < kBytes; done += chunk.size()) {
    if (write(file, chunk.data(), chunk.size()) == static_cast<ssize_t>(chunk.size())) continue;
    close(file);
    return;
  }
  descriptor_ = file;
}

// False when the pages have to be filled.
bool MapPattern(uint8_t* pages, uint64_t bytes) {
  if (bytes < PatternFile::kBytes || PatternFile::Descriptor() < 0) return false;
  for (uint64_t at = 0; at < bytes; at += PatternFile::kBytes) {
    const uint64_t size = std::min(bytes - at, PatternFile::kBytes);
    if (mmap(pages + at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
             PatternFile::Descriptor(), 0) == MAP_FAILED) {
      return false;
    }
  }
  return true;
}

}  // namespace

GlobalMemory::GlobalMemory(uint64_t capacity, uint64_t quarantine_bytes)
    : capacity_(capacity), quarantine_bytes_(quarantine_bytes) {}

GlobalMemory::~GlobalMemory() {
  for (const auto& [address, allocation] : allocations_) Unmap(allocation);
}

void* GlobalMemory::Allocate(uint64_t size) {
  if (size == 0 || size > capacity_ - used_) return nullptr;
  const uint64_t mapped = MappedBytes(size);
  if (mapped == 0) return nullptr;
  void* pages = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) return nullptr;
  const uint64_t usable = mapped - PageBytes();
  mprotect(static_cast<uint8_t*>(pages) + usable, PageBytes(), PROT_NONE);
  // What lies between the end of the allocation and that of its page is out of bounds, and poisoned all the same.
  if (!MapPattern(static_cast<uint8_t*>(pages), usable)) Poison(pages, usable);
  const auto address = reinterpret_cast<uint64_t>(pages);
  allocations_[address] = {address, size, next_number_++, false};
  used_ += size;
  return pages;
}

bool GlobalMemory::Free(void* pointer) {
  const auto found = allocations_.find(reinterpret_cast<uint64_t>(pointer));
  if (found == allocations_.end() || found->second.freed) return false;
  Allocation& allocation = found->second;
  allocation.freed = true;
  used_ -= allocation.size;
  // The memory goes back to the host; the addresses stay taken, so that nothing else gets them while in quarantine.
  const uint64_t mapped = MappedBytes(allocation.size);
  madvise(pointer, mapped - PageBytes(), MADV_DONTNEED);
  mprotect(pointer, mapped, PROT_NONE);
  quarantine_.push_back(allocation.address);
  quarantined_ += allocation.size;
  while (true) {
    const auto oldest = allocations_.find(quarantine_.front());
    const uint64_t freed_after = quarantined_ - oldest->second.size;
    if (quarantine_.size() == 1 || freed_after < quarantine_bytes_) break;
    quarantined_ = freed_after;
    Unmap(oldest->second);
    if (last_ == &oldest->second) last_ = nullptr;
    allocations_.erase(oldest);
    quarantine_.pop_front();
  }
  return true;
}

const Allocation* GlobalMemory::Find(uint64_t address) const {
  // Copies tend to stay in one allocation; `address - start < size` also fails for addresses before the start.
  if (last_ != nullptr && address - last_->address < last_->size) return last_;
  auto next = allocations_.upper_bound(address);
  if (next == allocations_.begin()) return nullptr;
  const Allocation& candidate = std::prev(next)->second;
  if (address - candidate.address >= candidate.size) return nullptr;
  last_ = &candidate;
  return last_;
}

const Allocation* GlobalMemory::Nearest(uint64_t address) const {
  const Allocation* nearest = nullptr;
  uint64_t least = ~uint64_t{0};
  for (const auto& [begin, allocation] : allocations_) {
    if (allocation.freed) continue;
    const uint64_t distance = address < begin ? begin - address : address - (begin + allocation.size);
    if (distance >= least) continue;
    least = distance;
    nearest = &allocation;
  }
  return nearest;
}

const Allocation* GlobalMemory::Before(uint64_t address) const {
  const auto next = allocations_.upper_bound(address);
  if (next == allocations_.begin()) return nullptr;
  const Allocation& candidate = std::prev(next)->second;
  const uint64_t offset = address - candidate.address;
  return offset >= candidate.size && offset < MappedBytes(candidate.size) ? &candidate : nullptr;
}

}  // namespace ascsim
