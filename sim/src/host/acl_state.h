// Contexts, streams and events of the acl functions, and how they report errors.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "acl/acl.h"
#include "host/device.h"

namespace ascsim::acl {

struct Context;

struct Stream {
  Context* context = nullptr;
  double microseconds = 0;       // simulated time at which all that it was given is over
  aclError error = ACL_SUCCESS;  // the first since the last synchronisation
  std::string message;
};

struct Context {
  Stream default_stream;
  bool implicit = false;  // made by aclrtSetDevice
};

struct Event {
  bool recorded = false;
  double microseconds = 0;
};

// One for the process, never destroyed. Device::Mutex() guards it.
struct State {
  uint64_t initialised = 0;   // calls of aclInit that have not been undone
  uint64_t device_users = 0;  // aclrtSetDevice minus aclrtResetDevice
  Context* default_context = nullptr;
  std::set<Context*> contexts;
  std::set<Stream*> streams;  // without the default ones
  std::set<Event*> events;
  std::map<uint64_t, uint64_t> host_memory;  // aclrtMallocHost: address, size
  double device_microseconds = 0;            // kernels of all streams run one after the other

  static State& Instance();
};

// What this thread works on.
Context*& CurrentContext();

// Remembers and prints "function: message", returns the code.
aclError Fail(aclError code, const char* function, const std::string& message);
void Warn(const char* function, const std::string& message);

// ACL_SUCCESS when acl is initialised and the thread has a context.
aclError RequireInitialised(const char* function);
aclError RequireContext(const char* function);

// The stream of a handle (null: the default one of the current context); null after Fail() into *error.
Stream* FindStream(aclrtStream handle, const char* function, aclError* error);

}  // namespace ascsim::acl
