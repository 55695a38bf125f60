"""Two searches of one study on one store: one goes on, and nothing is done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.crash.nights import Nights, told
from tests.crash.places import LEASE, Place, by_searches, hospital, posted
from tests.servers.postgres.cluster import new_database

pytestmark = [pytest.mark.slow, pytest.mark.servers]
LATER = 75
UNDER_WAY = """
    SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
"""


@contextmanager
def stopped(process: subprocess.Popen[bytes], place: Place) -> Iterator[None]:
    """Have a run stand still while it screens, as on a machine that sleeps; not in the middle of a transaction."""
    assert process.stderr is not None
    while not (line := process.stderr.readline()).startswith(b"candor: screen"):
        assert line, "it ended"
    with psycopg.connect(place.settings["STORE"], autocommit=True) as store:
        while True:
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(0.1)
            if store.execute(UNDER_WAY).fetchone() is None:
                break
            os.kill(process.pid, signal.SIGCONT)
            time.sleep(0.05)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """Give what starts runs, and what one leaves behind that nobody disturbs."""
    return Nights(by_searches(copies=1), tmp_path_factory.mktemp("nights"), seed=1)


@pytest.fixture
def place(postgres: str) -> Iterator[Callable[[int], Place]]:
    """Give a hospital and a store on PostgreSQL; a run is held for so many seconds."""
    with new_database(postgres) as store, hospital(copies=1) as server:
        yield lambda lease: Place(
            ("--source", "rest"),
            {"FHIR_URL": server, "STORE": store, "LEASE_SECONDS": str(lease)},
            posted=lambda: posted(server),
        )


def ended(process: subprocess.Popen[bytes]) -> tuple[int, bytes, str]:
    """Return how it ended, and what it printed and said."""
    out, said = process.communicate(timeout=120)
    return process.returncode, out, said.decode()


def test_a_second_search_is_refused(nights: Nights, place: Callable[[int], Place]) -> None:
    """With a sentence and 75, with --resume as without; the first one goes on."""
    here = place(60)
    first = nights.start(here, "first")
    with stopped(first, here):
        code, out, said = ended(nights.start(here, "second"))
    assert (code, out) == (LATER, b"")
    assert "candor: A run of this study is under way: " in said
    code, out, _ = ended(first)
    assert code == 0
    assert told(out) == nights.undisturbed.report
    assert here.posted() == nights.undisturbed.posted


def test_a_search_that_slept_too_long_loses(nights: Nights, place: Callable[[int], Place]) -> None:
    """Another resumed it and ended it; it ends with a sentence and 75, and has posted nothing twice."""
    here = place(LEASE)
    first = nights.start(here, "first")
    with stopped(first, here):
        time.sleep(LEASE * 2)
        code, out, said = ended(nights.start(here, "second"))
    assert code == 0, said
    assert "the run that broke off was resumed" in said
    lost, nothing, sentence = ended(first)
    assert (lost, nothing) == (LATER, b"")
    assert sentence.endswith("candor: The run is in other hands now.\n")
    assert told(out) == nights.undisturbed.report
    assert here.posted() == nights.undisturbed.posted
    code, last, _ = ended(nights.start(here, "third", "--last"))
    assert (code, told(last)) == (0, nights.undisturbed.report)


def test_both_go_on_and_one_loses(nights: Nights, place: Callable[[int], Place]) -> None:
    """It wakes up while the other one screens: both post the same people at the same time."""
    here = place(LEASE)
    first = nights.start(here, "first")
    with stopped(first, here):
        time.sleep(LEASE * 2)
        second = nights.start(here, "second")
        with stopped(second, here):
            pass
    ends = [ended(first), ended(second)]
    assert [code for code, _, _ in ends] == [LATER, 0], ends
    assert told(ends[1][1]) == nights.undisturbed.report
    assert here.posted().keys() == nights.undisturbed.posted.keys()
    assert set(here.posted().values()) == {1}
