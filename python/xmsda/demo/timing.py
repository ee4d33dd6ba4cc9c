"""Time of a training step and of one MSDA call under each implementation, interleaved, on the model's own tensors.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from transformers import DeformableDetrForObjectDetection
from transformers.models.deformable_detr.modeling_deformable_detr import MultiScaleDeformableAttention

from xmsda.demo.implementations import IMPLEMENTATIONS
from xmsda.demo.train import Trainer, msda_modules

# Part of a step or call -> implementation -> seconds, one per round.
Samples = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class MsdaCall:
    """The inputs of one call of transformers' MSDA module.

    Attributes
    ----------
    value
        [B, S, M, D].
    level_shapes
        [(H, W), ...].
    locations
        [B, Q, M, L, P, 2].
    weights
        [B, Q, M, L, P].
    """

    value: torch.Tensor
    level_shapes: list[tuple[int, int]]
    locations: torch.Tensor
    weights: torch.Tensor

    def problem(self) -> str:
        """Return the sizes as the problem string that the xmsda driver understands."""
        batch, queries, heads, _, points = self.weights.shape
        levels = ",".join(f"{height}x{width}" for height, width in self.level_shapes)
        return f"b{batch}_q{queries}_m{heads}_d{self.value.shape[3]}_p{points}_f32_l{levels}"

    def run(self) -> tuple[float, float]:
        """Return the seconds of one forward and one backward with whichever implementation is in place."""
        module = MultiScaleDeformableAttention()
        shapes = torch.tensor(self.level_shapes)
        areas = shapes.prod(dim=1)
        starts = torch.cat([areas.new_zeros(1), areas.cumsum(0)[:-1]])
        inputs = [tensor.detach().requires_grad_() for tensor in (self.value, self.locations, self.weights)]
        value, locations, weights = inputs
        start = time.perf_counter()
        output = module(value, shapes, self.level_shapes, starts, locations, weights, 64)
        forward = time.perf_counter() - start
        gradient = torch.ones_like(output)
        start = time.perf_counter()
        torch.autograd.grad(output, inputs, gradient)
        return forward, time.perf_counter() - start


def recorded_calls(model: DeformableDetrForObjectDetection, forward: Callable[[], object]) -> dict[str, MsdaCall]:
    """Run `forward` once and return the first MSDA call of the encoder and of the decoder, by those names."""
    calls: dict[str, MsdaCall] = {}
    hooks = []
    for name, module in msda_modules(model).items():
        part = "encoder" if ".encoder." in name else "decoder"

        def record(_: torch.nn.Module, inputs: tuple, part: str = part) -> None:
            value, _, level_shapes, _, locations, weights, _ = inputs
            shapes = [(int(height), int(width)) for height, width in level_shapes]
            tensors = (tensor.detach().clone() for tensor in (value, locations, weights))
            value, locations, weights = tensors
            calls.setdefault(part, MsdaCall(value, shapes, locations, weights))

        hooks.append(module.register_forward_pre_hook(record))
    try:
        with torch.no_grad():
            forward()
    finally:
        for hook in hooks:
            hook.remove()
    return calls


def full_size_call(seed: int) -> MsdaCall:
    """Return an encoder call of the published Deformable-DETR R50 at 800x1333 pixels, with random tensors.

    Every query samples around its own position, with a spread of two pixels of each level, as a trained encoder does.
    """
    generator = torch.Generator().manual_seed(seed)
    heads, channels, points = 8, 32, 4
    level_shapes = [(100, 167), (50, 84), (25, 42), (13, 21)]
    centres = []
    for height, width in level_shapes:
        y, x = torch.meshgrid((torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width, indexing="ij")
        centres.append(torch.stack([x, y], dim=-1).reshape(-1, 2))
    reference = torch.cat(centres)
    pixels = len(reference)
    sizes = torch.tensor([(width, height) for height, width in level_shapes], dtype=torch.float32)
    spread = 2 * torch.randn(1, pixels, heads, len(level_shapes), points, 2, generator=generator)
    weights = torch.randn(1, pixels, heads, len(level_shapes) * points, generator=generator).softmax(dim=-1)
    return MsdaCall(
        value=torch.randn(1, pixels, heads, channels, generator=generator),
        level_shapes=level_shapes,
        locations=reference[None, :, None, None, None, :] + spread / sizes[None, None, None, :, None, :],
        weights=weights.view(1, pixels, heads, len(level_shapes), points),
    )


def _interleaved(rounds: int) -> Iterator[tuple[str, bool]]:
    """Yield implementations with each in place in turn: one warm-up round, then `rounds` that count."""
    for round_index in range(rounds + 1):
        for name, context in IMPLEMENTATIONS.items():
            with context():
                yield name, round_index > 0


def time_call(call: MsdaCall, rounds: int, on_round: Callable[[], None]) -> Samples:
    """Time forward and backward of one MSDA call."""
    samples: Samples = {part: {name: [] for name in IMPLEMENTATIONS} for part in ("forward", "backward")}
    for name, counts in _interleaved(rounds):
        forward, backward = call.run()
        if counts:
            samples["forward"][name].append(forward)
            samples["backward"][name].append(backward)
        on_round()
    return samples


def time_steps(trainer: Trainer, rounds: int, on_round: Callable[[], None]) -> Samples:
    """Time whole training steps; the trainer's model goes on training."""
    parts = ("whole step", "forward", "backward", "optimizer")
    samples: Samples = {part: {name: [] for name in IMPLEMENTATIONS} for part in parts}
    for name, counts in _interleaved(rounds):
        step = trainer.step()
        if counts:
            seconds = (step.forward + step.backward + step.optimizer, step.forward, step.backward, step.optimizer)
            for part, value in zip(parts, seconds, strict=True):
                samples[part][name].append(value)
        on_round()
    return samples


@dataclass(frozen=True)
class Row:
    """One line of the table: seconds of one part of one thing, for both implementations.

    Attributes
    ----------
    subject
        What is timed, for example "encoder call".
    problem
        The problem string of a call, empty for a training step.
    part
        For example "forward".
    median
        Median seconds by implementation.
    quartiles
        First and third quartile by implementation.
    rounds
        Number of timings behind each median.
    """

    subject: str
    problem: str
    part: str
    median: dict[str, float]
    quartiles: dict[str, tuple[float, float]]
    rounds: int


def rows(subject: str, problem: str, samples: Samples) -> list[Row]:
    """Reduce samples to the lines of the table."""
    result = []
    for part, by_name in samples.items():
        quartiles = {name: statistics.quantiles(values, n=4, method="inclusive") for name, values in by_name.items()}
        result.append(
            Row(
                subject=subject,
                problem=problem,
                part=part,
                median={name: three[1] for name, three in quartiles.items()},
                quartiles={name: (three[0], three[2]) for name, three in quartiles.items()},
                rounds=min(len(values) for values in by_name.values()),
            )
        )
    return result
