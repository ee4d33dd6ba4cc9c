"""Whether an implementation's results agree with those of the first implementation of the same cell.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from bench.problem import Problem

# Largest relative error of rounding to nearest.
EPSILON = {"f32": 2.0**-24, "bf16": 2.0**-8, "f16": 2.0**-11}


@dataclass(frozen=True)
class Results:
    """What a call computed: output, and gradients of value, locations and weights when it trains."""

    output: Tensor
    gradients: tuple[Tensor | None, ...] = ()

    def named(self) -> dict[str, Tensor]:
        """The tensors by name, without the gradients that there are not."""
        names = ("output", "grad_value", "grad_locations", "grad_weights")
        pairs = zip(names, (self.output, *self.gradients), strict=False)
        return {name: tensor for name, tensor in pairs if tensor is not None}


def tolerance(problem: Problem, name: str, dtype: str) -> float:
    """Largest allowed difference, as a fraction of the largest magnitude of the result.

    - Locations: grid_sample computes ((2u - 1 + 1) * W - 1) / 2 with about four roundings at magnitudes up to W, which
      moves a sample by up to 2 * W * 2**-23 pixels; neighbouring values differ by up to twice the largest, and there
      are two axes.
    - Sums: over D channels for a dot product, over the samples otherwise; errors add up to sqrt(n) * 2**-24 typically
      and 8 sqrt(n) * 2**-24 is allowed.
    - Storage: results in half precision are rounded once (the inputs are exact in it).
    """
    width = max(max(level) for level in problem.levels)
    location_error = 4 * 2 * width * 2.0**-23
    terms = max(problem.channels, problem.samples_per_query) * 16
    bound = location_error + 8 * terms**0.5 * EPSILON["f32"]
    if dtype != "f32" and name in ("output", "grad_value"):
        bound += EPSILON[dtype]
    return bound


def compare(results: Results, expected: Results, problem: Problem, dtype: str) -> tuple[dict[str, float], list[str]]:
    """Differences by tensor as fractions of the largest magnitude, and a line for every one above its tolerance."""
    differences: dict[str, float] = {}
    failures: list[str] = []
    theirs = expected.named()
    for name, tensor in results.named().items():
        if name not in theirs:
            continue
        other = theirs[name]
        if tensor.shape != other.shape:
            failures.append(f"{name}: expected shape {list(other.shape)}, got {list(tensor.shape)}")
            continue
        scale = max(float(other.abs().max()), 1e-30)
        difference = float((tensor.float() - other.float()).abs().max()) / scale
        differences[name] = difference
        allowed = tolerance(problem, name, dtype)
        if not difference <= allowed:
            failures.append(f"{name}: expected within {allowed:.1e} of the largest magnitude, got {difference:.1e}")
    return differences, failures
