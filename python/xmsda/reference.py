"""The operator in plain torch, by grid_sample: what tests, demo and benchmarks compare with.

SPDX-License-Identifier: Apache-2.0
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from xmsda._types import IntPairs, Ints


def grid_sample_formulation(
    value: Tensor,
    spatial_shapes: IntPairs,
    level_start_index: Ints | None,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    im2col_step: int | None = None,
    *,
    points_per_level: Sequence[int] | None = None,
    method: str = "bilinear",
) -> Tensor:
    """Multi-scale deformable attention as models write it without a kernel: one `grid_sample` per level.

    It makes intermediates of size B*M*D*Q*L*P and is differentiable (also twice) by autograd. Arguments and result are
    those of `xmsda.ms_deform_attn`; all floating tensors must have one dtype.
    """
    del im2col_step
    batch, _, num_heads, channels = value.shape
    num_queries = sampling_locations.shape[1]
    shapes = _to_list(spatial_shapes)
    if points_per_level is None:
        points = [sampling_locations.shape[4]] * len(shapes)
        sampling_locations = sampling_locations.flatten(3, 4)
        attention_weights = attention_weights.flatten(3, 4)
    else:
        points = list(points_per_level)
    starts = _level_starts(shapes, level_start_index)

    sampled = []
    for (height, width), start, locations in zip(shapes, starts, sampling_locations.split(points, dim=3), strict=True):
        # [B, HW, M, D] -> [B*M, D, H, W]
        level = value[:, start : start + height * width].permute(0, 2, 3, 1)
        level = level.reshape(batch * num_heads, channels, height, width)
        # [B, Q, M, P, 2] -> [B*M, Q, P, 2]
        grid = locations.transpose(1, 2).flatten(0, 1)
        if method == "discrete":
            sampled.append(_nearest(level, grid))
        else:
            sampled.append(
                F.grid_sample(level, 2 * grid - 1, mode="bilinear", padding_mode="zeros", align_corners=False)
            )
    # [B, Q, M, K] -> [B*M, 1, Q, K]
    weights = attention_weights.transpose(1, 2).reshape(batch * num_heads, 1, num_queries, sum(points))
    output = (torch.cat(sampled, dim=-1) * weights).sum(-1)
    return output.view(batch, num_heads * channels, num_queries).transpose(1, 2).contiguous()


def _nearest(level: Tensor, grid: Tensor) -> Tensor:
    # RT-DETRv2's rule as transformers has it, each axis clamped to the level. A location that is not finite reads
    # nothing.
    rows, channels, height, width = level.shape
    size = torch.tensor([width, height], dtype=grid.dtype, device=grid.device)
    finite = grid.isfinite().all(-1)
    pixel = (grid.where(finite[..., None], 0.0) * size + 0.5).clamp(size.new_zeros(2), size - 1).to(torch.int64)
    index = (pixel[..., 1] * width + pixel[..., 0]).flatten(1)
    picked = level.flatten(2).gather(2, index[:, None].expand(rows, channels, -1))
    return picked.view(rows, channels, *grid.shape[1:3]).where(finite[:, None], 0.0)


def _to_list(spatial_shapes: IntPairs) -> list[tuple[int, int]]:
    pairs = spatial_shapes.tolist() if isinstance(spatial_shapes, Tensor) else spatial_shapes
    return [(int(height), int(width)) for height, width in pairs]


def _level_starts(shapes: list[tuple[int, int]], level_start_index: Ints | None) -> list[int]:
    if level_start_index is not None:
        return level_start_index.tolist() if isinstance(level_start_index, Tensor) else list(level_start_index)
    starts = [0]
    for height, width in shapes:
        starts.append(starts[-1] + height * width)
    return starts[:-1]
