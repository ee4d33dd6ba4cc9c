// HTML and SVG of `ascsim report`.
// SPDX-License-Identifier: Apache-2.0
#include "page.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <vector>

namespace ascsim {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kStyle = R"(
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #1c2430; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; border-top: 1px solid #d8dde4; padding-top: 1.2rem; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { padding: .2rem 1rem .2rem 0; text-align: right; white-space: nowrap; vertical-align: top; }
td:first-child, th:first-child, td.text, th.text { text-align: left; } td.text { white-space: normal; overflow-wrap: anywhere; }
th { color: #5a6675; font-weight: 600; border-bottom: 1px solid #d8dde4; }
.bar { display: flex; height: 1rem; margin-top: .2rem; width: 16rem; background: #eef1f4; } .bar span { display: block; }
.busy { background: #2b6cb0; } .stall { background: #f0b45a; } .idle { background: #eef1f4; }
.key { display: inline-block; width: .9rem; height: .9rem; margin: 0 .3rem 0 .8rem; vertical-align: -.1rem; }
.error { color: #a61b1b; } .warning { color: #8a5a00; } .note { color: #5a6675; }
.cores { display: flex; align-items: flex-end; height: 6rem; gap: 1px; } .cores span { background: #2b6cb0; flex: 1; max-width: 2rem; }
svg { max-width: 100%; height: auto; }
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

// Digits in groups of three.
std::string Count(uint64_t value) {
  std::string text = std::to_string(value);
  for (size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, "&#8239;");
  return text;
}

std::string Count(const Json& value) { return Count(value.get<uint64_t>()); }

std::string Percent(double share) { return Number(100 * share) + " %"; }

std::string QueueTable(const Json& queues) {
  if (queues.empty()) return "";
  std::string out =
      "<table><tr><th>queue</th><th>instructions</th><th>busy, min</th><th>mean</th><th>max</th><th>stalled</th>"
      "<th>idle</th><th class=\"text\"><span class=\"key busy\" style=\"margin-left:0\"></span>busy<span "
      "class=\"key stall\"></span>stalled<span class=\"key idle\"></span>idle</th><th class=\"text\">stalled by</th>"
      "</tr>\n";
  for (const auto& [name, queue] : queues.items()) {
    std::string causes;
    for (const auto& [cause, share] : queue.at("stalled_by").items()) {
      if (share.get<double>() < 0.001) continue;
      causes += (causes.empty() ? "" : ", ") + Html(cause) + "&nbsp;" + Percent(share);
    }
    const double busy = queue.at("busy_mean"), stalled = queue.at("stalled_mean");
    out += "<tr><td>" + Html(name) + "</td><td>" + Count(queue.at("instructions")) + "</td><td>" +
           Percent(queue.at("busy_min")) + "</td><td>" + Percent(busy) + "</td><td>" + Percent(queue.at("busy_max")) +
           "</td><td>" + Percent(stalled) + "</td><td>" + Percent(queue.at("idle_mean")) +
           "</td><td><div class=\"bar\"><span class=\"busy\" style=\"width:" + Number(100 * busy) +
           "%\"></span><span class=\"stall\" style=\"width:" + Number(100 * stalled) +
           "%\"></span></div></td><td class=\"text\">" + causes + "</td></tr>\n";
  }
  return out + "</table>\n";
}

std::string PathTable(const Json& paths) {
  if (paths.empty()) return "";
  std::string out =
      "<table><tr><th>path</th><th>instructions</th><th>bursts</th><th>bytes</th><th>bytes a burst</th><th>GB/s</th>"
      "<th>GB/s of a busy core</th></tr>\n";
  for (const auto& [name, path] : paths.items()) {
    const double bursts = path.at("bursts"), bytes = path.at("bytes");
    out += "<tr><td>" + Html(name) + "</td><td>" + Count(path.at("instructions")) + "</td><td>" +
           Count(path.at("bursts")) + "</td><td>" + Count(path.at("bytes")) + "</td><td>" +
           Number(bursts == 0 ? 0 : bytes / bursts, 0) + "</td><td>" + Number(path.at("gigabytes_per_second")) +
           "</td><td>" + Number(path.at("gigabytes_per_second_busy_core")) + "</td></tr>\n";
  }
  return out + "</table>\n";
}

std::string CoreBars(const Json& cores) {
  std::vector<std::pair<double, std::string>> bars;
  for (const Json& core : cores) bars.emplace_back(core.at("total_cycles"), core.at("name"));
  std::sort(bars.begin(), bars.end());
  if (bars.size() < 2 || bars.back().first <= 0) return "";
  const double shortest = bars.front().first, longest = bars.back().first;
  std::string out = "<p class=\"note\">Time of each of " + std::to_string(bars.size()) +
                    " cores, shortest first: " + Number(shortest, 0) + " to " + Number(longest, 0) +
                    " cycles (full height).</p><div class=\"cores\">";
  for (const auto& [cycles, name] : bars) {
    out += "<span style=\"height:" + Number(100 * cycles / longest) + "%\" title=\"" + Html(name) + ": " +
           Number(cycles, 0) + " cycles\"></span>";
  }
  return out + "</div>\n";
}

std::string PartyText(const Json& party, const Json& cores) {
  return party.at("queue").get<std::string>() + " " + party.at("call").get<std::string>() + " at " +
         party.at("file").get<std::string>() + ":" + std::to_string(party.at("line").get<int>()) + ", " +
         cores.at(party.at("core").get<size_t>()).at("name").get<std::string>() + ", block " +
         std::to_string(party.at("block").get<int>());
}

// "UB [0x100, 0x200)"; empty where the rule is not about bytes.
std::string BytesText(const Json& breach) {
  const uint64_t begin = breach.at("address"), size = breach.at("bytes"), allocation = breach.at("allocation");
  if (size == 0) return "";
  std::array<char, 64> range{};
  std::snprintf(range.data(), range.size(), " [0x%llx, 0x%llx)", static_cast<unsigned long long>(begin),
                static_cast<unsigned long long>(begin + size));
  return breach.at("space").get<std::string>() + (allocation == 0 ? "" : " #" + std::to_string(allocation)) +
         range.data();
}

std::string BreachTable(const Json& launch) {
  const Json& breaches = launch.at("breaches");
  if (breaches.empty()) {
    return launch.at("checks") == "off" ? "<p>Broken rules: not looked for.</p>" : "<p>Broken rules: none.</p>";
  }
  std::string out =
      "<table><tr><th>rule</th><th>times</th><th class=\"text\">what</th><th class=\"text\">where</th>"
      "<th class=\"text\">bytes</th><th class=\"text\">what would fix it</th></tr>\n";
  for (const Json& breach : breaches) {
    std::string where = PartyText(breach.at("first"), launch.at("cores"));
    if (breach.contains("second")) where += "; " + PartyText(breach.at("second"), launch.at("cores"));
    out += "<tr><td class=\"" + breach.at("severity").get<std::string>() + "\">" +
           Html(breach.at("rule").get<std::string>()) + "</td><td>" + Count(breach.at("count")) +
           "</td><td class=\"text\">" + Html(breach.at("what").get<std::string>()) + "</td><td class=\"text\">" +
           Html(where) + "</td><td class=\"text\">" + Html(BytesText(breach)) + "</td><td class=\"text\">" +
           Html(breach.at("remedy").get<std::string>()) + "</td></tr>\n";
  }
  out += "</table>\n";
  if (const uint64_t more = launch.at("suppressed_breaches"); more > 0) out += "<p>And " + Count(more) + " more.</p>\n";
  return out;
}

// `timeline`: a picture or nothing.
std::string LaunchSection(const Json& launch, const std::string& timeline) {
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
         " cycles at " + Number(launch.at("mhz"), 0) + " MHz (launch " +
         Number(launch.at("launch_cycles").get<double>() / launch.at("mhz").get<double>(), 2) + " us of it)";
  if (const std::string bound = summary.at("bound"); !bound.empty()) {
    const auto busy = [&](const std::string& queue) {
      return Html(queue) + ", busy " + Percent(summary.at("queues").at(queue).at("busy_mean")) + " of the time";
    };
    out += "; bound by " + busy(bound);
    if (const std::string next = summary.at("next"); !next.empty()) out += "; next " + busy(next);
    out += "; load imbalance " + Number(summary.at("imbalance"), 2);
  }
  return out + "</p>\n" + QueueTable(summary.at("queues")) + PathTable(summary.at("paths")) +
         CoreBars(launch.at("cores")) + BreachTable(launch) + timeline;
}

// ---- Timeline

struct Row {
  std::string name;
  std::vector<const Json*> events;
};

// The cores that are shown, their queues and the time they span.
struct Timeline {
  std::map<int, std::string> cores;
  std::map<std::pair<int, int>, Row> rows;  // by core and queue
  double begin = 0, end = 0;
};

// Pixels.
constexpr double kWidth = 1100, kLeft = 8, kLabel = 72, kRight = 1076, kRowHeight = 16, kTop = 44, kThinnest = 0.3;
// Processes of the trace are numbered from 1000 times the launch.
constexpr int kProcessesPerLaunch = 1000;

constexpr const char* kStallColour = "#dde3ea";
constexpr const char* kBreachColour = "#e02424";

const char* Colour(const std::string& queue) {
  static const std::map<std::string, const char*> kColours = {
      {"S", "#718096"},    {"V", "#2b6cb0"}, {"MTE2", "#2f855a"}, {"MTE3", "#b7791f"},
      {"MTE1", "#6b46c1"}, {"M", "#9b2c2c"}, {"FIX", "#4a5568"}};
  const auto found = kColours.find(queue);
  return found == kColours.end() ? "#2b6cb0" : found->second;
}

std::string Text(double x, double y, const std::string& text, const char* attributes = "") {
  return "<text x=\"" + Number(x) + "\" y=\"" + Number(y) + "\" " + attributes + ">" + Html(text) + "</text>\n";
}

std::string Rect(double x, double y, double width, const char* fill, const std::string& title) {
  return "<rect x=\"" + Number(x, 2) + "\" y=\"" + Number(y, 1) + "\" width=\"" + Number(width, 2) + "\" height=\"" +
         Number(kRowHeight - 3, 0) + "\" fill=\"" + fill + "\"><title>" + Html(title) + "</title></rect>\n";
}

Timeline ReadTimeline(const Json& trace, int launch, int max_cores) {
  Timeline timeline;
  std::map<int, std::string> cores;
  std::map<std::pair<int, int>, Row> rows;
  for (const Json& e : trace.at("traceEvents")) {
    const std::string phase = e.at("ph");
    const int process = e.at("pid");
    if (process / kProcessesPerLaunch != launch) continue;
    if (phase == "M") {
      const std::string name = e.at("args").at("name");
      if (e.at("name") == "process_name") {
        cores[process] = name;
      } else {
        rows[{process, e.at("tid")}].name = name;
      }
    } else if (phase == "X" || phase == "i") {
      rows[{process, e.at("tid")}].events.push_back(&e);
    }
  }
  double begin = 1e300, end = 0;
  for (auto& [process, name] : cores) {
    if (static_cast<int>(timeline.cores.size()) >= max_cores) break;
    timeline.cores[process] = name;
  }
  for (auto& [key, row] : rows) {
    if (row.events.empty() || timeline.cores.count(key.first) == 0) continue;
    for (const Json* e : row.events) {
      const double start = e->at("ts");
      begin = std::min(begin, start);
      end = std::max(end, start + (e->contains("dur") ? e->at("dur").get<double>() : 0.0));
    }
    timeline.rows[key] = std::move(row);
  }
  timeline.begin = std::min(begin, end);
  timeline.end = end;
  return timeline;
}

// Name, duration and place of an event.
std::string Title(const Json& e) {
  std::string title = e.at("name");
  if (e.contains("dur")) title += ", " + Number(e.at("dur"), 3) + " us from " + Number(e.at("ts"), 3) + " us";
  if (e.contains("args") && e.at("args").contains("at")) title += ", " + e.at("args").at("at").get<std::string>();
  return title;
}

// Events that lie within what their colour has painted already are left out: a picture has pixels, not millions of
// events. Marks of broken rules come last, on top.
std::string RowBody(const Row& row, const Timeline& timeline, double y) {
  const double scale = (kRight - kLabel) / (timeline.end - timeline.begin);
  std::string body, marks;
  std::map<std::string, double> painted;
  for (const Json* e : row.events) {
    const bool mark = e->at("ph") == "i";
    const double start = e->at("ts"), stop = start + (mark ? 0 : e->at("dur").get<double>());
    if (stop < timeline.begin || start > timeline.end) continue;
    const double x = kLabel + (std::max(start, timeline.begin) - timeline.begin) * scale;
    const double right = kLabel + (std::min(stop, timeline.end) - timeline.begin) * scale;
    if (mark) {
      marks += Rect(x - 1.5, y, 3, kBreachColour, Title(*e));
      continue;
    }
    const bool stall = e->contains("cat") && e->at("cat") == "stall";
    const char* fill = stall ? kStallColour : Colour(row.name);
    double& edge = painted[fill];
    if (right <= edge) continue;
    edge = std::max(right, x + kThinnest);
    body += Rect(x, y, edge - x, fill, Title(*e));
  }
  return body + marks;
}

// Marks at 1, 2 or 5 times a power of ten, ten of them or fewer.
std::string Axis(const Timeline& timeline, double bottom) {
  const double span = timeline.end - timeline.begin;
  double step = std::pow(10, std::floor(std::log10(span)) - 1);
  for (const double factor : {2.0, 2.5, 2.0, 2.0}) {
    if (span / step > 10) step *= factor;
  }
  const int digits = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  std::string axis;
  for (double i = std::ceil(timeline.begin / step - 1e-9); i * step <= timeline.end + 1e-9 * span; ++i) {
    const double x = kLabel + (i * step - timeline.begin) * (kRight - kLabel) / span;
    axis += "<line x1=\"" + Number(x) + "\" y1=\"" + Number(kTop - 6) + "\" x2=\"" + Number(x) + "\" y2=\"" +
            Number(bottom) + "\" stroke=\"#e3e7ec\"/>" +
            Text(x, kTop - 12, Number(i * step, digits), "text-anchor=\"middle\" fill=\"#5a6675\"");
  }
  return axis + Text(kLeft, 13, "time, us", "fill=\"#5a6675\"");
}

std::string Legend(const Timeline& timeline) {
  std::map<int, std::string> queues;
  bool broken = false;
  for (const auto& [key, row] : timeline.rows) {
    queues[key.second] = row.name;
    broken |= std::any_of(row.events.begin(), row.events.end(), [](const Json* e) { return e->at("ph") == "i"; });
  }
  double x = kLabel;
  std::string out;
  const auto add = [&](const char* fill, const std::string& text) {
    out += Rect(x, 3, 12, fill, text) + Text(x + 17, 13, text);
    x += 34 + 6.5 * static_cast<double>(text.size());
  };
  for (const auto& [thread, name] : queues) add(Colour(name), name + " busy");
  add(kStallColour, "waits");
  if (broken) add(kBreachColour, "broken rule");
  return out;
}

bool HasLaunch(const Json& trace, int launch) {
  for (const Json& e : trace.at("traceEvents")) {
    if (e.at("ph") == "X" && e.at("pid").get<int>() / kProcessesPerLaunch == launch) return true;
  }
  return false;
}

}  // namespace

std::string TimelineSvg(const Json& trace, int launch, int max_cores, double from, double to) {
  Timeline timeline = ReadTimeline(trace, launch, max_cores);
  if (timeline.end <= timeline.begin) {
    throw PageError("trace: expected the events of launch " + std::to_string(launch + 1) + ", got none");
  }
  const double begin = std::max(timeline.begin, from), end = to > 0 ? std::min(timeline.end, to) : timeline.end;
  if (end <= begin) {
    throw PageError("expected a time span within " + Number(timeline.begin, 2) + " to " + Number(timeline.end, 2) +
                    " us, got " + Number(from, 2) + " to " + Number(to, 2));
  }
  timeline.begin = begin;
  timeline.end = end;
  double y = kTop;
  std::string body;
  for (const auto& [process, core] : timeline.cores) {
    body += Text(kLeft, y + 12, core, "font-weight=\"600\"");
    y += kRowHeight + 2;
    for (const auto& [key, row] : timeline.rows) {
      if (key.first != process) continue;
      body += Text(kLeft + 12, y + 11, row.name) + RowBody(row, timeline, y);
      y += kRowHeight;
    }
    y += 6;
  }
  const std::string width = Number(kWidth, 0), height = Number(y + 4, 0);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + width + " " + height + "\" width=\"" + width +
         "\" height=\"" + height + "\" font-family=\"system-ui, sans-serif\" font-size=\"11\" fill=\"#1c2430\">\n" +
         "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n" + Legend(timeline) + Axis(timeline, y) + body +
         "</svg>\n";
}

std::string ReportPage(const Json& stats, const Json& trace, int max_cores) {
  if (!stats.contains("ascsim") || !stats.contains("launches")) {
    throw PageError("expected statistics that ASCSIM_STATS wrote, got something else");
  }
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>ascsim report</title><style>" +
      std::string(kStyle) + "</style></head><body>\n<h1>ascsim report</h1>\n";
  out +=
      "<p class=\"note\">All times are simulated from published figures of the chip; no device was involved. Shares "
      "are of the kernel's time without its launch, over the cores that use the queue.</p>\n";
  int number = 0;
  for (const Json& launch : stats.at("launches")) {
    std::string timeline;
    if (!trace.is_null() && HasLaunch(trace, number)) {
      timeline = "<p class=\"note\">What the queues of the first cores did, without the launch.</p>\n" +
                 TimelineSvg(trace, number, max_cores, 0, 0);
    }
    ++number;
    out += LaunchSection(launch, timeline);
  }
  return out + "</body></html>\n";
}

}  // namespace ascsim
