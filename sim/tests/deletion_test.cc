// Takes the synchronising statements out of the examples' kernels, one at a time: each gap must be reported.
// SPDX-License-Identifier: Apache-2.0
//
// deletion.expected lists the rules and lines (reviewed by hand; UPDATE_EXPECTED=1 writes a new one).
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/machine.h"
#include "engine/launch.h"
#include "engine/memory.h"
#include "mutants.h"

extern "C" {
void row_softmax(uint8_t* x, uint8_t* y, uint32_t rows, uint32_t columns);
void gather_rows(uint8_t* table, uint8_t* index, uint8_t* y, uint32_t table_size, uint32_t count);
void histogram(uint8_t* x, uint8_t* bins, uint32_t count);
void block_reduce(uint8_t* x, uint8_t* partial, uint8_t* y, uint32_t count);
void mix_handover(uint8_t* x, uint8_t* workspace, uint8_t* y, uint32_t count);
}
extern const std::vector<Mutant> ascsim_mutants_row_softmax, ascsim_mutants_gather, ascsim_mutants_histogram,
    ascsim_mutants_block_reduce, ascsim_mutants_mix_handover;

namespace {
int mutant = -1;
}
int ascsim_mutant() { return mutant; }

namespace ascsim {
namespace {

// Device memory that lives as long as a run.
class Buffers {
 public:
  template <class T>
  uint8_t* Make(size_t count, const std::function<T(size_t)>& value) {
    auto* data = static_cast<T*>(memory_.Allocate(count * sizeof(T)));
    for (size_t i = 0; i < count; ++i) data[i] = value(i);
    return reinterpret_cast<uint8_t*>(data);
  }
  GlobalMemory& memory() { return memory_; }

 private:
  GlobalMemory memory_{uint64_t{1} << 30};
};

struct Sample {
  std::string name;
  const std::vector<Mutant>& mutants;
  uint32_t block_dim;
  std::function<std::function<void()>(Buffers&)> prepare;
};

float Small(size_t i) { return static_cast<float>(i % 7); }

std::vector<Sample> Samples() {
  return {
      {"row_softmax", ascsim_mutants_row_softmax, 4,
       [](Buffers& b) -> std::function<void()> {
         uint8_t* x = b.Make<float>(20 * 100, Small);
         uint8_t* y = b.Make<float>(20 * 100, Small);
         return [=] { row_softmax(x, y, 20, 100); };
       }},
      {"gather", ascsim_mutants_gather, 3,
       [](Buffers& b) -> std::function<void()> {
         uint8_t* table = b.Make<float>(1024, Small);
         uint8_t* index = b.Make<int32_t>(2048 * 12, [](size_t i) { return static_cast<int32_t>(i * 37 % 1024); });
         uint8_t* y = b.Make<float>(2048 * 12, Small);
         return [=] { gather_rows(table, index, y, 1024, 2048 * 12); };
       }},
      {"histogram", ascsim_mutants_histogram, 2,
       [](Buffers& b) -> std::function<void()> {
         uint8_t* x = b.Make<int32_t>(1024 * 6, [](size_t i) { return static_cast<int32_t>(i * 13 % 64); });
         uint8_t* bins = b.Make<int32_t>(64, [](size_t) { return 0; });
         return [=] { histogram(x, bins, 1024 * 6); };
       }},
      {"block_reduce", ascsim_mutants_block_reduce, 4,
       [](Buffers& b) -> std::function<void()> {
         uint8_t* x = b.Make<float>(4096 * 12, Small);
         uint8_t* partial = b.Make<float>(8 * 4, Small);
         uint8_t* y = b.Make<float>(8, Small);
         return [=] { block_reduce(x, partial, y, 4096 * 12); };
       }},
      {"mix_handover", ascsim_mutants_mix_handover, 2,
       [](Buffers& b) -> std::function<void()> {
         uint8_t* x = b.Make<float>(4096 * 8, Small);
         uint8_t* workspace = b.Make<float>(4096 * 2, Small);
         uint8_t* y = b.Make<float>(4096 * 8, Small);
         return [=] { mix_handover(x, workspace, y, 4096 * 8); };
       }},
  };
}

LaunchStats RunSample(const Sample& sample, int number) {
  static const Machine machine = LoadMachine("910b2");
  Buffers buffers;
  LaunchOptions options;
  options.checks = OptionsFor(CheckMode::kStrict);
  options.max_instructions = 2'000'000;
  options.progress = false;
  mutant = number;
  Launch launch(machine, buffers.memory(), options, sample.name, sample.block_dim, sample.prepare(buffers));
  launch.Run();
  mutant = -1;
  return launch.TakeStats();
}

// "race-raw 41 47": the rule and the lines of both parties.
std::set<std::string> Findings(const LaunchStats& stats) {
  std::set<std::string> findings;
  for (const Breach& breach : stats.breaches) {
    std::string text = std::string(RuleName(breach.rule)) + " " + std::to_string(breach.first.loc.line);
    if (breach.second.core >= 0) text += " " + std::to_string(breach.second.loc.line);
    findings.insert(text);
  }
  return findings;
}

std::string Join(const std::set<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text.empty() ? "harmless" : text;
}

TEST(Deletion, CorrectKernelsHaveNoReport) {
  for (const Sample& sample : Samples()) {
    const LaunchStats stats = RunSample(sample, -1);
    EXPECT_EQ(stats.error, "") << sample.name;
    for (const Breach& breach : stats.breaches) ADD_FAILURE() << Format(breach);
  }
}

TEST(Deletion, EveryGapIsReported) {
  const std::string path = ASCSIM_DELETION_EXPECTED;
  std::map<std::string, std::string> expected;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.empty() || line[0] == '#' || colon == std::string::npos) continue;
    expected[line.substr(0, colon)] = line.substr(colon + 2);
  }
  std::ostringstream found;
  int mutants = 0, reported = 0;
  for (const Sample& sample : Samples()) {
    for (size_t i = 0; i < sample.mutants.size(); ++i) {
      const Mutant& m = sample.mutants[i];
      const std::string key = sample.name + " " + std::to_string(m.first_line) +
                              (m.last_line == m.first_line ? "" : "-" + std::to_string(m.last_line)) + " " + m.text;
      const std::string findings = Join(Findings(RunSample(sample, static_cast<int>(i))));
      ++mutants;
      reported += findings == "harmless" ? 0 : 1;
      found << key << ": " << findings << "\n";
      if (std::getenv("UPDATE_EXPECTED") == nullptr) {
        EXPECT_EQ(findings, expected[key]) << key;
      }
    }
  }
  std::printf("%d of %d deletions reported\n", reported, mutants);
  if (std::getenv("UPDATE_EXPECTED") != nullptr) {
    std::ofstream out(path);
    out << "# Example, line and statement left out: what is reported, rule and lines of both parties.\n" << found.str();
  }
}

}  // namespace
}  // namespace ascsim
