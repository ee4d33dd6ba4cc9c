// Tests of TPipe and its queues: memory, event ids, flags, breaches of the protocol.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "framework_testing.h"
#include "kernel_operator.h"

namespace {

using namespace AscendC;
using namespace framework_testing;

// TPipe.

TEST_F(Framework, InitBufferGivesAlignedDisjointMemory) {
  const LaunchStats stats = Run([] {
    TPipe pipe;
    TQue<TPosition::VECIN, 2> in;
    TQue<TPosition::VECOUT, 1> out;
    TBuf<TPosition::VECCALC> buf;
    EXPECT_TRUE(pipe.InitBuffer(in, 2, 100));
    EXPECT_TRUE(pipe.InitBuffer(buf, 40));
    EXPECT_TRUE(pipe.InitBuffer(out, 1, 32));
    const LocalTensor<half> a = in.AllocTensor<half>(), b = in.AllocTensor<half>(), c = out.AllocTensor<half>();
    EXPECT_EQ(a.Address(), 0u);
    EXPECT_EQ(a.GetSize(), 64u);
    EXPECT_EQ(b.Address(), 128u);
    EXPECT_EQ(buf.Get<half>().Address(), 256u);
    EXPECT_EQ(c.Address(), 320u);
    EXPECT_EQ(buf.GetWithOffset<half>(4, 32).Address(), 288u);
  });
  EXPECT_CLEAN(stats);
}

TEST_F(Framework, MoreMemoryThanThereIsEndsTheLaunch) {
  LaunchStats stats = Run([] {
    TPipe pipe;
    TBuf<TPosition::VECCALC> a;
    TQue<TPosition::VECIN, 1> b;
    pipe.InitBuffer(a, 100 * 1024);
    pipe.InitBuffer(b, 2, 64 * 1024);
  });
  EXPECT_ERROR(stats, "UB exhausted: asked for 131072 bytes, 102400 in use, 196608 there are");
  EXPECT_ERROR(stats, "framework_queue_test.cc:");
  stats = Run([] {
    KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIC_ONLY);
    TPipe pipe;
    TBuf<TPosition::A1> a;
    pipe.InitBuffer(a, 512 * 1024);
    EXPECT_EQ(a.Get<half>().Space(), ascsim::Space::kL1);
    TBuf<TPosition::B1> b;
    pipe.InitBuffer(b, 32);
  });
  EXPECT_ERROR(stats, "L1 exhausted: asked for 32 bytes, 524288 in use, 524288 there are");
}

TEST_F(Framework, SixtyFourQueueBuffers) {
  LaunchStats stats = Run([] {
    TPipe pipe;
    TQue<TPosition::VECIN, 1> a, b;
    pipe.InitBuffer(a, 64, 32);
    pipe.InitBuffer(b, 1, 32);
  });
  EXPECT_ERROR(stats, "65 queue buffers in all");
}

// The field is 8 bits wide: 257 is 1 on the device, and one buffer here.
TEST_F(Framework, NumberOfBuffersBeyondItsField) {
  const auto kernel = [](int num) {
    return [num] {
      TPipe pipe;
      TQue<TPosition::VECIN, 1> q;
      pipe.InitBuffer(q, num, 64);
      EXPECT_TRUE(q.HasIdleBuffer());
      EXPECT_EQ(q.AllocTensor<half>().GetSize(), 32u);
      EXPECT_FALSE(q.HasIdleBuffer());
    };
  };
  EXPECT_CLEAN(Run(kernel(1)));
  EXPECT_BREACH(Run(kernel(257)), Rule::kParameterRange, "InitBuffer: num: expected 0 to 255, got 257");
  EXPECT_BREACH(Run(kernel(-255)), Rule::kParameterRange, "InitBuffer: num: expected 0 to 255, got -255");
}

TEST_F(Framework, QueueWithoutBuffers) {
  EXPECT_ERROR(Run([] {
                 TPipe pipe;
                 TQue<TPosition::VECIN, 1> q;
                 q.AllocTensor<half>();
               }),
               "AllocTensor of a queue that has no buffers: InitBuffer");
  EXPECT_ERROR(Run([] {
                 TPipe pipe;
                 TQue<TPosition::VECIN, 1> q;
                 pipe.InitBuffer(q, 1, 32);
                 pipe.Reset();
                 q.AllocTensor<half>();
               }),
               "after its Reset() or Destroy()");
  EXPECT_ERROR(Run([] {
                 TPipe pipe;
                 TBuf<TPosition::VECCALC> buf;
                 buf.Get<half>();
               }),
               "TBuf that has no memory");
  EXPECT_ERROR(Run([] { GetTPipePtr()->FetchEventID(HardEvent::V_S); }), "GetTPipePtr: the kernel has no TPipe");
}

TEST_F(Framework, TwoPipes) {
  EXPECT_BREACH(Run([] {
                  TPipe first;
                  TPipe second;
                }),
                Rule::kQueueProtocol, "a second TPipe while another is alive");
  EXPECT_CLEAN(Run([] {
    TPipe first;
    TQue<TPosition::VECIN, 1> q;
    first.InitBuffer(q, 1, 32);
    first.Destroy();
    TPipe second;
    EXPECT_EQ(GetTPipePtr(), &second);
    second.InitBuffer(q, 1, 32);
    LocalTensor<half> t = q.AllocTensor<half>();
    q.FreeTensor(t);
  }));
}

TEST_F(Framework, EventIds) {
  LaunchStats stats = Run([] {
    TPipe pipe;
    EXPECT_EQ(pipe.FetchEventID(HardEvent::V_S), 0);
    EXPECT_EQ(pipe.FetchEventID<HardEvent::V_S>(), 0);
    for (int i = 0; i < 8; ++i) EXPECT_EQ(GetTPipePtr()->AllocEventID<HardEvent::V_S>(), i);
    EXPECT_EQ(pipe.AllocEventID<HardEvent::S_V>(), 0);
    pipe.ReleaseEventID<HardEvent::V_S>(3);
    EXPECT_EQ(pipe.FetchEventID(HardEvent::V_S), 3);
    pipe.ReleaseEventID<HardEvent::V_S>(3);
  });
  EXPECT_BREACH(stats, Rule::kFlagId, "ReleaseEventID(3): the id is not taken");
  stats = Run([] {
    TPipe pipe;
    for (int i = 0; i < 9; ++i) pipe.AllocEventID<HardEvent::MTE2_V>();
  });
  EXPECT_ERROR(stats, "no event id left: A2 has 8");
}

TEST_F(Framework, FlagsOfAnInputQueue) {
  float* data = Device(std::vector<float>(64, 2));
  uint32_t enque = 0, deque = 0, free = 0, alloc = 0;
  const LaunchStats stats = Run([&] {
    TPipe pipe;
    TQue<TPosition::VECIN, 1> q;
    pipe.InitBuffer(q, 1, 256);
    GlobalTensor<float> g;
    g.SetGlobalBuffer(data, 64);
    for (int i = 0; i < 2; ++i) {
      alloc = __LINE__ + 1;
      LocalTensor<float> t = q.AllocTensor<float>();
      DataCopy(t, g, 64);
      enque = __LINE__ + 1;
      EXPECT_TRUE(q.EnQue(t));
      EXPECT_TRUE(q.HasTensorInQue());
      EXPECT_EQ(q.GetTensorCountInQue(), 1);
      EXPECT_FALSE(q.VacantInQue());
      EXPECT_FALSE(q.HasIdleBuffer());
      deque = __LINE__ + 1;
      t = q.DeQue<float>();
      EXPECT_TRUE(q.VacantInQue());
      free = __LINE__ + 1;
      q.FreeTensor(t);
      EXPECT_TRUE(q.HasIdleBuffer());
    }
  });
  EXPECT_CLEAN(stats);
  ExpectFlags(
      flags.events,
      {{Pipe::kMTE2, Pipe::kV, 0}, {Pipe::kV, Pipe::kMTE2, 0}, {Pipe::kMTE2, Pipe::kV, 0}, {Pipe::kV, Pipe::kMTE2, 0}});
  ASSERT_EQ(flags.events.size(), 4u);
  EXPECT_EQ(flags.events[0].set_line, enque);
  EXPECT_EQ(flags.events[0].wait_line, deque);
  EXPECT_EQ(flags.events[1].set_line, free);
  EXPECT_EQ(flags.events[1].wait_line, alloc);
}

TEST_F(Framework, FlagsOfAnOutputQueueAndOfABoundQueue) {
  LaunchStats stats = Run([] {
    TPipe pipe;
    TQue<TPosition::VECOUT, 1> q;
    pipe.InitBuffer(q, 2, 256);
    for (int i = 0; i < 3; ++i) {
      LocalTensor<float> t = q.AllocTensor<float>();
      EXPECT_EQ(t.Address(), i % 2 == 0 ? 0u : 256u);
      q.EnQue(t);
      t = q.DeQue<float>();
      q.FreeTensor(t);
    }
  });
  EXPECT_CLEAN(stats);
  // The third AllocTensor waits for the first FreeTensor; the other two are waited for at the end.
  ExpectFlags(flags.events, {{Pipe::kV, Pipe::kMTE3, 0},
                             {Pipe::kV, Pipe::kMTE3, 0},
                             {Pipe::kMTE3, Pipe::kV, 0},
                             {Pipe::kV, Pipe::kMTE3, 0},
                             {Pipe::kMTE3, Pipe::kV, 0},
                             {Pipe::kMTE3, Pipe::kV, 1}});
  flags.events.clear();
  stats = Run([] {
    TPipe pipe;
    TQueBind<TPosition::VECIN, TPosition::VECOUT, 1> q;
    pipe.InitBuffer(q, 1, 256);
    LocalTensor<float> t = q.AllocTensor<float>();
    q.EnQue(t);
    t = q.DeQue<float>();
    q.FreeTensor(t);
    t = q.AllocTensor<float>();
    q.EnQue<TPosition::GM, TPosition::VECIN, float>(t);
    t = q.DeQue<TPosition::GM, TPosition::VECIN, float>();
    q.EnQue<TPosition::VECOUT, TPosition::GM, float>(t);
    t = q.DeQue<TPosition::VECOUT, TPosition::GM, float>();
    q.FreeTensor(t);
  });
  EXPECT_CLEAN(stats);
  ExpectFlags(flags.events, {{Pipe::kMTE2, Pipe::kMTE3, 0},
                             {Pipe::kMTE3, Pipe::kMTE2, 0},
                             {Pipe::kMTE2, Pipe::kV, 0},
                             {Pipe::kV, Pipe::kMTE3, 0},
                             {Pipe::kMTE3, Pipe::kMTE2, 0}});
}

TEST_F(Framework, QueueIsFirstInFirstOutAndKeepsTags) {
  const LaunchStats stats = Run([] {
    TPipe pipe;
    TQue<TPosition::VECIN, 3> q;
    pipe.InitBuffer(q, 3, 64);
    for (TTagType i = 0; i < 3; ++i) {
      LocalTensor<half> t = q.AllocTensor<half>();
      t.SetUserTag(10 + i);
      EXPECT_TRUE(q.EnQue(t));
    }
    EXPECT_FALSE(q.VacantInQue());
    for (TTagType i = 0; i < 3; ++i) {
      LocalTensor<half> t;
      q.DeQue(t);
      EXPECT_EQ(t.GetUserTag(), 10 + i);
      EXPECT_EQ(t.Address(), static_cast<uint64_t>(i) * 64);
      q.FreeTensor(t);
    }
  });
  EXPECT_CLEAN(stats);
}

TEST_F(Framework, BreachesOfTheQueueProtocol) {
  const auto run = [this](const std::function<void(TQue<TPosition::VECIN, 1>&)>& body) {
    return Run([&] {
      TPipe pipe;
      TQue<TPosition::VECIN, 1> q;
      pipe.InitBuffer(q, 2, 64);
      body(q);
    });
  };
  EXPECT_BREACH(run([](auto& q) {
                  auto t = q.template AllocTensor<half>();
                  q.FreeTensor(t);
                  q.FreeTensor(t);
                }),
                Rule::kQueueProtocol, "FreeTensor of a tensor that is free already");
  EXPECT_BREACH(run([](auto& q) {
                  auto t = q.template AllocTensor<half>();
                  q.EnQue(t);
                  q.FreeTensor(t);
                  q.template DeQue<half>();
                }),
                Rule::kQueueProtocol, "FreeTensor of a tensor that is still in the queue");
  EXPECT_BREACH(run([](auto& q) {
                  LocalTensor<half> foreign(TPosition::VECIN, 4096, 16);
                  q.EnQue(foreign);
                }),
                Rule::kQueueProtocol, "EnQue: the tensor is not of this queue");
  EXPECT_BREACH(run([](auto& q) {
                  LocalTensor<half> foreign(TPosition::VECIN, 4096, 16);
                  q.FreeTensor(foreign);
                }),
                Rule::kQueueProtocol, "FreeTensor: the tensor is not of this queue");
  EXPECT_BREACH(run([](auto& q) {
                  auto t = q.template AllocTensor<half>(), u = q.template AllocTensor<half>();
                  EXPECT_TRUE(q.EnQue(t));
                  EXPECT_FALSE(q.EnQue(u));
                  q.template DeQue<half>();
                }),
                Rule::kQueueProtocol, "EnQue: the queue is full, its depth is 1");
  EXPECT_BREACH(run([](auto& q) {
                  for (int i = 0; i < 3; ++i) q.template AllocTensor<half>();
                }),
                Rule::kQueueProtocol, "all buffers of the queue (2) are taken; FreeTensor is missing");
  EXPECT_BREACH(run([](auto& q) {
                  auto t = q.template AllocTensor<half>();
                  q.EnQue(t);
                }),
                Rule::kQueueProtocol, "EnQue: the tensor is never taken out of the queue");
  EXPECT_BREACH(run([](auto& q) {
                  auto t = q.template AllocTensor<half>();
                  q.FreeTensor(t);
                  q.EnQue(t);
                  t = q.template DeQue<half>();
                  q.FreeTensor(t);
                }),
                Rule::kQueueProtocol, "EnQue of a tensor that was given back");
  const LaunchStats empty = run([](auto& q) { q.template DeQue<half>(); });
  EXPECT_BREACH(empty, Rule::kQueueProtocol, "DeQue of an empty queue");
  EXPECT_ERROR(empty, "DeQue of an empty queue");
}

TEST_F(Framework, UseAfterFreeTensor) {
  float* data = Device(std::vector<float>(16, 2));
  const LaunchStats stats = Run([=] {
    TPipe pipe;
    TQue<TPosition::VECIN, 1> q;
    pipe.InitBuffer(q, 1, 64);
    GlobalTensor<float> g;
    g.SetGlobalBuffer(data, 16);
    LocalTensor<float> t = q.AllocTensor<float>();
    DataCopy(t, g, 16);
    q.EnQue(t);
    t = q.DeQue<float>();
    q.FreeTensor(t);
    Adds(t, t, 1.0f, 16);
  });
  EXPECT_GE(Count(stats, Rule::kUseAfterFree), 1) << Text(stats);
}

TEST_F(Framework, FreeAllEventGivesIdsBack) {
  EXPECT_CLEAN(Run([] {
    TPipe pipe;
    TQue<TPosition::VECIN, 1> q[9];
    for (auto& queue : q) {
      pipe.InitBuffer(queue, 1, 32);
      LocalTensor<half> t = queue.AllocTensor<half>();
      queue.FreeTensor(t);
      if (&queue == &q[0]) queue.FreeAllEvent();
    }
  }));
  EXPECT_ERROR(Run([] {
                 TPipe pipe;
                 TQue<TPosition::VECIN, 1> q[9];
                 for (auto& queue : q) {
                   pipe.InitBuffer(queue, 1, 32);
                   LocalTensor<half> t = queue.AllocTensor<half>();
                   queue.FreeTensor(t);
                 }
               }),
               "no event id left");
}

TEST_F(Framework, ResetGivesMemoryBackInOrder) {
  float* in = Device(std::vector<float>(16, 2));
  float* out = Device(std::vector<float>(16, 0));
  const LaunchStats stats = Run([=] {
    TPipe pipe;
    TQue<TPosition::VECOUT, 1> q;
    TQue<TPosition::VECIN, 1> p;
    GlobalTensor<float> g, h;
    g.SetGlobalBuffer(in, 16);
    h.SetGlobalBuffer(out, 16);
    for (int i = 0; i < 3; ++i) {
      pipe.InitBuffer(p, 1, 64);
      pipe.InitBuffer(q, 1, 192 * 1024 - 64);
      LocalTensor<float> t = p.AllocTensor<float>();
      DataCopy(t, g, 16);
      p.EnQue(t);
      t = p.DeQue<float>();
      LocalTensor<float> u = q.AllocTensor<float>();
      Adds(u, t, 1.0f, 16);
      p.FreeTensor(t);
      q.EnQue(u);
      u = q.DeQue<float>();
      DataCopy(h, u, 16);
      q.FreeTensor(u);
      pipe.Reset();
    }
  });
  EXPECT_CLEAN(stats);
  EXPECT_EQ(out[15], 3.0f);
}

// The scalar unit runs ahead of queues that wait for another core: FreeTensor comes before the copy that it follows.
TEST_F(Framework, FreeTensorAheadOfAQueueThatWaits) {
  float* data = Device(std::vector<float>(64, 2));
  float* out = Device(std::vector<float>(32, 0));
  const LaunchStats stats = Run([=] {
    KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_1);
    GlobalTensor<float> g, h;
    g.SetGlobalBuffer(data, 64);
    h.SetGlobalBuffer(out, 32);
    TPipe pipe;
    if ASCEND_IS_AIC {
      TBuf<TPosition::A1> l1;
      pipe.InitBuffer(l1, 256);
      for (int i = 0; i < 20; ++i) {
        DataCopy(l1.Get<float>(), g, 64);
        PipeBarrier<PIPE_ALL>();
      }
      CrossCoreSetFlag<2, PIPE_MTE2>(1);
    } else {
      TQueBind<TPosition::VECIN, TPosition::VECOUT, 1> q;
      pipe.InitBuffer(q, 2, 64);
      CrossCoreWaitFlag<2, PIPE_MTE2>(1);
      for (uint32_t i = 0; i < 2; ++i) {
        LocalTensor<float> t = q.AllocTensor<float>();
        DataCopy(t, g[i * 16], 16);
        q.EnQue(t);
        t = q.DeQue<float>();
        DataCopy(h[i * 16], t, 16);
        q.FreeTensor(t);
      }
    }
  });
  EXPECT_CLEAN(stats);
  EXPECT_EQ(out[31], 2.0f);
}

// A whole kernel, as a user writes it.
class VectorAdd {
 public:
  __aicore__ inline VectorAdd() {}
  __aicore__ inline void Init(GM_ADDR x, GM_ADDR y, GM_ADDR z, uint32_t total, TPipe* pipe) {
    length_ = total / static_cast<uint32_t>(GetBlockNum());
    const uint32_t begin = length_ * static_cast<uint32_t>(GetBlockIdx());
    x_.SetGlobalBuffer((__gm__ half*)x + begin, length_);
    y_.SetGlobalBuffer((__gm__ half*)y + begin, length_);
    z_.SetGlobalBuffer((__gm__ half*)z + begin, length_);
    pipe->InitBuffer(in_x_, 2, kTile * sizeof(half));
    pipe->InitBuffer(in_y_, 2, kTile * sizeof(half));
    pipe->InitBuffer(out_z_, 2, kTile * sizeof(half));
  }
  __aicore__ inline void Process() {
    for (uint32_t i = 0; i < length_ / kTile; ++i) {
      CopyIn(i);
      Compute();
      CopyOut(i);
    }
  }

 private:
  static constexpr uint32_t kTile = 256;
  __aicore__ inline void CopyIn(uint32_t i) {
    LocalTensor<half> x = in_x_.AllocTensor<half>(), y = in_y_.AllocTensor<half>();
    DataCopy(x, x_[i * kTile], kTile);
    DataCopy(y, y_[i * kTile], kTile);
    in_x_.EnQue(x);
    in_y_.EnQue(y);
  }
  __aicore__ inline void Compute() {
    LocalTensor<half> x = in_x_.DeQue<half>(), y = in_y_.DeQue<half>(), z = out_z_.AllocTensor<half>();
    Add(z, x, y, kTile);
    out_z_.EnQue<half>(z);
    in_x_.FreeTensor(x);
    in_y_.FreeTensor(y);
  }
  __aicore__ inline void CopyOut(uint32_t i) {
    LocalTensor<half> z = out_z_.DeQue<half>();
    DataCopy(z_[i * kTile], z, kTile);
    out_z_.FreeTensor(z);
  }

  TQue<QuePosition::VECIN, 1> in_x_, in_y_;
  TQue<QuePosition::VECOUT, 1> out_z_;
  GlobalTensor<half> x_, y_, z_;
  uint32_t length_ = 0;
};

TEST_F(Framework, DoubleBufferedVectorAdd) {
  std::mt19937 random(static_cast<uint32_t>(Seed()));
  std::vector<half> x(8192), y(8192);
  for (half& value : x) value = static_cast<float>(random() % 1000) / 7.0f;
  for (half& value : y) value = static_cast<float>(random() % 1000) / 3.0f;
  half *px = Device(x), *py = Device(y), *pz = Device(std::vector<half>(8192));
  const LaunchStats stats = Run(
      [=] {
        TPipe pipe;
        VectorAdd op;
        op.Init((GM_ADDR)px, (GM_ADDR)py, (GM_ADDR)pz, 8192, &pipe);
        op.Process();
      },
      4);
  EXPECT_CLEAN(stats);
  for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(pz[i].Bits(), (x[i] + y[i]).Bits()) << i;
}

}  // namespace
