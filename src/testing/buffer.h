// Arrays of exactly the size asked for, between guard bytes, optionally as badly aligned as the contract allows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define XMSDA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define XMSDA_ASAN 1
#endif
#endif
#ifdef XMSDA_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace xmsda::testing {

class Buffer {
 public:
  Buffer() = default;

  // `misalignment` bytes past a 64-byte boundary. Contents are `fill`.
  explicit Buffer(size_t size, size_t misalignment = 0, uint8_t fill = 0xFF)
      : size_(size), front_(kGuard + misalignment), memory_(Allocate(front_ + size + kGuard)) {
    std::memset(memory_.get(), kGuardByte, front_ + size_ + kGuard);
    Fill(fill);
#ifdef XMSDA_ASAN
    __asan_poison_memory_region(memory_.get(), front_);
    __asan_poison_memory_region(memory_.get() + front_ + size_, kGuard);
#endif
  }

  uint8_t* data() const { return memory_.get() == nullptr ? nullptr : memory_.get() + front_; }
  size_t size() const { return size_; }
  void Fill(uint8_t byte) { std::memset(data(), byte, size_); }

  // False when something was written outside the array. (Under AddressSanitizer even reading there is reported.)
  bool GuardsIntact() const {
    if (memory_.get() == nullptr) return true;
#ifdef XMSDA_ASAN
    // Several threads may look at the same inputs: one must not close the guards while another one reads them.
    static std::mutex mutex;
    const std::lock_guard<std::mutex> lock(mutex);
    __asan_unpoison_memory_region(memory_.get(), front_ + size_ + kGuard);
#endif
    size_t wrong = 0;
    for (size_t i = 0; i < front_; ++i) wrong += memory_.get()[i] != kGuardByte;
    for (size_t i = 0; i < kGuard; ++i) wrong += memory_.get()[front_ + size_ + i] != kGuardByte;
#ifdef XMSDA_ASAN
    __asan_poison_memory_region(memory_.get(), front_);
    __asan_poison_memory_region(memory_.get() + front_ + size_, kGuard);
#endif
    return wrong == 0;
  }

 private:
  static constexpr size_t kAlignment = 64;
  static constexpr size_t kGuard = 256;  // four AVX-512 vectors; a multiple of kAlignment
  static constexpr uint8_t kGuardByte = 0xC3;

  struct Free {
    void operator()(uint8_t* memory) const { ::operator delete (memory, std::align_val_t{kAlignment}); }
  };

  static uint8_t* Allocate(size_t size) {
    return static_cast<uint8_t*>(::operator new (size, std::align_val_t{kAlignment}));
  }

  size_t size_ = 0;
  size_t front_ = 0;
  std::unique_ptr<uint8_t, Free> memory_;
};

}  // namespace xmsda::testing
