// One kernel per rule. The comments `first` and `second` mark the lines that the report must name.
// SPDX-License-Identifier: Apache-2.0
#include "broken.h"

#include "kernel_operator.h"

using namespace AscendC;

namespace {

constexpr int32_t kCount = 256;

// Three buffers of 1 KiB in UB, and x and y in GM.
struct Setup {
  TPipe pipe;
  TBuf<TPosition::VECCALC> buffer;
  LocalTensor<float> a, b, c;
  GlobalTensor<float> x, y;

  __aicore__ inline Setup(GM_ADDR x_data, GM_ADDR y_data) {
    pipe.InitBuffer(buffer, 3 * kCount * sizeof(float));
    LocalTensor<float> all = buffer.Get<float>();
    a = all;
    b = all[kCount];
    c = all[2 * kCount];
    x.SetGlobalBuffer((__gm__ float*)x_data, 16384);
    y.SetGlobalBuffer((__gm__ float*)y_data, 16384);
  }

  __aicore__ inline void LoadA() {
    DataCopy(a, x, kCount);
    SetFlag<HardEvent::MTE2_V>(EVENT_ID0);
    WaitFlag<HardEvent::MTE2_V>(EVENT_ID0);
  }
};

__aicore__ void RaceRaw(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  DataCopy(s.a, s.x, kCount);  // race-raw first
  Add(s.b, s.a, s.a, kCount);  // race-raw second
}

__aicore__ void RaceWar(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  s.LoadA();
  PipeBarrier<PIPE_MTE2>();
  Add(s.b, s.a, s.a, kCount);          // race-war first
  DataCopy(s.a, s.x[kCount], kCount);  // race-war second
}

__aicore__ void RaceWaw(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  Duplicate(s.a, 1.0f, kCount);  // race-waw first
  DataCopy(s.a, s.x, kCount);    // race-waw second
}

__aicore__ void RaceWithinQueue(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  s.LoadA();
  Add(s.b, s.a, s.a, kCount);  // race-within-queue first
  Mul(s.c, s.b, s.b, kCount);  // race-within-queue second
}

__aicore__ void RaceCores(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  Duplicate(s.a, static_cast<float>(GetBlockIdx()), kCount);
  SetFlag<HardEvent::V_MTE3>(EVENT_ID0);
  WaitFlag<HardEvent::V_MTE3>(EVENT_ID0);
  DataCopy(s.y, s.a, kCount);  // race-cores first second
}

// In order, but the second GetValue may get what the first has brought into the data cache.
__aicore__ void CacheStale(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  Duplicate(s.a, s.x.GetValue(0), kCount);
  SetFlag<HardEvent::S_MTE3>(EVENT_ID0);
  WaitFlag<HardEvent::S_MTE3>(EVENT_ID0);
  SetFlag<HardEvent::V_MTE3>(EVENT_ID0);
  WaitFlag<HardEvent::V_MTE3>(EVENT_ID0);
  DataCopy(s.x, s.a, kCount);  // cache-stale first
  SetFlag<HardEvent::MTE3_S>(EVENT_ID0);
  WaitFlag<HardEvent::MTE3_S>(EVENT_ID0);
  if (s.x.GetValue(1) < 0.0f) Duplicate(s.b, 1.0f, kCount);  // cache-stale second
}

__aicore__ void CacheNotCleaned(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  s.y.SetValue(0, 1.0f);  // cache-not-cleaned first
  SetFlag<HardEvent::S_MTE2>(EVENT_ID0);
  WaitFlag<HardEvent::S_MTE2>(EVENT_ID0);
  DataCopy(s.a, s.y, kCount);  // cache-not-cleaned second
}

__aicore__ void CacheLineShared(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  s.y.SetValue(GetBlockIdx(), 1.0f);  // cache-line-shared first second
  DataCacheCleanAndInvalid<float, CacheLine::SINGLE_CACHE_LINE, DcciDst::CACHELINE_OUT>(s.y);
}

__aicore__ void FlagSetTwice(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  SetFlag<HardEvent::MTE2_V>(EVENT_ID0);  // flag-set-twice second
  SetFlag<HardEvent::MTE2_V>(EVENT_ID0);  // flag-set-twice first
  WaitFlag<HardEvent::MTE2_V>(EVENT_ID0);
}

__aicore__ void FlagLeftSet(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  SetFlag<HardEvent::MTE2_V>(EVENT_ID0);  // flag-left-set first
}

__aicore__ void FlagId(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  SetFlag<HardEvent::MTE2_V>(static_cast<event_t>(9));  // flag-id first
}

__aicore__ void Deadlock(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  WaitFlag<HardEvent::MTE2_V>(EVENT_ID0);  // deadlock first
}

__aicore__ void CrossFlagOverflow(GM_ADDR x, GM_ADDR y) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_2);
  if ASCEND_IS_AIC {
    for (int i = 0; i < 16; ++i) {
      CrossCoreSetFlag<2, PIPE_MTE3>(1);  // cross-flag-overflow first
    }
  }
  if ASCEND_IS_AIV {
    Setup s(x, y);
    CrossCoreWaitFlag<2, PIPE_MTE2>(2);
  }
  if ASCEND_IS_AIC {
    CrossCoreSetFlag<2, PIPE_MTE3>(2);
  }
  if ASCEND_IS_AIV {
    for (int i = 0; i < 15; ++i) CrossCoreWaitFlag<2, PIPE_MTE2>(1);
  }
}

__aicore__ void OutOfBounds(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  DataCopy(s.a, s.x[16384 - 8], kCount);  // out-of-bounds first
}

__aicore__ void UninitialisedRead(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  Add(s.b, s.a, s.a, kCount);  // uninitialised-read first
}

__aicore__ void KernelType(GM_ADDR x, GM_ADDR y) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  Setup s(x, y);
  SyncAll();  // kernel-type first
}

__aicore__ void ReservedUb(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  TBuf<TPosition::VECCALC> rest;
  s.pipe.InitBuffer(rest, 184 * 1024);
  s.LoadA();
  Duplicate(s.c, 1.0f, kCount);
  PipeBarrier<PIPE_V>();
  Select(s.b, s.c.ReinterpretCast<uint8_t>(), s.a, 0.0f, SELMODE::VSEL_TENSOR_SCALAR_MODE, 256U);  // reserved-ub first
}

__aicore__ void ModeLeftOn(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  Duplicate(s.a, 1.0f, kCount);
  SetFlag<HardEvent::V_MTE3>(EVENT_ID0);
  WaitFlag<HardEvent::V_MTE3>(EVENT_ID0);
  SetAtomicAdd<float>();
  DataCopy(s.y, s.a, kCount);  // mode-left-on first
}

__aicore__ void UndefinedOutput(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  Duplicate(s.a, 1.0f, kCount / 2);
  SetFlag<HardEvent::V_MTE3>(EVENT_ID0);
  WaitFlag<HardEvent::V_MTE3>(EVENT_ID0);
  DataCopy(s.y, s.a, kCount);  // undefined-output first
}

__aicore__ void UseAfterFree(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  TQue<QuePosition::VECIN, 1> queue;
  s.pipe.InitBuffer(queue, 1, kCount * sizeof(float));
  LocalTensor<float> in = queue.AllocTensor<float>();
  DataCopy(in, s.x, kCount);
  queue.EnQue(in);
  in = queue.DeQue<float>();
  queue.FreeTensor(in);      // use-after-free second
  Add(s.b, in, in, kCount);  // use-after-free first
}

__aicore__ void Misaligned(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  s.LoadA();
  Add(s.b[1], s.a, s.a, 64);  // misaligned first
}

// Gathers 64 floats at byte offsets of `step` apart.
__aicore__ inline void GatherAt(Setup& s, int32_t first, int32_t step) {
  s.LoadA();
  LocalTensor<int32_t> offsets = s.b.ReinterpretCast<int32_t>();
  CreateVecIndex(offsets, static_cast<int32_t>(0), 64U);
  PipeBarrier<PIPE_V>();
  Muls(offsets, offsets, step, 64);
  PipeBarrier<PIPE_V>();
  Adds(offsets, offsets, first, 64);
  PipeBarrier<PIPE_V>();
}

__aicore__ void MisalignedGather32(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  GatherAt(s, 2, 0);
  Gather(s.c, s.a, s.b.ReinterpretCast<uint32_t>(), 0U, 64U);  // misaligned-gather32 first
}

__aicore__ void GatherAcrossBlock(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  GatherAt(s, 30, 0);
  Gather(s.c, s.a, s.b.ReinterpretCast<uint32_t>(), 0U, 64U);  // gather-across-block first
}

__aicore__ void ParameterRange(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  TBuf<TPosition::VECCALC> large;
  s.pipe.InitBuffer(large, 4100 * 32);
  LocalTensor<float> all = large.Get<float>();
  DataCopyPad(all, s.x, DataCopyExtParams{4100, 4, 0, 0, 0},  // parameter-range first
              DataCopyPadExtParams<float>{false, 0, 0, 0.0f});
}

__aicore__ void MaskWidth(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  s.LoadA();
  Add(s.b, s.a, s.a, static_cast<uint64_t>(65), 1, BinaryRepeatParams{1, 1, 1, 8, 8, 8});  // mask-width first
}

__aicore__ void Overlap(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  GatherAt(s, 0, 4);
  Gather(s.a, s.a, s.b.ReinterpretCast<uint32_t>(), 0U, 64U);  // overlap first
}

__aicore__ void CastOverflow(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  Duplicate(s.a, 1.0e6f, kCount);
  PipeBarrier<PIPE_V>();
  Cast(s.b.ReinterpretCast<half>(), s.a, RoundMode::CAST_NONE, static_cast<uint32_t>(kCount));  // cast-overflow first
}

__aicore__ void QueueProtocol(GM_ADDR x, GM_ADDR y) {
  Setup s(x, y);
  TQue<QuePosition::VECIN, 1> queue;
  s.pipe.InitBuffer(queue, 1, kCount * sizeof(float));
  LocalTensor<float> in = queue.AllocTensor<float>();
  DataCopy(in, s.x, kCount);
  queue.EnQue(in);
  in = queue.DeQue<float>();
  queue.FreeTensor(in);
  queue.FreeTensor(in);  // queue-protocol first
}

}  // namespace

const std::vector<BrokenKernel>& BrokenKernels() {
  static const std::vector<BrokenKernel> kernels = {
      {"race-raw", 1, RaceRaw},
      {"race-war", 1, RaceWar},
      {"race-waw", 1, RaceWaw},
      {"race-within-queue", 1, RaceWithinQueue},
      {"race-cores", 2, RaceCores},
      {"flag-set-twice", 1, FlagSetTwice},
      {"flag-left-set", 1, FlagLeftSet},
      {"flag-id", 1, FlagId},
      {"deadlock", 1, Deadlock},
      {"cross-flag-overflow", 1, CrossFlagOverflow},
      {"kernel-type", 1, KernelType},
      {"cache-stale", 1, CacheStale},
      {"cache-not-cleaned", 1, CacheNotCleaned},
      {"cache-line-shared", 2, CacheLineShared},
      {"out-of-bounds", 1, OutOfBounds},
      {"uninitialised-read", 1, UninitialisedRead},
      {"undefined-output", 1, UndefinedOutput},
      {"reserved-ub", 1, ReservedUb},
      {"use-after-free", 1, UseAfterFree},
      {"misaligned", 1, Misaligned},
      {"misaligned-gather32", 1, MisalignedGather32},
      {"gather-across-block", 1, GatherAcrossBlock},
      {"parameter-range", 1, ParameterRange},
      {"mask-width", 1, MaskWidth},
      {"overlap", 1, Overlap},
      {"cast-overflow", 1, CastOverflow},
      {"mode-left-on", 1, ModeLeftOn},
      {"queue-protocol", 1, QueueProtocol},
  };
  return kernels;
}
