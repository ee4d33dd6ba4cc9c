#!/usr/bin/env bash
# Builds the driver and the microbenchmarks and runs a module that simulates with them: reproduce.sh MODULE [option...]
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

mkdir -p build
if ! cmake --preset reproduce -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >build/reproduce.log 2>&1; then
  cat build/reproduce.log
  exit 1
fi
cmake --build build/reproduce --target xmsda_driver xmsda_ascend_micro ascsim_tool
exec "$PYTHON" -m "$@"
