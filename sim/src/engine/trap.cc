// Signal handlers of a launch.
// SPDX-License-Identifier: Apache-2.0
#include "engine/trap.h"

#include <array>
#include <utility>

namespace ascsim {
namespace {

constexpr std::array<int, 7> kSignals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, kTimeSignal};
// Sanitizers print a report from there when a signal goes on to them.
constexpr size_t kStackBytes = size_t{256} << 10;

bool installed = false;
std::array<struct sigaction, kSignals.size()> previous;
stack_t previous_stack;
thread_local TrapPoint* trap_point = nullptr;

// As if this handler had never been: what comes after it decides.
void PassOn(int signal, siginfo_t* info, void* context) {
  for (size_t i = 0; i < kSignals.size(); ++i) {
    if (kSignals[i] != signal) continue;
    const struct sigaction& action = previous[i];
    if ((action.sa_flags & SA_SIGINFO) != 0) return action.sa_sigaction(signal, info, context);
    if (action.sa_handler == SIG_IGN) return;
    if (action.sa_handler != SIG_DFL) return action.sa_handler(signal);
    ::signal(signal, SIG_DFL);
    // A fault comes again by itself when its instruction is tried again.
    if (info->si_code <= 0) raise(signal);
  }
}

void Handle(int signal, siginfo_t* info, void* context) {
  TrapPoint* const point = trap_point;
  const bool memory = signal == SIGSEGV || signal == SIGBUS;
  const bool time = signal == kTimeSignal && info->si_code <= 0;
  const bool known = info->si_code != SI_KERNEL;
  const uint64_t address = memory && known ? reinterpret_cast<uint64_t>(info->si_addr) : 0;
  const bool overflow = point != nullptr && address >= point->guard_begin && address < point->guard_end;
  // kill and the like: somebody else wants the process to end. abort raises its signal itself.
  const bool sent = info->si_code <= 0 && signal != SIGABRT && !time;
  if (point == nullptr || sent || (!KernelCode::Runs() && !overflow)) {
    // The watchdog tries again, and a call of the API that is under way will look at the time.
    if (!time) PassOn(signal, info, context);
    return;
  }
  point->fault = {signal, address, memory && known};
  siglongjmp(point->back, 1);
}

}  // namespace

TrapPoint* SetTrapPoint(TrapPoint* point) { return std::exchange(trap_point, point); }

Traps::Traps() : outermost_(!std::exchange(installed, true)) {
  if (!outermost_) return;
  alignas(16) static std::array<char, kStackBytes> stack_bytes;
  stack_t stack = {};
  stack.ss_sp = stack_bytes.data();
  stack.ss_size = stack_bytes.size();
  sigaltstack(&stack, &previous_stack);
  struct sigaction action = {};
  action.sa_sigaction = Handle;
  // The handler does not return when it jumps, so that nothing would unblock the signal.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &previous[i]);
}

Traps::~Traps() {
  if (!outermost_) return;
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &previous[i], nullptr);
  sigaltstack(&previous_stack, nullptr);
  installed = false;
}

}  // namespace ascsim
