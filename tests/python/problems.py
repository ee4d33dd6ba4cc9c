"""Inputs for the tests of the operator, and how far its results may be off.

SPDX-License-Identifier: Apache-2.0
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from xmsda.reference import grid_sample_formulation

MMCV_LEVELS = ((6, 4), (3, 2))


@dataclass(frozen=True)
class Case:
    """Sizes of one call; its repr is the repro line of a failed test."""

    batch: int = 1
    queries: int = 2
    heads: int = 2
    channels: int = 2
    points: int | tuple[int, ...] = 2
    levels: tuple[tuple[int, int], ...] = MMCV_LEVELS
    starts: tuple[int, ...] | None = None
    pixels: int | None = None  # S, when it is more than the levels use
    method: str = "bilinear"
    seed: int = 0

    @property
    def points_per_level(self) -> list[int]:
        return [self.points] * len(self.levels) if isinstance(self.points, int) else list(self.points)

    @property
    def value_size(self) -> int:
        if self.pixels is not None:
            return self.pixels
        sizes = [height * width for height, width in self.levels]
        starts = self.starts or [sum(sizes[:level]) for level in range(len(sizes))]
        return max((start + size for start, size in zip(starts, sizes, strict=True)), default=0)


@dataclass
class Call:
    """Arguments of `ms_deform_attn`."""

    value: Tensor
    spatial_shapes: Any
    level_start_index: Any
    sampling_locations: Tensor
    attention_weights: Tensor
    options: dict[str, Any] = field(default_factory=dict)

    def run(self, function: Callable[..., Tensor]) -> Tensor:
        return function(
            self.value,
            self.spatial_shapes,
            self.level_start_index,
            self.sampling_locations,
            self.attention_weights,
            **self.options,
        )

    @property
    def floats(self) -> list[Tensor]:
        return [self.value, self.sampling_locations, self.attention_weights]

    def with_floats(self, value: Tensor, locations: Tensor, weights: Tensor) -> "Call":
        return replace(self, value=value, sampling_locations=locations, attention_weights=weights)

    def to(self, value_dtype: torch.dtype, sample_dtype: torch.dtype) -> "Call":
        value, locations, weights = (tensor.detach() for tensor in self.floats)
        return self.with_floats(value.to(value_dtype), locations.to(sample_dtype), weights.to(sample_dtype))

    def requiring_grad(self) -> "Call":
        return self.with_floats(*(tensor.detach().clone().requires_grad_() for tensor in self.floats))


def make_call(case: Case, dtype: torch.dtype = torch.float64, margin: float = 0.3, kink_free: bool = True) -> Call:
    """Random inputs in float64, then rounded to dtype.

    Locations lie in [-margin, 1 + margin]. With kink_free they keep 0.05 pixels away from pixel centres, where the
    gradient jumps and two correct implementations may differ.
    """
    generator = torch.Generator().manual_seed(case.seed)
    points = case.points_per_level

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    samples = (case.batch, case.queries, case.heads, sum(points))
    value = torch.randn(
        (case.batch, case.value_size, case.heads, case.channels), generator=generator, dtype=torch.float64
    )
    locations = uniform(*samples, 2) * (1 + 2 * margin) - margin
    if kink_free:
        locations = _away_from_kinks(locations, case.levels, points)
    weights = uniform(*samples)
    options: dict[str, Any] = {} if case.method == "bilinear" else {"method": case.method}
    if isinstance(case.points, int):
        locations = locations.unflatten(3, (len(case.levels), case.points))
        weights = weights.unflatten(3, (len(case.levels), case.points))
    else:
        options["points_per_level"] = points
    shapes = torch.tensor(case.levels, dtype=torch.int64).view(-1, 2)
    starts = None if case.starts is None else torch.tensor(case.starts, dtype=torch.int64)
    return Call(value, shapes, starts, locations, weights, options).to(dtype, dtype)


def _away_from_kinks(locations: Tensor, levels: Sequence[tuple[int, int]], points: Sequence[int]) -> Tensor:
    result = []
    for (height, width), level in zip(levels, locations.split(list(points), dim=3), strict=True):
        size = torch.tensor([width, height], dtype=level.dtype)
        pixel = level * size - 0.5
        cell = pixel.floor()
        result.append((cell + (pixel - cell).clamp(0.05, 0.95) + 0.5) / size)
    return torch.cat(result, dim=3) if result else locations


def gradients(call: Call, function: Callable[..., Tensor], grad_output: Tensor) -> tuple[Tensor, list[Tensor | None]]:
    """Output and gradients of value, locations and weights (None where there is none)."""
    call = call.requiring_grad()
    output = call.run(function)
    grads = torch.autograd.grad(output, call.floats, grad_output.to(output.dtype), allow_unused=True)
    return output.detach(), list(grads)


def tolerance(call: Call, grad_output: Tensor, value_dtype: torch.dtype, sample_dtype: torch.dtype) -> list[Tensor]:
    """How far output and gradients of value, locations and weights may be from the exact ones, element by element.

    call and grad_output are the rounded inputs in float64. Every result is a sum of products; there are three errors:

    - Each of n products and additions rounds: (n + 8) * eps times the sum of the absolute products, the 8 for a
      coefficient's own operations.
    - The pixel coordinate u * W - 0.5 rounds twice, each time by at most eps times its size. A coordinate off by
      `shift` moves a corner's coefficient by `shift` an axis, the interpolated value by 2 max|v| times that, its
      derivative by 4 max|v| times that.
    - The result is rounded to its dtype: by eps times its size, or by half of the smallest number where it is
      subnormal.
    """
    eps = _unit_roundoff(torch.float64 if value_dtype == torch.float64 else torch.float32)
    value_eps, sample_eps = _unit_roundoff(value_dtype), _unit_roundoff(sample_dtype)
    magnitude = call.with_floats(call.value.abs(), call.sampling_locations, call.attention_weights.abs())
    output, (grad_value, _, _) = gradients(magnitude, grid_sample_formulation, grad_output.abs())
    assert grad_value is not None
    weights = call.attention_weights.abs()
    channels = call.value.shape[-1]
    samples = weights.shape[3:].numel()
    top = call.value.abs().amax()
    side = max(max(pair) for pair in call.spatial_shapes.tolist())
    shift = 2 * eps * (float(call.sampling_locations.abs().amax()) * side + 1)

    grads = grad_output.abs().unflatten(-1, (-1, channels))  # [B, Q, M, D]
    weight_sum = weights.flatten(3).sum(-1)[..., None].expand(grads.shape)
    meeting = (weight_sum * grads).sum(1)[:, None]  # as if all queries met in every pixel
    grad_sum = grads.sum(-1).view(weights.shape[:3] + (1,) * (weights.dim() - 3)).expand(weights.shape)
    to_locations = 2 * side * top * (weights * grad_sum)[..., None].expand(call.sampling_locations.shape)
    value_least, sample_least = _least(value_dtype), _least(sample_dtype)
    return [
        ((4 * samples + 8) * eps + value_eps) * output + 4 * shift * top * weight_sum.flatten(2) + value_least,
        ((call.value.shape[1] * samples + 8) * eps + value_eps) * grad_value + 2 * shift * meeting + value_least,
        ((4 * channels + 8) * eps + sample_eps + 2 * shift) * to_locations + sample_least,
        ((4 * channels + 8) * eps + sample_eps + 4 * shift) * top * grad_sum + sample_least,
    ]


def _unit_roundoff(dtype: torch.dtype) -> float:
    return torch.finfo(dtype).eps / 2


def _least(dtype: torch.dtype) -> float:
    """Half of the smallest positive number."""
    return torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps / 2


def assert_within(names: Sequence[str], got: Sequence[Tensor | None], expected: Sequence[Tensor | None],
                  bounds: Sequence[Tensor]) -> None:  # fmt: skip
    """Print the worst element of each result that is off."""
    for name, came, exact, bound in zip(names, got, expected, bounds, strict=True):
        if came is None or exact is None:
            continue
        excess = (came.double() - exact).abs() - bound
        worst = int(excess.argmax())
        assert not excess.isnan().any() and excess.flatten()[worst] <= 0, (
            f"{name}[{worst}] = {float(came.flatten()[worst])}, exact {float(exact.flatten()[worst])}, "
            f"allowed error {float(bound.flatten()[worst])}"
        )


def relative_error(got: Tensor, expected: Tensor) -> float:
    """Largest error over the largest expected magnitude."""
    assert got.shape == expected.shape, (got.shape, expected.shape)
    if expected.numel() == 0:
        return 0.0
    scale = max(float(expected.abs().amax()), math.ulp(0.0))
    return float((got.double() - expected.double()).abs().amax()) / scale
