// An executor on oneTBB's threads, for stand-alone programs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>

#include "xmsda/executor.h"

namespace xmsda {

// Must outlive its executor.
class TbbExecutor {
 public:
  explicit TbbExecutor(int num_workers)
      : num_workers_(num_workers),
        limit_(tbb::global_control::max_allowed_parallelism,
               static_cast<size_t>(std::max(num_workers, tbb::info::default_concurrency()))),
        arena_(num_workers) {}
  TbbExecutor(const TbbExecutor&) = delete;
  TbbExecutor& operator=(const TbbExecutor&) = delete;

  Executor executor() {
    Executor executor;
    executor.num_workers = num_workers_;
    executor.context = &arena_;
    executor.run = [](void* context, int n, void (*task)(void* arg, int i), void* arg) {
      static_cast<tbb::task_arena*>(context)->execute([&] {
        // One task each: the core has cut the work already.
        tbb::parallel_for(
            0, n, 1, [&](int i) { task(arg, i); }, tbb::simple_partitioner());
      });
    };
    return executor;
  }

 private:
  int num_workers_;
  tbb::global_control limit_;  // without it, oneTBB starts no more threads than the machine has cores
  tbb::task_arena arena_;
};

}  // namespace xmsda
