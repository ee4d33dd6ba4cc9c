// The host side: acl functions and what they do with bad arguments, launches on streams, options, platform queries.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "acl/acl.h"
#include "ascsim/ascsim.h"
#include "ascsim/launch.h"
#include "ascsim/runtime.h"
#include "host/device.h"
#include "tiling/platform/platform_ascendc.h"

// exit() on a fiber's stack hides the main stack from LeakSanitizer, which then takes all that it holds for lost.
static bool leaves_on_a_fiber = false;
extern "C" int __lsan_is_turned_off() { return leaves_on_a_fiber ? 1 : 0; }

namespace {

using ascsim::Options;

Options Quiet() {
  Options options;
  options.report = ascsim::ReportLevel::kOff;
  options.progress = false;
  options.exit_status = 0;
  return options;
}

std::string TemporaryFile(const std::string& name) {
  return (std::filesystem::path(testing::TempDir()) / (name + std::to_string(getpid()))).string();
}

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// A fresh device, acl initialised, one stream.
class Acl : public testing::Test {
 protected:
  void SetUp() override {
    ascsim::Configure(Quiet());
    ASSERT_EQ(aclInit(nullptr), ACL_SUCCESS);
    ASSERT_EQ(aclrtSetDevice(0), ACL_SUCCESS);
    ASSERT_EQ(aclrtCreateStream(&stream_), ACL_SUCCESS);
    aclGetRecentErrMsg();
    aclrtGetLastError(ACL_RT_THREAD_LEVEL);
  }
  void TearDown() override {
    aclrtResetDeviceForce(0);
    aclFinalize();
    aclGetRecentErrMsg();
  }

  // The call failed with this code and said this.
  static void Expect(aclError got, aclError want, const std::string& part) {
    EXPECT_EQ(got, want);
    const char* message = aclGetRecentErrMsg();
    ASSERT_NE(message, nullptr);
    EXPECT_NE(std::string(message).find(part), std::string::npos) << message;
  }
  static uint8_t* Allocate(size_t size) {
    void* pointer = nullptr;
    EXPECT_EQ(aclrtMalloc(&pointer, size, ACL_MEM_MALLOC_HUGE_FIRST), ACL_SUCCESS);
    return static_cast<uint8_t*>(pointer);
  }

  aclrtStream stream_ = nullptr;
};

TEST_F(Acl, Initialisation) {
  Expect(aclInit(nullptr), ACL_ERROR_REPEAT_INITIALIZE, "aclInit: acl is initialised already");
  uint64_t count = 9;
  EXPECT_EQ(aclFinalizeReference(&count), ACL_SUCCESS);
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(aclFinalize(), ACL_SUCCESS);
  Expect(aclFinalize(), ACL_ERROR_UNINITIALIZE, "aclInit has not been called");
  Expect(aclrtSetDevice(0), ACL_ERROR_UNINITIALIZE, "aclrtSetDevice: aclInit");
  Expect(aclInit("/no/such/file.json"), ACL_ERROR_INVALID_FILE, "/no/such/file.json");
  EXPECT_EQ(aclInit(""), ACL_SUCCESS);
}

TEST_F(Acl, ResetDeviceForceReleasesOnce) {
  EXPECT_EQ(aclrtSetDevice(0), ACL_SUCCESS);
  EXPECT_EQ(aclrtResetDeviceForce(0), ACL_SUCCESS);
  Expect(aclrtResetDeviceForce(0), ACL_ERROR_RT_CONTEXT_NULL, "device 0 is not in use");
  Expect(aclrtResetDevice(0), ACL_ERROR_RT_CONTEXT_NULL, "device 0 is not in use");
}

TEST_F(Acl, MessagesAreClearedAndNewestOnTop) {
  EXPECT_EQ(aclGetRecentErrMsg(), nullptr);
  aclrtFree(nullptr);
  aclrtSetDevice(3);
  EXPECT_EQ(aclrtPeekAtLastError(ACL_RT_THREAD_LEVEL), ACL_ERROR_RT_INVALID_DEVICEID);
  EXPECT_EQ(aclrtGetLastError(ACL_RT_THREAD_LEVEL), ACL_ERROR_RT_INVALID_DEVICEID);
  EXPECT_EQ(aclrtGetLastError(ACL_RT_THREAD_LEVEL), ACL_SUCCESS);
  EXPECT_STREQ(aclGetRecentErrMsg(),
               "aclrtSetDevice: deviceId: expected 0 (there is one device), got 3\n"
               "aclrtFree: devPtr: expected a pointer, got null");
  EXPECT_EQ(aclGetRecentErrMsg(), nullptr);
}

TEST_F(Acl, DeviceAndContext) {
  int32_t device = 7;
  uint32_t count = 0;
  EXPECT_EQ(aclrtGetDevice(&device), ACL_SUCCESS);
  EXPECT_EQ(device, 0);
  EXPECT_EQ(aclrtGetDeviceCount(&count), ACL_SUCCESS);
  EXPECT_EQ(count, 1u);
  EXPECT_STREQ(aclrtGetSocName(), "Ascend910B2");
  aclrtRunMode mode = ACL_DEVICE;
  EXPECT_EQ(aclrtGetRunMode(&mode), ACL_SUCCESS);
  EXPECT_EQ(mode, ACL_HOST);

  aclrtContext implicit = nullptr, explicit_one = nullptr;
  EXPECT_EQ(aclrtGetCurrentContext(&implicit), ACL_SUCCESS);
  EXPECT_EQ(aclrtCreateContext(&explicit_one, 0), ACL_SUCCESS);
  Expect(aclrtSynchronizeStream(stream_), ACL_ERROR_RT_STREAM_CONTEXT, "another context");
  EXPECT_EQ(aclrtSetCurrentContext(implicit), ACL_SUCCESS);
  EXPECT_EQ(aclrtSynchronizeStream(stream_), ACL_SUCCESS);
  Expect(aclrtDestroyContext(implicit), ACL_ERROR_RT_PARAM_INVALID, "made by aclrtSetDevice");
  EXPECT_EQ(aclrtDestroyContext(explicit_one), ACL_SUCCESS);
  Expect(aclrtDestroyContext(explicit_one), ACL_ERROR_RT_PARAM_INVALID, "destroyed before");
  Expect(aclrtSetCurrentContext(explicit_one), ACL_ERROR_RT_PARAM_INVALID, "destroyed before");

  EXPECT_EQ(aclrtSetDevice(0), ACL_SUCCESS);
  EXPECT_EQ(aclrtResetDevice(0), ACL_SUCCESS);
  EXPECT_EQ(aclrtGetDevice(&device), ACL_SUCCESS);  // set twice, reset once
  EXPECT_EQ(aclrtResetDevice(0), ACL_SUCCESS);
  Expect(aclrtGetDevice(&device), ACL_ERROR_RT_CONTEXT_NULL, "call aclrtSetDevice first");
  Expect(aclrtResetDevice(0), ACL_ERROR_RT_CONTEXT_NULL, "not in use");
}

TEST_F(Acl, Memory) {
  void* pointer = nullptr;
  Expect(aclrtMalloc(nullptr, 1, ACL_MEM_MALLOC_HUGE_FIRST), ACL_ERROR_INVALID_PARAM, "devPtr");
  Expect(aclrtMalloc(&pointer, 0, ACL_MEM_MALLOC_HUGE_FIRST), ACL_ERROR_INVALID_PARAM, "at least 1 byte");
  Expect(aclrtMalloc(&pointer, std::numeric_limits<size_t>::max(), ACL_MEM_MALLOC_HUGE_FIRST),
         ACL_ERROR_RT_MEMORY_ALLOCATION, "do not fit");
  EXPECT_EQ(pointer, nullptr);

  uint8_t* const device = Allocate(100);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(device) % 64, 0u);
  size_t free = 0, total = 0;
  EXPECT_EQ(aclrtGetMemInfo(ACL_HBM_MEM, &free, &total), ACL_SUCCESS);
  EXPECT_EQ(total - free, 128u);
  EXPECT_EQ(aclrtGetMemInfo(ACL_DDR_MEM, &free, &total), ACL_SUCCESS);
  EXPECT_EQ(total, 0u);
  Expect(aclrtFree(device + 32), ACL_ERROR_RT_PARAM_INVALID, "not the start of device memory #1 of 128 bytes");
  int local = 0;
  Expect(aclrtFree(&local), ACL_ERROR_RT_PARAM_INVALID, "no memory of aclrtMalloc");
  EXPECT_EQ(aclrtFree(device), ACL_SUCCESS);
  Expect(aclrtFree(device), ACL_ERROR_RT_PARAM_INVALID, "device memory #1 of 128 bytes, freed before");

  void* host = nullptr;
  EXPECT_EQ(aclrtMallocHost(&host, 10), ACL_SUCCESS);
  Expect(aclrtMemset(host, 20, 0, 20), ACL_ERROR_INVALID_PARAM, "10 bytes behind memory of aclrtMallocHost");
  EXPECT_EQ(aclrtFreeHost(host), ACL_SUCCESS);
  Expect(aclrtFreeHost(host), ACL_ERROR_RT_PARAM_INVALID, "freed before");
}

TEST_F(Acl, Copies) {
  uint8_t* const device = Allocate(64);
  std::vector<uint8_t> from(64), to(64);
  for (size_t i = 0; i < 64; ++i) from[i] = static_cast<uint8_t>(i * 3);
  EXPECT_EQ(aclrtMemcpy(device, 64, from.data(), 64, ACL_MEMCPY_HOST_TO_DEVICE), ACL_SUCCESS);
  EXPECT_EQ(aclrtMemcpyAsync(to.data(), 64, device, 64, ACL_MEMCPY_DEVICE_TO_HOST, stream_), ACL_SUCCESS);
  EXPECT_EQ(from, to);
  EXPECT_EQ(aclrtMemset(device, 64, 0xAB, 8), ACL_SUCCESS);
  EXPECT_EQ(device[7], 0xAB);
  EXPECT_EQ(device[8], 24);
  EXPECT_EQ(aclGetRecentErrMsg(), nullptr);

  Expect(aclrtMemcpy(device, 8, from.data(), 16, ACL_MEMCPY_HOST_TO_DEVICE), ACL_ERROR_INVALID_PARAM, "destMax");
  Expect(aclrtMemcpy(device + 60, 64, from.data(), 16, ACL_MEMCPY_HOST_TO_DEVICE), ACL_ERROR_INVALID_PARAM,
         "dst: 16 bytes from byte 60 of device memory #1 of 64 bytes end 12 bytes behind it");
  Expect(aclrtMemcpy(nullptr, 8, from.data(), 8, ACL_MEMCPY_HOST_TO_DEVICE), ACL_ERROR_INVALID_PARAM, "dst");
  Expect(aclrtMemcpy(device, 8, nullptr, 8, ACL_MEMCPY_HOST_TO_DEVICE), ACL_ERROR_INVALID_PARAM, "src");
  Expect(aclrtMemcpy(device, 8, from.data(), 8, static_cast<aclrtMemcpyKind>(6)), ACL_ERROR_INVALID_PARAM, "kind");
  Expect(aclrtMemcpyAsync(to.data(), 8, from.data(), 8, ACL_MEMCPY_HOST_TO_HOST, stream_),
         ACL_ERROR_RT_FEATURE_NOT_SUPPORT, "HOST_TO_HOST");
  testing::internal::CaptureStderr();
  EXPECT_EQ(aclrtMemcpyAsync(device + 8, 8, device, 8, ACL_MEMCPY_DEVICE_TO_DEVICE, stream_), ACL_SUCCESS);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("64-byte aligned"), std::string::npos);
  Expect(aclrtMemset(device, 8, 0, 9), ACL_ERROR_INVALID_PARAM, "maxCount");
  EXPECT_EQ(aclrtFree(device), ACL_SUCCESS);
  Expect(aclrtMemcpy(to.data(), 64, device, 64, ACL_MEMCPY_DEVICE_TO_HOST), ACL_ERROR_INVALID_PARAM, "freed before");
}

TEST_F(Acl, Copies2d) {
  uint8_t* const device = Allocate(4 * 16);
  std::vector<uint8_t> from(3 * 4);
  Expect(aclrtMemcpy2dAsync(device, 1, from.data(), 1, 1, 5242881, ACL_MEMCPY_HOST_TO_DEVICE, stream_),
         ACL_ERROR_INVALID_PARAM, "height: expected at most 5242880");
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<uint8_t>(i + 1);
  EXPECT_EQ(aclrtMemset(device, 64, 0, 64), ACL_SUCCESS);
  EXPECT_EQ(aclrtMemcpy2d(device, 16, from.data(), 3, 3, 4, ACL_MEMCPY_HOST_TO_DEVICE), ACL_SUCCESS);
  for (size_t row = 0; row < 4; ++row) {
    for (size_t column = 0; column < 16; ++column) {
      EXPECT_EQ(device[row * 16 + column], column < 3 ? row * 3 + column + 1 : 0u);
    }
  }
  Expect(aclrtMemcpy2d(device, 16, from.data(), 2, 3, 4, ACL_MEMCPY_HOST_TO_DEVICE), ACL_ERROR_INVALID_PARAM, "spitch");
  Expect(aclrtMemcpy2d(device, 16, from.data(), 3, 3, 5, ACL_MEMCPY_HOST_TO_DEVICE), ACL_ERROR_INVALID_PARAM, "dst");
  Expect(aclrtMemcpy2d(device, 16, device, 16, 3, 4, ACL_MEMCPY_DEVICE_TO_DEVICE), ACL_ERROR_RT_FEATURE_NOT_SUPPORT,
         "kind");
  EXPECT_EQ(aclrtFree(device), ACL_SUCCESS);
}

TEST_F(Acl, StreamsAndEvents) {
  aclrtStream other = nullptr;
  EXPECT_EQ(aclrtCreateStreamWithConfig(&other, 0, ACL_STREAM_FAST_LAUNCH | ACL_STREAM_FAST_SYNC), ACL_SUCCESS);
  EXPECT_EQ(aclrtDestroyStream(other), ACL_SUCCESS);
  Expect(aclrtDestroyStream(other), ACL_ERROR_RT_PARAM_INVALID, "destroyed before");
  Expect(aclrtSynchronizeStream(other), ACL_ERROR_RT_PARAM_INVALID, "destroyed before");
  Expect(aclrtSynchronizeStreamWithTimeout(stream_, 0), ACL_ERROR_INVALID_PARAM, "timeout");
  EXPECT_EQ(aclrtSynchronizeStreamWithTimeout(stream_, 1000), ACL_SUCCESS);
  EXPECT_EQ(aclrtSynchronizeStream(nullptr), ACL_SUCCESS);  // the default stream

  aclrtEvent start = nullptr, end = nullptr;
  EXPECT_EQ(aclrtCreateEvent(&start), ACL_SUCCESS);
  EXPECT_EQ(aclrtCreateEventWithFlag(&end, ACL_EVENT_TIME_LINE), ACL_SUCCESS);
  float ms = -1;
  EXPECT_EQ(aclrtRecordEvent(start, stream_), ACL_SUCCESS);
  Expect(aclrtEventElapsedTime(&ms, start, end), ACL_ERROR_RT_PARAM_INVALID, "aclrtRecordEvent");
  EXPECT_EQ(ascsim::LaunchOnStream("work", 1, stream_, [] { ascsim::ScalarWork(1.8e6); }), 0u);
  EXPECT_EQ(aclrtRecordEvent(end, stream_), ACL_SUCCESS);
  EXPECT_EQ(aclrtSynchronizeEvent(end), ACL_SUCCESS);
  EXPECT_EQ(aclrtEventElapsedTime(&ms, start, end), ACL_SUCCESS);
  EXPECT_GE(ms, 1.0f);  // 1.8 M cycles at 1.8 GHz, and the launch
  EXPECT_LT(ms, 1.05f);
  EXPECT_EQ(aclrtDestroyEvent(start), ACL_SUCCESS);
  Expect(aclrtDestroyEvent(start), ACL_ERROR_RT_PARAM_INVALID, "destroyed before");
  Expect(aclrtRecordEvent(nullptr, stream_), ACL_ERROR_RT_PARAM_INVALID, "null");
  EXPECT_EQ(aclrtDestroyEvent(end), ACL_SUCCESS);
}

TEST_F(Acl, FailedKernelShowsAtTheNextSynchronisation) {
  EXPECT_EQ(ascsim::LaunchOnStream("bad", 1, stream_, [] { throw std::runtime_error("no such row"); }), 0u);
  EXPECT_EQ(aclrtSynchronizeStream(nullptr), ACL_SUCCESS);  // another stream
  Expect(aclrtSynchronizeStream(stream_), ACL_ERROR_RT_VECTOR_CORE_EXCEPTION, "kernel bad failed");
  EXPECT_EQ(aclrtSynchronizeStream(stream_), ACL_SUCCESS);
  ascsim::LaunchOnStream("bad", 1, stream_, [] { throw std::runtime_error("no such row"); });
  Expect(aclrtSynchronizeDevice(), ACL_ERROR_RT_VECTOR_CORE_EXCEPTION, "no such row");
  ascsim::LaunchOnStream("bad", 1, stream_, [] { throw 1; });
  Expect(aclrtDestroyStream(stream_), ACL_ERROR_RT_VECTOR_CORE_EXCEPTION, "kernel bad failed");
  EXPECT_EQ(ascsim::Device::Instance().failed_launches(), 3u);
}

TEST_F(Acl, BlockDimension) {
  EXPECT_EQ(ascsim::LaunchOnStream("k", 0, stream_, [] {}), static_cast<uint32_t>(ACL_ERROR_RT_PARAM_INVALID));
  Expect(aclrtGetLastError(ACL_RT_THREAD_LEVEL), ACL_ERROR_RT_PARAM_INVALID,
         "k: block dimension: expected 1 to 65535, got 0");
  EXPECT_EQ(ascsim::LaunchOnStream("k", 65536, stream_, [] {}), static_cast<uint32_t>(ACL_ERROR_RT_PARAM_INVALID));
  EXPECT_EQ(ascsim::Device::Instance().failed_launches(), 2u);
}

TEST_F(Acl, ScalarTypes) {
  for (const float value : {0.0f, 1.0f, -2.5f, 65504.0f, 6e-8f}) {
    EXPECT_NEAR(aclFloat16ToFloat(aclFloatToFloat16(value)), value, std::abs(value) * 0.01f);
  }
  EXPECT_EQ(aclFloatToFloat16(1.0f), 0x3C00);
  EXPECT_EQ(aclDataTypeSize(ACL_FLOAT16), 2u);
  EXPECT_EQ(aclDataTypeSize(ACL_COMPLEX128), 16u);
  EXPECT_EQ(aclDataTypeSize(ACL_DT_UNDEFINED), 0u);
}

struct Tiling {
  uint32_t count;
  float scale;
};

TEST_F(Acl, ArgumentsOfUnknownType) {
  const Tiling tiling = {7, 0.5f};
  float value = 3;
  const ascsim::PointerArgument pointer(&value);
  float* typed = pointer;
  EXPECT_EQ(typed, &value);
  const ascsim::ValueArgument argument(&tiling, sizeof(tiling), "k", "2 (tiling)");
  const Tiling copy = argument;
  EXPECT_EQ(copy.count, 7u);
  EXPECT_THROW(static_cast<void>(static_cast<uint16_t>(argument)), std::invalid_argument);
}

TEST_F(Acl, DirectCall) {
  static uint32_t blocks = 0;
  static float seen = 0;
  void (*kernel)(uint8_t*, float) = [](uint8_t*, float scale) {
    ascsim::ScalarWork(1);
    blocks = ascsim::CurrentBlock().block_num;
    seen = scale;
  };
  ascsim::DirectCall(kernel, "kernel", 3, nullptr, stream_)(static_cast<uint8_t*>(nullptr), 2.0f);
  EXPECT_EQ(blocks, 3u);
  EXPECT_EQ(seen, 2.0f);
}

TEST_F(Acl, Platform) {
  auto* const platform = platform_ascendc::PlatformAscendCManager::GetInstance();
  ASSERT_NE(platform, nullptr);
  EXPECT_EQ(platform->GetCoreNum(), 48u);
  EXPECT_EQ(platform->GetCoreNumAiv(), 48u);
  EXPECT_EQ(platform->GetCoreNumAic(), 24u);
  EXPECT_EQ(platform->GetCoreNumVector(), 0u);
  EXPECT_EQ(platform->GetSocVersion(), platform_ascendc::SocVersion::ASCEND910B);
  uint64_t bytes = 0;
  platform->GetCoreMemSize(platform_ascendc::CoreMemType::UB, bytes);
  EXPECT_EQ(bytes, 192u << 10);
  platform->GetCoreMemSize(platform_ascendc::CoreMemType::L1, bytes);
  EXPECT_EQ(bytes, 512u << 10);
  EXPECT_EQ(platform->CalcTschBlockDim(48, 24, 48), 24u);
  EXPECT_EQ(platform->CalcTschBlockDim(5, 24, 48), 3u);
  EXPECT_EQ(platform->CalcTschBlockDim(5, 0, 48), 5u);
}

TEST(Options, Results) {
  ascsim::Configure(Quiet());
  const ascsim::Result good = ascsim::Run("good", 2, [] { ascsim::ScalarWork(1000); });
  EXPECT_TRUE(good.ok) << good.error;
  EXPECT_GE(good.cycles, 1000);
  EXPECT_NEAR(good.microseconds, good.cycles / 1800, 1e-6);
  const ascsim::Result bad = ascsim::Run("bad", 2, [] { throw std::runtime_error("oh"); });
  EXPECT_FALSE(bad.ok);
  EXPECT_NE(bad.error.find("oh"), std::string::npos);
  // Null GM.
  const ascsim::Result null = ascsim::Run(
      "null", 1, [] { ascsim::ScalarRead(ascsim::Space::kGM, 0, ascsim::DType::kF32, ascsim::Loc::Here()); });
  EXPECT_FALSE(null.ok);
  EXPECT_GE(null.errors, 1u);
}

TEST(Options, AVariantIsItsChipToHosts) {
  ascsim::Options options = Quiet();
  options.chip = "910b2-slow-atomics";
  ascsim::Configure(options);
  EXPECT_STREQ(aclrtGetSocName(), "Ascend910B2");
  ascsim::Configure(Quiet());
}

TEST(Options, Refused) {
  const auto refused = [](void (*change)(Options*), const std::string& part) {
    Options options = Quiet();
    change(&options);
    try {
      ascsim::Configure(options);
      ADD_FAILURE() << "accepted: " << part;
    } catch (const ascsim::Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  refused([](Options* o) { o->chip = "910z"; }, "910z");
  refused([](Options* o) { o->set = "no.such.constant=3"; }, "no.such.constant");
  refused([](Options* o) { o->check = "stern"; }, "ASCSIM_CHECK: expected strict, auto-sync, permissive or off");
  refused([](Options* o) { o->rules = "race-raw=loud"; }, "ASCSIM_RULES");
  refused([](Options* o) { o->trace = "/no/such/folder/t.json"; }, "ASCSIM_TRACE");
  refused([](Options* o) { o->stats = "/no/such/folder/s.json"; }, "ASCSIM_STATS");
  refused([](Options* o) { o->reserved_ub_bytes = 1 << 20; }, "ASCSIM_RESERVED_UB");
  EXPECT_EQ(ascsim::NormaliseChip("Ascend910B3"), "910b3");
  EXPECT_EQ(ascsim::NormaliseChip("./My.toml"), "./My.toml");
}

TEST(Options, NotWhileMemoryIsInUse) {
  ascsim::Configure(Quiet());
  void* const memory = ascsim::Allocate(100);
  EXPECT_THROW(ascsim::Configure(Quiet()), ascsim::Error);
  EXPECT_TRUE(ascsim::Free(memory));
  EXPECT_FALSE(ascsim::Free(memory));
  ascsim::Configure(Quiet());
}

TEST(Options, FilesAndTables) {
  Options options = Quiet();
  options.stats = TemporaryFile("stats");
  options.trace = TemporaryFile("trace");
  options.log = TemporaryFile("log");
  options.report = ascsim::ReportLevel::kFull;
  options.tables = 2;
  ascsim::Configure(options);
  for (int i = 0; i < 4; ++i) ascsim::Run("often", 1, [] { ascsim::ScalarWork(10); });
  ascsim::Run("often", 1, [] { throw std::runtime_error("the fifth"); });
  ascsim::Flush();
  EXPECT_NE(Contents(options.stats).find("\"launches\""), std::string::npos);
  EXPECT_NE(Contents(options.stats).find("the fifth"), std::string::npos);
  EXPECT_FALSE(Contents(options.trace).empty());
  ascsim::Configure(Quiet());  // closes the log
  const std::string log = Contents(options.log);
  size_t tables = 0;
  for (size_t at = log.find("ascsim: often on"); at != std::string::npos; at = log.find("ascsim: often on", at + 1)) {
    ++tables;
  }
  EXPECT_EQ(tables, 3u) << log;  // two, and the one with an error
  EXPECT_NE(log.find("further launches"), std::string::npos);
  for (const std::string& path : {options.stats, options.trace, options.log}) std::filesystem::remove(path);
}

// In processes of their own: the environment is read once.
class Environment : public testing::Test {
 protected:
  static void Set(const char* name, const char* value) { setenv(name, value, 1); }
  static void Use() {
    ascsim::Device::InstanceOrExit();
    std::exit(0);
  }
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(Environment, MalformedValuesEndTheProgramWithOneLine) {
  const auto exits = [](const char* name, const char* value, const char* message) {
    EXPECT_EXIT(
        {
          Set(name, value);
          aclInit(nullptr);
          std::exit(0);
        },
        testing::ExitedWithCode(2), message);
  };
  exits("ASCSIM_CHIP", "910z", "ascsim: error: .*910z");
  exits("ASCSIM_CHECK", "maybe", "ASCSIM_CHECK: expected strict");
  exits("ASCSIM_RULES", "no-rule=off", "ASCSIM_RULES: .*no-rule");
  exits("ASCSIM_MAX_SECONDS", "soon", "ASCSIM_MAX_SECONDS: expected seconds");
  exits("ASCSIM_MAX_INSTRUCTIONS", "-3", "ASCSIM_MAX_INSTRUCTIONS: expected a number");
  exits("ASCSIM_TRACE", "/no/such/folder/t.json", "ASCSIM_TRACE: expected a file that can be written");
  exits("ASCSIM_REPORT", "some", "ASCSIM_REPORT: expected full, errors or off");
  exits("ASCSIM_EXIT", "300", "ASCSIM_EXIT: expected an exit status");
}

TEST_F(Environment, ValuesArrive) {
  EXPECT_EXIT(
      {
        Set("ASCSIM_CHIP", "Ascend910B4");
        Set("ASCSIM_MAX_INSTRUCTIONS", "2G");
        Set("ASCSIM_QUIET", "1");
        const ascsim::Options options = ascsim::OptionsFromEnvironment();
        const bool good = options.max_instructions == 2'000'000'000 && options.report == ascsim::ReportLevel::kOff &&
                          !options.progress && ascsim::Device::Instance().machine().vector_cores == 40 &&
                          ascsim::Device::Instance().soc_name() == "Ascend910B4";
        std::exit(good ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
  EXPECT_EXIT(
      {
        Set("ASCSIM_CHPI", "910b3");
        Use();
      },
      testing::ExitedWithCode(0), "ASCSIM_CHPI in the environment is no variable");
}

TEST_F(Environment, ExitStatus) {
  const auto run = [](int status) {
    ascsim::Run("bad", 1, [] { throw std::runtime_error("oh"); });
    std::exit(status);
  };
  EXPECT_EXIT(run(0), testing::ExitedWithCode(2), "exit status 2");
  EXPECT_EXIT(run(5), testing::ExitedWithCode(5), "bad");
  EXPECT_EXIT(
      {
        Set("ASCSIM_EXIT", "0");
        run(0);
      },
      testing::ExitedWithCode(0), "oh");
  EXPECT_EXIT(
      {
        Set("ASCSIM_EXIT", "9");
        run(0);
      },
      testing::ExitedWithCode(9), "exit status 9");
}

TEST_F(Environment, ExitInsideAKernel) {
  for (const int status : {0, 3}) {
    EXPECT_EXIT(
        {
          leaves_on_a_fiber = true;
          ascsim::Run("leaves", 1, [status] {
            ascsim::ScalarWork(1);
            std::exit(status);
          });
          std::exit(0);
        },
        testing::ExitedWithCode(status == 0 ? 2 : 3), "the kernel called exit\\(" + std::to_string(status));
  }
}

TEST_F(Environment, LaunchOnABadStream) {
  EXPECT_EXIT(
      {
        int none = 0;
        ascsim::LaunchOnStream("kernel", 1, &none, [] {});
        std::exit(0);
      },
      testing::ExitedWithCode(2), "1 launch");
}

TEST_F(Environment, Watchdog) {
  EXPECT_EXIT(
      {
        Set("ASCSIM_MAX_SECONDS", "0.2");
        ascsim::Run("endless", 1, [] {
          while (true) ascsim::ScalarWork(1);
        });
        std::exit(0);
      },
      testing::ExitedWithCode(2), "never ends");
}

TEST_F(Environment, PlatformChoosesTheChip) {
  EXPECT_EXIT(
      {
        auto* const platform = platform_ascendc::PlatformAscendCManager::GetInstance("Ascend910B3");
        std::exit(platform->GetCoreNumAiv() == 40 && platform->GetCoreNumAic() == 20 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
  EXPECT_EXIT(platform_ascendc::PlatformAscendCManager::GetInstance("Ascend1"), testing::ExitedWithCode(2), "Ascend1");
}

}  // namespace
