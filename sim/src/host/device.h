// The simulated device of the process: options, chip, memory, what has been launched.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ascsim/ascsim.h"
#include "core/machine.h"
#include "core/rules.h"
#include "engine/memory.h"
#include "engine/stats.h"
#include "report/report.h"
#include "timing/l2_cache.h"

namespace ascsim {

// All members but the mutex want it held. One launch at a time, whatever streams and threads there are.
class Device {
 public:
  // Throws Error.
  explicit Device(const Options& options);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // Made from the environment at the first use. Throws Error.
  static Device& Instance();
  // The same for functions that cannot throw: what is wrong goes to standard error and the process ends with status 2.
  static Device& InstanceOrExit();
  static bool Exists();
  static void Replace(const Options& options);
  static std::recursive_mutex& Mutex();

  const Options& options() const { return options_; }
  const Machine& machine() const { return machine_; }
  GlobalMemory& memory() { return memory_; }
  // False when `pointer` is not the start of a live allocation.
  bool Free(void* pointer);
  // acl has written these bytes: they are not in L2 any more.
  void WrittenByHost(const void* begin, uint64_t size);
  // As aclrtGetSocName tells: "Ascend910B2".
  const std::string& soc_name() const { return soc_name_; }

  // Runs a kernel, prints its table, keeps what trace and statistics need. Valid until the next launch.
  const LaunchStats& Launch(const std::string& kernel, uint32_t block_dim, const std::function<void()>& body);

  // Writes trace and statistics if there is something new. Throws Error.
  void Flush();
  uint64_t failed_launches() const { return failed_launches_; }
  // A launch that was refused before it began.
  void CountFailure() { ++failed_launches_; }
  // The process ends inside a kernel, which has called exit(status): that launch failed.
  void KeepUnfinished(int status);

 private:
  void Keep(LaunchStats stats);
  void Print(const LaunchStats& stats, bool failed);

  Options options_;
  Machine machine_;
  std::string soc_name_;
  CheckOptions checks_;
  GlobalMemory memory_;
  L2Cache l2_;  // as the launches so far have left it
  std::unique_ptr<TraceRecorder> trace_;
  std::FILE* log_ = nullptr;
  LaunchStats last_;
  std::vector<LaunchStats> kept_;  // for the statistics; empty when nobody wants them
  std::map<std::string, uint64_t> tables_;
  uint64_t launches_ = 0, failed_launches_ = 0;
  double flushed_ = 0;  // seconds of the steady clock
  bool unwritten_ = false;
  bool running_ = false;
};

// True when the launch ended early or broke a rule of severity error.
bool Failed(const LaunchStats& stats);
// One sentence: why, or the first broken rule of severity error; empty when it did not fail.
std::string WhyFailed(const LaunchStats& stats);

// "Ascend910B2", "910B2" and "910b2" are the same chip; paths stay as they are.
std::string NormaliseChip(const std::string& name);

}  // namespace ascsim
