// acl: memory of device and host, copies, float16.
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

#include "acl/acl.h"
#include "core/half.h"
#include "host/acl_state.h"
#include "host/device.h"

namespace ascsim::acl {
namespace {

constexpr size_t kAlignment = 32;

std::string Bytes(uint64_t count) { return std::to_string(count) + " bytes"; }

uint64_t Address(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

bool OnDevice(const void* pointer) {
  const Allocation* found = Device::InstanceOrExit().memory().Find(Address(pointer));
  return found != nullptr && !found->freed;
}

std::string Name(const Allocation& allocation) {
  return "device memory #" + std::to_string(allocation.number) + " of " + Bytes(allocation.size);
}

// What the program asks for, up to the next block: more than that is nobody's.
aclError Allocate(void** pointer, size_t size, const char* function) {
  const std::lock_guard lock(Device::Mutex());
  if (pointer == nullptr) return Fail(ACL_ERROR_INVALID_PARAM, function, "devPtr: expected a pointer, got null");
  *pointer = nullptr;
  if (const aclError error = RequireContext(function)) return error;
  if (size == 0) return Fail(ACL_ERROR_INVALID_PARAM, function, "size: expected at least 1 byte, got 0");
  GlobalMemory& memory = Device::InstanceOrExit().memory();
  const uint64_t total = Device::InstanceOrExit().machine().gm_bytes;
  if (size <= total) *pointer = memory.Allocate((size + kAlignment - 1) / kAlignment * kAlignment);
  if (*pointer != nullptr) return ACL_SUCCESS;
  return Fail(ACL_ERROR_RT_MEMORY_ALLOCATION, function,
              "size: " + Bytes(size) + " do not fit, " + Bytes(memory.used()) + " of " + Bytes(total) + " are in use");
}

// `argument` covers [pointer, pointer + size).
aclError CheckRange(const char* function, const char* argument, const void* pointer, uint64_t size) {
  const std::string name = argument;
  if (pointer == nullptr) return Fail(ACL_ERROR_INVALID_PARAM, function, name + ": expected a pointer, got null");
  const uint64_t begin = Address(pointer);
  if (const Allocation* found = Device::InstanceOrExit().memory().Find(begin)) {
    if (found->freed) return Fail(ACL_ERROR_INVALID_PARAM, function, name + ": in " + Name(*found) + ", freed before");
    const uint64_t room = found->address + found->size - begin;
    if (size <= room) return ACL_SUCCESS;
    return Fail(ACL_ERROR_INVALID_PARAM, function,
                name + ": " + Bytes(size) + " from byte " + std::to_string(begin - found->address) + " of " +
                    Name(*found) + " end " + Bytes(size - room) + " behind it");
  }
  const auto& host = State::Instance().host_memory;
  auto after = host.upper_bound(begin);
  if (after == host.begin()) return ACL_SUCCESS;
  --after;
  if (begin >= after->first + after->second) return ACL_SUCCESS;
  const uint64_t room = after->first + after->second - begin;
  if (size <= room) return ACL_SUCCESS;
  return Fail(ACL_ERROR_INVALID_PARAM, function,
              name + ": " + Bytes(size) + " end " + Bytes(size - room) + " behind memory of aclrtMallocHost");
}

void WarnOfKind(const char* function, const void* dst, const void* src, aclrtMemcpyKind kind) {
  static constexpr const char* kNames[] = {"ACL_MEMCPY_HOST_TO_HOST", "ACL_MEMCPY_HOST_TO_DEVICE",
                                           "ACL_MEMCPY_DEVICE_TO_HOST", "ACL_MEMCPY_DEVICE_TO_DEVICE"};
  const auto real = (OnDevice(src) ? 2U : 0U) + (OnDevice(dst) ? 1U : 0U);
  const auto given = static_cast<unsigned>(kind);
  if (given == real || given >= 4) return;
  Warn(function, std::string("kind is ") + kNames[given] + ", the pointers are " + kNames[real]);
}

aclError CheckCopy(const char* function, void* dst, uint64_t dst_bytes, const void* src, uint64_t src_bytes,
                   aclrtMemcpyKind kind) {
  if (const aclError error = RequireContext(function)) return error;
  if (static_cast<unsigned>(kind) > ACL_MEMCPY_DEFAULT) {
    return Fail(ACL_ERROR_INVALID_PARAM, function,
                "kind: expected 0 to 4, got " + std::to_string(static_cast<unsigned>(kind)));
  }
  if (const aclError error = CheckRange(function, "dst", dst, dst_bytes)) return error;
  if (const aclError error = CheckRange(function, "src", src, src_bytes)) return error;
  WarnOfKind(function, dst, src, kind);
  return ACL_SUCCESS;
}

aclError Copy(const char* function, void* dst, size_t capacity, const void* src, size_t count, aclrtMemcpyKind kind) {
  if (const aclError error = CheckCopy(function, dst, count, src, count, kind)) return error;
  if (count > capacity) {
    return Fail(ACL_ERROR_INVALID_PARAM, function,
                "count: expected at most destMax, " + Bytes(capacity) + ", got " + Bytes(count));
  }
  std::memmove(dst, src, count);
  Device::InstanceOrExit().WrittenByHost(dst, count);
  return ACL_SUCCESS;
}

aclError Copy2d(const char* function, void* dst, size_t dst_pitch, const void* src, size_t src_pitch, size_t width,
                size_t height, aclrtMemcpyKind kind) {
  if (width == 0 || height == 0) {
    return Fail(ACL_ERROR_INVALID_PARAM, function,
                "width, height: expected at least 1, got " + std::to_string(width) + " and " + std::to_string(height));
  }
  if (width > dst_pitch || width > src_pitch) {
    return Fail(ACL_ERROR_INVALID_PARAM, function,
                "width: expected at most dpitch and spitch, got " + std::to_string(width) + ", " +
                    std::to_string(dst_pitch) + " and " + std::to_string(src_pitch));
  }
  if (kind != ACL_MEMCPY_HOST_TO_DEVICE && kind != ACL_MEMCPY_DEVICE_TO_HOST) {  // page aclrtMemcpy2dAsync
    return Fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT, function,
                "kind: expected ACL_MEMCPY_HOST_TO_DEVICE or ACL_MEMCPY_DEVICE_TO_HOST");
  }
  if (const aclError error =
          CheckCopy(function, dst, (height - 1) * dst_pitch + width, src, (height - 1) * src_pitch + width, kind)) {
    return error;
  }
  for (size_t row = 0; row < height; ++row) {
    std::memmove(static_cast<char*>(dst) + row * dst_pitch, static_cast<const char*>(src) + row * src_pitch, width);
    Device::InstanceOrExit().WrittenByHost(static_cast<char*>(dst) + row * dst_pitch, width);
  }
  return ACL_SUCCESS;
}

aclError Set(const char* function, void* pointer, size_t capacity, int32_t value, size_t count) {
  if (const aclError error = RequireContext(function)) return error;
  if (count > capacity) {
    return Fail(ACL_ERROR_INVALID_PARAM, function,
                "count: expected at most maxCount, " + Bytes(capacity) + ", got " + Bytes(count));
  }
  if (const aclError error = CheckRange(function, "devPtr", pointer, count)) return error;
  std::memset(pointer, value, count);
  Device::InstanceOrExit().WrittenByHost(pointer, count);
  return ACL_SUCCESS;
}

// Page aclrtMemcpyAsync, for all chips. It does not say what happens otherwise.
void WarnOfAlignment(const char* function, const void* dst, const void* src) {
  constexpr uint64_t kUnit = 64;
  if (Address(dst) % kUnit == 0 && Address(src) % kUnit == 0) return;
  Warn(function, "dst and src of an asynchronous copy must be 64-byte aligned");
}

aclError CheckStream(aclrtStream stream, const char* function) {
  aclError error = ACL_SUCCESS;
  FindStream(stream, function, &error);
  return error;
}

}  // namespace
}  // namespace ascsim::acl

using ascsim::Device;
using ascsim::acl::Fail;
using ascsim::acl::State;

extern "C" {

aclError aclrtMalloc(void** devPtr, size_t size, aclrtMemMallocPolicy policy) {
  (void)policy;
  return ascsim::acl::Allocate(devPtr, size, __func__);
}

aclError aclrtMallocAlign32(void** devPtr, size_t size, aclrtMemMallocPolicy policy) {
  (void)policy;
  return ascsim::acl::Allocate(devPtr, size, __func__);
}

aclError aclrtFree(void* devPtr) {
  const std::lock_guard lock(Device::Mutex());
  if (devPtr == nullptr) return Fail(ACL_ERROR_INVALID_PARAM, __func__, "devPtr: expected a pointer, got null");
  if (const aclError error = ascsim::acl::RequireInitialised(__func__)) return error;
  ascsim::GlobalMemory& memory = Device::InstanceOrExit().memory();
  if (Device::InstanceOrExit().Free(devPtr)) return ACL_SUCCESS;
  const ascsim::Allocation* const found = memory.Find(ascsim::acl::Address(devPtr));
  std::string what = "no memory of aclrtMalloc";
  if (found != nullptr && found->freed) what = ascsim::acl::Name(*found) + ", freed before";
  if (found != nullptr && !found->freed) what = "not the start of " + ascsim::acl::Name(*found);
  return Fail(ACL_ERROR_RT_PARAM_INVALID, __func__, "devPtr: " + what);
}

aclError aclrtMallocHost(void** hostPtr, size_t size) {
  const std::lock_guard lock(Device::Mutex());
  if (hostPtr == nullptr) return Fail(ACL_ERROR_INVALID_PARAM, __func__, "hostPtr: expected a pointer, got null");
  *hostPtr = nullptr;
  if (const aclError error = ascsim::acl::RequireContext(__func__)) return error;
  if (size == 0) return Fail(ACL_ERROR_INVALID_PARAM, __func__, "size: expected at least 1 byte, got 0");
  constexpr size_t kHostAlignment = 64;
  const size_t rounded = (size + kHostAlignment - 1) / kHostAlignment * kHostAlignment;
  *hostPtr = rounded < size ? nullptr : std::aligned_alloc(kHostAlignment, rounded);
  if (*hostPtr == nullptr) {
    return Fail(ACL_ERROR_BAD_ALLOC, __func__, "size: no memory for " + ascsim::acl::Bytes(size));
  }
  State::Instance().host_memory[ascsim::acl::Address(*hostPtr)] = size;
  return ACL_SUCCESS;
}

aclError aclrtFreeHost(void* hostPtr) {
  const std::lock_guard lock(Device::Mutex());
  if (hostPtr == nullptr) return Fail(ACL_ERROR_INVALID_PARAM, __func__, "hostPtr: expected a pointer, got null");
  if (const aclError error = ascsim::acl::RequireInitialised(__func__)) return error;
  if (State::Instance().host_memory.erase(ascsim::acl::Address(hostPtr)) == 0) {
    return Fail(ACL_ERROR_RT_PARAM_INVALID, __func__, "hostPtr: freed before, or no memory of aclrtMallocHost");
  }
  std::free(hostPtr);
  return ACL_SUCCESS;
}

aclError aclrtMemcpy(void* dst, size_t destMax, const void* src, size_t count, aclrtMemcpyKind kind) {
  const std::lock_guard lock(Device::Mutex());
  return ascsim::acl::Copy(__func__, dst, destMax, src, count, kind);
}

aclError aclrtMemcpyAsync(void* dst, size_t destMax, const void* src, size_t count, aclrtMemcpyKind kind,
                          aclrtStream stream) {
  const std::lock_guard lock(Device::Mutex());
  if (const aclError error = ascsim::acl::CheckStream(stream, __func__)) return error;
  if (kind == ACL_MEMCPY_HOST_TO_HOST) {  // the code is that of the page aclrtMemcpyAsync
    return Fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT, __func__, "kind: ACL_MEMCPY_HOST_TO_HOST is not for streams");
  }
  ascsim::acl::WarnOfAlignment(__func__, dst, src);
  return ascsim::acl::Copy(__func__, dst, destMax, src, count, kind);
}

aclError aclrtMemcpy2d(void* dst, size_t dpitch, const void* src, size_t spitch, size_t width, size_t height,
                       aclrtMemcpyKind kind) {
  const std::lock_guard lock(Device::Mutex());
  return ascsim::acl::Copy2d(__func__, dst, dpitch, src, spitch, width, height, kind);
}

aclError aclrtMemcpy2dAsync(void* dst, size_t dpitch, const void* src, size_t spitch, size_t width, size_t height,
                            aclrtMemcpyKind kind, aclrtStream stream) {
  const std::lock_guard lock(Device::Mutex());
  if (const aclError error = ascsim::acl::CheckStream(stream, __func__)) return error;
  constexpr size_t kMaxHeight = size_t{5} << 20;  // page aclrtMemcpy2dAsync, which names no code
  if (height > kMaxHeight) {
    return Fail(ACL_ERROR_INVALID_PARAM, __func__,
                "height: expected at most " + std::to_string(kMaxHeight) + ", got " + std::to_string(height));
  }
  return ascsim::acl::Copy2d(__func__, dst, dpitch, src, spitch, width, height, kind);
}

aclError aclrtMemset(void* devPtr, size_t maxCount, int32_t value, size_t count) {
  const std::lock_guard lock(Device::Mutex());
  return ascsim::acl::Set(__func__, devPtr, maxCount, value, count);
}

aclError aclrtMemsetAsync(void* devPtr, size_t maxCount, int32_t value, size_t count, aclrtStream stream) {
  const std::lock_guard lock(Device::Mutex());
  if (const aclError error = ascsim::acl::CheckStream(stream, __func__)) return error;
  return ascsim::acl::Set(__func__, devPtr, maxCount, value, count);
}

aclError aclrtGetMemInfo(aclrtMemAttr attr, size_t* free, size_t* total) {
  const std::lock_guard lock(Device::Mutex());
  if (free == nullptr || total == nullptr) {
    return Fail(ACL_ERROR_INVALID_PARAM, __func__, "free, total: expected pointers, got null");
  }
  if (const aclError error = ascsim::acl::RequireContext(__func__)) return error;
  const bool hbm = attr == ACL_HBM_MEM || attr == ACL_HBM_MEM_HUGE || attr == ACL_HBM_MEM_NORMAL;
  Device& device = Device::InstanceOrExit();
  *total = hbm ? device.machine().gm_bytes : 0;  // page aclrtGetMemInfo: 0 for what the hardware does not have
  *free = hbm ? device.machine().gm_bytes - device.memory().used() : 0;
  return ACL_SUCCESS;
}

size_t aclDataTypeSize(aclDataType dataType) {
  switch (dataType) {
    case ACL_INT8:
    case ACL_UINT8:
    case ACL_BOOL:
      return 1;
    case ACL_FLOAT16:
    case ACL_BF16:
    case ACL_INT16:
    case ACL_UINT16:
      return 2;
    case ACL_FLOAT:
    case ACL_INT32:
    case ACL_UINT32:
    case ACL_COMPLEX32:
      return 4;
    case ACL_INT64:
    case ACL_UINT64:
    case ACL_DOUBLE:
    case ACL_COMPLEX64:
      return 8;
    case ACL_COMPLEX128:
      return 16;
    case ACL_DT_UNDEFINED:
    case ACL_STRING:
    case ACL_INT4:
    case ACL_UINT1:
      return 0;
  }
  return 0;
}

aclFloat16 aclFloatToFloat16(float value) { return ascsim::FloatToHalf(value); }
float aclFloat16ToFloat(aclFloat16 value) { return ascsim::HalfToFloat(value); }

}  // extern "C"
