"""Whole attention modules of transformers with the fused operator: softmax and locations inside the kernel.

SPDX-License-Identifier: Apache-2.0

The modules of Deformable-DETR's family (deformable_detr, grounding_dino, lw_detr, rf_detr, rt_detr, ...) share one
forward up to names. A class is served when its forward has the parameters listed here and gives the same numbers on a
small problem in double precision; any other keeps its own forward.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from xmsda.ops import ms_deform_attn_fused

COMMON_PARAMETERS = (
    "self",
    "hidden_states",
    "attention_mask",
    "encoder_hidden_states",
    "encoder_attention_mask",
    "position_embeddings",
    "reference_points",
    "spatial_shapes",
    "spatial_shapes_list",
    "level_start_index",
)
# Behind them comes one of these.
LAST_PARAMETERS = ("kwargs", "output_attentions")

_VALUE_TYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
_SHAPES = [(3, 5), (4, 2)]


_disabled = False


@contextlib.contextmanager
def disabled() -> Iterator[None]:
    """Let the modules run their own forward around the unfused operator, to compare the two."""
    global _disabled
    before, _disabled = _disabled, True
    try:
        yield
    finally:
        _disabled = before


def _serves(module: Any, hidden_states: Any, encoder_hidden_states: Any, reference_points: Any) -> bool:
    """Whether a call is for the fused operator. Exported programs keep the operator that other runtimes know."""
    if _disabled or torch.jit.is_tracing() or torch.onnx.is_in_onnx_export() or torch.compiler.is_exporting():
        return False
    # Under autocast value, offsets and references have types of their own, which the unfused replacement handles.
    if torch.is_autocast_enabled("cpu"):
        return False
    tensors = (hidden_states, encoder_hidden_states, reference_points)
    if not all(isinstance(tensor, Tensor) and tensor.device.type == "cpu" for tensor in tensors):
        return False
    layers = (module.value_proj, module.sampling_offsets, module.attention_weights)
    same = all(isinstance(layer, nn.Linear) and layer.weight.dtype == hidden_states.dtype for layer in layers)
    return same and hidden_states.dtype in _VALUE_TYPES and encoder_hidden_states.dtype == hidden_states.dtype


def replace_forward(original: Callable[..., Any], is_active: Callable[[], bool]) -> Callable[..., Any]:
    """Make the forward that runs instead of `original` while `is_active`.

    Its second result, the attention weights, is None unless ``output_attentions`` or a forward hook of the module (as
    transformers installs for it) asks for them: computing them is what the fused operator saves.
    """

    @functools.wraps(original)
    def forward(
        self: Any,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        encoder_hidden_states: Any = None,
        encoder_attention_mask: Any = None,
        position_embeddings: Tensor | None = None,
        reference_points: Any = None,
        spatial_shapes: Any = None,
        spatial_shapes_list: Any = None,
        level_start_index: Any = None,
        *others: Any,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None]:
        if (
            not is_active()
            or not _serves(self, hidden_states, encoder_hidden_states, reference_points)
            # The original says what is wrong.
            or spatial_shapes_list is None
            or sum(height * width for height, width in spatial_shapes_list) != encoder_hidden_states.shape[1]
        ):
            return original(
                self,
                hidden_states,
                attention_mask,
                encoder_hidden_states,
                encoder_attention_mask,
                position_embeddings,
                reference_points,
                spatial_shapes,
                spatial_shapes_list,
                level_start_index,
                *others,
                **kwargs,
            )
        if position_embeddings is not None:
            hidden_states = hidden_states + position_embeddings
        value = self.value_proj(encoder_hidden_states)
        if attention_mask is not None:
            value = value.masked_fill(~attention_mask[..., None], 0.0)
        value = value.unflatten(-1, (self.n_heads, -1))
        samples = (self.n_heads, self.n_levels, self.n_points)
        offsets = self.sampling_offsets(hidden_states).unflatten(-1, (*samples, 2))
        logits = self.attention_weights(hidden_states).unflatten(-1, samples)
        # No level_start_index: the originals ignore it and take the levels as consecutive.
        output = ms_deform_attn_fused(value, spatial_shapes_list, None, reference_points, offsets, logits)
        weights = None
        if self._forward_hooks or any(others) or kwargs.get("output_attentions"):
            weights = logits.flatten(3).softmax(-1).view(logits.shape)
        return self.output_proj(output), weights

    return forward


def probe(cls: type, inner: type) -> Callable[[Callable[..., Any]], list[Tensor]]:
    """Results of a forward on small problems: points and boxes, with and without a mask."""

    def run(forward: Callable[..., Any]) -> list[Tensor]:
        generator = torch.Generator(device="cpu").manual_seed(0)

        def uniform(*shape: int) -> Tensor:
            return torch.rand(shape, generator=generator, dtype=torch.float64, device="cpu")

        heads, levels, points, width = 2, len(_SHAPES), 3, 8
        module: Any = object.__new__(cls)
        nn.Module.__init__(module)
        module.attn = inner()
        module.im2col_step, module.disable_custom_kernels = 64, False
        module.d_model, module.n_levels, module.n_heads, module.n_points = width, levels, heads, points
        sizes = {
            "sampling_offsets": heads * levels * points * 2,
            "attention_weights": heads * levels * points,
            "value_proj": width,
            "output_proj": width,
        }
        for name, size in sizes.items():
            layer = nn.utils.skip_init(nn.Linear, width, size, dtype=torch.float64, device="cpu")
            layer.weight.data.copy_(uniform(size, width) * 2 - 1)
            layer.bias.data.copy_(uniform(size))
            setattr(module, name, layer)
        module.register_forward_hook(lambda *_: None)  # asks for the weights
        pixels = sum(height * width for height, width in _SHAPES)
        hidden, embeddings, encoder = uniform(2, 3, width), uniform(2, 3, width), uniform(2, pixels, width)
        shapes = torch.tensor(_SHAPES, device="cpu")
        start = torch.tensor([0, 15], device="cpu")
        results = []
        for components, mask in ((2, None), (4, uniform(2, pixels) > 0.3)):
            output, weights = forward(
                module,
                hidden,
                attention_mask=mask,
                encoder_hidden_states=encoder,
                position_embeddings=embeddings,
                reference_points=uniform(2, 3, levels, components),
                spatial_shapes=shapes,
                spatial_shapes_list=list(_SHAPES),
                level_start_index=start,
            )
            results += [output, weights]
        return results

    return run
