// A kernel's program on one core: a stack of its own that runs until it yields.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>

#include "engine/trap.h"

namespace ascsim {

class Fiber {
 public:
  // `body` runs on a stack of `stack_bytes` with a guard behind it; an exception that it lets out ends it, see error(),
  // and so does a fault.
  Fiber(size_t stack_bytes, std::function<void()> body);
  ~Fiber();  // unwinds a body that has not ended: its Yield throws
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // From outside: runs the body until it yields or ends.
  void Resume();
  // From inside: back to whoever resumed.
  void Yield();
  bool done() const;
  std::exception_ptr error() const;
  // What stopped the body, its objects never destroyed; null when nothing did.
  const Fault* fault() const;
  // Whether that was a stack that is full.
  bool overflowed() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ascsim
