"""What counts as a change of a result, element by element."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.eligibility.chart import Warning_
from service.eligibility.findings import Leaf, Open, Reason
from service.eligibility.results import Outcome, Screening
from service.eligibility.truth import Truth
from service.hospital.local import LocalShelf
from service.hospital.results import write_back
from service.screening.ports import Why, Written
from tests.screenings import NOW, screening
from tests.shelf import everything

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(days=1)


def lungs(**changed: Any) -> Screening:
    """Return the result with another judgement of the open criterion."""
    result = screening()
    severe, open_one = result.criteria
    return result._replace(criteria=(severe, open_one._replace(**changed)))


def lungs_for(**changed: Any) -> Screening:
    """Return the result with another finding of the open criterion."""
    leaf = screening().criteria[1].finding
    assert isinstance(leaf, Leaf)
    return lungs(finding=leaf._replace(**changed))


def without_lungs() -> Screening:
    """Return the result without the open criterion."""
    return screening()._replace(criteria=screening().criteria[:1])


CHANGES: dict[str, Callable[[], Screening]] = {
    "priority": lambda: screening()._replace(priority=3),
    "no priority": lambda: screening()._replace(priority=None),
    "truth": lambda: lungs(truth=Truth.FALSE),
    "outcome": lambda: lungs(outcome=Outcome.PASS),
    "open": lambda: lungs(open=Open.TO_CONFIRM),
    "not open": lambda: lungs(open=None),
    "reason": lambda: lungs_for(reason=Reason.TOO_OLD),
    "no reason": lambda: lungs_for(reason=None),
    "sources": lambda: lungs_for(sources=("Observation/dlco/_history/1",)),
    "a criterion": without_lungs,
}
NO_CHANGES: dict[str, Callable[[], Screening]] = {
    "day": lambda: screening(as_of=LATER.date()),
    "sentence": lambda: lungs(explanation="in other words"),
    "value": lambda: lungs_for(effective="2026-11-02"),
    "rescreen after": lambda: screening()._replace(recoverable=True, rescreen_after=date(2026, 12, 1)),
    "warnings": lambda: screening()._replace(warnings=(Warning_("unit-unknown", "Observation/1", ""),)),
}


@pytest.fixture
async def shelf(tmp_path: Path) -> LocalShelf:
    """Give a shelf on which a result stands."""
    shelf = LocalShelf(tmp_path, lambda: NOW)
    await write_back(shelf, screening(), now=NOW)
    return shelf


@pytest.mark.parametrize("what", CHANGES)
async def test_each_part_of_a_result_is_a_change(shelf: LocalShelf, what: str) -> None:
    """A result that differs in one of them is written, once."""
    written = await write_back(shelf, CHANGES[what](), now=LATER)

    kept = await everything(shelf)
    assert written.done
    assert kept["GuidanceResponse"][0]["meta"]["versionId"] == "2"
    assert len(kept["Provenance"]) == 2
    assert (await write_back(shelf, CHANGES[what](), now=LATER)).why is Why.UNCHANGED


@pytest.mark.parametrize("what", NO_CHANGES)
async def test_nothing_else_is_a_change(shelf: LocalShelf, what: str) -> None:
    """Whatever else differs makes no new version of anything."""
    before = await everything(shelf)

    written = await write_back(shelf, NO_CHANGES[what](), now=LATER)

    assert written == Written(done=False, why=Why.UNCHANGED)
    assert await everything(shelf) == before
