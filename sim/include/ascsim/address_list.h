// Lists of addresses that an instruction takes (TransDataTo5HD), kept beside it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ascsim {

constexpr uint32_t kAddressListSize = 16;

// Byte offsets into UB.
struct AddressList {
  uint32_t dst[kAddressListSize] = {};
  uint32_t src[kAddressListSize] = {};
};

// A handle under which the instruction finds the lists when its queue reaches it. Lists are kept in a ring that holds
// more of them than instructions fit into the queues.
uint32_t KeepAddresses(const AddressList& list);
const AddressList& KeptAddresses(uint32_t handle);

}  // namespace ascsim
