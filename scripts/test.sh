#!/usr/bin/env bash
# All that CI runs: lint, C++ tests under sanitizers, fuzzers, the cross build under emulation, then the Python tests.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

LONG="${LONG:-0}"
export ASAN_OPTIONS="strict_string_checks=1:detect_stack_use_after_return=1:check_initialization_order=1"
export UBSAN_OPTIONS="print_stacktrace=1"
export TSAN_OPTIONS="halt_on_error=1"
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false

configure_and_build() {
  if ! cmake --preset "$1" >"build/$1.log" 2>&1; then
    cat "build/$1.log"
    return 1
  fi
  cmake --build --preset "$1"
}

preset() {
  configure_and_build "$1"
  ctest --preset "$1"
}

# ThreadSanitizer's shadow memory does not fit every address layout that newer kernels choose at random.
preset_tsan() {
  local fixed_layout=()
  ! setarch "$(uname -m)" -R true 2>/dev/null || fixed_layout=(setarch "$(uname -m)" -R)
  configure_and_build tsan
  "${fixed_layout[@]}" ctest --preset tsan
}

mkdir -p build
stage "setup" scripts/setup.sh test
stage "lint" scripts/lint.sh
stage "C++ under ASan and UBSan (dev)" preset dev
stage "clang-tidy" scripts/lint.sh --tidy
stage "C++ threads under TSan (tsan)" preset_tsan
stage "fuzzers (fuzz)" preset fuzz
if [ "$(uname -m)" = x86_64 ]; then
  stage "64-bit Arm under qemu (arm64)" preset arm64
else
  say "64-bit Arm under qemu: skipped, this machine is $(uname -m)"
fi
stage "Python package" scripts/build.sh
stage_times

say "Python tests"
if [ "$LONG" = 1 ]; then select=(); else select=(-m "not slow"); fi
exec "$PYTHON" -m pytest -n "$JOBS" "${select[@]}"
