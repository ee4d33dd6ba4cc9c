"""`python -m bench.integrations`: exit codes, selection and file, with rows that measure nothing.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.integrations import __main__ as runner
from bench.integrations.rows import Figures, Row, check_close


def _broken() -> Figures:
    raise ValueError("no such library")


ROWS = [
    Row("met", "a row that meets its bar", 2.0, lambda: Figures(10.0, 4.0, 3)),
    Row("own-bar", "a bar that the measurement sets", None, lambda: Figures(10.0, 4.0, 3, bar=2.6)),
    Row("broken", "a row that fails", 2.0, _broken),
]


@pytest.mark.parametrize(("only", "code"), [("met", 0), ("own-bar", 1), ("broken", 1), ("nothing", 2)])
def test_exit_code(only: str, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runner, "all_rows", lambda: ROWS)
    assert runner.main(["--only", only, "--json", str(tmp_path / "out.json")]) == code
    if code != 2:
        (record,) = json.loads((tmp_path / "out.json").read_text())["rows"]
        assert record["met"] is (code == 0)
        assert record.get("error", "ValueError: no such library") == "ValueError: no such library"


def test_rows_have_names_of_their_own_and_a_bar() -> None:
    rows = runner.all_rows()
    assert len({row.name for row in rows}) == len(rows) >= 6
    assert {row.bar for row in rows if row.name.endswith("-detr-enc")} == {6.0}
    assert {row.bar for row in rows if row.name.endswith("-rtdetr-dec")} == {2.0}


def test_outputs_are_compared() -> None:
    assert check_close("row", np.ones(2), np.ones(2), 0.0) == 0
    with pytest.raises(ValueError, match="row: expected outputs within"):
        check_close("row", np.array([1.0, 1.1]), np.ones(2), 1e-2)
    with pytest.raises(ValueError, match="row: expected outputs within"):
        check_close("row", np.array([np.nan, 1.0]), np.ones(2), 1e-2)
