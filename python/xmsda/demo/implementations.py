"""The two implementations that are compared, as context managers, and a proof of which one ran.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from xmsda.integrations.transformers import patch

GRID_SAMPLE = "grid_sample"
XMSDA = "xmsda"
# In the order of all tables and charts.
IMPLEMENTATIONS: dict[str, Callable[[], contextlib.AbstractContextManager[Any]]] = {
    GRID_SAMPLE: contextlib.nullcontext,  # transformers as it is
    XMSDA: patch,
}


class _CountOperators(TorchDispatchMode):
    """Counts the forward calls of the operators that tell the implementations apart."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = dict.fromkeys((GRID_SAMPLE, XMSDA), 0)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        namespace, name = func.name().split("::")
        if name.startswith("grid_sampler"):
            self.calls[GRID_SAMPLE] += 1
        # xmsda has an operator for eager calls and a public one for compiled graphs, both forward.
        elif namespace == "xmsda" and "forward" in name:
            self.calls[XMSDA] += 1
        return func(*args, **(kwargs or {}))


@torch.no_grad()
def count_operators(implementation: str, call: Callable[[], object]) -> dict[str, int]:
    """Run `call` once under an implementation; return how often each one's operator was called."""
    with IMPLEMENTATIONS[implementation](), _CountOperators() as counter:
        call()
    return counter.calls
