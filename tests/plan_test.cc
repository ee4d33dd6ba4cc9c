// The order in which the CPU backend visits queries: a permutation, in tiles where those are not more than the queries.
// SPDX-License-Identifier: Apache-2.0
#include "cpu/plan.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "check_all.h"
#include "testing/workloads.h"

namespace xmsda::testing {
namespace {

// A problem whose queries are the pixels of these levels.
Problem Encoder(const std::string& levels) {
  Problem problem = Parse("b1_m1_d1_p1_l" + levels);
  problem.num_queries = problem.value_size;
  return problem;
}

TEST(TileOrder, IsAPermutation) {
  for (const char* levels :
       {"1x1", "12x12", "13x25,7x13", "100x167,50x84,25x42,13x21", "1x300", "300x1", "1x30,40x20"}) {
    SCOPED_TRACE(levels);
    const Problem problem = Encoder(levels);
    ASSERT_TRUE(cpu::TilesPay(problem));
    std::vector<int32_t> order(static_cast<size_t>(problem.num_queries), -1);
    cpu::TileOrder(problem, order.data());
    std::sort(order.begin(), order.end());
    std::vector<int32_t> all(order.size());
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(order, all);
  }
}

TEST(TileOrder, EncodersOfModelsHaveTiles) {
  for (const char* name : {"detr-enc", "detr-enc-43", "dino5-enc", "m2f-enc", "bev-tsa"}) {
    Problem problem;
    ASSERT_TRUE(ParseProblemOrName(name, &problem).ok());
    EXPECT_TRUE(cpu::TilesPay(problem)) << name;
  }
}

// The tiles are those of the largest height and the largest width: these levels would have up to 7 * 10^9 of them.
TEST(TileOrder, IsNotUsedForMoreTilesThanQueries) {
  EXPECT_FALSE(cpu::TilesPay(Encoder("1000000x1,1x1000000")));
  EXPECT_FALSE(cpu::TilesPay(Encoder("16777216x1,1x16777216")));
  EXPECT_FALSE(cpu::TilesPay(Encoder("400x1,1x400")));
  Problem decoder = Encoder("12x12");
  decoder.num_queries = 143;
  EXPECT_FALSE(cpu::TilesPay(decoder));
}

// With a loop over all tiles this would take minutes.
TEST(TileOrder, ThinLevelsAreQuick) {
  Problem problem = Encoder("1000000x1,1x1000000");
  problem.channels = 4;
  const CaseData data = MakeCase({problem, Pattern::kHot});
  Results results;
  const Status status = RunBackend(*FindBackend("cpu"), data, {}, &results);
  EXPECT_TRUE(status.ok()) << status.message();
}

TEST(TileOrder, ThinLevelsAreRight) {
  const Problem problem = Encoder("400x1,1x400");
  CheckAll({problem, Pattern::kLocal});
}

}  // namespace
}  // namespace xmsda::testing
