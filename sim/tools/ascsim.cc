// The command line tool: pages from statistics and traces, lists of rules and chips.
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/machine.h"
#include "core/rules.h"
#include "page.h"

namespace {

using Json = nlohmann::ordered_json;

Json ReadJson(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw ascsim::PageError(path + ": expected a file that can be read, got none");
  try {
    return Json::parse(file);
  } catch (const Json::exception& e) {
    // "[json.exception.parse_error.101] parse error at line 2, ...": the library's name of it helps nobody.
    const std::string what = e.what();
    throw ascsim::PageError(path + ": expected JSON, got: " + what.substr(what.find(']') + 2));
  }
}

void WriteText(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  if (!file.flush()) throw ascsim::PageError(path.string() + ": cannot be written");
}

struct ReportArguments {
  std::string stats, trace, output = "ascsim-report";
  int launch = 1, cores = 3;
  double from = 0, to = 0;
};

void Report(const ReportArguments& arguments) {
  const Json stats = ReadJson(arguments.stats);
  const Json trace = arguments.trace.empty() ? Json() : ReadJson(arguments.trace);
  std::string page, timeline;
  try {
    if (!trace.is_null()) {
      timeline = ascsim::TimelineSvg(trace, arguments.launch - 1, arguments.cores, arguments.from, arguments.to);
    }
  } catch (const Json::exception&) {  // a field that is missing or of another type
    throw ascsim::PageError(arguments.trace + ": expected a trace that ASCSIM_TRACE wrote, got other JSON");
  } catch (const ascsim::PageError& e) {
    throw ascsim::PageError(arguments.trace + ": " + e.what());
  }
  try {
    page = ascsim::ReportPage(stats, trace, arguments.cores);
  } catch (const Json::exception&) {
    throw ascsim::PageError(arguments.stats + ": expected statistics that ASCSIM_STATS wrote, got other JSON");
  } catch (const ascsim::PageError& e) {
    throw ascsim::PageError(arguments.stats + ": " + e.what());
  }
  const std::filesystem::path folder = arguments.output;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  WriteText(folder / "report.html", page);
  std::printf("%s\n", (folder / "report.html").c_str());
  if (timeline.empty()) return;
  WriteText(folder / "timeline.svg", timeline);
  std::printf("%s\n", (folder / "timeline.svg").c_str());
}

void ListRules() {
  const char* kSeverities[] = {"off", "warning", "error"};
  const ascsim::CheckOptions strict = ascsim::OptionsFor(ascsim::CheckMode::kStrict);
  const ascsim::CheckOptions auto_sync = ascsim::OptionsFor(ascsim::CheckMode::kAutoSync);
  const ascsim::CheckOptions permissive = ascsim::OptionsFor(ascsim::CheckMode::kPermissive);
  std::printf("%-22s %-10s %-10s %-10s %s\n", "rule", "strict", "auto-sync", "permissive", "what breaks it");
  for (int r = 0; r < ascsim::kNumRules; ++r) {
    const auto rule = static_cast<ascsim::Rule>(r);
    const auto i = static_cast<size_t>(r);
    std::printf(
        "%-22s %-10s %-10s %-10s %s\n", std::string(ascsim::RuleName(rule)).c_str(),
        kSeverities[static_cast<size_t>(strict.severity[i])], kSeverities[static_cast<size_t>(auto_sync.severity[i])],
        kSeverities[static_cast<size_t>(permissive.severity[i])], std::string(ascsim::RuleSummary(rule)).c_str());
  }
}

void ShowMachine(const std::string& name) {
  if (name.empty()) {
    for (const std::string& machine : ascsim::KnownMachines()) std::printf("%s\n", machine.c_str());
    return;
  }
  const char* kCertainties[] = {"measured", "documented", "assumed"};
  for (const auto& [key, constant] : ascsim::LoadMachine(name).constants) {
    std::printf("%-40s %12g %-16s %-10s %s\n", key.c_str(), constant.value, constant.unit.c_str(),
                kCertainties[static_cast<size_t>(constant.certainty)], constant.source.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("ascsim: what the Ascend C simulator knows, and pages about what it has run");
  app.require_subcommand(1);
  ReportArguments report;
  CLI::App* report_command = app.add_subcommand("report", "an HTML page and a timeline picture");
  report_command->add_option("stats", report.stats, "file that ASCSIM_STATS wrote")->required();
  report_command->add_option("--trace", report.trace, "file that ASCSIM_TRACE wrote");
  report_command->add_option("-o,--output", report.output, "folder")->capture_default_str();
  report_command->add_option("--launch", report.launch, "launch in the picture, 1 is the first")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  report_command->add_option("--cores", report.cores, "cores in a timeline")
      ->capture_default_str()
      ->check(CLI::Range(1, 72));
  report_command->add_option("--from", report.from, "start of the picture, us");
  report_command->add_option("--to", report.to, "end of the picture, us");
  CLI::App* rules_command = app.add_subcommand("rules", "the rules that are checked, and how severe a breach is");
  std::string machine;
  CLI::App* machine_command = app.add_subcommand("machine", "the chips, or every constant of one with its source");
  machine_command->add_option("name", machine, "chip or table file");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int code = app.exit(e);
    return code == 0 ? 0 : 2;
  }
  try {
    if (report_command->parsed()) Report(report);
    if (rules_command->parsed()) ListRules();
    if (machine_command->parsed()) ShowMachine(machine);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "ascsim: error: %s\n", e.what());
    return 2;
  }
  return 0;
}
