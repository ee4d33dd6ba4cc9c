// Kernels whose plain C++ faults or never ends: an error of the launch with place and cause, and everything goes on.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "ascsim/ascsim.h"
#include "ascsim/runtime.h"

namespace {

// What kernels do here is what sanitizers look for.
#define PLAIN __attribute__((noinline, no_sanitize("undefined", "address")))

PLAIN uint8_t Load(uint64_t address) { return *reinterpret_cast<volatile uint8_t*>(address); }
PLAIN void Store(uint64_t address) { *reinterpret_cast<volatile uint8_t*>(address) = 1; }

PLAIN uint64_t Recurse(uint64_t depth) {
  volatile uint64_t local = depth;
  return local == ~uint64_t{0} ? 0 : Recurse(local + 1) + local;
}

// Beyond the stack and a page behind it.
PLAIN void LargeVariable() {
  volatile uint8_t bytes[size_t{700} << 10];
  bytes[0] = 1;
  static_cast<void>(bytes[1]);
}

// Not known when it is compiled.
volatile int zero = 0;

PLAIN int Divide(int a, int b) {
  volatile const int quotient = a / b;
  return quotient;
}

void Spin() {
  volatile uint32_t flag = 0;
  while (flag == 0) {
  }
}

ascsim::Options Quiet() {
  ascsim::Options options;
  options.report = ascsim::ReportLevel::kOff;
  options.progress = false;
  options.exit_status = 0;
  options.max_seconds = 20;
  return options;
}

uint64_t Address(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

class Fault : public testing::Test {
 protected:
  void SetUp() override { ascsim::Configure(Quiet()); }
  void TearDown() override {
    if (memory_ != nullptr) ascsim::Free(memory_);
    ascsim::Configure(Quiet());
  }

  void* NewMemory(size_t bytes) { return memory_ = ascsim::Allocate(bytes); }
  // Gives the memory back before the kernel runs.
  uint64_t FreedMemory(size_t bytes) {
    void* const pointer = ascsim::Allocate(bytes);
    ascsim::Free(pointer);
    return Address(pointer);
  }

  // Runs a kernel that has issued an instruction when it comes to `body`.
  static std::string ErrorOf(const std::function<void()>& body, uint32_t blocks = 1) {
    const ascsim::Result result = ascsim::Run("faulty", blocks, [&] {
      ascsim::ScalarWrite(ascsim::Space::kUB, 0, ascsim::DType::kF32, 0, {"kernel.cpp", 7});
      body();
    });
    EXPECT_FALSE(result.ok);
    return result.error;
  }

  static void Expect(const std::string& error, const std::string& part) {
    EXPECT_NE(error.find("AIV 0, block 0, after kernel.cpp:7: "), std::string::npos) << error;
    EXPECT_NE(error.find(part), std::string::npos) << error;
    // Nothing is left behind that the next one could stumble over.
    EXPECT_TRUE(ascsim::Run("good", 3, [] { ascsim::ScalarWork(10); }).ok);
  }

 private:
  void* memory_ = nullptr;
};

TEST_F(Fault, Pointers) {
  Expect(ErrorOf([] { Load(0); }), "the kernel dereferenced a null pointer (0x0)");
  Expect(ErrorOf([] { Store(0x1238); }), "the kernel dereferenced a null pointer (0x1238)");
  const uint64_t freed = FreedMemory(1000);
  Expect(ErrorOf([=] { Load(freed + 24); }), "the kernel dereferenced byte 24 of GM #1, which was freed");
  const uint64_t live = Address(NewMemory(5000));
  Expect(ErrorOf([=] { Store(live + 8192); }), "the kernel dereferenced byte 8192 of GM #2, which has 5000");
  Expect(ErrorOf([] { Load(uint64_t{1} << 46); }), "the kernel dereferenced a pointer to no memory (0x400000000000)");
#ifdef __x86_64__
  Expect(ErrorOf([] { Load(0x7ff77ff77ff77ff7); }), "the kernel dereferenced a pointer that is no address");
#endif
}

TEST_F(Fault, Stack) {
  const std::string full = "the kernel's stack of 256 KiB is full";
  Expect(ErrorOf([] { Recurse(0); }), full);
  Expect(ErrorOf([] { LargeVariable(); }), full);
}

TEST_F(Fault, Signals) {
#ifdef __x86_64__
  Expect(ErrorOf([] { Divide(7, zero); }), "the kernel divided an integer by zero");
#endif
  Expect(ErrorOf([] { __builtin_trap(); }), "the kernel came to code that the compiler holds for impossible");
  Expect(ErrorOf([] { std::abort(); }), "the kernel called abort()");
}

TEST_F(Fault, BeforeTheFirstInstruction) {
  const ascsim::Result result = ascsim::Run("early", 2, [] { Load(0); });
  EXPECT_NE(result.error.find("block 0, before its first instruction: the kernel dereferenced a null pointer"),
            std::string::npos)
      << result.error;
}

// The other cores stop where they are, and what they have is destroyed, whatever that does.
TEST_F(Fault, OneOfMany) {
  static int destroyed = 0;
  struct Guard {
    ~Guard() {
      ++destroyed;
      if (ascsim::CurrentBlock().block_idx == 2) Load(0);
    }
  };
  destroyed = 0;
  const ascsim::Result result = ascsim::Run("one", 4, [] {
    const Guard guard;
    const uint32_t block = ascsim::CurrentBlock().block_idx;
    for (uint32_t i = 0; i < 1000; ++i) {
      ascsim::ScalarWrite(ascsim::Space::kUB, i, ascsim::DType::kU8, 0, {"one.cpp", i + 1});
      if (block == 3 && i == 499) Load(16);
    }
  });
  EXPECT_NE(result.error.find("AIV 3, block 3, after one.cpp:500: "), std::string::npos) << result.error;
  EXPECT_EQ(result.errors, 0u);
  EXPECT_EQ(destroyed, 1 + 3);  // the probe's and those that did not fault
}

TEST_F(Fault, Watchdog) {
  ascsim::Options options = Quiet();
  options.max_seconds = 0.25;
  ascsim::Configure(options);
  const std::string text = "no end after 0.25 s (ASCSIM_MAX_SECONDS): a loop that never ends?";
  Expect(ErrorOf([] { Spin(); }), text);
  const std::string calls = ErrorOf([] {
    while (true) ascsim::ScalarWork(1);
  });
  EXPECT_EQ(calls, "AIV 0, block 0, kernel.cpp:7: " + text);
  const ascsim::Result early = ascsim::Run("early", 1, [] { Spin(); });
  EXPECT_NE(early.error.find(text), std::string::npos) << early.error;
}

TEST_F(Fault, KeepsWhatThereIs) {
  ascsim::Options options = Quiet();
  const std::string base = (std::filesystem::path(testing::TempDir()) / std::to_string(getpid())).string();
  options.stats = base + "stats.json";
  options.trace = base + "trace.json";
  options.max_seconds = 0.25;
  ascsim::Configure(options);
  const auto contents = [](const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  };
  for (const auto& body : {+[] { Load(0); }, +[] { Spin(); }}) {
    ErrorOf([=] {
      ascsim::ScalarRead(ascsim::Space::kUB, 64, ascsim::DType::kF32, {"kernel.cpp", 9});
      body();
    });
    for (const std::string& path : {options.stats, options.trace}) {
      EXPECT_NE(contents(path).find("uninitialised-read"), std::string::npos) << path;
      std::filesystem::remove(path);
    }
  }
}

// Handlers of the program are back when the launch is over, and get what is not the kernel's.
TEST_F(Fault, HandlersOfTheProgram) {
  static volatile std::sig_atomic_t calls = 0;
  struct sigaction mine = {}, old = {}, now = {};
  mine.sa_handler = [](int) { calls = calls + 1; };
  sigaction(SIGSEGV, &mine, &old);
  Expect(ErrorOf([] { Load(0); }), "null pointer");
  EXPECT_EQ(calls, 0);
  ascsim::Run("sent", 1, [] { raise(SIGSEGV); });
  EXPECT_EQ(calls, 2);  // the probe's, too
  sigaction(SIGSEGV, &old, &now);
  EXPECT_EQ(now.sa_handler, mine.sa_handler);
}

// A program of its own ends as a shell expects it.
TEST_F(Fault, ExitStatus) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto run = [] {
    ascsim::Options options;
    options.progress = false;
    ascsim::Configure(options);
    ascsim::Run("faulty", 1, [] { Load(0); });
    std::exit(0);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(2), "ended early: AIV 0, block 0, .*null pointer");
  // Outside of a launch nothing is caught: by the signal, or as sanitizers have it.
  EXPECT_EXIT(
      Load(0), [](int status) { return status != 0; }, "");
}

}  // namespace

// What a destructor is called for is lost when it faults: here the exception that unwinds a fiber.
extern "C" const char* __lsan_default_suppressions() { return "leak:Fault_OneOfMany"; }
