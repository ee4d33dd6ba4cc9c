// How a breach is told: parties, what happened, what is missing.
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdio>
#include <cstring>
#include <string>

#include "check/findings.h"

namespace ascsim {

const char* PipeLabel(Pipe pipe) {
  constexpr std::array<const char*, kNumPipes + 1> kNames = {"S", "V", "M", "MTE1", "MTE2", "MTE3", "FIX", "ALL"};
  return kNames[static_cast<size_t>(pipe)];
}

const char* SpaceLabel(Space space) {
  constexpr std::array<const char*, kNumSpaces> kNames = {"GM", "UB", "L1"};
  return kNames[static_cast<size_t>(space)];
}

const char* ApiName(Op op) {
  switch (op) {
    case Op::kCopyGmToUb:
    case Op::kCopyUbToGm:
    case Op::kCopyUbToUb:
    case Op::kCopyGmToL1:
    case Op::kCopyL1ToGm:
    case Op::kCopyUbToL1:
    case Op::kCopyL1ToUb:
      return "DataCopy";
    case Op::kCleanCache:
      return "DataCacheCleanAndInvalid";
    case Op::kBarrier:
      return "PipeBarrier";
    case Op::kCrossSetFlag:
      return "CrossCoreSetFlag";
    case Op::kCrossWaitFlag:
      return "CrossCoreWaitFlag";
    default:
      return OpName(op);
  }
}

std::string Where(Loc loc) {
  if (loc.file == nullptr) return "an unknown line";
  const char* slash = std::strrchr(loc.file, '/');
  return std::string(slash == nullptr ? loc.file : slash + 1) + ":" + std::to_string(loc.line);
}

std::string CallName(const Party& party) {
  if (party.loc.api != nullptr) return party.loc.api;
  return party.op == Op::kNone ? "the code" : ApiName(party.op);
}

std::string Act(const Party& party) {
  const std::string where = " at " + Where(party.loc);
  return CallName(party) + where;
}

std::string CoreAndBlock(const Party& party) {
  if (party.core_name.empty()) return "core " + std::to_string(party.core);
  return party.core_name + ", block " + std::to_string(party.block);
}

std::string RaceRemedy(const Party& earlier, const Party& later, bool between_blocks) {
  const std::string between = " between " + Act(earlier) + " and " + Act(later);
  if (between_blocks) return "no SyncAll or cross-core flag" + between;
  if (earlier.pipe == later.pipe) {
    return std::string("no PipeBarrier<PIPE_") + PipeLabel(later.pipe) + ">()" + between;
  }
  const std::string event = std::string(PipeLabel(earlier.pipe)) + "_" + PipeLabel(later.pipe);
  const bool same_file = earlier.loc.file == later.loc.file;
  const auto line = [same_file](Loc loc) { return same_file ? "line " + std::to_string(loc.line) : Where(loc); };
  return "no " + event + " flag (SetFlag<HardEvent::" + event + "> after " + line(earlier.loc) + ", WaitFlag before " +
         line(later.loc) + ")" + between;
}

std::string Format(const Breach& breach) {
  std::string text = breach.severity == Severity::kError ? "error: " : "warning: ";
  text += RuleName(breach.rule);
  if (!breach.kernel.empty()) text += " in " + breach.kernel;
  if (breach.first.core >= 0) text += ", " + CoreAndBlock(breach.first);
  text += ": ";
  if (breach.first.op != Op::kNone) text += std::string(PipeLabel(breach.first.pipe)) + " ";
  text += breach.first.loc.file == nullptr && breach.first.op == Op::kNone ? "" : Act(breach.first) + ": ";
  // What API headers find starts with the function's name, too.
  const std::string name = CallName(breach.first) + ": ";
  text +=
      breach.first.op == Op::kNone && breach.what.rfind(name, 0) == 0 ? breach.what.substr(name.size()) : breach.what;
  if (breach.size > 0) {
    char range[96];
    std::snprintf(range, sizeof(range), " [0x%llx, 0x%llx)", static_cast<unsigned long long>(breach.address),
                  static_cast<unsigned long long>(breach.address + breach.size));
    text += std::string("; ") + SpaceLabel(breach.space);
    if (breach.space == Space::kGM && breach.allocation != 0) text += " #" + std::to_string(breach.allocation);
    text += range;
  }
  if (!breach.remedy.empty()) text += "; " + breach.remedy;
  if (breach.count > 1) text += " (" + std::to_string(breach.count) + " times)";
  return text;
}

}  // namespace ascsim
