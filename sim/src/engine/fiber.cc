// Fibers on Boost.Context, known to AddressSanitizer.
// SPDX-License-Identifier: Apache-2.0
#include "engine/fiber.h"

#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <exception>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define ASCSIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASCSIM_ASAN 1
#endif
#endif
#ifdef ASCSIM_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace ascsim {

namespace bc = boost::context;

namespace {
// Thrown by Yield into a body whose fiber is destroyed.
struct Unwind {};
}  // namespace

struct Fiber::State {
  std::function<void()> body;
  bc::fiber inside, outside;
  bool done = false, unwind = false;
  std::exception_ptr error;
  const void* stack_bottom = nullptr;
  size_t stack_size = 0;
  const void* caller_bottom = nullptr;
  size_t caller_size = 0;

  void Run() {
    try {
      if (!unwind) body();
    } catch (const Unwind&) {
    } catch (...) {
      error = std::current_exception();
    }
  }

  // AddressSanitizer keeps shadow state per stack and must be told of each switch.
  static void Leave([[maybe_unused]] void** save, [[maybe_unused]] const void* bottom, [[maybe_unused]] size_t size) {
#ifdef ASCSIM_ASAN
    __sanitizer_start_switch_fiber(save, bottom, size);
#endif
  }
  static void Enter([[maybe_unused]] void* saved, [[maybe_unused]] const void** bottom, [[maybe_unused]] size_t* size) {
#ifdef ASCSIM_ASAN
    __sanitizer_finish_switch_fiber(saved, bottom, size);
#endif
  }
};

Fiber::Fiber(size_t stack_bytes, std::function<void()> body) : state_(std::make_unique<State>()) {
  State* s = state_.get();
  s->body = std::move(body);
  bc::protected_fixedsize_stack allocator(stack_bytes);
  const bc::stack_context stack = allocator.allocate();
  s->stack_size = stack.size;
  s->stack_bottom = static_cast<const char*>(stack.sp) - stack.size;
  s->inside =
      bc::fiber(std::allocator_arg, bc::preallocated(stack.sp, stack.size, stack), allocator, [s](bc::fiber&& outside) {
        State::Enter(nullptr, &s->caller_bottom, &s->caller_size);
        s->outside = std::move(outside);
        s->Run();
        s->done = true;
        State::Leave(nullptr, s->caller_bottom, s->caller_size);
        return std::move(s->outside);
      });
}

Fiber::~Fiber() {
  if (state_->done) return;
  state_->unwind = true;
  Resume();
}

void Fiber::Resume() {
  State* s = state_.get();
  void* saved = nullptr;
  State::Leave(&saved, s->stack_bottom, s->stack_size);
  s->inside = std::move(s->inside).resume();
  State::Enter(saved, nullptr, nullptr);
#ifdef ASCSIM_ASAN
  // The stack is gone, but not what is known of its last frame, which did not return: whoever gets this memory next
  // would be told of an overflow.
  if (s->done) __asan_unpoison_memory_region(s->stack_bottom, s->stack_size);
#endif
}

void Fiber::Yield() {
  State* s = state_.get();
  void* saved = nullptr;
  State::Leave(&saved, s->caller_bottom, s->caller_size);
  s->outside = std::move(s->outside).resume();
  State::Enter(saved, &s->caller_bottom, &s->caller_size);
  if (s->unwind) throw Unwind{};
}

std::exception_ptr Fiber::error() const { return state_->error; }

bool Fiber::done() const { return state_->done; }

}  // namespace ascsim
