"""Every SIMD target of this machine can be forced, runs when forced, and computes the same.

SPDX-License-Identifier: Apache-2.0
"""

import pytest
import torch
import xmsda
from problems import Case, assert_within, gradients, make_call, tolerance
from xmsda import ms_deform_attn
from xmsda.reference import grid_sample_formulation


def test_targets_of_this_machine() -> None:
    assert len(xmsda.targets()) >= 1
    assert len(set(xmsda.targets())) == len(xmsda.targets())
    assert set(xmsda.targets()) <= {"avx512", "avx2", "sve", "neon", "portable"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("target", xmsda.targets())
def test_forced_target_is_the_one_that_runs(target: str, dtype: torch.dtype) -> None:
    case = Case(batch=2, queries=9, heads=3, channels=19, points=3, levels=((7, 9), (4, 5)))
    call = make_call(case, margin=0.0, kink_free=False)
    call.sampling_locations = (call.sampling_locations * 63).round().add(0.5) / 64
    call = call.to(dtype, dtype)
    grad_output = torch.randn(2, 9, 57).to(dtype)
    with xmsda.use_target(target):
        output = call.run(ms_deform_attn)
        assert xmsda.last_target() == target
        results = gradients(call, ms_deform_attn, grad_output)
        assert xmsda.last_target() == target
    assert torch.equal(output, results[0])
    exact = call.to(torch.float64, torch.float64)
    expected = gradients(exact, grid_sample_formulation, grad_output.double())
    names = ["output", "grad_value", "grad_locations", "grad_weights"]
    bounds = tolerance(exact, grad_output.double(), dtype, dtype)
    assert_within(names, [results[0], *results[1]], [expected[0], *expected[1]], bounds)


def test_best_target_runs_by_default_and_after_the_context() -> None:
    call = make_call(Case(), torch.float32)
    with xmsda.use_target("portable"), xmsda.use_target("auto"):
        call.run(ms_deform_attn)
        assert xmsda.last_target() == xmsda.targets()[0]
    call.run(ms_deform_attn)
    assert xmsda.last_target() == xmsda.targets()[0]


def test_target_named_to_the_operator() -> None:
    call = make_call(Case(), torch.float32)
    with xmsda.use_target(xmsda.targets()[0]):
        torch.ops.xmsda.ms_deform_attn_forward(
            call.value, call.spatial_shapes, None, *call.floats[1:], [], False, "portable"
        )
    assert xmsda.last_target() == "portable"


def test_compiled_code_obeys_the_context() -> None:
    call = make_call(Case(), torch.float32)
    compiled = torch.compile(ms_deform_attn, fullgraph=True, backend="aot_eager")
    call.run(compiled)
    with xmsda.use_target("portable"):
        call.run(compiled)
        assert xmsda.last_target() == "portable"


def test_reference_runs_when_asked_for() -> None:
    call = make_call(Case(), torch.float32)
    with xmsda.use_target("reference"):
        gradients(call, ms_deform_attn, torch.ones(1, 2, 4))
        assert xmsda.last_target() == "reference"
        with xmsda.use_target("portable"):
            call.run(ms_deform_attn)
            assert xmsda.last_target() == "portable"
        call.run(ms_deform_attn)
        assert xmsda.last_target() == "reference"
    call.run(ms_deform_attn)
    assert xmsda.last_target() == xmsda.targets()[0]
    arguments = (call.value, call.spatial_shapes, None, *call.floats[1:], [], False, "reference")
    torch.ops.xmsda.ms_deform_attn_backward(*arguments, torch.ones(1, 2, 4))
    assert xmsda.last_target() == "reference"


def test_empty_call_leaves_no_target_of_an_earlier_one() -> None:
    make_call(Case()).run(ms_deform_attn)
    assert xmsda.last_target() == xmsda.targets()[0]
    make_call(Case(queries=0)).run(ms_deform_attn)
    assert xmsda.last_target() == "auto"


@pytest.mark.parametrize("target", ["mmx", "", "AVX2"])
def test_unknown_target(target: str) -> None:
    with pytest.raises(ValueError, match=r"^target: expected .*, got"), xmsda.use_target(target):
        pass


def test_target_of_another_machine() -> None:
    missing = sorted({"avx512", "neon"} - set(xmsda.targets()))[0]
    with pytest.raises(ValueError, match=f"^target: expected one of .*, got {missing}"), xmsda.use_target(missing):
        pass
