"""The Python code on the pages of the integrations runs.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs/integrations"
PAGES = sorted(DOCS.glob("*.md"))
NEEDS = {"mmcv": "mmcv", "hub-kernels": "kernels"}


def test_there_are_pages() -> None:
    assert {"doctor", "hub-kernels", "mmcv", "originals"} <= {page.stem for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_snippets_run(page: Path) -> None:
    package = NEEDS.get(page.stem)
    if package is not None and importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        process = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", block], capture_output=True, text=True, timeout=300, check=False
        )
        assert process.returncode == 0, process.stderr
