// Predicts each figure without the constant that was fitted to it.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>

#include "figures.h"

namespace validation {
namespace {

// The value of `constant` at which the other figure comes out: bisection, as figures are monotone in such constants.
std::string Refit(const std::string& constant, const StandIn& without, std::vector<Figure> figures) {
  const auto other = std::find_if(figures.begin(), figures.end(),
                                  [&](const Figure& figure) { return figure.name == without.refit_to; });
  if (other == figures.end()) throw std::logic_error("validate: no figure \"" + without.refit_to + "\"");
  const auto setting = [&](double value) {
    std::ostringstream text;
    text << constant << "=" << value;
    return text.str();
  };
  const auto above = [&](double value) {
    Configure(setting(value));
    Simulate(&*other);
    return other->value.deviation() > 0;
  };
  double low = without.low, high = without.high;
  const bool above_at_high = above(high);
  if (above(low) == above_at_high) throw std::logic_error("validate: " + constant + " is not between its bounds");
  while (high - low > 0.1) {
    const double middle = (low + high) / 2;
    (above(middle) == above_at_high ? high : low) = middle;
  }
  std::ostringstream text;
  text.precision(3);
  text << constant << "=" << (low + high) / 2;
  return text.str();
}

// "dma.burst=0,dma.burst_l2=0" for people; what the whole chip has goes without saying.
std::string Shown(const std::string& set) {
  std::ostringstream shown;
  std::istringstream parts(set);
  for (std::string part; std::getline(parts, part, ',');) {
    if (part.rfind("hbm.total=", 0) == 0) continue;
    const size_t equals = part.find('=');
    std::ostringstream value;
    value.precision(4);
    value << std::stod(part.substr(equals + 1));
    shown << (shown.tellp() > 0 ? ", `" : "`") << part.substr(0, equals) << "` " << value.str();
  }
  return shown.str();
}

}  // namespace

std::string HeldOut(const std::vector<Figure>& figures, Deviation* bandwidth, Deviation* others) {
  std::ostringstream text;
  text << "| figure | published | instead of the fitted value | because | predicted | deviation |\n"
          "|---|---:|---|---|---:|---:|\n";
  for (Figure figure : figures) {
    if (figure.fitted.empty()) continue;
    const StandIn& without = figure.without;
    text << "| " << figure.name << " | " << Rounded(figure.published) << " " << figure.unit << " | ";
    if (without.set.empty() && without.refit_to.empty()) {
      text << "`" << figure.fitted << "` | nothing else tells | | |\n";
      continue;
    }
    const std::string set = without.refit_to.empty() ? without.set : Refit(figure.fitted, without, figures);
    const std::string why = without.refit_to.empty() ? without.why : "fitted to: " + without.refit_to;
    Configure(set);
    Simulate(&figure);
    (figure.fitted.rfind("hbm.", 0) == 0 ? bandwidth : others)->Add(figure.value.deviation());
    text << Shown(set) << " | " << why << " | " << Rounded(figure.value.simulated) << " | "
         << Percent(figure.value.deviation()) << " % |\n";
  }
  Configure("");
  return text.str();
}

}  // namespace validation
