// A page about launches, made of their statistics and trace.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace ascsim {

// Thrown for files that are not what WriteStats and TraceRecorder write.
struct PageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What the queues of the first cores did over time, as SVG: a row per queue, busy dark, waiting light, broken rules as
// red marks. At most `max_cores` cores and the time span [from, to) in microseconds (to <= from: all).
std::string TimelineSvg(const nlohmann::json& trace, int max_cores, double from, double to);

// A page that stands alone: tables, stacked bars per queue, time per core, broken rules and, where a trace is given
// (else null), the timeline.
std::string ReportPage(const nlohmann::json& stats, const nlohmann::json& trace, int max_cores);

}  // namespace ascsim
