"""Run train.py with one and two processes and draw the seconds of a step.

SPDX-License-Identifier: Apache-2.0

    python examples/train/scaling.py [--steps 30] [--out out/scaling]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from matplotlib.figure import Figure

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=30)
parser.add_argument("--out", type=Path, default=Path("out/scaling"))
options = parser.parse_args()
script = Path(__file__).with_name("train.py")

# Processes and threads of each: the first is the base, the other two use two cores.
bars = {}
for processes, threads in ((1, 1), (1, 2), (2, 1)):
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        command += [str(script), f"--steps={options.steps}", f"--threads={threads}", f"--out={folder}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = json.loads((Path(folder) / "results.json").read_text())["seconds_per_step"]
    label = f"{processes} process{'es' if processes > 1 else ''}\n{threads} thread{'s' if threads > 1 else ' each'}"
    bars[label] = seconds
    print(f"{processes} x {threads}: {seconds:.3f} s a step of two pictures")

options.out.mkdir(parents=True, exist_ok=True)
figure = Figure(figsize=(5, 3.5), layout="constrained")
axes = figure.subplots()
axes.bar(list(bars), list(bars.values()), color=["#9a9a9a", "#1f6fb4", "#1f6fb4"], width=0.6)
base = next(iter(bars.values()))
for place, seconds in enumerate(bars.values()):
    axes.text(place, seconds, f"{seconds:.3f} s\n{base / seconds:.2f}x", ha="center", va="bottom")
axes.set_ylabel("seconds a step, median")
axes.margins(y=0.25)
cores = len(os.sched_getaffinity(0))
axes.set_title(f"A step of two pictures; a machine of {cores} cores, gloo", fontsize=10, loc="left")
figure.savefig(options.out / "scaling.png", dpi=120)
(options.out / "scaling.json").write_text(json.dumps(bars))
print(f"chart {options.out / 'scaling.png'}")
