"""The drop-ins for the original compiled module, mmcv and the package kernels, against the pure formulation.

SPDX-License-Identifier: Apache-2.0

mmcv-lite, kernels and transformers are the real packages, each in a process of its own: what they keep in sys.modules
helps no other test.
"""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor
from xmsda.integrations import kernels, mmcv, originals
from xmsda.reference import grid_sample_formulation

LEVELS = [(6, 4), (3, 2)]
# How Deformable-DETR (models/ops/functions/ms_deform_attn_func.py), DINO, Mask2Former and GroundingDINO
# (groundingdino/models/GroundingDINO/ms_deform_attn.py) call the compiled module: positional, forward with six
# arguments, backward with seven and three gradients.
CALLER = """
import torch
import MultiScaleDeformableAttention as compiled


class MSDeformAttnFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value, shapes, starts, locations, weights, im2col_step):
        ctx.step = im2col_step
        ctx.save_for_backward(value, shapes, starts, locations, weights)
        return compiled.ms_deform_attn_forward(value, shapes, starts, locations, weights, ctx.step)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output):
        inputs = ctx.saved_tensors
        grad_value, grad_locations, grad_weights = compiled.ms_deform_attn_backward(*inputs, grad_output, ctx.step)
        return grad_value, None, None, grad_locations, grad_weights, None


def ms_deform_attn_core_pytorch(value, value_spatial_shapes, sampling_locations, attention_weights):
    from xmsda.reference import grid_sample_formulation
    return grid_sample_formulation(value, value_spatial_shapes, None, sampling_locations, attention_weights)
"""


def inputs(dtype: torch.dtype = torch.float64, batch: int = 3) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    value = torch.randn(batch, 30, 2, 5, dtype=torch.float64)
    locations = torch.rand(batch, 7, 2, 2, 3, 2, dtype=torch.float64) * 1.4 - 0.2
    weights = torch.rand(batch, 7, 2, 2, 3, dtype=torch.float64)
    floats = (tensor.to(dtype).requires_grad_() for tensor in (value, locations, weights))
    value, locations, weights = floats
    return value, torch.tensor(LEVELS), torch.tensor([0, 24]), locations, weights


def gradients(output: Tensor, leaves: tuple[Tensor, ...]) -> list[Tensor]:
    grad = torch.arange(output.numel(), dtype=torch.float64).cos().view(output.shape).to(output.dtype)
    return [output, *torch.autograd.grad(output, leaves, grad)]


def expected() -> list[Tensor]:
    value, shapes, starts, locations, weights = inputs()
    output = grid_sample_formulation(value, shapes, starts, locations, weights)
    return gradients(output, (value, locations, weights))


def assert_close(got: list[Tensor], want: list[Tensor], tolerance: float) -> None:
    for one, other in zip(got, want, strict=True):
        scale = float(other.detach().abs().max())
        torch.testing.assert_close(one.double(), other, rtol=0.0, atol=tolerance * scale)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A project with the original's call sites, imported after install()."""
    (tmp_path / "original_project.py").write_text(CALLER)
    monkeypatch.syspath_prepend(str(tmp_path))
    with originals.install():
        yield importlib.import_module("original_project")
    sys.modules.pop("original_project", None)


# Sums of 6 to 100 products; bf16 keeps 8 bits, and its inputs are rounded to them: a shifted location moves a result by
# up to its size times a slope.
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 3e-6)])
@pytest.mark.parametrize("step", [64, 2])
def test_original_call_site(project: ModuleType, dtype: torch.dtype, tolerance: float, step: int) -> None:
    value, shapes, starts, locations, weights = inputs(dtype)
    # A batch of 3 with im2col_step 2 is what the compiled module refuses.
    output = project.MSDeformAttnFunction.apply(value, shapes, starts, locations, weights, step)
    assert_close(gradients(output, (value, locations, weights)), expected(), tolerance)


def test_import_of_originals_changes_nothing_and_undo_restores() -> None:
    for name in originals.MODULES:
        assert name not in sys.modules
    handle = originals.install()
    assert set(originals.MODULES) <= set(handle.names)
    assert importlib.import_module("MultiScaleDeformableAttention") is sys.modules["MultiScaleDeformableAttention"]
    again = originals.install("MultiScaleDeformableAttention")
    again.undo()
    handle.undo()
    handle.undo()
    for name in originals.MODULES:
        assert name not in sys.modules


def test_install_refuses_where_the_real_module_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ModuleType("groundingdino._C")
    real.__file__ = "/somewhere/_C.so"
    monkeypatch.setitem(sys.modules, "groundingdino._C", real)
    with pytest.raises(RuntimeError, match=r"'groundingdino\._C' is imported already, from /somewhere/_C\.so"):
        originals.install()
    assert "MultiScaleDeformableAttention" not in sys.modules
    assert sys.modules["groundingdino._C"] is real


def test_pure_function_is_replaced_where_it_is_and_where_it_was_copied_to(project: ModuleType) -> None:
    original = project.ms_deform_attn_core_pytorch
    other = ModuleType("importer_of_original_project")
    other.__dict__["core"] = original
    sys.modules[other.__name__] = other
    try:
        handle = originals.patch_functions()
        assert "original_project.ms_deform_attn_core_pytorch" in handle.names
        replacement = project.ms_deform_attn_core_pytorch
        assert replacement is not original and other.core is replacement
        value, shapes, _, locations, weights = inputs()
        outputs = replacement(value, shapes, locations, weights)
        assert_close(gradients(outputs, (value, locations, weights)), expected(), 1e-13)
        assert "grid" not in graph(outputs) and "grid" in graph(original(value, shapes, locations, weights))
        handle.undo()
        assert project.ms_deform_attn_core_pytorch is original and other.core is original
        # A copy of the replacement that outlives it goes to the original.
        assert "grid" in graph(replacement(value, shapes, locations, weights))
    finally:
        del sys.modules[other.__name__]


def graph(output: Tensor) -> str:
    names, todo = [], [output.grad_fn]
    while todo:
        node = todo.pop()
        if node is not None:
            names.append(node.name())
            todo += [function for function, _ in node.next_functions]
    return " ".join(names).lower().replace("gridsampler", "grid")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda value, value_spatial_shapes, sampling_locations, attention_weights: value[:, :3, 0] * 2, "returns"),
        (lambda value, shapes: value, r"has parameters \(value, shapes\)"),
    ],
)
def test_function_that_computes_something_else_is_left_alone(function: Any, reason: str) -> None:
    import re

    module = ModuleType("odd_project")
    function.__name__ = "multi_scale_deformable_attn_pytorch"
    module.__dict__["multi_scale_deformable_attn_pytorch"] = function
    sys.modules["odd_project"] = module
    try:
        with originals.patch_functions() as handle:
            assert module.__dict__["multi_scale_deformable_attn_pytorch"] is function
            assert re.search(reason, handle.skipped["odd_project.multi_scale_deformable_attn_pytorch"])
    finally:
        del sys.modules["odd_project"]


def test_original_backward_names_a_wrong_gradient() -> None:
    tensors = [tensor.detach() for tensor in inputs()]
    forward: Any = originals.ms_deform_attn_forward
    backward: Any = originals.ms_deform_attn_backward
    with pytest.raises(ValueError, match=r"grad_output: expected the output's shape \[3, 7, 10\], got \[3, 7, 9\]"):
        backward(*tensors, torch.zeros(3, 7, 9))
    with pytest.raises(ValueError, match=r"attention_weights: "):
        forward(*tensors[:4], tensors[4].float())


def run(script: str) -> str:
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=Path(__file__).parent,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.mark.skipif(importlib.util.find_spec("mmcv") is None, reason="mmcv-lite is not installed")
def test_real_mmcv_without_its_extension() -> None:
    run("""
        import torch, test_dropins as t
        from xmsda.integrations import mmcv as integration
        integration.install_ext()
        import mmcv.ops
        from mmcv.ops import multi_scale_deform_attn as module
        # In a list: a global of this script would be replaced as every copy is.
        original = [module.multi_scale_deformable_attn_pytorch]
        value, shapes, starts, locations, weights = t.inputs()
        leaves = (value, locations, weights)
        function = module.MultiScaleDeformableAttnFunction
        # The stand-in below mmcv's own Function, then the patch above it.
        t.assert_close(t.gradients(function.apply(value, shapes, starts, locations, weights, 2), leaves),
                       t.expected(), 1e-13)
        torch.manual_seed(0)
        attention = mmcv.ops.MultiScaleDeformableAttention(10, 2, 2, 3, batch_first=True).double().eval()
        torch.nn.init.normal_(attention.sampling_offsets.weight)
        arguments = dict(query=torch.rand(3, 7, 10).double(), value=torch.rand(3, 30, 10).double(),
                         reference_points=torch.rand(3, 7, 2, 2).double(), spatial_shapes=shapes,
                         level_start_index=starts)
        parameters = tuple(attention.parameters())
        before = t.gradients(attention(**arguments), parameters)
        # The levels in another order, which the kernel behind Function heeds.
        order = torch.stack([shapes[1].prod(), 0 * starts[0]])
        swapped = t.gradients(function.apply(value, shapes, order, locations, weights, 2), leaves)
        assert "grid" in t.graph(attention(**arguments))
        handle = integration.patch()
        assert len(handle.names) == 2 and not handle.skipped, (handle.names, handle.skipped)
        after = t.gradients(attention(**arguments), parameters)
        assert "grid" not in t.graph(attention(**arguments))
        t.assert_close(after, before, 1e-12)
        t.assert_close(t.gradients(function.apply(value, shapes, order, locations, weights, 2), leaves), swapped, 1e-13)
        for call in (lambda: function.apply(value, shapes, starts, locations, weights, 2),
                     lambda: module.multi_scale_deformable_attn_pytorch(value, shapes, locations, weights)):
            t.assert_close(t.gradients(call(), leaves), t.expected(), 1e-13)
        handle.undo()
        assert module.multi_scale_deformable_attn_pytorch is original[0]
        try:
            mmcv.ops.nms(torch.rand(1, 4), torch.rand(1), 0.5)
        except NotImplementedError as error:
            assert "mmcv._ext.nms" in str(error)
        else:
            raise AssertionError("no error")
    """)


@pytest.mark.skipif(importlib.util.find_spec("mmcv") is None, reason="mmcv-lite is not installed")
def test_mmcv_without_its_extension_says_what_to_do() -> None:
    run("""
        import pytest
        from xmsda.integrations import mmcv
        with pytest.raises(ImportError, match=r"call xmsda\\.integrations\\.mmcv\\.install_ext\\(\\) before"):
            mmcv.patch()
    """)


def test_missing_packages_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None)
    with pytest.raises(ImportError, match="pip install mmcv-lite"):
        mmcv.patch()
    with pytest.raises(ImportError, match="pip install kernels"):
        kernels.register()


@pytest.mark.skipif(importlib.util.find_spec("kernels") is None, reason="kernels is not installed")
def test_real_kernels_registry() -> None:
    """Transformers 5.23 asks for kernels 0.18.2; its check is widened to the 0.17.2 that could be had."""
    run("""
        import torch
        from transformers.utils import import_utils
        check = import_utils.is_kernels_available
        check.__wrapped__.__defaults__ = ("0.17.2", "0.19.0")
        check.cache_clear()
        import transformers_zoo as zoo, transformers_check as tc
        from xmsda.integrations import kernels
        from xmsda.integrations import transformers as base
        kernels.register()
        torch.set_num_threads(1)
        right = base.ms_deform_attn
        for case in ("deformable_detr", "rt_detr", "lw_detr", "rf_detr"):
            base.ms_deform_attn = right
            model, inputs = zoo.build(zoo.CASES[case])
            model.eval()
            before, gradients = tc.run(model, inputs)
            model.set_use_kernels(True)
            layers = [module for module in model.modules() if type(module).__name__ == kernels.LAYER]
            assert layers, case
            for layer in layers:
                assert layer.forward.__func__ is kernels.MultiScaleDeformableAttention.forward
            after, new_gradients = tc.run(model, inputs)
            tc.assert_same(before, after)
            tc.assert_same_gradients(gradients, new_gradients)
            # And it is xmsda that ran: a wrong operator shows.
            base.ms_deform_attn = lambda *args, **options: right(*args, **options) * 1.01
            assert tc.differs(before, tc.run(model, inputs)[0]), case
    """)


def test_kernels_layer_refuses_what_xmsda_has_not() -> None:
    value, shapes, starts, locations, weights = inputs()
    layer = kernels.MultiScaleDeformableAttention()
    output = layer(value, shapes, LEVELS, starts, locations, weights, 64)
    assert_close(gradients(output, (value, locations, weights)), expected(), 1e-13)
    with pytest.raises(ValueError, match=r"got torch\.int64 and .*use_kernels=False"):
        layer(value.long(), shapes, LEVELS, starts, locations, weights, 64)
