// Which block a core ran when: reports name it, since a core takes several and only the block tells the data.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "check/checker.h"
#include "check/stamp.h"

namespace ascsim {

class Blocks {
 public:
  // `issued`: by pipe, the instructions of the core before this block.
  void Start(int core, const std::string& name, uint32_t block, const Known& issued) {
    const auto c = static_cast<size_t>(core);
    if (cores_.size() <= c) cores_.resize(c + 1);
    cores_[c].name = name;
    cores_[c].started.push_back({issued, block});
  }

  // The block that runs now on the party's core, or the one that its instruction `sequence` is of.
  void Fill(Party* party) const { Fill(party, ~uint32_t{0}); }
  void Fill(Party* party, uint32_t sequence) const {
    const auto c = static_cast<size_t>(party->core);
    if (party->core < 0 || c >= cores_.size() || cores_[c].started.empty()) return;
    const std::vector<Started>& started = cores_[c].started;
    const size_t pipe = static_cast<size_t>(party->pipe) % kNumPipes;
    const auto after = std::partition_point(started.begin() + 1, started.end(),
                                            [&](const Started& s) { return s.issued[pipe] < sequence; });
    party->core_name = cores_[c].name;
    party->block = static_cast<int>(std::prev(after)->block);
  }

 private:
  struct Started {
    Known issued{};
    uint32_t block = 0;
  };
  struct Core {
    std::string name;
    std::vector<Started> started;  // in order
  };
  std::vector<Core> cores_;
};

}  // namespace ascsim
