#!/usr/bin/env bash
# Simulates the published figures by microbenchmark kernels and writes docs/validation.md. --check: only compares with it;
# --sensitivity: writes docs/validation-sensitivity.md, each constant changed in turn, which takes some minutes.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

# The pages tell of the tables as they are, whatever the caller tries.
for name in $(compgen -e ASCSIM_ || true); do unset "$name"; done

mkdir -p build out
if ! (cd sim && cmake --preset release -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >../build/sim.log 2>&1); then
  cat build/sim.log
  exit 1
fi
(cd sim && cmake --build --preset release --target ascsim_validate)
validate=build/sim-release/validation/ascsim_validate
case "${1:-}" in
  --check)
    "$validate" out/validation.md
    # The simulator is deterministic: the same tables give the same page.
    diff -u docs/validation.md out/validation.md || die "docs/validation.md: expected what make validate-sim writes"
    ;;
  --sensitivity) "$validate" --sensitivity docs/validation-sensitivity.md ;;
  "") "$validate" docs/validation.md ;;
  *) die "validate_sim.sh: expected --check, --sensitivity or nothing, got '$1'" ;;
esac
