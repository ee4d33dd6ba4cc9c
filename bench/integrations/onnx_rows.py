"""ONNX Runtime and OpenVINO with the library against what they do without it: the node, and a whole encoder.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import functools
import importlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bench import runtimes
from bench.inputs import make_inputs
from bench.integrations.rows import Figures, Row, check_close, interleaved
from bench.problem import Problem
from bench.workloads import select

Array = npt.NDArray[np.float32]
Run = Callable[..., Array]

THREADS = os.cpu_count() or 1
# Sums of 16 products of float32 that both sides add in their own order, after locations of their own rounding.
_TOLERANCE = 1e-4
# The encoder's gain follows from that of its nodes only as far as the rest takes the same time in both models; the
# figures of the node come from calls with caches of their own.
_PREDICTED_PART = 0.85


def node_model(problem: Problem, opset: int = 20) -> bytes:
    """A serialized model of one node xmsda::MSDeformAttn, with its body."""
    from xmsda._onnx_function import DOMAIN, OP_TYPE, VERSION, function_proto

    helper: Any = importlib.import_module("onnx.helper")
    to_initializer = importlib.import_module("onnx.numpy_helper").from_array
    shapes = np.array(problem.levels, np.int64)
    starts = np.cumsum([0, *shapes.prod(1)[:-1]])
    names = ["value", "spatial_shapes", "level_start_index", "sampling_locations", "attention_weights"]
    node = helper.make_node(
        OP_TYPE, names, ["output"], domain=DOMAIN, points=list(problem.points), discrete=int(problem.discrete)
    )
    batch, queries, heads, channels = problem.batch, problem.queries, problem.heads, problem.channels
    samples = problem.samples_per_query
    sizes = {
        "value": [batch, problem.value_size, heads, channels],
        "sampling_locations": [batch, queries, heads, samples, 2],
        "attention_weights": [batch, queries, heads, samples],
        "output": [batch, queries, heads * channels],
    }
    infos = {name: helper.make_tensor_value_info(name, 1, size) for name, size in sizes.items()}
    output = infos.pop("output")
    initializers = [to_initializer(shapes, "spatial_shapes"), to_initializer(starts, "level_start_index")]
    graph = helper.make_graph([node], "msda", list(infos.values()), [output], initializers)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, VERSION)]
    functions = [function_proto(opset)]
    return helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=10).SerializeToString()


def onnxruntime_run(model: bytes | str, library: bool) -> Run:
    """A session with as many threads as CPUs."""
    import onnxruntime as ort
    import xmsda.onnx

    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.log_severity_level = 3
    if library:
        options.register_custom_ops_library(xmsda.onnx.library_path())
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    return lambda *arrays: session.run(None, dict(zip(names, arrays, strict=True)))[0]


def openvino_run(model: bytes | str, library: bool) -> Run:
    """A request with as many threads as CPUs; inputs and outputs are shared, not copied."""
    import openvino
    import xmsda.onnx

    core = openvino.Core()
    if library:
        core.add_extension(xmsda.onnx.openvino_library_path())
    settings = {
        "INFERENCE_NUM_THREADS": THREADS,
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,
    }
    request = core.compile_model(core.read_model(model), "CPU", settings).create_infer_request()
    return lambda *arrays: request.infer(list(arrays), share_inputs=True, share_outputs=True)[0]


_RUNTIMES: dict[str, tuple[str, Callable[[bytes | str, bool], Run]]] = {
    "onnxruntime": ("ONNX Runtime", onnxruntime_run),
    "openvino": ("OpenVINO", openvino_run),
}


@functools.cache
def measure_node(runtime: str, workload: str) -> Figures:
    """The node against the runtime's own GridSample graph on the same inputs."""
    make = _RUNTIMES[runtime][1]
    row = select([workload])[0]
    problem = row.problem
    inputs = make_inputs(row, "local")
    arrays = [tensor.numpy() for tensor in (inputs.value, inputs.locations, inputs.weights)]
    ours, theirs = make(node_model(problem), True), make(runtimes.build_model(problem), False)
    difference = check_close(workload, ours(*arrays), theirs(*arrays), _TOLERANCE)
    small = problem.samples < 1_000_000
    repetitions = 15 if small else 9
    times = interleaved(
        {"theirs": lambda: theirs(*arrays), "ours": lambda: ours(*arrays)}, repetitions, 25 if small else 1
    )
    return Figures(times["theirs"], times["ours"], repetitions, detail=f"outputs within {difference:.0e}")


class _Encoder(nn.Module):
    """Deformable-DETR's encoder with fixed level sizes."""

    def __init__(self, encoder: nn.Module, levels: list[tuple[int, int]]) -> None:
        super().__init__()
        self.encoder = encoder
        self.levels = levels
        self.register_buffer("shapes", torch.tensor(levels))
        starts = [sum(h * w for h, w in levels[:index]) for index in range(len(levels))]
        self.register_buffer("starts", torch.tensor(starts))

    def forward(self, features: Tensor, positions: Tensor) -> Tensor:
        ratios = torch.ones(features.shape[0], len(self.levels), 2)
        return self.encoder(
            inputs_embeds=features,
            spatial_position_embeddings=positions,
            spatial_shapes=self.shapes,
            spatial_shapes_list=self.levels,
            level_start_index=self.starts,
            valid_ratios=ratios,
        ).last_hidden_state


@functools.cache
def _encoder_files() -> tuple[Any, str, str]:
    """A folder, and in it the encoder exported with the operator and, as transformers has it, without."""
    import xmsda.onnx
    from transformers import DeformableDetrConfig
    from transformers.models.deformable_detr.modeling_deformable_detr import DeformableDetrEncoder
    from xmsda.integrations.transformers import patch

    problem = select(["detr-enc"])[0].problem
    torch.manual_seed(0)
    model = _Encoder(DeformableDetrEncoder(DeformableDetrConfig()), list(problem.levels)).eval()
    arguments = tuple(torch.from_numpy(array) for array in _encoder_inputs())
    folder = tempfile.TemporaryDirectory()
    with_node, without = (str(Path(folder.name, name)) for name in ("node.onnx", "plain.onnx"))
    with patch():
        xmsda.onnx.export(model, arguments, with_node, verbose=False)
    torch.onnx.export(model, arguments, without, dynamo=True, verbose=False)
    return folder, with_node, without


def _encoder_inputs() -> list[Array]:
    problem = select(["detr-enc"])[0].problem
    generator = np.random.default_rng(0)
    width = problem.heads * problem.channels
    return [generator.standard_normal((1, problem.value_size, width), np.float32) for _ in range(2)]


def measure_encoder(runtime: str) -> Figures:
    """The whole encoder: what its six nodes save predicts how much faster it is."""
    make = _RUNTIMES[runtime][1]
    _, with_node, without = _encoder_files()
    arrays = _encoder_inputs()
    ours, theirs = make(with_node, True), make(without, False)
    difference = check_close("encoder", ours(*arrays), theirs(*arrays), 1e-3)
    repetitions = 3
    times = interleaved({"theirs": lambda: theirs(*arrays), "ours": lambda: ours(*arrays)}, repetitions)
    node = measure_node(runtime, "detr-enc")
    saved = 6 * (node.baseline_ms - node.ours_ms)
    predicted = times["theirs"] / max(times["theirs"] - saved, 1e-9)
    detail = f"predicted {predicted:.2f}x, outputs within {difference:.0e}"
    return Figures(times["theirs"], times["ours"], repetitions, _PREDICTED_PART * predicted, detail)


def _rows() -> list[Row]:
    rows = []
    for name, (label, _) in _RUNTIMES.items():
        for workload, bar in (("detr-enc", 6.0), ("rtdetr-dec", 2.0)):
            measure = functools.partial(measure_node, name, workload)
            rows.append(Row(f"{name}-{workload}", f"{label}: node at {workload}", bar, measure))
        measure = functools.partial(measure_encoder, name)
        rows.append(Row(f"{name}-encoder", f"{label}: Deformable-DETR's encoder, 800x1333", None, measure))
    return rows


ROWS = _rows()
