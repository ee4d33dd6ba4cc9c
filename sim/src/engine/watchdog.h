// Ends a launch that takes too much wall time, also when the kernel loops without calling the simulator.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace ascsim {

// After `seconds` expired() is true: the next call into the simulator should end the launch with a report. A kernel
// that makes none for another second gets kTimeSignal, again and again, which takes it out of its fiber (trap.h; there
// have to be Traps). Only when that does not help for ten seconds, since it left a lock of the C library locked, say,
// the process ends with one line on standard error and exit code 2.
class Watchdog {
 public:
  // Watches the thread that makes it.
  Watchdog(double seconds, std::string kernel);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  bool expired() const { return expired_.load(std::memory_order_relaxed); }

 private:
  void Run();
  // True when the launch has ended meanwhile.
  bool Ends(std::unique_lock<std::mutex>& lock, std::chrono::duration<double> within);

  double seconds_;
  std::string kernel_;
  pthread_t watched_;
  std::atomic<bool> expired_{false};
  bool stop_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace ascsim
