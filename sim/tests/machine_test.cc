// Tables of chips: complete, converted right, and mistakes in them told by file and line.
// SPDX-License-Identifier: Apache-2.0
#include "core/machine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace ascsim {
namespace {

namespace fs = std::filesystem;

std::string Slurp(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

const fs::path kMachines = ASCSIM_TEST_MACHINES;

class MachineTest : public testing::Test {
 protected:
  MachineTest() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = fs::temp_directory_path() / (std::string("ascsim_machine_") + info->name() + std::to_string(getpid()));
    fs::create_directories(directory_);
    base_ = Slurp(kMachines / "910b.toml");
    chip_ = Slurp(kMachines / "910b2.toml");
  }
  ~MachineTest() override { fs::remove_all(directory_); }

  // The message that the tables as they stand here give; empty: none.
  std::string Error(const std::string& overrides = "") {
    std::ofstream(directory_ / "910b.toml") << base_;
    std::ofstream(directory_ / "chip.toml") << chip_;
    try {
      LoadMachine((directory_ / "chip.toml").string(), overrides);
    } catch (const MachineError& error) {
      return error.what();
    }
    return "";
  }
  void Replace(std::string* text, const std::string& from, const std::string& to) {
    const size_t at = text->find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text->replace(at, from.size(), to);
  }
  // Of the first place of `what`.
  static size_t Line(const std::string& text, const std::string& what) {
    const auto at = static_cast<std::ptrdiff_t>(text.find(what));
    return 1 + static_cast<size_t>(std::count(text.begin(), text.begin() + at, '\n'));
  }
  void ExpectAt(const std::string& file, size_t line, const std::string& words, const std::string& message) {
    const std::string place = (directory_ / file).string() + ":" + std::to_string(line) + ": ";
    EXPECT_EQ(message.rfind(place, 0), 0u) << message << "\nexpected at " << place;
    EXPECT_NE(message.find(words), std::string::npos) << message;
    EXPECT_NE(message.find("expected"), std::string::npos) << message;
  }

  fs::path directory_;
  std::string base_, chip_;
};

TEST_F(MachineTest, KnownChipsLoad) {
  const auto known = KnownMachines();
  for (const char* name : {"910b1", "910b2", "910b3", "910b4"}) {
    EXPECT_EQ(std::count(known.begin(), known.end(), name), 1) << name;
    const Machine machine = LoadMachine(name);
    EXPECT_EQ(machine.name, name);
    EXPECT_EQ(machine.chip, name);
    EXPECT_EQ(machine.vector_cores, 2 * machine.cube_cores);
    EXPECT_GT(machine.constants.size(), 200u);
  }
  EXPECT_EQ(std::count(known.begin(), known.end(), "910b"), 0);
}

// What is measured or documented says by whom; what nobody has published is assumed.
TEST_F(MachineTest, EveryConstantHasASourceThatFitsItsCertainty) {
  const char* kPublished[] = {"documentation", "platform configuration", "data sheets", "msopmodeling 1.0.9",
                              "examples",      "arXiv 2505.14022"};
  for (const std::string& name : KnownMachines()) {
    for (const auto& [key, constant] : LoadMachine(name).constants) {
      SCOPED_TRACE(name + ": " + key + ": " + constant.source);
      EXPECT_FALSE(constant.unit.empty());
      EXPECT_FALSE(constant.source.empty());
      const bool published = std::any_of(std::begin(kPublished), std::end(kPublished), [&c = constant](const char* by) {
        return c.source.find(by) != std::string::npos;
      });
      const bool says_nobody = constant.source.find("nothing published") != std::string::npos;
      if (constant.certainty != Certainty::kAssumed) {
        EXPECT_TRUE(published);
        EXPECT_FALSE(says_nobody);
      }
    }
  }
}

// 910b2-slow-atomics differs from 910b2 by one constant, and hosts see the chip.
TEST_F(MachineTest, SlowAtomicsAreAVariant) {
  const Machine plain = LoadMachine("910b2"), slow = LoadMachine("910b2-slow-atomics");
  EXPECT_EQ(slow.name, "910b2-slow-atomics");
  EXPECT_EQ(slow.chip, "910b2");
  ASSERT_EQ(plain.constants.size(), slow.constants.size());
  for (size_t i = 0; i < plain.constants.size(); ++i) {
    const auto& [key, constant] = slow.constants[i];
    EXPECT_EQ(plain.constants[i].first, key);
    if (key == "l2.atomic") {
      EXPECT_EQ(constant.value, 9.6);
    } else {
      EXPECT_EQ(plain.constants[i].second.value, constant.value) << key;
    }
  }
  // The same by hand.
  EXPECT_EQ(LoadMachine("910b2", "l2.atomic=9.6").atomic_bytes_per_cycle, slow.atomic_bytes_per_cycle);
}

TEST_F(MachineTest, Ranges) {
  for (const std::string& name : KnownMachines()) {
    for (const auto& [key, constant] : LoadMachine(name).constants) {
      if (constant.high == 0) continue;
      EXPECT_LE(constant.low, constant.value) << key;
      EXPECT_GE(constant.high, constant.value) << key;
    }
  }
  const std::string good = "range = [2, 32]";
  for (const char* bad : {"range = [9, 32]", "range = [2, 7]", "range = 2", "range = [8, 8]", "range = [-1, 9]"}) {
    const std::string before = base_;
    Replace(&base_, good, bad);
    const std::string message = Error();
    ExpectAt("910b.toml", Line(base_, bad), "range", message);
    base_ = before;
  }
}

TEST_F(MachineTest, PagesBeyondThoseOfTheHost) {
  Replace(&base_, "page = { value = 4,", "page = { value = 8,");
  Replace(&base_, "range = [0.5, 4]", "range = [0.5, 8]");
  ExpectAt("910b.toml", Line(base_, "page = { value = 8"), "l2.page", Error());
}

TEST_F(MachineTest, ValuesAndUnits) {
  const Machine m = LoadMachine("910b2");
  EXPECT_EQ(m.vector_cores, 48);
  EXPECT_DOUBLE_EQ(m.mhz, 1800);
  EXPECT_EQ(m.ub_bytes, 192u << 10);
  EXPECT_EQ(m.l2_bytes, 192u << 20);
  EXPECT_EQ(m.gm_bytes, uint64_t{64} << 30);
  EXPECT_EQ(m.ub_bank_bytes, 65536u);
  EXPECT_DOUBLE_EQ(m.launch_base, 1.4 * 1800);
  EXPECT_DOUBLE_EQ(m.launch_per_block, 35e-3 * 1800);
  EXPECT_NEAR(m.gm_to_ub.At(1), 100.9 * 1.073741824e9 / 1.8e9, 1e-9);
  EXPECT_NEAR(m.gm_to_ub.At(4.5), (100.9 + 68.9) / 2 * 1.073741824e9 / 1.8e9, 1e-9);
  EXPECT_DOUBLE_EQ(m.gm_to_ub.At(0), m.gm_to_ub.At(1));
  EXPECT_DOUBLE_EQ(m.gm_to_ub.At(96), m.gm_to_ub.At(48));
  EXPECT_NEAR(m.l2_total, 5.8e12 / 1.8e9, 1e-9);
  const VectorCost& div = m.vector[static_cast<size_t>(Op::kDiv)][1];
  EXPECT_DOUBLE_EQ(div.per_repeat, 8);
  EXPECT_DOUBLE_EQ(m.vector[static_cast<size_t>(Op::kDiv)][2].per_repeat, 4);
  EXPECT_DOUBLE_EQ(div.latency, 25);
  EXPECT_DOUBLE_EQ(m.cast[static_cast<size_t>(DType::kF32)][static_cast<size_t>(DType::kF16)].per_repeat, 2);
  EXPECT_DOUBLE_EQ(m.cast[static_cast<size_t>(DType::kF16)][static_cast<size_t>(DType::kF32)].latency, 16);
}

TEST_F(MachineTest, ChipReplacesConstantsOfItsBase) {
  chip_ += "\n[dma]\nissue = { value = 31, unit = \"cycles\", source = \"here\", certainty = \"assumed\" }\n";
  ASSERT_EQ(Error(), "");
  const Machine machine = LoadMachine((directory_ / "chip.toml").string());
  EXPECT_DOUBLE_EQ(machine.dma_issue, 31);
  EXPECT_EQ(machine.name, "chip");
}

TEST_F(MachineTest, Overrides) {
  const Machine machine = LoadMachine("910b2", "dma.issue=30,hbm.to_ub.48=20,vector.Add.any.latency=21");
  EXPECT_DOUBLE_EQ(machine.dma_issue, 30);
  EXPECT_NEAR(machine.gm_to_ub.At(48), 20 * 1.073741824e9 / 1.8e9, 1e-9);
  EXPECT_DOUBLE_EQ(machine.vector[static_cast<size_t>(Op::kAdd)][2].latency, 21);
  const auto found = std::find_if(machine.constants.begin(), machine.constants.end(),
                                  [](const auto& entry) { return entry.first == "dma.issue"; });
  ASSERT_NE(found, machine.constants.end());
  EXPECT_EQ(found->second.source, "override");
  for (const char* bad :
       {"dma.isue=3", "dma.issue", "dma.issue=fast", "dma.issue=-1", "dma.issue=3x", "dma.issue=nan"}) {
    const std::string message = Error(bad);
    EXPECT_NE(message.find(bad), std::string::npos) << message;
    EXPECT_NE(message.find("expected"), std::string::npos) << message;
  }
}

TEST_F(MachineTest, UnknownChip) {
  try {
    LoadMachine("920x");
    FAIL();
  } catch (const MachineError& error) {
    EXPECT_NE(std::string(error.what()).find("910b2"), std::string::npos) << error.what();
  }
  EXPECT_THROW(LoadMachine("/nowhere/chip.toml"), MachineError);
  EXPECT_THROW(LoadMachine((kMachines / "910b.toml").string()), MachineError);
}

TEST_F(MachineTest, NotToml) {
  chip_ += "\n[dma\n";
  ExpectAt("chip.toml", Line(chip_, "[dma"), "TOML", Error());
}

TEST_F(MachineTest, MissingConstant) {
  const std::string line =
      base_.substr(base_.find("\nburst_l2"), base_.find('\n', base_.find("\nburst_l2") + 1) - base_.find("\nburst_l2"));
  Replace(&base_, line, "");
  ExpectAt("chip.toml", 1, "dma.burst_l2 is missing", Error());
}

TEST_F(MachineTest, MissingVectorCost) {
  Replace(&base_, "[vector.Muls]", "[vector.Adds2]");
  ExpectAt("910b.toml", Line(base_, "[vector.Adds2]") + 1, "unknown constant", Error());
}

TEST_F(MachineTest, UnknownConstant) {
  Replace(&base_, "burst_l2 = ", "burst_l3 = ");
  ExpectAt("910b.toml", Line(base_, "burst_l3"), "dma.burst_l3: unknown", Error());
}

TEST_F(MachineTest, UnknownKeyOfAConstant) {
  Replace(&chip_, "value = 24, unit", "value = 24, colour = \"red\", unit");
  ExpectAt("chip.toml", Line(chip_, "colour"), "colour: unknown key", Error());
}

TEST_F(MachineTest, UnknownTopLevelKey) {
  Replace(&chip_, "extends", "speed = 3\nextends");
  ExpectAt("chip.toml", Line(chip_, "speed"), "speed: unknown key", Error());
}

TEST_F(MachineTest, MissingUnit) {
  Replace(&chip_, "value = 24, unit = \"count\",", "value = 24,");
  ExpectAt("chip.toml", Line(chip_, "value = 24"), "unit is missing", Error());
}

TEST_F(MachineTest, MissingSourceOrCertainty) {
  const std::string before = chip_;
  Replace(&chip_, "source = \"data sheets\", ", "");
  ExpectAt("chip.toml", Line(chip_, "gm = "), "source is missing", Error());
  chip_ = before;
  Replace(&chip_, "source = \"data sheets\"", "source = \"\"");
  ExpectAt("chip.toml", Line(chip_, "gm = "), "expected a text", Error());
  chip_ = before;
  Replace(&chip_, "source = \"data sheets\", certainty = \"documented\"", "source = \"data sheets\"");
  ExpectAt("chip.toml", Line(chip_, "gm = "), "certainty is missing", Error());
}

TEST_F(MachineTest, WrongUnit) {
  Replace(&chip_, "unit = \"MHz\"", "unit = \"cycles\"");
  ExpectAt("chip.toml", Line(chip_, "clock"), "expected one of MHz", Error());
}

TEST_F(MachineTest, WrongCertainty) {
  Replace(&chip_, "certainty = \"documented\"", "certainty = \"sure\"");
  ExpectAt("chip.toml", Line(chip_, "sure"), "measured, documented or assumed", Error());
}

TEST_F(MachineTest, NotANumber) {
  Replace(&chip_, "value = 24,", "value = \"many\",");
  ExpectAt("chip.toml", Line(chip_, "many"), "expected a number", Error());
}

TEST_F(MachineTest, NoWholeNumber) {
  Replace(&chip_, "value = 24,", "value = 24.5,");
  ExpectAt("chip.toml", Line(chip_, "24.5"), "whole number", Error());
}

TEST_F(MachineTest, ZeroClock) {
  Replace(&chip_, "value = 1800,", "value = 0,");
  ExpectAt("chip.toml", Line(chip_, "clock"), "above 0", Error());
}

TEST_F(MachineTest, BadCurve) {
  Replace(&base_, "at = [1, 8, 16", "at = [1, 16, 8");
  ExpectAt("910b.toml", Line(base_, "at = [1, 16, 8"), "rising", Error());
}

TEST_F(MachineTest, BadVectorCost) {
  Replace(&base_, "head = 14, latency = 18 }", "head = 14 }");
  ExpectAt("910b.toml", Line(base_, "head = 14 }"), "per_repeat, head, latency", Error());
}

TEST_F(MachineTest, BadExtends) {
  Replace(&chip_, "extends = \"910b\"", "extends = \"910c\"");
  ExpectAt("chip.toml", Line(chip_, "extends"), "910c.toml", Error());
  Replace(&chip_, "extends = \"910c\"", "extends = \"chip\"");
  ExpectAt("chip.toml", Line(chip_, "extends"), "no cycle", Error());
}

// A folder of the user's: a table there extends one of the library's.
TEST_F(MachineTest, ExtendsOneOfTheLibrary) {
  std::ofstream(directory_ / "mine.toml")
      << "extends = \"910b2\"\n[dma]\n"
         "issue = { value = 31, unit = \"cycles\", source = \"here\", certainty = \"assumed\" }\n";
  const Machine machine = LoadMachine((directory_ / "mine.toml").string());
  EXPECT_DOUBLE_EQ(machine.dma_issue, 31);
  EXPECT_EQ(machine.vector_cores, 48);
  EXPECT_EQ(machine.name, "mine");
  EXPECT_EQ(machine.chip, "910b2");
  setenv("ASCSIM_MACHINES", directory_.c_str(), 1);
  EXPECT_DOUBLE_EQ(LoadMachine("mine").dma_issue, 31);
  const auto known = KnownMachines();
  EXPECT_EQ(std::count(known.begin(), known.end(), "mine"), 1);
  EXPECT_EQ(std::count(known.begin(), known.end(), "910b2"), 1);
  unsetenv("ASCSIM_MACHINES");
}

TEST_F(MachineTest, FolderThatIsNone) {
  setenv("ASCSIM_MACHINES", "/nonexistent", 1);
  EXPECT_THROW(LoadMachine("910b2"), MachineError);
  unsetenv("ASCSIM_MACHINES");
}

// Times that overflowed made a launch shorter.
TEST_F(MachineTest, ValuesBeyondBounds) {
  for (const char* bad : {"dma.issue=1e300", "launch.base=1e13", "hbm.total=1e-300", "hbm.to_ub.48=1e300",
                          "vector.Add.any.latency=1e10", "dma.misaligned=1e-30", "chip.clock=1e12"}) {
    const std::string message = Error(bad);
    const std::string key(bad, std::string(bad).find('='));
    EXPECT_NE(message.find("override: " + key + ": expected "), std::string::npos) << message;
  }
  EXPECT_EQ(Error("dma.issue=1e6"), "");
}

TEST_F(MachineTest, OfTheLibraryItself) {
  const Machine machine = LoadMachine("910b2");
  const Machine file = LoadMachine((kMachines / "910b2.toml").string());
  ASSERT_EQ(machine.constants.size(), file.constants.size());
  for (size_t i = 0; i < machine.constants.size(); ++i) {
    EXPECT_EQ(machine.constants[i].first, file.constants[i].first);
    EXPECT_EQ(machine.constants[i].second.value, file.constants[i].second.value) << machine.constants[i].first;
  }
}

}  // namespace
}  // namespace ascsim
