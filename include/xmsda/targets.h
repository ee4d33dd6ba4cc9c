// The SIMD targets the CPU backend is compiled for, one of which is chosen at run time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "xmsda/status.h"

#pragma GCC visibility push(default)
namespace xmsda {

enum class Target : uint8_t { kAuto, kPortable, kAvx2, kAvx512, kNeon, kSve };

// "auto", "portable", "avx2", "avx512", "neon" or "sve".
const char* TargetName(Target target);
Status ParseTarget(std::string_view name, Target* target);

// The targets that this build contains and this machine can run, best first; never kAuto, always kPortable or better.
const std::vector<Target>& RunnableTargets();

}  // namespace xmsda
#pragma GCC visibility pop
