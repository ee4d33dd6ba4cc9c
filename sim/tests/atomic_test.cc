// Atomic copies to GM against exact sums, and Fill.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "ascendc/atomic.h"
#include "ascendc/data_copy.h"
#include "copy_testing.h"

namespace {

using namespace copy_testing;  // NOLINT
using AscendC::DataCopy;
using AscendC::DataCopyExtParams;
using AscendC::DataCopyPad;
using AscendC::GlobalTensor;
using AscendC::HardEvent;
using AscendC::LocalTensor;
using AscendC::TPosition;
using ascsim::Atomic;
using ascsim::Rule;

template <typename T>
GlobalTensor<T> Global(uint8_t* data) {
  GlobalTensor<T> tensor;
  tensor.SetGlobalBuffer(reinterpret_cast<T*>(data));
  return tensor;
}

template <typename T>
LocalTensor<T> LocalAt(uint64_t address) {
  return LocalTensor<T>(TPosition::VECOUT, address, ascsim::UbBytes() - address, ascsim::UbBytes());
}

// Any bits for integers; for floats mostly values whose sums round, and some of the ends of the range.
template <typename T>
T RandomValue(Random& random) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(random.In(0, UINT64_MAX));
  } else {
    if (random.Chance(12)) return T(random.Chance(2) ? 65504.0f : -65504.0f);
    if (random.Chance(12)) return T(std::ldexp(1.0f, -24));
    if (random.Chance(12)) return T(random.Chance(2) ? 0.0f : -0.0f);
    const auto mantissa = static_cast<float>(static_cast<int64_t>(random.In(0, 1 << 24)) - (1 << 23));
    return T(std::ldexp(mantissa, static_cast<int>(random.In(0, 24)) - 32));
  }
}

// In wider arithmetic, rounded (or wrapped) once.
template <typename T>
T Model(Atomic kind, T old, T update) {
  if constexpr (std::is_integral_v<T>) {
    const auto a = static_cast<int64_t>(old), b = static_cast<int64_t>(update);
    const int64_t result = kind == Atomic::kAdd ? a + b : kind == Atomic::kMax ? std::max(a, b) : std::min(a, b);
    return static_cast<T>(static_cast<uint64_t>(result));
  } else {
    const auto a = static_cast<double>(static_cast<float>(old)), b = static_cast<double>(static_cast<float>(update));
    if (kind != Atomic::kAdd && a == b) return old;
    return T(kind == Atomic::kAdd ? a + b : kind == Atomic::kMax ? std::max(a, b) : std::min(a, b));
  }
}

template <typename T>
void SetMode(Atomic kind) {
  switch (kind) {
    case Atomic::kAdd:
      return AscendC::SetAtomicAdd<T>();
    case Atomic::kMax:
      return AscendC::SetAtomicMax<T>();
    case Atomic::kMin:
      AscendC::SetAtomicMin<int8_t>();
      return AscendC::SetAtomicType<T>();
    case Atomic::kNone:
      return AscendC::SetAtomicNone();
  }
}

template <typename T>
void RunAtomic(Atomic kind, uint64_t stream) {
  SCOPED_TRACE("ASCSIM_TEST_SEED=" + std::to_string(Seed()) + ", stream " + std::to_string(stream));
  constexpr size_t kElements = 4096;
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  Random random(stream);
  std::vector<uint8_t> updates(kElements * sizeof(T)), initial(kElements * sizeof(T));
  for (size_t i = 0; i < kElements; ++i) {
    const T a = RandomValue<T>(random), b = RandomValue<T>(random);
    std::memcpy(&updates[i * sizeof(T)], &a, sizeof(T));
    std::memcpy(&initial[i * sizeof(T)], &b, sizeof(T));
  }
  Buffer source(memory, updates), target(memory, initial);
  const auto stats = RunKernel(memory, [&] {
    Random cases(stream + 1);
    DataCopy(LocalAt<T>(0), Global<T>(source.data), kElements);
    SetMode<T>(kind);
    for (int n = 0; n < 300; ++n) {
      const uint64_t count = cases.In(1, 6), length = cases.In(1, 60), gap = cases.In(0, 30), ub_gap = cases.In(0, 2);
      const uint64_t pitch = (length * sizeof(T) + 31) / 32 * 32 + ub_gap * 32;
      const uint64_t ub = cases.In(0, 20) * 32, at = cases.In(0, kElements - 1);
      if (at + count * (length + gap) > kElements || ub + count * pitch > kElements * sizeof(T)) continue;
      DataCopyPad(Global<T>(target.data)[at], LocalAt<T>(ub),
                  DataCopyExtParams(static_cast<uint16_t>(count), static_cast<uint32_t>(length * sizeof(T)),
                                    static_cast<uint32_t>(ub_gap), static_cast<uint32_t>(gap * sizeof(T)), 0));
      for (uint64_t b = 0; b < count; ++b) {
        for (uint64_t j = 0; j < length; ++j) {
          T old, update;
          uint8_t* place = &target.expected[(at + b * (length + gap) + j) * sizeof(T)];
          std::memcpy(&old, place, sizeof(T));
          std::memcpy(&update, &source.expected[ub + b * pitch + j * sizeof(T)], sizeof(T));
          const T result = Model(kind, old, update);
          std::memcpy(place, &result, sizeof(T));
        }
      }
      ASSERT_EQ(target.Difference(), "") << "case " << n;
    }
    // Off again: a plain store.
    AscendC::SetAtomicNone();
    DataCopy(Global<T>(target.data), LocalAt<T>(0), 64);
    std::copy_n(source.expected.begin(), 64 * sizeof(T), target.expected.begin());
  });
  EXPECT_EQ(Breaches(stats), "");
  EXPECT_EQ(target.Difference(), "");
}

template <typename T>
void RunAllKinds(uint64_t stream) {
  RunAtomic<T>(Atomic::kAdd, stream);
  RunAtomic<T>(Atomic::kMax, stream + 10);
  RunAtomic<T>(Atomic::kMin, stream + 20);
}

TEST(Atomic, Float) { RunAllKinds<float>(100); }
TEST(Atomic, Half) { RunAllKinds<half>(200); }
TEST(Atomic, BFloat16) { RunAllKinds<bfloat16_t>(300); }
TEST(Atomic, Int32) { RunAllKinds<int32_t>(400); }
TEST(Atomic, Int16) { RunAllKinds<int16_t>(500); }
TEST(Atomic, Int8) { RunAllKinds<int8_t>(600); }

// The mode is read when the instruction is issued, not when a queue that waits for a flag comes to it; loads and copies
// within UB do not know it.
TEST(Atomic, ModeIsOfTheIssue) {
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  Buffer target(memory, std::vector<uint8_t>(1024, 1));
  const auto stats = RunKernel(memory, [&] {
    DataCopy(LocalAt<int8_t>(0), Global<int8_t>(target.data), 512);
    AscendC::SetAtomicAdd<int8_t>();
    DataCopy(LocalAt<int8_t>(512), LocalAt<int8_t>(0), 512);
    DataCopy(LocalAt<int8_t>(512), LocalAt<int8_t>(0), 512);
    DataCopy(LocalAt<int8_t>(512), Global<int8_t>(target.data), 512);
    AscendC::WaitFlag<HardEvent::V_MTE3>(3);
    DataCopy(Global<int8_t>(target.data), LocalAt<int8_t>(512), 512);
    AscendC::SetAtomicNone();
    DataCopy(Global<int8_t>(target.data + 512), LocalAt<int8_t>(512), 512);
    AscendC::SetFlag<HardEvent::V_MTE3>(3);
  });
  EXPECT_EQ(Breaches(stats), "");
  std::fill_n(target.expected.begin(), 512, uint8_t{2});
  EXPECT_EQ(target.Difference(), "");
}

// Blocks of one kernel add up, as in the documentation's example: 256 ones from each.
TEST(Atomic, ManyCores) {
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  Buffer sum(memory, std::vector<uint8_t>(256 * 4));
  std::vector<uint8_t> ones(256 * 4);
  for (size_t i = 0; i < 256; ++i) {
    const float one = 1;
    std::memcpy(&ones[4 * i], &one, 4);
  }
  Buffer source(memory, ones);
  const auto stats = RunKernel(memory,
                               [&] {
                                 DataCopy(LocalAt<float>(0), Global<float>(source.data), 256);
                                 AscendC::SetFlag<HardEvent::MTE2_MTE3>(0);
                                 AscendC::WaitFlag<HardEvent::MTE2_MTE3>(0);
                                 AscendC::SetAtomicAdd<float>();
                                 DataCopy(Global<float>(sum.data), LocalAt<float>(0), 256);
                                 AscendC::SetAtomicNone();
                               },
                               {.checks = true, .blocks = 40});
  EXPECT_EQ(Breaches(stats), "");
  for (size_t i = 0; i < 256; ++i) {
    float got;
    std::memcpy(&got, sum.data + 4 * i, 4);
    ASSERT_EQ(got, 40.0f);
  }
}

TEST(Atomic, PartOfAnElementIsReported) {
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  Buffer target(memory, std::vector<uint8_t>(64));
  const auto stats =
      RunKernel(memory,
                [&] {
                  DataCopy(LocalAt<int8_t>(0), Global<int8_t>(target.data), 64);
                  AscendC::SetFlag<HardEvent::MTE2_MTE3>(0);
                  AscendC::WaitFlag<HardEvent::MTE2_MTE3>(0);
                  AscendC::SetAtomicAdd<float>();
                  DataCopyPad(Global<int8_t>(target.data), LocalAt<int8_t>(0), DataCopyExtParams(1, 6, 0, 0, 0));
                },
                {.checks = true});
  EXPECT_TRUE(Reported(stats, Rule::kMisaligned)) << Breaches(stats);
}

template <typename T>
void RunFill(uint64_t stream) {
  SCOPED_TRACE("ASCSIM_TEST_SEED=" + std::to_string(Seed()));
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  Random data(stream);
  Buffer target(memory, data.Bytes(1 << 20));
  const auto stats = RunKernel(memory,
                               [&] {
                                 Random random(stream + 1);
                                 for (int n = 0; n < 60; ++n) {
                                   const uint64_t begin = random.In(0, 3000),
                                                  size = random.In(0, random.Chance(4) ? 200000 : 300);
                                   const T value = RandomValue<T>(random);
                                   GlobalTensor<T> part = Global<T>(target.data)[begin];
                                   switch (n % 3) {
                                     case 0:
                                       AscendC::Fill(part, size, value);
                                       break;
                                     case 1:
                                       AscendC::InitGlobalMemory(part, size, value);
                                       break;
                                     default:
                                       AscendC::InitOutput<T>(part, static_cast<uint32_t>(size), value);
                                   }
                                   AscendC::PipeBarrier<PIPE_MTE3>();
                                   for (uint64_t i = 0; i < size; ++i)
                                     std::memcpy(&target.expected[(begin + i) * sizeof(T)], &value, sizeof(T));
                                   ASSERT_EQ(target.Difference(), "") << "case " << n;
                                 }
                               },
                               {.checks = true});
  EXPECT_EQ(Breaches(stats), "");
}

TEST(Fill, AllTypes) {
  RunFill<uint16_t>(701);
  RunFill<int16_t>(702);
  RunFill<half>(703);
  RunFill<uint32_t>(704);
  RunFill<int32_t>(705);
  RunFill<float>(706);
}

ascsim::LaunchStats FillThenLoad(bool ordered, bool late) {
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  Buffer target(memory, std::vector<uint8_t>(4096));
  return RunKernel(memory,
                   [&] {
                     AscendC::TPipe pipe;
                     AscendC::TBuf<TPosition::VECCALC> buffer;
                     if (late) pipe.InitBuffer(buffer, 1024);
                     GlobalTensor<float> zero = Global<float>(target.data);
                     AscendC::Fill(zero, 512, 0.0f);
                     if (ordered) {
                       const auto id = pipe.FetchEventID<HardEvent::MTE3_MTE2>();
                       AscendC::SetFlag<HardEvent::MTE3_MTE2>(id);
                       AscendC::WaitFlag<HardEvent::MTE3_MTE2>(id);
                     }
                     if (!late) pipe.InitBuffer(buffer, 1024);
                     DataCopy(buffer.Get<float>(), Global<float>(target.data + 2048), 256);
                   },
                   {.checks = true});
}

TEST(Fill, OwesTheDocumentedFlag) {
  EXPECT_EQ(Breaches(FillThenLoad(/*ordered=*/true, /*late=*/false)), "");
  EXPECT_TRUE(Reported(FillThenLoad(/*ordered=*/false, /*late=*/false), Rule::kRaceWar));
}

TEST(Fill, AfterInitBufferIsReported) {
  EXPECT_TRUE(Reported(FillThenLoad(/*ordered=*/true, /*late=*/true), Rule::kQueueProtocol));
}

}  // namespace
