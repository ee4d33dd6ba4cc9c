// Instructions of the scalar unit that take time and change no data.
// SPDX-License-Identifier: Apache-2.0
#include "exec/tables.h"

namespace ascsim {
namespace {

// Scalar accesses go straight to GM: there is nothing to write back and nothing to drop, but the checks want to know.
void Clean(Execution& e) { e.CleanCache(e.instruction().dst.address, e.instruction().option[0] != 0); }
void Preload(Execution& e) {
  if (e.instruction().src0.used) e.PreloadCache(e.instruction().src0.address);
}

}  // namespace

// GetValue and SetValue are executed by the runtime (ScalarRead, ScalarWrite).
ExecFunction FindScalar(Op op, DType, DType) {
  return op == Op::kCleanCache ? Clean : op == Op::kScalar ? Preload : nullptr;
}

}  // namespace ascsim
