// Published figures, reproduced by the instruction streams of the kernels they were measured with, on Timing alone.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "queue_driver.h"

namespace ascsim {
namespace {

constexpr uint64_t kGm = uint64_t{1} << 40;
constexpr uint64_t kRow = 12288 * 2;  // of the 302 MB matrix of 12288 x 12288 fp16
constexpr uint64_t kRowsPerCore = 12288 / 48;

class Figures : public testing::Test {
 protected:
  const Machine machine_ = LoadMachine("910b2");

  double Microseconds(double cycles, int blocks) const {
    return (cycles + machine_.launch_base + machine_.launch_per_block * blocks) / machine_.mhz;
  }

  // Within the aim for one figure, 12 %.
  void Expect(const std::string& name, double published, double simulated, const char* unit) {
    const double deviation = 100 * (simulated / published - 1);
    std::printf("figure | %-52s | %10.1f | %10.1f %-5s | %+6.1f %%\n", name.c_str(), published, simulated, unit,
                deviation);
    EXPECT_LE(std::abs(deviation), 12) << name;
  }

  // 1000 Adds of 64 repeats, each behind the one before; in ticks of 20 ns.
  double Adds(uint64_t dst, uint64_t src0, uint64_t src1, uint16_t src0_block_stride = 1) {
    QueueDriver driver(machine_, 1);
    Instruction add = VectorInstruction(Op::kAdd, DType::kF32, 64, dst, src0, src1);
    add.src0.block_stride = src0_block_stride;
    const double cycles = driver.Run([&](QueueDriver& d, int core, uint64_t step) {
      d.Issue(core, add);
      d.Barrier(core, Pipe::kV);
      return step + 1 < 1000;
    });
    return cycles / machine_.mhz * 1e3 / 20;
  }

  // 48 cores read a share of rows of the matrix each, in tiles of `rows` x `bytes`.
  double Matrix(uint32_t rows, uint32_t bytes) {
    QueueDriver driver(machine_, 48);
    const uint64_t tiles_across = kRow / bytes, tiles_down = kRowsPerCore / rows;
    const double cycles = driver.Run([&](QueueDriver& d, int core, uint64_t step) {
      const uint64_t row = static_cast<uint64_t>(core) * kRowsPerCore + step / tiles_across * rows;
      d.Issue(core,
              CopyIn(kGm + row * kRow + step % tiles_across * bytes, rows, bytes, static_cast<int64_t>(kRow - bytes)));
      return step + 1 < tiles_across * tiles_down;
    });
    return Microseconds(cycles, 48);
  }

  // The same 302 MB in loops of 128-B copies, 64 of them for a tile of 64 rows.
  double MatrixOneBurst() {
    QueueDriver driver(machine_, 48);
    const double cycles = driver.Run([&](QueueDriver& d, int core, uint64_t step) {
      const uint64_t tile = step / 64;
      const uint64_t row = static_cast<uint64_t>(core) * kRowsPerCore + tile / 192 * 64 + step % 64;
      d.Issue(core, CopyIn(kGm + row * kRow + tile % 192 * 128, 1, 128));
      return step + 1 < uint64_t{64} * 192 * 4;
    });
    return Microseconds(cycles, 48);
  }

  // Four times 302 MB in copies of 8 KB: part by part four times over, or all of it four times over.
  double Reuse(uint64_t parts) {
    QueueDriver driver(machine_, 48);
    const uint64_t copies = kRow * kRowsPerCore / 8192, per_part = copies / parts;
    const double cycles = driver.Run([&](QueueDriver& d, int core, uint64_t step) {
      const uint64_t copy = step / (4 * per_part) * per_part + step % per_part;
      const uint64_t base = kGm + static_cast<uint64_t>(core) * kRow * kRowsPerCore;
      d.Issue(core, CopyIn(base + copy * 8192, 1, 8192));
      return step + 1 < 4 * copies;
    });
    return Microseconds(cycles, 48);
  }

  // x + 1 on rows of 512 B, 16 cores side by side with 32 B of each row, three such groups; tiles of 64 rows, double
  // buffered. 49152 rows a core (the figure's source does not say how many).
  double SameLine(bool staggered) {
    constexpr uint64_t kRows = 49152;
    QueueDriver driver(machine_, 48);
    // When the two buffers of each direction are free again.
    std::vector<std::array<Time, 2>> in_free(48, {0, 0}), out_free(48, {0, 0});
    const double cycles = driver.Run([&](QueueDriver& d, int core, uint64_t step) {
      const auto c = static_cast<size_t>(core);
      const uint64_t first = staggered ? c % 16 * (kRows / 16) : 0;
      const uint64_t row = c / 16 * kRows + (first + step * 64) % kRows;
      const uint64_t in = kGm + row * 512 + c % 16 * 32;
      d.WaitFlag(core, Pipe::kMTE2, in_free[c][step % 2]);
      d.Issue(core, CopyIn(in, 64, 32, 480));
      d.Flag(core, Pipe::kMTE2, Pipe::kV);
      d.WaitFlag(core, Pipe::kV, out_free[c][step % 2]);
      d.Issue(core, VectorInstruction(Op::kAdds, DType::kF32, 8, 65536, 0, 131072));
      in_free[c][step % 2] = d.SetFlag(core, Pipe::kV);
      d.Flag(core, Pipe::kV, Pipe::kMTE3);
      d.Issue(core, CopyOut(in + (uint64_t{1} << 32), 64, 32, 480));
      out_free[c][step % 2] = d.SetFlag(core, Pipe::kMTE3);
      return step + 1 < kRows / 64;
    });
    return Microseconds(cycles, 48);
  }

  double Stream(int cores, bool write) {
    QueueDriver driver(machine_, cores);
    const uint64_t copies = 400;
    const double cycles = driver.Run([&](QueueDriver& d, int core, uint64_t step) {
      const uint64_t gm = kGm + (static_cast<uint64_t>(core) * copies + step) * 32768;
      d.Issue(core, write ? CopyOut(gm, 1, 32768) : CopyIn(gm, 1, 32768));
      return step + 1 < copies;
    });
    return static_cast<double>(cores) * static_cast<double>(copies) * 32768 / cycles * machine_.mhz * 1e6 /
           1073741824.0;
  }
};

TEST_F(Figures, Adds) {
  constexpr uint64_t kBank = 65536;
  Expect("1000 Adds, no conflict", 2390, Adds(2 * kBank, 0, kBank + 256), "ticks");
  Expect("1000 Adds, sources in one bank group", 4167, Adds(2 * kBank, 0, kBank), "ticks");
  Expect("1000 Adds, read-write conflict", 3751, Adds(16384 + 256, 0, kBank + 256), "ticks");
  Expect("1000 Adds, src0 block stride 0", 3584, Adds(2 * kBank, 0, kBank + 256, 0), "ticks");
  Expect("1000 Adds, dst in the bank of src0, aligned", 2389, Adds(16384, 0, kBank + 256), "ticks");
}

TEST_F(Figures, AddsOfManySizes) {
  double published = 0, simulated = 0, worst = 0;
  for (uint32_t repeats = 1; repeats <= 255; ++repeats) {
    QueueDriver driver(machine_, 1);
    driver.Issue(0, VectorInstruction(Op::kAdd, DType::kF32, repeats, 131072, 0, 65536));
    driver.Flag(0, Pipe::kV, Pipe::kS);
    const double cycles = InCycles(driver.clock(0)), formula = 30 + 2.01 * repeats;
    simulated += cycles;
    published += formula;
    worst = std::max(worst, std::abs(100 * (cycles / formula - 1)));
  }
  Expect("one Add of 1 to 255 conflicting repeats", published / 255, simulated / 255, "cycles");
  EXPECT_LE(worst, 25);  // at one repeat: 4 of 32 cycles
}

TEST_F(Figures, Gathers) {
  QueueDriver ub(machine_, 1);
  Instruction gather = VectorInstruction(Op::kGather, DType::kF32, 64, 131072, 0, 65536);
  gather.src1.type = DType::kU32;
  double cycles = ub.Run([&](QueueDriver& d, int core, uint64_t step) {
    d.Issue(core, gather);
    return step + 1 < 100;
  });
  Expect("gather in UB, 48 cores", 845, 48 * 100 * 64 * 256 / cycles * machine_.mhz * 1e-3, "GB/s");

  // 32 B each, at random in 4 GiB.
  QueueDriver gm(machine_, 48);
  const uint64_t copies = 4000;
  uint64_t random = 1;
  cycles = gm.Run([&](QueueDriver& d, int core, uint64_t step) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    d.Issue(core, CopyIn(kGm + (random >> 33) % (uint64_t{1} << 27) * 32, 1, 32));
    return step + 1 < copies;
  });
  Expect("gather of 32 B from GM, 48 cores", 106,
         48.0 * static_cast<double>(copies) * 32 / cycles * machine_.mhz * 1e-3, "GB/s");
}

TEST_F(Figures, Copies) {
  Expect("302 MB, one 128-B burst an instruction", 564.8, MatrixOneBurst(), "us");
  Expect("302 MB, 64 bursts of 128 B an instruction", 233.5, Matrix(64, 128), "us");
  Expect("302 MB, bursts of 2 KB", 215.8, Matrix(4, 2048), "us");

  QueueDriver driver(machine_, 48);
  const double cycles = driver.Run([&](QueueDriver& d, int core, uint64_t step) {
    const uint64_t row = static_cast<uint64_t>(core) * kRowsPerCore + step;
    d.Issue(core, CopyIn(kGm + row * (kRow - 2), 1, kRow - 2));
    return step + 1 < kRowsPerCore;
  });
  Expect("302 MB, rows of 12287 elements", 275.3, Microseconds(cycles, 48), "us");
}

TEST_F(Figures, SameLine) {
  Expect("one 512-B line for 16 cores at a time", 539, SameLine(false), "us");
  Expect("the same, staggered", 329, SameLine(true), "us");
}

TEST_F(Figures, L2) {
  Expect("1208 MB without reuse in L2", 828, Reuse(1), "us");
  Expect("1208 MB with 75 % reuse in L2", 365.7, Reuse(4), "us");
}

TEST_F(Figures, OneCore) {
  QueueDriver copies(machine_, 1);
  // One buffer: the next copy waits until this one has been used.
  const double cycles = copies.Run([&](QueueDriver& d, int core, uint64_t step) {
    d.Issue(core, CopyIn(kGm + step * 8192, 1, 8192));
    d.Flag(core, Pipe::kMTE2, Pipe::kV);
    d.Flag(core, Pipe::kV, Pipe::kMTE2);
    return step + 1 < 32768;
  });
  Expect("268 MB in 8-KB copies, one core, one buffer", 6.2, Microseconds(cycles, 1) * 1e-3, "ms");

  // A 64th of the elements.
  QueueDriver scalar(machine_, 1);
  constexpr uint64_t kElements = uint64_t{1} << 20;
  const double scalar_cycles = scalar.Run([&](QueueDriver& d, int core, uint64_t step) {
    d.Scalar(core, Op::kGetValue, Space::kUB, step % 4096 * 2);
    d.Scalar(core, Op::kGetValue, Space::kUB, 8192 + step % 4096 * 2);
    d.Scalar(core, Op::kSetValue, Space::kUB, 16384 + step % 4096 * 2);
    return step + 1 < kElements;
  });
  Expect("GetValue x2 + SetValue, 67.1 M elements", 1.24, Microseconds(scalar_cycles * 64, 1) * 1e-6, "s");
}

TEST_F(Figures, Streams) {
  const int cores[] = {1, 8, 16, 24, 32, 40, 48};
  const double in[] = {100.9, 68.9, 73.3, 65.1, 53.3, 41.6, 33.7};
  const double out[] = {188.5, 115, 100, 76.7, 55.9, 42.6, 34.3};
  for (size_t i = 0; i < 7; ++i) {
    Expect("GM to UB, " + std::to_string(cores[i]) + " cores", in[i] * cores[i], Stream(cores[i], false), "GiB/s");
    Expect("UB to GM, " + std::to_string(cores[i]) + " cores", out[i] * cores[i], Stream(cores[i], true), "GiB/s");
  }
}

}  // namespace
}  // namespace ascsim
