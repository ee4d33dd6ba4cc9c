// Numbers beyond everything that there is (a negative count as an unsigned one, say): one line, at once, and no harm.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "ascsim/runtime.h"
#include "vector_harness.h"

namespace ascsim::test {
namespace {

constexpr uint64_t kMinus = ~uint64_t{0} - 31;  // -32

Instruction Vector(Op op) {
  Instruction i;
  i.op = op;
  i.pipe = Pipe::kV;
  i.loc = Loc::Here();
  for (Operand* operand : {&i.dst, &i.src0, &i.src1}) operand->used = true;
  i.dst.address = 8192;
  i.src1.address = 4096;
  return i;
}

Instruction Copy(Op op) {
  Instruction i = Vector(op);
  i.pipe = op == Op::kCopyUbToUb ? Pipe::kV : Pipe::kMTE2;
  i.bursts.count = 1;
  i.bursts.bytes = 32;
  if (op == Op::kCopyGmToUb) i.src0.space = Space::kGM;
  return i;
}

// One report of `rule` with `part`; UB is as it was.
void Refused(const Instruction& i, Rule rule, const std::string& part) {
  const auto begin = std::chrono::steady_clock::now();
  bool same = true;
  const Result result = RunOnCore([&] {
    uint8_t* const ub = SpaceBase(Space::kUB);
    const std::string before(reinterpret_cast<char*>(ub), UbBytes());
    Issue(i);
    same = before == std::string(reinterpret_cast<char*>(ub), UbBytes());
  });
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.Count(rule), 1);
  ASSERT_FALSE(result.breaches.empty());
  EXPECT_NE(result.breaches.back().what.find(part), std::string::npos) << result.breaches.back().what;
  EXPECT_TRUE(same) << part;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2)) << part;
}

void Refused(Instruction i, const std::function<void(Instruction*)>& change, Rule rule, const std::string& part) {
  change(&i);
  Refused(i, rule, part);
}

TEST(Limits, Addresses) {
  const std::string beyond = ": 18446744073709551584 is beyond everything that there is";
  for (const Op op : {Op::kAdd, Op::kCast, Op::kCompare, Op::kGather, Op::kWholeReduceMax, Op::kBrcb}) {
    Refused(
        Vector(op), [](Instruction* i) { i->dst.address = kMinus; }, Rule::kOutOfBounds, "dst" + beyond);
    Refused(
        Vector(op), [](Instruction* i) { i->src0.address = kMinus; }, Rule::kOutOfBounds, "src0" + beyond);
    Refused(
        Vector(op), [](Instruction* i) { i->src1.address = kMinus; }, Rule::kOutOfBounds, "src1" + beyond);
  }
  Refused(
      Copy(Op::kCopyUbToUb), [](Instruction* i) { i->dst.address = kMinus; }, Rule::kOutOfBounds, "dst" + beyond);
  Refused(
      Copy(Op::kCopyGmToUb), [](Instruction* i) { i->src0.address = kMinus; }, Rule::kOutOfBounds, "src" + beyond);
}

TEST(Limits, CountsOfVectors) {
  const Rule range = Rule::kParameterRange;
  for (const Op op : {Op::kAdd, Op::kCast, Op::kDuplicate, Op::kSelect, Op::kBlockReduceSum, Op::kCreateVecIndex}) {
    const auto counter = [](Instruction* i) { i->mask = {~uint64_t{0}, 0, true}; };
    Refused(Vector(op), counter, range, "elements: 18446744073709551615 is beyond");
  }
  Refused(
      Vector(Op::kAdd), [](Instruction* i) { i->repeats = ~0u; }, range, "repeatTime: expected at most 255");
  Refused(
      Vector(Op::kGatherMask), [](Instruction* i) { i->option[0] = 8; }, range, "src1Pattern: 8 is beyond");
  const auto gathered = [](Instruction* i) {
    i->option[0] = 1;
    i->option[1] = i->option[2] = uint64_t{1} << 33;
  };
  Refused(Vector(Op::kGatherMask), gathered, range, "elements: 18446744073709551615 is beyond");
  const auto empty_repeats = [](Instruction* i) {
    i->option[0] = 1;
    i->option[1] = 0;
    i->option[2] = uint64_t{1} << 62;
  };
  Refused(Vector(Op::kGatherMask), empty_repeats, range, "elements: 4611686018427387904 is beyond");
  Refused(
      Vector(Op::kBrcb), [](Instruction* i) { i->option[0] = kMinus; }, range, "elements: ");
  Refused(
      Vector(Op::kTranspose), [](Instruction* i) { i->option[0] = i->option[1] = i->option[2] = 1 << 20; }, range,
      "elements: ");
  Refused(
      Vector(Op::kGather), [](Instruction* i) { i->option[0] = kMinus; }, Rule::kOutOfBounds, "srcBaseAddr: ");
}

TEST(Limits, Bursts) {
  const Rule range = Rule::kParameterRange;
  const Instruction copy = Copy(Op::kCopyUbToUb);
  Refused(
      copy, [](Instruction* i) { i->bursts.bytes = ~0u; }, range, "blockLen: 4294967295 is beyond");
  Refused(
      copy, [](Instruction* i) { i->bursts.source_gap = INT64_MIN; }, range, "srcStride: 9223372036854775808");
  Refused(
      copy, [](Instruction* i) { i->bursts.target_gap = INT64_MAX; }, range, "dstStride: 9223372036854775807");
  const auto padded = [](Instruction* i) {
    i->bursts.padded = true;
    i->bursts.left_padding = ~0u;
  };
  Refused(Copy(Op::kCopyGmToUb), padded, range, "leftPadding: ");
}

// What is out of bounds again and again is given up, without taking simulated time.
TEST(Limits, ManyBurstsOutOfBounds) {
  Instruction copy = Copy(Op::kCopyGmToUb);
  copy.src0.address = 1 << 20;
  copy.bursts.count = 4095;
  copy.bursts.bytes = (1u << 21) - 32;
  const auto begin = std::chrono::steady_clock::now();
  const Result result = RunOnCore([&] {
    const int64_t before = CurrentCycle();
    Issue(copy);
    Instruction wait;
    wait.op = Op::kBarrier;
    wait.pipe = Pipe::kAll;
    Issue(wait);
    EXPECT_LT(CurrentCycle() - before, 1000);
  });
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.Count(Rule::kOutOfBounds), 1);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

// A Gather that is given up half way leaves nothing that the next one would tell of.
TEST(Limits, StoppedGather) {
  Instruction i = Vector(Op::kGather);
  i.dst.type = i.src0.type = DType::kF32;
  i.repeats = 255;
  i.dst.address = 1 << 20;
  const auto zeros = [] { std::fill_n(SpaceBase(Space::kUB), UbBytes(), uint8_t{0}); };
  const Result stopped = RunOnCore([&] {
    zeros();
    Issue(i);
  });
  EXPECT_EQ(stopped.Count(Rule::kOutOfBounds), 1);
  i.repeats = 1;
  i.dst.address = 16384;
  i.src0.address = 8192;
  const Result good = RunOnCore([&] {
    zeros();
    ScalarWrite(Space::kUB, 0, DType::kF32, 0, Loc::Here());
    Issue(i);
  });
  EXPECT_TRUE(good.breaches.empty()) << Format(good.breaches.front());
}

TEST(Limits, NothingToDo) {
  for (int op = static_cast<int>(Op::kAdd); op <= static_cast<int>(Op::kCreateVecIndex); ++op) {
    Instruction i = Vector(static_cast<Op>(op));
    i.dst.type = i.src0.type = i.src1.type = DType::kF16;
    i.repeats = 0;
    const Result result = RunOnCore([&] { Issue(i); });
    EXPECT_EQ(result.Count(Rule::kOutOfBounds), 0) << OpName(i.op);
    i.mask = {0, 0, true};
    RunOnCore([&] { Issue(i); });
  }
  Instruction copy = Copy(Op::kCopyUbToUb);
  copy.bursts.count = 0;
  EXPECT_TRUE(RunOnCore([&] { Issue(copy); }).breaches.empty());
  copy.bursts = {};
  copy.bursts.count = 1;
  EXPECT_TRUE(RunOnCore([&] { Issue(copy); }).breaches.empty());
}

}  // namespace
}  // namespace ascsim::test
