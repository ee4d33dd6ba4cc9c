#!/usr/bin/env bash
# Checks layout and style: lint.sh [--fix | --tidy]. --fix formats in place, --tidy runs clang-tidy (needs preset dev).
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

mapfile -t CPP < <(git ls-files '*.cc' '*.h')
mapfile -t PYTHON_FILES < <(git ls-files '*.py')

# The house rules that a program can check: a licence line at the top, and no file much beyond 600 lines.
check_files() {
  local file bad=0
  for file in "${CPP[@]}" "${PYTHON_FILES[@]}"; do
    [ -s "$file" ] || continue
    if ! head -n 25 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0'; then
      echo "$file: expected an SPDX line at the top, got none"
      bad=1
    fi
    if [ "$(wc -l <"$file")" -gt 650 ]; then
      echo "$file: expected at most 650 lines, got $(wc -l <"$file")"
      bad=1
    fi
  done
  return "$bad"
}

case "${1:-}" in
  --fix)
    clang-format-14 -i "${CPP[@]}"
    "$PYTHON" -m ruff format
    "$PYTHON" -m ruff check --fix
    ;;
  --tidy)
    # Half of Highway's headers would be checked once per target and file: the compiler's warnings must do for those.
    mapfile -t TIDY < <(git ls-files 'src/*.cc' 'tests/*.cc' ':!src/cpu' ':!tests/fuzz')
    printf '%s\0' "${TIDY[@]}" | xargs -0 -n 1 -P "$JOBS" clang-tidy-14 -p build/dev --quiet
    ;;
  "")
    check_files
    clang-format-14 --dry-run -Werror "${CPP[@]}"
    "$PYTHON" -m ruff format --check
    "$PYTHON" -m ruff check
    "$PYTHON" -m mypy
    ;;
  *) die "lint.sh: expected --fix, --tidy or nothing, got '$1'" ;;
esac
