// What one launch leaves for the next in L2, and what a kernel does before its first instruction.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "acl/acl.h"
#include "ascsim/ascsim.h"
#include "kernel_operator.h"

namespace {

using namespace AscendC;  // NOLINT(google-build-using-namespace): as kernels do

constexpr uint32_t kBlocks = 8, kTile = 8192, kTiles = 16;  // floats, a block: 4 MB in all
constexpr size_t kBytes = size_t{kBlocks} * kTiles * kTile * sizeof(float);

void Move(uint8_t* data, bool write) {
  TPipe pipe;
  TBuf<TPosition::VECCALC> buffer;
  pipe.InitBuffer(buffer, kTile * sizeof(float));
  LocalTensor<float> tile = buffer.Get<float>();
  GlobalTensor<float> gm;
  gm.SetGlobalBuffer(reinterpret_cast<float*>(data) + GetBlockIdx() * kTile * kTiles, kTile * kTiles);
  if (write) {
    Duplicate(tile, 1.0F, kTile);
    SetFlag<HardEvent::V_MTE3>(EVENT_ID0);
    WaitFlag<HardEvent::V_MTE3>(EVENT_ID0);
  }
  for (uint32_t i = 0; i < kTiles; ++i) {
    if (write) {
      DataCopy(gm[i * kTile], tile, kTile);
    } else {
      DataCopy(tile, gm[i * kTile], kTile);
      PipeBarrier<PIPE_MTE2>();
    }
  }
}

class Launches : public testing::Test {
 protected:
  void SetUp() override {
    Configure(true);
    ASSERT_EQ(aclInit(nullptr), ACL_SUCCESS);
    ASSERT_EQ(aclrtSetDevice(0), ACL_SUCCESS);
  }
  void TearDown() override {
    for (uint8_t* pointer : allocated_) aclrtFree(pointer);
    aclrtResetDeviceForce(0);
    aclFinalize();
  }
  static void Configure(bool warm) {
    ascsim::Options options;
    options.report = ascsim::ReportLevel::kOff;
    options.progress = false;
    options.exit_status = 0;
    options.warm_l2 = warm;
    ascsim::Configure(options);
  }
  uint8_t* Allocate() {
    void* pointer = nullptr;
    EXPECT_EQ(aclrtMalloc(&pointer, kBytes, ACL_MEM_MALLOC_HUGE_FIRST), ACL_SUCCESS);
    allocated_.push_back(static_cast<uint8_t*>(pointer));
    return allocated_.back();
  }
  void Free(uint8_t* pointer) {
    EXPECT_EQ(aclrtFree(pointer), ACL_SUCCESS);
    std::erase(allocated_, pointer);
  }
  static double Cycles(uint8_t* data, bool write = false) {
    const ascsim::Result result = ascsim::Run("move", kBlocks, [=] { Move(data, write); });
    EXPECT_TRUE(result.ok) << result.error;
    return result.cycles;
  }

 private:
  std::vector<uint8_t*> allocated_;
};

TEST_F(Launches, WhatOneHasReadTheNextFindsInL2) {
  uint8_t* const data = Allocate();
  const double first = Cycles(data), second = Cycles(data);
  EXPECT_LT(second, first * 0.9);
  EXPECT_EQ(Cycles(data), second);
  EXPECT_EQ(Cycles(Allocate()), first);
}

TEST_F(Launches, WhatOneHasWrittenTheNextFindsInL2) {
  uint8_t* const data = Allocate();
  const double cold = Cycles(Allocate());
  const double write = Cycles(data, true);
  EXPECT_LT(Cycles(data), cold * 0.9);
  EXPECT_LT(Cycles(data, true), write);  // dirty already
}

TEST_F(Launches, WhatTheHostWritesOrFreesIsNotInL2) {
  uint8_t* data = Allocate();
  const double first = Cycles(data);
  const std::vector<uint8_t> zeros(kBytes);
  EXPECT_EQ(aclrtMemcpy(data, kBytes, zeros.data(), kBytes, ACL_MEMCPY_HOST_TO_DEVICE), ACL_SUCCESS);
  EXPECT_EQ(Cycles(data), first);
  EXPECT_EQ(aclrtMemset(data, kBytes, 0, kBytes), ACL_SUCCESS);
  EXPECT_EQ(Cycles(data), first);
  std::vector<uint8_t> back(kBytes);
  EXPECT_EQ(aclrtMemcpy(back.data(), kBytes, data, kBytes, ACL_MEMCPY_DEVICE_TO_HOST), ACL_SUCCESS);
  EXPECT_LT(Cycles(data), first);
  // The addresses come back some time, not the lines.
  for (int i = 0; i < 40; ++i) {
    Free(data);
    data = Allocate();
    ASSERT_EQ(Cycles(data), first) << i;
  }
}

TEST_F(Launches, ColdWhenAskedFor) {
  Configure(false);
  uint8_t* const data = Allocate();
  const double first = Cycles(data);
  EXPECT_EQ(Cycles(data), first);
}

TEST_F(Launches, TheOptionIsWarmOrCold) {
  setenv("ASCSIM_L2", "cold", 1);
  EXPECT_FALSE(ascsim::OptionsFromEnvironment().warm_l2);
  setenv("ASCSIM_L2", "warm", 1);
  EXPECT_TRUE(ascsim::OptionsFromEnvironment().warm_l2);
  setenv("ASCSIM_L2", "tepid", 1);
  EXPECT_THROW(ascsim::OptionsFromEnvironment(), ascsim::Error);
  unsetenv("ASCSIM_L2");
}

// Block 0 is run twice as far as its first instruction: once to learn the type of the kernel.

TEST_F(Launches, AKernelThatPrintsFirstPrintsOnce) {
  uint8_t* const data = Allocate();
  testing::internal::CaptureStdout();
  const ascsim::Result result = ascsim::Run("prints", 3, [=] {
    AscendC::printf("first %d\n", static_cast<int>(GetBlockIdx()));
    Move(data, false);
  });
  const std::string text = testing::internal::GetCapturedStdout();
  EXPECT_TRUE(result.ok) << result.error;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;
  EXPECT_NE(text.find("first 0"), std::string::npos) << text;
  testing::internal::CaptureStdout();
  ascsim::Run("only_prints", 1, [] { AscendC::printf("only\n"); });
  const std::string only = testing::internal::GetCapturedStdout();
  EXPECT_EQ(std::count(only.begin(), only.end(), '\n'), 1) << only;
}

TEST_F(Launches, ReportsBeforeTheFirstInstructionAreCountedOnce) {
  const ascsim::Result result = ascsim::Run("reports", 1, [] {
    TPipe pipe;
    TQue<TPosition::VECIN, 1> queue;
    pipe.InitBuffer(queue, 1, 64);
    LocalTensor<float> t = queue.AllocTensor<float>();
    queue.FreeTensor(t);
    queue.FreeTensor(t);
  });
  ASSERT_EQ(result.reports.size(), 1U);
  EXPECT_EQ(result.reports[0].find(" times)"), std::string::npos) << result.reports[0];
}

// The limit that docs/design.md tells of: plain C++ before the first instruction is seen twice.
TEST_F(Launches, PlainCodeBeforeTheFirstInstructionRunsTwiceInBlockZero) {
  uint8_t* const data = Allocate();
  std::vector<int> runs(3, 0), ends(3, 0);
  ascsim::Run("counts", 3, [&] {
    ++runs[static_cast<size_t>(GetBlockIdx())];
    Move(data, false);
    ++ends[static_cast<size_t>(GetBlockIdx())];
  });
  EXPECT_EQ(runs, (std::vector<int>{2, 1, 1}));
  EXPECT_EQ(ends, (std::vector<int>{1, 1, 1}));
}

}  // namespace
