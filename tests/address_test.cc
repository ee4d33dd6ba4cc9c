// Index arithmetic beyond 2^31 elements, with a small footprint: strides reach far into reserved but untouched memory.
// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>

#include <cstdint>
#include <vector>

#include "check_all.h"
#include "core/dtype.h"
#include "testing/rng.h"

namespace xmsda::testing {
namespace {

// Address space without memory behind it; pages appear, as zeros, when they are touched.
class Reservation {
 public:
  explicit Reservation(size_t size) : size_(size) {
    data_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }
  ~Reservation() {
    if (ok()) munmap(data_, size_);
  }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  bool ok() const { return data_ != MAP_FAILED; }
  void* data() const { return data_; }

 private:
  size_t size_;
  void* data_ = nullptr;
};

struct FarCase {
  const char* name;
  const char* problem;
  ValueStrides strides;  // in elements; some offset passes 2^31 (f32: 2^33 bytes)
};

constexpr int64_t kFar = (int64_t{1} << 30) + 24;

void CopyValue(const Problem& p, const void* from, const ValueStrides& from_strides, void* to,
               const ValueStrides& to_strides) {
  for (int64_t b = 0; b < p.batch; ++b) {
    for (int64_t s = 0; s < p.value_size; ++s) {
      for (int64_t m = 0; m < p.num_heads; ++m) {
        for (int64_t d = 0; d < p.channels; ++d) {
          const auto at = [&](const ValueStrides& t) { return b * t.batch + s * t.pixel + m * t.head + d * t.channel; };
          StoreElement(p.value_dtype, to, at(to_strides), LoadElement(p.value_dtype, from, at(from_strides)));
        }
      }
    }
  }
}

void CheckFar(const Backend& backend, const FarCase& far) {
  SCOPED_TRACE(backend.name + ", " + far.name);
  const CaseData data = MakeCase({Parse(far.problem), Pattern::kExact, Layout::kBSMD, 1, false});
  const Problem& problem = data.test_case.problem;
  if (!backend.supports(problem).ok()) return;
  Results near;
  ASSERT_TRUE(RunBackend(backend, data, {}, &near).ok());

  const size_t size = static_cast<size_t>(ValueExtent(problem, far.strides)) * DTypeSize(problem.value_dtype);
  ASSERT_GT(size, size_t{1} << 32);
  const Reservation value(size);
  const Reservation grad_value(size);
  ASSERT_TRUE(value.ok() && grad_value.ok()) << "no " << size << " bytes of address space";
  CopyValue(problem, data.value.data(), data.inputs.value_strides, value.data(), far.strides);
  Inputs inputs = data.inputs;
  inputs.value = value.data();
  inputs.value_strides = far.strides;

  Results results;
  results.output = Buffer(near.output.size());
  results.grad_value = Buffer(near.grad_value.size());
  results.grad_locations = Buffer(near.grad_locations.size());
  results.grad_weights = Buffer(near.grad_weights.size());
  const Gradients gradients{grad_value.data(), results.grad_locations.data(), results.grad_weights.data(), far.strides};
  const size_t forward_size =
      backend.forward_workspace ? backend.forward_workspace(problem, inputs.value_strides, 1) : 0;
  const size_t backward_size =
      backend.backward_workspace ? backend.backward_workspace(problem, inputs.value_strides, far.strides, 1) : 0;
  const Buffer forward_workspace(forward_size);
  const Buffer backward_workspace(backward_size);
  Status status = backend.forward(problem, inputs, results.output.data(), {forward_workspace.data(), forward_size},
                                  SerialExecutor(), {});
  ASSERT_TRUE(status.ok()) << status.message();
  status = backend.backward(problem, inputs, data.grad_output.data(), gradients,
                            {backward_workspace.data(), backward_size}, SerialExecutor(), {});
  ASSERT_TRUE(status.ok()) << status.message();
  CopyValue(problem, grad_value.data(), far.strides, results.grad_value.data(), data.grad_value_strides);
  EXPECT_EQ(CompareBits(data, near, results), "");
}

TEST(Addresses, ValueOffsetsPass32Bits) {
  // Two arrays of 16 GiB at most; some systems limit address space.
  if (const Reservation probe(size_t{40} << 30); !probe.ok()) GTEST_SKIP() << "no 40 GiB of address space";
  const FarCase cases[] = {
      {"batch", "b4_q5_m2_d8_p2_l4x4", {.batch = kFar, .pixel = 16, .head = 8, .channel = 1}},
      {"head", "b1_q5_m4_d8_p2_l4x4", {.batch = 4 * kFar, .pixel = 8, .head = kFar, .channel = 1}},
      {"pixel", "b1_q5_m2_d8_p2_l2x2,1x1", {.batch = 5 * kFar, .pixel = kFar, .head = 8, .channel = 1}},
      {"channel", "b1_q5_m2_d4_p2_l2x2", {.batch = 4 * kFar, .pixel = 1, .head = 4, .channel = kFar}},
      {"pixel bytes only", "b1_q5_m2_d8_p2_bf16_l4x4", {.batch = 0, .pixel = kFar / 4, .head = 8, .channel = 1}},
      {"many queries", "b1_q1500_m4_d8_p1_l4x4", {.batch = 4 * kFar, .pixel = 8, .head = kFar, .channel = 1}},
  };
  for (const Backend& backend : Backends()) {
    for (const FarCase& far : cases) CheckFar(backend, far);
  }
}

// 2^32 elements of value that share 1024 floats of memory: batch and head are broadcast, most pixels too.
TEST(Addresses, BroadcastValueOfMoreThan32Bits) {
  const Problem problem = Parse("b512_q1_m64_d16_p1_l64x128");
  ASSERT_GE(problem.batch * problem.value_size * problem.num_heads * problem.channels, int64_t{1} << 32);
  const Stream stream(9, 1);
  std::vector<float> row(1024);
  for (size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(stream.Normal(static_cast<int64_t>(i)));
  const int64_t samples = problem.batch * problem.num_heads;
  std::vector<float> locations(static_cast<size_t>(2 * samples), 0.5f / 128);
  std::vector<float> weights(static_cast<size_t>(samples), 1);
  for (int64_t i = 0; i < samples; ++i)
    locations[static_cast<size_t>(2 * i + 1)] = (static_cast<float>(i % 64) + 0.5f) / 64;

  Inputs inputs{row.data(),
                locations.data(),
                weights.data(),
                {.batch = 0, .pixel = 0, .head = 16, .channel = 1},
                DenseLocationStrides(problem),
                DenseWeightStrides(problem)};
  for (const Backend& backend : Backends()) {
    if (backend.is_simulated) continue;  // device memory holds value as a dense array
    SCOPED_TRACE(backend.name);
    const size_t size = backend.forward_workspace ? backend.forward_workspace(problem, inputs.value_strides, 1) : 0;
    ASSERT_LT(size, size_t{1} << 28) << "workspace as large as a dense value";
    const Buffer workspace(size);
    const Buffer output(static_cast<size_t>(samples * 16) * sizeof(float));
    const Status status =
        backend.forward(problem, inputs, output.data(), {workspace.data(), size}, SerialExecutor(), {});
    ASSERT_TRUE(status.ok()) << status.message();
    // Each sample is on a pixel centre: its head's row itself.
    int64_t wrong = 0;
    for (int64_t i = 0; i < samples * 16; ++i) {
      wrong += LoadElement(DType::kF32, output.data(), i) != static_cast<double>(row[static_cast<size_t>(i % 1024)]);
    }
    EXPECT_EQ(wrong, 0);
  }
}

}  // namespace
}  // namespace xmsda::testing
