// Ends a launch that takes too much wall time, also when the kernel loops without calling the simulator.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace ascsim {

// After `seconds` expired() is true: the next call into the simulator should end the launch with a report. A kernel
// that makes no call for three more seconds cannot be stopped from inside: then the process ends with one line on
// standard error and exit code 2.
class Watchdog {
 public:
  Watchdog(double seconds, std::string kernel);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  bool expired() const { return expired_.load(std::memory_order_relaxed); }

 private:
  void Run(double seconds);

  std::string kernel_;
  std::atomic<bool> expired_{false};
  bool stop_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace ascsim
