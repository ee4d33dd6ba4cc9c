// Random programs: the checker against reachability in the explicit graph of starts and completions, byte by byte.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "check/checker.h"
#include "checker_graph.h"
#include "checker_program.h"

namespace ascsim {
namespace {

constexpr Pipe kPipes[] = {Pipe::kS, Pipe::kV, Pipe::kMTE2, Pipe::kMTE3};

// Rule, line of the earlier and of the later instruction; every instruction has its own line.
using Pair = std::tuple<std::string, uint32_t, uint32_t>;
using Races = std::map<Pair, std::set<uint64_t>>;  // with the bytes

struct Live {
  size_t event;
  AccessKind kind;
};

bool Inserted(Pipe a, Pipe b) {
  const auto is = [&](Pipe x, Pipe y) { return (a == x && b == y) || (a == y && b == x); };
  return is(Pipe::kV, Pipe::kV) || is(Pipe::kS, Pipe::kV) || is(Pipe::kS, Pipe::kMTE2) || is(Pipe::kS, Pipe::kMTE3);
}

class Oracle {
 public:
  Oracle(const std::vector<Event>& events, bool auto_sync) : events_(events), graph_(events), auto_sync_(auto_sync) {
    for (size_t i = 0; i < events.size(); ++i) {
      for (const Touch& touch : events[i].touches) {
        for (uint64_t b = 0; b < touch.size; ++b) TouchByte(i, touch, touch.address + b);
      }
    }
  }
  Races races;
  bool hidden = false;  // a race was missed because what it races with had been dropped, with nothing in its place

 private:
  using Place = std::tuple<Space, int, uint64_t>;

  bool Ordered(size_t a, size_t b) const {
    const Event &x = events_[a], &y = events_[b];
    if (a == b || graph_.Before(a, b)) return true;
    if (x.core != y.core) return false;
    return (x.pipe == Pipe::kS && y.pipe == Pipe::kS) || (auto_sync_ && Inserted(x.pipe, y.pipe));
  }
  static bool Meet(AccessKind a, AccessKind b) { return a == b && a != AccessKind::kWrite; }
  std::string RuleOf(const Live& old, size_t event, AccessKind kind) const {
    const Event &x = events_[old.event], &y = events_[event];
    if (x.core != y.core) return "race-cores";
    if (x.pipe == y.pipe) return "race-within-queue";
    if (kind == AccessKind::kRead) return "race-raw";
    return old.kind == AccessKind::kRead ? "race-war" : "race-waw";
  }

  void TouchByte(size_t event, const Touch& touch, uint64_t address) {
    const Event& e = events_[event];
    const Place place = {touch.space, touch.space == Space::kGM ? 0 : e.core, address};
    std::vector<Live>& live = live_[place];
    // By another access of the instruction to the byte, maybe, behind which the others went.
    bool told = told_.contains({event, place}), raced = false;
    for (const Live& old : live) {
      if (Meet(old.kind, touch.kind) || Ordered(old.event, event)) continue;
      const Pair pair = {RuleOf(old, event, touch.kind), events_[old.event].line, e.line};
      races[pair].insert(address);
      told = true;
    }
    for (const Live& old : all_[place]) raced |= !Meet(old.kind, touch.kind) && !Ordered(old.event, event);
    // Reads that this instruction's own read took the place of are met by its own write still.
    std::vector<Live>& replaced = replaced_[{event, place}];
    if (touch.kind == AccessKind::kWrite) {
      for (const Live& old : replaced) {
        if (Ordered(old.event, event)) continue;
        races[{RuleOf(old, event, touch.kind), events_[old.event].line, e.line}].insert(address);
        told = true;
      }
    }
    if (told) told_.insert({event, place});
    hidden |= raced && !told;
    std::erase_if(live, [&](const Live& old) {
      const Event& x = events_[old.event];
      const bool same_queue = x.core == e.core && x.pipe == e.pipe;
      if (touch.kind == AccessKind::kWrite) return same_queue || graph_.Before(old.event, event);
      if (!same_queue || old.kind != touch.kind) return false;
      if (touch.kind == AccessKind::kRead && old.event != event) replaced.push_back(old);
      return true;
    });
    live.push_back({event, touch.kind});
    all_[place].push_back({event, touch.kind});
  }

  const std::vector<Event>& events_;
  Graph graph_;
  bool auto_sync_;
  std::map<Place, std::vector<Live>> live_, all_;
  std::map<std::pair<size_t, Place>, std::vector<Live>> replaced_;
  std::set<std::pair<size_t, Place>> told_;
};

class Generator {
 public:
  Generator(uint64_t seed, Program& program, int num_cores)
      : random_(seed), p_(program), cores_(num_cores), hold_(Below(3) == 0) {}

  void Run() {
    const uint32_t steps = 5 + Below(45);
    for (line_ = 1; line_ <= steps; ++line_) Step();
  }

 private:
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  Pipe AnyPipe() { return kPipes[Below(4)]; }

  void Step() {
    const int core = static_cast<int>(Below(static_cast<uint32_t>(cores_)));
    const uint32_t what = Below(20);
    if (what < 11) {
      Work(core);
    } else if (what < 16) {
      Flag(core);
    } else if (what < 18) {
      const Pipe pipe = kPipes[1 + Below(3)];
      p_.Barrier(core, pipe, line_);
    } else if (what < 19) {
      if (p_.Idle(core)) p_.Barrier(core, Pipe::kAll, line_);
    } else if (cores_ > 1) {
      Cross(core);
    }
  }

  void Work(int core) {
    const Pipe pipe = AnyPipe();
    if (pipe == Pipe::kS) {
      p_.Work(core, pipe, Op::kGetValue, line_, {Local(4, Below(2) == 0), Gm(4, Below(2))});
    } else if (pipe == Pipe::kV) {
      std::vector<Touch> touches;
      const uint32_t reads = Below(3), scattered = Below(4) == 0 ? 6 : 0;
      for (uint32_t i = 0; i < reads; ++i) touches.push_back(Local(0, true));
      for (uint32_t i = 0; i < scattered; ++i) touches.push_back(Local(4, true));
      touches.push_back(Local(0, false));
      p_.Work(core, pipe, Op::kAdd, line_, touches);
    } else {
      const bool load = pipe == Pipe::kMTE2;
      std::vector<Touch> touches;
      const uint32_t bursts = 1 + Below(3), atomic = Below(3) == 0 ? 2 + Below(2) : 1;
      for (uint32_t i = 0; i < bursts; ++i) {
        touches.push_back(load ? Gm(0, 0) : Local(0, true));
        touches.push_back(load ? Local(0, false) : Gm(0, atomic));
      }
      p_.Work(core, pipe, load ? Op::kCopyGmToUb : Op::kCopyUbToGm, line_, touches);
    }
  }

  // A few blocks, so that most accesses meet; sizes from one byte to several blocks.
  Touch Local(uint64_t size, bool read) {
    const uint64_t at = Range(192, &size);
    return {Space::kUB, at, size, read ? AccessKind::kRead : AccessKind::kWrite};
  }
  Touch Gm(uint64_t size, uint32_t kind) {
    const uint64_t at = Range(192, &size);
    // Across the end of a page of the shadow, and of a line of it.
    const uint64_t base = Below(2) == 0 ? (uint64_t{3} << 16) - 96 : 416;
    return {Space::kGM, base + at, size, static_cast<AccessKind>(kind)};
  }
  uint64_t Range(uint64_t bytes, uint64_t* size) {
    if (*size == 0) *size = Below(2) == 0 ? 32 * (1 + Below(4)) : 1 + Below(70);
    const uint64_t unit = Below(3) == 0 ? 1 : Below(2) == 0 ? 4 : 32;
    return Below(static_cast<uint32_t>((bytes - *size) / unit + 1)) * unit;
  }

  void Flag(int core) {
    const Pipe from = AnyPipe();
    Pipe to = AnyPipe();
    if (from == to) return;
    const uint32_t id = Below(2);
    if (to == Pipe::kS && !p_.Idle(core, from)) return;  // the scalar unit would have to stop
    const uint32_t form = Below(8);
    if (p_.IsSet(core, from, to, id)) {
      p_.Wait(core, from, to, id, line_);
    } else if (form < 5) {
      p_.Set(core, from, to, id, line_);
      if (form < 4 && p_.IsSet(core, from, to, id)) p_.Wait(core, from, to, id, line_);
    } else if (hold_ && to != Pipe::kS && p_.Idle(core, to)) {
      p_.Wait(core, from, to, id, line_);  // before its set
    } else {
      p_.Set(core, from, to, id, line_);
    }
  }

  void Cross(int core) {
    if (Below(4) == 0) {
      for (int c = 0; c < cores_; ++c) {
        if (!p_.Idle(c)) return;
      }
      p_.SyncAll();
      return;
    }
    const Pipe from = AnyPipe();
    const Pipe to = Below(2) == 0 ? Pipe::kS : AnyPipe();
    const int other = static_cast<int>(Below(static_cast<uint32_t>(cores_)));
    if (other == core || !p_.Idle(core, from) || !p_.Idle(other, to)) return;
    p_.Receive(other, to, p_.Signal(core, from, line_), line_);
  }

  std::mt19937_64 random_;
  Program& p_;
  int cores_;
  bool hold_;
  uint32_t line_ = 0;
};

Races Found(const Checker& checker) {
  Races found;
  for (const Breach& b : checker.breaches()) {
    std::set<uint64_t>& bytes = found[{std::string(RuleName(b.rule)), b.second.loc.line, b.first.loc.line}];
    for (uint64_t i = 0; i < b.size; ++i) bytes.insert(b.address + i);
  }
  return found;
}

struct Counts {
  uint64_t programs = 0, events = 0, races = 0, clean = 0;
};

void Compare(uint64_t seed, CheckMode mode, Counts* counts) {
  CheckOptions options = OptionsFor(mode);
  options.max_reports = 1 << 20;
  ASSERT_EQ(ParseSeverities("all=off,race-raw=error,race-war=error,race-waw=error,race-within-queue=error,"
                            "race-cores=error",
                            &options),
            "");
  const int cores = 1 + static_cast<int>(seed % 3);
  Program program(options, cores);
  Generator(seed, program, cores).Run();
  ASSERT_LE(program.events.size() * 2, kMaxNodes);
  const Oracle oracle(program.events, mode == CheckMode::kAutoSync);
  const Races found = Found(program.checker);
  for (const auto& [pair, bytes] : oracle.races) {
    const auto& [rule, earlier, later] = pair;
    const auto at = found.find(pair);
    ASSERT_TRUE(at != found.end()) << "seed " << seed << ": " << rule << " of lines " << earlier << ", " << later
                                   << " not found";
    EXPECT_TRUE(!at->second.empty() && std::includes(bytes.begin(), bytes.end(), at->second.begin(), at->second.end()))
        << "seed " << seed << ": " << rule << " of lines " << earlier << ", " << later << ": wrong bytes";
  }
  for (const Breach& b : program.checker.breaches()) {
    const Pair pair = {std::string(RuleName(b.rule)), b.second.loc.line, b.first.loc.line};
    ASSERT_TRUE(oracle.races.contains(pair)) << "seed " << seed << ": " << Format(b);
  }
  // With inserted order, which is no order between third parties, this holds only for programs in program order.
  if (mode == CheckMode::kStrict) {
    EXPECT_FALSE(oracle.hidden) << "seed " << seed;
  }
  ++counts->programs;
  counts->events += program.events.size();
  counts->races += oracle.races.size();
  if (oracle.races.empty()) ++counts->clean;
}

void CompareMany(CheckMode mode) {
  const char* one = std::getenv("ASCSIM_TEST_SEED");
  const uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 1;
  const uint64_t programs = one != nullptr ? 1 : 8000;
  Counts counts;
  for (uint64_t seed = first; seed < first + programs; ++seed) {
    Compare(seed, mode, &counts);
    if (testing::Test::HasFailure()) FAIL() << "replay with ASCSIM_TEST_SEED=" << seed;
  }
  std::printf("%llu programs, %llu events, %llu racing pairs, %llu programs without any\n",
              static_cast<unsigned long long>(counts.programs), static_cast<unsigned long long>(counts.events),
              static_cast<unsigned long long>(counts.races), static_cast<unsigned long long>(counts.clean));
  if (one == nullptr) {
    EXPECT_GT(counts.races, counts.programs);
    EXPECT_GT(counts.clean, counts.programs / 50);
  }
}

TEST(CheckerRandom, StrictAgreesWithTheGraph) { CompareMany(CheckMode::kStrict); }
TEST(CheckerRandom, AutoSyncAgreesWithTheGraph) { CompareMany(CheckMode::kAutoSync); }

}  // namespace
}  // namespace ascsim
