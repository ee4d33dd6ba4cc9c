// One kernel launch: cores as fibers, advanced in the order of their clocks by one deterministic scheduler.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ascsim/runtime.h"
#include "check/checker.h"
#include "core/machine.h"
#include "engine/core.h"
#include "engine/memory.h"
#include "engine/stats.h"
#include "engine/watchdog.h"
#include "timing/timing.h"

namespace ascsim {

// An access that an instruction is about to make.
struct Observed {
  int core;
  const Instruction& instruction;
  const Operand& operand;
  uint64_t address, size;
  AccessKind kind;
};

struct LaunchOptions {
  CheckOptions checks;
  uint64_t max_instructions = 0;  // of all cores together; 0: no limit
  double max_seconds = 0;         // wall time; 0: no limit
  uint64_t reserved_ub_bytes = 0;
  bool progress = true;  // on standard error, when the launch takes longer than two seconds
  Recorder* recorder = nullptr;
  L2Cache* l2 = nullptr;  // what launches before have left there, and this one leaves; null: empty
  // For tests: changes an instruction before anything looks at it.
  std::function<void(Instruction*)> mutate;
  // For tests: told of every access before it is checked.
  std::function<void(const Observed&)> observe;
};

class Launch {
 public:
  // `body` is the kernel with its arguments bound; it runs once per core.
  Launch(const Machine& machine, GlobalMemory& memory, const LaunchOptions& options, std::string kernel,
         uint32_t block_dim, std::function<void()> body);
  ~Launch();

  // Runs to the end, or to the first error that ends it (stats().error).
  void Run();
  LaunchStats TakeStats();
  // The kernel has called exit(): what has happened so far, on the fiber that never comes back.
  LaunchStats EndAtExit(int status);

  // The launch and the core whose fiber runs; null outside.
  static Launch* Current();
  Core& core() { return *running_; }

  void SetKernelType(KernelType type, Loc loc);
  void Issue(const Instruction& given);
  // While block 0 only runs to tell the kernel's type: stops it for good, before it has any effect.
  void EndProbe() {
    if (probing_) running_->fiber->Yield();
  }
  // A scalar access: before it takes effect, and after.
  void BeginScalar(Instruction* instruction);
  void ScalarStep(const Instruction& instruction, uint64_t address, uint64_t size);
  void ScalarWork(double cycles);
  // Waits for queue V.
  uint64_t ReadSpecialRegister(size_t which, Loc loc);
  [[noreturn]] void Fail(Loc loc, const std::string& message);

  Checker& checker() { return *checker_; }
  GlobalMemory& memory() { return memory_; }
  const Machine& machine() const { return machine_; }
  const LaunchOptions& options() const { return options_; }

 private:
  void Probe();
  void AddCores();
  void AddCore(bool is_aiv, uint32_t sub_block, int group);
  bool StartBlock(Core& core);
  void StartGroup(int group);
  void Schedule();
  Core* NextCore();
  void DestroyFibers();
  void YieldIfBehind();
  void RecordBreaches();
  void WaitFor(Wait wait, const Instruction& instruction);
  bool CanGoOn(Core& core);
  void Deadlock();
  void ReportCrossFlags();
  std::string WaitingFor(const Core& core, const Instruction& instruction);
  void Watch(Loc loc);
  void WatchTime() const;
  std::string FaultText(const Core& core) const;
  void ShowProgress();
  void FinishBlock(Core& core);
  void ReportModes(const Core& core);
  bool CloseGroup(int group);
  void CloseGroups();
  void FinishStats(Core& core);

  // Queues
  void IssueToQueue(Core& core, const Instruction& instruction);
  void Drain(Core& core, Pipe pipe);
  bool Execute(Core& core, const Issued& issued);
  void Started(Queue& queue, Time at) const;
  void ExecuteWork(Core& core, const Issued& issued);
  void ExecuteScalarWork(Core& core, const Instruction& instruction);
  bool ExecuteWaitFlag(Core& core, const Issued& issued);
  void ExecuteSetFlag(Core& core, const Issued& issued);
  void ExecuteBarrier(Core& core, const Issued& issued);
  void BarrierAll(Core& core, const Instruction& instruction);
  void WaitForOwn(Core& core, Pipe pipe);
  void WaitForKept(Core& core, const Instruction& access);
  void Arrive(Core& core, const Issued& issued);
  Time CompleteTime(Core& core, const Issued& issued) const;
  // Moves the queue's time to `until`, as a wait with a cause or because there is nothing to do.
  void Hold(Core& core, Pipe pipe, Stall stall, Time until);
  void Rest(Core& core, Pipe pipe, Time until);

  // Between cores
  void RequireSyncType(const Core& core, const Instruction& instruction, const char* what);
  void RequireAllAtOnce(const Instruction& instruction, const std::string& what);
  bool CheckCrossSet(Core& core, const Instruction& set);
  void ExecuteCrossSet(Core& core, const Issued& issued);
  bool ExecuteCrossWait(Core& core, const Issued& issued);
  void CrossOverflow(const Core& core, const Instruction& set, const char* before);
  bool SyncWants(Sync sync, const Core& core) const;
  void SyncAllCores(Core& core, const Instruction& instruction);
  void ReleaseSync(Sync sync);
  std::vector<Core*> CrossMembers(const Core& core, uint64_t mode, bool targets);
  std::vector<const Core*> NotSet(const std::vector<Core*>& members, uint64_t mode, uint64_t id);
  int Groups() const { return cores_.empty() ? 0 : cores_.back()->group + 1; }

  const Machine& machine_;
  GlobalMemory& memory_;
  const LaunchOptions& options_;
  std::string kernel_;
  uint32_t block_dim_;
  std::function<void()> body_;
  KernelType type_ = KernelType::kAivOnly;
  bool type_set_ = false;  // by the kernel
  std::vector<std::unique_ptr<Core>> cores_;
  Core* running_ = nullptr;
  Time horizon_ = 0;  // the running core yields when its clock passes it
  std::unique_ptr<Timing> timing_;
  std::unique_ptr<Checker> checker_;
  std::string error_;
  uint64_t instructions_ = 0;
  bool probing_ = false;
  size_t recorded_breaches_ = 0;
  uint32_t next_block_ = 0;
  std::vector<int> closing_;  // groups whose programs have ended while their queues still wait for flags
  // Cross-core flags set so far by each core, by mode and id, that not all partners have set yet.
  std::map<std::pair<uint64_t, uint64_t>, std::vector<std::deque<CrossSignal>>> cross_set_;
  std::chrono::steady_clock::time_point begin_;
  std::chrono::steady_clock::time_point next_progress_;
  bool progress_shown_ = false;
  std::unique_ptr<Watchdog> watchdog_;
};

}  // namespace ascsim
