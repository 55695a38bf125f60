"""Searches of a whole HAPI server: by REST and by its $export, started by command and over HTTP; every door agrees."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.client import Candor, Run
from service.demo import charts
from service.fhir.read import located_in
from tests.cds import SERVICE, call, lent
from tests.servers.fixtures import started_hapi
from tests.servers.running import environment_of, running
from tests.verdicts import as_json

pytestmark = [pytest.mark.servers, pytest.mark.slow]

DAY = "2026-11-23"
# What says that records are withheld, of whoever is beside it; what names a record that is not there.
PATIENT = "demo-02"
LEFT_OUT = {"08", "12", "13"}
OF_THE_DOOR = ("id", "written", "person_status")  # what differs by the door, as the contract says
Json = dict[str, Any]


def put(server: str, bundle: Json) -> None:
    """Load a sample chart as another system does."""
    entries = [
        {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}
        for resource, _ in located_in(bundle)
        if "id" in resource
    ]
    body = as_json({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    answer = httpx.post(server, content=body, headers={"Content-Type": "application/fhir+json"}, timeout=60)
    answer.raise_for_status()


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give a HAPI server of its own, with the sample charts in it."""
    with started_hapi(tmp_path_factory.mktemp("hapi")) as server:
        for name, bundle in charts().items():
            if name[:2] not in LEFT_OUT:
                put(server, bundle)
        yield server


def discover(home: Path, server: str | None, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    settings = {"HOME": str(home)} | ({"FHIR_URL": server} if server else {})
    return subprocess.run(
        [sys.executable, "-m", "service", "discover", "--as-of", DAY, "--json", *options],
        env=environment_of(settings),
        capture_output=True,
        text=True,
        check=False,
    )


def report_of(done: subprocess.CompletedProcess[str]) -> Json:
    """Return the report that it printed."""
    assert done.returncode in (0, 4), done.stderr
    told: Json = json.loads(done.stdout)
    return told


def results(file: Path) -> dict[str, Json]:
    """Return the documents of a run by patient, without what differs by the door."""
    documents = [json.loads(line) for line in file.read_text().splitlines()]
    return {
        each["patient"]: {name: value for name, value in each.items() if name not in OF_THE_DOOR}
        for each in documents
        if "error" not in each
    }


def test_rest_and_bulk_find_and_judge_the_same_people(hospital: str, tmp_path: Path) -> None:
    """Searches and the server's own export lead to the same report and the same documents; nothing is written."""
    found = {}
    for source in ("rest", "bulk"):
        file = tmp_path / f"{source}.ndjson"
        report = report_of(
            discover(tmp_path / source, hospital, "--source", source, "--dry-run", "--results", str(file))
        )
        assert report["unread"] == []
        found[source] = (report["by_status"], report["by_priority"], report["funnel"], report["new"], results(file))
    assert found["rest"][3]
    assert len(found["rest"][4]) >= 8
    assert found["bulk"] == found["rest"]
    kept = httpx.get(f"{hospital}/GuidanceResponse", params={"_summary": "count"}).json()
    assert kept["total"] == 0


def test_a_second_run_posts_nothing(hospital: str, tmp_path: Path) -> None:
    """The first makes ResearchSubjects and the list; the second changes no version of anything, and reports no news."""
    first = report_of(discover(tmp_path, hospital))
    versions = _versions(hospital)
    assert first["new"]
    assert any(each.startswith("ResearchSubject/") for each in versions)
    second = report_of(discover(tmp_path, hospital))
    assert (second["new"], second["lost"], second["changed"]) == ([], [], [])
    assert _versions(hospital) == versions


def _versions(server: str) -> set[str]:
    found = set()
    for kind in ("ResearchSubject", "GuidanceResponse", "List", "Provenance", "ResearchStudy", "Device"):
        page = httpx.get(f"{server}/{kind}", params={"_count": "200"}).json()
        for resource in (entry["resource"] for entry in page.get("entry", [])):
            found.add(f"{kind}/{resource['id']}/{resource['meta']['versionId']}")
    return found


def test_the_service_runs_it_and_every_door_agrees(hospital: str, tmp_path: Path) -> None:
    """A run over HTTP, one patient over HTTP, the command line and the folder give one patient the same document."""
    folder = tmp_path / "export"
    folder.mkdir()
    for name, bundle in charts().items():
        if name[:2] in LEFT_OUT:
            continue
        lines = [as_json(resource).decode() for resource, _ in located_in(bundle)]
        (folder / f"{name}.ndjson").write_text("".join(f"{line}\n" for line in lines))
    documents: dict[str, Json] = {}
    for engine in ("local", "spark"):
        file = tmp_path / f"{engine}.ndjson"
        source = ("--source", str(folder), "--engine", engine, "--dry-run", "--results", str(file))
        report_of(discover(tmp_path / engine, None, *source))
        documents[engine] = results(file)
    assert documents["spark"] == documents["local"]

    heard: list[Run] = []
    with running(tmp_path / "service", FHIR_URL=hospital) as service, Candor(service.url) as candor:
        run = candor.follow_run(candor.start_run(as_of=date.fromisoformat(DAY), dry_run=False), heard.append)
        listed = {each["patient"]: each for each in candor.screenings()}
        asked = candor.screen(patient="demo-02", as_of=date.fromisoformat(DAY))
    assert run["report"] is not None
    assert run["report"]["screened"] >= 8
    assert heard[-1]["state"] == "done"
    of_run = listed["Patient/demo-02"]
    assert _of_any_door(of_run) == _of_any_door(asked)
    assert _verdicts(documents["local"]["Patient/demo-02"]) == _verdicts(asked)


def test_every_door_of_the_service_keeps_the_same_document(hospital: str, tmp_path: Path) -> None:
    """By a run, by request, by a card, by a notification and by an export: as of today one patient has one result."""
    today = datetime.now().astimezone().date().isoformat()
    kept: dict[str, Json] = {}
    with (
        running(tmp_path / "service", FHIR_URL=hospital, CDS_BUDGET_MS="20000") as service,
        Candor(service.url) as candor,
    ):
        candor.follow_run(candor.start_run())
        kept["run"] = _kept(candor)
        candor.screen(patient=PATIENT)
        kept["request"] = _kept(candor, after=kept["run"])
        card = call(charts()["02-early-disease"]) | lent(hospital)
        assert httpx.post(f"{service.url}{SERVICE}", json=card, timeout=60).status_code == 200
        kept["card"] = _kept(candor, after=kept["request"])
        told = httpx.post(f"{service.url}/subscriptions/notifications/Patient/{PATIENT}", timeout=60)
        assert told.status_code == 200
        kept["notification"] = _kept(candor, after=kept["card"])
    file = tmp_path / "bulk.ndjson"
    bulk = ("--source", "bulk", "--as-of", today, "--dry-run", "--results", str(file))
    report_of(discover(tmp_path / "bulk", hospital, *bulk))
    expected = results(file)[f"Patient/{PATIENT}"]
    assert expected["as_of"] == today
    assert {door: _of_any_door(document) for door, document in kept.items()} == dict.fromkeys(kept, expected)


def _kept(candor: Candor, *, after: Json | None = None) -> Json:
    """Return the patient's result that stands, as soon as it is another one than before."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for each in candor.screenings():
            if each["patient"] == f"Patient/{PATIENT}" and each["id"] != (after or {}).get("id"):
                return dict(each)
        time.sleep(0.5)
    raise AssertionError("no result was kept")


def _of_any_door(document: Any) -> Json:
    return {name: value for name, value in document.items() if name not in OF_THE_DOOR}


def _verdicts(document: Any) -> list[tuple[str, str, str]]:
    """Leave out the versions of records, which a server gives and a file does not."""
    return [(each["id"], each["truth"], each["explanation"]) for each in document["criteria"]]
