"""Types of arguments that several modules take.

SPDX-License-Identifier: Apache-2.0
"""

from collections.abc import Sequence

from torch import Tensor

IntPairs = Tensor | Sequence[Sequence[int]]
Ints = Tensor | Sequence[int]
