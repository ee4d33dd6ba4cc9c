"""Fused calls, border and align_corners as ONNX: the node behind standard operators, in all runtimes, against torch.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import xmsda
import xmsda.onnx
from onnx_check import ROADS, arrays, assert_close, runner
from torch import Tensor, nn
from torch.export import Dim

pytestmark = pytest.mark.usefixtures("one_thread")

LEVELS = [(4, 3), (2, 5)]
# Of the largest magnitude: locations in float32 in another order of operations.
TOLERANCE = 5e-6


class _Fused(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options

    def forward(self, value: Tensor, shapes: Tensor, references: Tensor, offsets: Tensor, logits: Tensor) -> Tensor:
        return xmsda.ms_deform_attn_fused(value, shapes, None, references, offsets, logits, **self.options)


class _Plain(_Fused):
    def forward(self, value: Tensor, shapes: Tensor, locations: Tensor, weights: Tensor) -> Tensor:  # type: ignore[override]
        return xmsda.ms_deform_attn(value, shapes, None, locations, weights, **self.options)


def _check(model: nn.Module, inputs: tuple[Tensor, ...], path: Path, other: tuple[Tensor, ...] | None = None) -> None:
    """Export with a dynamic first axis where `other` has another batch; run both in all runtimes."""
    dynamic = None
    if other is not None:
        dynamic = tuple({0: Dim.DYNAMIC} if a.shape != b.shape else None for a, b in zip(inputs, other, strict=True))
    program = xmsda.onnx.export(model.eval(), inputs, path, dynamic_shapes=dynamic, verbose=False)
    kinds = [(node.domain, node.op_type) for node in program.model.graph.all_nodes()]
    assert kinds.count(("xmsda", "MSDeformAttn")) == 1
    for road in ROADS:
        run = runner(road, str(path))
        for tensors in (inputs, other):
            if tensors is not None:
                with torch.no_grad():
                    want = model(*tensors)
                assert_close(run(arrays(list(tensors)))[0], want.numpy(), TOLERANCE)


def _inputs(references: tuple[int, ...], batch: int = 2, points: int = 3) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(batch)
    queries, heads, levels = 5, 2, len(LEVELS)
    pixels = sum(height * width for height, width in LEVELS)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    return (
        normal(batch, pixels, heads, 4),
        torch.tensor(LEVELS),
        torch.rand((batch, queries, *references), generator=generator),
        normal(batch, queries, heads, levels, points, 2) * 2,
        normal(batch, queries, heads, levels, points),
    )


@pytest.mark.parametrize("references", [(2,), (4,), (2, 2), (2, 4), (1, 2, 2), (2, 3, 4)], ids=str)
def test_references(references: tuple[int, ...], tmp_path: Path) -> None:
    _check(_Fused(), _inputs(references), tmp_path / "model.onnx", _inputs(references, batch=3))


@pytest.mark.parametrize(
    "options",
    [
        {"padding_mode": "border"},
        {"align_corners": True},
        {"padding_mode": "border", "align_corners": True, "offset_scale": 0.3},
        {"method": "discrete"},
    ],
    ids=str,
)
def test_fused_modes(options: dict[str, Any], tmp_path: Path) -> None:
    _check(_Fused(**options), _inputs((2, 4)), tmp_path / "model.onnx")


def test_fused_uneven_points(tmp_path: Path) -> None:
    value, shapes, references, offsets, logits = _inputs((2, 4))
    inputs = (value, shapes, references, offsets.flatten(3, 4)[:, :, :, :4], logits.flatten(3)[:, :, :, :4])
    _check(_Fused(points_per_level=[1, 3]), inputs, tmp_path / "model.onnx")


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_plain_modes(padding: str, align: bool, tmp_path: Path) -> None:
    value, shapes, _, locations, weights = _inputs((2,))
    locations.view(-1)[:6:2] = torch.tensor([float("nan"), float("inf"), -float("inf")])
    model = _Plain(padding_mode=padding, align_corners=align)
    _check(model, (value, shapes, locations, weights), tmp_path / "model.onnx")


@pytest.mark.parametrize("references", [2, 4])
def test_module(references: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = xmsda.nn.MSDeformAttn(16, 2, 2, 3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    shapes = torch.tensor(LEVELS)

    def make(batch: int) -> tuple[Tensor, ...]:
        return torch.randn(batch, 5, 16), torch.rand(batch, 5, 2, references), torch.randn(batch, 22, 16), shapes

    _check(module, make(2), tmp_path / "model.onnx", make(3))
