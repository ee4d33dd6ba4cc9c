// Where the time of every queue goes: work, waits by cause and idleness, against what a recorder sees as it happens.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <utility>

#include "framework_testing.h"

namespace framework_testing {
namespace {

using namespace AscendC;  // NOLINT(google-build-using-namespace): as kernels do
using ascsim::InCycles;
using ascsim::Instruction;
using ascsim::kNumPipes;
using ascsim::Slot;
using ascsim::Stall;
using ascsim::Time;

// Keeps every interval in which a queue works or waits.
class Intervals : public Flags {
 public:
  struct Interval {
    Time begin = 0, end = 0;
    Stall stall = Stall::kCount;  // kCount: work
  };
  void OnInstruction(int core, const Instruction& i, const Slot& slot) override {
    of[{core, i.pipe}].push_back({slot.start, slot.free, Stall::kCount});
  }
  void OnStall(int core, Pipe pipe, Stall stall, Time begin, Time end) override {
    of[{core, pipe}].push_back({begin, end, stall});
  }
  std::map<std::pair<int, Pipe>, std::vector<Interval>> of;
};

class Accounting : public testing::Test {
 protected:
  LaunchStats Run(const std::function<void()>& body, uint32_t blocks = 1) {
    ascsim::LaunchOptions options;
    options.checks = ascsim::OptionsFor(mode_);
    options.progress = false;
    options.recorder = &intervals_;
    static const ascsim::Machine machine = ascsim::LoadMachine("910b2");
    ascsim::Launch launch(machine, memory_, options, "accounting", blocks, body);
    launch.Run();
    return launch.TakeStats();
  }
  // Sums of queues are those of their intervals, which do not overlap; what lies between them is idle.
  void Compare(const LaunchStats& stats);
  static double Stalled(const LaunchStats& stats, const std::string& core, Pipe pipe, Stall stall);

  ascsim::GlobalMemory memory_{uint64_t{1} << 30};
  Intervals intervals_;
  ascsim::CheckMode mode_ = ascsim::CheckMode::kStrict;
};

double Accounting::Stalled(const LaunchStats& stats, const std::string& core, Pipe pipe, Stall stall) {
  for (const auto& c : stats.cores) {
    if (c.name == core) return InCycles(c.queues[static_cast<size_t>(pipe)].stalled[static_cast<size_t>(stall)]);
  }
  return -1;
}

void Accounting::Compare(const LaunchStats& stats) {
  EXPECT_EQ(stats.error, "");
  for (size_t c = 0; c < stats.cores.size(); ++c) {
    const auto& core = stats.cores[c];
    for (size_t p = 0; p < kNumPipes; ++p) {
      const auto& queue = core.queues[p];
      EXPECT_EQ(std::accumulate(queue.stalled.begin(), queue.stalled.end(), queue.busy + queue.idle), core.total);
      auto& seen = intervals_.of[{static_cast<int>(c), static_cast<Pipe>(p)}];
      Time busy = 0, end = 0;
      std::array<Time, ascsim::kNumStalls> stalled{};
      for (const auto& interval : seen) {
        EXPECT_GE(interval.begin, end) << core.name << " pipe " << p;
        end = interval.end;
        (interval.stall == Stall::kCount ? busy : stalled[static_cast<size_t>(interval.stall)]) +=
            interval.end - interval.begin;
      }
      EXPECT_LE(end, core.total);
      EXPECT_EQ(stalled, queue.stalled) << core.name << " pipe " << p;
      if (p == static_cast<size_t>(Pipe::kS)) continue;  // issuing an instruction is no interval
      EXPECT_EQ(busy, queue.busy) << core.name << " pipe " << p;
      const Time waited = std::accumulate(stalled.begin(), stalled.end(), Time{0});
      EXPECT_EQ(queue.idle, core.total - busy - waited) << core.name << " pipe " << p;
    }
  }
}

// Flags of all kinds, barriers, scalar accesses and full queues, several blocks to a core.
void Everything(float* x, float* y, uint64_t seed) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_2);
  std::mt19937_64 random(seed + static_cast<uint64_t>(GetBlockIdx()));
  GlobalTensor<float> in, out;
  in.SetGlobalBuffer(x, 1 << 16);
  out.SetGlobalBuffer(y + GetBlockIdx() * 1024, 1024);
  TPipe pipe;
  if ASCEND_IS_AIC {
    TBuf<TPosition::A1> l1;
    pipe.InitBuffer(l1, 4096);
    for (int i = 0; i < 10; ++i) {
      DataCopy(l1.Get<float>(), in[random() % 64 * 512], 512);
      PipeBarrier<PIPE_MTE2>();
      ascsim::ScalarWork(static_cast<double>(random() % 2000));
      CrossCoreSetFlag<2, PIPE_MTE2>(1);
      CrossCoreWaitFlag<2, PIPE_MTE2>(2);
    }
    return;
  }
  TQue<TPosition::VECIN, 2> q;
  TQue<TPosition::VECOUT, 2> r;
  pipe.InitBuffer(q, 2, 4096);
  pipe.InitBuffer(r, 2, 4096);
  for (int i = 0; i < 10; ++i) {
    CrossCoreWaitFlag<2, PIPE_MTE2>(1);
    LocalTensor<float> a = q.AllocTensor<float>();
    DataCopy(a, in[random() % 64 * 512], 1024);
    q.EnQue(a);
    a = q.DeQue<float>();
    LocalTensor<float> b = r.AllocTensor<float>();
    for (uint64_t n = random() % 30; n > 0; --n) {
      Add(b, a, a, 1024);
      PipeBarrier<PIPE_V>();
    }
    Muls(b, a, 2.0F, 1024);
    r.EnQue(b);
    q.FreeTensor(a);
    b = r.DeQue<float>();
    DataCopy(out, b, 1024);
    r.FreeTensor(b);
    if (random() % 3 == 0) PipeBarrier<PIPE_ALL>();
    PipeBarrier<PIPE_MTE3>();
    CrossCoreSetFlag<2, PIPE_MTE2>(2);
  }
}

TEST_F(Accounting, EveryTickOfEveryQueueHasACause) {
  std::printf("seed %llu\n", static_cast<unsigned long long>(Seed()));
  auto* x = static_cast<float*>(memory_.Allocate(sizeof(float) << 16));
  auto* y = static_cast<float*>(memory_.Allocate(sizeof(float) * 100 * 1024));
  std::fill_n(x, 1 << 16, 1.0F);
  for (const uint32_t blocks : {1U, 24U, 40U}) {
    intervals_.of.clear();
    const LaunchStats stats = Run([=] { Everything(x, y, Seed()); }, blocks);
    for (const ascsim::Breach& breach : stats.breaches) ADD_FAILURE() << ascsim::Format(breach);
    Compare(stats);
    for (const Stall stall : {Stall::kBarrier, Stall::kCrossCore, Stall::kFlagV, Stall::kFlagMTE2, Stall::kFlagMTE3}) {
      double sum = 0;
      for (const auto& core : stats.cores) {
        for (const auto& queue : core.queues) sum += InCycles(queue.stalled[static_cast<size_t>(stall)]);
      }
      EXPECT_GT(sum, 0) << ascsim::StallName(stall);
    }
  }
}

// The program of a core with more blocks stands between them until its queues are done.
TEST_F(Accounting, TheScalarUnitIsIdleUntilItsQueuesAreDone) {
  auto* x = static_cast<float*>(memory_.Allocate(sizeof(float) << 14));
  const LaunchStats stats = Run(
      [=] {
        TPipe pipe;
        TBuf<TPosition::VECCALC> buffer;
        pipe.InitBuffer(buffer, 65536);
        GlobalTensor<float> gm;
        gm.SetGlobalBuffer(x, 1 << 14);
        DataCopy(buffer.Get<float>(), gm, 1 << 14);
      },
      96);
  Compare(stats);
  for (const auto& core : stats.cores) {
    const Time copies = core.queues[static_cast<size_t>(Pipe::kMTE2)].busy;
    EXPECT_GE(core.queues[0].idle, copies * 9 / 10);
  }
}

constexpr double kWait = 20000;  // cycles

// One AIV's queue holds as much as fits behind a flag that comes late.
LaunchStats FullBehindAFlag(const std::function<LaunchStats(const std::function<void()>&)>& run, int before, int behind,
                            int64_t* went_on) {
  return run([=] {
    KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_1);
    if ASCEND_IS_AIC {
      ascsim::ScalarWork(kWait);
      CrossCoreSetFlag<2, PIPE_MTE3>(1);
      return;
    }
    TPipe pipe;
    TBuf<TPosition::VECCALC> buffer;
    pipe.InitBuffer(buffer, 4096);
    LocalTensor<float> t = buffer.Get<float>();
    for (int i = 0; i < before; ++i) Duplicate(t[static_cast<uint32_t>(i) * 8], 1.0F, 8);
    CrossCoreWaitFlag<2, PIPE_V>(1);
    for (int i = 0; i < behind; ++i) Duplicate(t[static_cast<uint32_t>(before + i) * 8], 1.0F, 8);
    *went_on = ascsim::CurrentCycle();
  });
}

TEST_F(Accounting, AFullQueueIsWaitedForUntilItsFlagComes) {
  const auto run = [this](const std::function<void()>& body) {
    intervals_.of.clear();
    return Run(body);
  };
  for (const int before : {0, 3, 20}) {
    int64_t went_on = 0;
    // The flag and 15 more are 16 instructions that have not started.
    const LaunchStats fits = FullBehindAFlag(run, before, 15, &went_on);
    Compare(fits);
    EXPECT_LT(went_on, kWait / 10);
    EXPECT_LT(Stalled(fits, "AIV 0", Pipe::kS, Stall::kQueueFull), kWait / 10);
    const LaunchStats full = FullBehindAFlag(run, before, 16, &went_on);
    Compare(full);
    EXPECT_GE(went_on, kWait);
    EXPECT_LT(went_on, kWait * 1.1);
    EXPECT_GT(Stalled(full, "AIV 0", Pipe::kS, Stall::kQueueFull), kWait * 0.9);
    EXPECT_EQ(Stalled(full, "AIV 0", Pipe::kS, Stall::kCrossCore), 0);
  }
}

// Instructions that work and instructions behind a flag fill a queue together.
TEST_F(Accounting, AQueueHoldsSixteenOfBothKinds) {
  constexpr int kCount = 255 * 64, kBehind = 8;
  constexpr double kEach = 255;  // cycles, at least
  int64_t went_on = 0;
  const LaunchStats stats = Run([&] {
    KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_1);
    if ASCEND_IS_AIC {
      ascsim::ScalarWork(kWait);
      CrossCoreSetFlag<2, PIPE_MTE3>(1);
      return;
    }
    TPipe pipe;
    TBuf<TPosition::VECCALC> buffer;
    pipe.InitBuffer(buffer, kCount * sizeof(float));
    LocalTensor<float> t = buffer.Get<float>();
    for (int i = 0; i < 16; ++i) {
      Duplicate(t, 1.0F, kCount);
      PipeBarrier<PIPE_V>();
    }
    const int64_t before = ascsim::CurrentCycle();
    EXPECT_GE(before, 15 * kEach / 2);  // 32 instructions: half of them must have started
    CrossCoreWaitFlag<2, PIPE_V>(1);
    for (int i = 0; i < kBehind; ++i) SetFlag<HardEvent::V_MTE3>(static_cast<event_t>(i));
    went_on = ascsim::CurrentCycle();
    for (int i = 0; i < kBehind; ++i) WaitFlag<HardEvent::V_MTE3>(static_cast<event_t>(i));
  });
  Compare(stats);
  // Instruction 41 of V is issued when instruction 25, Duplicate 13, starts.
  EXPECT_GE(went_on, 12 * kEach);
  EXPECT_LT(went_on, 16 * kEach * 1.2);
}

// 10 Adds of 64 repeats, each of the result of the one before or of what none of them writes.
void Adds(bool dependent, bool barriers) {
  constexpr uint32_t kCount = 64 * 64;
  TPipe pipe;
  TBuf<TPosition::VECCALC> buffer;
  pipe.InitBuffer(buffer, 11 * kCount * sizeof(float));
  LocalTensor<float> t = buffer.Get<float>();
  Duplicate(t, 1.0F, kCount);
  PipeBarrier<PIPE_V>();
  for (uint32_t i = 0; i < 10; ++i) {
    Add(t[(i + 1) * kCount], t[dependent ? i * kCount : 0], t, kCount);
    if (barriers) PipeBarrier<PIPE_V>();
  }
}

TEST_F(Accounting, WhatTheCompilerInsertsTakesTime) {
  const auto time = [this](bool dependent, bool barriers) {
    intervals_.of.clear();
    const LaunchStats stats = Run([=] { Adds(dependent, barriers); });
    EXPECT_TRUE(stats.breaches.empty());
    Compare(stats);
    EXPECT_EQ(Stalled(stats, "AIV 0", Pipe::kV, Stall::kBarrier) > 30, dependent || barriers);
    return InCycles(stats.cores[0].total);
  };
  const double strict = time(true, true);
  mode_ = ascsim::CheckMode::kAutoSync;
  EXPECT_EQ(time(true, true), strict);
  EXPECT_NEAR(time(true, false), strict, strict * 0.05);
  EXPECT_LT(time(false, false), strict * 0.9);
}

// The scalar unit of a kernel without flags of its own, beside instructions that wait for the AIC.
TEST_F(Accounting, InsertedFlagsOfTheScalarUnitTakeTime) {
  mode_ = ascsim::CheckMode::kAutoSync;
  int64_t before = 0, after = 0;
  const LaunchStats stats = Run([&] {
    KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_1);
    if ASCEND_IS_AIC {
      ascsim::ScalarWork(kWait);
      CrossCoreSetFlag<2, PIPE_MTE3>(1);
      return;
    }
    TPipe pipe;
    TBuf<TPosition::VECCALC> first, second;
    pipe.InitBuffer(first, 65536);
    pipe.InitBuffer(second, 64);
    LocalTensor<float> t = first.Get<float>(), other = second.Get<float>();
    CrossCoreWaitFlag<2, PIPE_V>(1);
    Duplicate(t, 3.0F, 255 * 64);
    // Other bytes have nothing to wait for, not even for what their own core lets go later.
    WaitFlag<HardEvent::MTE2_V>(EVENT_ID0);
    Duplicate(t[255 * 64], 3.0F, 8);
    other.SetValue(0, 2.0F);
    EXPECT_EQ(other.GetValue(0), 2.0F);
    SetFlag<HardEvent::MTE2_V>(EVENT_ID0);
    before = ascsim::CurrentCycle();
    EXPECT_EQ(t.GetValue(5), 3.0F);
    after = ascsim::CurrentCycle();
    t.SetValue(6, 4.0F);
    Muls(t, t, 2.0F, 8);
    EXPECT_EQ(t.GetValue(6), 8.0F);
  });
  for (const ascsim::Breach& breach : stats.breaches) ADD_FAILURE() << ascsim::Format(breach);
  Compare(stats);
  EXPECT_LT(before, kWait / 10);
  EXPECT_GE(after, kWait + 255);
  EXPECT_GT(Stalled(stats, "AIV 0", Pipe::kS, Stall::kFlagV), kWait * 0.9);
}

}  // namespace
}  // namespace framework_testing
