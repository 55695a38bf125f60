"""The port ``Runs`` over the database of a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection

from service.discovery.model import Ended, Kept, Run, RunOrder, Selection
from service.screening.document import Document
from service.store import runs
from service.store.database import Database
from service.store.run_documents import Documents, ends
from service.work.model import NewJob

T = TypeVar("T")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqlRuns:
    """Keeps discovery runs beside the results."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = _utc_now) -> None:
        self._database, self._now = database, clock

    async def queue(self, id_: str, order: RunOrder, rules: str, job: NewJob) -> None:
        """Keep a run together with the job that carries it out. Raises ``RunUnderWay``."""
        await self._database.run(runs.queue, self._now(), id_, order, rules, job)

    async def begin(self, id_: str, order: RunOrder, rules: str, lease: timedelta, *, resume: bool) -> Run:
        """Take or make a run."""
        return await self._database.run(runs.begin, self._now(), id_, order, rules, lease, resume=resume)

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

    async def ended(self, run: Run, people: Sequence[Kept], caller: str) -> None:
        """Keep the ends of people."""
        await self._database.run(runs.ended, self._now(), run, people, caller)

    async def finish(self, run: Run, report: bytes) -> None:
        """End a run well."""
        await self._database.run(runs.finish, self._now(), run, report)

    async def fail(self, run: Run, reason: str) -> None:
        """End a run that can be resumed."""
        await self._database.run(runs.fail, self._now(), run, reason)

    async def last(self, study: str) -> Run | None:
        """Return the run that the next one goes on from."""
        return await self._database.run(runs.last, study)

    async def whole_is_due(self, study: str, every: timedelta) -> bool:
        """Whether nobody looked through everybody for so long."""
        began = await self._database.run(runs.whole, study)
        return began is None or self._now() - began >= every

    async def read(self, id_: str) -> Run | None:
        """Return a run."""
        return await self._database.run(runs.read, id_)

    async def known(self, study: str) -> frozenset[str]:
        """Return who has to be looked at again."""
        return await self._database.run(runs.known, study)

    async def told(self, run: Run, make: Callable[[Iterable[Ended], Mapping[str, Document]], T]) -> T:
        """Return what is made of the people of a run and of the last one."""
        return await self._database.run(_told, run, make)


def _told(connection: Connection, run: Run, make: Callable[[Iterable[Ended], Mapping[str, Document]], T]) -> T:
    return make(ends(connection, run), Documents(connection, runs.last(connection, run.order.study)))
