// What all launches share.
// SPDX-License-Identifier: Apache-2.0
#include "ascend/host/launch.h"

#include <algorithm>
#include <string>

#include "acl/acl.h"
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

}  // namespace xmsda::ascend
