// The executor that needs no threads.
// SPDX-License-Identifier: Apache-2.0
#include "xmsda/executor.h"

namespace xmsda {
namespace {

void RunSerially(void* /*context*/, int n, void (*task)(void* arg, int i), void* arg) {
  for (int i = 0; i < n; ++i) task(arg, i);
}

}  // namespace

Executor SerialExecutor(int num_workers) {
  Executor executor;
  executor.num_workers = num_workers;
  executor.run = &RunSerially;
  return executor;
}

}  // namespace xmsda
