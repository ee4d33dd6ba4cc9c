// The custom-op library for ONNX Runtime: xmsda::MSDeformAttn on the CPU with the session's own threads.
// SPDX-License-Identifier: Apache-2.0
#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>
#undef ORT_API_MANUAL_INIT

#include <sched.h>

#include <exception>
#include <string>
#include <thread>
#include <vector>

#include "call.h"

#define XMSDA_EXPORT __attribute__((visibility("default")))

namespace xmsda::onnxruntime_binding {
namespace {

using onnx_binding::Arguments;
using onnx_binding::Call;

constexpr ONNXTensorElementDataType OrtType(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE;
    case DType::kBF16:
      return ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16;
    case DType::kF16:
      return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16;
    case DType::kF32:
      break;
  }
  return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
}

// CPUs that the process may use. ONNX Runtime does not tell a custom operator how many threads a session has; with more
// tasks than threads each does several, which costs little, with fewer some would idle.
int NumCpus() {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

struct Job {
  void (*task)(void* arg, int i);
  void* arg;
};

void RunOnSessionThreads(void* context, int n, void (*task)(void* arg, int i), void* arg) {
  if (n == 1) return task(arg, 0);
  Job job{.task = task, .arg = arg};
  const auto run = [](void* data, size_t i) {
    const auto* one = static_cast<const Job*>(data);
    one->task(one->arg, static_cast<int>(i));
  };
  static_cast<const Ort::KernelContext*>(context)->ParallelFor(run, static_cast<size_t>(n), /*num_batch=*/0, &job);
}

// One node of a session.
class Kernel {
 public:
  Kernel(const OrtKernelInfo* info, DType value_dtype, DType location_dtype)
      : value_dtype_(value_dtype), location_dtype_(location_dtype) {
    const Ort::ConstKernelInfo node(info);
    points_ = node.GetAttributes<int64_t>("points");
    discrete_ = node.GetAttribute<int64_t>("discrete") != 0;
  }

  OrtStatusPtr ComputeV2(OrtKernelContext* raw_context) {
    try {
      Ort::KernelContext context(raw_context);
      return Compute(context);
    } catch (const std::exception& error) {
      return Ort::GetApi().CreateStatus(ORT_FAIL, error.what());
    }
  }

 private:
  OrtStatusPtr Compute(Ort::KernelContext& context) const {
    Arguments arguments;
    for (size_t i = 0; i < onnx_binding::kNumInputs; ++i) {
      const Ort::ConstValue input = context.GetInput(i);
      arguments.inputs[i] = {.data = input.GetTensorRawData(), .shape = input.GetTensorTypeAndShapeInfo().GetShape()};
    }
    arguments.value_dtype = value_dtype_;
    arguments.location_dtype = location_dtype_;
    arguments.points = points_;
    arguments.discrete = discrete_;
    Call call;
    if (const Status status = onnx_binding::ReadCall(arguments, &call); !status.ok()) return Failed(status);
    Ort::UnownedValue output = context.GetOutput(0, call.output_shape);
    static const int num_cpus = NumCpus();
    const Executor executor{.num_workers = onnx_binding::WantedWorkers(call.problem, num_cpus),
                            .context = &context,
                            .run = RunOnSessionThreads};
    const Status status = onnx_binding::RunCall(call, output.GetTensorMutableRawData(), executor);
    return status.ok() ? nullptr : Failed(status);
  }

  static OrtStatusPtr Failed(const Status& status) {
    return Ort::GetApi().CreateStatus(ORT_INVALID_ARGUMENT, status.message().c_str());
  }

  DType value_dtype_;
  DType location_dtype_;
  std::vector<int64_t> points_;
  bool discrete_ = false;
};

// ONNX Runtime picks among operators of one name by their types.
template <DType kValueDType, DType kLocationDType>
struct Op : Ort::CustomOpBase<Op<kValueDType, kLocationDType>, Kernel, /*WithStatus=*/true> {
  OrtStatusPtr CreateKernelV2(const OrtApi& /*api*/, const OrtKernelInfo* info, void** kernel) const {
    try {
      *kernel = new Kernel(info, kValueDType, kLocationDType);
      return nullptr;
    } catch (const std::exception& error) {
      const std::string message = std::string(
                                      "xmsda::MSDeformAttn: attributes: expected points (a list of integers) "
                                      "and discrete (an integer) of version 1, got: ") +
                                  error.what();
      return Ort::GetApi().CreateStatus(ORT_INVALID_ARGUMENT, message.c_str());
    }
  }

  static const char* GetName() { return onnx_binding::kOpType; }
  static size_t GetInputTypeCount() { return onnx_binding::kNumInputs; }
  static ONNXTensorElementDataType GetInputType(size_t index) {
    if (index == onnx_binding::kValue) return OrtType(kValueDType);
    const bool samples = index == onnx_binding::kLocations || index == onnx_binding::kWeights;
    return samples ? OrtType(kLocationDType) : ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
  }
  static size_t GetOutputTypeCount() { return 1; }
  static ONNXTensorElementDataType GetOutputType(size_t /*index*/) { return OrtType(kValueDType); }

  static Ort::Status InferOutputShape(Ort::ShapeInferContext& context) {
    const auto& value = context.GetInputShape(onnx_binding::kValue);
    const auto& locations = context.GetInputShape(onnx_binding::kLocations);
    // Of an unknown shape nothing is said: the kernel checks it when it is there.
    if (value.size() != 4 || locations.size() < 2 || !value[2].IsInt() || !value[3].IsInt()) return Ort::Status{};
    int64_t row = 0;
    if (__builtin_mul_overflow(value[2].AsInt(), value[3].AsInt(), &row)) return Ort::Status{};
    return context.SetOutputShape(0, {value[0], locations[1], row}, OrtType(kValueDType));
  }
};

void AddOps(Ort::CustomOpDomain& domain) {
  static const Op<DType::kF32, DType::kF32> f32;
  static const Op<DType::kF64, DType::kF64> f64;
  static const Op<DType::kF16, DType::kF16> f16;
  static const Op<DType::kF16, DType::kF32> f16_f32;
  static const Op<DType::kBF16, DType::kBF16> bf16;
  static const Op<DType::kBF16, DType::kF32> bf16_f32;
  for (const OrtCustomOp* op : {static_cast<const OrtCustomOp*>(&f32), static_cast<const OrtCustomOp*>(&f64),
                                static_cast<const OrtCustomOp*>(&f16), static_cast<const OrtCustomOp*>(&f16_f32),
                                static_cast<const OrtCustomOp*>(&bf16), static_cast<const OrtCustomOp*>(&bf16_f32)}) {
    domain.Add(op);
  }
}

}  // namespace
}  // namespace xmsda::onnxruntime_binding

// What SessionOptions.register_custom_ops_library calls.
extern "C" XMSDA_EXPORT OrtStatus* ORT_API_CALL RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base) {
  const OrtApi* api = base->GetApi(ORT_API_VERSION);
  if (api == nullptr) {
    // Every release answers to the first version, which has CreateStatus.
    const std::string message = "xmsda: expected ONNX Runtime 1." + std::to_string(ORT_API_VERSION) +
                                " or later, got " + base->GetVersionString();
    return base->GetApi(1)->CreateStatus(ORT_FAIL, message.c_str());
  }
  Ort::InitApi(api);
  try {
    // The session options keep a pointer to it, and sessions to its operators, for as long as the process lives.
    static Ort::CustomOpDomain domain = [] {
      Ort::CustomOpDomain made(xmsda::onnx_binding::kDomain);
      xmsda::onnxruntime_binding::AddOps(made);
      return made;
    }();
    Ort::UnownedSessionOptions(options).Add(domain);
    return nullptr;
  } catch (const std::exception& error) {
    return api->CreateStatus(ORT_FAIL, error.what());
  }
}
