// Constants that no published figure tests, in whole launches: latencies, flags, queues, SyncAll, the launch itself.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/machine.h"
#include "engine/launch.h"
#include "engine/memory.h"
#include "kernel_operator.h"

namespace ascsim {
namespace {

using namespace AscendC;  // NOLINT(google-build-using-namespace): as kernels do

struct Placed {
  int core;
  Op op;
  Slot slot;
};

struct Stalled {
  Pipe pipe;
  Stall stall;
  Time begin, end;
};

class Timeline : public Recorder {
 public:
  void OnInstruction(int core, const Instruction& i, const Slot& slot) override {
    placed.push_back({core, i.op, slot});
  }
  void OnStall(int, Pipe pipe, Stall stall, Time begin, Time end) override {
    stalled.push_back({pipe, stall, begin, end});
  }
  void OnFlag(int, Pipe, Pipe, uint32_t, Time set, Time wait, Loc, Loc) override {
    flag_set = set;
    flag_wait = wait;
  }
  void OnCrossFlag(int, Pipe, int, Pipe, uint32_t, Time set, Time wait) override {
    flag_set = set;
    flag_wait = wait;
  }
  void OnBreach(const Breach& breach, Time) override { ADD_FAILURE() << Format(breach); }

  Slot Of(Op op, size_t which = 0) const {
    for (const Placed& p : placed) {
      if (p.op == op && which-- == 0) return p.slot;
    }
    throw std::runtime_error(std::string("no ") + OpName(op));
  }
  Time StallOf(Pipe pipe, Stall stall) const {
    Time sum = 0;
    for (const Stalled& s : stalled) sum += s.pipe == pipe && s.stall == stall ? s.end - s.begin : 0;
    return sum;
  }

  std::vector<Placed> placed;
  std::vector<Stalled> stalled;
  Time flag_set = -1, flag_wait = -1;
};

class EngineTiming : public testing::Test {
 protected:
  LaunchStats Run(const std::string& set, const std::function<void()>& kernel, uint32_t blocks = 1) {
    machine_ = LoadMachine("910b2", set);
    timeline_ = {};
    LaunchOptions options;
    options.checks = OptionsFor(CheckMode::kStrict);
    options.progress = false;
    options.recorder = &timeline_;
    Launch launch(machine_, memory_, options, "timing", blocks, kernel);
    launch.Run();
    LaunchStats stats = launch.TakeStats();
    EXPECT_EQ(stats.error, "");
    return stats;
  }

  GlobalTensor<float> Gm() {
    GlobalTensor<float> gm;
    gm.SetGlobalBuffer(static_cast<float*>(data_), 4096);
    return gm;
  }

  GlobalMemory memory_{uint64_t{1} << 30};
  void* data_ = memory_.Allocate(16384);
  Machine machine_;
  Timeline timeline_;
};

// Distinct, so that none stands for another.
const char* const kLatencies = "dma.latency=310,dma.latency_l2=170,dma.latency_write=230,scalar.flag=3";

// The wait for one small copy ends at a known time: a queue that comes a cycle before it is held for that cycle, one
// that comes then is not held at all.
TEST_F(EngineTiming, LatencyOfASmallCopyIn) {
  for (const bool hit : {false, true}) {
    const auto kernel = [&](double work) {
      return [this, hit, work] {
        TPipe pipe;
        TBuf<TPosition::VECCALC> buffer;
        pipe.InitBuffer(buffer, 64);
        LocalTensor<float> x = buffer.Get<float>();
        if (hit) {
          DataCopy(x, Gm(), 8);
          PipeBarrier<PIPE_ALL>();
        }
        DataCopy(x, Gm(), 8);
        SetFlag<HardEvent::MTE2_V>(EVENT_ID0);
        ScalarWork(work);
        WaitFlag<HardEvent::MTE2_V>(EVENT_ID0);
        Adds(x[8], x, 1.0f, 8);
      };
    };
    Run(kLatencies, kernel(0));
    const Slot copy = timeline_.Of(Op::kCopyGmToUb, hit ? 1 : 0);
    EXPECT_EQ(copy.free - copy.start, Cycles(machine_.dma_issue));
    const Time ready = copy.free + Cycles(hit ? 170 : 310) + Cycles(3);
    EXPECT_EQ(timeline_.Of(Op::kAdds).start, ready);
    const Time stall = timeline_.StallOf(Pipe::kV, Stall::kFlagMTE2);
    EXPECT_GT(stall, Cycles(1));
    Run(kLatencies, kernel(InCycles(stall) - 1));
    EXPECT_EQ(timeline_.StallOf(Pipe::kV, Stall::kFlagMTE2), Cycles(1));
    EXPECT_EQ(timeline_.flag_wait, ready);
    Run(kLatencies, kernel(InCycles(stall)));
    EXPECT_EQ(timeline_.StallOf(Pipe::kV, Stall::kFlagMTE2), 0);
    EXPECT_EQ(timeline_.flag_wait, ready);
    Run(kLatencies, kernel(InCycles(stall) + 1));
    EXPECT_EQ(timeline_.flag_wait, ready + Cycles(1));
  }
}

TEST_F(EngineTiming, LatencyOfASmallCopyOut) {
  Run(kLatencies, [this] {
    TPipe pipe;
    TBuf<TPosition::VECCALC> buffer;
    pipe.InitBuffer(buffer, 32);
    LocalTensor<float> x = buffer.Get<float>();
    Duplicate(x, 1.0f, 8);
    SetFlag<HardEvent::V_MTE3>(EVENT_ID0);
    WaitFlag<HardEvent::V_MTE3>(EVENT_ID0);
    DataCopy(Gm(), x, 8);
    SetFlag<HardEvent::MTE3_V>(EVENT_ID0);
    WaitFlag<HardEvent::MTE3_V>(EVENT_ID0);
    PipeBarrier<PIPE_V>();
    Duplicate(x, 2.0f, 8);
  });
  const Slot first = timeline_.Of(Op::kDuplicate), copy = timeline_.Of(Op::kCopyUbToGm);
  EXPECT_EQ(copy.start, first.done + Cycles(3));
  EXPECT_EQ(timeline_.Of(Op::kDuplicate, 1).start, copy.free + Cycles(230) + Cycles(3));
}

// The published range for the latency of one small copy holds all three, with the table as it is.
TEST_F(EngineTiming, LatenciesAreInThePublishedRange) {
  Run("", [] {});
  for (const double latency : {machine_.dma_latency, machine_.dma_latency_l2, machine_.dma_latency_write}) {
    EXPECT_GE(latency, 165);
    EXPECT_LE(latency, 310);
  }
}

TEST_F(EngineTiming, CrossCoreFlag) {
  Run("sync.cross_flag=70", [] {
    KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_1);
    if ASCEND_IS_AIC {
      ScalarWork(500);
      CrossCoreSetFlag<2, PIPE_MTE2>(1);
    } else {
      CrossCoreWaitFlag<2, PIPE_MTE2>(1);
    }
  });
  // Issued after the work, and there when the flag has crossed.
  EXPECT_EQ(timeline_.flag_set, Cycles(500 + machine_.scalar_issue + 70));
  EXPECT_EQ(timeline_.flag_wait, timeline_.flag_set);
}

TEST_F(EngineTiming, SyncAll) {
  Run(
      "sync.all=777",
      [] {
        KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIV_1_0);
        ScalarWork(GetBlockIdx() == 2 ? 300 : 0);
        AscendC::SyncAll();
      },
      3);
  Time last_begin = 0;
  std::vector<Stalled> waits;
  for (const Stalled& s : timeline_.stalled) {
    if (s.stall == Stall::kSyncAll) waits.push_back(s);
  }
  ASSERT_EQ(waits.size(), 3u);
  for (const Stalled& s : waits) last_begin = std::max(last_begin, s.begin);
  for (const Stalled& s : waits) EXPECT_EQ(s.end, last_begin + Cycles(777));
}

TEST_F(EngineTiming, LaunchOfAnEmptyKernel) {
  for (const uint32_t blocks : {1u, 48u}) {
    const LaunchStats stats = Run(
        "", [] {}, blocks);
    EXPECT_EQ(stats.total, Cycles((1.4 + 0.035 * blocks) * 1800)) << blocks;
    EXPECT_EQ(stats.launch_overhead, stats.total);
  }
}

// The scalar unit goes on when no more than `queue_depth` instructions have not started.
TEST_F(EngineTiming, QueueDepth) {
  for (const int depth : {1, 2, 5}) {
    Run("scalar.queue_depth=" + std::to_string(depth), [] {
      TPipe pipe;
      TBuf<TPosition::VECCALC> buffer;
      pipe.InitBuffer(buffer, 32768);
      LocalTensor<float> x = buffer.Get<float>();
      for (int i = 0; i < 9; ++i) {
        Duplicate(x, 1.0f, 8192);
        PipeBarrier<PIPE_V>();
      }
    });
    Time end = 0;
    for (const Stalled& s : timeline_.stalled) {
      if (s.stall == Stall::kQueueFull) end = s.end;
    }
    // The last of the 18 that waits for room is the barrier behind the ninth: for the one `depth` before it to start.
    // Where that is a barrier, it starts when it has held its queue up, as does the Duplicate behind it.
    EXPECT_EQ(end, timeline_.Of(Op::kDuplicate, static_cast<size_t>((18 - depth) / 2)).start) << depth;
  }
}

}  // namespace
}  // namespace ascsim
