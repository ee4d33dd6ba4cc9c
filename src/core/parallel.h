// Runs a list of tasks on an executor's workers; idle workers take the next task.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "xmsda/executor.h"

namespace xmsda {

// Calls task(i, worker) for every i in [0, count), worker in [0, executor.num_workers). Which worker gets a task
// depends on timing, so no result may: tasks write to places of their own and worker only chooses scratch memory.
template <class Task>
void ParallelFor(const Executor& executor, int64_t count, const Task& task) {
  const int workers = static_cast<int>(std::min<int64_t>(executor.num_workers, count));
  if (workers <= 1) {
    for (int64_t i = 0; i < count; ++i) task(i, 0);
    return;
  }
  struct Shared {
    const Task* task;
    int64_t count;
    std::atomic<int64_t> next{0};
  };
  Shared shared{&task, count};
  const auto work = [](void* arg, int worker) {
    auto* s = static_cast<Shared*>(arg);
    for (int64_t i = s->next.fetch_add(1, std::memory_order_relaxed); i < s->count;
         i = s->next.fetch_add(1, std::memory_order_relaxed)) {
      (*s->task)(i, worker);
    }
  };
  executor.run(executor.context, workers, work, &shared);
}

}  // namespace xmsda
