"""Exports of a large hospital: thousands of files, a disk that all of them share, a file server that is down."""

from __future__ import annotations

import asyncio
import resource
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.errors import SettingError, TryLater
from service.population.sources import Source, open_source
from tests.servers.exporting import (
    FILE,
    ONE,
    TWO,
    Answer,
    Exporting,
    export,
    files,
    manifest,
    manifested,
    ndjson,
    whole,
)

pytestmark = [pytest.mark.servers, pytest.mark.anyio]


@pytest.fixture
def few_handles() -> Iterator[None]:
    """Let this process open no more than 200 files."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


@pytest.fixture
def nobody() -> Iterator[str]:
    """Give the URL of a server that is down: a port that is taken and not listened at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/files"


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """Give what holds answers back until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def huge(folder: Path, part: float, held: threading.Event | None = None) -> Answer:
    """Return the beginning of a file that needs so much of what is free."""
    size = str(int(shutil.disk_usage(folder).free * part))
    return Answer(200, ndjson(ONE), {"Content-Length": size}, cut=10, held=held)


@pytest.mark.slow
@pytest.mark.usefixtures("few_handles")
async def test_thousands_of_files_need_few_handles(server: Exporting, tmp_path: Path) -> None:
    """Each is opened when its turn has come."""
    numbers = range(3000)
    server.exports(manifest(*(("Patient", f"{server.base}/files/{number}") for number in numbers)))
    for number in numbers:
        server.on(f"/fhir/files/{number}", whole(ndjson({"resourceType": "Patient", "id": str(number)})))

    done = await export(server, tmp_path / "export", connections=4)

    assert done.unread == []
    assert len(set(files(tmp_path / "export"))) == 3000
    assert server.most_at_once <= 4


async def test_files_in_one_order_are_read_without_an_index(
    server: Exporting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve files a type, in the order of the manifest: the index, of which memory grows, is not made."""
    numbers = range(12)
    names = [(kind, f"{server.base}/files/{kind}/{number}") for kind in ("Condition", "Patient") for number in numbers]
    server.exports(manifest(*names))
    for number in numbers:
        person, condition = f"p{number}", {"resourceType": "Condition", "id": "c", "subject": {}}
        server.on(f"/fhir/files/Patient/{number}", whole(ndjson(ONE | {"id": person})))
        condition["subject"] = {"reference": f"Patient/{person}"}
        server.on(f"/fhir/files/Condition/{number}", whole(ndjson(condition)))
    monkeypatch.delattr(Source, "_by_index")

    assert (await export(server, tmp_path / "export")).unread == []

    charts = list(open_source(tmp_path / "export").patients())
    assert [(each.patient, len(each.resources)) for each in charts] == [(f"Patient/p{n}", 2) for n in numbers]


async def test_an_error_ends_all_other_downloads(server: Exporting, tmp_path: Path, held: threading.Event) -> None:
    """Nothing goes on behind the back of who is told of the error."""
    server.exports(manifest(*(("Patient", f"{server.base}/files/{number}") for number in (1, 2, 3))))
    server.on(FILE, whole(ndjson(ONE, TWO))._replace(cut=10, held=held))
    server.on("/fhir/files/2", huge(tmp_path, 2))
    ends = list[set[asyncio.Task[object]]]()

    async def told() -> None:
        try:
            await export(server, tmp_path / "export")
        finally:
            ends.append(asyncio.all_tasks())

    before = asyncio.all_tasks()
    with pytest.raises(SettingError, match="CANDOR_HOME"):
        await told()

    assert ends == [before]
    assert server.asked("/fhir/files/3") == []


async def test_files_share_the_room_on_the_disk(server: Exporting, tmp_path: Path, held: threading.Event) -> None:
    """Each of them has room alone; the second is not begun while the first still needs its own."""
    server.exports(manifest(("Patient", f"{server.base}/files/1"), ("Patient", f"{server.base}/files/2")))
    for path in (FILE, "/fhir/files/2"):
        server.on(path, huge(tmp_path, 0.6, held))

    with pytest.raises(SettingError, match="CANDOR_HOME"):
        await export(server, tmp_path / "export")


async def test_a_file_that_has_come_needs_no_more_room(server: Exporting, tmp_path: Path) -> None:
    """What broke off keeps nothing from the others."""
    server.exports(manifest(("Patient", f"{server.base}/files/1"), ("Patient", f"{server.base}/files/2")))
    for path in (FILE, "/fhir/files/2"):
        server.on(path, huge(tmp_path, 0.6))

    done = await export(server, tmp_path / "export", connections=1)

    assert len(done.unread) == 2


async def test_a_file_server_that_is_down_does_not_count_against_the_server(
    server: Exporting, nobody: str, tmp_path: Path
) -> None:
    """Its files are unread after some attempts; the server itself is asked as before, and so deletes the export."""
    urls = [f"{nobody}/1", f"{nobody}/2", f"{server.base}/files/1"]
    server.exports(manifest(*(("Patient", url) for url in urls)))
    server.on(FILE, whole(ndjson(ONE)))

    done = await export(server, tmp_path / "export")

    assert len(done.unread) == 2
    assert files(tmp_path / "export") == [ndjson(ONE)]
    assert [each.path for each in server.seen if each.method == "DELETE"] == ["/fhir/status/1"]


async def test_where_many_files_in_a_row_cannot_be_had_the_run_ends(
    server: Exporting, nobody: str, tmp_path: Path
) -> None:
    """The file server is down: the run that is resumed goes on with the same export, and fetches what is not there."""
    away = [("Patient", f"{nobody}/{number}") for number in range(20)]
    server.exports(manifest(("Patient", f"{server.base}/files/1"), *away))
    server.on(FILE, whole(ndjson(ONE)))
    with pytest.raises(TryLater, match="10 files of the export in a row"):
        await export(server, tmp_path / "export")

    server.on("/fhir/status/1", manifested(manifest(("Patient", f"{server.base}/files/1"))))

    assert (await export(server, tmp_path / "export")).unread == []
    assert (len(server.asked("/fhir/$export")), len(server.asked(FILE))) == (1, 1)
