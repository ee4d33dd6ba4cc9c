// The simulator for a C++ program that does without acl: options, device memory, running a kernel.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

// C++17, like the kernels.
namespace ascsim {

// Options that make no sense: an unknown chip, a malformed rule, a path that cannot be written. One sentence that names
// the option and says what was expected. (Programs that use acl end with this sentence and exit code 2.)
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// How much is printed after a launch.
enum class ReportLevel : uint8_t { kOff, kErrors, kFull };

// Each has an environment variable, named behind it.
struct Options {
  // ASCSIM_CHIP: 910b1 to 910b4 (Ascend910B2 and the like too), or the path of a table like those in machines/.
  std::string chip = "910b2";
  // ASCSIM_SET: changes to the table, "dma.issue=30,scalar.issue=2".
  std::string set;
  // ASCSIM_CHECK: strict, auto-sync, permissive or off.
  std::string check = "strict";
  // ASCSIM_RULES: severities of single rules, "race-waw=off,uninitialised-read=warning".
  std::string rules;
  // ASCSIM_MAX_REPORTS: broken rules listed for a launch; the rest is counted.
  uint64_t max_reports = 100;
  // ASCSIM_TRACE: file for the timeline (Perfetto opens it); empty: none.
  std::string trace;
  // ASCSIM_TRACE_LAUNCHES: so many launches, the first of the process, are in the trace.
  uint64_t trace_launches = 16;
  // ASCSIM_STATS: file for the statistics of all launches as JSON; empty: none.
  std::string stats;
  // ASCSIM_REPORT: full, errors (tables of launches that broke rules) or off. ASCSIM_QUIET=1: off, and no progress.
  ReportLevel report = ReportLevel::kFull;
  // ASCSIM_TABLES: so many tables are printed of one kernel; launches with errors always are.
  uint64_t tables = 10;
  // ASCSIM_LOG: file for the tables; empty: standard error.
  std::string log;
  // ASCSIM_PROGRESS: 0 or 1; a line on standard error while a launch takes longer than two seconds.
  bool progress = true;
  // ASCSIM_L2: warm or cold; warm: a launch finds in L2 what those before it have left there.
  bool warm_l2 = true;
  // ASCSIM_MAX_INSTRUCTIONS: a launch that issues more ends with an error; 0: no limit. "2G", "500M" are understood.
  uint64_t max_instructions = 0;
  // ASCSIM_MAX_SECONDS: likewise for the wall time of a launch; 0: no limit.
  double max_seconds = 600;
  // ASCSIM_RESERVED_UB: bytes of UB that kernels do not get.
  uint64_t reserved_ub_bytes = 0;
  // ASCSIM_EXIT: exit status of the process when a launch had errors and the program itself ends with 0; 0: leave the
  // program's.
  int exit_status = 2;
};

// Defaults and what the environment says. Throws Error.
Options OptionsFromEnvironment();

// Replaces the device of the process. Without it, the first use makes one of OptionsFromEnvironment(). Throws Error;
// also while there is device memory or from inside a kernel.
void Configure(const Options& options);

// Device memory, 512-byte aligned. Null when the chip has no more. It is memory of the process: read and write it.
void* Allocate(size_t bytes);
// False when `pointer` is not the start of a live allocation.
bool Free(void* pointer);

// What became of a launch.
struct Result {
  bool ok = true;           // ran to its end, and no rule of severity error was broken
  std::string error;        // why it ended early, or the first broken rule; empty when ok
  double microseconds = 0;  // simulated, with the launch itself
  double cycles = 0;        // the same in cycles of the chip
  uint64_t errors = 0;      // broken rules by severity, each place in the source once
  uint64_t warnings = 0;
  std::vector<std::string> reports;  // one a broken rule, as printed
};

// Runs `kernel`, the call of a kernel function with its arguments, on `block_dim` blocks; prints its table under
// `name`.
//
//   ascsim::Result r = ascsim::Run("vector_add", 8, [&] { vector_add(x, y, z, n); });
Result Run(const std::string& name, uint32_t block_dim, const std::function<void()>& kernel);

// Writes trace and statistics now; otherwise it happens at the end of the process and after a launch with errors.
// Throws Error when a file cannot be written.
void Flush();

}  // namespace ascsim
