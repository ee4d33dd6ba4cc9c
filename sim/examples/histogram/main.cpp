// Host program of the histogram.
// SPDX-License-Identifier: Apache-2.0
#include <random>

#include "aclrtlaunch_histogram.h"
#include "host.h"

int main() {
  constexpr uint32_t kCount = 1024 * 60, kBins = 64, kBlocks = 20;
  std::mt19937 random(3);
  std::vector<int32_t> x(kCount), expected(kBins, 0);
  for (int32_t& value : x) {
    value = static_cast<int32_t>((random() % kBins) * (random() % kBins) / kBins);
    ++expected[static_cast<size_t>(value)];
  }
  Session session;
  DeviceArray<int32_t> device_x(x), device_bins(std::vector<int32_t>(kBins, 0));
  ACLRT_LAUNCH_KERNEL(histogram)(kBlocks, session.stream(), device_x.data(), device_bins.data(), kCount);
  session.Wait();
  const std::vector<int32_t> bins = device_bins.Read();
  size_t wrong = 0;
  for (uint32_t i = 0; i < kBins; ++i) wrong += bins[i] != expected[i];
  return Verdict("histogram", wrong, kBins);
}
