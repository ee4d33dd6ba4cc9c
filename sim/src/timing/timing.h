// When an instruction starts, frees its queue and completes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "ascsim/instruction.h"
#include "core/machine.h"
#include "core/time.h"

namespace ascsim {

struct Slot {
  Time start = 0;
  Time free = 0;  // the queue may take its next instruction
  Time done = 0;  // the results are there: flags after it are set, barriers let go
};

// What the model sees of the queue that an instruction goes through.
struct QueueTimes {
  Time free = 0;        // of the instruction before
  Time done = 0;        // latest completion of all before
  bool drained = true;  // nothing in flight at `free`: empty before, or a barrier came between
};

struct Traffic {  // of one path of one core
  uint64_t bytes = 0, bursts = 0, instructions = 0;
  Time busy = 0;
};

class L2Cache;

// One for a launch; called in nearly the order of time: no request is older than another one by more than what the
// queues hold.
class Timing {
 public:
  // `l2`: what launches before have left there; null: empty.
  Timing(const Machine& machine, int num_cores, L2Cache* l2 = nullptr);
  ~Timing();

  // `earliest`: issued, and all flags that the queue waited for are set. Vector instructions and copies alike.
  Slot Place(int core, const Instruction& instruction, const QueueTimes& queue, Time earliest);

  // A scalar access to GM or UB, or a cache clean.
  Time ScalarAccess(int core, Op op, Space space, uint64_t address, uint64_t size, Time start);

  // By path of the core, see PathName.
  const std::vector<Traffic>& traffic(int core) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

enum class Path : uint8_t { kGmToUb, kUbToGm, kL2ToUb, kUbToL2, kUbToUb, kGmToL1, kL1ToGm, kAtomic, kCount };
constexpr int kNumPaths = static_cast<int>(Path::kCount);
const char* PathName(Path path);

}  // namespace ascsim
