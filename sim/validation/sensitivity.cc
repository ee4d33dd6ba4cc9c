// How the figures move when a fitted or assumed constant does.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "core/machine.h"
#include "figures.h"

namespace validation {
namespace {

constexpr double kMoved = 1;  // percent

struct Tried {
  double value = 0;
  Deviation all;
  int moved = 0;
  size_t most = 0;  // figure that moves most
  double most_by = 0, most_deviation = 0;
};

Tried Try(const std::string& key, double value, const std::vector<Figure>& figures) {
  Tried tried;
  tried.value = value;
  std::ostringstream set;
  set << key << "=" << value;
  Configure(set.str());
  for (size_t f = 0; f < figures.size(); ++f) {
    Figure figure = figures[f];
    Simulate(&figure);
    const double deviation = figure.value.deviation();
    tried.all.Add(deviation);
    const double by = 100 * (figure.value.simulated / figures[f].value.simulated - 1);
    if (std::abs(by) > kMoved) ++tried.moved;
    if (std::abs(by) > std::abs(tried.most_by)) tried.most = f, tried.most_by = by, tried.most_deviation = deviation;
  }
  return tried;
}

// Costs of vector instructions count where a figure uses them: all others would be rows of zeros.
bool Varied(const std::string& key, const ascsim::Constant& constant) {
  const bool fitted = constant.source.find("fitted") != std::string::npos;
  if (!fitted && constant.certainty != ascsim::Certainty::kAssumed) return key == "vector.Gather.b4.per_repeat";
  return key.rfind("cast.", 0) != 0 && (key.rfind("vector.", 0) != 0 || fitted);
}

// Whole numbers stay whole, shares stay shares, pages powers of two within the bounds of the table.
std::vector<double> Values(const std::string& key, const ascsim::Constant& constant) {
  if (constant.high > 0) {
    if (constant.low == constant.value) return {constant.high};
    if (constant.high == constant.value) return {constant.low};
    return {constant.low, constant.high};
  }
  if (key == "l2.line") return {256, 1024};
  double high = constant.value * 2;
  if (key.rfind("dma.run_efficiency.", 0) == 0 || key == "dma.misaligned") high = std::min(high, 1.0);
  return {constant.value / 2, high};
}

}  // namespace

std::string Sensitivity(const std::string& prefix) {
  std::vector<Figure> figures = Figures();
  Deviation reference;
  Configure("");
  for (Figure& figure : figures) {
    Simulate(&figure);
    reference.Add(figure.value.deviation());
  }
  std::ostringstream text, untouched;
  text
      << "# How the figures move with the constants\n\n"
         "<!-- Written by `scripts/validate_sim.sh --sensitivity`, which takes some minutes; not checked in CI. -->\n\n"
         "The figures of [validation.md](validation.md), with one constant changed at a time: every constant of\n"
         "`sim/machines/910b2.toml` that was fitted to a figure or is assumed, at the ends of its range, where the "
         "table\n"
         "has one, or else at half and twice its value. (Of bandwidth by cores each point is a figure of its own: not "
         "here.)\n"
         "As the table stands: mean "
      << Rounded(reference.mean) << " %, worst " << Rounded(reference.worst) << " % of " << reference.figures
      << " figures.\n\n"
         "| constant | value | tried | mean | worst | figures moved by more than 1 % | most | by | its deviation then "
         "|\n|---|---:|---:|---:|---:|---:|---|---:|---:|\n";
  const ascsim::Machine machine = ascsim::LoadMachine("910b2");
  for (const auto& [key, constant] : machine.constants) {
    if (!Varied(key, constant) || key.rfind(prefix, 0) != 0) continue;
    std::ostringstream lines;
    bool moves = false;
    for (const double value : Values(key, constant)) {
      const Tried tried = Try(key, value, figures);
      moves |= tried.moved > 0;
      lines << "| `" << key << "` | " << constant.value << " " << constant.unit << " | " << value << " | "
            << Rounded(tried.all.mean) << " % | " << Rounded(tried.all.worst) << " % | " << tried.moved << " | ";
      if (tried.moved > 0) {
        lines << figures[tried.most].name << " | " << Percent(tried.most_by) << " % | " << Percent(tried.most_deviation)
              << " % |\n";
      } else {
        lines << "| | |\n";
      }
      std::printf("%-28s %10g %10g  mean %5.1f worst %5.1f  moved %d\n", key.c_str(), constant.value, value,
                  tried.all.mean, tried.all.worst, tried.moved);
      std::fflush(stdout);
    }
    if (moves) {
      text << lines.str();
    } else {
      untouched << (untouched.tellp() > 0 ? ", " : "") << "`" << key << "`";
    }
  }
  text << "\nNo figure moves by 1 % with " << untouched.str()
       << ": what a kernel's time owes to these has been compared with nothing published. The same holds for the "
          "costs of all vector instructions but Add, Adds and Gather of 32-bit elements.\n";
  return text.str();
}

}  // namespace validation
