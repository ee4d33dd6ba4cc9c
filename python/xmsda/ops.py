"""`ms_deform_attn`: the operator for eager torch, autograd, torch.compile, torch.export and autocast.

SPDX-License-Identifier: Apache-2.0

There are two ways into the same kernels:

- Eager: `_EagerFunction`, or the raw operator when nothing needs a gradient. The smallest call takes 3.7 us forward,
  6.6 us recording for backward and 28 us with backward(); with the formula that `torch.library.register_autograd` puts
  into the dispatcher it takes 8, 26 and 60 us.
- torch.compile and torch.export: the registered public operators.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from operator import index
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from xmsda import _autograd, ascend
from xmsda import _fake as _fake
from xmsda._library import (
    FORWARD,
    GENERAL_FORWARD,
    MODE_ALIGN_CORNERS,
    MODE_BORDER,
    MODE_DISCRETE,
    RAW_BACKWARD,
    RAW_FORWARD,
)
from xmsda._types import IntPairs, Ints

# spatial_shapes, level_start_index, points, discrete
_Options = tuple[Tensor, Tensor | None, list[int] | None, bool]

_METHODS = {"bilinear": False, "discrete": True}
_FORWARD_MODE = "xmsda.ms_deform_attn: forward-mode differentiation (jvp) is not supported; use backward"
# The last two: integers of more than 64 bits.
_NOT_INTEGERS = (TypeError, ValueError, OverflowError, RuntimeError)


def ms_deform_attn(
    value: Tensor | Sequence[Tensor],
    spatial_shapes: IntPairs,
    level_start_index: Ints | None,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    im2col_step: int | None = None,
    *,
    points_per_level: Sequence[int] | None = None,
    method: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = False,
    backend: str = "cpu",
    chip: str | None = None,
    variant: str | None = None,
) -> Tensor:
    """Multi-scale deformable attention.

    ``output[b, q, m] = sum over levels l and points p of
    attention_weights[b, q, m, l, p] * sample(value[b, level l, m], sampling_locations[b, q, m, l, p])``

    Parameters
    ----------
    value : Tensor or sequence of Tensor
        ``[B, S, M, D]``, float32, float64, bfloat16 or float16, with any strides: a permuted view of ``[B, M, S, D]``
        or ``[B, M, D, S]``, a slice and an expanded tensor are read where they are. A sequence holds the levels,
        ``[B, H * W, M, D]`` each (of ``[B, M * D, H, W]``: ``x.view(B, M, D, -1).permute(0, 3, 1, 2)``), which are
        joined by one copy; `level_start_index` is then None.
    spatial_shapes : Tensor or sequence of pairs
        ``[L, 2]``, height and width of each level; int64 or int32 on the CPU when it is a tensor.
    level_start_index : Tensor, sequence of int, or None
        ``[L]``, where each level starts on the S axis; None when each starts where the one before it ends.
    sampling_locations : Tensor
        ``[B, Q, M, L, P, 2]`` or, with `points_per_level`, ``[B, Q, M, K, 2]``: (x, y), the level spans [0, 1].
        Of value's dtype, or float32 when value is bfloat16 or float16.
    attention_weights : Tensor
        ``[B, Q, M, L, P]`` or ``[B, Q, M, K]``, of sampling_locations' dtype. Used as given, without a softmax.
    im2col_step : int, optional
        Accepted for the sake of existing callers and ignored.
    points_per_level : sequence of int, optional
        Points of each level, when they differ; K is their sum, level 0's points come first.
    method : {"bilinear", "discrete"}
        "discrete" takes the nearest pixel by RT-DETRv2's rule; there is no gradient to the locations.
    padding_mode : {"zeros", "border"}
        What bilinear sampling finds outside of a level, as in `grid_sample`.
    align_corners : bool
        Whether 0 and 1 are the centres of the outermost pixels instead of the borders of the level.
    backend : {"cpu", "ascend-sim"}
        "ascend-sim" runs the kernels for Huawei's Ascend 910B on a simulator, bit by bit and slowly, in builds that
        have it (`xmsda.ascend.is_available`); tensors stay on the CPU. Value float32, float16 or bfloat16, bilinear
        sampling, within the limits of the kernels. Locations and weights of the same two bytes as value are converted
        to float32, which the kernels want, and their gradients back.
    chip : str, optional
        Of the simulator: "910b1" to "910b4" or the path of a table. None: what ASCSIM_CHIP says, or "910b2".
    variant : str, optional
        Of the simulated kernels, one of `xmsda.ascend.variants()`. None: "auto", the one that suits the problem.

    Returns
    -------
    Tensor
        ``[B, Q, M * D]``, of value's dtype.

    Raises
    ------
    ValueError
        When an argument has the wrong shape, dtype, device or contents, or the backend can not compute the problem or
        is not in this build. The message names the argument, what was expected and what came.
    TypeError
        When an argument is not a tensor or sequence at all, or a sequence holds something else than integers.
    NotImplementedError
        When a tensor is dual (torch.func.jvp, torch.autograd.forward_ad).
    RuntimeError
        When a simulated kernel breaks a rule of the chip or never ends; the message is the simulator's report.

    Notes
    -----
    Bilinear sampling is that of ``grid_sample`` with the same `padding_mode` and `align_corners`. Locations that are
    not finite contribute nothing. Under ``torch.autocast("cpu")`` a float32 value is read and returned in autocast's
    dtype, as matrix products are; locations and weights are taken to float32, because a bfloat16 location is off by
    up to 1/512 of its level: a fifth of a pixel on one 100 pixels wide, half of one on 256. The gradient can not be
    differentiated again, and there is no forward-mode derivative.
    """
    if method not in _METHODS:
        raise ValueError(f"method: expected 'bilinear' or 'discrete', got {method!r}")
    discrete = _METHODS[method]
    if backend != "cpu" or chip is not None or variant is not None:
        ascend.check_backend(backend, chip, variant)
    if padding_mode != "zeros" or align_corners is not False:
        mode = _mode(method, padding_mode, align_corners)
        if backend != "cpu":
            raise ValueError(f"padding_mode, align_corners: expected 'zeros' and False with backend {backend!r}")
        value = _joined(value, spatial_shapes, level_start_index)
        return _general(
            value,
            spatial_shapes,
            level_start_index,
            None,
            sampling_locations,
            attention_weights,
            points_per_level,
            mode,
        )
    if not isinstance(value, Tensor):
        value = _joined(value, spatial_shapes, level_start_index)
    points = None if points_per_level is None else _points(points_per_level)
    if not isinstance(spatial_shapes, Tensor):
        spatial_shapes = shapes_tensor(spatial_shapes)
    if level_start_index is not None and not isinstance(level_start_index, Tensor):
        level_start_index = _starts_tensor(level_start_index)
    # 0.05 us; looking at the tensors themselves would take 3.
    if forward_ad._current_level >= 0:
        _refuse_dual(value, sampling_locations, attention_weights)
    if torch.is_autocast_enabled("cpu"):
        value, sampling_locations, attention_weights = _autocast(value, sampling_locations, attention_weights)
    if backend != "cpu":
        tensors = (value, spatial_shapes, level_start_index, sampling_locations, attention_weights)
        return _simulate(tensors, (points or [], discrete, chip or "", variant or "auto"))
    if torch.compiler.is_compiling():
        points = points or []
        return FORWARD(
            value, spatial_shapes, level_start_index, sampling_locations, attention_weights, points, discrete, "auto"
        )
    try:
        if torch.is_grad_enabled() and (
            value.requires_grad or attention_weights.requires_grad or sampling_locations.requires_grad
        ):
            options = (spatial_shapes, level_start_index, points, discrete)
            apply = _FunctorchFunction.apply if torch._C._are_functorch_transforms_active() else _apply_eager
            return apply(value, sampling_locations, attention_weights, options)
        return RAW_FORWARD(
            value, spatial_shapes, level_start_index, sampling_locations, attention_weights, points, discrete
        )
    except (AttributeError, NotImplementedError, RuntimeError):
        _check_tensors(
            value=value,
            spatial_shapes=spatial_shapes,
            level_start_index=level_start_index,
            sampling_locations=sampling_locations,
            attention_weights=attention_weights,
        )
        raise


def ms_deform_attn_fused(
    value: Tensor | Sequence[Tensor],
    spatial_shapes: IntPairs,
    level_start_index: Ints | None,
    reference_points: Tensor,
    sampling_offsets: Tensor,
    attention_logits: Tensor,
    im2col_step: int | None = None,
    *,
    points_per_level: Sequence[int] | None = None,
    method: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = False,
    offset_scale: float | None = None,
) -> Tensor:
    """Multi-scale deformable attention from what a module's linear layers give, without locations and weights between.

    `ms_deform_attn` with ``attention_weights = softmax(attention_logits)`` over all samples of a query and head, and
    ``sampling_locations = reference + offset * offset_scale / (W, H)`` for reference points (x, y) or
    ``(x, y) + offset * offset_scale / P * (w, h)`` for reference boxes (x, y, w, h), P the points of the level. Both
    are computed in the kernel, in the forward and in the backward pass.

    Parameters
    ----------
    value, spatial_shapes, level_start_index, im2col_step, points_per_level, method, padding_mode, align_corners
        As in `ms_deform_attn`.
    reference_points : Tensor
        ``[B, Q, 2 or 4]``; ``[B, Q, L, 2 or 4]``, one for each level; ``[B, Q, L or 1, Z, 2 or 4]``, Z of them, of
        which point p takes number p % Z (BEVFormer's spatial cross-attention: ``reference_points[:, :, None]``). Read
        as float32, with a float64 value as float64.
    sampling_offsets : Tensor
        ``[B, Q, M, L, P, 2]`` or, with `points_per_level`, ``[B, Q, M, K, 2]``. Of value's dtype, or float32 when value
        is bfloat16 or float16.
    attention_logits : Tensor
        ``[B, Q, M, L, P]``, ``[B, Q, M, L * P]`` or ``[B, Q, M, K]``, of sampling_offsets' dtype.
    offset_scale : float, optional
        None: 1 with points and 0.5 with boxes, the rule of Deformable-DETR, Mask2Former, RT-DETR and D-FINE.

    Returns
    -------
    Tensor
        ``[B, Q, M * D]``, of value's dtype. Differentiable by value, reference_points, sampling_offsets and
        attention_logits, once.

    Raises
    ------
    ValueError, TypeError, NotImplementedError
        As `ms_deform_attn`, also when reference_points has another shape or offset_scale is not a positive number.
    """
    del im2col_step
    mode = _mode(method, padding_mode, align_corners)
    scale = 0.0
    if offset_scale is not None:
        if isinstance(offset_scale, bool) or not isinstance(offset_scale, (int, float)):
            raise TypeError(f"offset_scale: expected a number or None, got {type(offset_scale).__name__}")
        if not 0 < offset_scale < math.inf:
            raise ValueError(f"offset_scale: expected a positive finite number, got {offset_scale}")
        scale = float(offset_scale)
    value = _joined(value, spatial_shapes, level_start_index)
    for name, tensor in (
        ("value", value),
        ("reference_points", reference_points),
        ("sampling_offsets", sampling_offsets),
        ("attention_logits", attention_logits),
    ):
        _check_type(name, tensor)
    if attention_logits.dim() == 4 and sampling_offsets.dim() == 6:
        shape = sampling_offsets.shape
        if attention_logits.shape[3] != shape[3] * shape[4]:
            expected = [*shape[:3], shape[3] * shape[4]]
            raise ValueError(
                f"attention_logits: expected [B, Q, M, L * P] = {expected}, got {list(attention_logits.shape)}"
            )
        attention_logits = attention_logits.unflatten(3, (shape[3], shape[4]))
    references = _references(reference_points, value.dtype)
    return _general(
        value,
        spatial_shapes,
        level_start_index,
        references,
        sampling_offsets,
        attention_logits,
        points_per_level,
        mode,
        scale,
    )


def _references(points: Tensor, dtype: torch.dtype) -> Tensor:
    """As the operator wants them: [B, Q, Z, C], or [B, Q, L, Z, C] where levels have their own."""
    if points.dim() not in (3, 4, 5):
        expected = "[B, Q, C], [B, Q, L, C] or [B, Q, L or 1, Z, C] with C = 2 or 4"
        raise ValueError(f"reference_points: expected {expected}, got {list(points.shape)}")
    if points.dim() == 3:
        points = points.unsqueeze(2)
    elif points.dim() == 4 and points.shape[2] != 1:
        points = points.unsqueeze(3)
    elif points.dim() == 5 and points.shape[2] == 1:
        points = points.squeeze(2)
    return points.to(torch.float64 if dtype == torch.float64 else torch.float32)


def _mode(method: str, padding_mode: str, align_corners: bool) -> int:
    if method not in _METHODS:
        raise ValueError(f"method: expected 'bilinear' or 'discrete', got {method!r}")
    if padding_mode not in ("zeros", "border"):
        raise ValueError(f"padding_mode: expected 'zeros' or 'border', got {padding_mode!r}")
    if not isinstance(align_corners, bool):
        raise TypeError(f"align_corners: expected True or False, got {align_corners!r}")
    mode = (
        MODE_DISCRETE * _METHODS[method] + MODE_BORDER * (padding_mode == "border") + MODE_ALIGN_CORNERS * align_corners
    )
    if mode not in (MODE_DISCRETE, mode & ~MODE_DISCRETE):
        raise ValueError(
            f"method: expected 'bilinear' with padding_mode {padding_mode!r} and align_corners {align_corners}, "
            "got 'discrete'"
        )
    return mode


def _joined(value: Tensor | Sequence[Tensor], spatial_shapes: IntPairs, level_start_index: Ints | None) -> Tensor:
    """One value of a sequence of levels."""
    if isinstance(value, Tensor) or not isinstance(value, (list, tuple)):
        return value  # type: ignore[return-value]
    levels = list(value)
    if level_start_index is not None:
        raise ValueError("level_start_index: expected None with a sequence of levels, got starts")
    if len(levels) == 0 or len(levels) != len(spatial_shapes):
        raise ValueError(f"value: expected one tensor for each of {len(spatial_shapes)} levels, got {len(levels)}")
    for i, (level, (height, width)) in enumerate(zip(levels, spatial_shapes, strict=True)):
        _check_type(f"value[{i}]", level)
        if level.dim() != 4 or level.shape[1] != int(height) * int(width):
            expected = f"[B, H * W, M, D] with {int(height)} * {int(width)} pixels"
            raise ValueError(f"value[{i}]: expected {expected}, got {list(level.shape)}")
    return torch.cat(levels, dim=1)


def _general(
    value: Tensor,
    spatial_shapes: IntPairs,
    level_start_index: Ints | None,
    references: Tensor | None,
    sampling: Tensor,
    attention: Tensor,
    points_per_level: Sequence[int] | None,
    mode: int,
    offset_scale: float = 0.0,
) -> Tensor:
    points = [] if points_per_level is None else _points(points_per_level)
    if not isinstance(spatial_shapes, Tensor):
        spatial_shapes = shapes_tensor(spatial_shapes)
    if level_start_index is not None and not isinstance(level_start_index, Tensor):
        level_start_index = _starts_tensor(level_start_index)
    if forward_ad._current_level >= 0:
        _refuse_dual(value, sampling, attention, references)
    fused = references is not None
    names = ("sampling_offsets", "attention_logits") if fused else ("sampling_locations", "attention_weights")
    if torch.is_autocast_enabled("cpu"):
        value, sampling, attention = _autocast(value, sampling, attention)
    tensors = (value, spatial_shapes, level_start_index, references, sampling, attention)
    try:
        return GENERAL_FORWARD(*tensors, points, mode, offset_scale, "auto")
    except (AttributeError, NotImplementedError, RuntimeError):
        named = {"value": value, "spatial_shapes": spatial_shapes, "level_start_index": level_start_index}
        if fused:
            named["reference_points"] = references
        _check_tensors(**named, **dict(zip(names, (sampling, attention), strict=True)))
        raise


class _EagerFunction(torch.autograd.Function):
    # One tuple for everything that is not differentiable: each further argument of apply costs 0.2 us.
    @staticmethod
    def forward(ctx: Any, value: Tensor, locations: Tensor, weights: Tensor, options: _Options) -> Tensor:
        shapes, starts, points, discrete = options
        ctx.save_for_backward(value, shapes, starts, locations, weights)
        ctx.points = points
        ctx.discrete = discrete
        return RAW_FORWARD(value, shapes, starts, locations, weights, points, discrete)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        inputs = (*ctx.saved_tensors, ctx.points, ctx.discrete, *grad_outputs)
        # Grad mode is on when the caller asked for create_graph.
        grads = _EagerBackward.apply(*inputs) if torch.is_grad_enabled() else RAW_BACKWARD(*inputs)
        return grads[0], None if ctx.discrete else grads[1], grads[2], None


# What Function.apply calls in the end. It first looks for functorch wrappers, which ms_deform_attn has ruled out: 6 us
# for a small forward call instead of 7.2.
_apply_eager = super(torch.autograd.Function, _EagerFunction).apply


class _FunctorchFunction(_EagerFunction):
    """The same for torch.func.grad and its like, which want the context set up apart: 3 us more a call."""

    @staticmethod
    def forward(value: Tensor, locations: Tensor, weights: Tensor, options: _Options) -> Tensor:  # type: ignore[override]
        shapes, starts, points, discrete = options
        return RAW_FORWARD(value, shapes, starts, locations, weights, points, discrete)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        value, locations, weights, (shapes, starts, ctx.points, ctx.discrete) = inputs
        ctx.save_for_backward(value, shapes, starts, locations, weights)


class _EagerBackward(torch.autograd.Function):
    """The backward pass under create_graph=True: what comes out refuses to be differentiated again."""

    @staticmethod
    def forward(*inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        return RAW_BACKWARD(*inputs)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[None, ...]:
        raise NotImplementedError(_autograd.TWICE)


def _simulate(tensors: tuple[Any, ...], options: tuple[list[int], bool, str, str]) -> Tensor:
    if torch.compiler.is_compiling():
        return ascend.forward(*ascend.prepare(tensors), *options)
    try:
        value, shapes, starts, locations, weights = ascend.prepare(tensors)
        output: Tensor = _SimulatedFunction.apply(value, locations, weights, (shapes, starts, *options))
        return output
    except (AttributeError, NotImplementedError, RuntimeError):
        names = ("value", "spatial_shapes", "level_start_index", "sampling_locations", "attention_weights")
        _check_tensors(**dict(zip(names, tensors, strict=True)))
        raise


class _SimulatedFunction(torch.autograd.Function):
    """The Ascend kernels on the simulator, also for torch.func.grad and its like."""

    @staticmethod
    def forward(value: Tensor, locations: Tensor, weights: Tensor, others: tuple[Any, ...]) -> Tensor:
        shapes, starts, *options = others
        return ascend.forward(value, shapes, starts, locations, weights, *options)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        value, locations, weights, (shapes, starts, *ctx.options) = inputs
        ctx.save_for_backward(value, shapes, starts, locations, weights)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        inputs = (*ctx.saved_tensors, *ctx.options, *grad_outputs)
        backward = _SimulatedBackward.apply if torch.is_grad_enabled() else ascend.backward
        return *backward(*inputs), None


class _SimulatedBackward(_EagerBackward):
    @staticmethod
    def forward(*inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        return ascend.backward(*inputs)


def _check_tensors(**arguments: Any) -> None:
    """Say in one sentence what torch's dispatcher said in fifty lines or not at all."""
    for name, argument in arguments.items():
        if argument is None and name == "level_start_index":
            continue
        _check_type(name, argument)
        if argument.device.type != "cpu" or argument.layout != torch.strided:
            got = f"{argument.layout} on {argument.device}"
            raise ValueError(f"{name}: expected a dense tensor on the CPU, got {got}") from None


def _check_type(name: str, argument: object) -> None:
    if not isinstance(argument, Tensor):
        raise TypeError(f"{name}: expected a tensor, got {type(argument).__name__}") from None


def _refuse_dual(*tensors: Tensor | None) -> None:
    # The raw operators know nothing of tangents: they would be dropped, and the derivative be zero without a word.
    for tensor in tensors:
        if isinstance(tensor, Tensor) and forward_ad.unpack_dual(tensor).tangent is not None:
            raise NotImplementedError(_FORWARD_MODE)


def _autocast(value: Tensor, locations: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    _check_type("value", value)
    _check_type("sampling_locations", locations)
    _check_type("attention_weights", weights)
    if value.device.type != "cpu":
        return value, locations, weights
    # float64 is left alone, as autocast does everywhere.
    if value.dtype in (torch.float32, torch.bfloat16, torch.float16):
        value = value.to(torch.get_autocast_dtype("cpu"))
    half = (torch.bfloat16, torch.float16)
    if locations.dtype in half:
        locations = locations.float()
    if weights.dtype in half:
        weights = weights.float()
    return value, locations, weights


def shapes_tensor(spatial_shapes: Sequence[Sequence[int]]) -> Tensor:
    """Pairs of integers as a tensor [L, 2], the same one for the same pairs."""
    # Before the cache is looked at, to which 6.0 and True are the same as 6 and 1.
    try:
        pairs = tuple(
            [
                (height, width) if type(height) is type(width) is int else (_integer(height), _integer(width))
                for height, width in spatial_shapes
            ]
        )
        if not torch.compiler.is_compiling():
            return (_make_shapes if _tensors_are_special() else _cached_shapes)(pairs)
    except _NOT_INTEGERS:
        expected = "expected a tensor [L, 2] or a sequence of pairs of integers"
        raise TypeError(f"spatial_shapes: {expected}, got {_one_line(spatial_shapes)}") from None
    return torch.tensor(pairs, dtype=torch.int64, device="cpu").view(-1, 2)


def _starts_tensor(level_start_index: Sequence[int]) -> Tensor:
    try:
        starts = tuple([start if type(start) is int else _integer(start) for start in level_start_index])
        if not torch.compiler.is_compiling():
            return (_make_starts if _tensors_are_special() else _cached_starts)(starts)
    except _NOT_INTEGERS:
        expected = "expected a tensor [L], a sequence of integers or None"
        raise TypeError(f"level_start_index: {expected}, got {_one_line(level_start_index)}") from None
    return torch.tensor(starts, dtype=torch.int64, device="cpu")


def _points(points_per_level: Sequence[int]) -> list[int]:
    try:
        return [_integer(count) for count in points_per_level]
    except _NOT_INTEGERS:
        expected = "expected a sequence of integers or None"
        raise TypeError(f"points_per_level: {expected}, got {_one_line(points_per_level)}") from None


def _one_line(argument: object) -> str:
    if torch.compiler.is_compiling():
        # There is no repr of a symbolic size.
        return f"a {type(argument).__name__} that holds others"
    return " ".join(repr(argument).split())


def _integer(number: Any) -> Any:
    """Refuse what torch.tensor would turn into an integer: 4.5 into 4, True into 1."""
    # index() would fix a symbolic size to the value of the first call. (To torch.compile its type is int.)
    if type(number) is int or isinstance(number, torch.SymInt):
        return number
    if isinstance(number, (bool, float)) or (isinstance(number, Tensor) and number.dtype == torch.bool):
        raise TypeError("not an integer")
    return index(number)


def _tensors_are_special() -> bool:
    """Whether a new tensor may be a fake, wrapped or recorded one, which must not outlive the mode that made it."""
    # Together 0.1 us; making the tensor takes 2.8 us.
    return bool(
        torch._C._len_torch_dispatch_stack()
        or torch._C._len_torch_function_stack()
        or torch._C._are_functorch_transforms_active()
    )


def _make_shapes(pairs: tuple[tuple[int, int], ...]) -> Tensor:
    # An inference tensor would be refused by the first call that records for backward.
    with torch.inference_mode(False):
        return torch.tensor(pairs, dtype=torch.int64, device="cpu").view(-1, 2)


def _make_starts(starts: tuple[int, ...]) -> Tensor:
    with torch.inference_mode(False):
        return torch.tensor(starts, dtype=torch.int64, device="cpu")


# Callers pass the same few lists again and again; making a tensor costs more than a small call.
_cached_shapes = lru_cache(maxsize=64)(_make_shapes)
_cached_starts = lru_cache(maxsize=64)(_make_starts)


_autograd.register("ms_deform_attn_forward", "ms_deform_attn_backward")
_autograd.register_general(MODE_DISCRETE)
