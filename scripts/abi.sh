#!/usr/bin/env bash
# Prints the symbols that a shared library exports, demangled: abi.sh LIBRARY. abi.sh --update builds the library and
# writes the list that the tests hold it to.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

# The node of the version script is among them: a line that says which version the list is of.
exported() { nm -D -C --defined-only --without-symbol-versions "$1" | cut -d' ' -f3- | LC_ALL=C sort -u; }

case "${1:-}" in
  --update)
    folder=build/package-abi
    export CCACHE_BASEDIR="$ROOT" CCACHE_NOHASHDIR=1
    mkdir -p build
    cmake -S . -B "$folder" -G Ninja -DBUILD_SHARED_LIBS=ON -DXMSDA_DRIVER=OFF >"build/abi.log" 2>&1 || {
      cat build/abi.log
      exit 1
    }
    cmake --build "$folder" --target xmsda_library
    exported "$folder/libxmsda.so" >tests/exported_symbols.txt
    git --no-pager diff --stat -- tests/exported_symbols.txt
    ;;
  "" | -*) die "abi.sh: expected a shared library or --update, got '${1:-}'" ;;
  *) exported "$1" ;;
esac
