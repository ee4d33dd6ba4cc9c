"""Reproduce the paper's figures on the simulated chip: `python -m bench.ascend --help`.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from bench.ascend import jobs, plots, report, results
from bench.ascend.jobs import Driver, Outcome
from bench.ascend.plan import ENCODER, QUICK, ROWS, SAMPLINGS, Plan, Settings, ablations, problem_of, text_of
from bench.ascend.results import Run

# Of the encoder: enough samples for rms errors, few enough for the reference and strict checks in seconds.
_ACCURACY_QUERIES = 400
_MICRO_SAMPLES = 600
_BUILD = jobs.ROOT / "build" / "reproduce"


class _Parser(argparse.ArgumentParser):
    """A wrong option gives one line, without the usage, and exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _comma_list(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="reproduce", description="The paper's comparison on the simulated Ascend 910B2.")
    parser.add_argument("--quick", action="store_true", help="three rows, small shares: three minutes")
    parser.add_argument("--rows", type=_comma_list, help=f"of {', '.join(ROWS)}")
    parser.add_argument("--sampling", type=_comma_list, help=f"of {', '.join(SAMPLINGS)}")
    parser.add_argument("--variants", type=_comma_list, help="of `xmsda list`; default: all")
    parser.add_argument("--workers", type=int, default=2, help="simulations at a time; default: 2")
    parser.add_argument("--output", type=Path, default=Path("out/reproduce"), help="default: out/reproduce")
    parser.add_argument("--build", type=Path, default=_BUILD, help="default: build/reproduce")
    parser.add_argument("--publish", action="store_true", help="write docs/results/ascend.* too")
    parser.add_argument("--report", type=Path, help="simulate nothing, report on this JSON file")
    return parser.parse_args(argv)


def _settings(arguments: argparse.Namespace) -> Settings:
    settings = QUICK if arguments.quick else Settings()
    for name, known, chosen in (("rows", ROWS, arguments.rows), ("sampling", SAMPLINGS, arguments.sampling)):
        for one in chosen or ():
            if one not in known:
                raise ValueError(f"{name}: expected one of {', '.join(known)}, got {one!r}")
    if arguments.workers < 1:
        raise ValueError(f"workers: expected a positive number, got {arguments.workers}")
    rows, samplings = arguments.rows or settings.rows, arguments.sampling or settings.samplings
    return replace(
        settings,
        rows=rows,
        samplings=samplings,
        f32_rows=tuple(row for row in settings.f32_rows if row in rows),
        whole=tuple(one for one in settings.whole if one[0] in rows and one[1] in samplings),
    )


def _make_plan(driver: Driver, settings: Settings, wanted: tuple[str, ...] | None) -> Plan:
    listed = driver.list()
    known = [*listed["variants"], *listed.get("comparisons", [])]
    names = tuple(variant["name"] for variant in known if variant["name"] != "auto")
    for name in wanted or ():
        if name not in names:
            raise ValueError(f"variants: expected some of {', '.join(names)}, got {name!r}")
    plan = Plan(settings, wanted or names, ablations(listed), table=driver.constants(settings.chips[0]))
    for problem, setting in plan.choice_problems():
        for name, variant in driver.choice(problem, setting).items():
            plan.choices[problem, setting, name] = variant
    return plan


class _Progress:
    """A line for every so many seconds, and for every failure."""

    def __init__(self, todo: list[jobs.Job]) -> None:
        self.started = self.told = time.monotonic()
        self.count, self.total = 0, len(todo)
        # What a process costs beside its samples, in millions of them.
        self.work = sum(job.samples + 0.05 for job in todo)
        self.done = 0.0

    def __call__(self, outcome: Outcome) -> None:
        self.count += 1
        self.done += outcome.job.samples + 0.05
        if outcome.status == "broken":
            print(f"reproduce: {' '.join(outcome.job.command())}: {outcome.reason}", flush=True)
        now = time.monotonic()
        if now - self.told > 10 or self.count == self.total:
            self.told = now
            spent = now - self.started
            left = timedelta(seconds=round(spent / self.done * (self.work - self.done)))
            print(f"reproduce: {self.count} of {self.total} simulations, {spent:.0f} s, about {left} left", flush=True)


def _facts() -> dict[str, str]:
    git = ["git", "-C", str(jobs.ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    return {"commit": done.stdout.strip() or "an unknown commit"}


def _simulate(driver: Driver, plan: Plan, workers: int) -> Run:
    started = time.monotonic()
    run = Run(plan, facts=dict(_facts()))
    print("reproduce: microbenchmarks, accuracy (strict checks)", flush=True)
    texts = [text_of(replace(problem_of(ENCODER, dtype), queries=_ACCURACY_QUERIES)) for dtype in ("f16", "f32")]
    with ThreadPoolExecutor(workers) as pool:
        micro = {chip: pool.submit(driver.micro, chip, _MICRO_SAMPLES) for chip in plan.settings.chips}
        accuracy = [
            pool.submit(driver.accuracy, text, "local", variant) for text in texts for variant in plan.all_variants
        ]
        run.micro = {chip: done.result() for chip, done in micro.items()}
        run.accuracy = [done.result() for done in accuracy]
    todo = plan.jobs()
    outcomes = jobs.run_jobs(todo, workers, _Progress(todo), driver.simulate)
    run.outcomes = {one.job: one for one in outcomes}
    run.facts["seconds"] = f"{time.monotonic() - started:.0f}"
    run.facts["workers"] = str(workers)
    return run


def _write(run: Run, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    run.write(folder / "ascend.json")
    pictures = plots.draw_all(run, folder)
    (folder / "ascend.md").write_text(report.markdown_report(run, pictures))
    print(f"reproduce: wrote {folder}/ascend.md, ascend.json and {len(pictures)} pictures")


def main(argv: list[str] | None = None) -> int:
    """Run the command; 0, 1 when a bar is missed, 2 for bad input."""
    arguments = _arguments(argv)
    try:
        if arguments.report is not None:
            run = results.read(arguments.report)
        else:
            driver = Driver(arguments.build)
            run = _simulate(driver, _make_plan(driver, _settings(arguments), arguments.variants), arguments.workers)
    except (ValueError, OSError) as error:
        print(f"reproduce: {error}", file=sys.stderr)
        return 2
    _write(run, arguments.output)
    if arguments.publish:
        _write(run, jobs.ROOT / "docs" / "results")
    report.print_bars(run)
    print(results.last_line(run))
    return int(any(bar.failed for bar in results.bars(run)))


if __name__ == "__main__":
    sys.exit(main())
