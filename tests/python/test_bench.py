"""The benchmark: its rows, that it finds wrong results, its arithmetic, and a run of it. No real time is asserted.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench import check, implementations, machine, measure, memory, problem, report, results, workloads
from bench.__main__ import main
from bench.implementations import Implementation, Operator
from bench.inputs import KINK_MARGIN, PATTERNS, make_inputs
from bench.workloads import WORKLOADS, Workload

NAMES = [one.name for one in implementations.IMPLEMENTATIONS]
# Compiling takes a minute on a busy machine; test_compiled covers it.
QUICK_NAMES = [name for name in NAMES if name != "compile"]
SMALL = {
    "uneven": Workload("uneven", "b2_q5_m2_d3_p3,6,3_f32_l8x6,4x3,2x2", "random", "test"),
    "discrete": Workload("discrete", "b2_q5_m2_d3_p2_f32_l8x8,4x4_discrete", "random", "test"),
    "pixels": Workload("pixels", "b1_q60_m2_d4_p2_f32_l8x6,4x3", "pixels", "test"),
}
FAST = measure.Plan(seconds=0, min_repetitions=1)


def need(name: str) -> Implementation:
    implementation = implementations.select([name])[0]
    if importlib.util.find_spec(implementation.module) is None:
        pytest.skip(f"{implementation.module} is not installed (requirements-bench.txt, requirements-peers.txt)")
    return implementation


def measure_names(workload: Workload, names: list[str], threads: int = 1) -> dict[str, measure.Entry]:
    inputs = make_inputs(workload, "local")
    chosen = implementations.select(names)
    entries = measure.measure_cell(workload, "local", threads, inputs, chosen, FAST)
    return {entry.impl: entry for entry in entries}


def test_rows_parse_and_print() -> None:
    assert len({workload.name for workload in WORKLOADS}) == len(WORKLOADS)
    for workload in WORKLOADS:
        parsed = workload.problem
        assert str(parsed) == workload.text
        assert workload.queries != "pixels" or parsed.queries == parsed.value_size, workload.name
    assert workloads.select(["detr-enc"])[0].problem.value_size == 22223
    assert workloads.select(["dfine-dec"])[0].problem.points == (3, 6, 3)


def test_rows_are_those_of_the_driver() -> None:
    source = (machine.ROOT / "src" / "testing" / "workloads.cc").read_text()
    theirs = dict(re.findall(r'\{"([a-z0-9-]+)",\s*"(b\d+_[^"]+)"', source))
    ours = {workload.name: workload.text for workload in WORKLOADS}
    assert len(theirs) > 10
    assert {name: ours.get(name) for name in theirs} == theirs


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("b1_q2", "expected levels"),
        ("b1_l4x4_z3", "got 'z3'"),
        ("p1,2_l4x4", "expected one number of points or 1, got 2"),
        ("b1_l4x4@3", "got 'l4x4@3'"),
    ],
)
def test_bad_problem_strings(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match="problem: expected") as error:
        problem.parse(text)
    assert complaint in str(error.value)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_inputs_keep_away_from_kinks(pattern: str) -> None:
    workload = SMALL["pixels"]
    inputs, again = make_inputs(workload, pattern), make_inputs(workload, pattern)
    assert torch.equal(inputs.locations, again.locations)
    assert torch.equal(inputs.value, inputs.value.to(torch.bfloat16).float())
    for index, (height, width) in enumerate(workload.problem.levels):
        level = inputs.locations[:, :, :, 2 * index : 2 * index + 2]
        pixels = level * torch.tensor([width, height]) - 0.5
        distance = (pixels - pixels.round()).abs()
        assert float(distance.min()) > 0.9 * KINK_MARGIN


def test_patterns_sample_where_they_say() -> None:
    workload = workloads.select(["m2f-enc"])[0]
    outside = make_inputs(workload, "outside").locations
    share = ((outside < 0) | (outside > 1)).any(-1).float().mean()
    assert 0.45 < float(share) < 0.55
    local = make_inputs(workload, "local").locations
    size = workload.problem.levels[-1][1]
    own = local[0, -size * size :, :, -1] * size - torch.arange(size * size).remainder(size)[:, None, None] - 0.5
    assert 1.9 < float(own[..., 0].std()) < 2.1


@pytest.mark.parametrize("row", ["mmcv-unit", *SMALL])
@pytest.mark.parametrize("name", [name for name in QUICK_NAMES if name != "grid_sample"])
def test_every_implementation_agrees(row: str, name: str) -> None:
    need(name)
    workload = SMALL[row] if row in SMALL else workloads.select([row])[0]
    entries = measure_names(workload, [name, "grid_sample"], threads=2)
    entry = entries[name]
    if name == "tmda" and row in ("uneven", "discrete"):
        assert entry.status == "n/a"
        assert entry.reason
        return
    assert entry.status == "ok", entry.reason
    trains = implementations.select([name])[0].trains
    assert set(entry.passes) == ({"forward", "backward", "forward_backward"} if trains else {"forward"})
    compared = {"output"}
    if trains:
        compared |= {"grad_value", "grad_weights"} | (set() if row == "discrete" else {"grad_locations"})
    assert set(entry.differences) == compared


@pytest.mark.slow
def test_compiled() -> None:
    entry = measure_names(SMALL["uneven"], ["compile", "grid_sample"])["compile"]
    assert entry.status == "ok", entry.reason
    assert set(entry.passes) == {"forward", "backward", "forward_backward"}


def wrong(scale_output: float, scale_gradient: float) -> Implementation:
    """grid_sample with an output or gradients that are off."""
    right = implementations.select(["grid_sample"])[0]

    def prepare(which: problem.Problem, inputs: Any, threads: int) -> Operator:
        operator = right.prepare(which, inputs, threads)
        assert operator.function is not None
        inner = operator.function

        def function(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
            output = inner(value, locations, weights)
            return scale_gradient * output + (scale_output - scale_gradient) * output.detach()

        return replace(operator, function=function)

    return replace(right, name="wrong", label="wrong", prepare=prepare, peer=False)


@pytest.mark.parametrize(
    ("scales", "complaint"), [((1.001, 1.0), "output: expected within"), ((1.0, 1.001), "grad_value: expected within")]
)
def test_wrong_results_are_found(scales: tuple[float, float], complaint: str) -> None:
    workload = SMALL["pixels"]
    chosen = [wrong(*scales), *implementations.select(["grid_sample"])]
    entries = measure.measure_cell(workload, "local", 1, make_inputs(workload, "local"), chosen, FAST)
    assert entries[0].status == "mismatch"
    assert complaint in entries[0].reason
    assert entries[1].status == "ok"
    assert len(results.Run(entries=entries).broken()) == 1


def test_one_that_fails_does_not_end_the_run() -> None:
    def prepare(*_: Any) -> Operator:
        raise RuntimeError("no such thing")

    chosen = [replace(wrong(1, 1), prepare=prepare), *implementations.select(["grid_sample"])]
    workload = SMALL["pixels"]
    entries = measure.measure_cell(workload, "local", 1, make_inputs(workload, "local"), chosen, FAST)
    assert (entries[0].status, entries[0].reason) == ("failed", "RuntimeError: no such thing")
    assert entries[1].status == "ok"


def test_a_missing_package_excuses_a_peer_only() -> None:
    missing = replace(wrong(1, 1), module="no_such_package")
    workload = SMALL["pixels"]
    chosen = [missing, replace(missing, name="other", peer=True)]
    entries = measure.measure_cell(workload, "local", 1, make_inputs(workload, "local"), chosen, FAST)
    assert [entry.status for entry in entries] == ["failed", "n/a"]
    assert "no_such_package can not be imported" in entries[0].reason


def test_shape_mismatch_and_nan_are_found() -> None:
    one = check.Results(torch.ones(3))
    what = SMALL["pixels"].problem
    assert "shape" in check.compare(check.Results(torch.ones(2)), one, what, "f32")[1][0]
    assert check.compare(check.Results(torch.full((3,), float("nan"))), one, what, "f32")[1]
    assert not check.compare(one, one, what, "f32")[1]


def fake_rates() -> dict[str, Any]:
    speed = {
        "l1_vector_loads_per_s": 8e9,
        "broadcasts_per_s": 8e9,
        "vector_fmas_per_s": 8e9,
        "l2_bytes_per_s": 2e11,
        "memory_read_bytes_per_s": 2e10,
        "memory_triad_bytes_per_s": 4e10,
    }
    return {"last_level_bytes": 2**25, "target": "fake", "vector_bytes": 64, "1": speed, "2": speed}


def test_bound_by_hand() -> None:
    which = workloads.select(["detr-enc"])[0].problem
    samples = 22223 * 8 * 16
    forward = machine.bound(which, "forward", "f32", fake_rates(), 1)
    # 8 loads and 4 broadcasts a sample, 8 multiply-adds.
    assert forward["l1_ms"] == pytest.approx(samples * 12 / 8e9 * 1e3)
    assert forward["fma_ms"] == pytest.approx(samples * 8 / 8e9 * 1e3)
    moved = 2 * 22223 * 256 * 4 + samples * 12
    assert machine.memory_bytes(which, "forward", "f32") == moved
    assert forward["memory_ms"] == pytest.approx((moved - 2**25) / 4e10 * 1e3)
    assert (forward["limit"], forward["bound_ms"]) == ("l1", forward["l1_ms"])
    backward = machine.bound(which, "backward", "f32", fake_rates(), 1)
    assert backward["fma_ms"] == pytest.approx(samples * 16 / 8e9 * 1e3)
    assert backward["limit"] == "fma"
    both = machine.bound(which, "forward_backward", "f32", fake_rates(), 1)
    assert both["bound_ms"] == pytest.approx(forward["bound_ms"] + backward["bound_ms"])
    assert machine.bound(which, "forward", "bf16", fake_rates(), 1)["l1_ms"] == pytest.approx(samples * 8 / 8e9 * 1e3)


def entry_of(row: str, impl: str, forward: float, threads: int = 1) -> measure.Entry:
    implementation = implementations.select([impl])[0]
    text = workloads.select([row])[0].text
    timing = measure.Timing([forward, forward, forward]).summary()
    passes = {name: dict(timing) for name in measure.PASSES}
    label, dtype, peer = implementation.label, implementation.dtype, implementation.peer
    return measure.Entry(row, text, "local", threads, impl, label, dtype, peer, passes=passes)


def test_bars_by_hand() -> None:
    run = results.Run(rates=fake_rates())
    for row, ours in (("detr-enc", 0.030), ("detr-dec", 0.002)):
        run.entries += [entry_of(row, "xmsda", ours), entry_of(row, "grid_sample", 0.9), entry_of(row, "tmda", 0.006)]
    run.entries.append(entry_of("detr-enc", "xmsda", 0.020, threads=2))
    run.entries.append(entry_of("detr-enc", "xmsda-bf16", 0.020))
    run.memory.append({"row": "detr-enc", "impl": "xmsda", "threads": 2, "extra_mb": 65.0})
    found = {bar.text: bar for bar in results.bars(run)}
    first = found["detr-enc local, 1 thread, forward, over grid_sample"]
    assert (first.measured, first.verdict) == (pytest.approx(30), "missed")
    assert found["detr-enc local, 2 threads over 1, the worse of both passes"].measured == pytest.approx(1.5)
    assert found["detr-enc local, 1 thread, forward, bf16 over fp32"].verdict == "met"
    assert found["detr-enc local, 1 thread, forward, over OpenVINO"].verdict == "not measured"
    worst = found["every row, every pass, over the best peer, worst cell"]
    assert worst.measured == pytest.approx(0.2)
    assert worst.detail.startswith("detr-enc local, 1 thread")
    decoders = found["detr-dec, dino-dec, rtdetr-dec, rtdetrv2-dec, rfdetr-dec: forward over the best peer, worst cell"]
    assert decoders.measured == pytest.approx(3)
    peak = next(bar for text, bar in found.items() if "peak memory" in text)
    assert peak.verdict == "missed"
    assert len(results.below(run, 2)) == 3


def test_wrong_results_are_no_peers() -> None:
    run = results.Run(rates=fake_rates())
    ours, slow, wrong, compiled = (
        entry_of("detr-dec", impl, seconds)
        for impl, seconds in (("xmsda", 0.002), ("grid_sample", 0.9), ("tmda", 0.003), ("compile", 0.5))
    )
    run.entries = [ours, slow, wrong, compiled]
    cell = ("detr-dec", "local", 1)
    assert run.best_peer(*cell, "backward") == ("tmda", pytest.approx(3))
    wrong.status = "mismatch"
    assert run.best_peer(*cell, "backward") == ("compile", pytest.approx(500))
    assert run.best_peer(*cell, "forward_backward") == ("compile", pytest.approx(500))
    assert run.best_peer(*cell, "forward") == ("compile", pytest.approx(500))
    assert run.over(*cell, "forward", "tmda") is None
    assert run.over(*cell, "forward") == pytest.approx(250)
    ours.status = "mismatch"
    assert run.over(*cell, "forward") is None
    assert run.fraction_of_bound(ours, "forward") is None
    assert not any(bar.measured for bar in results.bars(run))


def test_spread_of_too_few_measurements_is_not_shown() -> None:
    entry = entry_of("detr-dec", "xmsda", 0.002)
    assert report._time(entry, "forward") == "2 ±0%"
    entry.passes["forward"] = measure.Timing([0.002]).summary()
    assert report._time(entry, "forward") == "2 (n=1)"
    entry.status = "mismatch"
    assert report._time(entry, "forward") == "2 (n=1) mismatch"


def test_ratios_of_times_that_spread_are_marked() -> None:
    run = results.Run(machine={**machine.describe(), "cpus": 2})
    run.entries = [entry_of("detr-dec", "xmsda", 0.002), entry_of("detr-dec", "tmda", 0.003)]
    cell = ("detr-dec", "local", 1)
    run.entries[0].passes["forward"] = measure.Timing([0.002, 0.002, 0.002, 0.008, 0.008]).summary()
    assert run.uncertain(*cell, "forward")
    assert not run.uncertain(*cell, "backward")
    assert [line[-2] for line in report.table_lines(run, "local", 1)[1]] == ["1.50x? (tmda)", *["1.50x (tmda)"] * 2]
    assert [line.endswith("uncertain") for line in results.below(run, 2)].count(True) == 1
    assert "Other processes" not in report.markdown_report(run, [])


@pytest.mark.parametrize(
    ("threads", "others", "uncertain"), [(1, 0.3, False), (1, 0.45, True), (2, 0.05, False), (2, 0.2, True)]
)
def test_ratios_from_a_crowded_machine_are_marked(threads: int, others: float, uncertain: bool) -> None:
    run = results.Run(machine={**machine.describe(), "cpus": 2})
    run.entries = [entry_of("detr-dec", "xmsda", 0.002, threads), entry_of("detr-dec", "tmda", 0.003, threads)]
    for entry in run.entries:
        entry.others = others
    assert run.uncertain("detr-dec", "local", threads, "forward") == uncertain
    line = f"Other processes used {others * 100:.0f} to {others * 100:.0f} % of the CPUs meanwhile"
    ending = "." if others < 0.1 else ": measure again on an idle machine."
    assert f"{line}{ending}\n" in report.markdown_report(run, [])


def test_share_of_other_processes() -> None:
    cpus = os.cpu_count() or 1
    start = machine.Busy(100, 10, 0)
    assert machine.share_of_others(start, machine.Busy(100 + 8 * cpus, 10 + 3 * cpus, 10)) == pytest.approx(0.5)
    assert machine.share_of_others(start, machine.Busy(100.01, 10.02, 10)) == 0
    assert machine.share_of_others(None, start) is None
    before = machine.busy()
    torch.ones(2000, 2000) @ torch.ones(2000, 2000)
    after = machine.busy()
    assert before is not None
    assert after is not None
    assert after.own > before.own


class FakeTime:
    """Stands for the module `time`: nothing takes time but pauses and the calls of fake_implementation."""

    def __init__(self) -> None:
        self.now = 0.0
        self.since_pause = -1
        self.calls: list[tuple[str, int]] = []

    def perf_counter(self) -> float:
        return self.now

    monotonic = perf_counter

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.since_pause = 0

    def call(self, name: str, seconds: float, stalled: tuple[int, ...]) -> None:
        self.calls.append((name, self.since_pause))
        self.now += seconds + (0.030 if self.since_pause in stalled else 0.0)
        self.since_pause += 1


@pytest.fixture
def fake_time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr(measure, "time", fake)
    return fake


def fake_implementation(fake: FakeTime, name: str, seconds: float, stalled: tuple[int, ...] = ()) -> Implementation:
    """Calls of `seconds`; 30 ms more when they are the n-th after a pause, for n in `stalled` (-1: the very first)."""

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, value: Tensor) -> Tensor:
            fake.call(name, seconds, stalled)
            return value.clone()

        @staticmethod
        def backward(ctx: Any, *grads: Tensor) -> Tensor:
            fake.now += 2 * seconds
            return grads[0]

    def prepare(which: problem.Problem, inputs: Any, threads: int) -> Operator:
        del which, threads
        arguments = (inputs.value, inputs.locations, inputs.weights)

        def function(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
            del locations, weights
            return Function.apply(value)

        def forward() -> Tensor:
            with torch.no_grad():
                return function(*arguments)

        return Operator(forward, function, arguments, inputs.value)

    return replace(implementations.select(["xmsda"])[0], name=name, prepare=prepare, module="torch")


def measure_fakes(chosen: list[Implementation], seconds: float, least: int = 2) -> dict[str, measure.Entry]:
    workload = SMALL["pixels"]
    inputs = make_inputs(workload, "local")
    entries = measure.measure_cell(workload, "local", 1, inputs, chosen, measure.Plan(seconds, least))
    assert [entry.status for entry in entries] == ["ok"] * len(chosen)
    return {entry.impl: entry for entry in entries}


@pytest.mark.parametrize("stalled", [(0,), (1,), (0, 1), (1, 2)])
@pytest.mark.parametrize("seconds", [5e-6, 1e-4, 2e-3, 6e-3])
def test_stalls_after_a_pause_are_not_measured(fake_time: FakeTime, seconds: float, stalled: tuple[int, ...]) -> None:
    found = measure_fakes([fake_implementation(fake_time, "stalls", seconds, stalled)], 0)["stalls"].passes
    for name, factor in (("forward", 1), ("backward", 2), ("forward_backward", 3)):
        assert found[name]["median_ms"] == pytest.approx(factor * seconds * 1e3)
        assert found[name]["max_ms"] == pytest.approx(factor * seconds * 1e3), name


def forward_only(implementation: Implementation) -> Implementation:
    return replace(implementation, prepare=lambda *args: replace(implementation.prepare(*args), function=None))


@pytest.mark.parametrize(("seconds", "calls"), [(2.0, 1), (0.040, 3), (0.012, 7), (1e-3, 10), (1e-6, 200)])
def test_long_calls_are_not_repeated(fake_time: FakeTime, seconds: float, calls: int) -> None:
    entry = measure_fakes([forward_only(fake_implementation(fake_time, "slow", seconds))], 0)["slow"]
    # One call that is checked; one in each burst that is not timed.
    assert len(fake_time.calls) == 1 + entry.passes["forward"]["n"] * (1 + calls)


@pytest.mark.parametrize(
    ("seconds", "share", "count"),
    # A repetition takes the pause, an untimed call and 10 ms, seven calls or one call.
    [(1e-4, 2, 25), (0.01, 2, 22), (0.01, 0, 5), (0.2, 0, 5), (0.5, 2, 3), (0.5, 10, 9), (5.0, 2, 3), (20.0, 2, 1)],
)
def test_number_of_repetitions(fake_time: FakeTime, seconds: float, share: float, count: int) -> None:
    # The call that is checked stalls: that decides nothing.
    chosen = [forward_only(fake_implementation(fake_time, "one", seconds, stalled=(-1,)))]
    plan_seconds = seconds + 0.030 + 2 * share
    assert measure_fakes(chosen, plan_seconds, 3)["one"].passes["forward"]["n"] == count


def test_order_changes_from_round_to_round(fake_time: FakeTime) -> None:
    names = ["one", "two", "three"]

    def orders() -> list[str]:
        fake_time.calls, fake_time.since_pause = [], 1
        measure_fakes([fake_implementation(fake_time, name, 1e-3) for name in names], 60)
        return [name for name, since_pause in fake_time.calls if since_pause == 0]

    first = orders()
    assert len(first) == len(names) * 2 * measure.MAX_REPETITIONS
    rounds = [first[start : start + 6] for start in range(0, len(first), 6)]
    assert all(sorted(turn) == sorted(names * 2) for turn in rounds)
    for place in range(6):
        assert {turn[place] for turn in rounds} == set(names)
    assert orders() == first


def run_main(tmp_path: Path, *more: str) -> tuple[int, dict[str, Any]]:
    output = tmp_path / "bench"
    names = [name for name in QUICK_NAMES if importlib.util.find_spec(implementations.select([name])[0].module)]
    arguments = ["--rows", "mmcv-unit", "--impl", ",".join(names), "--sampling", "local,uniform", "--minutes", "0.01"]
    code = main([*arguments, "--no-memory", "--output", str(output), *more])
    return code, json.loads((output / "cpu.json").read_text())


def test_run_writes_its_files(tmp_path: Path) -> None:
    code, data = run_main(tmp_path)
    assert code == 0
    assert set(data) == {"schema", "machine", "rates", "entries", "memory", "bars"}
    assert data["schema"] == results.SCHEMA
    assert {(entry["sampling"], entry["threads"]) for entry in data["entries"]} == {
        ("local", 1),
        ("local", 2),
        ("uniform", 1),
        ("uniform", 2),
    }
    ours = next(entry for entry in data["entries"] if entry["impl"] == "xmsda")
    assert set(ours["passes"]["forward"]) == {"median_ms", "min_ms", "max_ms", "q1_ms", "q3_ms", "n"}
    assert {"l1_vector_loads_per_s", "vector_fmas_per_s", "l2_bytes_per_s"} <= set(data["rates"]["2"])
    assert ours["bounds"]["forward"]["bound_ms"] > 0
    assert all(bar["verdict"] in ("met", "missed", "not measured") for bar in data["bars"])
    output = tmp_path / "bench"
    page = (output / "cpu.md").read_text()
    assert "| mmcv-unit | fwd |" in page
    for name in ("cpu-speedup.png", "cpu-bound.png"):
        assert (output / name).read_bytes().startswith(b"\x89PNG")
        assert f"({name})" in page
    # The file alone gives the same page.
    assert main(["--report", str(output / "cpu.json"), "--output", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again" / "cpu.md").read_text() == page


def test_enforce_fails_on_a_missed_bar(tmp_path: Path) -> None:
    run = results.Run(machine=machine.describe())
    run.entries = [entry_of("mmcv-unit", "xmsda", 2e-5), entry_of("mmcv-unit", "tmda", 1e-5)]
    run.save(tmp_path / "slow.json")
    arguments = ["--report", str(tmp_path / "slow.json"), "--output", str(tmp_path)]
    assert main(arguments) == 0
    assert main([*arguments, "--enforce"]) == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--rows", "nothing"], "rows: expected names among"),
        (["--impl", "nothing"], "impl: expected names among"),
        (["--sampling", "nothing"], "sampling: expected one of"),
        (["--threads", "0"], "threads: expected positive numbers"),
        (["--report", "nothing.json"], "nothing.json"),
    ],
)
def test_wrong_arguments(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_memory_counts_intermediates() -> None:
    eager = memory.measure("rtdetr-dec", need("grid_sample"), 1)
    sampled = 300 * 8 * 12 * 32 * 4  # queries, heads, samples, channels, bytes
    assert eager["extra_mb"] * 1e6 > sampled
    value = 8400 * 8 * 32 * 4
    samples = 300 * 8 * 12 * 3 * 4
    assert eager["returned_mb"] * 1e6 == value + samples + 300 * 8 * 32 * 4
