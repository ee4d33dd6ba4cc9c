"""The autograd formula of the operators that torch's dispatcher differentiates.

SPDX-License-Identifier: Apache-2.0
"""

from typing import Any

import torch
from torch import Tensor

TWICE = (
    "xmsda.ms_deform_attn: the gradient of its gradient is not implemented; call backward without create_graph, "
    "or use xmsda.reference.grid_sample_formulation, which can be differentiated twice"
)
# value, spatial_shapes, level_start_index, sampling_locations, attention_weights
_TENSORS = 5
_DISCRETE = 1  # where it is among the options behind them


def register(forward: str, backward: str) -> None:
    """Make `forward` differentiable once: `backward` takes its arguments and the gradient of its result."""
    operator = getattr(torch.ops.xmsda, backward).default

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:_TENSORS])
        ctx.options = inputs[_TENSORS:]

    def formula(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        value, locations, weights = operator(*ctx.saved_tensors, *ctx.options, grad_output)
        if ctx.options[_DISCRETE]:
            locations = None
        return value, None, None, locations, weights, *[None] * len(ctx.options)

    torch.library.register_autograd(f"xmsda::{forward}", formula, setup_context=setup_context)
    torch.library.register_autograd(f"xmsda::{backward}", _refuse_twice)


def _refuse_twice(ctx: Any, *grads: Tensor) -> tuple[None, ...]:
    raise NotImplementedError(TWICE)


def register_general(discrete: int) -> None:
    """The same for the general operators; `discrete` is the bit of that name in their mode."""
    operator = torch.ops.xmsda.ms_deform_attn_general_backward.default
    num_tensors = 6  # with reference_points
    mode = 1  # where it is among the options

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:num_tensors])
        ctx.options = inputs[num_tensors:]

    def formula(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        wanted = ctx.needs_input_grad[3]
        value, references, sampling, attention = operator(*ctx.saved_tensors, *ctx.options, wanted, grad_output)
        if ctx.options[mode] & discrete:
            references, sampling = (torch.zeros_like(ctx.saved_tensors[3]) if wanted else None), None
        return (value, None, None, references if wanted else None, sampling, attention, *[None] * len(ctx.options))

    torch.library.register_autograd("xmsda::ms_deform_attn_general_forward", formula, setup_context=setup_context)
    torch.library.register_autograd("xmsda::ms_deform_attn_general_backward", _refuse_twice)
