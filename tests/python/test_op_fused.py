"""The fused entry and the variants of sampling against torch's float64 grid_sample and autograd.

SPDX-License-Identifier: Apache-2.0
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import xmsda
from torch import Tensor

SHAPES = [(5, 7), (3, 2), (1, 4)]
PIXELS = sum(height * width for height, width in SHAPES)
RULES = [("zeros", False), ("zeros", True), ("border", False), ("border", True)]


def formulation(
    value: Tensor, locations: Tensor, weights: Tensor, padding: str = "zeros", align: bool = False
) -> Tensor:
    """[B, S, M, D], [B, Q, M, L, P, 2], [B, Q, M, L, P] by one grid_sample per level."""
    batch, _, heads, channels = value.shape
    queries = locations.shape[1]
    total, start = value.new_zeros(()), 0
    for level, (height, width) in enumerate(SHAPES):
        image = value[:, start : start + height * width].permute(0, 2, 3, 1).reshape(-1, channels, height, width)
        grid = 2 * locations[:, :, :, level].transpose(1, 2).flatten(0, 1) - 1
        sampled = F.grid_sample(image, grid, "bilinear", padding, align)  # [B*M, D, Q, P]
        weight = weights[:, :, :, level].transpose(1, 2).reshape(batch * heads, 1, queries, -1)
        total = total + (sampled * weight).sum(-1)
        start += height * width
    return total.view(batch, heads * channels, queries).transpose(1, 2)


def unfused(
    value: Tensor, references: Tensor, offsets: Tensor, logits: Tensor, scale: float | None = None, **rule: Any
) -> Tensor:
    """References [B, Q, L or 1, Z, 2 or 4]."""
    points = offsets.shape[4]
    anchors = references.shape[3]
    chosen = references.expand(-1, -1, len(SHAPES), -1, -1)[:, :, :, [p % anchors for p in range(points)]][:, :, None]
    size = torch.tensor([(width, height) for height, width in SHAPES], dtype=value.dtype)[:, None]
    if references.shape[-1] == 2:
        locations = chosen + offsets * (1 if scale is None else scale) / size
    else:
        locations = chosen[..., :2] + offsets * (0.5 if scale is None else scale) / points * chosen[..., 2:]
    weights = logits.flatten(3).softmax(-1).view(logits.shape)
    return formulation(value, locations, weights, **rule)


def inputs(references: tuple[int, ...], points: int = 4, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    batch, queries, heads, channels = 2, 6, 3, 5
    value = torch.randn(batch, PIXELS, heads, channels, dtype=torch.float64, generator=generator)
    reference = torch.rand(batch, queries, *references, dtype=torch.float64, generator=generator)
    samples = (batch, queries, heads, len(SHAPES), points)
    offsets = 2 * torch.randn(*samples, 2, dtype=torch.float64, generator=generator)
    logits = torch.randn(samples, dtype=torch.float64, generator=generator)
    return [tensor.requires_grad_() for tensor in (value, reference, offsets, logits)]


def compare(expected: Callable[..., Tensor], got: Callable[..., Tensor], tensors: list[Tensor]) -> None:
    theirs, ours = expected(*tensors), got(*tensors)
    torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-12)
    cotangent = torch.randn(theirs.shape, dtype=theirs.dtype, generator=torch.Generator().manual_seed(9))
    for a, b in zip(
        torch.autograd.grad(ours, tensors, cotangent), torch.autograd.grad(theirs, tensors, cotangent), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("target", ["auto", "reference"])
@pytest.mark.parametrize("padding, align", RULES)
def test_variants_are_grid_sample(padding: str, align: bool, target: str) -> None:
    value, _, offsets, logits = inputs((2,))
    locations = (offsets.detach() / 3 + 0.5).requires_grad_()
    with xmsda.use_target(target):
        compare(
            lambda v, at, w: formulation(v, at, w, padding, align),
            lambda v, at, w: xmsda.ms_deform_attn(v, SHAPES, None, at, w, padding_mode=padding, align_corners=align),
            [value, locations, logits],
        )


@pytest.mark.parametrize("target", ["auto", "reference"])
@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize(
    "references",
    [(2,), (4,), (3, 2), (3, 4), (1, 2, 2), (3, 2, 4), (1, 4)],
    ids=lambda shape: "x".join(map(str, shape)),
)
def test_fused_is_the_formula(references: tuple[int, ...], scale: float | None, target: str) -> None:
    def full(reference: Tensor) -> Tensor:
        if reference.dim() == 3:
            return reference[:, :, None, None]
        return reference[:, :, :, None] if reference.dim() == 4 else reference

    with xmsda.use_target(target):
        compare(
            lambda v, r, o, w: unfused(v, full(r), o, w, scale),
            lambda v, r, o, w: xmsda.ms_deform_attn_fused(v, SHAPES, None, r, o, w, offset_scale=scale),
            inputs(references),
        )


@pytest.mark.parametrize("padding, align", RULES)
def test_fused_variants(padding: str, align: bool) -> None:
    compare(
        lambda v, r, o, w: unfused(v, r[:, :, :, None], o, w, padding=padding, align=align),
        lambda v, r, o, w: xmsda.ms_deform_attn_fused(
            v, SHAPES, None, r, o, w.flatten(3), padding_mode=padding, align_corners=align
        ),
        inputs((3, 4), seed=4),
    )


def test_points_per_level_and_levels_as_a_list() -> None:
    value, reference, offsets, logits = inputs((3, 2), points=2)
    flat = (offsets.flatten(3, 4), logits.flatten(3))
    sizes = [height * width for height, width in SHAPES]
    expected = xmsda.ms_deform_attn_fused(value, SHAPES, None, reference, offsets, logits)
    got = xmsda.ms_deform_attn_fused(value, SHAPES, None, reference, flat[0], flat[1], points_per_level=[2, 2, 2])
    assert torch.equal(expected, got)
    # Levels as models with [B, M * D, H, W] have them.
    levels = [
        level.permute(0, 2, 3, 1).flatten(1, 2).unflatten(1, (3, 5)).flatten(3) for level in value.split(sizes, 1)
    ]
    views = [level.permute(0, 3, 1, 2) for level in levels]
    assert torch.equal(xmsda.ms_deform_attn_fused(views, SHAPES, None, reference, offsets, logits), expected)
    with pytest.raises(ValueError, match=r"value\[1\]: expected \[B, H \* W, M, D\] with 3 \* 2 pixels"):
        xmsda.ms_deform_attn(views[:1] + views[:1] + views[2:], SHAPES, None, offsets, logits)


def test_discrete_has_no_gradient_to_offsets() -> None:
    value, reference, offsets, logits = inputs((3, 2))
    output = xmsda.ms_deform_attn_fused(value, SHAPES, None, reference, offsets, logits, method="discrete")
    grads = torch.autograd.grad(output.sum(), (value, offsets, logits, reference), allow_unused=True)
    assert grads[0].abs().sum() > 0 and grads[1] is None and grads[2].abs().sum() > 0
    assert grads[3].abs().sum() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_half_values_and_float_references(dtype: torch.dtype) -> None:
    tensors = [tensor.detach() for tensor in inputs((3, 4))]
    low = [tensor.to(dtype).requires_grad_() for tensor in tensors]
    output = xmsda.ms_deform_attn_fused(low[0], SHAPES, None, low[1], low[2], low[3])
    assert output.dtype == dtype
    output.float().sum().backward()
    wide = [tensor.detach().double() for tensor in low]
    expected = xmsda.ms_deform_attn_fused(wide[0], SHAPES, None, wide[1], wide[2], wide[3])
    tolerance = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 2e-3}[dtype]
    torch.testing.assert_close(output.double(), expected, rtol=tolerance, atol=tolerance)
    assert all(tensor.grad is not None and tensor.grad.dtype == dtype for tensor in low)


@pytest.mark.parametrize("references", [(3, 2), (1, 2, 4)])
def test_opcheck(references: tuple[int, ...]) -> None:
    value, reference, offsets, logits = (tensor.detach().float().requires_grad_() for tensor in inputs(references))
    points = reference.squeeze(2) if reference.dim() == 5 else reference.unsqueeze(3)
    arguments: Any = (value, torch.tensor(SHAPES), None, points, offsets, logits, [], 2, 0.0, "auto")
    torch.library.opcheck(torch.ops.xmsda.ms_deform_attn_general_forward.default, arguments)
    plain: Any = (value, torch.tensor(SHAPES), None, None, offsets, logits, [], 6, 0.0, "auto")
    torch.library.opcheck(torch.ops.xmsda.ms_deform_attn_general_forward.default, plain)


def test_compile_and_export() -> None:
    tensors = [tensor.detach().float() for tensor in inputs((3, 2))]

    class Module(torch.nn.Module):
        def forward(self, value: Tensor, reference: Tensor, offsets: Tensor, logits: Tensor) -> Tensor:
            return xmsda.ms_deform_attn_fused(value, SHAPES, None, reference, offsets, logits)

    expected = Module()(*tensors)
    assert torch.equal(torch.compile(Module(), fullgraph=True, backend="aot_eager")(*tensors), expected)
    exported = torch.export.export(Module(), tuple(tensors))
    assert "ms_deform_attn_general_forward" in str(exported.graph)
    assert torch.equal(exported.module()(*tensors), expected)


def test_autocast_keeps_offsets_precise() -> None:
    tensors = [tensor.detach().float() for tensor in inputs((3, 2))]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = xmsda.ms_deform_attn_fused(tensors[0], SHAPES, None, tensors[1], tensors[2], tensors[3])
    assert output.dtype == torch.bfloat16
    expected = xmsda.ms_deform_attn_fused(tensors[0], SHAPES, None, tensors[1], tensors[2], tensors[3])
    torch.testing.assert_close(output.float(), expected, rtol=2e-2, atol=2e-2)


def test_options_of_other_backends_are_refused_with_any_padding() -> None:
    with pytest.raises(ValueError, match="chip: expected None with backend 'cpu', got '910b2'"):
        xmsda.ms_deform_attn(
            torch.rand(2, 24, 3, 4),
            SHAPES,
            None,
            torch.rand(2, 6, 3, 2, 2, 2),
            torch.rand(2, 6, 3, 2, 2),
            padding_mode="border",
            chip="910b2",
        )


@pytest.mark.parametrize(
    "change, message",
    [
        ({"reference_points": torch.rand(2, 6, 3, 3)}, "reference_points: expected"),
        ({"reference_points": torch.rand(2, 6, 2, 2)}, "reference_points: expected"),
        ({"reference_points": torch.rand(2, 2)}, "reference_points: expected"),
        ({"sampling_offsets": torch.rand(2, 6, 3, 3, 3, 2)}, "attention_logits: expected"),
        ({"attention_logits": torch.rand(2, 6, 3, 11)}, "attention_logits: expected"),
        ({"sampling_offsets": torch.rand(2, 6, 3, 3, 4, 2).double()}, "sampling_offsets: expected"),
        ({"padding_mode": "reflection"}, "padding_mode: expected 'zeros' or 'border', got 'reflection'"),
        ({"method": "discrete", "padding_mode": "border"}, "method: expected 'bilinear' with padding_mode 'border'"),
        ({"offset_scale": -1.0}, "offset_scale: expected a positive finite number, got -1.0"),
    ],
)
def test_errors_name_the_argument(change: dict[str, Any], message: str) -> None:
    value, reference, offsets, logits = (tensor.detach().float() for tensor in inputs((3, 2)))
    arguments: dict[str, Any] = {
        "value": value,
        "spatial_shapes": SHAPES,
        "level_start_index": None,
        "reference_points": reference,
        "sampling_offsets": offsets,
        "attention_logits": logits,
    }
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        xmsda.ms_deform_attn_fused(**{**arguments, **change})


def test_types() -> None:
    value, _, offsets, logits = (tensor.detach() for tensor in inputs((3, 2)))
    with pytest.raises(TypeError, match="reference_points: expected a tensor, got list"):
        xmsda.ms_deform_attn_fused(value, SHAPES, None, [[0.5, 0.5]], offsets, logits)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="align_corners: expected True or False, got 1"):
        xmsda.ms_deform_attn(value, SHAPES, None, offsets, logits, align_corners=1)  # type: ignore[arg-type]
