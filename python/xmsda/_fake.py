"""Shapes, dtypes and strides of the operators' results without computing them, for torch.compile and torch.export.

SPDX-License-Identifier: Apache-2.0

The checks are those of the compiled operators as far as they need no data.
"""

from typing import Any, NoReturn

import torch
from torch import Tensor

from xmsda import _library as _library

_VALUE_DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
_LEVEL_DTYPES = (torch.int64, torch.int32)


def _check_arguments(
    value: Tensor,
    spatial_shapes: Tensor,
    level_start_index: Tensor | None,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    points: list[int] | None,
) -> None:
    _check(value.dim() == 4, "value", "[B, S, M, D]", value.shape)
    _check(value.dtype in _VALUE_DTYPES, "value", "float32, float64, bfloat16 or float16", value.dtype)
    _check(spatial_shapes.dim() == 2, "spatial_shapes", "[L, 2]", spatial_shapes.shape)
    _check(spatial_shapes.dtype in _LEVEL_DTYPES, "spatial_shapes", "int64 or int32", spatial_shapes.dtype)
    num_levels = spatial_shapes.shape[0]
    _check_shape("spatial_shapes", spatial_shapes, [num_levels, 2], "[L, 2]")
    if level_start_index is not None:
        _check(level_start_index.dtype in _LEVEL_DTYPES, "level_start_index", "int64 or int32", level_start_index.dtype)
        _check_shape("level_start_index", level_start_index, [num_levels], "[L]")
    for name, tensor in (("sampling_locations", sampling_locations), ("attention_weights", attention_weights)):
        _check(tensor.device == value.device, name, f"value's device {value.device}", tensor.device)
    # Level metadata may stay on the CPU beside meta tensors: models compute with it.
    for name, levels in (("spatial_shapes", spatial_shapes), ("level_start_index", level_start_index)):
        if levels is not None and levels.device.type != "cpu":
            _check(levels.device == value.device, name, f"value's device {value.device}", levels.device)
    _check_samples(value, num_levels, sampling_locations, attention_weights, points)
    half = value.dtype in (torch.bfloat16, torch.float16)
    dtypes = (value.dtype, torch.float32) if half else (value.dtype,)
    _check(sampling_locations.dtype in dtypes, "sampling_locations", f"one of {dtypes}", sampling_locations.dtype)
    _check(
        attention_weights.dtype == sampling_locations.dtype,
        "attention_weights",
        f"sampling_locations' {sampling_locations.dtype}",
        attention_weights.dtype,
    )


def _check_samples(
    value: Tensor, num_levels: int, locations: Tensor, weights: Tensor, points: list[int] | None
) -> None:
    batch, _, num_heads, _ = value.shape
    points = points or []
    if locations.dim() == 6:
        axes = [batch, locations.shape[1], num_heads, num_levels, locations.shape[4]]
        meaning = "[B, Q, M, L, P"
        for count in points:
            _check(count == locations.shape[4], "points_per_level", f"P = {locations.shape[4]} throughout", count)
    else:
        expected = "[B, Q, M, L, P, 2], or [B, Q, M, K, 2] with points_per_level"
        _check(locations.dim() == 5, "sampling_locations", expected, locations.shape)
        _check(len(points) == num_levels, "points_per_level", f"one number per level, {num_levels}", len(points))
        axes = [batch, locations.shape[1], num_heads, sum(points)]
        meaning = "[B, Q, M, K"
    _check_shape("sampling_locations", locations, [*axes, 2], meaning + ", 2]")
    _check_shape("attention_weights", weights, axes, meaning + "]")


def _check_shape(name: str, tensor: Tensor, shape: list[int], meaning: str) -> None:
    # One axis after the other, so that a symbolic size becomes a constraint on itself only.
    _check(tensor.dim() == len(shape), name, f"{meaning} = {shape}", tensor.shape)
    for came, expected in zip(tensor.shape, shape, strict=True):
        _check(came == expected, name, f"{meaning} = {shape}", tensor.shape)


def _check(condition: Any, name: str, expected: str, got: Any) -> None:
    if isinstance(condition, bool):
        if not condition:
            _fail(name, expected, got)
    else:
        torch._check_value(condition, lambda: f"{name}: expected {expected}, got {got}")


def _fail(name: str, expected: str, got: Any) -> NoReturn:
    got = list(got) if isinstance(got, torch.Size) else got
    raise ValueError(f"{name}: expected {expected}, got {got}")


def _fake_raw_forward(
    value: Tensor,
    spatial_shapes: Tensor,
    level_start_index: Tensor | None,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    points: list[int] | None,
    discrete: bool,
) -> Tensor:
    _check_arguments(value, spatial_shapes, level_start_index, sampling_locations, attention_weights, points)
    batch, _, num_heads, channels = value.shape
    return value.new_empty((batch, sampling_locations.shape[1], num_heads * channels))


def _fake_raw_backward(
    value: Tensor,
    spatial_shapes: Tensor,
    level_start_index: Tensor | None,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    points: list[int] | None,
    discrete: bool,
    grad_output: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    _check_arguments(value, spatial_shapes, level_start_index, sampling_locations, attention_weights, points)
    batch, _, num_heads, channels = value.shape
    shape = [batch, sampling_locations.shape[1], num_heads * channels]
    _check_shape("grad_output", grad_output, shape, "[B, Q, M*D]")
    _check(grad_output.dtype == value.dtype, "grad_output", f"value's {value.dtype}", grad_output.dtype)
    return (
        torch.empty_like(value),
        torch.empty_like(sampling_locations, memory_format=torch.contiguous_format),
        torch.empty_like(attention_weights, memory_format=torch.contiguous_format),
    )


# Behind the raw operators' arguments, a public operator has the names of what computes.
_RAW_ARGUMENTS = 7


def _fake_forward(*arguments: Any) -> Tensor:
    return _fake_raw_forward(*arguments[:_RAW_ARGUMENTS])


def _fake_backward(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    raw = (*arguments[:_RAW_ARGUMENTS], arguments[-1])
    return _fake_raw_backward(*raw)


def _check_references(value: Tensor, num_levels: int, references: Tensor, offsets: Tensor) -> None:
    dims = references.dim()
    expected = "[B, Q, Z, 2 or 4] or [B, Q, L, Z, 2 or 4]"
    _check(dims in (4, 5), "reference_points", expected, references.shape)
    _check(references.shape[-1] in (2, 4), "reference_points", expected, references.shape)
    levels = [num_levels] if dims == 5 else []
    shape = [value.shape[0], offsets.shape[1], *levels, references.shape[-2], references.shape[-1]]
    _check_shape("reference_points", references, shape, expected)
    dtype = torch.float64 if value.dtype == torch.float64 else torch.float32
    _check(references.dtype == dtype, "reference_points", f"{dtype} for a value of {value.dtype}", references.dtype)


def _fake_general_forward(
    value: Tensor,
    spatial_shapes: Tensor,
    level_start_index: Tensor | None,
    reference_points: Tensor | None,
    sampling: Tensor,
    attention: Tensor,
    points: list[int],
    mode: int,
    offset_scale: float,
    target: str,
) -> Tensor:
    output = _fake_raw_forward(value, spatial_shapes, level_start_index, sampling, attention, points, False)
    if reference_points is not None:
        _check_references(value, spatial_shapes.shape[0], reference_points, sampling)
    return output


def _fake_general_backward(*arguments: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    *forward, reference_gradient, grad_output = arguments
    value, shapes, starts, references, sampling, attention, points = forward[:7]
    _fake_general_forward(*forward)
    grad_value, grad_sampling, grad_attention = _fake_raw_backward(
        value, shapes, starts, sampling, attention, points, False, grad_output
    )
    wanted = references is not None and reference_gradient
    grad_references = (
        torch.empty_like(references, memory_format=torch.contiguous_format) if wanted else value.new_empty((0,))
    )
    return grad_value, grad_references, grad_sampling, grad_attention


torch.library.register_fake("xmsda::ms_deform_attn_general_forward", _fake_general_forward)
torch.library.register_fake("xmsda::ms_deform_attn_general_backward", _fake_general_backward)


def register(forward: str, backward: str) -> None:
    """Give two public operators, a forward pass and its backward pass, their shapes."""
    torch.library.register_fake(f"xmsda::{forward}", _fake_forward)
    torch.library.register_fake(f"xmsda::{backward}", _fake_backward)


register("ms_deform_attn_forward", "ms_deform_attn_backward")
torch.library.register_fake("xmsda::_forward", _fake_raw_forward)
torch.library.register_fake("xmsda::_backward", _fake_raw_backward)

# The eager path does its own autograd around the raw operators.
_raw = torch.library.Library("xmsda", "IMPL")
for _name in ("_forward", "_backward"):
    _raw.impl(_name, torch.library.fallthrough_kernel, "Autograd")
