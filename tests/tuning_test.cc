// Choices, ablations and tuned files of the Ascend host code: what is enumerated works, what is refused is named.
// SPDX-License-Identifier: Apache-2.0
#include "ascend/host/tuning.h"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>

#include "ascend/host/ablations.h"
#include "ascend/host/launch.h"
#include "ascend/host/tiling.h"
#include "ascend/simulator.h"
#include "check_all.h"

namespace xmsda::testing {
namespace {

using ascend::Choice;

constexpr const char* kProblems[] = {"b2_q77_m3_d19_p2_l8x4,4x8,1x2_f32", "b1_q70_m2_d32_p4_l16x16,8x8_f16_locf32",
                                     "b1_q150_m2_d8_p1_l8x16_f32"};

Choice ParsedChoice(const std::string& text, bool backward) {
  Choice choice;
  const Status status = ascend::ParseChoice(text, backward, &choice);
  EXPECT_TRUE(status.ok()) << status.message();
  return choice;
}

TEST(Choices, AreWithinLimitsDifferentAndText) {
  for (const char* text : kProblems) {
    for (const bool backward : {false, true}) {
      const Problem problem = Parse(text);
      std::set<std::string> names;
      for (const Choice& choice : ascend::Choices(problem, {}, backward)) {
        const std::string name = ascend::ToString(choice);
        EXPECT_TRUE(names.insert(name).second) << name << " is there twice";
        EXPECT_TRUE(ascend::Supports(choice, problem, {}, backward).ok()) << name;
        const Choice parsed = ParsedChoice(name, backward);
        EXPECT_EQ(parsed.variant, choice.variant);
        EXPECT_EQ(parsed.wish, choice.wish) << name;
        const ascend::Cost cost = ascend::Draft(choice, problem, {}, {}, backward);
        EXPECT_TRUE(std::isfinite(cost.total) && cost.total > 0) << name;
      }
      EXPECT_GT(names.size(), 100u) << text;
    }
  }
  EXPECT_TRUE(ascend::Choices(Parse("b1_q0_m2_d32_p4_l16x16"), {}, false).empty());
}

// In an encoder, where tiles may be rectangles with windows of the gradient: a tile's queries are kept, and a number of
// tiles, which rectangles do not leave free, goes without windows.
TEST(Choices, WishesHoldWhereWindowsAre) {
  const Problem problem = Parse("b1_q1365_m2_d32_p4_l32x32,16x16,8x8,4x4,2x2,1x1_f16_locf32");
  xmsda_ascend::Tiling tiling = {};
  ASSERT_TRUE(ascend::TileRowsBackward(problem, {}, {.resident_levels = 0}, &tiling).ok());
  EXPECT_GT(tiling.window_pixels, 0);
  for (const int32_t tile : {16, 32}) {
    ASSERT_TRUE(ascend::TileRowsBackward(problem, {.backward = {.tile = tile}}, {.resident_levels = 0}, &tiling).ok());
    EXPECT_EQ(tiling.tile_queries, tile);
  }
  ASSERT_TRUE(
      ascend::TileRowsBackward(problem, {.backward = {.tile = 16, .tiles = 86}}, {.resident_levels = 0}, &tiling).ok());
  EXPECT_EQ(tiling.window_pixels, 0);
  EXPECT_EQ(tiling.tiles, 86);
}

TEST(Choices, FewerBytesOfUbGiveFewer) {
  const Problem problem = Parse("b1_q700_m2_d32_p4_l40x40,20x20_f16_locf32");
  const ascend::Chip small = {.vector_cores = 48, .ub_bytes = 96 * 1024};
  EXPECT_LT(ascend::Choices(problem, small, false).size(), ascend::Choices(problem, {}, false).size());
}

// The text is what is refused, or the problem: one line that names the limit.
TEST(Choices, RefusalsNameTheLimit) {
  const struct {
    const char* text;
    bool backward;
    const char* message;
  } texts[] = {
      {"auto", false, "choice: expected one of resident, dma1, "},
      {"best", false, "choice: expected one of resident, dma1, "},
      {"dma1:levels=1", false, "choice: expected parameters of dma1 forward to be some of tile, tiles, copies, cores"},
      {"xmsda:pairs=0", true, "choice: expected parameters of xmsda backward to be some of block, "},
      {"dma1:tile=40", false, "choice: expected tile to be 16 to 64 in steps of 16, got \"tile=40\""},
      {"dma1:tile", false, "choice: expected tile to be "},
      {"dma1:tile=16x", false, "choice: expected tile to be "},
      {"dma1:", false, "choice: expected parameters of dma1 forward"},
      {"dma1:copies=3", false, "choice: expected copies to be 1 to 4 and a power of two, got \"copies=3\""},
      {"xmsda:block=33", false, "choice: expected block to be 32 to 2016 in steps of 32, got \"block=33\""},
  };
  for (const auto& [text, backward, message] : texts) {
    Choice choice;
    const Status status = ascend::ParseChoice(text, backward, &choice);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message().find(message), 0u) << status.message();
    EXPECT_EQ(choice.variant, nullptr) << "half-written";
  }
  const Problem problem = Parse("b1_q700_m2_d32_p4_l80x80,40x40,20x20_f16_locf32");
  const struct {
    const char* choice;
    const char* message;
  } limits[] = {
      {"resident:levels=4", "levels: expected at most 3 in UB, got 4"},
      {"resident:levels=3", "tile: expected tiles and resident levels that fit into 188416 bytes of UB, got "},
      {"hybrid:levels=3", "tile: expected tiles and gathered levels that fit into 188416 bytes"},
      {"dma1:tile=16,tiles=3", "tiles: expected 44 to 700 of a head for 700 queries in tiles of 16, got 3"},
      {"dma1:cores=49", "cores: expected at most the 48 of the chip, got 49"},
      {"xmsda:block=2016", "block: expected queries that fit into 188416 bytes of UB, got 2016 queries that take "},
  };
  for (const auto& [text, message] : limits) {
    const Status status = ascend::Supports(ParsedChoice(text, false), problem, {}, false);
    EXPECT_EQ(status.code(), StatusCode::kUnsupported) << text;
    EXPECT_EQ(status.message().find(message), 0u) << status.message();
    const Backend backend = ascend::SimulatorBackend(ParsedChoice(text, false), Choice{});
    EXPECT_EQ(backend.supports(problem).message(), status.message());
  }
}

// Strict checks on, by the judge of all backends.
void ExpectRight(const Choice& forward, const Choice& backward, const CaseData& data, const Expected& expected) {
  const Backend backend = ascend::SimulatorBackend(forward, backward);
  EXPECT_EQ(CheckBackend(backend, data, expected), "") << ToString(forward) << " and " << ToString(backward);
}

TEST(Choices, ASampleOfThemIsRight) {
  uint64_t seed = 1;
  for (const char* text : kProblems) {
    const CaseData data =
        MakeCase({Parse(text), seed % 2 == 0 ? Pattern::kNasty : Pattern::kExact, Layout::kBSMD, seed});
    const Expected expected = ComputeExpected(data, SerialExecutor());
    const auto forward = ascend::Choices(data.test_case.problem, {}, false);
    const auto backward = ascend::Choices(data.test_case.problem, {}, true);
#ifdef XMSDA_ASAN
    constexpr int kSamples = 3;
#else
    constexpr int kSamples = 12;
#endif
    for (int i = 0; i < kSamples; ++i, ++seed) {
      const auto at = [&](const auto& list) {
        return list[Stream(7, 1).Bits(static_cast<int64_t>(seed)) % list.size()];
      };
      ExpectRight(at(forward), at(backward), data, expected);
    }
    ++seed;
  }
}

TEST(Ablations, AreRightAndNotWhatTheyAreWithout) {
  const CaseData data = MakeCase({Parse("b1_q100_m2_d32_p4_l16x16,8x8_f16_locf32"), Pattern::kNasty});
  const Expected expected = ComputeExpected(data, SerialExecutor());
  int turn = 0;
  for (const ascend::Ablation& ablation : ascend::Ablations()) {
    for (const ascend::Without& one : ablation.without) {
      Choice passes[2] = {{one.variant, {}}, {one.variant, {}}};
      for (const bool backward : {false, true}) {
        if (!(backward ? one.backward : one.forward)) continue;
        ASSERT_TRUE(ascend::Ablate(ablation.name, *one.variant, backward, &passes[backward ? 1 : 0]).ok());
        EXPECT_NE(ascend::ToString(passes[backward ? 1 : 0]), one.variant->name) << ablation.name;
      }
#ifdef XMSDA_ASAN
      if (++turn % 5 != 0) continue;  // there it takes ten times as long
#else
      ++turn;
#endif
      ExpectRight(passes[0], passes[1], data, expected);
    }
  }
  Choice choice;
  EXPECT_EQ(ascend::Ablate("x", ascend::kDma1, false, &choice).message().find("ablate: expected one of pixel-last, "),
            0u);
  EXPECT_NE(ascend::Ablate("merging", ascend::kXmsda, false, &choice).message().find("(resident, dma1, hybrid), got"),
            std::string::npos);
}

class TuningFile : public ::testing::Test {
 protected:
  ~TuningFile() override {
    (void)std::remove(path_.c_str());
    EXPECT_TRUE(ascend::ConfigureSimulator({}).ok());
  }
  void Write(const std::string& text) const { std::ofstream(path_) << text; }

  const std::string path_ = ::testing::TempDir() + "xmsda-tuning.json";
  const Problem problem_ = Parse("b1_q70_m2_d32_p4_l16x16,8x8_f16_locf32");
};

TEST_F(TuningFile, IsReadAsItWasWrittenAndHeededByAuto) {
  ascend::Tuning tuning;
  const Choice forward = ParsedChoice("dma1:tile=16,cores=9", false),
               backward = ParsedChoice("dma1:tile=16,cores=20", true);
  tuning.Put({"910b2", 48, 184 * 1024, ToString(problem_), false, ParsedChoice("dma2", false), 2.5, 3});
  tuning.Put({"910b2", 48, 184 * 1024, ToString(problem_), true, backward, 4.5, 5});
  tuning.Put({"910b2", 48, 184 * 1024, ToString(problem_), false, forward, 1.5, 3});
  ASSERT_EQ(tuning.entries().size(), 2u);
  ASSERT_TRUE(tuning.Save(path_).ok());
  ascend::Tuning again;
  ASSERT_TRUE(again.Load(path_).ok());
  ASSERT_EQ(again.entries().size(), 2u);
  EXPECT_EQ(again.entries()[0].choice.wish, forward.wish);
  EXPECT_EQ(again.entries()[0].microseconds, 1.5);
  EXPECT_EQ(again.entries()[1].default_microseconds, 5);

  ASSERT_TRUE(ascend::ConfigureSimulator({.chip = "910b2", .tuning = path_}).ok());
  Choice chosen;
  ASSERT_TRUE(ascend::SimulatorChoice(problem_, false, &chosen).ok());
  EXPECT_EQ(ascend::ToString(chosen), "dma1:tile=16,cores=9");
  ASSERT_TRUE(ascend::SimulatorChoice(problem_, true, &chosen).ok());
  EXPECT_EQ(ascend::ToString(chosen), "dma1:tile=16,cores=20");
  ASSERT_TRUE(ascend::SimulatorChoice(Parse("b1_q71_m2_d32_p4_l16x16,8x8_f16_locf32"), true, &chosen).ok());
  EXPECT_EQ(chosen.wish, ascend::Wish{});
  const CaseData data = MakeCase({problem_, Pattern::kNasty});
  EXPECT_EQ(CheckBackend(*FindBackend("ascend-sim"), data, ComputeExpected(data, SerialExecutor())), "");
}

TEST_F(TuningFile, OfAnotherChipOrKernelsIsRefused) {
  ascend::Tuning tuning;
  tuning.Put({"910b2", 24, 184 * 1024, ToString(problem_), false, ParsedChoice("dma1", false), 1, 1});
  tuning.Put({"910b2", 48, 184 * 1024, ToString(problem_), true, ParsedChoice("xmsda:block=1024", true), 1, 1});
  ASSERT_TRUE(tuning.Save(path_).ok());
  ASSERT_TRUE(ascend::ConfigureSimulator({.chip = "910b2", .tuning = path_}).ok());
  Choice chosen;
  EXPECT_EQ(ascend::SimulatorChoice(problem_, false, &chosen).message(),
            "tuning: " + path_ +
                ": entries[0].cores, ub_bytes: expected those of the chip, 48 and 188416, got 24 and " +
                "188416; tune again");
  EXPECT_EQ(ascend::SimulatorChoice(problem_, true, &chosen)
                .message()
                .find("tuning: " + path_ + ": entries[1].choice: expected what the kernels take, got " +
                      "\"xmsda:block=1024\" (block: expected queries that fit"),
            0u);
}

TEST_F(TuningFile, MalformedIsRefusedWithItsPlace) {
  const std::string head = "{\"version\": 1, \"entries\": [";
  const auto entry = [](const std::string& problem, const std::string& pass, const std::string& choice) {
    return "{\"chip\": \"910b2\", \"cores\": 48, \"ub_bytes\": 188416, \"problem\": \"" + problem + "\", \"pass\": \"" +
           pass + "\", \"choice\": \"" + choice + "\", \"microseconds\": 1, \"default_microseconds\": 1}";
  };
  const struct {
    std::string text;
    const char* message;
  } files[] = {
      {"", "line 1, column 1: expected JSON"},
      {"{\n  \"version\": 1,\n  oops\n}", "line 3, column 3: expected JSON"},
      {"[]", "version: expected 1, got null"},
      {"{\"version\": 2, \"entries\": []}", "version: expected 1, got 2"},
      {"{\"version\": 1}", "entries: expected an array"},
      {head + "7]}", "entries[0]: expected an object, got 7"},
      {head + "{}]}", "entries[0].chip: expected a string, got none"},
      {head + entry("b1_q3_l2x2", "forward", "dma1") + "," + entry("x", "forward", "dma1") + "]}",
       "entries[1].problem: "},
      {head + entry("b1_q3_l2x2", "sideways", "dma1") + "]}", "entries[0].pass: expected forward or backward, got"},
      {head + entry("b1_q3_l2x2", "forward", "dma1:tile=17") + "]}", "entries[0].choice: choice: expected tile to be"},
      {head + entry("b1_q3_l2x2", "forward", "xmsda") + "]}",
       "entries[0].choice: expected a variant that does not round weights"},
  };
  for (const auto& [text, message] : files) {
    Write(text);
    ascend::Tuning tuning;
    const Status status = tuning.Load(path_);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message().find("tuning: " + path_ + ": " + message), 0u) << status.message();
    EXPECT_EQ(ascend::ConfigureSimulator({.chip = "910b2", .tuning = path_}).message(), status.message());
  }
  ascend::Tuning tuning;
  EXPECT_EQ(tuning.Load("/nonexistent/x").message(), "tuning: /nonexistent/x: expected a file that can be read");
  EXPECT_EQ(tuning.Save("/nonexistent/x").message(), "tuning: /nonexistent/x: expected a file that can be written");
}

}  // namespace
}  // namespace xmsda::testing
