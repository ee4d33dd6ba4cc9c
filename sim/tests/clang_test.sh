#!/usr/bin/env bash
# Kernels and the headers they include with clang++-14, C++17 and C++20, the syntax alone: clang_test.sh SOURCE [COMPILER].
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
source="$1" compiler="${2:-clang++-14}"

failed=0
for standard in c++17 c++20; do
  # Warnings count: a user's project may well have -Werror.
  check=("$compiler" "-std=$standard" -fsyntax-only -Wall -Wextra -Werror -I "$source/include")
  for kernel in "$source"/examples/*/*.cpp "$source"/validation/*.cpp "$source"/tests/surface_kernel.cpp; do
    # Host programs need headers that the build generates.
    grep -q kernel_operator.h "$kernel" || continue
    "${check[@]}" -Wno-unused-parameter "$kernel" || failed=1
  done
  for header in kernel_operator.h acl/acl.h ascsim/ascsim.h ascsim/launch.h tikicpulib.h tiling/platform/platform_ascendc.h; do
    define=()
    # Meant for CPU debugging.
    [ "$header" != tikicpulib.h ] || define=(-DASCENDC_CPU_DEBUG=1)
    "${check[@]}" "${define[@]}" -x c++ - <<<"#include \"$header\"" || failed=1
  done
done
[ "$failed" -eq 0 ] || echo "clang_test.sh: $compiler refuses what is above"
exit "$failed"
