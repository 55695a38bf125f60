"""Files of an export: who is shown a token, where redirects lead, what expires, breaks off or has no room."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import SettingError
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
    shown,
    targets,
    whole,
)

pytestmark = [pytest.mark.servers, pytest.mark.anyio]

ETAG = '"v1"'


def cut(body: bytes, etag: str = ETAG) -> Answer:
    """Return a file that breaks off after ten bytes."""
    return whole(body)._replace(headers={"ETag": etag}, cut=10)


def rest(body: bytes, total: int | None = None, etag: str = ETAG, coding: str = "identity") -> Answer:
    """Return what follows ten bytes."""
    told = f"bytes 10-{len(body) - 1}/{total or len(body)}"
    return Answer(206, body[10:], {"Content-Range": told, "ETag": etag, "Content-Encoding": coding})


@pytest.mark.parametrize("needed", [True, "true"])
async def test_the_token_is_shown_where_it_is_needed(server: Exporting, tmp_path: Path, needed: object) -> None:
    """Also where the manifest says so in a text."""
    server.exports(manifest(("Patient", f"{server.base}/files/1"), token=needed))
    server.on(FILE, whole(ndjson(ONE)))

    await export(server, tmp_path / "export")

    assert shown(server.asked(FILE)) == ["Bearer secret"]


@pytest.mark.parametrize("needed", [False, "false", None])
async def test_the_token_is_not_shown_where_it_is_not_needed(
    server: Exporting, other: Exporting, tmp_path: Path, needed: object
) -> None:
    """Neither to the server itself nor to another one, which may keep the files then."""
    server.exports(manifest(("Patient", f"{server.base}/files/1"), ("Patient", f"{other.base}/files/1"), token=needed))
    server.on(FILE, whole(ndjson(ONE)))
    other.on(FILE, whole(ndjson(TWO)))

    assert (await export(server, tmp_path / "export")).unread == []

    assert shown([*server.asked(FILE), *other.asked(FILE)]) == [None, None]
    assert files(tmp_path / "export") == [ndjson(ONE), ndjson(TWO)]


async def test_another_server_is_not_asked_where_a_token_is_needed(
    server: Exporting, other: Exporting, tmp_path: Path
) -> None:
    """Its file is unread; the others are read."""
    server.exports(manifest(("Patient", f"{other.base}/files/1"), ("Patient", f"{server.base}/files/1"), token=True))
    server.on(FILE, whole(ndjson(ONE)))

    done = await export(server, tmp_path / "export")

    assert [each.partition(": ")[2] for each in done.unread] == [
        "it lies at another server, which is not shown the token"
    ]
    assert other.seen == []
    assert files(tmp_path / "export") == [ndjson(ONE)]


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "http://files.example/1", "ftp://files.example/1", "https://a@b.example/1"]
)
async def test_places_that_hold_no_file_are_not_asked(server: Exporting, tmp_path: Path, url: str) -> None:
    """Link-local addresses, plain http to another machine, other schemes, user information."""
    server.exports(manifest(("Patient", url)))

    done = await export(server, tmp_path / "export")

    assert len(done.unread) == 1
    assert files(tmp_path / "export") == []


@pytest.mark.parametrize("status", [302, 307])
async def test_the_token_does_not_follow_a_redirect(
    server: Exporting, other: Exporting, tmp_path: Path, status: int
) -> None:
    """The file comes from where it leads, which is shown no token."""
    server.exports(manifest(("Patient", f"{server.base}/files/1"), token=True))
    server.on(FILE, Answer(status, headers={"Location": f"{other.base}/files/1?signature=x"}))
    other.on(FILE, whole(ndjson(ONE)))

    assert (await export(server, tmp_path / "export")).unread == []

    assert shown(server.asked(FILE)) == ["Bearer secret"]
    assert shown(other.seen) == [None]
    assert targets(other.seen) == [f"{FILE}?signature=x"]
    assert files(tmp_path / "export") == [ndjson(ONE)]


async def test_redirects_come_to_an_end(server: Exporting, tmp_path: Path) -> None:
    """A circle is left, and so is a way to a link-local address."""
    server.exports(manifest(("Patient", f"{server.base}/files/1"), ("Patient", f"{server.base}/files/2")))
    server.on(FILE, Answer(307, headers={"Location": f"{server.base}/files/1"}))
    server.on("/fhir/files/2", Answer(307, headers={"Location": "http://169.254.169.254/latest"}))

    done = await export(server, tmp_path / "export")

    assert len(done.unread) == 2
    assert len(server.asked(FILE)) == 5


async def test_a_file_that_breaks_off_is_gone_on_with(server: Exporting, tmp_path: Path) -> None:
    """Only the rest is asked for, where the server gives parts, and only of the same file."""
    body = ndjson(ONE, TWO)
    server.exports(manifest(("Patient", f"{server.base}/files/1")))
    server.on(FILE, cut(body), rest(body))

    assert (await export(server, tmp_path / "export")).unread == []

    asked = [(each.headers.get("Range"), each.headers.get("If-Range")) for each in server.asked(FILE)]
    assert asked == [(None, None), ("bytes=10-", ETAG)]
    assert files(tmp_path / "export") == [body]


@pytest.mark.parametrize(
    "odd",
    [
        whole(ndjson(ONE, TWO)),
        Answer(206, ndjson(ONE), {"Content-Range": "bytes 0-40/80"}),
        rest(ndjson(TWO, TWO), total=999),
        rest(ndjson(TWO, TWO), etag='"another"'),
        rest(ndjson(TWO, TWO), coding="br"),
        Answer(206, ndjson(TWO, TWO)[10:]),
        Answer(416),
        Answer(429, headers={"Retry-After": "1"}),
        Answer(502),
    ],
    ids=["whole again", "another part", "longer now", "another file", "coded", "no part", "gone", "busy", "down"],
)
async def test_a_file_that_cannot_be_gone_on_with_is_had_all_the_same(
    server: Exporting, tmp_path: Path, odd: Answer
) -> None:
    """Whatever comes instead of the rest, the file is in the end what the server holds."""
    body = ndjson(ONE, TWO)
    server.exports(manifest(("Patient", f"{server.base}/files/1")))
    last = rest(body) if odd.status in {429, 502} else whole(body)
    server.on(FILE, cut(body), odd, last)

    assert (await export(server, tmp_path / "export")).unread == []

    assert files(tmp_path / "export") == [body]


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_links_that_have_expired_are_told_anew(server: Exporting, tmp_path: Path, status: int) -> None:
    """The manifest is asked for again; what is there already is not fetched again."""
    old = manifest(("Patient", f"{server.base}/files/1"), ("Patient", f"{server.base}/files/2"))
    new = manifest(("Patient", f"{server.base}/files/1?new"), ("Patient", f"{server.base}/files/3"))
    server.exports(new, manifested(old))
    server.on(FILE, whole(ndjson(ONE)))
    server.on("/fhir/files/2", Answer(status))
    server.on("/fhir/files/3", whole(ndjson(TWO)))

    assert (await export(server, tmp_path / "export")).unread == []

    assert targets(server.asked(FILE)) == [FILE]
    assert files(tmp_path / "export") == [ndjson(ONE), ndjson(TWO)]


async def test_a_file_that_is_gone_for_good_is_unread(server: Exporting, tmp_path: Path) -> None:
    """The others are read."""
    server.exports(manifest(("Patient", f"{server.base}/files/1"), ("Patient", f"{server.base}/files/2")))
    server.on(FILE, whole(ndjson(ONE)))

    done = await export(server, tmp_path / "export")

    assert [each.partition(": ")[2] for each in done.unread] == ["it is not there any more"]
    assert files(tmp_path / "export") == [ndjson(ONE)]


async def test_no_more_connections_are_used_than_permitted(server: Exporting, tmp_path: Path) -> None:
    """Twenty files come over two connections."""
    server.exports(manifest(*(("Patient", f"{server.base}/files/{number}") for number in range(20))))
    for number in range(20):
        server.on(f"/fhir/files/{number}", whole(ndjson({"resourceType": "Patient", "id": str(number)})))

    await export(server, tmp_path / "export")

    assert len(files(tmp_path / "export")) == 20
    assert 1 <= server.most_at_once <= 2


async def test_a_disk_without_room_is_told_before(server: Exporting, tmp_path: Path) -> None:
    """The message names the setting, and nothing is written."""
    server.exports(manifest(("Patient", f"{server.base}/files/1")))
    server.on(FILE, Answer(200, ndjson(ONE), {"Content-Length": str(1 << 60)}, cut=10))

    with pytest.raises(SettingError, match="CANDOR_HOME"):
        await export(server, tmp_path / "export")


def endless(body: bytes) -> Answer:
    """Return a file of which nothing says how long it is."""
    return Answer(200, body, {"Content-Length": "", "Connection": "close"}, cut=len(body))


@pytest.mark.parametrize(("count", "unread"), [(3, ["output-0.Patient.ndjson: only 2 of 3 records came"]), (2, [])])
async def test_a_file_without_a_length_is_held_against_the_count(
    server: Exporting, tmp_path: Path, count: int, unread: list[str]
) -> None:
    """Cut between two lines it looks whole; blank lines are no records."""
    named = {"type": "Patient", "url": f"{server.base}/files/1", "count": count}
    server.exports(manifest() | {"output": [named]})
    server.on(FILE, endless(ndjson(ONE) + b"\n" + ndjson(TWO)))

    assert (await export(server, tmp_path / "export")).unread == unread
