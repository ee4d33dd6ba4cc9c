// Who touched a byte and when, in 8 bytes, and what the instruction at hand knows to be over.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "ascsim/types.h"
#include "check/checker.h"

namespace ascsim {

// sequence 32 | site 18 | core 8 | kind 3 | pipe 3. Sequences start at 1, so that 0 is nobody.
using Stamp = uint64_t;

constexpr int kKindShift = 3, kCoreShift = 6, kSiteShift = 14, kSequenceShift = 32;
constexpr int kMaxCores = 1 << (kSiteShift - kCoreShift);
constexpr uint32_t kMaxSites = 1u << (kSequenceShift - kSiteShift);
// What makes two stamps of one queue and one kind of access.
constexpr uint32_t kActorBits = (1u << kSiteShift) - 1;

constexpr Stamp MakeStamp(uint32_t sequence, Pipe pipe, AccessKind kind, int core, uint32_t site) {
  return static_cast<Stamp>(sequence) << kSequenceShift | static_cast<Stamp>(site) << kSiteShift |
         static_cast<Stamp>(core) << kCoreShift | static_cast<Stamp>(kind) << kKindShift | static_cast<Stamp>(pipe);
}
constexpr uint32_t SequenceOf(Stamp stamp) { return static_cast<uint32_t>(stamp >> kSequenceShift); }
constexpr size_t PipeIndexOf(Stamp stamp) { return static_cast<size_t>(stamp & 7); }
constexpr Pipe PipeOf(Stamp stamp) { return static_cast<Pipe>(stamp & 7); }
constexpr AccessKind KindOf(Stamp stamp) { return static_cast<AccessKind>((stamp >> kKindShift) & 7); }
constexpr int CoreOf(Stamp stamp) { return static_cast<int>((stamp >> kCoreShift) & (kMaxCores - 1)); }
constexpr uint32_t SiteOf(Stamp stamp) { return static_cast<uint32_t>(stamp >> kSiteShift) & (kMaxSites - 1); }

// Two reads may meet, and two atomic updates of one kind: their order does not matter, that of a sum and a maximum
// does.
constexpr bool Conflict(AccessKind a, AccessKind b) { return a != b || a == AccessKind::kWrite; }

// Latest sequence by pipe of one core that is known to be complete.
using Known = std::array<uint32_t, 8>;

// The instruction that makes accesses, and what is over for it. Set up once an instruction.
struct Current {
  int core = 0;
  Pipe pipe = Pipe::kS;
  uint32_t sequence = 0;
  Stamp stamp = 0;  // as a read
  Known ordered{};  // happened before, by pipe of its core
  // A later access that races with one of these races with the access at hand, too: happened before, or same queue.
  Known surpassed{};
  Known quick{};  // both
  // Bits of pipes of its core: the toolkit's compiler orders what is missing with them, and has to with these.
  uint8_t inserts = 0;
  mutable uint8_t inserted = 0;
  bool plain_output = false;         // a copy to GM that replaces what is there: bytes never written harm nobody yet
  Known block_begin{};               // instructions of the core up to this are of an earlier block
  const uint32_t* others = nullptr;  // [core * kNumPipes + pipe], null: nothing known of other cores

  Stamp As(AccessKind kind) const { return stamp | static_cast<Stamp>(kind) << kKindShift; }
  bool Mine(Stamp other) const {
    return SequenceOf(other) == sequence && PipeOf(other) == pipe && CoreOf(other) == core;
  }

  // For memories of the core itself.
  bool Ordered(Stamp other) const {
    return SequenceOf(other) <= ordered[PipeIndexOf(other)] || (SequenceOf(other) == sequence && PipeOf(other) == pipe);
  }
  bool Surpasses(Stamp other) const { return SequenceOf(other) <= surpassed[PipeIndexOf(other)]; }
  bool Quick(Stamp other) const { return SequenceOf(other) <= quick[PipeIndexOf(other)]; }

  // For GM. Blocks that one core runs one after another count as unordered: which core runs a block is not defined.
  bool OfThisBlock(Stamp other) const {
    return CoreOf(other) == core && SequenceOf(other) > block_begin[PipeIndexOf(other)];
  }
  bool Heard(Stamp other) const {
    return others != nullptr &&
           SequenceOf(other) <= others[static_cast<size_t>(CoreOf(other)) * kNumPipes + PipeIndexOf(other)];
  }
  bool OrderedInGm(Stamp other) const { return OfThisBlock(other) ? Ordered(other) : Heard(other); }
  // The toolkit's compiler orders the two where the kernel does not.
  bool Inserts(Stamp other) const { return OfThisBlock(other) && (inserts >> PipeIndexOf(other) & 1) != 0; }
  bool OrderedOrInserted(Stamp other) const { return OrderedInGm(other) || Inserts(other); }
  bool SurpassesInGm(Stamp other) const {
    if (CoreOf(other) == core && PipeOf(other) == pipe) return true;
    return OfThisBlock(other) ? Surpasses(other) : Heard(other);
  }
};

}  // namespace ascsim
