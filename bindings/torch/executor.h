// Runs the core's tasks on torch's own threads.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "xmsda/executor.h"

namespace xmsda::torch_binding {

// As many workers as torch.get_num_threads(), fewer when there is little to do: `operations` counts multiplications or
// elements to write. Inside a parallel region of torch the tasks run one after another.
Executor TorchExecutor(double operations);

}  // namespace xmsda::torch_binding
