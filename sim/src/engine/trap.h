// Signals of a kernel's plain C++: wild pointers, a full stack, a loop without an end stop its fiber, not the process.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstdint>

namespace ascsim {

// What stopped a fiber.
struct Fault {
  int signal = 0;
  uint64_t address = 0;        // SIGSEGV, SIGBUS: what was touched
  bool address_known = false;  // x86-64 does not tell addresses outside its 48 bits
};

// The watchdog sends it. Nothing else does, unless the process has a limit of processor time.
constexpr int kTimeSignal = SIGXCPU;

// While kernel code runs, it may be left at any instruction; the engine must not, its data would stay half changed.
class KernelCode {
 public:
  KernelCode() { Set(true); }
  ~KernelCode() { Set(false); }
  KernelCode(const KernelCode&) = delete;
  KernelCode& operator=(const KernelCode&) = delete;

  static void Set(bool runs) { runs_.store(runs, std::memory_order_relaxed); }
  static bool Runs() { return runs_.load(std::memory_order_relaxed); }

 private:
  inline static std::atomic<bool> runs_{false};
};

// Where a signal leads: the handler fills `fault` and jumps. In Fiber::Resume, for the fiber that it resumes.
struct TrapPoint {
  sigjmp_buf back;
  uint64_t guard_begin = 0, guard_end = 0;  // behind the stack: touching them is an overflow, in the engine as well
  Fault fault;
};
// Of this thread; returns the one before.
TrapPoint* SetTrapPoint(TrapPoint* point);

// The handlers, on a stack of their own, while it lives; of nested ones the outermost. One thread at a time. Signals
// that are no kernel's go on to the handlers that were there before.
class Traps {
 public:
  Traps();
  ~Traps();
  Traps(const Traps&) = delete;
  Traps& operator=(const Traps&) = delete;

 private:
  bool outermost_;
};

}  // namespace ascsim
