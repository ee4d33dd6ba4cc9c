"""The tuner over rows and the search over chips: figures, tables and pictures; no simulation.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.ascend import explore, tune
from bench.ascend.plan import ablations


def _trial(choice: str, simulated: float, drafted: float) -> dict[str, Any]:
    return {"choice": choice, "microseconds": simulated, "draft_microseconds": drafted}


def _record() -> dict[str, Any]:
    trials = [_trial("dma1", 10, 11), _trial("dma1:tile=16", 8, 10), _trial("dma1:tile=32", 20, 18)]
    return {
        "row": "detr-enc",
        "pass": "forward",
        "candidates": 3,
        "trials": trials,
        "default": trials[0],
        "best": trials[1],
        "speedup": 1.25,
        "spearman": 1.0,
        "mean_deviation": 0.15,
        "worst_deviation": 0.25,
    }


def test_deviation_and_place_of_the_best() -> None:
    assert tune.mean_deviation([_record()]) == pytest.approx((0.1 + 0.25 + 0.1) / 3)
    assert tune.top(_record()) == 1
    wrong = _record()
    wrong["trials"][1]["draft_microseconds"] = 15
    assert tune.top(wrong) == 2


def test_table_and_picture(tmp_path: Path) -> None:
    assert "| detr-enc | forward | 3 | 10.0 | 8.0 | 1.250x | `dma1:tile=16` | 1 of 3 | 1.00 |" in tune.markdown(
        [_record()]
    )
    tune.plot([_record()], tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_bad_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert tune.main(["--rows", "x"]) == explore.main(["--rows", "x"]) == 2
    assert capsys.readouterr().err.count("expected some of detr-enc") == 2


def test_cost_and_settings_of_chips() -> None:
    own = explore.own_chip()
    assert explore.cost(own) == pytest.approx(1)
    assert explore.setting(own) == ""
    faster = own | {"dma.issue": 10.2}
    assert explore.setting(faster) == "dma.issue=10.2"
    assert explore.cost(faster) > 1 > explore.cost(own | {"chip.vector_cores": 40})


def test_front_has_what_nothing_beats() -> None:
    points = [{"cost": c, "microseconds": t} for c, t in [(3, 1), (1, 5), (2, 6), (2, 2), (3, 2)]]
    assert [(one["cost"], one["microseconds"]) for one in explore.front(points)] == [(1, 5), (2, 2), (3, 1)]


def test_ablations_of_the_driver() -> None:
    without = [{"variant": "dma1", "pass": "forward"}, {"variant": "dma1", "pass": "backward"}]
    without.append({"variant": "xmsda", "pass": "backward"})
    listed = {"variants": [{"name": "dma1"}], "ablations": [{"name": "merging", "without": without}]}
    found = ablations(listed)
    assert [(one.base, one.switch, one.passes) for one in found] == [("dma1", "merging", ("forward", "backward"))]
