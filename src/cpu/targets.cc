// Names of the SIMD targets, which of them this machine runs, and the kernels of each.
// SPDX-License-Identifier: Apache-2.0

#include "xmsda/targets.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <algorithm>
#include <array>
#include <string>

#include "cpu/kernels.h"

namespace xmsda {
namespace {

#if defined(__x86_64__)
// The extensions of Highway's AVX2 target that __builtin_cpu_supports does not know by name in every compiler.
bool HasF16cAndLzcnt() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & bit_F16C) == 0) return false;
  return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_LZCNT) != 0;
}
#endif

// Whether the processor and the system run a target. hwy::SupportedTargets() would say the same, but it is the only
// thing that would tie every user to Highway's shared library; the rest of Highway is headers.
bool MachineRuns(Target target) {
  switch (target) {
#if defined(__x86_64__)
    case Target::kAvx2:
      // All that Highway asks for: the compiler may use each of them in code for this target.
      return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("aes") &&
             __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
             __builtin_cpu_supports("bmi2") && HasF16cAndLzcnt();
    case Target::kAvx512:
      return MachineRuns(Target::kAvx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
#elif defined(__aarch64__) && defined(__linux__)
    case Target::kNeon:
      return true;  // Highway asks for AES as well, which none of these kernels use
    case Target::kSve:
      return (getauxval(AT_HWCAP) & HWCAP_SVE) != 0;
#endif
    case Target::kPortable:
      return true;
    default:
      return false;
  }
}

struct NamedTarget {
  Target target;
  const char* name;
};

// Best first.
constexpr std::array<NamedTarget, 5> kTargets = {{
    {Target::kAvx512, "avx512"},
    {Target::kAvx2, "avx2"},
    {Target::kSve, "sve"},
    {Target::kNeon, "neon"},
    {Target::kPortable, "portable"},
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
    std::vector<Target> result;
    for (const NamedTarget& t : kTargets) {
      if (MachineRuns(t.target) && cpu::KernelsFor(t.target) != nullptr) result.push_back(t.target);
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
    for (size_t i = 0; i < kTargets.size(); ++i) {
      if (!MachineRuns(kTargets[i].target)) continue;
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
