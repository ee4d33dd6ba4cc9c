// The examples' kernels with small inputs.
// SPDX-License-Identifier: Apache-2.0
#include "samples.h"

#include <deque>
#include <map>
#include <utility>

#include "core/machine.h"
#include "engine/launch.h"

extern "C" {
void vector_add(uint8_t* x, uint8_t* y, uint8_t* z, uint32_t count);
void row_softmax(uint8_t* x, uint8_t* y, uint32_t rows, uint32_t columns);
void gather_rows(uint8_t* table, uint8_t* index, uint8_t* y, uint32_t table_size, uint32_t count);
void histogram(uint8_t* x, uint8_t* bins, uint32_t count);
void block_reduce(uint8_t* x, uint8_t* partial, uint8_t* y, uint32_t count);
void mix_handover(uint8_t* x, uint8_t* workspace, uint8_t* y, uint32_t count);
// tests/kernels
void atomic_turns(uint8_t* x, uint8_t* total, uint8_t* y, uint8_t* workspace);
void bind_copy(uint8_t* x, uint8_t* y, uint32_t tiles);
void cross_modes(uint8_t* x, uint8_t* work, uint8_t* y, uint8_t* z, uint32_t count);
void old_forms(uint8_t* x, uint8_t* z, uint8_t* y, uint32_t tiles);
void ping_pong(uint8_t* x, uint8_t* y, uint32_t count);
void scalar_turns(uint8_t* x, uint8_t* y, uint8_t* count, uint32_t tiles);
}
extern const std::vector<Mutant> ascsim_mutants_vector_add, ascsim_mutants_row_softmax, ascsim_mutants_gather,
    ascsim_mutants_histogram, ascsim_mutants_block_reduce, ascsim_mutants_mix_handover, ascsim_mutants_atomic_turns,
    ascsim_mutants_bind_copy, ascsim_mutants_cross_modes, ascsim_mutants_old_forms, ascsim_mutants_ping_pong,
    ascsim_mutants_scalar_turns;

namespace {
int mutant = -1;
}
int ascsim_mutant() { return mutant; }
std::map<const void*, std::deque<HeldTensor>>& ascsim_held_tensors() {
  static std::map<const void*, std::deque<HeldTensor>> tensors;
  return tensors;
}

namespace ascsim {
namespace {

// Small integers, whose sums are exact, without a period that a wrong offset could meet.
float Small(size_t i) { return static_cast<float>(i * 40503 / 128 % 61); }

std::vector<Sample> Examples() {
  return {
      {"vector_add", ascsim_mutants_vector_add, 2,
       [](Buffers& b) -> std::function<void()> {
         constexpr uint32_t kCount = 4096 * 5 * 2;
         uint8_t* x = b.Make<float>(kCount, Small);
         uint8_t* y = b.Make<float>(kCount, Small);
         uint8_t* z = b.Make<float>(kCount, Small);
         return [=] { vector_add(x, y, z, kCount); };
       }},
      {"row_softmax", ascsim_mutants_row_softmax, 4,
       [](Buffers& b) -> std::function<void()> {
         uint8_t* x = b.Make<float>(20 * 100, Small);
         uint8_t* y = b.Make<float>(20 * 100, Small);
         return [=] { row_softmax(x, y, 20, 100); };
       }},
      {"gather", ascsim_mutants_gather, 3,
       [](Buffers& b) -> std::function<void()> {
         uint8_t* table = b.Make<float>(1024, Small);
         uint8_t* index = b.Make<int32_t>(2048 * 12, [](size_t i) { return static_cast<int32_t>(i * 37 % 1024); });
         uint8_t* y = b.Make<float>(2048 * 12, Small);
         return [=] { gather_rows(table, index, y, 1024, 2048 * 12); };
       }},
      {"histogram", ascsim_mutants_histogram, 2,
       [](Buffers& b) -> std::function<void()> {
         uint8_t* x = b.Make<int32_t>(1024 * 6, [](size_t i) { return static_cast<int32_t>(i * 13 % 64); });
         uint8_t* bins = b.Make<int32_t>(64, [](size_t) { return 0; });
         return [=] { histogram(x, bins, 1024 * 6); };
       }},
      {"block_reduce", ascsim_mutants_block_reduce, 4,
       [](Buffers& b) -> std::function<void()> {
         uint8_t* x = b.Make<float>(4096 * 12, Small);
         uint8_t* partial = b.Make<float>(8 * 4, Small);
         uint8_t* y = b.Make<float>(8, Small);
         return [=] { block_reduce(x, partial, y, 4096 * 12); };
       }},
      {"mix_handover", ascsim_mutants_mix_handover, 2,
       [](Buffers& b) -> std::function<void()> {
         uint8_t* x = b.Make<float>(4096 * 8, Small);
         uint8_t* workspace = b.Make<float>(4096 * 2, Small);
         uint8_t* y = b.Make<float>(4096 * 8, Small);
         return [=] { mix_handover(x, workspace, y, 4096 * 8); };
       }},
  };
}

// Kernels of tests/kernels, for what no example does.
std::vector<Sample> Others() {
  return {
      {"atomic_turns", ascsim_mutants_atomic_turns, 3,
       [](Buffers& b) -> std::function<void()> {
         uint8_t* x = b.Make<float>(64 * 3, Small);
         uint8_t* total = b.Make<float>(64, Small);
         uint8_t* y = b.Make<float>(64 * 3, Small);
         uint8_t* workspace = b.Make<int32_t>(8 * 3, [](size_t) { return 0; });
         return [=] { atomic_turns(x, total, y, workspace); };
       }},
      {"bind_copy", ascsim_mutants_bind_copy, 2,
       [](Buffers& b) -> std::function<void()> {
         uint8_t* x = b.Make<float>(512 * 5 * 2, Small);
         uint8_t* y = b.Make<float>(256 * 6 * 2, Small);
         return [=] { bind_copy(x, y, 5); };
       }},
      {"cross_modes", ascsim_mutants_cross_modes, 2,
       [](Buffers& b) -> std::function<void()> {
         uint8_t* x = b.Make<float>(256 * 4, Small);
         uint8_t* work = b.Make<float>(256 * 8, Small);
         uint8_t* y = b.Make<float>(256 * 4, Small);
         uint8_t* z = b.Make<float>(256 * 4, Small);
         return [=] { cross_modes(x, work, y, z, 256 * 4); };
       }},
      {"old_forms", ascsim_mutants_old_forms, 2,
       [](Buffers& b) -> std::function<void()> {
         const auto number = [](size_t i) { return static_cast<uint16_t>(0x3c00 + i * 40503 / 128 % 512); };
         uint8_t* x = b.Make<uint16_t>(256 * 6, number);
         uint8_t* z = b.Make<uint16_t>(256 * 6, [&](size_t i) { return number(i + 5000); });
         uint8_t* y = b.Make<uint16_t>(256 * 6, number);
         return [=] { old_forms(x, z, y, 6); };
       }},
      {"ping_pong", ascsim_mutants_ping_pong, 2,
       [](Buffers& b) -> std::function<void()> {
         uint8_t* x = b.Make<float>(256 * 10, Small);
         uint8_t* y = b.Make<float>(256 * 10, Small);
         return [=] { ping_pong(x, y, 256 * 10); };
       }},
      {"scalar_turns", ascsim_mutants_scalar_turns, 2,
       [](Buffers& b) -> std::function<void()> {
         uint8_t* x = b.Make<float>(32 * 4 * 2, Small);
         uint8_t* y = b.Make<float>(32 * 4 * 2, Small);
         uint8_t* count = b.Make<float>(16 * 2, Small);
         return [=] { scalar_turns(x, y, count, 4); };
       }},
  };
}

// By name of the sample, of its correct kernel.
std::map<std::string, Starts> starts_of_samples;

}  // namespace

std::vector<uint8_t> Buffers::Contents() const {
  std::map<uint64_t, Allocation> by_number;
  for (const auto& [address, allocation] : memory_.allocations()) by_number[allocation.number] = allocation;
  std::vector<uint8_t> bytes;
  for (const auto& [number, allocation] : by_number) {
    const auto* data = reinterpret_cast<const uint8_t*>(allocation.address);
    bytes.insert(bytes.end(), data, data + allocation.size);
  }
  return bytes;
}

std::vector<Sample> Samples() {
  std::vector<Sample> samples = Examples();
  for (Sample& sample : Others()) samples.push_back(std::move(sample));
  return samples;
}

SampleRun RunSample(const Sample& sample, int statement, const std::function<void(Instruction*)>& mutate) {
  static const Machine machine = LoadMachine("910b2");
  const bool correct = statement < 0 && !mutate;
  if (!correct && !starts_of_samples.contains(sample.name)) RunSample(sample, -1);
  Buffers buffers;
  LaunchOptions options;
  options.checks = OptionsFor(CheckMode::kStrict);
  if (mutate) ParseSeverities("cache-stale=off,cache-not-cleaned=off,cache-line-shared=off", &options.checks);
  options.max_instructions = 2'000'000;
  options.progress = false;
  RunModel model;
  options.mutate = [&](Instruction* instruction) {
    if (mutate) mutate(instruction);
    model.Issue(*instruction);
  };
  options.observe = [&](const Observed& access) { model.Access(access); };
  mutant = statement;
  ascsim_held_tensors().clear();
  Launch launch(machine, buffers.memory(), options, sample.name, sample.block_dim, sample.prepare(buffers));
  launch.Run();
  mutant = -1;
  if (correct) starts_of_samples[sample.name] = model.starts();
  return {launch.TakeStats(), buffers.Contents(), model.Judge(starts_of_samples.at(sample.name))};
}

const Starts& StartsOf(const Sample& sample) { return starts_of_samples.at(sample.name); }

}  // namespace ascsim
