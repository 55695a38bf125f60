"""How a job that failed goes on: later, or not at all; and what is told of it, which is nothing of the patient."""

from __future__ import annotations

import random
import traceback
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import structlog

from service.errors import CandorError, Never, TryLater
from service.work.model import Claim
from service.work.ports import StoreDown

PATIENCE = 300  # attempts with a server that says later: about three days
STRIKES = 5  # attempts that may end by a bug
BROKEN_OFF = 20  # attempts that may break off with their process, which may have been killed for other reasons
LONGEST = timedelta(minutes=15)  # between two attempts
_PACKAGE = Path(__file__).parents[1]

log = structlog.get_logger()


class Verdict(NamedTuple):
    """What becomes of a job: put back for after ``wait``, or with ``None`` set aside."""

    reason: str
    wait: timedelta | None
    strike: bool = False


def judge(claim: Claim, error: Exception) -> Verdict:
    """Say how a claimed job goes on after ``error``."""
    match error:
        case TryLater() if claim.attempts < PATIENCE:
            return Verdict(str(error), _wait(claim.attempts, error.retry_after))
        case TryLater() | Never():
            return Verdict(str(error), None)
        case _:
            last = claim.strikes + 1 >= STRIKES
            return Verdict(reason_of(error), None if last else _wait(claim.attempts, None), strike=True)


def reason_of(error: Exception) -> str:
    """Return what operators are told: our own messages are safe to show, others could hold clinical values."""
    if isinstance(error, CandorError):
        return str(error)
    place = place_of(error)
    return f"a bug: {type(error).__name__} at {place.filename}:{place.lineno}"


def place_of(error: Exception) -> traceback.FrameSummary:
    """Return the last place in this package that the error came through, or else where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    return (ours or frames)[-1]


def tell(error: Exception) -> None:
    """Log what went wrong where nobody waits for an answer: what ended in silence would be missed by nobody."""
    if isinstance(error, StoreDown):
        log.warning("store-down")
    else:
        log.error("bug", error=reason_of(error))


def _wait(attempts: int, asked: float | None) -> timedelta:
    """Double from a second on; of many that failed together, not all come back together."""
    longest = min(2.0 ** min(attempts - 1, 20), LONGEST.total_seconds())
    return timedelta(seconds=max(asked or 0.0, longest * random.uniform(0.5, 1.0)))  # noqa: S311 - no secret
