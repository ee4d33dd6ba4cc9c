"""Makes a copy of a kernel in which synchronising statements can be left out at run time.

SPDX-License-Identifier: Apache-2.0

mutate.py KERNEL.cpp OUTPUT.cpp: mutant number i (from 0) is active while ascsim_mutant() == i. Mutants are

- each statement alone;
- a SetFlag directly followed by its WaitFlag; where they stand apart, all SetFlag and WaitFlag of a flag together;
- of a queue, EnQue and DeQue together: DeQue then gives what EnQue would have got, without a flag, as if the tensor of
  AllocTensor were used on; FreeTensor and AllocTensor together: the tensors once allocated are used again. DeQue or
  AllocTensor alone: the same, with the other of the two still called.

Line numbers stay those of the kernel. A line with a synchronising word that is none of these forms is an error. The
output ends with a table `ascsim_mutants_NAME` of first line, last line and text.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

WORD = re.compile(
    r"\b(?:SetFlag|WaitFlag|PipeBarrier|CrossCoreSetFlag|CrossCoreWaitFlag|SyncAll|EnQue|DeQue|AllocTensor|FreeTensor"
    r"|FreeAllEvent|set_flag|wait_flag|pipe_barrier|DataCacheCleanAndInvalid)\b"
)
# What stands before a statement: a condition without parentheses inside, a namespace.
LEAD = r"^(?P<lead>\s*(?:if \([^()]*\) )?)(?P<call>(?:AscendC::)?"
ARGUMENTS = r"\((?P<arguments>[^;]*)\));\s*$"
PLAIN = re.compile(
    LEAD + r"(?P<name>(?:\w+\.)?(?:SetFlag|WaitFlag)|(?:CrossCore(?:Set|Wait)Flag|PipeBarrier|SyncAll)"
    r"|set_flag|wait_flag|pipe_barrier|DataCacheCleanAndInvalid)(?:<(?P<template>[^;()]*)>)?" + ARGUMENTS
)
GIVE = re.compile(LEAD + r"(?P<queue>\w+)\.(?P<name>EnQue|FreeTensor)" + ARGUMENTS)
TAKE = re.compile(
    r"^(?P<lead>\s*(?:[\w:<>]+ )?\w+ = )(?P<call>(?P<queue>\w+)\.(?P<name>DeQue|AllocTensor)<(?P<type>\w+)>\(\));\s*$"
)
PARTNER = {"DeQue": "EnQue", "AllocTensor": "FreeTensor"}


class UnknownStatement(Exception):
    """A line that synchronises in a way that this program cannot leave out."""


@dataclass
class Statement:
    """A synchronising statement; the lists hold the mutants in which ..."""

    line: int  # from 0
    match: re.Match[str]
    left_out: list[int] = field(default_factory=list)
    hold: list[int] = field(default_factory=list)  # EnQue, FreeTensor: the tensor is kept for the partner
    take: list[int] = field(default_factory=list)  # DeQue, AllocTensor: gives what has been kept

    @property
    def name(self) -> str:
        """The function called, without its object."""
        return self.match["name"].split(".")[-1]


def parse(lines: list[str]) -> list[Statement]:
    """The synchronising statements of a kernel."""
    statements = []
    for number, line in enumerate(lines):
        code = line.split("//")[0].rstrip()
        if code.lstrip().startswith(("#include", "using ")) or not WORD.search(code):
            continue
        match = PLAIN.match(code) or GIVE.match(code) or TAKE.match(code)
        if not match or len(WORD.findall(code)) != 1:
            raise UnknownStatement(f"{number + 1}: cannot leave out part of this line: {code.strip()}")
        statements.append(Statement(number, match))
    return statements


def flag_of(statement: Statement) -> tuple[str, ...] | None:
    """What makes two statements set and wait for the same flag."""
    template, arguments = statement.match["template"], statement.match["arguments"]
    if statement.name.startswith("CrossCore"):
        return ("cross-core flag", template.split(",")[0], arguments)
    if statement.name in ("SetFlag", "WaitFlag", "set_flag", "wait_flag"):
        owner = statement.match["name"].rpartition(".")[0]
        return (owner or "flag", template or "", arguments)
    return None


class Mutants:
    """The table of mutants, as it grows."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, str]] = []

    def add(self, statements: list[Statement], text: str) -> int:
        """A mutant of these statements; gives its number."""
        lines = [s.line + 1 for s in statements]
        self.rows.append((min(lines), max(lines), text))
        return len(self.rows) - 1


def add_flags(statements: list[Statement], mutants: Mutants) -> None:
    """Single statements, pairs, and all of a flag."""
    flags: dict[tuple[str, ...], list[Statement]] = {}
    for s in statements:
        s.left_out.append(mutants.add([s], s.match[0].strip()))
        flag = flag_of(s)
        if flag:
            flags.setdefault(flag, []).append(s)
    for flag, of_flag in flags.items():
        pairs = [
            (a, b)
            for a, b in pairwise(of_flag)
            if b.line == a.line + 1 and a.name.lower().startswith("set") and b.name.lower().startswith("wait")
        ]
        for a, b in pairs:
            number = mutants.add([a, b], f"{a.match[0].strip()} {b.match[0].strip()}")
            a.left_out.append(number)
            b.left_out.append(number)
        if len(of_flag) > 2 or not pairs:
            number = mutants.add(of_flag, f"all of {flag[0]} {flag[1]} {flag[2]}")
            for s in of_flag:
                s.left_out.append(number)


def add_queues(statements: list[Statement], mutants: Mutants) -> None:
    """Ways to do without the statements of a queue."""
    queues: dict[tuple[str, str], list[Statement]] = {}
    for s in statements:
        queues.setdefault((s.match["queue"], s.name), []).append(s)
        if s.name in PARTNER.values():
            s.left_out.append(mutants.add([s], s.match[0].strip()))
    for (queue, name), takers in queues.items():
        if name not in PARTNER:
            continue
        givers = queues.get((queue, PARTNER[name]), [])
        alone = mutants.add(takers, f"{queue}.{name}")
        both = mutants.add(givers + takers, f"{queue}.{PARTNER[name]} and {name}")
        for s in givers:
            s.hold += [alone, both]
            s.left_out.append(both)
        for s in takers:
            s.take += [alone, both]


def is_one_of(numbers: list[int]) -> str:
    """A condition that holds in these mutants."""
    return "(" + " || ".join(f"ascsim_mutant() == {n}" for n in numbers) + ")"


def rewrite(s: Statement) -> str:
    """The line of a statement, with conditions."""
    lead, call, queue = s.match["lead"], s.match["call"], s.match.groupdict().get("queue")
    if s.take:
        held = f"{is_one_of(s.take)} && ascsim_holds(&{queue})"
        return f"{lead}{held} ? ascsim_take<{s.match['type']}>(&{queue}) : {call};"
    hold = f"if ({is_one_of(s.hold)}) ascsim_hold(&{queue}, {s.match['arguments']}); " if s.hold else ""
    return f"{lead}{{ {hold}if (!{is_one_of(s.left_out)}) {call}; }}"


def mutate(text: str, path: str, name: str) -> str:
    """The copy of a kernel."""
    lines = text.splitlines()
    statements = parse(lines)
    mutants = Mutants()
    add_flags([s for s in statements if "queue" not in s.match.groupdict()], mutants)
    add_queues([s for s in statements if "queue" in s.match.groupdict()], mutants)
    for s in statements:
        lines[s.line] = rewrite(s)
    table = "".join(f'    {{{first}, {last}, "{row}"}},\n'.replace("\\", "\\\\") for first, last, row in mutants.rows)
    return (
        f'#include "held_tensors.h"\n#line 1 "{path}"\n'
        + "\n".join(lines)
        + f"\nextern const std::vector<Mutant> ascsim_mutants_{name};\n"
        + f"const std::vector<Mutant> ascsim_mutants_{name} = {{\n{table}}};\n"
    )


def main() -> None:
    """Read the kernel, write the copy."""
    kernel, output = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        output.write_text(mutate(kernel.read_text(), str(kernel), kernel.stem))
    except UnknownStatement as error:
        sys.exit(f"{kernel}:{error}")


if __name__ == "__main__":
    main()
