// Host program of the softmax: rows that do not divide by the cores, columns that do not fill blocks.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <random>

#include "aclrtlaunch_row_softmax.h"
#include "host.h"

int main() {
  constexpr uint32_t kRows = 100, kColumns = 1003, kBlocks = 48;
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> x(size_t{kRows} * kColumns);
  for (float& value : x) value = normal(random);

  Session session;
  DeviceArray<float> device_x(x), device_y{std::vector<float>(x.size())};
  ACLRT_LAUNCH_KERNEL(row_softmax)(kBlocks, session.stream(), device_x.data(), device_y.data(), kRows, kColumns);
  session.Wait();
  const std::vector<float> y = device_y.Read();

  size_t wrong = 0;
  for (uint32_t row = 0; row < kRows; ++row) {
    const float* from = x.data() + size_t{row} * kColumns;
    double greatest = from[0], sum = 0;
    for (uint32_t i = 0; i < kColumns; ++i) greatest = std::fmax(greatest, static_cast<double>(from[i]));
    for (uint32_t i = 0; i < kColumns; ++i) sum += std::exp(from[i] - greatest);
    for (uint32_t i = 0; i < kColumns; ++i) {
      const double expected = std::exp(from[i] - greatest) / sum;
      // exp of a rounded difference of up to 30: 30 * 2^-24, and a sum of 1003 terms.
      if (!(std::fabs(y[size_t{row} * kColumns + i] - expected) <= 4e-6 * expected)) ++wrong;
    }
  }
  return Verdict("row_softmax", wrong, x.size());
}
