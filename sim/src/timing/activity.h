// How many streams use a shared path at a time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/machine.h"
#include "core/time.h"

namespace ascsim {

// A stream (one queue of one core) counts for the share of its time in which it moved bytes on the path lately; who
// asks counts for one. Requests come nearly, not quite, in the order of time: what a queue holds may be placed far
// ahead of what another one gets later. So a share stays valid for a while after the last request, longer for streams
// that ask seldom, and until the others have asked a few times. How long: model.stream_... of the machine.
class Activity {
 public:
  Activity(const Machine& machine, size_t streams)
      : smoothing_(machine.stream_smoothing),
        patience_(machine.stream_patience),
        memory_(machine.stream_memory),
        check_(Cycles(machine.stream_check)),
        rounds_(static_cast<uint64_t>(machine.stream_rounds)),
        streams_(streams),
        checked_(-check_) {}

  // Streams in use at `time`, with `self` as one of them.
  double Count(size_t self, Time time) {
    if (time > checked_ + check_) Expire(time);
    return sum_ - streams_[self].counted + 1;
  }

  // `self` starts a request at `time` that holds its queue for `occupied` and moves bytes on the path for `used`.
  void Use(size_t self, Time time, Time used, Time occupied) {
    Stream& s = streams_[self];
    const Time period = s.known ? time - s.start : 0;
    if (period > 0) {
      const double share = static_cast<double>(s.used) / static_cast<double>(period);
      s.share += (std::min(share, 1.0) - s.share) * smoothing_;
    } else if (!s.known) {
      s.share = 1;
    }
    s.known = true;
    s.last = ++requests_;
    s.start = time;
    s.used = used;
    const auto held = static_cast<double>(occupied);
    const double span = std::max(held, std::min(static_cast<double>(period), patience_ * held));
    s.expiry = time + static_cast<Time>(memory_ * span);
    sum_ += s.share - s.counted;
    s.counted = s.share;
  }

 private:
  struct Stream {
    double share = 0, counted = 0;
    Time start = 0, used = 0, expiry = 0;
    uint64_t last = 0;  // request
    bool known = false;
  };
  void Expire(Time time) {
    checked_ = time;
    sum_ = 0;  // anew: no rounding errors pile up
    for (Stream& s : streams_) {
      if (s.expiry < time && requests_ - s.last > rounds_ * streams_.size()) s.counted = 0;
      sum_ += s.counted;
    }
  }

  const double smoothing_;
  const double patience_;  // periods are believed up to this many requests long
  const double memory_;    // periods after which a stream that asks no more is over
  const Time check_;       // streams that ended are noticed so late
  const uint64_t rounds_;  // requests of each stream before one is over
  std::vector<Stream> streams_;
  double sum_ = 0;
  uint64_t requests_ = 0;
  Time checked_;
};

}  // namespace ascsim
