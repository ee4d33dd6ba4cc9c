// Who last touched each byte of UB or L1 of one core.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "check/findings.h"
#include "check/stamp.h"

namespace ascsim {

// Exact to the byte. By queue and kind of access only the latest one of a byte is kept, and a write drops what happened
// before it: whatever races with something dropped races with what took its place, too.
class LocalShadow {
 public:
  LocalShadow(Space space, uint64_t bytes, Findings& findings);
  ~LocalShadow();
  LocalShadow(const LocalShadow&) = delete;
  LocalShadow& operator=(const LocalShadow&) = delete;

  void Access(const Current& now, uint64_t address, uint64_t size, AccessKind kind);
  // Instructions issued up to `issued` may still use the bytes.
  void MarkFreed(uint64_t address, uint64_t size, bool freed, Loc loc, const Known& issued);
  // Nothing has been written, nobody has touched anything.
  void Clear();
  uint64_t memory_bytes() const;

 private:
  // An access to some bytes of a block. 12 bytes: the stamp in halves.
  struct Piece {
    uint32_t tag, sequence;
    uint32_t mask;
    Stamp stamp() const { return static_cast<Stamp>(sequence) << kSequenceShift | tag; }
  };
  // Vector instructions touch whole blocks: one write and a read by each queue that reads UB are kept at hand; gathers
  // touch pairs of bytes here and there: a sequence for each; all else is in pieces. Stamps 0: none.
  static constexpr size_t kSlots = 3, kVectorSlot = 1, kLanes = kBlockBytes / 2;
  struct alignas(64) Block {
    Stamp write = 0;
    Stamp read[kSlots] = {};
    Piece* pieces = nullptr;
    uint16_t count = 0, capacity = 0;
    uint16_t live_lanes = 0;          // a bit for each pair of bytes; they go before read[kVectorSlot]
    uint32_t written = 0, freed = 0;  // a bit a byte
  };
  // A read by the queue that a later read of the same queue, unordered with it, has taken the place of. What writes the
  // bytes after that races with the later one, too, unless it is the later one's own instruction: an update in place.
  struct Replaced {
    uint64_t block = 0;
    uint32_t mask = 0;
    Stamp stamp = 0;
  };
  // Latest read by V of each pair of bytes of a block, by sequence: one cache line, apart from the block because only
  // what is gathered from needs it. Whose line of source a sequence is tells readers_.
  using Lanes = std::array<uint32_t, kLanes>;
  struct Reader {
    uint32_t sequence = 0;
    uint32_t tag = 0;
  };
  struct Freed {
    uint64_t begin = 0, end = 0;
    Loc loc;
    Known issued{};
  };

  void AccessPart(const Current& now, uint64_t block, uint64_t from, uint64_t to, bool read);
  void ReadLanes(const Current& now, uint64_t block, uint32_t first, uint32_t count);
  void WriteLanes(const Current& now, uint64_t block, uint32_t mask);
  void ReadBlock(const Current& now, uint64_t block, uint32_t mask);
  void WriteBlock(const Current& now, uint64_t block, uint32_t mask);
  void ReadBlocks(const Current& now, uint64_t begin, uint64_t end);
  void WriteBlocks(const Current& now, uint64_t begin, uint64_t end);
  void UsedFreed(const Current& now, uint64_t block, uint32_t mask, AccessKind kind);
  void ReportUninitialised(const Current& now, uint64_t block, uint32_t mask);
  void Race(const Current& now, AccessKind kind, Stamp other, uint64_t block, uint32_t mask);
  void Replace(const Current& now, Stamp stamp, uint64_t block, uint32_t mask);
  void CheckReplaced(const Current& now, uint64_t begin, uint64_t end);
  void LanesToPieces(uint64_t block);
  Stamp LaneStamp(uint64_t block, uint32_t lane) const;
  static void Push(Block& block, Stamp stamp, uint32_t mask);
  static void Remove(Block& block, uint32_t i) { block.pieces[i] = block.pieces[--block.count]; }

  const Space space_;
  Findings& findings_;
  const bool wants_written_;
  std::vector<Block> blocks_;
  std::vector<Lanes> lanes_;     // by block; empty until V reads less than a block
  std::vector<Reader> readers_;  // in order; the sequences from one to the next that are in lanes are of its line
  std::vector<Freed> freed_;
  std::vector<Replaced> replaced_;
  Stamp replaced_by_ = 0;  // the instruction whose reads did that
};

}  // namespace ascsim
