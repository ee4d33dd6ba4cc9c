"""Whether a running ONNX export shall see the operator, or what torch has of its own.

SPDX-License-Identifier: Apache-2.0
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_keep_operator: ContextVar[bool] = ContextVar("_keep_operator", default=False)


def keeps_operator() -> bool:
    """True inside of `xmsda.onnx.export`, which knows how to write the operator down."""
    return _keep_operator.get()


@contextmanager
def keep_operator() -> Iterator[None]:
    """Make replaced functions of other packages call the operator under torch's ONNX exporter, too."""
    token = _keep_operator.set(True)
    try:
        yield
    finally:
        _keep_operator.reset(token)
