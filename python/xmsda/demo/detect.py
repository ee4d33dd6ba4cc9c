"""Detections of a model on a picture, and which labelled objects they find.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from transformers import DeformableDetrForObjectDetection

from xmsda.demo.photo import LabelledPhoto, Pixels, to_input

SCORE_THRESHOLD = 0.3
IOU_THRESHOLD = 0.5


@dataclass(frozen=True)
class Detections:
    """Detected objects, best score first.

    Attributes
    ----------
    boxes
        [N, 4] float32, x1, y1, x2, y2 in pixels of the picture, clipped to it.
    classes
        [N] int64.
    scores
        [N] float32, all above SCORE_THRESHOLD.
    """

    boxes: torch.Tensor
    classes: torch.Tensor
    scores: torch.Tensor


@dataclass(frozen=True)
class Score:
    """How well detections cover the labels.

    Attributes
    ----------
    found
        Number of labelled objects with a detection of their own that passes all three criteria.
    labelled
        Number of labelled objects.
    mean_iou
        Mean IoU over the found ones, 0 when there are none.
    """

    found: int
    labelled: int
    mean_iou: float


@torch.no_grad()
def detect(model: DeformableDetrForObjectDetection, pixels: Pixels) -> Detections:
    """Return what the model sees in the picture with a score above SCORE_THRESHOLD."""
    was_training = model.training
    model.eval()
    output = model(to_input(pixels))
    model.train(was_training)
    scores, classes = output.logits[0].sigmoid().max(dim=-1)
    height, width = pixels.shape[:2]
    centre, size = output.pred_boxes[0].split(2, dim=-1)
    limits = torch.tensor([width, height], dtype=torch.float32)
    corners = [(centre + sign * size / 2) * limits for sign in (-1, 1)]
    boxes = torch.cat([corner.clamp(min=torch.zeros(2), max=limits) for corner in corners], dim=1)
    order = scores.argsort(descending=True, stable=True)
    order = order[scores[order] > SCORE_THRESHOLD]
    return Detections(boxes=boxes[order], classes=classes[order], scores=scores[order])


def box_iou(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the [N, M] intersection over union of [N, 4] and [M, 4] boxes (x1, y1, x2, y2); 0 for two empty ones."""
    low = torch.maximum(first[:, None, :2], second[None, :, :2])
    high = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    overlap = (high - low).clamp(min=0).prod(dim=-1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=-1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None, :] - overlap
    return torch.where(union > 0, overlap / union.clamp(min=torch.finfo(union.dtype).tiny), 0)


def score(detections: Detections, photo: LabelledPhoto) -> Score:
    """Pair detections with labels, one to one, so that as many labels as possible are found.

    A label is found by a detection of its class with IoU > IOU_THRESHOLD and score > SCORE_THRESHOLD.
    """
    iou = box_iou(detections.boxes, photo.boxes)
    same_class = detections.classes[:, None] == photo.classes[None, :]
    passes = (iou > IOU_THRESHOLD) & same_class & (detections.scores > SCORE_THRESHOLD)[:, None]
    # A hit is worth 1 and its IoU breaks ties; with at most 100 detections the ties cannot outweigh a hit.
    gain = torch.where(passes, 1 + iou / 1000, 0)
    rows, columns = (torch.from_numpy(index) for index in linear_sum_assignment(gain.numpy(), maximize=True))
    hits = passes[rows, columns]
    found = int(hits.sum())
    mean_iou = float(iou[rows, columns][hits].mean()) if found else 0.0
    return Score(found=found, labelled=len(photo.boxes), mean_iou=mean_iou)
