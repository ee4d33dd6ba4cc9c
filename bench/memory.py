"""Peak memory of one implementation beside inputs and outputs; each is measured in a process of its own.

SPDX-License-Identifier: Apache-2.0

    python -m bench.memory --row detr-enc --impl xmsda --threads 2

The peak of the resident set (VmHWM) is set back before the call and read after it. From the growth come off the
tensors that the caller gets: output and gradients.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from bench import implementations, workloads
from bench.implementations import Implementation, Operator
from bench.inputs import make_inputs
from bench.machine import ROOT


def _status(field: str) -> int:
    """A field of /proc/self/status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status: expected {field}, got none")


def _start_watching() -> int:
    """Bytes in use now, after the peak was set back to them."""
    gc.collect()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _call(operator: Operator) -> int:
    """One call, with the backward pass when there is one; bytes of what it returned."""
    if operator.function is None:
        output = operator.forward()
        return output.numel() * output.element_size()
    leaves = [tensor.detach().requires_grad_() for tensor in operator.arguments]
    output = operator.function(*leaves)
    gradients = torch.autograd.grad(output, leaves, operator.grad_output, allow_unused=True)
    tensors = [output, *(gradient for gradient in gradients if gradient is not None)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def measure_here(row: str, implementation: Implementation, threads: int) -> dict[str, Any]:
    """Measure in this process, which should have done nothing else."""
    torch.set_num_threads(threads)
    # A tiny problem first: libraries get loaded and thread pools started, which no call repeats.
    small = workloads.select(["mmcv-unit"])[0]
    tiny = implementation.prepare(small.problem, make_inputs(small, "uniform"), threads)
    for _ in range(2):
        _call(tiny)
    workload = workloads.select([row])[0]
    inputs = make_inputs(workload, "local")
    if implementation.trains:
        operator = implementation.prepare(workload.problem, inputs, threads)
        if implementation.forward_from_training:
            _call(operator)  # compiles
        before = _start_watching()
    else:
        # Runtimes take their memory when the model is compiled or first run, and keep it.
        before = _start_watching()
        operator = implementation.prepare(workload.problem, inputs, threads)
    returned = _call(operator)
    extra = _status("VmHWM") - before - returned
    return {
        "row": row,
        "impl": implementation.name,
        "threads": threads,
        "passes": "forward_backward" if implementation.trains else "forward",
        "returned_mb": returned / 1e6,
        "extra_mb": max(0.0, extra / 1e6),
    }


def measure(row: str, implementation: Implementation, threads: int) -> dict[str, Any]:
    """Measure in a new process.

    Returns
    -------
    dict
        As `measure_here` gives, or with "error".
    """
    command = [sys.executable, "-m", "bench.memory", "--row", row, "--impl", implementation.name]
    command += ["--threads", str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        return {"row": row, "impl": implementation.name, "threads": threads, "error": last[0]}
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description="Peak memory of one implementation beside inputs and outputs.")
    parser.add_argument("--row", required=True)
    parser.add_argument("--impl", required=True)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    implementation = implementations.select([arguments.impl])[0]
    print(json.dumps(measure_here(arguments.row, implementation, arguments.threads)))


if __name__ == "__main__":
    main()
