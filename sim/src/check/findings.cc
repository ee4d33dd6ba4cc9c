// Breaches by kind: rule, source lines and pipes.
// SPDX-License-Identifier: Apache-2.0
#include "check/findings.h"

#include <algorithm>
#include <utility>

namespace ascsim {
namespace {

Rule RaceRule(const Current& now, AccessKind kind, Stamp other, Space space) {
  if (CoreOf(other) != now.core || (space == Space::kGM && !now.OfThisBlock(other))) return Rule::kRaceCores;
  if (PipeOf(other) == now.pipe) return Rule::kRaceWithinQueue;
  if (kind == AccessKind::kRead) return Rule::kRaceRaw;
  return KindOf(other) == AccessKind::kRead ? Rule::kRaceWar : Rule::kRaceWaw;
}

const char* Verb(AccessKind kind) {
  switch (kind) {
    case AccessKind::kRead:
      return "reads";
    case AccessKind::kWrite:
      return "writes";
    case AccessKind::kAtomicAdd:
      return "atomically adds to";
    case AccessKind::kAtomicMax:
    case AccessKind::kAtomicMin:
      return "atomically updates";
  }
  return "touches";
}

// The text up to a colon names an operand or a field; what follows may hold values that change from time to time.
uint64_t HashOfSubject(const std::string& what) {
  const size_t colon = what.find(':');
  if (colon == std::string::npos || colon > 24) return 0;
  return std::hash<std::string_view>()(std::string_view(what).substr(0, colon));
}

}  // namespace

uint32_t Sites::Find(Op op, Loc loc) {
  const uint64_t hash = Hash(op, loc);
  const auto [begin, end] = numbers_.equal_range(hash);
  for (auto i = begin; i != end; ++i) {
    const Site& site = sites_[i->second];
    if (site.op == op && site.loc.file == loc.file && site.loc.line == loc.line && site.loc.api == loc.api) {
      return i->second;
    }
  }
  if (sites_.size() >= kMaxSites) return 0;
  const auto number = static_cast<uint32_t>(sites_.size());
  sites_.push_back({op, loc});
  numbers_.emplace(hash, number);
  return number;
}

Findings::Findings(const CheckOptions& options, std::string kernel) : options_(options), kernel_(std::move(kernel)) {}

Breach* Findings::Add(const Key& key, Rule rule) {
  const Severity severity = SeverityOf(rule);
  if (severity == Severity::kOff) return nullptr;
  failed_ |= severity == Severity::kError;
  const auto found = known_.find(key);
  if (found != known_.end()) {
    last_breach_ = found->second;
    last_is_first_ = false;
    ++breaches_[found->second].count;
    return nullptr;
  }
  last_breach_ = breaches_.size();
  if (breaches_.size() >= static_cast<size_t>(std::max(options_.max_reports, 0))) {
    // A kind beyond the limit is not remembered by name: there may be as many as lines squared.
    ++suppressed_;
    last_is_first_ = false;
    return nullptr;
  }
  known_.emplace(key, breaches_.size());
  last_is_first_ = true;
  Breach& breach = breaches_.emplace_back();
  breach.rule = rule;
  breach.severity = severity;
  breach.kernel = kernel_;
  return &breach;
}

bool Findings::Continues(const Current& now, Stamp other, Rule rule, Space space, uint64_t address, uint64_t size) {
  // Stamps differ in their kind of access where one instruction reads and writes: that is the same kind of breach.
  constexpr Stamp kWithoutKind = ~(Stamp{7} << kKindShift);
  const bool same =
      now.stamp == last_now_ && (other & kWithoutKind) == last_other_ && rule == last_rule_ && space == last_space_;
  if (same && last_is_first_ && address == last_end_) breaches_[last_breach_].size += size;
  if (!same || address == last_end_) last_end_ = address + size;
  last_now_ = now.stamp;
  last_other_ = other & kWithoutKind;
  last_rule_ = rule;
  last_space_ = space;
  return same;
}

void Findings::Place(Breach* breach, Space space, uint64_t address, uint64_t size) const {
  breach->space = space;
  breach->address = address;
  breach->size = size;
  if (space == Space::kGM && namer_) namer_(address, &breach->allocation, &breach->address);
}

Party Findings::PartyOf(Stamp stamp) const {
  const Sites::Site& site = sites_.at(SiteOf(stamp));
  Party party{site.op, PipeOf(stamp), site.loc, CoreOf(stamp)};
  blocks_.Fill(&party, SequenceOf(stamp));
  return party;
}

void Findings::Race(const Current& now, AccessKind kind, Stamp other, Space space, uint64_t address, uint64_t size) {
  const Rule rule = RaceRule(now, kind, other, space);
  if (rule != Rule::kRaceCores && (now.inserts >> PipeIndexOf(other) & 1) != 0) {
    now.inserted |= static_cast<uint8_t>(1u << PipeIndexOf(other));
    return;
  }
  if (!Wants(rule) || Continues(now, other, rule, space, address, size)) return;
  const Key key = {static_cast<uint64_t>(rule) << 16 | static_cast<uint64_t>(now.pipe) << 8 | PipeIndexOf(other),
                   static_cast<uint64_t>(SiteOf(now.stamp)) << 32 | SiteOf(other), 0};
  Breach* breach = Add(key, rule);
  if (breach == nullptr) return;
  breach->first = PartyOf(now.stamp);
  breach->second = PartyOf(other);
  Place(breach, space, address, size);
  std::string by = std::string(PipeLabel(PipeOf(other))) + " " + Act(breach->second);
  if (rule == Rule::kRaceCores) {
    by += " on " + CoreAndBlock(breach->second);
  }
  breach->what = std::string(Verb(kind)) + " what " + by + " " + Verb(KindOf(other)) + ", with nothing to order them";
  breach->remedy = RaceRemedy(breach->second, breach->first, rule == Rule::kRaceCores);
}

void Findings::Cache(Rule rule, const Current& now, AccessKind kind, Stamp other, uint64_t address, uint64_t size) {
  if (!Wants(rule) || Continues(now, other, rule, Space::kGM, address, size)) return;
  const Key key = {static_cast<uint64_t>(rule) << 16 | static_cast<uint64_t>(now.pipe) << 8 | PipeIndexOf(other),
                   static_cast<uint64_t>(SiteOf(now.stamp)) << 32 | SiteOf(other), 0};
  Breach* breach = Add(key, rule);
  if (breach == nullptr) return;
  breach->first = PartyOf(now.stamp);
  breach->second = PartyOf(other);
  Place(breach, Space::kGM, address, size);
  const std::string by = std::string(PipeLabel(PipeOf(other))) + " " + Act(breach->second) +
                         (CoreOf(other) == now.core ? "" : " on " + CoreAndBlock(breach->second));
  const std::string between = " between " + Act(breach->second) + " and " + Act(breach->first);
  if (rule == Rule::kCacheStale) {
    breach->what =
        "may get an old value: the line of 64 bytes has been in the data cache since before " + by + " wrote it";
    breach->remedy = "no DataCacheCleanAndInvalid of the line" + between;
  } else if (rule == Rule::kCacheNotCleaned) {
    breach->what = std::string(Verb(kind)) + " what " + by + " has written into its data cache, not yet into GM";
    breach->remedy = "no DataCacheCleanAndInvalid of the line" + between + " that is ordered with both";
  } else {
    const bool scalar = now.pipe == Pipe::kS && PipeOf(other) != Pipe::kS;
    breach->what = "writes bytes of a line of 64 bytes of which " + by + " writes others: the data cache of " +
                   (scalar ? "the core" : CoreAndBlock(breach->second)) + " writes the line back whole";
    breach->remedy = "give " + Act(breach->first) + " and " + Act(breach->second) +
                     " lines of 64 bytes of their own, or order them with a DataCacheCleanAndInvalid between";
  }
}

void Findings::Uninitialised(Rule rule, const Current& now, Space space, uint64_t address, uint64_t size) {
  if (Continues(now, 0, rule, space, address, size)) return;
  Breach* breach =
      Add({static_cast<uint64_t>(rule) << 16 | static_cast<uint64_t>(now.pipe) << 8, SiteOf(now.stamp), 0}, rule);
  if (breach == nullptr) return;
  breach->first = PartyOf(now.stamp);
  Place(breach, space, address, size);
  const std::string bytes = std::string(SpaceLabel(space)) + " bytes that the block has never written";
  if (rule == Rule::kUndefinedOutput) {
    breach->what = "copies to GM, beside others, " + bytes + ": they are undefined there";
    breach->remedy = "write them first if they count; else copy fewer (DataCopyPad), or leave it at the warning";
    return;
  }
  breach->what = "reads " + bytes;
  breach->remedy = "write them first (Duplicate, a longer DataCopy or padding), or read fewer (count, mask)";
}

void Findings::AfterFree(const Current& now, AccessKind kind, Loc freed, Space space, uint64_t address, uint64_t size) {
  const Rule rule = Rule::kUseAfterFree;
  const uint32_t site = sites_.Intern(Op::kNone, freed);
  if (Continues(now, MakeStamp(0, Pipe::kS, AccessKind::kRead, now.core, site), rule, space, address, size)) return;
  Breach* breach = Add({static_cast<uint64_t>(rule) << 16 | static_cast<uint64_t>(now.pipe) << 8,
                        static_cast<uint64_t>(SiteOf(now.stamp)) << 32 | site, 0},
                       rule);
  if (breach == nullptr) return;
  breach->first = PartyOf(now.stamp);
  breach->second = {Op::kNone, Pipe::kS, freed, now.core};
  blocks_.Fill(&breach->second);
  Place(breach, space, address, size);
  breach->what = std::string(Verb(kind)) + " a buffer that was given back at " + Where(freed);
  breach->remedy = freed.api == nullptr
                       ? "move FreeTensor behind " + Act(breach->first) + ", or AllocTensor again before it"
                       : "move " + std::string(freed.api) + " behind " + Act(breach->first) +
                             ", or InitBuffer again before it and take a new tensor";
}

void Findings::FlagSetTwice(int core, const Instruction& set, uint32_t first_site) {
  Breach breach;
  breach.rule = Rule::kFlagSetTwice;
  breach.first = {set.op, set.pipe, set.loc, core};
  breach.second = {Op::kSetFlag, set.pipe, sites_.at(first_site).loc, core};
  const std::string event = std::string(PipeLabel(set.pipe)) + "_" + PipeLabel(static_cast<Pipe>(set.option[0]));
  const std::string id = std::to_string(set.option[1]);
  breach.what = "sets flag " + event + " " + id + ", which has been set at " + Where(breach.second.loc) +
                " and not waited for since";
  breach.remedy = "no WaitFlag<HardEvent::" + event + ">(" + id + ") between them; or use another id";
  Report(std::move(breach));
}

void Findings::FlagLeftSet(int core, Pipe from, Pipe to, uint32_t id, uint32_t site) {
  Breach breach;
  breach.rule = Rule::kFlagLeftSet;
  breach.first = {Op::kSetFlag, from, sites_.at(site).loc, core};
  const std::string event = std::string(PipeLabel(from)) + "_" + PipeLabel(to);
  breach.what = "flag " + event + " " + std::to_string(id) + " is still set when the kernel ends";
  breach.remedy = "no WaitFlag<HardEvent::" + event + ">(" + std::to_string(id) + ") after " + Where(breach.first.loc) +
                  "; the next kernel on this core finds the flag set";
  Report(std::move(breach));
}

void Findings::Report(Breach breach) {
  const uint64_t pipes = static_cast<uint64_t>(breach.first.pipe) << 8 | static_cast<uint64_t>(breach.second.pipe);
  const uint64_t first = sites_.Intern(breach.first.op, breach.first.loc);
  const uint64_t second = breach.second.core < 0 ? 0 : sites_.Intern(breach.second.op, breach.second.loc);
  const Key key = {static_cast<uint64_t>(breach.rule) << 16 | pipes, first << 32 | second, HashOfSubject(breach.what)};
  last_rule_ = Rule::kCount;
  Breach* stored = Add(key, breach.rule);
  if (stored == nullptr) return;
  breach.severity = stored->severity;
  breach.count = 1;
  blocks_.Fill(&breach.first);
  blocks_.Fill(&breach.second);
  if (breach.kernel.empty()) breach.kernel = kernel_;
  if (breach.remedy.empty()) breach.remedy = RuleRemedy(breach.rule);
  *stored = std::move(breach);
}

}  // namespace ascsim
