"""Multi-scale deformable attention on the CPU, for training and inference.

SPDX-License-Identifier: Apache-2.0
"""

from xmsda import ascend, nn, reference
from xmsda.ops import ms_deform_attn, ms_deform_attn_fused
from xmsda.targets import last_target, targets, use_target
from xmsda.version import __version__

__all__ = [
    "__version__",
    "ascend",
    "last_target",
    "ms_deform_attn",
    "ms_deform_attn_fused",
    "nn",
    "reference",
    "targets",
    "use_target",
]
