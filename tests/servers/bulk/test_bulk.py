"""Exports by a server that does what HAPI does not: it rests, refuses, fails, forgets, and breaks off a run."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from service.errors import Never, ServerError, TryLater
from service.fhir.lines import LONGEST
from service.hospital.bulk import Exported, Wish
from tests.servers.exporting import (
    FILE,
    ONE,
    TWO,
    UNTIL,
    WISH,
    Answer,
    BrokenOff,
    Exporting,
    Waits,
    export,
    files,
    manifest,
    ndjson,
    parameters,
    whole,
)

pytestmark = [pytest.mark.servers, pytest.mark.anyio]

LONG = b'"' + b"x" * LONGEST + b'"'


def _outcome(severity: str) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "processing"}]}


async def test_an_export_is_asked_for_and_fetched(server: Exporting, tmp_path: Path) -> None:
    """Types, the moment and the format are asked for asynchronously; several files a type come; it is deleted."""
    server.exports(manifest(("Patient", f"{server.base}/files/1"), ("Patient", f"{server.base}/files/2")))
    server.on(FILE, whole(ndjson(ONE)))
    server.on("/fhir/files/2", whole(ndjson(TWO)))

    done = await export(server, tmp_path / "export", WISH._replace(since=UNTIL))

    assert done == Exported(UNTIL, [])
    assert files(tmp_path / "export") == [ndjson(ONE), ndjson(TWO)]
    (asked,) = server.asked("/fhir/$export")
    assert parameters(asked) == {
        "_outputFormat": ["application/fhir+ndjson"],
        "_since": ["2026-11-23T01:02:03.000Z"],
        "_type": ["Patient,Condition"],
    }
    assert (asked.headers["Prefer"], asked.headers["Accept"]) == ("respond-async", "application/fhir+json")
    assert [each.path for each in server.seen if each.method == "DELETE"] == ["/fhir/status/1"]


async def test_a_group_is_exported(server: Exporting, tmp_path: Path) -> None:
    """With a group its members are asked for."""
    server.exports(manifest())
    server.on("/fhir/Group/ssc/$export", Answer(202, headers={"Content-Location": f"{server.base}/status/1"}))

    assert await export(server, tmp_path / "export", WISH._replace(group="ssc")) == Exported(UNTIL, [])


async def test_what_a_server_refuses_is_left_out(server: Exporting, tmp_path: Path) -> None:
    """First the filter, then the types."""
    server.exports(manifest())
    taken = Answer(202, headers={"Content-Location": f"{server.base}/status/1"})
    server.on("/fhir/$export", Answer(400), Answer(400), taken)

    await export(server, tmp_path / "export", WISH._replace(filters="Condition?code=M34"))

    asked = [set(parameters(each)) for each in server.asked("/fhir/$export")]
    least = {"_outputFormat"}
    assert asked == [least | {"_type", "_typeFilter"}, least | {"_type"}, least]


async def test_it_is_waited_for_as_the_server_asks(server: Exporting, tmp_path: Path) -> None:
    """Seconds, a date that is over, hours (a quarter at most), 429 and 503; without a word, longer each time."""
    said = ("3", "Mon, 23 Nov 2020 00:00:00 GMT", "7200")
    busy = [Answer(202, headers={"Retry-After": each}) for each in said]
    busy += [Answer(429, headers={"Retry-After": "5"}), Answer(503, headers={"Retry-After": "6"}), Answer(202)]
    server.exports(manifest(), *busy)
    waits = Waits()

    await export(server, tmp_path / "export", waits=waits)

    assert waits == [5.0, 3.0, 1.0, 900.0, 5.0, 6.0, 32.0]


async def test_errors_of_the_manifest_are_told_by_their_number(server: Exporting, tmp_path: Path) -> None:
    """Information and warnings are no errors; the file of them is no record, and what was deleted none either."""
    error = [{"type": "OperationOutcome", "url": f"{server.base}/files/2"}]
    deleted = [{"type": "Bundle", "url": f"{server.base}/files/3"}]
    server.exports(manifest(("Patient", f"{server.base}/files/1"), error=error, deleted=deleted))
    server.on(FILE, whole(ndjson(ONE)))
    server.on("/fhir/files/2", whole(ndjson(_outcome("information"), _outcome("error"), _outcome("warning"))))

    done = await export(server, tmp_path / "export")

    assert done.unread == ["the server tells of 1 errors in the export"]
    assert files(tmp_path / "export") == [ndjson(ONE)]


@pytest.mark.parametrize(
    "errors",
    [{"url": "x"}, "x", [{"url": "x"}], [{"type": "OperationOutcome"}], ["x"]],
    ids=["object", "text", "no type", "no url", "no entry"],
)
async def test_errors_that_are_named_in_no_readable_way_are_told(
    server: Exporting, tmp_path: Path, errors: object
) -> None:
    """There may be some."""
    server.exports(manifest(error=errors))

    done = await export(server, tmp_path / "export")

    assert done.unread == ["the manifest names errors in a way that cannot be read"]


@pytest.mark.parametrize(
    "line",
    [b'{"resourceType": "OperationOutcome", "iss', b'{"resourceType": "OperationOutcome"}', b"<html>", b"\xff", LONG],
    ids=["cut", "no issue", "page", "binary", "too long"],
)
async def test_errors_that_cannot_be_read_are_told(server: Exporting, tmp_path: Path, line: bytes) -> None:
    """What is no OperationOutcome with a known severity may be one."""
    server.exports(manifest(error=[{"type": "OperationOutcome", "url": f"{server.base}/files/1"}]))
    server.on(FILE, whole(ndjson(_outcome("warning"), _outcome("error")) + line))

    done = await export(server, tmp_path / "export")

    assert done.unread == [
        "the server tells of 1 errors in the export",
        "error-0.OperationOutcome.ndjson: 1 lines about errors cannot be read",
    ]


async def test_a_manifest_may_name_nothing(server: Exporting, tmp_path: Path) -> None:
    """Nothing has changed."""
    server.exports(manifest())

    assert await export(server, tmp_path / "export") == Exported(UNTIL, [])


@pytest.mark.parametrize("output", [None, "", {"type": "Patient", "url": "x"}], ids=["null", "text", "object"])
async def test_a_manifest_without_a_list_of_files_is_none(server: Exporting, tmp_path: Path, output: object) -> None:
    """It is not taken for an export of nothing, and what the server keeps is not deleted."""
    server.exports(manifest() | {"output": output})

    with pytest.raises(Never, match="no manifest"):
        await export(server, tmp_path / "export")

    assert [each for each in server.seen if each.method == "DELETE"] == []


@pytest.mark.parametrize(
    "entry", [None, "x", {"type": "Patient"}, {"url": "x"}, {"type": 1, "url": "x"}, {"type": "Patient", "url": None}]
)
async def test_an_entry_that_names_no_file_is_unread(server: Exporting, tmp_path: Path, entry: object) -> None:
    """The others are read."""
    named = {"type": "Patient", "url": f"{server.base}/files/1"}
    server.exports(manifest() | {"output": [entry, named]})
    server.on(FILE, whole(ndjson(ONE)))

    done = await export(server, tmp_path / "export")

    assert done.unread == ["the manifest names files in a way that cannot be read"]
    assert files(tmp_path / "export") == [ndjson(ONE)]


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (Answer(500, json.dumps(_outcome("error")).encode()), TryLater, "error processing"),
        (Answer(400, json.dumps(_outcome("error")).encode()), Never, "error processing"),
        (Answer(200, json.dumps(_outcome("error")).encode()), Never, "no manifest"),
        (Answer(200, b"<html>"), Never, "no manifest"),
    ],
    ids=["failed", "refused", "outcome", "page"],
)
async def test_an_error_instead_of_a_manifest_is_told(
    server: Exporting, tmp_path: Path, answer: Answer, error: type[ServerError], says: str
) -> None:
    """By its codes alone."""
    server.exports(manifest(), answer)

    with pytest.raises(error, match=says):
        await export(server, tmp_path / "export")


async def test_an_export_that_failed_is_asked_for_anew(server: Exporting, tmp_path: Path) -> None:
    """The next run does not wait for the one that will never come."""
    server.exports(manifest(), Answer(500))
    with pytest.raises(TryLater):
        await export(server, tmp_path / "export")

    await export(server, tmp_path / "export")

    assert len(server.asked("/fhir/$export")) == 2


async def test_an_export_at_another_server_is_not_asked_for(
    server: Exporting, other: Exporting, tmp_path: Path
) -> None:
    """A place of another origin gets neither question nor token."""
    server.on("/fhir/$export", Answer(202, headers={"Content-Location": f"{other.base}/status/1"}))

    with pytest.raises(Never, match="CANDOR_FHIR_URL"):
        await export(server, tmp_path / "export")

    assert other.seen == []


async def test_a_run_that_broke_off_goes_on_with_the_same_export(server: Exporting, tmp_path: Path) -> None:
    """It is not asked for again, and files that are there are not fetched again."""
    server.exports(manifest(("Patient", f"{server.base}/files/1"), ("Patient", f"{server.base}/files/2")))
    server.on(FILE, whole(ndjson(ONE)))
    server.on("/fhir/files/2", Answer(503), whole(ndjson(TWO)))
    with pytest.raises(asyncio.CancelledError):
        await export(server, tmp_path / "export", waits=BrokenOff(2), connections=1)

    await export(server, tmp_path / "export")
    asked = len(server.seen)
    again = await export(server, tmp_path / "export")

    assert (again, len(server.seen)) == (Exported(UNTIL, []), asked)
    assert (len(server.asked("/fhir/$export")), len(server.asked(FILE))) == (1, 1)
    assert files(tmp_path / "export") == [ndjson(ONE), ndjson(TWO)]


@pytest.mark.parametrize(
    "other", [WISH._replace(since=UNTIL), WISH._replace(filters="Condition?code=x"), WISH._replace(kinds=("Patient",))]
)
async def test_an_export_of_something_else_is_not_gone_on_with(server: Exporting, tmp_path: Path, other: Wish) -> None:
    """A run that begins anew on other terms has one of its own: the other would pass for the whole."""
    server.exports(manifest(("Patient", f"{server.base}/files/1")))
    server.on(FILE, whole(ndjson(ONE)), whole(ndjson(TWO)))
    await export(server, tmp_path / "export", other)

    await export(server, tmp_path / "export")

    assert len(server.asked("/fhir/$export")) == 2
    assert files(tmp_path / "export") == [ndjson(TWO)]


async def test_an_export_that_the_server_forgot_is_asked_for_anew(server: Exporting, tmp_path: Path) -> None:
    """No file of the forgotten one stays beside those of the new one."""
    server.exports(manifest(("Patient", f"{server.base}/files/1")), Answer(404))
    server.on(FILE, whole(ndjson(ONE)))
    with pytest.raises(asyncio.CancelledError):
        await export(server, tmp_path / "export", waits=BrokenOff())
    (tmp_path / "export/output-0.Patient.ndjson").write_bytes(ndjson(TWO))

    await export(server, tmp_path / "export")

    assert len(server.asked("/fhir/$export")) == 2
    assert files(tmp_path / "export") == [ndjson(ONE)]
