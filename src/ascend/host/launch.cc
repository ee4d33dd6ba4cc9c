// What all launches share.
// SPDX-License-Identifier: Apache-2.0
#include "ascend/host/launch.h"

#include <algorithm>
#include <string>

#include "acl/acl.h"
#include "aclrtlaunch_xmsda_fill_zeros.h"
#include "tiling/platform/platform_ascendc.h"

namespace xmsda::ascend {

Chip ChipOfDevice() {
  constexpr uint64_t kReserved = 8 * 1024;
  const platform_ascendc::PlatformAscendC* platform = platform_ascendc::PlatformAscendCManager::GetInstance();
  uint64_t ub = 0;
  platform->GetCoreMemSize(platform_ascendc::CoreMemType::UB, ub);
  Chip chip;
  chip.vector_cores = static_cast<int32_t>(platform->GetCoreNumAiv());
  chip.ub_bytes = ub > kReserved ? static_cast<int64_t>(ub - kReserved) : 0;
  return chip;
}

Status Acl(const char* call, int error) {
  if (error == ACL_SUCCESS) return {};
  const char* recent = aclGetRecentErrMsg();
  std::string message = recent == nullptr ? std::string(call) + " failed" : recent;
  // Newest first; those behind it are older calls'.
  message.resize(std::min(message.find('\n'), message.size()));
  return Status::Device("device: " + message + " (error " + std::to_string(error) + ")");
}

Status FillZeros(const Chip& chip, void* stream, void* to, int64_t bytes) {
  constexpr int64_t kPart = 64 * 1024;  // as kernels/gradient.h
  const uint32_t blocks = Blocks(chip, (bytes + kPart - 1) / kPart);
  return Acl("xmsda_fill_zeros", static_cast<int>(ACLRT_LAUNCH_KERNEL(xmsda_fill_zeros)(blocks, stream, to, bytes)));
}

}  // namespace xmsda::ascend
