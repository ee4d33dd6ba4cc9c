"""Putting the operator into transformers and taking it out: exactly, nested, and only where it is known to fit.

SPDX-License-Identifier: Apache-2.0

Models are the tiny ones of transformers_zoo; versions of transformers that do not exist are small fake modules.
"""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import io
import pickle
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
import transformers_zoo as zoo
from torch import Tensor, nn
from transformers_check import LEVELS, Counter, assert_same, deformable_detr_class, module_call, patch, run
from xmsda.integrations import transformers as integration

pytestmark = pytest.mark.usefixtures("one_thread", "unpatched")


def _attributes() -> list[Any]:
    """What the patch changes, as found in the modules' and classes' own dictionaries."""
    found: list[Any] = []
    for case in zoo.CASES.values():
        module = importlib.import_module(case.module)
        found.append(dict(vars(module)))
        found += [dict(vars(item)) for item in vars(module).values() if isinstance(item, type)]
    # Importing the first of them adds a finder of transformers' own.
    return [*found, list(sys.meta_path)]


def test_restores_every_attribute() -> None:
    before = _attributes()
    handle = integration.patch()
    assert _attributes() != before
    handle.undo()
    assert _attributes() == before
    handle.undo()
    assert _attributes() == before


def test_nests_and_is_idempotent() -> None:
    from transformers.models.deformable_detr import modeling_deformable_detr as module

    original = module.MultiScaleDeformableAttention.forward
    first = integration.patch()
    replaced = module.MultiScaleDeformableAttention.forward
    assert replaced is not original
    with integration.patch():
        assert module.MultiScaleDeformableAttention.forward is replaced
    assert module.MultiScaleDeformableAttention.forward is replaced
    second = integration.patch()
    first.undo()
    first.undo()
    assert module.MultiScaleDeformableAttention.forward is replaced
    second.undo()
    assert module.MultiScaleDeformableAttention.forward is original

    integration.patch()
    integration.patch()
    integration.unpatch()
    assert module.MultiScaleDeformableAttention.forward is original
    integration.unpatch()

    with pytest.raises(KeyError), integration.patch():
        raise KeyError
    assert module.MultiScaleDeformableAttention.forward is original


def test_leaves_a_later_replacement_alone(monkeypatch: pytest.MonkeyPatch, counter: Counter) -> None:
    """Someone wraps the patched method: theirs stays when ours is undone, and reaches the original through ours."""
    from transformers.models.rt_detr import modeling_rt_detr as module

    model, inputs = zoo.build(zoo.CASES["rt_detr"])
    outputs, _ = run(model, inputs)
    original = module.MultiScaleDeformableAttention.forward
    handle = patch(counter)
    ours = module.MultiScaleDeformableAttention.forward

    def theirs(*args: Any) -> Tensor:
        return ours(*args)

    module.MultiScaleDeformableAttention.forward = theirs
    try:
        handle.undo()
        assert module.MultiScaleDeformableAttention.forward is theirs
        assert_same(outputs, run(model, inputs)[0])
        assert counter.calls == 0
    finally:
        module.MultiScaleDeformableAttention.forward = original


def test_modules_imported_later() -> None:
    """In a fresh process: patch() imports no model, later imports are patched, and nothing of the hook stays."""
    program = """
        import sys
        from xmsda.integrations import transformers as integration
        handle = integration.patch()
        assert not [name for name in sys.modules if name.startswith("transformers.models.") and "modeling_" in name]
        from transformers.models.d_fine import modeling_d_fine
        import transformers
        transformers.RTDetrV2ForObjectDetection
        from transformers.models.rt_detr_v2 import modeling_rt_detr_v2
        print(sorted(integration.patched_modules()))
        assert type(modeling_d_fine.__spec__.loader).__module__ != integration.__name__
        assert modeling_d_fine.__loader__ is modeling_d_fine.__spec__.loader
        handle.undo()
        from transformers.models.mask2former import modeling_mask2former
        function = modeling_mask2former.multi_scale_deformable_attention
        assert function.__code__.co_filename == modeling_mask2former.__file__
        assert integration.patched_modules() == {}
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    modules = ["transformers.models.d_fine.modeling_d_fine", "transformers.models.rt_detr_v2.modeling_rt_detr_v2"]
    assert done.stdout.strip() == str(modules)


@pytest.mark.parametrize("name", ["d_fine-default", "deformable_detr"])
def test_models_are_copied_and_saved_while_patched(name: str, counter: Counter) -> None:
    model, inputs = zoo.build(zoo.CASES[name])
    with patch(counter):
        outputs, _ = run(model, inputs)
        stream = io.BytesIO()
        pickle.dump(model, stream)
        copied = copy.deepcopy(model)
    counter.calls = 0
    loaded = pickle.loads(stream.getvalue())
    for other in (copied, loaded):
        assert_same(outputs, run(other, inputs)[0])
    assert counter.calls == 0
    with patch(counter):
        run(loaded, inputs)
        assert counter.calls == zoo.CASES[name].calls


# ---------------------------------------------------------------------------------------------------------------------
# Versions of transformers that are not what we know
# ---------------------------------------------------------------------------------------------------------------------


def _fake_class(forward: Callable[..., Any]) -> ModuleType:
    module = ModuleType("transformers.models.fake.modeling_fake")
    cls = type("MultiScaleDeformableAttention", (nn.Module,), {"forward": forward, "__module__": module.__name__})
    vars(module)["MultiScaleDeformableAttention"] = cls
    return module


def _fake_v2(function: Callable[..., Any]) -> ModuleType:
    module = ModuleType("transformers.models.fake.modeling_fake")
    function.__module__ = module.__name__
    vars(module)["multi_scale_deformable_attention_v2"] = function
    return module


def _new_parameter() -> ModuleType:
    def forward(self: Any, value: Tensor, spatial_shapes: Tensor, sampling_locations: Tensor, mask: Tensor) -> Tensor:
        return value

    return _fake_class(forward)


def _other_padding() -> ModuleType:
    """The known parameters, but the weights are squared."""
    original = deformable_detr_class().forward

    @functools.wraps(original)
    def forward(self: Any, *args: Any) -> Tensor:
        return original(self, *args[:5], args[5] ** 2, args[6])

    return _fake_class(forward)


def _other_discrete() -> ModuleType:
    """`discrete` never reaches the last column."""
    from transformers.models.rt_detr_v2.modeling_rt_detr_v2 import multi_scale_deformable_attention_v2 as original

    @functools.wraps(original)
    def function(
        value: Tensor, shapes: Any, locations: Tensor, weights: Tensor, points: list[int], method: str = "default"
    ) -> Tensor:
        if method == "discrete":
            limits = [[(w - 1.6) / w, 1.0] for (_, w), p in zip(shapes, points, strict=True) for _ in range(p)]
            locations = locations.minimum(torch.tensor(limits, dtype=locations.dtype))
        return original(value, shapes, locations, weights, points, method)

    return _fake_v2(function)


def _raises() -> ModuleType:
    @functools.wraps(deformable_detr_class().forward)
    def forward(self: Any, *args: Any) -> Tensor:
        raise NotImplementedError("gone")

    return _fake_class(forward)


def _float_output() -> ModuleType:
    original = deformable_detr_class().forward

    @functools.wraps(original)
    def forward(self: Any, *args: Any) -> Tensor:
        return original(self, *args).float()

    return _fake_class(forward)


def _known_model_without() -> ModuleType:
    return ModuleType("transformers.models.rt_detr.modeling_rt_detr")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_new_parameter, r"has parameters \(self, value, spatial_shapes, .*, mask\), expected \(self, "),
        (_other_padding, r"computes something else than xmsda: they differ by 0\.\d+"),
        (_other_discrete, r"computes something else than xmsda"),
        (_raises, r"failed on the test problem: NotImplementedError: gone"),
        (_float_output, r"returns torch.float32 \[2, 3, 6\], xmsda torch.float64 \[2, 3, 6\]"),
        (_known_model_without, r"none of MultiScaleDeformableAttention, .* is in it"),
    ],
)
def test_unknown_versions_are_left_alone(
    make: Callable[[], ModuleType], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = make()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    before = {key: dict(vars(item)) if isinstance(item, type) else item for key, item in vars(module).items()}
    with pytest.warns(RuntimeWarning, match=re.escape(f"xmsda leaves {module.__name__} as it is: ") + ".*" + reason):
        handle = integration.patch()
    assert module.__name__ not in integration.patched_modules()
    assert re.search(reason, integration.skipped_modules()[module.__name__])
    after = {key: dict(vars(item)) if isinstance(item, type) else item for key, item in vars(module).items()}
    assert after == before
    handle.undo()
    assert integration.skipped_modules() == {}


def test_forward_that_a_decorator_has_wrapped(monkeypatch: pytest.MonkeyPatch, counter: Counter) -> None:
    """The kernel registry of some versions puts a dispatching forward around the model's own."""
    original = deformable_detr_class().forward

    @functools.wraps(original)
    def dispatch(self: Any, *args: Any, **kwargs: Any) -> Tensor:
        return original(self, *args, **kwargs)

    module = _fake_class(dispatch)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with patch(counter):
        assert module.__name__ in integration.patched_modules()
        value, shapes, starts, locations, weights = module_call()
        vars(module)["MultiScaleDeformableAttention"]()(value, shapes, LEVELS, starts, locations, weights, 64)
        assert counter.calls == 1
    assert vars(module)["MultiScaleDeformableAttention"].forward is dispatch


def test_needs_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="the package transformers is not installed"):
        integration.patch()
    assert integration.patched_modules() == {}


def test_fused_modules_and_their_weights(counter: Counter) -> None:
    from transformers.models.deformable_detr import modeling_deformable_detr as modeling

    model, inputs = zoo.build(zoo.CASES["deformable_detr"])
    torch.manual_seed(1)
    expected = model(**copy.deepcopy(inputs), output_attentions=True)
    with patch(counter):
        done = integration.patched_modules()[modeling.__name__]
        assert "DeformableDetrMultiscaleDeformableAttention.forward" in done
        # Once asked for, transformers' hooks stay on the modules.
        torch.manual_seed(1)
        got = model(**copy.deepcopy(inputs), output_attentions=True)
        assert counter.calls == zoo.CASES["deformable_detr"].calls
    for theirs, ours in zip(expected.cross_attentions, got.cross_attentions, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_fused_modules_refuse_what_their_originals_refuse(counter: Counter) -> None:
    from transformers.models.deformable_detr import modeling_deformable_detr as modeling

    config: Any = zoo.build(zoo.CASES["deformable_detr"])[0].config
    module = modeling.DeformableDetrMultiscaleDeformableAttention(config, config.encoder_attention_heads, 2)
    shapes = [(3, 4), (2, 2)] + [(1, 1)] * (config.num_feature_levels - 2)
    pixels = sum(height * width for height, width in shapes)
    with patch(counter), pytest.raises(ValueError, match="align the spatial shapes"):
        module(
            torch.rand(1, 5, config.d_model),
            encoder_hidden_states=torch.rand(1, pixels + 1, config.d_model),
            reference_points=torch.rand(1, 5, len(shapes), 2),
            spatial_shapes=torch.tensor(shapes),
            spatial_shapes_list=shapes,
        )


def test_modules_that_compute_something_else_are_not_fused(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers.models.deformable_detr import modeling_deformable_detr as modeling

    cls = modeling.DeformableDetrMultiscaleDeformableAttention
    original = cls.forward

    def scaled(self: Any, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Any:
        return original(self, 2 * hidden_states, *args, **kwargs)

    scaled.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]
    monkeypatch.setattr(cls, "forward", scaled)
    # What names MultiScaleDeformableAttention is __init__, which stays.
    with integration.patch():
        assert cls.forward is scaled
        assert integration.patched_modules()[modeling.__name__] == "MultiScaleDeformableAttention.forward"
