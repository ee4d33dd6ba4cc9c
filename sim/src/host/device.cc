// The device: validates its options, runs launches, writes what they leave.
// SPDX-License-Identifier: Apache-2.0
#include "host/device.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <utility>

#include "engine/launch.h"

namespace ascsim {
namespace {

// How long files may lag behind while launches go on.
constexpr double kFlushSeconds = 2;

// Leaked: kernels and host programs use the device from destructors of their own, too.
Device* instance = nullptr;

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

CheckOptions ParseChecks(const Options& options) {
  CheckOptions checks;
  if (options.check == "strict" || options.check == "off") {
    checks = OptionsFor(CheckMode::kStrict);
  } else if (options.check == "auto-sync") {
    checks = OptionsFor(CheckMode::kAutoSync);
  } else if (options.check == "permissive") {
    checks = OptionsFor(CheckMode::kPermissive);
  } else {
    throw Error("ASCSIM_CHECK: expected strict, auto-sync, permissive or off, got \"" + options.check + "\"");
  }
  checks.enabled = options.check != "off";
  if (const std::string wrong = ParseSeverities(options.rules, &checks); !wrong.empty()) {
    throw Error("ASCSIM_RULES: " + wrong);
  }
  checks.max_reports =
      static_cast<int>(std::min<uint64_t>(options.max_reports, static_cast<uint64_t>(std::numeric_limits<int>::max())));
  return checks;
}

Machine Load(const Options& options) {
  try {
    return LoadMachine(NormaliseChip(options.chip), options.set);
  } catch (const MachineError& error) {
    throw Error(std::string("ASCSIM_CHIP, ASCSIM_SET: ") + error.what());
  }
}

// Long simulations must not find out at their end that their results go nowhere.
void RequireWritable(const char* variable, const std::string& path) {
  if (path.empty()) return;
  std::error_code ignored;
  const bool existed = std::filesystem::exists(path, ignored);
  std::FILE* file = std::fopen(path.c_str(), "ab");
  if (file == nullptr) {
    throw Error(std::string(variable) + ": expected a file that can be written, got \"" + path + "\"");
  }
  std::fclose(file);
  if (!existed) std::filesystem::remove(path, ignored);
}

std::string SocName(const std::string& chip) {
  std::string name = "Ascend" + chip;
  std::transform(name.begin() + 6, name.end(), name.begin() + 6,
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

// At the end of the process: what has not been written, and the exit status when launches failed.
void Finish(int program_status) {
  const std::lock_guard lock(Device::Mutex());
  if (instance == nullptr) return;
  int status = 0;
  try {
    instance->KeepUnfinished(program_status);
    instance->Flush();
  } catch (const Error& error) {
    std::fprintf(stderr, "ascsim: error: %s\n", error.what());
    status = 2;
  }
  if (instance->failed_launches() > 0 && instance->options().exit_status != 0) {
    status = instance->options().exit_status;
    if (program_status == 0 && instance->options().report != ReportLevel::kOff) {
      std::fprintf(stderr, "ascsim: %llu launch(es) had errors: exit status %d (ASCSIM_EXIT=0 leaves the program's)\n",
                   static_cast<unsigned long long>(instance->failed_launches()), status);
    }
  }
  if (program_status != 0 || status == 0) return;
  // exit() is under way already; what remains of it are destructors of objects older than the device.
  std::fflush(nullptr);
  std::_Exit(status);
}

void FinishAtExit() {
  static const bool registered = [] {
#ifdef __GLIBC__
    return on_exit([](int status, void*) { Finish(status); }, nullptr) == 0;
#else
    return std::atexit([] { Finish(0); }) == 0;
#endif
  }();
  (void)registered;
}

}  // namespace

std::string NormaliseChip(const std::string& name) {
  if (name.find('/') != std::string::npos || name.find('.') != std::string::npos) return name;
  std::string chip = name;
  std::transform(chip.begin(), chip.end(), chip.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return chip.rfind("ascend", 0) == 0 ? chip.substr(6) : chip;
}

bool Failed(const LaunchStats& stats) { return !stats.error.empty() || stats.failed; }

std::string WhyFailed(const LaunchStats& stats) {
  if (!stats.error.empty()) return stats.error;
  for (const Breach& breach : stats.breaches) {
    if (breach.severity == Severity::kError) return Format(breach);
  }
  return stats.failed ? "a rule is broken, beyond the number of reports that are listed" : "";
}

Device::Device(const Options& options)
    : options_(options),
      machine_(Load(options)),
      checks_(ParseChecks(options)),
      memory_(machine_.gm_bytes),
      l2_(machine_.l2_bytes, static_cast<uint64_t>(machine_.line_bytes), machine_.l2_page) {
  soc_name_ = SocName(machine_.chip);
  if (options_.reserved_ub_bytes >= machine_.ub_bytes) {
    throw Error("ASCSIM_RESERVED_UB: expected less than the " + std::to_string(machine_.ub_bytes) + " bytes of " +
                machine_.name + ", got " + std::to_string(options_.reserved_ub_bytes));
  }
  RequireWritable("ASCSIM_TRACE", options_.trace);
  RequireWritable("ASCSIM_STATS", options_.stats);
  RequireWritable("ASCSIM_LOG", options_.log);
  if (!options_.trace.empty()) trace_ = std::make_unique<TraceRecorder>();
  if (!options_.log.empty()) log_ = std::fopen(options_.log.c_str(), "w");
}

Device::~Device() {
  if (log_ != nullptr) std::fclose(log_);
}

std::recursive_mutex& Device::Mutex() {
  static auto* const mutex = new std::recursive_mutex;
  return *mutex;
}

bool Device::Exists() { return instance != nullptr; }

Device& Device::Instance() {
  const std::lock_guard lock(Mutex());
  if (instance == nullptr) {
    instance = new Device(OptionsFromEnvironment());
    FinishAtExit();
  }
  return *instance;
}

Device& Device::InstanceOrExit() {
  try {
    return Instance();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ascsim: error: %s\n", error.what());
    std::exit(2);
  }
}

void Device::Replace(const Options& options) {
  const std::lock_guard lock(Mutex());
  if (instance != nullptr) {
    if (instance->running_) throw Error("Configure: called from inside a kernel");
    if (instance->memory_.used() > 0) {
      throw Error("Configure: " + std::to_string(instance->memory_.used()) +
                  " bytes of device memory are in use; free them first");
    }
    instance->Flush();
  }
  auto* const device = new Device(options);
  delete instance;
  instance = device;
  FinishAtExit();
}

const LaunchStats& Device::Launch(const std::string& kernel, uint32_t block_dim, const std::function<void()>& body) {
  if (running_) throw Error(kernel + ": launched from inside a kernel");
  running_ = true;
  const bool traced = trace_ != nullptr && launches_ < options_.trace_launches;
  LaunchOptions options;
  options.checks = checks_;
  options.max_instructions = options_.max_instructions;
  options.max_seconds = options_.max_seconds;
  options.reserved_ub_bytes = options_.reserved_ub_bytes;
  options.progress = options_.progress;
  options.recorder = traced ? trace_.get() : nullptr;
  options.l2 = options_.warm_l2 ? &l2_ : nullptr;
  if (traced) trace_->BeginLaunch(kernel, machine_.mhz);
  LaunchStats stats;
  try {
    ascsim::Launch launch(machine_, memory_, options, kernel, block_dim, body);
    launch.Run();
    stats = launch.TakeStats();
  } catch (const std::exception& error) {  // the engine itself: out of memory and the like
    stats.kernel = kernel;
    stats.machine = machine_.name;
    stats.mhz = machine_.mhz;
    stats.block_dim = block_dim;
    stats.error = error.what();
  }
  running_ = false;
  if (traced) trace_->EndLaunch(stats);
  Keep(std::move(stats));
  return last_;
}

void Device::KeepUnfinished(int status) {
  if (!running_ || ascsim::Launch::Current() == nullptr) return;
  running_ = false;
  LaunchStats stats = ascsim::Launch::Current()->EndAtExit(status);
  if (trace_ != nullptr && launches_ < options_.trace_launches) trace_->EndLaunch(stats);
  Keep(std::move(stats));
}

bool Device::Free(void* pointer) {
  const Allocation* const found = memory_.Find(reinterpret_cast<uint64_t>(pointer));
  const uint64_t size = found == nullptr ? 0 : found->size;
  if (!memory_.Free(pointer)) return false;
  // Else a later allocation would be warm or not, as the host's addresses happen to come back.
  l2_.Drop(reinterpret_cast<uint64_t>(pointer), size);
  return true;
}

void Device::WrittenByHost(const void* begin, uint64_t size) { l2_.Drop(reinterpret_cast<uint64_t>(begin), size); }

void Device::Keep(LaunchStats stats) {
  last_ = std::move(stats);
  ++launches_;
  const bool failed = Failed(last_);
  if (failed) ++failed_launches_;
  Print(last_, failed);
  unwritten_ = true;
  if (!options_.stats.empty()) kept_.push_back(last_);
  if (failed || Now() - flushed_ > kFlushSeconds) Flush();
}

void Device::Print(const LaunchStats& stats, bool failed) {
  if (options_.report == ReportLevel::kOff || (options_.report == ReportLevel::kErrors && !failed)) return;
  std::FILE* const file = log_ != nullptr ? log_ : stderr;
  const uint64_t printed = tables_[stats.kernel]++;
  if (printed == options_.tables && !failed) {
    std::fprintf(file, "ascsim: %s: further launches without errors are not printed (ASCSIM_TABLES=%llu)\n",
                 stats.kernel.c_str(), static_cast<unsigned long long>(options_.tables));
  }
  if (printed >= options_.tables && !failed) return;
  // What the program printed before stands before.
  std::fflush(stdout);
  PrintReport(stats, file);
}

void Device::Flush() {
  if (!unwritten_) return;
  unwritten_ = false;
  flushed_ = Now();
  if (trace_ != nullptr && !trace_->Write(options_.trace)) {
    throw Error("ASCSIM_TRACE: \"" + options_.trace + "\" cannot be written");
  }
  if (!options_.stats.empty() && !WriteStats(kept_, options_.stats)) {
    throw Error("ASCSIM_STATS: \"" + options_.stats + "\" cannot be written");
  }
}

void Configure(const Options& options) { Device::Replace(options); }

void* Allocate(size_t bytes) {
  const std::lock_guard lock(Device::Mutex());
  return Device::Instance().memory().Allocate(bytes);
}

bool Free(void* pointer) {
  const std::lock_guard lock(Device::Mutex());
  return Device::Instance().Free(pointer);
}

Result Run(const std::string& name, uint32_t block_dim, const std::function<void()>& kernel) {
  const std::lock_guard lock(Device::Mutex());
  const LaunchStats& stats = Device::Instance().Launch(name, block_dim, kernel);
  Result result;
  result.ok = !Failed(stats);
  result.error = WhyFailed(stats);
  result.cycles = InCycles(stats.total);
  result.microseconds = stats.mhz > 0 ? result.cycles / stats.mhz : 0;
  for (const Breach& breach : stats.breaches) {
    ++(breach.severity == Severity::kError ? result.errors : result.warnings);
    result.reports.push_back(Format(breach));
  }
  return result;
}

void Flush() {
  const std::lock_guard lock(Device::Mutex());
  Device::Instance().Flush();
}

}  // namespace ascsim
