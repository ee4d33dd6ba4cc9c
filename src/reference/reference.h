// Double-precision reference, plain loops; every other backend is judged by it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "xmsda/msda.h"

namespace xmsda {

// As Forward and Backward of msda.h: any dtype is read into double, computed in double, and rounded once.
Status ReferenceForward(const Problem& problem, const Inputs& inputs, void* output, const Executor& executor);
Status ReferenceBackward(const Problem& problem, const Inputs& inputs, const void* grad_output,
                         const Gradients& gradients, const Executor& executor);

}  // namespace xmsda
