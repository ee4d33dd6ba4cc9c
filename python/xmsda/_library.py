"""Loads the compiled operators and names them.

SPDX-License-Identifier: Apache-2.0
"""

from pathlib import Path

import torch

torch.ops.load_library(str(Path(__file__).with_name("_C.abi3.so")))

# The public operators: differentiable, and what torch.compile and torch.export see.
FORWARD = torch.ops.xmsda.ms_deform_attn_forward.default
BACKWARD = torch.ops.xmsda.ms_deform_attn_backward.default
# Also fused and with other paddings; they take reference_points (or None) and a mode, bits of the MODE_ constants.
GENERAL_FORWARD = torch.ops.xmsda.ms_deform_attn_general_forward.default
GENERAL_BACKWARD = torch.ops.xmsda.ms_deform_attn_general_backward.default
MODE_DISCRETE, MODE_BORDER, MODE_ALIGN_CORNERS = 1, 2, 4
# The same kernels without an autograd formula in the dispatcher (see ops.py). An OpOverload's __call__ does nothing but
# call _op, for 0.25 us.
RAW_FORWARD = getattr(torch.ops.xmsda._forward.default, "_op", torch.ops.xmsda._forward.default)
RAW_BACKWARD = getattr(torch.ops.xmsda._backward.default, "_op", torch.ops.xmsda._backward.default)
