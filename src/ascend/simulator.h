// The variants of the Ascend kernels as backends: arrays of the host, kernels on the simulator.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "ascend/host/choice.h"
#include "ascend/host/variants.h"
#include "backends.h"

namespace xmsda::ascend {

// What the simulator is asked for; what is empty is as the environment says (ASCSIM_CHIP and so on, see sim/README.md).
struct SimulatorOptions {
  std::string chip = {};    // "910b2", ...
  std::string set = {};     // changes to the chip's table: "dma.issue=30,scalar.issue=2"
  std::string check = {};   // strict, auto-sync, permissive or off
  std::string trace = {};   // file for the timeline
  std::string tuning = {};  // file of Tuning, which "auto" heeds; none when empty
  std::string stats = {};   // file for the statistics of all launches, JSON
  std::string log =
      {};  // file for the tables; none are printed unless this or ASCSIM_LOG or ASCSIM_REPORT names something
  bool progress = false;
  bool operator==(const SimulatorOptions&) const = default;
};

// Replaces the simulated device of the process, unless the options are those of the one that there is. Without it, the
// first use makes one of the defaults. kInvalidArgument for what the simulator refuses.
Status ConfigureSimulator(const SimulatorOptions& options);

// Writes trace and statistics now.
Status FlushSimulator();

// "ascend-sim", which is the variant "auto", and "ascend-sim:<variant>". They need no workspace of the caller's, use no
// worker of its executor, and may be called from any thread: one call at a time is simulated.
std::vector<Backend> SimulatorBackends();

// The backend of one variant, of Comparisons() too.
Backend SimulatorBackend(const Variant& variant);
// Of choices, one for each pass; a null variant is none.
Backend SimulatorBackend(const Choice& forward, const Choice& backward);

// Devices that there have been: statistics begin anew with each, and a call may need one of its own.
int64_t SimulatedDevices();

// What a pass of "auto" does on the configured device: what its tuning has for the problem, else the host's own choice.
Status SimulatorChoice(const Problem& problem, bool backward, Choice* choice);

}  // namespace xmsda::ascend
