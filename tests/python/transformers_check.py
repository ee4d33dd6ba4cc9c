"""What the tests of the transformers integration share: counting calls, running a model, comparing two runs.

SPDX-License-Identifier: Apache-2.0

Comparisons are relative to the size of what is compared, with the bound derived at `RELATIVE`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
import transformers_zoo as zoo
import xmsda
from torch import Tensor, nn
from xmsda.integrations import transformers as integration

# Both sides add the same <= 18 products per output in double precision, in another order: 18 * 2^-53 = 2e-15 relative
# per call. The rest of the network may amplify that (layer norms, inverse sigmoids): measured 1e-13 at most, and a
# wrong pixel or weight would show up at 1e-3.
RELATIVE = 1e-10


class Counter:
    """Stands in for xmsda.ms_deform_attn inside the integration: counts, and scales the output when asked to."""

    def __init__(self) -> None:
        self.calls = 0
        self.scale: float | None = None
        self.function = integration.ms_deform_attn

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        return self._count(self.function(*args, **kwargs))

    def fused(self, *args: Any, **kwargs: Any) -> Tensor:
        """Stands in for xmsda.ms_deform_attn_fused."""
        return self._count(xmsda.ms_deform_attn_fused(*args, **kwargs))

    def _count(self, output: Tensor) -> Tensor:
        self.calls += 1
        return output if self.scale is None else output * self.scale


def patch(counter: Counter) -> integration.Patch:
    """Patch; the calls of the checks that patching makes are not counted."""
    handle = integration.patch()
    counter.calls = 0
    return handle


def tensors(output: Any) -> list[Tensor]:
    """All floating-point tensors of a model's output, in order."""
    if isinstance(output, Tensor):
        return [output] if output.is_floating_point() else []
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, (list, tuple)):
        return [tensor for item in output for tensor in tensors(item)]
    return []


def run(model: nn.Module, inputs: zoo.Inputs) -> tuple[list[Tensor], dict[str, Tensor]]:
    """Outputs, and gradients of the model's loss, or without labels of a sum with different weights everywhere."""
    torch.manual_seed(1)
    model.zero_grad(set_to_none=True)
    # OmDet-Turbo keeps the embeddings of texts, with their autograd graphs, from call to call.
    for name in ("language_cache_class", "language_cache_prompt"):
        if hasattr(model, name):
            getattr(model, name).cache.clear()
    result = model(**copy.deepcopy(inputs))
    outputs = tensors(result)
    if "labels" in inputs:
        loss = result.loss
    else:
        summed = [output for output in outputs if output.requires_grad and output.isfinite().all()]
        loss = sum((output * torch.arange(output.numel()).cos().view_as(output)).sum() for output in summed)
    loss.backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    return [output.detach() for output in outputs], gradients


def largest(items: Iterable[Tensor]) -> float:
    return max(item[item.isfinite()].abs().max().item() for item in items if item.isfinite().any())


def _assert_close(got: Tensor, expected: Tensor, atol: float, what: str) -> None:
    def message(text: str) -> str:
        return f"{what}: {text}"

    torch.testing.assert_close(got, expected, rtol=0.0, atol=atol, equal_nan=True, msg=message)


def assert_same(expected: list[Tensor], got: list[Tensor], relative: float = RELATIVE) -> None:
    assert len(expected) == len(got)
    for index, (one, other) in enumerate(zip(expected, got, strict=True)):
        assert one.dtype == other.dtype, f"output {index}"
        scale = largest([one]) if one.isfinite().any() else 0.0
        _assert_close(other, one, relative * scale, f"output {index}")


def assert_same_gradients(expected: dict[str, Tensor], got: dict[str, Tensor], relative: float = RELATIVE) -> None:
    assert expected.keys() == got.keys()
    # Gradients that cancel to about zero carry the rounding of what cancels: hence the part of the largest gradient.
    floor = largest(expected.values()) * relative * 1e-3
    for name, one in expected.items():
        atol = relative * one.abs().max().item() + floor
        _assert_close(got[name], one, atol, name)


def differs(expected: list[Tensor], got: list[Tensor]) -> bool:
    return any(
        not torch.allclose(one, other, rtol=1e-4, equal_nan=True) for one, other in zip(expected, got, strict=True)
    )


LEVELS = [(6, 4), (3, 2)]


def module_call(
    dtype: torch.dtype = torch.float64, location_dtype: torch.dtype | None = None, device: str = "cpu"
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Value, spatial shapes, level starts, locations, weights for a module call."""
    torch.manual_seed(0)
    value = torch.rand(2, 30, 2, 8, dtype=torch.float64).to(dtype)
    locations = torch.rand(2, 5, 2, 2, 3, 2, dtype=torch.float64).to(location_dtype or dtype)
    weights = torch.rand(2, 5, 2, 2, 3, dtype=torch.float64).to(dtype)
    shapes, starts = torch.tensor(LEVELS), torch.tensor([0, 24])
    return tuple(item.to(device) for item in (value, shapes, starts, locations, weights))  # type: ignore[return-value]


def deformable_detr_class() -> Any:
    from transformers.models.deformable_detr import modeling_deformable_detr as module

    return module.MultiScaleDeformableAttention
