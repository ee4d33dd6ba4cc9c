"""Measure xmsda and its peers: `python -m bench --help`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from rich.console import Console

from bench import implementations, machine, memory, plots, report, results, workloads
from bench.implementations import Implementation
from bench.inputs import PATTERNS, Inputs, make_inputs
from bench.measure import Entry, Plan, measure_cell
from bench.results import Run
from bench.workloads import Workload

_QUICK_ROWS = ["mmcv-unit", "rtdetr-dec", "rfdetr-dec", "detr-dec", "detr-enc"]
# The rows and patterns that the bars quote by name get more repetitions of the slow peers.
_QUOTED = ("detr-enc", "local")
_MEMORY_ROWS = ("detr-enc", "detr-dec")
# A process of its own for each: mostly importing and making inputs.
_MEMORY_SECONDS = 9

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """What to measure."""

    rows: list[Workload]
    impls: list[Implementation]
    threads: list[int]
    samplings: list[str]
    minutes: float
    quick: bool
    memory: bool


def _comma_list(convert: Callable[[str], T]) -> Callable[[str], list[T]]:
    def read(text: str) -> list[T]:
        try:
            return [convert(item) for item in text.split(",")]
        except ValueError:
            kind = "whole numbers" if convert is int else "names"
            raise argparse.ArgumentTypeError(f"expected {kind} separated by commas, got {text!r}") from None

    return read


class _Parser(argparse.ArgumentParser):
    """A wrong option gives one line, without the usage, and exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="bench", description="xmsda against its peers, in one run.")
    parser.add_argument("--quick", action="store_true", help="five rows, few repetitions: two minutes")
    parser.add_argument("--rows", type=_comma_list(str), help="names, separated by commas; see --list")
    parser.add_argument("--impl", type=_comma_list(str), help="names, separated by commas; see --list")
    parser.add_argument("--threads", type=_comma_list(int), default=[1, 2], help="default: 1,2")
    parser.add_argument("--sampling", type=_comma_list(str), help=f"of {', '.join(PATTERNS)}; default: local,uniform")
    parser.add_argument("--minutes", type=float, help="time to aim at; default: 40, with --quick 2")
    parser.add_argument("--output", type=Path, default=Path("out/bench"), help="default: out/bench")
    parser.add_argument("--publish", action="store_true", help="write docs/results/cpu.* too")
    parser.add_argument("--enforce", action="store_true", help="exit with 1 when a bar is missed")
    parser.add_argument("--no-memory", action="store_true", help="leave out peak memory")
    parser.add_argument("--report", type=Path, help="measure nothing, report on this JSON file")
    parser.add_argument("--list", action="store_true", help="list rows and implementations")
    return parser.parse_args(argv)


def _settings(arguments: argparse.Namespace) -> Settings:
    quick = arguments.quick
    names = arguments.impl
    if names is None and quick:
        # Compiling takes longer than everything else together.
        names = [one.name for one in implementations.IMPLEMENTATIONS if one.name != "compile"]
    samplings = arguments.sampling or (["local"] if quick else ["local", "uniform"])
    for sampling in samplings:
        if sampling not in PATTERNS:
            raise ValueError(f"sampling: expected one of {', '.join(PATTERNS)}, got {sampling!r}")
    if min(arguments.threads) < 1:
        raise ValueError(f"threads: expected positive numbers, got {arguments.threads}")
    return Settings(
        workloads.select(arguments.rows or (_QUICK_ROWS if quick else None)),
        implementations.select(names),
        arguments.threads,
        samplings,
        arguments.minutes or (2 if quick else 40),
        quick,
        not arguments.no_memory,
    )


def _weight(workload: Workload, threads: int) -> float:
    """About the seconds of one turn of all implementations, for sharing out the time."""
    problem = workload.problem
    return 3 + 8 * problem.samples * problem.channels / 32e6 / (1 if threads == 1 else 1.6)


class _Clock:
    """Shares out the time that is left among the cells that are left."""

    def __init__(self, settings: Settings) -> None:
        self.started = time.monotonic()
        self.end = self.started + settings.minutes * 60 - _MEMORY_SECONDS * len(_memory_jobs(settings))
        pairs = [(row, threads) for row in settings.rows for threads in settings.threads]
        self.weight = sum(_weight(*pair) for pair in pairs) * len(settings.samplings)

    def plan(self, workload: Workload, sampling: str, threads: int, warmed_up: bool, quick: bool) -> Plan:
        weight = _weight(workload, threads)
        pace = max(0.0, self.end - time.monotonic()) / self.weight
        self.weight -= weight
        quoted = (workload.name, sampling) == _QUOTED and not quick
        return Plan(pace * weight, 5 if quoted else 3 if pace > 1.5 and not quick else 2, warmed_up)

    def text(self) -> str:
        now = time.monotonic()
        return f"{(now - self.started) / 60:.1f} min, about {max(0.0, self.end - now) / 60:.0f} left"


def _cell_line(run: Run, entries: list[Entry]) -> str:
    """What a cell came to, in one line."""
    first = entries[0]
    cell = (first.row, first.sampling, first.threads)
    parts = []
    for name, label in (("forward", "fwd"), ("forward_backward", "fwd+bwd")):
        ours = run.median(*cell, "xmsda", name)
        best = run.best_peer(*cell, name)
        times = [f"xmsda {ours:.3g}"] if ours else []
        times += [f"best peer {best[0]} {best[1]:.3g}"] if best else []
        ratio = run.over(*cell, name)
        doubt = "?" if run.uncertain(*cell, name) else ""
        parts.append(f"{label} {', '.join(times)} ms" + (f" = {ratio:.1f}x{doubt}" if ratio else ""))
    bad = [entry.impl for entry in entries if entry.status in ("failed", "mismatch")]
    return "; ".join(parts) + (f"; BROKEN: {', '.join(bad)}" if bad else "")


def _bounds(console: Console, run: Run, program: Path | None, threads: list[int], milliseconds: int) -> None:
    if program is None:
        return
    try:
        rates = machine.measure_rates(program, max(threads), milliseconds)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        console.print(f"bounds of the machine: {error}", highlight=False)
        return
    run.rates = machine.merge_rates(run.rates, rates) if run.rates else rates


def _row_inputs(workload: Workload, samplings: list[str]) -> dict[str, Inputs]:
    return {sampling: make_inputs(workload, sampling) for sampling in samplings}


def measure(console: Console, settings: Settings, partial: Path) -> Run:
    """Measure all cells, the rates of the machine between them, and memory in the end; `partial` keeps what is done."""
    partial.parent.mkdir(parents=True, exist_ok=True)
    run = Run(machine=machine.describe())
    program: Path | None = None
    try:
        program = machine.build_bounds()
    except RuntimeError as error:
        console.print(f"bounds of the machine: not built: {error}", highlight=False)
    _bounds(console, run, program, settings.threads, 100)
    clock = _Clock(settings)
    total, done = len(settings.rows) * len(settings.threads) * len(settings.samplings), 0
    for workload in settings.rows:
        inputs = _row_inputs(workload, settings.samplings)
        _bounds(console, run, program, settings.threads, 30)
        for threads in settings.threads:
            for sampling in settings.samplings:
                warmed_up = sampling != settings.samplings[0]
                plan = clock.plan(workload, sampling, threads, warmed_up, settings.quick)
                entries = measure_cell(workload, sampling, threads, inputs[sampling], settings.impls, plan)
                run.entries += entries
                run.save(partial)
                done += 1
                head = f"[{done}/{total}] {workload.name} {sampling}, {threads} thread{'s' if threads > 1 else ''}"
                console.print(f"{head}: {_cell_line(run, entries)} ({clock.text()})", highlight=False)
        del inputs
    _bounds(console, run, program, settings.threads, 100)
    _memory(console, run, settings)
    return run


def _memory_jobs(settings: Settings) -> list[tuple[Workload, Implementation]]:
    if not settings.memory:
        return []
    return [
        (row, implementation)
        for row in settings.rows
        if row.name in _MEMORY_ROWS
        for implementation in settings.impls
        if not (settings.quick and implementation.peer) and implementation.unable(row.problem) is None
    ]


def _memory(console: Console, run: Run, settings: Settings) -> None:
    for row, implementation in _memory_jobs(settings):
        console.print(f"memory: {row.name}, {implementation.label}", highlight=False)
        run.memory.append(memory.measure(row.name, implementation, max(settings.threads)))


def _write(run: Run, folder: Path, stem: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [folder / f"{stem}-speedup.png", folder / f"{stem}-bound.png"]
    plots.plot_speedup(run, pictures[0])
    if run.rates:
        plots.plot_bounds(run, pictures[1])
    else:
        del pictures[1]
    json_file, page = folder / f"{stem}.json", folder / f"{stem}.md"
    run.save(json_file)
    notes = folder / f"{stem}-notes.md"
    page.write_text(report.markdown_report(run, pictures, notes.read_text() if notes.exists() else ""))
    return [page, json_file, *pictures]


def _list(console: Console) -> None:
    for workload in workloads.WORKLOADS:
        console.print(f"{workload.name:16} {workload.text}  {workload.source}", highlight=False, soft_wrap=True)
    console.print()
    for implementation in implementations.IMPLEMENTATIONS:
        console.print(f"{implementation.name:16} {implementation.label}", highlight=False)


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; 0 when nothing broke, 1 when something did, 2 for wrong arguments."""
    arguments = _arguments(argv)
    console = Console(width=None if sys.stdout.isatty() else 200)
    if arguments.list:
        _list(console)
        return 0
    try:
        loaded = results.load(arguments.report) if arguments.report else None
        settings = _settings(arguments)
    except (ValueError, FileNotFoundError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    run = (loaded or measure(console, settings, arguments.output / "cpu-partial.json")).rounded()
    report.print_report(console, run)
    files = _write(run, arguments.output, "cpu")
    if arguments.publish:
        files += _write(run, machine.ROOT / "docs" / "results", "cpu")
    for path in files:
        console.print(f"wrote {path}", highlight=False)
    broken = run.broken()
    for line in broken:
        console.print(f"BROKEN: {line}", highlight=False, style="red")
    missed = [bar for bar in results.bars(run) if bar.met is False]
    return 1 if broken or (arguments.enforce and missed) else 0


if __name__ == "__main__":
    sys.exit(main())
