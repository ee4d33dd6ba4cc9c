// What reports say: the call that the line has, the field with the value that it was given, and what would fit.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "framework_testing.h"
#include "kernel_operator.h"

namespace framework_testing {
namespace {

using namespace AscendC;  // NOLINT(google-build-using-namespace): as kernels do

class Reports : public Framework {
 protected:
  // All reports of a kernel that has UB of its own to work on, all of it written.
  std::string Of(const std::function<void(LocalTensor<float>, LocalTensor<float>)>& body) {
    return Text(Run([&body] {
      TPipe pipe;
      TBuf<TPosition::VECCALC> buffer;
      pipe.InitBuffer(buffer, 65536);
      LocalTensor<float> all = buffer.Get<float>();
      Duplicate(all, 1.0f, 16384);
      PipeBarrier<PIPE_ALL>();
      body(all, all[8192]);
      PipeBarrier<PIPE_ALL>();
    }));
  }
};

void Has(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "expected: " << part << "\ngot: " << text;
}

TEST_F(Reports, FieldsThatDoNotFit) {
  using L = LocalTensor<float>;
  Has(Of([](L a, L b) {
        BinaryRepeatParams p;
        p.dstRepStride = 300;
        Add(a, b, b, 64, 1, p);
      }),
      "dstRepStride: expected 0 to 255, got 300");
  Has(Of([](L a, L b) { Add(a, b, b, 64, 1, {1, 1, 256, 8, 8, 8}); }), "src1BlkStride: expected 0 to 255, got 256");
  Has(Of([](L a, L b) {
        UnaryRepeatParams p;
        p.srcBlkStride = 65537;
        p.srcRepStride = -1;
        Adds(a, b, 1.0f, 64, 1, p);
      }),
      "srcBlkStride: expected 0 to 65535, got 65537");
  Has(Of([](L a, L) { Duplicate(a, 1.0f, 64, 1, 1, 256 + 8); }), "dstRepStride: expected 0 to 255, got 264");
  Has(Of([](L a, L b) { Copy(a, b, 64, 1, {70000, 1, 8, 8}); }), "dstStride: expected 0 to 65535, got 70000");
  Has(Of([](L a, L b) { Brcb(a, b, 1, {65537, 8}); }), "dstBlkStride: expected 0 to 65535, got 65537");
  Has(Of([](L a, L b) { Gather(a, b, b.ReinterpretCast<uint32_t>(), 0, uint64_t{1}, 1, 65536 + 8); }),
      "dstRepStride: expected 0 to 65535, got 65544");
  Has(Of([](L a, L b) {
        uint64_t kept = 0;
        GatherMask(a, b, 1, true, 64, {1, 1, 70000, 8}, kept);
      }),
      "src0RepeatStride: expected 0 to 65535, got 70000");

  float* data = Device(std::vector<float>(64, 2));
  GlobalTensor<float> gm;
  gm.SetGlobalBuffer(data, 64);
  Has(Of([&](L a, L) { DataCopy(a, gm, DataCopyParams(1, 1, 70000, 0)); }),
      "srcStride: expected 0 to 65535, got 70000");
  Has(Of([&](L a, L) {
        DataCopyParams p;
        p.blockLen = 1;
        p.dstGap = 65536;
        DataCopy(a, gm, p);
      }),
      "dstStride: expected 0 to 65535, got 65536");
  Has(Of([&](L a, L) {
        DataCopyExtParams p{1, 32, 0, 0, 0};
        p.srcStride = int64_t{1} << 32;
        DataCopyPad(a, gm, p, DataCopyPadExtParams<float>{false, 0, 0, 0.0f});
      }),
      "srcStride: expected 0 to 4294967295, got 4294967296");
  Has(Of([&](L a, L) {
        DataCopyPad(a, gm, DataCopyExtParams{1, 32, 0, 0, 0}, DataCopyPadExtParams<float>{true, 256, 0, 0.0f});
      }),
      "leftPadding: expected 0 to 255, got 256");
}

TEST_F(Reports, FieldsAreNumbersAsBefore) {
  constexpr DataCopyParams kConstant(2, 3, 4, 5);
  static_assert(kConstant.blockCount == 2 && kConstant.srcGap * 2 == 8);
  DataCopyParams p;
  p.blockLen = 7;
  p.blockLen += 1;
  ++p.blockLen;
  p.srcStride = 3;
  const uint16_t length = p.blockLen;
  EXPECT_EQ(length, 9);
  EXPECT_EQ(p.srcGap, 3);
  EXPECT_EQ(p.blockLen * 32, 288);
  BinaryRepeatParams stride;
  stride.dstRepStride = 300;
  EXPECT_EQ(stride.dstRepStride, 300 - 256);  // what the device sees
  const BinaryRepeatParams given = {1, 1, 1, 8, 8, 0};
  EXPECT_EQ(given.src1RepStride, 0);
}

TEST_F(Reports, TensorsFromBeforeReset) {
  for (const bool destroy : {false, true}) {
    const LaunchStats stats = Run([destroy] {
      TPipe pipe;
      TBuf<TPosition::VECCALC> buffer;
      TQue<TPosition::VECIN, 1> queue;
      pipe.InitBuffer(buffer, 256);
      pipe.InitBuffer(queue, 1, 256);
      LocalTensor<float> of_buffer = buffer.Get<float>(), of_queue = queue.AllocTensor<float>();
      Duplicate(of_buffer, 1.0f, 64);
      Duplicate(of_queue, 1.0f, 64);
      destroy ? pipe.Destroy() : pipe.Reset();
      Duplicate(of_buffer, 2.0f, 64);
      Duplicate(of_queue, 2.0f, 64);
    });
    EXPECT_EQ(Count(stats, Rule::kUseAfterFree), 2) << Text(stats);
    Has(Text(stats), destroy ? "move TPipe::Destroy behind Duplicate" : "move TPipe::Reset behind Duplicate");
  }
}

// Memory that a TPipe has given back is there for the next one, for static tensors and for InitOutput.
TEST_F(Reports, MemoryAfterAPipe) {
  float* data = Device(std::vector<float>(64, 2));
  EXPECT_CLEAN(Run([data] {
    {
      TPipe pipe;
      TBuf<TPosition::VECCALC> buffer;
      pipe.InitBuffer(buffer, 4096);
      Duplicate(buffer.Get<float>(), 1.0f, 64);
      PipeBarrier<PIPE_ALL>();
      pipe.Reset();
      pipe.InitBuffer(buffer, 4096);
      Duplicate(buffer.Get<float>(), 1.0f, 64);
      PipeBarrier<PIPE_ALL>();
    }
    GlobalTensor<float> gm;
    gm.SetGlobalBuffer(data, 64);
    InitOutput(gm, 64, 0.0f);
    PipeBarrier<PIPE_ALL>();
    Duplicate(LocalTensor<float>(TPosition::VECCALC, 0, 64), 3.0f, 64);
    TPipe second;
    TBuf<TPosition::VECCALC> again;
    second.InitBuffer(again, 256);
    PipeBarrier<PIPE_ALL>();
    Duplicate(again.Get<float>(), 4.0f, 64);
  }));
}

TEST_F(Reports, CallsByName) {
  using L = LocalTensor<float>;
  float* data = Device(std::vector<float>(64, 2));
  GlobalTensor<float> gm;
  gm.SetGlobalBuffer(data, 64);
  Has(Of([](L a, L b) { ReduceSum(a, b[1], b[4096], 64); }), ": V ReduceSum at report_test.cc:");
  Has(Of([&](L a, L) {
        DataCopyPad(a[1], gm, DataCopyExtParams{1, 32, 0, 0, 0}, DataCopyPadExtParams<float>{false, 0, 0, 0.0f});
      }),
      ": MTE2 DataCopyPad at report_test.cc:");
  Has(Text(Run([data] {
        GlobalTensor<float> whole;
        whole.SetGlobalBuffer(data, 128);
        InitOutput(whole, 128, 0.0f);
      })),
      ": MTE3 InitOutput at report_test.cc:");
}

TEST_F(Reports, WhatWouldFit) {
  using L = LocalTensor<float>;
  float* data = Device(std::vector<float>(64, 2));
  GlobalTensor<float> gm;
  gm.SetGlobalBuffer(data, 64);
  const std::string shift =
      Of([](L a, L b) { ShiftLeft(a.ReinterpretCast<int32_t>(), b.ReinterpretCast<int32_t>(), 33, 64); });
  Has(shift, "expected a shift of 0 to 32, got 33");
  EXPECT_EQ(shift.find("several calls"), std::string::npos) << shift;
  const std::string cast = Of([](L a, L b) { Cast(a.ReinterpretCast<half>(), b, static_cast<RoundMode>(9), 64); });
  Has(cast, "use a round mode that Cast has for these types");
  const std::string length = Of([&](L a, L) { DataCopy(a, gm, DataCopyParams(1, 0, 0, 0)); });
  Has(length, "blockLen: expected 1 to 65535 blocks of 32 bytes, got 0; use a value that it takes");
  const std::string null = Of([](L a, L) {
    GlobalTensor<float> nothing;
    nothing.SetGlobalBuffer(nullptr, 64);
    DataCopy(a, nothing, 64);
  });
  Has(null, "a null GM pointer");
  Has(null, "; pass memory of aclrtMalloc to the launch");
  Has(Of([](L a, L b) { Add(a, b, b, 64, 256, {1, 1, 1, 0, 8, 8}); }), "got 256; cut the work into several calls");
}

TEST_F(Reports, PlacesThatDoNotChange) {
  using L = LocalTensor<float>;
  Has(Of([](L a, L) { Duplicate(L(), 1.0f, 64), Duplicate(a, 1.0f, 64); }),
      "dst: the tensor has no memory: it was never allocated");
  float* data = Device(std::vector<float>(64, 2));
  GlobalTensor<float> gm;
  gm.SetGlobalBuffer(data + 1024, 64);
  const std::string outside = Of([&](L a, L) { DataCopy(a, gm, 64); });
  Has(outside, "outside every allocation, 3840 bytes behind the end of GM #1, which has 256");
  EXPECT_EQ(outside.find("0x7"), std::string::npos) << outside;
  // Source and destination 32 bytes apart: 224 bytes are both.
  Has(Of([](L a, L) { Adds(a[8], a, 1.0f, 64); }), "UB [0x20, 0x100)");
}

}  // namespace
}  // namespace framework_testing
