#!/usr/bin/env bash
# Builds a copy of the source tree, installs it, deletes the copy, and makes examples/vector_add with what was installed,
# as a user would: install_test.sh BUILD SOURCE, with the compiler of the folder BUILD.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
build="$1" source="$2"

for name in $(compgen -e ASCSIM_ || true); do unset "$name"; done
unset CMAKE_PREFIX_PATH ascsim_DIR ascsim_ROOT
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

fail() {
  echo "install_test.sh: $1"
  exit 1
}

# run NAME COMMAND...: silent unless it fails.
run() {
  local name="$1"
  shift
  if ! "$@" >"$folder/$name.log" 2>&1; then
    cat "$folder/$name.log"
    fail "$* failed"
  fi
}

# contains FILE TEXT: a line of the file contains the text.
contains() {
  grep -qF -- "$2" "$1" || { cat "$1" && fail "expected a line with \"$2\""; }
}

cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }

# At -O0: a minute of CPU time instead of three. The prefix is given when it is installed, as the README offers, and what was there
# to build it with is gone when it runs.
cp -r "$source" "$folder/sim"
export CCACHE_BASEDIR="$folder" CCACHE_NOHASHDIR=1
run library_configure cmake -S "$folder/sim" -B "$folder/build" -DASCSIM_TESTS=OFF -DCMAKE_BUILD_TYPE=None \
  -DCMAKE_CXX_COMPILER="$(cached CMAKE_CXX_COMPILER)" \
  -DCMAKE_CXX_COMPILER_LAUNCHER="$(cached CMAKE_CXX_COMPILER_LAUNCHER)"
run library cmake --build "$folder/build" -j2
run install cmake --install "$folder/build" --prefix "$folder/prefix"
rm -rf "$folder/sim" "$folder/build"
cp -r "$source/examples/vector_add" "$folder/project"
# Neither the source tree nor the build folder may be what it is built with.
run configure cmake -S "$folder/project" -B "$folder/project/build" -DCMAKE_PREFIX_PATH="$folder/prefix"
grep -q "^ascsim_DIR:.*=$folder/prefix/" "$folder/project/build/CMakeCache.txt" ||
  fail "find_package found $(grep '^ascsim_DIR' "$folder/project/build/CMakeCache.txt")"
run build cmake --build "$folder/project/build"

cd "$folder"
ASCSIM_PROGRESS=0 project/build/vector_add >out 2>err || { cat out err && fail "vector_add ended with status $?"; }
contains out "vector_add: 1572864 of 1572864 values right"
contains err "ascsim: vector_add on 910b2 (simulated), block dimension 48, AIV only, 48 cores, checks: strict"
contains err "  time "
contains err "  bound by MTE2"
for queue in S V MTE2 MTE3; do contains err "  $queue  "; done
contains err "  GM to UB "
contains err "  UB to GM "
contains err "  broken rules: none"
# The same table as in the build, where the kernel's file has another path.
cat err out >got
diff -u "$source/examples/vector_add/expected.txt" got || fail "the table differs"

run machine env -C "$folder" prefix/bin/ascsim machine 910b2
ASCSIM_TRACE=trace.json ASCSIM_STATS=stats.json ASCSIM_REPORT=off project/build/vector_add >/dev/null
run report prefix/bin/ascsim report stats.json --trace trace.json
[ -s ascsim-report/report.html ] && [ -s ascsim-report/timeline.svg ] || fail "expected a page and a picture"
