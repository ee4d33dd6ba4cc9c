"""Tiny random-weight models of every transformers architecture that has deformable attention; nothing is downloaded.

SPDX-License-Identifier: Apache-2.0

`CASES`: name -> (module that must be patched, function that builds the model and its inputs).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Inputs = dict[str, Any]

# Neither square nor a power of two, so that levels are not square either: swapped axes and clamps cannot hide.
HEIGHT, WIDTH = 64, 96


@dataclass(frozen=True)
class Case:
    """One architecture; `calls`: calls of deformable attention in one forward pass."""

    model: str
    build: Callable[[], tuple[nn.Module, Inputs]]
    calls: int

    @property
    def module(self) -> str:
        return f"transformers.models.{self.model}.modeling_{self.model}"


def _resnet() -> Any:
    from transformers import ResNetConfig

    return ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )


def _rt_detr_resnet() -> Any:
    from transformers import RTDetrResNetConfig

    return RTDetrResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )


def _hgnet(first_stage: int = 2) -> Any:
    from transformers import HGNetV2Config

    return HGNetV2Config(
        stem_channels=[3, 8, 8],
        stage_in_channels=[8, 8, 8, 16],
        stage_mid_channels=[8, 8, 8, 8],
        stage_out_channels=[8, 8, 16, 16],
        stage_num_blocks=[1, 1, 1, 1],
        stage_numb_of_layers=[1, 1, 1, 1],
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        embedding_size=8,
        out_features=[f"stage{stage}" for stage in range(first_stage, 5)],
    )


def _swin(out_features: list[str]) -> Any:
    from transformers import SwinConfig

    return SwinConfig(
        image_size=32,
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 2, 2],
        window_size=2,
        out_features=out_features,
        drop_path_rate=0.0,
    )


def _bert() -> Any:
    from transformers import BertConfig

    return BertConfig(
        vocab_size=120,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )


def _pixels(height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    return torch.randn(2, 3, height, width, dtype=torch.float64)


def _transformers(name: str) -> Any:
    return getattr(importlib.import_module("transformers"), name)


def _deformable_detr(**options: Any) -> tuple[nn.Module, Inputs]:
    config = _transformers("DeformableDetrConfig")(
        backbone_config=_resnet(),
        use_timm_backbone=False,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_queries=7,
        two_stage_num_proposals=7,
        num_labels=4,
        **options,
    )
    mask = torch.ones(2, HEIGHT, WIDTH, dtype=torch.long)
    mask[1, :, 70:] = 0
    return _transformers("DeformableDetrForObjectDetection")(config), {"pixel_values": _pixels(), "pixel_mask": mask}


def _grounding_dino(prefix: str) -> tuple[nn.Module, Inputs]:
    config = _transformers(f"{prefix}Config")(
        backbone_config=_swin(["stage2", "stage3", "stage4"]),
        text_config=_bert(),
        use_timm_backbone=False,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        num_queries=7,
        num_labels=4,
        max_text_len=16,
    )
    ids = torch.tensor([[101, 7, 8, 102], [101, 9, 10, 102]])
    inputs = {"pixel_values": _pixels(), "input_ids": ids, "attention_mask": torch.ones_like(ids)}
    return _transformers(f"{prefix}ForObjectDetection")(config), inputs


def _rt_detr_options() -> dict[str, Any]:
    return {
        "encoder_hidden_dim": 16,
        "encoder_in_channels": [8, 16, 16],
        "encoder_ffn_dim": 16,
        "encoder_attention_heads": 2,
        "d_model": 16,
        "num_queries": 7,
        "decoder_in_channels": [16, 16, 16],
        "decoder_ffn_dim": 16,
        "decoder_layers": 2,
        "decoder_attention_heads": 2,
        "num_labels": 4,
    }


def _rt_detr(prefix: str, **options: Any) -> tuple[nn.Module, Inputs]:
    config = _transformers(f"{prefix}Config")(backbone_config=_rt_detr_resnet(), **_rt_detr_options(), **options)
    return _transformers(f"{prefix}ForObjectDetection")(config), {"pixel_values": _pixels()}


def _d_fine(prefix: str, **options: Any) -> tuple[nn.Module, Inputs]:
    config = _transformers(f"{prefix}Config")(
        backbone_config=_hgnet(), **_rt_detr_options(), decoder_n_points=[3, 6, 3], lqe_hidden_dim=8, **options
    )
    return _transformers(f"{prefix}ForObjectDetection")(config), {"pixel_values": _pixels()}


def _pp_doclayout(version: int, **options: Any) -> tuple[nn.Module, Inputs]:
    prefix = f"PPDocLayoutV{version}"
    # Version 3 also takes the stage of stride 4, for its masks.
    backbone = _hgnet(first_stage=1 if version == 3 else 2)
    config = _transformers(f"{prefix}Config")(backbone_config=backbone, **_rt_detr_options(), **options)
    return _transformers(f"{prefix}ForObjectDetection")(config), {"pixel_values": _pixels()}


def _pp_doclayout_v2() -> tuple[nn.Module, Inputs]:
    reading_order = {
        "hidden_size": 16,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "coordinate_size": 3,
        "shape_size": 2,
        "num_classes": 4,
        "relation_bias_embed_dim": 4,
        "global_pointer_head_size": 8,
    }
    return _pp_doclayout(2, reading_order_config=reading_order, class_thresholds=[0.5] * 4, class_order=[0, 1, 2, 3])


def _lw_detr() -> tuple[nn.Module, Inputs]:
    backbone = _transformers("LwDetrViTConfig")(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=64,
        pretrain_image_size=64,
        patch_size=8,
        num_windows=4,
        window_block_indices=[0],
        out_indices=[1, 2],
    )
    config = _transformers("LwDetrConfig")(
        backbone_config=backbone,
        projector_scale_factors=[2.0, 0.5],
        d_model=16,
        c2f_num_blocks=1,
        decoder_ffn_dim=16,
        decoder_layers=2,
        decoder_self_attention_heads=2,
        decoder_cross_attention_heads=4,
        num_queries=7,
        group_detr=2,
        num_labels=4,
    )
    return _transformers("LwDetrForObjectDetection")(config), {"pixel_values": _pixels()}


def _rf_detr() -> tuple[nn.Module, Inputs]:
    from transformers.models.rf_detr.configuration_rf_detr import RfDetrDinov2Config

    backbone = RfDetrDinov2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=64,
        patch_size=8,
        num_windows=2,
        out_indices=[1, 2],
    )
    config = _transformers("RfDetrConfig")(
        backbone_config=backbone,
        d_model=16,
        c2f_num_blocks=1,
        decoder_ffn_dim=16,
        decoder_layers=2,
        decoder_n_points=2,
        decoder_self_attention_heads=2,
        decoder_cross_attention_heads=4,
        num_queries=7,
        group_detr=2,
        num_labels=4,
    )
    return _transformers("RfDetrForObjectDetection")(config), {"pixel_values": _pixels()}


def _omdet_turbo() -> tuple[nn.Module, Inputs]:
    text = _transformers("CLIPTextConfig")(
        vocab_size=50,
        hidden_size=16,
        intermediate_size=16,
        projection_dim=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=16,
        bos_token_id=48,
        eos_token_id=49,
    )
    config = _transformers("OmDetTurboConfig")(
        backbone_config=_swin(["stage2", "stage3", "stage4"]),
        text_config=text,
        use_timm_backbone=False,
        text_projection_in_dim=16,
        text_projection_out_dim=16,
        task_encoder_hidden_dim=16,
        class_embed_dim=16,
        num_queries=7,
        encoder_hidden_dim=32,
        encoder_in_channels=[16, 32, 64],
        apply_layernorm_after_vision_backbone=False,
        vision_features_channels=[32, 32, 32],
        encoder_attention_heads=2,
        encoder_dim_feedforward=16,
        decoder_hidden_dim=32,
        decoder_num_heads=2,
        decoder_num_layers=2,
        decoder_dim_feedforward=16,
    )
    classes = torch.tensor([[0, 5, 49], [0, 6, 49], [0, 7, 49], [0, 8, 49]])
    tasks = torch.tensor([[0, 9, 10, 49], [0, 11, 12, 49]])
    inputs = {
        "pixel_values": _pixels(),
        "classes_input_ids": classes,
        "classes_attention_mask": torch.ones_like(classes),
        "tasks_input_ids": tasks,
        "tasks_attention_mask": torch.ones_like(tasks),
        "classes_structure": torch.tensor([2, 2]),
    }
    return _transformers("OmDetTurboForObjectDetection")(config), inputs


def _mask2former() -> tuple[nn.Module, Inputs]:
    config = _transformers("Mask2FormerConfig")(
        backbone_config=_swin(["stage1", "stage2", "stage3", "stage4"]),
        feature_size=32,
        mask_feature_size=32,
        hidden_dim=32,
        encoder_feedforward_dim=16,
        encoder_layers=2,
        decoder_layers=2,
        num_attention_heads=2,
        dim_feedforward=16,
        num_queries=7,
        num_labels=4,
    )
    return _transformers("Mask2FormerForUniversalSegmentation")(config), {"pixel_values": _pixels()}


def _oneformer() -> tuple[nn.Module, Inputs]:
    config = _transformers("OneFormerConfig")(
        backbone_config=_swin(["stage1", "stage2", "stage3", "stage4"]),
        num_queries=7,
        text_encoder_width=16,
        text_encoder_num_layers=1,
        text_encoder_vocab_size=50,
        text_encoder_context_length=8,
        text_encoder_n_ctx=2,
        task_seq_len=8,
        conv_dim=32,
        mask_dim=32,
        hidden_dim=32,
        encoder_feedforward_dim=16,
        encoder_layers=2,
        decoder_layers=2,
        query_dec_layers=1,
        num_attention_heads=2,
        dim_feedforward=16,
        dropout=0.0,
        num_labels=4,
    )
    inputs = {"pixel_values": _pixels(), "task_inputs": torch.randint(0, 50, (2, 8)).double()}
    return _transformers("OneFormerForUniversalSegmentation")(config), inputs


CASES: dict[str, Case] = {
    "deformable_detr": Case("deformable_detr", _deformable_detr, 3),
    "deformable_detr-two_stage": Case(
        "deformable_detr", lambda: _deformable_detr(two_stage=True, with_box_refine=True), 3
    ),
    "grounding_dino": Case("grounding_dino", lambda: _grounding_dino("GroundingDino"), 3),
    "mm_grounding_dino": Case("mm_grounding_dino", lambda: _grounding_dino("MMGroundingDino"), 3),
    "rt_detr": Case("rt_detr", lambda: _rt_detr("RTDetr"), 2),
    "rt_detr_v2-default": Case("rt_detr_v2", lambda: _rt_detr("RTDetrV2"), 2),
    "rt_detr_v2-discrete": Case("rt_detr_v2", lambda: _rt_detr("RTDetrV2", decoder_method="discrete"), 2),
    "d_fine-default": Case("d_fine", lambda: _d_fine("DFine"), 2),
    "d_fine-discrete": Case("d_fine", lambda: _d_fine("DFine", decoder_method="discrete"), 2),
    "deimv2-default": Case("deimv2", lambda: _d_fine("Deimv2"), 2),
    "deimv2-discrete": Case("deimv2", lambda: _d_fine("Deimv2", decoder_method="discrete"), 2),
    "pp_doclayout_v2": Case("pp_doclayout_v2", _pp_doclayout_v2, 2),
    "pp_doclayout_v3": Case(
        "pp_doclayout_v3", lambda: _pp_doclayout(3, mask_feature_channels=[8, 8], x4_feat_dim=8), 2
    ),
    "pp_doclayout_v4": Case("pp_doclayout_v4", lambda: _pp_doclayout(4, hidden_size=16), 2),
    "lw_detr": Case("lw_detr", _lw_detr, 2),
    "rf_detr": Case("rf_detr", _rf_detr, 2),
    "omdet_turbo": Case("omdet_turbo", _omdet_turbo, 2),
    "mask2former": Case("mask2former", _mask2former, 2),
    "oneformer": Case("oneformer", _oneformer, 2),
}


def build(case: Case, seed: int = 0) -> tuple[nn.Module, Inputs]:
    """The case's model in double precision and training mode, and its inputs; the same for the same seed."""
    torch.manual_seed(seed)
    model, inputs = case.build()
    model.double()
    with torch.no_grad():
        for parameter in model.parameters():
            # Fresh models have zero sampling offsets and equal attention weights: everything has to differ.
            parameter.add_(torch.randn_like(parameter) * 0.1)
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        # Statistics of the 2x3 pixels of the last level are so small that they amplify rounding errors a million times.
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    return model, inputs
