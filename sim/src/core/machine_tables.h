// Where chips' tables come from: those of the library itself, and files of the user's.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace ascsim {

struct MachineTable {
  std::string name;  // "910b2"
  std::string path;  // as messages name it
  std::string text;
  bool from_file = true;

  // A table that others extend says so and is no chip.
  bool IsAbstract() const;
};

// All that are known by name, each name once: what a folder of ASCSIM_MACHINES has goes before the library's own, which
// are compiled in: a program runs where neither the source tree nor an installed copy of it is.
// Throws MachineError when a folder of ASCSIM_MACHINES is none.
std::vector<MachineTable> NamedTables();
// The file when the name is a path, or one of NamedTables. Throws MachineError when there is none.
MachineTable FindTable(const std::string& name_or_file);
// The table that one extends: the file beside it, or one of NamedTables. False: neither.
bool FindBase(const MachineTable& table, const std::string& base, MachineTable* found);

}  // namespace ascsim
