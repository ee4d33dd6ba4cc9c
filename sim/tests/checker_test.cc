// The checker on programs of a few instructions: every rule broken once, and mended by the smallest change.
// SPDX-License-Identifier: Apache-2.0
#include "check/checker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "checker_program.h"

namespace ascsim {
namespace {

constexpr Pipe S = Pipe::kS, V = Pipe::kV, MTE2 = Pipe::kMTE2, MTE3 = Pipe::kMTE3;

void Load(Program& p, int core, uint64_t gm, uint64_t ub, uint64_t size, uint32_t line) {
  p.Work(core, MTE2, Op::kCopyGmToUb, line, {ReadGm(gm, size), Write(ub, size)});
}
void Store(Program& p, int core, uint64_t ub, uint64_t gm, uint64_t size, uint32_t line) {
  p.Work(core, MTE3, Op::kCopyUbToGm, line, {Read(ub, size), WriteGm(gm, size)});
}
void Add(Program& p, int core, uint64_t dst, uint64_t a, uint64_t b, uint64_t size, uint32_t line) {
  p.Work(core, V, Op::kAdd, line, {Read(a, size), Read(b, size), Write(dst, size)});
}
void Fill(Program& p, int core, uint64_t ub, uint64_t size, uint32_t line) {
  p.Work(core, V, Op::kDuplicate, line, {Write(ub, size)});
}
void Put(Program& p, int core, uint64_t ub, uint32_t line) { p.Work(core, S, Op::kSetValue, line, {Write(ub, 4)}); }
void Get(Program& p, int core, uint64_t ub, uint32_t line) { p.Work(core, S, Op::kGetValue, line, {Read(ub, 4)}); }

struct Expected {
  Rule rule = Rule::kCount;  // kCount: none in this mode
  uint32_t earlier = 0, later = 0;
  uint64_t begin = 0, size = 0;
  const char* remedy = "";  // part of it
};

// `mend` true: the smallest version without the breach.
struct Scenario {
  const char* name;
  std::function<void(Program&, bool mend)> run;
  Expected strict;
  bool in_auto_sync = true;  // broken there, too
  int cores = 1;
};

const std::vector<Scenario>& Scenarios() {
  static const std::vector<Scenario> scenarios = {
      {"LoadThenAdd",
       [](Program& p, bool mend) {
         Load(p, 0, 4096, 0x100, 0x100, 41);
         if (mend) p.Flag(0, MTE2, V, 43);
         Add(p, 0, 0x400, 0x100, 0x100, 0x100, 47);
       },
       {Rule::kRaceRaw, 41, 47, 0x100, 0x100,
        "no MTE2_V flag (SetFlag<HardEvent::MTE2_V> after line 41, WaitFlag before line 47) between DataCopy at "
        "k.cpp:41 and Add at k.cpp:47"}},
      {"AddThenStore",
       [](Program& p, bool mend) {
         Fill(p, 0, 0, 64, 10);
         if (mend) p.Flag(0, V, MTE3);
         Store(p, 0, 32, 4096, 32, 11);
       },
       {Rule::kRaceRaw, 10, 11, 32, 32, "no V_MTE3 flag"}},
      {"LoadIntoWhatVStillReads",
       [](Program& p, bool mend) {
         Fill(p, 0, 0, 64, 10);
         p.Flag(0, V, MTE2);
         p.Barrier(0, V);
         Add(p, 0, 128, 0, 32, 32, 11);
         if (mend) p.Flag(0, V, MTE2);
         Load(p, 0, 8192, 0, 32, 12);
       },
       {Rule::kRaceWar, 11, 12, 0, 32, "no V_MTE2 flag"}},
      {"LoadAndFillTheSameBytes",
       [](Program& p, bool mend) {
         Load(p, 0, 4096, 0, 32, 10);
         if (mend) p.Flag(0, MTE2, V);
         Fill(p, 0, 4, 8, 11);
       },
       {Rule::kRaceWaw, 10, 11, 4, 8, "no MTE2_V flag"}},
      {"VectorsWithoutBarrier",
       [](Program& p, bool mend) {
         Fill(p, 0, 0, 256, 10);
         if (mend) p.Barrier(0, V);
         Add(p, 0, 512, 0, 0, 256, 11);
       },
       {Rule::kRaceWithinQueue, 10, 11, 0, 256,
        "no PipeBarrier<PIPE_V>() between Duplicate at k.cpp:10 and Add at k.cpp:11"},
       false},
      {"VectorsOverwriteWithoutBarrier",
       [](Program& p, bool mend) {
         Fill(p, 0, 0, 256, 10);
         if (mend) p.Barrier(0, V);
         Fill(p, 0, 32, 32, 11);
       },
       {Rule::kRaceWithinQueue, 10, 11, 32, 32, "no PipeBarrier<PIPE_V>()"},
       false},
      {"VectorOverwritesWhatVectorReads",
       [](Program& p, bool mend) {
         Fill(p, 0, 0, 256, 10);
         p.Barrier(0, V);
         Add(p, 0, 512, 0, 0, 256, 11);
         if (mend) p.Barrier(0, V);
         Fill(p, 0, 0, 256, 12);
       },
       {Rule::kRaceWithinQueue, 11, 12, 0, 256, "no PipeBarrier<PIPE_V>()"},
       false},
      {"UpdateInPlaceOfWhatVectorReads",
       [](Program& p, bool mend) {
         Fill(p, 0, 0, 256, 10);
         p.Barrier(0, V);
         Add(p, 0, 512, 0, 0, 256, 11);
         if (mend) p.Barrier(0, V);
         Add(p, 0, 0, 0, 32, 192, 12);
       },
       {Rule::kRaceWithinQueue, 11, 12, 0, 192, "no PipeBarrier<PIPE_V>()"},
       false},
      {"StoresOverlap",
       [](Program& p, bool mend) {
         Fill(p, 0, 0, 64, 9);
         p.Flag(0, V, MTE3);
         Store(p, 0, 0, 4096, 64, 10);
         if (mend) p.Barrier(0, MTE3);
         Store(p, 0, 0, 4128, 64, 11);
       },
       {Rule::kRaceWithinQueue, 10, 11, 4128, 32, "no PipeBarrier<PIPE_MTE3>()"}},
      {"LoadsOverlap",
       [](Program& p, bool mend) {
         Load(p, 0, 4096, 0, 64, 10);
         if (mend) p.Barrier(0, MTE2);
         Load(p, 0, 8192, 32, 64, 11);
       },
       {Rule::kRaceWithinQueue, 10, 11, 32, 32, "no PipeBarrier<PIPE_MTE2>()"}},
      {"StoreThenLoadThroughGm",
       [](Program& p, bool mend) {
         Fill(p, 0, 0, 64, 9);
         p.Flag(0, V, MTE3);
         Store(p, 0, 0, 4096, 64, 10);
         if (mend) p.Flag(0, MTE3, MTE2);
         Load(p, 0, 4096, 256, 64, 11);
       },
       {Rule::kRaceRaw, 10, 11, 4096, 64, "no MTE3_MTE2 flag"}},
      {"StoreThenLoadBehindBarrierOfAll",
       [](Program& p, bool mend) {
         Fill(p, 0, 0, 64, 9);
         p.Flag(0, V, MTE3);
         Store(p, 0, 0, 4096, 64, 10);
         p.Barrier(0, mend ? Pipe::kAll : MTE3);
         Load(p, 0, 4096, 256, 64, 11);
       },
       {Rule::kRaceRaw, 10, 11, 4096, 64, "no MTE3_MTE2 flag"}},
      {"SetValueThenAdd",
       [](Program& p, bool mend) {
         Fill(p, 0, 0, 32, 8);
         p.Flag(0, V, S);
         Put(p, 0, 4, 10);
         if (mend) p.Flag(0, S, V);
         Add(p, 0, 64, 0, 0, 32, 11);
       },
       {Rule::kRaceRaw, 10, 11, 4, 4, "no S_V flag"},
       false},
      {"GetValueOfWhatIsLoaded",
       [](Program& p, bool mend) {
         Load(p, 0, 4096, 0, 32, 10);
         if (mend) p.Flag(0, MTE2, S);
         Get(p, 0, 8, 11);
       },
       {Rule::kRaceRaw, 10, 11, 8, 4, "no MTE2_S flag"},
       false},
      {"ScalarAfterScalarNeedsNothing",
       [](Program& p, bool) {
         Put(p, 0, 4, 10);
         Get(p, 0, 4, 11);
         Put(p, 0, 4, 12);
       },
       {}},
      {"WhatTheScalarHasWaitedForIsKnown",
       [](Program& p, bool mend) {
         Load(p, 0, 4096, 0, 32, 10);
         if (mend) p.Flag(0, MTE2, S);
         Fill(p, 0, 0, 32, 11);
       },
       {Rule::kRaceWaw, 10, 11, 0, 32, "no MTE2_V flag"}},
      {"CoresShareBytes",
       [](Program& p, bool mend) {
         for (int c = 0; c < 2; ++c) {
           Fill(p, c, 0, 64, 8);
           p.Flag(c, V, MTE3);
         }
         Store(p, 0, 0, 4096, 64, 10);
         if (mend) p.SyncAll();
         Load(p, 1, 4128, 256, 64, 11);
       },
       {Rule::kRaceCores, 10, 11, 4128, 32, "no SyncAll or cross-core flag between DataCopy at k.cpp:10 and DataCopy"},
       true,
       2},
      {"CoresWithFlag",
       [](Program& p, bool mend) {
         Fill(p, 0, 0, 64, 8);
         p.Flag(0, V, MTE3);
         if (mend) {
           Store(p, 0, 0, 4096, 64, 10);
           p.Receive(1, S, p.Signal(0, MTE3));
         } else {
           p.Receive(1, S, p.Signal(0, MTE3));
           Store(p, 0, 0, 4096, 64, 10);
         }
         Load(p, 1, 4096, 256, 64, 11);
       },
       {Rule::kRaceCores, 10, 11, 4096, 64, "no SyncAll or cross-core flag"},
       true,
       2},
      {"AtomicAddMeetsStore",
       [](Program& p, bool mend) {
         for (int c = 0; c < 2; ++c) {
           Fill(p, c, 0, 64, 8);
           p.Flag(c, V, MTE3);
         }
         p.Work(0, MTE3, Op::kCopyUbToGm, 10, {Read(0, 64), UpdateGm(4096, 64)});
         p.Work(1, MTE3, Op::kCopyUbToGm, 11, {Read(0, 64), mend ? UpdateGm(4096, 64) : WriteGm(4096, 64)});
       },
       {Rule::kRaceCores, 10, 11, 4096, 64, "no SyncAll"},
       true,
       2},
      {"AtomicAddMeetsAtomicMax",
       [](Program& p, bool mend) {
         for (int c = 0; c < 2; ++c) {
           Fill(p, c, 0, 64, 8);
           p.Flag(c, V, MTE3);
         }
         p.Work(0, MTE3, Op::kCopyUbToGm, 10, {Read(0, 64), UpdateGm(4096, 64)});
         if (mend) p.SyncAll();
         p.Work(1, MTE3, Op::kCopyUbToGm, 11, {Read(0, 64), UpdateGm(4096, 64, AccessKind::kAtomicMax)});
       },
       {Rule::kRaceCores, 10, 11, 4096, 64, "no SyncAll"},
       true,
       2},
      {"BlocksOfOneCore",
       [](Program& p, bool mend) {
         Fill(p, 0, 0, 64, 9);
         p.Flag(0, V, MTE3);
         Store(p, 0, 0, 4096, 64, 10);
         p.checker.EndCore(0);
         Load(p, 0, mend ? 8192 : 4096, 0, 64, 11);
       },
       {Rule::kRaceCores, 10, 11, 4096, 64, "no SyncAll or cross-core flag"}},
      {"ReadOfNothing",
       [](Program& p, bool mend) {
         Fill(p, 0, 0, mend ? 64 : 60, 9);
         p.Barrier(0, V);
         Add(p, 0, 128, 0, 32, 32, 10);
       },
       {Rule::kUninitialisedRead, 0, 10, 60, 4, "write them first"}},
      {"LeftoversOfAnotherBlock",
       [](Program& p, bool mend) {
         Fill(p, 0, 0, 64, 9);
         if (!mend) p.checker.EndCore(0);
         p.Barrier(0, V);
         Add(p, 0, 128, 0, 32, 32, 10);
       },
       {Rule::kUninitialisedRead, 0, 10, 0, 64, "write them first"}},
      {"UseAfterFree",
       [](Program& p, bool mend) {
         Fill(p, 0, 0, 64, 9);
         p.Barrier(0, V);
         p.checker.MarkFreed(0, Space::kUB, 0, 40, true, {"/src/k.cpp", 10});
         if (mend) p.checker.MarkFreed(0, Space::kUB, 0, 40, false, {"/src/k.cpp", 11});
         Fill(p, 0, 32, 32, 12);
       },
       {Rule::kUseAfterFree, 10, 12, 32, 8, "move FreeTensor behind Duplicate at k.cpp:12"}},
      {"FlagSetTwice",
       [](Program& p, bool mend) {
         p.Set(0, MTE2, V, 3, 10);
         if (mend) p.Wait(0, MTE2, V, 3, 11);
         p.Set(0, MTE2, V, 3, 12);
         p.Wait(0, MTE2, V, 3, 13);
       },
       {Rule::kFlagSetTwice, 10, 12, 0, 0, "no WaitFlag<HardEvent::MTE2_V>(3)"}},
      {"FlagLeftSet",
       [](Program& p, bool mend) {
         p.Set(0, V, MTE3, 2, 10);
         if (mend) p.Wait(0, V, MTE3, 2, 11);
         p.checker.EndCore(0);
       },
       {Rule::kFlagLeftSet, 0, 10, 0, 0, "no WaitFlag<HardEvent::V_MTE3>(2) after k.cpp:10"}},
  };
  return scenarios;
}

std::string All(const Checker& checker) {
  std::string text;
  for (const Breach& breach : checker.breaches()) text += Format(breach) + "\n";
  return text;
}

class ScenarioTest : public testing::TestWithParam<size_t> {};

TEST_P(ScenarioTest, BrokenAndMended) {
  const Scenario& s = Scenarios()[GetParam()];
  for (const CheckMode mode : {CheckMode::kStrict, CheckMode::kAutoSync}) {
    Program broken(OptionsFor(mode), s.cores), mended(OptionsFor(mode), s.cores);
    s.run(mended, true);
    EXPECT_TRUE(mended.checker.breaches().empty()) << All(mended.checker);
    EXPECT_FALSE(mended.checker.failed());
    s.run(broken, false);
    if (s.strict.rule == Rule::kCount || (mode == CheckMode::kAutoSync && !s.in_auto_sync)) {
      EXPECT_TRUE(broken.checker.breaches().empty()) << All(broken.checker);
      continue;
    }
    ASSERT_EQ(broken.checker.breaches().size(), 1u) << All(broken.checker);
    const Breach& b = broken.checker.breaches()[0];
    EXPECT_EQ(RuleName(b.rule), RuleName(s.strict.rule));
    EXPECT_EQ(b.first.loc.line, s.strict.later);
    EXPECT_EQ(b.second.core < 0 ? 0u : b.second.loc.line, s.strict.earlier);
    EXPECT_EQ(b.address, s.strict.begin);
    EXPECT_EQ(b.size, s.strict.size);
    EXPECT_NE(b.remedy.find(s.strict.remedy), std::string::npos) << b.remedy;
    EXPECT_EQ(b.kernel, "kernel");
    EXPECT_TRUE(broken.checker.failed());
    EXPECT_NE(Format(b).find(std::string("error: ") + std::string(RuleName(b.rule)) + " in kernel, core"),
              std::string::npos)
        << Format(b);
  }
}

INSTANTIATE_TEST_SUITE_P(Checker, ScenarioTest, testing::Range(size_t{0}, Scenarios().size()),
                         [](const auto& info) { return Scenarios()[info.param].name; });

// V waits for another core; what the scalar unit learns meanwhile is known to what it issues from then on only.
TEST(Checker, HeldUpInstructionsDoNotKnowWhatTheScalarLearnsLater) {
  for (const bool held : {false, true}) {
    Program p(OptionsFor(CheckMode::kStrict), 1);
    Load(p, 0, 4096, 0, 32, 10);
    Instruction wait, fill;
    wait.op = Op::kCrossWaitFlag;
    wait.pipe = fill.pipe = V;
    wait.sequence = 1;
    fill.op = Op::kDuplicate;
    fill.loc = {"/src/k.cpp", 12};
    p.checker.Issue(0, V);
    p.checker.Issue(0, V);
    p.Flag(0, MTE2, S);
    p.checker.Issue(0, V);
    p.checker.Receive(0, V, nullptr, wait.sequence);
    fill.sequence = 2;
    p.checker.Begin(0, fill);
    p.checker.Access(Space::kUB, held ? 0 : 64, 32, AccessKind::kWrite);
    fill.sequence = 3;
    p.checker.Begin(0, fill);
    p.checker.Access(Space::kUB, held ? 64 : 0, 32, AccessKind::kWrite);
    EXPECT_EQ(p.checker.breaches().size(), held ? 1u : 0u) << All(p.checker);
  }
}

TEST(Checker, HeldUpInstructionsMayUseABufferThatIsFreedMeanwhile) {
  Program p(OptionsFor(CheckMode::kStrict), 1);
  p.Wait(0, MTE3, V, 0, 10);
  Fill(p, 0, 0, 32, 11);
  p.checker.MarkFreed(0, Space::kUB, 0, 32, true, {"/src/k.cpp", 12});
  p.Set(0, MTE3, V, 0, 13);
  EXPECT_TRUE(p.checker.breaches().empty()) << All(p.checker);
  p.Barrier(0, V);
  Fill(p, 0, 0, 32, 14);
  ASSERT_EQ(p.checker.breaches().size(), 1u);
  EXPECT_EQ(p.checker.breaches()[0].first.loc.line, 14u);
}

TEST(Checker, TheSameBreachIsCounted) {
  Program p(OptionsFor(CheckMode::kStrict), 1);
  for (int i = 0; i < 5; ++i) {
    Load(p, 0, 4096, 0, 2048, 10);
    Add(p, 0, 4096, 0, 0, 2048, 11);
    p.Barrier(0, Pipe::kAll);
  }
  ASSERT_EQ(p.checker.breaches().size(), 1u) << All(p.checker);
  EXPECT_EQ(p.checker.breaches()[0].count, 5u);
  EXPECT_EQ(p.checker.breaches()[0].size, 2048u);
  EXPECT_NE(Format(p.checker.breaches()[0]).find("(5 times)"), std::string::npos);
}

TEST(Checker, LimitsDistinctReports) {
  CheckOptions options = OptionsFor(CheckMode::kStrict);
  options.max_reports = 3;
  Program p(options, 1);
  for (uint32_t i = 0; i < 10; ++i) {
    Load(p, 0, 4096, 0, 32, 100 + i);
    Fill(p, 0, 0, 32, 200 + i);
    p.Barrier(0, Pipe::kAll);
  }
  EXPECT_EQ(p.checker.breaches().size(), 3u);
  EXPECT_EQ(p.checker.suppressed(), 7u);
}

TEST(Checker, ReportsOfOthers) {
  Program p(OptionsFor(CheckMode::kPermissive), 1);
  Breach breach;
  breach.rule = Rule::kOverlap;
  breach.first = {Op::kBrcb, V, {"/src/k.cpp", 5}, 0};
  breach.what = "dst and src overlap";
  p.checker.Report(breach);
  p.checker.Report(breach);
  ASSERT_EQ(p.checker.breaches().size(), 1u);
  EXPECT_EQ(p.checker.breaches()[0].count, 2u);
  EXPECT_EQ(p.checker.breaches()[0].severity, Severity::kWarning);
  EXPECT_FALSE(p.checker.failed());
  breach.rule = Rule::kOutOfBounds;
  p.checker.Report(breach);
  EXPECT_EQ(p.checker.breaches().size(), 2u);
  EXPECT_TRUE(p.checker.failed());
  breach.rule = Rule::kCastOverflow;  // off
  p.checker.Report(breach);
  EXPECT_EQ(p.checker.breaches().size(), 2u);
  EXPECT_FALSE(p.checker.Wants(Rule::kCastOverflow));
}

TEST(Checker, NamesGmAllocations) {
  Program p(OptionsFor(CheckMode::kStrict), 1);
  p.checker.SetGmNamer([](uint64_t address, uint64_t* allocation, uint64_t* offset) {
    *allocation = 7;
    *offset = address - 4096;
  });
  Fill(p, 0, 0, 64, 9);
  p.Flag(0, V, MTE3);
  Store(p, 0, 0, 4128, 64, 10);
  Load(p, 0, 4128, 256, 64, 11);
  ASSERT_EQ(p.checker.breaches().size(), 1u);
  EXPECT_NE(Format(p.checker.breaches()[0]).find("GM #7 [0x20, 0x60)"), std::string::npos)
      << Format(p.checker.breaches()[0]);
}

TEST(Checker, DisabledLooksForNothingItself) {
  CheckOptions options = OptionsFor(CheckMode::kStrict);
  options.enabled = false;
  Program p(options, 1);
  Load(p, 0, 4096, 0, 32, 10);
  Fill(p, 0, 0, 32, 11);
  p.Barrier(0, Pipe::kAll);
  p.Receive(0, S, p.Signal(0, V));
  p.SyncAll();
  p.checker.MarkFreed(0, Space::kUB, 0, 32, true, {});
  p.checker.EndCore(0);
  EXPECT_TRUE(p.checker.breaches().empty());
  EXPECT_FALSE(p.checker.Wants(Rule::kRaceRaw));
}

TEST(Rules, NamesAndSeverities) {
  CheckOptions options = OptionsFor(CheckMode::kStrict);
  EXPECT_EQ(ParseSeverities("race-waw=off,deadlock=warning", &options), "");
  EXPECT_EQ(options.severity[static_cast<size_t>(Rule::kRaceWaw)], Severity::kOff);
  EXPECT_EQ(options.severity[static_cast<size_t>(Rule::kDeadlock)], Severity::kWarning);
  EXPECT_EQ(options.severity[static_cast<size_t>(Rule::kRaceRaw)], Severity::kError);
  const CheckOptions before = options;
  EXPECT_NE(ParseSeverities("race-raw=off,race-foo=off", &options).find("no rule \"race-foo\""), std::string::npos);
  EXPECT_NE(ParseSeverities("race-raw=loud", &options).find("expected off, warning or error, got \"loud\""),
            std::string::npos);
  EXPECT_NE(ParseSeverities("race-raw", &options), "");
  EXPECT_EQ(options.severity, before.severity);
  EXPECT_EQ(ParseSeverities("all=off,race-cores=error", &options), "");
  EXPECT_EQ(options.severity[static_cast<size_t>(Rule::kOverlap)], Severity::kOff);
  EXPECT_EQ(options.severity[static_cast<size_t>(Rule::kRaceCores)], Severity::kError);
  for (int r = 0; r < kNumRules; ++r) {
    EXPECT_FALSE(RuleName(static_cast<Rule>(r)).empty());
    EXPECT_EQ(RuleSummary(static_cast<Rule>(r)).back(), '.');
  }
}

// Its table has a row for each rule: name, severities, summary.
TEST(Rules, ReadmeSaysTheSame) {
  std::ifstream file(ASCSIM_README);
  std::string readme((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  readme.erase(std::remove(readme.begin(), readme.end(), '`'), readme.end());
  const std::string names[] = {"off", "warning", "error"};
  for (int r = 0; r < kNumRules; ++r) {
    const auto severity = [&](CheckMode mode) {
      return names[static_cast<size_t>(OptionsFor(mode).severity[static_cast<size_t>(r)])];
    };
    const std::string_view summary = RuleSummary(static_cast<Rule>(r));
    const std::string row = "\n| " + std::string(RuleName(static_cast<Rule>(r))) + " | " +
                            severity(CheckMode::kStrict) + " | " + severity(CheckMode::kPermissive) + " | " +
                            std::string(summary.substr(0, summary.size() - 1)) + " |\n";
    EXPECT_NE(readme.find(row), std::string::npos) << "expected in " << ASCSIM_README << ":" << row;
  }
}

}  // namespace
}  // namespace ascsim
