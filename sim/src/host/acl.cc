// acl: initialisation, device, contexts, streams, events.
// SPDX-License-Identifier: Apache-2.0
#include "acl/acl.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "ascsim/launch.h"
#include "host/acl_state.h"
#include "host/device.h"

namespace ascsim::acl {
namespace {

struct ThreadErrors {
  std::string messages;  // newest on top
  std::string shown;     // what aclGetRecentErrMsg returned last
  aclError last = ACL_SUCCESS;
};

ThreadErrors& Errors() {
  thread_local ThreadErrors errors;
  return errors;
}

template <typename T>
bool Erase(std::set<T*>* handles, void* handle) {
  const auto found = handles->find(static_cast<T*>(handle));
  if (found == handles->end()) return false;
  delete *found;
  handles->erase(found);
  return true;
}

void DestroyStreamsOf(const Context* context) {
  State& state = State::Instance();
  for (auto i = state.streams.begin(); i != state.streams.end();) {
    if ((*i)->context == context) {
      delete *i;
      i = state.streams.erase(i);
    } else {
      ++i;
    }
  }
}

aclError CheckDevice(int32_t device, const char* function) {
  if (device == 0) return ACL_SUCCESS;
  return Fail(ACL_ERROR_RT_INVALID_DEVICEID, function,
              "deviceId: expected 0 (there is one device), got " + std::to_string(device));
}

void ReleaseDevice() {
  State& state = State::Instance();
  state.device_users = 0;
  Context* const context = state.default_context;
  if (context == nullptr) return;
  DestroyStreamsOf(context);
  state.contexts.erase(context);
  if (CurrentContext() == context) CurrentContext() = nullptr;
  state.default_context = nullptr;
  delete context;
}

// Errors of kernels on the stream, if there were any.
aclError Synchronise(Stream* stream, const char* function) {
  if (stream->error == ACL_SUCCESS) return ACL_SUCCESS;
  const aclError error = std::exchange(stream->error, ACL_SUCCESS);
  return Fail(error, function, std::exchange(stream->message, ""));
}

aclError CreateStream(aclrtStream* stream, const char* function) {
  const std::lock_guard lock(Device::Mutex());
  if (stream == nullptr) return Fail(ACL_ERROR_INVALID_PARAM, function, "stream: expected a pointer, got null");
  if (const aclError error = RequireContext(function)) return error;
  auto made = std::make_unique<Stream>();
  made->context = CurrentContext();
  State::Instance().streams.insert(made.get());
  *stream = made.release();
  return ACL_SUCCESS;
}

aclError DestroyStream(aclrtStream stream, const char* function) {
  const std::lock_guard lock(Device::Mutex());
  if (const aclError error = RequireInitialised(function)) return error;
  if (stream == nullptr) return Fail(ACL_ERROR_INVALID_PARAM, function, "stream: the default stream stays");
  State& state = State::Instance();
  const auto found = state.streams.find(static_cast<Stream*>(stream));
  if (found == state.streams.end()) {
    return Fail(ACL_ERROR_RT_PARAM_INVALID, function, "stream: destroyed before, or never created");
  }
  // An error that no synchronisation has told about must not vanish.
  const aclError error = Synchronise(*found, function);
  Erase(&state.streams, stream);
  return error;
}

aclError CheckTimeout(int32_t timeout, const char* function) {
  if (timeout == -1 || timeout > 0) return ACL_SUCCESS;
  return Fail(ACL_ERROR_INVALID_PARAM, function,
              "timeout: expected -1 or milliseconds above 0, got " + std::to_string(timeout));
}

aclError SynchroniseStream(aclrtStream stream, const char* function) {
  const std::lock_guard lock(Device::Mutex());
  aclError error = ACL_SUCCESS;
  Stream* const found = FindStream(stream, function, &error);
  return found == nullptr ? error : Synchronise(found, function);
}

aclError SynchroniseDevice(const char* function) {
  const std::lock_guard lock(Device::Mutex());
  if (const aclError error = RequireContext(function)) return error;
  State& state = State::Instance();
  aclError first = ACL_SUCCESS;
  const auto synchronise = [&](Stream* stream) {
    const aclError error = Synchronise(stream, function);
    if (first == ACL_SUCCESS) first = error;
  };
  for (Context* context : state.contexts) synchronise(&context->default_stream);
  for (Stream* stream : state.streams) synchronise(stream);
  return first;
}

Event* FindEvent(aclrtEvent event, const char* function, aclError* error) {
  if ((*error = RequireInitialised(function))) return nullptr;
  const auto& events = State::Instance().events;
  const auto found = events.find(static_cast<Event*>(event));
  if (found != events.end()) return *found;
  *error = Fail(ACL_ERROR_RT_PARAM_INVALID, function,
                event == nullptr ? "event: expected an event, got null" : "event: destroyed before, or never created");
  return nullptr;
}

aclError CreateEvent(aclrtEvent* event, const char* function) {
  const std::lock_guard lock(Device::Mutex());
  if (event == nullptr) return Fail(ACL_ERROR_INVALID_PARAM, function, "event: expected a pointer, got null");
  if (const aclError error = RequireContext(function)) return error;
  auto made = std::make_unique<Event>();
  State::Instance().events.insert(made.get());
  *event = made.release();
  return ACL_SUCCESS;
}

void WriteFiles() {
  if (!Device::Exists()) return;
  try {
    Device::Instance().Flush();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ascsim: error: %s\n", error.what());
    std::exit(2);
  }
}

aclError FailureCode(const LaunchStats& stats) {
  const bool hangs =
      stats.error.find("deadlock") != std::string::npos || stats.error.find("that never ends") != std::string::npos;
  if (hangs) return ACL_ERROR_RT_AICORE_TIMEOUT;
  return HasAic(stats.type) ? ACL_ERROR_RT_AICORE_EXCEPTION : ACL_ERROR_RT_VECTOR_CORE_EXCEPTION;
}

}  // namespace

State& State::Instance() {
  static auto* const state = new State;
  return *state;
}

Context*& CurrentContext() {
  thread_local Context* context = nullptr;
  return context;
}

aclError Fail(aclError code, const char* function, const std::string& message) {
  ThreadErrors& errors = Errors();
  const std::string line = std::string(function) + ": " + message;
  errors.messages = line + "\n" + errors.messages;
  errors.last = code;
  std::fprintf(stderr, "ascsim: error %d: %s\n", code, line.c_str());
  return code;
}

void Warn(const char* function, const std::string& message) {
  std::fprintf(stderr, "ascsim: warning: %s: %s\n", function, message.c_str());
}

aclError RequireInitialised(const char* function) {
  if (State::Instance().initialised > 0) return ACL_SUCCESS;
  return Fail(ACL_ERROR_UNINITIALIZE, function, "aclInit has not been called, or aclFinalize has");
}

aclError RequireContext(const char* function) {
  if (const aclError error = RequireInitialised(function)) return error;
  // Another thread may have destroyed it.
  if (State::Instance().contexts.count(CurrentContext()) != 0) return ACL_SUCCESS;
  CurrentContext() = nullptr;
  return Fail(ACL_ERROR_RT_CONTEXT_NULL, function, "this thread has no device: call aclrtSetDevice first");
}

Stream* FindStream(aclrtStream handle, const char* function, aclError* error) {
  if ((*error = RequireContext(function))) return nullptr;
  if (handle == nullptr) return &CurrentContext()->default_stream;
  const auto& streams = State::Instance().streams;
  const auto found = streams.find(static_cast<Stream*>(handle));
  if (found == streams.end()) {
    *error = Fail(ACL_ERROR_RT_PARAM_INVALID, function, "stream: destroyed before, or never created");
    return nullptr;
  }
  if ((*found)->context != CurrentContext()) {
    *error = Fail(ACL_ERROR_RT_STREAM_CONTEXT, function, "stream: belongs to another context than the current one");
    return nullptr;
  }
  return *found;
}

}  // namespace ascsim::acl

namespace ascsim {

uint32_t LaunchOnStream(const char* kernel, uint32_t block_dim, void* stream, const std::function<void()>& body) {
  const std::lock_guard lock(Device::Mutex());
  aclError error = ACL_SUCCESS;
  acl::Stream* const target = acl::FindStream(stream, kernel, &error);
  Device& device = Device::InstanceOrExit();
  if (target == nullptr) {
    device.CountFailure();
    return static_cast<uint32_t>(error);
  }
  const auto limit = static_cast<uint32_t>(device.machine().max_block_dim);
  if (block_dim == 0 || block_dim > limit) {
    device.CountFailure();
    error = acl::Fail(ACL_ERROR_RT_PARAM_INVALID, kernel,
                      "block dimension: expected 1 to " + std::to_string(limit) + ", got " + std::to_string(block_dim));
    return static_cast<uint32_t>(error);
  }
  try {
    const LaunchStats& stats = device.Launch(kernel, block_dim, body);
    acl::State& state = acl::State::Instance();
    const double begin = std::max(target->microseconds, state.device_microseconds);
    target->microseconds = begin + (stats.mhz > 0 ? InCycles(stats.total) / stats.mhz : 0);
    state.device_microseconds = target->microseconds;
    if (Failed(stats) && target->error == ACL_SUCCESS) {
      target->error = acl::FailureCode(stats);
      target->message = std::string("kernel ") + kernel + " failed: " + WhyFailed(stats);
    }
  } catch (const Error& wrong) {  // files that cannot be written
    std::fprintf(stderr, "ascsim: error: %s\n", wrong.what());
    std::exit(2);
  }
  return ACL_SUCCESS;
}

}  // namespace ascsim

using ascsim::Device;
using ascsim::acl::Context;
using ascsim::acl::CurrentContext;
using ascsim::acl::Errors;
using ascsim::acl::Event;
using ascsim::acl::Fail;
using ascsim::acl::RequireContext;
using ascsim::acl::RequireInitialised;
using ascsim::acl::State;
using ascsim::acl::Stream;

extern "C" {

aclError aclInit(const char* configPath) {
  const std::lock_guard lock(Device::Mutex());
  Device::InstanceOrExit();
  if (configPath != nullptr && *configPath != '\0') {
    std::FILE* const file = std::fopen(configPath, "rb");
    if (file == nullptr) {
      return Fail(ACL_ERROR_INVALID_FILE, __func__,
                  "configPath: expected a file that can be read, got \"" + std::string(configPath) + "\"");
    }
    std::fclose(file);
  }
  if (State::Instance().initialised++ > 0) {
    return Fail(ACL_ERROR_REPEAT_INITIALIZE, __func__, "acl is initialised already");
  }
  return ACL_SUCCESS;
}

aclError aclFinalize(void) {
  const std::lock_guard lock(Device::Mutex());
  if (const aclError error = RequireInitialised(__func__)) return error;
  State::Instance().initialised = 0;
  ascsim::acl::WriteFiles();
  return ACL_SUCCESS;
}

aclError aclFinalizeReference(uint64_t* refCount) {
  const std::lock_guard lock(Device::Mutex());
  if (const aclError error = RequireInitialised(__func__)) return error;
  const uint64_t count = --State::Instance().initialised;
  if (refCount != nullptr) *refCount = count;
  if (count == 0) ascsim::acl::WriteFiles();
  return ACL_SUCCESS;
}

const char* aclGetRecentErrMsg(void) {
  auto& errors = Errors();
  if (errors.messages.empty()) return nullptr;
  errors.shown = std::exchange(errors.messages, "");
  errors.shown.pop_back();  // the last line's end
  return errors.shown.c_str();
}

aclError aclrtGetLastError(aclrtLastErrLevel level) {
  (void)level;  // there is only one
  return std::exchange(Errors().last, ACL_SUCCESS);
}

aclError aclrtPeekAtLastError(aclrtLastErrLevel level) {
  (void)level;
  return Errors().last;
}

aclError aclrtSetDevice(int32_t deviceId) {
  const std::lock_guard lock(Device::Mutex());
  if (const aclError error = RequireInitialised(__func__)) return error;
  if (const aclError error = ascsim::acl::CheckDevice(deviceId, __func__)) return error;
  State& state = State::Instance();
  ++state.device_users;
  if (state.default_context == nullptr) {
    auto context = std::make_unique<Context>();
    context->implicit = true;
    context->default_stream.context = context.get();
    state.contexts.insert(context.get());
    state.default_context = context.release();
  }
  CurrentContext() = state.default_context;
  return ACL_SUCCESS;
}

aclError aclrtResetDevice(int32_t deviceId) {
  const std::lock_guard lock(Device::Mutex());
  if (const aclError error = RequireInitialised(__func__)) return error;
  if (const aclError error = ascsim::acl::CheckDevice(deviceId, __func__)) return error;
  State& state = State::Instance();
  if (state.device_users == 0) {
    return Fail(ACL_ERROR_RT_CONTEXT_NULL, __func__, "device 0 is not in use: more calls than of aclrtSetDevice");
  }
  if (--state.device_users == 0) ascsim::acl::ReleaseDevice();
  return ACL_SUCCESS;
}

aclError aclrtResetDeviceForce(int32_t deviceId) {
  const std::lock_guard lock(Device::Mutex());
  if (const aclError error = RequireInitialised(__func__)) return error;
  if (const aclError error = ascsim::acl::CheckDevice(deviceId, __func__)) return error;
  if (State::Instance().device_users == 0) {  // fails by the page of aclrtResetDeviceForce, which names no code
    return Fail(ACL_ERROR_RT_CONTEXT_NULL, __func__, "device 0 is not in use: reset before, or never set");
  }
  ascsim::acl::ReleaseDevice();
  return ACL_SUCCESS;
}

aclError aclrtGetDevice(int32_t* deviceId) {
  const std::lock_guard lock(Device::Mutex());
  if (deviceId == nullptr) return Fail(ACL_ERROR_INVALID_PARAM, __func__, "deviceId: expected a pointer, got null");
  if (const aclError error = RequireContext(__func__)) return error;
  *deviceId = 0;
  return ACL_SUCCESS;
}

aclError aclrtGetDeviceCount(uint32_t* count) {
  const std::lock_guard lock(Device::Mutex());
  if (count == nullptr) return Fail(ACL_ERROR_INVALID_PARAM, __func__, "count: expected a pointer, got null");
  if (const aclError error = RequireInitialised(__func__)) return error;
  *count = 1;
  return ACL_SUCCESS;
}

aclError aclrtGetRunMode(aclrtRunMode* runMode) {
  if (runMode == nullptr) return Fail(ACL_ERROR_INVALID_PARAM, __func__, "runMode: expected a pointer, got null");
  *runMode = ACL_HOST;
  return ACL_SUCCESS;
}

const char* aclrtGetSocName(void) {
  const std::lock_guard lock(Device::Mutex());
  return Device::InstanceOrExit().soc_name().c_str();
}

aclError aclrtCreateContext(aclrtContext* context, int32_t deviceId) {
  const std::lock_guard lock(Device::Mutex());
  if (context == nullptr) return Fail(ACL_ERROR_INVALID_PARAM, __func__, "context: expected a pointer, got null");
  if (const aclError error = RequireInitialised(__func__)) return error;
  if (const aclError error = ascsim::acl::CheckDevice(deviceId, __func__)) return error;
  auto made = std::make_unique<Context>();
  made->default_stream.context = made.get();
  State::Instance().contexts.insert(made.get());
  CurrentContext() = made.get();
  *context = made.release();
  return ACL_SUCCESS;
}

aclError aclrtDestroyContext(aclrtContext context) {
  const std::lock_guard lock(Device::Mutex());
  if (const aclError error = RequireInitialised(__func__)) return error;
  State& state = State::Instance();
  const auto found = state.contexts.find(static_cast<Context*>(context));
  if (found == state.contexts.end()) {
    return Fail(ACL_ERROR_RT_PARAM_INVALID, __func__, "context: destroyed before, or never created");
  }
  if ((*found)->implicit) {
    return Fail(ACL_ERROR_RT_PARAM_INVALID, __func__, "context: made by aclrtSetDevice, aclrtResetDevice releases it");
  }
  ascsim::acl::DestroyStreamsOf(*found);
  if (CurrentContext() == *found) CurrentContext() = nullptr;
  ascsim::acl::Erase(&state.contexts, context);
  return ACL_SUCCESS;
}

aclError aclrtSetCurrentContext(aclrtContext context) {
  const std::lock_guard lock(Device::Mutex());
  if (const aclError error = RequireInitialised(__func__)) return error;
  auto* const wanted = static_cast<Context*>(context);
  if (State::Instance().contexts.count(wanted) == 0) {
    return Fail(ACL_ERROR_RT_PARAM_INVALID, __func__, "context: destroyed before, or never created");
  }
  CurrentContext() = wanted;
  return ACL_SUCCESS;
}

aclError aclrtGetCurrentContext(aclrtContext* context) {
  const std::lock_guard lock(Device::Mutex());
  if (context == nullptr) return Fail(ACL_ERROR_INVALID_PARAM, __func__, "context: expected a pointer, got null");
  if (const aclError error = RequireContext(__func__)) return error;
  *context = CurrentContext();
  return ACL_SUCCESS;
}

aclError aclrtCreateStream(aclrtStream* stream) { return ascsim::acl::CreateStream(stream, __func__); }

aclError aclrtCreateStreamWithConfig(aclrtStream* stream, uint32_t priority, uint32_t flag) {
  (void)priority;  // kernels run in the order of their launches
  (void)flag;
  return ascsim::acl::CreateStream(stream, __func__);
}

aclError aclrtDestroyStream(aclrtStream stream) { return ascsim::acl::DestroyStream(stream, __func__); }
aclError aclrtDestroyStreamForce(aclrtStream stream) { return ascsim::acl::DestroyStream(stream, __func__); }
aclError aclrtSynchronizeStream(aclrtStream stream) { return ascsim::acl::SynchroniseStream(stream, __func__); }

aclError aclrtSynchronizeStreamWithTimeout(aclrtStream stream, int32_t timeout) {
  if (const aclError error = ascsim::acl::CheckTimeout(timeout, __func__)) return error;
  return ascsim::acl::SynchroniseStream(stream, __func__);
}

aclError aclrtSynchronizeDevice(void) { return ascsim::acl::SynchroniseDevice(__func__); }

aclError aclrtSynchronizeDeviceWithTimeout(int32_t timeout) {
  if (const aclError error = ascsim::acl::CheckTimeout(timeout, __func__)) return error;
  return ascsim::acl::SynchroniseDevice(__func__);
}

aclError aclrtStreamWaitEvent(aclrtStream stream, aclrtEvent event) {
  const std::lock_guard lock(Device::Mutex());
  aclError error = ACL_SUCCESS;
  Stream* const waiting = ascsim::acl::FindStream(stream, __func__, &error);
  if (waiting == nullptr) return error;
  const Event* const found = ascsim::acl::FindEvent(event, __func__, &error);
  if (found == nullptr) return error;
  waiting->microseconds = std::max(waiting->microseconds, found->microseconds);
  return ACL_SUCCESS;
}

aclError aclrtCreateEvent(aclrtEvent* event) { return ascsim::acl::CreateEvent(event, __func__); }

aclError aclrtCreateEventWithFlag(aclrtEvent* event, uint32_t flag) {
  (void)flag;  // every event has a time
  return ascsim::acl::CreateEvent(event, __func__);
}

aclError aclrtDestroyEvent(aclrtEvent event) {
  const std::lock_guard lock(Device::Mutex());
  aclError error = ACL_SUCCESS;
  if (ascsim::acl::FindEvent(event, __func__, &error) == nullptr) return error;
  ascsim::acl::Erase(&State::Instance().events, event);
  return ACL_SUCCESS;
}

aclError aclrtRecordEvent(aclrtEvent event, aclrtStream stream) {
  const std::lock_guard lock(Device::Mutex());
  aclError error = ACL_SUCCESS;
  Event* const found = ascsim::acl::FindEvent(event, __func__, &error);
  if (found == nullptr) return error;
  const Stream* const recorded = ascsim::acl::FindStream(stream, __func__, &error);
  if (recorded == nullptr) return error;
  found->recorded = true;
  found->microseconds = recorded->microseconds;
  return ACL_SUCCESS;
}

aclError aclrtResetEvent(aclrtEvent event, aclrtStream stream) {
  const std::lock_guard lock(Device::Mutex());
  aclError error = ACL_SUCCESS;
  Event* const found = ascsim::acl::FindEvent(event, __func__, &error);
  if (found == nullptr || ascsim::acl::FindStream(stream, __func__, &error) == nullptr) return error;
  *found = Event();
  return ACL_SUCCESS;
}

aclError aclrtSynchronizeEvent(aclrtEvent event) {
  const std::lock_guard lock(Device::Mutex());
  aclError error = ACL_SUCCESS;
  ascsim::acl::FindEvent(event, __func__, &error);
  return error;
}

aclError aclrtEventElapsedTime(float* ms, aclrtEvent startEvent, aclrtEvent endEvent) {
  const std::lock_guard lock(Device::Mutex());
  if (ms == nullptr) return Fail(ACL_ERROR_INVALID_PARAM, __func__, "ms: expected a pointer, got null");
  aclError error = ACL_SUCCESS;
  const Event* const start = ascsim::acl::FindEvent(startEvent, __func__, &error);
  if (start == nullptr) return error;
  const Event* const end = ascsim::acl::FindEvent(endEvent, __func__, &error);
  if (end == nullptr) return error;
  if (!start->recorded || !end->recorded) {
    return Fail(ACL_ERROR_RT_PARAM_INVALID, __func__, "events: expected two that aclrtRecordEvent has recorded");
  }
  *ms = static_cast<float>((end->microseconds - start->microseconds) * 1e-3);
  return ACL_SUCCESS;
}

}  // extern "C"
