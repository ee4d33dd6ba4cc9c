// How long a vector instruction works: repeats and the UB bank conflicts among its operands.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "ascsim/instruction.h"
#include "core/machine.h"

namespace ascsim {

// Repeats of 256 bytes (of the wider element type) that the instruction works through.
uint64_t VectorRepeats(const Instruction& instruction);

// The table's row for the instruction.
const VectorCost& VectorCostOf(const Machine& machine, const Instruction& instruction);

// Cycles that its operands lose to each other at the UB, over all repeats: two sources in one bank group, blocks of one
// operand in one group, sources whose bank is being written by an earlier repeat.
double BankConflictCycles(const Machine& machine, const Instruction& instruction, uint64_t repeats, double per_repeat);

}  // namespace ascsim
