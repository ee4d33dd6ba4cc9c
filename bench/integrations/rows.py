"""What a row of `python -m bench.integrations` is, and how its calls are timed.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Threads of the implementation before that still spin go to sleep (libgomp spins for about 5 ms).
_PAUSE = 0.008


@dataclass(frozen=True)
class Figures:
    """What a row came to.

    Attributes
    ----------
    baseline_ms, ours_ms
        Medians of the two sides.
    repetitions
        Measurements of each side.
    bar
        The least ratio of the two, when it follows from other figures of the same run; None: the row's own, if any.
    detail
        More figures, for the JSON file and the table's last column.
    """

    baseline_ms: float
    ours_ms: float
    repetitions: int
    bar: float | None = None
    detail: str = ""

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.baseline_ms / self.ours_ms


@dataclass(frozen=True)
class Row:
    """One bar: `measure` runs both sides in turn, checks that their outputs agree and returns the figures.

    `bar` is the least ratio; None where it follows from the measurement itself (`Figures.bar`) or nothing is asked.
    """

    name: str
    label: str
    bar: float | None
    measure: Callable[[], Figures]


def interleaved(calls: dict[str, Callable[[], object]], repetitions: int, burst: int = 1) -> dict[str, float]:
    """Median milliseconds of each call, `repetitions` times in turn; of short calls, of the median of a burst."""
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for turn in range(repetitions):
        order = list(calls.items())
        for name, call in order[turn % len(order) :] + order[: turn % len(order)]:
            time.sleep(_PAUSE)
            times = []
            # The first call of a burst wakes the threads and is not counted.
            for _ in range(burst + (burst > 1)):
                start = time.perf_counter()
                call()
                times.append(time.perf_counter() - start)
            samples[name].append(float(np.median(times[burst > 1 :])) * 1e3)
    return {name: float(np.median(values)) for name, values in samples.items()}


def check_close(name: str, got: np.ndarray, expected: np.ndarray, tolerance: float) -> float:
    """The largest difference over the largest magnitude; raises when it is above `tolerance`."""
    difference = float(np.abs(got - expected).max() / max(float(np.abs(expected).max()), 1e-30))
    if not difference <= tolerance:
        raise ValueError(
            f"{name}: expected outputs within {tolerance:.1e} of the largest magnitude, got {difference:.1e}"
        )
    return difference
