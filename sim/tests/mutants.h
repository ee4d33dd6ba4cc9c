// Statements of a kernel that a test can switch off; see mutate.py.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

struct Mutant {
  int first_line, last_line;
  const char* text;
};

// The number of the statement that is left out now; -1: none.
int ascsim_mutant();
