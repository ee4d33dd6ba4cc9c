// What all launches share: the status of an acl call, facts of the chip, blocks for some units of work.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "ascend/host/tiling.h"
#include "xmsda/status.h"

namespace xmsda::ascend {

// Of the device's chip. UB without the 8 KB that the framework keeps when it is asked to.
Chip ChipOfDevice();

// kDevice with the runtime's last message of this thread when `error` is not ACL_SUCCESS.
Status Acl(const char* call, int error);

// Cores that have something to do.
inline uint32_t Blocks(const Chip& chip, int64_t units) {
  return static_cast<uint32_t>(units < 1 ? 1 : units < chip.vector_cores ? units : chip.vector_cores);
}

// Arrays start at multiples of this in the workspace: what allocations on the device have.
inline int64_t Aligned(int64_t bytes) { return (bytes + 511) / 512 * 512; }

// acl takes pointers of inputs that are not const.
inline void* Device(const void* pointer) { return const_cast<void*>(pointer); }

// Launches the kernel that writes zeros.
Status FillZeros(const Chip& chip, void* stream, void* to, int64_t bytes);

}  // namespace xmsda::ascend
