// Element-wise instructions against scalar models over random strides, masks, repeats and forms.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "vector_cases.h"

namespace ascsim::test {
namespace {

constexpr int kCases = 2000;

template <class T>
constexpr bool kIsReal = std::is_same_v<T, float> || std::is_same_v<T, half>;
template <class T>
const FloatFormat& FormatOf() {
  return std::is_same_v<T, half> ? kHalf : kFloat;
}

// f on numbers, rounded to T.
template <class T>
uint64_t Rounded(Real value) {
  return FormatOf<T>().Encode(FormatOf<T>().Nearest(value));
}
template <class T>
Real Number(uint64_t bits) {
  return FormatOf<T>().Decode(static_cast<uint32_t>(bits));
}
template <class T>
int64_t Whole(uint64_t bits) {
  return static_cast<int64_t>(static_cast<T>(bits));
}
template <class T>
uint64_t Cut(int64_t value) {
  return static_cast<uint64_t>(value) & (~uint64_t{0} >> (64 - 8 * sizeof(T)));
}

Real Largest(Real a, Real b) {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<Real>::quiet_NaN();
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}
Real Smallest(Real a, Real b) { return -Largest(-a, -b); }

// A model of two operands, by name.
template <class T>
uint64_t Model(const std::string& op, uint64_t a, uint64_t b) {
  if constexpr (kIsReal<T>) {
    const Real x = Number<T>(a), y = Number<T>(b);
    if (op == "Add") return Rounded<T>(x + y);
    if (op == "Sub") return Rounded<T>(x - y);
    if (op == "Mul") return Rounded<T>(x * y);
    if (op == "Div") return Rounded<T>(x / y);
    if (op == "Max") return FormatOf<T>().Encode(Largest(x, y));
    if (op == "Min") return FormatOf<T>().Encode(Smallest(x, y));
    if (op == "LeakyRelu") return Rounded<T>(std::isnan(x) || x < 0 ? x * y : x);
  } else {
    const int64_t x = Whole<T>(a), y = Whole<T>(b);
    if (op == "Add") return Cut<T>(x + y);
    if (op == "Sub") return Cut<T>(x - y);
    if (op == "Mul") return Cut<T>(x * y);
    if (op == "Max") return Cut<T>(std::max(x, y));
    if (op == "Min") return Cut<T>(std::min(x, y));
    if (op == "And") return a & b;
    if (op == "Or") return a | b;
  }
  ADD_FAILURE() << "no model of " << op;
  return 0;
}

// Runs kCases cases of `call` on one core. model: bits of the sources to bits of the result.
template <class D, class S, class Call, class ModelF>
void Check(const std::string& name, const std::vector<bool>& uses, const Call& call, const ModelF& model) {
  Random random(Seed() ^ std::hash<std::string>{}(name) ^ sizeof(D) * 131 ^ (kIsReal<D> ? 7 : 0));
  const std::vector<uint8_t> pool = Pool<S>(&random);
  const Result result = RunOnCore(
      [&] {
        for (int c = 0; c < kCases; ++c) {
          const Shape s = RandomShape(&random, sizeof(D), sizeof(S));
          std::vector<uint8_t> ub = FillUb(&random, pool);
          // What the sources are: src0, src1, dst, as the instruction uses them.
          std::vector<View> sources;
          if (uses[0]) sources.push_back(s.src0);
          if (uses[1]) sources.push_back(s.src1);
          if (uses[2]) sources.push_back(s.dst);
          S scalar{};
          const uint64_t bits = Load(pool, sizeof(S) * random.In(0, 1000), sizeof(S));
          std::memcpy(&scalar, &bits, sizeof(S));
          const std::vector<uint64_t> written =
              Apply(&ub, s.plan, s.dst, sources, [&](const std::vector<uint64_t>& in) { return model(in, bits); });
          PrepareMask<D>(s);
          call(s, TensorAt<D>(s.dst.address), TensorAt<S>(s.src0.address), TensorAt<S>(s.src1.address), scalar);
          RestoreMask();
          if (!SameUb<D>(ub, written, name + " case " + std::to_string(c) + " " + s.Text())) return;
        }
      },
      "overlap=off");
  EXPECT_EQ(result.error, "");
  EXPECT_TRUE(result.breaches.empty()) << ascsim::Format(result.breaches.front());
}

// A call in the form of the shape; `Args` come before the mask.
#define ASCSIM_CALL_(Name, params, ...)                                                                            \
  switch (s.form) {                                                                                                \
    case Form::kCount:                                                                                             \
      AscendC::Name(__VA_ARGS__, s.count);                                                                         \
      break;                                                                                                       \
    case Form::kFirst:                                                                                             \
      AscendC::Name(__VA_ARGS__, s.first, static_cast<uint8_t>(s.repeats), s.params());                            \
      break;                                                                                                       \
    case Form::kBits:                                                                                              \
      AscendC::Name(__VA_ARGS__, s.mask, static_cast<uint8_t>(s.repeats), s.params());                             \
      break;                                                                                                       \
    default:                                                                                                       \
      AscendC::Name<ASCSIM_TYPES_, false>(__VA_ARGS__, AscendC::MASK_PLACEHOLDER, static_cast<uint8_t>(s.repeats), \
                                          s.params());                                                             \
  }

#define ASCSIM_TYPES_ T
#define ASCSIM_BINARY_CALL_(Name)                                                                          \
  [](const Shape& s, AscendC::LocalTensor<T> d, AscendC::LocalTensor<T> a, AscendC::LocalTensor<T> b, T) { \
    ASCSIM_CALL_(Name, Binary, d, a, b)                                                                    \
  }
#define ASCSIM_SCALAR_CALL_(Name)                                                                               \
  [](const Shape& s, AscendC::LocalTensor<T> d, AscendC::LocalTensor<T> a, AscendC::LocalTensor<T>, T scalar) { \
    ASCSIM_CALL_(Name, Unary, d, a, scalar)                                                                     \
  }
#define ASCSIM_UNARY_CALL_(Name)                                                                         \
  [](const Shape& s, AscendC::LocalTensor<T> d, AscendC::LocalTensor<T> a, AscendC::LocalTensor<T>, T) { \
    ASCSIM_CALL_(Name, Unary, d, a)                                                                      \
  }
#define ASCSIM_CHECK_BINARY_(Name)                                   \
  Check<T, T>(#Name, {true, true, false}, ASCSIM_BINARY_CALL_(Name), \
              [](const std::vector<uint64_t>& in, uint64_t) { return Model<T>(#Name, in[0], in[1]); })

template <class T>
void CheckArithmetic() {
  ASCSIM_CHECK_BINARY_(Add);
  ASCSIM_CHECK_BINARY_(Sub);
  ASCSIM_CHECK_BINARY_(Mul);
  ASCSIM_CHECK_BINARY_(Max);
  ASCSIM_CHECK_BINARY_(Min);
}

TEST(Elementwise, BinaryFloat) { CheckArithmetic<float>(); }
TEST(Elementwise, BinaryHalf) { CheckArithmetic<half>(); }
TEST(Elementwise, BinaryInt32) { CheckArithmetic<int32_t>(); }
TEST(Elementwise, BinaryInt16) { CheckArithmetic<int16_t>(); }

template <class T>
void CheckDiv() {
  ASCSIM_CHECK_BINARY_(Div);
}
TEST(Elementwise, Div) {
  CheckDiv<float>();
  CheckDiv<half>();
}

template <class T>
void CheckLogic() {
  ASCSIM_CHECK_BINARY_(And);
  ASCSIM_CHECK_BINARY_(Or);
  Check<T, T>("Not", {true, false, false}, ASCSIM_UNARY_CALL_(Not),
              [](const std::vector<uint64_t>& in, uint64_t) { return in[0] ^ 0xffff; });
}
TEST(Elementwise, Logic) {
  CheckLogic<int16_t>();
  CheckLogic<uint16_t>();
}

#define ASCSIM_CHECK_SCALAR_(Name, model)                             \
  Check<T, T>(#Name, {true, false, false}, ASCSIM_SCALAR_CALL_(Name), \
              [](const std::vector<uint64_t>& in, uint64_t scalar) { return Model<T>(model, in[0], scalar); })

template <class T>
void CheckScalars() {
  ASCSIM_CHECK_SCALAR_(Adds, "Add");
  ASCSIM_CHECK_SCALAR_(Muls, "Mul");
  ASCSIM_CHECK_SCALAR_(Maxs, "Max");
  ASCSIM_CHECK_SCALAR_(Mins, "Min");
}
TEST(Elementwise, Scalars) {
  CheckScalars<float>();
  CheckScalars<half>();
  CheckScalars<int32_t>();
  CheckScalars<int16_t>();
}

template <class T>
void CheckLeakyRelu() {
  ASCSIM_CHECK_SCALAR_(LeakyRelu, "LeakyRelu");
}
TEST(Elementwise, LeakyRelu) {
  CheckLeakyRelu<float>();
  CheckLeakyRelu<half>();
}

// Digit by digit, as the pages show it.
template <class T>
uint64_t ShiftModel(uint64_t bits, uint32_t by, bool left, bool round) {
  constexpr uint32_t kBits = 8 * sizeof(T);
  const bool sign = std::is_signed_v<T> && (bits >> (kBits - 1) & 1) != 0;
  const uint32_t top = std::is_signed_v<T> ? kBits - 1 : kBits;  // bits that move to the left
  uint64_t result = 0;
  for (uint32_t i = 0; i < kBits; ++i) {
    bool bit = false;
    if (left) {
      bit = i >= by && i < top && (bits >> (i - by) & 1) != 0;
      if (std::is_signed_v<T> && i == kBits - 1) bit = sign;
    } else {
      bit = i + by < kBits ? (bits >> (i + by) & 1) != 0 : sign;
    }
    result |= uint64_t{bit} << i;
  }
  // The last bit shifted out; a shift by all bits and more copies the sign.
  if (round && std::is_signed_v<T> && by > 0) result += by <= kBits ? bits >> (by - 1) & 1 : 0;
  return result & (~uint64_t{0} >> (64 - kBits));
}

template <class T>
void CheckShifts() {
  const auto distance = [](T scalar) {
    return static_cast<T>(static_cast<uint64_t>(static_cast<int64_t>(scalar)) % (8 * sizeof(T) + 1));
  };
  const auto model = [&](bool left, bool round) {
    return [=](const std::vector<uint64_t>& in, uint64_t scalar) {
      return ShiftModel<T>(in[0], static_cast<uint32_t>(distance(static_cast<T>(scalar))), left, round);
    };
  };
  using Tensor = AscendC::LocalTensor<T>;
  Check<T, T>(
      "ShiftLeft", {true, false, false},
      [&](const Shape& s, Tensor d, Tensor a, Tensor, T raw) {
        const T scalar = distance(raw);
        ASCSIM_CALL_(ShiftLeft, Unary, d, a, scalar)
      },
      model(true, false));
  Check<T, T>(
      "ShiftRight", {true, false, false},
      [&](const Shape& s, Tensor d, Tensor a, Tensor, T raw) {
        const T scalar = distance(raw);
        ASCSIM_CALL_(ShiftRight, Unary, d, a, scalar)
      },
      model(false, false));
}
TEST(Elementwise, Shifts) {
  CheckShifts<int16_t>();
  CheckShifts<uint16_t>();
  CheckShifts<int32_t>();
  CheckShifts<uint32_t>();
}

TEST(Elementwise, ShiftRightRounds) {
  RunOnCore([] {
    auto* ub = reinterpret_cast<int16_t*>(ascsim::SpaceBase(Space::kUB));
    for (int i = 0; i < 128; ++i) ub[i] = static_cast<int16_t>(i * 523 - 30000);
    ub[0] = 17;  // the example of ShiftRight.md: 17 >> 5 with rounding is 1
    std::vector<uint16_t> before(128);
    std::memcpy(before.data(), ub, 256);
    AscendC::ShiftRight(TensorAt<int16_t>(256), TensorAt<int16_t>(0), int16_t{5}, uint64_t{128}, uint8_t{1},
                        {1, 1, 8, 8}, true);
    EXPECT_EQ(ub[128], 1);
    for (size_t i = 0; i < 128; ++i) {
      EXPECT_EQ(static_cast<uint16_t>(ub[128 + i]), ShiftModel<int16_t>(before[i], 5, false, true)) << before[i];
    }
  });
}

TEST(Elementwise, ShiftLeftKeepsSign) {
  RunOnCore([] {  // the examples of ShiftLeft.md
    auto* ub = reinterpret_cast<uint16_t*>(ascsim::SpaceBase(Space::kUB));
    ub[0] = 0xaaaa;
    AscendC::ShiftLeft(TensorAt<int16_t>(32), TensorAt<int16_t>(0), int16_t{1}, 1);
    EXPECT_EQ(ub[16], 0xd554);
    AscendC::ShiftLeft(TensorAt<int16_t>(32), TensorAt<int16_t>(0), int16_t{3}, 1);
    EXPECT_EQ(ub[16], 0xd550);
    AscendC::ShiftLeft(TensorAt<uint16_t>(32), TensorAt<uint16_t>(0), uint16_t{1}, 1);
    EXPECT_EQ(ub[16], 0x5554);
  });
}

#define ASCSIM_CHECK_UNARY_(Name, expression)                                                                        \
  Check<T, T>(#Name, {true, false, false}, ASCSIM_UNARY_CALL_(Name), [](const std::vector<uint64_t>& in, uint64_t) { \
    const Real x = Number<T>(in[0]);                                                                                 \
    return Rounded<T>(expression);                                                                                   \
  })

template <class T>
void CheckFunctions() {
  ASCSIM_CHECK_UNARY_(Abs, std::fabs(x));
  ASCSIM_CHECK_UNARY_(Exp, std::exp(x));
  ASCSIM_CHECK_UNARY_(Ln, std::log(x));
  ASCSIM_CHECK_UNARY_(Sqrt, std::sqrt(x));
  ASCSIM_CHECK_UNARY_(Rsqrt, 1 / std::sqrt(x));
  ASCSIM_CHECK_UNARY_(Reciprocal, 1 / x);
  ASCSIM_CHECK_UNARY_(Relu, Largest(x, 0));
}
TEST(Elementwise, FunctionsFloat) { CheckFunctions<float>(); }
TEST(Elementwise, FunctionsHalf) { CheckFunctions<half>(); }

TEST(Elementwise, ReluInt32) {
  using T = int32_t;
  Check<T, T>("Relu", {true, false, false}, ASCSIM_UNARY_CALL_(Relu),
              [](const std::vector<uint64_t>& in, uint64_t) { return Cut<T>(std::max<int64_t>(Whole<T>(in[0]), 0)); });
}

template <class T>
uint64_t MulAddModel(Real a, Real b, Real c) {
  const FloatFormat& format = FormatOf<T>();
  return Rounded<T>(format.Nearest(a * b) + c);
}

template <class T>
void CheckFused() {
  Check<T, T>("FusedMulAdd", {true, true, true}, ASCSIM_BINARY_CALL_(FusedMulAdd),
              [](const std::vector<uint64_t>& in, uint64_t) {
                return MulAddModel<T>(Number<T>(in[0]), Number<T>(in[2]), Number<T>(in[1]));
              });
  Check<T, T>("FusedMulAddRelu", {true, true, true}, ASCSIM_BINARY_CALL_(FusedMulAddRelu),
              [](const std::vector<uint64_t>& in, uint64_t) {
                const uint64_t sum = MulAddModel<T>(Number<T>(in[0]), Number<T>(in[2]), Number<T>(in[1]));
                return FormatOf<T>().Encode(Largest(Number<T>(sum), 0));
              });
}
TEST(Elementwise, FusedMulAdd) {
  CheckFused<float>();
  CheckFused<half>();
}

TEST(Elementwise, FusedMulAddRoundsTwice) {
  RunOnCore([] {  // an element of the example of FusedMulAdd.md
    auto* ub = reinterpret_cast<half*>(ascsim::SpaceBase(Space::kUB));
    ub[0] = half(4.74);
    ub[16] = half(-70.6);
    ub[32] = half(14.92);
    AscendC::FusedMulAdd(TensorAt<half>(64), TensorAt<half>(0), TensorAt<half>(32), 1);
    EXPECT_EQ(static_cast<float>(ub[32]), 0.0625f);
  });
}

#undef ASCSIM_TYPES_
#define ASCSIM_TYPES_ D, S
template <class D, class S>
void CheckMulAdd() {
  using Tensor = AscendC::LocalTensor<S>;
  Check<D, S>(
      "MulAddDst", {true, true, true},
      [](const Shape& s, AscendC::LocalTensor<D> d, Tensor a, Tensor b, S) { ASCSIM_CALL_(MulAddDst, Binary, d, a, b) },
      [](const std::vector<uint64_t>& in, uint64_t) {
        return MulAddModel<D>(Number<S>(in[0]), Number<S>(in[1]), Number<D>(in[2]));
      });
  Check<D, S>(
      "Axpy", {true, false, true},
      [](const Shape& s, AscendC::LocalTensor<D> d, Tensor a, Tensor, S scalar) {
        ASCSIM_CALL_(Axpy, Unary, d, a, scalar)
      },
      [](const std::vector<uint64_t>& in, uint64_t scalar) {
        return MulAddModel<D>(Number<S>(in[0]), Number<S>(scalar), Number<D>(in[1]));
      });
}
TEST(Elementwise, MulAddDstAxpy) {
  CheckMulAdd<float, float>();
  CheckMulAdd<half, half>();
  CheckMulAdd<float, half>();
}
#undef ASCSIM_TYPES_

template <class T>
void CheckMoves() {
  using Tensor = AscendC::LocalTensor<T>;
  Check<T, T>(
      "Duplicate", {false, false, false},
      [](const Shape& s, Tensor d, Tensor, Tensor, T scalar) {
        const auto repeats = static_cast<uint8_t>(s.repeats);
        const auto block = static_cast<uint16_t>(s.dst.block_stride);
        const auto repeat = static_cast<uint8_t>(s.dst.repeat_stride);
        if (s.form == Form::kCount) AscendC::Duplicate(d, scalar, s.count);
        if (s.form == Form::kFirst) AscendC::Duplicate(d, scalar, s.first, repeats, block, repeat);
        if (s.form == Form::kBits) AscendC::Duplicate(d, scalar, s.mask, repeats, block, repeat);
        if (s.form != Form::kRegister && s.form != Form::kCounter) return;
        AscendC::Duplicate<T, false>(d, scalar, AscendC::MASK_PLACEHOLDER, repeats, block, repeat);
      },
      [](const std::vector<uint64_t>&, uint64_t scalar) { return scalar; });
}
TEST(Elementwise, Duplicate) {
  CheckMoves<int16_t>();
  CheckMoves<uint16_t>();
  CheckMoves<half>();
  CheckMoves<bfloat16_t>();
  CheckMoves<int32_t>();
  CheckMoves<uint32_t>();
  CheckMoves<float>();
}

// Copy has no count form, and takes the count of counter mode for each repeat.
template <class T>
void CheckCopy() {
  Random random(Seed() + sizeof(T));
  const std::vector<uint8_t> pool = Pool<T>(&random);
  const Result result = RunOnCore(
      [&] {
        for (int c = 0; c < kCases; ++c) {
          Shape s = RandomShape(&random, sizeof(T), sizeof(T));
          if (s.form == Form::kCount) continue;
          std::vector<uint8_t> ub = FillUb(&random, pool);
          if (s.form == Form::kCounter) {
            const uint64_t each = s.first;
            s.plan.repeats = s.repeats;
            s.plan.active = [each](uint32_t, uint32_t k) { return k < each; };
            s.count = static_cast<int32_t>(each);
          }
          const std::vector<uint64_t> written =
              Apply(&ub, s.plan, s.dst, {s.src0}, [](const std::vector<uint64_t>& in) { return in[0]; });
          const AscendC::LocalTensor<T> d = TensorAt<T>(s.dst.address), a = TensorAt<T>(s.src0.address);
          const auto repeats = static_cast<uint8_t>(s.repeats);
          const AscendC::CopyRepeatParams params(
              static_cast<uint16_t>(s.dst.block_stride), static_cast<uint16_t>(s.src0.block_stride),
              static_cast<uint16_t>(s.dst.repeat_stride), static_cast<uint16_t>(s.src0.repeat_stride));
          PrepareMask<T>(s);
          if (s.form == Form::kFirst) AscendC::Copy(d, a, s.first, repeats, params);
          if (s.form == Form::kBits) AscendC::Copy(d, a, s.mask, repeats, params);
          if (s.form == Form::kRegister || s.form == Form::kCounter) {
            AscendC::Copy<T, false>(d, a, AscendC::MASK_PLACEHOLDER, repeats, params);
          }
          RestoreMask();
          if (!SameUb<T>(ub, written, "Copy " + s.Text())) return;
        }
      },
      "overlap=off");
  EXPECT_EQ(result.error, "");
  EXPECT_TRUE(result.breaches.empty()) << ascsim::Format(result.breaches.front());
}
TEST(Elementwise, Copy) {
  CheckCopy<float>();
  CheckCopy<int16_t>();
}

TEST(Elementwise, CountFormOfRegisterMask) {
  const Result result = RunOnCore([] {
    auto* ub = reinterpret_cast<float*>(ascsim::SpaceBase(Space::kUB));
    for (int i = 0; i < 512; ++i) ub[i] = static_cast<float>(i);
    AscendC::SetMaskCount();
    AscendC::SetVectorMask<float, AscendC::MaskMode::COUNTER>(100);
    AscendC::Adds<float, false>(TensorAt<float>(1024), TensorAt<float>(0), 0.5f, 1);
    AscendC::SetMaskNorm();
    AscendC::ResetMask();
    EXPECT_EQ(ub[256 + 99], 99.5f);
    EXPECT_EQ(ub[256 + 100], 356.0f);
    // A count form leaves a full mask in normal mode.
    AscendC::SetVectorMask<float>(3);
    AscendC::Adds(TensorAt<float>(1024), TensorAt<float>(0), 1.0f, 70);
    EXPECT_EQ(ascsim::VectorMask().low, ~uint64_t{0});
    EXPECT_FALSE(ascsim::VectorMask().counter);
    // One with a mask leaves it.
    AscendC::Adds(TensorAt<float>(1024), TensorAt<float>(0), 1.0f, uint64_t{5}, uint8_t{1}, {1, 1, 8, 8});
    EXPECT_EQ(ascsim::VectorMask().low, 31u);
  });
  EXPECT_EQ(result.error, "");
  EXPECT_TRUE(result.breaches.empty());
}

TEST(Elementwise, ReportsMaskWidthAndRepeats) {
  const Result result = RunOnCore([] {
    const AscendC::LocalTensor<float> a = TensorAt<float>(0), b = TensorAt<float>(65536);
    AscendC::Abs(b, a, uint64_t{65}, uint8_t{1}, {1, 1, 8, 8});
    AscendC::Abs(b, a, uint64_t{0}, uint8_t{1}, {1, 1, 8, 8});
    AscendC::Abs(b, a, uint64_t{64}, 256, {1, 1, 8, 8});
    AscendC::Adds<float, false>(b, a, 1.0f, 64);
    AscendC::ShiftLeft(TensorAt<int16_t>(0), TensorAt<int16_t>(1024), int16_t{17}, 16);
  });
  EXPECT_GE(result.Count(Rule::kMaskWidth), 3);
  EXPECT_GE(result.Count(Rule::kParameterRange), 2);
}

TEST(Elementwise, OverlapRule) {
  const auto breaches = [](auto body) { return RunOnCore(body).Count(Rule::kOverlap); };
  const auto f = [](uint64_t address) { return TensorAt<float>(address); };
  // In place, side by side: fine.
  EXPECT_EQ(breaches([&] { AscendC::Add(f(0), f(0), f(4096), 256); }), 0);
  EXPECT_EQ(breaches([&] { AscendC::Add(f(0), f(1024), f(2048), 256); }), 0);
  EXPECT_EQ(breaches([&] { AscendC::Abs(f(0), f(0), uint64_t{64}, uint8_t{4}, {2, 2, 16, 16}); }), 0);
  // Interleaved without touching: fine.
  EXPECT_EQ(breaches([&] { AscendC::Abs(f(0), f(32), uint64_t{64}, uint8_t{4}, {2, 2, 16, 16}); }), 0);
  // Accumulation through src1, for the instructions that may.
  EXPECT_EQ(breaches([&] { AscendC::Add(f(0), f(1024), f(0), uint64_t{64}, uint8_t{4}, {1, 1, 1, 0, 8, 0}); }), 0);
  EXPECT_EQ(breaches([&] { AscendC::Add(f(0), f(0), f(1024), uint64_t{64}, uint8_t{4}, {1, 1, 1, 0, 0, 8}); }), 1);
  EXPECT_EQ(breaches([&] { AscendC::Div(f(0), f(1024), f(0), uint64_t{64}, uint8_t{4}, {1, 1, 1, 0, 8, 0}); }), 1);
  // Part of a repeat; a later repeat's source.
  EXPECT_EQ(breaches([&] { AscendC::Abs(f(32), f(0), 64); }), 1);
  EXPECT_EQ(breaches([&] { AscendC::Abs(f(256), f(0), 128); }), 1);
  EXPECT_EQ(breaches([&] { AscendC::Cast(f(0), TensorAt<half>(0), AscendC::RoundMode::CAST_NONE, 64); }), 1);
  EXPECT_EQ(breaches([&] { AscendC::Cast(TensorAt<half>(0), f(0), AscendC::RoundMode::CAST_NONE, 256); }), 0);
}

}  // namespace
}  // namespace ascsim::test
