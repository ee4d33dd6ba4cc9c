// The examples' kernels with small inputs, for tests that break them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ascsim/instruction.h"
#include "engine/memory.h"
#include "engine/stats.h"
#include "mutants.h"
#include "run_model.h"

namespace ascsim {

// Device memory that lives as long as a run.
class Buffers {
 public:
  template <class T>
  uint8_t* Make(size_t count, const std::function<T(size_t)>& value) {
    auto* data = static_cast<T*>(memory_.Allocate(count * sizeof(T)));
    for (size_t i = 0; i < count; ++i) data[i] = value(i);
    return reinterpret_cast<uint8_t*>(data);
  }
  GlobalMemory& memory() { return memory_; }
  // All bytes of all allocations, in the order in which they were made.
  std::vector<uint8_t> Contents() const;

 private:
  GlobalMemory memory_{uint64_t{1} << 30};
};

struct Sample {
  std::string name;
  const std::vector<Mutant>& mutants;
  uint32_t block_dim;
  std::function<std::function<void()>(Buffers&)> prepare;
};

std::vector<Sample> Samples();

struct SampleRun {
  LaunchStats stats;
  std::vector<uint8_t> memory;     // GM afterwards, see Buffers::Contents
  std::set<std::string> breaches;  // what RunModel finds
};

// With strict checks; `statement`: number of the statement that is left out, -1: none; `mutate`: see LaunchOptions,
// without the rules of the data cache, of which RunModel knows nothing (cache_test.cc has a model of it).
SampleRun RunSample(const Sample& sample, int statement, const std::function<void(Instruction*)>& mutate = {});

// Where the tensors of a sample start, once it has run; see RunModel.
const Starts& StartsOf(const Sample& sample);

}  // namespace ascsim
