"""Two processes on one PostgreSQL that begin, resume or take runs of one study at the same moment: one is refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from service.discovery.model import Run, RunState
from service.discovery.ports import RunUnderWay
from service.store import run_starts, runs
from service.store.database import Database, opened
from service.work.model import Kind, NewJob
from tests.servers.postgres.cluster import new_database
from tests.store.conftest import LEASE
from tests.store.test_runs import ORDER, TERMS

pytestmark = pytest.mark.servers

Step = Callable[[Connection], object]
MOMENT = 0.3  # seconds in which the second has come to wait for the first


@pytest.fixture
def database(postgres: str, tmp_path: Path) -> Iterator[Database]:
    """Give an empty database of a real server."""
    with new_database(postgres) as url, opened(url, tmp_path, alone=True) as one:
        yield one


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def begin(id_: str, *, resume: bool = False) -> Step:
    """Begin a run."""
    return lambda connection: run_starts.begin(connection, now(), id_, ORDER, TERMS, LEASE, resume=resume)


def take(connection: Connection) -> Run | None:
    """Take the run that was queued."""
    return run_starts.take(connection, now(), "queued", TERMS, LEASE)


def fail(database: Database) -> None:
    """Have a run that failed."""
    run = database.now(run_starts.begin, now(), "failed", ORDER, TERMS, LEASE, resume=False)
    database.now(runs.stop, now(), run, RunState.FAILED, "no")


def queue(database: Database) -> None:
    """Have a run that waits for a service that is no more."""
    job = NewJob("queued", Kind.DISCOVER, "queued", b"{}")
    database.now(run_starts.queue, now() - timedelta(hours=7), "queued", ORDER, job, None)


def test_the_server_is_told_to_end_a_transaction_in_which_a_process_hangs(database: Database) -> None:
    """Its locks would keep others out: sooner than the lease of whatever it did is over."""
    limit = text("SELECT setting::int FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'")
    with database.engine.connect() as connection:
        assert 0 < connection.execute(limit).scalar_one() < LEASE.total_seconds() * 1000


@pytest.mark.parametrize(
    ("there", "first", "second"),
    [
        (fail, begin("a"), begin("b", resume=True)),
        (fail, begin("a", resume=True), begin("b", resume=True)),
        (fail, begin("a", resume=True), begin("b")),
        (fail, begin("a"), begin("b")),
        (queue, begin("a"), take),
        (queue, take, begin("a")),
    ],
)
def test_of_two_at_the_same_moment_one_is_refused(
    database: Database, there: Callable[[Database], None], first: Step, second: Step
) -> None:
    """The other has the run; nothing of the refused one stays."""
    there(database)
    refused: list[BaseException | None] = []

    def other() -> None:
        try:
            database.now(second)
        except RunUnderWay as error:
            refused.append(error)

    with database.engine.begin() as connection:
        first(connection)
        thread = threading.Thread(target=other)
        thread.start()
        time.sleep(MOMENT)
    thread.join()

    assert len(refused) == 1
