"""Random problems: whatever hypothesis thinks of, against grid_sample in float64.

SPDX-License-Identifier: Apache-2.0

A failure prints its Case, the repro line. The examples are the same in every run, except with LONG=1 (make test-long):
then the seed is a new one each time, and there are more of them. XMSDA_TEST_SEED fixes it.
"""

import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import xmsda
from hypothesis import HealthCheck, assume, given, seed, settings
from hypothesis import strategies as st
from problems import Case, assert_within, gradients, make_call, relative_error, tolerance
from xmsda import ms_deform_attn
from xmsda.reference import grid_sample_formulation

LONG = os.environ.get("LONG") == "1"
SEED = int(os.environ.get("XMSDA_TEST_SEED", secrets.randbelow(2**32) if LONG else 1))
SETTINGS = settings(
    max_examples=3000 if LONG else 150,
    deadline=None,
    database=None,  # examples of earlier runs would come before those of the seed
    suppress_health_check=list(HealthCheck),
)
# Past this the remaining examples are skipped, so that a slow machine does not hold up the others; but not below LEAST.
SECONDS = 300 if LONG else 60
LEAST = 50

side = st.integers(1, 9)
levels = st.lists(st.tuples(side, side), min_size=1, max_size=8).map(tuple)


@st.composite
def cases(draw: Any, methods: tuple[str, ...] = ("bilinear", "bilinear", "discrete")) -> Case:
    shapes = draw(levels)
    points = draw(
        st.one_of(st.integers(1, 9), st.lists(st.integers(0, 5), min_size=len(shapes), max_size=len(shapes)).map(tuple))
    )
    starts = None
    if draw(st.booleans()):
        starts = tuple(draw(st.integers(0, 40)) for _ in shapes)
    case = Case(
        batch=draw(st.integers(1, 3)),
        queries=draw(st.integers(1, 20)),
        heads=draw(st.integers(1, 4)),
        channels=draw(st.one_of(st.integers(1, 130), st.sampled_from([4, 8, 16, 32, 64]))),
        points=points,
        levels=shapes,
        starts=starts,
        method=draw(st.sampled_from(methods)),
        seed=draw(st.integers(0, 2**32 - 1)),
    )
    assume(sum(case.points_per_level) > 0)
    return case


@dataclass
class Budget:
    """What one test has spent."""

    started: float
    examples: int = 0

    def allows_another(self) -> bool:
        if self.examples >= LEAST and time.monotonic() - self.started > SECONDS:
            return False
        self.examples += 1
        return True


def run_examples(check: Callable[[Budget], None]) -> None:
    """Run a function of hypothesis; say how many examples really ran."""
    print(f"XMSDA_TEST_SEED={SEED}")  # pytest shows it when the test fails
    budget = Budget(time.monotonic())
    check(budget)
    print(f"{budget.examples} examples in {time.monotonic() - budget.started:.0f} s")
    assert budget.examples >= LEAST


def test_float64() -> None:
    run_examples(check_float64)


def test_lower_precision() -> None:
    run_examples(check_lower_precision)


def check_float64(budget: Budget) -> None:
    @seed(SEED)
    @SETTINGS
    @given(case=cases(), target=st.sampled_from(xmsda.targets()), layout=st.permutations([0, 1, 2, 3]))
    def check(case: Case, target: str, layout: list[int]) -> None:
        if not budget.allows_another():
            return
        call = make_call(case)
        back = sorted(range(4), key=layout.__getitem__)
        grad_output = torch.randn(case.batch, case.queries, case.heads * case.channels, dtype=torch.float64)
        exact, exact_grads = gradients(call, grid_sample_formulation, grad_output)
        call.value = call.value.permute(layout).contiguous().permute(back)
        with xmsda.use_target(target):
            output, grads = gradients(call, ms_deform_attn, grad_output)
            assert xmsda.last_target() == target
        assert relative_error(output, exact) <= 1e-12
        for grad, exact_grad in zip(grads, exact_grads, strict=True):
            assert (grad is None) == (exact_grad is None)
            if grad is not None and exact_grad is not None:
                # Locations on a level one pixel wide have gradients that cancel to nothing: 1 is the scale.
                scale = max(float(exact_grad.abs().amax()), 1.0)
                assert float((grad - exact_grad).abs().amax()) <= 1e-12 * scale

    check()


def check_lower_precision(budget: Budget) -> None:
    @seed(SEED)
    @SETTINGS
    @given(
        case=cases(methods=("bilinear",)),
        target=st.sampled_from(xmsda.targets()),
        dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float16]),
        float32_samples=st.booleans(),
    )
    def check(case: Case, target: str, dtype: torch.dtype, float32_samples: bool) -> None:
        if not budget.allows_another():
            return
        sample_dtype = torch.float32 if float32_samples else dtype
        call = make_call(case, margin=0.0, kink_free=False)
        # Odd multiples of 1/128: every dtype holds them, and times a side below 128 none is a pixel centre.
        call.sampling_locations = (call.sampling_locations * 63).round().add(0.5) / 64
        call = call.to(dtype, sample_dtype)
        grad_output = torch.randn(case.batch, case.queries, case.heads * case.channels).to(dtype)
        with xmsda.use_target(target):
            output, grads = gradients(call, ms_deform_attn, grad_output)
        exact_call = call.to(torch.float64, torch.float64)
        exact, exact_grads = gradients(exact_call, grid_sample_formulation, grad_output.double())
        bounds = tolerance(exact_call, grad_output.double(), dtype, sample_dtype)
        names = ["output", "grad_value", "grad_locations", "grad_weights"]
        assert_within(names, [output, *grads], [exact, *exact_grads], bounds)

    check()
