"""The operator as an ONNX graph of GridSample nodes, and the two runtimes that run it.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.problem import Problem

Array = npt.NDArray[np.float32]
Session = Callable[[Array, Array, Array], Array]

# The first with GridSample; OpenVINO and ONNX Runtime both take it.
OPSET = 16


class _Graph:
    """Nodes and constants of a graph under construction; every method returns the name of its result."""

    def __init__(self) -> None:
        self.helper: Any = importlib.import_module("onnx.helper")
        self.numpy_helper: Any = importlib.import_module("onnx.numpy_helper")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: Sequence[int] | Array) -> str:
        array = values if isinstance(values, np.ndarray) else np.asarray(values, dtype=np.int64)
        name = f"c{len(self.constants)}"
        self.constants.append(self.numpy_helper.from_array(array, name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def split(self, tensor: str, sizes: Sequence[int], axis: int) -> list[str]:
        names = [f"n{len(self.nodes)}_{index}" for index in range(len(sizes))]
        self.nodes.append(self.helper.make_node("Split", [tensor, self.constant(sizes)], names, axis=axis))
        return names

    def reshape(self, tensor: str, *shape: int) -> str:
        return self.node("Reshape", tensor, self.constant(shape))


def _bilinear_level(graph: _Graph, problem: Problem, level: str, grid: str, index: int) -> str:
    """[B,HW,M,D], [B,Q,M,P,2] in [-1, 1] -> [B*M,D,Q,P]."""
    rows, (height, width) = problem.batch * problem.heads, problem.levels[index]
    image = graph.reshape(graph.node("Transpose", level, perm=[0, 2, 3, 1]), rows, problem.channels, height, width)
    grid = graph.reshape(
        graph.node("Transpose", grid, perm=[0, 2, 1, 3, 4]), rows, problem.queries, problem.points[index], 2
    )
    return graph.node("GridSample", image, grid, mode="bilinear", padding_mode="zeros", align_corners=0)


def _discrete_level(graph: _Graph, problem: Problem, level: str, locations: str, index: int) -> str:
    """[B,HW,M,D], [B,Q,M,P,2] in [0, 1] -> [B*M,D,Q,P]: index = y * W + x of the nearest pixel, then GatherND."""
    rows, (height, width) = problem.batch * problem.heads, problem.levels[index]
    queries, points, channels = problem.queries, problem.points[index], problem.channels
    size = graph.constant(np.array([width, height], np.float32))
    scaled = graph.node("Add", graph.node("Mul", locations, size), graph.constant(np.array(0.5, np.float32)))
    scaled = graph.node("Max", scaled, graph.constant(np.array(0, np.float32)))
    scaled = graph.node("Min", scaled, graph.constant(np.array([width - 1, height - 1], np.float32)))
    pixel = graph.node("Cast", scaled, to=7)  # to int64, towards zero
    offset = graph.node("Mul", pixel, graph.constant([1, width]))
    flat = graph.node("ReduceSum", offset, graph.constant([-1]), keepdims=0)
    flat = graph.reshape(graph.node("Transpose", flat, perm=[0, 2, 1, 3]), rows, queries * points, 1)
    table = graph.reshape(graph.node("Transpose", level, perm=[0, 2, 1, 3]), rows, height * width, channels)
    picked = graph.node("GatherND", table, flat, batch_dims=1)
    return graph.reshape(graph.node("Transpose", picked, perm=[0, 2, 1]), rows, channels, queries, points)


def build_model(problem: Problem) -> bytes:
    """A serialized ONNX model: (value, locations, weights) -> output, the graph that exporting the torch code gives."""
    graph = _Graph()
    batch, queries, heads, channels = problem.batch, problem.queries, problem.heads, problem.channels
    rows, samples = batch * heads, problem.samples_per_query
    locations = "locations"
    sample_level = _discrete_level if problem.discrete else _bilinear_level
    if not problem.discrete:
        doubled = graph.node("Mul", locations, graph.constant(np.array(2, np.float32)))
        locations = graph.node("Sub", doubled, graph.constant(np.array(1, np.float32)))
    levels = graph.split("value", [height * width for height, width in problem.levels], 1)
    grids = graph.split(locations, problem.points, 3)
    sampled = [
        sample_level(graph, problem, level, grid, index)
        for index, (level, grid) in enumerate(zip(levels, grids, strict=True))
    ]
    joined = graph.node("Concat", *sampled, axis=3)  # [B*M,D,Q,K]
    weights = graph.reshape(graph.node("Transpose", "weights", perm=[0, 2, 1, 3]), rows, 1, queries, samples)
    weighted = graph.node("ReduceSum", graph.node("Mul", joined, weights), graph.constant([-1]), keepdims=0)
    merged = graph.reshape(weighted, batch, heads * channels, queries)
    graph.nodes.append(graph.helper.make_node("Transpose", [merged], ["output"], perm=[0, 2, 1]))

    def info(name: str, *shape: int) -> Any:
        return graph.helper.make_tensor_value_info(name, 1, list(shape))  # 1: float32

    inputs = [
        info("value", batch, problem.value_size, heads, channels),
        info("locations", batch, queries, heads, samples, 2),
        info("weights", batch, queries, heads, samples),
    ]
    outputs = [info("output", batch, queries, heads * channels)]
    made = graph.helper.make_graph(graph.nodes, "msda", inputs, outputs, graph.constants)
    # IR version 8 goes with opset 16; the newest that the onnx package writes may be too new for the runtimes.
    opsets = [graph.helper.make_opsetid("", OPSET)]
    return graph.helper.make_model(made, opset_imports=opsets, ir_version=8).SerializeToString()


def onnxruntime_session(problem: Problem, threads: int) -> Session:
    """ONNX Runtime's CPU provider with this many threads inside of an operator."""
    ort: Any = importlib.import_module("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(build_model(problem), options, providers=["CPUExecutionProvider"])

    def run(value: Array, locations: Array, weights: Array) -> Array:
        return session.run(None, {"value": value, "locations": locations, "weights": weights})[0]

    return run


def openvino_session(problem: Problem, threads: int) -> Session:
    """OpenVINO's CPU plugin with this many threads, in float32; inputs and outputs are shared, not copied."""
    openvino: Any = importlib.import_module("openvino")
    core = openvino.Core()
    model = core.read_model(build_model(problem))
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        # Pinned threads would change the affinity of the caller, under which the others run.
        "ENABLE_CPU_PINNING": False,
    }
    request = core.compile_model(model, "CPU", settings).create_infer_request()

    def run(value: Array, locations: Array, weights: Array) -> Array:
        return request.infer([value, locations, weights], share_inputs=True, share_outputs=True)[0]

    return run
