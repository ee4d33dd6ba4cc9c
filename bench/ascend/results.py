"""All that a reproduction simulated: numbers of cells, speedups, the project's bars, and the JSON file.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.ascend.jobs import PASSES, Job, Outcome
from bench.ascend.plan import (
    ABLATIONS,
    BASELINES,
    CONSTANTS,
    DECODERS,
    ENCODER,
    Ablation,
    Cell,
    Constant,
    Plan,
    Settings,
    problem_of,
)

SCHEMA = 1
TRAINING = "training"
ALL_PASSES = (*PASSES, TRAINING)
# Beyond it, a time that follows from shares is marked: the cost per query was not constant on the row that shows it.
SHARE_ERROR = 0.1
# The paper's figures, "up to": forward, backward, training (arXiv 2505.14022).
PAPER = {"grid-sample": (5.9, 8.9, 7.3), "library": (1.9, 2.4, 2.0)}
_BARS = {"grid-sample": (5.9, 8.9, 7.3), "library": (1.9, 2.4, 2.0), "library-db": (1.5, 1.5, 1.5)}
_AIMS = {"grid-sample": (12, 15, 14), "library": (4, 4.5, 4), "library-db": (2.5, 2.4, 2.4)}
PAPER_GATHERS = {"ub_gather": 845, "gm_gather": 106}


@dataclass(frozen=True)
class Number:
    """A time of a table and what goes with it.

    Attributes
    ----------
    share
        Of the queries that was simulated; 1 is all.
    bound, busy, next, next_busy
        The two busiest queues of the kernel that takes longest, and the part of its time that they work (mean over the
        cores).
    gb_per_s
        What all kernels of the pass moved between GM or L2 and UB, atomic additions included, over its time.
    """

    microseconds: float
    share: float
    bound: str
    busy: float
    next: str
    next_busy: float
    gb_per_s: float
    chosen: str


@dataclass(frozen=True)
class Bar:
    """One line of the table of bars; `measured` is None when nothing was to be had."""

    text: str
    bar: float
    aim: float | None
    measured: float | None
    detail: str = ""
    unit: str = "x"
    at_most: bool = False
    # Not part of this run (--quick): says nothing, misses nothing.
    planned: bool = True

    @property
    def verdict(self) -> str:
        """met, missed, or why neither."""
        if self.measured is None:
            return "missing" if self.planned else "not run"
        met = self.measured <= self.bar if self.at_most else self.measured >= self.bar
        return "met" if met else "missed"

    @property
    def failed(self) -> bool:
        """Whether the run has to end with exit code 1."""
        return self.verdict in ("missed", "missing")


def extrapolate(queries: tuple[int, int], times: tuple[float, float], all_queries: int) -> float:
    """The time of all queries on the line through two shares: what does not depend on them is counted once."""
    per_query = (times[1] - times[0]) / (queries[1] - queries[0])
    return times[1] + per_query * (all_queries - queries[1])


@dataclass
class Run:
    """The results of one run."""

    plan: Plan
    outcomes: dict[Job, Outcome] = field(default_factory=dict)
    accuracy: list[dict[str, Any]] = field(default_factory=list)
    micro: dict[str, dict[str, Any]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def outcome(self, job: Job) -> Outcome | None:
        """What came of a job, None when it did not run or gave no time."""
        found = self.outcomes.get(job)
        return found if found is not None and found.status == "ok" else None

    def estimate(self, jobs: tuple[Job, ...], row: str) -> float | None:
        """Microseconds of all queries of a row, from the jobs of a cell: one of them, or two shares."""
        done = [one for one in map(self.outcome, jobs) if one is not None]
        if len(done) < len(jobs):
            return None
        if len(done) == 1:
            return done[0].microseconds
        queries, times = (jobs[0].queries, jobs[1].queries), (done[0].microseconds, done[1].microseconds)
        return extrapolate(queries, times, problem_of(row).queries)

    def number(self, cell: Cell) -> Number | None:
        """The time of a cell, extrapolated where it had to be."""
        jobs = self.plan.cell_jobs(cell)
        time, largest = self.estimate(jobs, cell.row), self.outcome(jobs[-1])
        if time is None or largest is None:
            return None
        kernel = largest.main_kernel()
        moved = sum(sum(one["bytes"].values()) for one in largest.kernels)
        return Number(
            time,
            jobs[-1].queries / problem_of(cell.row).queries,
            kernel["bound"],
            kernel["busy"],
            kernel["next"],
            kernel["next_busy"],
            moved / largest.microseconds * 1e-3,
            largest.job.variant,
        )

    def time(self, cell: Cell) -> float | None:
        """Microseconds of a cell; of both passes where its pass is "training"."""
        if cell.pass_name != TRAINING:
            number = self.number(cell)
            return number.microseconds if number else None
        both = [self.time(replace(cell, pass_name=name)) for name in PASSES]
        return sum(one for one in both if one is not None) if None not in both else None

    def over(self, cell: Cell, baseline: str) -> float | None:
        """How many times faster a cell is than the baseline's."""
        ours, theirs = self.time(cell), self.time(replace(cell, variant=baseline))
        return theirs / ours if ours and theirs else None

    def corners_gb_per_s(self, cell: Cell) -> float | None:
        """Bytes of the four corners of all samples over the time: what an ideal gather would have to deliver."""
        time, problem = self.time(cell), problem_of(cell.row, cell.dtype)
        size = 2 if cell.dtype == "f16" else 4
        return problem.samples * 4 * problem.channels * size / time * 1e-3 if time else None

    def best(self, chip: str, baseline: str, name: str, variant: str = "auto") -> tuple[float, str] | None:
        """The greatest speedup over the rows, and where. `hot` is left out: contention is not a workload's own."""
        found = []
        for row in self.plan.settings.rows:
            for sampling in self.plan.settings.samplings:
                ratio = self.over(Cell(row, sampling, chip, variant, name), baseline)
                if ratio is not None and sampling != "hot":
                    found.append((ratio, f"{row}, {sampling}"))
        return max(found, default=None)

    def judged(self, baseline: str, name: str) -> tuple[float, str] | None:
        """What bars and the last line tell: the best workload, with the less favourable set of atomics."""
        found = [self.best(chip, baseline, name) for chip in self.plan.settings.chips]
        values = [one for one in found if one is not None]
        return min(values) if values and len(values) == len(found) else None

    def mean(self, chip: str, baseline: str, name: str, variant: str = "auto") -> float | None:
        """The geometric mean over rows and samplings but `hot`."""
        ratios = [
            self.over(Cell(row, sampling, chip, variant, name), baseline)
            for row in self.plan.settings.rows
            for sampling in self.plan.settings.samplings
            if sampling != "hot"
        ]
        logs = [math.log(ratio) for ratio in ratios if ratio]
        return math.exp(sum(logs) / len(logs)) if logs else None

    def share_errors(self) -> list[tuple[Cell, float, float, float]]:
        """Cell simulated whole, its microseconds, those from two shares, and the relative error of the latter."""
        found = []
        for cell in self.plan.share_check_cells():
            whole = self.outcome(self.plan.job(cell))
            guess = self.estimate(self.plan.share_jobs(cell), cell.row)
            if whole is not None and guess is not None:
                found.append((cell, whole.microseconds, guess, guess / whole.microseconds - 1))
        return found

    def uncertain(self) -> set[tuple[str, str]]:
        """Variants and passes whose cost per query was not constant in the check."""
        return {(cell.variant, cell.pass_name) for cell, _, _, error in self.share_errors() if abs(error) > SHARE_ERROR}

    def tornado(self) -> list[tuple[Constant, str, str, list[tuple[float, float]], float]]:
        """Constant, baseline, pass, [(value, speedup)] and the speedup of the table as it stands."""
        times: dict[tuple[Constant | None, float, str, str], float] = {}
        for constant, value, variant, name, shares in self.plan.tornado_jobs():
            if (time := self.estimate(shares, ENCODER)) is not None:
                times[constant, value, variant, name] = time
        for constant, value, variant, _ in list(times):
            both = [times.get((constant, value, variant, name)) for name in PASSES]
            times[constant, value, variant, TRAINING] = sum(one or math.nan for one in both)

        def ratio(constant: Constant | None, value: float, baseline: str, name: str) -> float | None:
            ours = times.get((constant, value, "auto", name))
            theirs = times.get((constant, value, baseline, name))
            return theirs / ours if ours and theirs and math.isfinite(theirs / ours) else None

        found = []
        for constant in self.plan.settings.constants:
            for baseline in BASELINES:
                for name in ALL_PASSES:
                    points = [
                        (value, ratio(constant, value, baseline, name)) for value in (constant.low, constant.high)
                    ]
                    known = [(value, one) for value, one in points if one is not None]
                    as_is = ratio(None, 0, baseline, name)
                    if known and as_is is not None:
                        found.append((constant, baseline, name, known, as_is))
        return found

    def reports(self) -> list[str]:
        """A line for every job that broke a rule or failed."""
        lines = [
            f"{one.job.variant} {one.job.pass_name} {one.job.problem} {one.job.sampling}: {one.reason}"
            for one in self.outcomes.values()
            if one.status == "broken"
        ]
        lines += [f"{one['variant']} {one['problem']}: {one['reason']}" for one in self.accuracy if _wrong(one)]
        return lines

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        settings = asdict(self.plan.settings)
        settings["constants"] = [one.label for one in self.plan.settings.constants]
        return {
            "schema": SCHEMA,
            "simulated": True,
            "facts": self.facts,
            "settings": settings,
            "variants": list(self.plan.variants),
            "ablations": [asdict(one) for one in self.plan.ablations],
            "choices": [[*key, value] for key, value in self.plan.choices.items()],
            "table": self.plan.table,
            "micro": self.micro,
            "accuracy": self.accuracy,
            "outcomes": [_rounded(one.as_json()) for one in self.outcomes.values()],
            "bars": [asdict(bar) | {"verdict": bar.verdict} for bar in bars(self)],
        }

    def write(self, path: Path) -> None:
        """The JSON file, an outcome a line so that it can be read and compared."""
        record = self.as_json()
        outcomes = ",\n".join(json.dumps(one) for one in record.pop("outcomes"))
        text = json.dumps(record, indent=1)
        path.write_text(text[: text.rindex("}")].rstrip() + f',\n "outcomes": [\n{outcomes}\n]\n}}\n')


def read(path: Path) -> Run:
    """The run that `write` wrote."""
    record = json.loads(path.read_text())
    if record.get("schema") != SCHEMA:
        raise ValueError(f"{path}: expected schema {SCHEMA}, got {record.get('schema')}")
    labels = set(record["settings"].pop("constants"))
    settings = {key: _tuples(value) for key, value in record["settings"].items()}
    plan = Plan(
        Settings(**settings, constants=tuple(one for one in CONSTANTS if one.label in labels)),
        tuple(record["variants"]),
        [Ablation(**{key: _tuples(value) for key, value in one.items()}) for one in record["ablations"]],
        {(one[0], one[1], one[2]): one[3] for one in record["choices"]},
        record["table"],
    )
    outcomes = [Outcome.from_json(one) for one in record["outcomes"]]
    return Run(plan, {one.job: one for one in outcomes}, record["accuracy"], record["micro"], record["facts"])


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value


def _rounded(value: Any) -> Any:
    """Five digits are more than the model has."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value


def _wrong(record: dict[str, Any]) -> bool:
    return record["status"] == "broken"


def _accuracy_of(run: Run, variant: str) -> dict[str, Any] | None:
    for record in run.accuracy:
        if record["variant"] == variant and record["status"] != "n/a" and "_f16_" in record["problem"]:
            return record
    return None


def _speedup_bars(run: Run) -> Iterable[Bar]:
    for baseline, values in _BARS.items():
        for name, bar, aim in zip(ALL_PASSES, values, _AIMS[baseline], strict=True):
            found = run.judged(baseline, name)
            detail = found[1] if found else f"no times of {baseline}"
            yield Bar(f"auto over {baseline}, {name}", bar, aim, found[0] if found else None, detail)


def _decoder_bar(run: Run) -> Bar:
    ratios = []
    for row in (row for row in run.plan.settings.rows if row in DECODERS):
        for sampling in run.plan.settings.samplings:
            for chip in run.plan.settings.chips:
                for name in ALL_PASSES:
                    ratio = run.over(Cell(row, sampling, chip, "auto", name), "library-db")
                    if ratio is not None:
                        ratios.append((ratio, f"{row}, {sampling}, {name}, {chip}"))
    least = min(ratios, default=(None, "no times of library-db"))
    return Bar("auto over library-db, decoders, never below", 1.0, 1.5, least[0], least[1])


def _accuracy_bars(run: Run) -> Iterable[Bar]:
    ours, theirs = _accuracy_of(run, "auto"), _accuracy_of(run, "library")
    worst = max(ours["arrays"], key=lambda one: one["error_over_bound"]) if ours else None
    yield Bar(
        "auto, fp16: largest error over its bound",
        1,
        None,
        worst["error_over_bound"] if worst else None,
        worst["array"] if worst else "",
        at_most=True,
        unit="",
    )
    ratios = []
    if ours and theirs:
        errors = {one["array"]: one["rms_error"] for one in theirs["arrays"]}
        ratios = [
            (one["rms_error"] / errors[one["array"]], one["array"]) for one in ours["arrays"] if errors[one["array"]]
        ]
    largest = max(ratios, default=(None, "no results of library"))
    yield Bar("auto, fp16: rms error over library's", 1, None, largest[0], largest[1], at_most=True)


def bars(run: Run) -> list[Bar]:
    """The bars of the issue that a run can judge."""
    settings = run.plan.settings
    found = list(_speedup_bars(run))
    found.append(_decoder_bar(run))
    measured = run.micro.get(settings.chips[0], {})
    for name, paper in PAPER_GATHERS.items():
        value = measured.get(name)
        off = abs(value / paper - 1) * 100 if value else None
        text = f"{name[:2].upper()} gather, off the paper's {paper} GB/s"
        found.append(Bar(text, 5, None, off, f"{value} GB/s" if value else "", "%", at_most=True))
    busy = []
    for chip in settings.chips:
        for name in PASSES:
            number = run.number(Cell(ENCODER, settings.samplings[0], chip, "auto", name))
            if number is not None:
                busy.append((100 * number.busy, f"{name}, {number.bound}, {chip}"))
    least = min(busy, default=(None, ""))
    found.append(Bar("auto on detr-enc: bounding queue busy", 75, 90, least[0], least[1], "%"))
    found += _accuracy_bars(run)
    reports = run.reports()
    found.append(Bar("reports of broken rules", 0, None, len(reports), reports[0] if reports else "", "", at_most=True))
    strict = {job.pass_name: run.outcome(job) for job in run.plan.strict_jobs()}
    for name, bar, aim in (("forward", 60, 15), ("backward", 150, 30)):
        outcome = strict.get(name)
        text = f"wall time of detr-enc, {name}, strict"
        seconds = outcome.seconds if outcome else None
        found.append(Bar(text, bar, aim, seconds, "this machine", "s", at_most=True, planned=settings.strict))
    return found


def last_line(run: Run) -> str:
    """The one line that a run ends with."""
    parts = []
    for baseline in BASELINES:
        values = [run.judged(baseline, name) for name in ALL_PASSES]
        parts.append(f"over {baseline} " + " ".join(f"{one[0]:.2f}" if one else "-" for one in values))
    return "reproduce: " + ", ".join(parts)


def missing_ablations(run: Run) -> list[str]:
    """Those known here that this driver cannot do."""
    return [one.name for one in ABLATIONS if one not in run.plan.ablations]
