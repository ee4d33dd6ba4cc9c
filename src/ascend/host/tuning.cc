// Results of a tuner: choices by chip, problem and pass, kept in a file.
// SPDX-License-Identifier: Apache-2.0
#include "ascend/host/tuning.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace xmsda::ascend {
namespace {

using nlohmann::ordered_json;

constexpr int kVersion = 1;

Status Bad(const std::string& path, const std::string& what) {
  return Status::InvalidArgument("tuning: " + path + ": " + what);
}

// Reads members of one entry; keeps the first complaint.
class Reader {
 public:
  Reader(const ordered_json& entry, std::string where) : entry_(entry), where_(std::move(where)) {}

  std::string Text(const char* name) {
    const auto member = entry_.find(name);
    if (member != entry_.end() && member->is_string()) return *member;
    Complain(name, "expected a string");
    return "";
  }
  double Number(const char* name) {
    const auto member = entry_.find(name);
    if (member != entry_.end() && member->is_number() && *member >= 0 && *member < 1e15) return *member;
    Complain(name, "expected a number from 0 on");
    return 0;
  }
  void Complain(const std::string& name, const std::string& what) {
    if (!complaint.empty()) return;
    const auto member = entry_.find(name);
    complaint = where_ + "." + name + ": " + what + ", got " + (member == entry_.end() ? "none" : member->dump());
  }
  std::string complaint;

 private:
  const ordered_json& entry_;
  std::string where_;
};

std::string ReadEntry(const ordered_json& json, const std::string& where, TunedChoice* entry) {
  if (!json.is_object()) return where + ": expected an object, got " + json.dump();
  Reader reader(json, where);
  entry->chip = reader.Text("chip");
  entry->cores = static_cast<int32_t>(std::min(reader.Number("cores"), 65535.0));
  entry->ub_bytes = static_cast<int64_t>(reader.Number("ub_bytes"));
  entry->problem = reader.Text("problem");
  const std::string pass = reader.Text("pass"), choice = reader.Text("choice");
  entry->microseconds = reader.Number("microseconds");
  entry->default_microseconds = reader.Number("default_microseconds");
  if (pass != "forward" && pass != "backward") reader.Complain("pass", "expected forward or backward");
  entry->backward = pass == "backward";
  Problem problem;
  if (Status status = ParseProblem(entry->problem, &problem); !status.ok()) {
    reader.Complain("problem", status.message());
  }
  if (Status status = ParseChoice(choice, entry->backward, &entry->choice); !status.ok()) {
    reader.Complain("choice", status.message());
  }
  if (!entry->backward && entry->choice.variant != nullptr && entry->choice.variant->f16_weights) {
    reader.Complain("choice", "expected a variant that does not round weights of corners to f16, as auto");
  }
  return reader.complaint;
}

// Of a parse error: "line 3, column 7".
std::string PlaceOf(const std::string& text, size_t byte) {
  const size_t end = std::min(byte > 0 ? byte - 1 : 0, text.size());
  const auto at = text.begin() + static_cast<std::ptrdiff_t>(end);
  const auto line = std::count(text.begin(), at, '\n') + 1;
  const size_t before = end == 0 ? std::string::npos : text.rfind('\n', end - 1);
  return "line " + std::to_string(line) + ", column " +
         std::to_string(before == std::string::npos ? end + 1 : end - before);
}

}  // namespace

Status Tuning::Load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Bad(path, "expected a file that can be read");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  ordered_json all;
  try {
    all = ordered_json::parse(text);
  } catch (const ordered_json::parse_error& error) {
    return Bad(path, PlaceOf(text, error.byte) + ": expected JSON, as `xmsda tune --out` writes it");
  }
  if (!all.is_object() || all.value("version", ordered_json()) != kVersion) {
    const ordered_json version = all.is_object() ? all.value("version", ordered_json()) : ordered_json();
    return Bad(path, "version: expected " + std::to_string(kVersion) + ", got " + version.dump() +
                         "; `xmsda tune` makes the file anew");
  }
  if (!all.contains("entries") || !all["entries"].is_array()) return Bad(path, "entries: expected an array");
  std::vector<TunedChoice> entries;
  for (const ordered_json& one : all["entries"]) {
    const std::string where = "entries[" + std::to_string(entries.size()) + "]";
    const std::string complaint = ReadEntry(one, where, &entries.emplace_back());
    if (!complaint.empty()) return Bad(path, complaint);
  }
  entries_ = std::move(entries);
  path_ = path;
  return {};
}

Status Tuning::Save(const std::string& path) const {
  ordered_json all = {{"version", kVersion}, {"entries", ordered_json::array()}};
  for (const TunedChoice& entry : entries_) {
    all["entries"].push_back({{"chip", entry.chip},
                              {"cores", entry.cores},
                              {"ub_bytes", entry.ub_bytes},
                              {"problem", entry.problem},
                              {"pass", entry.backward ? "backward" : "forward"},
                              {"choice", ToString(entry.choice)},
                              {"microseconds", entry.microseconds},
                              {"default_microseconds", entry.default_microseconds}});
  }
  const std::string part = path + ".part";
  std::ofstream file(part, std::ios::binary);
  file << all.dump(2) << '\n';
  file.close();
  if (file && std::rename(part.c_str(), path.c_str()) == 0) return {};
  (void)std::remove(part.c_str());
  return Bad(path, "expected a file that can be written");
}

void Tuning::Put(const TunedChoice& entry) {
  const auto same = std::find_if(entries_.begin(), entries_.end(), [&](const TunedChoice& one) {
    return one.chip == entry.chip && one.problem == entry.problem && one.backward == entry.backward;
  });
  if (same != entries_.end()) {
    *same = entry;
  } else {
    entries_.push_back(entry);
  }
}

Status Tuning::Find(std::string_view chip_name, const Chip& chip, const Problem& problem, bool backward,
                    const TunedChoice** found) const {
  *found = nullptr;
  const std::string text = ToString(problem);
  for (size_t i = 0; i < entries_.size(); ++i) {
    const TunedChoice& entry = entries_[i];
    if (entry.chip != chip_name || entry.problem != text || entry.backward != backward) continue;
    const std::string where = "entries[" + std::to_string(i) + "]";
    if (entry.cores != chip.vector_cores || entry.ub_bytes != chip.ub_bytes) {
      return Bad(path_, where + ".cores, ub_bytes: expected those of the chip, " + std::to_string(chip.vector_cores) +
                            " and " + std::to_string(chip.ub_bytes) + ", got " + std::to_string(entry.cores) + " and " +
                            std::to_string(entry.ub_bytes) + "; tune again");
    }
    if (Status status = Supports(entry.choice, problem, chip, backward); !status.ok()) {
      return Bad(path_, where + ".choice: expected what the kernels take, got \"" + ToString(entry.choice) + "\" (" +
                            status.message() + "); tune again");
    }
    *found = &entry;
    return {};
  }
  return {};
}

}  // namespace xmsda::ascend
