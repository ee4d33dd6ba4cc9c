"""The call sites of ``mmcv.ops.multi_scale_deform_attn``, also of an mmcv that was installed without its extension.

SPDX-License-Identifier: Apache-2.0

>>> from xmsda.integrations import mmcv as xmsda_mmcv
>>> xmsda_mmcv.install_ext()        # mmcv-lite, or a wheel that does not fit torch: makes `import mmcv.ops` work
>>> import mmcv.ops
>>> xmsda_mmcv.patch()

On a CPU, mmcv's module calls ``multi_scale_deformable_attn_pytorch``; BEVFormer and others call
``MultiScaleDeformableAttnFunction.apply`` themselves. `patch` serves both.
"""

from __future__ import annotations

import importlib
import importlib.util
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from torch import Tensor

from xmsda.integrations import originals
from xmsda.integrations import transformers as base
from xmsda.integrations._replace import Replaced, replace_functions

__all__ = ["install_ext", "patch"]

_MODULE = "mmcv.ops.multi_scale_deform_attn"
_FUNCTION = "MultiScaleDeformableAttnFunction"
_PURE = "multi_scale_deformable_attn_pytorch"


def patch() -> Replaced:
    """Make mmcv's multi-scale deformable attention use xmsda on CPU tensors, until the result is undone.

    What is replaced: ``MultiScaleDeformableAttnFunction.apply`` and ``multi_scale_deformable_attn_pytorch``, the
    latter in every module that has imported it. Tensors on other devices and of other types keep mmcv's own.

    Raises
    ------
    ImportError
        mmcv is not installed, or its ops can not be imported; the message says what to do.
    """
    if importlib.util.find_spec("mmcv") is None:
        raise ImportError("xmsda.integrations.mmcv.patch: the package mmcv is not installed: pip install mmcv-lite")
    try:
        module = importlib.import_module(_MODULE)
    except ImportError as error:
        raise ImportError(
            f"xmsda.integrations.mmcv.patch: {_MODULE} can not be imported ({error}); when mmcv's extension is "
            "what is missing, call xmsda.integrations.mmcv.install_ext() before anything imports mmcv.ops"
        ) from error
    handle = Replaced()
    replace_functions(handle, (_PURE,), package="mmcv")
    function = getattr(module, _FUNCTION, None)
    if function is None:
        handle.skipped[f"{_MODULE}.{_FUNCTION}"] = "there is no such class"
    else:
        handle.set(function, "apply", staticmethod(_apply(handle, function.apply)), f"{_MODULE}.{_FUNCTION}.apply")
    return handle


def _apply(handle: Replaced, original: Any) -> Any:
    def apply(
        value: Tensor,
        value_spatial_shapes: Tensor,
        value_level_start_index: Tensor,
        sampling_locations: Tensor,
        attention_weights: Tensor,
        im2col_step: int,
    ) -> Tensor:
        common = base.supported_type(value, sampling_locations, attention_weights) if handle.active else None
        if common is None:
            return original(
                value,
                value_spatial_shapes,
                value_level_start_index,
                sampling_locations,
                attention_weights,
                im2col_step,
            )
        return base._run(
            value,
            value_spatial_shapes,
            sampling_locations,
            attention_weights,
            common,
            starts=value_level_start_index,
        )

    return apply


def install_ext() -> Replaced:
    """Put a stand-in for ``mmcv._ext`` into ``sys.modules``, so that ``mmcv.ops`` can be imported without it.

    Its ``ms_deform_attn_forward`` and ``_backward`` run xmsda; every other operator raises when it is called.

    Raises
    ------
    RuntimeError
        The real one is imported already: there is nothing to stand in for.
    """
    handle = Replaced()
    try:
        handle.add_module("mmcv._ext", _Extension("mmcv._ext"))
    except RuntimeError as error:
        raise RuntimeError(f"xmsda.integrations.mmcv.install_ext: {error}") from None
    return handle


class _Extension(ModuleType):
    """mmcv asks with hasattr for a hundred operators when it is imported."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "xmsda in the place of mmcv's extension.")
        self.__spec__ = ModuleSpec(name, None, origin="xmsda.integrations.mmcv")
        self.__dict__.update(ms_deform_attn_forward=_ext_forward, ms_deform_attn_backward=_ext_backward)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*arguments: Any, **options: Any) -> None:
            raise NotImplementedError(
                f"mmcv._ext.{name}: xmsda stands in for multi-scale deformable attention only; "
                "install an mmcv that was built with its extension"
            )

        return missing


# mmcv passes im2col_step by name, and lets the backward pass write into three tensors of zeros.
def _ext_forward(*tensors: Any, im2col_step: int = 64) -> Tensor:
    return originals.ms_deform_attn_forward(*tensors)


def _ext_backward(*tensors: Any, im2col_step: int = 64) -> None:
    *inputs, grad_value, grad_locations, grad_weights = tensors
    gradients = originals.ms_deform_attn_backward(*inputs)
    for target, gradient in zip((grad_value, grad_locations, grad_weights), gradients, strict=True):
        target.copy_(gradient)
