// Host program of the gather.
// SPDX-License-Identifier: Apache-2.0
#include <random>

#include "aclrtlaunch_gather_rows.h"
#include "host.h"

int main() {
  constexpr uint32_t kTable = 8192, kCount = 2048 * 200, kBlocks = 48;
  std::mt19937 random(2);
  std::vector<float> table(kTable);
  std::vector<int32_t> index(kCount);
  for (float& value : table) value = static_cast<float>(random() % 100000) / 7.0f;
  for (int32_t& i : index) i = static_cast<int32_t>(random() % kTable);

  Session session;
  DeviceArray<float> device_table(table), device_y(std::vector<float>(kCount, -1.0f));
  DeviceArray<int32_t> device_index(index);
  ACLRT_LAUNCH_KERNEL(gather_rows)
  (kBlocks, session.stream(), device_table.data(), device_index.data(), device_y.data(), kTable, kCount);
  session.Wait();
  const std::vector<float> y = device_y.Read();
  size_t wrong = 0;
  for (uint32_t i = 0; i < kCount; ++i) wrong += y[i] != table[static_cast<size_t>(index[i])];
  return Verdict("gather", wrong, kCount);
}
