// What comes before what in a program, as reachability in the graph of starts and completions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstddef>
#include <vector>

#include "checker_program.h"

namespace ascsim {

constexpr size_t kMaxNodes = 256;

// Every event has a node where it starts and one where it is complete.
class Graph {
 public:
  Graph(const std::vector<Event>& events) : events_(events), reach_(events.size() * 2) {
    for (size_t i = 0; i < events.size(); ++i) AddEvent(i);
    for (size_t k = 0; k < reach_.size(); ++k) {
      for (auto& from : reach_) {
        if (from[k]) from |= reach_[k];
      }
    }
  }
  // Event a is complete before b starts.
  bool Before(size_t a, size_t b) const { return reach_[2 * a + 1][2 * b]; }

 private:
  void Edge(size_t from, size_t to) { reach_[from].set(to); }
  bool IsJoint(size_t i) const {
    return events_[i].kind == Event::Kind::kBarrierAll || events_[i].kind == Event::Kind::kSyncAll;
  }
  bool OnCore(size_t i, int core) const { return events_[i].kind == Event::Kind::kSyncAll || events_[i].core == core; }

  void AddEvent(size_t i) {
    const Event& e = events_[i];
    Edge(2 * i, 2 * i + 1);
    if (e.issued_after >= 0) Edge(2 * static_cast<size_t>(e.issued_after), 2 * i);
    if (e.partner >= 0) Edge(2 * static_cast<size_t>(e.partner) + 1, 2 * i);
    // A barrier holds its queue up until all before is complete; a flag is set then, and the queue goes on meanwhile.
    const bool holds = e.kind == Event::Kind::kBarrier;
    const bool collects = e.kind == Event::Kind::kSet || e.kind == Event::Kind::kSignal;
    for (size_t j = 0; j < i; ++j) {
      if (IsJoint(i)) {  // waits for all that came before on its core, or on every core
        if (e.kind == Event::Kind::kSyncAll || OnCore(j, e.core)) Edge(2 * j + 1, 2 * i);
      } else if (IsJoint(j)) {
        if (OnCore(j, e.core)) Edge(2 * j + 1, 2 * i);
      } else if (events_[j].core == e.core && events_[j].pipe == e.pipe) {
        Edge(2 * j, 2 * i);
        if (holds) Edge(2 * j + 1, 2 * i);
        if (collects) Edge(2 * j + 1, 2 * i + 1);
      }
    }
  }

  const std::vector<Event>& events_;
  std::vector<std::bitset<kMaxNodes>> reach_;
};

}  // namespace ascsim
