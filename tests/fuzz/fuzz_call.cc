// Fuzzes calls: arbitrary level metadata, sizes and location bytes, for every CPU target, against the reference.
// SPDX-License-Identifier: Apache-2.0
//
// Metadata that Validate refuses must be refused by the backends with the same message. What is accepted must give the
// reference's result without reading or writing outside the arrays (run it under AddressSanitizer).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/dtype.h"
#include "testing/tester.h"

namespace {

using xmsda::testing::Buffer;
using xmsda::testing::CaseData;

void Require(bool condition, const std::string& what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

// Takes values off the front of the input; zeros when it is used up.
class Reader {
 public:
  Reader(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  uint8_t Byte() {
    if (at_ == size_) return 0;
    return data_[at_++];
  }
  int64_t Between(int64_t low, int64_t high) { return low + Byte() % (high - low + 1); }
  // Mostly small; sometimes any 64 bits.
  int64_t Number(int64_t high) {
    const uint8_t kind = Byte();
    if (kind < 0xF0) return kind % (high + 1);
    uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) bits = bits << 8 | Byte();
    return static_cast<int64_t>(bits);
  }
  // Overwrites an array with what is left of the input, as far as it goes.
  void FillRest(const Buffer& buffer) {
    const size_t size = std::min(buffer.size(), size_ - at_);
    if (size > 0) std::memcpy(buffer.data(), data_ + at_, size);
    at_ += size;
  }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

xmsda::Problem ReadProblem(Reader* reader) {
  xmsda::Problem problem;
  problem.batch = reader->Between(0, 2);
  problem.num_queries = reader->Between(0, 9);
  problem.num_heads = reader->Between(0, 2);
  problem.channels = reader->Between(0, 40);
  problem.value_size = reader->Number(200);
  problem.value_dtype = static_cast<xmsda::DType>(reader->Between(0, 3));
  const bool half = problem.value_dtype == xmsda::DType::kBF16 || problem.value_dtype == xmsda::DType::kF16;
  problem.location_dtype = half && reader->Between(0, 1) == 1 ? xmsda::DType::kF32 : problem.value_dtype;
  problem.sampling = reader->Between(0, 3) == 0 ? xmsda::Sampling::kDiscrete : xmsda::Sampling::kBilinear;
  problem.padding = reader->Between(0, 3) == 0 ? xmsda::Padding::kBorder : xmsda::Padding::kZeros;
  problem.align_corners = reader->Between(0, 3) == 0;
  problem.references.components = reader->Between(0, 4);
  problem.references.per_level = reader->Between(0, 1) == 1;
  problem.references.anchors = reader->Between(0, 3);
  const int64_t num_levels = reader->Between(0, 4);
  for (int64_t i = 0; i < num_levels; ++i) {
    problem.levels.push_back({reader->Number(12), reader->Number(12), reader->Number(150), reader->Number(5)});
  }
  return problem;
}

// Refused metadata: no array is read, so none is given.
void CallRefused(const xmsda::Problem& problem, const std::string& message) {
  const xmsda::Executor executor = xmsda::SerialExecutor();
  for (const xmsda::Backend& backend : xmsda::Backends()) {
    const xmsda::Status forward = backend.forward(problem, {}, nullptr, {}, executor, {});
    Require(forward.message() == message, backend.name + " forward: " + forward.message());
    const xmsda::Status backward = backend.backward(problem, {}, nullptr, {}, {}, executor, {});
    Require(backward.message() == message, backend.name + " backward: " + backward.message());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Reader reader(data, size);
  xmsda::testing::Case test_case;
  test_case.problem = ReadProblem(&reader);
  test_case.layout = xmsda::testing::kLayouts[reader.Between(0, 4)];
  const int workers = static_cast<int>(reader.Between(1, 5));
  const xmsda::Status status = xmsda::Validate(test_case.problem);
  if (!status.ok()) {
    CallRefused(test_case.problem, status.message());
    return 0;
  }
  // Sizes that Validate accepts and that are too large for a fuzzer.
  if (test_case.problem.value_size > 1000 || test_case.problem.SamplesPerQuery() > 64) return 0;
  const CaseData case_data = xmsda::testing::MakeCase(test_case);
  reader.FillRest(case_data.locations);
  const xmsda::testing::Expected expected = xmsda::testing::ComputeExpected(case_data, xmsda::SerialExecutor());
  for (const xmsda::Backend& backend : xmsda::Backends()) {
    const std::string report =
        xmsda::testing::CheckBackend(backend, case_data, expected, {xmsda::SerialExecutor(workers)});
    Require(report.empty(), report);
  }
  return 0;
}
