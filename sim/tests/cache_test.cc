// The rules of the data cache: small programs, each mended by the smallest change, and random ones against a model.
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

constexpr Pipe S = Pipe::kS, MTE2 = Pipe::kMTE2, MTE3 = Pipe::kMTE3;
constexpr uint64_t kLine = 64, kGm = 4096;

void Get(Program& p, int core, uint64_t gm, uint32_t line) { p.Work(core, S, Op::kGetValue, line, {ReadGm(gm, 4)}); }
void Put(Program& p, int core, uint64_t gm, uint32_t line) { p.Work(core, S, Op::kSetValue, line, {WriteGm(gm, 4)}); }
void Load(Program& p, int core, uint64_t gm, uint64_t size, uint32_t line) {
  p.Work(core, MTE2, Op::kCopyGmToUb, line, {ReadGm(gm, size)});
}
void Store(Program& p, int core, uint64_t gm, uint64_t size, uint32_t line) {
  p.Work(core, MTE3, Op::kCopyUbToGm, line, {WriteGm(gm, size)});
}
void Clean(Program& p, int core, uint64_t gm, uint32_t line, bool whole = false) {
  p.Work(core, S, Op::kCleanCache, line, {});
  p.checker.CleanCache(gm, whole);
}

std::string Reports(const Program& p) {
  std::string text;
  for (const Breach& b : p.checker.breaches()) {
    text += std::string(RuleName(b.rule)) + " " + std::to_string(b.second.loc.line) + " " +
            std::to_string(b.first.loc.line) + "\n";
  }
  return text;
}
Program Strict(int cores) { return Program(OptionsFor(CheckMode::kStrict), cores); }

TEST(Cache, LineReadBeforeACopyWroteIt) {
  for (const int clean : {0, 1, 2, 3, 4}) {  // nothing; the line; all; the line next to it; before the copy
    Program p = Strict(1);
    Get(p, 0, kGm, 10);
    p.Flag(0, S, MTE3);
    if (clean == 4) Clean(p, 0, kGm, 11);
    Store(p, 0, kGm, 256, 12);
    p.Flag(0, MTE3, S);
    if (clean > 0 && clean < 4) Clean(p, 0, clean == 3 ? kGm + kLine : kGm + 20, 13, clean == 2);
    Get(p, 0, kGm + 8, 14);  // other bytes of the line
    EXPECT_EQ(Reports(p), clean == 0 || clean == 3 ? "cache-stale 12 14\n" : "") << clean;
  }
}

TEST(Cache, FreshWhenTheLineCameAfterTheWrite) {
  Program p = Strict(1);
  Get(p, 0, kGm + kLine, 10);
  p.Flag(0, S, MTE3);
  Store(p, 0, kGm, 2 * kLine, 11);
  p.Flag(0, MTE3, S);
  Get(p, 0, kGm, 12);
  Get(p, 0, kGm, 13);
  EXPECT_EQ(Reports(p), "");
}

// The line may have come while the other core wrote: which was first is luck, whatever the simulation's order.
TEST(Cache, LineThatCameWhileAnotherCoreWroteBesideIt) {
  for (const bool writer_first : {false, true}) {
    for (const bool ordered : {false, true}) {
      Program p = Strict(2);
      if (writer_first) Store(p, 1, kGm + 8, 4, 10);
      if (ordered && writer_first) p.SyncAll();
      Get(p, 0, kGm, 11);
      if (!writer_first) Store(p, 1, kGm + 8, 4, 10);
      p.SyncAll();
      Get(p, 0, kGm + 8, 12);
      EXPECT_EQ(Reports(p), writer_first && ordered ? "" : "cache-stale 10 12\n");
    }
  }
}

TEST(Cache, OwnWritesAreInTheOwnCache) {
  Program p = Strict(1);
  Get(p, 0, kGm, 10);
  Put(p, 0, kGm, 11);
  Get(p, 0, kGm, 12);
  Put(p, 0, kGm, 13);
  EXPECT_EQ(Reports(p), "");
}

TEST(Cache, AtomicUpdatesAreWritesToo) {
  Program p = Strict(2);
  Get(p, 0, kGm, 10);
  p.SyncAll();
  p.Work(1, MTE3, Op::kCopyUbToGm, 11, {UpdateGm(kGm, 32)});
  p.SyncAll();
  Get(p, 0, kGm, 12);
  EXPECT_EQ(Reports(p), "cache-stale 11 12\n");
}

TEST(Cache, PreloadBringsTheLine) {
  Program p = Strict(1);
  p.Work(0, S, Op::kScalar, 10, {});
  p.checker.PreloadCache(kGm);
  p.Flag(0, S, MTE3);
  Store(p, 0, kGm, 32, 11);
  p.Flag(0, MTE3, S);
  Get(p, 0, kGm, 12);
  EXPECT_EQ(Reports(p), "cache-stale 11 12\n");
}

TEST(Cache, CopyReadsWhatIsNotCleaned) {
  for (const int clean : {0, 1, 2, 3}) {  // nothing; in time; all; after the flag, so that nothing orders it
    Program p = Strict(1);
    Put(p, 0, kGm, 10);
    if (clean == 1 || clean == 2) Clean(p, 0, kGm, 11, clean == 2);
    p.Flag(0, S, MTE2);
    if (clean == 3) Clean(p, 0, kGm, 11);
    Load(p, 0, kGm - 32, 96, 12);
    EXPECT_EQ(Reports(p), clean == 0 || clean == 3 ? "cache-not-cleaned 10 12\n" : "") << clean;
  }
}

TEST(Cache, AnotherCoreReadsWhatIsNotCleaned) {
  for (const bool clean : {false, true}) {
    Program p = Strict(2);
    Put(p, 0, kGm, 10);
    if (clean) Clean(p, 0, kGm, 11);
    p.SyncAll();
    Get(p, 1, kGm, 12);
    EXPECT_EQ(Reports(p), clean ? "" : "cache-not-cleaned 10 12\n");
  }
}

TEST(Cache, CleanedOnceIsCleanUntilTheNextWrite) {
  Program p = Strict(1);
  for (uint32_t i = 0; i < 3; ++i) {
    Put(p, 0, kGm + 4 * i, 10 + i);
    if (i < 2) Clean(p, 0, kGm, 20);
  }
  p.Flag(0, S, MTE2);
  Load(p, 0, kGm, 8, 30);
  EXPECT_EQ(Reports(p), "");
  Load(p, 0, kGm, 12, 31);
  EXPECT_EQ(Reports(p), "cache-not-cleaned 12 31\n");
}

TEST(Cache, TwoCoresChangeOneLine) {
  for (const bool apart : {false, true}) {
    Program p = Strict(2);
    Put(p, 0, kGm, 10);
    Put(p, 1, kGm + (apart ? kLine : 4), 11);
    Clean(p, 0, kGm, 12);
    Clean(p, 1, kGm, 13);
    EXPECT_EQ(Reports(p), apart ? "" : "cache-line-shared 10 11\n");
  }
}

TEST(Cache, TwoCoresChangeOneLineOneAfterTheOther) {
  for (const bool clean : {false, true}) {
    Program p = Strict(2);
    Put(p, 0, kGm, 10);
    if (clean) Clean(p, 0, kGm, 12);
    p.SyncAll();
    Put(p, 1, kGm + 4, 11);
    EXPECT_EQ(Reports(p), clean ? "" : "cache-line-shared 10 11\n");
  }
}

TEST(Cache, CopyBesideAChangedLine) {
  for (const bool clean : {false, true}) {
    Program p = Strict(1);
    Put(p, 0, kGm, 10);
    if (clean) Clean(p, 0, kGm, 11);
    p.Flag(0, S, MTE3);
    Store(p, 0, kGm + 32, 32, 12);
    EXPECT_EQ(Reports(p), clean ? "" : "cache-line-shared 10 12\n");
  }
}

TEST(Cache, ChangedAfterACopyWroteBesideIt) {
  for (const bool fetched : {false, true}) {
    Program p = Strict(1);
    if (fetched) Get(p, 0, kGm, 9);
    Store(p, 0, kGm + 32, 32, 10);
    p.Flag(0, MTE3, S);
    Put(p, 0, kGm, 11);
    EXPECT_EQ(Reports(p), fetched ? "cache-line-shared 10 11\n" : "");
  }
}

// The compiler has the scalar unit wait for earlier copies, but cleans no cache.
TEST(Cache, AutoSync) {
  Program p(OptionsFor(CheckMode::kAutoSync), 1);
  Get(p, 0, kGm, 10);
  Store(p, 0, kGm, 32, 11);
  Get(p, 0, kGm, 12);
  Put(p, 0, kGm + kLine, 13);
  Load(p, 0, kGm + kLine, 32, 14);
  Store(p, 0, kGm + 2 * kLine, 32, 15);
  Get(p, 0, kGm + 2 * kLine, 16);
  EXPECT_EQ(Reports(p), "cache-stale 11 12\ncache-not-cleaned 13 14\n");
}

TEST(Cache, TheNextBlockOfACoreHasAnEmptyCache) {
  Program p = Strict(2);
  Get(p, 0, kGm, 10);
  p.checker.EndCore(0);
  Store(p, 1, kGm + 32, 32, 11);
  p.SyncAll();
  Get(p, 0, kGm + 32, 12);
  EXPECT_EQ(Reports(p), "");
}

// --- Random programs. A report is the rule and the lines of the earlier and the later instruction.

using Report = std::tuple<std::string, uint32_t, uint32_t>;

struct Cleaned {
  int core;
  uint64_t line;
  bool whole;
};

// Follows a program in the order in which it took effect, with all accesses kept, and asks the graph.
class Model {
 public:
  Model(const std::vector<Event>& events, const std::map<size_t, Cleaned>& cleans)
      : events_(events), cleans_(cleans), graph_(events) {
    for (size_t i = 0; i < events.size(); ++i) Step(i);
  }
  std::set<Report> must, may;

 private:
  struct Live {
    size_t event;
    AccessKind kind;
  };

  bool Scalar(size_t e) const { return events_[e].pipe == S; }
  bool Known(size_t a, size_t b) const {
    const bool program_order = Scalar(a) && Scalar(b) && events_[a].core == events_[b].core && a < b;
    return program_order || graph_.Before(a, b);
  }
  bool Cleans(size_t e, int core, uint64_t line) const {
    const auto at = cleans_.find(e);
    return at != cleans_.end() && at->second.core == core && (at->second.whole || at->second.line == line);
  }
  bool Touches(size_t e, uint64_t line, bool write) const {
    for (const Touch& t : events_[e].touches) {
      const bool changes = t.kind != AccessKind::kRead;
      if (t.address / kLine <= line && line <= (t.address + t.size - 1) / kLine && (changes || !write)) return true;
    }
    return false;
  }
  // First scalar access of a line since it was last cleaned; `end` when there is none before.
  size_t Fetch(int core, uint64_t line, size_t end, bool write = false) const {
    size_t first = end;
    for (size_t e = end; e-- > 0;) {
      if (Cleans(e, core, line)) break;
      if (events_[e].core == core && Scalar(e) && Touches(e, line, write)) first = e;
    }
    return first;
  }
  // The event that put a write into GM, when it is over for `later`; -1: there is none.
  int InGm(size_t write, uint64_t line, size_t later) const {
    if (!Scalar(write)) return static_cast<int>(write);
    for (size_t e = write + 1; e < later; ++e) {
      if (Cleans(e, events_[write].core, line)) return Known(e, later) ? static_cast<int>(e) : -1;
    }
    return -1;
  }
  bool OwnScalar(size_t other, size_t e) const { return Scalar(other) && events_[other].core == events_[e].core; }
  uint32_t Line(size_t e) const { return events_[e].line; }

  void Step(size_t i) {
    for (const Touch& touch : events_[i].touches) {
      if (touch.kind != AccessKind::kRead) MeetDirty(i, touch);
      if (touch.kind != AccessKind::kRead && Scalar(i)) MeetInLine(i, touch);
      for (uint64_t b = touch.address; b < touch.address + touch.size; ++b) MeetByte(i, touch.kind, b);
    }
  }

  void MeetByte(size_t i, AccessKind kind, uint64_t byte) {
    std::vector<Live>& live = live_[byte];
    const bool load = Scalar(i) && kind == AccessKind::kRead;
    for (const Live& w : live) {
      if (w.event == i || !Known(w.event, i) || (Scalar(i) && OwnScalar(w.event, i))) continue;
      if (kind == AccessKind::kAtomicAdd && w.kind == AccessKind::kAtomicAdd) continue;
      if (!Scalar(w.event) && !load) continue;
      const uint64_t line = byte / kLine;
      const int in_gm = InGm(w.event, line, i);
      const size_t fetch = load ? Fetch(events_[i].core, line, i) : i;
      if (in_gm < 0) {
        must.insert({"cache-not-cleaned", Line(w.event), Line(i)});
      } else if (fetch < i && !Known(static_cast<size_t>(in_gm), fetch)) {
        must.insert({"cache-stale", Line(w.event), Line(i)});
      }
    }
    if (kind == AccessKind::kRead) return;
    std::erase_if(live, [&](const Live& old) {
      const bool same = events_[old.event].core == events_[i].core && events_[old.event].pipe == events_[i].pipe;
      return kind == AccessKind::kWrite ? same || graph_.Before(old.event, i) : same && old.kind == kind;
    });
    live.push_back({i, kind});
  }

  std::set<uint64_t> Dirty(int core, uint64_t line, size_t end) const {
    std::set<uint64_t> bytes;
    for (size_t e = Fetch(core, line, end, true); e < end; ++e) {
      if (events_[e].core != core || !Scalar(e)) continue;
      for (const Touch& t : events_[e].touches) {
        for (uint64_t b = t.address; t.kind != AccessKind::kRead && b < t.address + t.size; ++b) {
          if (b / kLine == line) bytes.insert(b);
        }
      }
    }
    return bytes;
  }

  // Another's write to a line that a scalar unit has changed.
  void MeetDirty(size_t i, const Touch& touch) {
    for (uint64_t line = touch.address / kLine; line <= (touch.address + touch.size - 1) / kLine; ++line) {
      for (int core = 0; core < 3; ++core) {
        if (Scalar(i) && core == events_[i].core) continue;
        const size_t write = Fetch(core, line, i, true);
        if (write < i) {
          bool overlap = false;
          for (const uint64_t b : Dirty(core, line, i)) overlap |= touch.address <= b && b < touch.address + touch.size;
          if (!overlap) must.insert({"cache-line-shared", Line(write), Line(i)});
          continue;
        }
        size_t clean = i;  // the last that found it changed
        for (size_t e = 0; e < i; ++e) {
          if (Cleans(e, core, line) && Fetch(core, line, e, true) < e) clean = e;
        }
        if (clean < i && !Known(clean, i)) {
          must.insert({"cache-line-shared", Line(Fetch(core, line, clean, true)), Line(i)});
        }
      }
    }
  }

  // A scalar write into a line of which others have written.
  void MeetInLine(size_t i, const Touch& touch) {
    const uint64_t line = touch.address / kLine;
    const size_t fetch = Fetch(events_[i].core, line, i);
    const std::set<uint64_t> dirty = Dirty(events_[i].core, line, i);
    std::map<size_t, std::pair<bool, bool>> met;  // by writer: overlaps the write, has bytes that are destroyed
    for (uint64_t b = line * kLine; b < (line + 1) * kLine; ++b) {
      for (const Live& w : live_[b]) {
        if (w.event == i || OwnScalar(w.event, i)) continue;
        auto& [overlaps, destroyed] = met[w.event];
        const bool own = touch.address <= b && b < touch.address + touch.size;
        overlaps |= own;
        destroyed |= !own && !dirty.contains(b);
      }
    }
    for (const auto& [w, how] : met) {
      const int in_gm = InGm(w, line, i);
      const bool known = in_gm >= 0 && Known(static_cast<size_t>(in_gm), fetch);
      if (in_gm < 0 || known || !how.second) continue;
      // A piece that was cut may overlap or not.
      const Report report = {"cache-line-shared", Line(w), Line(i)};
      (how.first && !Known(w, i) ? may : must).insert(report);
    }
  }

  const std::vector<Event>& events_;
  const std::map<size_t, Cleaned>& cleans_;
  Graph graph_;
  std::map<uint64_t, std::vector<Live>> live_;
};

class Generator {
 public:
  Generator(uint64_t seed, Program& program, int cores) : random_(seed), p_(program), cores_(cores) {}
  void Run() {
    const uint32_t steps = 5 + Below(50);
    for (line_ = 1; line_ <= steps; ++line_) Step();
  }
  std::map<size_t, Cleaned> cleans;

 private:
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  uint64_t Word() { return 448 + 4 * Below(32); }  // the lines 448 and 512, which lie in two lines of the shadow

  void Step() {
    const int core = static_cast<int>(Below(static_cast<uint32_t>(cores_)));
    const uint32_t what = Below(20);
    if (what < 5) {
      Get(p_, core, Word(), line_);
    } else if (what < 8) {
      Put(p_, core, Word(), line_);
    } else if (what < 11) {
      const bool whole = Below(4) == 0;
      const uint64_t at = Word();
      Clean(p_, core, at, line_, whole);
      cleans[static_cast<size_t>(p_.last_event())] = {core, at / kLine, whole};
    } else if (what < 13) {
      const uint64_t at = Word();
      p_.Work(core, MTE2, Op::kCopyGmToUb, line_, {ReadGm(at, Size(at))});
    } else if (what < 15) {
      const uint64_t at = Word();
      p_.Work(core, MTE3, Op::kCopyUbToGm, line_, {Below(4) == 0 ? UpdateGm(at, Size(at)) : WriteGm(at, Size(at))});
    } else if (what < 18) {
      constexpr Pipe kPipes[] = {S, MTE2, MTE3};
      const Pipe from = kPipes[Below(3)], to = kPipes[Below(3)];
      if (from != to && (to != S || p_.Idle(core, from))) p_.Flag(core, from, to, line_);
    } else if (what < 19) {
      p_.SyncAll();
    } else {
      const int other = static_cast<int>(Below(static_cast<uint32_t>(cores_)));
      if (other != core) p_.Receive(other, S, p_.Signal(core, Below(2) == 0 ? S : MTE3, line_), line_);
    }
  }
  uint64_t Size(uint64_t at) { return std::min<uint64_t>(4 + 4 * Below(24), 576 - at); }

  std::mt19937_64 random_;
  Program& p_;
  int cores_;
  uint32_t line_ = 0;
};

TEST(Cache, RandomProgramsAgreeWithTheModel) {
  const char* one = std::getenv("ASCSIM_TEST_SEED");
  const uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 1, count = one != nullptr ? 1 : 6000;
  std::map<std::string, uint64_t> reports;
  uint64_t clean = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const int cores = 1 + static_cast<int>(seed % 3);
    CheckOptions options = OptionsFor(CheckMode::kStrict);
    options.max_reports = 1 << 20;
    ASSERT_EQ(ParseSeverities("all=off,cache-stale=error,cache-not-cleaned=error,cache-line-shared=error", &options),
              "");
    Program program(options, cores);
    Generator generator(seed, program, cores);
    generator.Run();
    const Model model(program.events, generator.cleans);
    std::set<Report> found;
    for (const Breach& b : program.checker.breaches()) {
      const Report report = {std::string(RuleName(b.rule)), b.second.loc.line, b.first.loc.line};
      found.insert(report);
      ++reports[std::get<0>(report)];
      ASSERT_TRUE(model.must.contains(report) || model.may.contains(report)) << "seed " << seed << ": " << Format(b);
    }
    for (const Report& report : model.must) {
      ASSERT_TRUE(found.contains(report)) << "seed " << seed << ": " << std::get<0>(report) << " of lines "
                                          << std::get<1>(report) << ", " << std::get<2>(report) << " not found";
    }
    if (found.empty()) ++clean;
  }
  for (const auto& [rule, times] : reports)
    std::printf("%s: %llu\n", rule.c_str(), static_cast<unsigned long long>(times));
  if (one == nullptr) {
    EXPECT_GT(clean, count / 20);
    for (const char* rule : {"cache-stale", "cache-not-cleaned", "cache-line-shared"})
      EXPECT_GT(reports[rule], count / 4);
  }
}

}  // namespace
}  // namespace ascsim
