// Random shapes of vector instructions (strides, masks, repeats, forms) and the comparison with a model's UB.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "ascendc/vector_arith.h"
#include "ascendc/vector_cast.h"
#include "ascendc/vector_compare.h"
#include "vector_harness.h"
#include "vector_model.h"

namespace ascsim::test {

// How a function is told which elements to work on.
enum class Form { kCount, kFirst, kBits, kRegister, kCounter };

constexpr uint32_t kArena = 24 << 10;      // bytes of UB that a case uses
constexpr uint64_t kSourcesAt = 12 << 10;  // beyond every destination that starts in the first 4 KB

struct Shape {
  View dst, src0, src1;
  Form form = Form::kCount;
  uint32_t repeats = 1;
  uint64_t mask[2] = {0, 0};
  uint64_t first = 1;
  int32_t count = 0;
  Plan plan;

  AscendC::BinaryRepeatParams Binary() const {
    const auto u8 = [](uint32_t v) { return static_cast<uint8_t>(v); };
    return {u8(dst.block_stride),  u8(src0.block_stride),  u8(src1.block_stride),
            u8(dst.repeat_stride), u8(src0.repeat_stride), u8(src1.repeat_stride)};
  }
  AscendC::UnaryRepeatParams Unary() const {
    return {static_cast<uint16_t>(dst.block_stride), static_cast<uint16_t>(src0.block_stride),
            static_cast<uint8_t>(dst.repeat_stride), static_cast<uint8_t>(src0.repeat_stride)};
  }
  std::string Text() const {
    char text[400];
    std::snprintf(
        text, sizeof(text),
        "form %d repeats %u mask %llx:%llx first %llu count %d dst %llu/%u/%u src0 %llu/%u/%u src1 %llu/%u/%u",
        static_cast<int>(form), repeats, static_cast<unsigned long long>(mask[1]),
        static_cast<unsigned long long>(mask[0]), static_cast<unsigned long long>(first), count,
        static_cast<unsigned long long>(dst.address), dst.block_stride, dst.repeat_stride,
        static_cast<unsigned long long>(src0.address), src0.block_stride, src0.repeat_stride,
        static_cast<unsigned long long>(src1.address), src1.block_stride, src1.repeat_stride);
    return text;
  }
};

inline View RandomView(Random* random, uint32_t size, uint32_t elements, Form form, bool crowded) {
  View view;
  view.size = size;
  view.address = 32 * uint64_t{random->In(0, crowded ? 40 : 480)};
  view.repeat_stride = elements * size / 32;
  if (form == Form::kCount || random->OneIn(3)) return view;
  view.block_stride = random->OneIn(2) ? 1 : random->In(0, 3);
  view.repeat_stride = random->OneIn(3) ? view.repeat_stride : random->In(0, 16);
  return view;
}

// Operands of dst_size and src_size bytes an element; in half the cases they overlap, one in four exactly. Not where
// the sizes differ: a NaN's bits, which nothing defines, would be read as other elements.
inline Shape RandomShape(Random* random, uint32_t dst_size, uint32_t src_size) {
  Shape s;
  const uint32_t elements = 256 / std::max(dst_size, src_size);
  s.form = static_cast<Form>(random->In(0, 4));
  const bool crowded = random->OneIn(2);
  s.dst = RandomView(random, dst_size, elements, s.form, crowded);
  s.src0 = RandomView(random, src_size, elements, s.form, crowded);
  s.src1 = RandomView(random, src_size, elements, s.form, crowded);
  if (dst_size != src_size) {
    s.dst.address %= 4096;
    s.src0.address = kSourcesAt + s.src0.address % 2048;
    s.src1.address = kSourcesAt + s.src1.address % 2048;
  }
  if (dst_size == src_size && random->OneIn(4)) s.src0 = s.dst;
  if (dst_size == src_size && random->OneIn(4)) s.src1 = s.dst;
  s.repeats = random->In(1, random->OneIn(4) ? 12 : 4);
  s.count = static_cast<int32_t>(random->In(1, s.repeats * elements));
  s.first = random->OneIn(3) ? elements : random->In(1, elements);
  s.mask[0] = random->OneIn(3) ? ~uint64_t{0} : random->Bits();
  s.mask[1] = random->OneIn(3) ? ~uint64_t{0} : random->Bits();
  if (elements == 32) s.mask[0] |= 1;

  s.plan.elements = elements;
  const bool counted = s.form == Form::kCount || s.form == Form::kCounter;
  s.plan.repeats = counted ? (static_cast<uint32_t>(s.count) + elements - 1) / elements : s.repeats;
  const auto limit = static_cast<uint32_t>(s.count);
  const uint64_t low = s.mask[0], high = s.mask[1], first = s.first;
  if (counted) {
    s.plan.active = [=](uint32_t r, uint32_t k) { return r * elements + k < limit; };
  } else if (s.form == Form::kFirst) {
    s.plan.active = [=](uint32_t, uint32_t k) { return k < first; };
  } else {
    s.plan.active = [=](uint32_t, uint32_t k) { return ((k < 64 ? low >> k : high >> (k - 64)) & 1) != 0; };
  }
  return s;
}

template <class T>
AscendC::LocalTensor<T> TensorAt(uint64_t address) {
  return AscendC::LocalTensor<T>(AscendC::TPosition::VECCALC, static_cast<uint32_t>(address),
                                 static_cast<uint32_t>((ascsim::UbBytes() - address) / sizeof(T)));
}

// Around a call with isSetMask = false.
template <class Widest>
void PrepareMask(const Shape& s) {
  if (s.form == Form::kRegister) {
    AscendC::SetMaskNorm();
    AscendC::SetVectorMask<Widest, AscendC::MaskMode::NORMAL>(s.mask[1], s.mask[0]);
  } else if (s.form == Form::kCounter) {
    AscendC::SetMaskCount();
    AscendC::SetVectorMask<Widest, AscendC::MaskMode::COUNTER>(s.count);
  }
}
inline void RestoreMask() {
  AscendC::SetMaskNorm();
  AscendC::ResetMask();
}

// Whether two elements are the same, any NaN being the same as any other.
template <class T>
bool SameElement(uint64_t a, uint64_t b) {
  if (a == b) return true;
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, half> || std::is_same_v<T, bfloat16_t>) {
    const FloatFormat& format = std::is_same_v<T, float> ? kFloat : std::is_same_v<T, half> ? kHalf : kBFloat16;
    return std::isnan(format.Decode(static_cast<uint32_t>(a))) && std::isnan(format.Decode(static_cast<uint32_t>(b)));
  } else {
    return false;
  }
}

// UB of the core against the model's, which has the written elements at `written`.
template <class T>
bool SameUb(std::vector<uint8_t> model, const std::vector<uint64_t>& written, const std::string& what) {
  const uint8_t* ub = ascsim::SpaceBase(Space::kUB);
  for (const uint64_t address : written) {
    uint64_t got = 0;
    std::memcpy(&got, ub + address, sizeof(T));
    const uint64_t expected = Load(model, address, sizeof(T));
    if (!SameElement<T>(got, expected)) {
      ADD_FAILURE() << what << ": at " << address << " expected " << std::hex << expected << ", got " << got;
      return false;
    }
    Store(&model, address, sizeof(T), got);
  }
  for (uint64_t i = 0; i < model.size(); ++i) {
    if (ub[i] != model[i]) {
      ADD_FAILURE() << what << ": byte " << i << " outside the mask changed";
      return false;
    }
  }
  return true;
}

// Sets UB to a part of `pool` and returns a copy of it.
inline std::vector<uint8_t> FillUb(Random* random, const std::vector<uint8_t>& pool) {
  const uint64_t from = 32 * uint64_t{random->In(0, static_cast<uint32_t>((pool.size() - kArena) / 32))};
  std::vector<uint8_t> ub(pool.begin() + static_cast<int64_t>(from),
                          pool.begin() + static_cast<int64_t>(from + kArena));
  std::memcpy(ascsim::SpaceBase(Space::kUB), ub.data(), ub.size());
  return ub;
}

// Numbers of T, special ones among them.
template <class T>
std::vector<uint8_t> Pool(Random* random) {
  std::vector<uint8_t> pool(96 << 10);
  for (size_t at = 0; at < pool.size(); at += sizeof(T)) {
    uint64_t bits = random->Bits();
    if constexpr (std::is_same_v<T, float>) bits = random->Number(kFloat);
    if constexpr (std::is_same_v<T, half>) bits = random->Number(kHalf);
    if constexpr (std::is_same_v<T, bfloat16_t>) bits = random->Number(kBFloat16);
    if constexpr (std::is_integral_v<T>) {
      if (random->OneIn(4)) bits = static_cast<uint64_t>(static_cast<int64_t>(random->In(0, 40)) - 20);
      if (random->OneIn(8)) bits = static_cast<uint64_t>(std::numeric_limits<T>::max());
      if (random->OneIn(8)) bits = static_cast<uint64_t>(std::numeric_limits<T>::min());
    }
    Store(&pool, at, sizeof(T), bits);
  }
  return pool;
}

// ASCSIM_TEST_SEED replays what a failure names.
inline uint64_t Seed() {
  static const uint64_t seed = [] {
    const char* text = std::getenv("ASCSIM_TEST_SEED");
    const uint64_t value = text != nullptr ? std::strtoull(text, nullptr, 0) : std::random_device{}();
    std::printf("ASCSIM_TEST_SEED=%llu\n", static_cast<unsigned long long>(value));
    return value;
  }();
  return seed;
}

}  // namespace ascsim::test
