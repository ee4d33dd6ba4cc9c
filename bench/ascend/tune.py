"""How near the tuner's draft comes to the simulator, over the reproduction's rows: `python -m bench.ascend.tune`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from bench.ascend.jobs import PASSES, ROOT, environment
from bench.ascend.plan import ROWS, problem_of, text_of

# Mean deviation of the draft from the simulator that is asked for.
BAR = 0.15
_DECODERS = ("detr-dec", "dino-dec", "rtdetr-dec")


def tune(build: Path, row: str, pass_name: str, trials: int, tuned: Path | None = None) -> dict[str, Any]:
    """What `xmsda tune` tells of a row; raises RuntimeError with its line when it refuses."""
    words = ["tune", text_of(problem_of(row)), "--trials", str(trials), "--json"]
    words += ["--sampling", "uniform" if row in _DECODERS else "local"]
    words += ["--backward"] if pass_name == "backward" else []
    words += ["--out", str(tuned)] if tuned else []
    done = subprocess.run(
        [str(build / "xmsda"), *words], env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"xmsda {' '.join(words)}: {done.stderr.strip()}")
    record: dict[str, Any] = json.loads(done.stdout)
    return {"row": row, **record}


def mean_deviation(records: list[dict[str, Any]]) -> float:
    """Of all trials of all rows alike."""
    errors = [
        abs(one["draft_microseconds"] / one["microseconds"] - 1) for record in records for one in record["trials"]
    ]
    return sum(errors) / len(errors)


def top(record: dict[str, Any]) -> int:
    """The place that the draft gave the best of all simulated choices, among those, from 1 on.

    Of equal times (the host's own choice written out) the better place counts.
    """
    best = record["best"]["microseconds"]
    drafts = sorted(one["draft_microseconds"] for one in record["trials"])
    return min(
        1 + drafts.index(one["draft_microseconds"]) for one in record["trials"] if one["microseconds"] <= best * 1.001
    )


def markdown(records: list[dict[str, Any]]) -> str:
    """A table, a row for each pass of each row."""
    lines = [
        "| row | pass | choices | default us | best us | best over default | best | draft's place of it "
        "| Spearman | mean deviation | worst |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in records:
        lines.append(
            f"| {one['row']} | {one['pass']} | {one['candidates']} | {one['default']['microseconds']:.1f} "
            f"| {one['best']['microseconds']:.1f} | {one['speedup']:.3f}x | `{one['best']['choice']}` "
            f"| {top(one)} of {len(one['trials'])} | {one['spearman']:.2f} | {one['mean_deviation'] * 100:.1f} % "
            f"| {one['worst_deviation'] * 100:+.1f} % |"
        )
    return "\n".join(lines) + "\n"


def plot(records: list[dict[str, Any]], path: Path) -> None:
    """Draft against simulator, both in microseconds."""
    figure, axis = plt.subplots(figsize=(7, 6), layout="constrained")
    for place, row in enumerate(dict.fromkeys(one["row"] for one in records)):
        for name, marker in zip(PASSES, "o^", strict=True):
            chosen = [
                one for record in records if record["row"] == row and record["pass"] == name for one in record["trials"]
            ]
            axis.scatter(
                [one["microseconds"] for one in chosen],
                [one["draft_microseconds"] for one in chosen],
                s=18,
                marker=marker,
                color=f"C{place}",
                alpha=0.7,
                label=f"{row}, {name}",
            )
    times = [one["microseconds"] for record in records for one in record["trials"]]
    ends = [min(times), max(times)]
    axis.plot(ends, ends, color="black", linewidth=0.8)
    for factor in (1 - BAR, 1 + BAR):
        axis.plot(ends, [end * factor for end in ends], color="grey", linewidth=0.6, linestyle="--")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("simulated, us")
    axis.set_ylabel("drafted, us")
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=6)
    figure.suptitle(
        f"The tuner's draft: {mean_deviation(records) * 100:.1f} % off on average (dashed: 15 %)", fontsize=11
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> int:
    """Run the command; 0, 1 when the bar is missed, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="tune", description="The tuner over the rows of the reproduction.")
    parser.add_argument("--rows", type=lambda text: tuple(text.split(",")), default=ROWS, help=f"of {', '.join(ROWS)}")
    parser.add_argument("--trials", type=int, default=12, help="of each pass; default: 12")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "reproduce")
    parser.add_argument("--output", type=Path, default=Path("out/tune"))
    parser.add_argument("--report", type=Path, help="simulate nothing, draw this JSON file")
    parser.add_argument("--publish", action="store_true", help="write docs/results/ascend-tuning.* too")
    arguments = parser.parse_args(argv)
    for row in arguments.rows:
        if row not in ROWS:
            print(f"tune: rows: expected some of {', '.join(ROWS)}, got {row!r}", file=sys.stderr)
            return 2
    try:
        if arguments.report:
            records = json.loads(arguments.report.read_text())
        else:
            todo = [(row, name) for row in arguments.rows for name in PASSES]
            with ThreadPoolExecutor(arguments.workers) as pool:
                records = list(pool.map(lambda one: tune(arguments.build, one[0], one[1], arguments.trials), todo))
    except (RuntimeError, OSError, ValueError) as error:
        print(f"tune: {error}", file=sys.stderr)
        return 2
    folders = [arguments.output] + ([ROOT / "docs" / "results"] if arguments.publish else [])
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ascend-tuning.json").write_text(json.dumps(records, indent=1) + "\n")
        (folder / "ascend-tuning.md").write_text(_TITLE + markdown(records) + "\n![draft](ascend-tuning.png)\n")
        plot(records, folder / "ascend-tuning.png")
    deviation = mean_deviation(records)
    print(markdown(records) + f"tune: draft {deviation * 100:.1f} % off on average (bar {BAR * 100:.0f} %)")
    return int(deviation > BAR)


_TITLE = """# The tuner, and how near its draft comes to the simulator

Made by `python -m bench.ascend.tune --publish`; all times are simulated, float16 value, 910b2. Trials are the host's
own choice, the best by the draft, and a third at random.

"""

if __name__ == "__main__":
    sys.exit(main())
