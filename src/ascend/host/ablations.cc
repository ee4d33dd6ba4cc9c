// Optimisations that can be left out, one at a time: what a variant is without each.
// SPDX-License-Identifier: Apache-2.0
#include "ascend/host/ablations.h"

#include <string>

namespace xmsda::ascend {
namespace {

Without Wished(const Variant& variant, bool forward, bool backward, const Wish& wish) {
  return {&variant, forward, backward, {&variant, wish}};
}

}  // namespace

const std::vector<Ablation>& Ablations() {
  constexpr Wish kTwoCopies = {.copies = 2}, kFourCopies = {.copies = 4}, kNoLevels = {.levels = 0};
  static const std::vector<Ablation> all = {
      {"pixel-last",
       "value stays channel-last: pixels come from it by copies, two a sample, in place of gathers (dma2, no level in "
       "UB)",
       {{&kXmsda, true, false, {&kDma2, kNoLevels}},
        {&kXmsda, false, true, {&kDma2, {}}},
        {&kXmsdaAligned, true, false, {&kDma2, kNoLevels}},
        {&kXmsdaAligned, false, true, {&kDma2, {}}}}},
      {"pair-gather", "a gather for each pixel, not for two", {Wished(kXmsda, true, false, {.pairs = 0})}},
      {"merging",
       "neighbours apart: a copy for each of the four corners of a sample",
       {Wished(kResident, true, true, kFourCopies), Wished(kDma1, true, true, kFourCopies),
        Wished(kHybrid, true, true, kFourCopies), Wished(kXmsda, false, true, kFourCopies),
        Wished(kXmsdaAligned, false, true, kFourCopies)}},
      {"adaptive-vectorisation",
       "the shortest instructions: tiles of 16 queries by rows, blocks of 32 by planes, however many fit",
       {Wished(kResident, true, true, {.tile = 16}), Wished(kDma1, true, true, {.tile = 16}),
        Wished(kDma2, true, true, {.tile = 16}), Wished(kXmsda, true, false, {.block = 32}),
        Wished(kXmsda, false, true, {.tile = 16, .block = 32}), Wished(kXmsdaAligned, true, false, {.block = 32}),
        Wished(kXmsdaAligned, false, true, {.tile = 16, .block = 32})}},
      {"padding",
       "no copies that keep pairs inside blocks of 32 bytes: words of channels (xmsda-aligned); no zeros around "
       "levels: "
       "borders corner by corner, from value as it is (dma2)",
       {{&kXmsda, true, true, {&kXmsdaAligned, {}}},
        {&kResident, true, true, {&kDma2, {}}},
        {&kDma1, true, false, {&kDma2, kNoLevels}},
        {&kDma1, false, true, {&kDma2, {}}}}},
      {"contention-aware-order",
       "all cores add gradients of the same level at a time",
       {Wished(kXmsda, false, true, {.order = 0}), Wished(kXmsdaAligned, false, true, {.order = 0})}},
      {"dma-sharing",
       "a copy for each of the two rows of a sample",
       {Wished(kResident, true, true, kTwoCopies), Wished(kDma1, true, true, kTwoCopies),
        Wished(kHybrid, true, true, kTwoCopies), Wished(kXmsda, false, true, kTwoCopies),
        Wished(kXmsdaAligned, false, true, kTwoCopies)}},
      {"resident-levels",
       "no level is kept in UB: all samples come by copies",
       {Wished(kResident, true, false, kNoLevels), Wished(kDma2, true, false, kNoLevels),
        Wished(kHybrid, true, false, kNoLevels)}},
  };
  return all;
}

Status Ablate(std::string_view name, const Variant& variant, bool backward, Choice* choice) {
  std::string names, variants;
  const Ablation* found = nullptr;
  for (const Ablation& one : Ablations()) {
    names += (names.empty() ? "" : ", ") + std::string(one.name);
    if (name == one.name) found = &one;
  }
  if (found == nullptr) {
    return Status::InvalidArgument("ablate: expected one of " + names + ", got \"" + std::string(name) + "\"");
  }
  for (const Without& one : found->without) {
    if (!(backward ? one.backward : one.forward)) continue;
    if (one.variant == &variant) {
      *choice = one.choice;
      return {};
    }
    variants += (variants.empty() ? "" : ", ") + std::string(one.variant->name);
  }
  const std::string pass = backward ? "backward" : "forward";
  return Status::InvalidArgument("ablate: expected for " + std::string(name) + ", " + pass + ", " +
                                 (variants.empty() ? "the other pass" : "a variant that has it (" + variants + ")") +
                                 ", got \"" + variant.name + "\"");
}

}  // namespace xmsda::ascend
