// Caches of the scalar unit: DataCacheCleanAndInvalid, DataCachePreload, ICachePreLoad.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <type_traits>

#include "ascendc/tensor.h"
#include "ascendc/types.h"
#include "ascsim/instruction.h"
#include "ascsim/runtime.h"

namespace AscendC {

// Writes back and drops the 64-byte line that `dst` starts in, or the whole cache. Scalar accesses of the simulator go
// straight to GM, so that no data depends on it; it costs time, and its absence is reported (cache-stale,
// cache-not-cleaned, cache-line-shared).
template <typename T, CacheLine entireType>
inline void DataCacheCleanAndInvalid(const GlobalTensor<T>& dst, ascsim::Loc loc = ascsim::Loc::Here()) {
  ascsim::Instruction i;
  i.op = ascsim::Op::kCleanCache;
  i.pipe = ascsim::Pipe::kS;
  i.loc = loc;
  i.dst.address = dst.Address();
  i.dst.end = dst.End();
  i.dst.space = ascsim::Space::kGM;
  i.dst.type = ascsim_detail::ScalarTypeOf<T>();
  i.dst.used = true;
  i.option[0] = entireType == CacheLine::ENTIRE_DATA_CACHE ? 1 : 0;
  ascsim::Issue(i);
}

template <typename T, CacheLine entireType, DcciDst dcciDst>
inline void DataCacheCleanAndInvalid(const GlobalTensor<T>& dst, ascsim::Loc loc = ascsim::Loc::Here()) {
  static_assert(dcciDst == DcciDst::CACHELINE_ALL || dcciDst == DcciDst::CACHELINE_OUT,
                "ascsim: DataCacheCleanAndInvalid: CACHELINE_UB and CACHELINE_ATOMIC are reserved on Atlas A2");
  DataCacheCleanAndInvalid<T, entireType>(dst, loc);
}

template <typename T, CacheLine entireType, DcciDst dcciDst>
inline void DataCacheCleanAndInvalid(const LocalTensor<T>&) {
  static_assert(ascsim_detail::AlwaysFalse<T>::value,
                "ascsim: DataCacheCleanAndInvalid of a LocalTensor is reserved on Atlas A2");
}

// Brings the line at `cacheOffset` bytes from `src` into the cache: a hint, without effect on data; the line may be old
// from then on.
template <typename T>
inline void DataCachePreload(const GlobalTensor<uint64_t>& src, const T cacheOffset,
                             ascsim::Loc loc = ascsim::Loc::Here()) {
  static_assert(std::is_same_v<T, int16_t> || std::is_same_v<T, int64_t>,
                "ascsim: DataCachePreload: cacheOffset is int16_t or int64_t");
  ascsim::Instruction i;
  i.op = ascsim::Op::kScalar;
  i.pipe = ascsim::Pipe::kS;
  i.loc = loc;
  i.src0 = ascsim_detail::OperandOf(src);
  i.src0.address += static_cast<uint64_t>(static_cast<int64_t>(cacheOffset));
  ascsim::Issue(i);
}

// `preFetchLen` times 2 KB of code ahead. Code is never missed in the simulator: there is nothing to load.
inline void ICachePreLoad(const int64_t) {}
// 0: idle, 1: busy (GetICachePreloadStatus.md).
inline int64_t GetICachePreloadStatus() { return 0; }

}  // namespace AscendC
