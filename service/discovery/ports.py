"""What a run asks of outside: people to look at, and a place where it is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from service.discovery.model import Ended, Found, Kept, Overtaken, Run, Selection
from service.errors import CandorError
from service.screening.document import Document


class RunUnderWay(CandorError):  # noqa: N818 - named for what stands in the way
    """Another run of the study is under way: ``run``, where that is known."""

    def __init__(self, detail: str, run: str | None = None) -> None:
        """Keep which one it is."""
        self.run = run
        super().__init__(detail)


class RunLost(CandorError):  # noqa: N818
    """Somebody else has the run now: nothing was kept of what was to be kept."""


class Told(Protocol):
    """Hears how far a stage of the run has come."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """``stage``: what is being done (export, select, collect, screen, report); the numbers are bytes or people."""
        ...


class People(Protocol):
    """A source with the engine that reads it. Every method raises ``InputError``, ``TryLater`` and ``Never``."""

    source: str  # rest, bulk, or the folder
    engine: str  # local, spark

    async def select(self, known: frozenset[str], told: Told) -> Selection:
        """Find whom the entry rule names, and who of those ``known`` (Patient/id) is in the source."""
        ...

    def screened(self, patients: Sequence[str], as_of: date, told: Told) -> AsyncIterator[Found]:
        """Give each of these people of the selection with the result, in any order; one that fails stops nothing."""
        ...


class Runs(Protocol):
    """Where runs are kept, so that one that broke off goes on. Every method may raise ``StoreDown``."""

    async def hold(self, run: Run, lease: timedelta, progress: str) -> None:
        """Hold the run for another ``lease`` from now, and say how far it is. Raises ``RunLost``."""
        ...

    async def selected(self, run: Run, selection: Selection) -> None:
        """Keep whom the run is to screen. Raises ``RunLost``."""
        ...

    async def left(self, run: Run) -> list[str]:
        """Return who of the selection has no end yet, in order."""
        ...

    async def overtaken(self, run: Run, patient: str, at: datetime) -> Overtaken | None:
        """Return what is newer about a patient than records taken ``at`` then."""
        ...

    async def ended(self, run: Run, people: Sequence[Kept], caller: str) -> None:
        """In one transaction: keep the ends of people, what is new of their results, and the audit.

        Raises ``RunLost``.
        """
        ...

    async def finish(self, run: Run, report: bytes) -> None:
        """Keep the report, and end the run; the people of runs before the last are forgotten. Raises ``RunLost``."""
        ...

    async def known(self, run: Run) -> frozenset[str]:
        """Return who has a result of the study, or failed in the last such run; not who is opposed or gone since."""
        ...

    def ends(self, run: Run) -> AsyncIterator[Iterable[Ended]]:
        """Yield the people of a run with their ends, in order, a page at a time.

        A page is unpacked as it is gone through, once; that takes a while, and is for another thread.
        """
        ...

    def absent(self, run: Run) -> AsyncIterator[Iterable[tuple[str, Document]]]:
        """Yield who is in the last run and not in this one, in such pages, with what is kept of them."""
        ...
