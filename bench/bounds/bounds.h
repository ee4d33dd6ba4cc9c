// Loops that do one thing as fast as the machine can: what the rates of the operator are held against.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace xmsda::bounds {

// Every loop runs over `size` floats at `data`, `passes` times, and returns how much it did, counted as named.
enum class Loop {
  kVectorLoad,  // full vectors loaded (bytes / vector size), one logical operation each
  kBroadcast,   // single floats loaded into every lane of a vector
  kFma,         // vector multiply-adds between registers; touches no memory
  kTriad,       // bytes of a = b + s * c, three equal parts of the buffer; stores bypass the caches
};

struct Work {
  double count = 0;
  float sink = 0;  // depends on everything computed
};

// `data` is aligned to 64 bytes and `size` is a multiple of 1024.
Work RunLoop(Loop loop, float* data, size_t size, int64_t passes);

// Lanes of a float vector, and the name of the SIMD target that RunLoop uses on this machine.
size_t VectorLanes();
const char* TargetName();

}  // namespace xmsda::bounds
