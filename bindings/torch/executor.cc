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

// Multiply-adds of the four corners of all samples; backward also the elements of value's gradient, which it zeroes. A
// double, because the product may pass 2^63.
double Operations(const Problem& problem, Pass pass) {
  const double row = static_cast<double>(problem.batch) * static_cast<double>(problem.num_heads) *
                     static_cast<double>(problem.channels);
  const double samples =
      row * static_cast<double>(problem.num_queries) * static_cast<double>(problem.SamplesPerQuery());
  return 4.0 * samples + (pass == Pass::kBackward ? row * static_cast<double>(problem.value_size) : 0.0);
}

}  // namespace

Executor TorchExecutor(const Problem& problem, Pass pass) {
  // Starting a worker costs some 10 us, as much as a few times 10^5 multiply-adds.
  constexpr double kOperationsPerWorker = 1 << 18;
  const double threads = torch::stable::get_num_threads();
  const double wanted = Operations(problem, pass) / kOperationsPerWorker;
  Executor executor;
  executor.num_workers = static_cast<int>(std::clamp(wanted, 1.0, std::clamp(threads, 1.0, double{kMaxWorkers})));
  executor.run = in_forked_child.load(std::memory_order_relaxed) ? RunOnNewThreads : RunOnTorchThreads;
  return executor;
}

}  // namespace xmsda::torch_binding
