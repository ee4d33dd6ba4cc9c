// Host program of the mixed kernel.
// SPDX-License-Identifier: Apache-2.0
#include "aclrtlaunch_mix_handover.h"
#include "host.h"

int main() {
  constexpr uint32_t kTile = 4096, kCount = kTile * 50, kBlocks = 8;
  std::vector<float> x(kCount);
  for (uint32_t i = 0; i < kCount; ++i) x[i] = static_cast<float>(i % 1000);
  Session session;
  DeviceArray<float> device_x(x), workspace{std::vector<float>(size_t{kBlocks} * kTile)}, y{std::vector<float>(kCount)};
  ACLRT_LAUNCH_KERNEL(mix_handover)
  (kBlocks, session.stream(), device_x.data(), workspace.data(), y.data(), kCount);
  session.Wait();
  const std::vector<float> result = y.Read();
  size_t wrong = 0;
  for (uint32_t i = 0; i < kCount; ++i) wrong += result[i] != 2 * x[i];
  return Verdict("mix_handover", wrong, kCount);
}
