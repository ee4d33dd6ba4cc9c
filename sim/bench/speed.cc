// How fast the simulator is: gathers and small copies on 48 cores, with and without checks.
// SPDX-License-Identifier: Apache-2.0
//
// speed [SCALE]: 1 (default) is 3 million gather repeats and 6 million copies of two bursts.
#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "core/machine.h"
#include "engine/launch.h"
#include "engine/memory.h"
#include "kernel_operator.h"

namespace {

using namespace AscendC;

constexpr uint32_t kCores = 48;

// 16 repeats an instruction, offsets anywhere in a plane of 64 KB; double-buffered results, a barrier every other one.
void Gathers(uint8_t* offsets, uint32_t instructions) {
  constexpr uint32_t kElements = 1024;
  TPipe pipe;
  TBuf<TPosition::VECCALC> buffer;
  pipe.InitBuffer(buffer, 65536 + 3 * kElements * 4);
  LocalTensor<float> all = buffer.Get<float>();
  LocalTensor<float> plane = all, out = all[16384];
  LocalTensor<uint32_t> offset = all[16384 + 2 * kElements].ReinterpretCast<uint32_t>();
  GlobalTensor<uint32_t> gm;
  gm.SetGlobalBuffer(reinterpret_cast<uint32_t*>(offsets), kElements);
  DataCopy(offset, gm, kElements);
  Duplicate(plane, 1.0f, 16384);
  SetFlag<HardEvent::MTE2_V>(EVENT_ID0);
  WaitFlag<HardEvent::MTE2_V>(EVENT_ID0);
  for (uint32_t i = 0; i < instructions; ++i) {
    if (i % 2 == 0) PipeBarrier<PIPE_V>();
    Gather(out[(i % 2) * kElements], plane, offset, 0U, kElements);
  }
}

// Two bursts of 128 bytes an instruction, an image row apart, into tiles of 64; a flag pair a tile.
void Copies(uint8_t* image, uint32_t instructions) {
  constexpr uint32_t kTile = 64, kFloats = 64;
  TPipe pipe;
  TBuf<TPosition::VECCALC> buffer;
  pipe.InitBuffer(buffer, 2 * kTile * kFloats * 4);
  LocalTensor<float> all = buffer.Get<float>();
  GlobalTensor<float> gm;
  gm.SetGlobalBuffer(reinterpret_cast<float*>(image), uint64_t{16} << 20);
  uint32_t place = static_cast<uint32_t>(GetBlockIdx()) * 7919;
  for (uint32_t i = 0; i < instructions; ++i) {
    if (i % kTile == 0) {
      SetFlag<HardEvent::V_MTE2>(EVENT_ID0);
      WaitFlag<HardEvent::V_MTE2>(EVENT_ID0);
      PipeBarrier<PIPE_MTE2>();
    }
    place = place * 1664525 + 1013904223;
    DataCopyParams params{2, 4, 1020, 0};
    DataCopy(all[(i % (2 * kTile)) * kFloats], gm[(place >> 12) % 400000 * 32], params);
  }
}

double Measure(const char* name, bool checks, double units, const std::function<void()>& kernel,
               ascsim::GlobalMemory& memory) {
  static const ascsim::Machine machine = ascsim::LoadMachine("910b2");
  ascsim::LaunchOptions options;
  options.checks = ascsim::OptionsFor(ascsim::CheckMode::kStrict);
  options.checks.enabled = checks;
  options.progress = false;
  ascsim::Launch launch(machine, memory, options, name, kCores, kernel);
  launch.Run();
  const ascsim::LaunchStats stats = launch.TakeStats();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("%-8s checks %-3s %7.2f s, %5.2f us each, %zu broken rules, peak memory %ld MB%s%s\n", name,
              checks ? "on" : "off", stats.wall_seconds, stats.wall_seconds * 1e6 / units, stats.breaches.size(),
              usage.ru_maxrss / 1024, stats.error.empty() ? "" : ", ", stats.error.c_str());
  for (const ascsim::Breach& breach : stats.breaches) std::printf("  %s\n", ascsim::Format(breach).c_str());
  return stats.wall_seconds;
}

}  // namespace

int main(int argc, char** argv) {
  const double scale = argc > 1 ? std::atof(argv[1]) : 1;
  ascsim::GlobalMemory memory(uint64_t{1} << 32);
  auto* offsets = static_cast<uint32_t*>(memory.Allocate(4096));
  for (uint32_t i = 0; i < 1024; ++i) offsets[i] = i * 2654435761U % 16384 * 4;
  auto* image = static_cast<uint8_t*>(memory.Allocate(uint64_t{64} << 20));
  const auto gathers = static_cast<uint32_t>(3e6 * scale / kCores / 16);
  const auto copies = static_cast<uint32_t>(6e6 * scale / kCores);
  for (const bool checks : {false, true}) {
    Measure(
        "gathers", checks, gathers * 16.0 * kCores, [&] { Gathers(reinterpret_cast<uint8_t*>(offsets), gathers); },
        memory);
    Measure(
        "copies", checks, copies * 1.0 * kCores, [&] { Copies(image, copies); }, memory);
  }
  return 0;
}
