// What validate.cc compares: a published figure, the kernel that simulates it, the constant fitted to it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace validation {

struct Value {
  double published = 1, simulated = 1;
  double deviation() const { return 100 * (simulated / published - 1); }  // percent
};

// What would be taken for the fitted constant if the figure were not known: other values, for a reason, or one found by
// a search that makes another figure come out. Neither: nothing else tells.
struct StandIn {
  std::string set;  // as ASCSIM_SET
  std::string why;
  std::string refit_to;  // name of a figure
  double low = 0, high = 0;
};

struct Figure {
  std::string name;
  const char* source;
  double published;
  const char* unit;
  std::string fitted;  // the constant; empty: predicted
  std::function<double()> simulate;
  StandIn without;
  std::function<Value()> simulate_worst;  // instead of simulate, of a figure that is a formula
  Value value;
};

std::vector<Figure> Figures();

// Changes of the chip's table, as ASCSIM_SET, for what is simulated from now on.
void Configure(const std::string& set);

void Simulate(Figure* figure);

// Numbers of some figures.
struct Deviation {
  double mean = 0, worst = 0;  // percent
  int figures = 0;
  void Add(double percent);
};

std::string Rounded(double value);
std::string Percent(double value);  // with its sign

// Without each figure in turn: a Markdown table, and the numbers of bandwidth by cores and of the others.
std::string HeldOut(const std::vector<Figure>& figures, Deviation* bandwidth, Deviation* others);

// Each fitted and each assumed constant at other values, of those whose names begin so (empty: all): a Markdown page.
std::string Sensitivity(const std::string& prefix);

}  // namespace validation
