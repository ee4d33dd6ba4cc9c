"""Run the deformable attention of Hugging Face transformers with xmsda.

SPDX-License-Identifier: Apache-2.0

>>> from xmsda.integrations import transformers as xmsda_transformers
>>> with xmsda_transformers.patch():
...     outputs = model(**inputs)

What transformers calls is replaced where it is defined, so that models built before and after `patch` are served:

- ``MultiScaleDeformableAttention.forward`` in every model that has this class;
- the forward of the attention modules around it, where they are Deformable-DETR's, by the fused operator: softmax and
  sampling locations are then computed in the kernel, and the module returns attention weights only when
  ``output_attentions`` or a forward hook asks for them (else None);
- the functions ``multi_scale_deformable_attention`` and ``multi_scale_deformable_attention_v2``, which other models
  have instead, also where a class keeps the function in an attribute of its instances.

Model modules are recognised when they have been imported, and an import hook does the same for those that are imported
later; `patch` imports no model by itself. Before a target is replaced, its parameters are compared with those that are
known, and both implementations run a small problem in double precision: a version of transformers that computes
something else is left as it is, with a warning that says which module and why.
"""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import importlib.util
import inspect
import re
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from types import ModuleType, TracebackType
from typing import Any

import torch
from torch import Tensor

from xmsda import ms_deform_attn
from xmsda._export import keeps_operator
from xmsda.integrations import _fused_module

__all__ = ["Patch", "patch", "patched_modules", "skipped_modules", "unpatch"]

_MODELING_MODULE = re.compile(r"transformers\.models\.([^.]+)\.modeling_[^.]+")

_CLASS_NAME = "MultiScaleDeformableAttention"
_CLASS_PARAMETERS = (
    "self",
    "value",
    "value_spatial_shapes",
    "value_spatial_shapes_list",
    "level_start_index",
    "sampling_locations",
    "attention_weights",
    "im2col_step",
)
_SAME_POINTS_NAME = "multi_scale_deformable_attention"
_SAME_POINTS_PARAMETERS = ("value", "value_spatial_shapes", "sampling_locations", "attention_weights")
_POINT_LIST_NAME = "multi_scale_deformable_attention_v2"
_POINT_LIST_PARAMETERS = (*_SAME_POINTS_PARAMETERS, "num_points_list", "method")
# Where d_fine and deimv2 keep the function in each instance, so that replacing the module's name would miss it.
_POINT_LIST_ATTRIBUTE = "ms_deformable_attn_core"
_METHODS = {"default": "bilinear", "discrete": "discrete"}

# Used for one purpose: to say so when a model that had deformable attention no longer shows it under a known name.
_KNOWN_MODELS = frozenset(
    {
        "d_fine",
        "deformable_detr",
        "deimv2",
        "grounding_dino",
        "lw_detr",
        "mask2former",
        "mm_grounding_dino",
        "omdet_turbo",
        "oneformer",
        "pp_doclayout_v2",
        "pp_doclayout_v3",
        "pp_doclayout_v4",
        "rf_detr",
        "rt_detr",
        "rt_detr_v2",
    }
)

_HALF_TYPES = (torch.bfloat16, torch.float16)
_VALUE_TYPES = (torch.float32, torch.float64, *_HALF_TYPES)


class _Unsuitable(Exception):
    """Why a target has to stay as it is."""


@dataclass(frozen=True)
class _Change:
    """One attribute that was set on a class or module; `original` None: it did not exist before."""

    owner: Any
    name: str
    installed: Any
    original: Any

    def undo(self) -> None:
        # When someone has replaced the attribute after us, it is theirs: what they wrapped passes calls on to the
        # original from now on, because _active is false.
        if vars(self.owner).get(self.name) is not self.installed:
            return
        if self.original is None:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self.original)


# Guards everything below. Reentrant: an import inside patch() comes back through the import hook.
_lock = threading.RLock()
_handles: list[Patch] = []
_changes: list[_Change] = []
_patched: dict[str, str] = {}
_skipped: dict[str, str] = {}
# Read in every replaced call, so that references to a replacement that outlive the patch go to the original, and so
# that torch.compile compiles anew after a change.
_active = False


# ---------------------------------------------------------------------------------------------------------------------
# The replacements
# ---------------------------------------------------------------------------------------------------------------------


def _common_type(value: Tensor, locations: Tensor, weights: Tensor) -> torch.dtype | None:
    """Type that locations and weights have to get for xmsda, or None when this call is for the original.

    Under autocast they come in different types: locations in float32 (the reference points are), weights in bfloat16.
    """
    return supported_type(value, locations, weights) if _active else None


def supported_type(value: Tensor, locations: Tensor, weights: Tensor) -> torch.dtype | None:
    """The same without regard to whether transformers is patched: what the other adapters ask."""
    if torch.jit.is_tracing() or (torch.onnx.is_in_onnx_export() and not keeps_operator()):
        return None
    if not (value.device.type == locations.device.type == weights.device.type == "cpu"):
        return None
    if value.dtype not in _VALUE_TYPES:
        return None
    common = torch.promote_types(locations.dtype, weights.dtype)
    if value.dtype not in _HALF_TYPES:
        common = torch.promote_types(common, value.dtype)
    if common == value.dtype or (common == torch.float32 and value.dtype in _HALF_TYPES):
        return common
    return None


def _run(
    value: Tensor,
    shapes: Tensor | Sequence[tuple[int, int]],
    locations: Tensor,
    weights: Tensor,
    common: torch.dtype,
    points: Sequence[int] | None = None,
    method: str = "bilinear",
    starts: Tensor | None = None,
) -> Tensor:
    # Those of transformers give no `starts`: the originals ignore them and take the levels as consecutive.
    def call() -> Tensor:
        return ms_deform_attn(
            value, shapes, starts, locations.to(common), weights.to(common), points_per_level=points, method=method
        )

    if not torch.is_autocast_enabled("cpu"):
        return call()
    # Autocast makes grid_sample, and with it the original, read and return float32; xmsda by itself would go the other
    # way and take value to bfloat16.
    with torch.autocast("cpu", enabled=False):
        output = call()
    return output.float() if value.dtype in _HALF_TYPES else output


def _replace_class_forward(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @functools.wraps(original)
    def forward(
        self: Any,
        value: Tensor,
        value_spatial_shapes: Tensor,
        value_spatial_shapes_list: Sequence[tuple[int, int]],
        level_start_index: Tensor,
        sampling_locations: Tensor,
        attention_weights: Tensor,
        im2col_step: int,
    ) -> Tensor:
        common = _common_type(value, sampling_locations, attention_weights)
        if common is not None:
            return _run(value, value_spatial_shapes_list, sampling_locations, attention_weights, common)
        return original(
            self,
            value,
            value_spatial_shapes,
            value_spatial_shapes_list,
            level_start_index,
            sampling_locations,
            attention_weights,
            im2col_step,
        )

    return forward


def _replace_same_points(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @functools.wraps(original)
    def multi_scale_deformable_attention(
        value: Tensor,
        value_spatial_shapes: Tensor | Sequence[tuple[int, int]],
        sampling_locations: Tensor,
        attention_weights: Tensor,
    ) -> Tensor:
        common = _common_type(value, sampling_locations, attention_weights)
        if common is not None:
            return _run(value, value_spatial_shapes, sampling_locations, attention_weights, common)
        return original(value, value_spatial_shapes, sampling_locations, attention_weights)

    return multi_scale_deformable_attention


def _replace_point_list(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @functools.wraps(original)
    def multi_scale_deformable_attention_v2(
        value: Tensor,
        value_spatial_shapes: Tensor | Sequence[tuple[int, int]],
        sampling_locations: Tensor,
        attention_weights: Tensor,
        num_points_list: Sequence[int],
        method: str = "default",
    ) -> Tensor:
        common = _common_type(value, sampling_locations, attention_weights)
        if common is not None and method in _METHODS:
            return _run(
                value,
                value_spatial_shapes,
                sampling_locations,
                attention_weights,
                common,
                list(num_points_list),
                _METHODS[method],
            )
        return original(value, value_spatial_shapes, sampling_locations, attention_weights, num_points_list, method)

    return multi_scale_deformable_attention_v2


# ---------------------------------------------------------------------------------------------------------------------
# Checks before a target is replaced
# ---------------------------------------------------------------------------------------------------------------------

# Levels that are not square, not alike and have unlike point counts: swapped axes, layouts or clamps cannot pass.
_PROBE_SHAPES = [(3, 5), (4, 2)]
_PROBE_POINTS = [1, 3]
# Both sides do the same sums of 8 or fewer terms below 1 in double precision, in another order.
_PROBE_TOLERANCE = 1e-12


def _probe_inputs(samples: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Value, locations in [-0.25, 1.25] and weights, with `samples` as the axes of the points."""
    generator = torch.Generator(device="cpu").manual_seed(0)
    batch, queries, heads, channels = 2, 3, 2, 3

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64, device="cpu")

    pixels = sum(height * width for height, width in _PROBE_SHAPES)
    value = uniform(batch, pixels, heads, channels)
    locations = uniform(batch, queries, heads, *samples, 2) * 1.5 - 0.25
    return value, locations, uniform(batch, queries, heads, *samples)


def _probe_class(cls: type) -> Callable[[Callable[..., Tensor]], list[Tensor]]:
    def run(forward: Callable[..., Tensor]) -> list[Tensor]:
        value, locations, weights = _probe_inputs((2, 3))
        shapes = torch.tensor(_PROBE_SHAPES, device="cpu")
        start = torch.tensor([0, 15], device="cpu")
        return [forward(cls(), value, shapes, list(_PROBE_SHAPES), start, locations, weights, 64)]

    return run


def _probe_same_points(function: Callable[..., Tensor]) -> list[Tensor]:
    value, locations, weights = _probe_inputs((2, 3))
    return [function(value, list(_PROBE_SHAPES), locations, weights)]


def _probe_point_list(function: Callable[..., Tensor]) -> list[Tensor]:
    value, locations, weights = _probe_inputs((sum(_PROBE_POINTS),))
    return [
        function(value, list(_PROBE_SHAPES), locations, weights, list(_PROBE_POINTS), method) for method in _METHODS
    ]


def _check(
    what: str,
    parameters: tuple[str, ...],
    original: Callable[..., Tensor],
    replacement: Callable[..., Tensor],
    probe: Callable[[Callable[..., Tensor]], list[Tensor]],
) -> None:
    """Raise _Unsuitable unless both have these parameters and give the same results."""
    found = tuple(inspect.signature(original).parameters)
    if found != parameters:
        raise _Unsuitable(f"{what} has parameters ({', '.join(found)}), expected ({', '.join(parameters)})")
    try:
        with torch.no_grad():
            expected = probe(original)
            got = probe(replacement)
    except Exception as error:
        raise _Unsuitable(f"{what} failed on the test problem: {type(error).__name__}: {error}") from error
    for theirs, ours in zip(expected, got, strict=True):
        if theirs.shape != ours.shape or theirs.dtype != ours.dtype:
            raise _Unsuitable(
                f"{what} returns {theirs.dtype} {list(theirs.shape)}, xmsda {ours.dtype} {list(ours.shape)}"
            )
        difference = (theirs - ours).abs().max().item()
        if not difference <= _PROBE_TOLERANCE:
            raise _Unsuitable(f"{what} computes something else than xmsda: they differ by {difference:.3g}")


# ---------------------------------------------------------------------------------------------------------------------
# Replacing and restoring
# ---------------------------------------------------------------------------------------------------------------------


def _set(owner: Any, name: str, installed: Any) -> None:
    _changes.append(_Change(owner, name, installed, vars(owner).get(name)))
    setattr(owner, name, installed)


def _patch_class(cls: type) -> str:
    what = f"{_CLASS_NAME}.forward"
    original = vars(cls).get("forward")
    if not callable(original):
        raise _Unsuitable(f"{what} is missing")
    replacement = _replace_class_forward(original)
    _check(what, _CLASS_PARAMETERS, original, replacement, _probe_class(cls))
    _set(cls, "forward", replacement)
    return what


def _fuse_modules(module: ModuleType, inner: type) -> list[str]:
    """Replace the forward of the attention modules around `inner`; those that are not known keep theirs."""
    done = []
    for cls in _own_classes(module):
        original = vars(cls).get("forward")
        if _CLASS_NAME not in _names_in(cls, "__init__") or not callable(original):
            continue
        last = tuple(inspect.signature(original).parameters)[-1:]
        if last[0] not in _fused_module.LAST_PARAMETERS:
            continue
        replacement = _fused_module.replace_forward(original, lambda: _active)
        try:
            parameters = (*_fused_module.COMMON_PARAMETERS, *last)
            _check(f"{cls.__name__}.forward", parameters, original, replacement, _fused_module.probe(cls, inner))
        except _Unsuitable:
            continue  # its call of the class below is replaced all the same
        _set(cls, "forward", replacement)
        done.append(f"{cls.__name__}.forward")
    return done


def _patch_same_points(module: ModuleType, original: Callable[..., Tensor]) -> str:
    replacement = _replace_same_points(original)
    _check(_SAME_POINTS_NAME, _SAME_POINTS_PARAMETERS, original, replacement, _probe_same_points)
    _set(module, _SAME_POINTS_NAME, replacement)
    return _SAME_POINTS_NAME


def _attribute_property(original: Callable[..., Tensor], replacement: Callable[..., Tensor]) -> property:
    """Property that reads as the replacement where an instance keeps the original.

    The instances stay as they are, in memory, in copies and in pickles.
    """
    name = _POINT_LIST_ATTRIBUTE

    def get(instance: Any) -> Any:
        if name not in instance.__dict__:
            raise AttributeError(f"{type(instance).__name__!r} object has no attribute {name!r}")
        stored = instance.__dict__[name]
        return replacement if stored is original else stored

    def set_(instance: Any, function: Any) -> None:
        instance.__dict__[name] = original if function is replacement else function

    return property(get, set_)


def _patch_point_list(module: ModuleType, original: Callable[..., Tensor]) -> str:
    replacement = _replace_point_list(original)
    _check(_POINT_LIST_NAME, _POINT_LIST_PARAMETERS, original, replacement, _probe_point_list)
    users = [cls for cls in _own_classes(module) if _POINT_LIST_NAME in _names_in(cls, "__init__")]
    if not users:
        _set(module, _POINT_LIST_NAME, replacement)
        return _POINT_LIST_NAME
    for cls in users:
        if not all(_POINT_LIST_ATTRIBUTE in _names_in(cls, method) for method in ("__init__", "forward")):
            raise _Unsuitable(f"{cls.__name__} does not keep {_POINT_LIST_NAME} as {_POINT_LIST_ATTRIBUTE}")
    for cls in users:
        _set(cls, _POINT_LIST_ATTRIBUTE, _attribute_property(original, replacement))
    return ", ".join(f"{cls.__name__}.{_POINT_LIST_ATTRIBUTE}" for cls in users)


def _own_classes(module: ModuleType) -> list[type]:
    return [item for item in vars(module).values() if isinstance(item, type) and item.__module__ == module.__name__]


def _names_in(cls: type, method: str) -> tuple[str, ...]:
    """Globals and attributes that the code of a class's own method refers to."""
    code = getattr(vars(cls).get(method), "__code__", None)
    return code.co_names if code is not None else ()


def _patch_module(module: ModuleType) -> None:
    """Replace what a modeling module defines; record and warn when it has to be left as it is."""
    match = _MODELING_MODULE.fullmatch(module.__name__)
    with _lock:
        if match is None or not _active or module.__name__ in _patched:
            return
        first_change = len(_changes)
        done: list[str] = []
        try:
            cls = vars(module).get(_CLASS_NAME)
            if isinstance(cls, type) and cls.__module__ == module.__name__:
                done.append(_patch_class(cls))
                done.extend(_fuse_modules(module, cls))
            functions = ((_SAME_POINTS_NAME, _patch_same_points), (_POINT_LIST_NAME, _patch_point_list))
            for name, patch_function in functions:
                function = vars(module).get(name)
                if callable(function) and function.__module__ == module.__name__:
                    done.append(patch_function(module, function))
            if not done and match.group(1) in _KNOWN_MODELS and module.__name__.endswith("modeling_" + match.group(1)):
                raise _Unsuitable(f"none of {_CLASS_NAME}, {_SAME_POINTS_NAME}, {_POINT_LIST_NAME} is in it")
        except _Unsuitable as reason:
            while len(_changes) > first_change:
                _changes.pop().undo()
            if _skipped.get(module.__name__) != str(reason):
                _skipped[module.__name__] = str(reason)
                warnings.warn(f"xmsda leaves {module.__name__} as it is: {reason}", RuntimeWarning, stacklevel=2)
            return
        if done:
            _patched[module.__name__] = ", ".join(done)
            _skipped.pop(module.__name__, None)


class _PatchingLoader(importlib.abc.Loader):
    """Runs another loader and then patches; steps out of the module's way first, so that nothing of it stays."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        # A reload has made new classes: what is recorded for the old ones says nothing about these.
        _patched.pop(module.__name__, None)
        _patch_module(module)


class _PatchingFinder(importlib.abc.MetaPathFinder):
    """Finds transformers' modeling modules through the finders after it and wraps their loader."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not _MODELING_MODULE.fullmatch(fullname):
            return None
        later = sys.meta_path[sys.meta_path.index(self) + 1 :] if self in sys.meta_path else []
        for finder in later:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _PatchingLoader(spec.loader)
                return spec
        return None


_finder = _PatchingFinder()


class Patch:
    """One `patch` call: undo it with `undo`, or leave the ``with`` block. Made by `patch` only."""

    def undo(self) -> None:
        """End this call's part; the originals return when the last one has ended. Again: no effect."""
        with _lock:
            if self in _handles:
                _handles.remove(self)
                if not _handles:
                    _restore()

    def __enter__(self) -> Patch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.undo()


def patch() -> Patch:
    """Make transformers' deformable attention models use xmsda until the result is undone.

    Calls nest: each gives its own handle, and transformers is restored when the last handle has been undone. CPU
    tensors of float32, float64, bfloat16 and float16 go to xmsda; calls with other devices or types, and those inside
    torch.jit.trace or the ONNX export, go to the original implementation.

    Returns
    -------
    Patch
        Context manager with ``undo()``.

    Raises
    ------
    ImportError
        transformers is not installed.

    Warns
    -----
    RuntimeWarning
        A model module is left as it is because it is not what this version of xmsda knows; see `skipped_modules`.
    """
    global _active
    if importlib.util.find_spec("transformers") is None:
        raise ImportError("xmsda.integrations.transformers.patch: the package transformers is not installed")
    with _lock:
        handle = Patch()
        _handles.append(handle)
        _active = True
        if _finder not in sys.meta_path:
            sys.meta_path.insert(0, _finder)
        names = [name for name in list(sys.modules) if _MODELING_MODULE.fullmatch(name)]
    for name in names:
        # Already in sys.modules: this only waits for another thread that is in the middle of importing it.
        _patch_module(importlib.import_module(name))
    return handle


def unpatch() -> None:
    """Undo every `patch` call that is in effect."""
    with _lock:
        if _handles:
            _handles.clear()
            _restore()


def _restore() -> None:
    global _active
    _active = False
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    while _changes:
        _changes.pop().undo()
    _patched.clear()
    _skipped.clear()


def patched_modules() -> dict[str, str]:
    """Modules that run xmsda now: full module name -> what was replaced in it."""
    with _lock:
        return dict(sorted(_patched.items()))


def skipped_modules() -> dict[str, str]:
    """Modules that were left as they are since the first `patch` in effect: full module name -> reason."""
    with _lock:
        return dict(sorted(_skipped.items()))
