"""Export the trained detector to ONNX with xmsda's operator as one node, and serve it with ONNX Runtime.

SPDX-License-Identifier: Apache-2.0

    python examples/serve.py [--model out/train] [--file out/detector.onnx]
"""

import argparse
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import onnxruntime
import torch
import xmsda.onnx
from torch import Tensor, nn
from xmsda.demo.errors import DemoError
from xmsda.demo.model import load_model
from xmsda.demo.photo import load_voc_photo, to_input
from xmsda.integrations.transformers import patch

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--model", type=Path, default=Path("out/train"), help="folder with model.safetensors")
parser.add_argument("--file", type=Path, default=Path("out/detector.onnx"), help="where the ONNX file goes")
options = parser.parse_args()


class Detector(nn.Module):
    """The model with tensors for results: scores of the classes, and boxes (centre, width, height)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels ``[1, 3, H, W]``; results of 100 queries."""
        output = self.model(pixels)
        return output.logits.sigmoid(), output.pred_boxes


try:
    detector = Detector(load_model(options.model))
except DemoError as error:
    sys.exit(f"serve.py: {error}")
photo = load_voc_photo()
pixels = to_input(photo.pixels)
options.file.parent.mkdir(parents=True, exist_ok=True)
with torch.no_grad(), patch():
    expected = detector(pixels)
    # torch 2.13 loses a constant of this model when it optimizes the graph; ONNX Runtime does so anyway.
    xmsda.onnx.export(detector, (pixels,), options.file, input_names=["pixels"], optimize=False, verbose=False)


def session(with_library: bool) -> onnxruntime.InferenceSession:
    """The file needs no library: with it, each node is one call of xmsda's kernel."""
    settings = onnxruntime.SessionOptions()
    if with_library:
        settings.register_custom_ops_library(xmsda.onnx.library_path())
    return onnxruntime.InferenceSession(str(options.file), settings, providers=["CPUExecutionProvider"])


for label, server in (("function body", session(False)), ("xmsda's library", session(True))):
    scores, boxes = (torch.from_numpy(output) for output in server.run(None, {"pixels": pixels.numpy()}))
    apart = max(float((scores - expected[0]).abs().max()), float((boxes - expected[1]).abs().max()))
    seconds = []
    for _ in range(10):
        start = time.perf_counter()
        server.run(None, {"pixels": pixels.numpy()})
        seconds.append(time.perf_counter() - start)
    agrees = "agrees with torch to 1e-3" if apart < 1e-3 else f"differs from torch by {apart:.1e}"
    print(f"{label:16} {agrees}, {statistics.median(seconds) * 1e3:.0f} ms a picture")
best, classes = scores[0].max(-1)
found = Counter(photo.class_names[index] for index in classes[best > 0.3].tolist())
print("found:", ", ".join(f"{count} x {name}" for name, count in sorted(found.items())) or "nothing yet")
