// Gather, Gatherb and GatherMask against plain models, and the reports on offsets.
// SPDX-License-Identifier: Apache-2.0
#include "moves_testing.h"

namespace {

using namespace moves_testing;
using AscendC::LocalTensor;

constexpr int kCases = 3000;
constexpr uint64_t kOffsets = 100000 / 32 * 32, kTarget = 150016;

// What an element at `address` reads as: poison where silicon does not deliver, see gather.cc.
template <class T>
T Gathered(const Bytes& image, uint64_t address) {
  const auto poison = static_cast<T>(0xDEADBEEF);
  if (address + sizeof(T) > image.size() || address % 2 != 0) return poison;
  if (sizeof(T) == 4 && address % 32 == 30) return poison;
  return At<T>(image, address);
}

// Mostly multiples of the element size within the first 64 KB; now and then anything.
template <class T>
uint32_t RandomOffset(Random& random, bool strange) {
  if (!strange || !random.Chance(8)) return random.In32(0, 65536 / sizeof(T) - 1) * sizeof(T);
  switch (random.In(0, 3)) {
    case 0:
      return random.In32(0, 32000) * 2;
    case 1:
      return random.In32(0, 2000) * 32 + 30;
    case 2:
      return random.In32(0, 65536);
    default:
      return static_cast<uint32_t>(random.Bits());
  }
}

template <class T>
void TestGather() {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint16_t>;
  constexpr uint64_t kLanes = 256 / sizeof(T);
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        Cases<Bits> cases(100 + sizeof(T));
        Random& random = cases.random;
        for (int n = 0; n < kCases; ++n) {
          cases.Start(n);
          const bool counted = random.Chance(3);
          const uint64_t repeats = random.In(0, 20), count = random.In(1, 1000);
          const uint16_t dst_rep = static_cast<uint16_t>(random.Chance(2) ? 8 : random.In(0, 20));
          const uint64_t src = random.In(0, 1000) * 32;
          const uint32_t base = random.In32(0, 100) * static_cast<uint32_t>(sizeof(T));
          const uint64_t total = counted ? count : repeats * kLanes;
          MaskChoice mask = RandomMask<T>(random);
          for (uint64_t k = 0; k < total; ++k) {
            Put(cases.image, kOffsets + k * 4, RandomOffset<T>(random, n % 2 == 0));
          }
          SetImage(cases.image);
          for (uint64_t r = 0; r * kLanes < total; ++r) {
            const Bytes before = cases.image;
            for (uint64_t lane = 0; lane < kLanes && r * kLanes + lane < total; ++lane) {
              if (!counted && !mask.Has(lane)) continue;
              const uint64_t offset = At<uint32_t>(before, kOffsets + (r * kLanes + lane) * 4);
              const uint64_t to = kTarget + r * (counted ? 8 : dst_rep) * 32 + lane * sizeof(T);
              Put(cases.image, to, Gathered<Bits>(before, src + base + offset));
            }
          }
          const LocalTensor<T> dst = Tensor<T>(kTarget, 4000), source = Tensor<T>(src, 30000);
          const LocalTensor<uint32_t> offsets = Tensor<uint32_t>(kOffsets, 4000);
          if (counted) {
            AscendC::Gather(dst, source, offsets, base, static_cast<uint32_t>(count));
          } else if (mask.first > 0) {
            AscendC::Gather(dst, source, offsets, base, static_cast<uint64_t>(mask.first),
                            static_cast<uint8_t>(repeats), dst_rep);
          } else {
            AscendC::Gather(dst, source, offsets, base, mask.words, static_cast<uint8_t>(repeats), dst_rep);
          }
          cases.Expect("repeats " + std::to_string(repeats) + " count " + std::to_string(counted ? count : 0));
        }
        EXPECT_EQ(cases.count, kCases);
      },
      false);
  EXPECT_EQ(stats.error, "");
}
TEST(Gather, Float) { TestGather<float>(); }
TEST(Gather, Uint32) { TestGather<uint32_t>(); }
TEST(Gather, Half) { TestGather<half>(); }
TEST(Gather, Int16) { TestGather<int16_t>(); }

// Checks on or off, whatever breaks a rule: the data are the same.
TEST(Gather, ChecksDoNotChangeData) {
  const auto run = [](bool checks) {
    Bytes result;
    const auto stats = RunKernel(
        [&] {
          AscendC::PipeBarrier<PIPE_V>();
          Cases<uint32_t> cases(120);
          cases.FillBits();
          for (uint64_t k = 0; k < 4000; ++k) {
            Put(cases.image, kOffsets + k * 4, static_cast<uint32_t>(k * 2654435761u % 90000));
          }
          SetImage(cases.image);
          AscendC::Gather(Tensor<uint32_t>(kTarget, 4000), Tensor<uint32_t>(0, 30000), Tensor<uint32_t>(kOffsets, 4000),
                          0u, 4000u);
          result = Image();
        },
        checks);
    EXPECT_EQ(stats.error, "");
    return result;
  };
  EXPECT_EQ(run(true), run(false));
}

TEST(Gather, Blocks) {
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        Cases<uint32_t> cases(130);
        Random& random = cases.random;
        for (int n = 0; n < kCases; ++n) {
          cases.Start(n);
          const uint32_t repeats = random.In32(0, 20);
          const auto blk = static_cast<uint8_t>(random.In(0, 3)), rep = static_cast<uint8_t>(random.In(0, 30));
          const uint64_t src = random.In(0, 1000) * 32;
          for (uint64_t k = 0; k < repeats * 8; ++k) {
            const bool strange = random.Chance(20);
            Put(cases.image, kOffsets + k * 4, strange ? random.In32(0, 300000) : random.In32(0, 2000) * 32);
          }
          SetImage(cases.image);
          for (uint64_t r = 0; r < repeats; ++r) {
            const Bytes before = cases.image;
            for (uint64_t b = 0; b < 8; ++b) {
              const uint64_t from = src + At<uint32_t>(before, kOffsets + (r * 8 + b) * 4);
              const uint64_t to = kTarget + (r * rep + b * blk) * 32;
              const bool served = from % 32 == 0 && from + 32 <= before.size();
              for (uint64_t k = 0; k < 32; k += 4) {
                Put(cases.image, to + k, served ? At<uint32_t>(before, from + k) : 0xDEADBEEF);
              }
            }
          }
          const LocalTensor<uint32_t> offsets = Tensor<uint32_t>(kOffsets, 4000);
          if (random.Chance(2)) {
            AscendC::Gatherb(Tensor<uint32_t>(kTarget, 4000), Tensor<uint32_t>(src, 4000), offsets, repeats,
                             {blk, rep});
          } else {
            AscendC::Gatherb<uint16_t>(Tensor<uint16_t>(kTarget, 4000), Tensor<uint16_t>(src, 4000), offsets, repeats,
                                       {blk, rep});
          }
          cases.Expect("repeats " + std::to_string(repeats));
        }
      },
      false);
  EXPECT_EQ(stats.error, "");
}

bool Selected(uint8_t pattern, uint64_t k) {
  switch (pattern) {
    case 1:
    case 2:
      return k % 2 == pattern - 1u;
    case 7:
      return true;
    default:
      return k % 4 == pattern - 3u;
  }
}

template <class T>
void TestGatherMask() {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint16_t>;
  constexpr uint64_t kPerBlock = 32 / sizeof(T);
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        Cases<Bits> cases(140 + sizeof(T));
        Random& random = cases.random;
        for (int n = 0; n < kCases; ++n) {
          cases.Start(n);
          const bool counter = random.Chance(2);
          const uint32_t mask = counter ? random.In32(1, random.Chance(4) ? 700 : 150) : 0;
          AscendC::GatherMaskParams p;
          p.src0BlockStride = static_cast<uint8_t>(random.Chance(2) ? 1 : random.In(0, 3));
          p.repeatTimes = static_cast<uint16_t>(random.Chance(30) ? 300 : random.In(0, 12));
          p.src0RepeatStride = static_cast<uint16_t>(random.In(0, p.repeatTimes > 12 ? 8 : 30));
          p.src1RepeatStride = static_cast<uint8_t>(random.In(0, 3));
          const uint64_t src = random.In(0, 500) * 32, in_place = random.Chance(5) ? src : kTarget;
          const auto pattern = static_cast<uint8_t>(random.In(0, 7));
          const uint64_t elements = counter ? mask : 256 / sizeof(T);
          uint64_t kept = 0;
          for (uint64_t r = 0; r < p.repeatTimes; ++r) {
            std::vector<Bits> values;
            for (uint64_t k = 0; k < elements; ++k) {
              const uint64_t bits = kOffsets + r * p.src1RepeatStride * 32;
              const bool selected = pattern == 0 ? (cases.image[bits + k / 8] >> k % 8 & 1) != 0 : Selected(pattern, k);
              if (!selected) continue;
              const uint64_t block = r * p.src0RepeatStride + k / kPerBlock * p.src0BlockStride;
              values.push_back(At<Bits>(cases.image, src + block * 32 + k % kPerBlock * sizeof(T)));
            }
            for (const Bits value : values) Put(cases.image, in_place + kept++ * sizeof(T), value);
            if (in_place + kept * sizeof(T) > 185000) break;
          }
          if (in_place + kept * sizeof(T) > 185000) {
            cases.image = Image();
            continue;
          }
          uint64_t count = 99;
          const LocalTensor<T> dst = Tensor<T>(in_place, 4000), source = Tensor<T>(src, 30000);
          if (pattern == 0) {
            AscendC::GatherMask(dst, source, Tensor<Bits>(kOffsets, 4000), counter, mask, p, count);
          } else {
            AscendC::GatherMask(dst, source, pattern, counter, mask, p, count);
          }
          EXPECT_EQ(count, kept);
          EXPECT_EQ(AscendC::GetGatherMaskRemainCount(), static_cast<int64_t>(kept));
          cases.Expect("pattern " + std::to_string(pattern) + " elements " + std::to_string(elements));
        }
      },
      false);
  EXPECT_EQ(stats.error, "");
}
TEST(Gather, MaskFloat) { TestGatherMask<float>(); }
TEST(Gather, MaskInt32) { TestGatherMask<int32_t>(); }
TEST(Gather, MaskHalf) { TestGatherMask<half>(); }
TEST(Gather, MaskBfloat16) { TestGatherMask<bfloat16_t>(); }

// The examples of GatherMask.md and of Gather.md.
TEST(Gather, DocumentedExamples) {
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        auto* base = reinterpret_cast<uint16_t*>(ascsim::SpaceBase(ascsim::Space::kUB));
        for (uint32_t k = 0; k < 128; ++k) base[k] = static_cast<uint16_t>(k + 1);
        uint64_t kept = 0;
        AscendC::GatherMask(Tensor<uint16_t>(1024, 128), Tensor<uint16_t>(0, 128), uint8_t{2}, false, 0u, {1, 1, 0, 0},
                            kept);
        EXPECT_EQ(kept, 64u);
        for (uint32_t k = 0; k < 64; ++k) EXPECT_EQ(base[512 + k], 2 * (k + 1));

        auto* offsets = reinterpret_cast<uint32_t*>(base + 2048);
        for (uint32_t k = 0; k < 128; ++k) offsets[k] = 254 - 2 * k;
        AscendC::Gather(Tensor<uint16_t>(1024, 128), Tensor<uint16_t>(0, 128), Tensor<uint32_t>(4096, 128), uint32_t(0),
                        128);
        for (uint32_t k = 0; k < 128; ++k) EXPECT_EQ(base[512 + k], 128 - k);
      },
      false);
  EXPECT_EQ(stats.error, "");
}

// A value that GatherMask counts behind a flag that is set later: the scalar unit waits for it.
TEST(Gather, CountWaitsForTheQueue) {
  ascsim::GlobalMemory memory(uint64_t{1} << 20);
  auto* gm = static_cast<uint32_t*>(memory.Allocate(1024));
  for (uint32_t k = 0; k < 64; ++k) gm[k] = k;
  const auto stats = RunKernel(
      [&] {
        AscendC::GlobalTensor<uint32_t> global;
        global.SetGlobalBuffer(gm, 64);
        const LocalTensor<uint32_t> src = Tensor<uint32_t>(0, 64);
        AscendC::DataCopy(src, global, 64);
        AscendC::SetFlag<AscendC::HardEvent::MTE2_V>(EVENT_ID0);
        AscendC::WaitFlag<AscendC::HardEvent::MTE2_V>(EVENT_ID0);
        uint64_t kept = 0;
        AscendC::GatherMask(Tensor<uint32_t>(1024, 64), src, uint8_t{3}, false, 0u, {1, 1, 8, 8}, kept);
        EXPECT_EQ(kept, 16u);
      },
      true, &memory);
  EXPECT_EQ(stats.error, "");
  EXPECT_TRUE(stats.breaches.empty()) << Text(stats);
}

// --- reports

class Reports : public testing::Test {
 protected:
  static constexpr uint32_t kWords = 4096;
  Reports() : memory_(uint64_t{1} << 20), gm_(static_cast<uint32_t*>(memory_.Allocate(kWords * 4))) {
    for (uint32_t k = 0; k < kWords; ++k) gm_[k] = 4 * (k % 64);
  }
  // 64 offsets, `change` in the place of one; the table in front of them.
  ascsim::LaunchStats Gather32(uint32_t change, uint64_t dst = 40000 / 32 * 32, uint32_t base = 0) {
    gm_[1024 + 7] = change;
    return Run([&](const LocalTensor<uint32_t>& table, const LocalTensor<uint32_t>& offsets) {
      AscendC::Gather(Tensor<uint32_t>(dst, 64), table, offsets, base, uint64_t{64}, 1, uint16_t{8});
    });
  }
  ascsim::LaunchStats Run(const std::function<void(const LocalTensor<uint32_t>&, const LocalTensor<uint32_t>&)>& call) {
    return RunKernel(
        [&] {
          AscendC::GlobalTensor<uint32_t> global;
          global.SetGlobalBuffer(gm_, kWords);
          const LocalTensor<uint32_t> table = Tensor<uint32_t>(0, kWords);
          AscendC::DataCopy(table, global, kWords);
          AscendC::SetFlag<AscendC::HardEvent::MTE2_V>(EVENT_ID0);
          AscendC::WaitFlag<AscendC::HardEvent::MTE2_V>(EVENT_ID0);
          call(table, table[1024]);
        },
        true, &memory_);
  }
  ascsim::GlobalMemory memory_;
  uint32_t* gm_;
};

TEST_F(Reports, NothingOnCorrectGathers) {
  EXPECT_TRUE(Gather32(100).breaches.empty()) << Text(Gather32(100));
  // In the place of its own offsets, repeat by repeat.
  EXPECT_TRUE(Gather32(100, 4096).breaches.empty()) << Text(Gather32(100, 4096));
}
TEST_F(Reports, HalfAligned) {
  const auto stats = Gather32(14);
  EXPECT_TRUE(Reported(stats, ascsim::Rule::kMisalignedGather32));
  EXPECT_EQ(stats.breaches.size(), 1u) << Text(stats);
}
TEST_F(Reports, AcrossBlock) {
  const auto stats = Gather32(62);
  EXPECT_TRUE(Reported(stats, ascsim::Rule::kGatherAcrossBlock));
  EXPECT_EQ(stats.breaches.size(), 1u) << Text(stats);
}
TEST_F(Reports, Odd) { EXPECT_TRUE(Reported(Gather32(13), ascsim::Rule::kMisaligned)); }
TEST_F(Reports, OutOfRange) {
  EXPECT_TRUE(Reported(Gather32(196608), ascsim::Rule::kOutOfBounds));
  EXPECT_TRUE(Reported(Gather32(0xfffffffc), ascsim::Rule::kOutOfBounds));
  EXPECT_TRUE(Reported(Gather32(8, 40000 / 32 * 32, 0xfffffffc), ascsim::Rule::kOutOfBounds));
}
TEST_F(Reports, NeverWritten) { EXPECT_TRUE(Reported(Gather32(kWords * 4 + 64), ascsim::Rule::kUninitialisedRead)); }
TEST_F(Reports, Overlap) {
  EXPECT_TRUE(Reported(Gather32(100, 64), ascsim::Rule::kOverlap));         // the table
  EXPECT_TRUE(Reported(Gather32(100, 4096 + 32), ascsim::Rule::kOverlap));  // the offsets, shifted
}
// What the shadow knows of the table from the first gather ends where something else touches the table.
TEST_F(Reports, TableChangesBetweenGathers) {
  using AscendC::HardEvent;
  const auto twice = [&](const std::function<void(const LocalTensor<uint32_t>&)>& between) {
    return Run([&](const LocalTensor<uint32_t>& table, const LocalTensor<uint32_t>& offsets) {
      AscendC::Gather(Tensor<uint32_t>(40000 / 32 * 32, 64), table, offsets, 0U, uint64_t{64}, 1, uint16_t{8});
      between(table);
      AscendC::Gather(Tensor<uint32_t>(48000 / 32 * 32, 64), table, offsets, 0U, uint64_t{64}, 1, uint16_t{8});
    });
  };
  const auto load = [&](bool before, bool after) {
    return twice([&, before, after](const LocalTensor<uint32_t>& table) {
      AscendC::GlobalTensor<uint32_t> global;
      global.SetGlobalBuffer(gm_, kWords);
      if (before) {
        AscendC::SetFlag<HardEvent::V_MTE2>(EVENT_ID0);
        AscendC::WaitFlag<HardEvent::V_MTE2>(EVENT_ID0);
      }
      AscendC::PipeBarrier<PIPE_MTE2>();
      AscendC::DataCopy(table, global, 256);
      if (after) {
        AscendC::SetFlag<HardEvent::MTE2_V>(EVENT_ID0);
        AscendC::WaitFlag<HardEvent::MTE2_V>(EVENT_ID0);
      }
    });
  };
  EXPECT_TRUE(twice([](const auto&) {}).breaches.empty());
  EXPECT_TRUE(load(true, true).breaches.empty()) << Text(load(true, true));
  EXPECT_TRUE(Reported(load(true, false), ascsim::Rule::kRaceRaw));
  EXPECT_TRUE(Reported(load(false, true), ascsim::Rule::kRaceWar));
  EXPECT_TRUE(
      Reported(twice([](const auto& table) { AscendC::Duplicate(table, 4U, 256); }), ascsim::Rule::kRaceWithinQueue));
  EXPECT_TRUE(Reported(twice([](const auto&) {
                         AscendC::PipeBarrier<PIPE_ALL>();
                         ascsim::MarkFreed(ascsim::Space::kUB, 0, 1024, true, ascsim::Loc::Here());
                       }),
                       ascsim::Rule::kUseAfterFree));
}
TEST_F(Reports, RaceWithinQueue) {
  const auto stats = Run([](const LocalTensor<uint32_t>& table, const LocalTensor<uint32_t>& offsets) {
    const LocalTensor<uint32_t> dst = Tensor<uint32_t>(40000 / 32 * 32, 64);
    AscendC::Gather(dst, table, offsets, 0u, 64u);
    AscendC::Gather(Tensor<uint32_t>(50016, 64), dst, offsets, 0u, 64u);
  });
  EXPECT_TRUE(Reported(stats, ascsim::Rule::kRaceWithinQueue)) << Text(stats);
}
TEST_F(Reports, Gatherb) {
  gm_[1024] = 33;
  gm_[1025] = 196608;
  const auto stats = Run([](const LocalTensor<uint32_t>& table, const LocalTensor<uint32_t>& offsets) {
    AscendC::Gatherb(Tensor<uint32_t>(40000 / 32 * 32, 64), table, offsets, 1, {1, 8});
  });
  EXPECT_TRUE(Reported(stats, ascsim::Rule::kMisaligned));
  EXPECT_TRUE(Reported(stats, ascsim::Rule::kOutOfBounds));
}
TEST_F(Reports, PatternAndRepeats) {
  const auto stats = Run([](const LocalTensor<uint32_t>& table, const LocalTensor<uint32_t>& offsets) {
    uint64_t kept = 0;
    AscendC::GatherMask(Tensor<uint32_t>(40000 / 32 * 32, 64), table, uint8_t{8}, false, 0u, {1, 1, 8, 8}, kept);
    AscendC::Gather(Tensor<uint32_t>(40000 / 32 * 32, 64), table, offsets, 0u, uint64_t{64}, 257, uint16_t{0});
  });
  EXPECT_TRUE(Reported(stats, ascsim::Rule::kParameterRange));
}

}  // namespace
