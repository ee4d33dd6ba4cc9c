// HTML and SVG of `ascsim report`.
// SPDX-License-Identifier: Apache-2.0
#include "page.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <vector>

namespace ascsim {
namespace {

using Json = nlohmann::json;

constexpr const char* kStyle = R"(
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1c2430; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; border-top: 1px solid #d8dde4; padding-top: 1.2rem; }
table { border-collapse: collapse; margin: .8rem 0; } td, th { padding: .2rem .8rem .2rem 0; text-align: right; }
td:first-child, th:first-child { text-align: left; } th { color: #5a6675; font-weight: 600; border-bottom: 1px solid #d8dde4; }
.bar { display: flex; height: 1.1rem; width: 26rem; background: #eef1f4; } .bar span { display: block; }
.busy { background: #2b6cb0; } .stall { background: #f0b45a; } .error { color: #a61b1b; } .warning { color: #8a5a00; }
.note { color: #5a6675; } .cores { display: flex; align-items: flex-end; height: 6rem; gap: 1px; } .cores span { background: #2b6cb0; flex: 1; }
svg { max-width: 100%; height: auto; } td.text { text-align: left; }
)";

std::string Html(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string Number(double value, int digits = 1) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

std::string Percent(double share) { return Number(100 * share) + " %"; }

std::string QueueTable(const Json& queues) {
  std::string out =
      "<table><tr><th>queue</th><th>instructions</th><th>busy, min</th><th>mean</th><th>max</th><th>stalled</th>"
      "<th>idle</th><th></th><th>stalled by</th></tr>\n";
  for (const auto& [name, queue] : queues.items()) {
    std::string causes;
    for (const auto& [cause, share] : queue.at("stalled_by").items()) {
      if (share.get<double>() < 0.001) continue;
      causes += (causes.empty() ? "" : ", ") + Html(cause) + " " + Percent(share);
    }
    const double busy = queue.at("busy_mean"), stalled = queue.at("stalled_mean");
    out += "<tr><td>" + Html(name) + "</td><td>" + std::to_string(queue.at("instructions").get<uint64_t>()) +
           "</td><td>" + Percent(queue.at("busy_min")) + "</td><td>" + Percent(busy) + "</td><td>" +
           Percent(queue.at("busy_max")) + "</td><td>" + Percent(stalled) + "</td><td>" +
           Percent(queue.at("idle_mean")) +
           "</td><td><div class=\"bar\"><span class=\"busy\" style=\"width:" + Number(100 * busy) +
           "%\"></span><span class=\"stall\" style=\"width:" + Number(100 * stalled) +
           "%\"></span></div></td><td class=\"text\">" + causes + "</td></tr>\n";
  }
  return out + "</table>\n";
}

std::string PathTable(const Json& paths) {
  if (paths.empty()) return "";
  std::string out =
      "<table><tr><th>path</th><th>instructions</th><th>bursts</th><th>bytes</th><th>GB/s</th><th>GB/s of a busy "
      "core</th>"
      "</tr>\n";
  for (const auto& [name, path] : paths.items()) {
    out += "<tr><td>" + Html(name) + "</td><td>" + std::to_string(path.at("instructions").get<uint64_t>()) +
           "</td><td>" + std::to_string(path.at("bursts").get<uint64_t>()) + "</td><td>" +
           std::to_string(path.at("bytes").get<uint64_t>()) + "</td><td>" + Number(path.at("gigabytes_per_second")) +
           "</td><td>" + Number(path.at("gigabytes_per_second_busy_core")) + "</td></tr>\n";
  }
  return out + "</table>\n";
}

std::string CoreBars(const Json& cores) {
  double longest = 0;
  for (const Json& core : cores) longest = std::max(longest, core.at("total_cycles").get<double>());
  if (longest == 0) return "";
  std::string out =
      "<p class=\"note\">Time of each core, least to most: full height is the slowest.</p><div class=\"cores\">";
  std::vector<std::pair<double, std::string>> bars;
  for (const Json& core : cores) bars.emplace_back(core.at("total_cycles"), core.at("name"));
  std::sort(bars.begin(), bars.end());
  for (const auto& [cycles, name] : bars) {
    out += "<span style=\"height:" + Number(100 * cycles / longest) + "%\" title=\"" + Html(name) + ": " +
           Number(cycles, 0) + " cycles\"></span>";
  }
  return out + "</div>\n";
}

std::string PartyText(const Json& party) {
  return party.at("queue").get<std::string>() + " " + party.at("instruction").get<std::string>() + " at " +
         party.at("file").get<std::string>() + ":" + std::to_string(party.at("line").get<int>());
}

std::string BreachTable(const Json& launch) {
  const Json& breaches = launch.at("breaches");
  if (breaches.empty()) {
    return launch.at("checks") == "off" ? "<p>Broken rules: not looked for.</p>" : "<p>Broken rules: none.</p>";
  }
  std::string out =
      "<table><tr><th>rule</th><th>times</th><th style=\"text-align:left\">what</th><th "
      "style=\"text-align:left\">where</th>"
      "<th style=\"text-align:left\">what would fix it</th></tr>\n";
  for (const Json& breach : breaches) {
    std::string where = PartyText(breach.at("first"));
    if (breach.contains("second")) where += "; " + PartyText(breach.at("second"));
    out += "<tr><td class=\"" + breach.at("severity").get<std::string>() + "\">" +
           Html(breach.at("rule").get<std::string>()) + "</td><td>" +
           std::to_string(breach.at("count").get<uint64_t>()) + "</td><td class=\"text\">" +
           Html(breach.at("what").get<std::string>()) + "</td><td class=\"text\">" + Html(where) +
           "</td><td class=\"text\">" + Html(breach.at("remedy").get<std::string>()) + "</td></tr>\n";
  }
  return out + "</table>\n";
}

std::string LaunchSection(const Json& launch) {
  const Json& summary = launch.at("summary");
  std::string out = "<h2>" + Html(launch.at("kernel").get<std::string>()) + "</h2>\n<p>" +
                    Html(launch.at("machine").get<std::string>()) + " (simulated), block dimension " +
                    std::to_string(launch.at("block_dim").get<int>()) + ", " +
                    Html(launch.at("type").get<std::string>()) +
                    ", checks: " + Html(launch.at("checks").get<std::string>()) + ".</p>\n";
  if (const std::string error = launch.at("error"); !error.empty()) {
    out += "<p class=\"error\">Ended early: " + Html(error) + "</p>\n";
  }
  out += "<p><b>" + Number(summary.at("microseconds"), 2) + " us</b> = " + Number(launch.at("total_cycles"), 0) +
         " cycles at " + Number(launch.at("mhz"), 0) + " MHz";
  if (const std::string bound = summary.at("bound"); !bound.empty()) {
    out += "; bound by " + bound;
    if (const std::string next = summary.at("next"); !next.empty()) out += ", next " + next;
    out += "; load imbalance " + Number(summary.at("imbalance"), 2);
  }
  return out + "</p>\n" + QueueTable(summary.at("queues")) + PathTable(summary.at("paths")) +
         CoreBars(launch.at("cores")) + BreachTable(launch);
}

// ---- Timeline

struct Row {
  std::string name;
  std::vector<const Json*> events;
};

constexpr double kWidth = 1100, kLabel = 130, kRowHeight = 16;

std::string Rect(double x, double y, double width, const char* fill, const std::string& title) {
  return "<rect x=\"" + Number(x, 2) + "\" y=\"" + Number(y, 1) + "\" width=\"" + Number(std::max(width, 0.3), 2) +
         "\" height=\"" + Number(kRowHeight - 3, 0) + "\" fill=\"" + fill + "\"><title>" + Html(title) +
         "</title></rect>\n";
}

const char* Colour(const std::string& queue) {
  static const std::map<std::string, const char*> kColours = {
      {"S", "#718096"},    {"V", "#2b6cb0"}, {"MTE2", "#2f855a"}, {"MTE3", "#b7791f"},
      {"MTE1", "#6b46c1"}, {"M", "#9b2c2c"}, {"FIX", "#4a5568"}};
  const auto found = kColours.find(queue);
  return found == kColours.end() ? "#2b6cb0" : found->second;
}

}  // namespace

std::string TimelineSvg(const Json& trace, int max_cores, double from, double to) {
  std::map<int, std::string> cores;
  std::map<std::pair<int, int>, Row> rows;
  double begin = 1e300, end = 0;
  for (const Json& e : trace.at("traceEvents")) {
    const std::string phase = e.at("ph");
    const int process = e.at("pid");
    if (phase == "M") {
      const std::string name = e.at("args").at("name");
      if (e.at("name") == "process_name") {
        cores[process] = name;
      } else {
        rows[{process, e.at("tid")}].name = name;
      }
      continue;
    }
    if (phase != "X" && phase != "i") continue;
    const double start = e.at("ts"), stop = start + (phase == "X" ? e.at("dur").get<double>() : 0.0);
    begin = std::min(begin, start);
    end = std::max(end, stop);
    rows[{process, e.at("tid")}].events.push_back(&e);
  }
  if (cores.empty() || end <= begin) throw PageError("trace: expected the events of a launch, got none");
  if (to > from) {
    begin = from;
    end = to;
  }
  const double scale = (kWidth - kLabel) / (end - begin);
  double y = 24;
  std::string body;
  int shown = 0;
  for (const auto& [process, core] : cores) {
    if (shown++ >= max_cores) break;
    body += "<text x=\"0\" y=\"" + Number(y + 12) + "\" font-weight=\"600\">" + Html(core) + "</text>\n";
    y += kRowHeight + 2;
    for (const auto& [key, row] : rows) {
      if (key.first != process || row.events.empty()) continue;
      body += "<text x=\"12\" y=\"" + Number(y + 11) + "\">" + Html(row.name) + "</text>\n";
      for (const Json* e : row.events) {
        const double start = e->at("ts");
        const bool mark = e->at("ph") == "i";
        const double duration = mark ? 0 : e->at("dur").get<double>();
        if (start + duration < begin || start > end) continue;
        const double x = kLabel + (std::max(start, begin) - begin) * scale;
        const double width = (std::min(start + duration, end) - std::max(start, begin)) * scale;
        const bool stall = e->contains("cat") && e->at("cat") == "stall";
        body += Rect(x, y, mark ? 1.5 : width, mark ? "#c53030" : stall ? "#e2e8f0" : Colour(row.name), e->at("name"));
      }
      y += kRowHeight;
    }
    y += 6;
  }
  std::string axis;
  for (int i = 0; i <= 8; ++i) {
    const double x = kLabel + (kWidth - kLabel) * i / 8.0;
    axis += "<line x1=\"" + Number(x) + "\" y1=\"18\" x2=\"" + Number(x) + "\" y2=\"" + Number(y) +
            "\" stroke=\"#edf0f3\"/><text x=\"" + Number(x) + "\" y=\"12\" text-anchor=\"" +
            (i == 8 ? "end" : "middle") + "\" fill=\"#5a6675\">" + Number(begin + (end - begin) * i / 8.0, 2) +
            " us</text>\n";
  }
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + Number(kWidth, 0) + " " + Number(y + 4, 0) +
         "\" width=\"" + Number(kWidth, 0) + "\" font-family=\"system-ui, sans-serif\" font-size=\"11\">\n" + axis +
         body + "</svg>\n";
}

std::string ReportPage(const Json& stats, const Json& trace, int max_cores) {
  if (!stats.contains("ascsim") || !stats.contains("launches")) {
    throw PageError("statistics: expected a file that ASCSIM_STATS wrote, got something else");
  }
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>ascsim report</title><style>" +
      std::string(kStyle) + "</style></head><body>\n<h1>ascsim report</h1>\n";
  out +=
      "<p class=\"note\">All times are simulated from published figures of the chip; no device was involved. Shares "
      "are "
      "of the kernel's time without its launch. Dark: busy; amber: stalled.</p>\n";
  if (!trace.is_null()) out += TimelineSvg(trace, max_cores, 0, 0);
  for (const Json& launch : stats.at("launches")) out += LaunchSection(launch);
  return out + "</body></html>\n";
}

}  // namespace ascsim
