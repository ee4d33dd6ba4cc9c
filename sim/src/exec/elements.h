// Element types of vector instructions: how they are stored, and what arithmetic on them is done in.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <type_traits>

#include "ascsim/types.h"
#include "core/half.h"

namespace ascsim {

// Work is what + - * / are done in; Store rounds once. For half and bfloat16 that gives what arithmetic in the format
// itself gives, see half.h. Narrow rounds a result that was computed in double.
struct F32 {
  using Storage = float;
  using Work = float;
  static Work Load(Storage value) { return value; }
  static Storage Store(Work value) { return value; }
  static Storage Narrow(double value) { return static_cast<float>(value); }
};

struct F16 {
  using Storage = uint16_t;
  using Work = float;
  static Work Load(Storage bits) { return HalfToFloat(bits); }
  static Storage Store(Work value) { return FloatToHalf(value); }
  static Storage Narrow(double value) { return DoubleToHalf(value); }
};

struct BF16 {
  using Storage = uint16_t;
  using Work = float;
  static Work Load(Storage bits) { return BF16ToFloat(bits); }
  static Storage Store(Work value) { return FloatToBF16(value); }
  static Storage Narrow(double value) { return DoubleToBF16(value); }
};

template <class I>
struct Int {
  using Storage = I;
  using Work = I;
  static Work Load(Storage value) { return value; }
  static Storage Store(Work value) { return value; }
};

template <class E>
constexpr bool kIsInt = std::is_integral_v<typename E::Work>;

}  // namespace ascsim
