// xmsda_bounds: measures the loops of bounds.h on 1 to N threads at once and prints one JSON object.
// SPDX-License-Identifier: Apache-2.0
//
//   xmsda_bounds [threads [milliseconds per measurement]]
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "bench/bounds/bounds.h"

namespace xmsda::bounds {
namespace {

// Half of a first level cache of 32 KiB, the smallest in use.
constexpr size_t kL1Bytes = 16 * 1024;
// Several times the largest share of a last level cache that a machine of few cores has.
constexpr size_t kMemoryBytes = 192 * 1024 * 1024;
constexpr int kTrials = 10;

double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

size_t L2Bytes() {
  // Half of the second level, whole vectors of every size; 512 KiB where the system does not tell.
  const long size = sysconf(_SC_LEVEL2_CACHE_SIZE);
  const size_t bytes = size > 0 ? static_cast<size_t>(size) : 512 * 1024;
  return bytes / 2 / 4096 * 4096;
}

struct Free {
  void operator()(float* data) const { std::free(data); }
};
using Buffer = std::unique_ptr<float, Free>;

Buffer MakeBuffer(size_t bytes) {
  auto* data = static_cast<float*>(std::aligned_alloc(4096, bytes));
  if (data == nullptr) std::abort();
  for (size_t i = 0; i < bytes / sizeof(float); ++i) data[i] = static_cast<float>(i % 1021) * 0x1p-10f;
  return Buffer(data);
}

// Counts per second of all threads together: each runs for at least `seconds`, starting with the others.
double Rate(Loop loop, const std::vector<Buffer>& buffers, size_t bytes, double seconds) {
  const size_t threads = buffers.size();
  std::atomic<size_t> ready{0};
  std::vector<double> rates(threads);
  auto work = [&](size_t index) {
    float* data = buffers[index].get();
    const size_t size = bytes / sizeof(float);
    volatile float sink = RunLoop(loop, data, size, 1).sink;
    // About 50 microseconds between two looks at the clock.
    const int64_t passes = std::max<int64_t>(1, static_cast<int64_t>(2'000'000 / bytes));
    ready.fetch_add(1);
    while (ready.load() < threads) std::this_thread::yield();
    double count = 0;
    const double start = Seconds();
    double end = start;
    while (end - start < seconds) {
      const Work done = RunLoop(loop, data, size, passes);
      count += done.count;
      sink = done.sink;
      end = Seconds();
    }
    static_cast<void>(sink);
    rates[index] = count / (end - start);
  };
  std::vector<std::thread> pool;
  for (size_t i = 1; i < threads; ++i) pool.emplace_back(work, i);
  work(0);
  for (std::thread& thread : pool) thread.join();
  double sum = 0;
  for (double rate : rates) sum += rate;
  return sum;
}

// The best trial: a bound is what the machine can do when nothing disturbs it.
double BestRate(Loop loop, size_t bytes, int threads, double seconds) {
  std::vector<Buffer> buffers;
  for (int i = 0; i < threads; ++i) buffers.push_back(MakeBuffer(bytes));
  double best = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    best = std::max(best, Rate(loop, buffers, bytes, seconds / kTrials));
  }
  return best;
}

void PrintThreads(int threads, double seconds, bool last) {
  const double vector_bytes = static_cast<double>(VectorLanes() * sizeof(float));
  const size_t l2 = L2Bytes();
  std::printf("  \"%d\": {\n", threads);
  std::printf("    \"l1_vector_loads_per_s\": %.4g,\n", BestRate(Loop::kVectorLoad, kL1Bytes, threads, seconds));
  std::printf("    \"broadcasts_per_s\": %.4g,\n", BestRate(Loop::kBroadcast, kL1Bytes, threads, seconds));
  std::printf("    \"vector_fmas_per_s\": %.4g,\n", BestRate(Loop::kFma, kL1Bytes, threads, seconds));
  std::printf("    \"l2_bytes_per_s\": %.4g,\n", vector_bytes * BestRate(Loop::kVectorLoad, l2, threads, seconds));
  std::printf("    \"memory_read_bytes_per_s\": %.4g,\n",
              vector_bytes * BestRate(Loop::kVectorLoad, kMemoryBytes, threads, seconds));
  std::printf("    \"memory_triad_bytes_per_s\": %.4g\n", BestRate(Loop::kTriad, kMemoryBytes, threads, seconds));
  std::printf("  }%s\n", last ? "" : ",");
}

}  // namespace
}  // namespace xmsda::bounds

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  const double milliseconds = argc > 2 ? std::atof(argv[2]) : 200;
  if (threads < 1 || milliseconds <= 0) {
    std::fprintf(stderr, "usage: xmsda_bounds [threads [milliseconds per measurement]]\n");
    return 2;
  }
  std::printf("{\n  \"target\": \"%s\",\n  \"vector_bytes\": %zu,\n", xmsda::bounds::TargetName(),
              xmsda::bounds::VectorLanes() * sizeof(float));
  for (int count = 1; count <= threads; ++count) {
    xmsda::bounds::PrintThreads(count, milliseconds * 1e-3, count == threads);
  }
  std::printf("}\n");
  return 0;
}
