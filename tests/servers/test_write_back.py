"""Results written to real FHIR servers of two makes: the whole round trip, sentence by sentence of what is promised."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.eligibility.results import Status
from service.fhir.decode import decode
from service.hospital.client import FhirClient, Server
from service.hospital.commit import HospitalShelf
from service.hospital.results import person_status, write_back
from service.screening.ports import Written
from tests.servers.written import (
    ABOUT_A_PATIENT,
    AS_OF,
    CANDIDATE,
    EXAMPLES,
    LIST,
    NOW,
    UNCHANGED,
    about,
    exclude,
    found,
    keep,
    kinds,
    lines_of,
    load_chart,
    screen_and_post,
    screen_on,
    screened,
    set_status,
    subject_of,
    versions,
)
from tests.verdicts import shipped_study, verdict_on

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


def kept_files(home: Path) -> list[str]:
    """Return what was kept under a state folder."""
    return [str(path.relative_to(home)) for path in home.rglob("*") if path.suffix in {".json", ".ndjson"}]


@pytest.fixture
async def client(server: str) -> AsyncIterator[FhirClient]:
    """Give a client of each server in turn."""
    async with FhirClient(Server(base=server)) as connected:
        yield connected


async def test_screened_twice_is_written_once(
    client: FhirClient, server: str, validate_r4: Callable[[list[Any]], None]
) -> None:
    """The first result makes valid resources and a line in the list; the second makes no new version of anything."""
    patient = load_chart(server, "twice")

    first = await screen_and_post(client, patient)
    after_first = versions(about(server, patient) + found(server, "List", identifier=LIST))
    second = await screen_and_post(client, patient)

    assert {*ABOUT_A_PATIENT, "List"} <= {reference.partition("/")[0] for reference in first.resources}
    assert kinds(about(server, patient)) == list(ABOUT_A_PATIENT)
    assert second.document == UNCHANGED
    assert versions(about(server, patient) + found(server, "List", identifier=LIST)) == after_first
    validate_r4([await client.read(reference) for reference in first.resources])


async def test_a_new_record_changes_the_same_result(client: FhirClient, server: str) -> None:
    """A value that excludes updates subject and result by id, with one more Provenance; whoever was listed stays."""
    patient = load_chart(server, "changed")
    await screen_and_post(client, patient)
    before = subject_of(server, patient)
    listed = lines_of(server, patient)
    exclude(server, patient)

    written = await screen_and_post(client, patient)

    after = subject_of(server, patient)
    assert written.done
    assert kinds(about(server, patient)) == [*ABOUT_A_PATIENT, "Provenance"]
    assert (before["status"], after["status"]) == (Status.CANDIDATE, Status.INELIGIBLE)
    assert before["meta"]["versionId"] != after["meta"]["versionId"]
    assert lines_of(server, patient) == listed


async def test_evidence_keeps_its_version(client: FhirClient, server: str) -> None:
    """Whether or not the server strips versions from references, the record's version stands as text."""
    patient = load_chart(server, "versions")

    await screen_and_post(client, patient)

    _, guidance, provenance = about(server, patient)
    parts = [part for each in guidance["contained"][0]["parameter"] for part in each.get("part", [])]
    evidence = {part["valueString"] for part in parts if part["name"] == "evidence"}
    displayed = {entity["what"]["display"] for entity in provenance["entity"]}
    assert evidence
    assert evidence == displayed
    assert all("/_history/" in each for each in evidence)


async def test_a_persons_status_is_kept(client: FhirClient, server: str) -> None:
    """The status that a person sets stays and is reported; our own view goes beside it and into the list's flag."""
    patient = load_chart(server, "persons")
    await screen_and_post(client, patient)
    set_status(server, patient, "screening")

    same = await screen_and_post(client, patient)
    flagged = lines_of(server, patient)
    exclude(server, patient)
    changed = await screen_and_post(client, patient)

    [line] = lines_of(server, patient)
    assert (same.person_status, changed.person_status) == ("screening", "screening")
    assert await person_status(HospitalShelf(client), shipped_study(), patient) == "screening"
    assert subject_of(server, patient)["status"] == "screening"
    assert [each["flag"]["coding"][0]["code"] for each in flagged] == ["candidate"]
    assert line["flag"]["coding"][0]["code"] == "ineligible"
    assert line["date"] == flagged[0]["date"]
    assert not any(reference.startswith("ResearchSubject/") for reference in changed.resources)


async def test_a_subject_that_somebody_else_made_gets_no_second_one(client: FhirClient, server: str) -> None:
    """One ResearchSubject a patient and study, whoever made it: theirs is kept, with its status, and told."""
    patient = load_chart(server, "theirs")
    nct = {"system": "urn:example:registry", "value": "NCT06722105"}
    study = {"resourceType": "ResearchStudy", "identifier": [nct], "status": "approved"}
    of = {"study": {"reference": keep(server, study, "NCT06722105")}, "individual": {"reference": patient}}
    keep(server, {"resourceType": "ResearchSubject", "status": "candidate", **of})
    studies = len(found(server, "ResearchStudy", identifier="NCT06722105"))  # charts of other tests bring theirs

    written = await screen_and_post(client, patient)

    assert written.person_status == "candidate"
    assert kinds(about(server, patient)) == list(ABOUT_A_PATIENT)
    assert len(found(server, "ResearchStudy", identifier="NCT06722105")) == studies


async def test_nothing_is_written_about_a_healthy_person(client: FhirClient, server: str) -> None:
    """Without the disease on record nothing is written, and that is said."""
    patient = load_chart(server, "healthy", "011-healthy-person")

    written = await screen_and_post(client, patient)

    assert written.document == {"done": False, "why": "no-disease-on-record"}
    assert about(server, patient) == []


async def test_a_line_that_was_not_written_is_made_up_for(client: FhirClient, server: str) -> None:
    """Where a run broke off between result and list, the next one lists the patient, and writes nothing else."""
    patient = load_chart(server, "broken-off")
    await screen_and_post(client, patient)
    before = versions(about(server, patient))
    [listed] = found(server, "List", identifier=LIST)
    mine = f"ResearchSubject/{subject_of(server, patient)['id']}"
    others = [entry for entry in listed["entry"] if entry["item"]["reference"] != mine]
    without = {name: part for name, part in listed.items() if name != "entry"} | ({"entry": others} if others else {})
    keep(server, without)

    written = await screen_and_post(client, patient)

    assert written == Written(done=True, resources=(f"List/{listed['id']}",))
    assert len(lines_of(server, patient)) == 1
    assert versions(about(server, patient)) == before


async def test_a_chart_brought_by_the_caller_is_written_with_its_evidence_as_text(
    client: FhirClient, server: str
) -> None:
    """On a server that does not hold the records they are named, and a patient that it does not hold is left alone."""
    brought = verdict_on(decode((EXAMPLES / f"{CANDIDATE}.json").read_bytes()), AS_OF.isoformat()).screening
    keep(server, {"resourceType": "Patient", "id": "brought"})
    shelf = HospitalShelf(client)

    here = await write_back(shelf, brought._replace(patient="Patient/brought"), now=NOW)
    nowhere = await write_back(shelf, brought._replace(patient="Patient/nowhere"), now=NOW)

    assert here.done
    _, _, provenance = about(server, "Patient/brought")
    assert provenance["entity"]
    assert all("display" in entity["what"] for entity in provenance["entity"])
    assert nowhere.document == {"done": False, "why": "patient-not-on-write-server"}


async def test_each_read_leaves_one_audit_event(
    server: str, tmp_path: Path, validate_r4: Callable[[list[Any]], None]
) -> None:
    """A chart that a command reads leaves one valid AuditEvent about its patient, without a result; again, another."""
    patient = load_chart(server, "audited", "011-healthy-person")

    written = [await screened(server, patient, tmp_path) for _ in range(2)]

    events = [each for each in found(server, "AuditEvent") if patient in json.dumps(each)]
    assert [each["written"]["why"] for each in written] == ["no-disease-on-record"] * 2
    assert len(events) == 2
    assert not any("ineligible" in json.dumps(each) for each in events)
    assert kept_files(tmp_path) == []
    validate_r4(events)


async def test_as_of_alone_is_no_change(client: FhirClient, server: str) -> None:
    """The same result on another day, at another time, makes no new version of anything."""
    patient = load_chart(server, "another-day")
    result = await screen_on(client, patient)
    await write_back(HospitalShelf(client), result, now=NOW)
    before = versions(about(server, patient) + found(server, "List", identifier=LIST))

    later = result._replace(as_of=AS_OF + timedelta(days=1))
    written = await write_back(HospitalShelf(client), later, now=NOW + timedelta(days=1))

    assert written.document == UNCHANGED
    assert versions(about(server, patient) + found(server, "List", identifier=LIST)) == before
