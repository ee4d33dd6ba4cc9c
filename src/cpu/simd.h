// Which Highway targets are compiled; to be included before any Highway header, by SIMD sources only.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <hwy/detect_compiler_arch.h>

// Targets: AVX2, AVX-512 (HWY_AVX3), NEON, SVE and a portable one. The others that Highway offers cost about a
// second of compile time a file each and gain nothing here: the kernels are bound by loads and FMAs.
#if defined(XMSDA_ONE_TARGET) && HWY_ARCH_X86
// The `dev-fast` preset on x86: AVX2 and the portable target, for quick builds.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3 | HWY_AVX3_DL)
#else
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#endif

// Also the portable target where the baseline is better than that: tests run on every target.
#define HWY_COMPILE_ALL_ATTAINABLE
