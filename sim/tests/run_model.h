// A second opinion on a run: all that was issued and touched, as a graph, compared pair by pair.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "ascsim/instruction.h"
#include "engine/launch.h"

namespace ascsim {

// Lowest address of each tensor in UB or L1 (core, memory, end of the tensor) that a run uses.
using Starts = std::map<std::tuple<int, Space, uint64_t>, uint64_t>;

// Shares nothing with src/check: no clocks, no shadows, no order of execution. It keeps the instructions of each core
// in the order of the program, pairs flags by counting them, and looks for a way from every access to every other one
// that touches the same bytes. Quadratic, so for small inputs; no more blocks than cores.
class RunModel {
 public:
  // LaunchOptions::mutate and observe.
  void Issue(const Instruction& instruction);
  void Access(const Observed& access);

  // What the run breaks, in strict mode: "race 41 47" (the lines of both parties, the smaller one first),
  // "out-of-bounds 41", "flags MTE2_V 0", ... `starts` is what a correct run of the same kernel gave. Knows nothing of
  // the protocol of TQue.
  std::set<std::string> Judge(const Starts& starts) const;
  const Starts& starts() const { return starts_; }

 private:
  struct Range {
    Space space;
    AccessKind kind;
    size_t operand;  // 0: dst, 1 to 3: src0 to src2
    bool own;        // a read of what the same event, of the scalar unit, has written before
    uint32_t line;
    uint64_t begin, end;
  };
  struct Event {
    int core;
    Instruction instruction;  // scalar accesses that follow each other are one event: the first
    std::vector<Range> ranges;
    std::set<std::string> breaches;
  };
  struct CoreState {
    int group = 0;
    bool is_aiv = true;
    std::vector<size_t> program;  // events
    std::array<uint64_t, kNumPipes> issued{};
    size_t scalar = SIZE_MAX;  // event of scalar accesses that goes on
  };
  class Graph;
  struct Span {
    uint64_t begin, end;
    size_t event;
    AccessKind kind;
    bool own;
    uint32_t line;
  };
  using Memory = std::tuple<Space, int>;  // core; GM has none

  CoreState& StateOf(int core);
  size_t NewEvent(int core, const Instruction& instruction);
  void CheckPlace(const Observed& access, Event* event) const;
  std::map<Memory, std::vector<Span>> Spans() const;
  bool InProgramOrder(size_t a, size_t b) const;
  bool Ordered(const Graph& graph, size_t a, size_t b) const;
  void FindRaces(const Graph& graph, const std::vector<Span>& spans, std::set<std::string>* breaches) const;
  void FindUnwritten(const Graph& graph, const std::vector<Span>& spans, std::set<std::string>* breaches) const;
  void CheckStarts(const Event& event, const Starts& starts, std::set<std::string>* breaches) const;

  std::map<int, CoreState> cores_;
  std::vector<Event> events_;
  std::map<std::tuple<int, Pipe, uint64_t>, size_t> by_sequence_;
  Starts starts_;
};

// Where the reports of a run and what RunModel finds differ, in sentences. Rules that RunModel does not know are left
// out; so are races and first writes where it is not sure which SetFlag a WaitFlag is for, first writes in a race, and
// overlap of what is misaligned. RunModel keeps all accesses, the checker
// the latest of a queue: of races at one place with several it names the last, so its races have to be among
// RunModel's, and there have to be some where RunModel has some.
std::set<std::string> Differences(const LaunchStats& stats, const std::set<std::string>& breaches);

}  // namespace ascsim
