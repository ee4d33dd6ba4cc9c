// A kernel in miniature for tests of the checker: queues that wait for flags, as in the engine.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "check/checker.h"

namespace ascsim {

struct Touch {
  Space space = Space::kUB;
  uint64_t address = 0, size = 0;
  AccessKind kind = AccessKind::kRead;
  bool element = false;  // told by ReadElements: a read of UB by V, even and inside a block
};
inline Touch Read(uint64_t address, uint64_t size) { return {Space::kUB, address, size, AccessKind::kRead}; }
inline Touch Write(uint64_t address, uint64_t size) { return {Space::kUB, address, size, AccessKind::kWrite}; }
inline Touch ReadGm(uint64_t address, uint64_t size) { return {Space::kGM, address, size, AccessKind::kRead}; }
inline Touch WriteGm(uint64_t address, uint64_t size) { return {Space::kGM, address, size, AccessKind::kWrite}; }
inline Touch UpdateGm(uint64_t address, uint64_t size, AccessKind kind = AccessKind::kAtomicAdd) {
  return {Space::kGM, address, size, kind};
}

// What takes effect, in the order in which it does; for an oracle.
struct Event {
  enum class Kind : uint8_t { kWork, kSet, kWait, kBarrier, kBarrierAll, kSignal, kReceive, kSyncAll };
  Kind kind = Kind::kWork;
  int core = 0;
  Pipe pipe = Pipe::kS;   // kBarrierAll, kSyncAll: not used
  int issued_after = -1;  // event of the scalar unit (or barrier of all) before it in program order
  int partner = -1;       // kWait: its kSet; kReceive: its kSignal
  uint32_t line = 0;
  std::vector<Touch> touches;
};

class Program {
 public:
  static constexpr uint64_t kUb = 8192, kL1 = 8192;

  Program(const CheckOptions& options, int num_cores)
      : checker(options, "kernel", num_cores, kUb, kL1), cores_(static_cast<size_t>(num_cores)) {}

  void Work(int core, Pipe pipe, Op op, uint32_t line, std::vector<Touch> touches) {
    Step step = NewStep(core, pipe, op, line, Event::Kind::kWork);
    step.event.touches = std::move(touches);
    Issue(std::move(step));
  }
  void Set(int core, Pipe from, Pipe to, uint32_t id, uint32_t line) {
    Step step = NewStep(core, from, Op::kSetFlag, line, Event::Kind::kSet);
    step.instruction.option[0] = static_cast<uint64_t>(to);
    step.instruction.option[1] = id;
    Issue(std::move(step));
  }
  void Wait(int core, Pipe from, Pipe to, uint32_t id, uint32_t line) {
    Step step = NewStep(core, to, Op::kWaitFlag, line, Event::Kind::kWait);
    step.instruction.option[0] = static_cast<uint64_t>(from);
    step.instruction.option[1] = id;
    Issue(std::move(step));
  }
  void Flag(int core, Pipe from, Pipe to, uint32_t line = 0) {
    Set(core, from, to, 0, line);
    Wait(core, from, to, 0, line);
  }
  void Barrier(int core, Pipe pipe, uint32_t line = 0) {
    Step step =
        NewStep(core, pipe, Op::kBarrier, line, pipe == Pipe::kAll ? Event::Kind::kBarrierAll : Event::Kind::kBarrier);
    if (pipe != Pipe::kAll) return Issue(std::move(step));
    checker.Barrier(core, step.instruction);
    cores_[static_cast<size_t>(core)].last_scalar = Record(step.event);
  }
  // The token's event; to be given to Receive.
  int Signal(int core, Pipe pipe, uint32_t line = 0) {
    Issue(NewStep(core, pipe, Op::kCrossSetFlag, line, Event::Kind::kSignal));
    return last_event();
  }
  void Receive(int core, Pipe pipe, int signal, uint32_t line = 0) {
    Step step = NewStep(core, pipe, Op::kCrossWaitFlag, line, Event::Kind::kReceive);
    step.event.partner = signal;
    Issue(std::move(step));
  }
  void SyncAll() {
    std::vector<int> all;
    for (int c = 0; c < static_cast<int>(cores_.size()); ++c) all.push_back(c);
    checker.SyncAll(all);
    Event event;
    event.kind = Event::Kind::kSyncAll;
    const int number = Record(event);
    for (Core& core : cores_) core.last_scalar = number;
  }

  bool IsSet(int core, Pipe from, Pipe to, uint32_t id) { return FlagOf(core, from, to, id) >= 0; }
  bool Idle(int core) const {
    for (const Queue& queue : cores_[static_cast<size_t>(core)].queues) {
      if (!queue.pending.empty()) return false;
    }
    return true;
  }
  bool Idle(int core, Pipe pipe) const {
    return cores_[static_cast<size_t>(core)].queues[static_cast<size_t>(pipe)].pending.empty();
  }
  int last_event() const { return static_cast<int>(events.size()) - 1; }

  Checker checker;
  std::vector<Event> events;

 private:
  struct Step {
    Instruction instruction;
    Event event;
  };
  struct Queue {
    uint64_t sequence = 0;
    std::deque<Step> pending;
  };
  struct Core {
    std::array<Queue, kNumPipes> queues;
    std::array<int, kNumPipes * kNumPipes * 8> flags;  // event that set it, or -1
    int last_scalar = -1;
    Core() { flags.fill(-1); }
  };

  int& FlagOf(int core, Pipe from, Pipe to, uint64_t id) {
    const auto pair = static_cast<size_t>(from) * kNumPipes + static_cast<size_t>(to);
    return cores_[static_cast<size_t>(core)].flags[pair * 8 + id];
  }

  Step NewStep(int core, Pipe pipe, Op op, uint32_t line, Event::Kind kind) {
    Step step;
    step.instruction.op = op;
    step.instruction.pipe = pipe;
    step.instruction.loc = {"/src/k.cpp", line};
    step.event.kind = kind;
    step.event.core = core;
    step.event.pipe = pipe;
    step.event.line = line;
    step.event.issued_after = cores_[static_cast<size_t>(core)].last_scalar;
    if (pipe != Pipe::kAll) {
      Queue& queue = cores_[static_cast<size_t>(core)].queues[static_cast<size_t>(pipe)];
      step.instruction.sequence = ++queue.sequence;
      if (pipe != Pipe::kS) checker.Issue(core, pipe);
    }
    return step;
  }

  int Record(const Event& event) {
    events.push_back(event);
    return last_event();
  }

  void Issue(Step step) {
    Queue& queue = cores_[static_cast<size_t>(step.event.core)].queues[static_cast<size_t>(step.event.pipe)];
    if (!queue.pending.empty() || !Execute(step)) queue.pending.push_back(std::move(step));
  }

  bool Execute(Step& step) {
    const Instruction& i = step.instruction;
    Event& event = step.event;
    const int core = event.core;
    switch (event.kind) {
      case Event::Kind::kWork:
        checker.Begin(core, i);
        for (const Touch& touch : event.touches) {
          if (touch.element && Told(touch, event.touches)) continue;
          checker.Access(touch.space, touch.address, touch.size, touch.kind);
        }
        break;
      case Event::Kind::kSet:
        checker.SetFlag(core, i);
        break;
      case Event::Kind::kWait: {
        int& flag = FlagOf(core, static_cast<Pipe>(i.option[0]), i.pipe, i.option[1]);
        if (flag < 0) return false;
        event.partner = flag;
        flag = -1;
        checker.WaitFlag(core, i);
        break;
      }
      case Event::Kind::kBarrier:
        checker.Barrier(core, i);
        break;
      case Event::Kind::kSignal:
        tokens_.resize(events.size() + 1);
        tokens_.back() = checker.Signal(core, i.pipe, i.sequence);
        break;
      case Event::Kind::kReceive:
        checker.Receive(core, i.pipe, tokens_[static_cast<size_t>(event.partner)], i.sequence);
        break;
      default:
        break;
    }
    const int number = Record(event);
    if (event.pipe == Pipe::kS) cores_[static_cast<size_t>(core)].last_scalar = number;
    if (event.kind == Event::Kind::kSet) {
      FlagOf(core, i.pipe, static_cast<Pipe>(i.option[0]), i.option[1]) = number;
      Drain(core, static_cast<Pipe>(i.option[0]));
    }
    return true;
  }

  bool Told(const Touch& touch, const std::vector<Touch>& touches) {
    const uint32_t offset = 0;
    Elements elements{touch.address, &offset, 1, static_cast<uint32_t>(touch.size), 64, ~uint64_t{0}, 0};
    for (const Touch& other : touches) {
      if (other.space == Space::kGM || other.kind == AccessKind::kRead) continue;
      elements.own_begin = std::min(elements.own_begin, other.address);
      elements.own_end = std::max(elements.own_end, other.address + other.size);
    }
    return checker.ReadElements(touch.space, elements) == 0;
  }

  void Drain(int core, Pipe pipe) {
    Queue& queue = cores_[static_cast<size_t>(core)].queues[static_cast<size_t>(pipe)];
    while (!queue.pending.empty()) {
      Step step = std::move(queue.pending.front());
      queue.pending.pop_front();
      if (!Execute(step)) {
        queue.pending.push_front(std::move(step));
        return;
      }
    }
  }

  std::vector<Core> cores_;
  std::vector<Checker::Token> tokens_;
};

}  // namespace ascsim
