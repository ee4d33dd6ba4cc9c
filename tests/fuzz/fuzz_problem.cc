// Fuzzes ParseProblem: what it accepts prints and parses back, and has strides and workspaces that do not overflow.
// SPDX-License-Identifier: Apache-2.0
//
// Run it under UBSan.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "xmsda/msda.h"
#include "xmsda/problem.h"
#include "xmsda/targets.h"

namespace {

void Require(bool condition, const std::string& what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  xmsda::Problem problem;
  const xmsda::Status status = xmsda::ParseProblem(text, &problem);
  if (!status.ok()) {
    Require(!status.message().empty() && status.message().find('\n') == std::string::npos, "message: not one line");
    return 0;
  }
  Require(xmsda::Validate(problem).ok(), "an invalid problem was accepted");
  const xmsda::ValueStrides strides = xmsda::DenseStrides(problem);
  const xmsda::SampleStrides samples[] = {xmsda::DenseLocationStrides(problem), xmsda::DenseWeightStrides(problem)};
  Require(strides.batch >= 0 && samples[0].batch >= 0 && samples[1].batch >= 0, "a stride overflowed");
  for (const xmsda::Target target : xmsda::RunnableTargets()) {
    for (const int workers : {1, 3}) {
      // Far beyond any memory means that a product wrapped around.
      constexpr size_t kLimit = size_t{1} << 62;
      Require(xmsda::ForwardWorkspaceSize(problem, strides, workers, target) < kLimit, "forward workspace overflowed");
      Require(xmsda::BackwardWorkspaceSize(problem, strides, strides, workers, target) < kLimit,
              "backward workspace overflowed");
    }
  }
  const std::string printed = xmsda::ToString(problem);
  xmsda::Problem again;
  const xmsda::Status again_status = xmsda::ParseProblem(printed, &again);
  Require(again_status.ok(), printed + ": " + again_status.message());
  Require(xmsda::ToString(again) == printed, printed + " became " + xmsda::ToString(again));
  return 0;
}
