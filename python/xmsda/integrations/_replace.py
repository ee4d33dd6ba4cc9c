"""What the adapters share: attributes that are replaced and restored, and the pure function that many copies have.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterable
from types import ModuleType, TracebackType
from typing import Any

from torch import Tensor

from xmsda.integrations import transformers as base

# The grid_sample function of one name each: Deformable-DETR, DINO and Mask2Former; mmcv, GroundingDINO and detrex.
FUNCTIONS = ("ms_deform_attn_core_pytorch", "multi_scale_deformable_attn_pytorch")
_PARAMETERS = ("value", "value_spatial_shapes", "sampling_locations", "attention_weights")
_ABSENT: Any = object()


class Replaced:
    """What one call has replaced; `undo` restores it, as does leaving a ``with`` block.

    Attributes
    ----------
    names
        Dotted names of what runs xmsda now.
    skipped
        Dotted name -> why it was left alone.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.skipped: dict[str, str] = {}
        self.active = True
        self._undo: list[Callable[[], None]] = []

    def set(self, owner: Any, name: str, new: Any, label: str) -> None:
        """Replace an attribute."""
        old = vars(owner).get(name, _ABSENT)
        setattr(owner, name, new)

        def undo() -> None:
            # Whoever has replaced it after us keeps what is theirs.
            if vars(owner).get(name) is new:
                delattr(owner, name) if old is _ABSENT else setattr(owner, name, old)

        self._undo.append(undo)
        self.names.append(label)

    def add_module(self, name: str, module: ModuleType) -> None:
        """Make ``import name`` find this module."""
        if name in sys.modules and not getattr(sys.modules[name], "__xmsda__", False):
            raise RuntimeError(
                f"module {name!r} is imported already, from {getattr(sys.modules[name], '__file__', None)}: "
                "install xmsda's before anything imports it"
            )
        module.__dict__["__xmsda__"] = True
        old = sys.modules.get(name)
        sys.modules[name] = module

        def undo() -> None:
            if sys.modules.get(name) is module:
                if old is None:
                    del sys.modules[name]
                else:
                    sys.modules[name] = old

        self._undo.append(undo)
        self.names.append(name)

    def undo(self) -> None:
        """Restore everything. Again: no effect."""
        self.active = False
        while self._undo:
            self._undo.pop()()

    def __enter__(self) -> Replaced:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.undo()


def replace_functions(handle: Replaced, names: Iterable[str] = FUNCTIONS, package: str = "") -> None:
    """Replace the pure functions of these names in all modules that are imported, also where they were copied to.

    A function is replaced when it has the parameters that all copies have and computes what xmsda does on a small
    problem in double precision; `Replaced.skipped` tells otherwise. With `package`, only functions defined in it.
    """
    wanted = tuple(names)
    replacements: dict[int, Callable[..., Tensor] | None] = {}
    for module_name, module in list(sys.modules.items()):
        if not isinstance(module, ModuleType):
            continue
        for attribute, function in list(vars(module).items()):
            # Not isinstance, which asks proxies for their class: some warn or import something then.
            if type(function) is not types.FunctionType or function.__name__ not in wanted:
                continue
            home = function.__module__ or ""
            if hasattr(function, "__wrapped_by_xmsda__") or (package and home.split(".")[0] != package):
                continue
            label = f"{module_name}.{attribute}"
            if id(function) not in replacements:
                replacements[id(function)] = _replacement(handle, function, label)
            replacement = replacements[id(function)]
            if replacement is not None:
                handle.set(module, attribute, replacement, label)


def _replacement(handle: Replaced, original: Callable[..., Tensor], label: str) -> Callable[..., Tensor] | None:
    @functools.wraps(original)
    def function(
        value: Tensor, value_spatial_shapes: Any, sampling_locations: Tensor, attention_weights: Tensor
    ) -> Tensor:
        common = base.supported_type(value, sampling_locations, attention_weights) if handle.active else None
        if common is None:
            return original(value, value_spatial_shapes, sampling_locations, attention_weights)
        return base._run(value, value_spatial_shapes, sampling_locations, attention_weights, common)

    function.__dict__["__wrapped_by_xmsda__"] = True
    try:
        base._check(label, _PARAMETERS, original, function, base._probe_same_points)
    except base._Unsuitable as reason:
        handle.skipped[label] = str(reason)
        return None
    return function
