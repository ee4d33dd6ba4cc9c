// Changes one instruction of a correct kernel at random (an offset, a size, a stride or an id): what harms is reported.
// SPDX-License-Identifier: Apache-2.0
//
// A mutant is reported, harmless (no report, and all of GM as without the change) or silent: no report, but other
// results. Silent is right where the change makes another correct kernel of it, one that takes other elements of the
// same tensor. That is proved for each mutant without a report: RunModel, which shares nothing with the checker, finds
// that all bytes it touches are inside its tensors and written before they are read, that all accesses are ordered, and
// that flags pair. Where RunModel finds a breach there must be a report, and the other way round. The test also fails
// when it can tell from the changed fields alone that a rule is broken (see MustBeReported) and there is no report.
//
// ASCSIM_MUTATION_SEED=n: other mutants. ASCSIM_MUTATION_COUNT=n: more. ASCSIM_MUTATION_ONLY=n: mutant n alone, with
// its reports. ASCSIM_MUTATION_LIST=1: all of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/launch.h"
#include "framework_testing.h"
#include "kernel_operator.h"
#include "samples.h"

namespace ascsim {
namespace {

using Random = std::mt19937_64;

enum class Kind : uint8_t { kOffset, kSize, kStride, kId };
constexpr std::array<const char*, 4> kKindNames = {"offset", "size", "stride", "id"};

uint64_t Below(Random* random, uint64_t n) { return (*random)() % n; }
int64_t Either(Random* random, int64_t value) { return Below(random, 2) == 0 ? value : -value; }
template <class T, size_t N>
T OneOf(Random* random, const std::array<T, N>& values) {
  return values[Below(random, N)];
}

uint64_t RoundUp(uint64_t bytes) { return (bytes + 31) / 32 * 32; }

bool IsCopy(Op op) { return op >= Op::kCopyGmToUb && op <= Op::kCopyL1ToUb; }
bool IsVector(Op op) { return op >= Op::kAdd && op <= Op::kCreateVecIndex; }
bool IsFlag(Op op) {
  return op == Op::kSetFlag || op == Op::kWaitFlag || op == Op::kCrossSetFlag || op == Op::kCrossWaitFlag;
}
// All operands walk alike, with elements of one size.
bool IsElementwise(Op op) { return (op >= Op::kAdd && op <= Op::kAxpy) || op == Op::kDuplicate || op == Op::kCopy; }

std::vector<Operand*> Operands(Instruction* i) {
  std::vector<Operand*> operands;
  for (Operand* o : {&i->dst, &i->src0, &i->src1, &i->src2}) {
    if (o->used) operands.push_back(o);
  }
  return operands;
}

uint64_t Lanes(const Instruction& i) { return kRepeatBytes / SizeOf(i.src0.used ? i.src0.type : i.dst.type); }
uint64_t NumRepeats(const Instruction& i) {
  return i.mask.counter ? (i.mask.low + Lanes(i) - 1) / Lanes(i) : i.repeats;
}

bool Applies(Kind kind, const Instruction& i) {
  switch (kind) {
    case Kind::kOffset:
    case Kind::kSize:
      return IsCopy(i.op) || IsVector(i.op);
    case Kind::kStride:
      return IsVector(i.op) || (IsCopy(i.op) && i.bursts.count > 1);
    case Kind::kId:
      return IsFlag(i.op);
  }
  return false;
}

struct Change {
  std::string text;  // what
  const char* form;  // for counting
};

// An offset of a LocalTensor has 32 bits: one below 0 lies far beyond the end, not before the start.
Change ChangeOffset(Random* random, const Starts& starts, Instruction* i) {
  if (i->op == Op::kGather && Below(random, 4) == 0) {
    i->option[0] = static_cast<uint32_t>(i->option[0] + static_cast<uint64_t>(Either(random, 1 << Below(random, 9))));
    return {"base of the gather " + std::to_string(i->option[0]), "source at another place of its tensor"};
  }
  const std::vector<Operand*> operands = Operands(i);
  Operand* o = operands[Below(random, operands.size())];
  constexpr std::array<int64_t, 10> kElements = {1, 2, 4, 8, 16, 64, 100, 1024, 2048, 4096};
  const int64_t bytes = Either(random, OneOf(random, kElements) * int64_t{SizeOf(o->type)});
  const bool gm = o->space == Space::kGM;
  const uint64_t start = gm ? o->begin : starts.at({Launch::Current()->core().index, o->space, o->end});
  o->address += static_cast<uint64_t>(bytes);
  const bool before = static_cast<int64_t>(o->address) < static_cast<int64_t>(start);
  if (before && !gm) o->address += (uint64_t{1} << 32) * SizeOf(o->type);
  const bool target = o == &i->dst;
  return {std::string("address of ") + (target ? "dst " : "src ") + std::to_string(bytes) + " bytes",
          before   ? "place in GM before its tensor"
          : target ? "target at another place of its tensor"
                   : "source at another place of its tensor"};
}

Change ChangeSize(Random* random, Instruction* i) {
  constexpr std::array<const char*, 2> kForms = {"less than before, within the tensors",
                                                 "more than before, within the tensors"};
  if (IsCopy(i->op)) {
    if (Below(random, 4) == 0) {
      i->bursts.count += 1;
      return {"a burst more", kForms[1]};
    }
    const int64_t unit = i->bursts.padded ? 4 : 32, old = i->bursts.bytes;
    int64_t change = Either(random, Below(random, 4) == 0 ? old : unit << Below(random, 6));
    if (old + change < unit) change = -change;  // the headers report a length of 0
    i->bursts.bytes = static_cast<uint32_t>(old + change);
    return {"bytes of a burst " + std::to_string(i->bursts.bytes), kForms[change > 0]};
  }
  if (i->mask.counter) {
    const auto old = static_cast<int64_t>(i->mask.low);
    const int64_t change = Either(random, Below(random, 4) == 0 ? old : int64_t{1} << Below(random, 11));
    i->mask.low = static_cast<uint64_t>(std::max<int64_t>(1, old + change));
    return {"elements " + std::to_string(i->mask.low), kForms[change > 0]};
  }
  if (Below(random, 2) == 0) {
    const int64_t change = Either(random, 1 << Below(random, 5));
    i->repeats = static_cast<uint32_t>(std::max<int64_t>(0, int64_t{i->repeats} + change));
    return {"repeats " + std::to_string(i->repeats), kForms[change > 0]};
  }
  const uint64_t old = i->mask.low, bits = Below(random, 64) + 1;
  i->mask.low = bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
  return {"mask of " + std::to_string(bits) + " elements", kForms[i->mask.low > old]};
}

Change ChangeStride(Random* random, Instruction* i) {
  if (IsCopy(i->op)) {
    const int64_t gap = int64_t{32} << Below(random, 4);
    const bool source = Below(random, 2) == 0;
    (source ? i->bursts.source_gap : i->bursts.target_gap) += gap;
    return {"gap of " + std::to_string(gap) + " bytes more",
            source ? "source in other steps through its tensor" : "target in other steps through its tensor"};
  }
  const std::vector<Operand*> operands = Operands(i);
  Operand* o = operands[Below(random, operands.size())];
  const bool target = o == &i->dst;
  uint16_t& stride = NumRepeats(*i) > 1 && Below(random, 2) == 0 ? o->repeat_stride : o->block_stride;
  constexpr std::array<uint16_t, 6> kStrides = {0, 1, 2, 7, 8, 16};
  const uint16_t old = stride;
  while (stride == old) stride = OneOf(random, kStrides);
  return {std::string(&stride == &o->block_stride ? "block stride of " : "repeat stride of ") +
              (target ? "dst " : "src ") + std::to_string(stride),
          target ? "target in other steps through its tensor" : "source in other steps through its tensor"};
}

Change ChangeId(Random* random, Instruction* i) {
  const uint64_t old = i->option[1];
  while (i->option[1] == old) i->option[1] = Below(random, 10);
  return {"flag " + std::to_string(i->option[1]), "id"};
}

Change ChangeAtRandom(Kind kind, Random* random, const Starts& starts, Instruction* i) {
  switch (kind) {
    case Kind::kOffset:
      return ChangeOffset(random, starts, i);
    case Kind::kSize:
      return ChangeSize(random, i);
    case Kind::kStride:
      return ChangeStride(random, i);
    case Kind::kId:
      return ChangeId(random, i);
  }
  return {};
}

// End of what an operand touches; 0 where this test does not know.
uint64_t EndOf(const Instruction& i, const Operand& o) {
  if (IsCopy(i.op)) {
    const Bursts& b = i.bursts;
    if (b.count == 0 || b.bytes == 0) return 0;
    const bool target = &o == &i.dst;
    uint64_t bytes = b.bytes, span = b.bytes;
    if (b.padded && target && o.space != Space::kGM) bytes = span = RoundUp(b.left_padding + b.bytes + b.right_padding);
    if (b.padded && !target && o.space != Space::kGM) span = RoundUp(b.bytes);
    return o.address + (b.count - 1) * (span + static_cast<uint64_t>(target ? b.target_gap : b.source_gap)) + bytes;
  }
  const uint64_t repeats = NumRepeats(i);
  if (!IsElementwise(i.op) || repeats == 0) return 0;
  uint64_t end = 0;
  for (uint64_t r = 0; r < repeats; ++r) {
    uint64_t n = Lanes(i);
    if (i.mask.counter) {
      n = std::min(n, i.mask.low - r * n);
    } else {
      while (n > 0 && ((n > 64 ? i.mask.high >> (n - 65) : i.mask.low >> (n - 1)) & 1) == 0) --n;
    }
    if (n == 0) continue;
    const uint64_t last = (n - 1) * SizeOf(o.type);
    const uint64_t at = r * o.repeat_stride * 32 + last / 32 * o.block_stride * 32 + last % 32 + SizeOf(o.type);
    end = std::max(end, o.address + at);
  }
  return end;
}

// Why there has to be a report, as far as the instruction alone tells; empty: it does not.
std::string MustBeReported(Kind kind, Instruction i) {
  if (kind == Kind::kId) return "flags no longer pair";
  for (const Operand* o : Operands(&i)) {
    // Reductions may write to any element.
    const bool aligned = IsCopy(i.op) || IsElementwise(i.op) || (IsVector(i.op) && o != &i.dst);
    if (o->space != Space::kGM && aligned && o->address % 32 != 0) return "misaligned address";
    if (o->address < o->begin) return "before the tensor";
    const uint64_t end = EndOf(i, *o);
    if (end == 0 || o->end == 0) continue;
    const bool gm_read = o->space == Space::kGM && o != &i.dst && o->address < o->end;
    const uint64_t limit = o->space != Space::kGM ? RoundUp(o->end)
                           : gm_read              ? o->address + RoundUp(o->end - o->address)
                                                  : o->end;
    if (end > limit) return "beyond the tensor";
  }
  return "";
}

struct Place {  // an instruction of a run
  uint64_t index;
  uint32_t line;
  Op op;
  std::array<bool, 4> kinds;
};

struct Survey {  // the run without a change
  std::vector<Place> places;
  std::vector<uint8_t> memory;
};

Survey Look(const Sample& sample) {
  Survey survey;
  uint64_t index = 0;
  SampleRun run = RunSample(sample, -1, [&](Instruction* i) {
    Place place{index++, i->loc.line, i->op, {}};
    for (size_t k = 0; k < 4; ++k) place.kinds[k] = Applies(static_cast<Kind>(k), *i);
    survey.places.push_back(place);
  });
  EXPECT_EQ(run.stats.error, "") << sample.name;
  for (const Breach& breach : run.stats.breaches) ADD_FAILURE() << Format(breach);
  survey.memory = std::move(run.memory);
  return survey;
}

// First a line and an operation of the kernel, then one of the times that it runs: what is done once counts as well.
uint64_t Choose(Random* random, const Survey& survey, Kind kind) {
  std::map<std::pair<uint32_t, Op>, std::vector<uint64_t>> groups;
  for (const Place& place : survey.places) {
    if (place.kinds[static_cast<size_t>(kind)]) groups[{place.line, place.op}].push_back(place.index);
  }
  const auto group = std::next(groups.begin(), static_cast<int64_t>(Below(random, groups.size())));
  return group->second[Below(random, group->second.size())];
}

struct Verdict {
  std::string text;  // where and what was changed
  Kind kind = Kind::kOffset;
  std::string form;  // of the change, for counting
  std::string must;  // see MustBeReported
  std::string reports;
  std::set<std::string> breaches;     // by RunModel
  std::set<std::string> differences;  // between the two
  bool reported = false, changed = false;
};

Verdict RunMutant(const Sample& sample, const Survey& survey, Random* random) {
  constexpr std::array<Kind, 8> kWeighted = {Kind::kOffset, Kind::kOffset, Kind::kOffset, Kind::kSize,
                                             Kind::kSize,   Kind::kStride, Kind::kStride, Kind::kId};
  Verdict verdict;
  const auto there_is = [&](Kind kind) {
    return std::any_of(survey.places.begin(), survey.places.end(),
                       [kind](const Place& place) { return place.kinds[static_cast<size_t>(kind)]; });
  };
  do {
    verdict.kind = OneOf(random, kWeighted);
  } while (!there_is(verdict.kind));
  const uint64_t index = Choose(random, survey, verdict.kind);
  uint64_t at = 0;
  const SampleRun run = RunSample(sample, -1, [&](Instruction* i) {
    if (at++ != index) return;
    verdict.text = sample.name + ":" + std::to_string(i->loc.line) + " " + Launch::Current()->core().name + " " +
                   OpName(i->op) + " (" + std::to_string(index) + "): ";
    const Change change = ChangeAtRandom(verdict.kind, random, StartsOf(sample), i);
    verdict.text += change.text;
    verdict.form = change.form;
    verdict.must = MustBeReported(verdict.kind, *i);
  });
  verdict.reported = !run.stats.breaches.empty() || !run.stats.error.empty();
  verdict.breaches = run.breaches;
  verdict.differences = Differences(run.stats, run.breaches);
  verdict.changed = run.memory != survey.memory;
  verdict.reports = run.stats.error.empty() ? "" : run.stats.error + "\n";
  for (const Breach& breach : run.stats.breaches) verdict.reports += Format(breach) + "\n";
  return verdict;
}

std::optional<uint64_t> Number(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr ? std::nullopt : std::optional<uint64_t>(std::strtoull(text, nullptr, 10));
}

const char* Outcome(const Verdict& v) { return v.reported ? "reported" : v.changed ? "silent" : "harmless"; }

// Whatever the checker and RunModel do not agree on.
void Judge(uint64_t n, const Verdict& v) {
  const std::string mutant = "mutant " + std::to_string(n) + ", " + v.text + ": ";
  if (!v.must.empty() && !v.reported) ADD_FAILURE() << mutant << "no report, expected one: " << v.must;
  for (const std::string& text : v.differences) ADD_FAILURE() << mutant << text << "\n" << v.reports;
  if (v.reported) {
    EXPECT_FALSE(v.breaches.empty()) << mutant << "RunModel finds no breach, reported is\n" << v.reports;
  } else {
    for (const std::string& breach : v.breaches) ADD_FAILURE() << mutant << "no report, RunModel finds " << breach;
  }
}

struct Counts {
  int reported = 0, harmless = 0, silent = 0;
  void Add(const Verdict& v) { (v.reported ? reported : v.changed ? silent : harmless) += 1; }
  void Print(const char* name) const { std::printf("%-14s %8d %9d %7d\n", name, reported, harmless, silent); }
};

TEST(Mutation, WhatHarmsIsReported) {
  const uint64_t seed = Number("ASCSIM_MUTATION_SEED").value_or(20261124);
  const uint64_t count = Number("ASCSIM_MUTATION_COUNT").value_or(600);
  const std::optional<uint64_t> only = Number("ASCSIM_MUTATION_ONLY");
  const std::vector<Sample> samples = Samples();
  std::vector<Survey> surveys;
  for (const Sample& sample : samples) surveys.push_back(Look(sample));

  std::array<Counts, 4> counts;
  Counts all;
  std::map<std::string, int> forms;  // of silent mutants
  for (uint64_t n = only.value_or(0); n < (only ? *only + 1 : count); ++n) {
    Random random(seed * 1'000'003 + n);
    const size_t s = n % samples.size();
    const Verdict v = RunMutant(samples[s], surveys[s], &random);
    Judge(n, v);
    counts[static_cast<size_t>(v.kind)].Add(v);
    all.Add(v);
    if (!v.reported && v.changed) ++forms[v.form];
    if (only || std::getenv("ASCSIM_MUTATION_LIST") != nullptr) {
      std::printf("%s mutant %llu, %s\n%s", Outcome(v), static_cast<unsigned long long>(n), v.text.c_str(),
                  v.reports.c_str());
    }
  }
  std::printf("seed %llu    reported  harmless  silent\n", static_cast<unsigned long long>(seed));
  for (size_t k = 0; k < 4; ++k) counts[k].Print(kKindNames[k]);
  all.Print("all");
  for (const auto& [form, number] : forms) std::printf("  silent: %s: %d\n", form.c_str(), number);
  // Of 200 that change a result or break a rule.
  if (!only) {
    EXPECT_GE(all.reported + all.silent, 200);
  }
}

}  // namespace
}  // namespace ascsim

namespace {

using namespace AscendC;
using namespace framework_testing;

// Ends of tensors.

// 2048 bytes in UB and 1024 in GM; tensors cover the first 1024 and the first 40 of them.
struct Parts {
  TPipe pipe;
  TBuf<TPosition::VECCALC> buffer;
  LocalTensor<float> all, half;
  GlobalTensor<float> gm;

  explicit Parts(float* data) {
    pipe.InitBuffer(buffer, 2048);
    all = buffer.Get<float>();
    half = buffer.Get<float>(256);
    gm.SetGlobalBuffer(data, 10);
    Duplicate(all, 1.0f, 512);
    SetFlag<HardEvent::V_MTE3>(EVENT_ID0);
    WaitFlag<HardEvent::V_MTE3>(EVENT_ID0);
    PipeBarrier<PIPE_ALL>();
  }
};

class TensorEnds : public Framework {};

constexpr char kBeyond[] = "beyond the tensor that was passed";

TEST_F(TensorEnds, VectorsEndWithTheirTensors) {
  float* data = Device(std::vector<float>(256));
  EXPECT_CLEAN(Run([&] {
    Parts p(data);
    Adds(p.half, p.half, 1.0f, 256);
    PipeBarrier<PIPE_V>();
    Adds(p.half[8], p.half[8], 1.0f, 248);
    PipeBarrier<PIPE_V>();
    Adds(p.all[8], p.all[8], 1.0f, 504);
  }));
  EXPECT_BREACH(Run([&] {
                  Parts p(data);
                  Adds(p.half, p.all, 1.0f, 264);
                }),
                Rule::kOutOfBounds, std::string("writes 1056 bytes, 32 of them ") + kBeyond);
  EXPECT_BREACH(Run([&] {
                  Parts p(data);
                  Adds(p.all[264], p.half[16], 1.0f, 248);
                }),
                Rule::kOutOfBounds, std::string("reads 992 bytes, 32 of them ") + kBeyond);
}

TEST_F(TensorEnds, GathersEndWithTheirTensors) {
  float* data = Device(std::vector<float>(256));
  const auto gather = [&](int32_t offset) {
    return Run([&] {
      Parts p(data);
      LocalTensor<int32_t> offsets = p.all[384].ReinterpretCast<int32_t>();
      Duplicate(offsets, offset, 64);
      PipeBarrier<PIPE_V>();
      Gather(p.all[448], p.half, offsets.ReinterpretCast<uint32_t>(), 0U, 64U);
    });
  };
  EXPECT_CLEAN(gather(1020));
  EXPECT_BREACH(gather(1024), Rule::kOutOfBounds, kBeyond);
}

TEST_F(TensorEnds, CopiesEndWithTheirTensors) {
  float* data = Device(std::vector<float>(256));
  // The last block of a read is filled with what follows.
  EXPECT_CLEAN(Run([&] {
    Parts p(data);
    DataCopy(p.all, p.gm, 16);
  }));
  EXPECT_BREACH(Run([&] {
                  Parts p(data);
                  DataCopy(p.all, p.gm, 24);
                }),
                Rule::kOutOfBounds, std::string("reads 96 bytes, 56 of them ") + kBeyond);
  EXPECT_BREACH(Run([&] {
                  Parts p(data);
                  DataCopy(p.gm, p.all, 16);
                }),
                Rule::kOutOfBounds, std::string("writes 64 bytes, 24 of them ") + kBeyond);
  // At the end of an allocation nobody else has the rest of the block.
  float* short_data = Device(std::vector<float>(16));
  EXPECT_CLEAN(Run([&] {
    Parts p(short_data);
    DataCopy(p.gm, p.all, 16);
  }));
  // No size was given.
  EXPECT_CLEAN(Run([&] {
    Parts p(data);
    p.gm.SetGlobalBuffer(data);
    DataCopy(p.gm, p.all, 256);
  }));
}

// A row above the first one, say: the allocation may go on there, and nobody need have written it.
TEST_F(TensorEnds, GmTensorsHaveAStart) {
  float* data = Device(std::vector<float>(256)) + 64;
  const auto copy = [&](int64_t from) {
    return Run([&] {
      Parts p(data);
      p.gm.SetGlobalBuffer(data, 64);
      DataCopy(p.all, p.gm[32][static_cast<uint64_t>(from)], 16);
    });
  };
  EXPECT_CLEAN(copy(-32));
  EXPECT_BREACH(copy(-40), Rule::kOutOfBounds, "reads 64 bytes, 32 of them before the tensor that was passed");
  EXPECT_BREACH(copy(-64), Rule::kOutOfBounds, "reads 64 bytes, 64 of them before the tensor that was passed");
  EXPECT_BREACH(Run([&] {
                  Parts p(data);
                  p.gm.SetValue(static_cast<uint64_t>(-2), 1.0f);
                }),
                Rule::kOutOfBounds, "SetValue of element -2 starts 8 bytes before the tensor");
  // The start is not known.
  EXPECT_CLEAN(Run([&] {
    Parts p(data);
    p.gm.SetGlobalBuffer(data);
    DataCopy(p.all, p.gm[static_cast<uint64_t>(-8)], 16);
  }));
}

}  // namespace
