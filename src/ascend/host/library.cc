// The variants in the vendor's style, `library` and `library-db`: kernels/library.cpp.
// SPDX-License-Identifier: Apache-2.0
#include "aclrtlaunch_xmsda_library_backward_bf16.h"
#include "aclrtlaunch_xmsda_library_backward_f16.h"
#include "aclrtlaunch_xmsda_library_backward_f32.h"
#include "aclrtlaunch_xmsda_library_db_backward_bf16.h"
#include "aclrtlaunch_xmsda_library_db_backward_f16.h"
#include "aclrtlaunch_xmsda_library_db_backward_f32.h"
#include "aclrtlaunch_xmsda_library_db_forward_bf16.h"
#include "aclrtlaunch_xmsda_library_db_forward_f16.h"
#include "aclrtlaunch_xmsda_library_db_forward_f32.h"
#include "aclrtlaunch_xmsda_library_forward_bf16.h"
#include "aclrtlaunch_xmsda_library_forward_f16.h"
#include "aclrtlaunch_xmsda_library_forward_f32.h"
#include "aclrtlaunch_xmsda_narrow_bf16.h"
#include "aclrtlaunch_xmsda_narrow_f16.h"
#include "ascend/host/cost.h"
#include "ascend/host/launch.h"
#include "ascend/host/variants.h"

namespace xmsda::ascend {
namespace {

using xmsda_ascend::Tiling;

int64_t ValueElements(const Problem& p) { return p.batch * p.value_size * p.num_heads * p.channels; }

template <int32_t kBuffers>
Status Supported(const Problem& problem, const Chip& chip) {
  Tiling t = {};
  if (Status status = TileLibrary(problem, chip, kBuffers, false, &t); !status.ok()) return status;
  return TileLibrary(problem, chip, kBuffers, true, &t);
}

template <int32_t kBuffers>
Status LibraryForward(const Launch& launch, void* output) {
  Tiling t = {};
  if (Status status = TileLibrary(launch.problem, launch.chip, kBuffers, false, &t); !status.ok()) return status;
  const bool half = launch.problem.value_dtype == DType::kF16, bfloat = launch.problem.value_dtype == DType::kBF16;
  const uint32_t blocks = Blocks(launch.chip, launch.problem.batch * launch.problem.num_queries);
  void *const stream = launch.stream, *const value = Device(launch.inputs.value);
  void *const places = Device(launch.inputs.locations), *const weights = Device(launch.inputs.weights);
  uint32_t error = 0;
  if (kBuffers == 1) {
    error = bfloat ? ACLRT_LAUNCH_KERNEL(xmsda_library_forward_bf16)(blocks, stream, value, places, weights, output, t)
            : half ? ACLRT_LAUNCH_KERNEL(xmsda_library_forward_f16)(blocks, stream, value, places, weights, output, t)
                   : ACLRT_LAUNCH_KERNEL(xmsda_library_forward_f32)(blocks, stream, value, places, weights, output, t);
  } else {
    error =
        bfloat ? ACLRT_LAUNCH_KERNEL(xmsda_library_db_forward_bf16)(blocks, stream, value, places, weights, output, t)
        : half ? ACLRT_LAUNCH_KERNEL(xmsda_library_db_forward_f16)(blocks, stream, value, places, weights, output, t)
               : ACLRT_LAUNCH_KERNEL(xmsda_library_db_forward_f32)(blocks, stream, value, places, weights, output, t);
  }
  return Acl("xmsda_library_forward", static_cast<int>(error));
}

// The gradient of value is added up in float32: of 2-byte value in the workspace.
template <int32_t kBuffers>
Status LibraryBackward(const Launch& launch, const void* grad_output, const DeviceGradients& gradients) {
  Tiling t = {};
  if (Status status = TileLibrary(launch.problem, launch.chip, kBuffers, true, &t); !status.ok()) return status;
  const bool half = launch.problem.value_dtype == DType::kF16, bfloat = launch.problem.value_dtype == DType::kBF16;
  const int64_t elements = ValueElements(launch.problem);
  void* const sum = half || bfloat ? launch.workspace : gradients.value;
  if (Status status = FillZeros(launch.chip, launch.stream, sum, elements * 4); !status.ok()) return status;
  const uint32_t blocks = Blocks(launch.chip, launch.problem.batch * launch.problem.num_queries);
  void *const stream = launch.stream, *const value = Device(launch.inputs.value), *const grad = Device(grad_output);
  void *const places = Device(launch.inputs.locations), *const weights = Device(launch.inputs.weights);
  void *const grad_places = gradients.locations, *const grad_weights = gradients.weights;
  uint32_t error = 0;
  if (kBuffers == 1) {
    error = bfloat ? ACLRT_LAUNCH_KERNEL(xmsda_library_backward_bf16)(blocks, stream, value, places, weights, grad, sum,
                                                                      grad_places, grad_weights, t)
            : half ? ACLRT_LAUNCH_KERNEL(xmsda_library_backward_f16)(blocks, stream, value, places, weights, grad, sum,
                                                                     grad_places, grad_weights, t)
                   : ACLRT_LAUNCH_KERNEL(xmsda_library_backward_f32)(blocks, stream, value, places, weights, grad, sum,
                                                                     grad_places, grad_weights, t);
  } else {
    error = bfloat ? ACLRT_LAUNCH_KERNEL(xmsda_library_db_backward_bf16)(blocks, stream, value, places, weights, grad,
                                                                         sum, grad_places, grad_weights, t)
            : half ? ACLRT_LAUNCH_KERNEL(xmsda_library_db_backward_f16)(blocks, stream, value, places, weights, grad,
                                                                        sum, grad_places, grad_weights, t)
                   : ACLRT_LAUNCH_KERNEL(xmsda_library_db_backward_f32)(blocks, stream, value, places, weights, grad,
                                                                        sum, grad_places, grad_weights, t);
  }
  if (Status status = Acl("xmsda_library_backward", static_cast<int>(error)); !status.ok() || !(half || bfloat))
    return status;
  constexpr int64_t kPart = 8192;  // as kernels/library_backward.h
  const uint32_t parts = Blocks(launch.chip, (elements + kPart - 1) / kPart);
  error = bfloat ? ACLRT_LAUNCH_KERNEL(xmsda_narrow_bf16)(parts, stream, sum, gradients.value, elements)
                 : ACLRT_LAUNCH_KERNEL(xmsda_narrow_f16)(parts, stream, sum, gradients.value, elements);
  return Acl("xmsda_narrow", static_cast<int>(error));
}

int64_t NoWorkspace(const Problem&, const Chip&) { return 0; }
int64_t GradientWorkspace(const Problem& problem, const Chip&) {
  return problem.value_dtype != DType::kF32 ? ValueElements(problem) * 4 : 0;
}

constexpr const char* kLimits =
    "f16, bf16 or f32 value of whole blocks of 32 bytes, D at most 248, f32 locations, bilinear, at most 8 levels, K "
    "at most "
    "64, and what fits into UB";

}  // namespace

constinit const Variant kLibrary = {"library",
                                    "the vendor's style: a tile per query and head, two copies of two pixels a sample",
                                    kLimits,
                                    false,
                                    Supported<1>,
                                    NoWorkspace,
                                    LibraryForward<1>,
                                    GradientWorkspace,
                                    LibraryBackward<1>,
                                    nullptr};

constinit const Variant kLibraryDb = {"library-db",
                                      "the same, double-buffered: the fairest peer",
                                      kLimits,
                                      false,
                                      Supported<2>,
                                      NoWorkspace,
                                      LibraryForward<2>,
                                      GradientWorkspace,
                                      LibraryBackward<2>,
                                      EstimateLibraryDb};

}  // namespace xmsda::ascend
