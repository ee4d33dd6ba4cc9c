"""The operator inside transformers: every architecture computes the same with and without the patch.

SPDX-License-Identifier: Apache-2.0

Models are the tiny ones of transformers_zoo, in double precision unless a test is about another type.
"""

from __future__ import annotations

import copy
import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers_zoo as zoo
from torch import Tensor, nn
from transformers_check import (
    LEVELS,
    Counter,
    assert_same,
    assert_same_gradients,
    deformable_detr_class,
    differs,
    module_call,
    patch,
    run,
    tensors,
)
from xmsda import ops
from xmsda.integrations import transformers as integration

pytestmark = pytest.mark.usefixtures("one_thread", "unpatched")


def test_evaluation_then_training() -> None:
    """Nothing that is kept from a call under inference_mode spoils a later one that records for backward."""
    ops._cached_shapes.cache_clear()
    model, inputs = zoo.build(zoo.CASES["deformable_detr"])
    with integration.patch():
        torch.manual_seed(1)
        with torch.inference_mode():
            evaluated = tensors(model(**copy.deepcopy(inputs)))
        assert ops._cached_shapes.cache_info().currsize > 0
        outputs, gradients = run(model, inputs)
    assert_same(evaluated, outputs)
    assert gradients


@pytest.mark.parametrize("name", zoo.CASES)
def test_same_outputs_and_gradients(name: str, counter: Counter) -> None:
    case = zoo.CASES[name]
    model, inputs = zoo.build(case)
    outputs, gradients = run(model, inputs)
    assert counter.calls == 0
    offsets = [key for key in dict(model.named_parameters()) if key.endswith("sampling_offsets.weight")]
    assert offsets
    # discrete sampling has no gradient to the locations, in the original as in xmsda.
    assert all((key in gradients) != name.endswith("discrete") for key in offsets)

    with patch(counter):
        assert case.module in integration.patched_modules()
        patched_outputs, patched_gradients = run(model, inputs)
        assert counter.calls == case.calls
        assert_same(outputs, patched_outputs)
        assert_same_gradients(gradients, patched_gradients)
        # The comparison can fail: a result that is 1% off reaches the outputs.
        counter.scale = 1.01
        assert differs(outputs, run(model, inputs)[0])

    counter.calls = 0
    again, _ = run(model, inputs)
    assert counter.calls == 0
    assert all(torch.equal(one, other) for one, other in zip(outputs, again, strict=True) if one.isfinite().all())


@pytest.mark.parametrize("name", ["deformable_detr", "rt_detr_v2-default", "d_fine-default", "mask2former"])
def test_models_built_while_patched(name: str, counter: Counter) -> None:
    with patch(counter):
        model, inputs = zoo.build(zoo.CASES[name])
        # The first import of a model's module under the patch checks it, which calls the operator too.
        counter.calls = 0
        patched_outputs, _ = run(model, inputs)
        assert counter.calls == zoo.CASES[name].calls
    counter.calls = 0
    outputs, _ = run(model, inputs)
    assert counter.calls == 0
    assert_same(outputs, patched_outputs)


@pytest.mark.parametrize("name", ["deformable_detr-two_stage", "rt_detr", "rt_detr_v2-default"])
def test_training_loss(name: str, counter: Counter) -> None:
    """With labels: matching, auxiliary losses and, where the model has it, denoising."""
    model, inputs = zoo.build(zoo.CASES[name])
    boxes = torch.tensor([[0.4, 0.5, 0.3, 0.2], [0.6, 0.3, 0.2, 0.4]], dtype=torch.float64)
    label = {"class_labels": torch.tensor([1, 3]), "boxes": boxes}
    inputs["labels"] = [label, {key: value[:1] for key, value in label.items()}]
    outputs, gradients = run(model, inputs)
    with patch(counter):
        patched_outputs, patched_gradients = run(model, inputs)
        assert counter.calls == zoo.CASES[name].calls
    assert_same(outputs, patched_outputs)
    assert_same_gradients(gradients, patched_gradients)


def test_every_module_of_the_installed_transformers_is_patched() -> None:
    """A new model in transformers shows up here first: by the names in its source, not by our list."""
    import transformers

    pattern = re.compile(r"^(class MultiScaleDeformableAttention|def multi_scale_deformable_attention)", re.MULTILINE)
    models = Path(transformers.__file__).parent / "models"
    found = {
        f"transformers.models.{path.parent.name}.{path.stem}"
        for path in models.glob("*/modeling_*.py")
        if pattern.search(path.read_text(encoding="utf-8"))
    }
    assert found == {case.module for case in zoo.CASES.values()}
    for name in found:
        importlib.import_module(name)
    with integration.patch():
        assert integration.patched_modules().keys() == found
        assert integration.skipped_modules() == {}


# ---------------------------------------------------------------------------------------------------------------------
# Types, devices, compilers
# ---------------------------------------------------------------------------------------------------------------------


def test_other_devices_and_types_go_to_the_original(counter: Counter) -> None:
    module = deformable_detr_class()()
    with patch(counter):
        value, shapes, starts, locations, weights = module_call(torch.float32, device="meta")
        output = module(value, shapes, LEVELS, starts, locations, weights, 64)
        assert output.device.type == "meta" and output.shape == (2, 5, 16)
        # grid_sample refuses mixed types: that the error comes from there shows that the original ran.
        value, shapes, starts, locations, weights = module_call(torch.float32, location_dtype=torch.float64)
        with pytest.raises(RuntimeError, match="expected scalar type") as refused:
            module(value, shapes, LEVELS, starts, locations, weights, 64)
        assert refused.traceback[-1].name == "grid_sample"
        assert counter.calls == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_other_precisions(dtype: torch.dtype, counter: Counter) -> None:
    """Against the original in double precision on the same (rounded) inputs."""
    module = deformable_detr_class()()
    value, shapes, starts, locations, weights = module_call(dtype)
    exact = module(value.double(), shapes, LEVELS, starts, locations.double(), weights.double(), 64)
    with patch(counter):
        output = module(value, shapes, LEVELS, starts, locations, weights, 64)
    assert counter.calls == 1 and output.dtype == dtype
    # In float32, eps = 1.2e-7: a coordinate below 6 pixels is off by at most 3 eps, a bilinear sample of values below 1
    # by twice 3 eps and 3 eps of its own arithmetic, and there are 6 samples of weight below 1: 54 eps = 6.5e-6. Then
    # one rounding to the type of the result.
    torch.testing.assert_close(output.double(), exact, rtol=torch.finfo(dtype).eps, atol=6.5e-6)


def _attention_call(model: nn.Module, inputs: zoo.Inputs) -> tuple[nn.Module, tuple[Any, ...], dict[str, Any]]:
    """The first attention layer that a forward pass runs, and its arguments."""
    recorded: list[tuple[nn.Module, tuple[Any, ...], dict[str, Any]]] = []

    def record(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        recorded.append((module, args, kwargs))

    layers = [item for item in model.modules() if type(item).__name__.endswith("MultiscaleDeformableAttention")]
    hooks = [layer.register_forward_pre_hook(record, with_kwargs=True) for layer in layers]
    with torch.no_grad():
        model(**inputs)
    for hook in hooks:
        hook.remove()
    return recorded[0]


@pytest.mark.parametrize("name", ["deformable_detr", "rt_detr_v2-default", "d_fine-default", "mask2former"])
def test_autocast(name: str, counter: Counter) -> None:
    """Under autocast value is bfloat16 and the locations are float32, and the output's type stays what it was."""
    model, inputs = zoo.build(zoo.CASES[name])
    model.float()
    inputs["pixel_values"] = inputs["pixel_values"].float()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        layer, args, kwargs = _attention_call(model, inputs)
        expected = layer(*args, **kwargs)[0]
        with patch(counter):
            got = layer(*args, **kwargs)[0]
            assert counter.calls == 1
            counter.scale = 1.1
            wrong = layer(*args, **kwargs)[0]
    assert got.dtype == expected.dtype
    # xmsda rounds its result to bfloat16 and the projection does the same to it in both: half a unit in the last place
    # twice, 2^-8 of the largest output, times 4 for the sum over the channels.
    limit = 4 * 2.0**-8 * expected.abs().max().item()
    assert (got - expected).abs().max().item() <= limit
    assert (wrong - expected).abs().max().item() > limit


def test_compile_and_export() -> None:
    """Without a graph break, forward and backward; torch.export sees xmsda inside the patch only."""
    module = deformable_detr_class()()
    value, shapes, starts, locations, weights = module_call()
    args = (value, shapes, LEVELS, starts, locations, weights, 64)
    torch.compiler.reset()
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")

    def step(function: Callable[..., Tensor]) -> list[Tensor]:
        leaves = [item.clone().requires_grad_() for item in (value, locations, weights)]
        output = function(leaves[0], shapes, LEVELS, starts, leaves[1], leaves[2], 64)
        return [output.detach(), *torch.autograd.grad(output.square().sum(), leaves)]

    expected = step(module)
    with integration.patch():
        assert "xmsda" in _exported(module, args) and "grid_sampler" not in _exported(module, args)
        for one, other in zip(expected, step(compiled), strict=True):
            torch.testing.assert_close(other, one, rtol=1e-10, atol=1e-12)
    assert "xmsda" not in _exported(module, args) and "grid_sampler" in _exported(module, args)


def _exported(module: nn.Module, args: tuple[Any, ...]) -> str:
    """Operators that torch.export sees."""
    return str(torch.export.export(module, args).graph)


@pytest.mark.parametrize("name", ["deformable_detr", "d_fine-default", "rt_detr_v2-default", "mask2former"])
def test_compiled_models_follow_undo(name: str) -> None:
    """A layer that is compiled while patched has xmsda in its graph, and is compiled anew after undo."""
    model, inputs = zoo.build(zoo.CASES[name])
    layer, args, kwargs = _attention_call(model, inputs)
    graphs: list[str] = []

    def backend(graph: torch.fx.GraphModule, _: list[Tensor]) -> Callable[..., Any]:
        graphs.append(str(graph.graph))
        return graph.forward

    torch.compiler.reset()
    compiled = torch.compile(layer, backend=backend)
    with torch.no_grad():
        expected = layer(*args, **kwargs)[0]
        with integration.patch():
            got = compiled(*args, **kwargs)[0]
        assert any("xmsda.ms_deform_attn" in graph for graph in graphs)
        assert not any("grid_sample" in graph for graph in graphs)
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
        graphs.clear()
        assert torch.equal(compiled(*args, **kwargs)[0], expected)
        assert any("grid_sample" in graph for graph in graphs)


def test_tracing_runs_the_original(counter: Counter) -> None:
    """A TorchScript or ONNX file must not depend on xmsda being there."""
    module = deformable_detr_class()()
    value, shapes, starts, locations, weights = module_call()

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = module

        def forward(self, value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
            return self.attention(value, shapes, LEVELS, starts, locations, weights, 64)

    with patch(counter):
        traced = torch.jit.trace(Attention(), (value, locations, weights), check_trace=False)
        assert counter.calls == 0
    assert "grid_sampler" in str(traced.inlined_graph)


def test_onnx_export_runs_the_original(counter: Counter) -> None:
    pytest.importorskip("onnxscript")
    value, shapes, starts, locations, weights = module_call(torch.float32)
    args = (value, shapes, LEVELS, starts, locations, weights, 64)
    with patch(counter):
        program = torch.onnx.export(deformable_detr_class()(), args, dynamo=True, verbose=False)
        assert counter.calls == 0
    assert program is not None and "GridSample" in {node.op_type for node in program.model.graph}
