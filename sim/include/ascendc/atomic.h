// Atomic mode of copies to GM: SetAtomicAdd, SetAtomicMax, SetAtomicMin, SetAtomicType, SetAtomicNone.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <type_traits>

#include "ascendc/types.h"
#include "ascsim/runtime.h"

namespace ascsim_detail {

// Documented for A2: int8_t, int16_t, half, bfloat16_t, int32_t, float.
template <typename T>
inline constexpr bool kIsAtomicType =
    std::is_same_v<T, int8_t> || std::is_same_v<T, int16_t> || std::is_same_v<T, half> ||
    std::is_same_v<T, bfloat16_t> || std::is_same_v<T, int32_t> || std::is_same_v<T, float>;

}  // namespace ascsim_detail

namespace AscendC {

// The mode is a register: it holds for every later copy from UB or L1 to GM, in program order, until it is set again.
// GM is not cleared first. `T` is what the memory adds or compares, whatever the tensors of the copy are made of.
template <typename T>
inline void SetAtomicAdd() {
  static_assert(ascsim_detail::kIsAtomicType<T>,
                "ascsim: SetAtomicAdd: int8_t, int16_t, half, bfloat16_t, int32_t or float on Atlas A2");
  ascsim::CurrentAtomicMode() = {ascsim::Atomic::kAdd, ascsim_detail::DTypeOf<T>};
}

template <typename T>
inline void SetAtomicMax() {
  static_assert(ascsim_detail::kIsAtomicType<T>,
                "ascsim: SetAtomicMax: int8_t, int16_t, half, bfloat16_t, int32_t or float on Atlas A2");
  ascsim::CurrentAtomicMode() = {ascsim::Atomic::kMax, ascsim_detail::DTypeOf<T>};
}

template <typename T>
inline void SetAtomicMin() {
  static_assert(ascsim_detail::kIsAtomicType<T>,
                "ascsim: SetAtomicMin: int8_t, int16_t, half, bfloat16_t, int32_t or float on Atlas A2");
  ascsim::CurrentAtomicMode() = {ascsim::Atomic::kMin, ascsim_detail::DTypeOf<T>};
}

// Changes the element type and keeps the operation.
template <typename T>
inline void SetAtomicType() {
  static_assert(ascsim_detail::kIsAtomicType<T>,
                "ascsim: SetAtomicType: int8_t, int16_t, half, bfloat16_t, int32_t or float on Atlas A2");
  ascsim::CurrentAtomicMode().type = ascsim_detail::DTypeOf<T>;
}

inline void SetAtomicNone() { ascsim::CurrentAtomicMode() = {}; }

}  // namespace AscendC
