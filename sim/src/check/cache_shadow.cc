// Data caches of scalar units: when a line came, what of it was changed, and when it was cleaned.
// SPDX-License-Identifier: Apache-2.0
#include "check/cache_shadow.h"

#include <algorithm>

namespace ascsim {
namespace {

uint64_t LineOf(uint64_t address) { return address / CacheShadow::kLineBytes * CacheShadow::kLineBytes; }

// Bytes [begin, end) of a line, as bits.
uint64_t BitsOf(uint64_t line, uint64_t begin, uint64_t end) {
  begin = std::max(begin, line) - line;
  end = std::min(end, line + CacheShadow::kLineBytes) - line;
  if (begin >= end) return 0;
  const uint64_t below = end == CacheShadow::kLineBytes ? ~uint64_t{0} : (uint64_t{1} << end) - 1;
  return below & ~((uint64_t{1} << begin) - 1);
}

// Lines are multiples of 64, cores fewer than 512: addresses of the process leave the upper bits free.
uint64_t CleanKey(uint64_t line, int core) { return line << 3 | static_cast<uint64_t>(core); }
static_assert(kMaxCores <= 512);

bool OfScalarUnit(const Current& now, Stamp stamp) { return PipeOf(stamp) == Pipe::kS && now.OfThisBlock(stamp); }

}  // namespace

CacheShadow::CacheShadow(Findings& findings, const Order& order, int num_cores, bool auto_sync)
    : findings_(findings),
      order_(order),
      auto_sync_(auto_sync),
      wanted_(findings.Wants(Rule::kCacheStale) || findings.Wants(Rule::kCacheNotCleaned) ||
              findings.Wants(Rule::kCacheLineShared)),
      dirty_(static_cast<size_t>(num_cores)),
      snapshots_(static_cast<size_t>(num_cores)),
      epochs_(static_cast<size_t>(num_cores)) {}

CacheShadow::Copy* CacheShadow::Find(uint64_t line, int core) {
  const auto found = lines_.find(line);
  if (found == lines_.end()) return nullptr;
  for (Copy& copy : found->second) {
    if (copy.core == static_cast<uint32_t>(core)) return &copy;
  }
  return nullptr;
}

uint32_t CacheShadow::SnapshotOf(const Current& now) {
  const Knowledge& knowledge = order_.KnowledgeOf(now.core, Pipe::kS);
  Known own = knowledge.own;
  if (auto_sync_) {
    // The compiler has the scalar unit wait for what was issued to these queues before.
    const Known issued = order_.IssuedBy(now.core);
    for (const Pipe pipe : {Pipe::kV, Pipe::kMTE2, Pipe::kMTE3}) {
      own[static_cast<size_t>(pipe)] = issued[static_cast<size_t>(pipe)];
    }
  }
  std::vector<Snapshot>& all = snapshots_[static_cast<size_t>(now.core)];
  if (all.empty() || all.back().own != own || all.back().others != knowledge.others ||
      all.back().block_begin != now.block_begin) {
    all.push_back({own, now.block_begin, knowledge.others});
  }
  return static_cast<uint32_t>(all.size() - 1);
}

bool CacheShadow::Knew(const Copy& copy, Stamp other) const {
  const Snapshot& snapshot = snapshots_[copy.core][copy.snapshot];
  const size_t pipe = PipeIndexOf(other);
  const uint32_t sequence = SequenceOf(other);
  if (static_cast<uint32_t>(CoreOf(other)) == copy.core && sequence > snapshot.block_begin[pipe]) {
    return sequence <= snapshot.own[pipe];
  }
  return snapshot.others != nullptr &&
         sequence <= (*snapshot.others)[static_cast<size_t>(CoreOf(other)) * kNumPipes + pipe];
}

uint32_t CacheShadow::CleanAfter(Stamp write, uint64_t line) const {
  const auto found = cleans_.find(CleanKey(line, CoreOf(write)));
  if (found == cleans_.end()) return 0;
  const auto at = std::upper_bound(found->second.begin(), found->second.end(), SequenceOf(write));
  return at == found->second.end() ? 0 : *at;
}

Stamp CacheShadow::InGmBy(const Current& now, Stamp write, uint64_t line) const {
  if (PipeOf(write) != Pipe::kS) return write;
  const uint32_t clean = CleanAfter(write, line);
  const Stamp stamp = MakeStamp(clean, Pipe::kS, AccessKind::kWrite, CoreOf(write), 0);
  return clean != 0 && now.OrderedOrInserted(stamp) ? stamp : 0;
}

void CacheShadow::MeetWrite(const Current& now, AccessKind kind, Stamp other, uint64_t address, uint64_t size) {
  if (now.pipe == Pipe::kS && OfScalarUnit(now, other)) return;
  const uint64_t end = address + size;
  const bool load = now.pipe == Pipe::kS && kind == AccessKind::kRead;
  if (PipeOf(other) != Pipe::kS && !load) return;
  for (uint64_t line = LineOf(address); line < end; line += kLineBytes) {
    const uint64_t from = std::max(address, line), to = std::min(end, line + kLineBytes);
    const Stamp in_gm = InGmBy(now, other, line);
    const Copy* copy = load ? Find(line, now.core) : nullptr;
    if (in_gm == 0) {
      findings_.Cache(Rule::kCacheNotCleaned, now, kind, other, from, to - from);
    } else if (copy != nullptr && Here(*copy) && !Knew(*copy, in_gm)) {
      findings_.Cache(Rule::kCacheStale, now, kind, other, from, to - from);
    }
  }
}

void CacheShadow::MeetInLine(const Current& now, Stamp other, uint64_t address, uint64_t size, uint64_t written,
                             uint64_t written_size) {
  if (OfScalarUnit(now, other)) return;
  const uint64_t line = LineOf(written);
  const uint64_t own = BitsOf(line, written, written + written_size), others = BitsOf(line, address, address + size);
  const bool ordered = now.OrderedOrInserted(other);
  if (!ordered && (own & others) != 0) return;  // a race
  const Stamp in_gm = InGmBy(now, other, line);
  if (in_gm == 0) return;  // MeetDirty tells of it
  const Copy* copy = Find(line, now.core);
  const bool here = copy != nullptr && Here(*copy);
  if ((here ? Knew(*copy, in_gm) : ordered) || (others & ~(own | (here ? copy->dirty : 0))) == 0) return;
  findings_.Cache(Rule::kCacheLineShared, now, AccessKind::kWrite, other, line, kLineBytes);
}

void CacheShadow::Touch(const Current& now, uint64_t address, bool write, uint64_t size) {
  const uint64_t end = address + size;
  for (uint64_t line = LineOf(address); line < end; line += kLineBytes) {
    Recent& recent = recent_[line / kLineBytes % recent_.size()];
    const uint32_t epoch = epochs_[static_cast<size_t>(now.core)];
    if (!write && recent.line == line && recent.core == now.core && recent.epoch == epoch) continue;
    recent = {line, now.core, epoch};
    Copy* copy = Find(line, now.core);
    if (copy == nullptr) {
      copy = &lines_[line].emplace_back();
      copy->core = static_cast<uint32_t>(now.core);
      copy->epoch = epochs_[copy->core] - 1;
    }
    if (!Here(*copy)) {
      *copy = {copy->core, epochs_[copy->core], SnapshotOf(now), copy->cleaned, 0, copy->last_write, 0};
    }
    if (!write) continue;
    if (copy->dirty == 0) {
      copy->first_write = now.As(AccessKind::kWrite);
      dirty_[copy->core].push_back(line);
      written_.insert(line);
    }
    copy->dirty |= BitsOf(line, address, end);
  }
}

void CacheShadow::MeetDirty(const Current& now, uint64_t address, uint64_t size) {
  if (written_.empty()) return;
  const auto meet = [&](uint64_t line) {
    for (const Copy& copy : lines_[line]) {
      const Stamp write = copy.dirty != 0 ? copy.first_write : copy.last_write;
      if (write == 0 || (now.pipe == Pipe::kS && OfScalarUnit(now, write))) continue;
      if (copy.dirty == 0) {
        const Stamp clean = MakeStamp(copy.cleaned, Pipe::kS, AccessKind::kWrite, CoreOf(write), 0);
        if (now.OrderedOrInserted(clean)) continue;
      } else if ((copy.dirty & BitsOf(line, address, address + size)) != 0) {
        continue;  // a race, or told by MeetWrite
      }
      findings_.Cache(Rule::kCacheLineShared, now, AccessKind::kWrite, write, line, kLineBytes);
    }
  };
  const uint64_t first = LineOf(address), lines = (address + size - first + kLineBytes - 1) / kLineBytes;
  if (lines <= written_.size()) {
    for (uint64_t i = 0; i < lines; ++i) {
      if (written_.contains(first + i * kLineBytes)) meet(first + i * kLineBytes);
    }
    return;
  }
  std::vector<uint64_t> met;  // in order of address, so that reports do not depend on the hash
  for (const uint64_t line : written_) {
    if (line >= first && line - first < lines * kLineBytes) met.push_back(line);
  }
  std::sort(met.begin(), met.end());
  for (const uint64_t line : met) meet(line);
}

void CacheShadow::CleanCopy(const Current& now, uint64_t line, Copy* copy) {
  if (copy->dirty != 0) {
    copy->cleaned = now.sequence;
    copy->last_write = copy->first_write;
    copy->dirty = 0;
    cleans_[CleanKey(line, now.core)].push_back(now.sequence);
  }
  copy->epoch = epochs_[copy->core] - 1;
  recent_[line / kLineBytes % recent_.size()] = {};
}

void CacheShadow::Clean(const Current& now, uint64_t address, bool whole) {
  std::vector<uint64_t>& dirty = dirty_[static_cast<size_t>(now.core)];
  if (!whole) {
    Copy* copy = Find(LineOf(address), now.core);
    if (copy != nullptr && Here(*copy)) CleanCopy(now, LineOf(address), copy);
    return;
  }
  for (const uint64_t line : dirty) {
    Copy* copy = Find(line, now.core);
    if (copy != nullptr && Here(*copy)) CleanCopy(now, line, copy);
  }
  dirty.clear();
  ++epochs_[static_cast<size_t>(now.core)];
}

uint64_t CacheShadow::memory_bytes() const {
  // A node of a map: what the allocator adds, its links, and one element of the vector.
  constexpr uint64_t kNode = 64;
  uint64_t bytes = (lines_.size() + cleans_.size() + written_.size()) * kNode;
  for (const auto& [line, copies] : lines_) bytes += copies.capacity() * sizeof(Copy);
  for (const auto& [key, sequences] : cleans_) bytes += sequences.capacity() * sizeof(uint32_t);
  for (const auto& snapshots : snapshots_) bytes += snapshots.capacity() * sizeof(Snapshot);
  for (const auto& lines : dirty_) bytes += lines.capacity() * sizeof(uint64_t);
  return bytes;
}

}  // namespace ascsim
