"""The wheel that `make wheel` builds, in an environment without compiler, headers and source tree.

SPDX-License-Identifier: Apache-2.0

Its packages besides xmsda are those of the environment that runs this, by links: torch once more would take minutes.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import xmsda

ROOT = Path(__file__).resolve().parents[2]
# The file's symbols, values against the reference, gradients, errors, threads and targets; conftest.py wants the two
# after it. Without what compiles: torch's own compiler calls a C++ compiler.
TESTS = [
    *("conftest.py", "transformers_check.py", "transformers_zoo.py", "problems.py", "test_abi.py", "test_nn.py"),
    *(
        f"test_op_{name}.py"
        for name in ("autograd", "errors", "fused", "memory", "modes", "targets", "threads", "values")
    ),
]
# What test_abi.py reads files with; no more of binutils, and nothing of gcc.
TOOLS = ("nm", "readelf")

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="manylinux"),
]


@dataclass(frozen=True)
class Clean:
    """An environment with the wheel, and a folder to work in."""

    python: Path
    folder: Path

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": str(self.folder / "bin"),
            "HOME": str(self.folder),
            "CC": "/nonexistent/cc",
            "CXX": "/nonexistent/c++",
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "2",
        }
        command = [str(self.python), *map(str, arguments)]
        return subprocess.run(command, env=environment, cwd=self.folder, capture_output=True, text=True, check=False)

    def succeed(self, *arguments: object) -> str:
        process = self.run(*arguments)
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what `make wheel` built."""
    folder = tmp_path_factory.mktemp("dist")
    process = subprocess.run([ROOT / "scripts" / "wheel.sh", folder], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (path,) = dist.glob("*.whl")
    return path


def link_packages(source: Path, target: Path) -> None:
    """Show all packages of one environment in a folder, but xmsda and torch's headers."""
    target.mkdir()
    for path in source.iterdir():
        if path.name == "torch":
            (target / "torch").mkdir()
            for part in path.iterdir():
                if part.name not in ("include", "share"):
                    (target / "torch" / part.name).symlink_to(part)
        elif not path.name.startswith(("xmsda", "_xmsda", "__pycache__")) and path.suffix != ".pth":
            (target / path.name).symlink_to(path)


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Clean:
    folder = tmp_path_factory.mktemp("clean")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    link_packages(Path(torch.__file__).parents[1], folder / "packages")
    (site / "packages.pth").write_text(f"{folder / 'packages'}\n")
    python = folder / "venv" / "bin" / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        str(wheel),
    ]
    process = subprocess.run(install, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    (folder / "bin").mkdir()
    for name in TOOLS:
        tool = shutil.which(name)
        assert tool, name
        (folder / "bin" / name).symlink_to(tool)
    return Clean(python, folder)


def test_names(dist: Path) -> None:
    names = sorted(path.name for path in dist.iterdir())
    assert len(names) == 2
    # The oldest system is what auditwheel finds for the compiler and the C library of this machine.
    assert re.fullmatch(rf"xmsda-{xmsda.__version__}-cp310-abi3-manylinux_2_\d+_\w+\.whl", names[0])
    assert names[1] == f"xmsda-{xmsda.__version__}.tar.gz"


def test_sdist_has_what_the_build_reads_and_no_more(dist: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {"PKG-INFO", "pyproject.toml", "CMakeLists.txt", "LICENSE", "include/xmsda/msda.h"} <= names
    assert {name.split("/")[0] for name in names} & {"tests", "bench", "docs", "build", "dist", "scripts"} == set()


def test_wheel_has_no_simulator_and_copies_no_library(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    libraries = [name for name in names if ".so" in name]
    assert "xmsda/_C.abi3.so" in libraries
    assert "xmsda/_C_ascend.abi3.so" not in libraries
    # auditwheel puts what it copies into xmsda.libs.
    assert [name for name in names if name.split("/")[0] not in ("xmsda", f"xmsda-{xmsda.__version__}.dist-info")] == []
    assert "xmsda/py.typed" in names
    # 1.3 MB with both libraries for other runtimes.
    assert wheel.stat().st_size < 2_000_000


def test_environment_is_clean(clean: Clean) -> None:
    output = clean.succeed(
        "-c",
        "import shutil, pathlib, torch, xmsda\n"
        "print(*[shutil.which(c) for c in ('cc', 'c++', 'gcc', 'g++', 'clang', 'clang++', 'ninja', 'cmake', 'ld')])\n"
        "print((pathlib.Path(torch.__file__).parent / 'include').exists())\n"
        "print(xmsda.__file__)\n"
        "print(xmsda.targets()[0])\n",
    ).splitlines()
    assert output[0].split() == ["None"] * 9
    assert output[1] == "False"
    assert output[2].startswith(str(clean.folder / "venv"))
    assert output[3] == xmsda.targets()[0]


def test_operator(clean: Clean) -> None:
    tests = clean.folder / "tests"
    tests.mkdir()
    for name in TESTS:
        shutil.copy(ROOT / "tests" / "python" / name, tests)
    (tests / "pytest.ini").write_text("[pytest]\nmarkers = slow: takes more than half a minute\n")
    options = ["-q", "-rs", "-k", "not compile", "-p", "no:cacheprovider", "-m", "not slow", "--durations=10"]
    output = clean.succeed("-m", "pytest", *options, tests)
    counts = re.search(r"(\d+) passed(?:, (\d+) skipped)?", output)
    assert counts is not None, output
    # 300 and more; skipping them all would pass, too.
    assert int(counts[1]) > 300, output
    assert int(counts[2] or 0) <= 3, output


def test_demo_infers(clean: Clean) -> None:
    """`--image` with a model that was never trained, and its output beside that of transformers' grid_sample."""
    compare = (
        "from pathlib import Path\n"
        "import torch\n"
        "from PIL import Image\n"
        "from xmsda.demo import model, photo\n"
        "from xmsda.demo.implementations import IMPLEMENTATIONS\n"
        "picture = photo.load_voc_photo()\n"
        "Image.fromarray(picture.pixels).save('photo.png')\n"
        "model.save_model(model.build_model(picture.class_names, seed=0), Path('.'), {})\n"
        "detector = model.load_model(Path('.'))\n"
        "boxes = []\n"
        "for name in ('grid_sample', 'xmsda'):\n"
        "    with torch.no_grad(), IMPLEMENTATIONS[name]():\n"
        "        boxes.append(detector(photo.to_input(picture.pixels)).pred_boxes)\n"
        "print((boxes[0] - boxes[1]).abs().max().item(), boxes[0].std().item())\n"
    )
    difference, spread = map(float, clean.succeed("-c", compare).split())
    assert difference < 1e-4 < spread
    output = clean.succeed("-m", "xmsda.demo", "--image", "photo.png", "--out", ".", "--threads", 1)
    assert "photo-detections.png" in output
    assert (clean.folder / "photo-detections.png").stat().st_size > 10_000


def test_wheel_says_what_it_needs(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        metadata = archive.read(name).decode()
    assert "Requires-Dist: torch>=2.10" in metadata
    assert "Requires-Python: >=3.10" in metadata


def test_wheel_without_auditwheel_is_refused(tmp_path: Path) -> None:
    """The script in a copy of the tree's scripts: no .venv there."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    process = subprocess.run([tmp_path / "scripts" / "wheel.sh"], capture_output=True, text=True, check=False)
    assert process.returncode == 1
    assert (
        process.stderr.strip()
        == "FAILED: wheel.sh: expected .venv, got none; run make wheel, or scripts/setup.sh wheel"
    )
    assert not (tmp_path / "dist").exists()
    assert os.listdir(tmp_path) == ["scripts"]
