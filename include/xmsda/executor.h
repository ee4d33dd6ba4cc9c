// How the core runs work in parallel: the caller's threads, never its own.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#pragma GCC visibility push(default)
namespace xmsda {

// More are refused: with these, no size of a workspace passes 2^63.
inline constexpr int kMaxWorkers = 1024;

// `run(context, n, task, arg)` must call task(arg, i) once for every i in [0, n), from any threads, in any order, also
// one after another, and return when all have returned. A call never waits for another one, so any pool will do.
// The core asks for n <= num_workers; task i keeps its scratch at slot i of the workspace.
struct Executor {
  int num_workers = 1;  // 1 to kMaxWorkers
  void* context = nullptr;
  void (*run)(void* context, int n, void (*task)(void* arg, int i), void* arg) = nullptr;
};

// Runs everything on the calling thread. With num_workers > 1 the work is cut as for so many threads, so that tests
// can compare thread counts without threads.
Executor SerialExecutor(int num_workers = 1);

}  // namespace xmsda
#pragma GCC visibility pop
