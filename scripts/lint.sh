#!/usr/bin/env bash
# Checks layout and style: lint.sh [--fix | --tidy]. --fix formats in place, --tidy runs clang-tidy on what is built.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

mapfile -t CPP < <(git ls-files '*.cc' '*.h')
mapfile -t PYTHON_FILES < <(git ls-files '*.py')

# check_files LINE PATTERN FILE...: the house rules that a program can check: a licence line below the one that says what
# the file is for, and no file much beyond 600 lines.
check_files() {
  local line="$1" pattern="$2" file bad=0
  shift 2
  for file in "$@"; do
    [ -s "$file" ] || continue
    if ! sed -n "${line}p" "$file" | grep -qx "$pattern"; then
      echo "$file:$line: expected the SPDX line, got: $(sed -n "${line}p" "$file")"
      bad=1
    fi
    if [ "$(wc -l <"$file")" -gt 650 ]; then
      echo "$file: expected at most 650 lines, got $(wc -l <"$file")"
      bad=1
    fi
  done
  return "$bad"
}

# tidy BUILD_FOLDER FILE...: needs the folder's list of compile commands.
tidy() {
  local folder="$1"
  shift
  if [ ! -e "$folder/compile_commands.json" ]; then
    die "clang-tidy: expected $folder to be configured (scripts/test.sh does it), to check: $*"
  fi
  printf '%s\0' "$@" | xargs -0 -n 1 -P "$JOBS" clang-tidy-14 -p "$folder" --quiet
}

case "${1:-}" in
  --fix)
    clang-format-14 -i "${CPP[@]}"
    "$PYTHON" -m ruff format
    "$PYTHON" -m ruff check --fix
    ;;
  --tidy)
    # Half of Highway's headers would be checked once per target and kernel: the compiler's warnings must do for those.
    mapfile -t MAIN < <(git ls-files 'src/*.cc' 'tests/*.cc' ':!src/cpu/*_kernels.cc' ':!tests/fuzz' ':!tests/subproject')
    mapfile -t FUZZ < <(git ls-files 'tests/fuzz/*.cc')
    mapfile -t BINDINGS < <(git ls-files 'bindings/*.cc')
    tidy build/dev "${MAIN[@]}"
    tidy build/fuzz "${FUZZ[@]}"
    tidy build/python "${BINDINGS[@]}"
    ;;
  "")
    check_files 2 '// SPDX-License-Identifier: Apache-2.0' "${CPP[@]}"
    check_files 3 'SPDX-License-Identifier: Apache-2.0' "${PYTHON_FILES[@]}"
    clang-format-14 --dry-run -Werror "${CPP[@]}"
    "$PYTHON" -m ruff format --check
    "$PYTHON" -m ruff check
    "$PYTHON" -m mypy
    ;;
  *) die "lint.sh: expected --fix, --tidy or nothing, got '$1'" ;;
esac
