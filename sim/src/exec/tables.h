// The exec functions by family; execution.h's FindExec asks them in turn. Each gives null for what is not its own.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/execution.h"

namespace ascsim {

ExecFunction FindElementwise(Op op, DType dst, DType src);
ExecFunction FindCast(Op op, DType dst, DType src);
ExecFunction FindCompare(Op op, DType dst, DType src);
ExecFunction FindReduce(Op op, DType dst, DType src);
ExecFunction FindGather(Op op, DType dst, DType src);
ExecFunction FindPermute(Op op, DType dst, DType src);
ExecFunction FindCopy(Op op, DType dst, DType src);
ExecFunction FindScalar(Op op, DType dst, DType src);

}  // namespace ascsim
