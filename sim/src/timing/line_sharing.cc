// Cores on the same lines: found by comparing what each has touched last.
// SPDX-License-Identifier: Apache-2.0
#include "timing/line_sharing.h"

#include <algorithm>

namespace ascsim {
namespace {

bool SameLines(const Span& a, const Span& b) {
  if (a.begin >= b.end || b.begin >= a.end) return false;
  if (a.pitch == 0 || b.pitch == 0 || a.pitch != b.pitch) return true;
  return a.begin % a.pitch == b.begin % b.pitch;
}

}  // namespace

LineSharing::LineSharing(const Machine& machine, size_t cores)
    : gap_(machine.sharing_gap),
      memory_(machine.sharing_memory),
      begin_(cores),
      end_(cores),
      kept_(cores),
      met_(cores * cores, -1) {
  for (Kept& kept : kept_) kept.spans.resize(static_cast<size_t>(machine.sharing_kept));
}

int LineSharing::Sharers(size_t core, const Span& span) {
  const size_t cores = kept_.size();
  int sharers = 0;
  for (size_t other = 0; other < cores; ++other) {
    if (other == core) continue;
    if (begin_[other] < span.end && span.begin < end_[other]) {
      for (const Span& old : kept_[other].spans) {
        const auto took = static_cast<double>(old.until - old.from);
        if (old.until + static_cast<Time>(gap_ * took) < span.from || !SameLines(span, old)) continue;
        const Time until = std::max(span.from, old.until) + static_cast<Time>(memory_ * took);
        met_[core * cores + other] = std::max(met_[core * cores + other], until);
        met_[other * cores + core] = std::max(met_[other * cores + core], until);
        break;
      }
    }
    if (met_[core * cores + other] >= span.from) ++sharers;
  }
  return sharers;
}

void LineSharing::Add(size_t core, const Span& span) {
  Kept& kept = kept_[core];
  kept.spans[kept.next] = span;
  kept.next = (kept.next + 1) % kept.spans.size();
  begin_[core] = span.begin;
  end_[core] = span.end;
  for (const Span& old : kept.spans) {
    if (old.end == 0) continue;
    begin_[core] = std::min(begin_[core], old.begin);
    end_[core] = std::max(end_[core], old.end);
  }
}

}  // namespace ascsim
