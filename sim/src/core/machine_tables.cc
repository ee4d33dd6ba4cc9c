// Finds the tables of chips by name: in files, and among those that are compiled in.
// SPDX-License-Identifier: Apache-2.0
#include "core/machine_tables.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "core/embedded_tables.h"
#include "core/machine.h"

namespace ascsim {
namespace {

namespace fs = std::filesystem;

MachineTable ReadTable(const fs::path& path) {
  std::ifstream file(path);
  if (!fs::is_regular_file(path) || !file) {
    throw MachineError(path.string() + ": expected a machine table, found no such file");
  }
  return {path.stem().string(), path.string(), {std::istreambuf_iterator<char>(file), {}}, true};
}

}  // namespace

bool MachineTable::IsAbstract() const {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("abstract", 0) == 0) return true;
    if (!line.empty() && line[0] == '[') return false;
  }
  return false;
}

std::vector<MachineTable> NamedTables() {
  std::map<std::string, MachineTable> tables;
  if (const char* set = std::getenv("ASCSIM_MACHINES"); set != nullptr) {
    std::istringstream folders(set);
    for (std::string folder; std::getline(folders, folder, ':');) {
      if (folder.empty()) continue;
      if (!fs::is_directory(folder)) {
        throw MachineError("ASCSIM_MACHINES: expected a folder with tables, got \"" + folder + "\"");
      }
      for (const auto& file : fs::directory_iterator(folder)) {
        if (file.path().extension() != ".toml") continue;
        tables.try_emplace(file.path().stem().string(), ReadTable(file.path()));
      }
    }
  }
  for (const EmbeddedTable& table : kEmbeddedTables) {
    tables.try_emplace(table.name, MachineTable{table.name, std::string(table.name) + ".toml", table.text, false});
  }
  std::vector<MachineTable> all;
  for (auto& [name, table] : tables) all.push_back(std::move(table));
  return all;
}

MachineTable FindTable(const std::string& name_or_file) {
  std::string known;
  for (MachineTable& table : NamedTables()) {
    if (table.name == name_or_file) return std::move(table);
    if (!table.IsAbstract()) known += (known.empty() ? "" : ", ") + table.name;
  }
  if (name_or_file.find('/') != std::string::npos || fs::path(name_or_file).extension() == ".toml") {
    return ReadTable(name_or_file);
  }
  throw MachineError("unknown chip \"" + name_or_file + "\": expected " + known +
                     " or a .toml file (folders of more: ASCSIM_MACHINES)");
}

bool FindBase(const MachineTable& table, const std::string& base, MachineTable* found) {
  if (table.from_file) {
    const fs::path beside = fs::path(table.path).parent_path() / (base + ".toml");
    if (fs::is_regular_file(beside)) {
      *found = ReadTable(beside);
      return true;
    }
  }
  for (MachineTable& other : NamedTables()) {
    if (other.name != base) continue;
    *found = std::move(other);
    return true;
  }
  return false;
}

}  // namespace ascsim
