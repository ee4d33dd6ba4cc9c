// Cores, fibers and the scheduler of a launch.
// SPDX-License-Identifier: Apache-2.0
#include "engine/launch.h"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "engine/validate.h"

namespace ascsim {
namespace {

constexpr size_t kStackBytes = size_t{256} << 10;
constexpr uint64_t kNullBytes = uint64_t{64} << 10;
constexpr uint64_t kProgressInterval = 1 << 12;

Launch* current_launch = nullptr;

// Thrown into the fiber of the core that fails.
struct KernelError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Bytes that nobody wrote are NaN as fp16, bf16 and fp32.
void FillUnwritten(std::vector<uint8_t>& memory, uint64_t size) {
  memory.resize(size);
  for (uint64_t i = 0; i < size; ++i) memory[i] = i % 2 == 0 ? 0xF7 : 0x7F;
}

std::string Describe(const Loc& loc) {
  return loc.file == nullptr ? std::string("?") : std::string(loc.file) + ":" + std::to_string(loc.line);
}

// Core and block.
std::string Where(const Core& core) { return core.name + ", block " + std::to_string(core.block.block_idx); }

std::string TimeText(double seconds) {
  std::array<char, 32> number;
  std::snprintf(number.data(), number.size(), "%g", seconds);
  return std::string("no end after ") + number.data() + " s (ASCSIM_MAX_SECONDS): a loop that never ends?";
}

std::string PointerText(const GlobalMemory& memory, const Fault& fault) {
  if (!fault.address_known) return "a pointer that is no address";
  std::array<char, 32> address;
  std::snprintf(address.data(), address.size(), " (0x%llx)", static_cast<unsigned long long>(fault.address));
  // Members and elements of what a null pointer points to.
  if (fault.address < kNullBytes) return std::string("a null pointer") + address.data();
  const Allocation* const at = memory.Find(fault.address);
  const Allocation* const before = memory.Before(fault.address);
  const auto byte = [&](const Allocation& allocation) {
    return "byte " + std::to_string(fault.address - allocation.address) + " of GM #" +
           std::to_string(allocation.number);
  };
  if (at != nullptr && at->freed) return byte(*at) + ", which was freed";
  if (at == nullptr && before != nullptr) {
    return byte(*before) + ", which has " + std::to_string(before->size) + (before->freed ? " and was freed" : "");
  }
  return std::string("a pointer to no memory") + address.data();
}

}  // namespace

const char* StallName(Stall stall) {
  static constexpr std::array<const char*, kNumStalls> kNames = {
      "flag from S",   "flag from V", "flag from M", "flag from MTE1",  "flag from MTE2", "flag from MTE3",
      "flag from FIX", "barrier",     "queue full",  "cross-core flag", "SyncAll"};
  return kNames[static_cast<size_t>(stall)];
}

Launch* Launch::Current() { return current_launch; }

Launch::Launch(const Machine& machine, GlobalMemory& memory, const LaunchOptions& options, std::string kernel,
               uint32_t block_dim, std::function<void()> body)
    : machine_(machine),
      memory_(memory),
      options_(options),
      kernel_(std::move(kernel)),
      block_dim_(block_dim),
      body_(std::move(body)) {}

Launch::~Launch() { DestroyFibers(); }

void Launch::DestroyFibers() {
  Launch* const outer = std::exchange(current_launch, this);
  for (auto& core : cores_) {
    core->dead = true;
    running_ = core.get();
    core->fiber.reset();
  }
  running_ = nullptr;
  current_launch = outer;
}

void Launch::Run() {
  begin_ = std::chrono::steady_clock::now();
  next_progress_ = begin_ + std::chrono::seconds(2);
  if (block_dim_ == 0 || block_dim_ > static_cast<uint32_t>(machine_.max_block_dim)) {
    error_ = "block dimension: expected 1 to " + std::to_string(machine_.max_block_dim) + ", got " +
             std::to_string(block_dim_);
    return;
  }
  const Traps traps;
  if (options_.max_seconds > 0) watchdog_ = std::make_unique<Watchdog>(options_.max_seconds, kernel_);
  Launch* const outer = std::exchange(current_launch, this);
  Probe();
  if (error_.empty()) {
    AddCores();
    Schedule();
  }
  current_launch = outer;
  watchdog_.reset();
  if (progress_shown_) std::fputc('\n', stderr);
  for (auto& core : cores_) FinishStats(*core);
  DestroyFibers();
}

// Runs block 0 up to its first instruction, to learn the kernel's type before there are cores.
void Launch::Probe() {
  probing_ = true;
  timing_ = std::make_unique<Timing>(machine_, 1);
  checker_ = std::make_unique<Checker>(options_.checks, kernel_, 1, machine_.ub_bytes, machine_.l1_bytes);
  AddCore(/*is_aiv=*/true, 0, 0);
  StartBlock(*cores_[0]);
  running_ = cores_[0].get();
  running_->fiber->Resume();
  if (running_->fiber->done()) FinishBlock(*running_);
  DestroyFibers();
  cores_.clear();
  probing_ = false;
}

void Launch::AddCores() {
  const bool mix = type_ == KernelType::kMixAic1Aiv2 || type_ == KernelType::kMixAic1Aiv1;
  const int physical = HasAic(type_) ? machine_.cube_cores : machine_.vector_cores;
  const int groups = std::min(static_cast<int>(block_dim_), physical);
  for (int group = 0; group < groups; ++group) {
    if (HasAic(type_)) AddCore(/*is_aiv=*/false, 0, group);
    if (HasAiv(type_)) AddCore(/*is_aiv=*/true, 0, group);
    if (mix && type_ == KernelType::kMixAic1Aiv2) AddCore(/*is_aiv=*/true, 1, group);
  }
  const int count = static_cast<int>(cores_.size());
  timing_ = std::make_unique<Timing>(machine_, count, options_.l2);
  checker_ = std::make_unique<Checker>(options_.checks, kernel_, count, machine_.ub_bytes, machine_.l1_bytes);
  checker_->SetGmNamer([this](uint64_t address, uint64_t* number, uint64_t* offset) {
    const Allocation* allocation = memory_.Find(address);
    if (allocation == nullptr) return;
    *number = allocation->number;
    *offset = address - allocation->address;
  });
  next_block_ = 0;
  for (int group = 0; group < groups; ++group) StartGroup(group);
}

void Launch::AddCore(bool is_aiv, uint32_t sub_block, int group) {
  auto core = std::make_unique<Core>();
  core->index = static_cast<int>(cores_.size());
  core->group = group;
  core->block.is_aiv = is_aiv;
  core->block.sub_block_idx = sub_block;
  core->block.sub_block_num = is_aiv && type_ == KernelType::kMixAic1Aiv2 ? 2 : 1;
  FillUnwritten(is_aiv ? core->ub : core->l1, is_aiv ? machine_.ub_bytes : machine_.l1_bytes);
  const uint32_t number = static_cast<uint32_t>(group) * core->block.sub_block_num + sub_block;
  core->name = (is_aiv ? "AIV " : "AIC ") + std::to_string(number);
  cores_.push_back(std::move(core));
}

// The cores of a group take the next block, when there is one.
void Launch::StartGroup(int group) {
  if (next_block_ >= block_dim_) return;
  for (auto& core : cores_) {
    if (core->group == group) StartBlock(*core);
  }
  ++next_block_;
}

bool Launch::StartBlock(Core& core) {
  core.block.block_num = block_dim_;
  // In a mixed kernel the AIVs count through: block * 2 + sub-block.
  core.block.block_idx = next_block_ * core.block.sub_block_num + core.block.sub_block_idx;
  core.mask = {};
  core.atomic = {};
  for (auto& from : core.flags) {
    for (auto& to : from) std::fill(std::begin(to), std::end(to), Flag());
  }
  core.framework = nullptr;
  core.ub_taken = 0;
  core.ended = false;
  core.last = {};
  core.wait = Wait::kNothing;
  checker_->StartBlock(core.index, core.name, core.block.block_idx);
  core.fiber = std::make_unique<Fiber>(kStackBytes, body_);
  return true;
}

void Launch::Schedule() {
  while (error_.empty()) {
    Core* next = NextCore();
    if (next == nullptr) break;
    running_ = next;
    next->fiber->Resume();
    running_ = nullptr;
    if (next->fiber->done()) FinishBlock(*next);
    if (!closing_.empty()) CloseGroups();
  }
  if (!error_.empty()) return;
  for (const auto& core : cores_) {
    bool stuck = !core->ended;
    for (const Queue& queue : core->queues) stuck |= !queue.pending.empty();
    if (stuck) return Deadlock();
  }
  ReportCrossFlags();
}

// The core whose clock is least of those that can go on; horizon_ becomes the next one's.
Core* Launch::NextCore() {
  Core* best = nullptr;
  Time second = std::numeric_limits<Time>::max() / 2;
  for (auto& core : cores_) {
    if (core->ended || !CanGoOn(*core)) continue;
    if (best == nullptr || core->clock < best->clock) {
      if (best != nullptr) second = best->clock;
      best = core.get();
    } else {
      second = std::min(second, core->clock);
    }
  }
  // Less than model.run_ahead costs switches, more disorder at the memory.
  horizon_ = second + Cycles(machine_.run_ahead);
  if (best != nullptr) best->wait = Wait::kNothing;
  return best;
}

bool Launch::CanGoOn(Core& core) {
  const Instruction& i = core.waiting_for;
  switch (core.wait) {
    case Wait::kNothing:
      return true;
    case Wait::kFlag:
      return core.flag(static_cast<Pipe>(i.option[0]), Pipe::kS, static_cast<uint32_t>(i.option[1])).set;
    case Wait::kQueueRoom:
      return core.queue(i.pipe).pending.size() < static_cast<size_t>(machine_.queue_depth);
    case Wait::kResult:
      return core.queue(i.pipe).pending.empty();
    case Wait::kDrain:
      return std::all_of(core.queues.begin(), core.queues.end(), [](const Queue& q) { return q.pending.empty(); });
    case Wait::kCrossFlag:
      return !core.cross[i.option[1]].empty();
    case Wait::kSyncAll:
      return core.sync == Sync::kNone;
  }
  return false;
}

void Launch::RecordBreaches() {
  const std::vector<Breach>& breaches = checker_->breaches();
  for (; recorded_breaches_ < breaches.size(); ++recorded_breaches_) {
    // Not of the running core: a flag that it has set may have let an instruction of another one go on.
    const Party& at = breaches[recorded_breaches_].first;
    Core& core = at.core < 0 ? *running_ : *cores_[static_cast<size_t>(at.core)];
    const bool scalar = at.pipe == Pipe::kS || at.pipe == Pipe::kAll;
    options_.recorder->OnBreach(breaches[recorded_breaches_], scalar ? core.clock : core.queue(at.pipe).times.free);
  }
}

void Launch::YieldIfBehind() {
  if (options_.recorder != nullptr) RecordBreaches();
  if (running_->clock > horizon_) running_->fiber->Yield();
}

void Launch::WaitFor(Wait wait, const Instruction& instruction) {
  Core& core = *running_;
  core.wait = wait;
  core.waiting_for = instruction;
  while (!CanGoOn(core)) core.fiber->Yield();
  core.wait = Wait::kNothing;
}

void Launch::ReportModes(const Core& core) {
  const auto report = [&](const char* what, const char* remedy) {
    Breach breach;
    breach.rule = Rule::kModeLeftOn;
    breach.first = {Op::kNone, Pipe::kS, core.last, core.index};
    breach.what = what;
    breach.remedy = remedy;
    checker_->Report(breach);
  };
  if (core.mask.counter)
    report("mask: counter mode is still on when the kernel ends", "SetMaskNorm() after its last use");
  if (core.atomic.kind != Atomic::kNone) {
    report("atomic mode: still on when the kernel ends", "SetAtomicNone() after the copies that it is meant for");
  }
}

void Launch::FinishBlock(Core& core) {
  core.ended = true;
  if (core.fiber->fault() != nullptr) {
    error_ = Where(core) + FaultText(core);
    return;
  }
  if (const std::exception_ptr error = core.fiber->error(); error != nullptr) {
    try {
      std::rethrow_exception(error);
    } catch (const KernelError& e) {
      error_ = e.what();
    } catch (const std::exception& e) {
      error_ = Where(core) + ": the kernel threw: " + e.what();
    } catch (...) {
      error_ = Where(core) + ": the kernel threw something";
    }
    return;
  }
  if (probing_) return;
  ReportModes(core);
  const bool group_ended = std::all_of(
      cores_.begin(), cores_.end(), [&core](const auto& other) { return other->group != core.group || other->ended; });
  if (group_ended && !CloseGroup(core.group)) closing_.push_back(core.group);
}

// The block of a group has ended when its queues have nothing left to do; then the group takes the next one.
bool Launch::CloseGroup(int group) {
  for (const auto& core : cores_) {
    if (core->group != group) continue;
    for (const Queue& queue : core->queues) {
      if (!queue.pending.empty()) return false;
    }
  }
  Time end = 0;
  for (const auto& core : cores_) {
    if (core->group != group) continue;
    checker_->EndCore(core->index);
    end = std::max(end, core->clock);
    for (const Queue& queue : core->queues) end = std::max(end, queue.times.done);
  }
  if (next_block_ < block_dim_) {
    for (const auto& core : cores_) {
      if (core->group == group) Rest(*core, Pipe::kS, end);
    }
  }
  StartGroup(group);
  return true;
}

void Launch::CloseGroups() {
  std::erase_if(closing_, [this](int group) { return CloseGroup(group); });
}

void Launch::FinishStats(Core& core) {
  CoreStats& stats = core.stats;
  stats.name = core.name;
  stats.block = core.block;
  stats.total = core.clock;
  for (const Queue& queue : core.queues) stats.total = std::max({stats.total, queue.times.free, queue.times.done});
  for (size_t p = 0; p < kNumPipes; ++p) {
    const auto pipe = static_cast<Pipe>(p);
    Rest(core, pipe, stats.total);
    const QueueStats& queue = core.queues[p].stats;
    const Time accounted = std::accumulate(queue.stalled.begin(), queue.stalled.end(), queue.busy + queue.idle);
    if (accounted != stats.total && error_.empty()) {
      error_ = "internal error of the simulator, please report it: queue " + std::string(PipeName(pipe)) + " of " +
               core.name + " accounts for " + std::to_string(InCycles(accounted)) + " of " +
               std::to_string(InCycles(stats.total)) + " cycles";
    }
    stats.queues[p] = queue;
  }
  stats.traffic = timing_->traffic(core.index);
}

LaunchStats Launch::EndAtExit(int status) {
  KernelCode::Set(false);
  watchdog_.reset();
  const std::string place =
      running_->last.file == nullptr ? "before its first instruction" : "after " + Describe(running_->last);
  error_ = Where(*running_) + ", " + place + ": the kernel called exit(" + std::to_string(status) + ")";
  for (auto& core : cores_) FinishStats(*core);
  return TakeStats();
}

LaunchStats Launch::TakeStats() {
  LaunchStats stats;
  stats.kernel = kernel_;
  stats.machine = machine_.name;
  stats.mhz = machine_.mhz;
  stats.block_dim = block_dim_;
  stats.type = type_;
  stats.mode = options_.checks.mode;
  stats.checks_enabled = options_.checks.enabled;
  stats.launch_overhead = Cycles(machine_.launch_base + machine_.launch_per_block * static_cast<double>(block_dim_));
  for (auto& core : cores_) {
    stats.total = std::max(stats.total, core->stats.total);
    stats.cores.push_back(std::move(core->stats));
  }
  stats.total += stats.launch_overhead;
  if (checker_ != nullptr) {
    stats.breaches = checker_->breaches();
    stats.suppressed = checker_->suppressed();
    stats.failed = checker_->failed();
  }
  stats.error = error_;
  stats.wall_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  return stats;
}

void Launch::SetKernelType(KernelType type, Loc loc) {
  if (probing_) {
    type_ = type;
    type_set_ = true;
  } else if (type != type_) {
    Fail(loc, "KERNEL_TASK_TYPE: expected one type in all blocks, before the first instruction, got another one later");
  }
}

void Launch::Fail(Loc loc, const std::string& message) {
  throw KernelError(Where(*running_) + ", " + Describe(loc) + ": " + message);
}

void Launch::Watch(Loc loc) {
  ++instructions_;
  running_->last = loc;
  if (options_.max_instructions > 0 && instructions_ > options_.max_instructions) {
    throw KernelError(Where(*running_) + ", " + Describe(loc) + ": more than " +
                      std::to_string(options_.max_instructions) +
                      " instructions (ASCSIM_MAX_INSTRUCTIONS): a loop that never ends?");
  }
  WatchTime();
  if (options_.progress && instructions_ % kProgressInterval == 0) ShowProgress();
}

void Launch::WatchTime() const {
  if (watchdog_ == nullptr || !watchdog_->expired()) return;
  throw KernelError(Where(*running_) + ", " + Describe(running_->last) + ": " + TimeText(options_.max_seconds));
}

// Why a fiber was stopped by a signal.
std::string Launch::FaultText(const Core& core) const {
  const Fault& fault = *core.fiber->fault();
  const std::string where =
      core.last.file == nullptr ? ", before its first instruction" : ", after " + Describe(core.last);
  if (core.fiber->overflowed()) {
    return where + ": the kernel's stack of " + std::to_string(kStackBytes >> 10) +
           " KiB is full: variables too large, or calls too deep";
  }
  switch (fault.signal) {
    case kTimeSignal:
      return where + ": " + TimeText(options_.max_seconds);
    case SIGFPE:
      return where + ": the kernel divided an integer by zero";
    case SIGILL:
    case SIGTRAP:
      return where +
             ": the kernel came to code that the compiler holds for impossible: undefined behaviour, such as a "
             "null pointer or a division by zero that show when it is compiled";
    case SIGABRT:
      return where + ": the kernel called abort()";
    default:
      return where + ": the kernel dereferenced " + PointerText(memory_, fault);
  }
}

void Launch::ShowProgress() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_progress_) return;
  next_progress_ = now + std::chrono::milliseconds(500);
  progress_shown_ = true;
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  std::fprintf(stderr, "\rascsim: %s: %.1f us simulated, %.1f M instructions, %.0f s", kernel_.c_str(),
               InCycles(running_->clock) / machine_.mhz, static_cast<double>(instructions_) * 1e-6, seconds);
}

// Who waits for what, when nobody can go on.
void Launch::Deadlock() {
  for (auto& core : cores_) {
    const auto report = [&](const Instruction& i, const std::string& what) {
      Breach breach;
      breach.rule = Rule::kDeadlock;
      breach.kernel = kernel_;
      breach.first = {i.op, i.pipe, i.loc, core->index};
      breach.what = what;
      breach.remedy = "let the other side do its part on every path, before this one needs it";
      checker_->Report(breach);
      if (error_.empty()) error_ = "deadlock: " + Where(*core) + " waits at " + Describe(i.loc) + " " + what;
    };
    for (Queue& queue : core->queues) {
      if (!queue.pending.empty())
        report(queue.pending.front().instruction, WaitingFor(*core, queue.pending.front().instruction));
    }
    if (!core->ended) report(core->waiting_for, WaitingFor(*core, core->waiting_for));
  }
  if (error_.empty()) error_ = "deadlock";
}

}  // namespace ascsim
