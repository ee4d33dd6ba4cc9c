"""The compiled module of Deformable-DETR and of the projects that took it over, without a compiler.

SPDX-License-Identifier: Apache-2.0

>>> import xmsda.integrations.originals
>>> xmsda.integrations.originals.install()      # before the project's own modules are imported
>>> from models.ops.functions import MSDeformAttnFunction

Deformable-DETR, Mask2Former, DINO and a hundred others import ``MultiScaleDeformableAttention``, GroundingDINO imports
``groundingdino._C``; each calls two functions of it with positional arguments:
``ms_deform_attn_forward(value, spatial_shapes, level_start_index, sampling_locations, attention_weights, im2col_step)``
and ``ms_deform_attn_backward(the same five, grad_output, im2col_step)``.
"""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from types import ModuleType

import torch
from torch import Tensor

from xmsda import ms_deform_attn
from xmsda.integrations._replace import FUNCTIONS, Replaced, replace_functions

__all__ = ["install", "ms_deform_attn_backward", "ms_deform_attn_forward", "patch_functions"]

MODULES = ("MultiScaleDeformableAttention", "groundingdino._C")


def ms_deform_attn_forward(
    value: Tensor,
    spatial_shapes: Tensor,
    level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    im2col_step: int = 64,
) -> Tensor:
    """Output ``[B, Q, M * D]``, without autograd: the project's own Function calls the backward pass.

    Shapes, dtypes and errors are those of `xmsda.ms_deform_attn`; `im2col_step` is ignored.
    """
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        return ms_deform_attn(value, spatial_shapes, level_start_index, sampling_locations, attention_weights)


def ms_deform_attn_backward(
    value: Tensor,
    spatial_shapes: Tensor,
    level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    grad_output: Tensor,
    im2col_step: int = 64,
) -> list[Tensor]:
    """Gradients of value, sampling locations and attention weights.

    Raises
    ------
    ValueError
        An argument has the wrong shape, dtype or device, or grad_output is not shaped like the output.
    """
    inputs = (value, sampling_locations, attention_weights)
    leaves = [tensor.detach().requires_grad_() for tensor in inputs]
    with torch.enable_grad(), torch.autocast("cpu", enabled=False):
        output = ms_deform_attn(leaves[0], spatial_shapes, level_start_index, leaves[1], leaves[2])
    if grad_output.shape != output.shape:
        raise ValueError(
            f"grad_output: expected the output's shape {list(output.shape)}, got {list(grad_output.shape)}"
        )
    return list(torch.autograd.grad(output, leaves, grad_output.to(output.dtype)))


def install(*modules: str) -> Replaced:
    """Put stand-ins for the compiled module into ``sys.modules``, and replace the pure functions imported so far.

    Parameters
    ----------
    modules : str
        Names under which projects import it; without any, those of `MODULES`.

    Returns
    -------
    Replaced
        ``undo()`` takes them out again; modules that have imported them keep what they have.

    Raises
    ------
    RuntimeError
        The real module has been imported already; its name and file are in the message. Nothing is installed.
    """
    handle = Replaced()
    try:
        for name in modules or MODULES:
            handle.add_module(name, _stand_in(name))
    except RuntimeError as error:
        handle.undo()
        raise RuntimeError(f"xmsda.integrations.originals.install: {error}") from None
    replace_functions(handle)
    return handle


def patch_functions(*names: str) -> Replaced:
    """Replace ``ms_deform_attn_core_pytorch`` and ``multi_scale_deformable_attn_pytorch`` wherever they are imported.

    On a CPU, GroundingDINO, detrex and mmcv call these functions and not the compiled module. Call it after the
    project's modules have been imported; `Replaced.skipped` tells which functions compute something else.
    """
    handle = Replaced()
    replace_functions(handle, names or FUNCTIONS)
    return handle


def _stand_in(name: str) -> ModuleType:
    module = ModuleType(name, "xmsda in the place of this compiled module.")
    # pkgutil and importlib.util.find_spec ask for one, and refuse a module without.
    module.__spec__ = ModuleSpec(name, None, origin="xmsda.integrations.originals")
    module.__dict__.update(
        ms_deform_attn_forward=ms_deform_attn_forward, ms_deform_attn_backward=ms_deform_attn_backward
    )
    return module
