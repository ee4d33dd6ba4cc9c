// Forward pass on the CPU: how the work is cut and where value is read from.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/parallel.h"
#include "core/validate.h"
#include "cpu/kernels.h"
#include "cpu/plan.h"
#include "xmsda/msda.h"

namespace xmsda {
namespace cpu {
namespace {

struct ForwardPlan {
  // Rows are copied, head by head, before they are read (`group` pairs of batch item and head at a time).
  bool packed = false;
  int64_t padded_channels = 0;
  int64_t group = 1;
  bool tiles = false;

  LevelTables tables;
  int32_t* order = nullptr;
  uint8_t* rows = nullptr;     // group * value_size * padded_channels elements
  uint8_t* scratch = nullptr;  // one piece per worker
  int64_t scratch_size = 0;
};

// Packing costs 11 ns a row (detr-enc, from a value larger than L2); a corner costs 3.9 ns from rows M*D elements apart
// and 1.3 ns from packed ones with uniform locations, 1.6 and 0.8 ns with local ones. It pays from 4 to 14 corners, or
// 1 to 3.5 samples, a row.
bool PackingPays(const Problem& p, const ValueStrides& strides) {
  if (strides.pixel == p.channels) return false;  // head-major already
  return 2 * p.num_queries * p.SamplesPerQuery() > 3 * p.value_size;
}

// One head for each worker, or more where their rows stay small: workers wait for each other twice a group. With one
// worker nobody waits.
int64_t GroupSize(const Problem& p, int num_workers, int64_t padded_channels) {
  constexpr int64_t kBytes = int64_t{8} << 20;
  if (num_workers == 1) return 1;
  const int64_t head = p.value_size * padded_channels * static_cast<int64_t>(DTypeSize(p.value_dtype));
  const int64_t small = kBytes / std::max<int64_t>(1, head);
  return std::min(std::max<int64_t>(num_workers, small), p.batch * p.num_heads);
}

ForwardPlan MakePlan(const Problem& p, const ValueStrides& strides, int num_workers, const Kernels& kernels,
                     Arena& arena) {
  const auto dtype = static_cast<size_t>(p.value_dtype);
  const auto quantum = static_cast<int64_t>(kernels.row_quantum[dtype]);
  ForwardPlan plan;
  plan.packed = strides.channel != 1 || p.channels % quantum != 0 || PackingPays(p, strides);
  plan.padded_channels = RoundUp(p.channels, quantum);
  plan.group = GroupSize(p, num_workers, plan.padded_channels);
  plan.tiles = TilesPay(p);
  plan.tables = TakeLevelTables(p, p.levels, kernels, arena);
  if (plan.tiles) plan.order = arena.Take<int32_t>(p.num_queries);
  if (plan.packed) {
    const auto element = static_cast<int64_t>(DTypeSize(p.value_dtype));
    plan.rows = arena.Take<uint8_t>(plan.group * p.value_size * plan.padded_channels * element);
  }
  const auto scratch_size = static_cast<int64_t>(kernels.forward_scratch_size(plan.tables.padded));
  plan.scratch_size = RoundUp(scratch_size, kWorkspaceAlignment);
  plan.scratch = arena.Take<uint8_t>(plan.scratch_size * num_workers);
  return plan;
}

// Number of pieces to cut `count` into so that `groups` of them give every worker about four tasks, none smaller than
// `smallest`.
int64_t Pieces(int64_t count, int64_t groups, int num_workers, int64_t smallest) {
  if (num_workers == 1) return 1;
  const int64_t wanted = (4 * int64_t{num_workers} + groups - 1) / groups;
  return std::max<int64_t>(1, std::min(wanted, count / smallest));
}

// Piece `i` of `pieces` of [0, count), cut at multiples of `unit`.
int64_t PieceBegin(int64_t i, int64_t pieces, int64_t count, int64_t unit) {
  if (i >= pieces) return count;
  return std::min(count, count * i / pieces / unit * unit);
}

struct ForwardCall {
  const Problem& problem;
  const Inputs& inputs;
  uint8_t* output;
  const Executor& executor;
  const Kernels& kernels;
  const ForwardPlan& plan;
  Target* ran_target;
  int64_t element;

  // A task for all queries and heads of batch item `b`, reading value where the caller has it.
  ForwardTask DirectTask(int64_t b, int worker) const {
    const Problem& p = problem;
    ForwardTask t;
    t.samples = MakeSampleSource(p, inputs, plan.tables, b);
    t.value.data = static_cast<const uint8_t*>(inputs.value) + b * inputs.value_strides.batch * element;
    t.value.pixel_stride = inputs.value_strides.pixel * element;
    t.value.head_stride = inputs.value_strides.head * element;
    t.channels = p.channels;
    t.head_end = p.num_heads;
    t.query_end = p.num_queries;
    t.query_order = plan.order;
    t.output_head_stride = p.channels * element;
    t.output_query_stride = p.num_heads * t.output_head_stride;
    t.output = output + b * p.num_queries * t.output_query_stride;
    t.scratch = plan.scratch + worker * plan.scratch_size;
    return t;
  }

  void Run(const ForwardTask& task) const { kernels.forward[static_cast<size_t>(problem.value_dtype)](task); }

  void RunDirect() const {
    const Problem& p = problem;
    // Head by head where a head's rows lie together, all heads at once where those of a pixel do.
    const bool head_major = inputs.value_strides.pixel == p.channels;
    const int64_t heads = head_major ? p.num_heads : 1;
    const int64_t pieces = Pieces(p.num_queries, p.batch * heads, executor.num_workers, kQueryBlock);
    ParallelFor(executor, p.batch * heads * pieces, [&](int64_t i, int worker) {
      const int64_t pair = i / pieces;
      ForwardTask t = DirectTask(pair / heads, worker);
      if (head_major) {
        t.head_begin = pair % heads;
        t.head_end = t.head_begin + 1;
      }
      t.query_begin = PieceBegin(i % pieces, pieces, p.num_queries, kQueryBlock);
      t.query_end = PieceBegin(i % pieces + 1, pieces, p.num_queries, kQueryBlock);
      if (i == 0) t.ran_target = ran_target;
      Run(t);
    });
  }

  void PackRows(int64_t pair, int64_t slot, int64_t begin, int64_t end) const {
    const Problem& p = problem;
    const ValueStrides& s = inputs.value_strides;
    RepackTask t;
    t.source = static_cast<const uint8_t*>(inputs.value) +
               (pair / p.num_heads * s.batch + pair % p.num_heads * s.head + begin * s.pixel) * element;
    t.target = plan.rows + (slot * p.value_size + begin) * plan.padded_channels * element;
    t.rows = end - begin;
    t.channels = p.channels;
    t.row_stride = s.pixel;
    t.channel_stride = s.channel;
    t.padded_channels = plan.padded_channels;
    t.packed_stride = plan.padded_channels;
    kernels.pack[static_cast<size_t>(p.value_dtype)](t);
  }

  // Groups of heads: the rows of a group are packed by all workers, then read by all workers. Groups are small, so that
  // the packed rows (2.8 MB a head in Deformable-DETR's encoder) are still in the cache.
  void RunPacked() const {
    const Problem& p = problem;
    const int64_t pairs = p.batch * p.num_heads;
    for (int64_t first = 0; first < pairs; first += plan.group) {
      const int64_t group = std::min(plan.group, pairs - first);
      const int64_t strips = Pieces(p.value_size, group, executor.num_workers, 256);
      ParallelFor(executor, group * strips, [&](int64_t i, int) {
        const int64_t slot = i / strips;
        PackRows(first + slot, slot, PieceBegin(i % strips, strips, p.value_size, 1),
                 PieceBegin(i % strips + 1, strips, p.value_size, 1));
      });
      const int64_t pieces = Pieces(p.num_queries, group, executor.num_workers, 4 * kQueryBlock);
      ParallelFor(executor, group * pieces, [&](int64_t i, int worker) {
        const int64_t slot = i / pieces;
        const int64_t pair = first + slot;
        ForwardTask t = DirectTask(pair / p.num_heads, worker);
        t.head_begin = pair % p.num_heads;
        t.head_end = t.head_begin + 1;
        t.value.pixel_stride = plan.padded_channels * element;
        t.value.head_stride = 0;
        t.value.data = plan.rows + slot * p.value_size * t.value.pixel_stride;
        t.query_begin = PieceBegin(i % pieces, pieces, p.num_queries, kQueryBlock);
        t.query_end = PieceBegin(i % pieces + 1, pieces, p.num_queries, kQueryBlock);
        if (first == 0 && i == 0) t.ran_target = ran_target;
        Run(t);
      });
    }
  }
};

}  // namespace
}  // namespace cpu

size_t ForwardWorkspaceSize(const Problem& problem, const ValueStrides& value_strides, int num_workers, Target target) {
  const cpu::Kernels* kernels = cpu::ResolveKernels(target);
  if (kernels == nullptr || num_workers < 1 || num_workers > kMaxWorkers || !Validate(problem).ok() ||
      !cpu::CheckLimits(problem).ok())
    return 0;
  cpu::Arena arena(nullptr);
  cpu::MakePlan(problem, value_strides, num_workers, *kernels, arena);
  return arena.used();
}

Status Forward(const Problem& problem, const Inputs& inputs, void* output, const Workspace& workspace,
               const Executor& executor, const CallOptions& options) {
  const cpu::Kernels* kernels = cpu::ResolveKernels(options.target);
  if (kernels == nullptr) return cpu::TargetNotRunnable(options.target);
  if (Status status = Validate(problem); !status.ok()) return status;
  if (Status status = cpu::CheckLimits(problem); !status.ok()) return status;
  const size_t needed = ForwardWorkspaceSize(problem, inputs.value_strides, executor.num_workers, options.target);
  Status status = ValidateForwardCall(problem, inputs, output, workspace, needed, executor);
  if (!status.ok()) return status;
  const int64_t outputs = problem.batch * problem.num_queries * problem.num_heads * problem.channels;
  if (outputs == 0) return {};
  if (problem.SamplesPerQuery() == 0) {
    std::memset(output, 0, static_cast<size_t>(outputs) * DTypeSize(problem.value_dtype));
    return {};
  }

  cpu::Arena arena(workspace.data);
  const cpu::ForwardPlan plan = cpu::MakePlan(problem, inputs.value_strides, executor.num_workers, *kernels, arena);
  if (plan.tiles) cpu::TileOrder(problem, plan.order);
  const cpu::ForwardCall call{problem,
                              inputs,
                              static_cast<uint8_t*>(output),
                              executor,
                              *kernels,
                              plan,
                              options.ran_target,
                              static_cast<int64_t>(DTypeSize(problem.value_dtype))};
  if (plan.packed) {
    call.RunPacked();
  } else {
    call.RunDirect();
  }
  return {};
}

}  // namespace xmsda
