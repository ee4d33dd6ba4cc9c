// Copies through L2 and HBM.
// SPDX-License-Identifier: Apache-2.0
#include "timing/memory_timing.h"

#include <algorithm>

namespace ascsim {

MemoryTiming::MemoryTiming(const Machine& machine, int num_cores, L2Cache* l2)
    : machine_(machine),
      own_l2_(l2 != nullptr ? nullptr
                            : std::make_unique<L2Cache>(machine.l2_bytes, static_cast<uint64_t>(machine.line_bytes),
                                                        machine.l2_page)),
      l2_(l2 != nullptr ? *l2 : *own_l2_),
      hbm_(machine, static_cast<size_t>(num_cores) * 2),
      l2_path_(machine, static_cast<size_t>(num_cores) * 2),
      sharing_{LineSharing(machine, static_cast<size_t>(num_cores)),
               LineSharing(machine, static_cast<size_t>(num_cores))},
      line_(static_cast<uint64_t>(machine.line_bytes)),
      scalar_sets_(static_cast<size_t>(num_cores)),
      num_cores_(num_cores) {
  const uint64_t sets = machine.scalar_cache_bytes / (machine.scalar_cache_line * machine.scalar_cache_ways);
  for (auto& core : scalar_sets_) core.resize(std::max<uint64_t>(sets, 1));
  l2_.BeginLaunch();
}

double MemoryTiming::HbmRate(bool write, double streams) const {
  const BandwidthCurve& curve = write ? machine_.ub_to_gm : machine_.gm_to_ub;
  const double most = curve.cores.back();
  const double rate = curve.At(streams) * (streams > most ? most / streams : 1.0);
  return std::min(rate, machine_.hbm_total / streams);
}

double MemoryTiming::Efficiency(const Runs& runs) const {
  const uint64_t run = runs.count > 1 ? runs.bytes : runs.bytes * runs.count;
  double efficiency = machine_.dma_run_efficiency.At(static_cast<double>(run));
  const uint64_t places = runs.address | (runs.count > 1 ? static_cast<uint64_t>(runs.pitch) : 0);
  if (run >= line_ && places % line_ != 0) {
    efficiency *= places % kBlockBytes == 0 ? machine_.misaligned_efficiency_block : machine_.misaligned_efficiency;
  }
  return efficiency;
}

MemoryTiming::Lines MemoryTiming::TouchAll(const Runs& runs, bool write) {
  Lines lines;
  uint64_t at = runs.address;
  for (uint64_t b = 0; b < runs.count; ++b, at += static_cast<uint64_t>(runs.pitch)) {
    const L2Cache::Outcome outcome = l2_.Touch(at, runs.bytes, write);
    lines.all += outcome.lines;
    lines.missing += outcome.missing;
    lines.clean += outcome.clean;
  }
  return lines;
}

MemoryTiming::Lines MemoryTiming::HoldAll(int core, const Runs& runs, bool write, bool atomic, Time start) {
  const Time hold = Cycles(atomic ? machine_.line_atomic : write ? machine_.line_write : machine_.line_read);
  const Time step = atomic || write ? 0 : Cycles(machine_.dma_burst_l2);
  Lines lines;
  Time now = start;
  uint64_t at = runs.address;
  for (uint64_t b = 0; b < runs.count; ++b, at += static_cast<uint64_t>(runs.pitch)) {
    for (uint64_t line = at / line_; line <= (at + runs.bytes - 1) / line_; ++line) {
      Time got = now;
      const L2Cache::Outcome outcome = l2_.Hold(line * line_, write, core, now, hold, hold * num_cores_, &got);
      lines.all += outcome.lines;
      lines.missing += outcome.missing;
      lines.clean += outcome.clean;
      lines.wait += got - now;
      now = got + std::max(step, atomic ? hold : 0);
    }
  }
  return lines;
}

Span MemoryTiming::SpanOf(const Runs& runs) const {
  const int64_t reach = runs.pitch * static_cast<int64_t>(runs.count - 1);
  const uint64_t low = runs.address + static_cast<uint64_t>(std::min<int64_t>(reach, 0));
  const uint64_t high = runs.address + static_cast<uint64_t>(std::max<int64_t>(reach, 0)) + runs.bytes;
  Span span;
  span.begin = low / line_ * line_;
  span.end = (high + line_ - 1) / line_ * line_;
  const auto pitch = static_cast<uint64_t>(std::abs(runs.pitch));
  span.pitch = runs.count > 1 && pitch > line_ ? pitch : 0;
  return span;
}

CopyTime MemoryTiming::Copy(int core, bool write, bool atomic, uint64_t address, int64_t gap, const Bursts& bursts,
                            Time start) {
  CopyTime time;
  time.latency = Cycles(write ? machine_.dma_latency_write : machine_.dma_latency_l2);
  time.occupied = Cycles(machine_.dma_issue);
  Runs runs{address, bursts.count, bursts.bytes, gap + bursts.bytes};
  const uint64_t bytes = runs.count * runs.bytes;
  if (bytes == 0) return time;
  if (gap == 0 && runs.count > 1) runs = {address, 1, bytes, 0};

  const auto index = static_cast<size_t>(core);
  // Copies of few bursts queue for each line; longer ones are compared as streams.
  const bool few = runs.count <= static_cast<uint64_t>(machine_.short_copy) && runs.bytes <= line_;
  int sharers = 0;
  Span span;
  Lines lines;
  if (few || atomic) {
    lines = HoldAll(core, runs, write, atomic, start);
  } else {
    lines = TouchAll(runs, write);
    span = SpanOf(runs);
    span.from = start;
    sharers = sharing_[write ? 1 : 0].Sharers(index, span);
  }

  // Out of bounds, around the end of the address space.
  if (lines.all == 0) return time;

  // What goes to HBM: lines that are not there, and lines that become dirty now.
  const uint64_t outside = write ? lines.clean : lines.missing;
  const double outside_bytes =
      static_cast<double>(bytes) * static_cast<double>(outside) / static_cast<double>(lines.all);
  const double inside_bytes = static_cast<double>(bytes) - outside_bytes;
  const uint64_t fetched = write && !atomic ? 0 : lines.missing;
  const size_t stream = index * 2 + (write ? 1 : 0);
  double hbm_cycles = 0, l2_cycles = 0;
  const double streams = outside > 0 || write ? hbm_.Count(stream, start) : 1;
  if (outside > 0) {
    const double rate = HbmRate(write, streams);
    hbm_cycles = std::max(outside_bytes / (rate * Efficiency(runs)),
                          static_cast<double>(fetched * line_) / HbmRate(false, streams));
    if (!write) time.latency = Cycles(machine_.dma_latency);
  }
  if (inside_bytes > 0) {
    const double share = machine_.l2_total / l2_path_.Count(stream, start);
    const double rate = write ? std::max(std::min(machine_.ub_to_l2, share), HbmRate(true, streams))
                              : std::min(machine_.l2_to_ub, share);
    l2_cycles = inside_bytes / rate;
  }

  const double per_line = write ? machine_.line_write : machine_.line_read;
  const bool partial = runs.bytes < line_;
  double per_burst = write && partial ? machine_.dma_burst_write
                     : outside > 0    ? machine_.dma_burst
                                      : machine_.dma_burst_l2;
  // A single short copy has its burst in the issue.
  double burst_cycles = bursts.count > 1 && !atomic ? per_burst * static_cast<double>(bursts.count) : 0;
  if (sharers > 0) {
    burst_cycles = std::max(burst_cycles, per_line * (sharers + 1) * static_cast<double>(lines.all));
  }
  double cycles = std::max({machine_.dma_issue, burst_cycles, hbm_cycles + l2_cycles});
  if (atomic) {
    cycles = std::max({cycles, static_cast<double>(bytes) / machine_.atomic_bytes_per_cycle,
                       machine_.line_atomic * static_cast<double>(lines.all)});
  }
  time.occupied = Cycles(cycles) + lines.wait;
  if (hbm_cycles > 0) hbm_.Use(stream, start, Cycles(hbm_cycles), time.occupied);
  if (l2_cycles > 0) l2_path_.Use(stream, start, Cycles(l2_cycles), time.occupied);
  if (!few && !atomic) {
    span.until = start + time.occupied;
    sharing_[write ? 1 : 0].Add(index, span);
  }
  time.hbm_bytes = static_cast<uint64_t>(outside_bytes + 0.5);
  time.l2_bytes = bytes - time.hbm_bytes;
  return time;
}

bool MemoryTiming::ScalarHit(int core, uint64_t address) {
  auto& sets = scalar_sets_[static_cast<size_t>(core)];
  const uint64_t line = address / machine_.scalar_cache_line;
  // By the place in a page only, which does not depend on where the host put the memory.
  std::vector<uint64_t>& lines = sets[line % (machine_.l2_page / machine_.scalar_cache_line) % sets.size()].lines;
  const auto found = std::find(lines.begin(), lines.end(), line);
  const bool hit = found != lines.end();
  if (hit) {
    std::rotate(lines.begin(), found, found + 1);
  } else {
    if (lines.size() >= machine_.scalar_cache_ways) lines.pop_back();
    lines.insert(lines.begin(), line);
  }
  return hit;
}

void MemoryTiming::ScalarClean(int core) {
  for (ScalarSet& set : scalar_sets_[static_cast<size_t>(core)]) set.lines.clear();
}

}  // namespace ascsim
