"""What the tests of the ONNX export and of its runtimes share: models of one node, sessions, exported models.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import openvino
import torch
import xmsda.onnx
from onnx import TensorProto, helper
from xmsda._onnx_function import DOMAIN, OP_TYPE, VERSION, function_proto

Run = Callable[[list[np.ndarray]], list[np.ndarray]]

TYPES = {
    "f32": TensorProto.FLOAT,
    "f64": TensorProto.DOUBLE,
    "f16": TensorProto.FLOAT16,
    "bf16": TensorProto.BFLOAT16,
}
NAMES = ["value", "spatial_shapes", "level_start_index", "sampling_locations", "attention_weights"]
ROADS = ["onnxruntime", "body", "openvino"]


def node_model(
    points: list[int],
    types: tuple[str, str] = ("f32", "f32"),
    *,
    discrete: int = 0,
    level_axis: bool = False,
    body: bool = True,
    attributes: dict[str, Any] | None = None,
    opset: int = 20,
) -> onnx.ModelProto:
    """One node whose inputs are all inputs of the graph and have unknown sizes."""
    if attributes is None:
        attributes = {"points": points, "discrete": discrete}
    node = helper.make_node(OP_TYPE, NAMES, ["output"], domain=DOMAIN, **attributes)
    axes = [4, 2, 1, 6 if level_axis else 5, 5 if level_axis else 4]
    value, samples = TYPES[types[0]], TYPES[types[1]]
    kinds = [value, TensorProto.INT64, TensorProto.INT64, samples, samples]
    inputs = [
        helper.make_tensor_value_info(name, kind, [f"{name}{axis}" for axis in range(rank)])
        for name, kind, rank in zip(NAMES, kinds, axes, strict=True)
    ]
    output = helper.make_tensor_value_info("output", value, ["B", "Q", "C"])
    graph = helper.make_graph([node], "node", inputs, [output])
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, VERSION)]
    functions = [function_proto(opset)] if body else []
    return helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=10)


def session(model: onnx.ModelProto | str, library: bool, threads: int = 1) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    if library:
        options.register_custom_ops_library(xmsda.onnx.library_path())
    source = model if isinstance(model, str) else model.SerializeToString()
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


@functools.cache
def core() -> Any:
    made = openvino.Core()
    made.add_extension(xmsda.onnx.openvino_library_path())
    return made


def runner(road: str, model: onnx.ModelProto | str, threads: int = 1) -> Run:
    """`road`: ONNX Runtime with the library, without it by the function body, or OpenVINO."""
    if road != "openvino":
        made = session(model, road == "onnxruntime", threads)
        names = [one.name for one in made.get_inputs()]
        return lambda arrays: made.run(None, dict(zip(names, arrays, strict=True)))
    source = model if isinstance(model, str) else model.SerializeToString()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False}
    compiled = core().compile_model(core().read_model(source), "CPU", settings)
    return lambda arrays: [np.array(one) for one in compiled(arrays).values()]


def inputs(
    levels: list[tuple[int, int]],
    points: list[int],
    dtypes: tuple[torch.dtype, torch.dtype] = (torch.float32, torch.float32),
    *,
    batch: int = 2,
    queries: int = 5,
    heads: int = 3,
    channels: int = 8,
) -> list[torch.Tensor]:
    """The operator's five inputs; a quarter of the locations lies outside, some are not finite."""
    generator = torch.Generator().manual_seed(7)
    pixels = [height * width for height, width in levels]
    samples = (batch, queries, heads, sum(points))
    value = torch.randn(batch, sum(pixels), heads, channels, generator=generator)
    locations = torch.rand(*samples, 2, generator=generator) * 1.4 - 0.2
    flat = locations.view(-1)
    for index, number in enumerate((float("nan"), float("inf"), -float("inf"), 3e38, -1e30)):
        flat[index * 7 : index * 7 + 1] = number
    weights = torch.rand(samples, generator=generator)
    shapes = torch.tensor(levels).view(-1, 2)
    starts = torch.tensor([sum(pixels[:index]) for index in range(len(levels))], dtype=torch.int64)
    return [value.to(dtypes[0]), shapes, starts, locations.to(dtypes[1]), weights.to(dtypes[1])]


def arrays(tensors: list[torch.Tensor]) -> list[np.ndarray]:
    return [tensor.numpy() for tensor in tensors]


def expected(tensors: list[torch.Tensor], points: list[int], discrete: bool) -> np.ndarray:
    method = "discrete" if discrete else "bilinear"
    value, shapes, starts, locations, weights = tensors
    output = xmsda.ms_deform_attn(value, shapes, starts, locations, weights, points_per_level=points, method=method)
    return output.float().numpy()


def assert_close(got: np.ndarray, want: np.ndarray, tolerance: float) -> None:
    """Within `tolerance` of the largest magnitude."""
    assert got.shape == want.shape
    if want.size:
        difference = np.abs(got.astype(np.float32) - want).max()
        assert difference <= tolerance * max(np.abs(want).max(), 1e-6), difference
