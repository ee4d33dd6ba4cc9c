"""The page of results, and the bars on the terminal.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from bench.ascend.jobs import FAST_ATOMICS, PASSES, Job
from bench.ascend.plan import BASELINES, ENCODER, WANTED_SWITCHES, Cell, problem_of, text_of
from bench.ascend.results import ALL_PASSES, PAPER, SHARE_ERROR, Bar, Number, Run, bars, last_line, missing_ablations

_HEADS = {"forward": "fwd", "backward": "bwd", "training": "fwd+bwd"}


def _markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    text = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*text, *("| " + " | ".join(line) + " |" for line in lines)]) + "\n"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}x" if value < 10 else f"{value:.1f}x"


def _time(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value / 1000:.3g} ms" if value >= 1000 else f"{value:.3g} us"


def _cells(run: Run, chip: str, row: str, sampling: str, dtype: str = "f16") -> list[Cell]:
    return [Cell(row, sampling, chip, variant, "forward", dtype) for variant in run.plan.all_variants]


def _queue(number: Number | None) -> str:
    return "-" if number is None else f"{number.bound} {number.busy * 100:.0f} %"


def _row_tables(run: Run, chip: str, sampling: str, rows: Sequence[str], dtype: str = "f16") -> str:
    """A line per row and variant."""
    doubtful = run.uncertain()
    header = ["row", "variant"]
    for name in PASSES:
        header += [_HEADS[name], "bound, busy", "GB/s"]
    header += ["fwd+bwd", *(f"over {one}, F B T" for one in BASELINES)]
    lines = []
    for row in rows:
        cells = _cells(run, chip, row, sampling, dtype)
        known = [cell for cell in cells if any(run.time(replace(cell, pass_name=name)) for name in PASSES)]
        for index, cell in enumerate(known):
            line = [row if index == 0 else "", cell.variant]
            for name in PASSES:
                number = run.number(replace(cell, pass_name=name))
                if cell.variant == "auto" and number is not None and name == "forward":
                    backward = run.number(replace(cell, pass_name="backward"))
                    line[1] = f"**auto** ({number.chosen}, {backward.chosen if backward else '-'})"
                estimated = number is not None and number.share < 1
                mark = "~" if estimated and number is not None and (number.chosen, name) in doubtful else ""
                line += [
                    mark + _time(number.microseconds if number else None),
                    _queue(number),
                    f"{number.gb_per_s:.0f}" if number else "-",
                ]
            line.append(_time(run.time(replace(cell, pass_name="training"))))
            for baseline in BASELINES:
                ratios = [run.over(replace(cell, pass_name=name), baseline) for name in ALL_PASSES]
                line.append("-" if ratios == [None] * 3 else " ".join(_ratio(one) for one in ratios))
            lines.append(line)
    return _markdown(header, lines)


def _summary(run: Run) -> str:
    header = ["auto over", "", "forward", "backward", "training"]
    lines = []
    for baseline in BASELINES:
        paper = PAPER.get(baseline)
        lines.append(
            [baseline, "the paper, up to", *(f"{value}x" for value in paper)] if paper else [baseline, "", "", "", ""]
        )
        for chip in run.plan.settings.chips:
            best = [run.best(chip, baseline, name) for name in ALL_PASSES]
            cells = [f"{_ratio(one[0])} ({one[1]})" if one else "-" for one in best]
            lines.append(["", f"{chip}: best workload", *cells])
            lines.append(["", f"{chip}: geometric mean", *(_ratio(run.mean(chip, baseline, n)) for n in ALL_PASSES)])
    own = ""
    if "xmsda" in run.plan.variants:
        lines.append(["**the paper's design** (`xmsda`)", "", "", "", ""])
        for baseline in BASELINES:
            for chip in run.plan.settings.chips:
                best = [run.best(chip, baseline, name, "xmsda") for name in ALL_PASSES]
                lines.append(
                    [
                        f"xmsda over {baseline}",
                        f"{chip}: best workload",
                        *(f"{_ratio(one[0])} ({one[1]})" if one else "-" for one in best),
                    ]
                )
    else:
        own = "\nThe paper's own design, `xmsda`, is not among the variants of this build.\n"
    return _markdown(header, lines) + own


def _bar_lines(run: Run) -> tuple[list[str], list[list[str]]]:
    def number(bar: Bar, value: float | None) -> str:
        if value is None:
            return "-"
        text = f"{value:.2f}" if bar.unit == "x" else f"{value:.3g}"
        return f"{text} {bar.unit}".strip()

    def limit(bar: Bar) -> str:
        return ("at most " if bar.at_most else "") + number(bar, bar.bar)

    header = ["", "bar", "aim", "simulated", "", "where"]
    return header, [
        [bar.text, limit(bar), number(bar, bar.aim), number(bar, bar.measured), bar.verdict, bar.detail]
        for bar in bars(run)
    ]


def print_bars(run: Run) -> None:
    """The table of bars on the terminal."""
    header, lines = _bar_lines(run)
    table = Table(title="bars (simulated)", title_justify="left", title_style="bold")
    for name in header:
        table.add_column(name)
    for line in lines:
        style = {"missed": "red", "missing": "red", "met": "green"}.get(line[4])
        table.add_row(*line, style=style)
    Console().print(table)


def _shares(run: Run) -> str:
    settings = run.plan.settings
    shared = []
    for row in settings.rows:
        counts = {run.plan.shares(row, sampling) for sampling in settings.samplings}
        for count in sorted(counts):
            if len(count) == 2:
                shared.append(f"{row} ({count[0]} and {count[1]} of {problem_of(row).queries})")
    if not shared:
        return "All rows were simulated whole.\n"
    text = (
        f"Rows above {1.5 * settings.cap:g} million samples were simulated with two shares of their queries on all "
        "cores, the kernels that do not depend on queries in full, and the time of all queries is read off the line "
        f"through both: {', '.join(shared)}. Queues and bandwidths are those of the larger share.\n"
    )
    errors = run.share_errors()
    if not errors:
        return text + "This run has no row that was simulated whole and by shares: the line is not checked.\n"
    lines = [
        [cell.row, cell.variant, cell.pass_name, _time(whole), _time(guess), f"{error * 100:+.1f} %"]
        for cell, whole, guess, error in errors
    ]
    return (
        text
        + f"\nWhether the cost per query is constant, on a row that was simulated both ways (beyond {SHARE_ERROR:.0%} "
        "the variant's times from shares have a ~):\n\n"
        + _markdown(["row", "variant", "pass", "whole", "from two shares", "error"], lines)
    )


def _told(run: Run, jobs: tuple[Job, ...]) -> list[str]:
    """Time and bounding queue."""
    time, largest = run.estimate(jobs, ENCODER), run.outcome(jobs[-1])
    if largest is None:
        return ["-", "-"]
    kernel = largest.main_kernel()
    return [_time(time), f"{kernel['bound']} {kernel['busy'] * 100:.0f} %"]


def _ablation(run: Run) -> str:
    lines = []
    for one, chip, name, with_it, without in run.plan.ablation_cells():
        ours, theirs = run.estimate(with_it, ENCODER), run.estimate(without, ENCODER)
        slower = theirs / ours if ours and theirs else None
        what = one.without if one.without != one.base else f"--ablate {one.switch}"
        lines.append([one.name, one.base, what, name, chip, *_told(run, with_it), *_told(run, without), _ratio(slower)])
    header = ["removed", "from", "as", "pass", "chip", "with", "bound", "without", "bound", "without / with"]
    have = {one.switch for one in run.plan.ablations}
    missing = [name for name in WANTED_SWITCHES if name not in have]
    text = _markdown(header, lines) if lines else ""
    if gone := missing_ablations(run):
        text += f"\nNot in this build, for want of a variant: {', '.join(gone)}.\n"
    if missing:
        text += f"\nNo switch of the driver (`--ablate`) for: {', '.join(missing)}.\n"
    return text


def _micro(run: Run) -> str:
    lines = [
        ["gather of 32 bits in UB, 48 cores", "845 GB/s", *(f"{one['ub_gather']} GB/s" for one in run.micro.values())],
        ["gather of 32 B from GM, 48 cores", "106 GB/s", *(f"{one['gm_gather']} GB/s" for one in run.micro.values())],
    ]
    text = _markdown(["", "the paper", *run.micro], lines)
    for chip, record in run.micro.items():
        orders = list(dict.fromkeys(one["order"] for one in record["scatter"]))
        cores = list(dict.fromkeys(one["cores"] for one in record["scatter"]))
        table = {(one["order"], one["cores"]): one["gb_per_s"] for one in record["scatter"]}
        text += f"\nAtomic additions, GB/s of all cores, {chip}:\n\n"
        text += _markdown(
            ["cores", *map(str, cores)], [[order, *(f"{table[order, one]:.0f}" for one in cores)] for order in orders]
        )
    return text


def _scaling(run: Run) -> str:
    header = ["vector cores", *(f"auto, {name}" for name in PASSES), "of ideal, fwd", "of ideal, bwd"]
    times: dict[tuple[int, str], float] = {}
    for cores, name, shares in run.plan.core_jobs():
        if (time := run.estimate(shares, ENCODER)) is not None:
            times[cores, name] = time
    lines = []
    first = run.plan.settings.cores[0]
    for cores in run.plan.settings.cores:
        line = [str(cores), *(_time(times.get((cores, name))) for name in PASSES)]
        for name in PASSES:
            ratio = times.get((first, name), math.nan) * first / (times.get((cores, name), math.nan) * cores)
            line.append(f"{ratio * 100:.0f} %" if math.isfinite(ratio) else "-")
        lines.append(line)
    text = _markdown(header, lines)
    for name in PASSES:
        found: dict[tuple[str, int], str] = {}
        for queries, variant, which, job in run.plan.query_jobs():
            outcome = run.outcome(job)
            if which == name and outcome is not None:
                chosen = f" ({job.variant})" if variant == "auto" else ""
                found[variant, queries] = _time(outcome.microseconds) + chosen
        rows = [
            [variant, *(found.get((variant, queries), "-") for queries in run.plan.settings.queries)]
            for variant in run.plan.all_variants
        ]
        text += f"\nBy queries, {name}:\n\n" + _markdown([name, *map(str, run.plan.settings.queries)], rows)
    return text


def _tornado(run: Run) -> str:
    header = ["constant", "as is", "tried", "source", *(f"over {one}, F B T" for one in BASELINES)]
    entries = run.tornado()
    ratios = {(one.label, base, name): (dict(points), as_is) for one, base, name, points, as_is in entries}
    found = [
        [ratios.get((one.label, base, name)) for name in ALL_PASSES]
        for one in run.plan.settings.constants[:1]
        for base in BASELINES
    ]
    lines = [
        ["as the table stands", "", "", "", *(" ".join(_ratio(x[1] if x else None) for x in trio) for trio in found)]
    ]
    for one in run.plan.settings.constants:
        fact = run.plan.table.get(one.names[0])
        for value in (one.low, one.high):
            cells = []
            for base in BASELINES:
                trio = [ratios.get((one.label, base, name)) for name in ALL_PASSES]
                cells.append(" ".join(_ratio(x[0].get(value) if x else None) for x in trio))
            as_is = f"{fact['value']:g} {fact['unit']}" if fact else "-"
            certainty = fact["certainty"] if fact else "published for some, assumed for others"
            lines.append([one.label, as_is, f"{value:g}", certainty, *cells])
    return _markdown(header, lines)


def _accuracy(run: Run) -> str:
    names = ("output", "grad_value", "grad_locations", "grad_weights")
    header = ["value", "variant", "checks", *(f"{name}: error/bound, rms" for name in names)]
    lines = []
    for record in run.accuracy:
        dtype = "fp16" if "_f16_" in record["problem"] else "fp32"
        if record["status"] == "n/a":
            lines.append([dtype, record["variant"], record["reason"].removeprefix("xmsda: "), *["-"] * 4])
            continue
        arrays = {one["array"]: one for one in record["arrays"]}
        cells = [
            f"{arrays[name]['error_over_bound']:.3f}, {arrays[name]['rms_error']:.2e}" if name in arrays else "-"
            for name in names
        ]
        lines.append([dtype, record["variant"], "none broken" if record["status"] == "ok" else "BROKEN", *cells])
    return _markdown(header, lines)


def _constants(run: Run) -> str:
    counts = Counter(one["certainty"] for one in run.plan.table.values())
    total = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    lines = []
    for name, one in run.plan.table.items():
        if name.startswith(("dma.", "l2.", "scalar.", "launch.", "vector.Gather", "vector.MulAddDst", "ub.")):
            lines.append([f"`{name}`", f"{one['value']:g} {one['unit']}", one["certainty"], one["source"]])
    return (
        f"The table of the chip has {len(run.plan.table)} constants: {total}. `ascsim machine 910b2` lists all with "
        "their sources. Those that the kernels here lean on:\n\n"
        + _markdown(["constant", "value", "", "source"], lines)
    )


_INTRO = """\
**Everything here is simulated.** No kernel has run on a device; times come from [ascsim](../../sim/README.md), whose
constants are measured by others, documented by the vendor, or assumed (below). `make reproduce` simulates and writes
all of this, `make reproduce ARGS=--quick` three rows of it, `ARGS=--publish` this page.

- The comparison is that of arXiv 2505.14022, whose text does not tell shapes, chip and ablations: rows, sampling
  patterns and baselines are ours. `grid-sample` is the formulation as separate kernels, `library` is written in the
  vendor's style from the paper's description of it, `library-db` is the same with double buffering, the fairest peer.
- fp16 value, fp32 locations and weights, unless it says otherwise. `local`: samples around the query's own place;
  `uniform`: anywhere; `hot`: all at one place, for contention. "Best workload" leaves `hot` out.
- Two sets of constants differ in what nobody has published: how fast atomic additions are (`910b2`: 16 bytes a cycle
  and core, `910b2-slow-atomics`: 9.6). Forward passes have none, so that their times are those of the first set.
- A time is that of all kernels of a pass, with their launches, from layout changes to the gradient in the type of
  value; host code takes none. "bound" is the busiest queue of the kernel that takes longest and the part of its time
  that it works, mean over the cores (S scalar unit, V vector unit, MTE2 copies in, MTE3 copies out). "GB/s" is what the
  pass moves between GM or L2 and UB, atomic additions included, over its time.
- `auto` is the variant that the host code chooses for the problem. Times do not depend on the checks for broken rules,
  which are off but where it says strict.
"""

_DEVICE = """\
In this order, since the conclusions hang on it. `bench/ascend/micro/` has the first four as kernels with their host
program, acl only: `micro.cc`, `scatter.cpp`, and `sim/validation/kernels.cpp`, whose other kernels are for the rest.

1. `micro_scatter`, all orders and 1 to 48 cores: `l2.atomic` and `l2.line_atomic`, which nobody has published and all
   backward passes hang on.
2. `validate_matrix_loop` and `validate_gm_gather`: `dma.issue` and 32-B copies, the cost of a sample by DMA.
3. `validate_ub_gather`, also with offsets of odd halves: the paper's 845 GB/s, and its quirk of pair gathers.
4. `Gatherb`, 8 blocks a repeat, with and without conflicts of bank groups: `vector.Gatherb.any.per_repeat`, on which
   `resident` hangs.
5. `validate_scalar`: GetValue and SetValue, and how many instructions the scalar unit issues a microsecond
   (`scalar.access`, `scalar.issue`, `scalar.set_mask`).
6. `validate_adds` with dependent instructions of 1, 4 and 16 repeats: the interval of dependent vector instructions.
7. Then the kernels themselves on detr-enc, forward and backward, `library-db` against `resident`.
"""


def markdown_report(run: Run, pictures: Sequence[str]) -> str:
    """The results as a page of documentation."""
    settings = run.plan.settings

    def picture(name: str) -> str:
        return f"![{name}]({name}.png)\n" if f"{name}.png" in pictures else ""

    parts = ["# Results on the simulated Ascend 910B2\n", _INTRO]
    quick = " A quick run: small shares, few rows." if settings.quick else ""
    parts.append(f"Built from {run.facts.get('commit')}; {run.facts.get('seconds')} s on this machine.{quick}\n")
    missing = [one for one in BASELINES if one not in run.plan.variants]
    if missing:
        parts.append(f"**Missing baselines of this build: {', '.join(missing)}.** Nothing stands in for them.\n")
    parts += [f"`{last_line(run)}`\n", "## Speedups beside the paper's\n", _summary(run), picture("ascend-speedup")]
    parts += ["## Bars\n", _markdown(*_bar_lines(run))]
    if reports := run.reports():
        parts.append("Failed:\n\n" + "\n".join(f"- {line}" for line in reports) + "\n")
    parts += ["## Shares of large rows\n", _shares(run)]
    for chip in settings.chips:
        for sampling in settings.samplings:
            parts += [f"## {chip}, {sampling} sampling\n", _row_tables(run, chip, sampling, settings.rows)]
    if settings.f32_rows:
        parts += ["## fp32 value, 910b2\n"]
        parts.append(_row_tables(run, FAST_ATOMICS, settings.samplings[0], settings.f32_rows, "f32"))
    parts += ["## One optimisation removed at a time\n", _ablation(run), picture("ascend-ablation")]
    parts += ["## Microbenchmarks\n", _micro(run), picture("ascend-scatter")]
    parts += [
        "## Scaling\n",
        "Cores: all queries of detr-enc, from two shares, local.\n",
        _scaling(run),
        picture("ascend-scaling"),
    ]
    share = f"`auto` on {ENCODER}, local, times of all queries from two shares. F B T are forward, backward, both.\n"
    parts += ["## What the speedups hang on\n", share, _tornado(run), picture("ascend-tornado")]
    parts += ["## Accuracy\n"]
    parts.append(
        "A share of detr-enc against the reference in double precision, all checks strict: the largest error over its "
        "derived bound, and the root mean square of the error.\n"
    )
    parts += [_accuracy(run), "## Constants\n", _constants(run), "## What to check first on a device\n", _DEVICE]
    rows = [[row, f"`{text_of(problem_of(row))}`", f"{problem_of(row).samples / 1e6:.3g} M"] for row in settings.rows]
    parts += ["## Rows\n", _markdown(["row", "problem", "samples"], rows)]
    skipped = sorted(
        {(one.job.variant, one.reason) for one in run.outcomes.values() if one.status == "n/a" and not one.job.ablate}
    )
    if skipped:
        parts.append("Not simulated:\n\n" + "\n".join(f"- {variant}: {reason}" for variant, reason in skipped) + "\n")
    return "\n".join(part for part in parts if part)
