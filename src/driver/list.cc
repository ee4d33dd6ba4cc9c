// `xmsda list`: what this build and machine offer.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <nlohmann/json.hpp>

#ifdef XMSDA_ASCEND
#include "ascend/host/ablations.h"
#include "ascend/host/variants.h"
#endif
#include "driver/options.h"
#include "testing/workloads.h"

namespace xmsda::driver {

int List(bool json) {
  nlohmann::ordered_json all;
  for (const Backend& backend : Backends()) {
    all["backends"].push_back({{"name", backend.name}, {"description", backend.description}});
  }
#ifdef XMSDA_ASCEND
  const auto add = [&](const char* list, const ascend::Variant& variant) {
    all[list].push_back({{"name", variant.name},
                         {"description", variant.description},
                         {"limits", variant.limits},
                         {"backward", variant.backward != nullptr}});
  };
  for (const ascend::Variant* variant : ascend::Variants()) add("variants", *variant);
  for (const ascend::Variant* variant : ascend::Comparisons()) add("comparisons", *variant);
  for (const ascend::Ablation& ablation : ascend::Ablations()) {
    nlohmann::ordered_json without = nlohmann::ordered_json::array();
    for (const ascend::Without& one : ablation.without) {
      for (const bool backward : {false, true}) {
        if (!(backward ? one.backward : one.forward)) continue;
        without.push_back({{"variant", one.variant->name},
                           {"pass", backward ? "backward" : "forward"},
                           {"becomes", ascend::ToString(one.choice)}});
      }
    }
    all["ablations"].push_back(
        {{"name", ablation.name}, {"description", ablation.description}, {"without", std::move(without)}});
  }
#endif
  for (const testing::Workload& workload : testing::Workloads()) {
    all["workloads"].push_back({{"name", workload.name},
                                {"problem", workload.problem},
                                {"sampling", testing::PatternName(workload.pattern)},
                                {"description", workload.description}});
  }
  for (const testing::Pattern pattern : testing::kPatterns) all["sampling"].push_back(testing::PatternName(pattern));
  for (const testing::Layout layout : testing::kLayouts) all["layouts"].push_back(testing::LayoutName(layout));
  if (json) {
    std::printf("%s\n", all.dump(2).c_str());
    return kSuccess;
  }
  std::printf("backends\n");
  for (const Backend& backend : Backends()) {
    std::printf("  %-22s %s\n", backend.name.c_str(), backend.description.c_str());
  }
#ifdef XMSDA_ASCEND
  const auto print = [](const ascend::Variant& variant) {
    std::printf("  %-14s %s\n  %-14s takes %s%s\n", variant.name, variant.description, "", variant.limits,
                variant.backward == nullptr ? "; forward only" : "");
  };
  std::printf("variants of the Ascend kernels\n");
  for (const ascend::Variant* variant : ascend::Variants()) print(*variant);
  std::printf("for comparisons of times, with simulate only\n");
  for (const ascend::Variant* variant : ascend::Comparisons()) print(*variant);
  std::printf("optimisations that simulate leaves out with --ablate\n");
  for (const ascend::Ablation& one : ascend::Ablations()) std::printf("  %-22s %s\n", one.name, one.description);
#endif
  std::printf("workloads\n");
  for (const testing::Workload& workload : testing::Workloads()) {
    std::printf("  %-14s %-66s %-8s %s\n", workload.name, workload.problem, testing::PatternName(workload.pattern),
                workload.description);
  }
  return kSuccess;
}

}  // namespace xmsda::driver
