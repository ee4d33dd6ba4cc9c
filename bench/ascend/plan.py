"""What the reproduction simulates: cells of the tables and pictures, and the jobs behind them.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from bench import workloads
from bench.ascend.jobs import FAST_ATOMICS, PASSES, Job
from bench.problem import Problem

ROWS = ("detr-enc", "detr-enc-b2", "detr-dec", "dino-dec", "bev-sca", "bev-tsa", "rtdetr-dec", "m2f-enc")
DECODERS = ("detr-dec", "dino-dec", "rtdetr-dec")
SAMPLINGS = ("local", "uniform", "hot")
BASELINES = ("grid-sample", "library", "library-db")
# The row that shares are checked on, and that ablations, scaling and the sensitivity are made from.
ENCODER = "detr-enc"
CORES = (1, 2, 4, 8, 16, 24, 32, 40, 48)
QUERIES = (100, 300, 900, 2700, 8100)


def problem_of(row: str, dtype: str = "f16") -> Problem:
    """The problem of a row with this dtype of value."""
    return replace(workloads.select([row])[0].problem, dtype=dtype)


def text_of(problem: Problem) -> str:
    """The driver's problem string; locations are float32, as the kernels take them."""
    return str(problem) if problem.dtype == "f32" else f"{problem}_locf32"


@dataclass(frozen=True)
class Cell:
    """A number of a table: one pass of a row by a variant ("auto" included) on a chip."""

    row: str
    sampling: str
    chip: str
    variant: str
    pass_name: str
    dtype: str = "f16"


@dataclass(frozen=True)
class Constant:
    """Constants of the chip that the conclusions may hang on, changed together, and how far.

    Attributes
    ----------
    names
        Of the table of the chip; a `*` stands for any part of a name.
    low, high
        Values; factors when the names are several.
    """

    label: str
    names: tuple[str, ...]
    low: float
    high: float

    def setting(self, value: float, table: dict[str, dict[str, Any]]) -> str:
        """For the driver's --set."""
        if len(self.names) == 1 and "*" not in self.names[0]:
            return f"{self.names[0]}={value:g}"
        chosen = []
        for pattern in self.names:
            first, _, last = pattern.partition("*")
            chosen += [name for name in table if name.startswith(first) and name.endswith(last) and name not in chosen]
        return ",".join(f"{name}={table[name]['value'] * value:g}" for name in chosen)


# Ranges: of the table where it has one, else those of the design (what has been published, or half and twice).
CONSTANTS = (
    Constant("atomics, bytes a cycle and core", ("l2.atomic",), 4, 32),
    Constant("atomics, cycles of a 512-B line", ("l2.line_atomic",), 2, 32),
    Constant("latency of a copy from L2, cycles", ("dma.latency_l2",), 165, 310),
    Constant("Gather of 32 bits, cycles a repeat", ("vector.Gather.b4.per_repeat",), 20, 30),
    Constant("Gatherb, cycles a repeat", ("vector.Gatherb.any.per_repeat",), 4, 26),
    Constant("GetValue, cycles", ("scalar.access",), 5, 16),
    Constant("issue of a copy, cycles", ("dma.issue",), 18, 33),
    Constant("further burst of a copy from L2, cycles", ("dma.burst_l2",), 3.5, 14),
    Constant("burst of a copy to GM, cycles", ("dma.burst_write",), 5.35, 21.4),
    Constant("dependent vector instructions, interval (x)", ("vector.*latency", "cast.*latency"), 0.5, 2),
    Constant("issue of an instruction, cycles", ("scalar.issue",), 2, 8),
    Constant("setting a mask, cycles", ("scalar.set_mask",), 8, 32),
    Constant("L2 in all, TB/s", ("l2.total",), 2.9, 11.6),
    Constant("launch, ns a block", ("launch.per_block",), 0, 73),
)
_QUICK_CONSTANTS = ("l2.atomic", "vector.Gather.b4.per_repeat", "dma.issue", "scalar.access")


@dataclass(frozen=True)
class Ablation:
    """One optimisation and what is left without it: another variant, or the same with a switch of the driver."""

    name: str
    base: str
    without: str
    switch: str = ""
    passes: tuple[str, ...] = PASSES


# Those that are variants of their own. The others are switches, which `xmsda list` names.
ABLATIONS = (
    Ablation("resident levels", "resident", "dma1", passes=("forward",)),
    Ablation("DMA sharing: one copy for four corners, not two", "dma1", "dma2"),
    Ablation("double buffering (of the vendor's style)", "library-db", "library"),
    Ablation("type-unaligned pair gather", "xmsda", "xmsda-aligned"),
    Ablation("UB gather beside DMA", "hybrid", "dma1"),
)
# What the issue wants removed one at a time, as switches are to be called.
WANTED_SWITCHES = (
    "pixel-last",
    "pair-gather",
    "merging",
    "adaptive-vectorisation",
    "padding",
    "contention-aware-order",
    "dma-sharing",
    "resident-levels",
)


def ablations(listed: dict[str, Any]) -> list[Ablation]:
    """All that this driver can do."""
    names = {variant["name"] for variant in (*listed["variants"], *listed.get("comparisons", []))}
    found = [one for one in ABLATIONS if {one.base, one.without} <= names]
    for switch in listed.get("ablations", []):
        passes: dict[str, tuple[str, ...]] = {}
        for one in switch["without"]:
            passes[one["variant"]] = (*passes.get(one["variant"], ()), one["pass"])
        found += [
            Ablation(switch["name"], variant, variant, switch["name"], names_of)
            for variant, names_of in passes.items()
            if variant in names
        ]
    return found


@dataclass(frozen=True)
class Settings:
    """How much is simulated.

    Attributes
    ----------
    cap
        Millions of samples beyond which a row is extrapolated from two shares of its queries.
    whole
        Rows with their sampling that are simulated whole whatever their size.
    """

    rows: tuple[str, ...] = ROWS
    samplings: tuple[str, ...] = SAMPLINGS
    chips: tuple[str, ...] = (FAST_ATOMICS, "910b2-slow-atomics")
    f32_rows: tuple[str, ...] = ("detr-enc", "detr-dec")
    cap: float = 0.3
    whole: tuple[tuple[str, str], ...] = ((ENCODER, "local"),)
    constants: tuple[Constant, ...] = CONSTANTS
    cores: tuple[int, ...] = CORES
    queries: tuple[int, ...] = QUERIES
    strict: bool = True
    quick: bool = False


QUICK = Settings(
    rows=("detr-enc", "detr-dec", "rtdetr-dec"),
    samplings=("local",),
    f32_rows=(),
    whole=(),
    constants=tuple(one for one in CONSTANTS if one.names[0] in _QUICK_CONSTANTS),
    cores=(1, 8, 48),
    queries=(300, 900, 2700),
    strict=False,
    quick=True,
)


@dataclass
class Plan:
    """Cells and their jobs.

    Attributes
    ----------
    variants
        Of the driver, without "auto".
    choices
        What "auto" takes: by problem text, setting of the chip and pass. Told by the driver.
    """

    settings: Settings
    variants: tuple[str, ...]
    ablations: list[Ablation] = field(default_factory=list)
    choices: dict[tuple[str, str, str], str] = field(default_factory=dict)
    table: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def all_variants(self) -> tuple[str, ...]:
        """The variants, "auto" first."""
        return ("auto", *self.variants)

    def shares(self, row: str, sampling: str, dtype: str = "f16") -> tuple[int, ...]:
        """The numbers of queries to simulate: one, or two that the time of the row follows from."""
        problem = problem_of(row, dtype)
        millions = problem.samples / 1e6
        if millions <= 1.5 * self.settings.cap or (row, sampling) in self.settings.whole:
            return (problem.queries,)
        return self.smaller_shares(row)

    def smaller_shares(self, row: str) -> tuple[int, int]:
        """Two numbers of queries, the second the double of the first, within the cap if possible.

        Tiles of 32, 48 and 64 queries then give all of 48 cores the same work: what a tile costs is what it costs in
        the whole, where unevenness hardly shows.
        """
        problem = problem_of(row)
        unit = 192 * (48 // math.gcd(48, problem.batch * problem.heads))
        most = problem.queries * self.settings.cap / (problem.samples / 1e6)
        first = unit * max(1, int(most / unit / 2))
        return first, 2 * first

    def resolve(self, variant: str, problem: str, pass_name: str, setting: str = "") -> str:
        """The variant that runs: what "auto" takes for the whole problem."""
        return variant if variant != "auto" else self.choices.get((problem, setting, pass_name), "")

    def job(self, cell: Cell, queries: int | None = None, **changes: Any) -> Job:
        """The job of a cell, with so many queries."""
        problem = problem_of(cell.row, cell.dtype)
        variant = self.resolve(cell.variant, text_of(problem), cell.pass_name)
        small = problem if queries is None else replace(problem, queries=queries)
        # Forward passes have no atomics: the sets do not differ.
        chip = cell.chip if cell.pass_name == "backward" else FAST_ATOMICS
        return Job(text_of(small), cell.sampling, variant, cell.pass_name, chip, **changes)

    def cell_jobs(self, cell: Cell, **changes: Any) -> tuple[Job, ...]:
        """The jobs that the number of a cell follows from."""
        shares = self.shares(cell.row, cell.sampling, cell.dtype)
        return tuple(self.job(cell, queries, **changes) for queries in shares)

    def share_jobs(self, cell: Cell, **changes: Any) -> tuple[Job, ...]:
        """The same with two shares in any case."""
        return tuple(self.job(cell, queries, **changes) for queries in self.smaller_shares(cell.row))

    def cells(self) -> list[Cell]:
        """Of the main tables."""
        return [
            Cell(row, sampling, chip, variant, name, dtype)
            for dtype, rows in (("f16", self.settings.rows), ("f32", self.settings.f32_rows))
            for row in rows
            for sampling in (self.settings.samplings if dtype == "f16" else self.settings.samplings[:1])
            for chip in self.settings.chips
            for variant in self.all_variants
            for name in PASSES
        ]

    def share_check_cells(self) -> list[Cell]:
        """Cells that are simulated whole and by shares."""
        return [
            Cell(row, sampling, FAST_ATOMICS, variant, name)
            for row, sampling in self.settings.whole
            for variant in self.variants
            for name in PASSES
        ]

    def ablation_cells(self) -> list[tuple[Ablation, str, str, tuple[Job, ...], tuple[Job, ...]]]:
        """Ablation, chip, pass, jobs with and jobs without; on the encoder."""
        found = []
        for one in self.ablations:
            for name in one.passes:
                for chip in self.settings.chips if name == "backward" else (FAST_ATOMICS,):
                    cell = Cell(ENCODER, "local", chip, one.base, name)
                    without = self.cell_jobs(replace(cell, variant=one.without), ablate=one.switch)
                    found.append((one, chip, name, self.cell_jobs(cell), without))
        return found

    def core_jobs(self) -> list[tuple[int, str, tuple[Job, ...]]]:
        """Cores, pass and jobs of `auto` on shares of the encoder."""
        found = []
        for cores in self.settings.cores:
            setting = f"chip.vector_cores={cores}"
            for name in PASSES:
                text = text_of(problem_of(ENCODER))
                chosen = self.resolve("auto", text, name, setting)
                cell = Cell(ENCODER, "local", FAST_ATOMICS, chosen, name)
                found.append((cores, name, self.share_jobs(cell, set=setting)))
        return found

    def query_jobs(self) -> list[tuple[int, str, str, Job]]:
        """Queries, variant, pass and job, uniform sampling of the encoder's levels."""
        found = []
        for queries in self.settings.queries:
            problem = text_of(replace(problem_of(ENCODER), queries=queries))
            for variant in self.all_variants:
                # The slowest by far, and far from the others at any size.
                if variant == "grid-sample" and queries > 1000:
                    continue
                for name in PASSES:
                    job = Job(problem, "uniform", self.resolve(variant, problem, name), name)
                    found.append((queries, variant, name, job))
        return found

    def tornado_jobs(self) -> list[tuple[Constant | None, float, str, str, tuple[Job, ...]]]:
        """Constant (None: as the table has it), value, variant, pass and jobs on shares of the encoder."""
        compared = ("auto", *(variant for variant in self.variants if variant in BASELINES))
        settings: list[tuple[Constant | None, float, str]] = [(None, 0, "")]
        for constant in self.settings.constants:
            ends = (constant.low, constant.high)
            settings += [(constant, value, constant.setting(value, self.table)) for value in ends]
        found: list[tuple[Constant | None, float, str, str, tuple[Job, ...]]] = []
        for one, value, setting in settings:
            for variant in compared:
                for name in PASSES:
                    cell = Cell(ENCODER, "local", FAST_ATOMICS, variant, name)
                    # Forward passes have no atomics.
                    change = "" if name == "forward" and "atomic" in setting else setting
                    found.append((one, value, variant, name, self.share_jobs(cell, set=change)))
        return found

    def strict_jobs(self) -> list[Job]:
        """The encoder whole with all checks: wall time, and that no rule is broken."""
        if not self.settings.strict:
            return []
        cells = [Cell(ENCODER, "local", FAST_ATOMICS, "auto", name) for name in PASSES]
        return [self.job(cell, strict=True) for cell in cells]

    def choice_problems(self) -> list[tuple[str, str]]:
        """Problems and settings for which the driver must tell what "auto" takes."""
        found = [(text_of(problem_of(row)), "") for row in dict.fromkeys((*self.settings.rows, ENCODER))]
        found += [(text_of(problem_of(row, "f32")), "") for row in self.settings.f32_rows]
        found += [(text_of(replace(problem_of(ENCODER), queries=queries)), "") for queries in self.settings.queries]
        found += [(text_of(problem_of(ENCODER)), f"chip.vector_cores={cores}") for cores in self.settings.cores]
        return list(dict.fromkeys(found))

    def jobs(self) -> list[Job]:
        """All of them, each once."""
        found: list[Job] = []
        for cell in self.cells():
            found += self.cell_jobs(cell)
        for cell in self.share_check_cells():
            found += self.share_jobs(cell)
        for _, _, _, with_it, without in self.ablation_cells():
            found += [*with_it, *without]
        for _, _, shares in self.core_jobs():
            found += shares
        found += [job for _, _, _, job in self.query_jobs()]
        for _, _, _, _, shares in self.tornado_jobs():
            found += shares
        found += self.strict_jobs()
        return _once(found)


def _once(jobs: Iterable[Job]) -> list[Job]:
    return [job for job in dict.fromkeys(jobs) if job.variant]
