"""A search killed with `kill -9` and resumed leaves behind what an undisturbed one does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.nights import Nights
from tests.crash.places import Ground, by_export, by_searches, export, in_folder, on_postgresql

pytestmark = [pytest.mark.slow, pytest.mark.servers]
EACH = 2  # kills of one run; `python -m tests.crash.nights` kills 50 times at each place


def folder(tmp_path: Path, _: pytest.FixtureRequest) -> Ground:
    """An export in a folder, on SQLite."""
    export(tmp_path / "export", copies=8)
    return in_folder(tmp_path / "export")


def postgresql(tmp_path: Path, request: pytest.FixtureRequest) -> Ground:
    """The same on PostgreSQL."""
    export(tmp_path / "export", copies=5)
    return on_postgresql(tmp_path / "export", request.getfixturevalue("postgres"))


def rest(_: Path, __: pytest.FixtureRequest) -> Ground:
    """A FHIR server, where results are posted."""
    return by_searches(copies=1)


def bulk(_: Path, __: pytest.FixtureRequest) -> Ground:
    """An export from a server; results are posted to another."""
    return by_export(copies=1)


@pytest.mark.parametrize(("ground", "kills"), [(folder, 3), (rest, 2), (bulk, 2), (postgresql, 2)])
def test_a_killed_search_is_resumed(
    tmp_path: Path, request: pytest.FixtureRequest, ground: Callable[[Path, pytest.FixtureRequest], Ground], kills: int
) -> None:
    """Whenever it is killed: the same report, each result posted once and in one version, no file left over."""
    nights = Nights(ground(tmp_path, request), tmp_path, seed=7)
    assert nights.undisturbed.report["screened"] >= 3
    assert nights.undisturbed.files == []
    assert {versions for _, _, versions in nights.undisturbed.posted} <= {1}
    assert set(nights.undisturbed.posted.values()) <= {1}
    number = 0
    while nights.kills < kills:
        number += 1
        assert nights.disturbed(number, EACH) == nights.undisturbed
