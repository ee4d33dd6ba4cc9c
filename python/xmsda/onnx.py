"""ONNX: export models with the operator as one node, and find the libraries that run it.

SPDX-License-Identifier: Apache-2.0

>>> import xmsda.onnx
>>> program = xmsda.onnx.export(model, args, "model.onnx", dynamic_shapes=...)
>>> options.register_custom_ops_library(xmsda.onnx.library_path())      # ONNX Runtime
>>> core.add_extension(xmsda.onnx.openvino_library_path())              # OpenVINO

Every call of the operator becomes one node ``xmsda::MSDeformAttn``; its inputs, attributes and types are documented in
docs/onnx.md. The file holds a function body of standard operators as well, so that runtimes without the library run it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from xmsda import _export
from xmsda._onnx_function import DOMAIN, MIN_OPSET, VERSION, function_proto, schema
from xmsda._onnx_translation import translations

__all__ = ["add_function", "export", "library_path", "openvino_library_path", "schema", "translation_table"]

_LIBRARY = "libxmsda_onnxruntime.so"
_OPENVINO_LIBRARY = "libxmsda_openvino.so"
_MAX_OPSET = 23  # what torch.onnx.export writes
_NEEDED = ("onnx", "onnxscript")


def export(model: Any, args: tuple[Any, ...] = (), f: Any = None, **options: Any) -> Any:
    """``torch.onnx.export(dynamo=True)`` with each call of the operator as one node ``xmsda::MSDeformAttn``.

    Parameters
    ----------
    model, args
        As for torch.onnx.export. Calls of `xmsda.ms_deform_attn` and `xmsda.nn.MSDeformAttn` are kept, and those of
        transformers' models where `xmsda.integrations.transformers.patch` is in effect.
    f : path, optional
        Where to write the model.
    **options
        Of torch.onnx.export: ``kwargs``, ``dynamic_shapes``, ``input_names``, ``opset_version`` (18 to 23) and so on.

    Returns
    -------
    torch.onnx.ONNXProgram
        With the function body added; ``save()`` writes it.

    Raises
    ------
    ImportError
        When the package onnx or onnxscript is missing.
    ValueError
        When an option does not go with this: ``dynamo=False``, an older or newer opset.
    """
    _check_packages()
    if not options.setdefault("dynamo", True):
        raise ValueError("dynamo: expected True, got False: only torch's newer exporter knows functions")
    _check_opset(options.get("opset_version"))
    options["custom_translation_table"] = {**translation_table(), **(options.get("custom_translation_table") or {})}
    save = {name: options.pop(name) for name in ("external_data", "keep_initializers_as_inputs") if name in options}
    # The optimizer inlines every function, so the body comes after it and before the file is written.
    with _export.keep_operator():
        program: Any = torch.onnx.export(model, args, None, **options)
    add_function(program)
    if f is not None:
        program.save(f, **save)
    return program


def translation_table() -> dict[Callable[..., Any], Callable[..., Any]]:
    """The operators' entries for ``custom_translation_table`` of torch.onnx.export, for those who call it themselves.

    A program that is exported with it needs `add_function` for the body. `patch` leaves calls inside of
    torch.onnx.export to the original implementation; only `export` makes them the operator.
    """
    _check_packages()
    return translations()


def add_function(program: Any) -> None:
    """Add the operator's body to an exported program that has a node of it, in place."""
    from onnx_ir import serde

    model = program.model
    nodes = [node for node in model.graph.all_nodes() if node.domain == DOMAIN]
    if not nodes:
        return
    opset = model.opset_imports[""]
    _check_opset(opset)
    model.opset_imports[DOMAIN] = VERSION
    function = serde.deserialize_function(function_proto(opset))
    model.functions[function.identifier()] = function


def library_path() -> str:
    """Path of the custom-op library for ONNX Runtime's ``SessionOptions.register_custom_ops_library``.

    Raises
    ------
    FileNotFoundError
        When this build has none: it was built without ONNX Runtime's headers.
    """
    return _library(
        _LIBRARY,
        "this build was made without ONNX Runtime's headers; models run without it, by their function body, or build "
        "with the headers: see docs/onnx.md",
    )


def openvino_library_path() -> str:
    """Path of the extension for OpenVINO's ``Core.add_extension``.

    Raises
    ------
    ImportError
        When OpenVINO is not installed, or in another version than the extension was built for.
    FileNotFoundError
        When this build has no extension: it was built without OpenVINO.
    """
    path = _library(_OPENVINO_LIBRARY, "this build was made without OpenVINO; install it and build again: docs/onnx.md")
    built_for = Path(path).with_suffix(".version").read_text().strip()
    found = _openvino_version()
    if found != built_for:
        raise ImportError(
            f"openvino: expected version {built_for}, for which the extension was built, got {found or 'none'}: "
            f"pip install 'openvino=={built_for}.*', or build xmsda again beside the version that you have"
        )
    return path


def _openvino_version() -> str:
    """Year and release, which the library's name is made of; "" without the package."""
    if importlib.util.find_spec("openvino") is None:
        return ""
    from openvino import get_version

    return ".".join(get_version().split("-")[0].split(".")[:2])


def _library(name: str, hint: str) -> str:
    path = Path(__file__).with_name(name)
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected the library, got none: {hint}")
    return str(path)


def _check_packages() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(f"xmsda.onnx: expected the packages {' and '.join(missing)}: pip install {' '.join(missing)}")


def _check_opset(version: int | None) -> None:
    if version is not None and not MIN_OPSET <= version <= _MAX_OPSET:
        raise ValueError(f"opset_version: expected {MIN_OPSET} to {_MAX_OPSET}, or None, got {version}")
