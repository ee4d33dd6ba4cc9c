// An executor on threads of its own, for tests; each run starts and joins them, which shows races best.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "xmsda/executor.h"

namespace xmsda::testing {

// `n` tasks on num_workers threads; which thread takes which task is left to chance.
inline Executor ThreadExecutor(int num_workers) {
  Executor executor;
  executor.num_workers = num_workers;
  executor.run = [](void*, int n, void (*task)(void*, int), void* arg) {
    std::atomic<int> next{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < n; ++t) {
      threads.emplace_back([&] {
        for (int i = next++; i < n; i = next++) task(arg, i);
      });
    }
    for (std::thread& thread : threads) thread.join();
  };
  return executor;
}

}  // namespace xmsda::testing
