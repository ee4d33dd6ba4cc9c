"""Deformable attention as a module, with the parameters of Deformable-DETR's.

SPDX-License-Identifier: Apache-2.0
"""

import math
import re
from typing import Any

import torch
from torch import Tensor, nn

from xmsda import ascend
from xmsda._types import IntPairs, Ints
from xmsda.ops import ms_deform_attn, ms_deform_attn_fused, shapes_tensor

# What the operator calls by another name than `MSDeformAttn.forward`.
_NAMES = {
    "value": "input_flatten",
    "spatial_shapes": "input_spatial_shapes",
    "level_start_index": "input_level_start_index",
    "sampling_locations": "reference_points",
}


def _in_names_of_the_module(message: str) -> str:
    return re.sub(r"\b(" + "|".join(_NAMES) + r")\b", lambda match: _NAMES[match[1]], message)


def _to_tensor(spatial_shapes: IntPairs) -> Tensor:
    if isinstance(spatial_shapes, Tensor):
        return spatial_shapes
    try:
        return shapes_tensor(spatial_shapes)
    except TypeError as error:
        raise TypeError(_in_names_of_the_module(str(error))) from None


def _check_shape(name: str, tensor: Any, meaning: str, shape: tuple[int | None, ...]) -> None:
    """Raise unless it is a tensor of this shape, of which None leaves an axis open."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name}: expected a tensor {meaning}, got {type(tensor).__name__}")
    fits = tensor.dim() == len(shape) and all(
        size is None or came == size for came, size in zip(tensor.shape, shape, strict=True)
    )
    if not fits:
        sizes = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{name}: expected {meaning} = [{sizes}], got {list(tensor.shape)}")


class MSDeformAttn(nn.Module):
    """Multi-scale deformable attention with its projections.

    The state dict (``sampling_offsets``, ``attention_weights``, ``value_proj``, ``output_proj``) and the initial values
    are those of Deformable-DETR's module (arXiv 2010.04159), so that its checkpoints load.

    Parameters
    ----------
    d_model : int
        Channels of queries and values; must be a multiple of `n_heads`.
    n_levels, n_heads, n_points : int
        Levels, heads, and points per head and level.
    backend, chip, variant : str, optional
        Where the attention is computed, as in `xmsda.ms_deform_attn`.

    Raises
    ------
    ValueError
        When a size is less than 1, `d_model` is no multiple of `n_heads`, or this build has no such backend.
    """

    def __init__(
        self,
        d_model: int = 256,
        n_levels: int = 4,
        n_heads: int = 8,
        n_points: int = 4,
        *,
        backend: str = "cpu",
        chip: str | None = None,
        variant: str | None = None,
    ) -> None:
        super().__init__()
        sizes = {"d_model": d_model, "n_levels": n_levels, "n_heads": n_heads, "n_points": n_points}
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"{name}: expected at least 1, got {size}")
        if d_model % n_heads != 0:
            raise ValueError(f"d_model: expected a multiple of n_heads = {n_heads}, got {d_model}")
        ascend.check_backend(backend, chip, variant)
        self.d_model = d_model
        self.n_levels = n_levels
        self.n_heads = n_heads
        self.n_points = n_points
        self.backend = backend
        self.chip = chip
        self.variant = variant
        self.sampling_offsets = nn.Linear(d_model, n_heads * n_levels * n_points * 2)
        self.attention_weights = nn.Linear(d_model, n_heads * n_levels * n_points)
        self.value_proj = nn.Linear(d_model, d_model)
        self.output_proj = nn.Linear(d_model, d_model)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Each head looks in its own direction, point p at p + 1 pixels; all points weigh the same."""
        nn.init.zeros_(self.sampling_offsets.weight)
        angles = torch.arange(self.n_heads, dtype=torch.float32) * (2.0 * math.pi / self.n_heads)
        directions = torch.stack([angles.cos(), angles.sin()], dim=-1)
        # On the unit square rather than the unit circle.
        directions = directions / directions.abs().amax(dim=-1, keepdim=True)
        steps = torch.arange(1, self.n_points + 1, dtype=torch.float32)
        offsets = directions[:, None, None, :] * steps[:, None]
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(offsets.expand(-1, self.n_levels, -1, -1).flatten())
        nn.init.zeros_(self.attention_weights.weight)
        nn.init.zeros_(self.attention_weights.bias)
        for projection in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(projection.weight)
            nn.init.zeros_(projection.bias)

    def forward(
        self,
        query: Tensor,
        reference_points: Tensor,
        input_flatten: Tensor,
        input_spatial_shapes: IntPairs,
        input_level_start_index: Ints | None = None,
        input_padding_mask: Tensor | None = None,
    ) -> Tensor:
        """Attend.

        Parameters
        ----------
        query : Tensor
            ``[B, Q, d_model]``.
        reference_points : Tensor
            ``[B, Q, L, 2]``, points (x, y) in [0, 1], offsets count in pixels; or ``[B, Q, L, 4]``, boxes (x, y, w, h),
            offsets count in half boxes over `n_points`.
        input_flatten : Tensor
            ``[B, S, d_model]``, the levels one after the other.
        input_spatial_shapes : Tensor or sequence of pairs
            ``[L, 2]``, height and width.
        input_level_start_index : Tensor, sequence of int, or None
            ``[L]``, where the levels start; None when each starts where the one before it ends.
        input_padding_mask : Tensor, optional
            ``[B, S]``, True where the input is padding, which then counts as zero.

        Returns
        -------
        Tensor
            ``[B, Q, d_model]``.

        Raises
        ------
        ValueError, TypeError
            When an argument has the wrong shape, dtype or contents. The message names it, what was expected and what
            came.
        """
        shapes = _to_tensor(input_spatial_shapes)
        _check_shape("input_spatial_shapes", shapes, "[L, 2]", (self.n_levels, 2))
        self._check(query, reference_points, input_flatten, input_padding_mask)
        batch, num_queries, _ = query.shape
        value = self.value_proj(input_flatten)
        if input_padding_mask is not None:
            value = value.masked_fill(input_padding_mask[..., None], 0.0)
        value = value.unflatten(-1, (self.n_heads, self.d_model // self.n_heads))
        samples = (batch, num_queries, self.n_heads, self.n_levels, self.n_points)
        offsets = self.sampling_offsets(query).view(*samples, 2)
        logits = self.attention_weights(query).view(samples)
        if self.backend == "cpu":
            try:
                output = ms_deform_attn_fused(value, shapes, input_level_start_index, reference_points, offsets, logits)
            except (TypeError, ValueError) as error:
                raise type(error)(_in_names_of_the_module(str(error))) from None
            return self.output_proj(output)
        weights = logits.flatten(3)
        weights = weights.softmax(-1).view(samples)
        locations = self._locations(reference_points, offsets, shapes)
        # A low-precision offset on a float32 reference makes float32 locations; the weights follow them.
        weights = weights.to(locations.dtype)
        try:
            output = ms_deform_attn(
                value,
                shapes,
                input_level_start_index,
                locations,
                weights,
                backend=self.backend,
                chip=self.chip,
                variant=self.variant,
            )
        except (TypeError, ValueError) as error:
            raise type(error)(_in_names_of_the_module(str(error))) from None
        return self.output_proj(output)

    def _check(self, query: Tensor, reference_points: Tensor, flat: Tensor, mask: Tensor | None) -> None:
        _check_shape("query", query, "[B, Q, d_model]", (None, None, self.d_model))
        batch, num_queries, _ = query.shape
        _check_shape("input_flatten", flat, "[B, S, d_model]", (batch, None, self.d_model))
        if mask is not None:
            _check_shape("input_padding_mask", mask, "[B, S]", (batch, flat.shape[1]))
            if mask.dtype != torch.bool:
                raise ValueError(f"input_padding_mask: expected torch.bool, got {mask.dtype}")
        points = (batch, num_queries, self.n_levels, None)
        _check_shape("reference_points", reference_points, "[B, Q, L, 2 or 4]", points)
        if reference_points.shape[-1] not in (2, 4):
            got = reference_points.shape[-1]
            raise ValueError(f"reference_points: expected a last axis of 2 (points) or 4 (boxes), got {got}")

    def _locations(self, reference_points: Tensor, offsets: Tensor, shapes: Tensor) -> Tensor:
        if reference_points.shape[-1] == 2:
            size = shapes.flip(-1).to(offsets)
            return reference_points[:, :, None, :, None, :] + offsets / size[:, None, :]
        centre, extent = reference_points[:, :, None, :, None, :].split(2, dim=-1)
        return centre + offsets / self.n_points * extent * 0.5

    def extra_repr(self) -> str:
        """Sizes and backend, for print."""
        sizes = f"d_model={self.d_model}, n_levels={self.n_levels}, n_heads={self.n_heads}, n_points={self.n_points}"
        if self.backend == "cpu":
            return sizes
        return f"{sizes}, backend={self.backend!r}, chip={self.chip!r}, variant={self.variant!r}"
