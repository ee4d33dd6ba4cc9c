// The options of the simulator from environment variables.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "ascsim/ascsim.h"

extern "C" char** environ;

namespace ascsim {
namespace {

// ASCSIM_MACHINES is read where tables are looked for, ASCSIM_TILING_KEY where kernels ask for it.
constexpr std::array kVariables = {
    "ASCSIM_CHIP",   "ASCSIM_SET",      "ASCSIM_CHECK",       "ASCSIM_RULES",       "ASCSIM_MAX_REPORTS",
    "ASCSIM_TRACE",  "ASCSIM_STATS",    "ASCSIM_REPORT",      "ASCSIM_QUIET",       "ASCSIM_TRACE_LAUNCHES",
    "ASCSIM_TABLES", "ASCSIM_LOG",      "ASCSIM_PROGRESS",    "ASCSIM_EXIT",        "ASCSIM_MAX_INSTRUCTIONS",
    "ASCSIM_L2",     "ASCSIM_MACHINES", "ASCSIM_MAX_SECONDS", "ASCSIM_RESERVED_UB", "ASCSIM_TILING_KEY"};

// Null when it is not set or empty.
const char* Get(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? nullptr : text;
}

[[noreturn]] void Refuse(const char* name, const std::string& expected, const char* text) {
  throw Error(std::string(name) + ": expected " + expected + ", got \"" + text + "\"");
}

// A non-negative number, with one of the suffixes k, M and G.
double Number(const char* name, const char* text, const char* expected) {
  errno = 0;
  char* end = nullptr;
  double value = std::strtod(text, &end);
  if (end != text && std::strlen(end) == 1) {
    const double factor = *end == 'k' || *end == 'K' ? 1e3 : *end == 'M' ? 1e6 : *end == 'G' ? 1e9 : 0;
    if (factor > 0) ++end;
    value *= factor;
  }
  if (end == text || *end != '\0' || errno != 0 || !(value >= 0 && value < 1e18)) Refuse(name, expected, text);
  return value;
}

void ReadCount(const char* name, uint64_t* to) {
  const char* text = Get(name);
  if (text == nullptr) return;
  constexpr const char* kExpected = "a number such as 0, 48 or 2G";
  const double value = Number(name, text, kExpected);
  const auto whole = static_cast<uint64_t>(value);
  if (static_cast<double>(whole) != value) Refuse(name, kExpected, text);
  *to = whole;
}

void ReadText(const char* name, std::string* to) {
  if (const char* text = Get(name)) *to = text;
}

bool ReadSwitch(const char* name, bool otherwise) {
  const char* text = Get(name);
  if (text == nullptr) return otherwise;
  if (std::strcmp(text, "0") != 0 && std::strcmp(text, "1") != 0) Refuse(name, "0 or 1", text);
  return *text == '1';
}

void ReadL2(Options* options) {
  const char* text = Get("ASCSIM_L2");
  if (text == nullptr) return;
  options->warm_l2 = std::strcmp(text, "warm") == 0;
  if (!options->warm_l2 && std::strcmp(text, "cold") != 0) Refuse("ASCSIM_L2", "warm or cold", text);
}

void ReadReport(Options* options) {
  const char* text = Get("ASCSIM_REPORT");
  if (text != nullptr) {
    const std::string_view level = text;
    if (level == "full") {
      options->report = ReportLevel::kFull;
    } else if (level == "errors") {
      options->report = ReportLevel::kErrors;
    } else if (level == "off") {
      options->report = ReportLevel::kOff;
    } else {
      Refuse("ASCSIM_REPORT", "full, errors or off", text);
    }
  }
  options->progress = ReadSwitch("ASCSIM_PROGRESS", options->progress);
  if (ReadSwitch("ASCSIM_QUIET", false)) {
    options->report = ReportLevel::kOff;
    options->progress = false;
  }
}

// A misspelt variable would be ignored silently otherwise. Only a warning: build systems have variables of this prefix.
void WarnOfUnknown() {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (text.substr(0, 7) != "ASCSIM_") continue;
    const std::string_view name = text.substr(0, text.find('='));
    if (std::find(kVariables.begin(), kVariables.end(), name) != kVariables.end()) continue;
    std::fprintf(stderr, "ascsim: warning: %.*s in the environment is no variable of the simulator\n",
                 static_cast<int>(name.size()), name.data());
  }
}

}  // namespace

Options OptionsFromEnvironment() {
  WarnOfUnknown();
  Options options;
  ReadText("ASCSIM_CHIP", &options.chip);
  ReadText("ASCSIM_SET", &options.set);
  ReadText("ASCSIM_CHECK", &options.check);
  ReadText("ASCSIM_RULES", &options.rules);
  ReadText("ASCSIM_TRACE", &options.trace);
  ReadText("ASCSIM_STATS", &options.stats);
  ReadText("ASCSIM_LOG", &options.log);
  ReadReport(&options);
  ReadL2(&options);
  ReadCount("ASCSIM_MAX_REPORTS", &options.max_reports);
  ReadCount("ASCSIM_TRACE_LAUNCHES", &options.trace_launches);
  ReadCount("ASCSIM_TABLES", &options.tables);
  ReadCount("ASCSIM_MAX_INSTRUCTIONS", &options.max_instructions);
  ReadCount("ASCSIM_RESERVED_UB", &options.reserved_ub_bytes);
  if (const char* text = Get("ASCSIM_MAX_SECONDS")) {
    options.max_seconds = Number("ASCSIM_MAX_SECONDS", text, "seconds such as 0.5 or 600 (0: no limit)");
  }
  uint64_t status = static_cast<uint64_t>(options.exit_status);
  ReadCount("ASCSIM_EXIT", &status);
  if (status > 255) Refuse("ASCSIM_EXIT", "an exit status from 0 to 255", Get("ASCSIM_EXIT"));
  options.exit_status = static_cast<int>(status);
  return options;
}

}  // namespace ascsim
