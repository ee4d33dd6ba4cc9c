// Statements of a kernel that a test can switch off; see mutate.py.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

struct Mutant {
  int first_line, last_line;
  const char* text;
};

// The number of the mutant that runs now; -1: none.
int ascsim_mutant();

// Tensors that were not given to a queue, or not alone, by the queue.
struct HeldTensor {
  int32_t position;
  uint64_t address, bytes, end;
};
std::map<const void*, std::deque<HeldTensor>>& ascsim_held_tensors();
