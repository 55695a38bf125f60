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

from service.errors import InputError, Never, SettingError, TryLater
from service.hospital.audit import AuditTrail
from service.hospital.client import FhirClient, Server
from service.hospital.refusals import Unsent
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
            with trail.reading(study(), patient):
                await asyncio.sleep(0)
            await asyncio.sleep(0.02)


async def read_without_server(file: Path, patient: str) -> None:
    """Record one read where no server is to be written to."""
    async with AuditTrail(BASE, None, file, lambda: NOW) as trail:
        with trail.reading(study(), patient):
            await asyncio.sleep(0)


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
            with trail.reading(study(), "Patient/a"):
                await asyncio.sleep(0)
            await asyncio.sleep(0 if ended else 60)

    respx.post(f"{BASE}/AuditEvent").mock(side_effect=wait)
    working = asyncio.create_task(work())
    await asyncio.wait_for(asked.wait(), 5)

    working.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(working, 5)
    assert kept(file) == ["Patient/a"]


async def test_a_read_that_is_stopped_at_once_is_recorded(file: Path) -> None:
    """The event is kept, too, where the program is stopped before anything was done about it."""

    async def work() -> None:
        async with AuditTrail(BASE, None, file, lambda: NOW) as trail:
            with trail.reading(study(), "Patient/a"):
                pass
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await work()
    assert kept(file) == ["Patient/a"]


@pytest.mark.parametrize(
    ("error", "recorded"),
    [
        (asyncio.CancelledError(), ["Patient/a"]),
        (TryLater("It broke off."), ["Patient/a"]),
        (Never("It refused the read of Patient."), ["Patient/a"]),
        (Unsent("It cannot be reached."), []),
        (InputError("There is no such patient.", "patient-not-found"), []),
    ],
    ids=["cancelled", "broken off", "refused", "not reached", "no patient"],
)
async def test_a_read_that_fails_is_recorded(file: Path, error: BaseException, recorded: list[str]) -> None:
    """What was read in part was read; a server that was not reached, or holds no such patient, gave nothing."""
    async with AuditTrail(BASE, None, file, lambda: NOW) as trail:
        with pytest.raises(type(error)), trail.reading(study(), "Patient/a"):
            raise error

    assert kept(file) == recorded


async def test_where_nothing_can_be_kept_nothing_is_read(tmp_path: Path) -> None:
    """Without a server that takes events and a file that can be written, no chart is read, until the file can be."""
    (tmp_path / "state").write_text("a file where the folder should be")
    async with AuditTrail(BASE, None, tmp_path / "state/reads.ndjson", lambda: NOW) as trail:
        for _ in range(3):
            with pytest.raises(SettingError, match="CANDOR_HOME"), trail.reading(study(), "Patient/a"):
                pytest.fail("It was read.")
        (tmp_path / "state").unlink()
        with trail.reading(study(), "Patient/b"):
            pass

    assert kept(tmp_path / "state/reads.ndjson") == ["Patient/b"]


@respx.mock
async def test_an_event_that_was_kept_nowhere_is_kept_first(tmp_path: Path) -> None:
    """What neither server nor file took stops further reads, and is not lost when the file can be written again."""
    respx.post(f"{BASE}/AuditEvent").respond(503)
    (tmp_path / "state").write_text("a file where the folder should be")
    file = tmp_path / "state/reads.ndjson"
    async with FhirClient(Server(base=BASE)) as client, AuditTrail(BASE, client, file, lambda: NOW) as trail:
        with trail.reading(study(), "Patient/a"):
            pass
        await asyncio.sleep(0.02)
        for _ in range(2):
            with pytest.raises(SettingError, match="CANDOR_HOME"), trail.reading(study(), "Patient/b"):
                pytest.fail("It was read.")
        (tmp_path / "state").unlink()
        with trail.reading(study(), "Patient/b"):
            pass

    assert kept(file) == ["Patient/a", "Patient/b"]


@respx.mock
async def test_an_event_kept_nowhere_is_told_at_the_end(tmp_path: Path) -> None:
    """The last event is waited for, and where it could not be kept, that is an error too."""
    respx.post(f"{BASE}/AuditEvent").respond(503)
    (tmp_path / "state").write_text("a file where the folder should be")

    with pytest.raises(SettingError, match="CANDOR_HOME"):
        await read(tmp_path / "state/reads.ndjson", "Patient/a")
