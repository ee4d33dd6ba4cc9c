// What generated launchers and rewritten `kernel<<<...>>>(...)` calls use; nobody includes it by hand.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace ascsim {

// Runs a kernel on an acl stream (null: the default one). It is over when this returns; its time is added to the
// stream's, its errors wait for the next synchronisation, as they do on a device. Returns an aclError for what the
// runtime would refuse at once, else 0.
uint32_t LaunchOnStream(const char* kernel, uint32_t block_dim, void* stream, const std::function<void()>& body);

// ICPU_RUN_KF: no stream.
void LaunchForCpuDebug(const char* kernel, uint32_t block_dim, const std::function<void()>& body);

// A pointer of the host program for a parameter whose type only the kernel's file knows.
class PointerArgument {
 public:
  explicit PointerArgument(const void* pointer) : pointer_(const_cast<void*>(pointer)) {}
  template <typename T>
  operator T*() const {
    return static_cast<T*>(pointer_);
  }

 private:
  void* pointer_;
};

// The bytes of any other parameter (a tiling structure, a half).
class ValueArgument {
 public:
  ValueArgument(const void* value, size_t size, const char* kernel, const char* parameter)
      : value_(value), size_(size), kernel_(kernel), parameter_(parameter) {}
  template <typename T>
  operator T() const {
    static_assert(std::is_trivially_copyable<T>::value, "kernel parameters are copied as bytes");
    if (size_ != sizeof(T)) {
      throw std::invalid_argument("parameter " + std::string(parameter_) + " of " + kernel_ + " has " +
                                  std::to_string(sizeof(T)) + " bytes, the host program passed " +
                                  std::to_string(size_) + ": cast it to the parameter's type");
    }
    T result;
    std::memcpy(&result, value_, sizeof(T));
    return result;
  }

 private:
  const void* value_;
  size_t size_;
  const char* kernel_;
  const char* parameter_;
};

// kernel<<<block_dim, reserved, stream>>>(arguments) becomes DirectCall(kernel, "kernel", block_dim, reserved,
// stream)(arguments).
template <typename Kernel>
class DirectCall {
 public:
  template <typename Reserved>
  DirectCall(Kernel* kernel, const char* name, uint32_t block_dim, const Reserved& /*reserved*/, void* stream)
      : kernel_(kernel), name_(name), block_dim_(block_dim), stream_(stream) {}
  template <typename... Arguments>
  void operator()(Arguments... arguments) const {
    Kernel* const kernel = kernel_;
    LaunchOnStream(name_, block_dim_, stream_, [=] { kernel(arguments...); });
  }

 private:
  Kernel* kernel_;
  const char* name_;
  uint32_t block_dim_;
  void* stream_;
};

}  // namespace ascsim
