// Device memory: allocation, names of addresses, quarantine.
// SPDX-License-Identifier: Apache-2.0
#include "engine/memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <random>
#include <vector>

namespace {

using ascsim::Allocation;
using ascsim::GlobalMemory;

uint64_t Address(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

TEST(GlobalMemory, AlignedAndPoisoned) {
  GlobalMemory memory(uint64_t{1} << 30);
  for (const uint64_t size : {1u, 7u, 512u, 4096u, 4097u, 300000u}) {
    auto* bytes = static_cast<uint8_t*>(memory.Allocate(size));
    ASSERT_NE(bytes, nullptr);
    EXPECT_EQ(Address(bytes) % 512, 0u);
    for (uint64_t i = 0; i + 4 <= size; i += 4) {
      float value;
      std::memcpy(&value, bytes + i, 4);
      ASSERT_TRUE(std::isnan(value)) << i;
    }
  }
}

TEST(GlobalMemory, FindsByAnyAddress) {
  GlobalMemory memory(uint64_t{1} << 30);
  std::mt19937_64 random(5);
  std::vector<std::pair<uint64_t, uint64_t>> made;
  for (int i = 0; i < 200; ++i) {
    const uint64_t size = 1 + random() % 20000;
    made.emplace_back(Address(memory.Allocate(size)), size);
  }
  for (int n = 0; n < 20000; ++n) {
    const auto [start, size] = made[random() % made.size()];
    const uint64_t inside = start + random() % size;
    const Allocation* found = memory.Find(inside);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->address, start);
    EXPECT_EQ(found->size, size);
    EXPECT_EQ(memory.Find(start + size), nullptr);
    EXPECT_EQ(memory.Find(start - 1), nullptr);
  }
  EXPECT_EQ(memory.Find(0), nullptr);
  EXPECT_EQ(memory.Find(UINT64_MAX), nullptr);
  for (size_t i = 0; i < made.size(); ++i) EXPECT_EQ(memory.Find(made[i].first)->number, i + 1);
}

TEST(GlobalMemory, Capacity) {
  GlobalMemory memory(10000);
  EXPECT_EQ(memory.Allocate(10001), nullptr);
  EXPECT_EQ(memory.Allocate(UINT64_MAX), nullptr);
  EXPECT_EQ(memory.Allocate(0), nullptr);
  void* a = memory.Allocate(6000);
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(memory.used(), 6000u);
  EXPECT_EQ(memory.Allocate(4001), nullptr);
  EXPECT_NE(memory.Allocate(4000), nullptr);
  EXPECT_TRUE(memory.Free(a));
  EXPECT_EQ(memory.used(), 4000u);
  EXPECT_NE(memory.Allocate(6000), nullptr);
}

TEST(GlobalMemory, FreeOnlyWhatIsLive) {
  GlobalMemory memory(uint64_t{1} << 30);
  auto* a = static_cast<uint8_t*>(memory.Allocate(100));
  int local = 0;
  EXPECT_FALSE(memory.Free(&local));
  EXPECT_FALSE(memory.Free(nullptr));
  EXPECT_FALSE(memory.Free(a + 1));
  EXPECT_TRUE(memory.Free(a));
  EXPECT_FALSE(memory.Free(a));
}

TEST(GlobalMemory, QuarantineKeepsFreedOnesKnown) {
  GlobalMemory memory(uint64_t{1} << 30, /*quarantine_bytes=*/10000);
  void* first = memory.Allocate(50000);
  const uint64_t address = Address(first);
  EXPECT_NE(memory.Find(address + 10), nullptr);
  EXPECT_TRUE(memory.Free(first));
  ASSERT_NE(memory.Find(address + 10), nullptr);
  EXPECT_TRUE(memory.Find(address + 10)->freed);
  // Nobody gets the addresses meanwhile.
  for (int i = 0; i < 9; ++i) {
    void* next = memory.Allocate(1000);
    EXPECT_TRUE(Address(next) >= address + 50000 || Address(next) + 1000 <= address);
    EXPECT_TRUE(memory.Free(next));
  }
  ASSERT_NE(memory.Find(address + 10), nullptr);
  EXPECT_TRUE(memory.Free(memory.Allocate(1000)));
  EXPECT_EQ(memory.Find(address + 10), nullptr);
}

uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

TEST(GlobalMemory, LargeOnesTakeWhatIsTouched) {
  constexpr uint64_t kSize = (uint64_t{4} << 30) + 5000;
  GlobalMemory memory(uint64_t{8} << 30);
  const uint64_t before = ResidentBytes();
  auto* bytes = static_cast<uint8_t*>(memory.Allocate(kSize));
  ASSERT_NE(bytes, nullptr);
  std::vector<uint64_t> places = {0, kSize / 8 * 8 - 8, (uint64_t{32} << 20) - 8, uint64_t{32} << 20};
  std::mt19937_64 random(7);
  for (int i = 0; i < 100; ++i) places.push_back(random() % (kSize / 8) * 8);
  for (const uint64_t at : places) {
    double value;
    std::memcpy(&value, bytes + at, sizeof(value));
    ASSERT_TRUE(std::isnan(value)) << at;
  }
  // What is written is there, and nowhere else.
  bytes[100] = 1;
  EXPECT_EQ(bytes[100], 1);
  EXPECT_NE(bytes[100 + (uint64_t{32} << 20)], 1);
  EXPECT_LT(ResidentBytes(), before + (uint64_t{64} << 20));
  EXPECT_TRUE(memory.Free(bytes));
}

}  // namespace
