// Cast against a model that rounds exact values, over all pairs and round modes.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "vector_cases.h"

namespace ascsim::test {
namespace {

using AscendC::RoundMode;

template <class T>
constexpr bool kIsReal = std::is_same_v<T, float> || std::is_same_v<T, half> || std::is_same_v<T, bfloat16_t>;
template <class T>
const FloatFormat& FormatOf() {
  return std::is_same_v<T, half> ? kHalf : std::is_same_v<T, float> ? kFloat : kBFloat16;
}

template <class T>
Real ValueOf(uint64_t bits) {
  if constexpr (kIsReal<T>) {
    return FormatOf<T>().Decode(static_cast<uint32_t>(bits));
  } else {
    return static_cast<Real>(static_cast<T>(bits));
  }
}

// x, counted in units, to a whole number of them.
Real RoundUnits(Real x, RoundMode mode) {
  const Real low = std::floor(x);
  if (low == x) return x;
  const Real high = low + 1;
  const bool low_even = std::fmod(low, 2) == 0;
  switch (mode) {
    case RoundMode::CAST_FLOOR:
      return low;
    case RoundMode::CAST_CEIL:
      return high;
    case RoundMode::CAST_ROUND:
      return std::fabs(x) - std::floor(std::fabs(x)) >= 0.5L ? (x < 0 ? low : high) : (x < 0 ? high : low);
    case RoundMode::CAST_TRUNC:
      return x < 0 ? high : low;
    case RoundMode::CAST_ODD:
      return low_even ? high : low;
    case RoundMode::CAST_NONE:
    case RoundMode::CAST_RINT:
      break;
  }
  if (x - low == 0.5L) return low_even ? low : high;
  return x - low < 0.5L ? low : high;
}

// Sets `lost` when the value does not fit.
template <class D, class S>
uint64_t Model(uint64_t bits, RoundMode mode, bool* lost) {
  const Real x = ValueOf<S>(bits);
  if constexpr (kIsReal<D>) {
    const FloatFormat& format = FormatOf<D>();
    const bool narrows = kIsReal<S> && FormatOf<S>().mantissa_bits > format.mantissa_bits;
    if (std::isnan(x) || std::isinf(x)) {
      *lost |= std::isnan(x) && narrows;
      return format.Encode(x);
    }
    Real rounded = x;
    if (std::is_same_v<D, float> && std::is_same_v<S, float>) {
      rounded = RoundUnits(x, mode);
    } else if (x != 0) {
      rounded = RoundUnits(x / format.Quantum(x), mode) * format.Quantum(x);
    }
    if (std::fabs(rounded) > format.largest()) {
      *lost = true;
      rounded = std::copysign(format.largest(), rounded);
    }
    return format.Encode(rounded == 0 ? std::copysign(Real{0}, x) : rounded);
  } else {
    const Real low = static_cast<Real>(std::numeric_limits<D>::min());
    const Real high = static_cast<Real>(std::numeric_limits<D>::max());
    if (std::isnan(x)) {
      *lost = true;
      return 0;
    }
    const Real rounded = std::isinf(x) ? x : RoundUnits(x, mode);
    *lost |= rounded < low || rounded > high || (std::is_unsigned_v<D> && x < 0);
    const D result = rounded < low    ? std::numeric_limits<D>::min()
                     : rounded > high ? std::numeric_limits<D>::max()
                                      : static_cast<D>(rounded);
    return static_cast<uint64_t>(result) & (~uint64_t{0} >> (64 - 8 * sizeof(D)));
  }
}

template <class D, class S>
void Call(const Shape& s, RoundMode mode) {
  const AscendC::LocalTensor<D> d = TensorAt<D>(s.dst.address);
  const AscendC::LocalTensor<S> a = TensorAt<S>(s.src0.address);
  const auto repeats = static_cast<uint8_t>(s.repeats);
  switch (s.form) {
    case Form::kCount:
      AscendC::Cast(d, a, mode, static_cast<uint32_t>(s.count));
      break;
    case Form::kFirst:
      AscendC::Cast(d, a, mode, s.first, repeats, s.Unary());
      break;
    case Form::kBits:
      AscendC::Cast(d, a, mode, s.mask, repeats, s.Unary());
      break;
    default:
      AscendC::Cast<D, S, false>(d, a, mode, AscendC::MASK_PLACEHOLDER, repeats, s.Unary());
  }
}

// Numbers near the limits of D, beside those of Pool.
template <class D, class S>
std::vector<uint8_t> CastPool(Random* random) {
  std::vector<uint8_t> pool = Pool<S>(random);
  if constexpr (kIsReal<S>) {
    for (size_t at = 0; at < pool.size(); at += sizeof(S) * random->In(1, 3)) {
      Real limit = 0;
      if constexpr (kIsReal<D>) {
        limit = FormatOf<D>().largest();
      } else {
        limit = static_cast<Real>(random->OneIn(2) ? std::numeric_limits<D>::max() : std::numeric_limits<D>::min());
      }
      const Real near = limit + (static_cast<Real>(random->In(0, 16)) - 8) / 4;
      Store(&pool, at, sizeof(S), FormatOf<S>().Encode(FormatOf<S>().Nearest(near)));
    }
  }
  return pool;
}

template <class D, class S>
void Check(const std::vector<RoundMode>& modes, int cases = 1500) {
  Random random(Seed() + sizeof(D) * 17 + sizeof(S) * 5 + (kIsReal<D> ? 1 : 0));
  const std::vector<uint8_t> pool = CastPool<D, S>(&random);
  bool lost = false;
  const Result result = RunOnCore(
      [&] {
        for (int c = 0; c < cases; ++c) {
          const Shape s = RandomShape(&random, sizeof(D), sizeof(S));
          const RoundMode mode = modes[random.In(0, static_cast<uint32_t>(modes.size()) - 1)];
          std::vector<uint8_t> ub = FillUb(&random, pool);
          const std::vector<uint64_t> written =
              Apply(&ub, s.plan, s.dst, {s.src0},
                    [&](const std::vector<uint64_t>& in) { return Model<D, S>(in[0], mode, &lost); });
          PrepareMask<ascsim_detail::Wider<D, S>>(s);
          Call<D, S>(s, mode);
          RestoreMask();
          const std::string what = "mode " + std::to_string(static_cast<int>(mode)) + " " + s.Text();
          if (!SameUb<D>(ub, written, what)) return;
        }
      },
      "overlap=off,cast-overflow=off");
  EXPECT_EQ(result.error, "");
  EXPECT_TRUE(result.breaches.empty()) << ascsim::Format(result.breaches.front());
}

const std::vector<RoundMode> kDirected = {RoundMode::CAST_RINT, RoundMode::CAST_FLOOR, RoundMode::CAST_CEIL,
                                          RoundMode::CAST_ROUND, RoundMode::CAST_TRUNC};
const std::vector<RoundMode> kNone = {RoundMode::CAST_NONE};
std::vector<RoundMode> With(std::vector<RoundMode> modes, RoundMode mode) {
  modes.push_back(mode);
  return modes;
}
const std::vector<RoundMode> kDirectedNone = With(kDirected, RoundMode::CAST_NONE);

TEST(Cast, FromFloat) {
  Check<float, float>(kDirected);
  Check<half, float>(With(kDirectedNone, RoundMode::CAST_ODD));
  Check<bfloat16_t, float>(kDirected);
  Check<int64_t, float>(kDirected);
  Check<int32_t, float>(kDirected);
  Check<int16_t, float>(kDirected);
}

TEST(Cast, FromHalf) {
  Check<float, half>(kNone);
  Check<int32_t, half>(kDirected);
  Check<int16_t, half>(kDirected);
  Check<int8_t, half>(kDirectedNone);
  Check<uint8_t, half>(kDirectedNone);
}

TEST(Cast, FromBFloat16) {
  Check<float, bfloat16_t>(kNone);
  Check<int32_t, bfloat16_t>(kDirected);
}

TEST(Cast, FromIntegers) {
  Check<half, uint8_t>(kNone);
  Check<half, int8_t>(kNone);
  Check<half, int16_t>(kDirectedNone);
  Check<float, int16_t>(kNone);
  Check<float, int32_t>(kDirectedNone);
  Check<int64_t, int32_t>(kNone);
  Check<int16_t, int32_t>(kNone);
  Check<int32_t, int64_t>(kNone);
  Check<float, int64_t>(kDirected);
}

// Every bit pattern of a 16-bit source, under every mode.
template <class D, class S>
void CheckAll(const std::vector<RoundMode>& modes) {
  RunOnCore(
      [&] {
        uint8_t* ub = ascsim::SpaceBase(Space::kUB);
        constexpr uint32_t kBatch = 8192;
        for (uint32_t start = 0; start < 65536; start += kBatch) {
          for (const RoundMode mode : modes) {
            for (uint32_t i = 0; i < kBatch; ++i) {
              const auto bits = static_cast<uint16_t>(start + i);
              std::memcpy(ub + 2 * i, &bits, 2);
            }
            AscendC::Cast(TensorAt<D>(65536), TensorAt<S>(0), mode, kBatch);
            for (uint32_t i = 0; i < kBatch; ++i) {
              uint64_t got = 0;
              std::memcpy(&got, ub + 65536 + sizeof(D) * i, sizeof(D));
              bool lost = false;
              const uint64_t expected = Model<D, S>(start + i, mode, &lost);
              ASSERT_TRUE(SameElement<D>(got, expected)) << std::hex << start + i << " mode " << static_cast<int>(mode)
                                                         << " expected " << expected << " got " << got;
            }
          }
        }
      },
      "cast-overflow=off");
}

TEST(Cast, AllOf16Bits) {
  CheckAll<float, half>(kNone);
  CheckAll<int32_t, half>(kDirected);
  CheckAll<int16_t, half>(kDirected);
  CheckAll<int8_t, half>(kDirectedNone);
  CheckAll<uint8_t, half>(kDirectedNone);
  CheckAll<float, bfloat16_t>(kNone);
  CheckAll<int32_t, bfloat16_t>(kDirected);
  CheckAll<half, int16_t>(kDirectedNone);
  CheckAll<float, int16_t>(kNone);
}

// The examples of Cast.md.
template <class D, class S>
D Convert(S value, RoundMode mode) {
  D result{};
  RunOnCore([&] {
    std::memcpy(ascsim::SpaceBase(Space::kUB), &value, sizeof(S));
    AscendC::Cast(TensorAt<D>(1024), TensorAt<S>(0), mode, 1);
    std::memcpy(&result, ascsim::SpaceBase(Space::kUB) + 1024, sizeof(D));
  });
  return result;
}

TEST(Cast, Examples) {
  EXPECT_EQ((Convert<float>(0.5f, RoundMode::CAST_RINT)), 0.0f);
  EXPECT_EQ((Convert<float>(0.5f, RoundMode::CAST_CEIL)), 1.0f);
  EXPECT_EQ((Convert<float>(0.5f, RoundMode::CAST_ROUND)), 1.0f);
  const float just_above = 0.5f + std::ldexp(1.0f, -12);
  EXPECT_EQ(static_cast<float>(Convert<half>(just_above, RoundMode::CAST_RINT)), 0.5f);
  EXPECT_EQ(static_cast<float>(Convert<half>(just_above, RoundMode::CAST_ODD)), 0.5f + std::ldexp(1.0f, -11));
  EXPECT_EQ((Convert<int16_t>(4194304.5f, RoundMode::CAST_FLOOR)), 32767);
  EXPECT_EQ((Convert<int32_t>(half(-1.5), RoundMode::CAST_ROUND)), -2);
  EXPECT_EQ((Convert<int32_t>(half(-1.5), RoundMode::CAST_CEIL)), -1);
  EXPECT_EQ((Convert<int8_t>(half(127.5), RoundMode::CAST_RINT)), 127);
  EXPECT_EQ(static_cast<float>(Convert<half>(int16_t{4098}, RoundMode::CAST_CEIL)), 4100.0f);
  EXPECT_EQ((Convert<float>(int32_t{33554435}, RoundMode::CAST_FLOOR)), 33554432.0f);
  EXPECT_EQ((Convert<float>(int32_t{33554435}, RoundMode::CAST_RINT)), 33554436.0f);
  EXPECT_EQ((Convert<int16_t>(int32_t{2147483647}, RoundMode::CAST_NONE)), 32767);
  EXPECT_EQ(static_cast<float>(Convert<half>(1e6f, RoundMode::CAST_NONE)), 65504.0f);
}

// Widening over its own source: a repeat reads everything first, and the next one finds what it left.
TEST(Cast, WidensInPlace) {
  const Result result = RunOnCore(
      [] {
        uint8_t* ub = ascsim::SpaceBase(Space::kUB);
        std::vector<uint8_t> model(2048);
        for (uint32_t i = 0; i < 1024; ++i) Store(&model, 2 * i, 2, kHalf.Encode(static_cast<Real>(i % 100)));
        std::memcpy(ub, model.data(), model.size());
        const Plan plan{64, 4, [](uint32_t, uint32_t) { return true; }};
        Apply(&model, plan, {0, 4, 1, 8}, {{0, 2, 1, 4}}, [](const std::vector<uint64_t>& in) {
          return uint64_t{kFloat.Encode(kHalf.Decode(static_cast<uint32_t>(in[0])))};
        });
        AscendC::Cast(TensorAt<float>(0), TensorAt<half>(0), RoundMode::CAST_NONE, 256);
        EXPECT_EQ(std::memcmp(ub, model.data(), model.size()), 0);
      },
      "overlap=off");
  EXPECT_EQ(result.error, "");
}

TEST(Cast, Dequantised) {
  RunOnCore([] {
    auto* from = reinterpret_cast<int32_t*>(ascsim::SpaceBase(Space::kUB));
    const auto* to = reinterpret_cast<const half*>(ascsim::SpaceBase(Space::kUB) + 1024);
    const int32_t values[] = {0, 1, -3, 1000, 2049, 65504, 100000, -2147483647 - 1};
    for (int i = 0; i < 8; ++i) from[i] = values[i];
    AscendC::SetDeqScale(half(1.0));
    AscendC::Cast(TensorAt<half>(1024), TensorAt<int32_t>(0), RoundMode::CAST_NONE, 8);
    const float expected[] = {0, 1, -3, 1000, 2048, 65504, 65504, -65504};
    for (int i = 0; i < 8; ++i) EXPECT_EQ(static_cast<float>(to[i]), expected[i]) << i;
    AscendC::SetDeqScale(half(0.25));
    AscendC::Cast(TensorAt<half>(1024), TensorAt<int32_t>(0), RoundMode::CAST_NONE, 8);
    EXPECT_EQ(static_cast<float>(to[2]), -0.75f);
    EXPECT_EQ(static_cast<float>(to[6]), 24992.0f);
  });
}

TEST(Cast, ReportsOverflowWhenAsked) {
  const auto count = [](float value, bool active, const std::string& rules) {
    return RunOnCore(
               [&] {
                 auto* ub = reinterpret_cast<float*>(ascsim::SpaceBase(Space::kUB));
                 std::fill(ub, ub + 128, 1.0f);
                 ub[70] = value;
                 uint64_t mask[2] = {active ? ~uint64_t{0} : ~uint64_t{0x40}, 0};
                 AscendC::Cast(TensorAt<half>(4096), TensorAt<float>(0), RoundMode::CAST_RINT, mask, 2, {1, 1, 4, 8});
               },
               rules)
        .Count(Rule::kCastOverflow);
  };
  EXPECT_EQ(count(1e6f, true, "cast-overflow=error"), 1);
  EXPECT_EQ(count(NAN, true, "cast-overflow=warning"), 1);
  EXPECT_EQ(count(65504.0f, true, "cast-overflow=error"), 0);
  EXPECT_EQ(count(1e6f, false, "cast-overflow=error"), 0);
  EXPECT_EQ(count(1e6f, true, "cast-overflow=off"), 0);
}

TEST(Cast, ReportsModesThatThePairLacks) {
  const Result result = RunOnCore([] {
    AscendC::Cast(TensorAt<float>(0), TensorAt<half>(4096), RoundMode::CAST_RINT, 64);
    AscendC::Cast(TensorAt<int32_t>(0), TensorAt<float>(4096), RoundMode::CAST_NONE, 64);
  });
  EXPECT_EQ(result.Count(Rule::kParameterRange), 2);
}

}  // namespace
}  // namespace ascsim::test
