"""Inputs of a row under a sampling pattern, the same for every implementation.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.problem import Problem
from bench.workloads import Workload

PATTERNS = ("local", "uniform", "hot", "outside")

# Samples keep this distance (pixels) from the borders of interpolation cells, where the gradient jumps and two
# correct implementations may differ by rounding alone. float32 locations are exact to about 2e-5 pixels.
KINK_MARGIN = 1 / 64


@dataclass(frozen=True)
class Inputs:
    """The tensors of one call, float32.

    `value` and `grad_output` hold numbers that bfloat16 represents, so that the half precision implementations get
    the very same inputs (float16 rounds those below its normal range by at most 2**-25).
    """

    value: Tensor  # [B,S,M,D]
    locations: Tensor  # [B,Q,M,K,2]
    weights: Tensor  # [B,Q,M,K], softmax over K
    grad_output: Tensor  # [B,Q,M*D]
    shapes: Tensor  # [L,2] int64
    starts: Tensor  # [L] int64


def _pixel_centres(levels: tuple[tuple[int, int], ...]) -> Tensor:
    centres = []
    for height, width in levels:
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        centres.append(torch.stack(((columns + 0.5) / width, (rows + 0.5) / height), -1).reshape(-1, 2))
    return torch.cat(centres)


def _query_positions(workload: Workload, problem: Problem, generator: torch.Generator) -> Tensor:
    """Positions [B,Q,2] of the queries in the unit square."""
    if workload.queries == "pixels":
        return _pixel_centres(problem.levels).expand(problem.batch, -1, -1)
    if workload.queries == "raster":
        columns = math.ceil(math.sqrt(problem.queries))
        index = torch.arange(problem.queries)
        rows = math.ceil(problem.queries / columns)
        grid = torch.stack(((index % columns + 0.5) / columns, (index // columns + 0.5) / rows), -1)
        return grid.expand(problem.batch, -1, -1)
    return torch.rand(problem.batch, problem.queries, 2, generator=generator)


def _locations(workload: Workload, problem: Problem, pattern: str, generator: torch.Generator) -> Tensor:
    """Locations [B,Q,M,K,2]; level by level, so that temporaries stay small."""
    batch, queries, heads = problem.batch, problem.queries, problem.heads
    positions = _query_positions(workload, problem, generator)[:, :, None, None, :]
    levels = []
    for (height, width), points in zip(problem.levels, problem.points, strict=True):
        size = torch.tensor([width, height], dtype=torch.float32)
        shape = (batch, queries, heads, points, 2)
        if pattern == "local":
            pixels = positions * size - 0.5 + 2 * torch.randn(shape, generator=generator)
        elif pattern == "uniform":
            pixels = torch.rand(shape, generator=generator) * size - 0.5
        elif pattern == "hot":
            pixels = (0.5 * size + torch.rand(shape, generator=generator)).floor() + 0.5
        elif pattern == "outside":
            pixels = (torch.rand(shape, generator=generator) * math.sqrt(2)) * size - 0.5
        else:
            raise ValueError(f"sampling: expected one of {', '.join(PATTERNS)}, got {pattern!r}")
        cell = pixels.floor()
        pixels = cell + (pixels - cell).clamp_(KINK_MARGIN, 1 - KINK_MARGIN)
        levels.append((pixels + 0.5) / size)
    return torch.cat(levels, 3)


def make_inputs(workload: Workload, pattern: str, seed: int = 0) -> Inputs:
    """Draw the inputs of a row.

    Parameters
    ----------
    pattern
        "local": at the query's own position plus N(0,1) * 2 pixels of the target level; "uniform": anywhere;
        "hot": in one place; "outside": half of the samples outside the level.
    """
    problem = workload.problem
    generator = torch.Generator().manual_seed(seed)
    batch, queries, heads, channels = problem.batch, problem.queries, problem.heads, problem.channels

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(torch.bfloat16).to(torch.float32)

    samples = problem.samples_per_query
    pixels = torch.tensor([height * width for height, width in problem.levels])
    return Inputs(
        value=normal(batch, problem.value_size, heads, channels),
        locations=_locations(workload, problem, pattern, generator),
        weights=torch.randn((batch, queries, heads, samples), generator=generator).softmax(-1),
        grad_output=normal(batch, queries, heads * channels),
        shapes=torch.tensor(problem.levels, dtype=torch.int64),
        starts=torch.cat((pixels.new_zeros(1), pixels.cumsum(0)[:-1])),
    )
