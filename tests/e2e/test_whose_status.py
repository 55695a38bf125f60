"""A ResearchSubject that this service wrote is no person's word, by whatever door the chart comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

from service.eligibility.results import Screening
from service.errors import TryLater
from service.hospital.local import LocalShelf
from service.hospital.results import write_back
from service.screening.patient import Screener
from tests.e2e.conftest import Doors
from tests.e2e.test_command_line import DAY, Candor
from tests.shelf import everything
from tests.verdicts import as_json, shipped_reader, shipped_study

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
Json = dict[str, Any]
Status = Callable[[list[Json]], str | None]


@pytest.fixture(scope="session")
def written(sample: dict[str, Json], tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    """Give the records of a patient about whom a result was written, with all that was written."""
    bundle = sample["07-diagnosis-alone"]
    result = Screener(shipped_study(), shipped_reader()).screen_bundle(bundle, NOW.date())
    assert isinstance(result, Screening)

    async def write(shelf: LocalShelf) -> dict[str, list[Json]]:
        await write_back(shelf, result, now=NOW)
        return await everything(shelf)

    kept = anyio.run(write, LocalShelf(tmp_path_factory.mktemp("kept"), lambda: NOW))
    return [*(entry["resource"] for entry in bundle["entry"]), *(one for same in kept.values() for one in same)]


BROKEN = [{"resourceType": "Parameters", "parameter": [1]}]


def collection(records: list[Json]) -> Json:
    """Return a Bundle of records."""
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in records]}


@pytest.fixture(params=["bundle", "ndjson", "pages", "http", "server"])
def status(request: pytest.FixtureRequest, candor: Candor, doors: Doors, tmp_path: Path) -> Status:
    """Give the status of a person that the result shows, by one of the doors."""

    def command_line() -> str | None:
        run = candor("screen", tmp_path / "source", *DAY, "--json")
        assert run.code == 0, run.err
        shown: str | None = json.loads(run.out)["person_status"]
        return shown

    def by(records: list[Json]) -> str | None:
        source = tmp_path / "source"
        source.mkdir()
        if request.param == "bundle":
            (source / "bundle.json").write_bytes(as_json(collection(records)))
            return command_line()
        if request.param == "pages":
            for number, one in enumerate(records):
                (source / f"{number}.json").write_bytes(as_json(collection([one])))
            return command_line()
        if request.param == "ndjson":
            for kind in {one["resourceType"] for one in records}:
                lines = [as_json(one) + b"\n" for one in records if one["resourceType"] == kind]
                (source / f"{kind}.ndjson").write_bytes(b"".join(lines))
            return command_line()
        doors.results.failure = TryLater("The server is down.")  # the chart's own word counts
        if request.param == "http":
            content = as_json({"bundle": collection(records), "as_of": DAY[1]})
            answer = doors.http.post(
                "/api/v1/screenings", content=content, headers={"Content-Type": "application/json"}
            )
        else:
            doors.records.charts["Patient/demo-07"] = collection(records)
            answer = doors.screen(patient="demo-07")
        shown: str | None = answer.json()["person_status"]
        return shown

    return by


def changed(records: list[Json], kind: str, **elements: Any) -> list[Json]:
    """Return the records, those of a type with other elements."""
    return [one | elements if one["resourceType"] == kind else one for one in records]


def provenance(of: list[Json], recorded: str, **elements: Any) -> Json:
    """Return what somebody else says of the subject's change."""
    [subject] = (one["id"] for one in of if one["resourceType"] == "ResearchSubject")
    target = [{"reference": f"https://fhir.hospital.example/fhir/ResearchSubject/{subject}/_history/1"}]
    agent = [{"who": {"display": "Coordinator"}}]
    meta = {"lastUpdated": recorded}
    theirs = {"resourceType": "Provenance", "id": "theirs", "meta": meta, "target": target, "recorded": recorded}
    return theirs | {"agent": agent} | elements


def test_what_we_wrote_is_no_persons_word(status: Status, written: list[Json]) -> None:
    """With our own result beside it that says so, a status is ours."""
    assert status(written) is None


def test_a_status_that_is_not_the_one_we_wrote_is_a_persons(status: Status, written: list[Json]) -> None:
    """Whoever changed it did so after us."""
    assert status(changed(written, "ResearchSubject", status="screening")) == "screening"


@pytest.mark.parametrize(
    ("recorded", "shown"), [("2026-11-24T09:00:00Z", "potential-candidate"), ("2026-11-20T09:00:00Z", None)]
)
def test_a_later_word_of_somebody_else_makes_it_theirs(
    status: Status, written: list[Json], recorded: str, shown: str | None
) -> None:
    """A newer Provenance by anyone else makes the very status that we wrote a person's; an older one does not."""
    assert status([*written, provenance(written, recorded)]) == shown


@pytest.mark.parametrize(
    "gone",
    [
        lambda records: [one for one in records if one["resourceType"] != "GuidanceResponse"],
        lambda records: changed(records, "GuidanceResponse", identifier=[{"value": "NCT06722105.another"}]),
        lambda records: changed(records, "GuidanceResponse", contained=[]),
        lambda records: changed(records, "GuidanceResponse", contained="broken"),
        lambda records: changed(records, "GuidanceResponse", contained=BROKEN),
        lambda records: [*records, provenance(records, "2026-11-20T09:00:00Z", agent="broken")],
        lambda records: [*records, *(one | {"id": "second"} for one in records if "moduleUri" in one)],
    ],
    ids=["none", "another's", "no view", "broken", "a broken view", "a broken Provenance", "two of them"],
)  # fmt: skip
def test_in_doubt_it_is_a_persons(
    status: Status, written: list[Json], gone: Callable[[list[Json]], list[Json]]
) -> None:
    """Where no readable result of ours says that we wrote the status, a person did."""
    assert status(gone(written)) == "potential-candidate"


def test_the_newest_copy_of_our_result_counts(status: Status, written: list[Json]) -> None:
    """A source that holds older versions too is judged by the current ones."""
    old = {"versionId": "0", "lastUpdated": "2026-11-01T00:00:00Z"}
    copies = [one | {"meta": old, "contained": []} for one in written if one["resourceType"] == "GuidanceResponse"]
    earlier = [
        one | {"meta": old, "status": "candidate"} for one in written if one["resourceType"] == "ResearchSubject"
    ]

    assert status([*earlier, *copies, *written]) is None
