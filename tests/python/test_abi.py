"""What the extensions ask of other libraries: torch's C functions only, nothing of Python; and the tag of its wheel.

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
import torch
import xmsda

# With the simulator's, in builds that have it.
LIBRARIES = sorted(Path(xmsda.__file__).parent.glob("_C*.abi3.so"))
ASCEND = "_C_ascend.abi3.so"
BOOST_CONTEXT = r"|(jump|make|ontop)_fcontext"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads ELF files")
every_library = pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)


def output_of(library: Path, *command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]}")
    return subprocess.run([*command, str(library)], capture_output=True, text=True, check=True).stdout


def undefined_symbols(library: Path, *options: str) -> list[str]:
    """Names that must come from other libraries, without their versions; weak ones may be missing and do not count."""
    lines = re.findall(r"^\s*U (.+)$", output_of(library, "nm", "-D", "--undefined-only", *options), flags=re.MULTILINE)
    return [line.split("@")[0] for line in lines]


def test_library_of_every_build() -> None:
    assert "_C.abi3.so" in [library.name for library in LIBRARIES]


@every_library
def test_no_cpp_of_torch(library: Path) -> None:
    symbols = undefined_symbols(library, "-C")
    assert any(symbol.startswith("std::") for symbol in symbols)
    assert [symbol for symbol in symbols if re.search(r"\b(at|c10|torch|caffe2)::", symbol)] == []


@every_library
def test_functions_of_torch_are_those_of_its_stable_abi(library: Path) -> None:
    # The C library's and the C++ runtime's have a version; C++ names begin with _Z.
    lines = output_of(library, "nm", "-D", "--undefined-only").splitlines()
    plain = [name for kind, name in (line.split() for line in lines) if kind == "U" and "@" not in name]
    plain = [name for name in plain if not name.startswith("_Z")]
    assert "torch_call_dispatcher" in plain
    known = r"(aoti_torch|torch)_\w+" + (BOOST_CONTEXT if library.name == ASCEND else "")
    assert [name for name in plain if not re.fullmatch(known, name)] == []


@every_library
def test_functions_of_torch_are_as_old_as_the_oldest_torch(library: Path) -> None:
    """None comes from a part of torch's stable headers that is for versions later than the 2.10 of pyproject.toml."""
    headers = Path(torch.__file__).parent / "include" / "torch" / "csrc"
    if not headers.exists():
        pytest.skip("torch without headers")
    later: set[str] = set()
    for name in ("stable/c/shim.h", "inductor/aoti_torch/c/shim.h"):
        parts = re.findall(
            r"#if TORCH_FEATURE_VERSION >= TORCH_VERSION_2_(\d+)_0(.*?)#endif", (headers / name).read_text(), re.DOTALL
        )
        later |= {found for minor, text in parts if int(minor) > 10 for found in re.findall(r"\b\w+(?=\()", text)}
    assert len(later) > 5
    assert set(undefined_symbols(library)) & later == set()


@every_library
def test_nothing_of_python(library: Path) -> None:
    assert [symbol for symbol in undefined_symbols(library) if re.match(r"_?Py", symbol)] == []


@every_library
def test_exports_nothing_of_ours(library: Path) -> None:
    defined = output_of(library, "nm", "-D", "-C", "--defined-only").splitlines()
    assert defined
    assert [line for line in defined if re.search(r"\b(acl|rt)[A-Z]\w+|\b(ascsim|xmsda)", line)] == []


@every_library
def test_libraries(library: Path) -> None:
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", output_of(library, "readelf", "-d"))
    known = r"lib(torch_cpu|c10)\.so|lib(stdc\+\+|gcc_s|c|m)\.so\.\d+|ld-linux.*"
    if library.name == ASCEND:
        known += r"|libboost_context\.so\..*"
    assert needed
    assert [name for name in needed if not re.fullmatch(known, name)] == []


def test_tag_of_the_wheel() -> None:
    wheel = distribution("xmsda").read_text("WHEEL")
    assert wheel is not None
    assert re.findall(r"^Tag: (.*)-(?:manylinux_2_\d+|linux)_\w+$", wheel, flags=re.MULTILINE) == ["cp310-abi3"]
