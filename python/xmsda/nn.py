"""Deformable attention as a module, with the parameters of Deformable-DETR's.

SPDX-License-Identifier: Apache-2.0
"""

import math

import torch
from torch import Tensor, nn

from xmsda.ops import IntPairs, Ints, ms_deform_attn


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
    """

    def __init__(self, d_model: int = 256, n_levels: int = 4, n_heads: int = 8, n_points: int = 4) -> None:
        super().__init__()
        if d_model % n_heads != 0:
            raise ValueError(f"d_model: expected a multiple of n_heads = {n_heads}, got {d_model}")
        self.d_model = d_model
        self.n_levels = n_levels
        self.n_heads = n_heads
        self.n_points = n_points
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
        """
        batch, num_queries, _ = query.shape
        value = self.value_proj(input_flatten)
        if input_padding_mask is not None:
            value = value.masked_fill(input_padding_mask[..., None], 0.0)
        value = value.unflatten(-1, (self.n_heads, self.d_model // self.n_heads))
        samples = (batch, num_queries, self.n_heads, self.n_levels, self.n_points)
        offsets = self.sampling_offsets(query).view(*samples, 2)
        weights = self.attention_weights(query).view(batch, num_queries, self.n_heads, -1).softmax(-1).view(samples)
        locations = self._locations(reference_points, offsets, input_spatial_shapes)
        # A low-precision offset on a float32 reference makes float32 locations; the weights follow them.
        weights = weights.to(locations.dtype)
        return self.output_proj(
            ms_deform_attn(value, input_spatial_shapes, input_level_start_index, locations, weights)
        )

    def _locations(self, reference_points: Tensor, offsets: Tensor, spatial_shapes: IntPairs) -> Tensor:
        if reference_points.shape[-1] == 2:
            shapes = torch.as_tensor(spatial_shapes, device=offsets.device)
            size = shapes.flip(-1).to(offsets.dtype)
            return reference_points[:, :, None, :, None, :] + offsets / size[:, None, :]
        if reference_points.shape[-1] == 4:
            centre, extent = reference_points[:, :, None, :, None, :].split(2, dim=-1)
            return centre + offsets / self.n_points * extent * 0.5
        raise ValueError(
            f"reference_points: expected a last axis of 2 (points) or 4 (boxes), got {reference_points.shape[-1]}"
        )

    def extra_repr(self) -> str:
        """Sizes, for print."""
        return f"d_model={self.d_model}, n_levels={self.n_levels}, n_heads={self.n_heads}, n_points={self.n_points}"
