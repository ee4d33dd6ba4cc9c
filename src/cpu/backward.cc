// Backward pass on the CPU: how the work is cut into tasks and where their gradients go.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "core/validate.h"
#include "cpu/kernels.h"
#include "cpu/plan.h"
#include "xmsda/msda.h"

namespace xmsda {
namespace cpu {
namespace {

// A task is (batch item and head, group of queries, set of levels). Its queries are worked off in chunks, in order.
// Chunks and groups depend on the problem only: they fix the order of every sum. Level sets are one level each or all
// at once, whichever feeds the workers; levels write to different pixels, so that changes no bits.
struct BackwardPlan {
  bool value_direct = false;  // value is read where the caller has it, else packed rows of one head
  bool grad_direct = false;   // its gradient is summed where the caller wants it, else in packed rows
  int64_t chunk = 0;          // queries
  int64_t groups = 1;
  int64_t group_size = 0;  // queries
  bool split_levels = false;
  bool tiles = false;
  int64_t real_size = 4;
  int64_t padded_channels = 0;
  int64_t num_cells = 0;

  LevelTables tables;                     // all levels
  std::vector<LevelTables> level_tables;  // each level, when they are split
  CellGrid* grids = nullptr;
  int32_t* order = nullptr;
  uint8_t* grad_rows = nullptr;          // one slot per worker, or per (pair, group) with several groups
  uint8_t* value_rows = nullptr;         // one slot per worker
  uint8_t* grad_references = nullptr;    // of fused problems: each head's share, Reals [B,M,Q,G,C]
  std::vector<BackwardScratch> scratch;  // per worker

  int64_t SlotBytes(const Problem& p) const { return p.value_size * padded_channels * real_size; }
};

bool LevelsAreDisjoint(const Problem& p) {
  std::vector<std::pair<int64_t, int64_t>> spans;
  for (const Level& level : p.levels) spans.emplace_back(level.start, level.start + level.height * level.width);
  std::sort(spans.begin(), spans.end());
  for (size_t i = 1; i < spans.size(); ++i) {
    if (spans[i].first < spans[i - 1].second) return false;
  }
  return true;
}

// About 130,000 samples, whose factors are 2 MB. Fewer leave too few samples a cell when locations are spread (90,000:
// 34 ms instead of 30 on detr-enc `uniform`), more fall out of the cache (360,000: 36 instead of 22 ms on `local`). No
// more than 2^16 - 1 queries, whose numbers share 32 bits with a sample's.
int64_t ChunkQueries(const Problem& p) {
  const int64_t by_samples = 130000 / std::max<int64_t>(1, p.SamplesPerQuery());
  const int64_t by_rows = (int64_t{1} << 21) / std::max<int64_t>(1, p.channels * 4);
  return std::clamp<int64_t>(std::min(by_samples, by_rows), 64, 65535);
}

// Where heads and levels give fewer than 16 tasks, the queries are cut into groups as well; their gradients are summed
// in order at the end.
int64_t QueryGroups(const Problem& p, bool disjoint) {
  const int64_t tasks = p.batch * p.num_heads * (disjoint ? static_cast<int64_t>(p.levels.size()) : 1);
  if (tasks == 0 || tasks >= 16) return 1;
  return std::max<int64_t>(1, std::min((16 + tasks - 1) / tasks, p.num_queries / 2048));
}

BackwardScratch TakeScratch(const BackwardPlan& plan, Arena& arena, int64_t lanes) {
  const int64_t samples = plan.tables.padded;
  const int64_t run = kRunItems * samples;
  const int64_t real = plan.real_size;
  BackwardScratch s;
  s.keys = arena.Take<uint32_t>(plan.chunk * samples + lanes);
  s.order = arena.Take<uint32_t>(plan.chunk * samples + kSamplesAhead);
  s.cells = arena.Take<uint32_t>(plan.num_cells + 1);
  s.factors = arena.Take<uint8_t>((plan.chunk * samples + lanes) * 4 * real);
  s.grad_output = arena.Take<uint8_t>(plan.chunk * plan.padded_channels * real);
  s.partial_dots = arena.Take<uint8_t>(kDotBatch * std::max<int64_t>(4, lanes) * real);
  s.zero_row = arena.Take<uint8_t>(plan.padded_channels * real);
  s.sink_row = arena.Take<uint8_t>(plan.padded_channels * real);
  s.samples = arena.Take<uint8_t>(3 * run * real);
  s.sample_gradients = arena.Take<uint8_t>(3 * (run + lanes) * real);
  s.key_range = arena.Take<uint8_t>(3 * run * real);
  return s;
}

BackwardPlan MakePlan(const Problem& p, const ValueStrides& strides, const ValueStrides& grad_strides, int num_workers,
                      const Kernels& kernels, Arena& arena) {
  BackwardPlan plan;
  const bool disjoint = LevelsAreDisjoint(p);
  const bool real_storage = p.value_dtype == DType::kF32 || p.value_dtype == DType::kF64;
  const DType real = p.value_dtype == DType::kF64 ? DType::kF64 : DType::kF32;
  const auto lanes = static_cast<int64_t>(kernels.row_quantum[static_cast<size_t>(real)]);
  const bool whole_rows = real_storage && p.channels % lanes == 0;
  plan.real_size = static_cast<int64_t>(DTypeSize(real));
  plan.padded_channels = RoundUp(p.channels, lanes);
  // A fused problem's levels share a softmax, so they stay together.
  plan.groups = QueryGroups(p, disjoint && !p.IsFused());
  plan.group_size = (p.num_queries + plan.groups - 1) / plan.groups;
  plan.chunk = std::min(ChunkQueries(p), plan.group_size);
  plan.value_direct = whole_rows && strides.channel == 1;
  plan.grad_direct = whole_rows && grad_strides.channel == 1 && plan.groups == 1;
  const int64_t pairs = p.batch * p.num_heads;
  const int64_t tasks = pairs * plan.groups;
  plan.split_levels = disjoint && !p.IsFused() && tasks < int64_t{4} * num_workers && tasks % num_workers != 0;
  plan.tiles = TilesPay(p);
  plan.num_cells = NumCells(p);

  plan.tables = TakeLevelTables(p, p.levels, kernels, arena);
  for (size_t l = 0; plan.split_levels && l < p.levels.size(); ++l) {
    plan.level_tables.push_back(TakeLevelTables(p, std::span(p.levels).subspan(l, 1), kernels, arena));
  }
  plan.grids = arena.Take<CellGrid>(static_cast<int64_t>(p.levels.size()));
  if (plan.tiles) plan.order = arena.Take<int32_t>(p.num_queries);
  const int64_t slots = plan.groups > 1 ? tasks : num_workers;
  if (!plan.grad_direct) plan.grad_rows = arena.Take<uint8_t>(slots * plan.SlotBytes(p));
  if (!plan.value_direct) plan.value_rows = arena.Take<uint8_t>(num_workers * plan.SlotBytes(p));
  for (int w = 0; w < num_workers; ++w) plan.scratch.push_back(TakeScratch(plan, arena, lanes));
  // Last, so that memory of it that a call without that gradient does not need is never touched.
  if (p.IsFused()) {
    plan.grad_references =
        arena.Take<uint8_t>(pairs * p.num_queries * p.ReferencesPerQuery() * p.references.components * plan.real_size);
  }
  return plan;
}

// `first_cell` counts from the first level of a task: from 0 for every level when levels are split.
void FillGrids(const Problem& p, const BackwardPlan& plan) {
  int64_t sample = 0, cell = 0;
  for (size_t l = 0; l < p.levels.size(); ++l) {
    const Level& level = p.levels[l];
    plan.grids[l] = {level.height, level.width, level.start, sample, level.points, plan.split_levels ? 0 : cell};
    sample += level.points;
    cell += plan.grids[l].NumCells();
  }
}

// True when the elements fill one byte range without gaps.
bool IsDense(const Problem& p, const ValueStrides& s) {
  const int64_t last = (p.batch - 1) * s.batch + (p.value_size - 1) * s.pixel + (p.num_heads - 1) * s.head +
                       (p.channels - 1) * s.channel;
  const bool positive = s.batch >= 0 && s.pixel >= 0 && s.head >= 0 && s.channel >= 0;
  return positive && last + 1 == p.batch * p.value_size * p.num_heads * p.channels;
}

struct BackwardCall {
  const Problem& problem;
  const Inputs& inputs;
  const uint8_t* grad_output;
  const Gradients& gradients;
  const Executor& executor;
  const Kernels& kernels;
  const BackwardPlan& plan;
  Target* ran_target;
  int64_t element;

  uint8_t* GradValue(int64_t pair) const {
    const ValueStrides& s = gradients.value_strides;
    return static_cast<uint8_t*>(gradients.value) +
           (pair / problem.num_heads * s.batch + pair % problem.num_heads * s.head) * element;
  }

  void ZeroGradValue() const {
    const Problem& p = problem;
    const int64_t count = p.batch * p.value_size * p.num_heads * p.channels;
    if (count == 0) return;
    if (IsDense(p, gradients.value_strides)) {
      constexpr int64_t kPiece = 1 << 18;  // bytes, a quarter of an L2
      auto* data = static_cast<uint8_t*>(gradients.value);
      ParallelFor(executor, (count * element + kPiece - 1) / kPiece, [&](int64_t i, int) {
        std::memset(data + i * kPiece, 0, static_cast<size_t>(std::min(kPiece, count * element - i * kPiece)));
      });
      return;
    }
    const ValueStrides& s = gradients.value_strides;
    ParallelFor(executor, p.batch * p.num_heads, [&](int64_t pair, int) {
      for (int64_t pixel = 0; pixel < p.value_size; ++pixel) {
        uint8_t* row = GradValue(pair) + pixel * s.pixel * element;
        for (int64_t c = 0; c < p.channels; ++c) {
          std::memset(row + c * s.channel * element, 0, static_cast<size_t>(element));
        }
      }
    });
  }

  // The caller's rows [begin, end) of a head and the packed ones.
  RepackTask Repack(const ValueStrides& strides, int64_t begin, int64_t end) const {
    RepackTask t;
    t.rows = end - begin;
    t.channels = problem.channels;
    t.row_stride = strides.pixel;
    t.channel_stride = strides.channel;
    t.padded_channels = plan.padded_channels;
    t.packed_stride = plan.padded_channels;
    return t;
  }

  void PackValue(int64_t pair, uint8_t* rows, int64_t begin, int64_t end) const {
    const ValueStrides& s = inputs.value_strides;
    RepackTask t = Repack(s, begin, end);
    t.source = static_cast<const uint8_t*>(inputs.value) +
               (pair / problem.num_heads * s.batch + pair % problem.num_heads * s.head + begin * s.pixel) * element;
    t.target = rows + begin * plan.padded_channels * plan.real_size;
    kernels.pack_real[static_cast<size_t>(problem.value_dtype)](t);
  }

  void UnpackGradValue(int64_t pair, const uint8_t* rows, int64_t begin, int64_t end) const {
    const ValueStrides& s = gradients.value_strides;
    RepackTask t = Repack(s, begin, end);
    t.source = rows + begin * plan.padded_channels * plan.real_size;
    t.target = GradValue(pair) + begin * s.pixel * element;
    kernels.unpack_real[static_cast<size_t>(problem.value_dtype)](t);
  }

  // Of one query's references.
  int64_t ReferenceBytes() const {
    return problem.ReferencesPerQuery() * problem.references.components * plan.real_size;
  }

  // Sums the heads' shares of the gradient of the references, in order.
  template <class Real>
  void SumHeads() const {
    const Problem& p = problem;
    const int64_t row = ReferenceBytes() / static_cast<int64_t>(sizeof(Real));
    const auto* shares = reinterpret_cast<const Real*>(plan.grad_references);
    auto* sums = static_cast<Real*>(gradients.references);
    constexpr int64_t kQueries = 1024;
    const int64_t strips = (p.num_queries + kQueries - 1) / kQueries;
    ParallelFor(executor, p.batch * strips, [&](int64_t i, int) {
      const int64_t b = i / strips;
      const int64_t begin = i % strips * kQueries * row;
      const int64_t end = std::min(begin + kQueries * row, p.num_queries * row);
      Real* to = sums + b * p.num_queries * row;
      const Real* from = shares + b * p.num_heads * p.num_queries * row;
      std::copy(from + begin, from + end, to + begin);
      for (int64_t m = 1; m < p.num_heads; ++m) {
        from += p.num_queries * row;
        for (int64_t e = begin; e < end; ++e) to[e] += from[e];
      }
    });
  }

  // Everything of a task but its queries. Levels [level_begin, level_end).
  BackwardTask MakeTask(int64_t pair, int64_t level_begin, int64_t level_end, int worker) const {
    const Problem& p = problem;
    const int64_t b = pair / p.num_heads;
    const int64_t head = pair % p.num_heads;
    const int64_t k = p.SamplesPerQuery();
    const auto sample_element = static_cast<int64_t>(DTypeSize(p.location_dtype));
    const int64_t first = plan.grids[level_begin].first_sample;
    BackwardTask t;
    t.samples = MakeSampleSource(
        p, inputs, plan.split_levels ? plan.level_tables[static_cast<size_t>(level_begin)] : plan.tables, b);
    t.samples.locations = static_cast<const uint8_t*>(t.samples.locations) + 2 * first * sample_element;
    t.samples.weights = static_cast<const uint8_t*>(t.samples.weights) + first * sample_element;
    t.grids = plan.grids + level_begin;
    t.num_grids = level_end - level_begin;
    for (int64_t l = level_begin; l < level_end; ++l) t.num_cells += plan.grids[l].NumCells();
    t.head = head;
    t.query_order = plan.order;
    t.channels = p.channels;
    t.padded_channels = plan.padded_channels;
    t.value_dtype = p.value_dtype;
    t.grad_output_query_stride = p.num_heads * p.channels * element;
    t.grad_output = grad_output + b * p.num_queries * t.grad_output_query_stride + head * p.channels * element;
    t.grad_weight_query_stride = p.num_heads * k * sample_element;
    t.grad_location_query_stride = 2 * t.grad_weight_query_stride;
    const int64_t weight = (b * p.num_queries * p.num_heads + head) * k + first;
    t.grad_weights = static_cast<uint8_t*>(gradients.weights) + weight * sample_element;
    t.grad_locations = static_cast<uint8_t*>(gradients.locations) + 2 * weight * sample_element;
    if (gradients.references != nullptr) {
      t.grad_reference_query_stride = ReferenceBytes();
      t.grad_references = plan.grad_references + pair * p.num_queries * t.grad_reference_query_stride;
    }
    t.scratch = plan.scratch[static_cast<size_t>(worker)];
    return t;
  }

  void RunTask(int64_t i, int worker) const {
    const Problem& p = problem;
    const auto num_levels = static_cast<int64_t>(p.levels.size());
    const int64_t sets = plan.split_levels ? num_levels : 1;
    const int64_t pair = i / (plan.groups * sets);
    const int64_t group = i / sets % plan.groups;
    const int64_t level = i % sets;
    BackwardTask t = MakeTask(pair, level, plan.split_levels ? level + 1 : num_levels, worker);
    if (i == 0) t.ran_target = ran_target;

    // The pixels this task reads and writes.
    const CellGrid& grid = plan.grids[level];
    const int64_t begin = plan.split_levels ? grid.start : 0;
    const int64_t end = plan.split_levels ? begin + grid.height * grid.width : p.value_size;
    const int64_t row = plan.padded_channels * plan.real_size;
    t.value = static_cast<const uint8_t*>(inputs.value) +
              (pair / p.num_heads * inputs.value_strides.batch + t.head * inputs.value_strides.head) * element;
    t.value_pixel_stride = inputs.value_strides.pixel * element;
    if (!plan.value_direct) {
      uint8_t* rows = plan.value_rows + worker * plan.SlotBytes(p);
      PackValue(pair, rows, begin, end);
      t.value = rows;
      t.value_pixel_stride = row;
    }
    t.grad_value = GradValue(pair);
    t.grad_value_pixel_stride = gradients.value_strides.pixel * element;
    if (!plan.grad_direct) {
      const int64_t slot = plan.groups > 1 ? pair * plan.groups + group : worker;
      t.grad_value = plan.grad_rows + slot * plan.SlotBytes(p);
      t.grad_value_pixel_stride = row;
      if (!SlotsAreShared()) std::memset(t.grad_value + begin * row, 0, static_cast<size_t>((end - begin) * row));
    }
    std::memset(t.scratch.zero_row, 0, static_cast<size_t>(row));
    std::memset(t.scratch.sink_row, 0, static_cast<size_t>(row));
    const int64_t last = std::min(p.num_queries, (group + 1) * plan.group_size);
    for (int64_t q = group * plan.group_size; q < last; q += plan.chunk) {
      t.query_begin = q;
      t.query_end = std::min(last, q + plan.chunk);
      (p.value_dtype == DType::kF64 ? kernels.backward64 : kernels.backward32)(t);
      t.ran_target = nullptr;
    }
    if (!plan.grad_direct && plan.groups == 1) UnpackGradValue(pair, t.grad_value, begin, end);
  }

  // True when the tasks of several levels sum into one slot, which is then cleared beforehand, pixels of no level too.
  bool SlotsAreShared() const { return plan.groups > 1 && plan.split_levels; }

  void ClearSlots() const {
    const int64_t bytes = plan.SlotBytes(problem);
    ParallelFor(executor, problem.batch * problem.num_heads * plan.groups,
                [&](int64_t i, int) { std::memset(plan.grad_rows + i * bytes, 0, static_cast<size_t>(bytes)); });
  }

  // Sums the groups' gradients of each head, in order, into the first one's rows and hands them out.
  void SumGroups() const {
    const Problem& p = problem;
    constexpr int64_t kStrip = 1024;  // pixels; 128 KiB at D = 32
    const int64_t strips = (p.value_size + kStrip - 1) / kStrip;
    ParallelFor(executor, p.batch * p.num_heads * strips, [&](int64_t i, int) {
      const int64_t pair = i / strips;
      const int64_t begin = i % strips * kStrip;
      const int64_t end = std::min(p.value_size, begin + kStrip);
      const int64_t row = plan.padded_channels * plan.real_size;
      uint8_t* sum = plan.grad_rows + pair * plan.groups * plan.SlotBytes(p);
      for (int64_t g = 1; g < plan.groups; ++g) {
        const uint8_t* from = sum + g * plan.SlotBytes(p) + begin * row;
        const int64_t count = (end - begin) * plan.padded_channels;
        if (p.value_dtype == DType::kF64) {
          kernels.add64(reinterpret_cast<const double*>(from), count, reinterpret_cast<double*>(sum + begin * row));
        } else {
          kernels.add32(reinterpret_cast<const float*>(from), count, reinterpret_cast<float*>(sum + begin * row));
        }
      }
      UnpackGradValue(pair, sum, begin, end);
    });
  }

  void Run() const {
    const Problem& p = problem;
    // With packed rows a task writes whole heads, or, with split levels, all of its level but nothing between levels;
    // the sum of groups writes everything.
    if (plan.groups == 1 && (plan.grad_direct || plan.split_levels)) ZeroGradValue();
    if (SlotsAreShared()) ClearSlots();
    const int64_t sets = plan.split_levels ? static_cast<int64_t>(p.levels.size()) : 1;
    ParallelFor(executor, p.batch * p.num_heads * plan.groups * sets,
                [&](int64_t i, int worker) { RunTask(i, worker); });
    if (plan.groups > 1) SumGroups();
    if (gradients.references == nullptr) return;
    p.value_dtype == DType::kF64 ? SumHeads<double>() : SumHeads<float>();
  }

  // No samples or no channels: all gradients are zero.
  void RunEmpty() const {
    ZeroGradValue();
    if (gradients.references != nullptr) {
      std::memset(gradients.references, 0, static_cast<size_t>(problem.batch * problem.num_queries * ReferenceBytes()));
    }
    const auto sample_element = DTypeSize(problem.location_dtype);
    const auto count =
        static_cast<size_t>(problem.batch * problem.num_queries * problem.num_heads * problem.SamplesPerQuery());
    if (count == 0) return;
    std::memset(gradients.locations, 0, 2 * count * sample_element);
    std::memset(gradients.weights, 0, count * sample_element);
  }
};

}  // namespace
}  // namespace cpu

size_t BackwardWorkspaceSize(const Problem& problem, const ValueStrides& value_strides,
                             const ValueStrides& grad_value_strides, int num_workers, Target target) {
  const cpu::Kernels* kernels = cpu::ResolveKernels(target);
  if (kernels == nullptr || num_workers < 1 || num_workers > kMaxWorkers || !Validate(problem).ok() ||
      !cpu::CheckLimits(problem).ok())
    return 0;
  cpu::Arena arena(nullptr);
  cpu::MakePlan(problem, value_strides, grad_value_strides, num_workers, *kernels, arena);
  return arena.used();
}

Status Backward(const Problem& problem, const Inputs& inputs, const void* grad_output, const Gradients& gradients,
                const Workspace& workspace, const Executor& executor, const CallOptions& options) {
  const cpu::Kernels* kernels = cpu::ResolveKernels(options.target);
  if (kernels == nullptr) return cpu::TargetNotRunnable(options.target);
  if (Status status = Validate(problem); !status.ok()) return status;
  if (Status status = cpu::CheckLimits(problem); !status.ok()) return status;
  const size_t needed = BackwardWorkspaceSize(problem, inputs.value_strides, gradients.value_strides,
                                              executor.num_workers, options.target);
  Status status = ValidateBackwardCall(problem, inputs, grad_output, gradients, workspace, needed, executor);
  if (!status.ok()) return status;

  cpu::Arena arena(workspace.data);
  const cpu::BackwardPlan plan =
      cpu::MakePlan(problem, inputs.value_strides, gradients.value_strides, executor.num_workers, *kernels, arena);
  const cpu::BackwardCall call{problem,
                               inputs,
                               static_cast<const uint8_t*>(grad_output),
                               gradients,
                               executor,
                               *kernels,
                               plan,
                               options.ran_target,
                               static_cast<int64_t>(DTypeSize(problem.value_dtype))};
  if (problem.batch * problem.num_heads * problem.num_queries * problem.SamplesPerQuery() * problem.channels == 0) {
    call.RunEmpty();
    return {};
  }
  cpu::FillGrids(problem, plan);
  if (plan.tiles) cpu::TileOrder(problem, plan.order);
  call.Run();
  return {};
}

}  // namespace xmsda
