// DataCopy and DataCopyPad between GM, UB and L1, and Fill. How the arguments become bursts; exec/copy.cc moves them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <type_traits>

#include "ascendc/params.h"
#include "ascendc/pipe.h"
#include "ascendc/sync.h"
#include "ascendc/tensor.h"
#include "ascendc/types.h"
#include "ascsim/instruction.h"
#include "ascsim/runtime.h"

namespace AscendC {

// One dimension of a slice, the first being the innermost: elements startIndex to endIndex (both included), in segments
// with `stride` elements between them. Segments are burstLen blocks of 32 B in the first dimension, one index in the
// others.
struct SliceInfo {
  constexpr SliceInfo() {}
  constexpr SliceInfo(uint32_t start, uint32_t end, uint32_t gap, uint32_t burst, uint32_t shape)
      : startIndex(start), endIndex(end), stride(gap), burstLen(burst), shapeValue(shape) {}
  uint32_t startIndex = 0;
  uint32_t endIndex = 0;
  uint32_t stride = 0;
  uint32_t burstLen = 0;
  uint32_t shapeValue = 0;
};

// Only named by copies that feed the cube unit, which is not simulated.
struct Nd2NzParams {
  constexpr Nd2NzParams() {}
  constexpr Nd2NzParams(uint16_t nd_num, uint16_t n, uint16_t d, uint16_t src_matrix_stride, uint16_t src_d,
                        uint16_t dst_c0_stride, uint16_t dst_n_stride, uint16_t dst_matrix_stride)
      : ndNum(nd_num),
        nValue(n),
        dValue(d),
        srcNdMatrixStride(src_matrix_stride),
        srcDValue(src_d),
        dstNzC0Stride(dst_c0_stride),
        dstNzNStride(dst_n_stride),
        dstNzMatrixStride(dst_matrix_stride) {}
  uint16_t ndNum = 0;
  uint16_t nValue = 0;
  uint16_t dValue = 0;
  uint16_t srcNdMatrixStride = 0;
  uint16_t srcDValue = 0;
  uint16_t dstNzC0Stride = 0;
  uint16_t dstNzNStride = 0;
  uint16_t dstNzMatrixStride = 0;
};

}  // namespace AscendC

namespace ascsim_detail {

constexpr uint32_t kMaxPadBurstBytes = 2097151;  // 21 bits
constexpr uint32_t kMaxPadBytes = 32;
constexpr uint32_t kMaxBurstBlocks = 65535;
constexpr uint32_t kMaxSliceDims = 8;

// What fills the part of a UB block that a DataCopyPad burst leaves: option[0] of the instruction.
enum class PadFill : uint64_t { kFirstElement = 0, kValue = 1, kUndefined = 2 };

template <typename T>
inline constexpr bool kIsInteger32OrLess = std::is_integral_v<T> && !std::is_same_v<T, bool> && sizeof(T) <= 4;
template <typename T>
inline constexpr bool kIsSliceType =
    kIsInteger32OrLess<T> || std::is_same_v<T, float> || std::is_same_v<T, half> || std::is_same_v<T, bfloat16_t>;
template <typename T>
inline constexpr bool kIsCopyType = kIsSliceType<T> ||
                                    (std::is_integral_v<T> && sizeof(T) == 8) || std::is_same_v<T, double>;

inline void ReportRange(const char* api, const char* field, const char* expected, uint64_t got, ascsim::Loc loc) {
  char text[160];
  std::snprintf(text, sizeof(text), "%s: %s: expected %s, got %llu", api, field, expected,
                static_cast<unsigned long long>(got));
  ascsim::ReportBreach("parameter-range", loc, text);
}

inline void ReportUnaligned(const char* api, const char* field, const char* unit, uint64_t got, ascsim::Loc loc) {
  char text[160];
  std::snprintf(text, sizeof(text), "%s: %s: expected a multiple of %s, got %llu", api, field, unit,
                static_cast<unsigned long long>(got));
  ascsim::ReportBreach("misaligned", loc, text);
}

// double has no operand type of its own: copies do not look at values.
template <typename T>
ascsim::Operand CopyOperand(const AscendC::GlobalTensor<T>& tensor, ascsim::Loc) {
  ascsim::Operand operand;
  operand.address = tensor.Address();
  operand.begin = tensor.Begin();
  operand.end = tensor.End();
  operand.space = ascsim::Space::kGM;
  operand.type = ScalarTypeOf<T>();
  operand.used = true;
  return operand;
}

template <typename T>
ascsim::Operand CopyOperand(const AscendC::LocalTensor<T>& tensor, ascsim::Loc loc) {
  const auto position = static_cast<AscendC::TPosition>(tensor.GetPosition());
  if (!IsUbPosition(position) && !IsL1Position(position)) {
    ascsim::FailKernel(loc, "copy: only tensors in UB (VECIN, VECOUT, VECCALC) and L1 (A1, B1, C1) are simulated");
  }
  ascsim::Operand operand;
  operand.address = tensor.Address();
  operand.end = tensor.End();
  operand.space = tensor.Space();
  operand.type = ScalarTypeOf<T>();
  operand.used = true;
  return operand;
}

// GM addresses of DataCopy are aligned to the element; DataCopyPad takes any.
inline void CheckElementAligned(const ascsim::Operand& gm, ascsim::Loc loc) {
  if ((gm.address & (ascsim::SizeOf(gm.type) - 1)) != 0) {
    ReportUnaligned("DataCopy", "address in GM", "the element size", gm.address & (ascsim::SizeOf(gm.type) - 1), loc);
  }
}

inline ascsim::Op CopyOp(ascsim::Space to, ascsim::Space from, ascsim::Loc loc) {
  using ascsim::Op;
  using ascsim::Space;
  if (from == Space::kGM) return to == Space::kUB ? Op::kCopyGmToUb : Op::kCopyGmToL1;
  if (to == Space::kGM) return from == Space::kUB ? Op::kCopyUbToGm : Op::kCopyL1ToGm;
  if (to == Space::kUB && from == Space::kUB) return Op::kCopyUbToUb;
  // UB of an AIV to L1 of its AIC takes a message between the two; L1 to UB and L1 to L1 do not exist on A2.
  ascsim::FailKernel(loc, from == Space::kUB ? "DataCopy from UB to L1 (TSCM) is not simulated"
                                             : "DataCopy from L1: expected GM as the target on Atlas A2");
}

inline ascsim::Pipe CopyPipe(ascsim::Op op) {
  using ascsim::Op;
  if (op == Op::kCopyGmToUb || op == Op::kCopyGmToL1) return ascsim::Pipe::kMTE2;
  return op == Op::kCopyUbToUb ? ascsim::Pipe::kV : ascsim::Pipe::kMTE3;
}

inline void IssueCopy(const ascsim::Operand& to, const ascsim::Operand& from, const ascsim::Bursts& bursts,
                      ascsim::Loc loc, PadFill fill = PadFill::kFirstElement) {
  if (bursts.count == 0 || bursts.bytes == 0) return;
  ascsim::Instruction i;
  i.op = CopyOp(to.space, from.space, loc);
  i.pipe = CopyPipe(i.op);
  i.loc = loc;
  i.dst = to;
  i.src0 = from;
  i.bursts = bursts;
  i.option[0] = static_cast<uint64_t>(fill);
  if (to.space == ascsim::Space::kGM) {
    const ascsim::AtomicMode mode = ascsim::CurrentAtomicMode();
    i.atomic = mode.kind;
    i.atomic_type = mode.type;
  }
  ascsim::Issue(i);
}

template <typename Dst, typename Src>
void CopyCount(const Dst& dst, const Src& src, uint32_t count, uint32_t size, ascsim::Loc loc) {
  const ascsim::Operand to = CopyOperand(dst, loc), from = CopyOperand(src, loc);
  if (to.space == ascsim::Space::kGM) CheckElementAligned(to, loc);
  if (from.space == ascsim::Space::kGM) CheckElementAligned(from, loc);
  const uint64_t bytes = uint64_t{count} * size;
  // The documentation demands whole blocks and says that the rest is cut off.
  if (bytes % ascsim::kBlockBytes != 0) ReportUnaligned("DataCopy", "count * sizeof(T)", "32 bytes", bytes, loc);
  const uint64_t whole = bytes / ascsim::kBlockBytes * ascsim::kBlockBytes;
  // No memory of a core is larger; the access is out of bounds either way.
  constexpr uint64_t kMost = uint64_t{1} << 31;
  ascsim::Bursts bursts;
  bursts.count = 1;
  bursts.bytes = static_cast<uint32_t>(whole < kMost ? whole : kMost);
  IssueCopy(to, from, bursts, loc);
}

template <typename Dst, typename Src>
void CopyBlocks(const Dst& dst, const Src& src, const AscendC::DataCopyParams& params, ascsim::Loc loc) {
  const ascsim::Operand to = CopyOperand(dst, loc), from = CopyOperand(src, loc);
  if (to.space == ascsim::Space::kGM) CheckElementAligned(to, loc);
  if (from.space == ascsim::Space::kGM) CheckElementAligned(from, loc);
  CheckFields(params, loc);
  if (params.blockCount == 0) ReportRange("DataCopy", "blockCount", "1 to 4095", 0, loc);
  if (params.blockLen == 0) ReportRange("DataCopy", "blockLen", "1 to 65535 blocks of 32 bytes", 0, loc);
  ascsim::Bursts bursts;
  bursts.count = params.blockCount;
  bursts.bytes = uint32_t{params.blockLen} * ascsim::kBlockBytes;
  bursts.source_gap = int64_t{params.srcGap} * ascsim::kBlockBytes;
  bursts.target_gap = int64_t{params.dstGap} * ascsim::kBlockBytes;
  IssueCopy(to, from, bursts, loc);
}

struct PadCopy {
  uint32_t count, bytes, source_stride, target_stride;
};

inline ascsim::Bursts PadBursts(const PadCopy& copy, ascsim::Space to, ascsim::Space from, ascsim::Loc loc) {
  if ((to == ascsim::Space::kGM ? from : to) != ascsim::Space::kUB) {
    ascsim::FailKernel(loc, "DataCopyPad: expected GM on one side and UB on the other, got L1");
  }
  if (copy.count == 0) ReportRange("DataCopyPad", "blockCount", "1 to 4095", 0, loc);
  if (copy.bytes == 0 || copy.bytes > kMaxPadBurstBytes) {
    ReportRange("DataCopyPad", "blockLen", "1 to 2097151 bytes", copy.bytes, loc);
  }
  ascsim::Bursts bursts;
  bursts.count = copy.count;
  bursts.bytes = copy.bytes;
  // Gaps count bytes in GM and blocks in UB.
  bursts.source_gap = int64_t{copy.source_stride} * (from == ascsim::Space::kGM ? 1 : ascsim::kBlockBytes);
  bursts.target_gap = int64_t{copy.target_stride} * (to == ascsim::Space::kGM ? 1 : ascsim::kBlockBytes);
  bursts.padded = true;
  return bursts;
}

template <typename T>
void CopyPadIn(const AscendC::LocalTensor<T>& dst, const AscendC::GlobalTensor<T>& src, const PadCopy& copy,
               bool is_pad, uint32_t left, uint32_t right, uint64_t value, ascsim::Loc loc) {
  const ascsim::Operand to = CopyOperand(dst, loc), from = CopyOperand(src, loc);
  ascsim::Bursts bursts = PadBursts(copy, to.space, from.space, loc);
  constexpr uint32_t kSize = sizeof(T);
  if (left * kSize > kMaxPadBytes) ReportRange("DataCopyPad", "bytes of leftPadding", "at most 32", left * kSize, loc);
  if (right * kSize > kMaxPadBytes) {
    ReportRange("DataCopyPad", "bytes of rightPadding", "at most 32", right * kSize, loc);
  }
  bursts.left_padding = left * kSize;
  bursts.right_padding = right * kSize;
  PadFill fill = PadFill::kFirstElement;
  if (left + right > 0) fill = is_pad ? PadFill::kValue : PadFill::kUndefined;
  if (is_pad) {
    if (kSize == 8 && value != 0) ReportRange("DataCopyPad", "paddingValue of 64-bit elements", "0", value, loc);
    // A negative value may come sign-extended.
    const uint64_t beyond = kSize < 8 ? value >> (8 * kSize % 64) : 0;
    if (beyond != 0 && beyond != ~uint64_t{0} >> (8 * kSize % 64)) {
      ReportRange("DataCopyPad", "paddingValue", "a value of the element's size", value, loc);
    }
    bursts.padding_value = value;
  }
  IssueCopy(to, from, bursts, loc, fill);
}

template <typename T>
void CopyPadOut(const AscendC::GlobalTensor<T>& dst, const AscendC::LocalTensor<T>& src, const PadCopy& copy,
                ascsim::Loc loc) {
  const ascsim::Operand to = CopyOperand(dst, loc), from = CopyOperand(src, loc);
  IssueCopy(to, from, PadBursts(copy, to.space, from.space, loc), loc);
}

// Segments of a dimension; 0 when its parameters make no sense.
inline uint32_t SliceSegments(const AscendC::SliceInfo& info, uint32_t segment, ascsim::Loc loc) {
  if (info.endIndex < info.startIndex || info.endIndex >= info.shapeValue || segment == 0) {
    ReportRange("DataCopy of slices", "endIndex", "startIndex to shapeValue - 1, and burstLen at least 1",
                info.endIndex, loc);
    return 0;
  }
  const uint64_t covered = uint64_t{info.endIndex} - info.startIndex + 1 + info.stride;
  const uint64_t pitch = uint64_t{segment} + info.stride;
  if (covered % pitch != 0) {
    ReportRange("DataCopy of slices", "elements from startIndex to endIndex", "whole segments and gaps",
                covered - info.stride, loc);
  }
  return static_cast<uint32_t>(covered / pitch);
}

// Elements from the start of a tensor to the row of the slice that `index` names; index[0] is not used.
struct SliceWalk {
  const AscendC::SliceInfo* info;
  uint32_t dims;
  uint64_t Offset(const uint32_t* index) const {
    uint64_t offset = info[0].startIndex;
    uint64_t pitch = info[0].shapeValue;
    for (uint32_t d = 1; d < dims; ++d) {
      offset += (info[d].startIndex + uint64_t{index[d]} * (1 + uint64_t{info[d].stride})) * pitch;
      pitch *= info[d].shapeValue;
    }
    return offset;
  }
};

// One instruction a row: the segments of the first dimension are its bursts.
inline void CopySlices(const ascsim::Operand& to, const ascsim::Operand& from, const AscendC::SliceInfo* dst,
                       const AscendC::SliceInfo* src, uint32_t dims, ascsim::Loc loc) {
  if (dims == 0 || dims > kMaxSliceDims) {
    ReportRange("DataCopy of slices", "dimValue", "1 to 8", dims, loc);
    return;
  }
  const uint32_t size = ascsim::SizeOf(to.type);
  uint32_t segments[kMaxSliceDims] = {};
  for (uint32_t d = 0; d < dims; ++d) {
    const uint32_t elements = d == 0 ? src[0].burstLen * ascsim::kBlockBytes / size : 1;
    if (src[d].burstLen != dst[d].burstLen || (d > 0 && src[d].burstLen != 1)) {
      ReportRange("DataCopy of slices", "burstLen", "the same in both, and 1 beyond the first dimension",
                  dst[d].burstLen, loc);
      return;
    }
    if (src[d].burstLen > kMaxBurstBlocks) {
      ReportRange("DataCopy of slices", "burstLen", "1 to 65535 blocks of 32 bytes", src[d].burstLen, loc);
      return;
    }
    segments[d] = SliceSegments(src[d], elements, loc);
    if (segments[d] == 0 || SliceSegments(dst[d], elements, loc) != segments[d]) {
      ReportRange("DataCopy of slices", "segments of the source", "as many as of the target, at least 1", segments[d],
                  loc);
      return;
    }
  }
  ascsim::Bursts bursts;
  bursts.count = segments[0];
  bursts.bytes = src[0].burstLen * ascsim::kBlockBytes;
  bursts.source_gap = int64_t{src[0].stride} * size;
  bursts.target_gap = int64_t{dst[0].stride} * size;
  const bool to_gm = to.space == ascsim::Space::kGM;
  if ((to_gm ? bursts.source_gap : bursts.target_gap) % ascsim::kBlockBytes != 0) {
    ReportUnaligned("DataCopy of slices", "stride in UB", "32 bytes",
                    to_gm ? src[0].stride * size : dst[0].stride * size, loc);
  }
  uint64_t rows = 1;
  for (uint32_t d = 1; d < dims; ++d) rows *= segments[d];
  const SliceWalk to_walk{dst, dims}, from_walk{src, dims};
  uint32_t index[kMaxSliceDims] = {};
  for (uint64_t row = 0; row < rows; ++row) {
    ascsim::Operand row_to = to, row_from = from;
    row_to.address += to_walk.Offset(index) * size;
    row_from.address += from_walk.Offset(index) * size;
    IssueCopy(row_to, row_from, bursts, loc);
    for (uint32_t d = 1; d < dims && ++index[d] == segments[d]; ++d) index[d] = 0;
  }
}

constexpr uint64_t kFillChunkBytes = 32768;  // full bandwidth starts at 16 KB a copy

template <typename T>
inline constexpr bool kIsFillType =
    std::is_same_v<T, uint16_t> || std::is_same_v<T, int16_t> || std::is_same_v<T, half> ||
    std::is_same_v<T, uint32_t> || std::is_same_v<T, int32_t> || std::is_same_v<T, float>;

// What Fill may use: UB behind what InitBuffer gave out, and flags that nobody has taken.
struct FillResources {
  uint64_t ub_begin = 0;
  int32_t v_mte3 = EVENT_ID7, mte3_v = EVENT_ID7;
};

inline FillResources FindFillResources(ascsim::Loc loc) {
  FillResources found;
  if (ascsim::CurrentPipe() == nullptr) return found;
  AscendC::TPipe* pipe = AscendC::GetTPipePtr(loc);
  // A buffer of no bytes starts where the free part of UB does.
  AscendC::TBuf<AscendC::TPosition::VECCALC> nothing;
  pipe->InitBuffer(nothing, 0, loc);
  found.ub_begin = nothing.GetWithOffset<uint8_t>(0, 0, loc).Address();
  found.v_mte3 = pipe->FetchEventID(AscendC::HardEvent::V_MTE3, loc);
  found.mte3_v = pipe->FetchEventID(AscendC::HardEvent::MTE3_V, loc);
  if (found.ub_begin != 0) {
    ascsim::ReportBreach("queue-protocol", loc,
                         "Fill uses UB itself and is documented for use before InitBuffer alone; move it up");
  }
  return found;
}

// Through UB, as the documentation says: V fills a piece of it, MTE3 stores that as often as needed. V waits for the
// stores; MTE2 does not, so that the caller owes the documented MTE3_MTE2 flag before UB is loaded.
template <typename T>
void FillGlobal(const AscendC::GlobalTensor<T>& gm, uint64_t size, T value, ascsim::Loc loc) {
  if (size == 0) return;
  const FillResources resources = FindFillResources(loc);
  uint64_t chunk = (ascsim::UbBytes() - resources.ub_begin) / ascsim::kRepeatBytes * ascsim::kRepeatBytes;
  if (chunk == 0) ascsim::FailKernel(loc, "Fill: no 256 bytes of UB are left for it");
  uint64_t bytes = size * sizeof(T);
  const uint64_t needed = (bytes + ascsim::kRepeatBytes - 1) / ascsim::kRepeatBytes * ascsim::kRepeatBytes;
  if (chunk > needed) chunk = needed;
  if (chunk > kFillChunkBytes) chunk = kFillChunkBytes;

  ascsim::MarkFreed(ascsim::Space::kUB, resources.ub_begin, chunk, /*freed=*/false, loc);
  ascsim::Instruction duplicate;
  duplicate.op = ascsim::Op::kDuplicate;
  duplicate.pipe = ascsim::Pipe::kV;
  duplicate.loc = loc;
  duplicate.dst.address = resources.ub_begin;
  duplicate.dst.type = DTypeOf<T>;
  duplicate.dst.used = true;
  duplicate.src0.type = DTypeOf<T>;
  duplicate.repeats = static_cast<uint32_t>(chunk / ascsim::kRepeatBytes);
  duplicate.scalar = BitsOf(value);
  ascsim::Issue(duplicate);
  IssueSetFlag(ascsim::Pipe::kV, ascsim::Pipe::kMTE3, resources.v_mte3, loc);
  IssueWaitFlag(ascsim::Pipe::kV, ascsim::Pipe::kMTE3, resources.v_mte3, loc);

  ascsim::Operand from = duplicate.dst, to = CopyOperand(gm, loc);
  CheckElementAligned(to, loc);
  ascsim::Bursts bursts;
  bursts.count = 1;
  for (; bytes > 0; bytes -= bursts.bytes, to.address += bursts.bytes) {
    bursts.bytes = static_cast<uint32_t>(bytes < chunk ? bytes : chunk);
    bursts.padded = bursts.bytes % ascsim::kBlockBytes != 0;
    IssueCopy(to, from, bursts, loc);
  }
  IssueSetFlag(ascsim::Pipe::kMTE3, ascsim::Pipe::kV, resources.mte3_v, loc);
  IssueWaitFlag(ascsim::Pipe::kMTE3, ascsim::Pipe::kV, resources.mte3_v, loc);
}

}  // namespace ascsim_detail

namespace AscendC {

// `count` elements in one burst; a part of a block at the end is not copied.
template <typename T>
inline void DataCopy(const LocalTensor<T>& dst, const GlobalTensor<T>& src, const uint32_t count,
                     ascsim::Loc loc = ascsim::Loc::Of("DataCopy")) {
  static_assert(ascsim_detail::kIsCopyType<T>, "ascsim: DataCopy: element type is not supported on Atlas A2");
  ascsim_detail::CopyCount(dst, src, count, sizeof(T), loc);
}
template <typename T>
inline void DataCopy(const LocalTensor<T>& dst, const LocalTensor<T>& src, const uint32_t count,
                     ascsim::Loc loc = ascsim::Loc::Of("DataCopy")) {
  static_assert(ascsim_detail::kIsCopyType<T>, "ascsim: DataCopy: element type is not supported on Atlas A2");
  ascsim_detail::CopyCount(dst, src, count, sizeof(T), loc);
}
template <typename T>
inline void DataCopy(const GlobalTensor<T>& dst, const LocalTensor<T>& src, const uint32_t count,
                     ascsim::Loc loc = ascsim::Loc::Of("DataCopy")) {
  static_assert(ascsim_detail::kIsCopyType<T>, "ascsim: DataCopy: element type is not supported on Atlas A2");
  ascsim_detail::CopyCount(dst, src, count, sizeof(T), loc);
}

// blockCount bursts of blockLen blocks of 32 B, with srcGap and dstGap blocks between them, in GM too.
template <typename T>
inline void DataCopy(const LocalTensor<T>& dst, const GlobalTensor<T>& src, const DataCopyParams& repeatParams,
                     ascsim::Loc loc = ascsim::Loc::Of("DataCopy")) {
  static_assert(ascsim_detail::kIsCopyType<T>, "ascsim: DataCopy: element type is not supported on Atlas A2");
  ascsim_detail::CopyBlocks(dst, src, repeatParams, loc);
}
template <typename T>
inline void DataCopy(const LocalTensor<T>& dst, const LocalTensor<T>& src, const DataCopyParams& repeatParams,
                     ascsim::Loc loc = ascsim::Loc::Of("DataCopy")) {
  static_assert(ascsim_detail::kIsCopyType<T>, "ascsim: DataCopy: element type is not supported on Atlas A2");
  ascsim_detail::CopyBlocks(dst, src, repeatParams, loc);
}
template <typename T>
inline void DataCopy(const GlobalTensor<T>& dst, const LocalTensor<T>& src, const DataCopyParams& repeatParams,
                     ascsim::Loc loc = ascsim::Loc::Of("DataCopy")) {
  static_assert(ascsim_detail::kIsCopyType<T>, "ascsim: DataCopy: element type is not supported on Atlas A2");
  ascsim_detail::CopyBlocks(dst, src, repeatParams, loc);
}

// Slices of tensors of up to 8 dimensions.
template <typename T>
inline void DataCopy(const LocalTensor<T>& dst, const GlobalTensor<T>& src, const SliceInfo dstSliceInfo[],
                     const SliceInfo srcSliceInfo[], const uint32_t dimValue = 1,
                     ascsim::Loc loc = ascsim::Loc::Of("DataCopy")) {
  static_assert(ascsim_detail::kIsSliceType<T>, "ascsim: DataCopy of slices: element type is not supported");
  ascsim_detail::CopySlices(ascsim_detail::CopyOperand(dst, loc), ascsim_detail::CopyOperand(src, loc), dstSliceInfo,
                            srcSliceInfo, dimValue, loc);
}
template <typename T>
inline void DataCopy(const GlobalTensor<T>& dst, const LocalTensor<T>& src, const SliceInfo dstSliceInfo[],
                     const SliceInfo srcSliceInfo[], const uint32_t dimValue = 1,
                     ascsim::Loc loc = ascsim::Loc::Of("DataCopy")) {
  static_assert(ascsim_detail::kIsSliceType<T>, "ascsim: DataCopy of slices: element type is not supported");
  ascsim_detail::CopySlices(ascsim_detail::CopyOperand(dst, loc), ascsim_detail::CopyOperand(src, loc), dstSliceInfo,
                            srcSliceInfo, dimValue, loc);
}

// Bursts of blockLen bytes at any address of GM; in UB each starts at a block. The rest of a burst's last block gets
// the burst's first element when there is no padding, else the padding's value.
template <typename T>
inline void DataCopyPad(const LocalTensor<T>& dst, const GlobalTensor<T>& src, const DataCopyExtParams& dataCopyParams,
                        const DataCopyPadExtParams<T>& padParams, ascsim::Loc loc = ascsim::Loc::Of("DataCopyPad")) {
  static_assert(ascsim_detail::kIsCopyType<T>, "ascsim: DataCopyPad: element type is not supported on Atlas A2");
  const DataCopyExtParams& p = dataCopyParams;
  ascsim_detail::CheckFields(p, loc);
  ascsim_detail::CheckFields(padParams, loc);
  ascsim_detail::CopyPadIn(dst, src, {p.blockCount, p.blockLen, p.srcStride, p.dstStride}, padParams.isPad,
                           padParams.leftPadding, padParams.rightPadding, ascsim_detail::BitsOf(padParams.paddingValue),
                           loc);
}
template <typename T>
inline void DataCopyPad(const LocalTensor<T>& dst, const GlobalTensor<T>& src, const DataCopyParams& dataCopyParams,
                        const DataCopyPadParams& padParams, ascsim::Loc loc = ascsim::Loc::Of("DataCopyPad")) {
  static_assert(ascsim_detail::kIsCopyType<T>, "ascsim: DataCopyPad: element type is not supported on Atlas A2");
  const DataCopyParams& p = dataCopyParams;
  ascsim_detail::CheckFields(p, loc);
  ascsim_detail::CheckFields(padParams, loc);
  ascsim_detail::CopyPadIn(dst, src, {p.blockCount, p.blockLen, p.srcStride, p.dstStride}, padParams.isPad,
                           padParams.leftPadding, padParams.rightPadding, padParams.paddingValue, loc);
}
template <typename T>
inline void DataCopyPad(const GlobalTensor<T>& dst, const LocalTensor<T>& src, const DataCopyExtParams& dataCopyParams,
                        ascsim::Loc loc = ascsim::Loc::Of("DataCopyPad")) {
  static_assert(ascsim_detail::kIsCopyType<T>, "ascsim: DataCopyPad: element type is not supported on Atlas A2");
  const DataCopyExtParams& p = dataCopyParams;
  ascsim_detail::CheckFields(p, loc);
  ascsim_detail::CopyPadOut(dst, src, {p.blockCount, p.blockLen, p.srcStride, p.dstStride}, loc);
}
template <typename T>
inline void DataCopyPad(const GlobalTensor<T>& dst, const LocalTensor<T>& src, const DataCopyParams& dataCopyParams,
                        ascsim::Loc loc = ascsim::Loc::Of("DataCopyPad")) {
  static_assert(ascsim_detail::kIsCopyType<T>, "ascsim: DataCopyPad: element type is not supported on Atlas A2");
  const DataCopyParams& p = dataCopyParams;
  ascsim_detail::CheckFields(p, loc);
  ascsim_detail::CopyPadOut(dst, src, {p.blockCount, p.blockLen, p.srcStride, p.dstStride}, loc);
}

// `size` elements of GM become `value`; InitGlobalMemory and InitOutput are its older names. Copies of the current
// atomic mode do the work: reset it before.
template <typename T>
inline void Fill(GlobalTensor<T>& gmWorkspaceAddr, const uint64_t size, const T value,
                 ascsim::Loc loc = ascsim::Loc::Of("Fill")) {
  static_assert(ascsim_detail::kIsFillType<T>,
                "ascsim: Fill: uint16_t, int16_t, half, uint32_t, int32_t or float on Atlas A2");
  ascsim_detail::FillGlobal(gmWorkspaceAddr, size, value, loc);
}
template <typename T>
inline void InitGlobalMemory(GlobalTensor<T>& gmWorkspaceAddr, const uint64_t size, const T value,
                             ascsim::Loc loc = ascsim::Loc::Of("InitGlobalMemory")) {
  Fill(gmWorkspaceAddr, size, value, loc);
}
template <typename T>
inline void InitOutput(GlobalTensor<T> gmWorkspaceAddr, uint32_t size, T value = 0,
                       ascsim::Loc loc = ascsim::Loc::Of("InitOutput")) {
  Fill(gmWorkspaceAddr, uint64_t{size}, value, loc);
}

// Paths to the cube unit.
template <typename T>
inline void DataCopy(const LocalTensor<T>&, const GlobalTensor<T>&, const Nd2NzParams&) {
  static_assert(ascsim_detail::AlwaysFalse<T>::value, "ascsim: DataCopy with Nd2NzParams is not simulated");
}
template <typename T>
inline void DataCopy(const LocalTensor<T>&, const LocalTensor<T>&, const Nd2NzParams&) {
  static_assert(ascsim_detail::AlwaysFalse<T>::value, "ascsim: DataCopy with Nd2NzParams is not simulated");
}
template <typename T, typename U, std::enable_if_t<!std::is_same_v<T, U>, int> = 0>
inline void DataCopy(const LocalTensor<T>&, const LocalTensor<U>&, const DataCopyParams&) {
  static_assert(ascsim_detail::AlwaysFalse<T>::value,
                "ascsim: DataCopy between different element types (L1 to the bias table) is not simulated");
}
template <typename T, typename... Params>
inline void DataCopyPad(const LocalTensor<T>&, const LocalTensor<T>&, const Params&...) {
  static_assert(ascsim_detail::AlwaysFalse<T>::value,
                "ascsim: DataCopyPad between local memories is not simulated (on Atlas A2 it leads from UB to TSCM)");
}

}  // namespace AscendC
