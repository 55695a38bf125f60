"""The stores under test: the same tests run on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from service.demo import charts
from service.screening.patient import Screener
from service.store import upkeep
from service.store.database import opened
from service.store.run_store import SqlRuns
from service.store.store import SqlStore
from service.work.desk import Desk
from service.work.model import Audit, Claim, JobState, JobStatus, Kind, NewJob, StoredScreening
from service.work.orders import ScreenOrder
from service.work.run import Jobs
from service.work.worker import Worker
from tests.e2e.conftest import FakeRecords, FakeResults
from tests.servers.postgres.cluster import new_database
from tests.verdicts import shipped_reader, shipped_study

LEASE = timedelta(seconds=30)
BOTH = (Kind.POST, Kind.SCREEN)
LINE = Audit("screened", "somebody")
ORDER = ScreenOrder(study="NCT06722105", as_of=date(2026, 11, 23), patient="Patient/demo-07", write_back=True)


@dataclass
class Clock:
    """A clock that stands until it is moved; each look is a microsecond later."""

    now: datetime = datetime(2026, 11, 23, 10, tzinfo=UTC)
    ticks: Iterator[int] = field(default_factory=count)

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now + next(self.ticks) * timedelta(microseconds=1)

    def pass_(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Give the URL of an empty store; ``None`` is the default one."""
    if request.param == "sqlite":
        yield None
    else:
        with new_database(request.getfixturevalue("postgres")) as made:
            yield made


@pytest.fixture
def clock() -> Clock:
    """Give the store's clock."""
    return Clock()


Open = Callable[[], AbstractContextManager[SqlStore]]


@pytest.fixture
def open_again(url: str | None, tmp_path: Path, clock: Clock) -> Open:
    """Give what opens the store once more, as after a restart or, on PostgreSQL, in another replica."""

    @contextmanager
    def open_() -> Iterator[SqlStore]:
        with opened(url, tmp_path, alone=True) as database:
            yield SqlStore(database, clock)

    return open_


@pytest.fixture
def store(open_again: Open) -> Iterator[SqlStore]:
    """Give an empty store."""
    with open_again() as one:
        yield one


@pytest.fixture
def runs(store: SqlStore, clock: Clock) -> SqlRuns:
    """Give the runs of an empty store."""
    return SqlRuns(store.database, clock)


def job(id_: str = "a", kind: Kind = Kind.SCREEN, **more: Any) -> NewJob:
    """Return a job about the screening of the same id."""
    return NewJob(id_, kind, more.pop("screening", id_), b"{}", **more)


def result(id_: str = "a", **more: Any) -> StoredScreening:
    """Return a result."""
    given = {"study": "S", "patient": "Patient/1", "as_of": date(2026, 11, 23), "status": "candidate", "trigger": "api"}
    return StoredScreening(**given | {"id": id_, "document": f'{{"id":"{id_}"}}'.encode()} | more)


async def claimed(store: SqlStore, *kinds: Kind) -> Claim:
    """Claim a job that must be due."""
    held = await store.claim(kinds or BOTH, LEASE)
    assert held is not None
    return held


async def keep(store: SqlStore, id_: str, **more: Any) -> None:
    """Have a result made and kept."""
    accepted = await store.accept(job(id_), lease=LEASE)
    assert accepted.claim is not None
    await store.screened(accepted.claim, result(id_, **more), LINE, lease=None)


@dataclass
class Shop:
    """A worker, its desk, and the hospital around it."""

    store: SqlStore
    records: FakeRecords
    results: FakeResults
    worker: Worker
    desk: Desk
    clock: Clock

    async def accept(self, order: ScreenOrder = ORDER) -> str:
        """Take a request in, to be done later."""
        return (await self.desk.accept(order, None, at_once=False)).screening

    async def step(self) -> Exception | None:
        """Run the one job that is due."""
        claim = await self.store.claim(BOTH, self.worker.lease)
        assert claim is not None
        return await self.worker.run(claim)

    async def document(self, id_: str) -> dict[str, Any]:
        """Return a result as callers see it."""
        kept = await self.store.screening(id_)
        assert kept is not None
        shown: dict[str, Any] = json.loads(kept.document)
        return shown

    def jobs(self, *states: JobState) -> list[JobStatus]:
        """Return jobs as operators see them."""
        return self.store.database.now(upkeep.jobs_in, states, 99)


@pytest.fixture
def shop(store: SqlStore, clock: Clock) -> Shop:
    """Give a worker that has not begun."""
    records = FakeRecords({"Patient/demo-07": charts()["07-diagnosis-alone"]})
    results = FakeResults()
    screener = Screener(shipped_study(), shipped_reader(), records=records, results=results)
    worker = Worker(Jobs(store, {"NCT06722105": screener}), timedelta(seconds=30), tasks=2)
    return Shop(store, records, results, worker, Desk(worker, bound=10), clock)
