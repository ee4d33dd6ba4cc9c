# Sourced by the other scripts: messages, stages with their times, checksums.
# SPDX-License-Identifier: Apache-2.0

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
PYTHON="$ROOT/.venv/bin/python"
JOBS="${JOBS:-$(nproc)}"
export CMAKE_BUILD_PARALLEL_LEVEL="$JOBS" CTEST_PARALLEL_LEVEL="$JOBS"
STAGE_TIMES=""

say() { printf '\n== %s\n' "$*"; }

die() {
  printf '\nFAILED: %s\n' "$*" >&2
  exit 1
}

# stage NAME COMMAND...: runs a command, tells its time, ends everything when it fails.
stage() {
  local name="$1" start=$SECONDS line status=0
  shift
  say "$name"
  # Not in an if or with ||: a function that is called there no longer stops at its first failing command.
  set +e
  ( set -e; "$@" )
  status=$?
  set -e
  [ "$status" -eq 0 ] || die "stage '$name' after $((SECONDS - start)) s, exit status $status"
  printf -v line '%-34s %5d s\n' "$name" "$((SECONDS - start))"
  printf -- '-- done: %s' "$line"
  STAGE_TIMES+="$line"
}

stage_times() {
  say "time per stage"
  printf '%s%-34s %5d s\n' "$STAGE_TIMES" "so far" "$SECONDS"
}

# checksum PATH...: one hash over the contents of files and folders.
checksum() {
  find "$@" -type f -not -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}
