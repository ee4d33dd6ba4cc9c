// Names of the SIMD targets, which of them this machine runs, and the kernels of each.
// SPDX-License-Identifier: Apache-2.0

#include "xmsda/targets.h"

#include <hwy/targets.h>

#include <algorithm>
#include <array>
#include <string>

#include "cpu/kernels.h"

namespace xmsda {
namespace {

struct NamedTarget {
  Target target;
  const char* name;
  int64_t highway;  // bits of hwy::SupportedTargets() that mean this machine can run it; 0: every machine
};

// Best first.
constexpr std::array<NamedTarget, 5> kTargets = {{
    {Target::kAvx512, "avx512", HWY_AVX3},
    {Target::kAvx2, "avx2", HWY_AVX2},
    {Target::kSve, "sve", HWY_SVE},
    {Target::kNeon, "neon", HWY_NEON},
    {Target::kPortable, "portable", 0},
}};

}  // namespace

const char* TargetName(Target target) {
  for (const NamedTarget& t : kTargets) {
    if (t.target == target) return t.name;
  }
  return "auto";
}

Status ParseTarget(std::string_view name, Target* target) {
  if (name == "auto") {
    *target = Target::kAuto;
    return {};
  }
  for (const NamedTarget& t : kTargets) {
    if (name == t.name) {
      *target = t.target;
      return {};
    }
  }
  return Status::InvalidArgument("target: expected auto, avx512, avx2, sve, neon or portable, got \"" +
                                 std::string(name) + "\"");
}

const std::vector<Target>& RunnableTargets() {
  static const std::vector<Target> runnable = [] {
    const int64_t supported = hwy::SupportedTargets();
    std::vector<Target> result;
    for (const NamedTarget& t : kTargets) {
      const bool runs = t.highway == 0 || (supported & t.highway) != 0;
      if (runs && cpu::KernelsFor(t.target) != nullptr) result.push_back(t.target);
    }
    return result;
  }();
  return runnable;
}

namespace cpu {

const Kernels* KernelsFor(Target target) {
  // Vector lengths of SVE are read from the machine, so a table is filled only where its target runs.
  static const auto tables = [] {
    std::array<Kernels, kTargets.size()> all;
    const int64_t supported = hwy::SupportedTargets();
    for (size_t i = 0; i < kTargets.size(); ++i) {
      if (kTargets[i].highway != 0 && (supported & kTargets[i].highway) == 0) continue;
      Kernels k;
      const Target t = kTargets[i].target;
      if (FillLayout(t, &k) && FillForward(t, &k) && FillBackward(t, &k)) all[i] = k;
    }
    return all;
  }();
  for (size_t i = 0; i < kTargets.size(); ++i) {
    if (kTargets[i].target == target && tables[i].vector_bytes != 0) return &tables[i];
  }
  return nullptr;
}

const Kernels* ResolveKernels(Target target) {
  if (target == Target::kAuto) return KernelsFor(RunnableTargets().front());
  const auto& runnable = RunnableTargets();
  return std::find(runnable.begin(), runnable.end(), target) == runnable.end() ? nullptr : KernelsFor(target);
}

}  // namespace cpu
}  // namespace xmsda
