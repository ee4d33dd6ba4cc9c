// Runs the core's tasks on torch's own threads.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "xmsda/msda.h"

namespace xmsda::torch_binding {

enum class Pass { kForward, kBackward };

// As many workers as torch.get_num_threads(), fewer when there is little to do. Inside a parallel region of torch the
// tasks run one after another.
Executor TorchExecutor(const Problem& problem, Pass pass);

}  // namespace xmsda::torch_binding
