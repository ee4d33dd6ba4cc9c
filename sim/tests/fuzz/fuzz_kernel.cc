// Fuzzer: bytes as a kernel of arbitrary instructions, also such as no API function would issue.
// SPDX-License-Identifier: Apache-2.0
//
// Nothing crashes, loops or touches memory that is not the kernel's, and a second run tells the same.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "ascsim/runtime.h"
#include "check/checker.h"
#include "core/machine.h"
#include "engine/launch.h"
#include "engine/memory.h"
#include "report/report.h"

namespace ascsim {
namespace {

constexpr uint64_t kUbBytes = 16 << 10, kL1Bytes = 8 << 10;
constexpr size_t kMaxSteps = 64;

// Reads numbers from the input; zeros behind its end.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool empty() const { return at_ >= size_; }
  uint64_t Take(size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value |= uint64_t{at_ < size_ ? data_[at_++] : uint8_t{0}} << (8 * i);
    return value;
  }
  uint8_t Byte() { return static_cast<uint8_t>(Take(1)); }
  uint32_t Word() { return static_cast<uint32_t>(Take(4)); }
  uint32_t Below(uint32_t n) { return Byte() % n; }
  // Small, of two bytes, or of all.
  uint64_t Number(uint32_t small, size_t bytes) {
    const uint32_t form = Below(8);
    return form < 6 ? Below(small) : form == 6 ? Take(2) : Take(bytes);
  }

 private:
  const uint8_t* data_;
  size_t size_, at_ = 0;
};

// Device memory of all runs: what lies behind an allocation up to the end of its page must stay as it was.
class Gm {
 public:
  Gm() {
    for (const uint64_t size : {uint64_t{1000}, uint64_t{4000}}) {
      auto* const bytes = static_cast<uint8_t*>(memory.Allocate(size));
      parts_.push_back({bytes, size, std::vector<uint8_t>(bytes + size, bytes + 4096)});
    }
    freed_ = reinterpret_cast<uint64_t>(memory.Allocate(512));
    memory.Free(reinterpret_cast<void*>(freed_));
  }

  void Reset() {
    for (const Part& part : parts_) {
      for (uint64_t i = 0; i < part.size; ++i) part.bytes[i] = static_cast<uint8_t>(i * 37);
    }
  }
  std::string Contents() const {
    std::string all;
    for (const Part& part : parts_) {
      all.append(reinterpret_cast<const char*>(part.bytes), part.size);
      if (std::memcmp(part.bytes + part.size, part.behind.data(), part.behind.size()) != 0) {
        std::fprintf(stderr, "memory behind an allocation has changed\n");
        std::abort();
      }
    }
    return all;
  }
  uint64_t Address(Input& in) const {
    switch (in.Below(8)) {
      case 0:
        return in.Below(2) == 0 ? 0 : in.Take(8);
      case 1:
        return freed_ + in.Byte();
      case 2:
        return reinterpret_cast<uint64_t>(parts_[0].bytes) + in.Take(2) % 1100;
      default:
        return reinterpret_cast<uint64_t>(parts_[in.Below(2)].bytes) + in.Below(64) * 32;
    }
  }

  GlobalMemory memory{1 << 24};

 private:
  struct Part {
    uint8_t* bytes;
    uint64_t size;
    std::vector<uint8_t> behind;
  };
  std::vector<Part> parts_;
  uint64_t freed_ = 0;
};

enum class Do : uint8_t { kIssue, kRead, kWrite, kRegister, kMarkFreed, kFillUb, kWork, kCount };

struct Step {
  Do what = Do::kIssue;
  uint8_t cores = 0;  // that do it, a bit each
  Instruction instruction;
  std::vector<uint8_t> bytes;
};

struct Program {
  uint32_t blocks = 1;
  uint8_t type = 0;
  CheckMode mode = CheckMode::kStrict;
  bool checked = true, traced = false;
  std::vector<Step> steps;
};

class Decoder {
 public:
  Decoder(Input& in, const Gm& gm) : in_(in), gm_(gm) {}

  Program Run() {
    Program program;
    const uint8_t head = in_.Byte();
    program.blocks = head % 4;
    program.type = head / 4 % 8;
    program.traced = (head & 0x20) != 0;
    program.mode = static_cast<CheckMode>(in_.Below(3));
    program.checked = in_.Below(8) != 7;
    while (!in_.empty() && program.steps.size() < kMaxSteps) program.steps.push_back(OneStep());
    return program;
  }

 private:
  Step OneStep() {
    Step step;
    const uint32_t form = in_.Below(16);
    step.what = form < 10 ? Do::kIssue : static_cast<Do>(form - 9);
    step.cores = in_.Below(2) == 0 ? uint8_t{0xff} : in_.Byte();
    Instruction& i = step.instruction;
    i.loc = {"fuzz.cpp", ++line_};
    if (step.what == Do::kIssue) {
      Issued(i);
    } else {
      i.dst = Tensor(in_.Below(4) == 0 ? Space::kGM : Local());
      i.scalar = in_.Number(128, 8);
    }
    if (step.what == Do::kFillUb) {
      for (uint32_t n = in_.Below(64); n > 0; --n) step.bytes.push_back(in_.Byte());
    }
    return step;
  }

  Space Local() { return in_.Below(8) == 7 ? Space::kL1 : Space::kUB; }

  Operand Tensor(Space space) {
    Operand operand;
    operand.space = space;
    operand.type = in_.Below(4) != 0 ? type_ : static_cast<DType>(in_.Below(kNumDTypes));
    operand.used = in_.Below(16) != 15;
    if (space == Space::kGM) {
      operand.address = gm_.Address(in_);
    } else {
      const uint32_t form = in_.Below(16);
      operand.address = form < 12    ? in_.Below(128) * 128
                        : form == 12 ? in_.Take(2)
                        : form == 13 ? kUbBytes - in_.Byte()
                        : form == 14 ? in_.Take(4)
                                     : in_.Take(8);
    }
    if (in_.Below(4) == 0) operand.end = operand.address + in_.Number(255, 8);
    operand.block_stride = in_.Below(4) != 0 ? uint16_t{1} : static_cast<uint16_t>(in_.Number(8, 2));
    operand.repeat_stride = in_.Below(4) != 0 ? uint16_t{8} : static_cast<uint16_t>(in_.Number(16, 2));
    return operand;
  }

  void Issued(Instruction& i) {
    i.op = static_cast<Op>(in_.Below(kNumOps));
    type_ = static_cast<DType>(in_.Below(kNumDTypes));
    i.pipe = Pipe::kV;
    i.scalar = in_.Number(16, 8);
    for (uint64_t& option : i.option) option = in_.Number(8, 8);
    if (i.op >= Op::kCopyGmToUb && i.op <= Op::kFill) {
      Copy(i);
    } else if (i.op >= Op::kSetFlag) {
      Order(i);
    } else {
      if (i.op == Op::kGetValue || i.op == Op::kSetValue || i.op == Op::kCleanCache) i.pipe = Pipe::kS;
      if (i.op == Op::kSetMask && in_.Below(2) == 0) i.pipe = Pipe::kS;
      i.dst = Tensor(Local());
      i.src0 = Tensor(Local());
      i.src1 = Tensor(Local());
      i.src2 = Tensor(Local());
      i.repeats = static_cast<uint32_t>(in_.Number(8, 4));
      i.mask.counter = in_.Below(4) == 0;
      if (i.mask.counter || in_.Below(4) == 0) i.mask.low = in_.Number(128, 8);
      if (in_.Below(8) == 0) i.mask.high = in_.Take(8);
    }
  }

  void Copy(Instruction& i) {
    const bool from_gm = i.op == Op::kCopyGmToUb || i.op == Op::kCopyGmToL1;
    const bool to_gm = i.op == Op::kCopyUbToGm || i.op == Op::kCopyL1ToGm;
    if (i.op != Op::kCopyUbToUb) i.pipe = from_gm ? Pipe::kMTE2 : Pipe::kMTE3;
    i.src0 = Tensor(from_gm                                              ? Space::kGM
                    : i.op == Op::kCopyL1ToGm || i.op == Op::kCopyL1ToUb ? Space::kL1
                                                                         : Space::kUB);
    i.dst = Tensor(to_gm ? Space::kGM : i.op == Op::kCopyGmToL1 || i.op == Op::kCopyUbToL1 ? Space::kL1 : Space::kUB);
    Bursts& b = i.bursts;
    b.count = static_cast<uint32_t>(in_.Number(4, 4));
    b.bytes = static_cast<uint32_t>(in_.Below(2) == 0 ? in_.Below(16) * 32 : in_.Number(255, 4));
    if (in_.Below(4) == 0) {
      b.source_gap = static_cast<int64_t>(in_.Number(64, 8));
      b.target_gap = static_cast<int64_t>(in_.Number(64, 8));
    }
    b.padded = in_.Below(2) == 0;
    if (b.padded) {
      b.left_padding = static_cast<uint32_t>(in_.Number(32, 4));
      b.right_padding = static_cast<uint32_t>(in_.Number(32, 4));
      b.padding_value = in_.Take(2);
    }
    if (to_gm && in_.Below(2) == 0) {
      i.atomic = static_cast<Atomic>(in_.Below(4));
      i.atomic_type = type_;
    }
  }

  void Order(Instruction& i) {
    i.pipe = static_cast<Pipe>(in_.Below(kNumPipes));
    if (i.op == Op::kBarrier && in_.Below(2) == 0) i.pipe = Pipe::kAll;
    // Of an enumeration: no cast makes another pipe of it.
    if (i.op == Op::kSetFlag || i.op == Op::kWaitFlag) i.option[0] %= kNumPipes;
  }

  Input& in_;
  const Gm& gm_;
  DType type_ = DType::kF32;
  uint32_t line_ = 0;
};

void Perform(const Step& step) {
  const Instruction& i = step.instruction;
  switch (step.what) {
    case Do::kIssue:
      return Issue(i);
    case Do::kRead:
      ScalarRead(i.dst.space, i.dst.address, i.dst.type, i.loc);
      return;
    case Do::kWrite:
      return ScalarWrite(i.dst.space, i.dst.address, i.dst.type, i.scalar, i.loc);
    case Do::kRegister:
      ReadSpecialRegister(static_cast<SpecialRegister>(i.scalar % 7), i.loc);
      return;
    case Do::kMarkFreed:
      if (i.dst.space == Space::kGM) return;
      return MarkFreed(i.dst.space, i.dst.address, i.scalar, i.dst.end % 2 == 0, i.loc);
    case Do::kFillUb: {
      if (!CurrentBlock().is_aiv) return;
      const uint64_t at = i.dst.address % kUbBytes;
      std::copy_n(step.bytes.begin(), std::min<uint64_t>(step.bytes.size(), kUbBytes - at), SpaceBase(Space::kUB) + at);
      return;
    }
    default:
      return ScalarWork(static_cast<double>(i.scalar % 1000));
  }
}

void Kernel(const Program& program) {
  if (program.type < 4) SetKernelType(static_cast<KernelType>(program.type), {"fuzz.cpp", 0});
  const BlockInfo& block = CurrentBlock();
  const uint32_t core = block.is_aiv ? block.block_idx : 7 - block.block_idx;
  for (const Step& step : program.steps) {
    if ((step.cores >> core % 8 & 1) != 0) Perform(step);
  }
}

Machine SmallMachine() {
  Machine machine = LoadMachine("910b2");
  machine.vector_cores = 2;
  machine.cube_cores = 1;
  machine.ub_bytes = kUbBytes;
  machine.l1_bytes = kL1Bytes;
  return machine;
}

// All that a run tells.
std::string Story(const Program& program, Gm& gm) {
  static const Machine machine = SmallMachine();
  gm.Reset();
  LaunchOptions options;
  options.progress = false;
  options.checks = OptionsFor(program.mode);
  options.checks.enabled = program.checked;
  TraceRecorder recorder;
  if (program.traced) {
    recorder.BeginLaunch("fuzz", machine.mhz);
    options.recorder = &recorder;
  }
  Launch launch(machine, gm.memory, options, "fuzz", program.blocks, [&] { Kernel(program); });
  launch.Run();
  const LaunchStats stats = launch.TakeStats();
  // The only code that could fault as the kernel's is this file's.
  if (stats.error.find("fuzz.cpp") == std::string::npos && stats.error.find(": the kernel ") != std::string::npos) {
    std::fprintf(stderr, "%s\n", stats.error.c_str());
    std::abort();
  }
  if (program.traced) recorder.EndLaunch(stats);
  std::string story = stats.error + "\n" + std::to_string(stats.total) + "\n" + std::to_string(stats.suppressed) + "\n";
  for (const CoreStats& core : stats.cores) story += core.name + " " + std::to_string(core.total) + "\n";
  for (const Breach& breach : stats.breaches) story += Format(breach) + "\n";
  return story + gm.Contents();
}

}  // namespace
}  // namespace ascsim

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto* const gm = new ascsim::Gm;
  ascsim::Input input(data, size);
  const ascsim::Program program = ascsim::Decoder(input, *gm).Run();
  const std::string first = ascsim::Story(program, *gm);
  const std::string second = ascsim::Story(program, *gm);
  if (first != second) {
    std::fprintf(stderr, "two runs of one program differ:\n%s\n\n%s\n", first.c_str(), second.c_str());
    std::abort();
  }
  return 0;
}
