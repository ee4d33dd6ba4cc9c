// Optimisations that can be left out, one at a time: what a variant is without each.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "ascend/host/choice.h"

namespace xmsda::ascend {

// What a pass of `variant` becomes without the optimisation: the same variant with a wish, or another one.
struct Without {
  const Variant* variant;
  bool forward, backward;  // passes that have the optimisation
  Choice choice;
};

struct Ablation {
  const char* name;
  const char* description;  // what is done instead
  std::vector<Without> without;
};

const std::vector<Ablation>& Ablations();

// kInvalidArgument for an unknown name, or a pass of a variant that does not have the optimisation.
Status Ablate(std::string_view name, const Variant& variant, bool backward, Choice* choice);

}  // namespace xmsda::ascend
