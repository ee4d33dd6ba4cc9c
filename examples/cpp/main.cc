// Multi-scale deformable attention from C++: value, locations, weights -> output, on threads of the program's own.
// SPDX-License-Identifier: Apache-2.0
#include <xmsda/msda.h>

#include <cstdio>
#include <cstdlib>
#include <new>
#include <thread>
#include <vector>

namespace {

// One std::thread a task: enough to show the contract. A program with a pool of threads hands the tasks to that.
void RunOnThreads(void* /*context*/, int n, void (*task)(void* arg, int i), void* arg) {
  std::vector<std::thread> threads;
  for (int i = 1; i < n; ++i) threads.emplace_back(task, arg, i);
  task(arg, 0);
  for (std::thread& thread : threads) thread.join();
}

void OrExit(const xmsda::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "attend: %s\n", status.message().c_str());
  std::exit(1);
}

// Memory that is aligned as a workspace must be.
struct Scratch {
  explicit Scratch(size_t size) : workspace{operator new(size, kAlignment), size} {}
  ~Scratch() { operator delete(workspace.data, kAlignment); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  static constexpr std::align_val_t kAlignment{xmsda::kWorkspaceAlignment};
  xmsda::Workspace workspace;
};

}  // namespace

int main(int argc, char** argv) {
  // 256 queries, 8 heads of 4 channels, two levels of 8 x 8 and 4 x 4 pixels, one sample on each; or what is given.
  xmsda::Problem problem;
  OrExit(xmsda::ParseProblem(argc > 1 ? argv[1] : "b1_q256_m8_d4_p1_f32_l8x8,4x4", &problem));
  const auto size = [](int64_t elements) { return static_cast<size_t>(elements); };
  const size_t row = size(problem.num_heads * problem.channels);
  const size_t samples = size(problem.batch * problem.num_queries * problem.num_heads * problem.SamplesPerQuery());

  // value[b, s, m, d] = s: the output is where on the S axis the samples are. All of them are in the middle of their
  // level, with weights whose sum over all points is 1.
  std::vector<float> value(size(problem.batch * problem.value_size) * row);
  for (size_t i = 0; i < value.size(); ++i) value[i] = static_cast<float>(i / row % size(problem.value_size));
  const std::vector<float> locations(samples * 2, 0.5f);  // (u, v) in [0, 1]
  const std::vector<float> weights(samples, 1.0f / static_cast<float>(problem.SamplesPerQuery()));
  std::vector<float> output(size(problem.batch * problem.num_queries) * row);

  xmsda::Inputs inputs;
  inputs.value = value.data();
  inputs.locations = locations.data();
  inputs.weights = weights.data();
  inputs.value_strides = xmsda::DenseStrides(problem);
  inputs.location_strides = xmsda::DenseLocationStrides(problem);
  inputs.weight_strides = xmsda::DenseWeightStrides(problem);

  const xmsda::Executor executor{2, nullptr, RunOnThreads};
  const Scratch scratch(xmsda::ForwardWorkspaceSize(problem, inputs.value_strides, executor.num_workers));
  xmsda::Target target = xmsda::Target::kAuto;
  OrExit(xmsda::Forward(problem, inputs, output.data(), scratch.workspace, executor, {xmsda::Target::kAuto, &target}));

  // Level 0: pixels 0 to 63, middle 31.5. Level 1: pixels 64 to 79, middle 71.5. Their mean is 51.5.
  std::printf("%s with 2 threads on %s: output[0] = %g, output[%zu] = %g\n", xmsda::ToString(problem).c_str(),
              xmsda::TargetName(target), output.front(), output.size() - 1, output.back());
}
