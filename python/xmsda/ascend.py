"""The Ascend kernels on the simulator: whether this build has them, and which there are.

SPDX-License-Identifier: Apache-2.0

They are what `xmsda.ms_deform_attn` runs with ``backend="ascend-sim"``.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xmsda import _autograd, _fake

__all__ = ["is_available", "variants"]

_HOW_TO_BUILD = (
    "in a checkout, `pip install --no-build-isolation . -C cmake.define.XMSDA_ASCEND=ON` (or XMSDA_ASCEND=ON "
    "scripts/build.sh) adds it, with Debian's libboost-context-dev libtomlplusplus-dev nlohmann-json3-dev libcli11-dev"
)


def _load(library: Path) -> str:
    """Why the operators are not there; empty when they are."""
    if not library.exists():
        return f"this build has no simulator: {_HOW_TO_BUILD}"
    try:
        torch.ops.load_library(str(library))
    except OSError as error:
        return f"its library cannot be loaded: {' '.join(str(error).split())}"
    _fake.register("ascend_sim_forward", "ascend_sim_backward")
    _autograd.register("ascend_sim_forward", "ascend_sim_backward")
    return ""


_MISSING = _load(Path(__file__).with_name("_C_ascend.abi3.so"))


def is_available() -> bool:
    """Whether this build has the simulator."""
    return not _MISSING


def variants() -> list[str]:
    """Names for the argument `variant` of `xmsda.ms_deform_attn`; empty in a build without the simulator."""
    names: str = torch.ops.xmsda._ascend_sim_variants() if is_available() else ""
    return names.split(",") if names else []


def check_backend(backend: object, chip: object, variant: object) -> None:
    """Raise ValueError or TypeError unless a call may name this backend with this chip and variant."""
    options = {"chip": chip, "variant": variant}
    if not isinstance(backend, str):
        raise TypeError(f"backend: expected 'cpu' or 'ascend-sim', got {type(backend).__name__}")
    if backend == "cpu":
        for name, option in options.items():
            if option is not None:
                raise ValueError(f"{name}: expected None with backend 'cpu', got {option!r}")
        return
    if backend != "ascend-sim":
        raise ValueError(f"backend: expected 'cpu' or 'ascend-sim', got {backend!r}")
    if _MISSING:
        raise ValueError(f"backend: expected 'cpu', got 'ascend-sim'; {_MISSING}")
    for name, option in options.items():
        if not isinstance(option, str | None):
            raise TypeError(f"{name}: expected a string or None, got {type(option).__name__}")
        if option == "":
            raise ValueError(f"{name}: expected a name or None, got ''")


def prepare(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Check and convert dtypes of the first five arguments of `xmsda.ms_deform_attn` for the operators."""
    value, shapes, starts, locations, weights = tensors
    if isinstance(value, Tensor) and value.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        got = str(value.dtype).removeprefix("torch.")
        raise ValueError(
            f"value: expected float32, float16 or bfloat16, as the Ascend kernels take no other, got {got}"
        )
    if value.dtype == locations.dtype == weights.dtype != torch.float32:
        locations, weights = locations.float(), weights.float()
    return value, shapes, starts, locations, weights


def forward(*arguments: Any) -> Tensor:
    """Call the operator with its arguments."""
    output: Tensor = torch.ops.xmsda.ascend_sim_forward.default(*arguments)
    return output


def backward(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Call the operator with its arguments."""
    grads: tuple[Tensor, Tensor, Tensor] = torch.ops.xmsda.ascend_sim_backward.default(*arguments)
    return grads
