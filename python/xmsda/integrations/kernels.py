"""xmsda as the CPU entry of the layer registry of Hugging Face's package ``kernels``.

SPDX-License-Identifier: Apache-2.0

>>> import xmsda.integrations.kernels
>>> xmsda.integrations.kernels.register()
>>> model = AutoModelForObjectDetection.from_pretrained(..., use_kernels=True)

transformers decorates its class ``MultiScaleDeformableAttention`` with ``use_kernel_forward_from_hub``; the registry
has an entry for CUDA only. `register` adds one for CPUs, for inference, training and torch.compile; kernels then gives
each instance of the class xmsda's forward. Models that have a function instead of the class (RT-DETRv2, D-FINE,
Mask2Former) are out of the registry's reach: `xmsda.integrations.transformers.patch` serves all.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from torch import Tensor, nn

from xmsda.integrations import transformers as base

__all__ = ["LAYER", "MultiScaleDeformableAttention", "Repository", "mapping", "register"]

LAYER = "MultiScaleDeformableAttention"


class MultiScaleDeformableAttention(nn.Module):
    """The layer whose forward kernels installs: stateless, as the registry demands."""

    can_torch_compile = True
    has_backward = True

    def forward(
        self,
        value: Tensor,
        value_spatial_shapes: Tensor,
        value_spatial_shapes_list: Sequence[tuple[int, int]],
        level_start_index: Tensor,
        sampling_locations: Tensor,
        attention_weights: Tensor,
        im2col_step: int,
    ) -> Tensor:
        """Output ``[B, Q, M * D]``; `level_start_index` and `im2col_step` are ignored, as the original does."""
        common = base.supported_type(value, sampling_locations, attention_weights)
        if common is None:
            raise ValueError(
                f"xmsda.integrations.kernels: expected CPU tensors of float32, float64, bfloat16 or float16 outside "
                f"of tracing and ONNX export, got {value.dtype} and {sampling_locations.dtype} on {value.device}; "
                "for these, load the model with use_kernels=False"
            )
        return base._run(value, value_spatial_shapes_list, sampling_locations, attention_weights, common)


class Repository:
    """What the registry asks for a layer: here, and nothing is downloaded."""

    layer_name = LAYER

    def load(self) -> type[nn.Module]:
        """The layer."""
        return MultiScaleDeformableAttention

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Repository)

    def __hash__(self) -> int:
        return hash(Repository)

    def __str__(self) -> str:
        return f"`xmsda` (layer `{LAYER}`)"


def mapping() -> dict[str, dict[str, Repository]]:
    """For ``kernels.use_kernel_mapping``, when the entry shall not be a global one."""
    return {LAYER: {"cpu": Repository()}}


def register() -> None:
    """Add xmsda to the global registry.

    Raises
    ------
    ImportError
        The package kernels is not installed.
    """
    if importlib.util.find_spec("kernels") is None:
        raise ImportError(
            "xmsda.integrations.kernels.register: the package kernels is not installed: pip install kernels, "
            "or use xmsda.integrations.transformers.patch(), which needs none"
        )
    from kernels import register_kernel_mapping

    register_kernel_mapping(mapping())
