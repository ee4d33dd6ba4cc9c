// Runs a backend on a case and judges the results; the one judge of all backends.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "backends.h"
#include "testing/expected.h"
#include "testing/inputs.h"

namespace xmsda::testing {

// What one backend wrote; value gradients in the layout of the case.
struct Results {
  Buffer output;
  Buffer grad_value, grad_locations, grad_weights, grad_references;
  Target forward_target = Target::kAuto;  // what the kernels say ran; kAuto for backends that do not say
  Target backward_target = Target::kAuto;
};

struct RunOptions {
  Executor executor = SerialExecutor();
  // What outputs and workspace hold before the call: results must not depend on it. 0xFF bytes are NaN in every dtype.
  uint8_t poison = 0xFF;
};

// Forward and, where the backend has it, backward. Other than Ok also when a guard byte of any array, a gap of a padded
// layout, or an input was written to.
Status RunBackend(const Backend& backend, const CaseData& data, const RunOptions& options, Results* results);

// The worst element of one array.
struct Difference {
  std::string array;  // "output", "grad_value", "grad_locations", "grad_weights" or "grad_references"
  std::string index;  // for example "[b=0, q=3, m=1, d=5]"
  double got = 0;
  double expected = 0;
  double bound = 0;
  double error_over_bound = 0;  // of exact cases: 0 or infinity
  double rms_error = 0;         // root mean square over the elements that are finite on both sides
  double rms_expected = 0;      // and that of what was expected there
  bool ok = true;
};

// One entry per array that the backend computes, judged by its stated arithmetic. NaN and infinity must be there
// exactly where the reference has them; in gradients either may stand for the other, since the order of a sum decides
// between them.
std::vector<Difference> Judge(const Backend& backend, const CaseData& data, const Expected& expected,
                              const Results& results);

// Empty, or a line when the backend "cpu:<target>" ran another target.
std::string CheckTargets(const Backend& backend, const Problem& problem, const Results& results);

// Everything above for one backend. Empty when all is well, else lines that say what is wrong, end with the command
// that replays it, and can be printed as they are.
std::string CheckBackend(const Backend& backend, const CaseData& data, const Expected& expected,
                         const RunOptions& options = {});

// The first array that both have and that differs in any bit, and where, or empty.
std::string CompareBits(const CaseData& data, const Results& a, const Results& b);

// The lines of CheckBackend for a difference.
std::string Describe(const Backend& backend, const Case& test_case, const Difference& difference, int threads = 1);

// "xmsda <mode> <problem and options> --backend <name>", with " --threads <n>" when more than one worker ran.
std::string ReplayCommand(std::string_view mode, const Backend& backend, const Case& test_case, int threads = 1);

}  // namespace xmsda::testing
