// The graph of a run and what it says of flags, bounds, bytes never written and races.
// SPDX-License-Identifier: Apache-2.0
#include "run_model.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "engine/validate.h"

namespace ascsim {
namespace {

uint64_t RoundUp(uint64_t bytes) { return (bytes + 31) / 32 * 32; }
bool IsCross(Op op) { return op == Op::kCrossSetFlag || op == Op::kCrossWaitFlag; }
bool IsLocalFlag(Op op) { return op == Op::kSetFlag || op == Op::kWaitFlag; }
bool IsScalarAccess(Op op) { return op == Op::kGetValue || op == Op::kSetValue; }
bool IsVector(Op op) { return op >= Op::kAdd && op <= Op::kCreateVecIndex; }
bool IsElementwise(Op op) { return op >= Op::kAdd && op <= Op::kAxpy; }
bool IsCopy(Op op) { return op >= Op::kCopyGmToUb && op <= Op::kCopyL1ToUb; }
// A barrier of the whole core, or of all cores: the program itself waits.
bool IsJoint(const Instruction& i) { return i.op == Op::kSyncAll || (i.op == Op::kBarrier && i.pipe == Pipe::kAll); }
// Reductions write single elements, which need not start a block.
bool MayStartAnywhere(Op op) { return op >= Op::kWholeReduceSum && op <= Op::kPairReduceSum; }

std::string At(const char* rule, uint32_t line) { return std::string(rule) + " " + std::to_string(line); }

std::string FlagName(const Instruction& i) {
  Pipe from = i.pipe, to = static_cast<Pipe>(i.option[0]);
  if (i.op == Op::kWaitFlag) std::swap(from, to);
  return std::string("flags ") + PipeName(from) + "_" + PipeName(to) + " " + std::to_string(i.option[1]);
}

// What the fields of an instruction alone break.
void CheckFields(const Instruction& i, std::set<std::string>* breaches) {
  if (!IsVector(i.op) && !IsCopy(i.op)) return;
  for (const Operand* o : {&i.dst, &i.src0, &i.src1, &i.src2}) {
    const bool element = o == &i.dst && MayStartAnywhere(i.op);
    if (o->used && o->space != Space::kGM && o->address % (element ? SizeOf(o->type) : kBlockBytes) != 0) {
      breaches->insert(At("misaligned", i.loc.line));
    }
  }
  if (IsCopy(i.op)) {
    if (i.bursts.count > 4095) breaches->insert(At("parameter-range", i.loc.line));
    return;
  }
  const uint64_t lanes = kRepeatBytes / SizeOf(i.src0.used ? i.src0.type : i.dst.type);
  if (!i.mask.counter && i.repeats > 255) breaches->insert(At("parameter-range", i.loc.line));
  if (!i.mask.counter && i.mask.low == 0 && (i.mask.high == 0 || lanes <= 64)) {
    breaches->insert(At("mask-width", i.loc.line));
  }
}

// An address in UB or L1 so far out that nothing is executed.
bool BeyondEverything(const Instruction& i) {
  constexpr uint64_t kMost = uint64_t{1} << 30;
  if (i.op == Op::kGather && i.option[0] > kMost) return true;
  for (const Operand* o : {&i.dst, &i.src0, &i.src1, &i.src2}) {
    if (o->used && o->space != Space::kGM && o->address > kMost) return true;
  }
  return false;
}

// Blocks that take part in a repeat, from the first on.
uint64_t BlocksOf(const Instruction& i, uint64_t repeat) {
  const uint64_t size = SizeOf(i.dst.type), lanes = kRepeatBytes / size;
  uint64_t elements = 0;
  if (i.mask.counter) {
    elements = std::min(lanes, i.mask.low - std::min(i.mask.low, repeat * lanes));
  } else {
    elements = i.mask.high != 0 && lanes > 64 ? 128 - static_cast<uint64_t>(std::countl_zero(i.mask.high))
                                              : 64 - static_cast<uint64_t>(std::countl_zero(i.mask.low));
  }
  return RoundUp(elements * size) / kBlockBytes;
}

// Whether source and target overlap only as the documentation lets element-wise instructions: in a repeat element by
// element the same, and no repeat reads what one before it wrote.
bool MayOverlap(const Instruction& i, const Operand& source) {
  if (SizeOf(source.type) != SizeOf(i.dst.type)) return false;
  std::set<uint64_t> written;
  for (uint64_t r = 0, blocks; (blocks = BlocksOf(i, r)) > 0 && (i.mask.counter || r < i.repeats); ++r) {
    const auto place = [r](const Operand& o, uint64_t k) {
      return o.address + (r * o.repeat_stride + k * o.block_stride) * kBlockBytes;
    };
    for (uint64_t k = 0; k < blocks; ++k) {
      if (written.contains(place(source, k))) return false;
      for (uint64_t m = 0; m < blocks; ++m) {
        if (k != m && place(source, k) == place(i.dst, m)) return false;
      }
    }
    for (uint64_t k = 0; k < blocks; ++k) written.insert(place(i.dst, k));
  }
  return true;
}

size_t OperandOf(const Observed& access) {
  const Instruction& i = access.instruction;
  return &access.operand == &i.dst ? 0 : &access.operand == &i.src0 ? 1 : &access.operand == &i.src1 ? 2 : 3;
}

// In UB, L1 or one allocation of GM.
bool InMemory(const Observed& access) {
  const Launch& launch = *Launch::Current();
  const Space space = access.operand.space;
  const uint64_t end = access.address + access.size;
  if (space != Space::kGM) return end <= (space == Space::kL1 ? launch.machine().l1_bytes : launch.machine().ub_bytes);
  const Allocation* allocation = Launch::Current()->memory().Find(access.address);
  return allocation != nullptr && end <= allocation->address + allocation->size;
}

// `access` reads offsets of a gather.
void CheckOffsets(const Observed& access, std::set<std::string>* breaches) {
  const Instruction& i = access.instruction;
  Core& core = Launch::Current()->core();
  const std::vector<uint8_t>& ub = core.memory(Space::kUB);
  if (core.index != access.core || !InMemory(access)) return;
  for (uint64_t at = 0; at < access.size; at += sizeof(uint32_t)) {
    uint32_t offset;
    std::memcpy(&offset, ub.data() + access.address + at, sizeof(offset));
    const uint64_t address = i.src0.address + i.option[0] + offset, end = address + SizeOf(i.dst.type);
    const bool aligned = address % SizeOf(i.dst.type) == 0;
    if (end > ub.size() || (aligned && end > i.src0.end)) {
      breaches->insert(At("out-of-bounds", i.loc.line));
    } else if (!aligned) {
      breaches->insert(At("misaligned", i.loc.line));
    }
  }
}

}  // namespace

// An event has a node for its start, one for its completion, and one for the completion of all that its queue has been
// given up to it.
class RunModel::Graph {
 public:
  explicit Graph(const RunModel& run) : run_(run), edges_(run.events_.size() * 3) {
    for (const auto& [core, state] : run.cores_) AddProgram(state);
    AddFlags();
    AddCrossFlags();
    AddSyncAll();
    Close();
  }
  // Event a is complete before b starts.
  bool Before(size_t a, size_t b) const { return Bit(Done(a), Start(b)); }
  const std::set<std::string>& breaches() const { return breaches_; }

 private:
  static size_t Start(size_t event) { return event * 3; }
  static size_t Done(size_t event) { return event * 3 + 1; }
  static size_t All(size_t event) { return event * 3 + 2; }
  void Edge(size_t from, size_t to) { edges_[from].push_back(to); }
  bool Bit(size_t from, size_t to) const { return (reach_[from][to / 64] >> to % 64 & 1) != 0; }

  void AddProgram(const CoreState& state) {
    std::array<size_t, kNumPipes> last;
    last.fill(SIZE_MAX);
    size_t issuer = SIZE_MAX;  // node behind which the program goes on
    for (const size_t e : state.program) {
      const Instruction& i = run_.events_[e].instruction;
      const bool joint = IsJoint(i);
      Edge(Start(e), Done(e));
      Edge(Done(e), All(e));
      if (issuer != SIZE_MAX) Edge(issuer, Start(e));
      const Pipe pipe = joint ? Pipe::kS : i.pipe;
      size_t& before = last[static_cast<size_t>(pipe)];
      if (before != SIZE_MAX) {
        Edge(Start(before), Start(e));
        Edge(All(before), All(e));
        // A barrier holds its queue up; a flag is set when all before is complete, while the queue goes on.
        if (i.op == Op::kBarrier) Edge(All(before), Start(e));
        if (i.op == Op::kSetFlag || i.op == Op::kCrossSetFlag) Edge(All(before), Done(e));
      }
      if (joint) {
        for (const size_t other : last) {
          if (other != SIZE_MAX) Edge(All(other), Start(e));
        }
      }
      before = e;
      if (pipe == Pipe::kS) issuer = joint ? Done(e) : Start(e);
    }
  }

  // The n-th wait for a flag is for its n-th set.
  void AddFlags() {
    for (const auto& [core, state] : run_.cores_) {
      std::map<std::string, std::pair<std::vector<size_t>, std::vector<size_t>>> flags;
      for (const size_t e : state.program) {
        const Instruction& i = run_.events_[e].instruction;
        if (!IsLocalFlag(i.op)) continue;
        auto& [sets, waits] = flags[FlagName(i)];
        (i.op == Op::kSetFlag ? sets : waits).push_back(e);
        if (sets.size() > waits.size() + 1) breaches_.insert(FlagName(i));
      }
      for (const auto& [name, pair] : flags) Match(name, {&pair.first}, pair.second);
    }
  }

  void AddCrossFlags() {
    using Key = std::tuple<uint64_t, uint64_t, int>;  // mode, id, core
    std::map<Key, std::vector<size_t>> sets, waits;
    std::map<uint64_t, std::set<uint64_t>> modes;
    std::set<std::pair<uint64_t, uint64_t>> used;
    for (size_t e = 0; e < run_.events_.size(); ++e) {
      const Instruction& i = run_.events_[e].instruction;
      if (!IsCross(i.op)) continue;
      modes[i.option[1]].insert(i.option[0]);
      used.insert({i.option[0], i.option[1]});
      (i.op == Op::kCrossSetFlag ? sets : waits)[{i.option[0], i.option[1], run_.events_[e].core}].push_back(e);
    }
    for (const auto& [mode, id] : used) {
      const std::string name = "cross-core flags " + std::to_string(id);
      if (modes[id].size() > 1) breaches_.insert(name);  // its counter would be of both
      for (const auto& [core, state] : run_.cores_) {
        std::vector<const std::vector<size_t>*> from;
        for (const int member : SettersFor(core, mode)) from.push_back(&sets[{mode, id, member}]);
        Match(name, from, waits[{mode, id, core}]);
      }
    }
  }

  // Mode 0: all cores of a kind, 1: the AIVs of a group, 2: the other side of the group.
  std::vector<int> SettersFor(int core, uint64_t mode) const {
    const CoreState& mine = run_.cores_.at(core);
    std::vector<int> setters;
    for (const auto& [other, state] : run_.cores_) {
      const bool kind = state.is_aiv == mine.is_aiv, group = state.group == mine.group;
      if (mode == 0 ? kind : group && kind == (mode == 1)) setters.push_back(other);
    }
    return setters;
  }

  void Match(const std::string& name, const std::vector<const std::vector<size_t>*>& sets,
             const std::vector<size_t>& waits) {
    for (const std::vector<size_t>* from : sets) {
      if (from->size() != waits.size()) breaches_.insert(name);
      for (size_t n = 0; n < std::min(from->size(), waits.size()); ++n) Edge(Done((*from)[n]), Start(waits[n]));
    }
    if (sets.empty() && !waits.empty()) breaches_.insert(name);
  }

  void AddSyncAll() {
    for (const bool only_aiv : {false, true}) {
      std::map<int, std::vector<size_t>> arrivals;
      for (const auto& [core, state] : run_.cores_) {
        if (only_aiv && !state.is_aiv) continue;
        arrivals[core];
        for (const size_t e : state.program) {
          const Instruction& i = run_.events_[e].instruction;
          if (i.op == Op::kSyncAll && (i.option[0] != 0) == only_aiv) arrivals[core].push_back(e);
        }
      }
      for (const auto& [core, mine] : arrivals) {
        for (const auto& [other, theirs] : arrivals) {
          if (mine.size() != theirs.size()) breaches_.insert("SyncAll");
          for (size_t n = 0; n < std::min(mine.size(), theirs.size()); ++n) Edge(Start(mine[n]), Done(theirs[n]));
        }
      }
    }
  }

  // Reachability, from the nodes without successors backwards.
  void Close() {
    const size_t words = (edges_.size() + 63) / 64;
    reach_.assign(edges_.size(), std::vector<uint64_t>(words));
    std::vector<uint32_t> open(edges_.size());
    std::vector<std::vector<size_t>> sources(edges_.size());
    std::vector<size_t> ready;
    for (size_t node = 0; node < edges_.size(); ++node) {
      open[node] = static_cast<uint32_t>(edges_[node].size());
      for (const size_t to : edges_[node]) sources[to].push_back(node);
      if (open[node] == 0) ready.push_back(node);
    }
    size_t closed = 0;
    for (; !ready.empty(); ++closed) {
      const size_t node = ready.back();
      ready.pop_back();
      reach_[node][node / 64] |= uint64_t{1} << node % 64;
      for (const size_t to : edges_[node]) {
        for (size_t w = 0; w < words; ++w) reach_[node][w] |= reach_[to][w];
      }
      for (const size_t from : sources[node]) {
        if (--open[from] == 0) ready.push_back(from);
      }
    }
    if (closed < edges_.size()) breaches_.insert("deadlock");  // a circle
  }

  const RunModel& run_;
  std::vector<std::vector<size_t>> edges_;
  std::vector<std::vector<uint64_t>> reach_;
  std::set<std::string> breaches_;
};

RunModel::CoreState& RunModel::StateOf(int core) {
  const auto [it, is_new] = cores_.try_emplace(core);
  if (is_new) {
    it->second.group = Launch::Current()->core().group;
    it->second.is_aiv = Launch::Current()->core().block.is_aiv;
  }
  return it->second;
}

size_t RunModel::NewEvent(int core, const Instruction& instruction) {
  events_.push_back({core, instruction, {}, {}});
  StateOf(core).program.push_back(events_.size() - 1);
  return events_.size() - 1;
}

void RunModel::Issue(const Instruction& instruction) {
  const int core = Launch::Current()->core().index;
  CoreState& state = StateOf(core);
  state.scalar = SIZE_MAX;
  const size_t e = NewEvent(core, instruction);
  Event& event = events_[e];
  if ((IsLocalFlag(instruction.op) && instruction.option[1] > 7) ||
      (IsCross(instruction.op) && instruction.option[1] > 10)) {
    event.breaches.insert(At("flag-id", instruction.loc.line));
    return;  // has no effect, and no number in its queue
  }
  CheckFields(instruction, &event.breaches);
  if (BeyondEverything(instruction)) {
    event.breaches.insert(At("out-of-bounds", instruction.loc.line));
    return;  // the same
  }
  if (!IsJoint(instruction)) {
    by_sequence_[{core, instruction.pipe, ++state.issued[static_cast<size_t>(instruction.pipe)]}] = e;
  }
  for (const Operand* o : {&instruction.dst, &instruction.src0, &instruction.src1, &instruction.src2}) {
    if (!o->used || o->space == Space::kGM) continue;
    uint64_t& start = starts_.try_emplace({core, o->space, o->end}, o->address).first->second;
    start = std::min(start, o->address);
  }
}

void RunModel::CheckPlace(const Observed& access, Event* event) const {
  const Operand& o = access.operand;
  const Instruction& i = access.instruction;
  const bool gm = o.space == Space::kGM;
  uint64_t limit = o.end == 0 ? ~uint64_t{0} : gm ? o.end : RoundUp(o.end);
  // A read brings along what fills its last block.
  if (gm && access.kind == AccessKind::kRead && o.address < o.end) limit = o.address + RoundUp(o.end - o.address);
  const bool inside = access.address >= o.begin && access.address + access.size <= limit && InMemory(access);
  if (i.op == Op::kGather && &o == &i.src1) CheckOffsets(access, &event->breaches);
  if (!inside) event->breaches.insert(At("out-of-bounds", i.loc.line));
  const bool pair = i.op == Op::kWholeReduceMax || i.op == Op::kWholeReduceMin;  // a value and its index
  if (pair && &o == &i.dst && access.address % access.size != 0) {
    event->breaches.insert(At("misaligned", i.loc.line));
  }
}

void RunModel::Access(const Observed& access) {
  const Instruction& i = access.instruction;
  size_t e;
  if (IsScalarAccess(i.op)) {
    CoreState& state = StateOf(access.core);
    state.issued[static_cast<size_t>(Pipe::kS)] = i.sequence;
    if (state.scalar == SIZE_MAX) state.scalar = NewEvent(access.core, i);
    e = state.scalar;
  } else {
    e = by_sequence_.at({access.core, i.pipe, i.sequence});
  }
  Event& event = events_[e];
  CheckPlace(access, &event);
  if (!InMemory(access)) return;  // does not take place
  Range range{access.operand.space, access.kind,    OperandOf(access),           false,
              i.loc.line,           access.address, access.address + access.size};
  for (const Range& r : event.ranges) {
    range.own |= IsScalarAccess(i.op) && range.kind == AccessKind::kRead && r.kind == AccessKind::kWrite &&
                 r.space == range.space && r.begin <= range.begin && range.end <= r.end;
  }
  for (Range& r : event.ranges) {
    const bool alike = r.space == range.space && r.kind == range.kind && r.operand == range.operand &&
                       r.own == range.own && r.line == range.line;
    if (!alike || range.begin < r.begin || r.end < range.begin) continue;
    r.end = std::max(r.end, range.end);
    return;
  }
  event.ranges.push_back(range);
}

void RunModel::CheckStarts(const Event& event, const Starts& starts, std::set<std::string>* breaches) const {
  const Instruction& i = event.instruction;
  if (!IsVector(i.op) && !IsCopy(i.op)) return;
  for (const Operand* o : {&i.dst, &i.src0, &i.src1, &i.src2}) {
    if (!o->used || o->space == Space::kGM) continue;
    const auto start = starts.find({event.core, o->space, o->end});
    if (start == starts.end() || o->address < start->second) breaches->insert(At("out-of-bounds", i.loc.line));
  }
  if (!IsVector(i.op)) return;
  for (const Range& to : event.ranges) {
    for (const Range& from : event.ranges) {
      if (to.kind != AccessKind::kWrite || from.operand == 0 || to.space != from.space) continue;
      const Operand& source = *std::array{&i.dst, &i.src0, &i.src1, &i.src2}[from.operand];
      const bool meet = to.begin < from.end && from.begin < to.end;
      // Of reductions and gathers it does not know when they may.
      if (meet && !IsElementwise(i.op)) breaches->insert(At("possible-overlap", i.loc.line));
      if (meet && IsElementwise(i.op) && !MayOverlap(i, source)) breaches->insert(At("overlap", i.loc.line));
    }
  }
}

std::map<RunModel::Memory, std::vector<RunModel::Span>> RunModel::Spans() const {
  std::map<Memory, std::vector<Span>> spans;
  for (size_t e = 0; e < events_.size(); ++e) {
    for (const Range& r : events_[e].ranges) {
      spans[{r.space, r.space == Space::kGM ? -1 : events_[e].core}].push_back(
          {r.begin, r.end, e, r.kind, r.own, r.line});
    }
  }
  for (auto& [memory, list] : spans) {
    std::stable_sort(list.begin(), list.end(), [](const Span& a, const Span& b) { return a.begin < b.begin; });
  }
  return spans;
}

// The scalar unit needs nothing to order it with itself.
bool RunModel::InProgramOrder(size_t a, size_t b) const {
  const Event &x = events_[a], &y = events_[b];
  return a <= b && x.core == y.core && x.instruction.pipe == Pipe::kS && y.instruction.pipe == Pipe::kS;
}

bool RunModel::Ordered(const Graph& graph, size_t a, size_t b) const {
  return a == b || InProgramOrder(a, b) || InProgramOrder(b, a) || graph.Before(a, b) || graph.Before(b, a);
}

void RunModel::FindRaces(const Graph& graph, const std::vector<Span>& spans, std::set<std::string>* breaches) const {
  for (size_t a = 0; a < spans.size(); ++a) {
    for (size_t b = a + 1; b < spans.size() && spans[b].begin < spans[a].end; ++b) {
      const Span &x = spans[a], &y = spans[b];
      if (x.kind == y.kind && x.kind != AccessKind::kWrite) continue;
      if (Ordered(graph, x.event, y.event)) continue;
      breaches->insert(At("race", std::min(x.line, y.line)) + " " + std::to_string(std::max(x.line, y.line)));
    }
  }
}

// Bytes that no write before the read has touched.
void RunModel::FindUnwritten(const Graph& graph, const std::vector<Span>& spans,
                             std::set<std::string>* breaches) const {
  for (const Span& read : spans) {
    if (read.kind != AccessKind::kRead || read.own) continue;
    uint64_t covered = read.begin;  // spans come by their start
    for (const Span& write : spans) {
      if (write.begin > covered || covered >= read.end) break;
      if (write.kind != AccessKind::kWrite || write.end <= covered) continue;
      const bool before = graph.Before(write.event, read.event) || InProgramOrder(write.event, read.event);
      if (before && write.event != read.event) covered = write.end;
    }
    if (covered < read.end) breaches->insert(At("uninitialised-read", read.line));
  }
}

std::set<std::string> RunModel::Judge(const Starts& starts) const {
  const Graph graph(*this);
  std::set<std::string> breaches = graph.breaches();
  for (const Event& event : events_) {
    breaches.insert(event.breaches.begin(), event.breaches.end());
    CheckStarts(event, starts, &breaches);
  }
  for (const auto& [memory, spans] : Spans()) {
    FindRaces(graph, spans, &breaches);
    if (std::get<0>(memory) != Space::kGM) FindUnwritten(graph, spans, &breaches);
  }
  return breaches;
}

namespace {

using ByRule = std::map<std::string, std::set<std::string>>;

// A report in the words of RunModel; empty where it has none, as for what the API headers find without an instruction.
std::string InWords(const Breach& b) {
  if (b.first.op == Op::kNone || (b.rule == Rule::kOverlap && !IsElementwise(b.first.op))) return "";
  if (b.rule <= Rule::kRaceCores) {
    const auto [first, last] = std::minmax({b.first.loc.line, b.second.loc.line});
    return At("race", first) + " " + std::to_string(last);
  }
  switch (b.rule) {
    case Rule::kUndefinedOutput:
      return At("uninitialised-read", b.first.loc.line);
    case Rule::kOutOfBounds:
    case Rule::kUninitialisedRead:
    case Rule::kMisaligned:
    case Rule::kParameterRange:
    case Rule::kMaskWidth:
    case Rule::kOverlap:
      return At(std::string(RuleName(b.rule)).c_str(), b.first.loc.line);
    case Rule::kMisalignedGather32:
    case Rule::kGatherAcrossBlock:
      return At("misaligned", b.first.loc.line);
    default:
      return "";
  }
}

}  // namespace

std::set<std::string> Differences(const LaunchStats& stats, const std::set<std::string>& breaches) {
  if (!stats.error.empty()) return {};  // it ended before the end of the kernel
  ByRule found, expected;
  bool flags = false;
  for (const Breach& breach : stats.breaches) {
    const std::string words = InWords(breach);
    if (!words.empty()) found[words.substr(0, words.find(' '))].insert(words);
  }
  for (const std::string& words : breaches) {
    const std::string rule = words.substr(0, words.find(' '));
    flags |= rule == "flags" || rule == "cross-core" || rule == "flag-id" || rule == "SyncAll";
    expected[rule].insert(words);
  }
  std::set<std::string> differences;
  for (const char* rule :
       {"race", "out-of-bounds", "uninitialised-read", "misaligned", "parameter-range", "mask-width", "overlap"}) {
    const bool race = std::string(rule) == "race";
    const bool unsure = race                                        ? flags
                        : std::string(rule) == "overlap"            ? !expected["misaligned"].empty()
                        : std::string(rule) == "uninitialised-read" ? flags || !expected["race"].empty()
                                                                    : false;
    if (unsure) continue;
    for (const std::string& words : found[rule]) {
      if (!expected[rule].contains(words)) differences.insert("reported, RunModel does not find " + words);
    }
    for (const std::string& words : expected[rule]) {
      if (race ? found[rule].empty() : !found[rule].contains(words)) {
        differences.insert("no report, RunModel finds " + words);
      }
    }
  }
  return differences;
}

}  // namespace ascsim
