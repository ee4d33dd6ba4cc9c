"""The implementations under test: what each is called, which rows it can do, and how it is called.

SPDX-License-Identifier: Apache-2.0

Every torch implementation is a function of (value, locations, weights) that autograd differentiates; the runtimes are
forward only. Layout changes that an implementation needs are inside of what is timed.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench import runtimes
from bench.inputs import Inputs
from bench.problem import Problem

TorchOperator = Callable[[Tensor, Tensor, Tensor], Tensor]

_DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}

# torch.compile takes about 4 times the time of eager grid_sample forward, and seconds per graph to compile: on rows of
# more samples than this it would take a third of the whole run and never be the best peer.
COMPILE_MAX_SAMPLES = 8_000_000


@dataclass(frozen=True)
class Operator:
    """An implementation made ready for one row, one set of inputs and one number of threads.

    Attributes
    ----------
    forward
        One call, without gradients.
    function
        The differentiable call, None for runtimes that have no gradients.
    arguments
        value, locations and weights as this implementation takes them.
    grad_output
        In the dtype of its output.
    """

    forward: Callable[[], Tensor]
    function: TorchOperator | None
    arguments: tuple[Tensor, Tensor, Tensor]
    grad_output: Tensor


@dataclass(frozen=True)
class Implementation:
    """One column of the table.

    Attributes
    ----------
    prepare
        Makes the Operator; everything that a user does once (a session, a compiled model) happens here.
    module
        What must be importable.
    forward_from_training
        The forward time is taken from the training call, to save a compilation of a minute's worth per row. It is
        shown, but compared with nobody's.
    """

    name: str
    label: str
    dtype: str
    prepare: Callable[[Problem, Inputs, int], Operator]
    module: str
    peer: bool = True
    trains: bool = True
    even_points_only: bool = False
    bilinear_only: bool = False
    max_samples: int | None = None
    forward_from_training: bool = False

    def unable(self, problem: Problem) -> str | None:
        """Why this implementation can not do the problem, None when it can."""
        try:
            importlib.import_module(self.module)
        except (ImportError, OSError) as error:
            return f"{self.module} can not be imported: {error}"
        if self.even_points_only and not problem.even_points:
            return "takes one number of points for all levels"
        if self.bilinear_only and problem.discrete:
            return "has no discrete sampling"
        if self.max_samples is not None and problem.samples > self.max_samples:
            return f"left out above {self.max_samples / 1e6:.0f} million samples, to save time"
        return None


def _torch_operator(function: TorchOperator, inputs: Inputs, dtype: torch.dtype) -> Operator:
    arguments = (inputs.value.to(dtype), inputs.locations, inputs.weights)

    def forward() -> Tensor:
        with torch.no_grad():
            return function(*arguments)

    return Operator(forward, function, arguments, inputs.grad_output.to(dtype))


def _by_level(tensor: Tensor, problem: Problem) -> Tensor:
    """[B,Q,M,K,...] as [B,Q,M,L,P,...], a view."""
    return tensor.unflatten(3, (len(problem.levels), problem.points[0]))


def _formulation(problem: Problem) -> TorchOperator:
    """The code that transformers runs on a CPU: `grid_sample` per level, or its v2 for uneven points and discrete."""
    shapes = list(problem.levels)
    if problem.even_points and not problem.discrete:
        module: Any = importlib.import_module("transformers.models.deformable_detr.modeling_deformable_detr")
        attention = module.MultiScaleDeformableAttention()

        def even(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
            locations, weights = _by_level(locations, problem), _by_level(weights, problem)
            return attention(value, None, shapes, None, locations, weights, 64)

        return even
    module = importlib.import_module("transformers.models.rt_detr_v2.modeling_rt_detr_v2")
    method = "discrete" if problem.discrete else "default"

    def uneven(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
        points = list(problem.points)
        return module.multi_scale_deformable_attention_v2(value, shapes, locations, weights, points, method)

    return uneven


def _prepare_eager(problem: Problem, inputs: Inputs, threads: int) -> Operator:
    del threads
    return _torch_operator(_formulation(problem), inputs, torch.float32)


@functools.lru_cache(maxsize=1)
def _compiled(problem: Problem, threads: int) -> TorchOperator:
    """Compiled once for all sampling patterns of a row; torch builds the number of threads into the code."""
    del threads
    torch._dynamo.reset()
    return torch.compile(_formulation(problem), dynamic=False, fullgraph=True)


def _prepare_compiled(problem: Problem, inputs: Inputs, threads: int) -> Operator:
    return _torch_operator(_compiled(problem, threads), inputs, torch.float32)


def _prepare_tmda(problem: Problem, inputs: Inputs, threads: int) -> Operator:
    del threads
    package: Any = importlib.import_module("torch_ms_deform_attn")

    def function(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
        locations, weights = _by_level(locations, problem), _by_level(weights, problem)
        return package.ms_deform_attn(value, inputs.shapes, inputs.starts, locations, weights)

    return _torch_operator(function, inputs, torch.float32)


def _prepare_xmsda(dtype: str) -> Callable[[Problem, Inputs, int], Operator]:
    def prepare(problem: Problem, inputs: Inputs, threads: int) -> Operator:
        del threads
        package: Any = importlib.import_module("xmsda")
        points = list(problem.points)
        method = "discrete" if problem.discrete else "bilinear"

        def even(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
            locations, weights = _by_level(locations, problem), _by_level(weights, problem)
            return package.ms_deform_attn(value, inputs.shapes, inputs.starts, locations, weights, method=method)

        def uneven(value: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
            return package.ms_deform_attn(
                value, inputs.shapes, inputs.starts, locations, weights, points_per_level=points, method=method
            )

        return _torch_operator(even if problem.even_points else uneven, inputs, _DTYPES[dtype])

    return prepare


def _prepare_runtime(make: Callable[[Problem, int], runtimes.Session]) -> Callable[[Problem, Inputs, int], Operator]:
    def prepare(problem: Problem, inputs: Inputs, threads: int) -> Operator:
        session = make(problem, threads)
        arguments = (inputs.value, inputs.locations, inputs.weights)
        arrays = tuple(tensor.numpy() for tensor in arguments)

        def forward() -> Tensor:
            return torch.from_numpy(session(*arrays))

        return Operator(forward, None, arguments, inputs.grad_output)

    return prepare


IMPLEMENTATIONS = (
    Implementation("xmsda", "xmsda fp32", "f32", _prepare_xmsda("f32"), "xmsda", peer=False),
    Implementation("xmsda-bf16", "xmsda bf16", "bf16", _prepare_xmsda("bf16"), "xmsda", peer=False),
    Implementation("xmsda-fp16", "xmsda fp16", "f16", _prepare_xmsda("f16"), "xmsda", peer=False),
    Implementation("grid_sample", "grid_sample (torch)", "f32", _prepare_eager, "transformers"),
    Implementation(
        "compile",
        "grid_sample (torch.compile)",
        "f32",
        _prepare_compiled,
        "transformers",
        max_samples=COMPILE_MAX_SAMPLES,
        forward_from_training=True,
    ),
    Implementation(
        "tmda",
        "torch-ms-deform-attn",
        "f32",
        _prepare_tmda,
        "torch_ms_deform_attn",
        even_points_only=True,
        bilinear_only=True,
    ),
    Implementation(
        "onnxruntime",
        "ONNX Runtime",
        "f32",
        _prepare_runtime(runtimes.onnxruntime_session),
        "onnxruntime",
        trains=False,
    ),
    Implementation(
        "openvino", "OpenVINO", "f32", _prepare_runtime(runtimes.openvino_session), "openvino", trains=False
    ),
)


def select(names: list[str] | None) -> list[Implementation]:
    """The implementations of these names, all when None.

    Raises
    ------
    ValueError
        A name is not an implementation.
    """
    if names is None:
        return list(IMPLEMENTATIONS)
    known = {implementation.name: implementation for implementation in IMPLEMENTATIONS}
    for name in names:
        if name not in known:
            raise ValueError(f"impl: expected names among {', '.join(known)}, got {name!r}")
    return [known[name] for name in names]
