// What can be said of an instruction before it runs: alignment, ranges of fields, masks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "ascsim/instruction.h"
#include "engine/core.h"

namespace ascsim {

// Reports breaches of the rules of operands and fields. False when the instruction cannot be executed at all (flag ids
// that do not exist).
bool ValidateInstruction(const Core& core, const Instruction& instruction, Checker& checker);

// "for flag MTE2_V 3", ...
std::string WaitText(const Instruction& instruction);

const char* PipeName(Pipe pipe);

}  // namespace ascsim
