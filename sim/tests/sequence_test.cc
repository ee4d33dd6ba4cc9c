// Random sequences of mixed instructions with the flags and barriers they need, and with one of those left out.
// SPDX-License-Identifier: Apache-2.0
//
// Memory against a sequential model byte by byte, reports against reachability.
#include <gtest/gtest.h>

#include <bitset>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "ascsim/runtime.h"
#include "check/checker.h"
#include "checker_graph.h"
#include "core/machine.h"
#include "engine/launch.h"
#include "engine/memory.h"
#include "sequence_model.h"

namespace ascsim::test {
namespace {

constexpr size_t kNone = ~size_t{0};
constexpr size_t kPlaces = kRegion + 256 + kGmBytes;

// Bytes of UB, then of GM.
struct Footprint {
  std::bitset<kPlaces> reads, writes, updates;

  explicit Footprint(const Act& act) {
    for (const Touch& touch : act.touches) {
      const size_t begin = touch.address + (touch.space == Space::kGM ? kRegion + 256 : 0);
      auto& places = touch.kind == AccessKind::kRead ? reads : touch.kind == AccessKind::kWrite ? writes : updates;
      for (size_t b = 0; b < touch.size; ++b) places.set(begin + b);
    }
  }
  bool Conflicts(const Footprint& other) const {
    return (writes & (other.reads | other.writes | other.updates)).any() || (other.writes & (reads | updates)).any() ||
           (reads & other.updates).any() || (updates & other.reads).any();
  }
};

// Something that orders: PipeBarrier<from> when from == to, PipeBarrier<PIPE_ALL> when from is kAll, else a flag that
// is set before act `set_before` and waited for before act `before`.
struct Order {
  Pipe from = Pipe::kAll, to = Pipe::kAll;
  size_t set_before = 0, before = 0;
  uint32_t id = 0;
  bool IsFlag() const { return from != to; }
};

struct Sequence {
  std::vector<Act> acts;
  std::vector<Footprint> footprints;
  std::vector<Order> orders;
};

Pipe PipeOf(const Act& act) { return act.kind == Act::Kind::kIssue ? act.instruction.pipe : Pipe::kS; }

// Calls for each step in program order: act(index), set(order), wait(order); the first `acts` of them, without the
// order `left_out`.
template <class OnAct, class OnSet, class OnWait>
void Walk(const Sequence& s, size_t acts, size_t left_out, OnAct on_act, OnSet on_set, OnWait on_wait) {
  for (size_t k = 0; k < acts; ++k) {
    for (size_t o = 0; o < s.orders.size(); ++o) {
      if (o != left_out && s.orders[o].IsFlag() && s.orders[o].set_before == k) on_set(o);
    }
    for (size_t o = 0; o < s.orders.size(); ++o) {
      if (o != left_out && s.orders[o].before == k) on_wait(o);
    }
    on_act(k);
  }
}

// Pairs of acts that touch the same bytes with nothing to order them.
class Races {
 public:
  Races(const Sequence& s, size_t acts, size_t left_out) : s_(s), sets_(s.orders.size()) {
    Walk(
        s, acts, left_out, [&](size_t k) { act_events_.push_back(Add(Event::Kind::kWork, PipeOf(s.acts[k]))); },
        [&](size_t o) { sets_[o] = Add(Event::Kind::kSet, s.orders[o].from); },
        [&](size_t o) {
          const Order& order = s.orders[o];
          if (order.IsFlag()) {
            events_[Add(Event::Kind::kWait, order.to)].partner = static_cast<int>(sets_[o]);
          } else {
            Add(order.from == Pipe::kAll ? Event::Kind::kBarrierAll : Event::Kind::kBarrier, order.from);
          }
        });
  }

  // Acts that race with act j, the last first.
  std::vector<size_t> With(size_t j) const {
    std::vector<size_t> racing;
    const Graph graph(events_);
    for (size_t i = j; i-- > 0;) {
      if (Race(graph, i, j)) racing.push_back(i);
    }
    return racing;
  }
  bool Any() const {
    const Graph graph(events_);
    for (size_t j = 0; j < act_events_.size(); ++j) {
      for (size_t i = 0; i < j; ++i) {
        if (Race(graph, i, j)) return true;
      }
    }
    return false;
  }

 private:
  size_t Add(Event::Kind kind, Pipe pipe) {
    Event event;
    event.kind = kind;
    event.pipe = pipe;
    event.issued_after = last_scalar_;
    events_.push_back(event);
    if (pipe == Pipe::kS || kind == Event::Kind::kBarrierAll) last_scalar_ = static_cast<int>(events_.size()) - 1;
    return events_.size() - 1;
  }
  bool Race(const Graph& graph, size_t i, size_t j) const {
    if (PipeOf(s_.acts[i]) == Pipe::kS && PipeOf(s_.acts[j]) == Pipe::kS) return false;
    return s_.footprints[i].Conflicts(s_.footprints[j]) && !graph.Before(act_events_[i], act_events_[j]);
  }

  const Sequence& s_;
  std::vector<Event> events_;
  std::vector<size_t> sets_, act_events_;
  int last_scalar_ = -1;
};

// Adds what orders act i before act j: at times more than that, and flags that are set long before they are needed.
void AddOrder(Sequence* s, size_t i, size_t j, Random& random) {
  Order order;
  order.from = PipeOf(s->acts[i]);
  order.to = PipeOf(s->acts[j]);
  order.before = order.set_before = j;
  if (random.OneIn(12)) order.from = order.to = Pipe::kAll;
  if (!order.IsFlag()) return s->orders.push_back(order);
  order.set_before = random.In(static_cast<uint32_t>(i) + 1, static_cast<uint32_t>(j));
  bool used[kNumFlags] = {};
  for (const Order& other : s->orders) {
    if (other.from != order.from || other.to != order.to) continue;
    if (other.set_before <= order.before && order.set_before <= other.before) used[other.id] = true;
  }
  while (order.id < kNumFlags && used[order.id]) ++order.id;
  if (order.id == kNumFlags) order.from = order.to = Pipe::kAll;
  s->orders.push_back(order);
}

// Every pair that has to be is ordered; now and then one that need not be.
void Synchronise(Sequence* s, Random& random) {
  for (size_t j = 1; j < s->acts.size(); ++j) {
    if (random.OneIn(6)) AddOrder(s, random.In(0, static_cast<uint32_t>(j) - 1), j, random);
    while (true) {
      const std::vector<size_t> racing = Races(*s, j + 1, kNone).With(j);
      if (racing.empty()) break;
      AddOrder(s, racing.front(), j, random);
    }
  }
}

struct Outcome {
  std::vector<uint8_t> ub, gm;
  std::vector<Breach> breaches;
  std::string error;
  size_t wrong_reads = 0;
};

void IssueSync(Op op, Pipe pipe, Pipe other, uint32_t id) {
  Instruction i;
  i.op = op;
  i.pipe = pipe;
  i.loc = Loc::Here();
  i.option[0] = static_cast<uint64_t>(other);
  i.option[1] = id;
  Issue(i);
}

void Perform(const Act& act, uint32_t line, uint64_t gm, size_t* wrong_reads) {
  Instruction i = act.instruction;
  i.loc = {"sequence", line};
  for (Operand* operand : {&i.dst, &i.src0}) {
    if (operand->space == Space::kGM) operand->address += gm;
  }
  if (act.kind == Act::Kind::kSet) {
    ScalarWrite(i.dst.space, i.dst.address, i.dst.type, i.scalar, i.loc);
  } else if (act.kind == Act::Kind::kGet) {
    const uint64_t got = ScalarRead(i.src0.space, i.src0.address, i.src0.type, i.loc);
    *wrong_reads += got == act.value ? 0 : 1;
  } else {
    Issue(i);
  }
}

Outcome Play(const Sequence& s, const std::vector<uint8_t>& initial_gm, size_t left_out) {
  static const Machine machine = LoadMachine("910b2");
  static auto* const memory = new GlobalMemory(uint64_t{1} << 20);
  static auto* const gm = static_cast<uint8_t*>(memory->Allocate(kGmBytes));
  std::memcpy(gm, initial_gm.data(), kGmBytes);
  LaunchOptions options;
  options.progress = false;
  options.checks = OptionsFor(CheckMode::kStrict);
  // The graph knows no data cache; cache_test.cc has a model of it.
  EXPECT_EQ(ParseSeverities("cache-stale=off,cache-not-cleaned=off,cache-line-shared=off", &options.checks), "");
  Outcome outcome;
  const auto body = [&] {
    Walk(
        s, s.acts.size(), left_out,
        [&](size_t k) {
          Perform(s.acts[k], static_cast<uint32_t>(k) + 1, reinterpret_cast<uint64_t>(gm), &outcome.wrong_reads);
        },
        [&](size_t o) { IssueSync(Op::kSetFlag, s.orders[o].from, s.orders[o].to, s.orders[o].id); },
        [&](size_t o) {
          const Order& order = s.orders[o];
          IssueSync(order.IsFlag() ? Op::kWaitFlag : Op::kBarrier, order.to, order.from, order.id);
        });
    outcome.ub.assign(SpaceBase(Space::kUB), SpaceBase(Space::kUB) + kRegion + 256);
  };
  Launch launch(machine, *memory, options, "sequence", 1, body);
  launch.Run();
  const LaunchStats stats = launch.TakeStats();
  outcome.gm.assign(gm, gm + kGmBytes);
  outcome.breaches = stats.breaches;
  outcome.error = stats.error;
  return outcome;
}

void ExpectMemory(const Outcome& outcome, const Bytes& memory) {
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.wrong_reads, 0u);
  for (size_t i = 0; i < outcome.ub.size(); ++i) {
    ASSERT_EQ(outcome.ub[i], memory.ub[i]) << "byte " << i << " of UB";
  }
  for (size_t i = 0; i < outcome.gm.size(); ++i) ASSERT_EQ(outcome.gm[i], memory.gm[i]) << "byte " << i << " of GM";
}

// A sequence takes about 2 ms, under AddressSanitizer 15.
#ifdef __SANITIZE_ADDRESS__
constexpr uint64_t kSequences = 1000;
#else
constexpr uint64_t kSequences = 3000;
#endif

struct Counts {
  uint64_t sequences = 0, acts = 0, orders = 0, racy = 0;
};

void Try(uint64_t seed, Counts* counts) {
  SequenceGenerator generator(seed, 4 + static_cast<uint32_t>(seed % 24));
  Sequence s;
  s.acts = generator.Run();
  for (const Act& act : s.acts) s.footprints.emplace_back(act);
  Synchronise(&s, generator.random());

  const Outcome right = Play(s, generator.initial_gm, kNone);
  ExpectMemory(right, generator.memory());
  for (const Breach& breach : right.breaches) ADD_FAILURE() << Format(breach);

  ++counts->sequences;
  counts->acts += s.acts.size();
  counts->orders += s.orders.size();
  for (int tries = 0; tries < 3 && !s.orders.empty(); ++tries) {
    const size_t left_out = generator.random().In(0, static_cast<uint32_t>(s.orders.size()) - 1);
    const bool racy = Races(s, s.acts.size(), left_out).Any();
    const Outcome wrong = Play(s, generator.initial_gm, left_out);
    ExpectMemory(wrong, generator.memory());
    EXPECT_EQ(!wrong.breaches.empty(), racy) << "without the order before act " << s.orders[left_out].before + 1;
    for (const Breach& breach : wrong.breaches) {
      EXPECT_TRUE(std::string(RuleName(breach.rule)).starts_with("race-")) << Format(breach);
    }
    counts->racy += racy ? 1 : 0;
  }
}

TEST(Sequence, AgreesWithTheModelAndTheGraph) {
  const char* one = std::getenv("ASCSIM_TEST_SEED");
  const uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 1;
  const uint64_t sequences = one != nullptr ? 1 : kSequences;
  Counts counts;
  for (uint64_t seed = first; seed < first + sequences; ++seed) {
    Try(seed, &counts);
    if (testing::Test::HasFailure()) FAIL() << "replay with ASCSIM_TEST_SEED=" << seed;
  }
  std::printf("%llu sequences of %llu instructions, %llu flags and barriers; %llu of those left out make a race\n",
              static_cast<unsigned long long>(counts.sequences), static_cast<unsigned long long>(counts.acts),
              static_cast<unsigned long long>(counts.orders), static_cast<unsigned long long>(counts.racy));
  if (one == nullptr) {
    EXPECT_GT(counts.racy, counts.sequences);
    EXPECT_LT(counts.racy, counts.sequences * 3) << "some can be left out";
  }
}

}  // namespace
}  // namespace ascsim::test
