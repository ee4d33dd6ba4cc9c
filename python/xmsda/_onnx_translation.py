"""How torch's ONNX exporter writes the operators down: the translations of `xmsda.onnx`.

SPDX-License-Identifier: Apache-2.0

The node xmsda::MSDeformAttn is version 1: sampling locations and weights, zeros outside, centres of pixels
at halves. The general operator, which nn.MSDeformAttn calls, becomes that node behind standard operators that compute
what it computes in the kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xmsda._library import FORWARD, GENERAL_FORWARD, MODE_ALIGN_CORNERS, MODE_BORDER, MODE_DISCRETE
from xmsda._onnx_function import DOMAIN, MIN_OPSET, OP_TYPE, VERSION, schema


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Operator of torch -> function that writes it in onnxscript."""
    return {FORWARD: _forward, GENERAL_FORWARD: _general_forward}


def _standard() -> Any:
    import onnxscript

    return getattr(onnxscript, f"opset{MIN_OPSET}")


def _counts(levels: Any, sampling: Any, points: Any, name: str) -> list[int]:
    """Points of each level."""
    if points:
        return list(points)
    number, count = levels.shape[0], sampling.shape[4]
    if not (isinstance(number, int) and isinstance(count, int)):
        raise ValueError(
            f"{name}: expected numbers of levels and points that are known at export, got "
            f"{list(sampling.shape)}: leave these axes out of dynamic_shapes"
        )
    return [count] * number


def _node(value: Any, shapes: Any, starts: Any, locations: Any, weights: Any, counts: list[int], discrete: int) -> Any:
    import onnxscript

    op = _standard()
    node = onnxscript.values.Op(onnxscript.values.Opset(DOMAIN, VERSION), OP_TYPE, schema())
    shapes = op.Cast(shapes, to=onnxscript.INT64.dtype)
    if starts is None:
        pixels = op.ReduceProd(shapes, op.Constant(value_ints=[1]), keepdims=0)
        starts = op.CumSum(pixels, op.Constant(value_int=0), exclusive=1)
    else:
        starts = op.Cast(starts, to=onnxscript.INT64.dtype)
    return node(value, shapes, starts, locations, weights, points=counts, discrete=discrete)


def _forward(
    value: Any,
    spatial_shapes: Any,
    level_start_index: Any,
    sampling_locations: Any,
    attention_weights: Any,
    points: Any,
    discrete: bool,
    target: str,
) -> Any:
    del target
    counts = _counts(spatial_shapes, sampling_locations, points, "sampling_locations")
    return _node(value, spatial_shapes, level_start_index, sampling_locations, attention_weights, counts, int(discrete))


def _general_forward(
    value: Any,
    spatial_shapes: Any,
    level_start_index: Any,
    reference_points: Any,
    sampling: Any,
    attention: Any,
    points: Any,
    mode: int,
    offset_scale: float,
    target: str,
) -> Any:
    del target
    import onnxscript

    op = _standard()
    name = "sampling_locations" if reference_points is None else "sampling_offsets"
    counts = _counts(spatial_shapes, sampling, points, name)
    # float64 stays; everything else is computed in float32, as in the kernel.
    double = value.dtype is not None and value.dtype == onnxscript.DOUBLE.dtype
    real = (onnxscript.DOUBLE if double else onnxscript.FLOAT).dtype
    locations = op.Reshape(op.Cast(sampling, to=real), op.Constant(value_ints=[0, 0, 0, sum(counts), 2]))
    weights = op.Reshape(op.Cast(attention, to=real), op.Constant(value_ints=[0, 0, 0, sum(counts)]))
    level_of = op.Constant(value_ints=[level for level, count in enumerate(counts) for _ in range(count)])
    sizes = op.Gather(op.Cast(spatial_shapes, to=real), op.Constant(value_ints=[1, 0]), axis=1)
    sizes = op.Gather(sizes, level_of, axis=0)
    if reference_points is not None:
        weights = op.Softmax(weights, axis=-1)
        locations = _fused_locations(
            op.Cast(reference_points, to=real), reference_points, locations, sizes, counts, offset_scale
        )
    if mode & (MODE_BORDER | MODE_ALIGN_CORNERS):
        locations = _moved(locations, sizes, mode)
    return _node(value, spatial_shapes, level_start_index, locations, weights, counts, mode & MODE_DISCRETE)


def _fused_locations(
    points: Any, references: Any, offsets: Any, sizes: Any, counts: list[int], offset_scale: float
) -> Any:
    """Locations [B, Q, M, K, 2] of offsets around reference points or boxes; `references` knows their shape."""
    op = _standard()
    per_level = len(references.shape) == 5
    repeats, channels = references.shape[-2:]
    if not (isinstance(repeats, int) and isinstance(channels, int)):
        raise ValueError(
            "reference_points: expected numbers of references that are known at export, got "
            f"{list(references.shape)}: leave these axes out of dynamic_shapes"
        )
    if per_level:
        points = op.Reshape(points, op.Constant(value_ints=[0, 0, len(counts) * repeats, channels]))
    rows = [
        (level * repeats if per_level else 0) + point % repeats
        for level, count in enumerate(counts)
        for point in range(count)
    ]
    # [B, Q, 1, K, 2 or 4]
    points = op.Gather(points, op.Constant(value_ints=rows), axis=2)
    points = op.Unsqueeze(points, op.Constant(value_ints=[2]))

    def columns(first: int) -> Any:
        return op.Gather(points, op.Constant(value_ints=[first, first + 1]), axis=4)

    def number(values: list[float]) -> Any:
        return op.CastLike(op.Unsqueeze(op.Constant(value_floats=values), op.Constant(value_ints=[1])), offsets)

    if channels == 2:
        scaled = op.Mul(offsets, number([offset_scale or 1.0]))
        return op.Add(points, op.Div(scaled, sizes))
    scales = number([(offset_scale or 0.5) / count for count in counts for _ in range(count)])
    return op.Add(columns(0), op.Mul(op.Mul(offsets, scales), columns(2)))


def _moved(locations: Any, sizes: Any, mode: int) -> Any:
    """The locations whose pixels, with zeros outside and centres at halves, are those of this mode."""
    op = _standard()
    half = op.CastLike(op.Constant(value_float=0.5), sizes)
    # In pixels whose first one's centre is 0.5.
    if mode & MODE_ALIGN_CORNERS:
        pixels = op.Add(op.Mul(locations, op.Sub(sizes, op.CastLike(op.Constant(value_float=1.0), sizes))), half)
    else:
        pixels = op.Mul(locations, sizes)
    if mode & MODE_BORDER:
        clamped = op.Min(op.Max(pixels, half), op.Sub(sizes, half))
        # What is not finite contributes nothing, with border either: x - x is then not 0.
        finite = op.Equal(op.Sub(pixels, pixels), op.CastLike(op.Constant(value_float=0.0), sizes))
        pixels = op.Where(finite, clamped, pixels)
    return op.Div(pixels, sizes)
