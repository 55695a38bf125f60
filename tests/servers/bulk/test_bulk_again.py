"""Manifests told anew, and files gone on with: only what is surely the same is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.servers.exporting import (
    FILE,
    ONE,
    TWO,
    Answer,
    BrokenOff,
    Exporting,
    Waits,
    export,
    files,
    manifest,
    manifested,
    ndjson,
    targets,
    whole,
)

pytestmark = [pytest.mark.servers, pytest.mark.anyio]

THREE = {"resourceType": "Patient", "id": "zero"}
SECOND, THIRD = "/fhir/files/2", "/fhir/files/3"
GONE = Answer(410)


def named(server: Exporting, *names: str, **more: object) -> dict[str, Any]:
    """Return a manifest of files of the server."""
    return manifest(*(("Patient", f"{server.base}/files{name}") for name in names), **more)


async def test_a_manifest_told_anew_may_have_another_order(server: Exporting, tmp_path: Path) -> None:
    """What is there stays, whatever its signature and place now, and what is not is fetched."""
    server.exports(named(server, "/2?s=new", "/1?s=new"), manifested(named(server, "/1?s=old", "/2?s=old")))
    server.on(FILE, whole(ndjson(ONE)))
    server.on(SECOND, GONE, whole(ndjson(TWO)))

    assert (await export(server, tmp_path / "export")).unread == []

    assert targets([*server.asked(FILE), *server.asked(SECOND)]) == [
        f"{FILE}?s=old",
        f"{SECOND}?s=old",
        f"{SECOND}?s=new",
    ]
    assert files(tmp_path / "export") == [ndjson(ONE), ndjson(TWO)]


async def test_files_that_cannot_be_told_apart_are_fetched_anew(server: Exporting, tmp_path: Path) -> None:
    """One path for all: which is which stands in the query, and so does the signature."""
    old, new = (named(server, *(f"?n={n}&s={sign}" for n in order)) for order, sign in (("12", "old"), ("21", "new")))
    server.exports(new, manifested(old))
    server.on("/fhir/files", whole(ndjson(ONE)), GONE, whole(ndjson(TWO)), whole(ndjson(ONE)))

    assert (await export(server, tmp_path / "export", connections=1)).unread == []

    asked = [each.partition("?")[2] for each in targets(server.asked("/fhir/files"))]
    assert asked == ["n=1&s=old", "n=2&s=old", "n=2&s=new", "n=1&s=new"]
    assert files(tmp_path / "export") == [ndjson(ONE), ndjson(TWO)]


async def test_files_of_another_moment_are_fetched_anew(server: Exporting, tmp_path: Path) -> None:
    """The server has begun the export again at the same place: nothing of the old one stays."""
    later = "2026-11-23T02:00:00Z"
    server.exports(named(server, "/1", "/2", transactionTime=later), manifested(named(server, "/1", "/2", "/3")))
    server.on(FILE, whole(ndjson(ONE)), whole(ndjson(THREE)))
    server.on(SECOND, GONE, whole(ndjson(TWO)))
    server.on(THIRD, whole(ndjson(ONE, TWO)))

    done = await export(server, tmp_path / "export")

    assert (done.until is not None and done.until.hour, done.unread) == (2, [])
    assert files(tmp_path / "export") == [ndjson(TWO), ndjson(THREE)]


async def test_links_may_expire_again_and_again(server: Exporting, tmp_path: Path) -> None:
    """As long as each manifest leads to something another one is asked for."""
    server.exports(named(server, "/1", "/2", "/3"))
    server.on(FILE, whole(ndjson(ONE)))
    server.on(SECOND, GONE, whole(ndjson(TWO)))
    server.on(THIRD, GONE, GONE, whole(ndjson(THREE)))

    assert (await export(server, tmp_path / "export")).unread == []

    assert len(files(tmp_path / "export")) == 3
    assert len(server.asked("/fhir/status/1")) == 3


async def test_no_manifest_is_asked_for_in_vain_again_and_again(server: Exporting, tmp_path: Path) -> None:
    """One file is gone for good; that another one breaks off at the same place each time leads to nothing."""
    server.exports(named(server, "/1", "/2"))
    answers = [each for _ in range(3) for each in (broken(ndjson(ONE, TWO), None), *[Answer(500)] * 7)]
    server.on(SECOND, *answers)

    assert len((await export(server, tmp_path / "export")).unread) == 2

    assert len(server.asked("/fhir/status/1")) == 2


async def test_a_file_that_a_manifest_names_twice_is_one(server: Exporting, tmp_path: Path) -> None:
    """Its records would count twice."""
    server.exports(named(server, "/1", "/1"))
    server.on(FILE, whole(ndjson(ONE)))

    assert (await export(server, tmp_path / "export")).unread == []
    assert files(tmp_path / "export") == [ndjson(ONE)]


def broken(body: bytes, etag: str | None) -> Answer:
    """Return a file that breaks off after twenty bytes."""
    return whole(body)._replace(headers={"ETag": etag} if etag else {}, cut=20)


def part(body: bytes, first: int, last: int, etag: str = '"v1"') -> Answer:
    """Return bytes of it."""
    told = {"Content-Range": f"bytes {first}-{last}/{len(body)}", "ETag": etag}
    return Answer(206, body[first : last + 1], told)


async def _broken_off(server: Exporting, folder: Path, first: Answer) -> None:
    """End a run while it waits to go on with a file."""
    server.on(FILE, first)
    with pytest.raises(asyncio.CancelledError):
        await export(server, folder, waits=BrokenOff(2))


async def test_a_run_that_is_resumed_goes_on_with_a_file(server: Exporting, tmp_path: Path) -> None:
    """Also where the rest comes in two parts."""
    body = ndjson(ONE, TWO)
    server.exports(named(server, "/1"))
    await _broken_off(server, tmp_path / "export", broken(body, '"v1"'))
    server.on(FILE, part(body, 20, 29), part(body, 30, len(body) - 1))

    assert (await export(server, tmp_path / "export")).unread == []

    asked = [(each.headers.get("Range"), each.headers.get("If-Range")) for each in server.asked(FILE)]
    assert asked == [(None, None), ("bytes=20-", '"v1"'), ("bytes=30-", '"v1"')]
    assert files(tmp_path / "export") == [body]


async def test_a_file_may_come_in_many_parts(server: Exporting, tmp_path: Path) -> None:
    """As long as each time more of it comes."""
    body = ndjson(ONE, TWO)
    server.exports(named(server, "/1"))
    parts = [part(body, at, min(at + 2, len(body) - 1)) for at in range(20, len(body), 3)]
    server.on(FILE, broken(body, '"v1"'), *parts)
    waits = Waits()

    assert (await export(server, tmp_path / "export", waits=waits)).unread == []

    assert len(server.asked(FILE)) > 10
    assert set(waits[1:]) == {2.0}
    assert files(tmp_path / "export") == [body]


async def test_a_file_that_changed_meanwhile_is_fetched_anew(server: Exporting, tmp_path: Path) -> None:
    """What the server holds now comes whole, and nothing of the old one stays."""
    server.exports(named(server, "/1"))
    await _broken_off(server, tmp_path / "export", broken(ndjson(ONE, TWO), '"v1"'))
    server.on(FILE, whole(ndjson(TWO)))

    assert (await export(server, tmp_path / "export")).unread == []

    assert files(tmp_path / "export") == [ndjson(TWO)]


@pytest.mark.parametrize("etag", ['W/"v1"', None])
async def test_what_nothing_shows_to_be_the_same_is_fetched_anew(
    server: Exporting, tmp_path: Path, etag: str | None
) -> None:
    """Without a strong ETag no part of a file is asked for."""
    server.exports(named(server, "/1"))
    await _broken_off(server, tmp_path / "export", broken(ndjson(ONE, TWO), etag))
    server.on(FILE, whole(ndjson(TWO)))

    assert (await export(server, tmp_path / "export")).unread == []

    assert [each.headers.get("Range") for each in server.asked(FILE)] == [None, None]
    assert files(tmp_path / "export") == [ndjson(TWO)]
