// Takes the synchronising statements out of the examples' kernels, one at a time: each gap must be reported.
// SPDX-License-Identifier: Apache-2.0
//
// deletion.expected lists the rules and lines (reviewed by hand; UPDATE_EXPECTED=1 writes a new one).
#include <gtest/gtest.h>

#include <cstdio>
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

// The lines of deletion.expected, "key: findings".
std::map<std::string, std::string> Expected() {
  std::map<std::string, std::string> expected;
  std::ifstream file(ASCSIM_DELETION_EXPECTED);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.rfind(": ");
    if (line.empty() || line[0] == '#' || colon == std::string::npos) continue;
    EXPECT_TRUE(expected.emplace(line.substr(0, colon), line.substr(colon + 2)).second) << "twice: " << line;
  }
  return expected;
}

TEST(Deletion, CorrectKernelsHaveNoReport) {
  for (const Sample& sample : Samples()) {
    const SampleRun run = RunSample(sample, -1);
    EXPECT_EQ(run.stats.error, "") << sample.name;
    for (const Breach& breach : run.stats.breaches) ADD_FAILURE() << Format(breach);
    for (const std::string& breach : run.breaches) ADD_FAILURE() << sample.name << ", RunModel: " << breach;
  }
}

TEST(Deletion, EveryGapIsReported) {
  const bool update = std::getenv("UPDATE_EXPECTED") != nullptr;
  std::map<std::string, std::string> expected = Expected();
  std::ostringstream found;
  int mutants = 0, reported = 0;
  for (const Sample& sample : Samples()) {
    for (size_t i = 0; i < sample.mutants.size(); ++i) {
      const Mutant& m = sample.mutants[i];
      const std::string key = sample.name + " " + std::to_string(m.first_line) +
                              (m.last_line == m.first_line ? "" : "-" + std::to_string(m.last_line)) + " " + m.text;
      const SampleRun run = RunSample(sample, static_cast<int>(i));
      const std::string findings = Join(Findings(run.stats));
      const bool harmless = findings == "harmless";
      ++mutants;
      reported += harmless ? 0 : 1;
      found << key << ": " << findings << "\n";
      // Without a report the statement was not needed: all is in order without it.
      if (harmless) {
        EXPECT_EQ(Join(run.breaches), "harmless") << key;
      }
      for (const std::string& text : Differences(run.stats, run.breaches)) ADD_FAILURE() << key << ": " << text;
      const auto line = expected.extract(key);
      if (!update) {
        EXPECT_EQ(findings, line.empty() ? "a line in deletion.expected" : line.mapped()) << key;
      }
    }
  }
  std::printf("%d of %d deletions reported, the others are not needed\n", reported, mutants);
  if (update) {
    std::ofstream out(ASCSIM_DELETION_EXPECTED);
    out << "# Example, line and statement left out: what is reported, rule and lines of both parties.\n" << found.str();
    return;
  }
  for (const auto& [key, findings] : expected) ADD_FAILURE() << "no such mutant: " << key << ": " << findings;
}

}  // namespace
}  // namespace ascsim
