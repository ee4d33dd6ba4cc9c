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

// The same as one function (SetStoreAtomicConfig(ISASI).md); the sum is the only operation.
enum class AtomicDtype { ATOMIC_NONE = 0, ATOMIC_F32, ATOMIC_F16, ATOMIC_S16, ATOMIC_S32, ATOMIC_S8, ATOMIC_BF16 };
enum class AtomicOp { ATOMIC_SUM = 0 };
template <AtomicDtype type, AtomicOp op>
inline void SetStoreAtomicConfig() {
  static_assert(op == AtomicOp::ATOMIC_SUM, "ascsim: SetStoreAtomicConfig: ATOMIC_SUM");
  switch (type) {
    case AtomicDtype::ATOMIC_NONE:
      return SetAtomicNone();
    case AtomicDtype::ATOMIC_F32:
      return SetAtomicAdd<float>();
    case AtomicDtype::ATOMIC_F16:
      return SetAtomicAdd<half>();
    case AtomicDtype::ATOMIC_S16:
      return SetAtomicAdd<int16_t>();
    case AtomicDtype::ATOMIC_S32:
      return SetAtomicAdd<int32_t>();
    case AtomicDtype::ATOMIC_S8:
      return SetAtomicAdd<int8_t>();
    case AtomicDtype::ATOMIC_BF16:
      return SetAtomicAdd<bfloat16_t>();
  }
}

}  // namespace AscendC
