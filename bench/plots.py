"""Pictures of the results.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import NullFormatter

from bench.results import Run

_DARK, _LIGHT, _LINE = "#1f4e79", "#8ab6d6", "#c0392b"


def _bars(axes: Any, rows: list[str], series: list[tuple[str, str, list[float | None]]], unit: str) -> None:
    height = 0.8 / len(series)
    for index, (label, colour, values) in enumerate(series):
        places = [row + (index - (len(series) - 1) / 2) * height for row in range(len(rows))]
        axes.barh(places, [value or 0 for value in values], height, label=label, color=colour)
        for place, value in zip(places, values, strict=True):
            if value is not None:
                text = f"{value:.0f}{unit}" if value >= 10 else f"{value:.1f}{unit}"
                axes.text(value, place, " " + text, va="center", fontsize=6, clip_on=True)
    axes.set_yticks(range(len(rows)), rows, fontsize=7)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)


def plot_speedup(run: Run, path: Path) -> None:
    """How many times faster xmsda fp32 is, by row: over grid_sample and over the best peer; `local` if measured."""
    sampling = "local" if any(entry.sampling == "local" for entry in run.entries) else run.entries[0].sampling
    threads = sorted({entry.threads for entry in run.entries})
    rows = list(dict.fromkeys(entry.row for entry in run.entries))
    size = (12, (2 + 0.32 * len(rows)) * len(threads))
    figure, grid = plt.subplots(len(threads), 2, figsize=size, squeeze=False, layout="constrained")
    for line, count in zip(grid, threads, strict=True):
        for axes, name in zip(line, ("forward", "forward_backward"), strict=True):
            series = [
                ("over grid_sample", _DARK, [run.over(row, sampling, count, name, "grid_sample") for row in rows]),
                ("over the best peer", _LIGHT, [run.over(row, sampling, count, name) for row in rows]),
            ]
            _bars(axes, rows, series, "x")
            measured = [value for _, _, values in series for value in values if value]
            axes.set_xscale("log")
            axes.set_xlim(min([0.5, *measured]) * 0.8, max([2, *measured]) * 1.6)
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.axvline(1, color=_LINE, linewidth=0.8)
            passes = name.replace("_", " + ")
            axes.set_title(f"{passes}, {count} thread{'s' if count > 1 else ''}, {sampling} sampling", fontsize=9)
    figure.legend(*grid[0][0].get_legend_handles_labels(), fontsize=8, ncols=4, loc="outside lower center")
    figure.suptitle("xmsda fp32: times faster than its peers")
    figure.savefig(path, dpi=130)
    plt.close(figure)


def plot_bounds(run: Run, path: Path) -> None:
    """What part of the machine's bound each row reaches on the smallest number of threads."""
    threads = min(entry.threads for entry in run.entries)
    rows = list(dict.fromkeys(entry.row for entry in run.entries))
    samplings = list(dict.fromkeys(entry.sampling for entry in run.entries))
    size = (12, 2 + 0.32 * len(rows))
    figure, grid = plt.subplots(1, 2, figsize=size, squeeze=False, layout="constrained")
    for axes, name in zip(grid[0], ("forward", "backward"), strict=True):
        series = []
        for sampling, colour in zip(samplings, (_DARK, _LIGHT, "#bbbbbb", "#777777"), strict=False):
            values: list[float | None] = []
            for row in rows:
                entry = run.find(row, sampling, threads, "xmsda")
                fraction = run.fraction_of_bound(entry, name) if entry is not None else None
                values.append(None if fraction is None else 100 * fraction)
            series.append((sampling, colour, values))
        _bars(axes, rows, series, "%")
        axes.axvline(100, color=_LINE, linewidth=0.8)
        axes.set_title(f"{name}, {threads} thread{'s' if threads > 1 else ''}", fontsize=9)
    figure.legend(*grid[0][0].get_legend_handles_labels(), fontsize=8, ncols=4, loc="outside lower center")
    figure.suptitle("xmsda fp32: percent of the machine's bound")
    figure.savefig(path, dpi=130)
    plt.close(figure)
