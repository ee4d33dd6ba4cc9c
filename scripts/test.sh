#!/usr/bin/env bash
# All that CI runs: lint, C++ tests under sanitizers, fuzzers, the cross build under emulation, then the Python tests.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

# LONG=1: more fuzzing, more random problems (the Python tests read LONG, too), the simulator's bars of speed and its
# examples on 64-bit Arm, and the Python tests marked slow.
FUZZ_SECONDS=90
SIM_FUZZ_SECONDS=45
# loadfile: the tests of a file, which share a training of the demonstration or a wheel, stay in one process. (The
# groups of pytest-xdist 3.8 do nothing under pytest 9.2.)
PYTEST=(-n "$JOBS" --dist loadfile -m "not slow")
if [ "${LONG:-0}" = 1 ]; then
  FUZZ_SECONDS=600
  SIM_FUZZ_SECONDS=600
  export XMSDA_TEST_SECONDS=300 XMSDA_TEST_ALL_SIMULATED=1
  PYTEST=(-n "$JOBS" --dist loadfile)
fi
# One object for builds in several folders.
export CCACHE_BASEDIR="$ROOT" CCACHE_NOHASHDIR=1
export ASAN_OPTIONS="strict_string_checks=1:detect_stack_use_after_return=1:check_initialization_order=1"
export UBSAN_OPTIONS="print_stacktrace=1"
export TSAN_OPTIONS="halt_on_error=1"
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false

# configure_and_build PRESET CMAKE_ARGUMENT...
configure_and_build() {
  local name="$1"
  shift
  if ! cmake --preset "$name" "$@" >"build/$name.log" 2>&1; then
    cat "build/$name.log"
    return 1
  fi
  cmake --build --preset "$name"
}

# preset PRESET CMAKE_ARGUMENT...: configures, builds and tests.
preset() {
  configure_and_build "$@"
  ctest --preset "$1"
}

# simulator_configure PRESET CMAKE_ARGUMENT...: of the simulator, a project of its own.
simulator_configure() {
  local name="$1"
  shift
  if ! (cd sim && cmake --preset "$name" "$@" -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >../build/sim.log 2>&1); then
    cat build/sim.log
    return 1
  fi
}

# simulator PRESET CMAKE_ARGUMENT...: configures, builds and tests.
simulator() {
  simulator_configure "$@"
  (cd sim && cmake --build --preset "$1" && ctest --preset "$1")
}

# Bars of speed and memory, which want a machine that does nothing else.
simulator_speed() {
  simulator_configure release
  (cd sim && cmake --build --preset release --target ascsim_speed)
  build/sim-release/bench/ascsim_speed --check
}

# The examples print the same tables there, to the letter.
simulator_arm64() {
  local targets=() example
  for example in sim/examples/*/expected.txt; do targets+=("example_$(basename "$(dirname "$example")")"); done
  simulator_configure arm64
  (cd sim && cmake --build --preset arm64 --target "${targets[@]}" && ctest --preset arm64 -R '^sim\.example\.')
}

# ThreadSanitizer's shadow memory does not fit every address layout that newer kernels choose at random.
preset_tsan() {
  local fixed_layout=()
  ! setarch "$(uname -m)" -R true 2>/dev/null || fixed_layout=(setarch "$(uname -m)" -R)
  configure_and_build tsan
  "${fixed_layout[@]}" ctest --preset tsan
}

# The driver on processors that lack one of the features that the AVX2 kernels use: sanitizers do not run there.
cpu_features() {
  configure_and_build release
  ctest --preset release -R '^driver_without_'
}

# What a build for a device compiles, with the simulator behind the toolkit's names.
cann() {
  cmake -S . -B build/cann -G Ninja -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DXMSDA_WERROR=ON -DXMSDA_DRIVER=OFF \
    -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_FLAGS_RELEASE=-O3 -g1 -DNDEBUG" \
    "-DXMSDA_CANN=$ROOT/tests/cann_toolkit" >build/cann.log 2>&1 || {
    cat build/cann.log
    return 1
  }
  cmake --build build/cann --target xmsda_ascend_host
}

mkdir -p build
stage "setup" scripts/setup.sh test
stage "lint" scripts/lint.sh
stage "C++ under ASan and UBSan (dev)" preset dev
stage "C++ threads under TSan (tsan)" preset_tsan
stage "fuzzers (fuzz)" preset fuzz "-DXMSDA_FUZZ_SECONDS=$FUZZ_SECONDS"
if [ "$(uname -m)" = x86_64 ]; then
  stage "64-bit Arm under qemu (arm64)" preset arm64
else
  say "64-bit Arm under qemu: skipped, this machine is $(uname -m)"
fi
stage "simulator under ASan and UBSan (sim)" simulator dev
stage "simulator's fuzzer (sim, fuzz)" simulator fuzz "-DASCSIM_FUZZ_SECONDS=$SIM_FUZZ_SECONDS"
stage "simulator against published figures" scripts/validate_sim.sh --check
[ "${LONG:-0}" != 1 ] || stage "speed and memory of the simulator" simulator_speed
stage "Ascend host code as for a device (cann)" cann
[ "${LONG:-0}" != 1 ] || [ "$(uname -m)" != x86_64 ] || stage "simulator under qemu (sim, arm64)" simulator_arm64
[ "$(uname -m)" != x86_64 ] || stage "CPU features one by one under qemu (release)" cpu_features
stage "Python package" env XMSDA_WERROR=ON XMSDA_ASCEND=ON XMSDA_ONNX_REQUIRED=ON scripts/build.sh
# Reads the compile commands of dev, fuzz and the package.
stage "clang-tidy" scripts/lint.sh --tidy
stage_times

say "Python tests"
exec "$PYTHON" -m pytest "${PYTEST[@]}"
