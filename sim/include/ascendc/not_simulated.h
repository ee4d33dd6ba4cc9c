// API that exists on Atlas A2 and is not simulated: a call stops the compiler with the name of the function.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>

#include "ascendc/tensor.h"
#include "ascendc/types.h"

namespace AscendC {

// The arguments of these are never looked at; what a kernel declares beside a call (Nd2NzParams, MmadParams, ...) is
// declared here so that the call itself is what the compiler complains about.
// Template arguments may be types, values, or one or two types and then values.
#define ASCSIM_REFUSE_(name, why, ...)                                                                     \
  template <__VA_ARGS__>                                                                                   \
  void name(const Args&...) {                                                                              \
    static_assert(ascsim_detail::AlwaysFalse<Args...>::value, "ascsim: " #name " is not simulated: " why); \
  }
#define ASCSIM_NOT_SIMULATED_(name, why)                                              \
  ASCSIM_REFUSE_(name, why, typename... TemplateArgs, typename... Args)               \
  ASCSIM_REFUSE_(name, why, auto value, auto... values, typename... Args)             \
  ASCSIM_REFUSE_(name, why, typename T, auto value, auto... values, typename... Args) \
  ASCSIM_REFUSE_(name, why, typename T, typename U, auto value, auto... values, typename... Args)

template <typename... Args>
struct StartsWithTensor : std::false_type {};
template <typename T, typename... Args>
struct StartsWithTensor<LocalTensor<T>, Args...> : std::true_type {};
template <typename T, typename... Args>
struct StartsWithTensor<GlobalTensor<T>, Args...> : std::true_type {};

// For names that a kernel may well give to a function of its own (Ceil, Sort, ...): calls without a tensor are not
// ours.
#define ASCSIM_WITH_TENSOR_ typename... Args, std::enable_if_t<StartsWithTensor<Args...>::value, int> = 0
#define ASCSIM_TENSOR_API_(name, why)                                                    \
  ASCSIM_REFUSE_(name, why, typename... TemplateArgs, ASCSIM_WITH_TENSOR_)               \
  ASCSIM_REFUSE_(name, why, auto value, auto... values, ASCSIM_WITH_TENSOR_)             \
  ASCSIM_REFUSE_(name, why, typename T, auto value, auto... values, ASCSIM_WITH_TENSOR_) \
  ASCSIM_REFUSE_(name, why, typename T, typename U, auto value, auto... values, ASCSIM_WITH_TENSOR_)

#define ASCSIM_NO_CUBE_(name) ASCSIM_NOT_SIMULATED_(name, "the matrix unit and its queues do no arithmetic")
ASCSIM_NO_CUBE_(Mmad)
ASCSIM_NO_CUBE_(MmadWithSparse)
ASCSIM_NO_CUBE_(LoadData)
ASCSIM_NO_CUBE_(LoadDataWithTranspose)
ASCSIM_NO_CUBE_(LoadDataWithSparse)
ASCSIM_NO_CUBE_(LoadUnzipIndex)
ASCSIM_NO_CUBE_(LoadDataUnzip)
ASCSIM_NO_CUBE_(LoadImageToLocal)
ASCSIM_NO_CUBE_(InitConstValue)
ASCSIM_NO_CUBE_(Fixpipe)
ASCSIM_NO_CUBE_(SetFixPipeConfig)
ASCSIM_NO_CUBE_(SetFixpipeNz2ndFlag)
ASCSIM_NO_CUBE_(SetFixpipePreQuantFlag)
ASCSIM_NO_CUBE_(SetFixPipeClipRelu)
ASCSIM_NO_CUBE_(SetFixPipeAddr)
ASCSIM_NO_CUBE_(SetHF32Mode)
ASCSIM_NO_CUBE_(SetHF32TransMode)
ASCSIM_NO_CUBE_(SetMMLayoutTransform)
ASCSIM_NO_CUBE_(SetFmatrix)
ASCSIM_NO_CUBE_(SetLoadDataBoundary)
ASCSIM_NO_CUBE_(SetLoadDataRepeat)
ASCSIM_NO_CUBE_(SetLoadDataPaddingValue)
ASCSIM_NO_CUBE_(Conv2D)
ASCSIM_NO_CUBE_(Gemm)
ASCSIM_NO_CUBE_(BroadCastVecToMM)

#define ASCSIM_NO_LIBRARY_(name) ASCSIM_TENSOR_API_(name, "an operator of the high-level library")
ASCSIM_NO_LIBRARY_(Sort)
ASCSIM_NO_LIBRARY_(TopK)
ASCSIM_NO_LIBRARY_(SoftMax)
ASCSIM_NO_LIBRARY_(SoftmaxFlash)
ASCSIM_NO_LIBRARY_(SoftmaxFlashV2)
ASCSIM_NO_LIBRARY_(SimpleSoftMax)
ASCSIM_NO_LIBRARY_(SoftmaxGrad)
ASCSIM_NO_LIBRARY_(LogSoftMax)
ASCSIM_NO_LIBRARY_(LayerNorm)
ASCSIM_NO_LIBRARY_(LayerNormGrad)
ASCSIM_NO_LIBRARY_(BatchNorm)
ASCSIM_NO_LIBRARY_(DeepNorm)
ASCSIM_NO_LIBRARY_(RmsNorm)
ASCSIM_NO_LIBRARY_(GroupNorm)
ASCSIM_NO_LIBRARY_(Gelu)
ASCSIM_NO_LIBRARY_(FasterGelu)
ASCSIM_NO_LIBRARY_(Silu)
ASCSIM_NO_LIBRARY_(Swish)
ASCSIM_NO_LIBRARY_(SwiGLU)
ASCSIM_NO_LIBRARY_(GeGLU)
ASCSIM_NO_LIBRARY_(ReGlu)
ASCSIM_NO_LIBRARY_(Sigmoid)
ASCSIM_NO_LIBRARY_(Tanh)
ASCSIM_NO_LIBRARY_(Sin)
ASCSIM_NO_LIBRARY_(Cos)
ASCSIM_NO_LIBRARY_(Tan)
ASCSIM_NO_LIBRARY_(Asin)
ASCSIM_NO_LIBRARY_(Acos)
ASCSIM_NO_LIBRARY_(Atan)
ASCSIM_NO_LIBRARY_(Sinh)
ASCSIM_NO_LIBRARY_(Cosh)
ASCSIM_NO_LIBRARY_(Asinh)
ASCSIM_NO_LIBRARY_(Acosh)
ASCSIM_NO_LIBRARY_(Atanh)
ASCSIM_NO_LIBRARY_(Erf)
ASCSIM_NO_LIBRARY_(Erfc)
ASCSIM_NO_LIBRARY_(Power)
ASCSIM_NO_LIBRARY_(Log)
ASCSIM_NO_LIBRARY_(Log2)
ASCSIM_NO_LIBRARY_(Log10)
ASCSIM_NO_LIBRARY_(Lgamma)
ASCSIM_NO_LIBRARY_(Digamma)
ASCSIM_NO_LIBRARY_(Xor)
ASCSIM_NO_LIBRARY_(Fmod)
ASCSIM_NO_LIBRARY_(Trunc)
ASCSIM_NO_LIBRARY_(Frac)
ASCSIM_NO_LIBRARY_(Round)
ASCSIM_NO_LIBRARY_(Floor)
ASCSIM_NO_LIBRARY_(Ceil)
ASCSIM_NO_LIBRARY_(Sign)
ASCSIM_NO_LIBRARY_(CumSum)
ASCSIM_NO_LIBRARY_(Mean)
ASCSIM_NO_LIBRARY_(ClampMax)
ASCSIM_NO_LIBRARY_(ClampMin)
ASCSIM_NO_LIBRARY_(Pad)
ASCSIM_NO_LIBRARY_(UnPad)
ASCSIM_NO_LIBRARY_(ConfusionTranspose)
ASCSIM_NO_LIBRARY_(TransData)
ASCSIM_NO_LIBRARY_(SelectWithBytesMask)
ASCSIM_NO_LIBRARY_(AscendQuant)
ASCSIM_NO_LIBRARY_(AscendDequant)
ASCSIM_NO_LIBRARY_(AscendAntiQuant)
ASCSIM_NO_LIBRARY_(BilinearInterpolation)

#define ASCSIM_NO_INSTRUCTION_(name) ASCSIM_TENSOR_API_(name, "no exec function for this instruction")
ASCSIM_NO_INSTRUCTION_(AddRelu)
ASCSIM_NO_INSTRUCTION_(SubRelu)
ASCSIM_NO_INSTRUCTION_(AddReluCast)
ASCSIM_NO_INSTRUCTION_(SubReluCast)
ASCSIM_NO_INSTRUCTION_(AddDeqRelu)
ASCSIM_NO_INSTRUCTION_(MulAddRelu)
ASCSIM_NO_INSTRUCTION_(MulCast)
ASCSIM_NO_INSTRUCTION_(CastDeq)
ASCSIM_NO_INSTRUCTION_(BilinearInterp)
ASCSIM_NO_INSTRUCTION_(Sort32)
ASCSIM_NO_INSTRUCTION_(MrgSort)
ASCSIM_NO_INSTRUCTION_(MrgSort4)
ASCSIM_NO_INSTRUCTION_(RpSort16)
ASCSIM_NO_INSTRUCTION_(GetMrgSortResult)
ASCSIM_NO_INSTRUCTION_(Concat)
ASCSIM_NO_INSTRUCTION_(Extract)
ASCSIM_NO_INSTRUCTION_(ProposalConcat)
ASCSIM_NO_INSTRUCTION_(ProposalExtract)
ASCSIM_NO_INSTRUCTION_(Interleave)
ASCSIM_NO_INSTRUCTION_(DeInterleave)
ASCSIM_NO_INSTRUCTION_(VectorPadding)
ASCSIM_NO_INSTRUCTION_(IBSet)
ASCSIM_NO_INSTRUCTION_(IBWait)
ASCSIM_NO_INSTRUCTION_(InitDetermineComputeWorkspace)
ASCSIM_NO_INSTRUCTION_(WaitPreBlock)
ASCSIM_NO_INSTRUCTION_(NotifyNextBlock)
ASCSIM_NOT_SIMULATED_(SetNextTaskStart, "no exec function for this instruction")
ASCSIM_NOT_SIMULATED_(WaitPreTaskEnd, "no exec function for this instruction")

ASCSIM_NOT_SIMULATED_(GetProgramCounter, "there is no program of the device; Loc::Here() knows the line")
ASCSIM_NOT_SIMULATED_(GetStoreAtomicConfig, "the encoding of the register is not documented")
ASCSIM_NOT_SIMULATED_(PrintTimeStamp, "the timeline (ASCSIM_TRACE) has every instruction")
ASCSIM_NOT_SIMULATED_(DumpAccChkPoint, "use DumpTensor")
ASCSIM_NOT_SIMULATED_(CheckLocalMemoryIA, "accesses are checked anyway")
ASCSIM_NOT_SIMULATED_(InitSpmBuffer, "no SPM buffer")
ASCSIM_NOT_SIMULATED_(WriteSpmBuffer, "no SPM buffer")
ASCSIM_NOT_SIMULATED_(ReadSpmBuffer, "no SPM buffer")
ASCSIM_NOT_SIMULATED_(ReadGmByPassDCache, "not on Atlas A2 by most editions of its page; DataCacheCleanAndInvalid is")
ASCSIM_NOT_SIMULATED_(WriteGmByPassDCache, "not on Atlas A2 by most editions of its page; DataCacheCleanAndInvalid is")
ASCSIM_NOT_SIMULATED_(Scatter, "Atlas A2 has no scatter in UB")

#undef ASCSIM_NOT_SIMULATED_
#undef ASCSIM_REFUSE_
#undef ASCSIM_WITH_TENSOR_
#undef ASCSIM_TENSOR_API_
#undef ASCSIM_NO_CUBE_
#undef ASCSIM_NO_LIBRARY_
#undef ASCSIM_NO_INSTRUCTION_

template <typename... Args>
class Matmul {
  static_assert(ascsim_detail::AlwaysFalse<Args...>::value, "ascsim: Matmul is not simulated (no matrix unit)");
};
struct ListTensorDesc {
  template <typename... Args>
  explicit ListTensorDesc(const Args&...) {
    static_assert(ascsim_detail::AlwaysFalse<Args...>::value, "ascsim: ListTensorDesc is not simulated");
  }
};
template <typename T>
class NumericLimits {
  static_assert(ascsim_detail::AlwaysFalse<T>::value,
                "ascsim: NumericLimits is not simulated: use std::numeric_limits");
};
template <TPosition... pos>
class TBufPool {
  static_assert(sizeof...(pos) > 1000, "ascsim: TBufPool is not simulated");
};

// Register vectors, of Ascend 950. Functions on them take one, so that this is what the compiler complains about.
namespace MicroAPI {
template <typename... T>
struct RegTensor {
  static_assert(ascsim_detail::AlwaysFalse<T...>::value,
                "ascsim: RegTensor is not simulated: no register vectors on Atlas A2");
};
}  // namespace MicroAPI

}  // namespace AscendC

namespace matmul {
using AscendC::Matmul;
}
