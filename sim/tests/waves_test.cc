// More blocks than cores: each core runs several, one after the other, and nothing of one reaches the next.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>

#include "core/machine.h"
#include "engine/launch.h"
#include "engine/memory.h"
#include "host/device.h"
#include "kernel_operator.h"

namespace ascsim {
namespace {

using namespace AscendC;  // NOLINT(google-build-using-namespace): as kernels do

constexpr uint32_t kSlot = 8;  // int32: 32 bytes a block

class Waves : public testing::Test {
 protected:
  Waves() : memory_(uint64_t{1} << 30) {
    options_.checks = OptionsFor(CheckMode::kStrict);
    options_.max_instructions = 1'000'000;
    options_.progress = false;
  }

  LaunchStats Run(uint32_t blocks, const std::function<void()>& kernel) {
    static const Machine machine = LoadMachine("910b2");
    Launch launch(machine, memory_, options_, "waves", blocks, kernel);
    launch.Run();
    return launch.TakeStats();
  }

  GlobalMemory memory_;
  LaunchOptions options_;
};

// Writes the block's number to its slot of y.
void WriteNumber(uint8_t* y) {
  TPipe pipe;
  TBuf<TPosition::VECCALC> buffer;
  pipe.InitBuffer(buffer, 32);
  LocalTensor<int32_t> number = buffer.Get<int32_t>();
  GlobalTensor<int32_t> gm;
  gm.SetGlobalBuffer(reinterpret_cast<int32_t*>(y) + GetBlockIdx() * kSlot, kSlot);
  Duplicate(number, static_cast<int32_t>(GetBlockIdx()), static_cast<int32_t>(kSlot));
  SetFlag<HardEvent::V_MTE3>(EVENT_ID0);
  WaitFlag<HardEvent::V_MTE3>(EVENT_ID0);
  DataCopy(gm, number, kSlot);
}

TEST_F(Waves, EveryBlockRunsOnce) {
  for (const uint32_t blocks : {49U, 96U, 145U}) {
    auto* y = static_cast<int32_t*>(memory_.Allocate(blocks * kSlot * sizeof(int32_t)));
    for (uint32_t i = 0; i < blocks * kSlot; ++i) y[i] = -1;
    const LaunchStats stats = Run(blocks, [y] { WriteNumber(reinterpret_cast<uint8_t*>(y)); });
    EXPECT_EQ(stats.error, "");
    EXPECT_TRUE(stats.breaches.empty());
    EXPECT_FALSE(Failed(stats));
    for (uint32_t i = 0; i < blocks * kSlot; ++i) ASSERT_EQ(y[i], static_cast<int32_t>(i / kSlot));
  }
}

TEST_F(Waves, FlagsOfOneBlockAreNotSeenByTheNext) {
  const LaunchStats stats = Run(96, [] {
    if (GetBlockIdx() < 48) {
      SetFlag<HardEvent::MTE2_V>(EVENT_ID0);
    } else {
      WaitFlag<HardEvent::MTE2_V>(EVENT_ID0);
    }
  });
  EXPECT_NE(stats.error.find("deadlock"), std::string::npos) << stats.error;
  ASSERT_FALSE(stats.breaches.empty());
  EXPECT_EQ(stats.breaches[0].rule, Rule::kFlagLeftSet);
}

// The last copy of a block waits for a flag that the slowest core sets, when its own program has long ended.
TEST_F(Waves, ABlockEndsWhenItsQueuesAreEmpty) {
  constexpr uint32_t kBlocks = 48;
  auto* y = static_cast<int32_t*>(memory_.Allocate(kBlocks * kSlot * sizeof(int32_t)));
  const LaunchStats stats = Run(kBlocks, [y] {
    KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIV_1_0);
    TPipe pipe;
    TBuf<TPosition::VECCALC> buffer;
    pipe.InitBuffer(buffer, 32);
    LocalTensor<int32_t> number = buffer.Get<int32_t>();
    GlobalTensor<int32_t> gm;
    gm.SetGlobalBuffer(y + GetBlockIdx() * kSlot, kSlot);
    ScalarWork(1000.0 * static_cast<double>(GetBlockIdx()));
    Duplicate(number, static_cast<int32_t>(GetBlockIdx()), static_cast<int32_t>(kSlot));
    SetFlag<HardEvent::V_MTE3>(EVENT_ID0);
    WaitFlag<HardEvent::V_MTE3>(EVENT_ID0);
    CrossCoreSetFlag<0, PIPE_MTE3>(1);
    CrossCoreWaitFlag<0, PIPE_MTE3>(1);
    DataCopy(gm, number, kSlot);
  });
  EXPECT_EQ(stats.error, "");
  for (const Breach& breach : stats.breaches) ADD_FAILURE() << Format(breach);
  for (uint32_t i = 0; i < kBlocks * kSlot; ++i) ASSERT_EQ(y[i], static_cast<int32_t>(i / kSlot));
}

// Both sides by core and block, also where a core has run several.
TEST_F(Waves, ReportsNameTheBlock) {
  auto* y = static_cast<int32_t*>(memory_.Allocate(kSlot * sizeof(int32_t)));
  const LaunchStats race = Run(96, [y] {
    if (GetBlockIdx() != 29 && GetBlockIdx() != 77) return;
    WriteNumber(reinterpret_cast<uint8_t*>(y - GetBlockIdx() * kSlot));
  });
  ASSERT_EQ(race.breaches.size(), 1U);
  const Breach& breach = race.breaches[0];
  EXPECT_EQ(breach.rule, Rule::kRaceCores);
  const auto both = std::minmax(breach.first.block, breach.second.block);
  EXPECT_EQ(both.first, 29);
  EXPECT_EQ(both.second, 77);
  const auto place = [](const Party& party) { return party.core_name + ", block " + std::to_string(party.block); };
  for (const std::string& words :
       {"race-cores in waves, " + place(breach.first) + ": MTE3 DataCopy", " on " + place(breach.second) + " writes"}) {
    EXPECT_NE(Format(breach).find(words), std::string::npos) << Format(breach);
  }

  const LaunchStats flag = Run(96, [] {
    if (GetBlockIdx() == 77) SetFlag<HardEvent::MTE2_V>(EVENT_ID0);
  });
  ASSERT_EQ(flag.breaches.size(), 1U);
  EXPECT_EQ(flag.breaches[0].first.block, 77);

  const LaunchStats stuck = Run(2, [] {
    if (GetBlockIdx() == 1) WaitFlag<HardEvent::MTE2_S>(EVENT_ID0);
  });
  EXPECT_EQ(stuck.error.find("deadlock: AIV 1, block 1 waits at "), 0U) << stuck.error;
}

TEST_F(Waves, ErrorsBeyondTheReportLimitFail) {
  options_.checks.max_reports = 0;
  const LaunchStats stats = Run(1, [] { SetFlag<HardEvent::MTE2_V>(EVENT_ID0); });
  EXPECT_TRUE(stats.breaches.empty());
  EXPECT_EQ(stats.suppressed, 1U);
  EXPECT_TRUE(Failed(stats));
  EXPECT_NE(WhyFailed(stats), "");
}

}  // namespace
}  // namespace ascsim
