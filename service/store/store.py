"""The store as the doors and the worker ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from service.store import jobs, memory, newest, results, run_starts, runs, upkeep
from service.store.database import SQLITE, Database, opened
from service.store.tables import jobs as jobs_table
from service.work.model import (
    Accepted,
    Audit,
    Claim,
    Event,
    Filter,
    JobCount,
    JobState,
    Key,
    Kind,
    NewJob,
    StoredScreening,
)
from service.work.ports import StoreDown


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqlStore:
    """The port ``Store`` over one database; the machines' clocks need to agree to within a lease, no better."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = _utc_now) -> None:
        self.database, self._now = database, clock

    def _today(self) -> date:
        return self._now().astimezone().date()

    async def accept(
        self, job: NewJob, *, key: Key | None = None, bound: int | None = None, lease: timedelta | None = None
    ) -> Accepted:
        """Keep a job."""
        for _ in range(2):
            with suppress(IntegrityError):  # another request with the same key was first: now it is known
                return await self.database.run(jobs.accept, self._now(), job, key, bound, lease)
        raise StoreDown("The store takes nothing now.")

    async def claim(self, kinds: Sequence[Kind], lease: timedelta) -> Claim | None:
        """Take a job that is due."""
        return await self.database.run(jobs.claim, self._now(), kinds, lease)

    async def extend(self, claim: Claim, lease: timedelta) -> None:
        """Hold a job for longer."""
        now = self._now()
        await self.database.run(jobs.change, now, claim, due=now + lease)

    async def screened(
        self,
        claim: Claim,
        result: StoredScreening,
        audit: Audit,
        then: NewJob | None = None,
        *,
        lease: timedelta | None,
    ) -> Claim | None:
        """Keep a result, and end the job that made it."""
        return await self.database.run(results.screened, self._now(), claim, result, audit, then, lease)

    async def posted(self, claim: Claim, document: bytes, audit: Audit) -> None:
        """Keep what became of posting a result, and end the job."""
        await self.database.run(results.posted, self._now(), claim, document, audit)

    async def recent(self, study: str, patient: str, within: timedelta) -> list[StoredScreening]:
        """Return a patient's newest results."""
        return await self.database.run(results.recent, study, patient, self._now() - within)

    async def done(self, claim: Claim) -> None:
        """End a job that makes no result."""
        await self.database.run(jobs.end, self._now(), claim)

    async def superseded(self, claim: Claim) -> bool:
        """Whether a job has nothing to do any more."""
        return await self.database.run(newest.superseded, self._today(), claim)

    async def document(self, claim: Claim) -> bytes:
        """Return the document of the result that a job is about."""
        return await self.database.run(results.document, claim)

    async def put_back(self, claim: Claim, wait: timedelta, reason: str | None = None, *, strike: bool = False) -> None:
        """Have a job claimed again after ``wait``."""
        now, strikes = self._now(), claim.strikes + strike
        ready = {"state": JobState.READY, "due": now + wait, "reason": reason, "strikes": strikes}
        await self.database.run(jobs.change, now, claim, **ready)

    async def park(self, claim: Claim, reason: str, document: bytes | None = None) -> None:
        """Set a job aside."""
        await self.database.run(_park, self._now(), claim, reason, document)

    async def withdraw(self, claim: Claim) -> None:
        """Forget a job whose caller was told that nothing was done."""
        await self.database.run(jobs.withdraw, self._now(), claim)

    async def promise(self, id_: str) -> bool:
        """Have the jobs about a screening withdrawn no more."""
        return await self.database.run(jobs.promise, id_)

    async def screening(self, id_: str) -> StoredScreening | None:
        """Return a result."""
        return await self.database.run(results.read, id_)

    async def standing(self, id_: str) -> JobState | None:
        """Return how the newest job about a screening stands."""
        return await self.database.run(jobs.standing, id_)

    async def screenings(self, wanted: Filter) -> list[StoredScreening]:
        """Return results."""
        return await self.database.run(results.read_many, self._today(), wanted)

    async def ours(self, version: str) -> bool:
        """Whether this service wrote a version of a ResearchSubject."""
        return await self.database.run(memory.is_ours, version)

    async def wrote(self, version: str) -> None:
        """Remember that it did."""
        await self.database.run(memory.wrote, self._now(), version)

    async def first_use(self, issuer: str, token: str, expires: datetime) -> bool:
        """Remember a token by its id; whether it is new."""
        return await self.database.run(memory.first_use, issuer, token, expires)

    async def keep(self, result: StoredScreening, audit: Audit) -> None:
        """In one transaction: keep a result that no job made, and the line that says who asked for it."""
        await self.database.run(results.keep, self._now(), result, audit)

    async def heard(self, caller: str, feedback: Sequence[tuple[str, str, datetime]]) -> None:
        """Keep what was done with cards (id, outcome, when); the same may come several times."""
        await self.database.run(memory.heard, caller, feedback)

    async def dismissed(self, caller: str, card: str) -> bool:
        """Whether the caller told that a card was overridden."""
        return await self.database.run(memory.dismissed, caller, card)

    async def dismissals(self, caller: str, within: timedelta) -> frozenset[str]:
        """Return the cards that were overridden in the last time."""
        return await self.database.run(memory.dismissals, caller, self._now() - within)

    async def received(
        self,
        events: Sequence[Event],
        *,
        jobs: Sequence[NewJob] = (),
        bound: int | None = None,
        marks: Mapping[str, int] | None = None,
    ) -> int:
        """In one transaction: keep events that are new with their jobs, further jobs, and marks."""
        for _ in range(2):
            with suppress(IntegrityError):  # another process kept a job of the same patient: now it is known
                return await self.database.run(memory.received, self._now(), events, jobs, bound, marks or {})
        raise StoreDown("The store takes nothing now.")

    async def mark(self, name: str) -> int | None:
        """Return what a mark says."""
        return await self.database.run(memory.mark, name)

    async def note(self, lines: Sequence[Audit]) -> None:
        """Add to the record of who did what."""
        await self.database.run(results.record, self._now(), *lines)

    async def counts(self) -> list[JobCount]:
        """Return how many jobs of each kind stand how."""
        return await self.database.run(upkeep.counts)

    async def purge(self, kept: timedelta | None) -> int:
        """Delete what expired, and what was ``kept`` long enough; return how many results went."""
        now = self._now()
        return await self.database.run(upkeep.purge, now, None if kept is None else now - kept)

    async def check(self) -> None:
        """Raise ``StoreDown`` where the store could not take work now."""
        await self.database.run(_touch)


def _park(connection: Connection, now: datetime, claim: Claim, reason: str, document: bytes | None) -> None:
    results.park(connection, now, claim, reason, document)
    if claim.kind is Kind.DISCOVER:
        run_starts.set_aside(connection, now, claim.screening, reason)


def _touch(connection: Connection) -> None:
    """Do what a writer does, to no row; a store that is only read refuses it."""
    connection.execute(select(jobs_table.c.id).limit(1))
    connection.execute(update(jobs_table).where(jobs_table.c.id == "").values(id=""))


@contextmanager
def open_store(url: str | None, home: Path) -> Iterator[SqlStore]:
    """Open the store of a service. Raises ``SettingError`` and ``TryLater`` as ``opened`` does."""
    with opened(url, home, alone=True) as database:
        if database.engine.dialect.name == SQLITE:  # nobody else can be running anything
            database.now(jobs.release_all, _utc_now())
            database.now(runs.release_all, _utc_now())
        yield SqlStore(database)
