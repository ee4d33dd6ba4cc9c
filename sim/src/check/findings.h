// Breaches as they are found: told in sentences, the same one counted instead of repeated.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "check/blocks.h"
#include "check/checker.h"
#include "check/stamp.h"

namespace ascsim {

// A place in the kernel's source with what it does there, as a small number.
class Sites {
 public:
  struct Site {
    Op op = Op::kNone;
    Loc loc;
  };
  uint32_t Intern(Op op, Loc loc) {
    Entry& recent = recent_[Hash(op, loc) % kRecent];
    if (recent.number == 0 || recent.site.op != op || recent.site.loc.file != loc.file ||
        recent.site.loc.line != loc.line || recent.site.loc.api != loc.api) {
      recent = {{op, loc}, Find(op, loc)};
    }
    return recent.number;
  }
  const Site& at(uint32_t number) const { return sites_[number]; }

 private:
  struct Entry {
    Site site;
    uint32_t number = 0;
  };
  static constexpr uint64_t kRecent = 256;
  static uint64_t Hash(Op op, Loc loc) {
    return reinterpret_cast<uintptr_t>(loc.file) / 16 + loc.line * 7ull + static_cast<uint64_t>(op) * 31;
  }
  uint32_t Find(Op op, Loc loc);

  std::vector<Site> sites_{1};  // number 0: a site too many
  std::unordered_multimap<uint64_t, uint32_t> numbers_;
  std::vector<Entry> recent_{kRecent};
};

class Findings {
 public:
  Findings(const CheckOptions& options, std::string kernel);

  // `now` touches the bytes that `other` touched; nothing orders them.
  void Race(const Current& now, AccessKind kind, Stamp other, Space space, uint64_t address, uint64_t size);
  // One of the rules of the scalar unit's data cache: `now` and `other`, one of them a scalar access.
  void Cache(Rule rule, const Current& now, AccessKind kind, Stamp other, uint64_t address, uint64_t size);
  // kUninitialisedRead, or kUndefinedOutput.
  void Uninitialised(Rule rule, const Current& now, Space space, uint64_t address, uint64_t size);
  void AfterFree(const Current& now, AccessKind kind, Loc freed, Space space, uint64_t address, uint64_t size);
  void FlagSetTwice(int core, const Instruction& set, uint32_t first_site);
  void FlagLeftSet(int core, Pipe from, Pipe to, uint32_t id, uint32_t site);
  void Report(Breach breach);

  bool Wants(Rule rule) const { return options_.enabled && SeverityOf(rule) != Severity::kOff; }
  Severity SeverityOf(Rule rule) const { return options_.severity[static_cast<size_t>(rule)]; }
  const CheckOptions& options() const { return options_; }
  const std::vector<Breach>& breaches() const { return breaches_; }
  uint64_t suppressed() const { return suppressed_; }
  bool failed() const { return failed_; }
  Sites& sites() { return sites_; }
  Blocks& blocks() { return blocks_; }
  void set_namer(Checker::GmNamer namer) { namer_ = std::move(namer); }

 private:
  // What makes two breaches the same: rule, sites and pipes of both parties.
  struct Key {
    uint64_t rule_and_pipes = 0, sites = 0, text = 0;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const {
      return (key.rule_and_pipes * 0x9E3779B97F4A7C15ull ^ key.sites) * 0xC2B2AE3D27D4EB4Full ^ key.text;
    }
  };
  // The breach of this kind: a new one to be filled in, or null: it has been counted.
  Breach* Add(const Key& key, Rule rule);
  // The bytes of the last breach go on: same instructions, next address.
  bool Continues(const Current& now, Stamp other, Rule rule, Space space, uint64_t address, uint64_t size);
  void Place(Breach* breach, Space space, uint64_t address, uint64_t size) const;
  Party PartyOf(Stamp stamp) const;

  CheckOptions options_;
  std::string kernel_;
  Sites sites_;
  Blocks blocks_;
  std::vector<Breach> breaches_;
  std::unordered_map<Key, size_t, KeyHash> known_;
  uint64_t suppressed_ = 0;
  bool failed_ = false;
  Checker::GmNamer namer_;

  // The last race or other access breach, for Continues.
  Stamp last_now_ = 0, last_other_ = 0;
  Rule last_rule_ = Rule::kCount;
  Space last_space_ = Space::kUB;
  uint64_t last_end_ = 0;
  size_t last_breach_ = 0;
  bool last_is_first_ = false;  // it is what the stored breach shows
};

// Sentences.
const char* PipeLabel(Pipe pipe);
const char* SpaceLabel(Space space);
// The API function behind an instruction.
const char* ApiName(Op op);
// "k.cpp:41"
std::string Where(Loc loc);
// "Add at k.cpp:47"
std::string Act(const Party& party);
// "AIV 29, block 77"
std::string CoreAndBlock(const Party& party);
// The missing construct between two instructions, the earlier one first.
std::string RaceRemedy(const Party& earlier, const Party& later, bool between_blocks);

}  // namespace ascsim
