// The CPU debugging functions that come with many kernels (ICPU_RUN_KF and its memory), run by the simulator.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "ascsim/launch.h"
#include "kernel_operator.h"

namespace AscendC {

// Device memory, zeroed. Null pointers, double frees and foreign pointers end the program with one line and status 2:
// the documented functions have no way to report them.
void* GmAlloc(size_t size);
void GmFree(void* ptr);

enum class KernelMode { MIX_MODE = 0, AIC_MODE, AIV_MODE };
// For the launches that follow. A kernel that names its type (KERNEL_TASK_TYPE_DEFAULT) must name the same.
void SetKernelMode(KernelMode mode);

}  // namespace AscendC

using AscendC::KernelMode;  // host programs write it without a namespace

// Runs `func` on `blkdim` blocks. Errors show in the report and in the exit status of the process (ASCSIM_EXIT).
#define ICPU_RUN_KF(func, blkdim, ...) ::ascsim::LaunchForCpuDebug(#func, (blkdim), [&] { func(__VA_ARGS__); })
