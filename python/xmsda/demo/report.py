"""What the demonstration prints and the JSON that it leaves.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from xmsda.demo.detect import Detections
from xmsda.demo.implementations import GRID_SAMPLE, XMSDA
from xmsda.demo.timing import Row
from xmsda.demo.train import Agreement


def plural(count: int, noun: str) -> str:
    """Return "1 thread" or "2 threads"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def print_agreement(console: Console, agreement: Agreement) -> None:
    """Print both columns of losses and how far apart they are."""
    table = Table(title="Losses of the first steps, same seed", title_justify="left")
    for heading in ("step", GRID_SAMPLE, XMSDA, "relative difference", "bound"):
        table.add_column(heading, justify="right")
    columns = zip(*agreement.losses.values(), agreement.deviations, agreement.bounds, strict=True)
    for step, (first, second, deviation, bound) in enumerate(columns, start=1):
        table.add_row(str(step), f"{first:.6f}", f"{second:.6f}", f"{deviation:.1e}", f"{bound:.1e}")
    console.print(table)
    verdict = "they agree" if agreement.holds else "they do NOT agree"
    console.print(f"largest relative difference {max(agreement.deviations):.1e}: {verdict}\n")


def _milliseconds(seconds: float) -> str:
    value = seconds * 1e3
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def print_times(console: Console, rows: list[Row], threads: int) -> None:
    """Print the medians of both implementations and their ratio."""
    title = f"Median time in milliseconds, {plural(threads, 'thread')}, float32, interleaved"
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    table.add_column("part")
    for heading in (GRID_SAMPLE, XMSDA, "ratio"):
        table.add_column(heading, justify="right")
    previous = None
    for row in rows:
        if previous not in (None, row.subject):
            table.add_section()
        ratio = row.median[GRID_SAMPLE] / row.median[XMSDA]
        cells = [_milliseconds(row.median[name]) for name in (GRID_SAMPLE, XMSDA)]
        table.add_row("" if row.subject == previous else row.subject, row.part, *cells, f"{ratio:.1f}x")
        previous = row.subject
    console.print(table)


def print_detections(console: Console, title: str, detections: Detections, class_names: tuple[str, ...]) -> None:
    """Print one line per detection."""
    table = Table(title=title, title_justify="left")
    for heading in ("class", "score", "x1", "y1", "x2", "y2"):
        table.add_column(heading, justify="left" if heading == "class" else "right")
    for entry in zip(detections.classes.tolist(), detections.scores.tolist(), detections.boxes.tolist(), strict=True):
        index, score, box = entry
        table.add_row(class_names[index], f"{score:.2f}", *(f"{side:.0f}" for side in box))
    console.print(table)


def detection_records(detections: Detections, class_names: tuple[str, ...]) -> list[dict[str, object]]:
    """Return the detections as plain data for JSON."""
    entries = zip(detections.classes.tolist(), detections.scores.tolist(), detections.boxes.tolist(), strict=True)
    return [{"class": class_names[index], "score": score, "box_x1y1x2y2": box} for index, score, box in entries]
