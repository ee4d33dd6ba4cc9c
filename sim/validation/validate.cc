// Compares published figures with simulated ones: validate [PAGE] or validate --sensitivity PAGE [PREFIX of names].
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "figures.h"

namespace validation {

void Deviation::Add(double percent) {
  mean = (mean * figures + std::abs(percent)) / (figures + 1);
  worst = std::max(worst, std::abs(percent));
  ++figures;
}

std::string Rounded(double value) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(value < 10 ? 2 : value < 1000 ? 1 : 0) << value;
  return text.str();
}

std::string Percent(double value) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << std::showpos << (std::abs(value) < 0.05 ? 0.0 : value);
  return text.str();
}

namespace {

// Bars of issue 4 of the project: percent, over all figures.
constexpr double kMeanBar = 10, kWorstBar = 25;

struct Sums {
  Deviation all, fitted, predicted, bandwidth_out, others_out;
};

std::string Row(const char* name, const Deviation& d) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << "| " << name << " | " << d.figures << " | " << d.mean << " % | "
       << d.worst << " % |\n";
  return text.str();
}

std::string Page(const std::vector<Figure>& figures, const Sums& sums, const std::string& held_out,
                 const std::string& last_line) {
  std::ostringstream text;
  text << R"(# Published figures, simulated

<!-- Written by `make validate-sim`. -->

Kernels of `sim/validation/kernels.cpp` on the table `sim/machines/910b2.toml`, cores at 1.8 GHz. A tick is
20 ns. A figure that a constant was *fitted* to says only that the model can express it. A *predicted* one
follows from constants that the documentation or other figures gave. *Held out* is what comes out for a fitted
figure when its constant is what one would take without knowing the figure. The constants and where they come
from are in `sim/machines/910b.toml`, what depends on which of them in
[validation-sensitivity.md](validation-sensitivity.md). Nothing here was compared with a device by us.

| | figures | mean deviation | worst |
|---|---:|---:|---:|
)" << Row("fitted", sums.fitted)
       << Row("predicted", sums.predicted) << Row("all, as simulated", sums.all)
       << Row("held out: bandwidth by cores", sums.bandwidth_out) << Row("held out: others", sums.others_out) << R"(
The sources do not say everything. Taken as given here: copies of 302 MB read only, in tiles along the rows;
copies of 8 KB for L2 reuse, in four parts of 75 MB; three groups of 16 cores on rows of 512 B, 49152 rows a
core, for lines that are shared; 32-B gathers that meet no line twice; one buffer for the single core. The
figures were known when the model was made, the predicted ones too.

## As simulated

| figure | source | published | simulated | deviation | fitted |
|---|---|---:|---:|---:|---|
)";
  for (const Figure& f : figures) {
    text << "| " << f.name << " | " << f.source << " | " << Rounded(f.value.published) << " " << f.unit << " | "
         << Rounded(f.value.simulated) << " | " << Percent(f.value.deviation()) << " % | "
         << (f.fitted.empty() ? "predicted" : "`" + f.fitted + "`") << " |\n";
  }
  text << R"(
## Held out

Each fitted figure without its constant: what stands in for it comes from documentation, from a neighbour or from
another figure. Of bandwidth by cores, a point is left out and the curve goes straight over the gap, or on as it
ended; what the whole chip has is then the largest total of the other points.

)" << held_out
       << "\n"
       << last_line << "\n";
  return text.str();
}

void Write(const char* path, const std::string& page) {
  std::ofstream file(path);
  file << page;
  file.close();
  if (!file.good()) throw std::runtime_error(std::string("validate: ") + path + " cannot be written");
}

void Print(const char* name, const Deviation& d) {
  std::printf("%-28s %2d figures: mean %.1f %%, worst %.1f %%\n", name, d.figures, d.mean, d.worst);
}

int Validate(const char* path) {
  // A page tells of the table as it is; ASCSIM_SET is for trying something.
  const char* set = path == nullptr ? std::getenv("ASCSIM_SET") : nullptr;
  Configure(set == nullptr ? "" : set);
  std::vector<Figure> figures = Figures();
  Sums sums;
  for (Figure& f : figures) {
    Simulate(&f);
    const double deviation = f.value.deviation();
    sums.all.Add(deviation);
    (f.fitted.empty() ? sums.predicted : sums.fitted).Add(deviation);
    std::printf("%-68s %10s %10s %-6s %6s %%  %s\n", f.name.c_str(), Rounded(f.value.published).c_str(),
                Rounded(f.value.simulated).c_str(), f.unit, Percent(deviation).c_str(),
                f.fitted.empty() ? "predicted" : "fitted");
    std::fflush(stdout);
  }
  std::ostringstream last;
  last << std::fixed << std::setprecision(1) << "validation: mean " << sums.all.mean << " % worst " << sums.all.worst
       << " % of " << sums.all.figures << " figures";
  Print("fitted", sums.fitted);
  Print("predicted", sums.predicted);
  if (path != nullptr) {
    const std::string held_out = HeldOut(figures, &sums.bandwidth_out, &sums.others_out);
    Print("held out: bandwidth by cores", sums.bandwidth_out);
    Print("held out: others", sums.others_out);
    Write(path, Page(figures, sums, held_out, last.str()));
  }
  std::printf("%s\n", last.str().c_str());
  return sums.all.mean <= kMeanBar && sums.all.worst <= kWorstBar ? 0 : 1;
}

int Main(int argc, char** argv) {
  const bool sensitivity = argc > 1 && std::strcmp(argv[1], "--sensitivity") == 0;
  const char* path = argc > 1 + sensitivity ? argv[1 + sensitivity] : nullptr;
  if (!sensitivity) return Validate(path);
  const std::string page = Sensitivity(argc > 3 ? argv[3] : "");
  if (path != nullptr) Write(path, page);
  return 0;
}

}  // namespace
}  // namespace validation

int main(int argc, char** argv) {
  try {
    return validation::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
