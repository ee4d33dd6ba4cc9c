// Cross-core flags and SyncAll: who lets whom go on, what they order, what is reported when sides do not match.
// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <string>

#include "framework_testing.h"

namespace framework_testing {
namespace {

using namespace AscendC;  // NOLINT(google-build-using-namespace): as kernels do

class CrossCore : public Framework {
 protected:
  // Cycles at which cores come to Note().
  void Note() { at_[ascsim::Launch::Current()->core().name] = ascsim::CurrentCycle(); }
  int64_t At(const std::string& core) const { return at_.at(core); }
  static void Work(int64_t cycles) { ascsim::ScalarWork(static_cast<double>(cycles)); }

 private:
  std::map<std::string, int64_t> at_;
};

constexpr int64_t kLong = 5000, kSlack = 1500;  // cycles: of work, and of synchronisation at most

#define EXPECT_ABOUT(value, expected)      \
  do {                                     \
    EXPECT_GE(value, expected);            \
    EXPECT_LE(value, (expected) + kSlack); \
  } while (false)

TEST_F(CrossCore, ModeZeroWaitsForAllOfAKind) {
  const LaunchStats stats = Run(
      [this] {
        KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_2);
        // AIVs 0 to 5 work for up to 5 units, AICs for 10 and more: they do not wait for each other.
        Work(kLong * (g_coreType == AscendC::AIV ? GetBlockIdx() : 10 + GetBlockIdx()));
        CrossCoreSetFlag<0, PIPE_MTE3>(1);
        CrossCoreWaitFlag(1);
        Note();
      },
      3);
  EXPECT_CLEAN(stats);
  for (int i = 0; i < 6; ++i) EXPECT_ABOUT(At("AIV " + std::to_string(i)), 5 * kLong);
  for (int i = 0; i < 3; ++i) EXPECT_ABOUT(At("AIC " + std::to_string(i)), 12 * kLong);
}

TEST_F(CrossCore, ModeOneWaitsForTheOtherVectorCore) {
  const LaunchStats stats = Run(
      [this] {
        KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_2);
        Work(kLong * GetBlockIdx());
        if ASCEND_IS_AIV {
          CrossCoreSetFlag<1, PIPE_MTE3>(1);
          CrossCoreWaitFlag<1>(1);
        }
        Note();
      },
      2);
  EXPECT_CLEAN(stats);
  EXPECT_ABOUT(At("AIV 0"), kLong);
  EXPECT_ABOUT(At("AIV 1"), kLong);
  EXPECT_ABOUT(At("AIV 2"), 3 * kLong);
  EXPECT_ABOUT(At("AIV 3"), 3 * kLong);
  EXPECT_ABOUT(At("AIC 1"), kLong);
}

TEST_F(CrossCore, ModeTwoWaitsForTheOtherSide) {
  const LaunchStats stats = Run(
      [this] {
        KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_2);
        if ASCEND_IS_AIV {
          Work(kLong * (1 + GetBlockIdx()));
          CrossCoreSetFlag<2, PIPE_MTE3>(1);
          CrossCoreWaitFlag<2>(2);
        } else {
          CrossCoreWaitFlag<2>(1);
          Note();
          Work(kLong * 10);
          CrossCoreSetFlag<2, PIPE_MTE3>(2);
          return;
        }
        Note();
      },
      2);
  EXPECT_CLEAN(stats);
  EXPECT_ABOUT(At("AIC 0"), 2 * kLong);  // the later one of its AIVs
  EXPECT_ABOUT(At("AIC 1"), 4 * kLong);
  EXPECT_ABOUT(At("AIV 0"), 12 * kLong);
  EXPECT_ABOUT(At("AIV 1"), 12 * kLong);
  EXPECT_ABOUT(At("AIV 2"), 14 * kLong);
}

// The core that waits is behind: it must run before the one that sets has gone on for long.
TEST_F(CrossCore, WhoIsLetGoRunsInTheOrderOfTime) {
  int order = 0, waited = -1, far = -1;
  Run([&] {
    KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_1);
    if ASCEND_IS_AIC {
      Work(kLong);
      CrossCoreSetFlag<2, PIPE_MTE3>(1);
      for (int i = 0; i < 100; ++i) Work(100);
      far = order++;
    } else {
      CrossCoreWaitFlag<2>(1);
      Work(100);
      waited = order++;
    }
  });
  EXPECT_LT(waited, far);
}

TEST_F(CrossCore, SyncAllOfBothKindsWaitsForAll) {
  const LaunchStats stats = Run(
      [this] {
        KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_2);
        Work(kLong * (g_coreType == AscendC::AIV ? GetBlockIdx() : 10));
        if ASCEND_IS_AIV {
          SyncAll();
        }
        if (g_coreType == AscendC::AIV && GetBlockIdx() == 0) Note();
        SyncAll<false>();
        if (g_coreType != AscendC::AIV || GetBlockIdx() > 0) Note();
      },
      2);
  EXPECT_CLEAN(stats);
  EXPECT_ABOUT(At("AIV 0"), 3 * kLong);
  EXPECT_ABOUT(At("AIV 1"), 10 * kLong);
  EXPECT_ABOUT(At("AIC 0"), 10 * kLong);
}

TEST_F(CrossCore, ABarrierOfVectorCoresDoesNotLetOthersGo) {
  const LaunchStats stats = Run(
      [] {
        KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_1);
        if ASCEND_IS_AIV {
          SyncAll();
        } else {
          SyncAll<false>();
        }
      },
      6);
  EXPECT_ERROR(stats, "deadlock: AIC 0, block 0 waits at");
  EXPECT_BREACH(stats, Rule::kDeadlock, "in SyncAll for AIV 0 (block 0), AIV 1 (block 1), AIV 2 (block 2) and 3 more");
}

TEST_F(CrossCore, ABarrierOfVectorCoresIsNoneOfCubeCores) {
  const LaunchStats stats = Run([] {
    KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_2);
    SyncAll();
  });
  EXPECT_BREACH(stats, Rule::kParameterRange, "isAIVOnly: expected false on an AIC");
  EXPECT_EQ(stats.error, "");
}

// A core's tile of GM is read by another one.
enum class Order { kNone, kModeZero, kModeOne, kSyncAll };

void HandOver(int32_t* data, Order order) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_2);
  if ASCEND_IS_AIV {
    TPipe pipe;
    TBuf<TPosition::VECCALC> buffer;
    pipe.InitBuffer(buffer, 64);
    GlobalTensor<int32_t> gm;
    gm.SetGlobalBuffer(data, 64);
    LocalTensor<int32_t> mine = buffer.Get<int32_t>(8), others = buffer.GetWithOffset<int32_t>(8, 32);
    const auto block = static_cast<uint64_t>(GetBlockIdx()), other = block ^ 1;
    Duplicate(mine, static_cast<int32_t>(block), 8);
    SetFlag<HardEvent::V_MTE3>(0);
    WaitFlag<HardEvent::V_MTE3>(0);
    DataCopy(gm[block * 8], mine, 8);
    if (order == Order::kModeZero) CrossCoreSetFlag<0, PIPE_MTE3>(7);
    if (order == Order::kModeOne) CrossCoreSetFlag<1, PIPE_MTE3>(7);
    if (order == Order::kModeZero || order == Order::kModeOne) CrossCoreWaitFlag<0, PIPE_MTE2>(7);
    if (order == Order::kSyncAll) SyncAll<false>();
    DataCopy(others, gm[other * 8], 8);
    SetFlag<HardEvent::MTE2_S>(0);
    WaitFlag<HardEvent::MTE2_S>(0);
    if (order != Order::kNone) {
      EXPECT_EQ(others.GetValue(5), static_cast<int32_t>(other));
    }
  } else if (order == Order::kSyncAll) {
    SyncAll<false>();
  }
}

TEST_F(CrossCore, WhatFlagsAndBarriersOrder) {
  int32_t* data = Device(std::vector<int32_t>(64, 0));
  for (const Order order : {Order::kModeZero, Order::kModeOne, Order::kSyncAll}) {
    EXPECT_CLEAN(Run([=] { HandOver(data, order); }, 4));
  }
  EXPECT_GE(Count(Run([=] { HandOver(data, Order::kNone); }, 4), Rule::kRaceCores), 1);
  // A flag set before what it should order.
  const LaunchStats early = Run(
      [=] {
        TPipe pipe;
        TBuf<TPosition::VECCALC> buffer;
        pipe.InitBuffer(buffer, 64);
        GlobalTensor<int32_t> gm;
        gm.SetGlobalBuffer(data, 64);
        LocalTensor<int32_t> mine = buffer.Get<int32_t>(8), others = buffer.GetWithOffset<int32_t>(8, 32);
        const auto block = static_cast<uint64_t>(GetBlockIdx());
        Duplicate(mine, 1, 8);
        SetFlag<HardEvent::V_MTE3>(0);
        WaitFlag<HardEvent::V_MTE3>(0);
        CrossCoreSetFlag<0, PIPE_MTE3>(7);
        DataCopy(gm[block * 8], mine, 8);
        CrossCoreWaitFlag<0, PIPE_MTE2>(7);
        DataCopy(others, gm[(block ^ 1) * 8], 8);
      },
      2);
  EXPECT_BREACH(early, Rule::kRaceCores, "reads what MTE3 DataCopy");
}

TEST_F(CrossCore, CountersCount) {
  for (const int waits : {2, 3, 4}) {
    const LaunchStats stats = Run([=] {
      KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_2);
      if ASCEND_IS_AIC {
        for (int i = 0; i < 3; ++i) CrossCoreSetFlag<2, PIPE_MTE3>(9);
      } else {
        Work(kLong);
        for (int i = 0; i < waits; ++i) CrossCoreWaitFlag<2, PIPE_MTE2>(9);
      }
    });
    if (waits == 3) {
      EXPECT_CLEAN(stats);
    }
    if (waits == 2) {
      EXPECT_BREACH(stats, Rule::kFlagLeftSet, "cross-core flag 9 of AIV 0 (block 0) is set 1 times more");
    }
    if (waits == 4) {
      EXPECT_ERROR(stats, "for cross-core flag 9, which nobody has set for it");
    }
  }
}

TEST_F(CrossCore, AMissingSetNamesWhoDidNot) {
  const auto kernel = [](bool wait) {
    return [wait] {
      if (GetBlockIdx() != 3 && GetBlockIdx() != 5) CrossCoreSetFlag<0, PIPE_MTE3>(2);
      if (wait) CrossCoreWaitFlag(2);
    };
  };
  const LaunchStats waiting = Run(kernel(true), 7);
  EXPECT_ERROR(waiting, "deadlock: AIV 0, block 0 waits at");
  EXPECT_BREACH(waiting, Rule::kDeadlock,
                "for cross-core flag 2 (mode 0), which AIV 3 (block 3) and AIV 5 (block 5) did not set");
  const LaunchStats left = Run(kernel(false), 7);
  EXPECT_EQ(left.error, "");
  EXPECT_BREACH(left, Rule::kFlagLeftSet,
                "cross-core flag 2 (mode 0) is set by AIV 0 (block 0), but not by AIV 3 (block 3) and AIV 5 (block 5), "
                "when the kernel ends");
}

TEST_F(CrossCore, CountersHoldFifteen) {
  for (const int sets : {15, 16}) {
    for (const bool alone : {false, true}) {
      const LaunchStats stats = Run([=] {
        KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_2);
        if ASCEND_IS_AIV {
          if (!alone || GetBlockIdx() == 0) {
            for (int i = 0; i < sets; ++i) CrossCoreSetFlag<2, PIPE_MTE3>(0);
          }
        }
      });
      EXPECT_EQ(Count(stats, Rule::kCrossFlagOverflow, alone ? "before its partners set it" : "before it is waited"),
                sets == 16 ? 1 : 0)
          << Text(stats);
      EXPECT_EQ(Count(stats, Rule::kFlagLeftSet), 1) << Text(stats);
    }
  }
}

TEST_F(CrossCore, ModeZeroNeedsAllBlocksAtOnce) {
  EXPECT_CLEAN(Run(
      [] {
        KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIV_1_0);
        CrossCoreSetFlag<0, PIPE_MTE3>(1);
        CrossCoreWaitFlag(1);
      },
      48));
  EXPECT_ERROR(Run([] { CrossCoreSetFlag<0, PIPE_MTE3>(1); }, 49),
               "CrossCoreSetFlag<0>: expected a block dimension of at most 48 cores");
  EXPECT_ERROR(Run([] { SyncAll(); }, 49), "SyncAll: expected a block dimension of at most 48 cores");
}

TEST_F(CrossCore, ModesWithoutPartnersAreReported) {
  EXPECT_BREACH(Run([] { CrossCoreSetFlag<1, PIPE_MTE3>(1); }), Rule::kParameterRange, "modeId: expected mode 1");
  EXPECT_BREACH(Run([] { CrossCoreSetFlag<2, PIPE_MTE3>(1); }), Rule::kParameterRange, "modeId: expected mode 2");
  EXPECT_BREACH(Run([] {
                  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_2);
                  if ASCEND_IS_AIC {
                    CrossCoreSetFlag<1, PIPE_MTE3>(1);
                  }
                }),
                Rule::kParameterRange, "got it on AIC 0");
}

// AIV 1 of 3 keeps an Add behind a flag that its AIC sets late.
void KeepAnAdd() {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_1);
  if (GetBlockIdx() != 1) return;
  if ASCEND_IS_AIV {
    TPipe pipe;
    TBuf<TPosition::VECCALC> buffer;
    pipe.InitBuffer(buffer, 64);
    LocalTensor<float> t = buffer.Get<float>();
    CrossCoreWaitFlag<2, PIPE_V>(1);
    Add(t, t, t, 8);
  } else {
    ascsim::ScalarWork(kLong);
    CrossCoreSetFlag<2, PIPE_MTE3>(1);
    ascsim::ScalarWork(100 * kLong);
  }
}

TEST_F(CrossCore, ReportsNameTheCoreWhoseInstructionItIs) {
  const LaunchStats stats = Run(KeepAnAdd, 3);
  ASSERT_EQ(stats.breaches.size(), 1U) << Text(stats);
  EXPECT_EQ(stats.breaches[0].rule, Rule::kUninitialisedRead);
  EXPECT_EQ(stats.cores.at(static_cast<size_t>(stats.breaches[0].first.core)).name, "AIV 1");
  // On the timeline it is where the Add is, not where the AIC is by then.
  ASSERT_EQ(flags.breaches.size(), 1U);
  EXPECT_ABOUT(static_cast<int64_t>(ascsim::InCycles(flags.breaches[0])), kLong);
}

TEST_F(CrossCore, ErrorsNameTheCoreWhoseInstructionItIs) {
  mutate = [](ascsim::Instruction* i) {
    if (i->op == ascsim::Op::kAdd) i->dst.type = i->src0.type = ascsim::DType::kU8;
  };
  EXPECT_ERROR(Run(KeepAnAdd, 3), "AIV 1, block 1, ");
}

// The pages of SyncAll and CrossCoreSetFlag ask kernels of one kind of core for a type with hardware synchronisation.
TEST_F(CrossCore, KernelsOfOneKindNeedATypeWithSynchronisation) {
  const auto vector = [] { SyncAll(); };
  const auto cube = [] {
    CrossCoreSetFlag<0, PIPE_MTE3>(1);
    CrossCoreWaitFlag(1);
  };
  const auto untyped = Run(vector, 2);
  EXPECT_BREACH(untyped, Rule::kKernelType, "expected a kernel of type KERNEL_TYPE_MIX_AIV_1_0, got one that sets no");
  EXPECT_TRUE(untyped.failed);
  EXPECT_BREACH(Run(
                    [=] {
                      KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIC_ONLY);
                      cube();
                    },
                    2),
                Rule::kKernelType, "CrossCoreSetFlag<0>: expected a kernel of type KERNEL_TYPE_MIX_AIC_1_0, got");
  const LaunchStats typed = Run(
      [=] {
        KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_0);
        cube();
        EXPECT_TRUE(g_coreType == AscendC::AIC);
      },
      2);
  EXPECT_CLEAN(typed);
  EXPECT_EQ(typed.cores.size(), 2u);
  const LaunchStats all = Run(
      [=] {
        KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIV_1_0);
        vector();
      },
      48);
  EXPECT_CLEAN(all);
  EXPECT_EQ(all.cores.size(), 48u);
  // In software.
  int32_t* work = Device(std::vector<int32_t>(16, 0));
  EXPECT_CLEAN(Run(
      [=] {
        TPipe pipe;
        TBuf<TPosition::VECCALC> buffer;
        pipe.InitBuffer(buffer, 64);
        GlobalTensor<int32_t> gm;
        gm.SetGlobalBuffer(work, 16);
        SyncAll(gm, buffer.Get<int32_t>());
      },
      2));
}

}  // namespace
}  // namespace framework_testing
