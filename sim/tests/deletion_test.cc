// Takes the synchronising statements out of the examples' kernels, one at a time: each gap must be reported.
// SPDX-License-Identifier: Apache-2.0
//
// deletion.expected lists the rules and lines (reviewed by hand; UPDATE_EXPECTED=1 writes a new one).
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "samples.h"

namespace ascsim {
namespace {

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
    const LaunchStats stats = RunSample(sample, -1).stats;
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
      const std::string findings = Join(Findings(RunSample(sample, static_cast<int>(i)).stats));
      ++mutants;
      reported += findings == "harmless" ? 0 : 1;
      found << key << ": " << findings << "\n";
      if (std::getenv("UPDATE_EXPECTED") == nullptr) {
        EXPECT_EQ(findings, expected[key]) << key;
      }
    }
  }
  std::printf("%d of %d deletions reported\n", reported, mutants);
  // Not needed by any later statement: the last FreeTensor of the gather's table.
  constexpr int kNotNeeded = 1;
  EXPECT_EQ(reported, mutants - kNotNeeded);
  EXPECT_GE(mutants, 79);
  if (std::getenv("UPDATE_EXPECTED") != nullptr) {
    std::ofstream out(path);
    out << "# Example, line and statement left out: what is reported, rule and lines of both parties.\n" << found.str();
  }
}

}  // namespace
}  // namespace ascsim
