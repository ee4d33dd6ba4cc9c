// The loops, compiled for every SIMD target and chosen at run time.
// SPDX-License-Identifier: Apache-2.0
//
// Independent accumulators hide the latency of the operation: 1 cycle for the logical one behind a load, 4 for a
// multiply-add.
#include "bench/bounds/bounds.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/bounds/bounds.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/cache_control.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace xmsda::bounds {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using Floats = hn::Vec<FloatTag>;
using IntTag = hn::RebindToUnsigned<FloatTag>;
using Ints = hn::Vec<IntTag>;

// Named variables rather than arrays: vectors of SVE have no size.
struct Chains {
  // `start` holds 8 vectors; they must differ where the steps do not, or the compiler makes one chain of them all.
  template <class D, class Step>
  static hn::Vec<D> Run(D d, const hn::TFromD<D>* start, Step step) {
    const size_t lanes = hn::Lanes(d);
    auto a0 = hn::Load(d, start), a1 = hn::Load(d, start + lanes);
    auto a2 = hn::Load(d, start + 2 * lanes), a3 = hn::Load(d, start + 3 * lanes);
    auto a4 = hn::Load(d, start + 4 * lanes), a5 = hn::Load(d, start + 5 * lanes);
    auto a6 = hn::Load(d, start + 6 * lanes), a7 = hn::Load(d, start + 7 * lanes);
    step(a0, a1, a2, a3, a4, a5, a6, a7);
    return hn::Xor(hn::Xor(hn::Xor(a0, a1), hn::Xor(a2, a3)), hn::Xor(hn::Xor(a4, a5), hn::Xor(a6, a7)));
  }
};

float Reduce(Ints bits) {
  const IntTag d;
  return static_cast<float>(hn::GetLane(hn::SumOfLanes(d, bits)));
}

Work VectorLoad(const float* HWY_RESTRICT data, size_t size, int64_t passes) {
  const IntTag d;
  const size_t lanes = hn::Lanes(d);
  const auto* HWY_RESTRICT bits = reinterpret_cast<const uint32_t*>(data);
  const Ints sum = Chains::Run(
      d, bits, [&](Ints& a0, Ints& a1, Ints& a2, Ints& a3, Ints& a4, Ints& a5, Ints& a6, Ints& a7) HWY_ATTR {
        for (int64_t pass = 0; pass < passes; ++pass) {
          for (size_t i = 0; i < size; i += 8 * lanes) {
            a0 = hn::Xor(a0, hn::Load(d, bits + i));
            a1 = hn::Xor(a1, hn::Load(d, bits + i + lanes));
            a2 = hn::Xor(a2, hn::Load(d, bits + i + 2 * lanes));
            a3 = hn::Xor(a3, hn::Load(d, bits + i + 3 * lanes));
            a4 = hn::Xor(a4, hn::Load(d, bits + i + 4 * lanes));
            a5 = hn::Xor(a5, hn::Load(d, bits + i + 5 * lanes));
            a6 = hn::Xor(a6, hn::Load(d, bits + i + 6 * lanes));
            a7 = hn::Xor(a7, hn::Load(d, bits + i + 7 * lanes));
          }
        }
      });
  return {static_cast<double>(passes) * static_cast<double>(size / lanes), Reduce(sum)};
}

Work Broadcast(const float* HWY_RESTRICT data, size_t size, int64_t passes) {
  const IntTag d;
  const auto* HWY_RESTRICT bits = reinterpret_cast<const uint32_t*>(data);
  const Ints sum = Chains::Run(
      d, bits, [&](Ints& a0, Ints& a1, Ints& a2, Ints& a3, Ints& a4, Ints& a5, Ints& a6, Ints& a7) HWY_ATTR {
        for (int64_t pass = 0; pass < passes; ++pass) {
          for (size_t i = 0; i < size; i += 8) {
            a0 = hn::Xor(a0, hn::Set(d, bits[i]));
            a1 = hn::Xor(a1, hn::Set(d, bits[i + 1]));
            a2 = hn::Xor(a2, hn::Set(d, bits[i + 2]));
            a3 = hn::Xor(a3, hn::Set(d, bits[i + 3]));
            a4 = hn::Xor(a4, hn::Set(d, bits[i + 4]));
            a5 = hn::Xor(a5, hn::Set(d, bits[i + 5]));
            a6 = hn::Xor(a6, hn::Set(d, bits[i + 6]));
            a7 = hn::Xor(a7, hn::Set(d, bits[i + 7]));
          }
        }
      });
  return {static_cast<double>(passes) * static_cast<double>(size), Reduce(sum)};
}

// Twelve chains: two units with a latency of 4 need 8, three 12, and 16 vector registers hold no more beside the
// factors.
Work Fma(const float* HWY_RESTRICT data, size_t size, int64_t passes) {
  const FloatTag d;
  const IntTag di;
  // Factors below 1 keep the sums finite and away from subnormals; read from memory, they are not constants.
  const Floats factor = hn::Set(d, 0.5f + 1e-3f * data[0]);
  const Floats term = hn::Set(d, 1.0f + 1e-3f * data[1]);
  Floats b0 = hn::Set(d, data[2]), b1 = hn::Set(d, data[3]), b2 = hn::Set(d, data[4]), b3 = hn::Set(d, data[5]);
  const Floats sum = Chains::Run(
      d, data,
      [&](Floats& a0, Floats& a1, Floats& a2, Floats& a3, Floats& a4, Floats& a5, Floats& a6, Floats& a7) HWY_ATTR {
        for (int64_t pass = 0; pass < passes; ++pass) {
          for (size_t i = 0; i < size; i += 8) {
            a0 = hn::MulAdd(a0, factor, term);
            a1 = hn::MulAdd(a1, factor, term);
            a2 = hn::MulAdd(a2, factor, term);
            a3 = hn::MulAdd(a3, factor, term);
            a4 = hn::MulAdd(a4, factor, term);
            a5 = hn::MulAdd(a5, factor, term);
            a6 = hn::MulAdd(a6, factor, term);
            a7 = hn::MulAdd(a7, factor, term);
            b0 = hn::MulAdd(b0, factor, term);
            b1 = hn::MulAdd(b1, factor, term);
            b2 = hn::MulAdd(b2, factor, term);
            b3 = hn::MulAdd(b3, factor, term);
          }
        }
      });
  const Floats rest = hn::Add(hn::Add(b0, b1), hn::Add(b2, b3));
  const double steps = static_cast<double>(passes) * static_cast<double>(size / 8);
  return {steps * 12, Reduce(hn::BitCast(di, hn::Add(sum, rest)))};
}

Work Triad(float* HWY_RESTRICT data, size_t size, int64_t passes) {
  const FloatTag d;
  const size_t lanes = hn::Lanes(d);
  // Whole vectors of any length per part; what is left over at the end is not touched.
  const size_t part = size / 3 / 64 * 64;
  float* HWY_RESTRICT a = data;
  const float* HWY_RESTRICT b = data + part;
  const float* HWY_RESTRICT c = data + 2 * part;
  const Floats factor = hn::Set(d, 0.5f);
  for (int64_t pass = 0; pass < passes; ++pass) {
    for (size_t i = 0; i < part; i += lanes) {
      hn::Stream(hn::MulAdd(factor, hn::Load(d, c + i), hn::Load(d, b + i)), d, a + i);
    }
    hwy::FlushStream();
  }
  return {static_cast<double>(passes) * static_cast<double>(3 * part * sizeof(float)), a[0]};
}

Work Run(Loop loop, float* data, size_t size, int64_t passes) {
  switch (loop) {
    case Loop::kVectorLoad:
      return VectorLoad(data, size, passes);
    case Loop::kBroadcast:
      return Broadcast(data, size, passes);
    case Loop::kFma:
      return Fma(data, size, passes);
    case Loop::kTriad:
      return Triad(data, size, passes);
  }
  return {};
}

size_t Lanes() { return hn::Lanes(FloatTag()); }

const char* Name() { return hwy::TargetName(HWY_TARGET); }

}  // namespace HWY_NAMESPACE
}  // namespace xmsda::bounds
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace xmsda::bounds {

HWY_EXPORT(Run);
HWY_EXPORT(Lanes);
HWY_EXPORT(Name);

Work RunLoop(Loop loop, float* data, size_t size, int64_t passes) {
  return HWY_DYNAMIC_DISPATCH(Run)(loop, data, size, passes);
}

size_t VectorLanes() { return HWY_DYNAMIC_DISPATCH(Lanes)(); }

const char* TargetName() { return HWY_DYNAMIC_DISPATCH(Name)(); }

}  // namespace xmsda::bounds
#endif  // HWY_ONCE
