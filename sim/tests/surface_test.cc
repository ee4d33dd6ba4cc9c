// The whole surface of the API compiles as kernels write it, and every call of it can be executed.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "core/machine.h"
#include "engine/launch.h"
#include "engine/memory.h"
#include "kernel_operator.h"

extern "C" void surface_aiv(uint8_t* data, uint8_t* tiling);
extern "C" void surface_mix(uint8_t* data);

namespace ascsim {
namespace {

std::string ErrorOf(const std::function<void()>& kernel, uint32_t blocks, GlobalMemory& memory) {
  static const Machine machine = LoadMachine("910b2");
  LaunchOptions options;
  // Buffers hold whatever the call before left there: what is looked at is that every call has an implementation.
  options.checks.enabled = false;
  options.progress = false;
  Launch launch(machine, memory, options, "surface", blocks, kernel);
  launch.Run();
  return launch.TakeStats().error;
}

TEST(Surface, RunsOnAVectorCore) {
  GlobalMemory memory(uint64_t{1} << 30);
  auto* data = static_cast<uint8_t*>(memory.Allocate(1 << 20));
  auto* tiling = static_cast<uint32_t*>(memory.Allocate(8));
  tiling[0] = 7;
  tiling[1] = 3;
  SetTilingKey(1);
  testing::internal::CaptureStdout();
  const std::string error = ErrorOf([&] { surface_aiv(data, reinterpret_cast<uint8_t*>(tiling)); }, 1, memory);
  const std::string printed = testing::internal::GetCapturedStdout();
  EXPECT_EQ(error, "");
  EXPECT_NE(printed.find("block 0 of 1: 1.500000 text"), std::string::npos) << printed;
  EXPECT_NE(printed.find("half 1.500000"), std::string::npos) << printed;
  EXPECT_NE(printed.find("fields 4 8 6"), std::string::npos) << printed;
}

TEST(Surface, RunsOnAMixedGroup) {
  GlobalMemory memory(uint64_t{1} << 30);
  auto* data = static_cast<uint8_t*>(memory.Allocate(1 << 20));
  EXPECT_EQ(ErrorOf([&] { surface_mix(data); }, 1, memory), "");
}

// Blocks of 32 bytes one behind another, up to the end of UB.
TEST(Surface, LocalMemAllocator) {
  GlobalMemory memory(uint64_t{1} << 30);
  const auto allocate = [](uint32_t last) {
    AscendC::LocalMemAllocator allocator;
    const auto first = allocator.Alloc<float, 9>();
    EXPECT_EQ(first.Address(), 0u);
    EXPECT_EQ(first.GetSize(), 9u);
    const auto second = allocator.Alloc<AscendC::TPosition::VECIN, half>(1);
    EXPECT_EQ(second.Address(), 64u);
    EXPECT_EQ(allocator.GetCurAddr(), 96u);
    allocator.Alloc<uint8_t>(last);
    AscendC::PipeBarrier<PIPE_ALL>();
  };
  constexpr uint32_t kUb = 192 << 10;
  EXPECT_EQ(ErrorOf([&] { allocate(kUb - 96); }, 1, memory), "");
  EXPECT_NE(ErrorOf([&] { allocate(kUb - 95); }, 1, memory).find("LocalMemAllocator: asked for 196513 bytes"),
            std::string::npos);
}

TEST(Surface, SetStoreAtomicConfig) {
  GlobalMemory memory(uint64_t{1} << 30);
  const auto kernel = [] {
    using AscendC::AtomicDtype;
    constexpr AscendC::AtomicOp kSum = AscendC::AtomicOp::ATOMIC_SUM;
    AscendC::SetStoreAtomicConfig<AtomicDtype::ATOMIC_S16, kSum>();
    EXPECT_EQ(CurrentAtomicMode().kind, Atomic::kAdd);
    EXPECT_EQ(CurrentAtomicMode().type, DType::kS16);
    AscendC::SetStoreAtomicConfig<AtomicDtype::ATOMIC_BF16, kSum>();
    EXPECT_EQ(CurrentAtomicMode().type, DType::kBF16);
    AscendC::SetStoreAtomicConfig<AtomicDtype::ATOMIC_NONE, kSum>();
    EXPECT_EQ(CurrentAtomicMode().kind, Atomic::kNone);
    AscendC::PipeBarrier<PIPE_ALL>();
  };
  EXPECT_EQ(ErrorOf(kernel, 1, memory), "");
}

}  // namespace
}  // namespace ascsim
