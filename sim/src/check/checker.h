// Happens-before between instructions, and the accesses that it must order.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ascsim/instruction.h"
#include "core/rules.h"

namespace ascsim {

enum class AccessKind : uint8_t { kRead, kWrite, kAtomicAdd, kAtomicMax, kAtomicMin };
constexpr bool IsUpdate(AccessKind kind) { return kind >= AccessKind::kAtomicAdd; }

// Elements that an instruction of queue V reads here and there.
struct Elements {
  uint64_t base = 0;  // of element k: base + offsets[k], nothing across the end of a block
  const uint32_t* offsets = nullptr;
  uint32_t count = 0;                   // at most 64
  uint32_t size = 0;                    // bytes, a multiple of 2
  uint64_t all = 0;                     // that the instruction reads, about
  uint64_t own_begin = 0, own_end = 0;  // it writes nothing outside
};

struct Party {  // one side of a breach
  Op op = Op::kNone;
  Pipe pipe = Pipe::kS;
  Loc loc;
  int core = -1;               // as numbered in the launch
  std::string core_name = {};  // "AIV 29"; filled in by the checker, as is
  int block = -1;              // that the core ran
};

struct Breach {
  Rule rule = Rule::kCount;
  Severity severity = Severity::kError;
  std::string kernel;
  Party first, second;  // second.core < 0: only one party
  Space space = Space::kUB;
  uint64_t address = 0, size = 0;  // of what both touch; GM as offset in `allocation`
  uint64_t allocation = 0;         // GM: number of the allocation
  std::string what;                // one sentence: what happened
  std::string remedy;              // what would fix it
  uint64_t count = 1;              // times the same rule met at the same lines
};

// One launch. The engine calls it in the order in which instructions take effect; cores are numbered as in the launch.
class Checker {
 public:
  Checker(const CheckOptions& options, std::string kernel, int num_cores, uint64_t ub_bytes, uint64_t l1_bytes);
  ~Checker();

  // The scalar unit issues an instruction to a queue: what the scalar has waited for is over for the queue, too.
  void Issue(int core, Pipe pipe);
  // An instruction starts to take effect; the accesses that follow are its own.
  void Begin(int core, const Instruction& instruction);
  void Access(Space space, uint64_t address, uint64_t size, AccessKind kind);

  // Bits of pipes that the accesses since Begin depend on by no more than the order that the toolkit's compiler inserts
  // (auto-sync); 0 without checks.
  uint8_t Inserted() const;
  // Whether such an order may come between the scalar unit and what other queues do.
  bool auto_sync() const;
  // See LocalShadow::ReadElements.
  uint64_t ReadElements(Space space, const Elements& elements);
  // GM addresses that are going to be accessed, so that the cache misses come together.
  void Expect(const uint64_t* addresses, uint32_t count);
  // The running instruction, of queue S: DataCacheCleanAndInvalid of the line of 64 bytes, or of all the cache; and a
  // line that comes into the cache without being read (DataCachePreload).
  void CleanCache(uint64_t address, bool whole);
  void PreloadCache(uint64_t address);

  void SetFlag(int core, const Instruction& set);    // executed by pipe set.pipe
  void WaitFlag(int core, const Instruction& wait);  // executed by pipe wait.pipe, after its SetFlag
  void Barrier(int core, const Instruction& barrier);
  // A token that a cross-core flag carries: everything before it on `pipe` (kAll: on the core).
  using Token = std::shared_ptr<const std::vector<uint32_t>>;
  // `sequence` of the instruction that sets or waits; 0: the next one of its queue.
  Token Signal(int core, Pipe pipe, uint64_t sequence = 0);
  void Receive(int core, Pipe pipe, const Token& token, uint64_t sequence = 0);
  // All cores have arrived: everything before is over for everything after.
  void SyncAll(const std::vector<int>& cores);

  void MarkFreed(int core, Space space, uint64_t address, uint64_t size, bool freed, Loc loc);
  // A core takes a block; `name` of the core is for reports.
  void StartBlock(int core, const std::string& name, uint32_t block);
  // A block has ended and all that it issued is done: flags left set. What the core does next is another block, for
  // which UB and L1 hold nothing.
  void EndCore(int core);

  // Turns a GM address into the number of its allocation and an offset, for Breach. Without it breaches hold addresses.
  using GmNamer = std::function<void(uint64_t address, uint64_t* allocation, uint64_t* offset)>;
  void SetGmNamer(GmNamer namer);

  void Report(Breach breach);
  bool Wants(Rule rule) const;
  Severity SeverityOf(Rule rule) const;
  const std::vector<Breach>& breaches() const;
  uint64_t suppressed() const;
  bool failed() const;            // some breach is an error
  uint64_t memory_bytes() const;  // of the shadows

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What the line calls: "DataCopyPad", "ReduceSum"; "the code" where that is not known.
std::string CallName(const Party& party);
// "error: race-raw in vector_add, AIV 3, block 51: V Add at k.cpp:47 reads UB [0x100, 0x200) ... no MTE2_V flag between
// ..."
std::string Format(const Breach& breach);

}  // namespace ascsim
