// Runs the core's tasks on torch's own threads.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "xmsda/executor.h"

namespace xmsda::torch_binding {

// As many workers as torch.get_num_threads(). Inside a parallel region of torch the tasks run one after another.
Executor TorchExecutor();

}  // namespace xmsda::torch_binding
