"""A search of a folder killed with `kill -9` and resumed gives the report of an undisturbed one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.nights import Nights, export

pytestmark = pytest.mark.slow
KILLS = 5  # at least; `python -m tests.crash.nights` kills 50 times


def test_a_killed_search_gives_the_same_report_when_resumed(tmp_path: Path) -> None:
    """Whenever it is killed: while it selects, screens, keeps or reports."""
    export(tmp_path / "export", copies=15)
    nights = Nights(tmp_path / "export", tmp_path, seed=7)
    number = 0
    while nights.kills < KILLS:
        number += 1
        assert nights.disturbed(number, 3) == nights.undisturbed
    assert nights.undisturbed["screened"] > 100
