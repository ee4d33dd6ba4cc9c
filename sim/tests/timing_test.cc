// Each constant of the model against its closed form; banks and L2 against plain models; order, sums, determinism.
// SPDX-License-Identifier: Apache-2.0
#include "timing/timing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <list>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "queue_driver.h"
#include "timing/l2_cache.h"
#include "timing/vector_timing.h"

namespace ascsim {
namespace {

constexpr uint64_t kGm = uint64_t{1} << 40;

const Machine& Chip() {
  static const Machine machine = LoadMachine("910b2");
  return machine;
}

Slot PlaceFirst(const Machine& machine, const Instruction& instruction, Time at = 0) {
  Timing timing(machine, 1);
  return timing.Place(0, instruction, {at, at, true}, at);
}

TEST(VectorTiming, EveryOpFromADrainedQueue) {
  const Machine& m = Chip();
  for (int op = static_cast<int>(Op::kAdd); op <= static_cast<int>(Op::kCreateVecIndex); ++op) {
    for (const DType type : {DType::kF32, DType::kF16, DType::kU8}) {
      Instruction i = VectorInstruction(static_cast<Op>(op), type, 5, 131072, 0, 65536 + 256);
      i.option[1] = 64;
      i.option[2] = 5;
      i.src1.used = op <= static_cast<int>(Op::kOr);
      if (op == static_cast<int>(Op::kBrcb)) i.option[0] = 40;
      const VectorCost& cost = VectorCostOf(m, i);
      const auto repeats = static_cast<double>(VectorRepeats(i));
      const Slot slot = PlaceFirst(m, i, 1000);
      EXPECT_EQ(slot.start, 1000) << OpName(i.op);
      EXPECT_EQ(slot.free, 1000 + Cycles(m.vector_dispatch + cost.head + cost.per_repeat * repeats)) << OpName(i.op);
      EXPECT_EQ(slot.done, slot.free + Cycles(cost.latency - cost.head)) << OpName(i.op);
    }
  }
}

TEST(VectorTiming, DependentAddIsReadyAfter86Cycles) {
  QueueDriver driver(Chip(), 1);
  const Instruction add = VectorInstruction(Op::kAdd, DType::kF32, 64, 131072, 0, 65536 + 256);
  const Slot first = driver.Issue(0, add);
  driver.Barrier(0, Pipe::kV);
  const Slot second = driver.Issue(0, add);
  EXPECT_EQ(second.start - first.start, Cycles(86));
}

TEST(VectorTiming, IndependentInstructionsFollowWithoutAHead) {
  const Machine& m = Chip();
  Timing timing(m, 1);
  const Instruction add = VectorInstruction(Op::kAdd, DType::kF32, 64, 131072, 0, 65536 + 256);
  const Slot first = timing.Place(0, add, {0, 0, true}, 0);
  const Slot second = timing.Place(0, add, {first.free, first.done, false}, 0);
  EXPECT_EQ(second.start, first.free);
  EXPECT_EQ(second.free, first.free + Cycles(64));
  // Ready at `free`, not before: an instruction that comes later pays the head.
  const Slot late = timing.Place(0, add, {second.free + 1, second.done, false}, second.free + 1);
  EXPECT_EQ(late.free, second.free + 1 + Cycles(m.vector_dispatch + 14 + 64));
}

TEST(VectorTiming, CounterModeCountsRepeatsOfTheWiderType) {
  Instruction cast = VectorInstruction(Op::kCast, DType::kF32, 1, 0, 65536, 0);
  cast.dst.type = DType::kF16;
  cast.src1.used = false;
  cast.mask = {.low = 65, .high = 0, .counter = true};
  EXPECT_EQ(VectorRepeats(cast), 2u);
  cast.mask.low = 64;
  EXPECT_EQ(VectorRepeats(cast), 1u);
  cast.mask.low = 0;
  EXPECT_EQ(VectorRepeats(cast), 0u);
}

TEST(VectorTiming, SetMask) {
  Instruction i;
  i.op = Op::kSetMask;
  EXPECT_EQ(PlaceFirst(Chip(), i).free, Cycles(Chip().set_mask));
}

// Bank conflicts, block by block.
double PlainConflicts(const Machine& m, const Instruction& i, double per_repeat) {
  const uint32_t lane = std::max({SizeOf(i.dst.type), SizeOf(i.src0.type)});
  const auto blocks = [&](const Operand& o, uint32_t repeat) {
    std::vector<uint64_t> rows;
    for (uint32_t b = 0; b < 8 * SizeOf(o.type) / lane; ++b) {
      rows.push_back(o.address / 32 + repeat * o.repeat_stride + b * o.block_stride);
      if (o.block_stride == 0) break;
    }
    return rows;
  };
  const auto most = [&](const std::vector<uint64_t>& rows) {
    std::map<uint64_t, int> count;
    int most = 0;
    for (const uint64_t row : rows) most = std::max(most, ++count[row % 16]);
    return most;
  };
  double cycles = 0;
  for (uint32_t r = 0; r < i.repeats; ++r) {
    const auto a = blocks(i.src0, r), b = blocks(i.src1, r), d = blocks(i.dst, r);
    std::set<uint64_t> groups;
    for (const uint64_t row : a) groups.insert(row % 16);
    bool meets = false;
    for (const uint64_t row : b) meets |= groups.count(row % 16) > 0;
    const int rows_a = most(a), rows_b = most(b);
    cycles += m.ub_same_group_read * (meets ? rows_a + rows_b - 1 : std::max(rows_a, rows_b) - 1);
    if (i.src0.block_stride == 0 || i.src1.block_stride == 0) cycles += m.ub_same_block_read;
    cycles += m.ub_same_group_write * (most(d) - 1);
  }
  const double step = std::max(1.0, per_repeat + cycles / i.repeats);
  const auto behind = std::max(1u, static_cast<uint32_t>(m.ub_write_behind / step));
  double waits[2] = {0, 0};
  for (uint32_t r = behind; r < i.repeats; ++r) {
    const auto d = blocks(i.dst, r - behind);
    const uint64_t to = i.dst.address + (r - behind) * i.dst.repeat_stride * 32;
    for (int source = 0; source < 2; ++source) {
      const Operand& o = source == 0 ? i.src0 : i.src1;
      if ((o.address + r * o.repeat_stride * 32) / 65536 != to / 65536) continue;
      bool meets = false;
      for (const uint64_t x : blocks(o, r)) {
        for (const uint64_t y : d) meets |= x % 16 == y % 16;
      }
      waits[source] += meets ? 1 : 0;
    }
  }
  return cycles + m.ub_read_write * std::max(waits[0], waits[1]);
}

TEST(VectorTiming, BankConflictsAsBlockByBlock) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto pick = [&](std::initializer_list<uint32_t> of) { return *(of.begin() + random() % of.size()); };
  for (int n = 0; n < 4000; ++n) {
    const DType type = random() % 2 == 0 ? DType::kF32 : DType::kF16;
    const auto repeats = static_cast<uint32_t>(1 + random() % 255);
    Instruction i =
        VectorInstruction(Op::kMul, type, repeats, random() % 3500 * 32, random() % 3500 * 32, random() % 3500 * 32);
    for (Operand* o : {&i.dst, &i.src0, &i.src1}) {
      o->block_stride = static_cast<uint16_t>(pick({1, 1, 1, 1, 2, 8, 16, o == &i.dst ? 4u : 0u}));
      o->repeat_stride = static_cast<uint16_t>(pick({8, 8, 8, 8, 1, 4, 5, 0, 16}));
    }
    const double per_repeat = pick({1, 2, 4});
    const double got = BankConflictCycles(Chip(), i, repeats, per_repeat);
    ASSERT_NEAR(got, PlainConflicts(Chip(), i, per_repeat), 1e-6)
        << "repeats " << repeats << " dst " << i.dst.address << "/" << i.dst.block_stride << "/" << i.dst.repeat_stride
        << " src0 " << i.src0.address << "/" << i.src0.block_stride << "/" << i.src0.repeat_stride << " src1 "
        << i.src1.address << "/" << i.src1.block_stride << "/" << i.src1.repeat_stride;
  }
}

TEST(L2CacheTest, AsAPlainList) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  constexpr uint64_t kCapacity = 256 * 512;
  L2Cache cache(kCapacity, 512, 4096);
  struct Page {
    uint64_t number;
    std::set<uint64_t> valid, dirty;
  };
  std::list<Page> pages;  // newest first
  for (int n = 0; n < 40000; ++n) {
    const uint64_t address = kGm + random() % (600 * 4096), size = 1 + random() % (n % 10 == 0 ? 20000 : 700);
    const bool write = random() % 3 == 0;
    if (n % 50 == 0) {
      // Freed: once few lines, once many.
      const uint64_t length = n % 500 == 0 ? size * 20 : size;
      cache.Drop(address, length);
      for (auto page = pages.begin(); page != pages.end();) {
        const auto dropped = [&](uint64_t line) { return line * 512 + 512 > address && line * 512 < address + length; };
        std::erase_if(page->valid, dropped);
        std::erase_if(page->dirty, dropped);
        page = page->valid.empty() ? pages.erase(page) : std::next(page);
      }
      continue;
    }
    L2Cache::Outcome expected;
    for (uint64_t at = address; at < address + size; at = (at / 4096 + 1) * 4096) {
      auto page = std::find_if(pages.begin(), pages.end(), [&](const Page& p) { return p.number == at / 4096; });
      if (page == pages.end()) {
        pages.push_front({at / 4096, {}, {}});
      } else {
        pages.splice(pages.begin(), pages, page);
      }
      for (uint64_t line = at / 512; line * 512 < std::min(address + size, (at / 4096 + 1) * 4096); ++line) {
        ++expected.lines;
        if (pages.front().valid.insert(line).second) ++expected.missing;
        if (pages.front().dirty.count(line) == 0) ++expected.clean;
        if (write) pages.front().dirty.insert(line);
      }
      size_t resident = 0;
      for (const Page& p : pages) resident += p.valid.size();
      while (resident > kCapacity / 512 && pages.size() > 1) {
        resident -= pages.back().valid.size();
        pages.pop_back();
      }
    }
    const L2Cache::Outcome got = cache.Touch(address, size, write);
    ASSERT_EQ(got.lines, expected.lines) << n;
    ASSERT_EQ(got.missing, expected.missing) << n;
    ASSERT_EQ(got.clean, expected.clean) << n;
  }
}

TEST(L2CacheTest, ALaunchFindsLinesButNobodyWhoHoldsThem) {
  L2Cache cache(1 << 20, 512, 4096);
  Time start = 0;
  EXPECT_EQ(cache.Hold(kGm, false, 0, 0, 100, 1000, &start).missing, 1U);
  EXPECT_EQ(cache.Hold(kGm, false, 1, 0, 100, 1000, &start).missing, 0U);
  EXPECT_EQ(start, 100);
  cache.BeginLaunch();
  EXPECT_EQ(cache.Hold(kGm, false, 2, 0, 100, 1000, &start).missing, 0U);
  EXPECT_EQ(start, 0);
}

TEST(CopyTiming, IssueAndLatency) {
  const Machine& m = Chip();
  // A short copy that misses: its line comes at the bandwidth of one stream within the issue.
  const Slot miss = PlaceFirst(m, CopyIn(kGm, 1, 32));
  EXPECT_EQ(miss.free, Cycles(m.dma_issue));
  EXPECT_EQ(miss.done, miss.free + Cycles(m.dma_latency));
  Timing timing(m, 1);
  const Slot first = timing.Place(0, CopyIn(kGm, 1, 32), {}, 0);
  const Slot hit = timing.Place(0, CopyIn(kGm, 1, 32), {first.free, first.done, false}, 0);
  EXPECT_EQ(hit.start, first.free);
  EXPECT_EQ(hit.free, first.free + Cycles(m.dma_issue));
  EXPECT_EQ(hit.done, hit.free + Cycles(m.dma_latency_l2));
  const Slot out = timing.Place(0, CopyOut(kGm, 1, 32), {hit.free, hit.done, true}, 0);
  EXPECT_EQ(out.free, hit.free + Cycles(m.dma_issue));
  EXPECT_EQ(out.done, out.free + Cycles(m.dma_latency_write));
}

TEST(CopyTiming, OneStreamHasTheBandwidthOfOneCore) {
  const Machine& m = Chip();
  const Slot in = PlaceFirst(m, CopyIn(kGm, 1, 65536));
  EXPECT_EQ(in.free, Cycles(65536 / m.gm_to_ub.At(1)));
  const Slot out = PlaceFirst(m, CopyOut(kGm, 1, 65536));
  EXPECT_EQ(out.free, Cycles(65536 / m.ub_to_gm.At(1)));
  const Slot block = PlaceFirst(m, CopyIn(kGm + 32, 1, 65536));
  EXPECT_NEAR(InCycles(block.free), 65536 / m.gm_to_ub.At(1) / m.misaligned_efficiency_block, 0.01);
  const Slot byte = PlaceFirst(m, CopyIn(kGm + 2, 1, 65536));
  EXPECT_NEAR(InCycles(byte.free), 65536 / m.gm_to_ub.At(1) / m.misaligned_efficiency, 0.01);
  const Slot half = PlaceFirst(m, CopyIn(kGm, 1, 2048));
  EXPECT_NEAR(InCycles(half.free), 2048 / m.gm_to_ub.At(1) / m.dma_run_efficiency.At(2048), 0.01);
}

TEST(CopyTiming, L2Hit) {
  const Machine& m = Chip();
  Timing timing(m, 1);
  const Slot miss = timing.Place(0, CopyIn(kGm, 1, 65536), {}, 0);
  const Slot hit = timing.Place(0, CopyIn(kGm, 1, 65536), {miss.free, miss.done, false}, 0);
  EXPECT_EQ(hit.free - hit.start, Cycles(65536 / m.l2_to_ub));
  EXPECT_EQ(timing.traffic(0)[static_cast<size_t>(Path::kGmToUb)].bytes, 65536u);
  EXPECT_EQ(timing.traffic(0)[static_cast<size_t>(Path::kL2ToUb)].bytes, 65536u);
}

TEST(CopyTiming, Bursts) {
  const Machine& m = Chip();
  Timing timing(m, 1);
  timing.Place(0, CopyIn(kGm, 1, 64 * 1024), {}, 0);
  const Time later = Cycles(100000);
  const Slot in = timing.Place(0, CopyIn(kGm, 64, 32, 480), {later, later, true}, later);
  EXPECT_EQ(in.free - in.start, Cycles(64 * m.dma_burst_l2));
  const Slot out = timing.Place(0, CopyOut(kGm, 64, 32, 480), {later, later, true}, later);
  EXPECT_EQ(out.free - out.start, Cycles(64 * m.dma_burst_write));
}

TEST(CopyTiming, AtomicsOnOneLineWaitForEachOther) {
  const Machine& m = Chip();
  Timing timing(m, 8);
  Instruction add = CopyOut(kGm, 1, 128);
  add.atomic = Atomic::kAdd;
  timing.Place(0, add, {}, 0);  // brings the line
  const Time at = Cycles(1000);
  for (int core = 0; core < 8; ++core) {
    const Slot slot = timing.Place(core, add, {at, at, true}, at);
    EXPECT_EQ(slot.free - at, Cycles(m.dma_issue) + core * Cycles(m.line_atomic)) << core;
  }
  add.dst.address += 512;
  timing.Place(0, add, {}, 0);
  const Slot other = timing.Place(1, add, {2 * at, 2 * at, true}, 2 * at);
  EXPECT_EQ(other.free - 2 * at, Cycles(m.dma_issue));
}

TEST(CopyTiming, AtomicBandwidth) {
  const Machine& m = Chip();
  Timing timing(m, 1);
  Instruction add = CopyOut(kGm, 1, 16384);
  add.atomic = Atomic::kAdd;
  timing.Place(0, add, {}, 0);
  const Time at = Cycles(100000);
  const Slot slot = timing.Place(0, add, {at, at, true}, at);
  EXPECT_EQ(slot.free - at, Cycles(16384 / m.atomic_bytes_per_cycle));
}

// The second set of constants for atomics: 48 * 9.6 B * 1.8 GHz = 829 GB/s over the chip, against 1382 of the first.
TEST(CopyTiming, AtomicBandwidthOfTheChip) {
  for (const auto& [table, bytes_per_cycle] : {std::pair{"910b2", 16.0}, std::pair{"910b2-slow-atomics", 9.6}}) {
    const Machine m = LoadMachine(table);
    QueueDriver driver(m, 48);
    constexpr uint32_t kCopies = 40, kBytes = 16384;
    const double cycles = driver.Run([&](QueueDriver& d, int core, uint64_t step) {
      Instruction add = CopyOut(kGm + static_cast<uint64_t>(core) * kBytes, 1, kBytes);
      add.atomic = Atomic::kAdd;
      d.Issue(core, add);
      return step + 1 < kCopies;
    });
    EXPECT_NEAR(cycles, kCopies * kBytes / bytes_per_cycle + m.scalar_issue + m.dma_latency_write, 1) << table;
  }
}

// Short ones cost their issue, as stores do; longer ones their bytes.
TEST(CopyTiming, SlowAtomicsShowInLongCopies) {
  const Machine m = LoadMachine("910b2-slow-atomics");
  for (const uint32_t bytes : {32u, 128u, 192u, 256u, 512u}) {
    Timing timing(m, 1);
    Instruction add = CopyOut(kGm, 1, bytes);
    add.atomic = Atomic::kAdd;
    const Slot first = timing.Place(0, add, {}, 0);
    const Slot slot = timing.Place(0, add, {first.free, first.done, false}, 0);
    EXPECT_EQ(slot.free - slot.start, Cycles(std::max(m.dma_issue, bytes / 9.6))) << bytes;
  }
}

// Copies of few bursts that want one line at the same time come one after the other.
TEST(CopyTiming, ShortCopiesOnOneLineWaitForEachOther) {
  const Machine m = LoadMachine("910b2", "l2.line_read=3,l2.line_write=5");
  for (const bool write : {false, true}) {
    Timing timing(m, 8);
    const Instruction copy = write ? CopyOut(kGm, 1, 32) : CopyIn(kGm, 1, 32);
    timing.Place(0, copy, {}, 0);  // brings the line
    const Time at = Cycles(1000);
    for (int core = 0; core < 8; ++core) {
      const Slot slot = timing.Place(core, copy, {at, at, true}, at);
      EXPECT_EQ(slot.free - at, Cycles(m.dma_issue) + core * Cycles(write ? 5 : 3)) << core;
    }
  }
}

// Copies of many bursts hold each other up at each line that they have in common, by as many as there are.
TEST(CopyTiming, StreamsOnTheSameLines) {
  const Machine m = LoadMachine("910b2", "l2.line_read=3,l2.line_write=5");
  for (const bool write : {false, true}) {
    Timing timing(m, 8);
    const Instruction copy = write ? CopyOut(kGm, 64, 32, 480) : CopyIn(kGm, 64, 32, 480);
    timing.Place(0, copy, {}, 0);  // brings the lines
    for (int core = 1; core < 8; ++core) {
      const double burst = write ? m.dma_burst_write : m.dma_burst_l2;
      const double line = (core + 1) * (write ? 5.0 : 3.0);
      EXPECT_EQ(timing.Place(core, copy, {}, 0).free, Cycles(64 * std::max(burst, line))) << core;
    }
  }
}

// What is written again stays in L2, at the bandwidth of L2 when many cores share that of HBM.
TEST(CopyTiming, WritesToL2) {
  const Machine& m = Chip();
  Timing timing(m, 48);
  Slot last;
  for (uint64_t core = 0; core < 48; ++core) {
    last = timing.Place(static_cast<int>(core), CopyOut(kGm + core * 65536, 1, 65536), {}, 0);
  }
  ASSERT_LT(m.ub_to_gm.At(48), m.ub_to_l2);
  const Time at = last.free;
  const Slot again = timing.Place(47, CopyOut(kGm + 47 * 65536, 1, 65536), {at, at, true}, at);
  EXPECT_EQ(again.free - at, Cycles(65536 / m.ub_to_l2));
  EXPECT_EQ(timing.traffic(47)[static_cast<size_t>(Path::kUbToL2)].bytes, 65536u);
}

// The n-th stream at a time gets the n-th point of the curve, or its share of what the chip has.
TEST(CopyTiming, StreamsShareTheCurve) {
  const Machine& m = Chip();
  Timing timing(m, 48);
  for (int core = 0; core < 48; ++core) {
    const Slot slot = timing.Place(core, CopyIn(kGm + static_cast<uint64_t>(core) * 65536, 1, 65536), {}, 0);
    EXPECT_EQ(slot.free, Cycles(65536 / std::min(m.gm_to_ub.At(core + 1), m.hbm_total / (core + 1)))) << core;
  }
}

TEST(CopyTiming, ShortBurstsInsideUb) {
  const Machine m = LoadMachine("910b2", "ub.copy_burst=50");
  Instruction i = CopyIn(0, 4, 32, 32);
  i.op = Op::kCopyUbToUb;
  i.pipe = Pipe::kV;
  i.src0.space = Space::kUB;
  const VectorCost& cost = m.vector[static_cast<size_t>(Op::kCopy)][2];
  EXPECT_EQ(PlaceFirst(m, i).free, Cycles(m.vector_dispatch + cost.head + 4 * 50));
}

TEST(CopyTiming, UbToUb) {
  const Machine& m = Chip();
  Instruction i = CopyIn(0, 4, 4096);
  i.op = Op::kCopyUbToUb;
  i.pipe = Pipe::kV;
  i.src0.space = Space::kUB;
  const VectorCost& cost = m.vector[static_cast<size_t>(Op::kCopy)][2];
  EXPECT_EQ(PlaceFirst(m, i).free, Cycles(m.vector_dispatch + cost.head + 16384 / m.ub_copy_bytes_per_cycle));
}

TEST(ScalarTiming, CacheOfTheScalarUnit) {
  const Machine& m = Chip();
  Timing timing(m, 2);
  EXPECT_EQ(timing.ScalarAccess(0, Op::kGetValue, Space::kUB, 0, 4, 10), 10 + Cycles(m.scalar_access));
  const Time hit = Cycles(m.scalar_access), miss = Cycles(m.scalar_access + m.scalar_access_gm);
  EXPECT_EQ(timing.ScalarAccess(0, Op::kGetValue, Space::kGM, kGm, 4, 0), miss);
  EXPECT_EQ(timing.ScalarAccess(0, Op::kGetValue, Space::kGM, kGm + 60, 4, 0), hit);
  EXPECT_EQ(timing.ScalarAccess(0, Op::kGetValue, Space::kGM, kGm + 64, 4, 0), miss);
  EXPECT_EQ(timing.ScalarAccess(1, Op::kGetValue, Space::kGM, kGm, 4, 0), miss);
  EXPECT_EQ(timing.ScalarAccess(0, Op::kCleanCache, Space::kGM, kGm, 64, 0), Cycles(m.scalar_clean));
  EXPECT_EQ(timing.ScalarAccess(0, Op::kGetValue, Space::kGM, kGm, 4, 0), miss);
  for (uint64_t way = 1; way < 8; ++way) timing.ScalarAccess(0, Op::kGetValue, Space::kGM, kGm + way * 4096, 4, 0);
  EXPECT_EQ(timing.ScalarAccess(0, Op::kGetValue, Space::kGM, kGm, 4, 0), hit);
  for (uint64_t way = 1; way < 9; ++way) timing.ScalarAccess(0, Op::kGetValue, Space::kGM, kGm + way * 4096, 4, 0);
  EXPECT_EQ(timing.ScalarAccess(0, Op::kGetValue, Space::kGM, kGm, 4, 0), miss);
}

// A program of copies and vector instructions, some of them on shared lines.
struct Mixed {
  uint64_t asked = 0;
  double cycles = 0;
  std::vector<Traffic> traffic;
};

Mixed RunMixed(const Machine& m, unsigned seed, uint64_t gm, int cores = 12) {
  std::mt19937 random(seed);
  Mixed mixed;
  QueueDriver driver(m, cores);
  Time last_start[16][2] = {};
  mixed.cycles = driver.Run([&](QueueDriver& d, int core, uint64_t step) {
    const uint64_t where = gm + random() % 40000 * 512;
    const auto count = static_cast<uint32_t>(random() % 3 == 0 ? 1 + random() % 40 : 1 + random() % 2);
    const auto bytes = static_cast<uint32_t>(32 << (random() % 9));
    const int64_t gap = static_cast<int64_t>(random() % 4 * 1024);
    Instruction copy = random() % 2 == 0 ? CopyIn(where, count, bytes, gap) : CopyOut(where, count, bytes, gap);
    if (copy.op == Op::kCopyUbToGm && random() % 3 == 0) copy.atomic = Atomic::kAdd;
    mixed.asked += uint64_t{count} * bytes;
    const Slot slot = d.Issue(core, copy);
    EXPECT_LE(slot.start, slot.free);
    EXPECT_LE(slot.free, slot.done);
    Time& last = last_start[core][copy.pipe == Pipe::kMTE2 ? 0 : 1];
    EXPECT_GE(slot.start, last);
    last = slot.free;
    if (random() % 2 == 0) {
      const auto repeats = static_cast<uint32_t>(1 + random() % 30);
      d.Issue(core, VectorInstruction(Op::kMul, DType::kF16, repeats, 131072, 0, 65536));
    }
    if (random() % 8 == 0) d.Flag(core, Pipe::kMTE2, Pipe::kV);
    return step + 1 < 500;
  });
  mixed.traffic.resize(kNumPaths);
  for (int core = 0; core < cores; ++core) {
    for (size_t p = 0; p < kNumPaths; ++p) {
      const Traffic& t = driver.timing().traffic(core)[p];
      mixed.traffic[p].bytes += t.bytes;
      mixed.traffic[p].instructions += t.instructions;
      mixed.traffic[p].bursts += t.bursts;
    }
  }
  return mixed;
}

TEST(Timing, SameInputSameCyclesWhereverTheMemoryIs) {
  const Mixed a = RunMixed(Chip(), 7, kGm), b = RunMixed(Chip(), 7, kGm);
  const Mixed elsewhere = RunMixed(Chip(), 7, kGm + uint64_t{4096} * 1234567);
  EXPECT_EQ(a.cycles, b.cycles);
  EXPECT_EQ(a.cycles, elsewhere.cycles);
}

TEST(Timing, BytesAreConserved) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const Mixed mixed = RunMixed(Chip(), seed, kGm);
    uint64_t bytes = 0, instructions = 0;
    for (const Traffic& t : mixed.traffic) {
      bytes += t.bytes;
      instructions += t.instructions;
    }
    EXPECT_EQ(bytes, mixed.asked);
    EXPECT_EQ(instructions, 12u * 500u);
  }
}

// Slower hardware never makes one core's program faster. (With several cores another order of requests may.)
TEST(Timing, MonotoneInItsConstants) {
  const double reference = RunMixed(Chip(), 3, kGm, 1).cycles;
  for (const char* slower : {"dma.issue=40", "dma.burst=20", "dma.burst_l2=20", "dma.burst_write=40",
                             "dma.latency=2000", "hbm.to_ub.1=20", "hbm.from_ub.1=20", "l2.to_ub=20", "l2.from_ub=20",
                             "l2.total=0.02", "hbm.total=10", "l2.line_atomic=80", "l2.atomic=2", "scalar.issue=30",
                             "vector.dispatch=40", "vector.Mul.any.per_repeat=9", "ub.same_group_read=5"}) {
    const Machine machine = LoadMachine("910b2", slower);
    EXPECT_GE(RunMixed(machine, 3, kGm, 1).cycles, reference) << slower;
  }
}

TEST(Timing, MoreBytesTakeNoLess) {
  for (const uint32_t cores : {1u, 8u, 48u}) {
    double before = 0;
    for (uint32_t bytes = 32; bytes <= 65536; bytes *= 2) {
      QueueDriver driver(Chip(), static_cast<int>(cores));
      const double cycles = driver.Run([&](QueueDriver& d, int core, uint64_t step) {
        d.Issue(core, CopyIn(kGm + (static_cast<uint64_t>(core) * 64 + step) * 65536, 1, bytes));
        return step + 1 < 64;
      });
      EXPECT_GE(cycles * 1.001, before) << cores << " cores, " << bytes << " bytes";
      before = cycles;
    }
  }
}

TEST(Timing, HbmGivesNoMoreThanItHas) {
  const Machine& m = Chip();
  QueueDriver driver(m, 48);
  constexpr uint64_t kCopies = 300;
  const double cycles = driver.Run([&](QueueDriver& d, int core, uint64_t step) {
    const uint64_t at = kGm + (static_cast<uint64_t>(core) * kCopies + step) * 65536;
    d.Issue(core, CopyIn(at, 1, 32768));
    d.Issue(core, CopyOut(at + 32768, 1, 32768));
    return step + 1 < kCopies;
  });
  const double rate = 48.0 * kCopies * 65536 / cycles;
  EXPECT_LE(rate, m.hbm_total * 1.03);
  EXPECT_GE(rate, m.hbm_total * 0.85);
}

// 3 million two-burst copies and 1.5 million gathers on 48 cores; the bar is 0.3 us an instruction.
TEST(Timing, Speed) {
  Timing timing(Chip(), 48);
  std::vector<QueueTimes> queues(96);
  uint64_t random = 1;
  Instruction gather = VectorInstruction(Op::kGather, DType::kF32, 1, 131072, 0, 65536);
  const auto begin = std::chrono::steady_clock::now();
  uint64_t instructions = 0;
  for (int n = 0; n < 62500; ++n) {
    for (int core = 0; core < 48; ++core) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      QueueTimes& q = queues[static_cast<size_t>(core)];
      const Slot slot = timing.Place(core, CopyIn(kGm + (random >> 33) % 170000 * 64, 2, 64, 12736), q, 0);
      q = {slot.free, slot.done, false};
      ++instructions;
      if (n % 2 != 0) continue;
      QueueTimes& v = queues[static_cast<size_t>(core) + 48];
      const Slot vector = timing.Place(core, gather, v, 0);
      v = {vector.free, vector.done, false};
      ++instructions;
    }
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("%.3f us an instruction\n", seconds / static_cast<double>(instructions) * 1e6);
#ifdef NDEBUG
  EXPECT_LT(seconds / static_cast<double>(instructions), 1e-6);
#endif
}

}  // namespace
}  // namespace ascsim
