"""What chip MSDA wants: a search over constants of the chip, kernels tuned for each: `python -m bench.ascend.explore`.

SPDX-License-Identifier: Apache-2.0

The draft of `xmsda tune` gives the time of the best kernel on a chip, Optuna's NSGA-II searches chips for time against
cost, and the simulator verifies the chips of the Pareto front.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import optuna

from bench.ascend.jobs import PASSES, ROOT, environment
from bench.ascend.plan import ENCODER, ROWS, problem_of, text_of

_CLOCK_MHZ = 1800


@dataclass(frozen=True)
class Part:
    """A constant of the chip that is searched.

    Attributes
    ----------
    name
        In the table of the chip.
    values
        What it may be; the chip's own among them.
    own
        Of a 910B2.
    share
        Of the cost of a core that goes with it, in proportion to size (`faster`: to speed, own / value).
    """

    name: str
    label: str
    values: tuple[float, ...]
    own: float
    share: float
    faster: bool = False


# Less UB than 192 KiB is not searched: kernels/image.h takes some 165 KB whatever there is.
# No figures of areas are published. These shares are an assumption, to be argued with: a core of a 910B2 costs 1, of
# which UB is a third, gathers, copies and scalar unit a few hundredths each, as units that are small beside SIMD lanes.
# Twice as fast a unit costs twice its share. L2's atomics are the chip's, as much as 4 of its 48 cores.
PARTS = (
    Part("chip.ub", "UB, KiB", (192, 256, 320, 384), 192, 0.33),
    Part("vector.Gather.b4.per_repeat", "32-bit gather, cycles a repeat", (8, 13, 26, 52), 26, 0.05, True),
    Part("vector.Gatherb.any.per_repeat", "block gather, cycles a repeat", (4, 8, 16, 26), 8, 0.05, True),
    Part("dma.issue", "issue of a copy, cycles", (7, 10, 14, 20.4, 30), 20.4, 0.05, True),
    Part("scalar.access", "GetValue, cycles", (4, 8, 11, 16), 11, 0.04, True),
)
CORES = (16, 24, 32, 40, 48)
ATOMICS = (8.0, 16.0, 32.0, 64.0)
_ATOMICS_COST = 4


def cost(chip: dict[str, float]) -> float:
    """Relative to a 910B2, which costs 1."""
    core = 1 - sum(part.share for part in PARTS)
    core += sum(
        part.share * (part.own / chip[part.name] if part.faster else chip[part.name] / part.own) for part in PARTS
    )
    return (chip["chip.vector_cores"] * core + _ATOMICS_COST * chip["l2.atomic"] / 16) / (48 + _ATOMICS_COST)


def own_chip() -> dict[str, float]:
    """A 910B2."""
    return {"chip.vector_cores": 48, "l2.atomic": 16.0} | {part.name: part.own for part in PARTS}


def setting(chip: dict[str, float]) -> str:
    """For the driver's --set."""
    own = own_chip()
    return ",".join(f"{name}={value:g}" for name, value in chip.items() if value != own[name])


def _driver(build: Path, words: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        [str(build / "xmsda"), *words, "--json"], env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"xmsda {' '.join(words)}: {done.stderr.strip()}")
    record: dict[str, Any] = json.loads(done.stdout)
    return record


def draft(build: Path, problem: str, chip: dict[str, float]) -> dict[str, Any]:
    """Microseconds of forward and backward by the best drafts, and these."""
    found: dict[str, Any] = {"microseconds": 0.0}
    for name in PASSES:
        words = ["tune", problem, "--trials", "0"] + (["--backward"] if name == "backward" else [])
        words += ["--set", setting(chip)] if setting(chip) else []
        best = _driver(build, words)["draft"]
        found[name] = best["choice"]
        found["microseconds"] += best["cycles"] / _CLOCK_MHZ
    return found


def simulate(build: Path, problem: str, sampling: str, chip: dict[str, float], drafted: dict[str, Any]) -> float:
    """Simulated microseconds of both passes with the drafted choices."""
    total = 0.0
    for name in PASSES:
        words = ["simulate", problem, "--choice", drafted[name], "--pass", name, "--sampling", sampling]
        words += ["--set", setting(chip)] if setting(chip) else []
        total += _driver(build, words)["passes"][0]["microseconds"]
    return total


def front(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that no other point beats in both cost and time, cheapest first."""
    kept: list[dict[str, Any]] = []
    for point in sorted(points, key=lambda one: (one["cost"], one["microseconds"])):
        if not kept or point["microseconds"] < kept[-1]["microseconds"]:
            kept.append(point)
    return kept


def search(build: Path, row: str, trials: int, verify: int, seed: int) -> dict[str, Any]:
    """The search of a row: all points by the draft, and some of the front simulated."""
    problem = text_of(problem_of(row))
    sampling = "uniform" if row.endswith("-dec") else "local"
    points: list[dict[str, Any]] = []

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        chip: dict[str, float] = {
            "chip.vector_cores": trial.suggest_categorical("chip.vector_cores", CORES),
            "l2.atomic": trial.suggest_categorical("l2.atomic", ATOMICS),
        }
        for part in PARTS:
            chip[part.name] = trial.suggest_categorical(part.name, part.values)
        drafted = draft(build, problem, chip)
        points.append({"chip": chip, "cost": cost(chip), **drafted})
        return cost(chip), drafted["microseconds"]

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        directions=["minimize", "minimize"], sampler=optuna.samplers.NSGAIISampler(population_size=30, seed=seed)
    )
    study.enqueue_trial(own_chip())
    study.optimize(objective, n_trials=trials)
    best = front(points)
    step = max((len(best) - 1) / max(verify - 1, 1), 1)
    chosen = [best[min(round(i * step), len(best) - 1)] for i in range(min(verify, len(best)))]
    for point in [points[0], *chosen]:
        if "simulated" not in point:
            point["simulated"] = simulate(build, problem, sampling, point["chip"], point)
    return {"row": row, "problem": problem, "points": points, "front": best, "own": points[0]}


def markdown(record: dict[str, Any]) -> str:
    """The front's points that were simulated, and the chip as it is."""
    names = ["chip.vector_cores", "l2.atomic", *(part.name for part in PARTS)]
    labels = ["cores", "atomics, B a cycle", *(part.label for part in PARTS)]
    lines = [
        "| | cost | drafted us | simulated us | " + " | ".join(labels) + " | forward | backward |",
        "|" + "---|" * (6 + len(labels)),
    ]
    rows = [
        ("910B2", record["own"]),
        *((str(i + 1), one) for i, one in enumerate(record["front"]) if "simulated" in one),
    ]
    for label, point in rows:
        cells = " | ".join(f"{point['chip'][name]:g}" for name in names)
        lines.append(
            f"| {label} | {point['cost']:.2f} | {point['microseconds']:.0f} | {point['simulated']:.0f} | {cells} "
            f"| `{point['forward']}` | `{point['backward']}` |"
        )
    return "\n".join(lines) + "\n"


def plot(records: list[dict[str, Any]], path: Path) -> None:
    """Cost against time, a picture a row."""
    figure, axes = plt.subplots(1, len(records), figsize=(6 * len(records), 5), layout="constrained", squeeze=False)
    for axis, record in zip(axes[0], records, strict=True):
        axis.scatter(
            [one["cost"] for one in record["points"]],
            [one["microseconds"] for one in record["points"]],
            s=8,
            color="lightgrey",
            label="chips, drafted",
        )
        axis.plot(
            [one["cost"] for one in record["front"]],
            [one["microseconds"] for one in record["front"]],
            marker=".",
            color="C0",
            label="front, drafted",
        )
        verified = [one for one in record["front"] if "simulated" in one]
        axis.scatter(
            [one["cost"] for one in verified],
            [one["simulated"] for one in verified],
            marker="x",
            color="C3",
            label="front, simulated",
        )
        axis.scatter(
            [record["own"]["cost"]], [record["own"]["simulated"]], marker="*", s=120, color="C2", label="910B2"
        )
        axis.set_yscale("log")
        axis.set_xlabel("cost, 910B2 = 1 (assumed shares)")
        axis.set_ylabel("forward and backward, us, simulated")
        axis.set_title(record["row"], fontsize=10)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: list[str] | None = None) -> int:
    """Run the command; 0, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="explore", description="What chip MSDA wants, simulated.")
    parser.add_argument("--rows", type=lambda text: tuple(text.split(",")), default=(ENCODER, "detr-dec"))
    parser.add_argument("--trials", type=int, default=400, help="chips drafted for a row; default: 400")
    parser.add_argument("--verify", type=int, default=8, help="chips of the front simulated; default: 8")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "reproduce")
    parser.add_argument("--output", type=Path, default=Path("out/explore"))
    parser.add_argument("--publish", action="store_true", help="write docs/results/ascend-explore.* too")
    arguments = parser.parse_args(argv)
    for row in arguments.rows:
        if row not in ROWS:
            print(f"explore: rows: expected some of {', '.join(ROWS)}, got {row!r}", file=sys.stderr)
            return 2
    if arguments.trials < 1 or arguments.verify < 1:
        print("explore: trials, verify: expected positive numbers", file=sys.stderr)
        return 2
    try:
        records = [
            search(arguments.build, row, arguments.trials, arguments.verify, arguments.seed) for row in arguments.rows
        ]
    except (RuntimeError, OSError) as error:
        print(f"explore: {error}", file=sys.stderr)
        return 2
    text = _TITLE + "".join(f"## {record['row']}\n\n{markdown(record)}\n" for record in records)
    for folder in [arguments.output] + ([ROOT / "docs" / "results"] if arguments.publish else []):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ascend-explore.json").write_text(json.dumps(records, indent=1) + "\n")
        (folder / "ascend-explore.md").write_text(text + "![front](ascend-explore.png)\n")
        plot(records, folder / "ascend-explore.png")
    print(text)
    return 0


_TITLE = """# What chip MSDA wants

Made by `python -m bench.ascend.explore --publish`: forward and backward, float16 value, the kernel tuned for each chip
by the draft, points of the front simulated. The cost is an assumption (`cost` in `bench/ascend/explore.py`).

"""

if __name__ == "__main__":
    sys.exit(main())
