"""What the extension asks of other libraries: torch's C functions only, nothing of Python; and the tag of its wheel.

SPDX-License-Identifier: Apache-2.0

That is what "one wheel for every Python 3 and later torch" rests on. It runs here with one Python and one torch.
"""

import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
import xmsda

LIBRARY = Path(xmsda.__file__).with_name("_C.abi3.so")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads ELF files")


def output_of(*command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]}")
    return subprocess.run([*command, str(LIBRARY)], capture_output=True, text=True, check=True).stdout


def undefined_symbols(*options: str) -> list[str]:
    """Names that must come from other libraries, without their versions; weak ones may be missing and do not count."""
    lines = re.findall(r"^\s*U (.+)$", output_of("nm", "-D", "--undefined-only", *options), flags=re.MULTILINE)
    return [line.split("@")[0] for line in lines]


def test_no_cpp_of_torch() -> None:
    symbols = undefined_symbols("-C")
    assert any(symbol.startswith("std::") for symbol in symbols)
    assert [symbol for symbol in symbols if re.search(r"\b(at|c10|torch|caffe2)::", symbol)] == []


def test_functions_of_torch_are_those_of_its_stable_abi() -> None:
    # The C library's and the C++ runtime's have a version; C++ names begin with _Z.
    lines = output_of("nm", "-D", "--undefined-only").splitlines()
    plain = [name for kind, name in (line.split() for line in lines) if kind == "U" and "@" not in name]
    plain = [name for name in plain if not name.startswith("_Z")]
    assert "torch_call_dispatcher" in plain
    assert [name for name in plain if not re.fullmatch(r"(aoti_torch|torch)_\w+", name)] == []


def test_nothing_of_python() -> None:
    assert [symbol for symbol in undefined_symbols() if re.match(r"_?Py", symbol)] == []


def test_libraries() -> None:
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", output_of("readelf", "-d"))
    known = r"lib(torch_cpu|c10)\.so|lib(stdc\+\+|gcc_s|c|m)\.so\.\d+|ld-linux.*"
    assert needed
    assert [library for library in needed if not re.fullmatch(known, library)] == []


def test_tag_of_the_wheel() -> None:
    wheel = distribution("xmsda").read_text("WHEEL")
    assert wheel is not None
    assert re.findall(r"^Tag: (.*)-linux_\w+$", wheel, flags=re.MULTILINE) == ["cp310-abi3"]
