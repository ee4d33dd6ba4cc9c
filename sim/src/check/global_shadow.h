// Who last touched each byte of GM, over all cores of a launch.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "check/cache_shadow.h"
#include "check/findings.h"
#include "check/stamp.h"

namespace ascsim {

// Exact to the byte, by the same rules as LocalShadow. Lines of 512 bytes come into being when they are touched: 32
// bytes each where one instruction touched the whole line or nothing else did, 12 bytes more for each further range.
// Reads and atomic updates only replace those of their own queue, and a line may have them from every core: they are
// found by hash. (Scanning them took 7.3 s of CPU against 5.4 s for 6 million loads of two random 128-byte rows of 26
// MB on 48 cores, with 116 MB of shadow against 175 MB.)
class GlobalShadow {
 public:
  GlobalShadow(Findings& findings, CacheShadow& cache);
  ~GlobalShadow();
  GlobalShadow(const GlobalShadow&) = delete;
  GlobalShadow& operator=(const GlobalShadow&) = delete;

  void Access(const Current& now, uint64_t address, uint64_t size, AccessKind kind);
  // Fetches what Access will need for the addresses: each access waits for three cache misses, those of several can be
  // waited for together.
  void Expect(const Current& now, const uint64_t* addresses, uint32_t count) const;
  uint64_t memory_bytes() const;

 private:
  static constexpr uint64_t kLineBytes = 512, kPageBytes = uint64_t{64} << 10;
  static constexpr size_t kLinesPerPage = kPageBytes / kLineBytes;

  // Bytes [begin, end) of a line. In a table: sequence 0 was never used, begin == end is free again.
  struct Piece {
    uint32_t tag = 0, sequence = 0;
    uint16_t begin = 0, end = 0;
    Stamp stamp() const { return static_cast<Stamp>(sequence) << kSequenceShift | tag; }
    bool live() const { return begin != end; }
  };
  // Reads and updates, by hash of their queue, linear probing. What every access needs stands in the line: a look at
  // the table costs a cache miss, and another one where it is not the slot that is wanted.
  struct Table {
    uint32_t used;  // slots that are not empty any more
    Piece* slots() { return reinterpret_cast<Piece*>(this + 1); }
  };
  struct Writes {
    uint32_t capacity, count;
    Piece* pieces() { return reinterpret_cast<Piece*>(this + 1); }
  };
  struct Line {
    Piece only;             // the one piece while there are no arrays; not live: none
    uint16_t live[2] = {};  // in the table: reads, updates
    Table* table = nullptr;
    Writes* writes = nullptr;
    // Of the table, a power of two. There is no only piece then, so that its place can be used.
    uint32_t& capacity() { return only.tag; }
    uint32_t capacity() const { return only.tag; }
  };
  struct Page {
    Line lines[kLinesPerPage];
  };
  struct Slot {
    uint64_t number = 0;  // of the page, plus one
    std::unique_ptr<Page> page;
  };
  struct Span {  // an access to a line
    uint64_t line_address;
    uint16_t begin, end;
    AccessKind kind;
  };

  Page& PageOf(uint64_t address);
  const Line* FindLine(uint64_t address) const;
  void Grow();
  void AccessLine(const Current& now, Line& line, const Span& span);
  void MeetWrites(const Current& now, Line& line, const Span& span, Piece* mine);
  void MeetTable(const Current& now, Line& line, const Span& span);
  void ReplaceOwn(Line& line, const Span& span, Piece mine);
  void Check(const Current& now, const Span& span, const Piece& piece);
  // Whether it may conflict with an update: updates do when there are several kinds of them.
  bool MeetsUpdates(AccessKind kind) const {
    const uint32_t others = update_kinds_ & ~(1u << static_cast<unsigned>(kind));
    return !IsUpdate(kind) || others != 0;
  }
  // Before a scalar write: what others have written of its 64 bytes.
  void MeetCacheLine(const Current& now, Line& line, const Span& span);
  static void AddWrite(Line& line, const Piece& piece);
  static void AddToTable(Line& line, const Piece& piece);
  static void Rehash(Line& line, uint32_t capacity);

  Findings& findings_;
  CacheShadow& cache_;
  std::vector<Slot> table_;  // open addressing, a power of two
  uint64_t num_pages_ = 0;
  uint32_t update_kinds_ = 0;  // that have been made, a bit each
  uint64_t last_number_ = 0;
  Page* last_page_ = nullptr;
};

}  // namespace ascsim
