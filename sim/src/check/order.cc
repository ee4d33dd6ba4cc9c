// Vector clocks of queues: who waited for what.
// SPDX-License-Identifier: Apache-2.0
#include "check/order.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

namespace ascsim {
namespace {

using Token = Checker::Token;
constexpr size_t kPipes = kNumPipes;
constexpr uint32_t kAlways = std::numeric_limits<uint32_t>::max();

bool Covers(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] < b[i]) return false;
  }
  return true;
}

Token Merge(const Token& a, const Token& b) {
  if (b == nullptr || a == b) return a;
  if (a == nullptr) return b;
  if (Covers(*a, *b)) return a;
  if (Covers(*b, *a)) return b;
  auto merged = std::make_shared<std::vector<uint32_t>>(*a);
  for (size_t i = 0; i < merged->size(); ++i) (*merged)[i] = std::max((*merged)[i], (*b)[i]);
  return merged;
}

constexpr uint8_t Bit(Pipe pipe) { return static_cast<uint8_t>(1u << static_cast<unsigned>(pipe)); }

// Pairs between which the toolkit's compiler inserts what is missing.
uint8_t InsertedFor(Pipe pipe) {
  switch (pipe) {
    case Pipe::kS:
      return Bit(Pipe::kV) | Bit(Pipe::kMTE2) | Bit(Pipe::kMTE3);
    case Pipe::kV:
      return Bit(Pipe::kS) | Bit(Pipe::kV);
    case Pipe::kMTE2:
    case Pipe::kMTE3:
      return Bit(Pipe::kS);
    default:
      return 0;
  }
}

}  // namespace

Order::Order(int num_cores) : cores_(static_cast<size_t>(num_cores)) {
  for (Core& core : cores_) core.flags.resize(kPipes * kPipes * kFlagIds);
}

void Order::Learn(Queue& queue, const Known& own, const Token& others) {
  bool more = false;
  for (size_t p = 0; p < kPipes; ++p) {
    if (own[p] <= queue.knowledge.own[p]) continue;
    queue.knowledge.own[p] = own[p];
    more = true;
  }
  if (others != queue.knowledge.others) {
    Token merged = Merge(queue.knowledge.others, others);
    more |= merged != queue.knowledge.others;
    queue.knowledge.others = std::move(merged);
  }
  if (more) ++queue.version;
}

// The scalar unit's own accesses are not handed on: its stores to UB and GM take the way through its own pipeline, and
// only an S_x flag says that they have arrived.
void Order::Issue(int core, Pipe pipe) {
  Queue& target = queue(core, pipe);
  const Queue& scalar = queue(core, Pipe::kS);
  ++target.issued;
  if (target.seen == scalar.version) return;
  target.seen = scalar.version;
  if (target.last + 1 == target.issued && target.pending.empty()) {
    Learn(target, scalar.knowledge.own, scalar.knowledge.others);
  } else {
    // Instructions before it still wait for a flag and must not know this.
    target.pending.push_back({target.issued, scalar.knowledge});
  }
}

void Order::Advance(int core, Pipe pipe, uint32_t sequence) {
  Queue& q = queue(core, pipe);
  q.last = std::max(q.last, sequence);
  while (!q.pending.empty() && q.pending.front().sequence <= sequence) {
    Learn(q, q.pending.front().knowledge.own, q.pending.front().knowledge.others);
    q.pending.pop_front();
  }
}

void Order::Describe(int core, Pipe pipe, uint32_t sequence, bool auto_sync, Current* current) const {
  const Core& c = cores_[static_cast<size_t>(core)];
  const Queue& q = queue(core, pipe);
  current->core = core;
  current->pipe = pipe;
  current->sequence = sequence;
  current->inserts = auto_sync ? InsertedFor(pipe) : 0;
  current->inserted = 0;
  for (size_t p = 0; p < kPipes; ++p) {
    const uint32_t known = q.knowledge.own[p];
    // The scalar unit needs nothing to be in order with itself.
    current->ordered[p] = pipe == Pipe::kS && p == 0 ? kAlways : known;
    current->surpassed[p] = p == static_cast<size_t>(pipe) ? kAlways : known;
    current->quick[p] = std::min(current->ordered[p], current->surpassed[p]);
    current->block_begin[p] = c.queues[p].block_begin;
  }
  current->others = q.knowledge.others == nullptr ? nullptr : q.knowledge.others->data();
}

bool Order::SetFlag(int core, Pipe from, Pipe to, uint32_t id, uint32_t site) {
  const Queue& q = queue(core, from);
  FlagState& f = flag(core, from, to, id);
  const bool was_set = std::exchange(f.set, true);
  f.site = site;
  f.knowledge.own = q.knowledge.own;
  f.knowledge.own[static_cast<size_t>(from)] = q.last;
  if (f.knowledge.others != q.knowledge.others) f.knowledge.others = q.knowledge.others;
  return was_set;
}

void Order::WaitFlag(int core, Pipe from, Pipe to, uint32_t id) {
  FlagState& f = flag(core, from, to, id);
  f.set = false;
  Learn(queue(core, to), f.knowledge.own, f.knowledge.others);
}

void Order::Drain(Core& core, const Token& others) {
  Known all{};
  for (size_t p = 0; p < kPipes; ++p) all[p] = core.queues[p].last;
  for (Queue& q : core.queues) {
    q.pending.clear();
    Learn(q, all, others);
    q.seen = core.queues[0].version;
  }
  // Learn may have raised the scalar unit's version only at its own turn, which comes first.
  static_assert(static_cast<int>(Pipe::kS) == 0);
}

void Order::Barrier(int core, Pipe pipe) {
  Core& c = cores_[static_cast<size_t>(core)];
  if (pipe != Pipe::kAll) {
    Queue& q = queue(core, pipe);
    Known own{};
    own[static_cast<size_t>(pipe)] = q.last;
    Learn(q, own, nullptr);
    return;
  }
  Token others;
  for (const Queue& q : c.queues) others = Merge(others, q.knowledge.others);
  Drain(c, others);
}

Token Order::Signal(int core, Pipe pipe) {
  Core& c = cores_[static_cast<size_t>(core)];
  auto token = std::make_shared<std::vector<uint32_t>>(cores_.size() * kPipes);
  uint32_t* own = token->data() + static_cast<size_t>(core) * kPipes;
  for (size_t p = 0; p < kPipes; ++p) {
    const Queue& q = c.queues[p];
    if (pipe != Pipe::kAll && pipe != static_cast<Pipe>(p)) continue;
    if (q.knowledge.others != nullptr) {
      for (size_t i = 0; i < token->size(); ++i) (*token)[i] = std::max((*token)[i], (*q.knowledge.others)[i]);
    }
    for (size_t i = 0; i < kPipes; ++i) own[i] = std::max(own[i], q.knowledge.own[i]);
    own[p] = std::max(own[p], q.last);
  }
  return token;
}

void Order::Receive(int core, Pipe pipe, const Token& token) {
  if (token == nullptr) return;
  Known own{};
  std::copy_n(token->begin() + static_cast<int64_t>(core) * kNumPipes, kPipes, own.begin());
  for (size_t p = 0; p < kPipes; ++p) {
    if (pipe == Pipe::kAll || pipe == static_cast<Pipe>(p)) {
      Learn(cores_[static_cast<size_t>(core)].queues[p], own, token);
    }
  }
}

void Order::SyncAll(const std::vector<int>& cores) {
  auto all = std::make_shared<std::vector<uint32_t>>(cores_.size() * kPipes);
  for (const int index : cores) {
    const Token token = Signal(index, Pipe::kAll);
    for (size_t i = 0; i < all->size(); ++i) (*all)[i] = std::max((*all)[i], (*token)[i]);
  }
  const Token token = std::move(all);
  for (const int index : cores) {
    Core& core = cores_[static_cast<size_t>(index)];
    Drain(core, token);
    // The same vector for everybody, so that comparing pointers is enough from here on.
    for (Queue& q : core.queues) q.knowledge.others = token;
  }
}

void Order::EndBlock(int core) {
  for (Queue& q : cores_[static_cast<size_t>(core)].queues) q.block_begin = q.last;
}

Known Order::IssuedBy(int core) const {
  Known issued{};
  for (size_t p = 0; p < kPipes; ++p) {
    const Queue& q = cores_[static_cast<size_t>(core)].queues[p];
    issued[p] = std::max(q.issued, q.last);
  }
  return issued;
}

}  // namespace ascsim
