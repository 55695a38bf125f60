"""The port ``Runs`` over the database of a store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from service.discovery.model import Ended, Kept, Overtaken, Run, RunOrder, RunState, Selection, Terms
from service.screening.document import Document
from service.store import run_documents, run_ends, run_notices, run_starts, runs
from service.store.database import Database
from service.store.newest import overtaken
from service.work.model import Key, NewJob
from service.work.ports import StoreDown


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqlRuns:
    """Keeps discovery runs beside the results."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._now = database, clock

    async def queue(self, id_: str, order: RunOrder, job: NewJob, key: Key | None = None) -> str:
        """Keep a run together with the job that carries it out; return its id, or that of the one with this key.

        Raises ``RunUnderWay`` and ``KeyTaken``.
        """
        for _ in range(2):
            with suppress(IntegrityError):  # another request with the same key was first: now it is known
                return await self._database.run(run_starts.queue, self._now(), id_, order, job, key)
        raise StoreDown("The store takes nothing now.")

    async def begin(self, id_: str, order: RunOrder, terms: Terms, lease: timedelta, *, resume: bool) -> Run:
        """Begin a run under this id, or ``resume`` the last one where the same was asked for on the same terms.

        One that broke off is given up unless it is resumed. Raises ``RunUnderWay`` while somebody carries one out.
        """
        return await self._database.run(run_starts.begin, self._now(), id_, order, terms, lease, resume=resume)

    async def take(self, id_: str, terms: Terms, lease: timedelta) -> Run | None:
        """Take a run that was queued, or that broke off; ``None``: it ended, or another was begun since.

        Raises ``RunUnderWay`` where it is in other hands.
        """
        return await self._database.run(run_starts.take, self._now(), id_, terms, lease)

    async def hold(self, run: Run, lease: timedelta, progress: str | None) -> None:
        """Hold a run for longer."""
        now = self._now()
        await self._database.run(runs.change, now, run, held_until=now + lease, progress=progress)

    async def selected(self, run: Run, selection: Selection) -> None:
        """Keep whom a run is to screen."""
        await self._database.run(runs.selected, self._now(), run, selection)

    async def left(self, run: Run) -> list[str]:
        """Return who has no end yet."""
        return await self._database.run(runs.left, run)

    async def overtaken(self, run: Run, patient: str, at: datetime) -> Overtaken | None:
        """Return what is newer about a patient."""
        order, today = run.order, self._now().astimezone().date()
        return await self._database.run(overtaken, today, order.study, patient, order.as_of, at)

    async def ended(self, run: Run, people: Sequence[Kept], caller: str) -> None:
        """Keep the ends of people."""
        await self._database.run(run_ends.ended, self._now(), run, people, caller)

    async def finish(self, run: Run, report: bytes) -> None:
        """End a run well."""
        await self._database.run(runs.finish, self._now(), run, report)

    async def fail(self, run: Run, reason: str) -> None:
        """End a run without a report; it can be resumed. Raises ``RunLost``."""
        await self._database.run(runs.stop, self._now(), run, RunState.FAILED, reason)

    async def put_off(self, run: Run, reason: str) -> None:
        """Have a run go on later. Raises ``RunLost``."""
        await self._database.run(runs.stop, self._now(), run, RunState.QUEUED, reason)

    async def last(self, study: str) -> Run | None:
        """Return the run that the next one goes on from."""
        return await self._database.run(runs.last, study)

    async def read(self, id_: str) -> Run | None:
        """Return a run."""
        return await self._database.run(runs.read, id_)

    async def untold(self, study: str) -> list[tuple[str, bytes]]:
        """Return the runs that are done and of which nobody was told, oldest first: the id and the report."""
        return await self._database.run(run_notices.untold, study)

    async def was_told(self, id_: str) -> None:
        """Have a run told of no more."""
        await self._database.run(run_notices.was_told, id_)

    async def known(self, run: Run) -> frozenset[str]:
        """Return who has to be looked at again."""
        return await self._database.run(run_ends.known, run)

    async def ends(self, run: Run) -> AsyncIterator[Iterable[Ended]]:
        """Yield the people of a run with their ends."""
        async for page in self._pages(run_documents.ends, run):
            yield map(run_documents.read_end, page)

    async def absent(self, run: Run) -> AsyncIterator[Iterable[tuple[str, Document]]]:
        """Yield who is in the last run and not in this one."""
        async for page in self._pages(run_documents.absent, run):
            yield ((row.patient, run_documents.unpacked(row.document) or {}) for row in page)

    async def _pages(
        self, read: Callable[[Connection, Run, str], Sequence[Row[Any]]], run: Run
    ) -> AsyncIterator[Sequence[Row[Any]]]:
        """Yield rows of people in order; each page is a transaction of its own."""
        last = ""
        while page := await self._database.run(read, run, last):
            yield page
            last = page[-1].patient
