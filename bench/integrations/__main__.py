"""`python -m bench.integrations`: rows with a bar each; JSON, and exit code 1 when a bar is missed.

SPDX-License-Identifier: Apache-2.0

A row is a function that measures contestants in turn, repetition by repetition, in one process, and compares their
results. A new row is an entry of `ROWS`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from bench.integrations import modules
from bench.integrations.row import Row

ROWS: dict[str, Callable[[int], list[Row]]] = {
    "fused-module": modules.fused_module,
    "end-to-end": modules.end_to_end,
}


def _line(row: Row) -> str:
    times = ", ".join(f"{name} {timing['median_ms']:.1f} ms" for name, timing in row.times.items())
    bar = "no bar" if row.bar is None else f"bar {row.bar:.2f}x, {'met' if row.met else 'MISSED'}"
    agreement = "" if row.agree else ", RESULTS DIFFER"
    return f"{row.name:28} {row.ratio:5.2f}x ({bar}): {times}{agreement}"


def main(argv: list[str] | None = None) -> int:
    """Measure, print a line for each row, write JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.integrations", description=__doc__)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--repetitions", type=int, default=9, help="of every contestant, in turn (default 9)")
    parser.add_argument("--threads", type=int, default=2, help="of torch (default 2)")
    parser.add_argument("--json", type=Path, default=Path("out/bench-integrations.json"))
    arguments = parser.parse_args(argv)
    if arguments.repetitions < 1 or arguments.threads < 1:
        parser.error("--repetitions, --threads: expected at least 1")
    torch.set_num_threads(arguments.threads)
    rows: list[Row] = []
    for name in arguments.rows:
        for row in ROWS[name](arguments.repetitions):
            print(_line(row), flush=True)
            rows.append(row)
    ok = all(row.met and row.agree for row in rows)
    record = {"ok": ok, "threads": arguments.threads, "rows": [asdict(row) | {"met": row.met} for row in rows]}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(record, indent=2) + "\n")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
