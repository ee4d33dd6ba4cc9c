// How many cores stream over the same lines of GM at the same time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/machine.h"
#include "core/time.h"

namespace ascsim {

// The lines that an instruction touches: bursts a pitch apart, or one piece (pitch 0).
struct Span {
  uint64_t begin = 0, end = 0;  // bytes, whole lines
  uint64_t pitch = 0;
  Time from = 0, until = 0;
};

// Cores that went over the same lines within a few instructions of each other hold each other up, the first as much as
// the last: published figures show that they do not sort themselves out. How few and how long: model.sharing_... of the
// machine.
class LineSharing {
 public:
  LineSharing(const Machine& machine, size_t cores);

  // Other cores that share lines with `core`, which starts on `span` now.
  int Sharers(size_t core, const Span& span);
  // `span` has got its end.
  void Add(size_t core, const Span& span);

 private:
  struct Kept {
    std::vector<Span> spans;
    size_t next = 0;
  };
  const double gap_, memory_;          // of the time that a span took
  std::vector<uint64_t> begin_, end_;  // over the spans of a core
  std::vector<Kept> kept_;
  std::vector<Time> met_;  // [core][other]: until when they share
};

}  // namespace ascsim
