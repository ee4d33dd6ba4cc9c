// Brcb, transposes, index vectors, Broadcast and scalar helpers against plain models.
// SPDX-License-Identifier: Apache-2.0
#include "moves_testing.h"

namespace {

using namespace moves_testing;
using AscendC::LocalTensor;

constexpr int kCases = 3000;
constexpr uint64_t kTarget = 100000 / 32 * 32, kWork = 160000;

template <class T>
void TestBrcb() {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint16_t>;
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        Cases<Bits> cases(200 + sizeof(T));
        Random& random = cases.random;
        for (int n = 0; n < kCases; ++n) {
          cases.Start(n);
          const uint32_t repeats = random.In32(0, 12);
          const auto blk = static_cast<uint16_t>(random.In(0, 3)), rep = static_cast<uint16_t>(random.In(0, 40));
          const uint64_t src = random.In(0, 1000) * 32;
          const Bytes before = cases.image;
          for (uint64_t e = 0; e < repeats * 8; ++e) {
            const uint64_t to = kTarget + (e / 8 * rep + e % 8 * (blk == 0 ? 1u : blk)) * 32;
            for (uint64_t k = 0; k < 32; k += sizeof(T))
              Put(cases.image, to + k, At<Bits>(before, src + e * sizeof(T)));
          }
          AscendC::Brcb(Tensor<T>(kTarget, 4000), Tensor<T>(src, 4000), static_cast<uint8_t>(repeats), {blk, rep});
          cases.Expect("repeats " + std::to_string(repeats));
        }
      },
      false);
  EXPECT_EQ(stats.error, "");
}
TEST(Permute, BrcbFloat) { TestBrcb<float>(); }
TEST(Permute, BrcbHalf) { TestBrcb<half>(); }

// Forbidden, and run as silicon does: the 32 bytes of a source block are read before anything is written.
TEST(Permute, BrcbInPlace) {
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        auto* base = reinterpret_cast<uint16_t*>(ascsim::SpaceBase(ascsim::Space::kUB));
        for (uint16_t k = 0; k < 16; ++k) base[k] = static_cast<uint16_t>(k + 1);
        const LocalTensor<uint16_t> tensor = Tensor<uint16_t>(0, 256);
        AscendC::Brcb(tensor, tensor, 2, {1, 8});
        for (uint32_t k = 0; k < 256; ++k) EXPECT_EQ(base[k], k / 16 + 1);
      },
      true);
  EXPECT_TRUE(Reported(stats, ascsim::Rule::kOverlap));
}

TEST(Permute, Transpose16) {
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        Cases<uint16_t> cases(210);
        for (int n = 0; n < 500; ++n) {
          cases.FillBits();
          const uint64_t src = cases.random.In(0, 1000) * 32, dst = cases.random.Chance(2) ? src : kTarget;
          const Bytes before = cases.image;
          for (uint64_t r = 0; r < 16; ++r) {
            for (uint64_t c = 0; c < 16; ++c) {
              Put(cases.image, dst + (c * 16 + r) * 2, At<uint16_t>(before, src + (r * 16 + c) * 2));
            }
          }
          if (n % 3 == 0) {
            AscendC::Transpose(Tensor<half>(dst, 256), Tensor<half>(src, 256));
          } else if (n % 3 == 1) {
            AscendC::Transpose<int16_t>(Tensor<int16_t>(dst, 256), Tensor<int16_t>(src, 256));
          } else {
            const AscendC::TransposeParamsExt p(0, 0, 16, 16, AscendC::TransposeType::TRANSPOSE_ND2ND_B16);
            AscendC::Transpose(Tensor<uint16_t>(dst, 256), Tensor<uint16_t>(src, 256), Tensor<uint8_t>(kWork, 32), p);
          }
          cases.Expect("Transpose");
        }
      },
      false);
  EXPECT_EQ(stats.error, "");
}

template <class T>
void TestImages() {
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        Cases<uint8_t> cases(220 + sizeof(T));
        Random& random = cases.random;
        for (int n = 0; n < 300; ++n) {
          cases.Start(n);
          const uint64_t size = sizeof(T), images = random.In(0, 3), channels = random.In(1, 9);
          const uint64_t height = 32 / size, width = random.In(1, 6), area = height * width;
          const bool to_nhwc = random.Chance(2);
          for (uint64_t i = 0; i < images; ++i) {
            for (uint64_t c = 0; c < channels; ++c) {
              for (uint64_t p = 0; p < area; ++p) {
                const uint64_t nchw = (i * channels + c) * area + p, nhwc = (i * area + p) * channels + c;
                const uint64_t from = to_nhwc ? nchw : nhwc, to = to_nhwc ? nhwc : nchw;
                for (uint64_t b = 0; b < size; ++b) {
                  cases.image[kTarget + to * size + b] = cases.image[from * size + b];
                }
              }
            }
          }
          const AscendC::TransposeParamsExt p(
              static_cast<uint16_t>(images), static_cast<uint16_t>(channels), static_cast<uint16_t>(height),
              static_cast<uint16_t>(width),
              to_nhwc ? AscendC::TransposeType::TRANSPOSE_NCHW2NHWC : AscendC::TransposeType::TRANSPOSE_NHWC2NCHW);
          AscendC::Transpose(Tensor<T>(kTarget, 20000 / size), Tensor<T>(0, 20000 / size),
                             Tensor<uint8_t>(kWork, 20480), p);
          cases.Expect("images", kWork, kWork + 20480);
        }
      },
      false);
  EXPECT_EQ(stats.error, "");
}
TEST(Permute, Images) {
  TestImages<float>();
  TestImages<half>();
  TestImages<int8_t>();
}

template <class T>
void Test5HD() {
  constexpr uint64_t kSize = sizeof(T);
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        Cases<uint8_t> cases(230 + kSize);
        Random& random = cases.random;
        for (int n = 0; n < kCases; ++n) {
          cases.Start(n);
          AscendC::TransDataTo5HDParams p;
          p.repeatTimes = static_cast<uint8_t>(random.In(0, 5));
          p.dstRepStride = static_cast<uint16_t>(random.In(0, 40));
          p.srcRepStride = static_cast<uint16_t>(random.In(0, 40));
          p.dstHighHalf = random.Chance(2);
          p.srcHighHalf = random.Chance(2);
          uint64_t dst[16], src[16];
          for (int k = 0; k < 16; ++k) {
            src[k] = random.In(0, 1000) * 32;
            dst[k] = kTarget + random.In(0, 1000) * 32;
          }
          for (uint64_t r = 0; r < p.repeatTimes; ++r) {
            const uint64_t step = p.repeatTimes == 1 ? 1 : r;
            const Bytes before = cases.image;
            // The elements in the order in which they leave: all sources' first ones, then all second ones, ...
            std::vector<uint8_t> stream;
            for (uint64_t e = 0; e < (kSize == 1 ? 16 : 32 / kSize); ++e) {
              for (int k = 0; k < 16; ++k) {
                const uint64_t from =
                    src[k] + step * p.srcRepStride * 32 + (kSize == 1 && p.srcHighHalf ? 16 : 0) + e * kSize;
                for (uint64_t b = 0; b < kSize; ++b) stream.push_back(before[from + b]);
              }
            }
            const uint64_t part = stream.size() / 16;
            for (uint64_t k = 0; k < 16; ++k) {
              const uint64_t to = dst[k] + step * p.dstRepStride * 32 + (kSize == 1 && p.dstHighHalf ? 16 : 0);
              for (uint64_t b = 0; b < part; ++b) cases.image[to + b] = stream[k * part + b];
            }
          }
          const uint64_t base = reinterpret_cast<uint64_t>(ascsim::SpaceBase(ascsim::Space::kUB));
          uint64_t skip = 0;
          if (n % 3 == 0) {
            LocalTensor<T> dst_list[16], src_list[16];
            for (int k = 0; k < 16; ++k) {
              dst_list[k] = Tensor<T>(dst[k], 1000);
              src_list[k] = Tensor<T>(src[k], 1000);
            }
            AscendC::TransDataTo5HD<T>(dst_list, src_list, p);
          } else if (n % 3 == 1) {
            for (int k = 0; k < 16; ++k) dst[k] += base, src[k] += base;
            AscendC::TransDataTo5HD<T>(dst, src, p);
          } else {
            skip = 256;
            const LocalTensor<uint64_t> dst_list = Tensor<uint64_t>(kWork, 16),
                                        src_list = Tensor<uint64_t>(kWork + 128, 16);
            for (uint32_t k = 0; k < 16; ++k) {
              dst_list.SetValue(k, dst[k] + base);
              src_list.SetValue(k, src[k] + base);
            }
            AscendC::TransDataTo5HD<T>(dst_list, src_list, p);
          }
          cases.Expect("repeats " + std::to_string(p.repeatTimes), kWork, kWork + skip);
        }
      },
      false);
  EXPECT_EQ(stats.error, "");
}
TEST(Permute, To5HDFloat) { Test5HD<float>(); }
TEST(Permute, To5HDHalf) { Test5HD<half>(); }
TEST(Permute, To5HDInt8) { Test5HD<int8_t>(); }

template <class T>
double Number(const Bytes& image, uint64_t address) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<double>(At<T>(image, address));
  } else {
    return Element<T>::Value(At<typename Element<T>::Bits>(image, address));
  }
}
template <class T>
void PutNumber(Bytes& image, uint64_t address, double value) {
  if constexpr (std::is_integral_v<T>) {
    Put(image, address, static_cast<T>(static_cast<int64_t>(value)));
  } else {
    Put(image, address, Element<T>::Of(value));
  }
}

template <class T>
void TestIndex() {
  constexpr uint64_t kLanes = 256 / sizeof(T);
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        Cases<uint16_t> cases(240 + sizeof(T));
        Random& random = cases.random;
        for (int n = 0; n < kCases / 2; ++n) {
          cases.Start(n);
          const auto first = static_cast<double>(random.In(0, 200)) - 100;
          LocalTensor<T> dst = Tensor<T>(kTarget, 4000);
          const T start = static_cast<T>(static_cast<float>(first));
          if (random.Chance(2)) {
            const uint32_t count = random.In32(1, 1500);
            for (uint64_t k = 0; k < count; ++k) {
              PutNumber<T>(cases.image, kTarget + k * sizeof(T), first + static_cast<double>(k));
            }
            AscendC::CreateVecIndex(dst, start, count);
          } else {
            const uint32_t repeats = random.In32(0, 10);
            const auto blk = static_cast<uint16_t>(random.In(0, 3));
            const auto rep = static_cast<uint8_t>(random.In(0, 20));
            MaskChoice mask = RandomMask<T>(random);
            for (uint64_t r = 0; r < repeats; ++r) {
              for (uint64_t lane = 0; lane < kLanes; ++lane) {
                if (!mask.Has(lane)) continue;
                const uint64_t to =
                    kTarget + (r * rep + lane / (32 / sizeof(T)) * blk) * 32 + lane % (32 / sizeof(T)) * sizeof(T);
                PutNumber<T>(cases.image, to, first + static_cast<double>(r * kLanes + lane));
              }
            }
            if (mask.first > 0) {
              AscendC::CreateVecIndex(dst, start, static_cast<uint64_t>(mask.first), static_cast<uint8_t>(repeats), blk,
                                      rep);
            } else {
              AscendC::CreateVecIndex(dst, start, mask.words, static_cast<uint8_t>(repeats), blk, rep);
            }
          }
          cases.Expect("first " + std::to_string(first));
        }
        // Progressions of small whole numbers, exact however they are computed.
        for (int n = 0; n < 500; ++n) {
          cases.image = Image();
          const auto first = static_cast<double>(random.In(0, 20)), step = static_cast<double>(random.In(0, 3));
          const int32_t count = random.Int(1, 600);
          for (int32_t k = 0; k < count; ++k) {
            PutNumber<T>(cases.image, kTarget + static_cast<uint64_t>(k) * sizeof(T), first + step * k);
          }
          const T start = static_cast<T>(static_cast<float>(first)),
                  difference = static_cast<T>(static_cast<float>(step));
          if (n % 2 == 0) AscendC::Arange<T>(Tensor<T>(kTarget, 4000), start, difference, count);
          if (n % 2 == 1) AscendC::ArithProgression<T>(Tensor<T>(kTarget, 4000), start, difference, count);
          cases.Expect("count " + std::to_string(count));
        }
      },
      false);
  EXPECT_EQ(stats.error, "");
}
TEST(Permute, IndexFloat) { TestIndex<float>(); }
TEST(Permute, IndexHalf) { TestIndex<half>(); }
TEST(Permute, IndexInt32) { TestIndex<int32_t>(); }
TEST(Permute, IndexInt16) { TestIndex<int16_t>(); }

template <class T, int kDim, int kAxis>
void BroadcastCase(Cases<uint8_t>& cases, uint32_t m, uint32_t k, bool own_work) {
  const uint32_t to[2] = {kDim == 1 ? k : m, k};
  const uint32_t from[2] = {kDim == 1 || kAxis == 0 ? 1 : m, kAxis == 1 ? 1 : k};
  for (uint64_t r = 0; r < m; ++r) {
    for (uint64_t c = 0; c < k; ++c) {
      const uint64_t source = kDim == 1 ? 0 : kAxis == 0 ? c : r;
      for (uint64_t b = 0; b < sizeof(T); ++b) {
        cases.image[kTarget + (r * k + c) * sizeof(T) + b] = cases.image[source * sizeof(T) + b];
      }
    }
  }
  const LocalTensor<T> dst = Tensor<T>(kTarget, m * k), src = Tensor<T>(0, 8000);
  const uint64_t end = ascsim::UbBytes();
  if (own_work) {
    AscendC::Broadcast<T, kDim, kAxis>(dst, src, to, from, Tensor<uint8_t>(kWork, end - kWork));
  } else {
    AscendC::BroadCast<T, kDim, kAxis>(dst, src, to, from);
  }
  cases.Expect("broadcast to " + std::to_string(m) + " x " + std::to_string(k), kWork, end);
}

template <class T>
void TestBroadcast() {
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        Cases<uint8_t> cases(260 + sizeof(T));
        Random& random = cases.random;
        for (int n = 0; n < 600; ++n) {
          cases.Start(n);
          const auto block = static_cast<uint32_t>(32 / sizeof(T));
          const bool own_work = random.Chance(2);
          const uint32_t k = random.Chance(2) ? random.In32(1, 8) * block : random.In32(1, 200);
          const uint32_t m = random.In32(1, 50000 / (k * sizeof(T)) < 700 ? 50000 / (k * sizeof(T)) : 700);
          switch (random.In(0, 2)) {
            case 0:
              BroadcastCase<T, 2, 1>(cases, m, k, own_work);
              break;
            case 1:
              BroadcastCase<T, 2, 0>(cases, m, (k + block - 1) / block * block, own_work);
              break;
            default:
              BroadcastCase<T, 1, 0>(cases, 1, k, own_work);
          }
        }
      },
      false);
  EXPECT_EQ(stats.error, "");
}
TEST(Permute, BroadcastFloat) { TestBroadcast<float>(); }
TEST(Permute, BroadcastHalf) { TestBroadcast<half>(); }
TEST(Permute, BroadcastInt8) { TestBroadcast<int8_t>(); }
TEST(Permute, BroadcastUint8) { TestBroadcast<uint8_t>(); }

// An odd number of bytes whose shape stays.
TEST(Permute, BroadcastToItself) {
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        Cases<uint8_t> cases(270);
        cases.FillBits();
        const uint32_t shape[2] = {3, 5};
        for (uint64_t k = 0; k < 15; ++k) cases.image[kTarget + k] = cases.image[k];
        AscendC::Broadcast<uint8_t, 2, 1>(Tensor<uint8_t>(kTarget, 15), Tensor<uint8_t>(0, 15), shape, shape);
        cases.Expect("3 x 5", kWork, ascsim::UbBytes());
      },
      false);
  EXPECT_EQ(stats.error, "");
}

TEST(Permute, CompositesAreOrderedWithin) {
  ascsim::GlobalMemory memory(uint64_t{1} << 20);
  auto* gm = static_cast<float*>(memory.Allocate(4096));
  for (int k = 0; k < 1024; ++k) gm[k] = static_cast<float>(k);
  const auto stats = RunKernel(
      [&] {
        const LocalTensor<float> src = Tensor<float>(0, 1024), dst = Tensor<float>(8192, 4096);
        AscendC::GlobalTensor<float> global;
        global.SetGlobalBuffer(gm, 1024);
        AscendC::DataCopy(src, global, 1024);
        AscendC::SetFlag<AscendC::HardEvent::MTE2_V>(EVENT_ID0);
        AscendC::WaitFlag<AscendC::HardEvent::MTE2_V>(EVENT_ID0);
        const uint32_t from[2] = {100, 1}, wide[2] = {100, 24}, odd[2] = {100, 19};
        AscendC::Broadcast<float, 2, 1>(dst, src, wide, from, Tensor<uint8_t>(65536, 4096));
        AscendC::PipeBarrier<PIPE_V>();
        AscendC::Broadcast<float, 2, 1>(dst, src, odd, from, Tensor<uint8_t>(65536, 4096));
        AscendC::PipeBarrier<PIPE_V>();
        AscendC::Arange<float>(dst, 1.0f, 2.0f, 300);
        AscendC::PipeBarrier<PIPE_V>();
        AscendC::BlockReduceMax<float>(dst, dst, 4, 64, 1, 1, 8);
      },
      true, &memory);
  EXPECT_EQ(stats.error, "");
  EXPECT_TRUE(stats.breaches.empty()) << Text(stats);
}

TEST(Permute, NoRoomForTemporaryMemory) {
  const auto stats = RunKernel(
      [] {
        AscendC::TPipe pipe;
        AscendC::TBuf<AscendC::TPosition::VECCALC> all;
        pipe.InitBuffer(all, static_cast<uint32_t>(ascsim::UbBytes()));
        const uint32_t from[2] = {8, 1}, to[2] = {8, 8};
        const LocalTensor<float> tensor = all.Get<float>();
        AscendC::Broadcast<float, 2, 1>(tensor[1024], tensor, to, from);
      },
      false);
  EXPECT_NE(stats.error.find("Broadcast: needs"), std::string::npos) << stats.error;
}

TEST(Scalar, Bits) {
  EXPECT_EQ(AscendC::ScalarGetSFFValue<1>(28), 2);
  EXPECT_EQ(AscendC::ScalarGetSFFValue<0>(7), 3);
  EXPECT_EQ(AscendC::ScalarGetSFFValue<1>(0), -1);
  EXPECT_EQ(AscendC::ScalarGetSFFValue<0>(~uint64_t{0}), -1);
  EXPECT_EQ(AscendC::ScalarGetCountOfValue<1>(0xffff), 16);
  EXPECT_EQ(AscendC::ScalarGetCountOfValue<0>(0xffff), 48);
  EXPECT_EQ(AscendC::ScalarCountLeadingZero(0x0fffffffffffffff), 4);
  EXPECT_EQ(AscendC::ScalarCountLeadingZero(0), 64);
  EXPECT_EQ(AscendC::CountBitsCntSameAsSignBit(0x0f00000000000000), 3);
  EXPECT_EQ(AscendC::CountBitsCntSameAsSignBit(-2), 62);
  EXPECT_EQ(AscendC::CountBitsCntSameAsSignBit(0), -1);
  EXPECT_EQ(AscendC::CountBitsCntSameAsSignBit(-1), -1);
  EXPECT_EQ(sbitset1(0, 40), uint64_t{1} << 40);
  EXPECT_EQ(AscendC::sbitset0(~uint64_t{0}, 63), ~uint64_t{0} >> 1);
}

TEST(Scalar, Cast) {
  using AscendC::RoundMode;
  EXPECT_EQ((AscendC::ScalarCast<float, int32_t, RoundMode::CAST_ROUND>(2.5f)), 3);
  EXPECT_EQ((AscendC::ScalarCast<float, int32_t, RoundMode::CAST_ROUND>(-2.5f)), -3);
  EXPECT_EQ((AscendC::ScalarCast<float, int32_t, RoundMode::CAST_RINT>(2.5f)), 2);
  EXPECT_EQ((AscendC::ScalarCast<float, int32_t, RoundMode::CAST_FLOOR>(-2.5f)), -3);
  EXPECT_EQ((AscendC::ScalarCast<float, int32_t, RoundMode::CAST_CEIL>(2.1f)), 3);
  EXPECT_EQ((AscendC::ScalarCast<float, int32_t, RoundMode::CAST_RINT>(1e20f)), 2147483647);
  EXPECT_EQ((AscendC::ScalarCast<float, int32_t, RoundMode::CAST_RINT>(-1e20f)), -2147483647 - 1);
  // To odd: exact ones stay, of the others the neighbour with an odd mantissa.
  Random random(290);
  for (int n = 0; n < 20000; ++n) {
    const auto value = static_cast<float>((static_cast<double>(random.Bits() >> 11) / 9007199254740992.0 - 0.5) *
                                          std::ldexp(1.0, random.Int(0, 40) - 20));
    const half result = AscendC::ScalarCast<float, half, RoundMode::CAST_ODD>(value);
    uint16_t bits;
    std::memcpy(&bits, &result, sizeof(bits));
    const double back = FromHalf(bits), exact = static_cast<double>(value);
    if (back == exact) continue;
    EXPECT_EQ(bits & 1, 1) << value;
    const double below = FromHalf(static_cast<uint16_t>(bits - 1)), above = FromHalf(static_cast<uint16_t>(bits + 1));
    EXPECT_TRUE(std::fabs(exact) > std::fabs(below) && std::fabs(exact) < std::fabs(above)) << value;
  }
}

}  // namespace
