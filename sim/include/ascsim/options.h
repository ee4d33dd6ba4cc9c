// Meaning of Instruction::option for element-wise instructions, shared by the API headers and what executes them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ascsim {

// option[0] of kSetMask. All but kMask go through queue V.
enum class RegisterMove : uint64_t {
  kMask,      // vector mask register: the scalar unit has set it already
  kSetCmp,    // 16 bytes of src0 to the comparison register
  kGetCmp,    // and from there to dst
  kDeqScale,  // `scalar`, bits of a half, to the register that Cast of s32 to half multiplies with
};
// Beside the bits in that register: it has been set.
constexpr uint64_t kDeqScaleSet = uint64_t{1} << 16;

// option[0] of kCompare, kCompareScalar.
enum class Comparison : uint64_t { kLess, kGreater, kEqual, kLessEqual, kGreaterEqual, kNotEqual };
// option[1] of kCompare: the result goes to the comparison register, not to dst.

// option[0] of kSelect. Selecting bits are those of src2, or of the comparison register when option[1] is not 0.
enum class Selection : uint64_t {
  kSameBits,      // every repeat uses the first bits
  kTensorScalar,  // of consecutive bits; the other source is `scalar`, or the first element of the comparison register
  kTensorTensor,  // of consecutive bits; the comparison register holds their address
};

// option[0] of kCast.
enum class Rounding : uint64_t { kNone, kRint, kFloor, kCeil, kRound, kTrunc, kOdd };

}  // namespace ascsim
