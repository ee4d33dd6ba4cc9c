// The functions of runtime.h: the running core of the current launch.
// SPDX-License-Identifier: Apache-2.0
#include "ascsim/runtime.h"

#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

#include "engine/execution.h"
#include "engine/launch.h"
#include "engine/trap.h"

namespace ascsim {
namespace {

Launch& Running() {
  Launch* launch = Launch::Current();
  if (launch == nullptr) throw std::logic_error("ascsim: Ascend C API called outside a kernel");
  return *launch;
}

// A call of the API that works on the launch: not to be left by a jump.
class ApiCall {
 public:
  ApiCall() : launch_(Running()) { KernelCode::Set(false); }
  ~ApiCall() { KernelCode::Set(true); }
  ApiCall(const ApiCall&) = delete;
  ApiCall& operator=(const ApiCall&) = delete;

  Launch* operator->() const { return &launch_; }

 private:
  Launch& launch_;
};

Operand ScalarOperand(Space space, uint64_t address, DType type) {
  Operand operand;
  operand.address = address;
  operand.space = space;
  operand.type = type;
  operand.used = true;
  return operand;
}

}  // namespace

void SetKernelType(KernelType type, Loc loc) { ApiCall()->SetKernelType(type, loc); }
void Issue(const Instruction& instruction) { ApiCall()->Issue(instruction); }

uint64_t ScalarRead(Space space, uint64_t address, DType type, Loc loc) {
  const ApiCall launch;
  uint64_t bits = 0;
  if (launch->core().dead) return bits;
  Instruction i;
  i.op = Op::kGetValue;
  i.pipe = Pipe::kS;
  i.loc = loc;
  i.src0 = ScalarOperand(space, address, type);
  launch->BeginScalar(&i);
  {
    Execution execution(launch->core(), i);
    std::memcpy(&bits, execution.Read(i.src0, address, SizeOf(type)), SizeOf(type));
  }
  launch->ScalarStep(i, address, SizeOf(type));
  return bits;
}

void ScalarWrite(Space space, uint64_t address, DType type, uint64_t bits, Loc loc) {
  const ApiCall launch;
  if (launch->core().dead) return;
  Instruction i;
  i.op = Op::kSetValue;
  i.pipe = Pipe::kS;
  i.loc = loc;
  i.dst = ScalarOperand(space, address, type);
  launch->BeginScalar(&i);
  {
    Execution execution(launch->core(), i);
    std::memcpy(execution.Write(i.dst, address, SizeOf(type)), &bits, SizeOf(type));
  }
  launch->ScalarStep(i, address, SizeOf(type));
}

uint64_t ReadSpecialRegister(SpecialRegister which, Loc loc) {
  return ApiCall()->ReadSpecialRegister(static_cast<size_t>(which), loc);
}

void ScalarWork(double cycles) { ApiCall()->ScalarWork(cycles); }
Mask& VectorMask() { return Running().core().mask; }
uint64_t& UbTaken() { return Running().core().ub_taken; }
AtomicMode& CurrentAtomicMode() { return Running().core().atomic; }
const BlockInfo& CurrentBlock() { return Running().core().block; }
uint64_t UbBytes() { return Running().machine().ub_bytes - Running().options().reserved_ub_bytes; }
uint64_t L1Bytes() { return Running().machine().l1_bytes; }
int64_t CurrentCycle() { return static_cast<int64_t>(InCycles(Running().core().clock)); }
double ClockMhz() { return Running().machine().mhz; }
bool InKernel() { return Launch::Current() != nullptr; }
uint8_t* SpaceBase(Space space) { return Running().core().memory(space).data(); }

void Peek(Space space, uint64_t address, uint64_t size, void* to) {
  const ApiCall launch;
  std::memset(to, 0, size);
  if (space == Space::kGM) {
    const Allocation* allocation = launch->memory().Find(address);
    if (allocation == nullptr || allocation->freed || size > allocation->size - (address - allocation->address)) {
      return;
    }
    std::memcpy(to, reinterpret_cast<const void*>(address), size);
    return;
  }
  const auto& memory = launch->core().memory(space);
  if (address > memory.size() || size > memory.size() - address) return;
  std::memcpy(to, memory.data() + address, size);
}

bool Exists(Space space, uint64_t address, uint64_t size) {
  const ApiCall launch;
  if (space == Space::kGM) {
    const Allocation* allocation = launch->memory().Find(address);
    return allocation != nullptr && !allocation->freed && size <= allocation->size - (address - allocation->address);
  }
  const uint64_t bytes = launch->core().memory(space).size();
  return address <= bytes && size <= bytes - address;
}

void MarkFreed(Space space, uint64_t address, uint64_t size, bool freed, Loc loc) {
  const ApiCall launch;
  if (launch->core().dead) return;
  launch->checker().MarkFreed(launch->core().index, space, address, size, freed, loc);
}

void ReportBreach(const char* rule, Loc loc, const char* message, const char* remedy) {
  const ApiCall launch;
  if (launch->core().dead) return;
  for (int r = 0; r < kNumRules; ++r) {
    if (RuleName(static_cast<Rule>(r)) != rule) continue;
    Breach breach;
    breach.rule = static_cast<Rule>(r);
    breach.first = {Op::kNone, Pipe::kS, loc, launch->core().index};
    breach.what = message;
    if (remedy != nullptr) breach.remedy = remedy;
    launch->checker().Report(std::move(breach));
    return;
  }
  throw std::logic_error(std::string("ascsim: no rule ") + rule);
}

void FailKernel(Loc loc, const char* message) { ApiCall()->Fail(loc, message); }

void Print(const char* text) {
  const ApiCall launch;
  if (launch->core().dead) return;
  launch->EndProbe();
  std::fprintf(stdout, "[%s block %u] %s", launch->core().name.c_str(), launch->core().block.block_idx, text);
  std::fflush(stdout);
}

void*& CurrentPipe() { return Running().core().framework; }

}  // namespace ascsim
