// What the host programs of the examples share: a device, buffers, one error path.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "acl/acl.h"

inline void Check(aclError error, const char* what) {
  if (error == ACL_SUCCESS) return;
  std::fprintf(stderr, "%s failed: error %d\n", what, static_cast<int>(error));
  std::exit(2);
}

// Device 0 and a stream, for the life of the program.
class Session {
 public:
  Session() {
    Check(aclInit(nullptr), "aclInit");
    Check(aclrtSetDevice(0), "aclrtSetDevice");
    Check(aclrtCreateStream(&stream_), "aclrtCreateStream");
  }
  ~Session() {
    aclrtDestroyStream(stream_);
    aclrtResetDevice(0);
    aclFinalize();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  aclrtStream stream() const { return stream_; }
  void Wait() { Check(aclrtSynchronizeStream(stream_), "aclrtSynchronizeStream"); }

 private:
  aclrtStream stream_ = nullptr;
};

// Device memory with the contents of a vector.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values) : count_(values.size()) {
    Check(aclrtMalloc(&data_, Bytes(), ACL_MEM_MALLOC_HUGE_FIRST), "aclrtMalloc");
    Check(aclrtMemcpy(data_, Bytes(), values.data(), Bytes(), ACL_MEMCPY_HOST_TO_DEVICE), "aclrtMemcpy");
  }
  ~DeviceArray() { aclrtFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  uint8_t* data() const { return static_cast<uint8_t*>(data_); }
  std::vector<T> Read() const {
    std::vector<T> values(count_);
    Check(aclrtMemcpy(values.data(), Bytes(), data_, Bytes(), ACL_MEMCPY_DEVICE_TO_HOST), "aclrtMemcpy");
    return values;
  }

 private:
  size_t Bytes() const { return count_ * sizeof(T); }
  void* data_ = nullptr;
  size_t count_;
};

// Ends the program with what the examples' tests look for.
inline int Verdict(const char* name, size_t wrong, size_t count) {
  std::printf("%s: %zu of %zu values right\n", name, count - wrong, count);
  return wrong == 0 ? 0 : 1;
}
