// Tests of half, bfloat16_t and the other scalar helpers of kernels.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "core/half.h"
#include "framework_testing.h"
#include "kernel_operator.h"

namespace {

using namespace AscendC;
using namespace framework_testing;

using namespace std;  // min and max of kernels must stay unambiguous

TEST(ScalarTypes, HalfAgreesWithTheLibraryOnEveryPattern) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto h = half::FromBits(static_cast<uint16_t>(bits));
    const float value = static_cast<float>(h);
    ASSERT_EQ(std::bit_cast<uint32_t>(value), std::bit_cast<uint32_t>(ascsim::HalfToFloat(h.Bits()))) << bits;
    const bool nan = std::isnan(value);
    ASSERT_EQ(half(value).Bits(), nan ? (bits | 0x200) : bits) << bits;
    const auto b = bfloat16_t::FromBits(static_cast<uint16_t>(bits));
    const float wide = static_cast<float>(b);
    ASSERT_EQ(std::bit_cast<uint32_t>(wide), std::bit_cast<uint32_t>(ascsim::BF16ToFloat(b.Bits()))) << bits;
    ASSERT_EQ(bfloat16_t(wide).Bits(), std::isnan(wide) ? (bits | 0x40) : bits) << bits;
  }
}

TEST(ScalarTypes, RoundingAgreesWithTheLibrary) {
  std::mt19937_64 random(Seed());
  for (int i = 0; i < 2000000; ++i) {
    const uint64_t draw = random();
    auto bits = static_cast<uint32_t>(draw);
    // Half of them near the range of half, where the interesting ties are.
    if ((draw >> 32 & 1) != 0) bits = (bits & 0x80ffffffu) | (0x33u + static_cast<uint32_t>(draw >> 33) % 0x15u) << 24;
    if ((draw >> 40 & 3) == 0) bits &= 0xffffe000u | (draw >> 41 & 1 ? 0x1000u : 0u);
    const float value = std::bit_cast<float>(bits);
    ASSERT_EQ(half(value).Bits(), ascsim::FloatToHalf(value)) << std::hex << bits;
    ASSERT_EQ(bfloat16_t(value).Bits(), ascsim::FloatToBF16(value)) << std::hex << bits;
  }
}

TEST(ScalarTypes, DoubleIsRoundedOnce) {
  // One part in 2^40 above the middle of 1 and the next half: by way of float it would become a tie and go down.
  EXPECT_EQ(half(1.0 + std::ldexp(1.0, -11) + std::ldexp(1.0, -40)).Bits(), 0x3c01);
  EXPECT_EQ(half(1.0 + std::ldexp(1.0, -11)).Bits(), 0x3c00);
  EXPECT_EQ(half(65519.999).Bits(), 0x7bff);
  EXPECT_EQ(half(65520.0).Bits(), 0x7c00);
  EXPECT_EQ(half(std::ldexp(1.0, -25)).Bits(), 0);
  EXPECT_EQ(half(std::ldexp(1.0, -25) * 1.0001).Bits(), 1);
  EXPECT_EQ(half(-0.0).Bits(), 0x8000);
}

TEST(ScalarTypes, ArithmeticLikeTheBuiltInType) {
  constexpr half kSum = half(1.5f) + half(2);
  static_assert(static_cast<float>(kSum) == 3.5f);
  static_assert(std::is_same_v<decltype(half(1) + 1), half>);
  static_assert(std::is_same_v<decltype(half(1) * 1.0f), float>);
  static_assert(std::is_same_v<decltype(2.0 - half(1)), double>);
  static_assert(std::is_same_v<decltype(-half(1)), half>);
  union Bits {
    uint16_t bits;
    half value;
  };
  Bits u;
  u.bits = 0x4000;
  EXPECT_EQ(static_cast<float>(u.value), 2.0f);
  half x = 3;
  x += 1;
  x *= half(0.5f);
  x -= 0.25f;
  EXPECT_TRUE(x == 1.75f && x < 2 && 2 > x && x != half(2) && x >= half(1.75));
  EXPECT_EQ(static_cast<int32_t>(x), 1);
  EXPECT_EQ(static_cast<float>(x++), 1.75f);
  EXPECT_EQ(static_cast<float>(--x), 1.75f);
  half overflow = half(60000) + half(60000);
  EXPECT_EQ(overflow, std::numeric_limits<half>::infinity());
  std::mt19937_64 random(Seed());
  for (int i = 0; i < 200000; ++i) {
    const half a = half::FromBits(static_cast<uint16_t>(random())), b = half::FromBits(static_cast<uint16_t>(random()));
    const double da = static_cast<float>(a), db = static_cast<float>(b);
    if (std::isnan(da) || std::isnan(db)) continue;
    const auto same = [](half got, double exact) { return std::isnan(exact) || got.Bits() == half(exact).Bits(); };
    ASSERT_TRUE(same(a + b, da + db) && same(a * b, da * db) && same(a - b, da - db)) << da << " " << db;
    // A double quotient is rounded before half sees it; 53 bits are enough for that not to matter.
    ASSERT_TRUE(same(a / b, da / db)) << da << " " << db;
  }
}

TEST(ScalarTypes, ElementTypes) {
  using D = ascsim::DType;
  static_assert(ascsim_detail::DTypeOf<float> == D::kF32 && ascsim_detail::DTypeOf<half> == D::kF16);
  static_assert(ascsim_detail::DTypeOf<bfloat16_t> == D::kBF16 && ascsim_detail::DTypeOf<int8_t> == D::kS8);
  static_assert(ascsim_detail::DTypeOf<long> == D::kS64 && ascsim_detail::DTypeOf<unsigned long long> == D::kU64);
  static_assert(ascsim_detail::DTypeOf<bool> == D::kU8 && !ascsim_detail::kHasDType<double>);
  static_assert(ascsim_detail::ScalarTypeOf<double>() == D::kU64);
  for (int e = 0; e < static_cast<int>(HardEvent::MAX); ++e) {
    const auto pipes = ascsim_detail::PipesOf(static_cast<HardEvent>(e));
    EXPECT_EQ(ascsim_detail::EventOf(pipes.source, pipes.destination), static_cast<HardEvent>(e));
  }
}

TEST(ScalarTypes, MinAndMaxBesideStd) {
  EXPECT_EQ(min(3, 4), 3);
  EXPECT_EQ(max(3u, 4u), 4u);
  EXPECT_EQ(min(3, int64_t{4}), 3);
  EXPECT_EQ(max(1.5f, 2), 2.0f);
  EXPECT_EQ(DivCeil(33, 32), 2u);
  EXPECT_EQ(AlignUp(33, 32), 64u);
  if (unlikely(min(1, 2) == 2)) FAIL();
}

}  // namespace
