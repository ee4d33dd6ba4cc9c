// Parameter structures of the instructions, with the documented fields, order and defaults.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "ascendc/param_field.h"
#include "ascendc/types.h"

namespace AscendC {

namespace params_detail {
using U8 = ascsim_detail::ParamField<uint8_t>;
using U16 = ascsim_detail::ParamField<uint16_t>;
using U32 = ascsim_detail::ParamField<uint32_t>;
using A8 = ascsim_detail::ParamArg<uint8_t>;
using A16 = ascsim_detail::ParamArg<uint16_t>;
using A32 = ascsim_detail::ParamArg<uint32_t>;
}  // namespace params_detail

// DataCopy (block units of 32 B) and DataCopyPad (lengths in bytes, GM strides in bytes, UB strides in blocks).
struct DataCopyParams {
  constexpr DataCopyParams() {}
  constexpr DataCopyParams(params_detail::A16 count, params_detail::A16 len, params_detail::A16 src_gap,
                           params_detail::A16 dst_gap)
      : blockCount(count), blockLen(len), srcGap(src_gap), dstGap(dst_gap) {}
  params_detail::U16 blockCount{1};
  params_detail::U16 blockLen{0};
  // The documentation calls these gaps for DataCopy and strides for DataCopyPad: tail of a burst to head of the next.
  union {
    params_detail::U16 srcGap{0};
    params_detail::U16 srcStride;
  };
  union {
    params_detail::U16 dstGap{0};
    params_detail::U16 dstStride;
  };
};

struct DataCopyExtParams {
  constexpr DataCopyExtParams() {}
  constexpr DataCopyExtParams(params_detail::A16 count, params_detail::A32 len, params_detail::A32 src_stride,
                              params_detail::A32 dst_stride, params_detail::A32 reserved = 0)
      : blockCount(count), blockLen(len), srcStride(src_stride), dstStride(dst_stride), rsv(reserved) {}
  params_detail::U16 blockCount{1};  // 1 to 4095
  params_detail::U32 blockLen{0};    // bytes, 1 to 2097151
  params_detail::U32 srcStride{0};
  params_detail::U32 dstStride{0};
  params_detail::U32 rsv{0};
};

struct DataCopyPadParams {
  constexpr DataCopyPadParams() {}
  constexpr DataCopyPadParams(bool pad, params_detail::A8 left, params_detail::A8 right, uint64_t value)
      : isPad(pad), leftPadding(left), rightPadding(right), paddingValue(value) {}
  bool isPad = false;
  params_detail::U8 leftPadding{0};   // elements
  params_detail::U8 rightPadding{0};  // elements
  uint64_t paddingValue = 0;
};

template <typename T>
struct DataCopyPadExtParams {
  using TYPE = T;
  constexpr DataCopyPadExtParams() {}
  constexpr DataCopyPadExtParams(bool pad, params_detail::A8 left, params_detail::A8 right, TYPE value)
      : isPad(pad), leftPadding(left), rightPadding(right), paddingValue(value) {}
  bool isPad = false;
  params_detail::U8 leftPadding{0};   // elements
  params_detail::U8 rightPadding{0};  // elements
  TYPE paddingValue = TYPE(0);
};

struct UnaryRepeatParams {
  constexpr UnaryRepeatParams() {}
  constexpr UnaryRepeatParams(params_detail::A16 dst_blk, params_detail::A16 src_blk, params_detail::A8 dst_rep,
                              params_detail::A8 src_rep)
      : dstBlkStride(dst_blk), srcBlkStride(src_blk), dstRepStride(dst_rep), srcRepStride(src_rep) {}
  constexpr UnaryRepeatParams(params_detail::A16 dst_blk, params_detail::A16 src_blk, params_detail::A8 dst_rep,
                              params_detail::A8 src_rep, bool half_block)
      : dstBlkStride(dst_blk),
        srcBlkStride(src_blk),
        dstRepStride(dst_rep),
        srcRepStride(src_rep),
        halfBlock(half_block) {}
  uint32_t blockNumber = DEFAULT_BLK_NUM;
  params_detail::U16 dstBlkStride{DEFAULT_BLK_STRIDE};
  params_detail::U16 srcBlkStride{DEFAULT_BLK_STRIDE};
  params_detail::U8 dstRepStride{DEFAULT_REPEAT_STRIDE};
  params_detail::U8 srcRepStride{DEFAULT_REPEAT_STRIDE};
  bool repeatStrideMode = false;
  bool strideSizeMode = false;
  bool halfBlock = false;
};

struct BinaryRepeatParams {
  constexpr BinaryRepeatParams() {}
  constexpr BinaryRepeatParams(params_detail::A8 dst_blk, params_detail::A8 src0_blk, params_detail::A8 src1_blk,
                               params_detail::A8 dst_rep, params_detail::A8 src0_rep, params_detail::A8 src1_rep)
      : dstBlkStride(dst_blk),
        src0BlkStride(src0_blk),
        src1BlkStride(src1_blk),
        dstRepStride(dst_rep),
        src0RepStride(src0_rep),
        src1RepStride(src1_rep) {}
  uint32_t blockNumber = DEFAULT_BLK_NUM;
  params_detail::U8 dstBlkStride{DEFAULT_BLK_STRIDE};
  params_detail::U8 src0BlkStride{DEFAULT_BLK_STRIDE};
  params_detail::U8 src1BlkStride{DEFAULT_BLK_STRIDE};
  params_detail::U8 dstRepStride{DEFAULT_REPEAT_STRIDE};
  params_detail::U8 src0RepStride{DEFAULT_REPEAT_STRIDE};
  params_detail::U8 src1RepStride{DEFAULT_REPEAT_STRIDE};
  bool repeatStrideMode = false;
  bool strideSizeMode = false;
};

struct CopyRepeatParams {
  constexpr CopyRepeatParams() {}
  constexpr CopyRepeatParams(params_detail::A16 dst_stride, params_detail::A16 src_stride,
                             params_detail::A16 dst_repeat, params_detail::A16 src_repeat)
      : dstStride(dst_stride), srcStride(src_stride), dstRepeatSize(dst_repeat), srcRepeatSize(src_repeat) {}
  params_detail::U16 dstStride{DEFAULT_BLK_STRIDE};
  params_detail::U16 srcStride{DEFAULT_BLK_STRIDE};
  params_detail::U16 dstRepeatSize{DEFAULT_REPEAT_STRIDE};
  params_detail::U16 srcRepeatSize{DEFAULT_REPEAT_STRIDE};
};

struct BrcbRepeatParams {
  constexpr BrcbRepeatParams() {}
  constexpr BrcbRepeatParams(params_detail::A16 dst_blk, params_detail::A16 dst_rep)
      : dstBlkStride(dst_blk), dstRepStride(dst_rep) {}
  params_detail::U16 dstBlkStride{DEFAULT_BLK_STRIDE};
  params_detail::U16 dstRepStride{DEFAULT_REPEAT_STRIDE};
};

struct GatherRepeatParams {
  constexpr GatherRepeatParams() {}
  constexpr GatherRepeatParams(params_detail::A8 dst_blk, params_detail::A8 dst_rep)
      : dstBlkStride(dst_blk), dstRepStride(dst_rep) {}
  uint32_t blockNumber = DEFAULT_BLK_NUM;
  params_detail::U8 dstBlkStride{DEFAULT_BLK_STRIDE};
  params_detail::U8 dstRepStride{DEFAULT_REPEAT_STRIDE};
  bool repeatStrideMode = false;
  bool strideSizeMode = false;
};

struct GatherMaskParams {
  constexpr GatherMaskParams() {}
  constexpr GatherMaskParams(params_detail::A8 src0_block, params_detail::A16 repeat, params_detail::A16 src0_repeat,
                             params_detail::A8 src1_repeat)
      : src0BlockStride(src0_block),
        repeatTimes(repeat),
        src0RepeatStride(src0_repeat),
        src1RepeatStride(src1_repeat) {}
  params_detail::U8 src0BlockStride{DEFAULT_BLK_STRIDE};
  params_detail::U16 repeatTimes{0};
  params_detail::U16 src0RepeatStride{DEFAULT_REPEAT_STRIDE};
  params_detail::U8 src1RepeatStride{DEFAULT_REPEAT_STRIDE};
};

struct SumParams {
  uint32_t outter = 1;  // rows; the documentation's spelling
  uint32_t inner = 0;   // elements a row takes, a multiple of 32 B
  uint32_t n = 0;       // elements of a row that are summed
};

struct TransDataTo5HDParams {
  constexpr TransDataTo5HDParams() {}
  constexpr TransDataTo5HDParams(bool dst_high_half, bool src_high_half, params_detail::A8 repeat,
                                 params_detail::A16 dst_rep, params_detail::A16 src_rep)
      : dstHighHalf(dst_high_half),
        srcHighHalf(src_high_half),
        repeatTimes(repeat),
        dstRepStride(dst_rep),
        srcRepStride(src_rep) {}
  bool dstHighHalf = false;
  bool srcHighHalf = false;
  params_detail::U8 repeatTimes{1};
  params_detail::U16 dstRepStride{0};
  params_detail::U16 srcRepStride{0};
};

}  // namespace AscendC

namespace ascsim_detail {

// A breach for each field that was given more than it holds.
inline void CheckFields(const AscendC::DataCopyParams& p, ascsim::Loc loc) {
  CheckField("blockCount", p.blockCount, loc);
  CheckField("blockLen", p.blockLen, loc);
  CheckField("srcStride", p.srcStride, loc);
  CheckField("dstStride", p.dstStride, loc);
}
inline void CheckFields(const AscendC::DataCopyExtParams& p, ascsim::Loc loc) {
  CheckField("blockCount", p.blockCount, loc);
  CheckField("blockLen", p.blockLen, loc);
  CheckField("srcStride", p.srcStride, loc);
  CheckField("dstStride", p.dstStride, loc);
}
inline void CheckFields(const AscendC::DataCopyPadParams& p, ascsim::Loc loc) {
  CheckField("leftPadding", p.leftPadding, loc);
  CheckField("rightPadding", p.rightPadding, loc);
}
template <typename T>
void CheckFields(const AscendC::DataCopyPadExtParams<T>& p, ascsim::Loc loc) {
  CheckField("leftPadding", p.leftPadding, loc);
  CheckField("rightPadding", p.rightPadding, loc);
}
inline void CheckFields(const AscendC::UnaryRepeatParams& p, ascsim::Loc loc) {
  CheckField("dstBlkStride", p.dstBlkStride, loc);
  CheckField("srcBlkStride", p.srcBlkStride, loc);
  CheckField("dstRepStride", p.dstRepStride, loc);
  CheckField("srcRepStride", p.srcRepStride, loc);
}
inline void CheckFields(const AscendC::BinaryRepeatParams& p, ascsim::Loc loc) {
  CheckField("dstBlkStride", p.dstBlkStride, loc);
  CheckField("src0BlkStride", p.src0BlkStride, loc);
  CheckField("src1BlkStride", p.src1BlkStride, loc);
  CheckField("dstRepStride", p.dstRepStride, loc);
  CheckField("src0RepStride", p.src0RepStride, loc);
  CheckField("src1RepStride", p.src1RepStride, loc);
}
inline void CheckFields(const AscendC::CopyRepeatParams& p, ascsim::Loc loc) {
  CheckField("dstStride", p.dstStride, loc);
  CheckField("srcStride", p.srcStride, loc);
  CheckField("dstRepeatSize", p.dstRepeatSize, loc);
  CheckField("srcRepeatSize", p.srcRepeatSize, loc);
}
inline void CheckFields(const AscendC::BrcbRepeatParams& p, ascsim::Loc loc) {
  CheckField("dstBlkStride", p.dstBlkStride, loc);
  CheckField("dstRepStride", p.dstRepStride, loc);
}
inline void CheckFields(const AscendC::GatherRepeatParams& p, ascsim::Loc loc) {
  CheckField("dstBlkStride", p.dstBlkStride, loc);
  CheckField("dstRepStride", p.dstRepStride, loc);
}
inline void CheckFields(const AscendC::GatherMaskParams& p, ascsim::Loc loc) {
  CheckField("src0BlockStride", p.src0BlockStride, loc);
  CheckField("repeatTimes", p.repeatTimes, loc);
  CheckField("src0RepeatStride", p.src0RepeatStride, loc);
  CheckField("src1RepeatStride", p.src1RepeatStride, loc);
}
inline void CheckFields(const AscendC::TransDataTo5HDParams& p, ascsim::Loc loc) {
  CheckField("repeatTimes", p.repeatTimes, loc);
  CheckField("dstRepStride", p.dstRepStride, loc);
  CheckField("srcRepStride", p.srcRepStride, loc);
}

}  // namespace ascsim_detail
