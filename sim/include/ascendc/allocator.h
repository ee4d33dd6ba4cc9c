// LocalMemAllocator: tensors in UB and L1 one behind another, without a TPipe.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>

#include "ascendc/tensor.h"
#include "ascendc/types.h"
#include "ascsim/runtime.h"

namespace AscendC {

enum class Hardware : uint8_t { GM, UB, L1, L0A, L0B, L0C, BIAS, FIXBUF, MAX };

// Starts at address 0 and orders nothing: flags are the kernel's own affair. One a memory in a kernel, and no TPipe
// beside it (LocalMemAllocator.md). Tensors begin at whole blocks of 32 bytes.
template <Hardware hard = Hardware::UB>
class LocalMemAllocator {
  static_assert(hard == Hardware::UB || hard == Hardware::L1,
                "ascsim: LocalMemAllocator: UB and L1 are simulated, the memories of the matrix unit are not");
  static constexpr TPosition kPosition = hard == Hardware::UB ? TPosition::VECCALC : TPosition::A1;

 public:
  // First free byte.
  uint32_t GetCurAddr() const { return next_; }

  template <class DataType, uint32_t tileSize>
  LocalTensor<DataType> Alloc(ascsim::Loc loc = ascsim::Loc::Here()) {
    return Take<kPosition, DataType>(tileSize, loc);
  }
  template <TPosition pos, class DataType, uint32_t tileSize>
  LocalTensor<DataType> Alloc(ascsim::Loc loc = ascsim::Loc::Here()) {
    return Take<pos, DataType>(tileSize, loc);
  }
  // `tileSize` counts elements.
  template <class DataType>
  LocalTensor<DataType> Alloc(uint32_t tileSize, ascsim::Loc loc = ascsim::Loc::Here()) {
    return Take<kPosition, DataType>(tileSize, loc);
  }
  template <TPosition pos, class DataType>
  LocalTensor<DataType> Alloc(uint32_t tileSize, ascsim::Loc loc = ascsim::Loc::Here()) {
    return Take<pos, DataType>(tileSize, loc);
  }

 private:
  template <TPosition pos, class T>
  LocalTensor<T> Take(uint32_t elements, ascsim::Loc loc) {
    static_assert(ascsim_detail::SpaceOf(pos) == (hard == Hardware::UB ? ascsim::Space::kUB : ascsim::Space::kL1),
                  "LocalMemAllocator: the position lies in another memory than the allocator's");
    const uint64_t bytes = uint64_t{elements} * sizeof(T),
                   size = hard == Hardware::UB ? ascsim::UbBytes() : ascsim::L1Bytes();
    if (next_ + bytes > size) {
      char text[160];
      std::snprintf(text, sizeof(text), "LocalMemAllocator: asked for %llu bytes, %llu in use, %llu there are",
                    static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(next_),
                    static_cast<unsigned long long>(size));
      ascsim::FailKernel(loc, text);
    }
    const LocalTensor<T> tensor(pos, next_, elements);
    next_ =
        static_cast<uint32_t>((next_ + bytes + ascsim::kBlockBytes - 1) / ascsim::kBlockBytes * ascsim::kBlockBytes);
    return tensor;
  }

  uint32_t next_ = 0;
};

}  // namespace AscendC
