"""Makes a copy of a kernel in which each synchronising statement can be switched off at run time.

SPDX-License-Identifier: Apache-2.0

mutate.py KERNEL.cpp OUTPUT.cpp: statement number i (from 0) is skipped while ascsim_mutant() == i; a SetFlag directly
followed by its WaitFlag also gets a number for both together. Line numbers stay those of the kernel. Prints nothing;
the output ends with a table `ascsim_mutants_NAME` of number, first line, last line and text.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

STATEMENT = re.compile(
    r"^(\s*)((?:SetFlag|WaitFlag|PipeBarrier|CrossCoreSetFlag|CrossCoreWaitFlag)<[^;]*;"
    r"|SyncAll\([^;]*;|\w+\.(?:EnQue|FreeTensor)\([^;]*;|if \(turn > 0\) CrossCoreWaitFlag<[^;]*;)\s*$"
)


def main() -> None:
    """Read the kernel, write the copy."""
    kernel, output = Path(sys.argv[1]), Path(sys.argv[2])
    lines = kernel.read_text().splitlines()
    mutants: list[tuple[int, int, str]] = []
    conditions: dict[int, list[int]] = {}
    found = [i for i, line in enumerate(lines) if STATEMENT.match(line)]
    for i in found:
        conditions.setdefault(i, []).append(len(mutants))
        mutants.append((i + 1, i + 1, lines[i].strip()))
    for i in found:
        first = re.match(r"\s*SetFlag<([^>]*)>\((.*)\);", lines[i])
        if first and i + 1 < len(lines):
            second = re.match(r"\s*WaitFlag<([^>]*)>\((.*)\);", lines[i + 1])
            if second and first.groups() == second.groups():
                for line in (i, i + 1):
                    conditions[line].append(len(mutants))
                mutants.append((i + 1, i + 2, lines[i].strip() + " " + lines[i + 1].strip()))
    for i, numbers in conditions.items():
        match = STATEMENT.match(lines[i])
        assert match
        test = " && ".join(f"ascsim_mutant() != {n}" for n in numbers)
        lines[i] = f"{match[1]}if ({test}) {{ {match[2]} }}"
    table = "".join(f'    {{{first}, {last}, "{text}"}},\n'.replace("\\", "\\\\") for first, last, text in mutants)
    name = kernel.stem
    output.write_text(
        f'#include "mutants.h"\n#line 1 "{kernel}"\n'
        + "\n".join(lines)
        + f"\nextern const std::vector<Mutant> ascsim_mutants_{name};\n"
        + f"const std::vector<Mutant> ascsim_mutants_{name} = {{\n{table}}};\n"
    )


if __name__ == "__main__":
    main()
