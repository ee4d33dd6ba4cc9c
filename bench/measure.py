"""One cell of the table (row, sampling, threads): all implementations in turn, repetition by repetition.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import gc
import random
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch

from bench import machine
from bench.check import Results, compare
from bench.implementations import Implementation, Operator
from bench.inputs import Inputs
from bench.workloads import Workload

PASSES = ("forward", "backward", "forward_backward")

# Calls on fewer samples than this are preceded by an untimed one, for every implementation of the cell alike: caches
# and threads are then as in a model that has just used them. Before larger ones something else is written to the
# caches, also for all alike: an implementation must not find warm what the one before it has read.
WARM_SAMPLES = 1_000_000
# Idle time before a call (seconds): threads of the implementation before it that still spin go to sleep (libgomp spins
# for about 5 ms, ONNX Runtime for less).
PAUSE = 0.008
# A repetition of a short call is a burst of calls that lasts this long (seconds); its median counts as one measurement.
# On a virtual machine the first one or two calls after the pause sometimes take 4 to 30 ms longer with two threads,
# whoever's they are: so a burst has this many calls at least, and no single one of them decides its length.
BURST = 0.010
BURST_CALLS = 7
# Fewer when even the fastest calls would take longer than this together (seconds): a stall is small beside those.
LONGEST_BURST = 0.100
# Of calls of a few microseconds, enough for a median.
MAX_BURST_CALLS = 200
MAX_REPETITIONS = 25
# Several times the last level cache that two cores have.
_DISPLACER = np.zeros(128 * 2**20 // 8)


@dataclass
class Timing:
    """Durations (seconds) of one pass of one implementation, one per repetition."""

    samples: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, float | int]:
        """Median and spread in milliseconds."""
        milliseconds = np.asarray(self.samples) * 1e3
        low, median, high = np.percentile(milliseconds, (25, 50, 75))
        return {
            "median_ms": float(median),
            "min_ms": float(milliseconds.min()),
            "max_ms": float(milliseconds.max()),
            "q1_ms": float(low),
            "q3_ms": float(high),
            "n": len(self.samples),
        }


@dataclass
class Entry:
    """What is known of one implementation in one cell; a record of the JSON output."""

    row: str
    problem: str
    sampling: str
    threads: int
    impl: str
    label: str
    dtype: str
    peer: bool
    status: str = "ok"  # ok, n/a, failed or mismatch
    reason: str = ""
    passes: dict[str, dict[str, Any]] = field(default_factory=dict)
    differences: dict[str, float] = field(default_factory=dict)
    others: float | None = None  # part of the CPUs that other processes used while the cell was measured

    def as_json(self) -> dict[str, Any]:
        """A dictionary of plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """How much to measure in a cell.

    Attributes
    ----------
    seconds
        How long the cell should take; it takes longer when slow calls need it.
    min_repetitions
        Least number of measurements; at least 5 for short calls, two less (but one) for calls of more than 10 s.
    warmed_up
        All implementations have run on this row and number of threads before: the call that checks the results is a
        measurement, too.
    """

    seconds: float
    min_repetitions: int
    warmed_up: bool = False


@dataclass
class _Contender:
    entry: Entry
    implementation: Implementation
    operator: Operator
    timings: dict[str, Timing] = field(default_factory=dict)

    def add(self, name: str, seconds: float) -> None:
        self.timings.setdefault(name, Timing()).samples.append(seconds)


_Repeat = Callable[[_Contender, bool], None]


def _train(operator: Operator) -> tuple[Results, float, float]:
    """One forward and backward call: results, seconds forward, seconds backward."""
    assert operator.function is not None
    leaves = [tensor.detach().requires_grad_() for tensor in operator.arguments]
    start = time.perf_counter()
    output = operator.function(*leaves)
    middle = time.perf_counter()
    gradients = torch.autograd.grad(output, leaves, operator.grad_output, allow_unused=True)
    end = time.perf_counter()
    return Results(output.detach(), gradients), middle - start, end - middle


def _infer(operator: Operator) -> tuple[Results, float]:
    start = time.perf_counter()
    output = operator.forward()
    end = time.perf_counter()
    return Results(output), end - start


def _enough(totals: list[float]) -> bool:
    """Whether calls that took this long (seconds) make a burst."""
    if len(totals) < BURST_CALLS:
        return len(totals) * min(totals) >= LONGEST_BURST
    return len(totals) == MAX_BURST_CALLS or sum(totals) >= BURST


def _burst(call: Callable[[], tuple[float, ...]], warm: bool) -> list[float]:
    """Median durations of the calls of a burst; one call when caches must be cold.

    The last of the durations that a call returns is that of the whole call.
    """
    time.sleep(PAUSE)
    if not warm:
        np.add(_DISPLACER, 1, out=_DISPLACER)
        return list(call())
    call()
    durations = [call()]
    while not _enough([one[-1] for one in durations]):
        durations.append(call())
    return [float(value) for value in np.median(np.asarray(durations), axis=0)]


def _repeat_forward(contender: _Contender, warm: bool) -> None:
    def call() -> tuple[float]:
        return (_infer(contender.operator)[1],)

    contender.add("forward", _burst(call, warm)[0])


def _repeat_training(contender: _Contender, warm: bool) -> None:
    def call() -> tuple[float, float, float]:
        forward, backward = _train(contender.operator)[1:]
        return forward, backward, forward + backward

    forward, backward, both = _burst(call, warm)
    _add_training(contender, forward, backward, both)


def _add_training(contender: _Contender, forward: float, backward: float, both: float) -> None:
    contender.add("backward", backward)
    contender.add("forward_backward", both)
    if contender.implementation.forward_from_training:
        contender.add("forward", forward)


def _results(operator: Operator) -> tuple[Results, dict[str, float]]:
    """Results of a call, copied out of what the implementation may use again, and its seconds by pass."""
    if operator.function is None:
        results, seconds = _infer(operator)
        return Results(results.output.clone()), {"forward": seconds}
    results, forward, backward = _train(operator)
    return results, {"forward": forward, "training": forward + backward, "backward": backward}


def _prepare(
    workload: Workload, sampling: str, threads: int, inputs: Inputs, implementations: list[Implementation]
) -> tuple[list[Entry], list[_Contender]]:
    entries: list[Entry] = []
    contenders: list[_Contender] = []
    problem = workload.problem
    for implementation in implementations:
        entry = Entry(
            workload.name,
            str(problem),
            sampling,
            threads,
            implementation.name,
            implementation.label,
            implementation.dtype,
            implementation.peer,
        )
        entries.append(entry)
        if reason := implementation.unable(problem):
            # A peer that is not installed is left out; without xmsda there is nothing to measure.
            entry.status, entry.reason = "n/a" if implementation.peer else "failed", reason
            continue
        try:
            operator = implementation.prepare(problem, inputs, threads)
        except Exception as error:  # a broken peer must not end the run of the others
            entry.status, entry.reason = "failed", f"{type(error).__name__}: {error}"
            continue
        contenders.append(_Contender(entry, implementation, operator))
    return entries, contenders


def _warm_up_and_check(
    workload: Workload, contenders: list[_Contender], warmed_up: bool, seconds: dict[str, dict[str, float]]
) -> None:
    """Call each once (compilation, thread pools), compare the results, note the durations."""
    expected: Results | None = None
    # A peer's results are what all others are compared with; xmsda's only when there is no other.
    for contender in sorted(contenders, key=lambda one: (not one.implementation.peer, not one.implementation.trains)):
        entry = contender.entry
        try:
            if contender.implementation.forward_from_training and not warmed_up:
                _train(contender.operator)  # compiles
            np.add(_DISPLACER, 1, out=_DISPLACER)
            results, seconds[entry.impl] = _results(contender.operator)
        except Exception as error:
            entry.status, entry.reason = "failed", f"{type(error).__name__}: {error}"
            traceback.print_exc()
            continue
        if expected is None:
            expected = results
        entry.differences, failures = compare(results, expected, workload.problem, contender.implementation.dtype)
        if failures:
            entry.status, entry.reason = "mismatch", "; ".join(failures)


def _count_the_checks(contenders: list[_Contender], seconds: dict[str, dict[str, float]]) -> None:
    """Take the calls that were checked as measurements; forward ones only where they ran as inference."""
    for contender in contenders:
        durations = seconds[contender.entry.impl]
        if contender.operator.function is None:
            contender.add("forward", durations["forward"])
        else:
            _add_training(contender, durations["forward"], durations["backward"], durations["training"])


def _least(seconds: float, plan: Plan) -> int:
    """Least number of measurements of a call that takes this long."""
    if seconds > 10:
        return max(1, plan.min_repetitions - 2)
    return max(5, plan.min_repetitions) if seconds < 0.3 else plan.min_repetitions


@dataclass
class _Job:
    """What to measure of one implementation.

    Attributes
    ----------
    counted
        The pass whose measurements are counted.
    cost
        Seconds of a repetition; those of the call that was checked until there was one.
    """

    contender: _Contender
    counted: str
    repeat: _Repeat
    least: int
    cost: float
    spent: float = 0.0
    repetitions: int = 0

    def due(self, part: float, share: float) -> bool:
        """Whether to repeat when this part of the rounds is to be done, in which this many seconds are its own."""
        done = len(self.contender.timings.get(self.counted, Timing()).samples)
        return done < part * self.least or self.spent + self.cost <= part * share

    def run(self, warm: bool) -> None:
        started = time.monotonic()
        self.repeat(self.contender, warm)
        self.spent += time.monotonic() - started
        self.repetitions += 1
        self.cost = self.spent / self.repetitions


def _schedule(
    contenders: list[_Contender], seconds: dict[str, dict[str, float]], plan: Plan, warm: bool, order: random.Random
) -> None:
    """Rounds, each in an order of its own, so that nobody is always first or always after the same one.

    A job that can not take part in all of them within its share of the time takes part in some, spread over all.
    """
    jobs: list[_Job] = []
    repeats: tuple[tuple[str, str, _Repeat], ...] = (
        ("forward", "forward", _repeat_forward),
        ("training", "backward", _repeat_training),
    )
    share = plan.seconds / max(1, 2 * len(contenders))
    for contender in contenders:
        durations = seconds[contender.entry.impl]
        for name, counted, repeat in repeats:
            if name not in durations or (name == "forward" and contender.implementation.forward_from_training):
                continue
            jobs.append(_Job(contender, counted, repeat, _least(durations[name], plan), durations[name]))
    for index in range(MAX_REPETITIONS):
        turn = [job for job in jobs if job.due((index + 1) / MAX_REPETITIONS, share)]
        order.shuffle(turn)
        for job in turn:
            job.run(warm)


def measure_cell(
    workload: Workload,
    sampling: str,
    threads: int,
    inputs: Inputs,
    implementations: list[Implementation],
    plan: Plan,
) -> list[Entry]:
    """Measure and check all implementations on one row, sampling pattern and number of threads."""
    torch.set_num_threads(threads)
    entries, contenders = _prepare(workload, sampling, threads, inputs, implementations)
    started = time.monotonic()
    seconds: dict[str, dict[str, float]] = {}
    _warm_up_and_check(workload, contenders, plan.warmed_up, seconds)
    contenders = [contender for contender in contenders if contender.entry.status in ("ok", "mismatch")]
    warm = workload.problem.samples < WARM_SAMPLES
    if plan.warmed_up and not warm:
        _count_the_checks(contenders, seconds)
    left = replace(plan, seconds=max(0.0, plan.seconds - (time.monotonic() - started)))
    order = random.Random(f"{workload.name} {sampling} {threads}")  # the same in every run
    gc.collect()
    gc.disable()
    busy = machine.busy()
    try:
        _schedule(contenders, seconds, left, warm, order)
    finally:
        gc.enable()
    others = machine.share_of_others(busy, machine.busy())
    for contender in contenders:
        timings = contender.timings
        contender.entry.others = others
        contender.entry.passes = {name: timings[name].summary() for name in PASSES if name in timings}
    return entries
