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
  // Gives the bits of those that are to be told by Access: where there may be something to report, or bytes are the
  // instruction's own.
  uint64_t ReadElements(const Current& now, const Elements& elements);
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
    uint32_t written = 0, freed = 0;  // a bit a byte
  };
  // Blocks with the same history, but for the lanes, have it here: most instructions touch all of a group. Once they
  // differ each has its own, until one instruction writes all of them.
  static constexpr uint64_t kGroupBlocks = 4;
  struct Group {
    Stamp write = 0;
    Stamp read[kSlots] = {};
    uint32_t latest_lane = 0;  // no live lane has a greater sequence; in the window: window_sequence_
    bool split = false;        // see the blocks
    bool written = false, freed = false;
  };
  // A read by the queue that a later read of the same queue, unordered with it, has taken the place of. What writes the
  // bytes after that races with the later one, too, unless it is the later one's own instruction: an update in place.
  struct Replaced {
    uint64_t begin = 0, end = 0;  // blocks
    uint32_t mask = 0;            // of each
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

  void Split(uint64_t group);
  void TryJoin(uint64_t group);
  bool HasLanes(uint64_t group) const;
  void ForgetLanes(uint64_t group);
  void AccessPart(const Current& now, uint64_t block, uint64_t from, uint64_t to, bool read);
  void ReadLanes(const Current& now, uint64_t block, uint32_t first, uint32_t count);
  void StartLanes(const Current& now);
  bool IsQuiet(const Current& now, const Group& group, Stamp* good) const;
  void ExtendWindow(const Current& now, const Elements& elements);
  // Before anything but a read of elements happens to a group.
  void CloseWindow(uint64_t group);
  template <uint32_t kSize>
  uint64_t ReadElementsOf(const Current& now, const Elements& elements);
  void WriteLanes(const Current& now, uint64_t block, uint32_t mask);
  void ReadBlock(const Current& now, uint64_t block, uint32_t mask);
  void WriteBlock(const Current& now, uint64_t block, uint32_t mask);
  bool ReadGroup(const Current& now, uint64_t group, Stamp* good);
  bool WriteGroup(const Current& now, uint64_t group);
  void ReadBlocks(const Current& now, uint64_t begin, uint64_t end);
  void WriteBlocks(const Current& now, uint64_t begin, uint64_t end);
  void UsedFreed(const Current& now, uint64_t block, uint32_t mask, AccessKind kind);
  void AccessBlocks(const Current& now, uint64_t begin, uint64_t end, bool read);
  void ReportOutput(const Current& now, uint64_t size);
  void ReportUninitialised(const Current& now, uint64_t block, uint32_t mask);
  void Race(const Current& now, AccessKind kind, Stamp other, uint64_t block, uint32_t mask);
  void Replace(const Current& now, Stamp stamp, uint64_t block, uint32_t mask, uint64_t blocks = 1);
  void CheckReplaced(const Current& now, uint64_t begin, uint64_t end);
  void LanesToPieces(uint64_t block);
  Stamp LaneStamp(uint64_t block, uint32_t lane) const;
  static void Push(Block& block, Stamp stamp, uint32_t mask);
  static void Remove(Block& block, uint32_t i) { block.pieces[i] = block.pieces[--block.count]; }

  const Space space_;
  Findings& findings_;
  const bool wants_written_;
  std::vector<Group> groups_;
  std::vector<Block> blocks_;
  std::vector<uint16_t> live_;   // by block, a bit for each pair of bytes; those reads go before read[kVectorSlot]
  std::vector<Lanes> lanes_;     // by block; empty until V reads less than a block
  std::vector<Reader> readers_;  // in order; the sequences from one to the next that are in lanes are of its line
  std::vector<Freed> freed_;
  std::vector<Replaced> replaced_;
  struct Range {
    uint64_t address, size;
  };
  std::vector<Range> unwritten_;  // of the access at hand, a copy to GM
  Stamp replaced_by_ = 0;         // the instruction whose reads did that
  // Groups where reads of elements have nothing to report and nothing to do but to leave lanes. It lasts over
  // instructions: what is ordered before one of V is so before the next.
  uint32_t window_sequence_ = 0;  // the last instruction to read elements
  uint64_t window_begin_ = 0, window_end_ = 0;
};

}  // namespace ascsim
