"""Bad arguments: one exception that names the argument, what was expected and what came.

SPDX-License-Identifier: Apache-2.0
"""

import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import xmsda
from problems import Call, Case, make_call
from xmsda import ms_deform_attn, ops

Change = Callable[[Call], Any]
ARGUMENTS = frozenset(inspect.signature(ms_deform_attn).parameters)


def assert_names_an_argument(error: BaseException, names: frozenset[str] = ARGUMENTS) -> None:
    """One line that begins with an argument of the function, perhaps one level of it."""
    found = re.fullmatch(r"(\w+)(\[\d+\])?: expected .+, got .+", str(error))
    assert found is not None, error
    assert found[1] in names, error


def change(**fields: Any) -> Change:
    """Replace fields by values, or by what functions make of them."""

    def apply(call: Call) -> None:
        for name, new in fields.items():
            setattr(call, name, new(getattr(call, name)) if callable(new) else new)

    return apply


def shapes(*pairs: tuple[Any, ...]) -> Change:
    return change(spatial_shapes=torch.tensor(pairs))


def starts(*numbers: Any) -> Change:
    return change(level_start_index=torch.tensor(numbers))


def options(**new: Any) -> Change:
    return change(options=new)


def all_of(*changes: Change) -> Change:
    def apply(call: Call) -> None:
        for one in changes:
            one(call)

    return apply


def flat_samples(call: Call) -> None:
    call.sampling_locations = call.sampling_locations.flatten(3, 4)
    call.attention_weights = call.attention_weights.flatten(3)


BAD: dict[str, tuple[Change, type[Exception], str]] = {
    "value rank": (change(value=lambda t: t[0]), ValueError, r"value: expected \[B, S, M, D\], got \[30, 2, 2\]"),
    "value dtype": (
        change(value=lambda t: t.int()),
        ValueError,
        "value: expected float32, float64, bfloat16 or float16, got int32",
    ),
    "value type": (change(value=lambda t: t.numpy()), TypeError, "value: expected a tensor, got ndarray"),
    "value sparse": (
        change(value=lambda t: t.to_sparse()),
        ValueError,
        "value: expected a dense tensor on the CPU, got torch.sparse_coo on cpu",
    ),
    "value complex": (change(value=lambda t: t.to(torch.complex64)), ValueError, "value: expected .* got ComplexFloat"),
    "locations rank": (
        change(sampling_locations=lambda t: t.flatten(3, 4)),
        ValueError,
        r"sampling_locations: expected \[B, Q, M, L, P, 2\], or \[B, Q, M, K, 2\] with points_per_level, got "
        r"\[1, 2, 2, 4, 2\]",
    ),
    "locations batch": (
        change(sampling_locations=lambda t: t.repeat(2, 1, 1, 1, 1, 1)),
        ValueError,
        r"sampling_locations: expected \[B, Q, M, L, P, 2\] = \[1, 2, 2, 2, 2, 2\], got \[2, 2, 2, 2, 2, 2\]",
    ),
    "locations heads": (change(sampling_locations=lambda t: t[:, :, :1]), ValueError, "sampling_locations: expected"),
    "locations levels": (
        change(sampling_locations=lambda t: t[:, :, :, :1]),
        ValueError,
        r"sampling_locations: expected .* = \[1, 2, 2, 2, 2, 2\], got \[1, 2, 2, 1, 2, 2\]",
    ),
    "locations last axis": (change(sampling_locations=lambda t: t[..., :1]), ValueError, "sampling_locations: expec"),
    "locations scalar": (change(sampling_locations=torch.zeros(())), ValueError, r"sampling_locations: .* got \[\]"),
    "locations dtype": (
        change(sampling_locations=lambda t: t.double()),
        ValueError,
        "sampling_locations: expected value's float32, got float64",
    ),
    "locations half": (
        all_of(change(value=lambda t: t.half()), change(sampling_locations=lambda t: t.bfloat16())),
        ValueError,
        "sampling_locations: expected float32 or value's float16, got bfloat16",
    ),
    "locations type": (change(sampling_locations=[0.5]), TypeError, "sampling_locations: expected a tensor, got list"),
    "locations device": (
        change(sampling_locations=lambda t: t.to("meta")),
        ValueError,
        "sampling_locations: expected value's device cpu, got meta",
    ),
    "weights shape": (
        change(attention_weights=lambda t: t[..., :1]),
        ValueError,
        r"attention_weights: expected \[B, Q, M, L, P\] = \[1, 2, 2, 2, 2\], got \[1, 2, 2, 2, 1\]",
    ),
    "weights dtype": (
        change(attention_weights=lambda t: t.bfloat16()),
        ValueError,
        "attention_weights: expected sampling_locations' float32, got bfloat16",
    ),
    "weights type": (change(attention_weights=None), TypeError, "attention_weights: expected a tensor, got NoneType"),
    "weights device": (
        change(attention_weights=lambda t: t.to("meta")),
        ValueError,
        "attention_weights: expected value's device cpu, got meta",
    ),
    "shapes rank": (change(spatial_shapes=torch.tensor([6, 4])), ValueError, r"spatial_shapes: .*\[L, 2\], got \[2\]"),
    "shapes columns": (shapes((6, 4, 1), (3, 2, 1)), ValueError, r"spatial_shapes: expected \[L, 2\], got \[2, 3\]"),
    "shapes count": (shapes((6, 4)), ValueError, "sampling_locations: expected"),
    "shapes float": (
        shapes((6.0, 4.0), (3.0, 2.0)),
        ValueError,
        "spatial_shapes: expected int64 .* got float32",
    ),
    "shapes int16": (change(spatial_shapes=lambda t: t.short()), ValueError, "spatial_shapes: expected int64 or int32"),
    "shapes negative": (
        shapes((6, 4), (-3, 2)),
        ValueError,
        r"spatial_shapes\[1\]: expected height and width of at least 1, got -3 x 2",
    ),
    "shapes zero": (shapes((6, 4), (3, 0)), ValueError, r"spatial_shapes\[1\]: expected height and width of at least"),
    "shapes past S": (
        shapes((6, 4), (3, 3)),
        ValueError,
        r"spatial_shapes\[1\]: expected a level inside the 30 pixels of value, got 3 x 3 pixels from 24",
    ),
    "shapes overflow": (
        shapes((2**62, 4), (3, 2)),
        ValueError,
        r"spatial_shapes\[0\]: expected height and width of at most 2\^24, got 4611686018427387904 x 4",
    ),
    "shapes list of float": (
        change(spatial_shapes=[(6, 4.5), (3, 2)]),
        TypeError,
        r"spatial_shapes: expected .* got \[",
    ),
    "shapes list of bool": (change(spatial_shapes=[(True, 4), (3, 2)]), TypeError, "spatial_shapes: expected .*True"),
    "shapes list of tensors of bool": (
        change(spatial_shapes=[(torch.tensor(True), 4), (3, 2)]),
        TypeError,
        "spatial_shapes: expected .*tensor",
    ),
    "shapes array of float": (
        change(spatial_shapes=np.array([[6.0, 4.0], [3.0, 2.0]])),
        TypeError,
        r"spatial_shapes: expected .* got array\(\[\[6",
    ),
    "shapes beyond 64 bits": (
        change(spatial_shapes=[(2**64, 1), (3, 2)]),
        TypeError,
        r"spatial_shapes: expected .* got \[\(18446744073709551616, 1\), \(3, 2\)\]",
    ),
    "shapes list of triples": (change(spatial_shapes=[(6, 4, 1)]), TypeError, "spatial_shapes: expected a tensor"),
    "shapes number": (change(spatial_shapes=24), TypeError, "spatial_shapes: expected a tensor .* got 24"),
    "starts count": (starts(0), ValueError, r"level_start_index: expected \[L\] = \[2\], got \[1\]"),
    "starts rank": (starts([0, 24]), ValueError, r"level_start_index: expected \[L\] = \[2\], got \[1, 2\]"),
    "starts negative": (starts(0, -1), ValueError, r"level_start_index\[1\]: expected at least 0, got -1"),
    "starts past S": (
        starts(0, 25),
        ValueError,
        r"level_start_index\[1\]: expected a level inside the 30 pixels of value, got 3 x 2 pixels from 25",
    ),
    "starts far past S": (starts(0, 2**62), ValueError, r"level_start_index\[1\]: expected a level inside the 30 pix"),
    "starts float": (starts(0.0, 24.0), ValueError, "level_start_index: expected int64 or int32, got"),
    "starts list of float": (change(level_start_index=[0, 24.5]), TypeError, "level_start_index: expected a tensor"),
    "starts list of bool": (change(level_start_index=[False, 24]), TypeError, "level_start_index: expected .*False"),
    "starts number": (change(level_start_index=0), TypeError, "level_start_index: expected a tensor .* got 0"),
    "starts beyond 64 bits": (
        change(level_start_index=[0, 2**64]),
        TypeError,
        r"level_start_index: expected .* got \[0, 18446744073709551616\]",
    ),
    "starts device": (
        change(level_start_index=torch.zeros(2, dtype=torch.int64, device="meta")),
        ValueError,
        "level_start_index: expected",
    ),
    "points count": (
        all_of(flat_samples, options(points_per_level=[4])),
        ValueError,
        "points_per_level: expected one number per level, 2, got 1",
    ),
    "points sum": (
        all_of(flat_samples, options(points_per_level=[3, 2])),
        ValueError,
        r"sampling_locations: expected \[B, Q, M, K, 2\] = \[1, 2, 2, 5, 2\], got \[1, 2, 2, 4, 2\]",
    ),
    "points negative": (
        all_of(flat_samples, options(points_per_level=[5, -1])),
        ValueError,
        r"points_per_level\[1\]: expected at least 0, got -1",
    ),
    "points sum past 2^63": (
        all_of(flat_samples, options(points_per_level=[2**62, 2**62])),
        ValueError,
        r"points_per_level: expected at most 65535 points over all levels, got 4611686018427387904 in level 0 after 0",
    ),
    "points float": (
        all_of(flat_samples, options(points_per_level=[2.5, 1.5])),
        TypeError,
        r"points_per_level: expected a sequence of integers or None, got \[2.5, 1.5\]",
    ),
    "points bool": (options(points_per_level=[2, True]), TypeError, r"points_per_level: expected .* got \[2, True\]"),
    "points number": (
        options(points_per_level=3),
        TypeError,
        "points_per_level: expected a sequence of integers or None, got 3",
    ),
    "points text": (options(points_per_level="22"), TypeError, "points_per_level: expected .*, got '22'"),
    "points not P": (
        options(points_per_level=[1, 3]),
        ValueError,
        r"points_per_level: expected the P = 2 of sampling_locations \[B, Q, M, L, P, 2\], got 1",
    ),
    "method": (options(method="nearest"), ValueError, "method: expected 'bilinear' or 'discrete', got 'nearest'"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("with_grad", [False, True], ids=["no grad", "grad"])
def test_bad_argument(name: str, with_grad: bool) -> None:
    spoil, error, message = BAD[name]
    call = make_call(Case(), torch.float32)
    spoil(call)
    if with_grad:
        for tensor in call.floats:
            if isinstance(tensor, torch.Tensor) and tensor.dtype.is_floating_point:
                tensor.requires_grad_()
    with pytest.raises(error, match=message) as caught:
        call.run(ms_deform_attn)
    assert_names_an_argument(caught.value)


# Under autocast the tensors are converted before the operator sees them.
@pytest.mark.parametrize("name", BAD)
def test_bad_argument_under_autocast(name: str) -> None:
    spoil, error, _ = BAD[name]
    call = make_call(Case(), torch.float32)
    spoil(call)
    if name in ("locations half", "weights dtype"):
        return  # autocast makes these types fit
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(error) as caught:
        call.run(ms_deform_attn)
    assert_names_an_argument(caught.value)


@pytest.mark.parametrize("target", ["auto", "portable", "reference"])
def test_side_beyond_the_limit(target: str) -> None:
    value = torch.ones(1, 1, 1, 1).expand(1, 2**24 + 1, 1, 1)
    samples = torch.full((1, 1, 1, 1, 1, 2), 0.5)
    with xmsda.use_target(target):
        for sides in ([2**24 + 1, 1], [1, 2**24 + 1]):
            message = rf"^spatial_shapes\[0\]: expected height and width of at most 2\^24, got {sides[0]} x {sides[1]}$"
            with pytest.raises(ValueError, match=message):
                ms_deform_attn(value, [sides], None, samples, samples[..., 0])
    # At the limit it works.
    output = ms_deform_attn(value, [[2**24, 1]], None, samples, torch.full((1, 1, 1, 1, 1), 0.25))
    assert output.item() == 0.25


@pytest.mark.parametrize("with_grad", [False, True], ids=["no grad", "grad"])
def test_sizes_beyond_the_limits(with_grad: bool) -> None:
    samples = torch.full((1, 1, 1, 1, 1, 2), 0.5)
    value = torch.ones(1, 1, 1, 1, requires_grad=with_grad)
    with pytest.raises(ValueError, match=r"^value: expected .* S below 2\^31, got \[1, 2147483648, 1, 1\]$"):
        ms_deform_attn(value.expand(1, 2**31, 1, 1), [(1, 1)], None, samples, samples[..., 0])
    # 2^61 heads of one number each, all of them the same: more bytes than 64 bits count.
    many = (value.expand(1, 1, 2**61, 1), samples.expand(1, 1, 2**61, 1, 1, 2))
    message = (
        r"^value: expected \[B, S, M, D\] of fewer than 2\^47 elements, a size of 0 counted as 1, got \[1, 1, 2305"
    )
    with pytest.raises(ValueError, match=message) as caught:
        ms_deform_attn(many[0], [(1, 1)], None, many[1], many[1][..., 0])
    assert_names_an_argument(caught.value)
    # As many queries: value is small, locations and output are not.
    many = (value, samples.expand(1, 2**61, 1, 1, 1, 2))
    with pytest.raises(ValueError, match=r"^sampling_locations: expected locations of fewer than 2\^47") as caught:
        ms_deform_attn(many[0], [(1, 1)], None, many[1], many[1][..., 0])
    assert_names_an_argument(caught.value)
    many = (value.expand(1, 1, 1, 2**20), samples.expand(1, 2**40, 1, 1, 1, 2))
    with pytest.raises(ValueError, match=r"^sampling_locations: expected an output .* of fewer than 2\^47") as caught:
        ms_deform_attn(many[0], [(1, 1)], None, many[1], many[1][..., 0])
    assert_names_an_argument(caught.value)


@pytest.mark.parametrize("target", ["auto", "reference"])
def test_more_cells_than_the_limit(target: str) -> None:
    # 2^31 - 2^16 pixels, each of them the same, and 2^31 + 2^15 cells.
    value = torch.ones(1, 1, 1, 1).expand(1, 65536 * 32767, 1, 1)
    samples = torch.full((1, 1, 1, 1, 1, 2), 0.5)
    message = (
        r"^spatial_shapes: expected fewer than 2\^31 cells \(height \+ 1\) \* \(width \+ 1\) in all, got 2147516416$"
    )
    with xmsda.use_target(target), pytest.raises(ValueError, match=message):
        ms_deform_attn(value, [(65536, 32767)], None, samples, samples[..., 0])


def test_more_samples_than_the_limit() -> None:
    points = 2**16 - 1
    locations, weights = torch.full((1, 1, 1, 1, points, 2), 0.5), torch.full((1, 1, 1, 1, points), 1 / points)
    value = torch.ones(1, 1, 1, 1)
    assert ms_deform_attn(value, [[1, 1]], None, locations, weights).item() == pytest.approx(1.0, rel=1e-3)
    locations, weights = torch.full((1, 1, 1, 1, points + 1, 2), 0.5), torch.ones(1, 1, 1, 1, points + 1)
    message = "^sampling_locations: expected at most 65535 points over all levels, got 65536 in level 0 after 0$"
    with pytest.raises(ValueError, match=message):
        ms_deform_attn(value, [[1, 1]], None, locations, weights)
    flat = (locations.flatten(3, 4), weights.flatten(3))
    message = "^points_per_level: expected at most 65535 points over all levels, got 1 in level 1 after 65535$"
    with pytest.raises(ValueError, match=message):
        ms_deform_attn(value, [[1, 1], [1, 1]], [0, 0], *flat, points_per_level=[points, 1])


def test_what_the_machine_can_not_do_is_a_value_error_too() -> None:
    missing = sorted({"avx512", "neon"} - set(xmsda.targets()))[0]
    call = make_call(Case(), torch.float32)
    with pytest.raises(ValueError, match=f"^target: expected one that .* got {missing}"):
        torch.ops.xmsda.ms_deform_attn_forward(
            call.value, call.spatial_shapes, None, *call.floats[1:], [], False, missing
        )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda grad: grad[:, :1], r"grad_output: expected \[B, Q, M\*D\] = \[1, 2, 4\], got \[1, 1, 4\]"),
        (lambda grad: grad.double(), "grad_output: expected value's dtype f32, got float64"),
    ],
)
def test_bad_grad_output(spoil: Callable[[torch.Tensor], torch.Tensor], message: str) -> None:
    call = make_call(Case(), torch.float32)
    with pytest.raises(ValueError, match=message):
        torch.ops.xmsda.ms_deform_attn_backward(
            call.value, call.spatial_shapes, None, *call.floats[1:], [], False, "auto", spoil(torch.ones(1, 2, 4))
        )


def test_unknown_target_of_the_operator() -> None:
    call = make_call(Case(), torch.float32)
    with pytest.raises(ValueError, match=r'target: expected .*, got "mmx"'):
        torch.ops.xmsda.ms_deform_attn_forward(
            call.value, call.spatial_shapes, None, *call.floats[1:], [], False, "mmx"
        )


def test_numbers_of_other_types_are_integers_too() -> None:
    call = make_call(Case(points=(1, 3)))
    expected = call.run(ms_deform_attn)
    call.spatial_shapes = [(np.int64(6), np.int32(4)), torch.Size((3, 2))]
    call.options["points_per_level"] = np.array([1, 3])
    assert torch.equal(call.run(ms_deform_attn), expected)


@pytest.mark.parametrize("first", ["integers", "others"])
@pytest.mark.parametrize("other", [float, bool, np.float64], ids=lambda kind: kind.__name__)
def test_numbers_that_equal_a_cached_integer(first: str, other: Callable[[int], Any]) -> None:
    call = make_call(Case(levels=((1, 1), (1, 1)), starts=(0, 1)), torch.float32)
    integers = ([(1, 1), (1, 1)], [0, 1])
    others = ([(other(1), 1), (1, 1)], [other(0), 1])
    ops._cached_shapes.cache_clear()
    ops._cached_starts.cache_clear()

    def accepts() -> None:
        call.spatial_shapes, call.level_start_index = integers
        call.run(ms_deform_attn)

    def refuses() -> None:
        call.spatial_shapes, call.level_start_index = others[0], integers[1]
        with pytest.raises(TypeError, match=r"^spatial_shapes: expected "):
            call.run(ms_deform_attn)
        call.spatial_shapes, call.level_start_index = integers[0], others[1]
        with pytest.raises(TypeError, match=r"^level_start_index: expected "):
            call.run(ms_deform_attn)

    for step in (accepts, refuses) if first == "integers" else (refuses, accepts):
        step()
