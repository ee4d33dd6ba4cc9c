#!/usr/bin/env bash
# The command line tool, on what examples write: cli_test.sh ASCSIM VECTOR_ADD BROKEN.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
ascsim="$1" vector_add="$2" broken="$3"

for name in $(compgen -e ASCSIM_ || true); do unset "$name"; done
export ASCSIM_PROGRESS=0
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
  echo "cli_test.sh: $1"
  exit 1
}

# expect STATUS COMMAND...: out and err have what it prints.
expect() {
  local expected="$1" status=0
  shift
  "$@" >out 2>err || status=$?
  [ "$status" -eq "$expected" ] || { cat out err && fail "$*: expected exit status $expected, got $status"; }
}

# refuses TEXT COMMAND...: exit status 2, nothing on standard output, one line on standard error, with the text.
refuses() {
  local text="$1"
  shift
  expect 2 "$@"
  [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ] && grep -qF -- "$text" err ||
    { cat out err && fail "$*: expected one line with \"$text\""; }
}

# contains FILE TEXT...
contains() {
  local file="$1" text
  shift
  for text in "$@"; do
    grep -qF -- "$text" "$file" || fail "$file: expected \"$text\", got: $(head -c 2000 "$file")"
  done
}

# Well-formed XML, as browsers want it of a picture.
well_formed() {
  python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$1" || fail "$1 is not well-formed"
}

ASCSIM_REPORT=off ASCSIM_STATS=stats.json ASCSIM_TRACE=trace.json expect 0 "$vector_add"
expect 0 "$ascsim" report stats.json --trace trace.json
contains out ascsim-report/report.html ascsim-report/timeline.svg
contains ascsim-report/report.html "<h2>vector_add</h2>" "bound by MTE2" "GM to UB" "Broken rules: none" "<svg" "</html>"
contains ascsim-report/timeline.svg "vector_add: AIV 0" "vector_add: AIV 2" "MTE3 busy" "CopyGmToUb, " "</svg>"
grep -q "AIV 3" ascsim-report/timeline.svg && fail "expected three cores"
grep -q "broken rule" ascsim-report/timeline.svg && fail "expected no broken rule"
well_formed ascsim-report/timeline.svg
expect 0 "$ascsim" report stats.json --trace trace.json --cores 1 --from 2 --to 3 -o part
well_formed part/timeline.svg
[ "$(wc -c <part/timeline.svg)" -lt "$(wc -c <ascsim-report/timeline.svg)" ] || fail "expected a smaller picture of a part"
expect 0 "$ascsim" report stats.json -o tables
[ -s tables/report.html ] && [ ! -e tables/timeline.svg ] || fail "expected a page without a picture"

expect 0 "$broken"
cp out rules
expect 0 "$ascsim" rules
tail -n +2 out | cut -d ' ' -f 1 | diff rules - || fail "expected a broken kernel for every rule of: ascsim rules"
while read -r rule; do
  # Most of these kernels are one core; the trace has the mark.
  ASCSIM_STATS=stats-$rule.json ASCSIM_TRACE=trace-$rule.json expect 2 "$broken" "$rule"
  contains err "  error: $rule in $rule, AI"
  expect 0 "$ascsim" report "stats-$rule.json" -o "$rule"
  contains "$rule/report.html" "<td class=\"error\">$rule</td>" "broken/broken.cpp:" ", block 0"
done <rules
contains race-raw/report.html "AIV 0, block 0</td><td class=\"text\">UB [0x"
expect 0 "$ascsim" report stats-race-raw.json --trace trace-race-raw.json -o race-raw
contains race-raw/timeline.svg "broken rule" "race-raw"
well_formed race-raw/timeline.svg
refuses "expected a rule" "$broken" no-such-rule
ASCSIM_CHECK=sometimes refuses ASCSIM_CHECK "$broken" race-raw

refuses "absent.json: expected a file" "$ascsim" report absent.json
refuses "trace.json: expected statistics" "$ascsim" report trace.json
refuses "stats.json: expected a trace that ASCSIM_TRACE wrote" "$ascsim" report stats.json --trace stats.json -o no
refuses "expected the events of launch 2, got none" "$ascsim" report stats.json --trace trace.json --launch 2 -o no
refuses "expected a time span within" "$ascsim" report stats.json --trace trace.json --from 3 --to 2 -o no
printf '{"ascsim":1,\n"launches":[' >cut.json
refuses "cut.json: expected JSON, got: " "$ascsim" report cut.json -o no
echo '{"ascsim":1,"launches":[{"summary":3}]}' >wrong.json
refuses "wrong.json: expected statistics" "$ascsim" report wrong.json -o no
echo '[1]' >list.json
refuses "list.json: expected statistics" "$ascsim" report list.json -o no
printf '\xff\xfe' >binary.json
refuses "binary.json: expected JSON" "$ascsim" report binary.json -o no
[ ! -e no ] || fail "expected no folder when the input is refused"
refuses "stats.json/report.html: cannot be written" "$ascsim" report stats.json -o stats.json
expect 2 "$ascsim"
expect 2 "$ascsim" report
expect 2 "$ascsim" report stats.json --cores none
expect 0 "$ascsim" --help

expect 0 "$ascsim" machine
for chip in 910b1 910b2 910b3 910b4; do grep -qx "$chip" out || fail "expected $chip among: $(cat out)"; done
expect 0 "$ascsim" machine 910b2
contains out "cycles" "measured" "documented" "assumed"
refuses 'unknown chip "910b9"' "$ascsim" machine 910b9
echo 'clock = 1' >odd.toml
refuses "odd.toml" "$ascsim" machine odd.toml
