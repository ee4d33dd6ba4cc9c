// The driver's threads: oneTBB's, or one std::thread per task where there is no oneTBB (cross builds).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#ifdef XMSDA_HAVE_TBB
#include "driver/tbb_executor.h"
#else
#include <thread>
#include <vector>
#endif
#include "xmsda/executor.h"

namespace xmsda::driver {

#ifdef XMSDA_HAVE_TBB
using Threads = TbbExecutor;
#else
class Threads {
 public:
  explicit Threads(int num_workers) : num_workers_(num_workers) {}
  Executor executor() const {
    Executor executor;
    executor.num_workers = num_workers_;
    executor.run = [](void*, int n, void (*task)(void* arg, int i), void* arg) {
      std::vector<std::thread> threads;
      for (int i = 1; i < n; ++i) threads.emplace_back(task, arg, i);
      if (n > 0) task(arg, 0);
      for (std::thread& thread : threads) thread.join();
    };
    return executor;
  }

 private:
  int num_workers_;
};
#endif

}  // namespace xmsda::driver
