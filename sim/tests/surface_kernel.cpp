// Every name of the API that is provided, used once in each of its documented forms, as a kernel writes it.
// SPDX-License-Identifier: Apache-2.0
//
// The list is that of the design (launch, types, data movement, vector, sync, scalar, debug) and what kernels commonly
// name beside it. It must compile as C++17 and C++20 with every supported compiler (clang_test.sh), and run to its end.
#include "kernel_operator.h"
#include "surface_params.h"
#include "surface_vector.h"

namespace surface {

struct Tiling {
  uint32_t total = 0;
  uint32_t tiles = 0;
};

template <typename T>
SURFACE_PART void Copies(Scratch& ub, TPipe* pipe, GM_ADDR data) {
  GlobalTensor<T> gm, sized;
  gm.SetGlobalBuffer((__gm__ T*)data);
  sized.SetGlobalBuffer((__gm__ T*)data, 4096 / sizeof(T));
  LocalTensor<T> a = ub.At<T>(0), b = ub.At<T>(1);
  const DataCopyParams blocks{2, 4, 0, 0};
  DataCopy(a, gm, 512 / sizeof(T));
  DataCopy(a, gm, blocks);
  DataCopy(a, gm[64], {1, 8, 0, 0});
  DataCopy(b, a, 512 / sizeof(T));
  DataCopy(b, a, DataCopyParams(2, 4, 0, 0));
  DataCopy(gm, a, 512 / sizeof(T));
  DataCopy(sized, a, blocks);
  SetFlag<HardEvent::MTE3_MTE2>(EVENT_ID1);
  WaitFlag<HardEvent::MTE3_MTE2>(EVENT_ID1);
  const DataCopyExtParams ext{2, 20 * sizeof(T), 0, 0, 0};
  DataCopyPadExtParams<T> pad_ext{true, 0, 2, 0};
  DataCopyPadParams pad;
  pad.isPad = true;
  pad.leftPadding = 1;
  pad.rightPadding = 2;
  pad.paddingValue = 0;
  DataCopyPad(a, gm, ext, pad_ext);
  DataCopyPad(a, gm, ext, {false, 0, 0, 0});
  DataCopyPad(a, gm, blocks, pad);
  DataCopyPad(gm, a, ext);
  DataCopyPad(gm, a, blocks);
  (void)pipe;
}

template <typename T>
SURFACE_PART void Atomics(Scratch& ub, GM_ADDR data) {
  GlobalTensor<T> gm;
  gm.SetGlobalBuffer((__gm__ T*)data, 4096 / sizeof(T));
  SetAtomicAdd<T>();
  DataCopy(gm, ub.At<T>(0), 256 / sizeof(T));
  SetAtomicMax<T>();
  SetAtomicMin<T>();
  SetAtomicType<T>();
  SetAtomicNone();
  SetStoreAtomicConfig<AtomicDtype::ATOMIC_F16, AtomicOp::ATOMIC_SUM>();
  SetStoreAtomicConfig<AtomicDtype::ATOMIC_NONE, AtomicOp::ATOMIC_SUM>();
}

template <typename T>
SURFACE_PART void Fills(GM_ADDR data) {
  GlobalTensor<T> gm;
  gm.SetGlobalBuffer((__gm__ T*)data, 4096 / sizeof(T));
  Fill(gm, 512, T(0));
  InitOutput<T>(gm, 512, T(0));
  InitOutput<T>(gm, 512);
  InitGlobalMemory(gm, 512, T(0));
}

// Tensors as objects.
SURFACE_PART void Tensors(Scratch& ub, GM_ADDR data) {
  LocalTensor<float> t = ub.At<float>(0), other;
  t.SetValue(0, 1);
  t.SetValue(1, 2.5f);
  float value = t.GetValue(0);
  t(2) = value;
  t(2) += 1.0f;
  value = t(2);
  other = t[8];
  LocalTensor<half> cast = t.ReinterpretCast<half>();
  __ubuf__ float* pointer = (__ubuf__ float*)t.GetPhyAddr();
  pointer = (__ubuf__ float*)t[8].GetPhyAddr();
  (void)pointer;
  uint32_t size = t.GetSize() + t.GetLength() + cast.GetSize();
  t.SetSize(size > 64 ? 64 : size);
  t.SetBufferLen(256);
  t.SetUserTag(3);
  TTagType tag = t.GetUserTag();
  int32_t position = t.GetPosition();
  LocalTensor<uint8_t> bytes;
  bytes.SetAddrWithOffset(t, 8);
  uint32_t dims[2] = {8, 8};
  t.SetShapeInfo(ShapeInfo(2, dims, DataFormat::ND));
  ShapeInfo shape = t.GetShapeInfo();
  GlobalTensor<float> gm;
  gm.SetGlobalBuffer(reinterpret_cast<__gm__ float*>(data), 1024);
  gm.SetL2CacheHint(CacheMode::CACHE_MODE_NORMAL);
  gm.SetL2CacheHint<CacheRwMode::READ>(CacheMode::CACHE_MODE_DISABLE);
  value = gm.GetValue(0) + gm(1);
  gm.SetValue(0, value);
  gm(1) = value;
  gm[2].SetValue(0, 0.0f);
  uint64_t elements = gm.GetSize();
  const __gm__ float* where = gm.GetPhyAddr();
  where = gm.GetPhyAddr(8);
  gm.SetShapeInfo(shape);
  DataCacheCleanAndInvalid<float, CacheLine::SINGLE_CACHE_LINE, DcciDst::CACHELINE_OUT>(gm);
  DataCacheCleanAndInvalid<float, CacheLine::ENTIRE_DATA_CACHE, DcciDst::CACHELINE_ALL>(gm);
  DataCacheCleanAndInvalid<float, CacheLine::SINGLE_CACHE_LINE>(gm);
  GlobalTensor<uint64_t> words;
  words.SetGlobalBuffer((__gm__ uint64_t*)data);
  DataCachePreload(words, int64_t{0});
  ICachePreLoad(2);
  int64_t busy = GetICachePreloadStatus();
  // A static tensor, and memory without a TPipe.
  LocalTensor<float> fixed(TPosition::VECCALC, 0, 64);
  LocalMemAllocator allocator;
  LocalMemAllocator<Hardware::UB> second;
  uint32_t start = allocator.GetCurAddr();
  auto first = allocator.Alloc<float, 64>();
  auto next = allocator.Alloc<TPosition::VECIN, half, 64>();
  auto dynamic = allocator.Alloc<TPosition::VECIN, int32_t>(64);
  auto last = second.Alloc<float>(64);
  (void)tag, (void)position, (void)elements, (void)where, (void)busy, (void)start;
  (void)fixed, (void)first, (void)next, (void)dynamic, (void)last;
}

// Queues, buffers, events.
SURFACE_PART void Framework(TPipe& pipe, GM_ADDR data) {
  TQue<TPosition::VECIN, 2> in;
  TQue<QuePosition::VECOUT, 1> out;
  TQueBind<TPosition::VECIN, TPosition::VECOUT, 1> bind;
  TBuf<> calc;
  TBuf<QuePosition::VECCALC> named;
  pipe.InitBuffer(in, 2, 512);
  pipe.InitBuffer(out, 1, 512);
  pipe.InitBuffer(bind, 2, 512);
  pipe.InitBuffer(calc, 512);
  pipe.InitBuffer(named, 512);
  GlobalTensor<half> gm;
  gm.SetGlobalBuffer((__gm__ half*)data, 4096);
  {
    LocalTensor<half> t = in.AllocTensor<half>();
    DataCopy(t, gm, 256);
    in.EnQue(t);
  }
  {
    LocalTensor<half> t = in.DeQue<half>(), o = out.AllocTensor<half>();
    LocalTensor<half> work = calc.Get<half>(), part = named.Get<half>(64), offset = named.GetWithOffset<half>(64, 128);
    Muls(o, t, half(2), 256);
    out.EnQue<half>(o);
    in.FreeTensor(t);
    (void)work, (void)part, (void)offset;
  }
  LocalTensor<half> o = out.DeQue<half>();
  DataCopy(gm, o, 256);
  out.FreeTensor(o);
  LocalTensor<half> b;
  bind.AllocTensor<half>(b);
  DataCopy(b, gm[1024], 256);
  bind.EnQue(b);
  bind.DeQue<half>(b);
  DataCopy(gm[2048], b, 256);
  bind.FreeTensor(b);
  bool state = in.VacantInQue() || in.HasTensorInQue() || in.HasIdleBuffer();
  int32_t queued = in.GetTensorCountInQue();
  in.FreeAllEvent();
  (void)state, (void)queued;

  event_t fetched = static_cast<event_t>(GetTPipePtr()->FetchEventID(HardEvent::V_MTE3));
  SetFlag<HardEvent::V_MTE3>(fetched);
  WaitFlag<HardEvent::V_MTE3>(fetched);
  TEventID owned = GetTPipePtr()->AllocEventID<HardEvent::MTE2_S>();
  SetFlag<HardEvent::MTE2_S>(owned);
  WaitFlag<HardEvent::MTE2_S>(owned);
  GetTPipePtr()->ReleaseEventID<HardEvent::MTE2_S>(owned);
  int32_t id = static_cast<int32_t>(pipe.FetchEventID<HardEvent::S_V>());
  SetFlag<HardEvent::S_V>(id);
  WaitFlag<HardEvent::S_V>(id);
  TQueSync<PIPE_S, PIPE_MTE3> sync;
  sync.SetFlag(0);
  sync.WaitFlag(0);
}

template <HardEvent event>
SURFACE_PART void Event() {
  SetFlag<event>(EVENT_ID2);
  WaitFlag<event>(EVENT_ID2);
}

SURFACE_PART void Synchronisation() {
  Event<HardEvent::MTE2_V>();
  Event<HardEvent::V_MTE2>();
  Event<HardEvent::V_MTE3>();
  Event<HardEvent::MTE3_V>();
  Event<HardEvent::MTE3_S>();
  Event<HardEvent::S_MTE3>();
  Event<HardEvent::V_S>();
  Event<HardEvent::S_V>();
  Event<HardEvent::MTE2_S>();
  Event<HardEvent::S_MTE2>();
  Event<HardEvent::MTE2_MTE3>();
  Event<HardEvent::MTE3_MTE2>();
  PipeBarrier<PIPE_V>();
  PipeBarrier<PIPE_MTE2>();
  PipeBarrier<PIPE_MTE3>();
  PipeBarrier<PIPE_ALL>();
  pipe_barrier(PIPE_ALL);
  set_flag(PIPE_V, PIPE_MTE3, EVENT_ID0);
  wait_flag(PIPE_V, PIPE_MTE3, EVENT_ID0);
  DataSyncBarrier<MemDsbT::ALL>();
  SyncAll();
  SyncAll<true>();
  CrossCoreSetFlag<0x0, PIPE_MTE3>(3);
  CrossCoreWaitFlag(3);
  CrossCoreSetFlag<0, PIPE_V>(4);
  CrossCoreWaitFlag<0, PIPE_V>(4);
}

SURFACE_PART void Scalars(Scratch& ub, GM_ADDR workspace) {
  int64_t n = ScalarGetSFFValue<1>(uint64_t{8}) + ScalarGetCountOfValue<0>(uint64_t{8});
  n += ScalarCountLeadingZero(uint64_t{1}) + CountBitsCntSameAsSignBit(int64_t{1});
  uint64_t bits = sbitset1(uint64_t{0}, 3);
  bits = sbitset0(bits, 3);
  float f = ToFloat(ToBfloat16(1.5f));
  int32_t rounded = ScalarCast<float, int32_t, RoundMode::CAST_ROUND>(f);
  uint32_t whole = DivCeil(10, 3) + AlignUp(10, 8) + min(3, 4) + max(uint32_t{3}, uint32_t{4});
  n += CeilDivision(10, 3) + GetDataBlockSizeInBytes();
  uint32_t version = 0;
  GetArchVersion(version);
  n += GetBlockIdx() + GetBlockNum() + GetSubBlockIdx() + GetSubBlockNum() + GetTaskRation();
  n += GetSystemCycle();
  if (unlikely(n < 0) || ASCEND_IS_AIC) return;
  if ASCEND_IS_AIV {
    GM_ADDR user = GetUserWorkspace(workspace);
    SetSysWorkSpace(workspace);
    (void)user;
  }
  if (g_coreType == AscendC::AIV) whole += 1;
  // Code in a lambda, as newer kernels split theirs.
  auto doubled = [&](uint32_t part) __aicore__ { Add(ub.At<float>(0), ub.At<float>(part), ub.At<float>(part), 64); };
  doubled(1);
  half h = static_cast<half>(1.5f);
  bfloat16_t b = ToBfloat16(static_cast<float>(h));
  ASSERT(version > 0 && "version");
  ASCENDC_ASSERT(version > 0, { printf("no version\n"); });
  assert(whole > 0, "whole %u\n", whole);
  TRACE_START(0);
  TRACE_STOP(0);
  MetricsProfStart();
  MetricsProfStop();
  (void)bits, (void)rounded, (void)b;
}

SURFACE_PART void Printing(Scratch& ub, GM_ADDR data) {
  printf("block %d of %u: %f %s\n", int32_t(GetBlockIdx()), uint32_t(GetBlockNum()), 1.5, "text");
  PRINTF("half %f\n", half(1.5f));
  AscendC::PRINTF("%x\n", 16);
  GlobalTensor<float> gm;
  gm.SetGlobalBuffer((__gm__ float*)data, 64);
  DumpTensor(ub.At<float>(0), 1, 8);
  DumpTensor(gm, __LINE__, 8);
  uint32_t dims[2] = {2, 4};
  DumpTensor(ub.At<half>(0), 2, 8, ShapeInfo(2, dims));
}

SURFACE_PART void L1(TPipe& pipe, GM_ADDR data) {
  TBuf<TPosition::A1> l1;
  pipe.InitBuffer(l1, 4096);
  GlobalTensor<half> gm;
  gm.SetGlobalBuffer((__gm__ half*)data, 4096);
  LocalTensor<half> t = l1.Get<half>();
  __cbuf__ half* pointer = (__cbuf__ half*)t.GetPhyAddr();
  (void)pointer;
  DataCopy(t, gm, 1024);
  SetFlag<HardEvent::MTE2_MTE3>(EVENT_ID0);
  WaitFlag<HardEvent::MTE2_MTE3>(EVENT_ID0);
  DataCopy(gm[2048], t, {1, 64, 0, 0});
}

__aicore__ inline void ReadTiling(GM_ADDR tiling) {
  REGISTER_TILING_DEFAULT(Tiling);
  GET_TILING_DATA(data, tiling);
  GET_TILING_DATA_WITH_STRUCT(Tiling, again, tiling);
  GET_TILING_DATA_MEMBER(Tiling, tiles, tiles, tiling);
  if (TILING_KEY_IS(1)) {
    ASSERT(data.total == again.total && tiles == data.tiles);
  } else if (TILING_KEY_IS(2)) {
    Trap();
  }
}

}  // namespace surface

using namespace surface;

// All of it, on one AIV of a kernel of that type.
extern "C" __global__ __aicore__ void surface_aiv(GM_ADDR data, GM_ADDR tiling) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_AIV_ONLY);
  TPipe pipe;
  Scratch ub(&pipe);
  InitSocState();
  Arithmetic(ub);
  MulAdds<float, float>(ub);
  MulAdds<half, half>(ub);
  MulAdds<float, half>(ub);
  Moves<half>(ub);
  Moves<float>(ub);
  Moves<bfloat16_t>(ub);
  Moves<int16_t>(ub);
  Moves<uint16_t>(ub);
  Moves<int32_t>(ub);
  Moves<uint32_t>(ub);
  AllCasts(ub);
  Comparisons<half>(ub);
  Comparisons<float>(ub);
  Gathers<half>(ub);
  Gathers<float>(ub);
  Gathers<int16_t>(ub);
  Gathers<uint16_t>(ub);
  Gathers<int32_t>(ub);
  Gathers<uint32_t>(ub);
  Reductions<half>(ub);
  Reductions<float>(ub);
  Permutations(ub);
  Copies<half>(ub, &pipe, data);
  Copies<float>(ub, &pipe, data);
  Copies<bfloat16_t>(ub, &pipe, data);
  Copies<int8_t>(ub, &pipe, data);
  Copies<int32_t>(ub, &pipe, data);
  Copies<uint32_t>(ub, &pipe, data);
  Copies<int16_t>(ub, &pipe, data);
  Atomics<float>(ub, data);
  Atomics<half>(ub, data);
  Atomics<bfloat16_t>(ub, data);
  Atomics<int32_t>(ub, data);
  Atomics<int16_t>(ub, data);
  Atomics<int8_t>(ub, data);
  Fills<float>(data);
  Fills<half>(data);
  Fills<int32_t>(data);
  Fills<uint32_t>(data);
  Tensors(ub, data);
  Framework(pipe, data);
  Synchronisation();
  Scalars(ub, data);
  Printing(ub, data);
  Fields(true);
  ReadTiling(tiling);
  pipe.Reset();
  pipe.Destroy();
}

extern "C" __global__ __aicore__ void surface_mix(GM_ADDR data) {
  KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_MIX_AIC_1_2);
  TPipe pipe;
  if ASCEND_IS_AIC {
    L1(pipe, data);
    CrossCoreSetFlag<2, PIPE_MTE3>(1);
  }
  if ASCEND_IS_AIV {
    CrossCoreWaitFlag(1);
  }
}
