"""The attention module of Deformable-DETR's encoder, and the whole model, at 800x1333.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import xmsda
from torch import Tensor
from xmsda.integrations import _fused_module
from xmsda.integrations import transformers as integration

from bench.integrations.rows import Figures, Row, interleaved

SHAPES = [(100, 167), (50, 84), (25, 42), (13, 21)]
HEADS, CHANNELS, POINTS = 8, 32, 4
FUSED_BAR = 1.25
END_TO_END_BAR = 1.9
# Mean differences over mean results: float32 in another order of sums, through a network of 12 layers at the end.
MODULE_TOLERANCE = 1e-4
MODEL_TOLERANCE = 1e-3


def _module_inputs() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    pixels = sum(height * width for height, width in SHAPES)
    centres = [
        torch.stack(
            torch.meshgrid((torch.arange(w) + 0.5) / w, (torch.arange(h) + 0.5) / h, indexing="xy"), dim=-1
        ).view(-1, 2)
        for h, w in SHAPES
    ]
    references = torch.cat(centres)[None, :, None].repeat(1, 1, len(SHAPES), 1)
    samples = (1, pixels, HEADS, len(SHAPES), POINTS)
    value = torch.randn(1, pixels, HEADS, CHANNELS, generator=generator)
    offsets = 2 * torch.randn(*samples, 2, generator=generator)
    logits = torch.randn(*samples[:3], len(SHAPES) * POINTS, generator=generator)
    return [value, references, offsets, logits]


def unfused(value: Tensor, references: Tensor, offsets: Tensor, logits: Tensor) -> Tensor:
    """What the module computes between its linear layers, as transformers writes it."""
    shapes = torch.tensor(SHAPES)
    weights = logits.softmax(-1).view(offsets.shape[:-1])
    normalizer = torch.stack([shapes[..., 1], shapes[..., 0]], -1)
    locations = references[:, :, None, :, None, :] + offsets / normalizer[None, None, None, :, None, :]
    return xmsda.ms_deform_attn(value, shapes, None, locations, weights)


def fused(value: Tensor, references: Tensor, offsets: Tensor, logits: Tensor) -> Tensor:
    """The same by the fused operator."""
    return xmsda.ms_deform_attn_fused(value, SHAPES, None, references, offsets, logits)


def _compare(contestants: dict[str, Callable[[], list[Tensor]]], repetitions: int, tolerance: float) -> Figures:
    """The first contestant against the last; all have the results of the first."""
    first, *others = contestants
    expected = contestants[first]()
    for name in others:
        for theirs, ours in zip(expected, contestants[name](), strict=True):
            # Means, because gradients by offsets jump where a location is on a pixel centre: there two roundings of one
            # location give different ones, both right.
            difference = (theirs - ours).abs().mean().item() / max(theirs.abs().mean().item(), 1e-30)
            if not difference <= tolerance:
                raise ValueError(
                    f"{name}: expected the results of {first} within {tolerance:.0e}, got {difference:.1e}"
                )
    times = interleaved(dict(contestants), repetitions)
    detail = ", ".join(f"{name} {times[name]:.1f} ms" for name in others[:-1])
    return Figures(times[first], times[others[-1]], repetitions, detail=detail)


def fused_module(training: bool) -> Figures:
    """Everything but the linear layers: with the unfused and with the fused operator."""
    inputs = _module_inputs()
    cotangent = torch.randn(1, inputs[0].shape[1], HEADS * CHANNELS, generator=torch.Generator().manual_seed(1))

    def infer(function: Callable[..., Tensor]) -> list[Tensor]:
        with torch.no_grad():
            return [function(*inputs)]

    def train(function: Callable[..., Tensor]) -> list[Tensor]:
        # As in a model: the reference points are no parameters.
        value, offsets, logits = (inputs[i].detach().requires_grad_() for i in (0, 2, 3))
        output = function(value, inputs[1], offsets, logits)
        return [output.detach(), *torch.autograd.grad(output, (value, offsets, logits), cotangent)]

    run = train if training else infer
    return _compare({"unfused": lambda: run(unfused), "fused": lambda: run(fused)}, 9, MODULE_TOLERANCE)


def _model() -> torch.nn.Module:
    from transformers import DeformableDetrConfig, DeformableDetrForObjectDetection, ResNetConfig

    torch.manual_seed(0)
    backbone = ResNetConfig(out_features=["stage2", "stage3", "stage4"])
    # Without timm, whose package would bring another torch.
    config = DeformableDetrConfig(use_timm_backbone=False, backbone=None, backbone_config=backbone)
    return DeformableDetrForObjectDetection(config).eval()


def end_to_end(training: bool) -> Figures:
    """Deformable-DETR R50 with random weights, one picture: as it is, with the operator, with the fused one."""
    model = _model()
    picture = torch.randn(1, 3, 800, 1333, generator=torch.Generator().manual_seed(2))

    def run() -> list[Tensor]:
        if not training:
            with torch.no_grad():
                output = model(pixel_values=picture)
            return [output.logits, output.pred_boxes]
        model.zero_grad()
        output = model(pixel_values=picture)
        (output.logits.square().mean() + output.pred_boxes.square().mean()).backward()
        return [output.logits.detach(), output.pred_boxes.detach()]

    def patched() -> list[Tensor]:
        with integration.patch():
            return run()

    def without_fusion() -> list[Tensor]:
        with integration.patch(), _fused_module.disabled():
            return run()

    return _compare({"unpatched": run, "unfused": without_fusion, "fused": patched}, 3, MODEL_TOLERANCE)


ROWS = [
    Row("fused-module", "MSDA module, unfused to fused", FUSED_BAR, lambda: fused_module(False)),
    Row("training-module", "the same, forward and backward", None, lambda: fused_module(True)),
    Row("end-to-end", "Deformable-DETR R50, unpatched to fused", END_TO_END_BAR, lambda: end_to_end(False)),
    Row("training-end-to-end", "the same, forward and backward", None, lambda: end_to_end(True)),
]
