// What a host program asks of the platform: core counts and memory sizes of the simulated chip.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace platform_ascendc {

// The numbers are the documentation's.
enum class CoreMemType { L0_A = 0, L0_B = 1, L0_C = 2, L1 = 3, L2 = 4, UB = 5, HBM = 6, FB = 7, BT = 8, RESERVED };

// To be compared by name: the documentation gives no numbers. All chips that are simulated are ASCEND910B.
enum class SocVersion { ASCEND910, ASCEND910B, ASCEND310P, ASCEND310B, RESERVED_VERSION };

class PlatformAscendC {
 public:
  // Cube and vector cores are separate on this chip: the number of vector cores, as GetCoreNumAiv.
  uint32_t GetCoreNum(void) const;
  uint32_t GetCoreNumAic(void) const;
  uint32_t GetCoreNumAiv(void) const;
  // Vector cores outside AI cores; the chip has none.
  uint32_t GetCoreNumVector(void) const { return 0; }
  SocVersion GetSocVersion(void) const { return SocVersion::ASCEND910B; }
  // Bytes of a core's memory, or of the chip's for L2 and HBM; 0 for a kind that is not simulated. UB without what
  // ASCSIM_RESERVED_UB keeps back.
  void GetCoreMemSize(const CoreMemType& memType, uint64_t& size) const;
  // The block dimension of a kernel that starts a cube core with its vector cores a block, so that `sliceNum` vector
  // cores have work.
  uint32_t CalcTschBlockDim(uint32_t sliceNum, uint32_t aicCoreNum, uint32_t aivCoreNum) const;
  uint32_t CalcTschNumBlocks(uint32_t sliceNum, uint32_t aicCoreNum, uint32_t aivCoreNum) const {
    return CalcTschBlockDim(sliceNum, aicCoreNum, aivCoreNum);
  }
  // Bytes of workspace that the toolkit's own functions take in front of the user's.
  uint32_t GetLibApiWorkSpaceSize(void) const;
};

class PlatformAscendCManager {
 public:
  static PlatformAscendC* GetInstance();
  // "Ascend910B2", ...: chooses the chip when ASCSIM_CHIP does not and nothing has been run yet.
  static PlatformAscendC* GetInstance(const char* customSocVersion);
};

}  // namespace platform_ascendc
