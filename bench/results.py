"""All that a run measured: look-ups, ratios, the bars of the project, and the JSON file.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.machine import bound
from bench.measure import PASSES, Entry
from bench.problem import parse

SCHEMA = 1
# Half the interquartile range over the median from which on a ratio is marked.
UNCERTAIN = 0.5
# And the part of the CPUs that is wanted twice. With two threads of two CPUs and compilers beside them, calls of 0.1 ms
# took 8 to 44 ms and all of them alike, so that their spread does not tell.
CROWDED = 0.1


def spread(timing: dict[str, Any]) -> float:
    """Half the interquartile range of what `Timing.summary` gave, over its median."""
    return (timing["q3_ms"] - timing["q1_ms"]) / 2 / timing["median_ms"]


@dataclass
class Run:
    """The results of one run of the benchmark.

    Attributes
    ----------
    rates
        What `xmsda_bounds` measured; empty when it could not be built.
    memory
        Records of `bench.memory`.
    """

    machine: dict[str, Any] = field(default_factory=dict)
    rates: dict[str, Any] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    memory: list[dict[str, Any]] = field(default_factory=list)

    def cells(self) -> list[tuple[str, str, int]]:
        """(row, sampling, threads) in the order of measurement."""
        return list(dict.fromkeys((entry.row, entry.sampling, entry.threads) for entry in self.entries))

    def find(self, row: str, sampling: str, threads: int, impl: str) -> Entry | None:
        """The entry, None when it was not part of the run."""
        key = (row, sampling, threads, impl)
        for entry in self.entries:
            if (entry.row, entry.sampling, entry.threads, entry.impl) == key:
                return entry
        return None

    def median(self, row: str, sampling: str, threads: int, impl: str, name: str) -> float | None:
        """Median milliseconds of a pass; None when there is nothing to compare: not measured, or wrong results."""
        entry = self.find(row, sampling, threads, impl)
        return entry.passes[name]["median_ms"] if entry is not None and _comparable(entry, name) else None

    def best_peer(self, row: str, sampling: str, threads: int, name: str) -> tuple[str, float] | None:
        """The fastest peer of a cell and its milliseconds."""
        times = [
            (entry.passes[name]["median_ms"], entry.impl)
            for entry in self.entries
            if (entry.row, entry.sampling, entry.threads) == (row, sampling, threads)
            and entry.peer
            and _comparable(entry, name)
        ]
        return (min(times)[1], min(times)[0]) if times else None

    def over(self, row: str, sampling: str, threads: int, name: str, peer: str = "best") -> float | None:
        """How many times faster xmsda fp32 is than a peer."""
        ours = self.median(row, sampling, threads, "xmsda", name)
        best = self.best_peer(row, sampling, threads, name)
        theirs = (best[1] if best else None) if peer == "best" else self.median(row, sampling, threads, peer, name)
        return theirs / ours if ours and theirs else None

    def uncertain(self, row: str, sampling: str, threads: int, name: str, peer: str = "best") -> bool:
        """Whether a ratio of `over` says little: one of its times is doubtful."""
        best = self.best_peer(row, sampling, threads, name)
        pair = ["xmsda", (best[0] if best else "") if peer == "best" else peer]
        return any(self.doubtful(self.find(row, sampling, threads, impl), name) for impl in pair)

    def doubtful(self, entry: Entry | None, name: str) -> bool:
        """Whether a time spreads above UNCERTAIN, or other processes used CPUs that its threads wanted."""
        if entry is None or name not in entry.passes:
            return False
        idle = max(0.0, 1 - entry.threads / self.machine.get("cpus", entry.threads))
        crowded = entry.others is not None and entry.others > max(CROWDED, idle - CROWDED)
        return crowded or spread(entry.passes[name]) > UNCERTAIN

    def fraction_of_bound(self, entry: Entry, name: str) -> float | None:
        """Bound over measured time of a pass."""
        if not self.rates or not _comparable(entry, name) or str(entry.threads) not in self.rates:
            return None
        least = bound(parse(entry.problem), name, entry.dtype, self.rates, entry.threads)["bound_ms"]
        return least / entry.passes[name]["median_ms"]

    def rounded(self) -> Run:
        """The run to five digits, as the file keeps it: a page made from either is the same."""
        entries = [
            replace(entry, passes=_rounded(entry.passes), differences=_rounded(entry.differences))
            for entry in self.entries
        ]
        return Run(self.machine, _rounded(self.rates), entries, _rounded(self.memory))

    def broken(self) -> list[str]:
        """A line for every implementation that failed or computed something else."""
        return [
            f"{entry.row} {entry.sampling} {entry.threads} thread(s) {entry.impl}: {entry.status}: {entry.reason}"
            for entry in self.entries
            if entry.status in ("failed", "mismatch")
        ]

    def as_json(self) -> dict[str, Any]:
        """Plain values; bounds are added to the entries of xmsda."""
        entries = []
        for entry in self.entries:
            record = entry.as_json()
            if not entry.peer and str(entry.threads) in self.rates:
                problem = parse(entry.problem)
                record["bounds"] = {
                    name: bound(problem, name, entry.dtype, self.rates, entry.threads)
                    for name in PASSES
                    if name in entry.passes
                }
            entries.append(record)
        return {
            "schema": SCHEMA,
            "machine": self.machine,
            "rates": self.rates,
            "entries": entries,
            "memory": self.memory,
            "bars": [bar.as_json() for bar in bars(self)],
        }

    def save(self, path: Path) -> None:
        """Write the JSON file, one line per entry."""
        data = _rounded(self.as_json())
        lines = []
        for key, value in data.items():
            if isinstance(value, list):
                items = ",\n    ".join(json.dumps(item) for item in value)
                lines.append(f'  "{key}": [\n    {items}\n  ]')
            else:
                lines.append(f'  "{key}": {json.dumps(value)}')
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _comparable(entry: Entry, name: str) -> bool:
    return entry.status == "ok" and name in entry.passes


def load(path: Path) -> Run:
    """Read what `Run.save` wrote."""
    data = json.loads(path.read_text())
    if data.get("schema") != SCHEMA:
        raise ValueError(f"{path}: expected schema {SCHEMA}, got {data.get('schema')}")
    entries = [Entry(**{key: value for key, value in record.items() if key != "bounds"}) for record in data["entries"]]
    return Run(data["machine"], data["rates"], entries, data["memory"])


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value


@dataclass(frozen=True)
class Bar:
    """A figure that the project holds itself to."""

    text: str
    measured: float | None
    bar: float
    aim: float
    unit: str = "x"
    detail: str = ""

    @property
    def met(self) -> bool | None:
        """None when it was not measured."""
        if self.measured is None:
            return None
        return self.measured <= self.bar if self.unit == "MB" else self.measured >= self.bar

    @property
    def verdict(self) -> str:
        """One word or two."""
        return {None: "not measured", True: "met", False: "missed"}[self.met]

    def as_json(self) -> dict[str, Any]:
        """A dictionary of plain values."""
        names = ("text", "measured", "bar", "aim", "unit", "detail", "verdict")
        return {name: getattr(self, name) for name in names}


_DECODERS = ("detr-dec", "dino-dec", "rtdetr-dec", "rtdetrv2-dec", "rfdetr-dec")


def _worst(ratios: list[tuple[float, str]]) -> tuple[float | None, str]:
    return min(ratios) if ratios else (None, "")


def _cell_ratios(run: Run, names: tuple[str, ...]) -> list[tuple[str, float, str]]:
    """(row, ratio over the best peer, description) of all measured cells and passes."""
    ratios = []
    for row, sampling, threads in run.cells():
        for name in names:
            ratio = run.over(row, sampling, threads, name)
            best = run.best_peer(row, sampling, threads, name)
            if ratio is not None and best is not None:
                text = f"{row} {sampling}, {threads} thread{'s' if threads > 1 else ''}, {name}, over {best[0]}"
                text += ", uncertain" if run.uncertain(row, sampling, threads, name) else ""
                ratios.append((row, ratio, text))
    return ratios


def _encoder_bars(run: Run) -> list[Bar]:
    def over(text: str, peer: str, name: str, least: float, aim: float) -> Bar:
        ratio = run.over("detr-enc", "local", 1, name, peer)
        detail = "uncertain" if run.uncertain("detr-enc", "local", 1, name, peer) else ""
        return Bar(f"detr-enc local, 1 thread, {name.replace('_', '+')}, over {text}", ratio, least, aim, detail=detail)

    def between(first: tuple[int, str], second: tuple[int, str], name: str) -> float | None:
        one = run.median("detr-enc", "local", *first, name)
        two = run.median("detr-enc", "local", *second, name)
        return one / two if one and two else None

    def doubt(name: str, *sides: tuple[int, str]) -> str:
        entries = [run.find("detr-enc", "local", *side) for side in sides]
        return "uncertain" if any(run.doubtful(entry, name) for entry in entries) else ""

    scaling = [
        (ratio, name) for name in ("forward", "backward") if (ratio := between((1, "xmsda"), (2, "xmsda"), name))
    ]
    scale, which = _worst(scaling)
    halves = between((1, "xmsda"), (1, "xmsda-bf16"), "forward")
    text = "detr-enc local, 2 threads over 1, the worse of both passes"
    where = ", ".join(part for part in (which, doubt(which, (1, "xmsda"), (2, "xmsda"))) if part)
    return [
        over("grid_sample", "grid_sample", "forward", 45, 80),
        over("grid_sample", "grid_sample", "backward", 55, 85),
        over("grid_sample", "grid_sample", "forward_backward", 45, 80),
        over("torch-ms-deform-attn", "tmda", "forward_backward", 10, 18),
        over("torch-ms-deform-attn", "tmda", "forward", 8, 12),
        over("ONNX Runtime", "onnxruntime", "forward", 8, 12),
        over("OpenVINO", "openvino", "forward", 10, 14),
        Bar(
            "detr-enc local, 1 thread, forward, bf16 over fp32",
            halves,
            1.2,
            1.6,
            detail=doubt("forward", (1, "xmsda"), (1, "xmsda-bf16")),
        ),
        Bar(text, scale, 1.7, 1.9, detail=where),
    ]


def bars(run: Run) -> list[Bar]:
    """The bars with what was measured. "Best peer" is the fastest of all others in the same cell and pass."""
    result = _encoder_bars(run)
    ratios = _cell_ratios(run, PASSES)
    decoders = [(ratio, text) for row, ratio, text in _cell_ratios(run, ("forward",)) if row.startswith(_DECODERS)]
    value, detail = _worst(decoders)
    result.append(Bar(f"{', '.join(_DECODERS)}: forward over the best peer, worst cell", value, 4, 10, detail=detail))
    value, detail = _worst([(ratio, text) for row, ratio, text in ratios if row != "mmcv-unit"])
    result.append(Bar("every row, every pass, over the best peer, worst cell", value, 2, 5, detail=detail))
    value, detail = _worst([(ratio, text) for row, ratio, text in ratios if row == "mmcv-unit"])
    result.append(Bar("mmcv-unit, every pass, over the best peer, worst cell", value, 1, 5, detail=detail))
    extra = [
        record["extra_mb"]
        for record in run.memory
        if (record["row"], record["impl"], record["threads"]) == ("detr-enc", "xmsda", 2) and "extra_mb" in record
    ]
    text = "detr-enc, forward+backward, 2 threads: peak memory beside inputs and outputs"
    result.append(Bar(text, extra[0] if extra else None, 64, 16, unit="MB"))
    return result


def below(run: Run, least: float) -> list[str]:
    """Cells in which xmsda is less than so many times faster than the best peer, worst first."""
    ratios = sorted((ratio, text) for _, ratio, text in _cell_ratios(run, PASSES) if ratio < least)
    return [f"{ratio:.2f}x {text}" for ratio, text in ratios]
