// Kernels that each break one rule, and nothing else.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

struct BrokenKernel {
  const char* rule;
  uint32_t block_dim;
  void (*run)(uint8_t* x, uint8_t* y);  // x and y: 64 KiB each, x full of small floats
};

const std::vector<BrokenKernel>& BrokenKernels();
