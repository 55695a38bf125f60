"""The record of reads: on the server, else in a file, and never nowhere."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
import stamina

from service.errors import SettingError
from service.hospital.audit import AuditTrail
from service.hospital.client import FhirClient, Server
from tests.screenings import NOW, study

pytestmark = pytest.mark.anyio

BASE = "https://fhir.hospital.example/r4"


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Repeat without pauses."""
    with stamina.set_testing(True, attempts=1):
        yield


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give the file for what the server does not take, in a folder that is made when it is needed."""
    return tmp_path / "state/reads.ndjson"


async def read(file: Path, *patients: str) -> None:
    """Record reads one after the other."""
    async with FhirClient(Server(base=BASE)) as client, AuditTrail(BASE, client, file, lambda: NOW) as trail:
        for patient in patients:
            trail.read(study(), patient)
            await asyncio.sleep(0.02)


async def read_without_server(file: Path, patient: str) -> None:
    """Record one read where no server is to be written to."""
    async with AuditTrail(BASE, None, file, lambda: NOW) as trail:
        trail.read(study(), patient)


def kept(file: Path) -> list[str]:
    """Return the patients of the events in the file."""
    return [about(json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []


def mode(file: Path) -> int:
    """Return who may do what with the file."""
    return file.stat().st_mode & 0o777


def about(event: dict[str, Any]) -> str:
    """Return the patient whose chart was read."""
    [patient] = [each["what"]["reference"] for each in event["entity"] if each["role"]["code"] == "1"]
    return str(patient)


@respx.mock
async def test_each_read_is_an_event_on_the_server(file: Path) -> None:
    """One AuditEvent for each patient read is posted, and none is kept here."""
    posted = respx.post(f"{BASE}/AuditEvent").respond(201)

    await read(file, "Patient/a", "Patient/b")

    assert [about(json.loads(call.request.content)) for call in posted.calls] == ["Patient/a", "Patient/b"]
    assert kept(file) == []


@respx.mock
@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
async def test_a_server_that_takes_none_is_asked_once(file: Path, status: int) -> None:
    """Where the server refuses the first event, this one and all others are kept in the file."""
    posted = respx.post(f"{BASE}/AuditEvent").respond(status)

    await read(file, "Patient/a", "Patient/b")

    assert posted.call_count == 1
    assert kept(file) == ["Patient/a", "Patient/b"]


@respx.mock
async def test_a_server_that_is_busy_is_asked_again(file: Path) -> None:
    """What the server could not take at that moment is kept in the file; the next one goes to the server."""
    respx.post(f"{BASE}/AuditEvent").side_effect = [httpx.Response(503), httpx.Response(201)]

    await read(file, "Patient/a", "Patient/b")

    assert kept(file) == ["Patient/a"]


async def test_without_a_server_the_file_has_them(file: Path) -> None:
    """Where no server is to be written to, every read stands in the file, which others on the machine cannot read."""
    await read_without_server(file, "Patient/a")
    await read_without_server(file, "Patient/b")

    assert kept(file) == ["Patient/a", "Patient/b"]
    assert mode(file) == 0o600


@respx.mock
@pytest.mark.parametrize("ended", [False, True], ids=["while more is read", "while the end is waited for"])
async def test_a_read_that_is_broken_off_is_recorded(file: Path, *, ended: bool) -> None:
    """When the program is stopped while the server is being asked, the event is kept in the file at once."""
    asked = asyncio.Event()

    async def wait(request: httpx.Request) -> httpx.Response:
        asked.set()
        await asyncio.sleep(60)
        return httpx.Response(201)

    async def work() -> None:
        async with FhirClient(Server(base=BASE)) as client, AuditTrail(BASE, client, file, lambda: NOW) as trail:
            trail.read(study(), "Patient/a")
            await asyncio.sleep(0 if ended else 60)

    respx.post(f"{BASE}/AuditEvent").mock(side_effect=wait)
    working = asyncio.create_task(work())
    await asyncio.wait_for(asked.wait(), 5)

    working.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(working, 5)
    assert kept(file) == ["Patient/a"]


async def test_where_nothing_can_be_kept_nothing_more_is_read(tmp_path: Path) -> None:
    """An event that neither server nor file takes stops the reading, with what to do about it."""
    (tmp_path / "state").write_text("a file where the folder should be")
    trail = AuditTrail(BASE, None, tmp_path / "state/reads.ndjson", lambda: NOW)
    trail.read(study(), "Patient/a")
    await asyncio.sleep(0.01)

    with pytest.raises(SettingError, match="CANDOR_HOME"):
        trail.read(study(), "Patient/b")


async def test_an_event_kept_nowhere_is_told_at_the_end(tmp_path: Path) -> None:
    """The last event is waited for, and where it could not be kept, that is an error too."""
    (tmp_path / "state").write_text("a file where the folder should be")

    with pytest.raises(SettingError, match="CANDOR_HOME"):
        await read_without_server(tmp_path / "state/reads.ndjson", "Patient/a")
