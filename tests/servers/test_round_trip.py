"""Sample charts on a real FHIR server: loaded, pulled, screened, posted, read back, and screened again."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.eligibility.results import Screening, Status
from service.eligibility.screen import screen
from service.fhir.decode import decode
from service.fhir.read import Reader
from service.hospital.client import FhirClient, Server
from service.hospital.plan import plan_for
from service.hospital.records import fetch_chart_resources
from service.hospital.results import person_status, write_back
from service.screening.ports import Written
from service.study.load import default_mappings, load_vocabulary
from tests.verdicts import as_json, shipped_study, verdict_on

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

EXAMPLES = Path(__file__).parents[1] / "examples"
AS_OF = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
VOCABULARY = load_vocabulary(default_mappings())
WRITTEN = ("ResearchSubject", "GuidanceResponse", "Provenance")
UNCHANGED = {"done": False, "why": "unchanged"}


@pytest.fixture
async def client(hapi: str) -> AsyncIterator[FhirClient]:
    """Give a client of the server."""
    async with FhirClient(Server(base=hapi)) as connected:
        yield connected


def load_chart(server: str, name: str, patient: str) -> str:
    """Put the records of a sample chart on the server under ``patient`` as the id; return the patient's reference."""
    bundle = decode((EXAMPLES / f"{name}.json").read_bytes())
    [old] = [entry["resource"]["id"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Patient"]
    text = as_json(bundle).decode().replace("https://fhir.hospital.example/fhir/", "").replace(old, patient)
    resources = [entry["resource"] for entry in json.loads(text)["entry"]]
    entries = [
        {"resource": item, "request": {"method": "PUT", "url": f"{item['resourceType']}/{item['id']}"}}
        for item in resources
    ]
    transaction = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    httpx.post(server, json=transaction, timeout=30).raise_for_status()
    return f"Patient/{patient}"


async def screen_on(client: FhirClient, patient: str) -> Screening:
    """Pull a chart and screen it."""
    study = shipped_study()
    pulled = await fetch_chart_resources(client, patient, plan_for(study, VOCABULARY))
    assert pulled.failed == frozenset()
    chart = Reader(study.lexicon, VOCABULARY, server=client.base).read(pulled.resources, patient)
    result = screen(study, chart, (), AS_OF)
    assert isinstance(result, Screening)
    return result


async def screen_and_post(client: FhirClient, patient: str) -> Written:
    """Pull a chart, screen it and post the result."""
    return await write_back(client, await screen_on(client, patient), now=NOW)


async def versions(client: FhirClient, patient: str) -> dict[str, str]:
    """Return the current version of everything written about a patient, by reference."""
    subjects = await client.search("ResearchSubject", [("individual", patient)])
    guidances = await client.search("GuidanceResponse", [("subject", patient)])
    found = [*subjects.get("entry", []), *guidances.get("entry", [])]
    targets = ",".join(f"{entry['resource']['resourceType']}/{entry['resource']['id']}" for entry in found)
    provenances = await client.search("Provenance", [("target", targets)]) if found else {}
    resources = [entry["resource"] for entry in [*found, *provenances.get("entry", [])]]
    return {f"{item['resourceType']}/{item['id']}": item["meta"]["versionId"] for item in resources}


def kinds(references: dict[str, str] | tuple[str, ...]) -> list[str]:
    """Return the resource types of what was written about the patient."""
    return sorted(kind for kind in (reference.partition("/")[0] for reference in references) if kind in WRITTEN)


async def subject_of(client: FhirClient, patient: str) -> dict[str, Any]:
    """Return the patient's one ResearchSubject."""
    [entry] = (await client.search("ResearchSubject", [("individual", patient)]))["entry"]
    resource: dict[str, Any] = entry["resource"]
    return resource


@pytest.mark.parametrize("batches", [True, False], ids=["batch", "single searches"])
@pytest.mark.parametrize("name", ["001-clear-candidate", "029-aphp-style", "030-us-style", "306-bp-diastolic-absent",
                                  "240-consent-by-reference", "251-other-observational"])  # fmt: skip
async def test_a_pulled_chart_has_the_verdicts_of_its_bundle(
    client: FhirClient, hapi: str, name: str, *, batches: bool
) -> None:
    """Nothing that decides is lost on the way through the server: every criterion is judged as from the Bundle."""
    client.takes_batches = batches
    patient = load_chart(hapi, name, f"pulled-{name[:3]}")
    expected = verdict_on(decode((EXAMPLES / f"{name}.json").read_bytes()), AS_OF.isoformat()).screening

    result = await screen_on(client, patient)

    assert [(one.criterion.id, one.truth, one.open) for one in result.criteria] == [
        (one.criterion.id, one.truth, one.open) for one in expected.criteria
    ]
    assert (result.status, result.priority) == (expected.status, expected.priority)


async def test_screened_twice_is_written_once(
    client: FhirClient, hapi: str, validate_r4: Callable[[list[Any]], None]
) -> None:
    """The first result makes valid resources; the second finds them unchanged and makes no new version of anything."""
    patient = load_chart(hapi, "001-clear-candidate", "twice")

    first = await screen_and_post(client, patient)
    after_first = await versions(client, patient)
    second = await screen_and_post(client, patient)

    assert kinds(first.resources) == sorted(WRITTEN)
    assert kinds(after_first) == sorted(WRITTEN)
    assert second.document == UNCHANGED
    assert await versions(client, patient) == after_first
    validate_r4([await client.read(reference) for reference in first.resources])


async def test_a_new_record_changes_the_same_result(client: FhirClient, hapi: str) -> None:
    """A new laboratory value that excludes updates subject and result by id, with one more Provenance."""
    patient = load_chart(hapi, "001-clear-candidate", "changed")
    await screen_and_post(client, patient)
    platelets = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "777-3"}]},
        "subject": {"reference": patient},
        "effectiveDateTime": "2026-11-20",
        "valueQuantity": {"value": 12, "system": "http://unitsofmeasure.org", "code": "10*9/L"},
    }
    await client.create(platelets)

    written = await screen_and_post(client, patient)

    assert written.done
    assert kinds(await versions(client, patient)) == ["GuidanceResponse", "Provenance", "Provenance", "ResearchSubject"]
    subject = await subject_of(client, patient)
    assert (subject["status"], subject["meta"]["versionId"]) == (Status.INELIGIBLE, "2")


async def test_a_persons_status_is_kept(client: FhirClient, hapi: str) -> None:
    """The status ``screening`` that a person sets stays; it is reported, and the same result writes nothing."""
    patient = load_chart(hapi, "001-clear-candidate", "persons")
    await screen_and_post(client, patient)
    subject = await subject_of(client, patient)
    await client.update(subject | {"status": "screening"}, 'W/"1"')

    written = await screen_and_post(client, patient)

    assert written == Written(done=False, why="unchanged", person_status="screening")
    assert await person_status(client, shipped_study(), patient) == "screening"
    assert (await subject_of(client, patient))["status"] == "screening"


async def test_writers_at_the_same_time_leave_one_result(client: FhirClient, hapi: str) -> None:
    """However many writers of several processes race with the first result, each resource is there once."""
    patient = load_chart(hapi, "001-clear-candidate", "raced")
    result = await screen_on(client, patient)

    async with FhirClient(Server(base=hapi)) as second, FhirClient(Server(base=hapi)) as third:
        servers = (client, second, third) * 4
        written = await asyncio.gather(*(write_back(server, result, now=NOW) for server in servers))

    assert any(one.done for one in written)
    assert {one.why for one in written if not one.done} <= {"unchanged"}
    assert kinds(await versions(client, patient)) == sorted(WRITTEN)


async def test_nothing_is_written_about_a_healthy_person(client: FhirClient, hapi: str) -> None:
    """Without the disease on record nothing is written, and that is said."""
    patient = load_chart(hapi, "011-healthy-person", "healthy")

    written = await screen_and_post(client, patient)

    assert written.document == {"done": False, "why": "no-disease-on-record"}
    assert await versions(client, patient) == {}


async def test_a_chart_brought_by_the_caller_is_written_with_its_evidence_as_text(client: FhirClient) -> None:
    """Records that the server does not hold are named as text; a patient that it does not hold is not written about."""
    brought = verdict_on(decode((EXAMPLES / "001-clear-candidate.json").read_bytes()), AS_OF.isoformat()).screening
    await client.update({"resourceType": "Patient", "id": "brought"}, 'W/"0"')  # a new one: HAPI asks for no version

    here = await write_back(client, brought._replace(patient="Patient/brought"), now=NOW)
    nowhere = await write_back(client, brought._replace(patient="Patient/nowhere"), now=NOW)

    assert here.done
    [reference] = [one for one in here.resources if one.startswith("Provenance/")]
    entities = (await client.read(reference))["entity"]
    assert entities
    assert all(entity["what"].keys() == {"display"} for entity in entities)
    assert nowhere.document == {"done": False, "why": "patient-not-on-write-server"}
