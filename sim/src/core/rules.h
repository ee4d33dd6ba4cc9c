// The rules of the programming model that are checked, by name, and how severe a breach is.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace ascsim {

// Each is switched by its name, see RuleName: race-raw, uninitialised-read, ...
enum class Rule : uint8_t {
  // Order
  kRaceRaw,            // reads what an unordered instruction writes
  kRaceWar,            // overwrites what an unordered instruction reads
  kRaceWaw,            // overwrites what an unordered instruction writes
  kRaceWithinQueue,    // the same between two instructions of one queue without a PipeBarrier
  kRaceCores,          // two cores touch the same GM bytes, one writes, nothing orders them
  kFlagSetTwice,       // a set flag is set again
  kFlagLeftSet,        // still set when the kernel ends
  kFlagId,             // id outside the range of its kind
  kDeadlock,           // waits for what nobody will do
  kCrossFlagOverflow,  // cross-core counter beyond 15
  kKernelType,         // hardware synchronisation of cores in a kernel whose type has none
  // Data cache of the scalar unit
  kCacheStale,       // GetValue of a line that was written by others since it came into the cache
  kCacheNotCleaned,  // SetValue that others meet before it has been cleaned
  kCacheLineShared,  // SetValue into a line of which others write other bytes
  // Memory
  kOutOfBounds,         // outside UB, L1 or a GM allocation, or outside the tensor that was passed
  kUninitialisedRead,   // UB or L1 bytes never written
  kUndefinedOutput,     // a copy to GM takes bytes never written along with others
  kReservedUb,          // buffers in the 8 KB of UB that an instruction keeps for itself
  kUseAfterFree,        // queue buffer after FreeTensor, GM after aclrtFree
  kMisaligned,          // address or size not a multiple of what the instruction needs
  kMisalignedGather32,  // 32-bit gather at an offset that is not a multiple of 4 (works on silicon, undocumented)
  kGatherAcrossBlock,   // 32-bit gather at byte offset % 32 == 30: wrong data on silicon
  // Parameters
  kParameterRange,  // repeat, stride, count, blockLen beyond the width of its field
  kMaskWidth,       // mask of more elements than a repeat has, or of none
  kOverlap,         // source and destination overlap where the page forbids it
  kCastOverflow,    // NaN or overflow in a Cast, where asked for
  kModeLeftOn,      // counter mode or an atomic mode at the end of the kernel
  kQueueProtocol,   // AllocTensor, EnQue, DeQue, FreeTensor out of order or beyond the depth
  kCount
};
constexpr int kNumRules = static_cast<int>(Rule::kCount);

// kOff is not looked for where that saves time; a warning is reported; an error is reported and makes the launch fail.
enum class Severity : uint8_t { kOff, kWarning, kError };

// strict: the documentation to the letter, nothing inserted. auto-sync: the compiler orders V with V and S with V, MTE2
// and MTE3, as the toolkit does by default. permissive: what silicon is known to bear is a warning.
enum class CheckMode : uint8_t { kStrict, kAutoSync, kPermissive };

struct CheckOptions {
  bool enabled = true;
  CheckMode mode = CheckMode::kStrict;
  std::array<Severity, kNumRules> severity{};
  int max_reports = 100;  // distinct ones; the rest is counted
};

std::string_view RuleName(Rule rule);
// One sentence for the documentation and the report.
std::string_view RuleSummary(Rule rule);
// What mends a breach where the report has nothing more precise to say; empty for races and flags, which always have.
std::string_view RuleRemedy(Rule rule);

// Severities of a mode.
CheckOptions OptionsFor(CheckMode mode);

// "race-waw=off,deadlock=error": changes options; returns what is wrong with the text, empty when nothing.
std::string ParseSeverities(std::string_view text, CheckOptions* options);

}  // namespace ascsim
