// Shadow of UB and L1: a fast path for whole blocks, pieces for the rest.
// SPDX-License-Identifier: Apache-2.0
#include "check/local_shadow.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <utility>

namespace ascsim {
namespace {

constexpr uint32_t kAll = ~uint32_t{0};

// Where a queue's read of a whole block is kept; none: as a piece.
constexpr size_t SlotOf(Pipe pipe) {
  switch (pipe) {
    case Pipe::kS:
      return 0;
    case Pipe::kV:
      return 1;
    case Pipe::kMTE3:
      return 2;
    default:
      return SIZE_MAX;
  }
}

// Bits [from, to) of a block, to > from.
constexpr uint32_t Bytes(uint64_t from, uint64_t to) {
  return static_cast<uint32_t>((uint64_t{1} << to) - (uint64_t{1} << from));
}

// The bytes of pairs.
constexpr uint32_t BytesOf(uint32_t lanes) {
  lanes = (lanes | lanes << 8) & 0x00FF00FF;
  lanes = (lanes | lanes << 4) & 0x0F0F0F0F;
  lanes = (lanes | lanes << 2) & 0x33333333;
  lanes = (lanes | lanes << 1) & 0x55555555;
  return lanes * 3;
}

// Calls f(first byte, number) for each run of ones.
template <typename F>
void ForRuns(uint32_t mask, F f) {
  while (mask != 0) {
    const int first = std::countr_zero(mask);
    const int length = std::countr_one(mask >> first);
    f(static_cast<uint64_t>(first), static_cast<uint64_t>(length));
    if (first + length >= 32) return;
    mask &= kAll << (first + length);
  }
}

}  // namespace

LocalShadow::LocalShadow(Space space, uint64_t bytes, Findings& findings)
    : space_(space),
      findings_(findings),
      wants_written_(findings.Wants(Rule::kUninitialisedRead) || findings.Wants(Rule::kUndefinedOutput)),
      groups_((bytes + kGroupBlocks * kBlockBytes - 1) / (kGroupBlocks * kBlockBytes)),
      blocks_(groups_.size() * kGroupBlocks),
      live_(blocks_.size()) {}

LocalShadow::~LocalShadow() {
  for (Block& block : blocks_) delete[] block.pieces;
}

uint64_t LocalShadow::memory_bytes() const {
  uint64_t bytes = groups_.size() * sizeof(Group) + blocks_.size() * (sizeof(Block) + sizeof(uint16_t)) +
                   lanes_.size() * sizeof(Lanes) + readers_.size() * sizeof(Reader);
  for (const Block& block : blocks_) bytes += block.capacity * sizeof(Piece);
  return bytes;
}

void LocalShadow::Clear() {
  std::fill(groups_.begin(), groups_.end(), Group());
  std::fill(live_.begin(), live_.end(), uint16_t{0});
  freed_.clear();
  readers_.clear();
  window_begin_ = window_end_ = 0;
}

// The blocks get what the group says.
void LocalShadow::Split(uint64_t index) {
  Group& group = groups_[index];
  if (group.split) return;
  group.split = true;
  CloseWindow(index);
  for (uint64_t b = index * kGroupBlocks; b < (index + 1) * kGroupBlocks; ++b) {
    Block& block = blocks_[b];
    block.write = group.write;
    std::copy(std::begin(group.read), std::end(group.read), std::begin(block.read));
    block.count = 0;
    block.written = group.written ? kAll : 0;
    block.freed = group.freed ? kAll : 0;
  }
}

// After a write to all blocks of a group: mostly nothing is left of what was before.
void LocalShadow::TryJoin(uint64_t index) {
  const Block* blocks = &blocks_[index * kGroupBlocks];
  for (uint64_t b = 0; b < kGroupBlocks; ++b) {
    const Block& block = blocks[b];
    if (block.write != blocks[0].write || (block.read[0] | block.read[1] | block.read[2]) != 0 || block.count != 0 ||
        block.freed != 0) {
      return;
    }
  }
  Group& group = groups_[index];
  group.write = blocks[0].write;
  group.read[0] = group.read[1] = group.read[2] = 0;
  group.split = group.freed = false;
  group.written = true;
}

bool LocalShadow::HasLanes(uint64_t group) const {
  uint64_t live;
  static_assert(sizeof(live) == kGroupBlocks * sizeof(live_[0]));
  std::memcpy(&live, &live_[group * kGroupBlocks], sizeof(live));
  return live != 0;
}

void LocalShadow::ForgetLanes(uint64_t group) {
  std::memset(&live_[group * kGroupBlocks], 0, kGroupBlocks * sizeof(live_[0]));
}

void LocalShadow::Push(Block& block, Stamp stamp, uint32_t mask) {
  if (block.count == block.capacity) {
    const auto capacity = static_cast<uint16_t>(block.capacity == 0 ? 8 : block.capacity * 2);
    auto* pieces = new Piece[capacity];
    if (block.count > 0) std::memcpy(pieces, block.pieces, block.count * sizeof(Piece));
    delete[] block.pieces;
    block.pieces = pieces;
    block.capacity = capacity;
  }
  block.pieces[block.count++] = {static_cast<uint32_t>(stamp), SequenceOf(stamp), mask};
}

void LocalShadow::Race(const Current& now, AccessKind kind, Stamp other, uint64_t block, uint32_t mask) {
  ForRuns(mask, [&](uint64_t first, uint64_t length) {
    findings_.Race(now, kind, other, space_, block * kBlockBytes + first, length);
  });
}

void LocalShadow::ReportUninitialised(const Current& now, uint64_t block, uint32_t mask) {
  ForRuns(mask, [&](uint64_t first, uint64_t length) {
    if (now.plain_output) {
      unwritten_.push_back({block * kBlockBytes + first, length});
    } else {
      findings_.Uninitialised(Rule::kUninitialisedRead, now, space_, block * kBlockBytes + first, length);
    }
  });
}

// After an access of `size` bytes: with nothing written at all, what was to be computed is missing.
void LocalShadow::ReportOutput(const Current& now, uint64_t size) {
  uint64_t unwritten = 0;
  for (const Range& range : unwritten_) unwritten += range.size;
  const Rule rule = unwritten == size ? Rule::kUninitialisedRead : Rule::kUndefinedOutput;
  for (const Range& range : unwritten_) findings_.Uninitialised(rule, now, space_, range.address, range.size);
  unwritten_.clear();
}

void LocalShadow::UsedFreed(const Current& now, uint64_t block, uint32_t mask, AccessKind kind) {
  const uint64_t address = block * kBlockBytes;
  for (const Freed& freed : freed_) {
    if (freed.end <= address || freed.begin >= address + kBlockBytes) continue;
    // Issued before the buffer was given back, and held up by a flag until now.
    if (now.sequence <= freed.issued[static_cast<size_t>(now.pipe)]) continue;
    const uint64_t from = freed.begin > address ? freed.begin - address : 0;
    const uint64_t to = std::min<uint64_t>(freed.end - address, kBlockBytes);
    ForRuns(mask & Bytes(from, to), [&](uint64_t first, uint64_t length) {
      findings_.AfterFree(now, kind, freed.loc, space_, address + first, length);
    });
  }
}

void LocalShadow::Replace(const Current& now, Stamp stamp, uint64_t block, uint32_t mask, uint64_t blocks) {
  if (replaced_by_ != now.stamp) replaced_.clear();
  replaced_by_ = now.stamp;
  if (!replaced_.empty()) {
    Replaced& last = replaced_.back();
    if (last.stamp == stamp && last.mask == mask && mask == kAll && last.end == block) {
      last.end += blocks;
      return;
    }
  }
  replaced_.push_back({block, block + blocks, mask, stamp});
}

// Before a write to bytes [begin, end).
void LocalShadow::CheckReplaced(const Current& now, uint64_t begin, uint64_t end) {
  if (replaced_by_ != now.stamp || replaced_.empty()) return;
  for (const Replaced& old : replaced_) {
    const uint64_t first = std::max(old.begin, begin / kBlockBytes);
    const uint64_t last = std::min(old.end, (end + kBlockBytes - 1) / kBlockBytes);
    for (uint64_t block = first; block < last; ++block) {
      const uint64_t at = block * kBlockBytes;
      const uint64_t from = std::max(begin, at) - at, to = std::min(end - at, uint64_t{kBlockBytes});
      Race(now, AccessKind::kWrite, old.stamp, block, old.mask & Bytes(from, to));
    }
  }
}

Stamp LocalShadow::LaneStamp(uint64_t block, uint32_t lane) const {
  const uint32_t sequence = lanes_[block][lane];
  const auto after = std::upper_bound(readers_.begin(), readers_.end(), sequence,
                                      [](uint32_t s, const Reader& reader) { return s < reader.sequence; });
  return static_cast<Stamp>(sequence) << kSequenceShift | std::prev(after)->tag;
}

void LocalShadow::LanesToPieces(uint64_t index) {
  Block& block = blocks_[index];
  const uint32_t rest = ~BytesOf(live_[index]);
  for (uint32_t live = std::exchange(live_[index], uint16_t{0}); live != 0; live &= live - 1) {
    const auto lane = static_cast<uint32_t>(std::countr_zero(live));
    Push(block, LaneStamp(index, lane), Bytes(lane * 2, lane * 2 + 2));
  }
  const Stamp whole = std::exchange(block.read[kVectorSlot], Stamp{0});
  if (whole != 0 && rest != 0) Push(block, whole, rest);
}

// The instruction at hand is going to be in lanes.
void LocalShadow::StartLanes(const Current& now) {
  if (lanes_.empty()) lanes_.resize(blocks_.size());
  const auto tag = static_cast<uint32_t>(now.As(AccessKind::kRead));
  if (readers_.empty() || readers_.back().tag != tag) readers_.push_back({now.sequence, tag});
}

// A read by V of whole pairs of bytes of a block that has nothing in pieces.
void LocalShadow::ReadLanes(const Current& now, uint64_t index, uint32_t first, uint32_t count) {
  Split(index / kGroupBlocks);
  Block& block = blocks_[index];
  const Stamp mine = now.As(AccessKind::kRead);
  const uint32_t mask = Bytes(first * 2, (first + count) * 2);
  if ((block.freed & mask) != 0) UsedFreed(now, index, block.freed & mask, AccessKind::kRead);
  if (wants_written_ && (mask & ~block.written) != 0) ReportUninitialised(now, index, mask & ~block.written);
  if (!now.Ordered(block.write)) Race(now, AccessKind::kRead, block.write, index, mask);
  const Stamp whole = block.read[kVectorSlot];
  if (whole == mine) return;
  StartLanes(now);
  Lanes& lanes = lanes_[index];
  const uint32_t live = live_[index];
  if (!now.Ordered(whole)) Replace(now, whole, index, mask & ~BytesOf(live));
  const uint32_t settled = now.ordered[static_cast<size_t>(Pipe::kV)];
  for (uint32_t lane = first; lane < first + count; ++lane) {
    if (lanes[lane] > settled && lanes[lane] != now.sequence && (live >> lane & 1) != 0) {
      Replace(now, LaneStamp(index, lane), index, Bytes(lane * 2, lane * 2 + 2));
    }
    lanes[lane] = now.sequence;
  }
  groups_[index / kGroupBlocks].latest_lane = now.sequence;
  live_[index] = static_cast<uint16_t>(live | ((1u << count) - 1) << first);
  if (live_[index] == 0xFFFF) block.read[kVectorSlot] = 0;
}

// What a write does to the lanes.
void LocalShadow::WriteLanes(const Current& now, uint64_t index, uint32_t mask) {
  for (uint32_t live = live_[index]; live != 0; live &= live - 1) {
    const auto lane = static_cast<uint32_t>(std::countr_zero(live));
    const uint32_t bytes = Bytes(lane * 2, lane * 2 + 2);
    const Stamp stamp = LaneStamp(index, lane);
    if ((bytes & mask) == 0) continue;
    if (!now.Ordered(stamp)) Race(now, AccessKind::kWrite, stamp, index, bytes & mask);
    if (!now.Surpasses(stamp)) continue;
    live_[index] = static_cast<uint16_t>(live_[index] & ~(1u << lane));
    if ((bytes & ~mask) != 0) Push(blocks_[index], stamp, bytes & ~mask);
  }
}

void LocalShadow::ReadBlock(const Current& now, uint64_t index, uint32_t mask) {
  Split(index / kGroupBlocks);
  Block& block = blocks_[index];
  const Stamp mine = now.As(AccessKind::kRead);
  const size_t slot = SlotOf(now.pipe);
  if ((block.freed & mask) != 0) UsedFreed(now, index, block.freed & mask, AccessKind::kRead);
  if (wants_written_ && (mask & ~block.written) != 0) ReportUninitialised(now, index, mask & ~block.written);
  if (!now.Ordered(block.write)) Race(now, AccessKind::kRead, block.write, index, mask);

  if (slot == kVectorSlot && live_[index] != 0) LanesToPieces(index);
  bool kept = false;
  if (slot < kSlots && block.read[slot] != 0) {
    if (block.read[slot] == mine) {
      kept = true;
    } else {
      if (!now.Ordered(block.read[slot])) Replace(now, block.read[slot], index, mask);
      if (mask != kAll) Push(block, block.read[slot], ~mask);
      block.read[slot] = 0;
    }
  }
  uint32_t joined = mask;
  const auto actor = static_cast<uint32_t>(mine) & kActorBits;
  for (uint32_t i = 0; i < block.count;) {
    Piece& piece = block.pieces[i];
    if ((piece.tag & kActorBits) == actor) {
      if (piece.stamp() == mine) {
        joined |= piece.mask;
        piece.mask = 0;
      } else {
        if ((piece.mask & mask) != 0 && !now.Ordered(piece.stamp())) {
          Replace(now, piece.stamp(), index, piece.mask & mask);
        }
        piece.mask &= ~mask;
      }
      if (piece.mask == 0) {
        Remove(block, i);
        continue;
      }
    } else if ((piece.mask & mask) != 0 && KindOf(piece.tag) != AccessKind::kRead && !now.Ordered(piece.stamp())) {
      Race(now, AccessKind::kRead, piece.stamp(), index, piece.mask & mask);
    }
    ++i;
  }
  if (kept) return;
  if (joined == kAll && slot < kSlots) {
    block.read[slot] = mine;
  } else {
    Push(block, mine, joined);
  }
}

void LocalShadow::WriteBlock(const Current& now, uint64_t index, uint32_t mask) {
  Split(index / kGroupBlocks);
  Block& block = blocks_[index];
  const Stamp mine = now.As(AccessKind::kWrite);
  if ((block.freed & mask) != 0) UsedFreed(now, index, block.freed & mask, AccessKind::kWrite);
  block.written |= mask;

  // A whole-block stamp that this access covers goes; what remains of it becomes a piece.
  const auto demote = [&](Stamp& stamp, uint32_t valid) {
    if (stamp == 0) return;
    if (!now.Ordered(stamp)) Race(now, AccessKind::kWrite, stamp, index, mask & valid);
    if (!now.Surpasses(stamp)) return;
    if ((valid & ~mask) != 0) Push(block, stamp, valid & ~mask);
    stamp = 0;
  };
  demote(block.write, kAll);
  for (size_t slot = 0; slot < kSlots; ++slot) {
    demote(block.read[slot], slot == kVectorSlot ? ~BytesOf(live_[index]) : kAll);
  }
  if (live_[index] != 0) WriteLanes(now, index, mask);

  uint32_t joined = mask;
  for (uint32_t i = 0; i < block.count;) {
    Piece& piece = block.pieces[i];
    const uint32_t both = piece.mask & mask;
    const Stamp stamp = piece.stamp();
    if (both != 0 && !now.Ordered(stamp)) Race(now, AccessKind::kWrite, stamp, index, both);
    if (stamp == mine) {
      joined |= piece.mask;
      piece.mask = 0;
    } else if (both != 0 && now.Surpasses(stamp)) {
      piece.mask &= ~mask;
    }
    if (piece.mask == 0) {
      Remove(block, i);
    } else {
      ++i;
    }
  }
  if (joined == kAll && block.write == 0) {
    block.write = mine;
  } else {
    Push(block, mine, joined);
  }
}

// Whether the group's own record tells all that there is to say.
bool LocalShadow::ReadGroup(const Current& now, uint64_t index, Stamp* good) {
  Group& group = groups_[index];
  const size_t slot = SlotOf(now.pipe);
  if (group.split || group.freed || slot >= kSlots || (wants_written_ && !group.written)) return false;
  if (group.write != *good && !now.Ordered(group.write)) return false;
  if (slot == kVectorSlot && HasLanes(index)) {
    CloseWindow(index);
    if (group.latest_lane > now.ordered[static_cast<size_t>(Pipe::kV)]) return false;
    ForgetLanes(index);
  }
  if (!now.Ordered(group.read[slot])) Replace(now, group.read[slot], index * kGroupBlocks, kAll, kGroupBlocks);
  *good = group.write;
  group.read[slot] = now.As(AccessKind::kRead);
  return true;
}

void LocalShadow::ReadBlocks(const Current& now, uint64_t begin, uint64_t end) {
  const size_t slot = SlotOf(now.pipe);
  const Stamp mine = now.As(AccessKind::kRead);
  const uint32_t unwanted = wants_written_ ? 0 : kAll;
  Stamp good = 0;  // neighbours are mostly written by one instruction
  for (uint64_t b = begin; b < end;) {
    const uint64_t next = std::min((b / kGroupBlocks + 1) * kGroupBlocks, end);
    if (next - b == kGroupBlocks && ReadGroup(now, b / kGroupBlocks, &good)) {
      b = next;
      continue;
    }
    Split(b / kGroupBlocks);
    for (; b < next; ++b) {
      Block& block = blocks_[b];
      if (slot < kSlots && block.count == 0 && live_[b] == 0 && block.freed == 0 &&
          (block.written | unwanted) == kAll && (block.write == good || now.Ordered(block.write))) {
        if (!now.Ordered(block.read[slot])) Replace(now, block.read[slot], b, kAll);
        good = block.write;
        block.read[slot] = mine;
      } else {
        ReadBlock(now, b, kAll);
      }
    }
  }
}

bool LocalShadow::WriteGroup(const Current& now, uint64_t index) {
  Group& group = groups_[index];
  if (group.split || group.freed || !now.Quick(group.write) || !now.Quick(group.read[0]) || !now.Quick(group.read[1]) ||
      !now.Quick(group.read[2])) {
    return false;
  }
  CloseWindow(index);
  if (HasLanes(index)) {
    if (group.latest_lane > now.quick[static_cast<size_t>(Pipe::kV)]) return false;
    ForgetLanes(index);
  }
  group.write = now.As(AccessKind::kWrite);
  group.read[0] = group.read[1] = group.read[2] = 0;
  group.written = true;
  return true;
}

void LocalShadow::WriteBlocks(const Current& now, uint64_t begin, uint64_t end) {
  const Stamp mine = now.As(AccessKind::kWrite);
  for (uint64_t b = begin; b < end;) {
    const uint64_t group = b / kGroupBlocks, next = std::min((group + 1) * kGroupBlocks, end);
    const bool all = next - b == kGroupBlocks;
    if (all && WriteGroup(now, group)) {
      b = next;
      continue;
    }
    Split(group);
    for (; b < next; ++b) {
      Block& block = blocks_[b];
      if (block.count == 0 && live_[b] == 0 && block.freed == 0 && now.Quick(block.write) && now.Quick(block.read[0]) &&
          now.Quick(block.read[1]) && now.Quick(block.read[2])) {
        block.write = mine;
        block.read[0] = block.read[1] = block.read[2] = 0;
        block.written = kAll;
      } else {
        WriteBlock(now, b, kAll);
      }
    }
    if (all) TryJoin(group);
  }
}

// Bytes [from, to) of a block.
void LocalShadow::AccessPart(const Current& now, uint64_t block, uint64_t from, uint64_t to, bool read) {
  if (!read) return WriteBlock(now, block, Bytes(from, to));
  Split(block / kGroupBlocks);
  if (now.pipe == Pipe::kV && ((from | to) & 1) == 0 && blocks_[block].count == 0) {
    ReadLanes(now, block, static_cast<uint32_t>(from / 2), static_cast<uint32_t>((to - from) / 2));
  } else {
    ReadBlock(now, block, Bytes(from, to));
  }
}

void LocalShadow::Access(const Current& now, uint64_t address, uint64_t size, AccessKind kind) {
  const uint64_t limit = blocks_.size() * kBlockBytes;
  if (size == 0 || address >= limit) return;
  const uint64_t end = address + std::min(size, limit - address);
  const bool read = kind == AccessKind::kRead;
  if (!read) CheckReplaced(now, address, end);
  AccessBlocks(now, address, end, read);
  if (!unwritten_.empty()) ReportOutput(now, end - address);
}

void LocalShadow::AccessBlocks(const Current& now, uint64_t address, uint64_t end, bool read) {
  uint64_t block = address / kBlockBytes;
  const uint64_t last = end / kBlockBytes;  // of the whole blocks, exclusive
  const uint64_t head = address % kBlockBytes, tail = end % kBlockBytes;
  if (block == last) return AccessPart(now, block, head, tail, read);
  if (head != 0) AccessPart(now, block++, head, kBlockBytes, read);
  read ? ReadBlocks(now, block, last) : WriteBlocks(now, block, last);
  if (tail != 0) AccessPart(now, last, 0, tail, read);
}

void LocalShadow::MarkFreed(uint64_t address, uint64_t size, bool freed, Loc loc, const Known& issued) {
  const uint64_t limit = blocks_.size() * kBlockBytes;
  if (size == 0 || address >= limit) return;
  const uint64_t end = address + std::min(size, limit - address);
  std::vector<Freed> rest;
  for (const Freed& old : freed_) {
    if (old.begin < std::min(old.end, address))
      rest.push_back({old.begin, std::min(old.end, address), old.loc, old.issued});
    if (std::max(old.begin, end) < old.end) rest.push_back({std::max(old.begin, end), old.end, old.loc, old.issued});
  }
  freed_ = std::move(rest);
  if (freed) freed_.push_back({address, end, loc, issued});
  for (uint64_t b = address / kBlockBytes; b * kBlockBytes < end; ++b) {
    Group& group = groups_[b / kGroupBlocks];
    if (!group.split && group.freed == freed) continue;
    if (!group.split && b * kBlockBytes >= address && (b + kGroupBlocks) * kBlockBytes <= end &&
        b % kGroupBlocks == 0) {
      CloseWindow(b / kGroupBlocks);
      group.freed = freed;
      b += kGroupBlocks - 1;
      continue;
    }
    Split(b / kGroupBlocks);
    const uint64_t from = std::max(address, b * kBlockBytes) - b * kBlockBytes;
    const uint64_t to = std::min(end - b * kBlockBytes, uint64_t{kBlockBytes});
    const uint32_t mask = Bytes(from, to);
    blocks_[b].freed = freed ? blocks_[b].freed | mask : blocks_[b].freed & ~mask;
  }
}

}  // namespace ascsim
