// Bad arguments: every backend refuses each with a message that names it, and writes nothing.
// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <string>
#include <vector>

#include "check_all.h"

namespace xmsda::testing {
namespace {

// A call that would succeed; each test breaks one thing.
struct CallArguments {
  explicit CallArguments(const Backend& b)
      : backend(b), data(MakeCase({Parse("b2_q3_m2_d4_p2_l4x4,2x2"), Pattern::kUniform, Layout::kBSMD, 1, false})) {
    problem = data.test_case.problem;
    inputs = data.inputs;
    output_buffer = Buffer(48 * sizeof(float));
    grad_value = Buffer(data.value.size());
    grad_locations = Buffer(data.locations.size());
    grad_weights = Buffer(data.weights.size());
    output = output_buffer.data();
    grad_output = data.grad_output.data();
    gradients = {grad_value.data(), grad_locations.data(), grad_weights.data(), data.inputs.value_strides};
    executor = SerialExecutor(2);
    if (backend.forward_workspace) {
      needed = std::max(backend.forward_workspace(problem, inputs.value_strides, 2),
                        backend.backward_workspace(problem, inputs.value_strides, gradients.value_strides, 2));
    }
    workspace_buffer = Buffer(needed + 64);
    workspace = {workspace_buffer.data(), workspace_buffer.size()};
  }

  Status Forward() const { return backend.forward(problem, inputs, output, workspace, executor, {}); }
  Status Backward() const { return backend.backward(problem, inputs, grad_output, gradients, workspace, executor, {}); }
  bool NothingWritten() const {
    for (const Buffer* buffer : {&output_buffer, &grad_value, &grad_locations, &grad_weights}) {
      for (size_t i = 0; i < buffer->size(); ++i) {
        if (buffer->data()[i] != 0xFF) return false;
      }
    }
    return true;
  }

  const Backend& backend;
  CaseData data;
  Problem problem;
  Inputs inputs;
  Buffer output_buffer, grad_value, grad_locations, grad_weights, workspace_buffer;
  void* output = nullptr;
  const void* grad_output = nullptr;
  Gradients gradients;
  size_t needed = 0;
  Workspace workspace;
  Executor executor;
};

struct BrokenCall {
  std::function<void(CallArguments*)> breaks;
  std::string message;
  bool forward;
  bool backward;
};

void ExpectRefused(const Backend& backend, const BrokenCall& broken) {
  SCOPED_TRACE(backend.name + ", " + broken.message);
  for (const bool backward : {false, true}) {
    if (!(backward ? broken.backward && backend.backward : broken.forward)) continue;
    CallArguments call(backend);
    broken.breaks(&call);
    const Status status = backward ? call.Backward() : call.Forward();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message().substr(0, broken.message.size()), broken.message);
    EXPECT_TRUE(call.NothingWritten());
  }
}

const void* Past(const void* pointer) { return static_cast<const char*>(pointer) + 1; }
void* Past(void* pointer) { return static_cast<char*>(pointer) + 1; }

TEST(BadArguments, AreNamedAndNothingIsWritten) {
  const BrokenCall broken[] = {
      {[](CallArguments* c) { c->problem.batch = -1; }, "batch: expected at least 0, got -1", true, true},
      {[](CallArguments* c) { c->problem.levels[1].start = 99; }, "levels[1]: expected start + height*width at most",
       true, true},
      {[](CallArguments* c) { c->inputs.value = nullptr; }, "value: expected a pointer, got null", true, true},
      {[](CallArguments* c) { c->inputs.locations = nullptr; }, "locations: expected a pointer, got null", true, true},
      {[](CallArguments* c) { c->inputs.weights = nullptr; }, "weights: expected a pointer, got null", true, true},
      {[](CallArguments* c) { c->output = nullptr; }, "output: expected a pointer, got null", true, false},
      {[](CallArguments* c) { c->grad_output = nullptr; }, "grad_output: expected a pointer, got null", false, true},
      {[](CallArguments* c) { c->gradients.value = nullptr; }, "gradients.value: expected a pointer, got null", false,
       true},
      {[](CallArguments* c) { c->gradients.locations = nullptr; }, "gradients.locations: expected a pointer, got null",
       false, true},
      {[](CallArguments* c) { c->gradients.weights = nullptr; }, "gradients.weights: expected a pointer, got null",
       false, true},
      {[](CallArguments* c) { c->inputs.value = Past(c->inputs.value); }, "value: expected alignment to 4 bytes (f32)",
       true, true},
      {[](CallArguments* c) { c->output = Past(c->output); }, "output: expected alignment to 4 bytes (f32)", true,
       false},
      {[](CallArguments* c) { c->gradients.weights = Past(c->gradients.weights); },
       "gradients.weights: expected alignment to 4 bytes (f32)", false, true},
      {[](CallArguments* c) { c->executor.num_workers = 0; }, "executor.num_workers: expected 1 to 1024, got 0", true,
       true},
      {[](CallArguments* c) { c->executor.num_workers = kMaxWorkers + 1; },
       "executor.num_workers: expected 1 to 1024, got 1025", true, true},
      {[](CallArguments* c) { c->executor.run = nullptr; }, "executor.run: expected a function, got null", true, true},
      {[](CallArguments* c) { c->gradients.value_strides.pixel = 0; },
       "gradients.value_strides.pixel: expected strides that keep all elements apart", false, true},
      {[](CallArguments* c) { c->gradients.value_strides.head = 3; },
       "gradients.value_strides.head: expected strides that keep all elements apart, at least 4 here, got 3", false,
       true},
  };
  for (const Backend& backend : Backends()) {
    for (const BrokenCall& call : broken) ExpectRefused(backend, call);
  }
}

TEST(BadArguments, WorkspaceIsCheckedToTheByte) {
  for (const Backend& backend : Backends()) {
    if (!backend.forward_workspace) continue;
    SCOPED_TRACE(backend.name);
    for (const bool backward : {false, true}) {
      CallArguments call(backend);
      const size_t needed = backward ? backend.backward_workspace(call.problem, call.inputs.value_strides,
                                                                  call.gradients.value_strides, 2)
                                     : backend.forward_workspace(call.problem, call.inputs.value_strides, 2);
      if (needed == 0) continue;
      const auto run = [&] { return backward ? call.Backward() : call.Forward(); };
      call.workspace = {call.workspace_buffer.data(), needed - 1};
      EXPECT_EQ(run().message(), "workspace.size: expected at least " + std::to_string(needed) + " bytes, got " +
                                     std::to_string(needed - 1));
      call.workspace = {nullptr, needed};
      EXPECT_EQ(run().message(), "workspace.data: expected a pointer, got null");
      call.workspace = {call.workspace_buffer.data() + 32, needed};
      EXPECT_EQ(run().message(), "workspace.data: expected alignment to 64 bytes, got an address 32 past that");
      EXPECT_TRUE(call.NothingWritten());
      call.workspace = {call.workspace_buffer.data(), needed};
      EXPECT_TRUE(run().ok());
      EXPECT_FALSE(call.NothingWritten());
    }
  }
}

// Arrays without elements may be null.
TEST(BadArguments, NullIsFineWhereNothingIsRead) {
  for (const Backend& backend : Backends()) {
    for (const char* text : {"b0_q3_m2_d4_p2_l4x4", "b2_q0_m0_d4_p2_l4x4", "b0_q0_m0_d0_l"}) {
      SCOPED_TRACE(backend.name + ", " + text);
      const Problem problem = Parse(text);
      Inputs inputs;
      inputs.value_strides = DenseStrides(problem);
      inputs.location_strides = DenseLocationStrides(problem);
      inputs.weight_strides = DenseWeightStrides(problem);
      Gradients gradients;
      gradients.value_strides = inputs.value_strides;
      size_t size = 64;
      if (backend.forward_workspace) {
        size += std::max(backend.forward_workspace(problem, inputs.value_strides, 1),
                         backend.backward_workspace(problem, inputs.value_strides, gradients.value_strides, 1));
      }
      const Buffer workspace(size);
      const Status forward = backend.forward(problem, inputs, nullptr, {workspace.data(), size}, SerialExecutor(), {});
      EXPECT_TRUE(forward.ok()) << forward.message();
      if (!backend.backward) continue;
      const Status backward =
          backend.backward(problem, inputs, nullptr, gradients, {workspace.data(), size}, SerialExecutor(), {});
      EXPECT_TRUE(backward.ok()) << backward.message();
    }
  }
}

TEST(Backends, TableIsUsable) {
  ASSERT_FALSE(Backends().empty());
  EXPECT_EQ(Backends().front().name, "reference");
  EXPECT_NE(FindBackend("cpu"), nullptr);
  EXPECT_EQ(FindBackend("no such backend"), nullptr);
  EXPECT_EQ(FindBackend(""), nullptr);
  for (const Target target : RunnableTargets()) {
    EXPECT_NE(FindBackend(std::string("cpu:") + TargetName(target)), nullptr) << TargetName(target);
  }
}

// What `supports` says is what the call does.
TEST(Backends, LimitsOfTheCpuAreStated) {
  Problem problem = Parse("q2_l4x4");
  problem.levels[0].points = int64_t{1} << 40;
  const Backend& cpu = *FindBackend("cpu");
  ASSERT_TRUE(Validate(problem).ok());
  const Status supported = cpu.supports(problem);
  EXPECT_EQ(supported.code(), StatusCode::kUnsupported);
  float dummy[4] = {};
  // Claims the petabytes that the workspace functions ask for: the call must return before it touches them.
  const Buffer memory(64);
  const Workspace workspace{memory.data(), size_t{1} << 62};
  const Inputs inputs{
      dummy, dummy, dummy, DenseStrides(problem), DenseLocationStrides(problem), DenseWeightStrides(problem)};
  EXPECT_EQ(cpu.forward(problem, inputs, dummy, workspace, SerialExecutor(), {}).message(), supported.message());
  const Gradients gradients{dummy, dummy, dummy, DenseStrides(problem)};
  EXPECT_EQ(cpu.backward(problem, inputs, dummy, gradients, workspace, SerialExecutor(), {}).message(),
            supported.message());
}

TEST(Targets, NamesParse) {
  for (const Target target :
       {Target::kAuto, Target::kPortable, Target::kAvx2, Target::kAvx512, Target::kNeon, Target::kSve}) {
    Target parsed = Target::kAuto;
    EXPECT_TRUE(ParseTarget(TargetName(target), &parsed).ok());
    EXPECT_EQ(parsed, target);
  }
  Target parsed = Target::kAvx2;
  const Status status = ParseTarget("mmx", &parsed);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("mmx"), std::string::npos);
  EXPECT_EQ(parsed, Target::kAvx2);
}

// A target that this machine lacks is refused, not replaced by another.
TEST(Targets, NotRunnableIsUnsupported) {
  for (const Target target : {Target::kPortable, Target::kAvx2, Target::kAvx512, Target::kNeon, Target::kSve}) {
    if (FindBackend(std::string("cpu:") + TargetName(target)) != nullptr) continue;
    SCOPED_TRACE(TargetName(target));
    CallArguments call(*FindBackend("cpu"));
    EXPECT_EQ(Forward(call.problem, call.inputs, call.output, call.workspace, call.executor, {target}).code(),
              StatusCode::kUnsupported);
    EXPECT_EQ(
        Backward(call.problem, call.inputs, call.grad_output, call.gradients, call.workspace, call.executor, {target})
            .code(),
        StatusCode::kUnsupported);
    EXPECT_TRUE(call.NothingWritten());
  }
}

}  // namespace
}  // namespace xmsda::testing
