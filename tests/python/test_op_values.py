"""The operator computes what grid_sample computes, in every dtype and layout.

SPDX-License-Identifier: Apache-2.0
"""

from functools import partial
from pathlib import Path

import pytest
import torch
import xmsda
from problems import Call, Case, assert_within, gradients, make_call, relative_error, tolerance
from torch import Tensor
from xmsda import ms_deform_attn
from xmsda.reference import grid_sample_formulation

NAMES = ["output", "grad_value", "grad_locations", "grad_weights"]
CASES = [
    Case(),
    Case(batch=2, queries=5, heads=3, channels=7, points=4),
    Case(queries=9, heads=8, channels=32, points=4, levels=((8, 12), (4, 6), (2, 3), (1, 2))),
    Case(queries=3, heads=1, channels=1, points=1, levels=((1, 1), (1, 9), (9, 1))),
    Case(batch=3, queries=4, heads=4, channels=37, points=3, levels=((6, 10), (3, 5), (2, 3), (4, 4), (5, 1))),
    Case(queries=4, heads=2, channels=147, points=21, levels=((6, 4),)),
    Case(queries=7, heads=2, channels=16, points=(3, 6, 3), levels=((8, 8), (4, 4), (2, 2))),
    Case(queries=7, heads=2, channels=5, points=(0, 2), levels=((3, 4), (2, 2))),
    Case(queries=6, channels=8, levels=((3, 2), (4, 6)), starts=(24, 0)),
    Case(queries=6, channels=8, levels=((4, 6), (4, 6), (2, 6)), starts=(3, 9, 0), pixels=40),
]
METHODS = ["bilinear", "discrete"]


def expected_results(call: Call, grad_output: Tensor) -> tuple[Tensor, list[Tensor | None]]:
    return gradients(call, grid_sample_formulation, grad_output)


@pytest.mark.parametrize("target", ["auto", "reference"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_float64_agrees_with_grid_sample(case: Case, method: str, target: str) -> None:
    call = make_call(case)
    call.options["method"] = method
    grad_output = torch.randn(case.batch, case.queries, case.heads * case.channels, dtype=torch.float64)
    with xmsda.use_target(target):
        output, grads = gradients(call, ms_deform_attn, grad_output)
    assert xmsda.last_target() == (xmsda.targets()[0] if target == "auto" else target)
    exact, exact_grads = expected_results(call, grad_output)
    assert relative_error(output, exact) <= 1e-12
    for name, grad, exact_grad in zip(NAMES[1:], grads, exact_grads, strict=True):
        if exact_grad is None:
            assert grad is None, name
        else:
            assert grad is not None, name
            assert relative_error(grad, exact_grad) <= 1e-12, name


@pytest.mark.parametrize(
    "dtypes",
    [
        (torch.float32, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.bfloat16, torch.bfloat16),
        (torch.float16, torch.float32),
        (torch.float16, torch.float16),
    ],
    ids=lambda dtypes: "-".join(str(dtype).removeprefix("torch.") for dtype in dtypes),
)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_lower_precision_is_within_its_bound(case: Case, dtypes: tuple[torch.dtype, torch.dtype]) -> None:
    # Locations are odd multiples of 1/128: every dtype holds them, and times a side below 128 none is a pixel centre.
    rounded = make_call(case, kink_free=False, margin=0.0)
    rounded.sampling_locations = (rounded.sampling_locations * 63).round().add(0.5) / 64
    rounded = rounded.to(*dtypes)
    grad_output = torch.randn(case.batch, case.queries, case.heads * case.channels).to(dtypes[0])
    output, grads = gradients(rounded, ms_deform_attn, grad_output)
    assert output.dtype == dtypes[0]
    assert [grad.dtype for grad in grads if grad is not None] == [dtypes[0], dtypes[1], dtypes[1]]

    exact_inputs = rounded.to(torch.float64, torch.float64)
    exact, exact_grads = expected_results(exact_inputs, grad_output.double())
    bounds = tolerance(exact_inputs, grad_output.double(), *dtypes)
    assert_within(NAMES, [output, *grads], [exact, *exact_grads], bounds)


def layouts(value: Tensor) -> dict[str, Tensor]:
    batch, pixels, heads, channels = value.shape
    padded = torch.full((batch, pixels + 2, heads + 1, channels + 3), torch.nan, dtype=value.dtype)
    padded[:, 1:-1, :heads, 2:-1] = value
    return {
        "dense": value.contiguous(),
        "heads first": value.permute(0, 2, 1, 3).contiguous().permute(0, 2, 1, 3),
        "channels first": value.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
        "pixels innermost, heads last": value.permute(0, 3, 2, 1).contiguous().permute(0, 3, 2, 1),
        "slice": padded[:, 1:-1, :heads, 2:-1],
        "every other channel": value.repeat_interleave(2, dim=-1)[..., ::2],
        "batch innermost": value.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2),
    }


LAYOUTS = list(layouts(torch.zeros(1, 1, 1, 1)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_of_value_does_not_change_a_bit(layout: str, dtype: torch.dtype) -> None:
    case = Case(batch=2, queries=11, heads=3, channels=16, points=4, levels=((5, 7), (3, 4)))
    dense = make_call(case, dtype)
    grad_output = torch.randn(2, 11, 48).to(dtype)
    expected, expected_grads = gradients(dense, ms_deform_attn, grad_output)

    value = layouts(dense.value)[layout].requires_grad_()
    call = dense.with_floats(value, dense.sampling_locations.requires_grad_(), dense.attention_weights.requires_grad_())
    output = call.run(ms_deform_attn)
    grads = torch.autograd.grad(output, call.floats, grad_output)
    assert torch.equal(output, expected)
    for grad, expected_grad in zip(grads, expected_grads, strict=True):
        assert expected_grad is not None
        assert torch.equal(grad, expected_grad)
    assert grads[0].stride() == torch.empty_like(value).stride()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_values_and_samples_are_read_where_they_are(layout: str) -> None:
    case = Case(batch=2, queries=11, heads=3, channels=16, points=4, levels=((5, 7), (3, 4)))
    call = make_call(case, torch.float32)
    call.value = layouts(call.value)[layout]
    call.sampling_locations = call.sampling_locations.permute(0, 2, 1, 3, 4, 5).contiguous().permute(0, 2, 1, 3, 4, 5)
    call.attention_weights = call.attention_weights[:, :1].expand(-1, 11, -1, -1, -1)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        call.run(ms_deform_attn)
    operators = {event.key for event in profile.key_averages()}
    assert "xmsda::_forward" in operators
    assert not operators & {"aten::copy_", "aten::clone", "aten::contiguous", "aten::_to_copy"}


def test_samples_of_any_layout() -> None:
    dense = make_call(Case(batch=2, queries=5, heads=3, channels=4, points=3))
    expected = dense.run(ms_deform_attn)
    for axes in [(2, 0, 1, 3, 4), (0, 1, 2, 4, 3), (4, 3, 2, 1, 0)]:
        back = sorted(range(5), key=axes.__getitem__)
        weights = dense.attention_weights.permute(axes).contiguous().permute(back)
        locations = dense.sampling_locations.permute(*axes, 5).contiguous().permute(*back, 5)
        assert torch.equal(dense.with_floats(dense.value, locations, weights).run(ms_deform_attn), expected)
    swapped = dense.sampling_locations.flip(-1).contiguous().flip(-1)
    assert torch.equal(dense.with_floats(dense.value, swapped, dense.attention_weights).run(ms_deform_attn), expected)


def test_expanded_value() -> None:
    call = make_call(Case(batch=1, queries=4, heads=1, channels=6))
    shape = (3, call.value.shape[1], 2, 6)
    many = Call(
        call.value.expand(shape), call.spatial_shapes, None,
        call.sampling_locations.repeat(3, 1, 2, 1, 1, 1), call.attention_weights.repeat(3, 1, 2, 1, 1),
    )  # fmt: skip
    assert torch.equal(many.run(ms_deform_attn), call.run(ms_deform_attn).repeat(3, 1, 2))
    value = call.value.clone().requires_grad_()
    many.value = value.expand(shape)
    many.run(ms_deform_attn).sum().backward()
    expected = call.value.clone().requires_grad_()
    call.value = expected
    call.run(grid_sample_formulation).sum().backward()
    assert value.grad is not None
    assert expected.grad is not None
    assert relative_error(value.grad, 6 * expected.grad) <= 1e-12


@pytest.mark.parametrize("given", ["tensors", "int32", "strided", "lists", "tuples", "no starts"])
def test_level_metadata_may_come_in_many_forms(given: str) -> None:
    call = make_call(Case(queries=3, starts=(0, 24)))
    expected = call.run(grid_sample_formulation)
    shapes, starts = call.spatial_shapes, call.level_start_index
    forms = {
        "tensors": (shapes, starts),
        "int32": (shapes.int(), starts.int()),
        "strided": (shapes.t().contiguous().t(), starts.repeat_interleave(3)[::3]),
        "lists": (shapes.tolist(), starts.tolist()),
        "tuples": (tuple(map(tuple, shapes.tolist())), tuple(starts.tolist())),
        "no starts": (shapes, None),
    }
    call.spatial_shapes, call.level_start_index = forms[given]
    assert relative_error(call.run(ms_deform_attn), expected) <= 1e-12


def test_im2col_step_is_ignored() -> None:
    call = make_call(Case(batch=3))
    expected = call.run(ms_deform_attn)
    with_step = partial(ms_deform_attn, call.value, call.spatial_shapes, None, call.sampling_locations)
    assert torch.equal(with_step(call.attention_weights, 64), expected)
    assert torch.equal(with_step(call.attention_weights, im2col_step=2), expected)


@pytest.mark.parametrize(
    "case",
    [
        Case(batch=0), Case(queries=0), Case(heads=0), Case(channels=0), Case(points=0), Case(levels=()),
        Case(points=(0, 0)), Case(levels=(), points=()), Case(batch=0, queries=0, channels=0),
    ],
    ids=str,
)  # fmt: skip
def test_zero_sizes(case: Case) -> None:
    call = make_call(case).requiring_grad()
    output = call.run(ms_deform_attn)
    assert output.shape == (case.batch, case.queries, case.heads * case.channels)
    assert not output.any()
    output.sum().backward()
    for tensor in call.floats:
        assert tensor.grad is not None
        assert tensor.grad.shape == tensor.shape
        assert not tensor.grad.any()


def test_locations_that_are_not_finite_contribute_nothing() -> None:
    call = make_call(Case(queries=6, points=2, levels=((4, 5),)), margin=0.0)
    bad = [torch.nan, torch.inf, -torch.inf, 1e30, -1e30, 1e300]
    call.sampling_locations[0, :, :, 0, 1, 0] = torch.tensor(bad, dtype=torch.float64)[:, None]
    output, grads = gradients(call, ms_deform_attn, torch.ones(1, 6, 4, dtype=torch.float64))
    first_point = call.with_floats(
        call.value, call.sampling_locations[..., :1, :], call.attention_weights[..., :1]
    ).run(grid_sample_formulation)
    assert relative_error(output, first_point) <= 1e-12
    assert grads[1] is not None
    assert grads[2] is not None
    assert not grads[1][0, :, :, 0, 1].any()
    assert not grads[2][0, :, :, 0, 1].any()
    assert grads[1][0, :, :, 0, 0].all()


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_pixels_that_are_not_sampled_do_not_leak(bad: float) -> None:
    call = make_call(Case(queries=2, levels=((4, 4), (4, 4)), pixels=40))
    # Only the cell of pixels (1, 1), (1, 2), (2, 1), (2, 2) is read, with one sample outside everything.
    call.sampling_locations[:] = 0.5
    call.sampling_locations[0, 0, 0, 0, 0] = -3.0
    mask = torch.zeros(40, dtype=torch.bool)
    mask[[level * 16 + row * 4 + column for level in (0, 1) for row in (1, 2) for column in (1, 2)]] = True
    clean = call.value * mask[None, :, None, None]
    expected, expected_grads = gradients(
        call.with_floats(clean, *call.floats[1:]), ms_deform_attn, torch.ones(1, 2, 4, dtype=torch.float64)
    )
    call.value[:, ~mask] = bad
    output, grads = gradients(call, ms_deform_attn, torch.ones(1, 2, 4, dtype=torch.float64))
    assert torch.equal(output, expected)
    for grad, expected_grad in zip(grads, expected_grads, strict=True):
        assert grad is not None
        assert expected_grad is not None
        assert torch.equal(grad, expected_grad)
    call.value[:, mask] = bad
    assert not call.run(ms_deform_attn).isfinite().any()


def test_offsets_beyond_32_bits(tmp_path: Path) -> None:
    # 64 rows, 2**26 elements apart: 16 GB of addresses in a sparse file of which a few pages exist.
    stride, levels = 2**26, ((8, 8),)
    file = tmp_path / "sparse"
    value = torch.from_file(str(file), shared=True, size=63 * stride + 4, dtype=torch.float32)
    value = value.as_strided((1, 64, 1, 4), (0, stride, 4, 1))
    call = make_call(Case(queries=5, heads=1, channels=4, levels=levels), torch.float32)
    value.copy_(call.value)
    far = call.with_floats(value, *call.floats[1:])
    assert torch.equal(far.run(ms_deform_attn), call.run(ms_deform_attn))


def test_more_than_2_to_the_31_elements() -> None:
    # B*S*M*D = 2**32, all of it one row of 32 numbers.
    row = torch.arange(32.0)
    value = row.expand(32, 2**18, 16, 32)
    assert value.numel() == 2**32
    locations = torch.full((32, 1, 16, 1, 1, 2), 0.5)
    weights = torch.full((32, 1, 16, 1, 1), 0.25)
    output = ms_deform_attn(value, [(512, 512)], None, locations, weights)
    assert torch.equal(output, (row * 0.25).repeat(16).expand(32, 1, 512))
