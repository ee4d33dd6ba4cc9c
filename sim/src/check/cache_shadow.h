// What the data caches of the scalar units may hold of GM: lines that may be old, and lines not written back yet.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "check/findings.h"
#include "check/order.h"
#include "check/stamp.h"

namespace ascsim {

// DataCacheCleanAndInvalid.md, SetValue-3.md: each core's scalar unit reaches GM through a cache of its own, in lines
// of 64 bytes, which nothing keeps coherent. A line stays as it was when it was first touched, and a changed one is
// written back whole, at some time until DataCacheCleanAndInvalid. That a line may have been evicted earlier is luck
// and counts for nothing: a line is taken to be there from its first access until it is cleaned, whatever the size of
// the cache.
class CacheShadow {
 public:
  CacheShadow(Findings& findings, const Order& order, int num_cores, bool auto_sync);

  bool wanted() const { return wanted_; }

  // The running instruction, of any queue, meets a piece of GM that `other` has written; the two are ordered.
  void MeetWrite(const Current& now, AccessKind kind, Stamp other, uint64_t address, uint64_t size);
  // The scalar unit has written bytes of a line, of which `other` has written [address, address + size).
  void MeetInLine(const Current& now, Stamp other, uint64_t address, uint64_t size, uint64_t written,
                  uint64_t written_size);
  // After the checks above: the line comes into the cache.
  void Touch(const Current& now, uint64_t address, bool write, uint64_t size);
  // A write that does not come from this core's scalar unit: lines of others that are written back over it.
  void MeetDirty(const Current& now, uint64_t address, uint64_t size);

  void Clean(const Current& now, uint64_t address, bool whole);
  void EndBlock(int core) { ++epochs_[static_cast<size_t>(core)]; }
  uint64_t memory_bytes() const;

  static constexpr uint64_t kLineBytes = 64;

 private:
  // What a scalar unit knew to be over.
  struct Snapshot {
    Known own{}, block_begin{};
    Checker::Token others;
  };
  // A line in the cache of a core. It is there while the epoch is the core's.
  struct Copy {
    uint32_t core = 0, epoch = 0;
    uint32_t snapshot = 0;  // of the first access
    uint32_t cleaned = 0;   // sequence of the last DataCacheCleanAndInvalid that found it changed
    Stamp first_write = 0;  // since it was cleaned; 0: unchanged
    Stamp last_write = 0;   // of those that were cleaned
    uint64_t dirty = 0;     // by byte of the line
  };

  struct Recent {  // a line that is known to be in a cache
    uint64_t line = 1;
    int core = -1;
    uint32_t epoch = 0;
  };

  Copy* Find(uint64_t line, int core);
  bool Here(const Copy& copy) const { return copy.epoch == epochs_[copy.core]; }
  uint32_t SnapshotOf(const Current& now);
  bool Knew(const Copy& copy, Stamp other) const;
  // Of the clean that first followed a write; 0: there is none yet.
  uint32_t CleanAfter(Stamp write, uint64_t line) const;
  // What put a write into GM, when that is over for the running instruction: the write itself, or the clean after it.
  Stamp InGmBy(const Current& now, Stamp write, uint64_t line) const;
  void CleanCopy(const Current& now, uint64_t line, Copy* copy);

  Findings& findings_;
  const Order& order_;
  const bool auto_sync_, wanted_;
  std::unordered_map<uint64_t, std::vector<Copy>> lines_;       // by address
  std::unordered_map<uint64_t, std::vector<uint32_t>> cleans_;  // by address and core: sequences, in order
  std::unordered_set<uint64_t> written_;                        // lines that some scalar unit ever wrote
  std::vector<std::vector<uint64_t>> dirty_;                    // by core: lines, some of them clean again
  std::vector<std::vector<Snapshot>> snapshots_;                // by core
  std::vector<uint32_t> epochs_;
  std::array<Recent, 64> recent_;
};

}  // namespace ascsim
