"""Which SIMD code runs: what this machine can run, what is forced, what really ran.

SPDX-License-Identifier: Apache-2.0
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from xmsda import _library as _library


def targets() -> list[str]:
    """SIMD targets that this build contains and this machine can run, best first, such as ``["avx512", "avx2"]``."""
    names: str = torch.ops.xmsda._targets()
    return names.split(",")


def last_target() -> str:
    """Name of the target whose code ran in the last call of this thread.

    ``"auto"`` before the first call and after one with nothing to compute.
    """
    name: str = torch.ops.xmsda._last_target()
    return name


@contextmanager
def use_target(target: str) -> Iterator[None]:
    """Force one SIMD target for the calls, forward and backward, that this thread makes inside the context.

    Parameters
    ----------
    target : str
        One of `targets()`, ``"auto"`` for the best one, or ``"reference"``: the plain loops in double precision by
        which all targets are judged, hundreds of times slower.

    Raises
    ------
    ValueError
        When this build or this machine has no such target.
    """
    before = torch.ops.xmsda._force_target(target)
    try:
        yield
    finally:
        torch.ops.xmsda._force_target(before)
