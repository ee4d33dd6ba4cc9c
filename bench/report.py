"""Tables on the terminal and in Markdown.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.implementations import IMPLEMENTATIONS
from bench.machine import memory_bytes
from bench.measure import PASSES, Entry
from bench.problem import parse
from bench.results import CROWDED, UNCERTAIN, Bar, Run, bars, below, spread

_PASS_LABELS = {"forward": "fwd", "backward": "bwd", "forward_backward": "fwd+bwd"}


def _milliseconds(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _time(entry: Entry | None, name: str) -> str:
    """Median and half the interquartile range in percent of it, or n when there are too few for one."""
    if entry is None:
        return ""
    if name not in entry.passes:
        return "-" if entry.status in ("ok", "n/a") else entry.status
    one = entry.passes[name]
    text = f"{_milliseconds(one['median_ms'])} " + (
        f"±{spread(one) * 100:.0f}%" if one["n"] >= 3 else f"(n={one['n']})"
    )
    return text if entry.status == "ok" else f"{text} {entry.status}"


def _count(threads: int) -> str:
    return f"{threads} thread{'s' if threads > 1 else ''}"


def _ratio(value: float | None) -> str:
    if value is None:
        return "-"
    if value < 10:
        return f"{value:.2f}x"
    return f"{value:.1f}x" if value < 100 else f"{value:.0f}x"


def _ratio_over(run: Run, cell: tuple[str, str, int, str], peer: str) -> str:
    value = run.over(*cell, peer)
    return _ratio(value) + ("?" if value is not None and run.uncertain(*cell, peer) else "")


def _others(run: Run) -> str:
    """What a reader must know of the other processes of the machine."""
    shares = [entry.others for entry in run.entries if entry.others is not None]
    if not shares:
        return ""
    low, high = min(shares) * 100, max(shares) * 100
    text = f"Other processes used {low:.0f} to {high:.0f} % of the CPUs meanwhile"
    return text + (": measure again on an idle machine." if high > CROWDED * 100 else ".")


def _labels(run: Run) -> dict[str, str]:
    present = {entry.impl for entry in run.entries}
    return {one.name: one.label for one in IMPLEMENTATIONS if one.name in present}


def table_lines(run: Run, sampling: str, threads: int) -> tuple[list[str], list[list[str]]]:
    """Header and lines of one table: a line per row and pass."""
    labels = _labels(run)
    header = ["row", "pass", *labels.values(), "over grid_sample", "over best peer", "of bound"]
    lines = []
    for row, cell_sampling, cell_threads in run.cells():
        if (cell_sampling, cell_threads) != (sampling, threads):
            continue
        for name in PASSES:
            line = [row if name == PASSES[0] else "", _PASS_LABELS[name]]
            line += [_time(run.find(row, sampling, threads, impl), name) for impl in labels]
            cell = (row, sampling, threads, name)
            best = run.best_peer(*cell)
            best_text = _ratio_over(run, cell, "best")
            if best is not None and best_text != "-":
                best_text += f" ({best[0]})"
            ours = run.find(row, sampling, threads, "xmsda")
            fraction = run.fraction_of_bound(ours, name) if ours is not None else None
            line += [
                _ratio_over(run, cell, "grid_sample"),
                best_text,
                "-" if fraction is None else f"{fraction * 100:.0f}%",
            ]
            lines.append(line)
    return header, lines


def bar_lines(run: Run) -> tuple[list[str], list[list[str]]]:
    """Header and lines of the table of bars."""

    def number(bar: Bar, value: float | None) -> str:
        if value is None:
            return "-"
        return f"{value:.0f} MB" if bar.unit == "MB" else _ratio(value)

    header = ["", "bar", "aim", "measured", "", "where"]
    return header, [
        [bar.text, number(bar, bar.bar), number(bar, bar.aim), number(bar, bar.measured), bar.verdict, bar.detail]
        for bar in bars(run)
    ]


def _memory_lines(run: Run) -> tuple[list[str], list[list[str]]]:
    header = ["row", "implementation", "threads", "pass", "outputs and gradients", "extra at the peak"]
    lines = []
    for record in run.memory:
        where = [record["row"], record["impl"], str(record["threads"])]
        if "error" in record:
            lines.append([*where, "-", "-", record["error"]])
            continue
        mega = [f"{record['returned_mb']:.0f} MB", f"{record['extra_mb']:.0f} MB"]
        lines.append([*where, _PASS_LABELS[record["passes"]], *mega])
    return header, lines


def _rate_lines(run: Run) -> tuple[list[str], list[list[str]]]:
    threads = [key for key in run.rates if key.isdigit()]
    labels = {
        "l1_vector_loads_per_s": ("L1, vectors loaded", 1e9, "G/s"),
        "broadcasts_per_s": ("L1, floats broadcast", 1e9, "G/s"),
        "vector_fmas_per_s": ("vector multiply-adds", 1e9, "G/s"),
        "l2_bytes_per_s": ("L2, read", 1e9, "GB/s"),
        "memory_read_bytes_per_s": ("memory, read", 1e9, "GB/s"),
        "memory_triad_bytes_per_s": ("memory, triad", 1e9, "GB/s"),
    }
    header = ["", *(_count(int(count)) for count in threads)]
    return header, [
        [label, *(f"{run.rates[count][key] / scale:.3g} {unit}" for count in threads)]
        for key, (label, scale, unit) in labels.items()
    ]


def _unable(run: Run) -> list[str]:
    """Why implementations are missing from rows, each reason once."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for entry in run.entries:
        if entry.status == "n/a":
            rows = reasons.setdefault((entry.label, entry.reason), [])
            if entry.row not in rows:
                rows.append(entry.row)
    return [f"{label}: {reason} ({', '.join(rows)})" for (label, reason), rows in reasons.items()]


def _print_table(console: Console, title: str, header: list[str], lines: list[list[str]]) -> None:
    table = Table(title=title, title_justify="left", title_style="bold")
    for index, name in enumerate(header):
        table.add_column(name, justify="left" if index < 2 or index == len(header) - 1 else "right", no_wrap=index == 0)
    for line in lines:
        style = {"missed": "red", "met": "green"}.get(line[4]) if header[1:2] == ["bar"] else None
        table.add_row(*line, style=style)
    console.print(table)


def print_report(console: Console, run: Run) -> None:
    """All tables on the terminal; the bars last."""
    for sampling, threads in dict.fromkeys((sampling, threads) for _, sampling, threads in run.cells()):
        header, lines = table_lines(run, sampling, threads)
        _print_table(console, f"{sampling} sampling, {_count(threads)}, median ms", header, lines)
    for text in _unable(run):
        console.print(f"- {text}", highlight=False)
    if run.rates:
        _print_table(console, "what this machine can do", *_rate_lines(run))
    if run.memory:
        _print_table(console, "memory", *_memory_lines(run))
    _print_table(console, "bars", *bar_lines(run))
    if others := _others(run):
        console.print(others, highlight=False)


def _markdown(header: list[str], lines: list[list[str]]) -> str:
    text = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    text += ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join(text) + "\n"


_HOW = f"""\
`make bench` measures and prints all of this; `make bench ARGS=--publish` writes these files.

- All implementations get the same float32 inputs (bf16 and fp16: the same numbers, which both types represent; their
  locations and weights stay float32) and run in one process in turn, repetition by repetition, each repetition in an
  order drawn for it. Changes of layout that an implementation needs are part of its time. Results are compared in the
  same run; a mismatch fails it.
- grid_sample is the code that transformers runs on a CPU. ONNX Runtime and OpenVINO run the same graph with GridSample
  nodes, in float32, without copies of inputs and outputs. torch.compile's forward is that of its training call: alone
  it takes at most that. It is left out above 8 million samples, to save time.
- Times are medians in milliseconds, ± half the interquartile range, or with the number n of measurements when there
  are fewer than 3. Calls below a million samples follow an untimed one (warm caches, threads awake), and a measurement
  is the median of several: 10 ms of them and at least 7, fewer when those would take more than 100 ms. Before all
  larger ones 128 MB of something else are written, so that every implementation starts with cold caches. "bwd" is the
  backward call alone.
- "best peer" is the fastest other implementation of that cell and pass. A ratio with a question mark ("uncertain" in
  lists) says little: one of its times has ± above {UNCERTAIN * 100:.0f} %, or other processes wanted the same CPUs.
- "of bound" is the time that the machine needs for the loads, multiply-adds and memory traffic that no implementation
  can avoid, over the time measured. `bench/machine.py` says what is counted.
- `local`: samples at the query's own position plus N(0,1) * 2 pixels; `uniform`: anywhere.
"""


def markdown_report(run: Run, pictures: list[Path], notes: str = "") -> str:
    """The results as a page of documentation; `notes` (Markdown) is what a person has to say about them."""
    machine = run.machine
    caches = ", ".join(f"{name} {size}" for name, size in machine["caches"].items())
    parts = ["# Results on the CPU\n"]
    parts.append(
        f"{machine['cpu']} (family/model {machine['family_model']}), {machine['cpus']} CPUs, {caches}, "
        f"{machine['memory_gib']} GiB. "
        + ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
        + f". Built from {machine.get('commit', 'an unknown commit')}.\n"
    )
    if others := _others(run):
        parts.append(others + "\n")
    parts += [_HOW, "## Bars\n", _markdown(*bar_lines(run))]
    if notes:
        parts.append(f"Notes on this run, and why bars are missed:\n\n{notes}")
    slow = below(run, 2)
    if slow:
        parts.append("Cells below 2x over the best peer:\n\n" + "\n".join(f"- {line}" for line in slow) + "\n")
    parts += [f"![{picture.stem}]({picture.name})\n" for picture in pictures]
    for sampling, threads in dict.fromkeys((sampling, threads) for _, sampling, threads in run.cells()):
        parts.append(f"## {sampling} sampling, {_count(threads)}\n")
        parts.append(_markdown(*table_lines(run, sampling, threads)))
    unable = _unable(run)
    if unable:
        parts.append("Not measured:\n\n" + "\n".join(f"- {text}" for text in unable) + "\n")
    if run.rates:
        vector = f"SIMD target {run.rates['target']}, vectors of {run.rates['vector_bytes']} bytes.\n"
        parts += ["## What this machine can do\n", vector, _markdown(*_rate_lines(run))]
    if run.memory:
        parts += ["## Memory beside inputs and outputs\n", _markdown(*_memory_lines(run))]
    parts += ["## Rows\n", _row_table(run)]
    return "\n".join(parts)


def _row_table(run: Run) -> str:
    header = ["row", "problem", "samples", "bytes forward", "bytes backward"]
    lines = []
    for row, text in dict.fromkeys((entry.row, entry.problem) for entry in run.entries):
        problem = parse(text)
        mega = [f"{memory_bytes(problem, name, 'f32') / 1e6:.4g} MB" for name in ("forward", "backward")]
        lines.append([row, f"`{text}`", f"{problem.samples / 1e6:.3g} M", *mega])
    return _markdown(header, lines)
