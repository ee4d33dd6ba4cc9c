"""Level metadata given as lists becomes tensors that are kept between calls: what torch's modes must not do to them.

SPDX-License-Identifier: Apache-2.0
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import pytest
import torch
from problems import Call, Case, gradients, make_call
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from xmsda import ms_deform_attn, ops


@pytest.fixture(autouse=True)
def empty_caches() -> Iterator[None]:
    ops._cached_shapes.cache_clear()
    ops._cached_starts.cache_clear()
    yield
    ops._cached_shapes.cache_clear()
    ops._cached_starts.cache_clear()


def call_with_lists() -> Call:
    call = make_call(Case(starts=(0, 24)), torch.float32)
    call.spatial_shapes, call.level_start_index = call.spatial_shapes.tolist(), call.level_start_index.tolist()
    return call


def assert_trains(call: Call) -> None:
    output, grads = gradients(call, ms_deform_attn, torch.ones(1, 2, 4))
    assert type(output) is torch.Tensor
    assert output.device.type == "cpu"
    assert all(grad is not None and grad.device.type == "cpu" for grad in grads)


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad], ids=["inference", "no grad"])
def test_training_after_inference(mode: type[torch.no_grad]) -> None:
    call = call_with_lists()
    with mode():
        expected = call.run(ms_deform_attn)
        assert torch.equal(call.run(ms_deform_attn), expected)
    assert_trains(call)
    assert ops._cached_shapes.cache_info().hits > 0


def test_device_context() -> None:
    call = call_with_lists()
    expected = call.run(ms_deform_attn)
    ops._cached_shapes.cache_clear()
    ops._cached_starts.cache_clear()
    with torch.device("meta"):
        assert torch.equal(call.run(ms_deform_attn), expected)
    assert_trains(call)


def test_default_device() -> None:
    call = call_with_lists()
    torch.set_default_device("meta")
    try:
        output = call.run(ms_deform_attn)
    finally:
        torch.set_default_device(None)
    assert torch.equal(output, call.run(ms_deform_attn))
    assert_trains(call)


@pytest.mark.parametrize("real_first", [False, True], ids=["fake first", "real first"])
def test_fake_tensors(real_first: bool) -> None:
    call = call_with_lists()
    if real_first:
        call.run(ms_deform_attn)
    with FakeTensorMode() as mode:
        fakes = [mode.from_tensor(tensor) for tensor in call.floats]
        output = call.with_floats(fakes[0], fakes[1], fakes[2]).run(ms_deform_attn)
    assert isinstance(output, FakeTensor)
    assert output.shape == (1, 2, 4)
    assert_trains(call)


@pytest.mark.parametrize("transform", ["grad", "vjp"])
def test_functorch(transform: str) -> None:
    call = call_with_lists()

    def loss(value: torch.Tensor) -> torch.Tensor:
        return call.with_floats(value, *call.floats[1:]).run(ms_deform_attn).sum()

    if transform == "grad":
        grad = torch.func.grad(loss)(call.value)
    else:
        grad = torch.func.vjp(loss, call.value)[1](torch.tensor(1.0))[0]
    for kept in (ops._cached_shapes(((6, 4), (3, 2))), ops._cached_starts((0, 24))):
        assert not torch._C._functorch.is_functorch_wrapped_tensor(kept)
    expected = gradients(call, ms_deform_attn, torch.ones(1, 2, 4))[1][0]
    assert expected is not None
    assert torch.equal(grad, expected)
    assert_trains(call)


@pytest.mark.parametrize("context", [torch.inference_mode, nullcontext], ids=["inference", "plain"])
def test_kept_tensors_are_ordinary(context: type[AbstractContextManager[None]]) -> None:
    with context():
        call_with_lists().run(ms_deform_attn)
    kept = [ops._cached_shapes(((6, 4), (3, 2))), ops._cached_starts((0, 24))]
    assert ops._cached_shapes.cache_info().hits == 1
    assert ops._cached_starts.cache_info().hits == 1
    assert all(type(tensor) is torch.Tensor and not tensor.is_inference() for tensor in kept)
