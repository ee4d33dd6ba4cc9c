// Microbenchmarks of the chip: gathers in UB and from GM, atomic additions by cores. Prints JSON.
// SPDX-License-Identifier: Apache-2.0
//
// acl and the launch macro only, so that the same file measures a device once the toolkit builds it. Times come from
// events; most are the difference of a run and one half as long, without the launch.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "acl/acl.h"
#include "aclrtlaunch_micro_scatter.h"
#include "aclrtlaunch_validate_gm_gather.h"
#include "aclrtlaunch_validate_ub_gather.h"

namespace {

constexpr uint32_t kCores = 48;

void Check(const char* what, int error) {
  if (error == ACL_SUCCESS) return;
  std::fprintf(stderr, "micro: %s: error %d: %s\n", what, error, aclGetRecentErrMsg());
  std::exit(1);
}

class Device {
 public:
  Device() {
    Check("aclInit", aclInit(nullptr));
    Check("aclrtSetDevice", aclrtSetDevice(0));
    Check("aclrtCreateStream", aclrtCreateStream(&stream_));
    Check("aclrtCreateEvent", aclrtCreateEvent(&begin_));
    Check("aclrtCreateEvent", aclrtCreateEvent(&end_));
  }
  ~Device() {
    if (memory_ != nullptr) (void)aclrtFree(memory_);
    (void)aclrtDestroyEvent(begin_);
    (void)aclrtDestroyEvent(end_);
    (void)aclrtDestroyStream(stream_);
    (void)aclrtResetDevice(0);
    (void)aclFinalize();
  }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // Zeros, for one kernel at a time.
  void* Memory(size_t bytes) {
    if (bytes > size_) {
      if (memory_ != nullptr) Check("aclrtFree", aclrtFree(memory_));
      Check("aclrtMalloc", aclrtMalloc(&memory_, bytes, ACL_MEM_MALLOC_HUGE_FIRST));
      size_ = bytes;
    }
    Check("aclrtMemset", aclrtMemset(memory_, bytes, 0, bytes));
    return memory_;
  }

  float Milliseconds(const std::function<uint32_t(void*)>& launch) {
    Check("aclrtRecordEvent", aclrtRecordEvent(begin_, stream_));
    Check("launch", static_cast<int>(launch(stream_)));
    Check("aclrtRecordEvent", aclrtRecordEvent(end_, stream_));
    Check("aclrtSynchronizeStream", aclrtSynchronizeStream(stream_));
    float ms = 0;
    Check("aclrtEventElapsedTime", aclrtEventElapsedTime(&ms, begin_, end_));
    return ms;
  }

 private:
  aclrtStream stream_ = nullptr;
  aclrtEvent begin_ = nullptr, end_ = nullptr;
  void* memory_ = nullptr;
  size_t size_ = 0;
};

// GB/s of a kernel that moves `bytes` for each of `count` steps.
double Bandwidth(Device* device, uint32_t count, double bytes, const std::function<uint32_t(void*, uint32_t)>& launch) {
  const double half = double{device->Milliseconds([&](void* stream) { return launch(stream, count / 2); })};
  const double whole = double{device->Milliseconds([&](void* stream) { return launch(stream, count); })};
  return bytes * (count - count / 2) / (whole - half) * 1e-6;
}

double UbGather(Device* device) {
  void* const ticks = device->Memory(512);
  return Bandwidth(device, 200, double{kCores} * 64 * 256, [&](void* stream, uint32_t count) {
    return ACLRT_LAUNCH_KERNEL(validate_ub_gather)(kCores, stream, ticks, count);
  });
}

// One run that finds nothing in L2, launch included: a second one would meet lines of the first.
double GmGather(Device* device) {
  constexpr uint64_t kLines = uint64_t{1} << 20;
  constexpr uint32_t kCount = 20000;
  void* const table = device->Memory(kLines * 512);
  const float ms = device->Milliseconds(
      [&](void* stream) { return ACLRT_LAUNCH_KERNEL(validate_gm_gather)(kCores, stream, table, kLines, kCount); });
  return double{kCores} * kCount * 32 / double{ms} * 1e-6;
}

struct Scatter {
  const char* name;
  uint32_t order, merged;
};

double ScatterOf(Device* device, const Scatter& how, uint32_t cores, uint32_t count) {
  constexpr uint32_t kHeight = 100, kWidth = 168;  // the largest level of Deformable-DETR
  void* const image = device->Memory(size_t{kHeight} * kWidth * 128);
  return Bandwidth(device, count, 512.0 * cores, [&](void* stream, uint32_t samples) {
    return ACLRT_LAUNCH_KERNEL(micro_scatter)(cores, stream, image, kHeight, kWidth, samples, how.order, how.merged);
  });
}

}  // namespace

// micro [samples of a core]
int main(int argc, char** argv) {
  const long samples = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 1000;
  if (samples < 2 || samples > 1000000) {
    std::fprintf(stderr, "micro: samples: expected 2 to 1000000, got \"%s\"\n", argv[1]);
    return 2;
  }
  Device device;
  std::printf("{\n  \"ub_gather\": %.1f,\n  \"gm_gather\": %.1f,\n  \"scatter\": [", UbGather(&device),
              GmGather(&device));
  const Scatter ways[] = {{"together", 0, 0},
                          {"together, merged", 0, 1},
                          {"apart", 1, 0},
                          {"apart, merged", 1, 1},
                          {"random, merged", 2, 1}};
  const char* separator = "\n";
  for (const Scatter& how : ways) {
    for (const uint32_t cores : {1u, 2u, 4u, 8u, 16u, 24u, 32u, 40u, 48u}) {
      const double bandwidth = ScatterOf(&device, how, cores, static_cast<uint32_t>(samples));
      std::printf("%s    {\"order\": \"%s\", \"cores\": %u, \"gb_per_s\": %.2f}", separator, how.name, cores,
                  bandwidth);
      separator = ",\n";
    }
  }
  std::printf("\n  ]\n}\n");
  return 0;
}
