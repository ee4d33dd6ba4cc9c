// How fast the simulator is, and what memory it takes: kinds of instructions on 48 cores, with and without checks.
// SPDX-License-Identifier: Apache-2.0
//
// ascsim_speed [--quick | --check] [NAME...]: all kinds, or those named. --quick: a twentieth of each. --check: those
// that have bars, in full, and exit status 1 when one is missed.
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <limits>
#include <string>
#include <vector>

#include "core/machine.h"
#include "engine/launch.h"
#include "engine/memory.h"
#include "kernels.h"

namespace bench {
namespace {

constexpr int kRepetitions = 3;
constexpr double kQuickShare = 0.05;
// Bars, and aims behind them: wall time of a full run with checks; its CPU time over that without; the memory of the
// process beside the contents of GM and UB.
constexpr double kMostSeconds = 60, kAimSeconds = 15;
constexpr double kMostRatio = 3, kAimRatio = 1.5;
constexpr double kMostMegabytes = 2000, kAimMegabytes = 500;
// Of which next to nothing is touched.
constexpr uint64_t kLargeBytes = uint64_t{4} << 30;

double ThreadSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double PeakMegabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
}

struct Seconds {
  double wall = std::numeric_limits<double>::max(), cpu = wall;
};

class Bench {
 public:
  explicit Bench(double share) : share_(share), machine_(ascsim::LoadMachine("910b2")), gm_(uint64_t{1} << 36) {
    memory_.offsets = static_cast<uint8_t*>(gm_.Allocate(2 * kOffsets * sizeof(uint32_t)));
    auto* offsets = reinterpret_cast<uint32_t*>(memory_.offsets);
    for (uint32_t i = 0; i < kOffsets; ++i) {
      offsets[i] = i * 2654435761U % (kPlaneBytes / 4) * 4;
      offsets[kOffsets + i] = i * 2654435761U % (kPlaneBytes / 32) * 32;
    }
    memory_.image = static_cast<uint8_t*>(gm_.Allocate(kImageBytes));
    gm_.Allocate(kLargeBytes);
    contents_megabytes_ = static_cast<double>(kImageBytes + kCores * machine_.ub_bytes) / 1e6;
  }

  // Whether it went through, and met its bars.
  bool Measure(const Case& c, bool check) {
    Seconds off, on;
    // In turns, and the best of each: other work of the machine slows all of a time.
    for (int i = 0; i < kRepetitions; ++i) {
      if (!Run(c, false, &off) || !Run(c, true, &on)) return false;
    }
    const double units = static_cast<double>(c.units) * share_;
    const double ratio = on.cpu / off.cpu, megabytes = std::max(0.0, PeakMegabytes() - contents_megabytes_);
    std::printf("%-11s %8.3f %8.3f %6.2f %8.3f %8.2f %8.0f", c.name, off.cpu * 1e6 / units, on.cpu * 1e6 / units, ratio,
                on.cpu * 1e9 / units / static_cast<double>(c.bytes), on.wall, megabytes);
    bool good = true;
    if (check) {
      good = Compare("wall", on.wall, kAimSeconds, kMostSeconds) & Compare("ratio", ratio, kAimRatio, kMostRatio) &
             Compare("memory", megabytes, kAimMegabytes, kMostMegabytes);
    }
    std::printf("\n");
    std::fflush(stdout);
    return good;
  }

 private:
  static bool Compare(const char* what, double value, double aim, double most) {
    if (value > most) {
      std::printf("  MISSED: %s beyond %g", what, most);
    } else if (value > aim) {
      std::printf("  %s beyond its aim of %g", what, aim);
    }
    return value <= most;
  }

  bool Run(const Case& c, bool checks, Seconds* best) {
    ascsim::LaunchOptions options;
    options.checks = ascsim::OptionsFor(ascsim::CheckMode::kStrict);
    options.checks.enabled = checks;
    options.progress = false;
    const auto instructions = static_cast<uint32_t>(static_cast<double>(c.units / c.a_call) * share_ / kCores);
    const double begin = ThreadSeconds();
    ascsim::Launch launch(machine_, gm_, options, c.name, kCores, [&] { c.kernel(memory_, instructions); });
    launch.Run();
    const ascsim::LaunchStats stats = launch.TakeStats();
    best->wall = std::min(best->wall, stats.wall_seconds);
    best->cpu = std::min(best->cpu, ThreadSeconds() - begin);
    for (const ascsim::Breach& breach : stats.breaches) std::printf("%s: %s\n", c.name, ascsim::Format(breach).c_str());
    if (!stats.error.empty()) std::printf("%s: %s\n", c.name, stats.error.c_str());
    return stats.breaches.empty() && stats.error.empty();
  }

  const double share_;
  const ascsim::Machine machine_;
  ascsim::GlobalMemory gm_;
  Memory memory_;
  double contents_megabytes_ = 0;
};

bool IsName(const std::string& name) {
  return std::any_of(Cases().begin(), Cases().end(), [&](const Case& c) { return name == c.name; });
}

int Main(int argc, char** argv) {
  bool quick = false, check = false;
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--quick") {
      quick = true;
    } else if (argument == "--check") {
      check = true;
    } else if (IsName(argument)) {
      names.push_back(argument);
    } else {
      std::fprintf(stderr, "ascsim_speed: expected --quick, --check or one of");
      for (const Case& c : Cases()) std::fprintf(stderr, " %s", c.name);
      std::fprintf(stderr, ", got '%s'\n", argv[i]);
      return 2;
    }
  }
  if (quick && check) {
    std::fprintf(stderr, "ascsim_speed: --check takes full runs, so expected it without --quick\n");
    return 2;
  }
  Bench bench(quick ? kQuickShare : 1);
  std::printf("kind          us off    us on  ratio  ns/byte   wall s   MB peak\n");
  bool good = true;
  for (const Case& c : Cases()) {
    const bool named = std::find(names.begin(), names.end(), c.name) != names.end();
    if (names.empty() ? check && !c.has_bars : !named) continue;
    good &= bench.Measure(c, check);
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::Main(argc, argv); }
