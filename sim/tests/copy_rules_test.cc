// Copies that break a rule: what is reported, and what happens all the same.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ascendc/data_copy.h"
#include "copy_testing.h"

namespace {

using namespace copy_testing;  // NOLINT
using AscendC::DataCopy;
using AscendC::DataCopyExtParams;
using AscendC::DataCopyPad;
using AscendC::DataCopyPadExtParams;
using AscendC::DataCopyPadParams;
using AscendC::DataCopyParams;
using AscendC::GlobalTensor;
using AscendC::LocalTensor;
using AscendC::SliceInfo;
using AscendC::TPosition;
using ascsim::Rule;

template <typename T>
GlobalTensor<T> Global(uint8_t* data) {
  GlobalTensor<T> tensor;
  tensor.SetGlobalBuffer(reinterpret_cast<T*>(data));
  return tensor;
}

template <typename T>
LocalTensor<T> LocalAt(uint64_t address, TPosition position = TPosition::VECIN) {
  return LocalTensor<T>(position, address, 4096, address + 4096);
}

struct RuleCase {
  const char* name;
  Rule rule;
  std::function<void(uint8_t*)> body;
};

const RuleCase kRuleCases[] = {
    {"count of half a block", Rule::kMisaligned, [](uint8_t* gm) { DataCopy(LocalAt<half>(0), Global<half>(gm), 24); }},
    {"UB address within a block", Rule::kMisaligned,
     [](uint8_t* gm) { DataCopy(LocalAt<half>(16), Global<half>(gm), 16); }},
    {"GM address within an element", Rule::kMisaligned,
     [](uint8_t* gm) { DataCopy(LocalAt<float>(0), Global<float>(gm + 2), 8); }},
    {"blockCount 0", Rule::kParameterRange,
     [](uint8_t* gm) { DataCopy(LocalAt<half>(0), Global<half>(gm), DataCopyParams(0, 1, 0, 0)); }},
    {"blockLen 0", Rule::kParameterRange,
     [](uint8_t* gm) { DataCopy(LocalAt<half>(0), Global<half>(gm), DataCopyParams(1, 0, 0, 0)); }},
    {"blockCount 4096", Rule::kParameterRange,
     [](uint8_t* gm) { DataCopy(LocalAt<half>(0), Global<half>(gm), DataCopyParams(4096, 1, 0, 0)); }},
    {"pad blockCount 4096", Rule::kParameterRange,
     [](uint8_t* gm) {
       DataCopyPad(LocalAt<half>(0), Global<half>(gm), DataCopyExtParams(4096, 2, 0, 0, 0),
                   DataCopyPadExtParams<half>(false, 0, 0, 0));
     }},
    {"pad blockLen 0", Rule::kParameterRange,
     [](uint8_t* gm) {
       DataCopyPad(LocalAt<half>(0), Global<half>(gm), DataCopyParams(1, 0, 0, 0), DataCopyPadParams());
     }},
    {"pad blockLen 2097152", Rule::kParameterRange,
     [](uint8_t* gm) { DataCopyPad(Global<half>(gm), LocalAt<half>(0), DataCopyExtParams(1, 2097152, 0, 0, 0)); }},
    {"left padding of 34 bytes", Rule::kParameterRange,
     [](uint8_t* gm) {
       DataCopyPad(LocalAt<half>(0), Global<half>(gm), DataCopyExtParams(1, 2, 0, 0, 0),
                   DataCopyPadExtParams<half>(true, 17, 0, 0));
     }},
    {"right padding of 36 bytes", Rule::kParameterRange,
     [](uint8_t* gm) {
       DataCopyPad(LocalAt<float>(0), Global<float>(gm), DataCopyExtParams(1, 4, 0, 0, 0),
                   DataCopyPadExtParams<float>(true, 0, 9, 0));
     }},
    {"padding value of 64-bit elements", Rule::kParameterRange,
     [](uint8_t* gm) {
       DataCopyPad(LocalAt<int64_t>(0), Global<int64_t>(gm), DataCopyExtParams(1, 8, 0, 0, 0),
                   DataCopyPadExtParams<int64_t>(true, 0, 1, 5));
     }},
    {"padding value wider than the element", Rule::kParameterRange,
     [](uint8_t* gm) {
       DataCopyPad(LocalAt<int16_t>(0), Global<int16_t>(gm), DataCopyParams(1, 2, 0, 0),
                   DataCopyPadParams(true, 0, 1, 65536));
     }},
    {"UB beyond its end", Rule::kOutOfBounds,
     [](uint8_t* gm) { DataCopy(LocalAt<half>(ascsim::UbBytes() - 32), Global<half>(gm), 32); }},
    {"UB far beyond its end", Rule::kOutOfBounds,
     [](uint8_t* gm) { DataCopy(LocalAt<half>(uint64_t{1} << 40), Global<half>(gm), 32); }},
    {"GM beyond the allocation", Rule::kOutOfBounds,
     [](uint8_t* gm) { DataCopy(LocalAt<half>(0), Global<half>(gm + 3000), 64); }},
    {"GM before the allocation", Rule::kOutOfBounds,
     [](uint8_t* gm) { DataCopy(LocalAt<half>(0), Global<half>(gm - 32), 32); }},
    {"null", Rule::kOutOfBounds, [](uint8_t*) { DataCopy(LocalAt<half>(0), Global<half>(nullptr), 32); }},
    {"padded load beyond the allocation", Rule::kOutOfBounds,
     [](uint8_t* gm) {
       DataCopyPad(LocalAt<half>(0), Global<half>(gm), DataCopyExtParams(2, 6, 3061, 0, 0),
                   DataCopyPadExtParams<half>(false, 0, 0, 0));
     }},
    {"UB never written", Rule::kUninitialisedRead,
     [](uint8_t* gm) { DataCopy(Global<half>(gm), LocalAt<half>(1024), 32); }},
    {"slice of 9 dimensions", Rule::kParameterRange,
     [](uint8_t* gm) {
       const SliceInfo info[9] = {{0, 15, 0, 1, 16}};
       DataCopy(LocalAt<half>(0), Global<half>(gm), info, info, 9);
     }},
    {"slice with different bursts", Rule::kParameterRange,
     [](uint8_t* gm) {
       const SliceInfo one[1] = {{0, 31, 0, 1, 32}}, two[1] = {{0, 31, 0, 2, 32}};
       DataCopy(LocalAt<half>(0), Global<half>(gm), one, two);
     }},
    {"slice with part of a segment", Rule::kParameterRange,
     [](uint8_t* gm) {
       const SliceInfo info[1] = {{0, 19, 0, 1, 32}};
       DataCopy(LocalAt<half>(0), Global<half>(gm), info, info);
     }},
    {"slice of another number of segments", Rule::kParameterRange,
     [](uint8_t* gm) {
       const SliceInfo one[1] = {{0, 15, 0, 1, 32}}, two[1] = {{0, 31, 0, 1, 32}};
       DataCopy(LocalAt<half>(0), Global<half>(gm), one, two);
     }},
    {"slice with a gap in UB of half a block", Rule::kMisaligned,
     [](uint8_t* gm) {
       const SliceInfo to[1] = {{0, 39, 8, 1, 40}}, from[1] = {{0, 31, 0, 1, 32}};
       DataCopy(LocalAt<half>(0), Global<half>(gm), to, from);
     }},
};

TEST(CopyRules, EachIsReportedAndNothingElse) {
  for (const RuleCase& c : kRuleCases) {
    SCOPED_TRACE(c.name);
    ascsim::GlobalMemory memory(uint64_t{1} << 30);
    Buffer buffer(memory, std::vector<uint8_t>(3072));
    Buffer neighbour(memory, std::vector<uint8_t>(3072, 7));
    const auto stats = RunKernel(memory, [&] { c.body(buffer.data); }, {.checks = true});
    EXPECT_EQ(stats.error, "");
    EXPECT_TRUE(Reported(stats, c.rule)) << Breaches(stats);
    for (const ascsim::Breach& breach : stats.breaches) {
      // Too long a copy leaves the buffer besides, too.
      EXPECT_TRUE(breach.rule == c.rule || breach.rule == Rule::kOutOfBounds || breach.rule == Rule::kUninitialisedRead)
          << ascsim::Format(breach);
      EXPECT_NE(std::string(breach.first.loc.file).find("copy_rules_test.cc"), std::string::npos);
      EXPECT_GT(breach.first.loc.line, 40u);
      EXPECT_LT(breach.first.loc.line, 200u);
    }
    EXPECT_EQ(neighbour.Difference(), "");
  }
}

TEST(CopyRules, CleanCopiesAreNotReported) {
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  Buffer buffer(memory, std::vector<uint8_t>(3072));
  const auto stats =
      RunKernel(memory,
                [&] {
                  DataCopyPad(LocalAt<int16_t>(0), Global<int16_t>(buffer.data), DataCopyParams(1, 2, 0, 0),
                              DataCopyPadParams(true, 0, 1, static_cast<uint64_t>(-1)));
                  DataCopyPad(LocalAt<int8_t>(64), Global<int8_t>(buffer.data + 3), DataCopyExtParams(1, 3069, 0, 0, 0),
                              DataCopyPadExtParams<int8_t>(false, 0, 0, 0));
                  DataCopy(LocalAt<half>(ascsim::UbBytes() - 64), Global<half>(buffer.data + 3072 - 64), 32);
                  DataCopy(LocalAt<half>(0x8000), Global<half>(buffer.data), 0);
                },
                {.checks = true});
  EXPECT_EQ(Breaches(stats), "");
}

TEST(CopyRules, PartOfABlockIsNotCopied) {
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  Random random(3);
  Buffer source(memory, random.Bytes(256));
  RunKernel(memory, [&] {
    std::vector<uint8_t> expected = Local();
    DataCopy(LocalAt<half>(0), Global<half>(source.data), 47);
    std::copy_n(source.expected.begin(), 64, expected.begin());
    EXPECT_EQ(Difference(expected, Local()), "");
    DataCopy(LocalAt<half>(0), Global<half>(source.data + 64), 15);
    EXPECT_EQ(Difference(expected, Local()), "");
  });
}

TEST(CopyRules, UseAfterFree) {
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  auto* data = static_cast<uint8_t*>(memory.Allocate(4096));
  memory.Free(data);
  const auto stats = RunKernel(memory, [&] { DataCopy(LocalAt<half>(0), Global<half>(data), 32); }, {.checks = true});
  EXPECT_TRUE(Reported(stats, Rule::kUseAfterFree)) << Breaches(stats);
}

// Paths that A2 does not have, or that are not simulated, end the kernel with a sentence.
TEST(CopyRules, PathsThatAreNotThere) {
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  Buffer buffer(memory, std::vector<uint8_t>(3072));
  const std::function<void()> kBodies[] = {
      [] { DataCopy(LocalAt<half>(0, TPosition::TSCM), LocalAt<half>(0), 32); },
      [] { DataCopy(LocalAt<half>(0), LocalAt<half>(0, TPosition::A1), 32); },
      [] { DataCopy(LocalAt<half>(0, TPosition::B1), LocalAt<half>(0, TPosition::A1), 32); },
      [&] { DataCopy(LocalAt<half>(0, TPosition::A2), Global<half>(buffer.data), 32); },
      [&] {
        DataCopyPad(LocalAt<half>(0, TPosition::A1), Global<half>(buffer.data), DataCopyExtParams(1, 2, 0, 0, 0),
                    DataCopyPadExtParams<half>());
      },
      [&] { DataCopyPad(Global<half>(buffer.data), LocalAt<half>(0, TPosition::A1), DataCopyParams(1, 2, 0, 0)); },
  };
  for (const auto& body : kBodies) EXPECT_NE(RunKernel(memory, body, {.checks = true}).error, "");
}

}  // namespace
