// The checks that every backend makes before it writes anything.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "xmsda/msda.h"

namespace xmsda {

// Whether an array of these sizes has fewer than kMaxElements, a size of 0 counted as 1.
bool ElementsFit(std::initializer_list<int64_t> sizes);

// The problem, the pointers (null is accepted for arrays without elements), the workspace against `needed_workspace`
// bytes (0: none is needed and any is accepted), and the executor.
Status ValidateForwardCall(const Problem& problem, const Inputs& inputs, const void* output, const Workspace& workspace,
                           size_t needed_workspace, const Executor& executor);

// Also refuses gradients.value_strides under which two elements share memory.
Status ValidateBackwardCall(const Problem& problem, const Inputs& inputs, const void* grad_output,
                            const Gradients& gradients, const Workspace& workspace, size_t needed_workspace,
                            const Executor& executor);

}  // namespace xmsda
