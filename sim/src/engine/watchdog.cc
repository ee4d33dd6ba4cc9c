// The watchdog's thread.
// SPDX-License-Identifier: Apache-2.0
#include "engine/watchdog.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace ascsim {

Watchdog::Watchdog(double seconds, std::string kernel)
    : kernel_(std::move(kernel)), thread_([this, seconds] { Run(seconds); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Watchdog::Run(double seconds) {
  constexpr auto kGrace = std::chrono::seconds(3);
  std::unique_lock lock(mutex_);
  if (wake_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return stop_; })) return;
  expired_.store(true, std::memory_order_relaxed);
  if (wake_.wait_for(lock, kGrace, [this] { return stop_; })) return;
  std::fprintf(stderr,
               "ascsim: error: kernel %s: no end after %.0f s, and no call of the API since then: a loop that never "
               "ends?\n",
               kernel_.c_str(), seconds);
  std::fflush(nullptr);
  std::_Exit(2);
}

}  // namespace ascsim
