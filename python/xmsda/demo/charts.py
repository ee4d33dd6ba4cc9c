"""The pictures of the demonstration: objects on a photo, loss curves, times.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import torch
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from xmsda.demo.detect import Detections, Score
from xmsda.demo.implementations import GRID_SAMPLE, XMSDA
from xmsda.demo.photo import LabelledPhoto, Pixels
from xmsda.demo.report import plural
from xmsda.demo.timing import Row
from xmsda.demo.train import Agreement

_DPI = 150
_COLOURS = {GRID_SAMPLE: "#9a9a9a", XMSDA: "#1f6fb4"}
# A tenth of the unit roundoff of float32.
_DRAWN_ZERO = 6e-9
_STYLE: Any = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 11}


def _class_colour(index: int) -> tuple[float, float, float, float]:
    # tab20 gives its ten strong colours at even places: they go to the first ten classes in a shuffled order, so that
    # classes of neighbouring indices differ (7 and 20 have no common factor).
    return matplotlib.colormaps["tab20"]((index * 7) % 20)


def _box(axes: Axes, box: torch.Tensor, colour: object) -> None:
    x1, y1, x2, y2 = box.tolist()
    axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=2.2))


def _dashed_box(axes: Axes, box: torch.Tensor) -> None:
    x1, y1, x2, y2 = box.tolist()
    # White dashes alone vanish on a white table: black fills the gaps.
    for colour, style in (("black", "solid"), ("white", (0, (4, 4)))):
        axes.add_patch(
            Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=0.9, linestyle=style)
        )


def _tag(axes: Axes, box: torch.Tensor, text: str, colour: object, taken: list[tuple[float, float]]) -> None:
    """Write the name at the box's upper left corner, moved down past tags that are there already."""
    x, y = box[0].item(), box[1].item()
    limit = axes.get_images()[0].get_size()[0]
    step = limit / 28
    y = max(y, step)
    while any(abs(y - other_y) < step and abs(x - other_x) < 6 * step for other_x, other_y in taken) and y < limit:
        y += step / 2
    taken.append((x, y))
    axes.text(x, y, text, fontsize=7.5, color="white", va="bottom", ha="left", clip_on=True,
              bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.2, "alpha": 0.9})  # fmt: skip


def _photo_axes(axes: Axes, pixels: Pixels, title: str) -> None:
    axes.imshow(pixels)
    axes.set_title(title, loc="left")
    axes.set_axis_off()


def _detections(axes: Axes, detections: Detections, class_names: tuple[str, ...]) -> None:
    taken: list[tuple[float, float]] = []
    found = list(zip(detections.boxes, detections.classes.tolist(), detections.scores.tolist(), strict=True))
    for box, index, _ in found:
        _box(axes, box, _class_colour(index))
    for box, index, score in found:
        _tag(axes, box, f"{class_names[index]} {score:.2f}", _class_colour(index), taken)


def draw_labels_and_detections(path: Path, photo: LabelledPhoto, detections: Detections, score: Score) -> None:
    """Draw the labelled objects beside the detected ones, the labels once more dashed under the detections."""
    height, width = photo.pixels.shape[:2]
    figure = Figure(figsize=(14, 7 * height / width + 0.5), layout="constrained")
    labelled, detected = figure.subplots(1, 2)
    _photo_axes(labelled, photo.pixels, f"Labelled: {score.labelled} objects")
    taken: list[tuple[float, float]] = []
    for box, index in zip(photo.boxes, photo.classes.tolist(), strict=True):
        _box(labelled, box, _class_colour(index))
    for box, index in zip(photo.boxes, photo.classes.tolist(), strict=True):
        _tag(labelled, box, photo.class_names[index], _class_colour(index), taken)
    title = f"Predicted (solid, with score) over labelled (dashed): {score.found} of {score.labelled} found"
    _photo_axes(detected, photo.pixels, title)
    _detections(detected, detections, photo.class_names)
    for box in photo.boxes:
        _dashed_box(detected, box)
    figure.savefig(path, dpi=_DPI)


def draw_detections(path: Path, pixels: Pixels, detections: Detections, class_names: tuple[str, ...]) -> None:
    """Draw what was detected on a picture without labels."""
    height, width = pixels.shape[:2]
    # The longer side gets 8 inches; a very long and narrow picture still gets one inch for the other.
    inches = [max(1.0, 8 * side / max(height, width)) for side in (width, height)]
    figure = Figure(figsize=(inches[0], inches[1] + 0.4), layout="constrained")
    axes = figure.subplots()
    count = len(detections.scores)
    _photo_axes(axes, pixels, f"{count} object{'' if count == 1 else 's'} detected")
    _detections(axes, detections, class_names)
    figure.savefig(path, dpi=_DPI)


def draw_losses(path: Path, losses: list[float], agreement: Agreement) -> None:
    """Draw the loss of the whole training, the first steps of both implementations, and how far apart they are."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(12, 4), layout="constrained")
        whole, first, apart = figure.subplots(1, 3, width_ratios=[1.5, 1, 1])
        steps = range(1, len(losses) + 1)
        compared = range(1, len(agreement.deviations) + 1)
        for axes, last in ((whole, len(losses)), (first, len(compared))):
            axes.plot(steps[:last], losses[:last], color=_COLOURS[XMSDA], label=XMSDA)
            axes.plot(compared, agreement.losses[GRID_SAMPLE], "o", color="black", markerfacecolor="none",
                      markersize=6 if axes is first else 4, label=f"{GRID_SAMPLE}, {len(compared)} steps")  # fmt: skip
            axes.set_xlabel("training step")
        whole.set_yscale("log")
        plain = ticker.FuncFormatter(lambda value, _: f"{value:g}")
        # Minor ticks only get numbers when the curve spans about one decade, where the major ones are too few.
        whole.yaxis.set_major_formatter(plain)
        if max(losses) < 12 * min(losses):
            whole.yaxis.set_minor_formatter(plain)
        whole.set_ylabel("loss")
        whole.set_title("Loss of the whole training", loc="left")
        whole.legend(frameon=False)
        first.set_title("The first steps, same seed", loc="left")
        apart.semilogy(compared, agreement.bounds, color="#c44e52", label="bound")
        # Losses that agree in all bits have no logarithm of their difference.
        exact = any(value == 0 for value in agreement.deviations)
        apart.semilogy(compared, [value or _DRAWN_ZERO for value in agreement.deviations], "o-", color=_COLOURS[XMSDA],
                       label=f"measured (0 drawn at {_DRAWN_ZERO:g})" if exact else "measured")  # fmt: skip
        apart.set_xlabel("training step")
        apart.set_title("Relative difference of the losses", loc="left")
        apart.legend(frameon=False)
        for axes in (whole, first, apart):
            axes.xaxis.get_major_locator().set_params(integer=True)
        figure.savefig(path, dpi=_DPI)


def _unit(seconds: float) -> tuple[float, str]:
    return (1.0, "s") if seconds >= 1 else (1e3, "ms")


def draw_times(path: Path, rows: list[Row], threads: int) -> None:
    """Draw one panel of bars per subject, each with its own linear axis from zero."""
    subjects = list(dict.fromkeys(row.subject for row in rows))
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(3.4 * len(subjects), 4.2), layout="constrained")
        panels = figure.subplots(1, len(subjects), squeeze=False)[0]
        for axes, subject in zip(panels, subjects, strict=True):
            # The optimiser's step has nothing to do with the implementation, and its bars would be flat.
            _time_panel(axes, [row for row in rows if row.subject == subject and row.part != "optimizer"])
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
        figure.suptitle(f"Median time, {plural(threads, 'thread')}, float32", x=0.01, ha="left")
        figure.savefig(path, dpi=_DPI)


def _time_panel(axes: Axes, rows: list[Row]) -> None:
    factor, unit = _unit(max(max(row.median.values()) for row in rows))
    for offset, (name, colour) in zip((-0.2, 0.2), _COLOURS.items(), strict=True):
        medians = [row.median[name] * factor for row in rows]
        axes.bar([place + offset for place in range(len(rows))], medians, width=0.38, color=colour, label=name)
        for place, (row, median) in enumerate(zip(rows, medians, strict=True)):
            corner = (place + offset, median)
            axes.annotate(f"{median:.3g}", corner, (0, 2), ha="center", textcoords="offset points", fontsize=8)
            if name == XMSDA:
                ratio = f"{row.median[GRID_SAMPLE] / row.median[XMSDA]:.1f}x"
                axes.annotate(ratio, corner, (0, 13), ha="center", textcoords="offset points", fontsize=10,
                              fontweight="bold", color=colour)  # fmt: skip
    axes.set_xticks(range(len(rows)), [row.part for row in rows])
    axes.set_ylabel(unit)
    axes.set_title(rows[0].subject, loc="left")
    axes.margins(y=0.12)
