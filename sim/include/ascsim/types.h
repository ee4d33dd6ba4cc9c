// What the API headers, the engine and the checks all speak of: pipes, memories, element types, source lines.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

// C++17: kernels are compiled in the dialect of the vendor's compiler, and they include this.
namespace ascsim {

// Instruction queues of a core, in the order of reports. kS is the scalar unit, which runs the program and issues to
// the others; kAll only appears as the argument of a barrier.
enum class Pipe : uint8_t { kS, kV, kM, kMTE1, kMTE2, kMTE3, kFIX, kAll };
constexpr int kNumPipes = 7;

// kGM addresses are pointers of the host process (device memory is host memory here); the others are byte offsets into
// the memory of one core.
enum class Space : uint8_t { kGM, kUB, kL1 };
constexpr int kNumSpaces = 3;

enum class DType : uint8_t { kF32, kF16, kBF16, kS64, kU64, kS32, kU32, kS16, kU16, kS8, kU8 };
constexpr int kNumDTypes = 11;

constexpr uint32_t SizeOf(DType type) {
  switch (type) {
    case DType::kS64:
    case DType::kU64:
      return 8;
    case DType::kF32:
    case DType::kS32:
    case DType::kU32:
      return 4;
    case DType::kF16:
    case DType::kBF16:
    case DType::kS16:
    case DType::kU16:
      return 2;
    case DType::kS8:
    case DType::kU8:
      return 1;
  }
  return 0;
}

// UB and L1 are moved and checked in blocks of 32 bytes; a vector repeat covers 8 of them.
constexpr uint32_t kBlockBytes = 32;
constexpr uint32_t kBlocksPerRepeat = 8;
constexpr uint32_t kRepeatBytes = kBlockBytes * kBlocksPerRepeat;

// Where in the user's source an instruction stands. As the default argument `Loc loc = Loc::Here()` of an API function
// it is the line of the call.
struct Loc {
  const char* file = nullptr;
  uint32_t line = 0;
  const char* api = nullptr;  // what the line calls, where that is not the instruction's own name
  static constexpr Loc Here(const char* file = __builtin_FILE(), uint32_t line = __builtin_LINE()) {
    return {file, line, nullptr};
  }
  static constexpr Loc Of(const char* api, const char* file = __builtin_FILE(), uint32_t line = __builtin_LINE()) {
    return {file, line, api};
  }
};

}  // namespace ascsim
