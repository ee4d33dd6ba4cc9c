// Results of a tuner: choices by chip, problem and pass, kept in a file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ascend/host/choice.h"

namespace xmsda::ascend {

struct TunedChoice {
  std::string chip;   // a name, and changes to its table behind it
  int32_t cores = 0;  // what the chip had
  int64_t ub_bytes = 0;
  std::string problem;  // its text
  bool backward = false;
  Choice choice;
  double microseconds = 0;  // as simulated, and those of the host's own choice
  double default_microseconds = 0;
};

// The file is JSON: {"version": 1, "entries": [{"chip": "910b2", "cores": 48, "ub_bytes": 188416, "problem":
// "b1_q300_...", "pass": "forward", "choice": "dma2:tile=32", "microseconds": 40.1, "default_microseconds": 41}, ...]}.
class Tuning {
 public:
  // Entries of a file; what was there goes. kInvalidArgument with the file, and its line or the member at fault;
  // nothing is changed then.
  Status Load(const std::string& path);
  // The whole file at once: a reader sees the old one or the new one.
  Status Save(const std::string& path) const;

  // Replaces the entry of the same chip, problem and pass.
  void Put(const TunedChoice& entry);
  // Null when there is none. kInvalidArgument when it was made for a chip of another size, or when the pass does not
  // take the problem that way (any more).
  Status Find(std::string_view chip_name, const Chip& chip, const Problem& problem, bool backward,
              const TunedChoice** found) const;

  const std::vector<TunedChoice>& entries() const { return entries_; }

 private:
  std::string path_;
  std::vector<TunedChoice> entries_;
};

}  // namespace xmsda::ascend
