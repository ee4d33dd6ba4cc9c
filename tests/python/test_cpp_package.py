"""The C++ package: installed, moved, and used by the program of examples/cpp; what it exports; its errors.

SPDX-License-Identifier: Apache-2.0
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import xmsda

ROOT = Path(__file__).resolve().parents[2]
SYMBOLS = ROOT / "tests" / "exported_symbols.txt"
VERSION = xmsda.__version__
MINOR = VERSION.rsplit(".", 1)[0]
PROGRAM = "b1_q256_m8_d4_p1_f32_l8x8,4x4 with 2 threads on {target}: output[0] = 51.5, output[8191] = 51.5\n"

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads ELF files"),
]


def run(*command: object, **options: str) -> subprocess.CompletedProcess[str]:
    """Run a command, with environment variables as options."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CMAKE_PREFIX", "xmsda_"))}
    # One object for builds in several folders.
    environment |= {"CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1"} | options
    return subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, check=False)


def succeed(*command: object, **options: str) -> str:
    """Run a command, which must end with 0; return what it printed."""
    process = run(*command, **options)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def configure(build: Path, *options: object, source: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return run("cmake", "-S", source, "-B", build, "-G", "Ninja", *options)


@pytest.fixture(scope="module", params=["static", "shared"])
def prefix(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the library is after it was installed elsewhere, moved, and its build folder deleted."""
    folder = tmp_path_factory.mktemp(request.param)
    # Beside the other builds: the compiler cache knows relative paths below the source tree only.
    build = ROOT / "build" / f"package-{request.param}"
    shared = "ON" if request.param == "shared" else "OFF"
    # The options of the preset `release`, whose objects the cache has.
    process = configure(
        build,
        f"-DBUILD_SHARED_LIBS={shared}",
        "-DXMSDA_DRIVER=OFF",
        "-DCMAKE_BUILD_TYPE=Release",
        "-DCMAKE_CXX_FLAGS_RELEASE=-O3 -g1 -DNDEBUG",
        "-DCMAKE_INSTALL_LIBDIR=lib",
    )
    assert process.returncode == 0, process.stderr
    succeed("cmake", "--build", build, "--target", "xmsda_library")
    succeed("cmake", "--install", build, "--strip", "--prefix", folder / "installed")
    (folder / "installed").rename(folder / "moved")
    shutil.rmtree(build)
    return folder / "moved"


only_shared = pytest.mark.parametrize("prefix", ["shared"], indirect=True)


def is_shared(prefix: Path) -> bool:
    return (prefix / "lib" / "libxmsda.so").exists()


def test_program_of_the_examples(prefix: Path, tmp_path: Path) -> None:
    # A copy, so that nothing of the source tree is near.
    project = tmp_path / "project"
    shutil.copytree(ROOT / "examples" / "cpp", project)
    process = configure(project / "build", f"-DCMAKE_PREFIX_PATH={prefix}", source=project)
    assert process.returncode == 0, process.stderr
    # Nothing of the user's system but threads: Highway is for building the library only.
    cache = (project / "build" / "CMakeCache.txt").read_text()
    assert f"xmsda_DIR:PATH={prefix}/" in cache
    assert "hwy" not in cache
    succeed("cmake", "--build", project / "build")
    program = project / "build" / "attend"
    assert succeed(program) == PROGRAM.format(target=xmsda.targets()[0])
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", succeed("readelf", "-d", program))
    assert (f"libxmsda.so.{MINOR}" in needed) == is_shared(prefix)
    assert not [name for name in needed if "hwy" in name]


def test_bad_problem_is_one_line(prefix: Path, tmp_path: Path) -> None:
    program = compile_with_pkg_config(prefix, tmp_path)
    process = run(program, "b1_q0x", LD_LIBRARY_PATH=str(prefix / "lib"))
    assert (process.returncode, process.stdout, process.stderr.count("\n")) == (1, "", 1)
    assert process.stderr.startswith("attend: problem: expected ")


def compile_with_pkg_config(prefix: Path, folder: Path) -> Path:
    static = [] if is_shared(prefix) else ["--static"]
    flags = succeed(
        "pkg-config", *static, "--cflags", "--libs", "xmsda", PKG_CONFIG_PATH=str(prefix / "lib" / "pkgconfig")
    ).split()
    program = folder / "attend"
    succeed("c++", "-std=c++20", "-O1", ROOT / "examples" / "cpp" / "main.cc", *flags, "-pthread", "-o", program)
    return program


def test_pkg_config(prefix: Path, tmp_path: Path) -> None:
    program = compile_with_pkg_config(prefix, tmp_path)
    expected = PROGRAM.format(target=xmsda.targets()[0])
    assert succeed(program, LD_LIBRARY_PATH=str(prefix / "lib")) == expected


def test_what_is_installed(prefix: Path) -> None:
    files = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if not path.is_dir()}
    headers = {f"include/xmsda/{path.name}" for path in (ROOT / "include" / "xmsda").glob("*.h")}
    library = (
        {"lib/libxmsda.so", f"lib/libxmsda.so.{MINOR}", f"lib/libxmsda.so.{VERSION}"}
        if is_shared(prefix)
        else {"lib/libxmsda.a"}
    )
    cmake = {f"lib/cmake/xmsda/xmsda{name}.cmake" for name in ("Config", "ConfigVersion", "Targets", "Targets-release")}
    assert files == headers | library | cmake | {"lib/pkgconfig/xmsda.pc"}
    for name in files - headers - library:
        assert str(ROOT) not in (prefix / name).read_text(), name


@only_shared
def test_exported_symbols_are_those_of_the_list(prefix: Path) -> None:
    exported = succeed(ROOT / "scripts" / "abi.sh", prefix / "lib" / "libxmsda.so")
    wanted = SYMBOLS.read_text()
    gone = sorted(set(wanted.splitlines()) - set(exported.splitlines()))
    come = sorted(set(exported.splitlines()) - set(wanted.splitlines()))
    assert exported == wanted, f"gone: {gone}, come: {come}; when that is meant, `make abi` writes the list"


@only_shared
def test_shared_library_has_its_version_and_few_needs(prefix: Path) -> None:
    dynamic = succeed("readelf", "-d", prefix / "lib" / "libxmsda.so")
    assert re.findall(r"\(SONAME\).*\[(.*)\]", dynamic) == [f"libxmsda.so.{MINOR}"]
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    assert [name for name in needed if not re.fullmatch(r"lib(stdc\+\+|gcc_s|c|m)\.so\.\d+|ld-linux.*", name)] == []


def test_a_version_that_is_too_new(prefix: Path, tmp_path: Path) -> None:
    wanted = "0.99"
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(p LANGUAGES CXX)\n"
        f"find_package(xmsda {wanted} CONFIG REQUIRED)\n"
    )
    process = configure(tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", source=tmp_path)
    assert process.returncode != 0
    message = " ".join(process.stderr.split())
    assert f'compatible with requested version "{wanted}"' in message
    assert f"xmsdaConfig.cmake, version: {VERSION}" in message


@pytest.mark.parametrize("why", ["missing", "too old"])
def test_without_highway(why: str, tmp_path: Path) -> None:
    option = "-DCMAKE_PREFIX_PATH="
    if why == "too old":
        package = tmp_path / "lib" / "cmake" / "hwy"
        package.mkdir(parents=True)
        (package / "hwyConfig.cmake").write_text("")
        (package / "hwyConfigVersion.cmake").write_text('set(PACKAGE_VERSION "0.16.0")\n')
        option = f"-DCMAKE_PREFIX_PATH={tmp_path}"
    # The system's own is not to be found, but the tools are.
    blind = [f"-DCMAKE_FIND_USE_{where}_PATH=OFF" for where in ("CMAKE_SYSTEM", "SYSTEM_ENVIRONMENT")]
    tools = [f"-DCMAKE_MAKE_PROGRAM={shutil.which('ninja')}", f"-DCMAKE_CXX_COMPILER={shutil.which('c++')}"]
    process = configure(tmp_path / "build", "-DXMSDA_DRIVER=OFF", option, *blind, *tools)
    assert process.returncode != 0
    message = " ".join(process.stderr.split())
    assert message.count("CMake Error") == 1
    got = "none" if why == "missing" else "0.16.0"
    assert f"Highway: expected version 1.0.3 or later of the same major version, got {got}." in message
    assert "libhwy-dev" in message


def test_every_public_header_says_that_it_is() -> None:
    for header in (ROOT / "include" / "xmsda").glob("*.h"):
        text = header.read_text()
        assert text.count("#pragma GCC visibility push(default)\nnamespace xmsda {\n") == 1, header.name
        assert text.endswith("}  // namespace xmsda\n#pragma GCC visibility pop\n"), header.name
