"""The rows of the benchmark: shapes of published models, and two odd ones.

SPDX-License-Identifier: Apache-2.0

Names and problems are those of `xmsda list` (src/testing/workloads.cc, a test compares them), with more batch sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.problem import Problem, parse

_DETR = "l100x167,50x84,25x42,13x21"
_RTDETR = "l80x80,40x40,20x20"


@dataclass(frozen=True)
class Workload:
    """One row.

    Attributes
    ----------
    queries
        Where the queries of the `local` pattern stand: "pixels", one on every pixel of every level (encoders);
        "raster", on a grid row by row (bird's-eye-view queries projected into an image); "random" (decoders).
    """

    name: str
    text: str
    queries: str
    source: str

    @property
    def problem(self) -> Problem:
        """The parsed problem."""
        return parse(self.text)


WORKLOADS = (
    Workload("detr-enc", f"b1_q22223_m8_d32_p4_f32_{_DETR}", "pixels", "Deformable-DETR R50 encoder, 800x1333"),
    Workload("detr-enc-b2", f"b2_q22223_m8_d32_p4_f32_{_DETR}", "pixels", "the same, two images"),
    Workload(
        "detr-enc-43", "b1_q17821_m8_d32_p4_f32_l100x134,50x67,25x34,13x17", "pixels", "the same encoder, 800x1066"
    ),
    Workload("detr-dec", f"b1_q300_m8_d32_p4_f32_{_DETR}", "random", "Deformable-DETR decoder"),
    Workload("detr-dec-b2", f"b2_q300_m8_d32_p4_f32_{_DETR}", "random", "the same, two images"),
    Workload("dino-dec", f"b1_q900_m8_d32_p4_f32_{_DETR}", "random", "DINO, Grounding DINO decoder"),
    Workload("dino-dec-b2", f"b2_q900_m8_d32_p4_f32_{_DETR}", "random", "the same, two images"),
    Workload("dino-dec-train", f"b2_q1100_m8_d32_p4_f32_{_DETR}", "random", "the same with denoising queries"),
    Workload(
        "dino5-enc", "b1_q89023_m8_d32_p4_f32_l200x334,100x167,50x84,25x42,13x21", "pixels", "DINO 5-scale encoder"
    ),
    Workload(
        "m2f-enc", "b1_q21504_m8_d32_p4_f32_l32x32,64x64,128x128", "pixels", "Mask2Former, OneFormer pixel decoder"
    ),
    Workload("m2f-enc-b2", "b2_q21504_m8_d32_p4_f32_l32x32,64x64,128x128", "pixels", "the same, two images"),
    Workload("rtdetr-dec", f"b1_q300_m8_d32_p4_f32_{_RTDETR}", "random", "RT-DETR v1, v2 decoder, 640x640"),
    Workload("rtdetrv2-dec", f"b1_q300_m8_d32_p4_f32_{_RTDETR}_discrete", "random", "RT-DETRv2, discrete sampling"),
    Workload("dfine-dec", f"b1_q300_m8_d32_p3,6,3_f32_{_RTDETR}", "random", "D-FINE decoder"),
    Workload("rfdetr-dec", "b1_q300_m16_d16_p2_f32_l40x40", "random", "RF-DETR base decoder"),
    Workload("omdet-dec", f"b1_q900_m8_d32_p4_f32_{_RTDETR}", "random", "OmDet-Turbo decoder"),
    Workload(
        "bev-sca",
        "b6_q9680_m8_d32_p8_f32_l116x200,58x100,29x50,15x25",
        "raster",
        "BEVFormer base, spatial cross-attention",
    ),
    Workload("bev-tsa", "b2_q40000_m8_d32_p4_f32_l200x200", "pixels", "BEVFormer base, temporal self-attention"),
    Workload("bev-dec", "b1_q900_m8_d32_p4_f32_l200x200", "random", "BEVFormer base decoder"),
    Workload("hub-bench", "b1_q300_m8_d32_p4_f32_l64x64,32x32,16x16,8x8", "random", "Hugging Face kernels' benchmark"),
    Workload("hub-bench-b2", "b2_q300_m8_d32_p4_f32_l64x64,32x32,16x16,8x8", "random", "the same, batch 2"),
    Workload("hub-bench-b4", "b4_q300_m8_d32_p4_f32_l64x64,32x32,16x16,8x8", "random", "the same, batch 4"),
    Workload("mmcv-unit", "b1_q2_m2_d2_p2_f32_l6x4,3x2", "random", "mmcv's unit test"),
    Workload("odd-d37", "b6_q9680_m4_d37_p3_f32_l60x40,60x40,60x40,60x40,60x40", "raster", "37 channels"),
    Workload("odd-d147", "b1_q1450_m7_d147_p21_f32_l60x40,60x40,60x40", "random", "147 channels, 21 points"),
)


def select(names: list[str] | None) -> list[Workload]:
    """The rows of these names, all when None.

    Raises
    ------
    ValueError
        A name is not a row.
    """
    if names is None:
        return list(WORKLOADS)
    known = {workload.name: workload for workload in WORKLOADS}
    for name in names:
        if name not in known:
            raise ValueError(f"rows: expected names among {', '.join(known)}, got {name!r}")
    return [known[name] for name in names]
