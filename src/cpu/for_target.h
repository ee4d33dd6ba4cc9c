// Calls a function of one target's namespace, chosen at run time; for the HWY_ONCE part of SIMD sources.
// SPDX-License-Identifier: Apache-2.0
#pragma once

// Highway compiles a source once per target into namespaces N_AVX2, N_AVX3, ...; which of them exist is known to the
// preprocessor only, hence the macros.
#if HWY_TARGETS & HWY_AVX3
#define XMSDA_CASE_AVX3(F, ...) \
  case Target::kAvx512:         \
    return N_AVX3::F(__VA_ARGS__);
#else
#define XMSDA_CASE_AVX3(F, ...)
#endif
#if HWY_TARGETS & HWY_AVX2
#define XMSDA_CASE_AVX2(F, ...) \
  case Target::kAvx2:           \
    return N_AVX2::F(__VA_ARGS__);
#else
#define XMSDA_CASE_AVX2(F, ...)
#endif
#if HWY_TARGETS & HWY_NEON
#define XMSDA_CASE_NEON(F, ...) \
  case Target::kNeon:           \
    return N_NEON::F(__VA_ARGS__);
#else
#define XMSDA_CASE_NEON(F, ...)
#endif
#if HWY_TARGETS & HWY_SVE
#define XMSDA_CASE_SVE(F, ...) \
  case Target::kSve:           \
    return N_SVE::F(__VA_ARGS__);
#else
#define XMSDA_CASE_SVE(F, ...)
#endif
#if HWY_TARGETS & HWY_EMU128
#define XMSDA_CASE_PORTABLE(F, ...) \
  case Target::kPortable:           \
    return N_EMU128::F(__VA_ARGS__);
#elif HWY_TARGETS & HWY_SCALAR
#define XMSDA_CASE_PORTABLE(F, ...) \
  case Target::kPortable:           \
    return N_SCALAR::F(__VA_ARGS__);
#else
#define XMSDA_CASE_PORTABLE(F, ...)
#endif

// A function body: returns F(...) of `target`, or `otherwise` when this build does not contain that target.
#define XMSDA_RETURN_FOR_TARGET(target, otherwise, F, ...) \
  switch (target) {                                        \
    XMSDA_CASE_AVX3(F, __VA_ARGS__)                        \
    XMSDA_CASE_AVX2(F, __VA_ARGS__)                        \
    XMSDA_CASE_NEON(F, __VA_ARGS__)                        \
    XMSDA_CASE_SVE(F, __VA_ARGS__)                         \
    XMSDA_CASE_PORTABLE(F, __VA_ARGS__)                    \
    default:                                               \
      return otherwise;                                    \
  }
