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

# preset NAME CTEST_ARGUMENT...: configures, builds and tests one preset.
preset() {
  local name="$1"
  shift
  cmake --preset "$name" >"build/$name.log" 2>&1 || { cat "build/$name.log"; return 1; }
  cmake --build --preset "$name"
  ctest --preset "$name" "$@"
}

mkdir -p build
stage "setup" scripts/setup.sh test
stage "lint" scripts/lint.sh
stage "C++ under ASan and UBSan (dev)" preset dev
stage "clang-tidy" scripts/lint.sh --tidy
# Its shadow memory does not fit the address layouts that newer kernels choose at random.
stage "C++ threads under TSan (tsan)" setarch "$(uname -m)" -R bash -c "$(declare -f preset); set -e; preset tsan"
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
