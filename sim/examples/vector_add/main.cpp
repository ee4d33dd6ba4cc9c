// Adds two vectors on the device and compares with the host. Compiles for the device and for the simulator alike.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "acl/acl.h"
#include "aclrtlaunch_vector_add.h"

#define CHECK(call)                                                                      \
  do {                                                                                   \
    const aclError error = (call);                                                       \
    if (error != ACL_SUCCESS) {                                                          \
      std::fprintf(stderr, "%s:%d: %s returned %d\n", __FILE__, __LINE__, #call, error); \
      std::exit(2);                                                                      \
    }                                                                                    \
  } while (0)

int main() {
  constexpr uint32_t kBlocks = 48, kCount = kBlocks * 8 * 4096;
  constexpr size_t kBytes = kCount * sizeof(float);
  std::vector<float> x(kCount), y(kCount), z(kCount);
  for (uint32_t i = 0; i < kCount; ++i) {
    x[i] = static_cast<float>(i);
    y[i] = 0.5f * static_cast<float>(kCount - i);
  }

  CHECK(aclInit(nullptr));
  CHECK(aclrtSetDevice(0));
  aclrtStream stream = nullptr;
  CHECK(aclrtCreateStream(&stream));
  uint8_t *device_x = nullptr, *device_y = nullptr, *device_z = nullptr;
  CHECK(aclrtMalloc(reinterpret_cast<void**>(&device_x), kBytes, ACL_MEM_MALLOC_HUGE_FIRST));
  CHECK(aclrtMalloc(reinterpret_cast<void**>(&device_y), kBytes, ACL_MEM_MALLOC_HUGE_FIRST));
  CHECK(aclrtMalloc(reinterpret_cast<void**>(&device_z), kBytes, ACL_MEM_MALLOC_HUGE_FIRST));
  CHECK(aclrtMemcpy(device_x, kBytes, x.data(), kBytes, ACL_MEMCPY_HOST_TO_DEVICE));
  CHECK(aclrtMemcpy(device_y, kBytes, y.data(), kBytes, ACL_MEMCPY_HOST_TO_DEVICE));

  CHECK(ACLRT_LAUNCH_KERNEL(vector_add)(kBlocks, stream, device_x, device_y, device_z, kCount));
  CHECK(aclrtSynchronizeStream(stream));
  CHECK(aclrtMemcpy(z.data(), kBytes, device_z, kBytes, ACL_MEMCPY_DEVICE_TO_HOST));

  CHECK(aclrtFree(device_x));
  CHECK(aclrtFree(device_y));
  CHECK(aclrtFree(device_z));
  CHECK(aclrtDestroyStream(stream));
  CHECK(aclrtResetDevice(0));
  CHECK(aclFinalize());

  uint32_t wrong = 0;
  for (uint32_t i = 0; i < kCount; ++i) wrong += z[i] != x[i] + y[i];
  std::printf("vector_add: %u of %u values right\n", kCount - wrong, kCount);
  return wrong == 0 ? 0 : 1;
}
