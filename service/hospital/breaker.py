"""Leaves a server in peace that is down: after some failures in a row nothing is sent for a while, then one trial."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from service.errors import TryLater

_LONGEST = 3_600.0  # that a server may ask us to stay away: a slip of its clock should not cost a night


class Paused(TryLater):
    """Nothing was sent, for the server failed a moment ago or asked for a rest; asking again at once is no use."""


class Resting(Paused):
    """The server asked for it."""


class Breaker:
    """Counts failures in a row: closed (all may go), open (nothing may), half-open (one trial decides)."""

    def __init__(self, *, failures: int = 5, seconds: float = 30.0, clock: Callable[[], float] = monotonic) -> None:
        """Open for ``seconds`` after ``failures`` in a row."""
        self._most, self._seconds, self._clock = failures, seconds, clock
        self._failures = 0
        self._closed_from: float | None = None  # when the next may go; ``None``: now
        self._resting_until = 0.0  # as the server asked, whatever it answers to requests under way
        self._on_trial = False
        self._why = ""

    def enter(self, host: str) -> bool:
        """Let a request go, and return whether it is the trial; or raise ``Paused`` with the seconds to wait.

        Who enters calls one of ``succeeded``, ``failed`` and ``left`` afterwards.
        """
        if self._closed_from is None:
            return False
        wait = self._closed_from - self._clock()
        if wait > 0 or self._on_trial:
            kind = Resting if self._clock() < self._resting_until else Paused
            raise kind(f"{host} is not asked for now: {self._why}.", max(wait, 1.0))
        self._on_trial = True
        return True

    def succeeded(self) -> None:
        """Close, for the server answers; but a rest that it asked for is kept."""
        self._failures, self._on_trial = 0, False
        if self._clock() >= self._resting_until:
            self._closed_from = None

    def failed(self, why: str) -> None:
        """Count a failure; open after too many in a row, and after a failed trial at once."""
        self._failures += 1
        if self._on_trial or self._failures >= self._most:
            self._open(self._seconds, why)
        self._on_trial = False

    def left(self, *, trial: bool) -> None:
        """Forget a request that was cancelled: it tells nothing, and another may go on ``trial`` in its place."""
        if trial:
            self._on_trial = False

    def rest(self, seconds: float, why: str) -> None:
        """Open because the server asked for it."""
        seconds = min(seconds, _LONGEST)
        self._resting_until = max(self._resting_until, self._clock() + seconds)
        self._open(seconds, why)
        self._on_trial = False

    def _open(self, seconds: float, why: str) -> None:
        self._why = why
        self._closed_from = max(self._closed_from or 0.0, self._clock() + seconds)
