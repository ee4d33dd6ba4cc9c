"""Measure the bars of the integrations: `python -m bench.integrations [--json FILE] [--only NAME]`.

SPDX-License-Identifier: Apache-2.0

Exit code: 0 when every bar is met, 1 when one is missed or a row fails, 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import traceback
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import machine
from bench.integrations.rows import Row

# Modules with a list ROWS.
MODULES = ("bench.integrations.modules", "bench.integrations.onnx_rows")


def all_rows() -> list[Row]:
    """The rows of all modules."""
    return [row for name in MODULES for row in importlib.import_module(name).ROWS]


def select(rows: list[Row], only: list[str] | None) -> list[Row]:
    """Those whose name begins with one of `only`; ValueError when there is none."""
    if not only:
        return rows
    for name in only:
        if not any(row.name.startswith(name) for row in rows):
            raise ValueError(
                f"only: expected the beginning of one of {', '.join(row.name for row in rows)}, got {name!r}"
            )
    return [row for row in rows if row.name.startswith(tuple(only))]


def measure(row: Row) -> dict[str, Any]:
    """A record of the JSON file."""
    record: dict[str, Any] = {"name": row.name, "label": row.label}
    try:
        figures = row.measure()
    except Exception as error:  # the other rows are measured all the same
        traceback.print_exc()
        return record | {"met": False, "error": f"{type(error).__name__}: {error}"}
    bar = row.bar if figures.bar is None else figures.bar
    return record | {
        "baseline_ms": round(figures.baseline_ms, 4),
        "ours_ms": round(figures.ours_ms, 4),
        "ratio": round(figures.ratio, 3),
        "bar": None if bar is None else round(bar, 3),
        "met": bar is None or figures.ratio >= bar,
        "repetitions": figures.repetitions,
        "detail": figures.detail,
    }


def _table(records: list[dict[str, Any]]) -> Table:
    table = Table("row", "before, ms", "xmsda, ms", "ratio", "bar", "met", "")
    for one in records:
        if "error" in one:
            table.add_row(one["label"], "", "", "", "", "FAILED", one["error"])
            continue
        times = (f"{one['baseline_ms']:.4g}", f"{one['ours_ms']:.4g}", f"{one['ratio']:.2f}x")
        bar, met = "none", ""
        if one["bar"] is not None:
            bar, met = f"{one['bar']:.2f}x", "yes" if one["met"] else "MISSED"
        table.add_row(one["label"], *times, bar, met, one["detail"])
    return table


def main(argv: list[str] | None = None) -> int:
    """Run the rows."""
    parser = argparse.ArgumentParser(prog="bench.integrations", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--only", action="append", metavar="NAME", help="rows whose name begins so; may be repeated")
    arguments = parser.parse_args(argv)
    try:
        rows = select(all_rows(), arguments.only)
    except ValueError as error:
        print(f"bench.integrations: {error}", file=sys.stderr)
        return 2
    console = Console(width=None if sys.stdout.isatty() else 160)
    records = []
    for row in rows:
        records.append(measure(row))
        console.print(f"[{len(records)}/{len(rows)}] {row.label}", highlight=False)
    console.print(_table(records))
    if arguments.json is not None:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps({"machine": machine.describe(), "rows": records}, indent=1) + "\n")
    return 0 if all(one["met"] for one in records) else 1


if __name__ == "__main__":
    sys.exit(main())
