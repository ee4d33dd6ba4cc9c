// Kernels with the calls of the examples on the documentation's pages: right numbers, and no error.
// SPDX-License-Identifier: Apache-2.0
#include <numeric>
#include <string>
#include <vector>

#include "framework_testing.h"

namespace framework_testing {
namespace {

using namespace AscendC;  // NOLINT(google-build-using-namespace): as kernels do

class Pages : public Framework {};

// One queue in, one out, as the pages have it. `compute` gets destination, source and 160 bytes to work in.
template <class T, class Compute>
void InAndOut(T* src, T* dst, uint32_t in_count, uint32_t out_count, Compute compute) {
  TPipe pipe;
  TQue<TPosition::VECIN, 1> in_queue;
  TQue<TPosition::VECOUT, 1> work_queue, out_queue;
  GlobalTensor<T> src_gm, dst_gm;
  src_gm.SetGlobalBuffer(src);
  dst_gm.SetGlobalBuffer(dst);
  pipe.InitBuffer(in_queue, 1, in_count * sizeof(T));
  pipe.InitBuffer(work_queue, 1, 160);
  pipe.InitBuffer(out_queue, 1, out_count * sizeof(T));

  LocalTensor<T> loaded = in_queue.AllocTensor<T>();
  DataCopy(loaded, src_gm, in_count);
  in_queue.EnQue(loaded);

  LocalTensor<T> in = in_queue.DeQue<T>(), out = out_queue.AllocTensor<T>(), work = work_queue.AllocTensor<T>();
  compute(out, in, work);
  out_queue.EnQue(out);
  in_queue.FreeTensor(in);
  work_queue.FreeTensor(work);

  LocalTensor<T> result = out_queue.DeQue<T>();
  DataCopy(dst_gm, result, out_count);
  out_queue.FreeTensor(result);
}

// The rest of what is copied is undefined, as the page says: a warning, and nothing else.
void ExpectUndefinedTail(const LaunchStats& stats) {
  EXPECT_FALSE(stats.failed) << Text(stats);
  ASSERT_EQ(stats.breaches.size(), 1u) << Text(stats);
  EXPECT_EQ(stats.breaches[0].rule, Rule::kUndefinedOutput) << Text(stats);
  EXPECT_EQ(stats.breaches[0].severity, ascsim::Severity::kWarning);
}

TEST_F(Pages, ReduceSumOfRepeats) {
  half* src = Device(std::vector<half>(8320, static_cast<half>(1.0f)));
  half* dst = Device(std::vector<half>(16));
  ExpectUndefinedTail(Run([&] {
    InAndOut(src, dst, 8320, 16, [](auto& out, auto& in, auto& work) { ReduceSum<half>(out, in, work, 128, 65, 8); });
  }));
  EXPECT_EQ(static_cast<float>(dst[0]), 8320.0f);
}

TEST_F(Pages, ReduceSumOfElements) {
  half* src = Device(std::vector<half>(288, static_cast<half>(1.0f)));
  half* dst = Device(std::vector<half>(16));
  ExpectUndefinedTail(Run([&] {
    InAndOut(src, dst, 288, 16, [](auto& out, auto& in, auto& work) { ReduceSum<half>(out, in, work, 288); });
  }));
  EXPECT_EQ(static_cast<float>(dst[0]), 288.0f);
}

TEST_F(Pages, GatherMaskWithAPattern) {
  std::vector<uint16_t> values(128);
  std::iota(values.begin(), values.end(), uint16_t{1});
  uint16_t* src = Device(values);
  uint16_t* dst = Device(std::vector<uint16_t>(128));
  uint64_t taken = 0;
  ExpectUndefinedTail(Run([&] {
    InAndOut(src, dst, 128, 128, [&](auto& out, auto& in, auto&) {
      GatherMask(out, in, static_cast<uint8_t>(2), false, 0, {1, 1, 0, 0}, taken);
    });
  }));
  EXPECT_EQ(taken, 64u);
  for (size_t i = 0; i < 64; ++i) EXPECT_EQ(dst[i], 2 * i + 2) << i;
}

// 32 words of pattern beside the source, that all repeats use from the start.
TEST_F(Pages, GatherMaskWithAMaskOfItsOwn) {
  std::vector<uint32_t> values(256 + 32, 0xF0F0F0F0);
  std::iota(values.begin(), values.begin() + 256, 0u);
  uint32_t* src = Device(values);
  uint32_t* dst = Device(std::vector<uint32_t>(256));
  uint64_t taken = 0;
  ExpectUndefinedTail(Run([&] {
    InAndOut(src, dst, 256 + 32, 256, [&](auto& out, auto& in, auto&) {
      GatherMask(out, in, in[256], true, 70, {1, 2, 4, 0}, taken);
    });
  }));
  // Two repeats of 70 elements, the second from element 32: of each, bits 4 to 7 of a byte.
  std::vector<uint32_t> expected;
  for (const uint32_t first : {0u, 32u}) {
    for (uint32_t i = 0; i < 70; ++i) {
      if (i % 8 >= 4) expected.push_back(first + i);
    }
  }
  EXPECT_EQ(taken, expected.size());
  EXPECT_EQ(std::vector<uint32_t>(dst, dst + expected.size()), expected);
}

TEST_F(Pages, WithoutTheStepThatComputes) {
  half* src = Device(std::vector<half>(288, static_cast<half>(1.0f)));
  half* dst = Device(std::vector<half>(16));
  const LaunchStats stats = Run([&] { InAndOut(src, dst, 288, 16, [](auto&, auto&, auto&) {}); });
  EXPECT_TRUE(stats.failed);
  EXPECT_BREACH(stats, Rule::kUninitialisedRead, "has never written");
}

// What is added to GM changes what others add there.
TEST_F(Pages, AtomicAdditionOfAnUndefinedTail) {
  float* dst = Device(std::vector<float>(16));
  const LaunchStats stats = Run([&] {
    TPipe pipe;
    TBuf<TPosition::VECCALC> buffer;
    pipe.InitBuffer(buffer, 64);
    LocalTensor<float> sum = buffer.Get<float>();
    GlobalTensor<float> dst_gm;
    dst_gm.SetGlobalBuffer(dst, 16);
    Duplicate(sum, 1.0f, 8);
    SetFlag<HardEvent::V_MTE3>(EVENT_ID0);
    WaitFlag<HardEvent::V_MTE3>(EVENT_ID0);
    SetAtomicAdd<float>();
    DataCopy(dst_gm, sum, 16);
    SetAtomicNone();
  });
  EXPECT_TRUE(stats.failed);
  EXPECT_BREACH(stats, Rule::kUninitialisedRead, "has never written");
}

// The page of Select: modes 1 and 2 work in 8 KB of UB.
TEST_F(Pages, SelectKeepsEightKilobytes) {
  const auto select = [this](uint32_t buffer_bytes, SELMODE mode) {
    return Run([=] {
      TPipe pipe;
      TBuf<TPosition::VECCALC> buffer;
      pipe.InitBuffer(buffer, buffer_bytes);
      LocalTensor<float> all = buffer.Get<float>();
      Duplicate(all, 1.0f, 256);
      PipeBarrier<PIPE_V>();
      Select(all[128], all.ReinterpretCast<uint8_t>(), all[64], all[192], mode, 64U);
    });
  };
  EXPECT_CLEAN(select(184 * 1024, SELMODE::VSEL_TENSOR_TENSOR_MODE));
  EXPECT_CLEAN(select(192 * 1024, SELMODE::VSEL_CMPMASK_SPR));
  EXPECT_BREACH(select(184 * 1024 + 32, SELMODE::VSEL_TENSOR_TENSOR_MODE), Rule::kReservedUb, "at 188416, got 188448");
}

// The page of SetMaskCount: back to normal mode after use. That of SetAtomicAdd recommends SetAtomicNone.
TEST_F(Pages, ModesAreTurnedOff) {
  const auto kernel = [this](bool counter, bool atomic) {
    return Run([=] {
      SetMaskCount();
      SetAtomicAdd<float>();
      if (!counter) SetMaskNorm();
      if (!atomic) SetAtomicNone();
    });
  };
  EXPECT_CLEAN(kernel(false, false));
  const LaunchStats counter = kernel(true, false), atomic = kernel(false, true);
  EXPECT_BREACH(counter, Rule::kModeLeftOn, "counter mode is still on");
  EXPECT_BREACH(atomic, Rule::kModeLeftOn, "atomic mode: still on");
  EXPECT_FALSE(counter.failed || atomic.failed);
}

}  // namespace
}  // namespace framework_testing
