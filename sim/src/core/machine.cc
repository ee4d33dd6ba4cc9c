// Reads a chip's table: every constant with its unit, source and certainty, nothing missing, nothing unknown.
// SPDX-License-Identifier: Apache-2.0
#include "core/machine.h"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <sstream>
#include <string_view>
#include <variant>

#include "ascsim/types.h"
#include "core/machine_tables.h"

namespace ascsim {
namespace {

enum class Kind : uint8_t { kCycles, kBytesPerCycle, kBytes, kCount, kRatio, kMegahertz };

struct Field {
  const char* key;
  Kind kind;
  std::variant<double*, int*, uint64_t*> target;
};

struct CurveField {
  const char* key;
  Kind kind;
  BandwidthCurve* target;
};

// The bank size is stored as a product.
struct Extra {
  double ub_rows = 0;
};

std::vector<Field> CoreFields(Machine* m) {
  return {
      {"chip.cube_cores", Kind::kCount, &m->cube_cores},
      {"chip.vector_cores", Kind::kCount, &m->vector_cores},
      {"chip.clock", Kind::kMegahertz, &m->mhz},
      {"chip.gm", Kind::kBytes, &m->gm_bytes},
      {"chip.l2", Kind::kBytes, &m->l2_bytes},
      {"chip.ub", Kind::kBytes, &m->ub_bytes},
      {"chip.l1", Kind::kBytes, &m->l1_bytes},
      {"chip.max_block_dim", Kind::kCount, &m->max_block_dim},
      {"scalar.issue", Kind::kCycles, &m->scalar_issue},
      {"scalar.access", Kind::kCycles, &m->scalar_access},
      {"scalar.access_gm", Kind::kCycles, &m->scalar_access_gm},
      {"scalar.clean", Kind::kCycles, &m->scalar_clean},
      {"scalar.cache", Kind::kBytes, &m->scalar_cache_bytes},
      {"scalar.cache_line", Kind::kBytes, &m->scalar_cache_line},
      {"scalar.cache_ways", Kind::kCount, &m->scalar_cache_ways},
      {"scalar.flag", Kind::kCycles, &m->flag},
      {"scalar.set_mask", Kind::kCycles, &m->set_mask},
      {"scalar.queue_depth", Kind::kCount, &m->queue_depth},
      {"sync.all", Kind::kCycles, &m->sync_all},
      {"sync.cross_flag", Kind::kCycles, &m->cross_flag},
      {"launch.base", Kind::kCycles, &m->launch_base},
      {"launch.per_block", Kind::kCycles, &m->launch_per_block},
  };
}

std::vector<Field> MemoryFields(Machine* m, Extra* extra) {
  return {
      {"ub.groups", Kind::kCount, &m->ub_groups},
      {"ub.banks_per_group", Kind::kCount, &m->ub_banks_per_group},
      {"ub.rows", Kind::kCount, &extra->ub_rows},
      {"ub.same_group_read", Kind::kCycles, &m->ub_same_group_read},
      {"ub.same_group_write", Kind::kCycles, &m->ub_same_group_write},
      {"ub.same_block_read", Kind::kCycles, &m->ub_same_block_read},
      {"ub.read_write", Kind::kCycles, &m->ub_read_write},
      {"ub.write_behind", Kind::kCycles, &m->ub_write_behind},
      {"ub.copy", Kind::kBytesPerCycle, &m->ub_copy_bytes_per_cycle},
      {"ub.copy_burst", Kind::kCycles, &m->ub_copy_burst},
      {"dma.issue", Kind::kCycles, &m->dma_issue},
      {"dma.burst", Kind::kCycles, &m->dma_burst},
      {"dma.burst_l2", Kind::kCycles, &m->dma_burst_l2},
      {"dma.burst_write", Kind::kCycles, &m->dma_burst_write},
      {"dma.latency", Kind::kCycles, &m->dma_latency},
      {"dma.latency_l2", Kind::kCycles, &m->dma_latency_l2},
      {"dma.latency_write", Kind::kCycles, &m->dma_latency_write},
      {"dma.misaligned_block", Kind::kRatio, &m->misaligned_efficiency_block},
      {"dma.misaligned", Kind::kRatio, &m->misaligned_efficiency},
      {"hbm.total", Kind::kBytesPerCycle, &m->hbm_total},
      {"l2.to_ub", Kind::kBytesPerCycle, &m->l2_to_ub},
      {"l2.from_ub", Kind::kBytesPerCycle, &m->ub_to_l2},
      {"l2.total", Kind::kBytesPerCycle, &m->l2_total},
      {"l2.line", Kind::kBytes, &m->line_bytes},
      {"l2.page", Kind::kBytes, &m->l2_page},
      {"l2.line_read", Kind::kCycles, &m->line_read},
      {"l2.line_write", Kind::kCycles, &m->line_write},
      {"l2.line_atomic", Kind::kCycles, &m->line_atomic},
      {"l2.atomic", Kind::kBytesPerCycle, &m->atomic_bytes_per_cycle},
      {"vector.dispatch", Kind::kCycles, &m->vector_dispatch},
  };
}

std::vector<Field> ModelFields(Machine* m) {
  return {
      {"model.run_ahead", Kind::kCycles, &m->run_ahead},
      {"model.stream_smoothing", Kind::kRatio, &m->stream_smoothing},
      {"model.stream_patience", Kind::kRatio, &m->stream_patience},
      {"model.stream_memory", Kind::kRatio, &m->stream_memory},
      {"model.stream_check", Kind::kCycles, &m->stream_check},
      {"model.stream_rounds", Kind::kCount, &m->stream_rounds},
      {"model.short_copy", Kind::kCount, &m->short_copy},
      {"model.sharing_kept", Kind::kCount, &m->sharing_kept},
      {"model.sharing_gap", Kind::kRatio, &m->sharing_gap},
      {"model.sharing_memory", Kind::kRatio, &m->sharing_memory},
  };
}

std::vector<Field> Fields(Machine* m, Extra* extra) {
  std::vector<Field> fields = CoreFields(m);
  for (const std::vector<Field>& more : {MemoryFields(m, extra), ModelFields(m)}) {
    fields.insert(fields.end(), more.begin(), more.end());
  }
  return fields;
}

std::vector<CurveField> Curves(Machine* m) {
  return {
      {"hbm.to_ub", Kind::kBytesPerCycle, &m->gm_to_ub},
      {"hbm.from_ub", Kind::kBytesPerCycle, &m->ub_to_gm},
      {"dma.run_efficiency", Kind::kRatio, &m->dma_run_efficiency},
  };
}

constexpr const char* kSizes[] = {"b1", "b2", "b4"};
constexpr const char* kCostParts[] = {"per_repeat", "head", "latency"};
constexpr std::array<const char*, kNumDTypes> kTypeNames = {"f32", "f16", "bf16", "s64", "u64", "s32",
                                                            "u32", "s16", "u16",  "s8",  "u8"};

bool IsVectorOp(int op) {
  return op >= static_cast<int>(Op::kAdd) && op <= static_cast<int>(Op::kCreateVecIndex) &&
         op != static_cast<int>(Op::kCast);
}

struct UnitOf {
  const char* name;
  Kind kind;
  double factor;    // to the kind's own unit
  bool per_second;  // of time or bandwidth: also depends on the clock
};
constexpr double kGi = 1024.0 * 1024.0 * 1024.0;
// Time is given in microseconds and bandwidth in bytes a microsecond to the clock, which is in cycles a microsecond.
constexpr UnitOf kUnits[] = {
    {"cycles", Kind::kCycles, 1, false},
    {"us", Kind::kCycles, 1, true},
    {"ns", Kind::kCycles, 1e-3, true},
    {"bytes/cycle", Kind::kBytesPerCycle, 1, false},
    {"GiB/s", Kind::kBytesPerCycle, kGi * 1e-6, true},
    {"GB/s", Kind::kBytesPerCycle, 1e3, true},
    {"TB/s", Kind::kBytesPerCycle, 1e6, true},
    {"bytes", Kind::kBytes, 1, false},
    {"KiB", Kind::kBytes, 1024, false},
    {"MiB", Kind::kBytes, 1024.0 * 1024.0, false},
    {"GiB", Kind::kBytes, kGi, false},
    {"count", Kind::kCount, 1, false},
    {"ratio", Kind::kRatio, 1, false},
    {"MHz", Kind::kMegahertz, 1, false},
};

std::string UnitsFor(Kind kind) {
  std::string names;
  for (const UnitOf& unit : kUnits) {
    if (unit.kind == kind) names += (names.empty() ? "" : ", ") + std::string(unit.name);
  }
  return names;
}

struct Entry {
  Constant constant;
  std::string where;  // file:line
};

struct Curve {
  std::vector<double> at;
  std::string where;
};

// What the files said, before units are converted: a chip's file replaces constants of the one it extends.
class Reader {
 public:
  explicit Reader(const Machine& machine) {
    Machine scratch = machine;
    Extra extra;
    for (const Field& field : Fields(&scratch, &extra)) kinds_[field.key] = field.kind;
    for (const CurveField& curve : Curves(&scratch)) curve_kinds_[curve.key] = curve.kind;
  }

  void Read(const MachineTable& from, int depth) {
    const std::string& path = from.path;
    toml::table table;
    try {
      table = toml::parse(from.text, path);
    } catch (const toml::parse_error& error) {
      throw MachineError(path + ":" + std::to_string(error.source().begin.line) + ": " +
                         std::string(error.description()) + "; expected a TOML file");
    }
    if (const auto* extends = table.get("extends"); extends != nullptr) {
      const auto base = extends->value<std::string>();
      if (!base || depth > 3) Fail(*extends, path, "extends: expected the name of another table, no cycle");
      MachineTable found;
      if (!FindBase(from, *base, &found)) {
        Fail(*extends, path,
             "extends: expected a file " + *base + ".toml beside this one, or a table of the simulator such as 910b2");
      }
      Read(found, depth + 1);
    }
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      if (name == "extends" || name == "abstract") continue;
      if (!node.is_table()) {
        Fail(node, path, name + ": unknown key, expected extends, abstract or a table of constants");
      }
      ReadGroup(*node.as_table(), name, path);
    }
    // The table that is extended comes first.
    if (chip_.empty() && !from.IsAbstract()) chip_ = from.name;
    path_ = path;
  }

  const std::string& chip() const { return chip_; }

  void Override(const std::string& text) {
    std::stringstream parts(text);
    std::string part;
    while (std::getline(parts, part, ',')) {
      if (part.empty()) continue;
      const size_t equals = part.find('=');
      const std::string key = part.substr(0, equals);
      const auto found = entries_.find(key);
      if (equals == std::string::npos || found == entries_.end()) {
        throw MachineError("override \"" + part + "\": expected constant=number with a constant of " + path_ +
                           ", such as dma.issue=30");
      }
      const std::string number = part.substr(equals + 1);
      double value = 0;
      const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
      if (error != std::errc() || end != number.data() + number.size() || !(value >= 0) || !std::isfinite(value)) {
        throw MachineError("override \"" + part + "\": expected a number of at least 0, got \"" + number + "\"");
      }
      found->second.constant.value = value;
      found->second.constant.source = "override";
      found->second.constant.certainty = Certainty::kAssumed;
      found->second.constant.low = found->second.constant.high = 0;
      found->second.where = "override";
    }
  }

  void Fill(Machine* machine) {
    Extra extra;
    machine->mhz = Get("chip.clock", Kind::kMegahertz, 0);
    for (const Field& field : Fields(machine, &extra)) Store(field, machine->mhz);
    for (const CurveField& curve : Curves(machine)) FillCurve(curve, machine->mhz);
    FillVector(machine);
    FillCast(machine);
    machine->ub_bank_bytes =
        static_cast<uint64_t>(extra.ub_rows) * static_cast<uint64_t>(machine->ub_groups) * uint64_t{kBlockBytes};
    for (const auto& [key, entry] : entries_) machine->constants.emplace_back(key, entry.constant);
  }

  const std::string& Where(const std::string& key) const { return entries_.at(key).where; }

 private:
  [[noreturn]] static void Fail(const toml::node& node, const std::string& path, const std::string& what) {
    throw MachineError(path + ":" + std::to_string(node.source().begin.line) + ": " + what);
  }

  void ReadGroup(const toml::table& table, const std::string& prefix, const std::string& path) {
    for (const auto& [key, node] : table) {
      const std::string name = prefix + "." + std::string(key.str());
      const toml::table* inner = node.as_table();
      if (inner == nullptr) {
        Fail(node, path, name + ": expected a table { value, unit, source, certainty }");
      } else if (inner->contains("value")) {
        ReadConstant(*inner, name, path);
      } else if (prefix == "vector") {
        ReadGroup(*inner, name, path);
      } else {
        Fail(node, path,
             name + (Known(name) ? ": value is missing" : ": unknown constant") +
                 ", expected a table { value, unit, source, certainty } of a known name");
      }
    }
  }

  bool Known(const std::string& name) const {
    if (kinds_.count(name) > 0 || curve_kinds_.count(name) > 0) return true;
    if (name.rfind("vector.", 0) == 0) {
      for (int op = 0; op < kNumOps; ++op) {
        if (!IsVectorOp(op)) continue;
        const std::string start = std::string("vector.") + OpName(static_cast<Op>(op)) + ".";
        for (const char* size : {"any", "b1", "b2", "b4"}) {
          if (name == start + size) return true;
        }
      }
      return false;
    }
    if (name == "cast.any") return true;
    if (name.rfind("cast.", 0) != 0) return false;
    for (const char* from : kTypeNames) {
      for (const char* to : kTypeNames) {
        if (name == std::string("cast.") + from + "_" + to) return true;
      }
    }
    return false;
  }

  static std::string Text(const toml::table& table, const char* key, const std::string& name, const std::string& path) {
    const toml::node* node = table.get(key);
    if (node == nullptr)
      Fail(table, path, name + ": " + key + " is missing, expected { value, unit, source, certainty }");
    const auto text = node->value<std::string>();
    if (!text || text->empty()) Fail(*node, path, name + ": " + key + ": expected a text");
    return *text;
  }

  static double Number(const toml::node& node, const std::string& name, const std::string& path) {
    const auto value = node.value<double>();
    if (!value || !std::isfinite(*value) || *value < 0) Fail(node, path, name + ": expected a number of at least 0");
    return *value;
  }

  static Certainty ReadCertainty(const toml::table& table, const std::string& name, const std::string& path) {
    const std::string text = Text(table, "certainty", name, path);
    if (text == "measured") return Certainty::kMeasured;
    if (text == "documented") return Certainty::kDocumented;
    if (text == "assumed") return Certainty::kAssumed;
    Fail(*table.get("certainty"), path,
         name + ": certainty: expected measured, documented or assumed, got \"" + text + "\"");
  }

  void ReadConstant(const toml::table& table, const std::string& name, const std::string& path) {
    if (!Known(name)) Fail(table, path, name + ": unknown constant, expected one of those that machine.cc lists");
    const bool curve = curve_kinds_.count(name) > 0;
    for (const auto& [key, node] : table) {
      const std::string_view k = key.str();
      const bool expected =
          k == "value" || k == "unit" || k == "source" || k == "certainty" || (curve ? k == "at" : k == "range");
      if (!expected) {
        Fail(node, path,
             name + "." + std::string(k) + ": unknown key, expected value, unit, source, certainty" +
                 (curve ? ", at" : ", range"));
      }
    }
    Constant constant;
    constant.unit = Text(table, "unit", name, path);
    constant.source = Text(table, "source", name, path);
    constant.certainty = ReadCertainty(table, name, path);
    const toml::node& value = *table.get("value");
    const std::string where = path + ":" + std::to_string(value.source().begin.line);
    if (curve) {
      ReadCurve(table, name, path, constant, where);
    } else if (kinds_.count(name) > 0) {
      constant.value = Number(value, name, path);
      ReadRange(table, name, path, &constant);
      entries_[name] = {constant, where};
    } else {
      const toml::table* parts = value.as_table();
      if (parts == nullptr || parts->size() != 3) {
        Fail(value, path, name + ": value: expected { per_repeat, head, latency }");
      }
      for (const char* part : kCostParts) {
        if (!parts->contains(part)) Fail(value, path, name + ": value: expected { per_repeat, head, latency }");
        constant.value = Number(*parts->get(part), name + "." + part, path);
        constant.low = constant.high = 0;
        if (part == kCostParts[0]) ReadRange(table, name, path, &constant);
        entries_[name + "." + part] = {constant, where};
      }
    }
  }

  // Optional: two numbers with the value between them. Of the cost of a vector instruction: of its repeats.
  static void ReadRange(const toml::table& table, const std::string& name, const std::string& path,
                        Constant* constant) {
    const toml::node* node = table.get("range");
    if (node == nullptr) return;
    const toml::array* range = node->as_array();
    if (range == nullptr || range->size() != 2) Fail(*node, path, name + ": range: expected [lowest, highest]");
    constant->low = Number((*range)[0], name + ".range", path);
    constant->high = Number((*range)[1], name + ".range", path);
    if (constant->low > constant->value || constant->high < constant->value || constant->low == constant->high) {
      Fail(*node, path, name + ": range: expected [lowest, highest] with the value between them");
    }
  }

  void ReadCurve(const toml::table& table, const std::string& name, const std::string& path, Constant constant,
                 const std::string& where) {
    const toml::array* values = table.get("value")->as_array();
    const toml::array* at = table.get("at") != nullptr ? table.get("at")->as_array() : nullptr;
    if (values == nullptr || at == nullptr || values->size() != at->size() || values->empty()) {
      Fail(table, path, name + ": expected two lists of the same length, at and value");
    }
    for (const double old : curves_[name].at) entries_.erase(PointName(name, old));
    Curve curve{{}, where};
    for (size_t i = 0; i < at->size(); ++i) {
      const double x = Number((*at)[i], name + ".at", path);
      if (!curve.at.empty() && x <= curve.at.back()) Fail((*at)[i], path, name + ".at: expected rising numbers");
      curve.at.push_back(x);
      constant.value = Number((*values)[i], name, path);
      entries_[PointName(name, x)] = {constant, where};
    }
    curves_[name] = curve;
  }

  static std::string PointName(const std::string& name, double x) {
    return name + "." + std::to_string(std::llround(x));
  }

  double Get(const std::string& key, Kind kind, double mhz) const {
    const auto found = entries_.find(key);
    if (found == entries_.end()) {
      throw MachineError(path_ + ":1: " + key +
                         " is missing, expected { value, unit, source, certainty }, unit one of: " + UnitsFor(kind));
    }
    const Constant& constant = found->second.constant;
    for (const UnitOf& unit : kUnits) {
      if (unit.kind != kind || constant.unit != unit.name) continue;
      const double value = constant.value * unit.factor;
      const double converted = !unit.per_second ? value : kind == Kind::kCycles ? value * mhz : value / mhz;
      RequireBounded(key, kind, converted, found->second.where);
      return converted;
    }
    throw MachineError(found->second.where + ": " + key + ": unit: expected one of " + UnitsFor(kind) + ", got \"" +
                       constant.unit + "\"");
  }

  // Beyond, sums of times overflow. The greatest time is half a second at 1.8 GHz, the least bandwidth 2 MB/s.
  static void RequireBounded(const std::string& key, Kind kind, double value, const std::string& where) {
    constexpr double kMostCycles = 1e9, kLeastRate = 1e-3, kMostRate = 1e9, kLeastMegahertz = 1, kMostMegahertz = 1e6;
    double least = 0, most = std::numeric_limits<double>::infinity();
    if (kind == Kind::kCycles) most = kMostCycles;
    if (kind == Kind::kBytesPerCycle || kind == Kind::kRatio) least = kLeastRate, most = kMostRate;
    if (kind == Kind::kMegahertz) least = kLeastMegahertz, most = kMostMegahertz;
    if (value == 0 || (value >= least && value <= most)) return;
    std::array<char, 96> text{};
    std::snprintf(text.data(), text.size(), "expected %g to %g %s, got %g", least, most,
                  UnitsFor(kind).substr(0, UnitsFor(kind).find(',')).c_str(), value);
    throw MachineError(where + ": " + key + ": " + text.data());
  }

  void Store(const Field& field, double mhz) {
    const double value = Get(field.key, field.kind, mhz);
    const bool whole = !std::holds_alternative<double*>(field.target);
    const bool positive = whole || field.kind == Kind::kBytesPerCycle || field.kind == Kind::kMegahertz ||
                          field.kind == Kind::kRatio || field.kind == Kind::kBytes;
    if ((positive && value <= 0) || (whole && (value != std::floor(value) || value > 1e15)) ||
        (std::holds_alternative<int*>(field.target) && value > 1e9)) {
      throw MachineError(entries_.at(field.key).where + ": " + field.key + ": expected a " +
                         (whole ? "whole number above 0" : "number above 0") + ", got " + std::to_string(value));
    }
    if (auto* real = std::get_if<double*>(&field.target)) **real = value;
    if (auto* integer = std::get_if<int*>(&field.target)) **integer = static_cast<int>(value);
    if (auto* size = std::get_if<uint64_t*>(&field.target)) **size = static_cast<uint64_t>(value);
  }

  void FillCurve(const CurveField& field, double mhz) {
    const auto found = curves_.find(field.key);
    if (found == curves_.end()) {
      throw MachineError(path_ + ":1: " + field.key + " is missing, expected { at, value, unit, source, certainty }");
    }
    BandwidthCurve curve;
    for (const double x : found->second.at) {
      curve.cores.push_back(x);
      curve.bytes_per_cycle.push_back(Get(PointName(field.key, x), field.kind, mhz));
      if (curve.bytes_per_cycle.back() <= 0) {
        throw MachineError(found->second.where + ": " + field.key + ": expected numbers above 0");
      }
    }
    *field.target = curve;
  }

  // The cost under the first of the names that the table has.
  VectorCost Cost(const std::string& name, const std::string& fallback, double mhz) const {
    const std::string& key = entries_.count(name + ".head") > 0 ? name : fallback;
    return {Get(key + ".per_repeat", Kind::kCycles, mhz), Get(key + ".head", Kind::kCycles, mhz),
            Get(key + ".latency", Kind::kCycles, mhz)};
  }

  void FillVector(Machine* machine) const {
    for (int op = 0; op < kNumOps; ++op) {
      if (!IsVectorOp(op)) continue;
      const std::string start = std::string("vector.") + OpName(static_cast<Op>(op)) + ".";
      for (size_t size = 0; size < 3; ++size) {
        machine->vector[static_cast<size_t>(op)][size] = Cost(start + kSizes[size], start + "any", machine->mhz);
      }
    }
  }

  void FillCast(Machine* machine) const {
    for (size_t to = 0; to < kNumDTypes; ++to) {
      for (size_t from = 0; from < kNumDTypes; ++from) {
        const std::string name = std::string("cast.") + kTypeNames[from] + "_" + kTypeNames[to];
        machine->cast[to][from] = Cost(name, "cast.any", machine->mhz);
      }
    }
  }

  std::string path_, chip_;
  std::map<std::string, Kind> kinds_, curve_kinds_;
  std::map<std::string, Entry> entries_;
  std::map<std::string, Curve> curves_;
};

}  // namespace

double BandwidthCurve::At(double active_cores) const {
  if (active_cores <= cores.front()) return bytes_per_cycle.front();
  for (size_t i = 1; i < cores.size(); ++i) {
    if (active_cores > cores[i]) continue;
    const double part = (active_cores - cores[i - 1]) / (cores[i] - cores[i - 1]);
    return bytes_per_cycle[i - 1] + part * (bytes_per_cycle[i] - bytes_per_cycle[i - 1]);
  }
  return bytes_per_cycle.back();
}

Machine LoadMachine(const std::string& name_or_file, const std::string& overrides) {
  const MachineTable table = FindTable(name_or_file);
  Machine machine;
  machine.name = table.name;
  if (table.IsAbstract()) throw MachineError(table.path + ":1: " + table.name + " is a part of chips: expected a chip");
  Reader reader(machine);
  reader.Read(table, 0);
  reader.Override(overrides);
  reader.Fill(&machine);
  machine.chip = reader.chip();
  const auto power_of_two = [](double x) { return x >= 1 && std::exp2(std::round(std::log2(x))) == x; };
  if (!power_of_two(machine.line_bytes) || machine.line_bytes > 4096 || machine.line_bytes < 64) {
    throw MachineError(reader.Where("l2.line") + ": l2.line: expected a power of two from 64 to 4096");
  }
  if (!power_of_two(static_cast<double>(machine.l2_page)) || machine.l2_page > 4096 ||
      static_cast<double>(machine.l2_page) < machine.line_bytes) {
    // Not beyond pages of the host: hits would depend on where it puts the memory.
    throw MachineError(reader.Where("l2.page") + ": l2.page: expected a power of two from l2.line to 4 KiB");
  }
  if (machine.ub_groups > 32 || !power_of_two(machine.ub_groups)) {
    throw MachineError(reader.Where("ub.groups") + ": ub.groups: expected a power of two up to 32");
  }
  if (machine.scalar_cache_bytes < machine.scalar_cache_line * machine.scalar_cache_ways) {
    throw MachineError(reader.Where("scalar.cache") + ": scalar.cache: expected at least cache_line * cache_ways");
  }
  return machine;
}

std::vector<std::string> KnownMachines() {
  std::vector<std::string> names;
  for (const MachineTable& table : NamedTables()) {
    if (!table.IsAbstract()) names.push_back(table.name);
  }
  return names;
}

}  // namespace ascsim
