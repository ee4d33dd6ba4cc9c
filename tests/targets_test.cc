// The SIMD targets that must run on this machine do: a target lost from the build or refused at run time fails here.
// SPDX-License-Identifier: Apache-2.0
#include "xmsda/targets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#ifdef __aarch64__
#include <asm/hwcap.h>
#include <sys/auxv.h>

#include "cpu/kernels.h"
#endif

namespace xmsda {
namespace {

#ifdef __aarch64__
std::vector<std::string> ExpectedTargets() {
  std::vector<std::string> expected = {"neon", "portable"};
#ifdef XMSDA_EMULATED
  const bool sve = true;  // the emulator's CPU has all extensions
#else
  const bool sve = (getauxval(AT_HWCAP) & HWCAP_SVE) != 0;
#endif
  if (sve) expected.insert(expected.begin(), "sve");
  return expected;
}
#else
// True when the first CPU's line of flags has all of `flags`.
bool CpuHas(const std::vector<std::string>& flags) {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line) && !line.starts_with("flags")) {
  }
  std::istringstream words(line);
  const std::vector<std::string> found{std::istream_iterator<std::string>(words), {}};
  return std::all_of(flags.begin(), flags.end(), [&](const std::string& flag) {
    return std::find(found.begin(), found.end(), flag) != found.end();
  });
}

std::vector<std::string> ExpectedTargets() {
  std::vector<std::string> expected;
  // As Highway's AVX2 target is compiled and checked; "abm" is what Linux calls LZCNT.
  const bool avx2 = CpuHas({"sse4_2", "pclmulqdq", "aes", "avx2", "fma", "bmi1", "bmi2", "f16c", "abm"});
#ifndef XMSDA_ONE_TARGET
  if (avx2 && CpuHas({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"})) expected.emplace_back("avx512");
#endif
  if (avx2) expected.emplace_back("avx2");
  expected.emplace_back("portable");
  return expected;
}
#endif

TEST(Targets, AllThatThisMachineRuns) {
  std::vector<std::string> names;
  for (const Target target : RunnableTargets()) names.emplace_back(TargetName(target));
  EXPECT_EQ(names, ExpectedTargets());
}

#ifdef __aarch64__
// With XMSDA_TEST_SVE_BYTES=N: SVE runs, with vectors of N bytes. An emulator may round a length that it does not have.
TEST(Targets, VectorsOfSveAreAsLongAsAskedFor) {
  const char* bytes = std::getenv("XMSDA_TEST_SVE_BYTES");
  if (bytes == nullptr) GTEST_SKIP() << "no XMSDA_TEST_SVE_BYTES";
  const cpu::Kernels* kernels = cpu::KernelsFor(Target::kSve);
  ASSERT_NE(kernels, nullptr);
  EXPECT_EQ(std::to_string(kernels->vector_bytes), bytes);
}
#endif

}  // namespace
}  // namespace xmsda
