"""Gradients: finite differences, subsets of inputs, autocast, checkpointing; no second derivative, no forward mode.

SPDX-License-Identifier: Apache-2.0
"""

import pytest
import torch
import xmsda
from problems import Call, Case, gradients, make_call, relative_error
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint
from xmsda import ms_deform_attn
from xmsda.reference import grid_sample_formulation


@pytest.mark.parametrize("channels", [4, 30, 32, 64, 71, 1025])
def test_gradcheck(channels: int) -> None:
    call = make_call(Case(queries=2, channels=channels), margin=0.1).requiring_grad()
    assert torch.autograd.gradcheck(
        lambda *floats: call.with_floats(*floats).run(ms_deform_attn),
        tuple(call.floats),
        # One random direction instead of one run per element, of which D = 1025 has 61,000.
        fast_mode=channels > 4,
    )


def test_gradcheck_with_points_per_level() -> None:
    call = make_call(Case(queries=3, points=(3, 1)), margin=0.1).requiring_grad()
    assert torch.autograd.gradcheck(lambda *floats: call.with_floats(*floats).run(ms_deform_attn), tuple(call.floats))


@pytest.mark.parametrize("needed", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)], ids=str)
def test_only_some_inputs_need_a_gradient(needed: tuple[int, ...]) -> None:
    call = make_call(Case(queries=3))
    grad_output = torch.randn(1, 3, 4, dtype=torch.float64)
    _, expected = gradients(call, grid_sample_formulation, grad_output)
    for position in needed:
        call.floats[position].requires_grad_()
    call.run(ms_deform_attn).backward(grad_output)
    for position, tensor in enumerate(call.floats):
        if position not in needed:
            assert tensor.grad is None
            continue
        reference = expected[position]
        assert tensor.grad is not None
        assert reference is not None
        assert relative_error(tensor.grad, reference) <= 1e-12


def test_no_graph_without_need() -> None:
    call = make_call(Case()).requiring_grad()
    with torch.no_grad():
        assert not call.run(ms_deform_attn).requires_grad
    with torch.inference_mode():
        assert call.run(ms_deform_attn).is_inference()
    assert make_call(Case()).run(ms_deform_attn).grad_fn is None


def test_discrete_has_no_gradient_to_locations() -> None:
    call = make_call(Case(method="discrete")).requiring_grad()
    call.run(ms_deform_attn).sum().backward()
    assert call.sampling_locations.grad is None
    assert call.value.grad is not None


def test_backward_twice_through_one_graph() -> None:
    call = make_call(Case()).requiring_grad()
    output = call.run(ms_deform_attn).sum()
    output.backward(retain_graph=True)
    once = [tensor.grad.clone() for tensor in call.floats if tensor.grad is not None]
    output.backward()
    for first, tensor in zip(once, call.floats, strict=True):
        assert tensor.grad is not None
        assert torch.equal(tensor.grad, 2 * first)


def test_input_changed_in_place_is_noticed() -> None:
    call = make_call(Case()).requiring_grad()
    value = call.value * 1.0
    output = call.with_floats(value, *call.floats[1:]).run(ms_deform_attn)
    value.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


@pytest.mark.parametrize("through", ["function", "operator"])
def test_gradient_of_gradient_is_refused(through: str) -> None:
    call = make_call(Case()).requiring_grad()
    if through == "function":
        output = call.run(ms_deform_attn)
    else:
        output = torch.ops.xmsda.ms_deform_attn_forward(
            call.value, call.spatial_shapes, None, *call.floats[1:], [], False, "auto"
        )
    (grad,) = torch.autograd.grad(output.sum(), call.value, create_graph=True)
    with pytest.raises(NotImplementedError, match="gradient of its gradient is not implemented"):
        grad.sum().backward()


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("needs_grad", [False, True], ids=["no grad", "grad"])
@pytest.mark.parametrize("through", ["jvp", "make_dual", "linearize"])
def test_forward_mode_is_refused(position: int, needs_grad: bool, through: str) -> None:
    call = make_call(Case())
    tensor = call.floats[position].requires_grad_(needs_grad)

    def run(changed: torch.Tensor) -> torch.Tensor:
        floats = [changed if number == position else other for number, other in enumerate(call.floats)]
        return call.with_floats(floats[0], floats[1], floats[2]).run(ms_deform_attn)

    message = r"^xmsda\.ms_deform_attn: forward-mode differentiation \(jvp\) is not supported; use backward$"
    with pytest.raises(NotImplementedError, match=message):
        if through == "jvp":
            torch.func.jvp(run, (tensor,), (torch.ones_like(tensor),))
        elif through == "linearize":
            torch.func.linearize(run, tensor)
        else:
            with forward_ad.dual_level():
                run(forward_ad.make_dual(tensor, torch.ones_like(tensor)))


def test_a_level_of_forward_mode_without_dual_tensors_is_no_obstacle() -> None:
    call = make_call(Case())
    expected = gradients(call, ms_deform_attn, torch.ones(1, 2, 4))
    with forward_ad.dual_level():
        output, grads = gradients(call, ms_deform_attn, torch.ones(1, 2, 4))
    assert torch.equal(output, expected[0])
    for grad, reference in zip(grads, expected[1], strict=True):
        assert grad is not None
        assert reference is not None
        assert torch.equal(grad, reference)


def test_create_graph_gives_the_same_gradient() -> None:
    call = make_call(Case()).requiring_grad()
    with_graph = torch.autograd.grad(call.run(ms_deform_attn).sum(), call.floats, create_graph=True)
    without = torch.autograd.grad(call.run(ms_deform_attn).sum(), call.floats)
    assert all(map(torch.equal, with_graph, without))


def test_public_operator_has_the_same_gradient() -> None:
    call = make_call(Case(points=(2, 3))).requiring_grad()
    output = torch.ops.xmsda.ms_deform_attn_forward(
        call.value, call.spatial_shapes, None, *call.floats[1:], [2, 3], False, "auto"
    )
    through_operator = torch.autograd.grad(output.sum(), call.floats)
    through_function = torch.autograd.grad(call.run(ms_deform_attn).sum(), call.floats)
    assert all(map(torch.equal, through_operator, through_function))


def test_functorch_grad() -> None:
    call = make_call(Case())
    grads = torch.func.grad(lambda *f: call.with_floats(*f).run(ms_deform_attn).sum(), argnums=(0, 1, 2))(*call.floats)
    _, expected = gradients(call, ms_deform_attn, torch.ones(1, 2, 4))
    for grad, reference in zip(grads, expected, strict=True):
        assert reference is not None
        assert torch.equal(grad, reference)


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_checkpointing(use_reentrant: bool) -> None:
    call = make_call(Case()).requiring_grad()
    call.run(ms_deform_attn).sum().backward()
    expected = [tensor.grad for tensor in call.floats]
    again = call.requiring_grad()
    checkpoint(
        lambda *floats: again.with_floats(*floats).run(ms_deform_attn), *again.floats, use_reentrant=use_reentrant
    ).sum().backward()
    for tensor, grad in zip(again.floats, expected, strict=True):
        assert tensor.grad is not None
        assert grad is not None
        assert torch.equal(tensor.grad, grad)


def mixed(call: Call) -> list[torch.dtype]:
    return [tensor.dtype for tensor in call.floats]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_reads_value_in_its_dtype_and_locations_in_float32(dtype: torch.dtype) -> None:
    call = make_call(Case(queries=9, channels=8, levels=((100, 300),)), torch.float32)
    explicit = call.to(dtype, torch.float32)
    with torch.autocast("cpu", dtype):
        output = call.requiring_grad().run(ms_deform_attn)
    assert output.dtype == dtype
    assert torch.equal(output, explicit.run(ms_deform_attn))

    # Locations that come in half precision are what they are, but are not rounded again on the way.
    half = call.to(torch.float32, dtype)
    with torch.autocast("cpu", dtype):
        output = half.run(ms_deform_attn)
    assert torch.equal(output, half.to(dtype, torch.float32).run(ms_deform_attn))


def test_autocast_gradients_have_the_dtypes_of_the_inputs() -> None:
    call = make_call(Case(), torch.float32).requiring_grad()
    call.attention_weights = call.attention_weights.detach().bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        output = call.run(ms_deform_attn)
    output.sum().backward()
    assert [tensor.grad.dtype for tensor in call.floats if tensor.grad is not None] == mixed(call)


def test_autocast_leaves_float64_alone() -> None:
    call = make_call(Case())
    with torch.autocast("cpu", torch.bfloat16):
        output = call.run(ms_deform_attn)
    assert output.dtype == torch.float64
    assert torch.equal(output, call.run(ms_deform_attn))


def test_deterministic_algorithms_mode() -> None:
    call = make_call(Case(queries=50, channels=32, points=4), torch.float32)
    expected = gradients(call, ms_deform_attn, torch.ones(1, 50, 64))
    torch.use_deterministic_algorithms(True)
    try:
        output, grads = gradients(call, ms_deform_attn, torch.ones(1, 50, 64))
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(output, expected[0])
    for grad, reference in zip(grads, expected[1], strict=True):
        assert grad is not None
        assert reference is not None
        assert torch.equal(grad, reference)


def test_gradient_output_of_any_layout() -> None:
    call = make_call(Case(batch=2, queries=3))
    grad_output = torch.randn(4, 3, 2, dtype=torch.float64).permute(2, 1, 0)
    _, grads = gradients(call, ms_deform_attn, grad_output)
    _, expected = gradients(call, ms_deform_attn, grad_output.contiguous())
    for grad, reference in zip(grads, expected, strict=True):
        assert grad is not None
        assert reference is not None
        assert torch.equal(grad, reference)


def test_version() -> None:
    assert xmsda.__version__.count(".") == 2
