#!/usr/bin/env bash
# Compares what a program prints, standard error before standard output, with a file: run_example.sh EXPECTED PROGRAM...
# With UPDATE_EXPECTED=1 in the environment the file is written instead.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
# The program may be that of another machine, behind its emulator.
expected="$1"
shift
program=("$@")

# Nothing of the caller's settings: the tables are those of the defaults.
for name in $(compgen -e ASCSIM_ || true); do unset "$name"; done
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
status=0
# A slow (sanitised) build would say how far it is.
ASCSIM_PROGRESS=0 "${program[@]}" >"$folder/out" 2>"$folder/err" || status=$?
cat "$folder/err" "$folder/out" >"$folder/got"
if [ "$status" -ne 0 ]; then
  cat "$folder/got"
  echo "${program[*]}: expected exit status 0, got $status"
  exit 1
fi
if grep -n ' $' "$folder/got"; then
  echo "$program: expected no line to end with a space"
  exit 1
fi
if [ "${UPDATE_EXPECTED:-0}" = 1 ]; then
  cp "$folder/got" "$expected"
  echo "$expected: written"
elif ! diff -u "$expected" "$folder/got"; then
  echo "$expected: expected these lines, got the ones with +; if the change is meant, update the file:" \
    "UPDATE_EXPECTED=1 ctest -R sim.example"
  exit 1
fi
