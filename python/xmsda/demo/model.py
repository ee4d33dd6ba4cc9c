"""The small Deformable-DETR of the demonstration: built from a seed, saved, loaded.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from transformers import DeformableDetrConfig, DeformableDetrForObjectDetection, ResNetConfig

from xmsda.demo.errors import DemoError

MODEL_FILE = "model.safetensors"


def _config(class_names: tuple[str, ...]) -> DeformableDetrConfig:
    """Describe the model: 2.7 million parameters, 3969 encoder queries for 500x375 pixels, 100 decoder queries."""
    # Both classes take these names, but do not declare them.
    backbone_options: dict[str, Any] = {"out_features": ["stage2", "stage3", "stage4"]}
    options: dict[str, Any] = {"use_timm_backbone": False, "backbone": None}
    return DeformableDetrConfig(
        **options,
        backbone_config=ResNetConfig(
            **backbone_options,
            embedding_size=32,
            hidden_sizes=[32, 64, 128, 256],
            depths=[1, 1, 1, 1],
            layer_type="basic",
        ),
        d_model=128,
        encoder_layers=2,
        decoder_layers=3,
        encoder_ffn_dim=256,
        decoder_ffn_dim=256,
        num_queries=100,
        # One photo is to be learnt by heart: dropout would only slow that down.
        dropout=0.0,
        with_box_refine=True,
        auxiliary_loss=True,
        id2label=dict(enumerate(class_names)),
        label2id={name: index for index, name in enumerate(class_names)},
    )


def build_model(class_names: tuple[str, ...], seed: int) -> DeformableDetrForObjectDetection:
    """Return a freshly initialised model in training mode, the same one for the same seed."""
    torch.manual_seed(seed)
    model = DeformableDetrForObjectDetection(_config(class_names))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # transformers freezes the stem and first stage, which makes sense for pretrained weights only.
            parameter.requires_grad_(True)
            # Offsets start as whole pixels and the encoder's reference points lie on pixel centres: all samples would
            # sit on the kinks of bilinear interpolation, where the last bit of a coordinate decides which of two valid
            # one-sided gradients is taken. A quarter of a pixel of noise moves them off, for both implementations.
            if name.endswith("sampling_offsets.bias"):
                parameter.add_(torch.empty_like(parameter).uniform_(-0.25, 0.25))
            # Every class starts at 1 % instead of transformers' 50 %, whose loss of 60 hides all else for 25 steps.
            if name.startswith("class_embed.") and name.endswith(".bias"):
                parameter.fill_(-math.log(99))
    return model.train()


def save_model(model: DeformableDetrForObjectDetection, directory: Path, facts: Mapping[str, object]) -> Path:
    """Write weights, configuration and `facts` about the training into one safetensors file."""
    path = directory / MODEL_FILE
    metadata = {"config": model.config.to_json_string(use_diff=False), "facts": json.dumps(facts)}
    safetensors.torch.save_model(model, str(path), metadata=metadata)
    return path


def load_model(directory: Path) -> DeformableDetrForObjectDetection:
    """Return the trained model of an earlier run, in evaluation mode.

    Raises
    ------
    DemoError
        When there is none, or the file is not one.
    """
    path = directory / MODEL_FILE
    if not path.is_file():
        raise DemoError(
            f"--image: there is no trained model at {str(path)!r} yet: run the demonstration without --image first"
        )
    try:
        with safe_open(str(path), framework="pt") as archive:
            config = json.loads(archive.metadata()["config"])
        model = DeformableDetrForObjectDetection(DeformableDetrConfig.from_dict(config))
        safetensors.torch.load_model(model, str(path))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DemoError(f"--image: {str(path)!r} is not a model of this demonstration: {reason}") from None
    return model.eval()
