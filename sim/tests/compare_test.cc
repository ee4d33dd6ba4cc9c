// Compare, Select and the comparison register against scalar models.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "vector_cases.h"

namespace ascsim::test {
namespace {

using AscendC::CMPMODE;
using AscendC::SELMODE;

constexpr int kCases = 1500;
constexpr uint64_t kBitsAt = 40 << 10;  // results of Compare, selecting bits: behind the arena

template <class T>
bool Holds(CMPMODE mode, uint64_t a, uint64_t b) {
  Real x = 0, y = 0;
  if constexpr (std::is_same_v<T, int32_t>) {
    x = static_cast<Real>(static_cast<int32_t>(a));
    y = static_cast<Real>(static_cast<int32_t>(b));
  } else {
    const FloatFormat& format = std::is_same_v<T, float> ? kFloat : kHalf;
    x = format.Decode(static_cast<uint32_t>(a));
    y = format.Decode(static_cast<uint32_t>(b));
  }
  switch (mode) {
    case CMPMODE::LT:
      return x < y;
    case CMPMODE::GT:
      return x > y;
    case CMPMODE::EQ:
      return x == y;
    case CMPMODE::LE:
      return x <= y;
    case CMPMODE::GE:
      return x >= y;
    case CMPMODE::NE:
      break;
  }
  return x != y;
}

// Compare and CompareScalar: whole repeats, a bit an element, whatever mask and destination strides say.
template <class T>
void CheckCompare(bool scalar) {
  Random random(Seed() + sizeof(T) + (scalar ? 1 : 0));
  const std::vector<uint8_t> pool = Pool<T>(&random);
  constexpr uint32_t kElements = 256 / sizeof(T);
  const Result result = RunOnCore([&] {
    for (int c = 0; c < kCases; ++c) {
      const Shape s = RandomShape(&random, sizeof(T), sizeof(T));
      const auto mode = std::is_same_v<T, int32_t> ? CMPMODE::EQ : static_cast<CMPMODE>(random.In(0, 5));
      const std::vector<uint8_t> ub = FillUb(&random, pool);
      uint8_t* bits = ascsim::SpaceBase(Space::kUB) + kBitsAt;
      std::memset(bits, 0xa5, 1024);
      T value{};
      const uint64_t value_bits = Load(pool, sizeof(T) * random.In(0, 1000), sizeof(T));
      std::memcpy(&value, &value_bits, sizeof(T));
      const AscendC::LocalTensor<uint8_t> d = TensorAt<uint8_t>(kBitsAt);
      const AscendC::LocalTensor<T> a = TensorAt<T>(s.src0.address), b = TensorAt<T>(s.src1.address);
      const uint32_t count = s.repeats * kElements;
      const auto repeats = static_cast<uint8_t>(s.repeats);
      if (s.form == Form::kCount) {
        scalar ? AscendC::CompareScalar(d, a, value, mode, count) : AscendC::Compare(d, a, b, mode, count);
      } else if (s.form == Form::kBits) {
        scalar ? AscendC::CompareScalar(d, a, value, mode, s.mask, repeats, s.Unary())
               : AscendC::Compare(d, a, b, mode, s.mask, repeats, s.Binary());
      } else {
        scalar ? AscendC::CompareScalar(d, a, value, mode, s.first, repeats, s.Unary())
               : AscendC::Compare(d, a, b, mode, s.first, repeats, s.Binary());
      }
      for (uint32_t i = 0; i < count; ++i) {
        const uint32_t r = i / kElements, k = i % kElements;
        const uint64_t x = Load(ub, s.src0.At(r, k), sizeof(T));
        const uint64_t y = scalar ? value_bits : Load(ub, s.src1.At(r, k), sizeof(T));
        ASSERT_EQ((bits[i / 8] >> (i % 8) & 1) != 0, Holds<T>(mode, x, y))
            << "element " << i << " mode " << static_cast<int>(mode) << " " << s.Text();
      }
      ASSERT_EQ(bits[count / 8], 0xa5) << s.Text();
    }
  });
  EXPECT_EQ(result.error, "");
  EXPECT_TRUE(result.breaches.empty()) << ascsim::Format(result.breaches.front());
}

TEST(Compare, Tensors) {
  CheckCompare<float>(false);
  CheckCompare<half>(false);
  CheckCompare<int32_t>(false);
}
TEST(Compare, Scalar) {
  CheckCompare<float>(true);
  CheckCompare<half>(true);
  CheckCompare<int32_t>(true);
}

// Select in its three modes, under masks.
template <class T>
void CheckSelect() {
  Random random(Seed() + 3 * sizeof(T));
  const std::vector<uint8_t> pool = Pool<T>(&random);
  constexpr uint32_t kElements = 256 / sizeof(T);
  const Result result = RunOnCore(
      [&] {
        for (int c = 0; c < kCases; ++c) {
          const Shape s = RandomShape(&random, sizeof(T), sizeof(T));
          const auto mode = static_cast<SELMODE>(random.In(0, 2));
          const bool with_scalar = mode == SELMODE::VSEL_TENSOR_SCALAR_MODE;
          std::vector<uint8_t> ub = FillUb(&random, pool);
          std::vector<uint8_t> bits(512);
          for (uint8_t& byte : bits) byte = static_cast<uint8_t>(random.Bits());
          std::memcpy(ascsim::SpaceBase(Space::kUB) + kBitsAt, bits.data(), bits.size());
          T value{};
          const uint64_t value_bits = Load(pool, sizeof(T) * random.In(0, 1000), sizeof(T));
          std::memcpy(&value, &value_bits, sizeof(T));

          // The element's place is told by an operand of the model that holds its own number.
          std::vector<uint64_t> written;
          for (uint32_t r = 0; r < s.plan.repeats; ++r) {
            Plan one = s.plan;
            one.repeats = 1;
            one.active = [&, r](uint32_t, uint32_t k) { return s.plan.active(r, k); };
            const auto shifted = [r](View view) {
              view.address += uint64_t{r} * view.repeat_stride * 32;
              return view;
            };
            uint32_t k = 0;
            std::vector<uint32_t> order;
            for (uint32_t e = 0; e < kElements; ++e) {
              if (one.active(0, e)) order.push_back(e);
            }
            const auto choose = [&](const std::vector<uint64_t>& in) {
              const uint32_t bit = (mode == SELMODE::VSEL_CMPMASK_SPR ? 0 : r * kElements) + order[k++];
              const bool first = (bits[bit / 8] >> (bit % 8) & 1) != 0;
              return first ? in[0] : with_scalar ? value_bits : in[1];
            };
            const auto places = Apply(&ub, one, shifted(s.dst), {shifted(s.src0), shifted(s.src1)}, choose);
            written.insert(written.end(), places.begin(), places.end());
          }

          const AscendC::LocalTensor<T> d = TensorAt<T>(s.dst.address), a = TensorAt<T>(s.src0.address),
                                        b = TensorAt<T>(s.src1.address);
          const AscendC::LocalTensor<uint8_t> sel = TensorAt<uint8_t>(kBitsAt);
          const auto repeats = static_cast<uint8_t>(s.repeats);
          const auto count = static_cast<uint32_t>(s.count);
          PrepareMask<T>(s);
          if (s.form == Form::kCount) {
            with_scalar ? AscendC::Select(d, sel, a, value, mode, count) : AscendC::Select(d, sel, a, b, mode, count);
          } else if (s.form == Form::kFirst) {
            with_scalar ? AscendC::Select(d, sel, a, value, mode, s.first, repeats, s.Binary())
                        : AscendC::Select(d, sel, a, b, mode, s.first, repeats, s.Binary());
          } else if (s.form == Form::kBits) {
            with_scalar ? AscendC::Select(d, sel, a, value, mode, s.mask, repeats, s.Binary())
                        : AscendC::Select(d, sel, a, b, mode, s.mask, repeats, s.Binary());
          } else if (with_scalar) {
            // The scalar comes from the first element of a tensor.
            std::memcpy(ascsim::SpaceBase(Space::kUB) + kBitsAt + 1024, &value, sizeof(T));
            AscendC::SetCmpMask(TensorAt<T>(kBitsAt + 1024));
            AscendC::Select(d, sel, a, repeats, s.Binary());
          } else if (mode == SELMODE::VSEL_CMPMASK_SPR) {
            AscendC::SetCmpMask(sel);
            AscendC::Select<T, SELMODE::VSEL_CMPMASK_SPR>(d, a, b, repeats, s.Binary());
          } else {
            // As SetCmpMask(ISASI).md does it: the lower half of the address.
            const auto address = static_cast<uint32_t>(sel.GetPhyAddr());
            std::memcpy(ascsim::SpaceBase(Space::kUB) + kBitsAt + 1024, &address, 4);
            AscendC::SetCmpMask<int64_t>(TensorAt<int64_t>(kBitsAt + 1024));
            AscendC::Select<T, SELMODE::VSEL_TENSOR_TENSOR_MODE>(d, a, b, repeats, s.Binary());
          }
          RestoreMask();
          const std::string what = "mode " + std::to_string(static_cast<int>(mode)) + " " + s.Text();
          if (!SameUb<T>(ub, written, what)) return;
        }
      },
      "overlap=off");
  EXPECT_EQ(result.error, "");
  EXPECT_TRUE(result.breaches.empty()) << ascsim::Format(result.breaches.front());
}

TEST(Compare, SelectFloat) { CheckSelect<float>(); }
TEST(Compare, SelectHalf) { CheckSelect<half>(); }

TEST(Compare, IntoRegister) {
  const Result result = RunOnCore([] {
    uint8_t* ub = ascsim::SpaceBase(Space::kUB);
    for (int i = 0; i < 128; ++i) {
      const half a(i % 7), b(i % 5);
      std::memcpy(ub + 2 * i, &a, 2);
      std::memcpy(ub + 256 + 2 * i, &b, 2);
    }
    uint64_t mask[2] = {~uint64_t{0}, 0xff};
    AscendC::Compare(TensorAt<half>(0), TensorAt<half>(256), CMPMODE::LT, mask, {1, 1, 1, 8, 8, 8});
    std::memset(ub + 1024, 0xa5, 128);
    AscendC::GetCmpMask(TensorAt<uint8_t>(1024));
    for (int i = 0; i < 128; ++i) {
      EXPECT_EQ(ub[1024 + i / 8] >> (i % 8) & 1, i < 72 && i % 7 < i % 5 ? 1 : 0) << i;
    }
    EXPECT_EQ(ub[1024 + 16], 0xa5);
  });
  EXPECT_EQ(result.error, "");
  EXPECT_TRUE(result.breaches.empty()) << ascsim::Format(result.breaches.front());
}

TEST(Compare, Reports) {
  const Result result = RunOnCore([] {
    // Not whole repeats; int32 with another mode than EQ; a scalar in a mode of two tensors.
    AscendC::Compare(TensorAt<uint8_t>(4096), TensorAt<float>(0), TensorAt<float>(1024), CMPMODE::LT, 100);
    AscendC::Compare(TensorAt<uint8_t>(4096), TensorAt<int32_t>(0), TensorAt<int32_t>(1024), CMPMODE::LT, 64);
    AscendC::Select(TensorAt<float>(8192), TensorAt<uint8_t>(4096), TensorAt<float>(0), 1.0f,
                    SELMODE::VSEL_TENSOR_TENSOR_MODE, 64);
    // The destination in a source.
    AscendC::Compare(TensorAt<uint8_t>(32), TensorAt<float>(0), TensorAt<float>(1024), CMPMODE::LT, 64);
  });
  EXPECT_EQ(result.Count(Rule::kParameterRange), 3);
  EXPECT_EQ(result.Count(Rule::kOverlap), 1);
}

}  // namespace
}  // namespace ascsim::test
