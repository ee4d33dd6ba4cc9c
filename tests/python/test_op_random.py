"""Random problems: whatever hypothesis thinks of, against grid_sample in float64.

SPDX-License-Identifier: Apache-2.0

The examples are the same in every run (derandomize); a failure prints its Case, the repro line.
"""

import time
from typing import Any

import torch
import xmsda
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from problems import Case, assert_within, gradients, make_call, relative_error, tolerance
from xmsda import ms_deform_attn
from xmsda.reference import grid_sample_formulation

SETTINGS = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
# Past this the remaining examples pass unseen, so that a slow machine does not hold up the others.
SECONDS = 60

side = st.integers(1, 9)
levels = st.lists(st.tuples(side, side), min_size=1, max_size=8).map(tuple)


@st.composite
def cases(draw: Any) -> Case:
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
        method=draw(st.sampled_from(["bilinear", "bilinear", "discrete"])),
        seed=draw(st.integers(0, 2**32 - 1)),
    )
    assume(sum(case.points_per_level) > 0)
    return case


started: dict[str, float] = {}


def out_of_time(name: str) -> bool:
    return time.monotonic() - started.setdefault(name, time.monotonic()) > SECONDS


@SETTINGS
@given(case=cases(), target=st.sampled_from(xmsda.targets()), layout=st.permutations([0, 1, 2, 3]))
def test_float64(case: Case, target: str, layout: list[int]) -> None:
    if out_of_time("float64"):
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
            # Locations on a level one pixel wide have gradients that cancel to nothing: the scale of the others counts.
            scale = max(float(exact_grad.abs().amax()), 1.0)
            assert float((grad - exact_grad).abs().amax()) <= 1e-12 * scale


@SETTINGS
@given(
    case=cases(),
    target=st.sampled_from(xmsda.targets()),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float16]),
    float32_samples=st.booleans(),
)
def test_lower_precision(case: Case, target: str, dtype: torch.dtype, float32_samples: bool) -> None:
    if out_of_time("lower precision") or case.method == "discrete":
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
