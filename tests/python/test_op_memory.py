"""Memory: nothing of the size of all samples is ever made, and the layout of value costs no second value.

SPDX-License-Identifier: Apache-2.0
"""

import subprocess
import sys

import pytest

# Deformable-DETR's encoder at 800x1333. A tensor of all samples would take 22223 * 8 * 16 * 32 * 4 bytes = 364 MB.
SCRIPT = """
import sys, torch, xmsda

def status(key):
    return next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith(key))

torch.set_num_threads(2)
torch.manual_seed(0)
# A small call first: what loading code and starting threads takes does not count.
small = [torch.randn(1, 4, 8, 32), torch.rand(1, 300, 8, 1, 4, 2), torch.rand(1, 300, 8, 1, 4)]
value, locations, weights = (tensor.requires_grad_() for tensor in small)
FUNCTION(value, [(2, 2)], None, locations, weights).backward(torch.ones(1, 300, 256))

levels = [(100, 167), (50, 84), (25, 42), (13, 21)]
pixels = sum(height * width for height, width in levels)
heads_first = sys.argv[1] == "heads first"
leaf = torch.randn((1, 8, pixels, 32) if heads_first else (1, pixels, 8, 32), requires_grad=True)
value = leaf.permute(0, 2, 1, 3) if heads_first else leaf
locations = torch.rand(1, pixels, 8, 4, 4, 2).requires_grad_()
weights = torch.rand(1, pixels, 8, 4, 4).requires_grad_()
grad_output = torch.randn(1, pixels, 256)
open("/proc/self/clear_refs", "w").write("5")  # the peak, VmHWM, starts anew from here
before = status("VmRSS:")
output = FUNCTION(value, levels, None, locations, weights)
output.backward(grad_output)
results = sum(tensor.nbytes for tensor in (output, leaf.grad, locations.grad, weights.grad)) / 2**20
print(status("VmHWM:") - before - results)
"""


def extra_megabytes(function: str, layout: str) -> float:
    script = SCRIPT.replace("FUNCTION", function)
    run = subprocess.run([sys.executable, "-c", script, layout], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return float(run.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("layout", ["dense", "heads first"])
def test_peak_memory_beside_inputs_and_results(layout: str) -> None:
    # Measured: 8 MB, all of it the workspace of two threads.
    assert extra_megabytes("xmsda.ms_deform_attn", layout) <= 16


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_measurement_sees_an_intermediate() -> None:
    assert extra_megabytes("xmsda.reference.grid_sample_formulation", "dense") >= 364
