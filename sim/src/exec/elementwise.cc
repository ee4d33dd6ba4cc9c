// Element-wise arithmetic of one, two and three operands.
// SPDX-License-Identifier: Apache-2.0
//
// What the documentation's pages leave open, and what is done here:
//  - Sums, differences, products and quotients are rounded to nearest even once; subnormals are kept; overflow gives
//    infinity (Add.md, Mul.md and the like do not mention saturation).
//  - Integers wrap.
//  - MulAddDst, FusedMulAdd, FusedMulAddRelu and Axpy round the product and then the sum: the example of FusedMulAdd.md
//    has 4.74 * 14.92 - 70.6 = 0.0625 in half, where a single rounding gives 0.079.
//  - Exp, Ln and Rsqrt are computed in double and rounded once. Reciprocal and Rsqrt of the chip are worse: their pages
//    say beyond 1e-3 for half and 1e-4 for float.
//  - Max and Min: a NaN wins, and +0 is greater than -0. Relu is Max with +0.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "exec/elements.h"
#include "exec/tables.h"
#include "exec/walk.h"

namespace ascsim {
namespace {

template <class T>
T FromBits(uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

// Unsigned arithmetic wraps. 16-bit operands would be promoted to int, whose product may overflow.
template <class T, class F>
T Wrapping(T a, T b, F f) {
  using U = std::make_unsigned_t<T>;
  return static_cast<T>(
      static_cast<U>(f(static_cast<uint32_t>(static_cast<U>(a)), static_cast<uint32_t>(static_cast<U>(b)))));
}

struct AddOp {
  template <class T>
  static T Do(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      return Wrapping(a, b, [](uint32_t x, uint32_t y) { return x + y; });
    } else {
      return a + b;
    }
  }
};

struct SubOp {
  template <class T>
  static T Do(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      return Wrapping(a, b, [](uint32_t x, uint32_t y) { return x - y; });
    } else {
      return a - b;
    }
  }
};

struct MulOp {
  template <class T>
  static T Do(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      return Wrapping(a, b, [](uint32_t x, uint32_t y) { return x * y; });
    } else {
      return a * b;
    }
  }
};

struct DivOp {
  template <class T>
  static T Do(T a, T b) {
    return a / b;
  }
};

// The greater one as bits: no branches, see Choose. Of equal numbers, `equal`: they differ in the sign of a zero only.
inline float Pick(bool first, float a, float b, uint32_t equal) {
  const uint32_t x = std::bit_cast<uint32_t>(a), y = std::bit_cast<uint32_t>(b);
  const uint32_t number = Choose(first, x, Choose(a == b, equal, y));
  return std::bit_cast<float>(Choose(a != a, x, Choose(b != b, y, number)));
}

struct MaxOp {
  template <class T>
  static T Do(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      return a > b ? a : b;
    } else {
      return Pick(a > b, a, b, std::bit_cast<uint32_t>(a) & std::bit_cast<uint32_t>(b));
    }
  }
};

struct MinOp {
  template <class T>
  static T Do(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      return a < b ? a : b;
    } else {
      return Pick(a < b, a, b, std::bit_cast<uint32_t>(a) | std::bit_cast<uint32_t>(b));
    }
  }
};

struct AndOp {
  template <class T>
  static T Do(T a, T b) {
    return static_cast<T>(a & b);
  }
};

struct OrOp {
  template <class T>
  static T Do(T a, T b) {
    return static_cast<T>(a | b);
  }
};

// x >= 0 ? x : x * slope; a NaN stays one.
struct LeakyReluOp {
  template <class T>
  static T Do(T a, T slope) {
    return a >= 0 ? a : a * slope;
  }
};

// Left shifts of signed numbers keep the sign bit and drop the bits below it (ShiftLeft.md).
struct ShiftLeftOp {
  template <class T>
  static T Do(T a, T by) {
    using U = std::make_unsigned_t<T>;
    constexpr uint32_t kBits = 8 * sizeof(T);
    const auto distance = static_cast<uint32_t>(static_cast<U>(by));
    const auto shifted = static_cast<U>(distance >= kBits ? 0 : static_cast<uint64_t>(static_cast<U>(a)) << distance);
    if constexpr (std::is_signed_v<T>) {
      constexpr U kSign = static_cast<U>(U{1} << (kBits - 1));
      return static_cast<T>(static_cast<U>((static_cast<U>(a) & kSign) | (shifted & static_cast<U>(~kSign))));
    } else {
      return shifted;
    }
  }
};

// Right shifts of signed numbers copy the sign bit. With rounding (ShiftRight.md, roundEn) the last bit that is shifted
// out is added.
template <bool kRound>
struct ShiftRightOp {
  template <class T>
  static T Do(T a, T by) {
    using U = std::make_unsigned_t<T>;
    constexpr uint32_t kBits = 8 * sizeof(T);
    const uint32_t distance = std::min(static_cast<uint32_t>(static_cast<U>(by)), kBits);
    const auto wide = static_cast<int64_t>(a);
    int64_t result = wide >> distance;
    if (kRound && std::is_signed_v<T> && distance > 0) result += (wide >> (distance - 1)) & 1;
    return static_cast<T>(result);
  }
};

template <class E, class OpT>
void Binary(Execution& e) {
  using S = typename E::Storage;
  const Instruction& i = e.instruction();
  MapRepeats<S>(
      e,
      [](S* out, uint32_t n, const S* a, const S* b) {
        for (uint32_t k = 0; k < n; ++k) out[k] = E::Store(OpT::Do(E::Load(a[k]), E::Load(b[k])));
      },
      Source<S>{i.src0}, Source<S>{i.src1});
}

template <class E, class OpT>
void WithScalar(Execution& e) {
  using S = typename E::Storage;
  const Instruction& i = e.instruction();
  const typename E::Work scalar = E::Load(FromBits<S>(i.scalar));
  MapRepeats<S>(
      e,
      [scalar](S* out, uint32_t n, const S* a) {
        for (uint32_t k = 0; k < n; ++k) out[k] = E::Store(OpT::Do(E::Load(a[k]), scalar));
      },
      Source<S>{i.src0});
}

template <class E>
void ShiftRight(Execution& e) {
  if (e.instruction().option[0] != 0) {
    WithScalar<E, ShiftRightOp<true>>(e);
  } else {
    WithScalar<E, ShiftRightOp<false>>(e);
  }
}

// f maps Storage to Storage.
template <class S, class F>
void Unary(Execution& e, F f) {
  MapRepeats<S>(
      e,
      [f](S* out, uint32_t n, const S* a) {
        for (uint32_t k = 0; k < n; ++k) out[k] = f(a[k]);
      },
      Source<S>{e.instruction().src0});
}

template <class E>
void Abs(Execution& e) {
  using S = typename E::Storage;
  Unary<S>(e, [](S a) { return E::Store(std::fabs(E::Load(a))); });
}

template <class E>
void Relu(Execution& e) {
  using S = typename E::Storage;
  Unary<S>(e, [](S a) { return E::Store(MaxOp::Do(E::Load(a), typename E::Work{0})); });
}

template <class E>
void Exp(Execution& e) {
  using S = typename E::Storage;
  Unary<S>(e, [](S a) { return E::Narrow(std::exp(static_cast<double>(E::Load(a)))); });
}

template <class E>
void Ln(Execution& e) {
  using S = typename E::Storage;
  Unary<S>(e, [](S a) { return E::Narrow(std::log(static_cast<double>(E::Load(a)))); });
}

template <class E>
void Sqrt(Execution& e) {
  using S = typename E::Storage;
  Unary<S>(e, [](S a) { return E::Store(std::sqrt(E::Load(a))); });
}

template <class E>
void Rsqrt(Execution& e) {
  using S = typename E::Storage;
  Unary<S>(e, [](S a) { return E::Narrow(1.0 / std::sqrt(static_cast<double>(E::Load(a)))); });
}

template <class E>
void Reciprocal(Execution& e) {
  using S = typename E::Storage;
  Unary<S>(e, [](S a) { return E::Store(1.0f / E::Load(a)); });
}

template <class E>
void Not(Execution& e) {
  using S = typename E::Storage;
  Unary<S>(e, [](S a) { return static_cast<S>(~a); });
}

template <class S>
void Copy(Execution& e) {
  Unary<S>(e, [](S a) { return a; });
}

template <class S>
void Duplicate(Execution& e) {
  const S scalar = FromBits<S>(e.instruction().scalar);
  MapRepeats<S>(e, [scalar](S* out, uint32_t n) { std::fill(out, out + n, scalar); });
}

// a * b + c in the format of D, rounded twice.
template <class D>
typename D::Storage MulAdd(float a, float b, typename D::Storage c) {
  const float product = D::Load(D::Store(a * b));
  return D::Store(product + D::Load(c));
}

// dst = src0 * src1 + dst; half sources may go into a float destination.
template <class D, class E>
void MulAddDst(Execution& e) {
  using T = typename D::Storage;
  using S = typename E::Storage;
  const Instruction& i = e.instruction();
  MapRepeats<T>(
      e,
      [](T* out, uint32_t n, const S* a, const S* b, const T* c) {
        for (uint32_t k = 0; k < n; ++k) out[k] = MulAdd<D>(E::Load(a[k]), E::Load(b[k]), c[k]);
      },
      Source<S>{i.src0}, Source<S>{i.src1}, Source<T>{i.dst});
}

// dst = src0 * dst + src1
template <class E, bool kRelu>
void FusedMulAdd(Execution& e) {
  using S = typename E::Storage;
  const Instruction& i = e.instruction();
  MapRepeats<S>(
      e,
      [](S* out, uint32_t n, const S* a, const S* c, const S* b) {
        for (uint32_t k = 0; k < n; ++k) {
          out[k] = MulAdd<E>(E::Load(a[k]), E::Load(b[k]), c[k]);
          if (kRelu) out[k] = E::Store(MaxOp::Do(E::Load(out[k]), 0.0f));
        }
      },
      Source<S>{i.src0}, Source<S>{i.src1}, Source<S>{i.dst});
}

// dst = src * scalar + dst; half sources may go into a float destination.
template <class D, class E>
void Axpy(Execution& e) {
  using T = typename D::Storage;
  using S = typename E::Storage;
  const Instruction& i = e.instruction();
  const float scalar = E::Load(FromBits<S>(i.scalar));
  MapRepeats<T>(
      e,
      [scalar](T* out, uint32_t n, const S* a, const T* c) {
        for (uint32_t k = 0; k < n; ++k) out[k] = MulAdd<D>(E::Load(a[k]), scalar, c[k]);
      },
      Source<S>{i.src0}, Source<T>{i.dst});
}

using S16 = Int<int16_t>;
using U16 = Int<uint16_t>;
using S32 = Int<int32_t>;
using U32 = Int<uint32_t>;

template <class OpT>
ExecFunction BinaryOf(DType type) {
  switch (type) {
    case DType::kF32:
      return Binary<F32, OpT>;
    case DType::kF16:
      return Binary<F16, OpT>;
    case DType::kS32:
      return Binary<S32, OpT>;
    case DType::kS16:
      return Binary<S16, OpT>;
    default:
      return nullptr;
  }
}

template <class OpT>
ExecFunction ScalarOf(DType type) {
  switch (type) {
    case DType::kF32:
      return WithScalar<F32, OpT>;
    case DType::kF16:
      return WithScalar<F16, OpT>;
    case DType::kS32:
      return WithScalar<S32, OpT>;
    case DType::kS16:
      return WithScalar<S16, OpT>;
    default:
      return nullptr;
  }
}

ExecFunction FloatOf(DType type, ExecFunction f32, ExecFunction f16) {
  return type == DType::kF32 ? f32 : type == DType::kF16 ? f16 : nullptr;
}

ExecFunction BitsOf(DType type, ExecFunction s16, ExecFunction u16) {
  return type == DType::kS16 ? s16 : type == DType::kU16 ? u16 : nullptr;
}

ExecFunction ShiftOf(DType type, ExecFunction s16, ExecFunction u16, ExecFunction s32, ExecFunction u32) {
  switch (type) {
    case DType::kS16:
      return s16;
    case DType::kU16:
      return u16;
    case DType::kS32:
      return s32;
    case DType::kU32:
      return u32;
    default:
      return nullptr;
  }
}

ExecFunction MixedOf(DType dst, DType src, ExecFunction f32, ExecFunction f16, ExecFunction widening) {
  if (dst == src) return FloatOf(dst, f32, f16);
  return dst == DType::kF32 && src == DType::kF16 ? widening : nullptr;
}

ExecFunction FindTernary(Op op, DType dst, DType src) {
  switch (op) {
    case Op::kMulAddDst:
      return MixedOf(dst, src, MulAddDst<F32, F32>, MulAddDst<F16, F16>, MulAddDst<F32, F16>);
    case Op::kAxpy:
      return MixedOf(dst, src, Axpy<F32, F32>, Axpy<F16, F16>, Axpy<F32, F16>);
    case Op::kFusedMulAdd:
      return dst == src ? FloatOf(dst, FusedMulAdd<F32, false>, FusedMulAdd<F16, false>) : nullptr;
    case Op::kFusedMulAddRelu:
      return dst == src ? FloatOf(dst, FusedMulAdd<F32, true>, FusedMulAdd<F16, true>) : nullptr;
    default:
      return nullptr;
  }
}

ExecFunction FindUnary(Op op, DType type) {
  switch (op) {
    case Op::kAbs:
      return FloatOf(type, Abs<F32>, Abs<F16>);
    case Op::kExp:
      return FloatOf(type, Exp<F32>, Exp<F16>);
    case Op::kLn:
      return FloatOf(type, Ln<F32>, Ln<F16>);
    case Op::kSqrt:
      return FloatOf(type, Sqrt<F32>, Sqrt<F16>);
    case Op::kRsqrt:
      return FloatOf(type, Rsqrt<F32>, Rsqrt<F16>);
    case Op::kReciprocal:
      return FloatOf(type, Reciprocal<F32>, Reciprocal<F16>);
    case Op::kRelu:
      return type == DType::kS32 ? Relu<S32> : FloatOf(type, Relu<F32>, Relu<F16>);
    case Op::kNot:
      return BitsOf(type, Not<S16>, Not<U16>);
    case Op::kDuplicate:
      return SizeOf(type) == 4 ? Duplicate<uint32_t> : SizeOf(type) == 2 ? Duplicate<uint16_t> : nullptr;
    case Op::kCopy:
      return SizeOf(type) == 4 ? Copy<uint32_t> : SizeOf(type) == 2 ? Copy<uint16_t> : nullptr;
    default:
      return nullptr;
  }
}

ExecFunction FindWithScalar(Op op, DType type) {
  switch (op) {
    case Op::kAdds:
      return ScalarOf<AddOp>(type);
    case Op::kMuls:
      return ScalarOf<MulOp>(type);
    case Op::kMaxs:
      return ScalarOf<MaxOp>(type);
    case Op::kMins:
      return ScalarOf<MinOp>(type);
    case Op::kLeakyRelu:
      return FloatOf(type, WithScalar<F32, LeakyReluOp>, WithScalar<F16, LeakyReluOp>);
    case Op::kShiftLeft:
      return ShiftOf(type, WithScalar<S16, ShiftLeftOp>, WithScalar<U16, ShiftLeftOp>, WithScalar<S32, ShiftLeftOp>,
                     WithScalar<U32, ShiftLeftOp>);
    case Op::kShiftRight:
      return ShiftOf(type, ShiftRight<S16>, ShiftRight<U16>, ShiftRight<S32>, ShiftRight<U32>);
    default:
      return nullptr;
  }
}

ExecFunction FindBinary(Op op, DType type) {
  switch (op) {
    case Op::kAdd:
      return BinaryOf<AddOp>(type);
    case Op::kSub:
      return BinaryOf<SubOp>(type);
    case Op::kMul:
      return BinaryOf<MulOp>(type);
    case Op::kMax:
      return BinaryOf<MaxOp>(type);
    case Op::kMin:
      return BinaryOf<MinOp>(type);
    case Op::kDiv:
      return FloatOf(type, Binary<F32, DivOp>, Binary<F16, DivOp>);
    case Op::kAnd:
      return BitsOf(type, Binary<S16, AndOp>, Binary<U16, AndOp>);
    case Op::kOr:
      return BitsOf(type, Binary<S16, OrOp>, Binary<U16, OrOp>);
    default:
      return nullptr;
  }
}

}  // namespace

ExecFunction FindElementwise(Op op, DType dst, DType src) {
  if (const ExecFunction found = FindTernary(op, dst, src); found != nullptr) return found;
  if (op == Op::kDuplicate) return FindUnary(op, dst);
  if (dst != src) return nullptr;
  if (const ExecFunction found = FindBinary(op, dst); found != nullptr) return found;
  if (const ExecFunction found = FindWithScalar(op, dst); found != nullptr) return found;
  return FindUnary(op, dst);
}

}  // namespace ascsim
