"""The Python code in README.md runs, block after block, as a reader would try it.

SPDX-License-Identifier: Apache-2.0
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text(), flags=re.DOTALL | re.MULTILINE)
ENDS = {
    "output.sum().backward()": """
assert output.shape == (1, 300, 256)
assert output.isfinite().all()
assert value.grad.shape == value.shape and value.grad.any()
assert locations.grad.shape == locations.shape and locations.grad.any()
""",
    "xmsda.integrations.transformers.patch()": """
assert xmsda.integrations.transformers.patched_modules()
with xmsda.integrations.transformers.patch():
    pass
assert xmsda.integrations.transformers.patched_modules()
xmsda.integrations.transformers.unpatch()
assert not xmsda.integrations.transformers.patched_modules()
""",
}


def test_readme_shows_what_is_tested() -> None:
    assert len(BLOCKS) >= len(ENDS)
    for line in ENDS:
        assert sum(line in block for block in BLOCKS) == 1, line


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block_runs(number: int) -> None:
    block = BLOCKS[number]
    if "transformers" in block:
        pytest.importorskip("transformers")
        # What is patched are modules that are imported: as in a program that uses a model.
        block = "import transformers.models.deformable_detr.modeling_deformable_detr\n" + block
    checks = "".join(end for line, end in ENDS.items() if line in block)
    # A process of its own: nothing that another test has imported or patched helps.
    process = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", block + checks],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, process.stderr
