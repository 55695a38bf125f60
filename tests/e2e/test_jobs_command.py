"""`candor jobs` and `candor forget`: what operators see and do, beside the service or without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from service.store.store import SqlStore, open_store
from service.work.model import Audit, Kind, NewJob
from tests.e2e.test_command_line import Candor
from tests.store.conftest import result

LEASE = timedelta(seconds=30)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """Give the store of a running service, with a job that waits, one that was set aside, and a result."""
    with open_store(None, tmp_path / "home") as store:
        anyio.run(_fill, store)
        yield store


async def _fill(store: SqlStore) -> None:
    for id_ in ("done", "parked", "waits"):
        await store.accept(NewJob(id_, Kind.SCREEN, id_, b"{}", "Patient/7"))
    done, parked = [await store.claim([Kind.SCREEN], LEASE) for _ in range(2)]
    assert done is not None
    assert parked is not None
    await store.screened(done, result("done", patient="Patient/7"), Audit("screened", "me"), lease=None)
    await store.park(parked, "The server refuses.")


def lines(candor: Candor, *options: str) -> list[tuple[str, str, str | None]]:
    """Return id, state and reason of the jobs that are listed."""
    told = [json.loads(line) for line in candor("jobs", "list", "--json", *options).out.splitlines()]
    return [(job["id"], job["state"], job["reason"]) for job in told]


def test_jobs_that_are_not_done_are_listed(store: SqlStore, candor: Candor) -> None:
    """Without an option the list leaves out what is done; as text it has a line for each job."""
    text = candor("jobs", "list").out.splitlines()

    assert lines(candor) == [("parked", "parked", "The server refuses."), ("waits", "ready", None)]
    assert lines(candor, "--state", "done") == [("done", "done", None)]
    assert [line.split()[:4] for line in text] == [
        ["parked", "screen", "parked", "1"],
        ["waits", "screen", "ready", "0"],
    ]
    assert text[0].endswith("The server refuses.")


@pytest.mark.parametrize("which", ["parked", "--all"])
def test_a_parked_job_is_put_back(store: SqlStore, candor: Candor, which: str) -> None:
    """A job that was set aside is put back, by id or with all others."""
    run = candor("jobs", "requeue", which)

    assert (run.code, run.out, run.err) == (0, "", "1 put back.\n")
    assert {state for _, state, _ in lines(candor)} == {"ready"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((), "Name jobs that are parked"), (("waits",), "are not parked"), (("x", "--all"), "or say --all")],
)
def test_what_cannot_be_put_back_is_said(
    store: SqlStore, candor: Candor, arguments: tuple[str, ...], said: str
) -> None:
    """Jobs that are not parked, or not named, are a wrong usage: exit 2."""
    run = candor("jobs", "requeue", *arguments)

    assert run.code == 2
    assert said in run.err


def test_a_patient_is_forgotten(store: SqlStore, candor: Candor, tmp_path: Path) -> None:
    """After the command nothing on the disk names the patient, while the service has the store open."""
    run = candor("forget", "7")
    files = [path.read_bytes() for path in (tmp_path / "home").iterdir()]

    assert (run.code, run.err) == (0, "1 results deleted.\n")
    assert lines(candor, "--state", "done", "--state", "ready", "--state", "parked") == []
    assert not [file for file in files if b"Patient/7" in file]


def test_a_patient_of_another_server_is_forgotten(store: SqlStore, candor: Candor) -> None:
    """A patient of a CDS client's own server is named as results name it; ours of the same id stays."""
    theirs = "https://clinic.example/fhir/Patient/7"
    anyio.run(store.keep, result("theirs", patient=theirs), Audit("screened", "clinic", theirs))
    run = candor("forget", theirs)

    assert (run.code, run.err) == (0, "1 results deleted.\n")
    assert anyio.run(store.screening, "theirs") is None
    assert anyio.run(store.screening, "done") is not None


@pytest.mark.parametrize("command", [("jobs", "list"), ("jobs", "requeue", "--all"), ("forget", "1")])
def test_without_a_store_there_is_nothing_to_do(candor: Candor, tmp_path: Path, command: tuple[str, ...]) -> None:
    """Where no service has run yet that is said, and nothing is made: exit 3."""
    run = candor(*command)

    assert run.code == 3
    assert "start the service once" in run.err
    assert not (tmp_path / "home").exists()
