"""The stores under test: the same tests run on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from service.store.database import opened
from service.store.store import SqlStore
from service.work.model import Audit, Claim, Kind, NewJob, StoredScreening
from tests.servers.postgres.cluster import new_database

LEASE = timedelta(seconds=30)
BOTH = (Kind.POST, Kind.SCREEN)
LINE = Audit("screened", "somebody")


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
