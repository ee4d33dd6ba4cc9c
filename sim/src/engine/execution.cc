// Access to a core's memories and to GM, in bounds and checked.
// SPDX-License-Identifier: Apache-2.0
#include "engine/execution.h"

#include <algorithm>
#include <vector>

#include "engine/core.h"
#include "engine/launch.h"
#include "exec/tables.h"

namespace ascsim {
namespace {

constexpr std::array<const char*, kNumSpaces> kSpaceNames = {"GM", "UB", "L1"};

// More than an instruction at the end of its tensor would have; the report counts them.
constexpr uint32_t kMaxOutside = 1024;
constexpr uint64_t kMaxScratch = uint64_t{4} << 20;  // more than a burst or a repeat of any instruction

// What an out-of-bounds access gets instead: grown to the largest one, never read by anybody else.
std::vector<uint8_t>& Scratch() {
  static std::vector<uint8_t> scratch;
  return scratch;
}

uint64_t RoundUpToBlock(uint64_t bytes) { return (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes; }

// Where accesses through an operand have to end that carries the end of its tensor. UB and L1 are allocated in blocks,
// so a tensor's last block is all its own. In GM what a read brings along to fill its last block is no harm, but a
// write may go that far only where the allocation ends, too.
uint64_t TensorLimit(const Operand& operand, AccessKind kind, const Allocation* allocation) {
  if (operand.space != Space::kGM) return RoundUpToBlock(operand.end);
  if (operand.address >= operand.end) return operand.end;
  const uint64_t filled = operand.address + RoundUpToBlock(operand.end - operand.address);
  if (kind == AccessKind::kRead) return filled;
  const uint64_t end = allocation->address + allocation->size;
  return end <= filled ? std::max(end, operand.end) : operand.end;
}

// Addresses of the host change from run to run; beyond a megabyte the distance does, too.
std::string NearestText(const GlobalMemory& memory, uint64_t address) {
  constexpr uint64_t kNear = uint64_t{1} << 20;
  const Allocation* nearest = memory.Nearest(address);
  if (nearest == nullptr) return "";
  const bool before = address < nearest->address;
  const uint64_t distance = before ? nearest->address - address : address - (nearest->address + nearest->size);
  if (distance > kNear) return ", none within a megabyte";
  return ", " + std::to_string(distance) + " bytes " + (before ? "before the start" : "behind the end") + " of GM #" +
         std::to_string(nearest->number) + ", which has " + std::to_string(nearest->size);
}

// What lies outside the tensor that an operand was made of.
void CheckTensor(Execution& execution, const Operand& operand, uint64_t address, uint64_t size, AccessKind kind,
                 const Allocation* allocation) {
  const bool before = address < operand.begin;
  if (!before && (operand.end == 0 || address + size <= TensorLimit(operand, kind, allocation))) return;
  const uint64_t outside = before ? operand.begin - address : address + size - operand.end;
  execution.Report(Rule::kOutOfBounds,
                   std::string(kind == AccessKind::kRead ? "reads " : "writes ") + std::to_string(size) + " bytes, " +
                       std::to_string(std::min(size, outside)) + " of them " + (before ? "before" : "beyond") +
                       " the tensor that was passed",
                   operand.space, address, size);
}

}  // namespace

Execution::Execution(Core& core, const Instruction& instruction)
    : core_(core),
      instruction_(instruction),
      checked_(Launch::Current()->options().checks.enabled),
      observed_(Launch::Current()->options().observe != nullptr) {}

uint8_t* Execution::Access(const Operand& operand, uint64_t address, uint64_t size, AccessKind kind) {
  if (observed_ && size > 0) {
    Launch::Current()->options().observe({core_.index, instruction_, operand, address, size, kind});
  }
  uint8_t* bytes = nullptr;
  const Allocation* allocation = nullptr;
  if (operand.space == Space::kGM) {
    allocation = Launch::Current()->memory().Find(address);
    if (allocation == nullptr || allocation->freed || size > allocation->size - (address - allocation->address)) {
      return OutOfBounds(operand, address, size, kind);
    }
    bytes = reinterpret_cast<uint8_t*>(address);
  } else {
    std::vector<uint8_t>& memory = core_.memory(operand.space);
    if (address > memory.size() || size > memory.size() - address) return OutOfBounds(operand, address, size, kind);
    // A vector core has no L1: what takes no bytes of it still takes an address.
    static uint8_t none = 0;
    bytes = memory.empty() ? &none : memory.data() + address;
  }
  if (checked_ && size > 0) {
    // Unlike what lies outside the memory, the access takes place: what it disturbs belongs to the kernel.
    if (address + size > operand.end || address < operand.begin) {
      CheckTensor(*this, operand, address, size, kind, allocation);
    }
    const size_t slot = &operand == &instruction_.dst    ? 0
                        : &operand == &instruction_.src0 ? 1
                        : &operand == &instruction_.src1 ? 2
                                                         : 3;
    // dst may be read and written (MulAddDst): reads of it go to the slot of src2, which such instructions lack.
    Run& run = runs_[slot == 0 && kind == AccessKind::kRead ? 3 : slot];
    if (run.end == address && run.kind == kind && run.space == operand.space && run.begin != run.end) {
      run.end += size;
    } else {
      if (run.begin != run.end) {
        Launch::Current()->checker().Access(run.space, run.begin, run.end - run.begin, run.kind);
      }
      run = {address, address + size, operand.space, kind};
    }
  }
  return bytes;
}

uint8_t* Execution::OutOfBounds(const Operand& operand, uint64_t address, uint64_t size, AccessKind kind) {
  std::string what =
      std::string(kind == AccessKind::kRead ? "reads " : "writes ") + std::to_string(size) + " bytes at ";
  Rule rule = Rule::kOutOfBounds;
  const char* remedy = "";  // of the rule
  if (operand.space == Space::kGM) {
    const Allocation* allocation = Launch::Current()->memory().Find(address);
    if (address == 0) {
      what += "a null GM pointer";
      remedy = "pass memory of aclrtMalloc to the launch";
    } else if (allocation == nullptr) {
      what += "a GM address outside every allocation" + NearestText(Launch::Current()->memory(), address);
    } else if (allocation->freed) {
      rule = Rule::kUseAfterFree;
      what += "offset " + std::to_string(address - allocation->address) + " of GM #" +
              std::to_string(allocation->number) + ", which was freed";
    } else {
      what += "offset " + std::to_string(address - allocation->address) + " of GM #" +
              std::to_string(allocation->number) + ", which has " + std::to_string(allocation->size) + " bytes";
    }
  } else {
    what += std::string(kSpaceNames[static_cast<size_t>(operand.space)]) + " address " + std::to_string(address) +
            " of " + std::to_string(core_.memory(operand.space).size());
  }
  Report(rule, what, operand.space, address, size, remedy);
  if (++outside_ > kMaxOutside || size > kMaxScratch) throw Stop();
  std::vector<uint8_t>& scratch = Scratch();
  if (scratch.size() < size) scratch.resize(size);
  std::fill(scratch.begin(), scratch.begin() + static_cast<int64_t>(size), uint8_t{0});
  return scratch.data();
}

uint64_t Execution::ReadElements(const Operand& operand, const Elements& elements) {
  if (!checked_) return 0;
  if (operand.end != 0) {
    const uint32_t last = *std::max_element(elements.offsets, elements.offsets + elements.count);
    if (elements.base + last + elements.size > operand.end) return ~uint64_t{0};
  }
  return Launch::Current()->checker().ReadElements(operand.space, elements);
}

void Execution::Expect(const uint64_t* addresses, uint32_t count, uint64_t bytes) {
  constexpr uint64_t kCacheLine = 64;
  // A fetch of an address that does not exist does nothing.
  for (uint32_t i = 0; i < count; ++i) {
    for (uint64_t at = 0; at < bytes; at += kCacheLine) {
      __builtin_prefetch(reinterpret_cast<const void*>(addresses[i] + at));
    }
  }
  if (checked_) Launch::Current()->checker().Expect(addresses, count);
}

void Execution::Flush() {
  // Sources first: what an instruction in place reads is not what it writes.
  for (const size_t slot : {size_t{1}, size_t{2}, size_t{3}, size_t{0}}) {
    Run& run = runs_[slot];
    if (run.begin != run.end) Launch::Current()->checker().Access(run.space, run.begin, run.end - run.begin, run.kind);
    run.begin = run.end = 0;
  }
}

void Execution::Report(Rule rule, const std::string& what, Space space, uint64_t address, uint64_t size,
                       const char* remedy) {
  Breach breach;
  breach.rule = rule;
  breach.first = {instruction_.op, instruction_.pipe, instruction_.loc, core_.index};
  breach.space = space;
  breach.address = address;
  breach.size = size;
  if (space == Space::kGM) {
    if (const Allocation* allocation = Launch::Current()->memory().Find(address); allocation != nullptr) {
      breach.allocation = allocation->number;
      breach.address = address - allocation->address;
    } else {
      breach.address = breach.size = 0;
    }
  }
  breach.what = what;
  breach.remedy = remedy;
  Launch::Current()->checker().Report(std::move(breach));
}

void Execution::CleanCache(uint64_t address, bool whole) { Launch::Current()->checker().CleanCache(address, whole); }
void Execution::PreloadCache(uint64_t address) { Launch::Current()->checker().PreloadCache(address); }

bool Execution::Wants(Rule rule) const { return Launch::Current()->checker().Wants(rule); }

bool Execution::Holds(const Operand& operand, uint64_t address, uint64_t size) const {
  const uint64_t bytes = core_.memory(operand.space).size();
  return address <= bytes && size <= bytes - address && (operand.end == 0 || address + size <= operand.end);
}

uint64_t Execution::MemoryBytes(Space space) const { return core_.memory(space).size(); }

uint64_t& Execution::special_register(int i) { return core_.special[static_cast<size_t>(i)]; }

ExecFunction FindExec(Op op, DType dst, DType src) {
  using Finder = ExecFunction (*)(Op, DType, DType);
  constexpr std::array<Finder, 8> kFinders = {FindElementwise, FindCast,    FindCompare, FindReduce,
                                              FindGather,      FindPermute, FindCopy,    FindScalar};
  struct Entry {
    ExecFunction function = nullptr;
    bool known = false;
  };
  static std::array<std::array<std::array<Entry, kNumDTypes>, kNumDTypes>, kNumOps> table{};
  Entry& entry = table[static_cast<size_t>(op)][static_cast<size_t>(dst)][static_cast<size_t>(src)];
  if (!entry.known) {
    for (const Finder find : kFinders) {
      if (entry.function == nullptr) entry.function = find(op, dst, src);
    }
    entry.known = true;
  }
  return entry.function;
}

}  // namespace ascsim
