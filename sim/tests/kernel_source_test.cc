// Kernels and their calls are found in sources of all manners of writing.
// SPDX-License-Identifier: Apache-2.0
#include "host/kernel_source.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace ascsim {
namespace {

using Kind = KernelParameter::Kind;

std::vector<std::string> Names(const std::string& source) {
  std::vector<std::string> names;
  for (const Kernel& kernel : FindKernels(source)) names.push_back(kernel.name);
  return names;
}

using List = std::vector<std::string>;

TEST(KernelSource, FindsEveryOrderOfTheSpecifiers) {
  EXPECT_EQ(Names("extern \"C\" __global__ __aicore__ void k(GM_ADDR x) {}"), List{"k"});
  EXPECT_EQ(Names("extern \"C\" __aicore__ __global__ void k(GM_ADDR x) {}"), List{"k"});
  EXPECT_EQ(Names("__global__ __vector__ void k(GM_ADDR x) {}"), List{"k"});
  EXPECT_EQ(Names("__global__ __mix__(1, 2) void k(GM_ADDR x) {}"), List{"k"});
  EXPECT_EQ(Names("extern \"C\" __global__ __attribute__((noinline)) void k(GM_ADDR x) {}"), List{"k"});
  EXPECT_EQ(Names("extern \"C\" {\n__global__ __aicore__ void a(GM_ADDR x) {}\nvoid f() {}\n"
                  "__global__ __aicore__ void b() {}\n}\n__global__ void c(void) {}"),
            (List{"a", "b", "c"}));
}

TEST(KernelSource, CommentsLineBreaksAndLiterals) {
  const std::string source =
      "// extern \"C\" __global__ __aicore__ void no1(GM_ADDR x) {}\n"
      "/* extern \"C\" __global__ __aicore__ void no2(GM_ADDR x) {} */\n"
      "#define NO3 extern \"C\" __global__ \\\n  __aicore__ void no3(GM_ADDR x) {}\n"
      "const char* no4 = \"__global__ void no4() {\";\n"
      "const char* no5 = R\"x(__global__ void no5() {)x\";\n"
      "const char no6 = '{';\n"
      "extern \"C\" /* the kernel */\n__global__ // of this file\n__aicore__\nvoid\nk\n(\n"
      "    GM_ADDR x,  // first, with a comma\n    __gm__ uint8_t* __restrict__ y /* (second) */\n)\n{\n}\n";
  const std::vector<Kernel> kernels = FindKernels(source);
  ASSERT_EQ(kernels.size(), 1u);
  EXPECT_EQ(kernels[0].name, "k");
  EXPECT_EQ(kernels[0].line, 12);
  ASSERT_EQ(kernels[0].parameters.size(), 2u);
  EXPECT_EQ(kernels[0].parameters[0].name, "x");
  EXPECT_EQ(kernels[0].parameters[1].name, "y");
  EXPECT_EQ(kernels[0].parameters[1].kind, Kind::kPointer);
}

TEST(KernelSource, LeavesOutWhatCannotBeLaunchedByName) {
  EXPECT_EQ(Names("extern \"C\" __global__ __aicore__ void k(GM_ADDR x);"), List{});
  EXPECT_EQ(Names("template <typename T> __global__ __aicore__ void k(GM_ADDR x) {}"), List{});
  EXPECT_EQ(Names("namespace a { __global__ __aicore__ void k(GM_ADDR x) {} }"), List{});
  EXPECT_EQ(Names("static __global__ __aicore__ void k(GM_ADDR x) {}"), List{});
  EXPECT_EQ(Names("struct S { void f() { int a[] = {1}; } };\nvoid __aicore__ f(int x = (1 + 2)) { if (x) {} }"),
            List{});
}

TEST(KernelSource, Parameters) {
  const std::vector<Kernel> kernels = FindKernels(
      "extern \"C\" __global__ __aicore__ void k(GM_ADDR a, const __gm__ float *b, uint32_t c, const unsigned long "
      "long d,"
      " std::int64_t e, Tiling f, const ns::Pair<int, float> g, half, float h, bool) {}");
  ASSERT_EQ(kernels.size(), 1u);
  const std::vector<KernelParameter>& p = kernels[0].parameters;
  ASSERT_EQ(p.size(), 10u);
  const std::vector<Kind> kinds = {Kind::kPointer, Kind::kPointer, Kind::kScalar, Kind::kScalar, Kind::kScalar,
                                   Kind::kOther,   Kind::kOther,   Kind::kOther,  Kind::kScalar, Kind::kScalar};
  const std::vector<std::string> names = {"a", "b", "c", "d", "e", "f", "g", "", "h", ""};
  for (size_t i = 0; i < p.size(); ++i) {
    EXPECT_EQ(p[i].kind, kinds[i]) << i;
    EXPECT_EQ(p[i].name, names[i]) << i;
  }
  EXPECT_EQ(p[2].type, "uint32_t");
  EXPECT_EQ(p[3].type, "unsigned long long");
  EXPECT_EQ(p[4].type, "std::int64_t");
}

TEST(KernelSource, OneNameTwice) {
  EXPECT_EQ(Names("#ifdef A\n__global__ void k(GM_ADDR x) {}\n#else\n__global__ void k(GM_ADDR y) {}\n#endif"),
            List{"k"});
  EXPECT_THROW(FindKernels("__global__ void k(GM_ADDR x) {}\n__global__ void k(int x) {}"), std::runtime_error);
}

TEST(KernelSource, RewritesCalls) {
  int count = 0;
  EXPECT_EQ(RewriteCalls("void f() { k<<<8, nullptr, s>>>(x, y); }", &count),
            "void f() { ::ascsim::DirectCall(k, \"k\", 8, nullptr, s)(x, y); }");
  EXPECT_EQ(count, 1);
  EXPECT_EQ(RewriteCalls("return ns::k<half, 3> <<<n,\n  l2(a, b), s>>> (x);", &count),
            "return ::ascsim::DirectCall(ns::k<half, 3>, \"ns::k<half, 3>\", n,\n  l2(a, b), s) (x);");
  EXPECT_EQ(RewriteCalls("k<A<B<int>>><<<1, 0, s>>>(x); k<<<2, 0, s>>>(y);", &count),
            "::ascsim::DirectCall(k<A<B<int>>>, \"k<A<B<int>>>\", 1, 0, s)(x); "
            "::ascsim::DirectCall(k, \"k\", 2, 0, s)(y);");
  EXPECT_EQ(count, 2);
  const std::string none =
      "// k<<<1, 2, 3>>>(x)\nauto t = \"k<<<1, 2, 3>>>(x)\"; std::vector<std::vector<int>> a; a << 3;";
  EXPECT_EQ(RewriteCalls(none, &count), none);
  EXPECT_EQ(count, 0);
}

TEST(KernelSource, EndsOnAnyInput) {
  // Every prefix and every sample without one of its characters, whatever the brackets do then.
  const std::string source =
      "extern \"C\" { __global__ __aicore__ void k(GM_ADDR a, T<int> b = {}) { x<<<1, \"(\", s>>>(R\"d()d\", '}'); } "
      "}\n"
      "#define A /* \n */ \\\n b\n";
  int count = 0;
  for (size_t i = 0; i <= source.size(); ++i) {
    std::string without = source;
    if (i < source.size()) without.erase(i, 1);
    for (const std::string& text : {source.substr(0, i), source.substr(i), without}) {
      EXPECT_LE(FindKernels(text).size(), 1u);
      EXPECT_GE(RewriteCalls(text, &count).size() + 1, text.size());
    }
  }
}

}  // namespace
}  // namespace ascsim
