// Tests of tensors, flags, barriers, macros and debug output of kernels.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "framework_testing.h"
#include "kernel_operator.h"

namespace {

using namespace AscendC;
using namespace framework_testing;

// Tensors.

TEST_F(Framework, LocalTensorViews) {
  const LaunchStats stats = Run([] {
    TPipe pipe;
    TBuf<TPosition::VECCALC> buf;
    pipe.InitBuffer(buf, 1000);
    LocalTensor<int32_t> t = buf.Get<int32_t>();
    EXPECT_EQ(t.GetSize(), 256u);  // 1000 bytes become 1024
    EXPECT_EQ(t.GetLength(), 1024u);
    for (int i = 0; i < 256; ++i) t.SetValue(static_cast<uint32_t>(i), i * 3);
    EXPECT_EQ(t.GetValue(255), 765);
    LocalTensor<int32_t> part = t[16];
    EXPECT_EQ(part.GetValue(0), 48);
    EXPECT_EQ(part.GetSize(), 240u);
    EXPECT_EQ(part.End(), t.End());
    EXPECT_EQ(part.GetPhyAddr() - t.GetPhyAddr(), 64u);
    EXPECT_EQ(t.GetPhyAddr(16), part.GetPhyAddr());
    EXPECT_EQ(ascsim_detail::AddressOf(part.GetPhyAddr()), part.Address());
    LocalTensor<int16_t> narrow = t.ReinterpretCast<int16_t>();
    EXPECT_EQ(narrow.GetSize(), 512u);
    EXPECT_EQ(narrow.GetValue(2), 3);
    EXPECT_EQ(narrow.GetValue(3), 0);

    t(5) = 7;
    auto before = t(5);
    t(5) += 4;
    EXPECT_EQ(before, 7);  // the value when it was named, as from a reference that decays
    EXPECT_EQ(t(5), 11);
    t(6) = t(5);
    EXPECT_EQ(t.GetValue(6), 11);

    LocalTensor<half> halves;
    halves.SetAddrWithOffset(t, 8);
    EXPECT_EQ(halves.Address(), t.Address() + 32);
    halves.SetSize(16);
    EXPECT_EQ(halves.GetLength(), 32u);
    halves(1) = 1.5f;
    EXPECT_EQ(halves.GetValue(1), half(1.5f));

    const LocalTensor<float> at(TPosition::VECIN, 128, 32);
    EXPECT_EQ(at.GetSize(), 32u);
    EXPECT_EQ(at.Address(), 128u);
    EXPECT_EQ(at.GetPosition(), static_cast<int32_t>(TPosition::VECIN));

    t.SetUserTag(9);
    EXPECT_EQ(t[3].GetUserTag(), 9);
    const ascsim::Operand operand = ascsim_detail::OperandOf(part);
    EXPECT_TRUE(operand.used);
    EXPECT_EQ(operand.address, 64u);
    EXPECT_EQ(operand.type, ascsim::DType::kS32);
  });
  EXPECT_CLEAN(stats);
}

TEST_F(Framework, GlobalTensorViews) {
  float* data = Device(std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8});
  const LaunchStats stats = Run([=] {
    GlobalTensor<float> g;
    g.SetGlobalBuffer(data, 8);
    EXPECT_EQ(g.GetSize(), 8u);
    EXPECT_EQ(g[3].GetSize(), 5u);
    EXPECT_EQ(g[3].GetValue(1), 5.0f);
    EXPECT_EQ(g.GetPhyAddr(2), data + 2);
    g.SetValue(0, 9);
    g(1) = g(0) + 1;
    g(2) -= 1;
    GlobalTensor<float> unsized;
    unsized.SetGlobalBuffer(data);
    EXPECT_EQ(unsized.GetSize(), 0u);
    EXPECT_EQ(unsized.GetValue(1), 10.0f);
  });
  EXPECT_CLEAN(stats);
  EXPECT_EQ(std::vector<float>(data, data + 3), (std::vector<float>{9, 10, 2}));
}

TEST_F(Framework, AccessBeyondATensorIsReported) {
  float* data = Device(std::vector<float>(8, 1));
  const LaunchStats stats = Run([=] {
    GlobalTensor<float> g;
    g.SetGlobalBuffer(data, 4);
    g.GetValue(4);
    TPipe pipe;
    TBuf<TPosition::VECCALC> buf;
    pipe.InitBuffer(buf, 64);
    buf.Get<float>(8).SetValue(8, 1.0f);
    buf.Get<float>(17);
  });
  EXPECT_BREACH(stats, Rule::kOutOfBounds, "GetValue of element 4 ends 4 bytes beyond");
  EXPECT_BREACH(stats, Rule::kOutOfBounds, "SetValue of element 8");
  EXPECT_BREACH(stats, Rule::kOutOfBounds, "68 bytes at 0 of a buffer of 64");
  EXPECT_EQ(Count(stats, Rule::kOutOfBounds), 3) << Text(stats);
}

TEST_F(Framework, ATensorThatWasNeverAssignedIsOutOfBounds) {
  const LaunchStats stats = Run([] {
    LocalTensor<float> nothing;
    nothing.SetValue(0, 1.0f);
  });
  EXPECT_GE(Count(stats, Rule::kOutOfBounds), 1) << Text(stats);
}

// Flags, barriers, cores.

TEST_F(Framework, FlagsWithoutQueues) {
  float* data = Device(std::vector<float>(16, 2));
  const LaunchStats stats = Run([=] {
    TPipe pipe;
    TBuf<TPosition::VECCALC> buf;
    pipe.InitBuffer(buf, 64);
    LocalTensor<float> t = buf.Get<float>();
    GlobalTensor<float> g;
    g.SetGlobalBuffer(data, 16);
    event_t id = static_cast<event_t>(GetTPipePtr()->FetchEventID(HardEvent::MTE2_V));
    DataCopy(t, g, 16);
    SetFlag<HardEvent::MTE2_V>(id);
    WaitFlag<HardEvent::MTE2_V>(id);
    Adds(t, t, 1.0f, 16);
    PipeBarrier<PIPE_V>();
    Muls(t, t, 2.0f, 16);
    TQueSync<PIPE_V, PIPE_MTE3> sync;
    sync.SetFlag(1);
    sync.WaitFlag(1);
    DataCopy(g, t, 16);
    set_flag(PIPE_MTE3, PIPE_S, EVENT_ID2);
    wait_flag(PIPE_MTE3, PIPE_S, EVENT_ID2);
    pipe_barrier(PIPE_ALL);
  });
  EXPECT_CLEAN(stats);
  EXPECT_EQ(data[7], 6.0f);
  ExpectFlags(flags.events, {{Pipe::kMTE2, Pipe::kV, 0}, {Pipe::kV, Pipe::kMTE3, 1}, {Pipe::kMTE3, Pipe::kS, 2}});
}

TEST_F(Framework, BarrierOfTheScalarUnitIsABreach) {
  EXPECT_BREACH(Run([] { PipeBarrier<PIPE_S>(); }), Rule::kParameterRange, "PipeBarrier<PIPE_S>");
}

TEST_F(Framework, AicAndAivHandOver) {
  std::vector<float> values(64);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  float *in = Device(values), *middle = Device(std::vector<float>(64)), *out = Device(std::vector<float>(64));
  const LaunchStats stats = Run([=] {
    KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_2);
    TPipe pipe;
    GlobalTensor<float> i, m, o;
    i.SetGlobalBuffer(in, 64);
    m.SetGlobalBuffer(middle, 64);
    o.SetGlobalBuffer(out, 64);
    if ASCEND_IS_AIC {
      EXPECT_TRUE(g_coreType == AscendC::AIC);
      EXPECT_EQ(GetTaskRatio(), 1);
      TBuf<TPosition::A1> l1;
      pipe.InitBuffer(l1, 256);
      LocalTensor<float> t = l1.Get<float>();
      DataCopy(t, i, 64);
      SetFlag<HardEvent::MTE2_MTE3>(EVENT_ID0);
      WaitFlag<HardEvent::MTE2_MTE3>(EVENT_ID0);
      DataCopy(m, t, 64);
      CrossCoreSetFlag<0x2, PIPE_MTE3>(3);
    }
    if ASCEND_IS_AIV {
      EXPECT_TRUE(g_coreType == AscendC::AIV);
      TQueBind<TPosition::VECIN, TPosition::VECOUT, 1> q;
      pipe.InitBuffer(q, 1, 128);
      const auto begin = static_cast<uint64_t>(GetSubBlockIdx()) * 32;
      CrossCoreWaitFlag(3);
      EXPECT_EQ(GetTaskRatio(), 2);
      EXPECT_EQ(GetBlockIdx(), GetSubBlockIdx());
      LocalTensor<float> t = q.AllocTensor<float>();
      DataCopy(t, m[begin], 32);
      q.EnQue(t);
      t = q.DeQue<float>();
      DataCopy(o[begin], t, 32);
      q.FreeTensor(t);
    }
  });
  EXPECT_CLEAN(stats);
  EXPECT_EQ(std::vector<float>(out, out + 64), values);
  EXPECT_EQ(flags.cross.size(), 2u);
}

TEST_F(Framework, SyncAllOrdersCores) {
  int32_t* data = Device(std::vector<int32_t>(256, 0));
  int32_t* work = Device(std::vector<int32_t>(64, 0));
  for (const bool software : {false, true}) {
    const LaunchStats stats = Run(
        [=] {
          KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIV_1_0);
          TPipe pipe;
          TBuf<TPosition::VECCALC> buf;
          pipe.InitBuffer(buf, 512);
          GlobalTensor<int32_t> g, w;
          g.SetGlobalBuffer(data, 256);
          w.SetGlobalBuffer(work, 64);
          LocalTensor<int32_t> t = buf.Get<int32_t>(8), ub = buf.GetWithOffset<int32_t>(64, 256);
          const auto block = static_cast<uint64_t>(GetBlockIdx());
          Duplicate(t, static_cast<int32_t>(block) + 1, 8);
          SetFlag<HardEvent::V_MTE3>(0);
          WaitFlag<HardEvent::V_MTE3>(0);
          DataCopy(g[block * 8], t, 8);
          if (software) {
            SyncAll(w, ub);
          } else {
            SyncAll();
          }
          SetFlag<HardEvent::MTE3_MTE2>(0);
          WaitFlag<HardEvent::MTE3_MTE2>(0);
          DataCopy(t, g[(block + 1) % 8 * 8], 8);
          SetFlag<HardEvent::MTE2_S>(0);
          WaitFlag<HardEvent::MTE2_S>(0);
          EXPECT_EQ(t.GetValue(3), static_cast<int32_t>((block + 1) % 8) + 1);
        },
        8);
    EXPECT_CLEAN(stats);
  }
  const LaunchStats small = Run(
      [=] {
        TPipe pipe;
        TBuf<TPosition::VECCALC> buf;
        pipe.InitBuffer(buf, 128);
        GlobalTensor<int32_t> w;
        w.SetGlobalBuffer(work, 64);
        SyncAll(w, buf.Get<int32_t>());
      },
      8);
  EXPECT_GE(Count(small, Rule::kParameterRange, "needs 256 bytes of workspace in GM and UB, got 256 and 128"), 1)
      << Text(small);
  EXPECT_ERROR(Run([=] {
                 TPipe pipe;
                 TBuf<TPosition::VECCALC> buf;
                 pipe.InitBuffer(buf, 128);
                 GlobalTensor<int32_t> w;
                 w.SetGlobalBuffer(work, 64);
                 SyncAll(w, buf.Get<int32_t>(), 3);
               }),
               "SyncAll(usedCores = 3) of 1 blocks");
}

// Macros.

struct Tiling {
  uint32_t total;
  uint16_t tiles;
  uint64_t list[2];
};

TEST_F(Framework, TilingData) {
  Tiling* tiling = Device(std::vector<Tiling>{{100, 7, {11, 12}}});
  GM_ADDR address = reinterpret_cast<GM_ADDR>(tiling);
  const LaunchStats stats = Run([=] {
    REGISTER_TILING_DEFAULT(Tiling);
    GET_TILING_DATA(data, address);
    KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
    EXPECT_EQ(data.total, 100u);
    GET_TILING_DATA_WITH_STRUCT(Tiling, again, address);
    EXPECT_EQ(again.tiles, 7);
    GET_TILING_DATA_MEMBER(Tiling, list, list, address);
    EXPECT_EQ(list[1], 12u);
    GET_TILING_DATA_PTR_WITH_STRUCT(Tiling, pointer, address);
    COPY_TILING_WITH_ARRAY(uint64_t, 2, pointer->list, array);
    EXPECT_EQ((*array)[0], 11u);
    COPY_TILING_WITH_STRUCT(Tiling, pointer, copy);
    EXPECT_EQ(copy->total, 100u);
  });
  EXPECT_CLEAN(stats);
  EXPECT_ERROR(Run([] { GET_TILING_DATA_WITH_STRUCT(Tiling, data, nullptr); }), "tiling data: the pointer is null");
  uint32_t* small = Device(std::vector<uint32_t>(2));
  EXPECT_ERROR(Run([=] { GET_TILING_DATA_WITH_STRUCT(Tiling, data, small); }), "fewer bytes behind it");
}

TEST_F(Framework, TilingKeys) {
  ascsim::CurrentTilingKey() = {};
  EXPECT_ERROR(Run([] {
                 if (TILING_KEY_IS(1)) PipeBarrier<PIPE_ALL>();
               }),
               "no tiling key; call ascsim::SetTilingKey");
  ascsim::SetTilingKey(2);
  int taken = 0;
  EXPECT_CLEAN(Run([&] {
    KERNEL_TASK_TYPE(2, KERNEL_TYPE_MIX_AIC_1_1);
    if (TILING_KEY_IS(1)) {
      taken = 1;
    } else if (TILING_KEY_IS(2)) {
      taken = 2;
    }
  }));
  EXPECT_EQ(taken, 2);
  ascsim::CurrentTilingKey() = {};
}

TEST_F(Framework, BlockIndices) {
  std::vector<int64_t> seen;
  EXPECT_CLEAN(Run(
      [&] {
        PipeBarrier<PIPE_ALL>();
        EXPECT_EQ(GetBlockNum(), 5);
        EXPECT_EQ(GetSubBlockIdx(), 0);
        EXPECT_EQ(GetTaskRation(), 1);
        seen.push_back(GetBlockIdx());
      },
      5));
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, (std::vector<int64_t>{0, 1, 2, 3, 4}));
}

// Debug output.

TEST(Debug, Format) {
  using ascsim_detail::FormatAll;
  EXPECT_EQ(FormatAll("a %d b %5.2f %s %x%%\n", int64_t{-5}, half(1.25f), "text", uint8_t{255}),
            "a -5 b  1.25 text ff%\n");
  EXPECT_EQ(FormatAll("%lld %lu %u %f", 1, 2u, true, bfloat16_t(2)), "1 2 1 2.000000");
  EXPECT_EQ(FormatAll("%d %d", 1), "1 (no argument)");
  EXPECT_EQ(FormatAll("%03d|%-4u|", 7, 8u), "007|8   |");
  EXPECT_EQ(FormatAll("%f %d", 3, 2.9f), "3.000000 2");
  EXPECT_EQ(FormatAll("%p", static_cast<void*>(nullptr)), FormatAll("%p", 0));
}

TEST(Debug, PrintfOfHostCode) {
  testing::internal::CaptureStdout();
  AscendC::printf("%d\n", 5);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "5\n");
}

TEST_F(Framework, DumpTensorAndPrintf) {
  testing::internal::CaptureStdout();
  const LaunchStats stats = Run([] {
    TPipe pipe;
    TBuf<TPosition::VECCALC> buf;
    pipe.InitBuffer(buf, 64);
    LocalTensor<half> t = buf.Get<half>();
    for (uint32_t i = 0; i < 8; ++i) t.SetValue(i, static_cast<float>(i) / 2);
    DumpTensor(t, 5, 3);
    const uint32_t shape[] = {2, 2};
    DumpTensor(t[1], 6, 3, ShapeInfo(2, shape));
    AscendC::printf("value %f at %d\n", t.GetValue(3), 3);
    PRINTF("%d\n", t.ReinterpretCast<int16_t>()(1));
  });
  const std::string out = testing::internal::GetCapturedStdout();
  EXPECT_CLEAN(stats);
  EXPECT_NE(out.find("DumpTensor: desc=5, addr=0, data_type=float16, position=UB, dump_size=3\n"
                     "[0.000000, 0.500000, 1.000000]\n"),
            std::string::npos)
      << out;
  EXPECT_NE(out.find("[[0.500000, 1.000000],\n[1.500000, -]]\n"), std::string::npos) << out;
  EXPECT_NE(out.find("value 1.500000 at 3\n"), std::string::npos) << out;
  EXPECT_NE(out.find("14336\n"), std::string::npos) << out;
}

void Asserts(int value) {
  assert(value == 1);
  ASSERT(value == 1 && "message");
  ascendc_assert(value == 1, "value is %d", value);
}
TEST_F(Framework, AssertionsEndTheLaunch) {
  EXPECT_CLEAN(Run([] { Asserts(1); }));
  const LaunchStats stats = Run([] { Asserts(2); });
  EXPECT_ERROR(stats, "assertion `value == 1' failed");
  EXPECT_ERROR(stats, "framework_test.cc");
  EXPECT_ERROR(Run([] { ascendc_assert(1 == 2, "one is %d", 1); }), "assertion `1 == 2' failed: one is 1");
  EXPECT_ERROR(Run([] { Trap(); }), "Trap()");
}

TEST_F(Framework, SystemCycleCountsTwentyNanoseconds) {
  int64_t ticks = 0;
  const LaunchStats stats = Run([&] {
    const int64_t before = GetSystemCycle();
    ascsim::ScalarWork(3600);
    PipeBarrier<PIPE_ALL>();
    ticks = GetSystemCycle() - before;
  });
  EXPECT_CLEAN(stats);
  // 3600 cycles at 1800 MHz are 2 us, 100 ticks.
  EXPECT_NEAR(static_cast<double>(ticks), 100, 2);
}

}  // namespace
