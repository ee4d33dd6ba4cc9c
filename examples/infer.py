"""Find the objects on a picture with the model that examples/train/train.py or `make demo` has trained.

SPDX-License-Identifier: Apache-2.0

    python examples/infer.py [--model out/train] [--image photo.jpg]
"""

import argparse
import sys
import time
from pathlib import Path

from xmsda.demo.detect import detect, score
from xmsda.demo.errors import DemoError
from xmsda.demo.model import load_model
from xmsda.demo.photo import load_picture, load_voc_photo
from xmsda.integrations.transformers import patch

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--model", type=Path, default=Path("out/train"), help="folder with model.safetensors")
parser.add_argument("--image", type=Path, help="a picture; without one, the labelled photo that it was trained on")
options = parser.parse_args()

photo = load_voc_photo()
try:
    model = load_model(options.model)
    pixels = photo.pixels if options.image is None else load_picture(options.image)
except DemoError as error:
    sys.exit(f"infer.py: {error}")

detect(model, pixels)  # once unpatched, so that both timings below are of a warm model
start = time.perf_counter()
theirs = detect(model, pixels)
unpatched = time.perf_counter() - start
with patch():
    detect(model, pixels)
    start = time.perf_counter()
    found = detect(model, pixels)
    patched = time.perf_counter() - start

for index, confidence, box in zip(found.classes.tolist(), found.scores.tolist(), found.boxes.tolist(), strict=True):
    print(f"{photo.class_names[index]:12} {confidence:.2f}  at {', '.join(f'{side:.0f}' for side in box)}")
if options.image is None:
    result = score(found, photo)
    print(f"found {result.found} of {result.labelled} labelled objects, mean IoU {result.mean_iou:.2f}")
print(f"the same {len(theirs.scores)} boxes with grid_sample: {bool((theirs.classes == found.classes).all())}"
      if len(theirs.scores) == len(found.scores) else "grid_sample finds others")  # fmt: skip
print(f"{unpatched * 1e3:.0f} ms with grid_sample, {patched * 1e3:.0f} ms with xmsda")
