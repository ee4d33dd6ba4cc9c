// Platform queries.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>

#include "host/device.h"
#include "tiling/platform/platform_ascendc.h"

namespace platform_ascendc {
namespace {

using ascsim::Device;

// From the documentation's table of the A2 core; the simulator keeps no such memories.
constexpr uint64_t kL0aBytes = uint64_t{64} << 10;
constexpr uint64_t kL0bBytes = uint64_t{64} << 10;
constexpr uint64_t kL0cBytes = uint64_t{128} << 10;
// Not documented as a number; what public kernels for this chip reserve.
constexpr uint32_t kLibraryWorkspaceBytes = uint32_t{16} << 20;

void ChooseChip(const char* wanted) {
  const std::lock_guard lock(Device::Mutex());
  const std::string chip = ascsim::NormaliseChip(wanted);
  const char* configured = std::getenv("ASCSIM_CHIP");
  if (Device::Exists() || (configured != nullptr && *configured != '\0')) {
    const std::string& simulated = Device::InstanceOrExit().machine().chip;
    if (simulated != chip) {
      std::fprintf(stderr, "ascsim: warning: the program asks for %s, simulated is %s (ASCSIM_CHIP)\n", wanted,
                   simulated.c_str());
    }
    return;
  }
  try {
    ascsim::Options options = ascsim::OptionsFromEnvironment();
    options.chip = chip;
    Device::Replace(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ascsim: error: PlatformAscendCManager::GetInstance(\"%s\"): %s\n", wanted, error.what());
    std::exit(2);
  }
}

const ascsim::Machine& Machine() {
  const std::lock_guard lock(Device::Mutex());
  return Device::InstanceOrExit().machine();
}

}  // namespace

uint32_t PlatformAscendC::GetCoreNum(void) const { return GetCoreNumAiv(); }
uint32_t PlatformAscendC::GetCoreNumAic(void) const { return static_cast<uint32_t>(Machine().cube_cores); }
uint32_t PlatformAscendC::GetCoreNumAiv(void) const { return static_cast<uint32_t>(Machine().vector_cores); }

void PlatformAscendC::GetCoreMemSize(const CoreMemType& memType, uint64_t& size) const {
  const ascsim::Machine& machine = Machine();
  switch (memType) {
    case CoreMemType::L0_A:
      size = kL0aBytes;
      return;
    case CoreMemType::L0_B:
      size = kL0bBytes;
      return;
    case CoreMemType::L0_C:
      size = kL0cBytes;
      return;
    case CoreMemType::L1:
      size = machine.l1_bytes;
      return;
    case CoreMemType::L2:
      size = machine.l2_bytes;
      return;
    case CoreMemType::UB:
      size = machine.ub_bytes - Device::InstanceOrExit().options().reserved_ub_bytes;
      return;
    case CoreMemType::HBM:
      size = machine.gm_bytes;
      return;
    case CoreMemType::FB:
    case CoreMemType::BT:
    case CoreMemType::RESERVED:
      size = 0;
      return;
  }
  size = 0;
}

uint32_t PlatformAscendC::CalcTschBlockDim(uint32_t sliceNum, uint32_t aicCoreNum, uint32_t aivCoreNum) const {
  if (aicCoreNum == 0 || aivCoreNum == 0 || aicCoreNum > aivCoreNum) return sliceNum;
  const uint32_t vectors_a_cube = aivCoreNum / aicCoreNum;
  return sliceNum / vectors_a_cube + (sliceNum % vectors_a_cube != 0 ? 1 : 0);
}

uint32_t PlatformAscendC::GetLibApiWorkSpaceSize(void) const { return kLibraryWorkspaceBytes; }

PlatformAscendC* PlatformAscendCManager::GetInstance() {
  static PlatformAscendC platform;
  Machine();
  return &platform;
}

PlatformAscendC* PlatformAscendCManager::GetInstance(const char* customSocVersion) {
  static bool chosen = false;  // only the first call has an effect
  if (!chosen && customSocVersion != nullptr && *customSocVersion != '\0') ChooseChip(customSocVersion);
  chosen = true;
  return GetInstance();
}

}  // namespace platform_ascendc
