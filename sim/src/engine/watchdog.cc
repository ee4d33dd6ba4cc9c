// The watchdog's thread.
// SPDX-License-Identifier: Apache-2.0
#include "engine/watchdog.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "engine/trap.h"

namespace ascsim {

Watchdog::Watchdog(double seconds, std::string kernel)
    : seconds_(seconds), kernel_(std::move(kernel)), watched_(pthread_self()), thread_([this] { Run(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

bool Watchdog::Ends(std::unique_lock<std::mutex>& lock, std::chrono::duration<double> within) {
  return wake_.wait_for(lock, within, [this] { return stop_; });
}

void Watchdog::Run() {
  using namespace std::chrono_literals;
  std::unique_lock lock(mutex_);
  if (Ends(lock, std::chrono::duration<double>(seconds_))) return;
  expired_.store(true, std::memory_order_relaxed);
  if (Ends(lock, 1s)) return;
  for (int i = 0; i < 100; ++i) {
    pthread_kill(watched_, kTimeSignal);
    if (Ends(lock, 100ms)) return;
  }
  std::fprintf(stderr,
               "ascsim: error: kernel %s: no end after %g s, and it cannot be stopped: a loop that never ends?\n",
               kernel_.c_str(), seconds_);
  std::_Exit(2);
}

}  // namespace ascsim
