"""Pictures of a reproduction.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import NullFormatter

from bench.ascend.jobs import CHIPS, PASSES
from bench.ascend.plan import BASELINES, ENCODER, Cell
from bench.ascend.results import ALL_PASSES, Run

_COLOURS = {"grid-sample": "#8ab6d6", "library": "#e3a857", "library-db": "#1f4e79"}
_LINE = "#c0392b"
_LOW, _HIGH = "#e3a857", "#1f4e79"


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _times(value: float, _: float = 0) -> str:
    return f"{value:g}x"


def _plain(value: float, _: float = 0) -> str:
    return f"{value:g}"


def plot_speedup(run: Run, path: Path) -> bool:
    """How many times faster auto is than each baseline, by row; False when there is no baseline."""
    chip, sampling = run.plan.settings.chips[0], run.plan.settings.samplings[0]
    rows = run.plan.settings.rows
    baselines = [one for one in BASELINES if one in run.plan.variants]
    if not baselines:
        return False
    figure, axes = plt.subplots(1, 3, figsize=(12, 1.6 + 0.4 * len(rows)), layout="constrained", sharey=True)
    height = 0.8 / len(baselines)
    for axis, name in zip(axes, ALL_PASSES, strict=True):
        for index, baseline in enumerate(baselines):
            places = [row + (index - (len(baselines) - 1) / 2) * height for row in range(len(rows))]
            values = [run.over(Cell(row, sampling, chip, "auto", name), baseline) or 0 for row in rows]
            axis.barh(places, values, height, label=f"over {baseline}", color=_COLOURS[baseline])
            for place, value in zip(places, values, strict=True):
                if value:
                    axis.text(value, place, f" {value:.1f}x", va="center", fontsize=7)
        axis.set_xscale("log")
        axis.set_xlim(0.7, max(2.0, axis.get_xlim()[1] * 1.5))
        axis.axvline(1, color=_LINE, linewidth=0.8)
        ticks = [tick for tick in (1, 2, 3, 5, 10, 20, 50, 100) if tick < axis.get_xlim()[1]]
        axis.set_xticks(ticks, [f"{tick}x" for tick in ticks])
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_title(name, fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(range(len(rows)), rows, fontsize=8)
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=8, ncols=3, loc="outside lower center")
    figure.suptitle(f"Simulated: auto over the baselines ({chip}, {sampling} sampling, fp16 value)", fontsize=11)
    _save(figure, path)
    return True


def plot_tornado(run: Run, path: Path) -> bool:
    """How far the speedups move when one constant of the chip does."""
    entries = run.tornado()
    baselines = [one for one in BASELINES if any(entry[1] == one for entry in entries)]
    if not baselines:
        return False
    labels = [one.label for one in run.plan.settings.constants]
    size = (4.2 * len(baselines) + 2, 2 * (1.3 + 0.24 * len(labels)))
    figure, grid = plt.subplots(2, len(baselines), figsize=size, layout="constrained", squeeze=False)
    for line, name in zip(grid, PASSES, strict=True):
        for axis, baseline in zip(line, baselines, strict=True):
            chosen = [entry for entry in entries if entry[1] == baseline and entry[2] == name]
            chosen.sort(key=lambda entry: max(abs(value - entry[4]) for _, value in entry[3]))
            for place, (constant, _, _, points, as_is) in enumerate(chosen):
                for value, ratio in points:
                    low = value == constant.low
                    where = place + (0.19 if low else -0.19)
                    axis.barh(where, ratio - as_is, left=as_is, height=0.36, color=_LOW if low else _HIGH)
            if chosen:
                axis.axvline(chosen[0][4], color="black", linewidth=0.8)
            names = [f"{one[0].label} {one[0].low:g} / {one[0].high:g}" for one in chosen]
            axis.set_yticks(range(len(chosen)), names, fontsize=6)
            axis.xaxis.set_major_formatter(_times)
            axis.set_title(f"{name}, over {baseline}", fontsize=9)
            axis.spines[["top", "right"]].set_visible(False)
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in (_LOW, _HIGH)]
    figure.legend(handles, ["first value", "second value"], fontsize=8, ncols=2, loc="outside lower center")
    figure.suptitle("Simulated: speedup of auto on detr-enc, one constant of the chip changed", fontsize=11)
    _save(figure, path)
    return True


def plot_scaling(run: Run, path: Path) -> bool:
    """Speedup over one core, and time by queries."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    for name, colour in zip(PASSES, (_LOW, _HIGH), strict=True):
        points = [
            (cores, time)
            for cores, one, shares in run.plan.core_jobs()
            if one == name and (time := run.estimate(shares, ENCODER)) is not None
        ]
        if points:
            first = points[0]
            left.plot(
                [cores for cores, _ in points],
                [first[0] * first[1] / time for _, time in points],
                marker="o",
                color=colour,
                label=name,
            )
    limit = max(run.plan.settings.cores)
    left.plot([1, limit], [1, limit], color="grey", linewidth=0.8, linestyle="--", label="ideal")
    left.set_xlabel("vector cores")
    left.set_ylabel("times faster than one core")
    left.set_title("auto, detr-enc", fontsize=9)
    left.legend(fontsize=8)
    for axis, name in zip((middle, right), PASSES, strict=True):
        for variant in run.plan.all_variants:
            points = [
                (queries, outcome.microseconds)
                for queries, one, which, job in run.plan.query_jobs()
                if (one, which) == (variant, name) and (outcome := run.outcome(job)) is not None
            ]
            style = {"color": "black", "linewidth": 2.5, "alpha": 0.5} if variant == "auto" else {"marker": "."}
            if points:
                axis.plot(*zip(*points, strict=True), label=variant, **style)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xticks(run.plan.settings.queries, map(str, run.plan.settings.queries))
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.yaxis.set_major_formatter(_plain)
        axis.yaxis.set_minor_formatter(NullFormatter())
        axis.set_xlabel("queries (levels of detr-enc, uniform sampling)")
        axis.set_ylabel("microseconds")
        axis.set_title(name, fontsize=9)
    for axis in (left, middle, right):
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.3)
    figure.legend(*middle.get_legend_handles_labels(), fontsize=8, ncols=10, loc="outside lower center")
    figure.suptitle("Simulated: scaling over cores and over queries (910b2, fp16 value)", fontsize=11)
    _save(figure, path)
    return True


def plot_scatter(run: Run, path: Path) -> bool:
    """Bandwidth of atomic additions by cores: the paper's contention curve."""
    chips = [chip for chip in CHIPS if chip in run.micro]
    if not chips:
        return False
    figure, axes = plt.subplots(1, len(chips), figsize=(5.5 * len(chips), 4), layout="constrained", squeeze=False)
    for axis, chip in zip(axes[0], chips, strict=True):
        records = run.micro[chip]["scatter"]
        for order in dict.fromkeys(one["order"] for one in records):
            points = [(one["cores"], one["gb_per_s"]) for one in records if one["order"] == order]
            style = "--" if order.startswith("together") else "-"
            axis.plot(*zip(*points, strict=True), marker=".", linestyle=style, label=order)
        axis.set_title(chip, fontsize=9)
        axis.set_xlabel("vector cores")
        axis.set_ylabel("GB/s of all cores")
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(fontsize=8)
    figure.suptitle("Simulated: atomic additions of 4 x 128 B a sample to one gradient image", fontsize=11)
    _save(figure, path)
    return True


def plot_ablation(run: Run, path: Path) -> bool:
    """How many times longer a pass takes without an optimisation."""
    entries = []
    for one, chip, name, with_it, without in run.plan.ablation_cells():
        ours, theirs = run.estimate(with_it, ENCODER), run.estimate(without, ENCODER)
        if ours is not None and theirs is not None:
            entries.append((f"{one.name} ({one.base}), {name}, {chip}", theirs / ours))
    if not entries:
        return False
    figure, axis = plt.subplots(figsize=(9, 1 + 0.28 * len(entries)), layout="constrained")
    colours = [_HIGH if value >= 1 else _LOW for _, value in entries]
    axis.barh(range(len(entries)), [value - 1 for _, value in entries], left=1, color=colours)
    for place, (_, value) in enumerate(entries):
        axis.text(max(value, 1), place, f" {value:.2f}x", va="center", fontsize=7)
    axis.set_yticks(range(len(entries)), [label for label, _ in entries], fontsize=7)
    axis.invert_yaxis()
    axis.axvline(1, color=_LINE, linewidth=0.8)
    axis.xaxis.set_major_formatter(_times)
    axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Simulated: time without an optimisation over time with it (detr-enc, local)", fontsize=11)
    _save(figure, path)
    return True


PICTURES: dict[str, Callable[[Run, Path], bool]] = {
    "ascend-speedup": plot_speedup,
    "ascend-ablation": plot_ablation,
    "ascend-scatter": plot_scatter,
    "ascend-scaling": plot_scaling,
    "ascend-tornado": plot_tornado,
}


def draw_all(run: Run, folder: Path) -> list[str]:
    """Draw what the run has the numbers for; names of the files."""
    return [f"{name}.png" for name, draw in PICTURES.items() if draw(run, folder / f"{name}.png")]
