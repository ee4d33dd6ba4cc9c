// DataCopy and DataCopyPad against models that move one byte at a time.
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "ascendc/data_copy.h"
#include "copy_testing.h"

namespace {

using namespace copy_testing;  // NOLINT
using AscendC::DataCopy;
using AscendC::DataCopyExtParams;
using AscendC::DataCopyPad;
using AscendC::DataCopyPadExtParams;
using AscendC::DataCopyPadParams;
using AscendC::DataCopyParams;
using AscendC::GlobalTensor;
using AscendC::LocalTensor;
using AscendC::SliceInfo;
using AscendC::TPosition;
using ascsim::Rule;

constexpr uint64_t kGmBytes = 1 << 20;

template <typename T>
GlobalTensor<T> Global(uint8_t* data) {
  GlobalTensor<T> tensor;
  tensor.SetGlobalBuffer(reinterpret_cast<T*>(data));
  return tensor;
}

template <typename T>
LocalTensor<T> LocalAt(uint64_t address, TPosition position = TPosition::VECIN) {
  const uint64_t size = ascsim_detail::IsL1Position(position) ? ascsim::L1Bytes() : ascsim::UbBytes();
  return LocalTensor<T>(position, address, size - address, size);
}

// Where byte `byte` of burst `burst` lies, seen from the first one: all sums are of the documentation's quantities.
uint64_t PlaceOf(uint64_t burst, uint64_t byte, uint64_t burst_bytes, uint64_t gap_bytes) {
  uint64_t place = 0;
  for (uint64_t b = 0; b < burst; ++b) place += burst_bytes + gap_bytes;
  return place + byte;
}

struct BlockCase {
  DataCopyParams params;
  uint64_t local, gm;  // byte offsets
};

BlockCase RandomBlocks(Random& random, size_t element, uint64_t local_bytes) {
  while (true) {
    BlockCase c;
    const uint64_t count = random.Chance(4) ? 1 : random.In(1, random.Chance(8) ? 200 : 12);
    const uint64_t length = random.In(1, random.Chance(8) ? 300 : 8);
    const uint64_t source_gap = random.Chance(3) ? 0 : random.In(0, 40),
                   target_gap = random.Chance(3) ? 0 : random.In(0, 40);
    c.params = DataCopyParams(static_cast<uint16_t>(count), static_cast<uint16_t>(length),
                              static_cast<uint16_t>(source_gap), static_cast<uint16_t>(target_gap));
    c.local = random.In(0, 2000) * 32;
    c.gm = random.In(0, 3000) * element;
    const uint64_t most = count * (length + std::max(source_gap, target_gap)) * 32;
    if (c.local + most <= local_bytes && c.gm + most <= kGmBytes) return c;
  }
}

// GM -> local -> GM of one case, byte by byte; false on the first difference.
template <typename T>
bool BlocksRoundTrip(Random& random, Buffer& source, Buffer& target, TPosition position) {
  const ascsim::Space space = ascsim_detail::SpaceOf(position);
  const uint64_t local_bytes = space == ascsim::Space::kUB ? ascsim::UbBytes() : ascsim::L1Bytes();
  std::vector<uint8_t> expected = Local(space);
  const BlockCase in = RandomBlocks(random, sizeof(T), local_bytes);
  DataCopy(LocalAt<T>(in.local, position), Global<T>(source.data + in.gm), in.params);
  for (uint64_t b = 0; b < in.params.blockCount; ++b) {
    for (uint64_t j = 0; j < in.params.blockLen * 32u; ++j) {
      expected[in.local + PlaceOf(b, j, in.params.blockLen * 32u, in.params.dstGap * 32u)] =
          source.expected[in.gm + PlaceOf(b, j, in.params.blockLen * 32u, in.params.srcGap * 32u)];
    }
  }
  const std::string difference = Difference(expected, Local(space));
  EXPECT_EQ(difference, "") << "in";
  const BlockCase out = RandomBlocks(random, sizeof(T), local_bytes);
  DataCopy(Global<T>(target.data + out.gm), LocalAt<T>(out.local, position), out.params);
  for (uint64_t b = 0; b < out.params.blockCount; ++b) {
    for (uint64_t j = 0; j < out.params.blockLen * 32u; ++j) {
      target.expected[out.gm + PlaceOf(b, j, out.params.blockLen * 32u, out.params.dstGap * 32u)] =
          expected[out.local + PlaceOf(b, j, out.params.blockLen * 32u, out.params.srcGap * 32u)];
    }
  }
  return difference.empty();
}

template <typename T>
void RunBlocks(TPosition position, ascsim::KernelType type, uint64_t stream, int cases) {
  SCOPED_TRACE("ASCSIM_TEST_SEED=" + std::to_string(Seed()) + ", element size " + std::to_string(sizeof(T)));
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  Random data(stream);
  Buffer source(memory, data.Bytes(kGmBytes)), target(memory, data.Bytes(kGmBytes));
  const auto stats = RunKernel(memory,
                               [&] {
                                 Random random(stream + 77);
                                 for (int c = 0; c < cases; ++c) {
                                   if (!BlocksRoundTrip<T>(random, source, target, position)) return;
                                 }
                               },
                               {.type = type});
  EXPECT_EQ(Breaches(stats), "");
  EXPECT_EQ(target.Difference(), "");
  EXPECT_EQ(source.Difference(), "");
}

TEST(DataCopy, BlocksBetweenGmAndUb) {
  RunBlocks<int8_t>(TPosition::VECIN, ascsim::KernelType::kAivOnly, 1, 400);
  RunBlocks<half>(TPosition::VECOUT, ascsim::KernelType::kAivOnly, 2, 400);
  RunBlocks<float>(TPosition::VECCALC, ascsim::KernelType::kAivOnly, 3, 400);
  RunBlocks<uint64_t>(TPosition::VECIN, ascsim::KernelType::kAivOnly, 4, 400);
  RunBlocks<double>(TPosition::VECIN, ascsim::KernelType::kAivOnly, 5, 200);
}

TEST(DataCopy, BlocksBetweenGmAndL1) {
  RunBlocks<bfloat16_t>(TPosition::A1, ascsim::KernelType::kAicOnly, 6, 300);
  RunBlocks<int32_t>(TPosition::B1, ascsim::KernelType::kAicOnly, 7, 300);
}

TEST(DataCopy, CountForms) {
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  Random data(11);
  Buffer source(memory, data.Bytes(kGmBytes)), target(memory, data.Bytes(kGmBytes));
  const auto stats = RunKernel(memory, [&] {
    Random random(12);
    std::vector<uint8_t> expected = Local();
    for (int c = 0; c < 1500; ++c) {
      const uint64_t count = random.In(0, 1200) * 16;  // halves
      const uint64_t a = random.In(0, 1000) * 32, b = 98304 + random.In(0, 1000) * 32, gm = random.In(0, 90000) * 2;
      DataCopy(LocalAt<half>(a), Global<half>(source.data + gm), static_cast<uint32_t>(count));
      DataCopy(LocalAt<half>(b, TPosition::VECOUT), LocalAt<half>(a), static_cast<uint32_t>(count));
      DataCopy(Global<half>(target.data + gm), LocalAt<half>(b, TPosition::VECOUT), static_cast<uint32_t>(count));
      for (uint64_t j = 0; j < 2 * count; ++j) expected[a + j] = source.expected[gm + j];
      for (uint64_t j = 0; j < 2 * count; ++j) expected[b + j] = expected[a + j];
      for (uint64_t j = 0; j < 2 * count; ++j) target.expected[gm + j] = expected[b + j];
      ASSERT_EQ(Difference(expected, Local()), "") << "count " << count;
    }
  });
  EXPECT_EQ(Breaches(stats), "");
  EXPECT_EQ(target.Difference(), "");
}

TEST(DataCopy, UbToUbBlocks) {
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  Random data(13);
  Buffer source(memory, data.Bytes(kGmBytes));
  const auto stats = RunKernel(memory, [&] {
    Random random(14);
    DataCopy(LocalAt<int32_t>(0), Global<int32_t>(source.data), static_cast<uint32_t>(ascsim::UbBytes() / 4));
    std::vector<uint8_t> expected = Local();
    for (int c = 0; c < 1500; ++c) {
      BlockCase to = RandomBlocks(random, 4, ascsim::UbBytes()), from = RandomBlocks(random, 4, ascsim::UbBytes());
      const DataCopyParams& p = to.params;
      const uint64_t most = uint64_t{p.blockCount} * (p.blockLen + std::max(p.srcGap, p.dstGap)) * 32u;
      if (from.local + most > ascsim::UbBytes()) continue;
      // Overlapping copies have no documented result.
      if (from.local < to.local + most && to.local < from.local + most) continue;
      DataCopy(LocalAt<int32_t>(to.local, TPosition::VECCALC), LocalAt<int32_t>(from.local), p);
      for (uint64_t b = 0; b < p.blockCount; ++b) {
        for (uint64_t j = 0; j < p.blockLen * 32u; ++j) {
          expected[to.local + PlaceOf(b, j, p.blockLen * 32u, p.dstGap * 32u)] =
              expected[from.local + PlaceOf(b, j, p.blockLen * 32u, p.srcGap * 32u)];
        }
      }
      ASSERT_EQ(Difference(expected, Local()), "");
    }
  });
  EXPECT_EQ(Breaches(stats), "");
}

struct PadCase {
  uint16_t count;
  uint32_t bytes, gm_gap, ub_gap;
  uint8_t left, right;
  bool is_pad;
  uint64_t ub, gm;
};

PadCase RandomPad(Random& random, size_t element, bool small_fields) {
  while (true) {
    PadCase c;
    c.count = static_cast<uint16_t>(random.In(1, random.Chance(6) ? 60 : 4));
    c.bytes = static_cast<uint32_t>(random.In(1, random.Chance(6) ? 2000 / element : 40) * element);
    if (random.Chance(10)) c.bytes = static_cast<uint32_t>(random.In(1, 300));  // not even whole elements
    c.gm_gap = static_cast<uint32_t>(random.Chance(3) ? 0 : random.In(0, small_fields ? 400 : 3000));
    c.ub_gap = static_cast<uint32_t>(random.Chance(3) ? 0 : random.In(0, 9));
    c.left = static_cast<uint8_t>(random.Chance(3) ? random.In(0, 32 / element) : 0);
    c.right = static_cast<uint8_t>(random.Chance(3) ? random.In(0, 32 / element) : 0);
    c.is_pad = random.Chance(2);
    c.ub = random.In(0, 1000) * 32;
    c.gm = random.In(0, 5000);
    if (c.ub + c.count * (c.bytes + 96 + c.ub_gap * 32) <= ascsim::UbBytes() &&
        c.gm + c.count * (c.bytes + c.gm_gap) <= kGmBytes) {
      return c;
    }
  }
}

// What UB holds after a padded load, byte by byte; bytes without a documented value become those of `got`.
template <typename T>
void ModelPadIn(const PadCase& c, T value, const std::vector<uint8_t>& gm, const std::vector<uint8_t>& got,
                std::vector<uint8_t>* ub) {
  std::array<uint8_t, sizeof(T)> value_bytes;
  std::memcpy(value_bytes.data(), &value, sizeof(T));
  const uint64_t left = c.left * sizeof(T), right = c.right * sizeof(T);
  uint64_t place = c.ub;
  for (uint64_t b = 0; b < c.count; ++b) {
    const uint64_t from = c.gm + b * (c.bytes + c.gm_gap);
    uint64_t written = 0;
    const auto pad = [&] {
      const uint64_t at = place + written;
      const uint64_t in_element = written % sizeof(T);
      if (c.left == 0 && c.right == 0) {
        (*ub)[at] = in_element < c.bytes ? gm[from + in_element] : got[at];
      } else if (c.is_pad) {
        (*ub)[at] = value_bytes[in_element];
      } else {
        (*ub)[at] = got[at];
      }
      ++written;
    };
    while (written < left) pad();
    for (uint64_t j = 0; j < c.bytes; ++j, ++written) (*ub)[place + written] = gm[from + j];
    for (uint64_t j = 0; j < right; ++j) pad();
    while (written % 32 != 0) pad();
    place += written + c.ub_gap * 32;
  }
}

template <typename T>
void RunPadIn(uint64_t stream, int cases) {
  SCOPED_TRACE("ASCSIM_TEST_SEED=" + std::to_string(Seed()) + ", element size " + std::to_string(sizeof(T)));
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  Random data(stream);
  Buffer source(memory, data.Bytes(kGmBytes));
  const auto stats = RunKernel(memory, [&] {
    Random random(stream + 77);
    std::vector<uint8_t> expected = Local();
    for (int n = 0; n < cases; ++n) {
      const bool small = random.Chance(2);
      const PadCase c = RandomPad(random, sizeof(T), small);
      const uint64_t bits = sizeof(T) == 8 ? 0 : random.In(0, (uint64_t{1} << (8 * sizeof(T) % 64)) - 1);
      const T value = ascsim_detail::FromBits<T>(bits);
      if (small) {
        DataCopyPad(LocalAt<T>(c.ub), Global<T>(source.data + c.gm),
                    DataCopyParams(c.count, static_cast<uint16_t>(c.bytes), static_cast<uint16_t>(c.gm_gap),
                                   static_cast<uint16_t>(c.ub_gap)),
                    DataCopyPadParams(c.is_pad, c.left, c.right, bits));
      } else {
        DataCopyPad(LocalAt<T>(c.ub), Global<T>(source.data + c.gm),
                    DataCopyExtParams(c.count, c.bytes, c.gm_gap, c.ub_gap, 0),
                    DataCopyPadExtParams<T>(c.is_pad, c.left, c.right, value));
      }
      const std::vector<uint8_t> got = Local();
      ModelPadIn<T>(c, value, source.expected, got, &expected);
      ASSERT_EQ(Difference(expected, got), "")
          << "case " << n << ": " << c.count << " bursts of " << c.bytes << ", gaps " << c.gm_gap << " " << c.ub_gap
          << ", padding " << int{c.left} << " " << int{c.right} << " " << c.is_pad << ", UB " << c.ub;
    }
  });
  EXPECT_EQ(Breaches(stats), "");
}

TEST(DataCopyPad, GmToUb) {
  RunPadIn<int8_t>(21, 1500);
  RunPadIn<half>(22, 1500);
  RunPadIn<bfloat16_t>(23, 500);
  RunPadIn<float>(24, 1500);
  RunPadIn<int64_t>(25, 500);
  RunPadIn<double>(26, 500);
}

template <typename T>
void RunPadOut(uint64_t stream, int cases) {
  SCOPED_TRACE("ASCSIM_TEST_SEED=" + std::to_string(Seed()) + ", element size " + std::to_string(sizeof(T)));
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  Random data(stream);
  Buffer source(memory, data.Bytes(kGmBytes)), target(memory, data.Bytes(kGmBytes));
  const auto stats = RunKernel(memory, [&] {
    Random random(stream + 77);
    DataCopy(LocalAt<T>(0), Global<T>(source.data), static_cast<uint32_t>(ascsim::UbBytes() / sizeof(T)));
    const std::vector<uint8_t> ub = Local();
    for (int n = 0; n < cases; ++n) {
      const bool small = random.Chance(2);
      const PadCase c = RandomPad(random, sizeof(T), small);
      if (small) {
        DataCopyPad(Global<T>(target.data + c.gm), LocalAt<T>(c.ub),
                    DataCopyParams(c.count, static_cast<uint16_t>(c.bytes), static_cast<uint16_t>(c.ub_gap),
                                   static_cast<uint16_t>(c.gm_gap)));
      } else {
        DataCopyPad(Global<T>(target.data + c.gm), LocalAt<T>(c.ub),
                    DataCopyExtParams(c.count, c.bytes, c.ub_gap, c.gm_gap, 0));
      }
      uint64_t from = c.ub, to = c.gm;
      for (uint64_t b = 0; b < c.count; ++b) {
        for (uint64_t j = 0; j < c.bytes; ++j) target.expected[to++] = ub[from++];
        while (from % 32 != 0) ++from;
        from += c.ub_gap * 32;
        to += c.gm_gap;
      }
      if (n % 50 == 0 || n == cases - 1) {
        ASSERT_EQ(target.Difference(), "") << "case " << n;
      }
    }
    ASSERT_EQ(Difference(ub, Local()), "");
  });
  EXPECT_EQ(Breaches(stats), "");
}

TEST(DataCopyPad, UbToGm) {
  RunPadOut<uint8_t>(31, 1500);
  RunPadOut<half>(32, 1500);
  RunPadOut<float>(33, 1500);
  RunPadOut<uint64_t>(34, 500);
}

// The documentation's example: 3 blocks of 8 floats at 16 and at 47 of rows 0 and 2, each row being 87 long.
TEST(DataCopySlices, DocumentedExample) {
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  std::vector<uint8_t> initial(3 * 87 * 4);
  for (uint32_t i = 0; i < 3 * 87; ++i) {
    const auto value = static_cast<float>(i);
    std::memcpy(&initial[4 * i], &value, 4);
  }
  Buffer source(memory, initial), target(memory, std::vector<uint8_t>(96 * 4));
  const auto stats = RunKernel(memory, [&] {
    const SliceInfo from[] = {{16, 70, 7, 3, 87}, {0, 2, 1, 1, 3}};
    const SliceInfo to[] = {{0, 47, 0, 3, 48}, {0, 1, 0, 1, 2}};
    DataCopy(LocalAt<float>(0), Global<float>(source.data), to, from, 2);
    DataCopy(Global<float>(target.data), LocalAt<float>(0), to, to, 2);
  });
  EXPECT_EQ(Breaches(stats), "");
  for (uint32_t i = 0; i < 96; ++i) {
    float got = 0;
    std::memcpy(&got, target.data + 4 * i, 4);
    const uint32_t row = i / 48 * 2, segment = i % 48 / 24, element = i % 24;
    ASSERT_EQ(got, static_cast<float>(row * 87 + 16 + segment * 31 + element)) << i;
  }
}

// All elements of a slice in order, innermost fastest.
std::vector<uint64_t> SliceElements(const std::vector<SliceInfo>& slice, size_t element) {
  std::vector<uint64_t> places = {0};
  uint64_t pitch = 1;
  for (const SliceInfo& info : slice) pitch *= info.shapeValue;
  for (size_t d = slice.size(); d-- > 0;) {
    pitch /= slice[d].shapeValue;
    const uint64_t length = d == 0 ? slice[d].burstLen * 32 / element : 1;
    std::vector<uint64_t> next;
    for (const uint64_t place : places) {
      for (uint64_t start = slice[d].startIndex; start + length - 1 <= slice[d].endIndex;
           start += length + slice[d].stride) {
        for (uint64_t j = 0; j < length; ++j) next.push_back(place + (start + j) * pitch);
      }
    }
    places = next;
  }
  return places;
}

TEST(DataCopySlices, RandomDimensions) {
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  Random data(41);
  constexpr uint32_t kBlock = 16;  // halves
  Buffer source(memory, data.Bytes(kGmBytes)), target(memory, data.Bytes(kGmBytes));
  const auto stats = RunKernel(memory, [&] {
    Random random(42);
    for (int n = 0; n < 800; ++n) {
      std::vector<SliceInfo> from, to;
      const auto dims = static_cast<uint32_t>(random.In(1, 4));
      for (uint32_t d = 0; d < dims; ++d) {
        const auto burst = static_cast<uint32_t>(d == 0 ? random.In(1, 3) : 1);
        const uint32_t length = d == 0 ? burst * kBlock : 1;
        const auto segments = static_cast<uint32_t>(random.In(1, 4));
        const auto in_gap = static_cast<uint32_t>(random.In(0, d == 0 ? 20 : 2));
        const auto ub_gap = static_cast<uint32_t>(d == 0 ? random.In(0, 2) * kBlock : random.In(0, 1));
        const auto start = static_cast<uint32_t>(random.In(0, 5)), rest = static_cast<uint32_t>(random.In(0, 3));
        const auto ub_start = static_cast<uint32_t>(d == 0 ? random.In(0, 1) * kBlock : random.In(0, 1));
        const uint32_t in_end = start + segments * (length + in_gap) - in_gap - 1;
        const uint32_t ub_end = ub_start + segments * (length + ub_gap) - ub_gap - 1;
        const uint32_t ub_shape = d == 0 ? (ub_end / kBlock + 1) * kBlock : ub_end + 1;
        from.emplace_back(start, in_end, in_gap, burst, in_end + 1 + rest);
        to.emplace_back(ub_start, ub_end, ub_gap, burst, ub_shape);
      }
      const std::vector<uint64_t> gm_places = SliceElements(from, 2), ub_places = SliceElements(to, 2);
      ASSERT_EQ(gm_places.size(), ub_places.size());
      if (gm_places.back() * 2 + 2 > kGmBytes || ub_places.back() * 2 + 2 > ascsim::UbBytes()) continue;
      std::vector<uint8_t> expected = Local();
      DataCopy(LocalAt<half>(0), Global<half>(source.data), to.data(), from.data(), dims);
      for (size_t k = 0; k < gm_places.size(); ++k) {
        for (uint64_t j = 0; j < 2; ++j) expected[ub_places[k] * 2 + j] = source.expected[gm_places[k] * 2 + j];
      }
      ASSERT_EQ(Difference(expected, Local()), "") << "case " << n;
      DataCopy(Global<half>(target.data), LocalAt<half>(0), from.data(), to.data(), dims);
      for (size_t k = 0; k < gm_places.size(); ++k) {
        for (uint64_t j = 0; j < 2; ++j) target.expected[gm_places[k] * 2 + j] = expected[ub_places[k] * 2 + j];
      }
    }
  });
  EXPECT_EQ(Breaches(stats), "");
  EXPECT_EQ(target.Difference(), "");
}

}  // namespace
