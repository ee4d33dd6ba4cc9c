// Instructions of the scalar unit: cache maintenance changes no data and is accepted in all its forms.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <vector>

#include "ascendc/cache.h"
#include "copy_testing.h"
#include "exec/tables.h"

namespace {

using namespace copy_testing;  // NOLINT
using AscendC::CacheLine;
using AscendC::DcciDst;
using ascsim::DType;
using ascsim::Op;

TEST(Scalar, Tables) {
  EXPECT_NE(ascsim::FindScalar(Op::kCleanCache, DType::kF32, DType::kF32), nullptr);
  EXPECT_NE(ascsim::FindScalar(Op::kScalar, DType::kF32, DType::kU64), nullptr);
  for (const Op op : {Op::kGetValue, Op::kSetValue, Op::kAdd, Op::kCopyGmToUb, Op::kSetFlag}) {
    EXPECT_EQ(ascsim::FindScalar(op, DType::kF32, DType::kF32), nullptr);
  }
}

TEST(Scalar, CacheMaintenanceKeepsData) {
  ascsim::GlobalMemory memory(uint64_t{1} << 30);
  Random random(1);
  Buffer buffer(memory, random.Bytes(4096));
  int64_t before = 0, after = 0;
  const auto stats = RunKernel(
      memory,
      [&] {
        AscendC::GlobalTensor<uint64_t> tensor;
        tensor.SetGlobalBuffer(reinterpret_cast<uint64_t*>(buffer.data), 512);
        AscendC::DataCachePreload(tensor, int64_t{64});
        AscendC::DataCachePreload(tensor, int16_t{-64});
        for (uint32_t i = 0; i < 8; ++i) tensor.SetValue(i, 3 * i + 1);
        before = ascsim::CurrentCycle();
        AscendC::DataCacheCleanAndInvalid<uint64_t, CacheLine::SINGLE_CACHE_LINE>(tensor);
        AscendC::DataCacheCleanAndInvalid<uint64_t, CacheLine::SINGLE_CACHE_LINE, DcciDst::CACHELINE_OUT>(tensor[4]);
        AscendC::DataCacheCleanAndInvalid<uint64_t, CacheLine::ENTIRE_DATA_CACHE, DcciDst::CACHELINE_ALL>(tensor);
        after = ascsim::CurrentCycle();
        for (uint32_t i = 0; i < 8; ++i) EXPECT_EQ(tensor.GetValue(i), 3 * i + 1);
      },
      {.checks = true});
  EXPECT_EQ(Breaches(stats), "");
  EXPECT_GT(after, before);
  for (uint64_t i = 0; i < 8; ++i) {
    const uint64_t value = 3 * i + 1;
    std::memcpy(&buffer.expected[8 * i], &value, 8);
  }
  EXPECT_EQ(buffer.Difference(), "");
}

}  // namespace
