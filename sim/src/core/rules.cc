// Names, summaries and severities of the rules.
// SPDX-License-Identifier: Apache-2.0
#include "core/rules.h"

namespace ascsim {
namespace {

struct RuleText {
  Rule rule;
  std::string_view name;
  std::string_view summary;
};

constexpr std::array<RuleText, kNumRules> kTexts = {{
    {Rule::kRaceRaw, "race-raw", "An instruction reads bytes that an unordered instruction of another queue writes."},
    {Rule::kRaceWar, "race-war",
     "An instruction overwrites bytes that an unordered instruction of another queue still reads."},
    {Rule::kRaceWaw, "race-waw", "Two unordered instructions of different queues write the same bytes."},
    {Rule::kRaceWithinQueue, "race-within-queue",
     "Two instructions of one queue touch the same bytes, one of them writing, without a PipeBarrier between them."},
    {Rule::kRaceCores, "race-cores",
     "Two blocks touch the same GM bytes, one of them writing, and neither SyncAll nor a cross-core flag orders them."},
    {Rule::kFlagSetTwice, "flag-set-twice", "A flag is set again before it has been waited for."},
    {Rule::kFlagLeftSet, "flag-left-set",
     "A flag is still set when the kernel ends, or a cross-core flag that its partners never set."},
    {Rule::kFlagId, "flag-id", "The id of a flag is outside the range of its kind."},
    {Rule::kDeadlock, "deadlock", "A core waits for something that no core will do."},
    {Rule::kCrossFlagOverflow, "cross-flag-overflow", "The counter of a cross-core flag is driven beyond 15."},
    {Rule::kKernelType, "kernel-type",
     "SyncAll (without a workspace) or CrossCoreSetFlag of mode 0 in a kernel of one kind of core that is not of type "
     "KERNEL_TYPE_MIX_AIV_1_0 or KERNEL_TYPE_MIX_AIC_1_0."},
    {Rule::kCacheStale, "cache-stale",
     "GetValue reads a line of GM that the core's data cache has held since before a copy or another core wrote it."},
    {Rule::kCacheNotCleaned, "cache-not-cleaned",
     "A copy or another core touches GM bytes that a SetValue left in the data cache, not cleaned since."},
    {Rule::kCacheLineShared, "cache-line-shared",
     "SetValue changes a line of 64 bytes of which a copy or another core writes other bytes: it is written back "
     "whole."},
    {Rule::kOutOfBounds, "out-of-bounds",
     "An access lies outside UB, L1 or a GM allocation, or outside the tensor that was passed."},
    {Rule::kUninitialisedRead, "uninitialised-read", "UB or L1 bytes are read that the block has never written."},
    {Rule::kUndefinedOutput, "undefined-output",
     "A copy to GM takes along bytes that the block has never written, beside some that it has (with none that it has: "
     "uninitialised-read)."},
    {Rule::kReservedUb, "reserved-ub",
     "A Select of mode 1 or 2 runs while buffers of InitBuffer reach into the last 8 KB of UB, which it works in."},
    {Rule::kUseAfterFree, "use-after-free",
     "A queue buffer is used after FreeTensor, or GM memory after it was freed by the host."},
    {Rule::kMisaligned, "misaligned", "An address or size is not a multiple of what the instruction needs."},
    {Rule::kMisalignedGather32, "misaligned-gather32",
     "A 32-bit gather has a byte offset that is no multiple of 4: it works on silicon, but is not documented."},
    {Rule::kGatherAcrossBlock, "gather-across-block",
     "A 32-bit gather reads across the end of a 32-byte block, for which silicon returns wrong data."},
    {Rule::kParameterRange, "parameter-range",
     "A parameter is beyond the width of the instruction's field, is none that the instruction takes, or names cores "
     "that the kernel does not have."},
    {Rule::kMaskWidth, "mask-width", "A mask selects more elements than a repeat has, or none."},
    {Rule::kOverlap, "overlap", "Source and destination overlap where the instruction forbids it."},
    {Rule::kCastOverflow, "cast-overflow", "A Cast meets a NaN or a value that its target type cannot hold."},
    {Rule::kModeLeftOn, "mode-left-on",
     "Counter mode (SetMaskCount) or an atomic mode is still on when the kernel ends."},
    {Rule::kQueueProtocol, "queue-protocol",
     "AllocTensor, EnQue, DeQue and FreeTensor are called out of order or beyond the depth of the queue."},
}};

constexpr bool InOrder() {
  for (size_t i = 0; i < kTexts.size(); ++i) {
    if (kTexts[i].rule != static_cast<Rule>(i)) return false;
  }
  return true;
}
static_assert(InOrder());

// Shipped kernels do these and give right results: partly computed tail lanes, Brcb and the like in place, overlapping
// stores of an in-order queue, a last flag that nobody waits for, SyncAll without a kernel type, buffers in all of UB.
constexpr std::array kBorneBySilicon = {Rule::kRaceWithinQueue, Rule::kFlagLeftSet,        Rule::kUninitialisedRead,
                                        Rule::kMaskWidth,       Rule::kMisalignedGather32, Rule::kOverlap,
                                        Rule::kKernelType,      Rule::kReservedUb};

bool ParseSeverity(std::string_view text, Severity* severity) {
  if (text == "off") {
    *severity = Severity::kOff;
  } else if (text == "warning") {
    *severity = Severity::kWarning;
  } else if (text == "error") {
    *severity = Severity::kError;
  } else {
    return false;
  }
  return true;
}

std::string ParseOne(std::string_view item, CheckOptions* options) {
  const size_t equals = item.find('=');
  if (equals == std::string_view::npos) {
    return "expected rule=severity, got \"" + std::string(item) + "\"";
  }
  const std::string_view name = item.substr(0, equals), value = item.substr(equals + 1);
  Severity severity = Severity::kError;
  if (!ParseSeverity(value, &severity)) {
    return "severity of " + std::string(name) + ": expected off, warning or error, got \"" + std::string(value) + "\"";
  }
  if (name == "all") {
    options->severity.fill(severity);
    return "";
  }
  for (const RuleText& text : kTexts) {
    if (text.name != name) continue;
    options->severity[static_cast<size_t>(text.rule)] = severity;
    return "";
  }
  std::string known = "all";
  for (const RuleText& text : kTexts) known += ", " + std::string(text.name);
  return "no rule \"" + std::string(name) + "\"; expected one of " + known;
}

}  // namespace

std::string_view RuleName(Rule rule) {
  const auto i = static_cast<size_t>(rule);
  return i < kTexts.size() ? kTexts[i].name : "?";
}

std::string_view RuleSummary(Rule rule) {
  const auto i = static_cast<size_t>(rule);
  return i < kTexts.size() ? kTexts[i].summary : "?";
}

std::string_view RuleRemedy(Rule rule) {
  switch (rule) {
    case Rule::kOutOfBounds:
      return "shorten the access, or make the buffer as large as what it is used for";
    case Rule::kUninitialisedRead:
      return "write the bytes first, or process fewer elements";
    case Rule::kUndefinedOutput:
      return "write the bytes first, or copy fewer";
    case Rule::kUseAfterFree:
      return "free it behind its last use";
    case Rule::kMisaligned:
      return "move the address to a multiple of the unit, or pad";
    case Rule::kMisalignedGather32:
      return "use offsets that are multiples of 4, or set the rule to a warning where silicon is known to bear it";
    case Rule::kGatherAcrossBlock:
      return "keep both halves in one block of 32 bytes: pad, or read 16-bit elements";
    case Rule::kParameterRange:
      return "use a value that it takes";
    case Rule::kMaskWidth:
      return "mask at most 256 bytes of elements a repeat";
    case Rule::kOverlap:
      return "write to another buffer";
    case Rule::kCastOverflow:
      return "clamp before the Cast, or choose a wider type";
    case Rule::kQueueProtocol:
      return "for each tensor: AllocTensor, EnQue, DeQue, FreeTensor, once each and in this order";
    default:
      return "";
  }
}

CheckOptions OptionsFor(CheckMode mode) {
  CheckOptions options;
  options.mode = mode;
  options.severity.fill(Severity::kError);
  // Saturating casts are a normal way to clamp, and looking at every element costs time.
  options.severity[static_cast<size_t>(Rule::kCastOverflow)] = Severity::kOff;
  // The documentation's own kernels store whole blocks behind a reduction or a GatherMask, and call the tail undefined.
  options.severity[static_cast<size_t>(Rule::kUndefinedOutput)] = Severity::kWarning;
  // What it does to the next kernel on the core is not documented; here each starts afresh.
  options.severity[static_cast<size_t>(Rule::kModeLeftOn)] = Severity::kWarning;
  if (mode == CheckMode::kPermissive) {
    for (const Rule rule : kBorneBySilicon) options.severity[static_cast<size_t>(rule)] = Severity::kWarning;
  }
  return options;
}

std::string ParseSeverities(std::string_view text, CheckOptions* options) {
  CheckOptions changed = *options;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    if (item.empty()) continue;
    if (std::string error = ParseOne(item, &changed); !error.empty()) return error;
  }
  *options = changed;
  return "";
}

}  // namespace ascsim
