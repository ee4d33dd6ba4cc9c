"""What runs: one pass of one problem by one variant on one simulated chip, in a process of the driver each.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PASSES = ("forward", "backward")
FAST_ATOMICS, SLOW_ATOMICS = "910b2", "910b2-slow-atomics"
CHIPS = (FAST_ATOMICS, SLOW_ATOMICS)
# Of a job, whatever happens: the watchdog of the simulator ends a launch after as long.
_LIMIT_SECONDS = 900


@dataclass(frozen=True)
class Job:
    """One simulation.

    Attributes
    ----------
    strict
        With the checks for broken rules, which take twice the time and change nothing about simulated times.
    """

    problem: str
    sampling: str
    variant: str
    pass_name: str
    chip: str = FAST_ATOMICS
    set: str = ""
    ablate: str = ""
    strict: bool = False

    @property
    def queries(self) -> int:
        """Of the problem: those of the row, or a share of them."""
        return int(re.findall(r"_q(\d+)", self.problem)[0])

    @property
    def samples(self) -> float:
        """Millions of samples, by which jobs are ordered and progress is told."""
        sizes = {name: int(number) for name, number in re.findall(r"(?:^|_)([bqm])(\d+)", self.problem)}
        levels = self.problem.split("_l", 1)[1].split("_")[0].count(",") + 1
        points = [int(number) for number in re.findall(r"_p([\d,]+)", self.problem)[0].split(",")]
        per_query = sum(points) if len(points) > 1 else points[0] * levels
        return sizes["b"] * sizes["q"] * sizes["m"] * per_query / 1e6

    def command(self) -> list[str]:
        """The driver's words."""
        words = ["simulate", self.problem, "--json", "--sampling", self.sampling]
        words += ["--variant", self.variant, "--pass", self.pass_name, "--chip", self.chip]
        if self.set:
            words += ["--set", self.set]
        if self.ablate:
            words += ["--ablate", self.ablate]
        return words


@dataclass
class Outcome:
    """What came of a job.

    Attributes
    ----------
    status
        "ok", "n/a" (the variant does not take the problem, or the driver not the option), "broken" (a rule of the chip,
        or the process itself).
    seconds
        Of the process on this machine: the only time that is not simulated.
    chosen
        The variant that ran, where "auto" was asked for.
    kernels
        As the driver tells them.
    """

    job: Job
    status: str
    reason: str = ""
    seconds: float = 0
    microseconds: float = 0
    cycles: float = 0
    chosen: str = ""
    kernels: list[dict[str, Any]] = field(default_factory=list)

    def main_kernel(self) -> dict[str, Any]:
        """The kernel that takes the longest."""
        return max(self.kernels, key=lambda kernel: kernel["microseconds"])

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        record = asdict(self)
        job = {key: value for key, value in record.pop("job").items() if value != ""}
        return {"job": job, **record, "kernels": by_name(self.kernels)}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Outcome:
        """The outcome that `as_json` made this of."""
        return cls(Job(**record["job"]), **{key: value for key, value in record.items() if key != "job"})


def by_name(kernels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The kernels with their launches added up; queues are those of the longest launch.

    One pass of grid-sample launches some 60 kernels, and a file of all of them takes megabytes.
    """
    found: dict[str, dict[str, Any]] = {}
    keep = ("kernel", "bound", "busy", "next", "next_busy")
    for kernel in sorted(kernels, key=lambda one: -one["microseconds"]):
        bytes_of = sum(size for path, size in kernel["bytes"].items() if path != "UB to UB")
        known = found.setdefault(
            kernel["kernel"], {key: kernel[key] for key in keep} | {"microseconds": 0.0, "bytes": {"memory": 0}}
        )
        known["microseconds"] += kernel["microseconds"]
        known["bytes"]["memory"] += bytes_of
    return list(found.values())


def environment(strict: bool = False) -> dict[str, str]:
    """Ours without what a caller tries with the simulator."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ASCSIM_")}
    return kept | {"ASCSIM_QUIET": "1", "ASCSIM_CHECK": "strict" if strict else "off"}


def parse_output(job: Job, text: str) -> Outcome:
    """The outcome in what `xmsda simulate --json` printed."""
    passes = [record for record in json.loads(text)["passes"] if record["pass"] == job.pass_name]
    if len(passes) != 1 or not passes[0]["kernels"]:
        return Outcome(job, "n/a", f"no {job.pass_name} pass")
    record = passes[0]
    return Outcome(
        job,
        "ok",
        microseconds=record["microseconds"],
        cycles=record["cycles"],
        chosen=record.get("variant", job.variant),
        kernels=by_name(record["kernels"]),
    )


def run_jobs(
    jobs: list[Job], workers: int, told: Callable[[Outcome], None], run: Callable[[Job], Outcome]
) -> list[Outcome]:
    """Run all jobs, so many at a time, the largest first; `told` hears of each as it ends."""
    lock = threading.Lock()
    outcomes = []
    with ThreadPoolExecutor(workers) as pool:
        ordered = sorted(jobs, key=lambda job: -job.samples)
        for done in as_completed([pool.submit(run, job) for job in ordered]):
            outcomes.append(done.result())
            with lock:
                told(outcomes[-1])
    return outcomes


@dataclass(frozen=True)
class Driver:
    """The programs of a build.

    Attributes
    ----------
    folder
        Of the build; has `xmsda`, `sim/ascsim` and the microbenchmarks.
    """

    folder: Path

    def _run(
        self, program: str, words: list[str], strict: bool = False, more: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.folder / program), *words],
            env=environment(strict) | (more or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=_LIMIT_SECONDS,
        )

    def _output(self, program: str, words: list[str], more: dict[str, str] | None = None) -> str:
        done = self._run(program, words, more=more)
        if done.returncode != 0:
            raise RuntimeError(f"{program} {' '.join(words)}: exit status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def simulate(self, job: Job) -> Outcome:
        """Run a job; never raises for what the driver says."""
        started = time.monotonic()
        try:
            done = self._run("xmsda", job.command(), job.strict)
            if done.returncode == 0:
                outcome = parse_output(job, done.stdout)
            else:
                # 2 is bad input: a problem beyond the variant's limits, an option that this driver does not have.
                lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
                outcome = Outcome(job, "n/a" if done.returncode == 2 else "broken", lines[-1].removeprefix("xmsda: "))
        except subprocess.TimeoutExpired:
            outcome = Outcome(job, "broken", f"no end after {_LIMIT_SECONDS} s")
        except (ValueError, KeyError) as error:
            outcome = Outcome(job, "broken", f"unexpected output: {error!r}")
        outcome.seconds = time.monotonic() - started
        return outcome

    def list(self) -> dict[str, Any]:
        """What `xmsda list --json` tells: variants, and ablations where the driver has them."""
        return json.loads(self._output("xmsda", ["list", "--json"]))

    def choice(self, problem: str, setting: str) -> dict[str, str]:
        """What "auto" takes for a problem, by pass; empty when it takes nothing."""
        words = ["simulate", problem, "--choose", "--json"]
        done = self._run("xmsda", words + (["--set", setting] if setting else []))
        if done.returncode != 0:
            return {}
        return {record["pass"]: record.get("variant", "") for record in json.loads(done.stdout)["passes"]}

    def accuracy(self, problem: str, sampling: str, variant: str) -> dict[str, Any]:
        """Results of a variant against the reference in double precision, strict checks on: what the driver says."""
        backend = "ascend-sim" if variant == "auto" else f"ascend-sim:{variant}"
        words = ["check", problem, "--sampling", sampling, "--backend", backend, "--json"]
        done = self._run("xmsda", words, strict=True)
        record: dict[str, Any] = {"variant": variant, "problem": problem, "sampling": sampling}
        if done.returncode == 2:
            return record | {"status": "n/a", "reason": (done.stderr.strip().splitlines() or [""])[-1]}
        row = json.loads(done.stdout)["rows"][0]
        keep = ("array", "error_over_bound", "rms_error", "rms_expected")
        arrays = [{key: array[key] for key in keep} for array in row.get("arrays", [])]
        status = "ok" if row["ok"] and done.returncode == 0 else "broken"
        return record | {"status": status, "reason": row["report"], "arrays": arrays}

    def micro(self, chip: str, samples: int) -> dict[str, Any]:
        """What `xmsda_ascend_micro` measures on a chip."""
        return json.loads(self._output("bench/ascend/micro/xmsda_ascend_micro", [str(samples)], {"ASCSIM_CHIP": chip}))

    def constants(self, chip: str) -> dict[str, dict[str, Any]]:
        """Every constant of a chip by name: value, unit, certainty and source."""
        found = {}
        for line in self._output("sim/ascsim", ["machine", chip]).splitlines():
            if match := re.match(r"(\S+)\s+([\d.e+-]+) (\S+)\s+(measured|documented|assumed)\s*(.*)", line):
                name, value, unit, certainty, source = match.groups()
                found[name] = {"value": float(value), "unit": unit, "certainty": certainty, "source": source}
        return found
