// The examples' kernels with small inputs.
// SPDX-License-Identifier: Apache-2.0
#include "samples.h"

#include <map>

#include "core/machine.h"
#include "engine/launch.h"

extern "C" {
void vector_add(uint8_t* x, uint8_t* y, uint8_t* z, uint32_t count);
void row_softmax(uint8_t* x, uint8_t* y, uint32_t rows, uint32_t columns);
void gather_rows(uint8_t* table, uint8_t* index, uint8_t* y, uint32_t table_size, uint32_t count);
void histogram(uint8_t* x, uint8_t* bins, uint32_t count);
void block_reduce(uint8_t* x, uint8_t* partial, uint8_t* y, uint32_t count);
void mix_handover(uint8_t* x, uint8_t* workspace, uint8_t* y, uint32_t count);
}
extern const std::vector<Mutant> ascsim_mutants_vector_add, ascsim_mutants_row_softmax, ascsim_mutants_gather,
    ascsim_mutants_histogram, ascsim_mutants_block_reduce, ascsim_mutants_mix_handover;

namespace {
int mutant = -1;
}
int ascsim_mutant() { return mutant; }

namespace ascsim {
namespace {

// Small integers, whose sums are exact, without a period that a wrong offset could meet.
float Small(size_t i) { return static_cast<float>(i * 40503 / 128 % 61); }

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

SampleRun RunSample(const Sample& sample, int statement, const std::function<void(Instruction*)>& mutate) {
  static const Machine machine = LoadMachine("910b2");
  Buffers buffers;
  LaunchOptions options;
  options.checks = OptionsFor(CheckMode::kStrict);
  options.max_instructions = 2'000'000;
  options.progress = false;
  options.mutate = mutate;
  mutant = statement;
  Launch launch(machine, buffers.memory(), options, sample.name, sample.block_dim, sample.prepare(buffers));
  launch.Run();
  mutant = -1;
  return {launch.TakeStats(), buffers.Contents()};
}

}  // namespace ascsim
