"""Fixtures that several test modules share.

SPDX-License-Identifier: Apache-2.0
"""

from collections.abc import Iterator

import pytest
import torch
from transformers_check import Counter
from xmsda.integrations import _fused_module
from xmsda.integrations import transformers as integration


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    """Counts what the transformers integration calls."""
    counter = Counter()
    monkeypatch.setattr(integration, "ms_deform_attn", counter)
    monkeypatch.setattr(_fused_module, "ms_deform_attn_fused", counter.fused)
    return counter


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """The models are too small for two threads: beside other work they wait for each other most of the time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def unpatched() -> Iterator[None]:
    """No test starts or ends with a patch in effect."""
    assert integration.patched_modules() == {}
    yield
    integration.unpatch()
