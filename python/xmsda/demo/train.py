"""Training steps, and the proof that two implementations train alike.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DeformableDetrForObjectDetection
from transformers.models.deformable_detr.modeling_deformable_detr import MultiScaleDeformableAttention

from xmsda.demo.model import build_model
from xmsda.demo.photo import LabelledPhoto, to_input

LEARNING_RATE = 1.5e-3
# torch's second beta, 0.999, looks back over more steps than there are: 0.99 finds the objects 50 steps earlier.
BETAS = (0.9, 0.99)
WEIGHT_DECAY = 1e-4
# Gradients have norms of 5 to 80, and all are clipped: a step with an odd matching counts no more than any other.
CLIP_NORM = 0.1
WARMUP_STEPS = 10
# The schedule is a half cosine down to this part of the learning rate: the boxes settle in the last third.
FINAL_FRACTION = 0.02


@dataclass(frozen=True)
class Step:
    """One training step: its loss, and the wall-clock seconds of its three parts."""

    loss: float
    forward: float
    backward: float
    optimizer: float


class Trainer:
    """A model and its optimiser; two trainers of the same seed hold the same bits.

    A batch is the photo and its mirror image: with the photo alone, the queries learn the boxes by heart and repeat
    them on any picture.
    """

    def __init__(self, photo: LabelledPhoto, seed: int, total_steps: int) -> None:
        self.model = build_model(photo.class_names, seed)
        views = (photo, photo.mirrored())
        self._pixels = torch.cat([to_input(view.pixels) for view in views])
        self._targets = [view.target() for view in views]
        self._optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=LEARNING_RATE, betas=BETAS, weight_decay=WEIGHT_DECAY
        )

        def rate(step: int) -> float:
            cosine = 0.5 + 0.5 * math.cos(math.pi * step / total_steps)
            return min(1.0, (step + 1) / WARMUP_STEPS) * (FINAL_FRACTION + (1 - FINAL_FRACTION) * cosine)

        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimizer, rate)

    def forward(self) -> Any:
        """Return the model's output on the batch, with its loss."""
        return self.model(self._pixels, labels=self._targets)

    def step(self) -> Step:
        """Run one training step with whichever implementation is in place."""
        self._optimizer.zero_grad(set_to_none=True)
        start = time.perf_counter()
        loss = self.forward().loss
        after_forward = time.perf_counter()
        loss.backward()
        after_backward = time.perf_counter()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
        self._optimizer.step()
        self._schedule.step()
        end = time.perf_counter()
        return Step(loss.item(), after_forward - start, after_backward - after_forward, end - after_backward)


def msda_modules(model: DeformableDetrForObjectDetection) -> dict[str, MultiScaleDeformableAttention]:
    """Return the modules that compute multi-scale deformable attention, by name, in the order they run."""
    return {name: module for name, module in model.named_modules() if isinstance(module, MultiScaleDeformableAttention)}


@contextlib.contextmanager
def rounding_noise(model: DeformableDetrForObjectDetection, seed: int) -> Iterator[None]:
    """Disturb every MSDA output of the model by as much as rounding may, in either implementation.

    With the unit roundoff u = 2^-24, W the widest level and L*P points, an output errs relatively by about
    3*W*u   three roundings of a pixel coordinate of up to W pixels (scale, shift, and the [-1, 1] convention),
    4*u     the products of two interpolation weights, the attention weight and the value,
    L*P*u   the sum over the points, one after another.
    """
    generator = torch.Generator().manual_seed(seed)

    def disturb(module: torch.nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        level_shapes, points = inputs[2], math.prod(inputs[4].shape[3:5])
        bound = (3 * max(width for _, width in level_shapes) + 4 + points) * 2.0**-24
        return output * (1 + bound * (2 * torch.rand(output.shape, generator=generator) - 1))

    hooks = [module.register_forward_hook(disturb) for module in msda_modules(model).values()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@dataclass(frozen=True)
class Agreement:
    """Losses of the first steps from the same seed.

    Attributes
    ----------
    losses
        By implementation, one per step.
    deviations
        |difference| of the two losses over grid_sample's, per step.
    bounds
        What `deviations` may reach, per step; see `bound_from_control`.
    """

    losses: dict[str, list[float]]
    deviations: list[float]
    bounds: list[float]

    @property
    def holds(self) -> bool:
        """Whether every deviation is within its bound; false for a NaN."""
        return all(deviation <= bound for deviation, bound in zip(self.deviations, self.bounds, strict=True))


def relative_deviations(losses: list[float], expected: list[float]) -> list[float]:
    """Return |loss - expected| / |expected| per step."""
    return [abs(loss - target) / abs(target) for loss, target in zip(losses, expected, strict=True)]


def bound_from_control(control_deviations: list[float]) -> list[float]:
    """Turn the deviations of a control run into bounds.

    The control run is grid_sample once more with `rounding_noise`: it tells how far training carries a disturbance of
    the size that rounding may have. A bound is four times the largest control deviation so far (one draw of noise may
    be a lucky one, and deviations only grow on average), plus 32 unit roundoffs for the sums of the loss itself.
    """
    largest = 0.0
    bounds = []
    for deviation in control_deviations:
        largest = max(largest, deviation)
        bounds.append(4 * largest + 32 * 2.0**-24)
    return bounds


def first_losses(trainer: Trainer, steps: int, on_step: Callable[[], None] = lambda: None) -> list[float]:
    """Run `steps` training steps and return their losses."""
    losses = []
    for _ in range(steps):
        losses.append(trainer.step().loss)
        on_step()
    return losses
