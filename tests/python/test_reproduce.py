"""The reproduction: what it simulates, its arithmetic, how it judges the bars, its page; and one real simulation.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.ascend import jobs, plots, report, results
from bench.ascend.__main__ import main
from bench.ascend.jobs import CHIPS, PASSES, Driver, Job, Outcome
from bench.ascend.plan import CONSTANTS, QUICK, ROWS, SAMPLINGS, Ablation, Cell, Plan, Settings, problem_of, text_of
from bench.ascend.results import Bar, Run

ROOT = jobs.ROOT
# Microseconds of a thousand samples of the whole chip, forward; backward takes the double. And what does not depend on
# them.
COSTS = {"resident": 0.2, "library": 0.9, "library-db": 0.6, "grid-sample": 3.0}
FIXED = 20.0
TINY = "b1_q40_m2_d16_p2_f16_locf32_l8x6,4x3"
KERNEL = {"kernel": "k", "bound": "V", "busy": 0.8, "next": "S", "next_busy": 0.5, "bytes": {"L2 to UB": 1000}}


def simulate(job: Job) -> Outcome:
    """A chip on which the time is linear in the samples."""
    time = FIXED + 1000 * job.samples * COSTS[job.variant] * (2 if job.pass_name == "backward" else 1)
    if job.chip == CHIPS[1]:
        time *= 1.25
    return Outcome(
        job, "ok", seconds=1, microseconds=time, chosen=job.variant, kernels=[KERNEL | {"microseconds": time}]
    )


def make_plan(settings: Settings = QUICK, variants: tuple[str, ...] = tuple(COSTS)) -> Plan:
    table = {
        one.names[0]: {"value": 1.0, "unit": "cycles", "certainty": "assumed", "source": "x"}
        for one in CONSTANTS
        if "*" not in one.names[0]
    }
    plan = Plan(settings, variants, [Ablation("switch", "resident", "resident", "some-switch")], table=table)
    for problem, setting in plan.choice_problems():
        for name in PASSES:
            plan.choices[problem, setting, name] = "resident"
    return plan


def accuracy(variant: str, rms: float, over_bound: float = 0.5) -> dict[str, Any]:
    array = {"array": "output", "error_over_bound": over_bound, "rms_error": rms, "rms_expected": 1.0}
    return {"variant": variant, "problem": TINY, "sampling": "local", "status": "ok", "reason": "", "arrays": [array]}


def make_run(settings: Settings = QUICK, variants: tuple[str, ...] = tuple(COSTS)) -> Run:
    plan = make_plan(settings, variants)
    outcomes = jobs.run_jobs(plan.jobs(), 2, lambda outcome: None, simulate)
    scatter = [{"order": "apart", "cores": cores, "gb_per_s": 10.0 * cores} for cores in (1, 48)]
    micro = {chip: {"ub_gather": 850.0, "gm_gather": 107.0, "scatter": scatter} for chip in CHIPS}
    facts = {"commit": "abc", "seconds": "1", "workers": "2"}
    return Run(plan, {one.job: one for one in outcomes}, [accuracy("auto", 1), accuracy("library", 1)], micro, facts)


def bar(run: Run, text: str) -> Bar:
    (found,) = [one for one in results.bars(run) if one.text == text]
    return found


def test_rows_and_their_samples() -> None:
    job = Job(text_of(problem_of("detr-enc")), "local", "resident", "forward")
    assert job.problem.startswith("b1_q22223_m8_d32_p4_f16_") and job.problem.endswith("_locf32")
    assert job.samples == pytest.approx(problem_of("detr-enc").samples / 1e6)
    uneven = Job("b2_q5_m3_d4_p3,6,3_f16_l8x6,4x3,2x2_locf32", "local", "x", "forward")
    assert (uneven.samples, uneven.queries) == (pytest.approx(2 * 5 * 3 * 12 / 1e6), 5)


def test_shares_give_all_cores_the_same() -> None:
    plan = make_plan(Settings())
    for row in ROWS:
        problem = problem_of(row)
        first, second = plan.smaller_shares(row)
        assert second == 2 * first
        for tile in (32, 48, 64):
            assert problem.batch * problem.heads * first % (48 * tile) == 0, (row, tile)
    assert plan.shares("detr-dec", "local") == (300,)
    assert plan.shares("detr-enc", "local") == (22223,)
    assert len(plan.shares("detr-enc", "uniform")) == 2


def test_forward_is_simulated_once_for_both_sets() -> None:
    plan = make_plan(Settings())
    cell = Cell("detr-dec", "local", CHIPS[1], "library", "forward")
    assert plan.job(cell).chip == CHIPS[0]
    assert plan.job(replace(cell, pass_name="backward")).chip == CHIPS[1]
    assert len(plan.jobs()) == len(set(plan.jobs()))


def test_auto_is_what_the_whole_problem_takes() -> None:
    plan = make_plan()
    plan.choices[text_of(problem_of("detr-enc")), "", "forward"] = "library-db"
    cell = Cell("detr-enc", "local", CHIPS[0], "auto", "forward")
    assert {job.variant for job in plan.cell_jobs(cell)} == {"library-db"}


def test_times_from_shares_are_those_of_the_whole() -> None:
    run = make_run()
    cell = Cell("detr-enc", "local", CHIPS[0], "resident", "backward")
    number = run.number(cell)
    samples = problem_of("detr-enc").samples / 1000
    assert number is not None and number.share < 0.2
    assert number.microseconds == pytest.approx(FIXED + samples * COSTS["resident"] * 2)
    assert number.gb_per_s == pytest.approx(1000 / simulate(run.plan.cell_jobs(cell)[-1]).microseconds * 1e-3)
    whole = make_run(Settings(rows=("detr-enc", "detr-dec"), samplings=("local",), constants=()))
    assert [error for _, _, _, error in whole.share_errors()] == pytest.approx([0] * 8)
    assert whole.uncertain() == set()


def test_speedups_and_the_last_line() -> None:
    run = make_run()
    cell = Cell("detr-enc", "local", CHIPS[0], "auto", "training")
    samples = problem_of("detr-enc").samples / 1000
    expected = (2 * FIXED + 3 * samples * 0.9) / (2 * FIXED + 3 * samples * 0.2)
    assert run.over(cell, "library") == pytest.approx(expected)
    over = run.judged("library", "training")
    # The second set makes both sides slower alike, but not the forward pass: the encoder is best in either.
    assert over is not None and over[1] == "detr-enc, local" and over[0] <= expected
    assert results.last_line(run).startswith("reproduce: over grid-sample ")
    assert results.last_line(run).count(",") == 2 and " - " not in results.last_line(run)


def test_bars_are_judged() -> None:
    run = make_run()
    assert bar(run, "auto over library, forward").verdict == "met"
    assert bar(run, "auto over grid-sample, forward").verdict == "met"
    assert bar(run, "auto over library-db, decoders, never below").measured == pytest.approx(1.5, rel=0.5)
    assert bar(run, "reports of broken rules").verdict == "met"
    assert bar(run, "wall time of detr-enc, forward, strict").verdict == "not run"
    run.accuracy = [accuracy("auto", 1.1), accuracy("library", 1.0)]
    assert bar(run, "auto, fp16: rms error over library's").verdict == "missed"
    run.accuracy = [accuracy("auto", 1.0, over_bound=1.5), accuracy("library", 1.0)]
    assert bar(run, "auto, fp16: largest error over its bound").verdict == "missed"
    run.micro[CHIPS[0]]["gm_gather"] = 120.0
    assert bar(run, "GM gather, off the paper's 106 GB/s").verdict == "missed"
    broken = next(iter(run.outcomes))
    run.outcomes[broken] = Outcome(broken, "broken", "race-raw")
    assert bar(run, "reports of broken rules").failed


def test_a_missing_baseline_is_missing() -> None:
    run = make_run(variants=("resident", "library"))
    found = bar(run, "auto over grid-sample, forward")
    assert (found.verdict, found.failed) == ("missing", True)
    assert "over grid-sample - - -" in results.last_line(run)
    assert "Missing baselines of this build: grid-sample, library-db" in report.markdown_report(run, [])


def test_tornado_moves_with_the_constant() -> None:
    run = make_run()
    for job, outcome in run.outcomes.items():
        if "dma.issue=33" in job.set and job.variant == "library":
            outcome.microseconds *= 2
    found = {(one.label, base, name): dict(points) for one, base, name, points, _ in run.tornado()}
    moved = found["issue of a copy, cycles", "library", "forward"]
    assert moved[33] == pytest.approx(2 * moved[18])
    assert found["issue of a copy, cycles", "library-db", "forward"][33] == pytest.approx(
        moved[18] * 0.6 / 0.9, rel=0.1
    )


def test_constants_of_many_names_are_scaled() -> None:
    table = {
        "vector.Add.any.latency": {"value": 18.0},
        "cast.any.latency": {"value": 17.0},
        "dma.latency": {"value": 1.0},
    }
    (interval,) = [one for one in CONSTANTS if len(one.names) > 1]
    assert interval.setting(2, table) == "vector.Add.any.latency=36,cast.any.latency=34"


def test_file_page_and_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run()
    run.write(tmp_path / "run.json")
    again = results.read(tmp_path / "run.json")
    assert results.last_line(again) == results.last_line(run)
    assert again.plan.jobs() == run.plan.jobs()
    assert main(["--report", str(tmp_path / "run.json"), "--output", str(tmp_path)]) == int(
        any(one.failed for one in results.bars(run))
    )
    assert capsys.readouterr().out.splitlines()[-1] == results.last_line(run)
    page = (tmp_path / "ascend.md").read_text()
    assert "**Everything here is simulated.**" in page and "What to check first on a device" in page
    for name in plots.PICTURES:
        assert f"({name}.png)" in page and (tmp_path / f"{name}.png").stat().st_size > 1000
    run.micro[CHIPS[0]]["gm_gather"] = 120.0
    run.write(tmp_path / "run.json")
    assert main(["--report", str(tmp_path / "run.json"), "--output", str(tmp_path)]) == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--rows", "detr"], "rows: expected one of detr-enc"),
        (["--sampling", "here"], "sampling: expected one of local"),
        (["--workers", "0"], "workers: expected a positive number, got 0"),
        (["--report", "/nowhere.json"], "/nowhere.json"),
    ],
)
def test_bad_options(words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert complaint in capsys.readouterr().err


def test_output_of_the_driver_is_understood() -> None:
    kernels = [KERNEL | {"microseconds": 3.0}, KERNEL | {"kernel": "main", "microseconds": 9.0}]
    text = json.dumps({"passes": [{"pass": "backward", "microseconds": 12.0, "cycles": 1.0, "kernels": kernels}]})
    job = Job(TINY, "local", "resident", "backward")
    outcome = jobs.parse_output(job, text)
    assert (outcome.status, outcome.microseconds, outcome.main_kernel()["kernel"]) == ("ok", 12.0, "main")
    assert jobs.parse_output(replace(job, pass_name="forward"), text).status == "n/a"
    assert Outcome.from_json(outcome.as_json()) == outcome
    twice = jobs.by_name(
        [*kernels, KERNEL | {"microseconds": 1.0, "bound": "S", "bytes": {"UB to UB": 5, "atomic": 7}}]
    )
    (first,) = [one for one in twice if one["kernel"] == "k"]
    assert (first["microseconds"], first["bytes"], first["bound"]) == (4.0, {"memory": 1007}, "V")


@pytest.fixture(scope="module")
def driver() -> Driver:
    """The programs of a build with the simulator."""
    for preset in ("reproduce", "release", "dev", "dev-fast"):
        folder = ROOT / "build" / preset
        if (folder / "xmsda").exists() and Driver(folder).list().get("comparisons"):
            return Driver(folder)
    pytest.skip("no build of the driver with the simulator (cmake --preset reproduce)")


def test_a_real_simulation(driver: Driver) -> None:
    job = Job(TINY, "local", "resident", "backward")
    outcome = driver.simulate(job)
    assert outcome.status == "ok", outcome.reason
    assert outcome.microseconds > 0 and sum(outcome.main_kernel()["bytes"].values()) > 0
    assert outcome.chosen == "resident"
    strict = driver.simulate(replace(job, strict=True))
    assert strict.microseconds == outcome.microseconds
    forward = replace(job, pass_name="forward")
    times = [driver.simulate(replace(forward, chip=chip)).microseconds for chip in CHIPS]
    assert times[0] == times[1] and math.isfinite(times[0])


def test_what_the_driver_refuses_is_not_simulated(driver: Driver) -> None:
    unknown = driver.simulate(Job(TINY, "local", "resident", "forward", ablate="nothing"))
    assert unknown.status == "n/a" and unknown.reason
    assert driver.simulate(Job(TINY, "local", "nobody", "forward")).reason.startswith("variant: expected one of")


def test_auto_runs_what_was_chosen(driver: Driver) -> None:
    for name in PASSES:
        chosen = driver.choice(TINY, "")[name]
        auto = driver.simulate(Job(TINY, "local", "auto", name))
        named = driver.simulate(Job(TINY, "local", chosen, name))
        assert (auto.chosen, auto.microseconds) == (chosen, named.microseconds)


def test_accuracy_of_the_driver(driver: Driver) -> None:
    record = driver.accuracy(TINY, SAMPLINGS[0], "resident")
    assert record["status"] == "ok" and record["arrays"][0]["array"] == "output"
    assert 0 < record["arrays"][0]["rms_error"] < 0.01 * record["arrays"][0]["rms_expected"]
    assert driver.accuracy(TINY, SAMPLINGS[0], "grid-sample")["status"] == "n/a"
