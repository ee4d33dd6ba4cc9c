// Fibers on Boost.Context, known to AddressSanitizer.
// SPDX-License-Identifier: Apache-2.0
#include "engine/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <boost/context/fiber.hpp>
#include <exception>
#include <new>
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

// Costs addresses only, and catches a function whose variables are larger than a page or two.
constexpr size_t kGuardBytes = size_t{1} << 20;

// Boost's has a guard of one page.
struct StackAllocator {
  size_t bytes;

  bc::stack_context allocate() const {
    void* const pages = mmap(nullptr, kGuardBytes + bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    if (mprotect(static_cast<char*>(pages) + kGuardBytes, bytes, PROT_READ | PROT_WRITE) != 0) {
      munmap(pages, kGuardBytes + bytes);
      throw std::bad_alloc();
    }
    bc::stack_context stack;
    stack.size = bytes;
    stack.sp = static_cast<char*>(pages) + kGuardBytes + bytes;
    return stack;
  }
  void deallocate(bc::stack_context& stack) const {
    munmap(static_cast<char*>(stack.sp) - stack.size - kGuardBytes, kGuardBytes + stack.size);
  }
};

}  // namespace

struct Fiber::State {
  std::function<void()> body;
  bc::fiber inside, outside;
  bool done = false, unwind = false;
  std::exception_ptr error;
  TrapPoint trap;
  bool faulted = false;
  bc::stack_context stack;
  const void* stack_bottom = nullptr;
  size_t stack_size = 0;
  const void* caller_bottom = nullptr;
  size_t caller_size = 0;

  void Run() {
    const KernelCode runs;
    try {
      if (!unwind) body();
    } catch (const Unwind&) {
    } catch (...) {
      error = std::current_exception();
    }
  }

  // After a jump out of the body, which leaves no way back into it: `outside` leads into a call of resume() that is
  // over, and must not unwind it.
  void Abandon() {
    KernelCode::Set(false);
    done = faulted = true;
    new (&outside) bc::fiber();
    Leave(nullptr, caller_bottom, caller_size);
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
  const StackAllocator allocator{stack_bytes};
  const bc::stack_context stack = s->stack = allocator.allocate();
  s->stack_size = stack.size;
  s->stack_bottom = static_cast<const char*>(stack.sp) - stack.size;
  s->trap.guard_end = reinterpret_cast<uint64_t>(s->stack_bottom);
  s->trap.guard_begin = s->trap.guard_end - kGuardBytes;
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
  if (!state_->done) {
    state_->unwind = true;
    Resume();
  }
  // A fiber that comes to its end frees its stack itself.
  if (state_->faulted) StackAllocator{state_->stack_size}.deallocate(state_->stack);
}

void Fiber::Resume() {
  State* s = state_.get();
  void* saved = nullptr;
  TrapPoint* const outer = SetTrapPoint(&s->trap);
  State::Leave(&saved, s->stack_bottom, s->stack_size);
  // Without the signal mask, which is a system call: the handler leaves it as it is.
  if (sigsetjmp(s->trap.back, 0) == 0) {
    s->inside = std::move(s->inside).resume();
  } else {
    s->Abandon();
  }
  State::Enter(saved, nullptr, nullptr);
  SetTrapPoint(outer);
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

const Fault* Fiber::fault() const { return state_->faulted ? &state_->trap.fault : nullptr; }

bool Fiber::overflowed() const {
  const TrapPoint& trap = state_->trap;
  return state_->faulted && trap.fault.address >= trap.guard_begin && trap.fault.address < trap.guard_end;
}

bool Fiber::done() const { return state_->done; }

}  // namespace ascsim
