// Kernels that measure the simulator: what kernels of deformable attention are made of.
// SPDX-License-Identifier: Apache-2.0
#include "kernels.h"

#include "kernel_operator.h"

namespace bench {
namespace {

using namespace AscendC;

constexpr uint32_t kRowFloats = 32;  // 128 bytes of the image
constexpr uint32_t kRows = 400000;   // of the image that are used: 51 MB
constexpr uint32_t kTile = 64;       // instructions between two flags

// Random places that differ between cores.
class Places {
 public:
  Places() : state_(static_cast<uint32_t>(GetBlockIdx()) * 7919) {}
  uint32_t Row() {
    state_ = state_ * 1664525 + 1013904223;
    return (state_ >> 12) % kRows;
  }

 private:
  uint32_t state_;
};

void FlagPair() {
  SetFlag<HardEvent::V_MTE2>(EVENT_ID0);
  WaitFlag<HardEvent::V_MTE2>(EVENT_ID0);
  PipeBarrier<PIPE_MTE2>();
}

// Offsets anywhere in a plane of 64 KB; double-buffered results, a barrier every other one.
template <bool kBlocks>
void GatherFrom(const Memory& memory, uint32_t instructions) {
  TPipe pipe;
  TBuf<TPosition::VECCALC> buffer;
  pipe.InitBuffer(buffer, kPlaneBytes + 3 * kOffsets * 4);
  LocalTensor<float> all = buffer.Get<float>();
  LocalTensor<float> plane = all, out = all[kPlaneBytes / 4];
  LocalTensor<uint32_t> offset = all[kPlaneBytes / 4 + 2 * kOffsets].ReinterpretCast<uint32_t>();
  GlobalTensor<uint32_t> gm;
  gm.SetGlobalBuffer(reinterpret_cast<uint32_t*>(memory.offsets), 2 * kOffsets);
  DataCopy(offset, gm[kBlocks ? kOffsets : 0], kOffsets);
  Duplicate(plane, 1.0f, kPlaneBytes / 4);
  SetFlag<HardEvent::MTE2_V>(EVENT_ID0);
  WaitFlag<HardEvent::MTE2_V>(EVENT_ID0);
  for (uint32_t i = 0; i < instructions; ++i) {
    if (i % 2 == 0) PipeBarrier<PIPE_V>();
    LocalTensor<float> to = out[(i % 2) * kOffsets];
    if (kBlocks) {
      Gatherb(to.ReinterpretCast<uint32_t>(), plane.ReinterpretCast<uint32_t>(), offset, 16, {1, 8});
    } else {
      Gather(to, plane, offset, 0U, kOffsets);
    }
  }
}

// Bursts of 128 bytes, an image row apart, into tiles of 64; a flag pair a tile.
template <uint16_t kBursts, uint32_t kFloats>
void Load(const Memory& memory, uint32_t instructions) {
  TPipe pipe;
  TBuf<TPosition::VECCALC> buffer;
  pipe.InitBuffer(buffer, 2 * kTile * kBursts * kFloats * 4);
  LocalTensor<float> all = buffer.Get<float>();
  GlobalTensor<float> gm;
  gm.SetGlobalBuffer(reinterpret_cast<float*>(memory.image), kImageBytes / 4);
  Places places;
  for (uint32_t i = 0; i < instructions; ++i) {
    if (i % kTile == 0) FlagPair();
    LocalTensor<float> to = all[(i % (2 * kTile)) * kBursts * kFloats];
    if (kBursts == 1) {
      DataCopy(to, gm[places.Row() * kRowFloats], kFloats);
    } else {
      DataCopy(to, gm[places.Row() * kRowFloats], DataCopyParams(kBursts, kFloats / 8, 1020, 0));
    }
  }
}

// Atomic additions of 128 bytes to random rows.
void AddToGm(const Memory& memory, uint32_t instructions) {
  TPipe pipe;
  TBuf<TPosition::VECCALC> buffer;
  pipe.InitBuffer(buffer, kTile * kRowFloats * 4);
  LocalTensor<float> all = buffer.Get<float>();
  Duplicate(all, 1.0f, kTile * kRowFloats);
  SetFlag<HardEvent::V_MTE3>(EVENT_ID0);
  WaitFlag<HardEvent::V_MTE3>(EVENT_ID0);
  GlobalTensor<float> gm;
  gm.SetGlobalBuffer(reinterpret_cast<float*>(memory.image), kImageBytes / 4);
  Places places;
  SetAtomicAdd<float>();
  for (uint32_t i = 0; i < instructions; ++i) {
    DataCopy(gm[places.Row() * kRowFloats], all[i % kTile * kRowFloats], kRowFloats);
  }
  SetAtomicNone();
}

void ReadValues(const Memory& /*memory*/, uint32_t instructions) {
  TPipe pipe;
  TBuf<TPosition::VECCALC> buffer;
  pipe.InitBuffer(buffer, kOffsets * 4);
  LocalTensor<float> all = buffer.Get<float>();
  Duplicate(all, 1.0f, kOffsets);
  SetFlag<HardEvent::V_S>(EVENT_ID0);
  WaitFlag<HardEvent::V_S>(EVENT_ID0);
  float sum = 0;
  for (uint32_t i = 0; i < instructions; ++i) sum += all.GetValue(i * 17 % kOffsets);
  all.SetValue(0, sum);
}

void WriteValues(const Memory& /*memory*/, uint32_t instructions) {
  TPipe pipe;
  TBuf<TPosition::VECCALC> buffer;
  pipe.InitBuffer(buffer, kOffsets * 4);
  LocalTensor<float> all = buffer.Get<float>();
  for (uint32_t i = 0; i < instructions; ++i) all.SetValue(i * 17 % kOffsets, 1.0f);
}

// Elements of a vector instruction of `repeats` repeats of T, over a ring of buffers, a barrier a round.
template <typename T, uint32_t kRepeats, typename F>
void Vectors(uint32_t instructions, F f) {
  constexpr uint32_t kCount = kRepeats * 256 / sizeof(T);
  TPipe pipe;
  TBuf<TPosition::VECCALC> buffer;
  pipe.InitBuffer(buffer, 6 * kCount * sizeof(T));
  LocalTensor<T> all = buffer.Get<T>();
  Duplicate(all, T(1.0f), kCount * 2);
  for (uint32_t i = 0; i < instructions; ++i) {
    if (i % 2 == 0) PipeBarrier<PIPE_V>();
    f(all[(2 + i % 2 * 2) * kCount], all, all[kCount], kCount);
  }
}

template <typename T, uint32_t kRepeats>
void AddVectors(const Memory& /*memory*/, uint32_t instructions) {
  Vectors<T, kRepeats>(instructions,
                       [](const auto& to, const auto& a, const auto& b, uint32_t n) { Add(to, a, b, n); });
}

void MulVectors(const Memory& /*memory*/, uint32_t instructions) {
  Vectors<float, 8>(instructions,
                    [](const auto& to, const auto& a, const auto& /*b*/, uint32_t n) { Muls(to, a, 2.0f, n); });
}

// 8 repeats of 64 halves.
void CastVectors(const Memory& /*memory*/, uint32_t instructions) {
  Vectors<half, 8>(instructions, [](const auto& to, const auto& a, const auto& /*b*/, uint32_t n) {
    Cast(to.template ReinterpretCast<float>(), a, RoundMode::CAST_NONE, n / 2);
  });
}

void Broadcasts(const Memory& /*memory*/, uint32_t instructions) {
  Vectors<float, 8>(instructions, [](const auto& to, const auto& a, const auto& /*b*/, uint32_t) {
    Brcb(to, a, 8, {1, 8});
  });
}

}  // namespace

const std::vector<Case>& Cases() {
  constexpr uint64_t kMillion = 1000000;
  static const std::vector<Case> cases = {
      {"gather", 3 * kMillion, 16, 512, true, GatherFrom<false>},
      {"gatherb", 16 * kMillion, 16, 544, false, GatherFrom<true>},
      {"copy-2x128", 6 * kMillion, 1, 512, true, Load<2, 32>},
      {"copy-128", 6 * kMillion, 1, 256, false, Load<1, 32>},
      {"copy-64", 6 * kMillion, 1, 128, false, Load<1, 16>},
      {"atomic-128", 3 * kMillion, 1, 384, false, AddToGm},
      {"get-value", 12 * kMillion, 1, 4, false, ReadValues},
      {"set-value", 12 * kMillion, 1, 4, false, WriteValues},
      {"add-f32-8", 3 * kMillion, 1, 8 * 768, false, AddVectors<float, 8>},
      {"add-f32-64", kMillion / 2, 1, 64 * 768, false, AddVectors<float, 64>},
      {"add-f16-64", kMillion / 4, 1, 64 * 768, false, AddVectors<half, 64>},
      {"muls-f32-8", 3 * kMillion, 1, 8 * 512, false, MulVectors},
      {"cast-f16-8", 3 * kMillion, 1, 8 * 384, false, CastVectors},
      {"brcb-8", 3 * kMillion, 1, 8 * 288, false, Broadcasts},
  };
  return cases;
}

}  // namespace bench
