"""The operator under torch.compile, torch.export and torch's own checks of custom operators.

SPDX-License-Identifier: Apache-2.0
"""

from dataclasses import replace
from typing import Any

import pytest
import torch
from problems import Call, Case, gradients, make_call
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter
from xmsda import ms_deform_attn

CASES = [Case(batch=2, queries=3, channels=5), Case(queries=3, points=(3, 1)), Case(method="discrete")]


@pytest.fixture(autouse=True)
def fresh_compiler() -> None:
    torch._dynamo.reset()


def assert_same(got: tuple[Tensor, list[Tensor | None]], expected: tuple[Tensor, list[Tensor | None]]) -> None:
    assert torch.equal(got[0], expected[0])
    for grad, reference in zip(got[1], expected[1], strict=True):
        assert (grad is None) == (reference is None)
        if grad is not None and reference is not None:
            assert torch.equal(grad, reference)


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_compile_without_graph_breaks(case: Case, backend: str) -> None:
    call = make_call(case, torch.float32)
    grad_output = torch.randn(case.batch, case.queries, case.heads * case.channels)
    compiled = torch.compile(ms_deform_attn, fullgraph=True, backend=backend)
    assert_same(gradients(call, compiled, grad_output), gradients(call, ms_deform_attn, grad_output))


def test_compile_between_other_operators() -> None:
    call = make_call(Case(batch=2, queries=3, channels=8), torch.float32)

    def model(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
        heads_first = value.permute(0, 2, 1, 3).contiguous() * 2
        output = ms_deform_attn(
            heads_first.permute(0, 2, 1, 3), [(6, 4), (3, 2)], [0, 24], locations.sigmoid(), weights.softmax(-1)
        )
        return output.relu()

    eager = call.requiring_grad()
    compiled = call.requiring_grad()
    expected = model(*eager.floats)
    output = torch.compile(model, fullgraph=True)(*compiled.floats)
    torch.testing.assert_close(output, expected)
    expected.sum().backward()
    output.sum().backward()
    for tensor, reference in zip(compiled.floats, eager.floats, strict=True):
        torch.testing.assert_close(tensor.grad, reference.grad)


def test_compile_once_for_all_sizes() -> None:
    counter = CompileCounter()
    compiled = torch.compile(ms_deform_attn, fullgraph=True, dynamic=True, backend=counter)
    # Sizes that are equal in the first call are taken for one: all differ, and none is the 2 of a coordinate pair.
    for batch, queries, levels in [(3, 5, ((6, 4), (3, 2))), (4, 7, ((5, 5), (2, 4))), (5, 2, ((9, 2), (7, 3)))]:
        case = Case(batch=batch, queries=queries, heads=6, channels=8, points=4, levels=levels)
        call = make_call(case, torch.float32)
        assert torch.equal(call.run(compiled), call.run(ms_deform_attn))
    assert counter.frame_count == 1


def test_compile_with_lists_of_dynamic_sizes() -> None:
    def attend(maps: list[Tensor], locations: Tensor, weights: Tensor) -> Tensor:
        value = torch.cat([level.flatten(2).transpose(1, 2) for level in maps], dim=1)
        shapes = [(level.shape[2], level.shape[3]) for level in maps]
        return ms_deform_attn(value.unflatten(-1, (2, 2)), shapes, None, locations, weights)

    compiled = torch.compile(attend, fullgraph=True, dynamic=True)
    for levels in [((6, 4), (3, 2)), ((5, 7), (2, 4))]:
        call = make_call(Case(levels=levels), torch.float32)
        maps = [torch.randn(1, 4, height, width) for height, width in levels]
        samples = (call.sampling_locations, call.attention_weights)
        assert torch.equal(compiled(maps, *samples), attend(maps, *samples))


def test_compile_under_autocast() -> None:
    call = make_call(Case(queries=3), torch.float32)
    compiled = torch.compile(ms_deform_attn, fullgraph=True)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(call.run(compiled), call.run(ms_deform_attn))


def test_compile_reports_bad_arguments_by_name() -> None:
    call = make_call(Case(), torch.float32)
    call.attention_weights = call.attention_weights[..., :1]
    compiled = torch.compile(ms_deform_attn, fullgraph=True, backend="aot_eager")
    with pytest.raises(Exception, match=r"attention_weights: expected \[B, Q, M, L, P\]"):
        call.run(compiled)


@pytest.mark.parametrize("dynamic", [None, True], ids=["static", "dynamic"])
@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"spatial_shapes": [(6, 4.5), (3, 2)]}, "spatial_shapes"),
        ({"spatial_shapes": [(6, 4.0), (3, 2)]}, "spatial_shapes"),
        ({"spatial_shapes": [(True, 4), (3, 2)]}, "spatial_shapes"),
        ({"level_start_index": [0, 24.5]}, "level_start_index"),
        ({"level_start_index": [False, 24]}, "level_start_index"),
        ({"options": {"points_per_level": [2, 2.5]}}, "points_per_level"),
    ],
    ids=str,
)
def test_compile_refuses_what_is_no_integer(fields: dict[str, Any], name: str, dynamic: bool | None) -> None:
    call = replace(make_call(Case(), torch.float32), **fields)
    compiled = torch.compile(ms_deform_attn, fullgraph=True, dynamic=dynamic, backend="aot_eager")
    with pytest.raises(Exception, match=f"{name}: expected "):
        call.run(compiled)


def test_compile_with_dynamic_lists() -> None:
    compiled = torch.compile(ms_deform_attn, fullgraph=True, dynamic=True, backend="eager")
    for levels, points in [(((6, 4), (3, 2)), (3, 1)), (((5, 7), (2, 4)), (2, 5))]:
        call = make_call(Case(levels=levels, points=points, starts=(0, levels[0][0] * levels[0][1])), torch.float32)
        call.spatial_shapes, call.level_start_index = call.spatial_shapes.tolist(), call.level_start_index.tolist()
        assert torch.equal(call.run(compiled), call.run(ms_deform_attn))


class ListAttention(nn.Module):
    """Makes the list of levels from the sizes of maps, as models do."""

    def forward(self, maps: list[Tensor], locations: Tensor, weights: Tensor) -> Tensor:
        value = torch.cat([level.flatten(2).transpose(1, 2) for level in maps], dim=1).unflatten(-1, (2, 2))
        return ms_deform_attn(value, [(m.shape[2], m.shape[3]) for m in maps], None, locations, weights)


@pytest.mark.parametrize("strict", [False, True])
def test_export_keeps_sizes_in_lists_dynamic(strict: bool) -> None:
    call = make_call(Case(), torch.float32)
    samples = (call.sampling_locations, call.attention_weights)
    dims = [torch.export.Dim(name, min=2) for name in ("h0", "w0", "h1", "w1")]
    program = torch.export.export(
        ListAttention(),
        ([torch.randn(1, 4, 6, 4), torch.randn(1, 4, 3, 2)], *samples),
        dynamic_shapes=([{2: dims[0], 3: dims[1]}, {2: dims[2], 3: dims[3]}], None, None),
        strict=strict,
    )
    maps = [torch.randn(1, 4, 5, 7), torch.randn(1, 4, 4, 9)]
    assert torch.equal(program.module()(maps, *samples), ListAttention()(maps, *samples))


@pytest.mark.parametrize("strict", [False, True])
def test_export_refuses_what_is_no_integer(strict: bool) -> None:
    class Model(nn.Module):
        def forward(self, value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
            return ms_deform_attn(value, [(6, 4.5), (3, 2)], None, locations, weights)  # type: ignore[list-item]

    call = make_call(Case(), torch.float32)
    with pytest.raises(Exception, match="spatial_shapes: expected "):
        torch.export.export(Model(), tuple(call.floats), strict=strict)


def test_compile_refuses_forward_mode() -> None:
    call = make_call(Case(), torch.float32)

    def derivative(value: Tensor) -> Tensor:
        def run(changed: Tensor) -> Tensor:
            return ms_deform_attn(changed, [(6, 4), (3, 2)], None, call.sampling_locations, call.attention_weights)

        return torch.func.jvp(run, (value,), (torch.ones_like(value),))[1]

    with pytest.raises(Exception, match="forward-mode differentiation"):
        torch.compile(derivative, fullgraph=True, backend="aot_eager")(call.value)


class Attention(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options

    def forward(self, value: Tensor, shapes: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
        return ms_deform_attn(value, shapes, None, locations, weights, **self.options)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_export(case: Case, strict: bool) -> None:
    call = make_call(case, torch.float32)
    arguments = (call.value, call.spatial_shapes, *call.floats[1:])
    program = torch.export.export(Attention(**call.options), arguments, strict=strict)
    assert torch.equal(program.module()(*arguments), call.run(ms_deform_attn))
    assert "xmsda.ms_deform_attn_forward" in str(program.graph)


def test_export_with_dynamic_sizes() -> None:
    call = make_call(Case(batch=2, queries=5), torch.float32)
    batch, queries, pixels = torch.export.Dim("batch"), torch.export.Dim("queries"), torch.export.Dim("pixels")
    program = torch.export.export(
        Attention(),
        (call.value, call.spatial_shapes, *call.floats[1:]),
        dynamic_shapes=({0: batch, 1: pixels}, None, {0: batch, 1: queries}, {0: batch, 1: queries}),
    )
    other = make_call(Case(batch=3, queries=9, levels=((8, 3), (5, 5))), torch.float32)
    output = program.module()(other.value, other.spatial_shapes, *other.floats[1:])
    assert torch.equal(output, other.run(ms_deform_attn))


def operator_arguments(call: Call, points: list[int], discrete: bool) -> tuple[Any, ...]:
    return (call.value, call.spatial_shapes, call.level_start_index, *call.floats[1:], points, discrete, "auto")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", ["dense", "heads first", "slice"])
@pytest.mark.parametrize("case", [*CASES, Case(starts=(0, 24))], ids=str)
def test_opcheck(case: Case, layout: str, dtype: torch.dtype) -> None:
    call = make_call(case, dtype)
    if layout == "heads first":
        call.value = call.value.permute(0, 2, 1, 3).contiguous().permute(0, 2, 1, 3)
    elif layout == "slice":
        call.value = torch.cat([call.value, call.value], dim=3)[..., : case.channels]
    points = [] if isinstance(case.points, int) else list(case.points)
    arguments = operator_arguments(call, points, case.method == "discrete")
    grad_output = torch.randn(case.batch, case.queries, case.heads * case.channels).to(dtype)
    torch.library.opcheck(torch.ops.xmsda.ms_deform_attn_backward, (*arguments, grad_output))
    torch.library.opcheck(torch.ops.xmsda._forward, arguments[:-1])
    torch.library.opcheck(torch.ops.xmsda._backward, (*arguments[:-1], grad_output))
    for tensor in call.floats:
        tensor.requires_grad_()
    torch.library.opcheck(torch.ops.xmsda.ms_deform_attn_forward, arguments)


def test_meta_tensors_give_shapes() -> None:
    call = make_call(Case(batch=2, queries=3), torch.bfloat16)
    call.value, call.sampling_locations, call.attention_weights = (tensor.to("meta") for tensor in call.floats)
    output = call.run(ms_deform_attn)
    assert output.is_meta
    assert output.shape == (2, 3, 4)
    assert output.dtype == torch.bfloat16
