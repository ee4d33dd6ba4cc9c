// Host program of the reduction: small integers, so that the sum is exact in any order.
// SPDX-License-Identifier: Apache-2.0
#include <random>

#include "aclrtlaunch_block_reduce.h"
#include "host.h"

int main() {
  constexpr uint32_t kCount = 4096 * 100, kBlocks = 40, kSlot = 8;
  std::mt19937 random(4);
  std::vector<float> x(kCount);
  double expected = 0;
  for (float& value : x) {
    value = static_cast<float>(static_cast<int>(random() % 17) - 8);
    expected += value;
  }
  Session session;
  DeviceArray<float> device_x(x), partial{std::vector<float>(size_t{kBlocks} * kSlot)}, y{std::vector<float>(kSlot)};
  ACLRT_LAUNCH_KERNEL(block_reduce)(kBlocks, session.stream(), device_x.data(), partial.data(), y.data(), kCount);
  session.Wait();
  const float sum = y.Read()[0];
  std::printf("sum %g, expected %g\n", static_cast<double>(sum), expected);
  return Verdict("block_reduce", static_cast<double>(sum) == expected ? 0 : 1, 1);
}
