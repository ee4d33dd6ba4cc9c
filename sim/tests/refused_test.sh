#!/usr/bin/env bash
# What is not simulated stops the compiler with a sentence that names it: refused_test.sh SOURCE [COMPILER].
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
source="$1" compiler="${2:-c++}"

failed=0
# refused NAME STATEMENT: the statement in a kernel gives "ascsim: ... NAME ... ".
refused() {
  local program output
  program="#include \"kernel_operator.h\"
using namespace AscendC;
__aicore__ inline void kernel(LocalTensor<float> a, LocalTensor<float> b, GlobalTensor<float> gm, TPipe* pipe) {
  (void)a, (void)b, (void)gm, (void)pipe;
  $2
}"
  if output="$("$compiler" -std=c++17 -fsyntax-only -I "$source/include" -x c++ - <<<"$program" 2>&1)"; then
    echo "refused_test.sh: compiles: $2"
    failed=1
  elif ! grep -q "ascsim: .*$1" <<<"$output"; then
    echo "refused_test.sh: expected a sentence that names $1, got for: $2"
    echo "$output" | head -5
    failed=1
  fi
}

refused Mmad "Mmad(a, b, b, 1);"
refused LoadData "LoadData(a, gm, 1);"
refused Fixpipe "Fixpipe(gm, a, 1);"
refused Nd2NzParams "DataCopy(a, gm, Nd2NzParams());"
refused "DataCopyPad between local memories" "DataCopyPad(a, b, DataCopyExtParams(1, 32, 0, 0, 0));"
refused Scatter "Scatter(a, b, a.ReinterpretCast<uint32_t>(), 0u, 8u);"
refused Sort "Sort<float, true>(a, b, a.ReinterpretCast<uint32_t>(), b, 1);"
refused Fixpipe "Fixpipe<float, float, 1>(gm, a, 1);"
refused SetHF32Mode "SetHF32Mode<true>(1);"
refused SoftMax "SoftMax<float>(a, b, 1);"
refused Matmul "Matmul<float, float, float> m;"
refused TBufPool "TBufPool<TPosition::VECCALC> pool;"
refused InitBufPool "int pool = 0; pipe->InitBufPool(pool, 1024);"
refused ListTensorDesc "ListTensorDesc desc((__gm__ void*)nullptr);"
refused "operator +" "a = a + b;"
refused DataSyncBarrier "DataSyncBarrier<MemDsbT::UB>();"
refused LocalMemAllocator "LocalMemAllocator<Hardware::L0C> allocator;"
refused ReadGmByPassDCache "ReadGmByPassDCache(gm.GetPhyAddr());"
refused GetStoreAtomicConfig "uint16_t t, o; GetStoreAtomicConfig(t, o);"
refused "Add does not take this element type" "Add(a.ReinterpretCast<uint8_t>(), a.ReinterpretCast<uint8_t>(), a.ReinterpretCast<uint8_t>(), 32);"
refused "kernel type" "KERNEL_TASK_TYPE_DEFAULT(KERNEL_TYPE_VECTORCORE);"
refused RegTensor "MicroAPI::RegTensor<float> r;"
refused Interleave "Interleave(a, b, a, b, 64);"
refused GetProgramCounter "(void)GetProgramCounter();"
refused NumericLimits "float most = NumericLimits<float>::Max();"
refused Sort32 "Sort32<float>(a, b, a.ReinterpretCast<uint32_t>(), 1);"
refused MrgSort "MrgSort<float>(a, b, 1);"
refused Concat "Concat<float>(a, b, a, 1);"
refused Extract "Extract<float>(a, a.ReinterpretCast<uint32_t>(), b, 1);"
exit "$failed"
