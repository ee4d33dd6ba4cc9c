// Fields of the parameter structures behave as the integers that kernels take them for.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include "kernel_operator.h"
#include "surface_params.h"

namespace {

using AscendC::DataCopyExtParams;
using AscendC::DataCopyParams;

// What surface_params.h has as a kernel writes it, with plain integers for comparison.
struct Plain {
  uint16_t blockCount = 1;
  uint16_t blockLen = 0;
  uint16_t srcStride = 0, dstStride = 0;
};

TEST(ParamField, ComputesLikeAnInteger) {
  for (const int n : {0, 1, 7, 255, 256, 65535}) {
    DataCopyParams field;
    Plain plain;
    EXPECT_EQ(surface::UseFields(field, n), surface::UseFields(plain, n)) << n;
  }
}

TEST(ParamField, KeepsWhatDoesNotFit) {
  DataCopyParams p(70000, 1, 0, 0);
  EXPECT_EQ(p.blockCount, 70000 - 65536);
  EXPECT_EQ(p.blockCount.assigned(), 70000);
  EXPECT_FALSE(p.blockCount.fits());
  DataCopyParams copy(p.blockCount, 1, 0, 0);  // from field to field
  EXPECT_EQ(copy.blockCount.assigned(), 70000);
  p.blockCount = static_cast<uint16_t>(70000);
  EXPECT_TRUE(p.blockCount.fits());
  p.blockCount = 65535;
  ++p.blockCount;
  EXPECT_EQ(p.blockCount, 0);
  EXPECT_FALSE(p.blockCount.fits());
  p.blockCount -= 1;  // of what is read, not of what was assigned
  EXPECT_EQ(p.blockCount.assigned(), -1);
  p.srcGap = 5;
  EXPECT_EQ(p.srcStride, 5);
  p.srcGap <<= 2;
  EXPECT_EQ(p.srcGap, 20);
  p.srcGap >>= 1;
  EXPECT_EQ(p.srcGap, 10);
}

// The types that C++ gives to expressions of uint16_t and uint32_t.
TEST(ParamField, TypesOfExpressions) {
  const DataCopyParams p;
  const DataCopyExtParams e;
  const uint16_t u16 = 3;
  const bool cond = u16 > 2;
  static_assert(std::is_same_v<decltype(cond ? p.blockLen : 0), int>);
  static_assert(std::is_same_v<decltype(cond ? 0u : p.blockLen), unsigned>);
  static_assert(std::is_same_v<decltype(cond ? p.blockLen : static_cast<uint16_t>(1)), uint16_t>);
  static_assert(std::is_same_v<decltype(cond ? e.blockCount : e.blockLen), uint32_t>);
  static_assert(std::is_same_v<decltype(p.blockLen + 1), int>);
  static_assert(std::is_same_v<decltype(e.blockLen * u16), uint32_t>);
  static_assert(std::is_same_v<decltype(std::min(p.blockLen, u16)), uint16_t>);
  static_assert(std::is_same_v<decltype(min(p.blockLen, 5)), int>);
  EXPECT_EQ(cond ? p.blockLen : 9, 0);
}

}  // namespace
