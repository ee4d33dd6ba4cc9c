// A choice for a pass: a variant and the parameters of its tiling, as one short string.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ascend/host/cost.h"
#include "ascend/host/variants.h"

namespace xmsda::ascend {

// "resident:tile=48,levels=2,cores=40": a variant's name, then what is wished of its tiling, by the names of Wish in
// any order; the rest is the host's own choice. The variant is never "auto".
struct Choice {
  const Variant* variant = nullptr;
  Wish wish;
};

std::string ToString(const Choice& choice);
// kInvalidArgument for an unknown variant, a parameter that the pass of this variant does not have, or a value that no
// tiling takes. Does not know the problem: Supports does.
Status ParseChoice(std::string_view text, bool backward, Choice* choice);

// The chip as a pass under this choice sees it: with the wishes, of both passes at most one.
Chip ChipOf(const Choice& choice, const Chip& chip, bool backward);
// Ok when the pass takes the problem that way; else one line with the limit.
Status Supports(const Choice& choice, const Problem& problem, const Chip& chip, bool backward);

// What the host chooses without being asked; null variant where nothing takes the problem.
Choice DefaultChoice(const Problem& problem, const Chip& chip, bool backward);

// All that a tuner may try: variants of the table and tilings that fit. Parameters that only ever cost time (copies,
// pairs, order of planes) stay as the host has them.
std::vector<Choice> Choices(const Problem& problem, const Chip& chip, bool backward);

// Cycles of a pass under a choice by the models of cost.h; infinite where there is no such tiling.
Cost Draft(const Choice& choice, const Problem& problem, const Chip& chip, const Timing& timing, bool backward);

}  // namespace xmsda::ascend
