// The command line program `xmsda`.
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <functional>
#include <new>
#include <string>

#include "driver/options.h"

namespace xmsda::driver {

#ifndef XMSDA_ASCEND
int Tune(const Options&) {
  return Refuse("mode: tune needs a build with the simulator, got one without: cmake -DXMSDA_ASCEND=ON");
}
int Simulate(const Options&) {
  return Refuse("mode: simulate needs a build with the simulator, got one without: cmake -DXMSDA_ASCEND=ON");
}
#endif

namespace {

void AddCommonOptions(CLI::App* mode, Options* options) {
  mode->add_option("problems", options->problems,
                   "Problems: names from `xmsda list`, or texts like b1_q300_m8_d32_p4_l64x64");
  mode->add_option("--backend", options->backends, "Backends, see `xmsda list`")->delimiter(',');
  mode->add_option("--sampling", options->sampling, "local, uniform, hot, outside, exact or nasty");
  mode->add_option("--layout", options->layout, "Memory layout of value: bsmd, bmsd, bmds, padded or spread");
  mode->add_option("--seed", options->seed, "Seed of the inputs");
  mode->add_option("--threads", options->threads, "Threads");
  mode->add_flag("--json", options->json, "Print JSON");
}

void AddSimulateOptions(CLI::App* mode, Options* options) {
  mode->add_option("problem", options->problems, "Problem, as for check (default: detr-enc)");
  mode->add_option("--variant", options->variant, "auto or a variant of `xmsda list`");
  mode->add_option("--chip", options->chip, "910b1 to 910b4, or a file like those in sim/machines");
  mode->add_option("--set", options->set, "Changes to the chip's table: name=value,...");
  mode->add_option("--sampling", options->sampling, "local, uniform, hot, outside, exact or nasty");
  mode->add_option("--seed", options->seed, "Seed of the inputs");
  mode->add_option("--pass", options->pass, "forward, backward or both");
  mode->add_option("--trace", options->trace, "File for the timeline, which ui.perfetto.dev opens");
  mode->add_option("--stats", options->stats, "File for all statistics (JSON)");
  mode->add_option("--choice", options->choice, "Variant with its tiling, \"resident:tile=48,levels=2\"; for one pass");
  mode->add_option("--ablate", options->ablate, "Leave out an optimisation of `xmsda list`");
  mode->add_option("--tuning", options->tuning, "File of `xmsda tune`, which auto heeds")->envname("XMSDA_TUNING");
  mode->add_flag("--choose", options->choose, "Tell which variant each pass would take, simulate nothing");
  mode->add_flag("--json", options->json, "Print JSON instead of tables");
}

void AddTuneOptions(CLI::App* mode, Options* options) {
  mode->add_option("problem", options->problems, "Problem, as for check (default: detr-enc)");
  mode->add_option("--chip", options->chip, "910b1 to 910b4, or a file like those in sim/machines");
  mode->add_option("--set", options->set, "Changes to the chip's table: name=value,...");
  mode->add_option("--sampling", options->sampling, "local, uniform, hot, outside, exact or nasty");
  mode->add_option("--seed", options->seed, "Seed of the inputs, and of the trials that are drawn");
  mode->add_flag("--backward", options->tune_backward, "The backward pass, not the forward pass");
  mode->add_option("--trials", options->trials, "Choices to simulate; 0: draft only");
  mode->add_option("--out", options->out, "File to keep the best one in; others' entries in it stay");
  mode->add_flag("--json", options->json, "Print JSON instead of a table");
}

int RunMode(const Options& options, const std::vector<std::string>& default_problems, bool all_backends,
            const std::function<int(const Plan&)>& mode) {
  Plan plan;
  const Status status = MakePlan(options, default_problems, all_backends, &plan);
  return status.ok() ? mode(plan) : Refuse(status.message());
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Multi-scale deformable attention on the CPU and on simulated Ascend chips: checks and measurements.\n"
      "Exit codes: 0 success, 1 a check failed, 2 bad input.",
      "xmsda");
  app.require_subcommand(1);
  Options options;
  CLI::App* simulate = app.add_subcommand("simulate", "Run the Ascend kernels on the simulator: where the time goes");
  AddSimulateOptions(simulate, &options);
  CLI::App* tune = app.add_subcommand("tune", "Find the fastest variant and tiling for a problem, simulated");
  AddTuneOptions(tune, &options);
  CLI::App* list = app.add_subcommand("list", "List backends, workloads and sampling patterns");
  list->add_flag("--json", options.json, "Print JSON");
  CLI::App* check = app.add_subcommand("check", "Compare backends with the reference (default: all workloads)");
  CLI::App* bitwise = app.add_subcommand("bitwise", "Compare the bits of runs over numbers of workers");
  CLI::App* grad = app.add_subcommand("grad", "Compare gradients with finite differences of the forward pass, in f64");
  CLI::App* bench = app.add_subcommand("bench", "Measure time; outputs are checked in the same run");
  for (CLI::App* mode : {check, bitwise, grad, bench}) AddCommonOptions(mode, &options);
  bench->add_option("--repeats", options.repeats, "Timed runs of each backend and pass");
  bench->add_option("--pass", options.pass, "forward, backward or both");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    if (app.get_subcommands().empty()) {
      const std::string got = argc > 1 ? std::string("\"") + argv[1] + "\"" : "none";
      return Refuse("mode: expected list, check, bitwise, grad, bench, simulate or tune, got " + got);
    }
    return Refuse(error.what());
  }
  if (*list) return List(options.json);
  if (*simulate) return Simulate(options);
  if (*tune) return Tune(options);
  if (*check) return RunMode(options, WorkloadNames(), true, &Check);
  if (*bitwise) return RunMode(options, WorkloadNames(), false, &Bitwise);
  const std::vector<std::string> small = {"mmcv-unit", "b2_q5_m3_d7_p3,1_l6x9,4x3", "b1_q900_m2_d16_p2_l12x12",
                                          "b1_q9_m2_d32_p2_l6x4,3x3_discrete"};
  if (*grad) options.pass = "backward";  // backends without one are refused
  if (*grad) return RunMode(options, small, false, &Grad);
  return RunMode(options, {"detr-enc"}, false, &Bench);
}

}  // namespace
}  // namespace xmsda::driver

int main(int argc, char** argv) {
  try {
    return xmsda::driver::Main(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "xmsda: problem: expected arrays that fit into memory, got a larger one\n");
    return xmsda::driver::kBadInput;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "xmsda: %s\n", error.what());
    return xmsda::driver::kBadInput;
  }
}
