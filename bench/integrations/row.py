"""One row of the integrations' table, and how its contestants take turns.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from bench.measure import Timing


@dataclass
class Row:
    """`ratio` is that of the medians of the first contestant (what is beaten) and the last."""

    name: str
    times: dict[str, dict[str, float | int]]
    ratio: float
    bar: float | None
    agree: bool
    difference: float  # mean difference over mean size of a result, the worst of the results

    @property
    def met(self) -> bool:
        return self.bar is None or self.ratio >= self.bar


def measure(
    name: str,
    contestants: dict[str, Callable[[], list[Tensor]]],
    repetitions: int,
    bar: float | None,
    tolerance: float,
) -> Row:
    """Time the contestants in turn and compare the results of the timed runs with the first one's."""
    timings = {contestant: Timing() for contestant in contestants}
    difference = 0.0
    for repetition in range(-1, repetitions):  # the first round only warms up
        expected: list[Tensor] = []
        for contestant, call in contestants.items():
            gc.collect()
            start = time.perf_counter()
            results = call()
            seconds = time.perf_counter() - start
            if repetition >= 0:
                timings[contestant].samples.append(seconds)
            expected = expected or results
            for theirs, ours in zip(expected, results, strict=True):
                # Means, because gradients by offsets jump where a location is on a pixel centre: there two roundings of
                # one location give different ones, both right.
                scale = max(theirs.abs().mean().item(), 1e-30)
                difference = max(difference, (theirs - ours).abs().mean().item() / scale)
    medians = [float(np.median(timing.samples)) for timing in timings.values()]
    times = {contestant: timing.summary() for contestant, timing in timings.items()}
    return Row(name, times, medians[0] / medians[-1], bar, difference <= tolerance, difference)
