// The checker of a launch: order, shadows of the memories, findings.
// SPDX-License-Identifier: Apache-2.0
#include "check/checker.h"

#include <array>
#include <cassert>
#include <utility>

#include "check/cache_shadow.h"
#include "check/findings.h"
#include "check/global_shadow.h"
#include "check/local_shadow.h"
#include "check/order.h"

namespace ascsim {

struct Checker::State {
  State(const CheckOptions& options, std::string kernel, int num_cores, uint64_t ub, uint64_t l1)
      : enabled(options.enabled),
        auto_sync(options.mode != CheckMode::kStrict),
        ub_bytes(ub),
        l1_bytes(l1),
        order(options.enabled ? num_cores : 0),
        findings(options, std::move(kernel)),
        cache(findings, order, num_cores, auto_sync),
        gm(findings, cache),
        local(static_cast<size_t>(num_cores)) {
    assert(num_cores <= kMaxCores);
  }

  // Cores have UB or L1, not both; what is not touched takes no memory.
  LocalShadow& Local(int core, Space space) {
    std::unique_ptr<LocalShadow>& shadow = local[static_cast<size_t>(core)][static_cast<size_t>(space == Space::kL1)];
    if (shadow == nullptr) {
      shadow = std::make_unique<LocalShadow>(space, space == Space::kL1 ? l1_bytes : ub_bytes, findings);
    }
    return *shadow;
  }

  // Of the core of `now`.
  LocalShadow& LocalOfNow(Space space) {
    LocalShadow*& shadow = now_local[static_cast<size_t>(space == Space::kL1)];
    if (shadow == nullptr) shadow = &Local(now.core, space);
    return *shadow;
  }

  const bool enabled;
  const bool auto_sync;
  const uint64_t ub_bytes, l1_bytes;
  Order order;
  Findings findings;
  CacheShadow cache;
  GlobalShadow gm;
  std::vector<std::array<std::unique_ptr<LocalShadow>, 2>> local;
  Current now;
  std::array<LocalShadow*, 2> now_local{};  // of the core of `now`, once touched
};

Checker::Checker(const CheckOptions& options, std::string kernel, int num_cores, uint64_t ub_bytes, uint64_t l1_bytes)
    : state_(std::make_unique<State>(options, std::move(kernel), num_cores, ub_bytes, l1_bytes)) {}

Checker::~Checker() = default;

void Checker::Issue(int core, Pipe pipe) {
  if (state_->enabled && pipe != Pipe::kAll && pipe != Pipe::kS) state_->order.Issue(core, pipe);
}

void Checker::Begin(int core, const Instruction& instruction) {
  State& s = *state_;
  if (!s.enabled) return;
  const auto sequence = static_cast<uint32_t>(instruction.sequence);
  s.order.Advance(core, instruction.pipe, sequence);
  if (core != s.now.core) s.now_local = {};
  s.order.Describe(core, instruction.pipe, sequence, s.auto_sync, &s.now);
  s.now.plain_output =
      instruction.pipe == Pipe::kMTE3 && instruction.dst.space == Space::kGM && instruction.atomic == Atomic::kNone;
  const uint32_t site = s.findings.sites().Intern(instruction.op, instruction.loc);
  s.now.stamp = MakeStamp(sequence, instruction.pipe, AccessKind::kRead, core, site);
}

void Checker::Access(Space space, uint64_t address, uint64_t size, AccessKind kind) {
  State& s = *state_;
  if (!s.enabled || size == 0) return;
  if (space == Space::kGM) {
    s.gm.Access(s.now, address, size, kind);
  } else {
    s.LocalOfNow(space).Access(s.now, address, size, kind);
  }
}

uint8_t Checker::Inserted() const { return state_->enabled ? state_->now.inserted : uint8_t{0}; }
bool Checker::auto_sync() const { return state_->enabled && state_->auto_sync; }

uint64_t Checker::ReadElements(Space space, const Elements& elements) {
  State& s = *state_;
  return s.enabled ? s.LocalOfNow(space).ReadElements(s.now, elements) : 0;
}

void Checker::Expect(const uint64_t* addresses, uint32_t count) {
  if (state_->enabled) state_->gm.Expect(state_->now, addresses, count);
}

void Checker::CleanCache(uint64_t address, bool whole) {
  State& s = *state_;
  if (s.enabled && s.cache.wanted()) s.cache.Clean(s.now, address, whole);
}

void Checker::PreloadCache(uint64_t address) {
  State& s = *state_;
  if (s.enabled && s.cache.wanted()) s.cache.Touch(s.now, address, /*write=*/false, 1);
}

void Checker::SetFlag(int core, const Instruction& set) {
  State& s = *state_;
  if (!s.enabled || set.option[0] >= kNumPipes || set.option[1] >= Order::kFlagIds) return;
  const auto to = static_cast<Pipe>(set.option[0]);
  s.order.Advance(core, set.pipe, static_cast<uint32_t>(set.sequence));
  const uint32_t site = s.findings.sites().Intern(set.op, set.loc);
  const auto id = static_cast<uint32_t>(set.option[1]);
  const uint32_t first_site = s.order.flag(core, set.pipe, to, id).site;
  if (s.order.SetFlag(core, set.pipe, to, id, site)) s.findings.FlagSetTwice(core, set, first_site);
}

void Checker::WaitFlag(int core, const Instruction& wait) {
  State& s = *state_;
  if (!s.enabled || wait.option[0] >= kNumPipes || wait.option[1] >= Order::kFlagIds) return;
  s.order.Advance(core, wait.pipe, static_cast<uint32_t>(wait.sequence));
  s.order.WaitFlag(core, static_cast<Pipe>(wait.option[0]), wait.pipe, static_cast<uint32_t>(wait.option[1]));
}

void Checker::Barrier(int core, const Instruction& barrier) {
  State& s = *state_;
  if (!s.enabled) return;
  if (barrier.pipe != Pipe::kAll) s.order.Advance(core, barrier.pipe, static_cast<uint32_t>(barrier.sequence));
  s.order.Barrier(core, barrier.pipe);
}

Checker::Token Checker::Signal(int core, Pipe pipe, uint64_t sequence) {
  State& s = *state_;
  if (!s.enabled) return nullptr;
  if (pipe != Pipe::kAll) {
    s.order.Advance(core, pipe, sequence != 0 ? static_cast<uint32_t>(sequence) : s.order.Next(core, pipe));
  }
  return s.order.Signal(core, pipe);
}

void Checker::Receive(int core, Pipe pipe, const Token& token, uint64_t sequence) {
  State& s = *state_;
  if (!s.enabled) return;
  if (pipe != Pipe::kAll && sequence != 0) s.order.Advance(core, pipe, static_cast<uint32_t>(sequence));
  s.order.Receive(core, pipe, token);
}

void Checker::SyncAll(const std::vector<int>& cores) {
  if (state_->enabled) state_->order.SyncAll(cores);
}

void Checker::MarkFreed(int core, Space space, uint64_t address, uint64_t size, bool freed, Loc loc) {
  State& s = *state_;
  if (!s.enabled || space == Space::kGM || !s.findings.Wants(Rule::kUseAfterFree)) return;
  s.Local(core, space).MarkFreed(address, size, freed, loc, s.order.IssuedBy(core));
}

void Checker::StartBlock(int core, const std::string& name, uint32_t block) {
  State& s = *state_;
  s.findings.blocks().Start(core, name, block, s.enabled ? s.order.IssuedBy(core) : Known{});
}

void Checker::EndCore(int core) {
  State& s = *state_;
  if (!s.enabled) return;
  for (int from = 0; from < kNumPipes; ++from) {
    for (int to = 0; to < kNumPipes; ++to) {
      for (uint32_t id = 0; id < Order::kFlagIds; ++id) {
        FlagState& flag = s.order.flag(core, static_cast<Pipe>(from), static_cast<Pipe>(to), id);
        if (!flag.set) continue;
        s.findings.FlagLeftSet(core, static_cast<Pipe>(from), static_cast<Pipe>(to), id, flag.site);
        flag.set = false;  // reported; the next block on the core starts with a clean slate here
      }
    }
  }
  s.order.EndBlock(core);
  s.cache.EndBlock(core);
  for (auto& shadow : s.local[static_cast<size_t>(core)]) {
    if (shadow != nullptr) shadow->Clear();
  }
}

void Checker::SetGmNamer(GmNamer namer) { state_->findings.set_namer(std::move(namer)); }
void Checker::Report(Breach breach) { state_->findings.Report(std::move(breach)); }
bool Checker::Wants(Rule rule) const { return state_->findings.Wants(rule); }
Severity Checker::SeverityOf(Rule rule) const { return state_->findings.SeverityOf(rule); }
const std::vector<Breach>& Checker::breaches() const { return state_->findings.breaches(); }
uint64_t Checker::suppressed() const { return state_->findings.suppressed(); }
bool Checker::failed() const { return state_->findings.failed(); }

uint64_t Checker::memory_bytes() const {
  uint64_t bytes = state_->gm.memory_bytes() + state_->cache.memory_bytes();
  for (const auto& core : state_->local) {
    for (const auto& shadow : core) bytes += shadow == nullptr ? 0 : shadow->memory_bytes();
  }
  return bytes;
}

}  // namespace ascsim
