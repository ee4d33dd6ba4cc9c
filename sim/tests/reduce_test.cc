// Reductions against plain models over random masks, strides and repeats.
// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "moves_testing.h"

namespace {

using namespace moves_testing;
using AscendC::LocalTensor;

constexpr int kCases = 3000;

// Sum of the numbers that are there, neighbours first: recursion from the top.
template <class T>
std::optional<double> Tree(const std::vector<std::optional<double>>& values, size_t begin, size_t end) {
  if (end - begin == 1) return values[begin];
  const size_t middle = begin + (end - begin) / 2;
  const auto left = Tree<T>(values, begin, middle), right = Tree<T>(values, middle, end);
  if (left && right) return Element<T>::Add(*left, *right);
  return left ? left : right;
}

// Trees of up to a repeat each, then trees of their sums.
template <class T>
double TreeOfTrees(std::vector<std::optional<double>> values) {
  constexpr size_t kLanes = 256 / sizeof(T);
  while (true) {
    std::vector<std::optional<double>> sums;
    for (size_t at = 0; at < values.size(); at += kLanes) {
      std::vector<std::optional<double>> lanes(kLanes);
      std::copy_n(values.begin() + static_cast<int64_t>(at), std::min(kLanes, values.size() - at), lanes.begin());
      sums.push_back(Tree<T>(lanes, 0, kLanes));
    }
    if (sums.size() == 1) return *sums[0];
    values = sums;
  }
}

struct Shape {
  uint64_t dst, src;
  int32_t repeats, dst_rep, src_blk, src_rep;
  MaskChoice mask;
  std::string Text() const {
    char text[160];
    std::snprintf(text, sizeof(text), "dst %llu src %llu repeats %d strides %d %d %d ",
                  static_cast<unsigned long long>(dst), static_cast<unsigned long long>(src), repeats, dst_rep, src_blk,
                  src_rep);
    return text + mask.Text();
  }
};

template <class T>
Shape RandomShape(Random& random, uint64_t dst_unit) {
  Shape s;
  s.repeats = random.Chance(20) ? random.Int(100, 255) : random.Int(0, 12);
  s.dst_rep = random.Int(0, s.repeats > 12 ? 60000 / (static_cast<uint64_t>(s.repeats) * dst_unit) : 4);
  s.dst_rep = std::min(s.dst_rep, 4);
  s.src_blk = random.Chance(2) ? 1 : random.Int(0, 3);
  s.src_rep = random.Chance(2) ? 8 : random.Int(0, s.repeats > 12 ? 10 : 30);
  s.src = random.In(0, 1000) * 32;
  // Now and then on top of the source.
  s.dst = random.Chance(6) ? s.src + random.In(0, 64) * 32 : 120000 / 128 * 128 + random.In(0, 50) * dst_unit;
  s.mask = RandomMask<T>(random);
  return s;
}

template <class T>
std::vector<std::optional<double>> Lanes(const Bytes& image, const Shape& s, uint64_t repeat) {
  constexpr uint64_t kLanes = 256 / sizeof(T), kPerBlock = 32 / sizeof(T);
  std::vector<std::optional<double>> lanes(kLanes);
  for (uint64_t lane = 0; lane < kLanes; ++lane) {
    if (!s.mask.Has(lane)) continue;
    const uint64_t block =
        repeat * static_cast<uint64_t>(s.src_rep) + lane / kPerBlock * static_cast<uint64_t>(s.src_blk);
    lanes[lane] =
        Element<T>::Value(At<typename Element<T>::Bits>(image, s.src + block * 32 + lane % kPerBlock * sizeof(T)));
  }
  return lanes;
}

// Calls f with isSetMask and the mask in one of its forms.
template <class T, class F>
void WithMask(const MaskChoice& mask, F f) {
  if (mask.from_register) {
    AscendC::SetVectorMask<T>(mask.words[1], mask.words[0]);
    f(std::false_type(), static_cast<int32_t>(AscendC::MASK_PLACEHOLDER));
    AscendC::ResetMask();
  } else if (mask.first > 0) {
    f(std::true_type(), mask.first);
  } else {
    f(std::true_type(), mask.words);
  }
}

template <class T>
void TestWholeReduceSum() {
  using E = Element<T>;
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        Cases<T> cases(1 + sizeof(T));
        for (int n = 0; n < kCases; ++n) {
          if (n % 16 == 0)
            cases.FillNumbers(n % 64 == 0);
          else
            cases.image = Image();
          const Shape s = RandomShape<T>(cases.random, sizeof(T));
          for (uint64_t r = 0; r < static_cast<uint64_t>(s.repeats); ++r) {
            const auto sum = Tree<T>(Lanes<T>(cases.image, s, r), 0, 256 / sizeof(T));
            Put(cases.image, s.dst + r * static_cast<uint64_t>(s.dst_rep) * sizeof(T), E::Of(*sum));
          }
          const LocalTensor<T> dst = Tensor<T>(s.dst, 2000), src = Tensor<T>(s.src, 2000);
          WithMask<T>(s.mask, [&](auto set, auto mask) {
            if constexpr (std::is_same_v<decltype(mask), int32_t>) {
              if (n % 3 == 0) {
                AscendC::RepeatReduceSum<T, set.value>(dst, src, s.repeats, mask, 7, s.src_blk, s.dst_rep, s.src_rep);
                return;
              }
            }
            AscendC::WholeReduceSum<T, set.value>(dst, src, mask, s.repeats, s.dst_rep, s.src_blk, s.src_rep);
          });
          cases.Expect(s.Text());
        }
        EXPECT_EQ(cases.count, kCases);
      },
      false);
  EXPECT_EQ(stats.error, "");
}
TEST(Reduce, WholeSumFloat) { TestWholeReduceSum<float>(); }
TEST(Reduce, WholeSumHalf) { TestWholeReduceSum<half>(); }

TEST(Reduce, HalfSumsSaturate) {
  // The example of WholeReduceSum.md.
  const auto stats = RunKernel(
      [] {
        const LocalTensor<half> src = Tensor<half>(0, 128), dst = Tensor<half>(1024, 16);
        const double values[4] = {60000, 60000, -30000, 100};
        auto* base = reinterpret_cast<uint16_t*>(ascsim::SpaceBase(ascsim::Space::kUB));
        for (int k = 0; k < 4; ++k) base[k] = ToHalf(values[k]);
        AscendC::WholeReduceSum<half>(dst, src, 4, 1, 1, 1, 8);
        // -29900 and the last sum have no fp16 of their own, which the page leaves out.
        EXPECT_EQ(base[512], ToHalf(65504 + FromHalf(ToHalf(-29900))));
      },
      false);
  EXPECT_EQ(stats.error, "");
}

// The place of the winner: the first that no other beats; the first NaN, if there is one.
template <bool kMax>
size_t Winner(const std::vector<std::optional<double>>& values) {
  size_t best = values.size();
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] && std::isnan(*values[i])) return i;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    if (!values[i]) continue;
    const bool beaten = std::any_of(values.begin(), values.end(), [&](const auto& other) {
      return other && (kMax ? *other > *values[i] : *other < *values[i]);
    });
    if (!beaten) {
      best = i;
      break;
    }
  }
  return best;
}

template <class T, bool kMax>
void TestWholeReduceExtreme() {
  using Bits = typename Element<T>::Bits;
  constexpr uint64_t kPerBlock = 32 / sizeof(T);
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        Cases<T> cases(10 + sizeof(T) + kMax);
        for (int n = 0; n < kCases; ++n) {
          if (n % 16 == 0)
            cases.FillNumbers(n % 32 == 0);
          else
            cases.image = Image();
          const auto order = static_cast<AscendC::ReduceOrder>(cases.random.In(0, 3));
          const uint64_t unit = order == AscendC::ReduceOrder::ORDER_ONLY_VALUE   ? sizeof(T)
                                : order == AscendC::ReduceOrder::ORDER_ONLY_INDEX ? 4
                                                                                  : 2 * sizeof(T);
          const Shape s = RandomShape<T>(cases.random, unit);
          Bits last_value = 0;
          uint64_t last_index = 0;
          for (uint64_t r = 0; r < static_cast<uint64_t>(s.repeats); ++r) {
            const size_t at = Winner<kMax>(Lanes<T>(cases.image, s, r));
            const uint64_t block =
                r * static_cast<uint64_t>(s.src_rep) + at / kPerBlock * static_cast<uint64_t>(s.src_blk);
            const Bits value = At<Bits>(cases.image, s.src + block * 32 + at % kPerBlock * sizeof(T));
            const auto index = static_cast<Bits>(at);
            const uint64_t to = s.dst + r * static_cast<uint64_t>(s.dst_rep) * unit;
            switch (order) {
              case AscendC::ReduceOrder::ORDER_VALUE_INDEX:
                Put(cases.image, to, value);
                Put(cases.image, to + sizeof(T), index);
                break;
              case AscendC::ReduceOrder::ORDER_INDEX_VALUE:
                Put(cases.image, to, index);
                Put(cases.image, to + sizeof(T), value);
                break;
              case AscendC::ReduceOrder::ORDER_ONLY_VALUE:
                Put(cases.image, to, value);
                break;
              case AscendC::ReduceOrder::ORDER_ONLY_INDEX:
                Put(cases.image, to, static_cast<uint32_t>(at));
                break;
            }
            last_value = value;
            last_index = at;
          }
          const LocalTensor<T> dst = Tensor<T>(s.dst, 2000), src = Tensor<T>(s.src, 2000);
          WithMask<T>(s.mask, [&](auto set, auto mask) {
            if constexpr (kMax) {
              AscendC::WholeReduceMax<T, set.value>(dst, src, mask, s.repeats, s.dst_rep, s.src_blk, s.src_rep, order);
            } else {
              AscendC::WholeReduceMin<T, set.value>(dst, src, mask, s.repeats, s.dst_rep, s.src_blk, s.src_rep, order);
            }
          });
          cases.Expect(s.Text());
          if (s.repeats == 0) continue;
          T value{}, index{};
          AscendC::GetReduceMaxMinCount<T>(value, index);
          Bits value_bits, index_bits;
          std::memcpy(&value_bits, &value, sizeof(T));
          std::memcpy(&index_bits, &index, sizeof(T));
          EXPECT_EQ(value_bits, last_value);
          EXPECT_EQ(index_bits, last_index);
        }
      },
      false);
  EXPECT_EQ(stats.error, "");
}
TEST(Reduce, WholeMaxFloat) { TestWholeReduceExtreme<float, true>(); }
TEST(Reduce, WholeMaxHalf) { TestWholeReduceExtreme<half, true>(); }
TEST(Reduce, WholeMinFloat) { TestWholeReduceExtreme<float, false>(); }
TEST(Reduce, WholeMinHalf) { TestWholeReduceExtreme<half, false>(); }

// Groups of `kGroup` elements give one result each; those without an active element keep what was there.
enum class Kind { kSum, kMax, kMin };
template <class T, Kind kKind, int kGroup, class Call>
void TestGroups(uint64_t stream, Call call) {
  using Bits = typename Element<T>::Bits;
  constexpr uint64_t kLanes = 256 / sizeof(T), kResults = kLanes / kGroup, kPerBlock = 32 / sizeof(T);
  constexpr uint64_t kUnit = kResults * sizeof(T);
  const auto stats = RunKernel(
      [&] {
        AscendC::PipeBarrier<PIPE_V>();
        Cases<T> cases(stream);
        for (int n = 0; n < kCases; ++n) {
          if (n % 16 == 0)
            cases.FillNumbers(n % 32 == 0);
          else
            cases.image = Image();
          const Shape s = RandomShape<T>(cases.random, kUnit);
          for (uint64_t r = 0; r < static_cast<uint64_t>(s.repeats); ++r) {
            const auto lanes = Lanes<T>(cases.image, s, r);
            std::array<std::optional<Bits>, kResults> results;
            for (uint64_t g = 0; g < kResults; ++g) {
              const std::vector<std::optional<double>> group(lanes.begin() + int64_t(g * kGroup),
                                                             lanes.begin() + int64_t((g + 1) * kGroup));
              if (std::none_of(group.begin(), group.end(), [](const auto& v) { return v.has_value(); })) continue;
              if (kKind == Kind::kSum) {
                results[g] = Element<T>::Of(*Tree<T>(group, 0, kGroup));
              } else {
                const uint64_t lane = g * kGroup + (kKind == Kind::kMax ? Winner<true>(group) : Winner<false>(group));
                const uint64_t block =
                    r * static_cast<uint64_t>(s.src_rep) + lane / kPerBlock * static_cast<uint64_t>(s.src_blk);
                results[g] = At<Bits>(cases.image, s.src + block * 32 + lane % kPerBlock * sizeof(T));
              }
            }
            for (uint64_t g = 0; g < kResults; ++g) {
              if (results[g]) {
                Put(cases.image, s.dst + r * static_cast<uint64_t>(s.dst_rep) * kUnit + g * sizeof(T), *results[g]);
              }
            }
          }
          const LocalTensor<T> dst = Tensor<T>(s.dst, 2000), src = Tensor<T>(s.src, 2000);
          WithMask<T>(s.mask, [&](auto set, auto mask) { call(set, dst, src, s, mask); });
          cases.Expect(s.Text());
        }
      },
      false);
  EXPECT_EQ(stats.error, "");
}

template <class T>
void TestBlockReduce() {
  constexpr int kPerBlock = 32 / sizeof(T);
  TestGroups<T, Kind::kSum, kPerBlock>(20 + sizeof(T), [](auto set, auto dst, auto src, const Shape& s, auto mask) {
    AscendC::BlockReduceSum<T, set.value>(dst, src, s.repeats, mask, s.dst_rep, s.src_blk, s.src_rep);
  });
  TestGroups<T, Kind::kMax, kPerBlock>(30 + sizeof(T), [](auto set, auto dst, auto src, const Shape& s, auto mask) {
    AscendC::BlockReduceMax<T, set.value>(dst, src, s.repeats, mask, s.dst_rep, s.src_blk, s.src_rep);
  });
  TestGroups<T, Kind::kMin, kPerBlock>(40 + sizeof(T), [](auto set, auto dst, auto src, const Shape& s, auto mask) {
    AscendC::BlockReduceMin<T, set.value>(dst, src, s.repeats, mask, s.dst_rep, s.src_blk, s.src_rep);
  });
}
TEST(Reduce, BlockFloat) { TestBlockReduce<float>(); }
TEST(Reduce, BlockHalf) { TestBlockReduce<half>(); }

template <class T>
void TestPairReduce() {
  TestGroups<T, Kind::kSum, 2>(50 + sizeof(T), [](auto set, auto dst, auto src, const Shape& s, auto mask) {
    AscendC::PairReduceSum<T, set.value>(dst, src, s.repeats, mask, s.dst_rep, s.src_blk, s.src_rep);
  });
}
TEST(Reduce, PairFloat) { TestPairReduce<float>(); }
TEST(Reduce, PairHalf) { TestPairReduce<half>(); }

constexpr uint64_t kWork = 150000 / 32 * 32, kResult = 190000 / 32 * 32;

template <class T>
void TestReduceSum() {
  constexpr uint64_t kLanes = 256 / sizeof(T);
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        Cases<T> cases(60 + sizeof(T));
        for (int n = 0; n < kCases; ++n) {
          if (n % 16 == 0)
            cases.FillNumbers(false);
          else
            cases.image = Image();
          Shape s = RandomShape<T>(cases.random, sizeof(T));
          s.src_blk = 1;
          s.dst = kResult + cases.random.In(0, 10) * sizeof(T);
          s.mask.from_register = false;
          const bool counted = cases.random.Chance(2);
          if (!counted) {
            s.repeats = cases.random.Int(1, cases.random.Chance(4) ? 700 : 20);
            if (s.repeats > 20) s.src_rep = cases.random.Int(0, 4), s.src %= 8000;
          }
          const LocalTensor<T> dst = Tensor<T>(s.dst, 16), src = Tensor<T>(s.src, 50000),
                               work = Tensor<T>(kWork, 10000);
          if (counted) {
            const uint64_t count = cases.random.In(1, cases.random.Chance(10) ? 20000 : 600);
            s.src_rep = 8;
            s.mask = MaskChoice();
            s.mask.first = static_cast<int32_t>(kLanes);
            double total = 0;
            for (uint64_t r = 0; r * kLanes < count; ++r) {
              auto lanes = Lanes<T>(cases.image, s, r);
              for (uint64_t lane = 0; lane < kLanes; ++lane) {
                if (r * kLanes + lane >= count) lanes[lane].reset();
              }
              const double sum = *Tree<T>(lanes, 0, kLanes);
              total = r == 0 ? sum : Element<T>::Add(total, sum);
            }
            Put(cases.image, s.dst, Element<T>::Of(total));
            AscendC::ReduceSum<T>(dst, src, work, static_cast<int32_t>(count));
            cases.Expect("count " + std::to_string(count));
            EXPECT_EQ(Element<T>::Of(static_cast<double>(static_cast<float>(AscendC::GetAccVal<T>()))),
                      Element<T>::Of(total));
            continue;
          }
          std::vector<std::optional<double>> sums;
          for (uint64_t r = 0; r < static_cast<uint64_t>(s.repeats); ++r) {
            sums.push_back(Tree<T>(Lanes<T>(cases.image, s, r), 0, kLanes));
          }
          Put(cases.image, s.dst, Element<T>::Of(TreeOfTrees<T>(sums)));
          if (s.mask.first > 0) {
            AscendC::ReduceSum<T>(dst, src, work, s.mask.first, s.repeats, s.src_rep);
          } else {
            AscendC::ReduceSum<T>(dst, src, work, s.mask.words, s.repeats, s.src_rep);
          }
          cases.Expect(s.Text(), kWork, kWork + 10000 * sizeof(T));
        }
      },
      false);
  EXPECT_EQ(stats.error, "");
}
TEST(Reduce, SumFloat) { TestReduceSum<float>(); }
TEST(Reduce, SumHalf) { TestReduceSum<half>(); }

template <class T, bool kMax>
void TestReduceExtreme() {
  using Bits = typename Element<T>::Bits;
  constexpr uint64_t kLanes = 256 / sizeof(T), kPerBlock = 32 / sizeof(T);
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        Cases<T> cases(70 + sizeof(T) + kMax);
        for (int n = 0; n < kCases; ++n) {
          if (n % 16 == 0)
            cases.FillNumbers(n % 32 == 0);
          else
            cases.image = Image();
          Shape s = RandomShape<T>(cases.random, sizeof(T));
          s.src_blk = 1;
          s.dst = kResult;
          const bool with_index = cases.random.Chance(2), counted = cases.random.Chance(2);
          uint64_t count = 0;
          if (counted) {
            count = cases.random.In(1, cases.random.Chance(10) ? 20000 : 600);
            s.src_rep = 8;
            s.mask = MaskChoice();
            s.mask.first = static_cast<int32_t>(kLanes);
            s.repeats = static_cast<int32_t>((count + kLanes - 1) / kLanes);
          } else {
            s.repeats = cases.random.Int(1, cases.random.Chance(4) ? 700 : 20);
            if (s.repeats > 20) s.src_rep = cases.random.Int(0, 4), s.src %= 8000;
          }
          const LocalTensor<T> dst = Tensor<T>(s.dst, 16), src = Tensor<T>(s.src, 50000),
                               work = Tensor<T>(kWork, 10000);
          // In the order of repeats: all that take part, and where each lies in src.
          std::vector<std::optional<double>> values;
          std::vector<uint64_t> places;
          for (uint64_t r = 0; r < static_cast<uint64_t>(s.repeats); ++r) {
            const auto lanes = Lanes<T>(cases.image, s, r);
            for (uint64_t lane = 0; lane < kLanes; ++lane) {
              if (!lanes[lane] || (counted && r * kLanes + lane >= count)) continue;
              values.push_back(lanes[lane]);
              places.push_back(r * static_cast<uint64_t>(s.src_rep) * kPerBlock + lane);
            }
          }
          // Winner() is quadratic; the scan here is not, and the whole-repeat tests cover ties.
          size_t best = 0;
          for (size_t i = 1; i < values.size(); ++i) {
            if (std::isnan(*values[best])) break;
            if (std::isnan(*values[i]) || (kMax ? *values[i] > *values[best] : *values[i] < *values[best])) best = i;
          }
          Put(cases.image, s.dst, At<Bits>(cases.image, s.src + places[best] * sizeof(T)));
          if (with_index) Put(cases.image, s.dst + sizeof(T), static_cast<Bits>(places[best]));
          if (counted) {
            if constexpr (kMax) AscendC::ReduceMax<T>(dst, src, work, static_cast<int32_t>(count), with_index);
            if constexpr (!kMax) AscendC::ReduceMin<T>(dst, src, work, static_cast<int32_t>(count), with_index);
          } else if (s.mask.first > 0) {
            if constexpr (kMax) AscendC::ReduceMax<T>(dst, src, work, s.mask.first, s.repeats, s.src_rep, with_index);
            if constexpr (!kMax) AscendC::ReduceMin<T>(dst, src, work, s.mask.first, s.repeats, s.src_rep, with_index);
          } else {
            if constexpr (kMax) AscendC::ReduceMax<T>(dst, src, work, s.mask.words, s.repeats, s.src_rep, with_index);
            if constexpr (!kMax) AscendC::ReduceMin<T>(dst, src, work, s.mask.words, s.repeats, s.src_rep, with_index);
          }
          cases.Expect(s.Text() + " count " + std::to_string(count) + (with_index ? " index" : ""), kWork,
                       kWork + 10000 * sizeof(T));
        }
      },
      false);
  EXPECT_EQ(stats.error, "");
}
TEST(Reduce, MaxFloat) { TestReduceExtreme<float, true>(); }
TEST(Reduce, MaxHalf) { TestReduceExtreme<half, true>(); }
TEST(Reduce, MinFloat) { TestReduceExtreme<float, false>(); }
TEST(Reduce, MinHalf) { TestReduceExtreme<half, false>(); }

template <class T>
void TestSum() {
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        Cases<T> cases(80 + sizeof(T));
        for (int n = 0; n < kCases / 3; ++n) {
          if (n % 16 == 0)
            cases.FillNumbers(false);
          else
            cases.image = Image();
          AscendC::SumParams p;
          const bool wide = cases.random.Chance(3);
          p.n = cases.random.In32(1, wide ? 25000 / sizeof(T) : 600 / sizeof(T));
          p.inner = static_cast<uint32_t>((p.n * sizeof(T) + 31) / 32 * 32 / sizeof(T));
          p.outter = cases.random.In32(1, std::min<uint64_t>(300, 100000 / (p.inner * sizeof(T))));
          const uint64_t src = cases.random.In(0, 100) * 32;
          for (uint64_t row = 0; row < p.outter; ++row) {
            std::vector<std::optional<double>> values;
            for (uint64_t k = 0; k < p.n; ++k) {
              values.push_back(
                  Element<T>::Value(At<typename Element<T>::Bits>(cases.image, src + (row * p.inner + k) * sizeof(T))));
            }
            Put(cases.image, kResult + row * sizeof(T), Element<T>::Of(TreeOfTrees<T>(values)));
          }
          const LocalTensor<T> dst = Tensor<T>(kResult, 400), source = Tensor<T>(src, 60000);
          const uint64_t end = ascsim::UbBytes();
          if (cases.random.Chance(2)) {
            AscendC::Sum(dst, source, p);
            cases.Expect("Sum without work", end - 1024, end);
          } else {
            const uint64_t bytes = cases.random.In(20, 200) * 32;
            AscendC::Sum(dst, source, Tensor<uint8_t>(kWork, bytes), p);
            cases.Expect("Sum with work", kWork, kWork + bytes);
          }
        }
      },
      false);
  EXPECT_EQ(stats.error, "");
}
TEST(Reduce, RowSumsFloat) { TestSum<float>(); }
TEST(Reduce, RowSumsHalf) { TestSum<half>(); }

// Counter mode: the mask is the number of elements in all.
TEST(Reduce, CounterMode) {
  const auto stats = RunKernel(
      [] {
        AscendC::PipeBarrier<PIPE_V>();
        Cases<float> cases(90);
        cases.FillNumbers(false);
        for (int n = 0; n < 500; ++n) {
          cases.image = Image();
          const uint64_t count = cases.random.In(1, 1000);
          for (uint64_t r = 0; r * 64 < count; ++r) {
            std::vector<std::optional<double>> lanes(64);
            for (uint64_t lane = 0; lane < 64 && r * 64 + lane < count; ++lane) {
              lanes[lane] = Element<float>::Value(At<uint32_t>(cases.image, (r * 64 + lane) * 4));
            }
            Put(cases.image, kResult + r * 4, Element<float>::Of(*Tree<float>(lanes, 0, 64)));
          }
          AscendC::SetMaskCount();
          AscendC::WholeReduceSum<float>(Tensor<float>(kResult, 100), Tensor<float>(0, 2000),
                                         static_cast<int32_t>(count), 1, 1, 1, 8);
          AscendC::SetMaskNorm();
          AscendC::ResetMask();
          cases.Expect("count " + std::to_string(count));
        }
      },
      false);
  EXPECT_EQ(stats.error, "");
}

// --- with checks

// Data that is there: copied from GM and ordered before V.
void Load(const LocalTensor<float>& tensor, float* gm, uint32_t count) {
  AscendC::GlobalTensor<float> global;
  global.SetGlobalBuffer(gm, count);
  AscendC::DataCopy(tensor, global, count);
  AscendC::SetFlag<AscendC::HardEvent::MTE2_V>(EVENT_ID0);
  AscendC::WaitFlag<AscendC::HardEvent::MTE2_V>(EVENT_ID0);
}

TEST(Reduce, CompositesAreOrderedWithin) {
  ascsim::GlobalMemory memory(uint64_t{1} << 20);
  constexpr uint32_t kCount = 20000;
  auto* gm = static_cast<float*>(memory.Allocate(kCount * sizeof(float)));
  for (uint32_t k = 0; k < kCount; ++k) gm[k] = static_cast<float>(k * 7 % 1001);
  const auto stats = RunKernel(
      [&] {
        const LocalTensor<float> src = Tensor<float>(0, kCount), work = Tensor<float>(90016, 2000),
                                 dst = Tensor<float>(120000, 64);
        Load(src, gm, kCount);
        AscendC::ReduceMax<float>(dst, src, work, static_cast<int32_t>(kCount), true);
        AscendC::PipeBarrier<PIPE_V>();
        AscendC::ReduceMin<float>(dst[8], src, work, 64, 300, 8, false);
        AscendC::PipeBarrier<PIPE_V>();
        AscendC::ReduceSum<float>(dst[16], src, work, 64, 300, 8);
        AscendC::PipeBarrier<PIPE_V>();
        AscendC::ReduceSum<float>(dst[24], src, work, static_cast<int32_t>(kCount));
        AscendC::PipeBarrier<PIPE_V>();
        AscendC::Sum(dst[32], src, Tensor<uint8_t>(90016, 1024), AscendC::SumParams{4, 4808, 4801});
        AscendC::SetFlag<AscendC::HardEvent::V_S>(EVENT_ID0);
        AscendC::WaitFlag<AscendC::HardEvent::V_S>(EVENT_ID0);
        EXPECT_EQ(dst.GetValue(0), 994.0f);
        EXPECT_EQ(dst.ReinterpretCast<uint32_t>().GetValue(1), 142u);
        EXPECT_EQ(dst.GetValue(8), 0.0f);
      },
      true, &memory);
  EXPECT_EQ(stats.error, "");
  EXPECT_TRUE(stats.breaches.empty()) << Text(stats);
}

TEST(Reduce, ReportsWhatThePagesForbid) {
  ascsim::GlobalMemory memory(uint64_t{1} << 20);
  auto* gm = static_cast<float*>(memory.Allocate(4096 * sizeof(float)));
  std::fill_n(gm, 4096, 1.0f);
  const auto run = [&](const std::function<void(LocalTensor<float>, LocalTensor<float>)>& call) {
    return RunKernel(
        [&] {
          const LocalTensor<float> src = Tensor<float>(0, 4096), dst = Tensor<float>(20480, 512);
          Load(src, gm, 4096);
          call(dst, src);
        },
        true, &memory);
  };
  using F = LocalTensor<float>;
  EXPECT_TRUE(
      Reported(run([](F d, F s) { AscendC::WholeReduceSum<float>(d, s, 65, 1, 1, 1, 8); }), ascsim::Rule::kMaskWidth));
  EXPECT_TRUE(Reported(run([](F d, F s) { AscendC::WholeReduceSum<float>(d, s, 64, 256, 1, 1, 8); }),
                       ascsim::Rule::kParameterRange));
  EXPECT_TRUE(Reported(run([](F d, F s) { AscendC::WholeReduceSum<float>(d, s, 64, 2, 65536, 1, 8); }),
                       ascsim::Rule::kParameterRange));
  EXPECT_TRUE(Reported(run([](F d, F s) { AscendC::WholeReduceMax<float>(d[1], s, 64, 1, 1, 1, 8); }),
                       ascsim::Rule::kMisaligned));
  EXPECT_TRUE(Reported(run([](F d, F s) { AscendC::BlockReduceSum<float>(d[4], s, 1, 64, 1, 1, 8); }),
                       ascsim::Rule::kMisaligned));
  EXPECT_TRUE(Reported(run([](F d, F s) { AscendC::WholeReduceSum<float>(d, s[1], 64, 1, 1, 1, 8); }),
                       ascsim::Rule::kMisaligned));
  EXPECT_TRUE(
      Reported(run([](F, F s) { AscendC::BlockReduceSum<float>(s[64], s, 2, 64, 1, 1, 8); }), ascsim::Rule::kOverlap));
  EXPECT_TRUE(Reported(run([](F d, F s) { AscendC::ReduceSum<float>(d, s, Tensor<float>(24576, 8), 64, 20, 8); }),
                       ascsim::Rule::kOutOfBounds));
  const auto clean = run([](F, F s) { AscendC::BlockReduceSum<float>(s, s, 4, 64, 1, 1, 8); });
  EXPECT_TRUE(clean.breaches.empty()) << Text(clean);
}

}  // namespace
