// Runs the core's tasks on torch's own threads; in a forked child, on threads made for the call.
// SPDX-License-Identifier: Apache-2.0
#include "executor.h"

#include <pthread.h>
#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

namespace xmsda::torch_binding {
namespace {

// A child made by fork() has the parent's OpenMP bookkeeping but none of its threads: with libgomp the next parallel
// region of that thread waits for ever. DataLoader workers are safe (torch gives them one thread), a plain os.fork() is
// not.
std::atomic<bool> in_forked_child{false};

struct ForkHandler {
  ForkHandler() {
    pthread_atfork(nullptr, nullptr, [] { in_forked_child.store(true, std::memory_order_relaxed); });
  }
};
const ForkHandler fork_handler;

void RunOnTorchThreads(void* /*context*/, int n, void (*task)(void* arg, int i), void* arg) {
  torch::stable::parallel_for(0, n, 1, [task, arg](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) task(arg, static_cast<int>(i));
  });
}

// Starting a thread costs about 20 us, which is nothing beside a call that hangs.
void RunOnNewThreads(void* /*context*/, int n, void (*task)(void* arg, int i), void* arg) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(std::max(n - 1, 0)));
  int started = 1;
  try {
    for (; started < n; ++started) threads.emplace_back(task, arg, started);
  } catch (const std::system_error&) {
    // No more threads to be had: this one does the rest.
  }
  if (n > 0) task(arg, 0);
  for (int i = started; i < n; ++i) task(arg, i);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

Executor TorchExecutor(double operations) {
  // What torch's own operators give a thread at least. They take some 3 us; to wake a second thread takes 1.5 us when
  // it still spins and tens of us when it sleeps.
  constexpr double kOperationsPerWorker = 32768;
  const double threads = torch::stable::get_num_threads();
  Executor executor;
  executor.num_workers = static_cast<int>(std::clamp(operations / kOperationsPerWorker, 1.0, std::max(threads, 1.0)));
  executor.run = in_forked_child.load(std::memory_order_relaxed) ? RunOnNewThreads : RunOnTorchThreads;
  return executor;
}

}  // namespace xmsda::torch_binding
