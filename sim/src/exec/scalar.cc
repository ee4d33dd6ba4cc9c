// Instructions of the scalar unit that take time and change no data.
// SPDX-License-Identifier: Apache-2.0
#include "exec/tables.h"

namespace ascsim {
namespace {

// Scalar accesses go straight to GM (see cache.h): there is nothing to write back and nothing to drop.
void Nothing(Execution&) {}

}  // namespace

// GetValue and SetValue are executed by the runtime (ScalarRead, ScalarWrite).
ExecFunction FindScalar(Op op, DType, DType) { return op == Op::kCleanCache || op == Op::kScalar ? Nothing : nullptr; }

}  // namespace ascsim
