// The trace: Trace Event Format, a process per core and a thread per queue.
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cinttypes>
#include <cstdio>
#include <string>
#include <vector>

#include "engine/validate.h"
#include "report/report.h"

namespace ascsim {
namespace {

enum class Kind : uint8_t { kInstruction, kStall, kFlag, kCrossFlag, kBreach };

// Compact: a trace of millions of events must fit into memory.
struct Event {
  Kind kind = Kind::kInstruction;
  Op op = Op::kNone;
  Pipe pipe = Pipe::kS, other_pipe = Pipe::kS;
  uint8_t detail = 0;  // stall, or flag id
  uint16_t core = 0, other_core = 0;
  uint16_t launch = 0;
  Loc loc;
  Time begin = 0, end = 0;
  uint64_t bytes = 0;  // copies; else repeats
  uint32_t breach = 0;
};

std::string Escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += ' ';
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

struct TraceRecorder::State {
  struct LaunchInfo {
    std::string kernel;
    double mhz = 1;
    double offset_us = 0;  // launches follow each other on the time axis
    std::vector<std::string> cores;
  };
  uint64_t max_events = 0, dropped = 0;
  std::vector<Event> events;
  std::vector<LaunchInfo> launches;
  std::vector<std::string> breaches;
  double next_offset_us = 0;

  void Add(Event event) {
    if (events.size() >= max_events) {
      ++dropped;
      return;
    }
    event.launch = static_cast<uint16_t>(launches.size() - 1);
    events.push_back(event);
  }

  double Microseconds(const LaunchInfo& launch, Time time) const {
    return launch.offset_us + InCycles(time) / launch.mhz;
  }
  // Process number of a core in the trace.
  static int Process(const Event& event, int core) { return static_cast<int>(event.launch) * 1000 + core + 1; }

  // Names of processes and threads; false: there are none.
  bool WriteNames(std::FILE* file) const {
    const char* separator = "";
    for (size_t l = 0; l < launches.size(); ++l) {
      const LaunchInfo& launch = launches[l];
      for (size_t c = 0; c < launch.cores.size(); ++c) {
        const int process = static_cast<int>(l) * 1000 + static_cast<int>(c) + 1;
        std::fprintf(file, "%s{\"ph\":\"M\",\"pid\":%d,\"name\":\"process_name\",\"args\":{\"name\":\"%s: %s\"}}",
                     separator, process, Escape(launch.kernel).c_str(), launch.cores[c].c_str());
        separator = ",\n";
        for (int p = 0; p < kNumPipes; ++p) {
          std::fprintf(file,
                       ",\n{\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"name\":\"thread_name\",\"args\":{\"name\":\"%s\"}}",
                       process, p + 1, PipeName(static_cast<Pipe>(p)));
        }
      }
    }
    return *separator != 0;
  }

  // `arrow`: flags so far, each an arrow with a number of its own.
  void WriteEvent(std::FILE* file, const Event& e, uint64_t* arrow) const {
    const LaunchInfo& launch = launches[e.launch];
    const double begin = Microseconds(launch, e.begin), end = Microseconds(launch, e.end);
    const int process = Process(e, e.core), thread = static_cast<int>(e.pipe) + 1;
    switch (e.kind) {
      case Kind::kInstruction:
        std::fprintf(
            file,
            "{\"ph\":\"X\",\"pid\":%d,\"tid\":%d,\"ts\":%.4f,\"dur\":%.4f,\"name\":\"%s\",\"args\":{\"%s\":%" PRIu64
            ",\"at\":\"%s:%u\"}}",
            process, thread, begin, end - begin, OpName(e.op), e.detail == 1 ? "bytes" : "repeats", e.bytes,
            Escape(e.loc.file == nullptr ? "" : e.loc.file).c_str(), e.loc.line);
        break;
      case Kind::kStall:
        std::fprintf(
            file,
            "{\"ph\":\"X\",\"pid\":%d,\"tid\":%d,\"ts\":%.4f,\"dur\":%.4f,\"name\":\"wait: %s\",\"cat\":\"stall\","
            "\"cname\":\"grey\"}",
            process, thread, begin, end - begin, StallName(static_cast<Stall>(e.detail)));
        break;
      case Kind::kFlag:
      case Kind::kCrossFlag:
        ++*arrow;
        std::fprintf(file,
                     "{\"ph\":\"s\",\"pid\":%d,\"tid\":%d,\"ts\":%.4f,\"id\":%" PRIu64
                     ",\"name\":\"%s %d\",\"cat\":\"flag\"},\n"
                     "{\"ph\":\"f\",\"bp\":\"e\",\"pid\":%d,\"tid\":%d,\"ts\":%.4f,\"id\":%" PRIu64
                     ",\"name\":\"%s %d\",\"cat\":\"flag\"}",
                     process, thread, begin, *arrow, e.kind == Kind::kFlag ? "flag" : "cross-core flag", e.detail,
                     Process(e, e.other_core), static_cast<int>(e.other_pipe) + 1, end, *arrow,
                     e.kind == Kind::kFlag ? "flag" : "cross-core flag", e.detail);
        break;
      case Kind::kBreach:
        std::fprintf(
            file,
            "{\"ph\":\"i\",\"s\":\"p\",\"pid\":%d,\"tid\":%d,\"ts\":%.4f,\"name\":\"%s\",\"cat\":\"broken rule\"}",
            process, thread, begin, Escape(breaches[e.breach]).c_str());
        break;
    }
  }
};

TraceRecorder::TraceRecorder(uint64_t max_events) : state_(std::make_unique<State>()) {
  state_->max_events = max_events;
}
TraceRecorder::~TraceRecorder() = default;

void TraceRecorder::BeginLaunch(const std::string& kernel, double mhz) {
  state_->launches.push_back({kernel, mhz, state_->next_offset_us, {}});
}

void TraceRecorder::EndLaunch(const LaunchStats& stats) {
  State::LaunchInfo& launch = state_->launches.back();
  for (const CoreStats& core : stats.cores) launch.cores.push_back(core.name);
  // A gap of 1 us between launches keeps them apart to the eye.
  state_->next_offset_us = launch.offset_us + InCycles(stats.total) / stats.mhz + 1;
}

void TraceRecorder::OnInstruction(int core, const Instruction& instruction, const Slot& slot) {
  Event event;
  event.op = instruction.op;
  event.pipe = instruction.pipe;
  event.core = static_cast<uint16_t>(core);
  event.loc = instruction.loc;
  event.begin = slot.start;
  event.end = slot.free;
  event.bytes = instruction.bursts.count > 0 ? uint64_t{instruction.bursts.count} * instruction.bursts.bytes
                                             : uint64_t{instruction.repeats};
  event.detail = instruction.bursts.count > 0 ? 1 : 0;
  state_->Add(event);
}

void TraceRecorder::OnStall(int core, Pipe pipe, Stall stall, Time begin, Time end) {
  Event event;
  event.kind = Kind::kStall;
  event.pipe = pipe;
  event.core = static_cast<uint16_t>(core);
  event.detail = static_cast<uint8_t>(stall);
  event.begin = begin;
  event.end = end;
  state_->Add(event);
}

void TraceRecorder::OnFlag(int core, Pipe from, Pipe to, uint32_t id, Time set, Time wait, Loc set_loc,
                           Loc /*wait_loc*/) {
  Event event;
  event.kind = Kind::kFlag;
  event.pipe = from;
  event.other_pipe = to;
  event.detail = static_cast<uint8_t>(id);
  event.core = event.other_core = static_cast<uint16_t>(core);
  event.loc = set_loc;
  event.begin = set;
  event.end = wait;
  state_->Add(event);
}

void TraceRecorder::OnCrossFlag(int from_core, Pipe from, int to_core, Pipe to, uint32_t id, Time set, Time wait) {
  Event event;
  event.kind = Kind::kCrossFlag;
  event.pipe = from;
  event.other_pipe = to;
  event.detail = static_cast<uint8_t>(id);
  event.core = static_cast<uint16_t>(from_core);
  event.other_core = static_cast<uint16_t>(to_core);
  event.begin = set;
  event.end = wait;
  state_->Add(event);
}

void TraceRecorder::OnBreach(const Breach& breach, Time at) {
  Event event;
  event.kind = Kind::kBreach;
  event.pipe = breach.first.pipe;
  event.core = static_cast<uint16_t>(breach.first.core < 0 ? 0 : breach.first.core);
  event.begin = event.end = at;
  event.breach = static_cast<uint32_t>(state_->breaches.size());
  state_->breaches.push_back(Format(breach));
  state_->Add(event);
}

bool TraceRecorder::Write(const std::string& path) const {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return false;
  std::fprintf(file,
               "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"simulated\":\"ascsim\",\"dropped_events\":%" PRIu64
               "},\"traceEvents\":[\n",
               state_->dropped);
  const char* separator = state_->WriteNames(file) ? ",\n" : "";
  uint64_t arrow = 0;
  for (const Event& e : state_->events) {
    std::fputs(separator, file);
    separator = ",\n";
    state_->WriteEvent(file, e, &arrow);
  }
  std::fputs("\n]}\n", file);
  const bool good = std::ferror(file) == 0;
  return std::fclose(file) == 0 && good;
}

}  // namespace ascsim
