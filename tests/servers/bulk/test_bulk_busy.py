"""Servers that are busy: they are asked again when they say so, and not for ever."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from service.errors import TryLater
from service.hospital.bulk import Export
from service.hospital.client import FhirClient, Server
from tests.servers.exporting import (
    FILE,
    ONE,
    WISH,
    Answer,
    Exporting,
    Waits,
    export,
    files,
    manifest,
    ndjson,
    whole,
)

pytestmark = [pytest.mark.servers, pytest.mark.anyio]


def _taken(server: Exporting) -> Answer:
    return Answer(202, headers={"Content-Location": f"{server.base}/status/1"})


def _later(seconds: str, status: int = 429) -> Answer:
    return Answer(status, headers={"Retry-After": seconds})


async def test_a_server_that_is_too_busy_to_begin_is_asked_again(server: Exporting, tmp_path: Path) -> None:
    """As it says; without a word, later each time."""
    server.exports(manifest())
    server.on("/fhir/$export", _later("7"), _later("9", 503), Answer(429), _taken(server))
    waits = Waits()

    await export(server, tmp_path / "export", waits=waits)

    assert waits == [7.0, 9.0, 4.0, 5.0]


@pytest.mark.parametrize(("answer", "least"), [(Answer(429), 1800), (_later("4000"), 0)])
async def test_a_server_that_stays_too_busy_is_left_after_an_hour(
    server: Exporting, tmp_path: Path, answer: Answer, least: float
) -> None:
    """The run ends, to be resumed; at once where the server asks for more than that."""
    server.on("/fhir/$export", answer)
    waits = Waits()

    with pytest.raises(TryLater, match="HTTP 429"):
        await export(server, tmp_path / "export", waits=waits)

    assert least <= sum(waits) <= 3600
    assert len(server.asked("/fhir/$export")) == len(waits) + 1


async def test_a_rest_that_a_server_asks_for_ends_no_run(server: Exporting, tmp_path: Path) -> None:
    """Nothing is sent before it is over, whichever step it was asked in; then the run goes on, and tells of it."""
    server.exports(manifest(("Patient", f"{server.base}/files/1")), _later("1"))
    server.on("/fhir/$export", _later("1", 503), _taken(server))
    server.on(FILE, _later("1"), whole(ndjson(ONE)))
    told = list[str]()

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.7))

    async with FhirClient(Server(base=server.base, seconds=1)) as client:
        done = await Export(client, tmp_path / "export", WISH, lambda stage, *_: told.append(stage), sleep).run()

    assert done.unread == []
    assert files(tmp_path / "export") == [ndjson(ONE)]
    assert told.count("export") > 2


async def test_a_server_that_is_down_while_it_exports_is_asked_again(server: Exporting, tmp_path: Path) -> None:
    """Hours of its work are not given up for a minute's restart; a start that is not answered ends the run at once."""
    broken = Answer(200, b"{}", cut=1)
    server.exports(manifest(), Answer(202), *[broken] * 4, Answer(202), *[broken] * 2)

    assert (await export(server, tmp_path / "export")).unread == []
    assert len(server.asked("/fhir/$export")) == 1

    server.on("/fhir/$export", broken)
    with pytest.raises(TryLater):
        await export(server, tmp_path / "other")
    assert len(server.asked("/fhir/$export")) == 3  # of which the client repeats one


async def test_a_server_that_cannot_be_reached_is_not_waited_for(server: Exporting, tmp_path: Path) -> None:
    """Whoever else failed there before: that it is left in peace then is no wish of its own."""
    server.on("/fhir/Patient/_search", Answer(200, b"{}", cut=1))
    waits = Waits()

    async with FhirClient(Server(base=server.base, seconds=1)) as client:
        for _ in range(5):
            with pytest.raises(TryLater):
                await client.search("Patient", ())
        with pytest.raises(TryLater, match="is not asked for now"):
            await Export(client, tmp_path / "export", WISH, lambda *_: None, waits).run()

    assert waits == []


async def test_a_file_is_waited_for_as_often_as_the_server_asks(server: Exporting, tmp_path: Path) -> None:
    """For an hour in all; these are no failures."""
    server.exports(manifest(("Patient", f"{server.base}/files/1")))
    server.on(FILE, *[_later("20")] * 8, whole(ndjson(ONE)))
    waits = Waits()

    assert (await export(server, tmp_path / "export", waits=waits)).unread == []

    assert waits == [5.0, *[20.0] * 8]
