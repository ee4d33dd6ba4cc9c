"""Tells what runs: versions, SIMD target, threads, integrations, and which modules of a model use xmsda.

SPDX-License-Identifier: Apache-2.0

``python -m xmsda.doctor`` for the environment, ``python -m xmsda.doctor deformable_detr`` for a model of transformers,
`report(model)` for a model of yours.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import nn

import xmsda
from xmsda.integrations import transformers as integration
from xmsda.integrations._replace import FUNCTIONS

_PACKAGES = ("transformers", "kernels", "mmcv", "mmcv-lite", "onnx", "onnxruntime", "openvino")
_STAND_INS = ("MultiScaleDeformableAttention", "groundingdino._C", "mmcv._ext")
# Names that the code of a module's forward refers to when it computes deformable attention.
_IN_TRANSFORMERS = ("multi_scale_deformable_attention", "multi_scale_deformable_attention_v2")
_ATTRIBUTE = "ms_deformable_attn_core"
_FUNCTION_CLASSES = ("MSDeformAttnFunction", "MultiScaleDeformableAttnFunction")
_PATCH = "not patched: call xmsda.integrations.transformers.patch()"


@dataclass(frozen=True)
class Finding:
    """A module that computes multi-scale deformable attention.

    Attributes
    ----------
    name
        Its name in the model.
    kind
        Its class.
    runs
        Whether xmsda computes it, on CPU tensors of a type that xmsda has.
    reason
        Through what, or why not and what to do.
    """

    name: str
    kind: str
    runs: bool
    reason: str


def report(model: nn.Module) -> list[Finding]:
    """Tell for each module of a model that computes deformable attention whether xmsda runs it, as things are now.

    Nothing is run: what is looked at is what the module would call. Code that neither transformers nor the projects of
    `xmsda.integrations.originals` have is not recognised.

    Raises
    ------
    TypeError
        When `model` is not a torch module.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: expected a torch.nn.Module, got {type(model).__name__}")
    findings = []
    for name, module in model.named_modules():
        verdict = _verdict(module)
        if verdict is not None:
            runs, reason = verdict
            device = next((str(tensor.device) for tensor in module.parameters()), "cpu")
            if runs and torch.device(device).type not in ("cpu", "meta"):
                runs, reason = False, f"its parameters are on {device}: xmsda runs on the CPU"
            findings.append(Finding(name or "(the model)", type(module).__name__, runs, reason))
    return findings


def _verdict(module: nn.Module) -> tuple[bool, str] | None:
    if isinstance(module, xmsda.nn.MSDeformAttn):
        return True, f"xmsda.nn, backend {module.backend}"
    cls = type(module)
    own = module.__dict__.get("forward")
    if own is not None and cls.__name__ == "MultiScaleDeformableAttention":
        source = getattr(getattr(own, "__func__", own), "__module__", "?")
        if source == "xmsda.integrations.kernels":
            return True, "the registry of kernels"
        return False, f"this instance has a forward of its own, from {source}: load the model with use_kernels=False"
    if cls.__module__.startswith("transformers.models."):
        return _in_transformers(module)
    code = getattr(getattr(cls, "forward", None), "__code__", None)
    if code is None:
        return None
    return _elsewhere(sys.modules.get(cls.__module__), code.co_names)


def _in_transformers(module: nn.Module) -> tuple[bool, str] | None:
    cls = type(module)
    names = getattr(getattr(cls.forward, "__wrapped__", cls.forward), "__code__", None)
    used = names.co_names if names is not None else ()
    if not (cls.__name__ == "MultiScaleDeformableAttention" or _ATTRIBUTE in used or set(_IN_TRANSFORMERS) & set(used)):
        return None
    home = cls.__module__
    if home in integration.patched_modules():
        return True, f"patched: {integration.patched_modules()[home]}"
    return False, integration.skipped_modules().get(home, _PATCH)


def _elsewhere(home: Any, used: Sequence[str]) -> tuple[bool, str] | None:
    """A module of a project that has the original's call sites."""
    for name in (*_FUNCTION_CLASSES, *FUNCTIONS):
        target = getattr(home, name, None)
        if name not in used or target is None:
            continue
        if hasattr(target, "__wrapped_by_xmsda__"):
            return True, f"{name} is replaced"
        if name in FUNCTIONS:
            return False, f"{name} is not replaced: call xmsda.integrations.originals.patch_functions()"
        if getattr(vars(target).get("apply"), "__module__", "") == "xmsda.integrations.mmcv":
            return True, f"{name}.apply is replaced"
        compiled = next((module for module in _STAND_INS if _stands_in(module)), None)
        if compiled:
            return True, f"{name} calls {compiled}, which is xmsda's"
        return False, f"{name} calls a compiled module: call xmsda.integrations.originals.install() before its import"
    return None


def _stands_in(name: str) -> bool:
    return bool(getattr(sys.modules.get(name), "__xmsda__", False))


def environment() -> dict[str, str]:
    """Versions, target, threads and integrations, as name and sentence."""
    targets = xmsda.targets()
    shapes = [(2, 2)]
    xmsda.ms_deform_attn(torch.ones(1, 4, 1, 8), shapes, None, torch.rand(1, 1, 1, 1, 1, 2), torch.ones(1, 1, 1, 1, 1))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    lines = {
        "xmsda": f"{xmsda.__version__}, torch {torch.__version__}, Python {platform.python_version()}",
        "target": f"{xmsda.last_target()} ran a test call; of {', '.join(targets)}, which build and machine have",
        "threads": f"{torch.get_num_threads()} of torch, {cores} usable cores (torch.set_num_threads)",
        "ascend-sim": "in this build" if xmsda.ascend.is_available() else "not in this build: XMSDA_ASCEND=ON",
    }
    for package in _PACKAGES:
        try:
            lines[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            lines[package] = "not installed"
    patched = integration.patched_modules()
    lines["patched"] = ", ".join(patched) if patched else "nothing of transformers in this process"
    lines["stand-ins"] = ", ".join(filter(_stands_in, _STAND_INS)) or "none of " + ", ".join(_STAND_INS)
    return lines


class DoctorError(Exception):
    """Bad input, in one line."""


def build(name: str) -> nn.Module:
    """A model of transformers without weights, on the meta device.

    Parameters
    ----------
    name : str
        A model type ("rt_detr"), a class ("RTDetrForObjectDetection"), or a folder or Hub name with a config.json.

    Raises
    ------
    DoctorError
        When there is no such model, or it can not be built.
    """
    if importlib.util.find_spec("transformers") is None:
        raise DoctorError("transformers is not installed, which builds the model: pip install 'xmsda[transformers]'")
    import transformers

    try:
        if name in transformers.CONFIG_MAPPING:
            config, cls = transformers.CONFIG_MAPPING[name](), None
        elif name.isidentifier() and hasattr(getattr(transformers, name, None), "config_class"):
            cls = getattr(transformers, name)
            config = cls.config_class()
        else:
            config, cls = transformers.AutoConfig.from_pretrained(name), None
    except Exception as error:
        raise DoctorError(
            f"MODEL: expected a model type, class, folder or Hub name of transformers, got {name!r}: {_line(error)}"
        ) from None
    _without_timm(config)
    try:
        with torch.device("meta"):
            return cls(config) if cls is not None else _auto(config)
    except Exception as error:
        raise DoctorError(f"MODEL: {name!r} can not be built: {_line(error)}") from None


def _auto(config: Any) -> nn.Module:
    import transformers

    try:
        return transformers.AutoModelForObjectDetection.from_config(config)
    except ValueError:
        return transformers.AutoModel.from_config(config)


def _without_timm(config: Any) -> None:
    """A backbone of the package timm, or of the Hub, makes way for a ResNet: the attention modules stay the same."""
    import transformers

    if (
        getattr(config, "use_timm_backbone", False)
        or getattr(getattr(config, "backbone_config", None), "model_type", "") == "timm_backbone"
    ):
        config.use_timm_backbone, config.backbone, config.backbone_kwargs = False, None, None
        config.backbone_config = transformers.ResNetConfig(out_features=["stage2", "stage3", "stage4"])


def _line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"xmsda.doctor: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report; 0, or 1 when a module of the model does not run xmsda or it has none, 2 for bad input."""
    parser = _Parser(prog="python -m xmsda.doctor", description="What of xmsda runs here, and in a model.")
    parser.add_argument(
        "model", nargs="?", metavar="MODEL", help=str(build.__doc__).split("name : str")[1].split("\n")[1].strip()
    )
    parser.add_argument("--unpatched", action="store_true", help="do not patch transformers first")
    options = parser.parse_args(arguments)
    findings: list[Finding] = []
    try:
        if options.model is not None:
            model = build(options.model)
            if not options.unpatched:
                integration.patch()
            findings = report(model)
        for name, sentence in environment().items():
            print(f"{name:12} {sentence}")
    except DoctorError as error:
        print(f"xmsda.doctor: {error}", file=sys.stderr)
        return 2
    finally:
        if options.model is not None and not options.unpatched:
            integration.unpatch()
    if options.model is None:
        return 0
    state = "as it is" if options.unpatched else "patched"
    print(f"\n{options.model}, transformers {state}:")
    for finding in findings:
        print(f"  {'xmsda' if finding.runs else 'OTHER'}  {finding.name} ({finding.kind}): {finding.reason}")
    running = sum(finding.runs for finding in findings)
    print(f"  {running} of {len(findings)} modules with deformable attention run xmsda")
    return 0 if findings and running == len(findings) else 1


if __name__ == "__main__":
    sys.exit(main())
