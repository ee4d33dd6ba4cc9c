"""The machine: its name, the rates that it reaches, and the time below which no call can be.

SPDX-License-Identifier: Apache-2.0

What counts, per sample of one query and head (D channels of E bytes in value, V lanes and 4 V bytes in a vector):

- Loads from the first level cache: 4 rows of value (1 when discrete), each of ceil(D E / 4V) vectors, and one broadcast
  of a weight per row. The backward pass, at its best, holds the rows of a pixel in registers while all samples that
  touch it pass by: then a sample loads one row of grad_output, and the 4 broadcasts.
- Operations: one vector multiply-add per row and ceil(D / V) vectors forward; twice that backward (the dot products
  with value, the sums into grad_value).
- Memory: every input is read once and every output written once; pixels that no sample can reach are not counted: of
  value at most 4 rows per sample. All of it passes at no more than the rate of the second level cache, and what is
  more than the last level holds at that of memory.

The bound is the longest of the three, at the rates that `xmsda_bounds` measures on the same number of threads. Index
arithmetic, and rows that come again from farther away than the first level, are not in it. `l2_ms` tells how long the
rows would take if all of them came from the second level: no bound, but where uniform sampling is headed.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.problem import ELEMENT_SIZE, Problem

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"

_PACKAGES = ("torch", "transformers", "torch-ms-deform-attn", "onnxruntime", "openvino", "numpy")


def build_bounds() -> Path:
    """Configure and build `xmsda_bounds`; quick when it is up to date.

    Raises
    ------
    RuntimeError
        With what the tools printed.
    """
    for command in (
        ["cmake", "-S", str(ROOT / "bench"), "-B", str(BUILD)],
        ["cmake", "--build", str(BUILD)],
    ):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise RuntimeError(f"{command[0]}: {error}") from None
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return BUILD / "xmsda_bounds"


def measure_rates(program: Path, threads: int, milliseconds: int) -> dict[str, Any]:
    """Run `xmsda_bounds` on 1 to `threads` threads."""
    command = [str(program), str(threads), str(milliseconds)]
    rates = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {"last_level_bytes": _last_level_bytes(), **rates}


def merge_rates(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The better rate of each pair: a bound is what the machine can do undisturbed."""
    merged: dict[str, Any] = {}
    for key, value in before.items():
        if isinstance(value, dict):
            merged[key] = merge_rates(value, after[key])
        else:
            merged[key] = max(value, after[key]) if key.endswith("_per_s") else value
    return merged


def describe() -> dict[str, Any]:
    """Name of the CPU, its size, and the versions of what runs on it."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    fields: dict[str, str] = {}
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    name = fields.get("model name", name)
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "cpu": name,
        "family_model": f"{fields.get('cpu family', '?')}/{fields.get('model', '?')}",
        "cpus": os.cpu_count(),
        "caches": _caches(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "versions": versions,
        "commit": _commit(),
    }


@dataclass(frozen=True)
class Busy:
    """Seconds until now: that all CPUs have been at work, those for this process and its children, and of a clock."""

    everything: float
    own: float
    clock: float


def busy() -> Busy | None:
    """What the CPUs have done, time stolen from a virtual machine included; None where the system does not tell."""
    try:
        user, nice, system, _, _, *others = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9])
    except (OSError, ValueError):
        return None
    everything = (user + nice + system + sum(others)) / os.sysconf("SC_CLK_TCK")
    return Busy(everything, sum(os.times()[:4]), time.monotonic())


def share_of_others(start: Busy | None, end: Busy | None) -> float | None:
    """Part of the CPUs that other processes used between two calls of `busy`."""
    if start is None or end is None:
        return None
    used = (end.everything - start.everything) - (end.own - start.own)
    return max(0.0, used) / (max(0.01, end.clock - start.clock) * (os.cpu_count() or 1))


def _commit() -> str:
    """The commit that the tree stands at, with "-dirty" when files differ from it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "an unknown commit"


def _caches() -> dict[str, str]:
    caches: dict[str, str] = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind = (index / "type").read_text().strip()
        if kind != "Instruction":
            caches[f"L{(index / 'level').read_text().strip()}"] = (index / "size").read_text().strip()
    return caches


def _last_level_bytes() -> int:
    """Size of the last level cache of a core; a large one where the system does not tell, to keep bounds low."""
    # Not sysconf: it gives the sum over a package, also in a virtual machine with two of its cores.
    units = {"K": 2**10, "M": 2**20}
    sizes = [int(size[:-1]) * units[size[-1]] for size in _caches().values() if size[-1] in units]
    return max(sizes, default=128 * 2**20)


def bound(problem: Problem, name: str, dtype: str, rates: dict[str, Any], threads: int) -> dict[str, Any]:
    """Least milliseconds of a pass, and what they are made of.

    Parameters
    ----------
    name
        "forward", "backward" or "forward_backward" (the sum of both).
    dtype
        Of value, output and their gradients.
    rates
        What `measure_rates` returned.
    """
    if name == "forward_backward":
        parts = [bound(problem, one, dtype, rates, threads) for one in ("forward", "backward")]
        return {
            "bound_ms": sum(part["bound_ms"] for part in parts),
            "limit": "+".join(part["limit"] for part in parts),
            **{key: sum(part[key] for part in parts) for key in ("l1_ms", "fma_ms", "memory_ms", "l2_ms")},
        }
    speed = rates[str(threads)]
    vector = rates["vector_bytes"]
    element = ELEMENT_SIZE[dtype]
    rows = 1 if problem.discrete else 4
    row_loads = math.ceil(problem.channels * element / vector)
    row_operations = math.ceil(problem.channels * 4 / vector)
    loads, operations = rows * row_loads, rows * row_operations
    if name == "backward":
        loads, operations = row_loads, 2 * operations
    samples, moved = problem.samples, memory_bytes(problem, name, dtype)
    seconds = {
        "l1": samples * (loads / speed["l1_vector_loads_per_s"] + rows / speed["broadcasts_per_s"]),
        "fma": samples * operations / speed["vector_fmas_per_s"],
        "memory": max(
            moved / speed["l2_bytes_per_s"],
            max(0, moved - rates["last_level_bytes"])
            / max(speed["memory_read_bytes_per_s"], speed["memory_triad_bytes_per_s"]),
        ),
    }
    limit = max(seconds, key=lambda key: seconds[key])
    row_bytes = rows * problem.channels * element
    return {
        "bound_ms": seconds[limit] * 1e3,
        "limit": limit,
        **{f"{key}_ms": value * 1e3 for key, value in seconds.items()},
        "l2_ms": samples * row_bytes / speed["l2_bytes_per_s"] * 1e3,
    }


def memory_bytes(problem: Problem, name: str, dtype: str) -> int:
    """Bytes that a pass must move between the caller's tensors and the core: each input and output once."""
    element = ELEMENT_SIZE[dtype]
    rows = 1 if problem.discrete else 4
    all_rows = problem.batch * problem.value_size * problem.heads
    touched = min(all_rows, problem.samples * rows) * problem.channels * element
    output = problem.batch * problem.queries * problem.heads * problem.channels * element
    samples = problem.samples * (2 + 1) * 4  # locations and weights are float32
    if name == "forward":
        return touched + output + samples
    # grad_value is written whole, also where no sample came by.
    return touched + all_rows * problem.channels * element + output + 2 * samples
