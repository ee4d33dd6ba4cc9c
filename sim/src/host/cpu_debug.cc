// The functions behind tikicpulib.h, which needs the kernels' headers; declared here once more to keep C++20 apart.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>

#include "ascsim/launch.h"
#include "ascsim/runtime.h"
#include "host/device.h"

namespace AscendC {

enum class KernelMode { MIX_MODE = 0, AIC_MODE, AIV_MODE };
void* GmAlloc(size_t size);
void GmFree(void* ptr);
void SetKernelMode(KernelMode mode);

namespace {

// Vector kernels are what the simulator takes a kernel for when nobody says anything.
KernelMode mode_of_launches = KernelMode::AIV_MODE;

[[noreturn]] void Refuse(const char* what) {
  std::fprintf(stderr, "ascsim: error: %s\n", what);
  std::exit(2);
}

}  // namespace

void* GmAlloc(size_t size) {
  const std::lock_guard lock(ascsim::Device::Mutex());
  if (size == 0) Refuse("GmAlloc: size: expected at least 1 byte, got 0");
  constexpr size_t kAlignment = 32;
  void* const memory =
      ascsim::Device::InstanceOrExit().memory().Allocate((size + kAlignment - 1) / kAlignment * kAlignment);
  if (memory == nullptr) Refuse("GmAlloc: more than the chip's memory");
  return std::memset(memory, 0, size);
}

void GmFree(void* ptr) {
  const std::lock_guard lock(ascsim::Device::Mutex());
  if (!ascsim::Device::InstanceOrExit().Free(ptr)) Refuse("GmFree: freed before, or no memory of GmAlloc");
}

void SetKernelMode(KernelMode mode) { mode_of_launches = mode; }

}  // namespace AscendC

namespace ascsim {

void LaunchForCpuDebug(const char* kernel, uint32_t block_dim, const std::function<void()>& body) {
  const std::lock_guard lock(Device::Mutex());
  const AscendC::KernelMode mode = AscendC::mode_of_launches;
  const auto run = [&] {
    if (mode == AscendC::KernelMode::MIX_MODE) SetKernelType(KernelType::kMixAic1Aiv2, {});
    if (mode == AscendC::KernelMode::AIC_MODE) SetKernelType(KernelType::kAicOnly, {});
    body();
  };
  try {
    Device::InstanceOrExit().Launch(kernel, block_dim, run);
  } catch (const Error& error) {
    std::fprintf(stderr, "ascsim: error: %s\n", error.what());
    std::exit(2);
  }
}

}  // namespace ascsim
