// A chip: sizes and every constant of the timing model, from a table in sim/machines/.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "ascsim/op.h"
#include "ascsim/types.h"

namespace ascsim {

// How sure a number is. Reports name the constants that are only assumed.
enum class Certainty : uint8_t { kMeasured, kDocumented, kAssumed };

struct Constant {
  double value = 0;
  double low = 0, high = 0;  // where it may lie, of some that are not sure; else 0
  std::string unit, source;
  Certainty certainty = Certainty::kAssumed;
};

// Cycles of a vector instruction, by element size.
struct VectorCost {
  double per_repeat = 0;  // of 256 bytes
  double head = 0;        // when the queue was empty or after a barrier
  double latency = 0;     // from the dispatch of an instruction of no repeats to its results; head is part of it
};

// Something measured at a few points: per-core bandwidth (bytes a cycle) against the streams that use the path, ...
struct BandwidthCurve {
  std::vector<double> cores, bytes_per_cycle;
  double At(double active_cores) const;  // linear between points, flat outside
};

struct Machine {
  std::string name;  // of the table
  std::string chip;  // the same, or of the chip that the table is a variant of
  int cube_cores = 0, vector_cores = 0;
  double mhz = 0;
  uint64_t gm_bytes = 0, l2_bytes = 0, ub_bytes = 0, l1_bytes = 0;
  int max_block_dim = 65535;

  std::array<std::array<VectorCost, 3>, kNumOps> vector{};  // [op][0: 1-byte, 1: 2-byte, 2: 4- and 8-byte elements]
  std::array<std::array<VectorCost, kNumDTypes>, kNumDTypes> cast{};  // [to][from]
  double vector_dispatch = 0;  // cycles from a drained vector queue to the head of the next instruction

  // Scalar unit, cycles.
  double scalar_issue = 0, scalar_access = 0, scalar_access_gm = 0, scalar_clean = 0, flag = 0, set_mask = 0;
  double sync_all = 0, cross_flag = 0, launch_base = 0, launch_per_block = 0;
  int queue_depth = 0;  // instructions that wait in a queue before the scalar unit stops
  uint64_t scalar_cache_bytes = 0, scalar_cache_line = 0, scalar_cache_ways = 0;

  // UB banks; penalties in cycles a repeat, write_behind in cycles from the read of a repeat to its write.
  int ub_groups = 0, ub_banks_per_group = 0;
  uint64_t ub_bank_bytes = 0;  // of a group, before its next bank begins: rows * groups * 32
  double ub_same_group_read = 0, ub_same_group_write = 0, ub_read_write = 0, ub_same_block_read = 0,
         ub_write_behind = 0;

  // Copies, cycles unless said.
  double dma_issue = 0;                                               // an instruction holds its queue at least so long
  double dma_burst = 0, dma_burst_l2 = 0, dma_burst_write = 0;        // a burst; write: of less than a line
  double dma_latency = 0, dma_latency_l2 = 0, dma_latency_write = 0;  // from the last byte moved to completion
  BandwidthCurve dma_run_efficiency;                                  // of HBM bandwidth, against bytes in one run
  double misaligned_efficiency_block = 0, misaligned_efficiency = 0;  // runs that start at no line; at no block either
  BandwidthCurve gm_to_ub, ub_to_gm;                                  // per core, against active streams
  double l2_to_ub = 0, ub_to_l2 = 0;                                  // per core, bytes a cycle
  double hbm_total = 0, l2_total = 0;                                 // bytes a cycle, whole chip
  double line_bytes = 0, line_read = 0, line_write = 0,
         line_atomic = 0;  // cycles an access of another core holds a line
  double atomic_bytes_per_cycle = 0;
  uint64_t l2_page = 0;  // bytes, what L2 drops at a time
  double ub_copy_bytes_per_cycle = 0, ub_copy_burst = 0;

  // Of the model, not of a chip: see the headers of src/timing and launch.cc.
  double run_ahead = 0;                                                 // cycles
  double stream_smoothing = 0, stream_patience = 0, stream_memory = 0;  // activity.h
  double stream_check = 0;                                              // cycles
  int stream_rounds = 0;
  int short_copy = 0;  // bursts
  int sharing_kept = 0;
  double sharing_gap = 0, sharing_memory = 0;  // line_sharing.h

  // All of the above as they stand in the table, by dotted name ("dma.issue"), for reports and sensitivity sweeps.
  std::vector<std::pair<std::string, Constant>> constants;
};

// The table of a chip ("910b2": of a folder of ASCSIM_MACHINES, or compiled in) or of a file.
// Throws MachineError with "file:line: what is wrong, what was expected". `overrides`: "dma.issue=30,..." .
class MachineError : public std::exception {
 public:
  explicit MachineError(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};
Machine LoadMachine(const std::string& name_or_file, const std::string& overrides = "");
std::vector<std::string> KnownMachines();

}  // namespace ascsim
