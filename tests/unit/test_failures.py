"""How a job that failed goes on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.errors import DefinitionError, Never, TryLater
from service.work.failures import LONGEST, PATIENCE, STRIKES, judge
from service.work.model import Claim, Kind


def claim(attempts: int = 1, strikes: int = 0) -> Claim:
    """Return a job in our hands."""
    return Claim("a", Kind.SCREEN, "a", 1, attempts, strikes, b"", datetime(2026, 11, 23, tzinfo=UTC))


def test_each_wait_is_longer_up_to_a_longest() -> None:
    """From about a second on, waits double, with a part left to chance, and end at a quarter of an hour."""
    waits = []
    for attempts in (1, 2, 3, 8, 20, PATIENCE - 1):
        verdict = judge(claim(attempts), TryLater("down"))
        assert verdict.wait is not None
        waits.append(verdict.wait.total_seconds())

    longest = [1, 2, 4, 128, LONGEST.total_seconds(), LONGEST.total_seconds()]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))


def test_a_server_that_says_how_long_is_left_that_long() -> None:
    """A wait that the server asks for is kept, however long."""
    verdict = judge(claim(), TryLater("down", 7200.0))

    assert verdict.wait is not None
    assert verdict.wait.total_seconds() == 7200


@pytest.mark.parametrize(
    ("error", "attempts", "strikes", "parked", "strike"),
    [
        (TryLater("down"), PATIENCE - 1, STRIKES - 1, False, False),
        (TryLater("down"), PATIENCE, 0, True, False),
        (Never("no"), 1, 0, True, False),
        (ValueError("Smith"), 1, STRIKES - 2, False, True),
        (ValueError("Smith"), 1, STRIKES - 1, True, True),
        (DefinitionError("units.yaml", 3, "what"), 1, 0, False, True),
    ],
)
def test_what_helps_no_more_is_set_aside(
    error: Exception, attempts: int, strikes: int, *, parked: bool, strike: bool
) -> None:
    """Patience with a server ends after days, with a bug after a few strikes, and with a refusal at once."""
    with pytest.raises(type(error)):
        _raise(error)
    verdict = judge(claim(attempts, strikes), error)

    assert (verdict.wait is None, verdict.strike) == (parked, strike)
    assert "Smith" not in verdict.reason


def _raise(error: Exception) -> None:
    """Raise it, so that it has come from somewhere."""
    raise error
