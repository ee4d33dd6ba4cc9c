// Fields of parameter structures in ordinary C++, as kernels write it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernel_operator.h"

namespace surface {

using namespace AscendC;

template <typename T>
T Deduced(T value) {
  return value;
}
template <typename T>
uint32_t Doubled(const T& value) {
  auto twice = value;
  twice += value;
  return twice;
}
inline uint32_t Wide(uint32_t value) { return value; }
inline uint16_t Narrow(uint16_t value) { return value; }

// A checksum over everything that is done with the fields of `p`, a DataCopyParams or integers in its place.
template <typename Params>
uint64_t UseFields(Params p, int n) {
  const uint16_t u16 = static_cast<uint16_t>(n);
  const bool odd = n % 2 != 0;
  uint64_t sum = 0;
  const auto mix = [&sum](uint64_t value) { sum = sum * 1000003 + value; };
  p.blockLen = u16;
  p.blockCount = odd ? p.blockLen : 7;
  mix(odd ? p.blockLen : 0);
  mix(odd ? 0 : p.blockLen);
  mix(odd ? p.blockLen : u16);
  mix(static_cast<uint64_t>(odd ? p.blockLen : p.blockCount));
  mix(static_cast<uint64_t>(odd ? n : p.blockLen));
  mix(odd ? p.blockLen : 5u);
  mix(std::min<uint16_t>(p.blockLen, 100));
  mix(std::max(p.srcStride, p.dstStride));
  mix(static_cast<uint64_t>(min(p.blockLen, 100)) + static_cast<uint64_t>(max(u16, p.blockCount)));
  mix(p.blockLen == n && p.blockLen <= u16 && p.blockLen != p.dstStride);
  mix((p.blockLen < p.blockCount ? 4 : 0) | (10 > p.blockLen ? 2 : 0) | (!p.blockLen ? 1 : 0));
  auto x = p.blockLen;
  x += 1;
  x = static_cast<uint16_t>(x - 1);
  x++;
  const uint16_t y = p.blockLen, z{p.blockCount};
  const uint32_t w = static_cast<uint32_t>(x) + uint32_t{p.blockCount} + y + z;
  mix(w);
  switch (p.blockCount) {
    case 7:
      mix(70);
      break;
    default:
      mix(71);
  }
  if (p.blockLen) mix(1);
  for (auto i = p.blockLen; i > 65530; --i) mix(i);
  p.srcStride = p.dstStride = 3;
  p.srcStride = static_cast<uint16_t>(p.srcStride << 2);
  p.srcStride |= 1;
  p.srcStride %= 8;
  p.srcStride ^= p.dstStride;
  p.dstStride *= 2;
  p.dstStride = {4};
  mix(static_cast<uint64_t>(p.srcStride + p.dstStride * 2 - 1));
  std::swap(p.srcStride, p.dstStride);
  mix(Deduced(p.srcStride) + Doubled(p.dstStride) + Wide(p.blockLen) + Narrow(p.blockCount));
  int table[8] = {0, 10, 20, 30, 40, 50, 60, 70};
  mix(static_cast<uint64_t>(table[p.srcStride] + *(table + p.srcStride)));
  mix(static_cast<uint64_t>(p.blockLen * 0.5f) + static_cast<uint64_t>(-p.srcStride + (~p.srcStride & 0xff)));
  int total = 1;
  total += p.srcStride;
  mix(static_cast<uint64_t>(total) << p.srcStride);
  return sum;
}

// With the structures themselves.
__aicore__ inline void Fields(bool odd) {
  DataCopyParams p = {1, 8, 0, 0};
  const uint16_t u16 = 4;
  p = {static_cast<uint16_t>(odd ? p.blockLen : 2), u16, 0, 0};
  p = DataCopyParams{p.blockCount, std::min(p.blockLen, u16), p.srcGap, 0};
  p.blockLen = std::max(u16, p.blockLen);
  const DataCopyExtParams ext(p.blockCount, p.blockLen * 32u, 0, odd ? p.dstStride : 0, 0);
  const uint32_t bytes = odd ? ext.blockCount : ext.blockLen;
  const UnaryRepeatParams unary(1, 1, 8, odd ? 6 : 8);
  BinaryRepeatParams binary{1, 1, 1, unary.dstRepStride, unary.srcRepStride, 8};
  binary.src1RepStride = odd ? binary.src0RepStride : 0;
  const TransDataTo5HDParams transpose(false, false, 1, odd ? 16 : 0, 0);
  GatherMaskParams gather;
  gather.repeatTimes = odd ? transpose.repeatTimes : gather.repeatTimes;
  printf("fields %d %u %d\n", p.blockLen, bytes, binary.src1RepStride);
  (void)UseFields(p, 7);
}

}  // namespace surface
