// The published figures, the kernels that simulate them, and what each constant would be without its figure.
// SPDX-License-Identifier: Apache-2.0
#include "figures.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ascsim/ascsim.h"

// kernels.cpp
#define KERNEL extern "C" void
KERNEL validate_adds(uint8_t* ticks, uint32_t dst, uint32_t src0, uint32_t src1, uint32_t src0_block_stride,
                     uint32_t repeats, uint32_t count, uint32_t barrier_all);
KERNEL validate_ub_gather(uint8_t* ticks, uint32_t count);
KERNEL validate_gm_gather(uint8_t* table, uint64_t lines, uint32_t count);
KERNEL validate_matrix(uint8_t* matrix, uint32_t rows, uint32_t row_bytes, uint32_t tile_rows, uint32_t tile_bytes);
KERNEL validate_matrix_loop(uint8_t* matrix, uint32_t rows, uint32_t row_bytes);
KERNEL validate_rows(uint8_t* matrix, uint32_t rows, uint32_t row_bytes);
KERNEL validate_reuse(uint8_t* data, uint64_t bytes, uint32_t parts);
KERNEL validate_same_line(uint8_t* x, uint8_t* y, uint32_t rows, uint32_t staggered);
KERNEL validate_one_by_one(uint8_t* data, uint32_t copies);
KERNEL validate_scalar(uint32_t tiles);
KERNEL validate_stream(uint8_t* data, uint32_t copies, uint32_t write);
#undef KERNEL

namespace validation {
namespace {

constexpr uint32_t kCores = 48, kRowBytes = 12288 * 2, kRowsPerCore = 12288 / kCores;
constexpr uint64_t kMatrixBytes = uint64_t{12288} * kRowBytes;

const char* const kExamples = "vendor's examples";
const char* const kPackage = "msopmodeling 1.0.9";
const char* const kPaper = "arXiv 2505.14022";

// Device memory of the figure at hand: one allocation for all, as long as it is large enough, since the host takes
// longer to provide 302 MB than some figures to simulate.
class Memory {
 public:
  uint8_t* Get(uint64_t bytes) {
    if (bytes > bytes_) {
      Release();
      data_ = static_cast<uint8_t*>(ascsim::Allocate(bytes));
      if (data_ == nullptr) throw ascsim::Error("validate: no device memory for " + std::to_string(bytes) + " bytes");
      bytes_ = bytes;
    }
    return data_;
  }
  void Release() {
    if (data_ != nullptr) ascsim::Free(data_);
    data_ = nullptr;
    bytes_ = 0;
  }

 private:
  uint8_t* data_ = nullptr;
  uint64_t bytes_ = 0;
} memory;

double Ticks(const uint8_t* data) { return static_cast<double>(*reinterpret_cast<const int64_t*>(data)); }

double Run(const std::string& name, uint32_t blocks, const std::function<void()>& kernel) {
  const ascsim::Result result = ascsim::Run(name, blocks, kernel);
  if (!result.ok) throw ascsim::Error(name + ": " + result.error);
  return result.microseconds;
}

double Adds(uint32_t dst, uint32_t src0, uint32_t src1, uint32_t block_stride = 1) {
  uint8_t* ticks = memory.Get(512);
  Run("adds", 1, [&] { validate_adds(ticks, dst, src0, src1, block_stride, 64, 1000, 0); });
  return Ticks(ticks);
}

// The count of repeats at which the deviation is worst, of 1 to 255; cycles of 1.8 GHz.
Value AddsOfManySizes() {
  uint8_t* ticks = memory.Get(512);
  constexpr uint32_t kCount = 100;
  Value worst;
  for (uint32_t repeats = 1; repeats <= 255; ++repeats) {
    Run("adds", 1, [&] { validate_adds(ticks, 131072, 0, 65536, 1, repeats, kCount, 1); });
    const Value value{30 + 2.01 * repeats, Ticks(ticks) * 36 / kCount};
    if (std::abs(value.deviation()) >= std::abs(worst.deviation())) worst = value;
  }
  return worst;
}

double UbGather() {
  uint8_t* ticks = memory.Get(512);
  constexpr uint32_t kCount = 500;
  Run("ub_gather", 1, [&] { validate_ub_gather(ticks, kCount); });
  return kCores * double{kCount} * 64 * 256 / (Ticks(ticks) * 20);
}

double GmGather() {
  constexpr uint64_t kLines = uint64_t{1} << 20;
  constexpr uint32_t kCount = 20000;
  uint8_t* table = memory.Get(kLines * 512);
  const double us = Run("gm_gather", kCores, [&] { validate_gm_gather(table, kLines, kCount); });
  return double{kCores} * kCount * 32 / us * 1e-3;
}

double Stream(uint32_t cores, bool write) {
  constexpr uint32_t kCopies = 200;
  uint8_t* data = memory.Get(uint64_t{cores} * kCopies * 32768);
  // Without the launch: the difference of two lengths.
  const double once = Run("stream", cores, [&] { validate_stream(data, kCopies / 2, write); });
  const double twice = Run("stream", cores, [&] { validate_stream(data, kCopies, write); });
  return static_cast<double>(cores) * kCopies / 2 * 32768 / (twice - once) * 1e6 / 1073741824.0;
}

double SameLine(bool staggered) {
  constexpr uint32_t kRows = 49152;
  constexpr uint64_t kBytes = uint64_t{3} * kRows * 512;
  uint8_t* x = memory.Get(2 * kBytes);
  return Run("same_line", kCores, [&] { validate_same_line(x, x + kBytes, kRows, staggered); });
}

double Reuse(uint32_t parts) {
  uint8_t* data = memory.Get(kMatrixBytes);
  return Run("reuse", kCores, [&] { validate_reuse(data, kMatrixBytes, parts); });
}

double OnMatrix(const std::function<void(uint8_t*)>& kernel) {
  uint8_t* data = memory.Get(kMatrixBytes);
  return Run("matrix", kCores, [&] { kernel(data); });
}

const char* const kAddsOfManySizes = "one Add with conflicting sources, 30 + 2.01 R, worst R of 1 to 255";
const char* const kGmGather = "gather of 32 B from GM, 48 cores";

Figure Of(const char* name, const char* source, double published, const char* unit, const char* fitted,
          std::function<double()> simulate, StandIn without = {}) {
  return {name, source, published, unit, fitted, std::move(simulate), std::move(without), nullptr, {}};
}

// Of the vector and the scalar unit.
std::vector<Figure> VectorFigures() {
  constexpr uint32_t kBank = 65536;
  return {
      Of("1000 Adds of 64 repeats, no conflict", kExamples, 2390, "ticks", "vector.dispatch",
         [] { return Adds(2 * kBank, 0, kBank + 256); }, {.refit_to = kAddsOfManySizes, .low = 0, .high = 40}),
      Of("the same, sources in one bank group", kExamples, 4167, "ticks", "", [] { return Adds(2 * kBank, 0, kBank); }),
      Of("the same, read-write conflict", kExamples, 3751, "ticks", "ub.write_behind",
         [] { return Adds(16384 + 256, 0, kBank + 256); },
         {.set = "ub.write_behind=17", .why = "the number next to the 18 cycles of latency that gives the 2389 ticks"}),
      Of("the same, src0 block stride 0", kExamples, 3584, "ticks", "ub.same_block_read",
         [] { return Adds(2 * kBank, 0, kBank + 256, 0); },
         {.set = "ub.same_block_read=1", .why = "as `ub.same_group_read`"}),
      Of("the same, dst in the bank of src0, exactly aligned", kExamples, 2389, "ticks", "",
         [] { return Adds(16384, 0, kBank + 256); }),
      {kAddsOfManySizes, kPackage, 0, "cycles", "", nullptr, {}, AddsOfManySizes},
      Of("gather in UB, 48 cores", kPaper, 845, "GB/s", "vector.Gather.b4.per_repeat", UbGather),
      // A 64th of the elements.
      Of("GetValue x2 + SetValue, 67.1 M elements, one core", kExamples, 1.24, "s", "scalar.access",
         [] { return 64e-6 * Run("scalar", 1, [] { validate_scalar(256); }); }),
  };
}

std::vector<Figure> CopyFigures() {
  return {
      Of(kGmGather, kPaper, 106, "GB/s", "l2.line", GmGather,
         {.set = "l2.line=64", .why = "a miss fetches little more than is asked for"}),
      Of("302 MB, one 128-B burst an instruction", kExamples, 564.8, "us", "dma.issue",
         [] { return OnMatrix([](uint8_t* m) { validate_matrix_loop(m, kRowsPerCore, kRowBytes); }); },
         {.refit_to = kGmGather, .low = 10, .high = 60}),
      Of("302 MB, 64 bursts of 128 B an instruction", kExamples, 233.5, "us", "dma.burst_l2",
         [] { return OnMatrix([](uint8_t* m) { validate_matrix(m, kRowsPerCore, kRowBytes, 64, 128); }); },
         {.set = "dma.burst_l2=0,dma.burst=0", .why = "bursts cost their bytes alone"}),
      Of("302 MB, bursts of 2 KB", kExamples, 215.8, "us", "dma.run_efficiency.2048",
         [] { return OnMatrix([](uint8_t* m) { validate_matrix(m, kRowsPerCore, kRowBytes, 4, 2048); }); },
         {.set = "dma.run_efficiency.2048=0.843", .why = "that of 8192"}),
      Of("302 MB, rows of 12287 elements", kExamples, 275.3, "us", "dma.misaligned",
         [] { return OnMatrix([](uint8_t* m) { validate_rows(m, kRowsPerCore, kRowBytes - 2); }); },
         {.set = "dma.misaligned=0.7", .why = "as `dma.misaligned_block`, documented"}),
      Of("one 512-B line for 16 cores at a time", kExamples, 539, "us", "l2.line_read", [] { return SameLine(false); },
         {.set = "l2.line_read=1,l2.line_write=1", .why = "an access a cycle"}),
      Of("the same, staggered", kExamples, 329, "us", "dma.burst_write", [] { return SameLine(true); },
         {.set = "dma.burst_write=7", .why = "as `dma.burst_l2`"}),
      Of("1208 MB, no reuse in L2", kExamples, 828, "us", "dma.run_efficiency.8192", [] { return Reuse(1); },
         {.set = "dma.run_efficiency.8192=0.894", .why = "between 2048 and 16384"}),
      Of("1208 MB, 75 % reuse in L2", kExamples, 365.7, "us", "l2.total", [] { return Reuse(4); },
         {.set = "l2.total=7", .why = "documentation: about 7 TB/s"}),
      // A quarter of the copies.
      Of("268 MB in copies of 8 KB, one core", kExamples, 6.2, "ms", "dma.latency",
         [] {
           uint8_t* data = memory.Get(uint64_t{8192} * 8192);
           return 4e-3 * Run("one_by_one", 1, [&] { validate_one_by_one(data, 8192); });
         },
         {.set = "dma.latency=237.5", .why = "middle of 165 to 310, msopmodeling 1.0.9"}),
  };
}

// Bandwidth by active cores. Without a point its neighbours' line goes on, or at an end the next value; what the whole
// chip has is the largest total of the others.
void AddStreams(bool write, std::vector<Figure>* figures) {
  constexpr size_t kPoints = 7;
  const uint32_t cores[kPoints] = {1, 8, 16, 24, 32, 40, 48};
  const double in[kPoints] = {100.9, 68.9, 73.3, 65.1, 53.3, 41.6, 33.7};
  const double out[kPoints] = {188.5, 115, 100, 76.7, 55.9, 42.6, 34.3};
  const double* each = write ? out : in;
  for (size_t i = 0; i < kPoints; ++i) {
    const uint32_t n = cores[i];
    const bool first = i == 0, last = i + 1 == kPoints;
    double without = first ? each[1] : each[i - 1];
    if (!first && !last) {
      without += (each[i + 1] - each[i - 1]) * (n - cores[i - 1]) / (cores[i + 1] - cores[i - 1]);
    }
    double total = 0;
    for (size_t k = 0; k < kPoints; ++k) {
      total = std::max(total, in[k] * cores[k] * (!write && k == i ? 0 : 1));
      total = std::max(total, out[k] * cores[k] * (write && k == i ? 0 : 1));
    }
    const std::string constant = std::string(write ? "hbm.from_ub." : "hbm.to_ub.") + std::to_string(n);
    figures->push_back(
        {std::string(write ? "UB to GM, " : "GM to UB, ") + std::to_string(n) + (n == 1 ? " core" : " cores"),
         kPackage,
         each[i] * n,
         "GiB/s",
         constant,
         [n, write] { return Stream(n, write); },
         {.set = constant + "=" + std::to_string(without) + ",hbm.total=" + std::to_string(total),
          .why = first || last ? "as the next point" : "between its neighbours"}});
  }
}

}  // namespace

void Simulate(Figure* figure) {
  if (figure->simulate_worst != nullptr) {
    figure->value = figure->simulate_worst();
  } else {
    figure->value = {figure->published, figure->simulate()};
  }
}

void Configure(const std::string& set) {
  memory.Release();
  ascsim::Options options;
  options.chip = "910b2";
  options.warm_l2 = false;  // each figure begins with nothing in L2: they share one buffer
  options.set = set;
  options.check = "off";
  options.report = ascsim::ReportLevel::kOff;
  options.progress = false;
  ascsim::Configure(options);
}

std::vector<Figure> Figures() {
  std::vector<Figure> figures = VectorFigures();
  for (Figure& figure : CopyFigures()) figures.push_back(std::move(figure));
  AddStreams(false, &figures);
  AddStreams(true, &figures);
  return figures;
}

}  // namespace validation
