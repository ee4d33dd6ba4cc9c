"""The problem string of the C++ core, parsed and printed in Python.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DTYPES = ("f32", "f64", "bf16", "f16")
ELEMENT_SIZE = {"f32": 4, "f64": 8, "bf16": 2, "f16": 2}


@dataclass(frozen=True)
class Problem:
    """Sizes and options of one call; `include/xmsda/problem.h` documents the fields and the string."""

    batch: int
    queries: int
    heads: int
    channels: int
    points: tuple[int, ...]  # per level
    levels: tuple[tuple[int, int], ...]  # (height, width), one after another on the S axis
    dtype: str = "f32"
    discrete: bool = False

    @property
    def value_size(self) -> int:
        """S, the pixels of all levels."""
        return sum(height * width for height, width in self.levels)

    @property
    def samples_per_query(self) -> int:
        """K, the samples of one query and head."""
        return sum(self.points)

    @property
    def samples(self) -> int:
        """Samples of the whole call."""
        return self.batch * self.queries * self.heads * self.samples_per_query

    @property
    def even_points(self) -> bool:
        """Whether every level has the same number of points, as most operators require."""
        return len(set(self.points)) <= 1

    def __str__(self) -> str:
        points = str(self.points[0]) if self.even_points else ",".join(map(str, self.points))
        levels = ",".join(f"{height}x{width}" for height, width in self.levels)
        text = f"b{self.batch}_q{self.queries}_m{self.heads}_d{self.channels}_p{points}_{self.dtype}_l{levels}"
        return text + "_discrete" if self.discrete else text


def parse(text: str) -> Problem:
    """Parse a problem string.

    Parameters
    ----------
    text
        For example ``b1_q300_m8_d32_p4_f32_l80x80,40x40``. Levels that overlap or are permuted (``@START``) and a
        larger S (``s<N>``) are not needed by a benchmark and are refused.

    Raises
    ------
    ValueError
        Names the field, what was expected and what came.
    """
    sizes = {"b": 1, "q": 1, "m": 1, "d": 1}
    points: list[int] = [1]
    levels: list[tuple[int, int]] = []
    dtype, discrete = "f32", False
    for field in text.split("_"):
        if field in DTYPES:
            dtype = field
        elif field == "discrete":
            discrete = True
        elif match := re.fullmatch(r"([bqmd])(\d+)", field):
            sizes[match[1]] = int(match[2])
        elif re.fullmatch(r"p\d+(,\d+)*", field):
            points = [int(number) for number in field[1:].split(",")]
        elif re.fullmatch(r"l\d+x\d+(,\d+x\d+)*", field):
            for level in field[1:].split(","):
                height, width = level.split("x")
                levels.append((int(height), int(width)))
        else:
            raise ValueError(
                f"problem: expected a field b, q, m, d, p, l, discrete or a dtype, got {field!r} in {text!r}"
            )
    if not levels:
        raise ValueError(f"problem: expected levels such as l80x80,40x40, got none in {text!r}")
    if len(points) == 1:
        points = points * len(levels)
    if len(points) != len(levels):
        raise ValueError(f"problem: expected one number of points or {len(levels)}, got {len(points)} in {text!r}")
    return Problem(
        sizes["b"], sizes["q"], sizes["m"], sizes["d"], tuple(points), tuple(levels), dtype=dtype, discrete=discrete
    )
