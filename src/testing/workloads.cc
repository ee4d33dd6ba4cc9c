// The named problems: the shapes of the models that use the operator, from the models' public configuration files.
// SPDX-License-Identifier: Apache-2.0
#include "testing/workloads.h"

#include <algorithm>

namespace xmsda::testing {

const std::vector<Workload>& Workloads() {
  using enum Pattern;
  static const std::vector<Workload> workloads = {
      {"detr-enc", "b1_q22223_m8_d32_p4_f32_l100x167,50x84,25x42,13x21", kLocal,
       "Deformable-DETR R50 encoder, 800x1333"},
      {"detr-enc-b2", "b2_q22223_m8_d32_p4_f32_l100x167,50x84,25x42,13x21", kLocal, "the same, batch of 2"},
      {"detr-enc-43", "b1_q17821_m8_d32_p4_f32_l100x134,50x67,25x34,13x17", kLocal, "the same, 800x1066"},
      {"detr-dec", "b1_q300_m8_d32_p4_f32_l100x167,50x84,25x42,13x21", kUniform, "Deformable-DETR decoder"},
      {"detr-dec-b2", "b2_q300_m8_d32_p4_f32_l100x167,50x84,25x42,13x21", kUniform, "the same, batch of 2"},
      {"dino-dec", "b1_q900_m8_d32_p4_f32_l100x167,50x84,25x42,13x21", kUniform, "DINO, Grounding DINO decoder"},
      {"dino5-enc", "b1_q89023_m8_d32_p4_f32_l200x334,100x167,50x84,25x42,13x21", kLocal, "DINO 5-scale encoder"},
      {"m2f-enc", "b1_q21504_m8_d32_p4_f32_l32x32,64x64,128x128", kLocal,
       "Mask2Former, OneFormer pixel decoder, 1024x1024"},
      {"rtdetr-dec", "b1_q300_m8_d32_p4_f32_l80x80,40x40,20x20", kUniform, "RT-DETR decoder, 640x640"},
      {"rtdetrv2-dec", "b1_q300_m8_d32_p4_f32_l80x80,40x40,20x20_discrete", kUniform,
       "RT-DETRv2 with discrete sampling"},
      {"dfine-dec", "b1_q300_m8_d32_p3,6,3_f32_l80x80,40x40,20x20", kUniform,
       "D-FINE decoder: points per level differ"},
      {"rfdetr-dec", "b1_q300_m16_d16_p2_f32_l40x40", kUniform, "RF-DETR base decoder"},
      {"omdet-dec", "b1_q900_m8_d32_p4_f32_l80x80,40x40,20x20", kUniform, "OmDet-Turbo decoder"},
      {"bev-sca", "b6_q9680_m8_d32_p8_f32_l116x200,58x100,29x50,15x25", kUniform,
       "BEVFormer base, spatial cross-attention"},
      {"bev-tsa", "b2_q40000_m8_d32_p4_f32_l200x200", kLocal, "BEVFormer base, temporal self-attention"},
      {"bev-dec", "b1_q900_m8_d32_p4_f32_l200x200", kUniform, "BEVFormer base decoder"},
      {"hub-bench", "b1_q300_m8_d32_p4_f32_l64x64,32x32,16x16,8x8", kUniform,
       "the benchmark shape of Hugging Face kernels and torch-ms-deform-attn"},
      {"mmcv-unit", "b1_q2_m2_d2_p2_f32_l6x4,3x2", kUniform, "the unit test that mmcv and Deformable-DETR share"},
      {"odd-d37", "b6_q9680_m4_d37_p3_f32_l60x40,60x40,60x40,60x40,60x40", kUniform, "a vendor's test: unaligned D"},
      {"odd-d147", "b1_q1450_m7_d147_p21_f32_l60x40,60x40,60x40", kUniform, "a vendor's test: many points"},
  };
  return workloads;
}

Status ParseProblemOrName(std::string_view text, Problem* problem) {
  const std::vector<Workload>& all = Workloads();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Workload& w) { return text == w.name; });
  if (found != all.end()) return ParseProblem(found->problem, problem);
  Status status = ParseProblem(text, problem);
  if (status.ok() || text.find("_l") != std::string_view::npos) return status;
  return Status::InvalidArgument(status.message() + " (nor is it the name of a workload, see `xmsda list`)");
}

}  // namespace xmsda::testing
