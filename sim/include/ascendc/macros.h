// Keywords of the device language, kernel types, tiling data, block indices and small scalar helpers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include "ascendc/types.h"
#include "ascsim/runtime.h"

// Address spaces are only words here: GM addresses are host addresses.
#define __global__
#define __aicore__
#define __gm__
#define __ubuf__
#define __cbuf__
#define __ca__
#define __cb__
#define __cc__
#define __fbuf__
#define __ssbuf__
#define __cube__
#define __vector__
#define __mix__(...)
#define __inout_pipe__(...)
#define __in_pipe__(...)
#define __out_pipe__(...)
#define __sync_alias__
#define __sync_noalias__
#define __check_sync_alias__
#define __kfc_workspace__
#ifndef GM_ADDR
#define GM_ADDR __gm__ uint8_t*
#endif

// Architecture of Atlas A2, for kernels that choose code by it.
#ifndef __NPU_ARCH__
#define __NPU_ARCH__ 2201
#endif
#ifndef __CCE_AICORE__
#define __CCE_AICORE__ 220
#endif

enum KernelMetaType {
  KERNEL_TYPE_AIV_ONLY,
  KERNEL_TYPE_AIC_ONLY,
  KERNEL_TYPE_MIX_AIV_1_0,
  KERNEL_TYPE_MIX_AIC_1_0,
  KERNEL_TYPE_MIX_AIC_1_1,
  KERNEL_TYPE_MIX_AIC_1_2,
  KERNEL_TYPE_AICORE,
  KERNEL_TYPE_VECTORCORE,
  KERNEL_TYPE_MIX_AICORE,
  KERNEL_TYPE_MIX_VECTOR_CORE,
  KERNEL_TYPE_MAX,
};

namespace ascsim {

// Key of the kernel branch that the host chose, for TILING_KEY_IS. Set it before the launch, or in ASCSIM_TILING_KEY.
struct TilingKeyValue {
  uint64_t key = 0;
  bool set = false;
};
inline TilingKeyValue& CurrentTilingKey() {
  static TilingKeyValue value = [] {
    const char* text = std::getenv("ASCSIM_TILING_KEY");
    return text == nullptr ? TilingKeyValue{} : TilingKeyValue{std::strtoull(text, nullptr, 0), true};
  }();
  return value;
}
inline void SetTilingKey(uint64_t key) { CurrentTilingKey() = {key, true}; }

}  // namespace ascsim

namespace ascsim_detail {

template <KernelMetaType type>
void SetKernelType(ascsim::Loc loc) {
  static_assert(type <= KERNEL_TYPE_MIX_AIC_1_2, "ascsim: this kernel type does not exist on Atlas A2");
  using K = ascsim::KernelType;
  constexpr K kType = type == KERNEL_TYPE_AIV_ONLY      ? K::kAivOnly
                      : type == KERNEL_TYPE_AIC_ONLY    ? K::kAicOnly
                      : type == KERNEL_TYPE_MIX_AIV_1_0 ? K::kMixAiv1Aic0
                      : type == KERNEL_TYPE_MIX_AIC_1_0 ? K::kMixAic1Aiv0
                      : type == KERNEL_TYPE_MIX_AIC_1_1 ? K::kMixAic1Aiv1
                                                        : K::kMixAic1Aiv2;
  ascsim::SetKernelType(kType, loc);
}

inline bool TilingKeyIs(uint64_t key, ascsim::Loc loc) {
  const ascsim::TilingKeyValue value = ascsim::CurrentTilingKey();
  if (!value.set) {
    ascsim::FailKernel(loc,
                       "TILING_KEY_IS: no tiling key; call ascsim::SetTilingKey(key) before the launch or set "
                       "ASCSIM_TILING_KEY");
  }
  return value.key == key;
}

// Copies tiling data out of GM. Not an access of the simulated machine: it may come before KERNEL_TASK_TYPE, and the
// toolkit hands tiling data over with the launch.
template <class T>
void CopyTiling(T* to, const void* from, ascsim::Loc loc) {
  static_assert(std::is_trivially_copyable_v<T>, "tiling data must be plain data");
  const auto address = reinterpret_cast<uint64_t>(from);
  if (!ascsim::Exists(ascsim::Space::kGM, address, sizeof(T))) {
    ascsim::FailKernel(loc, "tiling data: the pointer is null, freed, or has fewer bytes behind it than the struct");
  }
  ascsim::Peek(ascsim::Space::kGM, address, sizeof(T), to);
}

// A value that says which of AIC and AIV runs.
struct CoreTypeVariable {
  operator int() const { return ascsim::CurrentBlock().is_aiv ? 2 : 1; }
};

}  // namespace ascsim_detail

#define KERNEL_TASK_TYPE_DEFAULT(value) ascsim_detail::SetKernelType<value>(ascsim::Loc::Here(__FILE__, __LINE__))
#define KERNEL_TASK_TYPE(key, value)                                              \
  do {                                                                            \
    if (TILING_KEY_IS(key)) {                                                     \
      ascsim_detail::SetKernelType<value>(ascsim::Loc::Here(__FILE__, __LINE__)); \
    }                                                                             \
  } while (0)

#define TILING_KEY_IS(key) ascsim_detail::TilingKeyIs(static_cast<uint64_t>(key), ascsim::Loc::Here(__FILE__, __LINE__))

// GET_TILING_DATA takes the struct that REGISTER_TILING_DEFAULT names in an enclosing scope, or, for operator projects
// whose host side names it, the one given as -DASCSIM_TILING_STRUCT=Name.
#define REGISTER_TILING_DEFAULT(struct_name) \
  using REGISTER_TILING_DEFAULT_is_missing_for_GET_TILING_DATA [[maybe_unused]] = struct_name
#define REGISTER_TILING_FOR_TILINGKEY(expression, struct_name) static_assert(sizeof(struct_name) > 0, "")
#define GET_TILING_DATA_WITH_STRUCT(struct_name, tiling_data, tiling_arg) \
  struct_name tiling_data;                                                \
  ascsim_detail::CopyTiling(&tiling_data, (tiling_arg), ascsim::Loc::Here(__FILE__, __LINE__))
#ifdef ASCSIM_TILING_STRUCT
#define GET_TILING_DATA(tiling_data, tiling_arg) \
  GET_TILING_DATA_WITH_STRUCT(ASCSIM_TILING_STRUCT, tiling_data, tiling_arg)
#else
#define GET_TILING_DATA(tiling_data, tiling_arg) \
  GET_TILING_DATA_WITH_STRUCT(REGISTER_TILING_DEFAULT_is_missing_for_GET_TILING_DATA, tiling_data, tiling_arg)
#endif
#define GET_TILING_DATA_MEMBER(struct_name, mem_name, tiling_data, tiling_arg)                         \
  decltype(struct_name::mem_name) tiling_data;                                                         \
  ascsim_detail::CopyTiling(&tiling_data, &reinterpret_cast<const struct_name*>(tiling_arg)->mem_name, \
                            ascsim::Loc::Here(__FILE__, __LINE__))
#define GET_TILING_DATA_PTR_WITH_STRUCT(struct_name, dst_ptr, tiling_ptr) \
  const __gm__ struct_name* dst_ptr = reinterpret_cast<const __gm__ struct_name*>(tiling_ptr)
#define COPY_TILING_WITH_STRUCT(struct_name, src_ptr, dst_ptr)                                  \
  struct_name dst_ptr##_copy;                                                                   \
  ascsim_detail::CopyTiling(&dst_ptr##_copy, (src_ptr), ascsim::Loc::Here(__FILE__, __LINE__)); \
  const struct_name* dst_ptr = &dst_ptr##_copy
#define COPY_TILING_WITH_ARRAY(arr_type, arr_count, src_ptr, dst_ptr)                           \
  arr_type dst_ptr##_copy[arr_count];                                                           \
  ascsim_detail::CopyTiling(&dst_ptr##_copy, (src_ptr), ascsim::Loc::Here(__FILE__, __LINE__)); \
  const arr_type(*dst_ptr)[arr_count] = &dst_ptr##_copy

#define ASCEND_IS_AIV (ascsim::CurrentBlock().is_aiv)
#define ASCEND_IS_AIC (!ascsim::CurrentBlock().is_aiv)
#define ASCEND_IS_NOT_AIV (!ascsim::CurrentBlock().is_aiv)
#define ASCEND_IS_NOT_AIC (ascsim::CurrentBlock().is_aiv)

// Which core runs, compared with AscendC::AIC and AscendC::AIV.
inline constexpr ascsim_detail::CoreTypeVariable g_coreType{};

// Without a namespace, as kernels call them. Two type parameters: std::min(const T&, const T&) and a kernel's own
// min(T, T) are more specialised, so neither becomes ambiguous under `using namespace`.
template <class T, class U, class R = std::common_type_t<T, U>>
constexpr R min(T a, U b) {
  const R x = static_cast<R>(a), y = static_cast<R>(b);
  return y < x ? y : x;
}
template <class T, class U, class R = std::common_type_t<T, U>>
constexpr R max(T a, U b) {
  const R x = static_cast<R>(a), y = static_cast<R>(b);
  return x < y ? y : x;
}
template <class T>
constexpr bool likely(const T& condition) {
  return static_cast<bool>(condition);
}
template <class T>
constexpr bool unlikely(const T& condition) {
  return static_cast<bool>(condition);
}

namespace AscendC {

constexpr int MIX = 0;
constexpr int AIC = 1;
constexpr int AIV = 2;

inline int64_t GetBlockIdx() { return ascsim::CurrentBlock().block_idx; }
inline int64_t GetBlockNum() { return ascsim::CurrentBlock().block_num; }
inline int64_t GetSubBlockIdx() { return ascsim::CurrentBlock().sub_block_idx; }
inline int64_t GetSubBlockNum() { return ascsim::CurrentBlock().sub_block_num; }
// AIV per AIC on an AIV, 1 on an AIC.
inline int64_t GetTaskRatio() {
  const ascsim::BlockInfo& block = ascsim::CurrentBlock();
  return block.is_aiv ? block.sub_block_num : 1;
}
inline int64_t GetTaskRation() { return GetTaskRatio(); }

// No API that is simulated keeps anything in a system workspace, so the user's part is all of it.
inline GM_ADDR GetUserWorkspace(GM_ADDR workspace) { return workspace; }
inline void SetSysWorkSpace(GM_ADDR) {}
inline GM_ADDR GetSysWorkSpacePtr() { return nullptr; }

constexpr int16_t GetDataBlockSizeInBytes() { return ascsim::kBlockBytes; }
// 220 in hexadecimal, by GetArchVersion.md.
inline void GetArchVersion(uint32_t& coreVersion) { coreVersion = 0x220; }

// Mask and atomic mode as a kernel finds them at its start.
inline void InitSocState() {
  ascsim::VectorMask() = ascsim::Mask{};
  ascsim::CurrentAtomicMode() = ascsim::AtomicMode{};
}

[[noreturn]] inline void Trap(ascsim::Loc loc = ascsim::Loc::Here()) { ascsim::FailKernel(loc, "Trap()"); }

constexpr uint32_t DivCeil(uint32_t a, uint32_t b) { return b == 0 ? 0 : (a + b - 1) / b; }
constexpr uint32_t AlignUp(uint32_t a, uint32_t b) { return DivCeil(a, b) * b; }
constexpr int32_t CeilDivision(int32_t a, int32_t b) { return b == 0 ? 0 : (a + b - 1) / b; }

}  // namespace AscendC
