// A page about launches, made of their statistics and trace.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace ascsim {

// Thrown for files that are not what WriteStats and TraceRecorder write.
struct PageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What the queues of the first cores of a launch (0 is the first) did over time, as SVG: a row per queue, busy dark,
// waiting light, broken rules as red marks. At most `max_cores` cores, and of the time span from..to, microseconds of
// the trace, what the launch has (to <= 0: to its end). The Json of both functions keeps the order of the file.
std::string TimelineSvg(const nlohmann::ordered_json& trace, int launch, int max_cores, double from, double to);

// A page that stands alone: of every launch tables, stacked bars per queue, time per core, broken rules and, where a
// trace is given (else null) and has it, the timeline.
std::string ReportPage(const nlohmann::ordered_json& stats, const nlohmann::ordered_json& trace, int max_cores);

}  // namespace ascsim
